//! Scales as data: what a file under `knowledge/scales/` says, checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Reading;

/// The shipped scales, in the order in which they are shown.
const SHIPPED: [&str; 6] = [
    include_str!("../../../../knowledge/scales/nciss.toml"),
    include_str!("../../../../knowledge/scales/eurepoc.toml"),
    include_str!("../../../../knowledge/scales/breakout.toml"),
    include_str!("../../../../knowledge/scales/ncsc-uk.toml"),
    include_str!("../../../../knowledge/scales/nis2.toml"),
    include_str!("../../../../knowledge/scales/eu-2019-796.toml"),
];

/// How a scale works.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Σ weight × value / Σ weight.
    WeightedMean,
    /// The sum of values, times the values of items that multiply.
    Sum,
    /// The highest level of which a condition holds.
    Ladder,
    /// Questions with evidence, and no verdict.
    Checklist,
}

/// One choice of an item.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Its id: `presence`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its value; higher is graver.
    pub value: f64,
}

/// One input of a scale.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// Who or what can answer it.
    pub answered_by: String,
    /// Its weight in a weighted mean.
    #[serde(default = "one")]
    pub weight: f64,
    /// Whether it multiplies a sum instead of adding to it.
    #[serde(default)]
    pub multiplies: bool,
    /// The value that the scheme itself gives to "unknown".
    pub unknown: Option<f64>,
    /// Its choices. A checklist's are `no` and `yes`.
    #[serde(default, rename = "choice")]
    pub choices: Vec<Choice>,
}

fn one() -> f64 {
    1.0
}

/// One level of a ladder.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its id.
    pub id: String,
    /// Its name in the scheme's words.
    pub name: String,
    /// It holds if all of one of these do: `item=choice`.
    pub any: Vec<Vec<String>>,
}

impl Level {
    /// Whether it surely holds, and whether it can.
    pub(super) fn holds(&self, readings: &BTreeMap<&str, (&Item, &Reading)>) -> (bool, bool) {
        let term = |t: &String| {
            let Some((item, choice)) = t.split_once('=') else { return (false, false) };
            let Some((item, reading)) = readings.get(item) else { return (false, false) };
            let can = item.possible(reading);
            let here = can.iter().any(|c| c.id == choice);
            (here && can.len() == 1, here)
        };
        let all =
            |terms: &Vec<String>| terms.iter().map(term).fold((true, true), |a, b| (a.0 && b.0, a.1 && b.1));
        self.any.iter().map(all).fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1))
    }
}

impl Item {
    /// The choices that a reading leaves.
    fn possible(&self, reading: &Reading) -> Vec<&Choice> {
        let named = |ids: &[String]| self.choices.iter().filter(|c| ids.contains(&c.id)).collect::<Vec<_>>();
        match reading {
            Reading::Unknown => self.choices.iter().collect(),
            // Several choices in a category: the highest counts.
            Reading::Chosen(ids) => {
                named(ids).into_iter().max_by(|a, b| a.value.total_cmp(&b.value)).into_iter().collect()
            }
            Reading::AtLeast(id) => {
                let least = self.value(id).unwrap_or(f64::MIN);
                self.choices.iter().filter(|c| c.value >= least).collect()
            }
            Reading::OneOf(ids) => named(ids),
        }
    }

    /// The value of a choice.
    pub fn value(&self, choice: &str) -> Option<f64> {
        self.choices.iter().find(|c| c.id == choice).map(|c| c.value)
    }

    /// The reading without choices that do not exist; `unknown` among them is no choice. One that is not understood may be any,
    /// so what else was chosen is a lower bound then.
    pub(super) fn valid(&self, reading: &Reading) -> Reading {
        let known = |ids: &[String]| -> Vec<String> {
            ids.iter().filter(|id| self.value(id).is_some()).cloned().collect()
        };
        match reading {
            Reading::Chosen(ids) => {
                let known = known(ids);
                let top = self.choices.iter().map(|c| c.value).fold(f64::MIN, f64::max);
                match self.possible(&Reading::Chosen(known.clone())).first() {
                    None => Reading::Unknown,
                    Some(highest) if known.len() < ids.len() && highest.value < top => {
                        Reading::AtLeast(highest.id.clone())
                    }
                    Some(_) => Reading::Chosen(known),
                }
            }
            // An alternative that is not understood may be any.
            Reading::OneOf(ids) if !ids.is_empty() && known(ids).len() == ids.len() => reading.clone(),
            Reading::AtLeast(id) if self.value(id).is_some() => reading.clone(),
            _ => Reading::Unknown,
        }
    }

    /// Least and most value.
    pub(super) fn range(&self, reading: &Reading) -> (f64, f64) {
        let values = || self.possible(reading).into_iter().map(|c| c.value);
        match values().count() {
            0 => (0.0, 0.0),
            _ => (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max)),
        }
    }

    /// The one value, or the scheme's own for "unknown".
    pub(super) fn point(&self, reading: &Reading) -> Option<f64> {
        let (least, most) = self.range(reading);
        if least == most {
            return Some(least);
        }
        if *reading == Reading::Unknown { self.unknown } else { None }
    }

    /// The reading in words.
    pub(super) fn words(&self, reading: &Reading) -> String {
        let names = |ids: &[String], between: &str| {
            let name = |id: &String| {
                self.choices.iter().find(|c| c.id == *id).map_or(id.as_str(), |c| c.name.as_str()).to_owned()
            };
            ids.iter().map(name).collect::<Vec<_>>().join(between)
        };
        match reading {
            Reading::Unknown => "unknown".into(),
            Reading::Chosen(ids) => names(ids, " and "),
            Reading::AtLeast(id) => format!("{} or more", names(std::slice::from_ref(id), "")),
            Reading::OneOf(ids) => names(ids, " or "),
        }
    }
}

/// A scale.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Its id: `nciss`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// How it works.
    pub form: Form,
    /// What must be said beside it.
    pub note: String,
    /// Names of levels for which no cut-off is published.
    #[serde(default, rename = "levels")]
    pub named_levels: Vec<String>,
    /// Its inputs.
    #[serde(rename = "item")]
    pub items: Vec<Item>,
    /// Levels of a ladder, mildest first.
    #[serde(default, rename = "level")]
    pub levels: Vec<Level>,
}

/// Why a text is no scale.
#[derive(Debug, thiserror::Error)]
pub enum ScaleError {
    /// Not the form.
    #[error("a scale cannot be read: {0}")]
    Form(#[from] toml::de::Error),
    /// It contradicts itself.
    #[error("the scale {0} cannot be used: {1}")]
    Meaning(String, String),
}

impl Scale {
    /// Reads a scale (TOML) and checks that it can be used.
    ///
    /// # Errors
    /// If it does not have the form, or if choices, weights or conditions make no sense.
    pub fn parse(text: &str) -> Result<Scale, ScaleError> {
        let mut scale: Scale = toml::from_str(text)?;
        if scale.form == Form::Checklist {
            for item in scale.items.iter_mut().filter(|i| i.choices.is_empty()) {
                let choice = |id: &str, value| Choice { id: id.into(), name: id.into(), value };
                item.choices = vec![choice("no", 0.0), choice("yes", 1.0)];
            }
        }
        let wrong = |what: String| Err(ScaleError::Meaning(scale.id.clone(), what));
        let mut ids = BTreeSet::new();
        for item in &scale.items {
            if !ids.insert(&item.id) {
                return wrong(format!("the item {} stands in it twice", item.id));
            }
            let choices: BTreeSet<&str> = item.choices.iter().map(|c| c.id.as_str()).collect();
            if choices.len() < 2 || choices.len() != item.choices.len() || choices.contains("unknown") {
                return wrong(format!(
                    "{} needs two or more choices of different names, and \"unknown\" is none",
                    item.id
                ));
            }
            let numbers = item.choices.iter().map(|c| c.value).chain([item.weight]).chain(item.unknown);
            if numbers.into_iter().any(|n| !n.is_finite() || n < 0.0) || item.weight <= 0.0 {
                return wrong(format!("a number of {} is no number from 0 up", item.id));
            }
        }
        if scale.items.is_empty() {
            return wrong("it has no items".into());
        }
        for term in scale.levels.iter().flat_map(|l| l.any.iter().flatten()) {
            let known = term.split_once('=').is_some_and(|(item, choice)| {
                scale.items.iter().any(|i| i.id == item && i.value(choice).is_some())
            });
            if !known {
                return wrong(format!("the condition {term} names no item and choice of it"));
            }
        }
        if (scale.form == Form::Ladder) == scale.levels.is_empty() {
            return wrong("a ladder has levels, and nothing else has".into());
        }
        Ok(scale)
    }

    /// The scales that are shipped: NCISS, EuRepoC, Breakout, UK NCSC, NIS2, EU 2019/796.
    ///
    /// # Errors
    /// If a shipped file cannot be used, which a test rules out.
    pub fn shipped() -> Result<Vec<Scale>, ScaleError> {
        SHIPPED.iter().map(|text| Scale::parse(text)).collect()
    }
}
