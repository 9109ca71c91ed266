//! Following funds: from what a user or the evidence names to a trace, its patterns and its findings.
//!
//! What it never does: read a file ([`crate::ledgers`] does), decide under which rule (whoever asks does).

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Exhibit, Finding, Origin, Problem, ProblemCode, Time, transaction_id};
use palisade_money::Ledger;
use palisade_money::ledger::{AssetId, OutputId, PartyId, TxId};
use palisade_money::taint::{Entry, MAX_SOURCES, Method, Plan, PlanError, Source, Start, swap};
use palisade_money::trace::{
    self, Hypothesis, Kind, LabelTable, Labels as _, MAX_EDGES, Options, Trace,
    detect::{self, Seen},
    fakes::{self, FakeToken},
    hypotheses,
    patterns::{self, DepositAddress, PeelChain, Poisoning, Splitting},
};

use crate::ledgers::Funds;

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
    /// Nothing after this moment.
    pub until: Option<Time>,
    /// Least amount of the asset, in the unit people use.
    pub floor: Option<String>,
    /// Most transfers in a row.
    pub max_hops: u32,
    /// Where it came from, not where it went.
    pub backward: bool,
}

/// Why nothing can be followed. Each stands alone.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FollowError {
    /// No such address or transaction in the ledger.
    #[error("\"{0}\" is neither an address nor a transaction of the ledgers given: {1}")]
    Unknown(String, String),
    /// No such asset, or several.
    #[error("{0}")]
    Asset(String),
    /// The rule does not fit.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// A trace with what stands out in it.
#[derive(Debug)]
pub struct Followed {
    /// The trace.
    pub trace: Trace,
    /// It says where funds came from.
    pub backward: bool,
    /// Names of the sources, by number.
    pub sources: Vec<String>,
    /// Guesses about what came out of mixers and bridges.
    pub hypotheses: Vec<Hypothesis>,
    /// Chains that peel.
    pub peels: Vec<PeelChain>,
    /// Addresses that pass everything to one exchange.
    pub deposits: Vec<DepositAddress>,
    /// Amounts split and collected again.
    pub splittings: Vec<Splitting>,
    /// Payments that only look like some.
    pub poisonings: Vec<Poisoning>,
    /// Tokens that bear the symbol of another.
    pub fakes: Vec<FakeToken>,
    /// What is worth an analyst's look.
    pub findings: Vec<Finding>,
    /// Pictures of it.
    pub exhibits: Vec<Exhibit>,
}

/// Follows funds.
///
/// # Errors
/// [`FollowError`].
pub fn follow(funds: &Funds, labels: &LabelTable, s: &FollowSettings) -> Result<Followed, FollowError> {
    let asset = s.asset.as_deref().map(|a| asset(funds, a)).transpose()?;
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
    plan.swaps = swap::find(&funds.ledger);
    let covered = funds.covered();
    let covered = |p: PartyId| covered.has(p);
    let mut options = Options::new(plan, labels, &covered);
    options.until = s.until;
    options.max_hops = s.max_hops;
    options.max_edges = MAX_EDGES;
    if let (Some(floor), Some(asset)) = (&s.floor, asset) {
        let decimals = funds.ledger.assets.get(asset.0 as usize).and_then(|a| a.decimals).unwrap_or(0);
        let units = units(floor, decimals)
            .ok_or_else(|| FollowError::Asset(format!("\"{floor}\" is no amount of {decimals} decimals")))?;
        options.floor = BTreeMap::from([(asset, units)]);
    }
    let ledger = &funds.ledger;
    if s.backward {
        return Ok(back(ledger, &options, sources)?);
    }
    let trace = trace::forward(ledger, &options)?;
    let on_the_way: BTreeSet<PartyId> = trace.reached.iter().map(|r| r.party).collect();
    let mut peels = patterns::peel_chains(ledger, labels);
    let carried: BTreeSet<TxId> = trace.edges.iter().map(|e| e.tx).collect();
    peels.retain(|p| p.txs.iter().any(|t| carried.contains(t)));
    let mut deposits = patterns::deposit_addresses(ledger, labels);
    deposits.retain(|d| on_the_way.contains(&d.party));
    let hypotheses = hypotheses::find(ledger, &trace, labels);
    let mut begins: BTreeMap<Source, Vec<PartyId>> = BTreeMap::new();
    for start in &options.plan.starts {
        if let Entry::Party { party, .. } = start.entry {
            begins.entry(start.source).or_default().push(party);
        }
    }
    let pools = |p: PartyId| labels.of(p).iter().any(|l| l.kind.pools());
    let seen =
        Seen { ledger, trace: &trace, peels: &peels, deposits: &deposits, starts: &begins, pools: &pools };
    let (findings, exhibits) = detect::detect(&seen);
    let splittings = patterns::splittings(ledger, labels);
    let poisonings = patterns::poisonings(ledger);
    let fakes = fakes::fake_tokens(ledger);
    let backward = false;
    Ok(Followed {
        trace,
        backward,
        sources,
        hypotheses,
        peels,
        deposits,
        splittings,
        poisonings,
        fakes,
        findings,
        exhibits,
    })
}

/// Where funds came from. Shapes and findings speak of what was done with them, so there are none.
fn back(ledger: &Ledger, options: &Options<'_>, sources: Vec<String>) -> Result<Followed, PlanError> {
    Ok(Followed {
        trace: trace::backward(ledger, options)?,
        backward: true,
        sources,
        hypotheses: Vec::new(),
        peels: Vec::new(),
        deposits: Vec::new(),
        splittings: Vec::new(),
        poisonings: Vec::new(),
        fakes: fakes::fake_tokens(ledger),
        findings: Vec::new(),
        exhibits: Vec::new(),
    })
}

/// Sources that an investigation tells apart; more are followed as one.
const MAX_APART: usize = 64;

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
/// One trace under the haircut rule; a trace of one's own choice is `palisade trace`.
pub(crate) fn detect(funds: &Funds, watch: &Watch<'_>) -> (Vec<Finding>, Vec<Exhibit>, Vec<Problem>) {
    let labels = funds.labels();
    let mut starts: BTreeSet<String> = BTreeSet::new();
    let mut problems = Vec::new();
    for wallet in watch.wallets.iter().chain(watch.listed) {
        // Most wallets of logs are on no ledger that was given.
        let known = funds.parties(wallet).is_ok_and(|p| !p.is_empty());
        let pooled = || {
            let pools = |p: &PartyId| labels.of(*p).iter().any(|l| l.kind.pools());
            funds.parties(wallet).is_ok_and(|p| p.iter().any(pools))
        };
        if known && !pooled() {
            starts.insert(wallet.clone());
        }
    }
    for party in labels.parties() {
        let bad = |l: &trace::Label| matches!(l.kind, Kind::Sanctioned | Kind::Theft);
        if labels.of(party).iter().any(bad) {
            starts.extend(funds.ledger.parties.get(party.0 as usize).map(|p| p.address.to_string()));
        }
    }
    if starts.is_empty() {
        return (Vec::new(), Vec::new(), problems);
    }
    if watch.left_out > 0 {
        let message = format!(
            "{} wallets that findings name are too many to follow; the others are: follow more with `palisade trace`",
            watch.left_out
        );
        problems.push(Problem::new(ProblemCode::Limit, &Origin::file("ledgers"), None, message));
    }
    let settings = FollowSettings {
        // Told apart while that is affordable: every tainted amount holds a part for each source.
        separate: starts.len() <= MAX_APART,
        starts: starts.into_iter().collect(),
        method: Method::Haircut,
        asset: None,
        until: None,
        floor: None,
        max_hops: trace::MAX_HOPS,
        backward: false,
    };
    match follow(funds, &labels, &settings) {
        Ok(done) => (done.findings, done.exhibits, problems),
        Err(e) => {
            problems.push(Problem::new(ProblemCode::Internal, &Origin::file("ledgers"), None, e.to_string()));
            (Vec::new(), Vec::new(), problems)
        }
    }
}

/// Where taint enters, by what somebody names.
fn entries(funds: &Funds, text: &str, asset: Option<AssetId>) -> Result<Vec<Entry>, FollowError> {
    let ledger = &funds.ledger;
    let (id, output) = match text.trim().rsplit_once(':') {
        Some((id, n)) if transaction_id(id).is_some() => (id, n.parse::<u32>().ok()),
        _ => (text.trim(), None),
    };
    if let Some(id) = transaction_id(id) {
        let txs = ledger.txs.id.iter().enumerate().filter(|(_, t)| ***t == *id);
        let txs: Vec<TxId> = txs.map(|(n, _)| TxId(n as u32)).collect();
        let found: Vec<Entry> = match output {
            None => txs.into_iter().map(|tx| Entry::Tx { tx, party: None }).collect(),
            Some(vout) => {
                let o = &ledger.outputs;
                let is = |n: &usize| txs.contains(&o.tx[*n]) && o.vout[*n] == vout;
                let outputs = (0..o.tx.len()).filter(is);
                outputs.map(|n| Entry::Output { output: OutputId(n as u32) }).collect()
            }
        };
        // Accounts of some chains look like transactions.
        let account = || funds.parties(text).is_ok_and(|p| !p.is_empty());
        if !found.is_empty() {
            return Ok(found);
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
