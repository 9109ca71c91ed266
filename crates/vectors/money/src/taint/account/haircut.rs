//! Haircut over accounts: a balance and its taint per slot, side by side in one cell.
//!
//! The tight loop handles moves between ordinary slots under one source: two reads that miss the cache, one exact
//! share, two writes. Cells of the next moves are read ahead (a plain sum over them, so that the reads overlap).
//! What is rare leaves the loop: too little balance, slots of sources and of nobody, several sources, a sum that
//! needs 128 bits (then all cells become wide, once).
//!
//! Cells of special slots carry a mark that no ordinary cell can have (taint above a balance of zero), so the loop
//! notices them by a comparison of numbers it has at hand.
//!
//! Never rounds a product before it is divided; never lets taint exceed its balance.

use std::collections::HashMap;
use std::hint::black_box;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::{Amounts, Engine, Leg, Routed, Sink, Source};
use crate::ledger::AssetId;
use crate::taint::arith::{Word, mul_div, split};
use crate::taint::{Books, Check, Col, Holding, Tag, Tally, add_parts};

/// Moves read ahead: enough for the memory to be busy, few enough for the first-level cache.
const AHEAD: usize = 32;

#[derive(Clone, Copy, Default, Debug)]
struct Cell<W> {
    balance: W,
    taint: W,
}

/// Cells, and the part of unknown origin once there is any.
#[derive(Debug)]
struct Book<W> {
    cells: Vec<Cell<W>>,
    /// As long as the cells, or empty.
    unknown: Vec<W>,
}

#[derive(Debug)]
enum Cells {
    Narrow(Book<u64>),
    Wide(Book<u128>),
}

/// A slot that belongs to a source or to nobody.
#[derive(Clone, Copy, Debug)]
struct Special {
    balance: u128,
    taint: u128,
    /// `None`: nobody's.
    source: Option<Source>,
}

/// What a move carries.
#[derive(Default, Debug)]
struct Content {
    amount: u128,
    taint: u128,
    /// The taint by source; only with several sources.
    parts: Vec<(Source, u128)>,
    unknown: u128,
}

#[derive(Debug)]
pub(super) struct Haircut {
    cells: Cells,
    special: Vec<Special>,
    /// The source if there is but one.
    single: Option<Source>,
    /// Taint by source and slot; only with several sources.
    parts: HashMap<u32, Vec<(Source, u128)>, FixedState>,
    asset: Vec<AssetId>,
    books: Books,
    tally: Tally,
}

/// Amounts of a slice as cells have them.
trait Column<W> {
    fn at(&self, i: usize) -> W;
}

impl Column<u64> for [u64] {
    #[inline(always)]
    fn at(&self, i: usize) -> u64 {
        self[i]
    }
}

impl Column<u128> for [u64] {
    #[inline(always)]
    fn at(&self, i: usize) -> u128 {
        u128::from(self[i])
    }
}

impl Column<u128> for [u128] {
    #[inline(always)]
    fn at(&self, i: usize) -> u128 {
        self[i]
    }
}

/// What was found missing in the loop, not yet in the books.
struct Short<'a> {
    asset: &'a [AssetId],
    books: &'a mut Books,
    tally: &'a mut Tally,
    of: AssetId,
    sum: u128,
}

impl Short<'_> {
    #[inline(always)]
    fn add(&mut self, slot: usize, missing: u128) {
        self.tally.short += 1;
        if self.asset[slot] != self.of {
            self.flush();
            self.of = self.asset[slot];
        }
        self.sum = self.sum.saturating_add(missing);
    }

    fn flush(&mut self) {
        self.tally.unknown = self.tally.unknown.saturating_add(self.sum);
        self.books.add(self.of, Tag::UNKNOWN, Col::Created, std::mem::take(&mut self.sum));
    }
}

/// Runs over ordinary moves; the position of the first that is none, or the end.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn run<W: Word, C: Column<W> + ?Sized, S: Sink>(
    book: &mut Book<W>,
    single: Option<Source>,
    short: &mut Short<'_>,
    routed: &Routed,
    amounts: &C,
    range: Range<usize>,
    warm: &mut usize,
    sink: &mut S,
) -> usize {
    let Book { cells, unknown } = book;
    let (from, to) = (&routed.from[..range.end], &routed.to[..range.end]);
    let mut i = range.start;
    while i < range.end {
        if i >= *warm {
            let end = (i + AHEAD).min(range.end);
            let mut sum = 0u64;
            for (&a, &b) in from[i..end].iter().zip(&to[i..end]) {
                sum ^= cells[a as usize].balance.low() ^ cells[b as usize].balance.low();
            }
            black_box(sum);
            *warm = end;
        }
        let block = (*warm).min(range.end);
        while i < block {
            let (a, b, v) = (from[i] as usize, to[i] as usize, amounts.at(i));
            if a == b || v == W::ZERO {
                i += 1;
                continue;
            }
            let (ca, cb) = (cells[a], cells[b]);
            // Special slots: their taint is above a balance of zero.
            if ca.taint > ca.balance || cb.taint > cb.balance {
                return i;
            }
            // Whether it goes on is asked outside of the loop.
            if S::ASKS && ca.taint != W::ZERO {
                return i;
            }
            if v > ca.balance {
                // Too little. All that is there goes, and the difference is unknown.
                if unknown.is_empty() || (ca.taint != W::ZERO && single.is_none()) {
                    return i;
                }
                let Some(sum) = cb.balance.plus(v) else { return i };
                let missing = v.minus(ca.balance);
                short.add(a, missing.wide());
                if let (Some(source), true) = (single, ca.taint != W::ZERO) {
                    sink.carried(routed.base + i as u64, source, ca.taint.wide());
                }
                // Neither exceeds the balance, whose sum fits.
                let gone = unknown[a].plus(missing).unwrap_or(v);
                unknown[a] = W::ZERO;
                unknown[b] = unknown[b].plus(gone).unwrap_or(sum);
                cells[a] = Cell::default();
                cells[b] = Cell { balance: sum, taint: cb.taint.plus(ca.taint).unwrap_or(sum) };
                i += 1;
                continue;
            }
            let Some(sum) = cb.balance.plus(v) else { return i };
            let mut m = W::ZERO;
            if ca.taint != W::ZERO {
                let Some(source) = single else { return i };
                m = ca.taint.share(v, ca.balance);
                if m != W::ZERO {
                    sink.carried(routed.base + i as u64, source, m.wide());
                }
            }
            if !unknown.is_empty() && unknown[a] != W::ZERO {
                // Of what is not tainted, the unknown part takes its share.
                let w = unknown[a].share(v.minus(m), ca.balance.minus(ca.taint));
                unknown[a] = unknown[a].minus(w);
                // At most the balance, which fits.
                unknown[b] = unknown[b].plus(w).unwrap_or(W::ZERO);
            }
            cells[a] = Cell { balance: ca.balance.minus(v), taint: ca.taint.minus(m) };
            // Taint is at most the balance, whose sum fits.
            cells[b] = Cell { balance: sum, taint: cb.taint.plus(m).unwrap_or(sum) };
            i += 1;
        }
    }
    i
}

impl<W: Word> Book<W> {
    fn set(&mut self, slot: usize, balance: u128, taint: u128, unknown: u128) {
        let fit = |n: u128| W::narrow(n).unwrap_or_default();
        self.cells[slot] = Cell { balance: fit(balance), taint: fit(taint) };
        if unknown > 0 && self.unknown.is_empty() {
            self.unknown = vec![W::ZERO; self.cells.len()];
        }
        if !self.unknown.is_empty() {
            self.unknown[slot] = fit(unknown);
        }
    }

    fn get(&self, slot: usize) -> (u128, u128, u128) {
        let c = self.cells[slot];
        (c.balance.wide(), c.taint.wide(), self.unknown.get(slot).map_or(0, |u| u.wide()))
    }

    fn bytes(&self) -> usize {
        self.cells.len() * size_of::<Cell<W>>() + self.unknown.len() * size_of::<W>()
    }
}

impl Haircut {
    pub(super) fn new(sources: &[Source]) -> Haircut {
        Haircut {
            cells: Cells::Narrow(Book { cells: Vec::new(), unknown: Vec::new() }),
            special: Vec::new(),
            single: match sources {
                [one] => Some(*one),
                _ => None,
            },
            parts: HashMap::default(),
            asset: Vec::new(),
            books: Books::default(),
            tally: Tally::default(),
        }
    }

    fn widen(&mut self) {
        if let Cells::Narrow(book) = &self.cells {
            let wide = |c: &Cell<u64>| Cell { balance: u128::from(c.balance), taint: u128::from(c.taint) };
            self.cells = Cells::Wide(Book {
                cells: book.cells.iter().map(wide).collect(),
                unknown: book.unknown.iter().map(|&u| u128::from(u)).collect(),
            });
        }
    }

    fn special_of(&self, slot: u32) -> Option<usize> {
        let (b, t, _) = self.raw(slot);
        (t > b).then(|| (t - 1) as usize)
    }

    fn raw(&self, slot: u32) -> (u128, u128, u128) {
        match &self.cells {
            Cells::Narrow(b) => b.get(slot as usize),
            Cells::Wide(b) => b.get(slot as usize),
        }
    }

    fn set(&mut self, slot: u32, balance: u128, taint: u128, unknown: u128) {
        match &mut self.cells {
            Cells::Narrow(b) => b.set(slot as usize, balance, taint, unknown),
            Cells::Wide(b) => b.set(slot as usize, balance, taint, unknown),
        }
    }

    fn mark(&mut self, slot: u32, special: Special) {
        self.special.push(special);
        self.set(slot, 0, self.special.len() as u128, 0);
    }

    /// Makes room for `amount` in a slot; false if not even 128 bits hold it.
    fn room(&mut self, slot: u32, amount: u128) -> bool {
        let ordinary = match self.special_of(slot) {
            Some(i) => return self.special[i].balance.checked_add(amount).is_some(),
            None => self.raw(slot).0,
        };
        match ordinary.checked_add(amount) {
            Some(sum) => {
                if u64::try_from(sum).is_err() {
                    self.widen();
                }
                true
            }
            None => false,
        }
    }

    fn credit(&mut self, slot: u32, source: Source, amount: u128) {
        let asset = self.asset[slot as usize];
        self.books.add(asset, Tag::of(source), Col::Created, amount);
        if self.single.is_none() {
            add_parts(self.parts.entry(slot).or_default(), &[(source, amount)]);
        }
    }

    fn take(&mut self, slot: u32, v: u128) -> Content {
        let special = self.special_of(slot);
        let source = match special.map(|i| self.special[i]) {
            Some(Special { source: None, .. }) => return Content { amount: v, ..Content::default() },
            Some(Special { source, .. }) => source,
            None => None,
        };
        let (mut b, mut t, mut u) = match special {
            Some(i) => (self.special[i].balance, self.special[i].taint, 0),
            None => self.raw(slot),
        };
        if v > b {
            let missing = v - b;
            self.tally.short += 1;
            self.tally.unknown = self.tally.unknown.saturating_add(missing);
            b = v;
            match source {
                // A source's own, wherever it came from.
                Some(source) => {
                    self.credit(slot, source, missing);
                    t += missing;
                }
                None => {
                    self.books.add(self.asset[slot as usize], Tag::UNKNOWN, Col::Created, missing);
                    u += missing;
                }
            }
        }
        let m = mul_div(t, v, b);
        let w = mul_div(u, v - m, b - t);
        let mut parts = Vec::new();
        if self.single.is_none() && m > 0 {
            let held = self.parts.entry(slot).or_default();
            split(held, m, t, &mut parts);
            for &(source, amount) in &parts {
                if let Ok(at) = held.binary_search_by_key(&source, |p| p.0) {
                    held[at].1 -= amount.min(held[at].1);
                }
            }
            held.retain(|p| p.1 > 0);
            if held.is_empty() {
                self.parts.remove(&slot);
            }
        }
        match special {
            Some(i) => {
                self.special[i].balance = b - v;
                self.special[i].taint = t - m;
            }
            None => self.set(slot, b - v, t - m, u - w),
        }
        Content { amount: v, taint: m, parts, unknown: w }
    }

    fn put(&mut self, slot: u32, mut c: Content) {
        let asset = self.asset[slot as usize];
        let Some(i) = self.special_of(slot) else {
            let (b, t, u) = self.raw(slot);
            self.set(slot, b + c.amount, t + c.taint, u + c.unknown);
            self.keep(slot, &c);
            return;
        };
        match self.special[i].source {
            None => {
                self.books.add(asset, Tag::UNKNOWN, Col::Burnt, c.unknown);
                for (source, amount) in self.by_source(&c) {
                    self.books.add(asset, Tag::of(source), Col::Burnt, amount);
                }
            }
            Some(source) => {
                self.retag(asset, &mut c, source);
                self.special[i].balance += c.amount;
                self.special[i].taint += c.taint;
                self.keep(slot, &c);
            }
        }
    }

    fn keep(&mut self, slot: u32, c: &Content) {
        if !c.parts.is_empty() {
            add_parts(self.parts.entry(slot).or_default(), &c.parts);
        }
    }

    /// Makes all of a content, but what is a source's already, this source's.
    fn retag(&mut self, asset: AssetId, c: &mut Content, source: Source) {
        let created = c.amount - c.taint;
        self.books.add(asset, Tag::of(source), Col::Created, created);
        self.books.add(asset, Tag::UNKNOWN, Col::Out, c.unknown);
        if self.single.is_none() {
            add_parts(&mut c.parts, &[(source, created)]);
        }
        (c.taint, c.unknown) = (c.amount, 0);
    }

    fn by_source(&self, c: &Content) -> Vec<(Source, u128)> {
        match self.single {
            Some(source) if c.taint > 0 => vec![(source, c.taint)],
            _ => c.parts.clone(),
        }
    }

    /// A content in the units of what it is exchanged for.
    fn convert(&mut self, c: &Content, amount: u128, from: AssetId, to: AssetId) -> Content {
        let taint = mul_div(c.taint, amount, c.amount);
        let unknown = mul_div(c.unknown, amount - taint, c.amount - c.taint);
        let mut parts = Vec::new();
        if self.single.is_none() {
            split(&c.parts, taint, c.taint, &mut parts);
        }
        let new = Content { amount, taint, parts, unknown };
        for (content, asset, col) in [(c, from, Col::Out), (&new, to, Col::In)] {
            self.books.add(asset, Tag::UNKNOWN, col, content.unknown);
            for (source, amount) in self.by_source(content) {
                self.books.add(asset, Tag::of(source), col, amount);
            }
        }
        new
    }

    fn tell<S: Sink>(&self, index: u64, c: &Content, sink: &mut S) {
        for (source, amount) in self.by_source(c) {
            sink.carried(index, source, amount);
        }
    }

    /// One move of any kind.
    fn step<S: Sink>(&mut self, leg: Leg, sink: &mut S) {
        if !self.room(leg.to, leg.amount) {
            self.tally.overflow += 1;
            return;
        }
        // What leaves may be more than what was known to be there.
        if u64::try_from(leg.amount).is_err() {
            self.widen();
        }
        let mut c = self.take(leg.from, leg.amount);
        if let Some(source) = leg.tag {
            self.retag(self.asset[leg.from as usize], &mut c, source);
        }
        self.go(leg, &mut c, sink);
        self.tell(leg.index, &c, sink);
        self.put(leg.to, c);
    }

    /// Asks whether what a move carries is followed further.
    fn go<S: Sink>(&mut self, leg: Leg, c: &mut Content, sink: &mut S) {
        if !S::ASKS || c.taint == 0 {
            return;
        }
        let parts = self.by_source(c);
        if sink.stops(leg.index, &parts) {
            let asset = self.asset[leg.from as usize];
            for (source, amount) in parts {
                self.books.add(asset, Tag::of(source), Col::Stopped, amount);
            }
            c.taint = 0;
            c.parts.clear();
        }
    }

    pub(super) fn holding(&self, slot: u32) -> Holding {
        let (balance, taint, unknown) = match self.special_of(slot) {
            Some(i) => (self.special[i].balance, self.special[i].taint, 0),
            None => self.raw(slot),
        };
        let tainted = match self.single {
            Some(source) if taint > 0 => vec![(source, taint)],
            _ => self.parts.get(&slot).cloned().unwrap_or_default(),
        };
        Holding { balance, tainted, unknown }
    }

    pub(super) fn bytes(&self) -> usize {
        let cells = match &self.cells {
            Cells::Narrow(b) => b.bytes(),
            Cells::Wide(b) => b.bytes(),
        };
        cells + self.asset.len() * size_of::<AssetId>() + self.parts.capacity() * 64
    }

    pub(super) fn finish(mut self, tally: &mut Tally) -> Vec<Check> {
        for slot in 0..self.asset.len() as u32 {
            let holding = self.holding(slot);
            let asset = self.asset[slot as usize];
            self.books.add(asset, Tag::UNKNOWN, Col::Resting, holding.unknown);
            for (source, amount) in holding.tainted {
                self.books.add(asset, Tag::of(source), Col::Resting, amount);
            }
        }
        tally.add(&self.tally);
        self.books.checks()
    }
}

impl Engine for Haircut {
    fn grow(&mut self, fresh: &[AssetId]) {
        self.asset.extend_from_slice(fresh);
        let n = self.asset.len();
        match &mut self.cells {
            Cells::Narrow(b) => grow(b, n),
            Cells::Wide(b) => grow(b, n),
        }
    }

    fn nobody(&mut self, slot: u32) {
        self.mark(slot, Special { balance: 0, taint: 0, source: None });
    }

    fn opening(&mut self, slot: u32, amount: u128) {
        if self.room(slot, amount) {
            self.put(slot, Content { amount, ..Content::default() });
        } else {
            self.tally.overflow += 1;
        }
    }

    fn activate(&mut self, slot: u32, source: Source) {
        if self.special_of(slot).is_some() {
            return;
        }
        let (balance, taint, unknown) = self.raw(slot);
        self.books.add(self.asset[slot as usize], Tag::UNKNOWN, Col::Out, unknown);
        self.credit(slot, source, balance - taint);
        self.mark(slot, Special { balance, taint: balance, source: Some(source) });
    }

    fn plain<S: Sink>(&mut self, routed: &Routed, range: Range<usize>, sink: &mut S) {
        if matches!(routed.amounts, Amounts::Wide(_)) {
            self.widen();
        }
        let (mut at, mut warm) = (range.start, range.start);
        while at < range.end {
            let rest = at..range.end;
            let single = self.single;
            let (books, tally) = (&mut self.books, &mut self.tally);
            let mut short = Short { asset: &self.asset, books, tally, of: AssetId(0), sum: 0 };
            let s = &mut short;
            at = match (&mut self.cells, &routed.amounts) {
                (Cells::Narrow(b), Amounts::Narrow(a)) => {
                    run(b, single, s, routed, &a[..], rest, &mut warm, sink)
                }
                (Cells::Wide(b), Amounts::Narrow(a)) => {
                    run(b, single, s, routed, &a[..], rest, &mut warm, sink)
                }
                (Cells::Wide(b), Amounts::Wide(a)) => {
                    run(b, single, s, routed, &a[..], rest, &mut warm, sink)
                }
                // Widened above.
                (Cells::Narrow(_), Amounts::Wide(_)) => at,
            };
            short.flush();
            if at < range.end {
                let (from, to, amount) = (routed.from[at], routed.to[at], routed.amount(at));
                self.step(Leg { index: routed.base + at as u64, from, to, amount, tag: None }, sink);
                at += 1;
            }
        }
    }

    fn tagged<S: Sink>(&mut self, leg: Leg, sink: &mut S) {
        self.step(leg, sink);
    }

    fn exchange<S: Sink>(&mut self, pay: Leg, get: Leg, sink: &mut S) {
        if !self.room(pay.to, pay.amount) || !self.room(get.to, get.amount) {
            self.tally.overflow += 1;
            return;
        }
        if u64::try_from(pay.amount.max(get.amount)).is_err() {
            self.widen();
        }
        let (a, b) = (self.asset[pay.from as usize], self.asset[get.from as usize]);
        let (mut paid, mut got) = (self.take(pay.from, pay.amount), self.take(get.from, get.amount));
        for (leg, c, asset) in [(pay, &mut paid, a), (get, &mut got, b)] {
            if let Some(source) = leg.tag {
                self.retag(asset, c, source);
            }
        }
        if S::ASKS && (paid.taint > 0 || got.taint > 0) {
            sink.swapped(pay.index, get.index);
            self.go(pay, &mut paid, sink);
            self.go(get, &mut got, sink);
        }
        let (as_got, as_paid) = (self.convert(&paid, get.amount, a, b), self.convert(&got, pay.amount, b, a));
        for (index, c) in [(pay.index, &paid), (get.index, &as_got), (get.index, &got), (pay.index, &as_paid)]
        {
            self.tell(index, c, sink);
        }
        self.put(get.to, as_got);
        self.put(pay.to, as_paid);
    }
}

fn grow<W: Word>(book: &mut Book<W>, n: usize) {
    book.cells.resize(n, Cell::default());
    if !book.unknown.is_empty() {
        book.unknown.resize(n, W::ZERO);
    }
}
