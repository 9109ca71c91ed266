//! ZIP: directories and their absence, encryption, names, damage.

use std::io::{Cursor, Write};

use palisade_model::ProblemCode::{DamagedHeader, DamagedPart, Encrypted, Truncated, Unrecognised};
use zip::CompressionMethod::{Deflated, Stored, Zstd};
use zip::unstable::write::FileOptionsExt;

use crate::{Case, WAYS, check, noise, zipped};

#[test]
fn methods() {
    let text = b"the quick brown fox ".repeat(500);
    for method in [Stored, Deflated, Zstd] {
        let z = zipped(&[("a.txt", b"hello"), ("dir/b", &text), ("empty", b"")], method);
        check("x.zip", &z, &[("a.txt", b"hello"), ("dir/b", &text), ("empty", b"")], &[]);
    }
}

#[test]
fn names_are_only_names() {
    let names = ["../../etc/passwd", "/abs", "C:\\x\\y", "a\u{202e}b", "..", "a/../b"];
    let members: Vec<(&str, &[u8])> = names.iter().map(|n| (*n, n.as_bytes())).collect();
    check("x.zip", &zipped(&members, Stored), &members, &[]);
}

/// A zip written by hand: stored members, exact bytes.
pub fn raw_zip(members: &[(&[u8], &[u8])], flags: u16) -> Vec<u8> {
    let (mut z, mut cd) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let at = z.len() as u32;
        let mut common = Vec::new();
        common.extend_from_slice(&20u16.to_le_bytes());
        common.extend_from_slice(&flags.to_le_bytes());
        common.extend_from_slice(&[0; 6]);
        common.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
        common.extend_from_slice(&(data.len() as u32).to_le_bytes());
        common.extend_from_slice(&(data.len() as u32).to_le_bytes());
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&0u16.to_le_bytes());
        z.extend_from_slice(b"PK\x03\x04");
        z.extend_from_slice(&common);
        z.extend_from_slice(name);
        z.extend_from_slice(data);
        cd.extend_from_slice(b"PK\x01\x02\x14\0");
        cd.extend_from_slice(&common);
        cd.extend_from_slice(&[0; 10]);
        cd.extend_from_slice(&at.to_le_bytes());
        cd.extend_from_slice(name);
    }
    let at = z.len() as u32;
    z.extend_from_slice(&cd);
    z.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    z.extend_from_slice(&(members.len() as u16).to_le_bytes());
    z.extend_from_slice(&(members.len() as u16).to_le_bytes());
    z.extend_from_slice(&(cd.len() as u32).to_le_bytes());
    z.extend_from_slice(&at.to_le_bytes());
    z.extend_from_slice(&[0, 0]);
    z
}

#[test]
fn old_names_are_cp437_and_twins_both_come_out() {
    let z = raw_zip(&[(b"M\x81ller.txt", b"1"), (b"twin", b"2"), (b"twin", b"3")], 0);
    check("x.zip", &z, &[("Müller.txt", b"1"), ("twin", b"2"), ("twin", b"3")], &[]);
}

#[test]
fn empty_and_prefixed_and_trailed() {
    check("x.zip", &zipped(&[], Stored), &[], &[]);
    let z = zipped(&[("a", b"1"), ("b", b"22")], Deflated);
    let sfx = [b"#!/bin/sh stub\n".as_slice(), &z].concat();
    check("x.zip", &sfx, &[("a", b"1"), ("b", b"22")], &[]);
    let trailed = [&z, b"appended".as_slice()].concat();
    check("x.zip", &trailed, &[("a", b"1"), ("b", b"22")], &[DamagedPart]);
}

#[test]
fn zip64() {
    let mut w = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().large_file(true);
    w.start_file("big", options).unwrap();
    w.write_all(b"not so big").unwrap();
    check("x.zip", &w.finish().unwrap().into_inner(), &[("big", b"not so big")], &[]);
    // More than 65,535 members need the ZIP64 end record.
    let mut w = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(Stored);
    for i in 0..70_000 {
        w.start_file(format!("{i}"), options).unwrap();
    }
    let z = w.finish().unwrap().into_inner();
    let out = Case::new("x.zip", &z).run();
    assert_eq!(out.objects.len(), 70_000);
    assert!(out.problems.is_empty(), "{:?}", out.problems);
}

#[test]
fn damaged_directory_is_walked_around() {
    for method in [Stored, Deflated, Zstd] {
        let data = noise(1, 5_000);
        let mut z = zipped(&[("a", b"first"), ("b", &data)], method);
        let cd = memchr::memmem::find(&z, b"PK\x01\x02").unwrap();
        z[cd] = b'X';
        check("x.zip", &z, &[("a", b"first"), ("b", &data)], &[DamagedHeader]);
    }
}

#[test]
fn streamed_archives_are_walked_when_cut() {
    // A writer that cannot seek leaves sizes to descriptors.
    for method in [Deflated, Zstd, Stored] {
        let mut w = zip::ZipWriter::new_stream(Vec::new());
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        for (name, data) in [("a", b"first".as_slice()), ("b", &noise(2, 300)), ("c", b"")] {
            w.start_file(name, options).unwrap();
            w.write_all(data).unwrap();
        }
        let z = w.finish().unwrap().into_inner();
        check("x.zip", &z, &[("a", b"first"), ("b", &noise(2, 300)), ("c", b"")], &[]);
        let cd = memchr::memmem::find(&z, b"PK\x01\x02").unwrap();
        check("x.zip", &z[..cd], &[("a", b"first"), ("b", &noise(2, 300)), ("c", b"")], &[Truncated]);
    }
}

#[test]
fn every_cut_delivers_what_is_before_it() {
    for method in [Stored, Deflated, Zstd] {
        let members: [(&str, &[u8]); 3] = [("a", b"first member"), ("b", &[7; 900]), ("c", b"last one")];
        let z = zipped(&members, method);
        let starts: Vec<usize> = memchr::memmem::find_iter(&z, b"PK\x03\x04").collect();
        let cd = memchr::memmem::find(&z, b"PK\x01\x02").unwrap();
        for cut in 4..z.len() {
            let out = Case::new("x.zip", &z[..cut]).run();
            for (i, (name, data)) in members.iter().enumerate() {
                let end = starts.get(i + 1).copied().unwrap_or(cd);
                if cut >= end {
                    assert_eq!(out.get(&format!("x.zip!{name}")), Some(*data), "{method:?} cut at {cut}");
                }
            }
            assert!(!out.problems.is_empty(), "{method:?}: nothing said of a cut at {cut}");
        }
    }
}

#[test]
fn a_bad_checksum_is_said_and_the_others_go_on() {
    let mut z = zipped(&[("a", b"first"), ("b", b"second")], Stored);
    let at = memchr::memmem::find(&z, b"first").unwrap();
    z[at] = b'F';
    check("x.zip", &z, &[("a", b"First"), ("b", b"second")], &[DamagedPart]);
}

#[test]
fn unknown_method_and_lost_header() {
    let mut z = raw_zip(&[(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], 0);
    let entries: Vec<usize> = memchr::memmem::find_iter(&z, b"PK\x01\x02").collect();
    z[entries[0] + 10] = 12;
    z[entries[1] + 42] = 9;
    check("x.zip", &z, &[("c", b"3")], &[Unrecognised, DamagedPart]);
}

#[test]
fn two_headers_two_names() {
    let mut z = raw_zip(&[(b"invoice.pdf", b"1")], 0);
    z[30..41].copy_from_slice(b"invoice.exe");
    check("x.zip", &z, &[("invoice.pdf", b"1")], &[DamagedHeader]);
}

#[test]
fn passwords() {
    for method in [Stored, Deflated] {
        let mut w = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let plain = zip::write::SimpleFileOptions::default().compression_method(method);
        let sealed = plain.with_deprecated_encryption(b"infected").unwrap();
        w.start_file("open.txt", plain).unwrap();
        w.write_all(b"open").unwrap();
        w.start_file("bad.exe", sealed).unwrap();
        w.write_all(&b"MZ evil ".repeat(100)).unwrap();
        w.start_file("more.txt", plain).unwrap();
        let z = w.finish().unwrap().into_inner();
        for way in WAYS {
            let case = Case { way, ..Case::new("x.zip", &z) };
            let out = case.run();
            assert_eq!(out.names(), ["x.zip!open.txt", "x.zip!more.txt"]);
            assert_eq!(out.codes(), [Encrypted]);
            assert_eq!(out.problems[0].origin.name(), "bad.exe");
            let out = Case { passwords: &["1234", "", "infected"], ..case }.run();
            assert_eq!(out.get("x.zip!bad.exe"), Some(b"MZ evil ".repeat(100).as_slice()));
            assert!(out.problems.is_empty(), "{:?}", out.problems);
        }
        let wrong: Vec<String> = (0..64).map(|i| format!("wrong{i}")).collect();
        let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
        let out = Case { passwords: &wrong, ..Case::new("x.zip", &z) }.run();
        assert_eq!(out.codes(), [Encrypted]);
    }
}

#[test]
fn a_directory_with_bytes_is_a_file() {
    check("x.zip", &raw_zip(&[(b"d/", b""), (b"e/", b"MZ")], 0), &[("e/", b"MZ")], &[]);
}

#[test]
fn a_member_left_unread_is_skipped() {
    let data = noise(3, 100_000);
    let z = zipped(&[("a", &data), ("b", &data)], Deflated);
    for way in WAYS {
        let out = Case { read: 10, way, ..Case::new("x.zip", &z) }.run();
        assert_eq!(out.objects.len(), 2);
        assert!(out.problems.is_empty(), "{:?}", out.problems);
        let out = Case { break_after: 1, way, ..Case::new("x.zip", &z) }.run();
        assert_eq!(out.objects.len(), 1);
    }
    let cd = memchr::memmem::find(&z, b"PK\x01\x02").unwrap();
    let out = Case { read: 10, ..Case::new("x.zip", &z[..cd]) }.run();
    assert_eq!(out.objects.len(), 2);
}
