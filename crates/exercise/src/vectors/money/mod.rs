//! Ledgers: the transactions of an exchange's chain, as ethereum-etl exports them, and the exchange's list of services.
//!
//! Three tables (`transactions.csv`, `receipts.csv`, `token_transfers.csv`) are written one after the other from the
//! same series of transactions, which is made anew for each: none of it is held. Everyday life is that of an exchange:
//! customers pay in at addresses of their own, which are swept; customers are paid out; strangers pay each other.
//!
//! Formats: the public schema of ethereum-etl, and TagPack YAML of GraphSense. It uses no reader's code.

mod market;

use palisade_model::{Time, Vector};

use crate::ExerciseError;
use crate::calendar::Rhythm;
use crate::plan::{Plan, Transfer};
use crate::scenario::Scene;
use crate::sink::Files;
use crate::truth::RecordRef;
use crate::vectors::{VectorWriter, Written};

pub(crate) use market::{Coin, Market, ether, tokens};

/// Writer of ledgers.
pub(crate) struct LedgerWriter;

/// Tables of which a transaction has a row: the everyday records are shared among them.
const ROWS_PER_TRANSACTION: u64 = 2;

/// Seconds between blocks.
const BLOCK: i64 = 12;

/// The block at second 0 of 1970, were there one: heights look like those of the chain.
const HEIGHT: i64 = -126_000_000;

/// Gas of a transfer of the coin, and of a token.
const GAS: [u64; 2] = [21_000, 65_000];

/// One transaction, with all that the tables say of it.
struct Transaction {
    hash: String,
    block: i64,
    index: u32,
    time: i64,
    from: String,
    /// Whom it is addressed to: a token's contract if tokens move.
    to: String,
    /// Of the chain's coin, in its smallest unit.
    value: u128,
    price: u64,
    failed: bool,
    /// From, to, amount of tokens.
    tokens: Vec<(Coin, String, String, u128)>,
    /// The planted step.
    of: Option<(usize, usize)>,
}

impl VectorWriter for LedgerWriter {
    fn vector(&self) -> Vector {
        Vector::Money
    }

    fn weight(&self, scene: &Scene) -> u64 {
        if scene.ledger { 25 } else { 0 }
    }

    fn planted(&self, plan: &Plan<'_>) -> u64 {
        let tokens = |t: &Transfer| t.legs.iter().filter(|l| l.coin != Coin::Ether).count() as u64;
        plan.transfers.iter().map(|t| ROWS_PER_TRANSACTION + tokens(t)).sum()
    }

    fn write(
        &self,
        scene: &Scene,
        plan: &Plan<'_>,
        everyday: u64,
        files: &mut Files<'_>,
    ) -> Result<Written, ExerciseError> {
        let mut written = Written::new();
        if !scene.ledger {
            return Ok(written);
        }
        let everyday = everyday / ROWS_PER_TRANSACTION;
        let path = files.begin("ledger/transactions.csv")?;
        files.line(
            "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,input,\
             block_timestamp,max_fee_per_gas,max_priority_fee_per_gas,transaction_type",
        )?;
        each(plan, everyday, &mut |t, nonce| {
            let input = if t.tokens.is_empty() { "0x" } else { "0xa9059cbb" };
            let Transaction { hash, block, index, from, to, value, price, time, .. } = t;
            let gas = gas(t);
            let record = files.line(&format!(
                "{hash},{nonce},{},{block},{index},{from},{to},{value},{gas},{price},{input},{time},,,0",
                block_hash(*block)
            ))?;
            note(&mut written, t, &path, record);
            Ok(())
        })?;
        let path = files.begin("ledger/receipts.csv")?;
        files.line(
            "transaction_hash,transaction_index,block_hash,block_number,cumulative_gas_used,gas_used,contract_address,\
             root,status,effective_gas_price",
        )?;
        each(plan, everyday, &mut |t, _| {
            let (status, gas) = (u8::from(!t.failed), gas(t));
            let cumulative = gas * (u64::from(t.index) + 1);
            let (hash, index, block, price) = (&t.hash, t.index, t.block, t.price);
            let record = files.line(&format!(
                "{hash},{index},{},{block},{cumulative},{gas},,,{status},{price}",
                block_hash(block)
            ))?;
            note(&mut written, t, &path, record);
            Ok(())
        })?;
        let path = files.begin("ledger/token_transfers.csv")?;
        files.line("token_address,from_address,to_address,value,transaction_hash,log_index,block_number")?;
        let mut log = (0, 0u32);
        each(plan, everyday, &mut |t, _| {
            for (coin, from, to, amount) in t.tokens.iter().filter(|_| !t.failed) {
                log = if log.0 == t.block { (t.block, log.1 + 1) } else { (t.block, 0) };
                let contract = Market::contract(*coin);
                let record = files
                    .line(&format!("{contract},{from},{to},{amount},{},{},{}", t.hash, log.1, t.block))?;
                note(&mut written, t, &path, record);
            }
            Ok(())
        })?;
        files.begin("ledger/services.yaml")?;
        for line in plan.market().tagpack().lines() {
            files.line(line)?;
        }
        files.flush()?;
        Ok(written)
    }
}

/// `line`: where the row stands. Records of a table are its rows below the header.
fn note(written: &mut Written, t: &Transaction, path: &str, line: u64) {
    if let Some(of) = t.of {
        written.push((of, RecordRef { file: path.to_owned(), record: line - 1 }));
    }
}

fn gas(t: &Transaction) -> u64 {
    GAS[usize::from(!t.tokens.is_empty())] * t.tokens.len().max(1) as u64
}

fn block_hash(block: i64) -> String {
    format!("0x{}", crate::dice::Dice::new(block as u64, "block").hex(64))
}

/// Every transaction in the order of the chain, with its sender's number.
///
/// The same series each time: it follows from the plan and the number of everyday transactions alone.
fn each(
    plan: &Plan<'_>,
    everyday: u64,
    f: &mut dyn FnMut(&Transaction, u64) -> Result<(), ExerciseError>,
) -> Result<(), ExerciseError> {
    let market = plan.market();
    let mut life = market.life();
    let mut planted: Vec<&Transfer> = plan.transfers.iter().collect();
    // Stable: what one step moves stays in its order.
    planted.sort_by_key(|t| t.time);
    let mut planted = planted.into_iter().peekable();
    let mut dice = plan.world.dice("ledger moments");
    let mut pen = Pen { last: (i64::MIN, 0), number: 0 };
    let mut moments: Vec<i64> = Vec::new();
    Rhythm::Service.hours(plan.world.span, everyday, |second, count| {
        moments.clear();
        moments.extend((0..count).map(|_| second + dice.below(3_600) as i64));
        moments.sort_unstable();
        for moment in &moments {
            while let Some(next) = planted.next_if(|p| seconds(p.time) <= *moment) {
                pen.put(plan, next.clone(), f)?;
            }
            let transfer = life.next(*moment);
            pen.put(plan, transfer, f)?;
        }
        Ok(())
    })?;
    for rest in planted {
        pen.put(plan, rest.clone(), f)?;
    }
    Ok(())
}

fn seconds(time: Time) -> i64 {
    time.0.div_euclid(1_000_000)
}

/// Gives transactions their places.
struct Pen {
    last: (i64, u32),
    number: u64,
}

impl Pen {
    fn put(
        &mut self,
        plan: &Plan<'_>,
        transfer: Transfer,
        f: &mut dyn FnMut(&Transaction, u64) -> Result<(), ExerciseError>,
    ) -> Result<(), ExerciseError> {
        let Transfer { time, legs, failed, of } = transfer;
        let Some(first) = legs.first() else { return Ok(()) };
        let block = (seconds(time).div_euclid(BLOCK) + HEIGHT.div_euclid(BLOCK)).max(self.last.0);
        let index = if block == self.last.0 { self.last.1 + 1 } else { 0 };
        self.last = (block, index);
        self.number += 1;
        let mut dice = crate::dice::Dice::new(plan.world.seed ^ self.number, "transaction");
        let coin = first.coin == Coin::Ether;
        let (from, hash, price) =
            (first.from.clone(), format!("0x{}", dice.hex(64)), 8_000_000_000 + dice.below(30_000_000_000));
        let several = legs.len() > 1;
        let to = match (coin, several) {
            (true, _) => first.to.clone(),
            // A swap is addressed to whom it is made with, a payment in tokens to their contract.
            (false, true) => first.to.clone(),
            (false, false) => Market::contract(first.coin).to_owned(),
        };
        let value = if coin { first.amount } else { 0 };
        let tokens = legs.into_iter().filter(|l| l.coin != Coin::Ether);
        let transaction = Transaction {
            hash,
            block,
            index,
            time: (block - HEIGHT.div_euclid(BLOCK)) * BLOCK,
            from,
            to,
            value,
            price,
            failed,
            tokens: tokens.map(|l| (l.coin, l.from, l.to, l.amount)).collect(),
            of,
        };
        f(&transaction, self.number)
    }
}
