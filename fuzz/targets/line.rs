//! One kind of text log; the first byte says which.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_host::lines::fuzz_one(data));
