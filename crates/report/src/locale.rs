//! Dates, numbers and sizes as a reader's country writes them.
//!
//! What this module never does: ask the machine for its locale or zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use palisade_model::Time;

/// How dates and numbers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Locale {
    /// English for readers of every country: 2026-11-23, 1,234.5.
    #[default]
    En,
    /// 23.11.2026, 1.234,5.
    De,
    /// 23/11/2026, 1 234,5.
    Fr,
    /// 2026. 11. 23., 1,234.5.
    Ko,
    /// 2026/11/23, 1,234.5.
    Ja,
    /// 23.11.2026, 1 234,5.
    Uk,
}

/// No line may break between the groups of a number: NO-BREAK SPACE, narrow in French (CLDR).
const NBSP: char = '\u{a0}';
const NARROW: char = '\u{202f}';

impl Locale {
    /// Every one.
    pub const ALL: [Locale; 6] = [Locale::En, Locale::De, Locale::Fr, Locale::Ko, Locale::Ja, Locale::Uk];

    /// Its language.
    pub fn name(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::De => "de",
            Locale::Fr => "fr",
            Locale::Ko => "ko",
            Locale::Ja => "ja",
            Locale::Uk => "uk",
        }
    }

    /// The locale of a language tag: `de`, `de-AT`, `de_DE.UTF-8`.
    pub fn parse(tag: &str) -> Option<Locale> {
        let language = tag.split(['-', '_', '.']).next()?;
        Locale::ALL.into_iter().find(|l| l.name().eq_ignore_ascii_case(language))
    }

    fn separators(self) -> (char, char) {
        match self {
            Locale::En | Locale::Ko | Locale::Ja => (',', '.'),
            Locale::De => ('.', ','),
            Locale::Fr => (NARROW, ','),
            Locale::Uk => (NBSP, ','),
        }
    }

    /// A whole number with its groups of thousands.
    pub fn number(self, n: u64) -> String {
        group(&n.to_string(), self.separators().0)
    }

    /// A number with decimals. What is none is a dash.
    pub fn decimal(self, value: f64, decimals: usize) -> String {
        if !value.is_finite() {
            return "–".into();
        }
        let text = format!("{:.*}", decimals.min(9), value.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let (thousands, point) = self.separators();
        let sign = if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) { "−" } else { "" };
        let mut out = format!("{sign}{}", group(whole, thousands));
        if !fraction.is_empty() {
            out.push(point);
            out.push_str(fraction);
        }
        out
    }

    /// A share of one in percent: `97 %`.
    pub fn percent(self, share: f64) -> String {
        if !share.is_finite() {
            return "–".into();
        }
        let value = share.clamp(0.0, 1.0) * 100.0;
        // Nothing that was weighed is certain: 99.97 is not shown as 100.
        let text = if value > 99.0 && value < 100.0 {
            format!("> {}", self.decimal(99.0, 0))
        } else if value > 0.0 && value < 1.0 {
            format!("< {}", self.decimal(1.0, 0))
        } else {
            self.decimal(value, 0)
        };
        format!("{text}{NBSP}%")
    }

    /// A size in powers of 1,000, as disks are sold.
    pub fn bytes(self, n: u64) -> String {
        let mut value = n as f64;
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1_000.0 {
                let decimals = usize::from(unit != "B" && value < 10.0);
                return format!("{}{NBSP}{unit}", self.decimal(value, decimals));
            }
            value /= 1_000.0;
        }
        format!("{}{NBSP}TB", self.decimal(value, 1))
    }

    fn date_of(self, (y, m, d): (i64, i64, i64)) -> String {
        match self {
            Locale::En => format!("{y:04}-{m:02}-{d:02}"),
            Locale::De | Locale::Uk => format!("{d:02}.{m:02}.{y:04}"),
            Locale::Fr => format!("{d:02}/{m:02}/{y:04}"),
            Locale::Ko => format!("{y:04}.{NBSP}{m:02}.{NBSP}{d:02}."),
            Locale::Ja => format!("{y:04}/{m:02}/{d:02}"),
        }
    }

    /// The date in a zone.
    pub fn date(self, time: Time, zone: &TimeZone) -> String {
        let (y, m, d, ..) = civil(time, zone);
        self.date_of((y, m, d))
    }

    /// Date, hours, minutes and seconds in a zone.
    pub fn moment(self, time: Time, zone: &TimeZone) -> String {
        let (y, mo, d, h, mi, s) = civil(time, zone);
        format!("{} {h:02}:{mi:02}:{s:02}", self.date_of((y, mo, d)))
    }

    /// Hours and minutes in a zone.
    pub fn clock(self, time: Time, zone: &TimeZone) -> String {
        let (_, _, _, h, mi, _) = civil(time, zone);
        format!("{h:02}:{mi:02}")
    }
}

fn group(digits: &str, separator: char) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

/// Year to second in the zone; in UTC for the last day of the year 9999, which a zone may not reach.
fn civil(time: Time, zone: &TimeZone) -> (i64, i64, i64, i64, i64, i64) {
    match Timestamp::from_microsecond(time.0) {
        Ok(at) => {
            let at = zone.to_datetime(at);
            let (date, time) = ((at.year(), at.month(), at.day()), (at.hour(), at.minute(), at.second()));
            let n = |v: i8| i64::from(v);
            (i64::from(date.0), n(date.1), n(date.2), n(time.0), n(time.1), n(time.2))
        }
        Err(_) => {
            let (y, mo, d, h, mi, s, _) = time.civil();
            (y, mo, d, h, mi, s)
        }
    }
}

/// The zone's name, with its distance from UTC at a moment: `Europe/Kyiv (UTC+02:00)`.
pub fn zone_name(zone: &TimeZone, at: Time) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let seconds = zone.to_offset(at).seconds();
    let sign = if seconds < 0 { '−' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
    match zone.iana_name() {
        Some("UTC" | "Etc/UTC") => "UTC".into(),
        Some(name) => format!("{name} (UTC{sign}{hours:02}:{minutes:02})"),
        None if seconds == 0 => "UTC".into(),
        None => format!("UTC{sign}{hours:02}:{minutes:02}"),
    }
}
