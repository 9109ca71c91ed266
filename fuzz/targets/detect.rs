//! Detectors over facts of every kind: the same in any order, whatever the facts.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_host::detect::fuzz(data));
