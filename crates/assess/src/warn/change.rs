//! Steps in a rate: CUSUM with a declared average run length.
//!
//! The statistic grows by the log-likelihood ratio of "the rate is `ratio` times the base rate" over "it is the base rate"
//! and never falls below 0 (Page 1954). Both rates are uncertain: the ratio is that of Gamma–Poisson predictives, so a
//! base rate learnt from few events alarms less readily. The threshold follows from the declared run length by solving
//! the integral equation of the known-rate process (Brook and Evans 1972), not from simulation.

use super::gamma::Gamma;

/// A watch that must not cry more than once in so many events may be built for this share of them: it starts at 0, learns its
/// base rate, and takes an excursion that alarmed for the new base, so it cries less often than one run length after the
/// other (measured over rates of 2 to 52 a year: 0.73 to 0.84 times in as many events as one run length has).
pub const SPENT: f64 = 0.75;

/// Points of the grid on which the integral equation is solved.
const GRID: usize = 120;

/// Events between false alarms of the CUSUM with this ratio and threshold, at the base rate, watched at every event.
///
/// In units of the expected time between events nothing depends on the rate: after an event the statistic falls by
/// `ratio − 1` per unit until 0, and each event lifts it by `ln ratio`.
pub fn run_length(ratio: f64, threshold: f64) -> f64 {
    let (lift, fall) = (ratio.ln(), ratio - 1.0);
    if threshold <= lift {
        return 1.0;
    }
    // States: the statistic just after an event, `lift + x` with x in [0, threshold − lift). x = 0 has mass of its own.
    let width = (threshold - lift) / GRID as f64;
    let centre = |j: usize| if j == 0 { 0.0 } else { (j as f64 - 0.5) * width };
    let n = GRID + 1;
    let mut m = vec![vec![0.0; n + 1]; n];
    for (i, row) in m.iter_mut().enumerate() {
        let s = lift + centre(i);
        // Before the next event it has fallen to u = max(0, s − fall·E), E exponential: P(u ≤ x) = e^((x − s)/fall).
        let below = |x: f64| ((x - s) / fall).exp().min(1.0);
        for (j, cell) in row.iter_mut().enumerate().take(n) {
            let p =
                if j == 0 { below(0.0) } else { below(j as f64 * width) - below((j as f64 - 1.0) * width) };
            *cell = f64::from(u8::from(i == j)) - p;
        }
        if let Some(last) = row.last_mut() {
            *last = 1.0;
        }
    }
    // The first event finds the statistic at 0 and lifts it: state 0.
    1.0 + solve(&mut m).first().copied().unwrap_or(0.0)
}

/// Gaussian elimination with pivots; the last column is the right side.
fn solve(m: &mut [Vec<f64>]) -> Vec<f64> {
    let n = m.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|a, b| m[*a][k].abs().total_cmp(&m[*b][k].abs())).unwrap_or(k);
        m.swap(k, pivot);
        let top = m[k].clone();
        for row in m.iter_mut().skip(k + 1) {
            let f = row[k] / top[k];
            for (c, t) in row.iter_mut().zip(&top).skip(k) {
                *c -= f * t;
            }
        }
    }
    let mut x = vec![0.0; n];
    for k in (0..n).rev() {
        let sum: f64 = (k + 1..n).map(|j| m[k][j] * x[j]).sum();
        x[k] = (m[k][n] - sum) / m[k][k];
    }
    x
}

/// The threshold at which so many events pass between false alarms.
pub fn threshold(ratio: f64, events: f64) -> f64 {
    let (mut low, mut high) = (ratio.ln(), ratio.ln() + 1.0);
    while run_length(ratio, high) < events && high < 30.0 {
        high += 1.0;
    }
    for _ in 0..40 {
        let mid = 0.5 * (low + high);
        if run_length(ratio, mid) < events { low = mid } else { high = mid }
    }
    high
}

/// A CUSUM over a count process.
#[derive(Clone, Debug)]
pub struct Cusum {
    ratio: f64,
    threshold: f64,
    /// What is known of the base rate, without the present excursion.
    base: Gamma,
    /// Events and exposure since the statistic was last 0.
    pending: (f64, f64),
    statistic: f64,
}

impl Cusum {
    /// For a rise to `ratio` times the base rate, with so many events between false alarms.
    pub fn new(ratio: f64, events: f64, base: Gamma) -> Cusum {
        Cusum { ratio, threshold: threshold(ratio, events), base, pending: (0.0, 0.0), statistic: 0.0 }
    }

    /// The same watch with another base rate, started anew.
    #[must_use]
    pub fn with_base(self, base: Gamma) -> Cusum {
        Cusum { base, pending: (0.0, 0.0), statistic: 0.0, ..self }
    }

    /// The statistic as a share of the threshold.
    pub fn level(&self) -> f64 {
        self.statistic / self.threshold
    }

    /// What is known of the base rate.
    pub fn base(&self) -> Gamma {
        self.base
    }

    /// Tells that `y` events came in `e` units of time. True if that is an alarm; it then starts anew, with the excursion as
    /// its new base.
    pub fn step(&mut self, y: f64, e: f64) -> bool {
        self.pending = (self.pending.0 + y, self.pending.1 + e);
        // The base is that of before the excursion: what is to be found must not be learnt.
        let (seen, time, base) = (self.pending.0, self.pending.1, self.base);
        let next =
            seen * self.ratio.ln() - (base.a + seen) * ((base.b + self.ratio * time) / (base.b + time)).ln();
        if next <= 0.0 {
            self.base = Gamma { a: self.base.a + self.pending.0, b: self.base.b + self.pending.1 };
            self.pending = (0.0, 0.0);
            self.statistic = 0.0;
            return false;
        }
        self.statistic = next;
        if self.statistic < self.threshold {
            return false;
        }
        self.base = Gamma { a: self.pending.0.max(0.5), b: self.pending.1.max(1e-9) };
        self.pending = (0.0, 0.0);
        self.statistic = 0.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_lengths() {
        // At a threshold of one lift every event alarms; more threshold, more events.
        assert_eq!(run_length(3.0, 3f64.ln()), 1.0);
        let all: Vec<f64> = [1.5, 2.0, 2.5, 3.0, 4.0].map(|h| run_length(3.0, h)).to_vec();
        assert!(all.is_sorted(), "{all:?}");
        let h = threshold(3.0, 36.0);
        assert!((run_length(3.0, h) - 36.0).abs() < 0.01);
        // Two lifts in a row alarm just above one lift: P(second within the fall of ln3 to 0) is 1 − small.
        assert!(run_length(3.0, 3f64.ln() + 1e-9) > 1.0);
    }
}
