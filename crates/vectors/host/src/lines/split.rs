//! Cuts a stream of text into pieces that begin and end with records, in bounded memory.
//!
//! What may not be cut: a quoted field of CSV, the lines of one audit event, a statement over several lines, an
//! entry of journald. What a piece must know of the text before it goes along as its preface.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memmem, memrchr, memrchr_iter};
use palisade_model::{Origin, Problem, ProblemCode};

use super::{Kind, auditd, journal, mysql, postgres, syslog, table};
use crate::input::{Encoding, Input};
use crate::problems::Problems;
use crate::{Format, Piece};

/// Longest record: a longer line is skipped without being held.
pub const MAX_LINE_BYTES: usize = 4 << 20;

/// About how long a piece is; it ends with the record that passes this.
pub const PIECE_BYTES: usize = 1 << 20;

/// Most bytes of directives or header that travel with a piece.
const MAX_PREFACE: usize = 64 << 10;

type Emit<'e> = dyn FnMut(Piece) -> ControlFlow<()> + 'e;

/// Whether the bytes are UTF-16, and if so whether little-endian.
pub(super) fn wide(head: &[u8]) -> Option<bool> {
    match head {
        [0xFF, 0xFE, ..] | [1..=127, 0, 1..=127, 0, ..] => Some(true),
        [0xFE, 0xFF, ..] | [0, 1..=127, 0, 1..=127, ..] => Some(false),
        _ => None,
    }
}

pub(super) fn split(kind: Kind, origin: &Origin, stream: &mut dyn Read, emit: &mut Emit<'_>) -> Vec<Problem> {
    let mut problems = Problems::of(origin);
    let mut input = Input::new(stream);
    let mut head = Vec::new();
    input.raw(&mut head, PIECE_BYTES);
    let wide = wide(&head).filter(|_| kind != Kind::Journal);
    let mut cutter = Cutter {
        kind,
        input,
        problems: &mut problems,
        emit,
        buf: Vec::new(),
        base: 0,
        record: 1,
        stopped: false,
        preface: Preface::None,
    };
    match wide {
        None => cutter.buf = head,
        Some(little) => {
            cutter.input.encoding = Encoding::Utf16 { little };
            cutter.input.held = head;
            cutter.more();
        }
    }
    if cutter.buf.starts_with(b"\xEF\xBB\xBF") {
        cutter.buf.drain(..3);
        cutter.base = 3;
    }
    cutter.run();
    let (base, error) = (cutter.base, cutter.input.error.take());
    if let Some(e) = error {
        problems.add(ProblemCode::Io, base, format!("reading stopped: {e}"));
    }
    problems.finish()
}

/// What travels with a piece.
enum Preface {
    None,
    /// A table's header.
    Header(Arc<[u8]>),
    /// The last directive of each name.
    Directives(Vec<(Vec<u8>, Vec<u8>)>),
    /// Where in its years the log is.
    Years(syslog::Years),
}

impl Preface {
    fn bytes(&self) -> Arc<[u8]> {
        match self {
            Preface::None => Arc::default(),
            Preface::Header(text) => text.clone(),
            Preface::Directives(list) => {
                let mut text = Vec::new();
                list.iter().for_each(|(_, line)| {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                });
                text.into()
            }
            Preface::Years(years) => years.preface().into_bytes().into(),
        }
    }

    /// What a piece says of those behind it.
    fn pass(&mut self, data: &[u8]) {
        match self {
            Preface::Directives(list) => directives(data, list),
            Preface::Years(years) => years.pass(data),
            _ => {}
        }
    }
}

/// Notes the last line of each `#Name:` of a W3C log.
fn directives(data: &[u8], list: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    let mut at = 0;
    let finder = memmem::Finder::new(b"\n#");
    loop {
        if data.get(at) == Some(&b'#') {
            let end = at + memchr(b'\n', &data[at..]).unwrap_or(data.len() - at);
            let line = data[at..end].trim_ascii_end();
            let name = &line[..memchr(b':', line).unwrap_or(line.len())];
            let held: usize = list.iter().map(|(_, l)| l.len()).sum();
            let known = list.iter().position(|(n, _)| n == name);
            match known {
                Some(i) if line.len() <= MAX_PREFACE / 2 => list[i].1 = line.to_vec(),
                None if held + line.len() <= MAX_PREFACE && list.len() < 16 => {
                    list.push((name.to_vec(), line.to_vec()));
                }
                _ => {}
            }
        }
        match finder.find(&data[at.min(data.len())..]) {
            Some(n) => at += n + 1,
            None => return,
        }
    }
}

struct Cutter<'r, 'p, 'o, 'e> {
    kind: Kind,
    input: Input<'r>,
    problems: &'p mut Problems<'o>,
    emit: &'p mut Emit<'e>,
    /// What is read and not emitted; starts at a record's start.
    buf: Vec<u8>,
    base: u64,
    /// Number of the line at the start of `buf`.
    record: u64,
    stopped: bool,
    preface: Preface,
}

impl Cutter<'_, '_, '_, '_> {
    fn more(&mut self) -> bool {
        !self.stopped && self.input.fill(&mut self.buf, PIECE_BYTES)
    }

    fn run(&mut self) {
        match self.kind {
            Kind::W3c => self.preface = Preface::Directives(Vec::new()),
            Kind::Syslog => self.preface = Preface::Years(syslog::Years::of(&self.buf)),
            _ => {}
        }
        let headless = self.kind == Kind::Table && !self.header();
        if headless {
            return;
        }
        let mut searched = 0;
        while !self.stopped {
            if self.input.ended {
                self.last();
                return;
            }
            // A record that passes the limit, whether or not its end has come.
            let cut = cut_point(self.kind, &self.buf, &self.preface);
            let first = memchr(b'\n', self.buf.get(searched..).unwrap_or(&[])).map(|n| searched + n);
            if first.is_some_and(|n| n > MAX_LINE_BYTES) || cut == 0 && self.buf.len() > MAX_LINE_BYTES {
                let whole = memrchr(b'\n', &self.buf[..self.buf.len().min(MAX_LINE_BYTES + 1)]);
                if let Some(end) = whole.filter(|_| quotes(self.kind)) {
                    // To look for its end line by line would cost the whole buffer for every line.
                    self.problems.add(ProblemCode::Limit, self.base, table::OPEN);
                    self.cut(end + 1, true);
                } else if let Some(end) = whole.filter(|_| goes_on(self.kind)) {
                    let what =
                        format!("a record goes on over more than {} MiB and was cut", MAX_LINE_BYTES >> 20);
                    self.problems.add(ProblemCode::Limit, self.base, what);
                    self.cut(end + 1, false);
                } else if !self.skip_line() {
                    return;
                }
                searched = 0;
                continue;
            }
            if cut > 0 {
                self.cut(cut, false);
            }
            searched = if first.is_none() && cut == 0 { self.buf.len() } else { 0 };
            if !self.more() && !self.input.ended {
                return;
            }
        }
    }

    /// What is left when the stream has ended.
    fn last(&mut self) {
        while let Some(first) = memchr(b'\n', &self.buf).filter(|n| *n > MAX_LINE_BYTES) {
            self.too_long();
            self.skip_to(first + 1);
        }
        if memchr(b'\n', &self.buf).is_none() && self.buf.len() > MAX_LINE_BYTES {
            self.too_long();
            self.base += self.buf.len() as u64;
            self.buf.clear();
            return;
        }
        self.cut(self.buf.len(), false);
    }

    /// Takes the first record as the header of what follows; whether there is one.
    fn header(&mut self) -> bool {
        let ends = |buf: &[u8]| match table::record_end(buf, 0, table::separator(buf)) {
            table::End::At(end) => Some(end),
            _ => None,
        };
        let mut end = ends(&self.buf);
        while end.is_none() && self.buf.len() <= MAX_PREFACE && self.more() {
            end = ends(&self.buf);
        }
        let end = end.or(self.input.ended.then_some(self.buf.len()));
        match end.filter(|e| *e <= MAX_PREFACE) {
            Some(end) => {
                self.preface = Preface::Header(self.buf[..end].into());
                self.record += memchr_iter(b'\n', &self.buf[..end]).count() as u64;
                self.buf.drain(..end);
                self.base += end as u64;
                true
            }
            None => {
                self.problems.add(
                    ProblemCode::Limit,
                    0,
                    "the table's header is longer than 64 KiB; it was not read",
                );
                false
            }
        }
    }

    /// Emits the first `len` bytes; `damaged`, if they are lines of a table whose quotes do not close.
    fn cut(&mut self, len: usize, damaged: bool) {
        if len == 0 || self.stopped {
            return;
        }
        // Readers append what they decode.
        let mut rest = Vec::with_capacity(self.buf.len() - len + PIECE_BYTES + PIECE_BYTES / 4);
        rest.extend_from_slice(&self.buf[len..]);
        let mut data = std::mem::replace(&mut self.buf, rest);
        data.truncate(len);
        // A small file must not hold a large file's room while it waits.
        if len < PIECE_BYTES / 8 {
            data.shrink_to(len * 2);
        }
        let records = memchr_iter(b'\n', &data).count() as u64;
        let preface = self.preface.bytes();
        self.preface.pass(&data);
        let piece = Piece {
            format: Format::Lines(self.kind),
            data,
            offset: self.base,
            first_record: self.record,
            damaged,
            preface,
        };
        self.base += len as u64;
        self.record += records;
        self.stopped = (self.emit)(piece).is_break();
    }

    fn too_long(&mut self) {
        let what =
            format!("a record is longer than {} MiB; its first line was left out", MAX_LINE_BYTES >> 20);
        self.problems.add(ProblemCode::Limit, self.base, what);
    }

    fn skip_to(&mut self, len: usize) {
        self.buf.drain(..len);
        self.base += len as u64;
        self.record += 1;
    }

    /// Drops everything up to the end of the line; whether there is more.
    fn skip_line(&mut self) -> bool {
        self.too_long();
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
}

/// Whether quotes may hold line feeds.
fn quotes(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::PostgresCsv)
}

/// Whether a line that begins no record belongs to the one before.
fn goes_on(kind: Kind) -> bool {
    matches!(kind, Kind::Postgres | Kind::MysqlGeneral | Kind::MysqlAudit | Kind::Journal)
}

/// The last place at which the text may be cut; 0: none yet.
fn cut_point(kind: Kind, buf: &[u8], preface: &Preface) -> usize {
    if buf.len() < PIECE_BYTES {
        return 0;
    }
    match kind {
        Kind::Auditd => auditd::cut_point(buf),
        Kind::Journal => journal::cut_point(buf),
        Kind::Table => match preface {
            Preface::Header(header) => table::cut_point(buf, table::separator(header)),
            _ => 0,
        },
        Kind::PostgresCsv => table::cut_point(buf, b','),
        Kind::Postgres => last_start(buf, postgres::starts),
        Kind::MysqlGeneral => last_start(buf, mysql::starts),
        Kind::MysqlAudit => memmem::rfind(buf, mysql::RECORD).unwrap_or(0),
        _ => memrchr(b'\n', buf).map_or(0, |n| n + 1),
    }
}

/// Where the last line begins that begins a record.
fn last_start(buf: &[u8], starts: fn(&[u8]) -> bool) -> usize {
    memrchr_iter(b'\n', buf).map(|n| n + 1).find(|at| starts(&buf[*at..])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{postgres, table::work::LOOKED};

    /// Bytes looked at in search of ends of records, by both halves of reading, for each byte there is.
    fn looked(kind: Kind, text: &str) -> f64 {
        LOOKED.with(|n| n.set(0));
        let origin = Origin::file("hostile.csv");
        let mut pieces = Vec::new();
        split(kind, &origin, &mut text.as_bytes(), &mut |piece| {
            pieces.push(piece);
            ControlFlow::Continue(())
        });
        let mut read = 0;
        for piece in pieces {
            let Ok(text) = String::from_utf8(piece.data) else { continue };
            let mut problems = Problems::of(&origin);
            let header = String::from_utf8_lossy(&piece.preface);
            read += text.len();
            let _ = match kind {
                Kind::Table => table::rewrite(&text, &header, 0, 1, piece.damaged, &mut problems),
                _ => postgres::rewrite(&text, 0, 1, piece.damaged, &mut problems),
            };
        }
        assert!(read * 100 > text.len() * 95, "{read} of {} bytes reached the reader", text.len());
        LOOKED.with(|n| n.get() as f64) / text.len() as f64
    }

    #[test]
    fn quotes_that_never_close_cost_what_they_weigh() {
        const LOG: &str = "2023-10-01 12:00:00 UTC,a,b,1,,s,1,x,t,v,0,LOG,00000,m,,,,,,,,,app\n";
        let good = "1,2,3\n".repeat(64);
        for line in ["a,\"b\",\"c\n", "\"\n", "a,b,\"\"\"\n", "a,\"b\\\",c\n", "\"a\\\"\"\n"] {
            let many = line.repeat((10 << 20) / line.len());
            for (kind, head) in [(Kind::Table, format!("a,b,c\n{good}")), (Kind::PostgresCsv, LOG.repeat(64))]
            {
                // What is cut is looked at once per block read until then, and once more by the reader.
                let times = looked(kind, &format!("{head}{many}"));
                assert!(times < 8.0, "{kind:?} {line:?}: each byte was looked at {times} times");
            }
        }
    }
}
