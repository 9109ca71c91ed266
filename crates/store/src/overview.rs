//! A case at a glance: runs, sources, problems, coverage, the lake.
//!
//! What this module never does: leave out that there is more than it shows.

use palisade_model::Time;
use serde::Serialize;
use sqlx::Row as _;

use crate::case::Parts;
use crate::db::{self, Conn, Row};
use crate::read::unsigned;
use crate::{Case, Inner, Result};

/// A run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RunRow {
    /// Its number.
    pub id: i64,
    /// When it began, by its machine's clock.
    pub started: Time,
    /// When it ended; `None` if it did not.
    pub finished: Option<Time>,
    /// Version of Palisade.
    pub tool_version: String,
    /// The command line.
    pub command_line: String,
    /// Who ran it.
    pub operator: String,
    /// Where.
    pub machine: String,
}

/// An evidence file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SourceRow {
    /// Its number in the case, the lake's `_source`.
    pub id: i64,
    /// SHA-256.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// The first path it had.
    pub path: String,
    /// How many paths it had.
    pub paths: u64,
    /// Whether it was read to its end.
    pub complete: bool,
    /// Records read.
    pub records: u64,
    /// Rows in the lake.
    pub rows_kept: u64,
    /// The run that brought it.
    pub first_run: i64,
    /// The Palisade that read it last.
    pub tool_version: Option<String>,
}

/// What could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProblemRow {
    /// What kind.
    pub code: String,
    /// Where.
    pub origin: String,
    /// At which byte.
    pub offset: Option<u64>,
    /// What was wrong.
    pub message: String,
    /// How often.
    pub times: u64,
}

/// What was seen of one shape in all sources.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SeenShape {
    /// Name of the shape.
    pub shape: String,
    /// Sources that have it.
    pub sources: u64,
    /// Events.
    pub events: u64,
    /// Earliest time.
    pub first: Option<Time>,
    /// Latest time.
    pub last: Option<Time>,
}

/// The segments of one table of the lake.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LakeSummary {
    /// The table.
    pub table: String,
    /// Segments.
    pub segments: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes on the disk, without indexes.
    pub bytes: u64,
    /// Bytes of the indexes.
    pub index_bytes: u64,
    /// Earliest time.
    pub first: Option<Time>,
    /// Latest time.
    pub last: Option<Time>,
}

/// A case at a glance. Lists hold at most as many rows as were asked for; the counts say of how many.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Overview {
    /// How much the case holds.
    pub counts: crate::Counts,
    /// Where its knowledge is: `sqlite` or `postgresql`.
    pub database: &'static str,
    /// Runs, newest first.
    pub runs: Vec<RunRow>,
    /// Sources in the order they came.
    pub sources: Vec<SourceRow>,
    /// Problems, the most frequent first.
    pub problems: Vec<ProblemRow>,
    /// Shapes by name.
    pub coverage: Vec<SeenShape>,
    /// Tables of the lake by name.
    pub lake: Vec<LakeSummary>,
}

impl Case {
    /// The case at a glance, with at most `limit` rows of runs, sources and problems.
    pub fn overview(&mut self, limit: u64) -> Result<Overview> {
        let counts = self.counts()?;
        let Parts { conn, runtime, dir } = self.parts()?;
        let limit = crate::run::signed(limit);
        runtime.block_on(overview(conn, limit, counts)).map_err(|e| e.of(dir))
    }
}

fn time(row: &Row, at: usize) -> Result<Option<Time>, Inner> {
    Ok(row.try_get::<Option<i64>, _>(at)?.map(Time))
}

fn number(row: &Row, at: usize) -> Result<u64, Inner> {
    Ok(unsigned(row.try_get(at)?))
}

async fn overview(conn: &mut Conn, limit: i64, counts: crate::Counts) -> Result<Overview, Inner> {
    let database = match db::kind(conn) {
        db::Kind::Sqlite => "sqlite",
        db::Kind::Postgres => "postgresql",
    };
    let mut tx = db::snapshot(conn).await?;
    let mut o = Overview { counts, database, ..Overview::default() };
    let runs = sqlx::query(
        "SELECT id, started, finished, tool_version, command_line, operator, machine
         FROM run ORDER BY id DESC LIMIT $1",
    );
    for r in runs.bind(limit).fetch_all(&mut *tx).await? {
        o.runs.push(RunRow {
            id: r.try_get(0)?,
            started: Time(r.try_get(1)?),
            finished: time(&r, 2)?,
            tool_version: r.try_get(3)?,
            command_line: r.try_get(4)?,
            operator: r.try_get(5)?,
            machine: r.try_get(6)?,
        });
    }
    let sources = sqlx::query(
        "SELECT s.id, s.sha256, s.bytes, s.first_path, s.state, s.records, s.rows_kept, s.first_run,
                s.tool_version, (SELECT COUNT(*) FROM source_path p WHERE p.source = s.id)
         FROM source s ORDER BY s.id LIMIT $1",
    );
    for r in sources.bind(limit).fetch_all(&mut *tx).await? {
        o.sources.push(SourceRow {
            id: r.try_get(0)?,
            sha256: r.try_get(1)?,
            bytes: number(&r, 2)?,
            path: r.try_get(3)?,
            paths: number(&r, 9)?,
            complete: r.try_get::<&str, _>(4)? == "complete",
            records: number(&r, 5)?,
            rows_kept: number(&r, 6)?,
            first_run: r.try_get(7)?,
            tool_version: r.try_get(8)?,
        });
    }
    let problems = sqlx::query(
        "SELECT code, origin, byte_offset, message, times FROM problem
         ORDER BY times DESC, origin, code, message, COALESCE(byte_offset, -1), run, seq LIMIT $1",
    );
    for r in problems.bind(limit).fetch_all(&mut *tx).await? {
        o.problems.push(ProblemRow {
            code: r.try_get(0)?,
            origin: r.try_get(1)?,
            offset: r.try_get::<Option<i64>, _>(2)?.map(unsigned),
            message: r.try_get(3)?,
            times: number(&r, 4)?,
        });
    }
    let shapes = "SELECT shape, COUNT(*), CAST(SUM(events) AS BIGINT), MIN(first_us), MAX(last_us)
                  FROM coverage GROUP BY shape ORDER BY shape";
    for r in sqlx::query(shapes).fetch_all(&mut *tx).await? {
        o.coverage.push(SeenShape {
            shape: r.try_get(0)?,
            sources: number(&r, 1)?,
            events: number(&r, 2)?,
            first: time(&r, 3)?,
            last: time(&r, 4)?,
        });
    }
    let lake = "SELECT tbl, COUNT(*), CAST(SUM(rows) AS BIGINT), CAST(SUM(bytes) AS BIGINT),
                       CAST(SUM(index_bytes) AS BIGINT), MIN(min_time), MAX(max_time)
                FROM segment GROUP BY tbl ORDER BY tbl";
    for r in sqlx::query(lake).fetch_all(&mut *tx).await? {
        o.lake.push(LakeSummary {
            table: r.try_get(0)?,
            segments: number(&r, 1)?,
            rows: number(&r, 2)?,
            bytes: number(&r, 3)?,
            index_bytes: number(&r, 4)?,
            first: time(&r, 5)?,
            last: time(&r, 6)?,
        });
    }
    tx.commit().await?;
    Ok(o)
}
