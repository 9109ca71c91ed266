//! Deposits to mixers, bridges and swappers beside withdrawals that could be theirs: scored guesses, never flow.
//!
//! A withdrawal fits if it comes later, within [`WINDOW_SECONDS`], from a party that is labelled at that time with the
//! same actor's name (or, if none of that name fits, the same kind), in the same asset or one of the same symbol, and pays
//! at most what came in and not less than [`LEAST_PART`] of it. A swapper takes one asset and gives another: these are
//! compared by what they are worth, which only a table of prices says. The score is closeness of amount and time, shared
//! over all withdrawals that fit: the more there are, the less each says. A guess never becomes an edge; several in a row
//! multiply, and the weakest is the one to show.

use std::collections::BTreeSet;

use palisade_model::Time;

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
/// Most guesses of one trace; those left out are counted.
pub const MAX_GUESSES: usize = 100_000;
/// Withdrawals that are compared with deposits, all together; deposits behind that are counted as left out.
const MAX_COMPARED: usize = 50_000_000;
/// What a guess is worth by which only the kind is the same.
const KIND_ONLY: f64 = 0.5;

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
    /// Both are labelled with one actor's name; else only with one kind.
    pub same_actor: bool,
    /// Compared by what they are worth, not by amount.
    pub by_value: bool,
}

/// What an amount was worth, in any one currency.
pub type Worth<'a> = &'a dyn Fn(AssetId, u128, Option<Time>) -> Option<f64>;

/// All guesses of a trace.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Guesses {
    /// By deposit, the likeliest first.
    pub found: Vec<Hypothesis>,
    /// Guesses left out, beyond [`MAX_GUESSES`].
    pub left_out: u64,
    /// Deposits left out, beyond [`MAX_DEPOSITS`].
    pub deposits_left_out: u64,
    /// Deposits with swappers that were not compared with withdrawals of other assets, for want of prices.
    pub unpriced: u64,
}

/// A payment out of a party through which coin passes.
struct Withdrawal<'l> {
    seconds: i64,
    time: Option<Time>,
    tx: TxId,
    to: PartyId,
    asset: AssetId,
    amount: u128,
    /// Who pays it out; labels that held then.
    labels: Vec<&'l Label>,
}

fn passes(kind: Kind) -> bool {
    matches!(kind, Kind::Mixer | Kind::Bridge | Kind::Swapper)
}

/// All payments out of mixers, bridges and swappers, in time, each once; in the output model every output of a transaction that
/// spends one of theirs, except what they keep.
fn withdrawals<'l>(ledger: &Ledger, labels: &'l dyn Labels, until: Option<Time>) -> Vec<Withdrawal<'l>> {
    let time = |tx: TxId| ledger.txs.time.get(tx.0 as usize).copied().flatten();
    let early = |t: &Time| until.is_none_or(|u| *t <= u);
    let of =
        |party: PartyId, t: Time| labels.of(party).iter().filter(move |l| passes(l.kind) && l.holds(Some(t)));
    let m = &ledger.moves;
    let mut all = Vec::new();
    for i in 0..m.tx.len() {
        let Some(t) = time(m.tx[i]).filter(|t| m.kind[i] != MoveKind::Fee && early(t)) else { continue };
        let labels: Vec<&Label> = of(m.from[i], t).collect();
        if labels.is_empty() || m.amount[i] == 0 {
            continue;
        }
        let (tx, to, asset, amount) = (m.tx[i], m.to[i], m.asset[i], m.amount[i]);
        let seconds = t.0.div_euclid(1_000_000);
        all.push(Withdrawal { seconds, time: Some(t), tx, to, asset, amount, labels });
    }
    let o = &ledger.outputs;
    for s in &ledger.spends {
        let Some(t) = time(s.tx).filter(early) else { continue };
        let inputs = ledger.inputs.get(s.inputs.start as usize..s.inputs.end as usize).unwrap_or_default();
        let owners: BTreeSet<PartyId> =
            inputs.iter().filter_map(|i| o.party.get(i.0 as usize).copied()).collect();
        let named: Vec<&Label> = owners.iter().flat_map(|p| of(*p, t)).collect();
        if named.is_empty() {
            continue;
        }
        for i in s.outputs.clone().map(|i| i as usize) {
            let (Some(&to), Some(&value), Some(&asset)) = (o.party.get(i), o.value.get(i), o.asset.get(i))
            else {
                continue;
            };
            let kept = owners.contains(&to)
                || labels.of(to).iter().any(|l| named.iter().any(|n| n.actor == l.actor));
            if to != PartyId::NOBODY && !kept && value > 0 {
                let (seconds, amount) = (t.0.div_euclid(1_000_000), u128::from(value));
                let labels = named.clone();
                all.push(Withdrawal { seconds, time: Some(t), tx: s.tx, to, asset, amount, labels });
            }
        }
    }
    all.sort_by_key(|w| (w.seconds, w.tx));
    all
}

/// Withdrawals for the trace's deposits, by deposit, the likeliest first. Both models. `until`: the ledger ends there.
pub fn find(
    ledger: &Ledger,
    trace: &Trace,
    labels: &dyn Labels,
    until: Option<Time>,
    worth: Option<Worth<'_>>,
) -> Guesses {
    let withdrawals = withdrawals(ledger, labels, until);
    let unit = |a: AssetId, n: u128| {
        let asset = ledger.assets.get(a.0 as usize);
        n as f64 / 10f64.powi(i32::from(asset.and_then(|a| a.decimals).unwrap_or(0)))
    };
    let like = |a: AssetId, b: AssetId| {
        let (x, y) = (ledger.assets.get(a.0 as usize), ledger.assets.get(b.0 as usize));
        a == b
            || x.zip(y).is_some_and(|(x, y)| !x.symbol.is_empty() && x.symbol.eq_ignore_ascii_case(&y.symbol))
    };
    let mut out = Guesses::default();
    let (mut deposits, mut compared) = (0, 0);
    for (deposit, e) in trace.edges.iter().enumerate().filter(|(_, e)| !e.fee && !e.swap) {
        let to: Vec<&Label> = labels.of(e.to).iter().filter(|l| passes(l.kind) && l.holds(e.time)).collect();
        if to.is_empty() {
            continue;
        }
        deposits += 1;
        if deposits > MAX_DEPOSITS || compared > MAX_COMPARED {
            out.deposits_left_out += 1;
            continue;
        }
        let Some(t) = e.time.map(|t| t.0.div_euclid(1_000_000)) else { continue };
        let paid = unit(e.asset, e.amount);
        let value = worth.and_then(|w| w(e.asset, e.amount, e.time));
        let swaps = to.iter().any(|l| l.kind == Kind::Swapper);
        let first = withdrawals.partition_point(|w| w.seconds < t);
        let mut fits = Vec::new();
        let mut unpriced = false;
        for w in withdrawals[first..].iter().take_while(|w| w.seconds <= t + WINDOW_SECONDS) {
            compared += 1;
            let any =
                |f: &dyn Fn(&Label, &Label) -> bool| to.iter().any(|a| w.labels.iter().any(|b| f(a, b)));
            let actor = any(&|a, b| a.actor == b.actor);
            if w.tx == e.tx || !(actor || any(&|a, b| a.kind == b.kind)) {
                continue;
            }
            let by_value = !like(e.asset, w.asset);
            let part = if by_value {
                // Only a swapper gives another asset.
                if !swaps || !w.labels.iter().any(|l| l.kind == Kind::Swapper) {
                    continue;
                }
                let of = |a: f64| worth.and_then(|f| f(w.asset, w.amount, w.time)).map(|b| b / a);
                let Some(part) = value.filter(|v| *v > 0.0).and_then(of) else {
                    unpriced = true;
                    continue;
                };
                part
            } else {
                unit(w.asset, w.amount) / paid.max(f64::MIN_POSITIVE)
            };
            // A day's price is no moment's: what comes out may be worth a little more.
            let most = if by_value { 2.0 - LEAST_PART } else { 1.0 };
            if !(LEAST_PART..=most).contains(&part) {
                continue;
            }
            let closeness = 1.0 - (1.0 - part).abs() / (1.0 - LEAST_PART) * 0.5;
            let haste = 1.0 - (w.seconds - t) as f64 / (2 * WINDOW_SECONDS) as f64;
            fits.push((actor, closeness * haste, by_value, w));
            if fits.len() >= MAX_CANDIDATES {
                break;
            }
        }
        out.unpriced += u64::from(unpriced);
        // What bears the actor's own name stands for it; others of its kind only where nothing does.
        let actor = fits.iter().any(|f| f.0);
        fits.retain(|f| f.0 == actor);
        fits.sort_by(|a, b| b.1.total_cmp(&a.1).then((a.3.tx, a.3.to).cmp(&(b.3.tx, b.3.to))));
        let candidates = fits.len();
        for (same_actor, score, by_value, w) in fits {
            if out.found.len() >= MAX_GUESSES {
                out.left_out += 1;
                continue;
            }
            let score = score * if same_actor { 1.0 } else { KIND_ONLY } / candidates as f64;
            let (tx, to, asset, amount) = (w.tx, w.to, w.asset, w.amount);
            let seconds = w.seconds - t;
            out.found.push(Hypothesis {
                deposit,
                tx,
                to,
                asset,
                amount,
                score,
                candidates,
                seconds,
                same_actor,
                by_value,
            });
        }
    }
    out
}
