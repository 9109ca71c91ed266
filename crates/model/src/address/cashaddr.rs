//! CashAddr, the form of Bitcoin Cash: base32 with a 40-bit checksum over prefix and payload.
//!
//! Written after the specification "CashAddr" of Bitcoin Cash (version byte: one reserved bit, four of type, three of size;
//! generator polynomials of its BCH code). Never accepts a prefix other than that of the main network.

use super::{Address, AddressError, Chain, base58};

/// Prefix of the main network; the text may leave it out.
pub(super) const PREFIX: &str = "bitcoincash";

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Five-bit groups of checksum.
const CHECKSUM: usize = 8;

/// Characters for payloads of 20 and of 32 bytes (version byte and hash in groups of five bits, checksum).
const LENGTHS: [usize; 2] = [42, 61];

/// Foreign characters with which a text still looks like one that was mistyped.
const MISTYPED: usize = 2;

/// Whether a text without prefix can be one: its length and its alphabet in one case, which hardly any base58 text fits.
pub(super) fn looks_like(t: &str) -> bool {
    let foreign = |of: fn(u8) -> Option<u8>| t.bytes().filter(|b| of(*b).is_none()).count();
    LENGTHS.contains(&t.len())
        && t.as_bytes().first().is_some_and(|b| matches!(b, b'q' | b'p' | b'Q' | b'P' | b'r' | b'z'))
        && foreign(five).min(foreign(upper_five)) <= MISTYPED
}

/// Reads it, with or without prefix.
pub(super) fn parse(t: &str) -> Result<Address, AddressError> {
    let data = t.split_once(':').map_or(t, |(_, data)| data);
    let lower = t.bytes().any(|b| b.is_ascii_lowercase());
    if lower && t.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(AddressError::MixedCase);
    }
    let data = data.to_ascii_lowercase();
    let groups: Option<Vec<u8>> = data.bytes().map(five).collect();
    let groups = groups.ok_or(AddressError::Alphabet)?;
    if groups.len() < LENGTHS[0] {
        return Err(AddressError::Truncated);
    }
    if polymod(&groups) != 0 {
        let short = !LENGTHS.contains(&groups.len());
        return Err(if short { AddressError::Truncated } else { AddressError::Checksum(Chain::BitcoinCash) });
    }
    let payload = bytes(&groups[..groups.len() - CHECKSUM]).ok_or(AddressError::Length)?;
    let (version, hash) = payload.split_first().ok_or(AddressError::Length)?;
    // Types: 0 key hash, 1 script hash, 2 and 3 the same for tokens. Sizes: 0 is 20 bytes, 3 is 32.
    let size = match version & 7 {
        0 => 20,
        3 => 32,
        _ => return Err(AddressError::Length),
    };
    if version >> 3 > 3 {
        return Err(AddressError::UnknownPrefix);
    }
    if hash.len() != size {
        return Err(AddressError::Length);
    }
    Ok(Address { chain: Chain::BitcoinCash, text: format!("{PREFIX}:{data}").into(), checked: true })
}

/// The form of an address that Bitcoin Cash inherited from Bitcoin.
pub(super) fn from_legacy(legacy: &str) -> Result<Address, AddressError> {
    let (version, hash) = base58::version_and_hash(legacy).ok_or(AddressError::Length)?;
    written(u8::from(version != 0), &hash)
}

/// The address of a type (0 key hash, 1 script hash, 2 and 3 the same for tokens) and hash of 20 bytes.
pub(super) fn written(kind: u8, hash: &[u8; 20]) -> Result<Address, AddressError> {
    let mut groups = Vec::with_capacity(LENGTHS[0]);
    let (mut bits, mut have) = (0u32, 0);
    for byte in std::iter::once(&(kind << 3)).chain(hash) {
        bits = (bits << 8 | u32::from(*byte)) & 0xfff;
        have += 8;
        while have >= 5 {
            have -= 5;
            groups.push((bits >> have & 31) as u8);
        }
    }
    if have > 0 {
        groups.push((bits << (5 - have) & 31) as u8);
    }
    let body = groups.len();
    groups.extend([0; CHECKSUM]);
    let sum = polymod(&groups);
    for (i, group) in groups[body..].iter_mut().enumerate() {
        *group = (sum >> (5 * (CHECKSUM - 1 - i)) & 31) as u8;
    }
    let data: String = groups.iter().map(|g| char::from(ALPHABET[usize::from(*g)])).collect();
    parse(&data)
}

/// Type and hash of an address in canonical form whose hash has 20 bytes.
pub(super) fn kind_and_hash(t: &str) -> Option<(u8, [u8; 20])> {
    let data = t.split_once(':').map_or(t, |(_, data)| data);
    let groups: Option<Vec<u8>> = data.bytes().map(five).collect();
    let groups = groups?;
    let payload = bytes(groups.get(..groups.len().checked_sub(CHECKSUM)?)?)?;
    let (version, hash) = payload.split_first()?;
    Some((version >> 3, hash.try_into().ok()?))
}

fn five(b: u8) -> Option<u8> {
    ALPHABET.iter().position(|a| *a == b).map(|i| i as u8)
}

fn upper_five(b: u8) -> Option<u8> {
    if b.is_ascii_lowercase() { None } else { five(b.to_ascii_lowercase()) }
}

/// Bytes of five-bit groups; the bits left over must be fewer than five, and zero.
fn bytes(groups: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(groups.len() * 5 / 8);
    let (mut bits, mut have) = (0u32, 0);
    for g in groups {
        bits = (bits << 5 | u32::from(*g)) & 0xfff;
        have += 5;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 0xff) as u8);
        }
    }
    (have < 5 && bits & ((1 << have) - 1) == 0).then_some(out)
}

/// The checksum of prefix, a zero and the groups; zero if it holds.
fn polymod(groups: &[u8]) -> u64 {
    const GENERATOR: [u64; 5] = [0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4, 0xae2eabe2a8, 0x1e4f43e470];
    let prefix = PREFIX.bytes().map(|b| b & 31).chain([0]);
    let mut c = 1u64;
    for d in prefix.chain(groups.iter().copied()) {
        let top = c >> 35;
        c = (c & 0x07_ffff_ffff) << 5 ^ u64::from(d);
        for (i, g) in GENERATOR.iter().enumerate() {
            if top >> i & 1 == 1 {
                c ^= g;
            }
        }
    }
    c ^ 1
}
