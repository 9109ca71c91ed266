//! Times on the command line and in output: the only place of the binary that asks the clock.

use anyhow::{Result, bail};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};
use palisade_model::{Time, TimeError};

/// A zone by its IANA name or as an offset. `option` is repeated in the error.
pub fn zone(option: &str, name: &str) -> Result<TimeZone> {
    let wanted = name.trim();
    if let Some(zone) = offset(wanted) {
        return Ok(zone);
    }
    if !wanted.is_empty()
        && let Ok(zone) = TimeZone::get(wanted)
    {
        return Ok(zone);
    }
    match nearest(wanted) {
        Some(near) => bail!(
            "unknown time zone \"{name}\" for {option}; did you mean \"{near}\"? IANA names and offsets such as +02:00 are understood"
        ),
        None => bail!(
            "unknown time zone \"{name}\" for {option}; use an IANA name such as Europe/Kyiv or an offset such as +02:00"
        ),
    }
}

/// `+02:00`, `-0530`, `+2`.
fn offset(text: &str) -> Option<TimeZone> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits.get(..2)?.parse().ok()?, digits.get(2..)?.parse().ok()?),
        _ => return None,
    };
    if hours > 18 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().map(TimeZone::fixed)
}

/// The zone whose name, or whose city, is closest to a misspelt one.
fn nearest(name: &str) -> Option<String> {
    let wanted = name.to_lowercase().replace(' ', "_");
    let city = wanted.rsplit('/').next().unwrap_or(&wanted).to_owned();
    let best = jiff::tz::db()
        .available()
        .map(|known| {
            let known = known.as_str().to_owned();
            let lower = known.to_lowercase();
            let last = lower.rsplit('/').next().unwrap_or(&lower);
            let distance = edits(&lower, &wanted).min(edits(last, &city));
            (distance, known.len(), known)
        })
        .min()?;
    (best.0 <= 3 && best.0 * 2 <= city.len().max(2)).then_some(best.2)
}

/// Levenshtein distance of two short names.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(64).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(a != *b)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[right.len()]
}

/// This moment, by the machine's clock.
pub fn now() -> Time {
    Time(Timestamp::now().as_microsecond())
}

/// A moment named on the command line. Zone-less forms are meant in `zone`.
pub fn moment(option: &str, text: &str, zone: Option<&TimeZone>) -> Result<Time> {
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    let text = text.trim();
    if let Some(ago) = ago(text) {
        return Ok(Time(now().0.saturating_sub(ago)));
    }
    let local = |at: civil::DateTime| at.to_zoned(zone).map(|z| Time(z.timestamp().as_microsecond()));
    let wrong = || {
        anyhow::anyhow!(
            "cannot read \"{text}\" as the time for {option}; write 2026-11-23T04:05:06Z, 2026-11-23, or 7d for seven days before now"
        )
    };
    if text.len() == 10 {
        let date: civil::Date = text.parse().map_err(|_| wrong())?;
        return local(date.at(0, 0, 0, 0)).map_err(|_| wrong());
    }
    match Time::parse(text) {
        Ok(time) => Ok(time),
        Err(TimeError::NoZone) => {
            let at: civil::DateTime = text.replacen(' ', "T", 1).parse().map_err(|_| wrong())?;
            local(at).map_err(|_| wrong())
        }
        Err(TimeError::Form) => Err(wrong()),
    }
}

/// `7d`, `12h`, `30m`, `2w` in microseconds.
fn ago(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        'w' => 7 * 86_400,
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        _ => return None,
    };
    let number = text.get(..text.len() - 1)?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(unit)?.checked_mul(1_000_000)
}

/// How times are shown: UTC with `Z`, or in a zone with its offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    zone: Option<TimeZone>,
    name: Option<String>,
}

impl Clock {
    /// Shows times in a zone.
    pub fn new(zone: Option<TimeZone>, name: Option<String>) -> Clock {
        Clock { zone, name }
    }

    /// The zone's name for headings.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("UTC")
    }

    /// Appends RFC 3339 with microseconds.
    pub fn write(&self, time: Time, out: &mut Vec<u8>) {
        match self.zoned(time) {
            Some(at) => out.extend_from_slice(at.strftime("%Y-%m-%dT%H:%M:%S.%6f%:z").to_string().as_bytes()),
            None => utc(time, out),
        }
    }

    /// RFC 3339 with microseconds.
    pub fn exact(&self, time: Time) -> String {
        let mut out = Vec::with_capacity(32);
        self.write(time, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// For people: date and time to the second, the zone is said elsewhere.
    pub fn short(&self, time: Time) -> String {
        match self.zoned(time) {
            Some(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            None => {
                let (y, mo, d, h, mi, s, _) = time.civil();
                format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}")
            }
        }
    }

    fn zoned(&self, time: Time) -> Option<jiff::Zoned> {
        let zone = self.zone.as_ref()?;
        // A FILETIME reaches beyond the calendar that zones know; such times stay in UTC.
        Timestamp::from_microsecond(time.0).ok().map(|t| t.to_zoned(zone.clone()))
    }
}

/// `2026-11-23T04:05:06.000007Z`, digit by digit: this runs twice per finding.
fn utc(time: Time, out: &mut Vec<u8>) {
    let (year, month, day, hour, minute, second, micros) = time.civil();
    if !(0..=9999).contains(&year) {
        out.extend_from_slice(time.to_string().as_bytes());
        return;
    }
    let mut digits = |value: i64, n: u32, after: u8| {
        for place in (0..n).rev() {
            out.push(b'0' + ((value / 10i64.pow(place)) % 10) as u8);
        }
        out.push(after);
    };
    digits(year, 4, b'-');
    digits(month, 2, b'-');
    digits(day, 2, b'T');
    digits(hour, 2, b':');
    digits(minute, 2, b':');
    digits(second, 2, b'.');
    digits(micros, 6, b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_shown() {
        let utc = Clock::default();
        for text in
            ["2026-11-23T04:05:06.000007Z", "1601-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z"]
        {
            assert_eq!(utc.exact(Time::parse(text).unwrap()), text);
        }
        let t = moment("--since", "2026-11-23", None).unwrap();
        assert_eq!(utc.exact(t), "2026-11-23T00:00:00.000000Z");
        let kyiv = zone("--display-timezone", "Europe/Kyiv").unwrap();
        let t = moment("--since", "2026-11-23", Some(&kyiv)).unwrap();
        assert_eq!(utc.exact(t), "2026-11-22T22:00:00.000000Z");
        assert_eq!(Clock::new(Some(kyiv), None).exact(t), "2026-11-23T00:00:00.000000+02:00");
        assert!(moment("--since", "yesterday", None).is_err());
        assert_eq!(ago("7d"), Some(7 * 86_400_000_000));
        assert_eq!(ago("9999999999999999d"), None);
    }

    #[test]
    fn zones_suggested() {
        assert!(zone("--assume-timezone", "+02:00").is_ok());
        let error = zone("--assume-timezone", "Europe/Kyev").unwrap_err().to_string();
        assert!(error.contains("did you mean \"Europe/Kyiv\"") || error.contains("Europe/Kiev"), "{error}");
        assert!(zone("--assume-timezone", "").is_err());
    }
}
