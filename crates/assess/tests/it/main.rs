//! Integration tests of the assess room.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of one test binary"
)]
#![allow(missing_docs, reason = "nobody reads the documentation of a test binary")]

mod gravity;
mod statement;
mod warn;
mod who;
