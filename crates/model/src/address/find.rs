//! Addresses within other text: command lines, scripts, notes. Only what cannot well be anything else is taken.
//!
//! What this never does: take a Solana address (32 bytes without a checksum look like any token) or a number of 40
//! digits without `0x`.

use super::{Address, Chain};

/// Most bytes of a text that are looked at.
const MAX_TEXT: usize = 64 << 10;

impl Address {
    /// The addresses in a text, in their order, each once. Those whose form has a checksum must have it right; of EVM
    /// addresses, which are often written without, any `0x` and 40 hexadecimal digits stand for themselves.
    pub fn find(text: &str) -> Vec<Address> {
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut out: Vec<Address> = Vec::new();
        // CashAddr alone has a colon in it.
        let breaks = |c: char| !(c.is_ascii_alphanumeric() || c == ':');
        for word in text[..end].split(breaks) {
            let inner = word.rsplit(':').next().unwrap_or(word);
            let whole =
                if word.len() > inner.len() && word.starts_with("bitcoincash:") { word } else { inner };
            if !plausible(whole) {
                continue;
            }
            let found = Address::parse(whole).or_else(|_| Address::evm_any_case(whole));
            let Ok(address) = found else { continue };
            let sound = address.checked() || address.chain() == Chain::Evm;
            if sound && !address.is_zero() && !out.contains(&address) {
                out.push(address);
            }
        }
        out
    }
}

/// Lengths and beginnings of addresses, so that hardly any word is decoded.
fn plausible(word: &str) -> bool {
    let first = word.as_bytes().first().copied().unwrap_or_default();
    match word.len() {
        42 if word.starts_with("0x") => true,
        26..=36 => {
            matches!(first, b'1' | b'3' | b'T' | b'L' | b'M' | b'D' | b'A' | b'X' | b'r' | b't' | b'G')
        }
        42..=90 if word.starts_with("bc1") || word.starts_with("ltc1") => true,
        95 | 106 => matches!(first, b'4' | b'8'),
        54 => word.starts_with("bitcoincash:"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn only_addresses_are_found() {
        for (text, want) in [
            (
                "xmrig -o pool:3333 -u 1BoatSLRHtKNngkdXEeobR76b53LETtpyT -p x",
                vec!["1BoatSLRHtKNngkdXEeobR76b53LETtpyT"],
            ),
            (
                r#"{"to":"0x52908400098527886E0F7030069857D2E4169EE7","again":"0x52908400098527886e0f7030069857d2e4169ee7"}"#,
                vec!["0x52908400098527886e0f7030069857d2e4169ee7"],
            ),
            (
                "pay:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4!",
                vec!["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
            ),
            // One letter off.
            ("1BoatSLRHtKNngkdXEeobR76b53LETtpyU", vec![]),
            ("0x0000000000000000000000000000000000000000", vec![]),
            ("d41d8cd98f00b204e9800998ecf8427e C:\\Users\\TABCDEFGHIJKLMNOPQRSTUVWXYZ1234567\\x", vec![]),
            (
                "ü0x52908400098527886e0f7030069857d2e4169ee7ü",
                vec!["0x52908400098527886e0f7030069857d2e4169ee7"],
            ),
            ("", vec![]),
        ] {
            let got: Vec<String> = Address::find(text).iter().map(|a| a.text().to_owned()).collect();
            assert_eq!(got, want, "{text}");
        }
    }
}
