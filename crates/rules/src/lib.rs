//! The `rules` room: what to look for, and whether an event is that.
//!
//! [`sigma`] is the language: it turns the text of rules into an intermediate form and says, with
//! the place in the file, why it cannot where it cannot. [`engine`] finds the rules that match an event, [`correlate`]
//! answers questions about several matches, [`indicators`] looks for listed values. This room never opens a file, reads a
//! clock or draws a random number: texts and events come in as arguments.

pub mod correlate;
pub mod engine;
pub mod indicators;
pub mod sigma;
