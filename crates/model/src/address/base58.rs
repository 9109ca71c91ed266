//! Base58: Bitcoin and its kin and TRON with a checksum of double SHA-256, XRP with the same in its own alphabet, Solana with
//! none. Versions are those of the chains' `chainparams`. Never accepts keys or addresses of test networks.

use bs58::Alphabet;
use sha2::{Digest, Sha256};

use super::{Address, AddressError, Chain, unhex};

/// Twenty zero bytes on TRON, which its tokens write for mint and burn.
pub(super) const TRON_ZERO: &str = "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb";

/// Version, hash, checksum.
const CHECKED: usize = 1 + 20 + 4;
/// Zcash has versions of two bytes.
const ZCASH: usize = 2 + 20 + 4;
/// An Ed25519 point, or a program's derived address.
const SOLANA: usize = 32;
const SIGNATURE: usize = 64;

/// Shortest text whose case can be told lost: shorter ones may have no capital by chance.
const CASE_FROM: usize = 25;

/// Versions of one byte.
fn chain_of(version: u8) -> Option<Chain> {
    Some(match version {
        0x00 | 0x05 => Chain::Bitcoin,
        0x30 | 0x32 => Chain::Litecoin,
        // Verge has 0x1e as well.
        0x1e | 0x16 => Chain::Dogecoin,
        0x21 => Chain::Verge,
        0x4c | 0x10 => Chain::Dash,
        0x26 | 0x17 => Chain::BitcoinGold,
        0x41 => Chain::Tron,
        _ => return None,
    })
}

/// Reads any of them.
pub(super) fn parse(t: &str) -> Result<Address, AddressError> {
    if t.starts_with('r') && t.len() <= 35 {
        return ripple(t);
    }
    let Ok(raw) = bs58::decode(t).into_vec() else {
        return Err(if lower_cased(t) { AddressError::LowerCased } else { AddressError::Alphabet });
    };
    let found = match raw.len() {
        CHECKED => checked(t, &raw),
        ZCASH => zcash(t, &raw),
        SOLANA => Ok(Address { chain: Chain::Solana, text: t.into(), checked: false }),
        0..CHECKED => Err(AddressError::Truncated),
        27..SOLANA => Err(AddressError::Truncated),
        _ if sound(&raw) => Err(AddressError::UnknownPrefix),
        _ => Err(AddressError::Length),
    };
    match found {
        Err(_) if lower_cased(t) => Err(AddressError::LowerCased),
        Ok(a) if a.chain == Chain::Solana && lower_cased(t) => Err(AddressError::LowerCased),
        found => found,
    }
}

fn checked(t: &str, raw: &[u8]) -> Result<Address, AddressError> {
    let chain = chain_of(raw[0]);
    if sound(raw) {
        let chain = chain.ok_or(AddressError::UnknownPrefix)?;
        return Ok(Address { chain, text: t.into(), checked: true });
    }
    // A text that lost its last characters often decodes to the same number of bytes. Only Bitcoin's version 0, a leading
    // `1`, has addresses of differing lengths; Zcash's have 35 characters, all others 34.
    let zcash = t.starts_with("t1") || t.starts_with("t3");
    let shortest = if t.starts_with('1') { 26 } else { 34 + usize::from(zcash) };
    if t.len() < shortest && (zcash || likely(t)) {
        return Err(AddressError::Truncated);
    }
    chain.map_or(Err(AddressError::UnknownPrefix), |c| Err(AddressError::Checksum(c)))
}

/// First characters of addresses with one version byte.
fn likely(t: &str) -> bool {
    t.starts_with(['1', '3', 'T', 'L', 'M', 'D', '9', 'A', 'X', '7', 'G', 'E'])
}

fn zcash(t: &str, raw: &[u8]) -> Result<Address, AddressError> {
    let known = matches!(raw[..2], [0x1c, 0xb8 | 0xbd]);
    match (known, sound(raw)) {
        (true, true) => Ok(Address { chain: Chain::Zcash, text: t.into(), checked: true }),
        (true, false) => Err(AddressError::Checksum(Chain::Zcash)),
        (false, _) if t.starts_with("t1") || t.starts_with("t3") => Err(AddressError::Checksum(Chain::Zcash)),
        (false, _) => Err(AddressError::UnknownPrefix),
    }
}

fn ripple(t: &str) -> Result<Address, AddressError> {
    let Ok(raw) = bs58::decode(t).with_alphabet(Alphabet::RIPPLE).into_vec() else {
        return Err(if lower_cased(t) { AddressError::LowerCased } else { AddressError::Alphabet });
    };
    if raw.len() == CHECKED && raw[0] == 0 && sound(&raw) {
        return Ok(Address { chain: Chain::Xrp, text: t.into(), checked: true });
    }
    Err(match raw.len() {
        _ if lower_cased(t) => AddressError::LowerCased,
        0..CHECKED => AddressError::Truncated,
        CHECKED => AddressError::Checksum(Chain::Xrp),
        _ => AddressError::Length,
    })
}

/// TRON's hexadecimal form: the version byte 41 and 20 bytes. The canonical form has the checksum.
pub(super) fn tron_from_hex(digits: &str) -> Result<Address, AddressError> {
    let payload: [u8; 21] = unhex(digits).ok_or(AddressError::Alphabet)?;
    Ok(Address { chain: Chain::Tron, text: encode(&payload).into(), checked: false })
}

/// The text of a version and hash on a chain that has that version.
pub(super) fn written(chain: Chain, version: u8, hash: &[u8; 20]) -> Address {
    let mut payload = [version; 21];
    payload[1..].copy_from_slice(hash);
    Address { chain, text: encode(&payload).into(), checked: true }
}

/// Version and hash with their checksum.
fn encode(payload: &[u8; 21]) -> String {
    let mut raw = payload.to_vec();
    raw.extend_from_slice(&double(payload)[..4]);
    bs58::encode(raw).into_string()
}

/// Version and hash of a sound address with one version byte.
pub(super) fn version_and_hash(t: &str) -> Option<(u8, [u8; 20])> {
    let raw = bs58::decode(t).into_vec().ok().filter(|r| r.len() == CHECKED && sound(r))?;
    let mut hash = [0; 20];
    hash.copy_from_slice(raw.get(1..21)?);
    Some((raw[0], hash))
}

/// Whether a text is a Solana signature, which is also its transaction's id.
pub(super) fn is_signature(t: &str) -> bool {
    // 64 bytes are 64 (all zeros) to 88 characters.
    (64..=88).contains(&t.len())
        && !lower_cased(t)
        && bs58::decode(t).into_vec().is_ok_and(|raw| raw.len() == SIGNATURE && raw.iter().any(|b| *b != 0))
}

/// Letters, none of them a capital: no base58 of this length comes out so.
pub(super) fn lower_cased(t: &str) -> bool {
    t.len() >= CASE_FROM
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && t.bytes().filter(u8::is_ascii_lowercase).count() >= 8
}

fn sound(raw: &[u8]) -> bool {
    raw.len() > 4 && {
        let (payload, sum) = raw.split_at(raw.len() - 4);
        double(payload)[..4] == *sum
    }
}

fn double(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(payload)).into()
}
