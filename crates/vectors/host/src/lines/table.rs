//! CSV with a header (RFC 4180, with `,` `;` tab or `|` between values): exports of portals, results of
//! other tools, anything described by a mapping.
//!
//! A row becomes a flat JSON record whose keys are the header's names, so that dialects recognise it by its
//! columns and texts that hold JSON (`AuditData`) are looked into. A quote opens a value only at its
//! beginning; inside, two quotes are one. A quote that never closes must neither hide the rows behind it nor
//! cost more than they do: from there on lines are rows.

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

/// Where a record ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Here, its line feed included.
    At(usize),
    /// With the bytes, as far as they show: no line feed follows.
    Last,
    /// Nowhere in these bytes: a quote in it does not close.
    Open,
}

/// Where the record that begins at `at` ends.
pub(super) fn record_end(buf: &[u8], at: usize, sep: u8) -> End {
    let mut i = at;
    let end = loop {
        let Some(n) = memchr2(b'"', b'\n', buf.get(i..).unwrap_or(&[])).map(|n| i + n) else {
            break End::Last;
        };
        if buf[n] == b'\n' {
            break End::At(n + 1);
        }
        let opens = n == at || matches!(buf.get(n.wrapping_sub(1)), Some(b) if *b == sep);
        i = match opens.then(|| close(buf, n + 1, sep)) {
            None => n + 1,
            Some(Some(close)) => close.end,
            Some(None) => break End::Open,
        };
    };
    work::looked(if let End::At(end) = end { end - at } else { buf.len() - at.min(buf.len()) });
    end
}

/// Where a quoted value ends.
#[derive(Clone, Copy)]
struct Close {
    /// Behind the quote.
    end: usize,
    /// Quotes inside are written with a backslash.
    backslashes: bool,
}

/// The quote that ends the value which begins at `at`; `None`: there is none.
///
/// Two quotes are one. Some exporters write `\"` instead, which RFC 4180 does not know; a value is theirs if it
/// has a quote behind a backslash and text behind that quote, which no value of RFC 4180 has: JSON inside such
/// a value (`\""`) and folders at its end (`C:\",`) are read as the RFC says.
fn close(buf: &[u8], at: usize, sep: u8) -> Option<Close> {
    let mut i = at;
    let mut backslashes = false;
    loop {
        let n = i + memchr(b'"', buf.get(i..)?)?;
        let behind = buf[i..n].iter().rev().take_while(|c| **c == b'\\').count();
        let escaped = behind % 2 == 1;
        match buf.get(n + 1) {
            Some(b'"') if !(escaped && backslashes) => i = n + 2,
            Some(b'"') => i = n + 1,
            None | Some(b'\r' | b'\n') => return Some(Close { end: n + 1, backslashes }),
            Some(b) if *b == sep && !(escaped && backslashes) => {
                return Some(Close { end: n + 1, backslashes });
            }
            Some(_) if escaped => {
                backslashes = true;
                i = n + 1;
            }
            Some(_) => return Some(Close { end: n + 1, backslashes }),
        }
    }
}

/// The end of the last whole record.
pub(super) fn cut_point(buf: &[u8], sep: u8) -> usize {
    let mut at = 0;
    while let End::At(end) = record_end(buf, at, sep) {
        at = end;
    }
    at
}

/// The values of a record, without its line feed. A quote that does not close opens nothing: the value is
/// what stands up to the separator. How many there are, and whether text follows a closing quote.
pub(super) fn values(record: &str, sep: u8, mut f: impl FnMut(usize, Cow<'_, str>)) -> (usize, bool) {
    let b = record.as_bytes();
    let (mut at, mut count, mut loose) = (0, 0, false);
    // Once a quote has not closed, no later one is followed to the end again.
    let mut closes = true;
    loop {
        let close = if closes && b.get(at) == Some(&b'"') {
            let found = close(b, at + 1, sep);
            closes = found.is_some();
            found
        } else {
            None
        };
        let (value, next): (Cow<'_, str>, usize) = if let Some(Close { end, backslashes }) = close {
            let inner = record.get(at + 1..end - 1).unwrap_or("");
            let value: Cow<'_, str> = match backslashes {
                true => inner.replace("\\\"", "\"").into(),
                false if inner.contains("\"\"") => inner.replace("\"\"", "\"").into(),
                false => inner.into(),
            };
            // Text between the quote and the separator belongs to nobody's format; it stays with the value.
            let next = end + memchr(sep, &b[end..]).unwrap_or(b.len() - end);
            let tail = &record[end..next];
            loose |= !tail.trim().is_empty();
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
            return (count, loose);
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
    let End::At(end) = record_end(b, 0, sep) else { return 0 };
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
    while all < 64
        && let End::At(end) = record_end(b, at, sep)
    {
        let record = trimmed(&text[at..end]);
        at = end;
        if record.trim().is_empty() {
            continue;
        }
        all += 1;
        good += u32::from(values(record, sep, |_, _| {}).0 == names.len());
    }
    // Any format that knows its lines is surer than this.
    (good * 95).checked_div(all).unwrap_or(0)
}

/// Reads a piece's rows; `preface` is the header. `lines`: no quote of them goes on over a line.
pub(super) fn rewrite(
    text: &str,
    preface: &str,
    offset: u64,
    first_record: u64,
    lines: bool,
    problems: &mut Problems<'_>,
) -> Lines {
    let sep = separator(preface.as_bytes());
    let header = trimmed(preface);
    let header = header.strip_prefix('\u{FEFF}').unwrap_or(header);
    let mut names: Vec<String> = Vec::new();
    let (columns, _) = values(header.trim_start(), sep, |_, v| names.push(v.trim().to_owned()));
    if columns > MAX_COLUMNS {
        problems.add(ProblemCode::Limit, 0, "the table has more than 512 columns; the rest were not read");
    }
    let clock = Clock::of(&names);
    let mut made = Lines::default();
    let mut row: Vec<String> = Vec::new();
    let broken = each(text, sep, first_record, lines, |record, place, line, must| {
        let at = offset + place.start as u64;
        row.clear();
        let (mut count, loose) = values(record, sep, |_, v| row.push(v.into_owned()));
        // Some exporters end each row with a separator.
        while count > columns && row.last().is_some_and(|v| v.is_empty()) && row.len() == count {
            row.pop();
            count -= 1;
        }
        if (count != columns || loose) && !must {
            return false;
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
        true
    });
    broken.say(offset, problems);
    made
}

/// What of a piece was read line by line because records did not come out of its quotes.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Where the first record begins whose quote does not close.
    open: Option<usize>,
    /// Where the first record over several lines begins that is none, and how many there are.
    misfits: Option<(usize, u64)>,
}

impl Broken {
    /// Tells it.
    pub fn say(self, offset: u64, problems: &mut Problems<'_>) {
        if let Some(at) = self.open {
            problems.add(ProblemCode::Syntax, offset + at as u64, OPEN);
        }
        for _ in 0..self.misfits.map_or(0, |(_, n)| n) {
            let at = self.misfits.map_or(0, |(at, _)| at);
            problems.add(ProblemCode::Syntax, offset + at as u64, MISFIT);
        }
    }
}

/// Why lines are read one by one.
pub(super) const OPEN: &str = "a quote does not close; the lines from there were read one by one";
const MISFIT: &str = "a quote goes on over lines that make no row together; they were read one by one";

/// Gives each record of a piece: its text, its place, the number of its first line, and whether it must be
/// taken as it is. Otherwise `f` may refuse a record that is none of its table: if that lies on several lines,
/// a stray quote has joined them, and they come again one by one. From a quote that does not close on, and in
/// a piece of `lines`, every line is a record; so no byte is looked at more than a few times.
pub(super) fn each(
    text: &str,
    sep: u8,
    first_record: u64,
    lines: bool,
    mut f: impl FnMut(&str, Range<usize>, u64, bool) -> bool,
) -> Broken {
    let b = text.as_bytes();
    let mut broken = Broken::default();
    let (mut at, mut line, mut single) = (0, first_record, lines);
    while at < text.len() {
        let end = if single {
            line_end(b, at)
        } else {
            match record_end(b, at, sep) {
                End::At(end) => end,
                End::Last => b.len(),
                End::Open => {
                    broken.open = Some(at);
                    single = true;
                    line_end(b, at)
                }
            }
        };
        let record = trimmed(&text[at..end]);
        let several = !single && memchr(b'\n', record.as_bytes()).is_some();
        if !record.trim().is_empty() && !f(record, at..end, line, !several) {
            broken.misfits = Some(broken.misfits.map_or((at, 1), |(first, n)| (first, n + 1)));
            let (mut from, mut number) = (at, line);
            while from < end {
                let stop = line_end(b, from);
                let record = trimmed(&text[from..stop]);
                if !record.trim().is_empty() {
                    f(record, from..stop, number, true);
                }
                (from, number) = (stop, number + 1);
            }
        }
        line += memchr::memchr_iter(b'\n', &b[at..end]).count() as u64;
        at = end;
    }
    broken
}

/// Behind the line that begins at `at`.
fn line_end(b: &[u8], at: usize) -> usize {
    memchr(b'\n', &b[at..]).map_or(b.len(), |n| at + n + 1)
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

/// Counts in tests how many bytes were looked at in search of ends: what bounds the work on hostile tables.
pub(super) mod work {
    #[cfg(test)]
    thread_local! {
        pub(in crate::lines) static LOOKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }

    #[inline]
    pub(super) fn looked(_bytes: usize) {
        #[cfg(test)]
        LOOKED.with(|n| n.set(n.get() + _bytes as u64));
    }
}
