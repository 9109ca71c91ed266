//! Findings of a trace: what an analyst is told, with the transactions that say so. Never without a citation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_model::{
    Citation, Confidence, Exhibit, ExhibitBody, Finding, FindingId, Message, Observable, ObservableKind,
    RuleInfo, Severity, Time, Tlp, Vector,
};
use sha2::{Digest, Sha256};

use crate::Ledger;
use crate::ledger::{AssetId, PartyId, TxId};
use crate::taint::Source;

use super::patterns::{DepositAddress, PeelChain};
use super::{Kind, Trace, labels};

/// Parties that pay into a new collecting address, at least.
pub const CONSOLIDATION_SENDERS: usize = 3;
/// Most citations and observables of one finding; the trace has all.
const MAX_CITED: usize = 64;
/// Most pictures of one trace.
const MAX_EXHIBITS: usize = 8;
/// Most flows in a picture, the greatest first.
const MAX_FLOWS: usize = 200;

/// What detection sees.
pub struct Seen<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// A trace of it.
    pub trace: &'a Trace,
    /// Its peel chains.
    pub peels: &'a [PeelChain],
    /// Its deposit addresses.
    pub deposits: &'a [DepositAddress],
    /// Where its sources begin, by their numbers.
    pub starts: &'a BTreeMap<Source, Vec<PartyId>>,
    /// Whether coins of many owners lie together at a party: its wallet joins nothing.
    pub pools: &'a dyn Fn(PartyId) -> bool,
}

struct Rule {
    id: &'static str,
    title: &'static str,
    level: Severity,
    confidence: u8,
}

const SANCTIONED: Rule = Rule {
    id: "money.sanctioned_counterparty",
    title: "Traced funds reached a sanctioned party",
    level: Severity::Critical,
    confidence: 90,
};
const EXCHANGE: Rule = Rule {
    id: "money.exchange_deposit",
    title: "Traced funds were deposited with an exchange",
    level: Severity::High,
    confidence: 80,
};
const MIXER: Rule =
    Rule { id: "money.mixer", title: "Traced funds entered a mixer", level: Severity::High, confidence: 85 };
const MOVED: Rule = Rule {
    id: "money.moved_on",
    title: "Funds of a wallet that is watched or named in evidence were moved on",
    level: Severity::Medium,
    confidence: 80,
};
const CONSOLIDATION: Rule = Rule {
    id: "money.consolidation",
    title: "Traced funds of several addresses were brought together",
    level: Severity::Medium,
    confidence: 60,
};
const PEEL: Rule =
    Rule { id: "money.peel_chain", title: "Peel chain", level: Severity::Medium, confidence: 60 };

fn info(rule: &Rule) -> Arc<RuleInfo> {
    Arc::new(RuleInfo {
        id: rule.id.into(),
        title: rule.title.into(),
        level: rule.level,
        confidence: Confidence(rule.confidence),
        attack: vec!["T1657".into()],
        software: Vec::new(),
        author: None,
        license: None,
        description: None,
        false_positives: Vec::new(),
        file: String::new(),
    })
}

/// Observables of parties, those that the model can canonicalise.
fn wallets(ledger: &Ledger, parties: impl IntoIterator<Item = PartyId>) -> Vec<Observable> {
    let mut out: Vec<Observable> = parties
        .into_iter()
        .filter_map(|p| ledger.parties.get(p.0 as usize))
        .filter_map(|p| Observable::parse(ObservableKind::CryptoAddress, &p.address).ok())
        .collect();
    out.sort();
    out.dedup();
    out.truncate(MAX_CITED);
    out
}

/// Observables of transactions.
fn transactions(ledger: &Ledger, txs: &[TxId]) -> Vec<Observable> {
    let ids = txs.iter().filter_map(|t| ledger.txs.id.get(t.0 as usize)).take(MAX_CITED);
    ids.filter_map(|id| Observable::parse(ObservableKind::CryptoTransaction, id).ok()).collect()
}

struct Draft<'a> {
    rule: &'a Rule,
    /// Whom the statement is about.
    parties: Vec<PartyId>,
    /// Whose wallets join this finding to others: the flow's own, never a service that everybody uses.
    own: Vec<PartyId>,
    txs: Vec<TxId>,
    args: Vec<(&'static str, String)>,
}

fn finding(ledger: &Ledger, draft: Draft<'_>) -> Option<Finding> {
    let mut txs = draft.txs;
    txs.sort_unstable();
    txs.dedup();
    let citations: Vec<Citation> =
        txs.iter().filter_map(|t| ledger.txs.citation.get(t.0 as usize).copied()).take(MAX_CITED).collect();
    if citations.is_empty() {
        return None;
    }
    let times: Vec<Time> =
        txs.iter().filter_map(|t| ledger.txs.time.get(t.0 as usize).copied().flatten()).collect();
    // The same statement about the same transactions is the same finding, whatever file they are read from.
    let mut h = Sha256::new();
    let names = draft.parties.iter().filter_map(|p| ledger.parties.get(p.0 as usize)).map(|p| &p.address);
    for part in names.chain(txs.iter().filter_map(|t| ledger.txs.id.get(t.0 as usize))) {
        h.update((part.len() as u64).to_le_bytes());
        h.update(part.as_bytes());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&h.finalize()[..16]);
    let mut observables = wallets(ledger, draft.own);
    observables.extend(transactions(ledger, &txs));
    Some(Finding {
        id: FindingId::new(draft.rule.id, &digest),
        vector: Vector::Money,
        rule: info(draft.rule),
        message: Message {
            id: draft.rule.id.into(),
            args: draft.args.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        },
        time: times.iter().min().copied(),
        time_end: times.iter().max().copied(),
        host: None,
        observables,
        citations,
        recovered: false,
    })
}

/// An amount in the unit people use, exact; with the symbol behind it.
pub fn amount(ledger: &Ledger, asset: AssetId, amount: u128) -> (String, String) {
    let Some(a) = ledger.assets.get(asset.0 as usize) else { return (amount.to_string(), String::new()) };
    let symbol = a.symbol.to_string();
    let digits = usize::from(a.decimals.unwrap_or(0));
    let text = format!("{amount:0>width$}", width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    let part = part.trim_end_matches('0');
    (if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }, symbol)
}

fn name(ledger: &Ledger, party: PartyId) -> String {
    ledger.parties.get(party.0 as usize).map(|p| p.address.to_string()).unwrap_or_default()
}

/// Findings, ordered by rule and id, and the picture of the flow.
pub fn detect(seen: &Seen<'_>) -> (Vec<Finding>, Vec<Exhibit>) {
    let Seen { ledger, trace, .. } = seen;
    let mut drafts = Vec::new();
    // By receiver, so that a million transfers are looked at once and not once for each receiver.
    let mut arrivals: BTreeMap<(PartyId, AssetId), Vec<&super::Edge>> = BTreeMap::new();
    for e in trace.edges.iter().filter(|e| !e.fee) {
        arrivals.entry((e.to, e.asset)).or_default().push(e);
    }
    let at = |party: PartyId, asset: AssetId| arrivals.get(&(party, asset)).map_or(&[][..], Vec::as_slice);
    let ends: BTreeMap<(PartyId, AssetId), super::Reason> =
        trace.terminals.iter().map(|t| ((t.party, t.asset), t.reason)).collect();
    let carried: BTreeSet<TxId> = trace.edges.iter().map(|e| e.tx).collect();
    let paid: BTreeSet<(PartyId, PartyId)> =
        trace.edges.iter().filter(|e| !e.fee).map(|e| (e.from, e.to)).collect();
    // Where the funds of some transfers come from: what names the source elsewhere is joined to what became of it.
    let origins = |edges: &[&super::Edge]| {
        let sources: BTreeSet<Source> = edges.iter().flat_map(|e| &e.carried).map(|c| c.0).collect();
        let starts = sources.into_iter().filter_map(|s| seen.starts.get(&s)).flatten().copied();
        starts.take(MAX_CITED / 2).collect::<Vec<_>>().into_iter()
    };
    let sum = |asset: AssetId, n: u128| {
        let (n, unit) = amount(ledger, asset, n);
        format!("{n} {unit}").trim_end().to_owned()
    };
    for x in &trace.exposure {
        let rule = match x.kind {
            Kind::Sanctioned => &SANCTIONED,
            Kind::Exchange => &EXCHANGE,
            Kind::Mixer => &MIXER,
            _ => continue,
        };
        // What comes back to where it began, or stays there, reached nobody. Where one source has several starts, what
        // began here is told from what began there by whether this one ever paid who pays it.
        let began = |e: &super::Edge, source: Source| match seen.starts.get(&source).map(Vec::as_slice) {
            Some([one]) => *one == x.party,
            Some(all) => all.contains(&x.party) && paid.contains(&(x.party, e.from)),
            None => false,
        };
        let here = at(x.party, x.asset).iter().copied();
        let edges: Vec<&super::Edge> = here
            .filter(|e| e.from != e.to && !e.carried.iter().all(|c| began(e, c.0)))
            // A label says nothing of what came before it, or after it ended.
            .filter(|e| labels::within(x.from, x.until, e.time))
            .collect();
        if edges.is_empty() {
            continue;
        }
        let [direct, indirect] = [true, false].map(|direct| {
            let of = edges.iter().filter(|e| (e.hops == 1) == direct);
            of.map(|e| e.tainted(trace.method)).fold(0, u128::saturating_add)
        });
        let hops = edges.iter().map(|e| e.hops).min().unwrap_or(x.hops);
        drafts.push(Draft {
            rule,
            parties: std::iter::once(x.party).chain(edges.iter().map(|e| e.from)).collect(),
            own: origins(&edges).chain(edges.iter().map(|e| e.from)).collect(),
            txs: edges.iter().map(|e| e.tx).collect(),
            args: vec![
                ("party", name(ledger, x.party)),
                ("actor", x.actor.to_string()),
                ("source", x.source.to_string()),
                ("direct", sum(x.asset, direct)),
                ("indirect", sum(x.asset, indirect)),
                ("hops", hops.to_string()),
                ("rule", x.rule.name().into()),
                ("held_then", "true".into()),
            ],
        });
    }
    // By sender, so that transfers are looked at once and not once for each source.
    let mut departures: BTreeMap<PartyId, Vec<&super::Edge>> = BTreeMap::new();
    for e in trace.edges.iter().filter(|e| !e.fee && e.hops == 1) {
        departures.entry(e.from).or_default().push(e);
    }
    for (source, starts) in seen.starts {
        let own: BTreeSet<PartyId> = starts.iter().copied().collect();
        let all = own.iter().filter_map(|p| departures.get(p)).flatten().copied();
        let first: Vec<&super::Edge> = all.filter(|e| e.carried.iter().any(|c| c.0 == *source)).collect();
        if first.is_empty() {
            continue;
        }
        drafts.push(Draft {
            rule: &MOVED,
            parties: starts.clone(),
            own: starts.iter().copied().chain(first.iter().map(|e| e.to)).collect(),
            txs: first.iter().map(|e| e.tx).collect(),
            args: vec![
                ("wallet", starts.iter().take(3).map(|p| name(ledger, *p)).collect::<Vec<_>>().join(", ")),
                ("transfers", first.len().to_string()),
                ("rule", trace.method.name().into()),
            ],
        });
    }
    for d in seen.deposits {
        let edges = at(d.party, d.asset);
        if edges.is_empty() {
            continue;
        }
        let tainted = edges.iter().map(|e| e.tainted(trace.method)).fold(0, u128::saturating_add);
        drafts.push(Draft {
            rule: &EXCHANGE,
            parties: vec![d.party, d.exchange],
            own: origins(edges).chain([d.party]).collect(),
            txs: edges.iter().map(|e| e.tx).chain([d.tx]).collect(),
            args: vec![
                ("party", name(ledger, d.party)),
                ("actor", d.actor.to_string()),
                ("amount", sum(d.asset, tainted)),
                ("rule", trace.method.name().into()),
            ],
        });
    }
    for r in &trace.reached {
        let edges = at(r.party, r.asset);
        let mut senders: Vec<PartyId> = edges.iter().map(|e| e.from).collect();
        senders.sort_unstable();
        senders.dedup();
        let rests = ends
            .get(&(r.party, r.asset))
            .is_some_and(|reason| matches!(reason, super::Reason::Resting | super::Reason::NoData));
        // Most of what came is still there.
        if senders.len() < CONSOLIDATION_SENDERS || !rests || r.resting < r.received / 2 {
            continue;
        }
        drafts.push(Draft {
            rule: &CONSOLIDATION,
            parties: std::iter::once(r.party).chain(senders.iter().copied()).collect(),
            own: origins(edges).chain([r.party]).chain(senders.iter().copied()).collect(),
            txs: edges.iter().map(|e| e.tx).collect(),
            args: vec![
                ("party", name(ledger, r.party)),
                ("senders", senders.len().to_string()),
                ("resting", sum(r.asset, r.resting)),
                ("rule", trace.method.name().into()),
            ],
        });
    }
    for p in seen.peels {
        // Only chains that the trace goes along.
        if !p.txs.iter().any(|t| carried.contains(t)) {
            continue;
        }
        drafts.push(Draft {
            rule: &PEEL,
            parties: std::iter::once(p.tail).chain(p.peeled.iter().map(|x| x.0)).collect(),
            own: std::iter::once(p.tail).chain(p.peeled.iter().map(|x| x.0)).collect(),
            txs: p.txs.clone(),
            args: vec![
                ("transactions", p.txs.len().to_string()),
                ("peeled_to", p.peeled.len().to_string()),
                ("tail", name(ledger, p.tail)),
            ],
        });
    }
    for draft in &mut drafts {
        draft.own.retain(|p| !(seen.pools)(*p));
    }
    let mut findings: Vec<Finding> = drafts.into_iter().filter_map(|d| finding(ledger, d)).collect();
    findings.sort_by(|a, b| (&a.rule.id, a.id).cmp(&(&b.rule.id, b.id)));
    findings.dedup_by_key(|f| f.id);
    (findings, flows(ledger, trace))
}

/// Tainted amounts from one party to another, and the first record of them.
type Between = BTreeMap<(PartyId, PartyId), (u128, Citation)>;

/// The greatest flows between parties, a picture for each asset: amounts of two assets are no widths to compare.
fn flows(ledger: &Ledger, trace: &Trace) -> Vec<Exhibit> {
    let mut sums: BTreeMap<AssetId, Between> = BTreeMap::new();
    for e in trace.edges.iter().filter(|e| !e.fee && e.from != e.to) {
        let rows = sums.entry(e.asset).or_default();
        let row = rows.entry((e.from, e.to)).or_insert((0, e.citation));
        row.0 = row.0.saturating_add(e.tainted(trace.method));
    }
    let actors: BTreeMap<PartyId, &str> =
        trace.terminals.iter().filter_map(|t| Some((t.party, t.actor.as_deref()?))).collect();
    let named = |p: PartyId| match actors.get(&p) {
        Some(actor) => format!("{actor}, {}", name(ledger, p)),
        None => name(ledger, p),
    };
    let mut out: Vec<(u64, Exhibit)> = Vec::new();
    for (asset, rows) in sums {
        let transfers = rows.len() as u64;
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|r| (std::cmp::Reverse(r.1.0), r.0));
        rows.truncate(MAX_FLOWS);
        let mut parties: Vec<PartyId> = rows.iter().flat_map(|r| [r.0.0, r.0.1]).collect();
        parties.sort_unstable();
        parties.dedup();
        let at = |p: PartyId| parties.binary_search(&p).unwrap_or_default() as u32;
        let flow = |((from, to), (n, _)): &((PartyId, PartyId), (u128, Citation))| {
            let (n, unit) = amount(ledger, asset, *n);
            (at(*from), at(*to), n, unit)
        };
        let of = ledger.assets.get(asset.0 as usize).map_or(String::new(), |a| match a.contract.as_deref() {
            Some(contract) if a.symbol.is_empty() => contract.to_owned(),
            Some(contract) => format!("{} ({contract})", a.symbol),
            None => a.symbol.to_string(),
        });
        let chain = ledger.assets.get(asset.0 as usize).map_or("", |a| &a.chain);
        out.push((
            transfers,
            Exhibit {
                title: format!("Flow of {of} on {chain}, rule {}", trace.method.name()),
                body: ExhibitBody::Flow {
                    nodes: parties.iter().map(|p| named(*p)).collect(),
                    flows: rows.iter().map(flow).collect(),
                },
                citations: rows.iter().map(|r| r.1.1).take(MAX_CITED).collect(),
                tlp: Tlp::default(),
            },
        ));
    }
    // Anybody can send worthless tokens: the busiest assets are shown.
    out.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.title.cmp(&b.1.title)));
    out.into_iter().take(MAX_EXHIBITS).map(|(_, e)| e).collect()
}
