//! FIFO and LIFO over accounts: an ordered queue of segments per slot.
//!
//! A segment is a run of equal units. Nearly every account holds one run; it lies in the slot's cell. A second run
//! moves the slot's queue to a list, and back when one run is left. Neighbours that are equal become one, so lists
//! stay as short as the money is mixed. A move adds at most two segments to all lists together.
//!
//! LIFO takes from the back, unit by unit: what had come last arrives first.
//!
//! Never copies a queue but the part that moves; never reorders one (a transfer to oneself changes nothing).

use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::Range;

use super::{Amounts, Engine, Leg, Routed, Sink, Source};
use crate::ledger::AssetId;
use crate::taint::arith::{Word, mul_div};
use crate::taint::{Books, Check, Col, Holding, Tag, Tally, add_parts};

/// Moves read ahead.
const AHEAD: usize = 32;

/// Tag of a cell whose amount is the number of a list.
const LISTED: u32 = u32::MAX;

/// A run of equal units; also the cell of a slot.
#[derive(Clone, Copy, Default, Debug)]
struct Seg<W> {
    amount: W,
    tag: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Kind {
    #[default]
    Plain,
    Nobody,
    Of(Source),
}

#[derive(Default, Debug)]
struct List<W> {
    segs: VecDeque<Seg<W>>,
    total: W,
    kind: Kind,
}

#[derive(Debug)]
struct Book<W> {
    cells: Vec<Seg<W>>,
    lists: Vec<List<W>>,
    free: Vec<u32>,
    /// What is on its way.
    hand: Vec<Seg<W>>,
}

#[derive(Debug)]
enum Cells {
    Narrow(Book<u64>),
    Wide(Book<u128>),
}

#[derive(Debug)]
pub(super) struct Queue {
    fifo: bool,
    cells: Cells,
    asset: Vec<AssetId>,
    books: Books,
    tally: Tally,
}

/// Appends a run, joined with the last if equal.
fn append<W: Word>(segs: &mut Vec<Seg<W>>, tag: u32, amount: W) {
    match segs.last_mut() {
        Some(last) if last.tag == tag => last.amount = last.amount.plus(amount).unwrap_or(last.amount),
        _ => segs.push(Seg { amount, tag }),
    }
}

impl<W: Word> Book<W> {
    fn list_of(&self, slot: u32) -> Option<usize> {
        let cell = self.cells[slot as usize];
        (cell.tag == LISTED).then(|| cell.amount.low() as usize)
    }

    fn total(&self, slot: u32) -> W {
        self.list_of(slot).map_or(self.cells[slot as usize].amount, |l| self.lists[l].total)
    }

    fn kind(&self, slot: u32) -> Kind {
        self.list_of(slot).map_or(Kind::Plain, |l| self.lists[l].kind)
    }

    /// Gives a slot a list. `None` if there are too many for a cell to number.
    fn listed(&mut self, slot: u32) -> usize {
        if let Some(list) = self.list_of(slot) {
            return list;
        }
        let cell = self.cells[slot as usize];
        let list = match self.free.pop() {
            Some(list) => list as usize,
            None => {
                self.lists.push(List { segs: VecDeque::new(), total: W::ZERO, kind: Kind::Plain });
                self.lists.len() - 1
            }
        };
        let l = &mut self.lists[list];
        (l.total, l.kind) = (cell.amount, Kind::Plain);
        if cell.amount != W::ZERO {
            l.segs.push_back(cell);
        }
        // Lists are fewer than slots, which are numbered by 32 bits.
        self.cells[slot as usize] = Seg { amount: W::narrow(list as u128).unwrap_or_default(), tag: LISTED };
        list
    }

    /// Takes `v` units into the hand; the amount that was missing.
    fn take(&mut self, slot: u32, v: W, fifo: bool) -> W {
        self.hand.clear();
        let Some(l) = self.list_of(slot) else {
            let cell = &mut self.cells[slot as usize];
            let has = cell.amount.min(v);
            if has != W::ZERO {
                cell.amount = cell.amount.minus(has);
                self.hand.push(Seg { amount: has, tag: cell.tag });
            }
            return self.missing(v.minus(has), Kind::Plain);
        };
        let list = &mut self.lists[l];
        if list.kind == Kind::Nobody {
            self.hand.push(Seg { amount: v, tag: Tag::CLEAN.raw() });
            return W::ZERO;
        }
        let mut left = v;
        while left != W::ZERO {
            let end = if fifo { list.segs.front_mut() } else { list.segs.back_mut() };
            let Some(seg) = end else { break };
            let part = seg.amount.min(left);
            seg.amount = seg.amount.minus(part);
            left = left.minus(part);
            let (tag, empty) = (seg.tag, seg.amount == W::ZERO);
            append(&mut self.hand, tag, part);
            if empty {
                if fifo {
                    list.segs.pop_front()
                } else {
                    list.segs.pop_back()
                };
            }
        }
        list.total = list.total.minus(v.minus(left));
        let kind = list.kind;
        if kind == Kind::Plain && list.segs.len() <= 1 {
            self.cells[slot as usize] = list.segs.pop_front().unwrap_or_default();
            list.total = W::ZERO;
            self.free.push(l as u32);
        }
        self.missing(left, kind)
    }

    fn missing(&mut self, left: W, kind: Kind) -> W {
        if left != W::ZERO {
            let tag = match kind {
                Kind::Of(source) => Tag::of(source),
                _ => Tag::UNKNOWN,
            };
            append(&mut self.hand, tag.raw(), left);
        }
        left
    }

    /// Puts what is in the hand, whose sum with the slot's total fits by the caller's word.
    fn put(&mut self, slot: u32) {
        for i in 0..self.hand.len() {
            let seg = self.hand[i];
            let cell = &mut self.cells[slot as usize];
            if cell.tag != LISTED {
                if cell.amount == W::ZERO {
                    *cell = seg;
                    continue;
                }
                if cell.tag == seg.tag {
                    cell.amount = cell.amount.plus(seg.amount).unwrap_or(cell.amount);
                    continue;
                }
            }
            let l = self.listed(slot);
            let list = &mut self.lists[l];
            list.total = list.total.plus(seg.amount).unwrap_or(list.total);
            match list.segs.back_mut() {
                Some(last) if last.tag == seg.tag => {
                    last.amount = last.amount.plus(seg.amount).unwrap_or(last.amount);
                }
                _ => list.segs.push_back(seg),
            }
        }
    }

    fn segs(&self, slot: u32) -> Vec<Seg<W>> {
        match self.list_of(slot) {
            Some(l) => self.lists[l].segs.iter().copied().collect(),
            None => vec![self.cells[slot as usize]],
        }
    }

    fn bytes(&self) -> usize {
        let lists = self.lists.iter().map(|l| size_of::<List<W>>() + l.segs.capacity() * size_of::<Seg<W>>());
        self.cells.len() * size_of::<Seg<W>>() + lists.sum::<usize>()
    }

    /// Runs over moves that need no list; the position of the first that does, or the end.
    #[inline(always)]
    fn run<S: Sink>(
        &mut self,
        routed: &Routed,
        amount: impl Fn(usize) -> W,
        range: Range<usize>,
        warm: &mut usize,
        sink: &mut S,
    ) -> usize {
        let cells = &mut self.cells;
        let (from, to) = (&routed.from[..range.end], &routed.to[..range.end]);
        let mut i = range.start;
        while i < range.end {
            if i >= *warm {
                let end = (i + AHEAD).min(range.end);
                let mut sum = 0u64;
                for (&a, &b) in from[i..end].iter().zip(&to[i..end]) {
                    sum ^= cells[a as usize].amount.low() ^ cells[b as usize].amount.low();
                }
                black_box(sum);
                *warm = end;
            }
            let block = (*warm).min(range.end);
            while i < block {
                let (a, b, v) = (from[i] as usize, to[i] as usize, amount(i));
                if a == b || v == W::ZERO {
                    i += 1;
                    continue;
                }
                let (ca, cb) = (cells[a], cells[b]);
                let joins = ca.tag == cb.tag || (cb.amount == W::ZERO && cb.tag != LISTED);
                if ca.tag == LISTED || v > ca.amount || !joins {
                    return i;
                }
                // Whether it goes on is asked outside of the loop.
                if S::ASKS && Tag::from_raw(ca.tag).source().is_some() {
                    return i;
                }
                let Some(sum) = cb.amount.plus(v) else { return i };
                cells[a].amount = ca.amount.minus(v);
                cells[b] = Seg { amount: sum, tag: ca.tag };
                if let Some(source) = Tag::from_raw(ca.tag).source() {
                    sink.carried(routed.base + i as u64, source, v.wide());
                }
                i += 1;
            }
        }
        i
    }
}

/// Runs an expression over the book in use.
macro_rules! book {
    ($cells:expr, $b:ident => $e:expr) => {
        match $cells {
            Cells::Narrow($b) => $e,
            Cells::Wide($b) => $e,
        }
    };
}

/// Makes all units in the hand, but what is a source's already, this source's.
fn retag<W: Word>(b: &mut Book<W>, books: &mut Books, asset: AssetId, source: Source) {
    let mut segs = std::mem::take(&mut b.hand);
    for seg in &segs {
        let tag = Tag::from_raw(seg.tag);
        if tag.source().is_none() {
            books.add(asset, Tag::of(source), Col::Created, seg.amount.wide());
            books.add(asset, tag, Col::Out, seg.amount.wide());
            append(&mut b.hand, Tag::of(source).raw(), seg.amount);
        } else {
            append(&mut b.hand, seg.tag, seg.amount);
        }
    }
    segs.clear();
}

/// Takes units into the hand and keeps the books.
fn take<W: Word>(
    b: &mut Book<W>,
    books: &mut Books,
    tally: &mut Tally,
    asset: AssetId,
    leg: Leg,
    fifo: bool,
) {
    let kind = b.kind(leg.from);
    let missing = b.take(leg.from, W::narrow(leg.amount).unwrap_or_default(), fifo).wide();
    if missing > 0 {
        tally.short += 1;
        tally.unknown = tally.unknown.saturating_add(missing);
        let tag = match kind {
            Kind::Of(source) => Tag::of(source),
            _ => Tag::UNKNOWN,
        };
        books.add(asset, tag, Col::Created, missing);
    }
    if let Some(source) = leg.tag {
        retag(b, books, asset, source);
    }
}

/// Puts what is in the hand and keeps the books.
fn put<W: Word>(b: &mut Book<W>, books: &mut Books, asset: AssetId, slot: u32) {
    match b.kind(slot) {
        Kind::Plain => b.put(slot),
        Kind::Of(source) => {
            retag(b, books, asset, source);
            b.put(slot);
        }
        Kind::Nobody => {
            for seg in &b.hand {
                books.add(asset, Tag::from_raw(seg.tag), Col::Burnt, seg.amount.wide());
            }
        }
    }
}

fn tell<W: Word, S: Sink>(segs: &[Seg<W>], index: u64, sink: &mut S) {
    for seg in segs {
        if let Some(source) = Tag::from_raw(seg.tag).source() {
            sink.carried(index, source, seg.amount.wide());
        }
    }
}

/// Asks whether what a move carries is followed further; what is not becomes clean.
fn go<W: Word, S: Sink>(segs: &mut Vec<Seg<W>>, books: &mut Books, asset: AssetId, index: u64, sink: &mut S) {
    if !S::ASKS {
        return;
    }
    let mut parts = Vec::new();
    for seg in segs.iter() {
        if let Some(source) = Tag::from_raw(seg.tag).source() {
            add_parts(&mut parts, &[(source, seg.amount.wide())]);
        }
    }
    if parts.is_empty() || !sink.stops(index, &parts) {
        return;
    }
    for (source, amount) in parts {
        books.add(asset, Tag::of(source), Col::Stopped, amount);
    }
    for seg in std::mem::take(segs) {
        let tainted = Tag::from_raw(seg.tag).source().is_some();
        append(segs, if tainted { Tag::CLEAN.raw() } else { seg.tag }, seg.amount);
    }
}

/// A run of units in the units of what they are exchanged for: a unit is what stands at its place in proportion.
fn convert<W: Word>(segs: &[Seg<W>], from: u128, to: u128) -> Vec<Seg<W>> {
    let (mut sum, mut given) = (0u128, 0u128);
    let mut out = Vec::new();
    for seg in segs {
        sum = sum.saturating_add(seg.amount.wide());
        let until = mul_div(sum, to, from);
        if until > given {
            append(&mut out, seg.tag, W::narrow(until - given).unwrap_or_default());
            given = until;
        }
    }
    out
}

impl Queue {
    pub(super) fn new(fifo: bool) -> Queue {
        let book = Book { cells: Vec::new(), lists: Vec::new(), free: Vec::new(), hand: Vec::new() };
        Queue {
            fifo,
            cells: Cells::Narrow(book),
            asset: Vec::new(),
            books: Books::default(),
            tally: Tally::default(),
        }
    }

    fn widen(&mut self) {
        let Cells::Narrow(b) = &mut self.cells else { return };
        let wide = |s: &Seg<u64>| Seg { amount: u128::from(s.amount), tag: s.tag };
        let list = |l: &List<u64>| List {
            segs: l.segs.iter().map(wide).collect(),
            total: u128::from(l.total),
            kind: l.kind,
        };
        self.cells = Cells::Wide(Book {
            cells: b.cells.iter().map(wide).collect(),
            lists: b.lists.iter().map(list).collect(),
            free: std::mem::take(&mut b.free),
            hand: Vec::new(),
        });
    }

    /// Makes room for a move's amount at its receiver; false if not even 128 bits hold it.
    fn room(&mut self, leg: Leg) -> bool {
        let total = book!(&self.cells, b => match b.kind(leg.to) {
            Kind::Nobody => 0,
            _ => b.total(leg.to).wide(),
        });
        let Some(sum) = total.checked_add(leg.amount) else {
            self.tally.overflow += 1;
            return false;
        };
        if u64::try_from(sum).is_err() {
            self.widen();
        }
        true
    }

    fn step<S: Sink>(&mut self, leg: Leg, sink: &mut S) {
        if !self.room(leg) {
            return;
        }
        let asset = self.asset[leg.from as usize];
        book!(&mut self.cells, b => {
            take(b, &mut self.books, &mut self.tally, asset, leg, self.fifo);
            go(&mut b.hand, &mut self.books, asset, leg.index, sink);
            tell(&b.hand, leg.index, sink);
            put(b, &mut self.books, asset, leg.to);
        });
    }

    pub(super) fn holding(&self, slot: u32) -> Holding {
        let segs: Vec<(u32, u128)> = book!(&self.cells, b => {
            b.segs(slot).iter().map(|s| (s.tag, s.amount.wide())).collect()
        });
        let mut holding = Holding::default();
        for (raw, amount) in segs {
            holding.balance = holding.balance.saturating_add(amount);
            let tag = Tag::from_raw(raw);
            if tag == Tag::UNKNOWN {
                holding.unknown = holding.unknown.saturating_add(amount);
            }
            if let Some(source) = tag.source() {
                add_parts(&mut holding.tainted, &[(source, amount)]);
            }
        }
        holding
    }

    pub(super) fn bytes(&self) -> usize {
        book!(&self.cells, b => b.bytes()) + self.asset.len() * size_of::<AssetId>()
    }

    pub(super) fn finish(mut self, tally: &mut Tally) -> Vec<Check> {
        for slot in 0..self.asset.len() as u32 {
            let asset = self.asset[slot as usize];
            let segs: Vec<(u32, u128)> = book!(&self.cells, b => {
                b.segs(slot).iter().map(|s| (s.tag, s.amount.wide())).collect()
            });
            for (raw, amount) in segs {
                self.books.add(asset, Tag::from_raw(raw), Col::Resting, amount);
            }
        }
        tally.add(&self.tally);
        self.books.checks()
    }
}

impl Engine for Queue {
    fn grow(&mut self, fresh: &[AssetId]) {
        self.asset.extend_from_slice(fresh);
        let n = self.asset.len();
        match &mut self.cells {
            Cells::Narrow(b) => b.cells.resize(n, Seg::default()),
            Cells::Wide(b) => b.cells.resize(n, Seg::default()),
        }
    }

    fn nobody(&mut self, slot: u32) {
        book!(&mut self.cells, b => {
            let l = b.listed(slot);
            b.lists[l].kind = Kind::Nobody;
        });
    }

    fn opening(&mut self, slot: u32, amount: u128) {
        let leg = Leg { index: 0, from: slot, to: slot, amount, tag: None };
        if amount == 0 || !self.room(leg) {
            return;
        }
        let asset = self.asset[slot as usize];
        book!(&mut self.cells, b => {
            b.hand.clear();
            b.hand.push(Seg { amount: Word::narrow(amount).unwrap_or_default(), tag: Tag::CLEAN.raw() });
            put(b, &mut self.books, asset, slot);
        });
    }

    fn activate(&mut self, slot: u32, source: Source) {
        let asset = self.asset[slot as usize];
        book!(&mut self.cells, b => {
            if b.kind(slot) != Kind::Plain {
                return;
            }
            // The whole queue through the hand, in its order.
            let all = b.total(slot);
            b.take(slot, all, true);
            retag(b, &mut self.books, asset, source);
            b.put(slot);
            let l = b.listed(slot);
            b.lists[l].kind = Kind::Of(source);
        });
    }

    fn plain<S: Sink>(&mut self, routed: &Routed, range: Range<usize>, sink: &mut S) {
        if matches!(routed.amounts, Amounts::Wide(_)) {
            self.widen();
        }
        let (mut at, mut warm) = (range.start, range.start);
        while at < range.end {
            let rest = at..range.end;
            at = match (&mut self.cells, &routed.amounts) {
                (Cells::Narrow(b), Amounts::Narrow(a)) => b.run(routed, |i| a[i], rest, &mut warm, sink),
                (Cells::Wide(b), Amounts::Narrow(a)) => {
                    b.run(routed, |i| u128::from(a[i]), rest, &mut warm, sink)
                }
                (Cells::Wide(b), Amounts::Wide(a)) => b.run(routed, |i| a[i], rest, &mut warm, sink),
                // Widened above.
                (Cells::Narrow(_), Amounts::Wide(_)) => at,
            };
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
        if !self.room(pay) || !self.room(get) {
            return;
        }
        let (a, g) = (self.asset[pay.from as usize], self.asset[get.from as usize]);
        book!(&mut self.cells, b => {
            take(b, &mut self.books, &mut self.tally, a, pay, self.fifo);
            let mut paid = std::mem::take(&mut b.hand);
            take(b, &mut self.books, &mut self.tally, g, get, self.fifo);
            let mut got = std::mem::take(&mut b.hand);
            let tainted = |segs: &[Seg<_>]| segs.iter().any(|s| Tag::from_raw(s.tag).source().is_some());
            if S::ASKS && (tainted(&paid) || tainted(&got)) {
                sink.swapped(pay.index, get.index);
                go(&mut paid, &mut self.books, a, pay.index, sink);
                go(&mut got, &mut self.books, g, get.index, sink);
            }
            let as_got = convert(&paid, pay.amount, get.amount);
            let as_paid = convert(&got, get.amount, pay.amount);
            for (segs, asset, col) in
                [(&paid, a, Col::Out), (&as_got, g, Col::In), (&got, g, Col::Out), (&as_paid, a, Col::In)]
            {
                for seg in segs {
                    self.books.add(asset, Tag::from_raw(seg.tag), col, seg.amount.wide());
                }
            }
            for (segs, index) in
                [(&paid, pay.index), (&as_got, get.index), (&got, get.index), (&as_paid, pay.index)]
            {
                tell(segs, index, sink);
            }
            b.hand = as_got;
            put(b, &mut self.books, g, get.to);
            b.hand = as_paid;
            put(b, &mut self.books, a, pay.to);
        });
    }
}
