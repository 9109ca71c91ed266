//! Field names, interned once at start.
//!
//! The set of fields is closed before evidence is read: it comes from rules,
//! detectors and projections, never from evidence. A log with a million fresh
//! JSON keys therefore costs nothing: unknown names have no id.
//!
//! Whoever keeps records whole needs the other names too. They live no longer than the
//! batch they came in, in a bounded table of its own ([`FieldId::is_local`]), so that
//! evidence still cannot grow anything that lasts.

use std::collections::HashMap;
use std::hash::BuildHasher;

/// Most distinct field names one run may know. The whole public Sigma corpus uses
/// about 400; the limit keeps an id in 16 bits and a [`FieldSet`] small.
pub const MAX_FIELDS: usize = 16_384;

/// Most names a batch may bring of its own.
pub const MAX_LOCAL_NAMES: usize = 32_000;

/// Longest name a batch may bring, in bytes.
pub const MAX_LOCAL_NAME_BYTES: usize = 256;

/// Index of a field name in [`Fields`], or of a name that only one batch knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldId(pub u16);

impl FieldId {
    /// A value whose name nobody asked for. It is kept for keyword search only.
    pub const NONE: FieldId = FieldId(u16::MAX);

    /// The first id of names that only one batch knows.
    pub(crate) const LOCAL: u16 = 0x8000;

    /// Whether the name belongs to one batch ([`crate::RowBatch::local_name`]): nobody asked for it.
    #[inline]
    pub fn is_local(self) -> bool {
        self.0 >= Self::LOCAL && self != Self::NONE
    }

    /// Whether the name is one of [`Fields`].
    #[inline]
    pub fn is_known(self) -> bool {
        self.0 < Self::LOCAL
    }

    /// As an array index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Collects field names until the set is closed.
#[derive(Default, Debug)]
pub struct FieldsBuilder {
    names: Vec<Box<str>>,
    ids: HashMap<Box<str>, FieldId, foldhash::fast::FixedState>,
}

impl FieldsBuilder {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of `name`, adding it if it is new. Names are case-sensitive, as in
    /// Sigma. Beyond [`MAX_FIELDS`] returns `None`: the caller rejects the rule.
    pub fn intern(&mut self, name: &str) -> Option<FieldId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        if self.names.len() >= MAX_FIELDS {
            return None;
        }
        let id = FieldId(self.names.len() as u16);
        self.names.push(name.into());
        self.ids.insert(name.into(), id);
        Some(id)
    }

    /// Closes the set.
    pub fn close(self) -> Fields {
        Fields { names: self.names, ids: self.ids }
    }
}

/// The closed set of field names of a run.
#[derive(Debug, Default)]
pub struct Fields {
    names: Vec<Box<str>>,
    ids: HashMap<Box<str>, FieldId, foldhash::fast::FixedState>,
}

impl Fields {
    /// The id of a name, if somebody asked for it.
    pub fn id(&self, name: &str) -> Option<FieldId> {
        self.ids.get(name).copied()
    }

    /// The name behind an id; empty for [`FieldId::NONE`].
    pub fn name(&self, id: FieldId) -> &str {
        self.names.get(id.index()).map_or("", |n| n)
    }

    /// How many names there are; every id is below it.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nobody asked for any field.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Every name with its id.
    pub fn iter(&self) -> impl Iterator<Item = (FieldId, &str)> {
        self.names.iter().enumerate().map(|(i, n)| (FieldId(i as u16), n.as_ref()))
    }
}

/// A set of fields as bits.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct FieldSet {
    words: Vec<u64>,
}

impl FieldSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field. [`FieldId::NONE`] and names of one batch are ignored.
    pub fn insert(&mut self, id: FieldId) {
        if !id.is_known() {
            return;
        }
        let word = id.index() / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (id.index() % 64);
    }

    /// Whether the field is in the set.
    #[inline]
    pub fn contains(&self, id: FieldId) -> bool {
        self.words.get(id.index() / 64).is_some_and(|w| w >> (id.index() % 64) & 1 == 1)
    }

    /// Adds every field of `other`.
    pub fn union(&mut self, other: &FieldSet) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a |= b;
        }
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// The fields in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = FieldId> + '_ {
        self.words.iter().enumerate().flat_map(|(i, w)| {
            (0..64).filter(move |b| w >> b & 1 == 1).map(move |b| FieldId((i * 64 + b) as u16))
        })
    }
}

/// The names that one batch brings, as a table that is emptied and filled again.
#[derive(Default, Debug)]
pub(crate) struct LocalNames {
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<u32>,
    /// Open addressing over `ends`: a name's number and 1; 0: free. A power of two long,
    /// at most half full.
    slots: Vec<u16>,
}

impl LocalNames {
    /// Forgets the names and keeps the memory.
    pub fn clear(&mut self) {
        if !self.ends.is_empty() {
            self.slots.fill(0);
        }
        self.text.clear();
        self.ends.clear();
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.slots.capacity() * 2
    }

    /// The name's id, new or known; [`FieldId::NONE`] beyond the limits.
    pub fn intern(&mut self, name: &str) -> FieldId {
        /// Evidence chooses the names, and could choose thousands that fall into one slot.
        /// Half full, a table of honest names has no run as long as this.
        const MAX_PROBES: usize = 512;
        if name.len() > MAX_LOCAL_NAME_BYTES {
            return FieldId::NONE;
        }
        if self.ends.len() * 2 >= self.slots.len() && self.slots.len() < 2 * MAX_LOCAL_NAMES {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut i = Self::hash(name) & mask;
        for _ in 0..MAX_PROBES {
            match self.slots[i] {
                0 if self.ends.len() >= MAX_LOCAL_NAMES => return FieldId::NONE,
                0 => {
                    let number = self.ends.len() as u16;
                    self.text.push_str(name);
                    // 32,000 names of 256 bytes are 8 MB.
                    self.ends.push(self.text.len() as u32);
                    self.slots[i] = number + 1;
                    return FieldId(FieldId::LOCAL + number);
                }
                n if self.at(n - 1) == name => return FieldId(FieldId::LOCAL + n - 1),
                _ => i = (i + 1) & mask,
            }
        }
        FieldId::NONE
    }

    /// The name behind an id; empty for what is none of these.
    pub fn name(&self, id: FieldId) -> &str {
        if id.is_local() { self.at(id.0 - FieldId::LOCAL) } else { "" }
    }

    fn at(&self, number: u16) -> &str {
        let number = usize::from(number);
        let Some(end) = self.ends.get(number) else { return "" };
        let start = number.checked_sub(1).and_then(|n| self.ends.get(n)).map_or(0, |s| *s);
        self.text.get(start as usize..*end as usize).unwrap_or("")
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(256);
        self.slots.clear();
        self.slots.resize(len, 0);
        for number in 0..self.ends.len() as u16 {
            let mut i = Self::hash(self.at(number)) & (len - 1);
            while self.slots[i] != 0 {
                i = (i + 1) & (len - 1);
            }
            self.slots[i] = number + 1;
        }
    }

    fn hash(name: &str) -> usize {
        foldhash::fast::FixedState::with_seed(0).hash_one(name.as_bytes()) as usize
    }
}
