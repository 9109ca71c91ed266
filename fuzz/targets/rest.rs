//! Values of a lake's row that have no column, read back.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    palisade_store::lake::fuzz_rest(data);
});
