//! Swaps: two moves of one transaction by which a party pays one asset and gets another.
//!
//! What the payment carries goes on in what is got, expressed in its units in proportion: a rule follows the value,
//! not the token. The other side is treated alike: what the pool's coins carried stays with the pool. So a swap
//! exchanges contents, and per asset what is converted out and in is accounted for ([`super::Check`]). Wrapping a coin
//! (paid to the contract, minted to the payer) is a swap one to one.
//!
//! A swap takes place at one of its two moves, at once. Where other moves between them touch the same slots, neither
//! place is right; such pairs are left to be plain transfers. Never guesses across transactions: a bridge is no swap.

use std::collections::BTreeMap;

use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, PartyId};

/// Two moves that exchange what they carry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Swap {
    /// Number of the move by which the party pays.
    pub pay: u64,
    /// Number of the move by which it gets.
    pub get: u64,
    /// It takes place at the later move; else at the earlier.
    pub at_second: bool,
}

impl Swap {
    /// The number of its earlier move.
    pub fn first(&self) -> u64 {
        self.pay.min(self.get)
    }
}

/// Transactions with more moves are not searched: their pairs are many and mean nothing.
pub const MAX_MOVES: usize = 256;

/// The swaps of a ledger, in its order: a party that pays once, in one asset, and gets once, in another.
///
/// A pair of the party that began the transaction comes first, then pairs that stand closest together; no move
/// takes part in two.
pub fn find(ledger: &Ledger) -> Vec<Swap> {
    let tx = &ledger.moves.tx;
    let mut found = Vec::new();
    let mut at = 0;
    while at < tx.len() {
        let mut end = at + 1;
        while end < tx.len() && tx[end] == tx[at] {
            end += 1;
        }
        if end - at >= 2 && end - at <= MAX_MOVES {
            in_transaction(ledger, at, end, &mut found);
        }
        at = end;
    }
    found.sort_unstable_by_key(Swap::first);
    found
}

fn in_transaction(ledger: &Ledger, at: usize, end: usize, found: &mut Vec<Swap>) {
    let m = &ledger.moves;
    let counts = |i: usize| m.kind[i] != MoveKind::Fee && m.amount[i] > 0 && m.from[i] != m.to[i];
    let mut pays: BTreeMap<PartyId, Vec<usize>> = BTreeMap::new();
    let mut gets: BTreeMap<PartyId, Vec<usize>> = BTreeMap::new();
    for i in (at..end).filter(|&i| counts(i)) {
        pays.entry(m.from[i]).or_default().push(i);
        gets.entry(m.to[i]).or_default().push(i);
    }
    // Who pays the fee, or moves first, began it.
    let first = m.from[at];
    let mut pairs = Vec::new();
    for (&party, paid) in &pays {
        let ([pay], Some([get])) = (&paid[..], gets.get(&party).map(|g| &g[..])) else { continue };
        if party != PartyId::NOBODY && m.asset[*pay] != m.asset[*get] {
            pairs.push((party != first, pay.abs_diff(*get), *pay, *get));
        }
    }
    pairs.sort_unstable();
    let mut used = Vec::new();
    for (_, _, pay, get) in pairs {
        if used.contains(&pay) || used.contains(&get) {
            continue;
        }
        let (i, j) = (pay.min(get), pay.max(get));
        let quiet = |leg: usize| {
            let slots = [(m.from[leg], m.asset[leg]), (m.to[leg], m.asset[leg])];
            let touches = |k: usize| {
                let both: [(PartyId, AssetId); 2] = [(m.from[k], m.asset[k]), (m.to[k], m.asset[k])];
                both.iter().any(|s| s.0 != PartyId::NOBODY && slots.contains(s))
            };
            !(i + 1..j).any(touches)
        };
        let at_second = match (quiet(i), quiet(j)) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => continue,
        };
        used.extend([pay, get]);
        found.push(Swap { pay: pay as u64, get: get as u64, at_second });
    }
}
