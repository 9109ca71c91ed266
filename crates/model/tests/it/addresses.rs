//! Addresses: the chain from the payload, one canonical text, and errors that say which damage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use palisade_model::{Address, AddressError, Chain, Observable, ObservableKind, transaction_id};

use crate::Random;

/// The data root; `None`, loudly, if it is absent and not required.
fn data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PALISADE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var("PALISADE_TEST_DATA_REQUIRED").is_ok_and(|v| v == "1");
    assert!(!required, "test data is required but {} is absent", path.display());
    eprintln!("SKIPPED: no test data at {} (set PALISADE_TEST_DATA)", path.display());
    None
}

/// Public examples of BIP 173, BIP 350, EIP-55 and the CashAddr specification, genesis and burn addresses, and some encoded
/// for this test from made-up payloads.
#[test]
fn forms() {
    use Chain::*;
    for (text, chain, canonical) in [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Bitcoin, None),
        (" 1111111111111111111114oLvT2 ", Bitcoin, Some("1111111111111111111114oLvT2")),
        (
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            Bitcoin,
            Some("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", Bitcoin, None),
        ("BC1SW50QGDZ25J", Bitcoin, Some("bc1sw50qgdz25j")),
        (
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            Evm,
            Some("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        ),
        (
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            Evm,
            Some("0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359"),
        ),
        (
            "0x52908400098527886E0F7030069857D2E4169EE7",
            Evm,
            Some("0x52908400098527886e0f7030069857d2e4169ee7"),
        ),
        ("0xde709f2102306220921060314715629080e2fb77", Evm, None),
        ("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", BitcoinCash, None),
        (
            "PPM2QSZNHKS23Z7629MMS6S4CWEF74VCWVN0H829PQ",
            BitcoinCash,
            Some("bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"),
        ),
        ("410000000000000000000000000000000000000000", Tron, Some("T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb")),
        ("41a614f803b6fd780986a42c78ec9c7f77e6ded13c", Tron, Some("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")),
        ("rrrrrrrrrrrrrrrrrrrrrhoLvTp", Xrp, None),
        ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", Xrp, None),
        ("11111111111111111111111111111111", Solana, None),
        ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", Solana, None),
    ] {
        let got = Address::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!((got.chain(), got.text()), (chain, canonical.unwrap_or(text)), "{text}");
        assert_eq!(Address::parse(got.text()).as_ref(), Ok(&got), "{text}");
        assert_eq!(got.chains()[0], chain);
        let observable = Observable::parse(ObservableKind::CryptoAddress, text).ok();
        assert_eq!(
            observable.as_ref().map(Observable::value),
            (!got.is_zero()).then_some(got.text()),
            "{text}"
        );
    }
}

#[test]
fn damage() {
    use AddressError::*;
    for (text, error) in [
        ("", Empty),
        ("   ", Empty),
        (&*"1".repeat(200), TooLong),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", Checksum(Chain::Bitcoin)),
        ("1a1zp1ep5qgefi2dmptftl5slmv7divfna", LowerCased),
        ("1A1zP1eP5QGefi2DMPTfTL5SL", Truncated),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a", Alphabet),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6", Truncated),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u", Checksum(Chain::Tron)),
        ("tr7nhqjekqxgtci8q8zy4pl8otszgjlj6t", LowerCased),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", Checksum(Chain::Bitcoin)),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7", Truncated),
        ("bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", MixedCase),
        // Version 1 under the checksum of version 0 (BIP 350).
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", Checksum(Chain::Bitcoin)),
        ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", UnknownPrefix),
        ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", UnknownPrefix),
        ("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", UnknownPrefix),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", Checksum(Chain::Evm)),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1bea", Truncated),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed00", Length),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beazz", Alphabet),
        ("qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6b", Alphabet),
        ("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6q", Checksum(Chain::BitcoinCash)),
        ("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcw", Truncated),
        ("bchtest:qpm2qsznhks23z7629mms6s4cwef74vcwvqcw003ap", UnknownPrefix),
        ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTj", Checksum(Chain::Xrp)),
        ("rHb9CJAWyB4rj91VRWn96Dkuk", Truncated),
        ("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", Hash),
        ("hello", Alphabet),
        ("hello world", Alphabet),
        ("é", Alphabet),
    ] {
        assert_eq!(Address::parse(text).map(|a| a.text().to_owned()), Err(error), "{text}");
    }
    // Evidence may capitalise as it likes: the observable is its twenty bytes.
    let odd = Observable::parse(ObservableKind::CryptoAddress, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD");
    assert_eq!(odd.unwrap().value(), "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed");
}

#[test]
fn a_shared_form_is_decided_by_who_says_which() {
    let on = |chain, text| Address::parse_on(chain, text).map(|a| (a.chain(), a.text().to_owned()));
    // The pairs of the CashAddr specification.
    for (legacy, cash) in [
        ("1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
        ("1KXrWXciRDZUpQwQmuM1DbwsKDLYAYsVLR", "bitcoincash:qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy"),
        ("3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC", "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"),
    ] {
        assert_eq!(on(Chain::BitcoinCash, legacy), Ok((Chain::BitcoinCash, cash.to_owned())));
        assert_eq!(on(Chain::BitcoinCash, cash), Ok((Chain::BitcoinCash, cash.to_owned())));
        assert_eq!(on(Chain::Bitcoin, cash), Err(AddressError::OtherChain(Chain::BitcoinCash)));
    }
    let tron = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
    assert_eq!(on(Chain::Bitcoin, tron), Err(AddressError::OtherChain(Chain::Tron)));
    let verge = "D59haqEHfBmFWvhk7MnUF6K3wvcLkTvbWd";
    if let Ok(address) = Address::parse(verge) {
        assert_eq!(address.chain(), Chain::Dogecoin);
    }
}

#[test]
fn transactions() {
    let id = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
    let signature =
        "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQpjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW";
    for (text, want) in [
        (id.to_owned(), Some(id)),
        (format!("0x{}", id.to_uppercase()), Some(id)),
        (signature.to_owned(), Some(signature)),
        (signature.to_lowercase(), None),
        ("0".repeat(64), None),
        (id[1..].to_owned(), None),
        ("1".repeat(64), Some("1111111111111111111111111111111111111111111111111111111111111111")),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t".to_owned(), None),
    ] {
        assert_eq!(transaction_id(&text).as_deref(), want, "{text}");
        let observable = Observable::parse(ObservableKind::CryptoTransaction, &text).ok();
        assert_eq!(observable.as_ref().map(Observable::value), want, "{text}");
    }
}

/// Every line of the sanctions lists resolves to the chain that its payload says, whatever the file's ticker. One line of the
/// Monero file is no address but 32 bytes in hexadecimal, and is said to be that.
#[test]
fn sanctioned_addresses_resolve() {
    let Some(folder) = data("money/ofac-addresses") else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut lines = 0;
    for file in files {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let code = stem.trim_start_matches("sanctioned_addresses_").to_owned();
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            lines += 1;
            let chain = match Address::parse(line) {
                Ok(address) => {
                    assert_eq!(Address::parse(address.text()).as_ref(), Ok(&address));
                    let unchecked = matches!(address.chain(), Chain::Evm | Chain::Solana);
                    assert!(address.checked() || unchecked, "{line}");
                    if code == "XVG" {
                        let verge = Address::parse_on(Chain::Verge, line).map(|a| a.chain());
                        assert_eq!(verge, Ok(Chain::Verge));
                    }
                    address.chain().name().to_owned()
                }
                Err(e) => {
                    assert_eq!(e, AddressError::Hash, "{line}");
                    assert!(transaction_id(line).is_some());
                    "hash".to_owned()
                }
            };
            *counts.entry((code.clone(), chain)).or_default() += 1;
        }
    }
    let want = [
        (("ARB", "evm"), 1),
        (("BCH", "bitcoin"), 1),
        (("BCH", "bitcoin-cash"), 6),
        (("BSC", "evm"), 1),
        (("BSV", "bitcoin"), 1),
        (("BTG", "bitcoin-gold"), 1),
        (("DASH", "dash"), 3),
        (("ETC", "evm"), 1),
        (("ETH", "evm"), 152),
        (("LTC", "litecoin"), 10),
        (("TRX", "tron"), 6),
        (("USDC", "evm"), 2),
        (("USDT", "bitcoin"), 7),
        (("USDT", "evm"), 8),
        (("USDT", "tron"), 11),
        (("XBT", "bitcoin"), 434),
        (("XBT", "tron"), 1),
        (("XMR", "hash"), 1),
        (("XMR", "monero"), 2),
        (("XRP", "xrp"), 1),
        // Verge and Dogecoin share the version byte: the payload alone cannot tell them apart.
        (("XVG", "dogecoin"), 1),
        (("ZEC", "zcash"), 3),
    ];
    let got: Vec<((&str, &str), usize)> =
        counts.iter().map(|((code, chain), n)| ((&**code, &**chain), *n)).collect();
    assert_eq!(got, want);
    assert_eq!(lines, 654);
}

/// Damage to real addresses: none passes as another address of a chain with a checksum.
#[test]
fn no_damage_passes_a_checksum() {
    let sound = [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    ];
    let alphabet: Vec<char> = ('!'..='~').chain([' ', 'é', '\0']).collect();
    let mut random = Random(7);
    for _ in 0..60_000 {
        let text = sound[random.below(sound.len())];
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=random.below(2) {
            let at = random.below(chars.len());
            match random.below(3) {
                0 => chars[at] = alphabet[random.below(alphabet.len())],
                1 => drop(chars.remove(at)),
                _ => chars.insert(at, alphabet[random.below(alphabet.len())]),
            }
        }
        let damaged: String = chars.into_iter().collect();
        if let Ok(got) = Address::parse(&damaged) {
            let same = Address::parse(text).unwrap() == got;
            assert!(same || !got.checked(), "{text} → {damaged} → {got}");
        }
    }
}
