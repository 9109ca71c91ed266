//! Where funds are at the end. Per asset and source all places together are what entered: asserted, not hoped for.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::Time;

use super::record::Begins;
use super::{Kind, Options, Reached, Reason, Terminal, Trace, held};
use crate::Ledger;
use crate::ledger::{AssetId, PartyId};
use crate::taint::{self, Method, Source, add_parts};

/// Amounts by source.
type Parts = Vec<(Source, u128)>;

/// Holdings of both models, by party and asset.
pub(super) fn holdings<'o>(
    outcome: &'o taint::Outcome,
    ledger: &'o Ledger,
) -> impl Iterator<Item = (PartyId, AssetId, &'o taint::Holding)> {
    let outputs = outcome.outputs.iter().filter_map(|(o, h)| {
        let i = o.0 as usize;
        Some((*ledger.outputs.party.get(i)?, *ledger.outputs.asset.get(i)?, h))
    });
    outcome.accounts.iter().map(|(p, a, h)| (*p, *a, h)).chain(outputs)
}

/// Fills in the places at which the trace ends, and whose transactions are missing.
pub(super) fn terminals(
    trace: &mut Trace,
    outcome: &taint::Outcome,
    ledger: &Ledger,
    options: &Options<'_>,
    begins: &Begins,
    cuts: BTreeMap<(PartyId, AssetId), Parts>,
) {
    let poison = trace.method == Method::Poison;
    let coins: BTreeSet<AssetId> = ledger.outputs.asset.iter().copied().collect();
    let mut last: BTreeMap<(PartyId, AssetId), Option<Time>> = BTreeMap::new();
    for e in &trace.edges {
        let at = last.entry((e.to, e.asset)).or_default();
        *at = (*at).max(e.time);
    }
    let row = |party: PartyId, asset: AssetId| -> Option<&Reached> {
        let at = trace.reached.binary_search_by_key(&(party, asset), |r| (r.party, r.asset)).ok()?;
        trace.reached.get(at)
    };
    // A pool takes it in if it is one when funds come, at first or at last.
    let label = |party: PartyId, asset: AssetId| {
        let first = row(party, asset).and_then(|r| r.first);
        let then = last.get(&(party, asset)).copied().flatten();
        let found = options.labels.pool(party, first).or_else(|| options.labels.pool(party, then));
        found.filter(|_| !begins.parties.contains(&party))
    };
    let mut ends: BTreeMap<(PartyId, AssetId, Reason), (u128, Parts)> = BTreeMap::new();
    let mut add = |party, asset, reason, amount: u128, parts: &[(Source, u128)]| {
        if amount > 0 {
            let end = ends.entry((party, asset, reason)).or_default();
            end.0 = end.0.saturating_add(amount);
            add_parts(&mut end.1, parts);
        }
    };
    for (party, asset, h) in holdings(outcome, ledger).filter(|h| !h.2.tainted.is_empty()) {
        let label = label(party, asset);
        let reason = match label.map(|l| l.kind) {
            _ if party == PartyId::NOBODY => Reason::Burnt,
            Some(Kind::Mixer | Kind::Bridge | Kind::Swapper) => Reason::MixerOrBridge,
            Some(_) => Reason::Service,
            None if !(options.covered)(party) => Reason::NoData,
            None => Reason::Resting,
        };
        // Poison has no remainder: a pool's whole balance is not the source's, what it received is its end.
        match label {
            Some(_) if poison => {}
            _ => add(party, asset, reason, held(h, trace.method), &h.tainted),
        }
    }
    if poison {
        for r in &trace.reached {
            let gone = r.party == PartyId::NOBODY && !coins.contains(&r.asset);
            match label(r.party, r.asset).map(|l| l.kind) {
                _ if gone => add(r.party, r.asset, Reason::Burnt, r.received, &[]),
                Some(Kind::Mixer | Kind::Bridge | Kind::Swapper) => {
                    add(r.party, r.asset, Reason::MixerOrBridge, r.received, &[]);
                }
                Some(_) => add(r.party, r.asset, Reason::Service, r.received, &[]),
                None => {}
            }
        }
    }
    // What was destroyed, or paid as fees to nobody known, is in no account.
    for check in &trace.checks {
        if let Some(source) = check.tag.source() {
            let gone = check.burnt.saturating_add(check.fees);
            add(PartyId::NOBODY, check.asset, Reason::Burnt, gone, &[(source, gone)]);
        }
    }
    for ((party, asset), parts) in cuts {
        let all = parts.iter().map(|p| p.1);
        let sum = if poison { all.max().unwrap_or(0) } else { all.fold(0, u128::saturating_add) };
        add(party, asset, Reason::Limit, sum, &parts);
    }
    let mut needs: BTreeSet<PartyId> = BTreeSet::new();
    let mut found = Vec::with_capacity(ends.len());
    for ((party, asset, reason), (amount, parts)) in ends {
        let named = matches!(reason, Reason::Service | Reason::MixerOrBridge);
        let actor = label(party, asset).filter(|_| named).map(|l| l.actor.clone());
        if reason == Reason::NoData {
            needs.insert(party);
        }
        found.push(Terminal { party, asset, amount, reason, actor, parts });
    }
    trace.terminals = found;
    trace.needs = needs.into_iter().collect();
}

impl Trace {
    /// Whether, per asset and source, the places where it ends are together what entered, less what was exchanged for
    /// another asset and more what came so. Poison, which conserves nothing, always does.
    pub fn adds_up(&self) -> bool {
        if self.method == Method::Poison {
            return true;
        }
        let mut sums: BTreeMap<(AssetId, Source), u128> = BTreeMap::new();
        for t in &self.terminals {
            let parts = t.parts.iter().map(|p| p.1).fold(0, u128::saturating_add);
            if parts != t.amount {
                return false;
            }
            for &(source, n) in &t.parts {
                let sum = sums.entry((t.asset, source)).or_default();
                *sum = sum.saturating_add(n);
            }
        }
        for check in &self.checks {
            let Some(source) = check.tag.source() else { continue };
            if !check.holds() || sums.remove(&(check.asset, source)).unwrap_or(0) != check.entered() {
                return false;
            }
        }
        sums.values().all(|n| *n == 0)
    }
}
