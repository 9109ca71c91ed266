//! Blocks as `bitcoind` and its kin give them: `getblock` with verbosity 2, or 3 with previous outputs. Amounts are decimals of the
//! coin and are taken from the text as it stands. With or without the `{"result": …}` of JSON-RPC around.

use std::borrow::Cow;
use std::io::Read;

use palisade_model::{ProblemCode, Time};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ledger::{MAX_STEP, Place};

use super::amount::{decimal, units};
use super::coins::{CoinInput, CoinOutput, CoinReader, Parsed};
use super::context::{Bad, Context};
use super::json;

/// Digits after the point of the coin of Bitcoin and its kin.
const DECIMALS: u8 = 8;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<Block<'a>>,
}

#[derive(Deserialize)]
struct Block<'a> {
    height: u64,
    time: Option<i64>,
    #[serde(borrow)]
    tx: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Tx<'a> {
    #[serde(borrow)]
    txid: Cow<'a, str>,
    #[serde(borrow)]
    vin: Vec<Vin<'a>>,
    #[serde(borrow)]
    vout: Vec<Vout<'a>>,
}

#[derive(Deserialize)]
struct Vin<'a> {
    #[serde(borrow)]
    txid: Option<Cow<'a, str>>,
    vout: Option<u32>,
    #[serde(borrow)]
    coinbase: Option<Cow<'a, str>>,
    #[serde(borrow)]
    prevout: Option<Previous<'a>>,
}

#[derive(Deserialize)]
struct Previous<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(rename = "scriptPubKey", borrow)]
    script: Option<Script<'a>>,
}

#[derive(Deserialize)]
struct Vout<'a> {
    n: u32,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(rename = "scriptPubKey", borrow)]
    script: Option<Script<'a>>,
}

#[derive(Deserialize)]
struct Script<'a> {
    #[serde(borrow)]
    address: Option<Cow<'a, str>>,
    /// Before version 22; several for old multi-signature scripts.
    #[serde(borrow)]
    addresses: Option<Vec<Cow<'a, str>>>,
}

impl Script<'_> {
    fn one(&self) -> Option<&str> {
        match (&self.address, self.addresses.as_deref()) {
            (Some(a), _) => Some(a),
            (None, Some([a])) => Some(a),
            _ => None,
        }
    }
}

pub(super) fn read(stream: &mut dyn Read, cx: &mut Context<'_>) {
    let mut coins = CoinReader::default();
    json::each(stream, cx, &mut |text, record, offset, cx| {
        let done = block(text, record, offset, &mut coins, cx);
        cx.outcome(offset, done);
    });
}

fn block(
    text: &str,
    record: u64,
    offset: u64,
    coins: &mut CoinReader,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let bare = serde_json::from_str::<Block<'_>>(text).ok();
    let block = match bare {
        Some(block) => block,
        None => serde_json::from_str::<Answer<'_>>(text)
            .ok()
            .and_then(|a| a.result)
            .ok_or("an object that is no block as getblock gives it (height, tx): it is left out")?,
    };
    let mut index = 0u32;
    for raw in &block.tx {
        // Each transaction's own place in the source, where its bytes are cited from.
        let within = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize) as u64;
        let place = Place {
            block: Some(block.height),
            index: Some(index),
            time: block.time.map(Time::from_unix_seconds),
        };
        if raw.get().starts_with('"') {
            cx.problem(
                ProblemCode::Unrecognised,
                offset,
                "a block with ids only (verbosity 1): ask for it with verbosity 2 or 3",
            );
            break;
        }
        let done = transaction(raw.get(), place, record, offset + within, coins, cx);
        cx.outcome(offset + within, done);
        if cx.full {
            break;
        }
        index = (index + 1).min(MAX_STEP);
    }
    Ok(())
}

fn transaction(
    text: &str,
    place: Place,
    record: u64,
    offset: u64,
    coins: &mut CoinReader,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let tx: Tx<'_> = serde_json::from_str(text)
        .map_err(|_| Bad::from("a transaction that is not as getblock writes it: it is left out"))?;
    let coinbase = tx.vin.iter().any(|i| i.coinbase.is_some());
    let inputs = (tx.vin.iter())
        .map(|i| {
            let (tx, vout) = (i.txid.as_deref(), i.vout);
            let value = i.prevout.as_ref().map(|p| satoshi(p.value)).transpose()?;
            let address = i.prevout.as_ref().and_then(|p| p.script.as_ref()?.one());
            Ok(CoinInput { tx, vout, value, address })
        })
        .collect::<Result<_, Bad>>()?;
    let outputs = (tx.vout.iter())
        .map(|o| {
            let address = o.script.as_ref().and_then(Script::one);
            Ok(CoinOutput { vout: o.n, value: satoshi(o.value)?, address })
        })
        .collect::<Result<_, Bad>>()?;
    coins.add(&Parsed { id: &tx.txid, place, coinbase, inputs, outputs }, record, offset, cx)
}

fn satoshi(value: &RawValue) -> Result<u64, Bad> {
    let text = json::scalar(value.get()).ok_or("an output without value: the record is left out")?;
    let units = units(decimal(&text)?, DECIMALS)?;
    u64::try_from(units)
        .map_err(|_| "an amount beyond what any chain has: the transaction is left out".into())
}
