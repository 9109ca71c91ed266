//! Room: `vectors/host`, door `detect` — detectors and reads as data.
//!
//! What this module never does: decide anything; it only refuses what it does not understand.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_model::{Confidence, FieldsBuilder, Logsource, RuleInfo, Severity};
use serde::Deserialize;

use super::facts::SHAPES;

/// Why a file of analytics cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// It is not the TOML that is expected.
    #[error("{file}: {error}")]
    Toml {
        /// File name.
        file: String,
        /// What TOML says, with line and column.
        error: Box<toml::de::Error>,
    },
    /// It says something that nobody understands.
    #[error("{file}: {what}")]
    Content {
        /// File name.
        file: String,
        /// What is wrong.
        what: String,
    },
}

/// How a part is made from a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Take {
    /// As it is.
    #[default]
    Whole,
    /// The folder of a path.
    Folder,
    /// The last ending of a file name that has a document's ending before it.
    Locked,
    /// From the first mail address in it on, so that what stands before it cannot push it out of a part.
    Addresses,
    /// The same; without an address, all of it.
    Recipients,
    /// Only that it is there.
    Present,
    /// How far this time of the record's own lies ahead of the time it goes by, in quarters of an hour.
    Ahead,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartToml {
    /// Fields as rules call them; the first that is there counts.
    #[serde(default)]
    pub(super) from: Vec<String>,
    #[serde(default)]
    pub(super) take: Take,
    /// A text of our own instead.
    pub(super) says: Option<String>,
    /// Without it there is no fact.
    #[serde(default)]
    pub(super) must: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadToml {
    fact: String,
    category: Option<String>,
    product: Option<String>,
    service: Option<String>,
    /// Field → values of which it must have one.
    #[serde(default, rename = "where")]
    only: BTreeMap<String, Vec<String>>,
    parts: BTreeMap<String, PartToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadsToml {
    /// Endings of documents, and second endings that programs give honestly.
    documents: Vec<String>,
    honest: Vec<String>,
    read: Vec<ReadToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectorToml {
    detector: String,
    id: String,
    title: String,
    level: String,
    confidence: u8,
    attack: Vec<String>,
    description: String,
    false_positives: Vec<String>,
    /// Kinds of facts without which it sees nothing.
    needs: Vec<String>,
    /// How often it may be wrong.
    budget: Budget,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
    #[serde(default)]
    words: BTreeMap<String, Vec<String>>,
}

/// How many false findings a detector may make; a test over quiet evidence holds it to that.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Findings per 100,000 events of evidence without an attack.
    pub per_100k_events: f64,
    /// Where the number comes from.
    pub why: String,
}

/// A read of one kind of record.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) fact: String,
    pub(super) source: Logsource,
    pub(super) only: BTreeMap<String, Vec<String>>,
    pub(super) parts: BTreeMap<String, PartToml>,
}

/// A detector.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    pub(super) info: Arc<RuleInfo>,
    pub(super) needs: Vec<String>,
    /// Read by whoever holds it to it.
    pub(super) budget: Budget,
    limits: BTreeMap<String, u64>,
    words: BTreeMap<String, Vec<String>>,
}

impl Detector {
    /// A number of the detector's; every name the code asks for was there when the file was read.
    pub(super) fn limit(&self, name: &str) -> u64 {
        self.limits.get(name).copied().unwrap_or(u64::MAX)
    }

    /// A list of the detector's.
    pub(super) fn words(&self, name: &str) -> &[String] {
        self.words.get(name).map_or(&[], Vec::as_slice)
    }
}

/// What the detectors need to be told: their names in the files, the numbers each must have.
const DETECTORS: [(&str, &[&str]); 14] = [
    ("record_gap", &["most_gaps"]),
    ("clock_step", &["minutes"]),
    ("silence", &["history", "times_usual", "least", "witnesses"]),
    ("logon_path", &["window_seconds", "hub_sources", "habit_days"]),
    ("logon_path_executed", &["window_seconds", "hub_sources", "habit_days", "execution_seconds"]),
    ("mass_removal", &["files", "folders", "seconds"]),
    ("mass_locking", &["files", "folders", "seconds"]),
    ("rare_program", &["history_days", "hosts", "site_hosts"]),
    ("rare_autostart", &["history_days", "hosts", "site_hosts"]),
    ("impossible_travel", &["kilometres_per_hour", "least_kilometres"]),
    ("new_everything", &["history", "days"]),
    ("many_identities", &["identities", "days"]),
    ("mail_outside", &["people"]),
    ("mail_rule_from_elsewhere", &["history", "days"]),
];

/// Detectors and reads, before they meet the catalogue.
#[derive(Debug, Default)]
pub struct Spec {
    pub(super) detectors: BTreeMap<String, Detector>,
    pub(super) reads: Vec<Read>,
    pub(super) documents: Vec<String>,
    pub(super) honest: Vec<String>,
}

impl Spec {
    /// Reads the files of `analytics/`: `reads.toml` and one per detector.
    pub fn parse<'t>(files: impl Iterator<Item = (&'t str, &'t str)>) -> Result<Spec, DetectError> {
        let mut spec = Spec::default();
        for (file, text) in files {
            let toml = |e| DetectError::Toml { file: file.to_owned(), error: Box::new(e) };
            let content = |what: String| DetectError::Content { file: file.to_owned(), what };
            if file.ends_with("reads.toml") {
                let parsed: ReadsToml = toml::from_str(text).map_err(toml)?;
                spec.documents.extend(parsed.documents);
                spec.honest.extend(parsed.honest);
                for read in parsed.read {
                    let shape = SHAPES.iter().find(|s| s.name == read.fact && !s.name.is_empty());
                    let shape =
                        shape.ok_or_else(|| content(format!("no fact is called \"{}\"", read.fact)))?;
                    let known =
                        |name: &String| shape.parts.contains(&name.as_str()) || shape.spread == Some(name);
                    if let Some(odd) = read.parts.keys().find(|name| !known(name)) {
                        return Err(content(format!("a fact \"{}\" has no part \"{odd}\"", read.fact)));
                    }
                    let source =
                        Logsource { category: read.category, product: read.product, service: read.service };
                    spec.reads.push(Read { fact: read.fact, source, only: read.only, parts: read.parts });
                }
                continue;
            }
            let parsed: DetectorToml = toml::from_str(text).map_err(toml)?;
            let known = DETECTORS.iter().find(|(name, _)| *name == parsed.detector);
            let Some((_, limits)) = known else {
                return Err(content(format!("no detector is called \"{}\"", parsed.detector)));
            };
            if let Some(missing) = limits.iter().find(|l| !parsed.limits.contains_key(**l)) {
                return Err(content(format!("limits.{missing} is missing")));
            }
            if let Some(odd) = parsed.needs.iter().find(|n| !SHAPES.iter().any(|s| s.name == **n)) {
                return Err(content(format!("needs \"{odd}\", which is no fact")));
            }
            let level = Severity::parse(&parsed.level)
                .ok_or_else(|| content(format!("\"{}\" is no level", parsed.level)))?;
            let info = RuleInfo {
                id: parsed.id,
                title: parsed.title,
                level,
                confidence: Confidence(parsed.confidence.min(100)),
                attack: parsed.attack,
                software: Vec::new(),
                author: Some("Palisade".to_owned()),
                license: Some("Apache-2.0".to_owned()),
                description: Some(parsed.description.trim().to_owned()),
                false_positives: parsed.false_positives,
                file: format!("palisade:{file}"),
            };
            let detector = Detector {
                info: Arc::new(info),
                needs: parsed.needs,
                budget: parsed.budget,
                limits: parsed.limits,
                words: parsed.words,
            };
            if spec.detectors.insert(parsed.detector.clone(), detector).is_some() {
                return Err(content(format!("detector \"{}\" is there twice", parsed.detector)));
            }
        }
        Ok(spec)
    }

    /// Every detector with small numbers, so that little evidence is enough: for the fuzzer.
    pub(super) fn every() -> Spec {
        let mut spec = Spec::default();
        for (name, limits) in DETECTORS {
            let info = RuleInfo {
                id: name.to_owned(),
                title: name.to_owned(),
                level: Severity::Low,
                confidence: Confidence(50),
                attack: Vec::new(),
                software: Vec::new(),
                author: None,
                license: None,
                description: None,
                false_positives: Vec::new(),
                file: String::new(),
            };
            let words = [("public_providers", "evil.example"), ("honest_images", r"\windows\*\dism.exe")];
            let detector = Detector {
                info: Arc::new(info),
                needs: Vec::new(),
                budget: Budget { per_100k_events: 0.0, why: String::new() },
                limits: limits
                    .iter()
                    .map(|l| ((*l).to_owned(), if l.ends_with("seconds") { 3_600 } else { 2 }))
                    .collect(),
                words: words.map(|(name, word)| (name.to_owned(), vec![word.to_owned()])).into(),
            };
            spec.detectors.insert(name.to_owned(), detector);
        }
        spec
    }

    /// Interns every field that is read.
    pub fn intern(&self, catalogue: &palisade_model::Catalogue, fields: &mut FieldsBuilder) {
        if self.detectors.is_empty() {
            return;
        }
        for read in &self.reads {
            for (_, shape) in catalogue.shapes().filter(|(_, s)| s.binds(&read.source)) {
                let names = read.parts.values().flat_map(|p| &p.from).chain(read.only.keys());
                for name in names {
                    // A run that knows too many fields already reads less; rules say so first.
                    let _ = fields.intern(shape.native_name(&read.source, name));
                }
            }
        }
    }

    /// What each detector may get wrong: its id and budget.
    pub fn budgets(&self) -> impl Iterator<Item = (&str, &Budget)> {
        self.detectors.values().map(|d| (d.info.id.as_str(), &d.budget))
    }
}
