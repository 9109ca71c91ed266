//! The output model: transactions spend outputs whole and make new ones.
//!
//! State lies on outputs. Only outputs that hold something other than clean coin have a content; one bit each says
//! which, so a transaction that touches no taint costs a look per input. Values are kept for all, since an input
//! does not repeat them.
//!
//! A fee is the last pseudo-output. The fees of a block, in the order of its transactions, follow behind the subsidy
//! into the coinbase's inputs, which is why a coinbase is kept until its block ends. What it does not claim is burnt.
//!
//! What this module never does: taint an address, order transactions by time or id, take a missing input for clean.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::arith::{mul_div, split};
use super::{
    Books, Check, Col, Entry, Holding, MAX_SOURCES, Method, Plan, PlanError, Sink, Source, Stops, Tag, Tally,
};
use crate::Ledger;
use crate::ledger::{AssetId, OutputId, PartyId, TxId};

/// An output that a transaction spends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Input {
    /// Which.
    pub output: OutputId,
    /// Its value, used where the output was not made in the ledger.
    pub value: u64,
    /// Whose it was.
    pub party: PartyId,
    /// Its owner pools coins: what it pays with is its own and clean, what the output held stays with it.
    pub pooled: bool,
}

/// An output that a transaction makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made {
    /// Its value.
    pub value: u64,
    /// Whose it is.
    pub party: PartyId,
    /// Who spends it, if known.
    pub spent_by: Option<TxId>,
}

/// A transaction, complete in itself so that a ledger can be streamed.
#[derive(Clone, Copy, Debug)]
pub struct Tx<'a> {
    /// Which; ascending.
    pub tx: TxId,
    /// Its block; a coinbase gets the fees of its block.
    pub block: u64,
    /// The chain's coin.
    pub asset: AssetId,
    /// What it spends, in order.
    pub inputs: &'a [Input],
    /// Number of the first output; the others follow.
    pub first: OutputId,
    /// What it makes, in order.
    pub outputs: &'a [Made],
    /// Creates coin.
    pub coinbase: bool,
    /// Inputs whose value nobody knows.
    pub unknown_inputs: u32,
}

/// What some value is made of. Runs by tag: in order for FIFO, LIFO, TIHO (clean ones included); by tag and without
/// clean for haircut; as a set for poison. No runs: clean.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Content {
    amount: u128,
    runs: Vec<(Tag, u128)>,
}

impl Content {
    fn of(tag: Tag, amount: u128) -> Content {
        Content { amount, runs: if tag == Tag::CLEAN || amount == 0 { vec![] } else { vec![(tag, amount)] } }
    }

    fn clean(&self) -> bool {
        self.runs.iter().all(|r| r.0 == Tag::CLEAN)
    }

    fn push(&mut self, tag: Tag, amount: u128) {
        match self.runs.last_mut() {
            _ if amount == 0 => {}
            Some(last) if last.0 == tag => last.1 += amount,
            _ => self.runs.push((tag, amount)),
        }
    }
}

const ABSENT: u8 = 0;
const LIVE: u8 = 1;
const SPENT: u8 = 2;

/// A coinbase that waits for its block's fees.
#[derive(Clone, Debug)]
struct Waiting {
    tx: TxId,
    first: OutputId,
    outputs: Vec<Made>,
    asset: AssetId,
}

/// From when, whose id, of which asset only.
type PartyStart = (TxId, Source, Option<AssetId>);

/// A rule's state over an output ledger.
#[derive(Debug)]
pub struct Output {
    method: Method,
    by_output: HashMap<OutputId, Source, FixedState>,
    by_tx: HashMap<TxId, Vec<(Source, Option<AssetId>)>, FixedState>,
    by_party: HashMap<PartyId, Vec<PartyStart>, FixedState>,
    value: Vec<u64>,
    status: Vec<u8>,
    /// One bit per output: it has a content.
    marked: Vec<u64>,
    contents: HashMap<u32, Content, FixedState>,
    block: u64,
    waiting: Vec<Waiting>,
    fees: Content,
    fees_of: AssetId,
    books: Books,
    tally: Tally,
}

/// What a run over an output ledger found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Done {
    /// Unspent outputs with taint or of unknown content.
    pub holdings: Vec<(OutputId, Holding)>,
    /// Conservation; empty under poison.
    pub checks: Vec<Check>,
    /// Counts.
    pub tally: Tally,
}

impl Output {
    /// A fresh state for this plan. Fails for more than [`MAX_SOURCES`] sources.
    pub fn new(plan: &Plan) -> Result<Output, PlanError> {
        if plan.sources() > MAX_SOURCES {
            return Err(PlanError::TooManySources(plan.sources()));
        }
        let mut starts = plan.starts.clone();
        starts.sort_unstable();
        let mut o = Output {
            method: plan.method,
            by_output: HashMap::default(),
            by_tx: HashMap::default(),
            by_party: HashMap::default(),
            value: Vec::new(),
            status: Vec::new(),
            marked: Vec::new(),
            contents: HashMap::default(),
            block: 0,
            waiting: Vec::new(),
            fees: Content::default(),
            fees_of: AssetId(0),
            books: Books::default(),
            tally: Tally::default(),
        };
        for start in starts {
            match start.entry {
                // The first source named keeps what two sources claim.
                Entry::Output { output } => {
                    o.by_output.entry(output).or_insert(start.source);
                }
                Entry::Tx { tx, asset, .. } => {
                    o.by_tx.entry(tx).or_default().push((start.source, asset));
                }
                Entry::Party { party, .. } if party == PartyId::NOBODY => {}
                Entry::Party { party, asset, from } => {
                    o.by_party.entry(party).or_default().push((from, start.source, asset));
                }
            }
        }
        o.by_party.values_mut().for_each(|v| v.sort_unstable());
        Ok(o)
    }

    /// Takes all transactions of a ledger in memory; `stops` says who pools coins ([`Input::pooled`]) and where the ledger
    /// ends, `sink` hears of tainted outputs as they are made.
    pub fn feed(&mut self, ledger: &Ledger, stops: &Stops<'_>, sink: &mut impl Sink) {
        let o = &ledger.outputs;
        let (mut inputs, mut made) = (Vec::new(), Vec::new());
        let late = |tx: TxId| stops.late.is_some_and(|late| late(tx));
        for spend in ledger.spends.iter().filter(|s| !late(s.tx)) {
            let ins = spend.inputs.start as usize..spend.inputs.end as usize;
            let outs = spend.outputs.start as usize..spend.outputs.end as usize;
            inputs.clear();
            made.clear();
            inputs.extend(ledger.inputs.get(ins).unwrap_or_default().iter().filter_map(|&output| {
                let i = output.0 as usize;
                let (value, party) = (*o.value.get(i)?, *o.party.get(i)?);
                Some(Input { output, value, party, pooled: (stops.pools)(party, spend.tx) })
            }));
            if outs.end > o.value.len() {
                continue;
            }
            made.extend(outs.clone().map(|i| Made {
                value: o.value[i],
                party: o.party[i],
                spent_by: o.spent_by[i],
            }));
            let asset = outs.clone().next().or_else(|| inputs.first().map(|i| i.output.0 as usize));
            self.transaction(
                &Tx {
                    tx: spend.tx,
                    block: ledger.txs.block.get(spend.tx.0 as usize).copied().unwrap_or_default(),
                    asset: asset.map_or(AssetId(0), |i| o.asset[i]),
                    inputs: &inputs,
                    first: OutputId(spend.outputs.start),
                    outputs: &made,
                    coinbase: spend.coinbase,
                    unknown_inputs: spend.unknown_inputs,
                },
                sink,
            );
        }
    }

    /// Takes the next transaction.
    pub fn transaction(&mut self, tx: &Tx<'_>, sink: &mut impl Sink) {
        self.tally.seen += 1;
        if tx.block != self.block || tx.asset != self.fees_of {
            self.end_block(sink);
            (self.block, self.fees_of) = (tx.block, tx.asset);
        }
        if tx.coinbase {
            let (first, outputs) = (tx.first, tx.outputs.to_vec());
            self.waiting.push(Waiting { tx: tx.tx, first, outputs, asset: tx.asset });
            return;
        }
        let mut all = Content::default();
        for input in tx.inputs {
            let content = self.spend(input, tx);
            self.join(&mut all, content);
        }
        let made: u128 = tx.outputs.iter().map(|o| u128::from(o.value)).sum();
        if made > all.amount {
            let missing = made - all.amount;
            self.tally.inflated += u64::from(tx.unknown_inputs == 0);
            self.missing(tx.asset, missing);
            self.join(&mut all, Content::of(Tag::UNKNOWN, missing));
        }
        if let Some(source) = self.named(tx.tx, tx.asset) {
            self.retag(&mut all, source, tx.asset);
        }
        let fee = self.fill(all, tx.first, tx.outputs, tx.asset, sink);
        tell_fee(&fee, tx.tx, sink);
        let mut fees = std::mem::take(&mut self.fees);
        self.join(&mut fees, fee);
        self.fees = fees;
    }

    /// Bytes of state.
    pub fn bytes(&self) -> usize {
        let runs: usize = self.contents.values().map(|c| c.runs.capacity() * size_of::<(Tag, u128)>()).sum();
        self.value.len() * 9
            + self.marked.len() * 8
            + self.contents.capacity() * (size_of::<Content>() + 5)
            + runs
    }

    /// Ends the run.
    pub fn finish(mut self, sink: &mut impl Sink) -> Done {
        self.end_block(sink);
        let mut rest: Vec<(u32, Content)> = self.contents.drain().collect();
        rest.sort_unstable_by_key(|r| r.0);
        let mut holdings = Vec::new();
        for (output, content) in rest {
            // Contents of one asset each; the books have them under the asset they were made in.
            let mut holding = Holding { balance: content.amount, ..Holding::default() };
            for (tag, amount) in content.runs {
                match tag.source() {
                    Some(s) => super::add_parts(&mut holding.tainted, &[(s, amount)]),
                    None if tag == Tag::UNKNOWN => holding.unknown += amount,
                    None => {}
                }
            }
            if !holding.tainted.is_empty() || holding.unknown > 0 {
                holdings.push((OutputId(output), holding));
            }
        }
        let checks = if self.method == Method::Poison { Vec::new() } else { self.books.checks() };
        Done { holdings, checks, tally: self.tally }
    }

    fn missing(&mut self, asset: AssetId, amount: u128) {
        if amount > 0 {
            self.tally.short += 1;
            self.tally.unknown = self.tally.unknown.saturating_add(amount);
            self.books.add(asset, Tag::UNKNOWN, Col::Created, amount);
        }
    }

    fn reach(&mut self, output: u32) {
        let n = output as usize + 1;
        if self.status.len() < n {
            self.status.resize(n, ABSENT);
            self.value.resize(n, 0);
            self.marked.resize(n.div_ceil(64), 0);
        }
    }

    /// Content of an output as it is spent.
    fn spend(&mut self, input: &Input, tx: &Tx<'_>) -> Content {
        let id = input.output.0;
        self.reach(id);
        let i = id as usize;
        let before = std::mem::replace(&mut self.status[i], SPENT);
        if before == LIVE {
            let amount = u128::from(self.value[i]);
            if self.marked[i / 64] >> (i % 64) & 1 == 0 {
                return Content { amount, runs: vec![] };
            }
            self.marked[i / 64] &= !(1 << (i % 64));
            if input.pooled {
                return Content { amount, runs: vec![] };
            }
            let content = self.contents.remove(&id).unwrap_or_default();
            for &(tag, n) in &content.runs {
                self.books.take(tx.asset, tag, Col::Resting, n);
            }
            return content;
        }
        self.tally.double_spent += u64::from(before == SPENT);
        if input.pooled {
            return Content { amount: u128::from(input.value), runs: vec![] };
        }
        self.missing(tx.asset, u128::from(input.value));
        let mut content = Content::of(Tag::UNKNOWN, u128::from(input.value));
        // Made before the ledger begins, and still there when the source starts.
        if before == ABSENT
            && let Some(source) = self.claimed(input.output, input.party, Some(tx.tx), tx.asset)
        {
            self.retag(&mut content, source, tx.asset);
        }
        content
    }

    /// Whose source an output is: named itself, or its party's while it lasts.
    fn claimed(
        &self,
        output: OutputId,
        party: PartyId,
        spent: Option<TxId>,
        asset: AssetId,
    ) -> Option<Source> {
        if let Some(&source) = self.by_output.get(&output) {
            return Some(source);
        }
        let starts = self.by_party.get(&party)?;
        let holds = |s: &&PartyStart| spent.is_none_or(|tx| tx >= s.0) && s.2.is_none_or(|a| a == asset);
        starts.iter().find(holds).map(|s| s.1)
    }

    fn join(&self, all: &mut Content, more: Content) {
        let before = all.amount;
        all.amount = before.saturating_add(more.amount);
        match self.method {
            Method::Poison | Method::Haircut => {
                for (tag, amount) in more.runs {
                    match all.runs.binary_search_by_key(&tag, |r| r.0) {
                        Ok(at) => all.runs[at].1 = all.runs[at].1.saturating_add(amount),
                        Err(at) => all.runs.insert(at, (tag, amount)),
                    }
                }
            }
            _ => {
                if all.runs.is_empty() && more.runs.is_empty() {
                    return;
                }
                if all.runs.is_empty() {
                    all.push(Tag::CLEAN, before);
                }
                if more.runs.is_empty() {
                    all.push(Tag::CLEAN, more.amount);
                }
                for (tag, amount) in more.runs {
                    all.push(tag, amount);
                }
            }
        }
    }

    /// Makes all of a content, but what is a source's already, this source's. Under poison it is both's.
    fn retag(&mut self, content: &mut Content, source: Source, asset: AssetId) {
        let new = Tag::of(source);
        if content.amount == 0 {
            return;
        }
        if self.method == Method::Poison {
            content.runs.retain(|r| r.0 != new);
            content.runs.push((new, content.amount));
            content.runs.sort_unstable();
            return;
        }
        let tainted: u128 = content.runs.iter().filter(|r| r.0.source().is_some()).map(|r| r.1).sum();
        let unknown: u128 = content.runs.iter().filter(|r| r.0 == Tag::UNKNOWN).map(|r| r.1).sum();
        self.books.add(asset, new, Col::Created, content.amount - tainted);
        self.books.add(asset, Tag::UNKNOWN, Col::Out, unknown);
        let mut old = std::mem::take(&mut content.runs);
        if self.method == Method::Haircut {
            old.retain(|r| r.0.source().is_some());
            content.runs = old;
            let more = Content::of(new, content.amount - tainted);
            content.amount = tainted;
            let mut all = std::mem::take(content);
            self.join(&mut all, more);
            *content = all;
        } else {
            if old.is_empty() {
                old.push((Tag::CLEAN, content.amount));
            }
            for (tag, amount) in old {
                content.push(if tag.source().is_some() { tag } else { new }, amount);
            }
        }
    }

    /// Fills the outputs; what is left is the fee.
    fn fill(
        &mut self,
        all: Content,
        first: OutputId,
        outputs: &[Made],
        asset: AssetId,
        sink: &mut impl Sink,
    ) -> Content {
        let made: u128 = outputs.iter().map(|o| u128::from(o.value)).sum();
        let fee = all.amount.saturating_sub(made);
        let sourced = !self.by_party.is_empty() || !self.by_output.is_empty();
        let mut pot = Pot::new(self.method, all);
        let mut order: Vec<usize> = Vec::new();
        if self.method == Method::Tiho && !pot.clean() {
            order = (0..outputs.len()).collect();
            order.sort_by_key(|&i| (std::cmp::Reverse(outputs[i].value), i));
        }
        for k in 0..outputs.len() {
            let i = order.get(k).copied().unwrap_or(k);
            let made = outputs[i];
            let id = OutputId(first.0.saturating_add(i as u32));
            self.reach(id.0);
            let mut content = pot.pour(u128::from(made.value));
            let at = id.0 as usize;
            if std::mem::replace(&mut self.value[at], made.value) != 0 || self.status[at] != ABSENT {
                // Spent before it was made: what it gets has nowhere to go.
                self.lose(&content, asset);
                continue;
            }
            self.status[at] = LIVE;
            self.go(id, &mut content, asset, sink);
            if sourced && let Some(source) = self.claimed(id, made.party, made.spent_by, asset) {
                self.retag(&mut content, source, asset);
            }
            if !content.clean() {
                for &(tag, amount) in &content.runs {
                    self.books.add(asset, tag, Col::Resting, amount);
                    if let Some(source) = tag.source() {
                        sink.carried(u64::from(id.0), source, amount);
                    }
                }
                self.marked[at / 64] |= 1 << (at % 64);
                self.contents.insert(id.0, content);
            }
        }
        pot.pour(fee)
    }

    /// Whose source a transaction is.
    fn named(&self, tx: TxId, asset: AssetId) -> Option<Source> {
        let all = self.by_tx.get(&tx)?;
        all.iter().find(|s| s.1.is_none_or(|a| a == asset)).map(|s| s.0)
    }

    /// Asks whether what an output gets is followed further; what is not becomes clean.
    fn go<S: Sink>(&mut self, id: OutputId, content: &mut Content, asset: AssetId, sink: &mut S) {
        if !S::ASKS || content.runs.is_empty() {
            return;
        }
        let mut parts = Vec::new();
        for &(tag, amount) in &content.runs {
            if let Some(source) = tag.source() {
                super::add_parts(&mut parts, &[(source, amount)]);
            }
        }
        if parts.is_empty() || !sink.stops(u64::from(id.0), &parts) {
            return;
        }
        for (source, amount) in parts {
            self.books.add(asset, Tag::of(source), Col::Stopped, amount);
        }
        let ordered = !matches!(self.method, Method::Poison | Method::Haircut);
        for (tag, amount) in std::mem::take(&mut content.runs) {
            match tag.source() {
                None => content.push(tag, amount),
                Some(_) if ordered => content.push(Tag::CLEAN, amount),
                Some(_) => {}
            }
        }
    }

    fn lose(&mut self, content: &Content, asset: AssetId) {
        for &(tag, amount) in &content.runs {
            self.books.add(asset, tag, Col::Burnt, amount);
        }
    }

    /// Gives the block's fees to its coinbase.
    fn end_block(&mut self, sink: &mut impl Sink) {
        let mut fees = std::mem::take(&mut self.fees);
        let asset = self.fees_of;
        for w in std::mem::take(&mut self.waiting) {
            let made: u128 = w.outputs.iter().map(|o| u128::from(o.value)).sum();
            let mut all = Content { amount: made.saturating_sub(fees.amount), runs: vec![] };
            self.join(&mut all, std::mem::take(&mut fees));
            if let Some(source) = self.named(w.tx, w.asset) {
                self.retag(&mut all, source, w.asset);
            }
            let left = self.fill(all, w.first, &w.outputs, w.asset, sink);
            self.lose(&left, w.asset);
        }
        for &(tag, amount) in &fees.runs {
            self.books.add(asset, tag, Col::Fees, amount);
        }
    }
}

/// Tells of a fee that carries taint.
fn tell_fee<S: Sink>(fee: &Content, tx: TxId, sink: &mut S) {
    if S::ASKS && fee.runs.iter().any(|r| r.1 > 0 && r.0.source().is_some()) {
        sink.fee(tx);
    }
}

/// What a transaction spends, as it is poured into what it makes.
struct Pot {
    method: Method,
    /// Runs left, the next one last (FIFO, LIFO, TIHO); amounts left by tag (haircut); the set (poison).
    runs: Vec<(Tag, u128)>,
    /// Haircut: all taint, all that is not clean nor tainted, all.
    whole: [u128; 3],
    /// Haircut: poured so far, of it not tainted; given of taint and of unknown.
    sums: [u128; 4],
}

impl Pot {
    fn new(method: Method, mut all: Content) -> Pot {
        let tainted = |r: &(Tag, u128)| r.0.source().is_some();
        let mut whole = [0; 3];
        match method {
            Method::Fifo => all.runs.reverse(),
            // Unit-wise from the back: the last run is the next one as it stands.
            Method::Lifo | Method::Poison => {}
            Method::Tiho => {
                let (mut first, then): (Vec<_>, Vec<_>) = all.runs.iter().partition(|r| tainted(r));
                first.extend(then);
                first.reverse();
                all.runs = first;
            }
            Method::Haircut => {
                let t = all.runs.iter().filter(|r| tainted(r)).map(|r| r.1).sum();
                let u = all.runs.iter().filter(|r| r.0 == Tag::UNKNOWN).map(|r| r.1).sum();
                whole = [t, u, all.amount];
                all.runs.retain(tainted);
            }
        }
        Pot { method, runs: all.runs, whole, sums: [0; 4] }
    }

    fn clean(&self) -> bool {
        self.runs.is_empty() && self.whole[1] == 0
    }

    fn pour(&mut self, v: u128) -> Content {
        let mut out = Content { amount: v, runs: vec![] };
        if v == 0 || self.clean() {
            return out;
        }
        match self.method {
            Method::Poison => out.runs = self.runs.iter().map(|r| (r.0, v)).collect(),
            Method::Haircut => {
                let [t, u, all] = self.whole;
                let [poured, other, given, given_unknown] = self.sums;
                let poured = poured + v;
                let until = mul_div(t, poured, all);
                let tainted = until - given;
                let left: u128 = t - given;
                split(&self.runs, tainted, left, &mut out.runs);
                for &(tag, amount) in &out.runs {
                    if let Ok(at) = self.runs.binary_search_by_key(&tag, |r| r.0) {
                        self.runs[at].1 -= amount;
                    }
                }
                let other = other + (v - tainted);
                let until_unknown = mul_div(u, other, all - t);
                if until_unknown > given_unknown {
                    out.runs.insert(0, (Tag::UNKNOWN, until_unknown - given_unknown));
                }
                self.sums = [poured, other, until, until_unknown];
            }
            _ => {
                let mut left = v;
                while left > 0 {
                    let Some(run) = self.runs.last_mut() else { break };
                    let part = run.1.min(left);
                    let tag = run.0;
                    run.1 -= part;
                    left -= part;
                    if run.1 == 0 {
                        self.runs.pop();
                    }
                    out.push(tag, part);
                }
            }
        }
        out
    }
}
