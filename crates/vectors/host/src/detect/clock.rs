//! Room: `vectors/host`, door `detect` — machines whose records give two times of their own that lie whole quarters of an
//! hour apart: an exporter wrote local time and called it UTC, or lost the afternoon of a twelve-hour clock.
//!
//! What this module never does: move a time. It says by how much, and the analyst decides.

use std::collections::BTreeMap;

use palisade_model::{Origin, Problem, ProblemCode, Time};

use super::facts::{Facts, Kind};

/// A quarter of an hour, which every zone's offset is a multiple of, in microseconds.
const QUARTER: i64 = 900 * 1_000_000;

/// A record is written so soon after what it tells of.
const SOON: i64 = 90 * 1_000_000;

/// Zones reach from -12 to +14 hours, and a twelve-hour clock without its half of the day is wrong by twelve more.
const MOST: i64 = 26 * 4;

/// Machines told one by one; the rest are a number.
const MAX_TOLD: usize = 20;

/// Least records that must agree on a distance.
const LEAST: u64 = 20;

/// By how many quarters of an hour a time lies ahead of another; `None` if they lie apart by anything else.
pub(super) fn ahead(own: &str, time: Time) -> Option<i64> {
    let (own, _) = Time::parse_parts(own).ok()?;
    let apart = own.0.checked_sub(time.0)?;
    let quarters = apart.checked_add(QUARTER / 2)?.div_euclid(QUARTER);
    let whole = apart.abs_diff(quarters.checked_mul(QUARTER)?) <= SOON.unsigned_abs();
    (whole && quarters.abs() <= MOST).then_some(quarters)
}

/// One problem for each machine whose records disagree with themselves.
pub(super) fn problems(facts: &Facts) -> Vec<Problem> {
    let mut hosts: BTreeMap<&str, BTreeMap<i64, u64>> = BTreeMap::new();
    let entries = facts.each(Kind::Clock);
    for (parts, entry) in &entries {
        let [quarters, host] = parts[..] else { continue };
        let Ok(quarters) = quarters.parse::<i64>() else { continue };
        *hosts.entry(host).or_default().entry(quarters).or_default() += entry.count;
    }
    let origin = Origin::file("analytics");
    let mut out = Vec::new();
    let mut more = 0;
    for (host, counts) in &hosts {
        let all: u64 = counts.values().sum();
        let apart = counts.iter().filter(|(q, n)| **q != 0 && **n >= LEAST && **n * 10 >= all);
        let mut apart: Vec<(u64, i64)> = apart.map(|(q, n)| (*n, *q)).collect();
        apart.sort_by_key(|(n, q)| (std::cmp::Reverse(*n), *q));
        if apart.is_empty() {
            continue;
        }
        if out.len() >= MAX_TOLD {
            more += 1;
            continue;
        }
        let told: Vec<String> =
            apart.iter().map(|(n, q)| format!("{} in {n} of {all} records", distance(*q))).collect();
        let named = if host.is_empty() { "records without a machine" } else { host };
        let text = format!(
            "{named}: the time that the log wrote and the UTC that the same records give lie apart: {}. Whoever saved the log wrote \
             local time as UTC. Its records are in order among themselves; before they are compared with other sources, add that to their times",
            told.join(", ")
        );
        out.push(Problem::new(ProblemCode::NoZone, &origin, None, text));
    }
    if more > 0 {
        let text = "more machines whose records give two times of their own that lie apart".to_owned();
        out.push(Problem { count: more, ..Problem::new(ProblemCode::NoZone, &origin, None, text) });
    }
    out
}

/// `+7 h`, `-5 h 30 min`.
fn distance(quarters: i64) -> String {
    let sign = if quarters < 0 { '-' } else { '+' };
    let minutes = quarters.abs() * 15;
    match minutes % 60 {
        0 => format!("{sign}{} h", minutes / 60),
        rest => format!("{sign}{} h {rest} min", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_of_an_hour() {
        let at = |text: &str| Time::parse_parts(text).unwrap().0;
        let log = at("2023-08-18T08:56:04.508Z");
        for (own, want) in [
            ("2023-08-18 08:56:04.500", Some(0)),
            ("2023-08-18 15:56:03.100", Some(28)),
            ("2023-08-19 03:56:04.100", Some(76)),
            ("2023-08-18 03:25:50.000", Some(-22)),
            // An old record, written late, is no zone.
            ("2023-08-18 04:21:47.200", None),
            // Nor are two days.
            ("2023-08-20 08:56:04.100", None),
            ("nonsense", None),
        ] {
            assert_eq!(ahead(own, log), want, "{own}");
        }
        assert_eq!((distance(76), distance(-22)), ("+19 h".to_owned(), "-5 h 30 min".to_owned()));
    }
}
