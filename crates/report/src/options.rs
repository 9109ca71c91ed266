//! For whom, how marked, in which language and zone.
//!
//! What this module never does: ask the machine for any of these.

use jiff::tz::TimeZone;
use palisade_model::Tlp;

use crate::{Catalogue, Locale, Material, Shareable};

/// For whom a report is.
#[derive(Clone, Copy, Debug, Default)]
pub enum Edition<'a> {
    /// Everything, for those who work on the case.
    #[default]
    Technical,
    /// Two pages for those who decide: what happened, how sure, how grave, what to decide. No logs.
    DecisionMaker,
    /// For others who may be hit: what to check on their side. Only what was released.
    Constituent(&'a Shareable),
}

impl<'a> Edition<'a> {
    /// Its name in commands and output.
    pub fn name(self) -> &'static str {
        match self {
            Edition::Technical => "technical",
            Edition::DecisionMaker => "decision-maker",
            Edition::Constituent(_) => "constituent",
        }
    }

    /// What this edition may speak of: the released material if it is for others.
    pub(crate) fn of(self, material: &'a Material) -> &'a Material {
        match self {
            Edition::Technical | Edition::DecisionMaker => material,
            Edition::Constituent(shareable) => shareable.material(),
        }
    }

    /// The marking. Inside, the stricter of what was asked for and what the case has; outside, what it was released as.
    pub(crate) fn tlp(self, material: &Material, asked: Tlp) -> Tlp {
        match self {
            Edition::Technical | Edition::DecisionMaker => asked.max(material.tlp),
            Edition::Constituent(shareable) => asked.max(shareable.tlp()),
        }
    }
}

/// How to make a report.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// For whom.
    pub edition: Edition<'a>,
    /// The marking wanted. It is never printed below the case's own, or below that of a release; exhibits marked
    /// stricter than what is printed are left out, and nothing tells that they were.
    pub tlp: Tlp,
    /// The zone in which times are shown.
    pub zone: TimeZone,
    /// How dates and numbers are written.
    pub locale: Locale,
    /// The words.
    pub catalogue: &'a Catalogue,
}

impl Options<'static> {
    /// The technical edition, TLP:RED, UTC, English.
    pub fn new() -> Options<'static> {
        Options {
            edition: Edition::Technical,
            tlp: Tlp::Red,
            zone: TimeZone::UTC,
            locale: Locale::En,
            catalogue: Catalogue::english(),
        }
    }
}

impl Default for Options<'static> {
    fn default() -> Self {
        Options::new()
    }
}
