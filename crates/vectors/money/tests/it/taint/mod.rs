//! Rules of taint against the slow definition, and what must hold of every rule.

pub mod ledgers;
mod oracle;

use palisade_money::Ledger;
use palisade_money::ledger::{AssetId, MoveKind, OutputId, PartyId, TxId};
use palisade_money::taint::account::{Account, Routed, Router, Slice};
use palisade_money::taint::{Entry, Holding, Method, Outcome, Plan, PlanError, Source, Start, follow, swap};

/// How many ledgers; `PALISADE_TAINT_LEDGERS=100000` for all.
fn ledgers() -> u64 {
    std::env::var("PALISADE_TAINT_LEDGERS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000)
}

fn run(l: &Ledger, plan: &Plan) -> (Outcome, oracle::Carried, oracle::Carried) {
    let (mut moves, mut outputs) = (oracle::Carried::new(), oracle::Carried::new());
    let outcome = follow(
        l,
        plan,
        &mut |i, s: Source, n| *moves.entry((i, s.0)).or_default() += n,
        &mut |i, s: Source, n| *outputs.entry((i, s.0)).or_default() += n,
    )
    .unwrap();
    (outcome, moves, outputs)
}

/// Tainted parts of each holding.
type Parts = Vec<(PartyId, AssetId, Vec<(Source, u128)>)>;

/// What poison says of unknown coin is what balances say; the oracle counts it by FIFO, so it is left out.
fn sets(h: &[(PartyId, AssetId, Holding)]) -> Parts {
    h.iter().filter(|h| !h.2.tainted.is_empty()).map(|h| (h.0, h.1, h.2.tainted.clone())).collect()
}

#[test]
fn accounts_equal_the_oracle() {
    let (mut swaps, mut unknown, mut tainted, mut moves) = (0, 0, 0, 0);
    for seed in 0..ledgers() / 2 {
        let (l, starts, openings) = ledgers::accounts(seed);
        let swapped = swap::find(&l);
        for method in [Method::Poison, Method::Haircut, Method::Fifo, Method::Lifo] {
            let plan =
                Plan { method, starts: starts.clone(), swaps: swapped.clone(), openings: openings.clone() };
            let (got, carried, _) = run(&l, &plan);
            let (want, want_carried) = oracle::accounts(&l, &plan);
            if method == Method::Poison {
                assert_eq!(sets(&got.accounts), sets(&want), "seed {seed}");
                if plan.swaps.is_empty() {
                    assert_eq!(carried, want_carried, "seed {seed}");
                }
            } else {
                assert_eq!(got.accounts, want, "seed {seed} {method:?}");
                assert_eq!(carried, want_carried, "seed {seed} {method:?}");
            }
            assert!(got.conserved(), "seed {seed} {method:?}: {:#?}", got.checks);
            assert_eq!(got.tally.swaps_dropped, 0, "seed {seed}");
            unknown += u64::from(got.tally.unknown > 0);
            tainted += u64::from(!carried.is_empty());
        }
        swaps += swapped.len();
        moves += l.moves.tx.len();
    }
    eprintln!(
        "account ledgers: {} × 4 methods, {moves} moves, {swaps} swaps, {unknown} runs with unknown history, \
         {tainted} with taint moved: 0 mismatches",
        ledgers() / 2
    );
}

#[test]
fn outputs_equal_the_oracle() {
    let (mut unknown, mut tainted, mut txs) = (0, 0, 0);
    for seed in 0..ledgers() / 2 {
        let (l, starts) = ledgers::outputs(seed);
        for method in Method::ALL {
            let plan = Plan::new(method, starts.clone());
            let (got, _, carried) = run(&l, &plan);
            let (want, want_carried) = oracle::outputs(&l, &plan);
            if method == Method::Poison {
                let sets = |h: &[(OutputId, Holding)]| -> Vec<(OutputId, Vec<(Source, u128)>)> {
                    h.iter().filter(|h| !h.1.tainted.is_empty()).map(|h| (h.0, h.1.tainted.clone())).collect()
                };
                assert_eq!(sets(&got.outputs), sets(&want), "seed {seed}");
            } else {
                assert_eq!(got.outputs, want, "seed {seed} {method:?}");
            }
            assert_eq!(carried, want_carried, "seed {seed} {method:?}");
            assert!(got.conserved(), "seed {seed} {method:?}: {:#?}", got.checks);
            unknown += u64::from(got.tally.unknown > 0);
            tainted += u64::from(!carried.is_empty());
        }
        txs += l.spends.len();
    }
    eprintln!(
        "output ledgers: {} × 5 methods, {txs} transactions, {unknown} runs with unknown history, \
         {tainted} with taint moved: 0 mismatches",
        ledgers() / 2
    );
}

/// The holdings of one rule, without the plan's other parts.
fn rest(l: &Ledger, plan: &Plan) -> Outcome {
    follow(l, plan, &mut (), &mut ()).unwrap()
}

#[test]
fn scaling_all_amounts_scales_the_result() {
    for seed in 0..1_000 {
        let k = [2u64, 1_000_003, 1 << 40][seed as usize % 3];
        let (mut l, starts, mut openings) = ledgers::accounts(seed);
        let swaps = swap::find(&l);
        for method in [Method::Fifo, Method::Lifo] {
            let one = rest(
                &l,
                &Plan { method, starts: starts.clone(), swaps: swaps.clone(), openings: openings.clone() },
            );
            // Wide cells from the first move on, or half way.
            let big = u128::from(k) * if seed % 2 == 0 { 1 << 60 } else { 1 };
            let scale = |n: &mut u128| *n *= big;
            l.moves.amount.iter_mut().for_each(scale);
            openings.iter_mut().for_each(|o| scale(&mut o.amount));
            let many = rest(
                &l,
                &Plan { method, starts: starts.clone(), swaps: swaps.clone(), openings: openings.clone() },
            );
            let scaled: Vec<_> = one.accounts.iter().map(|(p, a, h)| (*p, *a, times(h, big))).collect();
            // A swap rounds in the units it is in: only the sums of what it converts scale.
            if swaps.is_empty() {
                assert_eq!(many.accounts, scaled, "seed {seed} {method:?}");
            }
            assert!(many.conserved());
            let back = |n: &mut u128| *n /= big;
            l.moves.amount.iter_mut().for_each(back);
            openings.iter_mut().for_each(|o| back(&mut o.amount));
        }
        let (mut l, starts) = ledgers::outputs(seed);
        for method in [Method::Fifo, Method::Lifo, Method::Tiho] {
            let plan = Plan::new(method, starts.clone());
            let one = rest(&l, &plan);
            l.outputs.value.iter_mut().for_each(|v| *v *= k);
            let many = rest(&l, &plan);
            let scaled: Vec<_> = one.outputs.iter().map(|(o, h)| (*o, times(h, u128::from(k)))).collect();
            assert_eq!(many.outputs, scaled, "seed {seed} {method:?}");
            l.outputs.value.iter_mut().for_each(|v| *v /= k);
        }
    }
}

fn times(h: &Holding, k: u128) -> Holding {
    Holding {
        balance: h.balance * k,
        tainted: h.tainted.iter().map(|(s, n)| (*s, n * k)).collect(),
        unknown: h.unknown * k,
    }
}

#[test]
fn poison_reaches_whatever_another_rule_reaches() {
    for seed in 0..2_000 {
        let (l, starts, openings) = ledgers::accounts(seed);
        let swaps = swap::find(&l);
        let plan = |method| Plan {
            method,
            starts: starts.clone(),
            swaps: swaps.clone(),
            openings: openings.clone(),
        };
        let all: Vec<_> = rest(&l, &plan(Method::Poison)).accounts;
        let reached = |p: PartyId, a: AssetId, s: Source| {
            all.iter().any(|h| h.0 == p && h.1 == a && h.2.tainted.iter().any(|t| t.0 == s))
        };
        for method in [Method::Haircut, Method::Fifo, Method::Lifo] {
            for (p, a, h) in rest(&l, &plan(method)).accounts {
                let taint: u128 = h.tainted.iter().map(|t| t.1).sum();
                assert!(taint + h.unknown <= h.balance, "seed {seed} {method:?}");
                assert!(h.tainted.iter().all(|t| reached(p, a, t.0)), "seed {seed} {method:?}");
            }
        }
        let (l, starts) = ledgers::outputs(seed);
        let all = rest(&l, &Plan::new(Method::Poison, starts.clone())).outputs;
        for method in [Method::Haircut, Method::Fifo, Method::Lifo, Method::Tiho] {
            for (o, h) in rest(&l, &Plan::new(method, starts.clone())).outputs {
                let taint: u128 = h.tainted.iter().map(|t| t.1).sum();
                assert!(taint + h.unknown <= h.balance, "seed {seed} {method:?}");
                let Ok(at) = all.binary_search_by_key(&o, |x| x.0) else {
                    assert!(h.tainted.is_empty());
                    continue;
                };
                let set = &all[at].1.tainted;
                assert!(h.tainted.iter().all(|t| set.iter().any(|s| s.0 == t.0)), "seed {seed} {method:?}");
            }
        }
    }
}

#[test]
fn no_source_no_taint() {
    for seed in 0..300 {
        let (l, _, openings) = ledgers::accounts(seed);
        for method in [Method::Poison, Method::Haircut, Method::Fifo, Method::Lifo] {
            let plan = Plan { method, starts: vec![], swaps: swap::find(&l), openings: openings.clone() };
            let got = rest(&l, &plan);
            assert!(got.accounts.iter().all(|h| h.2.tainted.is_empty()), "seed {seed} {method:?}");
        }
    }
}

/// Moves between parties that nothing else touches, between all others, change nothing: numbers of slots, cells that
/// become wide and slices that are cut elsewhere included.
#[test]
fn unrelated_transactions_change_nothing() {
    for seed in 0..1_000 {
        let (l, starts, openings) = ledgers::accounts(seed);
        let mut r = ledgers::Rng::new(seed);
        let parties = l.parties.len() as u32;
        let mut more = ledgers::empty(parties as usize + 3, l.assets.len());
        let mut renamed = Vec::new();
        let mut last = None;
        for i in 0..l.moves.tx.len() {
            let m = &l.moves;
            if last != Some(m.tx[i]) {
                last = Some(m.tx[i]);
                while r.chance(40) {
                    let tx = ledgers::transaction(&mut more, 0);
                    let (a, b) = (parties + r.below(3) as u32, parties + r.below(3) as u32);
                    let big = if seed % 2 == 0 { u128::MAX / 4_096 } else { 5 };
                    let asset = r.below(l.assets.len() as u64) as u32;
                    ledgers::transfer(&mut more, tx, asset, a, b, big, MoveKind::Native);
                }
                let tx = ledgers::transaction(&mut more, 0);
                renamed.push((m.tx[i], tx));
            }
            let tx = renamed.last().unwrap().1;
            ledgers::transfer(&mut more, tx, m.asset[i].0, m.from[i].0, m.to[i].0, m.amount[i], m.kind[i]);
        }
        // Starts at transactions without moves begin with the next that has some.
        let name = |tx: TxId| match renamed.iter().find(|x| x.0 >= tx) {
            Some(x) => (x.1, x.0 == tx),
            None => (TxId(u32::MAX), false),
        };
        let moved: Vec<Start> = starts
            .iter()
            .filter_map(|s| {
                let entry = match s.entry {
                    Entry::Party { party, asset, from } => Entry::Party { party, asset, from: name(from).0 },
                    Entry::Tx { tx, party, asset } => {
                        name(tx).1.then(|| Entry::Tx { tx: name(tx).0, party, asset })?
                    }
                    e => e,
                };
                Some(Start { source: s.source, entry })
            })
            .collect();
        for method in [Method::Poison, Method::Haircut, Method::Fifo, Method::Lifo] {
            let plan = |l: &Ledger, starts: &[Start]| Plan {
                method,
                starts: starts.to_vec(),
                swaps: swap::find(l),
                openings: openings.clone(),
            };
            let want = rest(&l, &plan(&l, &starts)).accounts;
            let mut got = rest(&more, &plan(&more, &moved)).accounts;
            got.retain(|h| h.0.0 < parties);
            assert_eq!(got, want, "seed {seed} {method:?}");
        }
    }
}

/// Slices of every size give what one slice gives.
#[test]
fn slices_do_not_matter() {
    for seed in 0..500 {
        let (l, starts, openings) = ledgers::accounts(seed);
        for method in [Method::Poison, Method::Haircut, Method::Fifo, Method::Lifo] {
            let plan =
                Plan { method, starts: starts.clone(), swaps: swap::find(&l), openings: openings.clone() };
            let want = rest(&l, &plan);
            let mut router = Router::new(&plan).unwrap();
            let mut rule = Account::new(&plan).unwrap();
            let mut routed = Routed::default();
            let mut at = 0;
            let size = 1 + seed as usize % 5;
            while at < l.moves.tx.len() {
                let mut end = (at + size).min(l.moves.tx.len());
                while end < l.moves.tx.len() && l.moves.tx[end] == l.moves.tx[end - 1] {
                    end += 1;
                }
                router.route(&Slice::of(&l.moves, at..end), &mut routed);
                rule.feed(&routed, &mut ());
                at = end;
            }
            router.finish(&mut routed);
            rule.feed(&routed, &mut ());
            let got = rule.finish(&router);
            assert_eq!(got.holdings, want.accounts, "seed {seed} {method:?}");
            assert_eq!(got.checks, want.checks);
            assert_eq!(got.tally, want.tally);
        }
    }
}

#[test]
fn plans_that_cannot_be_followed_say_so() {
    let (l, ..) = ledgers::accounts(1);
    let start = |n| Start { source: Source(n), entry: Entry::Tx { tx: TxId(0), party: None, asset: None } };
    let tiho = follow(&l, &Plan::new(Method::Tiho, vec![start(0)]), &mut (), &mut ());
    assert_eq!(tiho.unwrap_err(), PlanError::TihoOnAccounts);
    let many = follow(&l, &Plan::new(Method::Fifo, vec![start(4_096)]), &mut (), &mut ());
    assert_eq!(many.unwrap_err(), PlanError::TooManySources(4_097));
    for m in Method::ALL {
        assert_eq!(Method::parse(m.name()), Some(m));
    }
}

/// A million alternating payments into one account and back round a circle: bounded memory, and an end.
#[test]
fn dust_storms_and_circles_end() {
    let mut l = ledgers::empty(4, 1);
    let tx = ledgers::transaction(&mut l, 0);
    for (to, n) in [(1, 10_000_000), (2, 10_000_000)] {
        ledgers::transfer(&mut l, tx, 0, 0, to, n, MoveKind::Mint);
    }
    for i in 0..1_000_000u32 {
        let tx = ledgers::transaction(&mut l, u64::from(i));
        ledgers::transfer(&mut l, tx, 0, 1 + i % 2, 3, 3, MoveKind::Native);
    }
    for i in 0..300_000u32 {
        let tx = ledgers::transaction(&mut l, u64::from(i));
        ledgers::transfer(&mut l, tx, 0, 3 + i % 2, 3 + (i + 1) % 2, 7, MoveKind::Native);
    }
    for method in [Method::Poison, Method::Haircut, Method::Fifo, Method::Lifo] {
        let entry = Entry::Party { party: PartyId(1), asset: None, from: TxId(0) };
        let got = rest(&l, &Plan::new(method, vec![Start { source: Source(0), entry }]));
        assert!(got.conserved(), "{method:?}");
        assert_eq!(got.tally.overflow, 0);
    }
}

#[test]
fn sums_beyond_128_bits_are_left_out_and_counted() {
    let mut l = ledgers::empty(3, 1);
    for from in [1, 2] {
        let tx = ledgers::transaction(&mut l, 0);
        ledgers::transfer(&mut l, tx, 0, from, 3, u128::MAX - 5, MoveKind::Native);
    }
    for method in [Method::Poison, Method::Haircut, Method::Fifo, Method::Lifo] {
        let entry = Entry::Party { party: PartyId(1), asset: None, from: TxId(0) };
        let got = rest(&l, &Plan::new(method, vec![Start { source: Source(0), entry }]));
        assert_eq!(got.tally.overflow, 1, "{method:?}");
        assert!(got.conserved(), "{method:?}");
    }
}
