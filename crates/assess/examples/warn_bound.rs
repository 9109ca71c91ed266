//! How soon a rise to three times a rate can be found at all, at one false alarm in three years.
//!
//! `cargo run --release -p palisade-assess --example warn_bound`
//!
//! The bound gives a watch more than any has: both rates, and the moment of the rise. At `rate` events a year a watch that
//! cries once in three years cries at an event with chance `r = 1 / (3 rate)`. To alarm at the j-th event after the rise is
//! then a test of level `r` that may use the j gaps since (what came before says nothing); the lemma of Neyman and Pearson
//! gives the most power any such test has: both hypotheses make the sum of the gaps a gamma variable. The chance of an
//! alarm within m events is at most the sum of these powers, and at most the power of one test of level `m r` on m gaps.
//! Where neither reaches one half, no watch has a median of m.
//!
//! Beside it, measured: Page's CUSUM told both rates exactly, which is the quickest in the mean (Moustakides 1986). The
//! generator is seeded: the numbers are the same everywhere.

#![allow(clippy::print_stdout, reason = "an example prints")]

use palisade_assess::warn::{run_length, threshold};

const RATIO: f64 = 3.0;
const YEARS: f64 = 3.0;
const RUNS: usize = 4_000;

/// P(sum of m exponentials of rate one ≤ x).
fn gamma_below(m: usize, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..m {
        term *= x / k as f64;
        sum += term;
    }
    1.0 - (-x).exp() * sum
}

/// Where [`gamma_below`] is `p`.
fn quantile(m: usize, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 200.0);
    for _ in 0..100 {
        let mid = 0.5 * (low + high);
        if gamma_below(m, mid) < p { low = mid } else { high = mid }
    }
    high
}

/// Most power of a test of this level on m gaps.
fn power(m: usize, level: f64) -> f64 {
    gamma_below(m, RATIO * quantile(m, level.min(1.0)))
}

/// Most chance of an alarm within m events of the rise.
fn most(m: usize, rate: f64) -> f64 {
    let r = 1.0 / (YEARS * rate);
    (1..=m).map(|j| power(j, r)).sum::<f64>().min(power(m, m as f64 * r)).min(1.0)
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn exponential(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        -((((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64).ln()
    }
}

/// Events from the rise to the alarm of a CUSUM that knows both rates, sorted; it has watched for a year in quiet.
fn told(rate: f64) -> Vec<usize> {
    let h = threshold(RATIO, YEARS * rate);
    let mut random = Random(1);
    let next = |s: f64, gap: f64| (s - (RATIO - 1.0) * gap).max(0.0) + RATIO.ln();
    let mut out = Vec::with_capacity(RUNS);
    while out.len() < RUNS {
        // In units of the usual gap a year is `rate` long.
        let (mut s, mut t) = (0.0, 0.0);
        let quiet = loop {
            let gap = random.exponential();
            if t + gap > rate {
                s = f64::max(s - (RATIO - 1.0) * (rate - t), 0.0);
                break true;
            }
            (s, t) = (next(s, gap), t + gap);
            if s >= h {
                break false;
            }
        };
        if !quiet {
            continue;
        }
        let mut events = 0;
        while s < h && events < 10_000 {
            s = next(s, random.exponential() / RATIO);
            events += 1;
        }
        out.push(events);
    }
    out.sort_unstable();
    out
}

fn main() {
    println!(
        "events a year | most chance within 3 | least median of any watch | told both rates: within 3, median"
    );
    for rate in [2.0, 3.0, 5.0, 6.0, 8.0, 10.0, 12.0, 13.0, 14.0, 15.0, 26.0, 52.0] {
        let least = (1..50).find(|m| most(*m, rate) >= 0.5).unwrap_or(50);
        let delays = told(rate);
        let within = delays.iter().filter(|d| **d <= 3).count() as f64 / RUNS as f64;
        println!("{rate:13} | {:20.2} | {least:25} | {within:.2}, {}", most(3, rate), delays[RUNS / 2]);
    }
    // The threshold is that at which a CUSUM told the rate has this run length.
    let h = threshold(RATIO, YEARS * 5.0);
    println!(
        "run length at 5 events a year: {:.2} events, declared {:.0}",
        run_length(RATIO, h),
        YEARS * 5.0
    );
}
