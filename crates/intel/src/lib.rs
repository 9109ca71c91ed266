//! Room: `intel` — knowledge in and out.
