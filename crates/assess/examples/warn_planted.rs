//! How soon a planted rise is found, and how often one is cried that is none.
//!
//! `cargo run --release -p palisade-assess --example warn_planted`
//!
//! Events come at a steady rate for five years, from which the watch learns; then for three years at the same rate (false
//! alarms are counted); or for one year at the same rate and, if nothing was cried in it, at three times the rate from then on
//! (events until the alarm are counted). The watch is told neither the rate nor the moment. The generator is seeded: the numbers are the same everywhere.

#![allow(clippy::print_stdout, reason = "an example prints")]

use palisade_assess::warn::{Cusum, Gamma, SPENT};

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

    /// Events of so many years at a rate.
    fn count(&mut self, rate: f64, years: f64) -> f64 {
        let (mut n, mut t) = (0.0, self.exponential() / rate);
        while t < years {
            n += 1.0;
            t += self.exponential() / rate;
        }
        n
    }
}

const RUNS: usize = 4_000;
const LEARN: f64 = 5.0;
const YEARS: f64 = 3.0;
const RATIO: f64 = 3.0;

/// A watch that has run for a year without an alarm: a step comes while it is at work, not when it is set up.
fn running(fresh: &Cusum, rate: f64, random: &mut Random) -> Cusum {
    loop {
        let mut watch = fresh.clone();
        let (mut t, mut before, mut alarmed) = (random.exponential() / rate, 0.0, false);
        while t < 1.0 && !alarmed {
            watch.step(0.0, t - before);
            alarmed = watch.step(1.0, 0.0);
            before = t;
            t += random.exponential() / rate;
        }
        if !alarmed {
            watch.step(0.0, 1.0 - before);
            return watch;
        }
    }
}

fn main() {
    println!(
        "events a year | events between false alarms | median events to the alarm | 90 % by | false alarms in {YEARS} years"
    );
    for rate in [2.0, 3.0, 5.0, 8.0, 12.0, 26.0, 52.0] {
        let mut random = Random(1);
        let (mut delays, mut alarms) = (Vec::with_capacity(RUNS), 0usize);
        let declared = (SPENT * rate * YEARS).max(3.0);
        let fresh = Cusum::new(RATIO, declared, Gamma { a: 1.0, b: 1.0 });
        for _ in 0..RUNS {
            let base = Gamma { a: 0.5 + random.count(rate, LEARN), b: 0.1 + LEARN };
            let mut watch = fresh.clone().with_base(base);
            let mut t = random.exponential() / rate;
            let mut before = 0.0;
            while t < YEARS {
                watch.step(0.0, t - before);
                alarms += usize::from(watch.step(1.0, 0.0));
                before = t;
                t += random.exponential() / rate;
            }
            let mut watch = running(&fresh.clone().with_base(base), rate, &mut random);
            let mut events = 0usize;
            loop {
                events += 1;
                watch.step(0.0, random.exponential() / (RATIO * rate));
                if watch.step(1.0, 0.0) || events > 10_000 {
                    break;
                }
            }
            delays.push(events);
        }
        delays.sort_unstable();
        println!(
            "{rate:13} | {declared:27.0} | {:26} | {:7} | {:.2}",
            delays[RUNS / 2],
            delays[RUNS * 9 / 10],
            alarms as f64 / RUNS as f64
        );
    }
}
