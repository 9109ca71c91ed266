//! ArcSight's Common Event Format and QRadar's Log Event Extended Format.
//!
//! `CEF:0|Vendor|Product|Version|Class|Name|Severity|key=value …` ("Implementing ArcSight Common
//! Event Format", v25): `\|` and `\\` in the header, `\=`, `\\`, `\n`, `\r` in values, a value ends where
//! the next key begins. `LEEF:1.0|Vendor|Product|Version|EventID|key=value<tab>…`, `LEEF:2.0` with the
//! delimiter as another header field, a character or `x09` (IBM, "LEEF event components").
//!
//! Who the vendor is says nothing of what a record is about; its keys do. One with a request is a proxy's, one
//! with two ends and a port or protocol is a firewall's, so that rules for either see it (`cef.proxy`, …).
//!
//! Custom labels (`cs1Label=Policy cs1=…`) name their value: it is a field under the label, too.

use std::ops::Range;

use palisade_model::Time;

use super::clock::{iso, month, number};
use super::row::{Fault, Row, When};

const FAULT: Fault = "a line is neither CEF nor LEEF and was left out";

/// Most pairs of one record.
const MAX_PAIRS: usize = 512;

/// Reads a line that begins with the header.
pub(super) fn parse(line: &str, row: &mut Row) -> Result<(), Fault> {
    parse_from(line, 0, row)
}

/// Reads what stands at `from` of a line.
pub(super) fn parse_from(line: &str, from: usize, row: &mut Row) -> Result<(), Fault> {
    match line.get(from..) {
        Some(t) if t.starts_with("CEF:") => cef(line, from, row),
        Some(t) if t.starts_with("LEEF:") => leef(line, from, row),
        _ => Err(FAULT),
    }
}

/// The part of the header that begins at `at`, up to a bar that is not escaped; what follows it.
fn part(line: &str, at: usize) -> Option<(Range<usize>, usize)> {
    let b = line.as_bytes();
    let mut end = at;
    while end < b.len() {
        match b[end] {
            b'\\' => end += 2,
            b'|' => return Some((at..end, end + 1)),
            _ => end += 1,
        }
    }
    None
}

fn cef(line: &str, from: usize, row: &mut Row) -> Result<(), Fault> {
    let mut at = from + 4;
    let (version, next) = part(line, at).ok_or(FAULT)?;
    if !line[version].trim().bytes().all(|c| c.is_ascii_digit()) {
        return Err(FAULT);
    }
    at = next;
    let names = ["deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity"];
    for (i, name) in names.into_iter().enumerate() {
        let found = part(line, at);
        // The last bar may be missing where there is no extension.
        let (range, next) = match found {
            Some(found) => found,
            None if i == 5 => (at..line.len(), line.len()),
            None => return Err(FAULT),
        };
        put(line, name, range, "\\|", row);
        at = next;
    }
    extension(line, at.min(line.len()), row);
    let has = |name: &str| row.value(line, name).is_some();
    if has("request") {
        row.stream("cef.proxy");
    } else if has("src") && has("dst") && ["spt", "dpt", "proto"].iter().any(|n| has(n)) {
        row.stream("cef.firewall");
    }
    row.stream("cef");
    finish(line, row);
    Ok(())
}

/// `key=value key=value`: a key is a word before an equals sign that is not escaped.
fn extension(line: &str, from: usize, row: &mut Row) {
    let b = line.as_bytes();
    let mut keys: Vec<(usize, usize)> = Vec::new();
    let mut at = from;
    while at < b.len() && keys.len() < MAX_PAIRS {
        match b[at] {
            b'\\' => at += 1,
            b'=' => {
                let word = b[from..at].iter().rev().take_while(|c| is_key(**c)).count();
                let start = at - word;
                let apart = start == from || b[start - 1] == b' ';
                if word > 0 && apart {
                    keys.push((start, at));
                }
            }
            _ => {}
        }
        at += 1;
    }
    for (i, (start, equals)) in keys.iter().enumerate() {
        let end = keys.get(i + 1).map_or(line.len(), |(next, _)| next.saturating_sub(1));
        pair(line, *start..*equals, equals + 1..end.max(equals + 1), row);
    }
}

fn is_key(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-' | b'[' | b']')
}

fn leef(line: &str, from: usize, row: &mut Row) -> Result<(), Fault> {
    let (version, mut at) = part(line, from + 5).ok_or(FAULT)?;
    let two = line[version.clone()].starts_with('2');
    if !line[version].starts_with(['1', '2']) {
        return Err(FAULT);
    }
    for (i, name) in
        ["deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId"].into_iter().enumerate()
    {
        let (range, next) = match part(line, at) {
            Some(found) => found,
            None if i == 3 => (at..line.len(), line.len()),
            None => return Err(FAULT),
        };
        put(line, name, range, "\\|", row);
        at = next;
    }
    let mut delimiter = '\t';
    if two && let Some((range, next)) = part(line, at) {
        let text = &line[range];
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix('x'));
        let coded = hex.and_then(|h| u32::from_str_radix(h, 16).ok()).and_then(char::from_u32);
        if text.chars().count() <= 1 || coded.is_some() {
            delimiter = coded.or_else(|| text.chars().next()).unwrap_or('\t');
            at = next;
        }
    }
    let mut start = at.min(line.len());
    for _ in 0..MAX_PAIRS {
        if start >= line.len() {
            break;
        }
        let end = line[start..].find(delimiter).map_or(line.len(), |n| start + n);
        if let Some(n) = line[start..end].find('=') {
            let lead = line[start..start + n].len() - line[start..start + n].trim_start().len();
            pair(line, start + lead..start + n, start + n + 1..end, row);
        }
        start = end + delimiter.len_utf8();
    }
    let has = |name: &str| row.value(line, name).is_some();
    if has("url") {
        row.stream("leef.proxy");
    } else if has("src") && has("dst") && ["srcPort", "dstPort", "proto"].iter().any(|n| has(n)) {
        row.stream("leef.firewall");
    }
    row.stream("leef");
    finish(line, row);
    Ok(())
}

fn pair(line: &str, name: Range<usize>, value: Range<usize>, row: &mut Row) {
    let text = line.get(value.clone()).unwrap_or("");
    let end = value.start + text.trim_end().len();
    if text.contains('\\') {
        let plain = unescape(&line[value.start..end]);
        row.put_named_made(name, &plain);
    } else {
        row.put_named(name, value.start..end);
    }
}

fn put(line: &str, name: &'static str, range: Range<usize>, escapes: &str, row: &mut Row) {
    let text = line.get(range.clone()).unwrap_or("");
    if text.contains(escapes) || text.contains('\\') {
        let plain = unescape(text);
        row.put_made(name, &plain);
    } else {
        row.put(name, range);
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(e @ ('=' | '|' | '\\')) => out.push(e),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            (c, _) => out.push(c),
        }
    }
    out
}

/// The labels' values, and the time.
fn finish(line: &str, row: &mut Row) {
    use super::row::{Name, Place};
    let mut labelled: Vec<(Place, Place)> = Vec::new();
    for v in row.values.iter().take(MAX_PAIRS) {
        let Name::At(name) = v.name else { continue };
        let Some(field) = row.text(line, name).strip_suffix("Label") else { continue };
        let target = row.values.iter().find(|w| matches!(w.name, Name::At(n) if row.text(line, n) == field));
        if let Some(target) = target.filter(|_| !row.text(line, v.place).is_empty()) {
            labelled.push((v.place, target.place));
        }
    }
    for (name, place) in labelled {
        row.put_at(Name::At(name), place);
    }
    for name in ["rt", "start", "devTime", "deviceReceiptTime", "end", "art"] {
        let Some(text) = row.value(line, name) else { continue };
        let when = moment(text);
        if when != When::Never {
            row.when = when;
            return;
        }
    }
}

/// Milliseconds since 1970, RFC 3339, or `MMM dd yyyy HH:mm:ss[.SSS] [zone]`.
fn moment(text: &str) -> When {
    let text = text.trim();
    let b = text.as_bytes();
    if b.len() >= 9 && b.iter().all(u8::is_ascii_digit) {
        let Ok(n) = text.parse::<i64>() else { return When::Never };
        let scale = if b.len() <= 11 { 1_000_000 } else { 1_000 };
        return n.checked_mul(scale).and_then(Time::from_unix_micros).map_or(When::Never, When::At);
    }
    if let Some((when, _)) = iso(b) {
        return when;
    }
    let read = || {
        let m = month(b)?;
        let mut words = text.split_ascii_whitespace().skip(1);
        let day = words.next()?.parse().ok()?;
        let year = words.next()?.parse().ok()?;
        let clock = words.next()?.as_bytes();
        let hms = (number(clock, 0, 2)?, number(clock, 3, 2)?, number(clock, 6, 2)?);
        let micros = super::clock::fraction(clock, 8).0;
        let utc = matches!(words.next(), Some("UTC" | "GMT" | "Z"));
        Some((Time::from_civil((year, m, day), hms, micros, 0)?, utc))
    };
    match read() {
        Some((t, true)) => When::At(t),
        Some((t, false)) => When::Local(t),
        None => When::Never,
    }
}
