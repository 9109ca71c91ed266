//! Text logs: cutting, every kind of line, tables.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_host::lines::fuzz(data));
