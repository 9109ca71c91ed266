//! What a run saw, and what it could not have seen.

use std::collections::BTreeMap;

use palisade_host::detect::Presence;
use palisade_model::{Coverage, Logsource, ProblemCode, Severity, ShapeId, Time};

use crate::knowledge::Knowledge;
use crate::techniques;

/// The end of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Evidence files read.
    pub files: u64,
    /// Evidence files left out because the case has them already.
    pub files_known: u64,
    /// Logs found in them.
    pub sources: u64,
    /// Events read.
    pub events: u64,
    /// Transactions of ledgers.
    pub transactions: u64,
    /// Bytes of evidence files.
    pub bytes: u64,
    /// Bytes of logs after unpacking.
    pub log_bytes: u64,
    /// Rules that ran.
    pub rules_loaded: u64,
    /// Rules that could not be loaded.
    pub rules_failed: u64,
    /// Detectors that ran.
    pub detectors: u64,
    /// Indicators loaded.
    pub indicators: u64,
    /// Findings.
    pub findings: u64,
    /// Findings by severity.
    pub by_severity: BTreeMap<Severity, u64>,
    /// Problems by code (repeats counted).
    pub problems: BTreeMap<ProblemCode, u64>,
    /// Kinds of records seen.
    pub seen: Vec<Seen>,
    /// Log sources that loaded rules need and no evidence had. Empty when known evidence was left out.
    pub blind: Vec<Blind>,
    /// Techniques that loaded rules and detectors look for. Empty when known evidence was left out.
    pub techniques: Vec<TechniqueSeen>,
    /// Machines and what they wrote, if detectors ran. Empty when known evidence was left out.
    pub hosts: Vec<HostSeen>,
    /// Events of kinds nobody recognises.
    pub unrecognised_events: u64,
    /// Events without a readable time.
    pub events_without_time: u64,
    /// Wall time in seconds, from opening the first file to the last result.
    pub seconds: f64,
    /// Whether evidence was hashed.
    pub hashed: bool,
    /// What a hunt looked at; `None` for a run over files.
    pub hunted: Option<Hunted>,
}

/// What a hunt looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hunted {
    /// Segments that could hold something new.
    pub segments: u64,
    /// Segments of the lake.
    pub of: u64,
    /// Rows that rules or indicators looked at.
    pub rows: u64,
    /// Bytes read of segments and indexes.
    pub bytes: u64,
    /// Bytes of the lake.
    pub lake: u64,
}

/// One kind of record that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `windows/sysmon/1`.
    pub shape: String,
    /// Events.
    pub events: u64,
    /// Earliest.
    pub first: Option<Time>,
    /// Latest.
    pub last: Option<Time>,
    /// Whether any rule looks at this kind.
    pub covered: bool,
}

/// A log source that rules need and that was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// `windows/process_creation`.
    pub source: String,
    /// How many loaded rules need it.
    pub rules: u64,
    /// Whether Palisade knows any record that would be of this source.
    pub known: bool,
}

/// A technique, and whether this evidence could have shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TechniqueSeen {
    /// `T1059.001`.
    pub id: String,
    /// Rules and detectors that look for it.
    pub rules: u64,
    /// How many of them had records to look at; none: it could not have shown.
    pub could: u64,
    /// Machines on which it could have shown.
    pub hosts: u64,
    /// Machines of the evidence.
    pub of_hosts: u64,
    /// Machines on which it could not, though it could on others; the first of them.
    pub without: Vec<String>,
    /// Log sources that its rules need and the evidence lacks, with the number of rules.
    pub missing: Vec<(String, u64)>,
    /// Earliest record in which it could have shown.
    pub first: Option<Time>,
    /// Latest.
    pub last: Option<Time>,
}

/// A machine, and what it could have shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSeen {
    /// The machine, in lower case.
    pub host: String,
    /// Its logs.
    pub logs: Vec<LogSeen>,
    /// Techniques that could have shown on it.
    pub techniques: u64,
    /// Log sources that other machines of this evidence have and this one lacks, with the number of rules.
    pub lacks: Vec<(String, u64)>,
    /// What its records never say because it was not set up for it.
    pub unsaid: Vec<String>,
}

/// A log of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSeen {
    /// `windows/security`.
    pub log: String,
    /// Events.
    pub events: u64,
    /// Days with at least one event.
    pub days: u64,
    /// Earliest.
    pub first: Option<Time>,
    /// Latest.
    pub last: Option<Time>,
}

impl Summary {
    /// Fills in what the coverage of the run says.
    pub(crate) fn cover(&mut self, coverage: &Coverage, presence: &[Presence], knowledge: &Knowledge) {
        self.events = coverage.events();
        for (shape, span) in &coverage.shapes {
            if *shape == ShapeId::UNRECOGNISED {
                self.unrecognised_events = span.events;
            }
            self.seen.push(Seen {
                shape: knowledge.catalogue.shape_of(*shape).name.clone(),
                events: span.events,
                first: span.first,
                last: span.last,
                covered: knowledge.engine.covers(*shape),
            });
        }
        self.seen.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.shape.cmp(&b.shape)));
        // Evidence that the case holds already was not read again, so this run cannot say what all of it lacks.
        if self.files_known > 0 {
            return;
        }
        (self.techniques, self.hosts) = techniques::seen(coverage, presence, knowledge);
        let mut needed: BTreeMap<Logsource, u64> = BTreeMap::new();
        for rule in knowledge.engine.rules() {
            let source = Logsource {
                category: rule.logsource.category.clone(),
                product: rule.logsource.product.clone(),
                service: rule.logsource.service.clone(),
            };
            *needed.entry(source).or_default() += 1;
        }
        for (source, rules) in needed {
            let mut binding = knowledge.catalogue.shapes().filter(|(_, s)| s.binds(&source)).peekable();
            let known = binding.peek().is_some();
            if !binding.any(|(id, _)| coverage.shapes.contains_key(&id)) {
                self.blind.push(Blind { source: name(&source), rules, known });
            }
        }
        self.blind.sort_by(|a, b| b.rules.cmp(&a.rules).then_with(|| a.source.cmp(&b.source)));
    }
}

/// `windows/process_creation`, `aws/cloudtrail`, `any` for a source without parts.
pub(crate) fn name(source: &Logsource) -> String {
    let parts = [&source.product, &source.category, &source.service];
    let text = parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("/");
    if text.is_empty() { "any".into() } else { text }
}
