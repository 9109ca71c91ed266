//! Forecasts against what came: Brier and log score, skill with an interval, reliability, alarms.
//!
//! Outcomes may be uncertain (a date that is a month wide); every score is then its expectation. The bootstrap draws
//! from a fixed sequence: the same forecasts give the same interval everywhere.

use serde::Serialize;

use super::gamma::Mix;
use super::series::Outcome;

/// One forecast and what came.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Scored {
    /// Forecast probability of the event.
    pub p: f64,
    /// The base rate's probability of it.
    pub base: f64,
    /// P(the event came).
    pub came: f64,
    /// Negative log probability of the count, forecast and base rate.
    pub log: (f64, f64),
}

impl Scored {
    /// Holds a forecast and a base rate against an outcome; the event is a count of `k` and more.
    pub fn new(forecast: &Mix, base: &Mix, outcome: &Outcome, k: usize) -> Scored {
        let log = |mix: &Mix| {
            let ln = |y: u64| {
                mix.0.iter().map(|(w, g, e)| w * g.ln_pmf(y, *e).exp()).sum::<f64>().max(1e-300).ln()
            };
            -outcome.expect(ln)
        };
        Scored {
            p: forecast.at_least(k),
            base: base.at_least(k),
            came: outcome.at_least(k),
            log: (log(forecast), log(base)),
        }
    }

    fn brier(&self, p: f64) -> f64 {
        self.came * (1.0 - p).powi(2) + (1.0 - self.came) * p * p
    }
}

/// A number and its interval.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Least and most, at the level stated beside.
    pub interval: (f64, f64),
}

/// How forecasts fared.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Skill {
    /// Periods scored.
    pub periods: usize,
    /// Mean Brier score of the forecast and of the base rate.
    pub brier: (f64, f64),
    /// `1 − Brier / Brier of the base rate`.
    pub brier_skill: Estimate,
    /// Mean log score (nats; less is better) of the forecast and of the base rate.
    pub log: (f64, f64),
    /// Nats gained per period over the base rate.
    pub log_gain: Estimate,
    /// Murphy's parts of the Brier score.
    pub murphy: Murphy,
    /// Alarms: periods for which the forecast was above the base rate.
    pub alarms: Alarms,
}

impl Skill {
    /// Whether both the interval of the Brier skill and that of the log gain lie above 0.
    pub fn proven(&self) -> bool {
        self.brier_skill.interval.0 > 0.0 && self.log_gain.interval.0 > 0.0
    }
}

/// Brier score = reliability − resolution + uncertainty (Murphy 1973), up to what ten bins leave out.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Murphy {
    /// Less is better.
    pub reliability: f64,
    /// More is better.
    pub resolution: f64,
    /// Of the weather itself.
    pub uncertainty: f64,
    /// The reliability diagram: mean forecast, how often it came, periods; bins without any are left out.
    pub bins: Vec<(f64, f64, usize)>,
}

/// Alarms by what came.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Alarms {
    /// How often the event came.
    pub base_rate: f64,
    /// Share of events with an alarm.
    pub hit_rate: f64,
    /// Share of alarms without an event.
    pub false_alarm_ratio: f64,
    /// Hit rate minus share of eventless periods with an alarm (Peirce 1884).
    pub peirce: f64,
}

/// Bootstrap samples.
const SAMPLES: usize = 2_000;

/// Scores forecasts; `block` periods stay together in the bootstrap, `level` is the share outside of the interval.
pub fn skill(all: &[Scored], block: usize, level: f64) -> Option<Skill> {
    if all.is_empty() {
        return None;
    }
    let n = all.len() as f64;
    let sum = |f: &dyn Fn(&Scored) -> f64| all.iter().map(f).sum::<f64>() / n;
    let brier = (sum(&|s| s.brier(s.p)), sum(&|s| s.brier(s.base)));
    let log = (sum(&|s| s.log.0), sum(&|s| s.log.1));
    let rows: Vec<[f64; 3]> =
        all.iter().map(|s| [s.brier(s.p), s.brier(s.base), s.log.1 - s.log.0]).collect();
    let ratio = |b: f64, c: f64| if c > 0.0 { 1.0 - b / c } else { 0.0 };
    let (mut skills, mut gains) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    resample(&rows, block, |s| {
        skills.push(ratio(s[0], s[1]));
        gains.push(s[2] / n);
    });
    Some(Skill {
        periods: all.len(),
        brier,
        brier_skill: Estimate { value: ratio(brier.0, brier.1), interval: middle(skills, level) },
        log,
        log_gain: Estimate { value: log.1 - log.0, interval: middle(gains, level) },
        murphy: murphy(all),
        alarms: alarms(all),
    })
}

/// Mean of a per-period gain with its interval.
pub fn gain(all: &[f64], block: usize, level: f64) -> Option<Estimate> {
    if all.is_empty() {
        return None;
    }
    let n = all.len() as f64;
    let rows: Vec<[f64; 3]> = all.iter().map(|g| [*g, 0.0, 0.0]).collect();
    let mut means = Vec::with_capacity(SAMPLES);
    resample(&rows, block, |s| means.push(s[0] / n));
    Some(Estimate { value: all.iter().sum::<f64>() / n, interval: middle(means, level) })
}

/// Sums over moving blocks that wrap around, as many rows as there are.
fn resample(rows: &[[f64; 3]], block: usize, mut take: impl FnMut([f64; 3])) {
    let block = block.clamp(1, rows.len());
    let mut sequence = Sequence(0x7061_6c69_7361_6465);
    for _ in 0..SAMPLES {
        let mut sums = [0.0; 3];
        let mut left = rows.len();
        while left > 0 {
            let start = sequence.below(rows.len());
            for row in rows.iter().cycle().skip(start).take(block.min(left)) {
                for (s, v) in sums.iter_mut().zip(row) {
                    *s += v;
                }
            }
            left -= block.min(left);
        }
        take(sums);
    }
}

fn middle(mut all: Vec<f64>, level: f64) -> (f64, f64) {
    all.sort_by(f64::total_cmp);
    let at = |q: f64| {
        let i = (q * (all.len().saturating_sub(1)) as f64).round() as usize;
        all.get(i).copied().unwrap_or(0.0)
    };
    (at(level / 2.0), at(1.0 - level / 2.0))
}

fn murphy(all: &[Scored]) -> Murphy {
    const BINS: usize = 10;
    let mut bins = [(0.0, 0.0, 0usize); BINS];
    for s in all {
        let i = ((s.p * BINS as f64) as usize).min(BINS - 1);
        if let Some(b) = bins.get_mut(i) {
            *b = (b.0 + s.p, b.1 + s.came, b.2 + 1);
        }
    }
    let n = all.len() as f64;
    let came = all.iter().map(|s| s.came).sum::<f64>() / n;
    let bins: Vec<(f64, f64, usize)> =
        bins.into_iter().filter(|b| b.2 > 0).map(|(p, o, k)| (p / k as f64, o / k as f64, k)).collect();
    let over =
        |f: &dyn Fn(&(f64, f64, usize)) -> f64| bins.iter().map(|b| b.2 as f64 * f(b)).sum::<f64>() / n;
    Murphy {
        reliability: over(&|b| (b.0 - b.1).powi(2)),
        resolution: over(&|b| (b.1 - came).powi(2)),
        uncertainty: came * (1.0 - came),
        bins,
    }
}

fn alarms(all: &[Scored]) -> Alarms {
    let n = all.len() as f64;
    let (mut hits, mut false_alarms, mut came) = (0.0, 0.0, 0.0);
    for s in all {
        came += s.came;
        if s.p > s.base {
            hits += s.came;
            false_alarms += 1.0 - s.came;
        }
    }
    let share = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    let hit_rate = share(hits, came);
    Alarms {
        base_rate: came / n,
        hit_rate,
        false_alarm_ratio: share(false_alarms, hits + false_alarms),
        peirce: hit_rate - share(false_alarms, n - came),
    }
}

/// A fixed sequence of numbers (splitmix64).
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(p: f64, came: f64) -> Scored {
        Scored { p, base: 0.5, came, log: (0.1, 0.2) }
    }

    #[test]
    fn a_sure_forecast_is_better_and_its_opposite_worse() {
        let coin: Vec<f64> = (0..60u32).map(|i| f64::from(i * 7 % 3 % 2)).collect();
        let good: Vec<Scored> = coin.iter().map(|c| scored(*c, *c)).collect();
        let s = skill(&good, 6, 0.05).unwrap();
        assert_eq!((s.brier.0, s.brier_skill.value, s.brier_skill.interval), (0.0, 1.0, (1.0, 1.0)));
        assert!(s.proven() && s.alarms.peirce == 1.0);
        let bad: Vec<Scored> = coin.iter().map(|c| scored(1.0 - c, *c)).collect();
        let s = skill(&bad, 6, 0.05).unwrap();
        assert!(s.brier_skill.value == -3.0 && !s.proven() && s.alarms.peirce == -1.0);
    }

    #[test]
    fn murphys_parts_add_up() {
        // Within a bin all forecasts are the same, so nothing is left out; outcomes are partly uncertain.
        let all: Vec<Scored> =
            (0..50u32).map(|i| scored([0.15, 0.55, 0.95][i as usize % 3], f64::from(i % 5) / 4.0)).collect();
        let s = skill(&all, 6, 0.05).unwrap();
        let m = &s.murphy;
        assert!((m.reliability - m.resolution + m.uncertainty - s.brier.0).abs() < 1e-12);
        assert!(m.bins.len() == 3 && s.brier_skill.interval.0 < s.brier_skill.interval.1);
    }
}
