//! Fields of local and central headers (APPNOTE 4.3.7, 4.3.12, 4.5.3).

use crate::member::Declared;

/// Fixed part of a local header.
pub(crate) const LOCAL: usize = 30;
/// Fixed part of a central header.
pub(crate) const CENTRAL: usize = 46;

/// Signature of a local header.
pub(crate) const SIG_LOCAL: [u8; 4] = *b"PK\x03\x04";
/// Signature of a central header.
pub(crate) const SIG_CENTRAL: [u8; 4] = *b"PK\x01\x02";
/// Signature of a data descriptor.
pub(crate) const SIG_DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// Bit 0: encrypted.
const FLAG_ENCRYPTED: u16 = 1;
/// Bit 3: sizes and checksum stand behind the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// Bit 6: strong encryption.
const FLAG_STRONG: u16 = 1 << 6;
/// Bit 11: the name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;

/// What a header says of a member.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) raw_name: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) encrypted: bool,
    pub(crate) strong: bool,
    pub(crate) compressed: u64,
    pub(crate) size: u64,
    pub(crate) crc: u32,
    /// What the last byte of the encryption header must be.
    pub(crate) check_byte: u8,
    /// Sizes and checksum stand behind the data (and are unknown if this is a local header).
    pub(crate) descriptor: bool,
    /// Where the local header is.
    pub(crate) at: u64,
}

impl Entry {
    pub(crate) fn declared(&self) -> Declared {
        Declared { size: Some(self.size), crc: Some(self.crc) }
    }

    /// A directory has a name that ends with a slash and no bytes; one with bytes is a file in disguise.
    pub(crate) fn is_directory(&self) -> bool {
        self.name.ends_with('/') && self.size == 0
    }
}

/// Little-endian numbers at an offset; zero beyond the end, which no caller reaches.
pub(crate) fn u16_at(b: &[u8], at: usize) -> u16 {
    b.get(at..at + 2).and_then(|s| s.try_into().ok()).map_or(0, u16::from_le_bytes)
}

/// See [`u16_at`].
pub(crate) fn u32_at(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4).and_then(|s| s.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// See [`u16_at`].
pub(crate) fn u64_at(b: &[u8], at: usize) -> u64 {
    b.get(at..at + 8).and_then(|s| s.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Lengths of name, extra field and comment behind a central header's fixed part.
pub(crate) fn central_tail(fixed: &[u8; CENTRAL]) -> (usize, usize, usize) {
    (usize::from(u16_at(fixed, 28)), usize::from(u16_at(fixed, 30)), usize::from(u16_at(fixed, 32)))
}

/// Lengths of name and extra field behind a local header's fixed part.
pub(crate) fn local_tail(fixed: &[u8; LOCAL]) -> (usize, usize) {
    (usize::from(u16_at(fixed, 26)), usize::from(u16_at(fixed, 28)))
}

/// From a central header; `tail` is name and extra field.
pub(crate) fn central(fixed: &[u8; CENTRAL], tail: &[u8]) -> Entry {
    let (name_len, ..) = central_tail(fixed);
    let (raw_name, extra) = tail.split_at(name_len.min(tail.len()));
    let mut entry = entry(&fixed[6..30], raw_name, extra);
    let mut offset = u64::from(u32_at(fixed, 42));
    widen(&mut entry, Some(&mut offset), extra);
    entry.at = offset;
    entry
}

/// From a local header at `at`; `tail` is name and extra field.
pub(crate) fn local(fixed: &[u8; LOCAL], tail: &[u8], at: u64) -> Entry {
    let (name_len, _) = local_tail(fixed);
    let (raw_name, extra) = tail.split_at(name_len.min(tail.len()));
    let mut entry = entry(&fixed[4..28], raw_name, extra);
    widen(&mut entry, None, extra);
    entry.at = at;
    entry
}

/// The fields that both headers share, from "version needed" on.
fn entry(b: &[u8], raw_name: &[u8], extra: &[u8]) -> Entry {
    let flags = u16_at(b, 2);
    let time = u16_at(b, 6);
    let crc = u32_at(b, 10);
    let descriptor = flags & FLAG_DESCRIPTOR != 0;
    // The writer knows the checksum in advance, or checks against the time (APPNOTE 6.1.6 as practised).
    let check_byte = if descriptor { time.to_be_bytes()[0] } else { crc.to_be_bytes()[0] };
    let method = u16_at(b, 4);
    Entry {
        name: name(raw_name, flags & FLAG_UTF8 != 0, extra),
        raw_name: raw_name.to_vec(),
        method,
        // AES is a method of its own, and encrypted whatever the flag says.
        encrypted: flags & FLAG_ENCRYPTED != 0 || method == super::METHOD_AES,
        strong: flags & FLAG_STRONG != 0,
        compressed: u64::from(u32_at(b, 14)),
        size: u64::from(u32_at(b, 18)),
        crc,
        check_byte,
        descriptor,
        at: 0,
    }
}

/// Fields of an extra field: id and content.
fn extras(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = extra.split_at_checked(4)?;
        let (content, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)))?;
        extra = rest;
        Some((u16_at(head, 0), content))
    })
}

/// ZIP64: numbers that do not fit stand in extra field 1, in this order, only if they do not fit.
fn widen(entry: &mut Entry, offset: Option<&mut u64>, extra: &[u8]) {
    const FULL: u64 = u32::MAX as u64;
    let Some((_, mut content)) = extras(extra).find(|(id, _)| *id == 1) else { return };
    for field in [Some(&mut entry.size), Some(&mut entry.compressed), offset].into_iter().flatten() {
        if *field == FULL
            && let Some((head, rest)) = content.split_at_checked(8)
        {
            *field = u64_at(head, 0);
            content = rest;
        }
    }
}

/// The name: Unicode path extra field (if it belongs to this name), UTF-8, else code page 437.
fn name(raw: &[u8], utf8: bool, extra: &[u8]) -> String {
    if let Some((_, [1, crc @ ..])) = extras(extra).find(|(id, _)| *id == 0x7075)
        && let Some((crc, text)) = crc.split_at_checked(4)
        && u32_at(crc, 0) == crc32fast::hash(raw)
        && let Ok(text) = std::str::from_utf8(text)
    {
        return text.to_owned();
    }
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) if utf8 => String::from_utf8_lossy(raw).into_owned(),
        Err(_) => raw.iter().map(|b| cp437(*b)).collect(),
    }
}

/// Code page 437, the upper half.
fn cp437(byte: u8) -> char {
    const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    match byte.checked_sub(128) {
        None => char::from(byte),
        Some(i) => UPPER.chars().nth(usize::from(i)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}
