//! `palisade trace`: from what a user names to where it went, in the form somebody wants it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use palisade_model::{Limits, Problem, csv_cell, terminal};
use palisade_money::ledger::{AssetId, PartyId, TxId};
use palisade_money::read::Mapping;
use palisade_money::taint::{Method, mul_div};
use palisade_money::trace::{LabelTable, Labels as _, Reason, Terminal, detect::amount};
use palisade_pipeline::{
    FollowSettings, Followed, LedgerSettings, LedgersRead, Prices, Room, Stage, follow, read_ledgers,
};

use crate::args::{MethodName, Trace, TraceFormat};
use crate::errors::{Exit, note, reason};
use crate::inputs;
use crate::output::{Sink, plural};
use crate::progress::Bar;
use crate::times::{Clock, moment, zone};

mod fetch;
mod owners;
mod page;
mod picture;
mod prices;
mod records;
mod words;

/// Longest file of starts, and longest mapping.
const MAX_TEXT: u64 = 64 << 20;

/// Problems told one by one.
const PROBLEMS: usize = 20;

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Method {
        match name {
            MethodName::Poison => Method::Poison,
            MethodName::Haircut => Method::Haircut,
            MethodName::Fifo => Method::Fifo,
            MethodName::Lifo => Method::Lifo,
            MethodName::Tiho => Method::Tiho,
        }
    }
}

/// A trace and all that is needed to tell it.
pub struct Told<'a> {
    read: &'a LedgersRead,
    labels: &'a LabelTable,
    followed: &'a Followed,
    prices: Option<&'a prices::Prices>,
    clock: Clock,
    starts: &'a [String],
    /// Sums of what entered, and why the trace ends where, looked up once.
    entered: BTreeMap<AssetId, Entered>,
    ends: BTreeMap<(PartyId, AssetId), &'a Terminal>,
}

impl Told<'_> {
    fn address(&self, party: PartyId) -> &str {
        if party == PartyId::NOBODY {
            return "nobody";
        }
        self.read.funds.ledger.parties.get(party.0 as usize).map_or("", |p| &p.address)
    }

    fn chain(&self, party: PartyId) -> &str {
        self.read.funds.ledger.parties.get(party.0 as usize).map_or("", |p| &p.chain)
    }

    /// Contract of an asset; empty for a chain's coin.
    fn contract(&self, asset: AssetId) -> &str {
        self.read.funds.ledger.assets.get(asset.0 as usize).and_then(|a| a.contract.as_deref()).unwrap_or("")
    }

    fn tx(&self, tx: TxId) -> &str {
        self.read.funds.ledger.txs.id.get(tx.0 as usize).map_or("", |t| t)
    }

    /// In the unit people use, with its symbol.
    fn sum(&self, asset: AssetId, units: u128) -> String {
        let (text, symbol) = amount(&self.read.funds.ledger, asset, units);
        let contract =
            || self.read.funds.ledger.assets.get(asset.0 as usize).and_then(|a| a.contract.as_deref());
        match symbol.as_str() {
            // Without a name and decimals: whole numbers of what the contract counts.
            "" => format!("{text} of {}", contract().unwrap_or("an unnamed asset")),
            _ => format!("{text} {symbol}"),
        }
    }

    /// All that entered of an asset; nothing under poison.
    fn entered(&self, asset: AssetId) -> u128 {
        self.entered.get(&asset).map_or(0, Entered::whole)
    }

    /// What swaps did with it, in words; empty if nothing.
    fn swapped(&self, asset: AssetId) -> String {
        let Some(e) = self.entered.get(&asset) else { return String::new() };
        let mut out = String::new();
        if e.came > 0 {
            let _ = write!(out, ", {} by swaps from other assets", self.sum(asset, e.came));
        }
        if e.went > 0 {
            let _ = write!(out, ", {} went into other assets by swaps", self.sum(asset, e.went));
        }
        out
    }

    /// What was asked, and what was cut by it: name and value. Evidence states its range.
    fn asked(&self) -> Vec<(&'static str, String)> {
        let s = &self.followed.settings;
        let mut out = vec![("rule", s.method.name().to_owned())];
        if s.backward {
            out.push(("direction", "backward".into()));
        }
        out.push(("asset", s.asset.clone().unwrap_or_else(|| "all".into())));
        out.push(("until", s.until.map_or_else(|| "the end of the ledgers".into(), |t| self.clock.exact(t))));
        out.push(("floor", s.floor.clone().unwrap_or_else(|| "none".into())));
        out.push(("most transfers in a row", s.max_hops.to_string()));
        out.push(("swaps", if s.swaps { "followed where credible" } else { "not followed" }.into()));
        if !s.rejected.is_empty() {
            out.push(("not believed of owners", s.rejected.join("; ")));
        }
        let t = &self.followed.trace;
        for (name, cuts) in [("below the floor", &t.below_floor), ("beyond the limits", &t.beyond_limits)] {
            for (asset, cut) in cuts {
                let what = plural(cut.edges, "transfer");
                out.push((name, format!("{what} with {}, not followed", self.sum(*asset, cut.amount))));
            }
        }
        out
    }

    /// Why the trace ends at a party, if it does.
    fn end(&self, party: PartyId, asset: AssetId) -> Option<&Terminal> {
        self.ends.get(&(party, asset)).copied()
    }

    /// Share of what entered (what came by swaps included), with six digits; `None` under poison and where nothing
    /// entered.
    fn share(&self, asset: AssetId, units: u128) -> Option<String> {
        let entered = self.entered(asset);
        if entered == 0 {
            return None;
        }
        let millionths = mul_div(units.min(entered), 1_000_000, entered);
        Some(format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000))
    }

    /// Who a party is said to be.
    fn who(&self, party: PartyId) -> String {
        let mut out = String::new();
        for label in self.labels.of(party).iter().take(3) {
            let _ = write!(
                out,
                "{}{} ({})",
                if out.is_empty() { "" } else { ", " },
                label.actor,
                label.kind.name()
            );
        }
        out
    }
}

/// What entered of an asset.
#[derive(Clone, Copy, Default, Debug)]
struct Entered {
    /// At sources.
    created: u128,
    /// By swaps from other assets.
    came: u128,
    /// Left by swaps into other assets.
    went: u128,
}

impl Entered {
    /// What shares are of: all that was ever there at once, so that what goes by a swap and comes back counts once.
    fn whole(&self) -> u128 {
        let rests = self.created.saturating_add(self.came).saturating_sub(self.went);
        match self.created.max(rests) {
            0 => self.came,
            whole => whole,
        }
    }
}

/// Runs the command.
pub fn run(args: &Trace) -> Result<Exit> {
    let shown = args.display_timezone.as_deref().map(|z| zone("--display-timezone", z)).transpose()?;
    let until = args.until.as_deref().map(|t| moment("--until", t, shown.as_ref())).transpose()?;
    let starts = starts(args)?;
    let mapping = args.mapping.as_deref().map(mapping).transpose()?;
    let prices = args.prices.as_deref().map(prices::Prices::read).transpose()?.map(std::sync::Arc::new);
    let labels;
    let follow_settings = FollowSettings {
        starts: starts.clone(),
        separate: args.separate,
        method: args.method.into(),
        asset: args.asset.clone(),
        until,
        floor: args.floor.clone(),
        max_hops: args.max_hops,
        backward: args.backward,
        swaps: !args.no_swaps,
        rejected: lines("what is rejected", &args.reject_link, &['#'])?,
        prices: prices.clone().map(|p| Prices(std::sync::Arc::new(move |a, n, t| p.value(a, n, t)))),
    };
    let mut paths = args.ledger.clone();
    let mut source = match (&args.fetch, &args.fetch_to) {
        (Some(url), Some(dir)) => {
            paths.push(dir.clone());
            let mut source = fetch::Fetch::new(url, dir, args.fetch_limit, args.chain.as_deref())?;
            if let Some(range) = &args.fetch_blocks {
                source.blocks(range)?;
            }
            source.ask(&starts, args.quiet)?;
            Some(source)
        }
        _ => None,
    };
    let (read, followed) = loop {
        let settings = LedgerSettings {
            chain: args.chain.clone(),
            mapping: mapping.clone(),
            complete: fetch::complete(&paths)?,
        };
        let bar = Bar::new(!args.quiet);
        let mut show = |stage: Stage, done, all| match stage {
            Stage::Whole => bar.of(done, all, "reading"),
            Stage::Survey => bar.of(done, all, "too large to keep: who dealt with whom"),
            Stage::Choose => bar.of(0, all, &format!("what the trace touches, {done} records")),
            Stage::Chosen => bar.of(done, all, "keeping what the trace touches"),
        };
        let room = Room { memory: args.memory as u64, starts: &starts, backward: args.backward };
        let read = read_ledgers(&paths, &args.labels, &settings, Limits::default(), room, &mut show)?;
        bar.clear();
        if let Some(s) = read.selected.filter(|_| !args.quiet) {
            note(&format!(
                "the ledgers are larger than the memory allowed (--memory): of {} rows the {} are kept that the trace can \
                 touch; what others send it counts as of unknown origin",
                s.records, s.rows
            ));
        }
        if read.funds.is_empty() && read.selected.is_none() {
            if !args.quiet {
                tell(&read.problems);
            }
            bail!(
                "nothing in {} is a ledger that Palisade can read; docs/formats/ledger.md lists the formats, --mapping \
                 describes other tables",
                joined(&paths)
            );
        }
        let known = read.funds.labels();
        let followed = follow(&read.funds, &known, &follow_settings)?;
        let missing = missing(&read, &followed);
        let asked = match &mut source {
            Some(source) if source.may_ask() => source.ask(&missing, args.quiet)?,
            _ => 0,
        };
        if asked == 0 {
            if !args.quiet {
                tell(&read.problems);
            }
            labels = known;
            break (read, followed);
        }
        if !args.quiet {
            note(&format!("fetched the transactions of {}", plural(asked as u64, "address")));
        }
    };
    if let Some(prices) = &prices {
        prices.check(&read.funds.ledger.assets)?;
    }
    let told = Told {
        read: &read,
        labels: &labels,
        followed: &followed,
        prices: prices.as_deref(),
        clock: Clock::new(shown, args.display_timezone.clone()),
        starts: &starts,
        entered: entered(&followed),
        ends: ends(&followed),
    };
    let mut sink = Sink::open(args.output.as_deref())?;
    let written = sink.step(|out| match args.format {
        TraceFormat::Table => words::write(&told, out),
        TraceFormat::Json => records::json(&told, out),
        TraceFormat::Ndjson => records::ndjson(&told, out),
        TraceFormat::Dot => picture::dot(&told, out),
        TraceFormat::Html => page::write(&told, out),
    });
    if let (Err(text), failure) = (written, sink.failure()) {
        return Err(failure.unwrap_or_else(|| anyhow!(text)));
    }
    sink.close()?;
    if let Some(file) = &args.needs {
        needs(&told, file)?;
    } else if !followed.trace.needs.is_empty() && !args.quiet {
        note(&format!(
            "the trace goes on at {} whose transactions are not in the ledgers; --needs FILE lists them{}",
            plural(followed.trace.needs.len() as u64, "address"),
            if source.is_some_and(|s| !s.may_ask()) { ", --fetch-limit allows to fetch more" } else { "" }
        ));
    }
    if !followed.trace.checks.iter().all(palisade_money::taint::Check::holds) || !followed.trace.adds_up() {
        bail!("the amounts do not add up, which is a defect in Palisade: please report it with the ledger");
    }
    Ok(Exit::Clean)
}

/// Addresses whose transactions are missing, those that received most first.
fn missing(read: &LedgersRead, followed: &Followed) -> Vec<String> {
    let mut received: BTreeMap<PartyId, u128> = BTreeMap::new();
    for r in &followed.trace.reached {
        let most = received.entry(r.party).or_default();
        *most = r.received.max(*most);
    }
    let mut missing = followed.trace.needs.clone();
    missing.sort_by_key(|p| (std::cmp::Reverse(received.get(p).copied().unwrap_or(0)), *p));
    let address = |p: &PartyId| read.funds.ledger.parties.get(p.0 as usize).map(|p| p.address.to_string());
    missing.iter().filter_map(address).collect()
}

fn joined(all: &[std::path::PathBuf]) -> String {
    all.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What entered of each asset.
fn entered(followed: &Followed) -> BTreeMap<AssetId, Entered> {
    let mut sums: BTreeMap<AssetId, Entered> = BTreeMap::new();
    for check in followed.trace.checks.iter().filter(|c| c.tag.source().is_some()) {
        let sum = sums.entry(check.asset).or_default();
        sum.created = sum.created.saturating_add(check.created);
        sum.came = sum.came.saturating_add(check.converted_in);
        sum.went = sum.went.saturating_add(check.converted_out);
    }
    sums
}

/// Why the trace ends at each party; what rests there rather than what went on beyond a limit.
fn ends(followed: &Followed) -> BTreeMap<(PartyId, AssetId), &Terminal> {
    let mut ends: BTreeMap<(PartyId, AssetId), &Terminal> = BTreeMap::new();
    for t in &followed.trace.terminals {
        let end = ends.entry((t.party, t.asset)).or_insert(t);
        if end.reason == Reason::Limit {
            *end = t;
        }
    }
    ends
}

/// What is named on the command line, and in the files named there.
fn starts(args: &Trace) -> Result<Vec<String>> {
    let mut out = args.starts.clone();
    out.extend(lines("the starts", &args.from, &['#', ','])?);
    if out.is_empty() {
        bail!("nothing to start from; name an address or a transaction, or a file of them with --from");
    }
    Ok(out)
}

/// Each as it is, or if it is a file, its lines up to one of these characters.
fn lines(what: &str, all: &[String], end: &[char]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for one in all {
        let path = Path::new(one);
        if !path.is_file() {
            out.push(one.clone());
            continue;
        }
        let text = inputs::text(what, path, MAX_TEXT)?;
        let lines = text.lines().map(|l| l.split(end).next().unwrap_or("").trim());
        out.extend(lines.filter(|l| !l.is_empty()).map(str::to_owned));
    }
    Ok(out)
}

fn mapping(path: &Path) -> Result<Mapping> {
    let text = inputs::text("the mapping", path, MAX_TEXT)?;
    Mapping::parse(&text).with_context(|| format!("cannot use the mapping {}", path.display()))
}

fn tell(problems: &[Problem]) {
    for problem in problems.iter().take(PROBLEMS) {
        note(&problem.to_string());
    }
    if problems.len() > PROBLEMS {
        note(&format!("{} more", plural((problems.len() - PROBLEMS) as u64, "problem")));
    }
}

/// Addresses whose transactions are missing, each with what is known of it: one row for each asset that reached it, one
/// without if none did, as where a trace begins.
fn needs(told: &Told<'_>, file: &Path) -> Result<()> {
    let cannot = |e: io::Error| anyhow!("cannot write to {}: {}", file.display(), reason(&e));
    let out = std::fs::File::create(file).map_err(cannot)?;
    let mut out = csv::Writer::from_writer(io::BufWriter::new(out));
    let t = &told.followed.trace;
    let mut write = || -> io::Result<()> {
        out.write_record(["chain", "address", "received", "asset", "first_time", "first_tx"])?;
        for party in &t.needs {
            let first = t.reached.partition_point(|r| r.party < *party);
            let rows = t.reached[first..].iter().take_while(|r| r.party == *party);
            let mut said: Vec<[String; 4]> = rows
                .map(|r| {
                    let (sum, symbol) = amount(&told.read.funds.ledger, r.asset, r.received);
                    let time = r.first.map(|t| told.clock.exact(t)).unwrap_or_default();
                    [sum, symbol, time, told.tx(r.first_tx).to_owned()]
                })
                .collect();
            if said.is_empty() {
                said.push(Default::default());
            }
            for row in said {
                let cells = [told.chain(*party), told.address(*party)].into_iter();
                let cells = cells.chain(row.iter().map(String::as_str));
                out.write_record(cells.map(|c| csv_cell(c).into_owned()))?;
            }
        }
        out.flush()
    };
    write().map_err(cannot)
}

/// Text from evidence, for a terminal.
fn plain(text: &str) -> String {
    terminal(text).into_owned()
}
