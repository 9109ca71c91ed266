//! Collects problems in bounded number.

use palisade_model::{Origin, Problem, ProblemCode};

/// Problems of one code kept apart in one container; more are folded into the last.
const MAX_PROBLEMS_PER_CODE: usize = 100;

/// The problems of one container.
pub(crate) struct Problems {
    origin: Origin,
    list: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(origin: Origin) -> Problems {
        Problems { origin, list: Vec::new() }
    }

    /// A problem of the container itself.
    pub(crate) fn here(&mut self, code: ProblemCode, offset: impl Into<Option<u64>>, message: String) {
        let origin = self.origin.clone();
        self.at(code, &origin, offset, message);
    }

    /// A problem of a member.
    pub(crate) fn at(
        &mut self,
        code: ProblemCode,
        origin: &Origin,
        offset: impl Into<Option<u64>>,
        message: String,
    ) {
        let alike = self.list.iter().filter(|p| p.code == code).count();
        if alike < MAX_PROBLEMS_PER_CODE {
            self.list.push(Problem::new(code, origin, offset, message));
        } else if let Some(last) = self.list.iter_mut().rfind(|p| p.code == code) {
            if last.count == 1 {
                let more = "more members of this container have problems of this kind, the last kept was";
                last.message = format!("{more} {}: {}", last.origin.name(), last.message);
                last.origin = self.origin.clone();
                last.offset = None;
            }
            last.count += 1;
        }
    }

    pub(crate) fn done(self) -> Vec<Problem> {
        self.list
    }
}
