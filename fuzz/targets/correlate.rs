//! Correlations: rules and correlations as YAML, then matches of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_rules::correlate::fuzz(data));
