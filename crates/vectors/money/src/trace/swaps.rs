//! Which pairs of moves are believed to be swaps, and why.
//!
//! A swap takes taint off what is paid and puts it on what is got. Whoever may choose both sides launders by it: pays
//! stolen coin to a contract of his own and is "paid" in a token that he makes in the same transaction. So a pair that
//! [`swap::find`] finds is only believed where somebody other than the payer vouches for it:
//!
//! - a coin is *wrapped* or unwrapped, one to one, by the contract that is known to do that ([`known::wraps`]);
//! - the other side is *labelled* as one that trades (a swapper, bridge, exchange or service), on both moves;
//! - both assets are *known* (the chain's coin or [`known::of`]), or the other side *trades both ways*: in other
//!   transactions others have sold to it what it sells here.
//!
//! In the last two cases the price is compared with what others paid in the ledger, where any did. And in no case may the same transaction pay out
//! what was got to somebody else who paid nothing: the small side of a split would carry it all.
//!
//! What is not believed is a plain transfer, and is listed with the reason ([`Doubt`]). Never takes a symbol for an asset.

use std::collections::{BTreeMap, BTreeSet};

use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, PartyId, known};
use crate::taint::swap::{self, Swap};

use super::{Kind, Labels};

/// Why a pair is believed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Basis {
    /// The chain's coin into its wrapped form or back, one to one.
    Wrapped,
    /// With a party that is labelled as one that trades.
    Labelled,
    /// Both assets are known.
    Known,
    /// The other side has bought from others what it sells here.
    BothWays,
}

impl Basis {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Wrapped => "wrapped",
            Basis::Labelled => "labelled",
            Basis::Known => "known_assets",
            Basis::BothWays => "trades_both_ways",
        }
    }
}

/// Why a pair is not believed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Doubt {
    /// Nobody but the payer vouches for what was got.
    Unknown,
    /// Others in the ledger paid a very different price.
    Price,
    /// Somebody who paid nothing got of the same, in the same transaction.
    Shared,
}

impl Doubt {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Doubt::Unknown => "unknown_asset",
            Doubt::Price => "price",
            Doubt::Shared => "shared",
        }
    }
}

/// A pair that is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Believed {
    /// The pair.
    pub swap: Swap,
    /// Why.
    pub basis: Basis,
    /// Others in the ledger paid about the same price; `false`: there is nobody to compare with.
    pub compared: bool,
}

/// The pairs of a ledger.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Swaps {
    /// Those that are believed, in the order of their first move.
    pub believed: Vec<Believed>,
    /// Those that are not: plain transfers.
    pub doubted: Vec<(Swap, Doubt)>,
}

/// A price may differ by this factor from what others paid.
const PRICE: f64 = 2.0;
/// What others get of the same in the same transaction, at most this part of it: a fee of whoever runs the trade.
const SHARED: u128 = 20;
/// Payers whose first price of a pair of assets is kept; their middle is what is compared with.
const PRICES: usize = 4_096;

/// One pair as a trade.
#[derive(Clone, Copy)]
struct Trade {
    payer: PartyId,
    /// Who is paid, and who gives: one, or a router and a pool.
    to: PartyId,
    by: PartyId,
    paid: AssetId,
    got: AssetId,
    /// Units got for a unit paid.
    price: f64,
}

/// What each paid first for one asset in another.
#[derive(Default)]
struct Paid {
    first: BTreeMap<PartyId, f64>,
    /// The same by price.
    sorted: Vec<(f64, PartyId)>,
}

impl Paid {
    /// The middle of what all others paid.
    fn middle(&self, payer: PartyId) -> Option<f64> {
        let own = self.first.get(&payer).map(|price| {
            let order = |x: &(f64, PartyId)| x.0.total_cmp(price).then(x.1.cmp(&payer));
            self.sorted.binary_search_by(order).unwrap_or(usize::MAX)
        });
        let others = self.sorted.len() - usize::from(own.is_some());
        let at = others / 2;
        let at = if own.is_some_and(|own| own <= at) { at + 1 } else { at };
        self.sorted.get(at).filter(|_| others > 0).map(|x| x.0)
    }
}

/// Trades of two assets, the smaller number first.
type Prices = BTreeMap<(AssetId, AssetId), Paid>;

/// Judges every pair of the ledger.
pub fn credible(ledger: &Ledger, labels: &dyn Labels) -> Swaps {
    let m = &ledger.moves;
    let at = |i: u64| usize::try_from(i).ok().filter(|&i| i < m.tx.len());
    let found: Vec<(Swap, usize, usize, Trade)> = swap::find(ledger)
        .into_iter()
        .filter_map(|s| {
            let (pay, get) = (at(s.pay)?, at(s.get)?);
            let trade = Trade {
                payer: m.from[pay],
                to: m.to[pay],
                by: m.from[get],
                paid: m.asset[pay],
                got: m.asset[get],
                price: m.amount[get] as f64 / m.amount[pay] as f64,
            };
            Some((s, pay, get, trade))
        })
        .collect();
    let mut prices = Prices::new();
    // Who has bought what from whom: (seller of it here, what it buys, what it sells) to the others.
    let mut sold: BTreeMap<(PartyId, AssetId, AssetId), BTreeSet<PartyId>> = BTreeMap::new();
    for (.., t) in &found {
        let (key, price) = ordered(t);
        let paid = prices.entry(key).or_default();
        if paid.first.len() < PRICES {
            paid.first.entry(t.payer).or_insert(price);
        }
        let who = sold.entry((t.by, t.paid, t.got)).or_default();
        if who.len() < 2 {
            who.insert(t.payer);
        }
    }
    for paid in prices.values_mut() {
        paid.sorted = paid.first.iter().map(|(p, price)| (*price, *p)).collect();
        paid.sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }
    let mut out = Swaps::default();
    for (swap, pay, get, t) in found {
        match judge(ledger, labels, &prices, &sold, pay, get, &t) {
            Ok((basis, compared)) => out.believed.push(Believed { swap, basis, compared }),
            Err(doubt) => out.doubted.push((swap, doubt)),
        }
    }
    out
}

/// A trade's assets in order, and the price of the first in the second.
fn ordered(t: &Trade) -> ((AssetId, AssetId), f64) {
    if t.paid <= t.got { ((t.paid, t.got), t.price) } else { ((t.got, t.paid), 1.0 / t.price) }
}

fn judge(
    ledger: &Ledger,
    labels: &dyn Labels,
    prices: &Prices,
    sold: &BTreeMap<(PartyId, AssetId, AssetId), BTreeSet<PartyId>>,
    pay: usize,
    get: usize,
    t: &Trade,
) -> Result<(Basis, bool), Doubt> {
    if wraps(ledger, pay, get) {
        return Ok((Basis::Wrapped, true));
    }
    if shared(ledger, get, t) {
        return Err(Doubt::Shared);
    }
    let time = ledger.txs.time.get(ledger.moves.tx[pay].0 as usize).copied().flatten();
    let trades = |p: PartyId| {
        let does = |k| matches!(k, Kind::Swapper | Kind::Bridge | Kind::Exchange | Kind::Service);
        labels.of(p).iter().any(|l| does(l.kind) && l.holds(time))
    };
    let know = |a: AssetId| {
        ledger.assets.get(a.0 as usize).is_some_and(|a| match a.contract.as_deref() {
            None => true,
            Some(contract) => known::of(&a.chain, contract).is_some(),
        })
    };
    // Somebody else has sold it what it sells here.
    let both_ways = || {
        let others = sold.get(&(t.by, t.got, t.paid));
        t.to == t.by && others.is_some_and(|who| who.iter().any(|p| *p != t.payer))
    };
    let basis = if trades(t.to) && trades(t.by) {
        Basis::Labelled
    } else if know(t.paid) && know(t.got) {
        Basis::Known
    } else if both_ways() {
        Basis::BothWays
    } else {
        return Err(Doubt::Unknown);
    };
    let (key, price) = ordered(t);
    let Some(middle) = prices.get(&key).and_then(|p| p.middle(t.payer)) else {
        return Ok((basis, false));
    };
    let near = price <= middle * PRICE && price >= middle / PRICE;
    // Whoever is labelled answers for the price.
    if near || basis == Basis::Labelled { Ok((basis, near)) } else { Err(Doubt::Price) }
}

/// Coin paid to the contract that wraps it and minted by it, or burnt and paid out: as much as was paid.
fn wraps(ledger: &Ledger, pay: usize, get: usize) -> bool {
    let m = &ledger.moves;
    let asset = |i: usize| ledger.assets.get(m.asset[i].0 as usize);
    let side = |i: usize| if i == pay { m.to[i] } else { m.from[i] };
    let (coin, token) = match asset(pay).map(|a| a.contract.is_none()) {
        Some(true) => (pay, get),
        _ => (get, pay),
    };
    let (Some(c), Some(w)) = (asset(coin), asset(token)) else { return false };
    let Some(contract) = w.contract.as_deref() else { return false };
    let is = |p: PartyId| {
        ledger.parties.get(p.0 as usize).is_some_and(|p| p.address.eq_ignore_ascii_case(contract))
    };
    c.contract.is_none()
        && c.chain == w.chain
        && known::wraps(&w.chain, contract)
        && m.amount[pay] == m.amount[get]
        && is(side(coin))
        && (side(token) == PartyId::NOBODY || is(side(token)))
}

/// Whether the transaction gives of what was got to somebody else, who pays nothing in it: from the same hand, or made
/// from nothing.
fn shared(ledger: &Ledger, get: usize, t: &Trade) -> bool {
    let m = &ledger.moves;
    let tx = m.tx[get];
    let first = m.tx.partition_point(|x| *x < tx);
    let all = first..first + m.tx[first..].iter().take_while(|x| **x == tx).count();
    let counts = |i: &usize| m.kind[*i] != MoveKind::Fee && m.amount[*i] > 0 && m.from[*i] != m.to[*i];
    let pays: BTreeSet<PartyId> = all.clone().filter(counts).map(|i| m.from[i]).collect();
    let free = |i: &usize| {
        let to = m.to[*i];
        let idle = to != PartyId::NOBODY && to != t.payer && to != t.to && !pays.contains(&to);
        idle && m.asset[*i] == t.got && (m.from[*i] == t.by || m.from[*i] == PartyId::NOBODY)
    };
    let others = all.filter(counts).filter(free).map(|i| m.amount[i]).fold(0, u128::saturating_add);
    others > m.amount[get] / SHARED
}
