//! Asks an index: one observable in three small reads, or many in one pass.
//!
//! Every byte that leads to an answer is covered by a checksum seen before it is believed; what the bytes then
//! say is checked again, because whoever writes a file can write its checksums. Nothing is allocated that is not
//! there to be read.
//!
//! What it never does: keep more of an index than its table of sections.

use std::ops::Range;

use palisade_model::{Observable, ObservableKind};

use super::bytes::{fixed, take_varint};
use super::*;

/// The first read: header and, of most indexes, the whole table.
const FIRST_READ: u64 = 512;
/// Keys read at once for a set of queries; the groups of a chunk are 26 KB unless somebody made hashes that begin alike.
const MAX_SPAN_BYTES: u64 = 1 << 20;
/// Postings of one group: more than a builder with all its entries and runs in one group writes.
const MAX_POSTING_BYTES: u64 = 1 << 28;
/// Groups of a chunk are read one by one where fewer than one of so many is asked for.
const SPARSE: usize = 8;

/// Where an observable is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Hits {
    /// How many rows, at most: exact but for observables that look alike and networks between stored lengths.
    pub rows: u64,
    /// Blocks, in ascending order, neither touching nor overlapping. Block `b` is the rows from
    /// `b * rows_per_block` on.
    pub blocks: Vec<Range<u32>>,
    /// The rows themselves, ascending, where the index knows them for certain: these have the observable
    /// asked for and no others have.
    pub exact: Option<Vec<u32>>,
}

impl Hits {
    /// The rows that may have it, in ascending ranges: the rows themselves where they are known, otherwise whole
    /// blocks of so many.
    pub fn ranges(&self, rows_per_block: u32) -> Vec<Range<u64>> {
        let size = u64::from(rows_per_block);
        match &self.exact {
            Some(rows) => rows
                .chunk_by(|a, b| a + 1 == *b)
                .filter_map(|run| Some(u64::from(*run.first()?)..u64::from(*run.last()?) + 1))
                .collect(),
            None => {
                let rows = |b: &Range<u32>| u64::from(b.start) * size..u64::from(b.end) * size;
                self.blocks.iter().map(rows).collect()
            }
        }
    }
}

/// The blocks of several answers together.
pub fn merge_blocks<'a>(hits: impl IntoIterator<Item = &'a Hits>) -> Vec<Range<u32>> {
    merge(hits.into_iter().flat_map(|h| h.blocks.iter().cloned()).collect())
}

/// Ranges in ascending order, those that touch or overlap as one.
pub(crate) fn merge<N: Ord + Copy>(mut ranges: Vec<Range<N>>) -> Vec<Range<N>> {
    ranges.sort_unstable_by_key(|r| r.start);
    ranges.dedup_by(|later, kept| {
        let joined = later.start <= kept.end;
        if joined {
            kept.end = kept.end.max(later.end);
        }
        joined
    });
    ranges
}

/// An open index.
#[derive(Debug)]
pub struct Index<R> {
    source: R,
    rows: u64,
    rows_per_block: u32,
    /// By ascending code.
    sections: Vec<Section>,
}

/// What the table says of a section, and where that puts its parts.
#[derive(Debug)]
struct Section {
    code: u8,
    full: bool,
    width: u8,
    entries: u32,
    buckets: u32,
    directory_at: u64,
    keys_at: u64,
    postings_at: u64,
    postings_len: u64,
}

/// A group of buckets, as its directory chunk places it.
#[derive(Clone, Copy)]
struct Group {
    /// In the file.
    keys: (u64, u64),
    postings: (u64, u64),
    entries: u32,
    buckets: u32,
    keys_crc: u32,
    postings_crc: u32,
}

/// What one entry's posting says.
#[derive(Default)]
struct Posting {
    rows: u64,
    other: bool,
    blocks: Vec<Range<u32>>,
    /// Of form 3: the check and the rows.
    exact: Option<(u32, Vec<u32>)>,
}

fn damaged(what: &'static str, at: u64) -> IndexError {
    IndexError::Damaged { what, at }
}

impl<R: ReadAt> Index<R> {
    /// Reads the table of sections and holds it against the file's length.
    pub fn open(source: R) -> Result<Index<R>, IndexError> {
        let size = source.size()?;
        let mut head = vec![0; size.min(FIRST_READ) as usize];
        source.read_at(0, &mut head)?;
        if !head.starts_with(MAGIC) {
            return Err(IndexError::NotAnIndex);
        }
        let short = || damaged("its header is cut", 0);
        let found = fixed::<2>(&head, MAGIC.len()).ok_or_else(short)? as u16;
        if found == 0 || found > VERSION {
            return Err(IndexError::Version { found });
        }
        let crc_at = HEADER_BYTES - CRC_BYTES;
        let crc = fixed::<4>(&head, crc_at).ok_or_else(short)?;
        if head.get(..crc_at).is_none_or(|h| u64::from(crc32fast::hash(h)) != crc) {
            return Err(damaged("its header does not match its checksum", 0));
        }
        let number = |at| fixed::<4>(&head, at).ok_or_else(short);
        let stated = fixed::<8>(&head, 8).ok_or_else(short)?;
        if stated != size {
            return Err(IndexError::Length { found: size, stated });
        }
        let rows = fixed::<8>(&head, 16).ok_or_else(short)?;
        let rows_per_block = number(24)? as u32;
        let count = number(28)? as usize;
        if rows > 1 << 32 || rows_per_block < 2 || count > MAX_SECTIONS {
            return Err(damaged("its header says what no index has", 0));
        }

        let table_crc = number(32)?;
        let table_len = count * RECORD_BYTES;
        let beyond = || damaged("its table of sections is cut", HEADER_BYTES as u64);
        if (HEADER_BYTES + table_len) as u64 > size {
            return Err(beyond());
        }
        if head.len() < HEADER_BYTES + table_len {
            head.resize(HEADER_BYTES + table_len, 0);
            source.read_at(0, &mut head)?;
        }
        let table = head.get(HEADER_BYTES..HEADER_BYTES + table_len).ok_or_else(beyond)?;
        if u64::from(crc32fast::hash(table)) != table_crc {
            return Err(damaged("its table of sections does not match its checksum", HEADER_BYTES as u64));
        }

        let mut at = (HEADER_BYTES + table_len) as u64;
        let mut sections: Vec<Section> = Vec::with_capacity(count);
        for record in table.chunks_exact(RECORD_BYTES) {
            let section = Section::new(record, at)
                .filter(|s| sections.last().is_none_or(|before| before.code < s.code))
                .ok_or_else(|| {
                    damaged("its table of sections says what no index has", HEADER_BYTES as u64)
                })?;
            at = section.end().filter(|end| *end <= size).ok_or(damaged("a section is cut", at))?;
            sections.push(section);
        }
        if at != size {
            return Err(damaged("bytes follow that belong to no section", at));
        }
        Ok(Index { source, rows, rows_per_block, sections })
    }

    /// Rows of the segment, as far as the builder was told.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows of a block; the last block may have fewer.
    pub fn rows_per_block(&self) -> u32 {
        self.rows_per_block
    }

    /// Blocks of the segment.
    pub fn blocks(&self) -> u32 {
        // At most 2^32 rows in blocks of at least 2.
        self.rows.div_ceil(u64::from(self.rows_per_block)) as u32
    }

    /// The rows of blocks, as far as there are any.
    pub fn rows_of(&self, blocks: &[Range<u32>]) -> impl Iterator<Item = Range<u64>> {
        let row = |block: u32| (u64::from(block) * u64::from(self.rows_per_block)).min(self.rows);
        blocks.iter().map(move |b| row(b.start)..row(b.end))
    }

    /// Where it is read from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Kinds of which something can be found.
    pub fn kinds(&self) -> Vec<ObservableKind> {
        let has = |code: u8| self.sections.binary_search_by_key(&code, |s| s.code).is_ok();
        KINDS.into_iter().filter(|k| has(code(*k)) || has(code(*k) | WIDE)).collect()
    }

    /// Where the query's observable is; none if it is nowhere in the segment.
    pub fn lookup(&self, query: &Query) -> Result<Option<Hits>, IndexError> {
        let mut found = Vec::with_capacity(1);
        self.pass(&[(*query, 0)], &mut found)?;
        Ok(found.pop().map(|(_, hits)| hits))
    }

    /// Where the observables of a set are, by the queries' numbers, ascending. Those that are nowhere are left out.
    pub fn lookup_many(&self, set: &QuerySet) -> Result<Vec<(u32, Hits)>, IndexError> {
        let mut found = Vec::new();
        self.pass(&set.queries, &mut found)?;
        found.sort_unstable_by_key(|(number, _)| *number);
        Ok(found)
    }

    /// In how many rows the observable itself is: names below it do not count.
    pub fn rows_with(&self, observable: &Observable) -> Result<u64, IndexError> {
        Ok(self.lookup(&Query::holds(&observable.to_string()))?.map_or(0, |hits| hits.rows))
    }

    fn section(&self, code: u8) -> Option<&Section> {
        let at = self.sections.binary_search_by_key(&code, |s| s.code).ok()?;
        self.sections.get(at)
    }

    /// Answers sorted queries, and then those that the wide sections sent on.
    fn pass(&self, queries: &[(Query, u32)], found: &mut Vec<(u32, Hits)>) -> Result<(), IndexError> {
        let mut sent_on = Vec::new();
        self.pass_once(queries, found, &mut sent_on)?;
        sent_on.sort_unstable();
        // What is sent on is not narrow and goes no further.
        self.pass_once(&sent_on, found, &mut Vec::new())
    }

    fn pass_once(
        &self,
        queries: &[(Query, u32)],
        found: &mut Vec<(u32, Hits)>,
        sent_on: &mut Vec<(Query, u32)>,
    ) -> Result<(), IndexError> {
        for queries in queries.chunk_by(|a, b| a.0.code == b.0.code) {
            let Some(code) = queries.first().map(|(q, _)| q.code) else { continue };
            // A kind that the builder did not know yet lies among the others.
            let other = if code < WIDE { OTHER } else { code };
            let Some(section) = self.section(code).or_else(|| self.section(other)) else { continue };
            if section.full {
                found.extend(queries.iter().map(|(_, number)| (*number, self.everywhere())));
                continue;
            }
            for queries in
                queries.chunk_by(|a, b| section.chunk_of(a.0.hash.place) == section.chunk_of(b.0.hash.place))
            {
                self.chunk(section, queries, found, sent_on)?;
            }
        }
        Ok(())
    }

    fn everywhere(&self) -> Hits {
        let all = 0..self.blocks();
        let blocks = if all.is_empty() { Vec::new() } else { vec![all] };
        Hits { rows: self.rows, blocks, exact: None }
    }

    /// Answers queries whose groups stand in one chunk of the directory.
    fn chunk(
        &self,
        section: &Section,
        queries: &[(Query, u32)],
        found: &mut Vec<(u32, Hits)>,
        sent_on: &mut Vec<(Query, u32)>,
    ) -> Result<(), IndexError> {
        let Some((query, _)) = queries.first() else { return Ok(()) };
        let number = section.chunk_of(query.hash.place);
        let groups = self.directory(section, number)?;
        let group_of =
            |query: &Query| section.group_of(query.hash.place).wrapping_sub(number * CHUNK_GROUPS) as usize;
        let by_group =
            || queries.chunk_by(|a, b| section.group_of(a.0.hash.place) == section.group_of(b.0.hash.place));

        // Many groups of a chunk: one read for all between the first and the last.
        let ends = queries.first().zip(queries.last());
        let span = ends.and_then(|(a, b)| {
            let (a, b) = (group_of(&a.0), group_of(&b.0));
            let (first, last) = (groups.get(a)?, groups.get(b)?);
            let len = (last.keys.0 + last.keys.1) - first.keys.0;
            let dense = b > a && by_group().count() * SPARSE > b - a;
            (dense && len <= MAX_SPAN_BYTES).then_some((first.keys.0, len))
        });
        let mut keys = Vec::new();
        if let Some((at, len)) = span {
            self.fill(at, len, &mut keys)?;
        }
        for queries in by_group() {
            let Some(group) = queries.first().and_then(|(q, _)| groups.get(group_of(q))) else { continue };
            let of_group = match span {
                Some((at, _)) => {
                    let from = (group.keys.0 - at) as usize;
                    keys.get(from..from + group.keys.1 as usize)
                }
                None => {
                    self.fill(group.keys.0, group.keys.1, &mut keys)?;
                    Some(keys.as_slice())
                }
            };
            let of_group = of_group.ok_or(damaged("keys are cut", group.keys.0))?;
            if crc32fast::hash(of_group) != group.keys_crc {
                return Err(damaged("keys do not match their checksum", group.keys.0));
            }
            self.group(section, group, of_group, queries, found, sent_on)?;
        }
        Ok(())
    }

    /// Answers the queries of one group from its keys and, if any is there, its postings.
    fn group(
        &self,
        section: &Section,
        group: &Group,
        keys: &[u8],
        queries: &[(Query, u32)],
        found: &mut Vec<(u32, Hits)>,
        sent_on: &mut Vec<(Query, u32)>,
    ) -> Result<(), IndexError> {
        let starts =
            section.starts(group, keys).ok_or(damaged("keys contradict the directory", group.keys.0))?;
        let held = |query: &Query| section.find(query.hash.place, group, keys, &starts);
        let wanted: Vec<_> = queries.iter().filter_map(|(q, number)| Some((held(q)?, q, *number))).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut postings = Vec::new();
        self.fill(group.postings.0, group.postings.1, &mut postings)?;
        if crc32fast::hash(&postings) != group.postings_crc {
            return Err(damaged("postings do not match their checksum", group.postings.0));
        }
        // Postings are read in order, as the queries come in order. Those of others are decoded too: how
        // long they are is not written.
        let mut from = postings.as_slice();
        let mut posting = Posting::default();
        let mut next = 0;
        for (entry, query, number) in wanted {
            while next <= entry {
                let read = self.posting(&mut from, &mut posting);
                read.ok_or(damaged("postings say what no index has", group.postings.0))?;
                next += 1;
            }
            if posting.exact.as_ref().is_some_and(|(check, _)| *check != query.hash.check) {
                // Another one that looks alike.
                continue;
            }
            if query.narrow && posting.other {
                sent_on.push((Query { code: query.code & !WIDE, hash: query.hash, narrow: false }, number));
            } else {
                let exact = posting.exact.as_ref().map(|(_, rows)| rows.clone());
                found.push((number, Hits { rows: posting.rows, blocks: posting.blocks.clone(), exact }));
            }
        }
        Ok(())
    }

    /// One chunk of a section's directory.
    fn directory(&self, section: &Section, chunk: u32) -> Result<Vec<Group>, IndexError> {
        let first = chunk * CHUNK_GROUPS;
        let count = section.groups().saturating_sub(first).min(CHUNK_GROUPS);
        let chunk_len = CHUNK_BASE_BYTES + CHUNK_GROUPS as usize * GROUP_BYTES + CRC_BYTES;
        let at = section.directory_at + u64::from(chunk) * chunk_len as u64;
        let len = CHUNK_BASE_BYTES + count as usize * GROUP_BYTES;
        let mut bytes = Vec::new();
        self.fill(at, (len + CRC_BYTES) as u64, &mut bytes)?;
        let (said, crc) = bytes.split_at(len);
        if fixed::<4>(crc, 0) != Some(u64::from(crc32fast::hash(said))) {
            return Err(damaged("a directory does not match its checksum", at));
        }
        let bad = || damaged("a directory says what no index has", at);
        let mut entries = fixed::<4>(said, 0).ok_or_else(bad)?;
        let mut posted = fixed::<8>(said, 4).ok_or_else(bad)?;
        let mut groups = Vec::with_capacity(count as usize);
        for n in 0..count {
            let number =
                |field| fixed::<4>(said, CHUNK_BASE_BYTES + n as usize * GROUP_BYTES + field).ok_or_else(bad);
            let (held, postings_len) = (number(0)?, number(4)?);
            let before = u64::from(first + n) * u64::from(GROUP_BUCKETS);
            let buckets = (u64::from(section.buckets) - before).min(u64::from(GROUP_BUCKETS));
            let width = u64::from(section.width);
            let keys_at = section.keys_at + before * width + entries * REMAINDER_BYTES as u64;
            let postings_at = section.postings_at.checked_add(posted).ok_or_else(bad)?;
            groups.push(Group {
                keys: (keys_at, buckets * width + held * REMAINDER_BYTES as u64),
                postings: (postings_at, postings_len),
                entries: held as u32,
                buckets: buckets as u32,
                keys_crc: number(8)? as u32,
                postings_crc: number(12)? as u32,
            });
            entries += held;
            posted = posted.checked_add(postings_len).ok_or_else(bad)?;
            let believable = postings_len <= MAX_POSTING_BYTES;
            if !believable || entries > u64::from(section.entries) || posted > section.postings_len {
                return Err(bad());
            }
        }
        Ok(groups)
    }

    /// Takes one posting off the front.
    fn posting(&self, from: &mut &[u8], into: &mut Posting) -> Option<()> {
        let head = take_varint(from)?;
        let end_of_all = self.blocks();
        into.rows = head >> 3;
        into.other = head & 4 != 0;
        into.blocks.clear();
        into.exact = None;
        match head & 3 {
            0 => {
                let block = u32::try_from(take_varint(from)?).ok()?;
                into.blocks.push(block..block.checked_add(1)?);
            }
            1 => into.blocks.push(0..end_of_all),
            2 => {
                let pieces = take_varint(from)?;
                let mut end = 0u32;
                for n in 0..pieces {
                    let gap = take_varint(from)?;
                    let more = if gap & 1 == 1 { take_varint(from)?.checked_add(1)? } else { 0 };
                    let start = end.checked_add(u32::try_from(gap >> 1).ok()?)?;
                    if n > 0 && start == end {
                        return None;
                    }
                    end = start.checked_add(u32::try_from(more).ok()?)?.checked_add(1)?;
                    into.blocks.push(start..end);
                }
            }
            _ => self.exact_posting(from, into)?,
        }
        let end = into.blocks.last()?.end;
        (into.rows > 0 && into.rows <= self.rows && end <= end_of_all).then_some(())
    }

    /// The rest of a posting of form 3: rows, and the blocks they are in.
    fn exact_posting(&self, from: &mut &[u8], into: &mut Posting) -> Option<()> {
        let (check, rest) = from.split_first_chunk::<4>()?;
        *from = rest;
        // Each row is a byte at least.
        let count = usize::try_from(into.rows).ok().filter(|n| *n <= from.len())?;
        let mut rows = Vec::with_capacity(count);
        let mut next = 0u32;
        for _ in 0..count {
            let row = next.checked_add(u32::try_from(take_varint(from)?).ok()?)?;
            next = row.checked_add(1)?;
            let block = row / self.rows_per_block;
            match into.blocks.last_mut() {
                Some(last) if last.end == block + 1 => {}
                Some(last) if last.end == block => last.end = block + 1,
                _ => into.blocks.push(block..block + 1),
            }
            rows.push(row);
        }
        (u64::from(next) <= self.rows).then_some(())?;
        into.exact = Some((u32::from_le_bytes(*check), rows));
        Some(())
    }

    /// Reads `len` bytes, if they are there.
    fn fill(&self, at: u64, len: u64, into: &mut Vec<u8>) -> Result<(), IndexError> {
        // The last section ends where the file does, and `open` held that against its length.
        let size = self.sections.last().and_then(Section::end).unwrap_or(HEADER_BYTES as u64);
        let len = at.checked_add(len).filter(|end| *end <= size).and(usize::try_from(len).ok());
        into.clear();
        into.resize(len.ok_or(damaged("a part lies beyond the end", at))?, 0);
        Ok(self.source.read_at(at, into)?)
    }
}

impl Section {
    /// Reads a record of the table; none if no builder writes such.
    fn new(record: &[u8], at: u64) -> Option<Section> {
        let [code, flags, width, zero, ..] = *record else { return None };
        let entries = fixed::<4>(record, 4)?;
        let buckets = fixed::<4>(record, 8)?;
        let max = MAX_ENTRIES as u64;
        let full = flags == FULL;
        let sound =
            flags <= FULL && zero == 0 && matches!(width, 1 | 2 | 4) && entries <= max && buckets <= max;
        let filled = if full { entries == 0 && buckets == 0 } else { entries > 0 && buckets > 0 };
        if !sound || !filled {
            return None;
        }
        let mut section = Section {
            code,
            full,
            width,
            entries: entries as u32,
            buckets: buckets as u32,
            directory_at: at,
            keys_at: 0,
            postings_at: 0,
            postings_len: fixed::<8>(record, 12)?,
        };
        let groups = u64::from(section.groups());
        let chunks = groups.div_ceil(u64::from(CHUNK_GROUPS));
        let directory = chunks * (CHUNK_BASE_BYTES + CRC_BYTES) as u64 + groups * GROUP_BYTES as u64;
        section.keys_at = at.checked_add(directory)?;
        let keys = buckets * u64::from(width) + entries * REMAINDER_BYTES as u64;
        section.postings_at = section.keys_at.checked_add(keys)?;
        Some(section)
    }

    fn end(&self) -> Option<u64> {
        self.postings_at.checked_add(self.postings_len)
    }

    fn groups(&self) -> u32 {
        self.buckets.div_ceil(GROUP_BUCKETS)
    }

    fn group_of(&self, hash: u64) -> u32 {
        place(hash, self.buckets).0 / GROUP_BUCKETS
    }

    fn chunk_of(&self, hash: u64) -> u32 {
        self.group_of(hash) / CHUNK_GROUPS
    }

    /// The first entry of each bucket of a group, and the end of the last; none if they are not as many as
    /// the directory says.
    fn starts(&self, group: &Group, keys: &[u8]) -> Option<[u64; GROUP_BUCKETS as usize + 1]> {
        let mut starts = [0; GROUP_BUCKETS as usize + 1];
        let mut end = 0;
        for bucket in 0..GROUP_BUCKETS as usize {
            if bucket < group.buckets as usize {
                let at = bucket * usize::from(self.width);
                end += match self.width {
                    1 => fixed::<1>(keys, at)?,
                    2 => fixed::<2>(keys, at)?,
                    _ => fixed::<4>(keys, at)?,
                };
            }
            *starts.get_mut(bucket + 1)? = end;
        }
        (end == u64::from(group.entries)).then_some(starts)
    }

    /// The place of a hash among the entries of its group.
    fn find(
        &self,
        hash: u64,
        group: &Group,
        keys: &[u8],
        starts: &[u64; GROUP_BUCKETS as usize + 1],
    ) -> Option<usize> {
        let (bucket, remainder) = place(hash, self.buckets);
        let bucket = (bucket % GROUP_BUCKETS) as usize;
        let (first, end) = (*starts.get(bucket)? as usize, *starts.get(bucket + 1)? as usize);
        let remainders = keys.get(group.buckets as usize * usize::from(self.width)..)?;
        let held = remainders.get(first * REMAINDER_BYTES..end * REMAINDER_BYTES)?;
        let (held, _) = held.as_chunks::<REMAINDER_BYTES>();
        let at = held.binary_search_by_key(&remainder, |r| u32::from_le_bytes([r[0], r[1], r[2], 0])).ok()?;
        Some(first + at)
    }
}
