//! Who may be behind campaigns: what analysts adopted, and drafts for those who work on the case.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use palisade_assess::who::{Said, SaidReason, Statement, titled};
use palisade_campaign::Joined;
use palisade_model::{Campaign, CampaignId, Month, Time};
use palisade_pipeline::CaseFindings;
use palisade_report as forms;

use crate::assess::Known;
use crate::assess::adopt::{Word, holding};
use crate::assess::campaigns::{CAMPAIGNS, basis, largest, said};
use crate::assess::seen::{Seen, Traces};

/// Findings that a reason cites.
const CITED: usize = 3;

/// For each campaign that somebody spoke of, and for the largest others, what is said of who is behind it. A word that is
/// stale stands beside the draft that is made now. Where the evidence is insufficient nothing is said.
///
/// And the words that hold.
pub fn of<'w>(
    dir: &Path,
    words: &'w [Word],
    read: &CaseFindings,
    joined: &Joined,
) -> Result<(Vec<forms::Hypothesis>, BTreeMap<CampaignId, &'w Word>)> {
    let mut campaigns = largest(joined);
    let told: BTreeSet<_> = campaigns.iter().take(CAMPAIGNS).map(|c| c.id).collect();
    campaigns.retain(|c| told.contains(&c.id) || holding(words, c).is_some());
    if campaigns.is_empty() {
        return Ok((Vec::new(), BTreeMap::new()));
    }
    let known = Known::read(Some(dir), &[], None, true)?;
    let view = known.library.view(None, &BTreeSet::new(), None);
    let traces = Traces::new(read, &known, None);
    let (mut out, mut hold) = (Vec::new(), BTreeMap::new());
    for c in campaigns {
        let seen = traces.of(c);
        let word = holding(words, c);
        let stale: Vec<String> = word.map_or_else(Vec::new, |w| {
            w.changes(Some(&basis(c, &seen, &known))).iter().map(ToString::to_string).collect()
        });
        if let Some(w) = word {
            if stale.is_empty() {
                hold.insert(c.id, w);
            }
            let by = Adopted { analyst: &w.stored.analyst, reason: &w.stored.reason, stale: &stale };
            out.extend(hypotheses(&w.statement, c, &seen, Some(&by)));
        }
        if word.is_none() || !stale.is_empty() {
            let (_, draft) = said(&view, &known, c, &seen);
            if draft.answer != "insufficient" {
                out.extend(hypotheses(&draft, c, &seen, None));
            }
        }
    }
    Ok((out, hold))
}

/// Who stands for a statement, why, and what has changed since.
struct Adopted<'a> {
    analyst: &'a str,
    reason: &'a str,
    stale: &'a [String],
}

fn hypotheses(s: &Statement, c: &Campaign, seen: &Seen, by: Option<&Adopted<'_>>) -> Vec<forms::Hypothesis> {
    let evidence = |all: &[SaidReason]| -> Vec<forms::Evidence> {
        all.iter()
            .map(|r| forms::Evidence {
                text: format!("{} ({} nats)", titled(&r.item, &r.name), r.weight),
                findings: seen
                    .shown
                    .get(&r.item)
                    .map_or_else(Vec::new, |of| of.iter().take(CITED).copied().collect()),
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
    let mut out = Vec::new();
    if !s.would_change.is_empty() {
        out.push(format!("Without {} another known actor would be likeliest.", s.would_change.join(", ")));
    }
    if !s.would_unname.is_empty() {
        out.push(format!("Without {} nobody would be named.", s.would_unname.join(", ")));
    }
    out
}

fn first_day(month: Month) -> Option<Time> {
    Time::parse(&format!("{month}-01T00:00:00Z")).ok()
}
