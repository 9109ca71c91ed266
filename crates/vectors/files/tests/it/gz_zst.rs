//! gzip and Zstandard: members, frames, names, damage.

use std::io::Write;

use palisade_model::ProblemCode::{DamagedHeader, DamagedPart, Limit, Truncated};

use crate::{Case, WAYS, check, gz, noise, tarball, zipped, zst};

#[test]
fn names() {
    check("log.json.gz", &gz(b"x"), &[("log.json", b"x")], &[]);
    check("LOG.GZ", &gz(b"x"), &[("LOG", b"x")], &[]);
    check(".gz", &gz(b"x"), &[(".gz", b"x")], &[]);
    check("a.zst", &zst(b"x"), &[("a", b"x")], &[]);
    check("a", &zst(b"x"), &[("a", b"x")], &[]);
    let mut e = flate2::GzBuilder::new().filename("from header.txt").write(Vec::new(), Default::default());
    e.write_all(b"x").unwrap();
    check("a.gz", &e.finish().unwrap(), &[("from header.txt", b"x")], &[]);
    let tgz = gz(&tarball(&[("m", b"1")]));
    check("dir/a.tgz", &tgz, &[("a.tar!m", b"1")], &[]);
}

#[test]
fn members_and_what_follows() {
    let two = [gz(b"one "), gz(b""), gz(b"two")].concat();
    check("a.gz", &two, &[("a", b"one two")], &[]);
    check("a.gz", &[two.clone(), vec![0; 1_000]].concat(), &[("a", b"one two")], &[]);
    check("a.gz", &[two.clone(), b"garbage here".to_vec()].concat(), &[("a", b"one two")], &[DamagedPart]);
    check("a.gz", &[two, vec![0x1f, 0x8b]].concat(), &[("a", b"one two")], &[Truncated]);
    check("a.gz", b"\x1f\x8b\x08\xe0rest of the file", &[], &[DamagedHeader]);

    let skippable = b"\x50\x2a\x4d\x18\x05\0\0\0HELLO".to_vec();
    let frames = [skippable.clone(), zst(b"one "), skippable, zst(b"two")].concat();
    check("a.zst", &frames, &[("a", b"one two")], &[]);
    check("a.zst", &[frames, b"garbage".to_vec()].concat(), &[("a", b"one two")], &[DamagedPart]);
}

#[test]
fn cuts() {
    let data = noise(4, 400);
    for (file, whole) in [("a.gz", gz(&data)), ("a.zst", zst(&data))] {
        for cut in 1..whole.len() {
            let out = Case::new(file, &whole[..cut]).run();
            assert!(out.objects.is_empty());
            assert_eq!(out.codes(), [Truncated], "{file} cut at {cut}: {:?}", out.problems);
            for (_, got) in &out.failed {
                assert!(data.starts_with(got), "{file} cut at {cut}");
            }
        }
    }
}

#[test]
fn what_is_before_the_cut_reaches_the_inner_archive() {
    // Inner tar, outer gzip cut: the first member is whole, one problem in all.
    let tar = tarball(&[("a", b"whole"), ("b", &noise(5, 50_000))]);
    let cut = gz(&tar);
    for way in WAYS {
        let out = Case { way, ..Case::new("x.tar.gz", &cut[..cut.len() / 2]) }.run();
        assert_eq!(out.get("x.tar.gz!x.tar!a"), Some(b"whole".as_slice()));
        assert_eq!(out.codes(), [Truncated], "{:?}", out.problems);
    }
    let z = zipped(&[("a", b"whole"), ("b", &noise(6, 50_000))], zip::CompressionMethod::Stored);
    let cut = gz(&z);
    let out = Case::new("x.zip.gz", &cut[..cut.len() / 2]).run();
    assert_eq!(out.get("x.zip.gz!x.zip!a"), Some(b"whole".as_slice()));
    assert!(out.codes().contains(&Truncated));
}

#[test]
fn lying_isize_and_crc() {
    for back in [1, 8] {
        let mut g = gz(b"honest");
        let at = g.len() - back;
        g[at] ^= 0xff;
        let out = Case::new("a.gz", &g).run();
        assert_eq!(out.codes(), [DamagedPart]);
        assert_eq!(out.failed[0].1, b"honest");
    }
}

#[test]
fn windows() {
    let data = noise(7, 1 << 10);
    for (log, good) in [(27, true), (28, false)] {
        let mut e = zstd::Encoder::new(Vec::new(), 1).unwrap();
        e.long_distance_matching(true).unwrap();
        e.window_log(log).unwrap();
        // Without a pledged size the frame declares its window.
        e.write_all(&data).unwrap();
        e.flush().unwrap();
        let z = e.finish().unwrap();
        let out = Case::new("a.zst", &z).run();
        if good {
            assert_eq!(out.get("a.zst!a"), Some(data.as_slice()));
        } else {
            assert_eq!(out.codes(), [Limit], "{:?}", out.problems);
        }
    }
}
