//! The report, from outside.

mod sample;

use palisade_report::{Options, html};

/// Writes what the tests make to a folder, to look at it: `PALISADE_REPORT_OUT=/tmp/out cargo test`.
#[test]
fn samples() {
    let Some(out) = std::env::var_os("PALISADE_REPORT_OUT").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&out).unwrap();
    let options = Options::new();
    for (name, m) in [("rich", sample::rich()), ("many", sample::many(10_000, 60)), ("hostile", sample::hostile()), ("empty", Default::default())] {
        std::fs::write(out.join(format!("{name}.html")), html(&m, &options)).unwrap();
    }
}
