//! The numbers an assessment rests on, read from data: learned weights, costs to fake, floors.

use palisade_model::ObservableKind;
use serde::Deserialize;

use super::features::{MEASURES, NAMES};
use super::fit::UnknownWeights;
use super::library::{Class, View};

/// What is wrong with a file of settings.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, or not of this form.
    #[error("settings of the assessment cannot be read: {0}")]
    Form(String),
    /// A measure is missing or not finite.
    #[error("the weight of {0} is missing or no finite number")]
    Weight(String),
    /// A factor is outside of 0 to 1.
    #[error("the factor of class {0} is not between 0 and 1")]
    Factor(String),
}

/// How hard observations are to fake.
#[derive(Clone, PartialEq, Debug)]
pub struct Costs {
    /// Most that all cheap observations together move the odds between two actors, in nats.
    pub cheap_cap: f64,
    /// Most that all techniques together move them that at most `rare_actors` actors are told to use, in nats.
    pub rare_cap: f64,
    /// Up to how many actors a technique is rare.
    pub rare_actors: u32,
    /// Name, factor, whether it is cheap.
    pub classes: Vec<(String, f64, bool)>,
    /// What it is worth that a report ties a thing of this kind to an actor.
    pub marks: Vec<MarkKind>,
}

/// What a thing of one kind is worth when a report ties it to an actor.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkKind {
    /// The kind.
    pub kind: ObservableKind,
    /// Its class among the costs to fake.
    pub class: String,
    /// How strongly it points there, in nats, before the cost to fake.
    pub nats: f64,
    /// For how many months it does where nobody says until when; 0: for ever.
    #[serde(default)]
    pub months: i32,
}

impl Costs {
    /// Reads `knowledge/assess/cost-to-fake.toml`.
    pub fn read(text: &str) -> Result<Costs, SettingsError> {
        #[derive(Deserialize)]
        struct File {
            cheap_cap: f64,
            rare_cap: f64,
            rare_actors: u32,
            #[serde(default)]
            class: Vec<Class>,
            #[serde(default)]
            mark: Vec<MarkKind>,
        }
        #[derive(Deserialize)]
        struct Class {
            name: String,
            factor: f64,
            cheap: bool,
        }
        let file: File = toml::from_str(text).map_err(|e| SettingsError::Form(e.to_string()))?;
        for (name, cap) in [("cheap_cap", file.cheap_cap), ("rare_cap", file.rare_cap)] {
            if !(0.0..=100.0).contains(&cap) {
                return Err(SettingsError::Weight(name.to_owned()));
            }
        }
        if let Some(bad) = file.class.iter().find(|c| !(0.0..=1.0).contains(&c.factor)) {
            return Err(SettingsError::Factor(bad.name.clone()));
        }
        let strange = |m: &&MarkKind| {
            !(0.0..=20.0).contains(&m.nats) || m.months < 0 || !file.class.iter().any(|c| c.name == m.class)
        };
        if let Some(bad) = file.mark.iter().find(strange) {
            return Err(SettingsError::Weight(format!("a mark of kind {}", bad.kind.name())));
        }
        let classes = file.class.into_iter().map(|c| (c.name, c.factor, c.cheap)).collect();
        Ok(Costs {
            cheap_cap: file.cheap_cap,
            rare_cap: file.rare_cap,
            rare_actors: file.rare_actors,
            classes,
            marks: file.mark,
        })
    }

    /// Whether an item (its number in the library) is a technique that hardly anybody is told to use.
    pub(super) fn is_rare(&self, view: &View<'_>, item: usize) -> bool {
        view.class(item) == Class::Technique && view.having[item] <= self.rare_actors
    }

    /// Whether observations of a class (that of a reason, or of an artefact) share the cap of what is cheap to fake: public
    /// tools do, and classes that are marked so.
    pub fn is_cheap(&self, class: &str) -> bool {
        class == "tool" || self.classes.iter().any(|c| c.0 == class && c.2)
    }

    /// Factor and cheapness of a class; an unknown class is worth nothing.
    pub(super) fn of(&self, class: &str) -> (f64, bool) {
        self.classes.iter().find(|c| c.0 == class).map_or((0.0, true), |c| (c.1, c.2))
    }
}

/// Everything an assessment rests on beside knowledge.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Weights of the measures.
    pub weights: [f64; MEASURES],
    /// Weights of the signs of somebody unknown.
    pub unknown: UnknownWeights,
    /// Costs to fake.
    pub costs: Costs,
    /// Fewest items (techniques, malware, artefacts that are not cheap) that an answer rests on.
    pub floor: usize,
    /// From which probability on a group is named.
    pub name_group: f64,
    /// From which probability on a state is named.
    pub name_state: f64,
    /// The part of the probability of known actors that stays as it was before any evidence.
    pub doubt: f64,
    /// The part of somebody unknown that belongs to no state that is known.
    pub stateless: f64,
}

impl Settings {
    /// Reads `knowledge/assess/who.toml` and `cost-to-fake.toml`.
    pub fn read(who: &str, costs: &str) -> Result<Settings, SettingsError> {
        #[derive(Deserialize)]
        struct File {
            floor: usize,
            name_group: f64,
            name_state: f64,
            stateless: f64,
            doubt: f64,
            unknown: UnknownWeights,
            weights: std::collections::BTreeMap<String, f64>,
        }
        let file: File = toml::from_str(who).map_err(|e| SettingsError::Form(e.to_string()))?;
        let mut weights = [0.0; MEASURES];
        for (weight, name) in weights.iter_mut().zip(NAMES) {
            let read = file.weights.get(name).filter(|w| w.is_finite());
            *weight = *read.ok_or_else(|| SettingsError::Weight(name.to_owned()))?;
        }
        let shares = [file.name_group, file.name_state, file.stateless, file.doubt];
        if !shares.iter().all(|s| (0.0..=1.0).contains(s)) || !file.unknown.iter().all(|u| u.is_finite()) {
            return Err(SettingsError::Weight("a threshold or unknown".to_owned()));
        }
        Ok(Settings {
            weights,
            unknown: file.unknown,
            costs: Costs::read(costs)?,
            floor: file.floor,
            name_group: file.name_group,
            name_state: file.name_state,
            stateless: file.stateless,
            doubt: file.doubt,
        })
    }
}
