//! Nothing is lost: what entered is where a trace says it is, whatever it is cut by.

use std::collections::{BTreeMap, BTreeSet};

use palisade_money::Ledger;
use palisade_money::ledger::{AssetId, MoveKind, PartyId, Spend, TxId};
use palisade_money::taint::{Entry, Method, Plan, Source, Start, swap};
use palisade_money::trace::{self, Kind, Label, LabelTable, Options, Reason, Trace};

use crate::taint::ledgers::{self, Rng, empty, output, transaction, transfer};

fn label(kind: Kind) -> Label {
    Label { kind, actor: "A".into(), source: "test".into(), from: None, until: None }
}

fn start(party: u32) -> Start {
    Start { source: Source(0), entry: Entry::Party { party: PartyId(party), asset: None, from: TxId(0) } }
}

/// The same ledger, ended by hand.
fn ended(l: &Ledger, until: Option<palisade_model::Time>) -> Ledger {
    let late = |tx: TxId| until.is_some_and(|u| l.txs.time[tx.0 as usize].is_some_and(|t| t > u));
    let mut out = empty(0, 0);
    out.parties.clone_from(&l.parties);
    out.assets.clone_from(&l.assets);
    for (n, id) in l.txs.id.iter().enumerate() {
        out.txs.id.push(id.clone());
        out.txs.block.push(l.txs.block[n]);
        out.txs.index.push(l.txs.index[n]);
        out.txs.time.push(l.txs.time[n]);
        out.txs.citation.push(l.txs.citation[n]);
    }
    let m = &l.moves;
    for i in (0..m.tx.len()).filter(|&i| !late(m.tx[i])) {
        transfer(&mut out, m.tx[i], m.asset[i].0, m.from[i].0, m.to[i].0, m.amount[i], m.kind[i]);
    }
    let o = &l.outputs;
    for i in 0..o.tx.len() {
        let id = output(&mut out, o.tx[i], o.vout[i], o.party[i].0, o.value[i], o.origin_known[i]);
        out.outputs.spent_by[id.0 as usize] = o.spent_by[i];
    }
    out.inputs.clone_from(&l.inputs);
    out.spends = l.spends.iter().filter(|s| !late(s.tx)).cloned().collect();
    out
}

struct Drawn {
    labels: LabelTable,
    floor: BTreeMap<AssetId, u128>,
    max_hops: u32,
    max_edges: usize,
    until: Option<palisade_model::Time>,
}

/// Limits and services, drawn like the ledgers.
fn drawn(l: &Ledger, seed: u64) -> Drawn {
    let mut r = Rng::new(seed ^ 0x77);
    let mut labels = LabelTable::default();
    for party in (1..l.parties.len() as u32).map(PartyId) {
        if r.chance(12) {
            labels.add(party, label([Kind::Exchange, Kind::Mixer, Kind::Swapper][r.below(3) as usize]));
        }
    }
    let mut floor = BTreeMap::new();
    if r.chance(40) {
        floor.insert(AssetId(0), u128::from(1 + r.below(12)));
    }
    let until = r.chance(40).then(|| l.txs.time.get(r.below(l.txs.time.len() as u64) as usize)).flatten();
    Drawn {
        labels,
        floor,
        max_hops: if r.chance(40) { 1 + r.below(4) as u32 } else { 1_000 },
        max_edges: if r.chance(15) { r.below(12) as usize } else { 1_000_000 },
        until: until.copied().flatten(),
    }
}

/// Per asset and source: all places together, and what entered less what was exchanged away.
fn sums(t: &Trace) -> BTreeMap<(AssetId, Source), (u128, u128)> {
    let mut sums: BTreeMap<(AssetId, Source), (u128, u128)> = BTreeMap::new();
    for end in &t.terminals {
        for (source, n) in &end.parts {
            sums.entry((end.asset, *source)).or_default().0 += n;
        }
    }
    for c in &t.checks {
        if let Some(source) = c.tag.source() {
            sums.entry((c.asset, source)).or_default().1 += c.created + c.converted_in - c.converted_out;
        }
    }
    sums
}

#[test]
fn the_places_where_it_ends_are_what_entered() {
    let (mut ends, mut cut, mut dated) = (0, 0, 0);
    for seed in 0..1_500u64 {
        let (accounts, starts, openings) = ledgers::accounts(seed);
        let swaps = swap::find(&accounts);
        let (outputs, output_starts) = ledgers::outputs(seed);
        for (l, starts, swaps, openings, methods) in [
            (&accounts, starts, swaps, openings, &Method::ALL[..4]),
            (&outputs, output_starts, Vec::new(), Vec::new(), &Method::ALL[..]),
        ] {
            let d = drawn(l, seed);
            for &method in methods {
                let plan =
                    Plan { method, starts: starts.clone(), swaps: swaps.clone(), openings: openings.clone() };
                let covered = |p: PartyId| p.0.is_multiple_of(2);
                let mut options = Options::new(plan, &d.labels, &covered);
                options.floor.clone_from(&d.floor);
                (options.max_hops, options.max_edges, options.until) = (d.max_hops, d.max_edges, d.until);
                options.ranked = false;
                let t = trace::forward(l, &options).unwrap();
                assert!(t.adds_up(), "seed {seed} {method:?}: {:#?} {:#?}", t.terminals, t.checks);
                if method == Method::Poison {
                    continue;
                }
                for (key, (is, entered)) in sums(&t) {
                    assert_eq!(is, entered, "seed {seed} {method:?} {key:?}");
                }
                let limited = t.terminals.iter().filter(|e| e.reason == Reason::Limit);
                let limited: u128 = limited.map(|e| e.amount).sum();
                let counted: u128 =
                    t.beyond_limits.values().chain(t.below_floor.values()).map(|c| c.amount).sum();
                assert_eq!(limited, counted, "seed {seed} {method:?}");
                ends += t.terminals.len();
                cut += u32::from(limited > 0);
                // Every edge begins at a source or where another has led.
                let mut led: BTreeSet<PartyId> = t.edges.iter().map(|e| e.to).collect();
                led.extend(starts.iter().filter_map(|s| match s.entry {
                    Entry::Party { party, .. } => Some(party),
                    _ => None,
                }));
                assert!(
                    t.edges.iter().all(|e| e.hops > 0
                        && (e.hops == 1 || e.swap || led.contains(&e.from) || e.from == PartyId::NOBODY)),
                    "seed {seed} {method:?}"
                );
                // An end date is the end of the ledger.
                // Some ledgers are out of order, to try the rules; one that was read never is.
                if d.until.is_some() && l.spends.is_sorted_by(|a, b| a.tx < b.tx) {
                    let by_hand = ended(l, d.until);
                    let mut options = Options {
                        until: None,
                        floor: d.floor.clone(),
                        plan: options.plan.clone(),
                        ..options
                    };
                    let kept = |tx: TxId| l.txs.time[tx.0 as usize] <= d.until;
                    options.plan.starts.retain(|s| match s.entry {
                        Entry::Party { from: tx, .. } | Entry::Tx { tx, .. } => {
                            l.txs.time.get(tx.0 as usize).is_none_or(|_| kept(tx))
                        }
                        Entry::Output { output } => {
                            l.outputs.tx.get(output.0 as usize).is_none_or(|tx| kept(*tx))
                        }
                    });
                    options.plan.swaps = swap::find(&by_hand);
                    let want = trace::forward(&by_hand, &options).unwrap();
                    assert_eq!(t.terminals, want.terminals, "seed {seed} {method:?}");
                    assert_eq!(t.reached, want.reached, "seed {seed} {method:?}");
                    dated += 1;
                }
            }
        }
    }
    assert!(ends > 5_000 && cut > 500 && dated > 500, "{ends} {cut} {dated}");
    eprintln!("{ends} places, {cut} traces that were cut, {dated} that ended early: all add up");
}

#[test]
fn the_places_it_came_from_are_what_was_there() {
    for seed in 0..1_000u64 {
        let (accounts, ..) = ledgers::accounts(seed);
        let (outputs, _) = ledgers::outputs(seed);
        for l in [&accounts, &outputs] {
            let d = drawn(l, seed);
            for method in [Method::Haircut, Method::Fifo, Method::Lifo] {
                let mut options = Options::new(Plan::new(method, vec![start(1)]), &d.labels, &|_| true);
                options.floor.clone_from(&d.floor);
                (options.max_hops, options.until) = (d.max_hops, d.until);
                let t = trace::backward(l, &options).unwrap();
                assert!(t.adds_up(), "seed {seed} {method:?}: {:#?} {:#?}", t.terminals, t.checks);
            }
        }
    }
}

/// Fees of the output model end somewhere: at a coinbase, or as fees.
#[test]
fn fees_of_outputs_end_with_the_miner_or_as_fees() {
    let mut l = empty(5, 1);
    let first = transaction(&mut l, 1);
    let theft = output(&mut l, first, 0, 1, 100, true);
    l.spends.push(Spend { tx: first, inputs: 0..0, outputs: 0..1, coinbase: true, unknown_inputs: 0 });
    let mined = transaction(&mut l, 2);
    output(&mut l, mined, 0, 3, 57, true);
    l.spends.push(Spend { tx: mined, inputs: 0..0, outputs: 1..2, coinbase: true, unknown_inputs: 0 });
    let second = transaction(&mut l, 2);
    l.inputs.push(theft);
    l.outputs.spent_by[theft.0 as usize] = Some(second);
    let kept = output(&mut l, second, 0, 2, 93, true);
    l.spends.push(Spend { tx: second, inputs: 0..1, outputs: 2..3, coinbase: false, unknown_inputs: 0 });
    let third = transaction(&mut l, 3);
    l.inputs.push(kept);
    l.outputs.spent_by[kept.0 as usize] = Some(third);
    output(&mut l, third, 0, 4, 90, true);
    l.spends.push(Spend { tx: third, inputs: 1..2, outputs: 3..4, coinbase: false, unknown_inputs: 0 });
    let labels = LabelTable::default();
    let t = trace::forward(&l, &Options::new(Plan::new(Method::Fifo, vec![start(1)]), &labels, &|_| true))
        .unwrap();
    let ends: Vec<_> = t.terminals.iter().map(|t| (t.party.0, t.amount, t.reason)).collect();
    assert_eq!(ends, [(0, 3, Reason::Burnt), (3, 7, Reason::Resting), (4, 90, Reason::Resting)]);
    let hops: Vec<_> = t.edges.iter().map(|e| (e.from.0, e.to.0, e.hops)).collect();
    assert_eq!(hops, [(0, 3, 2), (1, 2, 1), (2, 4, 2)]);
    assert!(t.adds_up());
}

/// A pool that pays before it is paid, and a coin that is wrapped and unwrapped: the funds are where they went, and
/// nothing is burnt.
#[test]
fn a_swap_is_followed_in_whatever_order_its_sides_stand() {
    let mut l = empty(9, 3);
    let tx = transaction(&mut l, 1);
    transfer(&mut l, tx, 0, 1, 2, 100, MoveKind::Native);
    // The pool 7 sends tokens first.
    let tx = transaction(&mut l, 2);
    transfer(&mut l, tx, 1, 7, 2, 500, MoveKind::Token);
    transfer(&mut l, tx, 0, 2, 7, 60, MoveKind::Internal);
    // 8 wraps coin.
    let tx = transaction(&mut l, 3);
    transfer(&mut l, tx, 0, 2, 8, 40, MoveKind::Native);
    transfer(&mut l, tx, 2, 0, 2, 40, MoveKind::Mint);
    let tx = transaction(&mut l, 4);
    transfer(&mut l, tx, 2, 2, 3, 40, MoveKind::Token);
    // 3 takes half of the coin out again.
    let tx = transaction(&mut l, 5);
    transfer(&mut l, tx, 2, 3, 0, 20, MoveKind::Burn);
    transfer(&mut l, tx, 0, 8, 3, 20, MoveKind::Internal);
    let tx = transaction(&mut l, 6);
    transfer(&mut l, tx, 0, 3, 4, 20, MoveKind::Native);
    let labels = LabelTable::default();
    for method in [Method::Haircut, Method::Fifo, Method::Lifo, Method::Poison] {
        let mut plan = Plan::new(method, vec![start(1)]);
        plan.swaps = swap::find(&l);
        assert_eq!(plan.swaps.len(), 3);
        let t = trace::forward(&l, &Options::new(plan, &labels, &|_| true)).unwrap();
        let mut ends: Vec<_> =
            t.terminals.iter().map(|t| (t.party.0, t.asset.0, t.amount, t.reason)).collect();
        // Under poison the pools are tainted, too: an upper bound.
        ends.retain(|e| ![7, 8].contains(&e.0) && e.0 != 1);
        let want = [(2, 1, 500, Reason::Resting), (3, 2, 20, Reason::Resting), (4, 0, 20, Reason::Resting)];
        if method != Method::Poison {
            assert_eq!(ends, want, "{method:?}");
        }
        assert!(want.iter().all(|w| ends.contains(w)), "{method:?} {ends:?}");
        assert!(ends.iter().all(|e| e.3 != Reason::Burnt), "{method:?} {ends:?}");
        let hops = |tx: u32, from: u32| {
            t.edges.iter().find(|e| e.tx.0 == tx && e.from.0 == from).map(|e| (e.hops, e.swap))
        };
        assert_eq!(hops(0, 1), Some((1, false)));
        assert_eq!((hops(1, 7), hops(1, 2)), (Some((2, true)), Some((2, true))), "{method:?}");
        assert_eq!((hops(2, 0), hops(3, 2)), (Some((2, true)), Some((2, false))), "{method:?}");
        assert_eq!(hops(5, 3), Some((3, false)), "{method:?}");
        assert!(t.reached.iter().all(|r| r.party != PartyId::NOBODY), "{method:?}");
    }
}
