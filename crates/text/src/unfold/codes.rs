//! Room: `text`, `unfold` — characters written as numbers, and the key that a text names.
//!
//! What this module never does: try keys.

/// Fewest numbers that are taken for characters.
const LEAST: usize = 6;

/// Most digits of a code.
const MAX_DIGITS: usize = 6;

/// Bytes of hexadecimal digits; `None` if their number is odd.
pub(super) fn hex(run: &str) -> Option<Vec<u8>> {
    if !run.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16);
    run.as_bytes().chunks_exact(2).map(|p| Some((digit(p[0])? << 4 | digit(p[1])?) as u8)).collect()
}

/// The byte that a text says is XORed: `-bxor 35`, `-bxor 0x23`, `^ 0x23`.
pub(super) fn xor_key(text: &str) -> Option<u8> {
    let lower = text.to_ascii_lowercase();
    for mark in ["-bxor", "^"] {
        for (at, _) in lower.match_indices(mark).take(16) {
            let rest = lower.get(at + mark.len()..)?.trim_start_matches([' ', '(', '\'', '"']);
            if let Some(n) = number(rest).map(|(n, _)| n).and_then(|n| u8::try_from(n).ok()) {
                return Some(n);
            }
        }
    }
    None
}

/// A number at the beginning of a text, decimal or `0x…`, and how long it is.
fn number(text: &str) -> Option<(u32, usize)> {
    let (digits, radix, skip) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(rest) => (rest, 16, 2),
        None => (text, 10, 0),
    };
    // No further than decides: a run of digits is come by again at each of them.
    let end = digits.bytes().take(MAX_DIGITS + 1).take_while(|b| char::from(*b).is_digit(radix)).count();
    if end == 0 || end > MAX_DIGITS {
        return None;
    }
    u32::from_str_radix(digits.get(..end)?, radix).ok().map(|n| (n, end + skip))
}

/// Lists of character codes: `73,69,88`, `[char]73+[char]69`, `chr(73)&chr(69)`, `\x49\x45`, `0x49,0x45`.
pub(super) fn characters(text: &str) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut list: Vec<u8> = Vec::new();
    let mut at = 0;
    let mut flush = |list: &mut Vec<u8>| {
        let list = std::mem::take(list);
        if list.len() >= LEAST {
            out.push(list);
        }
    };
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let rest = text.get(at..).unwrap_or("");
        let found = match rest.strip_prefix("\\x") {
            Some(digits) => {
                let two = digits.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                two.and_then(|d| u32::from_str_radix(d, 16).ok()).map(|n| (n, 4))
            }
            None => bytes[at].is_ascii_digit().then(|| number(rest)).flatten(),
        };
        let Some((n, len)) = found else {
            // Whatever stands between two codes is short and of known words.
            let skipped = between(rest);
            if skipped == 0 {
                flush(&mut list);
                at += rest.chars().next().map_or(1, char::len_utf8);
            } else {
                at += skipped;
            }
            continue;
        };
        match u8::try_from(n) {
            Ok(byte) => list.push(byte),
            Err(_) => flush(&mut list),
        }
        at += len;
    }
    flush(&mut list);
    out
}

/// How much of the beginning of a text may stand between two codes.
fn between(text: &str) -> usize {
    const WORDS: [&str; 8] = ["[char]", "[byte]", "chrw(", "chr(", "chr$(", "&#", "u+", "'"];
    if let Some(b) = text.bytes().next()
        && matches!(b, b',' | b' ' | b'+' | b'&' | b')' | b'(' | b';' | b'\n' | b'\r' | b'\t')
    {
        return 1;
    }
    let starts = |w: &&&str| text.get(..w.len()).is_some_and(|head| head.eq_ignore_ascii_case(w));
    WORDS.iter().find(starts).map_or(0, |w| w.len())
}
