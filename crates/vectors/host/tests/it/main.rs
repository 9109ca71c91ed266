//! Integration tests of the host room.

// Helpers outside of `#[test]` functions may fail a test in the plain way, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod detect;
mod detect_cloud;
mod detect_files;
mod detect_limits;
mod evtx;
mod evtx_binxml;
mod evtx_damage;
mod evtx_fuzz;
mod evtx_oracle;
mod json;
mod json_data;
mod json_dialects;
mod json_limits;
mod lines;
mod lines_limits;
mod lines_linux;
mod lines_share;
mod lines_tables;
mod whole;
