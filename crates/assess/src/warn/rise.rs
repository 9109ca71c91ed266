//! Rises over what is usual in one's own findings: counts by day of each rule and each channel.
//!
//! Each count is held against the Gamma–Poisson predictive of the days before it. How surprising it must be follows from a
//! budget of false alarms for all series and days together, so that a thousand rules do not cry a thousand times.
//!
//! What this part never does: say why. A rise may be an attack, a new rule, or a log that began to arrive.

use std::collections::BTreeMap;

use palisade_model::{Day, Time};
use serde::Serialize;

use super::gamma::{Drift, Mix};
use super::series::Outcome;

/// A finding, as far as counting needs it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen<'a> {
    /// When.
    pub time: Time,
    /// The rule's id.
    pub rule: &'a str,
    /// The rule's title.
    pub title: &'a str,
    /// The channel's name.
    pub vector: &'a str,
}

/// A day on which more came than was usual.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Rise {
    /// The day.
    pub day: Day,
    /// The rule's id, or `vector:host`.
    pub series: String,
    /// What it is called.
    pub title: String,
    /// Findings of that day.
    pub count: u64,
    /// What was expected of it.
    pub expected: f64,
    /// P(so many or more), had nothing changed.
    pub probability: f64,
    /// False alarms to be expected at this probability in thirty days over all series.
    pub false_alarms: f64,
}

/// What was looked at.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Rises {
    /// The rises, by probability, then day, then series.
    pub rises: Vec<Rise>,
    /// Series that were watched.
    pub series: usize,
    /// Days that were judged, of each.
    pub days: usize,
    /// First and last day of the findings.
    pub span: Option<(Day, Day)>,
    /// Findings of days that are still to come, which were not counted: their time is wrong.
    pub later: usize,
}

/// Days that only teach what is usual.
pub const WARM_UP: usize = 14;
/// Longest span that is judged, in days; of a longer one, the end.
const MAX_DAYS: i32 = 3_660;
/// A day in microseconds: UTC.
const DAY: i64 = 86_400_000_000;

/// Finds rises; `budget` false alarms may be expected in thirty days. What is later than `today` is left out and counted: one
/// false time would otherwise move the span that is judged past all that is true.
pub fn rises<'a>(findings: impl Iterator<Item = Seen<'a>>, budget: f64, today: Day) -> Rises {
    let mut later = 0;
    let mut counts: BTreeMap<String, (String, BTreeMap<i32, u64>)> = BTreeMap::new();
    let (mut first, mut last) = (i32::MAX, i32::MIN);
    for seen in findings {
        let day = seen.time.0.div_euclid(DAY) as i32;
        if day > today.0 {
            later += 1;
            continue;
        }
        (first, last) = (first.min(day), last.max(day));
        let vector = seen.vector;
        let both = [
            (seen.rule.to_owned(), seen.title.to_owned()),
            (format!("vector:{vector}"), format!("all findings of channel {vector}")),
        ];
        for (key, title) in both {
            let (kept, days) = counts.entry(key).or_insert_with(|| (title.clone(), BTreeMap::new()));
            // Two titles of one rule: the same one whatever the order of the findings.
            if title < *kept {
                *kept = title;
            }
            *days.entry(day).or_default() += 1;
        }
    }
    if first > last {
        return Rises { later, ..Rises::default() };
    }
    first = first.max(last.saturating_sub(MAX_DAYS));
    let days = (last - first + 1) as usize;
    let series = counts.len();
    let span = Some((Day(first), Day(last)));
    let judged = days.saturating_sub(WARM_UP);
    let mut rises = Vec::new();
    for (key, (title, by_day)) in counts {
        let mut drift = Drift::default();
        for (n, day) in (first..=last).enumerate() {
            let count = by_day.get(&day).copied().unwrap_or(0);
            let predicted = drift.predict(1, 1.0);
            if n >= WARM_UP && count as f64 > predicted.mean() {
                let probability = tail(&predicted, count);
                let false_alarms = probability * 30.0 * series as f64;
                if false_alarms <= budget {
                    rises.push(Rise {
                        day: Day(day),
                        series: key.clone(),
                        title: title.clone(),
                        count,
                        expected: predicted.mean(),
                        probability,
                        false_alarms,
                    });
                }
            }
            drift.learn(&Outcome::exactly(count), 1.0);
        }
    }
    rises.sort_by(|a, b| {
        a.probability.total_cmp(&b.probability).then_with(|| (a.day, &a.series).cmp(&(b.day, &b.series)))
    });
    Rises { rises, series, days: judged, span, later }
}

/// P(Y ≥ y): summed from `y` up, because 1 minus the rest loses what is rare.
fn tail(mix: &Mix, y: u64) -> f64 {
    let mut sum = 0.0;
    for k in y..y.saturating_add(10_000) {
        let p: f64 = mix.0.iter().map(|(w, g, e)| w * g.ln_pmf(k, *e).exp()).sum();
        sum += p;
        if p < sum * 1e-9 {
            break;
        }
    }
    sum.min(1.0)
}
