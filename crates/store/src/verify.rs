//! `case verify`: whether a case still is what it was, here or on another machine. Changes nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use palisade_model::Time;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{Row as _, SqliteConnection};

use crate::case::Parts;
use crate::custody::{self, GENESIS};
use crate::run::RunInfo;
use crate::{Case, Inner, MANIFEST, Result};

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

    fn line(&mut self, outcome: Outcome, what: impl Into<String>) {
        self.checks.push(Check { outcome, what: what.into() });
    }

    /// Faults if there are any, else one good line.
    fn lines(&mut self, good: String, faults: Vec<String>) {
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

/// Verifies a case. Evidence is looked for at the path it had, then under each of `evidence_roots`
/// (by that path, then by its file name).
///
/// # Errors
/// Only if the case cannot be opened at all; whatever is wrong in it is in the report.
pub fn verify(dir: impl AsRef<Path>, evidence_roots: &[PathBuf]) -> Result<Report> {
    let mut case = Case::open_read_only(dir)?;
    let Parts { conn, runtime, dir } = case.parts()?;
    let mut report = Report::default();
    let checks = async {
        integrity(conn, &mut report).await?;
        chain(conn, &mut report).await?;
        sealed(conn, &mut report).await?;
        references(conn, &mut report).await?;
        manifest(conn, dir, &mut report).await?;
        evidence(conn, evidence_roots, &mut report).await
    };
    if let Err(e) = runtime.block_on(checks) {
        // A damaged page stops a query; what was checked before stands.
        report.line(Outcome::Failed, e.of(dir).to_string());
    }
    Ok(report)
}

async fn integrity(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), Inner> {
    // Of SQLite alone; the same place asks PostgreSQL's amcheck.
    let rows: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut *conn).await?;
    let faults = rows.into_iter().filter(|r| r != "ok").map(|r| format!("database: {r}")).collect();
    report.lines("the database is intact".to_owned(), faults);
    Ok(())
}

async fn chain(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), Inner> {
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

/// Findings and verdicts against what the chain last said of them.
async fn sealed(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), Inner> {
    let last = "SELECT COALESCE(MAX(seq), 0) FROM custody WHERE kind = $1";
    let run: i64 = sqlx::query_scalar(last).bind("run").fetch_one(&mut *conn).await?;
    let open: Option<i64> =
        sqlx::query_scalar("SELECT id FROM run WHERE finished IS NULL ORDER BY id DESC LIMIT 1")
            .fetch_optional(&mut *conn)
            .await?;
    let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(id) FROM run").fetch_one(&mut *conn).await?;
    let open = open.is_some() && open == newest;
    for (kind, now) in [
        ("findings", custody::findings(&mut *conn).await?),
        ("verdicts", custody::verdicts(&mut *conn).await?),
    ] {
        let seq: i64 = sqlx::query_scalar(last).bind(kind).fetch_one(&mut *conn).await?;
        let said: Option<String> = sqlx::query_scalar("SELECT sha256 FROM custody WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&mut *conn)
            .await?;
        let (digest, count) = now;
        let (outcome, what) = match said {
            _ if kind == "findings" && run > seq && open => (
                Outcome::Missing,
                "are not sealed, because the last run did not end; the next run seals them",
            ),
            None if count == 0 => continue,
            None => (Outcome::Failed, "have no entry in the custody chain"),
            _ if kind == "findings" && run > seq => {
                (Outcome::Failed, "are not sealed, although the last run ended: the custody chain was cut")
            }
            Some(said) if said == digest => (Outcome::Ok, "are as the custody chain last had them"),
            Some(_) => (Outcome::Failed, "were changed since the custody chain last had them"),
        };
        report.line(outcome, format!("{count} {kind} {what}"));
    }
    Ok(())
}

async fn references(conn: &mut SqliteConnection, report: &mut Report) -> Result<(), Inner> {
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

async fn manifest(conn: &mut SqliteConnection, dir: &Path, report: &mut Report) -> Result<(), Inner> {
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

async fn evidence(conn: &mut SqliteConnection, roots: &[PathBuf], report: &mut Report) -> Result<(), Inner> {
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

fn hash(file: &mut File) -> io::Result<(String, u64)> {
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
