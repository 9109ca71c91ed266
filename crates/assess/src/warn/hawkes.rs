//! Does one incident raise the rate of the next? A self-exciting process, held against what else explains clusters.
//!
//! Day by day: P(a day has an incident) under four models fitted on the first 70 % of the days and scored on the rest.
//! Constant (Poisson); drifting (a discounted rate: clusters that are only a changing rate); renewal (discrete Weibull
//! waiting times: clusters that are only irregular gaps); Hawkes, `λ = μ + αβ Σ e^(−β(t − tᵢ))` with α < 1. Hawkes is
//! accepted only if it beats all three. It needs dates that are days.

use palisade_model::{Day, Days};
use serde::Serialize;

/// Mean log probability per day on held-out days, and what was decided.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SelfExciting {
    /// Days held out.
    pub days: usize,
    /// Constant rate.
    pub poisson: f64,
    /// Discounted rate.
    pub drifting: f64,
    /// Waiting times.
    pub renewal: f64,
    /// Self-exciting.
    pub hawkes: f64,
    /// μ per day, α (incidents that one incident brings), β per day.
    pub fitted: (f64, f64, f64),
    /// Whether it beats the other three.
    pub accepted: bool,
}

/// Fewest days with an incident in the training part.
const LEAST: usize = 30;
/// Longest series, in days.
const MAX_DAYS: usize = 40_000;

/// P(incident) of each day, from a model's coordinates and the days before it; `None` where they make no model.
type Model = fn(&[f64], &[u32]) -> Option<Vec<f64>>;

/// Tests a series; `None` if fewer than four in five dates are days, or there are too few.
pub fn test(incidents: &[Days], from: Day, to: Day) -> Option<SelfExciting> {
    let exact = incidents.iter().filter(|d| d.len() == 1).count();
    if exact * 5 < incidents.len() * 4 || to <= from {
        return None;
    }
    let n = usize::try_from(to.0 - from.0 + 1).ok().filter(|n| *n <= MAX_DAYS)?;
    let mut counts = vec![0u32; n];
    for d in incidents.iter().filter(|d| d.len() == 1) {
        if let Some(c) = usize::try_from(d.first.0 - from.0).ok().and_then(|i| counts.get_mut(i)) {
            *c += 1;
        }
    }
    let split = n * 7 / 10;
    let train = counts.get(..split)?;
    let busy = train.iter().filter(|c| **c > 0).count();
    if busy < LEAST {
        return None;
    }
    let rate = busy as f64 / split as f64;
    let held = |p: &dyn Fn(&[u32]) -> Vec<f64>| {
        let all = p(&counts);
        mean_ln(all.get(split..).unwrap_or_default(), counts.get(split..).unwrap_or_default())
    };
    let fit =
        |start: &[f64], f: Model| minimise(start, |x| f(x, train).map_or(f64::MAX, |p| -mean_ln(&p, train)));
    let drift = fit(&[(0.02f64).ln()], drifting);
    let gaps = fit(&[(1.0 / rate).ln(), 0.0], renewal);
    let excited = fit(&[(rate * 0.7).ln(), -0.8, (0.1f64).ln()], hawkes);
    let score = |f: Model, x: &[f64]| held(&|c| f(x, c).unwrap_or_else(|| vec![rate; c.len()]));
    let poisson = held(&|c| vec![rate; c.len()]);
    let (drifting, renewal, hawkes) =
        (score(drifting, &drift), score(renewal, &gaps), score(hawkes, &excited));
    let (mu, alpha, beta) = parameters(&excited);
    Some(SelfExciting {
        days: n - split,
        poisson,
        drifting,
        renewal,
        hawkes,
        fitted: (mu, alpha, beta),
        accepted: hawkes > poisson && hawkes > drifting && hawkes > renewal,
    })
}

/// Mean ln P of whether each day had an incident.
fn mean_ln(p: &[f64], counts: &[u32]) -> f64 {
    let one = |(p, c): (&f64, &u32)| {
        let p = p.clamp(1e-9, 1.0 - 1e-9);
        if *c > 0 { p.ln() } else { (1.0 - p).ln() }
    };
    p.iter().zip(counts).map(one).sum::<f64>() / (p.len().max(1) as f64)
}

fn drifting(x: &[f64], counts: &[u32]) -> Option<Vec<f64>> {
    // The share forgotten per day.
    let forget = x.first()?.exp().clamp(1e-5, 0.5);
    let (mut a, mut b) = (0.5, 5.0);
    Some(
        counts
            .iter()
            .map(|c| {
                let p = a / b;
                a = a * (1.0 - forget) + f64::from(u8::from(*c > 0)) + forget * 0.05;
                b = b * (1.0 - forget) + 1.0;
                p
            })
            .collect(),
    )
}

fn renewal(x: &[f64], counts: &[u32]) -> Option<Vec<f64>> {
    let (scale, shape) = (x.first()?.exp(), x.get(1)?.exp());
    if !(1e-3..1e6).contains(&scale) || !(0.05..20.0).contains(&shape) {
        return None;
    }
    let mut since = 0.0f64;
    Some(
        counts
            .iter()
            .map(|c| {
                // Hazard of the discrete Weibull (Nakagawa and Osaki 1975).
                let p = 1.0 - (((since / scale).powf(shape)) - ((since + 1.0) / scale).powf(shape)).exp();
                since = if *c > 0 { 0.0 } else { since + 1.0 };
                p
            })
            .collect(),
    )
}

/// μ, α below 1, β, of unbounded coordinates.
fn parameters(x: &[f64]) -> (f64, f64, f64) {
    let at = |i: usize| x.get(i).copied().unwrap_or(0.0);
    (at(0).exp(), 1.0 / (1.0 + (-at(1)).exp()), at(2).exp())
}

fn hawkes(x: &[f64], counts: &[u32]) -> Option<Vec<f64>> {
    let (mu, alpha, beta) = parameters(x);
    if !(1e-9..10.0).contains(&mu) || !(1e-4..5.0).contains(&beta) {
        return None;
    }
    // The kernel's mass within a day and what is left of it a day later.
    let (day, keep) = (1.0 - (-beta).exp(), (-beta).exp());
    let mut heat = 0.0;
    Some(
        counts
            .iter()
            .map(|c| {
                let p = 1.0 - (-(mu + alpha * day * heat)).exp();
                heat = heat * keep + f64::from(*c);
                p
            })
            .collect(),
    )
}

/// Least value by pattern search: steps along each axis, halved when none helps. Deterministic, no derivatives.
fn minimise(start: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut x = start.to_vec();
    let (mut best, mut step) = (f(&x), 1.0);
    while step > 1e-3 {
        let mut better = false;
        for i in 0..x.len() {
            for sign in [1.0, -1.0] {
                let mut y = x.clone();
                if let Some(v) = y.get_mut(i) {
                    *v += sign * step;
                }
                let value = f(&y);
                if value < best {
                    (x, best, better) = (y, value, true);
                }
            }
        }
        if !better {
            step *= 0.5;
        }
    }
    x
}
