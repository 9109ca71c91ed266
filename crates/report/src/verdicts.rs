//! Which findings analysts have judged.
//!
//! What this module never does: hide that a finding was judged. It is left out of counts and kept in lists.

use std::collections::BTreeSet;

use palisade_model::VerdictKind;

use crate::material::{Finding, Material};

/// Judgements that hold when the report is made.
pub(crate) struct Judged {
    dismissed: BTreeSet<String>,
    confirmed: BTreeSet<String>,
}

impl Judged {
    pub(crate) fn new(m: &Material) -> Judged {
        let of = |kind| {
            let held = m.verdicts.iter().filter(move |v| v.kind == kind && v.holds(m.made));
            held.flat_map(|v| v.subject.iter().cloned()).collect()
        };
        Judged { dismissed: of(VerdictKind::FalsePositive), confirmed: of(VerdictKind::Confirmed) }
    }

    /// Somebody said it is none; a word on the finding itself beats one on its rule.
    pub(crate) fn dismissed(&self, f: &Finding) -> bool {
        let id = f.id.to_string();
        self.dismissed.contains(&id) || (self.dismissed.contains(&f.rule) && !self.confirmed.contains(&id))
    }

    /// Somebody confirmed it.
    pub(crate) fn confirmed(&self, f: &Finding) -> bool {
        !self.dismissed(f) && (self.confirmed.contains(&f.id.to_string()) || self.confirmed.contains(&f.rule))
    }
}
