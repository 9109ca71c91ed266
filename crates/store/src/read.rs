//! Reading a case, and the analyst's word.
//!
//! What this module never does: change a verdict that was given, other than to note that it was taken back.

use std::collections::HashMap;

use palisade_model::{Message, Severity, Time, Verdict, VerdictKind};
use serde::Serialize;
use sqlx::Row as _;

use crate::case::Parts;
use crate::custody::{self, Sealed};
use crate::db::{self, Conn, Row};
use crate::{Case, Error, Inner, Result};

/// Which findings to read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// At least this severe.
    pub min_severity: Severity,
    /// Of this rule only.
    pub rule: Option<String>,
    /// At most so many; `None` for all.
    pub limit: Option<u64>,
}

/// Where a kept finding comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredCitation {
    /// SHA-256 of the evidence file.
    pub sha256: String,
    /// The first path it had.
    pub path: String,
    /// The way to a member in it, or empty.
    pub member: String,
    /// Record number.
    pub record: u64,
    /// Byte offset.
    pub offset: u64,
}

/// A kept finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredFinding {
    /// Content id, hexadecimal.
    pub id: String,
    /// Rule or detector.
    pub rule_id: String,
    /// Its title.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// Confidence, 0 to 100.
    pub confidence: u8,
    /// Channel.
    pub vector: String,
    /// Start.
    pub time: Option<Time>,
    /// End.
    pub time_end: Option<Time>,
    /// Machine.
    pub host: Option<String>,
    /// What it says.
    pub message: Message,
    /// Observables: type and value.
    pub observables: serde_json::Value,
    /// Technique ids.
    pub attack: Vec<String>,
    /// ATT&CK ids of software.
    pub software: Vec<String>,
    /// The rule's author.
    pub author: Option<String>,
    /// The rule's licence.
    pub license: Option<String>,
    /// Whether a cited record was carved.
    pub recovered: bool,
    /// The run that found it first.
    pub first_run: i64,
    /// Evidence.
    pub citations: Vec<StoredCitation>,
}

/// How much a case holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Runs.
    pub runs: u64,
    /// Sources.
    pub sources: u64,
    /// Sources read to their end.
    pub complete: u64,
    /// Findings.
    pub findings: u64,
    /// Citations.
    pub citations: u64,
    /// Problems.
    pub problems: u64,
    /// Verdicts, undone ones included.
    pub verdicts: u64,
    /// Links of the custody chain.
    pub custody: u64,
}

pub(crate) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// JSON that this room wrote; what cannot be read back is a damaged database.
pub(crate) fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Inner> {
    serde_json::from_str(text).map_err(|e| Inner::Sql(sqlx::Error::Decode(Box::new(e))))
}

impl Case {
    /// Kept findings in order of time, then id.
    pub fn findings(&mut self, filter: &Filter) -> Result<Vec<StoredFinding>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        runtime.block_on(findings(conn, filter)).map_err(|e| e.of(dir))
    }

    /// How much the case holds.
    pub fn counts(&mut self) -> Result<Counts> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let row = runtime.block_on(
            sqlx::query(
                "SELECT (SELECT COUNT(*) FROM run), (SELECT COUNT(*) FROM source),
                        (SELECT COUNT(*) FROM source WHERE state = 'complete'),
                        (SELECT COUNT(*) FROM finding), (SELECT COUNT(*) FROM citation),
                        (SELECT COUNT(*) FROM problem), (SELECT COUNT(*) FROM verdict),
                        (SELECT COUNT(*) FROM custody)",
            )
            .fetch_one(conn),
        );
        let counts = || -> Result<Counts, Inner> {
            let row = row?;
            let n = |i| row.try_get::<i64, _>(i).map(unsigned);
            Ok(Counts {
                runs: n(0)?,
                sources: n(1)?,
                complete: n(2)?,
                findings: n(3)?,
                citations: n(4)?,
                problems: n(5)?,
                verdicts: n(6)?,
                custody: n(7)?,
            })
        };
        counts().map_err(|e| e.of(dir))
    }

    /// The last hash of the custody chain; none before the first run.
    pub fn custody_head(&mut self) -> Result<Option<String>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work =
            sqlx::query_scalar("SELECT hash FROM custody ORDER BY seq DESC LIMIT 1").fetch_optional(conn);
        runtime.block_on(work).map_err(|e| Inner::from(e).of(dir))
    }

    /// The first path of each evidence file, by its number.
    pub fn source_paths(&mut self) -> Result<HashMap<i64, String>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query("SELECT id, first_path FROM source").fetch_all(conn).await?;
            rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect::<Result<HashMap<_, _>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Adds an analyst's word and returns its number in the case.
    pub fn verdict_add(&mut self, verdict: &Verdict) -> Result<i64> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let id: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM verdict")
                .fetch_one(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO verdict (id, subject, kind, analyst, time_us, reason, expires, undone)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(id)
            .bind(serde_json::to_string(&verdict.subject).unwrap_or_default())
            .bind(verdict.kind.name())
            .bind(&*db::clean(&verdict.analyst))
            .bind(verdict.time.0)
            .bind(&*db::clean(&verdict.reason))
            .bind(verdict.expires.map(|t| t.0))
            .bind(verdict.undone.map(|t| t.0))
            .execute(&mut *tx)
            .await?;
            custody::seal_words(&mut tx, Sealed::Verdicts).await?;
            tx.commit().await?;
            Ok(id)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Takes a verdict back as of `at`; one already taken back stays as it was.
    ///
    /// # Errors
    /// [`Error::NoVerdict`].
    pub fn verdict_undo(&mut self, id: i64, at: Time) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let done = sqlx::query("UPDATE verdict SET undone = COALESCE(undone, $1) WHERE id = $2")
                .bind(at.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::NoVerdict(id).into());
            }
            custody::seal_words(&mut tx, Sealed::Verdicts).await?;
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// All verdicts with their numbers, oldest first, those taken back included.
    pub fn verdicts(&mut self) -> Result<Vec<(i64, Verdict)>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query(
                "SELECT id, subject, kind, analyst, time_us, reason, expires, undone FROM verdict ORDER BY id",
            )
            .fetch_all(conn)
            .await?;
            rows.iter().map(verdict).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

fn verdict(row: &Row) -> Result<(i64, Verdict), Inner> {
    let kind: String = row.try_get(2)?;
    let kind = VerdictKind::parse(&kind)
        .ok_or_else(|| sqlx::Error::Decode(format!("{kind:?} is no kind of verdict").into()))?;
    let verdict = Verdict {
        subject: parsed(row.try_get(1)?)?,
        kind,
        analyst: row.try_get(3)?,
        time: Time(row.try_get(4)?),
        reason: row.try_get(5)?,
        expires: row.try_get::<Option<i64>, _>(6)?.map(Time),
        undone: row.try_get::<Option<i64>, _>(7)?.map(Time),
    };
    Ok((row.try_get(0)?, verdict))
}

/// Two queries in one state of the case, however many findings there are.
async fn findings(conn: &mut Conn, filter: &Filter) -> Result<Vec<StoredFinding>, Inner> {
    let rank = Severity::ALL.iter().position(|s| *s == filter.min_severity).unwrap_or(0);
    let rank = crate::run::signed(rank as u64);
    let limit = filter.limit.map_or(i64::MAX, crate::run::signed);
    let rule = filter.rule.as_deref();
    let mut tx = db::snapshot(conn).await?;
    let rows = sqlx::query(
        "SELECT id, rule_id, title, severity, confidence, vector, time_us, time_end_us, host, message,
                observables, attack, author, license, recovered, first_run
         FROM finding WHERE severity_rank >= $1 AND (rule_id = $2 OR $2 IS NULL)
         ORDER BY COALESCE(time_us, -9223372036854775807), id LIMIT $3",
    )
    .bind(rank)
    .bind(rule)
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    let mut findings = rows.iter().map(finding).collect::<Result<Vec<_>, Inner>>()?;
    drop(rows);
    let mut place = HashMap::with_capacity(findings.len());
    for (i, f) in findings.iter().enumerate() {
        place.insert(f.id.clone(), i);
    }
    let cited = sqlx::query(
        "SELECT c.finding, s.sha256, s.first_path, c.member, c.record, c.byte_offset
         FROM (SELECT id FROM finding WHERE severity_rank >= $1 AND (rule_id = $2 OR $2 IS NULL)
               ORDER BY COALESCE(time_us, -9223372036854775807), id LIMIT $3) f
         JOIN citation c ON c.finding = f.id JOIN source s ON s.id = c.source
         ORDER BY c.finding, s.id, c.member, c.record, c.byte_offset",
    )
    .bind(rank)
    .bind(rule)
    .bind(limit);
    db::each(&mut tx, cited, |row| {
        let of: &str = row.try_get(0)?;
        let Some(finding) = place.get(of).and_then(|i| findings.get_mut(*i)) else { return Ok(()) };
        finding.citations.push(StoredCitation {
            sha256: row.try_get(1)?,
            path: row.try_get(2)?,
            member: row.try_get(3)?,
            record: unsigned(row.try_get(4)?),
            offset: unsigned(row.try_get(5)?),
        });
        Ok(())
    })
    .await?;
    tx.commit().await?;
    Ok(findings)
}

fn finding(row: &Row) -> Result<StoredFinding, Inner> {
    let severity: String = row.try_get(3)?;
    let severity = Severity::parse(&severity)
        .ok_or_else(|| sqlx::Error::Decode(format!("{severity:?} is no severity").into()))?;
    // Software stands behind the techniques, in the same column.
    let (software, attack) =
        parsed::<Vec<String>>(row.try_get(11)?)?.into_iter().partition(|id| id.starts_with('S'));
    Ok(StoredFinding {
        id: row.try_get(0)?,
        rule_id: row.try_get(1)?,
        title: row.try_get(2)?,
        severity,
        confidence: u8::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0),
        vector: row.try_get(5)?,
        time: row.try_get::<Option<i64>, _>(6)?.map(Time),
        time_end: row.try_get::<Option<i64>, _>(7)?.map(Time),
        host: row.try_get(8)?,
        message: parsed(row.try_get(9)?)?,
        observables: parsed(row.try_get(10)?)?,
        attack,
        software,
        author: row.try_get(12)?,
        license: row.try_get(13)?,
        recovered: row.try_get::<i64, _>(14)? != 0,
        first_run: row.try_get(15)?,
        citations: Vec::new(),
    })
}
