//! A mapping of one's own, a zero byte, and a table.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_host::lines::fuzz_mapping(data));
