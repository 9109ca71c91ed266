//! Containers: ZIP, gzip, Zstandard, tar, and each inside each.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_files::fuzz(data));
