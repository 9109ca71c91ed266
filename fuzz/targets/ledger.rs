//! Ledgers: every format over the same bytes, and what the builder makes of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_money::read::fuzz(data));
