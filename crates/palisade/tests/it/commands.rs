//! The other commands.

use serde_json::Value;

use crate::{arg, expect, file, log};

const GOOD: &str = "title: Shadows\nid: 11111111-1111-4111-8111-111111111111\nlevel: high\ntags: [attack.t1490]\nlogsource: {product: windows, category: process_creation}\ndetection:\n  a: {CommandLine|contains: 'Delete Shadows'}\n  condition: a\n";

#[test]
fn rules_check() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    file(d, "good/a.yml", GOOD);
    let run = expect(0, &["rules", "check", &arg(&d.join("good"))]);
    assert_eq!(run.out, "1 document in 1 file: 1 rule loaded, 0 failed, 0 notices\n");
    file(d, "bad/a.yml", GOOD);
    file(d, "bad/b.yml", &GOOD.replace("|contains", "|contians"));
    let run = expect(1, &["rules", "check", &arg(&d.join("bad"))]);
    assert!(run.out.contains("b.yml:7:"), "no place in {}", run.out);
    assert!(run.out.contains("CommandLine|contians"), "no excerpt in {}", run.out);
    assert!(run.out.contains('^') && run.out.contains("did you mean"), "no caret or help in {}", run.out);
    assert!(run.out.ends_with("1 rule loaded, 1 failed, 0 notices\n"), "{}", run.out);
    // A rule whose id is taken is one document, and the message names it first.
    file(d, "twice/a.yml", GOOD);
    file(d, "twice/b.yml", &GOOD.replace("Shadows", "Two"));
    let run = expect(1, &["rules", "check", &arg(&d.join("twice"))]);
    assert!(run.out.starts_with("error: rule \"Two\": the id `11111111"), "{}", run.out);
    assert!(run.out.ends_with("2 documents in 2 files: 1 rule loaded, 1 failed, 0 notices\n"), "{}", run.out);
    // In an investigation the broken one is a problem, the other runs.
    let evidence = arg(&log(d));
    let run = expect(
        0,
        &[
            "investigate",
            &evidence,
            "--no-shipped-rules",
            "--rules",
            &arg(&d.join("bad")),
            "--format",
            "ndjson",
        ],
    );
    let summary: Value = serde_json::from_str(run.out.lines().last().unwrap()).unwrap();
    assert_eq!(summary["rules_loaded"], 1);
    assert_eq!(summary["rules_failed"], 1);
    assert_eq!(summary["findings"], 3);
    assert_eq!(summary["problems"]["rule"], 1);
    assert!(run.err.starts_with("note: 1 rule could not be loaded"), "{}", run.err);
}

#[test]
fn rules_test() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    file(d, "rules/a.yml", GOOD);
    let rules = arg(&d.join("rules"));
    let event =
        |command: &str| serde_json::from_str::<Value>(&crate::record("WS01", 1, command, "x")).unwrap();
    let test = |positive: &str, negative: &str| {
        serde_json::json!({
            "rule": "11111111-1111-4111-8111-111111111111",
            "positive": [event(positive)], "negative": [event(negative)],
        })
        .to_string()
    };
    file(d, "tests/a.json", &test("x Delete Shadows", "list"));
    let tests = arg(&d.join("tests"));
    let run = expect(0, &["rules", "test", &tests, "--rules", &rules]);
    assert_eq!(run.out, "2/2 events as expected\n");
    file(d, "tests/b.json", &test("list", "list"));
    let run = expect(1, &["rules", "test", &tests, "--rules", &rules]);
    assert!(run.out.contains("FAILED 11111111-1111-4111-8111-111111111111 (Shadows)"), "{}", run.out);
    assert!(run.out.ends_with("3/4 events as expected\n"), "{}", run.out);
    let run = expect(1, &["rules", "test", &tests, "--rules", &rules, "--format", "ndjson"]);
    run.out.lines().for_each(|l| drop(serde_json::from_str::<Value>(l).unwrap()));
    // Evidence with an expected count.
    std::fs::copy(log(d).join("log.ndjson"), d.join("log.ndjson")).unwrap();
    file(
        d,
        "pairs/info.yml",
        "rule_metadata:\n  - id: 11111111-1111-4111-8111-111111111111\nregression_tests_info:\n  - path: x/log.ndjson\n    match_count: 3\n",
    );
    std::fs::copy(d.join("log.ndjson"), d.join("pairs/log.ndjson")).unwrap();
    let run = expect(0, &["rules", "test", &arg(&d.join("pairs")), "--rules", &rules]);
    assert_eq!(run.out, "1/1 pairs hit, 1/1 counts equal\n");
}

#[test]
fn rules_list() {
    let run = expect(0, &["rules", "list", "--format", "json"]);
    let rules: Value = serde_json::from_str(&run.out).unwrap();
    assert!(rules.as_array().unwrap().len() >= 40);
    let run = expect(0, &["rules", "list", "--attack", "--format", "ndjson"]);
    assert!(run.out.lines().any(|l| l.starts_with("{\"technique\":\"T1490\",\"rules\":[{")), "{}", run.out);
    let run = expect(0, &["rules", "list", "--attack", "--format", "csv"]);
    assert!(run.out.starts_with("technique,rule_id,rule_title,level\n"));
    expect(0, &["rules", "list"]);
    expect(0, &["rules", "list", "--attack"]);
}

#[test]
fn indicators_and_placeholders() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let evidence = arg(&log(d));
    let list = file(
        d,
        "list.csv",
        "indicator,note\nC:\\Windows\\System32\\vssadmin.exe,test\nnot an indicator at all,\n",
    );
    let run = expect(
        0,
        &["investigate", &evidence, "--no-shipped-rules", "--indicators", &list, "--format", "ndjson"],
    );
    let summary: Value = serde_json::from_str(run.out.lines().last().unwrap()).unwrap();
    assert_eq!(summary["findings"], 4, "{}", run.out);
    file(
        d,
        "rules/a.yml",
        &GOOD.replace("CommandLine|contains: 'Delete Shadows'", "CommandLine|contains|expand: '%verbs%'"),
    );
    for (name, text) in [("p.yml", "verbs: [Delete, Resize]\n"), ("p.toml", "verbs = [\"Delete\"]\n")] {
        let values = file(d, name, text);
        let rules = arg(&d.join("rules"));
        let run = expect(
            0,
            &[
                "investigate",
                &evidence,
                "--no-shipped-rules",
                "--rules",
                &rules,
                "--placeholders",
                &values,
                "--format",
                "ndjson",
            ],
        );
        let summary: Value = serde_json::from_str(run.out.lines().last().unwrap()).unwrap();
        assert_eq!(summary["findings"], 3, "{name}: {}", run.out);
    }
}

#[test]
fn demo_finds_what_it_planted() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|n| arg(&dir.path().join(n)));
    let run = expect(0, &["demo", "--out", &a]);
    assert!(run.out.contains("13 of 13 steps found, no finding on everyday records"), "{}", run.out);
    assert!(run.out.contains("Files that end early"), "{}", run.out);
    assert!(!run.out.contains("MISSED"));
    expect(0, &["demo", "--out", &b]);
    let mut names: Vec<_> = std::fs::read_dir(&a).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 6);
    for name in names {
        let read = |folder: &str| std::fs::read(std::path::Path::new(folder).join(&name)).unwrap();
        assert_eq!(read(&a), read(&b), "{name:?}");
    }
    let run = expect(2, &["demo", "--out", &a]);
    assert!(run.err.contains("the folder is not empty; name another"), "{}", run.err);
}

#[test]
fn shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = expect(0, &["completions", shell]);
        assert!(run.out.contains("investigate"), "{shell}");
    }
    let run = expect(0, &["man"]);
    assert!(run.out.contains(".TH palisade 1"));
    let dir = tempfile::tempdir().unwrap();
    expect(0, &["man", "--out", &arg(dir.path())]);
    assert!(dir.path().join("palisade-investigate.1").is_file());
    let run = expect(0, &["--version"]);
    assert!(run.out.starts_with("palisade "));
    for command in
        [&["--help"][..], &["investigate", "--help"], &["rules", "check", "--help"], &["demo", "--help"]]
    {
        let run = expect(0, command);
        assert!(run.out.contains("xample") || run.out.contains("Start here"), "{command:?}");
    }
}
