//! Room: `assess`, part `gravity` — how grave something is, on published scales, with every unknown input shown as a range.
//!
//! Scales are data (`knowledge/scales/*.toml`): a weighted mean (NCISS), a sum (EuRepoC), ladders of categories (Breakout
//! Scale, UK NCSC), checklists (NIS2, EU 2019/796). An answer is a choice, a lower bound, one of several, or unknown;
//! whatever follows from it is an interval. What findings can answer is derived from their techniques, with the findings as
//! evidence; everything else stays unknown until somebody says.
//!
//! What this part never does: I/O; invent a cut-off between levels; give a legal verdict; recommend a response; add up
//! incidents to a graver one ([`accumulate`] counts them instead).

mod accumulate;
mod derive;
mod scale;

use std::collections::BTreeMap;

use palisade_model::FindingId;
use serde::Serialize;

pub use accumulate::{Accumulation, Act, accumulate};
pub use derive::{Derivation, DeriveError, derive};
pub use scale::{Choice, Form, Item, Level, Scale, ScaleError};

/// What is known of one item.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case", tag = "known", content = "choices")]
pub enum Reading {
    /// Nothing.
    #[default]
    Unknown,
    /// These choices hold; of several the highest counts.
    Chosen(Vec<String>),
    /// This choice or a higher one.
    AtLeast(String),
    /// One of these, not known which.
    OneOf(Vec<String>),
}

/// An answer to one item, with what it rests on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Answer {
    /// What is known.
    pub reading: Reading,
    /// Why, one sentence each.
    pub why: Vec<String>,
    /// The findings it rests on, sorted; their citations are its evidence.
    #[serde(serialize_with = "ids")]
    pub findings: Vec<FindingId>,
}

fn ids<S: serde::Serializer>(all: &[FindingId], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(all.iter().map(ToString::to_string))
}

/// Answers by item id.
pub type Answers = BTreeMap<String, Answer>;

/// One item with its answer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Answered {
    /// The item's id.
    pub item: String,
    /// The question.
    pub question: String,
    /// What answers it.
    pub answered_by: String,
    /// The answer.
    pub answer: Answer,
    /// In words: `presence or more`, `unknown`.
    pub value: String,
    /// Least and most of its value.
    pub range: (f64, f64),
    /// Its weight, or 1.
    pub weight: f64,
}

/// How grave, on one scale.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Judged {
    /// The scale's id.
    pub scale: String,
    /// The scale's name.
    pub name: String,
    /// Where the scale comes from.
    pub source: String,
    /// What the scale says of itself.
    pub note: String,
    /// How it works.
    pub form: Form,
    /// The score, least and most; of a ladder the places of the levels, from 1 (0: none); of a checklist nothing.
    pub range: Option<(f64, f64)>,
    /// The score with the scale's own value for what is unknown, where the scale has one for all that is.
    pub point: Option<f64>,
    /// The score before its multiplier, of a sum.
    pub plain: Option<(f64, f64)>,
    /// The least and the gravest level it can be; empty without cut-offs.
    pub level: Option<(String, String)>,
    /// The items.
    pub items: Vec<Answered>,
}

impl Judged {
    /// How many items are unknown.
    pub fn unknown(&self) -> usize {
        self.items.iter().filter(|i| i.answer.reading == Reading::Unknown).count()
    }

    /// What a report shows of the inputs: question, answer, points (a range where it is not known).
    pub fn inputs(&self) -> Vec<(String, String, String)> {
        let points = |(a, b): (f64, f64)| if a == b { format!("{a}") } else { format!("{a} to {b}") };
        let row = |i: &Answered| {
            let points = if self.form == Form::Checklist { String::new() } else { points(i.range) };
            (i.question.clone(), i.value.clone(), points)
        };
        self.items.iter().map(row).collect()
    }

    /// The reasons, each with its findings.
    pub fn evidence(&self) -> Vec<(String, Vec<FindingId>)> {
        let of = |i: &Answered| {
            (!i.answer.why.is_empty())
                .then(|| (format!("{} {}", i.question, i.answer.why.join("; ")), i.answer.findings.clone()))
        };
        self.items.iter().filter_map(of).collect()
    }

    /// What it comes to, in one line that says how much is unknown.
    pub fn sentence(&self) -> String {
        let unknown = match self.unknown() {
            0 => String::new(),
            n => format!("; {n} of {} inputs unknown", self.items.len()),
        };
        let levels = match &self.level {
            Some((a, b)) if a == b => a.clone(),
            Some((a, b)) => format!("from {a} to {b}"),
            None => String::new(),
        };
        let body = match (self.form, self.range) {
            (Form::Checklist, _) => {
                let count = |choice: &str| {
                    let chosen =
                        |r: &Reading| matches!(r, Reading::Chosen(c) if c.iter().any(|c| c == choice));
                    self.items.iter().filter(|i| chosen(&i.answer.reading)).count()
                };
                format!("{} answered yes, {} answered no", count("yes"), count("no"))
            }
            (Form::Ladder, _) | (_, None) => levels,
            (_, Some((least, most))) => {
                let score = if (most - least).abs() < 1e-9 {
                    format!("{least:.1}")
                } else {
                    format!("between {least:.1} and {most:.1}")
                };
                if levels.is_empty() { score } else { format!("{score}: {levels}") }
            }
        };
        format!("{body}{unknown}")
    }
}

/// Where levels begin, from configuration: name and least score.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cuts(
    /// In any order.
    pub Vec<(String, f64)>,
);

impl Cuts {
    /// The level of a score: the one with the highest beginning that is not above it.
    fn level(&self, score: f64) -> String {
        let fits = self.0.iter().filter(|c| c.1 <= score + 1e-9);
        fits.max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
            .map_or_else(|| "below all levels".into(), |c| c.0.clone())
    }
}

/// Judges on a scale; `cuts` are the organisation's own, if it has any.
///
/// Answers to items that the scale does not have, and choices that an item does not have, are unknown.
pub fn judge(scale: &Scale, answers: &Answers, cuts: Option<&Cuts>) -> Judged {
    let items: Vec<Answered> = scale
        .items
        .iter()
        .map(|item| {
            let mut answer = answers.get(&item.id).cloned().unwrap_or_default();
            answer.reading = item.valid(&answer.reading);
            Answered {
                item: item.id.clone(),
                question: item.question.clone(),
                answered_by: item.answered_by.clone(),
                value: item.words(&answer.reading),
                range: item.range(&answer.reading),
                weight: item.weight,
                answer,
            }
        })
        .collect();
    let mut out = Judged {
        scale: scale.id.clone(),
        name: scale.name.clone(),
        source: scale.source.clone(),
        note: scale.note.clone(),
        form: scale.form,
        range: None,
        point: None,
        plain: None,
        level: None,
        items,
    };
    let pairs = || scale.items.iter().zip(&out.items);
    match scale.form {
        Form::WeightedMean => {
            let weights: f64 = scale.items.iter().map(|i| i.weight).sum();
            let least: f64 = pairs().map(|(i, a)| i.weight * a.range.0).sum();
            let most: f64 = pairs().map(|(i, a)| i.weight * a.range.1).sum();
            let point: Option<f64> =
                pairs().map(|(i, a)| i.point(&a.answer.reading).map(|v| i.weight * v)).sum();
            out.range = Some((least / weights, most / weights));
            out.point = point.map(|p| p / weights);
        }
        Form::Sum => {
            let sum = |end: fn((f64, f64)) -> f64| -> f64 {
                pairs().filter(|(i, _)| !i.multiplies).map(|(_, a)| end(a.range)).sum()
            };
            let times = |end: fn((f64, f64)) -> f64| -> f64 {
                pairs().filter(|(i, _)| i.multiplies).map(|(_, a)| end(a.range)).product()
            };
            let plain = (sum(|r| r.0), sum(|r| r.1));
            let range = (plain.0 * times(|r| r.0), plain.1 * times(|r| r.1));
            out.plain = Some(plain);
            out.point = (range.0 == range.1).then_some(range.0);
            out.range = Some(range);
        }
        Form::Ladder => {
            let place =
                |holds: &dyn Fn(&Level) -> bool| scale.levels.iter().rposition(holds).map_or(0, |p| p + 1);
            let readings: BTreeMap<&str, (&Item, &Reading)> =
                pairs().map(|(i, a)| (i.id.as_str(), (i, &a.answer.reading))).collect();
            let (surely, maybe) = (place(&|l| l.holds(&readings).0), place(&|l| l.holds(&readings).1));
            let name = |p: usize| {
                p.checked_sub(1)
                    .and_then(|p| scale.levels.get(p))
                    .map_or_else(|| "no category".into(), |l| l.name.clone())
            };
            out.range = Some((surely as f64, maybe as f64));
            out.point = (surely == maybe).then_some(surely as f64);
            out.level = Some((name(surely), name(maybe)));
        }
        Form::Checklist => {}
    }
    if let (Some(cuts), Some((least, most)), Form::WeightedMean | Form::Sum) = (cuts, out.range, scale.form) {
        out.level = Some((cuts.level(least), cuts.level(most)));
    }
    out
}
