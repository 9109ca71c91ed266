//! BinXML values into text: one function per value type, UTF-8 out, whatever the bytes.
//!
//! Everything is appended to a byte buffer that only ever receives valid UTF-8, so that a
//! whole row is checked once. What this module never does: fail. A value shorter than its
//! type is shown as hexadecimal, an unpaired surrogate becomes U+FFFD.

use palisade_model::Time;

/// Value types of BinXML (MS-EVEN6 2.2.12; libyal's EVTX format description, "value types").
pub(super) mod ty {
    pub const NULL: u8 = 0x00;
    pub const STRING: u8 = 0x01;
    pub const ANSI: u8 = 0x02;
    pub const I8: u8 = 0x03;
    pub const U8: u8 = 0x04;
    pub const I16: u8 = 0x05;
    pub const U16: u8 = 0x06;
    pub const I32: u8 = 0x07;
    pub const U32: u8 = 0x08;
    pub const I64: u8 = 0x09;
    pub const U64: u8 = 0x0a;
    pub const F32: u8 = 0x0b;
    pub const F64: u8 = 0x0c;
    pub const BOOL: u8 = 0x0d;
    #[cfg(test)]
    pub const BINARY: u8 = 0x0e;
    pub const GUID: u8 = 0x0f;
    pub const SIZE: u8 = 0x10;
    pub const FILETIME: u8 = 0x11;
    pub const SYSTEMTIME: u8 = 0x12;
    pub const SID: u8 = 0x13;
    pub const HEX32: u8 = 0x14;
    pub const HEX64: u8 = 0x15;
    pub const HANDLE: u8 = 0x20;
    pub const BINXML: u8 = 0x21;
    pub const XML: u8 = 0x23;
    /// Flag: several values of the type, one after the other.
    pub const ARRAY: u8 = 0x80;
}

/// What a written value is to the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// Nothing: an empty element.
    Blank,
    /// Text.
    Text,
    /// A number in decimal.
    Number,
    /// A boolean; its text was written too.
    Bool(bool),
}

/// Bytes of one value of a fixed-size type; 0 for the others.
pub(super) fn width(kind: u8) -> usize {
    match kind {
        ty::I8 | ty::U8 => 1,
        ty::I16 | ty::U16 => 2,
        ty::I32 | ty::U32 | ty::F32 | ty::BOOL | ty::HEX32 => 4,
        ty::I64 | ty::U64 | ty::F64 | ty::FILETIME | ty::HEX64 => 8,
        ty::GUID | ty::SYSTEMTIME => 16,
        _ => 0,
    }
}

/// Little-endian integer of up to eight bytes.
fn le(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// Little-endian integer of up to eight bytes, sign-extended from the last of them.
fn le_signed(bytes: &[u8]) -> i64 {
    let bits = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    ((le(bytes) << bits) as i64) >> bits
}

/// Appends one value (no array, no nested BinXML) as text.
pub(super) fn write(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Written {
    if bytes.is_empty() {
        return Written::Blank;
    }
    let w = width(kind);
    let Some(fixed) = bytes.get(..w) else {
        // Cut short by damage, or a boolean of one byte.
        if kind == ty::BOOL {
            return boolean(out, le(bytes) != 0);
        }
        hex(out, bytes);
        return Written::Text;
    };
    match kind {
        ty::NULL | ty::BINXML => return Written::Blank,
        ty::STRING | ty::XML => return utf16(out, bytes),
        ty::ANSI => return ansi(out, bytes),
        ty::I8 | ty::I16 | ty::I32 | ty::I64 => {
            let n = le_signed(fixed);
            if n < 0 {
                out.push(b'-');
            }
            decimal(out, n.unsigned_abs());
            return Written::Number;
        }
        ty::U8 | ty::U16 | ty::U32 | ty::U64 => {
            decimal(out, le(fixed));
            return Written::Number;
        }
        ty::F32 => {
            use std::io::Write;
            let _ = write!(out, "{}", f32::from_bits(le(fixed) as u32));
            return Written::Number;
        }
        ty::F64 => {
            use std::io::Write;
            let _ = write!(out, "{}", f64::from_bits(le(fixed)));
            return Written::Number;
        }
        ty::BOOL => return boolean(out, le(fixed) != 0),
        ty::GUID => guid(out, fixed),
        ty::FILETIME => filetime(out, le(fixed)),
        ty::SYSTEMTIME => systemtime(out, fixed),
        ty::SID => sid(out, bytes),
        ty::HEX32 | ty::HEX64 => hex_number(out, le(fixed)),
        ty::SIZE | ty::HANDLE => hex_number(out, le(bytes)),
        _ => hex(out, bytes),
    }
    Written::Text
}

/// Cuts the first value off an array's bytes; `None` when nothing is left.
pub(super) fn next_of_array(kind: u8, bytes: &[u8]) -> Option<(usize, usize)> {
    if bytes.is_empty() {
        return None;
    }
    let (len, step) = match kind {
        ty::STRING | ty::XML => {
            let units = bytes.chunks_exact(2).position(|u| u == [0, 0]);
            units.map_or((bytes.len(), bytes.len()), |n| (2 * n, 2 * n + 2))
        }
        ty::ANSI => memchr::memchr(0, bytes).map_or((bytes.len(), bytes.len()), |n| (n, n + 1)),
        ty::SID => {
            let n = 8 + 4 * usize::from(bytes.get(1).copied().unwrap_or(0));
            (n.min(bytes.len()), n.min(bytes.len()))
        }
        _ => match width(kind) {
            0 => (bytes.len(), bytes.len()),
            w => (w.min(bytes.len()), w.min(bytes.len())),
        },
    };
    Some((len, step))
}

/// Appends UTF-16LE without its trailing NULs. Text that is all ASCII, nearly all of it,
/// takes a loop the compiler turns into vector code.
pub(super) fn utf16(out: &mut Vec<u8>, bytes: &[u8]) -> Written {
    let mut bytes = &bytes[..bytes.len() & !1];
    while let [head @ .., 0, 0] = bytes {
        bytes = head;
    }
    if bytes.is_empty() {
        return Written::Blank;
    }
    let start = out.len();
    let mut other = 0u8;
    out.extend(bytes.as_chunks::<2>().0.iter().map(|[low, high]| {
        other |= high | (low & 0x80);
        *low
    }));
    if other != 0 {
        out.truncate(start);
        let units = bytes.chunks_exact(2).map(|u| u16::from_le_bytes([u[0], u[1]]));
        for c in char::decode_utf16(units) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Written::Text
}

/// Appends text of an unknown code page: UTF-8 when it is that, else Windows-1252.
fn ansi(out: &mut Vec<u8>, bytes: &[u8]) -> Written {
    let mut bytes = bytes;
    while let [head @ .., 0] = bytes {
        bytes = head;
    }
    if bytes.is_empty() {
        return Written::Blank;
    }
    if std::str::from_utf8(bytes).is_ok() {
        out.extend_from_slice(bytes);
        return Written::Text;
    }
    // 0x80–0x9f of Windows-1252; the rest is Latin-1.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    for b in bytes {
        let c = match b {
            0x80..=0x9f => HIGH[usize::from(b & 0x1f)],
            _ => char::from(*b),
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Written::Text
}

fn boolean(out: &mut Vec<u8>, value: bool) -> Written {
    out.extend_from_slice(if value { b"true" } else { b"false" });
    Written::Bool(value)
}

/// Appends a number in decimal.
pub(super) fn decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn padded(out: &mut Vec<u8>, n: u64, digits: u32) {
    for i in (0..digits).rev() {
        out.push(b'0' + (n / 10u64.pow(i) % 10) as u8);
    }
}

const UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for b in bytes {
        out.push(UPPER[usize::from(b >> 4)]);
        out.push(UPPER[usize::from(b & 15)]);
    }
}

/// `0x1f`, as Windows writes access masks, logon ids and statuses.
fn hex_number(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(b"0x");
    let digits = (67 - n.max(1).leading_zeros()) / 4;
    for i in (0..digits.max(1)).rev() {
        out.push(b"0123456789abcdef"[(n >> (4 * i) & 15) as usize]);
    }
}

/// `{0CCE9210-69AE-11D9-BED3-505054503030}`: Windows writes the braces and rules expect them.
fn guid(out: &mut Vec<u8>, b: &[u8]) {
    out.push(b'{');
    for (i, at) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        hex(out, b.get(at..=at).unwrap_or(&[0]));
    }
    out.push(b'}');
}

/// `S-1-5-21-…` (MS-DTYP 2.4.2).
fn sid(out: &mut Vec<u8>, b: &[u8]) {
    let [revision, count, a0, a1, a2, a3, a4, a5, subs @ ..] = b else {
        return hex(out, b);
    };
    out.extend_from_slice(b"S-");
    decimal(out, u64::from(*revision));
    out.push(b'-');
    decimal(out, u64::from_be_bytes([0, 0, *a0, *a1, *a2, *a3, *a4, *a5]));
    for sub in subs.chunks_exact(4).take(usize::from(*count)) {
        out.push(b'-');
        decimal(out, le(sub));
    }
}

/// `2019-03-18T11:06:29.9115792Z`, all seven digits of a FILETIME; after the year 9999, where no
/// such text exists, the number itself.
pub(super) fn filetime(out: &mut Vec<u8>, ft: u64) {
    let Some(time) = Time::from_filetime(ft) else { return decimal(out, ft) };
    let (y, mo, d, h, mi, s, us) = time.civil();
    date(out, y, mo, d, h, mi, s);
    out.push(b'.');
    padded(out, us as u64 * 10 + ft % 10, 7);
    out.push(b'Z');
}

fn systemtime(out: &mut Vec<u8>, b: &[u8]) {
    let part = |i: usize| b.get(2 * i..2 * i + 2).map_or(0, le) as i64;
    date(out, part(0), part(1), part(3), part(4), part(5), part(6));
    out.push(b'.');
    padded(out, part(7) as u64, 3);
    out.push(b'Z');
}

fn date(out: &mut Vec<u8>, y: i64, mo: i64, d: i64, h: i64, mi: i64, s: i64) {
    if y > 9_999 {
        decimal(out, y.unsigned_abs());
    } else {
        padded(out, y.unsigned_abs(), 4);
    }
    for (n, mark) in [(mo, b'-'), (d, b'-'), (h, b'T'), (mi, b':'), (s, b':')] {
        out.push(mark);
        padded(out, n.unsigned_abs(), 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: u8, bytes: &[u8], expected: &str) {
        let mut out = Vec::new();
        write(&mut out, kind, bytes);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "type {kind:#x} of {bytes:x?}");
    }

    #[test]
    fn every_type_has_its_text() {
        check(ty::NULL, b"abc", "");
        check(ty::STRING, b"a\0\xe4\0", "aä");
        check(ty::STRING, b"a\0\0\0", "a");
        check(ty::STRING, b"\x3d\xd8\x00\xde", "😀");
        check(ty::STRING, b"\x3d\xd8a\0", "\u{fffd}a");
        check(ty::ANSI, b"caf\xe9 \x80\0", "café €");
        check(ty::I8, &[0xff], "-1");
        check(ty::U8, &[0xff], "255");
        check(ty::I16, &[0xfe, 0xff], "-2");
        check(ty::U16, &[0x10, 0x12], "4624");
        check(ty::I32, &[0, 0, 0, 0x80], "-2147483648");
        check(ty::U32, &[1, 0, 0, 0], "1");
        check(ty::I64, &[0xff; 8], "-1");
        check(ty::I64, &i64::MIN.to_le_bytes(), "-9223372036854775808");
        check(ty::U64, &[0xff; 8], "18446744073709551615");
        check(ty::F32, &1.5f32.to_le_bytes(), "1.5");
        check(ty::F64, &(-0.25f64).to_le_bytes(), "-0.25");
        check(ty::BOOL, &[1, 0, 0, 0], "true");
        check(ty::BOOL, &[0, 1, 0, 0], "true");
        check(ty::BOOL, &[0, 0, 0, 0], "false");
        check(ty::BINARY, &[0xde, 0xad], "DEAD");
        check(
            ty::GUID,
            b"\x10\x92\xce\x0c\xae\x69\xd9\x11\xbe\xd3\x50\x50\x54\x50\x30\x30",
            "{0CCE9210-69AE-11D9-BED3-505054503030}",
        );
        check(ty::SIZE, &[0x1f, 0, 0, 0], "0x1f");
        check(ty::FILETIME, &132_000_000_001_234_567u64.to_le_bytes(), "2019-04-17T18:40:00.1234567Z");
        check(
            ty::SYSTEMTIME,
            &[0xe3, 7, 3, 0, 1, 0, 18, 0, 11, 0, 6, 0, 29, 0, 99, 0],
            "2019-03-18T11:06:29.099Z",
        );
        check(ty::SID, &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0], "S-1-5-32-544");
        check(ty::HEX32, &[0x10, 0x14, 0, 0], "0x1410");
        check(ty::HEX32, &[0, 0, 0, 0], "0x0");
        check(ty::HEX64, &[0xff; 8], "0xffffffffffffffff");
        // Cut short: shown, never dropped.
        check(ty::U32, &[1, 2], "0102");
        check(ty::SID, &[1, 2], "0102");
    }

    #[test]
    fn arrays_are_cut_into_values() {
        let items = |kind, bytes: &[u8]| {
            let (mut at, mut out) = (0, Vec::new());
            while let Some((len, step)) = next_of_array(kind, &bytes[at..]) {
                let mut text = Vec::new();
                write(&mut text, kind, &bytes[at..at + len]);
                out.push(String::from_utf8(text).unwrap());
                at += step;
            }
            out
        };
        assert_eq!(items(ty::STRING, b"a\0\0\0\0\0b\0\0\0"), ["a", "", "b"]);
        assert_eq!(items(ty::U16, &[1, 0, 2, 0]), ["1", "2"]);
        assert_eq!(items(ty::U16, &[1, 0, 2]), ["1", "02"]);
    }
}
