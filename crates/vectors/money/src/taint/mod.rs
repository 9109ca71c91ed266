//! Rules by which taint moves with value: poison, haircut, FIFO, LIFO, TIHO. Never reads a file.
//!
//! A *source* is what an analyst names: a theft, a ransom, a listed party. It enters at a [`Start`] and its id stays
//! with every unit. A rule is a state that takes the ledger in the order of the chain, in pieces of any size
//! ([`account::Account`], [`output::Output`]), so that a ledger need not fit in memory; [`follow`] does it for one
//! that does. What is resting where at the end is exact in the asset's smallest unit, and [`Check`] says per asset
//! and source that nothing was lost or made.
//!
//! What the rules mean, unit by unit:
//!
//! - **Poison**: whatever an account sends after tainted value has arrived, and whatever a transaction with a tainted
//!   input makes, is tainted. An upper bound of reach; conserves nothing.
//! - **Haircut**: taint mixes. A transfer of `v` from a balance `B` with taint `T` carries `floor(T*v/B)`, the rest
//!   stays (rounding favours the sender). An output gets what the running sum of outputs has grown the share by:
//!   `floor(T*C_i/V) - floor(T*C_(i-1)/V)`; the fee is the last pseudo-output.
//! - **FIFO** (Clayton's case, 1816): what came first leaves first.
//! - **LIFO**: what came last leaves first, unit by unit: what arrives first is what had come last.
//! - **TIHO** (outputs only): taint first, into the greatest outputs.
//!
//! With several sources under the haircut rule the sum over sources follows the formulas above and is then split
//! over the sources by cumulative rounding in the order of their ids: every source's total is conserved, the sum is
//! what one source would have given, and a source's part is within two units of the exact fraction.
//!
//! **Missing history**. Where more leaves than ever came, the difference is *unknown*: its own kind, neither clean nor
//! tainted, which moves like any other and is reported ([`Holding::unknown`], [`Tally::unknown`]). It leaves behind
//! what is known to be there. Under haircut it takes its part of what is not tainted.
//!
//! What this module never does: guess an order (the ledger has one), follow a label, treat unknown as clean.

pub mod account;
mod arith;
pub mod output;
pub mod swap;

use std::collections::BTreeMap;

use crate::Ledger;
use crate::ledger::{AssetId, OutputId, PartyId, TxId};

pub use arith::mul_div;

/// A rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Method {
    /// Everything that touched taint.
    Poison,
    /// In proportion.
    Haircut,
    /// First in, first out.
    Fifo,
    /// Last in, first out.
    Lifo,
    /// Taint in, highest out. Output model only.
    Tiho,
}

impl Method {
    /// Every rule.
    pub const ALL: [Method; 5] = [Method::Poison, Method::Haircut, Method::Fifo, Method::Lifo, Method::Tiho];

    /// Its name in output and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Poison => "poison",
            Method::Haircut => "haircut",
            Method::Fifo => "fifo",
            Method::Lifo => "lifo",
            Method::Tiho => "tiho",
        }
    }

    /// The rule of that name.
    pub fn parse(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|m| m.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// Number of a source of taint, from 0. Many addresses may stand for one source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Source(pub u16);

/// Most sources in one run: ids of segments and sets of sources are sized by it.
pub const MAX_SOURCES: usize = 4_096;

/// What a unit is: clean, of unknown origin, or from a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Tag(u32);

impl Tag {
    /// Known not to come from a source.
    pub const CLEAN: Tag = Tag(0);
    /// The ledger does not say where it came from.
    pub const UNKNOWN: Tag = Tag(1);

    /// From this source.
    pub fn of(source: Source) -> Tag {
        Tag(u32::from(source.0) + 2)
    }

    /// The source, if it is from one.
    pub fn source(self) -> Option<Source> {
        self.0.checked_sub(2).and_then(|s| u16::try_from(s).ok()).map(Source)
    }

    /// As in a cell: below [`MAX_SOURCES`] + 2.
    pub(crate) fn raw(self) -> u32 {
        self.0
    }

    pub(crate) fn from_raw(raw: u32) -> Tag {
        Tag(raw)
    }
}

/// Where a source's taint enters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Entry {
    /// Whatever a party holds when transaction `from` begins, and whatever arrives at it from then on.
    Party {
        /// The party.
        party: PartyId,
        /// Of this asset only, or of all.
        asset: Option<AssetId>,
        /// From the beginning of this transaction.
        from: TxId,
    },
    /// What a transaction moves (its fee apart, in the account model), on its way.
    Tx {
        /// The transaction.
        tx: TxId,
        /// Only what this party sends (account model).
        party: Option<PartyId>,
        /// Of this asset only, or of all.
        asset: Option<AssetId>,
    },
    /// An output, as it is made.
    Output {
        /// The output.
        output: OutputId,
    },
}

/// A source's entry. Units that already have a source keep it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Start {
    /// Whose id the units get.
    pub source: Source,
    /// Where.
    pub entry: Entry,
}

/// A balance known from elsewhere (a node's state at the ledger's first block): clean by the caller's word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Opening {
    /// Whose.
    pub party: PartyId,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub amount: u128,
}

/// What to follow, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The rule.
    pub method: Method,
    /// Where taint enters.
    pub starts: Vec<Start>,
    /// Pairs of moves that exchange one asset for another, in the order of their first move ([`swap::find`]).
    pub swaps: Vec<swap::Swap>,
    /// Balances before the first move.
    pub openings: Vec<Opening>,
}

impl Plan {
    /// A plan without swaps and openings.
    pub fn new(method: Method, starts: Vec<Start>) -> Plan {
        Plan { method, starts, swaps: Vec::new(), openings: Vec::new() }
    }

    /// How many sources the starts name: the greatest id plus one.
    pub fn sources(&self) -> usize {
        self.starts.iter().map(|s| usize::from(s.source.0) + 1).max().unwrap_or(0)
    }
}

/// Why a plan cannot be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    /// TIHO orders the outputs of a transaction; a transfer between accounts has only one.
    #[error("the rule tiho is not defined for account ledgers; choose poison, haircut, fifo or lifo")]
    TihoOnAccounts,
    /// TIHO asks what is tainted before it says where it goes.
    #[error("the rule tiho is not defined backward; choose poison, haircut, fifo or lifo")]
    TihoBackward,
    /// Too many sources.
    #[error(
        "a run follows at most {MAX_SOURCES} sources, the plan names {0}; give addresses of one theft one source"
    )]
    TooManySources(usize),
}

/// What rests at a place.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Holding {
    /// All of it.
    pub balance: u128,
    /// From sources, by their ids. Under poison the whole balance counts for each.
    pub tainted: Vec<(Source, u128)>,
    /// Of unknown origin.
    pub unknown: u128,
}

/// Counts of a run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Moves or transactions seen.
    pub seen: u64,
    /// How often more left a place than was known to be there.
    pub short: u64,
    /// Units of unknown origin that entered so, over all assets (saturating).
    pub unknown: u128,
    /// Moves left out because a balance would have exceeded 128 bits.
    pub overflow: u64,
    /// Outputs spent a second time, or before they were made; what they carry then is unknown.
    pub double_spent: u64,
    /// Transactions that make more than they spend without creating coin; the difference is unknown.
    pub inflated: u64,
    /// Swaps whose moves do not stand in one slice or make no sense; treated as plain transfers.
    pub swaps_dropped: u64,
}

/// Conservation of one asset and tag: `created + converted_in = converted_out + resting + burnt + fees + stopped`.
///
/// Not for poison, which conserves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Check {
    /// The asset.
    pub asset: AssetId,
    /// The source, or [`Tag::UNKNOWN`].
    pub tag: Tag,
    /// Entered at starts (for unknown: found missing).
    pub created: u128,
    /// Came by swaps from other assets.
    pub converted_in: u128,
    /// Went by swaps into other assets.
    pub converted_out: u128,
    /// Rests with parties or in unspent outputs.
    pub resting: u128,
    /// Destroyed.
    pub burnt: u128,
    /// Paid as fees to nobody known.
    pub fees: u128,
    /// Not followed further, by the word of the [`Sink`]: clean from there on.
    pub stopped: u128,
}

impl Check {
    /// Whether nothing was lost or made. A sum beyond 128 bits is a no.
    pub fn holds(&self) -> bool {
        let came = self.created.checked_add(self.converted_in);
        let is = self.converted_out.checked_add(self.resting);
        let gone = [self.burnt, self.fees, self.stopped];
        let is = gone.iter().fold(is, |sum, n| sum.and_then(|s| s.checked_add(*n)));
        came.is_some() && came == is
    }

    /// What entered and was not exchanged for another asset: the sum of all places where it is at the end.
    pub fn entered(&self) -> u128 {
        self.created.saturating_add(self.converted_in).saturating_sub(self.converted_out)
    }
}

/// Told of every tainted amount as it moves, in the order in which it does.
pub trait Sink {
    /// Whether [`Sink::stops`], [`Sink::swapped`] and [`Sink::fee`] are called: loops that need none of them stay as
    /// tight as they are.
    const ASKS: bool = false;

    /// The move (or, in the output model, the output) with this number in the ledger carries so much of a source.
    fn carried(&mut self, index: u64, source: Source, amount: u128);

    /// Asked once per move or output, before it is told to be carried: what comes from sources (`parts`, by source) is
    /// not followed further if the answer is yes. It counts as [`Check::stopped`], is clean where it arrives, and is not
    /// told.
    fn stops(&mut self, index: u64, parts: &[(Source, u128)]) -> bool {
        let _ = (index, parts);
        false
    }

    /// What follows is carried by two moves that exchange what they carry.
    fn swapped(&mut self, pay: u64, get: u64) {
        let _ = (pay, get);
    }

    /// The fee of a transaction of the output model carries taint, to its block's coinbase.
    fn fee(&mut self, tx: TxId) {
        let _ = tx;
    }
}

/// Wants to know nothing.
impl Sink for () {
    #[inline(always)]
    fn carried(&mut self, _: u64, _: Source, _: u128) {}
}

impl<F: FnMut(u64, Source, u128)> Sink for F {
    fn carried(&mut self, index: u64, source: Source, amount: u128) {
        self(index, source, amount);
    }
}

/// What a run over a whole ledger found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// Account model: tainted or unknown holdings, by party and asset.
    pub accounts: Vec<(PartyId, AssetId, Holding)>,
    /// Output model: unspent outputs with taint or of unknown content.
    pub outputs: Vec<(OutputId, Holding)>,
    /// Conservation; empty under poison.
    pub checks: Vec<Check>,
    /// Counts.
    pub tally: Tally,
}

impl Outcome {
    /// Whether every check holds.
    pub fn conserved(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }
}

/// Moves per slice when a whole ledger is followed: routed columns stay in the cache.
const SLICE: usize = 1 << 16;

/// Follows a ledger that is in memory, both models of it; `moves` and `outputs` hear of tainted amounts.
///
/// Fails where the plan is not defined for the ledger ([`PlanError`]); an output-only rule is refused only if there
/// are moves.
pub fn follow(
    ledger: &Ledger,
    plan: &Plan,
    moves: &mut impl Sink,
    outputs: &mut impl Sink,
) -> Result<Outcome, PlanError> {
    follow_stopping(ledger, plan, &Stops { pools: &|_, _| false, late: None }, moves, outputs)
}

/// Where a rule stops.
#[derive(Clone, Copy)]
pub struct Stops<'a> {
    /// Whether a party pools coins in that transaction: what it sends is its own and clean, what it was sent stays with
    /// it.
    pub pools: &'a dyn Fn(PartyId, TxId) -> bool,
    /// Transactions that are not looked at: the ledger ends before them. A plan has no swap and no start in one.
    pub late: Option<&'a dyn Fn(TxId) -> bool>,
}

/// Follows as [`follow`] does, but not through parties that pool coins, and not beyond the end that is asked for.
pub fn follow_stopping(
    ledger: &Ledger,
    plan: &Plan,
    stops: &Stops<'_>,
    moves: &mut impl Sink,
    outputs: &mut impl Sink,
) -> Result<Outcome, PlanError> {
    let pools = stops.pools;
    let mut outcome = Outcome::default();
    if !ledger.moves.tx.is_empty() || !plan.openings.is_empty() {
        let mut router = account::Router::new(plan)?;
        let mut rule = account::Account::new(plan)?;
        let mut routed = account::Routed::default();
        let n = ledger.moves.tx.len();
        let mut at = 0;
        while at < n {
            let end = slice_end(&ledger.moves.tx, at);
            let slice = account::Slice::of(&ledger.moves, at..end);
            // A pool pays out of what nobody knows, as nobody does.
            let own = |(&p, &tx): (&PartyId, &TxId)| if pools(p, tx) { PartyId::NOBODY } else { p };
            let from: Vec<PartyId> = slice.from.iter().zip(slice.tx).map(own).collect();
            // A move of nothing changes nothing.
            let cut = |(&n, &tx): (&u128, &TxId)| if stops.late.is_some_and(|late| late(tx)) { 0 } else { n };
            let amount: Option<Vec<u128>> =
                stops.late.map(|_| slice.amount.iter().zip(slice.tx).map(cut).collect());
            let amount = amount.as_deref().unwrap_or(slice.amount);
            router.route(&account::Slice { from: &from, amount, ..slice }, &mut routed);
            rule.feed(&routed, moves);
            at = end;
        }
        router.finish(&mut routed);
        rule.feed(&routed, moves);
        let done = rule.finish(&router);
        outcome.accounts = done.holdings;
        outcome.checks = done.checks;
        outcome.tally = done.tally;
    }
    if !ledger.spends.is_empty() {
        let mut rule = output::Output::new(plan)?;
        rule.feed(ledger, stops, outputs);
        let done = rule.finish(outputs);
        outcome.outputs = done.holdings;
        outcome.checks.extend(done.checks);
        outcome.tally.add(&done.tally);
    }
    Ok(outcome)
}

/// Where a slice that begins at `at` ends: behind whole transactions, unless one is greater than a slice.
fn slice_end(tx: &[TxId], at: usize) -> usize {
    let n = tx.len();
    let mut end = (at + SLICE).min(n);
    let far = (end + SLICE).min(n);
    while end > at && end < far && tx[end] == tx[end - 1] {
        end += 1;
    }
    end
}

impl Tally {
    /// Adds another run's counts.
    pub fn add(&mut self, other: &Tally) {
        self.seen += other.seen;
        self.short += other.short;
        self.unknown = self.unknown.saturating_add(other.unknown);
        self.overflow += other.overflow;
        self.double_spent += other.double_spent;
        self.inflated += other.inflated;
        self.swaps_dropped += other.swaps_dropped;
    }
}

/// What entered, per asset and tag; the other side of every [`Check`].
#[derive(Default, Debug)]
pub(crate) struct Books {
    rows: BTreeMap<(AssetId, Tag), [u128; 7]>,
}

/// Columns of [`Books`].
#[derive(Clone, Copy)]
pub(crate) enum Col {
    Created,
    In,
    Out,
    Resting,
    Burnt,
    Fees,
    Stopped,
}

impl Books {
    pub(crate) fn add(&mut self, asset: AssetId, tag: Tag, col: Col, amount: u128) {
        if amount == 0 || tag == Tag::CLEAN {
            return;
        }
        let row = self.rows.entry((asset, tag)).or_default();
        row[col as usize] = row[col as usize].saturating_add(amount);
    }

    /// Takes back what was added.
    pub(crate) fn take(&mut self, asset: AssetId, tag: Tag, col: Col, amount: u128) {
        if let Some(row) = self.rows.get_mut(&(asset, tag)) {
            row[col as usize] = row[col as usize].saturating_sub(amount);
        }
    }

    pub(crate) fn checks(&self) -> Vec<Check> {
        let row = |(&(asset, tag), r): (&(AssetId, Tag), &[u128; 7])| Check {
            asset,
            tag,
            created: r[Col::Created as usize],
            converted_in: r[Col::In as usize],
            converted_out: r[Col::Out as usize],
            resting: r[Col::Resting as usize],
            burnt: r[Col::Burnt as usize],
            fees: r[Col::Fees as usize],
            stopped: r[Col::Stopped as usize],
        };
        self.rows.iter().map(row).collect()
    }
}

/// Adds amounts to a list ordered by source.
pub(crate) fn add_parts(list: &mut Vec<(Source, u128)>, more: &[(Source, u128)]) {
    for &(source, amount) in more {
        match list.binary_search_by_key(&source, |p| p.0) {
            Ok(at) => list[at].1 = list[at].1.saturating_add(amount),
            Err(at) if amount > 0 => list.insert(at, (source, amount)),
            Err(_) => {}
        }
    }
}
