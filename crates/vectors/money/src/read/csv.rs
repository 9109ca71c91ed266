//! Comma-separated values as a stream (RFC 4180, lenient): records with their place, in bounded memory.
//!
//! A quote that is never closed would make one record of a whole file: a record that grows beyond the limit is given up at
//! its first line, and reading goes on with the next. Never guesses the separator.

use std::io::Read;

/// Longest record, in bytes.
pub const MAX_RECORD: usize = 1 << 20;

/// Most fields of a record; the widest known export has some thirty.
pub const MAX_FIELDS: usize = 512;

const CHUNK: usize = 64 << 10;

/// One record, or why it could not be read.
pub(super) enum Item {
    Record,
    TooLong,
    Io(std::io::Error),
    /// Bytes that are no UTF-8 were replaced.
    Encoding,
}

/// A stream of records. After [`Item::Record`] the fields are in place.
pub(super) struct Records<'s> {
    stream: &'s mut dyn Read,
    separator: u8,
    buffer: Vec<u8>,
    /// Where the next record begins in the buffer.
    start: usize,
    /// Offset of the buffer's first byte in the stream.
    base: u64,
    ended: bool,
    text: String,
    ends: Vec<usize>,
    /// Offset of the record.
    pub offset: u64,
    /// Skipping the rest of a line that is too long.
    skipping: bool,
}

impl<'s> Records<'s> {
    pub fn new(stream: &'s mut dyn Read, separator: u8) -> Records<'s> {
        Records {
            stream,
            separator,
            buffer: Vec::new(),
            start: 0,
            base: 0,
            ended: false,
            text: String::new(),
            ends: Vec::new(),
            offset: 0,
            skipping: false,
        }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field's text; empty if the record is shorter.
    pub fn get(&self, n: usize) -> &str {
        let Some(end) = self.ends.get(n) else { return "" };
        let start = n.checked_sub(1).and_then(|p| self.ends.get(p)).copied().unwrap_or(0);
        self.text.get(start..*end).unwrap_or("")
    }

    fn fill(&mut self) -> Result<(), std::io::Error> {
        self.buffer.drain(..self.start);
        self.base += self.start as u64;
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let n = loop {
            match self.stream.read(&mut self.buffer[before..]) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                n => break n,
            }
        };
        self.buffer.truncate(before + n.as_ref().copied().unwrap_or(0));
        self.ended = !matches!(n, Ok(1..));
        n.map(drop)
    }

    /// The next record; `None` at the end.
    pub fn next(&mut self) -> Option<Item> {
        let mut scanned = 0;
        let mut quoted = false;
        let mut at_field = true;
        let mut closed = usize::MAX;
        loop {
            let bytes = self.buffer.get(self.start..).unwrap_or_default();
            let mut end = None;
            while let Some(b) = bytes.get(scanned) {
                match b {
                    b'"' if at_field && !quoted => (quoted, at_field) = (true, false),
                    // A doubled quote closes and opens again, which comes to the same.
                    b'"' if quoted => (quoted, closed) = (false, scanned),
                    b'"' if closed.wrapping_add(1) == scanned && scanned > 0 => quoted = true,
                    b'\n' if !quoted || self.skipping => {
                        end = Some(scanned);
                        break;
                    }
                    0xEF | 0xBB | 0xBF if scanned < 3 && self.base + self.start as u64 == 0 => {}
                    b if !quoted => at_field = *b == self.separator,
                    _ => {}
                }
                scanned += 1;
            }
            match end {
                Some(end) if self.skipping => {
                    self.start += end + 1;
                    self.skipping = false;
                    (scanned, quoted, at_field, closed) = (0, false, true, usize::MAX);
                }
                Some(end) if end <= MAX_RECORD => {
                    let range = (self.start, self.start + end);
                    self.start += end + 1;
                    let blank = self.buffer[range.0..range.1].trim_ascii().is_empty();
                    if !blank {
                        return Some(self.split(range));
                    }
                    (scanned, quoted, at_field, closed) = (0, false, true, usize::MAX);
                }
                None if self.ended => {
                    let range = (self.start, self.buffer.len());
                    self.start = range.1;
                    if self.skipping || self.buffer[range.0..range.1].trim_ascii().is_empty() {
                        return None;
                    }
                    return Some(self.split(range));
                }
                // Too long: give up its first line only, or all there is if that has no end yet.
                _ if scanned > MAX_RECORD && !self.skipping => {
                    self.offset = self.base + self.start as u64;
                    let line = bytes.iter().position(|b| *b == b'\n');
                    self.skipping = line.is_none();
                    self.start += line.map_or(bytes.len(), |l| l + 1);
                    return Some(Item::TooLong);
                }
                _ => {
                    if self.skipping {
                        self.start = self.buffer.len();
                        scanned = 0;
                    }
                    if let Err(e) = self.fill() {
                        return Some(Item::Io(e));
                    }
                }
            }
        }
    }

    fn split(&mut self, (start, end): (usize, usize)) -> Item {
        self.offset = self.base + start as u64;
        self.text.clear();
        self.ends.clear();
        let mut raw = &self.buffer[start..end];
        if self.offset == 0 {
            raw = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw);
        }
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let lossy = String::from_utf8_lossy(raw);
        let damaged = matches!(lossy, std::borrow::Cow::Owned(_));
        // Most records have no quotes: their fields are what lies between separators.
        if !raw.contains(&b'"') {
            for field in lossy.split(char::from(self.separator)).take(MAX_FIELDS) {
                self.text.push_str(field);
                self.ends.push(self.text.len());
            }
            return if damaged { Item::Encoding } else { Item::Record };
        }
        let mut quoted = false;
        let mut fresh = true;
        let mut chars = lossy.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    self.text.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if fresh => (quoted, fresh) = (true, false),
                c if c == char::from(self.separator) && !quoted => {
                    if self.ends.len() + 1 >= MAX_FIELDS {
                        break;
                    }
                    self.ends.push(self.text.len());
                    fresh = true;
                }
                c => {
                    self.text.push(c);
                    fresh = false;
                }
            }
        }
        self.ends.push(self.text.len());
        if damaged { Item::Encoding } else { Item::Record }
    }
}

/// Drives a reader over a CSV stream: the header first, then each record with its number from 1.
pub(super) fn each(
    stream: &mut dyn Read,
    separator: u8,
    cx: &mut super::Context<'_>,
    header: &mut dyn FnMut(&[String], &mut super::Context<'_>) -> bool,
    row: &mut dyn FnMut(&Records<'_>, u64, &mut super::Context<'_>),
) -> u64 {
    use palisade_model::ProblemCode;
    let mut records = Records::new(stream, separator);
    let mut number = 0;
    let mut names: Option<usize> = None;
    while let Some(item) = records.next() {
        let offset = records.offset;
        match item {
            Item::Io(e) => {
                cx.problem(ProblemCode::Io, offset, format!("reading stopped here: {e}"));
                break;
            }
            Item::TooLong => {
                number += 1;
                cx.problem(
                    ProblemCode::Limit,
                    offset,
                    format!("a record is longer than {MAX_RECORD} bytes: its first line is left out"),
                );
                continue;
            }
            Item::Encoding => {
                cx.problem(ProblemCode::Encoding, offset, "bytes that are no UTF-8 were replaced")
            }
            Item::Record => {}
        }
        match names {
            None => {
                let list: Vec<String> =
                    (0..records.len()).map(|n| records.get(n).trim().to_lowercase()).collect();
                names = Some(list.len());
                if !header(&list, cx) {
                    break;
                }
            }
            Some(columns) => {
                number += 1;
                if records.len() < columns {
                    cx.problem(
                        ProblemCode::DamagedRecord,
                        offset,
                        "a record has fewer fields than the header: what is there is read",
                    );
                }
                row(&records, number, cx);
            }
        }
        if cx.full {
            break;
        }
    }
    number
}
