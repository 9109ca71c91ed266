//! Whether a technique would be found here: which rules look for it, and whether the records they need are there.
//!
//! A rule that looks for a technique proves nothing by itself: it may know one of many ways. What this module never does:
//! say that something would be found for certain.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::Logsource;

use crate::Knowledge;
use crate::summary::name;

/// Rules that look for one technique.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Detectable {
    /// Rules whose kind of records was seen.
    pub with_records: u64,
    /// Rules whose kind of records was not.
    pub without: u64,
    /// The log sources of these, each once.
    pub lacking: BTreeSet<String>,
}

/// For each technique that a rule looks for, by id: rules, and whether records of their kind are among those seen (names
/// of shapes). Rules for a technique are not rules for its sub-techniques, and the other way round.
pub fn detectable(knowledge: &Knowledge, seen: &BTreeSet<String>) -> BTreeMap<String, Detectable> {
    let mut there: BTreeMap<Logsource, bool> = BTreeMap::new();
    let mut out: BTreeMap<String, Detectable> = BTreeMap::new();
    for (rule, info) in knowledge.engine.rules().iter().zip(&knowledge.infos) {
        let source = Logsource {
            category: rule.logsource.category.clone(),
            product: rule.logsource.product.clone(),
            service: rule.logsource.service.clone(),
        };
        let has = *there.entry(source.clone()).or_insert_with(|| {
            knowledge.catalogue.shapes().any(|(_, s)| s.binds(&source) && seen.contains(&s.name))
        });
        for technique in &info.attack {
            let of = out.entry(technique.clone()).or_default();
            if has {
                of.with_records += 1;
            } else {
                of.without += 1;
                of.lacking.insert(name(&source));
            }
        }
    }
    out
}
