//! The ledger: typed columns in the order of the chain.
//!
//! Two models of money share one table of transactions. *Account* chains (EVM, TRON, Solana) have
//! [`Moves`]: an amount leaves one party and arrives at another. *Output* chains (Bitcoin and its
//! kin) have [`Outputs`] that a later transaction spends whole.
//!
//! Everything is an index into a column: parties, assets and transactions are interned once, so
//! that a rule over twenty million moves touches numbers only.

mod accounts;
mod build;
pub mod known;
mod names;
mod outputs;
mod place;
mod survey;
mod trouble;

pub use build::{
    AccountTx, Amount, AssetKey, ChainKey, Input, LedgerBuilder, LimitMet, Limits, MAX_CHAINS, MAX_DECIMALS,
    MAX_STEP, Output, OutputTx, PartyKey, Place, Step, Transfer, TxKey,
};
pub use survey::{ChooseError, Chosen, Seeds, Survey};
pub(crate) use trouble::Trouble;

use palisade_model::{Citation, Time};

/// Index of a party (an address of one chain) in [`Ledger::parties`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct PartyId(pub u32);

impl PartyId {
    /// Nobody: what mints and burns, block rewards, burnt fees and outputs without an address have at their other end.
    pub const NOBODY: PartyId = PartyId(0);
}

/// Index of an asset (chain and contract, never a ticker) in [`Ledger::assets`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct AssetId(pub u32);

/// Index of a transaction in [`Ledger::txs`]; ascending in the order of the chain (block, index in the block).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct TxId(pub u32);

/// Index of an output in [`Ledger::outputs`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct OutputId(pub u32);

/// What moved an amount.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MoveKind {
    /// Price of the transaction, paid by its sender before anything else, also when it fails, to [`PartyId::NOBODY`]:
    /// who makes a block is paid by a move of its own.
    Fee,
    /// Native coin, by the transaction itself.
    Native,
    /// Native coin, by a call inside the transaction.
    Internal,
    /// Token, by a log of its contract.
    Token,
    /// Created: from [`PartyId::NOBODY`] (block reward, mint, genesis).
    Mint,
    /// Destroyed: to [`PartyId::NOBODY`].
    Burn,
}

/// Transactions, by [`TxId`].
#[derive(Default, Debug)]
pub struct Txs {
    /// Their ids as the chain writes them, canonical (lower-case hexadecimal; base58 for Solana).
    pub id: Vec<Box<str>>,
    /// Block height or slot. Where the source names none, the last one known to be no later, else 0; 0 also where a
    /// transaction is known only from what spends it.
    pub block: Vec<u64>,
    /// Position in the block; `u32::MAX` where the source does not say.
    pub index: Vec<u32>,
    /// Time of the block.
    pub time: Vec<Option<Time>>,
    /// The record that says so.
    pub citation: Vec<Citation>,
}

/// Account model: moves in the order in which they took effect (transaction, then step in it).
#[derive(Default, Debug)]
pub struct Moves {
    /// In which transaction.
    pub tx: Vec<TxId>,
    /// Of what.
    pub asset: Vec<AssetId>,
    /// From whom.
    pub from: Vec<PartyId>,
    /// To whom.
    pub to: Vec<PartyId>,
    /// How much, in the asset's smallest unit.
    pub amount: Vec<u128>,
    /// By what.
    pub kind: Vec<MoveKind>,
    /// The record that says so.
    pub citation: Vec<Citation>,
}

/// Output model. Outputs of one transaction stand together, in its order; so do a transaction's inputs.
#[derive(Default, Debug)]
pub struct Outputs {
    /// The transaction that made it. One that the ledger does not have stands before all others of its chain and has no
    /// [`Spend`].
    pub tx: Vec<TxId>,
    /// Its number in that transaction.
    pub vout: Vec<u32>,
    /// Of what (the chain's coin).
    pub asset: Vec<AssetId>,
    /// Who can spend it; [`PartyId::NOBODY`] where the script has no address.
    pub party: Vec<PartyId>,
    /// How much, in the smallest unit.
    pub value: Vec<u64>,
    /// The transaction that spends it, if the ledger has it.
    pub spent_by: Vec<Option<TxId>>,
    /// Whether the ledger has the transaction that made it. If not, it is known only from the input
    /// that spends it, and where its value came from is unknown.
    pub origin_known: Vec<bool>,
}

/// A transaction of the output model: which outputs it spends and makes.
#[derive(Clone, Debug)]
pub struct Spend {
    /// The transaction.
    pub tx: TxId,
    /// What it spends, in the order of its inputs: a range of [`Ledger::inputs`].
    pub inputs: std::ops::Range<u32>,
    /// What it makes, in order: a range of [`Ledger::outputs`].
    pub outputs: std::ops::Range<u32>,
    /// Creates coin: the block's subsidy and fees.
    pub coinbase: bool,
    /// Inputs whose value is not known: what it spends cannot be followed exactly.
    pub unknown_inputs: u32,
}

/// An asset.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Asset {
    /// Chain, by its short name: `bitcoin`, `ethereum`, `eip155:56`, `tron`, `solana`, …
    pub chain: Box<str>,
    /// Contract or mint, canonical; `None`: the chain's own coin.
    pub contract: Option<Box<str>>,
    /// What people call it; says nothing about what it is.
    pub symbol: Box<str>,
    /// Digits after the point in the unit people use.
    pub decimals: Option<u8>,
}

/// A party: an address on a chain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Party {
    /// Chain, as in [`Asset::chain`].
    pub chain: Box<str>,
    /// Canonical address.
    pub address: Box<str>,
}

/// Everything that the evidence says of who paid whom, in order. Made by [`read`](crate::read).
#[derive(Default, Debug)]
pub struct Ledger {
    /// Parties, by [`PartyId`]; the first is nobody.
    pub parties: Vec<Party>,
    /// Assets, by [`AssetId`].
    pub assets: Vec<Asset>,
    /// Transactions, by [`TxId`].
    pub txs: Txs,
    /// Account model.
    pub moves: Moves,
    /// Output model.
    pub outputs: Outputs,
    /// Output model: outputs spent, transaction by transaction.
    pub inputs: Vec<OutputId>,
    /// Output model: transactions in the order of the chain.
    pub spends: Vec<Spend>,
}
