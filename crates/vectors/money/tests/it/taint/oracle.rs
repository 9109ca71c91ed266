//! The slow definition: every unit of money is one element of an array.
//!
//! Written from the rules, sharing nothing with the engines but the ledger: no runs, no slots, no multiplication.
//! `floor(T*v/B)` is counted, unit by unit.

use std::collections::{BTreeMap, BTreeSet};

use palisade_money::Ledger;
use palisade_money::ledger::{AssetId, MoveKind, OutputId, PartyId, TxId};
use palisade_money::taint::{Entry, Holding, Method, Plan, Source};

/// Clean, unknown, or from a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unit {
    Clean,
    Unknown,
    Of(u16),
}

pub type Carried = BTreeMap<(u64, u16), u128>;

/// `floor(t * v / b)`, counted over `v` units.
fn count(t: usize, v: usize, b: usize) -> usize {
    let (mut sum, mut n) = (0, 0);
    for _ in 0..v {
        sum += t;
        while b > 0 && sum >= b {
            sum -= b;
            n += 1;
        }
    }
    n
}

fn retag(units: &mut [Unit], source: u16) {
    for u in units {
        if !matches!(u, Unit::Of(_)) {
            *u = Unit::Of(source);
        }
    }
}

fn holding(units: &[Unit]) -> Holding {
    let mut sources: BTreeMap<u16, u128> = BTreeMap::new();
    let mut h = Holding { balance: units.len() as u128, ..Holding::default() };
    for u in units {
        match u {
            Unit::Of(s) => *sources.entry(*s).or_default() += 1,
            Unit::Unknown => h.unknown += 1,
            Unit::Clean => {}
        }
    }
    h.tainted = sources.into_iter().map(|(s, n)| (Source(s), n)).collect();
    h
}

fn carry(carried: &mut Carried, index: usize, units: &[Unit]) {
    for u in units {
        if let Unit::Of(s) = u {
            *carried.entry((index as u64, *s)).or_default() += 1;
        }
    }
}

/// Haircut: which units go is a matter of numbers. Splits `units` (any order) into what goes and what stays.
fn mix(units: &[Unit], v: usize) -> (Vec<Unit>, Vec<Unit>) {
    let mut sources: Vec<(u16, usize)> = Vec::new();
    for u in units {
        if let Unit::Of(s) = u {
            match sources.iter_mut().find(|x| x.0 == *s) {
                Some(x) => x.1 += 1,
                None => sources.push((*s, 1)),
            }
        }
    }
    sources.sort();
    let t: usize = sources.iter().map(|s| s.1).sum();
    let unknown = units.iter().filter(|u| **u == Unit::Unknown).count();
    let m = count(t, v, units.len());
    let w = count(unknown, v - m, units.len() - t);
    let mut gone = divide(&sources, m, t);
    gone.extend(std::iter::repeat_n(Unit::Unknown, w));
    gone.extend(std::iter::repeat_n(Unit::Clean, v - m - w));
    let mut rest = units.to_vec();
    for u in &gone {
        let at = rest.iter().position(|r| r == u).expect("what goes was there");
        rest.swap_remove(at);
    }
    (gone, rest)
}

/// `m` of `t` tainted units, by source in the order of ids.
fn divide(sources: &[(u16, usize)], m: usize, t: usize) -> Vec<Unit> {
    let (mut sum, mut given, mut out) = (0, 0, Vec::new());
    for (s, n) in sources {
        sum += n;
        let until = count(sum, m, t);
        out.extend(std::iter::repeat_n(Unit::Of(*s), until - given));
        given = until;
    }
    out
}

/// Units in place of which `n` others come: each is what stands at its place in proportion.
fn in_place(units: &[Unit], n: usize, haircut: bool) -> Vec<Unit> {
    if !haircut {
        return (0..n).map(|u| units[((u + 1) * units.len()).div_ceil(n) - 1]).collect();
    }
    let mut sources: BTreeMap<u16, usize> = BTreeMap::new();
    for u in units {
        if let Unit::Of(s) = u {
            *sources.entry(*s).or_default() += 1;
        }
    }
    let sources: Vec<(u16, usize)> = sources.into_iter().collect();
    let t: usize = sources.iter().map(|s| s.1).sum();
    let unknown = units.iter().filter(|u| **u == Unit::Unknown).count();
    let m = count(t, n, units.len());
    let w = count(unknown, n - m, units.len() - t);
    let mut out = divide(&sources, m, t);
    out.extend(std::iter::repeat_n(Unit::Unknown, w));
    out.extend(std::iter::repeat_n(Unit::Clean, n - m - w));
    out
}

type Slots = BTreeMap<(PartyId, AssetId), Vec<Unit>>;

struct Accounts<'a> {
    l: &'a Ledger,
    plan: &'a Plan,
    slots: Slots,
    touched: BTreeMap<(PartyId, AssetId), BTreeSet<u16>>,
    carried: Carried,
    now: Option<TxId>,
}

impl Accounts<'_> {
    fn source_of(&self, party: PartyId, asset: AssetId) -> Option<u16> {
        let mut fits = Vec::new();
        for s in &self.plan.starts {
            if let Entry::Party { party: p, asset: a, from } = s.entry
                && p == party
                && a.is_none_or(|a| a == asset)
                && self.now.is_none_or(|now| from <= now)
            {
                fits.push((from, s.source.0));
            }
        }
        fits.into_iter().min().map(|f| f.1)
    }

    fn refresh(&mut self) {
        let keys: Vec<_> = self.slots.keys().copied().collect();
        for key in keys {
            if let Some(s) = self.source_of(key.0, key.1) {
                retag(self.slots.get_mut(&key).unwrap(), s);
            }
            let all: Vec<u16> = self
                .plan
                .starts
                .iter()
                .filter_map(|start| match start.entry {
                    Entry::Party { party, asset, from } => (party == key.0
                        && asset.is_none_or(|a| a == key.1)
                        && self.now.is_none_or(|now| from <= now))
                    .then_some(start.source.0),
                    _ => None,
                })
                .collect();
            self.touched.entry(key).or_default().extend(all);
        }
    }

    fn tag(&self, i: usize) -> Option<u16> {
        let m = &self.l.moves;
        if m.kind[i] == MoveKind::Fee {
            return None;
        }
        let fits = |e: &Entry| {
            matches!(e, Entry::Tx { tx, party, asset } if *tx == m.tx[i]
                && party.is_none_or(|p| p == m.from[i])
                && asset.is_none_or(|a| a == m.asset[i]))
        };
        self.plan.starts.iter().filter(|s| fits(&s.entry)).map(|s| s.source.0).min()
    }

    fn take(&mut self, i: usize) -> Vec<Unit> {
        let m = &self.l.moves;
        let (key, v) = ((m.from[i], m.asset[i]), m.amount[i] as usize);
        if key.0 == PartyId::NOBODY {
            let mut units = vec![Unit::Clean; v];
            if let Some(s) = self.tag(i) {
                retag(&mut units, s);
            }
            return units;
        }
        let mut units = std::mem::take(self.slots.entry(key).or_default());
        let short = v.saturating_sub(units.len());
        let new = self.source_of(key.0, key.1).map_or(Unit::Unknown, Unit::Of);
        let (mut gone, rest) = match self.plan.method {
            Method::Fifo => {
                units.extend(vec![new; short]);
                let rest = units.split_off(v);
                (units, rest)
            }
            Method::Lifo => {
                let mut gone = Vec::new();
                while gone.len() < v
                    && let Some(u) = units.pop()
                {
                    gone.push(u);
                }
                gone.extend(vec![new; short]);
                (gone, units)
            }
            _ => {
                units.extend(vec![new; short]);
                mix(&units, v)
            }
        };
        self.slots.insert(key, rest);
        if let Some(s) = self.tag(i) {
            retag(&mut gone, s);
        }
        gone
    }

    fn put(&mut self, i: usize, units: Vec<Unit>) {
        let m = &self.l.moves;
        if m.to[i] != PartyId::NOBODY {
            self.slots.entry((m.to[i], m.asset[i])).or_default().extend(units);
        }
        self.refresh();
    }

    /// Poison: what the sender ever touched, and the tag.
    fn touch(&self, i: usize) -> BTreeSet<u16> {
        let m = &self.l.moves;
        let mut set = self.touched.get(&(m.from[i], m.asset[i])).cloned().unwrap_or_default();
        if m.from[i] == PartyId::NOBODY {
            set.clear();
        }
        set.extend(self.tags(i));
        set
    }

    fn tags(&self, i: usize) -> Option<u16> {
        self.tag(i)
    }
}

/// Holdings that are tainted or unknown, and what every move carried.
pub fn accounts(l: &Ledger, plan: &Plan) -> (Vec<(PartyId, AssetId, Holding)>, Carried) {
    let m = &l.moves;
    let now = None;
    let mut a =
        Accounts { l, plan, slots: Slots::new(), touched: BTreeMap::new(), carried: Carried::new(), now };
    for o in &plan.openings {
        let units = vec![Unit::Clean; o.amount as usize];
        a.slots.entry((o.party, o.asset)).or_default().extend(units);
    }
    let haircut = plan.method == Method::Haircut;
    for i in 0..m.tx.len() {
        a.now = Some(m.tx[i]);
        a.slots.entry((m.from[i], m.asset[i])).or_default();
        a.slots.entry((m.to[i], m.asset[i])).or_default();
        a.refresh();
        let swap = plan.swaps.iter().find(|s| s.pay == i as u64 || s.get == i as u64);
        if let Some(s) = swap {
            let here = if s.at_second { s.pay.max(s.get) } else { s.pay.min(s.get) };
            if here != i as u64 {
                continue;
            }
            let (pay, get) = (s.pay as usize, s.get as usize);
            for j in [pay, get] {
                a.slots.entry((m.from[j], m.asset[j])).or_default();
                a.slots.entry((m.to[j], m.asset[j])).or_default();
            }
            a.refresh();
            let (p, g) = (a.touch(pay), a.touch(get));
            a.touched.entry((m.to[get], m.asset[get])).or_default().extend(p);
            a.touched.entry((m.to[pay], m.asset[pay])).or_default().extend(g);
            let (paid, got) = (a.take(pay), a.take(get));
            let as_got = in_place(&paid, got.len(), haircut);
            let as_paid = in_place(&got, paid.len(), haircut);
            for (j, units) in [(pay, &paid), (get, &as_got), (get, &got), (pay, &as_paid)] {
                carry(&mut a.carried, j, units);
            }
            a.put(get, as_got);
            a.put(pay, as_paid);
            continue;
        }
        if m.from[i] == m.to[i] || m.amount[i] == 0 {
            continue;
        }
        let set = a.touch(i);
        if plan.method == Method::Poison {
            for s in &set {
                a.carried.insert((i as u64, *s), m.amount[i]);
            }
        }
        a.touched.entry((m.to[i], m.asset[i])).or_default().extend(set);
        let units = a.take(i);
        if plan.method != Method::Poison {
            carry(&mut a.carried, i, &units);
        }
        a.put(i, units);
    }
    a.now = None;
    a.refresh();
    let mut out = Vec::new();
    for ((party, asset), units) in &a.slots {
        if *party == PartyId::NOBODY {
            continue;
        }
        let mut h = holding(units);
        if plan.method == Method::Poison {
            let set = a.touched.get(&(*party, *asset)).cloned().unwrap_or_default();
            h.tainted = set.into_iter().map(|s| (Source(s), h.balance)).collect();
        }
        if !h.tainted.is_empty() || h.unknown > 0 {
            out.push((*party, *asset, h));
        }
    }
    (out, a.carried)
}

struct Outputs<'a> {
    l: &'a Ledger,
    plan: &'a Plan,
    live: BTreeMap<OutputId, Vec<Unit>>,
    /// Poison: sets beside the units.
    sets: BTreeMap<OutputId, BTreeSet<u16>>,
    carried: Carried,
}

impl Outputs<'_> {
    fn claims(&self, output: OutputId) -> Vec<u16> {
        let o = &self.l.outputs;
        let i = output.0 as usize;
        let named = |e: &Entry| matches!(e, Entry::Output { output: x } if *x == output);
        let mut direct: Vec<u16> =
            self.plan.starts.iter().filter(|s| named(&s.entry)).map(|s| s.source.0).collect();
        direct.sort();
        let mut party = Vec::new();
        for s in &self.plan.starts {
            if let Entry::Party { party: p, asset, from } = s.entry
                && p == o.party[i]
                && p != PartyId::NOBODY
                && asset.is_none_or(|a| a == o.asset[i])
                && o.spent_by[i].is_none_or(|tx| tx >= from)
            {
                party.push((from, s.source.0));
            }
        }
        party.sort();
        direct.extend(party.into_iter().map(|p| p.1));
        direct
    }

    fn make(
        &mut self,
        tx: TxId,
        mut s: Vec<Unit>,
        mut set: BTreeSet<u16>,
        outs: std::ops::Range<u32>,
    ) -> (Vec<Unit>, BTreeSet<u16>) {
        let by_tx = self.plan.starts.iter().filter(|s| matches!(s.entry, Entry::Tx { tx: t, .. } if t == tx));
        if let Some(source) = by_tx.map(|s| s.source.0).min() {
            retag(&mut s, source);
            if !s.is_empty() {
                set.insert(source);
            }
        }
        let value = |o: &u32| self.l.outputs.value[*o as usize] as usize;
        let mut order: Vec<u32> = outs.clone().collect();
        let parts: Vec<Vec<Unit>>;
        match self.plan.method {
            Method::Haircut => {
                // Taint falls on a unit whenever the counter runs over; what is not tainted likewise.
                let t = s.iter().filter(|u| matches!(u, Unit::Of(_))).count();
                let unknown = s.iter().filter(|u| **u == Unit::Unknown).count();
                let (mut c, mut d) = (0, 0);
                let mut sources: BTreeMap<u16, usize> = BTreeMap::new();
                for u in &s {
                    if let Unit::Of(x) = u {
                        *sources.entry(*x).or_default() += 1;
                    }
                }
                let mut sizes: Vec<usize> = order.iter().map(value).collect();
                sizes.push(s.len() - sizes.iter().sum::<usize>());
                parts = sizes
                    .iter()
                    .map(|&n| {
                        let (mut tainted, mut w) = (0, 0);
                        for _ in 0..n {
                            c += t;
                            if c >= s.len() && t > 0 {
                                c -= s.len();
                                tainted += 1;
                            } else {
                                d += unknown;
                                if d >= s.len() - t && unknown > 0 {
                                    d -= s.len() - t;
                                    w += 1;
                                }
                            }
                        }
                        let left: Vec<(u16, usize)> = sources.iter().map(|(s, n)| (*s, *n)).collect();
                        let mut part = divide(&left, tainted, left.iter().map(|x| x.1).sum());
                        for u in &part {
                            if let Unit::Of(x) = u {
                                *sources.get_mut(x).unwrap() -= 1;
                            }
                        }
                        part.extend(std::iter::repeat_n(Unit::Unknown, w));
                        part.extend(std::iter::repeat_n(Unit::Clean, n - tainted - w));
                        part
                    })
                    .collect();
            }
            method => {
                if method == Method::Lifo {
                    s.reverse();
                }
                if method == Method::Tiho {
                    let (mut t, rest): (Vec<Unit>, Vec<Unit>) =
                        s.iter().partition(|u| matches!(u, Unit::Of(_)));
                    t.extend(rest);
                    s = t;
                    order.sort_by(|a, b| value(b).cmp(&value(a)).then(a.cmp(b)));
                }
                let mut it = s.into_iter();
                let mut filled: Vec<Vec<Unit>> =
                    order.iter().map(|o| it.by_ref().take(value(o)).collect()).collect();
                filled.push(it.collect());
                parts = filled;
            }
        }
        let mut parts = parts.into_iter();
        for o in order {
            let id = OutputId(o);
            let mut units = parts.next().unwrap();
            let claims = self.claims(id);
            let mut own = if units.is_empty() { BTreeSet::new() } else { set.clone() };
            if let Some(&s) = claims.first() {
                retag(&mut units, s);
                if !units.is_empty() {
                    own.insert(s);
                }
            }
            if self.plan.method == Method::Poison {
                for s in &own {
                    self.carried.insert((u64::from(o), *s), units.len() as u128);
                }
            } else {
                carry(&mut self.carried, o as usize, &units);
            }
            self.live.insert(id, units);
            self.sets.insert(id, own);
        }
        let fee = parts.next().unwrap();
        if fee.is_empty() {
            set.clear();
        }
        (fee, set)
    }
}

/// Unspent outputs that are tainted or unknown, and what every output carried when it was made.
pub fn outputs(l: &Ledger, plan: &Plan) -> (Vec<(OutputId, Holding)>, Carried) {
    let mut o = Outputs { l, plan, live: BTreeMap::new(), sets: BTreeMap::new(), carried: Carried::new() };
    let block = |i: usize| l.txs.block[l.spends[i].tx.0 as usize];
    let mut at = 0;
    while at < l.spends.len() {
        let mut end = at;
        while end < l.spends.len() && block(end) == block(at) {
            end += 1;
        }
        let (mut fees, mut fee_set) = (Vec::new(), BTreeSet::new());
        for s in l.spends[at..end].iter().filter(|s| !s.coinbase) {
            let (mut units, mut set) = (Vec::new(), BTreeSet::new());
            for input in &l.inputs[s.inputs.start as usize..s.inputs.end as usize] {
                let (more, sources) = match o.live.remove(input) {
                    Some(units) => (units, o.sets.remove(input).unwrap()),
                    None => {
                        let mut units = vec![Unit::Unknown; l.outputs.value[input.0 as usize] as usize];
                        let claims = o.claims(*input);
                        let mut set = BTreeSet::new();
                        if let Some(&s) = claims.first() {
                            retag(&mut units, s);
                            if !units.is_empty() {
                                set.insert(s);
                            }
                        }
                        (units, set)
                    }
                };
                units.extend(more);
                set.extend(sources);
            }
            let made: u64 = (s.outputs.start..s.outputs.end).map(|i| l.outputs.value[i as usize]).sum();
            while units.len() < made as usize {
                units.push(Unit::Unknown);
            }
            let (fee, sources) = o.make(s.tx, units, set, s.outputs.clone());
            fees.extend(fee);
            fee_set.extend(sources);
        }
        for s in l.spends[at..end].iter().filter(|s| s.coinbase) {
            let made: u64 = (s.outputs.start..s.outputs.end).map(|i| l.outputs.value[i as usize]).sum();
            let mut units = vec![Unit::Clean; (made as usize).saturating_sub(fees.len())];
            units.append(&mut fees);
            o.make(s.tx, units, std::mem::take(&mut fee_set), s.outputs.clone());
        }
        at = end;
    }
    let mut out = Vec::new();
    for (id, units) in &o.live {
        let mut h = holding(units);
        if plan.method == Method::Poison {
            h.tainted = o.sets[id].iter().map(|s| (Source(*s), h.balance)).collect();
        }
        if !h.tainted.is_empty() || h.unknown > 0 {
            out.push((*id, h));
        }
    }
    (out, o.carried)
}
