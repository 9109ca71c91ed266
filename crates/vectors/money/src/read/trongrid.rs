//! Pages of TronGrid: `/v1/accounts/{address}/transactions` and `…/transactions/trc20`, as they come or item by item.
//!
//! Transactions name their block and their fee; token transfers name a time only and no log number. Approvals are no transfers.
//! Calls inside a contract are not in these pages.

use std::borrow::Cow;
use std::io::Read;

use palisade_model::ProblemCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ledger::{AccountTx, Amount, MAX_DECIMALS, Place, Step, Transfer};

use super::amount::{time, whole};
use super::context::{Bad, Context, On};
use super::json::{self, scalar};

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    transaction_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token_info: Option<TokenInfo<'a>>,
    #[serde(borrow)]
    block_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow, rename = "txID")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "blockNumber")]
    block: Option<&'a RawValue>,
    #[serde(borrow)]
    ret: Option<Vec<Ret<'a>>>,
    #[serde(borrow)]
    raw_data: Option<RawData<'a>>,
}

#[derive(Deserialize)]
struct TokenInfo<'a> {
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
    #[serde(borrow)]
    address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    decimals: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Ret<'a> {
    #[serde(borrow, rename = "contractRet")]
    outcome: Option<Cow<'a, str>>,
    #[serde(borrow)]
    fee: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawData<'a> {
    #[serde(borrow)]
    contract: Vec<Contract<'a>>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Contract<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parameter: Parameter<'a>,
}

#[derive(Deserialize)]
struct Parameter<'a> {
    #[serde(borrow)]
    value: Values<'a>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    owner_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    contract_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    call_value: Option<&'a RawValue>,
    #[serde(borrow)]
    asset_name: Option<Cow<'a, str>>,
}

pub(super) fn read(stream: &mut dyn Read, cx: &mut Context<'_>) {
    json::each(stream, cx, &mut |text, record, offset, cx| {
        let Ok(page) = serde_json::from_str::<Page<'_>>(text) else {
            let done = item(text, record, offset, cx);
            return cx.outcome(offset, done);
        };
        for raw in page.data {
            let within = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize) as u64;
            let done = item(raw.get(), record, offset + within, cx);
            cx.outcome(offset + within, done);
            if cx.full {
                break;
            }
        }
    });
}

fn number(raw: Option<&RawValue>) -> Result<Option<u128>, Bad> {
    raw.and_then(|r| scalar(r.get())).map(|t| whole(&t)).transpose().map_err(Bad::from)
}

fn item(text: &str, record: u64, offset: u64, cx: &mut Context<'_>) -> Result<(), Bad> {
    let item: Item<'_> = serde_json::from_str(text)
        .map_err(|_| Bad::from("an item that is not as TronGrid writes it: it is left out"))?;
    let on = cx.chain("tron")?;
    match (&item.transaction_id, &item.id) {
        (Some(id), _) => token(&item, id, on, record, offset, cx),
        (None, Some(id)) => transaction(&item, id, on, record, offset, cx),
        _ => Err("an item that names no transaction: it is left out".into()),
    }
}

fn token(
    item: &Item<'_>,
    id: &str,
    on: On,
    record: u64,
    offset: u64,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    if item.kind.as_deref().is_some_and(|k| k != "Transfer") {
        return Ok(());
    }
    let missing = "a token transfer lacks its token, parties or value: it is left out";
    let info = item.token_info.as_ref().ok_or(missing)?;
    let contract = cx.contract(on, info.address.as_deref().ok_or(missing)?)?;
    let from = cx.holder(on, item.from.as_deref().ok_or(missing)?)?;
    let to = cx.holder(on, item.to.as_deref().ok_or(missing)?)?;
    let amount = number(item.value)?.ok_or(missing)?;
    let decimals = match number(info.decimals)? {
        None => None,
        Some(d) if d <= u128::from(MAX_DECIMALS) => Some(d as u8),
        Some(_) => {
            cx.problem(
                ProblemCode::DamagedRecord,
                offset,
                "a token with more decimals than an amount can have: they are not believed",
            );
            None
        }
    };
    let place = Place { time: item.block_timestamp.and_then(|t| time(t.get())), ..Place::default() };
    let tx = cx.tx(on, id)?;
    let asset = cx.builder.asset(on.key, Some(&contract))?;
    cx.builder.describe(asset, info.symbol.as_deref().unwrap_or(""), decimals);
    let citation = cx.cite(record, offset);
    cx.builder.account_tx(tx, place, AccountTx::default(), citation);
    let (amount, step) = (Amount::Units(amount), Step::Token(None));
    cx.builder.transfer(Transfer { tx, asset, from, to, amount, step, citation })?;
    Ok(())
}

fn transaction(
    item: &Item<'_>,
    id: &str,
    on: On,
    record: u64,
    offset: u64,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let missing = "a transaction lacks its contract or its owner: it is left out";
    let raw = item.raw_data.as_ref().ok_or(missing)?;
    // The protocol allows one contract a transaction.
    let contract = raw.contract.first().ok_or(missing)?;
    let v = &contract.parameter.value;
    let from = cx.party(on, v.owner_address.as_deref().ok_or(missing)?)?;
    let ret = item.ret.as_deref().and_then(<[_]>::first);
    let success = ret.and_then(|r| r.outcome.as_deref()).is_none_or(|o| o == "SUCCESS");
    let stamp = item.block_timestamp.or(raw.timestamp);
    let block = number(item.block)?;
    let place = Place {
        block: block
            .map(u64::try_from)
            .transpose()
            .map_err(|_| Bad::from("a block number beyond 64 bits: the record is left out"))?,
        index: None,
        time: stamp.and_then(|t| time(t.get())),
    };
    let kind = contract.kind.as_deref().unwrap_or("");
    let (to, value) = match kind {
        "TransferContract" => (v.to_address.as_deref(), number(v.amount)?),
        "TriggerSmartContract" => (v.contract_address.as_deref(), number(v.call_value)?),
        _ => (None, None),
    };
    let to = to.map(|t| cx.party(on, t)).transpose()?;
    let fee = number(ret.and_then(|r| r.fee))?;
    let tx = cx.tx(on, id)?;
    let citation = cx.cite(record, offset);
    let says = AccountTx { from: Some(from), to, value, fee, success: Some(success), ..AccountTx::default() };
    cx.builder.account_tx(tx, place, says, citation);
    if kind == "TransferAssetContract" && success {
        let missing = "a transfer of a TRC-10 token lacks its name, recipient or amount: it is left out";
        // TRC-10 tokens are named by a number in hexadecimal text or in plain; the text is the key.
        let name = v.asset_name.as_deref().filter(|n| n.len() <= super::context::MAX_NAME).ok_or(missing)?;
        let to = cx.party(on, v.to_address.as_deref().ok_or(missing)?)?;
        let amount = Amount::Units(number(v.amount)?.ok_or(missing)?);
        let asset = cx.builder.asset(on.key, Some(&format!("trc10:{name}")))?;
        let step = Step::Token(None);
        cx.builder.transfer(Transfer { tx, asset, from, to, amount, step, citation })?;
    }
    Ok(())
}
