//! The case: what is kept, kept once, kept whole.

#![allow(clippy::unwrap_used, reason = "helpers of one test binary")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_model::{
    Citation, Confidence, Finding, FindingId, Message, Observable, Origin, Problem, ProblemCode, RuleInfo,
    Severity, SourceId, Time, Vector, Verdict, VerdictKind,
};
use palisade_store::*;
use sha2::{Digest, Sha256};

/// Evidence and a case beside it.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("evidence")).unwrap();
        Bench { dir }
    }
    fn case(&self) -> PathBuf {
        self.dir.path().join("case")
    }
    fn evidence(&self, name: &str, bytes: &[u8]) -> SourceRecord {
        let path = self.dir.path().join("evidence").join(name);
        std::fs::write(&path, bytes).unwrap();
        SourceRecord {
            sha256: Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect(),
            bytes: bytes.len() as u64,
            path: path.to_str().unwrap().to_owned(),
            state: SourceState::Complete,
            records: 3,
        }
    }
    /// One run over these sources, two findings each.
    fn run(&self, at: i64, sources: &[SourceRecord]) -> Added {
        let mut case = Case::open_or_create(self.case()).unwrap();
        let mut run = case.begin_run(&info(at)).unwrap();
        let mut sum = Added::default();
        for s in sources {
            let added = add(&mut run, s).unwrap();
            sum.sources += added.sources;
            sum.findings += added.findings;
            sum.citations += added.citations;
        }
        run.finish_run(Time(at + 1)).unwrap();
        sum
    }
    fn counts(&self) -> Counts {
        Case::open_read_only(self.case()).unwrap().counts().unwrap()
    }
    fn sql(&self, statement: &'static str) {
        use sqlx::ConnectOptions;
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(self.case().join(DATABASE))
            .foreign_keys(false);
        let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        rt.block_on(async {
            let mut conn = options.connect().await.unwrap();
            sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
            sqlx::Connection::close(conn).await.unwrap();
        });
    }
}

fn info(at: i64) -> RunInfo {
    RunInfo {
        started: Time(at),
        tool_version: "0.1.0".into(),
        command_line: "palisade investigate x".into(),
        operator: "ana".into(),
        machine: "ws1".into(),
        rules_digest: "r".into(),
        config_digest: "c".into(),
    }
}

fn finding(text: &str, source: u32, time: i64) -> Finding {
    let mut digest = [0; 16];
    digest.copy_from_slice(&Sha256::digest(text)[..16]);
    Finding {
        id: FindingId::new("rule-1", &digest),
        vector: Vector::Host,
        rule: Arc::new(RuleInfo {
            id: "rule-1".into(),
            title: "Title".into(),
            level: Severity::High,
            confidence: Confidence(75),
            attack: vec!["T1059.001".into()],
            author: Some("A. Uthor".into()),
            license: None,
            description: None,
            false_positives: vec![],
            file: "r.yml".into(),
        }),
        message: Message { id: "sigma.match".into(), args: vec![("Image".into(), "x\u{1b}.exe".into())] },
        time: Some(Time(time)),
        time_end: Some(Time(time)),
        host: Some("dc1".into()),
        observables: vec![Observable::ip("192.0.2.1".parse().unwrap())],
        citations: vec![Citation { source: SourceId(source), record: 7, offset: 512 }],
        recovered: false,
    }
}

fn add(run: &mut RunWriter<'_>, s: &SourceRecord) -> Result<Added> {
    let findings =
        [finding(&format!("{} one", s.sha256), 0, 20), finding(&format!("{} two", s.sha256), 1, 10)];
    let origin = Origin::file(s.path.clone());
    let problems = [Problem::new(ProblemCode::DamagedPart, &origin, 9, "a chunk is damaged")];
    let coverage =
        [CoverageRow { shape: "sysmon/1".into(), events: 3, first: Some(Time(1)), last: Some(Time(2)) }];
    let resolve = |id: SourceId| {
        let origin = if id.0 == 0 { origin.clone() } else { origin.member("in.zip").member("b.evtx") };
        Some(CitedSource { sha256: s.sha256.clone(), origin })
    };
    run.source(s, &findings, &problems, &coverage, &resolve)
}

#[test]
fn round_trip() {
    let b = Bench::new();
    let s = b.evidence("a.evtx", b"evidence a");
    assert_eq!(b.run(1, std::slice::from_ref(&s)), Added { sources: 1, findings: 2, citations: 2 });
    let mut case = Case::open(b.case()).unwrap();
    assert_eq!(case.known(&s.sha256).unwrap(), Some(SourceState::Complete));
    assert_eq!(case.known("00").unwrap(), None);
    let all = case.findings(&Filter::default()).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].time, all[1].time), (Some(Time(10)), Some(Time(20))));
    let f = &all[0];
    assert_eq!(f.severity, Severity::High);
    assert_eq!(f.message.args[0].1, "x\u{1b}.exe");
    assert_eq!(f.attack, ["T1059.001"]);
    assert_eq!(f.observables[0]["value"], "192.0.2.1");
    let cited = StoredCitation {
        sha256: s.sha256,
        path: s.path,
        member: "in.zip!b.evtx".into(),
        record: 7,
        offset: 512,
    };
    assert_eq!(f.citations, [cited]);
    let none = Filter { min_severity: Severity::Critical, ..Filter::default() };
    assert!(case.findings(&none).unwrap().is_empty());
    let one = Filter { rule: Some("rule-1".into()), limit: Some(1), ..Filter::default() };
    assert_eq!(case.findings(&one).unwrap().len(), 1);
}

#[test]
fn the_same_twice_changes_nothing() {
    let b = Bench::new();
    let s = b.evidence("a.evtx", b"evidence a");
    b.run(1, std::slice::from_ref(&s));
    let before = b.counts();
    assert_eq!(b.run(2, std::slice::from_ref(&s)), Added::default());
    // That it was read again is a run, and its end; nothing else is new.
    assert_eq!(b.counts(), Counts { runs: 2, custody: before.custody + 2, ..before });
    // The same bytes elsewhere: a path and its custody.
    let copy = b.evidence("copy.evtx", b"evidence a");
    assert_eq!(b.run(3, &[copy]), Added::default());
    assert_eq!(b.counts(), Counts { runs: 3, custody: before.custody + 5, ..before });
    let report = verify(b.case(), &[]).unwrap();
    assert!(report.ok(), "{report:#?}");
    let manifest = std::fs::read_to_string(b.case().join(MANIFEST)).unwrap();
    assert_eq!(manifest.lines().count(), 2);
    assert!(manifest.starts_with(&format!("{}  ", s.sha256)));
}

#[test]
fn what_is_said_last_holds() {
    let b = Bench::new();
    let s = b.evidence("a.evtx", b"evidence a");
    let origin = Origin::file(s.path.clone());
    let resolve = |_| Some(CitedSource { sha256: s.sha256.clone(), origin: origin.clone() });
    let mut case = Case::open_or_create(b.case()).unwrap();
    for (at, title, level, problems, events) in
        [(1, "Old", Severity::Low, 3, 7), (2, "New", Severity::Critical, 1, 9)]
    {
        let mut f = finding("x", 0, 1);
        let rule = Arc::get_mut(&mut f.rule).unwrap();
        (rule.title, rule.level) = (title.into(), level);
        f.host = Some(title.into());
        let problems: Vec<_> =
            (0..problems).map(|_| Problem::new(ProblemCode::Syntax, &origin, None, "bad line")).collect();
        let coverage = [CoverageRow { shape: "s".into(), events, first: None, last: None }];
        let mut run = case.begin_run(&info(at)).unwrap();
        run.source(&s, &[f], &problems, &coverage, &resolve).unwrap();
        // A part of a file that is known whole takes nothing away.
        run.paths(std::slice::from_ref(&s)).unwrap();
        run.finish_run(Time(at)).unwrap();
    }
    let all = case.findings(&Filter::default()).unwrap();
    assert_eq!(all.len(), 1);
    let f = &all[0];
    assert_eq!((f.title.as_str(), f.severity, f.host.as_deref()), ("New", Severity::Critical, Some("New")));
    assert_eq!(f.first_run, 1);
    assert_eq!(case.counts().unwrap().problems, 1);
    let critical = Filter { min_severity: Severity::Critical, ..Filter::default() };
    assert_eq!(case.findings(&critical).unwrap().len(), 1);
}

#[test]
fn one_finding_in_two_sources_has_two_citations() {
    let b = Bench::new();
    let (s1, s2) = (b.evidence("a", b"1"), b.evidence("b", b"2"));
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    for s in [&s1, &s2] {
        let resolve =
            |_| Some(CitedSource { sha256: s.sha256.clone(), origin: Origin::file(s.path.clone()) });
        run.source(s, &[finding("same record", 0, 1)], &[], &[], &resolve).unwrap();
    }
    let counts = case.counts().unwrap();
    assert_eq!((counts.findings, counts.citations), (1, 2));
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for e in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(e.path(), to.join(e.file_name())).unwrap();
    }
}

#[test]
fn a_crash_keeps_what_was_acknowledged() {
    let b = Bench::new();
    let (s1, s2) = (b.evidence("a", b"1"), b.evidence("b", b"2"));
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    add(&mut run, &s1).unwrap();
    // A source that fails half way leaves nothing of itself.
    let known = |_| Some(CitedSource { sha256: s2.sha256.clone(), origin: Origin::file("b") });
    let half = |id: SourceId| if id.0 == 0 { known(id) } else { None };
    let bad = run.source(&s2, &[finding("x", 0, 1), finding("y", 1, 1)], &[], &[], &half);
    assert!(matches!(bad, Err(Error::UnknownSource { .. })), "{bad:?}");
    // What kill -9 leaves behind: the files as they are, database and log.
    let crashed = b.dir.path().join("crashed");
    copy_dir(&b.case(), &crashed);
    let report = verify(&crashed, &[]).unwrap();
    assert!(report.ok(), "{report:#?}");
    let mut again = Case::open(&crashed).unwrap();
    assert_eq!(again.known(&s1.sha256).unwrap(), Some(SourceState::Complete));
    assert_eq!(again.known(&s2.sha256).unwrap(), None);
    let c = again.counts().unwrap();
    assert_eq!((c.sources, c.findings, c.citations, c.runs), (1, 2, 2, 1));
    let mut run = again.begin_run(&info(2)).unwrap();
    assert_eq!(add(&mut run, &s1).unwrap(), Added::default());
    assert_eq!(add(&mut run, &s2).unwrap(), Added { sources: 1, findings: 2, citations: 2 });
    run.finish_run(Time(3)).unwrap();
    drop(again);
    assert!(verify(&crashed, &[]).unwrap().ok());
}

#[test]
fn several_sources_in_one_commit_are_kept_all_or_none() {
    let b = Bench::new();
    let records = [b.evidence("a", b"1"), b.evidence("b", b"2")];
    let said: Vec<Said> = (0u32..)
        .zip(&records)
        .map(|(i, s)| Said {
            source: s.clone(),
            findings: vec![finding(&s.sha256, i, 1)],
            problems: vec![],
            coverage: vec![],
        })
        .collect();
    let cite = |id: SourceId| {
        let s = records.get(id.0 as usize)?;
        Some(CitedSource { sha256: s.sha256.clone(), origin: Origin::file(s.path.clone()) })
    };
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    let half = |id: SourceId| if id.0 == 0 { cite(id) } else { None };
    assert!(matches!(run.sources(&said, &half), Err(Error::UnknownSource { .. })));
    assert_eq!(run.sources(&said, &cite).unwrap(), Added { sources: 2, findings: 2, citations: 2 });
    run.finish_run(Time(2)).unwrap();
    assert_eq!((b.counts().complete, b.counts().findings), (2, 2));
    assert!(verify(b.case(), &[]).unwrap().ok());
}

#[test]
fn a_partial_source_becomes_complete() {
    let b = Bench::new();
    let s = b.evidence("a", b"1");
    b.run(1, &[SourceRecord { state: SourceState::Partial, ..s.clone() }]);
    assert_eq!(b.counts().complete, 0);
    assert_eq!(b.run(2, std::slice::from_ref(&s)), Added::default());
    let c = b.counts();
    assert_eq!((c.complete, c.problems), (1, 1));
    // And stays so.
    b.run(3, &[SourceRecord { state: SourceState::Partial, ..s }]);
    assert_eq!(b.counts().complete, 1);
}

fn failed(report: &Report) -> Vec<&str> {
    report.checks.iter().filter(|c| c.outcome == Outcome::Failed).map(|c| c.what.as_str()).collect()
}

#[test]
fn verify_sees_changed_and_missing_evidence() {
    let b = Bench::new();
    let (s1, s2) = (b.evidence("a", b"one"), b.evidence("b", b"two"));
    b.run(1, &[s1.clone(), s2.clone()]);
    std::fs::write(&s1.path, b"onE").unwrap();
    let report = verify(b.case(), &[]).unwrap();
    assert_eq!(failed(&report).len(), 1);
    assert!(failed(&report)[0].contains("was changed"));
    // Moved away: stated, no failure; found again under a root.
    std::fs::write(&s1.path, b"one").unwrap();
    let moved = b.dir.path().join("moved");
    std::fs::rename(b.dir.path().join("evidence"), &moved).unwrap();
    let missing = |r: &Report| r.checks.iter().filter(|c| c.outcome == Outcome::Missing).count();
    let report = verify(b.case(), &[]).unwrap();
    assert!(report.ok() && missing(&report) == 2, "{report:#?}");
    let report = verify(b.case(), &[moved]).unwrap();
    assert!(report.ok() && missing(&report) == 0, "{report:#?}");
}

#[test]
fn verify_sees_edited_custody() {
    let edits = [
        "UPDATE custody SET path = 'other' WHERE seq = 2",
        "UPDATE custody SET bytes = bytes + 1 WHERE seq = 2",
        "DELETE FROM custody WHERE seq = 2",
        "UPDATE custody SET seq = 9 WHERE seq = 2",
        "UPDATE run SET operator = 'bob'",
        "UPDATE finding SET severity = 'low'",
        "UPDATE finding SET host = NULL",
        "UPDATE finding SET message = '{}' WHERE time_us = 10",
        "UPDATE citation SET record = record + 1",
        "DELETE FROM citation WHERE source = 1; DELETE FROM finding WHERE id NOT IN (SELECT finding FROM citation)",
        "DELETE FROM custody WHERE kind = 'findings'",
        "DELETE FROM custody; DELETE FROM source_path; DELETE FROM source",
        "INSERT INTO verdict (id, subject, kind, analyst, time_us, reason) VALUES (1, '[]', 'benign', 'x', 1, 'x')",
        "UPDATE source SET sha256 = 'ff' WHERE id = 1",
        "DELETE FROM citation",
        "DELETE FROM source WHERE id = 1",
    ];
    for edit in edits {
        let b = Bench::new();
        b.run(1, &[b.evidence("a", b"one"), b.evidence("b", b"two")]);
        assert!(verify(b.case(), &[]).unwrap().ok());
        b.sql(edit);
        let report = verify(b.case(), &[]).unwrap();
        assert!(!report.ok(), "{edit} was not seen: {report:#?}");
    }
}

#[test]
fn verify_sees_edited_verdicts() {
    let b = Bench::new();
    b.run(1, &[b.evidence("a", b"one")]);
    let v = Verdict {
        subject: vec!["ab".into()],
        kind: VerdictKind::FalsePositive,
        analyst: "ana".into(),
        time: Time(5),
        reason: "backup".into(),
        expires: None,
        undone: None,
    };
    let id = Case::open(b.case()).unwrap().verdict_add(&v).unwrap();
    assert!(verify(b.case(), &[]).unwrap().ok());
    Case::open(b.case()).unwrap().verdict_undo(id, Time(9)).unwrap();
    assert!(verify(b.case(), &[]).unwrap().ok());
    b.sql("UPDATE verdict SET undone = NULL");
    assert!(failed(&verify(b.case(), &[]).unwrap())[0].contains("1 verdicts were changed"));
    b.sql("UPDATE verdict SET undone = 9");
    // A run that did not end leaves findings that are not sealed: said, and no failure.
    Case::open(b.case()).unwrap().begin_run(&info(2)).unwrap();
    let report = verify(b.case(), &[]).unwrap();
    assert!(report.ok() && report.checks.iter().any(|c| c.what.contains("are not sealed")), "{report:#?}");
}

#[test]
fn verify_changes_nothing() {
    let b = Bench::new();
    b.run(1, &[b.evidence("a", b"one")]);
    let list = || {
        let mut v: Vec<_> = std::fs::read_dir(b.case())
            .unwrap()
            .flatten()
            .map(|e| (e.file_name(), std::fs::read(e.path()).unwrap()))
            .collect();
        v.sort();
        v
    };
    let before = list();
    let report = verify(b.case(), &[]).unwrap();
    assert!(report.ok() && report.custody_head.is_some());
    assert!(before == list(), "the case directory changed");
}

#[test]
fn verify_survives_damage() {
    let b = Bench::new();
    let sources: Vec<_> = (0..30).map(|i| b.evidence(&format!("{i}"), format!("{i}").as_bytes())).collect();
    b.run(1, &sources);
    let db = b.case().join(DATABASE);
    let good = std::fs::read(&db).unwrap();
    // The head of each page; the first page's stands behind the file's own. Bytes that no row uses
    // are not covered by anything.
    for at in (0..good.len()).step_by(4_096).map(|at| at.max(100)) {
        let mut bad = good.clone();
        let end = (at + 600).min(bad.len());
        bad[at..end].fill(0xa5);
        std::fs::write(&db, &bad).unwrap();
        match verify(b.case(), &[]) {
            Ok(report) => assert!(!report.ok(), "damage at {at} was not seen"),
            Err(e) => assert!(
                matches!(e, Error::Damaged { .. } | Error::NotACase(_) | Error::Database { .. }),
                "{e:?}"
            ),
        }
    }
}

#[test]
fn newer_schema() {
    let b = Bench::new();
    b.run(1, &[]);
    b.sql("INSERT INTO schema_migration (version, name) VALUES (99, 'the future')");
    for e in [
        Case::open(b.case()).err(),
        Case::open_read_only(b.case()).err(),
        Case::open_or_create(b.case()).err(),
    ] {
        let e = e.unwrap();
        assert!(matches!(e, Error::NewerSchema { found: 99, known: SCHEMA_VERSION, .. }));
        assert!(e.to_string().contains("open it with"), "{e}");
    }
}

#[test]
fn one_writer_many_readers() {
    let b = Bench::new();
    let s = b.evidence("a", b"1");
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    assert!(matches!(Case::open_or_create(b.case()), Err(Error::Locked(_))));
    assert!(matches!(Case::open(b.case()), Err(Error::Locked(_))));
    add(&mut run, &s).unwrap();
    let mut reader = Case::open_read_only(b.case()).unwrap();
    assert_eq!(reader.counts().unwrap().findings, 2);
    assert!(matches!(reader.begin_run(&info(2)), Err(Error::ReadOnly { .. })));
    drop(case);
    Case::open(b.case()).unwrap();
}

#[test]
fn not_a_case() {
    let b = Bench::new();
    assert!(matches!(Case::open(b.case()), Err(Error::NotACase(_))));
    assert!(matches!(verify(b.case(), &[]), Err(Error::NotACase(_))));
    let full = b.dir.path().join("evidence");
    b.evidence("a", b"1");
    let e = Case::open_or_create(&full).err().unwrap();
    assert!(matches!(e, Error::NotEmpty { .. }), "{e}");
    assert_eq!(std::fs::read_dir(&full).unwrap().count(), 1);
    std::fs::create_dir(b.case()).unwrap();
    std::fs::write(b.case().join("palisade.toml"), "").unwrap();
    Case::open_or_create(b.case()).unwrap();
    // A file that is no database.
    std::fs::write(full.join(DATABASE), "this is no database, whatever its name says").unwrap();
    assert!(matches!(Case::open(&full), Err(Error::Damaged { .. })));
}

#[test]
fn verdicts() {
    let b = Bench::new();
    let mut case = Case::open_or_create(b.case()).unwrap();
    let v = Verdict {
        subject: vec!["ab".into()],
        kind: VerdictKind::FalsePositive,
        analyst: "ana".into(),
        time: Time(5),
        reason: "backup job".into(),
        expires: Some(Time(50)),
        undone: None,
    };
    let id = case.verdict_add(&v).unwrap();
    assert_eq!(case.verdicts().unwrap(), [(id, v.clone())]);
    case.verdict_undo(id, Time(9)).unwrap();
    case.verdict_undo(id, Time(10)).unwrap();
    assert_eq!(case.verdicts().unwrap(), [(id, Verdict { undone: Some(Time(9)), ..v })]);
    let e = case.verdict_undo(77, Time(9)).unwrap_err();
    assert_eq!(e.to_string(), "the case has no verdict 77; `palisade case verdict list` lists them");
}

#[test]
fn a_finding_needs_evidence() {
    let b = Bench::new();
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    let naked = Finding { citations: vec![], ..finding("x", 0, 1) };
    assert!(matches!(run.findings(&[naked], &|_| None), Err(Error::NoCitation(_))));
    assert_eq!(case.counts().unwrap().findings, 0);
}

#[test]
fn odd_paths_in_the_manifest() {
    let b = Bench::new();
    let s = SourceRecord { path: "a\\b\nc".into(), ..b.evidence("x", b"1") };
    b.run(1, std::slice::from_ref(&s));
    let text = std::fs::read_to_string(b.case().join(MANIFEST)).unwrap();
    assert_eq!(text, format!("\\{}  a\\\\b\\nc\n", s.sha256));
    assert!(verify(b.case(), &[]).unwrap().ok());
}
