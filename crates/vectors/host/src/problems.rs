//! Problems of one piece, the like folded into one with a count.

use palisade_model::{Origin, Problem, ProblemCode};

/// Most different problems kept per piece or stream; messages are our own and few.
const MAX_KINDS: usize = 64;

/// Collects problems.
pub(crate) struct Problems<'o> {
    origin: &'o Origin,
    list: Vec<Problem>,
}

impl<'o> Problems<'o> {
    /// Of one source.
    pub fn of(origin: &'o Origin) -> Problems<'o> {
        Problems { origin, list: Vec::new() }
    }

    /// Notes one; the first of its like keeps its place.
    pub fn add(&mut self, code: ProblemCode, offset: u64, message: impl AsRef<str>) {
        let message = message.as_ref();
        if let Some(p) = self.list.iter_mut().find(|p| p.code == code && p.message == message) {
            p.count += 1;
        } else if self.list.len() < MAX_KINDS {
            self.list.push(Problem::new(code, self.origin, offset, message));
        }
    }

    /// All of them.
    pub fn finish(self) -> Vec<Problem> {
        self.list
    }
}
