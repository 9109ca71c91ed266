//! What a campaign shows of who made it: its techniques, the software its rules recognise, what reports tie its addresses, files
//! and wallets to, and who was hit.
//!
//! Each item keeps the findings that show it. What this module never does: take what an analyst excluded for a trace of the actor.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Campaign, FindingId, IncidentReport, Month, Observable, Time};
use palisade_pipeline::CaseFindings;

use super::Known;

/// Findings kept of each item.
const SHOWN: usize = 20;

/// What a campaign is asked about by, and what shows each of it.
pub struct Seen {
    /// Techniques, software, artefacts, and the month of its last finding.
    pub incident: IncidentReport,
    /// Id of a technique or of software, or an artefact's name → findings, by their time. What the case says of the victim has none.
    pub shown: BTreeMap<String, Vec<FindingId>>,
}

/// Every finding's traces, to look campaigns up in.
pub struct Traces<'c> {
    by_id: BTreeMap<FindingId, Trace<'c>>,
    known: &'c Known,
    before: Option<Month>,
}

struct Trace<'c> {
    software: &'c [String],
    things: Vec<&'c Observable>,
}

impl<'c> Traces<'c> {
    /// Of a case. With `before` only marks from before that month count.
    pub fn new(read: &'c CaseFindings, known: &'c Known, before: Option<Month>) -> Traces<'c> {
        let kinds: BTreeSet<_> = known.settings.costs.marks.iter().map(|m| m.kind).collect();
        let excluded = &read.words.excluded;
        let software: BTreeMap<FindingId, &[String]> = read
            .findings
            .iter()
            .filter(|f| !f.software.is_empty())
            .filter_map(|f| Some((FindingId::parse(&f.id)?, f.software.as_slice())))
            .collect();
        let one = |e: &'c palisade_campaign::Evidence| {
            let mine = e.observables.iter().filter(|o| kinds.contains(&o.kind()));
            let things: Vec<&Observable> = mine
                .filter(|o| {
                    !known.marks.is_empty() && (excluded.is_empty() || !excluded.contains(&o.to_string()))
                })
                .collect();
            (e.id, Trace { software: software.get(&e.id).copied().unwrap_or_default(), things })
        };
        Traces { by_id: read.evidence.iter().map(one).collect(), known, before }
    }

    /// What one campaign shows.
    pub fn of(&self, c: &Campaign) -> Seen {
        let mut shown: BTreeMap<String, Vec<FindingId>> = BTreeMap::new();
        let mut show = |item: &str, finding: FindingId| {
            let of = shown.entry(item.to_owned()).or_default();
            if of.len() < SHOWN && !of.contains(&finding) {
                of.push(finding);
            }
        };
        let mut techniques = BTreeSet::new();
        for step in &c.steps {
            for technique in &step.attack {
                techniques.insert(technique.clone());
                step.findings.iter().for_each(|f| show(technique, *f));
            }
        }
        let mut software = BTreeSet::new();
        let mut things: BTreeMap<Observable, Vec<FindingId>> = BTreeMap::new();
        for id in c.findings() {
            let Some(trace) = self.by_id.get(&id) else { continue };
            for s in trace.software {
                software.insert(s.clone());
                show(s, id);
            }
            for thing in &trace.things {
                let of = things.entry((*thing).clone()).or_default();
                if of.len() < SHOWN {
                    of.push(id);
                }
            }
        }
        let span = c.span();
        let seen = span.0.and_then(month).zip(span.1.and_then(month));
        let all: BTreeSet<Observable> = things.keys().cloned().collect();
        let marked = self.known.marks.of(&all, seen, self.before, &self.known.settings.costs);
        for (item, of) in &marked.shown {
            of.iter().filter_map(|o| things.get(o)).flatten().for_each(|f| show(item, *f));
        }
        software.extend(marked.software);
        let artefacts = marked.artefacts.into_iter().chain(self.known.victim.iter().cloned()).collect();
        let incident = IncidentReport {
            id: c.id.to_string(),
            date: seen.map(|s| s.1),
            techniques: techniques.into_iter().collect(),
            software: software.into_iter().collect(),
            artefacts,
        };
        Seen { incident, shown }
    }
}

/// The month of a moment.
fn month(t: Time) -> Option<Month> {
    Month::parse(t.to_string().get(..7)?)
}
