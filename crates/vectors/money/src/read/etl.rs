//! Tables of ethereum-etl and bitcoin-etl: CSV, JSON lines, or rows from elsewhere.
//!
//! Columns are those of the tools' published schemas. A transaction's success and fee stand in its receipt, its calls in the
//! traces; each table is read for what it says and the builder joins them. Calls that move nothing (`delegatecall`, `callcode`,
//! `staticcall`) are dropped, and the trace at the top is the transaction itself, counted once.
//!
//! What this never does: take the number of a thing (ERC-721) for an amount where `contracts` says that it is one.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;

use palisade_model::{Citation, ProblemCode};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::ledger::{AccountTx, Amount, MAX_DECIMALS, MAX_STEP, PartyKey, Place, Step, Transfer};

use super::amount::{time, whole};
use super::coins::{CoinInput, CoinOutput, CoinReader, Parsed};
use super::context::{Bad, Context, On};
use super::rows::Row;
use super::{csv, json};

/// Deepest call of the EVM.
const MAX_CALL_DEPTH: usize = 1_024;

/// Most keys of a record that are looked at; the widest table has some thirty.
const MAX_KEYS: usize = 256;

/// A table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Table {
    Transactions,
    Receipts,
    TokenTransfers,
    Traces,
    Tokens,
    Contracts,
    /// Transactions of bitcoin-etl.
    Bitcoin,
}

impl Table {
    /// The table that has such columns.
    pub fn of(has: &dyn Fn(&str) -> bool) -> Option<Table> {
        let all = |names: &[&str]| names.iter().all(|n| has(n));
        // `hash` and the like are everybody's; what is asked for besides is the tables' own.
        Some(match () {
            () if all(&["hash", "inputs", "outputs", "is_coinbase", "block_number"]) => Table::Bitcoin,
            () if all(&[
                "token_address",
                "from_address",
                "to_address",
                "value",
                "transaction_hash",
                "log_index",
            ]) =>
            {
                Table::TokenTransfers
            }
            () if all(&[
                "trace_type",
                "trace_address",
                "call_type",
                "from_address",
                "to_address",
                "value",
            ]) =>
            {
                Table::Traces
            }
            () if all(&["transaction_hash", "cumulative_gas_used", "gas_used"]) => Table::Receipts,
            () if all(&[
                "hash",
                "nonce",
                "from_address",
                "to_address",
                "value",
                "gas_price",
                "block_number",
            ]) =>
            {
                Table::Transactions
            }
            () if all(&["address", "symbol", "decimals", "total_supply"]) => Table::Tokens,
            () if all(&["address", "bytecode", "is_erc20", "is_erc721"]) => Table::Contracts,
            () => return None,
        })
    }
}

/// What is kept between rows.
#[derive(Default)]
pub(super) struct Tables {
    coins: CoinReader,
    on: Option<On>,
}

pub(super) fn read_csv(stream: &mut dyn Read, cx: &mut Context<'_>) {
    let mut tables = Tables::default();
    let columns: RefCell<BTreeMap<String, usize>> = RefCell::default();
    csv::each(
        stream,
        b',',
        cx,
        &mut |names, _| {
            columns.replace(names.iter().cloned().zip(0..).collect());
            true
        },
        &mut |record, number, cx| {
            let row = Fields { columns: &columns.borrow(), record };
            tables.row(&row, number, record.offset, cx);
        },
    );
}

pub(super) fn read_json(stream: &mut dyn Read, cx: &mut Context<'_>) {
    let mut tables = Tables::default();
    json::each(stream, cx, &mut |text, record, offset, cx| match serde_json::from_str::<Flat<'_>>(text) {
        Ok(flat) => tables.row(&flat, record, offset, cx),
        Err(_) => cx.problem(ProblemCode::Syntax, offset, "an object that is no JSON: it is left out"),
    });
}

impl Tables {
    pub fn row(&mut self, row: &dyn Row, record: u64, offset: u64, cx: &mut Context<'_>) {
        let table = Table::of(&|name| row.has(name));
        let done = match table {
            None => Err(Bad::from("a record of none of the known tables: it is left out")),
            Some(Table::Bitcoin) => self.bitcoin(row, record, offset, cx),
            Some(table) => self.ethereum(table, row, cx.cite(record, offset), cx),
        };
        cx.outcome(offset, done);
    }

    fn ethereum(
        &mut self,
        table: Table,
        row: &dyn Row,
        citation: Citation,
        cx: &mut Context<'_>,
    ) -> Result<(), Bad> {
        let on = match self.on {
            Some(on) => on,
            None => *self.on.insert(cx.chain("ethereum")?),
        };
        match table {
            Table::Transactions => transaction(row, on, citation, cx),
            Table::Receipts => receipt(row, on, citation, cx),
            Table::TokenTransfers => token_transfer(row, on, citation, cx),
            Table::Traces => trace(row, on, citation, cx),
            Table::Tokens => token(row, on, cx),
            Table::Contracts => contract(row, on, cx),
            Table::Bitcoin => Ok(()),
        }
    }

    fn bitcoin(&mut self, row: &dyn Row, record: u64, offset: u64, cx: &mut Context<'_>) -> Result<(), Bad> {
        #[derive(Deserialize)]
        struct In<'a> {
            spent_transaction_hash: Option<Cow<'a, str>>,
            spent_output_index: Option<u32>,
            #[serde(default)]
            addresses: Option<Vec<Cow<'a, str>>>,
            value: Option<u64>,
        }
        #[derive(Deserialize)]
        struct Out<'a> {
            index: u32,
            #[serde(default)]
            addresses: Option<Vec<Cow<'a, str>>>,
            value: Option<u64>,
        }
        fn one<'a>(list: &'a Option<Vec<Cow<'a, str>>>) -> Option<&'a str> {
            // Several addresses are an old multi-signature script, which is no one's alone; `nonstandard…` is the tool's
            // own name for a script without address.
            match list.as_deref() {
                Some([one]) if !one.starts_with("nonstandard") => Some(one),
                _ => None,
            }
        }
        let inputs = row.text("inputs").unwrap_or(Cow::Borrowed("[]"));
        let outputs = row.text("outputs").unwrap_or(Cow::Borrowed("[]"));
        let broken = "inputs or outputs are not as bitcoin-etl writes them (missing, negative or beyond 64 bits): the record is left out";
        let inputs: Vec<In<'_>> = serde_json::from_str(&inputs).map_err(|_| Bad::from(broken))?;
        let outputs: Vec<Out<'_>> = serde_json::from_str(&outputs).map_err(|_| Bad::from(broken))?;
        let coinbase = row.text("is_coinbase").is_some_and(|t| matches!(&*t.to_lowercase(), "true" | "1"));
        let ins = inputs
            .iter()
            .filter_map(|i| {
                Some(CoinInput {
                    // An input of a shielded pool names nothing, and is none of this model.
                    tx: Some(i.spent_transaction_hash.as_deref()?),
                    vout: Some(i.spent_output_index?),
                    value: i.value,
                    address: one(&i.addresses),
                })
            })
            .collect();
        let outs: Option<Vec<CoinOutput<'_>>> = outputs
            .iter()
            .map(|o| Some(CoinOutput { vout: o.index, value: o.value?, address: one(&o.addresses) }))
            .collect();
        let id = row.text("hash").ok_or("a transaction without id: it is left out")?;
        let parsed = Parsed {
            id: &id,
            place: Place {
                block: whole_u64(row, "block_number")?,
                index: small(row, "index")?,
                time: row.text("block_timestamp").and_then(|t| time(&t)),
            },
            coinbase,
            inputs: ins,
            outputs: outs.ok_or("an output without value: the transaction is left out")?,
        };
        self.coins.add(&parsed, record, offset, cx)
    }
}

fn whole_u64(row: &dyn Row, column: &str) -> Result<Option<u64>, Bad> {
    match row.text(column) {
        None => Ok(None),
        Some(t) => match u64::try_from(whole(&t)?) {
            Ok(n) => Ok(Some(n)),
            Err(_) => Err("a block number beyond 64 bits: the record is left out".into()),
        },
    }
}

fn small(row: &dyn Row, column: &str) -> Result<Option<u32>, Bad> {
    match row.text(column) {
        None => Ok(None),
        Some(t) => match u32::try_from(whole(&t)?) {
            Ok(n) if n < MAX_STEP => Ok(Some(n)),
            _ => Err("a position in a block beyond what blocks have: the record is left out".into()),
        },
    }
}

/// A receipt's status: 1 or 0, as whatever a database or a data frame made of it.
fn succeeded(text: &str) -> Result<bool, Bad> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "0x1" | "1.0" | "true" => Ok(true),
        "0" | "0x0" | "0.0" | "false" => Ok(false),
        _ => Err("a status that is neither success nor failure: the record is left out".into()),
    }
}

fn amount(row: &dyn Row, column: &str) -> Result<Option<u128>, Bad> {
    row.text(column).map(|t| whole(&t)).transpose().map_err(Bad::from)
}

fn party(row: &dyn Row, column: &str, on: On, cx: &mut Context<'_>) -> Result<Option<PartyKey>, Bad> {
    row.text(column).map(|t| cx.party(on, &t)).transpose()
}

fn place(row: &dyn Row) -> Result<Place, Bad> {
    Ok(Place {
        block: whole_u64(row, "block_number")?,
        index: small(row, "transaction_index")?,
        time: row.text("block_timestamp").and_then(|t| time(&t)),
    })
}

fn transaction(row: &dyn Row, on: On, citation: Citation, cx: &mut Context<'_>) -> Result<(), Bad> {
    let hash = row.text("hash").ok_or("a transaction without id: it is left out")?;
    let says = AccountTx {
        from: party(row, "from_address", on, cx)?,
        to: party(row, "to_address", on, cx)?,
        value: amount(row, "value")?,
        gas_price: amount(row, "gas_price")?,
        // Newer schemas write the receipt's columns beside.
        gas_used: amount(row, "receipt_gas_used")?,
        paid_price: amount(row, "receipt_effective_gas_price")?,
        success: row.text("receipt_status").map(|s| succeeded(&s)).transpose()?,
        wants_receipt: true,
        ..AccountTx::default()
    };
    let place = place(row)?;
    let tx = cx.tx(on, &hash)?;
    cx.builder.account_tx(tx, place, says, citation);
    Ok(())
}

fn receipt(row: &dyn Row, on: On, citation: Citation, cx: &mut Context<'_>) -> Result<(), Bad> {
    let hash = row.text("transaction_hash").ok_or("a receipt without transaction: it is left out")?;
    // Before Byzantium (block 4,370,000) receipts have a state root and no status; what failed there only traces tell.
    let success = row.text("status").map(|s| succeeded(&s)).transpose()?;
    let says = AccountTx {
        to: party(row, "contract_address", on, cx)?,
        gas_used: amount(row, "gas_used")?,
        paid_price: amount(row, "effective_gas_price")?,
        success,
        ..AccountTx::default()
    };
    let place = place(row)?;
    let tx = cx.tx(on, &hash)?;
    cx.builder.account_tx(tx, place, says, citation);
    Ok(())
}

fn token_transfer(row: &dyn Row, on: On, citation: Citation, cx: &mut Context<'_>) -> Result<(), Bad> {
    let hash = row.text("transaction_hash").ok_or("a token transfer without transaction: it is left out")?;
    let token = row.text("token_address").ok_or("a token transfer without token: it is left out")?;
    let token = cx.contract(on, &token)?;
    let from = row.text("from_address").map(|t| cx.holder(on, &t)).transpose()?.unwrap_or(PartyKey::NOBODY);
    let to = row.text("to_address").map(|t| cx.holder(on, &t)).transpose()?.unwrap_or(PartyKey::NOBODY);
    let value = amount(row, "value")?.ok_or("a token transfer without value: it is left out")?;
    let log = small(row, "log_index")?;
    let place = place(row)?;
    let tx = cx.tx(on, &hash)?;
    let asset = cx.builder.asset(on.key, Some(&token))?;
    cx.builder.account_tx(tx, place, AccountTx::default(), citation);
    let amount = Amount::Units(value);
    cx.builder.transfer(Transfer { tx, asset, from, to, amount, step: Step::Token(log), citation })?;
    Ok(())
}

fn trace(row: &dyn Row, on: On, citation: Citation, cx: &mut Context<'_>) -> Result<(), Bad> {
    let kind = row.text("trace_type").unwrap_or_default().to_lowercase();
    let call = row.text("call_type").unwrap_or_default().to_lowercase();
    let failed =
        row.text("error").is_some() || row.text("status").map(|s| succeeded(&s)).transpose()? == Some(false);
    let from = party(row, "from_address", on, cx)?;
    let to = party(row, "to_address", on, cx)?;
    let value = amount(row, "value")?.unwrap_or(0);
    let place = place(row)?;
    let native = cx.builder.asset(on.key, None)?;
    let Some(hash) = row.text("transaction_hash") else {
        // Rewards and the genesis belong to a block, not to a transaction: they get one of their own.
        let (id, index) = match (&*kind, place.block) {
            ("reward", Some(block)) => (format!("block-{block}-reward"), u32::MAX - 1),
            ("genesis", block) => (format!("block-{}-genesis", block.unwrap_or(0)), 0),
            ("daofork", Some(block)) => (format!("block-{block}-daofork"), 0),
            _ => return Err("a trace without transaction: it is left out".into()),
        };
        let from = if kind == "daofork" { from.unwrap_or(PartyKey::NOBODY) } else { PartyKey::NOBODY };
        let to = to.ok_or("a reward without recipient: it is left out")?;
        let tx = cx.builder.tx(on.key, &id)?;
        let place = Place { block: place.block.or(Some(0)), index: Some(index), time: place.time };
        cx.builder.account_tx(tx, place, AccountTx { success: Some(true), ..AccountTx::default() }, citation);
        let amount = Amount::Units(value);
        // A block rewards its own miner and those of its uncles, one record each.
        let step = Step::Native(None);
        cx.builder.transfer(Transfer { tx, asset: native, from, to, amount, step, citation })?;
        return Ok(());
    };
    let way = way(row.text("trace_address").as_deref().unwrap_or(""))?;
    let tx = cx.tx(on, &hash)?;
    if way.is_empty() {
        let says = AccountTx { from, to, value: Some(value), success: Some(!failed), ..AccountTx::default() };
        cx.builder.account_tx(tx, place, says, citation);
        return Ok(());
    }
    cx.builder.account_tx(tx, place, AccountTx::default(), citation);
    if failed {
        cx.builder.failed_call(tx, &way, citation);
        return Ok(());
    }
    if matches!(&*call, "delegatecall" | "callcode" | "staticcall") || value == 0 {
        return Ok(());
    }
    let from = from.ok_or("a call without caller: it is left out")?;
    let to = match (to, &*kind) {
        (Some(to), _) => to,
        // What destroys itself in favour of nobody burns what it has.
        (None, "suicide") => PartyKey::NOBODY,
        (None, _) => return Err("a call with a value and without recipient: it is left out".into()),
    };
    let step = Step::Internal(Some(&way));
    cx.builder.transfer(Transfer {
        tx,
        asset: native,
        from,
        to,
        amount: Amount::Units(value),
        step,
        citation,
    })?;
    Ok(())
}

/// `0,2,1` or `[0,2,1]`: the way to a call.
fn way(text: &str) -> Result<Vec<u32>, Bad> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    if inner.trim().is_empty() {
        return Ok(Vec::new());
    }
    let steps: Result<Vec<u32>, _> =
        inner.split(',').take(MAX_CALL_DEPTH + 1).map(|s| s.trim().trim_matches('"').parse()).collect();
    match steps {
        Ok(way) if way.len() <= MAX_CALL_DEPTH => Ok(way),
        _ => {
            Err("a trace address that is no list of numbers, or deeper than calls can be: it is left out"
                .into())
        }
    }
}

fn token(row: &dyn Row, on: On, cx: &mut Context<'_>) -> Result<(), Bad> {
    let address = row.text("address").ok_or("a token without address: it is left out")?;
    let address = cx.contract(on, &address)?;
    let decimals = match row.text("decimals") {
        None => None,
        Some(t) => match whole(&t).ok().and_then(|d| u8::try_from(d).ok()).filter(|d| *d <= MAX_DECIMALS) {
            Some(d) => Some(d),
            None => {
                return Err(
                    "a token with more decimals than an amount can have: they are not believed".into()
                );
            }
        },
    };
    let asset = cx.builder.asset(on.key, Some(&address))?;
    cx.builder.describe(asset, row.text("symbol").as_deref().unwrap_or(""), decimals);
    Ok(())
}

fn contract(row: &dyn Row, on: On, cx: &mut Context<'_>) -> Result<(), Bad> {
    let yes = |column| row.text(column).is_some_and(|t| matches!(&*t.to_lowercase(), "true" | "1"));
    if yes("is_erc721") && !yes("is_erc20") {
        let address = row.text("address").ok_or("a contract without address: it is left out")?;
        let address = cx.contract(on, &address)?;
        let asset = cx.builder.asset(on.key, Some(&address))?;
        cx.builder.non_fungible(asset);
    }
    Ok(())
}

/// A record of a CSV table.
struct Fields<'r, 's> {
    columns: &'r BTreeMap<String, usize>,
    record: &'r csv::Records<'s>,
}

impl Row for Fields<'_, '_> {
    fn text(&self, column: &str) -> Option<Cow<'_, str>> {
        let text = self.record.get(*self.columns.get(column)?).trim();
        (!text.is_empty()).then_some(Cow::Borrowed(text))
    }

    fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }
}

/// An object's values by key, unread.
struct Flat<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl Row for Flat<'_> {
    fn text(&self, column: &str) -> Option<Cow<'_, str>> {
        let raw = self.0.iter().find(|(k, _)| k == column)?.1;
        json::scalar(raw).filter(|t| !t.is_empty())
    }

    fn has(&self, column: &str) -> bool {
        self.0.iter().any(|(k, _)| k == column)
    }
}

impl<'de> Deserialize<'de> for Flat<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Flat<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat<'de>, A::Error> {
                let mut out = Vec::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    if out.len() < MAX_KEYS {
                        out.push((key.0, map.next_value::<&'de RawValue>()?.get()));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Flat(out))
            }
        }
        d.deserialize_map(Keys)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
