//! One budget per top-level evidence file, carried through every nesting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Limits that a [`Budget`] starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes unpacked from one evidence file, all nestings together.
    pub bytes: u64,
    /// Most objects found inside one evidence file.
    pub objects: u64,
    /// Deepest nesting (zip in mail in zip = 3).
    pub depth: u32,
    /// Most bytes out per byte in, once [`Limits::RATIO_FROM`] bytes are out.
    pub ratio: u64,
    /// Largest object that must be held in memory as a whole (a zip inside a zip).
    pub in_memory: u64,
}

impl Limits {
    /// Below this many bytes out, a ratio says nothing.
    pub const RATIO_FROM: u64 = 64 << 20;
}

impl Default for Limits {
    /// 256 GiB, 1,000,000 objects, depth 8, ratio 1,500 (logs reach 100 to 1,000 under zstd;
    /// deflate cannot exceed 1,032), 256 MiB in memory.
    fn default() -> Self {
        Limits { bytes: 256 << 30, objects: 1_000_000, depth: 8, ratio: 1_500, in_memory: 256 << 20 }
    }
}

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Too many bytes out of one evidence file.
    #[error("more than {0} bytes unpacked from one evidence file")]
    Bytes(u64),
    /// Too many objects.
    #[error("more than {0} objects inside one evidence file")]
    Objects(u64),
    /// Nested too deeply.
    #[error("nested more than {0} deep")]
    Depth(u32),
    /// Expands too much for an honest archive.
    #[error("expands more than {0}-fold")]
    Ratio(u64),
    /// Too large to hold in memory.
    #[error("larger than {0} bytes, and this container must be held in memory")]
    Memory(u64),
}

/// What is left of the limits while one evidence file is read.
///
/// Bytes are kept in an account that every [`Meter`] (and clone) of the budget shares: while
/// a member is being read, its reader and the reader of the archive around it charge the same one.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    meter: Meter,
    objects: u64,
    depth: u32,
}

impl Budget {
    /// A fresh budget for an evidence file of `bytes_in` bytes.
    pub fn new(limits: Limits, bytes_in: u64) -> Budget {
        let meter = Meter { limits, bytes_in, bytes_out: Arc::default() };
        Budget { limits, meter, objects: 0, depth: 0 }
    }

    /// The limits it started from.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Accounts for bytes that came out of a container.
    pub fn bytes(&mut self, n: u64) -> Result<(), Limit> {
        self.meter.bytes(n)
    }

    /// A handle on the account of bytes, for a reader that outlives a borrow of the budget.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Accounts for one object found inside.
    pub fn object(&mut self) -> Result<(), Limit> {
        self.objects += 1;
        if self.objects > self.limits.objects { Err(Limit::Objects(self.limits.objects)) } else { Ok(()) }
    }

    /// Whether an object of this size may be held in memory.
    pub fn in_memory(&self, size: u64) -> Result<(), Limit> {
        if size > self.limits.in_memory { Err(Limit::Memory(self.limits.in_memory)) } else { Ok(()) }
    }

    /// Goes one container deeper; pair with [`Budget::leave`].
    pub fn enter(&mut self) -> Result<(), Limit> {
        if self.depth >= self.limits.depth {
            return Err(Limit::Depth(self.limits.depth));
        }
        self.depth += 1;
        Ok(())
    }

    /// Leaves a container.
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Charges bytes to the account of the [`Budget`] it was taken from.
#[derive(Clone, Debug)]
pub struct Meter {
    limits: Limits,
    bytes_in: u64,
    bytes_out: Arc<AtomicU64>,
}

impl Meter {
    /// Accounts for bytes that came out of a container.
    pub fn bytes(&self, n: u64) -> Result<(), Limit> {
        // One thread reads one evidence file; the atomic is only what makes the handle `Send`.
        let out = self.bytes_out.load(Ordering::Relaxed).saturating_add(n);
        self.bytes_out.store(out, Ordering::Relaxed);
        if out > self.limits.bytes {
            return Err(Limit::Bytes(self.limits.bytes));
        }
        let allowed = self.bytes_in.max(1).saturating_mul(self.limits.ratio);
        if out > Limits::RATIO_FROM && out > allowed {
            return Err(Limit::Ratio(self.limits.ratio));
        }
        Ok(())
    }
}
