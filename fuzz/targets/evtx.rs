//! Windows event logs: chunks, BinXML, carving.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_host::evtx::fuzz(data));
