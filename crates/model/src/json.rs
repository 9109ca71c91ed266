//! The inside of a JSON string, unescaped (RFC 8259 section 7).
//!
//! Lenient where evidence is broken: an unknown escape keeps its backslash, a lone
//! surrogate becomes U+FFFD.

use std::borrow::Cow;
use std::ops::Range;

/// Resolves the escapes of the text between a JSON string's quotes. Borrowed when there are none.
pub fn unescape_json(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    unescape_json_into(raw, &mut out);
    Cow::Owned(out)
}

/// As [`unescape_json`], appending to `out`.
pub(crate) fn unescape_json_into(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(at) = backslash(rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (c, len) = escape(&rest.as_bytes()[at..]);
        out.push(c);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
}

/// As [`unescape_json`], of a part of `arena`, appending to the same arena.
pub(crate) fn unescape_json_within(arena: &mut String, range: Range<usize>) {
    let Range { mut start, end } = range;
    if arena.get(start..end).is_none() {
        return;
    }
    arena.reserve(end - start);
    while let Some(at) = backslash(&arena.as_bytes()[start..end]) {
        arena.extend_from_within(start..start + at);
        start += at;
        // Escapes stand in runs: `\r\n`, `\t\t`, `\\\\`.
        while let Some([b'\\', kind, ..]) = arena.as_bytes().get(start..end) {
            let simple = SIMPLE[usize::from(*kind)];
            if simple != 0 {
                arena.push(char::from(simple));
                start += 2;
            } else {
                let (c, len) = escape(&arena.as_bytes()[start..end]);
                arena.push(c);
                start += len;
            }
        }
        if arena.as_bytes()[start..end] == *b"\\" {
            break;
        }
    }
    arena.extend_from_within(start..end);
}

/// Where the first backslash is: eight bytes at a time, as the next one is mostly near.
#[inline]
fn backslash(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut words = text.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        // A byte that is zero after this was a backslash (H. Warren, Hacker's Delight, 6-1).
        let x = u64::from_le_bytes(bytes) ^ (ONES * b'\\' as u64);
        let zeros = x.wrapping_sub(ONES) & !x & (ONES << 7);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    words.remainder().iter().position(|b| *b == b'\\').map(|n| at + n)
}

/// What a two-character escape stands for, by its second character; 0: not one.
const SIMPLE: [u8; 256] = {
    let mut table = [0; 256];
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'/' as usize] = b'/';
    table[b'b' as usize] = 8;
    table[b'f' as usize] = 12;
    table[b'n' as usize] = b'\n';
    table[b'r' as usize] = b'\r';
    table[b't' as usize] = b'\t';
    table
};

/// The character an escape stands for and the escape's length; `b` starts with a backslash.
#[inline]
fn escape(b: &[u8]) -> (char, usize) {
    match b.get(1) {
        Some(b'u') => unicode_escape(b).unwrap_or(('\\', 1)),
        Some(kind) if SIMPLE[usize::from(*kind)] != 0 => (char::from(SIMPLE[usize::from(*kind)]), 2),
        _ => ('\\', 1),
    }
}

fn unicode_escape(b: &[u8]) -> Option<(char, usize)> {
    let unit = hex4(b.get(2..6)?)?;
    if (0xD800..0xDC00).contains(&unit) && b.get(6..8) == Some(b"\\u") {
        let low = b.get(8..12).and_then(hex4).filter(|low| (0xDC00..0xE000).contains(low));
        if let Some(low) = low {
            let c = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            return Some((char::from_u32(c)?, 12));
        }
    }
    Some((char::from_u32(unit).unwrap_or('\u{FFFD}'), 6))
}

fn hex4(b: &[u8]) -> Option<u32> {
    b.iter().try_fold(0u32, |v, d| Some(v << 4 | (*d as char).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::{unescape_json, unescape_json_within};

    #[test]
    fn escapes() {
        for (raw, want) in [
            ("plain", "plain"),
            (r"C:\\Windows\\x", r"C:\Windows\x"),
            (r"a\u0041\n\t", "aA\n\t"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d x", "\u{FFFD} x"),
            (r"\q\u12", r"\q\u12"),
            ("end\\", "end\\"),
            (r"\u12é", r"\u12é"),
            (
                r"a long run\r\n\tof text \\\\ with é and more\r\n",
                "a long run\r\n\tof text \\\\ with é and more\r\n",
            ),
        ] {
            assert_eq!(unescape_json(raw), want, "{raw}");
            let mut arena = format!("é{raw}!");
            let before = arena.len();
            unescape_json_within(&mut arena, 2..2 + raw.len());
            assert_eq!(&arena[before..], want, "{raw}");
        }
    }
}
