//! Deposits to mixers, bridges and swappers beside withdrawals that could be theirs: scored guesses, never flow.
//!
//! A withdrawal fits if it comes later, within [`WINDOW_SECONDS`], from a party with the same actor's name or kind, in a
//! unit of the same digits or symbol, and pays at most what came in and not less than [`LEAST_PART`] of it. The score is
//! closeness of amount and time, shared over all withdrawals that fit: the more there are, the less each says. A guess
//! never becomes an edge; several in a row multiply, and the weakest is the one to show.

use std::collections::BTreeSet;

use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, PartyId, TxId};

use super::{Kind, Label, Labels, Trace};

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
    /// The transaction of the withdrawal.
    pub tx: TxId,
    /// Who got it.
    pub to: PartyId,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub amount: u128,
    /// 0 to 1: closeness over the number of candidates.
    pub score: f64,
    /// How many withdrawals fit this deposit: the set in which it hides.
    pub candidates: usize,
    /// Seconds between them.
    pub seconds: i64,
}

/// A payment out of a party through which coin passes.
struct Withdrawal<'l> {
    seconds: i64,
    tx: TxId,
    to: PartyId,
    asset: AssetId,
    amount: u128,
    label: &'l Label,
}

fn passes(kind: Kind) -> bool {
    matches!(kind, Kind::Mixer | Kind::Bridge | Kind::Swapper)
}

/// All payments out of mixers, bridges and swappers, in time; in the output model every output of a transaction that spends one of
/// theirs, except what they keep.
fn withdrawals<'l>(ledger: &Ledger, labels: &'l dyn Labels) -> Vec<Withdrawal<'l>> {
    let time = |tx: TxId| ledger.txs.time.get(tx.0 as usize).copied().flatten();
    let m = &ledger.moves;
    let mut all = Vec::new();
    for i in 0..m.tx.len() {
        let Some(t) = time(m.tx[i]).filter(|_| m.kind[i] != MoveKind::Fee) else { continue };
        for label in labels.of(m.from[i]).iter().filter(|l| passes(l.kind)) {
            let (tx, to, asset, amount) = (m.tx[i], m.to[i], m.asset[i], m.amount[i]);
            all.push(Withdrawal { seconds: t.0.div_euclid(1_000_000), tx, to, asset, amount, label });
        }
    }
    let o = &ledger.outputs;
    for s in &ledger.spends {
        let Some(t) = time(s.tx) else { continue };
        let inputs = ledger.inputs.get(s.inputs.start as usize..s.inputs.end as usize).unwrap_or_default();
        let owners: BTreeSet<PartyId> =
            inputs.iter().filter_map(|i| o.party.get(i.0 as usize).copied()).collect();
        let label = owners.iter().flat_map(|p| labels.of(*p)).find(|l| passes(l.kind));
        let Some(label) = label else { continue };
        for i in s.outputs.clone().map(|i| i as usize) {
            let (Some(&to), Some(&value), Some(&asset)) = (o.party.get(i), o.value.get(i), o.asset.get(i))
            else {
                continue;
            };
            let kept = owners.contains(&to) || labels.of(to).iter().any(|l| l.actor == label.actor);
            if to != PartyId::NOBODY && !kept && value > 0 {
                let amount = u128::from(value);
                all.push(Withdrawal {
                    seconds: t.0.div_euclid(1_000_000),
                    tx: s.tx,
                    to,
                    asset,
                    amount,
                    label,
                });
            }
        }
    }
    all.sort_by_key(|w| (w.seconds, w.tx));
    all
}

/// Withdrawals for the trace's deposits, by deposit, the likeliest first. Both models.
pub fn find(ledger: &Ledger, trace: &Trace, labels: &dyn Labels) -> Vec<Hypothesis> {
    let withdrawals = withdrawals(ledger, labels);
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
        let first = withdrawals.partition_point(|w| w.seconds < t);
        let mut fits = Vec::new();
        for w in withdrawals[first..].iter().take_while(|w| w.seconds <= t + WINDOW_SECONDS) {
            let same = labels.of(e.to).iter().any(|l| l.actor == w.label.actor || l.kind == w.label.kind);
            let part = unit(w.asset, w.amount) / paid.max(f64::MIN_POSITIVE);
            if w.tx != e.tx && same && like(e.asset, w.asset) && (LEAST_PART..=1.0).contains(&part) {
                let closeness = (part - LEAST_PART) / (1.0 - LEAST_PART) * 0.5 + 0.5;
                let haste = 1.0 - (w.seconds - t) as f64 / (2 * WINDOW_SECONDS) as f64;
                fits.push((closeness * haste, w));
            }
            if fits.len() >= MAX_CANDIDATES {
                break;
            }
        }
        fits.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1.tx, a.1.to).cmp(&(b.1.tx, b.1.to))));
        let candidates = fits.len();
        found.extend(fits.into_iter().map(|(score, w)| Hypothesis {
            deposit,
            tx: w.tx,
            to: w.to,
            asset: w.asset,
            amount: w.amount,
            score: score / candidates as f64,
            candidates,
            seconds: w.seconds - t,
        }));
    }
    found
}
