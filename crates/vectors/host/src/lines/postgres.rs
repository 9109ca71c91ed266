//! PostgreSQL's log: `stderr` (and syslog-like) lines with the usual prefixes, `csvlog`, and pgaudit inside
//! either. `jsonlog` is a dialect of JSON; `csvlog` is rewritten into its names.
//!
//! Sources: PostgreSQL documentation, "Error Reporting and Logging" (20.8); pgaudit's README, "Format".

use std::ops::Range;

use palisade_model::ProblemCode;

use super::clock::iso;
use super::row::{Fault, Row, When};
use super::sheet::Sheet;
use super::table;
use super::write_json::Lines;
use crate::problems::Problems;

const FAULT: Fault = "a line is not of PostgreSQL's log and was left out";

const SEVERITIES: [&str; 17] = [
    "LOG",
    "ERROR",
    "FATAL",
    "PANIC",
    "WARNING",
    "NOTICE",
    "INFO",
    "DEBUG",
    "DETAIL",
    "HINT",
    "STATEMENT",
    "CONTEXT",
    "QUERY",
    "LOCATION",
    "DEBUG1",
    "DEBUG2",
    "AUDIT",
];

/// Most lines that one record goes on over.
const MAX_LINES: usize = 100_000;

/// `csvlog`'s columns, under the names of `jsonlog`; `connection_from` is host and port.
const COLUMNS: [&str; 26] = [
    "timestamp",
    "user",
    "dbname",
    "pid",
    "connection_from",
    "session_id",
    "line_num",
    "ps",
    "session_start",
    "vxid",
    "txid",
    "error_severity",
    "state_code",
    "message",
    "detail",
    "hint",
    "internal_query",
    "internal_position",
    "context",
    "statement",
    "cursor_position",
    "location",
    "application_name",
    "backend_type",
    "leader_pid",
    "query_id",
];

/// Whether a line begins a record.
pub(super) fn starts(line: &[u8]) -> bool {
    iso(line).is_some()
}

/// How many of 100 lines are of such a log; lines that go on count if one begins before them.
pub(super) fn sniff(lines: &[&str]) -> u32 {
    let mut row = Row::default();
    let (mut good, mut open) = (0, false);
    for line in lines {
        if starts(line.as_bytes()) {
            open = parse(line, row.begin()).is_ok();
        }
        good += u32::from(open);
    }
    let first = lines.first().is_some_and(|l| starts(l.as_bytes()));
    if first { good * 100 / u32::try_from(lines.len().max(1)).unwrap_or(1) } else { 0 }
}

/// Where severity and message stand: `LOG:  message`.
fn severity(line: &str, from: usize) -> Option<(Range<usize>, usize)> {
    let mut at = from;
    while let Some(n) = line[at..].find(":  ") {
        let colon = at + n;
        let start = line[from..colon].rfind([' ', ':', ']', ',', '>']).map_or(from, |m| from + m + 1);
        if SEVERITIES.contains(&&line[start..colon]) {
            return Some((start..colon, colon + 3));
        }
        at = colon + 3;
    }
    None
}

fn parse(line: &str, row: &mut Row) -> Result<(), Fault> {
    let (when, mut at) = iso(line.as_bytes()).ok_or(FAULT)?;
    row.when = when;
    // A zone by its name: only that of UTC says which.
    let rest = &line[at..];
    let name = rest.trim_start().split([' ', '[']).next().unwrap_or("");
    if !name.is_empty()
        && name.len() <= 6
        && name.bytes().all(|c| c.is_ascii_uppercase())
        && !SEVERITIES.contains(&name)
    {
        at += rest.len() - rest.trim_start().len() + name.len();
        if let (When::Local(t), "UTC" | "GMT" | "Z") = (when, name) {
            row.when = When::At(t);
        }
    }
    let (level, message) = severity(line, at).ok_or(FAULT)?;
    row.stream("database.postgresql");
    prefix(line, at..level.start, row);
    row.put("error_severity", level.clone());
    row.put("message", message.min(line.len())..line.len());
    match &line[level] {
        "STATEMENT" | "QUERY" => row.put("statement", message..line.len()),
        _ => content(line, message, row),
    }
    Ok(())
}

/// What stands between time and severity: `[pid]`, `user@database`, `user=…,db=…,client=…`.
fn prefix(line: &str, range: Range<usize>, row: &mut Row) {
    let mut at = range.start;
    let end = range.end;
    while at < end {
        let text = &line[at..end];
        let skip = text.len() - text.trim_start_matches([' ', ',', ':']).len();
        at += skip;
        let len = line[at..end].find([' ', ',']).unwrap_or(end - at);
        let word = at..at + len;
        let text = &line[word.clone()];
        if text.is_empty() {
            break;
        }
        let inner = text.strip_prefix('[').and_then(|t| t.trim_end_matches(':').strip_suffix(']'));
        if let Some(number) = inner.filter(|t| !t.is_empty() && t.bytes().all(|c| c.is_ascii_digit())) {
            row.put("pid", word.start + 1..word.start + 1 + number.len());
        } else if let Some((key, value)) = text.split_once('=') {
            let start = word.start + key.len() + 1;
            let name = match key {
                "user" | "u" => "user",
                "db" | "database" | "d" => "dbname",
                "app" | "application" | "a" => "application_name",
                "client" | "host" | "h" | "r" => "remote_host",
                _ => "extra",
            };
            // `1.2.3.4(5432)`: the port is not the host.
            let len =
                if name == "remote_host" { value.find('(').unwrap_or(value.len()) } else { value.len() };
            row.put_some(name, line, start..start + len);
        } else if let Some((user, _)) = text.split_once('@') {
            row.put_some("user", line, word.start..word.start + user.len());
            row.put_some("dbname", line, word.start + user.len() + 1..word.end);
        }
        at = word.end.max(at + 1);
    }
}

/// What a message says in so many words.
fn content(line: &str, from: usize, row: &mut Row) {
    let text = line.get(from..).unwrap_or("");
    if let Some(rest) = text.strip_prefix("AUDIT: ") {
        return audit(rest, row);
    }
    let (mut text, mut from) = (text, from);
    if let Some((number, rest)) = text.strip_prefix("duration: ").and_then(|t| t.split_once(" ms")) {
        let start = from + "duration: ".len();
        row.put("duration", start..start + number.len());
        from = line.len() - rest.trim_start().len();
        text = rest.trim_start();
    }
    for mark in ["statement: ", "execute ", "parse ", "bind "] {
        let Some(rest) = text.strip_prefix(mark) else { continue };
        let rest = if mark == "statement: " { Some(rest) } else { rest.split_once(": ").map(|r| r.1) };
        if let Some(rest) = rest {
            row.put("statement", line.len() - rest.len()..line.len());
        }
        return;
    }
    if text.starts_with("connection ") {
        for (mark, name) in [
            (" host=", "remote_host"),
            (" port=", "remote_port"),
            (" user=", "user"),
            (" database=", "dbname"),
            (" application_name=", "application_name"),
        ] {
            if let Some(n) = line[from..].find(mark) {
                let start = from + n + mark.len();
                let len = line[start..].find(' ').unwrap_or(line.len() - start);
                row.put_some(name, line, start..start + len);
            }
        }
    } else if let Some(n) = text.find("authentication failed for user \"") {
        let start = from + n + "authentication failed for user \"".len();
        let len = line[start..].find('"').unwrap_or(0);
        row.put_some("user", line, start..start + len);
    }
}

/// pgaudit: `SESSION,1,1,READ,SELECT,TABLE,public.account,"select …",<none>`
fn audit(text: &str, row: &mut Row) {
    audit_values(text, |name, value| row.put_made(name, value));
}

fn audit_values(text: &str, mut f: impl FnMut(&'static str, &str)) {
    const NAMES: [&str; 9] = [
        "audit_type",
        "statement_id",
        "substatement_id",
        "class",
        "command",
        "object_type",
        "object_name",
        "statement",
        "parameter",
    ];
    table::values(text, b',', |i, value| {
        if let Some(name) = NAMES.get(i)
            && !value.is_empty()
            && value != "<none>"
            && value != "<not logged>"
        {
            f(name, &value);
        }
    });
}

/// Reads a piece: a record goes on until a line begins with a time.
pub(super) fn read(sheet: &mut Sheet<'_, '_, '_, '_>, row: &mut Row, first_record: u64) {
    let mut record = first_record;
    let mut at = 0;
    while let Some(first) = sheet.line(at) {
        let start = record;
        let mut whole = first.clone();
        let mut lines = 1;
        record += 1;
        while lines < MAX_LINES
            && let Some(next) = sheet.line(whole.end + 1)
        {
            if starts(sheet.text(&next).as_bytes()) {
                break;
            }
            whole.end = next.end;
            lines += 1;
            record += 1;
        }
        let text = sheet.text(&whole).trim_end();
        let range = whole.start..whole.start + text.len();
        if !text.is_empty() {
            match parse(text, row.begin()) {
                Ok(()) => sheet.emit(row, range, start),
                Err(fault) => sheet.fault(fault, whole.start),
            }
        }
        at = whole.end + 1;
        sheet.flush(at);
    }
}

/// How many of 100 records have the columns of `csvlog`.
pub(super) fn sniff_csv(lines: &[&str]) -> u32 {
    let whole = lines.join("\n");
    let (mut all, mut good) = (0u32, 0u32);
    let _ = table::each(&whole, b',', 1, false, |record, _, _, _| {
        all += 1;
        let (mut dated, mut level) = (false, false);
        let (count, _) = table::values(record, b',', |i, v| match i {
            0 => dated = iso(v.as_bytes()).is_some(),
            11 => level = SEVERITIES.iter().any(|s| v.starts_with(s)),
            _ => {}
        });
        good += u32::from(dated && level && (23..=26).contains(&count));
        true
    });
    (good * 100).checked_div(all).unwrap_or(0)
}

/// Reads a piece of `csvlog`. `lines`: no quote of it goes on over a line.
pub(super) fn rewrite(
    text: &str,
    offset: u64,
    first_record: u64,
    lines: bool,
    problems: &mut Problems<'_>,
) -> Lines {
    let mut made = Lines::default();
    let mut row: Vec<String> = Vec::new();
    let broken = table::each(text, b',', first_record, lines, |record, place, line, must| {
        row.clear();
        let (count, loose) = table::values(record, b',', |_, v| row.push(v.into_owned()));
        let at = offset + place.start as u64;
        if loose && !must {
            return false;
        }
        if !(23..=26).contains(&count) || row.first().is_none_or(|t| iso(t.as_bytes()).is_none()) {
            if must {
                let what = "a record is not of PostgreSQL's csvlog and was left out";
                problems.add(ProblemCode::Syntax, at, what);
            }
            return must;
        }
        made.begin(line, at);
        for (name, value) in COLUMNS.iter().zip(&row) {
            match *name {
                "timestamp" => made.pair(name, &value.replace(" GMT", " UTC")),
                "connection_from" => {
                    let (host, port) = value.rsplit_once(':').unwrap_or((value, ""));
                    made.pair("remote_host", host);
                    made.pair("remote_port", port);
                }
                "message" => {
                    made.pair(name, value);
                    if let Some(rest) = value.strip_prefix("AUDIT: ") {
                        audit_values(rest, |name, value| made.pair(name, value));
                    } else if let Some(rest) = value.strip_prefix("statement: ") {
                        made.pair("statement", rest);
                    }
                }
                _ => made.pair(name, value),
            }
        }
        made.end();
        true
    });
    broken.say(offset, problems);
    made
}
