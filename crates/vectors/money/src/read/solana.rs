//! Transactions as Solana's `getTransaction` gives them, encoding `jsonParsed` or `json`, with or without the JSON-RPC around.
//!
//! What moved is read from the balances before and after, not from instructions: calls between programs are in it whatever
//! they are called. Token accounts are not owners, so balances are netted by owner and mint. Where one transaction takes from
//! several and gives to several, the balances do not say who paid whom: givers and takers are then matched in the order of
//! accounts, which is a convention and not knowledge. The fee is the first signer's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use palisade_model::Time;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ledger::{AccountTx, Amount, AssetKey, MAX_DECIMALS, PartyKey, Place, Step, Transfer, TxKey};

use super::amount::whole;
use super::context::{Bad, Context, On};
use super::json::{self, scalar};

/// Most accounts of a transaction. The runtime's own limit is 256 with look-up tables.
const MAX_ACCOUNTS: usize = 1_024;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<Tx<'a>>,
}

#[derive(Deserialize)]
struct Tx<'a> {
    slot: u64,
    #[serde(rename = "blockTime")]
    time: Option<i64>,
    #[serde(borrow)]
    transaction: Inner<'a>,
    #[serde(borrow)]
    meta: Meta<'a>,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    signatures: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "accountKeys")]
    keys: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    pubkey: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    err: Option<&'a RawValue>,
    fee: u64,
    #[serde(rename = "preBalances")]
    pre: Vec<u64>,
    #[serde(rename = "postBalances")]
    post: Vec<u64>,
    #[serde(borrow, rename = "preTokenBalances")]
    pre_tokens: Option<Vec<Token<'a>>>,
    #[serde(borrow, rename = "postTokenBalances")]
    post_tokens: Option<Vec<Token<'a>>>,
    #[serde(borrow, rename = "loadedAddresses")]
    loaded: Option<Loaded<'a>>,
}

#[derive(Deserialize)]
struct Loaded<'a> {
    #[serde(borrow, default)]
    writable: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    readonly: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Token<'a> {
    #[serde(rename = "accountIndex")]
    account: u32,
    #[serde(borrow)]
    mint: Cow<'a, str>,
    #[serde(borrow)]
    owner: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "uiTokenAmount")]
    amount: TokenAmount<'a>,
}

#[derive(Deserialize)]
struct TokenAmount<'a> {
    #[serde(borrow)]
    amount: Cow<'a, str>,
    decimals: u8,
}

pub(super) fn read(stream: &mut dyn Read, cx: &mut Context<'_>) {
    json::each(stream, cx, &mut |text, record, offset, cx| {
        let done = one(text, record, offset, cx);
        cx.outcome(offset, done);
    });
}

fn one(text: &str, record: u64, offset: u64, cx: &mut Context<'_>) -> Result<(), Bad> {
    let bare = serde_json::from_str::<Tx<'_>>(text).ok();
    let t = match bare {
        Some(t) => t,
        None => serde_json::from_str::<Answer<'_>>(text).ok().and_then(|a| a.result).ok_or(
            "an object that is no transaction as getTransaction gives it (or none was found): it is left out",
        )?,
    };
    let on = cx.chain("solana")?;
    let keys = keys(&t)?;
    if keys.len() > MAX_ACCOUNTS || t.meta.pre.len() != keys.len() || t.meta.post.len() != keys.len() {
        return Err("a transaction whose balances do not fit its accounts: it is left out".into());
    }
    let id = t.transaction.signatures.first().ok_or("a transaction without signature: it is left out")?;
    let payer = cx.party(on, keys.first().ok_or("a transaction without accounts: it is left out")?)?;
    // Whatever is wrong shows before anything is added.
    let parties: Vec<PartyKey> = keys.iter().map(|k| cx.party(on, k)).collect::<Result<_, _>>()?;
    let failed = t.meta.err.is_some_and(|e| e.get() != "null");
    let tokens = if failed { BTreeMap::new() } else { tokens(&t, &keys, on, cx)? };

    let tx = cx.tx(on, id)?;
    let citation = cx.cite(record, offset);
    let place = Place { block: Some(t.slot), index: None, time: t.time.map(Time::from_unix_seconds) };
    let says = AccountTx {
        from: Some(payer),
        fee: Some(u128::from(t.meta.fee)),
        success: Some(!failed),
        ..AccountTx::default()
    };
    cx.builder.account_tx(tx, place, says, citation);
    if failed {
        return Ok(());
    }
    let mut deltas: Vec<(PartyKey, i128)> = Vec::with_capacity(parties.len());
    for (n, party) in parties.iter().enumerate() {
        let fee = if n == 0 { i128::from(t.meta.fee) } else { 0 };
        deltas.push((*party, i128::from(t.meta.post[n]) - i128::from(t.meta.pre[n]) + fee));
    }
    let coin = cx.builder.asset(on.key, None)?;
    let mut step = 0;
    settle(&deltas, coin, tx, citation, &mut step, false, cx)?;
    for (asset, deltas) in tokens {
        settle(&deltas, asset, tx, citation, &mut step, true, cx)?;
    }
    Ok(())
}

/// All accounts in the order of balances: those of the message, then those from look-up tables, where they are not in it yet.
fn keys<'a>(t: &'a Tx<'a>) -> Result<Vec<Cow<'a, str>>, Bad> {
    let mut out = Vec::with_capacity(t.transaction.message.keys.len());
    for raw in &t.transaction.message.keys {
        let key = match raw.get().as_bytes().first() {
            Some(b'"') => scalar(raw.get()),
            _ => serde_json::from_str::<Key<'_>>(raw.get()).ok().map(|k| k.pubkey),
        };
        out.push(key.ok_or("an account without key: the transaction is left out")?);
    }
    if let Some(loaded) = &t.meta.loaded
        && out.len() < t.meta.pre.len()
    {
        out.extend(loaded.writable.iter().chain(&loaded.readonly).cloned());
    }
    Ok(out)
}

type Deltas = BTreeMap<AssetKey, Vec<(PartyKey, i128)>>;

/// Differences by mint, owners in the order of their first account.
fn tokens(t: &Tx<'_>, keys: &[Cow<'_, str>], on: On, cx: &mut Context<'_>) -> Result<Deltas, Bad> {
    let mut net: BTreeMap<(AssetKey, PartyKey), (u32, i128)> = BTreeMap::new();
    let sides = [(t.meta.pre_tokens.as_deref(), -1i128), (t.meta.post_tokens.as_deref(), 1)];
    for (list, sign) in sides {
        for b in list.unwrap_or_default() {
            let mint = cx.contract(on, &b.mint)?;
            let asset = cx.builder.asset(on.key, Some(&mint))?;
            if b.amount.decimals > MAX_DECIMALS {
                return Err(
                    "a token with more decimals than an amount can have: the transaction is left out".into(),
                );
            }
            cx.builder.describe(asset, "", Some(b.amount.decimals));
            // Old answers do not name the owner; the token account itself is the best that is known.
            let owner = match &b.owner {
                Some(owner) => owner,
                None => keys
                    .get(b.account as usize)
                    .ok_or("a token balance of no account: the transaction is left out")?,
            };
            let owner = cx.party(on, owner)?;
            let amount = i128::try_from(whole(&b.amount.amount)?)
                .map_err(|_| Bad::from("a token balance beyond 127 bits: the transaction is left out"))?;
            let slot = net.entry((asset, owner)).or_insert((b.account, 0));
            slot.0 = slot.0.min(b.account);
            slot.1 = slot
                .1
                .checked_add(sign * amount)
                .ok_or("token balances beyond 127 bits: the transaction is left out")?;
        }
    }
    let mut out = Deltas::new();
    let mut list: Vec<_> = net.into_iter().collect();
    list.sort_by_key(|((asset, _), (account, _))| (*asset, *account));
    for ((asset, owner), (_, delta)) in list {
        out.entry(asset).or_default().push((owner, delta));
    }
    Ok(out)
}

/// Turns differences into transfers: givers and takers in order, what is left over from or to nobody (mint, burn, rent, rewards).
fn settle(
    deltas: &[(PartyKey, i128)],
    asset: AssetKey,
    tx: TxKey,
    citation: palisade_model::Citation,
    step: &mut u32,
    token: bool,
    cx: &mut Context<'_>,
) -> Result<(), Bad> {
    let side =
        |sign: i128| deltas.iter().filter(move |d| d.1 * sign > 0).map(move |d| (d.0, (d.1 * sign) as u128));
    let mut give: Vec<(PartyKey, u128)> = side(-1).collect();
    let mut take: Vec<(PartyKey, u128)> = side(1).collect();
    let mut add = |from: PartyKey, to: PartyKey, amount: u128, cx: &mut Context<'_>| {
        *step += 1;
        let step = if token { Step::Token(Some(*step)) } else { Step::Native(Some(*step)) };
        cx.builder.transfer(Transfer { tx, asset, from, to, amount: Amount::Units(amount), step, citation })
    };
    let (mut g, mut k) = (0, 0);
    while g < give.len() && k < take.len() {
        let amount = give[g].1.min(take[k].1);
        add(give[g].0, take[k].0, amount, cx)?;
        give[g].1 -= amount;
        take[k].1 -= amount;
        g += usize::from(give[g].1 == 0);
        k += usize::from(take[k].1 == 0);
    }
    for (from, amount) in give.into_iter().skip(g) {
        add(from, PartyKey::NOBODY, amount, cx)?;
    }
    for (to, amount) in take.into_iter().skip(k) {
        add(PartyKey::NOBODY, to, amount, cx)?;
    }
    Ok(())
}
