//! Modifiers that rewrite text: dashes, UTF-16, base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::Part;

/// What Windows programs accept to start an option: hyphen, slash, en dash, em dash, horizontal bar.
pub const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// Dashes that may vary in one value: five to the fourth power is 625 variants.
pub const WINDASH_DASHES_MAX: usize = 4;

/// All spellings of a value in which each dash that starts a word may be any of [`DASHES`]. A dash
/// starts a word if a letter, digit or underscore follows and none precedes; so of `--a` the second
/// does. The value as written comes first. `None`: more than [`WINDASH_DASHES_MAX`] such dashes.
pub fn windash(parts: &[Part]) -> Option<Vec<Vec<Part>>> {
    let word = |part: Option<&Part>| matches!(part, Some(Part::Char(c)) if c.is_alphanumeric() || *c == '_');
    let mut places = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let Part::Char(c) = part else { continue };
        let before = at.checked_sub(1).and_then(|before| parts.get(before));
        if DASHES.contains(c) && !word(before) && word(parts.get(at + 1)) {
            places.push(at);
        }
    }
    if places.len() > WINDASH_DASHES_MAX {
        return None;
    }
    let mut variants = vec![parts.to_vec()];
    for place in places {
        let mut more = Vec::new();
        for variant in &variants {
            let written = variant.get(place).copied();
            more.push(variant.clone());
            for dash in DASHES.map(Part::Char) {
                if Some(dash) != written {
                    let mut changed = variant.clone();
                    if let Some(part) = changed.get_mut(place) {
                        *part = dash;
                    }
                    more.push(changed);
                }
            }
        }
        variants = more;
    }
    Some(variants)
}

/// A UTF-16 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utf16 {
    /// Little endian (`utf16le`, `wide`).
    Little,
    /// Big endian.
    Big,
    /// Little endian with a byte order mark in front.
    Marked,
}

/// Encodes text as UTF-16.
pub fn utf16(text: &str, form: Utf16) -> Vec<u8> {
    let mut bytes = if form == Utf16::Marked { vec![0xff, 0xfe] } else { Vec::new() };
    for unit in text.encode_utf16() {
        bytes.extend(if form == Utf16::Big { unit.to_be_bytes() } else { unit.to_le_bytes() });
    }
    bytes
}

/// Base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The three texts of which one occurs in the base64 of any bytes that contain `bytes`.
///
/// With `pad` unknown bytes in front, the first chars mix with them: 0, 2 or 3 chars are dropped.
/// At the end, what follows mixes into the last char unless the length is a multiple of three.
/// `None` if one of them would be empty, that is, for fewer than two bytes.
pub fn base64_offsets(bytes: &[u8]) -> Option<[String; 3]> {
    let fragment = |pad: usize, front: usize| {
        let mut padded = vec![0; pad];
        padded.extend_from_slice(bytes);
        let encoded = STANDARD.encode(&padded);
        let back = match padded.len() % 3 {
            0 => 0,
            1 => 3,
            _ => 2,
        };
        let end = encoded.len().checked_sub(back)?;
        let text = encoded.get(front..end)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    Some([fragment(0, 0)?, fragment(1, 2)?, fragment(2, 3)?])
}
