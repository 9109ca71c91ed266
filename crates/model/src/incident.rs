//! Incidents that others recorded, and occasions of a calendar: what is counted when nobody looks at evidence.
//!
//! Days are intervals, because collections write the first of a month, or of a year, where they do not know better.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{civil_from_days, days_from_civil};

/// A day of the Gregorian calendar: days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(pub i32);

impl Day {
    /// Year (1 to 9999), month, day; `None` if there is no such day.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Day> {
        if !(1..=9_999).contains(&year) || !(1..=12).contains(&month) {
            return None;
        }
        let wanted = (i64::from(year), i64::from(month), i64::from(day));
        let days = days_from_civil(wanted.0, wanted.1, wanted.2);
        (civil_from_days(days) == wanted).then_some(Day(days as i32))
    }

    /// Year, month, day.
    pub fn civil(self) -> (i32, u8, u8) {
        let (y, m, d) = civil_from_days(i64::from(self.0));
        (y as i32, m as u8, d as u8)
    }

    /// `YYYY-MM-DD`, and nothing else.
    pub fn parse(text: &str) -> Option<Day> {
        let b = text.as_bytes();
        if b.len() != 10 || b.get(4) != Some(&b'-') || b.get(7) != Some(&b'-') {
            return None;
        }
        let part = |from: usize, to: usize| {
            text.get(from..to).filter(|t| t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok())
        };
        Day::new(part(0, 4)?, u8::try_from(part(5, 7)?).ok()?, u8::try_from(part(8, 10)?).ok()?)
    }

    /// The last day of its month.
    pub fn month_end(self) -> Day {
        let (y, m, _) = self.civil();
        let (y, m) = if m == 12 { (y + 1, 1) } else { (y, m + 1) };
        Day(days_from_civil(i64::from(y), i64::from(m), 1) as i32 - 1)
    }

    /// The last day of its year.
    pub fn year_end(self) -> Day {
        Day(days_from_civil(i64::from(self.civil().0) + 1, 1, 1) as i32 - 1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.civil();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Day, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Day::parse(&text).ok_or_else(|| serde::de::Error::custom("not a day of the form YYYY-MM-DD"))
    }
}

/// An interval of days, both ends included: what a date is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Days {
    /// The earliest day it can be.
    pub first: Day,
    /// The latest day it can be; never before `first`.
    pub last: Day,
}

impl Days {
    /// From two ends in either order.
    pub fn new(a: Day, b: Day) -> Days {
        Days { first: a.min(b), last: a.max(b) }
    }

    /// One day.
    pub fn day(day: Day) -> Days {
        Days { first: day, last: day }
    }

    /// How many days.
    pub fn len(self) -> i64 {
        i64::from(self.last.0) - i64::from(self.first.0) + 1
    }

    /// Never: an interval has at least one day.
    pub fn is_empty(self) -> bool {
        false
    }

    /// Which share of this interval lies in another, 0 to 1.
    pub fn share_in(self, other: Days) -> f64 {
        let first = self.first.0.max(other.first.0);
        let last = self.last.0.min(other.last.0);
        let common = i64::from(last) - i64::from(first) + 1;
        common.max(0) as f64 / self.len() as f64
    }
}

/// An incident as a collection of incidents records it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// The collection's name and its own id there: `eurepoc:1356`.
    pub id: String,
    /// What the collection calls it.
    pub title: String,
    /// When it began.
    pub days: Days,
    /// When it became known or was attributed, if the collection says.
    pub reported: Option<Days>,
    /// States it is attributed to: ISO 3166-1 alpha-2 codes where known, else the collection's words. Sorted.
    pub states: Vec<String>,
    /// What kinds of organisations it hit, in the collection's words. Sorted.
    pub sectors: Vec<String>,
    /// Countries whose organisations it hit: ISO 3166-1 alpha-2 codes where known, else the collection's words. Sorted; empty
    /// where the collection does not say.
    #[serde(default)]
    pub countries: Vec<String>,
    /// What kind of operation it was, in the collection's words. Sorted.
    pub kinds: Vec<String>,
}

/// An entry of a calendar: an election, an anniversary, an exercise, sanctions, a test of missiles.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Occasion {
    /// When.
    pub days: Days,
    /// What kind: `election`, `missile-test`.
    pub kind: String,
    /// The state concerned: an ISO 3166-1 alpha-2 code, or empty.
    pub state: String,
    /// What it is called.
    pub title: String,
}
