//! Transactions as Esplora and mempool.space give them: satoshi as whole numbers, previous outputs repeated, position in the block
//! not said. One object, an array, or one a line.

use std::borrow::Cow;
use std::io::Read;

use palisade_model::Time;
use serde::Deserialize;

use crate::ledger::Place;

use super::coins::{CoinInput, CoinOutput, CoinReader, Parsed};
use super::context::{Bad, Context};
use super::json;

#[derive(Deserialize)]
struct Tx<'a> {
    #[serde(borrow)]
    txid: Cow<'a, str>,
    #[serde(borrow)]
    vin: Vec<Vin<'a>>,
    #[serde(borrow)]
    vout: Vec<Vout<'a>>,
    status: Status,
}

#[derive(Deserialize)]
struct Vin<'a> {
    #[serde(borrow)]
    txid: Option<Cow<'a, str>>,
    vout: Option<u32>,
    #[serde(borrow)]
    prevout: Option<Vout<'a>>,
    #[serde(default)]
    is_coinbase: bool,
}

#[derive(Deserialize)]
struct Vout<'a> {
    #[serde(borrow)]
    scriptpubkey_address: Option<Cow<'a, str>>,
    value: u64,
}

#[derive(Deserialize)]
struct Status {
    confirmed: bool,
    block_height: Option<u64>,
    block_time: Option<i64>,
}

pub(super) fn read(stream: &mut dyn Read, cx: &mut Context<'_>) {
    let mut coins = CoinReader::default();
    json::each(stream, cx, &mut |text, record, offset, cx| {
        let done = one(text, record, offset, &mut coins, cx);
        cx.outcome(offset, done);
    });
}

fn one(
    text: &str,
    record: u64,
    offset: u64,
    coins: &mut CoinReader,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let tx: Tx<'_> = serde_json::from_str(text).map_err(|_| {
        Bad::from("a transaction that is not as Esplora writes it (missing part, negative or too large number): it is left out")
    })?;
    let coinbase = tx.vin.iter().any(|i| i.is_coinbase);
    let inputs = (tx.vin.iter())
        .map(|i| CoinInput {
            tx: i.txid.as_deref(),
            vout: i.vout,
            value: i.prevout.as_ref().map(|p| p.value),
            address: i.prevout.as_ref().and_then(|p| p.scriptpubkey_address.as_deref()),
        })
        .collect();
    let outputs = (0u32..)
        .zip(&tx.vout)
        .map(|(vout, o)| CoinOutput { vout, value: o.value, address: o.scriptpubkey_address.as_deref() })
        .collect();
    let place = Place {
        block: tx.status.block_height.filter(|_| tx.status.confirmed),
        index: None,
        time: tx.status.block_time.map(Time::from_unix_seconds),
    };
    coins.add(&Parsed { id: &tx.txid, place, coinbase, inputs, outputs }, record, offset, cx)
}
