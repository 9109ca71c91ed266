//! Addresses on chains, as far as screening needs them: one spelling for one address.
//!
//! A small door: whoever knows chains (payload and checksum) stands behind [`canonical`].
//!
//! What this module never does: say which chain an address is of.

/// Longest text that can be an address.
const MAX_TEXT: usize = 256;

/// The spelling under which an address is looked up; `None` for what can be none.
///
/// Hexadecimal and bech32 addresses do not distinguish case, base58 does. Blanks around and a
/// `bitcoincash:` in front do not belong to it.
pub fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
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
