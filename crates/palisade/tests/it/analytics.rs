//! Detectors over exercises: none makes more findings than its budget allows, and the grave ones are of the attack.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{arg, expect};

/// Detector ids and how many findings per 100,000 events each may make without an attack.
fn budgets() -> BTreeMap<String, f64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge/analytics");
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let table: toml::Table = std::fs::read_to_string(entry.unwrap().path()).unwrap().parse().unwrap();
        if let Some(budget) = table.get("budget") {
            let id = table["id"].as_str().unwrap().to_owned();
            out.insert(id, budget["per_100k_events"].as_float().unwrap());
        }
    }
    out
}

/// The same for shipped correlations and what shows hidden text.
fn budgets_of_rules() -> BTreeMap<String, f64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge/rules/correlation");
    let table: toml::Table =
        std::fs::read_to_string(folder.join("../budgets.toml")).unwrap().parse().unwrap();
    let all = table["budget"].as_array().unwrap();
    let out: BTreeMap<String, f64> = all
        .iter()
        .map(|b| (b["id"].as_str().unwrap().to_owned(), b["per_100k_events"].as_float().unwrap()))
        .collect();
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_some_and(|e| e == "yml") {
            let text = std::fs::read_to_string(&entry).unwrap();
            let id = text.lines().find_map(|l| l.strip_prefix("id: ")).unwrap().trim();
            assert!(out.contains_key(id), "{} has no budget", entry.display());
        }
    }
    out
}

#[test]
fn no_detector_exceeds_its_budget_over_exercises() {
    let mut budgets = budgets();
    assert_eq!(budgets.len(), 14);
    budgets.extend(budgets_of_rules());
    for (scenario, seed) in [("energy", "21"), ("wiper", "22"), ("exchange", "23")] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("exercise");
        expect(0, &["exercise", "--scenario", scenario, "--seed", seed, "--days", "30", &arg(&folder)]);
        let evidence = arg(&folder.join("evidence"));
        let run = expect(0, &["investigate", &evidence, "--no-hash", "--quiet", "--format", "ndjson"]);
        let (mut made, mut events) = (BTreeMap::<String, u64>::new(), 0.0);
        for line in run.out.lines() {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            match object["kind"].as_str() {
                Some("finding") => {
                    *made.entry(object["rule"]["id"].as_str().unwrap().to_owned()).or_default() += 1
                }
                Some("summary") => events = object["events"].as_f64().unwrap(),
                _ => {}
            }
        }
        assert!(events >= 50_000.0, "{events}");
        for (id, budget) in &budgets {
            let n = made.get(id).copied().unwrap_or_default() as f64;
            // Findings of the planted attack count here as well, so the bound is on the safe side.
            assert!(n * 1e5 / events <= *budget, "{scenario}: {n} findings of {id} in {events} events");
        }
    }
}

#[test]
fn coverage_is_listed_when_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("exercise");
    expect(0, &["exercise", "--seed", "5", "--days", "3", "--scale", "0.1", &arg(&folder)]);
    let evidence = arg(&folder.join("evidence"));
    let short = expect(0, &["investigate", &evidence, "--no-hash", "--quiet"]).out;
    assert!(short.contains("WHAT COULD HAVE BEEN SEEN") && !short.contains("lacking log sources"), "{short}");
    let long = expect(0, &["investigate", &evidence, "--no-hash", "--quiet", "--coverage"]).out;
    assert!(long.contains("lacking log sources") && long.contains("T1059.001"), "{long}");
    let alone = expect(0, &["investigate", &evidence, "--no-hash", "--quiet", "--no-analytics"]).out;
    assert!(!alone.contains("detectors,") && alone.contains("WHAT COULD HAVE BEEN SEEN"), "{alone}");
}

#[test]
fn a_list_of_exploited_weaknesses_must_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = crate::file(dir.path(), "a.json", "{\"EventID\":1}\n");
    for text in ["a,b\n1,2\n", "{}", "cveID,dateAdded\nx,y\n"] {
        let list = crate::file(dir.path(), "kev.csv", text);
        let run = expect(2, &["investigate", &evidence, "--kev", &list]);
        assert!(run.err.contains("cannot use the list of exploited weaknesses"), "{}", run.err);
    }
}
