//! Backups, cases restored from them, cases moved between databases.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use palisade_model::{Origin, Problem, ProblemCode, Time, Verdict, VerdictKind};
use palisade_store::*;

use crate::bench::{Bench, add, failed, info, sha256, sql};

crate::on_both!(
    a_backup_is_a_case,
    a_backup_while_others_read,
    a_backup_goes_back,
    a_damaged_backup_is_not_restored,
    a_segment_that_is_gone,
    verify_sees_segments,
);

/// A case with something in every table that this room writes, and two segments.
fn full(b: &Bench) {
    let sources = [b.evidence("a", b"one"), b.evidence("b", b"two")];
    b.run(1, &sources);
    let lake = b.case().join(LAKE).join("windows_sysmon");
    std::fs::create_dir_all(&lake).unwrap();
    let mut case = Case::open(b.case()).unwrap();
    for (file, bytes) in
        [("windows_sysmon/1.parquet", b"PAR1 one"), ("windows_sysmon/2.parquet", b"PAR1 two")]
    {
        let index = b"index";
        let path = b.case().join(LAKE).join(file);
        std::fs::write(&path, bytes).unwrap();
        std::fs::write(path.with_extension("obs"), index).unwrap();
        case.put_segment(1, file, 7, (&sha256(bytes), 8), (&sha256(index), 5)).unwrap();
    }
    let mut run = case.begin_run(&info(5)).unwrap();
    run.problems(&[Problem::new(ProblemCode::Syntax, &Origin::file("x"), None, "of no source")]).unwrap();
    run.indicators(&indicators()).unwrap();
    run.finish_run(Time(6)).unwrap();
    let word = Verdict {
        subject: vec!["ab".into()],
        kind: VerdictKind::Comment,
        analyst: "ana".into(),
        time: Time(7),
        reason: "look here".into(),
        expires: None,
        undone: None,
    };
    case.verdict_add(&word).unwrap();
    let adopted = StoredAttribution {
        campaign: "ab".repeat(16),
        kind: "adopted".into(),
        analyst: "ana".into(),
        time: Time(8),
        reason: "it fits".into(),
        body: "{}".into(),
        undone: None,
    };
    case.attribution_add(&adopted).unwrap();
    assert_eq!(case.attributions().unwrap().len(), 1);
    let answer = StoredAnswer {
        campaign: "ab".repeat(16),
        scale: "nis2".into(),
        item: "losses".into(),
        choices: vec!["no".into()],
        analyst: "ana".into(),
        time: Time(8),
        reason: "asked".into(),
        undone: None,
    };
    case.answer_add(&answer).unwrap();
}

fn indicators() -> Vec<IndicatorRow> {
    (0..1_203u32)
        .map(|i| IndicatorRow {
            list: "bad.csv".into(),
            kind: if i % 2 == 0 { "domain" } else { "url" }.into(),
            // Longer than an index of PostgreSQL takes.
            value: if i == 7 { "é/".repeat(3_000) } else { format!("host{i}.example") },
            note: (i % 3 == 0).then(|| "seen\0before".into()),
            line: Some(u64::from(i)),
        })
        .collect()
}

/// What a case answers, whichever database it is in.
fn answers(dir: &Path) -> String {
    let mut case = Case::open_read_only(dir).unwrap();
    let findings = case.findings(&Filter::default()).unwrap();
    let verdicts = case.verdicts().unwrap();
    let mut words: Vec<String> = case.attributions().unwrap().iter().map(|a| format!("{a:?}")).collect();
    words.extend(case.answers().unwrap().iter().map(|a| format!("{a:?}")));
    let mut overview = case.overview(100).unwrap();
    overview.database = "";
    let report = verify(dir, &[]).unwrap();
    assert!(report.ok(), "{report:#?}");
    let json = serde_json::to_string_pretty(&(findings, verdicts.len(), words, overview, report)).unwrap();
    json + &std::fs::read_to_string(dir.join(MANIFEST)).unwrap()
}

pub fn a_backup_is_a_case(b: &Bench) {
    full(b);
    let to = b.path("backup");
    let done = Case::open(b.case()).unwrap().backup(&to).unwrap();
    assert_eq!((done.files, done.bytes), (4, 26));
    assert_eq!(done.rows.is_some(), b.url.is_some());
    assert_eq!(answers(&to), answers(&b.case()));
    assert!(!to.join(LINK).exists());
    // The list is one that others can check.
    let list = std::fs::read_to_string(to.join(BACKUP_LIST)).unwrap();
    for line in list.lines() {
        let (hash, file) = line.split_once("  ").unwrap();
        assert_eq!(hash, sha256(&std::fs::read(to.join(file)).unwrap()), "{file}");
    }
    assert!(list.lines().count() >= 6 && list.contains("  lake/windows_sysmon/2.obs\n"), "{list}");
    // And the original is as it was: it can be written on, and the copy does not change with it.
    b.run(20, &[b.evidence("c", b"three")]);
    assert_eq!(Case::open_read_only(&to).unwrap().counts().unwrap().sources, 2);
    let e = Case::open(b.case()).unwrap().backup(&to).err().unwrap();
    assert!(matches!(e, Error::NotEmpty { .. }), "{e}");
}

pub fn a_backup_while_others_read(b: &Bench) {
    full(b);
    let (stop, before) = (AtomicBool::new(false), answers(&b.case()));
    std::thread::scope(|s| {
        s.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(answers(&b.case()), before);
            }
        });
        for i in 0..5 {
            let to = b.path(&format!("backup{i}"));
            Case::open(b.case()).unwrap().backup(&to).unwrap();
            assert_eq!(answers(&to), before);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// From this database to a backup and back to it, by way of the other if there is one.
pub fn a_backup_goes_back(b: &Bench) {
    full(b);
    let (backup, back) = (b.path("backup"), b.path("back"));
    let profile = b"palisade-actors 1\n";
    let name = format!("{PROFILES}/actors-{}.tsv", &sha256(profile)[..16]);
    Case::open(b.case()).unwrap().profile_add(ProfileKind::Actors, profile).unwrap();
    std::fs::write(b.case().join(PROFILES).join(".half.new"), b"cut off").unwrap();
    Case::open(b.case()).unwrap().backup(&backup).unwrap();
    let done = Case::restore(&backup, &back, b.url.as_deref()).unwrap();
    assert_eq!(done.files, 4);
    // What is known of actors goes with the case: what was adopted rests on it.
    assert_eq!(std::fs::read(back.join(&name)).unwrap(), profile);
    assert_eq!(std::fs::read_dir(back.join(PROFILES)).unwrap().count(), 1);
    let list = std::fs::read_to_string(backup.join(BACKUP_LIST)).unwrap();
    assert!(list.contains(&format!("{}  {name}\n", sha256(profile))), "{list}");
    std::fs::write(backup.join(&name), b"palisade-actors 1\nactor\tG0001\tKP\tX\n").unwrap();
    let e = Case::restore(&backup, b.path("forged"), None).err().unwrap();
    assert!(matches!(e, Error::BadProfile { .. }) && e.to_string().contains("was changed"), "{e}");
    assert!(Case::open_read_only(b.path("forged")).is_err(), "what was cut off is no case");
    assert_eq!(answers(&back), answers(&b.case()));
    assert!(!back.join(BACKUP_LIST).exists());
    assert_eq!(back.join(LINK).exists(), b.url.is_some());
    // It goes on as the original would have.
    let mut case = Case::open(&back).unwrap();
    let s = b.evidence("a", b"one");
    let mut run = case.begin_run(&info(30)).unwrap();
    assert!(run.standing(&s.sha256).unwrap().same);
    assert_eq!(add(&mut run, &s).unwrap(), Added::default());
    run.indicators(&indicators()).unwrap();
    run.finish_run(Time(31)).unwrap();
    drop(case);
    assert!(verify(&back, &[]).unwrap().ok());
}

pub fn a_damaged_backup_is_not_restored(b: &Bench) {
    full(b);
    let backup = b.path("backup");
    Case::open(b.case()).unwrap().backup(&backup).unwrap();
    sql(&backup, None, "UPDATE finding SET title = 'nothing'");
    let e = Case::restore(&backup, b.path("back"), b.url.as_deref()).err().unwrap();
    assert!(matches!(e, Error::Damaged { .. }), "{e}");
    assert!(!b.path("back").exists());
    let backup = b.path("backup2");
    Case::open(b.case()).unwrap().backup(&backup).unwrap();
    let segment = backup.join("lake/windows_sysmon/1.parquet");
    std::fs::remove_file(&segment).unwrap();
    std::fs::write(&segment, b"PAR1 onE").unwrap();
    let e = Case::restore(&backup, b.path("back2"), b.url.as_deref()).err().unwrap();
    assert!(matches!(e, Error::BadSegment { .. }) && e.to_string().contains("was changed"), "{e}");
}

pub fn a_segment_that_is_gone(b: &Bench) {
    full(b);
    std::fs::remove_file(b.case().join("lake/windows_sysmon/2.obs")).unwrap();
    let to = b.path("backup");
    let e = Case::open(b.case()).unwrap().backup(&to).err().unwrap();
    assert!(matches!(e, Error::BadSegment { .. }) && e.to_string().contains("2.obs"), "{e}");
    // What there is of it is no case.
    assert!(matches!(Case::open(&to), Err(Error::NotACase(_))));
    assert!(matches!(Case::open_or_create(&to), Err(Error::NotEmpty { .. })));
}

pub fn verify_sees_segments(b: &Bench) {
    full(b);
    let one = b.case().join("lake/windows_sysmon/1.parquet");
    let seen = |what: &str| {
        let report = verify(b.case(), &[]).unwrap();
        assert!(failed(&report).iter().any(|f| f.contains(what)), "{what}: {report:#?}");
    };
    std::fs::write(&one, b"PAR1 onE").unwrap();
    seen("1.parquet was changed");
    std::fs::write(&one, b"PAR1 one!").unwrap();
    seen("9 bytes");
    std::fs::remove_file(&one).unwrap();
    seen("1.parquet is missing");
    std::fs::write(&one, b"PAR1 one").unwrap();
    std::fs::write(one.with_extension("obs"), b"Index").unwrap();
    seen("1.obs was changed");
    std::fs::write(one.with_extension("obs"), b"index").unwrap();
    assert!(verify(b.case(), &[]).unwrap().ok());
    for (edit, what) in [
        ("UPDATE segment SET bytes = 9 WHERE id = 1", "what is kept of windows_sysmon/1.parquet"),
        ("UPDATE segment SET file = '../../evidence/a' WHERE id = 1", "no place inside the case"),
        ("DELETE FROM segment WHERE id = 2", "2.parquet left the case"),
        (
            "INSERT INTO dropped (seq, time_us, run, kind, segments, rows, detail)
             VALUES (1, 1, 1, 'erasure', '[\"windows_sysmon/2.parquet\"]', 7, '')",
            "has no entry in the custody chain",
        ),
    ] {
        b.sql(edit);
        seen(what);
    }
}

/// Both databases answer alike, in the same order, whatever the language of the server.
#[test]
fn both_databases_answer_alike() {
    let Some(pg) = Bench::postgres() else { return };
    let lite = Bench::sqlite();
    let mut said = Vec::new();
    for b in [&pg, &lite] {
        let sources: Vec<SourceRecord> = ["b", "B", "a", "A", "_", "é", "Z z", "z-z", "zz", "10", "9"]
            .iter()
            .map(|n| SourceRecord { path: format!("/evidence/{n}"), ..b.evidence("x", n.as_bytes()) })
            .collect();
        b.run(1, &sources);
        // The same bytes under all names, so that one source has them all.
        let same: Vec<SourceRecord> = sources
            .iter()
            .map(|s| SourceRecord { sha256: sources[0].sha256.clone(), bytes: sources[0].bytes, ..s.clone() })
            .collect();
        b.run(5, &same);
        said.push(answers(&b.case()));
    }
    assert_eq!(said[0], said[1]);
}

/// A case moves from a file to a server and back, and nothing of it changes.
#[test]
fn a_case_moves_between_databases() {
    let Some(pg) = Bench::postgres() else { return };
    let b = Bench::sqlite();
    full(&b);
    let (backup, there, back) = (b.path("backup"), pg.path("there"), pg.path("back"));
    Case::open(b.case()).unwrap().backup(&backup).unwrap();
    let done = Case::restore(&backup, &there, pg.url.as_deref()).unwrap();
    assert!(done.rows.unwrap() > 1_200, "{done:?}");
    assert_eq!(Case::open_read_only(&there).unwrap().overview(1).unwrap().database, "postgresql");
    Case::open(&there).unwrap().backup(&back).unwrap();
    assert_eq!(Case::open_read_only(&back).unwrap().overview(1).unwrap().database, "sqlite");
    assert_eq!(answers(&there), answers(&b.case()));
    assert_eq!(answers(&back), answers(&b.case()));
}
