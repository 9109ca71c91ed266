//! CSV with a header (RFC 4180, with `,` `;` tab or `|` between values): exports of portals, results of
//! other tools, anything described by a mapping.
//!
//! A row becomes a flat JSON record whose keys are the header's names, so that dialects recognise it by its
//! columns and texts that hold JSON (`AuditData`) are looked into. A quote opens a value only at its
//! beginning; inside, two quotes are one.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr2};
use palisade_model::ProblemCode;

use super::clock::number;
use super::write_json::Lines;
use crate::problems::Problems;

/// Most columns of a table.
pub const MAX_COLUMNS: usize = 512;

/// Fewest columns by which a table is recognised.
const MIN_COLUMNS: usize = 3;

/// Longest name of a column.
const MAX_NAME_BYTES: usize = 128;

/// What stands between the values of the first record: the candidate that stands there most often.
pub(super) fn separator(head: &[u8]) -> u8 {
    let line = &head[..memchr(b'\n', head).unwrap_or(head.len())];
    let count = |sep: u8| {
        let mut quoted = false;
        line.iter()
            .filter(|b| {
                quoted ^= **b == b'"';
                !quoted && **b == sep
            })
            .count()
    };
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|sep| count(*sep)).unwrap_or(b',')
}

/// Where the record that begins at `at` ends, its line feed included; `None`: not in these bytes.
pub(super) fn record_end(buf: &[u8], at: usize, sep: u8) -> Option<usize> {
    let mut i = at;
    loop {
        let n = i + memchr2(b'"', b'\n', buf.get(i..)?)?;
        if buf[n] == b'\n' {
            return Some(n + 1);
        }
        let opens = n == at || matches!(buf.get(n.wrapping_sub(1)), Some(b) if *b == sep);
        i = if opens { close(buf, n + 1)? } else { n + 1 };
    }
}

/// Behind the quote that ends the value which begins at `at`.
fn close(buf: &[u8], at: usize) -> Option<usize> {
    let mut i = at;
    loop {
        let n = i + memchr(b'"', buf.get(i..)?)?;
        if buf.get(n + 1) == Some(&b'"') {
            i = n + 2;
        } else {
            return Some(n + 1);
        }
    }
}

/// The end of the last whole record.
pub(super) fn cut_point(buf: &[u8], sep: u8) -> usize {
    let mut at = 0;
    while let Some(end) = record_end(buf, at, sep) {
        at = end;
    }
    at
}

/// The values of a record, without its line feed.
pub(super) fn values(record: &str, sep: u8, mut f: impl FnMut(usize, Cow<'_, str>)) -> usize {
    let b = record.as_bytes();
    let (mut at, mut count) = (0, 0);
    loop {
        let (value, next): (Cow<'_, str>, usize) = if b.get(at) == Some(&b'"') {
            let end = close(b, at + 1).unwrap_or(b.len() + 1);
            let inner = record.get(at + 1..end - 1).unwrap_or("");
            let value =
                if inner.contains("\"\"") { inner.replace("\"\"", "\"").into() } else { inner.into() };
            let end = end.min(b.len());
            // Text between the quote and the separator belongs to nobody's format; it stays with the value.
            let next = end + memchr(sep, &b[end..]).unwrap_or(b.len() - end);
            let tail = &record[end..next];
            (if tail.trim().is_empty() { value } else { format!("{value}{tail}").into() }, next)
        } else {
            let next = at + memchr(sep, &b[at..]).unwrap_or(b.len() - at);
            (record[at..next].into(), next)
        };
        if count < MAX_COLUMNS {
            f(count, value);
        }
        count += 1;
        if next >= b.len() {
            return count;
        }
        at = next + 1;
    }
}

fn trimmed(record: &str) -> &str {
    let record = record.strip_suffix('\n').unwrap_or(record);
    record.strip_suffix('\r').unwrap_or(record)
}

/// How many of 100 rows have the header's number of values, if the first record can be a header.
pub(super) fn sniff(text: &str) -> u32 {
    let b = text.as_bytes();
    let sep = separator(b);
    let Some(end) = record_end(b, 0, sep) else { return 0 };
    let mut names: Vec<String> = Vec::new();
    values(trimmed(&text[..end]), sep, |_, v| names.push(v.trim().to_owned()));
    let can_be_name = |n: &String| {
        !n.is_empty()
            && n.len() <= MAX_NAME_BYTES
            && n.chars().any(char::is_alphabetic)
            && !n.contains([':', '=', '<', '>', '{', '}', '[', ']', '\t'])
            && !n.starts_with('#')
    };
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    let distinct = sorted.len() == names.len();
    if !(MIN_COLUMNS..=MAX_COLUMNS).contains(&names.len()) || !names.iter().all(can_be_name) || !distinct {
        return 0;
    }
    let (mut at, mut all, mut good) = (end, 0u32, 0u32);
    while let Some(end) = record_end(b, at, sep).filter(|_| all < 64) {
        let record = trimmed(&text[at..end]);
        at = end;
        if record.trim().is_empty() {
            continue;
        }
        all += 1;
        good += u32::from(values(record, sep, |_, _| {}) == names.len());
    }
    // Any format that knows its lines is surer than this.
    (good * 95).checked_div(all).unwrap_or(0)
}

/// Reads a piece's rows; `preface` is the header.
pub(super) fn rewrite(
    text: &str,
    preface: &str,
    offset: u64,
    first_record: u64,
    problems: &mut Problems<'_>,
) -> Lines {
    let sep = separator(preface.as_bytes());
    let header = trimmed(preface);
    let header = header.strip_prefix('\u{FEFF}').unwrap_or(header);
    let mut names: Vec<String> = Vec::new();
    let columns = values(header.trim_start(), sep, |_, v| names.push(v.trim().to_owned()));
    if columns > MAX_COLUMNS {
        problems.add(ProblemCode::Limit, 0, "the table has more than 512 columns; the rest were not read");
    }
    let clock = Clock::of(&names);
    let mut made = Lines::default();
    let mut row: Vec<String> = Vec::new();
    each(text, sep, first_record, |record, place, line| {
        let at = offset + place.start as u64;
        row.clear();
        let mut count = values(record, sep, |_, v| row.push(v.into_owned()));
        // Some exporters end each row with a separator.
        while count > columns && row.last().is_some_and(|v| v.is_empty()) && row.len() == count {
            row.pop();
            count -= 1;
        }
        if count != columns {
            let what = if count < columns {
                "a row has fewer values than the table has columns; it was read as far as it goes"
            } else {
                "a row has more values than the table has columns; those beyond were left out"
            };
            problems.add(ProblemCode::Syntax, at, what);
        }
        made.begin(line, at);
        if let Some(when) = clock.as_ref().and_then(|c| c.text(&row)) {
            made.pair("datetime", &when);
        }
        for (name, value) in names.iter().zip(&row) {
            made.pair(name, value);
        }
        made.end();
    });
    made
}

/// Gives each record of a piece: its text, its place, the number of its first line.
pub(super) fn each(text: &str, sep: u8, first_record: u64, mut f: impl FnMut(&str, Range<usize>, u64)) {
    let (mut at, mut line) = (0, first_record);
    while at < text.len() {
        let end = record_end(text.as_bytes(), at, sep).unwrap_or(text.len());
        let record = trimmed(&text[at..end]);
        if !record.trim().is_empty() {
            f(record, at..end, line);
        }
        line += memchr::memchr_iter(b'\n', &text.as_bytes()[at..end]).count() as u64;
        at = end;
    }
}

/// Columns that are one time together: a date, a time of day, perhaps a zone.
struct Clock {
    date: usize,
    time: usize,
    zone: Option<usize>,
}

impl Clock {
    fn of(names: &[String]) -> Option<Clock> {
        let find = |n: &[&str]| names.iter().position(|x| n.iter().any(|y| x.eq_ignore_ascii_case(y)));
        if find(&["datetime"]).is_some() {
            return None;
        }
        Some(Clock {
            date: find(&["date"])?,
            time: find(&["time"])?,
            zone: find(&["timezone", "tz", "time zone"]),
        })
    }

    /// Both as RFC 3339, with a zone if that is UTC; `MM/DD/YYYY` as plaso's `l2tcsv` has it.
    fn text(&self, row: &[String]) -> Option<String> {
        let (date, time) = (row.get(self.date)?.trim(), row.get(self.time)?.trim());
        let b = date.as_bytes();
        let date: Cow<'_, str> = match (number(b, 0, 2), number(b, 3, 2), number(b, 6, 4)) {
            (Some(month), Some(day), Some(year)) if b.len() == 10 && b[2] == b'/' && b[5] == b'/' => {
                format!("{year:04}-{month:02}-{day:02}").into()
            }
            _ => date.into(),
        };
        let zone = self.zone.and_then(|z| row.get(z)).map_or("", |z| z.trim());
        let utc = ["UTC", "GMT", "Z", "Etc/UTC"].iter().any(|u| zone.eq_ignore_ascii_case(u));
        let zone = if utc {
            "Z"
        } else if zone.starts_with(['+', '-']) {
            zone
        } else {
            ""
        };
        Some(format!("{date}T{time}{zone}"))
    }
}
