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
    let run = expect(0, &["demo", "--out", &a, "--scale", "0.1"]);
    assert!(run.out.contains("planted campaign"), "{}", run.out);
    let json = expect(0, &["demo", "--out", &b, "--scale", "0.1", "--format", "json"]).out;
    let told: Value = serde_json::from_str(&json).unwrap();
    let campaign = &told["campaigns"][0];
    assert_eq!(campaign["truth"], "lights before the holiday");
    let [precision, recall] = ["precision", "recall"].map(|k| campaign[k].as_f64().unwrap());
    assert!(precision >= 0.8 && recall >= 0.8, "{json}");
    // The same options give the same evidence, the same findings and so the same names.
    assert!(run.out.contains(campaign["found"].as_str().unwrap()), "{}", run.out);
    let truth = |folder: &str| std::fs::read(std::path::Path::new(folder).join("truth.json")).unwrap();
    assert_eq!(truth(&a), truth(&b));
    let report = std::fs::read_to_string(std::path::Path::new(&a).join("report.html")).unwrap();
    assert!(report.contains(campaign["found"].as_str().unwrap()));
    let run = expect(2, &["demo", "--out", &a]);
    assert!(run.err.contains("the folder is not empty; name another"), "{}", run.err);
}

/// A campaign, from its list to the analyst's word and back.
#[test]
fn campaigns_of_a_case() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x");
    expect(0, &["demo", "--out", &arg(&out), "--scale", "0.1", "--seed", "2"]);
    let case = arg(&out.join("case"));
    let json = |args: &[&str]| -> Value { serde_json::from_str(&expect(0, args).out).unwrap() };
    let list = json(&["campaign", "list", "--case", &case, "--format", "json"]);
    let all = list["campaigns"].as_array().unwrap();
    let largest = all.iter().max_by_key(|c| c["steps"].as_array().unwrap().len()).unwrap();
    let id = largest["id"].as_str().unwrap();
    for join in largest["joins"].as_array().unwrap() {
        let sum: i64 =
            join["terms"].as_array().unwrap().iter().map(|t| t["weight_micronats"].as_i64().unwrap()).sum();
        assert_eq!(join["score_micronats"].as_i64().unwrap(), sum, "{join}");
    }
    let show = expect(0, &["campaign", "show", "--case", &case, &id[..8]]).out;
    assert!(show.contains("Why they are together") && show.contains("Weakest links"), "{show}");
    let finding = |step: usize| largest["steps"][step]["findings"][0].as_str().unwrap().to_owned();
    let (first, last) = (finding(0), finding(largest["steps"].as_array().unwrap().len() - 1));
    let why = expect(0, &["campaign", "explain", "--case", &case, &first[..12], &last[..12]]).out;
    assert!(why.contains("are in one campaign, by"), "{why}");
    // Two campaigns, or a campaign and what is not in it: their strongest links, none of which joins.
    let loose = list["loose"].as_array().unwrap().iter().map(|f| f.as_str().unwrap());
    let others = all.iter().map(|c| c["id"].as_str().unwrap());
    let mut told = 0;
    for other in others.filter(|c| *c != id).chain(loose.take(20)) {
        let links = json(&["campaign", "explain", "--case", &case, id, other, "--format", "json"]);
        assert_eq!(links["together"], false, "{links}");
        for link in links["links"].as_array().unwrap() {
            let terms = link["terms"].as_array().unwrap();
            let sum: i64 = terms.iter().map(|t| t["weight_micronats"].as_i64().unwrap()).sum();
            assert!(link["score_micronats"].as_i64() == Some(sum) && sum < 0, "{link}");
            told += 1;
        }
        let text = expect(0, &["campaign", "explain", "--case", &case, id, other]).out;
        assert!(text.contains("are not in one campaign"), "{text}");
    }
    assert!(told > 0, "some findings have something in common with it");
    // Cut: two campaigns. Undone: one again, by its old name.
    let word = ["campaign", "cut", "--case", &case, &first, &last, "--reason", "a test", "--analyst", "T"];
    let said = expect(0, &word).out;
    let number = said.split("number ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let parted = expect(0, &["campaign", "explain", "--case", &case, &first, &last]).out;
    assert!(parted.contains("are not in one campaign"), "{parted}");
    expect(0, &["campaign", "undo", "--case", &case, &number]);
    // Only once, only what there is, and only words on campaigns.
    let undo = |number: &str| expect(2, &["campaign", "undo", "--case", &case, number]).err;
    let twice = undo(&number);
    assert!(twice.contains("was taken back") && twice.contains("no word on campaigns"), "{twice}");
    let unknown = undo("77");
    assert!(unknown.contains("no verdict 77"), "{unknown}");
    expect(0, &["case", "verdict", "add", &case, "--kind", "comment", "--reason", "x", &first]);
    let other = undo("2");
    assert!(other.contains("comment") && other.contains("case verdict undo"), "{other}");
    let again = json(&["campaign", "list", "--case", &case, "--format", "json"]);
    assert!(again["campaigns"].as_array().unwrap().iter().any(|c| c["id"] == id), "{again}");
    let changes = expect(0, &["campaign", "changes", "--case", &case]).out;
    assert!(changes.contains("new") && changes.contains("shrunk"), "{changes}");
    let run = expect(2, &["campaign", "exclude", "--case", &case, "nonsense", "--reason", "x"]);
    assert!(run.err.contains("kind:value"), "{}", run.err);
    assert!(expect(0, &["case", "verify", &case]).out.contains("unbroken chain"));
}

#[test]
fn a_report_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x");
    expect(0, &["demo", "--out", &arg(&out), "--scale", "0.1"]);
    let case = arg(&out.join("case"));
    for (format, begins) in [
        ("html", "<!DOCTYPE html>"),
        ("md", "**TLP:RED**"),
        ("json", "{"),
        ("navigator", "{"),
        ("pdf", "%PDF-"),
    ] {
        let file = dir.path().join(format);
        expect(0, &["report", "--case", &case, "--format", format, "-o", &arg(&file)]);
        let bytes = std::fs::read(&file).unwrap();
        let begin = String::from_utf8_lossy(&bytes[..40]).to_lowercase();
        assert!(begin.trim_start().starts_with(&begins.to_lowercase()), "{format}: {begin}");
    }
    // Nothing goes to others before somebody says so, and then without the victim's names.
    let run = expect(2, &["report", "--case", &case, "--format", "stix"]);
    assert!(run.err.contains("--preview"), "{}", run.err);
    let preview = expect(0, &["report", "--case", &case, "--preview"]).out;
    assert!(preview.contains("Withheld") && preview.contains(".example"), "{preview}");
    let bundle = expect(0, &["report", "--case", &case, "--format", "stix", "--release", "green"]).out;
    let bundle_json: Value = serde_json::from_str(&bundle).unwrap();
    assert_eq!(bundle_json["type"], "bundle");
    for line in preview.lines().filter(|l| l.trim_start().starts_with("host ")) {
        let name = line.split_whitespace().nth(1).unwrap();
        assert!(!bundle.contains(name), "{name}");
    }
}

#[test]
fn alerts_are_grouped() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alerts.csv");
    let mut text = String::from("name,ip,host,short,time,id,extra\n");
    for n in 0..400 {
        text.push_str(&format!("scan,10.0.0.5,web,W-Acc-400,{},s{n},x\n", 1_600_000_000 + n / 40));
    }
    text.push_str("\"odd, name\",10.0.0.9,db,A-Mon-Rng,1600400000.5,lonely,x\nbad,,,,yesterday or so,b,x\n");
    std::fs::write(&file, &text).unwrap();
    let run =
        expect(0, &["campaign", "group", "--alerts", &arg(&file), "--sensitivity", "0.4", "--format", "csv"]);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("id,group", 402));
    assert!(lines[1..401].iter().all(|l| l.ends_with(",s0")), "{}", lines[1]);
    assert_eq!(lines[401], "lonely,lonely");
    assert!(run.err.contains("1 line") && run.err.contains("line 403"), "{}", run.err);
    // Compressed, and in another order: the same groups.
    let mut rows: Vec<&str> = text.lines().skip(1).collect();
    rows.reverse();
    let other = dir.path().join("alerts.csv.zst");
    let shuffled = format!("name,ip,host,short,time,id,extra\n{}\n", rows.join("\n"));
    std::fs::write(&other, zstd::encode_all(shuffled.as_bytes(), 1).unwrap()).unwrap();
    let mut out = expect(0, &["campaign", "group", "--alerts", &arg(&other), "--sensitivity", "0.4"]).out;
    let sizes = |out: &str| {
        let mut sizes = std::collections::BTreeMap::new();
        out.lines()
            .skip(1)
            .for_each(|l| *sizes.entry(l.rsplit(',').next().unwrap().to_owned()).or_insert(0) += 1);
        sizes.into_values().collect::<Vec<i32>>()
    };
    assert_eq!(sizes(&out), sizes(&run.out));
    out = expect(0, &["campaign", "group", "--alerts", &arg(&file), "--sensitivity", "1"]).out;
    assert_eq!(sizes(&out), [401]);
    let run = expect(2, &["campaign", "group", "--alerts", &arg(&file), "--sensitivity", "3"]);
    assert!(run.err.contains("from 0 to 1"), "{}", run.err);
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
