//! Poison over accounts: sets of sources per slot, and balances.
//!
//! Whatever a slot sends after tainted value has arrived is tainted, all of it, with every source that ever
//! arrived. Sets are bits in one array: one bit per slot for one source, up to a word for 64, then several words.
//! Balances say what the bound is worth; they come from the haircut engine without sources, which is the cheapest
//! exact book of balances. Never conserves anything, so there is nothing to check.

use std::collections::HashSet;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::haircut::Haircut;
use super::{Engine, Leg, Routed, Sink, Source};
use crate::ledger::AssetId;
use crate::taint::{Check, Holding, Tally, add_parts};

#[derive(Debug)]
pub(super) struct Poison {
    sets: Sets,
    balances: Haircut,
    nobody: HashSet<u32, FixedState>,
}

/// A set of sources per slot.
#[derive(Debug)]
struct Sets {
    words: Vec<u64>,
    slots: usize,
    /// Bits per slot: a power of two up to 64, or a multiple of 64.
    lane: usize,
}

impl Sets {
    fn new(sources: usize) -> Sets {
        let lane = if sources <= 64 { sources.max(1).next_power_of_two() } else { sources.div_ceil(64) * 64 };
        Sets { words: Vec::new(), slots: 0, lane }
    }

    fn grow(&mut self, slots: usize) {
        self.slots = slots;
        self.words.resize((slots * self.lane).div_ceil(64), 0);
    }

    #[inline(always)]
    fn one(&self, slot: u32) -> u64 {
        let bit = slot as usize * self.lane;
        let mask = u64::MAX >> (64 - self.lane);
        (self.words[bit / 64] >> (bit % 64)) & mask
    }

    /// Whether the set is not empty.
    #[inline(always)]
    fn any(&self, slot: u32) -> bool {
        if self.lane <= 64 {
            return self.one(slot) != 0;
        }
        let (at, n) = (slot as usize * self.lane / 64, self.lane / 64);
        self.words[at..at + n].iter().any(|&w| w != 0)
    }

    #[inline(always)]
    fn join(&mut self, from: u32, to: u32) {
        if self.lane <= 64 {
            let bit = to as usize * self.lane;
            self.words[bit / 64] |= self.one(from) << (bit % 64);
            return;
        }
        let n = self.lane / 64;
        let (from, to) = (from as usize * n, to as usize * n);
        for k in 0..n {
            self.words[to + k] |= self.words[from + k];
        }
    }

    fn add(&mut self, slot: u32, source: Source) {
        let bit = slot as usize * self.lane + usize::from(source.0);
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    fn list(&self, slot: u32) -> impl Iterator<Item = Source> + '_ {
        let first = slot as usize * self.lane;
        let has = move |k: &usize| self.words[(first + k) / 64] >> ((first + k) % 64) & 1 == 1;
        (0..self.lane).filter(has).map(|k| Source(k as u16))
    }
}

/// A sink that was asked already.
struct Asked<'a, S>(&'a mut S);

impl<S: Sink> Sink for Asked<'_, S> {
    fn carried(&mut self, index: u64, source: Source, amount: u128) {
        self.0.carried(index, source, amount);
    }
}

impl Poison {
    pub(super) fn new(sources: usize) -> Poison {
        Poison { sets: Sets::new(sources), balances: Haircut::new(&[]), nobody: HashSet::default() }
    }

    #[inline(always)]
    fn flow<S: Sink>(&mut self, index: u64, from: u32, to: u32, amount: u128, sink: &mut S) {
        if self.sets.any(from) && !self.nobody.contains(&from) {
            if S::ASKS && sink.stops(index, &self.parts(from, amount, None)) {
                return;
            }
            self.sets.join(from, to);
            for source in self.sets.list(from) {
                sink.carried(index, source, amount);
            }
        }
    }

    /// What a move carries: everything of every source.
    fn parts(&self, from: u32, amount: u128, tag: Option<Source>) -> Vec<(Source, u128)> {
        let own = !self.nobody.contains(&from);
        let mut parts: Vec<(Source, u128)> =
            self.sets.list(from).filter(|_| own).map(|s| (s, amount)).collect();
        if let Some(source) = tag
            && !parts.iter().any(|p| p.0 == source)
        {
            add_parts(&mut parts, &[(source, amount)]);
        }
        parts
    }

    /// Whether one side of a swap, or a move that is tainted on its way, is not followed further.
    fn stopped<S: Sink>(&self, leg: Leg, sink: &mut S) -> bool {
        let parts = if S::ASKS { self.parts(leg.from, leg.amount, leg.tag) } else { Vec::new() };
        !parts.is_empty() && sink.stops(leg.index, &parts)
    }

    fn tag<S: Sink>(&mut self, leg: Leg, to: u32, sink: &mut S) {
        if let Some(source) = leg.tag {
            self.sets.add(to, source);
            sink.carried(leg.index, source, leg.amount);
        }
    }

    pub(super) fn holding(&self, slot: u32) -> Holding {
        let h = self.balances.holding(slot);
        Holding { tainted: self.sets.list(slot).map(|s| (s, h.balance)).collect(), ..h }
    }

    pub(super) fn bytes(&self) -> usize {
        self.sets.words.len() * 8 + self.balances.bytes()
    }

    pub(super) fn finish(self, tally: &mut Tally) -> Vec<Check> {
        self.balances.finish(tally);
        Vec::new()
    }
}

impl Engine for Poison {
    fn grow(&mut self, fresh: &[AssetId]) {
        self.sets.grow(self.sets.slots + fresh.len());
        self.balances.grow(fresh);
    }

    fn nobody(&mut self, slot: u32) {
        self.nobody.insert(slot);
        self.balances.nobody(slot);
    }

    fn opening(&mut self, slot: u32, amount: u128) {
        self.balances.opening(slot, amount);
    }

    fn activate(&mut self, slot: u32, source: Source) {
        if !self.nobody.contains(&slot) {
            self.sets.add(slot, source);
        }
    }

    fn plain<S: Sink>(&mut self, routed: &Routed, range: Range<usize>, sink: &mut S) {
        self.balances.plain(routed, range.clone(), &mut ());
        for i in range {
            let (from, to) = (routed.from[i], routed.to[i]);
            if from != to && routed.amount(i) > 0 {
                self.flow(routed.base + i as u64, from, to, routed.amount(i), sink);
            }
        }
    }

    fn tagged<S: Sink>(&mut self, leg: Leg, sink: &mut S) {
        self.balances.tagged(Leg { tag: None, ..leg }, &mut ());
        if self.stopped(leg, sink) {
            return;
        }
        self.flow(leg.index, leg.from, leg.to, leg.amount, &mut Asked(sink));
        // Once per source, also if it came from the sender already.
        let own = !self.nobody.contains(&leg.from);
        let told = own && leg.tag.is_some_and(|s| self.sets.list(leg.from).any(|x| x == s));
        if told { self.tag(leg, leg.to, &mut ()) } else { self.tag(leg, leg.to, sink) }
    }

    fn exchange<S: Sink>(&mut self, pay: Leg, get: Leg, sink: &mut S) {
        self.balances.exchange(Leg { tag: None, ..pay }, Leg { tag: None, ..get }, &mut ());
        if S::ASKS {
            sink.swapped(pay.index, get.index);
        }
        // What is paid arrives as what is got, and the reverse; both moves carry it.
        let goes = [!self.stopped(pay, sink), !self.stopped(get, sink)];
        for (leg, other) in [(pay, get), (get, pay)].into_iter().zip(goes).filter(|g| g.1).map(|g| g.0) {
            self.flow(leg.index, leg.from, other.to, leg.amount, &mut ());
        }
        for (leg, other) in [(pay, get), (get, pay)].into_iter().zip(goes).filter(|g| g.1).map(|g| g.0) {
            self.tag(leg, other.to, &mut ());
            for source in self.sets.list(other.to).collect::<Vec<_>>() {
                sink.carried(leg.index, source, leg.amount);
                sink.carried(other.index, source, other.amount);
            }
        }
    }
}
