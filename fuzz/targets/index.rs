//! The observable index of a lake segment: opening, look-ups, sets of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_store::lake::index::fuzz(data));
