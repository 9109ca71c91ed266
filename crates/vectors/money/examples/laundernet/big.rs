//! How long the score takes over a million transfers, few of them reached and nearly all.

use std::time::Instant;

use palisade_money::ledger::{AssetId, PartyId};
use palisade_money::trace::rank::{Transfer, rank};

use crate::Rng;

pub fn run(count: usize) {
    for hubs in [false, true] {
        let mut r = Rng(88_172_645_463_325_252);
        let one = |i: usize| {
            let mut party = || 1 + r.below(count / 5) as u32;
            let (from, to) = (party(), party());
            Transfer {
                from: PartyId(if hubs && !i.is_multiple_of(3) { 7 } else { from }),
                to: PartyId(if hubs && i % 3 == 1 { 9 } else { to }),
                asset: AssetId(0),
                amount: 1.0 + r.unit() * 15_000.0,
                seconds: Some(i as i64 * 3),
            }
        };
        let edges: Vec<Transfer> = (0..count).map(one).collect();
        let start = Instant::now();
        let scores = rank(&edges, |p| (1..=10).contains(&p.0));
        println!(
            "{count} transfers, {} scored: {:.2} s",
            scores.iter().filter(|s| **s > 0.0).count(),
            start.elapsed().as_secs_f64()
        );
    }
}
