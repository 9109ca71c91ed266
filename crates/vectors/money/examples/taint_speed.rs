//! How fast taint moves: the engines beside straightforward loops, in one run, on the same made-up moves.
//!
//! `cargo run --release -p palisade-money --example taint_speed -- --edges 20000000 --accounts 2000000`
//!
//! Every account opens with a balance; every move goes from one account to another, both drawn evenly (no locality:
//! the worst case for the memory), and takes at most what the sender has, so that no history is missing. `few`: ten
//! sources among all accounts. `all`: the source has paid every account as much as it opened with, so every balance is half
//! tainted and every transfer must be divided. `gaps`: no opening balances, so most of the money is of unknown origin. Rounds alternate; medians
//! are printed, and the results of engine and loop are compared.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::collections::VecDeque;
use std::time::Instant;

use palisade_money::ledger::{AssetId, MoveKind, PartyId, TxId};
use palisade_money::taint::account::{Account, Routed, Router, Slice};
use palisade_money::taint::{Entry, Method, Opening, Plan, Source, Start};

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

struct Edges {
    from: Vec<u32>,
    to: Vec<u32>,
    amount: Vec<u64>,
    opening: Vec<u64>,
}

/// `paid`: first the account 0 pays every other what that one opened with; not timed.
fn edges(n: usize, accounts: usize, gaps: bool, paid: bool) -> Edges {
    let mut r = Rng(0x9e37_79b9_7f4a_7c15);
    let opening: Vec<u64> =
        (0..accounts).map(|_| if gaps { 0 } else { 1_000_000_000 + r.below(1 << 40) }).collect();
    let mut opening = opening;
    if paid {
        opening[0] = opening.iter().sum();
    }
    let mut balance = opening.clone();
    let mut e = Edges {
        from: Vec::with_capacity(n),
        to: Vec::with_capacity(n),
        amount: Vec::with_capacity(n),
        opening,
    };
    for b in (1..accounts as u32).filter(|_| paid) {
        let amount = e.opening[b as usize];
        balance[0] -= amount;
        balance[b as usize] += amount;
        e.from.push(0);
        e.to.push(b);
        e.amount.push(amount);
    }
    for _ in 0..n {
        let a = r.below(accounts as u64) as u32;
        let b = (a + 1 + r.below(accounts as u64 - 1) as u32) % accounts as u32;
        let amount = if gaps { 1 + r.below(1 << 40) } else { r.below(balance[a as usize] / 2 + 1) };
        balance[a as usize] = balance[a as usize].saturating_sub(amount);
        balance[b as usize] += amount;
        e.from.push(a);
        e.to.push(b);
        e.amount.push(amount);
    }
    e
}

/// The exact haircut as one would write it first: dense 128-bit arrays, multiply, divide.
fn plain_haircut(e: &Edges, sources: &[u32]) -> (Vec<u128>, Vec<u128>) {
    let mut balance: Vec<u128> = e.opening.iter().map(|&b| u128::from(b)).collect();
    let mut taint = vec![0u128; balance.len()];
    let mut source = vec![false; balance.len()];
    for &s in sources {
        taint[s as usize] = balance[s as usize];
        source[s as usize] = true;
    }
    for i in 0..e.from.len() {
        let (a, b, v) = (e.from[i] as usize, e.to[i] as usize, u128::from(e.amount[i]));
        if balance[a] < v {
            balance[a] = v;
        }
        let m = (taint[a] * v).checked_div(balance[a]).unwrap_or(0);
        balance[a] -= v;
        taint[a] -= m;
        balance[b] += v;
        taint[b] += if source[b] { v } else { m };
    }
    (balance, taint)
}

/// FIFO as one would write it first: a queue of (source, amount) per account.
fn plain_fifo(e: &Edges, sources: &[u32]) -> Vec<VecDeque<(u32, u128)>> {
    let mut queues: Vec<VecDeque<(u32, u128)>> =
        e.opening.iter().map(|&b| VecDeque::from([(0, u128::from(b))])).collect();
    let mut source = vec![false; queues.len()];
    for &s in sources {
        queues[s as usize][0].0 = 2;
        source[s as usize] = true;
    }
    let mut moved: Vec<(u32, u128)> = Vec::new();
    for i in 0..e.from.len() {
        let (a, b, mut v) = (e.from[i] as usize, e.to[i] as usize, u128::from(e.amount[i]));
        moved.clear();
        while v > 0 {
            match queues[a].front_mut() {
                Some(front) if front.1 > v => {
                    front.1 -= v;
                    moved.push((front.0, v));
                    v = 0;
                }
                Some(_) => {
                    let front = queues[a].pop_front().unwrap();
                    v -= front.1;
                    moved.push(front);
                }
                None => {
                    moved.push((1, v));
                    v = 0;
                }
            }
        }
        for &(tag, n) in &moved {
            let tag = if source[b] { 2 } else { tag };
            match queues[b].back_mut() {
                Some(back) if back.0 == tag => back.1 += n,
                _ => queues[b].push_back((tag, n)),
            }
        }
    }
    queues
}

struct Prepared {
    routed: Vec<Routed>,
    router: Router,
    seconds: f64,
}

/// Slices: the first `head` moves, then the rest.
fn prepare(e: &Edges, plan: &Plan, head: usize) -> Prepared {
    let n = e.from.len();
    let start = Instant::now();
    let mut router = Router::new(plan).unwrap();
    let mut routed = Vec::new();
    const SLICE: usize = 1 << 20;
    let mut at = 0;
    while at < n {
        let end = if at < head { head } else { (at + SLICE).min(n) };
        let tx: Vec<TxId> = (at..end).map(|i| TxId(i as u32)).collect();
        let party = |p: &[u32]| p.iter().map(|&p| PartyId(p + 1)).collect::<Vec<_>>();
        let (from, to) = (party(&e.from[at..end]), party(&e.to[at..end]));
        let amount: Vec<u128> = e.amount[at..end].iter().map(|&a| u128::from(a)).collect();
        let asset = vec![AssetId(0); end - at];
        let kind = vec![MoveKind::Native; end - at];
        let mut out = Routed::default();
        let slice = Slice { tx: &tx, asset: &asset, from: &from, to: &to, amount: &amount, kind: &kind };
        router.route(&slice, &mut out);
        routed.push(out);
        at = end;
    }
    let mut out = Routed::default();
    router.finish(&mut out);
    routed.push(out);
    Prepared { routed, router, seconds: start.elapsed().as_secs_f64() }
}

fn median(v: &mut [f64]) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn main() {
    let (mut n, mut accounts, mut rounds) = (20_000_000usize, 2_000_000usize, 5usize);
    let mut only: Option<String> = None;
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let text = args.next().expect("a value behind each option");
        if name == "--only" {
            only = Some(text);
            continue;
        }
        let value = text.parse().expect("a number behind each option");
        match name.as_str() {
            "--edges" => n = value,
            "--accounts" => accounts = value,
            "--rounds" => rounds = value,
            other => {
                panic!("unknown option {other}; there are --edges, --accounts, --rounds, --only RULE-CASE,…")
            }
        }
    }
    println!(
        "| rule | case | accounts | Medges/s | straightforward loop | ratio | route Medges/s | bytes/edge routed | state MB |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (case, method) in [
        ("few", Method::Haircut),
        ("all", Method::Haircut),
        ("gaps", Method::Haircut),
        ("few", Method::Fifo),
        ("all", Method::Fifo),
        ("few", Method::Lifo),
        ("few", Method::Poison),
    ] {
        if only.as_ref().is_some_and(|o| !o.split(',').any(|o| o == format!("{}-{case}", method.name()))) {
            continue;
        }
        let e = edges(n, accounts, case == "gaps", case == "all");
        let sources: Vec<u32> = match case {
            "all" => vec![0],
            _ => (0..10).map(|i| i * (accounts as u32 / 10)).collect(),
        };
        let starts = sources.iter().map(|&s| Start {
            source: Source(0),
            entry: Entry::Party { party: PartyId(s + 1), asset: None, from: TxId(0) },
        });
        let mut plan = Plan::new(method, starts.collect());
        if case != "gaps" {
            let open = |(i, &b): (usize, &u64)| Opening {
                party: PartyId(i as u32 + 1),
                asset: AssetId(0),
                amount: u128::from(b),
            };
            plan.openings = e.opening.iter().enumerate().map(open).collect();
        }
        // The head is not timed: the payments of `all`, else as many moves as bring the openings.
        let head = if case == "all" { accounts - 1 } else { 0 };
        let p = prepare(&e, &plan, head);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut state = 0;
        for round in 0..rounds {
            let mut rule = Account::new(&plan).unwrap();
            // The first slice brings the opening balances; the loop's are there from the start.
            rule.feed(&p.routed[0], &mut ());
            let before = p.routed[0].len();
            let start = Instant::now();
            for r in &p.routed[1..] {
                rule.feed(r, &mut ());
            }
            ours.push((e.from.len() - before) as f64 / start.elapsed().as_secs_f64() / 1e6);
            state = rule.bytes();
            let start = Instant::now();
            match method {
                Method::Haircut => {
                    let (balance, taint) = plain_haircut(&e, &sources);
                    theirs.push(e.from.len() as f64 / start.elapsed().as_secs_f64() / 1e6);
                    for a in (0..accounts).step_by(97).filter(|_| round == 0 && case != "gaps") {
                        let Some(slot) = p.router.find(PartyId(a as u32 + 1), AssetId(0)) else { continue };
                        let h = rule.holding(slot);
                        let got: u128 = h.tainted.iter().map(|t| t.1).sum();
                        assert_eq!((h.balance, got), (balance[a], taint[a]), "account {a}");
                    }
                }
                Method::Fifo => {
                    let queues = plain_fifo(&e, &sources);
                    theirs.push(e.from.len() as f64 / start.elapsed().as_secs_f64() / 1e6);
                    for a in (0..accounts).step_by(97).filter(|_| round == 0) {
                        let Some(slot) = p.router.find(PartyId(a as u32 + 1), AssetId(0)) else { continue };
                        let got: u128 = rule.holding(slot).tainted.iter().map(|t| t.1).sum();
                        let want: u128 = queues[a].iter().filter(|s| s.0 == 2).map(|s| s.1).sum();
                        assert_eq!(got, want, "account {a}");
                    }
                }
                _ => {}
            }
        }
        let speed = median(&mut ours);
        let (plain, ratio) = if theirs.is_empty() {
            (String::from("–"), String::from("–"))
        } else {
            let m = median(&mut theirs);
            (format!("{m:.1}"), format!("{:.2}", speed / m))
        };
        let bytes: usize = p.routed.iter().map(Routed::bytes).sum();
        println!(
            "| {} | {case} | {accounts} | {speed:.1} | {plain} | {ratio} | {:.1} | {:.1} | {:.0} |",
            method.name(),
            e.from.len() as f64 / p.seconds / 1e6,
            bytes as f64 / e.from.len() as f64,
            state as f64 / 1e6
        );
    }
}
