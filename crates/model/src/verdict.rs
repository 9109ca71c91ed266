//! An analyst's word. It outlives rules and re-runs.

use serde::{Deserialize, Serialize};

use crate::Time;

/// What an analyst says of a finding, a join or an observable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// It is not what the rule thinks.
    FalsePositive,
    /// It is.
    Confirmed,
    /// A remark.
    Comment,
    /// These belong together.
    Pin,
    /// These do not.
    Cut,
    /// Leave it out of joins.
    Exclude,
}

impl VerdictKind {
    /// Its name in commands and output.
    pub fn name(self) -> &'static str {
        match self {
            VerdictKind::FalsePositive => "false_positive",
            VerdictKind::Confirmed => "confirmed",
            VerdictKind::Comment => "comment",
            VerdictKind::Pin => "pin",
            VerdictKind::Cut => "cut",
            VerdictKind::Exclude => "exclude",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<VerdictKind> {
        use VerdictKind::*;
        [FalsePositive, Confirmed, Comment, Pin, Cut, Exclude].into_iter().find(|k| k.name() == name)
    }
}

/// One such word, with who, when and why. Undone by a later one, never deleted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// What it is about: a finding id in hexadecimal, a rule id, or two ids for pin and cut.
    pub subject: Vec<String>,
    /// What is said.
    pub kind: VerdictKind,
    /// Who says it.
    pub analyst: String,
    /// When.
    pub time: Time,
    /// Why.
    pub reason: String,
    /// Until when it holds.
    pub expires: Option<Time>,
    /// Whether it was taken back, and when.
    pub undone: Option<Time>,
}

impl Verdict {
    /// Whether it holds at a moment.
    pub fn holds(&self, at: Time) -> bool {
        self.undone.is_none_or(|u| at < u) && self.expires.is_none_or(|e| at < e) && self.time <= at
    }
}
