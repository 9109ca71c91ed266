//! Words for numbers: how likely, and confidence, which is another thing.
//!
//! The words of likelihood are [`Likelihood`]'s. Confidence and likelihood do not stand in one sentence (Intelligence
//! Community Directive 203, section D.6.e(2)).

use palisade_model::Likelihood;

use super::{Assessment, Costs, Reason};

/// The word for a probability; `not assessed` for no number.
pub fn likelihood_words(probability: f64) -> &'static str {
    Likelihood::of(probability).map_or("not assessed", Likelihood::words)
}

/// How far the assessment itself can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Confidence {
    /// Thin, one-sided, old, or hanging on one item.
    Low,
    /// Between.
    Moderate,
    /// Much evidence of several kinds from several reports, and no single item decides.
    High,
}

/// What the confidence rests on; each is good or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grounds {
    /// At least ten items were weighed.
    pub quantity: bool,
    /// At least three reports tell of the likeliest actor.
    pub independence: bool,
    /// At least two classes of evidence speak for it, those of artefacts that are cheap to fake left out.
    pub diversity: bool,
    /// A report on it is younger than three years.
    pub age: bool,
    /// Without the strongest item the same actor is likeliest.
    pub sensitivity: bool,
}

impl Grounds {
    /// Five of five is high, three or four moderate; a conclusion that one item carries is low whatever else holds.
    pub fn confidence(self) -> Confidence {
        let good = [self.quantity, self.independence, self.diversity, self.age, self.sensitivity];
        match good.iter().filter(|g| **g).count() {
            _ if !self.sensitivity => Confidence::Low,
            5 => Confidence::High,
            3 | 4 => Confidence::Moderate,
            _ => Confidence::Low,
        }
    }
}

/// The grounds of an assessment made with reasons. `reports` tell of its likeliest actor, the youngest `age` months
/// old; `stable`: whether the same actor is likeliest without the strongest item.
pub fn confidence(
    assessment: &Assessment,
    costs: &Costs,
    reports: usize,
    age: Option<i32>,
    stable: bool,
) -> Grounds {
    let reasons: &[Reason] = assessment.candidates.first().map_or(&[], |c| &c.reasons);
    let mut classes: Vec<&str> =
        reasons.iter().filter(|r| r.weight.0 > 0 && r.class != "prior").map(|r| r.class.as_str()).collect();
    classes.retain(|c| *c == "tool" || !costs.is_cheap(c));
    classes.sort_unstable();
    classes.dedup();
    Grounds {
        quantity: assessment.weighed >= 10,
        independence: reports >= 3,
        diversity: classes.len() >= 2,
        age: age.is_some_and(|a| a < 36),
        sensitivity: stable,
    }
}
