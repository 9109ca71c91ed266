//! ZIP (PKWARE APPNOTE 6.3.10): stored, deflate and zstd members, ZIP64, the old encryption.
//!
//! Headers are read by ourselves, one at a time: a library that builds an index keeps one entry
//! per name and takes memory for every entry, and both are in the attacker's hand.
//! The central directory is believed if it can be walked from end to end; if it cannot, the local
//! headers are walked instead, and that is said.

mod crypt;
mod directory;
mod header;
mod walk;

use std::io::{self, BufReader, Cursor, Read, SeekFrom};
use std::ops::ControlFlow;

use flate2::bufread::DeflateDecoder;
use palisade_model::{Budget, Content, Hints, Limit, Object, Origin, ProblemCode, ReadSeek};

use crate::Found;
use crate::member::{Counted, Declared, Left, Member, is_limit, is_reported};
use crate::problems::Problems;
use header::Entry;

/// Compressed bytes read of a member at a time.
const BLOCK: usize = 32 << 10;

/// Members may together claim this many times the archive's bytes before the rest is left out.
/// Honest members do not overlap at all; a quine or a bomb overlaps thousandfold.
const MAX_REREAD: u64 = 16;

/// Most passwords tried for a member.
const MAX_PASSWORDS: usize = 64;

/// Stored.
const METHOD_STORED: u16 = 0;
/// Deflate (RFC 1951).
const METHOD_DEFLATE: u16 = 8;
/// Zstandard.
const METHOD_ZSTD: u16 = 93;
/// WinZip AES; the true method stands in an extra field.
const METHOD_AES: u16 = 99;

pub(crate) fn open(object: Object<'_>, budget: &mut Budget, found: Found<'_>, problems: &mut Problems) {
    let Object { origin, hints, content } = object;
    let mut held;
    let mut cursor;
    let input: &mut dyn ReadSeek = match content {
        Content::Seekable(input) => input,
        Content::Bytes(bytes) => {
            cursor = Cursor::new(bytes);
            &mut cursor
        }
        Content::Stream(stream) => match hold(stream, budget, problems) {
            Some(bytes) => {
                held = Cursor::new(bytes);
                &mut held
            }
            None => return,
        },
    };
    let len = match input.seek(SeekFrom::End(0)) {
        Ok(len) => len,
        Err(e) => {
            problems.here(ProblemCode::Io, None, format!("the zip could not be read: {e}"));
            return;
        }
    };
    let mut archive =
        Archive { input, len, origin, passwords: hints.passwords, problems, claimed: 0, said_overlap: false };
    let result = archive.run(budget, found);
    if let Err(e) = result
        && !is_reported(&e)
    {
        archive.problems.here(ProblemCode::Io, None, format!("the zip could not be read further: {e}"));
    }
}

/// Takes a zip that arrives as a stream into memory, within the limit.
fn hold(stream: &mut dyn Read, budget: &Budget, problems: &mut Problems) -> Option<Vec<u8>> {
    let limit = budget.limits().in_memory;
    let mut bytes = Vec::new();
    match stream.take(limit.saturating_add(1)).read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(e) if is_limit(&e) => return None,
        // What arrived before the damage is worth a walk.
        Err(e) if is_reported(&e) => {}
        Err(e) => {
            problems.here(ProblemCode::Io, bytes.len() as u64, format!("the zip could not be read: {e}"));
        }
    }
    if let Err(limit) = budget.in_memory(bytes.len() as u64) {
        problems.here(ProblemCode::Limit, None, format!("a zip inside another container is {limit}"));
        return None;
    }
    Some(bytes)
}

/// A zip being read.
pub(crate) struct Archive<'a, 'p> {
    input: &'a mut dyn ReadSeek,
    len: u64,
    origin: Origin,
    passwords: Vec<String>,
    problems: &'p mut Problems,
    /// Compressed bytes the members delivered so far claim.
    claimed: u64,
    said_overlap: bool,
}

/// How a member was left, and where its data ended.
struct Delivered {
    flow: ControlFlow<()>,
    /// Compressed bytes its decoder consumed.
    consumed: u64,
    /// Size and checksum of what came out, if it was read to its end.
    seen: Option<(u64, u32)>,
}

impl Archive<'_, '_> {
    fn run(&mut self, budget: &mut Budget, found: Found<'_>) -> io::Result<()> {
        match self.find_directory()? {
            Some(directory) => self.by_directory(&directory, budget, found),
            None => self.by_walking(budget, found),
        }
    }

    /// Reads exactly `buf` at a place; `false` when the archive ends before.
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> io::Result<bool> {
        if at.checked_add(buf.len() as u64).is_none_or(|end| end > self.len) {
            return Ok(false);
        }
        self.input.seek(SeekFrom::Start(at))?;
        match self.input.read_exact(buf) {
            Ok(()) => Ok(true),
            // The file shrank while it was read.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Delivers one member whose data begins at `data`. With `find_end` its reader is drained, so
    /// that the end of its data is known afterwards.
    fn deliver(
        &mut self,
        entry: &Entry,
        data: u64,
        find_end: bool,
        budget: &mut Budget,
        found: Found<'_>,
    ) -> io::Result<Delivered> {
        let origin = self.origin.member(&entry.name);
        let nothing = |flow| Ok(Delivered { flow, consumed: 0, seen: None });
        if let Err(limit) = budget.object() {
            let message = format!("this member and those after it were not read: {limit}");
            self.problems.at(ProblemCode::Limit, &origin, None, message);
            return nothing(ControlFlow::Break(()));
        }
        if !matches!(entry.method, METHOD_STORED | METHOD_DEFLATE | METHOD_ZSTD | METHOD_AES) {
            let message = format!("compression method {} is not supported", entry.method);
            self.problems.at(ProblemCode::Unrecognised, &origin, entry.at, message);
            return nothing(ControlFlow::Continue(()));
        }
        let available = self.len.saturating_sub(data);
        let raw_len = entry.compressed.min(available);
        self.claimed = self.claimed.saturating_add(raw_len);
        if self.claimed > self.len && !self.said_overlap {
            self.said_overlap = true;
            let message = "members overlap: together they claim more bytes than the archive has";
            self.problems.at(ProblemCode::DamagedHeader, &origin, entry.at, message.to_owned());
        }
        if self.claimed > self.len.saturating_mul(MAX_REREAD) {
            let message = format!("members overlap more than {MAX_REREAD}-fold; the rest was not read");
            self.problems.at(ProblemCode::Limit, &origin, entry.at, message);
            return nothing(ControlFlow::Break(()));
        }
        let key = if entry.encrypted {
            match self.find_key(entry, data, raw_len, budget)? {
                Ok(keys) => Some(keys),
                Err(why) => {
                    self.problems.at(ProblemCode::Encrypted, &origin, entry.at, why);
                    return nothing(ControlFlow::Continue(()));
                }
            }
        } else {
            None
        };
        self.input.seek(SeekFrom::Start(data))?;
        let raw = Raw { input: &mut *self.input, left: raw_len };
        let body = body(raw, entry.method, key, find_end)?;
        let mut member = Member::new(body, Some(budget.meter()), true);
        let hints = Hints { passwords: self.passwords.clone(), size: Some(entry.size), content_type: None };
        let object = Object { origin: origin.clone(), hints, content: Content::Stream(&mut member) };
        let flow = found(object, budget);
        if find_end && flow.is_continue() {
            member.drain();
        }
        let consumed = member.inner().consumed();
        let declared = if find_end { Declared::default() } else { entry.declared() };
        let left = member.settle(declared, &origin, self.problems);
        let seen = (left == Left::Ended).then(|| member.seen());
        if left == Left::Finished {
            return nothing(ControlFlow::Break(()));
        }
        if entry.compressed > available && !find_end && left != Left::Damaged {
            let message = "the archive ends within this member".to_owned();
            self.problems.at(ProblemCode::Truncated, &origin, entry.at, message);
        }
        Ok(Delivered { flow, consumed, seen })
    }

    /// Finds the password that opens a member; `Ok(Err(why))` when none does.
    ///
    /// The format's own check is one byte, so a candidate must also decode to the declared checksum.
    fn find_key(
        &mut self,
        entry: &Entry,
        data: u64,
        raw_len: u64,
        budget: &mut Budget,
    ) -> io::Result<Result<crypt::Keys, String>> {
        if entry.method == METHOD_AES {
            return Ok(Err("encrypted with AES, which Palisade does not open".to_owned()));
        }
        if entry.strong {
            return Ok(Err(
                "encrypted with PKWARE strong encryption, which Palisade does not open".to_owned()
            ));
        }
        if self.passwords.is_empty() {
            return Ok(Err("encrypted, and no password is known".to_owned()));
        }
        let mut sealed = [0; crypt::HEADER];
        if raw_len < sealed.len() as u64 || !self.read_at(data, &mut sealed)? {
            return Ok(Err("encrypted, and too short to hold its encryption header".to_owned()));
        }
        for password in self.passwords.iter().take(MAX_PASSWORDS) {
            let keys = crypt::Keys::new(password.as_bytes());
            if keys.clone().opens(&sealed) != entry.check_byte {
                continue;
            }
            // Without a declared checksum, or in a member too large to decode twice, the byte decides.
            let Some(crc) = entry.declared().crc.filter(|_| budget.in_memory(entry.size).is_ok()) else {
                return Ok(Ok(keys));
            };
            self.input.seek(SeekFrom::Start(data))?;
            let raw = Raw { input: &mut *self.input, left: raw_len };
            let body = body(raw, entry.method, Some(keys.clone()), false)?;
            // A wrong key may decode to anything; what was declared bounds it, and a trial is charged too.
            let mut trial = Member::new(body.take(entry.size.saturating_add(1)), Some(budget.meter()), true);
            let read = io::copy(&mut trial, &mut io::sink());
            if let Err(e) = &read
                && is_limit(e)
            {
                // Delivering it meets the limit again and says so.
                return Ok(Ok(keys));
            }
            if read.is_ok() && trial.seen() == (entry.size, crc) {
                return Ok(Ok(keys));
            }
        }
        Ok(Err("encrypted, and none of the known passwords opens it".to_owned()))
    }
}

/// A member's bytes as they lie in the archive.
struct Raw<'i> {
    input: &'i mut dyn ReadSeek,
    left: u64,
}

impl Read for Raw<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.input.read(buf.get_mut(..n).unwrap_or_default())?;
        self.left -= n as u64;
        Ok(n)
    }
}

/// A member's bytes with the old encryption taken off.
enum Opened<'i> {
    Plain(Raw<'i>),
    Sealed(crypt::Unsealed<Raw<'i>>),
}

impl Read for Opened<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Opened::Plain(r) => r.read(buf),
            Opened::Sealed(r) => r.read(buf),
        }
    }
}

type Source<'i> = Counted<BufReader<Opened<'i>>>;

/// A member's bytes, decoded.
enum Body<'i> {
    Stored(Source<'i>),
    Deflate(DeflateDecoder<Source<'i>>),
    Zstd(::zstd::Decoder<'static, Source<'i>>),
}

impl Body<'_> {
    /// Compressed bytes consumed, the encryption header left out.
    fn consumed(&self) -> u64 {
        match self {
            Body::Stored(s) => s.consumed(),
            Body::Deflate(d) => d.get_ref().consumed(),
            Body::Zstd(d) => d.get_ref().consumed(),
        }
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Body::Stored(r) => r.read(buf),
            // A stream that stops short ends silently here; its size and checksum tell.
            Body::Deflate(r) => r.read(buf),
            Body::Zstd(r) => r.read(buf).map_err(|e| {
                if e.to_string().contains("too much memory") {
                    return io::Error::other(Limit::Memory(1 << crate::zstd::MAX_WINDOW_LOG));
                }
                e
            }),
        }
    }
}

/// `one_frame`: zstd data ends with its first frame, because what follows may be another member.
fn body(raw: Raw<'_>, method: u16, key: Option<crypt::Keys>, one_frame: bool) -> io::Result<Body<'_>> {
    let opened = match key {
        Some(keys) => Opened::Sealed(crypt::Unsealed::new(raw, keys)),
        None => Opened::Plain(raw),
    };
    let source = Counted::new(BufReader::with_capacity(BLOCK, opened));
    Ok(match method {
        METHOD_DEFLATE => Body::Deflate(DeflateDecoder::new(source)),
        METHOD_ZSTD if one_frame => Body::Zstd(crate::zstd::decoder(source)?.single_frame()),
        METHOD_ZSTD => Body::Zstd(crate::zstd::decoder(source)?),
        _ => Body::Stored(source),
    })
}
