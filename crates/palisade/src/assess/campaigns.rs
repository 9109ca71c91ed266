//! Who could be behind the campaigns of a case: a draft with its reasons, for people.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use palisade_assess::who::{
    self, Answer, Assessment, Candidate, Confidence, Library, Settings, View, companions, counterfactual,
    likelihood_words,
};
use palisade_model::{IncidentReport, Month, Weight, terminal};

use crate::campaign::joined;
use crate::output::plural;

/// Campaigns told, those with most findings first.
const CAMPAIGNS: usize = 10;
/// Candidates told of each.
const CANDIDATES: usize = 5;
/// Reasons told for the likeliest, and techniques usually seen beside it.
const REASONS: usize = 6;

/// Campaigns of a case as what is asked about: their techniques.
pub fn of(dir: &Path) -> Result<Vec<IncidentReport>> {
    let (_, joined) = joined(dir)?;
    let mut all: Vec<(usize, IncidentReport)> = joined
        .campaigns
        .iter()
        .map(|c| {
            let techniques: BTreeSet<&String> = c.steps.iter().flat_map(|s| &s.attack).collect();
            let techniques = techniques.into_iter().cloned().collect();
            let report = IncidentReport { id: c.id.to_string(), techniques, ..IncidentReport::default() };
            (c.findings().count(), report)
        })
        .collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    Ok(all.into_iter().take(CAMPAIGNS).map(|(_, report)| report).collect())
}

/// Tells each. Likelihood and confidence stand in sentences of their own.
pub fn write(
    library: &Library,
    settings: &Settings,
    all: &[IncidentReport],
    as_of: Option<Month>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let view = library.view(as_of, &BTreeSet::new(), None);
    if all.is_empty() {
        writeln!(out, "no campaigns in the case; `palisade campaign list` shows what was joined")?;
    }
    for incident in all {
        let made = who::assess(&view, settings, incident, true);
        writeln!(
            out,
            "{}  {}, {} weighed",
            incident.id,
            plural(incident.techniques.len() as u64, "technique"),
            made.weighed
        )?;
        one(&view, settings, incident, &made, library, out)?;
        writeln!(out)?;
    }
    writeln!(
        out,
        "A draft: what reports tell of actors, compared with what rules found. Nobody has adopted it, and it names nobody."
    )
}

fn one(
    view: &View<'_>,
    settings: &Settings,
    incident: &IncidentReport,
    made: &Assessment,
    library: &Library,
    out: &mut dyn Write,
) -> io::Result<()> {
    let top = made.candidates.first();
    let state = made.states.iter().filter(|(s, _)| s.len() == 2).max_by(|a, b| a.1.total_cmp(b.1));
    match (made.answer, top, state) {
        (Answer::Insufficient, ..) => {
            return writeln!(
                out,
                "  insufficient: fewer than {} that are not public tools; the chances would be those before any evidence",
                plural(settings.floor as u64, "item")
            );
        }
        (Answer::Group, Some(c), _) => writeln!(
            out,
            "  {} that it is {} ({})",
            likelihood_words(c.probability),
            terminal(&c.actor.name),
            c.actor.id
        )?,
        (Answer::StateOnly, _, Some((state, p))) => {
            writeln!(
                out,
                "  {} that an actor tied to {state} is behind it; which, cannot be told",
                likelihood_words(*p)
            )?;
        }
        _ => writeln!(out, "  cannot be told: no group and no state is likely enough")?,
    }
    for c in made.candidates.iter().take(CANDIDATES) {
        let nation = c.actor.nation.as_deref().unwrap_or("-");
        writeln!(
            out,
            "  {:>5.1} %  {:<2}  {} ({})",
            c.probability * 100.0,
            nation,
            terminal(&c.actor.name),
            c.actor.id
        )?;
    }
    writeln!(out, "  {:>5.1} %      somebody who is not known", made.unknown * 100.0)?;
    let Some(top) = top else { return Ok(()) };
    reasons(top, true, out)?;
    reasons(top, false, out)?;
    let change = counterfactual(view, settings, incident, made);
    if change.is_empty() {
        writeln!(out, "  no few items change who is likeliest")?;
    } else {
        writeln!(out, "  without {} somebody else is likeliest", change.join(", "))?;
    }
    let stable = change.len() != 1;
    let actor = library.actors().iter().position(|a| a.id == top.actor.id);
    let told = actor.map_or((0, None), |a| view.told_of(a));
    let grounds = who::confidence(made, told.0, told.1, stable);
    let confidence = match grounds.confidence() {
        Confidence::Low => "low",
        Confidence::Moderate => "moderate",
        Confidence::High => "high",
    };
    writeln!(out, "  confidence in this assessment: {confidence}")?;
    for c in companions(view, incident, REASONS) {
        writeln!(
            out,
            "  usually seen beside it: {} {}  {:.0} % of reports that are alike, {:.0} % of all",
            c.technique,
            terminal(&c.name),
            c.rate * 100.0,
            c.base * 100.0
        )?;
    }
    Ok(())
}

/// The strongest reasons for or against.
fn reasons(top: &Candidate, for_it: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut some: Vec<_> = top
        .reasons
        .iter()
        .filter(|r| r.class != "prior" && (r.weight > Weight(0)) == for_it && r.weight.0 != 0)
        .collect();
    some.sort_by_key(|r| (std::cmp::Reverse(r.weight.0.abs()), &r.item));
    let shown: Vec<String> =
        some.iter().take(REASONS).map(|r| format!("{} ({})", r.item, r.weight)).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let what = if for_it { "for" } else { "against" };
    let more = some.len().saturating_sub(REASONS);
    let more = if more > 0 { format!(", {more} more") } else { String::new() };
    writeln!(out, "  {what} {}: {}{more}", terminal(&top.actor.name), terminal(&shown.join(", ")))
}
