//! Time as evidence has it: UTC microseconds, the original text kept elsewhere.

use std::fmt;

/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z.
///
/// Every constructor stays within [`Time::MIN`] and [`Time::MAX`], the years 0000 to 9999 that
/// RFC 3339 can write: what is shown can be read back, and text order is time order. Evidence
/// that names a later moment (a FILETIME reaches the year 60056) has no readable time.
/// Leap seconds are not represented: second 60 is read as second 59.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(pub i64);

/// Why a text is not a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TimeError {
    /// The text does not have the form `YYYY-MM-DD[T ]HH:MM[:SS[.fraction]][zone]`.
    #[error("not a date and time of the form YYYY-MM-DDTHH:MM:SS[.fraction][Z|±HH:MM]")]
    Form,
    /// The text has the right form but names no zone, and the caller gave none.
    #[error("the time names no zone; declare one with --assume-timezone")]
    NoZone,
}

/// Microseconds from 1601-01-01 (the FILETIME epoch) to 1970-01-01.
const FILETIME_TO_UNIX_US: i64 = 11_644_473_600_000_000;

impl Time {
    /// `0000-01-01T00:00:00.000000Z`.
    pub const MIN: Time = Time(-62_167_219_200_000_000);
    /// `9999-12-31T23:59:59.999999Z`.
    pub const MAX: Time = Time(253_402_300_799_999_999);

    /// From microseconds since 1970 UTC, if the year has four digits.
    pub fn from_unix_micros(us: i64) -> Option<Time> {
        Some(Time(us)).filter(|t| (Time::MIN..=Time::MAX).contains(t))
    }

    /// From a Windows FILETIME: 100 ns units since 1601-01-01 UTC (MS-DTYP 2.3.3).
    /// The last digit (100 ns) is dropped; `None` after the year 9999.
    pub fn from_filetime(ft: u64) -> Option<Time> {
        // u64::MAX / 10 fits an i64 with room for the subtraction.
        Time::from_unix_micros((ft / 10) as i64 - FILETIME_TO_UNIX_US)
    }

    /// From whole seconds since 1970 UTC. Saturates at [`Time::MIN`] and [`Time::MAX`].
    pub fn from_unix_seconds(s: i64) -> Time {
        Time(s.saturating_mul(1_000_000)).clamp(Time::MIN, Time::MAX)
    }

    /// Reads an RFC 3339 time, or the same with a blank for `T`.
    ///
    /// Fractions of any length are accepted and cut to microseconds. Returns the
    /// time as if the text were UTC, and whether it named a zone: a caller with a
    /// zone-less text applies the source's declared zone itself.
    pub fn parse_parts(text: &str) -> Result<(Time, bool), TimeError> {
        let b = text.trim_ascii().as_bytes();
        if b.len() < 16 || b[4] != b'-' || b[7] != b'-' || b[13] != b':' {
            return Err(TimeError::Form);
        }
        if b[10] != b'T' && b[10] != b' ' && b[10] != b't' {
            return Err(TimeError::Form);
        }
        let year = digits(b, 0, 4)?;
        let month = digits(b, 5, 2)?;
        let day = digits(b, 8, 2)?;
        let hour = digits(b, 11, 2)?;
        let minute = digits(b, 14, 2)?;
        let mut at = 16;
        let mut second = 0;
        let mut micros = 0i64;
        if b.get(at) == Some(&b':') {
            second = digits(b, at + 1, 2)?.min(59);
            at += 3;
            if matches!(b.get(at), Some(b'.' | b',')) {
                at += 1;
                let mut scale = 100_000;
                let start = at;
                while let Some(d) = b.get(at).filter(|d| d.is_ascii_digit()) {
                    micros += i64::from(d - b'0') * scale;
                    scale /= 10;
                    at += 1;
                }
                if at == start {
                    return Err(TimeError::Form);
                }
            }
        }
        if !(1..=12).contains(&month) || day < 1 || hour > 23 || minute > 59 {
            return Err(TimeError::Form);
        }
        let mut rest = &b[at..];
        while let [b' ', tail @ ..] = rest {
            rest = tail;
        }
        let offset_minutes = match rest {
            [] => None,
            [b'Z' | b'z'] | [b'U', b'T', b'C'] => Some(0),
            [sign @ (b'+' | b'-'), zone @ ..] => {
                let (h, m) = match zone.len() {
                    2 => (digits(zone, 0, 2)?, 0),
                    4 => (digits(zone, 0, 2)?, digits(zone, 2, 2)?),
                    5 if zone[2] == b':' => (digits(zone, 0, 2)?, digits(zone, 3, 2)?),
                    _ => return Err(TimeError::Form),
                };
                if h > 18 || m > 59 {
                    return Err(TimeError::Form);
                }
                let total = h * 60 + m;
                Some(if *sign == b'-' { -total } else { total })
            }
            _ => return Err(TimeError::Form),
        };
        let offset = offset_minutes.unwrap_or(0);
        let time = Time::from_civil((year, month, day), (hour, minute, second), micros, offset);
        Ok((time.ok_or(TimeError::Form)?, offset_minutes.is_some()))
    }

    /// From a date (year, month, day), a time of day (hour, minute, second), microseconds, and
    /// the minutes that the zone is ahead of UTC. `None` if there is no such moment in the
    /// calendar; second 60 is read as second 59.
    pub fn from_civil(
        (year, month, day): (i64, i64, i64),
        (hour, minute, second): (i64, i64, i64),
        micros: i64,
        ahead: i64,
    ) -> Option<Time> {
        let clock = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
        let date = (0..=9_999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        if !clock || !date || !(0..1_000_000).contains(&micros) || ahead.abs() > 18 * 60 + 59 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        // February 30th is the start of March to the formula, and no date to anybody else.
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second.min(59) - ahead * 60;
        Time::from_unix_micros(seconds * 1_000_000 + micros)
    }

    /// Reads a time that must name its zone.
    pub fn parse(text: &str) -> Result<Time, TimeError> {
        match Time::parse_parts(text)? {
            (t, true) => Ok(t),
            (_, false) => Err(TimeError::NoZone),
        }
    }

    /// Year, month, day, hour, minute, second, microsecond in UTC.
    pub fn civil(self) -> (i64, i64, i64, i64, i64, i64, i64) {
        let seconds = self.0.div_euclid(1_000_000);
        let micros = self.0.rem_euclid(1_000_000);
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400);
        let (y, m, d) = civil_from_days(days);
        (y, m, d, of_day / 3_600, of_day / 60 % 60, of_day % 60, micros)
    }
}

/// RFC 3339 with six fraction digits and `Z`: `2026-11-23T04:05:06.000007Z`; always 27 characters.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, mo, d, h, mi, s, us) = self.civil();
        write!(f, "{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{us:06}Z")
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Time, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Time::parse(&text).map_err(serde::de::Error::custom)
    }
}

fn digits(b: &[u8], at: usize, n: usize) -> Result<i64, TimeError> {
    let mut v = 0i64;
    for d in b.get(at..at + n).ok_or(TimeError::Form)? {
        if !d.is_ascii_digit() {
            return Err(TimeError::Form);
        }
        v = v * 10 + i64::from(d - b'0');
    }
    Ok(v)
}

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `days_from_civil`).
pub(crate) fn days_from_civil(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The inverse of [`days_from_civil`], from the same source.
pub(crate) fn civil_from_days(z: i64) -> (i64, i64, i64) {
    let z = z + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(m <= 2), m, d)
}
