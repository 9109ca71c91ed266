//! Joint transactions: many owners sign one, so its inputs say nothing of ownership. Never a proof that one was used
//! to launder.

use std::collections::{BTreeMap, BTreeSet};

use crate::Ledger;
use crate::ledger::{PartyId, Spend};

/// Which kind of joint transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CoinJoin {
    /// Five in, five out, all of a pool's size.
    Whirlpool,
    /// At least ten outputs of about 0.1 BTC.
    Wasabi1,
    /// Tens to hundreds of inputs and outputs of standard denominations.
    Wasabi2,
    /// Equal outputs with a change output for each but perhaps one.
    JoinMarket,
    /// Equal outputs of at least three, as many inputs and owners.
    General,
}

impl CoinJoin {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            CoinJoin::Whirlpool => "whirlpool",
            CoinJoin::Wasabi1 => "wasabi1",
            CoinJoin::Wasabi2 => "wasabi2",
            CoinJoin::JoinMarket => "joinmarket",
            CoinJoin::General => "coinjoin",
        }
    }
}

/// Pool sizes of Whirlpool, in satoshi.
const POOLS: [u64; 4] = [100_000, 1_000_000, 5_000_000, 50_000_000];
/// Wasabi 1's denomination lay near 0.1 BTC.
const WASABI1: std::ops::RangeInclusive<u64> = 8_000_000..=12_000_000;
const WASABI1_EQUAL: usize = 10;
const WASABI2_LEAST: usize = 20;
const GENERAL_EQUAL: usize = 3;

/// Standard denominations of WabiSabi: powers of two and three, twice a power of three, one, two and five times powers of
/// ten, from 5,000 satoshi.
fn standard(v: u64) -> bool {
    let power = |mut v: u64, base: u64| {
        while v > 1 && v.is_multiple_of(base) {
            v /= base;
        }
        v
    };
    v >= 5_000
        && (power(v, 2) == 1
            || power(v, 3) == 1
            || (v.is_multiple_of(2) && power(v / 2, 3) == 1)
            || matches!(power(v, 10), 1 | 2 | 5))
}

/// Which joint transaction this is, if one. An answer of `None` says that it does not look like one.
pub fn coinjoin(ledger: &Ledger, spend: &Spend) -> Option<CoinJoin> {
    let o = &ledger.outputs;
    let inputs = ledger.inputs.get(spend.inputs.start as usize..spend.inputs.end as usize)?;
    let owner = |i: &crate::ledger::OutputId| o.party.get(i.0 as usize).copied();
    let owners: BTreeSet<PartyId> =
        inputs.iter().filter_map(owner).filter(|p| *p != PartyId::NOBODY).collect();
    let values: Vec<u64> =
        spend.outputs.clone().filter_map(|i| o.value.get(i as usize).copied()).filter(|v| *v > 0).collect();
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for v in &values {
        *counts.entry(*v).or_default() += 1;
    }
    let (modal, equal) = counts.iter().map(|(v, n)| (*v, *n)).max_by_key(|(v, n)| (*n, *v))?;
    if spend.coinbase || owners.len() < 2 {
        return None;
    }
    if inputs.len() == 5 && values.len() == 5 && equal == 5 && POOLS.contains(&modal) {
        return Some(CoinJoin::Whirlpool);
    }
    if equal >= WASABI1_EQUAL && inputs.len() >= WASABI1_EQUAL && WASABI1.contains(&modal) {
        return Some(CoinJoin::Wasabi1);
    }
    let standards = values.iter().filter(|v| standard(**v)).count();
    if inputs.len() >= WASABI2_LEAST && values.len() >= WASABI2_LEAST && 2 * standards > values.len() {
        return Some(CoinJoin::Wasabi2);
    }
    // In the general test every participant brings an input of an own script.
    if equal < GENERAL_EQUAL || inputs.len() < equal || owners.len() < equal {
        return None;
    }
    let change = values.len() - equal;
    Some(if change + 1 == equal || change == equal { CoinJoin::JoinMarket } else { CoinJoin::General })
}
