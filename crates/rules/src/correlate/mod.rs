//! Correlation: questions about several matches, answered exactly, in whatever order the matches came.
//!
//! ```text
//! rules, documents ─ plan ─▶ what each match must bring
//! matches ─ gather ─▶ (correlation, group, time …) ─ sorted runs ─▶ spill
//! runs ─ merge ─▶ one group after the other ─ window ─▶ alerts ─┬▶ told
//!                                     ▲─────────────────────────┘ as matches of correlations that refer to them
//! ```
//!
//! # What a correlation means
//! - Matches with the same values of all `group-by` fields are a group; case is ignored, as everywhere in Sigma. A match
//!   that lacks one is in no group and is counted ([`Tally`]).
//! - A *window* is the closed interval of length `timespan` that ends at a match: two matches that lie `timespan` apart are
//!   in one. It is never cut at hours or days, and holds all matches of its last moment.
//! - Where a window satisfies the condition, the correlation *holds*. Windows that hold one after the other and touch are
//!   one alert, which cites every match in them; it fires when the first of them ends.
//! - For a correlation that refers to another, each match of the other's alert counts from the moment the alert fired (or its
//!   own, if that is later), with its own values. A count of events counts an alert once in a window.
//! - Ordered types go by time, then source, then record number. One record is never two steps.
//!
//! It does no I/O (a [`Spill`](palisade_model::Spill) is given), reads no clock, and forgets nothing to save memory.

mod buffer;
mod evaluate;
mod gather;
mod merge;
mod plan;
mod ranked;
mod sum;
mod window;

use std::collections::HashMap;
use std::io::Result;

use palisade_model::{Citation, Origin, Problem, ProblemCode, RuleInfo, SourceId, Time};
use sha2::{Digest as _, Sha256};

use crate::sigma::ir::{Correlation, CorrelationKind, Rule, RuleError};

pub use gather::{Gathering, Matches};

/// Memory for collecting and sorting that suits most machines, in bytes.
pub const MEMORY: usize = 128 << 20;

/// Citations of an alert kept from its beginning.
pub const CITED_FIRST: usize = 192;

/// Citations of an alert kept from its end. The first and last match of every rule are kept besides.
pub const CITED_LAST: usize = 64;

/// Correlations that can run together, each after those it refers to.
#[derive(Debug, Default)]
pub struct Correlations {
    plan: Vec<plan::Planned>,
    uses: Vec<Vec<plan::Use>>,
}

impl Correlations {
    /// Plans correlations over rules, and sets [`Rule::correlated`] of each.
    ///
    /// A correlation that refers to what is not there, or to itself, is left out with an error; so are those that refer to
    /// it. Called again after rules were mapped or left out, it keeps what a mapping made of asked fields.
    pub fn new(rules: &mut [Rule], documents: Vec<Correlation>) -> (Correlations, Vec<RuleError>) {
        let (plan, uses, errors) = plan::plan(rules, documents);
        (Correlations { plan, uses }, errors)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.plan.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// The documents, in the order of [`Alert::correlation`].
    pub fn documents(&self) -> impl Iterator<Item = &Correlation> {
        self.plan.iter().map(|p| &p.document)
    }

    /// The document of an alert.
    pub fn document(&self, correlation: u32) -> Option<&Correlation> {
        self.plan.get(correlation as usize).map(|p| &p.document)
    }

    /// The documents, given back.
    pub fn into_documents(self) -> Vec<Correlation> {
        self.plan.into_iter().map(|p| p.document).collect()
    }

    /// Whether alerts of a correlation are told: it is silent where another refers to it and does not say `generate`.
    pub fn reports(&self, correlation: u32) -> bool {
        self.plan.get(correlation as usize).is_some_and(|p| p.reports)
    }

    /// The longest time in microseconds that a match may lie before what it brings about: whoever looks at a part of the
    /// evidence must begin that much earlier. Windows of a chain add up.
    pub fn longest(&self) -> i64 {
        let mut so_far: HashMap<String, i64> = HashMap::new();
        let mut longest = 0;
        // Each comes after those it refers to.
        for planned in &self.plan {
            let d = &planned.document;
            let inner = d.rules.iter().filter_map(|(name, _)| so_far.get(&name.to_lowercase())).max();
            let all = planned.span.saturating_add(inner.copied().unwrap_or(0));
            longest = longest.max(all);
            for name in d.id.iter().chain(&d.name) {
                so_far.insert(name.to_lowercase(), all);
            }
        }
        longest
    }

    fn uses_of(&self, rule: u32) -> &[plan::Use] {
        self.uses.get(rule as usize).map_or(&[], |u| u)
    }

    /// What findings of a correlation say of it.
    pub fn info(&self, correlation: u32) -> Option<RuleInfo> {
        let d = self.document(correlation)?;
        Some(RuleInfo {
            id: d.id.clone().unwrap_or_else(|| d.title.clone()),
            title: d.title.clone(),
            level: crate::engine::severity(d.level),
            confidence: crate::engine::confidence(d.status),
            attack: d.techniques.clone(),
            software: crate::sigma::software(&d.tags),
            author: d.author.clone(),
            license: d.license.clone(),
            description: d.description.clone(),
            false_positives: d.falsepositives.clone(),
            file: d.source.file.to_string(),
        })
    }
}

impl Gathering<'_> {
    /// Evaluates everything and tells each alert, by correlation, then by group.
    ///
    /// `rank` puts sources into an order that does not depend on the run (that of their names): it decides between
    /// records of one time. Where [`SourceId`]s are such an order themselves, give `|s| s.0.into()`.
    ///
    /// # Errors
    /// Those of the spill.
    pub fn finish(self, rank: &dyn Fn(SourceId) -> u64, told: &mut dyn FnMut(Alert)) -> Result<Outcome> {
        evaluate::evaluate(self, rank, told)
    }

    /// Writes away matches that alerts became, for a correlation that comes later.
    fn write_away_late(&mut self) -> Result<()> {
        self.write_away()?;
        self.late.push(self.runs - 1);
        Ok(())
    }
}

/// What a correlation found: one run of windows of one group that hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    /// Which: index in [`Correlations::documents`].
    pub correlation: u32,
    /// Fields (or aliases) and values of the group, as written; of several spellings the one that sorts first.
    pub group: Vec<(String, String)>,
    key: Vec<u8>,
    /// When the condition held first.
    pub fired: Time,
    /// Time of the earliest match.
    pub first: Time,
    /// Time of the latest.
    pub last: Time,
    /// Matches, whether cited or not.
    pub matches: u64,
    /// Matches by rule, in the order in which `rules` names them first.
    pub by_rule: Vec<u64>,
    /// The largest measure of its windows: the count, sum, mean, value at the percentile, or number of rules.
    pub measured: f64,
    /// The evidence, in order of time: all of it if it is little, else its beginning, its end, and each rule's first and
    /// last match.
    pub citations: Vec<Citation>,
    /// Whether a match was of a carved record.
    pub recovered: bool,
}

impl Alert {
    /// Stands for the content of the alert in a [`FindingId`](palisade_model::FindingId): its group and the moment it
    /// fired, so that it is the same finding when it grows.
    pub fn digest(&self) -> [u8; 16] {
        let mut h = Sha256::new();
        h.update((self.key.len() as u64).to_le_bytes());
        h.update(&self.key);
        h.update(self.fired.0.to_le_bytes());
        let mut out = [0; 16];
        out.iter_mut().zip(h.finalize()).for_each(|(to, from)| *to = from);
        out
    }
}

/// Matches that reached a correlation, and those it could not use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// All.
    pub matches: u64,
    /// Without a time: in no window.
    pub without_time: u64,
    /// Without a field of `group-by`: in no group.
    pub without_group: u64,
    /// Without the measured field.
    pub without_value: u64,
    /// With a measured field that is no number.
    pub not_a_number: u64,
}

/// What an evaluation took and could not use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Alerts told.
    pub alerts: u64,
    /// By correlation.
    pub tallies: Vec<Tally>,
    /// Matches in the largest window: what memory beyond the limit goes with.
    pub largest_window: u64,
    /// Bytes written to the spill.
    pub spilled: u64,
    /// In so many runs.
    pub runs: u32,
}

impl Outcome {
    /// What could not be used, as problems of the files the correlations are from.
    pub fn problems(&self, of: &Correlations) -> Vec<Problem> {
        let mut out = Vec::new();
        for (planned, tally) in of.plan.iter().zip(&self.tallies) {
            let d = &planned.document;
            let measured = d.kind.fields().join(", ");
            let lacks = [
                (tally.without_time, "have no time, so no window holds them".to_owned()),
                (
                    tally.without_group,
                    format!("lack a field of group-by ({}), so they are in no group", d.group_by.join(", ")),
                ),
                (tally.without_value, format!("lack the field {measured}, so there is nothing to measure")),
                (tally.not_a_number, format!("have a field {measured} that is not a number")),
            ];
            for (n, what) in lacks.into_iter().filter(|(n, _)| *n > 0) {
                let message = format!("correlation \"{}\": {n} of {} matches {what}", d.title, tally.matches);
                let origin = Origin::file(d.source.file.to_string());
                out.push(Problem { count: n, ..Problem::new(ProblemCode::Rule, &origin, None, message) });
            }
        }
        out
    }
}

/// What a measure is called in a message: `matches`, `different values of TargetUserName`.
pub fn measure_name(kind: &CorrelationKind) -> String {
    match kind {
        CorrelationKind::EventCount => "matches".into(),
        CorrelationKind::ValueCount(fields) => format!("different values of {}", fields.join(", ")),
        CorrelationKind::Temporal => "rules".into(),
        CorrelationKind::TemporalOrdered => "rules in order".into(),
        CorrelationKind::ValueSum(field) => format!("sum of {field}"),
        CorrelationKind::ValueAvg(field) => format!("mean of {field}"),
        CorrelationKind::ValuePercentile(field, p) => format!("percentile {p} of {field}"),
    }
}

/// Fuzz target: rules before the first byte 0, matches after it; whatever the bytes, it must end without a panic, and
/// memory must make no difference.
pub fn fuzz(data: &[u8]) {
    let (text, bytes) = data.split_at(data.iter().position(|b| *b == 0).unwrap_or(data.len()));
    let (documents, _) = crate::sigma::parse_str(
        "fuzz.yml",
        &String::from_utf8_lossy(text),
        &crate::sigma::Options::default(),
    );
    let (mut set, _) = crate::sigma::RuleSet::assemble(documents);
    let (plan, _) = Correlations::new(&mut set.rules, set.correlations);
    let run = |limit: usize| {
        let spill = palisade_model::MemorySpill::default();
        let mut gathering = Gathering::new(&plan, limit, &spill);
        for (n, m) in bytes.chunks(6).enumerate() {
            let [rule, time, source, record, rest @ ..] = m else { continue };
            let value = String::from_utf8_lossy(rest);
            let asked = set.rules.get(usize::from(*rule)).and_then(|r| r.correlated.as_ref());
            let values = vec![(*record > 3).then_some(&*value); asked.map_or(0, |c| c.fields.len())];
            // The ends of time among them.
            let time = match time {
                0 => None,
                1 => Some(Time(i64::MIN)),
                2 => Some(Time(i64::MAX)),
                t => Some(Time(i64::from(*t) * 700_000)),
            };
            let citation =
                Citation { source: SourceId((*source).into()), record: (*record).into(), offset: n as u64 };
            let one = palisade_model::Match {
                rule: (*rule).into(),
                time,
                citation,
                recovered: *source == 9,
                values: &values,
            };
            let _ = gathering.add(&one);
        }
        let mut alerts = Vec::new();
        let outcome = gathering.finish(&|s| s.0.into(), &mut |alert| alerts.push(alert));
        (alerts, outcome.map(|o| o.tallies).ok())
    };
    let (whole, pieces) = (run(MEMORY), run(1));
    assert!(whole == pieces, "memory made a difference");
}
