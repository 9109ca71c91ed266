//! What each form promises.

use std::collections::BTreeSet;

use palisade_model::{Term, TermKind, Tlp, Weight};
use palisade_report::{
    Edition, Material, Matrix, Options, html, json, markdown, navigator, navigator_of, pdf, privacy, stix,
};
use serde_json::Value;

use crate::{every, prints, sample};

/// Every target of a link inside the page exists.
fn check_links(name: &str, page: &str) {
    let ids: BTreeSet<&str> = page.split(" id=\"").skip(1).filter_map(|t| t.split('"').next()).collect();
    let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|t| t.split('"').next()).collect();
    for link in &links {
        assert!(ids.contains(link), "#{link} leads nowhere in {name}");
    }
    let twice = page.matches(" id=\"").count();
    assert_eq!(ids.len(), twice, "an id stands twice in {name}");
}

#[test]
fn links_lead_somewhere() {
    for (what, m) in [
        ("rich", sample::rich()),
        ("hostile", sample::hostile()),
        ("many", sample::many(3_000, 60)),
        ("empty", Material::default()),
    ] {
        for (form, text) in every(&m).iter().filter(|(form, _)| form.ends_with(".html")) {
            check_links(&format!("{what} {form}"), text);
        }
    }
    let page = html(&sample::rich(), &Options::new());
    assert!(page.matches("href=\"#f-").count() > 30 && page.matches("href=\"#s-").count() > 10);
}

#[test]
fn links_of_markdown_lead_somewhere() {
    for m in [sample::rich(), sample::many(3_000, 60), Material::default()] {
        let text = markdown(&m, &Options::new());
        let ids: BTreeSet<&str> =
            text.split("<a id=\"").skip(1).filter_map(|t| t.split('"').next()).collect();
        for link in text.split("](#").skip(1).filter_map(|t| t.split(')').next()) {
            assert!(ids.contains(link), "#{link}");
        }
    }
}

#[test]
fn hostile_text_stays_text() {
    let m = sample::hostile();
    for (form, text) in every(&m) {
        for bad in [
            "<script>alert",
            "<img src=x",
            "onerror=alert(1)>",
            "</style>\\",
            "\u{202e}",
            "\u{0}",
            "\u{1b}",
            "\u{2028}",
            "\u{feff}",
        ] {
            assert!(!text.contains(bad), "{bad:?} is in {form}");
        }
        if form.ends_with(".html") {
            // Three: the data, the script, and no other.
            assert_eq!(text.matches("<script").count(), 2, "{form}");
            assert_eq!(text.matches("</script>").count(), 2, "{form}");
            assert_eq!(text.matches("<style>").count(), 1, "{form}");
            assert!(!text.contains("href=\"javascript"), "{form}");
            assert!(text.len() < 2_000_000, "a megabyte of a title is in {form}");
        }
        if form.ends_with(".md") {
            assert!(!text.contains("](javascript"), "{form}");
            let tags = text.split('<').skip(1).filter(|t| !t.starts_with("a id=\"") && !t.starts_with("/a>"));
            assert_eq!(tags.count(), 0, "{form}");
            // A head that evidence would like to set.
            assert!(!text.lines().any(|l| l.starts_with("# head")), "{form}");
        }
        if form.ends_with("json") || form == "stix" || form.ends_with("navigator") {
            let _: Value = serde_json::from_str(&text).unwrap();
            assert!(!text.contains('<'), "{form}");
        }
    }
    for bytes in prints(&m) {
        assert!(bytes.starts_with(b"%PDF-1.7"));
        assert!(bytes.len() < 1_000_000);
    }
}

/// The data block is JSON, and holds every finding.
#[test]
fn data_of_the_page() {
    for (m, n) in [(sample::many(10_000, 60), 10_000), (sample::hostile(), 13), (Material::default(), 0)] {
        let page = html(&m, &Options::new());
        let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["rows"].as_array().unwrap().len(), n);
        if n == 10_000 {
            let elements = page.matches("<details class=\"f ").count();
            assert!((200..2_000).contains(&elements), "{elements} findings are elements");
        }
    }
}

#[test]
fn the_policy_names_the_style_and_script_that_are_there() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = html(&sample::rich(), &Options::new());
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let inside = page.split(open).nth(1).unwrap().split(close).next().unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(inside.as_bytes()));
        assert!(page.contains(&format!("'sha256-{hash}'")), "{open}");
    }
    assert!(!page.contains(" style=\""), "a style attribute would be refused");
    let outside: Vec<&str> = page.split("href=\"http").skip(1).filter_map(|t| t.split('"').next()).collect();
    assert!(outside.iter().all(|u| u.starts_with("s://attack.mitre.org/techniques/T")));
}

#[test]
fn terms_sum_to_scores() {
    let mut m = sample::rich();
    let whole: Value = serde_json::from_str(&json(&m, &Options::new())).unwrap();
    for join in whole["campaigns"].as_array().unwrap().iter().flat_map(|c| c["joins"].as_array().unwrap()) {
        let sum: i64 =
            join["terms"].as_array().unwrap().iter().map(|t| t["weight_micronats"].as_i64().unwrap()).sum();
        assert_eq!(sum, join["score_micronats"].as_i64().unwrap());
        assert_eq!(sum, join["sum_micronats"].as_i64().unwrap());
    }
    let page = html(&m, &Options::new());
    assert!(page.contains("+6.214608") && page.contains("−3.000000") && page.contains("+4.418581"));
    assert!(!page.contains("the terms give"));
    m.campaigns[0].joins[0].score = Weight(99);
    m.campaigns[0].joins[1].terms.push(Term {
        kind: TermKind::Prior,
        weight: Weight(i64::MIN),
        observable: None,
        seen: None,
        apart: Some(i64::MIN),
        findings: None,
        note: None,
    });
    let page = html(&m, &Options::new());
    assert!(page.contains("the terms give +4.418581, the score says +0.000099"));
    prints(&m);
}

#[test]
fn counterfactuals() {
    let page = html(&sample::rich(), &Options::new());
    assert!(page.contains("Without this: two campaigns, of 4 steps and 4 steps."));
    assert!(page.contains("Without this value: 3 campaigns."));
}

#[test]
fn editions_differ_as_promised() {
    let m = sample::rich();
    let shareable = privacy(&m, &Options::new()).release(Tlp::Green);
    let of = |edition| html(&m, &Options { edition, ..Options::new() });
    let (technical, decision, constituent) =
        (of(Edition::Technical), of(Edition::DecisionMaker), of(Edition::Constituent(&shareable)));
    for section in [
        "findings",
        "evidence",
        "campaigns",
        "attack",
        "coverage",
        "problems",
        "verdicts",
        "exhibits",
        "attribution",
        "gravity",
        "timeline",
    ] {
        assert!(technical.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    // Those who decide get no logs, no hashes, and what to decide.
    for raw in ["SQBFAFgA", "evidence/ws-0412", &sample::sha(0), "GrantedAccess"] {
        assert!(technical.contains(raw) && !decision.contains(raw), "{raw}");
    }
    assert!(
        decision.contains("Decisions needed")
            && decision.contains("How sure we are")
            && decision.contains("What happened")
    );
    let pages = |edition| {
        let bytes = pdf(&m, &Options { edition, ..Options::new() }, &[]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.matches("/Type /Page\n").count()
    };
    assert!(pages(Edition::DecisionMaker) <= 2, "{} pages", pages(Edition::DecisionMaker));
    assert!(pages(Edition::Technical) > 5);
    assert!(
        constituent.contains("What to check on your side")
            && !constituent.contains("<section id=\"findings\">")
    );
}

#[test]
fn references_of_paragraphs() {
    let page = html(&sample::rich(), &Options::new());
    let words = page.split("id=\"words\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(words.contains(&format!("<a href=\"#f-{}\">", sample::id(1))));
    assert!(words.contains(&format!("<a href=\"#f-{}\">", sample::id(5))), "by the beginning of an id");
    assert!(
        words.contains("<strong>waited five months</strong>") && words.contains("<code>adm-reuter</code>")
    );
    assert!(words.contains(&format!("<a href=\"#s-{}\">Security.evtx</a>", sample::sha(1))));
    assert!(words.contains(
        "<span class=\"error\">nothing, or more than one thing, is called [[finding:ffffffffffff]]</span>"
    ));
}

#[test]
fn verdicts_count() {
    let m = sample::rich();
    let whole: Value = serde_json::from_str(&json(&m, &Options::new())).unwrap();
    assert_eq!(whole["summary"]["findings"], 12);
    assert_eq!(whole["summary"]["dismissed"], 1);
    let dismissed = sample::id(12).to_string();
    let asks = |v: &Value| v["findings"].as_array().unwrap().iter().any(|f| f == dismissed.as_str());
    assert!(!whole["actions"].as_array().unwrap().iter().any(asks));
    assert!(!whole["techniques"].as_array().unwrap().iter().any(asks));
    assert!(html(&m, &Options::new()).contains("judged false"));
}

#[test]
fn actions() {
    let whole: Value = serde_json::from_str(&json(&sample::rich(), &Options::new())).unwrap();
    let texts: Vec<&str> =
        whole["actions"].as_array().unwrap().iter().map(|a| a["text"].as_str().unwrap()).collect();
    for want in [
        "Isolate ws-0412.nordlicht-netz.de from",
        "Reset the password of nordlicht\\adm-reuter,",
        "Block 203.0.113[.]77 ",
        "Take all mail from billing[@]invoices-portal[.]com ",
        "Check with the people at the plant",
        "Renew the keys",
    ] {
        assert!(texts.iter().any(|t| t.starts_with(want)), "{want}: {texts:#?}");
    }
    // The word of an analyst takes an action away.
    assert!(!texts.iter().any(|t| t.contains("ws-0099")));
}

#[test]
fn stix_is_whole() {
    for m in [sample::rich(), sample::hostile(), sample::many(500, 8), Material::default()] {
        let shareable = privacy(&m, &Options::new()).release(Tlp::Amber);
        let bundle: Value = serde_json::from_str(&stix(&shareable, &Options::new())).unwrap();
        let objects = bundle["objects"].as_array().unwrap();
        let ids: BTreeSet<&str> = objects.iter().map(|o| o["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), objects.len(), "an id stands twice");
        fn refs<'v>(v: &'v Value, key: &str, out: &mut Vec<&'v str>) {
            match v {
                Value::Object(o) => o.iter().for_each(|(k, v)| refs(v, k, out)),
                Value::Array(a) => a.iter().for_each(|v| refs(v, key, out)),
                Value::String(s) if key.ends_with("_ref") || key.ends_with("_refs") => out.push(s),
                _ => {}
            }
        }
        for o in objects {
            let mut all = Vec::new();
            refs(o, "", &mut all);
            assert!(all.iter().all(|r| ids.contains(r)), "{o}");
            assert!(o["id"].as_str().unwrap().starts_with(&format!("{}--", o["type"].as_str().unwrap())));
        }
    }
}

/// Ids of observables are those that everybody else computes (worked out with python-stix2 3.0.2).
#[test]
fn stix_ids_of_observables() {
    let shareable = privacy(&sample::rich(), &Options::new()).release(Tlp::Amber);
    let text = stix(&shareable, &Options::new());
    for id in [include_str!("sco_ids.txt")].iter().flat_map(|t| t.lines()).filter(|l| !l.is_empty()) {
        assert!(text.contains(id), "{id}");
    }
}

/// A report made again is a new version of the same objects.
#[test]
fn stix_versions() {
    let m = sample::rich();
    let later = Material { made: sample::at("2026-12-01T00:00:00Z"), ..m.clone() };
    let of = |m: &Material| -> Value {
        let s = privacy(m, &Options::new()).release(Tlp::Amber);
        serde_json::from_str(&stix(&s, &Options::new())).unwrap()
    };
    let (a, b) = (of(&m), of(&later));
    for (x, y) in a["objects"].as_array().unwrap().iter().zip(b["objects"].as_array().unwrap()) {
        assert_eq!((&x["id"], &x["created"]), (&y["id"], &y["created"]));
        if x["modified"].is_string() {
            assert!(x["modified"].as_str() < y["modified"].as_str());
        }
    }
}

#[test]
fn layers() {
    let m = sample::rich();
    let layer: Value = serde_json::from_str(&navigator(&m, &Options::new())).unwrap();
    assert_eq!(layer["domain"], "enterprise-attack");
    assert_eq!(layer["versions"]["layer"], "4.5");
    let ids: Vec<&str> =
        layer["techniques"].as_array().unwrap().iter().map(|t| t["techniqueID"].as_str().unwrap()).collect();
    assert!(ids.contains(&"T1003.001") && !ids.contains(&"T0831"));
    let ics: Value = serde_json::from_str(&navigator_of(&m, &Options::new(), Matrix::Ics)).unwrap();
    assert_eq!(ics["domain"], "ics-attack");
    assert_eq!(ics["techniques"].as_array().unwrap().len(), 3);
}

#[test]
fn json_holds_everything() {
    let m = sample::rich();
    let whole: Value = serde_json::from_str(&json(&m, &Options::new())).unwrap();
    assert_eq!(whole["schema"], "palisade.report/1");
    assert_eq!(whole["findings"].as_array().unwrap().len(), m.findings.len());
    assert_eq!(whole["sources"].as_array().unwrap().len(), 5);
    assert!(
        whole["findings"].as_array().unwrap().iter().all(|f| !f["citations"].as_array().unwrap().is_empty())
    );
    let hostile: Value = serde_json::from_str(&json(&sample::hostile(), &Options::new())).unwrap();
    assert!(hostile["campaigns"][0]["cohesion"].is_null());
    // Exact, once read back.
    assert_eq!(hostile["case"], sample::hostile().case);
}

/// Every compressed stream of a PDF, unpacked, as text.
fn streams(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(8).position(|w| w == b"\nstream\n") {
        rest = &rest[at + 8..];
        if let Ok(plain) = miniz_oxide::inflate::decompress_to_vec_zlib(rest) {
            out.push_str(&String::from_utf8_lossy(&plain));
        }
    }
    out
}

/// Characters beyond the fonts are code points; a font that is given is used; one that is none is not missed.
#[test]
fn print_of_other_scripts() {
    let mut m = sample::rich();
    m.findings[0].title = "한국전력 漢字 العربية Київ Ελλάδα 🦀 ქართული".into();
    let plain = pdf(&m, &Options::new(), &[]);
    let broken = pdf(&m, &Options::new(), &[b"no font", &[]]);
    assert!(plain == broken);
    let maps = |bytes: &[u8], c: char| streams(bytes).to_uppercase().contains(&format!("<{:04X}>", c as u32));
    assert!(maps(&plain, 'К') && maps(&plain, 'Ε') && !maps(&plain, 'ქ'));
    // A subset of DejaVu Sans: the letters of Georgian (`fonts/LICENSE`).
    let georgian = pdf(&m, &Options::new(), &[b"no font", include_bytes!("georgian.ttf")]);
    assert!(maps(&georgian, 'ქ'));
    assert!(georgian == pdf(&m, &Options::new(), &[include_bytes!("georgian.ttf")]));
}

/// Every technique that a shipped rule names has a name and a tactic.
#[test]
fn techniques_of_shipped_rules_are_known() {
    fn read(dir: &std::path::Path, out: &mut BTreeSet<String>) {
        for path in std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                read(&path, out);
            } else if path.extension().is_some_and(|e| e == "yml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let tags = text.lines().filter_map(|l| l.trim().strip_prefix("- attack.t"));
                out.extend(
                    tags.filter(|t| t.starts_with(char::is_numeric)).map(|t| format!("T{}", t.trim())),
                );
            }
        }
    }
    let mut ids = BTreeSet::new();
    read(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge/rules"), &mut ids);
    assert!(ids.len() > 80);
    let mut m = sample::rich();
    m.findings[0].attack = ids.into_iter().collect();
    let whole: Value = serde_json::from_str(&json(&m, &Options::new())).unwrap();
    for t in whole["techniques"].as_array().unwrap() {
        assert!(t["name"].is_string() && !t["tactics"].as_array().unwrap().is_empty(), "{t}");
    }
}

/// Two pages, whatever there is to tell.
#[test]
fn decisions_fit_on_two_pages() {
    let options = Options { edition: Edition::DecisionMaker, ..Options::new() };
    for (what, m) in
        [("rich", sample::rich()), ("many", sample::many(3_000, 60)), ("empty", Material::default())]
    {
        let bytes = pdf(&m, &options, &[]);
        let pages = String::from_utf8_lossy(&bytes).matches("/Type /Page\n").count();
        assert!((1..=2).contains(&pages), "{what} has {pages} pages");
    }
}
