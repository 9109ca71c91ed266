//! Forms of output: what docs/formats/output.md promises of every line.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{arg, expect, log};

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Required and optional keys of an object.
fn schema(value: &Value, required: &[&str], optional: &[&str]) {
    let have = keys(value);
    for key in required {
        assert!(have.contains(key), "{key} is missing in {value}");
    }
    for key in have {
        assert!(required.contains(&key) || optional.contains(&key), "{key} is not expected in {value}");
    }
}

fn check_line(line: &Value) {
    match line["kind"].as_str().unwrap() {
        "finding" => {
            let required = [
                "kind",
                "id",
                "time",
                "time_end",
                "vector",
                "rule",
                "severity",
                "confidence",
                "attack",
                "observables",
                "message",
                "citations",
                "fields",
            ];
            schema(line, &required, &["host", "recovered"]);
            schema(&line["rule"], &["id", "title", "level"], &["author", "license"]);
            assert!(!line["citations"].as_array().unwrap().is_empty());
            for citation in line["citations"].as_array().unwrap() {
                schema(citation, &["source", "record", "offset", "sha256"], &[]);
            }
            for observable in line["observables"].as_array().unwrap() {
                schema(observable, &["type", "value"], &[]);
            }
            assert_eq!(line["id"].as_str().unwrap().len(), 32);
        }
        "problem" => schema(line, &["kind", "code", "source", "offset", "message", "count"], &[]),
        "coverage" if line["what"] == "records" => {
            schema(line, &["kind", "what", "shape", "events", "first", "last", "covered"], &[]);
        }
        "coverage" if line["what"] == "technique" => {
            let keys = [
                "kind",
                "what",
                "technique",
                "rules",
                "could",
                "hosts",
                "of_hosts",
                "first",
                "last",
                "without",
                "missing",
            ];
            schema(line, &keys, &[]);
        }
        "coverage" if line["what"] == "host" => {
            schema(line, &["kind", "what", "host", "techniques", "logs", "lacks", "unsaid"], &[]);
        }
        "coverage" => schema(line, &["kind", "what", "logsource", "rules", "known"], &[]),
        "summary" => {
            let required = [
                "kind",
                "events",
                "bytes",
                "rules_loaded",
                "rules_failed",
                "findings",
                "seconds",
                "files",
                "files_known",
                "sources",
                "log_bytes",
                "detectors",
                "indicators",
                "unrecognised_events",
                "events_without_time",
                "by_severity",
                "problems",
                "hashed",
            ];
            schema(line, &required, &[]);
        }
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn ndjson() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let run = expect(0, &["investigate", &evidence, "--format", "ndjson"]);
    let lines: Vec<Value> = run.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.iter().for_each(check_line);
    assert_eq!(lines.last().unwrap()["kind"], "summary");
    assert_eq!(lines.iter().filter(|l| l["kind"] == "finding").count(), 3);
    assert_eq!(lines.iter().filter(|l| l["kind"] == "problem").count(), 1);
    assert_eq!(lines[0]["time"], "2026-10-14T08:21:02.000000Z");
    assert_eq!(lines[0]["host"], "WS01");
    assert_eq!(lines[0]["citations"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(run.err, "");

    let run = expect(
        0,
        &["investigate", &evidence, "--format", "ndjson", "--no-hash", "--display-timezone", "Europe/Kyiv"],
    );
    let first: Value = serde_json::from_str(run.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["citations"][0]["sha256"], Value::Null);
    assert_eq!(first["time"], "2026-10-14T11:21:02.000000+03:00");
}

#[test]
fn json() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let run = expect(0, &["investigate", &evidence, "--format", "json"]);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    schema(&document, &["findings", "problems", "coverage", "summary"], &[]);
    for part in ["findings", "problems", "coverage"] {
        document[part].as_array().unwrap().iter().for_each(check_line);
    }
    check_line(&document["summary"]);
    assert_eq!(document["findings"].as_array().unwrap().len(), 3);
    // A document without findings is one too.
    let run = expect(0, &["investigate", &evidence, "--format", "json", "--since", "2027-01-01"]);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(document["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn csv_for_timesketch() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let run = expect(0, &["investigate", &evidence, "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(run.out.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        header.join(","),
        "message,datetime,timestamp_desc,timestamp,host,severity,rule_id,rule_title,attack,source,record,offset,sha256,finding_id"
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(&rows[0][1], "2026-10-14T08:21:02.000000+00:00");
    assert_eq!(&rows[0][2], "Event Logged");
    assert_eq!(&rows[0][3], "1791966062000000");
    assert_eq!(&rows[0][5], "high");
}

#[test]
fn table() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let run = expect(0, &["investigate", &evidence]);
    for part in [
        "3 findings: 3 high",
        "FINDINGS BY HOST AND RULE",
        "WS01",
        "WS02",
        "2×",
        "TIMELINE",
        "WHAT COULD NOT BE SEEN",
    ] {
        assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
    }
    assert!(!run.out.contains('\u{1b}'), "colours without a terminal");
    let run = expect(0, &["investigate", &evidence, "--limit", "1"]);
    assert!(run.out.contains("… and 1 more;"), "{}", run.out);
}

#[test]
fn html_is_self_contained() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let page = arg(&dir.path().join("r.html"));
    let run = expect(0, &["investigate", &evidence, "--format", "html", "--output", &page]);
    assert_eq!(run.out, "");
    let page = std::fs::read_to_string(page).unwrap();
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page refers to {outside}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("What could not be seen"));
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    expect(0, &["investigate", &evidence]);
    expect(1, &["investigate", &evidence, "--fail-on", "high"]);
    expect(0, &["investigate", &evidence, "--fail-on", "critical"]);
    expect(0, &["investigate", &evidence, "--fail-on", "low", "--min-level", "critical"]);
}

/// The number of threads is invisible.
#[test]
fn threads_do_not_show() {
    let dir = tempfile::tempdir().unwrap();
    let out = arg(&dir.path().join("sample"));
    expect(0, &["exercise", "--scale", "0.1", &out]);
    for format in ["ndjson", "csv", "html", "table", "json"] {
        let run = |jobs: &str| {
            let text = expect(0, &["investigate", &out, "--format", format, "--jobs", jobs]).out;
            // The only thing that may differ is how long it took.
            let timed = |l: &&str| !l.contains("\"seconds\":") && !l.contains(" rules loaded, ");
            text.lines().filter(timed).collect::<Vec<_>>().join("\n")
        };
        let one = run("1");
        assert_eq!(one, run("2"), "{format}");
        assert_eq!(one, run("4"), "{format}");
    }
}
