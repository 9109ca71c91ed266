//! Containers: what comes out of them and what is said of them.

#![allow(missing_docs, reason = "helpers of one test binary")]

mod bombs;
mod gz_zst;
mod mutations;
mod tars;
mod zips;

use std::io::{Cursor, Read, Write};
use std::ops::ControlFlow;

use palisade_files::{Container, is_reported, open, sniff};
use palisade_model::{Budget, Content, Hints, Limits, Object, Origin, Problem, ProblemCode};

/// Everything that came out: name chain and content, and what was said.
#[derive(Default, Debug)]
pub struct Out {
    pub objects: Vec<(String, Vec<u8>)>,
    /// Members whose reader failed, with what had come out before.
    pub failed: Vec<(String, Vec<u8>)>,
    pub problems: Vec<Problem>,
}

impl Out {
    pub fn codes(&self) -> Vec<ProblemCode> {
        self.problems.iter().map(|p| p.code).collect()
    }
    pub fn names(&self) -> Vec<&str> {
        self.objects.iter().map(|(n, _)| n.as_str()).collect()
    }
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.objects.iter().find(|(n, _)| n == name).map(|(_, b)| b.as_slice())
    }
}

/// How the bytes are handed over.
#[derive(Clone, Copy, Debug)]
pub enum As {
    Bytes,
    Stream,
    Seekable,
}

pub const WAYS: [As; 3] = [As::Bytes, As::Stream, As::Seekable];

pub struct Case<'a> {
    pub file: &'a str,
    pub bytes: &'a [u8],
    pub way: As,
    pub limits: Limits,
    pub passwords: &'a [&'a str],
    /// Read at most this much of each member.
    pub read: u64,
    /// Open what is inside again.
    pub nested: bool,
    /// Break after this many objects.
    pub break_after: usize,
}

impl<'a> Case<'a> {
    pub fn new(file: &'a str, bytes: &'a [u8]) -> Self {
        Case {
            file,
            bytes,
            way: As::Seekable,
            limits: Limits::default(),
            passwords: &[],
            read: u64::MAX,
            nested: true,
            break_after: usize::MAX,
        }
    }

    pub fn run(&self) -> Out {
        let mut out = Out::default();
        let mut budget = Budget::new(self.limits, self.bytes.len() as u64);
        let hints =
            Hints { passwords: self.passwords.iter().map(|p| (*p).to_owned()).collect(), ..Hints::default() };
        let mut cursor = Cursor::new(self.bytes);
        let content = match self.way {
            As::Bytes => Content::Bytes(self.bytes),
            As::Stream => Content::Stream(&mut cursor),
            As::Seekable => Content::Seekable(&mut cursor),
        };
        let kind = sniff(self.bytes).unwrap_or(match self.file.rsplit('.').next() {
            Some("zip") => Container::Zip,
            Some("gz") => Container::Gzip,
            Some("zst") => Container::Zstd,
            _ => Container::Tar,
        });
        let object = Object { origin: Origin::file(self.file), hints, content };
        let problems = open(kind, object, &mut budget, &mut |o, b| self.take(o, b, &mut out));
        out.problems.extend(problems);
        out
    }

    fn take(&self, object: Object<'_>, budget: &mut Budget, out: &mut Out) -> ControlFlow<()> {
        let Object { origin, hints, content } = object;
        let Content::Stream(stream) = content else { panic!("members are streams") };
        let mut head = Vec::new();
        let result = stream.take(512.min(self.read)).read_to_end(&mut head);
        if let (Ok(_), true, Some(kind)) = (&result, self.nested, sniff(&head)) {
            let mut whole = Cursor::new(head).chain(stream);
            let object = Object { origin, hints, content: Content::Stream(&mut whole) };
            let problems = open(kind, object, budget, &mut |o, b| self.take(o, b, out));
            out.problems.extend(problems);
            return ControlFlow::Continue(());
        }
        let result = result.and_then(|n| stream.take(self.read - n as u64).read_to_end(&mut head));
        let name = origin.to_string();
        match result {
            Ok(_) => out.objects.push((name, head)),
            Err(e) => {
                assert!(is_reported(&e), "{name}: {e:?} is not marked as reported");
                out.failed.push((name, head));
            }
        }
        let seen = out.objects.len() + out.failed.len();
        if seen >= self.break_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The main literate check: these members, these problems, however the bytes arrive.
pub fn check(file: &str, bytes: &[u8], members: &[(&str, &[u8])], problems: &[ProblemCode]) {
    for way in WAYS {
        let out = Case { way, ..Case::new(file, bytes) }.run();
        let got: Vec<(&str, &[u8])> = out.objects.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
        let prefix = format!("{file}!");
        let got: Vec<(&str, &[u8])> =
            got.iter().map(|(n, b)| (n.strip_prefix(&prefix).unwrap(), *b)).collect();
        assert_eq!(got, members, "{way:?}");
        assert_eq!(out.codes(), problems, "{way:?}: {:#?}", out.problems);
    }
}

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

pub fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

pub fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut b = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut h = tar::Header::new_gnu();
        h.set_size(bytes.len() as u64);
        h.set_mode(0o644);
        b.append_data(&mut h, name, *bytes).unwrap();
    }
    b.into_inner().unwrap()
}

pub fn zipped(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut w = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        w.start_file(*name, options).unwrap();
        w.write_all(bytes).unwrap();
    }
    w.finish().unwrap().into_inner()
}

/// Bytes that do not compress (xorshift64*).
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(|| {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        x.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes()[0]
    })
    .take(len)
    .collect()
}
