//! One binary for all integration tests of the rules room.

mod sigma;
mod sigma_corpus;
mod sigma_errors;
mod sigma_hostile;
mod sigma_sets;
