//! tar: ustar, pax and GNU members, damage, sizes that lie.

use palisade_model::ProblemCode::{DamagedHeader, DamagedPart, Limit, Truncated};

use crate::{As, Case, WAYS, check, gz, noise, tarball, zipped, zst};

#[test]
fn long_names_and_kinds() {
    let long = format!("{}/file", "d".repeat(90).repeat(3));
    let mut b = tar::Builder::new(Vec::new());
    let mut h = tar::Header::new_gnu();
    h.set_size(3);
    b.append_data(&mut h, &long, b"gnu".as_slice()).unwrap();
    let mut h = tar::Header::new_gnu();
    h.set_entry_type(tar::EntryType::Directory);
    h.set_size(0);
    b.append_data(&mut h, "dir/", std::io::empty()).unwrap();
    let mut h = tar::Header::new_gnu();
    h.set_entry_type(tar::EntryType::Symlink);
    h.set_size(0);
    b.append_link(&mut h, "link", "/etc/passwd").unwrap();
    b.append_pax_extensions([("path", b"pax/\xc3\xbcber".as_slice()), ("comment", b"x")]).unwrap();
    let mut h = tar::Header::new_ustar();
    h.set_size(3);
    b.append_data(&mut h, "short", b"pax".as_slice()).unwrap();
    let mut h = tar::Header::new_gnu();
    h.as_old_mut().name[..9].copy_from_slice(b"../../etc");
    h.set_size(1);
    h.set_cksum();
    b.append(&h, b"1".as_slice()).unwrap();
    let t = b.into_inner().unwrap();
    check("x.tar", &t, &[(&long, b"gnu"), ("pax/über", b"pax"), ("../../etc", b"1")], &[]);
}

#[test]
fn nested() {
    let z = zipped(&[("in.txt", b"deep")], zip::CompressionMethod::Deflated);
    let t = tarball(&[("a.zip", &z), ("b.gz", &gz(b"gz")), ("c.zst", &zst(b"zst")), ("d", b"plain")]);
    let expect: &[(&str, &[u8])] = &[
        ("x.tar!a.zip!in.txt", b"deep"),
        ("x.tar!b.gz!b", b"gz"),
        ("x.tar!c.zst!c", b"zst"),
        ("x.tar!d", b"plain"),
    ];
    check("x.tar.zst", &zst(&t), expect, &[]);
    let t: Vec<_> = expect.iter().map(|(n, b)| (n.strip_prefix("x.tar!").unwrap(), *b)).collect();
    check(
        "x.tar",
        &tarball(&[("a.zip", &z), ("b.gz", &gz(b"gz")), ("c.zst", &zst(b"zst")), ("d", b"plain")]),
        &t,
        &[],
    );
}

#[test]
fn joined_archives_and_garbage() {
    let joined = [tarball(&[("a", b"1")]), tarball(&[("b", b"2")])].concat();
    check("x.tar", &joined, &[("a", b"1"), ("b", b"2")], &[]);
    let garbage = [tarball(&[("a", b"1")]), vec![b'x'; 2_048]].concat();
    check("x.tar", &garbage, &[("a", b"1")], &[DamagedPart]);
}

#[test]
fn cuts() {
    let members: [(&str, &[u8]); 3] = [("a", b"first"), ("b", &[9; 700]), ("c", b"")];
    let t = tarball(&members);
    // Ends of the members: 2, 3 and 1 blocks.
    let ends = [1_024 - 507, 2_560 - 324, 3_072];
    for cut in 512..t.len() {
        for way in WAYS {
            let out = Case { way, ..Case::new("x.tar", &t[..cut]) }.run();
            for ((name, data), end) in members.iter().zip(ends) {
                if cut >= end {
                    assert_eq!(out.get(&format!("x.tar!{name}")), Some(*data), "cut at {cut}");
                }
            }
            if cut < 3_072 + 512 {
                assert_eq!(out.codes(), [Truncated], "{way:?} cut at {cut}: {:?}", out.problems);
            }
        }
    }
}

#[test]
fn unread_members_are_skipped() {
    let t = tarball(&[("a", &noise(8, 100_000)), ("b", &noise(9, 70_000)), ("c", b"end")]);
    for way in WAYS {
        let out = Case { way, read: 10, ..Case::new("x.tar", &t) }.run();
        assert_eq!(out.names(), ["x.tar!a", "x.tar!b", "x.tar!c"]);
        assert!(out.problems.is_empty(), "{way:?} {:?}", out.problems);
        let out = Case { way, break_after: 2, ..Case::new("x.tar", &t) }.run();
        assert_eq!(out.objects.len(), 2);
    }
}

#[test]
fn a_damaged_header_costs_one_member() {
    let mut t = tarball(&[("a", b"1"), ("b", b"2"), ("c", b"3")]);
    t[1_024] ^= 0xff;
    check("x.tar", &t, &[("a", b"1"), ("c", b"3")], &[DamagedHeader]);
}

#[test]
fn lying_sizes() {
    // A member that claims more than there is.
    for size in [600, u64::from(u32::MAX), 1 << 60] {
        let mut h = tar::Header::new_gnu();
        h.set_path("liar").unwrap();
        h.set_size(size);
        h.set_cksum();
        let t = [h.as_bytes().as_slice(), &[b'x'; 512]].concat();
        for way in WAYS {
            let out = Case { way, ..Case::new("x.tar", &t) }.run();
            assert_eq!(out.codes(), [Truncated], "{way:?}: {:?}", out.problems);
            assert_eq!(out.failed[0].1, [b'x'; 512]);
            let out = Case { way, read: 10, ..Case::new("x.tar", &t) }.run();
            assert_eq!(out.codes(), [Truncated], "{way:?}: {:?}", out.problems);
        }
    }
    // A long name of gigabytes.
    let mut h = tar::Header::new_gnu();
    h.set_entry_type(tar::EntryType::GNULongName);
    h.set_size(1 << 40);
    h.set_cksum();
    let t = [h.as_bytes().as_slice(), &[b'x'; 512]].concat();
    for way in WAYS {
        assert_eq!(Case { way, ..Case::new("x.tar", &t) }.run().codes(), [Truncated]);
    }
}

/// Two data segments with holes around them: `....AAAA....BB..`, in units of 512.
fn sparse_truth() -> Vec<u8> {
    let mut v = vec![0; 8_192];
    v[2_048..4_096].fill(b'A');
    v[6_144..7_168].fill(b'B');
    v
}

#[test]
fn sparse() {
    let data = [vec![b'A'; 2_048], vec![b'B'; 1_024]].concat();
    // Old GNU.
    let mut h = tar::Header::new_gnu();
    h.set_entry_type(tar::EntryType::GNUSparse);
    h.set_path("s").unwrap();
    h.set_size(data.len() as u64);
    {
        let g = h.as_gnu_mut().unwrap();
        g.set_real_size(8_192);
        for (i, (o, n)) in [(2_048, 2_048), (6_144, 1_024), (8_192, 0)].into_iter().enumerate() {
            g.sparse[i].set_offset(o);
            g.sparse[i].set_length(n);
        }
    }
    h.set_cksum();
    let after = tarball(&[("t", b"after")]);
    let t = [h.as_bytes().as_slice(), &data, &after].concat();
    check("x.tar", &t, &[("s", &sparse_truth()), ("t", b"after")], &[]);

    // pax 1.0: the map in front of the data.
    let mut map = b"2\n2048\n2048\n6144\n1024\n".to_vec();
    map.resize(512, 0);
    let stored = [map, data.clone()].concat();
    let mut b = tar::Builder::new(Vec::new());
    b.append_pax_extensions([
        ("GNU.sparse.major", b"1".as_slice()),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"s"),
        ("GNU.sparse.realsize", b"8192"),
    ])
    .unwrap();
    let mut h = tar::Header::new_ustar();
    h.set_size(stored.len() as u64);
    b.append_data(&mut h, "GNUSparseFile.0/s", stored.as_slice()).unwrap();
    let mut h = tar::Header::new_ustar();
    h.set_size(5);
    b.append_data(&mut h, "t", b"after".as_slice()).unwrap();
    check("x.tar", &b.into_inner().unwrap(), &[("s", &sparse_truth()), ("t", b"after")], &[]);

    // pax 0.1: the map in the header.
    let mut b = tar::Builder::new(Vec::new());
    b.append_pax_extensions([
        ("GNU.sparse.map", b"2048,2048,6144,1024".as_slice()),
        ("GNU.sparse.name", b"s"),
        ("GNU.sparse.size", b"8192"),
    ])
    .unwrap();
    let mut h = tar::Header::new_ustar();
    h.set_size(data.len() as u64);
    b.append_data(&mut h, "x", data.as_slice()).unwrap();
    check("x.tar", &b.into_inner().unwrap(), &[("s", &sparse_truth())], &[]);
}

#[test]
fn a_hole_of_petabytes_meets_the_limit() {
    let mut h = tar::Header::new_gnu();
    h.set_entry_type(tar::EntryType::GNUSparse);
    h.set_path("hole").unwrap();
    h.set_size(0);
    h.as_gnu_mut().unwrap().set_real_size(1 << 50);
    h.set_cksum();
    let t = [h.as_bytes().as_slice(), &[0; 1_024]].concat();
    let out = Case { way: As::Stream, ..Case::new("x.tar", &t) }.run();
    assert_eq!(out.codes(), [Limit]);
    assert!(out.failed[0].1.len() <= 64 << 20);
}
