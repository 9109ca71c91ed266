//! Every rule of the public Sigma set: all must load, save those that cannot and say so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use palisade_rules::sigma::reference::matches;
use palisade_rules::sigma::{Options, RuleSet, Severity, parse_str};

use serde_json::{Map, Value};

use crate::sigma::Json;

/// Folders of the public rule set and what they hold.
const FOLDERS: [&str; 3] = ["rules", "rules-emerging-threats", "rules-threat-hunting"];

/// Rules in the snapshot that we test with.
const RULES: usize = 3_754;

fn data() -> Option<PathBuf> {
    let root = match std::env::var_os("PALISADE_TEST_DATA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let sigma = root.join("host/sigma");
    if sigma.is_dir() {
        return Some(sigma);
    }
    assert!(
        std::env::var_os("PALISADE_TEST_DATA_REQUIRED").is_none_or(|v| v != "1"),
        "no Sigma rules under {}",
        sigma.display()
    );
    eprintln!("SKIPPED: no Sigma rules under {}; set PALISADE_TEST_DATA", sigma.display());
    None
}

/// Every published rule that loads, for other tests.
pub fn published_rules() -> Option<Vec<palisade_rules::sigma::Rule>> {
    Some(load(&data()?, &Options::default()).0.rules)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ext| ext == "yml") {
            files.push(path);
        }
    }
}

fn load(root: &Path, options: &Options) -> (RuleSet, Vec<String>, Vec<String>) {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy();
        let (more, problems) = parse_str(&name, &text, options);
        documents.extend(more);
        errors.extend(problems);
    }
    let (set, problems) = RuleSet::assemble(documents);
    errors.extend(problems);
    let of = |severity| errors.iter().filter(|e| e.severity == severity).map(ToString::to_string).collect();
    (set, of(Severity::Error), of(Severity::Notice))
}

#[test]
fn every_public_rule_loads() {
    let Some(root) = data() else { return };
    // Two rules ask for host names that only a site knows. Without them they must be refused.
    let (set, errors, notices) = load(&root, &Options::default());
    for line in errors.iter().chain(&notices) {
        eprintln!("{line}");
    }
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains("the placeholder `%known_cdcs%` has no values")));
    assert_eq!(set.rules.len(), RULES - 2);

    let known = vec!["ca01.example.org".to_owned(), "192.0.2.7".to_owned()];
    let options = Options { placeholders: BTreeMap::from([("known_cdcs".to_owned(), known)]) };
    let (set, errors, _) = load(&root, &options);
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(set.rules.len(), RULES);
    assert!(set.rules.iter().all(|rule| rule.id.is_some() && rule.author.is_some()));
}

/// The flat event that rules are written for, out of the published rendering of a record.
fn flat(record: &Value) -> Json {
    let mut fields = Map::new();
    let event = &record["Event"];
    for (name, value) in event["System"].as_object().unwrap() {
        match value {
            Value::Object(parts) => {
                for (part, value) in parts.get("#attributes").and_then(Value::as_object).into_iter().flatten()
                {
                    fields.insert(format!("{name}_{part}"), value.clone());
                }
                if let Some(text) = parts.get("#text") {
                    fields.insert(name.clone(), text.clone());
                }
            }
            other => drop(fields.insert(name.clone(), other.clone())),
        }
    }
    for (name, value) in event["EventData"].as_object().into_iter().flatten() {
        // The rendering writes an element without content as null; it may mean either.
        let value = if value.is_null() { serde_json::json!({ "$blank": true }) } else { value.clone() };
        fields.insert(name.replace(' ', ""), value);
    }
    Json::new(&Value::Object(fields).to_string())
}

#[test]
fn published_positives_match_their_rules() {
    let Some(root) = data() else { return };
    let pairs = root.parent().unwrap().join("pairs.json");
    let pairs: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(pairs).unwrap()).unwrap();
    let (set, _, _) = load(&root, &Options::default());
    let (mut missed, mut other_count) = (Vec::new(), Vec::new());
    for pair in &pairs {
        let id = pair["rule"].as_str().unwrap();
        let rule = set.rules.iter().find(|rule| rule.id.as_deref() == Some(id)).unwrap();
        let file = root.parent().unwrap().join(pair["file"].as_str().unwrap()).with_extension("json");
        let text = std::fs::read_to_string(file).unwrap();
        let records =
            serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}')).into_iter::<Value>();
        let count = records.filter(|record| matches(&rule.expr, &flat(record.as_ref().unwrap()))).count();
        if count == 0 {
            missed.push(rule.title.clone());
        }
        if pair["match_count"].as_u64().is_some_and(|wanted| wanted != count as u64) {
            other_count.push(format!("{}: {count}, published {}", rule.title, pair["match_count"]));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    eprintln!("{} pairs; other counts: {other_count:#?}", pairs.len());
    // Two published counts are wrong: two independent engines find what we find.
    assert_eq!(other_count.len(), 2, "{other_count:#?}");
}
