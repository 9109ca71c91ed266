//! Who could be behind it: a probability for each known actor, for somebody unknown, and for each state.
//!
//! Knowledge ([`Library`], seen through a dated [`View`]) and an incident give an [`Assessment`] whose terms sum to
//! its scores. Likelihood and confidence are two numbers. What this module never does: name anybody below the
//! declared floor of evidence, take absence for evidence, or read a clock.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Artefact, IncidentReport, Weight};

mod features;
mod fit;
mod library;
mod marks;
mod matrix;
mod next;
mod settings;
mod statement;
mod victims;
mod words;

pub use features::{MEASURES, NAMES};
pub use fit::{Calibration, KNOWN_FROM, Trial, Tried, UnknownWeights, blend, unknown_weights, weights};
pub use library::{Class, Known, Library, MAX_ACTORS, MAX_ITEMS, View};
pub use marks::{Marked, Marks};
pub use matrix::{Matrix, Row, counterfactual, matrix, unnamed_without};
pub use next::{Companion, companions};
pub use settings::{Costs, MarkKind, Settings, SettingsError};
pub use statement::{Basis, Change, SAID, Said, SaidReason, Statement, UNKNOWN, titled};
pub use victims::{Target, Targets, VictimPart, pull, targets};
pub use words::{Confidence, Grounds, confidence, likelihood_words};

/// Most items of one incident that are weighed; a campaign has tens.
pub const MAX_INCIDENT_ITEMS: usize = 2_000;

/// What speaks for or against an actor: a share of its score.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// Id of the item, name of the artefact, or empty for what is known before any evidence.
    pub item: String,
    /// Its class: `technique`, `tool`, `shared_malware`, `private_malware`, `prior`, or that of the artefact.
    pub class: String,
    /// Its share of the score.
    pub weight: Weight,
}

/// One known actor's chance.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// The actor.
    pub actor: Known,
    /// 0 to 1; those of all candidates and the unknown sum to 1.
    pub probability: f64,
    /// Sum of the reasons, exactly.
    pub score: Weight,
    /// Reasons, in the order of items. Empty unless they were asked for.
    pub reasons: Vec<Reason>,
}

/// What can be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A group reaches the threshold.
    Group,
    /// Only a state does.
    StateOnly,
    /// Neither does.
    Undecided,
    /// There is less evidence than the declared floor: probabilities are those before any evidence.
    Insufficient,
}

/// The answer to who could be behind it.
#[derive(Clone, PartialEq, Debug)]
pub struct Assessment {
    /// The incident.
    pub id: String,
    /// Known actors, likeliest first.
    pub candidates: Vec<Candidate>,
    /// Chance of somebody who is not known.
    pub unknown: f64,
    /// Chance of each state (ISO code), `none` for actors tied to no state, `unknown`; they sum to 1.
    pub states: BTreeMap<String, f64>,
    /// What can be answered.
    pub answer: Answer,
    /// Items that were weighed, and artefacts that are not cheap to fake and point to somebody who is compared.
    pub weighed: usize,
    /// Items that no report tells of, or beyond the limit; they say nothing for anybody.
    pub not_weighed: Vec<String>,
}

/// Numbers of items that the view has, sorted, each once.
fn numbers(view: &View<'_>, ids: &[String]) -> Vec<usize> {
    let known: BTreeSet<usize> = ids.iter().filter_map(|i| view.library.place(i)).collect();
    known.into_iter().filter(|i| view.seen[*i] > 0).take(MAX_INCIDENT_ITEMS).collect()
}

/// Assesses incidents one by one, each from its own items, under one view: a thousand incidents cost one count of the knowledge.
pub fn assess_all<'a>(
    view: &'a View<'_>,
    settings: &'a Settings,
    incidents: &'a [IncidentReport],
) -> impl Iterator<Item = Assessment> + 'a {
    incidents.iter().map(move |i| assess(view, settings, i, false))
}

/// Assesses one incident under a view. `reasons`: whether terms are wanted, too.
pub fn assess(view: &View<'_>, settings: &Settings, incident: &IncidentReport, reasons: bool) -> Assessment {
    let ids: BTreeSet<&String> = incident.techniques.iter().chain(&incident.software).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let mut items = numbers(view, &ids);
    let not_weighed: Vec<String> = {
        let told = |i: &&String| view.library.place(i).is_some_and(|n| items.binary_search(&n).is_ok());
        ids.iter().filter(|i| !told(i)).cloned().collect()
    };
    let dear = |i: &usize| view.class(*i) != Class::Tool;
    // What points to nobody who is compared says nothing, and one thing that points to several is one.
    let compared = |p: &String| {
        let mut actors = view.library.actors.iter().enumerate().filter(|(a, _)| view.knows(*a));
        actors.any(|(_, a)| a.id == *p || a.nation.as_ref() == Some(p))
    };
    let counts =
        |a: &&Artefact| !settings.costs.of(&a.class).1 && a.nats > 0.0 && a.points_to.iter().any(compared);
    let artefacts: BTreeSet<(&str, &str)> =
        incident.artefacts.iter().filter(counts).map(|a| (a.name.as_str(), a.class.as_str())).collect();
    let weight = items.iter().filter(|i| dear(i)).count() + artefacts.len();
    let enough = weight >= settings.floor;
    let weighed = items.len() + artefacts.len();
    if !enough {
        items.clear();
    }
    let all = features::measure(view, &items, incident.date);
    let mut scored: Vec<(usize, Vec<Reason>, Weight)> = Vec::new();
    // Scores by method, and what artefacts add to them.
    let (mut method, mut added): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let known: Vec<usize> = (0..all.len()).filter(|a| view.knows(*a)).collect();
    for actor in &known {
        let terms = terms(view, settings, incident, &items, &all[*actor], *actor, enough);
        let (by_method, by_artefact) = terms.split_at((1 + items.len()).min(terms.len()));
        let sum = |some: &[Reason]| some.iter().map(|t| t.weight).sum::<Weight>();
        method.push(sum(by_method).nats());
        added.push(sum(by_artefact).nats());
        let score = terms.iter().map(|t| t.weight).sum();
        scored.push((*actor, if reasons { terms } else { Vec::new() }, score));
    }
    let with = fit::softmax(&scored.iter().map(|s| s.2.nats()).collect::<Vec<f64>>());
    let before: Vec<f64> = known.iter().map(|a| fit::dot(&all[*a].base, &settings.weights)).collect();
    // Now and then a report is unlike everything its actor was ever told of: then who is active is all there is to go by.
    let doubt = settings.doubt;
    let shares = with.iter().zip(fit::softmax(&before)).map(|(w, b)| (1.0 - doubt) * w + doubt * b);
    let prior = view.first_seen.clamp(0.01, 0.99);
    let unknown = if scored.is_empty() {
        1.0
    } else if !enough {
        prior
    } else {
        let signs = fit::unknown_signs(&method, items.iter().filter(|i| dear(i)).count());
        let u: f64 = signs.iter().zip(&settings.unknown).map(|(x, b)| x * b).sum();
        // What artefacts say of the known as a whole they say against somebody unknown, of whom they are as likely as of anybody.
        let speaks: f64 = fit::softmax(&method).iter().zip(&added).map(|(p, a)| p * a.exp()).sum();
        1.0 / (1.0 + (-(u + (prior / (1.0 - prior)).ln() - speaks.ln())).exp())
    };
    let mut candidates: Vec<Candidate> = scored
        .into_iter()
        .zip(shares)
        .map(|((actor, reasons, score), share)| Candidate {
            actor: view.library.actors[actor].clone(),
            probability: share * (1.0 - unknown),
            score,
            reasons,
        })
        .collect();
    let states = states(&candidates, unknown, settings.stateless);
    candidates.sort_by(|a, b| {
        b.probability
            .total_cmp(&a.probability)
            .then_with(|| b.score.cmp(&a.score))
            .then_with(|| a.actor.id.cmp(&b.actor.id))
    });
    let answer = if !enough {
        Answer::Insufficient
    } else if candidates.first().is_some_and(|c| c.probability >= settings.name_group) {
        Answer::Group
    } else if states.iter().any(|(s, p)| s.len() == 2 && *p >= settings.name_state) {
        Answer::StateOnly
    } else {
        Answer::Undecided
    };
    Assessment { id: incident.id.clone(), candidates, unknown, states, answer, weighed, not_weighed }
}

/// Which limit an observation shares with others of its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Capped {
    Not,
    /// Cheap to fake.
    Cheap,
    /// A technique that hardly anybody is told to use: whoever read the one report can use it, too.
    Rare,
}

/// An actor's reasons: before any evidence, per item, per artefact. What is cheap, and what is rare, is scaled down to its
/// cap.
fn terms(
    view: &View<'_>,
    settings: &Settings,
    incident: &IncidentReport,
    items: &[usize],
    measures: &features::Measures,
    actor: usize,
    enough: bool,
) -> Vec<Reason> {
    let known = &view.library.actors[actor];
    let prior = fit::dot(&measures.base, &settings.weights);
    let mut out = vec![(String::new(), "prior".to_owned(), prior, Capped::Not)];
    for (item, row) in items.iter().zip(&measures.items) {
        let (class, capped) = match view.class(*item) {
            Class::Technique if settings.costs.is_rare(view, *item) => ("technique", Capped::Rare),
            Class::Technique => ("technique", Capped::Not),
            Class::Tool => ("tool", Capped::Cheap),
            Class::Shared => ("shared_malware", Capped::Not),
            Class::Private => ("private_malware", Capped::Not),
        };
        let id = view.library.items[*item].clone();
        out.push((id, class.to_owned(), fit::dot(row, &settings.weights), capped));
    }
    let mut artefacts: Vec<_> =
        incident.artefacts.iter().filter(|_| enough).take(MAX_INCIDENT_ITEMS).collect();
    artefacts.sort_by(|a, b| (&a.name, &a.class).cmp(&(&b.name, &b.class)).then(a.nats.total_cmp(&b.nats)));
    // One thing may point to several, to each as strongly as it does: one piece of evidence, told once.
    for same in artefacts.chunk_by(|a, b| (&a.name, &a.class) == (&b.name, &b.class)) {
        let Some(a) = same.first() else { continue };
        let at = |p: &String| *p == known.id || known.nation.as_ref() == Some(p);
        let (factor, cheap) = settings.costs.of(&a.class);
        let points = same.iter().filter(|a| a.nats.is_finite() && a.points_to.iter().any(at));
        let nats = points.map(|a| a.nats).sum::<f64>().clamp(-20.0, 20.0);
        let capped = if cheap { Capped::Cheap } else { Capped::Not };
        out.push((a.name.clone(), a.class.clone(), factor * nats, capped));
    }
    let scale = |kind: Capped, cap: f64| {
        let sum: f64 = out.iter().filter(|t| t.3 == kind).map(|t| t.2).sum();
        // Half on either side: the odds between two actors move by the whole.
        let most = 0.5 * cap;
        if sum.abs() > most { most / sum.abs() } else { 1.0 }
    };
    let (cheap, rare) =
        (scale(Capped::Cheap, settings.costs.cheap_cap), scale(Capped::Rare, settings.costs.rare_cap));
    let scaled = |nats: f64, capped: Capped| match capped {
        Capped::Not => nats,
        Capped::Cheap => nats * cheap,
        Capped::Rare => nats * rare,
    };
    out.iter()
        .map(|(item, class, nats, capped)| Reason {
            item: item.clone(),
            class: class.clone(),
            weight: Weight::from_nats(scaled(*nats, *capped)),
        })
        .collect()
}

/// Chances of states. Somebody unknown belongs to a state as often as the known ones that fit, but for a part that
/// belongs to nobody's.
fn states(candidates: &[Candidate], unknown: f64, stateless: f64) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    for c in candidates {
        let state = c.actor.nation.clone().unwrap_or_else(|| "none".to_owned());
        *out.entry(state).or_default() += c.probability;
    }
    let known: f64 = out.values().sum();
    let spread = if known > 0.0 { unknown * (1.0 - stateless) } else { 0.0 };
    for p in out.values_mut() {
        *p += spread * *p / known.max(f64::MIN_POSITIVE);
    }
    out.insert("unknown".to_owned(), unknown - spread);
    out
}
