//! Names to numbers: every party, asset and transaction is written down once and called by its number from then on.
//!
//! All names lie in one run of bytes, so that a new one costs its bytes and a few more, and no allocation of its own. Numbers
//! follow the order in which names are met; nothing that leaves the ledger may depend on it. Never forgets a name.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use hashbrown::HashTable;

/// A list of byte strings, each once.
#[derive(Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u64>,
    table: HashTable<u32>,
}

impl Names {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 8 + self.table.capacity() * 5
    }

    /// The name with this number; empty if there is none.
    pub fn get(&self, n: u32) -> &[u8] {
        slice(&self.bytes, &self.ends, n)
    }

    /// The number of a name, if it has one.
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        let hash = FixedState::with_seed(0).hash_one(name);
        self.table.find(hash, |n| self.get(*n) == name).copied()
    }

    /// The number of a name, a new one if need be; `None` once there are `limit`.
    pub fn intern(&mut self, name: &[u8], limit: usize) -> Option<u32> {
        let state = FixedState::with_seed(0);
        let hash = state.hash_one(name);
        let Names { bytes, ends, table } = self;
        if let Some(n) = table.find(hash, |n| slice(bytes, ends, *n) == name) {
            return Some(*n);
        }
        let n = u32::try_from(ends.len()).ok().filter(|_| ends.len() < limit)?;
        bytes.extend_from_slice(name);
        ends.push(bytes.len() as u64);
        table.insert_unique(hash, n, |n| state.hash_one(slice(bytes, ends, *n)));
        Some(n)
    }
}

fn slice<'b>(bytes: &'b [u8], ends: &[u64], n: u32) -> &'b [u8] {
    let n = n as usize;
    let start = n.checked_sub(1).and_then(|p| ends.get(p)).map_or(0, |e| *e as usize);
    let end = ends.get(n).map_or(start, |e| *e as usize);
    bytes.get(start..end).unwrap_or_default()
}
