//! The schema: its steps, and cases of other versions.

use std::collections::BTreeSet;

use palisade_store::*;
use sqlx::{ConnectOptions as _, Row as _};

use crate::bench::{Bench, raw};

crate::on_both!(step_by_step, another_step_of_the_same_version, a_newer_case);

/// A case of the first version, brought to the next by a step that only this test has.
pub fn step_by_step(b: &Bench) {
    let next = Step {
        version: SCHEMA_VERSION + 1,
        name: "a step of the test",
        sql: "CREATE TABLE thing (id BIGINT PRIMARY KEY, note TEXT NOT NULL);
              ALTER TABLE source ADD COLUMN extra TEXT;
              INSERT INTO thing (id, note) SELECT id, first_path FROM source;",
    };
    let broken = Step { sql: "CREATE TABLE half (id BIGINT); CREATE TABLE run (id BIGINT);", ..next };
    let with = |step: Step| STEPS.into_iter().chain([step]).collect::<Vec<_>>();
    drop(Case::open_with_steps(b.case(), &STEPS).unwrap());
    b.run(1, &[b.evidence("a", b"1"), b.evidence("b", b"2")]);
    let before = b.counts();
    // A step that fails half way leaves nothing of itself, and the case as it was.
    let e = Case::open_with_steps(b.case(), &with(broken)).err().unwrap();
    assert!(matches!(e, Error::Database { .. }), "{e}");
    assert_eq!(b.counts(), before);
    assert!(verify(b.case(), &[]).unwrap().ok());
    for _ in 0..2 {
        let mut case = Case::open_with_steps(b.case(), &with(next)).unwrap();
        assert_eq!(case.counts().unwrap(), before);
        assert!(case.check().unwrap().ok());
    }
    // And what the step brought is there.
    b.sql("UPDATE source SET extra = (SELECT note FROM thing WHERE thing.id = source.id)");
    let e = Case::open(b.case()).err().unwrap();
    assert!(
        matches!(e, Error::NewerSchema { found, known: SCHEMA_VERSION, .. } if found == SCHEMA_VERSION + 1),
        "{e}"
    );
}

pub fn another_step_of_the_same_version(b: &Bench) {
    b.run(1, &[]);
    b.sql("UPDATE schema_migration SET sha256 = 'ff'");
    let e = Case::open_read_only(b.case()).err().unwrap();
    assert!(matches!(e, Error::OtherSchema { version: 2, .. }), "{e}");
}

pub fn a_newer_case(b: &Bench) {
    b.run(1, &[]);
    b.sql("INSERT INTO schema_migration (version, name, sha256) VALUES (99, 'the future', '')");
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
fn the_version_before_the_first() {
    let b = Bench::sqlite();
    std::fs::create_dir(b.case()).unwrap();
    raw(
        &format!("sqlite://{}?mode=rwc", b.case().join(DATABASE).display()),
        "CREATE TABLE schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL);
         INSERT INTO schema_migration (version, name) VALUES (1, 'the minimal case');
         CREATE TABLE run (id BIGINT PRIMARY KEY);",
    );
    for e in [
        Case::open(b.case()).err(),
        Case::open_read_only(b.case()).err(),
        Case::open_or_create(b.case()).err(),
        verify(b.case(), &[]).err(),
    ] {
        let e = e.unwrap();
        assert!(matches!(e, Error::OldSchema { found: 1, known: 2, .. }), "{e}");
        assert!(e.to_string().ends_with("investigate the evidence again into a new case directory"), "{e}");
    }
}

/// What is copied and what is checked is all there is.
#[test]
fn tables_and_references_are_all_named() {
    let b = Bench::sqlite();
    b.run(1, &[]);
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (tables, references) = rt.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(b.case().join(DATABASE));
        let mut conn = options.connect().await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&mut conn)
            .await
            .unwrap();
        let mut references = BTreeSet::new();
        for table in &tables {
            let sql = format!("PRAGMA foreign_key_list({table})");
            for row in sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut conn).await.unwrap() {
                let of = |at: usize| row.try_get::<String, _>(at).unwrap();
                references.insert((table.clone(), of(3), of(2), of(4)));
            }
        }
        (tables, references)
    });
    let named: BTreeSet<&str> = TABLES.into_iter().chain(["schema_migration"]).collect();
    assert_eq!(tables.iter().map(String::as_str).collect::<BTreeSet<_>>(), named);
    let named = REFERENCES.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()));
    assert_eq!(references, named.into_iter().collect());
}
