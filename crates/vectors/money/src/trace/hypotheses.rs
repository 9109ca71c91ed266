//! Deposits to mixers, bridges and swappers beside withdrawals that could be theirs: scored guesses, never flow.
//!
//! A withdrawal fits if it comes later, within [`WINDOW_SECONDS`], from a party with the same actor's name or kind, in a
//! unit of the same digits or symbol, and pays at most what came in and not less than [`LEAST_PART`] of it. The score is
//! closeness of amount and time, shared over all withdrawals that fit: the more there are, the less each says. A guess
//! never becomes an edge; several in a row multiply, and the weakest is the one to show.

use crate::Ledger;
use crate::ledger::AssetId;

use super::{Kind, Labels, Trace};

/// Latest withdrawal behind a deposit.
pub const WINDOW_SECONDS: i64 = 86_400;
/// What fees may leave of a deposit.
pub const LEAST_PART: f64 = 0.95;
/// Most deposits that are matched, and most candidates per deposit.
pub const MAX_DEPOSITS: usize = 10_000;
const MAX_CANDIDATES: usize = 1_000;

/// A withdrawal that could be a deposit's.
#[derive(Clone, PartialEq, Debug)]
pub struct Hypothesis {
    /// Number of the deposit in [`Trace::edges`].
    pub deposit: usize,
    /// Number of the withdrawal among the ledger's moves.
    pub withdrawal: u64,
    /// 0 to 1: closeness over the number of candidates.
    pub score: f64,
    /// How many withdrawals fit this deposit: the set in which it hides.
    pub candidates: usize,
    /// Seconds between them.
    pub seconds: i64,
}

/// Withdrawals for the trace's deposits, by deposit, the likeliest first. Account model only.
pub fn find(ledger: &Ledger, trace: &Trace, labels: &dyn Labels) -> Vec<Hypothesis> {
    let m = &ledger.moves;
    let seconds = |tx: crate::ledger::TxId| {
        ledger.txs.time.get(tx.0 as usize).copied().flatten().map(|t| t.0.div_euclid(1_000_000))
    };
    let passes = |k: Kind| matches!(k, Kind::Mixer | Kind::Bridge | Kind::Swapper);
    let mut withdrawals = Vec::new();
    for i in 0..m.tx.len() {
        let Some(t) = seconds(m.tx[i]) else { continue };
        for l in labels.of(m.from[i]).iter().filter(|l| passes(l.kind)) {
            withdrawals.push((t, i, l));
        }
    }
    withdrawals.sort_by_key(|w| (w.0, w.1));
    let unit = |a: AssetId, n: u128| {
        let asset = ledger.assets.get(a.0 as usize);
        n as f64 / 10f64.powi(i32::from(asset.and_then(|a| a.decimals).unwrap_or(0)))
    };
    let like = |a: AssetId, b: AssetId| {
        let (x, y) = (ledger.assets.get(a.0 as usize), ledger.assets.get(b.0 as usize));
        a == b
            || x.zip(y).is_some_and(|(x, y)| !x.symbol.is_empty() && x.symbol.eq_ignore_ascii_case(&y.symbol))
    };
    let mut found = Vec::new();
    let deposits = trace
        .edges
        .iter()
        .enumerate()
        .filter(|(_, e)| !e.fee && labels.of(e.to).iter().any(|l| passes(l.kind) && l.holds(e.time)));
    for (deposit, e) in deposits.take(MAX_DEPOSITS) {
        let Some(t) = e.time.map(|t| t.0.div_euclid(1_000_000)) else { continue };
        let paid = unit(e.asset, e.amount);
        let first = withdrawals.partition_point(|w| w.0 < t);
        let mut fits = Vec::new();
        for &(at, i, label) in withdrawals[first..].iter().take_while(|w| w.0 <= t + WINDOW_SECONDS) {
            let same = labels.of(e.to).iter().any(|l| l.actor == label.actor || l.kind == label.kind);
            let part = unit(m.asset[i], m.amount[i]) / paid.max(f64::MIN_POSITIVE);
            if m.tx[i] != e.tx && same && like(e.asset, m.asset[i]) && (LEAST_PART..=1.0).contains(&part) {
                let closeness = (part - LEAST_PART) / (1.0 - LEAST_PART) * 0.5 + 0.5;
                let haste = 1.0 - (at - t) as f64 / (2 * WINDOW_SECONDS) as f64;
                fits.push((closeness * haste, i, at - t));
            }
            if fits.len() >= MAX_CANDIDATES {
                break;
            }
        }
        fits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let candidates = fits.len();
        found.extend(fits.into_iter().map(|(score, i, seconds)| Hypothesis {
            deposit,
            withdrawal: i as u64,
            score: score / candidates as f64,
            candidates,
            seconds,
        }));
    }
    found
}
