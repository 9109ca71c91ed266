//! The account model: moves between (party, asset) slots, in order, slice by slice.
//!
//! A [`Router`] turns moves into columns of *slots* (parties relabelled by first use per asset, so that busy slots
//! lie together) and puts what is rare (a source becomes active, a swap, a tagged transaction) into a list of
//! events beside them. An [`Account`] is a rule's state; it runs over plain moves in a tight loop and stops only
//! at events. Routing once serves every rule.
//!
//! A transfer to oneself changes nothing, and neither does an amount of zero. Fees are moves like others; the ledger
//! has them before the value they pay for. [`PartyId::NOBODY`] issues what is minted, clean, and swallows what is
//! burnt.
//!
//! What this module never does: reorder moves, keep a move once it is fed.

mod haircut;
mod poison;
mod queue;

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::swap::Swap;
use super::{Check, Entry, Holding, MAX_SOURCES, Method, Opening, Plan, PlanError, Sink, Source, Tally};
use crate::ledger::{AssetId, MoveKind, Moves, PartyId, TxId};

/// Moves to route, as slices of equal length. A slice ends with its transaction.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// In which transaction; never descending.
    pub tx: &'a [TxId],
    /// Of what.
    pub asset: &'a [AssetId],
    /// From whom.
    pub from: &'a [PartyId],
    /// To whom.
    pub to: &'a [PartyId],
    /// How much.
    pub amount: &'a [u128],
    /// By what.
    pub kind: &'a [MoveKind],
}

impl<'a> Slice<'a> {
    /// A range of a ledger's moves.
    pub fn of(moves: &'a Moves, range: Range<usize>) -> Slice<'a> {
        Slice {
            tx: &moves.tx[range.clone()],
            asset: &moves.asset[range.clone()],
            from: &moves.from[range.clone()],
            to: &moves.to[range.clone()],
            amount: &moves.amount[range.clone()],
            kind: &moves.kind[range],
        }
    }
}

/// Amounts of a routed slice: 64 bits where all fit.
#[derive(Clone, Debug)]
enum Amounts {
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
}

/// One side of a swap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Leg {
    index: u64,
    from: u32,
    to: u32,
    amount: u128,
    tag: Option<Source>,
}

/// What happens between plain moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    /// The slot belongs to nobody.
    Nobody { slot: u32 },
    /// A balance from before the ledger.
    Opening { slot: u32, amount: u128 },
    /// The slot's units become the source's, now and as they arrive.
    Activate { slot: u32, source: Source },
    /// The move here is tainted on its way.
    Tagged { source: Source },
    /// The move here is part of a swap executed elsewhere, or cannot be routed.
    Skip,
    /// The move here and another exchange what they carry.
    Exchange { pay: Leg, get: Leg },
}

/// Moves as columns of slots, ready for any rule.
#[derive(Debug)]
pub struct Routed {
    from: Vec<u32>,
    to: Vec<u32>,
    amounts: Amounts,
    /// Of slots first met here, which hold nothing until then: before the first move, since a swap may use a slot
    /// before its own move comes.
    early: Vec<Event>,
    /// In order of position; several at one position in the order to apply them.
    events: Vec<(u32, Event)>,
    /// Assets of slots first met here; their numbers follow on those met before.
    fresh: Vec<AssetId>,
    /// Number of the first move in the ledger.
    base: u64,
    dropped: u64,
    overflow: u64,
}

impl Default for Routed {
    fn default() -> Self {
        Routed {
            from: Vec::new(),
            to: Vec::new(),
            amounts: Amounts::Narrow(Vec::new()),
            early: Vec::new(),
            events: Vec::new(),
            fresh: Vec::new(),
            base: 0,
            dropped: 0,
            overflow: 0,
        }
    }
}

impl Routed {
    /// How many moves.
    pub fn len(&self) -> usize {
        self.from.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    /// Bytes of its columns.
    pub fn bytes(&self) -> usize {
        let amounts = match &self.amounts {
            Amounts::Narrow(a) => a.len() * 8,
            Amounts::Wide(a) => a.len() * 16,
        };
        self.from.len() * 8 + amounts + self.events.len() * size_of::<(u32, Event)>()
    }

    fn amount(&self, i: usize) -> u128 {
        match &self.amounts {
            Amounts::Narrow(a) => u128::from(a[i]),
            Amounts::Wide(a) => a[i],
        }
    }
}

const NONE: u32 = u32::MAX;

/// Slots of one asset, by party: a hash until the asset is so common that an array is smaller.
#[derive(Default, Debug)]
struct SlotMap {
    dense: Vec<u32>,
    sparse: HashMap<u32, u32, FixedState>,
    max: u32,
}

/// An asset with fewer parties stays a hash.
const DENSE_FROM: usize = 1_024;

impl SlotMap {
    #[inline(always)]
    fn get(&self, party: u32) -> Option<u32> {
        match self.dense.get(party as usize) {
            Some(&NONE) => None,
            Some(&slot) => Some(slot),
            None if self.sparse.is_empty() => None,
            None => self.sparse.get(&party).copied(),
        }
    }

    fn insert(&mut self, party: u32, slot: u32) {
        self.max = self.max.max(party);
        let worth = self.dense.len() as u64 / 2 + self.sparse.len() as u64 + 1;
        if party as usize >= self.dense.len() && worth > DENSE_FROM as u64 && u64::from(self.max) < 8 * worth
        {
            self.dense.resize((self.max as usize + 1).next_power_of_two(), NONE);
            for (&p, &s) in &self.sparse {
                self.dense[p as usize] = s;
            }
            self.sparse.clear();
        }
        match self.dense.get_mut(party as usize) {
            Some(cell) => *cell = slot,
            None => {
                self.sparse.insert(party, slot);
            }
        }
    }
}

/// Turns moves into slots and events, in the ledger's order.
#[derive(Debug)]
pub struct Router {
    maps: Vec<SlotMap>,
    slots: Vec<(PartyId, AssetId)>,
    starts: Vec<(TxId, Source, PartyId, Option<AssetId>)>,
    started: usize,
    active: HashMap<PartyId, Vec<(Option<AssetId>, Source)>, FixedState>,
    tagged: Vec<(TxId, Source, Option<PartyId>, Option<AssetId>)>,
    tagged_at: usize,
    swaps: Vec<Swap>,
    swaps_at: usize,
    openings: Vec<Opening>,
    base: u64,
}

impl Router {
    /// A router for this plan. Fails as [`Account::new`] does.
    pub fn new(plan: &Plan) -> Result<Router, PlanError> {
        check(plan)?;
        let mut starts = Vec::new();
        let mut tagged = Vec::new();
        for start in &plan.starts {
            match start.entry {
                // Nobody's coin is everybody's: it is no source.
                Entry::Party { party, .. } if party == PartyId::NOBODY => {}
                Entry::Party { party, asset, from } => starts.push((from, start.source, party, asset)),
                Entry::Tx { tx, party, asset } => tagged.push((tx, start.source, party, asset)),
                Entry::Output { .. } => {}
            }
        }
        starts.sort_unstable();
        tagged.sort_unstable();
        let mut swaps = plan.swaps.clone();
        swaps.sort_unstable_by_key(|s| s.first());
        Ok(Router {
            maps: Vec::new(),
            slots: Vec::new(),
            starts,
            started: 0,
            active: HashMap::default(),
            tagged,
            tagged_at: 0,
            swaps,
            swaps_at: 0,
            openings: plan.openings.clone(),
            base: 0,
        })
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Whose slot, and of what.
    pub fn slot(&self, slot: u32) -> Option<(PartyId, AssetId)> {
        self.slots.get(slot as usize).copied()
    }

    /// The slot of a party and an asset, if a move has met it.
    pub fn find(&self, party: PartyId, asset: AssetId) -> Option<u32> {
        self.maps.get(asset.0 as usize)?.get(party.0)
    }

    /// Bytes per slot and lookup, roughly: what routing keeps.
    pub fn bytes(&self) -> usize {
        let maps = self.maps.iter().map(|m| m.dense.len() * 4 + m.sparse.capacity() * 9);
        maps.sum::<usize>() + self.slots.len() * size_of::<(PartyId, AssetId)>()
    }

    /// Routes the next slice of moves into `out`, whose memory is used again.
    pub fn route(&mut self, moves: &Slice<'_>, out: &mut Routed) {
        self.begin(out);
        let n = moves.tx.len();
        out.from.reserve(n);
        out.to.reserve(n);
        let narrow = moves.amount.iter().all(|&a| a <= u128::from(u64::MAX));
        out.amounts = match (std::mem::replace(&mut out.amounts, Amounts::Narrow(Vec::new())), narrow) {
            (Amounts::Narrow(mut a), true) => {
                a.clear();
                a.extend(moves.amount.iter().map(|&a| a as u64));
                Amounts::Narrow(a)
            }
            (_, true) => Amounts::Narrow(moves.amount.iter().map(|&a| a as u64).collect()),
            (Amounts::Wide(mut a), false) => {
                a.clear();
                a.extend_from_slice(moves.amount);
                Amounts::Wide(a)
            }
            (_, false) => Amounts::Wide(moves.amount.to_vec()),
        };
        for i in 0..n {
            let (tx, asset) = (moves.tx[i], moves.asset[i]);
            if self.starts.get(self.started).is_some_and(|s| s.0 <= tx) {
                self.activate(Some(tx), i as u32, out);
            }
            let from = self.slot_of(moves.from[i], asset, out);
            let to = self.slot_of(moves.to[i], asset, out);
            out.from.push(from);
            out.to.push(to);
            if from == NONE || to == NONE {
                out.events.push((i as u32, Event::Skip));
                out.overflow += 1;
                continue;
            }
            while self.tagged.get(self.tagged_at).is_some_and(|t| t.0 < tx) {
                self.tagged_at += 1;
            }
            if let Some(source) = self.tag(tx, moves.from[i], asset, moves.kind[i]) {
                out.events.push((i as u32, Event::Tagged { source }));
            }
        }
        self.exchange(moves, out);
        self.base += n as u64;
    }

    /// What starts after the last move.
    pub fn finish(&mut self, out: &mut Routed) {
        self.begin(out);
        out.amounts = Amounts::Narrow(Vec::new());
        self.activate(None, 0, out);
    }

    fn begin(&mut self, out: &mut Routed) {
        out.from.clear();
        out.to.clear();
        out.early.clear();
        out.events.clear();
        out.fresh.clear();
        out.base = self.base;
        (out.dropped, out.overflow) = (0, 0);
        for opening in std::mem::take(&mut self.openings) {
            let slot = self.slot_of(opening.party, opening.asset, out);
            if slot != NONE {
                out.early.push(Event::Opening { slot, amount: opening.amount });
            }
        }
    }

    #[inline(always)]
    fn slot_of(&mut self, party: PartyId, asset: AssetId, out: &mut Routed) -> u32 {
        match self.maps.get(asset.0 as usize).and_then(|m| m.get(party.0)) {
            Some(slot) => slot,
            None => self.new_slot(party, asset, out),
        }
    }

    #[cold]
    fn new_slot(&mut self, party: PartyId, asset: AssetId, out: &mut Routed) -> u32 {
        let Some(slot) = u32::try_from(self.slots.len()).ok().filter(|&s| s < NONE - 1) else { return NONE };
        if self.maps.len() <= asset.0 as usize {
            self.maps.resize_with(asset.0 as usize + 1, SlotMap::default);
        }
        self.maps[asset.0 as usize].insert(party.0, slot);
        self.slots.push((party, asset));
        out.fresh.push(asset);
        if party == PartyId::NOBODY {
            out.early.push(Event::Nobody { slot });
        }
        for &(only, source) in self.active.get(&party).map_or(&[][..], |v| v) {
            if only.is_none_or(|a| a == asset) {
                out.early.push(Event::Activate { slot, source });
            }
        }
        slot
    }

    fn activate(&mut self, tx: Option<TxId>, at: u32, out: &mut Routed) {
        while let Some(&(from, source, party, asset)) = self.starts.get(self.started) {
            if tx.is_some_and(|tx| from > tx) {
                break;
            }
            self.started += 1;
            self.active.entry(party).or_default().push((asset, source));
            let assets = match asset {
                Some(a) => a.0 as usize..a.0 as usize + 1,
                None => 0..self.maps.len(),
            };
            for a in assets {
                if let Some(slot) = self.maps.get(a).and_then(|m| m.get(party.0)) {
                    out.events.push((at, Event::Activate { slot, source }));
                }
            }
        }
    }

    fn tag(&self, tx: TxId, from: PartyId, asset: AssetId, kind: MoveKind) -> Option<Source> {
        if kind == MoveKind::Fee {
            return None;
        }
        let here = self.tagged.get(self.tagged_at..)?.iter().take_while(|t| t.0 == tx);
        here.filter(|t| t.2.is_none_or(|p| p == from) && t.3.is_none_or(|a| a == asset)).map(|t| t.1).next()
    }

    /// Puts swaps at the moves where they take place.
    fn exchange(&mut self, moves: &Slice<'_>, out: &mut Routed) {
        let end = self.base + moves.tx.len() as u64;
        let before = out.events.len();
        let mut gone: Vec<u32> = Vec::new();
        while let Some(&swap) = self.swaps.get(self.swaps_at).filter(|s| s.first() < end) {
            self.swaps_at += 1;
            let local = |i: u64| {
                i.checked_sub(self.base).and_then(|i| usize::try_from(i).ok()).filter(|&i| i < out.from.len())
            };
            let legs = (|| {
                let (pay, get) = (local(swap.pay)?, local(swap.get)?);
                let leg = |i: usize| Leg {
                    index: self.base + i as u64,
                    from: out.from[i],
                    to: out.to[i],
                    amount: moves.amount[i],
                    tag: tag_at(&out.events[..before], i as u32),
                };
                let (p, g) = (leg(pay), leg(get));
                let slots = [p.from, p.to, g.from, g.to];
                let fine = p.from != p.to
                    && g.from != g.to
                    && moves.asset[pay] != moves.asset[get]
                    && moves.from[pay] == moves.to[get]
                    && p.amount > 0
                    && g.amount > 0
                    && !slots.contains(&NONE)
                    && !gone.contains(&(pay as u32))
                    && !gone.contains(&(get as u32));
                fine.then_some((pay as u32, get as u32, p, g))
            })();
            let Some((pay, get, p, g)) = legs else {
                out.dropped += 1;
                continue;
            };
            gone.extend([pay, get]);
            let at = if swap.at_second { pay.max(get) } else { pay.min(get) };
            out.events.push((pay + get - at, Event::Skip));
            out.events.push((at, Event::Exchange { pay: p, get: g }));
        }
        if gone.is_empty() {
            return;
        }
        // A swap takes the place of its moves' tags, which its legs carry.
        gone.sort_unstable();
        let swapped = |at: u32| gone.binary_search(&at).is_ok();
        out.events.retain(|(at, e)| !(matches!(e, Event::Tagged { .. }) && swapped(*at)));
        // Stable: what was pushed first at a position stays first.
        out.events.sort_by_key(|(at, _)| *at);
    }
}

/// The tag of the move at this position.
fn tag_at(events: &[(u32, Event)], at: u32) -> Option<Source> {
    let first = events.partition_point(|(p, _)| *p < at);
    events[first..].iter().take_while(|(p, _)| *p == at).find_map(|(_, e)| match e {
        Event::Tagged { source } => Some(*source),
        _ => None,
    })
}

fn check(plan: &Plan) -> Result<(), PlanError> {
    match plan.sources() {
        n if n > MAX_SOURCES => Err(PlanError::TooManySources(n)),
        _ if plan.method == Method::Tiho => Err(PlanError::TihoOnAccounts),
        _ => Ok(()),
    }
}

/// What a rule for accounts must do. All positions and slots are within bounds by the router's word.
trait Engine {
    /// Slots first met in this slice.
    fn grow(&mut self, fresh: &[AssetId]);
    /// The slot belongs to nobody.
    fn nobody(&mut self, slot: u32);
    /// A clean balance from before.
    fn opening(&mut self, slot: u32, amount: u128);
    /// See [`Event::Activate`].
    fn activate(&mut self, slot: u32, source: Source);
    /// Moves without events.
    fn plain<S: Sink>(&mut self, routed: &Routed, range: Range<usize>, sink: &mut S);
    /// One move whose units get a source on their way.
    fn tagged<S: Sink>(&mut self, leg: Leg, sink: &mut S);
    /// Two moves that exchange what they carry.
    fn exchange<S: Sink>(&mut self, pay: Leg, get: Leg, sink: &mut S);
}

fn drive<E: Engine, S: Sink>(engine: &mut E, routed: &Routed, sink: &mut S) {
    engine.grow(&routed.fresh);
    let mut at = 0;
    let early = routed.early.iter().map(|&event| (0, event));
    for (pos, event) in early.chain(routed.events.iter().copied()) {
        let pos = pos as usize;
        if pos > at {
            engine.plain(routed, at..pos, sink);
            at = pos;
        }
        match event {
            Event::Nobody { slot } => engine.nobody(slot),
            Event::Opening { slot, amount } => engine.opening(slot, amount),
            Event::Activate { slot, source } => engine.activate(slot, source),
            // Behind an event that took the place of the move here.
            _ if at > pos => {}
            Event::Skip => at = pos + 1,
            Event::Tagged { source } => {
                let leg = Leg {
                    index: routed.base + pos as u64,
                    from: routed.from[pos],
                    to: routed.to[pos],
                    amount: routed.amount(pos),
                    tag: Some(source),
                };
                if leg.from != leg.to && leg.amount > 0 {
                    engine.tagged(leg, sink);
                }
                at = pos + 1;
            }
            Event::Exchange { pay, get } => {
                engine.exchange(pay, get, sink);
                at = pos + 1;
            }
        }
    }
    if at < routed.len() {
        engine.plain(routed, at..routed.len(), sink);
    }
}

/// A rule's state over an account ledger.
#[derive(Debug)]
pub struct Account {
    rule: Rule,
    tally: Tally,
}

#[derive(Debug)]
enum Rule {
    Poison(poison::Poison),
    Haircut(haircut::Haircut),
    Queue(queue::Queue),
}

/// What a run over an account ledger found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Done {
    /// Holdings with taint or of unknown origin, by party and asset.
    pub holdings: Vec<(PartyId, AssetId, Holding)>,
    /// Conservation.
    pub checks: Vec<Check>,
    /// Counts.
    pub tally: Tally,
}

impl Account {
    /// A fresh state for this plan.
    ///
    /// Fails for [`Method::Tiho`] and for more than [`MAX_SOURCES`] sources.
    pub fn new(plan: &Plan) -> Result<Account, PlanError> {
        check(plan)?;
        let mut sources: Vec<Source> = plan.starts.iter().map(|s| s.source).collect();
        sources.sort_unstable();
        sources.dedup();
        let rule = match plan.method {
            Method::Poison => Rule::Poison(poison::Poison::new(plan.sources())),
            Method::Haircut => Rule::Haircut(haircut::Haircut::new(&sources)),
            Method::Fifo => Rule::Queue(queue::Queue::new(true)),
            Method::Lifo | Method::Tiho => Rule::Queue(queue::Queue::new(false)),
        };
        Ok(Account { rule, tally: Tally::default() })
    }

    /// Takes the next routed slice; `sink` hears of tainted amounts by the number of their move.
    pub fn feed(&mut self, routed: &Routed, sink: &mut impl Sink) {
        self.tally.seen += routed.len() as u64;
        self.tally.swaps_dropped += routed.dropped;
        self.tally.overflow += routed.overflow;
        match &mut self.rule {
            Rule::Poison(e) => drive(e, routed, sink),
            Rule::Haircut(e) => drive(e, routed, sink),
            Rule::Queue(e) => drive(e, routed, sink),
        }
    }

    /// What rests in a slot now.
    pub fn holding(&self, slot: u32) -> Holding {
        match &self.rule {
            Rule::Poison(e) => e.holding(slot),
            Rule::Haircut(e) => e.holding(slot),
            Rule::Queue(e) => e.holding(slot),
        }
    }

    /// Bytes of state.
    pub fn bytes(&self) -> usize {
        match &self.rule {
            Rule::Poison(e) => e.bytes(),
            Rule::Haircut(e) => e.bytes(),
            Rule::Queue(e) => e.bytes(),
        }
    }

    /// Ends the run: what rests where, and whether everything is accounted for.
    pub fn finish(self, router: &Router) -> Done {
        let mut holdings = Vec::new();
        for slot in 0..router.slots.len() as u32 {
            let (party, asset) = router.slots[slot as usize];
            if party == PartyId::NOBODY {
                continue;
            }
            let holding = self.holding(slot);
            if !holding.tainted.is_empty() || holding.unknown > 0 {
                holdings.push((party, asset, holding));
            }
        }
        holdings.sort_unstable_by_key(|h| (h.0, h.1));
        let mut tally = self.tally;
        let checks = match self.rule {
            Rule::Poison(e) => e.finish(&mut tally),
            Rule::Haircut(e) => e.finish(&mut tally),
            Rule::Queue(e) => e.finish(&mut tally),
        };
        Done { holdings, checks, tally }
    }
}
