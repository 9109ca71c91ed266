//! Zstandard (RFC 8878): any number of frames, skippable ones included, one object.

use std::io::{self, BufReader, Read};

use palisade_model::{Budget, Content, Hints, Limit, Object, ProblemCode};

use crate::member::{Counted, Declared, Left, Member};
use crate::problems::Problems;
use crate::{Found, Input, unpacked_name};

/// Block read from the input at a time.
const BLOCK: usize = 64 << 10;

/// Largest window, as a power of two: what `zstd --long=27` writes. The decoder takes this much
/// memory (128 MiB) at most; zstd itself refuses more unless told.
pub(crate) const MAX_WINDOW_LOG: u32 = 27;

/// Suffixes of zstd files and what stands in their place.
const SUFFIXES: [(&str, &str); 3] = [(".tzst", ".tar"), (".zstd", ""), (".zst", "")];

/// A decoder of all frames of `input`.
pub(crate) fn decoder<R: io::BufRead>(input: R) -> io::Result<::zstd::Decoder<'static, R>> {
    let mut decoder = ::zstd::Decoder::with_buffer(input)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    Ok(decoder)
}

pub(crate) fn open(object: Object<'_>, budget: &mut Budget, found: Found<'_>, problems: &mut Problems) {
    let origin = object.origin.member(&unpacked_name(object.origin.name(), &SUFFIXES));
    if let Err(limit) = budget.object() {
        problems.at(ProblemCode::Limit, &origin, None, format!("the member was not read: {limit}"));
        return;
    }
    let input = Counted::new(BufReader::with_capacity(BLOCK, Input::new(object.content)));
    let decoder = match decoder(input) {
        Ok(decoder) => decoder,
        Err(e) => {
            problems.here(ProblemCode::Internal, None, format!("the zstd decoder could not be set up: {e}"));
            return;
        }
    };
    let mut member =
        Member::new(Frames { decoder, produced: false, note: None }, Some(budget.meter()), false);
    let hints = Hints { passwords: object.hints.passwords, ..Hints::default() };
    let content = Content::Stream(&mut member);
    let _ = found(Object { origin: origin.clone(), hints, content }, budget);
    let left = member.settle(Declared::default(), &origin, problems);
    if left == Left::Ended
        && let Some((offset, message)) = member.inner_mut().note.take()
    {
        problems.here(ProblemCode::DamagedPart, offset, message);
    }
}

/// The frames of a zstd file. Garbage behind the last frame is its end, not its failure.
struct Frames<R: io::BufRead> {
    decoder: ::zstd::Decoder<'static, Counted<R>>,
    produced: bool,
    note: Option<(u64, String)>,
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.note.is_some() {
            return Ok(0);
        }
        match self.decoder.read(buf) {
            Ok(n) => {
                self.produced |= n > 0;
                Ok(n)
            }
            // The library has one kind of error for everything and tells them apart in words.
            Err(e) => {
                let text = e.to_string();
                if text.contains("Unknown frame descriptor") && self.produced {
                    let message = "what follows the last zstd frame is not zstd and was left out";
                    self.note = Some((self.decoder.get_ref().consumed(), message.to_owned()));
                    return Ok(0);
                }
                if text.contains("too much memory") {
                    return Err(io::Error::other(Limit::Memory(1 << MAX_WINDOW_LOG)));
                }
                Err(e)
            }
        }
    }
}
