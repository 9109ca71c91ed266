//! Room: `vectors/host` — the `detect` door: what no single record says and no rule can ask.
//!
//! ```text
//! batches ─ reads (data) ─▶ facts, one table per thread ─ merge, in any order ─▶ finish ─▶ findings
//! ```
//!
//! A *read* says which field of which log source is which part of a fact (`analytics/reads.toml`); a fact is a short
//! text with a count, its first and last record, and 64 marks. Tables are bounded: a kind that has too many facts
//! keeps those whose hash is small, so what is kept depends neither on threads nor on the order of files, and a
//! problem says which share it is. Detectors look at facts once all evidence has been read; what they look for, how
//! grave it is and how often they may be wrong is data (`analytics/*.toml`).
//!
//! What this door never does: read evidence, know rules, take memory without limit, lose something in silence.

mod burst;
mod clock;
mod data;
mod facts;
mod find;
mod fuzz;
mod gaps;
mod logon;
mod mailbox;
mod plan;
mod rare;
mod signin;

use std::sync::Arc;

use palisade_model::{Finding, Origin, Problem, ProblemCode, RuleInfo, Severity};

pub use data::{DetectError, Spec};
pub use facts::{Facts, Presence};
pub use fuzz::fuzz;
pub use plan::Plan;

/// What the detectors have to say.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Findings, by time, then id.
    pub findings: Vec<Finding>,
    /// Facts that had no room, and what was not looked at or not told because there was too much of it.
    pub problems: Vec<Problem>,
}

impl Outcome {
    /// Says that something was left out, if anything was.
    fn left_out(&mut self, count: u64, what: impl Into<String>) {
        if count > 0 {
            let problem = Problem::new(ProblemCode::Limit, &Origin::file("analytics"), None, what);
            self.problems.push(Problem { count, ..problem });
        }
    }
}

/// Detectors and what they read, closed before evidence is opened.
#[derive(Debug, Default)]
pub struct Detectors {
    spec: Spec,
    plan: Plan,
}

impl Detectors {
    /// Closes the detectors over what is known of records.
    pub fn new(
        spec: Spec,
        catalogue: &palisade_model::Catalogue,
        fields: &palisade_model::Fields,
    ) -> Detectors {
        let plan = Plan::new(&spec, catalogue, fields);
        Detectors { spec, plan }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spec.detectors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spec.detectors.is_empty()
    }

    /// What findings of each detector say of it, and the kinds of facts it cannot do without.
    pub fn infos(&self) -> impl Iterator<Item = (&Arc<RuleInfo>, &[String])> {
        self.spec.detectors.values().map(|d| (&d.info, d.needs.as_slice()))
    }

    /// Log sources whose records give facts of a kind.
    pub fn sources_of<'s>(&'s self, fact: &'s str) -> impl Iterator<Item = &'s palisade_model::Logsource> {
        self.spec.reads.iter().filter(move |r| r.fact == fact).map(|r| &r.source)
    }

    /// Leaves out detectors below a level.
    pub fn at_least(&mut self, level: Severity) {
        self.spec.detectors.retain(|_, d| d.info.level >= level);
    }

    /// Adds to the projection what the detectors read.
    pub fn want(&self, projection: &mut palisade_model::Projection) {
        self.plan.want(projection);
    }

    /// Takes from a batch what detectors will look at. `numbered`: its records carry numbers that their log counted
    /// without a hole (EVTX), so that a hole says something.
    pub fn observe(&self, batch: &dyn palisade_model::Batch, numbered: bool, facts: &mut Facts) {
        if !self.is_empty() {
            self.plan.observe(batch, numbered, facts);
        }
    }

    /// When which machine wrote what.
    pub fn presence(&self, facts: &Facts) -> Vec<Presence> {
        facts.presence(&self.plan.says)
    }

    /// What the facts of all evidence say.
    pub fn finish(&self, facts: &Facts) -> Outcome {
        let mut out = Outcome::default();
        if self.is_empty() {
            return out;
        }
        let spec = &self.spec;
        out.problems = facts.problems();
        gaps::find(spec, facts, &mut out);
        logon::find(spec, facts, &mut out);
        burst::find(spec, facts, &mut out);
        rare::find(spec, facts, &mut out);
        signin::find(spec, facts, &mut out);
        mailbox::find(spec, facts, &mut out);
        out.findings.sort_by_key(|f| (f.time, f.id));
        out.findings.dedup_by_key(|f| f.id);
        out
    }
}
