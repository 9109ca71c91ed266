//! Keeping the lake in order: small segments become large ones, what is too old or too much goes,
//! and so does what is said of one person.
//!
//! ```text
//! segments ─ read, hash checked ─▶ rows that stay ─▶ a new segment, synced ─ one transaction ─▶ old files go
//! ```
//!
//! | module | is |
//! | --- | --- |
//! | this | compaction, and the exchange of segments that all three share |
//! | `holds` | legal holds |
//! | `retain` | retention by age and by size |
//! | `erase` | one person's data |
//!
//! A segment is never changed: others take its place, in one transaction that also says in the custody
//! chain what went and why. Before it nothing has happened; after it the old files are nobody's, and what
//! a crash leaves of either is swept by the next writer. Whoever has an old file open keeps it.
//!
//! What it never does: touch evidence, give bytes a new hash that do not have the old one, lose or
//! double a row that was to stay (rows per source are counted against the case before the commit).

mod erase;
mod holds;
mod retain;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Seek as _;
use std::path::Path;

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use palisade_model::Time;
use sqlx::Row as _;

pub use erase::{Erased, Erasure, Left, observable};
pub use holds::{Hold, Refused};
pub use retain::{Retained, Retention};

use super::commit::{failed, next_numbers, put_segment, remove};
use super::layout::{self, ColumnType, MAX_COLUMNS};
use super::segment::{self, Rows, Written};
use super::segments::Segment;
use crate::case::Parts;
use crate::custody::{self, Dropped};
use crate::db::{self, Conn};
use crate::run::{RunInfo, RunWriter, signed};
use crate::{Case, Error, Inner, LAKE, Result, fail};

/// A segment with fewer rows is small: it is merged with others.
pub const SMALL_ROWS: u64 = 32_768;

/// Rows of a merged segment at most.
pub const MERGED_ROWS: u64 = 524_288;

/// So many small segments of one table may lie about after an investigation; with more, it merges them.
pub const MANY_SMALL: usize = 16;

/// Bytes of rows held at a time at most, unless one segment alone has more.
const HELD_BYTES: usize = 256 << 20;

/// Rows decoded at a time.
const READ_ROWS: usize = 8_192;

/// What a compaction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compacted {
    /// Segments that were merged.
    pub segments: u64,
    /// Segments that they became.
    pub into: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of the old segments and their indexes.
    pub bytes_before: u64,
    /// Bytes of the new ones.
    pub bytes_after: u64,
}

impl Case {
    /// Merges small segments, as a run of its own; no run is made if there is nothing to merge.
    /// `now` is asked when it ends.
    ///
    /// # Errors
    /// [`Error::BadSegment`], [`Error::RowsDiffer`], [`Error::DiskFull`]. What was merged before stands.
    pub fn compact(&mut self, info: &RunInfo, now: &dyn Fn() -> Time) -> Result<Compacted> {
        self.sweep()?;
        if groups(self.lake()?.segments(), 1).is_empty() {
            return Ok(Compacted::default());
        }
        let mut run = self.begin_run(info)?;
        let done = run.compact(1, info.started)?;
        run.finish_run(now())?;
        Ok(done)
    }
}

impl RunWriter<'_> {
    /// Merges small segments of tables that have more than `more_than` of them. `at` is what the case
    /// says of when.
    ///
    /// # Errors
    /// As [`Case::compact`].
    pub fn compact(&mut self, more_than: usize, at: Time) -> Result<Compacted> {
        let mut done = Compacted::default();
        for group in groups(self.case.lake()?.segments(), more_than) {
            let mut rest = group.as_slice();
            while rest.len() > 1 {
                let taken = merge(self.case, self.id, at, rest, &mut done)?;
                rest = rest.get(taken..).unwrap_or_default();
            }
        }
        Ok(done)
    }
}

/// Small segments that become one, by table and in the order they were committed.
fn groups(segments: &[Segment], more_than: usize) -> Vec<Vec<Segment>> {
    let mut tables: BTreeMap<&str, Vec<&Segment>> = BTreeMap::new();
    for segment in segments.iter().filter(|s| s.rows < SMALL_ROWS) {
        tables.entry(&segment.table).or_default().push(segment);
    }
    let mut out = Vec::new();
    for mut small in tables.into_values().filter(|s| s.len() > more_than) {
        small.sort_by_key(|s| (s.seqs, s.id));
        let mut group: Vec<Segment> = Vec::new();
        let mut rows = 0;
        let mut columns: BTreeMap<&str, ColumnType> = BTreeMap::new();
        for segment in small {
            // A column that is text here and a number there stays in segments of its own, and a
            // table has no more columns than the packer gives it.
            let alike = segment.columns.iter().all(|(n, t)| columns.get(n.as_str()).is_none_or(|k| k == t));
            let new = segment.columns.iter().filter(|(n, _)| !columns.contains_key(n.as_str())).count();
            if rows + segment.rows > MERGED_ROWS || !alike || columns.len() + new > MAX_COLUMNS {
                out.push(std::mem::take(&mut group));
                rows = 0;
                columns.clear();
            }
            rows += segment.rows;
            columns.extend(segment.columns.iter().map(|(n, t)| (n.as_str(), *t)));
            group.push(segment.clone());
        }
        out.push(group);
    }
    out.retain(|group| group.len() > 1);
    out
}

/// Merges as many segments from the front as may be held; how many were looked at.
fn merge(case: &mut Case, run: i64, at: Time, group: &[Segment], done: &mut Compacted) -> Result<usize> {
    let mut rows: Vec<Rows> = Vec::new();
    let (mut held, mut taken) = (0, 0);
    for segment in group {
        let mut more = Vec::new();
        let mut bytes = 0;
        read(case.dir(), segment, None, |batch| {
            bytes += batch.get_array_memory_size();
            more.push(Rows { batch, of: None });
            Ok(())
        })?;
        if taken > 0 && held + bytes > HELD_BYTES {
            break;
        }
        held += bytes;
        taken += 1;
        rows.append(&mut more);
    }
    let old = group.get(..taken).unwrap_or_default();
    if old.len() < 2 {
        return Ok(taken.max(1));
    }
    let change = Change { old, rows, gone: Gone::Rows(BTreeMap::new()), kind: "compaction", detail: "" };
    let new = exchange(case, run, at, change, None)?;
    done.segments += old.len() as u64;
    done.into += 1;
    done.bytes_before += old.iter().map(|s| s.bytes + s.index_bytes).sum::<u64>();
    if let Some(new) = new {
        done.rows += new.rows;
        done.bytes_after += new.bytes + new.index_bytes;
    }
    Ok(taken)
}

/// Rows that leave with an exchange.
enum Gone {
    /// Everything: nothing takes the place of the old segments.
    All,
    /// So many of each source.
    Rows(BTreeMap<i64, u64>),
}

/// Segments that leave, and the rows that stay.
struct Change<'a> {
    old: &'a [Segment],
    rows: Vec<Rows>,
    gone: Gone,
    /// As in `dropped`.
    kind: &'static str,
    detail: &'a str,
}

/// Puts a new segment in the place of others, or nothing; `also` is done in the same transaction.
fn exchange(
    case: &mut Case,
    run: i64,
    at: Time,
    change: Change<'_>,
    also: Option<&mut erase::Redaction<'_>>,
) -> Result<Option<Written>> {
    let Parts { conn, runtime, dir } = case.parts()?;
    let lake = dir.join(LAKE);
    let mut new = None;
    if let Some(first) = change.old.first().filter(|_| change.rows.iter().any(|r| r.batch.num_rows() > 0)) {
        let id = runtime.block_on(next_numbers(conn)).map_err(|e| e.of(dir))?.segment;
        let table = first.table.clone();
        let written = segment::write(&lake, id, &table, &change.rows).and_then(|written| {
            segment::sync_directories(&lake, &[table.clone()].into())?;
            Ok(written)
        });
        match written {
            Ok(written) => new = Some(written),
            Err(e) => {
                remove(&lake, &segment::file_name(&table, id));
                return Err(failed(e, &lake, dir));
            }
        }
        fail::point("compacted-written");
    }
    let work = async {
        let mut tx = db::begin(conn).await?;
        put_exchange(&mut tx, dir, run, at, &change, new.as_ref()).await?;
        if let Some(also) = also {
            also.apply(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    };
    if let Err(e) = runtime.block_on(work).map_err(|e: Inner| e.of(dir)) {
        if let Some(new) = &new {
            remove(&lake, &new.file);
        }
        return Err(e);
    }
    fail::point("compaction-committed");
    for old in change.old {
        remove(&lake, &old.file);
        fail::point("file-removed");
    }
    Ok(new)
}

async fn put_exchange(
    conn: &mut Conn,
    dir: &Path,
    run: i64,
    at: Time,
    change: &Change<'_>,
    new: Option<&Written>,
) -> Result<(), Inner> {
    let had = rows_of(conn, change.old).await?;
    let gone = match &change.gone {
        Gone::All => &had,
        Gone::Rows(gone) => gone,
    };
    let has: BTreeMap<i64, u64> = new.iter().flat_map(|n| n.sources.iter().copied()).collect();
    let zero = |map: &BTreeMap<i64, u64>, source: i64| map.get(&source).copied().unwrap_or(0);
    for source in had.keys().chain(has.keys()) {
        if zero(&had, *source) != zero(&has, *source) + zero(gone, *source) {
            return Err(Error::RowsDiffer {
                dir: dir.to_owned(),
                number: *source,
                had: zero(&had, *source),
                has: zero(&has, *source) + zero(gone, *source),
            }
            .into());
        }
    }
    if let Some(new) = new {
        let first = change.old.iter().map(|s| s.seqs.0).min().unwrap_or(0);
        let last = change.old.iter().map(|s| s.seqs.1).max().unwrap_or(0);
        put_segment(conn, run, new, (first, last)).await?;
    }
    for old in change.old {
        for sql in ["DELETE FROM segment_source WHERE segment = $1", "DELETE FROM segment WHERE id = $1"] {
            sqlx::query(sql).bind(old.id).execute(&mut *conn).await?;
        }
    }
    let files: Vec<String> = change.old.iter().map(|s| s.file.clone()).collect();
    let rows = signed(gone.values().sum());
    let dropped =
        Dropped { time_us: at.0, run, kind: change.kind, files: &files, rows, detail: change.detail };
    custody::append_dropped(conn, &dropped).await?;
    Ok(())
}

/// Rows of each source in segments, as the case has them.
async fn rows_of(conn: &mut Conn, segments: &[Segment]) -> Result<BTreeMap<i64, u64>, Inner> {
    let mut out = BTreeMap::new();
    for segment in segments {
        let rows = sqlx::query("SELECT source, rows FROM segment_source WHERE segment = $1")
            .bind(segment.id)
            .fetch_all(&mut *conn)
            .await?;
        for row in rows {
            *out.entry(row.try_get::<i64, _>(0)?).or_default() +=
                u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
        }
    }
    Ok(out)
}

/// Reads a segment, all columns or some, after checking that its bytes are those the case has.
fn read(
    dir: &Path,
    segment: &Segment,
    columns: Option<&[&str]>,
    mut take: impl FnMut(RecordBatch) -> Result<(), String>,
) -> Result<()> {
    let mut work = || {
        let file = open(&dir.join(LAKE).join(&segment.file), segment)?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable)?;
        let mask = match columns {
            Some(names) => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
            None => ProjectionMask::all(),
        };
        let reader = builder.with_batch_size(READ_ROWS).with_projection(mask).build().map_err(unreadable)?;
        let mut rows = 0;
        for batch in reader {
            let batch = batch.map_err(unreadable)?;
            rows += batch.num_rows() as u64;
            take(batch)?;
        }
        if rows == segment.rows {
            Ok(())
        } else {
            Err(format!("has {rows} rows instead of {}", segment.rows))
        }
    };
    let bad = |why: String| Error::BadSegment { dir: dir.to_owned(), file: segment.file.clone(), why };
    work().map_err(bad)
}

fn unreadable(e: impl std::fmt::Display) -> String {
    format!("cannot be read: {e}")
}

/// Opens a segment's file if it is what the case says: what is written anew gets a hash of its own, and
/// damage must not get one.
fn open(path: &Path, segment: &Segment) -> Result<File, String> {
    let mut file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => unreadable(e),
    })?;
    let (sha256, _) = crate::verify::hash(&mut file).map_err(unreadable)?;
    if sha256 != segment.sha256 {
        return Err("was changed: it has another SHA-256 than the case says".into());
    }
    file.rewind().map_err(unreadable)?;
    Ok(file)
}

/// Rows of a segment that stay, and what goes.
#[derive(Default)]
struct Sifted {
    stay: Vec<Rows>,
    gone: BTreeMap<i64, u64>,
}

impl Sifted {
    fn rows_gone(&self) -> u64 {
        self.gone.values().sum()
    }
}

/// What `stays` says of each row of a segment. With `columns` only these are read, and no row is held:
/// to see what would go.
fn sift(
    dir: &Path,
    segment: &Segment,
    columns: Option<&[&str]>,
    mut stays: impl FnMut(&RecordBatch) -> Result<Vec<bool>, String>,
) -> Result<Sifted> {
    let mut out = Sifted::default();
    read(dir, segment, columns, |batch| {
        let keep = stays(&batch)?;
        let source = numbers(&batch, layout::SOURCE)?;
        for (row, _) in keep.iter().enumerate().filter(|(_, keep)| !**keep) {
            *out.gone.entry(source.value(row)).or_default() += 1;
        }
        if columns.is_none() {
            let kept = filter_record_batch(&batch, &BooleanArray::from(keep)).map_err(unreadable)?;
            if kept.num_rows() > 0 {
                out.stay.push(Rows { batch: kept, of: None });
            }
        }
        Ok(())
    })?;
    Ok(out)
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, String> {
    batch.column_by_name(name).ok_or_else(|| format!("has no column {name}"))
}

fn numbers<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b Int64Array, String> {
    let found = column(batch, name)?.as_primitive_opt::<Int64Type>();
    found.ok_or_else(|| format!("has a column {name} of another type"))
}

fn times(batch: &RecordBatch) -> Result<&TimestampMicrosecondArray, String> {
    let found = column(batch, layout::TIME)?.as_primitive_opt::<TimestampMicrosecondType>();
    found.ok_or_else(|| format!("has a column {} of another type", layout::TIME))
}

/// The time of a row, if it has one.
fn time_of(times: &TimestampMicrosecondArray, row: usize) -> Option<Time> {
    (!times.is_null(row)).then(|| Time(times.value(row)))
}
