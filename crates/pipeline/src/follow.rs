//! Following funds: from what a user or the evidence names to a trace, its patterns and its findings.
//!
//! What it never does: read a file ([`crate::ledgers`] does), decide under which rule (whoever asks does).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use palisade_model::{Exhibit, Finding, Origin, Problem, ProblemCode, Time, transaction_id};
use palisade_money::Ledger;
use palisade_money::cluster::{Clusters, Owners, Rejection};
use palisade_money::ledger::{Asset, AssetId, OutputId, PartyId, TxId};
use palisade_money::taint::{Entry, MAX_SOURCES, Method, Plan, PlanError, Source, Start, swap::Swap};
use palisade_money::trace::{
    self, Kind, LabelTable, Labels as _, MAX_EDGES, Options, Trace,
    detect::{self, Seen},
    fakes::{self, FakeToken},
    hypotheses::{self, Guesses},
    patterns::{self, DepositAddress, PeelChain, Poisoning, Splitting},
    swaps::{self, Believed, Doubt, Swaps},
};

use crate::ledgers::Funds;

/// What an amount of an asset (in its smallest unit) was worth at a time, in the smallest unit of one currency.
type Worth = dyn Fn(&Asset, u128, Option<Time>) -> Option<u128> + Send + Sync;

/// Prices, however somebody keeps them.
#[derive(Clone)]
pub struct Prices(pub Arc<Worth>);

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prices")
    }
}

/// What to follow.
#[derive(Clone, Debug)]
pub struct FollowSettings {
    /// Addresses, transactions (`id`) or outputs (`id:number`).
    pub starts: Vec<String>,
    /// Each start is a source of its own.
    pub separate: bool,
    /// The rule.
    pub method: Method,
    /// One asset only, by contract, symbol or chain.
    pub asset: Option<String>,
    /// The ledgers end there.
    pub until: Option<Time>,
    /// Least amount of the asset, in the unit people use.
    pub floor: Option<String>,
    /// Most transfers in a row.
    pub max_hops: u32,
    /// Where it came from, not where it went.
    pub backward: bool,
    /// Swaps that are credible are followed into the other asset; else every transfer stays what it is.
    pub swaps: bool,
    /// What an analyst does not believe of owners: two addresses (`a,b`), or a transaction.
    pub rejected: Vec<String>,
    /// To compare what swappers take with what they give.
    pub prices: Option<Prices>,
}

/// Why nothing can be followed. Each stands alone.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FollowError {
    /// No such address or transaction in the ledger.
    #[error("\"{0}\" is neither an address nor a transaction of the ledgers given: {1}")]
    Unknown(String, String),
    /// A transaction without that output, or no number of one.
    #[error("\"{0}\" names no output: {1}")]
    Output(String, String),
    /// No such asset, or several.
    #[error("{0}")]
    Asset(String),
    /// Neither two addresses nor a transaction of the ledgers.
    #[error("cannot reject \"{0}\": {1}")]
    Rejection(String, String),
    /// The rule does not fit.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// A trace with what stands out in it.
#[derive(Debug)]
pub struct Followed {
    /// What was asked.
    pub settings: FollowSettings,
    /// The trace.
    pub trace: Trace,
    /// It says where funds came from.
    pub backward: bool,
    /// Names of the sources, by number.
    pub sources: Vec<String>,
    /// Guesses about what came out of mixers, bridges and swappers.
    pub guesses: Guesses,
    /// Swaps by which what is traced went into another asset.
    pub swaps: Vec<Believed>,
    /// What looks like a swap of what is traced, and was followed as plain transfers.
    pub doubted: Vec<(Swap, Doubt)>,
    /// Chains that peel.
    pub peels: Vec<PeelChain>,
    /// Addresses that pass everything to one exchange.
    pub deposits: Vec<DepositAddress>,
    /// Amounts split and collected again, by who is on the way.
    pub splittings: Vec<Splitting>,
    /// Payments that only look like some.
    pub poisonings: Vec<Poisoning>,
    /// Tokens that bear the symbol of another.
    pub fakes: Vec<FakeToken>,
    /// Which of the addresses on the way have one owner. Output model.
    pub owners: Owners,
    /// What is worth an analyst's look.
    pub findings: Vec<Finding>,
    /// Pictures of it.
    pub exhibits: Vec<Exhibit>,
}

/// Least confidence of a statement that two addresses have one owner.
const OWNER_LEAST: u8 = 60;

/// What a plan needs besides its starts, made once for many.
struct Ground {
    swaps: Swaps,
    peels: Vec<PeelChain>,
    deposits: Vec<DepositAddress>,
}

impl Ground {
    fn new(ledger: &Ledger, labels: &LabelTable, swaps: bool) -> Ground {
        Ground {
            swaps: if swaps { swaps::credible(ledger, labels) } else { Swaps::default() },
            peels: patterns::peel_chains(ledger, labels),
            deposits: patterns::deposit_addresses(ledger, labels),
        }
    }
}

/// The plan of what was asked, and names of its sources.
fn plan(
    funds: &Funds,
    s: &FollowSettings,
    asset: Option<AssetId>,
    ground: &Ground,
) -> Result<(Plan, Vec<String>), FollowError> {
    let mut starts = Vec::new();
    for (n, text) in s.starts.iter().enumerate() {
        let number = if s.separate { n.min(MAX_SOURCES) } else { 0 };
        let source = Source(u16::try_from(number).unwrap_or(u16::MAX));
        starts.extend(entries(funds, text, asset)?.into_iter().map(|entry| Start { source, entry }));
    }
    let sources = match s.separate {
        true => s.starts.clone(),
        false => vec![s.starts.join(", ")],
    };
    let mut plan = Plan::new(s.method, starts);
    plan.swaps = ground.swaps.believed.iter().map(|b| b.swap).collect();
    Ok((plan, sources))
}

/// Findings and pictures of a trace, with the shapes that it goes along.
fn told(
    ledger: &Ledger,
    labels: &LabelTable,
    plan: &Plan,
    trace: &Trace,
    ground: &Ground,
) -> (Vec<Finding>, Vec<Exhibit>, Vec<PeelChain>, Vec<DepositAddress>) {
    let on_the_way: BTreeSet<PartyId> = trace.reached.iter().map(|r| r.party).collect();
    let carried: BTreeSet<TxId> = trace.edges.iter().map(|e| e.tx).collect();
    let peels: Vec<PeelChain> =
        ground.peels.iter().filter(|p| p.txs.iter().any(|t| carried.contains(t))).cloned().collect();
    let deposits: Vec<DepositAddress> =
        ground.deposits.iter().filter(|d| on_the_way.contains(&d.party)).cloned().collect();
    let mut begins: BTreeMap<Source, Vec<PartyId>> = BTreeMap::new();
    for start in &plan.starts {
        if let Entry::Party { party, .. } = start.entry {
            begins.entry(start.source).or_default().push(party);
        }
    }
    let pools = |p: PartyId| labels.of(p).iter().any(|l| l.kind.pools());
    let seen = Seen { ledger, trace, peels: &peels, deposits: &deposits, starts: &begins, pools: &pools };
    let (findings, exhibits) = detect::detect(&seen);
    (findings, exhibits, peels, deposits)
}

/// Follows funds.
///
/// # Errors
/// [`FollowError`].
pub fn follow(funds: &Funds, labels: &LabelTable, s: &FollowSettings) -> Result<Followed, FollowError> {
    let asset = s.asset.as_deref().map(|a| asset(funds, a)).transpose()?;
    let ledger = &funds.ledger;
    let ground = Ground::new(ledger, labels, s.swaps);
    let (plan, sources) = plan(funds, s, asset, &ground)?;
    let rejected = rejections(funds, &s.rejected)?;
    let covered = funds.covered();
    let covered = |p: PartyId| covered.has(p);
    let mut options = Options::new(plan, labels, &covered);
    options.until = s.until;
    options.max_hops = s.max_hops;
    options.max_edges = MAX_EDGES;
    if let (Some(floor), Some(asset)) = (&s.floor, asset) {
        let decimals = ledger.assets.get(asset.0 as usize).and_then(|a| a.decimals).unwrap_or(0);
        let units = units(floor, decimals)
            .ok_or_else(|| FollowError::Asset(format!("\"{floor}\" is no amount of {decimals} decimals")))?;
        options.floor = BTreeMap::from([(asset, units)]);
    }
    let trace =
        if s.backward { trace::backward(ledger, &options)? } else { trace::forward(ledger, &options)? };
    let moved: BTreeSet<(TxId, PartyId, AssetId)> =
        trace.edges.iter().map(|e| (e.tx, e.from, e.asset)).collect();
    let m = &ledger.moves;
    let on = |swap: &Swap| {
        let at = |i: u64| usize::try_from(i).ok().filter(|i| *i < m.tx.len());
        let mut sides = [swap.pay, swap.get].into_iter().filter_map(at);
        sides.any(|i| moved.contains(&(m.tx[i], m.from[i], m.asset[i])))
    };
    let mut out = Followed {
        settings: s.clone(),
        backward: s.backward,
        sources,
        guesses: Guesses::default(),
        swaps: ground.swaps.believed.iter().filter(|b| on(&b.swap)).copied().collect(),
        doubted: ground.swaps.doubted.iter().filter(|d| on(&d.0)).copied().collect(),
        peels: Vec::new(),
        deposits: Vec::new(),
        splittings: Vec::new(),
        poisonings: Vec::new(),
        fakes: fakes::fake_tokens(ledger),
        owners: owners(ledger, labels, &options.plan, &trace, &rejected),
        findings: Vec::new(),
        exhibits: Vec::new(),
        trace,
    };
    // Shapes and findings speak of what was done with funds, so on the way back there are none.
    if !s.backward {
        let worth = |a: AssetId, n: u128, t: Option<Time>| {
            let asset = ledger.assets.get(a.0 as usize)?;
            s.prices.as_ref().and_then(|p| (p.0)(asset, n, t)).map(|w| w as f64)
        };
        let worth: Option<hypotheses::Worth<'_>> = s.prices.is_some().then_some(&worth);
        out.guesses = hypotheses::find(ledger, &out.trace, labels, s.until, worth);
        (out.findings, out.exhibits, out.peels, out.deposits) =
            told(ledger, labels, &options.plan, &out.trace, &ground);
        let on_the_way: BTreeSet<PartyId> = out.trace.edges.iter().map(|e| e.from).collect();
        out.splittings = patterns::splittings(ledger, labels, &|p| on_the_way.contains(&p));
        out.poisonings = patterns::poisonings(ledger);
    }
    Ok(out)
}

/// Who of those on the way is one owner.
fn owners(
    ledger: &Ledger,
    labels: &LabelTable,
    plan: &Plan,
    trace: &Trace,
    rejected: &[Rejection],
) -> Owners {
    if ledger.spends.is_empty() {
        return Owners::default();
    }
    let mut asked: BTreeSet<PartyId> = trace.edges.iter().flat_map(|e| [e.from, e.to]).collect();
    for start in &plan.starts {
        match start.entry {
            Entry::Party { party, .. } => drop(asked.insert(party)),
            Entry::Output { output } => asked.extend(ledger.outputs.party.get(output.0 as usize)),
            Entry::Tx { .. } => {}
        }
    }
    Owners::of(Clusters::build(ledger, labels, OWNER_LEAST, &BTreeSet::new()), &asked, rejected)
}

/// What an analyst does not believe, as the ledger has it.
fn rejections(funds: &Funds, all: &[String]) -> Result<Vec<Rejection>, FollowError> {
    let mut out = Vec::new();
    for text in all {
        let bad = |why: &str| FollowError::Rejection(text.clone(), why.to_owned());
        let Some((a, b)) = text.split_once(',') else {
            let id = transaction_id(text.trim())
                .ok_or_else(|| bad("name two addresses (ADDRESS,ADDRESS) or a transaction"))?;
            let before = out.len();
            out.extend(transactions(&funds.ledger, &id).map(Rejection::Tx));
            if out.len() == before {
                return Err(bad("no ledger has this transaction"));
            }
            continue;
        };
        let find = |text: &str| match funds.parties(text) {
            Ok(parties) if parties.is_empty() => {
                Err(bad(&format!("no ledger has a transaction of {}", text.trim())))
            }
            Ok(parties) => Ok(parties),
            Err(e) => Err(bad(&e.to_string())),
        };
        let (a, b) = (find(a)?, find(b)?);
        let chain = |p: PartyId| funds.ledger.parties.get(p.0 as usize).map(|p| &p.chain);
        let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
        out.extend(pairs.filter(|(a, b)| chain(*a) == chain(*b)).map(|(a, b)| Rejection::Pair(a, b)));
    }
    Ok(out)
}

/// Transactions of this id, on whatever chain.
fn transactions<'l>(ledger: &'l Ledger, id: &'l str) -> impl Iterator<Item = TxId> + 'l {
    ledger.txs.id.iter().enumerate().filter(move |(_, t)| ***t == *id).map(|(n, _)| TxId(n as u32))
}

/// Sources that one trace of an investigation tells apart: every tainted amount holds a part for each.
const MAX_APART: usize = 64;
/// Traces of an investigation; what is left for the last is followed as one source.
const MAX_TRACES: usize = 16;
/// Most pictures of an investigation.
const MAX_PICTURES: usize = 8;

/// What an investigation follows by itself.
pub(crate) struct Watch<'a> {
    /// Wallets that findings name beyond those that are kept.
    pub(crate) left_out: u64,
    /// Wallets that findings of other channels name.
    pub(crate) wallets: &'a BTreeSet<String>,
    /// Wallets of the organisation's own watch-list.
    pub(crate) listed: &'a [String],
}

/// Follows what the evidence itself names: wallets in hostile records, the watch-list, sanctioned and stolen funds.
///
/// Under the haircut rule; a trace of one's own choice is `palisade trace`. Starts are told apart, in several traces if
/// they are many: a start that is paid by another is a finding, which one source for all would hide.
pub(crate) fn detect(funds: &Funds, watch: &Watch<'_>) -> (Vec<Finding>, Vec<Exhibit>, Vec<Problem>) {
    let labels = funds.labels();
    let ledger = &funds.ledger;
    let mut starts: BTreeSet<String> = BTreeSet::new();
    let mut problems = Vec::new();
    let mut tell = |code, message: String| {
        problems.push(Problem::new(code, &Origin::file("ledgers"), None, message));
    };
    for wallet in watch.wallets.iter().chain(watch.listed) {
        // Most wallets of logs are on no ledger that was given.
        let known = funds.parties(wallet).is_ok_and(|p| !p.is_empty());
        let pooled = || {
            let pools = |p: &PartyId| labels.of(*p).iter().any(|l| l.kind.pools());
            funds.parties(wallet).is_ok_and(|p| p.iter().any(pools))
        };
        if known && !burns(wallet) && !pooled() {
            starts.insert(wallet.trim().to_owned());
        }
    }
    starts.extend(bad(ledger, &labels));
    if starts.is_empty() {
        return (Vec::new(), Vec::new(), problems);
    }
    if watch.left_out > 0 {
        let message = format!(
            "{} wallets that findings name are too many to follow; the others are: follow more with `palisade trace`",
            watch.left_out
        );
        tell(ProblemCode::Limit, message);
    }
    let starts: Vec<String> = starts.into_iter().collect();
    let (apart, together) = starts.split_at(starts.len().min(MAX_APART * (MAX_TRACES - 1)));
    let mut groups: Vec<(&[String], bool)> = apart.chunks(MAX_APART).map(|g| (g, true)).collect();
    match together.len() {
        0 => {}
        n if n <= MAX_APART => groups.push((together, true)),
        n => {
            tell(
                ProblemCode::Limit,
                format!(
                    "{n} of {} wallets to follow are followed as one source: what passes between them is told only in \
                     part; `palisade trace` follows those of your choice",
                    starts.len()
                ),
            );
            groups.push((together, false));
        }
    }
    let ground = Ground::new(ledger, &labels, true);
    let covered = funds.covered();
    let covered = |p: PartyId| covered.has(p);
    let (mut findings, mut exhibits): (Vec<Finding>, Vec<Exhibit>) = (Vec::new(), Vec::new());
    for (group, separate) in groups {
        let settings = FollowSettings {
            starts: group.to_vec(),
            separate,
            method: Method::Haircut,
            asset: None,
            until: None,
            floor: None,
            max_hops: trace::MAX_HOPS,
            backward: false,
            swaps: true,
            rejected: Vec::new(),
            prices: None,
        };
        let done = plan(funds, &settings, None, &ground).and_then(|(plan, _)| {
            let mut options = Options::new(plan, &labels, &covered);
            // Findings have no order of interest.
            options.ranked = false;
            let trace = trace::forward(ledger, &options)?;
            let (findings, exhibits, ..) = told(ledger, &labels, &options.plan, &trace, &ground);
            Ok((findings, exhibits))
        });
        match done {
            Ok((more, pictures)) => {
                findings.extend(more);
                // Flows of one asset from other starts are other pictures under one title: the first is kept.
                let fresh = |e: &Exhibit| !exhibits.iter().any(|x: &Exhibit| x.title == e.title);
                let pictures: Vec<Exhibit> = pictures.into_iter().filter(fresh).collect();
                exhibits.extend(pictures);
            }
            Err(e) => tell(ProblemCode::Internal, e.to_string()),
        }
    }
    exhibits.truncate(MAX_PICTURES);
    findings.sort_by(|a, b| (&a.rule.id, a.id).cmp(&(&b.rule.id, b.id)));
    findings.dedup_by_key(|f| f.id);
    (findings, exhibits, problems)
}

/// Addresses that labels call sanctioned or stolen, unless that had ended before the ledgers do.
fn bad(ledger: &Ledger, labels: &LabelTable) -> Vec<String> {
    let last = ledger.txs.time.iter().flatten().max().copied();
    let bad = |l: &trace::Label| {
        let holds = l.until.is_none_or(|until| last.is_some_and(|last| last < until));
        matches!(l.kind, Kind::Sanctioned | Kind::Theft) && holds
    };
    let named = labels.parties().filter(|p| labels.of(*p).iter().any(bad));
    let address = |p: PartyId| ledger.parties.get(p.0 as usize).map(|p| p.address.to_string());
    named.filter_map(address).filter(|a| !burns(a)).collect()
}

/// Whether an address is one that burns what it is sent: nobody's, also where a list has it.
fn burns(address: &str) -> bool {
    let address = address.trim();
    if address == "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb" {
        return true;
    }
    let Some(hex) = address.strip_prefix("0x").filter(|h| h.len() == 40) else { return false };
    let rest = hex.trim_start_matches('0');
    rest.len() <= 2 || rest.eq_ignore_ascii_case("dead")
}

/// Where taint enters, by what somebody names.
fn entries(funds: &Funds, text: &str, asset: Option<AssetId>) -> Result<Vec<Entry>, FollowError> {
    let ledger = &funds.ledger;
    let text = text.trim();
    let none = |why: &str| FollowError::Output(text.into(), why.into());
    let (id, output) = match text.rsplit_once(':') {
        Some((id, n)) if transaction_id(id).is_some() => {
            (id, Some(n.parse::<u32>().map_err(|_| none("behind the colon stands its number, from 0"))?))
        }
        _ => (text, None),
    };
    if let Some(id) = transaction_id(id) {
        let txs: Vec<TxId> = transactions(ledger, &id).collect();
        if let Some(vout) = output.filter(|_| !txs.is_empty()) {
            let o = &ledger.outputs;
            let is = |n: &usize| txs.contains(&o.tx[*n]) && o.vout[*n] == vout;
            let found: Vec<usize> = (0..o.tx.len()).filter(is).collect();
            if found.is_empty() {
                return Err(none("the ledgers have the transaction, but no output of this number"));
            }
            let of = |n: &usize| asset.is_none_or(|a| o.asset.get(*n) == Some(&a));
            let outputs: Vec<Entry> =
                found.into_iter().filter(of).map(|n| Entry::Output { output: OutputId(n as u32) }).collect();
            return match outputs.is_empty() {
                true => Err(none("it is of another asset than the one asked for")),
                false => Ok(outputs),
            };
        }
        // Accounts of some chains look like transactions.
        let account = || funds.parties(text).is_ok_and(|p| !p.is_empty());
        if !txs.is_empty() {
            return Ok(txs.into_iter().map(|tx| Entry::Tx { tx, party: None, asset }).collect());
        }
        if !account() {
            return Err(FollowError::Unknown(text.into(), "no ledger has this transaction".into()));
        }
    }
    let parties = match funds.parties(text) {
        Ok(parties) => parties,
        Err(e) => return Err(FollowError::Unknown(text.into(), e.to_string())),
    };
    if parties.is_empty() {
        return Err(FollowError::Unknown(text.into(), "no ledger has a transaction of this address".into()));
    }
    Ok(parties.into_iter().map(|party| Entry::Party { party, asset, from: TxId(0) }).collect())
}

/// The asset somebody names: a contract, a chain (for its coin), or a symbol that only one has.
fn asset(funds: &Funds, text: &str) -> Result<AssetId, FollowError> {
    let text = text.trim();
    let all = || funds.ledger.assets.iter().enumerate().map(|(n, a)| (AssetId(n as u32), a));
    let (chain, bare) = match text.rsplit_once(':') {
        Some((chain, contract)) if all().any(|(_, a)| *a.chain == *chain) => (Some(chain), contract),
        _ => (None, text),
    };
    let of_chain = |a: &palisade_money::ledger::Asset| chain.is_none_or(|c| *a.chain == *c);
    let contracts: Vec<_> = all()
        .filter(|(_, a)| of_chain(a) && a.contract.as_deref().is_some_and(|c| c.eq_ignore_ascii_case(bare)))
        .collect();
    match contracts.as_slice() {
        [(id, _)] => return Ok(*id),
        [] => {}
        several => {
            let on: Vec<String> = several.iter().map(|(_, a)| format!("{}:{bare}", a.chain)).collect();
            return Err(FollowError::Asset(format!(
                "several chains have the contract {bare}; name one: {}",
                on.join(", ")
            )));
        }
    }
    if let Some((id, _)) = all().find(|(_, a)| a.contract.is_none() && a.chain.eq_ignore_ascii_case(text)) {
        return Ok(id);
    }
    let named: Vec<_> = all().filter(|(_, a)| a.symbol.eq_ignore_ascii_case(text)).collect();
    match named.as_slice() {
        [(id, _)] => Ok(*id),
        [] => {
            let some: Vec<String> = all().take(12).map(|(_, a)| a.symbol.to_string()).collect();
            Err(FollowError::Asset(format!(
                "no asset \"{text}\" in the ledgers; there are {}",
                some.join(", ")
            )))
        }
        several => {
            let one = |a: &palisade_money::ledger::Asset| {
                a.contract.as_deref().map_or_else(|| format!("the coin of {}", a.chain), str::to_owned)
            };
            let several: Vec<String> = several.iter().map(|(_, a)| one(a)).collect();
            let several = several.join(", ");
            Err(FollowError::Asset(format!("several assets call themselves \"{text}\"; name one: {several}")))
        }
    }
}

/// An amount in the smallest unit; `None` if it is none, or finer than the asset.
pub fn units(text: &str, decimals: u8) -> Option<u128> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let part = part.trim_end_matches('0');
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > usize::from(decimals) {
        return None;
    }
    let scale = 10u128.checked_pow(u32::from(decimals))?;
    let part_scale = 10u128.checked_pow(u32::from(decimals) - part.len() as u32)?;
    let part = if part.is_empty() { 0 } else { part.parse::<u128>().ok()?.checked_mul(part_scale)? };
    whole.parse::<u128>().ok()?.checked_mul(scale)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn amounts_are_exact() {
        for (text, decimals, want) in [
            ("1", 18, Some(1_000_000_000_000_000_000)),
            ("0.000000000000000001", 18, Some(1)),
            ("0.0000000000000000001", 18, None),
            ("12.50", 2, Some(1_250)),
            ("1.", 0, Some(1)),
            ("-1", 2, None),
            ("1e3", 2, None),
            ("", 2, None),
            ("340282366920938463463374607431768211456", 0, None),
        ] {
            assert_eq!(units(text, decimals), want, "{text}");
        }
    }
}
