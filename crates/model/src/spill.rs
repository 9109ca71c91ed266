//! Room to put what does not fit in memory, given to pure rooms as a value: they remember without doing I/O.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Append-only runs of bytes, each read back from any place, any number of times.
///
/// Whoever gives it decides where the bytes lie (a temporary file, memory). A run that was never written to is
/// empty. Errors are those of the storage; the room that meets one gives up and hands it on.
pub trait Spill {
    /// Adds bytes to the end of a run.
    fn append(&self, run: u32, bytes: &[u8]) -> io::Result<()>;
    /// Reads from a place of a run on; fewer bytes than asked for only at its end, where it is 0.
    fn read_at(&self, run: u32, at: u64, out: &mut [u8]) -> io::Result<usize>;
    /// Gives up a run; what it held is not asked for again.
    fn remove(&self, run: u32) -> io::Result<()>;
}

/// In memory, for tests and small runs.
#[derive(Default, Debug)]
pub struct MemorySpill {
    runs: Mutex<BTreeMap<u32, Vec<u8>>>,
}

impl MemorySpill {
    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }
}

impl Spill for MemorySpill {
    fn append(&self, run: u32, bytes: &[u8]) -> io::Result<()> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.entry(run).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, run: u32, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let from =
            runs.get(&run).and_then(|bytes| bytes.get(usize::try_from(at).ok()?..)).unwrap_or_default();
        let n = from.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), from.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }

    fn remove(&self, run: u32) -> io::Result<()> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
        Ok(())
    }
}
