//! Room: `campaign` — findings that belong together.
//!
//! Two levels. A step (`steps.rs`) is one burst of one technique or tool: seconds to minutes. A campaign (`join.rs`) is
//! what one purpose has done: days to years. Both ask the same question of two things that have something in common:
//! how much likelier is it if they belong together than if they do not? What is shared by many, or happens often,
//! answers little; what is rare answers much.
//!
//! What this room never does: no I/O, no clock, no randomness. The order in which findings come never matters: the same
//! set gives the same campaigns, byte for byte. Nothing is remembered between runs but what the caller hands in, so
//! whatever was joined can come apart again when its reason goes.

mod campaigns;
mod components;
mod cut;
mod entity;
mod frequency;
mod groups;
mod interval;
mod join;
mod pairs;
mod realm;
mod steps;

pub use campaigns::{Explanation, Former, Joined, Link, between, campaigns, explain, without};
pub use frequency::Frequency;
pub use groups::{Alert, Names, group};
pub use join::{Evidence, Graph, Habit, Origin, Words};
pub use steps::{Prepared, Seen, Sensitivity, steps};
