//! A trace for people: what entered, where it is now, why it ends there, who is exposed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use palisade_money::ledger::AssetId;
use palisade_money::taint::Method;
use palisade_money::trace::{Reason, Terminal};

use super::{Told, plain};
use crate::output::{count, plural};

/// Rows of one list.
const SHOWN: usize = 25;

/// What a reason means.
pub fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Resting => "rests there",
        Reason::NoData => "what it did next is not in the ledgers",
        Reason::Service => "pooled by a service",
        Reason::MixerOrBridge => "into a mixer, bridge or swapper",
        Reason::Limit => "beyond a limit, the floor or the end date",
        Reason::Burnt => "burnt or paid as fees",
    }
}

/// The trace in words.
pub fn write(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let t = &told.followed.trace;
    let ledger = &told.read.funds.ledger;
    writeln!(
        out,
        "{} in {}; {} tainted, {} reached, rule: {}",
        plural(ledger.txs.id.len() as u64, "transaction"),
        plural(told.read.files, "file"),
        plural(t.edges.len() as u64, "transfer"),
        plural(t.reached.len() as u64, "holding"),
        t.method.name()
    )?;
    if t.method == Method::Poison {
        writeln!(out, "Poison is an upper bound: everything that touched it counts as a whole.")?;
    }
    let mut by_asset: BTreeMap<AssetId, Vec<&Terminal>> = BTreeMap::new();
    for x in &t.terminals {
        by_asset.entry(x.asset).or_default().push(x);
    }
    for (asset, mut ends) in by_asset {
        ends.sort_by(|a, b| b.amount.cmp(&a.amount).then(a.party.cmp(&b.party)));
        let entered = told.entered(asset);
        writeln!(out)?;
        match entered {
            0 => writeln!(
                out,
                "{}",
                plain(&told.sum(asset, ends.iter().map(|e| e.amount).fold(0, u128::saturating_add)))
            )?,
            n => writeln!(out, "{} entered; it is now", plain(&told.sum(asset, n)))?,
        }
        for end in ends.iter().take(SHOWN) {
            let share = told.share(asset, end.amount).map(|s| percent(&s)).unwrap_or_default();
            let who = told.who(end.party);
            writeln!(
                out,
                "  {:>28} {share:>7}  {}  {}{}{}",
                plain(&told.sum(asset, end.amount)),
                plain(told.address(end.party)),
                because(end.reason),
                if who.is_empty() { "" } else { ": " },
                plain(&who)
            )?;
        }
        more(out, ends.len())?;
    }
    if !t.exposure.is_empty() {
        writeln!(out, "\nExposure to labelled parties")?;
        for x in t.exposure.iter().take(SHOWN) {
            writeln!(
                out,
                "  {:<10} {}  direct {}, indirect {}, {} away{}  [{}]",
                x.kind.name(),
                plain(&x.actor),
                plain(&told.sum(x.asset, x.direct)),
                plain(&told.sum(x.asset, x.indirect)),
                plural(u64::from(x.hops), "transfer"),
                if x.then { "" } else { ", the label did not hold then" },
                plain(&x.source)
            )?;
        }
        more(out, t.exposure.len())?;
    }
    for p in told.followed.peels.iter().take(SHOWN) {
        writeln!(
            out,
            "\nPeel chain of {} from {} to {}",
            plural(p.txs.len() as u64, "transaction"),
            p.txs.first().map_or("", |x| told.tx(*x)),
            plain(told.address(p.tail))
        )?;
    }
    for d in told.followed.deposits.iter().take(SHOWN) {
        writeln!(
            out,
            "\n{} passes what it gets to {}: an address of a customer there, whom the service knows",
            plain(told.address(d.party)),
            plain(&d.actor)
        )?;
    }
    if !told.followed.hypotheses.is_empty() {
        writeln!(out, "\nGuesses of what came out of mixers and bridges (amount and time fit; no facts)")?;
        let mut all: Vec<_> = told.followed.hypotheses.iter().collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        let moves = &ledger.moves;
        for h in all.iter().take(10) {
            let to = usize::try_from(h.withdrawal).ok().and_then(|n| moves.to.get(n));
            writeln!(
                out,
                "  {:.2}  to {}, one of {}",
                h.score,
                to.map_or(String::new(), |p| plain(told.address(*p))),
                plural(h.candidates as u64, "withdrawal")
            )?;
        }
    }
    writeln!(out)?;
    if !t.needs.is_empty() {
        writeln!(
            out,
            "{} would show more: their transactions are missing.",
            plural(t.needs.len() as u64, "address")
        )?;
    }
    for (what, cuts) in [("below the floor", &t.below_floor), ("beyond the limits", &t.beyond_limits)] {
        for (asset, cut) in cuts {
            writeln!(
                out,
                "Not followed, {what}: {} with {}",
                plural(cut.edges, "transfer"),
                plain(&told.sum(*asset, cut.amount))
            )?;
        }
    }
    if t.tally.short > 0 {
        writeln!(
            out,
            "{} sent more than the ledgers explain: the difference is of unknown origin, neither clean nor tainted.",
            plural(t.tally.short, "transfer")
        )?;
    }
    if t.method != Method::Poison {
        writeln!(out, "The amounts add up: what entered is what rests, was burnt, or paid as fees.")?;
    }
    Ok(())
}

fn percent(share: &str) -> String {
    let number: f64 = share.parse().unwrap_or(0.0);
    format!("{:.2} %", number * 100.0)
}

fn more(out: &mut dyn Write, all: usize) -> io::Result<()> {
    if all > SHOWN {
        writeln!(out, "  … {} more (--format ndjson has all)", count((all - SHOWN) as u64))?;
    }
    Ok(())
}
