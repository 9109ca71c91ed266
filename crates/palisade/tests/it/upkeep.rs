//! Upkeep of a case, as people run it.

use std::path::Path;

use crate::{arg, expect, file, log, record};

#[test]
fn merged_held_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let case = arg(&dir.path().join("case"));
    let evidence = arg(&log(dir.path()));
    let investigate =
        |what: &str| expect(0, &["investigate", what, "--case", &case, "--format", "ndjson", "--quiet"]);
    investigate(&evidence);
    let run = expect(0, &["case", "compact", &case]);
    assert!(run.out.starts_with("nothing to merge"), "{}", run.out);
    let more =
        file(dir.path(), "more/log.ndjson", &record("WS03", 9, "vssadmin.exe list writers", "cmd.exe"));
    investigate(&more);
    let ask = || {
        expect(
            0,
            &[
                "hunt",
                "--case",
                &case,
                "--sql",
                "SELECT _record FROM events ORDER BY 1",
                "--no-cite",
                "--format",
                "csv",
            ],
        )
        .out
    };
    let before = ask();
    let run = expect(0, &["case", "compact", &case]);
    assert!(run.out.contains("became 1: "), "{}", run.out);
    assert_eq!(ask(), before);

    let run = expect(2, &["case", "retain", &case]);
    assert!(run.err.contains("nothing says how long or how much to keep"), "{}", run.err);
    file(dir.path(), "case/palisade.toml", "[retention]\ndays = 1000000\nbytes = \"1TiB\"\n");
    let run = expect(0, &["case", "retain", &case]);
    assert!(run.out.contains("0 events dropped"), "{}", run.out);
    let add = [
        "case",
        "hold",
        &case,
        "add",
        "Matter 7",
        "--reason",
        "a court",
        "--from",
        "2026-01-01",
        "--to",
        "2027-01-01",
    ];
    let run = expect(0, &add);
    assert!(run.out.starts_with("legal hold 1: Matter 7 by "), "{}", run.out);
    let run = expect(1, &["case", "retain", &case, "--bytes", "1"]);
    assert!(
        run.out.contains("kept by legal hold 1 (Matter 7): ") && run.out.contains("above the limit"),
        "{}",
        run.out
    );
    assert_eq!(ask(), before);
    expect(0, &["case", "hold", &case, "release", "1"]);
    assert!(expect(0, &["case", "hold", &case, "list"]).out.contains("(released "));
    expect(2, &["case", "hold", &case, "release", "2"]);
    let run = expect(0, &["case", "retain", &case, "--bytes", "0", "--dry-run"]);
    assert!(run.out.contains(" would go: 1 segment whole"), "{}", run.out);
    assert_eq!(ask(), before);
    expect(0, &["case", "retain", &case, "--bytes", "0"]);
    expect(0, &["case", "verify", &case]);
    assert_eq!(expect(0, &["case", "findings", &case, "--format", "ndjson"]).out.lines().count(), 3);
}

#[test]
fn erased() {
    let dir = tempfile::tempdir().unwrap();
    let case = arg(&dir.path().join("case"));
    expect(0, &["investigate", &arg(&log(dir.path())), "--case", &case, "--format", "ndjson", "--quiet"]);
    let erase = |code, reason: &str, more: &[&str]| {
        let args = ["case", "erase", &case, "--observable", "account:CORP\\m.keller", "--reason", reason];
        expect(code, &[&args, more].concat())
    };
    let run = erase(2, "corp\\M.Keller asks", &[]);
    assert!(run.err.contains("the reason names the person"), "{}", run.err);
    let run = erase(0, "request 12", &["--dry-run"]);
    assert!(run.out.contains(" would go; 3 findings would no longer name the person"), "{}", run.out);
    let run = erase(0, "request 12", &[]);
    assert!(run.out.contains("3 findings no longer name the person"), "{}", run.out);
    assert!(run.err.contains("evidence files, backups and exports were not touched"), "{}", run.err);
    expect(0, &["case", "verify", &case]);
    let found = expect(0, &["case", "findings", &case, "--format", "ndjson"]).out;
    assert!(found.contains("[erased]") && found.lines().count() == 3, "{found}");
    scan(Path::new(&case));
    let run = expect(2, &["case", "erase", &case, "--observable", "keller", "--reason", "x"]);
    assert!(run.err.contains("kind:value"), "{}", run.err);
}

fn scan(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scan(&path);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).to_lowercase();
            assert!(!text.contains("m.keller"), "{}", path.display());
        }
    }
}
