//! Integration tests of the model: the words carry what every vector has to say.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "helpers of one test binary")]

mod addresses;
mod batches;
mod examples;
mod observables;
mod times;
mod words;

/// splitmix64: the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }
    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
    /// Up to `max` of these, run together.
    pub fn text(&mut self, of: &[&str], max: usize) -> String {
        (0..self.below(max + 1)).map(|_| self.pick(of)).collect()
    }
}
