//! The words: every key that is used exists, every key is used, other languages fall back.

use std::collections::BTreeSet;
use std::path::Path;

use palisade_report::{Catalogue, CatalogueError};

/// All source of the crate.
fn source() -> String {
    fn read(dir: &Path, out: &mut String) {
        let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        for path in all {
            if path.is_dir() {
                read(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut out = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut out);
    out
}

/// Literals that look like keys: lower case words with a dot between, in a group that the catalogue has.
fn used(source: &str) -> BTreeSet<String> {
    let groups: BTreeSet<&str> =
        Catalogue::english().keys().filter_map(|k| k.split_once('.')).map(|(g, _)| g).collect();
    let literals = source.split('"').filter(|t| {
        t.split_once('.').is_some_and(|(g, k)| {
            groups.contains(g)
                && !k.is_empty()
                && k.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
    });
    literals.map(str::to_owned).collect()
}

#[test]
fn every_key_is_there_and_used() {
    let source = source();
    let used = used(&source);
    let known: BTreeSet<String> = Catalogue::english().keys().map(str::to_owned).collect();
    assert!(known.len() > 150);
    let lacking: Vec<_> = used.difference(&known).collect();
    assert!(lacking.is_empty(), "used and not in knowledge/messages/en.toml: {lacking:?}");
    let idle: Vec<_> = known.difference(&used).filter(|k| !k.starts_with("finding.")).collect();
    assert!(idle.is_empty(), "in knowledge/messages/en.toml and not used: {idle:?}");
}

#[test]
fn other_languages() {
    let uk = "language = \"uk\"\n[summary]\ntitle = \"Підсумок\"\n[count]\nfindings = { one = \"{n} знахідка\", few = \"{n} знахідки\", many = \"{n} знахідок\", other = \"{n} знахідки\" }\n[report]\nnonsense = \"x\"\n[finding.beacon]\nfound = \"{host} дзвонить\"";
    let c = Catalogue::parse(uk).unwrap();
    assert_eq!(c.language(), "uk");
    assert_eq!(c.text("summary.title", &[]), "Підсумок");
    for (n, want) in [
        (1, "1 знахідка"),
        (3, "3 знахідки"),
        (5, "5 знахідок"),
        (11, "11 знахідок"),
        (22, "22 знахідки"),
        (111, "111 знахідок"),
    ] {
        assert_eq!(c.count("count.findings", n, &n.to_string(), &[]), want);
    }
    assert_eq!(c.text("actions.title", &[]), "Actions for today");
    assert!(c.missing().contains(&"actions.title".to_owned()));
    assert_eq!(c.unknown(), ["report.nonsense"]);
    let m = super::sample::rich();
    let o = palisade_report::Options {
        catalogue: &c,
        locale: palisade_report::Locale::Uk,
        ..palisade_report::Options::new()
    };
    let page = palisade_report::html(&m, &o);
    assert!(page.contains("<html lang=\"uk\">") && page.contains("Підсумок") && page.contains("23.11.2026"));
    let missing = format!("{} texts have no translation", c.missing().len());
    assert!(page.contains(&missing), "{missing}");
}

#[test]
fn broken_catalogues() {
    let parse = |t| Catalogue::parse(t).unwrap_err();
    assert!(matches!(parse("x ="), CatalogueError::Syntax(_)));
    assert_eq!(parse("a = \"b\""), CatalogueError::NoLanguage);
    assert_eq!(parse("language = \"de\"\nn = 3"), CatalogueError::NoText("n".into()));
    let wrong = parse("language = \"de\"\n[words]\nfrom_to = \"{first} bis {letzte}\"");
    assert_eq!(wrong, CatalogueError::Argument { key: "words.from_to".into(), argument: "letzte".into() });
    assert!(wrong.to_string().contains("{letzte}"));
}

#[test]
fn arguments_are_put_in_once() {
    let c = Catalogue::english();
    assert_eq!(c.text("words.from_to", &[("first", "{last}"), ("last", "b")]), "{last} to b");
    assert_eq!(c.text("no.such", &[]), "[no.such]");
}
