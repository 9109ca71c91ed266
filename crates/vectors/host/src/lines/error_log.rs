//! Error logs of web servers: Apache 2.2 and 2.4, nginx. Their times name no zone.
//!
//! Forms: Apache core `ErrorLogFormat` defaults; nginx `ngx_log_error_core` and its connection context.

use palisade_model::Time;

use super::access::{request_line, skip_blanks, word};
use super::clock::{fraction, month, number};
use super::row::{Fault, Row, When};

const FAULT: Fault = "a line is not of a web server's error log and was left out";

/// Reads a line.
pub(super) fn parse(line: &str, row: &mut Row) -> Result<(), Fault> {
    if line.starts_with('[') { apache(line, row) } else { nginx(line, row) }
}

/// `[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 43] [client 72.15.99.187:1234] AH00128: text`
fn apache(line: &str, row: &mut Row) -> Result<(), Fault> {
    let b = line.as_bytes();
    let close = memchr::memchr(b']', b).filter(|n| (25..=40).contains(n)).ok_or(FAULT)?;
    let time = apache_time(&b[1..close]).ok_or(FAULT)?;
    row.when = When::Local(time);
    row.stream("webserver.apache.error");
    let mut at = skip_blanks(b, close + 1);
    let mut level = false;
    while b.get(at) == Some(&b'[') {
        let Some(n) = memchr::memchr(b']', &b[at..]) else { break };
        let inner = at + 1..at + n;
        let text = &line[inner.clone()];
        if let Some(rest) = text.strip_prefix("client ") {
            let start = inner.end - rest.len();
            let port = rest.rsplit_once(':').filter(|(h, p)| {
                !p.is_empty()
                    && p.bytes().all(|c| c.is_ascii_digit())
                    && (!h.contains(':') || h.ends_with(']'))
            });
            let end = port.map_or(inner.end, |(h, _)| start + h.len());
            row.put_some("c-ip", line, start..end);
            if port.is_some() {
                row.put_some("c-port", line, end + 1..inner.end);
            }
        } else if let Some(rest) = text.strip_prefix("pid ") {
            let start = inner.end - rest.len();
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            row.put_some("pid", line, start..start + digits);
            if let Some(tid) = rest.find("tid ") {
                row.put_some("tid", line, start + tid + 4..inner.end);
            }
        } else if !level && !text.contains(' ') {
            level = true;
            let colon = text.find(':');
            if let Some(c) = colon {
                row.put_some("module", line, inner.start..inner.start + c);
            }
            row.put_some("level", line, inner.start + colon.map_or(0, |c| c + 1)..inner.end);
        } else if let Some(rest) = text.strip_prefix("remote ") {
            row.put_some("c-ip", line, inner.end - rest.len()..inner.end);
        } else {
            break;
        }
        at = skip_blanks(b, at + n + 1);
    }
    if !level {
        return Err(FAULT);
    }
    if line[at..].starts_with("AH") && b.get(at + 7) == Some(&b':') {
        row.put("code", at..at + 7);
    }
    row.put("message", at..line.len());
    Ok(())
}

/// `Fri Sep 09 10:42:29.902022 2011`
fn apache_time(b: &[u8]) -> Option<Time> {
    let m = month(b.get(4..7)?)?;
    let day = if b.get(8) == Some(&b' ') { number(b, 9, 1)? } else { number(b, 8, 2)? };
    let clock = (number(b, 11, 2)?, number(b, 14, 2)?, number(b, 17, 2)?);
    let (micros, end) = fraction(b, 19);
    if end + 5 != b.len() {
        return None;
    }
    Time::from_civil((number(b, end + 1, 4)?, m, day), clock, micros, 0)
}

/// `2023/10/01 12:00:00 [error] 1234#5678: *90 text, client: 1.2.3.4, server: x, request: "GET / HTTP/1.1", host: "x"`
fn nginx(line: &str, row: &mut Row) -> Result<(), Fault> {
    let b = line.as_bytes();
    if b.get(4) != Some(&b'/') || b.get(7) != Some(&b'/') || b.get(20) != Some(&b'[') {
        return Err(FAULT);
    }
    let read = || {
        let date = (number(b, 0, 4)?, number(b, 5, 2)?, number(b, 8, 2)?);
        Time::from_civil(date, (number(b, 11, 2)?, number(b, 14, 2)?, number(b, 17, 2)?), 0, 0)
    };
    row.when = When::Local(read().ok_or(FAULT)?);
    let close = 20 + memchr::memchr(b']', &b[20..]).ok_or(FAULT)?;
    row.put("level", 21..close);
    row.stream("webserver.nginx.error");
    let mut at = skip_blanks(b, close + 1);
    let ids = word(b, at);
    if let Some(hash) = line[ids.clone()].find('#') {
        row.put("pid", ids.start..ids.start + hash);
        let tid = ids.start + hash + 1;
        row.put("tid", tid..line[tid..ids.end].find(':').map_or(ids.end, |n| tid + n));
        at = skip_blanks(b, ids.end);
    }
    let connection = word(b, at);
    if line[connection.clone()].starts_with('*') {
        row.put("connection", connection.start + 1..connection.end);
        at = skip_blanks(b, connection.end);
    }
    row.put("message", at..line.len());
    context(line, at, row);
    Ok(())
}

/// What nginx appends of the connection: `, name: value` to the end of the line.
fn context(line: &str, from: usize, row: &mut Row) {
    const NAMES: [(&str, &str); 6] = [
        (", client: ", "c-ip"),
        (", server: ", "s-computername"),
        (", request: \"", "request"),
        (", upstream: \"", "upstream"),
        (", host: \"", "cs-host"),
        (", referrer: \"", "cs-referer"),
    ];
    // The message may hold anything; what nginx appends begins with the last `client`.
    let Some(mut at) = line[from..].rfind(NAMES[0].0).map(|n| from + n) else { return };
    for (mark, name) in NAMES {
        let Some(n) = line[at..].find(mark) else { continue };
        let start = at + n + mark.len();
        let stop = if mark.ends_with('"') { '"' } else { ',' };
        let end = line[start..].find(stop).map_or(line.len(), |n| start + n);
        if name == "request" {
            request_line(line, start..end, row);
        } else {
            row.put_some(name, line, start..end);
        }
        at = end;
    }
}
