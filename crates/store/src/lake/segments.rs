//! Segments as the case lists them, and the bytes read from them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::reader::{ChunkReader, Length};

use sha2::{Digest as _, Sha256};

use super::index::ReadAt;
use super::layout::ColumnType;
use super::segment::{ROW_GROUP_ROWS, index_path};
use crate::custody::hex;

/// Bytes read at once to compare a segment with its hash.
const CHECK_BYTES: usize = 256 << 10;

/// A segment of the lake, as the case lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Its number.
    pub id: i64,
    /// Its table.
    pub table: Arc<str>,
    /// Its file, below the lake's directory.
    pub file: String,
    /// Rows.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Size of its index.
    pub index_bytes: u64,
    /// Time of its first row that has one, in microseconds.
    pub min_time: Option<i64>,
    /// Time of its last.
    pub max_time: Option<i64>,
    /// Rows without a time.
    pub untimed: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the index.
    pub index_sha256: String,
    /// First and last commit whose rows it holds.
    pub seqs: (i64, i64),
    /// Columns beside the envelope.
    pub columns: Vec<(String, ColumnType)>,
}

impl Segment {
    /// Number of row groups: each can be read alone.
    pub fn row_groups(&self) -> usize {
        usize::try_from(self.rows).unwrap_or(usize::MAX).div_ceil(ROW_GROUP_ROWS)
    }

    /// Whether it may hold rows of a span of time (microseconds, end excluded).
    pub fn meets(&self, from: Option<i64>, to: Option<i64>) -> bool {
        let after = from.is_none_or(|f| self.max_time.is_some_and(|m| m >= f));
        let before = to.is_none_or(|t| self.min_time.is_some_and(|m| m < t));
        self.untimed > 0 || (after && before)
    }
}

/// The lake of a case, opened for reading: what the case listed at that moment.
///
/// Segments are immutable; one that a compaction replaced meanwhile is an error that names it, and
/// opening again helps.
#[derive(Clone, Debug)]
pub struct Lake {
    dir: PathBuf,
    segments: Arc<Vec<Segment>>,
    read: Arc<AtomicU64>,
    checked: Arc<Mutex<HashMap<i64, Checked>>>,
}

/// Whether a segment's bytes are what the case lists, once that has been looked at.
type Checked = Arc<OnceLock<Result<(), String>>>;

impl Lake {
    pub(crate) fn new(dir: PathBuf, segments: Vec<Segment>) -> Lake {
        Lake { dir, segments: Arc::new(segments), read: Arc::default(), checked: Arc::default() }
    }

    /// The lake's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Every segment, by table and number.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Bytes of segments and indexes, as listed.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes + s.index_bytes).sum()
    }

    /// Bytes read through this handle and its clones, indexes included.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// Whether the segment is, byte for byte, what was written. Pages carry no checksum: a flipped bit in
    /// one may come out as another value. Looked at once per handle, before rows are read at large;
    /// who reads a few blocks of many segments does without.
    pub(crate) fn check(&self, segment: &Segment) -> Result<(), String> {
        let checked = {
            let mut all = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(segment.id).or_default().clone()
        };
        checked.get_or_init(|| self.compare(segment)).clone()
    }

    fn compare(&self, segment: &Segment) -> Result<(), String> {
        let mut file = File::open(self.dir.join(&segment.file)).map_err(|e| e.to_string())?;
        let mut hash = Sha256::new();
        let mut block = vec![0; CHECK_BYTES];
        loop {
            match file.read(&mut block) {
                Ok(0) => break,
                Ok(n) => hash.update(&block[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.to_string()),
            }
        }
        if hex(&hash.finalize()) == segment.sha256 {
            Ok(())
        } else {
            Err("it was changed or damaged".to_owned())
        }
    }

    pub(crate) fn open(&self, segment: &Segment) -> io::Result<Counted> {
        Counted::open(&self.dir.join(&segment.file), self.counter())
    }

    /// Opens the index of a segment; reads of it count.
    pub fn open_index(&self, segment: &Segment) -> io::Result<Counted> {
        Counted::open(&index_path(&self.dir.join(&segment.file)), self.counter())
    }
}

/// A file whose reads are counted.
#[derive(Debug)]
pub struct Counted {
    file: File,
    len: u64,
    read: Arc<AtomicU64>,
}

impl Counted {
    fn open(path: &Path, read: Arc<AtomicU64>) -> io::Result<Counted> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Counted { file, len, read })
    }
}

impl Length for Counted {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Counted {
    type T = CountedRead;

    fn get_read(&self, start: u64) -> Result<CountedRead, ParquetError> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(CountedRead { file: io::BufReader::new(file), read: self.read.clone() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes, ParquetError> {
        // A damaged footer may name any length.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.len)));
        }
        let mut out = vec![0; length];
        self.read_at(start, &mut out)?;
        Ok(out.into())
    }
}

impl ReadAt for Counted {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buf)?;
        self.read.fetch_add(buf.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len)
    }
}

/// A stretch of a file, read in order.
pub struct CountedRead {
    file: io::BufReader<File>,
    read: Arc<AtomicU64>,
}

impl Read for CountedRead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
