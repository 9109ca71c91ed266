//! What findings can answer: techniques seen → answers, with the findings as evidence.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::FindingId;
use serde::Deserialize;

use super::{Answer, Answers, Reading, Scale};

const SHIPPED: &str = include_str!("../../../../knowledge/scales/derive.toml");

/// Which techniques answer what (`knowledge/scales/derive.toml`).
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derivation {
    #[serde(rename = "rule")]
    rules: Vec<Rule>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    why: String,
    techniques: Vec<String>,
    sets: Vec<Sets>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sets {
    scale: String,
    item: String,
    choice: String,
    bound: Bound,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Bound {
    AtLeast,
    Is,
}

/// Why a text is no derivation.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// Not the form.
    #[error("the table of what techniques answer cannot be read: {0}")]
    Form(#[from] toml::de::Error),
    /// It names what no scale has.
    #[error("the table of what techniques answer names {0}, which no scale has")]
    Meaning(String),
}

impl Derivation {
    /// Reads a table (TOML) and checks it against the scales.
    ///
    /// # Errors
    /// If it does not have the form, or names a scale, item or choice that is not there.
    pub fn parse(text: &str, scales: &[Scale]) -> Result<Derivation, DeriveError> {
        let out: Derivation = toml::from_str(text)?;
        for s in out.rules.iter().flat_map(|r| &r.sets) {
            let item =
                scales.iter().filter(|k| k.id == s.scale).flat_map(|k| &k.items).find(|i| i.id == s.item);
            if item.is_none_or(|i| i.value(&s.choice).is_none()) {
                return Err(DeriveError::Meaning(format!("{}: {}={}", s.scale, s.item, s.choice)));
            }
        }
        Ok(out)
    }

    /// The one that is shipped.
    ///
    /// # Errors
    /// If it does not fit the scales.
    pub fn shipped(scales: &[Scale]) -> Result<Derivation, DeriveError> {
        Derivation::parse(SHIPPED, scales)
    }
}

/// Answers to a scale's items from findings (of a campaign, say) and the techniques they show. Of several answers to an item the highest counts, and the
/// findings of that one are its evidence; what no finding answers is left out.
pub fn derive<'a>(
    table: &Derivation,
    scale: &Scale,
    findings: impl IntoIterator<Item = (FindingId, &'a [String])>,
) -> Answers {
    // Techniques with the findings that show them.
    let mut seen: BTreeMap<&str, BTreeSet<FindingId>> = BTreeMap::new();
    for (id, attack) in findings {
        for t in attack {
            seen.entry(t).or_default().insert(id);
        }
    }
    let mut best: BTreeMap<String, (f64, bool, Answer)> = BTreeMap::new();
    for rule in &table.rules {
        let fits = |t: &str| {
            rule.techniques
                .iter()
                .any(|r| t == r || t.strip_prefix(r.as_str()).is_some_and(|s| s.starts_with('.')))
        };
        let mut found: BTreeSet<FindingId> = BTreeSet::new();
        let mut techniques: Vec<&str> = Vec::new();
        for (t, ids) in seen.iter().filter(|(t, _)| fits(t)) {
            techniques.push(t);
            found.extend(ids);
        }
        if found.is_empty() {
            continue;
        }
        let why = format!("{} ({})", rule.why, techniques.join(", "));
        for sets in rule.sets.iter().filter(|s| s.scale == scale.id) {
            let Some(value) =
                scale.items.iter().find(|i| i.id == sets.item).and_then(|i| i.value(&sets.choice))
            else {
                continue;
            };
            let exact = sets.bound == Bound::Is;
            let reading = if exact {
                Reading::Chosen(vec![sets.choice.clone()])
            } else {
                Reading::AtLeast(sets.choice.clone())
            };
            let new = (
                value,
                exact,
                Answer { reading, why: vec![why.clone()], findings: found.iter().copied().collect() },
            );
            match best.get_mut(&sets.item) {
                Some(old) if (old.0, old.1) > (value, exact) => {}
                // The same said twice: both are its evidence.
                Some(old) if (old.0, old.1) == (value, exact) => {
                    old.2.why.push(why.clone());
                    let all: BTreeSet<FindingId> = old.2.findings.iter().chain(&found).copied().collect();
                    old.2.findings = all.into_iter().collect();
                }
                _ => {
                    best.insert(sets.item.clone(), new);
                }
            }
        }
    }
    best.into_iter().map(|(item, (_, _, answer))| (item, answer)).collect()
}
