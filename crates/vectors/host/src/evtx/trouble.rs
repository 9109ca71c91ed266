//! Problems of one piece, folded: the same trouble a thousand times is one line with a count.

use palisade_model::{Origin, Problem, ProblemCode};

/// Most different problems kept of one piece; further ones are counted in the last.
const MAX_KINDS: usize = 64;

/// Collects what could not be read.
pub(super) struct Trouble<'a> {
    origin: &'a Origin,
    list: Vec<Problem>,
}

impl<'a> Trouble<'a> {
    pub fn new(origin: &'a Origin) -> Self {
        Trouble { origin, list: Vec::new() }
    }

    /// Notes a problem; the offset kept is that of the first of its kind.
    pub fn add(&mut self, code: ProblemCode, offset: u64, message: &str) {
        let known = self.list.iter_mut().find(|p| p.code == code && p.message == message);
        if let Some(problem) = known {
            problem.count += 1;
        } else if self.list.len() < MAX_KINDS {
            self.list.push(Problem::new(code, self.origin, offset, message));
        } else if let Some(problem) = self.list.last_mut() {
            problem.count += 1;
        }
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.list
    }
}
