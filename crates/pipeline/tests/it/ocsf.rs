//! OCSF: mapping data is whole, views have stable columns, rows nest.

use palisade_pipeline::Ocsf;

#[test]
fn shipped_mapping_loads() {
    let ocsf = Ocsf::shipped().unwrap();
    assert_eq!(ocsf.version(), "1.8.0");
}
