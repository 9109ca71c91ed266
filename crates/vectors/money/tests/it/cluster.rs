//! Clusters: what joins addresses, what must not, and why an answer is what it is.

use std::collections::BTreeSet;

use palisade_money::Ledger;
use palisade_money::cluster::{Clusters, CoinJoin, MAYBE_PAYJOIN, Owners, Rejection, Why, coinjoin};
use palisade_money::ledger::{PartyId, Spend, TxId};
use palisade_money::trace::{Kind, Label, LabelTable};

use crate::taint::ledgers::{empty, output, transaction};

/// A transaction that spends fresh outputs of these owners and values, and makes these.
fn spend(l: &mut Ledger, ins: &[(u32, u64)], outs: &[(u32, u64)]) -> TxId {
    let tx = transaction(l, l.txs.id.len() as u64);
    let at = l.inputs.len() as u32;
    for &(party, value) in ins {
        let id = output(l, tx, 0, party, value, false);
        l.inputs.push(id);
    }
    let first = l.outputs.tx.len() as u32;
    for (vout, &(party, value)) in outs.iter().enumerate() {
        output(l, tx, vout as u32, party, value, true);
    }
    let (inputs, outputs) = (at..l.inputs.len() as u32, first..l.outputs.tx.len() as u32);
    l.spends.push(Spend { tx, inputs, outputs, coinbase: false, unknown_inputs: 0 });
    tx
}

fn build(l: &Ledger, labels: &LabelTable, rejected: &[TxId]) -> Clusters {
    Clusters::build(l, labels, 60, &rejected.iter().copied().collect::<BTreeSet<_>>())
}

#[test]
fn inputs_join_and_an_answer_cites_the_shortest_chain() {
    let mut l = empty(20, 1);
    let a = spend(&mut l, &[(1, 50), (2, 50), (3, 10)], &[(10, 100)]);
    let b = spend(&mut l, &[(3, 50), (4, 50), (5, 9)], &[(11, 100)]);
    let c = Clusters::build(&l, &LabelTable::default(), 60, &BTreeSet::new());
    assert_eq!(c.members(PartyId(5)), [1, 2, 3, 4, 5].map(PartyId));
    assert_eq!(c.cluster(PartyId(5)), PartyId(1));
    let why = c.why(PartyId(1), PartyId(5)).unwrap();
    assert_eq!(why.iter().map(|l| (l.tx, l.why)).collect::<Vec<_>>(), [(a, Why::Inputs), (b, Why::Inputs)]);
    assert_eq!(c.why(PartyId(1), PartyId(10)), None);
    let c = build(&l, &LabelTable::default(), &[b]);
    assert_eq!(c.members(PartyId(1)), [1, 2, 3].map(PartyId), "a rejected reason joins nothing");
}

#[test]
fn a_service_joins_nobody() {
    let mut l = empty(20, 1);
    spend(&mut l, &[(1, 50), (2, 50), (3, 9)], &[(10, 100)]);
    let mut labels = LabelTable::default();
    let source = "test".into();
    labels
        .add(PartyId(2), Label { kind: Kind::Exchange, actor: "X".into(), source, from: None, until: None });
    assert_eq!(build(&l, &labels, &[]).members(PartyId(1)), [PartyId(1)]);
}

#[test]
fn joint_transactions_join_nobody() {
    let many = |n: u32, value: u64| -> Vec<(u32, u64)> { (0..n).map(|i| (1 + i, value)).collect() };
    let outs = |n: u32, value: u64| -> Vec<(u32, u64)> { (0..n).map(|i| (101 + i, value)).collect() };
    let mut with_change = outs(4, 3_000_000);
    with_change.extend([(150, 1_234_567), (151, 7_654_321), (152, 555_555)]);
    let mut wabisabi = outs(30, 1 << 20);
    wabisabi.iter_mut().enumerate().for_each(|(i, o)| o.1 = [1 << 20, 3u64.pow(12), 50_000][i % 3]);
    let cases = [
        (many(5, 5_001_000), outs(5, 5_000_000), Some(CoinJoin::Whirlpool)),
        (many(12, 11_000_000), outs(12, 10_000_123), Some(CoinJoin::Wasabi1)),
        (many(40, 2_000_000), wabisabi, Some(CoinJoin::Wasabi2)),
        (many(4, 6_000_000), with_change, Some(CoinJoin::JoinMarket)),
        (many(9, 500), vec![(101, 77), (102, 77), (103, 77), (104, 9), (105, 8)], Some(CoinJoin::JoinMarket)),
        (many(9, 500), vec![(101, 77), (102, 77), (103, 77)], Some(CoinJoin::General)),
        (many(9, 500), vec![(101, 4_000), (102, 77)], None),
        // Equal payments of one owner.
        (vec![(1, 500), (1, 500), (1, 500)], outs(3, 400), None),
    ];
    for (ins, outs, want) in cases {
        let mut l = empty(200, 1);
        spend(&mut l, &ins, &outs);
        assert_eq!(coinjoin(&l, &l.spends[0]), want, "{ins:?} {outs:?}");
        let c = build(&l, &LabelTable::default(), &[]);
        assert_eq!(
            c.links().iter().filter(|l| l.why == Why::Inputs).count() == 0,
            want.is_some() || ins[0] == ins[1]
        );
    }
}

#[test]
fn change_needs_two_signs() {
    let mut l = empty(20, 1);
    // 10 is known; 3 is fresh, smaller than the input, not round: the change of 1.
    spend(&mut l, &[(7, 900)], &[(10, 800)]);
    let tx = spend(&mut l, &[(1, 9_000_000)], &[(10, 8_998_100), (3, 1_337)]);
    let c = build(&l, &LabelTable::default(), &[]);
    assert_eq!(c.members(PartyId(1)), [PartyId(1)], "one sign: fresh");
    let two = spend(&mut l, &[(1, 9_000_000)], &[(10, 5_000_000), (4, 3_999_337)]);
    let c = build(&l, &LabelTable::default(), &[]);
    assert_eq!(c.why(PartyId(1), PartyId(4)).unwrap()[0].tx, two);
    assert!(c.links().iter().all(|l| l.tx != tx));
}

#[test]
fn a_possible_payjoin_is_less_sure() {
    let mut l = empty(20, 1);
    spend(&mut l, &[(1, 9_000), (2, 4_000)], &[(10, 8_000), (11, 4_900)]);
    assert_eq!(build(&l, &LabelTable::default(), &[]).members(PartyId(1)), [PartyId(1)]);
    let c = Clusters::build(&l, &LabelTable::default(), MAYBE_PAYJOIN, &BTreeSet::new());
    assert_eq!(c.members(PartyId(1)), [1, 2].map(PartyId));
    assert!(c.links().iter().all(|l| l.confidence == MAYBE_PAYJOIN));
}

#[test]
fn owners_say_why_and_can_be_taken_apart() {
    let mut l = empty(20, 1);
    let a = spend(&mut l, &[(1, 50), (2, 50), (3, 10)], &[(10, 100)]);
    let b = spend(&mut l, &[(3, 50), (4, 50), (5, 9)], &[(11, 100)]);
    let asked: BTreeSet<PartyId> = [2, 5, 10, 11].map(PartyId).into();
    let none = LabelTable::default();
    let o = Owners::of(build(&l, &none, &[]), &asked, &[]);
    assert_eq!((o.owners.len(), o.owners[0].addresses), (1, 5));
    let of: Vec<(u32, Vec<TxId>)> =
        o.owners[0].members.iter().map(|m| (m.party.0, m.chain.iter().map(|l| l.tx).collect())).collect();
    assert_eq!(of, [(2, vec![]), (5, vec![a, a, b])], "by way of 1 and 3");
    assert!(o.same(PartyId(2), PartyId(5)) && !o.same(PartyId(2), PartyId(10)));
    // Not one owner: the last of equal reasons goes, and only it.
    let rejected = [Rejection::Pair(PartyId(2), PartyId(5))];
    let o = Owners::of(build(&l, &none, &[]), &asked, &rejected);
    assert_eq!(o.rejected, [b]);
    assert!(!o.same(PartyId(2), PartyId(5)));
    assert_eq!(o.owners.iter().map(|o| o.addresses).collect::<Vec<_>>(), [3]);
    // A second reason is taken back, too.
    spend(&mut l, &[(2, 50), (5, 50), (6, 9)], &[(12, 100)]);
    let o = Owners::of(build(&l, &none, &[]), &asked, &rejected);
    assert_eq!(o.rejected.len(), 2);
    assert!(!o.same(PartyId(2), PartyId(5)) && o.still.is_empty());
    let o = Owners::of(build(&l, &none, &[]), &asked, &[Rejection::Tx(a)]);
    assert!(o.same(PartyId(2), PartyId(5)), "by the third");
}
