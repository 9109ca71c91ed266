//! Which output is the change: only where at least two signs agree on one output and none speaks for another.
//!
//! One sign is right in nine of ten cases, two in all but one of two hundred (published for a regression-test chain, not
//! for a real one). Never for joint transactions, for a transaction with one output, or for one that pays its own input
//! address.

use crate::Ledger;
use crate::ledger::{PartyId, Spend};

/// Signs that must agree.
pub const SIGNS: u32 = 2;
/// Confidence with two signs; each further one adds five.
const TWO_SIGNS: u8 = 75;
/// A payment is round if it ends in so many zeros more than the other output does.
const ROUNDER: u32 = 3;

/// The party that gets the change, and how sure that is. `seen` says whether an address stood in an earlier transaction.
pub fn change(ledger: &Ledger, spend: &Spend, seen: impl Fn(PartyId) -> bool) -> Option<(PartyId, u8)> {
    let o = &ledger.outputs;
    let at = |i: u32| Some((*o.party.get(i as usize)?, *o.value.get(i as usize)?));
    let outs: Vec<(PartyId, u64)> = spend.outputs.clone().filter_map(at).filter(|o| o.1 > 0).collect();
    let inputs = ledger.inputs.get(spend.inputs.start as usize..spend.inputs.end as usize)?;
    let ins: Vec<(PartyId, u64)> = inputs.iter().filter_map(|i| at(i.0)).collect();
    let [x, y] = outs[..] else { return None };
    let own = |p: PartyId| ins.iter().any(|i| i.0 == p);
    if ins.is_empty() || own(x.0) || own(y.0) || x.0 == y.0 {
        return None;
    }
    let least = ins.iter().map(|i| i.1).min()?;
    let zeros = |mut v: u64| {
        let mut n = 0;
        while v > 0 && v.is_multiple_of(10) {
            v /= 10;
            n += 1;
        }
        n
    };
    let of_inputs = |p: PartyId| ins.iter().all(|i| script(ledger, i.0) == script(ledger, p));
    let signs = |c: (PartyId, u64), other: (PartyId, u64)| {
        // Fresh, where the other is not; smaller than every input, where the other is not; not round, where the other
        // is; of the inputs' script type, where the other is not.
        u32::from(!seen(c.0) && seen(other.0))
            + u32::from(c.1 < least && other.1 >= least)
            + u32::from(zeros(other.1) >= zeros(c.1) + ROUNDER)
            + u32::from(of_inputs(c.0) && !of_inputs(other.0))
    };
    let (for_x, for_y) = (signs(x, y), signs(y, x));
    let (found, n) = match (for_x, for_y) {
        (n, 0) if n >= SIGNS => (x.0, n),
        (0, n) if n >= SIGNS => (y.0, n),
        _ => return None,
    };
    (found != PartyId::NOBODY).then_some((found, TWO_SIGNS + 5 * (n - SIGNS) as u8))
}

/// Script type as the address shows it.
fn script(ledger: &Ledger, party: PartyId) -> &'static str {
    let Some(p) = ledger.parties.get(party.0 as usize) else { return "" };
    let a = &p.address;
    match a.as_bytes().first() {
        _ if a.starts_with("bc1p") || a.starts_with("tb1p") => "taproot",
        _ if a.starts_with("bc1") || a.starts_with("tb1") || a.starts_with("ltc1") => "segwit",
        Some(b'3' | b'2' | b'M') => "script-hash",
        Some(_) => "key-hash",
        None => "",
    }
}
