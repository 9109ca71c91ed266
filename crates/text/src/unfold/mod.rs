//! Room: `text` — what a script or command line says once its wrappings are taken off.
//!
//! ```text
//! powershell -enc SQBFAFgA… ── base64, UTF-16 ──▶ IEX ('Net.We'+'bClient') ── joined ──▶ IEX ('Net.WebClient')
//! ```
//!
//! Wrappings that are known: base64 (also after `-EncodedCommand` and in `FromBase64String`), gzip and deflate in it, runs of
//! hexadecimal digits, lists of character codes, a XOR with one byte that the text itself names, and strings that were cut
//! up (`'a'+'b'`, `"{1}{0}" -f`, ticks, carets). Nothing is run; what depends on a variable stays as it is.
//!
//! It is bounded: [`MAX_DEPTH`] layers, [`MAX_LAYERS`] texts, [`MAX_BYTES`] bytes in all, whatever a packed stream claims.
//!
//! What this module never does: execute, guess keys, panic on any text.

mod codes;
mod pieces;

use std::io::Read as _;

pub use pieces::joined;

/// Wrappings in each other.
pub const MAX_DEPTH: usize = 6;

/// Texts that one text may hold.
pub const MAX_LAYERS: usize = 24;

/// Bytes of all texts together. A longer text is looked at as far as this.
pub const MAX_BYTES: usize = 256 << 10;

/// Runs of one kind that are looked into per text: a text that is all runs of rubbish costs no more than this.
const MAX_RUNS: usize = 64;

/// Shortest run of base64 that is looked into; shorter ones are words, paths and ids.
const MIN_BASE64: usize = 24;

/// Shortest run of hexadecimal digits that is looked into: hashes are shorter (SHA-512 has 128 digits).
const MIN_HEX: usize = 132;

/// What lay under one wrapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// The wrapping: `base64`, `base64, gzip`, `characters`, `joined` …
    pub how: &'static str,
    /// How many wrappings are around it, from 1.
    pub depth: usize,
    /// The text.
    pub text: String,
}

/// Whether it is worth to look under a text: cheap, and true for every text that [`unfold`] finds something in.
pub fn is_wrapped(text: &str) -> bool {
    let (mut run, mut digits, mut marks, mut plus) = (0_usize, 0_usize, 0_usize, false);
    let mut before = 0;
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_') {
            run += 1;
            if run >= MIN_BASE64 {
                return true;
            }
        } else {
            run = 0;
        }
        match b {
            b'0'..=b'9' => digits += 1,
            b'`' | b'^' => marks += 1,
            b'+' | b'&' if matches!(before, b'\'' | b'"') => plus = true,
            // `'a'+'b'`, `"a" & "b"` above; `[char]73`, `chr(73)`, `{0}{1}`, `73,69,88`
            b']' | b'(' | b'{' | b',' => plus |= digits > 6,
            _ => {}
        }
        if b != b' ' {
            before = b;
        }
    }
    plus || marks >= 3 || digits > 24 || text.contains("{0}")
}

/// Everything that lies under a text, outermost first. Empty for nearly every text.
pub fn unfold(text: &str) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    if !is_wrapped(text) {
        return layers;
    }
    let mut left = MAX_BYTES;
    under(head(text, MAX_BYTES), 1, &mut layers, &mut left);
    let mut next = 0;
    while let Some(layer) = layers.get(next) {
        let (inner, depth) = (layer.text.clone(), layer.depth);
        next += 1;
        if depth < MAX_DEPTH {
            under(&inner, depth + 1, &mut layers, &mut left);
        }
    }
    layers
}

/// The beginning of a text, on a character boundary.
fn head(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

/// Adds what lies directly under a text.
fn under(text: &str, depth: usize, layers: &mut Vec<Layer>, left: &mut usize) {
    let mut add = |how: &'static str, inner: String| {
        let fits = layers.len() < MAX_LAYERS && inner.len() <= *left;
        let new = inner != text && !layers.iter().any(|l| l.text == inner);
        if fits && new && !inner.trim().is_empty() {
            *left -= inner.len();
            layers.push(Layer { how, depth, text: inner });
        }
    };
    if let Some(inner) = joined(text) {
        add("joined", inner);
    }
    let key = codes::xor_key(text);
    for run in runs(text, MIN_BASE64, is_base64) {
        let Some(bytes) = base64(run) else { continue };
        if let Some((how, inner)) = opened(&bytes, key) {
            add(how, inner);
        }
    }
    for run in runs(text, MIN_HEX, |b| b.is_ascii_hexdigit()) {
        let Some(bytes) = codes::hex(run) else { continue };
        if let Some((_, inner)) = opened(&bytes, key) {
            add("hexadecimal", inner);
        }
    }
    for bytes in codes::characters(text).into_iter().take(MAX_RUNS) {
        if let Some((_, inner)) = opened(&bytes, key) {
            add("characters", inner);
        }
    }
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// Runs of at least `least` bytes for which `of` holds. These are ASCII, so slices lie on character boundaries.
fn runs(text: &str, least: usize, of: impl Fn(u8) -> bool) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    for at in 0..=bytes.len() {
        if bytes.get(at).is_some_and(|b| of(*b)) {
            continue;
        }
        if at - start >= least && out.len() < MAX_RUNS {
            out.extend(text.get(start..at));
        }
        start = at + 1;
    }
    out
}

/// Decodes base64 in either alphabet, with or without padding; what follows the padding is left out.
fn base64(run: &str) -> Option<Vec<u8>> {
    let run = run.trim_start_matches(['-', '=', '/']);
    let run = run.split('=').next().unwrap_or("");
    if run.len() < MIN_BASE64 - 2 || run.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(run.len() / 4 * 3 + 2);
    let (mut bits, mut have) = (0_u32, 0);
    for b in run.bytes() {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 0xff) as u8);
        }
    }
    Some(out)
}

/// The text in bytes: unpacked if they are packed, with the key taken off if one is known.
fn opened(bytes: &[u8], key: Option<u8>) -> Option<(&'static str, String)> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let inner = inflated(flate2::read::GzDecoder::new(bytes));
        return text_of(&inner).map(|t| ("base64, gzip", t));
    }
    if let Some(text) = text_of(bytes) {
        return Some(("base64", text));
    }
    if let Some(key) = key.filter(|k| *k != 0) {
        let plain: Vec<u8> = bytes.iter().map(|b| b ^ key).collect();
        if let Some(text) = text_of(&plain) {
            return Some(("base64, xor", text));
        }
    }
    // A raw stream has no signature: it counts only if text comes out of it.
    let inner = inflated(flate2::read::DeflateDecoder::new(bytes));
    text_of(&inner).filter(|t| t.len() >= 16).map(|t| ("base64, deflate", t))
}

/// What a packed stream holds, as far as it may be long and can be read.
fn inflated(reader: impl std::io::Read) -> Vec<u8> {
    let mut out = Vec::new();
    // A stream that is cut short still says what was read of it.
    let _ = reader.take(MAX_BYTES as u64).read_to_end(&mut out);
    out
}

/// Bytes as text, if they are text: UTF-16 if every other byte is nought, else UTF-8; nearly all of it readable.
fn text_of(bytes: &[u8]) -> Option<String> {
    if bytes.len() < 4 {
        return None;
    }
    let bytes =
        bytes.strip_prefix(&[0xff, 0xfe]).or(bytes.strip_prefix(&[0xef, 0xbb, 0xbf])).unwrap_or(bytes);
    let noughts = bytes.iter().skip(1).step_by(2).filter(|b| **b == 0).count();
    let text = if noughts * 4 >= bytes.len() / 2 * 3 && bytes.len() >= 4 {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|p| u16::from_le_bytes([p[0], p[1]])).collect();
        String::from_utf16(&units).ok()?
    } else {
        std::str::from_utf8(bytes).ok()?.to_owned()
    };
    let readable = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    // Words that happen to be base64 decode to signs of all scripts; scripts are mostly ASCII.
    let (mut all, mut good) = (0_usize, 0_usize);
    for c in text.chars() {
        all += 1;
        good += usize::from(readable(&c) && c.is_ascii());
    }
    (all >= 4 && good * 20 >= all * 19).then_some(text)
}
