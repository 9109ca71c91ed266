//! A trace for people: what entered, where it is now, why it ends there, who is exposed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use palisade_money::ledger::AssetId;
use palisade_money::taint::Method;
use palisade_money::trace::swaps::{Basis, Doubt};
use palisade_money::trace::{Reason, Terminal};

use super::{Told, owners, plain};
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
        Reason::Limit => "sent on from there, beyond a limit or below the floor",
        Reason::Burnt => "burnt or paid as fees",
        Reason::Created => "was made there: mined, minted, a reward",
        Reason::BeforeLedger => "was there before the ledgers say how it came",
    }
}

/// What a reason means where the question is where funds came from.
pub fn origin(reason: Reason) -> &'static str {
    match reason {
        Reason::Service => "paid by a service out of its own",
        Reason::MixerOrBridge => "out of a mixer, bridge or swapper",
        Reason::Limit => "beyond a limit or the floor",
        other => because(other),
    }
}

/// The trace in words.
pub fn write(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let t = &told.followed.trace;
    let ledger = &told.read.funds.ledger;
    let back = told.followed.backward;
    writeln!(
        out,
        "{} in {}; {} {}, {} reached, rule: {}{}",
        plural(ledger.txs.id.len() as u64, "transaction"),
        plural(told.read.files, "file"),
        plural(t.edges.len() as u64, "transfer"),
        if back { "on the way there" } else { "tainted" },
        plural(t.reached.len() as u64, "holding"),
        t.method.name(),
        if back { ", backward" } else { "" }
    )?;
    if t.method == Method::Poison {
        writeln!(out, "Poison is an upper bound: everything that touched it counts as a whole.")?;
    }
    let asked = told.asked();
    let asked: Vec<String> = asked.iter().skip(1).map(|(name, value)| format!("{name}: {value}")).collect();
    writeln!(out, "Asked: {}", plain(&asked.join("; ")))?;
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
            n if back => writeln!(out, "{} was there; it came from", plain(&told.sum(asset, n)))?,
            n => writeln!(
                out,
                "{} entered{}; it is now",
                plain(&told.sum(asset, n)),
                plain(&told.swapped(asset))
            )?,
        }
        for end in ends.iter().take(SHOWN) {
            let share = told.share(asset, end.amount).map(|s| percent(&s)).unwrap_or_default();
            let who = told.who(end.party);
            writeln!(
                out,
                "  {:>28} {share:>7}  {}  {}{}{}",
                plain(&told.sum(asset, end.amount)),
                plain(told.address(end.party)),
                if back { origin(end.reason) } else { because(end.reason) },
                if who.is_empty() { "" } else { ": " },
                plain(&who)
            )?;
        }
        more(out, ends.len())?;
    }
    if !t.exposure.is_empty() {
        let what = if back { "Sources that are labelled" } else { "Exposure to labelled parties" };
        writeln!(out, "\n{what}")?;
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
    swaps(told, out)?;
    one_owner(told, out)?;
    for p in told.followed.peels.iter().take(SHOWN) {
        writeln!(
            out,
            "\nPeel chain of {} from {} to {}, which got {}; peeled off on the way: {}",
            plural(p.txs.len() as u64, "transaction"),
            p.txs.first().map_or("", |x| told.tx(*x)),
            plain(told.address(p.tail)),
            plain(&told.sum(p.asset, p.rest)),
            plain(&told.sum(p.asset, p.peeled.iter().map(|x| x.1).fold(0, u128::saturating_add)))
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
    for s in told.followed.splittings.iter().take(SHOWN) {
        writeln!(
            out,
            "\n{} split {} over {} within a day{}",
            plain(told.address(s.party)),
            plain(&told.sum(s.asset, s.amount)),
            plural(s.parts.len() as u64, "address"),
            match s.collector {
                Some(c) => format!("; most of it meets again at {}", plain(told.address(c))),
                None => String::new(),
            }
        )?;
    }
    more(out, told.followed.splittings.len())?;
    for f in told.followed.fakes.iter().take(SHOWN) {
        writeln!(
            out,
            "\nNot what it is called: {} moves of \"{}\" are of {}, not of {}",
            count(f.moves),
            plain(&f.symbol),
            plain(told.contract(f.asset)),
            f.imitates.unwrap_or("the chain's own coin")
        )?;
    }
    more(out, told.followed.fakes.len())?;
    for p in told.followed.poisonings.iter().take(SHOWN) {
        writeln!(
            out,
            "\nPoisoned address book: {} looks like {}, which {} deals with",
            plain(told.address(p.lookalike)),
            plain(told.address(p.imitates)),
            plain(told.address(p.victim))
        )?;
    }
    more(out, told.followed.poisonings.len())?;
    let guesses = &told.followed.guesses;
    if !guesses.found.is_empty() {
        writeln!(out, "\nGuesses of what came out of mixers and bridges (amount and time fit; no facts)")?;
        let mut all: Vec<_> = guesses.found.iter().collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        for h in all.iter().take(10) {
            writeln!(
                out,
                "  {:.2}  {} to {}, one of {}{}{}",
                h.score,
                plain(&told.sum(h.asset, h.amount)),
                plain(told.address(h.to)),
                plural(h.candidates as u64, "withdrawal"),
                if h.same_actor { "" } else { ", of the same kind only" },
                if h.by_value { ", compared by value" } else { "" }
            )?;
        }
    }
    for note in unguessed(told) {
        writeln!(out, "{note}")?;
    }
    writeln!(out)?;
    if !t.needs.is_empty() {
        writeln!(
            out,
            "{} would show more: their transactions are missing.",
            plural(t.needs.len() as u64, "address")
        )?;
    }
    if t.tally.short > 0 {
        writeln!(
            out,
            "{} sent more than the ledgers explain: the difference is of unknown origin, neither clean nor tainted.",
            plural(t.tally.short, "transfer")
        )?;
    }
    if t.method != Method::Poison {
        let what = match back {
            true => "The amounts add up: what was there is what came.",
            false => {
                "The amounts add up: what entered is what rests, was burnt or paid as fees, or was sent on beyond a limit."
            }
        };
        writeln!(out, "{what}")?;
    }
    Ok(())
}

/// What could not be guessed at, in sentences.
pub fn unguessed(told: &Told<'_>) -> Vec<String> {
    let g = &told.followed.guesses;
    let mut out = Vec::new();
    if g.unpriced > 0 {
        out.push(format!(
            "{} with a swapper could have come out in another asset: these are compared by value, which needs --prices \
             with both assets on these days.",
            plural(g.unpriced, "deposit")
        ));
    }
    if g.deposits_left_out > 0 {
        out.push(format!("{} were not guessed at: too many.", plural(g.deposits_left_out, "deposit")));
    }
    if g.left_out > 0 {
        out.push(format!("{} more guesses are left out.", count(g.left_out)));
    }
    out
}

/// What went into another asset, and what only looks so.
fn swaps(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let lines = swap_lines(told);
    if !lines.is_empty() {
        writeln!(out, "\nSwaps on the way")?;
    }
    for (line, _) in lines.iter().take(SHOWN) {
        writeln!(out, "  {}", plain(line))?;
    }
    more(out, lines.len())
}

/// Swaps in words, and whether each is followed; those that are not come last.
pub fn swap_lines(told: &Told<'_>) -> Vec<(String, bool)> {
    let m = &told.read.funds.ledger.moves;
    let sides = |pay: u64, get: u64| {
        let (p, g) = (usize::try_from(pay).ok()?, usize::try_from(get).ok()?);
        let paid = told.sum(*m.asset.get(p)?, *m.amount.get(p)?);
        let got = told.sum(*m.asset.get(g)?, *m.amount.get(g)?);
        let (who, to, by) = (told.address(m.from[p]), told.address(m.to[p]), told.address(m.from[g]));
        let with = if to == by { to.to_owned() } else { format!("{to} and {by}") };
        Some(format!("{who} paid {paid} and got {got}, with {with} in {}", told.tx(m.tx[p])))
    };
    let followed = told.followed.swaps.iter().filter_map(|b| {
        let note = if b.compared { "" } else { "; there is no other price to compare with" };
        Some((format!("{} ({}{note})", sides(b.swap.pay, b.swap.get)?, basis(b.basis)), true))
    });
    let doubted = told.followed.doubted.iter().filter_map(|(s, doubt)| {
        Some((format!("{}: not followed as a swap, {}", sides(s.pay, s.get)?, doubtful(*doubt)), false))
    });
    followed.chain(doubted).collect()
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Wrapped => "wrapped one to one",
        Basis::Labelled => "with a labelled party",
        Basis::Known => "of known assets",
    }
}

fn doubtful(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Unknown => "nobody vouches for what was got: a label would",
        Doubt::Price => "others paid a very different price",
        Doubt::Shared => "somebody who paid nothing got of it, too",
    }
}

/// Addresses on the way that have one owner.
fn one_owner(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let all = &told.followed.owners;
    if !all.owners.is_empty() {
        writeln!(
            out,
            "\nAddresses of one owner, by who signs together and where change goes (no facts; --reject-link)"
        )?;
    }
    for (n, owner) in all.owners.iter().enumerate().take(SHOWN) {
        writeln!(
            out,
            "  owner {}: {} here, {} in the ledgers",
            n + 1,
            plural(owner.members.len() as u64, "address"),
            count(owner.addresses as u64)
        )?;
        for member in owner.members.iter().take(SHOWN) {
            let why = owners::because(told, member);
            writeln!(
                out,
                "    {}{}{}",
                plain(told.address(member.party)),
                if why.is_empty() { "" } else { ": " },
                plain(&why)
            )?;
        }
        more(out, owner.members.len())?;
    }
    more(out, all.owners.len())?;
    for (a, b) in &all.still {
        writeln!(
            out,
            "  {} and {} are still tied: too many transactions say so",
            plain(told.address(*a)),
            plain(told.address(*b))
        )?;
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
