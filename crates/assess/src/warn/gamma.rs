//! Gamma–Poisson counts: predictive distributions, and the few special functions they need.
//!
//! Source of the formulas: any text on conjugate priors (the predictive of a Poisson count under a Gamma rate is
//! negative binomial); ln Γ by Lanczos' series (g = 7, n = 9), the incomplete gamma function by its series and Lentz's
//! continued fraction. Accuracy near 1e-13, far beyond what counts of incidents deserve.

/// What is known of a rate: Gamma with shape `a` and rate `b` (periods of exposure).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Gamma {
    /// Shape: events seen, so to say.
    pub a: f64,
    /// Rate: periods in which they were seen.
    pub b: f64,
}

impl Gamma {
    /// Events per period.
    pub fn mean(self) -> f64 {
        self.a / self.b
    }

    /// ln P(Y = y) of a count over `e` periods.
    pub fn ln_pmf(self, y: u64, e: f64) -> f64 {
        let y = y as f64;
        let p = self.b / (self.b + e);
        ln_gamma(self.a + y) - ln_gamma(self.a) - ln_gamma(y + 1.0) + self.a * p.ln() + y * (1.0 - p).ln()
    }

    /// The rate below which it lies with probability `q`.
    pub fn quantile(self, q: f64) -> f64 {
        let (mut low, mut high) = (0.0, (self.a + 20.0 * self.a.sqrt() + 50.0) / self.b);
        for _ in 0..200 {
            let mid = 0.5 * (low + high);
            if lower_gamma(self.a, mid * self.b) < q { low = mid } else { high = mid }
        }
        0.5 * (low + high)
    }
}

/// A predictive distribution of a count: a mixture of Gamma–Poisson counts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mix(
    /// Weight, rate, exposure in periods. Weights sum to 1.
    pub Vec<(f64, Gamma, f64)>,
);

impl Mix {
    /// Expected count.
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|(w, g, e)| w * g.mean() * e).sum()
    }

    /// P(Y = y) for y below `n`.
    pub fn pmf(&self, n: usize) -> Vec<f64> {
        let mut out = vec![0.0; n];
        for (w, g, e) in &self.0 {
            for (y, p) in out.iter_mut().enumerate() {
                *p += w * g.ln_pmf(y as u64, *e).exp();
            }
        }
        out
    }

    /// P(Y ≥ k).
    pub fn at_least(&self, k: usize) -> f64 {
        (1.0 - self.pmf(k).iter().sum::<f64>()).clamp(0.0, 1.0)
    }

    /// The least count that is not exceeded with probability `q`.
    pub fn quantile(&self, q: f64) -> u64 {
        let mut sum = 0.0;
        // Far in the tail nothing is left to add; the bound keeps a broken weight from looping.
        for y in 0..100_000 {
            sum += self.0.iter().map(|(w, g, e)| w * g.ln_pmf(y, *e).exp()).sum::<f64>();
            if sum >= q {
                return y;
            }
        }
        100_000
    }

    /// The same with the exposure times `factor`.
    pub fn scaled(&self, factor: f64) -> Mix {
        Mix(self.0.iter().map(|(w, g, e)| (*w, *g, e * factor)).collect())
    }
}

/// ln Γ(x) for x > 0.
pub fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection.
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = C.iter().enumerate().skip(1).fold(C[0], |s, (i, c)| s + c / (x + i as f64));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The regularised lower incomplete gamma function P(a, x).
pub fn lower_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..10_000 {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-15 {
                break;
            }
        }
        return (front * sum).min(1.0);
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..10_000 {
        let an = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / nonzero(an * d + b, tiny);
        c = nonzero(b + an / c, tiny);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (1.0 - front * h).clamp(0.0, 1.0)
}

fn nonzero(v: f64, tiny: f64) -> f64 {
    if v.abs() < tiny { tiny } else { v }
}

/// How fast evidence is forgotten, per period: 1 never, 0.7 within a few periods.
pub const DISCOUNTS: [f64; 7] = [1.0, 0.99, 0.97, 0.95, 0.9, 0.8, 0.7];

/// A prior worth half an event in half a period.
const PRIOR: Gamma = Gamma { a: 0.5, b: 0.5 };

/// A count model that is asked before each period and told after it.
///
/// One Gamma–Poisson model per discount (`a ← γa + y`, `b ← γb + e`), mixed by how well each has predicted so far: the
/// discount is fitted on the past alone. What is forgotten falls back to the base rate of all periods so far, worth one period.
#[derive(Clone, Debug)]
pub struct Drift {
    seen: [(f64, f64); DISCOUNTS.len()],
    ln_weight: [f64; DISCOUNTS.len()],
}

impl Default for Drift {
    fn default() -> Drift {
        Drift { seen: [(0.0, 0.0); DISCOUNTS.len()], ln_weight: [0.0; DISCOUNTS.len()] }
    }
}

impl Drift {
    fn models(&self) -> [Gamma; DISCOUNTS.len()] {
        let base = self.base();
        let (m, w) = (base.mean(), 1.0);
        let mut out = self.seen.map(|(a, b)| Gamma { a: a + m * w, b: b + w });
        out[0] = base;
        out
    }

    /// The base rate of all periods so far: climatology.
    pub fn base(&self) -> Gamma {
        let (a, b) = self.seen[0];
        Gamma { a: PRIOR.a + a, b: PRIOR.b + b }
    }

    /// Weights of the discounts, in the order of [`DISCOUNTS`].
    pub fn weights(&self) -> [f64; DISCOUNTS.len()] {
        let top = self.ln_weight.iter().copied().fold(f64::MIN, f64::max);
        let raw = self.ln_weight.map(|l| (l - top).exp());
        let sum: f64 = raw.iter().sum();
        raw.map(|w| w / sum)
    }

    /// What is predicted of the period `ahead` (1 is the next), over `e` periods of exposure.
    pub fn predict(&self, ahead: u32, e: f64) -> Mix {
        let mut then = self.clone();
        for _ in 1..ahead {
            then.forget();
        }
        let weights = self.weights();
        Mix(then.models().into_iter().zip(weights).map(|(g, w)| (w, g, e)).collect())
    }

    fn forget(&mut self) {
        for (seen, discount) in self.seen.iter_mut().zip(DISCOUNTS) {
            *seen = (seen.0 * discount, seen.1 * discount);
        }
    }

    /// Tells what came: the distribution of the count (from `least` on), its mean, and the exposure it was seen under.
    pub fn learn(&mut self, outcome: &super::series::Outcome, e: f64) {
        for (model, weight) in self.models().into_iter().zip(&mut self.ln_weight) {
            *weight += outcome.expect(|y| model.ln_pmf(y, e));
        }
        self.forget();
        for seen in &mut self.seen {
            *seen = (seen.0 + outcome.mean(), seen.1 + e);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_functions() {
        for (x, want) in [
            (1.0, 0.0),
            (5.0, 24f64.ln()),
            (0.5, std::f64::consts::PI.sqrt().ln()),
            (101.0, 363.739_375_555_563_5),
        ] {
            assert!((ln_gamma(x) - want).abs() < 1e-10, "{x}: {}", ln_gamma(x));
        }
        // P(1, x) = 1 − e^−x; P(a, x) of both branches.
        for x in [0.1, 1.0, 3.0, 20.0] {
            assert!((lower_gamma(1.0, x) - (1.0 - (-x).exp())).abs() < 1e-13);
        }
        assert!((lower_gamma(10.0, 10.0) - 0.542_070_285_528_147_8).abs() < 1e-12);
    }

    #[test]
    fn negative_binomial() {
        let g = Gamma { a: 3.0, b: 2.0 };
        let mix = Mix(vec![(1.0, g, 1.0)]);
        // The notes' formula: P(Y ≥ 1) = 1 − (b/(b+1))^a.
        assert!((mix.at_least(1) - (1.0 - (2.0f64 / 3.0).powi(3))).abs() < 1e-12);
        let pmf = mix.pmf(200);
        assert!((pmf.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mean: f64 = pmf.iter().enumerate().map(|(y, p)| y as f64 * p).sum();
        assert!((mean - 1.5).abs() < 1e-9 && (mix.mean() - 1.5).abs() < 1e-12);
        assert!((lower_gamma(3.0, g.quantile(0.975) * 2.0) - 0.975).abs() < 1e-9);
    }
}
