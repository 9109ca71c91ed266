//! The tests of the readers, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod json;
mod json_data;
mod json_dialects;
mod json_limits;
