//! An analyst's word. It outlives rules and re-runs.

use foldhash::HashMap;
use serde::{Deserialize, Serialize};

use crate::{Observable, Time};

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
    /// What it is about: a finding id in hexadecimal, a rule id or the id of a hit of screening; two ids for pin and cut.
    /// What settles findings may be narrowed, see [`Judgements`].
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

/// What a verdict can be about: a finding as analysts see it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Its id, hexadecimal.
    pub id: &'a str,
    /// Its rule's id.
    pub rule: &'a str,
    /// The machine it is about.
    pub host: Option<&'a str>,
    /// Its observables.
    pub observables: &'a [Observable],
}

impl Judged<'_> {
    /// Whether a scope (`host:web01`, `account:…`) holds of it.
    fn within(&self, scope: &str) -> bool {
        let host = scope.strip_prefix("host:");
        host.is_some_and(|h| self.host.is_some_and(|own| own.eq_ignore_ascii_case(h)))
            || self.observables.iter().any(|o| {
                let value = scope.strip_prefix(o.kind().name()).and_then(|rest| rest.strip_prefix(':'));
                value.is_some_and(|v| v == o.value())
            })
    }
}

/// The words that settle findings, `false_positive` and `confirmed`, ready to be asked of many.
///
/// Such a verdict's first subject is a finding or a rule; further ones narrow it: all must hold of the finding. A word on
/// the finding itself beats one on its rule, a narrow one a wide one, a later one an earlier one.
#[derive(Clone, Default, Debug)]
pub struct Judgements {
    by_subject: HashMap<String, Vec<(i64, Verdict)>>,
}

impl Judgements {
    /// Of verdicts with their numbers, in the order in which they were given, those that hold at a moment.
    pub fn new(verdicts: impl IntoIterator<Item = (i64, Verdict)>, at: Time) -> Judgements {
        let mut by_subject: HashMap<String, Vec<(i64, Verdict)>> = HashMap::default();
        for (number, verdict) in verdicts {
            let settles = matches!(verdict.kind, VerdictKind::FalsePositive | VerdictKind::Confirmed);
            if let Some(first) = verdict.subject.first().filter(|_| settles && verdict.holds(at)) {
                by_subject.entry(first.clone()).or_default().push((number, verdict));
            }
        }
        Judgements { by_subject }
    }

    /// The word that settles a finding, with its number.
    pub fn of(&self, about: &Judged<'_>) -> Option<&(i64, Verdict)> {
        let meant = |v: &Verdict| v.subject.iter().skip(1).all(|scope| about.within(scope));
        let narrowest = |subject: &str| {
            let all = self.by_subject.get(subject).into_iter().flatten().filter(|(_, v)| meant(v));
            // Of equals the last, which was given last.
            all.max_by_key(|(_, v)| v.subject.len())
        };
        narrowest(about.id).or_else(|| narrowest(about.rule))
    }

    /// Whether somebody said that a finding is none; by which word.
    pub fn dismissed(&self, about: &Judged<'_>) -> Option<&(i64, Verdict)> {
        self.of(about).filter(|(_, v)| v.kind == VerdictKind::FalsePositive)
    }

    /// Whether nothing is settled.
    pub fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }
}
