//! Where funds came from: the same rules, asked in the other direction of time.
//!
//! The ledger is turned round. Its last move comes first, who was paid pays, outputs are spent by what made them, and a
//! transaction's fee is an input at its end. Over this the rule runs as it is. What the answer means is exact:
//!
//! - **FIFO and LIFO** are their own mirror image, unit by unit. Each unit that was ever at the address is followed back, move
//!   by move, to where it entered the ledger; every amount is the number of these units. Forward from there, they are at the
//!   address again.
//! - **Haircut** gives each source the share that it has of what the address received, mixing in proportion at each step. Rounding
//!   is the rule's own, step by step, so an amount is within one unit a step of the exact fraction, and all of them add up.
//! - **Poison** names everybody who could have contributed: an upper bound.
//! - **TIHO** orders coin by the taint that it has, which no way back knows: refused.
//!
//! What an account pays and no move explains, it held before the first move of the ledger. (Forward, it counts as met when it is
//! missed; where history is missing the two differ by that.) Fees of a block are not followed into its coinbase: what a coinbase
//! makes is created there. A swap goes back from what was got to what was paid, in proportion. A service's payments are its own
//! coin: there the trace ends, as forward.
//!
//! What this module never does: run a rule of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::{Edge, Options, Reason, Terminal, Trace, held};
use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, OutputId, PartyId, Spend, TxId};
use crate::taint::{
    Entry, Method, Opening, Outcome, Plan, PlanError, Source, Start, Tally, add_parts, swap::Swap,
};

/// Traces backward from the plan's starts. In the result an edge still goes from payer to payee; `hops` counts from the start,
/// a row of `reached` is a party through which funds came (`first`: the latest time), and `terminals` say where they entered.
///
/// # Errors
/// As [`forward`](super::forward), and TIHO.
pub fn backward(ledger: &Ledger, options: &Options<'_>) -> Result<Trace, PlanError> {
    if options.plan.method == Method::Tiho {
        return Err(PlanError::TihoBackward);
    }
    let turned = Turned::new(ledger, options);
    let mirror = Options {
        plan: turned.plan(options),
        floor: options.floor.clone(),
        // The question is about what had arrived by then, which the plan says.
        until: None,
        // Ranks are learnt on the way forward.
        ranked: false,
        ..*options
    };
    let (mut trace, outcome) = super::run(&turned.ledger, &mirror)?;
    for e in &mut trace.edges {
        turned.turn_back(e);
    }
    trace.edges.reverse();
    for r in &mut trace.reached {
        r.first_tx = turned.tx(r.first_tx);
    }
    turned.ends(&mut trace, &outcome, options);
    // Counts of the mirror image are not those of the ledger.
    trace.tally = Tally { overflow: turned.overflow, seen: trace.tally.seen, ..Tally::default() };
    Ok(trace)
}

/// A ledger with its end first.
struct Turned {
    ledger: Ledger,
    txs: u32,
    /// Where the old moves stand.
    moves: Vec<Option<u32>>,
    /// Where the old outputs stand.
    outputs: Vec<u32>,
    openings: Vec<Opening>,
    /// What stands for the coin that coinbases make.
    created: BTreeSet<u32>,
    /// Moves left out, as the rules leave them out.
    overflow: u64,
}

impl Turned {
    fn new(l: &Ledger, options: &Options<'_>) -> Turned {
        let mut t = Turned {
            ledger: Ledger::default(),
            txs: l.txs.block.len() as u32,
            moves: vec![None; l.moves.tx.len()],
            outputs: vec![0; l.outputs.tx.len()],
            openings: Vec::new(),
            created: BTreeSet::new(),
            overflow: 0,
        };
        t.ledger.assets.clone_from(&l.assets);
        // Ids and addresses are of no use to a rule.
        let x = &mut t.ledger.txs;
        x.block = l.txs.block.iter().rev().copied().collect();
        x.index = l.txs.index.iter().rev().copied().collect();
        x.time = l.txs.time.iter().rev().copied().collect();
        x.citation = l.txs.citation.iter().rev().copied().collect();
        t.turn_moves(l, options);
        t.turn_outputs(l);
        t
    }

    fn tx(&self, tx: TxId) -> TxId {
        TxId((self.txs.saturating_sub(1)).saturating_sub(tx.0))
    }

    fn turn_moves(&mut self, l: &Ledger, options: &Options<'_>) {
        let m = &l.moves;
        // Balances at the end, from which the way back begins.
        let mut balance: HashMap<(PartyId, AssetId), u128, FixedState> = HashMap::default();
        for o in &options.plan.openings {
            let held = balance.entry((o.party, o.asset)).or_default();
            *held = held.saturating_add(o.amount);
        }
        let mut dropped = vec![false; m.tx.len()];
        for (i, dropped) in dropped.iter_mut().enumerate() {
            if m.from[i] == m.to[i] {
                continue;
            }
            let to = balance.get(&(m.to[i], m.asset[i])).copied().unwrap_or(0);
            let Some(more) = to.checked_add(m.amount[i]) else {
                self.overflow += 1;
                *dropped = true;
                continue;
            };
            balance.insert((m.to[i], m.asset[i]), more);
            let from = balance.entry((m.from[i], m.asset[i])).or_default();
            *from = from.saturating_sub(m.amount[i]);
        }
        self.openings = balance
            .into_iter()
            .filter(|(k, n)| k.0 != PartyId::NOBODY && *n > 0)
            .map(|((party, asset), amount)| Opening { party, asset, amount })
            .collect();
        self.openings.sort_unstable();
        for i in (0..m.tx.len()).rev().filter(|&i| !dropped[i]) {
            let tx = self.tx(m.tx[i]);
            let kind = match (m.kind[i], m.from[i], m.to[i]) {
                // What a transaction moves does not have its fee in it, in either direction.
                (MoveKind::Fee, ..) => MoveKind::Fee,
                (_, _, PartyId::NOBODY) => MoveKind::Mint,
                (_, PartyId::NOBODY, _) => MoveKind::Burn,
                (kind, ..) => kind,
            };
            let n = &mut self.ledger.moves;
            self.moves[i] = Some(n.tx.len() as u32);
            n.tx.push(tx);
            n.asset.push(m.asset[i]);
            n.from.push(m.to[i]);
            n.to.push(m.from[i]);
            n.amount.push(m.amount[i]);
            n.kind.push(kind);
            n.citation.push(m.citation[i]);
        }
    }

    /// Outputs that nobody has spent stand first, fees among them; then, from the last transaction to the first, what each spent.
    fn turn_outputs(&mut self, l: &Ledger) {
        let o = &l.outputs;
        let value = |i: u32| o.value.get(i as usize).copied().unwrap_or(0);
        let by = |i: usize, turned: &Turned| o.origin_known[i].then(|| turned.tx(o.tx[i]));
        let mut spent = vec![false; o.tx.len()];
        for i in &l.inputs {
            if let Some(s) = spent.get_mut(i.0 as usize) {
                *s = true;
            }
        }
        for i in (0..o.tx.len()).filter(|&i| !spent[i]) {
            let by = by(i, self);
            self.outputs[i] = self.output(TxId(0), o.asset[i], o.party[i], o.value[i], by, true);
        }
        // What a transaction spends beyond what it makes, and makes beyond what it spends.
        let sums = |s: &Spend| {
            let ins = l.inputs.get(s.inputs.start as usize..s.inputs.end as usize).unwrap_or_default();
            let ins: u128 = ins.iter().map(|i| u128::from(value(i.0))).sum();
            let outs: u128 = s.outputs.clone().map(|i| u128::from(value(i))).sum();
            (ins, outs)
        };
        let cell = |n: u128| u64::try_from(n).unwrap_or(u64::MAX);
        let asset = |s: &Spend| {
            let first =
                s.outputs.clone().next().or_else(|| l.inputs.get(s.inputs.start as usize).map(|i| i.0));
            first.and_then(|i| o.asset.get(i as usize)).copied().unwrap_or(AssetId(0))
        };
        let mut fees = Vec::with_capacity(l.spends.len());
        for s in &l.spends {
            let (ins, outs) = sums(s);
            let fee = cell(ins.saturating_sub(outs));
            let by = Some(self.tx(s.tx));
            fees.push((fee > 0).then(|| self.output(TxId(0), asset(s), PartyId::NOBODY, fee, by, true)));
        }
        for (s, fee) in l.spends.iter().zip(fees).rev() {
            let tx = self.tx(s.tx);
            let first = self.ledger.outputs.tx.len() as u32;
            for i in l.inputs.get(s.inputs.start as usize..s.inputs.end as usize).unwrap_or_default() {
                let i = i.0 as usize;
                // Nothing is spent twice in a ledger; a broken one must not make two of one.
                if !std::mem::take(&mut spent[i]) {
                    continue;
                }
                let by = by(i, self);
                self.outputs[i] = self.output(tx, o.asset[i], o.party[i], o.value[i], by, false);
            }
            let (ins, outs) = sums(s);
            if outs > ins {
                let from = self.output(tx, asset(s), PartyId::NOBODY, cell(outs - ins), None, false);
                if s.coinbase {
                    self.created.insert(from);
                }
            }
            let outputs = first..self.ledger.outputs.tx.len() as u32;
            let start = self.ledger.inputs.len() as u32;
            let made = s.outputs.clone().filter_map(|i| self.outputs.get(i as usize).copied());
            let all: Vec<OutputId> = made.chain(fee).map(OutputId).collect();
            self.ledger.inputs.extend(all);
            let inputs = start..self.ledger.inputs.len() as u32;
            self.ledger.spends.push(Spend { tx, inputs, outputs, coinbase: false, unknown_inputs: 0 });
        }
    }

    fn output(
        &mut self,
        tx: TxId,
        asset: AssetId,
        party: PartyId,
        value: u64,
        by: Option<TxId>,
        held: bool,
    ) -> u32 {
        let o = &mut self.ledger.outputs;
        o.tx.push(tx);
        o.vout.push(0);
        o.asset.push(asset);
        o.party.push(party);
        o.value.push(value);
        o.spent_by.push(by);
        o.origin_known.push(!held);
        o.tx.len() as u32 - 1
    }

    /// The plan for the mirror image.
    fn plan(&self, options: &Options<'_>) -> Plan {
        // From the end, or from the last transaction that the question is about.
        let begin = match options.until {
            None => 0,
            Some(until) => {
                let late = |t: &Option<palisade_model::Time>| t.is_some_and(|t| t > until);
                self.ledger.txs.time.iter().position(|t| !late(t)).unwrap_or(self.txs as usize) as u32
            }
        };
        let start = |s: &Start| {
            let entry = match s.entry {
                Entry::Party { party, asset, .. } => Entry::Party { party, asset, from: TxId(begin) },
                Entry::Tx { tx, asset, .. } => Entry::Tx { tx: self.tx(tx), party: None, asset },
                Entry::Output { output } => Entry::Output {
                    output: OutputId(self.outputs.get(output.0 as usize).copied().unwrap_or(u32::MAX)),
                },
            };
            Start { source: s.source, entry }
        };
        let mut swaps: Vec<Swap> = options
            .plan
            .swaps
            .iter()
            .filter_map(|s| {
                let at = |i: u64| self.moves.get(i as usize).copied().flatten().map(u64::from);
                Some(Swap { pay: at(s.get)?, get: at(s.pay)?, at_second: !s.at_second })
            })
            .collect();
        swaps.sort_unstable_by_key(Swap::first);
        let starts = options.plan.starts.iter().map(start).collect();
        Plan { method: options.plan.method, starts, swaps, openings: self.openings.clone() }
    }

    fn turn_back(&self, e: &mut Edge) {
        e.tx = self.tx(e.tx);
        std::mem::swap(&mut e.from, &mut e.to);
    }

    /// Where funds entered. At a service they are its own; from nobody they were created; else a party had them before the
    /// ledger says anything of them.
    fn ends(&self, trace: &mut Trace, outcome: &Outcome, options: &Options<'_>) {
        // In the output model nobody stands for a coinbase, for inputs that no source has, and for scripts without address.
        let mut made: BTreeMap<AssetId, (u128, Vec<(Source, u128)>)> = BTreeMap::new();
        for (i, h) in outcome.outputs.iter().filter(|(i, _)| self.created.contains(&i.0)) {
            if let Some(asset) = self.ledger.outputs.asset.get(i.0 as usize) {
                let sum = made.entry(*asset).or_default();
                sum.0 = sum.0.saturating_add(held(h, trace.method));
                add_parts(&mut sum.1, &h.tainted);
            }
        }
        let coins: BTreeSet<AssetId> = self.ledger.outputs.asset.iter().copied().collect();
        let mut more = Vec::new();
        for t in &mut trace.terminals {
            t.reason = match t.reason {
                Reason::Burnt if coins.contains(&t.asset) => {
                    let (sum, of) = made.get(&t.asset).cloned().unwrap_or_default();
                    let mut other = t.clone();
                    t.amount = t.amount.min(sum);
                    other.amount -= t.amount;
                    other.reason = Reason::BeforeLedger;
                    for (here, there) in t.parts.iter_mut().zip(&mut other.parts) {
                        let part = of.iter().find(|p| p.0 == here.0).map_or(0, |p| p.1);
                        here.1 = here.1.min(part);
                        there.1 -= here.1;
                    }
                    t.parts.retain(|p| p.1 > 0);
                    other.parts.retain(|p| p.1 > 0);
                    more.push(other);
                    Reason::Created
                }
                Reason::Burnt => Reason::Created,
                Reason::Resting | Reason::NoData => Reason::BeforeLedger,
                other => other,
            };
        }
        trace.terminals.extend(more);
        trace.terminals.retain(|t| t.amount > 0);
        let before = |t: &&Terminal| t.reason == Reason::BeforeLedger && t.party != PartyId::NOBODY;
        let needs: BTreeSet<PartyId> = trace
            .terminals
            .iter()
            .filter(before)
            .map(|t| t.party)
            .filter(|p| !(options.covered)(*p))
            .collect();
        trace.needs = needs.into_iter().collect();
    }
}
