//! Memory given to pure rooms as values: they remember without doing I/O.

use crate::Observable;

/// Ordered key–value memory of a detector, with spill behind it where it grows.
pub trait State {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Sets a key.
    fn put(&mut self, key: &[u8], value: &[u8]);
    /// Removes a key.
    fn remove(&mut self, key: &[u8]);
    /// Calls `f` for keys from `from` on in ascending order until it returns `false`.
    fn scan(&self, from: &[u8], f: &mut dyn FnMut(&[u8], &[u8]) -> bool);
}

/// In memory, for tests and small runs.
impl State for std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        std::collections::BTreeMap::get(self, key).cloned()
    }
    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.insert(key.to_vec(), value.to_vec());
    }
    fn remove(&mut self, key: &[u8]) {
        std::collections::BTreeMap::remove(self, key);
    }
    fn scan(&self, from: &[u8], f: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        for (k, v) in self.range(from.to_vec()..) {
            if !f(k, v) {
                return;
            }
        }
    }
}

/// How common an observable is, over the case and the lake.
pub trait Prevalence {
    /// Events (or transactions, mails, posts) that held it.
    fn events(&self, observable: &Observable) -> u64;
    /// Different hosts or sites that held it.
    fn hosts(&self, observable: &Observable) -> u64;
}
