//! Which ATT&CK techniques the evidence could have shown, on which machines, and which it could not.
//!
//! A technique could have shown if a loaded rule or detector looks for it in a kind of record that is there. That is all it
//! says: rules see some of the ways of a technique, never all.
//!
//! What this module never does: call a technique absent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use palisade_host::detect::Presence;
use palisade_model::{Coverage, Logsource, RuleInfo, ShapeId, Time, current_technique};

use crate::knowledge::Knowledge;
use crate::summary::{HostSeen, LogSeen, TechniqueSeen, name};

/// Most machines and log sources named in one entry.
const MAX_NAMED: usize = 20;

/// Most titles of rules kept for one technique.
const MAX_TITLES: usize = 3;

/// Machines as bits.
type Bits = Vec<u64>;

fn set(bits: &mut Bits, n: usize) {
    if bits.len() <= n / 64 {
        bits.resize(n / 64 + 1, 0);
    }
    bits[n / 64] |= 1 << (n % 64);
}

fn union(bits: &mut Bits, other: &Bits) {
    if bits.len() < other.len() {
        bits.resize(other.len(), 0);
    }
    bits.iter_mut().zip(other).for_each(|(a, b)| *a |= b);
}

fn has(bits: &Bits, n: usize) -> bool {
    bits.get(n / 64).is_some_and(|w| w >> (n % 64) & 1 == 1)
}

/// A log source and what the evidence has of it.
#[derive(Default)]
struct SourceSeen {
    there: bool,
    hosts: Bits,
    span: Option<(Time, Time)>,
}

#[derive(Default)]
struct Looked {
    rules: u64,
    could: u64,
    hosts: Bits,
    span: Option<(Time, Time)>,
    missing: BTreeMap<String, u64>,
}

/// What rules and detectors look for, and the log sources whose records they look at; none: any.
fn lookers(knowledge: &Knowledge) -> Vec<(&RuleInfo, Vec<Logsource>)> {
    let mut out: Vec<(&RuleInfo, Vec<Logsource>)> = Vec::new();
    for (rule, info) in knowledge.engine.rules().iter().zip(&knowledge.infos) {
        let l = &rule.logsource;
        let source = Logsource {
            category: l.category.clone(),
            product: l.product.clone(),
            service: l.service.clone(),
        };
        out.push((info, vec![source]));
    }
    for (info, needs) in knowledge.detectors.infos() {
        let sources = needs.iter().flat_map(|fact| knowledge.detectors.sources_of(fact)).cloned().collect();
        out.push((info, sources));
    }
    out
}

/// Rules and detectors that look for one technique.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Detectable {
    /// Those whose kind of records was seen.
    pub with_records: u64,
    /// Those whose kind of records was not.
    pub without: u64,
    /// Titles of the first that have their records.
    pub titles: Vec<String>,
    /// The log sources of the others, each once.
    pub lacking: BTreeSet<String>,
}

/// For each technique that a rule or detector looks for, by the id it has today: how many do, and whether records of their kind are among
/// those seen (names of shapes). What looks for a technique does not look for its sub-techniques, nor the other way round;
/// and it proves nothing by itself: it may know one of many ways.
pub fn detectable(knowledge: &Knowledge, seen: &BTreeSet<String>) -> BTreeMap<String, Detectable> {
    let mut there: HashMap<Logsource, bool> = HashMap::new();
    let mut is_there = |source: &Logsource| {
        *there.entry(source.clone()).or_insert_with(|| {
            knowledge.catalogue.shapes().any(|(_, s)| s.binds(source) && seen.contains(&s.name))
        })
    };
    let mut out: BTreeMap<String, Detectable> = BTreeMap::new();
    for (info, sources) in lookers(knowledge) {
        let has = if sources.is_empty() { !seen.is_empty() } else { sources.iter().any(&mut is_there) };
        for technique in &info.attack {
            let of = out.entry(current_technique(technique).to_owned()).or_default();
            if has {
                of.with_records += 1;
                if of.titles.len() < MAX_TITLES {
                    of.titles.push(info.title.clone());
                }
            } else {
                of.without += 1;
                of.lacking.extend(sources.iter().take(1).map(name));
            }
        }
    }
    out
}

/// What the run could have shown, by technique and by machine.
pub(crate) fn seen(
    coverage: &Coverage,
    presence: &[Presence],
    knowledge: &Knowledge,
) -> (Vec<TechniqueSeen>, Vec<HostSeen>) {
    let hosts: Vec<&str> = presence
        .iter()
        .map(|p| p.host.as_str())
        .filter(|h| !h.is_empty())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let number: HashMap<&str, usize> = hosts.iter().enumerate().map(|(i, h)| (*h, i)).collect();
    let mut by_shape: HashMap<String, SourceSeen> = HashMap::new();
    for p in presence {
        let at = by_shape.entry(p.shape.clone()).or_default();
        if let Some(n) = number.get(p.host.as_str()) {
            set(&mut at.hosts, *n);
        }
        at.span = wider(at.span, p.span);
    }
    let mut known: HashMap<Logsource, SourceSeen> = HashMap::new();
    let mut source_seen = |source: &Logsource| {
        known.entry(source.clone()).or_insert_with(|| {
            let mut out = SourceSeen::default();
            for (id, shape) in knowledge.catalogue.shapes().filter(|(_, s)| s.binds(source)) {
                let Some(span) = coverage.shapes.get(&id).filter(|_| id != ShapeId::UNRECOGNISED) else {
                    continue;
                };
                out.there = true;
                out.span = wider(out.span, span.first.zip(span.last));
                if let Some(at) = by_shape.get(&shape.name.to_ascii_lowercase()) {
                    union(&mut out.hosts, &at.hosts);
                }
            }
            out
        });
    };
    let lookers = lookers(knowledge);
    for source in lookers.iter().flat_map(|(_, sources)| sources) {
        source_seen(source);
    }
    let mut techniques: BTreeMap<&str, Looked> = BTreeMap::new();
    let mut lacking: Vec<BTreeMap<String, u64>> = vec![BTreeMap::new(); hosts.len()];
    let mut by_source: BTreeMap<&Logsource, u64> = BTreeMap::new();
    for (info, sources) in &lookers {
        for source in sources.iter().take(1) {
            *by_source.entry(source).or_default() += 1;
        }
        for id in &info.attack {
            let looked = techniques.entry(id).or_default();
            looked.rules += 1;
            let there: Vec<&SourceSeen> =
                sources.iter().filter_map(|s| known.get(s)).filter(|s| s.there).collect();
            // What needs no source of its own (the detectors of logs themselves) is there if anything is.
            let any = sources.is_empty() && !coverage.shapes.is_empty();
            if there.is_empty() && !any {
                for source in sources.iter().take(1) {
                    *looked.missing.entry(name(source)).or_default() += 1;
                }
                continue;
            }
            looked.could += 1;
            for s in there {
                union(&mut looked.hosts, &s.hosts);
                looked.span = wider(looked.span, s.span);
            }
        }
    }
    // A Windows machine does not lack the log of a cloud: only what its own kind writes elsewhere.
    let mut kinds: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); hosts.len()];
    for p in presence {
        if let Some(kinds) = number.get(p.host.as_str()).and_then(|n| kinds.get_mut(*n)) {
            kinds.extend(p.shape.split('/').next());
        }
    }
    for (source, rules) in &by_source {
        let Some(seen) = known.get(*source) else { continue };
        let of_kind = |n: usize| {
            let product = source.product.as_deref().map(str::to_ascii_lowercase);
            product.is_none_or(|p| kinds.get(n).is_some_and(|k| k.contains(p.as_str())))
        };
        let without = lacking.iter_mut().enumerate();
        let without = without.filter(|(n, _)| seen.there && !has(&seen.hosts, *n) && of_kind(*n));
        without.for_each(|(_, lacks)| *lacks.entry(name(source)).or_default() += rules);
    }
    let told = techniques.iter().map(|(id, t)| {
        let without = hosts.iter().enumerate().filter(|(n, _)| t.could > 0 && !has(&t.hosts, *n));
        let without: Vec<&str> = without.map(|(_, h)| *h).collect();
        TechniqueSeen {
            id: (*id).to_owned(),
            rules: t.rules,
            could: t.could,
            hosts: (hosts.len() - without.len()) as u64 * u64::from(t.could > 0),
            of_hosts: hosts.len() as u64,
            without: without.iter().take(MAX_NAMED).map(|h| (*h).to_owned()).collect(),
            missing: most(&t.missing),
            first: t.span.map(|(first, _)| first),
            last: t.span.map(|(_, last)| last),
        }
    });
    let told = told.collect();
    let mut by_host: HashMap<&str, Vec<&Presence>> = HashMap::new();
    for p in presence {
        by_host.entry(p.host.as_str()).or_default().push(p);
    }
    let machines = hosts.iter().zip(&lacking).enumerate().map(|(n, (host, lacks))| {
        let mine = || by_host.get(*host).into_iter().flatten().copied();
        let mut logs: BTreeMap<String, LogSeen> = BTreeMap::new();
        for p in mine() {
            let log: Vec<&str> = p.shape.split('/').take(2).collect();
            let at = logs.entry(log.join("/")).or_default();
            at.log = log.join("/");
            at.events += p.events;
            at.days = at.days.max(u64::from(p.days));
            let span = wider(at.first.zip(at.last), p.span);
            (at.first, at.last) = (span.map(|s| s.0), span.map(|s| s.1));
        }
        let unsaid: BTreeSet<&String> = mine().flat_map(|p| &p.unsaid).collect();
        HostSeen {
            host: (*host).to_owned(),
            logs: logs.into_values().collect(),
            techniques: techniques.values().filter(|t| t.could > 0 && has(&t.hosts, n)).count() as u64,
            lacks: most(lacks),
            unsaid: unsaid.into_iter().cloned().collect(),
        }
    });
    let machines = machines.collect();
    (told, machines)
}

/// Names by number, most first; no more than can be read.
fn most(counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut list: Vec<(String, u64)> = counts.iter().map(|(name, n)| (name.clone(), *n)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list.truncate(MAX_NAMED);
    list
}

fn wider(a: Option<(Time, Time)>, b: Option<(Time, Time)>) -> Option<(Time, Time)> {
    match (a, b) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    }
}
