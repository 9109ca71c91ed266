//! Wrapped scripts: base64, packed streams, character codes, strings that were cut up.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_text::unfold::fuzz(data));
