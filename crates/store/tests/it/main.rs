//! The case: what is kept, kept once, kept whole, on SQLite and on PostgreSQL.
//!
//! Tests in `on_both!` run on PostgreSQL too if `PALISADE_TEST_POSTGRES` names a database
//! (`postgres://user@host/db`, an account that may make schemas and switch references off); with
//! `PALISADE_TEST_DATA_REQUIRED=1` it must.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "helpers of one test binary")]

mod bench;
mod copies;
mod index;
mod kept;
mod lake;
mod maintain;
mod schema;
mod trouble;
mod verify;

/// Runs each function as a test on each database.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(&crate::bench::Bench::sqlite()); })*
        }
        mod postgres {
            $(#[test] fn $name() {
                if let Some(b) = crate::bench::Bench::postgres() { super::$name(&b); }
            })*
        }
    };
}
pub(crate) use on_both;
