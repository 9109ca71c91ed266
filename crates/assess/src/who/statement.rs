//! An assessment as something that can be said, adopted and kept, and what has changed since it was.
//!
//! A [`Statement`] holds what was said and the [`Basis`] it rested on. Adopting one is an analyst's act, which the case
//! records; whether it still holds is found by comparing its basis with the present one. What this module never does:
//! adopt anything, or say that a changed basis changes nothing.

use std::collections::BTreeSet;
use std::fmt;

use palisade_model::{IncidentReport, Month, Weight};
use serde::{Deserialize, Serialize};

use super::{
    Answer, Assessment, Candidate, Confidence, Settings, View, confidence, counterfactual, likelihood_words,
    unnamed_without,
};

/// Groups in a statement, likeliest first.
pub const SAID: usize = 5;
/// States in a statement, and the least chance of one.
const STATES: (usize, f64) = (3, 0.05);
/// Reasons for, and against, kept of each.
const REASONS: usize = 12;
/// The id of somebody unknown.
pub const UNKNOWN: &str = "unknown";
/// The id of everybody whom an analyst does not name.
const OTHER: &str = "other";

/// What an assessment rests on, as far as a later one can be compared with it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Basis {
    /// Findings of the campaign.
    pub findings: u64,
    /// Digest of their ids: other findings are another campaign, whatever their number.
    pub findings_digest: String,
    /// What was asked about: ids of techniques and software, sorted.
    pub items: BTreeSet<String>,
    /// Digest of the knowledge.
    pub knowledge: String,
    /// The month of its newest report.
    pub as_of: Option<Month>,
    /// Digest of the weights and costs.
    pub method: String,
}

/// Something that is not as it was when an assessment was adopted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// No campaign has the id, now or formerly.
    Gone,
    /// The campaign has other findings: how many it had and has.
    Findings(u64, u64),
    /// Techniques or software that came.
    Came(Vec<String>),
    /// And that went.
    Went(Vec<String>),
    /// Other knowledge: as of when it was and is.
    Knowledge(Option<Month>, Option<Month>),
    /// Other weights.
    Method,
}

/// In words that stand alone.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = |m: &Option<Month>| m.map_or_else(|| "no date".to_owned(), |m| m.to_string());
        match self {
            Change::Gone => write!(f, "the campaign is no more"),
            Change::Findings(was, now) if was == now => {
                write!(f, "the campaign has other findings than it had, {now} as before")
            }
            Change::Findings(was, now) => write!(f, "the campaign had {was} findings and has {now}"),
            Change::Came(ids) => write!(f, "{} came", ids.join(", ")),
            Change::Went(ids) => write!(f, "{} went", ids.join(", ")),
            Change::Knowledge(was, now) if was == now => {
                write!(f, "the knowledge is another than it was, as of {} as before", month(now))
            }
            Change::Knowledge(was, now) => {
                write!(f, "the knowledge was as of {} and is as of {}", month(was), month(now))
            }
            Change::Method => write!(f, "assessments are made with other weights"),
        }
    }
}

impl Basis {
    /// What differs now, `None` being a campaign that is gone. Nothing: what was adopted still holds.
    pub fn changes(&self, now: Option<&Basis>) -> Vec<Change> {
        let Some(now) = now else { return vec![Change::Gone] };
        let mut out = Vec::new();
        if self.findings_digest != now.findings_digest {
            out.push(Change::Findings(self.findings, now.findings));
        }
        let beyond = |a: &Basis, b: &Basis| a.items.difference(&b.items).cloned().collect::<Vec<String>>();
        out.extend(Some(beyond(now, self)).filter(|c| !c.is_empty()).map(Change::Came));
        out.extend(Some(beyond(self, now)).filter(|c| !c.is_empty()).map(Change::Went));
        if self.knowledge != now.knowledge {
            out.push(Change::Knowledge(self.as_of, now.as_of));
        }
        if self.method != now.method {
            out.push(Change::Method);
        }
        out
    }
}

/// A reason for or against somebody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SaidReason {
    /// The technique, software or artefact.
    pub item: String,
    /// Its name, if known.
    pub name: String,
    /// Its share of the score.
    pub weight: Weight,
}

/// Somebody who could be behind it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// Id of the actor, `state:KP` for anybody of a state, or [`UNKNOWN`].
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Its state, ISO 3166 alpha-2.
    pub nation: Option<String>,
    /// 0 to 1. Groups and [`UNKNOWN`] are parts of one whole; a state contains its groups.
    pub probability: f64,
    /// What speaks for it, strongest first.
    pub supporting: Vec<SaidReason>,
    /// What speaks against it, strongest first.
    pub against: Vec<SaidReason>,
}

/// What is said of who is behind a campaign.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// What can be answered: `group`, `state_only`, `undecided`, `insufficient`; `analyst` if an analyst says it instead.
    pub answer: String,
    /// The id of whom it concludes on; `None`: it cannot be told.
    pub concluded: Option<String>,
    /// Who could be behind it: the likeliest states, the likeliest groups, somebody unknown last.
    pub said: Vec<Said>,
    /// How far it can be trusted: `low`, `moderate`, `high`. Never in one sentence with a likelihood.
    pub confidence: String,
    /// Without these items another known actor would be likeliest; empty if no few do that.
    pub would_change: Vec<String>,
    /// Without these items nobody would be named; empty if nobody is.
    #[serde(default)]
    pub would_unname: Vec<String>,
    /// What it rests on.
    pub basis: Basis,
}

impl Answer {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Group => "group",
            Answer::StateOnly => "state_only",
            Answer::Undecided => "undecided",
            Answer::Insufficient => "insufficient",
        }
    }
}

impl Confidence {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Moderate => "moderate",
            Confidence::High => "high",
        }
    }
}

impl Statement {
    /// What an assessment made with reasons says.
    pub fn of(
        view: &View<'_>,
        settings: &Settings,
        incident: &IncidentReport,
        made: &Assessment,
        basis: Basis,
    ) -> Statement {
        let enough = made.answer != Answer::Insufficient;
        let candidates = made.candidates.iter().take(if enough { SAID } else { 0 });
        let mut states: Vec<(&String, f64)> =
            made.states.iter().filter(|(s, _)| enough && s.len() == 2).map(|(s, p)| (s, *p)).collect();
        states.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let likeliest = states.first().map(|s| format!("state:{}", s.0));
        states.retain(|s| s.1 >= STATES.1);
        states.truncate(STATES.0);
        // States first: they can be told more often than groups.
        let mut said: Vec<Said> = states.into_iter().map(|(state, p)| of_state(state, p)).collect();
        said.extend(candidates.map(|c| candidate(view, c)));
        let change = if enough { counterfactual(view, settings, incident, made) } else { Vec::new() };
        let top = made.candidates.first().filter(|_| enough);
        let actor = top.and_then(|c| view.library.actors().iter().position(|a| a.id == c.actor.id));
        let told = actor.map_or((0, None), |a| view.told_of(a, incident, incident.date));
        let trust = confidence(made, &settings.costs, told.0, told.1, change.len() != 1).confidence();
        // A name escalates: likely enough is not enough where the assessment itself is hardly to be trusted.
        let concluded = match (made.answer, top) {
            _ if trust == Confidence::Low => None,
            (Answer::Group, Some(c)) => Some(c.actor.id.clone()),
            (Answer::StateOnly, _) => likeliest,
            _ => None,
        };
        said.push(Said {
            id: UNKNOWN.to_owned(),
            name: "somebody who is not known".to_owned(),
            nation: None,
            probability: written(made.unknown),
            supporting: Vec::new(),
            against: Vec::new(),
        });
        let unname =
            if concluded.is_some() { unnamed_without(view, settings, incident, made) } else { Vec::new() };
        Statement {
            answer: made.answer.name().to_owned(),
            concluded,
            said,
            confidence: trust.name().to_owned(),
            would_change: change,
            would_unname: unname,
            basis,
        }
    }

    /// An analyst's own word in place of an assessment. `who` is said to be behind it with this likelihood, somebody else
    /// with the rest.
    pub fn by_analyst(who: Said, confidence: Confidence, basis: Basis) -> Statement {
        let who = Said { probability: written(who.probability), ..who };
        let concluded = (who.id != UNKNOWN).then(|| who.id.clone());
        let rest = Said {
            id: OTHER.to_owned(),
            name: "somebody else".to_owned(),
            nation: None,
            probability: written((1.0 - who.probability).clamp(0.0, 1.0)),
            supporting: Vec::new(),
            against: Vec::new(),
        };
        Statement {
            answer: "analyst".to_owned(),
            concluded,
            said: vec![who, rest],
            confidence: confidence.name().to_owned(),
            would_change: Vec::new(),
            would_unname: Vec::new(),
            basis,
        }
    }

    /// Whom it concludes on.
    pub fn conclusion(&self) -> Option<&Said> {
        let id = self.concluded.as_ref()?;
        self.said.iter().find(|s| s.id == *id)
    }

    /// Its likelihood in a sentence. Confidence stands in another.
    pub fn sentence(&self) -> String {
        match (self.conclusion(), self.answer.as_str()) {
            (Some(s), _) if s.id.starts_with("state:") => {
                format!("{} that {} is behind it", likelihood_words(s.probability), s.name)
            }
            (Some(s), _) => format!("{} that it is {}", likelihood_words(s.probability), s.title()),
            (None, "analyst") => match self.said.first() {
                Some(s) => format!("{} that it is {}", likelihood_words(s.probability), s.name),
                None => "nothing is said".to_owned(),
            },
            (None, "insufficient") => "the evidence is insufficient".to_owned(),
            (None, "group" | "state_only") => {
                "cannot be told: one is likely enough, but too little stands behind that".to_owned()
            }
            (None, _) => "cannot be told: no group and no state is likely enough".to_owned(),
        }
    }
}

/// A probability to twelve decimals: so many come back the same from a text, and what is kept is what was said.
fn written(p: f64) -> f64 {
    (p * 1e12).round() / 1e12
}

/// An id and a name as one; an id alone where the name is missing or says no more.
pub fn titled(id: &str, name: &str) -> String {
    if name.is_empty() || name == id { id.to_owned() } else { format!("{id} {name}") }
}

impl Said {
    /// Its name, with its id where it has another one: somebody unknown, a state, and a name that only the analyst uses have none.
    pub fn title(&self) -> String {
        let bare =
            self.id == UNKNOWN || self.id == OTHER || self.id.starts_with("state:") || self.id == self.name;
        if bare { self.name.clone() } else { format!("{} ({})", self.name, self.id) }
    }
}

fn of_state(state: &str, probability: f64) -> Said {
    Said {
        id: format!("state:{state}"),
        name: format!("an actor tied to {state}"),
        nation: Some(state.to_owned()),
        probability: written(probability),
        supporting: Vec::new(),
        against: Vec::new(),
    }
}

fn candidate(view: &View<'_>, c: &Candidate) -> Said {
    let side = |for_it: bool| {
        let mut some: Vec<SaidReason> = c
            .reasons
            .iter()
            .filter(|r| r.class != "prior" && r.weight.0 != 0 && (r.weight.0 > 0) == for_it)
            .map(|r| SaidReason {
                item: r.item.clone(),
                name: view.library.name(&r.item).to_owned(),
                weight: r.weight,
            })
            .collect();
        some.sort_by(|a, b| (b.weight.0.abs(), &a.item).cmp(&(a.weight.0.abs(), &b.item)));
        some.truncate(REASONS);
        some
    };
    Said {
        id: c.actor.id.clone(),
        name: c.actor.name.clone(),
        nation: c.actor.nation.clone(),
        probability: written(c.probability),
        supporting: side(true),
        against: side(false),
    }
}
