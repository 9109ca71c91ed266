//! The case under repetition, interruption and change.

use std::path::{Path, PathBuf};

use palisade_model::Time;
use palisade_pipeline::{Error, Keep, Knowledge, RuleSources, Settings, investigate, load_rules};
use palisade_store::{Case, Counts, Filter, RunInfo, verify};

use crate::hostile::{Said, events, knowledge, write};

/// Evidence in ten files, and a place for a case.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { dir: tempfile::tempdir().unwrap() };
        for (i, chunk) in events().chunks(events().len().div_ceil(10)).enumerate() {
            write(&bench.evidence().join(format!("{i}.json")), format!("{}\n", chunk.join("\n")).as_bytes());
        }
        bench
    }
    fn evidence(&self) -> PathBuf {
        self.dir.path().join("evidence")
    }
    fn case(&self) -> PathBuf {
        self.dir.path().join("case")
    }
    /// One run; gives up after so many files, as a process does that is killed.
    fn run(
        &self,
        knowledge: &Knowledge,
        rules: &str,
        at: i64,
        stop_after: Option<usize>,
    ) -> (Said, Option<u64>) {
        self.run_over(&[self.evidence()], knowledge, rules, at, stop_after)
    }
    fn run_over(
        &self,
        paths: &[PathBuf],
        knowledge: &Knowledge,
        rules: &str,
        at: i64,
        stop_after: Option<usize>,
    ) -> (Said, Option<u64>) {
        self.run_with(paths, knowledge, rules, at, stop_after, 2)
    }
    fn run_with(
        &self,
        paths: &[PathBuf],
        knowledge: &Knowledge,
        rules: &str,
        at: i64,
        stop_after: Option<usize>,
        jobs: usize,
    ) -> (Said, Option<u64>) {
        let mut case = Case::open_or_create(self.case()).unwrap();
        let info = RunInfo {
            started: Time(at),
            tool_version: "0".into(),
            command_line: "palisade investigate evidence".into(),
            operator: "olena".into(),
            machine: "ws1".into(),
            rules_digest: rules.into(),
            config_digest: String::new(),
        };
        let keep =
            Keep { case: &mut case, info, inputs: Vec::new(), reread: false, jobs, looking: Vec::new() };
        let settings = Settings { paths: paths.to_vec(), jobs, ..Settings::default() };
        let mut said = Said { stop_after, ..Said::default() };
        match investigate(&settings, knowledge, Some(keep), &mut said) {
            Ok(summary) => (said, Some(summary.files_known)),
            Err(Error::Output(_)) => (said, None),
            Err(e) => panic!("{e}"),
        }
    }
    fn counts(&self) -> Counts {
        Case::open_read_only(self.case()).unwrap().counts().unwrap()
    }
    /// What the case holds of findings, without the run that first found them.
    fn findings(&self) -> Vec<String> {
        let mut case = Case::open_read_only(self.case()).unwrap();
        let found = case.findings(&Filter::default()).unwrap();
        let folder = self.dir.path().display().to_string();
        let line = |f: &palisade_store::StoredFinding| {
            let places: Vec<String> = f
                .citations
                .iter()
                .map(|c| format!("{}@{}/{}", c.path.replace(&folder, ""), c.record, c.offset))
                .collect();
            format!("{} {} {:?} {places:?}", f.id, f.rule_id, f.time)
        };
        found.iter().map(line).collect()
    }
    fn verify(&self) -> Result<(), String> {
        let report = verify(self.case(), &[]).unwrap();
        if report.ok() { Ok(()) } else { Err(format!("{:#?}", report.checks)) }
    }
}

#[test]
fn the_same_evidence_again_adds_a_run_and_nothing_else() {
    let bench = Bench::new();
    let (first, known) = bench.run(knowledge(), "r", 1, None);
    assert_eq!(known, Some(0));
    let before = (bench.counts(), bench.findings());
    assert_eq!((before.0.sources, before.0.complete, before.0.runs), (10, 10, 1));
    assert!(before.0.findings >= 40);
    let (again, known) = bench.run(knowledge(), "r", 2, None);
    assert_eq!((again.findings.len(), known), (0, Some(10)), "known evidence is not read again");
    let after = bench.counts();
    assert_eq!(Counts { runs: 2, custody: after.custody, ..before.0 }, after);
    assert_eq!(bench.findings(), before.1);
    bench.verify().unwrap();
    assert!(!first.findings.is_empty());
}

#[test]
fn the_same_bytes_elsewhere_add_their_path() {
    let bench = Bench::new();
    bench.run(knowledge(), "r", 1, None);
    let before = (bench.counts(), bench.findings());
    let copy = bench.dir.path().join("copy/of/3.json");
    write(&copy, &std::fs::read(bench.evidence().join("3.json")).unwrap());
    let (said, known) = bench.run_over(std::slice::from_ref(&copy), knowledge(), "r", 2, None);
    assert_eq!((said.findings.len(), known), (0, Some(1)));
    assert_eq!((bench.counts().sources, bench.findings()), (10, before.1));
    let report = verify(bench.case(), &[]).unwrap();
    assert!(report.ok(), "{report:#?}");
    let copy = copy.display().to_string();
    assert!(report.checks.iter().any(|c| c.what.contains(&copy)), "{report:#?}");
    assert_eq!(bench.counts().findings, before.0.findings);
}

#[test]
fn copies_are_read_once_with_any_number_of_threads() {
    let text = format!("{}\n", events().join("\n"));
    let mut all = Vec::new();
    for jobs in [1, 2, 4] {
        let bench = Bench { dir: tempfile::tempdir().unwrap() };
        for i in 0..6 {
            write(&bench.evidence().join(format!("{i}.json")), text.as_bytes());
        }
        for (at, rules) in [(1, "r"), (2, "other"), (3, "other")] {
            let (said, known) = bench.run_with(&[bench.evidence()], knowledge(), rules, at, None, jobs);
            assert_eq!(known, Some(if at == 3 { 6 } else { 5 }), "{jobs} jobs, run {at}");
            all.push((at, said.ids().join(" ")));
        }
        assert_eq!(bench.counts().sources, 1);
        bench.verify().unwrap();
        let manifest = std::fs::read_to_string(bench.case().join("manifest.txt")).unwrap();
        assert_eq!(manifest.lines().count(), 6);
    }
    assert!(!all[0].1.is_empty());
    assert!(all.iter().all(|(at, ids)| *ids == if *at == 3 { "" } else { &all[0].1 }), "{all:?}");
}

#[test]
fn neither_the_case_nor_what_was_named_already_is_read() {
    let bench = Bench::new();
    let (whole, _) = bench.run(knowledge(), "r", 1, None);
    let clean = bench.counts();
    // The case lies in what is named, the evidence in it is named twice more.
    let paths = [bench.evidence().join("3.json"), bench.dir.path().to_owned(), bench.evidence()];
    let (said, known) = bench.run_over(&paths, knowledge(), "other", 2, None);
    assert_eq!((said.ids(), known), (whole.ids(), Some(0)));
    let told: Vec<&str> = said.problems.iter().map(|p| p.message.as_str()).collect();
    let twice = "named twice, or lies in what is named too; read once";
    assert_eq!(told, ["the case itself, which is not read as evidence", twice, twice]);
    // They are problems of the run, of no file in it.
    assert_eq!(bench.counts().sources, clean.sources);
    assert_eq!(bench.counts().problems, clean.problems + 3);
    bench.verify().unwrap();
    let inside = [bench.evidence(), bench.case().join("manifest.txt")];
    let (said, _) = bench.run_over(&inside, knowledge(), "r", 3, None);
    assert_eq!(said.problems.len(), 1, "{:#?}", said.problems);
    assert_eq!(bench.counts().sources, clean.sources);
}

#[test]
fn other_rules_read_again_and_only_add() {
    let all = load_rules(&RuleSources { shipped: true, ..RuleSources::default() }, 2).rules;
    let some = Knowledge::new(all[..all.len() / 2].to_vec(), Vec::new(), &[]).unwrap();
    let bench = Bench::new();
    bench.run(&some, "half", 1, None);
    let before = bench.findings();
    let (_, known) = bench.run(knowledge(), "all", 2, None);
    assert_eq!(known, Some(0), "other rules may find something else");
    let after = bench.findings();
    assert!(after.len() > before.len(), "{} {}", before.len(), after.len());
    assert!(before.iter().all(|f| after.contains(f)));
    assert_eq!(bench.counts().sources, 10);

    let whole = Bench::new();
    whole.run(knowledge(), "all", 1, None);
    assert_eq!(whole.findings(), after, "by whatever way, the same case");
    bench.verify().unwrap();
}

#[test]
fn a_run_that_was_cut_short_is_completed_by_the_next() {
    let whole = Bench::new();
    whole.run(knowledge(), "r", 1, None);
    for stop in [1, 4, 9, 10] {
        let bench = Bench::new();
        let (_, ended) = bench.run(knowledge(), "r", 1, Some(stop));
        assert_eq!(ended, None);
        let partly = bench.counts();
        assert!(partly.complete >= stop as u64 && partly.complete <= 10, "{partly:?}");
        bench.verify().unwrap();
        let (_, known) = bench.run(knowledge(), "r", 2, None);
        assert_eq!(known, Some(partly.complete), "what was complete is not read again");
        assert_eq!(bench.counts().complete, 10);
        assert_eq!(bench.findings(), whole.findings(), "stopped after {stop} files");
        bench.verify().unwrap();
    }
}

#[test]
fn a_flipped_byte_shows() {
    let bench = Bench::new();
    bench.run(knowledge(), "r", 1, None);
    bench.verify().unwrap();
    let flip = |path: &Path, at: usize| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let file = bench.evidence().join("5.json");
    for at in [0, 100, usize::MAX] {
        flip(&file, at);
        let wrong = bench.verify().unwrap_err();
        assert!(wrong.contains("5.json") && wrong.contains("was changed"), "{wrong}");
        flip(&file, at);
        bench.verify().unwrap();
    }
    flip(&bench.case().join("manifest.txt"), 3);
    assert!(bench.verify().unwrap_err().contains("manifest.txt"));
    flip(&bench.case().join("manifest.txt"), 3);
    // Evidence that is not here is said, and is no failure.
    std::fs::remove_file(&file).unwrap();
    bench.verify().unwrap();
    let report = verify(bench.case(), &[]).unwrap();
    assert!(report.checks.iter().any(|c| c.what.contains("5.json") && c.what.contains("not here")));
    // A file that changed is new evidence; the old one stays on record.
    write(&file, b"{\"a\":1}\n");
    bench.run(knowledge(), "r", 2, None);
    assert_eq!(bench.counts().sources, 11);
    assert!(bench.verify().unwrap_err().contains("5.json"), "the path no longer holds what was cited");
}
