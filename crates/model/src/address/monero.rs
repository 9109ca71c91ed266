//! Monero: base58 in blocks of eight bytes (eleven characters), four bytes of Keccak-256 as checksum.
//!
//! Written after Monero's `base58.cpp` description in the CryptoNote standard 007: each full block is 11 characters, the last
//! one has the length that its bytes need. Never reads addresses of the test networks.

use sha3::{Digest, Keccak256};

use super::{Address, AddressError, Chain, base58};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Characters of a whole block.
const BLOCK: usize = 11;

/// Bytes that so many characters hold; 0: no block has that length.
const BYTES: [usize; BLOCK + 1] = [0, 0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8];

/// Characters of a standard address or subaddress, and of an integrated one.
const LENGTHS: [usize; 2] = [95, 106];

/// Fewest characters at which a text that begins like an address is a cut one: Solana's signatures have 88.
const CUT_FROM: usize = 60;

/// Reads it; `None` if it cannot be one.
pub(super) fn parse(t: &str) -> Option<Result<Address, AddressError>> {
    let first = t.as_bytes().first()?;
    if !LENGTHS.contains(&t.len()) {
        let cut = matches!(first, b'4' | b'8') && (CUT_FROM..LENGTHS[1]).contains(&t.len());
        return (cut && t.bytes().all(|b| ALPHABET.contains(&b))).then_some(Err(AddressError::Truncated));
    }
    if base58::lower_cased(t) {
        return Some(Err(AddressError::LowerCased));
    }
    let Some(raw) = decode(t) else { return Some(Err(AddressError::Alphabet)) };
    let (payload, sum) = raw.split_at(raw.len() - 4);
    // Network bytes of the main network: 18 standard, 19 integrated, 42 subaddress. All fit one byte of the varint.
    let known = matches!((payload[0], t.len()), (18 | 42, 95) | (19, 106));
    if Keccak256::digest(payload)[..4] != *sum {
        return Some(Err(if known || matches!(first, b'4' | b'8') {
            AddressError::Checksum(Chain::Monero)
        } else {
            AddressError::UnknownPrefix
        }));
    }
    if !known {
        return Some(Err(AddressError::UnknownPrefix));
    }
    Some(Ok(Address { chain: Chain::Monero, text: t.into(), checked: true }))
}

fn decode(t: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(80);
    for block in t.as_bytes().chunks(BLOCK) {
        let mut value = 0u128;
        for b in block {
            let digit = ALPHABET.iter().position(|a| a == b)?;
            value = value * 58 + digit as u128;
        }
        let n = BYTES[block.len()];
        let bytes = u64::try_from(value).ok()?.to_be_bytes();
        // What does not fit the block's bytes was not written by an encoder.
        if n == 0 || bytes[..8 - n].iter().any(|b| *b != 0) {
            return None;
        }
        out.extend_from_slice(&bytes[8 - n..]);
    }
    (out.len() > 4).then_some(out)
}
