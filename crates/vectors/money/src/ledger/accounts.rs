//! The account model, put together: statements of several sources become moves in the order in which they took effect.
//!
//! Within a transaction the fee leaves first (gas is bought up front), then native coin by the transaction itself, by its calls
//! in the order in which they were made, then tokens by log number. Sources have either calls or logs in order, never both in
//! one, so the last two are not interleaved; every rule keeps one queue per asset, so that makes no difference to it.
//!
//! What this never does: let a failed transaction move anything but its fee, count a transaction's value again because a trace
//! repeats it, or take two equal transfers of one transaction for one.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Citation, ProblemCode, Time};

use super::build::{About, AccountTx, Amount, Late, MAX_STEP, PartyKey, Place, Step, Transfer, TxKey};
use super::names::Names;
use super::{MoveKind, PartyId};

const NONE: u32 = u32::MAX;
const NO_AMOUNT: u128 = u128::MAX;

/// What sources say of one transaction, each part once.
#[derive(Clone)]
pub(super) struct Said {
    pub tx: u32,
    pub block: Option<u64>,
    pub index: Option<u32>,
    pub time: Option<Time>,
    pub citation: Citation,
    from: u32,
    to: u32,
    /// Index in `amounts`; [`NONE`] while no source gives any, as where there are token transfers only.
    amounts: u32,
    success: Option<bool>,
    wants_receipt: bool,
    disputed: bool,
    /// An amount that cannot be told from none.
    beyond: bool,
}

/// Amounts that sources give of a transaction; [`NO_AMOUNT`] where none does.
#[derive(Clone, Copy)]
struct Amounts {
    value: u128,
    fee: u128,
    gas_used: u128,
    gas_price: u128,
    paid_price: u128,
}

const NO_AMOUNTS: Amounts = Amounts {
    value: NO_AMOUNT,
    fee: NO_AMOUNT,
    gas_used: NO_AMOUNT,
    gas_price: NO_AMOUNT,
    paid_price: NO_AMOUNT,
};

/// Ranks of moves in a transaction.
const FEE: u8 = 0;
const NATIVE: u8 = 1;
const CALL: u8 = 2;
const TOKEN: u8 = 3;

/// How a step is numbered: by the chain, by the way to a call, or not.
const NUMBERED: u8 = 0;
const WAY: u8 = 1;
const UNNUMBERED: u8 = 2;

/// An amount in the smallest unit has no scale.
const UNITS: u8 = u8::MAX;

/// All rows of the account model, unordered.
#[derive(Default)]
pub(super) struct Accounts {
    /// By [`TxKey`]: index in `said`.
    of_tx: Vec<u32>,
    pub said: Vec<Said>,
    amounts: Vec<Amounts>,
    /// Ways to calls, each once, big-endian, so that they sort as calls are made.
    ways: Names,
    /// Calls that failed: transaction and way.
    failed: BTreeSet<(u32, u32)>,
    rows: Rows,
}

#[derive(Default)]
struct Rows {
    said: Vec<u32>,
    asset: Vec<u32>,
    from: Vec<u32>,
    to: Vec<u32>,
    amount: Vec<u128>,
    scale: Vec<u8>,
    class: Vec<u8>,
    numbering: Vec<u8>,
    step: Vec<u32>,
    citation: Vec<Citation>,
}

/// Moves in their order, still under the builder's numbers.
#[derive(Default)]
pub(super) struct Ordered {
    pub tx: Vec<u32>,
    pub asset: Vec<u32>,
    pub from: Vec<u32>,
    pub to: Vec<u32>,
    pub amount: Vec<u128>,
    pub kind: Vec<MoveKind>,
    pub citation: Vec<Citation>,
}

impl Accounts {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.said.len() + self.said.len()
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        let row = size_of::<[u32; 5]>() + size_of::<u128>() + 3 + size_of::<Citation>();
        self.of_tx.capacity() * 4
            + self.said.capacity() * size_of::<Said>()
            + self.amounts.capacity() * size_of::<Amounts>()
            + self.ways.bytes()
            + self.failed.len() * 16
            + self.rows.said.capacity() * row
    }

    /// The place of a transaction in `said`, made if need be.
    fn of(&mut self, tx: TxKey, citation: Citation) -> u32 {
        let at = tx.number() as usize;
        if self.of_tx.len() <= at {
            self.of_tx.resize(at + 1, NONE);
        }
        if self.of_tx[at] == NONE {
            self.of_tx[at] = self.said.len() as u32;
            self.said.push(Said {
                tx: tx.number(),
                block: None,
                index: None,
                time: None,
                citation,
                from: NONE,
                to: NONE,
                amounts: NONE,
                success: None,
                wants_receipt: false,
                disputed: false,
                beyond: false,
            });
        }
        self.of_tx[at]
    }

    pub fn say(&mut self, tx: TxKey, place: Place, says: AccountTx, citation: Citation) {
        let at = self.of(tx, citation);
        let s = &mut self.said[at as usize];
        s.citation = s.citation.min(citation);
        let mut disputed = s.disputed;
        // Of two that differ the smaller: the choice must not depend on which came first.
        merge(&mut s.block, place.block, &mut disputed);
        merge(&mut s.index, place.index, &mut disputed);
        // Times of one block are written to the second by one source and to the millisecond by another.
        merge(&mut s.time, place.time, &mut false);
        number(&mut s.from, says.from.map(PartyKey::number), &mut disputed);
        number(&mut s.to, says.to.map(PartyKey::number), &mut disputed);
        let new = [says.value, says.fee, says.gas_used, says.gas_price, says.paid_price];
        s.beyond |= new.contains(&Some(NO_AMOUNT));
        if new.iter().any(Option::is_some) {
            if s.amounts == NONE {
                s.amounts = self.amounts.len() as u32;
                self.amounts.push(NO_AMOUNTS);
            }
            if let Some(a) = self.amounts.get_mut(s.amounts as usize) {
                let slots = [&mut a.value, &mut a.fee, &mut a.gas_used, &mut a.gas_price, &mut a.paid_price];
                for (slot, new) in slots.into_iter().zip(new) {
                    match new {
                        Some(new) if *slot == NO_AMOUNT => *slot = new,
                        Some(new) if *slot != new => {
                            disputed = true;
                            *slot = new.min(*slot);
                        }
                        _ => {}
                    }
                }
            }
        }
        merge(&mut s.success, says.success, &mut disputed);
        s.wants_receipt |= says.wants_receipt;
        s.disputed = disputed;
    }

    pub fn failed(&mut self, tx: TxKey, way: &[u32], citation: Citation) {
        let at = self.of(tx, citation);
        // Ways are no more than rows are, which have their own limit.
        if let Some(way) = self.way(way) {
            self.failed.insert((at, way));
        }
    }

    fn way(&mut self, way: &[u32]) -> Option<u32> {
        let bytes: Vec<u8> = way.iter().flat_map(|n| n.to_be_bytes()).collect();
        self.ways.intern(&bytes, u32::MAX as usize)
    }

    pub fn transfer(&mut self, t: Transfer<'_>) {
        let said = self.of(t.tx, t.citation);
        let (class, numbering, step) = match t.step {
            // Number 0 is the value that is said of the transaction as a whole.
            Step::Native(Some(n)) => (NATIVE, NUMBERED, n.saturating_add(1)),
            Step::Native(None) => (NATIVE, UNNUMBERED, 0),
            Step::Internal(Some(way)) => match self.way(way) {
                Some(way) => (CALL, WAY, way),
                None => (CALL, UNNUMBERED, 0),
            },
            Step::Internal(None) => (CALL, UNNUMBERED, 0),
            Step::Token(Some(n)) => (TOKEN, NUMBERED, n),
            Step::Token(None) => (TOKEN, UNNUMBERED, 0),
        };
        let (amount, scale) = match t.amount {
            Amount::Units(units) => (units, UNITS),
            Amount::Decimal { mantissa, scale } => (mantissa, scale),
        };
        self.rows.push(
            said,
            t.asset.0,
            (t.from.number(), t.to.number()),
            (amount, scale),
            (class, numbering, step),
            t.citation,
        );
    }

    /// Moves in order. `tx_of` has the number of each transaction in `said`, [`NONE`] for those without a place; `coin` its
    /// chain's coin; `finest` what is known of amounts beyond the rows here.
    pub fn finish(
        mut self,
        tx_of: &[u32],
        coin: &[u32],
        about: &mut [About],
        finest: BTreeMap<u32, (u8, bool)>,
        (parties, assets): (&Names, &Names),
        late: &mut Late,
    ) -> Ordered {
        self.native_rows(coin, late);
        let mut keep: Vec<(u64, u32)> = self.standing(tx_of, about, late);
        self.settle_units(about, finest, &mut keep, late);
        self.number_unnumbered(&mut keep);
        let way_rank = self.way_ranks();
        let rows = &self.rows;
        for (key, row) in &mut keep {
            *key = rows.key(*row, tx_of, &way_rank);
        }
        // Equal steps that are different transfers stand in an order of their own content.
        keep.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| rows.content(a.1, parties, assets).cmp(&rows.content(b.1, parties, assets)))
        });
        let mut out = Ordered::default();
        let mut last: Option<(u64, u32)> = None;
        for (key, row) in keep {
            if let Some((before, first)) = last
                && before == key
                && rows.numbering[row as usize] != UNNUMBERED
            {
                if rows.same(first, row) {
                    continue;
                }
                late.add(
                    ProblemCode::DamagedRecord,
                    Some(rows.citation[row as usize]),
                    "two records give one step of a transaction different content: the first is kept",
                );
                continue;
            }
            last = Some((key, row));
            let r = row as usize;
            let kind = match (rows.class[r], rows.from[r], rows.to[r]) {
                (FEE, _, _) => MoveKind::Fee,
                (_, 0, _) => MoveKind::Mint,
                (TOKEN, _, 0) => MoveKind::Burn,
                (NATIVE, _, _) => MoveKind::Native,
                (CALL, _, _) => MoveKind::Internal,
                _ => MoveKind::Token,
            };
            out.tx.push(tx_of[rows.said[r] as usize]);
            out.asset.push(rows.asset[r]);
            out.from.push(rows.from[r]);
            out.to.push(rows.to[r]);
            out.amount.push(rows.amount[r]);
            out.kind.push(kind);
            out.citation.push(rows.citation[r]);
        }
        out
    }

    /// Fees and values, from what was said of transactions.
    fn native_rows(&mut self, coin: &[u32], late: &mut Late) {
        let nobody = PartyId::NOBODY.0;
        for (at, s) in self.said.iter().enumerate() {
            let here = Some(s.citation);
            if s.disputed {
                late.add(
                    ProblemCode::DamagedRecord,
                    here,
                    "sources contradict each other on a transaction: the smaller value of each is kept",
                );
            }
            if s.beyond {
                late.add(
                    ProblemCode::DamagedRecord,
                    here,
                    "an amount of 2^128 − 1, which no coin has: left out",
                );
            }
            let a = self.amounts.get(s.amounts as usize).copied().unwrap_or(NO_AMOUNTS);
            let price = if a.paid_price == NO_AMOUNT { a.gas_price } else { a.paid_price };
            let fee = match (a.fee, a.gas_used, price) {
                (NO_AMOUNT, NO_AMOUNT, _) | (NO_AMOUNT, _, NO_AMOUNT) => None,
                (NO_AMOUNT, used, price) => {
                    let fee = used.checked_mul(price);
                    if fee.is_none() {
                        late.add(
                            ProblemCode::DamagedRecord,
                            here,
                            "a transaction's fee is beyond 128 bits: it is left out",
                        );
                    }
                    fee
                }
                (fee, _, _) => Some(fee),
            };
            let coin = coin.get(at).copied().unwrap_or(NONE);
            if s.from == NONE {
                if fee.is_some_and(|f| f > 0) || a.value != NO_AMOUNT && a.value > 0 {
                    late.add(
                        ProblemCode::DamagedRecord,
                        here,
                        "a transaction has a fee or a value and no sender: both are left out",
                    );
                }
                continue;
            }
            if let Some(fee) = fee.filter(|f| *f > 0) {
                self.rows.push(
                    at as u32,
                    coin,
                    (s.from, nobody),
                    (fee, UNITS),
                    (FEE, NUMBERED, 0),
                    s.citation,
                );
            }
            if s.success.is_none() && s.wants_receipt {
                late.add(
                    ProblemCode::DamagedPart,
                    here,
                    "transactions whose success no source gives (no receipt, no trace): taken as successful; give their receipts as well",
                );
            }
            if s.success == Some(false) || a.value == NO_AMOUNT || a.value == 0 {
                continue;
            }
            if s.to == NONE {
                late.add(
                    ProblemCode::DamagedPart,
                    here,
                    "value sent to a new contract whose address no source names: its way ends there",
                );
            }
            let to = if s.to == NONE { nobody } else { s.to };
            self.rows.push(
                at as u32,
                coin,
                (s.from, to),
                (a.value, UNITS),
                (NATIVE, NUMBERED, 0),
                s.citation,
            );
        }
    }

    /// Rows that took effect and have a place.
    fn standing(&self, tx_of: &[u32], about: &[About], late: &mut Late) -> Vec<(u64, u32)> {
        let mut keep = Vec::with_capacity(self.rows.said.len());
        for row in 0..self.rows.said.len() {
            let said = self.rows.said[row];
            let class = self.rows.class[row];
            let here = Some(self.rows.citation[row]);
            let failed = self.said[said as usize].success == Some(false) && class != FEE;
            if failed && class == TOKEN {
                late.add(
                    ProblemCode::DamagedRecord,
                    here,
                    "token transfers of failed transactions: left out, as a failed transaction has no effect",
                );
            }
            if failed || class == CALL && self.call_failed(row) {
                continue;
            }
            if about.get(self.rows.asset[row] as usize).is_some_and(|a| a.things) {
                late.add(
                    ProblemCode::Unrecognised,
                    here,
                    "transfers of things (ERC-721), whose value is their number: left out",
                );
                continue;
            }
            if tx_of[said as usize] == NONE {
                late.add(
                    ProblemCode::DamagedRecord,
                    here,
                    "a move whose transaction has neither block nor time: it has no place in the chain and is left out",
                );
                continue;
            }
            keep.push((0, row as u32));
        }
        keep
    }

    /// Whether a call or one that it lies in failed.
    fn call_failed(&self, row: usize) -> bool {
        let said = self.rows.said[row];
        if self.rows.numbering[row] != WAY || self.failed.range((said, 0)..=(said, NONE)).next().is_none() {
            return false;
        }
        let way = self.ways.get(self.rows.step[row]);
        (0..=way.len() / 4).any(|n| {
            way.get(..n * 4)
                .and_then(|above| self.ways.find(above))
                .is_some_and(|above| self.failed.contains(&(said, above)))
        })
    }

    /// Amounts with a decimal point become whole numbers of a unit.
    fn settle_units(
        &mut self,
        about: &mut [About],
        mut unsettled: BTreeMap<u32, (u8, bool)>,
        keep: &mut Vec<(u64, u32)>,
        late: &mut Late,
    ) {
        let rows = &mut self.rows;
        // Asset → finest amount, and whether some source has amounts in the unit itself; of what is not kept as well.
        unsettled.retain(|asset, _| about.get(*asset as usize).is_none_or(|a| a.decimals.is_none()));
        // What a failed transaction would have moved says how fine amounts are, too.
        for (&asset, &scale) in rows.asset.iter().zip(&rows.scale) {
            let unknown = about.get(asset as usize).is_none_or(|a| a.decimals.is_none());
            if unknown {
                let (finest, whole) = unsettled.entry(asset).or_default();
                match scale {
                    UNITS => *whole = true,
                    scale => *finest = scale.max(*finest),
                }
            }
        }
        keep.retain(|(_, row)| {
            let r = *row as usize;
            let scale = rows.scale[r];
            if scale == UNITS {
                return true;
            }
            let here = Some(rows.citation[r]);
            let asset = rows.asset[r];
            let known = about.get(asset as usize).and_then(|a| a.decimals);
            let decimals = match (known, unsettled.get(&asset)) {
                (Some(d), _) => d,
                (None, Some((finest, false))) => {
                    late.add(
                        ProblemCode::DamagedPart,
                        here,
                        "no source gives a token's decimals: the finest amount seen sets its unit",
                    );
                    *finest
                }
                _ => {
                    late.add(
                        ProblemCode::DamagedRecord,
                        here,
                        "one source gives a token's amounts in its smallest unit, another with a decimal point, none its decimals: the latter are left out",
                    );
                    return false;
                }
            };
            let units = decimals
                .checked_sub(scale)
                .and_then(|more| 10u128.checked_pow(u32::from(more))?.checked_mul(rows.amount[r]));
            match units {
                Some(units) => rows.amount[r] = units,
                None => late.add(
                    ProblemCode::DamagedRecord,
                    here,
                    "an amount does not fit its token's unit (finer than that, or beyond 128 bits): left out",
                ),
            }
            units.is_some()
        });
        for (asset, (finest, whole)) in unsettled {
            if let Some(a) = about.get_mut(asset as usize)
                && !whole
            {
                a.decimals = Some(finest);
            }
        }
    }

    /// Gives rows without a step of their own the number of their occurrence among the like, source by source: the third such
    /// row of one export is the third of another. Those that a numbered row already stands for are dropped.
    fn number_unnumbered(&mut self, keep: &mut Vec<(u64, u32)>) {
        let rows = &mut self.rows;
        let loose = |rows: &Rows, row: u32| rows.numbering[row as usize] == UNNUMBERED;
        let mut order: Vec<u32> = keep.iter().map(|k| k.1).filter(|r| loose(rows, *r)).collect();
        if order.is_empty() {
            return;
        }
        let with_loose: BTreeSet<u32> = order.iter().map(|r| rows.said[*r as usize]).collect();
        // How many numbered rows of each content there are, where it matters; each step once.
        let mut steps: BTreeSet<(Content, u8, u32)> = BTreeSet::new();
        for (_, row) in keep.iter().filter(|k| !loose(rows, k.1)) {
            if with_loose.contains(&rows.said[*row as usize]) {
                steps.insert((rows.like(*row), rows.numbering[*row as usize], rows.step[*row as usize]));
            }
        }
        let mut stands: BTreeMap<Content, u32> = BTreeMap::new();
        for (content, _, _) in steps {
            *stands.entry(content).or_default() += 1;
        }
        order.sort_unstable_by_key(|r| (rows.like(*r), rows.citation[*r as usize]));
        let mut dropped: BTreeSet<u32> = BTreeSet::new();
        // Content and occurrence → the record kept for it. One run of equal content at a time.
        let mut start = 0;
        while start < order.len() {
            let content = rows.like(order[start]);
            let mut end = start;
            let mut source = None;
            let mut nth = 0u32;
            let mut most = stands.get(&content).copied().unwrap_or(0);
            while end < order.len() && rows.like(order[end]) == content {
                let row = order[end];
                let of = rows.citation[row as usize].source;
                nth = if source == Some(of) { nth.saturating_add(1) } else { 0 };
                source = Some(of);
                // In order of sources: a number once reached is there already.
                if nth < most {
                    dropped.insert(row);
                } else {
                    most = nth + 1;
                    rows.step[row as usize] = nth.min(MAX_STEP);
                }
                end += 1;
            }
            start = end;
        }
        keep.retain(|(_, row)| !dropped.contains(row));
    }

    /// By way: its rank in the order of calls.
    fn way_ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.ways.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.ways.get(*a).cmp(self.ways.get(*b)));
        let mut ranks = vec![0; order.len()];
        for (rank, way) in order.into_iter().enumerate() {
            ranks[way as usize] = rank as u32;
        }
        ranks
    }
}

/// What makes two rows of one transaction alike: transaction, class, asset, parties, amount.
type Content = (u32, u8, u32, u32, u32, u128);

impl Rows {
    fn push(
        &mut self,
        said: u32,
        asset: u32,
        (from, to): (u32, u32),
        (amount, scale): (u128, u8),
        (class, numbering, step): (u8, u8, u32),
        citation: Citation,
    ) {
        self.said.push(said);
        self.asset.push(asset);
        self.from.push(from);
        self.to.push(to);
        self.amount.push(amount);
        self.scale.push(scale);
        self.class.push(class);
        self.numbering.push(numbering);
        self.step.push(step);
        self.citation.push(citation);
    }

    fn like(&self, row: u32) -> Content {
        let r = row as usize;
        (self.said[r], self.class[r], self.asset[r], self.from[r], self.to[r], self.amount[r])
    }

    /// Whether two rows say the same.
    fn same(&self, a: u32, b: u32) -> bool {
        self.like(a) == self.like(b)
    }

    /// Transaction (32 bits), class (2), numbering (2), step (28).
    fn key(&self, row: u32, tx_of: &[u32], way_rank: &[u32]) -> u64 {
        let r = row as usize;
        let step = match self.numbering[r] {
            WAY => way_rank.get(self.step[r] as usize).copied().unwrap_or(0),
            _ => self.step[r],
        };
        u64::from(tx_of[self.said[r] as usize]) << 32
            | u64::from(self.class[r] & 3) << 30
            | u64::from(self.numbering[r] & 3) << 28
            | u64::from(step.min(MAX_STEP))
    }

    /// What orders rows of one step: names, not numbers, as numbers depend on what was read first.
    fn content<'n>(
        &self,
        row: u32,
        parties: &'n Names,
        assets: &'n Names,
    ) -> (&'n [u8], &'n [u8], &'n [u8], u128, Citation) {
        let r = row as usize;
        (
            assets.get(self.asset[r]),
            parties.get(self.from[r]),
            parties.get(self.to[r]),
            self.amount[r],
            self.citation[r],
        )
    }
}

fn merge<T: Copy + Ord>(slot: &mut Option<T>, new: Option<T>, disputed: &mut bool) {
    match (*slot, new) {
        (None, new) => *slot = new,
        (Some(old), Some(new)) if old != new => {
            *disputed = true;
            *slot = Some(old.min(new));
        }
        _ => {}
    }
}

/// Parties are numbers of the order in which they are met: of two that differ neither can be chosen by it, so nobody is.
fn number(slot: &mut u32, new: Option<u32>, disputed: &mut bool) {
    match new {
        Some(new) if *slot == NONE => *slot = new,
        Some(new) if *slot != new => {
            *disputed = true;
            *slot = PartyId::NOBODY.0;
        }
        _ => {}
    }
}
