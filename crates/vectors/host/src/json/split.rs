//! Cuts a stream of JSON into pieces in which every record is one line.
//!
//! Logs of lines are cut at line feeds, found by `memchr`. Everything else (pretty
//! documents, arrays, `{"Records":[…]}` of any size) is walked once, structure only:
//! the comma between two elements becomes a line feed, a line feed inside an element
//! a blank, the wrapper around the elements blanks. Each byte keeps its place, so a
//! record's offset in a piece is its offset in the source.
//!
//! Memory: a piece, the longest record, and one read; never the document.

use std::io::Read;
use std::ops::ControlFlow;

use memchr::{memchr, memchr_iter, memchr3, memrchr};
use palisade_model::{Origin, Problem, ProblemCode};

use crate::input::{Encoding, Input};
use crate::problems::Problems;
use crate::{Format, Piece};

/// Longest record: a longer line or element is skipped without being held.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// About how long a piece is; it ends with the record that passes this.
pub const PIECE_BYTES: usize = 1 << 20;

/// Room of a piece's buffer: the reader appends unescaped values to it.
const ROOM: usize = PIECE_BYTES * 2;

/// A wrapper's first array begins within this many bytes.
const MAX_WRAPPER_HEAD: usize = 64 << 10;

/// Arrays under these names at the top of a document hold records.
const WRAPPERS: [&[u8]; 6] = [b"Records", b"records", b"value", b"Events", b"items", b"logEvents"];

type Emit<'e> = dyn FnMut(Piece) -> ControlFlow<()> + 'e;

fn encoding(head: &[u8]) -> Encoding {
    match head {
        [0xFF, 0xFE, ..] | [b'{' | b'[', 0, _, 0, ..] => Encoding::Utf16 { little: true },
        [0xFE, 0xFF, ..] | [0, b'{' | b'[', 0, _, ..] => Encoding::Utf16 { little: false },
        _ => Encoding::Utf8,
    }
}

/// Whether a stream that begins so is plausibly JSON records.
pub(super) fn sniff(head: &[u8]) -> bool {
    let narrow: Vec<u8>;
    let text = match encoding(head) {
        Encoding::Utf8 => head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head),
        Encoding::Utf16 { little } => {
            let low = usize::from(!little);
            narrow = head.chunks_exact(2).map(|p| if p[1 - low] == 0 { p[low] } else { b'?' }).collect();
            narrow.strip_prefix(b"?").unwrap_or(&narrow)
        }
    };
    let text = text.trim_ascii_start();
    let text = &text[mark(text)..];
    match text {
        [b'[', rest @ ..] => {
            // An INI section or a list of plain values is not a log.
            let rest = rest.trim_ascii();
            // `[]`: a log of nothing, if nothing follows.
            rest == b"]" || matches!(rest.first(), Some(b'{')) && object(rest, false)
        }
        [b'{', ..] => object(text, true),
        [b'<', rest @ ..] => {
            // Syslog around JSON: a priority, and the first line ends in a document.
            let line = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
            line.first().is_some_and(u8::is_ascii_digit)
                && line.trim_ascii_end().ends_with(b"}")
                && memchr(b'{', line).is_some_and(|at| object(&line[at..], true))
        }
        _ => false,
    }
}

/// How long the line `Record 12` is that evtx_dump puts before each of its documents, the
/// blanks behind it included; 0: here is none.
fn mark(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(b"Record ") else { return 0 };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let behind = &rest[digits..];
    let line = behind.strip_prefix(b"\r").unwrap_or(behind);
    if digits == 0 || line.first().is_some_and(|b| *b != b'\n') {
        return 0;
    }
    text.len() - behind.trim_ascii_start().len()
}

/// Whether a line is nothing but such a mark.
pub(super) fn is_mark(line: &[u8]) -> bool {
    mark(line) == line.len()
}

/// Whether an object begins here; `strict`: with a quoted key and a colon.
fn object(text: &[u8], strict: bool) -> bool {
    let inner = text[1..].trim_ascii_start();
    match inner {
        [] | [b'}', ..] => true,
        [b'"', rest @ ..] => match memchr(b'"', rest) {
            Some(n) => rest[n + 1..].trim_ascii_start().first().is_none_or(|b| *b == b':'),
            None => true,
        },
        _ => !strict,
    }
}

pub(super) fn split(origin: &Origin, stream: &mut dyn Read, emit: &mut Emit<'_>) -> Vec<Problem> {
    let mut problems = Problems::of(origin);
    let mut input = Input::new(stream);
    let mut head = Vec::with_capacity(ROOM);
    input.raw(&mut head, PIECE_BYTES);
    input.encoding = encoding(&head);
    let mut cutter =
        Cutter { input, problems: &mut problems, emit, buf: Vec::new(), base: 0, record: 1, stopped: false };
    match cutter.input.encoding {
        Encoding::Utf8 => cutter.buf = head,
        Encoding::Utf16 { .. } => {
            cutter.input.held = head;
            cutter.more();
        }
    }
    if !cutter.buf.is_empty() {
        let bom = cutter.buf.starts_with(b"\xEF\xBB\xBF");
        if bom {
            cutter.buf[..3].fill(b' ');
        }
        cutter.run();
    }
    let (base, error) = (cutter.base, cutter.input.error.take());
    if let Some(e) = error {
        problems.add(ProblemCode::Io, base, format!("reading stopped: {e}"));
    }
    problems.finish()
}

struct Cutter<'r, 'p, 'o, 'e> {
    input: Input<'r>,
    problems: &'p mut Problems<'o>,
    emit: &'p mut Emit<'e>,
    /// What is read and not emitted; starts at a record's start.
    buf: Vec<u8>,
    /// Offset of `buf` in the source.
    base: u64,
    /// Number of the first record in `buf`.
    record: u64,
    stopped: bool,
}

/// What stands at the start of what is left.
#[derive(PartialEq, Eq, Debug)]
enum Layout {
    Lines,
    Structure,
}

impl Cutter<'_, '_, '_, '_> {
    fn more(&mut self) -> bool {
        !self.stopped && self.input.fill(&mut self.buf, PIECE_BYTES)
    }

    /// Emits the first `len` bytes, which hold `records` records.
    fn cut(&mut self, len: usize, records: u64, damaged: bool) {
        if len == 0 || self.stopped {
            return;
        }
        let mut rest = Vec::with_capacity(ROOM.max(self.buf.len() - len + PIECE_BYTES));
        rest.extend_from_slice(&self.buf[len..]);
        let mut data = std::mem::replace(&mut self.buf, rest);
        data.truncate(len);
        // A small file must not hold a large file's room while it waits.
        if len < ROOM / 8 {
            data.shrink_to(len * 2);
        }
        let piece = Piece {
            format: Format::Json,
            data,
            offset: self.base,
            first_record: self.record,
            damaged,
            preface: Default::default(),
        };
        self.base += len as u64;
        self.record += records;
        self.stopped = (self.emit)(piece).is_break();
    }

    fn run(&mut self) {
        loop {
            match self.layout() {
                Layout::Lines => return self.lines(),
                Layout::Structure => {
                    if !self.structure() {
                        return;
                    }
                }
            }
        }
    }

    /// Lines, if the first line is one whole document and others follow it, or is no
    /// document at all; structure otherwise.
    fn layout(&mut self) -> Layout {
        let mut start = self.buf.len() - self.buf.trim_ascii_start().len();
        start += mark(&self.buf[start..]);
        match self.buf.get(start) {
            Some(b'{') => {
                let line = memchr(b'\n', &self.buf[start..]).map(|n| start + n);
                match line {
                    Some(end) => {
                        let more = !self.input.ended || !self.buf[end..].trim_ascii().is_empty();
                        let mut walk = Walk::default();
                        let whole = walk.balanced(&self.buf[start..end]);
                        if whole && more { Layout::Lines } else { Layout::Structure }
                    }
                    None => Layout::Structure,
                }
            }
            Some(b'[') => Layout::Structure,
            _ => Layout::Lines,
        }
    }

    fn lines(&mut self) {
        let mut searched = 0;
        while !self.stopped {
            // Only the first line can be longer than one read.
            match memchr(b'\n', &self.buf[searched..]).map(|n| searched + n) {
                Some(first) if first > MAX_RECORD_BYTES => {
                    self.too_long();
                    self.skip_to(first + 1);
                    searched = 0;
                    continue;
                }
                Some(_) if self.input.ended => {
                    let len = self.buf.len();
                    return self.cut(len, 1, false);
                }
                Some(_) => {
                    let end = memrchr(b'\n', &self.buf).map_or(0, |n| n + 1);
                    let records = memchr_iter(b'\n', &self.buf[..end]).count() as u64;
                    self.cut(end, records, false);
                }
                None if self.buf.len() > MAX_RECORD_BYTES => {
                    self.too_long();
                    if !self.skip_line() {
                        return;
                    }
                    searched = 0;
                    continue;
                }
                None => {}
            }
            searched = self.buf.len();
            if !self.more() {
                let len = self.buf.len();
                return self.cut(len, 1, false);
            }
        }
    }

    fn too_long(&mut self) {
        self.problems.add(
            ProblemCode::Limit,
            self.base,
            format!("a record is longer than {} MiB and was left out", MAX_RECORD_BYTES >> 20),
        );
    }

    fn skip_to(&mut self, len: usize) {
        self.buf.drain(..len);
        self.base += len as u64;
        self.record += 1;
    }

    /// Drops everything up to the end of the line; whether there is more.
    fn skip_line(&mut self) -> bool {
        loop {
            if let Some(n) = memchr(b'\n', &self.buf) {
                self.skip_to(n + 1);
                return true;
            }
            self.base += self.buf.len() as u64;
            self.buf.clear();
            if !self.more() {
                return false;
            }
        }
    }

    /// Walks documents until the stream ends (`false`) or lines begin (`true`).
    fn structure(&mut self) -> bool {
        let mut walk = Walk::default();
        let mut at = 0;
        // Ends of whole records in the buffer, and how many.
        let (mut whole, mut records) = (0usize, 0u64);
        let mut dropping = false;
        loop {
            while at < self.buf.len() {
                let step = walk.step(&mut self.buf, &mut at);
                match step {
                    Step::On => {}
                    Step::Record(end) | Step::Broken(end) => {
                        if dropping || end - whole > MAX_RECORD_BYTES {
                            if !dropping {
                                self.cut(whole, records, false);
                                self.too_long();
                                at -= whole;
                            }
                            let end = end - whole;
                            (whole, records, dropping) = (0, 0, false);
                            self.skip_to(end);
                            at -= end;
                            walk.line = None;
                        } else {
                            (whole, records) = (end, records + 1);
                        }
                        if walk.lines_follow(&step) {
                            self.cut(whole, records, false);
                            return true;
                        }
                        if whole >= PIECE_BYTES {
                            self.cut(whole, records, false);
                            at -= whole;
                            (whole, records) = (0, 0);
                            walk.line = None;
                        }
                    }
                }
                if self.stopped {
                    return false;
                }
            }
            if !dropping && at - whole > MAX_RECORD_BYTES {
                self.cut(whole, records, false);
                at -= whole;
                (whole, records) = (0, 0);
                self.too_long();
                dropping = true;
            }
            if dropping {
                self.base += self.buf.len() as u64;
                self.buf.clear();
                at = 0;
                walk.line = None;
                walk.head = None;
            }
            if !self.more() {
                break;
            }
        }
        if walk.depth > 0 {
            let end = self.base + self.buf.len() as u64;
            self.problems.add(ProblemCode::Truncated, end, "the file ends inside a document");
        }
        let len = self.buf.len();
        if !dropping {
            self.cut(len, records + 1, walk.depth > 0);
        }
        false
    }
}

/// What a step of the walk came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Nothing yet.
    On,
    /// A record ends before this place.
    Record(usize),
    /// A broken record was given up before this place; the next begins here.
    Broken(usize),
}

/// The structure of a document, walked byte by byte across reads.
#[derive(Default)]
struct Walk {
    depth: usize,
    in_string: bool,
    /// The string's last byte was a backslash that escapes.
    escaped: bool,
    /// Elements are cut at this depth: 0 documents, 1 an array, 2 a wrapper's array.
    cut: usize,
    /// The last byte that was no blank.
    last: u8,
    /// The last line feed turned into a blank, while only blanks followed it.
    line: Option<usize>,
    /// Where the document's head began, while it may turn out to be a wrapper.
    head: Option<usize>,
    /// The top-level key being read, and whether an array under it may hold records.
    key: Vec<u8>,
    in_key: bool,
    wrapper: bool,
    /// A document ended; a line feed makes it a record.
    ended: bool,
    /// The document had line feeds in it.
    pretty: bool,
}

impl Walk {
    /// Whether a line is one or more whole documents.
    fn balanced(&mut self, line: &[u8]) -> bool {
        let mut line = line.to_vec();
        let mut at = 0;
        while at < line.len() {
            if matches!(self.step(&mut line, &mut at), Step::Broken(_)) {
                return false;
            }
        }
        self.depth == 0 && !self.in_string
    }

    /// Whether the record just finished was a document on a line of its own, or was
    /// broken: what follows is to be looked at afresh.
    fn lines_follow(&self, step: &Step) -> bool {
        self.cut == 0 && self.depth == 0 && (!self.pretty || matches!(step, Step::Broken(_)))
    }

    fn give_up(&mut self) {
        self.depth = self.cut;
        self.in_string = false;
        self.escaped = false;
        self.in_key = false;
        self.head = None;
        self.ended = false;
        self.last = b',';
    }

    fn step(&mut self, buf: &mut [u8], at: &mut usize) -> Step {
        if self.in_string {
            return self.string(buf, at);
        }
        let place = *at;
        let byte = buf[place];
        *at += 1;
        match byte {
            b' ' | b'\t' | b'\r' => return Step::On,
            b'\n' => {
                if self.depth == 0 && self.ended {
                    self.ended = false;
                    return Step::Record(place + 1);
                }
                buf[place] = b' ';
                self.line = Some(place);
                self.pretty |= self.depth > 0;
                return Step::On;
            }
            b'"' => {
                self.in_string = true;
                self.in_key = self.depth == 1 && self.cut != 1 && matches!(self.last, b'{' | b',');
                self.key.clear();
            }
            b'{' | b'[' => return self.open(buf, place, byte),
            b'}' | b']' => return self.close(buf, place),
            b',' if self.cut > 0 && self.depth == self.cut => {
                buf[place] = b'\n';
                self.last = byte;
                return Step::Record(place + 1);
            }
            _ => {}
        }
        self.wrapper &= byte == b':' || byte == b'"';
        self.last = byte;
        self.line = None;
        self.blank_wrapper(buf, place);
        Step::On
    }

    /// The rest of a string, up to its end or the end of the buffer.
    fn string(&mut self, buf: &mut [u8], at: &mut usize) -> Step {
        let from = *at;
        if self.escaped {
            self.escaped = false;
            *at += 1;
            if buf[from] != b'\n' {
                return Step::On;
            }
            *at = from;
        }
        let Some(n) = memchr3(b'"', b'\\', b'\n', &buf[from..]) else {
            self.note_key(&buf[from..]);
            self.blank_part(buf, from, buf.len());
            *at = buf.len();
            return Step::On;
        };
        self.note_key(&buf[from..from + n]);
        let place = from + n;
        *at = place + 1;
        match buf[place] {
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                self.last = b'"';
                if self.in_key {
                    self.wrapper = WRAPPERS.contains(&self.key.as_slice());
                }
            }
            // A string never spans lines: the record is broken, the next line is another.
            _ => {
                self.give_up();
                return Step::Broken(place + 1);
            }
        }
        self.blank_part(buf, from, place + 1);
        Step::On
    }

    fn note_key(&mut self, part: &[u8]) {
        if self.in_key && self.key.len() + part.len() <= 16 {
            self.key.extend_from_slice(part);
        } else if self.in_key {
            self.key.clear();
            self.key.push(0);
        }
    }

    fn open(&mut self, buf: &mut [u8], place: usize, byte: u8) -> Step {
        // A document inside a document with nothing between: the outer one broke off.
        let misplaced = self.depth > 0 && !matches!(self.last, b'{' | b'[' | b',' | b':');
        if let Some(line) = self.line
            && misplaced
            && self.cut == 0
        {
            buf[line] = b'\n';
            self.give_up();
            self.pretty = false;
            self.start(place, byte);
            if byte == b'[' {
                buf[place] = b' ';
            }
            return Step::Broken(line + 1);
        }
        let keyed = self.wrapper && self.last == b':' && byte == b'[';
        if self.depth == 0 {
            self.start(place, byte);
            if byte == b'[' {
                buf[place] = b' ';
            }
            return Step::On;
        }
        // `"Records": [ {`: from here on the array's elements are the records.
        if self.depth == 1 && self.cut == 0 && keyed {
            self.depth = 2;
            self.last = byte;
            return Step::On;
        }
        if self.depth == 2 && self.cut == 0 && self.wrapper && self.last == b'[' && byte == b'{' {
            if let Some(head) = self.head.take().filter(|h| place - h <= MAX_WRAPPER_HEAD) {
                buf[head..place].fill(b' ');
                self.cut = 2;
            }
        } else if self.depth == 1 && self.cut == 2 && keyed {
            // A second array of records in the same wrapper.
            buf[place] = b' ';
            self.depth = 2;
            self.wrapper = false;
            self.last = byte;
            return Step::On;
        }
        self.wrapper = false;
        self.depth += 1;
        self.last = byte;
        self.line = None;
        self.blank_wrapper(buf, place);
        Step::On
    }

    fn start(&mut self, place: usize, byte: u8) {
        self.depth = 1;
        self.cut = usize::from(byte == b'[');
        self.head = Some(place);
        self.ended = false;
        self.wrapper = false;
        self.pretty = false;
        self.last = byte;
        self.line = None;
    }

    fn close(&mut self, buf: &mut [u8], place: usize) -> Step {
        let before = self.depth;
        self.last = b'}';
        self.line = None;
        self.wrapper = false;
        if before == 0 {
            return Step::On;
        }
        self.depth -= 1;
        if self.cut > 0 && before == self.cut {
            // The array of records ends.
            buf[place] = b'\n';
            if self.cut == 1 {
                self.cut = 0;
                self.pretty = true;
            }
            return Step::Record(place + 1);
        }
        if self.cut == 2 && before <= 2 {
            buf[place] = b' ';
        }
        if self.depth == 0 {
            self.ended = self.cut == 0;
            if self.cut == 2 {
                self.cut = 0;
                self.pretty = true;
            }
        }
        Step::On
    }

    /// Inside a wrapper but outside its array nothing is a record.
    fn blank_wrapper(&mut self, buf: &mut [u8], place: usize) {
        if self.cut == 2 && self.depth < 2 {
            buf[place] = b' ';
        }
    }

    fn blank_part(&mut self, buf: &mut [u8], from: usize, to: usize) {
        if self.cut == 2 && self.depth < 2 {
            buf[from..to].fill(b' ');
        }
    }
}
