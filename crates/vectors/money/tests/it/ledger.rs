//! The builder: what several sources say becomes one ledger, in whatever order they say it.

use palisade_model::{Citation, Origin, Problem, SourceId, Time};
use palisade_money::ledger::{
    AccountTx, Amount, Input, Ledger, LedgerBuilder, LimitMet, Limits, Output, OutputId, OutputTx, PartyId,
    PartyKey, Place, Step, Transfer,
};

use crate::Random;

fn cite(source: u32, record: u64) -> Citation {
    Citation { source: SourceId(source), record, offset: record * 10 }
}

fn id(n: u64) -> String {
    format!("{n:064x}")
}

fn address(n: u64) -> String {
    format!("0x{n:040x}")
}

/// One line per move: block/index, kind, from → to, amount, asset. Addresses by their last digits.
pub fn moves(l: &Ledger) -> Vec<String> {
    let name = |p: PartyId| {
        let a = &l.parties[p.0 as usize].address;
        if a.is_empty() {
            "-".to_owned()
        } else {
            a[a.len().saturating_sub(4)..].trim_start_matches('0').to_owned()
        }
    };
    (0..l.moves.tx.len())
        .map(|m| {
            let tx = l.moves.tx[m].0 as usize;
            let asset = &l.assets[l.moves.asset[m].0 as usize];
            format!(
                "{}/{} {:?} {}>{} {} {}",
                l.txs.block[tx],
                l.txs.index[tx] as i32,
                l.moves.kind[m],
                name(l.moves.from[m]),
                name(l.moves.to[m]),
                l.moves.amount[m],
                asset.symbol,
            )
        })
        .collect()
}

/// Everything in it, as text that can be compared.
pub fn all(l: &Ledger) -> String {
    format!("{l:#?}")
}

/// Invariants that hold whatever was read.
pub fn hold(l: &Ledger) {
    assert_eq!(l.parties[0].address.len(), 0);
    let n = l.moves.tx.len();
    let lengths = [l.moves.asset.len(), l.moves.from.len(), l.moves.to.len(), l.moves.amount.len()];
    assert_eq!(lengths, [n; 4]);
    assert!(l.moves.tx.windows(2).all(|w| w[0] <= w[1]));
    let mut made = 0;
    let mut used = 0;
    for s in &l.spends {
        assert_eq!(s.inputs.start, used);
        used = s.inputs.end;
        let of = |o: &OutputId| u128::from(l.outputs.value[o.0 as usize]);
        let ins: u128 = l.inputs[s.inputs.start as usize..s.inputs.end as usize].iter().map(of).sum();
        let outs: u128 = s.outputs.clone().map(|o| of(&OutputId(o))).sum();
        assert!(s.coinbase || s.unknown_inputs > 0 || ins >= outs);
        made += s.outputs.len();
        for o in s.outputs.clone() {
            assert_eq!(l.outputs.tx[o as usize], s.tx);
            assert!(l.outputs.origin_known[o as usize]);
        }
        for i in s.inputs.clone() {
            let o = l.inputs[i as usize].0 as usize;
            assert_eq!(l.outputs.spent_by[o], Some(s.tx));
            assert!(l.outputs.tx[o] < s.tx);
        }
    }
    assert_eq!(used as usize, l.inputs.len());
    assert_eq!(made, l.outputs.origin_known.iter().filter(|k| **k).count());
    assert!(l.outputs.tx.windows(2).all(|w| w[0] <= w[1]));
}

/// A thing to tell the builder.
#[derive(Clone)]
struct Told(std::rc::Rc<dyn Fn(&mut LedgerBuilder)>);

fn told(f: impl Fn(&mut LedgerBuilder) + 'static) -> Told {
    Told(std::rc::Rc::new(f))
}

fn build(told: &[Told]) -> (Ledger, Vec<Problem>) {
    let mut b = LedgerBuilder::default();
    for s in 0..4 {
        b.source(SourceId(s), &Origin::file(format!("file{s}")));
    }
    told.iter().for_each(|t| t.0(&mut b));
    let (ledger, problems) = b.finish();
    hold(&ledger);
    (ledger, problems)
}

/// The same ledger and the same problems in every order; returns them.
fn any_order(told: &[Told]) -> (Ledger, Vec<String>) {
    let (ledger, problems) = build(told);
    let mut random = Random(3);
    let mut told = told.to_vec();
    for _ in 0..60 {
        random.shuffle(&mut told);
        let (again, same) = build(&told);
        assert_eq!(all(&again), all(&ledger));
        assert_eq!(same, problems);
    }
    (ledger, problems.iter().map(|p| p.message.clone()).collect())
}

fn says(
    tx: u64,
    block: u64,
    index: Option<u32>,
    record: u64,
    from: u64,
    to: u64,
    value: u128,
    fee: u128,
    ok: bool,
) -> Told {
    told(move |b| {
        let chain = b.chain("ethereum").unwrap();
        let tx = b.tx(chain, &id(tx)).unwrap();
        let from = b.party(chain, &address(from)).unwrap();
        let to = b.party(chain, &address(to)).unwrap();
        let place = Place { block: Some(block), index, time: Some(Time::from_unix_seconds(block as i64)) };
        let says = AccountTx {
            from: Some(from),
            to: Some(to),
            value: Some(value),
            fee: Some(fee),
            success: Some(ok),
            ..AccountTx::default()
        };
        b.account_tx(tx, place, says, cite(0, record));
    })
}

fn token(tx: u64, source: u32, record: u64, log: Option<u32>, from: u64, to: u64, amount: Amount) -> Told {
    told(move |b| {
        let chain = b.chain("ethereum").unwrap();
        let tx = b.tx(chain, &id(tx)).unwrap();
        let asset = b.asset(chain, Some(&address(0xdac))).unwrap();
        b.describe(asset, "TOK", None);
        let party = |b: &mut LedgerBuilder, n| match n {
            0 => PartyKey::NOBODY,
            n => b.party(chain, &address(n)).unwrap(),
        };
        let (from, to) = (party(b, from), party(b, to));
        let step = Step::Token(log);
        b.transfer(Transfer { tx, asset, from, to, amount, step, citation: cite(source, record) }).unwrap();
    })
}

fn call(tx: u64, record: u64, way: &'static [u32], from: u64, to: u64, amount: u128, failed: bool) -> Told {
    told(move |b| {
        let chain = b.chain("ethereum").unwrap();
        let tx = b.tx(chain, &id(tx)).unwrap();
        let asset = b.asset(chain, None).unwrap();
        let from = b.party(chain, &address(from)).unwrap();
        let to = b.party(chain, &address(to)).unwrap();
        if failed {
            b.failed_call(tx, way, cite(1, record));
        }
        let amount = Amount::Units(amount);
        let step = Step::Internal(Some(way));
        b.transfer(Transfer { tx, asset, from, to, amount, step, citation: cite(1, record) }).unwrap();
    })
}

#[test]
fn the_fee_leaves_first_and_failures_pay_it() {
    let (l, problems) = any_order(&[
        says(1, 10, Some(1), 1, 0xa, 0xb, 100, 5, true),
        says(2, 10, Some(0), 2, 0xa, 0xa, 30, 5, true),
        says(3, 9, Some(7), 3, 0xb, 0xc, 50, 5, false),
        call(1, 4, &[0], 0xb, 0xc, 60, false),
        call(1, 5, &[0, 10], 0xc, 0xd, 1, false),
        call(1, 6, &[0, 2], 0xc, 0xd, 2, false),
        call(1, 7, &[1], 0xb, 0xe, 3, true),
        call(1, 8, &[1, 0], 0xe, 0xf, 4, false),
        call(3, 9, &[0], 0xc, 0xd, 2, false),
    ]);
    assert_eq!(
        moves(&l),
        [
            "9/7 Fee b>- 5 ETH",
            "10/0 Fee a>- 5 ETH",
            "10/0 Native a>a 30 ETH",
            "10/1 Fee a>- 5 ETH",
            "10/1 Native a>b 100 ETH",
            "10/1 Internal b>c 60 ETH",
            "10/1 Internal c>d 2 ETH",
            "10/1 Internal c>d 1 ETH",
        ]
    );
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn equal_transfers_are_counted_by_step_not_by_content() {
    let u = Amount::Units;
    let (l, problems) = any_order(&[
        says(1, 10, Some(1), 1, 0xa, 0xb, 0, 0, true),
        // Two equal logs, the second of them read twice.
        token(1, 1, 1, Some(3), 0xa, 0xb, u(7)),
        token(1, 1, 2, Some(4), 0xa, 0xb, u(7)),
        token(1, 2, 9, Some(4), 0xa, 0xb, u(7)),
        // Exports without log numbers: three such rows in one, two in the other: there are three.
        token(1, 2, 1, None, 0xa, 0xb, u(7)),
        token(1, 2, 2, None, 0xa, 0xb, u(7)),
        token(1, 2, 3, None, 0xa, 0xb, u(7)),
        token(1, 3, 1, None, 0xa, 0xb, u(7)),
        token(1, 3, 2, None, 0xa, 0xb, u(7)),
        token(1, 3, 3, None, 0, 0xb, u(1)),
        token(1, 3, 4, None, 0xb, 0, u(1)),
        token(1, 3, 5, None, 0xb, 0xb, u(0)),
    ]);
    assert_eq!(
        moves(&l),
        [
            "10/1 Token a>b 7 TOK",
            "10/1 Token a>b 7 TOK",
            // Without numbers: first occurrences in the order of their content, then the third of its like.
            "10/1 Mint ->b 1 TOK",
            "10/1 Burn b>- 1 TOK",
            "10/1 Token b>b 0 TOK",
            "10/1 Token a>b 7 TOK",
        ]
    );
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn decimals_may_be_learnt_elsewhere() {
    let d = |mantissa, scale| Amount::Decimal { mantissa, scale };
    let base = [says(1, 10, Some(1), 1, 0xa, 0xb, 0, 0, true), token(1, 1, 1, None, 0xa, 0xb, d(1_5, 1))];
    let decimals = told(|b| {
        let chain = b.chain("ethereum").unwrap();
        let asset = b.asset(chain, Some(&address(0xdac))).unwrap();
        b.describe(asset, "", Some(6));
    });
    let (l, problems) = any_order(&[&base[..], std::slice::from_ref(&decimals)].concat());
    assert_eq!(moves(&l), ["10/1 Token a>b 1500000 TOK"]);
    assert_eq!(problems, Vec::<String>::new());
    // Not learnt: the finest amount sets the unit.
    let (l, problems) = any_order(&[&base[..], &[token(1, 1, 2, None, 0xa, 0xc, d(225, 2))]].concat());
    assert_eq!(moves(&l), ["10/1 Token a>b 150 TOK", "10/1 Token a>c 225 TOK"]);
    assert_eq!(l.assets[0].decimals, Some(2));
    assert!(problems[0].contains("decimals"), "{problems:?}");
    // Too fine, or beyond 128 bits.
    let (l, problems) = any_order(
        &[
            &base[..],
            &[
                decimals,
                token(1, 1, 3, None, 0xa, 0xc, d(1, 7)),
                token(1, 1, 4, None, 0xa, 0xc, d(u128::MAX, 0)),
            ],
        ]
        .concat(),
    );
    assert_eq!(moves(&l).len(), 1);
    assert!(problems[0].contains("does not fit"), "{problems:?}");
}

#[derive(Clone, Default)]
struct Coin {
    tx: u64,
    block: u64,
    index: Option<u32>,
    coinbase: bool,
    inputs: Vec<(u64, u32, Option<u64>)>,
    outputs: Vec<u64>,
    record: u64,
    source: u32,
}

fn coin(c: Coin) -> Told {
    told(move |b| {
        let chain = b.chain("bitcoin").unwrap();
        let tx = b.tx(chain, &id(c.tx)).unwrap();
        let inputs: Vec<Input> = (c.inputs.iter())
            .map(|(t, vout, value)| Input {
                tx: b.tx(chain, &id(*t)).unwrap(),
                vout: *vout,
                value: *value,
                party: None,
            })
            .collect();
        let outputs: Vec<Output> = (0..)
            .zip(&c.outputs)
            .map(|(vout, value)| Output {
                vout,
                value: *value,
                party: b.party(chain, &address(c.tx * 16 + u64::from(vout))).unwrap(),
            })
            .collect();
        b.output_tx(&OutputTx {
            chain,
            tx,
            place: Place { block: Some(c.block), index: c.index, time: None },
            coinbase: c.coinbase,
            inputs: &inputs,
            outputs: &outputs,
            citation: cite(c.source, c.record),
        })
        .unwrap();
    })
}

pub fn outputs(l: &Ledger) -> Vec<String> {
    let short = |t: u32| l.txs.id[t as usize].trim_start_matches('0').to_owned();
    (0..l.outputs.tx.len())
        .map(|o| {
            let by = l.outputs.spent_by[o].map_or("-".to_owned(), |t| short(t.0));
            let known = if l.outputs.origin_known[o] { "" } else { "?" };
            format!("{}:{} {}{known} {by}", short(l.outputs.tx[o].0), l.outputs.vout[o], l.outputs.value[o])
        })
        .collect()
}

#[test]
fn spends_find_their_outputs_across_files() {
    let (l, problems) = any_order(&[
        coin(Coin { tx: 1, block: 5, index: Some(0), coinbase: true, outputs: vec![50], ..Coin::default() }),
        // In one block, without positions: the spender has the smaller id.
        coin(Coin {
            tx: 4,
            block: 6,
            inputs: vec![(1, 0, None)],
            outputs: vec![30, 19],
            record: 1,
            ..Coin::default()
        }),
        coin(Coin {
            tx: 3,
            block: 6,
            inputs: vec![(4, 1, None)],
            outputs: vec![19],
            record: 2,
            ..Coin::default()
        }),
        // From a transaction that no file has: one value repeated, one not. The same record from a poorer source, too.
        coin(Coin {
            tx: 6,
            block: 7,
            inputs: vec![(9, 2, Some(8)), (9, 1, None)],
            outputs: vec![100],
            record: 3,
            ..Coin::default()
        }),
        coin(Coin {
            tx: 6,
            block: 7,
            index: Some(4),
            inputs: vec![(9, 2, None), (9, 1, None)],
            outputs: vec![100],
            source: 1,
            record: 3,
            ..Coin::default()
        }),
    ]);
    assert_eq!(outputs(&l), ["9:2 8? 6", "1:0 50 4", "4:0 30 -", "4:1 19 3", "3:0 19 -", "6:0 100 -"]);
    let spends: Vec<_> =
        l.spends.iter().map(|s| (s.inputs.len(), s.outputs.len(), s.coinbase, s.unknown_inputs)).collect();
    assert_eq!(spends, [(0, 1, true, 0), (1, 2, false, 0), (1, 1, false, 0), (1, 1, false, 1)]);
    assert_eq!(l.txs.index[l.spends[3].tx.0 as usize], 4);
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn what_cannot_have_happened_is_left_out() {
    let base =
        coin(Coin { tx: 1, block: 5, index: Some(0), coinbase: true, outputs: vec![50], ..Coin::default() });
    for (bad, want) in [
        (
            Coin {
                tx: 2,
                block: 6,
                index: Some(1),
                inputs: vec![(1, 0, None)],
                outputs: vec![51],
                ..Coin::default()
            },
            "more goes out",
        ),
        (
            Coin {
                tx: 2,
                block: 6,
                index: Some(1),
                inputs: vec![(1, 1, None)],
                outputs: vec![1],
                ..Coin::default()
            },
            "does not have",
        ),
        (
            Coin {
                tx: 2,
                block: 6,
                index: Some(1),
                inputs: vec![(1, 0, None); 2],
                outputs: vec![60],
                ..Coin::default()
            },
            "one output twice",
        ),
        (
            Coin {
                tx: 2,
                block: 4,
                index: Some(1),
                inputs: vec![(1, 0, None)],
                outputs: vec![1],
                ..Coin::default()
            },
            "made after it",
        ),
        (
            Coin {
                tx: 2,
                block: 6,
                index: Some(1),
                inputs: vec![(2, 0, None)],
                outputs: vec![1],
                ..Coin::default()
            },
            "made after it",
        ),
    ] {
        let (l, problems) = any_order(&[base.clone(), coin(bad)]);
        assert_eq!(outputs(&l), ["1:0 50 -"], "{want}");
        assert!(problems[0].contains(want), "{problems:?}");
    }
    let twice = |tx, block| {
        coin(Coin {
            tx,
            block,
            index: Some(1),
            inputs: vec![(1, 0, None)],
            outputs: vec![50],
            ..Coin::default()
        })
    };
    let (l, problems) = any_order(&[base, twice(2, 7), twice(3, 6)]);
    assert_eq!(outputs(&l), ["1:0 50 3", "3:0 50 -"]);
    assert!(problems[0].contains("spent twice"), "{problems:?}");
}

/// Before BIP 30, two coinbases could have one id: two heights are two transactions, and the later one's output is spent.
#[test]
fn equal_coinbases_are_told_apart_by_height() {
    let base = |block| {
        coin(Coin {
            tx: 1,
            block,
            index: Some(0),
            coinbase: true,
            outputs: vec![50],
            record: block,
            ..Coin::default()
        })
    };
    let (l, problems) = any_order(&[
        base(91_722),
        base(91_880),
        coin(Coin {
            tx: 2,
            block: 91_999,
            index: Some(1),
            inputs: vec![(1, 0, None)],
            outputs: vec![50],
            ..Coin::default()
        }),
    ]);
    assert_eq!(outputs(&l), ["1:0 50 -", "1:0 50 2", "2:0 50 -"]);
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn limits_are_met_not_passed() {
    let mut b =
        LedgerBuilder::new(Limits { txs: 2, moves: 1, outputs: 1, parties: 1, assets: 2, bytes: usize::MAX });
    let chain = b.chain("bitcoin").unwrap();
    assert!(b.party(chain, "a").is_ok() && b.party(chain, "a").is_ok());
    assert_eq!(b.party(chain, "b"), Err(LimitMet("parties")));
    assert!(b.asset(chain, Some("x")).is_ok());
    assert_eq!(b.asset(chain, Some("y")), Err(LimitMet("assets")));
    assert!(b.tx(chain, "a").is_ok() && b.tx(chain, "b").is_ok() && b.tx(chain, "c").is_err());
}
