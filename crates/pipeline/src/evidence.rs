//! The source table: every evidence file and every log in it, and the file hashes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use palisade_model::{Origin, SourceId};

/// An evidence file as it lies on disk.
#[derive(Debug)]
pub struct EvidenceFile {
    /// As the user named it (or as found below the folder the user named).
    pub path: PathBuf,
    /// Size in bytes when opened.
    pub bytes: u64,
    hash: Mutex<Option<Option<[u8; 32]>>>,
    ready: Condvar,
    /// Whether its rows go into the lake.
    packed: AtomicBool,
    /// Whether it has a part in what is found over all files together.
    together: AtomicBool,
}

impl EvidenceFile {
    pub(crate) fn new(path: PathBuf, bytes: u64) -> EvidenceFile {
        EvidenceFile {
            path,
            bytes,
            hash: Mutex::new(None),
            ready: Condvar::new(),
            packed: AtomicBool::new(false),
            together: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_together(&self) {
        self.together.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_together(&self) -> bool {
        self.together.load(Ordering::Relaxed)
    }

    pub(crate) fn set_packed(&self, packed: bool) {
        self.packed.store(packed, Ordering::Relaxed);
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.packed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_hash(&self, hash: Option<[u8; 32]>) {
        *self.hash.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash);
        self.ready.notify_all();
    }

    /// SHA-256 of the whole file; waits until it is computed. `None` if hashing was switched off or failed.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let mut hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *hash {
                Some(done) => return done,
                None => hash = self.ready.wait(hash).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The hash in hexadecimal.
    pub fn sha256_hex(&self) -> Option<String> {
        use std::fmt::Write as _;
        self.sha256().map(|h| {
            h.iter().fold(String::with_capacity(64), |mut s, b| {
                let _ = write!(s, "{b:02x}");
                s
            })
        })
    }
}

/// A log: an evidence file or a member of one.
#[derive(Clone, Debug)]
pub struct Source {
    /// The evidence file it is, or is in.
    pub file: Arc<EvidenceFile>,
    /// The way to it.
    pub origin: Origin,
}

/// Every source of a run, by [`SourceId`].
#[derive(Default, Debug)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    pub(crate) fn push(&mut self, source: Source) {
        self.list.push(source);
    }

    /// The source behind an id; ids come from findings of the same run.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.list.get(id.0 as usize)
    }

    /// What the files are, to tell whether they have changed.
    pub(crate) fn hashes(&self) -> Vec<Option<[u8; 32]>> {
        self.list.iter().map(|s| s.file.sha256()).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }
}
