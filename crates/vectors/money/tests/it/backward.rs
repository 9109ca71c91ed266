//! The way back against the way forward: every unit, with where it entered and whether it was ever at the address.

use std::collections::BTreeMap;

use palisade_money::Ledger;
use palisade_money::ledger::{AssetId, MoveKind, PartyId, Spend, TxId};
use palisade_money::taint::{Entry, Method, Opening, Plan, PlanError, Source, Start};
use palisade_money::trace::{self, Kind, Label, LabelTable, Options, Reason, Trace};

use crate::taint::ledgers::{self, empty, output, transaction, transfer};

/// Where a unit entered: with whom (nobody: created, or by an input that no source has), and which.
type Origin = (u32, Reason);
/// Units by asset and origin.
type Sums = BTreeMap<(AssetId, Origin), u128>;

/// A unit, and whether it was ever at the address.
#[derive(Clone, Copy)]
struct Unit(Origin, bool);

fn count(all: impl Iterator<Item = (AssetId, Unit)>) -> Sums {
    let mut sums = Sums::new();
    for (asset, unit) in all.filter(|u| u.1.1) {
        *sums.entry((asset, unit.0)).or_default() += 1;
    }
    sums
}

/// What each account must have held before the first move, for all moves to be possible.
fn held_before(l: &Ledger) -> BTreeMap<(u32, AssetId), u128> {
    let m = &l.moves;
    let mut balance: BTreeMap<(u32, AssetId), u128> = BTreeMap::new();
    let mut short: BTreeMap<(u32, AssetId), u128> = BTreeMap::new();
    for i in (0..m.tx.len()).filter(|&i| m.from[i] != m.to[i]) {
        let held = balance.entry((m.from[i].0, m.asset[i])).or_default();
        if m.from[i] != PartyId::NOBODY {
            *short.entry((m.from[i].0, m.asset[i])).or_default() += m.amount[i].saturating_sub(*held);
        }
        *held = held.saturating_sub(m.amount[i]);
        *balance.entry((m.to[i].0, m.asset[i])).or_default() += m.amount[i];
    }
    short
}

fn accounts_by_unit(l: &Ledger, lifo: bool, target: u32) -> Sums {
    let m = &l.moves;
    let mut queues: BTreeMap<(u32, AssetId), Vec<Unit>> = BTreeMap::new();
    for ((party, asset), n) in held_before(l) {
        let unit = Unit((party, Reason::BeforeLedger), party == target);
        queues.insert((party, asset), vec![unit; n as usize]);
    }
    let mut gone = Vec::new();
    for i in (0..m.tx.len()).filter(|&i| m.from[i] != m.to[i]) {
        let v = m.amount[i] as usize;
        let mut units: Vec<Unit> = match m.from[i] {
            PartyId::NOBODY => vec![Unit((0, Reason::Created), false); v],
            from => {
                let queue = queues.get_mut(&(from.0, m.asset[i])).unwrap();
                match lifo {
                    true => queue.drain(queue.len() - v..).rev().collect(),
                    false => queue.drain(..v).collect(),
                }
            }
        };
        units.iter_mut().for_each(|u| u.1 |= m.to[i].0 == target);
        match m.to[i] {
            PartyId::NOBODY => gone.extend(units.into_iter().map(|u| (m.asset[i], u))),
            to => queues.entry((to.0, m.asset[i])).or_default().extend(units),
        }
    }
    let rest = queues.into_iter().flat_map(|((_, asset), units)| units.into_iter().map(move |u| (asset, u)));
    count(rest.chain(gone))
}

fn outputs_by_unit(l: &Ledger, lifo: bool, target: u32) -> Sums {
    let o = &l.outputs;
    let mut held: BTreeMap<u32, Vec<Unit>> = BTreeMap::new();
    for i in (0..o.tx.len()).filter(|&i| !o.origin_known[i]) {
        let unit = Unit((o.party[i].0, Reason::BeforeLedger), o.party[i].0 == target);
        held.insert(i as u32, vec![unit; o.value[i] as usize]);
    }
    let mut fees = Vec::new();
    for s in &l.spends {
        let inputs = &l.inputs[s.inputs.start as usize..s.inputs.end as usize];
        let mut all: Vec<Unit> = inputs.iter().flat_map(|i| held.remove(&i.0).unwrap()).collect();
        let made: u64 = s.outputs.clone().map(|i| o.value[i as usize]).sum();
        let reason = if s.coinbase { Reason::Created } else { Reason::BeforeLedger };
        all.resize(all.len().max(made as usize), Unit((0, reason), false));
        if lifo {
            all.reverse();
        }
        let mut all = all.into_iter();
        for i in s.outputs.clone() {
            let party = o.party[i as usize].0;
            let units = all.by_ref().take(o.value[i as usize] as usize);
            held.insert(i, units.map(|u| Unit(u.0, u.1 || party == target)).collect());
        }
        fees.extend(all);
    }
    count(held.into_values().flatten().chain(fees).map(|u| (AssetId(0), u)))
}

fn backward(l: &Ledger, method: Method, target: u32, labels: &LabelTable) -> Trace {
    let entry = Entry::Party { party: PartyId(target), asset: None, from: TxId(0) };
    let plan = Plan::new(method, vec![Start { source: Source(0), entry }]);
    let t = trace::backward(l, &Options::new(plan, labels, &|_| true)).unwrap();
    assert!(t.checks.iter().all(|c| c.holds()), "{:#?}", t.checks);
    t
}

fn ends(t: &Trace) -> Sums {
    let mut sums = Sums::new();
    for end in &t.terminals {
        *sums.entry((end.asset, (end.party.0, end.reason))).or_default() += end.amount;
    }
    sums
}

#[test]
fn every_unit_is_followed_back_to_where_it_entered() {
    let (mut units, mut origins) = (0, 0);
    for seed in 0..2_000u64 {
        let labels = LabelTable::default();
        let (l, ..) = ledgers::accounts(seed);
        for target in 1..4.min(l.parties.len() as u32) {
            for (method, lifo) in [(Method::Fifo, false), (Method::Lifo, true)] {
                let want = accounts_by_unit(&l, lifo, target);
                assert_eq!(
                    ends(&backward(&l, method, target, &labels)),
                    want,
                    "seed {seed} {method:?} {target}"
                );
                units += want.values().sum::<u128>();
                origins += want.len();
            }
        }
        let (l, _) = ledgers::outputs(seed);
        // Some are out of order, to try the rules; a ledger that was read never is.
        if !l.spends.is_sorted_by(|a, b| a.tx < b.tx) {
            continue;
        }
        for target in 1..4.min(l.parties.len() as u32) {
            for (method, lifo) in [(Method::Fifo, false), (Method::Lifo, true)] {
                let want = outputs_by_unit(&l, lifo, target);
                assert_eq!(
                    ends(&backward(&l, method, target, &labels)),
                    want,
                    "seed {seed} {method:?} {target}"
                );
                units += want.values().sum::<u128>();
                origins += want.len();
            }
        }
    }
    assert!(units > 100_000 && origins > 10_000, "{units} {origins}");
    eprintln!("backward: {units} units from {origins} origins, 0 differences");
}

/// Haircut by fractions: each account holds parts by origin, those that were at the address apart.
fn accounts_by_fraction(l: &Ledger, target: u32) -> BTreeMap<(AssetId, Origin), f64> {
    type Parts = BTreeMap<(Origin, bool), f64>;
    let m = &l.moves;
    let mut held: BTreeMap<(u32, AssetId), Parts> = BTreeMap::new();
    for ((party, asset), n) in held_before(l) {
        let parts = held.entry((party, asset)).or_default();
        parts.insert(((party, Reason::BeforeLedger), party == target), n as f64);
    }
    let mut sums: BTreeMap<(AssetId, Origin), f64> = BTreeMap::new();
    for i in (0..m.tx.len()).filter(|&i| m.from[i] != m.to[i] && m.amount[i] > 0) {
        let v = m.amount[i] as f64;
        let mut moved = Parts::new();
        match m.from[i] {
            PartyId::NOBODY => drop(moved.insert(((0, Reason::Created), false), v)),
            from => {
                let parts = held.entry((from.0, m.asset[i])).or_default();
                let all: f64 = parts.values().sum();
                for (key, part) in parts.iter_mut() {
                    let share = *part * v / all;
                    *part -= share;
                    moved.insert(*key, share);
                }
            }
        }
        for ((origin, seen), part) in moved {
            let seen = seen || m.to[i].0 == target;
            match m.to[i] {
                PartyId::NOBODY if seen => *sums.entry((m.asset[i], origin)).or_default() += part,
                PartyId::NOBODY => {}
                to => {
                    *held.entry((to.0, m.asset[i])).or_default().entry((origin, seen)).or_default() += part;
                }
            }
        }
    }
    for ((_, asset), parts) in held {
        for ((origin, _), part) in parts.into_iter().filter(|p| p.0.1) {
            *sums.entry((asset, origin)).or_default() += part;
        }
    }
    sums
}

#[test]
fn haircut_gives_each_origin_its_share() {
    for seed in 0..500u64 {
        let (mut l, ..) = ledgers::accounts(seed);
        // Large amounts: rounding is then nothing beside them.
        l.moves.amount.iter_mut().for_each(|n| *n *= 1_000_000_000);
        let want = accounts_by_fraction(&l, 1);
        let got = ends(&backward(&l, Method::Haircut, 1, &LabelTable::default()));
        for key in want.keys().chain(got.keys()) {
            let (want, got) = (want.get(key).copied().unwrap_or(0.0), got.get(key).copied().unwrap_or(0));
            assert!((want - got as f64).abs() < 1_000.0, "seed {seed} {key:?}: {want} {got}");
        }
    }
}

#[test]
fn poison_is_an_upper_bound_and_tiho_has_no_way_back() {
    for seed in 0..300u64 {
        let (l, _) = ledgers::outputs(seed);
        let none = LabelTable::default();
        let bound = ends(&backward(&l, Method::Poison, 1, &none));
        for method in [Method::Haircut, Method::Fifo, Method::Lifo] {
            for (key, _) in ends(&backward(&l, method, 1, &none)) {
                assert!(bound.contains_key(&key), "seed {seed} {method:?} {key:?}");
            }
        }
    }
    let l = empty(2, 1);
    let plan = Plan::new(Method::Tiho, Vec::new());
    let none = LabelTable::default();
    let options = Options::new(plan, &none, &|_| true);
    assert_eq!(trace::backward(&l, &options).unwrap_err(), PlanError::TihoBackward);
}

fn pay(l: &mut Ledger, from: u32, to: u32, amount: u128) {
    let tx = transaction(l, l.txs.id.len() as u64 + 1);
    transfer(l, tx, 0, from, to, amount, MoveKind::Token);
}

#[test]
fn a_way_back_reads_like_a_way_forward() {
    // An exchange pays 2, whom 1 has paid, too; 2 pays 3, and 3 pays 4 later.
    let mut l = empty(6, 1);
    pay(&mut l, 5, 2, 60);
    pay(&mut l, 1, 2, 40);
    pay(&mut l, 2, 3, 100);
    pay(&mut l, 3, 4, 30);
    pay(&mut l, 1, 3, 7);
    let mut labels = LabelTable::default();
    let label = |kind, actor: &str| Label {
        kind,
        actor: actor.into(),
        source: "test".into(),
        from: None,
        until: None,
    };
    labels.add(PartyId(5), label(Kind::Exchange, "Bourse"));
    labels.add(PartyId(1), label(Kind::Sanctioned, "Somebody"));
    let t = backward(&l, Method::Fifo, 3, &labels);
    let edges: Vec<_> =
        t.edges.iter().map(|e| (e.tx.0, e.from.0, e.to.0, e.tainted(t.method), e.hops)).collect();
    assert_eq!(edges, [(0, 5, 2, 60, 2), (1, 1, 2, 40, 2), (2, 2, 3, 100, 1), (4, 1, 3, 7, 1)]);
    let got: Vec<_> = t.terminals.iter().map(|t| (t.party.0, t.amount, t.reason)).collect();
    assert_eq!(got, [(1, 47, Reason::BeforeLedger), (5, 60, Reason::Service)]);
    let x: Vec<_> = t.exposure.iter().map(|x| (x.party.0, x.direct, x.indirect, x.hops)).collect();
    assert_eq!(x, [(1, 7, 40, 1), (5, 0, 60, 2)]);
    // What it had by then.
    let entry = Entry::Party { party: PartyId(3), asset: None, from: TxId(0) };
    let plan = Plan::new(Method::Fifo, vec![Start { source: Source(0), entry }]);
    let mut options = Options::new(plan, &labels, &|_| false);
    options.until = l.txs.time[3];
    let t = trace::backward(&l, &options).unwrap();
    let got: Vec<_> = t.terminals.iter().map(|t| (t.party.0, t.amount)).collect();
    assert_eq!(got, [(1, 40), (5, 60)]);
    assert_eq!(t.needs, [PartyId(1)]);
    // One transaction.
    options.plan.starts[0].entry = Entry::Tx { tx: TxId(3), party: None, asset: None };
    options.until = None;
    let t = trace::backward(&l, &options).unwrap();
    let got: Vec<_> = t.terminals.iter().map(|t| (t.party.0, t.amount)).collect();
    assert_eq!(got, [(5, 30)]);
    // Openings are what the caller knows of the beginning.
    options.plan.openings.push(Opening { party: PartyId(1), asset: AssetId(0), amount: 1_000 });
    assert_eq!(trace::backward(&l, &options).unwrap().terminals, t.terminals);
}

/// The greater input is somebody else's and clean: the edge begins where the taint came from, and is not lost.
#[test]
fn an_edge_begins_at_the_input_that_carries() {
    let mut l = empty(5, 1);
    let first = transaction(&mut l, 1);
    let small = output(&mut l, first, 0, 1, 10, true);
    let large = output(&mut l, first, 1, 2, 1_000, true);
    l.spends.push(Spend { tx: first, inputs: 0..0, outputs: 0..2, coinbase: true, unknown_inputs: 0 });
    let second = transaction(&mut l, 2);
    l.inputs.extend([small, large]);
    for i in [small, large] {
        l.outputs.spent_by[i.0 as usize] = Some(second);
    }
    let nobody = output(&mut l, second, 0, 0, 10, true);
    output(&mut l, second, 1, 4, 1_000, true);
    l.spends.push(Spend { tx: second, inputs: 0..2, outputs: 2..4, coinbase: false, unknown_inputs: 0 });
    // A script without address is spent like any other.
    let third = transaction(&mut l, 3);
    l.inputs.push(nobody);
    l.outputs.spent_by[nobody.0 as usize] = Some(third);
    output(&mut l, third, 0, 5, 10, true);
    l.spends.push(Spend { tx: third, inputs: 2..3, outputs: 4..5, coinbase: false, unknown_inputs: 0 });
    let entry = Entry::Party { party: PartyId(1), asset: None, from: TxId(0) };
    let plan = Plan::new(Method::Fifo, vec![Start { source: Source(0), entry }]);
    let labels = LabelTable::default();
    let t = trace::forward(&l, &Options::new(plan, &labels, &|_| true)).unwrap();
    let edges: Vec<_> = t.edges.iter().map(|e| (e.from.0, e.to.0, e.tainted(t.method))).collect();
    assert_eq!(edges, [(1, 0, 10), (0, 5, 10)]);
    let got: Vec<_> = t.terminals.iter().map(|t| (t.party.0, t.amount, t.reason)).collect();
    assert_eq!(got, [(5, 10, Reason::Resting)]);
}
