//! Rows on their way into the lake, until they are many enough to be a segment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pack::Load;
use super::segment::{self, Rows, WriteError, Written};

/// Bytes of rows held before they are written.
pub const INTAKE_BYTES: usize = 256 << 20;

/// Rows of one new segment; more become several, so that both cores write.
const SEGMENT_ROWS: usize = 262_144;

/// Rows that wait, by table, in the order they came.
#[derive(Default, Debug)]
pub struct Intake {
    tables: BTreeMap<Arc<str>, Vec<Rows>>,
    bytes: usize,
}

impl Intake {
    /// Takes rows of a source (its number in the case) and member (the way to it below the file).
    pub fn push(&mut self, source: i64, member: &Arc<str>, load: Load) {
        self.bytes += load.bytes();
        for part in load.parts {
            if part.rows.num_rows() == 0 {
                continue;
            }
            let rows = Rows { batch: part.rows, of: Some((source, member.clone())) };
            self.tables.entry(part.table).or_default().push(rows);
        }
    }

    /// Whether it should be written now.
    pub fn is_full(&self) -> bool {
        self.bytes >= INTAKE_BYTES
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Writes everything as segments numbered from `first` on, on up to `jobs` threads; nothing is part of
    /// the case yet. The intake is empty afterwards, whatever happened.
    pub(crate) fn write(&mut self, lake: &Path, first: i64, jobs: usize) -> Result<Vec<Written>, WriteError> {
        let tables = std::mem::take(&mut self.tables);
        self.bytes = 0;
        let mut names = BTreeSet::new();
        let mut units: Vec<(Arc<str>, Vec<Rows>)> = Vec::new();
        for (table, parts) in tables {
            std::fs::create_dir_all(lake.join(table.as_ref()))?;
            names.insert(table.clone());
            let mut unit = Vec::new();
            let mut rows = 0;
            for part in parts {
                let n = part.batch.num_rows();
                if rows > 0 && rows + n > SEGMENT_ROWS {
                    units.push((table.clone(), std::mem::take(&mut unit)));
                    rows = 0;
                }
                rows += n;
                unit.push(part);
            }
            units.push((table, unit));
        }
        let written = write_all(lake, first, &units, jobs)?;
        segment::sync_directories(lake, &names)?;
        crate::fail::point("directory-synced");
        Ok(written)
    }
}

/// Writes units side by side; segment `first + i` is unit `i`.
fn write_all(
    lake: &Path,
    first: i64,
    units: &[(Arc<str>, Vec<Rows>)],
    jobs: usize,
) -> Result<Vec<Written>, WriteError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some((table, rows)) = units.get(n) else { return Ok(done) };
            done.push(segment::write(lake, first + n as i64, table, rows)?);
        }
    };
    let mut written: Vec<Written> = if jobs <= 1 || units.len() <= 1 {
        work()?
    } else {
        let results: Vec<Result<Vec<Written>, WriteError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs.min(units.len())).map(|_| scope.spawn(work)).collect();
            let lost = |_| Err(WriteError::Io(std::io::Error::other("a writing thread ended early")));
            threads.into_iter().map(|t| t.join().unwrap_or_else(lost)).collect()
        });
        let mut all = Vec::new();
        for result in results {
            all.extend(result?);
        }
        all
    };
    written.sort_by_key(|w| w.id);
    Ok(written)
}
