//! What stands inside a message of syslog, and which kind of record that makes it.

use super::filter;
use super::programs;
use super::row::Row;
use super::syslog::{Head, base};
use super::{cef, pairs};

/// Whether a text begins with a record that needs no tag in front.
pub(super) fn begins(text: &str) -> bool {
    text.starts_with("CEF:")
        || text.starts_with("LEEF:")
        || text.starts_with("date=")
        || text.starts_with("devname=")
        || text.starts_with("type=")
        || text.starts_with("node=")
        || text.starts_with('{')
        || text.starts_with('%')
}

/// Reads the message behind a head into a row; what is not recognised stays message.
pub(super) fn read(line: &str, head: &Head, row: &mut Row) {
    let from = head.message;
    let text = line.get(from..).unwrap_or("");
    let program = head.program.clone().map_or("", |p| line.get(base(line, p)).unwrap_or(""));
    // CEF may follow text that a relay put in front.
    if let Some(at) = find_near(text, "CEF:").or_else(|| find_near(text, "LEEF:")) {
        let before = row.values.len();
        if cef::parse_from(line, from + at, row).is_ok() {
            return;
        }
        row.back_to(before);
        row.streams.clear();
    }
    if text.starts_with("date=") || text.starts_with("devname=") {
        let before = row.values.len();
        if pairs::parse_from(line, from, row).is_ok() {
            return;
        }
        row.back_to(before);
        row.streams.clear();
    }
    if text.starts_with('{') && text.trim_end().ends_with('}') {
        return json(line, from, row);
    }
    if program.eq_ignore_ascii_case("kernel") && text.contains("SRC=") && text.contains("DST=") {
        return filter::netfilter(line, from, row);
    }
    if program.eq_ignore_ascii_case("filterlog") {
        return filter::filterlog(line, from, row);
    }
    if let Some(mark) = cisco(text) {
        row.put("mnemonic", from + mark.start + 1..from + mark.end);
        row.stream("cisco.ios");
        return;
    }
    programs::read(line, program, from, row);
}

fn find_near(text: &str, what: &str) -> Option<usize> {
    let mut near = text.len().min(64);
    while !text.is_char_boundary(near) {
        near -= 1;
    }
    text[..near].find(what)
}

/// `%SEC_LOGIN-4-LOGIN_FAILED` near the beginning of a message.
fn cisco(text: &str) -> Option<std::ops::Range<usize>> {
    let at = find_near(text, "%")?;
    let end = at + text[at..].find(':')?;
    let mut parts = text[at + 1..end].split('-');
    let facility = parts.next()?;
    let ok = facility.len() >= 2
        && facility.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
        && parts.any(|p| p.len() == 1 && p.bytes().all(|c| c.is_ascii_digit()));
    ok.then_some(at..end)
}

/// Deepest nesting of a JSON message that is read into fields.
const MAX_DEPTH: usize = 16;

/// Most values of a JSON message.
const MAX_VALUES: usize = 512;

/// A message that is a JSON object: its plain values under dotted names. What is no JSON stays message.
fn json(line: &str, from: usize, row: &mut Row) {
    let before = row.values.len();
    let made = row.made.len();
    let mut walk = Walk { line, at: from, row, values: 0, path: String::new() };
    if walk.object(0).is_none() {
        row.values.truncate(before);
        row.made.truncate(made);
    }
}

struct Walk<'l, 'r> {
    line: &'l str,
    at: usize,
    row: &'r mut Row,
    values: usize,
    path: String,
}

impl Walk<'_, '_> {
    fn blanks(&mut self) -> Option<u8> {
        let b = self.line.as_bytes();
        self.at += b.get(self.at..)?.iter().take_while(|c| c.is_ascii_whitespace()).count();
        b.get(self.at).copied()
    }

    fn string(&mut self) -> Option<(std::ops::Range<usize>, bool)> {
        let b = self.line.as_bytes();
        let start = self.at + 1;
        let mut end = start;
        let mut escaped = false;
        loop {
            match b.get(end)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        self.at = end + 1;
        Some((start..end, escaped))
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.at += 1;
        if self.blanks()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            if self.blanks()? != b'"' {
                return None;
            }
            let (name, _) = self.string()?;
            if self.blanks()? != b':' {
                return None;
            }
            self.at += 1;
            let above = self.path.len();
            if above > 0 {
                self.path.push('.');
            }
            self.path.push_str(self.line.get(name)?);
            self.value(depth)?;
            self.path.truncate(above);
            match self.blanks()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.blanks()? {
            b'{' => self.object(depth + 1),
            b'[' => {
                if depth >= MAX_DEPTH {
                    return None;
                }
                self.at += 1;
                if self.blanks()? == b']' {
                    self.at += 1;
                    return Some(());
                }
                loop {
                    self.value(depth + 1)?;
                    match self.blanks()? {
                        b',' => self.at += 1,
                        b']' => {
                            self.at += 1;
                            return Some(());
                        }
                        _ => return None,
                    }
                }
            }
            b'"' => {
                let (range, escaped) = self.string()?;
                let place = if escaped {
                    let plain = palisade_model::unescape_json(self.line.get(range)?).into_owned();
                    self.row.make(&plain)
                } else {
                    super::row::text(range)
                };
                self.put(place)
            }
            _ => {
                let b = self.line.as_bytes();
                let start = self.at;
                while b
                    .get(self.at)
                    .is_some_and(|c| !matches!(c, b',' | b'}' | b']') && !c.is_ascii_whitespace())
                {
                    self.at += 1;
                }
                let text = self.line.get(start..self.at)?;
                match text {
                    "null" => Some(()),
                    "true" | "false" => self.put(super::row::text(start..self.at)),
                    _ if text.parse::<f64>().is_ok() => self.put(super::row::text(start..self.at)),
                    _ => None,
                }
            }
        }
    }

    fn put(&mut self, place: super::row::Place) -> Option<()> {
        self.values += 1;
        if self.values <= MAX_VALUES {
            let name = self.row.make(&self.path);
            self.row.put_at(super::row::Name::At(name), place);
        } else {
            self.row.overflow = true;
        }
        Some(())
    }
}
