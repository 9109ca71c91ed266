//! JSON logs: cutting, dialects, embedded XML and JSON.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_host::json::fuzz(data));
