//! A stream into pieces of whole chunks, without believing the file header.
//!
//! Chunks are 64 KiB and aligned to each other, so the walk steps from one to the next and
//! looks for the signature only where the next one is missing. Counts in the file header are
//! stale in every log that was not closed, so the walk goes to the end of the stream. What
//! this module never does: hold more than one piece and as much read ahead, or parse a record.

use std::io::Read;
use std::ops::ControlFlow;

use palisade_model::{Origin, Problem, ProblemCode};

use super::bytes::{u16_at, u32_at};
use super::trouble::Trouble;
use super::{CHUNK_BYTES, CHUNK_MAGIC, FILE_HEADER_BYTES, FILE_MAGIC, PIECE_CHUNKS, RECORD_MAGIC};
use crate::{Format, Piece};

/// File flag: the log was not closed, its counts are stale.
const DIRTY: u32 = 1;

/// Most bytes read ahead. Two chunks are needed; more spares moving them about.
const READ_BYTES: usize = 8 * CHUNK_BYTES;

struct Splitter<'a> {
    stream: &'a mut dyn Read,
    emit: &'a mut dyn FnMut(Piece) -> ControlFlow<()>,
    trouble: Trouble<'a>,
    /// Bytes read; those from `start` on are not yet taken, the first of them stands at `offset`.
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    ended: bool,
    piece: Vec<u8>,
    piece_offset: u64,
    piece_damaged: bool,
    /// Where a run of units without a chunk began, and whether it was all zeros.
    gap: Option<(u64, bool)>,
    chunks: u64,
    stopped: bool,
}

/// Cuts a stream into pieces of up to [`PIECE_CHUNKS`] chunks.
pub(super) fn split(
    origin: &Origin,
    stream: &mut dyn Read,
    emit: &mut dyn FnMut(Piece) -> ControlFlow<()>,
) -> Vec<Problem> {
    let mut s = Splitter {
        stream,
        emit,
        trouble: Trouble::new(origin),
        buffer: Vec::new(),
        start: 0,
        offset: 0,
        ended: false,
        piece: Vec::new(),
        piece_offset: 0,
        piece_damaged: false,
        gap: None,
        chunks: 0,
        stopped: false,
    };
    s.run();
    s.trouble.into_problems()
}

impl Splitter<'_> {
    /// What was read and not yet taken.
    fn window(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or(&[])
    }

    /// Reads until the window holds `want` bytes or the stream ends.
    fn fill(&mut self, want: usize) {
        if self.window().len() >= want || self.ended {
            return;
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < want && !self.ended {
            let missing = (READ_BYTES - self.buffer.len()) as u64;
            let mut part = self.stream.take(missing);
            match part.read_to_end(&mut self.buffer) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(e) => {
                    let at = self.offset + self.buffer.len() as u64;
                    self.trouble.add(ProblemCode::Io, at, &format!("reading the log failed: {e}"));
                    self.ended = true;
                }
            }
        }
    }

    fn skip(&mut self, n: usize) {
        let n = n.min(self.window().len());
        self.start += n;
        self.offset += n as u64;
    }

    fn run(&mut self) {
        self.fill(FILE_HEADER_BYTES + CHUNK_MAGIC.len());
        let claimed = self.header();
        while !self.stopped {
            self.fill(2 * CHUNK_BYTES);
            if self.window().is_empty() {
                break;
            }
            self.unit();
        }
        self.flush();
        if self.stopped {
            return;
        }
        if self.chunks == 0 && claimed != Some(0) {
            let message = "no chunk of an event log was found";
            self.trouble.add(ProblemCode::Truncated, self.offset, message);
        } else if let Some(claimed) = claimed.filter(|c| *c > self.chunks) {
            let message = format!(
                "the file header speaks of {claimed} chunks, {} are there; the end is missing",
                self.chunks
            );
            self.trouble.add(ProblemCode::Truncated, self.offset, &message);
        }
    }

    /// Steps over the file header. Returns the number of chunks it claims, if it can be believed.
    fn header(&mut self) -> Option<u64> {
        let head = self.window();
        let bare = head.starts_with(CHUNK_MAGIC);
        let sum = head.get(..120).map(crc32fast::hash);
        let flags = u32_at(head, 120).unwrap_or(0);
        let claimed = u16_at(head, 42).map(u64::from);
        let signed = head.starts_with(FILE_MAGIC);
        let sound = signed && sum.is_some() && sum == u32_at(head, 124);
        let follows = head.get(FILE_HEADER_BYTES..).is_some_and(|b| b.starts_with(CHUNK_MAGIC));
        if !sound {
            let message = match (bare, signed) {
                (true, _) => "the file header is missing; chunks were read from the first byte on",
                (_, true) => "the file header's checksum does not match; its counts were ignored",
                _ => "the file header is damaged; chunks were found by their own signatures",
            };
            self.trouble.add(ProblemCode::DamagedHeader, 0, message);
        }
        if !bare && (signed || follows) {
            self.skip(FILE_HEADER_BYTES);
        }
        // Without either signature the first bytes are searched like any others.
        claimed.filter(|_| sound && flags & DIRTY == 0)
    }

    /// Takes one chunk, or what stands in its place, off the window.
    fn unit(&mut self) {
        let len = self.window().len().min(CHUNK_BYTES);
        let Some(unit) = self.window().get(..len) else { return };
        let next = self.window().get(CHUNK_BYTES..);
        let signed = unit.starts_with(CHUNK_MAGIC);
        let aligned = next.is_none_or(|n| n.is_empty() || n.starts_with(CHUNK_MAGIC));
        // Only where the next chunk is not where it should be is it worth looking for.
        let search = usize::from(signed) * CHUNK_MAGIC.len();
        let found = if signed && aligned { None } else { find_chunk(self.window(), search) };
        let found = found.filter(|q| *q < len && !(aligned && next.is_some()));
        if signed {
            let cut = found.unwrap_or(len);
            if cut < CHUNK_BYTES {
                let message = if found.is_some() {
                    "a chunk is shorter than it should be; the next begins inside it"
                } else {
                    "the log ends inside a chunk; the part that is there was read"
                };
                self.trouble.add(ProblemCode::Truncated, self.offset + cut as u64, message);
            }
            self.take(cut, cut < CHUNK_BYTES);
        } else if let Some(at) = found {
            self.misplaced(at);
        } else if memchr::memmem::find(unit, RECORD_MAGIC).is_some() {
            if len < CHUNK_BYTES {
                let message = "the log ends inside a chunk; the part that is there was read";
                self.trouble.add(ProblemCode::Truncated, self.offset + len as u64, message);
            }
            self.take(len, true);
        } else {
            // Unused space, usual at the end of a log; a loss if a chunk follows.
            let zeros = all_zero(unit);
            let (start, before) = self.gap.unwrap_or((self.offset, true));
            self.gap = Some((start, before && zeros));
            self.flush();
            self.skip(len);
        }
    }

    /// Bytes before a chunk that begins where none should: perhaps the end of one that lost
    /// its beginning. They are set so that offsets stored in them fit again.
    fn misplaced(&mut self, at: usize) {
        let holds_records =
            self.window().get(..at).is_some_and(|b| memchr::memmem::find(b, RECORD_MAGIC).is_some());
        if self.offset > 0 || holds_records {
            let message = "chunks are out of step here; reading went on at the next chunk's signature";
            self.trouble.add(ProblemCode::DamagedPart, self.offset, message);
        }
        self.flush();
        let pad = CHUNK_BYTES - at;
        if holds_records && self.offset >= pad as u64 {
            self.piece.resize(pad, 0);
            self.piece_offset = self.offset - pad as u64;
            let bytes = self.buffer.get(self.start..self.start + at).unwrap_or(&[]);
            self.piece.extend_from_slice(bytes);
            self.piece_damaged = true;
            self.flush();
        }
        self.skip(at);
    }

    /// Adds the first `n` bytes of the window to the piece.
    fn take(&mut self, n: usize, damaged: bool) {
        if let Some((start, zeros)) = self.gap.take() {
            let message = match zeros {
                true => "zeros stand where chunks should be",
                false => "no chunk can be found where one should be",
            };
            self.trouble.add(ProblemCode::DamagedPart, start, message);
        }
        if self.piece.is_empty() {
            self.piece_offset = self.offset;
            // As much as is at hand: a small log does not get a large piece's memory.
            self.piece.reserve_exact(self.window().len().clamp(n, PIECE_CHUNKS * CHUNK_BYTES));
        }
        let bytes = self.buffer.get(self.start..self.start + n).unwrap_or(&[]);
        self.piece.extend_from_slice(bytes);
        self.piece_damaged |= damaged;
        self.chunks += 1;
        self.skip(n);
        // A short chunk ends its piece: in a piece chunks stand 64 KiB apart.
        if n < CHUNK_BYTES || self.piece.len() >= PIECE_CHUNKS * CHUNK_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.piece.is_empty() || self.stopped {
            return;
        }
        let piece = Piece {
            format: Format::Evtx,
            data: std::mem::take(&mut self.piece),
            offset: self.piece_offset,
            first_record: 0,
            damaged: std::mem::take(&mut self.piece_damaged),
            preface: Default::default(),
        };
        self.stopped = (self.emit)(piece).is_break();
    }
}

/// Whether all bytes are zero, sixteen at a time.
pub(super) fn all_zero(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<16>();
    blocks.iter().all(|b| u128::from_ne_bytes(*b) == 0) && rest.iter().all(|b| *b == 0)
}

/// Offset of the next chunk header that looks like one: signature, and its own size (128).
fn find_chunk(window: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memmem::find(window.get(at..)?, CHUNK_MAGIC)?;
        let size = u32_at(window, at + 40);
        if size.is_none_or(|s| s == 128) {
            return Some(at);
        }
        at += 1;
    }
}
