//! Room on the disk for what does not fit in memory: unnamed temporary files that are gone when the run ends, however it
//! ends.
//!
//! What it never does: keep anything beyond the run, or write where nothing was put.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Result, Seek as _, SeekFrom, Write as _};
use std::sync::{Mutex, PoisonError};

use palisade_model::Spill;

/// A file for each run, in the system's temporary directory (`TMPDIR`).
#[derive(Default, Debug)]
pub(crate) struct DiskSpill {
    runs: Mutex<BTreeMap<u32, File>>,
}

impl Spill for DiskSpill {
    fn append(&self, run: u32, bytes: &[u8]) -> Result<()> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match runs.entry(run) {
            std::collections::btree_map::Entry::Occupied(old) => old.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)
    }

    fn read_at(&self, run: u32, at: u64, out: &mut [u8]) -> Result<usize> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = runs.get_mut(&run) else { return Ok(0) };
        file.seek(SeekFrom::Start(at))?;
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|r| !r.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    fn remove(&self, run: u32) -> Result<()> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
        Ok(())
    }
}
