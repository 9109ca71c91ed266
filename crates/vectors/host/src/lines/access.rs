//! Web access logs: common log format, combined, virtual hosts in front, more behind.
//!
//! Forms: Apache `mod_log_config` (`%h %l %u %t "%r" %>s %b`, `combined`, `vhost_combined`), nginx's
//! `combined`. Names are W3C's, as Sigma's rules for web servers use them.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use super::clock::clf;
use super::decode::backslashes;
use super::row::{Fault, Row, When};

const FAULT: Fault = "a line is not of a web access log and was left out";

/// Reads a line.
pub(super) fn parse(line: &str, row: &mut Row) -> Result<(), Fault> {
    let b = line.as_bytes();
    // The time leads: before it stand host and names, which may hold a bracket.
    let (open, time) =
        memchr_iter(b'[', b).take(8).find_map(|at| Some((at, clf(b.get(at + 1..)?)?))).ok_or(FAULT)?;
    if b.get(open + 27) != Some(&b']') {
        return Err(FAULT);
    }
    row.when = When::At(time);
    row.stream("webserver.access");
    who(line, open, row)?;
    let mut at = skip_blanks(b, open + 28);
    let request = quoted(b, at, true).ok_or(FAULT)?;
    request_line(line, request.clone(), row);
    at = skip_blanks(b, request.end + 1);
    let status = word(b, at);
    if status.len() != 3 && &line[status.clone()] != "-" {
        return Err(FAULT);
    }
    row.put_some("sc-status", line, status.clone());
    at = skip_blanks(b, status.end);
    let bytes = word(b, at);
    if !line[bytes.clone()].bytes().all(|c| c.is_ascii_digit() || c == b'-') {
        return Err(FAULT);
    }
    row.put_some("sc-bytes", line, bytes.clone());
    at = skip_blanks(b, bytes.end);
    for name in ["cs-referer", "cs-user-agent"] {
        let Some(range) = quoted(b, at, false) else { break };
        header(name, line, range.clone(), row);
        at = skip_blanks(b, range.end + 1);
    }
    if let Some(range) = quoted(b, at, false) {
        let value = &line[range.clone()];
        let addresses = value.split(',').all(|a| a.trim().parse::<std::net::IpAddr>().is_ok());
        if addresses || value == "-" {
            row.put_some("x-forwarded-for", line, range.clone());
            at = skip_blanks(b, range.end + 1);
        }
    }
    if at < b.len() {
        row.put("extra", at..b.len());
    }
    Ok(())
}

/// `host ident user`, or `vhost:port host ident user`.
fn who(line: &str, open: usize, row: &mut Row) -> Result<(), Fault> {
    let head = line[..open].trim_ascii_end();
    let mut words = Vec::with_capacity(5);
    let mut at = 0;
    while at < head.len() && words.len() < 4 {
        let w = word(head.as_bytes(), at);
        at = skip_blanks(head.as_bytes(), w.end);
        words.push(w);
    }
    let [first, second, third, ..] = words.as_slice() else { return Err(FAULT) };
    let dash = |r: &Range<usize>| &line[r.clone()] == "-";
    // Four words: a virtual host in front, unless the second is the ident that nobody has.
    let vhost = words.len() == 4 && !dash(second);
    let user = if vhost { words.get(3).map_or(head.len(), |w| w.start) } else { third.start };
    let client = if vhost {
        let host =
            line[first.clone()].rsplit_once(':').filter(|(_, p)| p.bytes().all(|c| c.is_ascii_digit()));
        let end = host.map_or(first.end, |(h, _)| first.start + h.len());
        row.put_some("cs-host", line, first.start..end);
        if host.is_some() {
            row.put_some("s-port", line, end + 1..first.end);
        }
        second
    } else {
        first
    };
    row.put_some("c-ip", line, client.clone());
    row.put_some("cs-username", line, user..head.len());
    Ok(())
}

/// `GET /path?query HTTP/1.1`; what is none of it is a stem, so that rules see it.
pub(super) fn request_line(line: &str, range: Range<usize>, row: &mut Row) {
    let text = &line[range.clone()];
    if text == "-" || text.is_empty() {
        return;
    }
    let b = text.as_bytes();
    let method = memchr(b' ', b).filter(|n| {
        (1..=24).contains(n) && b[..*n].iter().all(|c| c.is_ascii_alphabetic() || matches!(c, b'-' | b'_'))
    });
    let Some(method) = method else {
        return header("cs-uri-stem", line, range, row);
    };
    row.put("cs-method", range.start..range.start + method);
    let version = memrchr(b' ', b).filter(|n| *n > method && b[n + 1..].starts_with(b"HTTP/"));
    let mut end = range.end;
    if let Some(at) = version {
        row.put("cs-version", range.start + at + 1..range.end);
        end = range.start + at;
    }
    target(line, range.start + method + 1..end, row);
}

/// A request's target: path and query.
pub(super) fn target(line: &str, range: Range<usize>, row: &mut Row) {
    let text = &line[range.clone()];
    match memchr(b'?', text.as_bytes()) {
        Some(at) => {
            header("cs-uri-stem", line, range.start..range.start + at, row);
            header("cs-uri-query", line, range.start + at + 1..range.end, row);
        }
        None => header("cs-uri-stem", line, range, row),
    }
}

/// A text that the client sent, backslashes resolved.
fn header(name: &'static str, line: &str, range: Range<usize>, row: &mut Row) {
    let text = line.get(range.clone()).unwrap_or("");
    if memchr(b'\\', text.as_bytes()).is_some() {
        let mut plain = String::with_capacity(text.len());
        backslashes(text, &mut plain);
        row.put_made(name, &plain);
    } else {
        row.put_some(name, line, range);
    }
}

/// The text between the quote at `at` and its end. `request`: a quote inside may stand
/// unescaped, as old servers wrote it; then the one before the status ends it.
fn quoted(b: &[u8], at: usize, request: bool) -> Option<Range<usize>> {
    if b.get(at) != Some(&b'"') {
        return None;
    }
    let mut first = None;
    for n in memchr_iter(b'"', b.get(at + 1..)?) {
        let end = at + 1 + n;
        let escapes = b[at + 1..end].iter().rev().take_while(|c| **c == b'\\').count();
        if escapes % 2 == 1 {
            continue;
        }
        let follows = match b.get(end + 1) {
            None => true,
            Some(b' ' | b'\t') if !request => true,
            Some(b' ') => b.get(end + 2).is_some_and(|c| c.is_ascii_digit() || *c == b'-'),
            _ => false,
        };
        if follows {
            return Some(at + 1..end);
        }
        first = first.or(Some(end));
    }
    first.map(|end| at + 1..end)
}

/// The word that begins at `at`.
pub(super) fn word(b: &[u8], at: usize) -> Range<usize> {
    let at = at.min(b.len());
    at..at + b[at..].iter().position(|c| matches!(c, b' ' | b'\t')).unwrap_or(b.len() - at)
}

/// The next place that is no blank.
pub(super) fn skip_blanks(b: &[u8], at: usize) -> usize {
    let at = at.min(b.len());
    at + b[at..].iter().take_while(|c| matches!(c, b' ' | b'\t')).count()
}
