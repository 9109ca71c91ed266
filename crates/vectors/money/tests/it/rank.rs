//! Scores of transfers: what they must hold whatever the weights, and that a planted flow is told from chance.

use palisade_money::ledger::{AssetId, PartyId};
use palisade_money::trace::rank::{KINDS, Transfer, Weights, evidence, rank, rank_by, reach};

use crate::Random;

fn pay(from: u32, to: u32, amount: f64, seconds: i64) -> Transfer {
    Transfer { from: PartyId(from), to: PartyId(to), asset: AssetId(0), amount, seconds: Some(seconds) }
}

/// Party 1 pays five, who each pass it on twice within minutes, among payments at any time between all and strangers. Flow or not.
fn planted(seed: u64, noise: usize) -> Vec<(Transfer, bool)> {
    let mut r = Random(seed);
    let mut all = Vec::new();
    for lane in 0..5u32 {
        let (mut at, mut amount) = (50_000 * i64::from(lane + 1), 1_000.0 + 137.0 * f64::from(lane));
        let mut from = 1;
        for hop in 0..4 {
            let to = 10 + lane * 4 + hop;
            all.push((pay(from, to, amount, at), true));
            (from, amount, at) = (to, amount * 0.999, at + 120 + r.below(600) as i64);
        }
    }
    for _ in 0..noise {
        let party =
            |r: &mut Random| if r.below(4) == 0 { 10 + r.below(20) } else { 100 + r.below(30) } as u32;
        let (from, to) = (party(&mut r), party(&mut r));
        all.push((pay(from, to, 500.0 + r.below(2_000) as f64, r.below(400_000) as i64), false));
    }
    all.sort_by_key(|e| e.0.seconds);
    all
}

fn source(p: PartyId) -> bool {
    p == PartyId(1)
}

#[test]
fn a_flow_is_told_from_chance() {
    for seed in 1..=5 {
        let all = planted(seed, 120);
        let edges: Vec<Transfer> = all.iter().map(|e| e.0).collect();
        let scores = rank(&edges, source);
        let mut order: Vec<usize> = (0..edges.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let right = order[..20].iter().filter(|i| all[**i].1).count();
        assert!(right >= 15, "seed {seed}: {right} of the first 20 belong");
    }
}

#[test]
fn no_score_is_above_the_best_way_to_it() {
    for seed in 1..=20 {
        let edges: Vec<Transfer> = planted(seed, 300).into_iter().map(|e| e.0).collect();
        let (scores, reached) = (rank(&edges, source), reach(&edges, source));
        for (i, e) in edges.iter().enumerate() {
            assert!((0.0..=1.0).contains(&scores[i]) && (scores[i] > 0.0) == reached[i]);
            let ways = edges[..i].iter().zip(&scores).filter(|(w, _)| w.to == e.from).map(|(_, s)| *s);
            assert!(!reached[i] || source(e.from) || scores[i] <= ways.fold(0.0, f64::max));
        }
        assert_eq!(scores, rank(&edges, source));
    }
}

/// Strangers who deal with nobody of the flow change nothing; nor does the unit of amounts, but for rounding.
#[test]
fn what_has_nothing_to_do_with_it_changes_nothing() {
    let edges: Vec<Transfer> = planted(3, 100).into_iter().map(|e| e.0).collect();
    let scores = rank(&edges, source);
    let mut more = edges.clone();
    for (i, e) in edges.iter().enumerate().take(50) {
        more.insert(i * 2, pay(900 + i as u32, 1_000 + i as u32, 7.0, e.seconds.unwrap()));
    }
    let kept: Vec<f64> =
        (more.iter().zip(rank(&more, source))).filter(|(e, _)| e.from.0 < 900).map(|(_, s)| s).collect();
    assert_eq!(kept, scores);
    let scaled: Vec<Transfer> = edges.iter().map(|e| Transfer { amount: e.amount * 1e18, ..*e }).collect();
    for (a, b) in rank(&scaled, source).iter().zip(&scores) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

/// Without times the rest still counts; a transfer that nothing reaches has no evidence.
#[test]
fn gaps_in_what_is_known() {
    let mut edges: Vec<Transfer> = planted(4, 100).into_iter().map(|e| e.0).collect();
    edges.iter_mut().for_each(|e| e.seconds = None);
    let scores = rank(&edges, source);
    assert!(scores.iter().all(|s| s.is_finite()) && scores.iter().any(|s| *s > 0.0));
    let reached = reach(&edges, source);
    for weights in [None, Some(Weights::shipped())] {
        let all = evidence(&edges, source, weights);
        assert!(all.iter().zip(&reached).all(|(e, r)| e.is_some() == *r));
        assert!(all.iter().flatten().flatten().all(|x| x.is_finite()));
    }
    let nothing = Weights { weight: [0.0; KINDS], usual: [0.0; KINDS] };
    assert!(rank_by(&edges, source, &nothing).iter().zip(&reached).all(|(s, r)| (*s > 0.0) == *r));
}
