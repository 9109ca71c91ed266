//! The end of building: one order for all transactions, and numbers that depend on nothing but content.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Citation, ProblemCode, Time};

use super::build::{Late, LedgerBuilder, ranks};
use super::outputs::{STUB, Spent};
use super::{Asset, AssetId, Ledger, OutputId, Party, PartyId, Spend, TxId};

const NONE: u32 = u32::MAX;

/// A transaction on its way to its place.
struct Entry {
    chain: u16,
    /// Those known only by being spent from stand first.
    known: bool,
    block: u64,
    /// Output model: the order is found already.
    sequence: u32,
    index: u32,
    time: Option<Time>,
    tx: u32,
    from: Of,
    citation: Citation,
}

#[derive(Clone, Copy)]
enum Of {
    Account(u32),
    Coin(u32),
    Stub,
}

/// Blocks and the latest time up to each, chain by chain: what gives a place to transactions whose source names no block.
type Clock = BTreeMap<u32, Vec<(u64, Time)>>;

/// Chains whose transactions can take value from where the ledger does not show it: shielded pools, extension blocks.
const HIDING: [&[u8]; 2] = [b"zcash", b"litecoin"];

pub(super) fn place(mut b: LedgerBuilder, late: &mut Late) -> Ledger {
    let chain_rank = ranks(&b.chains);
    for _ in b.about.iter().filter(|a| a.disputed) {
        late.add(
            ProblemCode::DamagedRecord,
            None,
            "sources give one asset different decimals: the smaller number is kept",
        );
    }
    let hides = |chain: u16| HIDING.contains(&b.chains.get(u32::from(chain)));
    let spent = std::mem::take(&mut b.coins).finish(&chain_rank, &b.txs, &hides, late);
    let entries = order(&b, &chain_rank, &spent, late);

    let mut ledger = Ledger::default();
    let mut of_account = vec![NONE; b.accounts.said.len()];
    let mut of_coin = vec![NONE; spent.txs.len()];
    let mut of_stub: BTreeMap<u32, u32> = BTreeMap::new();
    for (n, e) in entries.iter().enumerate() {
        match e.from {
            Of::Account(a) => of_account[a as usize] = n as u32,
            Of::Coin(c) => of_coin[c as usize] = n as u32,
            Of::Stub => drop(of_stub.insert(e.tx, n as u32)),
        }
        ledger.txs.id.push(LedgerBuilder::id_text(b.txs.get(e.tx)));
        ledger.txs.block.push(e.block);
        ledger.txs.index.push(e.index);
        ledger.txs.time.push(e.time);
        ledger.txs.citation.push(e.citation);
    }

    // Each chain's coin, for fees and values.
    let coins: Vec<u32> = (0..b.chains.len() as u32)
        .map(|c| b.assets.find(&(c as u16).to_be_bytes()).unwrap_or(NONE))
        .collect();
    let coin_of = |tx: u32| {
        let (chain, _) = LedgerBuilder::split(b.txs.get(tx));
        coins.get(chain as usize).copied().unwrap_or(NONE)
    };
    let account_coins: Vec<u32> = b.accounts.said.iter().map(|s| coin_of(s.tx)).collect();
    let accounts = std::mem::take(&mut b.accounts);
    let finest = b.finest();
    let names = (&b.parties, &b.assets);
    let moves = accounts.finish(&of_account, &account_coins, &mut b.about, finest, names, late);

    let asset_of = assets(&b, &moves.asset, &spent, &coins, &mut ledger);
    let mut parties = Parties::new(&b, &mut ledger);
    for (from, to) in moves.from.iter().zip(&moves.to) {
        let (from, to) = (parties.id(*from, &mut ledger), parties.id(*to, &mut ledger));
        ledger.moves.from.push(from);
        ledger.moves.to.push(to);
    }
    ledger.moves.tx = moves.tx.into_iter().map(TxId).collect();
    ledger.moves.asset = moves.asset.iter().map(|a| AssetId(asset_of[*a as usize])).collect();
    ledger.moves.amount = moves.amount;
    ledger.moves.kind = moves.kind;
    ledger.moves.citation = moves.citation;

    let coin_id = |chain: u16| {
        let key = coins.get(usize::from(chain)).copied().unwrap_or(NONE);
        AssetId(asset_of.get(key as usize).copied().unwrap_or(0))
    };
    output_columns(&mut ledger, &entries, &spent, &of_coin, &of_stub, coin_id, &mut parties);
    ledger
}

/// All transactions in the order of the chain.
fn order(b: &LedgerBuilder, chain_rank: &[u16], spent: &Spent, late: &mut Late) -> Vec<Entry> {
    let clock = clock(b);
    let rank = |chain: u32| chain_rank.get(chain as usize).copied().unwrap_or(0);
    let mut entries: Vec<Entry> = Vec::with_capacity(b.accounts.said.len() + spent.txs.len());
    for (n, s) in b.accounts.said.iter().enumerate() {
        let (chain, _) = LedgerBuilder::split(b.txs.get(s.tx));
        let block = match (s.block, s.time) {
            (Some(block), _) => block,
            (None, Some(time)) => clock.get(&chain).map_or(0, |known| {
                let later = known.partition_point(|k| k.1 <= time);
                later.checked_sub(1).and_then(|l| known.get(l)).map_or(0, |k| k.0)
            }),
            (None, None) => continue,
        };
        entries.push(Entry {
            chain: rank(chain),
            known: true,
            block,
            sequence: NONE,
            index: s.index.unwrap_or(NONE),
            time: s.time,
            tx: s.tx,
            from: Of::Account(n as u32),
            citation: s.citation,
        });
    }
    for (n, t) in spent.txs.iter().enumerate() {
        entries.push(Entry {
            chain: rank(u32::from(t.chain)),
            known: true,
            block: t.block,
            sequence: n as u32,
            index: t.index,
            time: t.time,
            tx: t.tx,
            from: Of::Coin(n as u32),
            citation: t.citation,
        });
    }
    let mut stubs: BTreeMap<u32, (u16, Citation)> = BTreeMap::new();
    for s in &spent.stubs {
        let citation = spent.txs[s.spender as usize].citation;
        stubs.entry(s.tx).or_insert((rank(u32::from(s.chain)), citation));
    }
    entries.extend(stubs.into_iter().map(|(tx, (chain, citation))| Entry {
        chain,
        known: false,
        block: 0,
        sequence: NONE,
        index: NONE,
        time: None,
        tx,
        from: Of::Stub,
        citation,
    }));
    entries.sort_unstable_by(|x, y| {
        let key = |e: &Entry| {
            let (index, time) = if e.sequence == NONE { (e.index, e.time) } else { (0, None) };
            (e.chain, e.known, e.block, e.sequence, index, time)
        };
        key(x).cmp(&key(y)).then_with(|| b.txs.get(x.tx)[2..].cmp(&b.txs.get(y.tx)[2..]))
    });
    let tied = |w: &&[Entry]| {
        let side = |e: &Entry| (e.chain, e.block, e.time);
        matches!(w[1].from, Of::Account(_)) && w[1].index == NONE && side(&w[0]) == side(&w[1])
    };
    for w in entries.windows(2).filter(tied) {
        late.add(
            ProblemCode::DamagedPart,
            Some(w[1].citation),
            "transactions of one block whose position in it no source gives: they are taken in the order of their ids",
        );
    }
    entries
}

fn clock(b: &LedgerBuilder) -> Clock {
    let mut seen: BTreeMap<u32, BTreeSet<(u64, Time)>> = BTreeMap::new();
    // Only where somebody lacks a block.
    let lacking: BTreeSet<u32> = (b.accounts.said.iter())
        .filter(|s| s.block.is_none())
        .map(|s| LedgerBuilder::split(b.txs.get(s.tx)).0)
        .collect();
    for s in &b.accounts.said {
        let (chain, _) = LedgerBuilder::split(b.txs.get(s.tx));
        if let (Some(block), Some(time)) = (s.block, s.time)
            && lacking.contains(&chain)
        {
            seen.entry(chain).or_default().insert((block, time));
        }
    }
    let rising = |known: BTreeSet<(u64, Time)>| {
        let mut latest = Time::MIN;
        known
            .into_iter()
            .map(|(block, time)| {
                latest = latest.max(time);
                (block, latest)
            })
            .collect()
    };
    seen.into_iter().map(|(chain, known)| (chain, rising(known))).collect()
}

/// Assets in use, in the order of chain and contract. Returns the builder's numbers → the ledger's.
fn assets(b: &LedgerBuilder, moved: &[u32], spent: &Spent, coins: &[u32], ledger: &mut Ledger) -> Vec<u32> {
    let mut used = vec![false; b.assets.len()];
    let in_outputs = spent.txs.iter().filter_map(|t| coins.get(usize::from(t.chain)));
    for a in moved.iter().chain(in_outputs) {
        if let Some(used) = used.get_mut(*a as usize) {
            *used = true;
        }
    }
    let text = |bytes: &[u8]| -> Box<str> { String::from_utf8_lossy(bytes).into() };
    let mut list: Vec<(Asset, usize)> = (used.iter().enumerate().filter(|u| *u.1))
        .map(|(n, _)| {
            let (chain, contract) = LedgerBuilder::split(b.assets.get(n as u32));
            let about = &b.about[n];
            let asset = Asset {
                chain: text(b.chains.get(chain)),
                contract: (!contract.is_empty()).then(|| text(contract)),
                symbol: about.symbol.clone(),
                decimals: about.decimals,
            };
            (asset, n)
        })
        .collect();
    list.sort();
    let mut out = vec![0; b.assets.len()];
    for (asset, n) in list {
        out[n] = ledger.assets.len() as u32;
        ledger.assets.push(asset);
    }
    out
}

/// Parties, numbered by their first use in the order of the chain: who deals with each other lies close together.
struct Parties<'b> {
    b: &'b LedgerBuilder,
    of: Vec<u32>,
}

impl<'b> Parties<'b> {
    fn new(b: &'b LedgerBuilder, ledger: &mut Ledger) -> Parties<'b> {
        ledger.parties.push(Party { chain: "".into(), address: "".into() });
        let mut of = vec![NONE; b.parties.len()];
        if let Some(nobody) = of.first_mut() {
            *nobody = PartyId::NOBODY.0;
        }
        Parties { b, of }
    }

    fn id(&mut self, key: u32, ledger: &mut Ledger) -> PartyId {
        let slot = &mut self.of[key as usize];
        if *slot == NONE {
            *slot = ledger.parties.len() as u32;
            let (chain, address) = LedgerBuilder::split(self.b.parties.get(key));
            ledger.parties.push(Party {
                chain: String::from_utf8_lossy(self.b.chains.get(chain)).into(),
                address: String::from_utf8_lossy(address).into(),
            });
        }
        PartyId(*slot)
    }
}

fn output_columns(
    ledger: &mut Ledger,
    entries: &[Entry],
    spent: &Spent,
    of_coin: &[u32],
    of_stub: &BTreeMap<u32, u32>,
    coin_id: impl Fn(u16) -> AssetId,
    parties: &mut Parties<'_>,
) {
    let mut stubs: Vec<u32> = (0..spent.stubs.len() as u32).collect();
    let maker = |s: u32| of_stub.get(&spent.stubs[s as usize].tx).copied().unwrap_or(NONE);
    stubs.sort_unstable_by_key(|s| (maker(*s), spent.stubs[*s as usize].vout));
    let mut id_of_stub = vec![0u32; stubs.len()];
    let mut id_of_output = vec![0u32; spent.vout.len()];
    let mut stubs = stubs.into_iter().peekable();
    let mut input_base = Vec::with_capacity(spent.txs.len());
    for (n, e) in entries.iter().enumerate() {
        match e.from {
            Of::Account(_) => {}
            Of::Stub => {
                while let Some(s) = stubs.next_if(|s| maker(*s) == n as u32) {
                    let stub = &spent.stubs[s as usize];
                    id_of_stub[s as usize] = ledger.outputs.tx.len() as u32;
                    let spender = of_coin[stub.spender as usize];
                    let party = parties.id(stub.party, ledger);
                    let o = &mut ledger.outputs;
                    o.tx.push(TxId(n as u32));
                    o.vout.push(stub.vout);
                    o.asset.push(coin_id(stub.chain));
                    o.party.push(party);
                    o.value.push(stub.value);
                    o.spent_by.push(Some(TxId(spender)));
                    o.origin_known.push(false);
                }
            }
            Of::Coin(c) => {
                let t = &spent.txs[c as usize];
                let first = ledger.outputs.tx.len() as u32;
                let span = t.outputs.0..t.outputs.1;
                for (at, id) in span.clone().zip(&mut id_of_output[span]) {
                    *id = ledger.outputs.tx.len() as u32;
                    let party = parties.id(spent.party[at], ledger);
                    let by = spent.spent[at];
                    let o = &mut ledger.outputs;
                    o.tx.push(TxId(n as u32));
                    o.vout.push(spent.vout[at]);
                    o.asset.push(coin_id(t.chain));
                    o.party.push(party);
                    o.value.push(spent.value[at]);
                    o.spent_by.push((by != NONE).then(|| TxId(of_coin[by as usize])));
                    o.origin_known.push(true);
                }
                input_base.push(c);
                let inputs = ledger.spends.last().map_or(0, |s| s.inputs.end);
                ledger.spends.push(Spend {
                    tx: TxId(n as u32),
                    inputs: inputs..inputs + (t.inputs.1 - t.inputs.0) as u32,
                    outputs: first..ledger.outputs.tx.len() as u32,
                    coinbase: t.coinbase,
                    unknown_inputs: t.unknown,
                });
            }
        }
    }
    for c in input_base {
        let t = &spent.txs[c as usize];
        for key in &spent.inputs[t.inputs.0..t.inputs.1] {
            let id = match key & STUB {
                0 => id_of_output[*key as usize],
                _ => id_of_stub[(key & !STUB) as usize],
            };
            ledger.inputs.push(OutputId(id));
        }
    }
}
