//! MySQL: the general query log, and the audit log in XML, of both styles. Its JSON style is a dialect of JSON.
//!
//! Sources: MySQL 8.0 reference manual, "The General Query Log" and "Audit Log File Formats".

use memchr::memmem;
use palisade_model::{ProblemCode, Time};

use super::clock::{iso, number};
use super::row::{Fault, Row, When};
use super::sheet::Sheet;
use super::write_json::Lines;
use crate::problems::Problems;

const FAULT: Fault = "a line is not of MySQL's general log and was left out";

/// What a record of the audit log begins with.
pub(super) const RECORD: &[u8] = b"<AUDIT_RECORD";

/// Most lines that one statement goes on over.
const MAX_LINES: usize = 100_000;

/// Most values of one audit record.
const MAX_VALUES: usize = 256;

/// The server's lines at each start.
fn is_banner(line: &str) -> bool {
    line.contains(", Version: ")
        || line.starts_with("Tcp port: ")
        || line.starts_with("TCP Port: ")
        || line.starts_with("Time  ")
}

/// Where the thread's number begins, and the time before it.
fn head(line: &[u8]) -> Option<(When, usize)> {
    if let Some((when, end)) = iso(line) {
        return Some((when, end));
    }
    // `231001 12:00:00`, and nothing where the second is the same as before.
    if let (Some(date), Some(b' ')) = (number(line, 0, 6), line.get(6)) {
        let hours = if line.get(7) == Some(&b' ') { number(line, 8, 1) } else { number(line, 7, 2) };
        let clock = (hours?, number(line, 10, 2)?, number(line, 13, 2)?);
        let time = Time::from_civil((2000 + date / 10_000, date / 100 % 100, date % 100), clock, 0, 0)?;
        return Some((When::Local(time), 15));
    }
    line.starts_with(b"\t\t").then_some((When::Never, 2))
}

/// Whether a line begins a record.
pub(super) fn starts(line: &[u8]) -> bool {
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let text = String::from_utf8_lossy(&line[..line.len().min(128)]);
    is_banner(&text) || parts(&text).is_some()
}

/// Time, thread, command, argument: where they stand.
fn parts(line: &str) -> Option<(When, [std::ops::Range<usize>; 3])> {
    const COMMANDS: [&str; 28] = [
        "Connect",
        "Query",
        "Quit",
        "Init DB",
        "Prepare",
        "Execute",
        "Close stmt",
        "Field List",
        "Statistics",
        "Ping",
        "Change user",
        "Refresh",
        "Shutdown",
        "Processlist",
        "Kill",
        "Debug",
        "Create DB",
        "Drop DB",
        "Reset stmt",
        "Set option",
        "Fetch",
        "Daemon",
        "Binlog Dump",
        "Binlog Dump GTID",
        "Register Slave",
        "Register Replica",
        "Reset Connection",
        "Error",
    ];
    let (when, at) = head(line.as_bytes())?;
    let rest = line.get(at..)?;
    let start = at + rest.len() - rest.trim_start().len();
    let digits = line[start..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || line.as_bytes().get(start + digits) != Some(&b' ') {
        return None;
    }
    let command = start + digits + 1;
    let end = line[command..].find('\t').map_or(line.trim_end().len(), |n| command + n);
    if end < command || !COMMANDS.contains(&line[command..end].trim_end()) {
        return None;
    }
    Some((when, [start..start + digits, command..end, (end + 1).min(line.len())..line.len()]))
}

/// How many of 100 lines are of a general log; a statement's further lines count with its first.
pub(super) fn sniff_general(lines: &[&str]) -> u32 {
    let began = lines.iter().filter(|l| parts(l).is_some()).count();
    let first = lines.iter().position(|l| !is_banner(l)).and_then(|n| lines.get(n));
    if began > 0 && first.is_some_and(|l| parts(l).is_some()) { 100 } else { 0 }
}

/// Whether the text is an audit log in XML.
pub(super) fn sniff_audit(text: &str) -> u32 {
    let text = text.trim_start();
    let xml = text.starts_with("<?xml") || text.starts_with("<AUDIT");
    if xml && text.contains("<AUDIT") { 100 } else { 0 }
}

fn parse(line: &str, row: &mut Row) -> Result<(), Fault> {
    let (when, [thread, command, argument]) = parts(line).ok_or(FAULT)?;
    row.when = when;
    row.stream("database.mysql");
    row.put("connection_id", thread);
    let name = line[command.clone()].trim_end();
    row.put("command", command.start..command.start + name.len());
    row.put_some("message", line, argument.clone());
    let text = &line[argument.clone()];
    match name {
        "Query" | "Execute" | "Prepare" => row.put_some("statement", line, argument),
        "Init DB" => row.put_some("dbname", line, argument),
        // `root@localhost on test using Socket`, `Access denied for user 'root'@'10.0.0.1'`
        "Connect" => {
            let denied = text.find("for user '").map(|n| argument.start + n + 10);
            if let Some(start) = denied {
                let len = line[start..].find('\'').unwrap_or(0);
                row.put_some("user", line, start..start + len);
                if let Some(n) = line[start + len..].find("@'") {
                    let host = start + len + n + 2;
                    let len = line[host..].find('\'').unwrap_or(0);
                    row.put_some("remote_host", line, host..host + len);
                }
            } else if let Some(n) = text.find('@') {
                row.put_some("user", line, argument.start..argument.start + n);
                let host = argument.start + n + 1;
                let len = line[host..].find(' ').unwrap_or(line.len() - host);
                row.put_some("remote_host", line, host..host + len);
                if let Some(n) = line[host + len..].strip_prefix(" on ") {
                    let start = line.len() - n.len();
                    let len = n.find(" using").unwrap_or(n.len());
                    row.put_some("dbname", line, start..start + len);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Reads a piece of the general log.
pub(super) fn read(sheet: &mut Sheet<'_, '_, '_, '_>, row: &mut Row, first_record: u64) {
    let mut record = first_record;
    let mut at = 0;
    // Of records without a time of their own: as the one before.
    let mut last = When::Never;
    while let Some(first) = sheet.line(at) {
        let start = record;
        let mut whole = first.clone();
        record += 1;
        let banner = is_banner(sheet.text(&first));
        let mut lines = 1;
        while !banner
            && lines < MAX_LINES
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
        if !text.is_empty() && !banner {
            match parse(text, row.begin()) {
                Ok(()) => {
                    if row.when == When::Never {
                        row.when = last;
                    }
                    last = row.when;
                    sheet.emit(row, range, start);
                }
                Err(fault) => sheet.fault(fault, whole.start),
            }
        }
        at = whole.end + 1;
        sheet.flush(at);
    }
}

/// Reads a piece of the audit log.
pub(super) fn rewrite(text: &str, offset: u64, first_record: u64, problems: &mut Problems<'_>) -> Lines {
    let mut made = Lines::default();
    let finder = memmem::Finder::new(RECORD);
    let mut line = first_record;
    let mut counted = 0;
    let mut at = 0;
    while let Some(n) = finder.find(&text.as_bytes()[at..]) {
        let start = at + n;
        let next = finder.find(&text.as_bytes()[start + 1..]).map_or(text.len(), |n| start + 1 + n);
        line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..start]).count() as u64;
        counted = start;
        made.begin(line, offset + start as u64);
        let values = record(&text[start..next], &mut made);
        made.end();
        if values == 0 {
            let what = "an audit record has no values";
            problems.add(ProblemCode::DamagedRecord, offset + start as u64, what);
        }
        at = next;
    }
    made
}

/// The values of a record: attributes, or elements. How many.
fn record(text: &str, made: &mut Lines) -> usize {
    let mut count = 0;
    let Some(open) = text.find('>').map(|n| &text[RECORD.len()..n]) else { return 0 };
    // Old style: NAME="value"; a value may hold what ends a tag, so the quotes lead.
    if open.contains("=\"") {
        let mut rest = &text[RECORD.len()..];
        while let Some((name, tail)) = rest.split_once("=\"") {
            let Some((value, after)) = tail.split_once('"') else { break };
            let name = name.trim();
            if name.is_empty()
                || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
                || count >= MAX_VALUES
            {
                break;
            }
            made.pair(name, &entities(value));
            count += 1;
            rest = after;
        }
        return count;
    }
    let mut rest = &text[RECORD.len() + open.len()..];
    while let Some((_, tail)) = rest.split_once('<') {
        let Some((name, after)) = tail.split_once('>') else { break };
        if name.starts_with('/') || count >= MAX_VALUES {
            break;
        }
        if name.ends_with('/') {
            rest = after;
            continue;
        }
        let end = format!("</{name}>");
        let Some((value, after)) = after.split_once(end.as_str()) else { break };
        made.pair(name, &entities(value));
        count += 1;
        rest = after;
    }
    count
}

/// Text with the five entities and character references resolved.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('&') {
        out.push_str(before);
        let near = tail.bytes().take(12).position(|b| b == b';');
        let name = near.map(|n| &tail[..n]);
        let number = |n: &str| {
            let n = n.strip_prefix('#')?;
            let code = match n.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => n.parse().ok()?,
            };
            char::from_u32(code)
        };
        let c = match name {
            Some("lt") => Some('<'),
            Some("gt") => Some('>'),
            Some("amp") => Some('&'),
            Some("quot") => Some('"'),
            Some("apos") => Some('\''),
            Some(n) => number(n),
            None => None,
        };
        match (c, near) {
            (Some(c), Some(n)) => {
                out.push(c);
                rest = &tail[n + 1..];
            }
            _ => {
                out.push('&');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}
