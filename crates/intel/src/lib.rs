//! Room: `intel` — knowledge in and out.

pub mod calendar;
pub mod incidents;
