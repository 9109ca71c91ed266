//! Room: `intel` — knowledge in and out.

pub mod actors;
