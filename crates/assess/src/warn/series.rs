//! From incidents with uncertain days to counts per period whose uncertainty is kept.

use palisade_model::{Day, Days, Incident};
use serde::Serialize;

/// Length of a period.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Monday to Sunday (ISO 8601).
    Week,
    /// A calendar month.
    Month,
}

impl Step {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Step::Week => "week",
            Step::Month => "month",
        }
    }

    /// Periods in six months: the blocks of the bootstrap.
    pub fn half_year(self) -> usize {
        match self {
            Step::Week => 26,
            Step::Month => 6,
        }
    }

    /// The period a day lies in.
    pub fn of(self, day: Day) -> Days {
        match self {
            Step::Week => {
                // 1970-01-01 was a Thursday.
                let monday = day.0 - (day.0 + 3).rem_euclid(7);
                Days { first: Day(monday), last: Day(monday + 6) }
            }
            Step::Month => {
                let (_, _, d) = day.civil();
                Days { first: Day(day.0 - i32::from(d) + 1), last: day.month_end() }
            }
        }
    }

    /// The period after one.
    pub fn next(self, period: Days) -> Days {
        self.of(Day(period.last.0 + 1))
    }

    /// Every whole period from the one with `first` to the last that ends by `last`; at most [`MAX_PERIODS`].
    pub fn periods(self, first: Day, last: Day) -> Vec<Days> {
        let mut all = Vec::new();
        let mut p = self.of(first);
        while p.last <= last && all.len() < MAX_PERIODS {
            all.push(p);
            p = self.next(p);
        }
        all
    }
}

/// Most periods of a series: a century of weeks.
pub const MAX_PERIODS: usize = 5_300;

/// Incidents of uncertain place in one period that are told apart; of more, the sum is rounded.
const MAX_LOOSE: usize = 400;

/// What is known of a count after its period.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// Incidents that surely lie in the period.
    pub sure: u64,
    /// P(so many of the uncertain ones lie in it), from none on. Sums to 1.
    loose: Vec<f64>,
    mean: f64,
}

impl Outcome {
    /// From sure incidents and the shares of uncertain ones.
    pub fn new(mut sure: u64, shares: &[f64]) -> Outcome {
        let mean = sure as f64 + shares.iter().sum::<f64>();
        let (told, rest) = shares.split_at(shares.len().min(MAX_LOOSE));
        sure += rest.iter().sum::<f64>().round() as u64;
        // Poisson binomial, one at a time.
        let mut loose = vec![1.0];
        for p in told {
            loose.push(0.0);
            for k in (1..loose.len()).rev() {
                loose[k] = loose[k] * (1.0 - p) + loose[k - 1] * p;
            }
            loose[0] *= 1.0 - p;
        }
        Outcome { sure, loose, mean }
    }

    /// A count that is known.
    pub fn exactly(n: u64) -> Outcome {
        Outcome::new(n, &[])
    }

    /// Expected count.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Expectation of a function of the count; where the probability is 0 it is not asked.
    pub fn expect(&self, f: impl Fn(u64) -> f64) -> f64 {
        (self.sure..).zip(&self.loose).filter(|(_, p)| **p > 1e-12).map(|(y, p)| p * f(y)).sum()
    }

    /// P(count ≥ k).
    pub fn at_least(&self, k: usize) -> f64 {
        self.expect(|y| if y >= k as u64 { 1.0 } else { 0.0 }).clamp(0.0, 1.0)
    }
}

/// Which incidents are counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize)]
pub struct Selection {
    /// Attributed to this state.
    pub state: Option<String>,
    /// That hit this sector.
    pub sector: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
}

impl Selection {
    /// Whether an incident is counted.
    pub fn takes(&self, i: &Incident) -> bool {
        let has = |wanted: &Option<String>, all: &[String]| {
            wanted.as_ref().is_none_or(|w| all.iter().any(|a| a.eq_ignore_ascii_case(w)))
        };
        has(&self.state, &i.states) && has(&self.sector, &i.sectors) && has(&self.kind, &i.kinds)
    }

    /// Whether everything is counted.
    pub fn is_all(&self) -> bool {
        *self == Selection::default()
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<&str> =
            [&self.state, &self.sector, &self.kind].into_iter().flatten().map(String::as_str).collect();
        if parts.is_empty() { f.write_str("all incidents") } else { f.write_str(&parts.join(", ")) }
    }
}

/// Counts of some incidents in each period; what may lie before or after counts by its share.
pub fn outcomes<'a>(incidents: impl Iterator<Item = &'a Incident>, periods: &[Days]) -> Vec<Outcome> {
    let mut sure = vec![0u64; periods.len()];
    let mut loose: Vec<Vec<f64>> = vec![Vec::new(); periods.len()];
    for i in incidents {
        let from = periods.partition_point(|p| p.last < i.days.first);
        for (n, period) in periods.iter().enumerate().skip(from).take_while(|(_, p)| p.first <= i.days.last) {
            let share = i.days.share_in(*period);
            match (share >= 1.0, sure.get_mut(n), loose.get_mut(n)) {
                (true, Some(s), _) => *s += 1,
                (false, _, Some(l)) => l.push(share),
                _ => {}
            }
        }
    }
    for shares in &mut loose {
        shares.sort_by(f64::total_cmp);
    }
    sure.into_iter().zip(loose).map(|(s, l)| Outcome::new(s, &l)).collect()
}

/// How complete the record is after so many months: P(reported by then), by age in whole months from 0.
///
/// Estimated from the incidents that say when they began and were reported, by the product-limit estimator in reversed
/// time (Lagakos, Barraj and De Gruttola 1988): only what was reported by `as_of` is in the data, so young incidents with
/// long delays are missing, and counting delays alone would call the record complete. Empty if fewer than 30 say both.
pub fn completeness(incidents: &[Incident], as_of: Day) -> Vec<f64> {
    const MONTHS: usize = 120;
    const LEAST: usize = 30;
    let mut at = vec![0.0; MONTHS + 1];
    // By age and delay, so that the risk set of a delay holds only what was old enough to show it.
    let mut risk = vec![0.0; MONTHS + 1];
    let mut n = 0;
    let middle = |d: Days| f64::midpoint(f64::from(d.first.0), f64::from(d.last.0));
    for i in incidents {
        let Some(reported) = i.reported else { continue };
        if reported == i.days && i.days.len() == 1 {
            // Its day is that of the report: it says nothing about delay.
            continue;
        }
        let age = (f64::from(as_of.0) - middle(i.days)) / 30.44;
        let delay = ((middle(reported) - middle(i.days)) / 30.44).max(0.0);
        if age < 0.0 || delay > age {
            continue;
        }
        let (delay, age) = ((delay as usize).min(MONTHS), (age as usize).min(MONTHS));
        n += 1;
        if let Some(a) = at.get_mut(delay) {
            *a += 1.0;
        }
        for r in risk.iter_mut().take(age + 1).skip(delay) {
            *r += 1.0;
        }
    }
    if n < LEAST {
        return Vec::new();
    }
    let mut out = vec![1.0; MONTHS + 1];
    for k in (0..MONTHS).rev() {
        let (later, at_risk) =
            (at.get(k + 1).copied().unwrap_or(0.0), risk.get(k + 1).copied().unwrap_or(0.0));
        let keep = if at_risk > 0.0 { 1.0 - later / at_risk } else { 1.0 };
        let next = out.get(k + 1).copied().unwrap_or(1.0);
        if let Some(o) = out.get_mut(k) {
            *o = next * keep;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods() {
        let day = |t: &str| Day::parse(t).unwrap();
        assert_eq!(Step::Week.of(day("2022-01-01")).first, day("2021-12-27"));
        assert_eq!(Step::Month.periods(day("2021-11-15"), day("2022-02-27")).len(), 3);
        assert_eq!(
            Step::Month.of(day("2024-02-29")),
            Days { first: day("2024-02-01"), last: day("2024-02-29") }
        );
    }

    #[test]
    fn mass_is_kept() {
        let day = |t: &str| Day::parse(t).unwrap();
        let year = Days { first: day("2021-01-01"), last: day("2021-12-31") };
        let i = Incident {
            id: "x".into(),
            title: String::new(),
            days: year,
            reported: None,
            states: vec![],
            sectors: vec![],
            countries: Vec::new(),
            kinds: vec![],
        };
        let all = outcomes([&i].into_iter(), &Step::Month.periods(year.first, year.last));
        assert!((all.iter().map(Outcome::mean).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((all[1].at_least(1) - 28.0 / 365.0).abs() < 1e-12);
        let two = Outcome::new(1, &[0.5, 0.5]);
        assert_eq!(
            [two.at_least(1), two.at_least(2), two.at_least(3), two.at_least(4)],
            [1.0, 0.75, 0.25, 0.0]
        );
    }
}
