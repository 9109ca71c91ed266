//! From the findings of a case to its campaigns.
//!
//! What it never does: decide what belongs together (`campaign` does) or change a finding.

use std::collections::{BTreeMap, BTreeSet};

use palisade_campaign::{Evidence, Former, Frequency, Graph, Joined, Words, campaigns};
use palisade_model::{
    CampaignId, FindingId, Judged, Judgements, Observable, Time, Vector, Verdict, VerdictKind,
};
use palisade_store::{Case, Filter, StoredCampaign, StoredCitation, StoredFinding};

use crate::sessions::origins;

/// Records of one finding that are looked at for what other findings say of them.
const MAX_CITED: usize = 200;

/// Findings of one record that are looked at.
const MAX_HOLDERS: usize = 32;

/// Things that a finding may borrow.
const MAX_BORROWED: usize = 64;

/// Everything that joining a case's findings needs, and the findings themselves.
#[derive(Debug)]
pub struct CaseFindings {
    /// Findings by time, then id.
    pub findings: Vec<StoredFinding>,
    /// The same, as far as joining looks at them.
    pub evidence: Vec<Evidence>,
    /// How often things occur in the case.
    pub frequency: Frequency,
    /// What analysts said.
    pub words: Words,
    /// Campaigns as they were.
    pub former: Vec<Former>,
    /// What could not be read while counting.
    pub problems: Vec<String>,
}

impl CaseFindings {
    /// Reads a case. `at`: the moment at which verdicts must hold.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read(case: &mut Case, at: Time) -> palisade_store::Result<CaseFindings> {
        let findings = case.findings(&Filter::default())?;
        let mut evidence: Vec<Evidence> = findings.iter().filter_map(evidence).collect();
        borrow(&findings, &mut evidence);
        let mut problems = origins(case, &mut evidence)?;
        let lake = case.prevalence()?;
        let frequency = Frequency::of(&evidence, &lake, lake.total());
        problems.extend(lake.problems());
        let words = words(case, &findings, at)?;
        let former = case.campaigns()?.iter().filter_map(former).collect();
        Ok(CaseFindings { findings, evidence, frequency, words, former, problems })
    }

    /// Weighs every pair.
    pub fn graph(&self) -> Graph<'_> {
        Graph::new(&self.evidence, &self.frequency, &self.words)
    }

    /// A finding by its id.
    pub fn finding(&self, id: FindingId) -> Option<&StoredFinding> {
        let text = id.to_string();
        self.findings.iter().find(|f| f.id == text)
    }

    /// Findings by their ids.
    pub fn by_id(&self) -> BTreeMap<FindingId, &StoredFinding> {
        self.findings.iter().filter_map(|f| Some((FindingId::parse(&f.id)?, f))).collect()
    }
}

/// Joins the findings of a case, and keeps the campaigns' names in it if it may be written. The graph comes along: whoever
/// asks why needs it, and weighing twice costs as much as joining.
///
/// # Errors
/// Those of the store.
pub fn join_case<'r>(
    case: &mut Case,
    read: &'r CaseFindings,
    at: Time,
    keep: bool,
) -> palisade_store::Result<(Graph<'r>, Joined)> {
    let graph = read.graph();
    let joined = campaigns(&graph, &read.former);
    if keep {
        let kept: Vec<StoredCampaign> = joined
            .campaigns
            .iter()
            .map(|c| StoredCampaign {
                id: c.id.0.to_string(),
                aliases: c.aliases.iter().map(|a| a.0.to_string()).collect(),
                findings: c.findings().map(|f| f.to_string()).collect(),
            })
            .collect();
        case.keep_campaigns(&kept, at)?;
    }
    Ok((graph, joined))
}

/// The observables of a kept finding.
pub fn observables(f: &StoredFinding) -> Vec<Observable> {
    let part = |o: &serde_json::Value, name: &str| o.get(name).and_then(|v| v.as_str()).map(str::to_owned);
    let all = f.observables.as_array().into_iter().flatten();
    all.filter_map(|o| Observable::typed(&format!("{}:{}", part(o, "type")?, part(o, "value")?))).collect()
}

/// The word by which somebody said that a kept finding is none, with its number.
pub fn dismissed<'j>(words: &'j Judgements, f: &StoredFinding) -> Option<&'j (i64, Verdict)> {
    settled(words, f).filter(|(_, v)| v.kind == VerdictKind::FalsePositive)
}

/// The word that settles a kept finding, with its number.
pub fn settled<'j>(words: &'j Judgements, f: &StoredFinding) -> Option<&'j (i64, Verdict)> {
    let observables = observables(f);
    words.of(&Judged { id: &f.id, rule: &f.rule_id, host: f.host.as_deref(), observables: &observables })
}

/// The channel of that name.
pub fn vector(name: &str) -> Vector {
    use Vector::{Files, Host, Influence, Mail, Money, Network};
    [Host, Network, Mail, Files, Money, Influence].into_iter().find(|v| v.name() == name).unwrap_or(Host)
}

fn evidence(f: &StoredFinding) -> Option<Evidence> {
    Some(Evidence {
        id: FindingId::parse(&f.id)?,
        time: f.time,
        rule: f.rule_id.clone(),
        title: f.title.clone(),
        severity: f.severity,
        vector: vector(&f.vector),
        host: f.host.clone(),
        attack: f.attack.clone(),
        observables: observables(f),
        origin: None,
    })
}

/// What a correlation counts may name nothing by itself: it is about the things that findings of the same records name, and
/// about their machine, if there is one.
fn borrow(findings: &[StoredFinding], evidence: &mut [Evidence]) {
    let bare: BTreeSet<&str> = findings
        .iter()
        .filter(|f| f.host.is_none() && f.observables.as_array().is_none_or(Vec::is_empty))
        .map(|f| f.id.as_str())
        .collect();
    if bare.is_empty() {
        return;
    }
    let mut cited: BTreeMap<(&str, &str, u64), Vec<&StoredFinding>> = BTreeMap::new();
    for f in findings.iter().filter(|f| !bare.contains(f.id.as_str())) {
        for c in f.citations.iter().take(MAX_CITED) {
            let holders = cited.entry(record(c)).or_default();
            if holders.len() < MAX_HOLDERS {
                holders.push(f);
            }
        }
    }
    let mut lent: BTreeMap<FindingId, (Vec<Observable>, BTreeSet<&str>)> = BTreeMap::new();
    for f in findings.iter().filter(|f| bare.contains(f.id.as_str())) {
        let Some(id) = FindingId::parse(&f.id) else { continue };
        let (things, hosts) = lent.entry(id).or_default();
        for c in f.citations.iter().take(MAX_CITED) {
            for holder in cited.get(&record(c)).into_iter().flatten() {
                things.extend(observables(holder));
                hosts.extend(holder.host.as_deref());
            }
            things.sort();
            things.dedup();
            things.truncate(MAX_BORROWED);
        }
    }
    for e in evidence.iter_mut() {
        let Some((things, hosts)) = lent.remove(&e.id) else { continue };
        e.observables = things;
        if let (Some(host), 1) = (hosts.first(), hosts.len()) {
            e.host = Some((*host).to_owned());
        }
    }
}

/// The record that a citation names.
fn record(c: &StoredCitation) -> (&str, &str, u64) {
    (&c.path, &c.member, c.record)
}

fn former(c: &StoredCampaign) -> Option<Former> {
    Some(Former {
        id: CampaignId(FindingId::parse(&c.id)?),
        aliases: c.aliases.iter().filter_map(|a| Some(CampaignId(FindingId::parse(a)?))).collect(),
        findings: c.findings.iter().filter_map(|f| FindingId::parse(f)).collect(),
    })
}

fn words(case: &mut Case, findings: &[StoredFinding], at: Time) -> palisade_store::Result<Words> {
    let mut words = Words::default();
    let verdicts = case.verdicts()?;
    let settled = Judgements::new(verdicts.iter().cloned(), at);
    if !settled.is_empty() {
        let dismissed = findings.iter().filter(|f| dismissed(&settled, f).is_some());
        words.false_positives.extend(dismissed.filter_map(|f| FindingId::parse(&f.id)));
    }
    for (number, v) in verdicts.into_iter().filter(|(_, v)| v.holds(at)) {
        let said = format!("verdict {number} of {}: {}", v.analyst, v.reason);
        let pair = || match v.subject.as_slice() {
            [a, b] => Some((FindingId::parse(a)?, FindingId::parse(b)?, said.clone())),
            _ => None,
        };
        match v.kind {
            VerdictKind::Pin => words.pins.extend(pair()),
            VerdictKind::Cut => words.cuts.extend(pair()),
            VerdictKind::Exclude => {
                words
                    .excluded
                    .extend(v.subject.iter().filter_map(|s| Observable::typed(s)).map(|o| o.to_string()));
            }
            VerdictKind::FalsePositive | VerdictKind::Confirmed | VerdictKind::Comment => {}
        }
    }
    Ok(words)
}
