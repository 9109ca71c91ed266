//! One key in several texts: chains that split off another kept its old form beside one of their own, so that the same hash of
//! the same key or script is written in ways that look nothing alike.
//!
//! | key | written |
//! | --- | --- |
//! | hash of a key | Bitcoin `1…`, which is also the old form of Bitcoin Cash; CashAddr `q…`, for tokens `z…` |
//! | hash of a script | Bitcoin `3…`, also the old form of Bitcoin Cash and of Litecoin; CashAddr `p…`, `r…`; Litecoin `M…` |
//!
//! Whoever holds the key holds all of them. What this never does: join forms that hash otherwise (`bc1q…` is another script,
//! though of the same key), or chains that only share a hash by chance of their making (`0x…` and TRON).

use super::{Address, Chain, base58, cashaddr};

/// Versions of Bitcoin's base58, which its forks began with.
const KEY: u8 = 0x00;
const SCRIPT: u8 = 0x05;
/// What Litecoin writes for scripts since 2017.
const LITECOIN_SCRIPT: u8 = 0x32;

impl Address {
    /// Every way in which this key is written, this one first; just itself where there is but one.
    ///
    /// Each has the chain of its form; [`Address::chains`] of each says on which chains that text is in use. A label or a
    /// listing of one of them is of all.
    pub fn spellings(&self) -> Vec<Address> {
        let mut all = vec![self.clone()];
        if let Some((script, hash)) = self.shared() {
            let version = if script { SCRIPT } else { KEY };
            all.push(base58::written(Chain::Bitcoin, version, &hash));
            let kinds = if script { [1, 3] } else { [0, 2] };
            all.extend(kinds.into_iter().filter_map(|kind| cashaddr::written(kind, &hash).ok()));
            if script {
                all.push(base58::written(Chain::Litecoin, LITECOIN_SCRIPT, &hash));
            }
            let mut seen: Vec<Address> = Vec::with_capacity(all.len());
            all.retain(|a| {
                let new = seen.iter().all(|s| s.text != a.text);
                seen.extend(new.then(|| a.clone()));
                new
            });
        }
        all
    }

    /// What is the same for every spelling of one key and different for all others: to look addresses up by. It is the text
    /// of one of the [`spellings`](Address::spellings), the oldest.
    pub fn key(&self) -> Box<str> {
        match self.shared() {
            Some((script, hash)) => {
                base58::written(Chain::Bitcoin, if script { SCRIPT } else { KEY }, &hash).text
            }
            None => self.text.clone(),
        }
    }

    /// Whether it is of a script, and the hash, where other chains write it otherwise.
    fn shared(&self) -> Option<(bool, [u8; 20])> {
        match self.chain {
            Chain::Bitcoin | Chain::Litecoin => match base58::version_and_hash(&self.text)? {
                (KEY, hash) => Some((false, hash)),
                (SCRIPT | LITECOIN_SCRIPT, hash) => Some((true, hash)),
                _ => None,
            },
            Chain::BitcoinCash => {
                let (kind, hash) = cashaddr::kind_and_hash(&self.text)?;
                Some((kind & 1 == 1, hash))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Address, Chain};

    /// Pairs of the specification of CashAddr; the hash of the last is Litecoin's, too.
    const KEY: [&str; 2] =
        ["1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"];
    const SCRIPT: [&str; 2] =
        ["3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC", "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"];

    #[test]
    fn one_key_has_all_its_spellings() {
        for pair in [KEY, SCRIPT] {
            for text in pair {
                let address = Address::parse(text).unwrap();
                let all = address.spellings();
                assert_eq!(all[0], address);
                for other in pair {
                    assert!(all.iter().any(|a| a.text() == other), "{text}: {all:?}");
                }
                for spelling in &all {
                    let again = Address::parse(spelling.text()).unwrap();
                    assert_eq!(
                        (again.key(), again.spellings().len()),
                        (address.key(), all.len()),
                        "{spelling}"
                    );
                }
            }
        }
        assert_ne!(Address::parse(KEY[0]).unwrap().key(), Address::parse(SCRIPT[0]).unwrap().key());
        // Litecoin's script in its own version and in the one it shares with Bitcoin.
        let litecoin = Address::parse(SCRIPT[0]).unwrap().spellings();
        let own = litecoin.iter().find(|a| a.chain() == Chain::Litecoin).unwrap();
        assert!(own.text().starts_with('M'), "{own}");
        assert_eq!(Address::parse(own.text()).unwrap().key().as_ref(), SCRIPT[0]);
    }

    #[test]
    fn other_addresses_have_one() {
        for text in [
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
            "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L",
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.spellings(), std::slice::from_ref(&address), "{text}");
            assert_eq!(&*address.key(), address.text(), "{text}");
        }
    }
}
