//! A process that ends at any moment loses nothing that was acknowledged, doubles nothing and leaves
//! nothing behind. `bench/crash.py` does this two hundred times on real data.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use palisade_store::{Case, POINTS};

use crate::{arg, expect, file, palisade, record};

const RULE: &str = "title: Shadows\nid: 11111111-1111-4111-8111-111111111111\nlevel: high\nlogsource: {product: windows, category: process_creation}\ndetection:\n  a: {CommandLine|contains: 'Delete Shadows'}\n  condition: a\n";

/// Points that only the upkeep of a lake passes.
const OF_UPKEEP: [&str; 3] = ["compacted-written", "compaction-committed", "file-removed"];

/// Evidence, a rule, and cases.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    /// Files with so many records each; every record is a finding, one line in ten stands twice.
    fn new(files: &[usize]) -> Bench {
        let bench = Bench { dir: tempfile::tempdir().unwrap() };
        file(bench.dir.path(), "rules/a.yml", RULE);
        for (n, records) in files.iter().enumerate() {
            let mut text = String::new();
            for i in 0..*records {
                let line = record("WS01", (i % 60) as u32, &format!("Delete Shadows {n} {i}"), "x");
                text += &line;
                if i % 10 == 0 {
                    text += &line;
                }
            }
            file(bench.dir.path(), &format!("evidence/{n}.ndjson"), &text);
        }
        bench
    }
    fn case(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn args(&self, case: &Path) -> Vec<String> {
        let [evidence, rules] = ["evidence", "rules"].map(|n| arg(&self.dir.path().join(n)));
        let case = arg(case);
        [
            "investigate",
            &evidence,
            "--no-shipped-rules",
            "--rules",
            &rules,
            "--case",
            &case,
            "--format",
            "ndjson",
            "--quiet",
        ]
        .map(str::to_owned)
        .to_vec()
    }
    fn run(&self, case: &Path) {
        let args = self.args(case);
        expect(0, &args.iter().map(String::as_str).collect::<Vec<_>>());
    }
    /// Whether it ended by itself.
    fn run_until(&self, case: &Path, point: &str) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(self.args(case)).env("PALISADE_CRASH_AT", point);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }
    fn kill_after(&self, case: &Path, delay: Duration) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        let mut child =
            command.args(self.args(case)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        let _ = child.kill();
        child.wait().unwrap();
    }
    /// Rows and findings, sorted.
    fn holds(&self, case: &Path) -> (Vec<String>, Vec<String>) {
        let lines = |args: &[&str]| {
            let mut lines: Vec<String> = expect(0, args).out.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let case = arg(case);
        let ask = "SELECT p.path, e._member, e._record, e._offset, e._digest, e._shape FROM events e \
                   JOIN sources p ON p.id = e._source";
        let rows = lines(&["hunt", "--case", &case, "--sql", ask, "--format", "csv", "--no-cite", "--quiet"]);
        let findings = lines(&["case", "findings", &case, "--format", "ndjson"]);
        let told = |line: &String| {
            let mut finding: serde_json::Value = serde_json::from_str(line).unwrap();
            // Which run found it first is history.
            finding.as_object_mut().unwrap().remove("first_run");
            finding.to_string()
        };
        (rows, findings.iter().map(told).collect())
    }
    /// What an ended process left can be opened, asked, and completed by the next.
    fn recovers(&self, case: &Path, whole: &(Vec<String>, Vec<String>), what: &str) {
        let shown = palisade(&["case", "show", &arg(case)]);
        if shown.code != 0 {
            // It ended before the case was made: nothing was acknowledged.
            assert!(
                shown.err.contains("is not a case") && !case.join("lake").exists(),
                "{what}: {}",
                shown.err
            );
        } else {
            // What is acknowledged is there and readable before anybody repairs anything.
            let mut open = Case::open_read_only(case).unwrap();
            if !open.lake().unwrap().segments().is_empty() {
                let (rows, _) = self.holds(case);
                let known: BTreeSet<&String> = whole.0.iter().collect();
                assert!(rows.iter().all(|r| known.contains(r)), "{what}: rows of nowhere");
                let once: BTreeSet<&String> = rows.iter().collect();
                assert_eq!(once.len(), rows.len(), "{what}: rows twice");
            }
        }
        self.run(case);
        let holds = self.holds(case);
        assert!(
            holds == *whole,
            "{what}: {} rows of {}, {} findings of {}",
            holds.0.len(),
            whole.0.len(),
            holds.1.len(),
            whole.1.len()
        );
        let mut open = Case::open_read_only(case).unwrap();
        let lake = open.lake().unwrap();
        let listed: BTreeSet<PathBuf> = lake
            .segments()
            .iter()
            .map(|s| lake.dir().join(&s.file))
            .flat_map(|p| [p.with_extension("obs"), p])
            .collect();
        let there: BTreeSet<PathBuf> = std::fs::read_dir(lake.dir())
            .unwrap()
            .flat_map(|t| std::fs::read_dir(t.unwrap().path()).unwrap())
            .map(|f| f.unwrap().path())
            .collect();
        assert_eq!(there, listed, "{what}");
        drop(open);
        expect(0, &["case", "verify", &arg(case)]);
    }
}

#[test]
fn a_crash_at_every_point_of_a_commit() {
    let bench = Bench::new(&[60, 40]);
    let whole_case = bench.case("whole");
    bench.run(&whole_case);
    let whole = bench.holds(&whole_case);
    assert_eq!((whole.0.len(), whole.1.len()), (100 + 10 + 1, 100));
    let mut passed = Vec::new();
    for point in POINTS {
        let case = bench.case(point);
        if bench.run_until(&case, point) {
            assert!(OF_UPKEEP.contains(point), "an investigation does not pass {point}");
        } else {
            passed.push(point);
            // And the repair is cut short there, too.
            bench.run_until(&case, point);
        }
        bench.recovers(&case, &whole, point);
    }
    assert!(passed.len() >= 7, "{passed:?}");
}

#[test]
fn a_crash_between_the_parts_of_a_file() {
    // More findings than one commit takes: the file is kept in parts.
    let bench = Bench::new(&[20_500]);
    let whole_case = bench.case("whole");
    bench.run(&whole_case);
    let whole = bench.holds(&whole_case);
    for point in ["transaction-committed", "segments-recorded:2"] {
        let case = bench.case(&point.replace(':', "-"));
        assert!(!bench.run_until(&case, point), "{point}");
        bench.recovers(&case, &whole, point);
    }
}

#[test]
fn killed_at_any_moment() {
    let bench = Bench::new(&[900, 10, 700, 5]);
    let whole_case = bench.case("whole");
    let started = Instant::now();
    bench.run(&whole_case);
    let most = started.elapsed().as_micros() as u64;
    let whole = bench.holds(&whole_case);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for n in 0..15 {
        let case = bench.case(&format!("killed-{n}"));
        // Twice, so that some repairs are cut short.
        for _ in 0..2 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bench.kill_after(&case, Duration::from_micros(random % most));
        }
        bench.recovers(&case, &whole, &format!("kill {n}"));
    }
}
