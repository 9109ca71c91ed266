//! Each error is one sentence that says what, to what, why, and what to do; and exits with 2.

use crate::{arg, expect, file, log};

/// Runs with arguments and compares standard error, `$D` standing for the test's folder.
fn check(dir: &std::path::Path, args: &[&str], error: &str) {
    let run = expect(2, args);
    assert_eq!(run.err.replace(&arg(dir), "$D").trim_end(), error);
}

#[test]
fn inputs() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let evidence = arg(&log(d));
    let at = |name: &str| arg(&d.join(name));
    let case = |args: &[&str], error: &str| check(d, &[&["investigate", "--quiet"], args].concat(), error);

    case(&[&at("nothing")], "error: cannot read $D/nothing: no such file or directory; check the spelling");
    std::fs::create_dir(d.join("empty")).unwrap();
    case(&[&at("empty")], "error: nothing to investigate in $D/empty: the folder is empty");
    let text = file(d, "notes.txt", "dear diary\n");
    case(
        &[&text],
        "error: nothing in $D/notes.txt is evidence that Palisade can read (1 file looked at); it reads EVTX and JSON logs, also compressed or in zip and tar",
    );
    case(
        &[&evidence, "--rules", &at("none")],
        "error: cannot read rules from $D/none: no such file or directory",
    );
    case(
        &[&evidence, "--rules", &at("empty")],
        "error: no rules in $D/empty: it holds no .yml or .yaml file; name a folder of Sigma rules",
    );
    case(
        &[&evidence, "--since", "yesterday"],
        "error: cannot read \"yesterday\" as the time for --since; write 2026-11-23T04:05:06Z, 2026-11-23, or 7d for seven days before now",
    );
    case(
        &[&evidence, "--since", "2026-11-02", "--until", "2026-11-01"],
        "error: --since 2026-11-02T00:00:00.000000Z is not before --until 2026-11-01T00:00:00.000000Z, so nothing could be found; exchange them",
    );
    case(
        &[&evidence, "--assume-timezone", "Europe/Kyv"],
        "error: unknown time zone \"Europe/Kyv\" for --assume-timezone; did you mean \"Europe/Kyiv\"? IANA names and offsets such as +02:00 are understood",
    );
    case(
        &[&evidence, "--indicators", &at("list")],
        "error: cannot read indicators from $D/list: no such file or directory",
    );
    case(
        &[&evidence, "--output", &at("no/where")],
        "error: cannot write to $D/no/where: no such file or directory",
    );
    let same = at("evidence/log.ndjson");
    case(
        &[&same, "--output", &same],
        "error: cannot write to $D/evidence/log.ndjson: it is the evidence; choose another file",
    );
    file(d, "map.yml", "transformations:\n  - type: field_name_mapings\n");
    let error = "error: cannot use the field mapping $D/map.yml: line 2: the transformation `field_name_mapings` is not supported; supported are field_name_mapping, field_name_prefix, field_name_suffix, drop_detection_item";
    case(&[&evidence, "--mapping", &at("map.yml")], error);
    // Whatever the way to it, and whether or not it is there: evidence and what the run reads stay as they are.
    let before = std::fs::read(&same).unwrap();
    for name in ["evidence/log.ndjson", "evidence/new.html", "evidence/../evidence/log.ndjson"] {
        let run = expect(2, &["investigate", "--quiet", &evidence, "--output", &at(name)]);
        assert!(run.err.contains("it is among the evidence; choose another file"), "{name}: {}", run.err);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&same, d.join("link")).unwrap();
        let run = expect(2, &["investigate", "--quiet", &evidence, "--output", &at("link")]);
        assert!(run.err.contains("it is among the evidence"), "{}", run.err);
    }
    let list = file(d, "list.txt", "203.0.113.9\n");
    let run = expect(2, &["investigate", "--quiet", &evidence, "--indicators", &list, "--output", &list]);
    assert!(run.err.contains("it is what this run reads"), "{}", run.err);
    let run = expect(2, &["investigate", &evidence, "--case", &at("c"), "--output", &at("c/knowledge.db")]);
    assert!(run.err.contains("it is part of the case"), "{}", run.err);
    assert_eq!(std::fs::read(&same).unwrap(), before);
    assert!(!d.join("evidence/new.html").exists());
    // A run that fails leaves the old output, and nothing beside it.
    let old = file(d, "out/report.json", "old");
    expect(2, &["investigate", "--quiet", &text, "--case", &at("evidence"), "--output", &old]);
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "old");
    expect(0, &["investigate", "--quiet", &evidence, "--format", "json", "--output", &old]);
    assert!(std::fs::read_to_string(&old).unwrap().starts_with('{'));
    assert_eq!(std::fs::read_dir(d.join("out")).unwrap().count(), 1);
    case(
        &[&evidence, "--jobs", "0"],
        "error: --jobs 0 leaves nobody to do the work; give 1 or more, or leave it out",
    );
    let config = file(d, "palisade.toml", "name = \"x\"\nnetwork = []\n");
    let run = expect(2, &["investigate", &evidence, "--config", &config]);
    assert!(run.err.contains("line 2: unknown field `network`"), "{}", run.err);
}

#[test]
fn arguments() {
    let run = expect(2, &["investigate"]);
    assert!(run.err.contains("<PATH>"), "{}", run.err);
    let run = expect(2, &["investigate", "x", "--format", "xml"]);
    assert!(run.err.contains("possible values: table, ndjson, json, csv, html"), "{}", run.err);
    let run = expect(2, &["investigate", "x", "--min-level", "bad"]);
    assert!(run.err.contains("use informational, low, medium, high or critical"), "{}", run.err);
    let dir = tempfile::tempdir().unwrap();
    check(
        dir.path(),
        &["rules", "check", &arg(&dir.path().join("x"))],
        "error: cannot read rules from $D/x: no such file or directory",
    );
}

/// Nobody reads the output: no error, no noise.
#[cfg(unix)]
#[test]
fn broken_pipe() {
    use std::process::{Command, Stdio};
    let dir = tempfile::tempdir().unwrap();
    let evidence = log(dir.path());
    let line = std::fs::read_to_string(evidence.join("log.ndjson")).unwrap();
    std::fs::write(evidence.join("log.ndjson"), line.repeat(2_000)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["investigate", &arg(&evidence), "--format", "ndjson"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
    assert_eq!(done.status.code(), Some(0));
}
