//! The report, from outside: what every form promises, on material that is rich, huge, empty and hostile.

// Helpers outside of `#[test]` functions may fail a test in the plain way, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attribution;
mod catalogue;
mod forms;
mod locale;
mod private;
mod sample;

use palisade_model::Tlp;
use palisade_report::{Edition, Material, Options, html, json, markdown, navigator, pdf, privacy, stix};

/// Every text form of every edition, with its name.
fn every(m: &Material) -> Vec<(String, String)> {
    let options = Options::new();
    let shareable = privacy(m, &options).release(Tlp::Green);
    let mut out = vec![("stix".to_owned(), stix(&shareable, &options))];
    for edition in [Edition::Technical, Edition::DecisionMaker, Edition::Constituent(&shareable)] {
        let o = Options { edition, ..options.clone() };
        for (form, text) in [
            ("html", html(m, &o)),
            ("md", markdown(m, &o)),
            ("json", json(m, &o)),
            ("navigator", navigator(m, &o)),
        ] {
            out.push((format!("{}.{form}", edition.name()), text));
        }
    }
    out
}

fn prints(m: &Material) -> Vec<Vec<u8>> {
    let options = Options::new();
    let shareable = privacy(m, &options).release(Tlp::Green);
    let editions = [Edition::Technical, Edition::DecisionMaker, Edition::Constituent(&shareable)];
    editions.into_iter().map(|edition| pdf(m, &Options { edition, ..options.clone() }, &[])).collect()
}

#[test]
fn same_material_same_bytes() {
    for m in [sample::rich(), sample::hostile(), Material::default()] {
        assert!(every(&m) == every(&m));
        assert!(prints(&m) == prints(&m));
    }
}

/// Findings in another order are the same material.
#[test]
fn order_of_findings_does_not_matter() {
    let m = sample::rich();
    let mut turned = m.clone();
    turned.findings.reverse();
    for ((form, a), (_, b)) in every(&m).iter().zip(every(&turned)) {
        assert!(*a == b, "{form}");
    }
    assert!(prints(&m) == prints(&turned));
}

/// Writes what is made to a folder, to look at it: `PALISADE_REPORT_OUT=/tmp/out cargo test`.
#[test]
fn samples() {
    let Some(out) = std::env::var_os("PALISADE_REPORT_OUT").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&out).unwrap();
    let all = [
        ("rich", sample::rich()),
        ("many", sample::many(10_000, 60)),
        ("hostile", sample::hostile()),
        ("empty", Material::default()),
    ];
    for (name, m) in all {
        for (form, text) in every(&m) {
            std::fs::write(out.join(format!("{name}-{form}")), text).unwrap();
        }
        for (edition, bytes) in ["technical", "decision-maker", "constituent"].iter().zip(prints(&m)) {
            std::fs::write(out.join(format!("{name}-{edition}.pdf")), bytes).unwrap();
        }
    }
}
