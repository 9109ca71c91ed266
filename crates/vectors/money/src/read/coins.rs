//! What all sources of the output model have in common. Never decides whether a transaction could have happened.

use palisade_model::{Address, ProblemCode};

use crate::ledger::{Input, Output, OutputTx, PartyKey, Place};

use super::context::{Bad, Context, On};

/// No chain has as many units as this; more is damage, and must not reach a sum.
const MAX_VALUE: u64 = i64::MAX as u64;

/// An input as a source writes it; that of a coinbase names nothing.
pub(super) struct CoinInput<'a> {
    pub tx: Option<&'a str>,
    pub vout: Option<u32>,
    pub value: Option<u64>,
    pub address: Option<&'a str>,
}

/// An output as a source writes it.
pub(super) struct CoinOutput<'a> {
    pub vout: u32,
    pub value: u64,
    pub address: Option<&'a str>,
}

/// A transaction as a source writes it.
pub(super) struct Parsed<'a> {
    pub id: &'a str,
    pub place: Place,
    pub coinbase: bool,
    pub inputs: Vec<CoinInput<'a>>,
    pub outputs: Vec<CoinOutput<'a>>,
}

/// Reads transactions of one source.
#[derive(Default)]
pub(super) struct CoinReader {
    on: Option<On>,
    /// What addresses have looked like so far, where none was of one chain alone.
    likely: Option<On>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

impl CoinReader {
    pub fn add(&mut self, t: &Parsed<'_>, record: u64, offset: u64, cx: &mut Context<'_>) -> Result<(), Bad> {
        if t.place.block.is_none() {
            cx.problem(
                ProblemCode::DamagedPart,
                offset,
                "transactions that are not confirmed: left out, as they may never happen",
            );
            return Ok(());
        }
        let on = self.chain(t, cx)?;
        self.inputs.clear();
        self.outputs.clear();
        for i in t.inputs.iter().filter(|_| !t.coinbase) {
            let party = match (i.address, i.value) {
                (Some(a), Some(_)) => Some(cx.party(on, a)?),
                _ => None,
            };
            let value = i.value.map(fits).transpose()?;
            let tx = i.tx.ok_or("an input that names no transaction: the record is left out")?;
            let vout = i.vout.ok_or("an input that names no output: the record is left out")?;
            self.inputs.push(Input { tx: cx.tx(on, tx)?, vout, value, party });
        }
        for o in &t.outputs {
            let party = o.address.map(|a| cx.party(on, a)).transpose()?.unwrap_or(PartyKey::NOBODY);
            self.outputs.push(Output { vout: o.vout, value: fits(o.value)?, party });
        }
        let tx = cx.tx(on, t.id)?;
        let citation = cx.cite(record, offset);
        cx.builder.output_tx(&OutputTx {
            chain: on.key,
            tx,
            place: t.place,
            coinbase: t.coinbase,
            inputs: &self.inputs,
            outputs: &self.outputs,
            citation,
        })?;
        Ok(())
    }

    /// The chain that the options name, or else that of the source's first address: these formats do not say.
    fn chain(&mut self, t: &Parsed<'_>, cx: &mut Context<'_>) -> Result<On, Bad> {
        if let Some(on) = self.on {
            return Ok(on);
        }
        let addresses =
            t.outputs.iter().filter_map(|o| o.address).chain(t.inputs.iter().filter_map(|i| i.address));
        let mut found = None;
        for address in addresses {
            if let Ok(a) = Address::parse(address) {
                // What a fork shares with Bitcoin says less than what is its own.
                let shared = a.chains().len() > 1;
                if found.is_none_or(|(_, s)| s && !shared) {
                    found = Some((a.chain(), shared));
                }
            }
        }
        let on = match (found, self.likely) {
            (None, Some(likely)) => likely,
            (found, _) => cx.chain(found.map_or("bitcoin", |(c, _)| c.name()))?,
        };
        // Only an address that can be of one chain alone settles it for the rest.
        if cx.options.chain.is_some() || found.is_some_and(|(_, shared)| !shared) {
            self.on = Some(on);
        }
        self.likely = Some(on);
        Ok(on)
    }
}

fn fits(value: u64) -> Result<u64, Bad> {
    if value > MAX_VALUE {
        return Err("an amount beyond what any chain has: the transaction is left out".into());
    }
    Ok(value)
}
