//! Builds an index: rows and their observables in, bytes out.
//!
//! What it keeps grows with distinct observables (40 bytes and a hash table's share) and with runs of rows, or of
//! blocks where there are many (12 bytes), never with rows alone. Popular values are recognised by their text before anything is hashed.
//!
//! What it never does: lose an observable for want of room. A section that grows too large is given up as
//! a whole and answers "everywhere"; a list of blocks that does is widened.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::ops::Range;

use palisade_model::{Observable, ObservableKind};

use super::bytes::put_varint;
use super::read::merge;
use super::*;

/// Sets of two slots in the memo of texts.
const MEMO_SETS: usize = 1 << 14;
/// Longer texts are not kept in the memo: it stays below 16 MiB whatever comes.
const MEMO_TEXT_BYTES: usize = 512;
/// Marks the end of a chain of runs, and a free place in the hash table.
const NONE: u32 = u32::MAX;

/// A text seen lately, and the entries its rows go to.
#[derive(Default)]
struct Slot {
    text: String,
    ids: Vec<u32>,
}

/// Two slots that share their place; the one used longer ago is given away.
#[derive(Default)]
struct Pair {
    slots: [Slot; 2],
    latest: bool,
}

/// One distinct observable of one section.
struct Entry {
    hash: Hash,
    rows: u32,
    last_row: u32,
    /// Rows of the current run while `exact`, blocks of it afterwards; both included.
    first: u32,
    last: u32,
    /// Runs before it, in `runs`.
    before: u32,
    code: u8,
    /// Wide: what is held by the name itself is the same. Own: said by the wide entry, not written.
    same: bool,
    /// Each row is known.
    exact: bool,
}

/// A closed run of rows or blocks, both included, and the one before.
struct Run {
    first: u32,
    last: u32,
    before: u32,
}

/// All entries, found by code and hash.
struct Table {
    entries: Vec<Entry>,
    /// Open addressing by the hash's low bits (buckets use the high ones); ids, at most half full.
    places: Vec<u32>,
    runs: Vec<Run>,
    rows_per_block: u32,
    max_entries: usize,
    /// Sections that were refused an entry, by code.
    full: [bool; MAX_SECTIONS],
}

/// Builds the index of one segment.
pub struct IndexBuilder {
    table: Table,
    memo: Vec<Pair>,
    state: foldhash::fast::FixedState,
    /// Own and wide entry of the same name.
    twins: Vec<(u32, u32)>,
    ids: Vec<u32>,
    scratch: String,
    rows: u64,
    /// The row added last and its block: dividing for each observable is half the work of a repeated one.
    row: u32,
    block: u32,
}

impl IndexBuilder {
    /// An index with blocks of so many rows (at least 2; [`ROWS_PER_BLOCK`] if nothing speaks against it).
    pub fn new(rows_per_block: u32) -> IndexBuilder {
        IndexBuilder::with_limit(rows_per_block, MAX_ENTRIES)
    }

    /// As [`IndexBuilder::new`], with fewer entries than [`MAX_ENTRIES`] (each costs 56 bytes or so until it is
    /// written) and as many runs of rows or blocks (12 bytes).
    pub fn with_limit(rows_per_block: u32, max_entries: usize) -> IndexBuilder {
        IndexBuilder {
            table: Table {
                entries: Vec::new(),
                places: Vec::new(),
                runs: Vec::new(),
                rows_per_block: rows_per_block.max(2),
                max_entries: max_entries.min(MAX_ENTRIES),
                full: [false; MAX_SECTIONS],
            },
            memo: std::iter::repeat_with(Pair::default).take(MEMO_SETS).collect(),
            state: foldhash::fast::FixedState::with_seed(0x0b5e),
            twins: Vec::new(),
            ids: Vec::new(),
            scratch: String::new(),
            rows: 0,
            row: 0,
            block: 0,
        }
    }

    /// Says that there are so many rows, as far as those added do not say more.
    pub fn rows(&mut self, rows: u32) {
        self.rows = self.rows.max(u64::from(rows));
    }

    /// Row `row` (from 0) has this observable, written `kind:value` as [`Observable`] displays it. Rows come in
    /// ascending order; one that comes late may be counted twice, and is found all the same.
    pub fn add(&mut self, row: u32, text: &str) {
        if row != self.row {
            self.row = row;
            self.block = row / self.table.rows_per_block;
        }
        self.rows = self.rows.max(u64::from(row) + 1);
        if text.len() > MEMO_TEXT_BYTES {
            self.resolve(text);
            for id in &self.ids {
                self.table.touch(*id, row, self.block);
            }
            return;
        }
        // The mask is below MEMO_SETS.
        let set = self.state.hash_one(text) as usize & (MEMO_SETS - 1);
        let Some(pair) = self.memo.get_mut(set) else { return };
        let held = pair.slots.iter().position(|s| s.text == text && !s.ids.is_empty());
        if let Some(slot) = held {
            pair.latest = slot == 1;
            if let Some(slot) = pair.slots.get(slot) {
                for id in &slot.ids {
                    self.table.touch(*id, row, self.block);
                }
            }
            return;
        }
        self.resolve(text);
        for id in &self.ids {
            self.table.touch(*id, row, self.block);
        }
        if let Some(pair) = self.memo.get_mut(set) {
            pair.latest = !pair.latest;
            let slot = &mut pair.slots[usize::from(pair.latest)];
            slot.text.clear();
            slot.text.push_str(text);
            slot.ids.clear();
            slot.ids.extend_from_slice(&self.ids);
        }
    }

    /// Finds the entries of a text, or makes them: itself and what is wider.
    fn resolve(&mut self, text: &str) {
        self.ids.clear();
        let hash = hash_text(text);
        let known = text.split_once(':').and_then(|(kind, value)| Some((kind_named(kind)?, value)));
        let Some((kind, value)) = known else {
            self.enter(OTHER, hash);
            return;
        };
        let own = self.enter(code(kind), hash);
        if let Some(deepest) = widened(kind, value) {
            if deepest.len() == value.len() {
                let wide = self.enter(code(kind) | WIDE, hash);
                // Both are new or neither: a twin is noted once, when it is made.
                if let (Some((own, made)), Some((wide, _))) = (own, wide)
                    && made
                {
                    self.twins.push((own, wide));
                }
            } else {
                self.enter_below(kind, deepest);
            }
            if kind != ObservableKind::FileName {
                self.parents(kind, deepest);
            }
        }
        match kind {
            ObservableKind::Path => {
                if let Ok(name) = Observable::parse(ObservableKind::FileName, value) {
                    self.enter_below(ObservableKind::FileName, name.value());
                }
            }
            ObservableKind::Ip => {
                if let Ok(ip) = value.parse::<IpAddr>() {
                    for len in if ip.is_ipv4() { PREFIXES_V4 } else { PREFIXES_V6 } {
                        self.enter(NETWORKS, hash_network(ip, len));
                    }
                }
            }
            _ => {}
        }
    }

    /// The walk of `IndicatorSet::look_up`: up to the first name that is none of its kind, and of hosts up to
    /// the last one with a dot.
    fn parents(&mut self, kind: ObservableKind, mut name: &str) {
        while let Some((_, parent)) = name.split_once('.') {
            name = parent;
            if kind == ObservableKind::Host && !parent.contains('.') {
                return;
            }
            let Ok(parent) = Observable::parse(kind, parent) else { return };
            self.enter_below(kind, parent.value());
        }
    }

    fn enter_below(&mut self, kind: ObservableKind, value: &str) {
        self.scratch.clear();
        self.scratch.push_str(kind.name());
        self.scratch.push(':');
        self.scratch.push_str(value);
        let hash = hash_text(&self.scratch);
        self.enter(code(kind) | WIDE, hash);
    }

    /// The entry, and whether it was made just now; none if its section is full.
    fn enter(&mut self, code: u8, hash: Hash) -> Option<(u32, bool)> {
        let found = self.table.find_or_make(code, hash);
        if let Some((id, _)) = found {
            self.ids.push(id);
        }
        found
    }

    /// The index. It answers for the rows added and for no others.
    pub fn finish(self) -> Vec<u8> {
        let IndexBuilder { mut table, twins, rows, memo, .. } = self;
        drop(memo);
        table.places = Vec::new();
        for (own, wide) in twins {
            let [own, wide] = [own as usize, wide as usize];
            // Rows that hold the name are among those that hold it or something below: as many are the same.
            let same = table.entries.get(own).map(|e| e.rows) == table.entries.get(wide).map(|e| e.rows);
            for id in [own, wide] {
                if let Some(entry) = table.entries.get_mut(id) {
                    entry.same = same;
                }
            }
        }
        // Sorted section by section, hashes beside ids: following each id while sorting costs twice as much.
        let rows_per_block = table.rows_per_block;
        let mut by_code: Vec<Vec<(Hash, u32)>> = vec![Vec::new(); MAX_SECTIONS];
        for (id, entry) in (0..NONE).zip(&table.entries) {
            let said_by_wide = entry.same && entry.code < WIDE;
            if !said_by_wide && !table.is_full(entry.code) {
                by_code[usize::from(entry.code)].push((entry.hash, id));
            }
        }

        let mut file = Writer {
            table: &table,
            rows,
            blocks: rows.div_ceil(u64::from(rows_per_block)),
            body: Vec::new(),
        };
        let mut records = Vec::new();
        let mut sections = 0u32;
        for (code, mut entries) in (0..=u8::MAX).zip(by_code) {
            let full = table.is_full(code);
            if entries.is_empty() && !full {
                continue;
            }
            entries.sort_unstable();
            let made = file.section(&entries);
            records.extend([code, if full { FULL } else { 0 }, made.width, 0]);
            records.extend(made.entries.to_le_bytes());
            records.extend(made.buckets.to_le_bytes());
            records.extend(made.postings.to_le_bytes());
            sections += 1;
        }

        let body = file.body;
        let mut out = Vec::with_capacity(HEADER_BYTES + records.len() + body.len());
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(((HEADER_BYTES + records.len() + body.len()) as u64).to_le_bytes());
        out.extend(rows.to_le_bytes());
        out.extend(rows_per_block.to_le_bytes());
        out.extend(sections.to_le_bytes());
        out.extend(crc32fast::hash(&records).to_le_bytes());
        let crc = crc32fast::hash(&out);
        out.extend(crc.to_le_bytes());
        out.extend(records);
        out.extend(body);
        out
    }
}

impl Table {
    fn get(&self, id: u32) -> Option<&Entry> {
        self.entries.get(id as usize)
    }

    fn is_full(&self, code: u8) -> bool {
        self.full[usize::from(code)]
    }

    fn find_or_make(&mut self, code: u8, hash: Hash) -> Option<(u32, bool)> {
        if self.is_full(code) {
            return None;
        }
        if self.places.len() < 2 * (self.entries.len() + 1) {
            self.grow();
        }
        let mut at = self.start(code, hash);
        loop {
            let id = *self.places.get(at)?;
            let Some(entry) = self.get(id) else { break };
            if entry.hash == hash && entry.code == code {
                return Some((id, false));
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        if self.entries.len() >= self.max_entries {
            self.full[usize::from(code)] = true;
            return None;
        }
        // Below MAX_ENTRIES.
        let id = self.entries.len() as u32;
        self.entries.push(Entry {
            hash,
            rows: 0,
            last_row: 0,
            first: 0,
            last: 0,
            before: NONE,
            code,
            same: false,
            // Networks are asked of by hunts, which read blocks.
            exact: code < NETWORKS,
        });
        *self.places.get_mut(at)? = id;
        Some((id, true))
    }

    fn start(&self, code: u8, hash: Hash) -> usize {
        // One name has the same hash in two sections: they begin at different places.
        (hash.place ^ u64::from(code) << 4) as usize & (self.places.len() - 1)
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(1 << 10);
        self.places = vec![NONE; size];
        for id in 0..self.entries.len() {
            let Some(entry) = self.entries.get(id) else { return };
            let mut at = self.start(entry.code, entry.hash);
            while self.places.get(at).is_some_and(|p| *p != NONE) {
                at = (at + 1) & (size - 1);
            }
            if let Some(place) = self.places.get_mut(at) {
                *place = id as u32;
            }
        }
    }

    /// A row of a block has the observable.
    fn touch(&mut self, id: u32, row: u32, block: u32) {
        let Some(entry) = self.entries.get_mut(id as usize) else { return };
        if entry.rows > 0 && entry.last_row == row {
            return;
        }
        if entry.exact {
            let room = entry.last.checked_add(1) == Some(row) || self.runs.len() < self.max_entries;
            // A row that comes late may be there already.
            let later = entry.rows == 0 || row > entry.last;
            if entry.rows >= MAX_EXACT || !room || !later || row == u32::MAX {
                self.coarsen(id);
            }
        }
        let Some(entry) = self.entries.get_mut(id as usize) else { return };
        let at = if entry.exact { row } else { block };
        if entry.rows == 0 {
            (entry.first, entry.last) = (at, at);
        } else if entry.last.checked_add(1) == Some(at) {
            entry.last = at;
        } else if entry.last != at {
            if self.runs.len() < self.max_entries {
                let run = Run { first: entry.first, last: entry.last, before: entry.before };
                entry.before = self.runs.len() as u32;
                self.runs.push(run);
                (entry.first, entry.last) = (at, at);
            } else {
                // No room for another run: the blocks between count as held.
                (entry.first, entry.last) = (entry.first.min(at), entry.last.max(at));
            }
        }
        entry.last_row = row;
        entry.rows = entry.rows.saturating_add(1);
    }

    /// From now on the blocks of this entry are kept, not its rows. Its runs are at most [`MAX_EXACT`]; those that
    /// fall together are left unused.
    fn coarsen(&mut self, id: u32) {
        let size = self.rows_per_block;
        let Some(entry) = self.entries.get_mut(id as usize) else { return };
        entry.exact = false;
        (entry.first, entry.last) = (entry.first / size, entry.last / size);
        let mut next = entry.before;
        // The run whose place the next one that stands apart takes.
        let mut kept: Option<u32> = None;
        while let Some(run) = self.runs.get(next as usize) {
            let (first, last, before) = (run.first / size, run.last / size, run.before);
            // Rows ascend, so runs before have lower blocks.
            let after = match kept {
                None => &mut entry.first,
                Some(k) => match self.runs.get_mut(k as usize) {
                    Some(k) => &mut k.first,
                    None => return,
                },
            };
            if last.saturating_add(1) >= *after {
                *after = first.min(*after);
                match kept {
                    None => entry.before = before,
                    Some(k) => {
                        if let Some(k) = self.runs.get_mut(k as usize) {
                            k.before = before;
                        }
                    }
                }
            } else {
                if let Some(run) = self.runs.get_mut(next as usize) {
                    (run.first, run.last) = (first, last);
                }
                kept = Some(next);
            }
            next = before;
        }
    }

    /// Appends the runs of an entry: of rows if it is exact and `rows` asks for them, otherwise of blocks.
    fn runs_of(&self, entry: &Entry, rows: bool, out: &mut Vec<Range<u32>>) {
        let size = if entry.exact && !rows { self.rows_per_block } else { 1 };
        // No row is the last there can be: the end fits.
        out.push(entry.first / size..entry.last / size + 1);
        let mut next = entry.before;
        while let Some(run) = self.runs.get(next as usize) {
            out.push(run.first / size..run.last / size + 1);
            next = run.before;
        }
    }
}

/// What the table of sections says of one.
struct Made {
    width: u8,
    entries: u32,
    buckets: u32,
    postings: u64,
}

struct Writer<'a> {
    table: &'a Table,
    rows: u64,
    blocks: u64,
    body: Vec<u8>,
}

impl Writer<'_> {
    /// Writes the section of these entries, which come sorted by hash, with their ids.
    fn section(&mut self, sorted: &[(Hash, u32)]) -> Made {
        let buckets = sorted.len().div_ceil(BUCKET_ENTRIES) as u32;
        let places: Vec<(u32, u32)> = sorted.iter().map(|(hash, _)| place(hash.place, buckets)).collect();
        let fullest = places.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).max().unwrap_or(0);
        // One byte, unless somebody made names whose hashes begin alike.
        let width = if fullest <= 0xff {
            1
        } else if fullest <= 0xffff {
            2
        } else {
            4
        };

        let (mut directory, mut keys, mut postings) = (Vec::new(), Vec::new(), Vec::new());
        let mut chunk = Vec::new();
        let mut entries = 0u32;
        let mut runs = Vec::new();
        let mut next = 0;
        for group in 0..buckets.div_ceil(GROUP_BUCKETS) {
            if chunk.is_empty() {
                chunk.extend(entries.to_le_bytes());
                chunk.extend((postings.len() as u64).to_le_bytes());
            }
            let (from, posted, before) = (keys.len(), postings.len(), entries);
            let first = group * GROUP_BUCKETS;
            let mut remainders = Vec::new();
            for bucket in first..buckets.min(first + GROUP_BUCKETS) {
                let mut held = 0u32;
                while let Some(at) = places.get(next).filter(|p| p.0 == bucket) {
                    // Entries that look alike (one pair in a million or so) are one: the rows of either.
                    runs.clear();
                    let (mut rows, mut other) = (0u64, true);
                    let alone = places.get(next + 1) != Some(at);
                    let mut check = None;
                    while let Some((hash, id)) = sorted.get(next).filter(|_| places.get(next) == Some(at)) {
                        next += 1;
                        let Some(entry) = self.table.get(*id) else { continue };
                        // One of them may have no entry of its own to be sent on to: all or none.
                        let sent_on = entry.code >= WIDE && !entry.same;
                        other &= sent_on;
                        if alone && entry.exact && !sent_on {
                            check = Some(hash.check);
                        }
                        self.table.runs_of(entry, check.is_some(), &mut runs);
                        rows += u64::from(entry.rows);
                    }
                    let head = rows.min(self.rows) << 3 | u64::from(other) << 2;
                    match check {
                        Some(check) => exact_posting(&mut postings, head, check, &mut runs),
                        None => posting(&mut postings, head, &mut runs, self.blocks),
                    }
                    remainders.extend_from_slice(&at.1.to_le_bytes()[..REMAINDER_BYTES]);
                    held += 1;
                }
                keys.extend_from_slice(&held.to_le_bytes()[..usize::from(width)]);
                entries += held;
            }
            keys.extend_from_slice(&remainders);
            chunk.extend((entries - before).to_le_bytes());
            // A group's postings are below 4 GiB: all runs of a segment together are.
            chunk.extend(((postings.len() - posted) as u32).to_le_bytes());
            chunk.extend(crc32fast::hash(&keys[from..]).to_le_bytes());
            chunk.extend(crc32fast::hash(&postings[posted..]).to_le_bytes());
            if (group + 1) % CHUNK_GROUPS == 0 {
                seal(&mut chunk, &mut directory);
            }
        }
        seal(&mut chunk, &mut directory);
        self.body.extend_from_slice(&directory);
        self.body.extend_from_slice(&keys);
        self.body.extend_from_slice(&postings);
        Made { width, entries, buckets, postings: postings.len() as u64 }
    }
}

/// Ends a chunk of the directory.
fn seal(chunk: &mut Vec<u8>, directory: &mut Vec<u8>) {
    if !chunk.is_empty() {
        let crc = crc32fast::hash(chunk);
        directory.append(chunk);
        directory.extend(crc.to_le_bytes());
    }
}

/// Writes the posting of one entry whose rows are known; `runs` of rows in any order, without overlaps.
fn exact_posting(out: &mut Vec<u8>, head: u64, check: u32, runs: &mut [Range<u32>]) {
    runs.sort_unstable_by_key(|r| r.start);
    put_varint(out, head | 3);
    out.extend(check.to_le_bytes());
    let mut end = 0;
    for row in runs.iter().cloned().flatten() {
        put_varint(out, u64::from(row - end));
        end = row + 1;
    }
}

/// Writes the posting of one entry; `runs` of blocks in any order, overlaps allowed.
fn posting(out: &mut Vec<u8>, head: u64, runs: &mut Vec<Range<u32>>, blocks: u64) {
    *runs = merge(std::mem::take(runs));
    match runs.as_slice() {
        [one] if one.start == 0 && u64::from(one.end) == blocks => put_varint(out, head | 1),
        [one] if one.len() == 1 => {
            put_varint(out, head);
            put_varint(out, u64::from(one.start));
        }
        many => {
            put_varint(out, head | 2);
            put_varint(out, many.len() as u64);
            let mut end = 0;
            for run in many {
                let more = run.len() > 1;
                put_varint(out, u64::from(run.start - end) << 1 | u64::from(more));
                if more {
                    put_varint(out, run.len() as u64 - 2);
                }
                end = run.end;
            }
        }
    }
}
