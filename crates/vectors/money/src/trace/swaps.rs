//! Which pairs of moves are believed to be swaps, and why.
//!
//! A swap takes taint off what is paid and puts it on what is got. Whoever may choose both sides launders by it: pays
//! stolen coin to a contract of his own and is "paid" in a token that he makes in the same transaction. So a pair that
//! [`swap::find`] finds is only believed where somebody other than the payer vouches for it:
//!
//! - a coin is *wrapped* or unwrapped, one to one, by the contract that is known to do that ([`known::wraps`]);
//! - the other side is *labelled* as one that trades (a swapper, bridge, exchange or service), on both moves;
//! - both assets are *known* (the chain's coin or [`known::of`]). Then the price is compared with what others paid in the
//!   ledger, weighed by amount, where any did: dust makes no price.
//!
//! That a pool of an unknown token trades with others in both directions is no reason: two addresses of one thief do that
//! with his own contract, as often as he likes, and the second takes the coin out clean. And in no case may the same
//! transaction pay out what was got to somebody else who paid nothing: the small side of a split would carry it all.
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
}

impl Basis {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Wrapped => "wrapped",
            Basis::Labelled => "labelled",
            Basis::Known => "known_assets",
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
    /// Others in the ledger paid about the same price; `false`: there are none, or too little, to compare with.
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
/// Others compare if together they traded this part of what is judged: prices of dust are anybody's to make.
const COMPARES: f64 = 0.1;
/// What others get of the same in the same transaction, at most this part of it: a fee of whoever runs the trade.
const SHARED: u128 = 20;
/// Payers whose trades of a pair of assets are kept; the middle of their prices, by amount, is what is compared with.
const PAYERS: usize = 4_096;

/// One pair as a trade, from the side of the customer.
#[derive(Clone, Copy)]
struct Trade {
    payer: PartyId,
    /// Who is paid, and who gives: one, or a router and a pool.
    to: PartyId,
    by: PartyId,
    paid: AssetId,
    got: AssetId,
    /// In the smallest units.
    pays: u128,
    gets: u128,
    /// Whether it is known which side is the customer's. Where both pay one another, the one that pays the fee is.
    sided: bool,
}

/// What one payer traded of two assets, all together: of the first, of the second.
type Sums = (f64, f64);

/// Prices of one asset in another.
#[derive(Default)]
struct Prices {
    of: BTreeMap<PartyId, Sums>,
    /// By price: it, whose, and how much of the first asset was traded up to here.
    sorted: Vec<(f64, PartyId, f64)>,
}

impl Prices {
    fn add(&mut self, t: &Trade) {
        let (x, y) = in_order(t);
        if self.of.len() < PAYERS || self.of.contains_key(&t.payer) {
            let sums = self.of.entry(t.payer).or_default();
            *sums = (sums.0 + x, sums.1 + y);
        }
    }

    fn sort(&mut self) {
        let all = self.of.iter().filter(|(_, s)| s.0 > 0.0);
        self.sorted = all.map(|(p, s)| (s.1 / s.0, *p, s.0)).collect();
        self.sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut sum = 0.0;
        for row in &mut self.sorted {
            sum += row.2;
            row.2 = sum;
        }
    }

    /// The middle of what all but this one paid, by amount, and how much that was.
    fn middle(&self, payer: PartyId) -> Option<(f64, f64)> {
        let own = self.of.get(&payer).filter(|s| s.0 > 0.0).map(|s| (s.1 / s.0, s.0));
        let before = |row: &(f64, PartyId, f64)| match own {
            // What the payer traded lies before this row, or is it.
            Some((price, amount)) if (row.0, row.1) >= (price, payer) => row.2 - amount,
            _ => row.2,
        };
        let all = self.sorted.last().map(before)?;
        let at = self.sorted.partition_point(|row| before(row) < all / 2.0);
        let others = self.sorted[at..].iter().find(|row| row.1 != payer)?;
        (all > 0.0).then_some((others.0, all))
    }
}

/// A trade's amounts in the order of its assets.
fn in_order(t: &Trade) -> Sums {
    let (pays, gets) = (t.pays as f64, t.gets as f64);
    if t.paid <= t.got { (pays, gets) } else { (gets, pays) }
}

/// Judges every pair of the ledger.
pub fn credible(ledger: &Ledger, labels: &dyn Labels) -> Swaps {
    let found: Vec<(Swap, Trade)> = swap::find(ledger).into_iter().filter_map(|s| sided(ledger, s)).collect();
    let mut prices: BTreeMap<(AssetId, AssetId), Prices> = BTreeMap::new();
    let key = |t: &Trade| (t.paid.min(t.got), t.paid.max(t.got));
    for (_, t) in found.iter().filter(|f| f.1.sided) {
        prices.entry(key(t)).or_default().add(t);
    }
    prices.values_mut().for_each(Prices::sort);
    let mut out = Swaps::default();
    for (swap, t) in found {
        match judge(ledger, labels, prices.get(&key(&t)), swap, &t) {
            Ok((basis, compared)) => out.believed.push(Believed { swap, basis, compared }),
            Err(doubt) => out.doubted.push((swap, doubt)),
        }
    }
    out
}

/// A pair from the side of the customer.
fn sided(ledger: &Ledger, swap: Swap) -> Option<(Swap, Trade)> {
    let m = &ledger.moves;
    let at = |i: u64| usize::try_from(i).ok().filter(|&i| i < m.tx.len());
    let (mut pay, mut get) = (at(swap.pay)?, at(swap.get)?);
    let mutual = m.to[pay] == m.from[get];
    // Fees stand first.
    let first = m.tx.partition_point(|x| *x < m.tx[pay]);
    let sender = (m.kind[first] == MoveKind::Fee).then(|| m.from[first]);
    let turned = mutual && sender == Some(m.to[pay]);
    if turned {
        std::mem::swap(&mut pay, &mut get);
    }
    let trade = Trade {
        payer: m.from[pay],
        to: m.to[pay],
        by: m.from[get],
        paid: m.asset[pay],
        got: m.asset[get],
        pays: m.amount[pay],
        gets: m.amount[get],
        sided: !mutual || sender == Some(m.from[pay]),
    };
    Some((Swap { pay: pay as u64, get: get as u64, ..swap }, trade))
}

fn judge(
    ledger: &Ledger,
    labels: &dyn Labels,
    prices: Option<&Prices>,
    swap: Swap,
    t: &Trade,
) -> Result<(Basis, bool), Doubt> {
    let (pay, get) = (swap.pay as usize, swap.get as usize);
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
    // Whoever is not known to be the customer may be the one that is labelled.
    let labelled = trades(t.to) && trades(t.by) || !t.sided && trades(t.payer);
    let basis = if labelled {
        Basis::Labelled
    } else if know(t.paid) && know(t.got) {
        Basis::Known
    } else {
        return Err(Doubt::Unknown);
    };
    let Some((middle, amount)) = prices.filter(|_| t.sided).and_then(|p| p.middle(t.payer)) else {
        return Ok((basis, false));
    };
    let (x, y) = in_order(t);
    let price = y / x;
    let near = price <= middle * PRICE && price >= middle / PRICE;
    // Whoever is labelled answers for the price.
    if near || basis == Basis::Labelled {
        Ok((basis, near && amount >= x * COMPARES))
    } else {
        Err(Doubt::Price)
    }
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
