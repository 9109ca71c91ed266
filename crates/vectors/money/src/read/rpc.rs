//! Answers of an EVM node to JSON-RPC: `eth_getBlockByNumber` with full transactions, `eth_getTransactionByHash`, receipts
//! (`eth_getTransactionReceipt`, `eth_getBlockReceipts`) and `eth_getLogs`; with the `{"result": …}` around or without.
//!
//! Numbers are hexadecimal and up to 256 bits; what is beyond 128 is a Problem, never cut. Token transfers are the logs of
//! `Transfer(address,address,uint256)`; wrapping and unwrapping a chain's coin at its known contract is read as mint and burn, and
//! the coin's own way is what that contract's code makes it. Calls inside contracts are in no such answer: traces have them.
//!
//! What this never does: take a log of a contract for more than that contract's word on its own token.

use std::borrow::Cow;
use std::io::Read;

use palisade_model::{Citation, ProblemCode, Time};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ledger::{AccountTx, Amount, MAX_STEP, PartyKey, Place, Step, Transfer, known};

use super::amount::AmountError;
use super::context::{Bad, Context, On};
use super::json;

/// Keccak-256 of `Transfer(address,address,uint256)`: ERC-20 with three topics, ERC-721 with four.
const TRANSFER: &str = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/// Of `TransferSingle(address,address,address,uint256,uint256)` and `TransferBatch(…)`: ERC-1155.
const SINGLE: &str = "c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62";
const BATCH: &str = "4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb";
/// Of `Deposit(address,uint256)` and `Withdrawal(address,uint256)`: a wrapped coin.
const WRAP: &str = "e1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c";
const UNWRAP: &str = "7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65";

/// Hexadecimal digits of a word of the EVM.
const WORD: usize = 64;
/// Withdrawals of validators are told in thousand-millionths of the coin.
const GWEI: u128 = 1_000_000_000;

/// One object of any of the answers: which it is, its keys say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    // Of blocks.
    #[serde(borrow)]
    transactions: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    withdrawals: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    number: Option<Cow<'a, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    // Of transactions.
    #[serde(borrow)]
    hash: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    gas_price: Option<Cow<'a, str>>,
    #[serde(borrow)]
    chain_id: Option<Cow<'a, str>>,
    // Of receipts.
    #[serde(borrow)]
    logs: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    gas_used: Option<Cow<'a, str>>,
    #[serde(borrow)]
    effective_gas_price: Option<Cow<'a, str>>,
    #[serde(borrow)]
    contract_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    blob_gas_used: Option<Cow<'a, str>>,
    #[serde(borrow)]
    blob_gas_price: Option<Cow<'a, str>>,
    #[serde(borrow)]
    l1_fee: Option<Cow<'a, str>>,
    // Of logs.
    #[serde(borrow)]
    topics: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    log_index: Option<Cow<'a, str>>,
    #[serde(default)]
    removed: bool,
    // Of several.
    #[serde(borrow)]
    transaction_hash: Option<Cow<'a, str>>,
    #[serde(borrow)]
    transaction_index: Option<Cow<'a, str>>,
    #[serde(borrow)]
    block_number: Option<Cow<'a, str>>,
    #[serde(borrow)]
    block_timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    #[serde(borrow)]
    address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    amount: Option<Cow<'a, str>>,
}

pub(super) fn read(stream: &mut dyn Read, cx: &mut Context<'_>) {
    json::each(stream, cx, &mut |text, record, offset, cx| {
        let at = Here { text, record, offset };
        let done = answer(text, &at, cx);
        cx.outcome(offset, done);
    });
}

/// The object of the source that is being read.
struct Here<'t> {
    text: &'t str,
    record: u64,
    offset: u64,
}

impl Here<'_> {
    /// Where a part of it begins in the source.
    fn offset(&self, part: &str) -> u64 {
        self.offset + (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize) as u64
    }
}

/// Reads the parts of a list, each with an outcome of its own.
fn each(
    parts: &[&RawValue],
    at: &Here<'_>,
    cx: &mut Context<'_>,
    mut one: impl FnMut(&str, Citation, &mut Context<'_>) -> Result<(), Bad>,
) {
    for part in parts {
        let offset = at.offset(part.get());
        let done = one(part.get(), cx.cite(at.record, offset), cx);
        cx.outcome(offset, done);
        if cx.full {
            break;
        }
    }
}

fn parse(text: &str) -> Result<Item<'_>, Bad> {
    serde_json::from_str(text)
        .map_err(|_| "an object that is not as an EVM node writes it: it is left out".into())
}

fn answer(text: &str, at: &Here<'_>, cx: &mut Context<'_>) -> Result<(), Bad> {
    let item = parse(text)?;
    let on = cx.chain("ethereum")?;
    match (item.result, item.error) {
        (_, Some(_)) => Err("an answer that says of an error of the node: nothing was read from it".into()),
        (Some(result), _) if result.get().starts_with('[') => {
            let parts: Vec<&RawValue> = serde_json::from_str(result.get())
                .map_err(|_| Bad::from("an answer whose list is damaged: it is left out"))?;
            each(&parts, at, cx, |part, citation, cx| object(&parse(part)?, on, at, citation, cx));
            Ok(())
        }
        (Some(result), _) => {
            let inner = parse(result.get())?;
            object(&inner, on, at, cx.cite(at.record, at.offset(result.get())), cx)
        }
        (None, _) => object(&item, on, at, cx.cite(at.record, at.offset), cx),
    }
}

fn object(
    item: &Item<'_>,
    on: On,
    at: &Here<'_>,
    citation: Citation,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    match () {
        () if item.topics.is_some() => log(item, None, on, citation, cx),
        () if item.logs.is_some() => receipt(item, on, at, citation, cx),
        () if item.transactions.is_some() => block(item, on, at, cx),
        () if item.hash.is_some() && item.from.is_some() => transaction(item, None, on, citation, cx),
        () => Err("an object that is neither block, transaction, receipt nor log: it is left out".into()),
    }
}

fn block(item: &Item<'_>, on: On, at: &Here<'_>, cx: &mut Context<'_>) -> Result<(), Bad> {
    let time = item.timestamp.as_deref().map(quantity).transpose()?.and_then(seconds);
    let number = number(&item.number)?.ok_or("a block without number is not confirmed: it is left out")?;
    let txs = item.transactions.as_deref().unwrap_or_default();
    if txs.first().is_some_and(|t| t.get().starts_with('"')) {
        return Err("a block with ids only: ask for it with full transactions (second parameter true)".into());
    }
    each(txs, at, cx, |text, citation, cx| transaction(&parse(text)?, time, on, citation, cx));
    let mut nth = 0u32;
    each(item.withdrawals.as_deref().unwrap_or_default(), at, cx, |text, citation, cx| {
        nth = (nth + 1).min(MAX_STEP - 1);
        withdrawal(&parse(text)?, (number, nth, time), on, citation, cx)
    });
    Ok(())
}

/// What a validator takes out: coin that no transaction pays. A block's withdrawals get a transaction of their own.
fn withdrawal(
    item: &Item<'_>,
    (block, nth, time): (u64, u32, Option<Time>),
    on: On,
    citation: Citation,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let missing = "a withdrawal without address or amount: it is left out";
    let to = cx.party(on, item.address.as_deref().ok_or(missing)?)?;
    let amount = quantity(item.amount.as_deref().ok_or(missing)?)?;
    let units = amount.checked_mul(GWEI).ok_or(AmountError::TooLarge)?;
    let tx = cx.builder.tx(on.key, &format!("block-{block}-withdrawals"))?;
    let place = Place { block: Some(block), index: Some(u32::MAX - 2), time };
    cx.builder.account_tx(tx, place, AccountTx { success: Some(true), ..AccountTx::default() }, citation);
    let asset = cx.builder.asset(on.key, None)?;
    let (from, amount, step) = (PartyKey::NOBODY, Amount::Units(units), Step::Native(Some(nth)));
    cx.builder.transfer(Transfer { tx, asset, from, to, amount, step, citation })?;
    Ok(())
}

fn transaction(
    item: &Item<'_>,
    time: Option<Time>,
    on: On,
    citation: Citation,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let id = item.hash.as_deref().ok_or("a transaction without id: it is left out")?;
    if let Some(chain) = &item.chain_id {
        same_chain(quantity(chain)?, cx)?;
    }
    let place = place(item, time)?;
    if place.block.is_none() {
        cx.problem(
            ProblemCode::DamagedPart,
            citation.offset,
            "transactions that are not confirmed: left out, as they may never happen",
        );
        return Ok(());
    }
    let says = AccountTx {
        from: item.from.as_deref().map(|t| cx.party(on, t)).transpose()?,
        to: item.to.as_deref().map(|t| cx.party(on, t)).transpose()?,
        value: native(&item.value)?,
        gas_price: native(&item.gas_price)?,
        wants_receipt: true,
        ..AccountTx::default()
    };
    let tx = cx.tx(on, id)?;
    cx.builder.account_tx(tx, place, says, citation);
    Ok(())
}

/// A signed transaction names its chain by number; one of another chain must not become a payment of this one.
fn same_chain(id: u128, cx: &Context<'_>) -> Result<(), Bad> {
    let name = cx.options.chain.unwrap_or("ethereum");
    let own = match name {
        "ethereum" => Some(1),
        "ethereum-classic" => Some(61),
        other => other.strip_prefix("eip155:").and_then(|n| n.parse().ok()),
    };
    match own {
        Some(own) if own != id => Err(Bad::Record(format!(
            "a transaction of chain {id} among those of {name}: it is left out; name the chain with --chain eip155:{id}"
        ))),
        _ => Ok(()),
    }
}

fn receipt(
    item: &Item<'_>,
    on: On,
    at: &Here<'_>,
    citation: Citation,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let id = item.transaction_hash.as_deref().ok_or("a receipt without transaction: it is left out")?;
    let place = place(item, None)?;
    let used = native(&item.gas_used)?;
    let price = native(&item.effective_gas_price)?;
    // Blobs and, on chains above another, its price are paid besides.
    let blobs = native(&item.blob_gas_used)?.zip(native(&item.blob_gas_price)?);
    let below = native(&item.l1_fee)?;
    let fee = match (used.zip(price), blobs, below) {
        (_, None, None) | (None, _, _) => None,
        (Some((used, price)), blobs, below) => {
            let (blobs, blob_price) = blobs.unwrap_or_default();
            let work = used.checked_mul(price).ok_or(AmountError::TooLarge)?;
            let blob_fee = blobs.checked_mul(blob_price).ok_or(AmountError::TooLarge)?;
            let more = blob_fee.checked_add(below.unwrap_or(0)).ok_or(AmountError::TooLarge)?;
            Some(work.checked_add(more).ok_or(AmountError::TooLarge)?)
        }
    };
    let to = item.to.as_deref().or(item.contract_address.as_deref());
    let says = AccountTx {
        from: item.from.as_deref().map(|t| cx.party(on, t)).transpose()?,
        to: to.map(|t| cx.party(on, t)).transpose()?,
        fee,
        gas_used: used,
        paid_price: price,
        // Before Byzantium (block 4,370,000) receipts have a state root and no status.
        success: item.status.as_deref().map(quantity).transpose()?.map(|s| s != 0),
        ..AccountTx::default()
    };
    let tx = cx.tx(on, id)?;
    cx.builder.account_tx(tx, place, says, citation);
    each(item.logs.as_deref().unwrap_or_default(), at, cx, |text, citation, cx| {
        log(&parse(text)?, Some(says), on, citation, cx)
    });
    Ok(())
}

/// A log; `whole` is what the receipt around it says of the transaction.
fn log(
    item: &Item<'_>,
    whole: Option<AccountTx>,
    on: On,
    citation: Citation,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let topics: Vec<&str> = item.topics.iter().flatten().map(|t| t.strip_prefix("0x").unwrap_or(t)).collect();
    let first = topics.first().copied().unwrap_or("");
    let is = |topic: &str| first.eq_ignore_ascii_case(topic);
    let data = item.data.as_deref().unwrap_or("");
    let data = data.strip_prefix("0x").unwrap_or(data);
    let words = |n: usize| data.get(n * WORD..(n + 1) * WORD);
    let contract = item.address.as_deref().ok_or("a log without contract: it is left out")?;
    if item.removed {
        return Err("logs of blocks that the chain took back: left out".into());
    }
    let wraps = (is(WRAP) || is(UNWRAP)) && known::wraps(cx.options.chain.unwrap_or("ethereum"), contract);
    let (from, to, amount) = match (topics.as_slice(), data.len()) {
        _ if is(SINGLE) || is(BATCH) => return Err(THINGS.into()),
        ([_, _, _, _], 0) if is(TRANSFER) => return Err(THINGS.into()),
        ([_, from, to], _) if is(TRANSFER) && data.len() >= WORD => (*from, *to, words(0)),
        // Contracts older than the standard index nothing.
        ([_], 192) if is(TRANSFER) => (words(0).unwrap_or_default(), words(1).unwrap_or_default(), words(2)),
        ([_, party], WORD) if wraps && is(WRAP) => ("", *party, words(0)),
        ([_, party], WORD) if wraps => (*party, "", words(0)),
        _ if is(TRANSFER) => {
            return Err("a log of a transfer whose parts are not those of any token: it is left out".into());
        }
        // Everything else that contracts say moves nothing.
        _ => return Ok(()),
    };
    let amount = Amount::Units(digits(amount.unwrap_or_default())?);
    let id = item.transaction_hash.as_deref().ok_or("a log without transaction: it is left out")?;
    let token = cx.contract(on, contract)?;
    let from = holder(from, on, cx)?;
    let to = holder(to, on, cx)?;
    let nth = small(&item.log_index)?;
    let place = place(item, None)?;
    let tx = cx.tx(on, id)?;
    let asset = cx.builder.asset(on.key, Some(&token))?;
    cx.builder.account_tx(tx, place, AccountTx::default(), citation);
    cx.builder.transfer(Transfer { tx, asset, from, to, amount, step: Step::Token(nth), citation })?;
    if wraps {
        // The contract is paid what it wraps and pays out what it unwraps, in the call that logs it. A trace has this call with
        // its number, and counts instead; so does the transaction itself where it is that call.
        let vault = cx.party(on, contract)?;
        let itself = whole.is_none_or(|w| w.from == Some(to) && w.to == Some(vault));
        let asset = cx.builder.asset(on.key, None)?;
        let (from, to) = if is(WRAP) { (to, vault) } else { (vault, from) };
        if !(is(WRAP) && itself) {
            let step = Step::Internal(None);
            cx.builder.transfer(Transfer { tx, asset, from, to, amount, step, citation })?;
        }
    }
    Ok(())
}

const THINGS: &str = "transfers of things (ERC-721, ERC-1155), whose value is their number: left out";

/// The party in a word: its last 40 digits; the others must be zero. No word is nobody.
fn holder(word: &str, on: On, cx: &mut Context<'_>) -> Result<PartyKey, Bad> {
    if word.is_empty() {
        return Ok(PartyKey::NOBODY);
    }
    match word.split_at_checked(WORD - 40) {
        Some((zeros, address)) if zeros.bytes().all(|b| b == b'0') && address.len() == 40 => {
            cx.holder(on, &format!("0x{address}"))
        }
        _ => Err("a log whose party is no address: it is left out".into()),
    }
}

fn place(item: &Item<'_>, time: Option<Time>) -> Result<Place, Bad> {
    let own = item.block_timestamp.as_deref().map(quantity).transpose()?.and_then(seconds);
    Ok(Place {
        block: number(&item.block_number)?,
        index: small(&item.transaction_index)?,
        time: time.or(own),
    })
}

fn number(text: &Option<Cow<'_, str>>) -> Result<Option<u64>, Bad> {
    match text.as_deref().map(quantity).transpose()?.map(u64::try_from) {
        None => Ok(None),
        Some(Ok(n)) => Ok(Some(n)),
        Some(Err(_)) => Err("a block number beyond 64 bits: the record is left out".into()),
    }
}

fn small(text: &Option<Cow<'_, str>>) -> Result<Option<u32>, Bad> {
    match text.as_deref().map(quantity).transpose()?.map(u32::try_from) {
        None => Ok(None),
        Some(Ok(n)) if n < MAX_STEP => Ok(Some(n)),
        Some(_) => Err("a position in a block beyond what blocks have: the record is left out".into()),
    }
}

/// An amount of the chain's coin, or one of its prices.
fn native(text: &Option<Cow<'_, str>>) -> Result<Option<u128>, Bad> {
    Ok(text.as_deref().map(quantity).transpose()?)
}

fn seconds(n: u128) -> Option<Time> {
    i64::try_from(n).ok().filter(|n| *n < i64::MAX / 1_000_000).map(Time::from_unix_seconds)
}

/// A number as JSON-RPC writes it.
fn quantity(text: &str) -> Result<u128, AmountError> {
    digits(text.strip_prefix("0x").ok_or(AmountError::Syntax)?)
}

/// Hexadecimal digits, however many: what does not fit is said.
fn digits(text: &str) -> Result<u128, AmountError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(AmountError::Syntax);
    }
    match text.trim_start_matches('0') {
        "" => Ok(0),
        t if t.len() <= 32 => u128::from_str_radix(t, 16).map_err(|_| AmountError::TooLarge),
        _ => Err(AmountError::TooLarge),
    }
}
