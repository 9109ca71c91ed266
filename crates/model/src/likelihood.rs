//! Words for likelihood: one table, so that a number has the same word wherever it is shown.
//!
//! Intelligence Community Directive 203, "Analytic Standards" (2 January 2015), section D.6.e(2). Neighbouring ranges of the
//! directive share their ends; here an end belongs to the range above it.

/// A range of probability that has a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Likelihood {
    /// Below .05.
    AlmostNone,
    /// .05 to below .20.
    VeryUnlikely,
    /// .20 to below .45.
    Unlikely,
    /// .45 to below .55.
    Even,
    /// .55 to below .80.
    Likely,
    /// .80 to below .95.
    VeryLikely,
    /// From .95 on.
    AlmostCertain,
}

impl Likelihood {
    /// The range of a probability (0 to 1; what lies outside is taken for the nearer end); `None` of no number.
    pub fn of(probability: f64) -> Option<Likelihood> {
        Some(match probability {
            p if p.is_nan() => return None,
            p if p < 0.05 => Likelihood::AlmostNone,
            p if p < 0.20 => Likelihood::VeryUnlikely,
            p if p < 0.45 => Likelihood::Unlikely,
            p if p < 0.55 => Likelihood::Even,
            p if p < 0.80 => Likelihood::Likely,
            p if p < 0.95 => Likelihood::VeryLikely,
            _ => Likelihood::AlmostCertain,
        })
    }

    /// The directive's word.
    pub fn words(self) -> &'static str {
        match self {
            Likelihood::AlmostNone => "almost no chance",
            Likelihood::VeryUnlikely => "very unlikely",
            Likelihood::Unlikely => "unlikely",
            Likelihood::Even => "roughly even chance",
            Likelihood::Likely => "likely",
            Likelihood::VeryLikely => "very likely",
            Likelihood::AlmostCertain => "almost certain",
        }
    }
}
