//! `case verify`: whether a case still is what it was, here or on another machine.
//!
//! What this module never does: change anything, follow a path out of the case directory, or stop at the first fault.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use palisade_model::Time;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Row as _;

use crate::case::Parts;
use crate::custody::{self, GENESIS, Sealed};
use crate::db::{self, Conn, Kind};
use crate::run::RunInfo;
use crate::{Case, Inner, LAKE, MANIFEST, Result, profiles, schema};

/// Evidence is hashed in blocks of this size.
const BLOCK: usize = 256 << 10;

/// Lines of one kind of fault kept; more are counted.
const MAX_FAULTS: usize = 100;

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Could not be checked because something is not here; not an error.
    Missing,
    /// Not as it should be.
    Failed,
}

/// One line of the report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// How it ended.
    pub outcome: Outcome,
    /// What was checked, and what is wrong.
    pub what: String,
}

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Report {
    /// Line by line.
    pub checks: Vec<Check>,
    /// The last hash of the custody chain: note it elsewhere, and a later cut shows.
    pub custody_head: Option<String>,
}

impl Report {
    /// Whether nothing failed. Missing evidence is stated, and is no failure.
    pub fn ok(&self) -> bool {
        self.checks.iter().all(|c| c.outcome != Outcome::Failed)
    }

    pub(crate) fn line(&mut self, outcome: Outcome, what: impl Into<String>) {
        self.checks.push(Check { outcome, what: what.into() });
    }

    /// Faults if there are any, else one good line.
    pub(crate) fn lines(&mut self, good: String, faults: Vec<String>) {
        if faults.is_empty() {
            self.line(Outcome::Ok, good);
        }
        let more = faults.len().saturating_sub(MAX_FAULTS);
        for fault in faults.into_iter().take(MAX_FAULTS) {
            self.line(Outcome::Failed, fault);
        }
        if more > 0 {
            self.line(Outcome::Failed, format!("and {more} more of this kind"));
        }
    }
}

impl Case {
    /// Checks what the case says of itself: the database, its references, the custody chain, and
    /// what the chain covers. Reads neither the lake nor evidence.
    pub fn check(&mut self) -> Result<Report> {
        self.checked(|conn, report| Box::pin(knowledge(conn, report)))
    }

    /// Runs checks in one state of the case. What goes wrong in them is in the report.
    fn checked(
        &mut self,
        checks: impl for<'a> FnOnce(
            &'a mut Conn,
            &'a mut Report,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Inner>> + 'a>>,
    ) -> Result<Report> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let mut report = Report::default();
        let work = async {
            let mut tx = db::snapshot(conn).await?;
            checks(&mut tx, &mut report).await?;
            tx.rollback().await?;
            Ok(())
        };
        if let Err(e) = runtime.block_on(work).map_err(|e: Inner| e.of(dir)) {
            // A damaged page stops a query; what was checked before stands.
            report.line(Outcome::Failed, e.to_string());
        }
        Ok(report)
    }
}

/// Verifies a case: [`Case::check`], the manifest, every segment of the lake and the evidence.
/// Evidence is looked for at the path it had, then under each of `evidence_roots` (by that path,
/// then by its file name). Whoever has only the directory can do it.
///
/// # Errors
/// Only if the case cannot be opened at all; whatever is wrong in it is in the report.
pub fn verify(dir: impl AsRef<Path>, evidence_roots: &[PathBuf]) -> Result<Report> {
    let mut case = Case::open_read_only(dir)?;
    let dir = case.dir().to_owned();
    let roots = evidence_roots.to_vec();
    case.checked(move |conn, report| {
        Box::pin(async move {
            knowledge(conn, report).await?;
            manifest(conn, &dir, report).await?;
            profiles::check(conn, &dir, report).await?;
            lake(conn, &dir, report).await?;
            evidence(conn, &roots, report).await
        })
    })
}

async fn knowledge(conn: &mut Conn, report: &mut Report) -> Result<(), Inner> {
    integrity(conn, report).await?;
    chain(conn, report).await?;
    sealed(conn, report).await?;
    references(conn, report).await
}

async fn integrity(conn: &mut Conn, report: &mut Report) -> Result<(), Inner> {
    let mut faults = Vec::new();
    if db::kind(conn) == Kind::Sqlite {
        let rows: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut *conn).await?;
        faults.extend(rows.into_iter().filter(|r| r != "ok").map(|r| format!("database: {r}")));
        let rows = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *conn).await?;
        for row in &rows {
            let (table, parent): (String, String) = (row.try_get(0)?, row.try_get(2)?);
            faults.push(format!("database: a row of {table} refers to a {parent} that is not in the case"));
        }
    } else {
        // The server enforces them, unless somebody told it not to.
        for (table, column, parent, id) in schema::REFERENCES {
            let sql = format!(
                "SELECT COUNT(*) FROM {table} t WHERE t.{column} IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{id} = t.{column})"
            );
            let lost: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *conn).await?;
            if lost > 0 {
                let what =
                    format!("database: {lost} rows of {table} refer to a {parent} that is not in the case");
                faults.push(what);
            }
        }
    }
    report.lines("the database is intact".to_owned(), faults);
    Ok(())
}

async fn chain(conn: &mut Conn, report: &mut Report) -> Result<(), Inner> {
    let runs = sqlx::query(
        "SELECT id, started, tool_version, command_line, operator, machine, rules_digest, config_digest
         FROM run ORDER BY id",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut digests = std::collections::BTreeMap::new();
    for r in &runs {
        let id: i64 = r.try_get(0)?;
        let info = RunInfo {
            started: Time(r.try_get(1)?),
            tool_version: r.try_get(2)?,
            command_line: r.try_get(3)?,
            operator: r.try_get(4)?,
            machine: r.try_get(5)?,
            rules_digest: r.try_get(6)?,
            config_digest: r.try_get(7)?,
        };
        digests.insert(id, info.digest(id));
    }
    let rows =
        sqlx::query("SELECT seq, run, kind, path, sha256, bytes, prev_hash, hash FROM custody ORDER BY seq")
            .fetch_all(&mut *conn)
            .await?;
    let mut faults = Vec::new();
    let mut prev = GENESIS.to_owned();
    for (expected, r) in (1i64..).zip(&rows) {
        let (kind, path, sha256): (String, String, String) = (r.try_get(2)?, r.try_get(3)?, r.try_get(4)?);
        let (seq, run, bytes) = (r.try_get(0)?, r.try_get(1)?, r.try_get(5)?);
        let entry = custody::Entry { seq, run, kind: &kind, path: &path, sha256: &sha256, bytes };
        let (said_prev, said): (String, String) = (r.try_get(6)?, r.try_get(7)?);
        if seq != expected {
            faults.push(format!("custody: entry {expected} is missing before entry {seq}"));
        }
        if said_prev != prev {
            faults.push(format!("custody: entry {seq} does not follow the one before it"));
        }
        if entry.hash(&said_prev) != said {
            faults.push(format!("custody: entry {seq} ({kind} {path:?}) was changed"));
        }
        if kind == "run" && digests.remove(&run).is_none_or(|d| d != sha256) {
            faults.push(format!("custody: what is kept of run {run} was changed"));
        }
        prev = said;
    }
    for run in digests.keys() {
        faults.push(format!("custody: run {run} has no entry"));
    }
    let covered = sqlx::query(
        "SELECT s.sha256, p.path FROM source s LEFT JOIN source_path p ON p.source = s.id
         WHERE p.path IS NULL OR NOT EXISTS (
             SELECT 1 FROM custody c WHERE c.kind = 'evidence' AND c.path = p.path
                 AND c.sha256 = s.sha256 AND c.bytes = s.bytes AND c.run = p.run)
         ORDER BY s.id",
    )
    .fetch_all(&mut *conn)
    .await?;
    for r in &covered {
        let (sha256, path): (String, Option<String>) = (r.try_get(0)?, r.try_get(1)?);
        let path = path.unwrap_or_default();
        faults.push(format!("custody: evidence {path:?} with SHA-256 {sha256} has no entry, or another"));
    }
    report.lines(format!("custody: {} entries in an unbroken chain", rows.len()), faults);
    report.custody_head = (!rows.is_empty()).then_some(prev);
    Ok(())
}

/// Findings, problems, coverage, verdicts and holds against what the chain last said of them.
async fn sealed(conn: &mut Conn, report: &mut Report) -> Result<(), Inner> {
    let last = "SELECT COALESCE(MAX(seq), 0) FROM custody WHERE kind = $1";
    let run: i64 = sqlx::query_scalar(last).bind("run").fetch_one(&mut *conn).await?;
    let unfinished: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM run WHERE finished IS NULL AND id = (SELECT MAX(id) FROM run)",
    )
    .fetch_one(&mut *conn)
    .await?;
    for what in Sealed::ALL {
        let (digest, count) = what.digest(&mut *conn).await?;
        let seq: i64 = sqlx::query_scalar(last).bind(what.name()).fetch_one(&mut *conn).await?;
        let said: Option<String> = sqlx::query_scalar("SELECT sha256 FROM custody WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&mut *conn)
            .await?;
        let after_run = what.by_run() && run > seq;
        let (outcome, is) = match said {
            _ if after_run && unfinished > 0 => (
                Outcome::Missing,
                "are not sealed, because the last run did not end; the next run seals them",
            ),
            None if count == 0 => continue,
            None => (Outcome::Failed, "have no entry in the custody chain"),
            _ if after_run => {
                (Outcome::Failed, "are not sealed, although the last run ended: the custody chain was cut")
            }
            Some(said) if said == digest => (Outcome::Ok, "are as the custody chain last had them"),
            Some(_) => (Outcome::Failed, "were changed since the custody chain last had them"),
        };
        report.line(outcome, format!("{count} {} {is}", what.name()));
    }
    Ok(())
}

/// Segments: each with its entries in the chain, there, and unchanged; and none that left unsaid.
async fn lake(conn: &mut Conn, dir: &Path, report: &mut Report) -> Result<(), Inner> {
    let rows = sqlx::query("SELECT file, bytes, sha256, index_bytes, index_sha256 FROM segment ORDER BY id")
        .fetch_all(&mut *conn)
        .await?;
    let mut chained = chained(conn).await?;
    let mut faults = Vec::new();
    let (mut files, mut whole) = (0u64, 0u64);
    for r in &rows {
        let file: String = r.try_get(0)?;
        let (bytes, sha256): (i64, String) = (r.try_get(1)?, r.try_get(2)?);
        let (index_bytes, index_sha256): (i64, String) = (r.try_get(3)?, r.try_get(4)?);
        let index = (!index_sha256.is_empty()).then(|| (custody::index_of(&file), index_bytes, index_sha256));
        for (file, bytes, sha256) in std::iter::once((file, bytes, sha256)).chain(index) {
            match chained.remove(&file) {
                Some(said) if said == (sha256.clone(), bytes) => {}
                Some(_) => faults.push(format!("lake: what is kept of {file} was changed")),
                None => faults.push(format!("lake: {file} has no entry in the custody chain")),
            }
            whole += u64::try_from(bytes).unwrap_or(0);
            files += 1;
            if let Some(fault) = segment_fault(dir, &file, bytes, &sha256) {
                faults.push(fault);
            }
        }
    }
    let left =
        sqlx::query("SELECT seq, time_us, kind, segments, rows, detail, run FROM dropped ORDER BY seq")
            .fetch_all(&mut *conn)
            .await?;
    for r in &left {
        let (kind, said, detail): (String, String, String) = (r.try_get(2)?, r.try_get(3)?, r.try_get(5)?);
        let (seq, time, rows, run): (i64, i64, i64, i64) =
            (r.try_get(0)?, r.try_get(1)?, r.try_get(4)?, r.try_get(6)?);
        let sealed: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM custody WHERE kind = 'dropped' AND path = $1 AND sha256 = $2 AND run = $3",
        )
        .bind(&kind)
        .bind(custody::dropped_digest(seq, time, &kind, &said, rows, &detail))
        .bind(run)
        .fetch_one(&mut *conn)
        .await?;
        if sealed == 0 {
            faults.push(format!(
                "lake: what is kept of dropping {said} ({kind}) has no entry in the custody chain"
            ));
        }
        for file in serde_json::from_str::<Vec<String>>(&said).unwrap_or_default() {
            chained.remove(&custody::index_of(&file));
            chained.remove(&file);
        }
    }
    faults.extend(chained.into_keys().map(|f| format!("lake: {f} left the case, and nothing says why")));
    if !rows.is_empty() || !left.is_empty() || !faults.is_empty() {
        report.lines(format!("lake: {files} files of segments are unchanged, {whole} bytes"), faults);
    }
    Ok(())
}

/// What the chain has of each file of the lake: hash and size.
async fn chained(conn: &mut Conn) -> Result<BTreeMap<String, (String, i64)>, Inner> {
    let rows = sqlx::query(
        "SELECT path, sha256, bytes FROM custody WHERE kind IN ('segment', 'segment-index') ORDER BY seq",
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(|r| Ok((r.try_get(0)?, (r.try_get(1)?, r.try_get(2)?)))).collect()
}

fn segment_fault(dir: &Path, file: &str, bytes: i64, sha256: &str) -> Option<String> {
    // A case from elsewhere must not make us read what lies beside it.
    if !is_inside(file) {
        return Some(format!("lake: {file:?} is no place inside the case"));
    }
    let found = File::open(dir.join(LAKE).join(file)).and_then(|mut f| hash(&mut f));
    match found {
        Ok((found, n)) if found == sha256 && u64::try_from(bytes) == Ok(n) => None,
        Ok((found, n)) => Some(format!(
            "lake: {file} was changed: SHA-256 {found}, {n} bytes; it had {sha256}, {bytes} bytes"
        )),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Some(format!("lake: {file} is missing")),
        Err(e) => Some(format!("lake: {file} could not be read: {e}")),
    }
}

/// Whether a path of the lake stays in it.
pub(crate) fn is_inside(file: &str) -> bool {
    !file.is_empty() && Path::new(file).components().all(|c| matches!(c, std::path::Component::Normal(_)))
}

async fn references(conn: &mut Conn, report: &mut Report) -> Result<(), Inner> {
    let mut faults = Vec::new();
    for (sql, what) in [
        (
            "SELECT finding FROM citation c WHERE NOT EXISTS (SELECT 1 FROM source s WHERE s.id = c.source)",
            "cites a source that is not in the case",
        ),
        (
            "SELECT id FROM finding f WHERE NOT EXISTS (SELECT 1 FROM citation c WHERE c.finding = f.id)",
            "cites no evidence",
        ),
        ("SELECT id FROM finding GROUP BY id HAVING COUNT(*) > 1", "is kept twice"),
    ] {
        let ids: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *conn).await?;
        faults.extend(ids.into_iter().map(|id| format!("finding {id} {what}")));
    }
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM finding").fetch_one(&mut *conn).await?;
    report.lines(format!("{count} findings, each with evidence in the case"), faults);
    let unfinished: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM run WHERE finished IS NULL").fetch_one(&mut *conn).await?;
    if unfinished > 0 {
        let what = format!("{unfinished} runs did not end by themselves; what they had kept is whole");
        report.line(Outcome::Missing, what);
    }
    Ok(())
}

async fn manifest(conn: &mut Conn, dir: &Path, report: &mut Report) -> Result<(), Inner> {
    let text = custody::manifest(conn).await?;
    match std::fs::read_to_string(dir.join(MANIFEST)) {
        Ok(there) if there == text => report.line(Outcome::Ok, format!("{MANIFEST} agrees with the case")),
        // A run that was cut off has not written it yet: every line there must still be true.
        Ok(there) if there.lines().all(|l| text.lines().any(|t| t == l)) => {
            let what = format!("{MANIFEST} lacks evidence of a run that did not end; the next run writes it");
            report.line(Outcome::Missing, what);
        }
        Ok(_) => report.line(Outcome::Failed, format!("{MANIFEST} does not agree with the case")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            report.line(Outcome::Missing, format!("{MANIFEST} is not there"));
        }
        Err(e) => report.line(Outcome::Failed, format!("{MANIFEST} could not be read: {e}")),
    }
    Ok(())
}

async fn evidence(conn: &mut Conn, roots: &[PathBuf], report: &mut Report) -> Result<(), Inner> {
    let rows = sqlx::query(
        "SELECT s.sha256, s.bytes, s.state, p.path FROM source_path p JOIN source s ON s.id = p.source
         ORDER BY s.id, p.path",
    )
    .fetch_all(&mut *conn)
    .await?;
    for r in &rows {
        let (sha256, bytes): (String, i64) = (r.try_get(0)?, r.try_get(1)?);
        let (state, path): (String, String) = (r.try_get(2)?, r.try_get(3)?);
        let read = if state == "complete" { "" } else { " (it was not read to its end)" };
        let Some((place, mut file)) = find(&path, roots) else {
            let what = format!("evidence {path:?} is not here; it had SHA-256 {sha256}, {bytes} bytes{read}");
            report.line(Outcome::Missing, what);
            continue;
        };
        let place = place.display();
        match hash(&mut file) {
            Ok((found, _)) if found == sha256 => {
                report.line(Outcome::Ok, format!("evidence {place} is unchanged{read}"));
            }
            Ok((found, n)) => {
                let what = format!(
                    "evidence {place} was changed: SHA-256 {found}, {n} bytes; it had {sha256}, {bytes} bytes"
                );
                report.line(Outcome::Failed, what);
            }
            Err(e) => report.line(Outcome::Failed, format!("evidence {place} could not be read: {e}")),
        }
    }
    Ok(())
}

/// Where evidence is now, opened for reading.
fn find(path: &str, roots: &[PathBuf]) -> Option<(PathBuf, File)> {
    let path = Path::new(path);
    let inside = |root: &PathBuf| {
        // An absolute path would replace the root.
        let relative: PathBuf =
            path.components().filter(|c| matches!(c, std::path::Component::Normal(_))).collect();
        [Some(root.join(relative)), path.file_name().map(|n| root.join(n))]
    };
    let places = std::iter::once(path.to_owned()).chain(roots.iter().flat_map(inside).flatten());
    places.filter(|p| p.is_file()).find_map(|p| File::open(&p).ok().map(|f| (p, f)))
}

pub(crate) fn hash(file: &mut File) -> io::Result<(String, u64)> {
    let mut h = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut n = 0;
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok((custody::hex(&h.finalize()), n)),
            Ok(k) => {
                h.update(block.get(..k).unwrap_or_default());
                n += k as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
