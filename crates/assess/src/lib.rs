//! Room: `assess` — who could be behind a campaign, how grave it is, and what may come.
//!
//! [`who`] weighs hypotheses, an actor nobody knows among them; [`gravity`] judges on published scales; [`warn`] counts
//! what to expect beside the base rate.
//!
//! What this room never does: no I/O, no clock, no randomness; it reads no format (`intel` does), adopts no attribution
//! (a named analyst does), and recommends no answer to an act.

pub mod gravity;
pub mod warn;
pub mod who;
