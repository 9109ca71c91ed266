//! One chunk: its records in order, around damage, and what its slack still holds.
//!
//! A chunk is the unit of parsing: strings and templates are stored once in it and referred
//! to by offset. Records are believed when signature, size and the size's trailing copy agree.
//! Where they do not, the zone up to the next such record is searched for records of which
//! one of the three survived. Behind the free-space offset lie older records that the log has
//! given up; they come out marked `recovered`. What this module never does: follow a stored
//! length or offset without comparing it with the bytes that are there.

use palisade_model::{Buffers, Problem, ProblemCode, RowBuilder, SourceId};

use super::bytes::{u32_at, u64_at};
use super::row::{Outcome, Place, Rows};
use super::split::all_zero;
use super::template::Chunks;
use super::trouble::Trouble;
use super::{CHUNK_BYTES, CHUNK_HEADER_BYTES, CHUNK_MAGIC, RECORD_MAGIC};
use crate::{Context, Sink};

/// Header (signature, size, number, time) and trailing size of a record.
const RECORD_FRAME_BYTES: usize = 28;
/// First byte of a record's BinXML: the fragment header.
const FRAGMENT: u8 = 0x0f;
/// Chunk flag: no checksums were written.
const NO_CRC: u32 = 4;

/// Reads pieces chunk by chunk into batches.
pub(super) struct Reader<'a, 's> {
    pub context: Context<'a>,
    pub source: SourceId,
    /// All chunks of the piece: one may lend another a template that was lost.
    pub piece: &'a [u8],
    pub rows: &'a mut Rows,
    pub trouble: Trouble<'a>,
    pub builder: RowBuilder<'a>,
    pub sink: &'a mut Sink<'s>,
    /// Number and time of the chunk's live records, to tell carved copies.
    pub live: &'a mut Vec<(u64, u64)>,
}

impl Reader<'_, '_> {
    /// Hands the batch over and starts the next with the buffers that come back.
    pub fn flush(&mut self) {
        if self.builder.rows() == 0 {
            return;
        }
        let (catalogue, projection) = (self.context.catalogue, self.context.projection);
        let next = RowBuilder::new(self.source, catalogue, projection, Buffers::default());
        let buffers = (self.sink)(std::mem::replace(&mut self.builder, next).finish());
        self.builder = RowBuilder::new(self.source, catalogue, projection, buffers);
    }

    /// Hands the last batch over; returns buffers for the next piece, and the problems.
    pub fn finish(mut self) -> (Buffers, Vec<Problem>) {
        self.flush();
        (self.builder.finish().into_buffers(), self.trouble.into_problems())
    }

    /// Reads one chunk, whole or the part of it that is there.
    pub fn chunk(&mut self, chunk: &[u8], offset: u64) {
        self.rows.next_chunk();
        self.live.clear();
        let signed = chunk.starts_with(CHUNK_MAGIC);
        if !signed {
            if memchr::memmem::find(chunk, RECORD_MAGIC).is_none() {
                return;
            }
            self.trouble.add(
                ProblemCode::DamagedPart,
                offset,
                "a chunk's signature is damaged; its records were found by their own signatures",
            );
        }
        let free = u32_at(chunk, 48).map_or(0, |n| n as usize);
        if signed {
            self.check_sums(chunk, free, offset);
        }
        // A stored end is believed when a record, or nothing, ends there.
        let known = (CHUNK_HEADER_BYTES..=CHUNK_BYTES).contains(&free);
        let end = if known { free.min(chunk.len()) } else { chunk.len() };
        let mut at = CHUNK_HEADER_BYTES;
        let mut last = None;
        while at < end {
            if let Some(size) = whole(chunk, at) {
                last = u64_at(chunk, at + 8);
                self.record(chunk, at, at + size, offset, false);
                at += size;
                continue;
            }
            let next = next_whole(chunk, at + 1, end);
            if next.is_none() && !known {
                // Nothing says where records end: the rest is searched below.
                break;
            }
            self.damaged_zone(chunk, at, next.unwrap_or(end), offset);
            at = next.unwrap_or(end);
        }
        self.slack(chunk, at, last, known, offset);
    }

    fn check_sums(&mut self, chunk: &[u8], free: usize, offset: u64) {
        let (Some(header), Some(records)) = (u32_at(chunk, 124), u32_at(chunk, 52)) else { return };
        let flags = u32_at(chunk, 120).unwrap_or(0);
        if flags & NO_CRC != 0 || (header == 0 && records == 0) {
            return;
        }
        let (Some(first), Some(second)) = (chunk.get(..120), chunk.get(128..512)) else { return };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(first);
        hasher.update(second);
        let header_differs = hasher.finalize() != header;
        let body = chunk.get(CHUNK_HEADER_BYTES..free);
        let records_differ = body.is_some_and(|b| crc32fast::hash(b) != records);
        if header_differs || records_differ {
            self.trouble.add(
                ProblemCode::DamagedPart,
                offset,
                "a chunk's checksum does not match; it was read all the same",
            );
        }
    }

    /// Reads one record; returns whether a row came of it.
    fn record(&mut self, chunk: &[u8], at: usize, end: usize, offset: u64, recovered: bool) -> bool {
        let (Some(record), Some(filetime)) = (u64_at(chunk, at + 8), u64_at(chunk, at + 16)) else {
            return false;
        };
        let body = at + 24..end.saturating_sub(4).max(at + 24).min(chunk.len());
        let place = Place { body, record, filetime, offset: offset + at as u64, recovered };
        let outcome =
            self.rows.read(Chunks { chunk, all: self.piece }, &place, self.context, &mut self.builder);
        let here = offset + at as u64;
        let code = ProblemCode::DamagedRecord;
        match outcome {
            Outcome::Row => {}
            // Carved rows are marked as such; how they were read is no loss.
            Outcome::Lent if recovered => {}
            Outcome::Lent => {
                let message = "a record's template is lost; one of the same id from elsewhere was used";
                self.trouble.add(code, here, message);
            }
            Outcome::Partial => {
                self.trouble.add(code, here, "a record is damaged; what could be followed was read")
            }
            Outcome::Cut => self.trouble.add(
                ProblemCode::Limit,
                here,
                "a record nests or repeats beyond the limits; it was read up to there",
            ),
            Outcome::Nothing if recovered => self.trouble.add(
                ProblemCode::Slack,
                here,
                "a record left in unused space refers to overwritten data and cannot be read",
            ),
            Outcome::Nothing => self.trouble.add(code, here, "a record is damaged and was left out"),
        }
        let row = outcome != Outcome::Nothing;
        if row {
            self.live.push((record, filetime));
            if self.builder.is_full() {
                self.flush();
            }
        }
        row
    }

    /// Reads what can be read between two whole records.
    fn damaged_zone(&mut self, chunk: &[u8], from: usize, to: usize, offset: u64) {
        let Some(zone) = chunk.get(from..to) else { return };
        if all_zero(zone) {
            let message = "zeros stand where a chunk's records should be";
            self.trouble.add(ProblemCode::DamagedRecord, offset + from as u64, message);
            return;
        }
        let mut start = from;
        let mut found = false;
        loop {
            let next = memchr::memmem::find(chunk.get(start + 4..to).unwrap_or(&[]), RECORD_MAGIC);
            let end = next.map_or(to, |n| start + 4 + n);
            if let Some(size) = likely(chunk, start, end) {
                found = true;
                let message = "a record's signature or size is damaged; its content was read";
                if self.record(chunk, start, start + size, offset, false) {
                    self.trouble.add(ProblemCode::DamagedRecord, offset + start as u64, message);
                }
            }
            if next.is_none() {
                break;
            }
            start = end;
        }
        if !found {
            let message = "a record is damaged and was left out";
            self.trouble.add(ProblemCode::DamagedRecord, offset + from as u64, message);
        }
    }

    /// Reads records from space the log has given up. A dirty log's free-space offset is
    /// stale: records that go on counting from the last live one are live too.
    fn slack(&mut self, chunk: &[u8], from: usize, mut last: Option<u64>, known: bool, offset: u64) {
        let mut at = from;
        let mut contiguous = true;
        while let Some(found) = next_whole(chunk, at, chunk.len()) {
            let size = whole(chunk, found).unwrap_or(RECORD_FRAME_BYTES);
            let number = u64_at(chunk, found + 8).unwrap_or(0);
            let goes_on = match last {
                Some(last) if known => contiguous && found == at && Some(number) == last.checked_add(1),
                Some(last) => number > last,
                None => !known,
            };
            contiguous &= goes_on;
            if goes_on {
                last = Some(number);
            }
            let filetime = u64_at(chunk, found + 16).unwrap_or(0);
            if !self.live.contains(&(number, filetime)) {
                self.record(chunk, found, found + size, offset, !goes_on);
            }
            at = found + size;
        }
    }
}

/// Size of the record at `at` if its signature, size and trailing size agree.
fn whole(chunk: &[u8], at: usize) -> Option<usize> {
    if chunk.get(at..at + 4)? != RECORD_MAGIC {
        return None;
    }
    let size = u32_at(chunk, at + 4)? as usize;
    if !(RECORD_FRAME_BYTES..=CHUNK_BYTES).contains(&size) {
        return None;
    }
    (u32_at(chunk, at + size - 4)? as usize == size).then_some(size)
}

/// Offset of the next whole record in `from..to`.
fn next_whole(chunk: &[u8], from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memmem::find(chunk.get(at..to)?, RECORD_MAGIC)?;
        if whole(chunk, at).is_some() {
            return Some(at);
        }
        at += 1;
    }
}

/// Size of a record between `at` and `end` of which one sign is damaged: its BinXML must begin
/// where it should, and signature, size or trailing size must still say so.
fn likely(chunk: &[u8], at: usize, end: usize) -> Option<usize> {
    if *chunk.get(at + 24)? != FRAGMENT || end < at + RECORD_FRAME_BYTES {
        return None;
    }
    let signed = chunk.get(at..at + 4)? == RECORD_MAGIC;
    let room = end - at;
    let size = u32_at(chunk, at + 4)? as usize;
    let fits = (RECORD_FRAME_BYTES..=room).contains(&size);
    if u32_at(chunk, end - 4) == u32::try_from(room).ok() {
        // The trailing size reaches back exactly to here.
        return Some(room);
    }
    let copy = fits.then(|| u32_at(chunk, at + size - 4)).flatten();
    match (signed, fits) {
        (_, true) if copy == u32::try_from(size).ok() => Some(size),
        (true, true) => Some(size),
        (true, false) => Some(room),
        (false, _) => None,
    }
}
