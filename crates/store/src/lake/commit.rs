//! Rows and all that is said of them become part of the case together.
//!
//! ```text
//! segment files, synced ─▶ their directories, synced ─▶ one transaction: segments, findings, sources
//! ```
//!
//! Before the transaction nothing has happened; after it, everything. A process that ends in between
//! leaves files that no case lists; [`sweep`] removes them when the next writer begins.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sqlx::Row as _;

use super::intake::Intake;
use super::layout::{self, ColumnType};
use super::segment::{self, WriteError, Written};
use super::segments::{Lake, Segment};
use crate::case::Parts;
use crate::db::{self, Conn};
use crate::run::{Added, Resolve, RunWriter, Said, put_said, signed};
use crate::{Case, Error, Inner, LAKE, Result, custody, fail, file_error};

/// Rows of an earlier state of a file that are remembered, to leave them out of a later one.
const MAX_KNOWN_ROWS: u64 = 16 << 20;

/// How a source stands before it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// A run before this one read it to its end with the rules and settings of this run.
    pub same: bool,
    /// Some run read it to its end: its rows are in the lake.
    pub complete: bool,
    /// Its rows in the lake, from the first on.
    pub rows_kept: u64,
    /// By this version of Palisade: its rows come in the same order again.
    pub same_reader: bool,
}

/// Rows known by member, digest and record number.
#[derive(Debug)]
pub struct RowSet {
    sorted: Vec<u64>,
}

impl RowSet {
    /// Whether a row is one of them; `member` by [`member_key`].
    pub fn contains(&self, member: u64, digest: &[u8], record: i64) -> bool {
        self.sorted.binary_search(&key(member, digest, record)).is_ok()
    }
}

/// What stands for a member in a [`RowSet`].
pub fn member_key(member: &str) -> u64 {
    foldhash::fast::FixedState::with_seed(0).hash_one(member)
}

/// Digests are hashes already; the record number tells true repetitions in one log apart, the member
/// two copies of a log in one archive.
fn key(member: u64, digest: &[u8], record: i64) -> u64 {
    let half = digest.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
    half ^ member.rotate_left(32) ^ (record as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl RunWriter<'_> {
    /// How a source stands, by its SHA-256. What this run has kept so far does not make it `same`:
    /// how far it is depends on its threads.
    pub fn standing(&mut self, sha256: &str) -> Result<Standing> {
        let id = self.id;
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let work = async {
            let row = sqlx::query(
                "SELECT s.state, s.rows_kept, s.last_run,
                        CAST(CASE WHEN was.rules_digest = now.rules_digest
                             AND was.config_digest = now.config_digest THEN 1 ELSE 0 END AS BIGINT),
                        CAST(CASE WHEN s.tool_version = now.tool_version THEN 1 ELSE 0 END AS BIGINT)
                 FROM source s JOIN run was ON was.id = s.last_run JOIN run now ON now.id = $1
                 WHERE s.sha256 = $2",
            )
            .bind(id)
            .bind(sha256)
            .fetch_optional(conn)
            .await?;
            let Some(row) = row else { return Ok(Standing::default()) };
            let complete = row.try_get::<String, _>(0)? == "complete";
            let (kept, last): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            let (same, reader): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
            Ok(Standing {
                same: complete && last < id && same != 0,
                complete,
                rows_kept: u64::try_from(kept).unwrap_or(0),
                same_reader: reader != 0,
            })
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// The number a source has in the case, or will have once it is kept.
    pub fn number(&mut self, sha256: &str) -> Result<i64> {
        if let Some(number) = self.numbers.get(sha256) {
            return Ok(*number);
        }
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let work = async {
            let known: Option<i64> = sqlx::query_scalar("SELECT id FROM source WHERE sha256 = $1")
                .bind(sha256)
                .fetch_optional(&mut *conn)
                .await?;
            let next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM source")
                .fetch_one(&mut *conn)
                .await?;
            Ok((known, next))
        };
        let (known, next) = runtime.block_on(work).map_err(|e: Inner| e.of(dir))?;
        // One process writes, so numbers given and not yet used are known here.
        let given = self.numbers.values().max().map_or(0, |n| n + 1);
        let number = known.unwrap_or(next.max(given));
        self.numbers.insert(sha256.to_owned(), number);
        Ok(number)
    }

    /// Rows that the lake has of files with this path but other bytes (earlier states of a log that
    /// grew or went round), and with `own` of the same bytes too. `None` if there are none, or too
    /// many to remember: then the file's rows are kept as new.
    pub fn rows_of_path(&mut self, path: &str, sha256: &str, own: bool) -> Result<Option<RowSet>> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let work = async {
            let rows = sqlx::query(
                "SELECT s.id, s.rows_kept FROM source s JOIN source_path p ON p.source = s.id
                 WHERE p.path_key = $1 AND (s.sha256 <> $2 OR $3 = 1) AND s.rows_kept > 0",
            )
            .bind(&*db::key(path))
            .bind(sha256)
            .bind(i64::from(own))
            .fetch_all(&mut *conn)
            .await?;
            let mut sources = Vec::new();
            for row in rows {
                sources.push((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?));
            }
            let mut segments = Vec::new();
            for (source, _) in &sources {
                let found = sqlx::query(
                    "SELECT g.file FROM segment g JOIN segment_source s ON s.segment = g.id WHERE s.source = $1",
                )
                .bind(source)
                .fetch_all(&mut *conn)
                .await?;
                for row in found {
                    segments.push(row.try_get::<String, _>(0)?);
                }
            }
            segments.sort();
            segments.dedup();
            Ok((sources, segments))
        };
        let (sources, segments) = runtime.block_on(work).map_err(|e: Inner| e.of(dir))?;
        let rows: i64 = sources.iter().map(|(_, n)| n).sum();
        if segments.is_empty() || rows as u64 > MAX_KNOWN_ROWS {
            return Ok(None);
        }
        let wanted: HashSet<i64> = sources.iter().map(|(id, _)| *id).collect();
        let mut sorted = Vec::new();
        for file in segments {
            let path = dir.join(LAKE).join(&file);
            let broken = |why: String| Error::BadSegment { dir: dir.to_owned(), file: file.clone(), why };
            known_rows(&path, &wanted, &mut sorted).map_err(broken)?;
        }
        sorted.sort_unstable();
        Ok(Some(RowSet { sorted }))
    }

    /// Writes the rows that wait as segments, on up to `jobs` threads, and commits them with files
    /// and everything said of them: all is kept, or nothing. The intake is empty afterwards.
    ///
    /// # Errors
    /// As [`RunWriter::sources`], and [`Error::DiskFull`], [`Error::File`].
    pub fn commit(
        &mut self,
        said: &[Said],
        intake: &mut Intake,
        jobs: usize,
        resolve: Resolve<'_>,
    ) -> Result<Added> {
        let id = self.id;
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let lake = dir.join(LAKE);
        let mut written = Vec::new();
        if !intake.is_empty() {
            let next = runtime.block_on(next_numbers(conn)).map_err(|e| e.of(dir))?;
            std::fs::create_dir_all(&lake).map_err(|e| file_error("making the directory", &lake, e, dir))?;
            written = intake.write(&lake, next.segment, jobs).map_err(|e| failed(e, &lake, dir))?;
        }
        let numbers = &self.numbers;
        let work = async {
            let mut tx = db::begin(conn).await?;
            fail::point("transaction-begun");
            let mut added = Added::default();
            for one in said {
                put_said(&mut tx, id, one, numbers, resolve, &mut added).await?;
            }
            let next = next_numbers(&mut tx).await?;
            for segment in &written {
                put_segment(&mut tx, id, segment, (next.seq, next.seq)).await?;
            }
            fail::point("transaction-full");
            tx.commit().await?;
            fail::point("transaction-committed");
            Ok(added)
        };
        let done = runtime.block_on(work).map_err(|e: Inner| e.of(dir));
        if done.is_err() {
            // Nothing lists them; what cannot be removed now is swept later.
            for segment in &written {
                remove(&lake, &segment.file);
            }
        }
        done
    }
}

/// Reads digest and record of the rows of some sources.
fn known_rows(path: &Path, sources: &HashSet<i64>, out: &mut Vec<u64>) -> std::result::Result<(), String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string())?;
    let columns = [layout::SOURCE, layout::MEMBER, layout::RECORD, layout::DIGEST];
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns);
    for batch in reader.with_projection(mask).build().map_err(|e| e.to_string())? {
        let batch = batch.map_err(|e| e.to_string())?;
        let column = |name: &str| batch.column_by_name(name).ok_or("a column of the envelope is missing");
        let source = column(layout::SOURCE)?.as_primitive::<Int64Type>();
        let member = column(layout::MEMBER)?.as_string::<i32>();
        let record = column(layout::RECORD)?.as_primitive::<Int64Type>();
        let digest = column(layout::DIGEST)?.as_fixed_size_binary();
        // Neighbours are mostly of one member.
        let mut last: Option<(&str, u64)> = None;
        for row in 0..batch.num_rows() {
            if sources.contains(&source.value(row)) {
                let way = member.value(row);
                let of = match last {
                    Some((known, of)) if known == way => of,
                    _ => member_key(way),
                };
                last = Some((way, of));
                out.push(key(of, digest.value(row), record.value(row)));
            }
        }
    }
    Ok(())
}

/// The next free numbers.
pub(crate) struct Next {
    pub segment: i64,
    pub seq: i64,
}

pub(crate) async fn next_numbers(conn: &mut Conn) -> Result<Next, Inner> {
    // Numbers of files that were dropped are not given again: a copy of the lake may still hold them.
    // Numbers rise, so the newest link of a segment has the highest.
    let segment: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM segment").fetch_one(&mut *conn).await?;
    let newest: Option<String> =
        sqlx::query_scalar("SELECT path FROM custody WHERE kind = 'segment' ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&mut *conn)
            .await?;
    let number = |file: &str| file.rsplit('/').next()?.strip_suffix(".parquet")?.parse::<i64>().ok();
    let given = newest.and_then(|file| number(&file)).unwrap_or(0);
    let seq: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(last_seq), 0) FROM segment").fetch_one(&mut *conn).await?;
    let looked: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM looked").fetch_one(&mut *conn).await?;
    Ok(Next { segment: segment.max(given) + 1, seq: seq.max(looked) + 1 })
}

pub(crate) async fn put_segment(
    conn: &mut Conn,
    run: i64,
    s: &Written,
    (first, last): (i64, i64),
) -> Result<(), Inner> {
    let columns: Vec<(&str, &str)> = s.columns.iter().map(|(n, t)| (n.as_str(), t.name())).collect();
    let columns = serde_json::to_string(&columns).unwrap_or_default();
    sqlx::query(
        "INSERT INTO segment (id, tbl, file, rows, bytes, index_bytes, min_time, max_time, untimed, sha256,
            index_sha256, first_seq, last_seq, created_run, columns)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(s.id)
    .bind(s.table.as_ref())
    .bind(&s.file)
    .bind(signed(s.rows))
    .bind(signed(s.bytes))
    .bind(signed(s.index_bytes))
    .bind(s.min_time)
    .bind(s.max_time)
    .bind(signed(s.untimed))
    .bind(&s.sha256)
    .bind(&s.index_sha256)
    .bind(first)
    .bind(last)
    .bind(run)
    .bind(&columns)
    .execute(&mut *conn)
    .await?;
    for (source, rows) in &s.sources {
        sqlx::query("INSERT INTO segment_source (segment, source, rows) VALUES ($1, $2, $3)")
            .bind(s.id)
            .bind(source)
            .bind(signed(*rows))
            .execute(&mut *conn)
            .await?;
    }
    let own = (s.sha256.as_str(), signed(s.bytes));
    custody::append_segment(conn, run, &s.file, own, (&s.index_sha256, signed(s.index_bytes))).await?;
    fail::point("segments-recorded");
    Ok(())
}

impl Case {
    /// The lake as the case lists it now.
    pub fn lake(&mut self) -> Result<Lake> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let segments = runtime.block_on(list(conn)).map_err(|e| e.of(dir))?;
        Ok(Lake::new(dir.join(LAKE), segments))
    }

    /// Removes files below the lake that the case does not list: a process that ended before its
    /// commit left them. How many. Call it as the writer, before writing.
    pub fn sweep(&mut self) -> Result<u64> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let segments = runtime.block_on(list(conn)).map_err(|e| e.of(dir))?;
        let lake = dir.join(LAKE);
        // Links are not followed: what lies behind one need not be this lake's.
        if !lake.symlink_metadata().is_ok_and(|m| m.is_dir()) {
            return Ok(0);
        }
        let told = |path: &Path| {
            let path = path.to_owned();
            move |e| file_error("looking for left-over files in", &path, e, dir)
        };
        let listed: HashSet<String> = segments.into_iter().map(|s| s.file).collect();
        let mut removed = 0;
        for table in std::fs::read_dir(&lake).map_err(told(&lake))? {
            let table = table.map_err(told(&lake))?;
            if !table.file_type().map_err(told(&lake))?.is_dir() {
                continue;
            }
            let table = table.path();
            let name = table.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for file in std::fs::read_dir(&table).map_err(told(&table))? {
                let path = file.map_err(told(&table))?.path();
                let ours = path.extension().is_some_and(|e| e == "parquet" || e == "obs");
                let of = path.with_extension("parquet");
                let of = of.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if ours && !listed.contains(&format!("{name}/{of}")) {
                    std::fs::remove_file(&path).map_err(told(&path))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<Segment>, Inner> {
    let rows = sqlx::query(
        "SELECT id, tbl, file, rows, bytes, index_bytes, min_time, max_time, untimed, sha256, index_sha256,
            first_seq, last_seq, columns
         FROM segment ORDER BY tbl, id",
    )
    .fetch_all(conn)
    .await?;
    // Thousands of segments have a few dozen tables.
    let mut tables: HashMap<String, Arc<str>> = HashMap::new();
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let table: String = row.try_get(1)?;
        let table = tables.entry(table).or_insert_with_key(|t| t.as_str().into()).clone();
        let columns: Vec<(String, String)> =
            serde_json::from_str(&row.try_get::<String, _>(13)?).unwrap_or_default();
        let kind = |name: &str| if name == "integer" { ColumnType::Integer } else { ColumnType::Text };
        out.push(Segment {
            id: row.try_get(0)?,
            table,
            file: row.try_get(2)?,
            rows: count(row.try_get(3)?),
            bytes: count(row.try_get(4)?),
            index_bytes: count(row.try_get(5)?),
            min_time: row.try_get(6)?,
            max_time: row.try_get(7)?,
            untimed: count(row.try_get(8)?),
            sha256: row.try_get(9)?,
            index_sha256: row.try_get(10)?,
            seqs: (row.try_get(11)?, row.try_get(12)?),
            columns: columns.into_iter().map(|(n, t)| (n, kind(&t))).collect(),
        });
    }
    Ok(out)
}

/// Removes a segment and its index, as far as they are there.
pub(crate) fn remove(lake: &Path, file: &str) {
    let path = lake.join(file);
    let _ = std::fs::remove_file(segment::index_path(&path));
    let _ = std::fs::remove_file(path);
}

pub(crate) fn failed(e: WriteError, lake: &Path, dir: &Path) -> Error {
    match e {
        WriteError::Io(e) => file_error("writing segments below", lake, e, dir),
        other => Error::File {
            what: "writing segments below",
            path: lake.to_owned(),
            why: std::io::Error::other(other.to_string()),
        },
    }
}
