//! What readers fill: rows in any order, from any number of sources, that become one [`Ledger`].
//!
//! A source rarely has everything. One file has a transaction's value, another its receipt, a third the calls inside it, a
//! fourth its token logs, and two exports overlap. The builder takes each statement for what it says and puts them together
//! in [`LedgerBuilder::finish`], so that neither the order of files nor that of rows matters.
//!
//! Rows are columns of numbers; a row costs no allocation of its own. What this never does: guess. Statements that contradict
//! each other, amounts that do not add up and rows without a place are Problems.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use palisade_model::{Citation, Origin, Problem, ProblemCode, SourceId, Spill, Time};

use super::accounts::Accounts;
use super::names::Names;
use super::outputs::Coins;
use super::survey::{self, Chosen, Survey, Surveyor};
use super::{Ledger, known};

/// Most chains of one ledger.
pub const MAX_CHAINS: usize = 1_024;

/// Most digits after the point: ten to this power still fits an amount.
pub const MAX_DECIMALS: u8 = 38;

/// Highest number of a step in a transaction or a log in a block. Blocks have some thousands of logs; the number shares a
/// word with what it numbers.
pub const MAX_STEP: u32 = (1 << 28) - 1;

/// Most of what a ledger holds. What is beyond becomes a Problem.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Transactions, those known only by being spent from included.
    pub txs: usize,
    /// Moves of the account model.
    pub moves: usize,
    /// Inputs and outputs of the output model, each.
    pub outputs: usize,
    /// Parties.
    pub parties: usize,
    /// Assets. Anybody can make contracts; a ledger with more is an attack on its reader.
    pub assets: usize,
    /// Bytes that rows take while they are read; about as many again are taken while they are put together.
    pub bytes: usize,
}

impl Default for Limits {
    /// 1,000 million transactions, moves and outputs each, 1,000 million parties, 16 million assets: columns are indexed by 32 bits.
    fn default() -> Self {
        Limits {
            txs: 1_000_000_000,
            moves: 1_000_000_000,
            outputs: 1_000_000_000,
            parties: 1_000_000_000,
            assets: 16_000_000,
            bytes: usize::MAX,
        }
    }
}

/// A limit was met: what comes after it is not in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the ledger holds no more {0}: the rest is left out; read fewer files at once, or follow one trace, which reads ledgers of any size"
)]
pub struct LimitMet(pub &'static str);

/// A chain, while the ledger is built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChainKey(pub(super) u16);

/// A party, while the ledger is built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartyKey(pub(super) u64);

impl PartyKey {
    /// Nobody, as [`PartyId::NOBODY`](super::PartyId::NOBODY).
    pub const NOBODY: PartyKey = PartyKey(0);

    /// Its number among the names of a ledger that is kept; nobody's for what is not.
    pub(super) fn number(self) -> u32 {
        u32::try_from(self.0).unwrap_or(0)
    }
}

/// An asset, while the ledger is built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AssetKey(pub(super) u32);

/// A transaction, while the ledger is built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TxKey(pub(super) u64);

impl TxKey {
    /// Its number among the names of a ledger that is kept.
    pub(super) fn number(self) -> u32 {
        self.0 as u32
    }
}

/// Key of what is read and not kept.
const LEFT: u64 = u64::MAX;

/// Where a transaction stands in its chain, as far as a source says.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Place {
    /// Block height or slot.
    pub block: Option<u64>,
    /// Position in the block.
    pub index: Option<u32>,
    /// Time of the block.
    pub time: Option<Time>,
}

/// What a source says of a transaction of the account model. Every part may come from another source.
#[derive(Clone, Copy, Default, Debug)]
pub struct AccountTx {
    /// Who sent it, and pays for it.
    pub from: Option<PartyKey>,
    /// To whom its value goes; the new contract where it makes one.
    pub to: Option<PartyKey>,
    /// Native coin that it moves, in the smallest unit.
    pub value: Option<u128>,
    /// Its price as a whole, in the smallest unit.
    pub fee: Option<u128>,
    /// Units of work that it took; with a price it gives the fee.
    pub gas_used: Option<u128>,
    /// Price of a unit that was offered.
    pub gas_price: Option<u128>,
    /// Price of a unit that was paid; comes before the one offered.
    pub paid_price: Option<u128>,
    /// Whether it had effect.
    pub success: Option<bool>,
    /// The source says so much of it that its silence on success would be a gap: it has no receipt yet.
    pub wants_receipt: bool,
}

/// How a source writes an amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// In the smallest unit.
    Units(u128),
    /// In the unit people use, `mantissa / 10^scale`, where the source does not say how many decimals the asset has. They may be
    /// learnt from another source; if not, the finest amount seen sets the unit.
    Decimal {
        /// Digits.
        mantissa: u128,
        /// How many of them stand after the point; at most [`MAX_DECIMALS`].
        scale: u8,
    },
}

/// Which step of its transaction a transfer is. Two sources speak of one transfer if transaction and step are the same, never
/// because parties and value are: one transaction may pay the same twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// Native coin, by the transaction itself, at this number. `None`: the source does not say; then equal transfers of one
    /// source are different ones, and the first of one source is the first of another.
    Native(Option<u32>),
    /// Native coin, by a call inside it: the way to the call (EVM `trace_address`); `None` as above.
    Internal(Option<&'a [u32]>),
    /// A token, by the log with this number; `None` as above.
    Token(Option<u32>),
}

/// An amount that leaves one party and arrives at another.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// In which transaction.
    pub tx: TxKey,
    /// Of what.
    pub asset: AssetKey,
    /// From whom; nobody: created.
    pub from: PartyKey,
    /// To whom; nobody: destroyed.
    pub to: PartyKey,
    /// How much.
    pub amount: Amount,
    /// Which step.
    pub step: Step<'a>,
    /// The record that says so.
    pub citation: Citation,
}

/// An input of the output model.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// The transaction whose output it spends.
    pub tx: TxKey,
    /// Which of its outputs.
    pub vout: u32,
    /// Its value, where the source repeats it.
    pub value: Option<u64>,
    /// Whose it was, where the source repeats it.
    pub party: Option<PartyKey>,
}

/// An output of the output model.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Its number.
    pub vout: u32,
    /// How much, in the smallest unit.
    pub value: u64,
    /// Who can spend it; nobody where the script has no address.
    pub party: PartyKey,
}

/// A transaction of the output model.
#[derive(Clone, Copy, Debug)]
pub struct OutputTx<'a> {
    /// On which chain.
    pub chain: ChainKey,
    /// Its id.
    pub tx: TxKey,
    /// Where it stands. Without a block it is not confirmed and must not be added.
    pub place: Place,
    /// Creates coin. Two may have the same id (before BIP 30); their height tells them apart.
    pub coinbase: bool,
    /// What it spends.
    pub inputs: &'a [Input],
    /// What it makes.
    pub outputs: &'a [Output],
    /// The record that says so.
    pub citation: Citation,
}

/// Takes rows and makes a [`Ledger`].
pub struct LedgerBuilder {
    pub(super) limits: Limits,
    pub(super) chains: Names,
    /// Chain, address.
    pub(super) parties: Names,
    /// Chain, contract; empty contract: the chain's coin.
    pub(super) assets: Names,
    pub(super) about: Vec<About>,
    /// Chain, form, id.
    pub(super) txs: Names,
    pub(super) accounts: Accounts,
    pub(super) coins: Coins,
    pub(super) origins: BTreeMap<SourceId, Origin>,
    scratch: Vec<u8>,
    keep: Keep,
    /// Until the bytes that rows take are counted again.
    uncounted: u32,
    full: bool,
    /// A kept transaction has parts that the survey did not see.
    changed: bool,
}

/// What becomes of rows.
enum Keep {
    All,
    /// Nothing is kept but who dealt with whom.
    Survey(Box<Surveyor>),
    /// Rows of these transactions; by number of the transaction, whether it is one of them or only spent from.
    Chosen(Box<Chosen>, Vec<bool>),
}

/// Calls between two counts of bytes.
const COUNT_EVERY: u32 = 4_096;

/// What is known of an asset.
#[derive(Default)]
pub(super) struct About {
    pub symbol: Box<str>,
    pub decimals: Option<u8>,
    /// Symbol and decimals are known here; no source may say otherwise.
    pub known: bool,
    /// Two sources give two numbers of decimals.
    pub disputed: bool,
    /// What it moves are things, not amounts.
    pub things: bool,
}

/// Tags of the form in which a transaction's id is kept.
const HEX: u8 = 0;
const TEXT: u8 = 1;

impl Default for LedgerBuilder {
    fn default() -> Self {
        LedgerBuilder::new(Limits::default())
    }
}

impl LedgerBuilder {
    /// An empty one.
    pub fn new(limits: Limits) -> LedgerBuilder {
        let mut parties = Names::default();
        // Number 0 is nobody: no address of any chain is empty.
        let _ = parties.intern(&[], 1);
        LedgerBuilder {
            limits,
            chains: Names::default(),
            parties,
            assets: Names::default(),
            about: Vec::new(),
            txs: Names::default(),
            accounts: Accounts::default(),
            coins: Coins::default(),
            origins: BTreeMap::new(),
            scratch: Vec::new(),
            keep: Keep::All,
            uncounted: COUNT_EVERY,
            full: false,
            changed: false,
        }
    }

    /// One that keeps no rows: it notes in `spill` who dealt with whom, for [`LedgerBuilder::surveyed`].
    pub fn survey(limits: Limits, spill: Arc<dyn Spill + Send + Sync>) -> LedgerBuilder {
        LedgerBuilder { keep: Keep::Survey(Box::new(Surveyor::new(spill))), ..LedgerBuilder::new(limits) }
    }

    /// One that keeps the rows that a [`Survey`] chose. It must be given the same sources.
    pub fn of_chosen(limits: Limits, chosen: Chosen) -> LedgerBuilder {
        LedgerBuilder { keep: Keep::Chosen(Box::new(chosen), Vec::new()), ..LedgerBuilder::new(limits) }
    }

    /// Ends a survey. `None` of a builder that was none.
    ///
    /// # Errors
    /// Those of the spill.
    pub fn surveyed(self) -> Option<std::io::Result<Survey>> {
        let text = |n: u32| String::from_utf8_lossy(self.chains.get(n)).into();
        let chains = (0..self.chains.len() as u32).map(text).collect();
        match self.keep {
            Keep::Survey(surveyor) => Some(surveyor.finish(chains)),
            _ => None,
        }
    }

    /// Whether [`Limits::bytes`] was met: what came after is missing.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Says which evidence a source is, for Problems that show only once all is read.
    pub fn source(&mut self, source: SourceId, origin: &Origin) {
        self.origins.entry(source).or_insert_with(|| origin.clone());
    }

    /// A chain by its short name (`bitcoin`, `ethereum`, `eip155:56`, …).
    pub fn chain(&mut self, name: &str) -> Result<ChainKey, LimitMet> {
        let n = self.chains.intern(name.as_bytes(), MAX_CHAINS).ok_or(LimitMet("chains"))?;
        // Its coin is an asset from the start: fees and values are in it.
        self.asset(ChainKey(n as u16), None)?;
        Ok(ChainKey(n as u16))
    }

    /// A party by its canonical address ([`palisade_model::Address`] makes it so); empty is nobody.
    pub fn party(&mut self, chain: ChainKey, address: &str) -> Result<PartyKey, LimitMet> {
        if address.is_empty() {
            return Ok(PartyKey::NOBODY);
        }
        let number = || survey::party(self.chains.get(u32::from(chain.0)), address.as_bytes());
        match &self.keep {
            Keep::All => {}
            Keep::Survey(_) => return Ok(PartyKey(number())),
            Keep::Chosen(chosen, _) if !chosen.parties.contains(&number()) => return Ok(PartyKey(LEFT)),
            Keep::Chosen(..) => {}
        }
        let limit = self.limits.parties.saturating_add(1);
        let name = keyed(&mut self.scratch, chain, &[], address.as_bytes());
        self.parties.intern(name, limit).map(|n| PartyKey(u64::from(n))).ok_or(LimitMet("parties"))
    }

    /// An asset by chain and canonical contract; `None`: the chain's own coin.
    pub fn asset(&mut self, chain: ChainKey, contract: Option<&str>) -> Result<AssetKey, LimitMet> {
        let name = keyed(&mut self.scratch, chain, &[], contract.unwrap_or("").as_bytes());
        let n = self.assets.intern(name, self.limits.assets).ok_or(LimitMet("assets"))?;
        if self.about.len() <= n as usize {
            let on = self.chains.get(u32::from(chain.0));
            let known = match contract {
                None => native(on),
                Some(c) => std::str::from_utf8(on)
                    .ok()
                    .and_then(|on| known::of(on, c))
                    .map(|k| (k.symbol, k.decimals)),
            };
            let (symbol, decimals) = known.map_or(("", None), |(s, d)| (s, Some(d)));
            self.about.push(About {
                symbol: symbol.into(),
                decimals,
                known: known.is_some(),
                ..About::default()
            });
        }
        Ok(AssetKey(n))
    }

    /// Decimals of a chain's coin, if they are known.
    pub fn coin_decimals(&self, chain: ChainKey) -> Option<u8> {
        let coin = self.assets.find(&chain.0.to_be_bytes())?;
        self.about.get(coin as usize)?.decimals
    }

    /// What a source calls an asset and how many decimals it gives it. Of several names the first in order of text is kept; of
    /// several numbers of decimals the smallest, and it is a Problem. What is [`known`] stays as it is.
    pub fn describe(&mut self, asset: AssetKey, symbol: &str, decimals: Option<u8>) {
        /// Longest symbol kept; real ones have a handful of letters.
        const MAX_SYMBOL: usize = 64;
        let Some(about) = self.about.get_mut(asset.0 as usize) else { return };
        if about.known {
            about.disputed |= decimals.is_some() && decimals != about.decimals;
            return;
        }
        let symbol = symbol.trim();
        if !symbol.is_empty()
            && symbol.len() <= MAX_SYMBOL
            && (about.symbol.is_empty() || symbol < &*about.symbol)
        {
            about.symbol = symbol.into();
        }
        match (about.decimals, decimals.filter(|d| *d <= MAX_DECIMALS)) {
            (None, new) => about.decimals = new,
            (Some(old), Some(new)) if old != new => {
                about.disputed = true;
                about.decimals = Some(old.min(new));
            }
            _ => {}
        }
    }

    /// Says that an asset's "amounts" are numbers of things (ERC-721): its transfers are left out.
    pub fn non_fungible(&mut self, asset: AssetKey) {
        if let Some(about) = self.about.get_mut(asset.0 as usize) {
            about.things = true;
        }
    }

    /// A transaction by its canonical id ([`palisade_model::transaction_id`] makes it so).
    pub fn tx(&mut self, chain: ChainKey, id: &str) -> Result<TxKey, LimitMet> {
        let name = match unhex(id) {
            Some(raw) => keyed(&mut self.scratch, chain, &[HEX], &raw),
            None => keyed(&mut self.scratch, chain, &[TEXT], id.as_bytes()),
        };
        let on = self.chains.get(u32::from(chain.0));
        let kept = match &self.keep {
            Keep::All => true,
            Keep::Survey(_) => return Ok(TxKey(survey::key(chain.0, survey::tx(on, &name[2..])))),
            Keep::Chosen(chosen, _) => {
                let number = survey::tx(on, &name[2..]);
                let kept = chosen.txs.contains(&number);
                if !kept && !chosen.named.contains(&number) {
                    return Ok(TxKey(LEFT));
                }
                kept
            }
        };
        let n = self.txs.intern(name, self.limits.txs).ok_or(LimitMet("transactions"))?;
        if let Keep::Chosen(_, keeps) = &mut self.keep {
            let at = n as usize;
            if keeps.len() <= at {
                keeps.resize(at + 1, false);
            }
            keeps[at] = kept;
        }
        self.count()?;
        Ok(TxKey(u64::from(n)))
    }

    /// Counts bytes now and then.
    fn count(&mut self) -> Result<(), LimitMet> {
        self.uncounted -= 1;
        if self.uncounted == 0 {
            self.uncounted = COUNT_EVERY;
            let names = self.parties.bytes() + self.txs.bytes() + self.assets.bytes();
            self.full |= names + self.accounts.bytes() + self.coins.bytes() > self.limits.bytes;
        }
        if self.full { Err(LimitMet("rows than memory was allowed for")) } else { Ok(()) }
    }

    /// By asset, what a survey saw of its amounts.
    pub(super) fn finest(&self) -> BTreeMap<u32, (u8, bool)> {
        let Keep::Chosen(chosen, _) = &self.keep else { return BTreeMap::new() };
        let seen = |n: u32| Some((n, *chosen.finest.get(&survey::asset(self.assets.get(n)))?));
        (0..self.assets.len() as u32).filter_map(seen).collect()
    }

    /// Whether rows of this transaction are kept.
    fn keeps(&self, tx: TxKey) -> bool {
        match &self.keep {
            Keep::Chosen(_, keeps) => {
                tx.0 != LEFT && keeps.get(tx.number() as usize).copied().unwrap_or(false)
            }
            _ => true,
        }
    }

    /// Notes what a source says of a transaction of the account model.
    pub fn account_tx(&mut self, tx: TxKey, place: Place, says: AccountTx, citation: Citation) {
        if let Keep::Survey(surveyor) = &mut self.keep {
            surveyor.account_tx(tx.0, place, &says);
        } else if self.keeps(tx) {
            self.changed |= [says.from, says.to].contains(&Some(PartyKey(LEFT)));
            self.accounts.say(tx, place, says, citation);
        }
    }

    /// Notes that a call inside a transaction failed, and with it all calls below it.
    pub fn failed_call(&mut self, tx: TxKey, way: &[u32], citation: Citation) {
        if !matches!(self.keep, Keep::Survey(_)) && self.keeps(tx) {
            self.accounts.failed(tx, way, citation);
        }
    }

    /// Adds a move of the account model. The transaction's place comes with [`LedgerBuilder::account_tx`].
    pub fn transfer(&mut self, transfer: Transfer<'_>) -> Result<(), LimitMet> {
        if let Keep::Survey(surveyor) = &mut self.keep {
            surveyor.transfer(survey::asset(self.assets.get(transfer.asset.0)), &transfer);
            return Ok(());
        }
        if !self.keeps(transfer.tx) {
            return Ok(());
        }
        self.changed |= [transfer.from, transfer.to].contains(&PartyKey(LEFT));
        if self.accounts.rows() >= self.limits.moves {
            return Err(LimitMet("moves"));
        }
        self.accounts.transfer(transfer);
        Ok(())
    }

    /// Adds a transaction of the output model.
    pub fn output_tx(&mut self, tx: &OutputTx<'_>) -> Result<(), LimitMet> {
        if let Keep::Survey(surveyor) = &mut self.keep {
            surveyor.output_tx(tx);
            return Ok(());
        }
        if !self.keeps(tx.tx) {
            return Ok(());
        }
        self.changed |= tx.inputs.iter().any(|i| i.party == Some(PartyKey(LEFT)))
            || tx.outputs.iter().any(|o| o.party == PartyKey(LEFT));
        if tx.inputs.iter().any(|i| i.tx == TxKey(LEFT)) {
            self.changed = true;
            return Ok(());
        }
        let (inputs, outputs) = self.coins.sizes();
        if inputs + tx.inputs.len() > self.limits.outputs || outputs + tx.outputs.len() > self.limits.outputs
        {
            return Err(LimitMet("inputs and outputs"));
        }
        self.coins.add(tx);
        Ok(())
    }

    /// Puts all together, in the order of the chain. What does not fit is left out and said.
    pub fn finish(mut self) -> (Ledger, Vec<Problem>) {
        let mut late = Late { origins: std::mem::take(&mut self.origins), found: BTreeMap::new() };
        if self.changed {
            let message = "a file changed while it was read twice: what is new in it is left out";
            late.add(ProblemCode::DamagedPart, None, message);
        }
        let ledger = super::place::place(self, &mut late);
        (ledger, late.finish())
    }

    /// The chain of a party, asset or transaction, and the rest of its name.
    pub(super) fn split(name: &[u8]) -> (u32, &[u8]) {
        match name {
            [a, b, rest @ ..] => (u32::from(u16::from_be_bytes([*a, *b])), rest),
            _ => (0, &[]),
        }
    }

    /// A transaction's id as text.
    pub(super) fn id_text(name: &[u8]) -> Box<str> {
        match Self::split(name).1 {
            [HEX, raw @ ..] => {
                let digit = |d: u8| char::from(if d < 10 { b'0' + d } else { b'a' + d - 10 });
                let mut text = String::with_capacity(2 * raw.len());
                text.extend(raw.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]));
                text.into()
            }
            [_, text @ ..] => String::from_utf8_lossy(text).into(),
            [] => "".into(),
        }
    }
}

/// Problems that show only at the end. Each kind keeps the first record in the order of sources, so that the order of files
/// does not matter.
pub(super) struct Late {
    origins: BTreeMap<SourceId, Origin>,
    found: BTreeMap<(ProblemCode, &'static str), (Option<Citation>, u64)>,
}

impl Late {
    /// Notes one.
    pub fn add(&mut self, code: ProblemCode, citation: Option<Citation>, message: &'static str) {
        let (first, count) = self.found.entry((code, message)).or_insert((citation, 0));
        *count += 1;
        *first = match (*first, citation) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn finish(self) -> Vec<Problem> {
        let unknown = Origin::file("ledger");
        let named = |(code, message): (ProblemCode, &str), (first, count): (Option<Citation>, u64)| {
            let origin = first.and_then(|c| self.origins.get(&c.source)).unwrap_or(&unknown);
            Problem { count, ..Problem::new(code, origin, first.map(|c| c.offset), message) }
        };
        self.found.into_iter().map(|(k, v)| named(k, v)).collect()
    }
}

/// Chains whose coin has a known unit.
fn native(chain: &[u8]) -> Option<(&'static str, u8)> {
    Some(match chain {
        b"bitcoin" => ("BTC", 8),
        b"bitcoin-cash" => ("BCH", 8),
        b"bitcoin-sv" => ("BSV", 8),
        b"bitcoin-gold" => ("BTG", 8),
        b"litecoin" => ("LTC", 8),
        b"dogecoin" => ("DOGE", 8),
        b"dash" => ("DASH", 8),
        b"zcash" => ("ZEC", 8),
        b"verge" => ("XVG", 6),
        b"ethereum" => ("ETH", 18),
        b"ethereum-classic" => ("ETC", 18),
        b"eip155:56" => ("BNB", 18),
        b"eip155:137" => ("POL", 18),
        b"eip155:43114" => ("AVAX", 18),
        b"eip155:250" => ("FTM", 18),
        b"eip155:42161" | b"eip155:10" | b"eip155:8453" => ("ETH", 18),
        b"tron" => ("TRX", 6),
        b"solana" => ("SOL", 9),
        b"xrp" => ("XRP", 6),
        b"monero" => ("XMR", 12),
        _ => return None,
    })
}

fn keyed<'s>(scratch: &'s mut Vec<u8>, chain: ChainKey, tag: &[u8], rest: &[u8]) -> &'s [u8] {
    scratch.clear();
    // Big-endian: names sort as their parts do.
    scratch.extend_from_slice(&chain.0.to_be_bytes());
    scratch.extend_from_slice(tag);
    scratch.extend_from_slice(rest);
    scratch
}

/// A transaction's id as it is kept, its form before it.
pub(super) fn id_bytes(id: &str) -> Vec<u8> {
    match unhex(id) {
        Some(raw) => [&[HEX], &raw[..]].concat(),
        None => [&[TEXT], id.as_bytes()].concat(),
    }
}

fn unhex(id: &str) -> Option<[u8; 32]> {
    let d = id.as_bytes();
    if d.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(d.chunks_exact(2)) {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// Numbers that a set of names has in order of text, for ranks that do not depend on who was met first.
pub(super) fn ranks(names: &Names) -> Vec<u16> {
    let sorted: BTreeSet<(&[u8], u32)> = (0..names.len() as u32).map(|n| (names.get(n), n)).collect();
    let mut out = vec![0; names.len()];
    for (rank, (_, n)) in sorted.into_iter().enumerate() {
        out[n as usize] = rank as u16;
    }
    out
}
