//! A case: kept, verified, judged.

use serde_json::Value;

use crate::{arg, expect, file, log};

#[test]
fn kept_and_judged() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let case = arg(&dir.path().join("case"));
    let run = || expect(0, &["investigate", &evidence, "--case", &case, "--format", "ndjson", "--quiet"]).out;
    let found = |args: &[&str]| {
        let out = expect(0, &[&["case", "findings", &case, "--format", "ndjson"], args].concat()).out;
        out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).collect::<Vec<_>>()
    };
    run();
    let first = found(&[]);
    assert_eq!(first.len(), 3);
    run();
    assert_eq!(found(&[]), first, "the same evidence twice changed the case");
    let run = expect(0, &["case", "verify", &case]);
    assert!(!run.out.contains("FAILED") && run.out.contains("custody chain ends with"), "{}", run.out);

    let id = first[0]["id"].as_str().unwrap();
    let add = [
        "case",
        "verdict",
        "add",
        &case,
        id,
        "--kind",
        "false_positive",
        "--reason",
        "backup",
        "--analyst",
        "Ada",
    ];
    let run = expect(0, &add);
    assert_eq!(run.out, "verdict 1: false_positive by Ada\n");
    assert_eq!(found(&["--all"])[0]["verdict"], "false_positive");
    assert_eq!(found(&[]).len(), 2, "what somebody said is none is hidden");
    let hides = "1 finding hidden by verdict 1 of Ada: backup";
    assert!(expect(0, &["case", "findings", &case]).err.contains(hides));
    let again = expect(0, &["investigate", &evidence, "--case", &case, "--reread", "--format", "ndjson"]);
    let shown = again.out.lines().filter(|l| l.contains("\"kind\":\"finding\"")).count();
    assert!(shown == 2 && again.err.contains(hides), "{}", again.err);
    // The same of a rule, on one machine only: an alarm is not set off by it, and is by all others.
    let rule = first[0]["rule_id"].as_str().unwrap();
    let level = ["investigate", &evidence, "--case", &case, "--reread", "-q", "--fail-on", "low"];
    expect(1, &level);
    let narrow = |only: &str, code: i32| {
        let words = ["--kind", "false_positive", "--reason", "x", "--only", only];
        expect(code, &[&["case", "verdict", "add", &case, rule][..], &words].concat())
    };
    narrow("host:somewhere-else", 0);
    assert_eq!(found(&[]).len(), 2);
    assert!(narrow("nonsense", 2).err.contains("host:NAME"));
    assert!(expect(0, &["case", "verdict", "list", &case]).out.contains("by Ada: backup"));
    expect(0, &["case", "verdict", "undo", &case, "1"]);
    assert_eq!(found(&[])[0]["verdict"], Value::Null);
    let run = expect(2, &["case", "verdict", "add", &case, id, "--kind", "maybe", "--reason", "x"]);
    assert!(run.err.starts_with("error: unknown verdict \"maybe\"; use "), "{}", run.err);

    // At a glance, for a spreadsheet, and as a copy.
    let run = expect(0, &["case", "show", &case]);
    assert!(
        run.out.contains("4 runs, 1 evidence file (1 read to the end), 3 findings, 1 problem"),
        "{}",
        run.out
    );
    let run = expect(0, &["case", "show", &case, "--format", "json"]);
    let glance: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (glance["database"].as_str(), glance["runs"].as_array().map(Vec::len)),
        (Some("sqlite"), Some(4))
    );
    let run = expect(0, &["case", "findings", &case, "--format", "csv"]);
    assert!(run.out.starts_with("finding_id,time,") && run.out.lines().count() == 4, "{}", run.out);
    let (copy, back) = (arg(&dir.path().join("copy")), arg(&dir.path().join("back")));
    expect(0, &["case", "backup", &case, &copy]);
    expect(0, &["case", "restore", &copy, &back]);
    for place in [&copy, &back] {
        expect(0, &["case", "verify", place]);
    }
    let run = expect(2, &["case", "backup", &case, &copy]);
    assert!(run.err.contains("already holds other files"), "{}", run.err);

    // Evidence that changed afterwards is told.
    std::fs::write(dir.path().join("evidence/log.ndjson"), "{}\n").unwrap();
    let run = expect(1, &["case", "verify", &case]);
    assert!(run.out.contains("FAILED"), "{}", run.out);
    let run = expect(2, &["case", "verify", &arg(&dir.path().join("none"))]);
    assert!(run.err.contains("is not a case"), "{}", run.err);
}

/// The same commands on a case whose knowledge is in PostgreSQL; its schema stays on the test server.
#[test]
fn kept_in_postgresql() {
    let Some(url) = std::env::var("PALISADE_TEST_POSTGRES").ok().filter(|u| !u.is_empty()) else {
        let required = std::env::var_os("PALISADE_TEST_DATA_REQUIRED").is_some_and(|v| v == "1");
        assert!(!required, "PALISADE_TEST_POSTGRES names no database, and nothing may be left out");
        println!("SKIPPED: PALISADE_TEST_POSTGRES names no PostgreSQL database");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let place = |name: &str| arg(&dir.path().join(name));
    let (case, plain, copy, back) = (place("case"), place("plain"), place("copy"), place("back"));
    let config = format!("name = \"Example\"\n[store]\ndatabase = \"{url}\"\n");
    file(dir.path(), "case/palisade.toml", &config);
    for case in [&case, &plain] {
        for _ in 0..2 {
            expect(0, &["investigate", &evidence, "--case", case, "--format", "ndjson", "--quiet"]);
        }
    }
    let show = |case: &str| {
        let run = expect(0, &["case", "show", case, "--format", "json"]);
        serde_json::from_str::<Value>(&run.out).unwrap()
    };
    assert_eq!(show(&case)["database"], "postgresql");
    assert!(!dir.path().join("case/knowledge.db").exists());
    let findings = |case: &str| expect(0, &["case", "findings", case, "--format", "csv"]).out;
    assert_eq!(findings(&case), findings(&plain));
    expect(0, &["case", "verify", &case]);
    // Out of the server into a folder, and back onto the server.
    expect(0, &["case", "backup", &case, &copy]);
    assert_eq!(show(&copy)["database"], "sqlite");
    expect(0, &["case", "restore", &copy, &back, "--database", &url]);
    assert_eq!(show(&back)["database"], "postgresql");
    for case in [&copy, &back] {
        expect(0, &["case", "verify", case]);
        assert_eq!(findings(case), findings(&plain));
        assert_eq!(show(case)["lake"], show(&plain)["lake"]);
    }
}
