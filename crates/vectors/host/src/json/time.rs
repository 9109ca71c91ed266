//! Times as JSON logs write them.

use jiff::civil::{DateTime, Time as Clock, date};
use jiff::tz::TimeZone;
use palisade_model::Time;

/// What a text says about a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moment {
    /// A moment.
    At(Time),
    /// A local time, given as if it were UTC.
    Local(Time),
    /// No time.
    None,
}

/// Reads RFC 3339 and its relatives, or a count since 1970.
///
/// `local`: a text without zone is local time, not UTC.
pub(super) fn moment(text: &str, local: bool) -> Moment {
    let text = text.trim();
    let numeric = text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numeric {
        return since_1970(text).map_or(Moment::None, Moment::At);
    }
    match Time::parse_parts(text) {
        Ok((t, true)) => Moment::At(t),
        Ok((t, false)) if local => Moment::Local(t),
        Ok((t, false)) => Moment::At(t),
        Err(_) => slashed(text, local),
    }
}

/// A count since 1970-01-01 UTC. The unit follows from the magnitude: seconds reach
/// the year 5138, milliseconds start in 1973, microseconds and nanoseconds likewise.
fn since_1970(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let n: i64 = whole.parse().ok()?;
    let scaled = |unit: i64| {
        // Micros of the fraction, as far as the unit has any.
        let mut micros = 0i64;
        let mut scale = unit / 10;
        for d in fraction.bytes().filter(u8::is_ascii_digit) {
            micros += i64::from(d - b'0') * scale;
            scale /= 10;
        }
        n.checked_mul(unit)?.checked_add(micros).map(Time)
    };
    match n {
        0..100_000_000_000 => scaled(1_000_000),
        100_000_000_000..100_000_000_000_000 => scaled(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => Some(Time(n)),
        _ => Some(Time(n / 1_000)),
    }
}

/// `6/10/2020, 2:50:56.123 AM` (Log Analytics exports; month first), 24 h without AM/PM.
fn slashed(text: &str, local: bool) -> Moment {
    let read = || -> Option<Time> {
        let (day, rest) = text.split_once([',', ' '])?;
        let mut parts = day.split('/');
        let month: i8 = parts.next()?.parse().ok()?;
        let dom: i8 = parts.next()?.parse().ok()?;
        let year: i16 = parts.next()?.parse().ok()?;
        let mut rest = rest.trim().splitn(2, ' ');
        let mut clock = rest.next()?.split(':');
        let mut hour: i8 = clock.next()?.parse().ok()?;
        let minute: i8 = clock.next()?.parse().ok()?;
        let seconds = clock.next().unwrap_or("0");
        let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        match rest.next().map(str::trim) {
            Some("PM" | "pm") if hour < 12 => hour += 12,
            Some("AM" | "am") if hour == 12 => hour = 0,
            _ => {}
        }
        let mut nanos = 0i32;
        let mut scale = 100_000_000;
        for d in fraction.bytes().filter(u8::is_ascii_digit).take(9) {
            nanos += i32::from(d - b'0') * scale;
            scale /= 10;
        }
        let day = jiff::civil::Date::new(year, month, dom).ok()?;
        let clock = Clock::new(hour, minute, second.parse().ok()?, nanos).ok()?;
        micros_as_utc(day.to_datetime(clock))
    };
    match read() {
        Some(t) if local => Moment::Local(t),
        Some(t) => Moment::At(t),
        None => Moment::None,
    }
}

fn micros_as_utc(at: DateTime) -> Option<Time> {
    let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
    Time::from_unix_micros(i64::try_from(at.duration_since(epoch).as_micros()).ok()?)
}

/// A local time in its zone. A time that a clock change skips or repeats is read
/// with the offset before the change.
pub(crate) fn in_zone(local: Time, zone: &TimeZone) -> Option<Time> {
    let (y, mo, d, h, mi, s, us) = local.civil();
    let civil = DateTime::new(
        i16::try_from(y).ok()?,
        mo as i8,
        d as i8,
        h as i8,
        mi as i8,
        s as i8,
        (us * 1_000) as i32,
    )
    .ok()?;
    let stamp = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Time::from_unix_micros(stamp.as_microsecond())
}
