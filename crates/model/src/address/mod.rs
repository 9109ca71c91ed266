//! Addresses on block chains: which chain, and one canonical text.
//!
//! The chain is decided by the address itself, by its prefix, payload and checksum, never by the ticker that a list files it
//! under: lists put TRON addresses under Bitcoin and three chains under one stablecoin. Where chains share a form (Bitcoin and
//! its forks; Dogecoin and Verge), [`Address::parse`] takes the better known one, [`Address::chains`] names all, and
//! [`Address::parse_on`] takes another of them, but never one that the payload does not allow. One key may have several
//! texts that look nothing alike (Bitcoin Cash in its own form and in Bitcoin's): [`Address::spellings`] gives all.
//!
//! What this module never does: repair. A damaged address is an error that says which damage; only what has no meaning (blanks
//! around it, the case of hexadecimal) is put in order.

mod base58;
mod cashaddr;
mod evm;
mod find;
mod monero;
mod segwit;
mod spelling;

use std::fmt;

/// Longest text looked at. The longest address known here (Monero, integrated) has 106 characters; base58 costs the square of
/// the length.
const MAX_TEXT: usize = 128;

/// A chain, or a family of chains that share one form of address and one key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Chain {
    /// Bitcoin; also its fork BSV and layers on it (Omni), whose addresses are the same.
    Bitcoin,
    /// Bitcoin Cash, in its own form (CashAddr).
    BitcoinCash,
    /// Litecoin.
    Litecoin,
    /// Dogecoin.
    Dogecoin,
    /// Dash.
    Dash,
    /// Bitcoin Gold.
    BitcoinGold,
    /// Zcash, transparent addresses.
    Zcash,
    /// Verge.
    Verge,
    /// Ethereum and every chain that takes its addresses.
    Evm,
    /// TRON.
    Tron,
    /// XRP Ledger, classic addresses.
    Xrp,
    /// Monero.
    Monero,
    /// Solana.
    Solana,
}

impl Chain {
    /// All of them.
    pub const ALL: [Chain; 13] = [
        Chain::Bitcoin,
        Chain::BitcoinCash,
        Chain::Litecoin,
        Chain::Dogecoin,
        Chain::Dash,
        Chain::BitcoinGold,
        Chain::Zcash,
        Chain::Verge,
        Chain::Evm,
        Chain::Tron,
        Chain::Xrp,
        Chain::Monero,
        Chain::Solana,
    ];

    /// Its name in output and ledgers: `bitcoin`, `bitcoin-cash`, `evm`, …
    pub fn name(self) -> &'static str {
        match self {
            Chain::Bitcoin => "bitcoin",
            Chain::BitcoinCash => "bitcoin-cash",
            Chain::Litecoin => "litecoin",
            Chain::Dogecoin => "dogecoin",
            Chain::Dash => "dash",
            Chain::BitcoinGold => "bitcoin-gold",
            Chain::Zcash => "zcash",
            Chain::Verge => "verge",
            Chain::Evm => "evm",
            Chain::Tron => "tron",
            Chain::Xrp => "xrp",
            Chain::Monero => "monero",
            Chain::Solana => "solana",
        }
    }

    /// The family whose addresses a ledger's chain uses: a name as [`Chain::name`] gives it, `ethereum`, or an EIP-155 chain
    /// (`eip155:56`).
    pub fn of_ledger(name: &str) -> Option<Chain> {
        if name == "ethereum" || name == "ethereum-classic" || name.starts_with("eip155:") {
            return Some(Chain::Evm);
        }
        if name == "bitcoin-sv" {
            return Some(Chain::Bitcoin);
        }
        Chain::ALL.into_iter().find(|c| c.name() == name)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is no address. Each says which damage, as each is mended in another way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("no address: the text is empty")]
    Empty,
    /// Longer than any address.
    #[error("no address: longer than any known form")]
    TooLong,
    /// A character that this form does not have.
    #[error("not an address: it has characters that no address of this form has")]
    Alphabet,
    /// The checksum does not fit: a character is wrong, missing or swapped.
    #[error("wrong checksum for an address of {0}: mistyped or altered")]
    Checksum(Chain),
    /// The beginning is that of an address and the end is missing.
    #[error("truncated: too short for an address of this form")]
    Truncated,
    /// Base58 tells case apart, and the text has lost it.
    #[error("put into lower case: base58 addresses tell case apart, this one cannot be restored")]
    LowerCased,
    /// Bech32 and CashAddr are written in one case.
    #[error("upper and lower case are mixed in an address whose form allows only one")]
    MixedCase,
    /// A sound text whose prefix or version belongs to no chain known here (test networks, keys, shielded addresses).
    #[error("of no known chain: its prefix or version is unknown (a test network, a key, another chain)")]
    UnknownPrefix,
    /// The payload has a length that its version does not allow.
    #[error("the payload of the address has a wrong length for its version")]
    Length,
    /// 32 bytes in hexadecimal: a transaction, a block, a key or a payment id.
    #[error("64 hexadecimal digits are a transaction id, a key or a payment id, not an address")]
    Hash,
    /// A sound address, but of another chain than the one asked for.
    #[error("a sound address, but of {0}")]
    OtherChain(Chain),
}

/// An address in canonical form: two spellings of one address are equal.
///
/// Canonical is: base58 as it is; bech32 in lower case; CashAddr in lower case with its prefix; EVM as `0x` and 40 digits in
/// lower case (EIP-55's mixed case is a checksum only); TRON in base58, also where it was written in hexadecimal.
#[derive(Clone, Debug)]
pub struct Address {
    chain: Chain,
    text: Box<str>,
    checked: bool,
}

impl Address {
    /// Reads an address and decides its chain.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let t = text.trim();
        if t.is_empty() {
            return Err(AddressError::Empty);
        }
        if t.len() > MAX_TEXT {
            return Err(AddressError::TooLong);
        }
        if !t.is_ascii() {
            return Err(AddressError::Alphabet);
        }
        if let Some(digits) = t.strip_prefix("0x").or_else(|| t.strip_prefix("0X")) {
            return evm::parse(digits);
        }
        let hexadecimal = t.bytes().all(|b| b.is_ascii_hexdigit());
        if hexadecimal && t.len() == 64 {
            return Err(AddressError::Hash);
        }
        if hexadecimal && t.len() == 42 && t.starts_with("41") {
            return base58::tron_from_hex(t);
        }
        if let Some((prefix, _)) = t.split_once(':') {
            let cash = prefix.eq_ignore_ascii_case(cashaddr::PREFIX);
            return if cash { cashaddr::parse(t) } else { Err(AddressError::UnknownPrefix) };
        }
        if let Some(found) = segwit::parse(t) {
            return found;
        }
        if cashaddr::looks_like(t) {
            return cashaddr::parse(t);
        }
        if let Some(found) = monero::parse(t) {
            return found;
        }
        base58::parse(t)
    }

    /// Reads an address as one of `chain`, for sources that say which. Where chains share a form, this decides; an address of
    /// another chain is [`AddressError::OtherChain`].
    pub fn parse_on(chain: Chain, text: &str) -> Result<Address, AddressError> {
        let address = Address::parse(text)?;
        if address.chain == chain {
            return Ok(address);
        }
        if !address.chains().contains(&chain) {
            return Err(AddressError::OtherChain(address.chain));
        }
        if chain == Chain::BitcoinCash {
            return cashaddr::from_legacy(&address.text);
        }
        Ok(Address { chain, ..address })
    }

    /// An EVM address whatever its case: for evidence whose writer did not mean a checksum by it. Identity is the 20 bytes.
    pub fn evm_any_case(text: &str) -> Result<Address, AddressError> {
        Address::parse(&text.trim().to_ascii_lowercase()).and_then(|a| match a.chain {
            Chain::Evm => Ok(a),
            other => Err(AddressError::OtherChain(other)),
        })
    }

    /// The chain, or the family of chains.
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// Every chain on which this text is an address of the same form, [`Address::chain`] first.
    pub fn chains(&self) -> &'static [Chain] {
        match self.chain {
            // A legacy address is one key on Bitcoin and on its fork.
            Chain::Bitcoin if self.text.starts_with('1') => &[Chain::Bitcoin, Chain::BitcoinCash],
            // Litecoin once used Bitcoin's version for script hashes.
            Chain::Bitcoin if self.text.starts_with('3') => {
                &[Chain::Bitcoin, Chain::BitcoinCash, Chain::Litecoin]
            }
            Chain::Bitcoin => &[Chain::Bitcoin],
            Chain::BitcoinCash => &[Chain::BitcoinCash],
            Chain::Litecoin => &[Chain::Litecoin],
            Chain::Dogecoin if self.text.starts_with('D') => &[Chain::Dogecoin, Chain::Verge],
            Chain::Dogecoin => &[Chain::Dogecoin],
            Chain::Dash => &[Chain::Dash],
            Chain::BitcoinGold => &[Chain::BitcoinGold],
            Chain::Zcash => &[Chain::Zcash],
            Chain::Verge => &[Chain::Verge, Chain::Dogecoin],
            Chain::Evm => &[Chain::Evm],
            Chain::Tron => &[Chain::Tron],
            Chain::Xrp => &[Chain::Xrp],
            Chain::Monero => &[Chain::Monero],
            Chain::Solana => &[Chain::Solana],
        }
    }

    /// The canonical text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a checksum holds. Solana's form has none, and EVM addresses in one case have lost theirs: any text of the right
    /// length passes, mistyped ones included.
    pub fn checked(&self) -> bool {
        self.checked
    }

    /// Whether it is the address of nobody (all zeros), which token contracts write for mint and burn.
    pub fn is_zero(&self) -> bool {
        match self.chain {
            Chain::Evm => self.text.bytes().skip(2).all(|b| b == b'0'),
            Chain::Tron => &*self.text == base58::TRON_ZERO,
            _ => false,
        }
    }
}

// Whether a checksum was seen says how an address was written, not which it is.
impl PartialEq for Address {
    fn eq(&self, other: &Address) -> bool {
        (self.chain, &self.text) == (other.chain, &other.text)
    }
}

impl Eq for Address {}

impl std::hash::Hash for Address {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.chain, &self.text).hash(state);
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A transaction's id in canonical form: 64 hexadecimal digits in lower case without `0x` (one id is written with it by some
/// sources of a chain and without by others), or a Solana signature (base58 of 64 bytes) as it is.
pub fn transaction_id(text: &str) -> Option<String> {
    let t = text.trim();
    let digits = t.strip_prefix("0x").or_else(|| t.strip_prefix("0X")).unwrap_or(t);
    if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return digits.bytes().any(|b| b != b'0').then(|| digits.to_ascii_lowercase());
    }
    base58::is_signature(t).then(|| t.to_owned())
}

/// Hexadecimal digits to bytes; the caller has checked length and alphabet.
fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let d = digits.as_bytes();
    let mut out = [0; N];
    for (i, byte) in out.iter_mut().enumerate() {
        let high = char::from(*d.get(2 * i)?).to_digit(16)?;
        let low = char::from(*d.get(2 * i + 1)?).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some(out)
}
