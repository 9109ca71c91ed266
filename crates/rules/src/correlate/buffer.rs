//! Matches of many groups in little memory: interned keys and values, sorted into runs of bytes.
//!
//! A run is groups in order of (correlation, hash, key); each has its matches in order of time. Numbers are written
//! as LEB128, times as differences. It never drops a match; what does not fit is the caller's to write away.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

/// One match as its group sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Record {
    /// When it counts, in microseconds.
    pub(super) time: i64,
    /// When its record happened: earlier, if it is part of an alert that fired later.
    pub(super) since: i64,
    pub(super) source: u32,
    pub(super) input: u16,
    pub(super) recovered: bool,
    pub(super) record: u64,
    pub(super) offset: u64,
    /// The alert it is part of; 0: it is a match of a rule.
    pub(super) alert: u64,
}

struct Entry {
    group: u32,
    values: u32,
    record: Record,
}

/// Distinct byte strings, numbered.
#[derive(Default)]
struct Interner {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    /// Open addressing: number and 1; 0: free. A power of two long, at most half full.
    slots: Vec<u32>,
}

impl Interner {
    fn get(&self, n: u32) -> &[u8] {
        let n = n as usize;
        let start = n.checked_sub(1).and_then(|p| self.ends.get(p)).map_or(0, |e| *e);
        self.ends.get(n).and_then(|end| self.bytes.get(start..*end)).unwrap_or_default()
    }

    fn intern(&mut self, text: &[u8]) -> u32 {
        if (self.ends.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let hash = hash(text);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                0 => break,
                n if self.hashes[n as usize - 1] == hash && self.get(n - 1) == text => return n - 1,
                _ => at = (at + 1) & mask,
            }
        }
        let n = self.ends.len() as u32;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        self.hashes.push(hash);
        self.slots[at] = n + 1;
        n
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(64);
        self.slots = vec![0; len];
        for (n, hash) in self.hashes.iter().enumerate() {
            let mut at = *hash as usize & (len - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (len - 1);
            }
            self.slots[at] = n as u32 + 1;
        }
    }

    fn held(&self) -> usize {
        self.bytes.capacity()
            + (self.ends.capacity() + self.hashes.capacity()) * 8
            + self.slots.capacity() * 4
    }
}

/// The hash that orders groups; the same on every machine and in every run.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(bytes)
}

/// Matches not yet sorted.
#[derive(Default)]
pub(super) struct Buffer {
    entries: Vec<Entry>,
    /// Correlation (4 bytes, big-endian) and key.
    groups: Interner,
    values: Interner,
    /// How a group's values are written, where that is not as the key has them: of several spellings the first in
    /// order of bytes.
    shown: HashMap<u32, Box<[u8]>, FixedState>,
    shown_bytes: usize,
    scratch: Vec<u8>,
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.groups.held()
            + self.values.held()
            + self.shown.capacity() * 32
            + self.shown_bytes
    }

    /// Whether one more match would make it grow beyond `limit` bytes: vectors double.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        let more = |full: bool, bytes: usize| if full { bytes } else { 0 };
        let entries =
            more(self.entries.len() == self.entries.capacity(), self.entries.capacity() * size_of::<Entry>());
        let table = |i: &Interner| {
            more(i.bytes.capacity() - i.bytes.len() < 4_096, i.bytes.capacity())
                + more(i.ends.len() == i.ends.capacity(), i.ends.capacity() * 16)
                + more((i.ends.len() + 1) * 2 > i.slots.len(), i.slots.len() * 4)
        };
        self.held() + entries + table(&self.groups) + table(&self.values) > limit
            || self.entries.len() >= u32::MAX as usize / 2
    }

    /// Takes a match. `shown` is empty where values are written as the key has them.
    pub(super) fn push(&mut self, correlation: u32, key: &[u8], shown: &[u8], values: &[u8], record: Record) {
        self.scratch.clear();
        self.scratch.extend_from_slice(&correlation.to_be_bytes());
        self.scratch.extend_from_slice(key);
        let group = self.groups.intern(&self.scratch);
        let values = self.values.intern(values);
        if !shown.is_empty() {
            let bytes = &mut self.shown_bytes;
            let held = self.shown.entry(group).or_insert_with(|| {
                *bytes += shown.len();
                shown.into()
            });
            if shown < &**held {
                *bytes = *bytes + shown.len() - held.len();
                *held = shown.into();
            }
        }
        self.entries.push(Entry { group, values, record });
    }

    /// Sorts what it holds and gives it to `out` in pieces, as one run; it is empty afterwards.
    pub(super) fn drain(&mut self, out: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        const PIECE: usize = 256 << 10;
        let Buffer { mut entries, groups, values, shown, .. } = std::mem::take(self);
        let mut order: Vec<u32> = (0..groups.ends.len() as u32).collect();
        // The hash is of correlation and key; the correlation goes first all the same.
        let rank = |g: &u32| (groups.get(*g).get(..4), groups.hashes.get(*g as usize), groups.get(*g));
        order.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)));
        let mut place = vec![0_u32; order.len()];
        order.iter().enumerate().for_each(|(at, g)| place[*g as usize] = at as u32);
        drop(order);
        // Values are numbered in order of arrival: ties are broken by their bytes.
        entries.sort_unstable_by(|a, b| {
            let first = (place[a.group as usize], &a.record).cmp(&(place[b.group as usize], &b.record));
            first.then_with(|| {
                if a.values == b.values {
                    std::cmp::Ordering::Equal
                } else {
                    values.get(a.values).cmp(values.get(b.values))
                }
            })
        });
        let mut bytes = Vec::with_capacity(PIECE + 8_192);
        for of_group in entries.chunk_by(|a, b| a.group == b.group) {
            let Some(group) = of_group.first().map(|e| e.group) else { continue };
            let key = groups.get(group);
            bytes.extend_from_slice(key.get(..4).unwrap_or_default());
            bytes.extend_from_slice(&groups.hashes[group as usize].to_le_bytes());
            put_bytes(&mut bytes, key.get(4..).unwrap_or_default());
            put_bytes(&mut bytes, shown.get(&group).map_or(&[], |s| s));
            put(&mut bytes, of_group.len() as u64);
            let mut last = 0;
            for entry in of_group {
                put_record(&mut bytes, &entry.record, last);
                last = entry.record.time;
                put_bytes(&mut bytes, values.get(entry.values));
                if bytes.len() >= PIECE {
                    out(&bytes)?;
                    bytes.clear();
                }
            }
        }
        out(&bytes)
    }
}

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_record(out: &mut Vec<u8>, r: &Record, last: i64) {
    // Times ascend; differences wrap where a hostile one spans more than half of all.
    put(out, r.time.wrapping_sub(last) as u64);
    put(out, r.time.wrapping_sub(r.since) as u64);
    put(out, u64::from(r.source));
    put(out, u64::from(r.input) << 1 | u64::from(r.recovered));
    put(out, r.record);
    put(out, r.offset);
    put(out, r.alert);
}

/// Reads what [`put`] and [`put_bytes`] wrote from memory; `None` at the end.
pub(super) fn take<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let mut n = 0_u64;
    let mut shift = 0;
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(first & 0x7f).checked_shl(shift).unwrap_or(0);
        if first & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    let (out, rest) = bytes.split_at_checked(usize::try_from(n).ok()?)?;
    *bytes = rest;
    Some(out)
}
