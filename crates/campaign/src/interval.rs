//! How often a thing happens: runs, and the mean time between them.
//!
//! Frequency is counted in runs, never in single alerts: a scanner's 400,000 requests are one thing that happened.

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;

/// Pauses up to this long do not end what happens, where it is only counted.
const EPISODE: i64 = 5 * SECOND;

/// Which run each row is in: rows of one key with pauses of at most `pause` between them.
pub(crate) struct Runs {
    /// Run of each row; a run's number grows with its first row.
    pub of: Vec<u32>,
    /// How many.
    pub count: usize,
}

/// Runs of rows in order of time. `key` is below `keys`; [`u32::MAX`] takes no part and has run [`u32::MAX`].
pub(crate) fn runs(times: &[i64], key: &[u32], keys: usize, pause: i64) -> Runs {
    let mut current: Vec<(i64, u32)> = vec![(i64::MIN, u32::MAX); keys];
    let mut count = 0u32;
    let mut of = Vec::with_capacity(times.len());
    for (time, key) in times.iter().zip(key) {
        let Some((last, run)) = current.get_mut(*key as usize) else {
            of.push(u32::MAX);
            continue;
        };
        if *run == u32::MAX || time.saturating_sub(*last) > pause {
            *run = count;
            count += 1;
        }
        *last = *time;
        of.push(*run);
    }
    Runs { of, count: count as usize }
}

/// Mean time between two episodes of each key, in microseconds, over `span`; a key without rows has `span`.
pub(crate) fn between(times: &[i64], key: &[u32], keys: usize, span: i64) -> Vec<i64> {
    let Runs { of, .. } = runs(times, key, keys, EPISODE);
    let mut episodes = vec![0i64; keys];
    let mut next = 0;
    for (run, key) in of.iter().zip(key) {
        // A run's number is new where its first row is.
        if *run == next
            && let Some(n) = episodes.get_mut(*key as usize)
        {
            *n += 1;
            next += 1;
        }
    }
    episodes.into_iter().map(|n| span / n.max(1)).collect()
}

/// Numbers for values: equal ones get equal numbers, in the order of the values.
pub(crate) fn numbered<K: Ord + Copy>(values: &[K]) -> (Vec<u32>, usize) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    // Below the number of rows, which callers keep below 2^32.
    let number = |v: &K| sorted.binary_search(v).unwrap_or(0) as u32;
    (values.iter().map(number).collect(), sorted.len())
}
