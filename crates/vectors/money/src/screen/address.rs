//! Addresses on chains, as far as screening needs them: one key for all spellings of one address.
//!
//! What the model knows as an address is looked up by its key, which is the same however a chain or its fork writes it; forms of
//! other chains by their spelling.
//!
//! What this module never does: say which chain an address is of.

use palisade_model::{Address, AddressError};

/// Longest text that can be an address.
const MAX_TEXT: usize = 256;

/// The key under which an address is looked up; `None` for what can be none.
///
/// A damaged address (wrong checksum, cut off, put into lower case) is none. Of forms that the model does not know,
/// hexadecimal does not distinguish case and everything else does.
pub fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    match Address::parse(text).or_else(|e| Address::evm_any_case(text).map_err(|_| e)) {
        Ok(address) => return Some(address.key().into_string()),
        Err(AddressError::Checksum(_) | AddressError::Truncated | AddressError::LowerCased) => return None,
        Err(_) => {}
    }
    let text =
        text.strip_prefix("bitcoincash:").or_else(|| text.strip_prefix("BITCOINCASH:")).unwrap_or(text);
    if !(20..=MAX_TEXT).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let hex = lower.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    let one_case =
        text.bytes().all(|b| !b.is_ascii_uppercase()) || text.bytes().all(|b| !b.is_ascii_lowercase());
    let bech32 = one_case && (["bc1", "ltc1", "tb1"].iter().any(|p| lower.starts_with(p)) || cash(&lower));
    Some(if hex || bech32 { lower } else { text.to_owned() })
}

/// CashAddr without its prefix.
fn cash(lower: &str) -> bool {
    lower.len() == 42 && lower.starts_with(['q', 'p'])
}
