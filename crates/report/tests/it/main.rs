//! The report, from outside.

mod sample;

use palisade_report::{Catalogue, Edition, Locale, Material, Options, html, json, markdown, navigator, pdf, privacy, stix};
use palisade_model::Tlp;

/// Writes what the tests make to a folder, to look at it: `PALISADE_REPORT_OUT=/tmp/out cargo test`.
#[test]
fn samples() {
    let Some(out) = std::env::var_os("PALISADE_REPORT_OUT").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&out).unwrap();
    let options = Options { locale: Locale::En, catalogue: Catalogue::english(), ..Options::new() };
    let all: [(&str, Material); 4] = [("rich", sample::rich()), ("many", sample::many(10_000, 60)), ("hostile", sample::hostile()), ("empty", Material::default())];
    for (name, m) in all {
        let write = |form: &str, text: String| std::fs::write(out.join(format!("{name}{form}")), text).unwrap();
        write(".html", html(&m, &options));
        std::fs::write(out.join(format!("{name}.pdf")), pdf(&m, &options, &[])).unwrap();
        write(".md", markdown(&m, &options));
        write(".json", json(&m, &options));
        write(".navigator.json", navigator(&m, &options));
        let decision = Options { edition: Edition::DecisionMaker, ..options.clone() };
        write("-decision.html", html(&m, &decision));
        let shareable = privacy(&m, &options).release(Tlp::Green);
        write(".stix.json", stix(&shareable, &options));
        let constituent = Options { edition: Edition::Constituent(&shareable), tlp: Tlp::Clear, ..options.clone() };
        write("-constituent.html", html(&m, &constituent));
        write("-constituent.md", markdown(&m, &constituent));
    }
}
