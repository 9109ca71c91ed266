//! `case verify`: what it sees.

use palisade_model::{Time, Verdict, VerdictKind};
use palisade_store::*;

use crate::bench::{Bench, failed, info};

crate::on_both!(
    verify_sees_changed_and_missing_evidence,
    verify_sees_edited_custody,
    verify_sees_edited_verdicts,
    verify_sees_edited_attributions,
    odd_paths_in_the_manifest,
);

pub fn verify_sees_changed_and_missing_evidence(b: &Bench) {
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

pub fn verify_sees_edited_custody(b: &Bench) {
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
        "UPDATE problem SET message = 'nothing was wrong'",
        "DELETE FROM problem WHERE source = 1",
        "UPDATE coverage SET events = events - 1",
        "UPDATE coverage SET last_us = NULL WHERE source = 2",
        "DELETE FROM custody WHERE kind = 'coverage'",
        "UPDATE run SET command_line = 'palisade investigate y'",
        "INSERT INTO legal_hold (id, name, reason, analyst, time_us) VALUES (1, 'x', 'x', 'x', 1)",
    ];
    for edit in edits {
        let b = b.another();
        b.run(1, &[b.evidence("a", b"one"), b.evidence("b", b"two")]);
        assert!(verify(b.case(), &[]).unwrap().ok());
        b.sql(edit);
        let report = verify(b.case(), &[]).unwrap();
        assert!(!report.ok(), "{edit} was not seen: {report:#?}");
    }
}

pub fn verify_sees_edited_verdicts(b: &Bench) {
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

pub fn verify_sees_edited_attributions(b: &Bench) {
    b.run(1, &[b.evidence("a", b"one")]);
    let word = StoredAttribution {
        campaign: "ab".into(),
        kind: "adopted".into(),
        analyst: "ana".into(),
        time: Time(5),
        reason: "it fits".into(),
        body: "{}".into(),
        undone: None,
    };
    let id = Case::open(b.case()).unwrap().attribution_add(&word).unwrap();
    assert!(verify(b.case(), &[]).unwrap().ok());
    Case::open(b.case()).unwrap().attribution_undo(id, Time(9)).unwrap();
    assert!(verify(b.case(), &[]).unwrap().ok());
    for edit in [
        "UPDATE attribution SET undone = NULL",
        "UPDATE attribution SET body = '{\"answer\":\"group\"}'",
        "UPDATE attribution SET analyst = 'bob'",
    ] {
        b.sql(edit);
        let report = verify(b.case(), &[]).unwrap();
        assert!(failed(&report)[0].contains("1 attributions were changed"), "{edit}: {report:#?}");
        b.sql("UPDATE attribution SET undone = 9, body = '{}', analyst = 'ana'");
        assert!(verify(b.case(), &[]).unwrap().ok());
    }
}

pub fn odd_paths_in_the_manifest(b: &Bench) {
    let s = SourceRecord { path: "a\\b\nc".into(), ..b.evidence("x", b"1") };
    b.run(1, std::slice::from_ref(&s));
    let text = std::fs::read_to_string(b.case().join(MANIFEST)).unwrap();
    assert_eq!(text, format!("\\{}  a\\\\b\\nc\n", s.sha256));
    assert!(verify(b.case(), &[]).unwrap().ok());
}
#[test]
fn verify_changes_nothing() {
    let b = Bench::sqlite();
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
    let b = Bench::sqlite();
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
