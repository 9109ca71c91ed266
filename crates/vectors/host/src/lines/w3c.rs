//! W3C extended log format (W3C WD-logfile-960323): IIS, proxies, CloudFront, the Windows firewall.
//!
//! `#Fields:` says what the columns are, and may say so anew anywhere in the file; the last one
//! before a piece travels with it. Values are apart by blanks (CloudFront: tabs) and may be quoted. IIS
//! quotes nothing and writes what the client sent as it came, so a quote of the client's must not join columns.

use std::ops::Range;

use palisade_model::Time;

use super::access::{skip_blanks, word};
use super::clock::number;
use super::row::{Fault, Row, When};
use super::sheet::Sheet;

/// Most columns of a log.
const MAX_FIELDS: usize = 256;

const NO_FIELDS: Fault = "a line stands before any #Fields and was left out";
const COUNT: Fault = "a line has not as many values as #Fields names and was left out";
const LOOSE: Fault =
    "a line's quotes do not agree with its columns; from the first quote on it was read as one value";

/// How many of 100 lines a log in this format would read: all, once its directives are there.
pub(super) fn sniff(lines: &[&str]) -> u32 {
    let fields = lines.iter().position(|l| l.starts_with("#Fields:"));
    if !fields.is_some_and(|at| lines[..at].iter().all(|l| l.starts_with('#'))) {
        return 0;
    }
    let mut log = Log::default();
    let (mut all, mut good) = (0u32, 0u32);
    let mut row = Row::default();
    for line in lines {
        if line.starts_with('#') {
            log.directive(line);
        } else {
            all += 1;
            good += u32::from(matches!(log.parse(line, &mut row), Ok(None)));
        }
    }
    // A log without a record yet is one all the same.
    (good * 100).checked_div(all).unwrap_or(100)
}

/// What the directives so far say.
#[derive(Default, Clone)]
struct Log {
    columns: Vec<Column>,
    tabs: bool,
    software: Software,
    /// The log quotes no values: a quote in one is the client's.
    raw: bool,
    local: bool,
    /// `#Date:`, for logs whose rows have a time only.
    date: Option<(i64, i64, i64)>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Software {
    #[default]
    Web,
    Proxy,
    Firewall,
}

#[derive(Clone)]
struct Column {
    role: Role,
    /// The name in lower case, `cs(User-Agent)` as `cs-user-agent`.
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Value,
    Date,
    Time,
    /// Blanks are written as plus signs.
    Agent,
}

impl Log {
    fn directive(&mut self, line: &str) {
        let Some((name, value)) = line.trim_start_matches('#').split_once(':') else { return };
        let value = value.trim();
        match name.trim() {
            "Fields" => {
                self.tabs = value.contains('\t');
                self.columns = value.split_ascii_whitespace().take(MAX_FIELDS).map(column).collect();
                let has = |n: &str| self.columns.iter().any(|c| c.name == n);
                if self.software != Software::Firewall {
                    let proxy = [
                        "sc-filter-result",
                        "cs-categories",
                        "cs-uri-scheme",
                        "s-supplier-name",
                        "r-dns",
                        "c-uri",
                    ];
                    self.software =
                        if proxy.iter().any(|n| has(n)) { Software::Proxy } else { Software::Web };
                }
                if has("src-ip") && has("dst-ip") && has("action") {
                    self.software = Software::Firewall;
                }
            }
            "Software" => self.raw = value.contains("Internet Information Services"),
            "Time Format" => self.local = value.eq_ignore_ascii_case("local"),
            "Date" => {
                let b = value.as_bytes();
                self.date =
                    number(b, 0, 4).zip(number(b, 5, 2)).zip(number(b, 8, 2)).map(|((y, m), d)| (y, m, d));
            }
            _ => {}
        }
    }

    /// Reads a line; what it says of the line if not every column could be told from the next.
    fn parse(&self, line: &str, row: &mut Row) -> Result<Option<Fault>, Fault> {
        if self.columns.is_empty() {
            return Err(NO_FIELDS);
        }
        // A log may have lost the directive that says who wrote it, and no client may hide its request by a quote.
        let quotes = memchr::memchr(b'"', line.as_bytes()).is_some() && !self.tabs;
        if !self.raw || !quotes {
            match self.columns(line, Quotes::Open, row.begin()) {
                Err(COUNT) if quotes => {}
                done => return done.map(|()| None),
            }
        }
        match self.columns(line, Quotes::Text, row.begin()) {
            Err(COUNT) => {}
            done => return done.map(|()| None),
        }
        self.columns(line, Quotes::Rest, row.begin()).map(|()| Some(LOOSE))
    }

    fn columns(&self, line: &str, quotes: Quotes, row: &mut Row) -> Result<(), Fault> {
        let (mut date, mut clock) = (self.date, None);
        let mut at = 0;
        let b = line.as_bytes();
        for column in &self.columns {
            let value = match self.tabs {
                true => tabbed(line, &mut at),
                false => spaced(line, &mut at, quotes),
            };
            let value = match value {
                Some(value) => value,
                None if quotes == Quotes::Rest && row.values.len() > 1 => break,
                None => return Err(COUNT),
            };
            let text = &line[value.clone()];
            match column.role {
                Role::Date => {
                    let t = text.as_bytes();
                    date = number(t, 0, 4)
                        .zip(number(t, 5, 2))
                        .zip(number(t, 8, 2))
                        .map(|((y, m), d)| (y, m, d));
                    if date.is_none() {
                        return Err("a line's date is none and the line was left out");
                    }
                }
                Role::Time => {
                    let t = text.as_bytes();
                    clock = number(t, 0, 2)
                        .zip(number(t, 3, 2))
                        .zip(number(t, 6, 2))
                        .map(|((h, m), s)| (h, m, s));
                }
                _ if matches!(text, "-" | "") => {}
                Role::Agent if text.contains('+') && !text.contains(' ') => {
                    let plain = text.replace('+', " ");
                    let name = row.make(&column.name);
                    let place = row.make(&plain);
                    row.put_at(super::row::Name::At(name), place);
                }
                _ => match known(&column.name) {
                    Some(name) => row.put(name, value),
                    None => {
                        let name = row.make(&column.name);
                        row.put_at(super::row::Name::At(name), super::row::text(value));
                    }
                },
            }
        }
        if at < b.len() && !line[at..].trim().is_empty() {
            return Err(COUNT);
        }
        if self.software == Software::Proxy {
            whole_url(line, row);
        }
        let time = date.zip(clock).and_then(|(d, c)| Time::from_civil(d, c, 0, 0));
        row.when = match time {
            Some(t) if self.local => When::Local(t),
            Some(t) => When::At(t),
            None => When::Never,
        };
        row.stream(match self.software {
            Software::Web => "webserver.iis",
            Software::Proxy => "proxy",
            Software::Firewall => "firewall.windows",
        });
        Ok(())
    }
}

/// What rules for proxies ask: the URL as a whole, which most of these logs keep in parts.
fn whole_url(line: &str, row: &mut Row) {
    let part = |name| row.value(line, name).unwrap_or("").to_owned();
    if row.value(line, "cs-uri").is_some() || row.value(line, "c-uri").is_some() {
        return;
    }
    let (scheme, host, port) = (part("cs-uri-scheme"), part("cs-host"), part("cs-uri-port"));
    let path =
        if row.value(line, "cs-uri-path").is_some() { part("cs-uri-path") } else { part("cs-uri-stem") };
    if host.is_empty() {
        return;
    }
    let query = part("cs-uri-query");
    let mut url = String::new();
    if !scheme.is_empty() {
        url.push_str(&scheme);
        url.push_str("://");
    }
    url.push_str(&host);
    let usual = matches!((scheme.as_str(), port.as_str()), ("http", "80") | ("https", "443") | (_, ""));
    if !usual {
        url.push(':');
        url.push_str(&port);
    }
    url.push_str(&path);
    if !query.is_empty() {
        if !query.starts_with('?') {
            url.push('?');
        }
        url.push_str(&query);
    }
    row.put_made("cs-uri", &url);
}

fn column(name: &str) -> Column {
    let lower = name.to_ascii_lowercase();
    let name = match lower.split_once('(') {
        Some((side, inner)) => format!("{side}-{}", inner.trim_end_matches(')')),
        None => lower,
    };
    let role = match name.as_str() {
        "date" => Role::Date,
        "time" => Role::Time,
        "cs-user-agent" | "cs-cookie" => Role::Agent,
        _ => Role::Value,
    };
    Column { role, name }
}

/// Names that most logs have cost nothing to name.
fn known(name: &str) -> Option<&'static str> {
    const KNOWN: [&str; 26] = [
        "s-ip",
        "cs-method",
        "cs-uri-stem",
        "cs-uri-query",
        "s-port",
        "cs-username",
        "c-ip",
        "cs-referer",
        "sc-status",
        "sc-substatus",
        "sc-win32-status",
        "time-taken",
        "sc-bytes",
        "cs-bytes",
        "cs-host",
        "s-sitename",
        "s-computername",
        "cs-version",
        "cs-cookie",
        "cs-uri",
        "action",
        "protocol",
        "src-ip",
        "dst-ip",
        "src-port",
        "dst-port",
    ];
    KNOWN.iter().find(|k| **k == name).copied()
}

/// What a quote at the beginning of a value means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// It opens a value that a quote closes with a blank or the end behind it.
    Open,
    /// Nothing.
    Text,
    /// Nobody knows: the rest of the line is one value.
    Rest,
}

fn spaced(line: &str, at: &mut usize, quotes: Quotes) -> Option<Range<usize>> {
    let b = line.as_bytes();
    let start = skip_blanks(b, *at);
    if start >= b.len() {
        return None;
    }
    if b[start] == b'"' && quotes == Quotes::Rest {
        *at = b.len();
        return Some(start..b.len());
    }
    if b[start] == b'"'
        && quotes == Quotes::Open
        && let Some(end) = memchr::memchr(b'"', &b[start + 1..]).map(|n| start + 1 + n)
        && matches!(b.get(end + 1), None | Some(b' ' | b'\t'))
    {
        *at = end + 1;
        return Some(start + 1..end);
    }
    let range = word(b, start);
    *at = range.end;
    Some(range)
}

fn tabbed(line: &str, at: &mut usize) -> Option<Range<usize>> {
    if *at > line.len() {
        return None;
    }
    let end = *at + memchr::memchr(b'\t', &line.as_bytes()[*at..]).unwrap_or(line.len() - *at);
    let range = *at..end;
    *at = end + 1;
    Some(range)
}

/// Reads a piece; `preface` holds the directives in force where it begins.
pub(super) fn read(sheet: &mut Sheet<'_, '_, '_, '_>, row: &mut Row, first_record: u64, preface: &str) {
    let mut log = Log::default();
    preface.lines().for_each(|l| log.directive(l));
    let mut record = first_record;
    let mut at = 0;
    while let Some(range) = sheet.line(at) {
        let line = sheet.text(&range);
        if line.starts_with('#') {
            log.directive(line);
        } else if !line.trim_ascii().is_empty() {
            match log.parse(line, row) {
                Ok(said) => {
                    if let Some(said) = said {
                        sheet.fault(said, range.start);
                    }
                    sheet.emit(row, range.clone(), record);
                }
                Err(fault) => sheet.fault(fault, range.start),
            }
        }
        at = range.end + 1;
        record += 1;
        sheet.flush(at);
    }
}
