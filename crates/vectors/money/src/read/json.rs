//! JSON objects from a stream: lines, arrays, pretty or one document, each object with its place, in bounded memory.
//!
//! Only structure is followed here; what an object says is read from its text. A damaged object ends where the next line
//! begins one. Never builds a tree.

use std::io::Read;

use palisade_model::ProblemCode;

use super::Context;

/// Largest object. A block of `bitcoind` with all previous outputs has about 30 MiB.
pub const MAX_OBJECT: usize = 64 << 20;

const CHUNK: usize = 256 << 10;

/// Calls `object` with the text, number (from 1) and offset of each object at the top, or one level inside a top array.
pub(super) fn each(
    stream: &mut dyn Read,
    cx: &mut Context<'_>,
    object: &mut dyn FnMut(&str, u64, u64, &mut Context<'_>),
) {
    let mut s = Scan::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = match stream.read(&mut chunk) {
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => {
                cx.problem(ProblemCode::Io, s.offset, format!("reading stopped here: {e}"));
                break;
            }
        };
        if n == 0 {
            break;
        }
        for b in &chunk[..n] {
            s.byte(*b, cx, object);
            if cx.full {
                return;
            }
        }
    }
    if s.depth > 0 {
        cx.problem(ProblemCode::Truncated, s.start, "the source ends inside an object: that one is left out");
    }
}

#[derive(Default)]
struct Scan {
    held: Vec<u8>,
    depth: u32,
    string: bool,
    escape: bool,
    /// Too large to be held.
    large: bool,
    /// After something at the top that is no object: until the line ends.
    junk: bool,
    /// The byte before, and the last one before it that is no blank.
    before: u8,
    solid: u8,
    number: u64,
    start: u64,
    offset: u64,
}

impl Scan {
    fn byte(
        &mut self,
        b: u8,
        cx: &mut Context<'_>,
        object: &mut dyn FnMut(&str, u64, u64, &mut Context<'_>),
    ) {
        let at = self.offset;
        self.offset += 1;
        let line_start = self.before == b'\n';
        let open_before = matches!(self.solid, b'[' | b',' | b':');
        self.before = b;
        // No writer puts an inner object at the beginning of a line, unless after a comma, a colon or a bracket.
        if self.depth > 0 && b == b'{' && line_start && (self.string || !open_before || self.large) {
            cx.problem(
                ProblemCode::Syntax,
                self.start,
                "an object is not closed before the next line begins one: it is left out",
            );
            self.depth = 0;
        }
        if !b.is_ascii_whitespace() {
            self.solid = b;
        }
        if self.depth == 0 {
            return self.outside(b, at, cx);
        }
        if !self.large {
            self.held.push(b);
        }
        if self.string {
            match b {
                _ if self.escape => self.escape = false,
                b'\\' => self.escape = true,
                b'"' => self.string = false,
                _ => {}
            }
        } else {
            match b {
                b'"' => self.string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
        }
        if self.depth == 0 {
            self.finish(cx, object);
        } else if self.held.len() > MAX_OBJECT {
            self.large = true;
            self.held = Vec::new();
            cx.problem(
                ProblemCode::Limit,
                self.start,
                format!("an object is larger than {MAX_OBJECT} bytes: it is left out"),
            );
        }
    }

    fn outside(&mut self, b: u8, at: u64, cx: &mut Context<'_>) {
        match b {
            b'\n' => self.junk = false,
            _ if self.junk => {}
            b'{' => {
                self.held.clear();
                self.held.push(b);
                (self.depth, self.start) = (1, at);
                (self.string, self.escape, self.large) = (false, false, false);
                self.number += 1;
            }
            b'[' | b']' | b',' => {}
            // A byte order mark.
            0xEF | 0xBB | 0xBF if at < 3 => {}
            b if b.is_ascii_whitespace() => {}
            _ => {
                self.junk = true;
                cx.problem(ProblemCode::Syntax, at, "something that is no object: the line is left out");
            }
        }
    }

    fn finish(&mut self, cx: &mut Context<'_>, object: &mut dyn FnMut(&str, u64, u64, &mut Context<'_>)) {
        if self.large {
            return;
        }
        match std::str::from_utf8(&self.held) {
            Ok(text) => object(text, self.number, self.start, cx),
            Err(_) => {
                cx.problem(ProblemCode::Encoding, self.start, "bytes that are no UTF-8 were replaced");
                let text = String::from_utf8_lossy(&self.held).into_owned();
                object(&text, self.number, self.start, cx);
            }
        }
        // One large object must not be paid for by all later ones.
        if self.held.capacity() > 1 << 20 {
            self.held = Vec::new();
        }
    }
}

/// A number, or a text that says one, as it stands: never through a float.
pub(super) fn scalar(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    let t = raw.trim();
    match t.as_bytes() {
        [] | b"null" => None,
        [b'"', .., b'"'] => Some(palisade_model::unescape_json(&t[1..t.len() - 1])),
        _ => Some(t.into()),
    }
}
