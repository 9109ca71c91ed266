//! Times as text logs write them.

use palisade_model::Time;

use super::row::When;

/// `Jan` … `dec` as 1 … 12.
pub(super) fn month(name: &[u8]) -> Option<i64> {
    const NAMES: &[u8; 36] = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let lower = [*name.first()? | 0x20, *name.get(1)? | 0x20, *name.get(2)? | 0x20];
    let at = NAMES.chunks_exact(3).position(|n| n == lower)?;
    i64::try_from(at + 1).ok()
}

/// A number of `n` digits at `at`.
pub(super) fn number(b: &[u8], at: usize, n: usize) -> Option<i64> {
    b.get(at..at + n)?.iter().try_fold(0i64, |v, d| d.is_ascii_digit().then(|| v * 10 + i64::from(d - b'0')))
}

/// `10/Oct/2000:13:55:36 -0700` (Apache's `%t`): day, month, year, zone; always 26 characters.
pub(super) fn clf(b: &[u8]) -> Option<Time> {
    if b.len() < 26 || b[2] != b'/' || b[6] != b'/' || b[11] != b':' || b[20] != b' ' {
        return None;
    }
    let date = (number(b, 7, 4)?, month(&b[3..6])?, number(b, 0, 2)?);
    let clock = (number(b, 12, 2)?, number(b, 15, 2)?, number(b, 18, 2)?);
    Time::from_civil(date, clock, 0, zone(b, 21)?)
}

/// `-0700` or `-07:00` in minutes.
fn zone(b: &[u8], at: usize) -> Option<i64> {
    let hours = number(b, at + 1, 2)?;
    let colon = usize::from(b.get(at + 3) == Some(&b':'));
    let minutes = hours * 60 + number(b, at + 3 + colon, 2)?;
    match b.get(at)? {
        b'+' => Some(minutes),
        b'-' => Some(-minutes),
        _ => None,
    }
}

/// A fraction of a second after a point at `at`: microseconds, and where it ends.
pub(super) fn fraction(b: &[u8], at: usize) -> (i64, usize) {
    if !matches!(b.get(at), Some(b'.' | b',')) || !b.get(at + 1).is_some_and(u8::is_ascii_digit) {
        return (0, at);
    }
    let mut micros = 0;
    let mut scale = 100_000;
    let mut end = at + 1;
    while let Some(d) = b.get(end).filter(|d| d.is_ascii_digit()) {
        micros += i64::from(d - b'0') * scale;
        scale /= 10;
        end += 1;
    }
    (micros, end)
}

/// A time of syslog without a year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Yearless {
    pub month: i64,
    pub day: i64,
    pub clock: (i64, i64, i64),
    pub micros: i64,
}

impl Yearless {
    /// In this year, as if it were UTC.
    pub fn in_year(self, year: i64) -> Option<Time> {
        Time::from_civil((year, self.month, self.day), self.clock, self.micros, 0)
    }
}

/// What stands at the head of a line of syslog as its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stamp {
    /// `Oct 11 22:14:15` (RFC 3164).
    Yearless(Yearless),
    /// One with a year, with or without a zone.
    When(When),
}

/// Reads the time that a line begins with; where it ends.
pub(super) fn stamp(b: &[u8]) -> Option<(Stamp, usize)> {
    if b.first()?.is_ascii_digit() {
        return iso(b).map(|(when, end)| (Stamp::When(when), end));
    }
    // `Oct 11 22:14:15`, `Oct  1 …`, `Oct 1 …`, `Oct 11 2023 22:…`, `Oct 11 22:14:15.123`
    let month = month(b)?;
    if b.get(3) != Some(&b' ') {
        return None;
    }
    let mut at = if b.get(4) == Some(&b' ') { 5 } else { 4 };
    let digits = b.get(at..)?.iter().take_while(|c| c.is_ascii_digit()).count();
    if !(1..=2).contains(&digits) || b.get(at + digits) != Some(&b' ') {
        return None;
    }
    let day = number(b, at, digits)?;
    at += digits + 1;
    let year = match (number(b, at, 4), b.get(at + 4)) {
        (Some(year), Some(b' ')) => {
            at += 5;
            Some(year)
        }
        _ => None,
    };
    let clock = (number(b, at, 2)?, number(b, at + 3, 2)?, number(b, at + 6, 2)?);
    if b.get(at + 2) != Some(&b':') || b.get(at + 5) != Some(&b':') {
        return None;
    }
    let (micros, end) = fraction(b, at + 8);
    let time = Yearless { month, day, clock, micros };
    // A date that no year has is no time; the 29th of February is one.
    time.in_year(2024)?;
    match year {
        Some(year) => Some((Stamp::When(When::Local(time.in_year(year)?)), end)),
        None => Some((Stamp::Yearless(time), end)),
    }
}

/// `2003-10-11T22:14:15.003Z`, with a blank for `T`, with or without a zone; where it ends.
pub(super) fn iso(b: &[u8]) -> Option<(When, usize)> {
    if b.get(4) != Some(&b'-') || b.get(7) != Some(&b'-') || !matches!(b.get(10), Some(b'T' | b' ' | b't')) {
        return None;
    }
    if b.get(13) != Some(&b':') || b.get(16) != Some(&b':') {
        return None;
    }
    let date = (number(b, 0, 4)?, number(b, 5, 2)?, number(b, 8, 2)?);
    let clock = (number(b, 11, 2)?, number(b, 14, 2)?, number(b, 17, 2)?);
    let (micros, mut end) = fraction(b, 19);
    let ahead = match b.get(end) {
        Some(b'Z' | b'z') => {
            end += 1;
            Some(0)
        }
        Some(b'+' | b'-') => {
            let minutes = zone(b, end)?;
            end += if b.get(end + 3) == Some(&b':') { 6 } else { 5 };
            Some(minutes)
        }
        _ => None,
    };
    let time = Time::from_civil(date, clock, micros, ahead.unwrap_or(0))?;
    Some((if ahead.is_some() { When::At(time) } else { When::Local(time) }, end))
}

/// `1604996384.965`: seconds since 1970 with a fraction.
pub(super) fn epoch(text: &str) -> Option<Time> {
    let b = text.as_bytes();
    let digits = b.iter().take_while(|c| c.is_ascii_digit()).count();
    if !(1..=12).contains(&digits) {
        return None;
    }
    let seconds = number(b, 0, digits)?;
    let (micros, end) = fraction(b, digits);
    if end != b.len() {
        return None;
    }
    Time::from_unix_micros(seconds.checked_mul(1_000_000)?.checked_add(micros)?)
}
