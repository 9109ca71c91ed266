//! Room: `vectors/files` — containers.
//!
//! The only room that opens archives. What it finds inside goes back to the caller as an
//! [`Object`]; the caller sniffs it and routes it to any room, this one included.
//!
//! Members arrive as streams and in bounded memory: a member's reader charges the [`Budget`] for
//! each block it yields, so a bomb costs what the budget allows and no more. Only a ZIP that is
//! itself a stream is held in memory, because its directory stands at its end.
//!
//! What this room never does: write what it unpacks anywhere, follow a name from an archive,
//! recurse by itself, or take memory for a size that an archive merely declares.

mod gzip;
mod member;
mod problems;
mod tar;
mod zip;
mod zstd;

use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use palisade_model::{Budget, Content, Limits, Object, Origin, Problem, ProblemCode};

pub use member::{Stopped, is_reported};

use problems::Problems;

/// A container format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// ZIP.
    Zip,
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// Zstandard (RFC 8878), any number of frames.
    Zstd,
    /// tar (ustar, pax, GNU).
    Tar,
}

/// What the caller does with an object; `Break` stops everything at once.
pub(crate) type Found<'f> = &'f mut dyn FnMut(Object<'_>, &mut Budget) -> ControlFlow<()>;

/// Recognises a container by its first bytes (the first 512 suffice).
pub fn sniff(head: &[u8]) -> Option<Container> {
    match head {
        // Local header, end of an empty archive, marker of a split or single-segment archive.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, b'P', b'K', ..] => {
            Some(Container::Zip)
        }
        // Method 8 is the only one RFC 1952 knows.
        [0x1f, 0x8b, 8, ..] => Some(Container::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Container::Zstd),
        // A skippable frame: pzstd and seekable zstd begin with one.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Container::Zstd),
        _ if tar::is_header(head) => Some(Container::Tar),
        _ => None,
    }
}

/// Opens a container and hands each object in it to `found`, in order.
///
/// `object` may be bytes, a stream, or seekable. A member's content is a stream whose reader fails
/// with [`Stopped`] when the member is damaged or a limit is met; that failure is among the
/// problems returned here, so whoever reads the stream leaves it out of its own
/// (see [`is_reported`]). `found` need not read a member to its end; its checksum is then not checked.
///
/// The problems are bounded in number: many alike are folded into one with a count.
pub fn open(
    container: Container,
    object: Object<'_>,
    budget: &mut Budget,
    found: &mut dyn FnMut(Object<'_>, &mut Budget) -> ControlFlow<()>,
) -> Vec<Problem> {
    let mut problems = Problems::new(object.origin.clone());
    if let Err(limit) = budget.enter() {
        problems.here(ProblemCode::Limit, None, format!("the container was not opened: {limit}"));
        return problems.done();
    }
    match container {
        Container::Zip => zip::open(object, budget, found, &mut problems),
        Container::Gzip => gzip::open(object, budget, found, &mut problems),
        Container::Zstd => zstd::open(object, budget, found, &mut problems),
        Container::Tar => tar::open(object, budget, found, &mut problems),
    }
    budget.leave();
    problems.done()
}

/// Content seen as a plain reader.
pub(crate) enum Input<'a> {
    Bytes(Cursor<&'a [u8]>),
    Stream(&'a mut dyn Read),
    Seekable(&'a mut dyn palisade_model::ReadSeek),
}

impl<'a> Input<'a> {
    pub(crate) fn new(content: Content<'a>) -> Input<'a> {
        match content {
            Content::Bytes(b) => Input::Bytes(Cursor::new(b)),
            Content::Stream(s) => Input::Stream(s),
            Content::Seekable(s) => Input::Seekable(s),
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Bytes(r) => r.read(buf),
            Input::Stream(r) => r.read(buf),
            Input::Seekable(r) => r.read(buf),
        }
    }
}

/// The name of what a `.gz` or `.zst` holds: the file name without the suffix (`.tgz` is a tar).
pub(crate) fn unpacked_name(name: &str, suffixes: &[(&str, &str)]) -> String {
    // Only the last path part: the origin of an evidence file is a path on the user's machine.
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    for (suffix, instead) in suffixes {
        let cut = base.len().saturating_sub(suffix.len());
        if cut > 0
            && let (Some(stem), Some(tail)) = (base.get(..cut), base.get(cut..))
            && tail.eq_ignore_ascii_case(suffix)
        {
            return format!("{stem}{instead}");
        }
    }
    base.to_owned()
}

/// Fuzz target: opens `data` as what it looks like and as everything else, nested, in small limits.
pub fn fuzz(data: &[u8]) {
    /// Small, so that a bomb found by mutation costs a run milliseconds.
    const FUZZ: Limits = Limits { bytes: 1 << 20, objects: 64, depth: 3, ratio: 1_500, in_memory: 1 << 18 };

    fn nested(object: Object<'_>, budget: &mut Budget) -> ControlFlow<()> {
        let mut head = Vec::new();
        let Object { origin, hints, content } = object;
        let mut input = Input::new(content);
        if input.by_ref().take(512).read_to_end(&mut head).is_err() {
            return ControlFlow::Continue(());
        }
        match sniff(&head) {
            Some(kind) => {
                let mut whole = Cursor::new(head).chain(input);
                let content = Content::Stream(&mut whole);
                open(kind, Object { origin, hints, content }, budget, &mut nested);
            }
            // Half of what is there, so that skipping is exercised too.
            None => drop(io::copy(&mut input.take(2_048), &mut io::sink())),
        }
        ControlFlow::Continue(())
    }

    for kind in [Container::Zip, Container::Gzip, Container::Zstd, Container::Tar] {
        let mut budget = Budget::new(FUZZ, data.len() as u64);
        let hints = palisade_model::Hints { passwords: vec!["infected".to_owned()], ..Default::default() };
        let object = Object { origin: Origin::file("fuzz"), hints, content: Content::Bytes(data) };
        open(kind, object, &mut budget, &mut nested);
    }
}
