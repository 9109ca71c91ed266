//! Who may be behind campaigns: what analysts adopted, and drafts for those who work on the case.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use palisade_assess::who::{Said, SaidReason, Statement, titled};
use palisade_campaign::Joined;
use palisade_model::{Campaign, FindingId, Month, Time};
use palisade_report as forms;
use palisade_store::Case;

use crate::assess::Known;
use crate::assess::adopt::{Word, holding};
use crate::assess::campaigns::{basis, largest, said};

/// Findings that a reason cites.
const CITED: usize = 3;

/// For each campaign that somebody spoke of, and for the largest others, what is said of who is behind it. A word that is
/// stale stands beside the draft that is made now. Where the evidence is insufficient nothing is said.
pub fn of(dir: &Path, case: &mut Case, joined: &Joined) -> Result<Vec<forms::Hypothesis>> {
    let words = Word::all(case)?;
    let mut campaigns = largest(joined);
    let told: BTreeSet<_> = campaigns.iter().map(|c| c.id).collect();
    campaigns
        .extend(joined.campaigns.iter().filter(|c| !told.contains(&c.id) && holding(&words, c).is_some()));
    if campaigns.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::read(Some(dir), &[], true)?;
    let view = known.library.view(None, &BTreeSet::new(), None);
    let mut out = Vec::new();
    for c in campaigns {
        let word = holding(&words, c);
        let stale: Vec<String> = word.map_or_else(Vec::new, |w| {
            w.changes(Some(&basis(c, &known))).iter().map(ToString::to_string).collect()
        });
        if let Some(w) = word {
            let by = Adopted { analyst: &w.stored.analyst, reason: &w.stored.reason, stale: &stale };
            out.extend(hypotheses(&w.statement, c, Some(&by)));
        }
        if word.is_none() || !stale.is_empty() {
            let (_, draft) = said(&view, &known, c);
            if draft.answer != "insufficient" {
                out.extend(hypotheses(&draft, c, None));
            }
        }
    }
    Ok(out)
}

/// Who stands for a statement, why, and what has changed since.
struct Adopted<'a> {
    analyst: &'a str,
    reason: &'a str,
    stale: &'a [String],
}

fn hypotheses(s: &Statement, c: &Campaign, by: Option<&Adopted<'_>>) -> Vec<forms::Hypothesis> {
    let mut shown: BTreeMap<&str, Vec<FindingId>> = BTreeMap::new();
    for step in &c.steps {
        for technique in &step.attack {
            let of = shown.entry(technique).or_default();
            of.extend(step.findings.iter().take(CITED.saturating_sub(of.len())));
        }
    }
    let evidence = |all: &[SaidReason]| -> Vec<forms::Evidence> {
        all.iter()
            .map(|r| forms::Evidence {
                text: format!("{} ({} nats)", titled(&r.item, &r.name), r.weight),
                findings: shown.get(r.item.as_str()).cloned().unwrap_or_default(),
            })
            .collect()
    };
    let likeliest = s.said.iter().find(|said| !said.supporting.is_empty() || !said.against.is_empty());
    let one = |said: &Said| {
        let concluded = s.concluded.as_ref() == Some(&said.id);
        // Reasons stand at whom is concluded on and at the likeliest; those of every other are in `palisade assess`.
        let told = concluded || likeliest.is_some_and(|l| l.id == said.id);
        forms::Hypothesis {
            subject: c.id.to_string(),
            name: name(said),
            probability: said.probability,
            confidence: s.confidence.clone(),
            supporting: if told { evidence(&said.supporting) } else { Vec::new() },
            against: if told { evidence(&said.against) } else { Vec::new() },
            would_change: if told { change(s) } else { Vec::new() },
            knowledge: s.basis.as_of.and_then(first_day),
            adopted_by: by.map(|by| by.analyst.to_owned()),
            because: by.map_or_else(String::new, |by| by.reason.to_owned()),
            stale: by.map_or_else(Vec::new, |by| by.stale.to_vec()),
            attributed: concluded.then(|| attributed(said)),
        }
    };
    s.said.iter().map(one).collect()
}

fn name(said: &Said) -> String {
    if said.id.starts_with('G') && said.id != said.name {
        return format!("{} ({})", said.name, said.id);
    }
    said.name.clone()
}

fn attributed(said: &Said) -> forms::Attributed {
    match said.id.strip_prefix("state:") {
        Some(state) => forms::Attributed::State(state.to_owned()),
        None => {
            let digits = said
                .id
                .strip_prefix('G')
                .is_some_and(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()));
            forms::Attributed::Group { name: said.name.clone(), attack: digits.then(|| said.id.clone()) }
        }
    }
}

fn change(s: &Statement) -> Vec<String> {
    if s.would_change.is_empty() {
        return Vec::new();
    }
    vec![format!("Without {} somebody else would be likeliest.", s.would_change.join(", "))]
}

fn first_day(month: Month) -> Option<Time> {
    Time::parse(&format!("{month}-01T00:00:00Z")).ok()
}
