//! Archives that unpack to more than anybody wants.

use palisade_model::{Limits, ProblemCode};
use zip::CompressionMethod::{Deflated, Stored};

use crate::zips::raw_zip;
use crate::{Case, WAYS, gz, tarball, zipped, zst};

fn limit_count(codes: &[ProblemCode]) -> usize {
    codes.iter().filter(|c| **c == ProblemCode::Limit).count()
}

#[test]
fn ratio_is_one_problem_through_all_nestings() {
    let zeros = vec![0; 80 << 20];
    let bombs = [
        ("b.zst", zst(&zeros)),
        ("b.tar.zst", zst(&tarball(&[("z", &zeros)]))),
        ("b.zip.zst", zst(&zipped(&[("z", &zeros[..1 << 20])], Stored))),
        ("b.gz.zst", zst(&gz(&zeros))),
        ("b.gz.gz", gz(&gz(&zeros))),
    ];
    for (file, bomb) in bombs {
        for way in WAYS {
            let out = Case { way, ..Case::new(file, &bomb) }.run();
            let ratio = (80 << 20) / bomb.len() > 1_500 && file != "b.zip.zst";
            assert_eq!(
                out.codes(),
                vec![ProblemCode::Limit; usize::from(ratio)],
                "{file}: {:?}",
                out.problems
            );
        }
    }
}

#[test]
fn nested_zips_stop_at_the_depth() {
    // 42.zip in small: each level holds four of the one below.
    let mut z = zipped(&[("0", b"bottom")], Deflated);
    for _ in 0..8 {
        let names = ["a.zip", "b.zip", "c.zip", "d.zip"];
        z = zipped(&names.map(|n| (n, z.as_slice())), Deflated);
    }
    let out = Case::new("42.zip", &z).run();
    assert!(out.objects.is_empty());
    assert_eq!(limit_count(&out.codes()), out.problems.len());
    let limits = Limits { objects: 100, depth: 20, ..Limits::default() };
    let out = Case { limits, ..Case::new("42.zip", &z) }.run();
    assert!(out.objects.len() <= 100);
    assert!(limit_count(&out.codes()) > 0);
}

#[test]
fn overlapping_members() {
    // A thousand directory entries on one local header.
    let data = zst(&vec![1; 1 << 20]);
    let one = raw_zip(&[(b"same", &data)], 0);
    let cd = memchr::memmem::find(&one, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::find(&one, b"PK\x05\x06").unwrap();
    let entries = one[cd..end].repeat(1_000);
    let mut z = [&one[..cd], &entries, &one[end..]].concat();
    let at = cd + entries.len();
    z[at + 8..at + 12].copy_from_slice(&[0xe8, 3, 0xe8, 3]);
    z[at + 12..at + 16].copy_from_slice(&(entries.len() as u32).to_le_bytes());
    let out = Case { nested: false, ..Case::new("x.zip", &z) }.run();
    let codes = out.codes();
    // The directory is larger than the data: with little data there is nothing to multiply.
    assert!(codes.is_empty() || codes.contains(&ProblemCode::DamagedHeader), "{codes:?}");
    let big = crate::noise(1, 1 << 20);
    let one = raw_zip(&[(b"same", &big)], 0);
    let cd = one.len() - 22 - 50;
    let entries = one[cd..cd + 50].repeat(1_000);
    let mut z = [&one[..cd], &entries, &one[cd + 50..]].concat();
    let at = cd + entries.len();
    z[at + 8..at + 12].copy_from_slice(&[0xe8, 3, 0xe8, 3]);
    z[at + 12..at + 16].copy_from_slice(&(entries.len() as u32).to_le_bytes());
    let out = Case { nested: false, ..Case::new("x.zip", &z) }.run();
    assert_eq!(out.codes(), [ProblemCode::DamagedHeader, ProblemCode::Limit], "{:?}", out.problems);
    assert!(out.objects.len() < 20);
}

#[test]
fn a_million_members_meet_the_count() {
    let entry = raw_zip(&[(b"", b"")], 0);
    let end = entry.len() - 22;
    let entries = entry[30..end].repeat(200_000);
    let mut z = [&entry[..30], &entries, &entry[end..]].concat();
    let at = 30 + entries.len();
    z[at + 8..at + 12].copy_from_slice(&[0x40, 0x0d, 0x40, 0x0d]);
    z[at + 12..at + 16].copy_from_slice(&(entries.len() as u32).to_le_bytes());
    let limits = Limits { objects: 100_000, ..Limits::default() };
    let out = Case { limits, ..Case::new("x.zip", &z) }.run();
    assert_eq!(out.objects.len(), 100_000);
    assert_eq!(out.codes(), [ProblemCode::Limit]);
    // As many problems are folded.
    let mut bad = z;
    for i in 0..200_000 {
        bad[30 + i * 46 + 10] = 99;
    }
    let out = Case::new("x.zip", &bad).run();
    assert!(out.problems.len() <= 101);
    assert_eq!(out.problems.iter().map(|p| p.count).sum::<u64>(), 200_000);
}

#[test]
fn a_nested_zip_larger_than_memory() {
    let z = zipped(&[("a", &crate::noise(2, 50_000))], Stored);
    let limits = Limits { in_memory: 10_000, ..Limits::default() };
    let t = tarball(&[("big.zip", &z), ("b", b"on")]);
    let out = Case { limits, ..Case::new("x.tar", &t) }.run();
    assert_eq!(out.codes(), [ProblemCode::Limit]);
    assert_eq!(out.names(), ["x.tar!b"]);
    // On disk it needs no memory.
    let out = Case { limits, ..Case::new("x.zip", &z) }.run();
    assert!(out.problems.is_empty());
}

#[test]
fn bytes() {
    let limits = Limits { bytes: 10_000, ..Limits::default() };
    let z = zipped(&[("a", &crate::noise(2, 8_000)), ("b", &crate::noise(3, 8_000)), ("c", b"1")], Deflated);
    let out = Case { limits, ..Case::new("x.zip", &z) }.run();
    assert_eq!(out.names(), ["x.zip!a"]);
    assert_eq!(out.codes(), [ProblemCode::Limit]);
}
