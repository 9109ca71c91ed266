//! The observable index: held against a look at every row, against damage, and against its promised size.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use palisade_model::{Observable, ObservableKind};
use palisade_store::lake::index::*;
use sha2::{Digest, Sha256};

/// SplitMix64: the same numbers everywhere.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Small numbers often, large ones seldom.
    fn skewed(&mut self, n: u64) -> u64 {
        let bits = self.below(64 - u64::from(n.leading_zeros()));
        self.below(n.min(1 << (bits + 1)))
    }
}

/// An observable of any kind; some kinds have few values, some a new one for each row.
fn random_text(rng: &mut Rng) -> String {
    let hex = |rng: &mut Rng, digits: usize| -> String {
        std::iter::repeat_with(|| format!("{:016x}", rng.next())).take(digits / 16 + 1).collect::<String>()
            [..digits]
            .to_owned()
    };
    match rng.below(18) {
        0 => format!("ip:10.{}.{}.{}", rng.skewed(8), rng.skewed(250), rng.below(250)),
        1 => format!("ip:2001:db8:{:x}:{:x}::{:x}", rng.below(20) + 1, rng.below(20) + 1, rng.below(200) + 2),
        2 => {
            let name = ["example.com", "example.co.uk", "evil.example.org"][rng.below(3) as usize];
            match rng.below(3) {
                0 => format!("domain:{name}"),
                1 => format!("domain:h{}.{name}", rng.skewed(3_000)),
                _ => format!("domain:a.h{}.{name}", rng.skewed(3_000)),
            }
        }
        3 => format!("url:http://h{}.example.com/{}", rng.skewed(100), rng.below(5_000)),
        4 => format!("email:u{}@example.com", rng.skewed(2_000)),
        5 => format!("md5:{}", hex(rng, 32)),
        6 => format!("sha1:{:040x}", rng.skewed(5_000) + 1),
        7 => format!("sha256:{}", hex(rng, 64)),
        8 => format!("imphash:{:032x}", rng.skewed(900) + 1),
        9 => format!("path:c:\\dir{}\\f{}.exe", rng.skewed(500), rng.skewed(90)),
        10 => format!("file_name:f{}.exe", rng.skewed(120)),
        11 => format!("host:ws{}", rng.skewed(300)),
        12 => format!("host:ws{}.site{}.corp.local", rng.skewed(300), rng.below(4)),
        13 => format!("account:corp\\u{}", rng.skewed(800)),
        14 => format!("sid:S-1-5-21-{}", rng.skewed(900)),
        15 => format!("process_guid:{}-0000-1111-2222-333344445555", hex(rng, 8).to_uppercase()),
        16 => format!("logon_session:{:#x}", rng.skewed(900) + 0x1000),
        _ => "host:everywhere".to_owned(),
    }
}

/// Rows and their observables, by row.
fn random_rows(seed: u64, rows: u32) -> Vec<(u32, String)> {
    let mut rng = Rng(seed);
    let mut out = Vec::new();
    for row in 0..rows {
        out.push((row, "account:system".to_owned()));
        for _ in 0..rng.below(5) {
            out.push((row, random_text(&mut rng)));
        }
    }
    out
}

fn build(rows_per_block: u32, rows: &[(u32, impl AsRef<str>)]) -> Vec<u8> {
    let mut builder = IndexBuilder::new(rows_per_block);
    for (row, text) in rows {
        builder.add(*row, text.as_ref());
    }
    builder.finish()
}

/// What `Hits` should be for these rows where the index says which they are.
fn exactly(rows: &BTreeSet<u32>, rows_per_block: u32) -> Option<Hits> {
    let known = rows.len() <= MAX_EXACT as usize;
    expected(rows, rows_per_block)
        .map(|hits| Hits { exact: known.then(|| rows.iter().copied().collect()), ..hits })
}

/// What `Hits` should be for these rows where the index says only blocks.
fn expected(rows: &BTreeSet<u32>, rows_per_block: u32) -> Option<Hits> {
    let mut blocks: Vec<Range<u32>> = Vec::new();
    for block in rows.iter().map(|r| r / rows_per_block) {
        match blocks.last_mut() {
            Some(run) if run.end == block => run.end += 1,
            Some(run) if run.end > block => {}
            _ => blocks.push(block..block + 1),
        }
    }
    (!rows.is_empty()).then_some(Hits { rows: rows.len() as u64, blocks, exact: None })
}

fn observable(text: &str) -> Observable {
    let (kind, value) = text.split_once(':').unwrap();
    let kind: ObservableKind = serde_json::from_value(kind.into()).unwrap();
    Observable::parse(kind, value).unwrap()
}

fn masked(ip: IpAddr, len: u8) -> (bool, u128) {
    let (bits, width) = match ip {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    (ip.is_ipv4(), bits.checked_shr(width - u32::from(len)).unwrap_or(0))
}

/// Rows by text and what is below, looked for one by one.
struct Rows {
    by_text: BTreeMap<String, BTreeSet<u32>>,
    by_name: BTreeMap<String, BTreeSet<u32>>,
    by_network: BTreeMap<(u8, bool, u128), BTreeSet<u32>>,
}

impl Rows {
    fn new(rows: &[(u32, String)]) -> Rows {
        let mut all =
            Rows { by_text: BTreeMap::new(), by_name: BTreeMap::new(), by_network: BTreeMap::new() };
        for (row, text) in rows {
            all.by_text.entry(text.clone()).or_default().insert(*row);
        }
        for (text, rows) in &all.by_text {
            let (kind, value) = text.split_once(':').unwrap();
            let mut names = Vec::new();
            match kind {
                "domain" | "host" => {
                    names.push(text.clone());
                    let dots = value.match_indices('.').map(|(dot, _)| &value[dot + 1..]);
                    names.extend(dots.filter(|p| p.contains('.')).map(|p| format!("{kind}:{p}")));
                }
                "file_name" => names.push(text.clone()),
                "path" => names.push(format!("file_name:{}", value.rsplit('\\').next().unwrap())),
                "ip" => {
                    let ip: IpAddr = value.parse().unwrap();
                    for len in if ip.is_ipv4() { [0, 8, 16, 24] } else { [0, 32, 48, 64] } {
                        let (v4, bits) = masked(ip, len);
                        all.by_network.entry((len, v4, bits)).or_default().extend(rows);
                    }
                }
                _ => {}
            }
            for name in names {
                all.by_name.entry(name).or_default().extend(rows);
            }
        }
        all
    }

    fn network(&self, ip: IpAddr, len: u8) -> BTreeSet<u32> {
        let stored: &[u8] = if ip.is_ipv4() { &[24, 16, 8, 0] } else { &[64, 48, 32, 0] };
        let len = *stored.iter().find(|s| **s <= len).unwrap();
        let (v4, bits) = masked(ip, len);
        self.by_network.get(&(len, v4, bits)).cloned().unwrap_or_default()
    }
}

#[test]
fn agrees_with_a_look_at_every_row() {
    const BLOCK: u32 = 256;
    let rows = random_rows(7, 100_000);
    let all = Rows::new(&rows);
    let bytes = build(BLOCK, &rows);
    let index = Index::open(bytes.as_slice()).unwrap();
    assert_eq!((index.rows(), index.blocks()), (100_000, 100_000_u32.div_ceil(BLOCK)));

    let mut queries = Vec::new();
    let mut want = Vec::new();
    for (text, rows) in &all.by_text {
        queries.push(Query::holds(text));
        want.push((text.clone(), exactly(rows, BLOCK)));
        let wide = all.by_name.get(text).unwrap_or(rows);
        queries.push(Query::exact(&observable(text)));
        let known = if wide == rows { exactly } else { expected };
        want.push((format!("wide {text}"), known(wide, BLOCK)));
    }
    // Names that no row holds itself.
    for (name, rows) in all.by_name.iter().filter(|(name, _)| !all.by_text.contains_key(*name)) {
        let Some((kind, value)) = name.split_once(':').filter(|(_, v)| *v != "co.uk") else { continue };
        queries.push(Query::exact(&observable(&format!("{kind}:{value}"))));
        want.push((format!("wide {name}"), expected(rows, BLOCK)));
        queries.push(Query::holds(name));
        want.push((name.clone(), None));
    }
    let mut rng = Rng(8);
    for _ in 0..5_000 {
        let (text, most) = match rng.below(2) {
            0 => (format!("{}.{}.{}.7", rng.below(3) + 9, rng.below(9), rng.below(250)), 31),
            _ => (format!("2001:db8:{:x}:{:x}::1", rng.below(30), rng.below(30)), 127),
        };
        let (ip, len) = (text.parse().unwrap(), rng.below(most + 1) as u8);
        queries.push(Query::network(ip, len));
        want.push((format!("{ip}/{len}"), expected(&all.network(ip, len), BLOCK)));
    }

    let set = QuerySet::new(queries.iter().copied());
    let mut many: BTreeMap<u32, Hits> = index.lookup_many(&set).unwrap().into_iter().collect();
    assert_eq!(set.len(), want.len());
    let mut wrong = Vec::new();
    for (n, (query, (what, want))) in queries.iter().zip(&want).enumerate() {
        let got = many.remove(&(n as u32));
        if got != *want || index.lookup(query).unwrap() != *want {
            wrong.push(format!("{what}: {got:?}, not {want:?}"));
        }
    }
    // Entries that look alike are answered together; with these rows there are none.
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        want.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    println!("{} queries over {} rows", want.len(), index.rows());

    // Prevalence, and the kinds there are.
    assert_eq!(index.rows_with(&observable("account:system")).unwrap(), 100_000);
    let own = all.by_text.get("domain:example.com").unwrap().len() as u64;
    assert_eq!(index.rows_with(&observable("domain:example.com")).unwrap(), own);
    assert_eq!(index.rows_with(&observable("domain:absent.example.com")).unwrap(), 0);
    let kinds: BTreeSet<&str> = all.by_text.keys().map(|t| t.split_once(':').unwrap().0).collect();
    assert_eq!(index.kinds().iter().map(|k| k.name()).collect::<BTreeSet<_>>(), kinds);
}

#[test]
fn what_is_absent_is_told_from_few_bytes() {
    // As many distinct observables as a segment of a million rows has.
    let mut builder = IndexBuilder::new(ROWS_PER_BLOCK);
    for row in 0..400_000 {
        builder.add(row, &format!("sha256:{row:064x}"));
        builder.add(row, &format!("domain:h{}.example.com", row / 3));
        builder.add(row, &format!("ip:10.{}.{}.{}", row >> 16, row >> 8 & 0xff, row & 0xff));
    }
    let bytes = builder.finish();
    let index = Index::open(Counting::new(bytes.as_slice())).unwrap();
    let opened = index.source().bytes();
    assert!(opened <= 1_024, "{opened} bytes to open");

    let absent = |n: u64| {
        [
            Query::holds(&format!("sha256:f{n:063x}")),
            Query::exact(&observable(&format!("domain:x{n}.example.net"))),
        ]
    };
    let set = QuerySet::new((0..5_000).flat_map(absent));
    let found = index.lookup_many(&set).unwrap().len();
    let (distinct, read) = (400_000.0 + 133_335.0, index.source().bytes() - opened);
    println!(
        "{} bytes; 10,000 absent: {read} bytes in {} reads, {:.2} per distinct observable of their kinds, {found} found",
        bytes.len(),
        index.source().reads(),
        read as f64 / distinct
    );
    assert!(read as f64 <= 3.5 * distinct, "{read} bytes");
    assert_eq!(found, 0);

    // One observable: three small reads.
    for (text, rows) in [("domain:h77.example.com", 3), ("sha256:nothing", 0), ("ip:10.1.2.3", 1)] {
        let (bytes, reads) = (index.source().bytes(), index.source().reads());
        let hits = index.lookup(&Query::holds(text)).unwrap();
        let (bytes, reads) = (index.source().bytes() - bytes, index.source().reads() - reads);
        println!("{text}: {bytes} bytes in {reads} reads");
        assert_eq!(hits.map_or(0, |h| h.rows), rows, "{text}");
        assert!(reads <= 3 && bytes <= 3_000, "{text}: {reads} reads, {bytes} bytes");
    }

    // Of two million look-ups at most a handful find what is not there.
    let set = QuerySet::new((5_000..1_005_000).flat_map(absent));
    let found = index.lookup_many(&set).unwrap().len();
    println!("{found} of {} absent ones found", set.len());
    assert!(found <= 8, "{found}");
}

/// One row each; what an indicator must find.
#[test]
fn wider_indicators() {
    let deep = |labels: usize, name: &str| format!("domain:{}{name}", "x.".repeat(labels - 2));
    let (deepest, deep_16) = (deep(40, "example.net"), deep(16, "example.net"));
    let rows: Vec<(u32, &str)> = [
        "domain:a.b.example.com",
        "domain:example.com",
        "domain:badexample.com",
        "domain:www.shop.co.uk",
        "host:ws1.evil.zone-internal",
        "host:ws1",
        r"path:c:\users\evil.exe",
        "file_name:evil.exe",
        "ip:10.1.2.3",
        "ip:10.1.9.9",
        "ip:2001:db8:1::9",
        &deepest,
        "newkind:value",
        "no kind",
    ]
    .into_iter()
    .zip(0..)
    .map(|(text, row)| (row * 2, text))
    .collect();
    let bytes = build(2, &rows);
    let index = Index::open(bytes.as_slice()).unwrap();
    let exact = |text: &str| Query::exact(&observable(text));
    let network = |text: &str| {
        let (ip, len) = text.split_once('/').unwrap();
        Query::network(ip.parse().unwrap(), len.parse().unwrap())
    };
    for (what, query, want) in [
        ("a domain and below", exact("domain:example.com"), &[0, 1][..]),
        ("a name between", exact("domain:b.example.com"), &[0]),
        ("the name alone", Query::holds("domain:example.com"), &[1]),
        ("a pure parent alone", Query::holds("domain:b.example.com"), &[]),
        ("below a suffix of two", exact("domain:shop.co.uk"), &[3]),
        ("a suffix is no name", Query::holds("domain:co.uk"), &[]),
        ("a host with a dot", exact("host:evil.zone-internal"), &[4]),
        ("a label is no parent", exact("host:zone-internal"), &[]),
        ("a host of one label", exact("host:ws1"), &[5]),
        ("a domain is no host", exact("host:example.com"), &[]),
        ("a file name, paths too", exact("file_name:evil.exe"), &[6, 7]),
        ("the file name alone", Query::holds("file_name:evil.exe"), &[7]),
        ("a path", exact(r"path:c:\users\evil.exe"), &[6]),
        ("an address", exact("ip:10.1.2.3"), &[8]),
        ("an address as a network", network("10.1.2.3/32"), &[8]),
        ("longer than an address", network("10.1.2.3/99"), &[8]),
        ("as stored", network("10.1.2.0/24"), &[8]),
        ("between stored lengths: too much", network("10.1.8.0/21"), &[8, 9]),
        ("host bits count for nothing", network("10.1.77.77/16"), &[8, 9]),
        ("coarser than all", network("0.0.0.0/0"), &[8, 9]),
        ("elsewhere", network("11.0.0.0/8"), &[]),
        ("IPv6", network("2001:db8::/32"), &[10]),
        ("IPv6 of another network", network("2001:db9::/32"), &[]),
        ("all of IPv6", network("::/3"), &[10]),
        ("mapped: a network of IPv6", network("::ffff:10.1.2.0/120"), &[]),
        ("forty labels, itself", exact(&deepest), &[11]),
        ("forty labels, alone", Query::holds(&deepest), &[11]),
        ("its sixteenth parent", exact(&deep_16), &[11]),
        ("as deep, found by the last labels", exact(&deep(30, "example.net")), &[11]),
        ("its parent alone", Query::holds(&deep_16), &[]),
        ("a kind of tomorrow", Query::holds("newkind:value"), &[12]),
        ("what is no observable", Query::holds("no kind"), &[13]),
        ("nothing", Query::holds(""), &[]),
    ] {
        let got = index.lookup(&query).unwrap();
        let want: BTreeSet<u32> = want.iter().map(|r| r * 2).collect();
        let known = if got.as_ref().is_some_and(|h| h.exact.is_some()) { exactly } else { expected };
        assert_eq!(got, known(&want, 2), "{what}");
    }
}

/// Forms of postings: blocks of the rows, and back.
#[test]
fn blocks_of_rows() {
    for (what, rows, total, want) in [
        ("none", vec![], 0, &[][..]),
        ("the first", vec![0], 0, &[[0, 1]]),
        ("one of many", vec![25], 100, &[[2, 3]]),
        ("twice in a row", vec![25, 25], 100, &[[2, 3]]),
        ("all", (0..100).collect(), 0, &[[0, 10]]),
        ("all blocks", (0..100).step_by(7).collect(), 0, &[[0, 10]]),
        ("all but the last", (0..90).collect(), 100, &[[0, 9]]),
        ("a run", (20..50).collect(), 100, &[[2, 5]]),
        ("single ones", vec![0, 20, 40, 99], 100, &[[0, 1], [2, 3], [4, 5], [9, 10]]),
        ("both", vec![0, 20, 30, 31, 99], 100, &[[0, 1], [2, 4], [9, 10]]),
        ("far apart", vec![3, 4_000_000_000], 0, &[[0, 1], [400_000_000, 400_000_001]]),
        ("the last there can be", vec![u32::MAX], 0, &[[429_496_729, 429_496_730]]),
        ("late ones", vec![50, 20, 99, 35, 20], 100, &[[2, 4], [5, 6], [9, 10]]),
    ] {
        let want: Vec<Range<u32>> = want.iter().map(|[start, end]| *start..*end).collect();
        let mut builder = IndexBuilder::new(10);
        for row in &rows {
            builder.add(*row, "host:ws1");
        }
        builder.rows(total);
        let bytes = builder.finish();
        let index = Index::open(bytes.as_slice()).unwrap();
        let hits = index.lookup(&Query::holds("host:ws1")).unwrap();
        assert_eq!(hits.as_ref().map_or(&[][..], |h| &h.blocks), want, "{what}");
        if let Some(Hits { exact: Some(exact), .. }) = &hits {
            let all: BTreeSet<u32> = rows.iter().copied().collect();
            assert_eq!(*exact, Vec::from_iter(all), "{what}");
        }
        let end = rows.iter().max().map_or(0, |r| u64::from(*r) + 1);
        assert_eq!(index.rows(), end.max(u64::from(total)), "{what}");
        let joined = merge_blocks(hits.iter().chain(&hits));
        assert_eq!(joined, want, "{what}");
        let of: u64 = index.rows_of(&joined).map(|r| r.end - r.start).sum();
        let last = index.rows() % 10;
        let short =
            if last > 0 && joined.last().is_some_and(|b| b.end == index.blocks()) { 10 - last } else { 0 };
        assert_eq!(of, joined.iter().map(|b| b.len() as u64 * 10).sum::<u64>() - short, "{what}");
    }
}

/// Up to so many rows each is known; from one more on, blocks, whatever way they came.
#[test]
fn few_rows_are_known_each() {
    let mut rng = Rng(31);
    for (count, spread) in
        [(1, 1), (MAX_EXACT, 1), (MAX_EXACT, 90), (MAX_EXACT + 1, 1), (MAX_EXACT + 1, 90), (9_000, 400)]
    {
        let mut rows = BTreeSet::new();
        let mut row = rng.below(5) as u32;
        while rows.len() < count as usize {
            rows.insert(row);
            row += 1 + rng.below(spread) as u32;
        }
        let named: Vec<(u32, &str)> = rows.iter().map(|r| (*r, "sid:S-1-5-18")).collect();
        let bytes = build(64, &named);
        let index = Index::open(bytes.as_slice()).unwrap();
        let hits = index.lookup(&Query::holds("sid:S-1-5-18")).unwrap();
        assert_eq!(hits, exactly(&rows, 64), "{count} rows, {spread} apart");
        let ranges: Vec<u32> = hits.unwrap().ranges(64).into_iter().flatten().map(|r| r as u32).collect();
        if count <= MAX_EXACT {
            assert_eq!(ranges, Vec::from_iter(rows), "{count}");
        } else {
            assert!(rows.is_subset(&ranges.into_iter().collect()), "{count}");
        }
    }
}

/// A name whose first bits are another's is told from it where rows are known.
#[test]
fn an_absent_name_that_looks_alike() {
    let begin = |n: u64| Sha256::digest(format!("sha1:{n}"))[..3].to_owned();
    let mut seen = BTreeMap::new();
    let (one, two) = (0u64..).find_map(|n| seen.insert(begin(n), n).map(|before| (before, n))).unwrap();
    let bytes = build(2, &[(0, format!("sha1:{one}"))]);
    let index = Index::open(bytes.as_slice()).unwrap();
    let found = |n| index.lookup(&Query::holds(&format!("sha1:{n}"))).unwrap();
    assert_eq!((found(one), found(two)), (exactly(&BTreeSet::from([0]), 2), None));
}

#[test]
fn an_empty_segment_holds_nothing() {
    let bytes = IndexBuilder::new(ROWS_PER_BLOCK).finish();
    let index = Index::open(bytes.as_slice()).unwrap();
    assert_eq!((index.rows(), index.blocks(), index.kinds()), (0, 0, vec![]));
    assert_eq!(index.lookup(&Query::holds("host:a")).unwrap(), None);
    assert_eq!(index.lookup_many(&QuerySet::default()).unwrap(), []);
    println!("{} bytes", bytes.len());
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let rows = random_rows(3, 3_000);
    let mut other = rows.clone();
    other.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    assert_ne!(rows, other);
    assert!(build(64, &rows) == build(64, &other));
    // Read from a file as from memory.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), build(64, &rows)).unwrap();
    let index = Index::open(std::fs::File::open(file.path()).unwrap()).unwrap();
    assert_eq!(index.rows_with(&observable("account:system")).unwrap(), 3_000);
}

#[test]
fn a_builder_without_room_says_everywhere() {
    let mut builder = IndexBuilder::with_limit(10, 3);
    for row in 0..100 {
        builder.add(row, &format!("host:ws{row}"));
        builder.add(row, "account:system");
    }
    let bytes = builder.finish();
    let index = Index::open(bytes.as_slice()).unwrap();
    let all = expected(&(0..100).collect(), 10).unwrap();
    for text in ["host:ws1", "host:ws99", "host:never"] {
        assert_eq!(index.lookup(&Query::holds(text)).unwrap(), Some(all.clone()), "{text}");
    }
    assert_eq!(index.rows_with(&observable("account:system")).unwrap(), 100);
    assert_eq!(index.lookup(&Query::holds("account:bob")).unwrap(), None);
    assert_eq!(index.lookup(&Query::holds("sha1:00")).unwrap(), None);
}

/// Somebody chose names whose hashes begin alike: one bucket holds them all, and only size suffers.
#[test]
fn hashes_that_begin_alike() {
    let alike: Vec<String> = (0u64..)
        .map(|n| format!("host:{n}"))
        .filter(|text| Sha256::digest(text.as_bytes())[0] == 0x42)
        .take(600)
        .collect();
    let rows: Vec<(u32, &String)> = (0..).zip(&alike).collect();
    let bytes = build(16, &rows);
    let index = Index::open(bytes.as_slice()).unwrap();
    let set = QuerySet::new(alike.iter().map(|t| Query::holds(t)));
    for (n, hits) in index.lookup_many(&set).unwrap() {
        assert_eq!(hits, exactly(&BTreeSet::from([n]), 16).unwrap());
    }
    assert_eq!(index.lookup_many(&set).unwrap().len(), 600);
}

/// Two names that look alike in a small segment: either is found, if with the other's rows.
#[test]
fn names_that_look_alike() {
    // With up to eight entries there is one bucket, and the remainder is the hash's first 24 bits.
    let mut seen = BTreeMap::new();
    let (one, two) = (0u64..)
        .find_map(|n| {
            let name = format!("n{n}.com");
            let hash = Sha256::digest(format!("domain:{name}"));
            seen.insert(hash[..3].to_owned(), name.clone()).map(|before| (before, name))
        })
        .unwrap();
    // Of the one, no name below is there, and its own rows are only said by the wide section; of the other there is.
    for (one, two) in [(&one, &two), (&two, &one)] {
        let rows =
            [(0, format!("domain:{one}")), (4, format!("domain:www.{two}")), (8, format!("domain:{two}"))];
        let bytes = build(2, &rows);
        let index = Index::open(bytes.as_slice()).unwrap();
        for name in [one, two] {
            let name = observable(&format!("domain:{name}"));
            for query in [Query::exact(&name), Query::holds(&name.to_string())] {
                let hits = index.lookup(&query).unwrap();
                assert_eq!(hits, expected(&BTreeSet::from([0, 4, 8]), 2), "{name}");
            }
        }
        let below = index.lookup(&Query::holds(&format!("domain:www.{two}"))).unwrap();
        assert_eq!(below, exactly(&BTreeSet::from([4]), 2));
    }
}

/// Queries that a damaged index is asked, with the right answers.
fn questions(rows: &[(u32, String)]) -> QuerySet {
    let texts = rows.iter().step_by(rows.len() / 150).map(|(_, text)| Query::holds(text));
    let wide = rows.iter().step_by(rows.len() / 50).map(|(_, text)| Query::exact(&observable(text)));
    let absent = (0..100).map(|n| Query::holds(&format!("host:absent{n}")));
    let networks = (0..=32).map(|len| Query::network(IpAddr::from([10, 0, 0, 1]), len));
    QuerySet::new(texts.chain(wide).chain(absent).chain(networks))
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.below(bytes.len() as u64) as usize;
    match rng.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, rng.next() as u8),
        2 => drop(bytes.remove(at)),
        3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.below(5) as usize],
        4 => {
            let len = (rng.below(16) as usize).min(bytes.len() - at);
            let other = rng.below((bytes.len() - len) as u64 + 1) as usize;
            bytes.copy_within(other..other + len, at);
        }
        5 => {
            let end = bytes.len().min(at + 8);
            bytes[at..end].fill(0xff);
        }
        _ => bytes[at] ^= 1 << rng.below(8),
    }
}

#[test]
fn damage_is_an_error_and_never_no() {
    let rows = random_rows(11, 1_500);
    let good = build(64, &rows);
    let set = questions(&rows);
    let want = Index::open(good.as_slice()).unwrap().lookup_many(&set).unwrap();
    let mut rng = Rng(12);
    let (mut refused, mut unharmed) = (0, 0);
    for n in 0..10_000 {
        let mut bytes = good.clone();
        mutate(&mut rng, &mut bytes);
        match Index::open(bytes.as_slice()).and_then(|index| index.lookup_many(&set)) {
            Err(error) => {
                assert!(error.to_string().contains("index"), "{error}");
                refused += 1;
            }
            Ok(got) => {
                assert!(got == want, "mutation {n} changes the answer");
                unharmed += 1;
            }
        }
    }
    println!("{refused} refused, {unharmed} without harm to what was asked, {} bytes", good.len());
    assert!(refused > 5_000);
}

/// Whoever writes a file can write its checksums: then answers may be wrong, but they come.
#[test]
fn hostile_files_with_right_checksums() {
    let rows = random_rows(21, 1_500);
    let good = build(64, &rows);
    let set = questions(&rows);
    let mut rng = Rng(22);
    let mut answered = 0;
    for _ in 0..10_000 {
        let mut bytes = good.clone();
        for _ in 0..=rng.below(2) {
            mutate(&mut rng, &mut bytes);
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        reseal(&mut bytes);
        fuzz(&bytes);
        let answers = Index::open(bytes.as_slice()).and_then(|index| index.lookup_many(&set));
        answered += usize::from(answers.is_ok());
    }
    println!("{answered} of 10,000 answered");
    assert!(answered > 100);
    let mut bytes = good.clone();
    reseal(&mut bytes);
    assert!(bytes == good, "sealing follows the format");
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    Some(bytes.get(at..at.checked_add(len)?)?.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)))
}

fn put_crc(bytes: &mut [u8], of: Range<usize>, at: usize) -> Option<()> {
    let crc = crc32fast::hash(bytes.get(of)?);
    bytes.get_mut(at..at + 4)?.copy_from_slice(&crc.to_le_bytes());
    Some(())
}

/// Makes length and checksums right as far as the format can be followed, written down a second time.
fn reseal(bytes: &mut [u8]) {
    let _ = seal_sections(bytes);
    let len = (bytes.len() as u64).to_le_bytes();
    if bytes.len() >= 40 {
        bytes[8..16].copy_from_slice(&len);
        let sections = number(bytes, 28, 4).unwrap();
        let _ = put_crc(bytes, 40..40usize.saturating_add(sections.saturating_mul(20)), 32);
        put_crc(bytes, 0..36, 36).unwrap();
    }
}

fn seal_sections(bytes: &mut [u8]) -> Option<()> {
    let sections = number(bytes, 28, 4)?.min(256);
    let mut at = 40 + sections * 20;
    for section in 0..sections {
        let record = 40 + section * 20;
        let width = number(bytes, record + 2, 1)?;
        let (entries, buckets) = (number(bytes, record + 4, 4)?, number(bytes, record + 8, 4)?);
        let groups = buckets.div_ceil(16);
        let mut keys = at + groups.div_ceil(64) * 16 + groups * 16;
        let mut postings = keys + buckets * width + entries * 3;
        let end = postings.checked_add(number(bytes, record + 12, 8)?)?;
        for first in (0..groups).step_by(64) {
            let count = (groups - first).min(64);
            for n in 0..count {
                let group = at + 12 + n * 16;
                let held = (buckets - (first + n) * 16).min(16) * width + number(bytes, group, 4)? * 3;
                let posted = number(bytes, group + 4, 4)?;
                put_crc(bytes, keys..keys + held, group + 8);
                put_crc(bytes, postings..postings + posted, group + 12);
                (keys, postings) = (keys + held, postings + posted);
            }
            put_crc(bytes, at..at + 12 + count * 16, at + 12 + count * 16)?;
            at += 16 + count * 16;
        }
        at = end;
    }
    Some(())
}

#[test]
fn errors_stand_alone() {
    let good = build(64, &random_rows(1, 100));
    let mut newer = good.clone();
    newer[6] = 9;
    for (what, bytes, want) in [
        ("empty", &[][..], "no observable index"),
        ("other", b"PAR1 and so on", "no observable index"),
        ("cut", &good[..good.len() - 1], "its header says"),
        ("header cut", &good[..20], "header is cut"),
        ("newer", &newer, "version 9"),
    ] {
        let error = Index::open(bytes).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(want), "{what}: {error}");
    }
}
