//! Tests of the money room.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod screen_formats;
mod screen_lists;
mod screen_names;
