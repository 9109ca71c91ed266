//! Segregated witness addresses: bech32 for version 0 (BIP 173), bech32m for later ones (BIP 350). Never other uses of bech32.

use bech32::primitives::decode::{CharError, SegwitHrpstring, SegwitHrpstringError, UncheckedHrpstringError};

use super::{Address, AddressError, Chain};

/// Prefixes, with the chain; `None`: a test network.
const PREFIXES: [(&str, Option<Chain>); 7] = [
    ("bc1", Some(Chain::Bitcoin)),
    ("ltc1", Some(Chain::Litecoin)),
    ("btg1", Some(Chain::BitcoinGold)),
    ("tb1", None),
    ("bcrt1", None),
    ("tltc1", None),
    ("ltcmweb1", None),
];

/// Characters behind the prefix: version, 20 bytes, checksum. No witness program in use is shorter.
const SHORTEST_DATA: usize = 1 + 32 + 6;

/// Reads it; `None` if it has no such prefix.
pub(super) fn parse(t: &str) -> Option<Result<Address, AddressError>> {
    let (prefix, chain) =
        PREFIXES.into_iter().find(|(p, _)| t.get(..p.len()).is_some_and(|h| h.eq_ignore_ascii_case(p)))?;
    // Base58 has addresses that happen to begin like this, but no `0`; bech32 has no `1`, `b`, `i`, `o` in its data.
    let data = &t[prefix.len()..];
    let Some(chain) = chain else { return Some(Err(AddressError::UnknownPrefix)) };
    Some(match SegwitHrpstring::new(t) {
        Ok(found) => {
            let program = found.byte_iter().count();
            // BIP 141 gives version 0 two lengths; BIP 341 gives version 1 one (and leaves others open, none is in use
            // but the two bytes of pay-to-anchor).
            let fits = found.witness_version().to_u8() != 1 || program == 32 || program == 2;
            if fits {
                Ok(Address { chain, text: t.to_ascii_lowercase().into(), checked: true })
            } else {
                Err(AddressError::Length)
            }
        }
        Err(SegwitHrpstringError::Unchecked(UncheckedHrpstringError::Char(CharError::MixedCase))) => {
            Err(AddressError::MixedCase)
        }
        Err(SegwitHrpstringError::Unchecked(_)) => Err(AddressError::Alphabet),
        Err(SegwitHrpstringError::TooLong(_)) => Err(AddressError::TooLong),
        Err(SegwitHrpstringError::Checksum(_)) if data.len() >= SHORTEST_DATA => {
            Err(AddressError::Checksum(chain))
        }
        Err(SegwitHrpstringError::Checksum(_) | SegwitHrpstringError::NoData) => Err(AddressError::Truncated),
        Err(SegwitHrpstringError::InvalidWitnessVersion(_)) => Err(AddressError::UnknownPrefix),
        Err(SegwitHrpstringError::Padding(_) | SegwitHrpstringError::WitnessLength(_)) => {
            Err(AddressError::Length)
        }
        Err(_) => Err(AddressError::Alphabet),
    })
}
