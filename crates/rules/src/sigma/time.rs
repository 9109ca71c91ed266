//! Timestamps as rules see them: the calendar parts that are written, zone left alone.
//!
//! `minute hour day week month year` look at what the record *says*; `2026-03-01T23:30:00+02:00`
//! is hour 23 whatever UTC makes of it. A value that is not a calendar timestamp has no parts, so
//! every such test on it is false.

use jiff::civil::Date;

use super::ir::TimePart;

/// The parts of one written timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeParts {
    date: Date,
    hour: i64,
    minute: i64,
}

impl TimeParts {
    /// Reads `YYYY-MM-DD`, optionally followed by `T` or a blank and `hh:mm[:ss[.fraction]]`,
    /// optionally followed by a zone (`Z`, `UTC`, `±hh[:]mm`), which is ignored. `/` may stand for `-`
    /// in the date. A bare date is midnight.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = text.as_bytes();
        let separator = *bytes.get(4)?;
        if !matches!(separator, b'-' | b'/') || bytes.get(7) != Some(&separator) {
            return None;
        }
        let year = digits(text.get(0..4)?)?;
        let month = digits(text.get(5..7)?)?;
        let day = digits(text.get(8..10)?)?;
        let date =
            Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let rest = text.get(10..)?;
        if rest.is_empty() {
            return Some(Self { date, hour: 0, minute: 0 });
        }
        let clock = rest.strip_prefix(['T', 't', ' '])?;
        let hour = digits(clock.get(0..2)?)?;
        let minute = digits(clock.get(3..5)?)?;
        if clock.as_bytes().get(2) != Some(&b':') || hour > 23 || minute > 59 {
            return None;
        }
        let mut tail = clock.get(5..)?;
        if let Some(seconds) = tail.strip_prefix(':') {
            // 60 is a leap second.
            if digits(seconds.get(0..2)?)? > 60 {
                return None;
            }
            tail = seconds.get(2..)?;
            if let Some(fraction) = tail.strip_prefix(['.', ',']) {
                let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                if rest.len() == fraction.len() {
                    return None;
                }
                tail = rest;
            }
        }
        is_zone(tail.trim_start()).then_some(Self { date, hour, minute })
    }

    /// One part as a number. Weeks are ISO 8601 weeks, 1 to 53.
    pub fn part(&self, part: TimePart) -> i64 {
        match part {
            TimePart::Minute => self.minute,
            TimePart::Hour => self.hour,
            TimePart::Day => i64::from(self.date.day()),
            TimePart::Week => i64::from(self.date.iso_week_date().week()),
            TimePart::Month => i64::from(self.date.month()),
            TimePart::Year => i64::from(self.date.year()),
        }
    }
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn is_zone(text: &str) -> bool {
    if text.is_empty() || ["z", "utc", "gmt"].iter().any(|zone| text.eq_ignore_ascii_case(zone)) {
        return true;
    }
    let Some(offset) = text.strip_prefix(['+', '-']) else { return false };
    let shape: Vec<bool> = offset.bytes().map(|byte| byte.is_ascii_digit()).collect();
    match shape.as_slice() {
        [true, true] | [true, true, true, true] => true,
        [true, true, false, true, true] => offset.as_bytes().get(2) == Some(&b':'),
        _ => false,
    }
}
