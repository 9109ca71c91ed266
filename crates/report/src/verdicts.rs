//! Which findings analysts have judged.
//!
//! What this module never does: hide that a finding was judged. It is left out of counts and kept in lists.

use palisade_model::{Judgements, VerdictKind};

use crate::material::{Finding, Material};

/// Judgements that hold when the report is made.
pub(crate) struct Judged(Judgements);

impl Judged {
    pub(crate) fn new(m: &Material) -> Judged {
        Judged(Judgements::new((0..).zip(m.verdicts.iter().cloned()), m.made))
    }

    fn says(&self, f: &Finding) -> Option<VerdictKind> {
        let about = palisade_model::Judged {
            id: &f.id.to_string(),
            rule: &f.rule,
            host: f.host.as_deref(),
            observables: &f.observables,
        };
        self.0.of(&about).map(|(_, v)| v.kind)
    }

    /// Somebody said it is none; a word on the finding itself beats one on its rule.
    pub(crate) fn dismissed(&self, f: &Finding) -> bool {
        self.says(f) == Some(VerdictKind::FalsePositive)
    }

    /// Somebody confirmed it.
    pub(crate) fn confirmed(&self, f: &Finding) -> bool {
        self.says(f) == Some(VerdictKind::Confirmed)
    }
}
