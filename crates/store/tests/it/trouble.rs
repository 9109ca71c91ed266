//! What goes wrong around a case, and what is said then.

use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_model::{Citation, Origin, SourceId, Time};
use palisade_store::*;

use crate::bench::{Bench, add, failed, finding, info, loudly, schema_of};

crate::on_both!(a_clock_set_back, texts_that_databases_dislike, a_connection_that_ends);

/// A run that begins before the last one ended goes on; custody and the caller know.
pub fn a_clock_set_back(b: &Bench) {
    let s = b.evidence("a", b"1");
    b.run(5_000_000, std::slice::from_ref(&s));
    let mut case = Case::open(b.case()).unwrap();
    let run = case.begin_run(&info(6_000_000)).unwrap();
    assert_eq!(run.clock_back(), None);
    let mut run = case.begin_run(&info(2_500_000)).unwrap();
    let back = run.clock_back().unwrap();
    assert_eq!(back, ClockBack { run: 2, ended: Time(6_000_000), micros: 3_500_000 });
    assert!(back.to_string().contains("begins 3.500000 s before run 2 ended"), "{back}");
    assert_eq!(add(&mut run, &b.evidence("b", b"2")).unwrap().findings, 2);
    run.finish_run(Time(2_600_000)).unwrap();
    drop(case);
    assert!(verify(b.case(), &[]).unwrap().ok());
    // The order of runs is that of their numbers.
    let runs = Case::open_read_only(b.case()).unwrap().overview(9).unwrap().runs;
    assert_eq!(runs.iter().map(|r| r.id).collect::<Vec<_>>(), [3, 2, 1]);
    b.sql("UPDATE custody SET bytes = 1 WHERE kind = 'clock'");
    assert!(failed(&verify(b.case(), &[]).unwrap())[0].contains("(clock "));
}

/// NUL, which PostgreSQL cannot keep, and texts longer than its indexes take.
pub fn texts_that_databases_dislike(b: &Bench) {
    let long = "ü".repeat(9_000);
    let path = format!("/evidence/{long}\0.evtx");
    let s = SourceRecord { path: path.clone(), ..b.evidence("a", b"1") };
    let mut case = Case::open_or_create(b.case()).unwrap();
    for at in 1..=2 {
        let mut run = case.begin_run(&info(at)).unwrap();
        let mut f = finding("x", 0, 1);
        f.host = Some("dc\x001".into());
        f.citations.push(Citation { source: SourceId(1), record: 7, offset: 512 });
        f.citations.push(Citation { source: SourceId(2), record: 7, offset: 512 });
        let resolve = |id: SourceId| {
            // Two members that differ only behind what a key could hold.
            let file = Origin::file(path.clone());
            let origin = if id.0 == 0 { file } else { file.member(&long).member(&format!("{}\0", id.0)) };
            Some(CitedSource { sha256: s.sha256.clone(), origin })
        };
        let problem = palisade_model::Problem::new(
            palisade_model::ProblemCode::Syntax,
            &Origin::file(path.clone()),
            None,
            "bad \0 line",
        );
        let added = run.source(&s, &[f], &[problem], &[], &resolve).unwrap();
        assert_eq!(added.citations, if at == 1 { 3 } else { 0 });
        run.finish_run(Time(at)).unwrap();
    }
    let found = case.findings(&Filter::default()).unwrap();
    assert_eq!(found[0].host.as_deref(), Some("dc\u{2400}1"));
    let members: Vec<&str> = found[0].citations.iter().map(|c| c.member.as_str()).collect();
    assert!(members.len() == 3 && members[0].is_empty() && members[1].len() > 300, "{}", members.len());
    assert!(members[1].ends_with("!1\u{2400}") && members[2].ends_with("!2\u{2400}"));
    drop(case);
    assert!(verify(b.case(), &[]).unwrap().ok());
}

/// The writer's lock ends with its connection, and a transaction that was open with it.
pub fn a_connection_that_ends(b: &Bench) {
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    add(&mut run, &b.evidence("a", b"1")).unwrap();
    assert!(matches!(Case::open(b.case()), Err(Error::Locked(_))));
    drop(case);
    let mut again = Case::open(b.case()).unwrap();
    assert_eq!(again.counts().unwrap().findings, 2);
    let Some(url) = &b.url else { return };
    // Another directory that names the same schema.
    drop(again);
    let other = b.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(b.case().join(LINK), other.join(LINK)).unwrap();
    let mut writer = Case::open(&other).unwrap();
    assert!(matches!(Case::open(b.case()), Err(Error::Locked(_))));
    assert_eq!(Case::open_read_only(b.case()).unwrap().counts().unwrap().findings, 2);
    // The server ends the connection: said, and nothing hangs.
    let schema = schema_of(&other).unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name";
    crate::bench::raw(url, &format!("{end} = '{schema}'"));
    let e = writer.counts().err().unwrap();
    assert!(matches!(e, Error::ServerGone { .. }), "{e:?}");
    drop(writer);
    assert_eq!(Case::open(b.case()).unwrap().counts().unwrap().findings, 2);
}

/// A schema that was lost is not made anew in silence; one that a crash left unmade is.
#[test]
fn a_schema_that_is_gone() {
    let Some(b) = Bench::postgres() else { return };
    b.run(1, &[b.evidence("a", b"1")]);
    let schema = schema_of(&b.case()).unwrap();
    crate::bench::raw(b.url.as_deref().unwrap(), &format!("DROP SCHEMA {schema} CASCADE"));
    for e in [Case::open_or_create(b.case()).err(), Case::open(b.case()).err(), verify(b.case(), &[]).err()] {
        assert!(matches!(&e, Some(Error::NoSchema { schema: s, .. }) if *s == schema), "{e:?}");
    }
    let link = std::fs::read_to_string(b.case().join(LINK)).unwrap();
    std::fs::write(b.case().join(LINK), link.replace("made = true", "made = false")).unwrap();
    assert!(matches!(Case::open(b.case()), Err(Error::NoSchema { .. })));
    assert_eq!(Case::open_or_create(b.case()).unwrap().counts().unwrap(), Counts::default());
}

/// Passwords stand in no file of the case, in no row of it, and in no error.
#[test]
fn passwords_are_not_kept() {
    let b = Bench::sqlite();
    let url = "postgres://ana:s3cr%40t@127.0.0.1:1/cases?password=s3cr%40t";
    let e = Case::create_with_database(b.case(), url).err().unwrap();
    assert!(matches!(e, Error::Unreachable { .. }), "{e}");
    assert!(
        e.to_string().contains("postgres://ana:***@127.0.0.1:1/cases") && !e.to_string().contains("s3cr"),
        "{e}"
    );
    std::fs::write(
        b.case().join(CONFIG),
        "[store]\ndatabase = \"postgres://ana:s3cr@127.0.0.1:1/cases\" oops\n",
    )
    .unwrap();
    let e = Case::open_or_create(b.case()).err().unwrap();
    assert!(matches!(e, Error::Place { .. }) && !format!("{e} {e:?}").contains("s3cr"), "{e}");
    std::fs::remove_file(b.case().join(CONFIG)).unwrap();
    let mut case = Case::open_or_create(b.case()).unwrap();
    let line = "palisade x --database postgresql://ana:a@b:s3cr@db/x -o postgres://db/y postgres://ana@db";
    case.begin_run(&RunInfo { command_line: line.into(), ..info(1) }).unwrap();
    let kept = case.overview(1).unwrap().runs[0].command_line.clone();
    assert_eq!(kept, "palisade x --database postgresql://ana:***@db/x -o postgres://db/y postgres://ana@db");
    drop(case);
    assert!(verify(b.case(), &[]).unwrap().ok());
    for entry in std::fs::read_dir(b.case()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(4).any(|w| w == b"s3cr"), "{:?}", entry.path());
    }
}

#[test]
fn two_places() {
    let b = Bench::sqlite();
    b.run(1, &[]);
    std::fs::write(b.case().join(LINK), "database = \"postgres://db/x\"\nschema = \"y\"\n").unwrap();
    assert!(matches!(Case::open(b.case()), Err(Error::TwoPlaces { .. })));
    std::fs::remove_file(b.case().join(LINK)).unwrap();
    assert!(matches!(Case::create_with_database(b.case(), "postgres://db/x"), Err(Error::TwoPlaces { .. })));
    for (file, text) in [
        (CONFIG, "[store]\ndatabase = \"mysql://db/x\"\n"),
        (CONFIG, "[store]\ndatabase = \"postgres://db/x\"\nschema = \"a; DROP SCHEMA b\"\n"),
        (LINK, "schema = \"y\"\n"),
    ] {
        let b = Bench::sqlite();
        std::fs::create_dir(b.case()).unwrap();
        std::fs::write(b.case().join(file), text).unwrap();
        let e = Case::open_or_create(b.case()).err().unwrap();
        assert!(matches!(e, Error::Place { .. }), "{text}: {e}");
    }
}

/// A small file system of its own, or `None`, said loudly, where that is not allowed.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, options: &str) -> Option<Small> {
        std::fs::create_dir_all(at).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        if done.is_ok_and(|o| o.status.success()) {
            return Some(Small(at.to_owned()));
        }
        loudly("SKIPPED: no small file system can be mounted here");
        None
    }
    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Adds sources until one does not fit any more, and returns how many did.
fn until_full(b: &Bench, case: &Path, most: usize) -> (usize, Option<Error>) {
    let mut case = match Case::open_or_create(case) {
        Ok(case) => case,
        Err(e) => return (0, Some(e)),
    };
    let mut run = case.begin_run(&info(1)).unwrap();
    for i in 0..most {
        let s = b.evidence("a", format!("{i}").as_bytes());
        // The log grows, and with it the database.
        let padded = SourceRecord { path: format!("/{}/{i}", "x".repeat(2_000)), ..s };
        if let Err(e) = add(&mut run, &padded) {
            return (i, Some(e));
        }
    }
    (most, run.finish_run(Time(2)).err())
}

#[test]
fn a_full_disk() {
    let b = Bench::sqlite();
    let Some(small) = Small::mount(&b.path("small"), "size=600k") else { return };
    let case = small.0.join("case");
    let (kept, e) = until_full(&b, &case, 2_000);
    let e = e.unwrap();
    assert!(matches!(e, Error::DiskFull(_)), "{e:?}");
    assert!(e.to_string().contains("free some space"), "{e}");
    // What was acknowledged is there, what was not is not; with space it goes on.
    small.remount("size=60m");
    let mut again = Case::open(&case).unwrap();
    let counts = again.counts().unwrap();
    assert_eq!((counts.sources, counts.findings), (kept as u64, 2 * kept as u64));
    let mut run = again.begin_run(&info(5)).unwrap();
    add(&mut run, &b.evidence("z", b"z")).unwrap();
    run.finish_run(Time(6)).unwrap();
    // A backup that does not fit says so of the place it was to go to.
    let Some(tiny) = Small::mount(&b.path("tiny"), "size=40k") else { return };
    let e = again.backup(tiny.0.join("backup")).err().unwrap();
    assert!(matches!(&e, Error::DiskFull(dir) if dir.starts_with(&tiny.0)), "{e:?}");
    drop(again);
    assert!(verify(&case, &[]).unwrap().ok());
}

#[test]
fn a_read_only_directory() {
    let b = Bench::sqlite();
    let Some(medium) = Small::mount(&b.path("medium"), "size=20m") else { return };
    let case = medium.0.join("case");
    assert!(until_full(&b, &case, 2).1.is_none());
    let (new, backup) = (medium.0.join("new"), b.path("backup"));
    medium.remount("ro");
    for e in [Case::open(&case).err(), Case::open_or_create(&case).err(), Case::open_or_create(&new).err()] {
        let e = e.unwrap();
        assert!(matches!(e, Error::ReadOnly { .. }), "{e:?}");
        assert!(e.to_string().contains("copy the case to a place you may write to"), "{e}");
    }
    // It can be read, verified and copied.
    let mut reader = Case::open_read_only(&case).unwrap();
    assert_eq!(reader.counts().unwrap().findings, 4);
    reader.backup(&backup).unwrap();
    assert!(verify(&case, &[]).unwrap().ok() && verify(&backup, &[]).unwrap().ok());
}

/// Run by `a_limit_on_file_sizes` in a process of its own.
#[test]
fn child_of_a_limit() {
    let Some(case) = std::env::var_os("PALISADE_TEST_CHILD_CASE") else { return };
    let b = Bench::sqlite();
    let (kept, e) = until_full(&b, Path::new(&case), 2_000);
    println!("kept={kept} error={e:?}");
}

#[cfg(unix)]
#[test]
fn a_limit_on_file_sizes() {
    let b = Bench::sqlite();
    let me = std::env::current_exe().unwrap();
    let script = "ulimit -f 600; trap '' XFSZ; exec \"$0\" --exact trouble::child_of_a_limit --nocapture";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(me)
        .env("PALISADE_TEST_CHILD_CASE", b.case())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(said.contains("error=Some(WriteRefused"), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    let kept = said.split("kept=").nth(1).and_then(|s| s.split(' ').next()?.parse::<u64>().ok()).unwrap();
    assert_eq!(b.counts().sources, kept);
    let mut case = Case::open(b.case()).unwrap();
    let mut run = case.begin_run(&info(5)).unwrap();
    add(&mut run, &b.evidence("z", b"z")).unwrap();
    run.finish_run(Time(6)).unwrap();
    drop(case);
    assert!(verify(b.case(), &[]).unwrap().ok());
}

#[test]
fn not_a_case() {
    let b = Bench::sqlite();
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
