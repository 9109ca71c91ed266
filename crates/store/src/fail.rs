//! Points at which a test ends the process, as a power cut would.
//!
//! `PALISADE_CRASH_AT=name` ends it the first time the point is passed, `name:3` the third time.
//! Outside tests the variable is not set and a point costs one comparison.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every point, in the order a commit passes them.
pub const POINTS: &[&str] = &[
    "segment-written",
    "index-written",
    "directory-synced",
    "transaction-begun",
    "segments-recorded",
    "transaction-full",
    "transaction-committed",
    "compacted-written",
    "compaction-committed",
    "file-removed",
    "run-finished",
    "manifest-written",
];

static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Ends the process here if the test wants it.
pub(crate) fn point(name: &str) {
    debug_assert!(POINTS.contains(&name), "{name} is not listed");
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("PALISADE_CRASH_AT").ok()?;
        let (name, n) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), n.parse().unwrap_or(1)))
    });
    if let Some((wanted, n)) = wanted
        && wanted == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *n
    {
        // No destructor, no flush: what the system has is all that is left.
        std::process::abort();
    }
}
