//! Text logs into events: a parser per format over one core.
//!
//! [`split`] cuts a stream at the ends of records; what a piece needs to know of the text
//! before it (a header, the fields of a W3C log, the year) travels with it. [`read`] gives
//! each record's text to the format's parser, which fills a [`row::Row`] with names and places,
//! and [`sheet`] turns those that somebody wants into cells. Where a format is only another
//! notation of flat records (CSV, journald's export), the record is rewritten as JSON and read by
//! [`crate::json`], so that dialects and routing are the same data for both.
//!
//! What this module never does: intern a name of the evidence, believe a format by a file's
//! name, or drop a line without a Problem.

mod access;
mod auditd;
mod cef;
mod clock;
mod decode;
mod error_log;
mod filter;
mod fuzz;
mod journal;
mod mysql;
mod pairs;
mod payload;
mod postgres;
mod programs;
mod row;
mod sheet;
mod split;
mod squid;
mod syslog;
mod table;
mod w3c;
mod write_json;

pub(crate) use auditd::{MORE_ARGUMENTS, MoreArguments};
pub use fuzz::{fuzz, fuzz_kind, fuzz_mapping, fuzz_one};
pub use split::{MAX_LINE_BYTES, PIECE_BYTES};
pub use table::MAX_COLUMNS;

use std::io::Read;
use std::ops::ControlFlow;

use memchr::memchr;
use palisade_model::{Origin, Problem, ProblemCode, SourceId};

use crate::input::mend;
use crate::problems::Problems;
use crate::{Context, Piece, Sink};

/// A kind of text log, narrow ones first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Web access logs: common and combined form, with a virtual host in front or more behind.
    Access,
    /// W3C extended log format: IIS, proxies, CloudFront, the Windows firewall.
    W3c,
    /// Error logs of Apache and nginx.
    ErrorLog,
    /// Records of the Linux audit daemon.
    Auditd,
    /// journald's export format.
    Journal,
    /// ArcSight's Common Event Format and QRadar's Log Event Extended Format without syslog around.
    Cef,
    /// `key=value` lines without syslog around.
    Pairs,
    /// Squid's native access log.
    Squid,
    /// PostgreSQL's log, `stderr` form.
    Postgres,
    /// PostgreSQL's log, `csvlog` form: CSV without a header.
    PostgresCsv,
    /// MySQL's general query log.
    MysqlGeneral,
    /// MySQL's audit log in XML, new and old style.
    MysqlAudit,
    /// Syslog, RFC 3164 and 5424, and what appliances and programs put into it.
    Syslog,
    /// CSV with a header.
    Table,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 14] = [
        Kind::Access,
        Kind::W3c,
        Kind::ErrorLog,
        Kind::Auditd,
        Kind::Journal,
        Kind::Cef,
        Kind::Pairs,
        Kind::Squid,
        Kind::Postgres,
        Kind::PostgresCsv,
        Kind::MysqlGeneral,
        Kind::MysqlAudit,
        Kind::Syslog,
        Kind::Table,
    ];
}

/// What programs say, read where it comes inside other records.
#[derive(Default)]
pub(crate) struct Message(row::Row);

impl Message {
    /// Gives each name and value that a program's message has.
    pub fn read(&mut self, program: &str, text: &str, mut f: impl FnMut(&str, &str)) {
        let row = self.0.begin();
        programs::read(text, program.rsplit('/').next().unwrap_or(program), 0, row);
        for value in &row.values {
            let name = match value.name {
                row::Name::Fixed(name) => name,
                row::Name::At(place) => row.text(text, place),
            };
            f(name, row.text(text, value.place));
        }
    }
}

/// What one thread keeps between pieces. It belongs to one [`Context`].
#[derive(Default)]
pub struct Scratch {
    sheet: sheet::Scratch,
    row: row::Row,
}

/// Lines of the head that [`sniff`] looks at.
const SNIFF_LINES: usize = 64;

/// Fewer lines than this share of 100 that parse are no recognition.
const SURE: u32 = 60;

/// Which kind of text log begins so, and how sure that is: the share in 100 of the first lines
/// that its parser reads. Of several kinds the one that reads most wins, the narrower on a tie.
pub fn sniff(head: &[u8]) -> Option<(Kind, u8)> {
    let wide = split::wide(head);
    let narrow: Vec<u8>;
    let bytes = match wide {
        Some(little) => {
            let low = usize::from(!little);
            let pairs = head.chunks_exact(2);
            narrow = pairs.map(|p| if p[1 - low] == 0 { p[low] } else { b'?' }).collect();
            narrow.strip_prefix(b"?").unwrap_or(&narrow)
        }
        None => head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head),
    };
    let whole_end = memchr::memrchr(b'\n', bytes).map_or(bytes.len(), |n| n + 1);
    let text = String::from_utf8_lossy(&bytes[..whole_end]);
    // A binary file is no text, however its first bytes look; one stray NUL does not make one.
    let odd = text.bytes().filter(|b| matches!(b, 0..=8 | 14..=26 | 28)).count();
    if text.is_empty() || odd * 20 > text.len() && !journal::sniff(bytes) {
        return None;
    }
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(SNIFF_LINES).collect();
    let share = |read: &mut dyn FnMut(&str) -> bool| {
        let good = lines.iter().filter(|l| read(l)).count();
        u32::try_from(good * 100 / lines.len().max(1)).unwrap_or(0)
    };
    let mut row = row::Row::default();
    let mut scored: Vec<(u32, Kind)> = Vec::new();
    for kind in Kind::ALL {
        let score = match kind {
            Kind::Access => share(&mut |l| access::parse(l, row.begin()).is_ok()),
            Kind::W3c => w3c::sniff(&lines),
            Kind::ErrorLog => share(&mut |l| error_log::parse(l, row.begin()).is_ok()),
            Kind::Syslog => share(&mut |l| syslog::sniff(l)),
            Kind::Auditd => share(&mut |l| auditd::sniff(l)),
            Kind::Journal => {
                if journal::sniff(bytes) {
                    100
                } else {
                    0
                }
            }
            Kind::Cef => share(&mut |l| cef::parse(l, row.begin()).is_ok()),
            Kind::Pairs => share(&mut |l| pairs::parse(l, row.begin()).is_ok()),
            Kind::Squid => share(&mut |l| squid::parse(l, row.begin()).is_ok()),
            Kind::Postgres => postgres::sniff(&lines),
            Kind::PostgresCsv => postgres::sniff_csv(&lines),
            Kind::MysqlGeneral => mysql::sniff_general(&lines),
            Kind::MysqlAudit => mysql::sniff_audit(&text),
            Kind::Table => table::sniff(&text),
        };
        scored.push((score, kind));
    }
    let best = scored.iter().max_by_key(|(score, kind)| (*score, std::cmp::Reverse(*kind)))?;
    (best.0 >= SURE).then_some((best.1, best.0.min(100) as u8))
}

/// Cuts a stream into pieces of whole records, in bounded memory.
pub fn split(
    kind: Kind,
    origin: &Origin,
    stream: &mut dyn Read,
    emit: &mut dyn FnMut(Piece) -> ControlFlow<()>,
) -> Vec<Problem> {
    split::split(kind, origin, stream, emit)
}

/// Reads a piece.
pub fn read(
    kind: Kind,
    piece: Piece,
    context: Context<'_>,
    source: SourceId,
    origin: &Origin,
    scratch: &mut crate::Scratch,
    sink: &mut Sink<'_>,
) -> Vec<Problem> {
    let mut problems = Problems::of(origin);
    let Piece { data, offset, first_record, preface, damaged, .. } = piece;
    if kind == Kind::Journal {
        // Lengths in it are binary: its structure is read before its text.
        journal::read(data, offset, first_record, context, source, &mut scratch.json, &mut problems, sink);
        return problems.finish();
    }
    let text = match String::from_utf8(data) {
        Ok(text) => text,
        Err(bad) => {
            let at = bad.utf8_error().valid_up_to() as u64;
            let what = "text is not UTF-8; each bad byte was replaced by a question mark";
            problems.add(ProblemCode::Encoding, offset + at, what);
            mend(bad.into_bytes())
        }
    };
    let preface = String::from_utf8_lossy(&preface);
    match kind {
        Kind::Table | Kind::PostgresCsv | Kind::MysqlAudit => {
            let made = match kind {
                Kind::Table => table::rewrite(&text, &preface, offset, first_record, damaged, &mut problems),
                Kind::PostgresCsv => postgres::rewrite(&text, offset, first_record, damaged, &mut problems),
                _ => mysql::rewrite(&text, offset, first_record, &mut problems),
            };
            made.read(context, source, &mut scratch.json, &mut problems, sink);
        }
        _ => {
            let Scratch { sheet, row } = &mut scratch.lines;
            let mut sheet = sheet::Sheet::new(text, offset, context, source, sheet, &mut problems, sink);
            match kind {
                Kind::W3c => w3c::read(&mut sheet, row, first_record, &preface),
                Kind::Syslog => syslog::read(&mut sheet, row, first_record, &preface),
                Kind::Auditd => auditd::read(&mut sheet, row, first_record),
                Kind::Postgres => postgres::read(&mut sheet, row, first_record),
                Kind::MysqlGeneral => mysql::read(&mut sheet, row, first_record),
                Kind::ErrorLog => each(&mut sheet, row, first_record, error_log::parse),
                Kind::Cef => each(&mut sheet, row, first_record, cef::parse),
                Kind::Pairs => each(&mut sheet, row, first_record, pairs::parse),
                Kind::Squid => each(&mut sheet, row, first_record, squid::parse),
                _ => each(&mut sheet, row, first_record, access::parse),
            }
            sheet.finish();
        }
    }
    problems.finish()
}

/// Reads a piece in which every line is a record.
fn each(
    sheet: &mut sheet::Sheet<'_, '_, '_, '_>,
    row: &mut row::Row,
    first_record: u64,
    parse: fn(&str, &mut row::Row) -> Result<(), row::Fault>,
) {
    let mut record = first_record;
    let mut at = 0;
    while let Some(line) = sheet.line(at) {
        if !sheet.text(&line).trim_ascii().is_empty() {
            match parse(sheet.text(&line), row.begin()) {
                Ok(()) => sheet.emit(row, line.clone(), record),
                Err(fault) => sheet.fault(fault, line.start),
            }
        }
        at = line.end + 1;
        record += 1;
        sheet.flush(at);
    }
}

/// The line of `text` that begins at `at`, without its end.
fn line_at(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let rest = text.as_bytes().get(at..).filter(|r| !r.is_empty())?;
    let end = at + memchr(b'\n', rest).unwrap_or(rest.len());
    Some(at..end)
}
