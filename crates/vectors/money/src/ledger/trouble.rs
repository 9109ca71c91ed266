//! Problems of a source or of a ledger, the like folded into one with a count. Never drops the first of its kind unless there
//! are more kinds than anybody reads.

use palisade_model::{Origin, Problem, ProblemCode};

/// Most different problems kept; messages are our own and few.
const MAX_KINDS: usize = 64;

/// Collects problems.
#[derive(Default)]
pub(crate) struct Trouble {
    list: Vec<Problem>,
}

impl Trouble {
    /// Notes one; of its like the first keeps its place.
    pub fn add(&mut self, origin: &Origin, code: ProblemCode, offset: u64, message: impl Into<String>) {
        let message = message.into();
        let alike = |p: &&mut Problem| p.code == code && p.message == message && p.origin == *origin;
        if let Some(p) = self.list.iter_mut().find(alike) {
            p.count += 1;
        } else if self.list.len() < MAX_KINDS {
            self.list.push(Problem::new(code, origin, offset, message));
        }
    }

    /// All of them.
    pub fn finish(self) -> Vec<Problem> {
        self.list
    }
}
