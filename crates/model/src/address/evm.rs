//! Ethereum and its kin: 20 bytes in hexadecimal; mixed case is a checksum (EIP-55). Never decides which of the chains.

use sha3::{Digest, Keccak256};

use super::{Address, AddressError, Chain, base58};

/// Reads the digits after `0x`.
pub(super) fn parse(digits: &str) -> Result<Address, AddressError> {
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(AddressError::Alphabet);
    }
    match digits.len() {
        40 => {}
        64 => return Err(AddressError::Hash),
        // TRON's version byte and the same 20 bytes, with the prefix that some tools add.
        42 if digits.starts_with("41") => return base58::tron_from_hex(digits),
        0..40 => return Err(AddressError::Truncated),
        _ => return Err(AddressError::Length),
    }
    let lower = digits.to_ascii_lowercase();
    let mixed =
        digits.bytes().any(|b| b.is_ascii_lowercase()) && digits.bytes().any(|b| b.is_ascii_uppercase());
    if mixed && !cased_right(digits, &lower) {
        return Err(AddressError::Checksum(Chain::Evm));
    }
    Ok(Address { chain: Chain::Evm, text: format!("0x{lower}").into(), checked: mixed })
}

/// EIP-55: a letter is upper case where the digit of the Keccak-256 of the lower-case text at its place is 8 or more.
fn cased_right(digits: &str, lower: &str) -> bool {
    let hash = Keccak256::digest(lower.as_bytes());
    digits.bytes().enumerate().all(|(i, b)| {
        let nibble = hash[i / 2] >> (if i % 2 == 0 { 4 } else { 0 }) & 0xf;
        !b.is_ascii_alphabetic() || b.is_ascii_uppercase() == (nibble >= 8)
    })
}
