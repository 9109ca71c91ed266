//! A trace for programs: one object, or one per line. Amounts are whole numbers of the smallest unit, as text, with
//! the amount in the unit people use beside them.

use std::io::{self, Write};

use palisade_model::{Citation, Time};
use palisade_money::ledger::AssetId;
use palisade_money::taint::Source;
use palisade_money::trace::Labels as _;
use serde_json::{Map, Value, json};

use super::{Told, owners};

/// An object per line: edges, reached addresses, ends, exposure, guesses, missing addresses, summary.
pub fn ndjson(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    each(told, &mut |record| {
        serde_json::to_writer(&mut *out, &record)?;
        out.write_all(b"\n")
    })
}

/// The same as one object of lists.
pub fn json(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut lists: Map<String, Value> = Map::new();
    lists.insert("format".into(), 1.into());
    each(told, &mut |record| {
        let Value::Object(mut record) = record else { return Ok(()) };
        let kind = record.remove("kind").and_then(|k| k.as_str().map(str::to_owned)).unwrap_or_default();
        if kind == "summary" {
            lists.insert(kind, record.into());
        } else {
            let list = lists.entry(kind).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(list) = list.as_array_mut() {
                list.push(record.into());
            }
        }
        Ok(())
    })?;
    serde_json::to_writer_pretty(&mut *out, &Value::Object(lists))?;
    out.write_all(b"\n")
}

fn time(told: &Told<'_>, time: Option<Time>) -> Value {
    time.map_or(Value::Null, |t| told.clock.exact(t).into())
}

fn asset(told: &Told<'_>, asset: AssetId) -> Value {
    let Some(a) = told.read.funds.ledger.assets.get(asset.0 as usize) else { return Value::Null };
    json!({"chain": a.chain, "contract": a.contract, "symbol": a.symbol, "decimals": a.decimals})
}

fn cited(told: &Told<'_>, c: Citation) -> Value {
    let Some(source) = told.read.sources.get(c.source) else { return Value::Null };
    json!({
        "source": source.origin.to_string(),
        "sha256": source.file.sha256_hex(),
        "record": c.record,
        "offset": c.offset,
    })
}

fn each(told: &Told<'_>, f: &mut dyn FnMut(Value) -> io::Result<()>) -> io::Result<()> {
    let t = &told.followed.trace;
    let decimal = |a, n| palisade_money::trace::detect::amount(&told.read.funds.ledger, a, n).0;
    for e in &t.edges {
        let tainted = e.tainted(t.method);
        let carried: Vec<Value> = e
            .carried
            .iter()
            .map(|(s, n)| json!({"source": told.followed.sources.get(usize::from(s.0)), "amount": n.to_string()}))
            .collect();
        let of = told.read.funds.ledger.assets.get(e.asset.0 as usize);
        let worth = told.prices.zip(of).and_then(|(p, a)| p.worth(a, tainted, e.time));
        let mut record = json!({
            "kind": "edge",
            "tx": told.tx(e.tx),
            "from": told.address(e.from),
            "to": told.address(e.to),
            "asset": asset(told, e.asset),
            "amount": tainted.to_string(),
            "decimal": decimal(e.asset, tainted),
            "share": told.share(e.asset, tainted),
            "transferred": e.amount.to_string(),
            "sources": carried,
            "hops": e.hops,
            "time": time(told, e.time),
            "fee": e.fee,
            "swap": e.swap,
            "own_change": owners::own(told, e),
            "rank": e.rank,
            "citation": cited(told, e.citation),
        });
        if let (Some(worth), Some(prices)) = (worth, told.prices) {
            record["worth"] = json!({"amount": worth, "currency": prices.currency});
        }
        f(record)?;
    }
    for r in &t.reached {
        let end = told.end(r.party, r.asset);
        let labels: Vec<Value> = told
            .labels
            .of(r.party)
            .iter()
            .map(|l| json!({"kind": l.kind.name(), "actor": l.actor, "source": l.source}))
            .collect();
        f(json!({
            "kind": "reached",
            "address": told.address(r.party),
            "chain": told.chain(r.party),
            "asset": asset(told, r.asset),
            "amount": r.received.to_string(),
            "decimal": decimal(r.asset, r.received),
            "share": told.share(r.asset, r.received),
            "resting": r.resting.to_string(),
            "balance": r.balance.to_string(),
            "unknown": r.unknown.to_string(),
            "hops": r.hops,
            "first_time": time(told, r.first),
            "first_tx": told.tx(r.first_tx),
            "rank": r.rank,
            "labels": labels,
            "owner": owners::number(told, r.party),
            "terminal": end.map(|e| e.reason.name()),
        }))?;
    }
    let parts = |parts: &[(Source, u128)]| -> Vec<Value> {
        let name = |s: &Source| told.followed.sources.get(usize::from(s.0));
        parts.iter().map(|(s, n)| json!({"source": name(s), "amount": n.to_string()})).collect()
    };
    for x in &t.terminals {
        f(json!({
            "kind": "terminal",
            "address": told.address(x.party),
            "asset": asset(told, x.asset),
            "amount": x.amount.to_string(),
            "decimal": decimal(x.asset, x.amount),
            "share": told.share(x.asset, x.amount),
            "reason": x.reason.name(),
            "actor": x.actor,
            "sources": parts(&x.parts),
        }))?;
    }
    for x in &t.exposure {
        f(json!({
            "kind": "exposure",
            "address": told.address(x.party),
            "is": x.kind.name(),
            "actor": x.actor,
            "source": x.source,
            "asset": asset(told, x.asset),
            "direct": x.direct.to_string(),
            "indirect": x.indirect.to_string(),
            "hops": x.hops,
            "rule": x.rule.name(),
            "label_held_then": x.then,
            "label_from": time(told, x.from),
            "label_until": time(told, x.until),
        }))?;
    }
    for h in &told.followed.guesses.found {
        let Some(deposit) = t.edges.get(h.deposit) else { continue };
        f(json!({
            "kind": "hypothesis",
            "deposit_tx": told.tx(deposit.tx),
            "withdrawal_tx": told.tx(h.tx),
            "to": told.address(h.to),
            "asset": asset(told, h.asset),
            "amount": h.amount.to_string(),
            "score": h.score,
            "candidates": h.candidates,
            "same_actor": h.same_actor,
            "by_value": h.by_value,
            "note": "a guess from amount and time, never a fact",
        }))?;
    }
    swaps(told, f)?;
    for owner in owners::records(told) {
        f(owner)?;
    }
    for s in &told.followed.splittings {
        f(json!({
            "kind": "splitting",
            "address": told.address(s.party),
            "asset": asset(told, s.asset),
            "amount": s.amount.to_string(),
            "decimal": decimal(s.asset, s.amount),
            "parts": s.parts.iter().map(|p| told.address(*p)).collect::<Vec<_>>(),
            "collector": s.collector.map(|c| told.address(c)),
        }))?;
    }
    for p in &told.followed.peels {
        let peeled = |(to, n): &(_, u128)| json!({"to": told.address(*to), "amount": n.to_string()});
        f(json!({
            "kind": "peel_chain",
            "asset": asset(told, p.asset),
            "transactions": p.txs.iter().map(|x| told.tx(*x)).collect::<Vec<_>>(),
            "peeled": p.peeled.iter().map(peeled).collect::<Vec<_>>(),
            "tail": told.address(p.tail),
            "rest": p.rest.to_string(),
        }))?;
    }
    for x in &told.followed.fakes {
        f(json!({
            "kind": "fake_token",
            "asset": asset(told, x.asset),
            "imitates": x.imitates,
            "moves": x.moves,
        }))?;
    }
    for x in &told.followed.poisonings {
        let n = usize::try_from(x.index).unwrap_or(usize::MAX);
        f(json!({
            "kind": "poisoning",
            "tx": told.read.funds.ledger.moves.tx.get(n).map(|x| told.tx(*x)),
            "victim": told.address(x.victim),
            "lookalike": told.address(x.lookalike),
            "imitates": told.address(x.imitates),
        }))?;
    }
    for party in &t.needs {
        f(json!({"kind": "need", "chain": told.chain(*party), "address": told.address(*party)}))?;
    }
    let checks: Vec<Value> = t
        .checks
        .iter()
        .map(|c| {
            json!({
                "asset": asset(told, c.asset),
                "of": c.tag.source().map_or("unknown".into(), |s| {
                    told.followed.sources.get(usize::from(s.0)).cloned().unwrap_or_default()
                }),
                "created": c.created.to_string(),
                "converted_in": c.converted_in.to_string(),
                "converted_out": c.converted_out.to_string(),
                "resting": c.resting.to_string(),
                "burnt": c.burnt.to_string(),
                "fees": c.fees.to_string(),
                "stopped": c.stopped.to_string(),
                "holds": c.holds(),
            })
        })
        .collect();
    let cut = |cuts: &std::collections::BTreeMap<AssetId, palisade_money::trace::Cut>| -> Vec<Value> {
        let one = |(a, c): (&AssetId, &palisade_money::trace::Cut)| json!({"asset": asset(told, *a), "edges": c.edges, "amount": c.amount.to_string()});
        cuts.iter().map(one).collect()
    };
    let ledger = &told.read.funds.ledger;
    let s = &told.followed.settings;
    let g = &told.followed.guesses;
    f(json!({
        "kind": "summary",
        "until": time(told, s.until),
        "floor": s.floor,
        "max_hops": s.max_hops,
        "asset": s.asset,
        "swaps_followed": s.swaps,
        "adds_up": t.adds_up(),
        "rejected_links": s.rejected,
        "rejected_transactions": told.followed.owners.rejected.iter().map(|x| told.tx(*x)).collect::<Vec<_>>(),
        "guesses_left_out": g.left_out,
        "deposits_not_guessed": g.deposits_left_out,
        "deposits_unpriced": g.unpriced,
        "rule": t.method.name(),
        "backward": told.followed.backward,
        "starts": told.starts,
        "transactions": ledger.txs.id.len(),
        "moves": ledger.moves.tx.len(),
        "outputs": ledger.outputs.tx.len(),
        "parties": ledger.parties.len().saturating_sub(1),
        "conservation": checks,
        "below_floor": cut(&t.below_floor),
        "beyond_limits": cut(&t.beyond_limits),
        "short": t.tally.short,
        "double_spent": t.tally.double_spent,
        "inflated": t.tally.inflated,
        "swaps_dropped": t.tally.swaps_dropped,
        "problems": told.read.problems.len(),
    }))
}

/// Swaps of what is traced: those that are followed, and those that are not with the reason.
fn swaps(told: &Told<'_>, f: &mut dyn FnMut(Value) -> io::Result<()>) -> io::Result<()> {
    let m = &told.read.funds.ledger.moves;
    let one = |pay: u64, get: u64| {
        let (p, g) = (usize::try_from(pay).ok()?, usize::try_from(get).ok()?);
        let side = |i: usize| -> Option<Value> {
            Some(json!({
                "from": told.address(*m.from.get(i)?),
                "to": told.address(*m.to.get(i)?),
                "asset": asset(told, *m.asset.get(i)?),
                "amount": m.amount.get(i)?.to_string(),
            }))
        };
        Some(json!({"kind": "swap", "tx": told.tx(*m.tx.get(p)?), "paid": side(p)?, "got": side(g)?}))
    };
    for b in &told.followed.swaps {
        if let Some(mut record) = one(b.swap.pay, b.swap.get) {
            record["followed"] = true.into();
            record["because"] = b.basis.name().into();
            record["price_compared"] = b.compared.into();
            f(record)?;
        }
    }
    for (swap, doubt) in &told.followed.doubted {
        if let Some(mut record) = one(swap.pay, swap.get) {
            record["followed"] = false.into();
            record["because"] = doubt.name().into();
            f(record)?;
        }
    }
    Ok(())
}
