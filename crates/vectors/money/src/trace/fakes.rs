//! Tokens that bear the symbol of an asset everybody knows, under a contract of their own. Anybody can make one and send it; it is
//! worth nothing and is sent to be taken for the real one.
//!
//! What this module never does: call a contract real because it is not here, or take a token out of a trace.

use std::collections::BTreeMap;

use crate::Ledger;
use crate::ledger::{Asset, AssetId, known};

/// A token under another's symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FakeToken {
    /// The token.
    pub asset: AssetId,
    /// The symbol that it bears, or one that looks the same.
    pub symbol: Box<str>,
    /// The contract whose symbol that is; `None`: the chain's own coin.
    pub imitates: Option<&'static str>,
    /// Moves of it in the ledger.
    pub moves: u64,
    /// The first of them.
    pub first: u64,
}

/// Letters of other scripts that look like a Latin one, which stands behind them.
const ALIKE: [(&str, char); 21] = [
    ("АаΑα", 'A'),
    ("ВΒβ", 'B'),
    ("СсϹ", 'C'),
    ("ԁ", 'D'),
    ("ЕеΕε", 'E'),
    ("ԌɡԍG", 'G'),
    ("НΗ", 'H'),
    ("ІіΙιӀ", 'I'),
    ("ЈјͿ", 'J'),
    ("КкΚκ", 'K'),
    ("МмΜ", 'M'),
    ("Νν", 'N'),
    ("ОоΟο", 'O'),
    ("РрΡρ", 'P'),
    ("Ѕѕ", 'S'),
    ("ТтΤτ₮", 'T'),
    ("Սս", 'U'),
    ("Ѵѵ", 'V'),
    ("Ԝԝ", 'W'),
    ("ХхΧχ", 'X'),
    ("УуΥυ", 'Y'),
];

/// A symbol as it looks: capitals of one script, without blanks and signs that are not seen.
fn look(symbol: &str) -> String {
    symbol
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(*c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}'))
        .flat_map(|c| match c {
            // Full-width forms stand in the order of ASCII.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            _ => ALIKE.iter().find(|a| a.0.contains(c)).map_or(c, |a| a.1),
        }
        .to_uppercase())
        .collect()
}

/// Tokens of a ledger that bear the symbol of its chain's coin or of a known asset there. In the order of assets.
pub fn fake_tokens(ledger: &Ledger) -> Vec<FakeToken> {
    // Symbols of each chain, as they look: its coin, and what is known on it.
    let mut genuine: BTreeMap<(&str, String), Option<&'static str>> = BTreeMap::new();
    for asset in &ledger.assets {
        if asset.contract.is_none() && !asset.symbol.is_empty() {
            genuine.insert((&asset.chain, look(&asset.symbol)), None);
        }
        for known in known::on(&asset.chain) {
            genuine.entry((&asset.chain, look(known.symbol))).or_insert(Some(known.contract));
        }
    }
    let imitates = |a: &Asset| -> Option<Option<&'static str>> {
        let contract = a.contract.as_deref()?;
        let of = genuine.get(&(&*a.chain, look(&a.symbol)))?;
        known::of(&a.chain, contract).is_none().then_some(*of)
    };
    let mut found: BTreeMap<AssetId, FakeToken> = (0u32..)
        .zip(&ledger.assets)
        .filter_map(|(n, a)| {
            let (asset, symbol) = (AssetId(n), a.symbol.clone());
            Some((asset, FakeToken { asset, symbol, imitates: imitates(a)?, moves: 0, first: 0 }))
        })
        .collect();
    if !found.is_empty() {
        for (n, asset) in (0u64..).zip(&ledger.moves.asset) {
            if let Some(fake) = found.get_mut(asset) {
                if fake.moves == 0 {
                    fake.first = n;
                }
                fake.moves += 1;
            }
        }
    }
    found.into_values().filter(|f| f.moves > 0).collect()
}
