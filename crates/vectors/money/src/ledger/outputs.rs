//! The output model, put together: which transaction spends which output, in the order of the chain.
//!
//! State lies on outputs. A transaction is taken only if it could have happened: it spends what exists and is not spent, and no
//! more than that goes out. What it spends from transactions that no source has becomes an output of unknown origin, if the
//! source repeats its value; otherwise the input is counted as unknown.
//!
//! What this never does: order by time, or let one output be spent twice.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use foldhash::fast::FixedState;
use palisade_model::{Citation, ProblemCode, Time};

use super::build::{Late, OutputTx, PartyKey};
use super::names::Names;

const NONE: u32 = u32::MAX;

/// No output has this value: all coins of every chain are less.
const NO_VALUE: u64 = u64::MAX;

/// Marks a number as that of a stub.
pub(super) const STUB: u32 = 1 << 31;

#[derive(Clone)]
struct Coin {
    chain: u16,
    tx: u32,
    block: u64,
    index: u32,
    time: Option<Time>,
    coinbase: bool,
    inputs: (usize, usize),
    outputs: (usize, usize),
    citation: Citation,
}

/// All transactions of the output model, unordered.
#[derive(Default)]
pub(super) struct Coins {
    txs: Vec<Coin>,
    in_tx: Vec<u32>,
    in_vout: Vec<u32>,
    in_value: Vec<u64>,
    in_party: Vec<u32>,
    vout: Vec<u32>,
    value: Vec<u64>,
    party: Vec<u32>,
}

/// A transaction that stands.
pub(super) struct Standing {
    pub chain: u16,
    pub tx: u32,
    pub block: u64,
    pub index: u32,
    pub time: Option<Time>,
    pub coinbase: bool,
    pub citation: Citation,
    /// In [`Spent::inputs`].
    pub inputs: (usize, usize),
    /// In [`Spent::vout`] and its kin.
    pub outputs: (usize, usize),
    pub unknown: u32,
}

/// An output known only from what spends it.
pub(super) struct Stub {
    pub chain: u16,
    pub tx: u32,
    pub vout: u32,
    pub value: u64,
    pub party: u32,
    /// Position of the spender in [`Spent::txs`].
    pub spender: u32,
}

/// Transactions in the order of the chain, outputs found.
#[derive(Default)]
pub(super) struct Spent {
    pub txs: Vec<Standing>,
    /// Outputs in the order of `txs`; with [`STUB`], a number in `stubs`.
    pub inputs: Vec<u32>,
    pub vout: Vec<u32>,
    pub value: Vec<u64>,
    pub party: Vec<u32>,
    /// Position of the spender in `txs`.
    pub spent: Vec<u32>,
    pub stubs: Vec<Stub>,
}

/// What is known of a transaction while outputs are looked for.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Absent,
    /// In the ledger, further on.
    Waiting,
    /// Its outputs: first, how many.
    Made(u32, u32),
}

/// Why a transaction does not stand.
struct Refused(ProblemCode, &'static str);

impl Coins {
    pub fn sizes(&self) -> (usize, usize) {
        (self.in_tx.len(), self.vout.len())
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        self.txs.capacity() * size_of::<Coin>() + self.in_tx.capacity() * 20 + self.vout.capacity() * 16
    }

    pub fn add(&mut self, t: &OutputTx<'_>) {
        let inputs = (self.in_tx.len(), self.in_tx.len() + t.inputs.len());
        let outputs = (self.vout.len(), self.vout.len() + t.outputs.len());
        for i in t.inputs {
            self.in_tx.push(i.tx.number());
            self.in_vout.push(i.vout);
            self.in_value.push(i.value.unwrap_or(NO_VALUE));
            self.in_party.push(i.party.map_or(NONE, PartyKey::number));
        }
        for o in t.outputs {
            self.vout.push(o.vout);
            self.value.push(o.value);
            self.party.push(o.party.number());
        }
        self.txs.push(Coin {
            chain: t.chain.0,
            tx: t.tx.number(),
            block: t.place.block.unwrap_or(0),
            index: t.place.index.unwrap_or(NONE),
            time: t.place.time,
            coinbase: t.coinbase,
            inputs,
            outputs,
            citation: t.citation,
        });
    }

    /// Puts them in order and finds what each spends.
    ///
    /// `hides` says of a chain that value enters its transactions from where no source can see (a shielded pool, another layer):
    /// there what goes out beyond what comes in is of unknown origin, and elsewhere it cannot be.
    pub fn finish(
        mut self,
        chain_rank: &[u16],
        ids: &Names,
        hides: &dyn Fn(u16) -> bool,
        late: &mut Late,
    ) -> Spent {
        if self.txs.is_empty() {
            return Spent::default();
        }
        let mut order = self.each_once(late);
        let rank = |c: &Coin| chain_rank.get(usize::from(c.chain)).copied().unwrap_or(0);
        order.sort_unstable_by(|a, b| {
            let (a, b) = (&self.txs[*a as usize], &self.txs[*b as usize]);
            (rank(a), a.block, a.index)
                .cmp(&(rank(b), b.block, b.index))
                .then_with(|| ids.get(a.tx).cmp(ids.get(b.tx)))
        });
        self.order_blocks(&mut order, ids);
        self.spend(&order, ids.len(), hides, late)
    }

    /// Of several statements of one transaction the fullest, completed from the others.
    fn each_once(&mut self, late: &mut Late) -> Vec<u32> {
        let mut all: Vec<u32> = (0..self.txs.len() as u32).collect();
        // A coinbase is told by its height too: before BIP 30 two had the ids of earlier ones.
        let identity = |c: &Coin| (c.tx, c.coinbase, if c.coinbase { c.block } else { 0 });
        let known = |s: &Coins, c: &Coin| {
            s.in_value[c.inputs.0..c.inputs.1].iter().filter(|v| **v != NO_VALUE).count()
        };
        all.sort_unstable_by_key(|i| {
            let c = &self.txs[*i as usize];
            (identity(c), c.block, Reverse(known(self, c)), c.index, c.citation)
        });
        let mut kept: Vec<u32> = Vec::with_capacity(all.len());
        for i in all {
            let Some(first) = kept
                .last()
                .copied()
                .filter(|k| identity(&self.txs[*k as usize]) == identity(&self.txs[i as usize]))
            else {
                kept.push(i);
                continue;
            };
            let other = self.txs[i as usize].clone();
            let kept = &mut self.txs[first as usize];
            if kept.block != other.block {
                late.add(
                    ProblemCode::DamagedRecord,
                    Some(other.citation),
                    "a transaction stands in two blocks (one of them is not of the final chain): the lower is kept",
                );
                continue;
            }
            kept.index = kept.index.min(other.index);
            kept.time = kept.time.or(other.time);
            let (inputs, outputs) = (kept.inputs, kept.outputs);
            let span = |r: (usize, usize)| r.1 - r.0;
            if span(inputs) != span(other.inputs) || span(outputs) != span(other.outputs) {
                late.add(
                    ProblemCode::DamagedRecord,
                    Some(other.citation),
                    "two records of one transaction have different inputs or outputs: the first is kept",
                );
                continue;
            }
            for (mine, its) in (inputs.0..inputs.1).zip(other.inputs.0..other.inputs.1) {
                if self.in_value[mine] == NO_VALUE {
                    self.in_value[mine] = self.in_value[its];
                    self.in_party[mine] = self.in_party[its];
                }
            }
        }
        kept
    }

    /// Where a source gives no position in the block: what is spent comes before what spends it, and otherwise the order is that
    /// of ids, which says nothing.
    fn order_blocks(&self, order: &mut [u32], ids: &Names) {
        let block = |i: &u32| (self.txs[*i as usize].chain, self.txs[*i as usize].block);
        for run in order.chunk_by_mut(|a, b| block(a) == block(b)) {
            if run.len() < 2 || run.iter().all(|i| self.txs[*i as usize].index != NONE) {
                continue;
            }
            let at: HashMap<u32, usize, FixedState> =
                run.iter().enumerate().map(|(n, i)| (self.txs[*i as usize].tx, n)).collect();
            let mut later: Vec<Vec<u32>> = vec![Vec::new(); run.len()];
            let mut waits = vec![0usize; run.len()];
            for (n, i) in run.iter().enumerate() {
                let (from, to) = self.txs[*i as usize].inputs;
                let before: BTreeSet<usize> = self.in_tx[from..to]
                    .iter()
                    .filter_map(|t| at.get(t).copied())
                    .filter(|b| *b != n)
                    .collect();
                for b in before {
                    later[b].push(n as u32);
                    waits[n] += 1;
                }
            }
            let rank = |n: usize| {
                let c = &self.txs[run[n] as usize];
                Reverse((!c.coinbase, c.index, ids.get(c.tx), n))
            };
            let mut ready: BinaryHeap<_> = (0..run.len()).filter(|n| waits[*n] == 0).map(rank).collect();
            let mut sorted = Vec::with_capacity(run.len());
            while let Some(Reverse((.., n))) = ready.pop() {
                sorted.push(run[n]);
                for l in &later[n] {
                    let l = *l as usize;
                    waits[l] -= 1;
                    if waits[l] == 0 {
                        ready.push(rank(l));
                    }
                }
            }
            // A circle cannot have happened; its members keep their order and are refused when they spend what is not there.
            sorted.extend((0..run.len()).filter(|n| waits[*n] > 0).map(|n| run[n]));
            run.copy_from_slice(&sorted);
        }
    }

    fn spend(&self, order: &[u32], txs: usize, hides: &dyn Fn(u16) -> bool, late: &mut Late) -> Spent {
        let mut out = Spent::default();
        let mut state = vec![State::Absent; txs];
        for i in order {
            state[self.txs[*i as usize].tx as usize] = State::Waiting;
        }
        let mut stubs: HashMap<(u32, u32), u32, FixedState> = HashMap::default();
        let mut seen: BTreeSet<(u32, u32)> = BTreeSet::new();
        for i in order {
            let coin = &self.txs[*i as usize];
            let hides = hides(coin.chain);
            match self.one(coin, hides, &mut out, &state, &mut stubs, &mut seen, late) {
                Ok(made) => state[coin.tx as usize] = made,
                Err(Refused(code, message)) => {
                    late.add(code, Some(coin.citation), message);
                    if state[coin.tx as usize] == State::Waiting {
                        state[coin.tx as usize] = State::Absent;
                    }
                }
            }
        }
        out
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one pass")]
    /// Takes one transaction, or says why not. Nothing is changed before all of it is known to fit.
    fn one(
        &self,
        coin: &Coin,
        hides: bool,
        out: &mut Spent,
        state: &[State],
        stubs: &mut HashMap<(u32, u32), u32, FixedState>,
        seen: &mut BTreeSet<(u32, u32)>,
        late: &mut Late,
    ) -> Result<State, Refused> {
        let refused = |message| Err(Refused(ProblemCode::DamagedRecord, message));
        let (mut made, mut total_out): (Vec<(u32, u64, u32)>, u128) = (Vec::new(), 0);
        for o in coin.outputs.0..coin.outputs.1 {
            made.push((self.vout[o], self.value[o], self.party[o]));
            total_out += u128::from(self.value[o]);
        }
        made.sort_by_key(|m| m.0);
        if made.windows(2).any(|w| w[0].0 == w[1].0) {
            return refused("a transaction has two outputs of one number: it is left out");
        }
        let first_input = out.inputs.len();
        let first_stub = out.stubs.len();
        let position = out.txs.len() as u32;
        let (mut total_in, mut unknown) = (0u128, 0u32);
        let inputs = if coin.coinbase { (0, 0) } else { coin.inputs };
        seen.clear();
        let mut fault = None;
        for i in inputs.0..inputs.1 {
            let (tx, vout, value) = (self.in_tx[i], self.in_vout[i], self.in_value[i]);
            if !seen.insert((tx, vout)) {
                fault = Some("a transaction spends one output twice: it is left out");
                break;
            }
            match state[tx as usize] {
                State::Waiting => {
                    fault = Some("a transaction spends an output that is made after it: it is left out");
                }
                State::Made(first, n) => {
                    let at = out.vout[first as usize..(first + n) as usize].binary_search(&vout);
                    let found = at.ok().map(|at| first as usize + at);
                    match found {
                        None => {
                            fault = Some(
                                "a transaction spends an output that its maker does not have: it is left out",
                            )
                        }
                        Some(o) if out.spent[o] != NONE => {
                            fault = Some("an output is spent twice: the later transaction is left out");
                        }
                        Some(o) => {
                            if value != NO_VALUE && value != out.value[o] {
                                late.add(
                                    ProblemCode::DamagedRecord,
                                    Some(coin.citation),
                                    "an input repeats its output's value wrongly: the output's own is taken",
                                );
                            }
                            total_in += u128::from(out.value[o]);
                            out.inputs.push(o as u32);
                        }
                    }
                }
                State::Absent if value == NO_VALUE => unknown += 1,
                State::Absent => {
                    if stubs.contains_key(&(tx, vout)) {
                        fault = Some("an output is spent twice: the later transaction is left out");
                        break;
                    }
                    let party = if self.in_party[i] == NONE { 0 } else { self.in_party[i] };
                    total_in += u128::from(value);
                    out.inputs.push(out.stubs.len() as u32 | STUB);
                    out.stubs.push(Stub { chain: coin.chain, tx, vout, value, party, spender: position });
                }
            }
            if fault.is_some() {
                break;
            }
        }
        if hides && !coin.coinbase && total_in < total_out {
            unknown += 1;
        }
        if fault.is_none() && !coin.coinbase && unknown == 0 && total_in < total_out {
            fault = Some("more goes out of a transaction than into it: it is left out");
        }
        if let Some(fault) = fault {
            out.inputs.truncate(first_input);
            out.stubs.truncate(first_stub);
            return refused(fault);
        }
        for n in first_stub..out.stubs.len() {
            stubs.insert((out.stubs[n].tx, out.stubs[n].vout), n as u32);
        }
        for o in &out.inputs[first_input..] {
            if o & STUB == 0 {
                out.spent[*o as usize] = position;
            }
        }
        let first = out.vout.len();
        let n = made.len();
        for (vout, value, party) in made {
            out.vout.push(vout);
            out.value.push(value);
            out.party.push(party);
            out.spent.push(NONE);
        }
        out.txs.push(Standing {
            chain: coin.chain,
            tx: coin.tx,
            block: coin.block,
            index: coin.index,
            time: coin.time,
            coinbase: coin.coinbase,
            citation: coin.citation,
            inputs: (first_input, out.inputs.len()),
            outputs: (first, first + n),
            unknown,
        });
        Ok(State::Made(first as u32, n as u32))
    }
}
