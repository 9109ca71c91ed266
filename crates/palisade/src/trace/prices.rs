//! Prices somebody gives: a table of day, asset, currency, price. Never fetched, never guessed.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use palisade_model::Time;
use palisade_money::ledger::Asset;
use palisade_money::taint::mul_div;
use palisade_pipeline::units;

use crate::errors::reason;

/// Digits kept of a price.
const DIGITS: u8 = 8;

/// Prices by asset and day, in one currency.
#[derive(Debug)]
pub struct Prices {
    /// The currency.
    pub currency: String,
    /// Of an asset as the table names it, in lower case, with its chain in front where the table says that: day (since
    /// 1970) to price in 10⁻⁸ of the currency.
    by_asset: BTreeMap<String, BTreeMap<i64, u128>>,
}

impl Prices {
    /// Reads a table with the columns `date`, `asset`, `currency`, `price`, and where several chains have a contract,
    /// `chain` (or `chain:contract` as the asset).
    ///
    /// # Errors
    /// A line that says no price, a second currency, or another price of the same day.
    pub fn read(path: &Path) -> Result<Prices> {
        let name = path.display();
        let open = std::fs::File::open(path).map_err(|e| anyhow!("cannot read {name}: {}", reason(&e)))?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(open);
        let header = reader.headers().map_err(|e| anyhow!("cannot read {name}: {e}"))?.clone();
        let place = |wanted: &str| {
            header.iter().position(|h| h.eq_ignore_ascii_case(wanted)).ok_or_else(|| {
                anyhow!("{name} has no column \"{wanted}\"; prices need date, asset, currency, price")
            })
        };
        let (date, asset, currency, price) =
            (place("date")?, place("asset")?, place("currency")?, place("price")?);
        let chain = header.iter().position(|h| h.eq_ignore_ascii_case("chain"));
        let mut out = Prices { currency: String::new(), by_asset: BTreeMap::new() };
        for (n, row) in reader.records().enumerate() {
            let line = n + 2;
            let row = row.map_err(|e| anyhow!("{name}, line {line}: {e}"))?;
            let cell = |at: usize| row.get(at).unwrap_or("");
            let day: jiff::civil::Date = cell(date)
                .get(..10)
                .and_then(|d| d.parse().ok())
                .ok_or_else(|| anyhow!("{name}, line {line}: \"{}\" is no date (YYYY-MM-DD)", cell(date)))?;
            let value = units(cell(price), DIGITS).ok_or_else(|| {
                anyhow!("{name}, line {line}: \"{}\" is no price of at most {DIGITS} decimals", cell(price))
            })?;
            if out.currency.is_empty() {
                out.currency = cell(currency).to_uppercase();
            } else if !out.currency.eq_ignore_ascii_case(cell(currency)) {
                bail!("{name}, line {line}: a second currency, {}; give one at a time", cell(currency));
            }
            let epoch = jiff::civil::Date::new(1970, 1, 1).map_err(|e| anyhow!("{e}"))?;
            let since = day.since(epoch).map_err(|e| anyhow!("{name}, line {line}: {e}"))?.get_days();
            let named = cell(asset).to_lowercase();
            let key = match chain.map(&cell).filter(|c| !c.is_empty()) {
                Some(chain) => format!("{}:{named}", chain.to_lowercase()),
                None => named,
            };
            let before = out.by_asset.entry(key).or_default().insert(i64::from(since), value);
            if before.is_some_and(|b| b != value) {
                bail!("{name}, line {line}: a second price of {} on {}; keep one", cell(asset), cell(date));
            }
        }
        Ok(out)
    }

    /// That each price is of one asset.
    ///
    /// # Errors
    /// A contract named without its chain that several chains of the ledgers have.
    pub fn check(&self, assets: &[Asset]) -> Result<()> {
        let mut chains: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for asset in assets {
            if let Some(contract) = asset.contract.as_deref().map(str::to_lowercase)
                && self.by_asset.contains_key(&contract)
            {
                chains.entry(contract).or_default().push(&asset.chain);
            }
        }
        for (contract, mut on) in chains {
            on.sort_unstable();
            on.dedup();
            if on.len() > 1 {
                let names: Vec<String> = on.iter().map(|c| format!("{c}:{contract}")).collect();
                bail!("the prices name {contract}, which several chains have; write {}", names.join(" or "));
            }
        }
        Ok(())
    }

    /// What an amount was worth on the day, with two digits; `None` without a price of that day.
    pub fn worth(&self, asset: &Asset, units: u128, time: Option<Time>) -> Option<String> {
        // A price has eight digits, a sum of money two.
        let cents = self.value(asset, units, time)? / 1_000_000;
        Some(format!("{}.{:02}", cents / 100, cents % 100))
    }

    /// The same in 10⁻⁸ of the currency.
    pub fn value(&self, asset: &Asset, units: u128, time: Option<Time>) -> Option<u128> {
        let day = time?.0.div_euclid(86_400_000_000);
        // A token is its contract: anybody can give one another's symbol.
        let coin = asset.contract.is_none();
        let of_chain = |name: &str| format!("{}:{name}", asset.chain);
        let names = [
            asset.contract.as_deref().map(of_chain),
            asset.contract.as_deref().map(str::to_owned),
            Some(of_chain(&asset.symbol)).filter(|_| coin),
            Some(asset.symbol.to_string()).filter(|_| coin),
            Some(asset.chain.to_string()).filter(|_| coin),
        ];
        let prices = names.into_iter().flatten().find_map(|n| self.by_asset.get(&n.to_lowercase()))?;
        let price = *prices.get(&day)?;
        let scale = 10u128.checked_pow(u32::from(asset.decimals?))?;
        Some(mul_div(units, price, scale)).filter(|worth| *worth != u128::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn worth_is_exact_and_of_the_day() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "date,asset,currency,price\n2026-10-02,ETH,usd,1234.5\n2026-10-03,ETH,USD,2000")
            .unwrap();
        let prices = Prices::read(file.path()).unwrap();
        let asset =
            Asset { chain: "ethereum".into(), contract: None, symbol: "ETH".into(), decimals: Some(18) };
        let time = |day: i64| Some(Time::from_unix_seconds(1_790_899_200 + day * 86_400 + 5));
        let half = 500_000_000_000_000_000;
        assert_eq!(prices.worth(&asset, half, time(0)).as_deref(), Some("617.25"));
        assert_eq!(prices.worth(&asset, half, time(1)).as_deref(), Some("1000.00"));
        assert_eq!(prices.worth(&asset, half, time(2)), None);
        assert_eq!(prices.worth(&asset, half, None), None);
    }

    #[test]
    fn a_day_has_one_price_and_a_contract_one_chain() {
        let table = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            write!(file, "date,asset,currency,price\n{text}").unwrap();
            Prices::read(file.path())
        };
        let error = table("2026-10-02,ETH,USD,1\n2026-10-02,eth,USD,2\n").unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("second price"), "{error}");
        assert!(table("2026-10-02,ETH,USD,1\n2026-10-02,eth,USD,1.0\n").is_ok(), "said twice, but the same");
        let token = |chain: &str| Asset {
            chain: chain.into(),
            contract: Some("0xAb".into()),
            symbol: "T".into(),
            decimals: Some(0),
        };
        let both = [token("ethereum"), token("eip155:56")];
        let time = Some(Time::from_unix_seconds(1_790_899_200));
        let bare = table("2026-10-02,0xab,USD,3\n").unwrap();
        assert_eq!(bare.worth(&both[0], 2, time).as_deref(), Some("6.00"));
        bare.check(&both[..1]).unwrap();
        assert!(bare.check(&both).unwrap_err().to_string().contains("eip155:56:0xab"));
        let named = table("2026-10-02,ethereum:0xAB,USD,3\n2026-10-02,eip155:56:0xAB,USD,4\n").unwrap();
        named.check(&both).unwrap();
        assert_eq!(named.worth(&both[0], 1, time).as_deref(), Some("3.00"));
        assert_eq!(named.worth(&both[1], 1, time).as_deref(), Some("4.00"));
    }

    #[test]
    fn two_currencies_are_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "date,asset,currency,price\n2026-10-02,ETH,USD,1\n2026-10-02,ETH,EUR,1").unwrap();
        assert!(Prices::read(file.path()).unwrap_err().to_string().contains("line 3"));
    }
}
