//! Logs broken six ways: what was not touched is read, what was is reported.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::single_range_in_vec_init)]

use std::collections::BTreeMap;

use palisade_host::{Piece, Scratch};
use palisade_model::{Problem, ProblemCode};

use crate::evtx::{Row, Setup, logs};

/// Every sixth log, as in the comparison that set the goal.
const STEP: usize = 6;
const HEADER: usize = 4_096;
const CHUNK: usize = 65_536;

/// splitmix64: the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

struct Break {
    bytes: Vec<u8>,
    /// Ranges of bytes changed or lost.
    touched: Vec<std::ops::Range<u64>>,
}

struct Log<'a> {
    bytes: &'a [u8],
    rows: Vec<Row>,
}

impl Log<'_> {
    fn size(&self, row: &Row) -> u64 {
        let at = row.header.offset as usize + 4;
        u64::from(u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap()))
    }
}

fn one(bytes: &[u8], at: usize, patch: &[u8]) -> Break {
    let mut bytes = bytes.to_vec();
    bytes[at..at + patch.len()].copy_from_slice(patch);
    Break { bytes, touched: vec![at as u64..(at + patch.len()) as u64] }
}

fn bad_file_magic(log: &Log<'_>, _: &mut Random) -> Break {
    let mut b = one(log.bytes, 0, b"NotFile\0");
    b.touched.clear();
    b
}

fn truncated(log: &Log<'_>, random: &mut Random) -> Break {
    let row = &log.rows[random.below(log.rows.len())];
    let cut = row.header.offset + log.size(row) / 2;
    Break { bytes: log.bytes[..cut as usize].to_vec(), touched: vec![cut..u64::MAX] }
}

fn bad_chunk_magic(log: &Log<'_>, random: &mut Random) -> Break {
    let row = &log.rows[random.below(log.rows.len())];
    let chunk = (row.header.offset as usize - HEADER) / CHUNK;
    let mut b = one(log.bytes, HEADER + chunk * CHUNK, b"ElfXXXX\0");
    b.touched.clear();
    b
}

fn zero_size(log: &Log<'_>, random: &mut Random) -> Break {
    let row = &log.rows[random.below(log.rows.len())];
    one(log.bytes, row.header.offset as usize + 4, &[0; 4])
}

fn huge_size(log: &Log<'_>, random: &mut Random) -> Break {
    let row = &log.rows[random.below(log.rows.len())];
    one(log.bytes, row.header.offset as usize + 4, &[0xff, 0xff, 0xff, 0x7f])
}

/// One flipped bit in each of eight records' values (not in the templates that others share).
fn bit_flips(log: &Log<'_>, random: &mut Random) -> Break {
    let mut bytes = log.bytes.to_vec();
    let mut touched = Vec::new();
    for _ in 0..8 {
        let row = &log.rows[random.below(log.rows.len())];
        let at = row.header.offset + log.size(row) - 5 - random.below(40) as u64;
        bytes[at as usize] ^= 1 << random.below(8);
        touched.push(at..at + 1);
    }
    Break { bytes, touched }
}

/// One flipped bit in each of eight places anywhere among the records, templates included:
/// what a template loses, all its records lose.
fn bit_flips_anywhere(log: &Log<'_>, random: &mut Random) -> Break {
    let mut bytes = log.bytes.to_vec();
    let mut touched = Vec::new();
    for _ in 0..8 {
        let row = &log.rows[random.below(log.rows.len())];
        let at = row.header.offset + random.below(log.size(row) as usize) as u64;
        bytes[at as usize] ^= 1 << random.below(8);
        touched.push(at..at + 1);
    }
    Break { bytes, touched }
}

type Way = (&'static str, fn(&Log<'_>, &mut Random) -> Break, &'static [ProblemCode]);

const WAYS: [Way; 7] = [
    ("bad file magic", bad_file_magic, &[ProblemCode::DamagedHeader]),
    ("truncated in a chunk", truncated, &[ProblemCode::Truncated]),
    ("bad chunk magic", bad_chunk_magic, &[ProblemCode::DamagedPart]),
    ("zero record size", zero_size, &[ProblemCode::DamagedRecord]),
    ("huge record size", huge_size, &[ProblemCode::DamagedRecord]),
    ("bit flips", bit_flips, &[ProblemCode::DamagedPart, ProblemCode::DamagedRecord]),
    ("bit flips anywhere", bit_flips_anywhere, &[ProblemCode::DamagedPart, ProblemCode::DamagedRecord]),
];

fn reported(problems: &[Problem], codes: &[ProblemCode]) -> bool {
    problems.iter().any(|p| codes.contains(&p.code))
}

#[test]
fn what_damage_did_not_touch_is_read_and_every_loss_is_reported() {
    let logs = logs();
    let setup = Setup::wanting(["EventID", "Channel"]);
    let mut random = Random(7);
    let mut table: BTreeMap<&str, [u64; 6]> = BTreeMap::new();
    for (name, bytes) in logs.iter().step_by(STEP) {
        let (rows, _) = setup.read(bytes);
        let rows: Vec<Row> = rows.into_iter().filter(|r| !r.header.recovered).collect();
        if rows.is_empty() {
            continue;
        }
        let log = Log { bytes, rows };
        for (way, make, codes) in WAYS {
            let broken = make(&log, &mut random);
            let (after, problems) = setup.read(&broken.bytes);
            let after: BTreeMap<u64, &Row> = after.iter().map(|r| (r.header.offset, r)).collect();
            let entry = table.entry(way).or_default();
            let theirs = crate_reads(&broken.bytes);
            for row in &log.rows {
                let range = row.header.offset..row.header.offset + log.size(row);
                if broken.touched.iter().any(|t| t.start < range.end && range.start < t.end) {
                    entry[3] += u64::from(after.contains_key(&row.header.offset));
                    entry[4] += 1;
                    continue;
                }
                entry[0] += 1;
                let same = after.get(&row.header.offset).is_some_and(|r| r.text == row.text);
                entry[1] += u64::from(same);
                if !same && way != "bit flips anywhere" {
                    eprintln!("{way}: {name} lost record {} at {}", row.header.record, row.header.offset);
                }
                entry[5] += u64::from(after.contains_key(&row.header.offset));
                entry[2] += u64::from(theirs.contains(&row.header.record));
            }
            // Logs without checksums cannot tell a flipped bit inside a value.
            let checked = !way.starts_with("bit flips") || !name.contains("no_crc32");
            assert!(!checked || reported(&problems, codes), "{way}: {name} reports nothing: {problems:?}");
        }
    }
    for (way, [all, same, theirs, touched_read, touched, present]) in &table {
        eprintln!(
            "{way:20} untouched {all}: {present} read here, {same} with the same text, {theirs} by \
             crate evtx; of {touched} touched {touched_read} read"
        );
    }
    for (way, n) in &table {
        // One bit of a template may change a name in every record that uses it.
        let least = if *way == "bit flips anywhere" { n[0] * 95 / 100 } else { n[0] };
        assert!(n[1] >= least, "{way}");
    }
}

/// Record numbers that crate `evtx` still reads.
fn crate_reads(bytes: &[u8]) -> std::collections::BTreeSet<u64> {
    let Ok(parser) = evtx::EvtxParser::from_buffer(bytes.to_vec()) else { return Default::default() };
    let mut parser = parser.with_configuration(evtx::ParserSettings::default().num_threads(1));
    parser.records().flatten().map(|r| r.event_record_id).collect()
}

#[test]
fn neither_order_nor_cut_of_pieces_changes_rows() {
    let setup = Setup::wanting(["EventID", "Image", "Data"]);
    for (name, bytes) in logs().iter().filter(|(_, b)| b.len() > 4 * CHUNK).take(20) {
        let (rows, problems) = setup.read(bytes);
        let (mut reversed, mut single) = (Vec::new(), Vec::new());
        for piece in Setup::pieces(bytes).0.into_iter().rev() {
            // Last piece first, on a fresh thread's scratch, then each chunk of it alone.
            let (mut whole, mut chunks) = (Vec::new(), Vec::new());
            for (i, chunk) in piece.data.chunks(CHUNK).enumerate() {
                let data = chunk.to_vec();
                let part = Piece {
                    data,
                    offset: piece.offset + (i * CHUNK) as u64,
                    preface: piece.preface.clone(),
                    ..piece
                };
                setup.read_piece(part, &mut Scratch::default(), &mut chunks);
            }
            setup.read_piece(piece, &mut Scratch::default(), &mut whole);
            whole.append(&mut reversed);
            reversed = whole;
            chunks.append(&mut single);
            single = chunks;
        }
        assert_eq!(rows, reversed, "{name}");
        // A chunk alone has nobody to lend it a lost template; all else is the same.
        let lent = problems.iter().any(|p| p.message.contains("template is lost"));
        let carved = |r: &Row| r.header.recovered || lent;
        assert!(single.iter().all(|r| rows.contains(r)), "{name}");
        assert!(rows.iter().all(|r| carved(r) || single.contains(r)), "{name}");
    }
}

#[test]
fn a_stream_that_gives_one_byte_at_a_time_reads_the_same() {
    struct Drip<'a>(&'a [u8]);
    impl std::io::Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let n = buf.len().min(self.0.len()).min(1 + self.0.len() % 977);
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }
    for (name, bytes) in logs().iter().step_by(25) {
        let (whole, _) = Setup::pieces(bytes);
        let mut cut = Vec::new();
        let origin = palisade_model::Origin::file("log.evtx");
        let mut stream = Drip(bytes);
        palisade_host::split(palisade_host::Format::Evtx, &origin, &mut stream, &mut |p| {
            cut.push((p.offset, p.data));
            std::ops::ControlFlow::Continue(())
        });
        let whole: Vec<_> = whole.into_iter().map(|p| (p.offset, p.data)).collect();
        assert!(whole == cut, "{name}");
    }
}

#[test]
fn odd_streams_are_told_apart() {
    let setup = Setup::wanting(["EventID"]);
    let codes = |bytes: &[u8]| setup.read(bytes).1.iter().map(|p| p.code).collect::<Vec<_>>();
    assert_eq!(codes(b""), [ProblemCode::DamagedHeader, ProblemCode::Truncated]);
    assert_eq!(codes(b"ElfFile\0"), [ProblemCode::DamagedHeader, ProblemCode::Truncated]);
    let Some((_, log)) = logs().into_iter().find(|(n, _)| n.ends_with("odd/new-user-security.evtx")) else {
        return;
    };
    let (rows, problems) = setup.read(&log);
    assert!(problems.iter().all(|p| p.message.contains("unused space")), "{problems:?}");
    // Garbage and zeros behind the last chunk are usual and silent.
    for tail in [vec![0; 3 * CHUNK], vec![0xa5; CHUNK + 77]] {
        let longer: Vec<u8> = log.iter().copied().chain(tail).collect();
        assert_eq!(setup.read(&longer), (rows.clone(), problems.clone()));
    }
    // Chunks out of step: bytes lost or inserted before one.
    let mut shifted = log[..HEADER].to_vec();
    shifted.extend_from_slice(&[0x55; 1_000]);
    shifted.extend_from_slice(&log[HEADER..]);
    let (moved, problems) = setup.read(&shifted);
    assert_eq!(moved.len(), rows.len());
    assert!(problems.iter().any(|p| p.code == ProblemCode::DamagedPart), "{problems:?}");
    // A bare chunk.
    assert_eq!(setup.read(&log[HEADER..]).0.len(), rows.len());
}
