//! Field names, interned once at start.
//!
//! The set of fields is closed before evidence is read: it comes from rules,
//! detectors and projections, never from evidence. A log with a million fresh
//! JSON keys therefore costs nothing: unknown names have no id.

use std::collections::HashMap;

/// Most distinct field names one run may know. The whole public Sigma corpus uses
/// about 400; the limit keeps an id in 16 bits and a [`FieldSet`] small.
pub const MAX_FIELDS: usize = 16_384;

/// Index of a field name in [`Fields`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldId(pub u16);

impl FieldId {
    /// A value whose name nobody asked for. It is kept for keyword search only.
    pub const NONE: FieldId = FieldId(u16::MAX);

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

    /// Adds a field. [`FieldId::NONE`] is ignored.
    pub fn insert(&mut self, id: FieldId) {
        if id == FieldId::NONE {
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
