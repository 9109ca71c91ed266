//! Small ledgers made up from a seed: ties in a block, zero amounts, transfers to oneself, failures, fees, swaps,
//! history that is missing, several sources.

use palisade_model::{Citation, SourceId};
use palisade_money::Ledger;
use palisade_money::ledger::{Asset, AssetId, MoveKind, OutputId, Party, PartyId, Spend, TxId};
use palisade_money::taint::{Entry, Opening, Source, Start};

/// xorshift64*: the same everywhere.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        let mut r = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6a09_e667_f3bc_c909);
        if r.0 == 0 {
            r.0 = 1;
        }
        for _ in 0..4 {
            r.next();
        }
        r
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub fn citation(record: usize) -> Citation {
    Citation { source: SourceId(0), record: record as u64, offset: 0 }
}

pub fn empty(parties: usize, assets: usize) -> Ledger {
    let mut l = Ledger::default();
    for i in 0..=parties {
        let address = if i == 0 { String::new() } else { format!("0x{i:040x}") };
        l.parties.push(Party { chain: "ethereum".into(), address: address.into() });
    }
    for i in 0..assets {
        let contract = (i > 0).then(|| format!("0x{i:040x}").into());
        l.assets.push(Asset { chain: "ethereum".into(), contract, symbol: "X".into(), decimals: None });
    }
    l
}

/// A transaction; its moves and outputs follow.
pub fn transaction(l: &mut Ledger, block: u64) -> TxId {
    let tx = TxId(l.txs.id.len() as u32);
    let index = l.txs.block.iter().rev().take_while(|&&b| b == block).count() as u32;
    l.txs.id.push(format!("0x{:064x}", tx.0).into());
    l.txs.block.push(block);
    l.txs.index.push(index);
    l.txs.time.push(Some(palisade_model::Time::from_unix_seconds(1_600_000_000 + block as i64 * 12)));
    l.txs.citation.push(citation(tx.0 as usize));
    tx
}

pub fn transfer(l: &mut Ledger, tx: TxId, asset: u32, from: u32, to: u32, amount: u128, kind: MoveKind) {
    let n = l.moves.tx.len();
    l.moves.tx.push(tx);
    l.moves.asset.push(AssetId(asset));
    l.moves.from.push(PartyId(from));
    l.moves.to.push(PartyId(to));
    l.moves.amount.push(amount);
    l.moves.kind.push(kind);
    l.moves.citation.push(citation(n));
}

/// An account ledger with its starts and openings.
pub fn accounts(seed: u64) -> (Ledger, Vec<Start>, Vec<Opening>) {
    let mut r = Rng::new(seed);
    let parties = 2 + r.below(11) as u32;
    let assets = 1 + r.below(3) as u32;
    let mut l = empty(parties as usize, assets as usize);
    let most = if r.chance(10) { 200 } else { 60 };
    let events = 1 + r.below(most) as usize;
    let top = [3, 10, 40][r.below(3) as usize];
    let mut block = 0;
    let amount = |r: &mut Rng| if r.chance(12) { 0 } else { u128::from(r.below(top) + 1) };
    while l.moves.tx.len() < events {
        block += r.below(2);
        let tx = transaction(&mut l, block);
        let who = 1 + r.below(u64::from(parties)) as u32;
        if r.chance(40) {
            // To nobody, or to the block's recipient.
            let to = if r.chance(70) { 0 } else { 1 + r.below(u64::from(parties)) as u32 };
            let fee = u128::from(r.below(3));
            transfer(&mut l, tx, 0, who, to, fee, MoveKind::Fee);
            // Failed: nothing but the fee.
            if r.chance(25) {
                continue;
            }
        }
        if r.chance(15) && assets > 1 {
            // A swap through a pool, sometimes by way of a router, in either order of its legs.
            let pool = 1 + r.below(u64::from(parties)) as u32;
            let (a, b) = (r.below(u64::from(assets)) as u32, r.below(u64::from(assets)) as u32);
            let (x, y) = (amount(&mut r), amount(&mut r));
            let other = if r.chance(20) { 0 } else { pool };
            let mut legs = vec![(a, who, pool, x), (b, other, who, y)];
            if r.chance(30) {
                legs.reverse();
            }
            if r.chance(30) {
                let third = 1 + r.below(u64::from(parties)) as u32;
                legs.insert(1, (a, pool, third, x));
            }
            for (asset, from, to, v) in legs {
                transfer(&mut l, tx, asset, from, to, v, MoveKind::Token);
            }
            continue;
        }
        for _ in 0..1 + r.below(3) {
            let asset = r.below(u64::from(assets)) as u32;
            let from = if r.chance(60) { who } else { 1 + r.below(u64::from(parties)) as u32 };
            let to = 1 + r.below(u64::from(parties)) as u32;
            let v = amount(&mut r);
            let kind = [MoveKind::Native, MoveKind::Internal, MoveKind::Token][r.below(3) as usize];
            match r.below(20) {
                0..=2 => transfer(&mut l, tx, asset, 0, to, v, MoveKind::Mint),
                3 => transfer(&mut l, tx, asset, from, 0, v, MoveKind::Burn),
                4 => transfer(&mut l, tx, asset, from, from, v, kind),
                _ => transfer(&mut l, tx, asset, from, to, v, kind),
            }
        }
    }
    let txs = l.txs.id.len() as u64;
    let mut starts = Vec::new();
    let sources = r.below(4);
    for _ in 0..sources + r.below(2) {
        let party = PartyId(1 + r.below(u64::from(parties)) as u32);
        let tx = TxId(r.below(txs + 1) as u32);
        let entry = match r.below(3) {
            0 => Entry::Tx {
                tx,
                party: r.chance(30).then_some(party),
                asset: r.chance(30).then(|| AssetId(r.below(u64::from(assets)) as u32)),
            },
            _ => Entry::Party {
                party,
                asset: r.chance(30).then(|| AssetId(r.below(u64::from(assets)) as u32)),
                from: tx,
            },
        };
        starts.push(Start { source: Source(r.below(sources.max(1)) as u16), entry });
    }
    let mut openings = Vec::new();
    // Every other ledger knows enough of what was before.
    for i in (1..=parties).filter(|_| seed.is_multiple_of(2)) {
        for asset in 0..assets {
            openings.push(Opening { party: PartyId(i), asset: AssetId(asset), amount: u128::from(5 * top) });
        }
    }
    for _ in 0..r.below(6) {
        let party = PartyId(1 + r.below(u64::from(parties)) as u32);
        let asset = AssetId(r.below(u64::from(assets)) as u32);
        openings.push(Opening { party, asset, amount: u128::from(r.below(3 * top)) });
    }
    (l, starts, openings)
}

pub fn output(l: &mut Ledger, tx: TxId, vout: u32, party: u32, value: u64, known: bool) -> OutputId {
    let id = OutputId(l.outputs.tx.len() as u32);
    l.outputs.tx.push(tx);
    l.outputs.vout.push(vout);
    l.outputs.asset.push(AssetId(0));
    l.outputs.party.push(PartyId(party));
    l.outputs.value.push(value);
    l.outputs.spent_by.push(None);
    l.outputs.origin_known.push(known);
    id
}

/// An output ledger with its starts.
pub fn outputs(seed: u64) -> (Ledger, Vec<Start>) {
    let mut r = Rng::new(seed ^ 0x5555);
    let parties = 2 + r.below(11) as u32;
    let mut l = empty(parties as usize, 1);
    l.parties.iter_mut().for_each(|p| p.chain = "bitcoin".into());
    let top = [3, 10, 40][r.below(3) as usize];
    let mut unspent: Vec<OutputId> = Vec::new();
    let most = if r.chance(10) { 80 } else { 25 };
    let transactions = 1 + r.below(most);
    // Every other ledger begins with the chain.
    let (missing, unseen) = if seed.is_multiple_of(2) { (0, 0) } else { (8, 5) };
    let mut made = 0;
    let mut block = 1;
    while made < transactions {
        let tx = transaction(&mut l, block);
        let known = missing == 0;
        let in_block = if known && unspent.is_empty() { 0 } else { 1 + r.below(5) };
        made += u64::from(in_block == 0);
        // Now and then the coinbase of a block is not in the ledger.
        let coinbase = r.chance(80).then_some(tx);
        let mut blocks: Vec<OutputId> = Vec::new();
        if coinbase.is_some() {
            let first = l.outputs.tx.len() as u32;
            for vout in 0..1 + r.below(2) as u32 {
                let party = r.below(u64::from(parties) + 1) as u32;
                let value = r.below(2 * top);
                blocks.push(output(&mut l, tx, vout, party, value, true));
            }
            let end = l.outputs.tx.len() as u32;
            let at = l.inputs.len() as u32;
            l.spends.push(Spend {
                tx,
                inputs: at..at,
                outputs: first..end,
                coinbase: true,
                unknown_inputs: 0,
            });
        }
        for _ in 0..in_block {
            made += 1;
            let tx = if coinbase.is_none() && l.spends.last().is_none_or(|s| s.tx != tx) && made % 7 == 0 {
                tx
            } else {
                transaction(&mut l, block)
            };
            let at = l.inputs.len() as u32;
            let mut sum = 0;
            for _ in 0..1 + r.below(4) {
                if known && unspent.is_empty() {
                    break;
                }
                let input = if unspent.is_empty() || r.chance(missing) {
                    // Made before the ledger begins.
                    let party = r.below(u64::from(parties) + 1) as u32;
                    let value = r.below(top);
                    output(&mut l, tx, 0, party, value, false)
                } else {
                    unspent.swap_remove(r.below(unspent.len() as u64) as usize)
                };
                sum += l.outputs.value[input.0 as usize];
                l.outputs.spent_by[input.0 as usize] = Some(tx);
                l.inputs.push(input);
            }
            let unknown_inputs = u32::from(r.chance(unseen));
            let more = if r.chance(unseen) { r.below(top) } else { 0 };
            let mut left = sum + more;
            let first = l.outputs.tx.len() as u32;
            let mut new = Vec::new();
            for vout in 0..1 + r.below(4) as u32 {
                let value = if r.chance(15) { 0 } else { r.below(left + 1) };
                left -= value;
                let party = r.below(u64::from(parties) + 1) as u32;
                new.push(output(&mut l, tx, vout, party, value, true));
            }
            let (end, inputs) = (l.outputs.tx.len() as u32, l.inputs.len() as u32);
            l.spends.push(Spend {
                tx,
                inputs: at..inputs,
                outputs: first..end,
                coinbase: false,
                unknown_inputs,
            });
            // Spendable in the same block.
            unspent.extend(new.into_iter().filter(|o| l.outputs.party[o.0 as usize].0 != 0));
        }
        unspent.extend(blocks);
        block += 1;
    }
    let txs = l.txs.id.len() as u64;
    let mut starts = Vec::new();
    let sources = r.below(4);
    for _ in 0..sources + r.below(2) {
        let party = PartyId(1 + r.below(u64::from(parties)) as u32);
        let tx = TxId(r.below(txs + 1) as u32);
        let entry = match r.below(4) {
            0 => Entry::Tx { tx, party: None, asset: None },
            1 => Entry::Output { output: OutputId(r.below(l.outputs.tx.len() as u64) as u32) },
            _ => Entry::Party { party, asset: None, from: tx },
        };
        starts.push(Start { source: Source(r.below(sources.max(1)) as u16), entry });
    }
    (l, starts)
}
