//! What a trace keeps of what a rule tells it, and where it tells the rule to stop.
//!
//! A rule tells of tainted amounts in the order in which they move, so how far a party is from the sources is known by
//! the time it sends. What is beyond the floor or a limit is stopped in the rule itself: it is clean from there on, and
//! is kept with who sent it. So what is shown, what is cut and what rests add up.
//!
//! Never drops an amount: what is not an [`Edge`] is in [`Recorder::cuts`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use foldhash::fast::FixedState;

use super::{Cut, Edge, Options};
use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, OutputId, PartyId, TxId};
use crate::taint::{Entry, Method, Plan, Sink, Source, add_parts};

/// Amounts by source.
type Parts = Vec<(Source, u128)>;

/// Where the plan's sources begin.
pub(super) struct Begins {
    /// Parties whose all is a source's.
    pub parties: BTreeSet<PartyId>,
    /// Transactions that are named, or make an output that is.
    pub txs: BTreeSet<TxId>,
    /// Outputs that are named.
    pub outputs: BTreeSet<OutputId>,
}

impl Begins {
    pub fn of(ledger: &Ledger, plan: &Plan) -> Begins {
        let mut b = Begins { parties: BTreeSet::new(), txs: BTreeSet::new(), outputs: BTreeSet::new() };
        for start in &plan.starts {
            match start.entry {
                Entry::Party { party, .. } => drop(b.parties.insert(party)),
                Entry::Tx { tx, .. } => drop(b.txs.insert(tx)),
                // It begins at the sender of the transaction that makes it.
                Entry::Output { output } => {
                    b.outputs.insert(output);
                    b.txs.extend(ledger.outputs.tx.get(output.0 as usize));
                }
            }
        }
        b
    }
}

/// Keeps edges, and stops what is not followed.
pub(super) struct Recorder<'a> {
    ledger: &'a Ledger,
    options: &'a Options<'a>,
    begins: &'a Begins,
    pools: &'a dyn Fn(PartyId, TxId) -> bool,
    /// Fewest transfers to a party so far.
    hops: HashMap<PartyId, u32, FixedState>,
    /// The same for outputs that no address can spend.
    ownerless: HashMap<u32, u32, FixedState>,
    /// With their place in the ledger: output or move, number.
    edges: Vec<((bool, u64), Edge)>,
    at: HashMap<(bool, u64), usize, FixedState>,
    /// Outputs that carried some.
    tainted: HashSet<u32, FixedState>,
    /// The sender of the last transaction of outputs, and how far it is: asked for once, not for each output.
    sender: Option<(TxId, PartyId, Option<u32>)>,
    /// What the last output that was asked about brings; what a source's own party makes its own there comes on top.
    brought: Option<(u64, Parts)>,
    /// The other side of moves that exchange what they carry.
    swapped: HashMap<u64, u64, FixedState>,
    /// How far the fees of a block have come.
    fees: Option<(u64, AssetId, u32)>,
    /// What was not followed further, by who sent it.
    pub cuts: BTreeMap<(PartyId, AssetId), Parts>,
    /// Below the floor.
    pub below_floor: BTreeMap<AssetId, Cut>,
    /// Too far, or too many.
    pub beyond_limits: BTreeMap<AssetId, Cut>,
}

impl<'a> Recorder<'a> {
    pub fn new(
        ledger: &'a Ledger,
        options: &'a Options<'a>,
        begins: &'a Begins,
        pools: &'a dyn Fn(PartyId, TxId) -> bool,
    ) -> Recorder<'a> {
        Recorder {
            ledger,
            options,
            begins,
            pools,
            hops: HashMap::default(),
            ownerless: HashMap::default(),
            edges: Vec::new(),
            at: HashMap::default(),
            tainted: HashSet::default(),
            sender: None,
            brought: None,
            swapped: HashMap::default(),
            fees: None,
            cuts: BTreeMap::new(),
            below_floor: BTreeMap::new(),
            beyond_limits: BTreeMap::new(),
        }
    }

    /// Edges in the order of the chain, moves before outputs, each with its place in the ledger.
    pub fn edges(&mut self) -> Vec<((bool, u64), Edge)> {
        let mut all = std::mem::take(&mut self.edges);
        all.sort_by_key(|(at, e)| (e.tx, *at));
        all
    }

    /// How far a party is that sends; a source's own is where it begins.
    fn far(&self, party: PartyId, tx: TxId) -> Option<u32> {
        if self.begins.parties.contains(&party) || self.begins.txs.contains(&tx) {
            return Some(0);
        }
        self.hops.get(&party).copied()
    }

    /// Whether taint could have come by an output.
    fn came(&self, output: OutputId, tx: TxId) -> bool {
        let party = self.ledger.outputs.party.get(output.0 as usize).copied();
        let own = party.is_some_and(|p| self.begins.parties.contains(&p));
        let stays = party.is_some_and(|p| (self.pools)(p, tx));
        (self.tainted.contains(&output.0) || self.begins.outputs.contains(&output) || own) && !stays
    }

    /// Who sends the outputs of a transaction: the owner of the greatest input that taint could have come by, and how far
    /// the nearest of these is.
    fn sender(&mut self, tx: TxId) -> (PartyId, Option<u32>) {
        if let Some((of, party, far)) = self.sender
            && of == tx
        {
            return (party, far);
        }
        let o = &self.ledger.outputs;
        let inputs = inputs(self.ledger, tx);
        let mut far = self.begins.txs.contains(&tx).then_some(0);
        for i in inputs.iter().filter(|i| self.came(**i, tx)) {
            let party = o.party.get(i.0 as usize).copied().unwrap_or(PartyId::NOBODY);
            let named = self.begins.outputs.contains(i).then_some(0);
            let one = named.or_else(|| match party {
                PartyId::NOBODY => self.ownerless.get(&i.0).copied(),
                party => self.far(party, tx),
            });
            far = [far, one].into_iter().flatten().min();
        }
        let greatest = greatest(self.ledger, inputs, &|i| self.came(i, tx));
        // A coinbase spends nothing but the fees of its block.
        let block = self.ledger.txs.block.get(tx.0 as usize).copied();
        let fees = self.fees.filter(|f| inputs.is_empty() && Some(f.0) == block).map(|f| f.2);
        let far = far.or(fees);
        self.sender = Some((tx, greatest, far));
        (greatest, far)
    }

    /// The transfer with this number, with nothing on it yet.
    fn edge(&mut self, output: bool, index: u64) -> Option<Edge> {
        let i = usize::try_from(index).ok()?;
        let l = self.ledger;
        if output {
            let o = &l.outputs;
            let tx = *o.tx.get(i)?;
            let (from, far) = self.sender(tx);
            return Some(Edge {
                tx,
                from,
                to: *o.party.get(i)?,
                asset: *o.asset.get(i)?,
                amount: u128::from(*o.value.get(i)?),
                carried: Vec::new(),
                hops: far.unwrap_or(0).saturating_add(1),
                time: *l.txs.time.get(tx.0 as usize)?,
                fee: false,
                swap: false,
                rank: 0.0,
                citation: *l.txs.citation.get(tx.0 as usize)?,
            });
        }
        let m = &l.moves;
        let tx = *m.tx.get(i)?;
        let from = *m.from.get(i)?;
        let other = self.swapped.get(&index).copied();
        // Either side of a swap goes on from whoever is nearer to the sources.
        let by = other.and_then(|x| m.from.get(usize::try_from(x).ok()?)).copied();
        let far = [Some(from), by].into_iter().flatten().filter_map(|p| self.far(p, tx)).min();
        Some(Edge {
            tx,
            from,
            to: m.to[i],
            asset: m.asset[i],
            amount: m.amount[i],
            carried: Vec::new(),
            hops: far.unwrap_or(0).saturating_add(1),
            time: *l.txs.time.get(tx.0 as usize)?,
            fee: m.kind[i] == MoveKind::Fee,
            swap: other.is_some(),
            rank: 0.0,
            citation: m.citation[i],
        })
    }

    fn full(&self) -> bool {
        self.edges.len() >= self.options.max_edges
    }

    fn carried(&mut self, output: bool, index: u64, source: Source, amount: u128) {
        let key = (output, index);
        let poison = self.options.plan.method == Method::Poison;
        if let Some((_, edge)) = self.at.get(&key).and_then(|n| self.edges.get_mut(*n)) {
            // Under poison everything counts as a whole, however often it is told.
            match edge.carried.iter_mut().find(|c| c.0 == source) {
                Some(part) if poison => part.1 = part.1.max(amount),
                _ => add_parts(&mut edge.carried, &[(source, amount)]),
            }
            return;
        }
        let Some(mut edge) = self.edge(output, index) else { return };
        if output {
            self.tainted.insert(index as u32);
        }
        let mut amount = amount;
        if output
            && self.begins.parties.contains(&edge.to)
            && !self.begins.outputs.contains(&OutputId(index as u32))
        {
            let brought = self.brought.as_ref().filter(|b| b.0 == index).map_or(&[][..], |b| &b.1);
            amount = brought.iter().find(|p| p.0 == source).map_or(0, |p| p.1);
        }
        if amount == 0 || self.full() {
            return;
        }
        if output && edge.to == PartyId::NOBODY {
            self.ownerless.insert(index as u32, edge.hops);
        } else if edge.to != PartyId::NOBODY {
            let known = self.hops.entry(edge.to).or_insert(edge.hops);
            *known = (*known).min(edge.hops);
        }
        edge.carried.push((source, amount));
        self.at.insert(key, self.edges.len());
        self.edges.push((key, edge));
    }

    /// Whether what a transfer carries is left where it is; then it is counted.
    fn stops(&mut self, output: bool, index: u64, parts: &[(Source, u128)]) -> bool {
        let Some(edge) = self.edge(output, index) else { return false };
        let all = parts.iter().map(|p| p.1);
        let sum = match self.options.plan.method {
            Method::Poison => all.max().unwrap_or(0),
            _ => all.fold(0, u128::saturating_add),
        };
        // What is destroyed or paid as a fee ends there anyway, and what comes to a source is that source's.
        let ends = !output && edge.to == PartyId::NOBODY && !edge.swap;
        let follows = ends || self.begins.parties.contains(&edge.to);
        let floor = self.options.floor.get(&edge.asset).copied().unwrap_or(0);
        let cuts = if self.full() || (!follows && edge.hops > self.options.max_hops) {
            &mut self.beyond_limits
        } else if !follows && sum < floor {
            &mut self.below_floor
        } else {
            self.brought = output.then(|| (index, parts.to_vec()));
            return false;
        };
        let cut = cuts.entry(edge.asset).or_default();
        cut.edges += 1;
        cut.amount = cut.amount.saturating_add(sum);
        let at = self.cuts.entry((edge.from, edge.asset)).or_default();
        match self.options.plan.method {
            Method::Poison => {
                for &(source, n) in parts {
                    match at.iter_mut().find(|p| p.0 == source) {
                        Some(part) => part.1 = part.1.max(n),
                        None => add_parts(at, &[(source, n)]),
                    }
                }
            }
            _ => add_parts(at, parts),
        }
        true
    }

    fn fee(&mut self, tx: TxId) {
        let (_, far) = self.sender(tx);
        let Some(&block) = self.ledger.txs.block.get(tx.0 as usize) else { return };
        let asset = inputs(self.ledger, tx)
            .first()
            .and_then(|i| self.ledger.outputs.asset.get(i.0 as usize))
            .copied()
            .unwrap_or(AssetId(0));
        let hops = far.unwrap_or(0).saturating_add(1);
        self.fees = match self.fees {
            Some((b, a, n)) if (b, a) == (block, asset) => Some((b, a, n.min(hops))),
            _ => Some((block, asset, hops)),
        };
    }
}

/// What a transaction of outputs spends.
fn inputs(ledger: &Ledger, tx: TxId) -> &[OutputId] {
    let spend = ledger.spends.binary_search_by_key(&tx, |s| s.tx).ok().and_then(|at| ledger.spends.get(at));
    spend.and_then(|s| ledger.inputs.get(s.inputs.start as usize..s.inputs.end as usize)).unwrap_or_default()
}

/// The owner of the greatest input, those that carry before all others; the first of equals.
pub(super) fn greatest(ledger: &Ledger, inputs: &[OutputId], came: &dyn Fn(OutputId) -> bool) -> PartyId {
    let o = &ledger.outputs;
    let found = inputs.iter().rev().max_by_key(|i| (came(**i), o.value.get(i.0 as usize)));
    found.and_then(|i| o.party.get(i.0 as usize)).copied().unwrap_or(PartyId::NOBODY)
}

/// One model's side of a recorder.
pub(super) struct Side<'r, 'a> {
    /// Both sides keep in one place.
    pub recorder: &'r std::cell::RefCell<Recorder<'a>>,
    /// Numbers are those of outputs.
    pub outputs: bool,
}

impl Sink for Side<'_, '_> {
    const ASKS: bool = true;

    fn carried(&mut self, index: u64, source: Source, amount: u128) {
        self.recorder.borrow_mut().carried(self.outputs, index, source, amount);
    }

    fn stops(&mut self, index: u64, parts: &[(Source, u128)]) -> bool {
        self.recorder.borrow_mut().stops(self.outputs, index, parts)
    }

    fn swapped(&mut self, pay: u64, get: u64) {
        self.recorder.borrow_mut().swapped.extend([(pay, get), (get, pay)]);
    }

    fn fee(&mut self, tx: TxId) {
        self.recorder.borrow_mut().fee(tx);
    }
}
