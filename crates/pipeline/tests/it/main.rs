//! Integration tests of the pipeline.

// Helpers outside of `#[test]` functions may fail a test in the plain way, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod analytics;
mod architecture;
mod cases;
mod conformance;
mod devices;
mod hostile;
mod index_agrees;
mod knowledge;
mod lake;
mod ocsf;
mod sessions;

use std::path::{Path, PathBuf};

/// The folder of real test data, if it is there; its absence is loud, and an error where it is required.
pub fn data(folder: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("PALISADE_TEST_DATA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let path = root.join(folder);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("PALISADE_TEST_DATA_REQUIRED").is_some_and(|v| v == "1");
    assert!(!required, "no test data at {}", path.display());
    eprintln!("SKIPPED: no test data at {}; set PALISADE_TEST_DATA", path.display());
    None
}
