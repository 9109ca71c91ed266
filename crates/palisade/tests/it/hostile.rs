//! Text from evidence, in every form for people, does nothing but be read.

use crate::{arg, expect, file, record};

/// What an attacker would like to see on an analyst's screen.
const HOSTILE: [&str; 6] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "invoice\u{202e}fdp.exe",
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\" autofocus onfocus=alert(1) x=\"",
    "zero\u{200b}width\u{9b}31m",
    "a\r\nb\tc",
];

fn evidence(dir: &std::path::Path) -> String {
    let mut text = String::new();
    for (second, hostile) in (1..).zip(HOSTILE) {
        let command = format!("vssadmin.exe Delete Shadows /All {hostile}");
        text += &record(hostile, second, &command, hostile);
    }
    text += &record("=cmd|' /C calc'!A0", 50, "vssadmin.exe Delete Shadows", "@SUM(A1)");
    file(dir, "log.ndjson", &text)
}

/// Nothing below blank but line ends, no C1, no direction marks, nothing invisible.
fn harmless(text: &str) {
    for line in text.split('\n') {
        assert!(
            matches!(palisade_model::terminal(line), std::borrow::Cow::Borrowed(_)),
            "not neutralised: {line:?}"
        );
    }
}

#[test]
fn neutralised() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = evidence(dir.path());
    for format in ["table", "ndjson", "json", "html"] {
        let run = expect(0, &["investigate", &evidence, "--format", format]);
        harmless(&run.out);
        if format == "html" {
            assert_eq!(run.out.matches("<script").count(), 1);
            assert_eq!(run.out.matches("</script").count(), 1);
            assert!(!run.out.contains("<img"));
            assert!(!run.out.contains("\" autofocus"));
        }
    }
    let run = expect(0, &["investigate", &evidence, "--format", "csv"]);
    let mut rows = 0;
    for row in csv::Reader::from_reader(run.out.as_bytes()).records() {
        let row = row.unwrap();
        rows += 1;
        for cell in &row {
            harmless(cell);
            assert!(!cell.trim_start().starts_with(['=', '+', '@', '-']), "a formula: {cell}");
        }
    }
    assert_eq!(rows, 7);
    assert!(run.out.contains("'=cmd|"));
}

/// Broken rules are shown with their place; their text may be hostile as well.
#[test]
fn rules_too() {
    let dir = tempfile::tempdir().unwrap();
    let rule = "title: \"bad \\e[2J\"\nlogsource:\n  product: windows\ndetection:\n  a:\n    x|nonsense: '\u{202e}y'\n  condition: a\n";
    file(dir.path(), "bad.yml", rule);
    let run = expect(1, &["rules", "check", &arg(dir.path())]);
    harmless(&run.out);
}
