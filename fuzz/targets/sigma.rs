//! Sigma rules: YAML, modifiers, conditions.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_rules::sigma::fuzz(data));
