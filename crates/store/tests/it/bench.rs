//! Evidence and a case beside it, in a database that is gone afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_model::{
    Citation, Confidence, Finding, FindingId, Message, Observable, Origin, Problem, ProblemCode, RuleInfo,
    Severity, SourceId, Time, Vector,
};
use palisade_store::*;
use sha2::{Digest, Sha256};
use sqlx::ConnectOptions as _;
use sqlx::any::AnyConnectOptions;

/// Evidence and a case beside it.
pub struct Bench {
    pub dir: tempfile::TempDir,
    /// The PostgreSQL database to use.
    pub url: Option<String>,
}

impl Bench {
    fn new(url: Option<String>) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("evidence")).unwrap();
        let bench = Bench { dir, url };
        if let Some(url) = &bench.url {
            std::fs::create_dir(bench.case()).unwrap();
            std::fs::write(bench.case().join(CONFIG), format!("[store]\ndatabase = \"{url}\"\n")).unwrap();
        }
        bench
    }
    pub fn sqlite() -> Bench {
        Bench::new(None)
    }
    /// `None`, said loudly, if there is no PostgreSQL.
    pub fn postgres() -> Option<Bench> {
        let url = std::env::var("PALISADE_TEST_POSTGRES").ok().filter(|u| !u.is_empty());
        if url.is_none() {
            let required = std::env::var_os("PALISADE_TEST_DATA_REQUIRED").is_some_and(|v| v == "1");
            assert!(!required, "PALISADE_TEST_POSTGRES names no database, and nothing may be left out");
            loudly("SKIPPED: PALISADE_TEST_POSTGRES names no PostgreSQL database");
        }
        Some(Bench::new(Some(url?)))
    }
    /// Another one on the same kind of database.
    pub fn another(&self) -> Bench {
        Bench::new(self.url.clone())
    }
    pub fn case(&self) -> PathBuf {
        self.dir.path().join("case")
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn evidence(&self, name: &str, bytes: &[u8]) -> SourceRecord {
        let path = self.dir.path().join("evidence").join(name);
        std::fs::write(&path, bytes).unwrap();
        SourceRecord {
            sha256: sha256(bytes),
            bytes: bytes.len() as u64,
            path: path.to_str().unwrap().to_owned(),
            state: SourceState::Complete,
            records: 3,
            rows_kept: 0,
        }
    }
    /// One run over these sources, two findings each.
    pub fn run(&self, at: i64, sources: &[SourceRecord]) -> Added {
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
    pub fn counts(&self) -> Counts {
        Case::open_read_only(self.case()).unwrap().counts().unwrap()
    }
    /// Changes the database behind the case's back.
    pub fn sql(&self, statement: &str) {
        sql(&self.case(), self.url.as_deref(), statement);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let Some(url) = &self.url else { return };
        for entry in std::fs::read_dir(self.dir.path()).into_iter().flatten().flatten() {
            if let Some(schema) = schema_of(&entry.path()) {
                raw(url, &format!("DROP SCHEMA IF EXISTS {schema} CASCADE"));
            }
        }
    }
}

/// The schema that a case is linked to.
pub fn schema_of(case: &Path) -> Option<String> {
    let link = std::fs::read_to_string(case.join(LINK)).ok()?;
    let line = link.lines().find_map(|l| l.strip_prefix("schema = \""))?;
    Some(line.trim_end_matches('"').to_owned())
}

/// Changes a database behind a case's back, references or not.
pub fn sql(case: &Path, url: Option<&str>, statement: &str) {
    match (url, schema_of(case)) {
        (Some(url), Some(schema)) => raw(
            url,
            &format!("SET search_path TO {schema}; SET session_replication_role = replica; {statement}"),
        ),
        _ => raw(
            &format!("sqlite://{}?mode=rw", case.join(DATABASE).display()),
            &format!("PRAGMA foreign_keys = OFF; {statement}"),
        ),
    }
}

pub fn raw(url: &str, statement: &str) {
    sqlx::any::install_default_drivers();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let options: AnyConnectOptions = url.parse().unwrap();
        let mut conn = options.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut conn).await.unwrap();
        sqlx::Connection::close(conn).await.unwrap();
    });
}

/// Says why a test was left out, past the harness, which keeps the output of tests that pass.
pub fn loudly(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

pub fn info(at: i64) -> RunInfo {
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

pub fn finding(text: &str, source: u32, time: i64) -> Finding {
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
            software: vec!["S0002".into()],
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

pub fn add(run: &mut RunWriter<'_>, s: &SourceRecord) -> Result<Added> {
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

pub fn failed(report: &Report) -> Vec<&str> {
    report.checks.iter().filter(|c| c.outcome == Outcome::Failed).map(|c| c.what.as_str()).collect()
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for e in std::fs::read_dir(from).unwrap().flatten() {
        if e.path().is_dir() {
            copy_dir(&e.path(), &to.join(e.file_name()));
        } else {
            std::fs::copy(e.path(), to.join(e.file_name())).unwrap();
        }
    }
}
