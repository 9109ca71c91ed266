//! Ledgers too large for memory: a first reading notes who dealt with whom, as numbers; a second keeps what a trace touches.
//!
//! Under every rule of [`taint`](crate::taint) what is tainted at a party depends on that party's own moves and on what was
//! carried to it. So a trace needs the transactions of the parties that funds can have reached in the order of time, and of no
//! others. The first reading ([`LedgerBuilder::survey`](super::LedgerBuilder::survey)) writes a record of 40 bytes for each
//! step to a [`Spill`]; [`Survey::choose`] runs over them until nothing more is reached; the second reading
//! ([`LedgerBuilder::of_chosen`](super::LedgerBuilder::of_chosen)) keeps the rows of the transactions chosen. The choice errs
//! on the side of too much: names are 64-bit digests, all that a transaction moves counts as reached once one of its senders is,
//! and places are compared by block.
//!
//! The same: transfers, their tainted amounts, holdings, ends, exposure. Not the same: what unreached parties send counts as
//! unknown, since their history is not kept; a service's balance is what came to it in the part kept; what is paid in fees ends
//! there, where a whole ledger follows it into the reward of the block; ranks, which compare with what is usual; records that
//! contradict each other are told of that part.
//!
//! Memory grows with what is reached, never with what is read. What this module never does: decide what is tainted.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;

use foldhash::quality::FixedState;
use palisade_model::Spill;

use super::build::{AccountTx, Amount, OutputTx, Place, Transfer};

/// Where the records lie in the spill.
const RUN: u32 = 0;
/// Bytes of a record.
const RECORD: usize = 40;
/// Records handled at once.
const PIECE: usize = 1 << 15;
/// What a row takes in a ledger and while it is built, for the estimate of what is chosen.
const ROW_BYTES: u64 = 360;

/// A step moves from a party to a party.
const STEP: u8 = 0;
/// A transaction spends an output (`a`) of another (`b`); in the place of the order whose it was, if it says so.
const SPEND: u8 = 1;
/// As [`SPEND`], and the record does not repeat whose output it was and of what value.
const SPEND_BARE: u8 = 2;
/// A transaction makes an output (`a`) for a party (`b`).
const MAKE: u8 = 3;

type Set = HashSet<u64, foldhash::fast::FixedState>;
type Map<V> = HashMap<u64, V, foldhash::fast::FixedState>;

/// A number for a name; two names with one number only make the choice larger.
fn digest(seed: u64, name: (&[u8], &[u8])) -> u64 {
    // 0 is nobody, the greatest is what is left out.
    FixedState::with_seed(seed).hash_one(name).clamp(1, u64::MAX - 1)
}

/// The number of a party.
pub(super) fn party(chain: &[u8], address: &[u8]) -> u64 {
    digest(6, (chain, address))
}

/// The number of a transaction; the id as the builder keeps it, its form before it. It leaves room for its chain.
pub(super) fn tx(chain: &[u8], id: &[u8]) -> u64 {
    (digest(7, (chain, id)) >> CHAIN_BITS).max(1)
}

/// Bits that a chain takes in the key of a transaction: there are at most [`MAX_CHAINS`](super::MAX_CHAINS).
const CHAIN_BITS: u32 = 10;

/// A transaction's key while a ledger is surveyed.
pub(super) fn key(chain: u16, tx: u64) -> u64 {
    u64::from(chain) << (64 - CHAIN_BITS) | tx
}

/// Chain and number of a transaction, from its key.
fn unkey(key: u64) -> (u16, u64) {
    ((key >> (64 - CHAIN_BITS)) as u16, key << CHAIN_BITS >> CHAIN_BITS)
}

/// The number of an output.
fn output(tx: u64, vout: u32) -> u64 {
    FixedState::with_seed(8).hash_one((tx, vout)).clamp(1, u64::MAX - 1)
}

/// The number of an asset.
pub(super) fn asset(name: &[u8]) -> u64 {
    FixedState::with_seed(9).hash_one(name)
}

#[derive(Clone, Copy)]
struct Record {
    a: u64,
    b: u64,
    tx: u64,
    /// Block, or seconds where the source names none; the chain says what it is worth.
    order: u64,
    chain: u16,
    kind: u8,
}

impl Record {
    fn write(&self, out: &mut Vec<u8>) {
        for n in [self.a, self.b, self.tx, self.order] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        out.extend_from_slice(&self.chain.to_le_bytes());
        out.extend_from_slice(&[self.kind, 0, 0, 0, 0, 0]);
    }

    fn read(bytes: &[u8; RECORD]) -> Record {
        let n = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Record {
            a: n(0),
            b: n(8),
            tx: n(16),
            order: n(24),
            chain: u16::from_le_bytes([bytes[32], bytes[33]]),
            kind: bytes[34],
        }
    }
}

/// By what transactions of a chain are placed.
#[derive(Clone, Copy, Default)]
struct Placed {
    by_block: bool,
    by_time: bool,
    not: bool,
}

/// Finest amount with a decimal point of an asset, and whether some are in its unit.
pub(super) type Finest = Map<(u8, bool)>;

/// Takes the place of rows while a ledger is surveyed.
pub(super) struct Surveyor {
    spill: Arc<dyn Spill + Send + Sync>,
    waiting: Vec<u8>,
    records: u64,
    failed: Option<io::Error>,
    placed: Vec<Placed>,
    finest: Finest,
    /// The transaction that was spoken of last, and where it stands.
    last: (u64, u64),
}

impl Surveyor {
    pub fn new(spill: Arc<dyn Spill + Send + Sync>) -> Surveyor {
        Surveyor {
            spill,
            waiting: Vec::with_capacity(PIECE * RECORD),
            records: 0,
            failed: None,
            placed: Vec::new(),
            finest: Finest::default(),
            last: (0, 0),
        }
    }

    fn note(&mut self, record: Record) {
        record.write(&mut self.waiting);
        self.records += 1;
        if self.waiting.len() >= PIECE * RECORD {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.spill.append(RUN, &self.waiting).err();
        }
        self.waiting.clear();
    }

    /// Where something stands, by block if the source says one.
    fn order(&mut self, chain: u16, place: Place) -> u64 {
        let at = usize::from(chain);
        if self.placed.len() <= at {
            self.placed.resize(at + 1, Placed::default());
        }
        let placed = &mut self.placed[at];
        match (place.block, place.time) {
            (Some(block), _) => {
                placed.by_block = true;
                block
            }
            (None, Some(time)) => {
                placed.by_time = true;
                time.0.div_euclid(1_000_000).max(0) as u64
            }
            (None, None) => {
                placed.not = true;
                0
            }
        }
    }

    pub fn account_tx(&mut self, key: u64, place: Place, says: &AccountTx) {
        let (chain, tx) = unkey(key);
        // Rows without a place of their own are of a transaction that has one elsewhere.
        let order = self.order(chain, place);
        self.last = (key, order);
        let (from, to) = (says.from.map_or(0, |p| p.0), says.to.map_or(0, |p| p.0));
        if from != 0 || to != 0 {
            self.note(Record { a: from, b: to, tx, order, chain, kind: STEP });
        }
    }

    pub fn transfer(&mut self, asset: u64, t: &Transfer<'_>) {
        let (chain, tx) = unkey(t.tx.0);
        let order = if self.last.0 == t.tx.0 { self.last.1 } else { self.order(chain, Place::default()) };
        self.note(Record { a: t.from.0, b: t.to.0, tx, order, chain, kind: STEP });
        let (finest, whole) = self.finest.entry(asset).or_default();
        match t.amount {
            Amount::Units(_) => *whole = true,
            Amount::Decimal { scale, .. } => *finest = scale.max(*finest),
        }
    }

    pub fn output_tx(&mut self, t: &OutputTx<'_>) {
        let (chain, tx) = unkey(t.tx.0);
        for i in t.inputs.iter().filter(|_| !t.coinbase) {
            let kind = if i.value.is_some() && i.party.is_some() { SPEND } else { SPEND_BARE };
            let (_, maker) = unkey(i.tx.0);
            let order = i.party.map_or(0, |p| p.0);
            self.note(Record { a: output(maker, i.vout), b: maker, tx, order, chain, kind });
        }
        for o in t.outputs {
            let a = output(tx, o.vout);
            self.note(Record { a, b: o.party.0, tx, order: 0, chain, kind: MAKE });
        }
    }

    pub fn finish(mut self, chains: Vec<Box<str>>) -> io::Result<Survey> {
        self.flush();
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        // Blocks and seconds cannot be compared, and what has no place stands anywhere.
        let ordered = |p: &Placed| !p.not && p.by_block != p.by_time;
        let ordered = self.placed.iter().map(ordered).collect();
        Ok(Survey { spill: self.spill, records: self.records, ordered, chains, finest: self.finest })
    }
}

/// Who dealt with whom in a ledger that is not kept.
pub struct Survey {
    spill: Arc<dyn Spill + Send + Sync>,
    records: u64,
    /// By chain: whether places can be compared.
    ordered: Vec<bool>,
    chains: Vec<Box<str>>,
    finest: Finest,
}

/// Where a trace begins and where it does not go on, before there is a ledger.
#[derive(Default, Debug)]
pub struct Seeds {
    parties: Set,
    txs: Set,
    outputs: Set,
    stops: Set,
}

impl Seeds {
    /// A party, by its canonical address.
    pub fn party(&mut self, chain: &str, address: &str) {
        self.parties.insert(party(chain.as_bytes(), address.as_bytes()));
    }

    /// A transaction, by its canonical id.
    pub fn tx(&mut self, chain: &str, id: &str) {
        self.txs.insert(tx(chain.as_bytes(), &super::build::id_bytes(id)));
    }

    /// An output of a transaction.
    pub fn output(&mut self, chain: &str, id: &str, vout: u32) {
        self.outputs.insert(output(tx(chain.as_bytes(), &super::build::id_bytes(id)), vout));
    }

    /// A party that pools its customers' coins, always: a trace does not go through it.
    pub fn stop(&mut self, chain: &str, address: &str) {
        self.stops.insert(party(chain.as_bytes(), address.as_bytes()));
    }
}

/// What is kept in the second reading.
#[derive(Default, Debug)]
pub struct Chosen {
    /// Transactions whose rows are kept.
    pub(super) txs: Set,
    /// Those that they spend from.
    pub(super) named: Set,
    /// Parties of rows that are kept.
    pub(super) parties: Set,
    pub(super) finest: Finest,
    /// Steps, inputs and outputs that are kept.
    pub rows: u64,
    /// Parties that funds can have reached, and outputs.
    pub reached: u64,
    /// Runs over the records until nothing more was reached.
    pub passes: u32,
}

impl Chosen {
    /// Bytes that the second reading will take, about.
    pub fn bytes(&self) -> u64 {
        self.rows.saturating_mul(ROW_BYTES)
    }
}

/// Why nothing can be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// The records could not be read back.
    #[error("what was noted of the ledger cannot be read back: {0}")]
    Io(#[from] io::Error),
    /// What funds can have reached is more than may be kept.
    #[error("funds can have reached {reached} addresses and outputs, more than can be kept")]
    Reach {
        /// Parties and outputs.
        reached: u64,
    },
    /// The rows of what funds can have reached are more than may be kept.
    #[error(
        "the transactions of {reached} addresses and outputs that funds can have reached are {rows} rows, more than can be kept"
    )]
    Rows {
        /// Parties and outputs.
        reached: u64,
        /// Steps, inputs and outputs.
        rows: u64,
    },
}

/// State of a choice.
struct Reach {
    /// Party or output → first block (backward: last) in which funds were there.
    at: Map<u64>,
    txs: Set,
    /// Outputs that funds came to and that are not followed on.
    held: Set,
    changed: bool,
}

impl Survey {
    /// Names of the chains met.
    pub fn chains(&self) -> &[Box<str>] {
        &self.chains
    }

    /// Steps, inputs and outputs noted.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Which transactions a trace from `seeds` touches, or one backward. `limit`: most bytes that they may take in memory.
    /// `progress` hears how many records have been gone over in all.
    ///
    /// # Errors
    /// [`ChooseError`]
    pub fn choose(
        &self,
        seeds: &Seeds,
        backward: bool,
        limit: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Chosen, ChooseError> {
        let limit = limit / ROW_BYTES;
        let first = if backward { u64::MAX } else { 0 };
        let mut reach = Reach {
            at: seeds.parties.iter().chain(&seeds.outputs).map(|p| (*p, first)).collect(),
            txs: seeds.txs.clone(),
            held: Set::default(),
            changed: true,
        };
        let (mut seen, mut passes) = (0, 0);
        while reach.changed {
            reach.changed = false;
            passes += 1;
            self.each(backward, &mut |r| {
                seen += 1;
                if seen % PIECE as u64 == 0 {
                    progress(seen);
                }
                if (reach.at.len() as u64) <= limit {
                    self.extend(&mut reach, seeds, backward, r);
                }
            })?;
            if reach.at.len() as u64 > limit {
                return Err(ChooseError::Reach { reached: reach.at.len() as u64 });
            }
        }
        let mut chosen = Chosen { reached: reach.at.len() as u64, passes, ..Chosen::default() };
        chosen.finest.clone_from(&self.finest);
        self.touched(&reach, &mut chosen)?;
        self.each(false, &mut |r| {
            if !chosen.txs.contains(&r.tx) {
                return;
            }
            chosen.rows += 1;
            match r.kind {
                _ if chosen.rows > limit => {}
                STEP => chosen.parties.extend([r.a, r.b]),
                MAKE => drop(chosen.parties.insert(r.b)),
                _ => {
                    chosen.named.insert(r.b);
                    chosen.parties.insert(r.order);
                }
            }
        })?;
        match chosen.rows > limit {
            true => Err(ChooseError::Rows { reached: chosen.reached, rows: chosen.rows }),
            false => Ok(chosen),
        }
    }

    /// What a record says of what is reached.
    fn extend(&self, reach: &mut Reach, seeds: &Seeds, backward: bool, r: Record) {
        let ordered = self.ordered.get(usize::from(r.chain)).copied().unwrap_or(false);
        match r.kind {
            STEP => {
                let (from, to) = if backward { (r.b, r.a) } else { (r.a, r.b) };
                let first = if backward { u64::MAX } else { 0 };
                let order = if ordered { r.order } else { first };
                let no_later = |at: u64| if backward { at >= order } else { at <= order };
                if !reach.txs.contains(&r.tx) {
                    let there = reach.at.get(&from).is_some_and(|at| !ordered || no_later(*at));
                    let stops = seeds.stops.contains(&from) && !seeds.parties.contains(&from);
                    // What is exchanged for what arrives at a start is as tainted as that.
                    if there && !stops || seeds.parties.contains(&to) {
                        reach.txs.insert(r.tx);
                        reach.changed = true;
                    }
                }
                // A service keeps what came to it, and all else that it does is its own.
                let keeps = seeds.stops.contains(&to) && !seeds.parties.contains(&to);
                if to != 0 && !keeps && reach.txs.contains(&r.tx) {
                    let known = reach.at.get(&to).copied();
                    if known.is_none_or(|known| !no_later(known)) {
                        reach.at.insert(to, order);
                        reach.changed = true;
                    }
                }
            }
            MAKE => {
                let stops = seeds.stops.contains(&r.b) && !seeds.parties.contains(&r.b);
                let here = reach.at.contains_key(&r.a);
                if backward {
                    if (here || seeds.parties.contains(&r.b)) && !stops && reach.txs.insert(r.tx) {
                        reach.changed = true;
                    }
                } else if (reach.txs.contains(&r.tx) || seeds.parties.contains(&r.b)) && !here {
                    if stops {
                        reach.held.insert(r.a);
                    } else {
                        reach.at.insert(r.a, 0);
                        reach.changed = true;
                    }
                }
            }
            _ if backward => {
                let own = seeds.parties.contains(&r.order);
                if (own || reach.txs.contains(&r.tx)) && !reach.at.contains_key(&r.a) {
                    reach.at.insert(r.a, 0);
                    reach.changed = true;
                }
            }
            _ => {
                // An output whose making nobody has is known from here.
                if seeds.parties.contains(&r.order) {
                    reach.at.entry(r.a).or_insert(0);
                }
                if reach.at.contains_key(&r.a) && reach.txs.insert(r.tx) {
                    reach.changed = true;
                }
            }
        }
    }

    /// Transactions that touch what is reached.
    fn touched(&self, reach: &Reach, chosen: &mut Chosen) -> io::Result<()> {
        let at = |n: u64| n != 0 && reach.at.contains_key(&n);
        // Whoever an output that funds came to belongs to: what else they spend says who they are.
        let mut owners = Set::default();
        self.each(false, &mut |r| match r.kind {
            MAKE if r.b != 0 && at(r.a) => drop(owners.insert(r.b)),
            SPEND | SPEND_BARE if r.order != 0 && at(r.a) => drop(owners.insert(r.order)),
            _ => {}
        })?;
        let mut theirs = Set::default();
        self.each(false, &mut |r| match r.kind {
            STEP if at(r.a) || at(r.b) || reach.txs.contains(&r.tx) => drop(chosen.txs.insert(r.tx)),
            MAKE if at(r.a) || at(r.b) || owners.contains(&r.b) || reach.txs.contains(&r.tx) => {
                chosen.txs.insert(r.tx);
                theirs.insert(r.a);
            }
            _ => {}
        })?;
        let mut makers = Set::default();
        self.each(false, &mut |r| {
            if !matches!(r.kind, SPEND | SPEND_BARE) {
                return;
            }
            let theirs = theirs.contains(&r.a) || owners.contains(&r.order) || at(r.order);
            if at(r.a) || theirs || reach.held.contains(&r.a) {
                chosen.txs.insert(r.tx);
            }
        })?;
        // An output that its spender does not repeat is told by its maker.
        self.each(false, &mut |r| {
            if r.kind == SPEND_BARE && chosen.txs.contains(&r.tx) {
                makers.insert(r.b);
            }
        })?;
        chosen.txs.extend(makers);
        Ok(())
    }

    /// Goes over all records, in the order in which they were read or from the last to the first.
    fn each(&self, backward: bool, f: &mut dyn FnMut(Record)) -> io::Result<()> {
        let pieces = self.records.div_ceil(PIECE as u64);
        let mut buffer = vec![0; PIECE * RECORD];
        for n in 0..pieces {
            let n = if backward { pieces - 1 - n } else { n };
            let at = n * (PIECE * RECORD) as u64;
            let left = usize::try_from(self.records * RECORD as u64 - at).unwrap_or(usize::MAX);
            let piece = &mut buffer[..left.min(PIECE * RECORD)];
            if self.spill.read_at(RUN, at, piece)? < piece.len() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            let (records, _) = piece.as_chunks::<RECORD>();
            if backward {
                records.iter().rev().for_each(|r| f(Record::read(r)));
            } else {
                records.iter().for_each(|r| f(Record::read(r)));
            }
        }
        Ok(())
    }
}
