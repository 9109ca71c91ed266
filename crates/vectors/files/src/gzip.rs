//! gzip (RFC 1952): any number of members, one object.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use palisade_model::{Budget, Hints, Object, ProblemCode};

use crate::member::{Counted, Declared, Left, Member, code_of, is_reported};
use crate::problems::Problems;
use crate::{Found, Input, unpacked_name};

/// Block read from the input at a time.
const BLOCK: usize = 64 << 10;

/// Suffixes of gzip files and what stands in their place.
const SUFFIXES: [(&str, &str); 3] = [(".tgz", ".tar"), (".gzip", ""), (".gz", "")];

pub(crate) fn open(object: Object<'_>, budget: &mut Budget, found: Found<'_>, problems: &mut Problems) {
    let input = Counted::new(BufReader::with_capacity(BLOCK, Input::new(object.content)));
    let mut decoder = GzDecoder::new(input);
    // The decoder reads the header when it is made; without one there is nothing to deliver.
    let Some(header) = decoder.header() else {
        match decoder.read(&mut [0]) {
            Err(e) if is_reported(&e) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                problems.here(ProblemCode::Truncated, 0, "the file ends within its gzip header".to_owned());
            }
            Err(e) if code_of(&e) == ProblemCode::Io => {
                problems.here(ProblemCode::Io, 0, format!("the gzip header could not be read: {e}"));
            }
            _ => {
                problems.here(ProblemCode::DamagedHeader, 0, "the gzip header is damaged".to_owned());
            }
        }
        return;
    };
    let name = match header.filename() {
        Some(name) if !name.is_empty() => text_of(name),
        _ => unpacked_name(object.origin.name(), &SUFFIXES),
    };
    let origin = object.origin.member(&name);
    if let Err(limit) = budget.object() {
        problems.at(ProblemCode::Limit, &origin, None, format!("the member was not read: {limit}"));
        return;
    }
    let members = Members { decoder: Some(decoder), between: None, note: None };
    let mut member = Member::new(members, Some(budget.meter()), false);
    let hints = Hints { passwords: object.hints.passwords, ..Hints::default() };
    let content = palisade_model::Content::Stream(&mut member);
    // One object: whether the caller goes on or not, nothing follows it.
    let _ = found(Object { origin: origin.clone(), hints, content }, budget);
    let left = member.settle(Declared::default(), &origin, problems);
    if left == Left::Ended
        && let Some((code, offset, message)) = member.inner_mut().note.take()
    {
        problems.here(code, offset, message);
    }
}

/// FNAME is Latin-1 by the letter of RFC 1952 and UTF-8 in practice.
fn text_of(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) => text.to_owned(),
        Err(_) => name.iter().map(|b| char::from(*b)).collect(),
    }
}

/// The members of a gzip file, one after the other.
struct Members<R> {
    decoder: Option<GzDecoder<R>>,
    /// The input between two members.
    between: Option<R>,
    note: Option<(ProblemCode, u64, String)>,
}

impl<R: BufRead> Members<Counted<R>> {
    /// Goes to the next member; `false` when there is none.
    fn next_member(&mut self) -> io::Result<bool> {
        let Some(mut input) = self.between.take() else { return Ok(false) };
        // Zeros after a member are padding (tapes, block devices).
        loop {
            let zeros = {
                let block = match input.fill_buf() {
                    Ok(block) => block,
                    Err(e) => {
                        self.between = Some(input);
                        return Err(e);
                    }
                };
                match block.first() {
                    None => return Ok(false),
                    Some(0) => block.iter().take_while(|b| **b == 0).count(),
                    Some(_) => 0,
                }
            };
            if zeros == 0 {
                break;
            }
            input.consume(zeros);
        }
        let at = input.consumed();
        let mut decoder = GzDecoder::new(input);
        if decoder.header().is_some() {
            self.decoder = Some(decoder);
            return Ok(true);
        }
        match decoder.read(&mut [0]) {
            Err(e) if is_reported(&e) || code_of(&e) == ProblemCode::Io => return Err(e),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                let message = "the file ends within the header of another gzip member, or with garbage";
                self.note = Some((ProblemCode::Truncated, at, message.to_owned()));
            }
            _ => {
                let message = "what follows the last gzip member is not gzip and was left out";
                self.note = Some((ProblemCode::DamagedPart, at, message.to_owned()));
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Members<Counted<R>> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else {
                if self.next_member()? {
                    continue;
                }
                return Ok(0);
            };
            let n = decoder.read(buf)?;
            if n > 0 {
                return Ok(n);
            }
            self.between = self.decoder.take().map(GzDecoder::into_inner);
        }
    }
}
