//! Lines of `key=value`: FortiGate and whoever logs like it, with quotes around values that have blanks.

use std::ops::Range;

use palisade_model::Time;

use super::clock::{iso, number};
use super::row::{Fault, Row, When};

const FAULT: Fault = "a line is not made of key=value pairs and was left out";

/// Most pairs of one record.
const MAX_PAIRS: usize = 512;

/// Fewest pairs that make a record of a line.
const MIN_PAIRS: usize = 3;

/// What vendors call the address that a connection came from, and the one that it went to.
const SOURCES: [&str; 5] = ["src_ip", "srcip", "src", "source_ip", "sourceip"];
const DESTINATIONS: [&str; 6] = ["dst_ip", "dstip", "dst", "dest_ip", "destination_ip", "destinationip"];

/// Reads a line; a priority (`<189>`) may stand in front.
pub(super) fn parse(line: &str, row: &mut Row) -> Result<(), Fault> {
    let from = match line.strip_prefix('<').and_then(|rest| rest.find('>')) {
        Some(n) if n <= 3 => n + 2,
        _ => 0,
    };
    parse_from(line, from, row)
}

/// Reads the pairs from `from` on.
pub(super) fn parse_from(line: &str, from: usize, row: &mut Row) -> Result<(), Fault> {
    let before = row.values.len();
    let mut count = 0;
    let whole = walk(line, from, &mut |name, value| {
        count += 1;
        if count > MAX_PAIRS {
            return false;
        }
        row.put_named(name, value);
        true
    });
    if whole.is_none() || count < MIN_PAIRS {
        row.back_to(before);
        return Err(FAULT);
    }
    row.overflow |= count > MAX_PAIRS;
    stream(line, row);
    time(line, row);
    Ok(())
}

/// Gives each pair from `from` on (name, value) until `f` says stop. `None`: text stands between
/// them that is no pair.
fn walk(line: &str, from: usize, f: &mut dyn FnMut(Range<usize>, Range<usize>) -> bool) -> Option<()> {
    let b = line.as_bytes();
    let mut at = from;
    loop {
        at += b.get(at..)?.iter().take_while(|c| matches!(c, b' ' | b'\t' | b',' | b';')).count();
        if at >= b.len() {
            return Some(());
        }
        let key = b[at..]
            .iter()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
            .count();
        if key == 0 || b.get(at + key) != Some(&b'=') {
            return None;
        }
        let name = at..at + key;
        let start = at + key + 1;
        let quoted = b.get(start) == Some(&b'"');
        let value = if quoted {
            let mut end = start + 1;
            loop {
                match b.get(end) {
                    Some(b'\\') if end + 1 < b.len() => end += 2,
                    Some(b'"') | None => break,
                    _ => end += 1,
                }
            }
            let end = end.min(b.len());
            at = end + 1;
            start + 1..end
        } else {
            let end =
                start + b[start..].iter().position(|c| matches!(c, b' ' | b'\t')).unwrap_or(b.len() - start);
            at = end;
            start..end
        };
        if !f(name, value) {
            return Some(());
        }
        if at >= b.len() {
            return Some(());
        }
    }
}

fn stream(line: &str, row: &mut Row) {
    let forti = row.value(line, "devid").is_some_and(|d| d.starts_with("FG") || d.starts_with("FW"))
        || row.value(line, "logid").is_some() && row.value(line, "vd").is_some();
    if forti {
        let kind = row.value(line, "type").unwrap_or("").to_owned();
        let topic = row.value(line, "subtype").unwrap_or("").to_owned();
        match (kind.as_str(), topic.as_str()) {
            ("traffic", _) => row.stream("fortigate.traffic"),
            ("utm", "webfilter") => row.stream("fortigate.webfilter"),
            ("utm", _) => row.stream("fortigate.utm"),
            _ => row.stream("fortigate.event"),
        }
    } else if row.value(line, "SRC").is_some() && row.value(line, "DST").is_some() {
        row.stream("syslog.kernel.netfilter");
    } else {
        // Names as `knowledge/fields/applications.toml` has them for the same streams.
        let has = |names: &[&str]| names.iter().any(|n| row.value(line, n).is_some());
        if has(&["url", "uri", "request_url"]) {
            row.stream("pairs.proxy");
        } else if has(&SOURCES) && has(&DESTINATIONS) {
            row.stream("pairs.firewall");
        }
        row.stream("pairs");
    }
}

/// FortiOS has `eventtime` in nanoseconds, and `date`, `time` and `tz`.
fn time(line: &str, row: &mut Row) {
    let count = row.value(line, "eventtime").and_then(|t| t.parse::<i64>().ok());
    if let Some(n) = count.filter(|n| *n > 1_000_000_000) {
        let micros = match n {
            0..100_000_000_000 => n.checked_mul(1_000_000),
            100_000_000_000..100_000_000_000_000 => n.checked_mul(1_000),
            100_000_000_000_000..100_000_000_000_000_000 => Some(n),
            _ => Some(n / 1_000),
        };
        if let Some(t) = micros.and_then(Time::from_unix_micros) {
            row.when = When::At(t);
            return;
        }
    }
    let parts = row.value(line, "date").zip(row.value(line, "time")).map(|(d, t)| format!("{d}T{t}"));
    let zone = row.value(line, "tz").unwrap_or("").trim_matches('"').to_owned();
    if let Some((when, _)) = parts.and_then(|text| iso(format!("{text}{zone}").as_bytes())) {
        row.when = when;
        return;
    }
    for name in ["timestamp", "time", "ts", "date", "start_time"] {
        let Some(text) = row.value(line, name) else { continue };
        if let Some((when, _)) = iso(text.as_bytes()) {
            row.when = when;
            return;
        }
        let b = text.as_bytes();
        if b.len() == 10 && number(b, 0, 10).is_some() {
            row.when = super::clock::epoch(text).map_or(When::Never, When::At);
            return;
        }
    }
}
