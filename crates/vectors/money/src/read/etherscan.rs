//! CSV exports of an account by Etherscan and its sister sites: transactions, internal transactions, token transfers.
//!
//! Headers have changed over the years, and two of them carry prices in their names, so columns are found by what their names
//! begin with. Amounts have a decimal point and thousands commas; tokens come without their decimals. An export ends at 5,000
//! rows without saying so.
//!
//! What this never does: read prices, or believe a symbol.

use std::cell::RefCell;
use std::io::Read;

use palisade_model::ProblemCode;

use crate::ledger::{AccountTx, Amount, PartyKey, Place, Step, Transfer};

use super::amount::{decimal, time, units, unsettled, whole};
use super::context::{Bad, Context, On};
use super::csv;

/// The site's limit of one export.
pub const EXPORT_LIMIT: u64 = 5_000;

/// Decimals of the coin of every EVM chain.
const DECIMALS: u8 = 18;

/// Coins of the sister sites' chains.
const COINS: [(&str, &str); 8] = [
    ("eth", "ethereum"),
    ("bnb", "eip155:56"),
    ("matic", "eip155:137"),
    ("pol", "eip155:137"),
    ("avax", "eip155:43114"),
    ("ftm", "eip155:250"),
    ("xdai", "eip155:100"),
    ("celo", "eip155:42220"),
];

/// Where columns are.
#[derive(Default, Clone)]
struct Columns {
    tx: Option<usize>,
    block: Option<usize>,
    unix: Option<usize>,
    date: Option<usize>,
    from: Option<usize>,
    to: Option<usize>,
    contract: Option<usize>,
    value_in: Option<usize>,
    value_out: Option<usize>,
    fee: Option<usize>,
    status: Option<usize>,
    error: Option<usize>,
    token_value: Option<usize>,
    symbol: Option<usize>,
    internal: bool,
    coin: Option<String>,
}

fn columns(names: &[&str]) -> Columns {
    let exact = |wanted: &[&str]| names.iter().position(|n| wanted.contains(n));
    let begins = |start: &str| names.iter().position(|n| n.starts_with(start) && !n.ends_with("(usd)"));
    let value_in = begins("value_in(");
    let coin =
        value_in.and_then(|n| names[n].strip_prefix("value_in(")?.strip_suffix(')')).map(str::to_owned);
    Columns {
        tx: exact(&["transaction hash", "txhash"]),
        block: exact(&["blockno", "blocknumber", "block"]),
        unix: exact(&["unixtimestamp"]),
        date: begins("datetime"),
        from: exact(&["from"]),
        to: exact(&["to", "txto"]),
        contract: exact(&["contractaddress"]),
        value_in,
        value_out: begins("value_out("),
        fee: begins("txnfee("),
        status: exact(&["status"]),
        error: exact(&["errcode"]),
        token_value: exact(&["tokenvalue"])
            .or_else(|| exact(&["value"]).filter(|_| exact(&["tokensymbol"]).is_some())),
        symbol: exact(&["tokensymbol"]),
        internal: exact(&["parenttxfrom", "parenttxeth_value", "txto"]).is_some(),
        coin,
    }
}

/// Whether a header (lower case) is one of theirs.
pub(super) fn known(names: &[&str]) -> bool {
    let c = columns(names);
    let placed =
        c.tx.is_some() && c.from.is_some() && c.to.is_some() && (c.unix.is_some() || c.date.is_some());
    let native = c.value_in.is_some() && c.value_out.is_some();
    let token = c.token_value.is_some() && c.contract.is_some() && c.symbol.is_some();
    placed && (native || token)
}

pub(super) fn read(stream: &mut dyn Read, cx: &mut Context<'_>) {
    let found: RefCell<Option<(Columns, On)>> = RefCell::new(None);
    let rows = csv::each(
        stream,
        b',',
        cx,
        &mut |names, cx| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if !known(&names) {
                cx.problem(
                    ProblemCode::DamagedHeader,
                    0,
                    "the header is not one of Etherscan's: nothing is read",
                );
                return false;
            }
            let c = columns(&names);
            let coin = c.coin.as_deref().and_then(|coin| COINS.iter().find(|(name, _)| *name == coin));
            match cx.chain(coin.map_or("ethereum", |(_, chain)| chain)) {
                Ok(on) => {
                    found.replace(Some((c, on)));
                    true
                }
                Err(bad) => {
                    cx.outcome(0, Err(bad));
                    false
                }
            }
        },
        &mut |record, number, cx| {
            if let Some((c, on)) = &*found.borrow() {
                let done = row(c, *on, record, number, cx);
                cx.outcome(record.offset, done);
            }
        },
    );
    if rows == EXPORT_LIMIT {
        cx.problem(
            ProblemCode::Limit,
            0,
            "exactly 5,000 rows, at which the site ends an export without saying so: export smaller spans of time as well",
        );
    }
}

fn row(c: &Columns, on: On, r: &csv::Records<'_>, number: u64, cx: &mut Context<'_>) -> Result<(), Bad> {
    let cell = |n: Option<usize>| n.map_or("", |n| r.get(n).trim());
    let stamp = time(cell(c.unix)).or_else(|| time(cell(c.date)));
    let block = match cell(c.block) {
        "" => None,
        t => Some(
            u64::try_from(whole(t)?)
                .map_err(|_| Bad::from("a block number beyond 64 bits: the record is left out"))?,
        ),
    };
    let place = Place { block, index: None, time: stamp };
    let citation = cx.cite(number, r.offset);
    let contract = Some(cell(c.contract)).filter(|t| !t.is_empty());
    if let Some(value) = c.token_value {
        let token = cx.contract(on, contract.ok_or("a token transfer without token: it is left out")?)?;
        let (from, to) = (cx.holder(on, cell(c.from))?, cx.holder(on, cell(c.to))?);
        let amount = unsettled(r.get(value))?;
        let tx = cx.tx(on, cell(c.tx))?;
        let asset = cx.builder.asset(on.key, Some(&token))?;
        cx.builder.describe(asset, cell(c.symbol), None);
        cx.builder.account_tx(tx, place, AccountTx::default(), citation);
        cx.builder.transfer(Transfer { tx, asset, from, to, amount, step: Step::Token(None), citation })?;
        return Ok(());
    }
    let coins = |n: Option<usize>| match cell(n) {
        "" => Ok(0),
        t => decimal(t).and_then(|d| units(d, DECIMALS)),
    };
    let (value_in, value_out) = (coins(c.value_in)?, coins(c.value_out)?);
    if value_in > 0 && value_out > 0 && value_in != value_out {
        return Err("a value that comes in and another that goes out in one row: it is left out".into());
    }
    let value = value_in.max(value_out);
    let from = cx.party(on, cell(c.from))?;
    // A transaction without recipient makes a contract.
    let to = match (cell(c.to), contract) {
        ("", None) => None,
        ("", Some(made)) => Some(cx.party(on, made)?),
        (to, _) => Some(cx.party(on, to)?),
    };
    let status = cell(c.status).to_lowercase();
    let failed = !cell(c.error).is_empty() || ["error", "fail", "revert"].iter().any(|w| status.contains(w));
    let tx = cx.tx(on, cell(c.tx))?;
    if c.internal {
        cx.builder.account_tx(tx, place, AccountTx::default(), citation);
        if !failed && value > 0 {
            let asset = cx.builder.asset(on.key, None)?;
            let amount = Amount::Units(value);
            let to = to.unwrap_or(PartyKey::NOBODY);
            cx.builder.transfer(Transfer {
                tx,
                asset,
                from,
                to,
                amount,
                step: Step::Internal(None),
                citation,
            })?;
        }
        return Ok(());
    }
    let fee = match cell(c.fee) {
        "" => None,
        t => Some(decimal(t).and_then(|d| units(d, DECIMALS))?),
    };
    let says = AccountTx {
        from: Some(from),
        to,
        value: Some(value),
        fee,
        success: Some(!failed),
        ..AccountTx::default()
    };
    cx.builder.account_tx(tx, place, says, citation);
    Ok(())
}
