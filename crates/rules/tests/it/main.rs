//! One binary for all integration tests of the rules room.

// Helpers outside of `#[test]` functions may fail a test in the plain way, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod correlate;
mod correlate_random;
mod correlate_series;
mod engine;
mod sigma;
mod sigma_corpus;
mod sigma_errors;
mod sigma_hostile;
mod sigma_parts;
mod sigma_sets;
