//! Screening: which listed parties names, addresses and hosts denote.
//!
//! [`lists`] reads lists of any format into [`Party`]s; [`name`] takes names apart and compares them.
//!
//! What this module never does: open files, keep time, or decide for the analyst.

pub mod lists;
pub mod name;
pub mod party;

pub use lists::{Format, ListInfo, Lists};
pub use party::{Date, Party, Schema};
