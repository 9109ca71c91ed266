//! Traces over small ledgers: where they end and why, what is exposed, what is only guessed.

use std::collections::BTreeMap;

use palisade_money::Ledger;
use palisade_money::ledger::{AssetId, MoveKind, PartyId, Spend, TxId};
use palisade_money::taint::{Entry, Method, Plan, Source, Start};
use palisade_money::trace::{
    self, Kind, Label, LabelTable, Options, Reason, Trace, detect, hypotheses, patterns,
};

use crate::taint::ledgers::{empty, output, transaction, transfer};

fn label(kind: Kind, actor: &str) -> Label {
    Label { kind, actor: actor.into(), source: "test".into(), from: None, until: None }
}

fn plan(party: u32, method: Method) -> Plan {
    let entry = Entry::Party { party: PartyId(party), asset: None, from: TxId(0) };
    Plan::new(method, vec![Start { source: Source(0), entry }])
}

fn pay(l: &mut Ledger, block: u64, from: u32, to: u32, amount: u128) -> TxId {
    let tx = transaction(l, block);
    transfer(l, tx, 0, from, to, amount, MoveKind::Token);
    tx
}

fn forward(l: &Ledger, plan: Plan, labels: &LabelTable) -> Trace {
    trace::forward(l, &Options::new(plan, labels, &|p| p.0 < 5)).unwrap()
}

/// 1 steals 100, pays 60 to 2 and 40 to 6; 2 pays 50 to exchange 3, which pays others; 6 is not in the data.
fn theft() -> (Ledger, LabelTable) {
    let mut l = empty(9, 1);
    pay(&mut l, 1, 0, 1, 100);
    pay(&mut l, 2, 1, 2, 60);
    pay(&mut l, 3, 1, 6, 40);
    pay(&mut l, 4, 2, 3, 50);
    pay(&mut l, 5, 3, 7, 500);
    let mut labels = LabelTable::default();
    labels.add(PartyId(3), label(Kind::Exchange, "Bourse"));
    (l, labels)
}

#[test]
fn a_trace_says_where_it_ends_and_why() {
    let (l, labels) = theft();
    for method in [Method::Haircut, Method::Fifo, Method::Lifo] {
        let t = forward(&l, plan(1, method), &labels);
        let ends: BTreeMap<u32, (u128, Reason)> =
            t.terminals.iter().map(|t| (t.party.0, (t.amount, t.reason))).collect();
        let want = [(2, (10, Reason::Resting)), (3, (50, Reason::Service)), (6, (40, Reason::NoData))];
        assert_eq!(ends, want.into_iter().collect(), "{method:?}");
        assert_eq!(t.needs, [PartyId(6)]);
        assert!(t.checks.iter().all(|c| c.holds()));
        let x = &t.exposure[0];
        assert_eq!((x.direct, x.indirect, x.hops, x.kind), (0, 50, 2, Kind::Exchange));
        assert_eq!(t.edges.iter().map(|e| e.tainted(method)).collect::<Vec<_>>(), [60, 40, 50]);
        assert!(t.edges.iter().all(|e| e.to != PartyId(7)), "what an exchange pays is its own");
    }
}

/// Places where it ends: party, amount, reason.
fn ends(t: &Trace) -> Vec<(u32, u128, Reason)> {
    assert!(t.adds_up(), "{:#?} {:#?}", t.terminals, t.checks);
    t.terminals.iter().map(|t| (t.party.0, t.amount, t.reason)).collect()
}

#[test]
fn what_a_floor_or_a_limit_cuts_ends_where_it_was_sent() {
    let (l, labels) = theft();
    let mut options = Options::new(plan(1, Method::Fifo), &labels, &|_| true);
    options.floor.insert(AssetId(0), 45);
    let t = trace::forward(&l, &options).unwrap();
    assert_eq!((t.below_floor[&AssetId(0)].edges, t.below_floor[&AssetId(0)].amount), (1, 40));
    let cut = (1, 40, Reason::Limit);
    assert_eq!(ends(&t), [cut, (2, 10, Reason::Resting), (3, 50, Reason::Service)]);
    options.floor.clear();
    options.max_hops = 1;
    let t = trace::forward(&l, &options).unwrap();
    assert_eq!(t.beyond_limits[&AssetId(0)].amount, 50);
    // What rests keeps its own reason beside what went on.
    assert_eq!(ends(&t), [(2, 10, Reason::Resting), (2, 50, Reason::Limit), (6, 40, Reason::Resting)]);
    options.max_hops = 9;
    options.max_edges = 2;
    let t = trace::forward(&l, &options).unwrap();
    assert_eq!(t.edges.len(), 2);
    assert_eq!(ends(&t), [(2, 10, Reason::Resting), (2, 50, Reason::Limit), (6, 40, Reason::Resting)]);
}

#[test]
fn an_end_date_shows_what_rested_then() {
    let (l, labels) = theft();
    let mut options = Options::new(plan(1, Method::Fifo), &labels, &|_| true);
    // After 1 has paid 2 and 6, before 2 pays the exchange.
    options.until = l.txs.time[2];
    let t = trace::forward(&l, &options).unwrap();
    assert_eq!(ends(&t), [(2, 60, Reason::Resting), (6, 40, Reason::Resting)]);
    assert!(t.beyond_limits.is_empty(), "there is nothing beyond the end of a ledger");
    assert_eq!(t.reached.iter().find(|r| r.party == PartyId(2)).unwrap().balance, 60);
    options.until = l.txs.time[0];
    let t = trace::forward(&l, &options).unwrap();
    assert_eq!((ends(&t), t.edges.len()), (vec![(1, 100, Reason::Resting)], 0));
}

#[test]
fn a_label_counts_while_it_holds() {
    let (l, _) = theft();
    let mut labels = LabelTable::default();
    let ended = l.txs.time[0];
    labels.add(PartyId(3), Label { until: ended, ..label(Kind::Exchange, "Bourse") });
    labels.add(PartyId(3), Label { from: l.txs.time[4], ..label(Kind::Sanctioned, "List") });
    let t = forward(&l, plan(1, Method::Fifo), &labels);
    assert!(t.edges.iter().any(|e| e.to == PartyId(7)), "the label had ended, the trace goes on");
    assert!(t.exposure.iter().all(|x| !x.then));
}

#[test]
fn findings_cite_and_are_stable() {
    let (mut l, mut labels) = theft();
    labels.add(PartyId(6), label(Kind::Sanctioned, "Somebody"));
    for from in [1, 2] {
        pay(&mut l, 6, from, 8, 5);
    }
    let t = forward(&l, plan(1, Method::Haircut), &labels);
    let deposits = patterns::deposit_addresses(&l, &labels);
    let starts = std::collections::BTreeMap::new();
    let seen = detect::Seen {
        ledger: &l,
        trace: &t,
        peels: &[],
        deposits: &deposits,
        starts: &starts,
        pools: &|_| false,
    };
    let (findings, exhibits) = detect::detect(&seen);
    let rules: Vec<&str> = findings.iter().map(|f| f.rule.id.as_str()).collect();
    assert!(rules.contains(&"money.sanctioned_counterparty"), "{rules:?}");
    assert!(rules.contains(&"money.exchange_deposit"), "{rules:?}");
    assert!(findings.iter().all(|f| !f.citations.is_empty() && !f.observables.is_empty()));
    assert_eq!(exhibits.len(), 1);
    assert_eq!(detect::detect(&seen), (findings, exhibits));
}

#[test]
fn amounts_are_written_exactly() {
    let mut l = empty(1, 1);
    l.assets[0].decimals = Some(18);
    let text = |n| detect::amount(&l, AssetId(0), n).0;
    assert_eq!(text(1), "0.000000000000000001");
    assert_eq!(text(1_500_000_000_000_000_000), "1.5");
    assert_eq!(text(u128::MAX), "340282366920938463463.374607431768211455");
    assert_eq!(text(0), "0");
}

#[test]
fn deposits_and_withdrawals_are_only_guesses() {
    let mut l = empty(9, 1);
    let mut labels = LabelTable::default();
    labels.add(PartyId(5), label(Kind::Mixer, "Mixer"));
    pay(&mut l, 1, 0, 1, 1_000);
    pay(&mut l, 2, 1, 5, 1_000);
    pay(&mut l, 3, 5, 6, 990);
    pay(&mut l, 4, 5, 7, 998);
    pay(&mut l, 5, 5, 8, 400);
    let t = forward(&l, plan(1, Method::Fifo), &labels);
    let found = hypotheses::find(&l, &t, &labels, None, None).found;
    assert_eq!(
        found.iter().map(|h| (h.tx.0, h.to.0, h.amount)).collect::<Vec<_>>(),
        [(3, 7, 998), (2, 6, 990)]
    );
    assert!(found.iter().all(|h| h.candidates == 2 && h.score <= 0.5));
    assert!(t.edges.iter().all(|e| e.from != PartyId(5)));
}

#[test]
fn shapes() {
    let mut l = empty(40, 1);
    let mut labels = LabelTable::default();
    labels.add(PartyId(9), label(Kind::Exchange, "Bourse"));
    pay(&mut l, 1, 1, 2, 1_000);
    pay(&mut l, 2, 2, 9, 990);
    let found = patterns::deposit_addresses(&l, &labels);
    assert_eq!(found.iter().map(|d| d.party.0).collect::<Vec<_>>(), [2]);
    for i in 0..6 {
        pay(&mut l, 10 + i, 3, 10 + i as u32, 100 + u128::from(i) % 3);
    }
    for i in 0..6 {
        pay(&mut l, 20 + i, 10 + i as u32, 30, 99);
    }
    let found = patterns::splittings(&l, &labels, &|p| p == PartyId(3));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].party.0, found[0].parts.len(), found[0].collector), (3, 6, Some(PartyId(30))));
    // A look-alike of 21, which 20 has paid.
    let real = format!("0xabcd{}1234", "0".repeat(32));
    let fake = format!("0xabcd{}1234", "7".repeat(32));
    (l.parties[21].address, l.parties[22].address) = (real.into(), fake.into());
    pay(&mut l, 40, 20, 21, 50_000);
    pay(&mut l, 41, 20, 22, 0);
    let found = patterns::poisonings(&l);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].victim.0, found[0].lookalike.0, found[0].imitates.0), (20, 22, 21));
}

#[test]
fn a_peel_chain_is_followed_to_its_tail() {
    let mut l = empty(20, 1);
    let tx = transaction(&mut l, 1);
    let mut carried = output(&mut l, tx, 0, 1, 1_000_000, true);
    l.spends.push(Spend { tx, inputs: 0..0, outputs: 0..1, coinbase: true, unknown_inputs: 0 });
    let mut value = 1_000_000;
    for i in 0..6u32 {
        let tx = transaction(&mut l, u64::from(i) + 2);
        let at = l.inputs.len() as u32;
        l.inputs.push(carried);
        l.outputs.spent_by[carried.0 as usize] = Some(tx);
        let first = l.outputs.tx.len() as u32;
        output(&mut l, tx, 0, 10 + i, 50_000, true);
        value -= 51_000;
        carried = output(&mut l, tx, 1, 2 + i, value, true);
        let outputs = first..l.outputs.tx.len() as u32;
        l.spends.push(Spend { tx, inputs: at..at + 1, outputs, coinbase: false, unknown_inputs: 0 });
    }
    let found = patterns::peel_chains(&l, &LabelTable::default());
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].txs.len(), found[0].tail, found[0].rest), (6, PartyId(7), u128::from(value)));
    assert_eq!(found[0].peeled.len(), 6);
}

#[test]
fn a_peel_chain_of_accounts_is_followed_to_its_tail() {
    let mut l = empty(40, 1);
    pay(&mut l, 1, 20, 1, 1_000_000);
    let mut carried = 1_000_000;
    for i in 1..=5 {
        // Two small parts, then the rest to a fresh account.
        pay(&mut l, 10 * u64::from(i), i, 20 + i, 50_000);
        pay(&mut l, 10 * u64::from(i) + 1, i, 30 + i, 20_000);
        carried -= 70_000;
        pay(&mut l, 10 * u64::from(i) + 2, i, i + 1, carried);
    }
    let none = LabelTable::default();
    let found = patterns::peel_chains(&l, &none);
    assert_eq!(found.len(), 1);
    let peeled: u128 = found[0].peeled.iter().map(|p| p.1).sum();
    assert_eq!((found[0].txs.len(), found[0].tail.0, found[0].rest, peeled), (15, 6, carried, 350_000));
    // What is used again carries no chain on: two steps before it, two behind, are none.
    pay(&mut l, 100, 9, 3, 1);
    assert!(patterns::peel_chains(&l, &none).is_empty());
    // Halves are no peel, and neither is what waits for a month.
    let mut l = empty(40, 1);
    pay(&mut l, 1, 20, 1, 1_000_000);
    for i in 1..=5 {
        pay(&mut l, 10, i, 20 + i, 400_000);
        pay(&mut l, 11, i, i + 1, 500_000);
    }
    assert!(patterns::peel_chains(&l, &none).is_empty());
    // A service ends it.
    let mut l = empty(40, 1);
    pay(&mut l, 1, 20, 1, 1_000_000);
    for i in 1..=5 {
        pay(&mut l, 10, i, 20 + i, 10_000);
        pay(&mut l, 11, i, i + 1, 1_000_000 - 10_000 * u128::from(i));
    }
    let mut labels = LabelTable::default();
    labels.add(PartyId(4), label(Kind::Exchange, "Bourse"));
    let found = patterns::peel_chains(&l, &labels);
    assert_eq!((found.len(), found[0].tail.0, found[0].peeled.len()), (1, 4, 3));
}

#[test]
fn tokens_under_the_symbol_of_another_are_told() {
    let mut l = empty(4, 7);
    let usdt = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
    l.assets[0].symbol = "ETH".into();
    for (n, symbol) in [(1, "USDT"), (2, "USDT"), (3, "U\u{200b}SDТ"), (4, "eth"), (5, "XYZ"), (6, "ＤＡＩ")]
    {
        l.assets[n].symbol = symbol.into();
    }
    l.assets[1].contract = Some(usdt.into());
    for asset in 0..7 {
        let tx = transaction(&mut l, 1);
        // The one that looks like DAI never moves.
        if asset != 6 {
            transfer(&mut l, tx, asset, 1, 2, 5, MoveKind::Token);
        }
    }
    let found = trace::fakes::fake_tokens(&l);
    let got: Vec<_> = found.iter().map(|f| (f.asset.0, f.imitates.is_some(), f.moves, f.first)).collect();
    assert_eq!(got, [(2, true, 1, 2), (3, true, 1, 3), (4, false, 1, 4)]);
    assert!(found[0].imitates.unwrap().eq_ignore_ascii_case(usdt));
    let tx = transaction(&mut l, 2);
    transfer(&mut l, tx, 6, 1, 2, 5, MoveKind::Token);
    assert_eq!(trace::fakes::fake_tokens(&l).last().unwrap().asset, AssetId(6));
    // On a chain where nobody has that symbol it imitates nothing known.
    l.assets.iter_mut().for_each(|a| a.chain = "elsewhere".into());
    l.assets[0].symbol = "".into();
    assert!(trace::fakes::fake_tokens(&l).is_empty());
}

#[test]
fn outputs_of_mixers_are_guessed_at_like_payments() {
    let mut l = empty(9, 1);
    let mut labels = LabelTable::default();
    labels.add(PartyId(5), label(Kind::Mixer, "Mixer"));
    let spend =
        |l: &mut Ledger, block: u64, inputs: &[palisade_money::ledger::OutputId], made: &[(u32, u64)]| {
            let tx = transaction(l, block);
            let (at, first) = (l.inputs.len() as u32, l.outputs.tx.len() as u32);
            for i in inputs {
                l.inputs.push(*i);
                l.outputs.spent_by[i.0 as usize] = Some(tx);
            }
            let ids: Vec<_> =
                made.iter().enumerate().map(|(n, (p, v))| output(l, tx, n as u32, *p, *v, true)).collect();
            let (inputs, outputs) = (at..l.inputs.len() as u32, first..l.outputs.tx.len() as u32);
            l.spends.push(Spend { tx, coinbase: at == inputs.end, inputs, outputs, unknown_inputs: 0 });
            ids
        };
    let mined = spend(&mut l, 1, &[], &[(1, 1_000), (5, 9_000)]);
    let paid = spend(&mut l, 2, &mined[..1], &[(5, 1_000)]);
    // To 6 what fits, to 7 what does not, the rest back to the mixer itself.
    spend(&mut l, 3, &mined[1..], &[(6, 990), (7, 400), (5, 7_600)]);
    let t = forward(&l, plan(1, Method::Fifo), &labels);
    let found = hypotheses::find(&l, &t, &labels, None, None).found;
    assert_eq!(found.iter().map(|h| (h.to.0, h.amount, h.candidates)).collect::<Vec<_>>(), [(6, 990, 1)]);
    assert!(t.edges.iter().all(|e| e.from != PartyId(5)), "a guess is no flow");
    assert_eq!(paid.len(), 1);
}

fn addresses(l: &mut Ledger, of: &[(u32, &str)]) {
    for (party, address) in of {
        l.parties[*party as usize].address = (*address).into();
    }
}

const WETH: &str = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const USDC: &str = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";

/// A thief who makes both sides of a swap launders nothing by it.
#[test]
fn a_swap_needs_somebody_who_vouches_for_it() {
    use trace::swaps::{Basis, Doubt, credible};
    // Assets: 0 coin, 1 WETH, 2 USDC, 3 and 4 tokens that nobody knows.
    let mut l = empty(30, 5);
    l.assets[1].contract = Some(WETH.into());
    l.assets[2].contract = Some(USDC.into());
    addresses(&mut l, &[(9, WETH)]);
    let mut labels = LabelTable::default();
    labels.add(PartyId(8), label(Kind::Swapper, "Desk"));
    let pair = |l: &mut Ledger, payer: u32, (a, to, x): (u32, u32, u128), (b, by, y): (u32, u32, u128)| {
        let block = l.txs.id.len() as u64;
        let tx = transaction(l, block);
        transfer(l, tx, 0, payer, 0, 1, MoveKind::Fee);
        transfer(l, tx, a, payer, to, x, MoveKind::Token);
        transfer(l, tx, b, by, payer, y, MoveKind::Token);
        tx
    };
    // The thief pays coin to his own contract and is minted a token that he made.
    pair(&mut l, 1, (0, 5, 100), (3, 0, 1));
    // He pays the contract of WETH, and is minted his own token one to one.
    pair(&mut l, 1, (0, 9, 100), (4, 0, 100));
    // By way of a contract of his own, but wrapped.
    pair(&mut l, 1, (0, 6, 100), (1, 0, 100));
    // Not one to one; then as it should be.
    pair(&mut l, 2, (0, 9, 100), (1, 0, 90));
    pair(&mut l, 2, (0, 9, 100), (1, 0, 100));
    // With somebody who is labelled.
    pair(&mut l, 3, (0, 8, 100), (3, 8, 7));
    // Known assets, with a pool: others pay 20 for one.
    for payer in 10..15 {
        pair(&mut l, payer, (0, 7, 100), (2, 7, 2_000));
    }
    // A thousandth of the price.
    pair(&mut l, 1, (0, 6, 100), (2, 6, 2));
    // A fair price for him, but the rest goes to his other address, which pays nothing.
    let tx = pair(&mut l, 1, (0, 7, 100), (2, 7, 1_900));
    transfer(&mut l, tx, 2, 7, 20, 1_000_000, MoveKind::Token);
    // A pool that pays first: whoever pays the fee is the customer.
    let block = l.txs.id.len() as u64;
    let tx = transaction(&mut l, block);
    transfer(&mut l, tx, 0, 18, 0, 1, MoveKind::Fee);
    transfer(&mut l, tx, 2, 7, 18, 200, MoveKind::Token);
    transfer(&mut l, tx, 0, 18, 7, 10, MoveKind::Token);
    // Two of the thief's addresses trade with his contract in both directions: nobody else vouches for the token.
    pair(&mut l, 1, (0, 22, 1_000), (3, 22, 1_000));
    pair(&mut l, 21, (3, 22, 1_000), (0, 22, 1_000));
    // His helper makes a price with dust.
    pair(&mut l, 21, (0, 22, 1), (2, 22, 1_000));
    let all = credible(&l, &labels);
    let m = &l.moves;
    let believed: Vec<(u32, Basis, bool)> =
        all.believed.iter().map(|b| (m.tx[b.swap.pay as usize].0, b.basis, b.compared)).collect();
    let known = |tx| (tx, Basis::Known, true);
    // Whoever mints the real thing at the price that others paid has wrapped it on the way.
    assert_eq!(believed[..4], [known(2), known(3), (4, Basis::Wrapped, true), (5, Basis::Labelled, false)]);
    assert_eq!(believed[4..9], [known(6), known(7), known(8), known(9), known(10)]);
    assert_eq!(believed[9..], [known(13)]);
    let last = all.believed.last().unwrap().swap;
    assert_eq!((m.from[last.pay as usize].0, m.from[last.get as usize].0), (18, 7));
    let doubted: Vec<(u32, Doubt)> = all.doubted.iter().map(|(s, d)| (m.tx[s.pay as usize].0, *d)).collect();
    let unknown = |tx| (tx, Doubt::Unknown);
    let price = |tx| (tx, Doubt::Price);
    assert_eq!(
        doubted,
        [unknown(0), unknown(1), price(11), (12, Doubt::Shared), unknown(14), unknown(15), price(16)]
    );
}

/// With a believed set of swaps, the self-made token stays clean and the coin is followed to where it was paid.
#[test]
fn a_token_of_ones_own_takes_no_taint() {
    let mut l = empty(9, 2);
    let tx = transaction(&mut l, 1);
    transfer(&mut l, tx, 0, 1, 5, 100, MoveKind::Native);
    transfer(&mut l, tx, 1, 0, 1, 1, MoveKind::Mint);
    let tx = transaction(&mut l, 2);
    transfer(&mut l, tx, 0, 5, 6, 100, MoveKind::Internal);
    let labels = LabelTable::default();
    let mut p = plan(1, Method::Haircut);
    p.starts[0].entry = Entry::Party { party: PartyId(1), asset: Some(AssetId(0)), from: TxId(0) };
    p.swaps = trace::swaps::credible(&l, &labels).believed.iter().map(|b| b.swap).collect();
    let t = trace::forward(&l, &Options::new(p, &labels, &|_| true)).unwrap();
    assert_eq!(ends(&t), [(6, 100, Reason::Resting)]);
}

#[test]
fn a_label_that_did_not_hold_is_no_finding() {
    let (l, _) = theft();
    let mut labels = LabelTable::default();
    labels.add(PartyId(6), Label { until: l.txs.time[1], ..label(Kind::Sanctioned, "Delisted before") });
    labels.add(PartyId(2), Label { from: l.txs.time[4], ..label(Kind::Sanctioned, "Listed after") });
    let t = forward(&l, plan(1, Method::Fifo), &labels);
    assert_eq!(t.exposure.len(), 2);
    let found = |t: &Trace, starts: &BTreeMap<Source, Vec<PartyId>>| -> Vec<String> {
        let seen =
            detect::Seen { ledger: &l, trace: t, peels: &[], deposits: &[], starts, pools: &|_| false };
        detect::detect(&seen).0.into_iter().map(|f| f.rule.id.clone()).collect()
    };
    assert!(!found(&t, &BTreeMap::new()).iter().any(|r| r == "money.sanctioned_counterparty"));
    // One of them holds from the moment it is paid.
    labels.add(PartyId(6), Label { from: l.txs.time[2], ..label(Kind::Sanctioned, "Listed then") });
    let t = forward(&l, plan(1, Method::Fifo), &labels);
    assert!(found(&t, &BTreeMap::new()).iter().any(|r| r == "money.sanctioned_counterparty"));
    // Sources followed as one: what a start is paid by another is still told.
    let starts = BTreeMap::from([(Source(0), vec![PartyId(1), PartyId(6)])]);
    assert!(found(&t, &starts).iter().any(|r| r == "money.sanctioned_counterparty"));
    // What began there is not.
    let starts = BTreeMap::from([(Source(0), vec![PartyId(6)])]);
    assert!(!found(&t, &starts).iter().any(|r| r == "money.sanctioned_counterparty"));
}

#[test]
fn a_withdrawal_is_guessed_at_once_and_by_the_same_actor_first() {
    let mut l = empty(12, 2);
    let mut labels = LabelTable::default();
    // Two packs name one mixer; another mixer is nobody's.
    labels.add(PartyId(5), label(Kind::Mixer, "Mixer"));
    labels.add(PartyId(5), Label { source: "other".into(), ..label(Kind::Mixer, "Mixer") });
    labels.add(PartyId(4), label(Kind::Mixer, "Another"));
    labels.add(PartyId(3), Label { until: l.txs.time.first().copied().flatten(), ..label(Kind::Mixer, "M") });
    pay(&mut l, 1, 0, 1, 1_000);
    pay(&mut l, 2, 1, 5, 1_000);
    pay(&mut l, 3, 5, 6, 990);
    pay(&mut l, 3, 4, 7, 1_000);
    let t = forward(&l, plan(1, Method::Fifo), &labels);
    let found = hypotheses::find(&l, &t, &labels, None, None).found;
    assert_eq!(
        found.iter().map(|h| (h.to.0, h.candidates, h.same_actor)).collect::<Vec<_>>(),
        [(6, 1, true)]
    );
    assert!(found[0].score > 0.8, "{}", found[0].score);
    // Nothing of that name fits: another of its kind, for half.
    let t2 = {
        pay(&mut l, 4, 5, 8, 1);
        forward(&l, plan(1, Method::Fifo), &labels)
    };
    assert_eq!(hypotheses::find(&l, &t2, &labels, l.txs.time[2], None).found.len(), 1);
    let mut only = LabelTable::default();
    only.add(PartyId(5), label(Kind::Mixer, "Mixer"));
    only.add(PartyId(4), label(Kind::Mixer, "Another"));
    l.moves.amount[2] = 1;
    let t = forward(&l, plan(1, Method::Fifo), &only);
    let found = hypotheses::find(&l, &t, &only, None, None).found;
    assert_eq!(found.iter().map(|h| (h.to.0, h.same_actor)).collect::<Vec<_>>(), [(7, false)]);
    assert!(found[0].score <= 0.5);
    // A label that had ended says nothing.
    let mut ended = LabelTable::default();
    ended.add(PartyId(5), label(Kind::Mixer, "Mixer"));
    ended.add(PartyId(4), Label { until: l.txs.time[1], ..label(Kind::Mixer, "Another") });
    let t = forward(&l, plan(1, Method::Fifo), &ended);
    assert!(hypotheses::find(&l, &t, &ended, None, None).found.is_empty());
}

#[test]
fn a_swapper_is_compared_by_value_or_said_not_to_be() {
    let mut l = empty(12, 2);
    (l.assets[0].symbol, l.assets[1].symbol) = ("A".into(), "B".into());
    let mut labels = LabelTable::default();
    labels.add(PartyId(5), label(Kind::Swapper, "Desk"));
    pay(&mut l, 1, 0, 1, 1_000);
    pay(&mut l, 2, 1, 5, 1_000);
    let tx = transaction(&mut l, 3);
    transfer(&mut l, tx, 1, 5, 6, 49, MoveKind::Token);
    let tx = transaction(&mut l, 4);
    transfer(&mut l, tx, 1, 5, 7, 20, MoveKind::Token);
    let t = forward(&l, plan(1, Method::Fifo), &labels);
    let none = hypotheses::find(&l, &t, &labels, None, None);
    assert_eq!((none.found.len(), none.unpriced), (0, 1));
    let worth = |a: AssetId, n: u128, _: Option<palisade_model::Time>| {
        Some(n as f64 * if a == AssetId(0) { 1.0 } else { 20.0 })
    };
    let found = hypotheses::find(&l, &t, &labels, None, Some(&worth));
    assert_eq!(found.found.iter().map(|h| (h.to.0, h.by_value)).collect::<Vec<_>>(), [(6, true)]);
    assert_eq!(found.unpriced, 0);
}

/// A million later payments of a part's address are not looked at one by one for every splitter.
#[test]
fn a_busy_part_costs_a_splitting_nothing() {
    let mut l = empty(2_100, 1);
    let mut block = 1;
    for splitter in 0..400u32 {
        for part in 0..5 {
            let to = if part == 0 { 2_050 } else { 500 + splitter * 3 + part };
            pay(&mut l, block, 1 + splitter, to, 100);
            block += 1;
        }
    }
    for _ in 0..200_000 {
        pay(&mut l, block, 2_050, 2_051, 1);
        block += 1;
    }
    let found = patterns::splittings(&l, &LabelTable::default(), &|_| true);
    assert_eq!(found.len(), 400);
}
