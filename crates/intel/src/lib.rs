//! Room: `intel` — knowledge in and out.
//!
//! [`actors`] reads what others publish of actors, [`incidents`] collections of incidents, [`calendar`] calendars of
//! occasions; all yield the model's words and Problems for what could not be read.
//!
//! What this room never does: judge, open a file or a connection, or believe what a file says of itself.

pub mod actors;
pub mod calendar;
pub mod incidents;
