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
pub mod fakes;
pub mod hypotheses;
pub mod labels;
pub mod patterns;
pub mod rank;

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Citation, Time};

use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, OutputId, PartyId, TxId};
use crate::taint::{self, Check, Entry, Method, Plan, PlanError, Source, Tally};

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
    /// Transfers after this are not followed.
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
    /// A limit, the floor or the end date.
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
    let starts: BTreeSet<PartyId> = options
        .plan
        .starts
        .iter()
        .filter_map(|s| match s.entry {
            Entry::Party { party, .. } => Some(party),
            _ => None,
        })
        .collect();
    let time = |tx: TxId| ledger.txs.time.get(tx.0 as usize).copied().flatten();
    let pooled =
        |party: PartyId, tx: TxId| !starts.contains(&party) && options.labels.pool(party, time(tx)).is_some();
    let mut carried: BTreeMap<(bool, u64), Vec<(Source, u128)>> = BTreeMap::new();
    let mut over: BTreeMap<AssetId, Cut> = BTreeMap::new();
    let mut note = |output: bool, i: u64, s: Source, n: u128| {
        let full = carried.len() >= options.max_edges;
        match carried.get_mut(&(output, i)) {
            Some(list) => taint::add_parts(list, &[(s, n)]),
            None if full => {
                let asset = if output { &ledger.outputs.asset } else { &ledger.moves.asset };
                let cut = over.entry(asset.get(i as usize).copied().unwrap_or(AssetId(0))).or_default();
                cut.edges += 1;
                cut.amount = cut.amount.saturating_add(n);
            }
            None => {
                carried.insert((output, i), vec![(s, n)]);
            }
        }
    };
    let outcome = {
        let note = std::cell::RefCell::new(&mut note);
        taint::follow_stopping(
            ledger,
            &options.plan,
            &pooled,
            &mut |i, s, n| (*note.borrow_mut())(false, i, s, n),
            &mut |i, s, n| (*note.borrow_mut())(true, i, s, n),
        )?
    };
    let scores = match options.ranked {
        true => scores(ledger, &starts, options),
        false => Scores { moves: Vec::new(), outputs: Vec::new() },
    };
    let mut trace = Trace {
        method: options.plan.method,
        edges: Vec::new(),
        reached: Vec::new(),
        terminals: Vec::new(),
        needs: Vec::new(),
        exposure: Vec::new(),
        below_floor: BTreeMap::new(),
        beyond_limits: over,
        checks: outcome.checks.clone(),
        tally: outcome.tally,
    };
    let mut hops: BTreeMap<PartyId, u32> = starts.iter().map(|p| (*p, 0)).collect();
    let mut limited: BTreeSet<PartyId> = BTreeSet::new();
    let mut edges: Vec<Edge> = Vec::new();
    // Which inputs taint came by: those that carried some, and the sources' own.
    let tainted: BTreeSet<u32> = carried.keys().filter(|k| k.0).map(|k| k.1 as u32).collect();
    let named: BTreeSet<u32> = (options.plan.starts.iter())
        .filter_map(|s| match s.entry {
            Entry::Output { output } => Some(output.0),
            _ => None,
        })
        .collect();
    let came = |o: OutputId| {
        let of = ledger.outputs.party.get(o.0 as usize);
        tainted.contains(&o.0) || named.contains(&o.0) || of.is_some_and(|p| starts.contains(p))
    };
    for ((output, index), parts) in carried {
        if let Some(mut edge) = edge(ledger, output, index, parts, &came) {
            let scores = if output { &scores.outputs } else { &scores.moves };
            edge.rank = scores.get(index as usize).copied().unwrap_or(0.0);
            edges.push(edge);
        }
    }
    // Both models of one ledger in one order.
    edges.sort_by_key(|e| e.tx);
    let coins: BTreeSet<AssetId> = ledger.outputs.asset.iter().copied().collect();
    // A transaction or an output named as a source begins at its sender.
    let begins: BTreeSet<TxId> = (options.plan.starts.iter())
        .filter_map(|s| match s.entry {
            Entry::Tx { tx, .. } => Some(tx),
            Entry::Output { output } => ledger.outputs.tx.get(output.0 as usize).copied(),
            Entry::Party { .. } => None,
        })
        .collect();
    for mut edge in edges {
        let tainted = edge.tainted(trace.method);
        let tx_start = begins.contains(&edge.tx);
        let Some(before) = hops.get(&edge.from).copied().or(tx_start.then_some(0)) else {
            continue;
        };
        edge.hops = before + 1;
        let late = options.until.is_some_and(|u| edge.time.is_some_and(|t| t > u));
        let floor = options.floor.get(&edge.asset).copied().unwrap_or(0);
        let cut = if edge.hops > options.max_hops || late {
            limited.insert(edge.from);
            Some(&mut trace.beyond_limits)
        } else if tainted < floor {
            limited.insert(edge.from);
            Some(&mut trace.below_floor)
        } else {
            None
        };
        if let Some(cuts) = cut {
            let cut = cuts.entry(edge.asset).or_default();
            cut.edges += 1;
            cut.amount = cut.amount.saturating_add(tainted);
            continue;
        }
        // A script without address can be spent; what an account model burns cannot.
        if edge.to != PartyId::NOBODY || coins.contains(&edge.asset) {
            let known = hops.entry(edge.to).or_insert(edge.hops);
            *known = (*known).min(edge.hops);
        }
        trace.edges.push(edge);
    }
    reached(&mut trace, &outcome, ledger);
    terminals(&mut trace, options, &limited, &starts, &coins);
    at_starts(&mut trace, &outcome, ledger, options);
    exposure(&mut trace, options);
    Ok((trace, outcome))
}

fn edge(
    ledger: &Ledger,
    output: bool,
    index: u64,
    carried: Vec<(Source, u128)>,
    came: &dyn Fn(OutputId) -> bool,
) -> Option<Edge> {
    let i = usize::try_from(index).ok()?;
    let hops = 0;
    if output {
        let o = &ledger.outputs;
        let tx = *o.tx.get(i)?;
        let spend = ledger.spends.binary_search_by_key(&tx, |s| s.tx).ok().map(|at| &ledger.spends[at]);
        let inputs = spend.and_then(|s| ledger.inputs.get(s.inputs.start as usize..s.inputs.end as usize));
        let rank = |i: &&OutputId| (came(**i), o.value.get(i.0 as usize));
        let greatest = inputs.unwrap_or_default().iter().rev().max_by_key(rank);
        Some(Edge {
            tx,
            from: greatest.and_then(|i| o.party.get(i.0 as usize)).copied().unwrap_or(PartyId::NOBODY),
            to: *o.party.get(i)?,
            asset: *o.asset.get(i)?,
            amount: u128::from(*o.value.get(i)?),
            carried,
            hops,
            time: *ledger.txs.time.get(tx.0 as usize)?,
            fee: false,
            rank: 0.0,
            citation: *ledger.txs.citation.get(tx.0 as usize)?,
        })
    } else {
        let m = &ledger.moves;
        let tx = *m.tx.get(i)?;
        Some(Edge {
            tx,
            from: m.from[i],
            to: m.to[i],
            asset: m.asset[i],
            amount: m.amount[i],
            carried,
            hops,
            time: *ledger.txs.time.get(tx.0 as usize)?,
            fee: m.kind[i] == MoveKind::Fee,
            rank: 0.0,
            citation: m.citation[i],
        })
    }
}

/// Scores of transfers, by place in the ledger.
struct Scores {
    moves: Vec<f64>,
    outputs: Vec<f64>,
}

fn scores(ledger: &Ledger, starts: &BTreeSet<PartyId>, options: &Options<'_>) -> Scores {
    let mut transfers = Vec::new();
    let m = &ledger.moves;
    // Digits beyond those of a float are nothing to a score.
    let units: Vec<f64> =
        ledger.assets.iter().map(|a| 10f64.powi(i32::from(a.decimals.unwrap_or(0)))).collect();
    let unit = |a: AssetId| units.get(a.0 as usize).copied().unwrap_or(1.0);
    let seconds =
        |tx: TxId| ledger.txs.time.get(tx.0 as usize).copied().flatten().map(|t| t.0.div_euclid(1_000_000));
    let mut sources = starts.clone();
    for start in &options.plan.starts {
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
        if m.kind[i] == MoveKind::Fee || options.labels.pool(m.from[i], None).is_some() {
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
    for spend in &ledger.spends {
        for i in spend.outputs.clone() {
            let Some(e) = edge(ledger, true, u64::from(i), Vec::new(), &|_| false) else { continue };
            if e.from == PartyId::NOBODY || e.from == e.to {
                continue;
            }
            of_outputs.push(i as usize);
            transfers.push(rank::Transfer {
                from: e.from,
                to: e.to,
                asset: e.asset,
                amount: e.amount as f64 / unit(e.asset),
                seconds: seconds(e.tx),
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
    for e in &trace.edges {
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
    let outputs = outcome.outputs.iter().filter_map(|(o, h)| {
        let i = o.0 as usize;
        Some((*ledger.outputs.party.get(i)?, *ledger.outputs.asset.get(i)?, h))
    });
    let accounts = outcome.accounts.iter().map(|(p, a, h)| (*p, *a, h));
    for (party, asset, h) in accounts.chain(outputs) {
        if let Some(row) = rows.get_mut(&(party, asset)) {
            row.resting = row.resting.saturating_add(held(h, trace.method));
            row.balance = row.balance.saturating_add(h.balance);
            row.unknown = row.unknown.saturating_add(h.unknown);
        }
    }
    trace.reached = rows.into_values().collect();
}

fn terminals(
    trace: &mut Trace,
    options: &Options<'_>,
    limited: &BTreeSet<PartyId>,
    starts: &BTreeSet<PartyId>,
    coins: &BTreeSet<AssetId>,
) {
    let mut needs = BTreeSet::new();
    for r in &trace.reached {
        let label = options.labels.pool(r.party, r.first).filter(|_| !starts.contains(&r.party));
        // Poison has no remainder: whatever was reached and does not send is an end.
        let nobody = r.party == PartyId::NOBODY;
        // Nobody has no account in which something could rest.
        let gone = nobody && !coins.contains(&r.asset);
        let amount =
            if gone || trace.method == Method::Poison && label.is_some() { r.received } else { r.resting };
        if amount == 0 {
            continue;
        }
        let reason = match label.map(|l| l.kind) {
            _ if nobody => Reason::Burnt,
            Some(Kind::Mixer | Kind::Bridge | Kind::Swapper) => Reason::MixerOrBridge,
            Some(_) => Reason::Service,
            None if limited.contains(&r.party) => Reason::Limit,
            None if !(options.covered)(r.party) => Reason::NoData,
            None => Reason::Resting,
        };
        if reason == Reason::NoData {
            needs.insert(r.party);
        }
        trace.terminals.push(Terminal {
            party: r.party,
            asset: r.asset,
            amount,
            reason,
            actor: label.map(|l| l.actor.clone()),
        });
    }
    trace.needs = needs.into_iter().collect();
}

/// What a place holds of all sources.
fn held(h: &taint::Holding, method: Method) -> u128 {
    let parts = h.tainted.iter().map(|t| t.1);
    match method {
        Method::Poison => parts.max().unwrap_or(0),
        _ => parts.fold(0, u128::saturating_add),
    }
}

/// What is still where it began: no transfer leads there.
fn at_starts(trace: &mut Trace, outcome: &taint::Outcome, ledger: &Ledger, options: &Options<'_>) {
    let o = &ledger.outputs;
    let of = |i: OutputId| Some((*o.party.get(i.0 as usize)?, *o.asset.get(i.0 as usize)?));
    let begins: BTreeSet<PartyId> = (options.plan.starts.iter())
        .filter_map(|s| match s.entry {
            Entry::Party { party, .. } => Some(party),
            Entry::Output { output } => Some(of(output)?.0),
            Entry::Tx { .. } => None,
        })
        .collect();
    let outputs = outcome.outputs.iter().filter_map(|(i, h)| Some((of(*i)?, h)));
    let ended: BTreeSet<(PartyId, AssetId)> = trace.terminals.iter().map(|t| (t.party, t.asset)).collect();
    let mut sums: BTreeMap<(PartyId, AssetId), u128> = BTreeMap::new();
    for (at, h) in outcome.accounts.iter().map(|(p, a, h)| ((*p, *a), h)).chain(outputs) {
        let here = held(h, trace.method);
        if begins.contains(&at.0) && here > 0 && !ended.contains(&at) {
            let sum = sums.entry(at).or_default();
            *sum = sum.saturating_add(here);
        }
    }
    for ((party, asset), amount) in sums {
        let reason = if (options.covered)(party) { Reason::Resting } else { Reason::NoData };
        if reason == Reason::NoData {
            let at = trace.needs.partition_point(|p| *p < party);
            if trace.needs.get(at) != Some(&party) {
                trace.needs.insert(at, party);
            }
        }
        trace.terminals.push(Terminal { party, asset, amount, reason, actor: None });
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
            });
            let sum = if e.hops == 1 { &mut row.direct } else { &mut row.indirect };
            *sum = sum.saturating_add(e.tainted(trace.method));
            row.hops = row.hops.min(e.hops);
            row.then |= label.holds(e.time);
        }
    }
    trace.exposure = rows.into_values().collect();
}
