//! Syslog: RFC 3164 as it is met (with and without priority, year, fractions, RFC 3339 times), RFC 5424 with
//! structured data, and what programs and appliances put inside ([`super::payload`]).
//!
//! RFC 3164's time names neither year nor zone. The zone is the declared one. The year is inferred, and
//! said to be: from a date with a year elsewhere in the log, else as the latest that makes the record no
//! later than the log ([`crate::Context::as_of`]). Within a log the year goes on when January follows December.

use std::ops::Range;

use memchr::{memchr, memmem};
use palisade_model::{ProblemCode, Time};

use super::access::{skip_blanks, word};
use super::auditd::{self, Joiner};
use super::clock::{Stamp, Yearless, iso, number, stamp};
use super::payload;
use super::row::{Fault, Name, Row, Stream, When};
use super::sheet::Sheet;

const FAULT: Fault = "a line is not of syslog and was left out";

/// Longest tag: RFC 3164 allows 32 characters, programs write more.
const MAX_TAG: usize = 96;

/// Most parameters of structured data in one record.
const MAX_PARAMS: usize = 256;

/// A line's head.
#[derive(Default, Debug)]
pub(super) struct Head {
    pri: Option<u32>,
    pub stamp: Option<Stamp>,
    pub host: Option<Range<usize>>,
    /// The program, with the folder it may name.
    pub program: Option<Range<usize>>,
    pid: Option<Range<usize>>,
    message_id: Option<Range<usize>>,
    /// Structured data.
    data: Option<Range<usize>>,
    /// Where the message begins.
    pub message: usize,
}

/// Whether a line is one of syslog: it has a priority, or a time and a host. Logs of applications begin with
/// a time with a year and go on with a level; such a time must have the form and the tag of syslog.
pub(super) fn sniff(line: &str) -> bool {
    const LEVELS: [&str; 10] =
        ["INFO", "WARN", "WARNING", "ERROR", "DEBUG", "TRACE", "FATAL", "CRITICAL", "NOTICE", "SEVERE"];
    let Some(head) = head(line) else { return false };
    match (head.stamp, &head.host) {
        _ if head.pri.is_some() => true,
        (Some(Stamp::Yearless(_)), Some(_)) => true,
        (Some(Stamp::When(when)), Some(host)) => {
            let level = line.get(host.clone()).unwrap_or("").trim_matches(['[', ']']).to_ascii_uppercase();
            let dated = line.as_bytes().get(10) != Some(&b'T') || matches!(when, When::At(_));
            head.program.is_some()
                && dated
                && line.as_bytes().get(10) != Some(&b' ')
                && !LEVELS.contains(&level.as_str())
        }
        _ => false,
    }
}

/// Reads a line's head.
pub(super) fn head(line: &str) -> Option<Head> {
    let b = line.as_bytes();
    let mut head = Head::default();
    let mut at = 0;
    if b.first() == Some(&b'<') {
        let close = memchr(b'>', b.get(..6.min(b.len()))?)?;
        let pri: u32 = line.get(1..close)?.parse().ok()?;
        if pri > 191 {
            return None;
        }
        head.pri = Some(pri);
        at = close + 1;
        if b.get(at) == Some(&b'1') && b.get(at + 1) == Some(&b' ') {
            return modern(line, at + 2, head);
        }
    }
    at = skip_blanks(b, at);
    // `29: *Apr 15 …`: a sequence number and the mark of a clock that is not set.
    let mut time = at;
    if head.pri.is_some() {
        let digits = b[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        if digits > 0 && digits <= 10 && b.get(at + digits..at + digits + 2) == Some(b": ") {
            time = at + digits + 2;
        }
        time += b[time.min(b.len())..].iter().take_while(|c| matches!(c, b'*' | b'.')).count();
    }
    match b.get(time..).and_then(stamp) {
        Some((found, end)) => {
            head.stamp = Some(found);
            at = time + end;
            // A zone by name, as Cisco writes it: `UTC:`.
            at += usize::from(b.get(at) == Some(&b':'));
            at = skip_blanks(b, at);
        }
        None if head.pri.is_some() => {
            head.message = at;
            return Some(head);
        }
        None => return None,
    }
    // What comes next is the host, unless it is a tag.
    let first = word(b, at);
    let text = line.get(first.clone())?;
    if !text.is_empty() && !text.ends_with(':') && !text.contains('[') && !payload::begins(&line[at..]) {
        head.host = Some(first.clone());
        at = skip_blanks(b, first.end);
    }
    tag(line, at, &mut head);
    Some(head)
}

/// `program[pid]: message` or `program: message`; anything else is message.
fn tag(line: &str, at: usize, head: &mut Head) {
    let b = line.as_bytes();
    head.message = at;
    if payload::begins(&line[at..]) {
        return;
    }
    let end = at
        + b[at..].iter().take(MAX_TAG).take_while(|c| !matches!(c, b' ' | b':' | b'[' | b'=' | b'"')).count();
    if end == at || !line.is_char_boundary(end) {
        return;
    }
    match b.get(end) {
        Some(b':') => {
            head.program = Some(at..end);
            head.message = skip_blanks(b, end + 1);
        }
        Some(b'[') => {
            let Some(close) = memchr(b']', &b[end..]).map(|n| end + n) else { return };
            head.program = Some(at..end);
            head.pid = Some(end + 1..close);
            let colon = usize::from(b.get(close + 1) == Some(&b':'));
            head.message = skip_blanks(b, close + 1 + colon);
        }
        _ => {}
    }
}

/// RFC 5424 behind its version.
fn modern(line: &str, at: usize, mut head: Head) -> Option<Head> {
    let b = line.as_bytes();
    let mut words = [0..0, 0..0, 0..0, 0..0, 0..0];
    let mut at = at;
    for w in &mut words {
        *w = word(b, at);
        if w.start == w.end {
            return None;
        }
        at = (w.end + 1).min(b.len());
    }
    let [time, host, program, pid, id] = words;
    let given = |r: Range<usize>| Some(r.clone()).filter(|_| &line[r] != "-");
    if &line[time.clone()] != "-" {
        head.stamp = Some(Stamp::When(iso(b.get(time)?)?.0));
    }
    head.host = given(host);
    head.program = given(program);
    head.pid = given(pid);
    head.message_id = given(id);
    if b.get(at) == Some(&b'-') {
        at += 1;
    } else if b.get(at) == Some(&b'[') {
        let start = at;
        let mut quoted = false;
        // Elements stand side by side; a bracket inside a value is escaped or in quotes.
        while at < b.len() {
            match b[at] {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b']' if !quoted && b.get(at + 1) != Some(&b'[') => break,
                _ => {}
            }
            at += 1;
        }
        at = (at + 1).min(b.len());
        head.data = Some(start..at);
    } else {
        return None;
    }
    head.message = skip_blanks(b, at);
    if line[head.message..].starts_with('\u{FEFF}') {
        head.message += 3;
    }
    Some(head)
}

/// Structured data: `[id name="value" …]` as fields `id.name`.
fn data(line: &str, range: Range<usize>, row: &mut Row) {
    let b = line.as_bytes();
    let mut at = range.start;
    let mut params = 0;
    while at < range.end && b[at] == b'[' && params < MAX_PARAMS {
        let id =
            at + 1..at + 1 + b[at + 1..range.end].iter().take_while(|c| !matches!(c, b' ' | b']')).count();
        at = id.end;
        loop {
            at = skip_blanks(b, at);
            if at >= range.end || b[at] == b']' {
                at += 1;
                break;
            }
            let Some(equals) = memchr(b'=', &b[at..range.end]).map(|n| at + n) else { return };
            let name = at..equals;
            if b.get(equals + 1) != Some(&b'"') {
                return;
            }
            let start = equals + 2;
            let mut end = start;
            while end < range.end && b[end] != b'"' {
                end += if b[end] == b'\\' { 2 } else { 1 };
            }
            let end = end.min(range.end);
            let (Some(id), Some(name), Some(value)) =
                (line.get(id.clone()), line.get(name), line.get(start..end))
            else {
                return;
            };
            let name = row.make(&format!("{id}.{name}"));
            let place = if value.contains('\\') {
                let mut plain = String::with_capacity(value.len());
                let mut chars = value.chars().peekable();
                while let Some(c) = chars.next() {
                    let escaped =
                        (c == '\\').then(|| chars.next_if(|n| matches!(n, '"' | '\\' | ']'))).flatten();
                    plain.push(escaped.unwrap_or(c));
                }
                row.make(&plain)
            } else {
                super::row::text(start..end)
            };
            row.put_at(Name::At(name), place);
            params += 1;
            at = end + 1;
        }
    }
}

/// Puts what the head says into a row.
pub(super) fn fields(line: &str, head: &Head, row: &mut Row) {
    const FACILITIES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
        "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
    ];
    const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
    for (name, range) in [
        ("hostname", &head.host),
        ("program", &head.program),
        ("pid", &head.pid),
        ("msgid", &head.message_id),
    ] {
        if let Some(range) = range {
            row.put_some(name, line, range.clone());
        }
    }
    row.put("message", head.message..line.len());
    if let Some(pri) = head.pri {
        if let Some(name) = FACILITIES.get((pri / 8) as usize) {
            row.put_made("facility", name);
        }
        if let Some(name) = SEVERITIES.get((pri % 8) as usize) {
            row.put_made("severity", name);
        }
    }
    if let Some(range) = &head.data {
        data(line, range.clone(), row);
    }
}

/// The program's name without folders: `postfix/smtpd` is `smtpd`.
pub(super) fn base(line: &str, program: Range<usize>) -> Range<usize> {
    let text = line.get(program.clone()).unwrap_or("");
    program.start + text.rfind('/').map_or(0, |n| n + 1)..program.end
}

/// In which year a log is, as its lines go by.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Years {
    /// The year of the lines at this place, if the log says it somewhere.
    year: Option<i64>,
    month: Option<i64>,
}

impl Years {
    /// At the beginning of a log whose first bytes are these.
    pub fn of(head: &[u8]) -> Years {
        let mut at = Years { year: Some(0), month: None };
        for line in head.split(|b| *b == b'\n') {
            let Some(time) = time_of(line) else { continue };
            at.go(time.month);
            if let Some(year) = dated(line, time) {
                // Counted from 0, so that the first line's year follows.
                return Years { year: at.year.map(|passed| year - passed), month: None };
            }
        }
        Years::default()
    }

    /// From a piece's preface.
    fn read(preface: &str) -> Years {
        let mut years = Years::default();
        for part in preface.split(' ') {
            match part.split_once('=') {
                Some(("year", n)) => years.year = n.parse().ok(),
                Some(("month", n)) => years.month = n.parse().ok(),
                _ => {}
            }
        }
        years
    }

    pub fn preface(self) -> String {
        match (self.year, self.month) {
            (Some(year), Some(month)) => format!("year={year} month={month}"),
            (Some(year), None) => format!("year={year}"),
            _ => String::new(),
        }
    }

    /// Passes the lines of a piece.
    pub fn pass(&mut self, data: &[u8]) {
        if self.year.is_some() {
            data.split(|b| *b == b'\n').filter_map(time_of).for_each(|t| self.go(t.month));
        }
    }

    /// A line of this month: half a year back is the next year, half a year on a late line of the last.
    fn go(&mut self, month: i64) {
        if let (Some(year), Some(last)) = (&mut self.year, self.month) {
            *year += i64::from(last - month >= 6) - i64::from(month - last >= 6);
        }
        self.month = Some(month);
    }
}

/// The time without a year that a line begins with.
fn time_of(line: &[u8]) -> Option<Yearless> {
    let start = match line.first() {
        Some(b'<') => memchr(b'>', &line[..6.min(line.len())])? + 1,
        _ => 0,
    };
    match stamp(&line[start..])?.0 {
        Stamp::Yearless(time) => Some(time),
        Stamp::When(_) => None,
    }
}

/// The year of a date inside a line that is the line's own, to a day.
fn dated(line: &[u8], time: Yearless) -> Option<i64> {
    let near = |year: i64, month: i64, day: i64| {
        let day_of = |m, d| Time::from_civil((year, m, d), (12, 0, 0), 0, 0).map(|t| t.0 / 86_400_000_000);
        let apart = day_of(month, day)? - day_of(time.month, time.day)?;
        (apart.abs() <= 1).then_some(year)
    };
    if let Some(at) = memmem::find(line, b"audit(") {
        let seconds = number(line, at + 6, 10)?;
        let (year, month, day, ..) = Time::from_unix_seconds(seconds).civil();
        return near(year, month, day);
    }
    memmem::find_iter(line, b"20").take(8).find_map(|at| {
        let sep = line.get(at + 4).filter(|c| matches!(c, b'-' | b'/'))?;
        if line.get(at + 7) != Some(sep) || at > 0 && line[at - 1].is_ascii_digit() {
            return None;
        }
        near(number(line, at, 4)?, number(line, at + 5, 2)?, number(line, at + 8, 2)?)
    })
}

const INFERRED: &str =
    "times name no year; it was inferred from dates inside the log, counting on from December to January";
const ASSUMED: &str = "times name no year; the latest was taken that makes no record later than the log";
const NO_YEAR: &str = "a record's only time names no year, and nothing says which; the event has no time";

/// Reads a piece.
pub(super) fn read(sheet: &mut Sheet<'_, '_, '_, '_>, row: &mut Row, first_record: u64, preface: &str) {
    let mut years = Years::read(preface);
    let mut joiner = Joiner::default();
    let mut record = first_record;
    let mut at = 0;
    while let Some(range) = sheet.line(at) {
        let line = sheet.text(&range);
        if !line.trim_ascii().is_empty() {
            match head(line) {
                Some(head) => entry(sheet, row, &mut joiner, &mut years, range.clone(), &head, record),
                None => sheet.fault(FAULT, range.start),
            }
        }
        at = range.end + 1;
        record += 1;
        sheet.flush(at);
    }
    joiner.finish(sheet);
}

fn entry(
    sheet: &mut Sheet<'_, '_, '_, '_>,
    row: &mut Row,
    joiner: &mut Joiner,
    years: &mut Years,
    range: Range<usize>,
    head: &Head,
    record: u64,
) {
    let line = sheet.text(&range);
    if line[head.message..].contains("audit(")
        && let Some(audit) = auditd::head(line, head.message)
    {
        return joiner.add(sheet, range, &audit, record, head.host.clone());
    }
    row.begin();
    fields(line, head, row);
    payload::read(line, head, row);
    if let Some(program) = &head.program {
        row.streams.push(Stream::Program(super::row::text(base(line, program.clone()))));
    }
    row.stream("syslog");
    let mut warning = None;
    if row.when == When::Never {
        match head.stamp {
            Some(Stamp::When(when)) => row.when = when,
            Some(Stamp::Yearless(time)) => {
                years.go(time.month);
                let as_of = sheet.context.as_of;
                let (when, said) = in_year(time, years.year, as_of);
                row.when = when;
                warning = Some(said);
            }
            None => {}
        }
    }
    if let Some(said) = warning {
        sheet.problem(ProblemCode::NoZone, range.start, said);
    }
    sheet.emit(row, range, record);
}

/// The moment of a time without a year.
fn in_year(time: Yearless, year: Option<i64>, as_of: Option<Time>) -> (When, &'static str) {
    /// A zone may be this far ahead.
    const DAY: i64 = 86_400_000_000;
    let local = |year| time.in_year(year);
    if let Some(t) = year.and_then(local) {
        return (When::Local(t), INFERRED);
    }
    let Some(latest) = as_of else { return (When::Never, NO_YEAR) };
    let this = latest.civil().0;
    // The 29th of February may be up to eight years back.
    let found = (0..=8).filter_map(|back| local(this + 1 - back)).find(|t| t.0 <= latest.0 + DAY);
    found.map_or((When::Never, NO_YEAR), |t| (When::Local(t), ASSUMED))
}
