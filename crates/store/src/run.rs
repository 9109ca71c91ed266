//! Writing: one run, source by source.

use palisade_model::{Finding, Origin, Problem, SourceId, Time};
use std::collections::HashMap;

use sqlx::Row as _;

use crate::case::Parts;
use crate::db::{self, Conn};
use crate::{Case, Error, Inner, Result, SourceState};
use crate::{custody, fail, place};

/// Who does what, when, with what. All of it enters the custody chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunInfo {
    /// When it began.
    pub started: Time,
    /// Version of Palisade.
    pub tool_version: String,
    /// The command line, as it was given; a password of a database in it is not kept.
    pub command_line: String,
    /// Who runs it.
    pub operator: String,
    /// Where it runs.
    pub machine: String,
    /// Digest of all rules loaded.
    pub rules_digest: String,
    /// Digest of the configuration.
    pub config_digest: String,
}

impl RunInfo {
    pub(crate) fn digest(&self, id: i64) -> String {
        let numbers = [id.to_string(), self.started.0.to_string()];
        custody::digest(&[
            &numbers[0],
            &numbers[1],
            &self.tool_version,
            &self.command_line,
            &self.operator,
            &self.machine,
            &self.rules_digest,
            &self.config_digest,
        ])
    }
}

/// An evidence file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceRecord {
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Where it was, as the user named it.
    pub path: String,
    /// Whether it was read to its end.
    pub state: SourceState,
    /// Records read in it.
    pub records: u64,
    /// Rows of it that are in the lake with this commit, from the first on.
    pub rows_kept: u64,
}

/// What was seen of one shape in one source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoverageRow {
    /// Name of the shape.
    pub shape: String,
    /// Events.
    pub events: u64,
    /// Earliest time.
    pub first: Option<Time>,
    /// Latest time.
    pub last: Option<Time>,
}

/// The evidence file behind a run's [`SourceId`], and the way into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CitedSource {
    /// SHA-256 of the evidence file.
    pub sha256: String,
    /// The evidence file or the member in it. The file's own path does not enter a citation:
    /// the same bytes elsewhere are the same evidence.
    pub origin: Origin,
}

/// Looks up a run's [`SourceId`].
pub type Resolve<'a> = &'a dyn Fn(SourceId) -> Option<CitedSource>;

/// A source and everything said of it.
#[derive(Clone, Debug)]
pub struct Said {
    /// The source.
    pub source: SourceRecord,
    /// Its findings; they may also cite sources kept earlier.
    pub findings: Vec<Finding>,
    /// What could not be read in it.
    pub problems: Vec<Problem>,
    /// What was seen in it.
    pub coverage: Vec<CoverageRow>,
}

/// What a commit added.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Added {
    /// Sources that were new to the case.
    pub sources: u64,
    /// Findings that were new to the case.
    pub findings: u64,
    /// Citations that were new, those of known findings included.
    pub citations: u64,
}

/// A value that a run looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndicatorRow {
    /// The list it stands in, as the user named it.
    pub list: String,
    /// What it is: `ip`, `domain`, `sha256`, …
    pub kind: String,
    /// The value.
    pub value: String,
    /// What the list says of it.
    pub note: Option<String>,
    /// Its line in the list.
    pub line: Option<u64>,
}

/// The machine's clock says that a run begins before the one before it ended: it was set back, or
/// that run was on a machine whose clock is ahead. No harm is done, for nothing is ordered by
/// these times; custody notes it, and who reads times of runs must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockBack {
    /// The run before.
    pub run: i64,
    /// When it ended, by the clock it had.
    pub ended: Time,
    /// By how many microseconds.
    pub micros: i64,
}

impl std::fmt::Display for ClockBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        write!(
            f,
            "by the clock, this run begins {seconds}.{micros:06} s before run {} ended: the clock was set back, \
             or was ahead then",
            self.run
        )
    }
}

/// Writes one run into a case.
#[derive(Debug)]
pub struct RunWriter<'c> {
    pub(crate) case: &'c mut Case,
    pub(crate) id: i64,
    clock_back: Option<ClockBack>,
    /// Numbers given to sources that are not kept yet, by SHA-256.
    pub(crate) numbers: HashMap<String, i64>,
}

/// Indicators in one statement.
const INDICATORS_AT_ONCE: usize = 500;

/// SQL has signed numbers only; offsets and counts above 2⁶³ do not occur in files.
pub(crate) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    // Strings, numbers and lists of them always serialise.
    serde_json::to_string(value).unwrap_or_default()
}

impl Case {
    /// What the user must be told of the machine's clock before a run that begins `now`, if anything.
    pub fn clock_back(&mut self, now: Time) -> Result<Option<ClockBack>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        runtime.block_on(clock_back(conn, now)).map_err(|e| e.of(dir))
    }

    /// Begins a run. It is in the case, and in the custody chain, when this returns.
    pub fn begin_run(&mut self, info: &RunInfo) -> Result<RunWriter<'_>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let (id, clock_back) = runtime.block_on(begin(conn, info)).map_err(|e| e.of(dir))?;
        Ok(RunWriter { case: self, id, clock_back, numbers: HashMap::new() })
    }
}

/// What the clock says of a run that would begin at `started`.
async fn clock_back(conn: &mut Conn, started: Time) -> Result<Option<ClockBack>, Inner> {
    let before = sqlx::query("SELECT id, COALESCE(finished, started) FROM run ORDER BY id DESC LIMIT 1")
        .fetch_optional(conn)
        .await?;
    let Some(row) = before else { return Ok(None) };
    let (run, ended): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let micros = ended.saturating_sub(started.0);
    Ok((micros > 0).then_some(ClockBack { run, ended: Time(ended), micros }))
}

async fn begin(conn: &mut Conn, info: &RunInfo) -> Result<(i64, Option<ClockBack>), Inner> {
    let clean = |text: &str| db::clean(text).into_owned();
    let info = &RunInfo {
        started: info.started,
        tool_version: clean(&info.tool_version),
        command_line: clean(&place::redact(&info.command_line)),
        operator: clean(&info.operator),
        machine: clean(&info.machine),
        rules_digest: clean(&info.rules_digest),
        config_digest: clean(&info.config_digest),
    };
    let mut tx = db::begin(conn).await?;
    let clock_back = clock_back(&mut tx, info.started).await?;
    let id: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM run").fetch_one(&mut *tx).await?;
    sqlx::query(
        "INSERT INTO run (id, started, tool_version, command_line, operator, machine, rules_digest, config_digest)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(info.started.0)
    .bind(&info.tool_version)
    .bind(&info.command_line)
    .bind(&info.operator)
    .bind(&info.machine)
    .bind(&info.rules_digest)
    .bind(&info.config_digest)
    .execute(&mut *tx)
    .await?;
    custody::append(&mut tx, id, "run", "", &info.digest(id), 0).await?;
    if let Some(back) = clock_back {
        custody::append(&mut tx, id, "clock", &back.to_string(), "", back.micros).await?;
    }
    tx.commit().await?;
    Ok((id, clock_back))
}

impl RunWriter<'_> {
    /// The case that is written into.
    pub fn case(&mut self) -> &mut Case {
        self.case
    }

    /// The run's number in the case.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What the user must be told of the machine's clock, if anything.
    pub fn clock_back(&self) -> Option<ClockBack> {
        self.clock_back
    }

    /// Records a file that decides what is found: `kind` is `rules`, `list` or `config`.
    pub fn input(&mut self, kind: &str, path: &str, sha256: &str, bytes: u64) -> Result<()> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let id = self.id;
        runtime
            .block_on(async {
                let mut tx = db::begin(conn).await?;
                custody::append(&mut tx, id, kind, &db::clean(path), sha256, signed(bytes)).await?;
                tx.commit().await?;
                Ok(())
            })
            .map_err(|e: Inner| e.of(dir))
    }

    /// Keeps the lists this run looked for, all in one transaction. A value that the case has from
    /// the same list stays as it was.
    pub fn indicators(&mut self, rows: &[IndicatorRow]) -> Result<()> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let id = self.id;
        let work = async {
            let mut tx = db::begin(conn).await?;
            for rows in rows.chunks(INDICATORS_AT_ONCE) {
                put_indicators(&mut tx, id, rows).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Keeps where evidence was that is in the case already, all in one transaction.
    pub fn paths(&mut self, sources: &[SourceRecord]) -> Result<()> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let id = self.id;
        let numbers = &self.numbers;
        let work = async {
            let mut tx = db::begin(conn).await?;
            for source in sources {
                // State and counts of a complete source are not touched by a partial record of it.
                let partial = SourceRecord { state: SourceState::Partial, ..source.clone() };
                put_source(&mut tx, id, &partial, numbers, &mut Added::default()).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Keeps a source and everything said of it, in one transaction.
    ///
    /// Findings may also cite sources kept earlier. Nothing of this call is kept if it fails.
    ///
    /// # Errors
    /// [`Error::UnknownSource`], [`Error::NoCitation`], [`Error::DiskFull`].
    pub fn source(
        &mut self,
        source: &SourceRecord,
        findings: &[Finding],
        problems: &[Problem],
        coverage: &[CoverageRow],
        resolve: Resolve<'_>,
    ) -> Result<Added> {
        let said = Said {
            source: source.clone(),
            findings: findings.to_vec(),
            problems: problems.to_vec(),
            coverage: coverage.to_vec(),
        };
        self.sources(std::slice::from_ref(&said), resolve)
    }

    /// As [`RunWriter::source`], for several sources in one transaction: all are kept or none.
    ///
    /// # Errors
    /// As [`RunWriter::source`].
    pub fn sources(&mut self, said: &[Said], resolve: Resolve<'_>) -> Result<Added> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let id = self.id;
        let numbers = &self.numbers;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let mut added = Added::default();
            for one in said {
                put_said(&mut tx, id, one, numbers, resolve, &mut added).await?;
            }
            tx.commit().await?;
            Ok(added)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Keeps findings that come from several sources (correlations), in one transaction, after
    /// the sources they cite.
    ///
    /// # Errors
    /// As [`RunWriter::source`].
    pub fn findings(&mut self, findings: &[Finding], resolve: Resolve<'_>) -> Result<Added> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let id = self.id;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let mut added = Added::default();
            put_findings(&mut tx, id, findings, resolve, &mut added).await?;
            tx.commit().await?;
            Ok(added)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Keeps problems of the run that are of no source.
    pub fn problems(&mut self, problems: &[Problem]) -> Result<()> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let id = self.id;
        let work = async {
            let mut tx = db::begin(conn).await?;
            put_problems(&mut tx, id, None, problems).await?;
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Ends the run, puts findings, problems and coverage as they are now in the custody chain, and
    /// writes `manifest.txt`.
    pub fn finish_run(&mut self, finished: Time) -> Result<()> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let id = self.id;
        let work = async {
            let mut tx = db::begin(conn).await?;
            sqlx::query("UPDATE run SET finished = $1 WHERE id = $2")
                .bind(finished.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            custody::seal_run(&mut tx, id).await?;
            tx.commit().await?;
            fail::point("run-finished");
            custody::manifest(conn).await
        };
        let text = runtime.block_on(work).map_err(|e: Inner| e.of(dir))?;
        custody::write_manifest(dir, &text)?;
        fail::point("manifest-written");
        Ok(())
    }
}

/// A source and everything said of it.
pub(crate) async fn put_said(
    conn: &mut Conn,
    run: i64,
    Said { source, findings, problems, coverage }: &Said,
    numbers: &HashMap<String, i64>,
    resolve: Resolve<'_>,
    added: &mut Added,
) -> Result<(), Inner> {
    let (id, was) = put_source(conn, run, source, numbers, added).await?;
    // Other rules may find more, so findings are added; problems and coverage are the reader's,
    // and the last reader that came to the end says what holds.
    if source.state == SourceState::Complete || was != Some(SourceState::Complete) {
        put_problems(conn, run, Some(id), problems).await?;
        put_coverage(conn, id, coverage).await?;
    }
    put_findings(conn, run, findings, resolve, added).await
}

async fn put_source(
    conn: &mut Conn,
    run: i64,
    source: &SourceRecord,
    numbers: &HashMap<String, i64>,
    added: &mut Added,
) -> Result<(i64, Option<SourceState>), Inner> {
    let complete = source.state == SourceState::Complete;
    let state = if complete { "complete" } else { "partial" };
    let path = db::clean(&source.path);
    let known = sqlx::query("SELECT id, state FROM source WHERE sha256 = $1")
        .bind(&source.sha256)
        .fetch_optional(&mut *conn)
        .await?;
    let (id, was) = match known {
        Some(row) => {
            let id: i64 = row.try_get(0)?;
            let was = match row.try_get::<String, _>(1)?.as_str() {
                "complete" => SourceState::Complete,
                _ => SourceState::Partial,
            };
            // A complete source stays complete while it is read again with other rules; which run read
            // it to the end last is known by what that run's digests say.
            if was == SourceState::Partial || complete {
                sqlx::query(
                    "UPDATE source SET state = $1, records = $2, last_run = $3,
                         rows_kept = CASE WHEN rows_kept > $5 THEN rows_kept ELSE $5 END,
                         tool_version = (SELECT tool_version FROM run WHERE id = $3) WHERE id = $4",
                )
                .bind(state)
                .bind(signed(source.records))
                .bind(run)
                .bind(id)
                .bind(signed(source.rows_kept))
                .execute(&mut *conn)
                .await?;
            }
            (id, Some(was))
        }
        None => {
            let next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM source")
                .fetch_one(&mut *conn)
                .await?;
            // Rows in the lake may carry a number that was given before the source was kept.
            let given = numbers.values().max().map_or(0, |n| n + 1);
            let id = numbers.get(&source.sha256).copied().unwrap_or(next.max(given));
            sqlx::query(
                "INSERT INTO source (id, sha256, bytes, first_path, first_run, state, records, last_run,
                     tool_version, rows_kept)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $5, (SELECT tool_version FROM run WHERE id = $5), $8)",
            )
            .bind(id)
            .bind(&source.sha256)
            .bind(signed(source.bytes))
            .bind(&*path)
            .bind(run)
            .bind(state)
            .bind(signed(source.records))
            .bind(signed(source.rows_kept))
            .execute(&mut *conn)
            .await?;
            added.sources += 1;
            (id, None)
        }
    };
    let new_path = sqlx::query(
        "INSERT INTO source_path (source, path, path_key, run) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(&*path)
    .bind(&*db::key(&path))
    .bind(run)
    .execute(&mut *conn)
    .await?;
    if new_path.rows_affected() > 0 {
        custody::append(conn, run, "evidence", &path, &source.sha256, signed(source.bytes)).await?;
    }
    Ok((id, was))
}

async fn put_problems(
    conn: &mut Conn,
    run: i64,
    source: Option<i64>,
    problems: &[Problem],
) -> Result<(), Inner> {
    // The source has been read again: what was wrong then is said anew. Problems of no source are the run's.
    sqlx::query("DELETE FROM problem WHERE source = $1").bind(source).execute(&mut *conn).await?;
    let first: i64 = match source {
        Some(_) => 0,
        None => {
            sqlx::query_scalar(
                "SELECT COALESCE(MAX(seq), -1) + 1 FROM problem WHERE source IS NULL AND run = $1",
            )
            .bind(run)
            .fetch_one(&mut *conn)
            .await?
        }
    };
    for (seq, p) in (first..).zip(problems) {
        sqlx::query(
            "INSERT INTO problem (source, seq, run, code, origin, byte_offset, message, times)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(source)
        .bind(seq)
        .bind(run)
        .bind(p.code.name())
        .bind(&*db::clean(&p.origin.to_string()))
        .bind(p.offset.map(signed))
        .bind(&*db::clean(&p.message))
        .bind(signed(p.count))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn put_coverage(conn: &mut Conn, source: i64, coverage: &[CoverageRow]) -> Result<(), Inner> {
    sqlx::query("DELETE FROM coverage WHERE source = $1").bind(source).execute(&mut *conn).await?;
    for c in coverage {
        sqlx::query(
            "INSERT INTO coverage (source, shape, events, first_us, last_us) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(source)
        .bind(&*db::clean(&c.shape))
        .bind(signed(c.events))
        .bind(c.first.map(|t| t.0))
        .bind(c.last.map(|t| t.0))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The way from the evidence file to a member as the case keeps it, in citations and in the lake's
/// `_member`: `inbox.mbox!invoice.iso`; empty for the file itself.
pub fn member_of(origin: &Origin) -> String {
    let whole = origin.to_string();
    let member = whole.strip_prefix(origin.top()).map_or("", |m| m.strip_prefix('!').unwrap_or(m));
    db::clean(member).into_owned()
}

async fn put_findings(
    conn: &mut Conn,
    run: i64,
    findings: &[Finding],
    resolve: Resolve<'_>,
    added: &mut Added,
) -> Result<(), Inner> {
    // Findings of one commit cite few sources many times.
    let mut cited = std::collections::HashMap::<SourceId, (i64, String)>::new();
    for f in findings {
        let id = f.id.to_string();
        if f.citations.is_empty() {
            return Err(Error::NoCitation(id).into());
        }
        added.findings += put_finding(conn, run, &id, f).await?;
        for c in &f.citations {
            let (source, member) = match cited.entry(c.source) {
                std::collections::hash_map::Entry::Occupied(e) => e.into_mut(),
                std::collections::hash_map::Entry::Vacant(e) => {
                    let unknown = |what| Error::UnknownSource { finding: id.clone(), what };
                    let Some(found) = resolve(c.source) else {
                        return Err(unknown(format!("number {} of this run", c.source.0)).into());
                    };
                    let source: Option<i64> = sqlx::query_scalar("SELECT id FROM source WHERE sha256 = $1")
                        .bind(&found.sha256)
                        .fetch_optional(&mut *conn)
                        .await?;
                    let Some(source) = source else {
                        return Err(unknown(format!("{}, SHA-256 {}", found.origin, found.sha256)).into());
                    };
                    e.insert((source, member_of(&found.origin)))
                }
            };
            let done = sqlx::query(
                "INSERT INTO citation (finding, source, member, member_key, record, byte_offset)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(&id)
            .bind(*source)
            .bind(member.as_str())
            .bind(&*db::key(member))
            .bind(signed(c.record))
            .bind(signed(c.offset))
            .execute(&mut *conn)
            .await?;
            added.citations += done.rows_affected();
        }
    }
    Ok(())
}

async fn put_finding(conn: &mut Conn, run: i64, id: &str, f: &Finding) -> Result<u64, Inner> {
    let (title, rule_id) = (db::clean(&f.rule.title), db::clean(&f.rule.id));
    let [host, author, license] =
        [&f.host, &f.rule.author, &f.rule.license].map(|t| t.as_deref().map(|t| db::clean(t).into_owned()));
    let rank = palisade_model::Severity::ALL.iter().position(|s| *s == f.rule.level).unwrap_or(0);
    let attack: Vec<&String> = f.rule.attack.iter().chain(&f.rule.software).collect();
    let done = sqlx::query(
        "INSERT INTO finding (id, rule_id, title, severity, severity_rank, confidence, vector, time_us,
            time_end_us, host, message, observables, attack, author, license, recovered, first_run)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(&*rule_id)
    .bind(&*title)
    .bind(f.rule.level.name())
    .bind(signed(rank as u64))
    .bind(i64::from(f.rule.confidence.0))
    .bind(f.vector.name())
    .bind(f.time.map(|t| t.0))
    .bind(f.time_end.map(|t| t.0))
    .bind(&host)
    .bind(json(&f.message))
    .bind(json(&f.observables))
    .bind(json(&attack))
    .bind(&author)
    .bind(&license)
    .bind(i64::from(f.recovered))
    .bind(run)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        // Known: a rule with the same id may say something else of it now.
        sqlx::query(
            "UPDATE finding SET title = $2, severity = $3, severity_rank = $4, confidence = $5, time_us = $6,
                time_end_us = $7, host = $8, message = $9, observables = $10, attack = $11, author = $12,
                license = $13 WHERE id = $1",
        )
        .bind(id)
        .bind(&*title)
        .bind(f.rule.level.name())
        .bind(signed(rank as u64))
        .bind(i64::from(f.rule.confidence.0))
        .bind(f.time.map(|t| t.0))
        .bind(f.time_end.map(|t| t.0))
        .bind(&host)
        .bind(json(&f.message))
        .bind(json(&f.observables))
        .bind(json(&attack))
        .bind(&author)
        .bind(&license)
        .execute(conn)
        .await?;
    }
    Ok(done.rows_affected())
}

async fn put_indicators(conn: &mut Conn, run: i64, rows: &[IndicatorRow]) -> Result<(), Inner> {
    let sql = format!(
        "INSERT INTO indicator (list, list_key, kind, value, value_key, note, line, first_run)
         VALUES {} ON CONFLICT DO NOTHING",
        db::places(rows.len(), 8)
    );
    // The last statement of a list has a length of its own; it is not worth keeping.
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(rows.len() == INDICATORS_AT_ONCE);
    for r in rows {
        let (list, value) = (db::clean(&r.list), db::clean(&r.value));
        query = query
            .bind(list.to_string())
            .bind(db::key(&list).into_owned())
            .bind(db::clean(&r.kind).into_owned())
            .bind(value.to_string())
            .bind(db::key(&value).into_owned())
            .bind(r.note.as_deref().map(|n| db::clean(n).into_owned()))
            .bind(r.line.map(signed))
            .bind(run);
    }
    query.execute(conn).await?;
    Ok(())
}
