//! Sorted runs read side by side: group after group, moment after moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

use palisade_model::Spill;

use super::buffer::Record;

/// Largest buffer of one run that is read, in bytes.
const READ_MAX: usize = 64 << 10;

/// Smallest.
const READ_MIN: usize = 4 << 10;

/// Bytes of a run, read forwards.
struct Reader<'s> {
    /// Where the rest is; `None` if all is in `bytes`.
    rest: Option<(&'s dyn Spill, u32, u64)>,
    bytes: Vec<u8>,
    at: usize,
    want: usize,
}

impl Reader<'_> {
    /// Makes `n` bytes available, fewer only at the end.
    fn fill(&mut self, n: usize) -> Result<()> {
        if self.bytes.len() - self.at >= n {
            return Ok(());
        }
        let Some((spill, run, from)) = &mut self.rest else { return Ok(()) };
        self.bytes.drain(..self.at);
        self.at = 0;
        while self.bytes.len() < n {
            let held = self.bytes.len();
            self.bytes.resize(held + self.want.max(n - held), 0);
            let got = spill.read_at(*run, *from, &mut self.bytes[held..])?;
            self.bytes.truncate(held + got);
            *from += got as u64;
            if got == 0 {
                break;
            }
        }
        Ok(())
    }

    fn is_end(&mut self) -> Result<bool> {
        self.fill(1)?;
        Ok(self.at >= self.bytes.len())
    }

    fn bytes(&mut self, n: usize) -> Result<&[u8]> {
        self.fill(n)?;
        let out = self.bytes.get(self.at..self.at + n).ok_or_else(cut)?;
        self.at += n;
        Ok(out)
    }

    fn number(&mut self) -> Result<u64> {
        self.fill(10)?;
        let mut n = 0;
        let mut shift = 0;
        loop {
            let byte = *self.bytes.get(self.at).ok_or_else(cut)?;
            self.at += 1;
            n |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(n);
            }
            shift += 7;
        }
    }

    fn copy(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let n = usize::try_from(self.number()?).map_err(|_| cut())?;
        out.clear();
        out.extend_from_slice(self.bytes(n)?);
        Ok(())
    }
}

/// The storage gave back less than it took.
fn cut() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "a run of matches ends early")
}

/// A run at the head of a group.
struct Cursor<'s> {
    reader: Reader<'s>,
    correlation: u32,
    hash: u64,
    key: Vec<u8>,
    shown: Vec<u8>,
    /// Matches of the group not yet read; 0 and no group: the run is at its end.
    left: u64,
    record: Record,
    values: Vec<u8>,
}

impl Cursor<'_> {
    fn next_group(&mut self) -> Result<bool> {
        if self.reader.is_end()? {
            return Ok(false);
        }
        let mut correlation = [0; 4];
        correlation.copy_from_slice(self.reader.bytes(4)?);
        self.correlation = u32::from_be_bytes(correlation);
        let mut hash = [0; 8];
        hash.copy_from_slice(self.reader.bytes(8)?);
        self.hash = u64::from_le_bytes(hash);
        self.reader.copy(&mut self.key)?;
        self.reader.copy(&mut self.shown)?;
        self.left = self.reader.number()?;
        self.record.time = 0;
        Ok(true)
    }

    fn next_record(&mut self) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let r = &mut self.reader;
        let time = self.record.time.wrapping_add(r.number()? as i64);
        let since = time.wrapping_sub(r.number()? as i64);
        let source = r.number()? as u32;
        let input = r.number()?;
        self.record = Record {
            time,
            since,
            source,
            input: (input >> 1) as u16,
            recovered: input & 1 == 1,
            record: r.number()?,
            offset: r.number()?,
            alert: r.number()?,
        };
        r.copy(&mut self.values)?;
        Ok(true)
    }

    fn order(&self) -> (u32, u64, &[u8]) {
        (self.correlation, self.hash, &self.key)
    }
}

/// The head of the next group.
pub(super) struct Group {
    pub(super) correlation: u32,
    pub(super) key: Vec<u8>,
    /// As written, or empty where that is as in the key.
    pub(super) shown: Vec<u8>,
    from: Vec<usize>,
}

/// Matches of one time, each with where its values are.
pub(super) type Moment = Vec<(Record, Range<usize>)>;

/// Runs being merged.
pub(super) struct Merge<'s> {
    spill: &'s dyn Spill,
    cursors: Vec<Cursor<'s>>,
    read: usize,
    ended: Vec<u32>,
}

impl<'s> Merge<'s> {
    /// `room`: bytes that all buffers together may take.
    pub(super) fn new(spill: &'s dyn Spill, runs: usize, room: usize) -> Merge<'s> {
        let read = (room / runs.max(1)).clamp(READ_MIN, READ_MAX);
        Merge { spill, cursors: Vec::new(), read, ended: Vec::new() }
    }

    /// Adds a run that was written away.
    pub(super) fn spilled(&mut self, run: u32) -> Result<()> {
        let (spill, want) = (self.spill, self.read);
        self.add(Reader { rest: Some((spill, run, 0)), bytes: Vec::new(), at: 0, want })
    }

    /// Adds a run that is in memory.
    pub(super) fn held(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.add(Reader { rest: None, bytes, at: 0, want: 0 })
    }

    fn add(&mut self, reader: Reader<'s>) -> Result<()> {
        let mut cursor = Cursor {
            reader,
            correlation: 0,
            hash: 0,
            key: Vec::new(),
            shown: Vec::new(),
            left: 0,
            record: Record::default(),
            values: Vec::new(),
        };
        if cursor.next_group()? {
            self.cursors.push(cursor);
        } else if let Some((_, run, _)) = cursor.reader.rest {
            self.ended.push(run);
        }
        Ok(())
    }

    /// Bytes of runs that are in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.cursors.iter().filter(|c| c.reader.rest.is_none()).map(|c| c.reader.bytes.capacity()).sum()
    }

    /// The correlation that comes next.
    pub(super) fn next_correlation(&self) -> Option<u32> {
        self.cursors.iter().map(|c| c.correlation).min()
    }

    /// The next group; [`Merge::moments`] must be called for it before the next.
    pub(super) fn group(&mut self) -> Option<Group> {
        let first = self.cursors.iter().min_by(|a, b| a.order().cmp(&b.order()))?;
        let mut group = Group {
            correlation: first.correlation,
            key: first.key.clone(),
            shown: Vec::new(),
            from: Vec::new(),
        };
        for (i, cursor) in self.cursors.iter().enumerate() {
            if cursor.correlation == group.correlation && cursor.key == group.key {
                group.from.push(i);
                if !cursor.shown.is_empty() && (group.shown.is_empty() || cursor.shown < group.shown) {
                    group.shown.clone_from(&cursor.shown);
                }
            }
        }
        Some(group)
    }

    /// Calls `f` with the matches of each moment of a group, in order of time. The values of a match are a range of the
    /// bytes given beside.
    pub(super) fn moments(
        &mut self,
        group: &Group,
        f: &mut dyn FnMut(&mut Moment, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut heap = BinaryHeap::with_capacity(group.from.len());
        for i in &group.from {
            if self.cursors[*i].next_record()? {
                heap.push(Reverse((self.cursors[*i].record.time, *i)));
            }
        }
        let mut moment = Moment::new();
        let mut bytes: Vec<u8> = Vec::new();
        let mut at = i64::MIN;
        while let Some(Reverse((time, i))) = heap.pop() {
            if time != at && !moment.is_empty() {
                f(&mut moment, &bytes)?;
                moment.clear();
                bytes.clear();
            }
            at = time;
            let cursor = &mut self.cursors[i];
            let start = bytes.len();
            bytes.extend_from_slice(&cursor.values);
            moment.push((cursor.record, start..bytes.len()));
            if cursor.next_record()? {
                heap.push(Reverse((cursor.record.time, i)));
            }
        }
        if !moment.is_empty() {
            f(&mut moment, &bytes)?;
        }
        for i in group.from.iter().rev() {
            if !self.cursors[*i].next_group()? {
                let cursor = self.cursors.swap_remove(*i);
                if let Some((spill, run, _)) = cursor.reader.rest {
                    spill.remove(run)?;
                }
            }
        }
        self.ended.drain(..).try_for_each(|run| self.spill.remove(run))
    }
}
