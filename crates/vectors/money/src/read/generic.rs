//! Any CSV, by a mapping that says which column is what. The mapping is TOML; `docs/formats/ledger.md` describes it.
//!
//! One row is one move. Never guesses: a column that the mapping names and the header lacks is an error, and parties are
//! checked as addresses unless the mapping says that they are names.

use std::cell::RefCell;
use std::io::Read;

use palisade_model::ProblemCode;
use serde::Deserialize;

use crate::ledger::{AccountTx, Amount, MAX_DECIMALS, MAX_STEP, PartyKey, Place, Step, Transfer};

use super::amount::{decimal, time, units, unsettled, whole};
use super::context::{Bad, Context, MAX_NAME, On};
use super::csv;

/// A whole mapping.
pub(super) const EXAMPLE: &str = r#"
chain = "ethereum"
[columns]
tx = "tx"
block = "block"
time = "time"
from = "from"
to = "to"
amount = "amount"
asset = "contract"
fee = "fee"
[amount]
unit = "decimal"
"#;

/// Which column is what.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    chain: String,
    #[serde(default)]
    separator: Option<char>,
    #[serde(default)]
    parties: Parties,
    columns: Columns,
    #[serde(default)]
    amount: AmountForm,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Copy, Default, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Parties {
    /// Addresses of the chain, checked.
    #[default]
    Addresses,
    /// Names of accounts, as they are.
    Names,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    tx: String,
    from: String,
    to: String,
    amount: String,
    block: Option<String>,
    index: Option<String>,
    time: Option<String>,
    step: Option<String>,
    asset: Option<String>,
    symbol: Option<String>,
    decimals: Option<String>,
    fee: Option<String>,
    status: Option<String>,
}

#[derive(Clone, Copy, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountForm {
    #[serde(default)]
    unit: Unit,
    decimals: Option<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    /// Whole numbers of the smallest unit.
    #[default]
    Smallest,
    /// With a decimal point, in the unit people use.
    Decimal,
}

#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    /// Values that mean success, in any case; none: every row succeeded.
    #[serde(default)]
    success: Vec<String>,
}

/// Why a mapping cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the mapping cannot be used: {0}")]
pub struct MappingError(String);

impl Mapping {
    /// Reads a mapping. Errors say what is wrong and where.
    pub fn parse(text: &str) -> Result<Mapping, MappingError> {
        let mapping: Mapping = toml::from_str(text).map_err(|e| MappingError(e.to_string()))?;
        if mapping.chain.is_empty() || mapping.chain.len() > MAX_NAME {
            return Err(MappingError("`chain` must name a chain (ethereum, eip155:56, tron, …)".into()));
        }
        if mapping.columns.block.is_none() && mapping.columns.time.is_none() {
            return Err(MappingError("rows need a place: `columns` must name `block` or `time`".into()));
        }
        if mapping.amount.decimals.is_some_and(|d| d > MAX_DECIMALS) {
            return Err(MappingError(format!("`amount.decimals` is at most {MAX_DECIMALS}")));
        }
        if mapping.separator.is_some_and(|s| !s.is_ascii() || matches!(s, '"' | '\n' | '\r')) {
            return Err(MappingError("`separator` must be one ASCII character other than a quote".into()));
        }
        Ok(mapping)
    }
}

/// Numbers of columns.
#[derive(Default)]
struct Found {
    tx: usize,
    from: usize,
    to: usize,
    amount: usize,
    block: Option<usize>,
    index: Option<usize>,
    time: Option<usize>,
    step: Option<usize>,
    asset: Option<usize>,
    symbol: Option<usize>,
    decimals: Option<usize>,
    fee: Option<usize>,
    status: Option<usize>,
}

impl Found {
    fn of(c: &Columns, names: &[String]) -> Result<Found, String> {
        let must = |wanted: &String| {
            let lower = wanted.trim().to_lowercase();
            names.iter().position(|n| *n == lower).ok_or_else(|| wanted.clone())
        };
        let may = |wanted: &Option<String>| wanted.as_ref().map(must).transpose();
        Ok(Found {
            tx: must(&c.tx)?,
            from: must(&c.from)?,
            to: must(&c.to)?,
            amount: must(&c.amount)?,
            block: may(&c.block)?,
            index: may(&c.index)?,
            time: may(&c.time)?,
            step: may(&c.step)?,
            asset: may(&c.asset)?,
            symbol: may(&c.symbol)?,
            decimals: may(&c.decimals)?,
            fee: may(&c.fee)?,
            status: may(&c.status)?,
        })
    }
}

pub(super) fn read(stream: &mut dyn Read, cx: &mut Context<'_>) {
    let Some(mapping) = cx.options.mapping else {
        cx.problem(
            ProblemCode::Rule,
            0,
            "a generic table needs a mapping of its columns, and none was given",
        );
        return;
    };
    let on = match cx.chain(&mapping.chain) {
        Ok(on) if mapping.parties == Parties::Addresses => on,
        Ok(on) => On { family: None, ..on },
        Err(bad) => return cx.outcome(0, Err(bad)),
    };
    let found: RefCell<Found> = RefCell::default();
    let separator = mapping.separator.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',');
    csv::each(
        stream,
        separator,
        cx,
        &mut |names, cx| match Found::of(&mapping.columns, names) {
            Ok(columns) => {
                found.replace(columns);
                true
            }
            Err(name) => {
                let shown: String = name.chars().take(80).collect();
                let message = format!("the mapping names a column that the header lacks: {shown}");
                cx.problem(ProblemCode::DamagedHeader, 0, message);
                false
            }
        },
        &mut |record, number, cx| {
            let done = row(mapping, &found.borrow(), on, record, number, cx);
            cx.outcome(record.offset, done);
        },
    );
}

fn row(
    m: &Mapping,
    f: &Found,
    on: On,
    r: &csv::Records<'_>,
    number: u64,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let cell = |n: Option<usize>| n.map(|n| r.get(n).trim()).filter(|t| !t.is_empty());
    let small = |n: Option<usize>| match cell(n) {
        None => Ok(None),
        Some(t) => match u32::try_from(whole(t)?) {
            Ok(n) if n < MAX_STEP => Ok(Some(n)),
            _ => Err(Bad::from("a position beyond what blocks have: the record is left out")),
        },
    };
    let block = cell(f.block).map(whole).transpose()?;
    let block = block
        .map(u64::try_from)
        .transpose()
        .map_err(|_| Bad::from("a block number beyond 64 bits: the record is left out"))?;
    let place = Place { block, index: small(f.index)?, time: cell(f.time).and_then(time) };
    let decimals = match cell(f.decimals) {
        None => m.amount.decimals,
        Some(t) => match u8::try_from(whole(t)?) {
            Ok(d) if d <= MAX_DECIMALS => Some(d),
            _ => return Err("more decimals than an amount can have: the record is left out".into()),
        },
    };
    let party = |n: usize, cx: &mut Context<'_>| {
        let text = r.get(n).trim();
        if text.len() > MAX_NAME {
            return Err(Bad::from("a party's name is too long: the record is left out"));
        }
        if on.family.is_some() { cx.holder(on, text) } else { cx.party(on, text) }
    };
    let from = party(f.from, cx)?;
    let to = party(f.to, cx)?;
    let contract = cell(f.asset).map(|t| cx.contract(on, t)).transpose()?;
    let asset = cx.builder.asset(on.key, contract.as_deref())?;
    let text = r.get(f.amount);
    let amount = match (m.amount.unit, decimals) {
        (Unit::Smallest, _) => Amount::Units(whole(text)?),
        (Unit::Decimal, Some(d)) => Amount::Units(decimal(text).and_then(|v| units(v, d))?),
        (Unit::Decimal, None) => unsettled(text)?,
    };
    let fee = match cell(f.fee) {
        None => None,
        Some(t) => match m.amount.unit {
            Unit::Smallest => Some(whole(t)?),
            // Fees are in the chain's coin, whatever the row moves.
            Unit::Decimal => {
                Some(decimal(t).and_then(|v| units(v, cx.builder.coin_decimals(on.key).unwrap_or(18)))?)
            }
        },
    };
    let success = m.status.success.is_empty()
        || cell(f.status).is_some_and(|s| m.status.success.iter().any(|ok| ok.eq_ignore_ascii_case(s)));
    let id = r.get(f.tx).trim();
    let tx = match on.family {
        Some(_) => cx.tx(on, id)?,
        None if id.is_empty() || id.len() > MAX_NAME => {
            return Err("a transaction without id, or with one too long: the record is left out".into());
        }
        None => cx.builder.tx(on.key, id)?,
    };
    let step = match (small(f.step)?, contract.is_some()) {
        (n, true) => Step::Token(n),
        (n, false) => Step::Native(n),
    };
    if contract.is_some() || decimals.is_some() {
        cx.builder.describe(asset, cell(f.symbol).unwrap_or(""), decimals);
    }
    let citation = cx.cite(number, r.offset);
    let payer = (fee.is_some() && from != PartyKey::NOBODY).then_some(from);
    let says = AccountTx { from: payer, fee, success: Some(success), ..AccountTx::default() };
    cx.builder.account_tx(tx, place, says, citation);
    if success {
        cx.builder.transfer(Transfer { tx, asset, from, to, amount, step, citation })?;
    }
    Ok(())
}
