//! Where funds went from stated sources, under a stated rule, and why the trace ends where it ends.
//!
//! A trace runs a rule of [`taint`](crate::taint) over the whole ledger and keeps the transfers that carry taint. It
//! does not go through a labelled service: what leaves one is its own coin, so what arrives there rests there. Each
//! place where funds rest has a [`Reason`]; addresses whose transactions the ledger does not have are in
//! [`Trace::needs`]. What a floor or a limit hides is counted.
//!
//! Amounts are exact under the rule. [`rank`] scores are an order of interest, not amounts; [`hypotheses`] are scored
//! guesses about deposits and withdrawals, never part of the flow.
//!
//! What this module never does: read a file, treat a service's customers as one, state a guess as a fact.

mod backward;
pub mod detect;
mod ends;
pub mod fakes;
pub mod hypotheses;
pub mod labels;
pub mod patterns;
pub mod rank;
mod record;
pub mod swaps;

use std::collections::BTreeMap;

use palisade_model::{Citation, Time};

use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, PartyId, TxId};
use crate::taint::{self, Check, Entry, Method, Plan, PlanError, Source, Tally};
use record::{Begins, Recorder, Side};

pub use backward::backward;
pub use hypotheses::Hypothesis;
pub use labels::{Kind, Label, LabelTable, Labels};

/// How to trace.
pub struct Options<'a> {
    /// Rule, sources, swaps, openings.
    pub plan: Plan,
    /// What is known of parties.
    pub labels: &'a dyn Labels,
    /// Whether the ledger has all transactions of a party (an export of its own, or whole blocks).
    pub covered: &'a dyn Fn(PartyId) -> bool,
    /// Transfers that carry less of an asset are not followed; in its smallest unit.
    pub floor: BTreeMap<AssetId, u128>,
    /// Transfers further from the sources are not followed.
    pub max_hops: u32,
    /// Most transfers kept; later ones are counted only.
    pub max_edges: usize,
    /// The ledger ends there: what is later is not looked at, and what rests is what rested then.
    pub until: Option<Time>,
    /// Whether transfers get a [`rank`].
    pub ranked: bool,
}

/// Most transfers in a trace unless asked otherwise: a report of more is read by nobody.
pub const MAX_EDGES: usize = 1_000_000;
/// Farthest hop unless asked otherwise.
pub const MAX_HOPS: u32 = 1_000;

impl<'a> Options<'a> {
    /// No floor, the usual limits.
    pub fn new(plan: Plan, labels: &'a dyn Labels, covered: &'a dyn Fn(PartyId) -> bool) -> Options<'a> {
        Options {
            plan,
            labels,
            covered,
            floor: BTreeMap::new(),
            max_hops: MAX_HOPS,
            max_edges: MAX_EDGES,
            until: None,
            ranked: true,
        }
    }
}

/// A transfer that carries taint.
#[derive(Clone, PartialEq, Debug)]
pub struct Edge {
    /// In which transaction.
    pub tx: TxId,
    /// From whom; in the output model whose input was the greatest of those that carry taint.
    pub from: PartyId,
    /// To whom.
    pub to: PartyId,
    /// Of what.
    pub asset: AssetId,
    /// All that was transferred.
    pub amount: u128,
    /// Of it, from the sources (under poison: all of it, for each).
    pub carried: Vec<(Source, u128)>,
    /// Transfers from a source to here, this one included.
    pub hops: u32,
    /// When.
    pub time: Option<Time>,
    /// A fee, not a payment.
    pub fee: bool,
    /// One side of a swap: what it carries went on, or came, in another asset.
    pub swap: bool,
    /// Order of interest, 0 to 1.
    pub rank: f64,
    /// The record.
    pub citation: Citation,
}

impl Edge {
    /// From all sources together; under poison the greatest.
    pub fn tainted(&self, method: Method) -> u128 {
        let parts = self.carried.iter().map(|c| c.1);
        match method {
            Method::Poison => parts.max().unwrap_or(0),
            _ => parts.fold(0, u128::saturating_add),
        }
    }
}

/// A party that funds reached.
#[derive(Clone, PartialEq, Debug)]
pub struct Reached {
    /// Who.
    pub party: PartyId,
    /// Of what.
    pub asset: AssetId,
    /// Tainted amounts that arrived, summed; what passes twice counts twice.
    pub received: u128,
    /// Of it there now.
    pub resting: u128,
    /// All that is there now.
    pub balance: u128,
    /// Of unknown origin there now.
    pub unknown: u128,
    /// Fewest transfers from a source.
    pub hops: u32,
    /// When funds arrived first.
    pub first: Option<Time>,
    /// By which transaction.
    pub first_tx: TxId,
    /// Greatest rank of what arrived.
    pub rank: f64,
}

/// Why a trace ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// Not moved on, as far as the ledger goes.
    Resting,
    /// The ledger does not have what the party did next.
    NoData,
    /// A service pools it with its customers' coins.
    Service,
    /// A mixer or a bridge: goes on elsewhere, see the hypotheses.
    MixerOrBridge,
    /// Sent on from there beyond a limit or below the floor, and not followed.
    Limit,
    /// Destroyed, or paid as a fee to nobody known.
    Burnt,
    /// Backward: made there (mined, minted, a block's reward).
    Created,
    /// Backward: was there before the ledger says anything of it.
    BeforeLedger,
}

impl Reason {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Resting => "resting",
            Reason::NoData => "no_data",
            Reason::Service => "service",
            Reason::MixerOrBridge => "mixer_or_bridge",
            Reason::Limit => "limit",
            Reason::Burnt => "burnt",
            Reason::Created => "created",
            Reason::BeforeLedger => "before_ledger",
        }
    }
}

/// A place where funds are at the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terminal {
    /// Where.
    pub party: PartyId,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub amount: u128,
    /// Why here.
    pub reason: Reason,
    /// Who it is, if a service.
    pub actor: Option<Box<str>>,
    /// Of it, from each source (under poison: where it is known, all of it for each).
    pub parts: Vec<(Source, u128)>,
}

/// How much reached a labelled party, and how directly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exposure {
    /// The labelled party.
    pub party: PartyId,
    /// What it is.
    pub kind: Kind,
    /// Who it is.
    pub actor: Box<str>,
    /// Who says so.
    pub source: Box<str>,
    /// Of what.
    pub asset: AssetId,
    /// Straight from a source.
    pub direct: u128,
    /// By way of others.
    pub indirect: u128,
    /// Fewest transfers.
    pub hops: u32,
    /// Under which rule.
    pub rule: Method,
    /// The label held when (some of) it arrived; else it was given or ended at another time.
    pub then: bool,
    /// From when the label holds; `None`: always.
    pub from: Option<Time>,
    /// Until when it holds; `None`: still.
    pub until: Option<Time>,
}

/// What is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cut {
    /// Transfers.
    pub edges: u64,
    /// Tainted amounts they carry (saturating).
    pub amount: u128,
}

/// A trace.
#[derive(Clone, PartialEq, Debug)]
pub struct Trace {
    /// The rule.
    pub method: Method,
    /// Transfers in the order of the chain.
    pub edges: Vec<Edge>,
    /// Parties, by party and asset.
    pub reached: Vec<Reached>,
    /// Where it ends.
    pub terminals: Vec<Terminal>,
    /// Addresses whose transactions are missing.
    pub needs: Vec<PartyId>,
    /// Exposure to labelled parties.
    pub exposure: Vec<Exposure>,
    /// Hidden by the floor, per asset.
    pub below_floor: BTreeMap<AssetId, Cut>,
    /// Hidden by limits, per asset.
    pub beyond_limits: BTreeMap<AssetId, Cut>,
    /// Conservation.
    pub checks: Vec<Check>,
    /// Counts.
    pub tally: Tally,
}

/// Traces forward. Fails as [`taint::follow`] does.
pub fn forward(ledger: &Ledger, options: &Options<'_>) -> Result<Trace, PlanError> {
    Ok(run(ledger, options)?.0)
}

/// A trace, and what the rule says of all that holds taint.
fn run(ledger: &Ledger, options: &Options<'_>) -> Result<(Trace, taint::Outcome), PlanError> {
    let time = |tx: TxId| ledger.txs.time.get(tx.0 as usize).copied().flatten();
    let late = |tx: TxId| options.until.is_some_and(|u| time(tx).is_some_and(|t| t > u));
    // The ledger ends there: what rests is what rested then.
    let cut;
    let plan = match options.until {
        None => &options.plan,
        Some(_) => {
            cut = before(ledger, &options.plan, &late);
            &cut
        }
    };
    let begins = Begins::of(ledger, plan);
    let pooled = |party: PartyId, tx: TxId| {
        !begins.parties.contains(&party) && options.labels.pool(party, time(tx)).is_some()
    };
    let stops = taint::Stops {
        pools: &pooled,
        late: options.until.is_some().then_some(&late as &dyn Fn(TxId) -> bool),
    };
    let recorder = std::cell::RefCell::new(Recorder::new(ledger, options, &begins, &pooled));
    let outcome = taint::follow_stopping(
        ledger,
        plan,
        &stops,
        &mut Side { recorder: &recorder, outputs: false },
        &mut Side { recorder: &recorder, outputs: true },
    )?;
    let mut recorder = recorder.into_inner();
    let scores = match options.ranked {
        true => scores(ledger, plan, &begins, options, &late),
        false => Scores { moves: Vec::new(), outputs: Vec::new() },
    };
    let edges = recorder.edges().into_iter().map(|((output, index), mut edge)| {
        let scores = if output { &scores.outputs } else { &scores.moves };
        edge.rank = scores.get(index as usize).copied().unwrap_or(0.0);
        edge
    });
    let mut trace = Trace {
        method: options.plan.method,
        edges: edges.collect(),
        reached: Vec::new(),
        terminals: Vec::new(),
        needs: Vec::new(),
        exposure: Vec::new(),
        below_floor: std::mem::take(&mut recorder.below_floor),
        beyond_limits: std::mem::take(&mut recorder.beyond_limits),
        checks: outcome.checks.clone(),
        tally: outcome.tally,
    };
    reached(&mut trace, &outcome, ledger);
    ends::terminals(&mut trace, &outcome, ledger, options, &begins, recorder.cuts);
    exposure(&mut trace, options);
    Ok((trace, outcome))
}

/// A plan without what is later.
fn before(ledger: &Ledger, plan: &Plan, late: &dyn Fn(TxId) -> bool) -> Plan {
    let mut plan = plan.clone();
    let of = |i: u64| ledger.moves.tx.get(i as usize).copied();
    plan.swaps.retain(|s| !of(s.pay).is_some_and(late) && !of(s.get).is_some_and(late));
    plan.starts.retain(|s| match s.entry {
        Entry::Party { from: tx, .. } | Entry::Tx { tx, .. } => !late(tx),
        Entry::Output { output } => !ledger.outputs.tx.get(output.0 as usize).copied().is_some_and(late),
    });
    plan
}

/// Scores of transfers, by place in the ledger.
struct Scores {
    moves: Vec<f64>,
    outputs: Vec<f64>,
}

fn scores(
    ledger: &Ledger,
    plan: &Plan,
    begins: &Begins,
    options: &Options<'_>,
    late: &dyn Fn(TxId) -> bool,
) -> Scores {
    let mut transfers = Vec::new();
    let m = &ledger.moves;
    // Digits beyond those of a float are nothing to a score.
    let units: Vec<f64> =
        ledger.assets.iter().map(|a| 10f64.powi(i32::from(a.decimals.unwrap_or(0)))).collect();
    let unit = |a: AssetId| units.get(a.0 as usize).copied().unwrap_or(1.0);
    let seconds =
        |tx: TxId| ledger.txs.time.get(tx.0 as usize).copied().flatten().map(|t| t.0.div_euclid(1_000_000));
    let mut sources = begins.parties.clone();
    for start in &plan.starts {
        if let Entry::Tx { tx, .. } = start.entry {
            let first = m.tx.partition_point(|t| *t < tx);
            let in_tx = m.tx[first..].iter().take_while(|t| **t == tx).count();
            sources.extend(m.from[first..first + in_tx].iter().filter(|p| **p != PartyId::NOBODY));
        }
        if let Entry::Output { output } = start.entry {
            sources.extend(ledger.outputs.party.get(output.0 as usize).filter(|p| **p != PartyId::NOBODY));
        }
    }
    let mut of_moves = Vec::new();
    for i in 0..m.tx.len() {
        if m.kind[i] == MoveKind::Fee || late(m.tx[i]) || options.labels.pool(m.from[i], None).is_some() {
            continue;
        }
        of_moves.push(i);
        transfers.push(rank::Transfer {
            from: m.from[i],
            to: m.to[i],
            asset: m.asset[i],
            amount: m.amount[i] as f64 / unit(m.asset[i]),
            seconds: seconds(m.tx[i]),
        });
    }
    let mut of_outputs = Vec::new();
    let o = &ledger.outputs;
    for spend in ledger.spends.iter().filter(|s| !late(s.tx)) {
        let inputs = ledger.inputs.get(spend.inputs.start as usize..spend.inputs.end as usize);
        let from = record::greatest(ledger, inputs.unwrap_or_default(), &|_| false);
        if from == PartyId::NOBODY {
            continue;
        }
        for i in spend.outputs.clone().map(|i| i as usize) {
            let (Some(&to), Some(&value), Some(&asset)) = (o.party.get(i), o.value.get(i), o.asset.get(i))
            else {
                continue;
            };
            if from == to {
                continue;
            }
            of_outputs.push(i);
            transfers.push(rank::Transfer {
                from,
                to,
                asset,
                amount: value as f64 / unit(asset),
                seconds: seconds(spend.tx),
            });
        }
    }
    let all = rank::rank(&transfers, |p| sources.contains(&p));
    let (first, second) = all.split_at(of_moves.len().min(all.len()));
    let spread = |of: &[usize], scores: &[f64], n: usize| {
        let mut out = vec![0.0; n];
        of.iter().zip(scores).for_each(|(i, s)| out[*i] = *s);
        out
    };
    Scores {
        moves: spread(&of_moves, first, m.tx.len()),
        outputs: spread(&of_outputs, second, ledger.outputs.tx.len()),
    }
}

fn reached(trace: &mut Trace, outcome: &taint::Outcome, ledger: &Ledger) {
    let mut rows: BTreeMap<(PartyId, AssetId), Reached> = BTreeMap::new();
    // What is given back to be unwrapped is not burnt: it goes on as the coin.
    for e in trace.edges.iter().filter(|e| !(e.swap && e.to == PartyId::NOBODY)) {
        let row = rows.entry((e.to, e.asset)).or_insert(Reached {
            party: e.to,
            asset: e.asset,
            received: 0,
            resting: 0,
            balance: 0,
            unknown: 0,
            hops: e.hops,
            first: e.time,
            first_tx: e.tx,
            rank: 0.0,
        });
        row.received = row.received.saturating_add(e.tainted(trace.method));
        row.hops = row.hops.min(e.hops);
        row.rank = row.rank.max(e.rank);
    }
    for (party, asset, h) in ends::holdings(outcome, ledger) {
        if let Some(row) = rows.get_mut(&(party, asset)) {
            row.resting = row.resting.saturating_add(held(h, trace.method));
            row.balance = row.balance.saturating_add(h.balance);
            row.unknown = row.unknown.saturating_add(h.unknown);
        }
    }
    trace.reached = rows.into_values().collect();
}

/// What a place holds of all sources.
fn held(h: &taint::Holding, method: Method) -> u128 {
    let parts = h.tainted.iter().map(|t| t.1);
    match method {
        Method::Poison => parts.max().unwrap_or(0),
        _ => parts.fold(0, u128::saturating_add),
    }
}

fn exposure(trace: &mut Trace, options: &Options<'_>) {
    let mut rows: BTreeMap<(PartyId, AssetId, usize), Exposure> = BTreeMap::new();
    for e in trace.edges.iter().filter(|e| !e.fee) {
        for (n, label) in options.labels.of(e.to).iter().enumerate() {
            let row = rows.entry((e.to, e.asset, n)).or_insert_with(|| Exposure {
                party: e.to,
                kind: label.kind,
                actor: label.actor.clone(),
                source: label.source.clone(),
                asset: e.asset,
                direct: 0,
                indirect: 0,
                hops: e.hops,
                rule: trace.method,
                then: false,
                from: label.from,
                until: label.until,
            });
            let sum = if e.hops == 1 { &mut row.direct } else { &mut row.indirect };
            *sum = sum.saturating_add(e.tainted(trace.method));
            row.hops = row.hops.min(e.hops);
            row.then |= label.holds(e.time);
        }
    }
    trace.exposure = rows.into_values().collect();
}
