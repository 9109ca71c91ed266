//! How common things are, given to pure rooms as a value: they ask without doing I/O.

use crate::Observable;

/// How common an observable is, over the case and the lake.
pub trait Prevalence {
    /// Events (or transactions, mails, posts) that held it.
    fn events(&self, observable: &Observable) -> u64;
    /// Different hosts or sites that held it.
    fn hosts(&self, observable: &Observable) -> u64;
}
