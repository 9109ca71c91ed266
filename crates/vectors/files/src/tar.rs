//! tar: ustar, pax and GNU (long names, sparse files). Regular files become objects.
//!
//! The walk is our own, over the `tar` crate's header fields: the crate's iterator reads long
//! names of any length into memory and gives up at the first damaged header.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use ::tar::{GnuExtSparseHeader, Header};
use palisade_model::{Budget, Content, Hints, Meter, Object, Origin, ProblemCode};

use crate::member::{Declared, Left, Member, code_of, is_reported};
use crate::problems::Problems;
use crate::{Found, Input};

/// Everything in a tar lies on blocks of this size.
const BLOCK: usize = 512;

/// Read from the input at a time.
const BUFFER: usize = 64 << 10;

/// Longest GNU long name or pax header taken; path lengths end at 4,096 on the systems that write them.
const MAX_EXTENSION: u64 = 1 << 20;

/// Most data segments of a sparse file.
const MAX_SEGMENTS: usize = 65_536;

/// Whether these bytes begin with a tar header whose checksum is right.
pub(crate) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else { return false };
    block.first() != Some(&0) && checksum_is_right(block)
}

/// Sum of all bytes, those of the checksum field counted as blanks (POSIX.1-1988 ustar).
fn checksum_is_right(block: &[u8; BLOCK]) -> bool {
    let sum: u32 =
        block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
    Header::from_byte_slice(block).cksum().is_ok_and(|c| c == sum)
}

/// The input with a count of where we are.
struct Blocks<'a> {
    input: BufReader<Input<'a>>,
    at: u64,
    /// Length of the input where it can be known.
    len: Option<u64>,
}

impl Blocks<'_> {
    /// Reads one block; `Ok(None)` at a clean end, `UnexpectedEof` within a block.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|r| !r.is_empty()) {
            match self.input.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    filled += n;
                    self.at += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Some(block))
    }

    /// Skips; `false` when the input ends before.
    fn skip(&mut self, n: u64) -> io::Result<bool> {
        // A seek beyond the end succeeds, so ends are found by length.
        if let (Input::Bytes(_) | Input::Seekable(_), Some(len)) = (self.input.get_ref(), self.len) {
            let here = self.at;
            let to = here.saturating_add(n);
            let reached = to.min(len);
            let step = i64::try_from(reached.saturating_sub(here)).unwrap_or(i64::MAX);
            seek_relative(&mut self.input, step)?;
            self.at = reached;
            return Ok(to <= len);
        }
        let skipped = io::copy(&mut self.input.by_ref().take(n), &mut io::sink())?;
        self.at += skipped;
        Ok(skipped == n)
    }

    /// Reads an extension's content; `None` when it is longer than allowed (it is skipped then).
    fn extension(&mut self, size: u64) -> io::Result<Option<Vec<u8>>> {
        if size > MAX_EXTENSION {
            return if self.skip(padded(size))? {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        let mut content = Vec::new();
        self.input.by_ref().take(size).read_to_end(&mut content)?;
        self.at += content.len() as u64;
        if (content.len() as u64) < size || !self.skip(padded(size) - size)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(content))
    }
}

fn seek_relative(input: &mut BufReader<Input<'_>>, step: i64) -> io::Result<()> {
    // BufReader::seek_relative needs Seek on what it wraps, and a stream has none.
    let buffered = input.buffer().len();
    if let Ok(n) = usize::try_from(step)
        && n <= buffered
    {
        io::BufRead::consume(input, n);
        return Ok(());
    }
    io::BufRead::consume(input, buffered);
    let rest = step - i64::try_from(buffered).unwrap_or(0);
    match input.get_mut() {
        Input::Bytes(r) => r.seek(SeekFrom::Current(rest)).map(drop),
        Input::Seekable(r) => r.seek(SeekFrom::Current(rest)).map(drop),
        Input::Stream(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Rounded up to whole blocks.
fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX)
}

/// What extension headers say of the next member.
#[derive(Default)]
struct Extensions {
    long_name: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse_name: Option<Vec<u8>>,
    /// `GNU.sparse.major` and `.minor`.
    sparse_version: (Option<u64>, Option<u64>),
    real_size: Option<u64>,
    segments: Vec<(u64, u64)>,
    sparse: bool,
}

impl Extensions {
    /// Reads pax records (`length keyword=value\n`); `false` when they are damaged.
    fn pax(&mut self, mut content: &[u8]) -> bool {
        while !content.is_empty() {
            let Some(blank) = memchr::memchr(b' ', content) else { return false };
            let Some(len) = number(content.get(..blank)) else { return false };
            let Some(record) = usize::try_from(len).ok().and_then(|l| content.get(blank + 1..l)) else {
                return false;
            };
            let Some((b'\n', record)) = record.split_last() else { return false };
            let Some(eq) = memchr::memchr(b'=', record) else { return false };
            let (key, value) =
                (record.get(..eq).unwrap_or_default(), record.get(eq + 1..).unwrap_or_default());
            let as_number = number(Some(value));
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"size" => self.size = as_number,
                b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
                b"GNU.sparse.major" => (self.sparse, self.sparse_version.0) = (true, as_number),
                b"GNU.sparse.minor" => (self.sparse, self.sparse_version.1) = (true, as_number),
                b"GNU.sparse.realsize" | b"GNU.sparse.size" => {
                    (self.sparse, self.real_size) = (true, as_number);
                }
                b"GNU.sparse.offset" if self.segments.len() < MAX_SEGMENTS => {
                    self.segments.push((as_number.unwrap_or(u64::MAX), 0));
                }
                b"GNU.sparse.numbytes" => {
                    if let (Some(last), Some(n)) = (self.segments.last_mut(), as_number) {
                        last.1 = n;
                    }
                }
                b"GNU.sparse.map" => {
                    self.segments.clear();
                    let mut numbers = value.split(|b| *b == b',').map(|n| number(Some(n)));
                    while let (Some(Some(offset)), Some(Some(n))) = (numbers.next(), numbers.next()) {
                        if self.segments.len() >= MAX_SEGMENTS {
                            return false;
                        }
                        self.segments.push((offset, n));
                    }
                }
                _ => {}
            }
            let Some(rest) = usize::try_from(len).ok().and_then(|l| content.get(l..)) else { return false };
            content = rest;
        }
        true
    }
}

fn number(text: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(text?).ok()?.trim().parse().ok()
}

/// Until the first NUL.
fn c_string(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or_default()
}

/// One member's data, holes filled with zeros.
struct Data<'b, 'a> {
    blocks: &'b mut Blocks<'a>,
    /// Bytes of it still in the archive.
    left: u64,
    /// Data segments still to come: offset in the file, length.
    segments: Option<VecDeque<(u64, u64)>>,
    position: u64,
    real_size: u64,
    meter: Meter,
}

impl Data<'_, '_> {
    fn stored(&mut self, buf: &mut [u8], most: u64) -> io::Result<usize> {
        let n = buf.len().min(usize::try_from(most.min(self.left)).unwrap_or(usize::MAX));
        let Some(buf) = buf.get_mut(..n).filter(|b| !b.is_empty()) else { return Ok(0) };
        let n = self.blocks.input.read(buf)?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends within this member"));
        }
        self.blocks.at += n as u64;
        self.left -= n as u64;
        self.position = self.position.saturating_add(n as u64);
        Ok(n)
    }
}

impl Read for Data<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(segments) = &mut self.segments else {
            return self.stored(buf, u64::MAX);
        };
        while segments.front().is_some_and(|s| s.0.saturating_add(s.1) <= self.position) {
            segments.pop_front();
        }
        let (start, end) = match segments.front() {
            Some((offset, n)) => (*offset, offset.saturating_add(*n)),
            None => (self.real_size, self.real_size),
        };
        if self.position >= start && self.position < end {
            let n = self.stored(buf, end - self.position)?;
            if n == 0 && !buf.is_empty() {
                let why = "its sparse map names more data than the archive has for it";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            return Ok(n);
        }
        let hole = start.min(self.real_size).saturating_sub(self.position);
        let n = buf.len().min(usize::try_from(hole).unwrap_or(usize::MAX));
        // Only holes multiply bytes; the rest was charged by whatever unpacked the tar.
        self.meter.bytes(n as u64).map_err(io::Error::other)?;
        buf.get_mut(..n).unwrap_or_default().fill(0);
        self.position += n as u64;
        Ok(n)
    }
}

/// How one step of the walk ended.
enum Step {
    Next,
    Stop,
}

struct Walk<'a, 'p> {
    blocks: Blocks<'a>,
    origin: Origin,
    hints: Hints,
    problems: &'p mut Problems,
    next: Extensions,
    members: u64,
}

pub(crate) fn open(object: Object<'_>, budget: &mut Budget, found: Found<'_>, problems: &mut Problems) {
    let mut input = Input::new(object.content);
    let len = match &mut input {
        Input::Bytes(r) => Some(r.get_ref().len() as u64),
        Input::Stream(_) => None,
        Input::Seekable(r) => match r.seek(SeekFrom::End(0)).and_then(|len| r.rewind().map(|()| len)) {
            Ok(len) => Some(len),
            Err(e) => {
                problems.here(ProblemCode::Io, None, format!("the tar could not be read: {e}"));
                return;
            }
        },
    };
    let blocks = Blocks { input: BufReader::with_capacity(BUFFER, input), at: 0, len };
    let hints = Hints { passwords: object.hints.passwords, ..Hints::default() };
    let mut walk =
        Walk { blocks, origin: object.origin, hints, problems, next: Extensions::default(), members: 0 };
    if let Err(e) = walk.run(budget, found)
        && !is_reported(&e)
    {
        let at = walk.blocks.at;
        let (code, message) = match code_of(&e) {
            ProblemCode::Truncated => (ProblemCode::Truncated, "the tar ends early".to_owned()),
            code => (code, format!("the tar could not be read further: {e}")),
        };
        walk.problems.here(code, at, message);
    }
}

impl Walk<'_, '_> {
    fn run(&mut self, budget: &mut Budget, found: Found<'_>) -> io::Result<()> {
        // A writer ends with two blocks of zeros, but archives are also joined end to end
        // (`cat a.tar b.tar`), so the walk goes on behind them.
        let mut end_marks = 0u64;
        let mut lost = false;
        loop {
            let at = self.blocks.at;
            let Some(block) = self.blocks.block()? else {
                if end_marks == 0 && !lost {
                    let message = "the tar ends without its end mark; members may be missing";
                    self.problems.here(ProblemCode::Truncated, at, message.to_owned());
                }
                return Ok(());
            };
            if block.iter().all(|b| *b == 0) {
                end_marks += 1;
                continue;
            }
            if !checksum_is_right(&block) {
                if !lost {
                    let (code, message) = if end_marks > 1 {
                        (ProblemCode::DamagedPart, "what follows the tar's end mark is not tar")
                    } else if self.members == 0 && at == 0 {
                        (ProblemCode::DamagedHeader, "the first header is damaged; looking for the next one")
                    } else {
                        (ProblemCode::DamagedHeader, "a header is damaged; looking for the next one")
                    };
                    self.problems.here(code, at, message.to_owned());
                }
                lost = true;
                self.next = Extensions::default();
                continue;
            }
            // Sums collide easily: while lost, only a header with the magic is believed.
            if lost && block.get(257..262) != Some(b"ustar") {
                continue;
            }
            lost = false;
            end_marks = 0;
            if let Step::Stop = self.member(&block, at, budget, found)? {
                return Ok(());
            }
        }
    }

    fn member(
        &mut self,
        block: &[u8; BLOCK],
        at: u64,
        budget: &mut Budget,
        found: Found<'_>,
    ) -> io::Result<Step> {
        let header = Header::from_byte_slice(block);
        let kind = header.entry_type().as_byte();
        let Ok(declared) = header.entry_size() else {
            self.problems.here(ProblemCode::DamagedHeader, at, "a header has no readable size".to_owned());
            return Ok(Step::Next);
        };
        match kind {
            b'L' | b'x' | b'X' | b'K' | b'g' => {
                let Some(content) = self.blocks.extension(declared)? else {
                    let message = format!(
                        "an extension header of {declared} bytes was left out (limit {MAX_EXTENSION})"
                    );
                    self.problems.here(ProblemCode::Limit, at, message);
                    return Ok(Step::Next);
                };
                let good = match kind {
                    b'L' => {
                        self.next.long_name = Some(c_string(&content).to_vec());
                        true
                    }
                    b'x' | b'X' => self.next.pax(&content),
                    // Link targets and defaults for all members change no name and no byte.
                    _ => true,
                };
                if !good {
                    self.problems.here(ProblemCode::DamagedHeader, at, "a pax header is damaged".to_owned());
                }
                return Ok(Step::Next);
            }
            _ => {}
        }
        let mut ext = std::mem::take(&mut self.next);
        let name = ext.sparse_name.take().or(ext.path.take()).or(ext.long_name.take());
        let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
        let name = String::from_utf8_lossy(&name).into_owned();
        let size = match kind {
            // These have no data, whatever their size field says (POSIX pax, "typeflag").
            b'1'..=b'6' => 0,
            _ => ext.size.unwrap_or(declared),
        };
        let gnu_sparse = kind == b'S';
        let regular = matches!(kind, b'0' | 0 | b'7' | b'S') && !(kind == 0 && name.ends_with('/'));
        if !regular {
            if matches!(kind, b'M' | b'N') {
                let message = format!("{name:?} belongs to a tar of several volumes and was left out");
                self.problems.here(ProblemCode::Unrecognised, at, message);
            }
            return self.skip(padded(size));
        }
        let origin = self.origin.member(&name);
        self.members += 1;
        let mut real_size = size;
        let mut left = size;
        let mut segments = None;
        if gnu_sparse {
            match self.gnu_map(header)? {
                Some((map, real)) => (segments, real_size) = (Some(map), real),
                None => self.bad_map(&origin, at),
            }
        } else if ext.sparse {
            if ext.sparse_version.0 == Some(1) {
                match self.map_in_data(&mut left)? {
                    Some(map) => segments = Some(map),
                    None => self.bad_map(&origin, at),
                }
            } else {
                segments = Some(std::mem::take(&mut ext.segments));
            }
            real_size = ext.real_size.unwrap_or(size);
        }
        if let Some(map) = &segments
            && !is_ordered(map)
        {
            self.bad_map(&origin, at);
            segments = None;
        }
        if segments.is_none() {
            real_size = left;
        }
        if let Err(limit) = budget.object() {
            let message = format!("this member and those after it were not read: {limit}");
            self.problems.at(ProblemCode::Limit, &origin, None, message);
            return Ok(Step::Stop);
        }
        // Padding counts from the size in the header, map included.
        let behind = self.blocks.at.saturating_add(padded(size) - (size - left));
        let data = Data {
            blocks: &mut self.blocks,
            left,
            segments: segments.map(VecDeque::from),
            position: 0,
            real_size,
            meter: budget.meter(),
        };
        let mut member = Member::new(data, None, false);
        let hints = Hints { size: Some(real_size), ..self.hints.clone() };
        let object = Object { origin: origin.clone(), hints, content: Content::Stream(&mut member) };
        let flow = found(object, budget);
        let left = member.settle(Declared { size: Some(real_size), crc: None }, &origin, self.problems);
        if flow == ControlFlow::Break(()) || left == Left::Finished {
            return Ok(Step::Stop);
        }
        let ended = left == Left::Damaged;
        if !self.blocks.skip(behind.saturating_sub(self.blocks.at))? && !ended {
            let message = "the archive ends within this member".to_owned();
            self.problems.at(ProblemCode::Truncated, &origin, None, message);
            return Ok(Step::Stop);
        }
        // A member cut short was reported by itself; there is nothing behind it.
        let at_end = self.blocks.len.map_or(ended && self.blocks.at < behind, |len| self.blocks.at >= len);
        Ok(if ended && at_end { Step::Stop } else { Step::Next })
    }

    fn bad_map(&mut self, origin: &Origin, at: u64) {
        let message = "its sparse map is damaged; the stored data was read without its holes".to_owned();
        self.problems.at(ProblemCode::DamagedHeader, origin, at, message);
    }

    fn skip(&mut self, n: u64) -> io::Result<Step> {
        if self.blocks.skip(n)? { Ok(Step::Next) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// The old GNU format: four segments in the header, more in the blocks behind it.
    #[expect(clippy::type_complexity, reason = "the map and the file's size, nothing more")]
    fn gnu_map(&mut self, header: &Header) -> io::Result<Option<(Vec<(u64, u64)>, u64)>> {
        let Some(gnu) = header.as_gnu() else { return Ok(None) };
        let mut map = Vec::new();
        let mut good = true;
        let mut take = |segments: &[::tar::GnuSparseHeader], good: &mut bool| {
            for s in segments.iter().filter(|s| !s.is_empty()) {
                match (s.offset(), s.length()) {
                    (Ok(offset), Ok(n)) if map.len() < MAX_SEGMENTS => map.push((offset, n)),
                    _ => *good = false,
                }
            }
        };
        take(&gnu.sparse, &mut good);
        let mut more = gnu.is_extended();
        while more {
            let Some(block) = self.blocks.block()? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            let mut extended = GnuExtSparseHeader::new();
            extended.as_mut_bytes().copy_from_slice(&block);
            take(extended.sparse(), &mut good);
            more = extended.is_extended();
        }
        let Ok(real) = gnu.real_size() else { return Ok(None) };
        Ok(good.then_some((map, real)))
    }

    /// Sparse format 1.0: the map stands in front of the data, one decimal number a line.
    fn map_in_data(&mut self, left: &mut u64) -> io::Result<Option<Vec<(u64, u64)>>> {
        let mut numbers = Vec::new();
        let mut digits = Vec::new();
        loop {
            if *left < BLOCK as u64 {
                return Ok(None);
            }
            let Some(block) = self.blocks.block()? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            *left -= BLOCK as u64;
            for b in block {
                if b != b'\n' {
                    if digits.len() > 20 {
                        return Ok(None);
                    }
                    digits.push(b);
                    continue;
                }
                let Some(n) = number(Some(&digits)) else { return Ok(None) };
                digits.clear();
                numbers.push(n);
                // The first number says how many pairs follow.
                let count = numbers.first().copied().unwrap_or(0);
                if count > MAX_SEGMENTS as u64 {
                    return Ok(None);
                }
                if numbers.len() as u64 == 1 + 2 * count {
                    let pairs = numbers.get(1..).unwrap_or_default().chunks_exact(2);
                    return Ok(Some(pairs.filter_map(|p| Some((*p.first()?, *p.get(1)?))).collect()));
                }
            }
        }
    }
}

/// Segments follow each other without overlap.
fn is_ordered(map: &[(u64, u64)]) -> bool {
    let mut end = 0u64;
    map.iter().all(|(offset, n)| {
        let good = *offset >= end;
        end = offset.saturating_add(*n);
        good
    })
}
