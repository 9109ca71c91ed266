//! One binary for all integration tests of the assess room.

// Helpers outside of `#[test]` functions may fail a test in the plain way, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod who;
