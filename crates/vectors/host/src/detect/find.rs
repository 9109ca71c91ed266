//! Room: `vectors/host`, door `detect` — findings from facts.
//!
//! What this module never does: make a finding without a citation.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_model::{
    Citation, Finding, FindingId, Message, Observable, ObservableKind, RuleInfo, Time, Vector,
};
use sha2::{Digest as _, Sha256};

use super::facts::{Entry, Seen};

/// Most citations of one finding; the first and last of each fact come first.
const MAX_CITATIONS: usize = 200;

/// Most observables of one finding.
const MAX_OBSERVABLES: usize = 32;

/// Names that a finding spells out of one list.
const MAX_NAMES: usize = 12;

/// A finding that is being made.
pub(super) struct Made {
    info: Arc<RuleInfo>,
    host: Option<String>,
    args: Vec<(String, String)>,
    observables: Vec<Observable>,
    citations: Vec<Citation>,
    span: Option<(Time, Time)>,
    recovered: bool,
}

impl Made {
    pub(super) fn new(info: &Arc<RuleInfo>, host: &str) -> Made {
        Made {
            info: info.clone(),
            host: (!host.is_empty()).then(|| host.to_owned()),
            args: Vec::new(),
            observables: Vec::new(),
            citations: Vec::new(),
            span: None,
            recovered: false,
        }
    }

    /// Says something, if there is something to say.
    pub(super) fn arg(&mut self, name: &str, value: impl ToString) {
        let value = value.to_string();
        if !value.is_empty() {
            self.args.push((name.to_owned(), value));
        }
    }

    /// Says a list, of which as much is spelled out as a person reads; the rest is a number.
    pub(super) fn arg_list(&mut self, name: &str, values: &BTreeSet<&str>) {
        self.arg(name, values.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", "));
        if values.len() > MAX_NAMES {
            self.arg(&format!("{name}_left_out"), values.len() - MAX_NAMES);
        }
    }

    /// Names a thing that other findings may name too.
    pub(super) fn observe(&mut self, kind: ObservableKind, text: &str) {
        self.observables.extend(Observable::parse(kind, text).ok());
    }

    /// Cites a record.
    pub(super) fn cite(&mut self, seen: &Seen) {
        self.citations.push(seen.citation);
        if let Some(t) = seen.time {
            let (first, last) = self.span.unwrap_or((t, t));
            self.span = Some((first.min(t), last.max(t)));
        }
    }

    /// Cites the first and the last record of a fact.
    pub(super) fn cite_entry(&mut self, entry: &Entry) {
        self.cite(&entry.first);
        if entry.last.citation != entry.first.citation {
            self.cite(&entry.last);
        }
        self.recovered |= entry.recovered;
    }

    /// The finding. `content`: what makes it this one and no other, the same wherever the logs lie.
    pub(super) fn finish(mut self, message: &str, content: &[&str]) -> Option<Finding> {
        let mut unique = BTreeSet::new();
        self.citations.retain(|c| unique.insert(*c));
        if self.citations.is_empty() {
            return None;
        }
        self.observables.sort();
        self.observables.dedup();
        for (name, more) in [
            ("records_not_cited", self.citations.len().saturating_sub(MAX_CITATIONS)),
            ("not_named", self.observables.len().saturating_sub(MAX_OBSERVABLES)),
        ] {
            if more > 0 {
                self.arg(name, more);
            }
        }
        self.citations.truncate(MAX_CITATIONS);
        self.observables.truncate(MAX_OBSERVABLES);
        let mut hash = Sha256::new();
        let start = self.span.map(|(first, _)| first.0).unwrap_or_default().to_string();
        for part in content.iter().copied().chain([start.as_str()]) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        Some(Finding {
            id: FindingId::new(&self.info.id, &digest),
            vector: Vector::Host,
            rule: self.info,
            message: Message { id: message.to_owned(), args: self.args },
            time: self.span.map(|(first, _)| first),
            time_end: self.span.map(|(_, last)| last),
            host: self.host,
            observables: self.observables,
            citations: self.citations,
            recovered: self.recovered,
        })
    }
}

/// A span of microseconds in words: `3 h 20 min`.
pub(super) fn duration(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    match seconds {
        s if s < 120 => format!("{s} s"),
        s if s < 7_200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        s => format!("{} days", s / 86_400),
    }
}
