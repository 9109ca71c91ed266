//! Campaigns: findings that belong together, and why.
//!
//! Everything that joins is a term with a weight; a join's score is the sum of its terms, exactly, because both are
//! integers. Whoever shows a campaign can so show each sentence's evidence, and what would remain without it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{FindingId, Observable, Severity, Time, Vector};

/// Weight of evidence: millionths of a nat (a natural-log likelihood ratio). Integers, so that sums do not depend on
/// their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Weight(pub i64);

impl Weight {
    /// From nats; what is no number is no evidence.
    pub fn from_nats(nats: f64) -> Weight {
        // Evidence beyond 1,000 nats is a mistake, not a measurement.
        let bounded = if nats.is_nan() { 0.0 } else { nats.clamp(-1_000.0, 1_000.0) };
        Weight((bounded * 1e6).round() as i64)
    }

    /// In nats.
    pub fn nats(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The probability that this log-odds stands for, 0 to 1.
    pub fn probability(self) -> f64 {
        1.0 / (1.0 + (-self.nats()).exp())
    }
}

impl std::iter::Sum for Weight {
    fn sum<I: Iterator<Item = Weight>>(all: I) -> Weight {
        Weight(all.fold(0, |sum, w| sum.saturating_add(w.0)))
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.2}", self.nats())
    }
}

/// Content id of a campaign: that of its earliest finding when it was first seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CampaignId(pub FindingId);

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight bytes tell campaigns of one case apart and can be read aloud.
        write!(f, "c-")?;
        self.0.0.iter().take(8).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// What speaks for or against a join.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermKind {
    /// Both sides hold the observable.
    Shared,
    /// What was done in one is usually followed by what was done in the other.
    Stage,
    /// Two things of one campaign are rare among all: the log-odds before any evidence.
    Prior,
    /// Terms of one observation, or of one kind, count only up to a limit: what is taken off.
    Cap,
    /// An analyst said so.
    Analyst,
}

impl TermKind {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            TermKind::Shared => "shared",
            TermKind::Stage => "stage",
            TermKind::Prior => "prior",
            TermKind::Cap => "cap",
            TermKind::Analyst => "analyst",
        }
    }
}

/// One summand of a join's score.
#[derive(Clone, PartialEq, Debug)]
pub struct Term {
    /// What it is.
    pub kind: TermKind,
    /// How much, for (positive) or against (negative).
    pub weight: Weight,
    /// What both sides hold, of [`TermKind::Shared`].
    pub observable: Option<Observable>,
    /// Contexts (a day of a site) that hold it, and how many there are.
    pub seen: Option<(u64, u64)>,
    /// Microseconds between the two findings.
    pub apart: Option<i64>,
    /// The findings that show it, one of each side; their citations are its evidence.
    pub findings: Option<(FindingId, FindingId)>,
    /// Who said it, of [`TermKind::Analyst`]; where a session came from, of [`TermKind::Shared`]; otherwise why it counts.
    pub note: Option<String>,
}

/// Findings of one burst: seconds to minutes, one technique or tool.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Its findings, by time, then id; never empty.
    pub findings: Vec<FindingId>,
    /// Earliest time.
    pub first: Option<Time>,
    /// Latest time.
    pub last: Option<Time>,
    /// Channels.
    pub vectors: Vec<Vector>,
    /// The machines concerned, sorted.
    pub hosts: Vec<String>,
    /// Title of the gravest finding.
    pub title: String,
    /// The gravest.
    pub severity: Severity,
    /// Technique ids, sorted.
    pub attack: Vec<String>,
}

/// Why two steps belong together.
#[derive(Clone, PartialEq, Debug)]
pub struct Join {
    /// Places in [`Campaign::steps`], the smaller first.
    pub steps: (usize, usize),
    /// Its terms' sum.
    pub score: Weight,
    /// The terms, strongest first.
    pub terms: Vec<Term>,
    /// Without this join the campaign falls in two.
    pub bridge: bool,
}

/// Findings of one purpose.
#[derive(Clone, PartialEq, Debug)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Ids it had before, or of campaigns that became part of it.
    pub aliases: Vec<CampaignId>,
    /// Its steps, by time, then first finding. Never empty.
    pub steps: Vec<Step>,
    /// Why they are together: the strongest joins that hold the findings together, strongest first, up to a limit. Steps
    /// that are one thing said again within the hour have no join of their own.
    pub joins: Vec<Join>,
    /// How sure it is that the steps belong together, 0 to 1: of the weakest join without which they would not hang
    /// together as strongly.
    pub cohesion: f64,
}

impl Campaign {
    /// Every finding, step by step.
    pub fn findings(&self) -> impl Iterator<Item = FindingId> {
        self.steps.iter().flat_map(|s| s.findings.iter().copied())
    }

    /// Earliest and latest time.
    pub fn span(&self) -> (Option<Time>, Option<Time>) {
        (self.steps.iter().filter_map(|s| s.first).min(), self.steps.iter().filter_map(|s| s.last).max())
    }

    /// The gravest step's.
    pub fn severity(&self) -> Severity {
        self.steps.iter().map(|s| s.severity).max().unwrap_or_default()
    }

    /// Channels, in the order of [`Vector`].
    pub fn vectors(&self) -> Vec<Vector> {
        let mut all: Vec<Vector> = self.steps.iter().flat_map(|s| s.vectors.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
