//! Formats of ledgers → [`Ledger`](crate::Ledger). Never judges.
//!
//! A source is recognised by its header or its keys, never by its name ([`sniff`]), and read as a stream ([`read()`]) into a
//! [`LedgerBuilder`] that any number of sources share. What a record does not say right (a checksum, a negative amount, a
//! number beyond 128 bits) is a Problem with its place, and the rest is read. Formats are described in
//! `docs/formats/ledger.md`.
//!
//! Tables that are not text (Parquet exports of the *-etl family) come in as JSON lines: this room stays free of their libraries.
//! Whether a table is of use, [`rows::wanted`] says from its columns.
//!
//! What this never does: hold more of a stream than one record, believe a length, or turn an amount into a float.

pub mod rows;

mod amount;
mod coins;
mod context;
mod core;
mod csv;
mod esplora;
mod etherscan;
mod etl;
mod generic;
mod json;
mod rpc;
mod sniff;
mod solana;
mod trongrid;

use std::io::Read;

use palisade_model::{Origin, Problem, SourceId};

use crate::ledger::LedgerBuilder;

pub use generic::{Mapping, MappingError};
pub use sniff::{SNIFF_BYTES, sniff};

use context::Context;

/// A format of ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LedgerFormat {
    /// CSV export of an account by Etherscan and its sister sites: transactions, internal transactions or token transfers.
    Etherscan,
    /// A table of ethereum-etl as CSV: transactions, receipts, token transfers, traces, tokens or contracts.
    EtlCsv,
    /// Records of ethereum-etl or bitcoin-etl as JSON, one a line.
    EtlJson,
    /// Transactions as Esplora and mempool.space give them.
    Esplora,
    /// Blocks as `bitcoind` gives them (`getblock`, verbosity 2 or 3).
    BitcoinCore,
    /// Pages of TronGrid: transactions or TRC-20 transfers of an account.
    TronGrid,
    /// Transactions of Solana's `getTransaction`, encoding `jsonParsed` (or `json`).
    Solana,
    /// Answers of an EVM node to JSON-RPC: blocks with transactions, receipts, logs.
    EvmRpc,
    /// CSV whose columns a [`Mapping`] names; never recognised by itself.
    Generic,
}

impl LedgerFormat {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            LedgerFormat::Etherscan => "etherscan",
            LedgerFormat::EtlCsv => "etl-csv",
            LedgerFormat::EtlJson => "etl-json",
            LedgerFormat::Esplora => "esplora",
            LedgerFormat::BitcoinCore => "bitcoin-core",
            LedgerFormat::TronGrid => "trongrid",
            LedgerFormat::Solana => "solana",
            LedgerFormat::EvmRpc => "evm-rpc",
            LedgerFormat::Generic => "generic",
        }
    }
}

/// What reading needs to be told.
#[derive(Clone, Copy, Default, Debug)]
pub struct Options<'a> {
    /// The chain's short name (`ethereum`, `eip155:56`, `litecoin`, …), where the source does not say. Without it: the chain of
    /// the addresses for output models, `ethereum` for EVM tables, the coin of the header for Etherscan.
    pub chain: Option<&'a str>,
    /// Columns of a [`LedgerFormat::Generic`] source.
    pub mapping: Option<&'a Mapping>,
}

/// Reads a source of a known format into the builder. Citations name the record (1-based row of data, or object) and its
/// offset in bytes.
pub fn read(
    format: LedgerFormat,
    stream: &mut dyn Read,
    source: SourceId,
    origin: &Origin,
    builder: &mut LedgerBuilder,
    options: &Options<'_>,
) -> Vec<Problem> {
    let mut cx = Context::new(builder, source, origin, options);
    match format {
        LedgerFormat::Etherscan => etherscan::read(stream, &mut cx),
        LedgerFormat::EtlCsv => etl::read_csv(stream, &mut cx),
        LedgerFormat::EtlJson => etl::read_json(stream, &mut cx),
        LedgerFormat::Esplora => esplora::read(stream, &mut cx),
        LedgerFormat::BitcoinCore => core::read(stream, &mut cx),
        LedgerFormat::TronGrid => trongrid::read(stream, &mut cx),
        LedgerFormat::Solana => solana::read(stream, &mut cx),
        LedgerFormat::EvmRpc => rpc::read(stream, &mut cx),
        LedgerFormat::Generic => generic::read(stream, &mut cx),
    }
    cx.finish()
}

/// Reads any bytes as every format and finishes the ledger: must neither panic nor grow out of bounds.
pub fn fuzz(data: &[u8]) {
    let origin = Origin::file("fuzz");
    let mapping = Mapping::parse(generic::EXAMPLE).ok();
    let options = Options { chain: None, mapping: mapping.as_ref() };
    let mut builder = LedgerBuilder::default();
    let all = [
        LedgerFormat::Etherscan,
        LedgerFormat::EtlCsv,
        LedgerFormat::EtlJson,
        LedgerFormat::Esplora,
        LedgerFormat::BitcoinCore,
        LedgerFormat::TronGrid,
        LedgerFormat::Solana,
        LedgerFormat::EvmRpc,
        LedgerFormat::Generic,
    ];
    let _ = sniff(data);
    for (n, format) in (0..).zip(all) {
        read(format, &mut &data[..], SourceId(n), &origin, &mut builder, &options);
    }
    let _ = builder.finish();
    let _ = Mapping::parse(&String::from_utf8_lossy(data));
}
