//! Which addresses have one owner: clusters that can say why, and be taken apart again.
//!
//! All inputs of an ordinary transaction are signed by one owner, so their addresses belong together (multi-input);
//! a change output belongs to the inputs ([`change`]). Each such statement is a [`Link`] with its transaction; clusters
//! are what links join. An answer cites the shortest chain of links between two addresses, and a link that an analyst
//! rejects is left out by building anew ([`Clusters::build`] with `rejected`).
//!
//! What does not link: joint transactions ([`coinjoin`]), a labelled service (its customers are not one owner), an
//! output without an address. What may be a PayJoin links with less confidence. Output model only; accounts sign
//! alone.
//!
//! Never decides on one sign of change, never merges through a service.

mod change;
mod coinjoin;
mod owners;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::Ledger;
use crate::ledger::{PartyId, Spend, TxId};
use crate::trace::Labels;

pub use change::change;
pub use coinjoin::{CoinJoin, coinjoin};
pub use owners::{MAX_REJECTED, Member, Owner, Owners, Rejection};

/// Why two addresses belong together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Why {
    /// Both signed one transaction.
    Inputs,
    /// One is the change of what the other paid.
    Change,
}

/// A statement that two addresses have one owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Link {
    /// One.
    pub a: PartyId,
    /// The other.
    pub b: PartyId,
    /// The transaction that says so.
    pub tx: TxId,
    /// Why.
    pub why: Why,
    /// 0 to 100.
    pub confidence: u8,
}

/// How far inputs of an ordinary transaction can be trusted to be one owner's.
pub const INPUTS: u8 = 90;
/// The same where the transaction could be a PayJoin: two inputs, two outputs, one input too many.
pub const MAYBE_PAYJOIN: u8 = 40;

/// Clusters of addresses.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Clusters {
    parent: Vec<u32>,
    links: Vec<Link>,
    /// Links of a party, by number.
    of: BTreeMap<PartyId, Vec<u32>>,
    /// Joint transactions that were left out.
    pub coinjoins: Vec<(TxId, CoinJoin)>,
}

impl Clusters {
    /// Clusters of a ledger from links of at least this confidence. `rejected` are transactions an analyst does not
    /// accept as a reason.
    pub fn build(ledger: &Ledger, labels: &dyn Labels, least: u8, rejected: &BTreeSet<TxId>) -> Clusters {
        let mut c = Clusters { parent: (0..ledger.parties.len() as u32).collect(), ..Clusters::default() };
        let mut seen = vec![false; ledger.parties.len()];
        for spend in &ledger.spends {
            let joint = coinjoin(ledger, spend);
            if let Some(joint) = joint {
                c.coinjoins.push((spend.tx, joint));
            }
            if joint.is_none() && !spend.coinbase && !rejected.contains(&spend.tx) {
                c.of_spend(ledger, labels, least, spend, &seen);
            }
            // Seen before, for later transactions only.
            let inputs = ledger.inputs.get(spend.inputs.start as usize..spend.inputs.end as usize);
            let all = inputs.unwrap_or_default().iter().map(|i| i.0).chain(spend.outputs.clone());
            for i in all {
                if let Some(s) = ledger.outputs.party.get(i as usize).and_then(|p| seen.get_mut(p.0 as usize))
                {
                    *s = true;
                }
            }
        }
        c
    }

    fn of_spend(&mut self, ledger: &Ledger, labels: &dyn Labels, least: u8, spend: &Spend, seen: &[bool]) {
        let time = ledger.txs.time.get(spend.tx.0 as usize).copied().flatten();
        let owners = owners(ledger, spend);
        if owners.iter().any(|p| labels.pool(*p, time).is_some()) {
            return;
        }
        let Some((&first, rest)) = owners.split_first() else { return };
        let confidence = if may_be_payjoin(ledger, spend, owners.len()) { MAYBE_PAYJOIN } else { INPUTS };
        for &b in rest {
            self.link(Link { a: first, b, tx: spend.tx, why: Why::Inputs, confidence }, least);
        }
        let found = change(ledger, spend, |p| seen.get(p.0 as usize).copied().unwrap_or(true));
        if let Some((party, confidence)) = found.filter(|f| labels.pool(f.0, time).is_none()) {
            let confidence = confidence.min(if rest.is_empty() { 100 } else { self.confidence_of(spend.tx) });
            self.link(Link { a: first, b: party, tx: spend.tx, why: Why::Change, confidence }, least);
        }
    }

    /// Confidence of the last link of a transaction: change is no surer than the inputs it belongs to.
    fn confidence_of(&self, tx: TxId) -> u8 {
        self.links.last().filter(|l| l.tx == tx).map_or(MAYBE_PAYJOIN, |l| l.confidence)
    }

    fn link(&mut self, link: Link, least: u8) {
        if link.a == link.b || link.confidence < least {
            return;
        }
        let (a, b) = (self.root(link.a.0), self.root(link.b.0));
        // Kept also if it joins nothing new: it may be the shorter reason.
        let number = self.links.len() as u32;
        self.of.entry(link.a).or_default().push(number);
        self.of.entry(link.b).or_default().push(number);
        self.links.push(link);
        // The smallest number is the root, whatever the order of links.
        let (low, high) = (a.min(b), a.max(b));
        if let Some(p) = self.parent.get_mut(high as usize) {
            *p = low;
        }
    }

    fn root(&mut self, mut p: u32) -> u32 {
        while let Some(&up) = self.parent.get(p as usize).filter(|&&up| up != p) {
            let next = self.parent.get(up as usize).copied().unwrap_or(up);
            self.parent[p as usize] = next;
            p = next;
        }
        p
    }

    /// The cluster a party is in, named by its first address; itself if it is in none.
    pub fn cluster(&self, party: PartyId) -> PartyId {
        let mut p = party.0;
        while let Some(&up) = self.parent.get(p as usize).filter(|&&up| up != p) {
            p = up;
        }
        PartyId(p)
    }

    /// All members of a party's cluster, in order.
    pub fn members(&self, party: PartyId) -> Vec<PartyId> {
        let mut seen = BTreeSet::from([party]);
        let mut queue = VecDeque::from([party]);
        while let Some(p) = queue.pop_front() {
            for link in self.links_of(p) {
                let other = if link.a == p { link.b } else { link.a };
                if seen.insert(other) {
                    queue.push_back(other);
                }
            }
        }
        seen.into_iter().collect()
    }

    /// Takes back what a transaction says: clusters are then what the other links join.
    pub fn reject(&mut self, tx: TxId) {
        let kept: Vec<Link> = std::mem::take(&mut self.links).into_iter().filter(|l| l.tx != tx).collect();
        self.parent = (0..self.parent.len() as u32).collect();
        self.of.clear();
        for link in kept {
            self.link(link, 0);
        }
    }

    /// All links.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    fn links_of(&self, party: PartyId) -> impl Iterator<Item = &Link> {
        self.of.get(&party).into_iter().flatten().filter_map(|&n| self.links.get(n as usize))
    }

    /// The shortest chain of links from one address to another; `None` if they are not in one cluster.
    pub fn why(&self, from: PartyId, to: PartyId) -> Option<Vec<Link>> {
        let mut came: BTreeMap<PartyId, Option<Link>> = BTreeMap::from([(from, None)]);
        let mut queue = VecDeque::from([from]);
        while let Some(p) = queue.pop_front() {
            if p == to {
                let mut chain = Vec::new();
                let mut at = to;
                while let Some(Some(link)) = came.get(&at) {
                    chain.push(*link);
                    at = if link.a == at { link.b } else { link.a };
                }
                chain.reverse();
                return Some(chain);
            }
            for link in self.links_of(p) {
                let other = if link.a == p { link.b } else { link.a };
                if let std::collections::btree_map::Entry::Vacant(v) = came.entry(other) {
                    v.insert(Some(*link));
                    queue.push_back(other);
                }
            }
        }
        None
    }
}

/// Parties of a transaction's inputs, each once, in order; without nobody.
fn owners(ledger: &Ledger, spend: &Spend) -> Vec<PartyId> {
    let inputs =
        ledger.inputs.get(spend.inputs.start as usize..spend.inputs.end as usize).unwrap_or_default();
    let mut known = BTreeSet::new();
    let party = |i: &crate::ledger::OutputId| ledger.outputs.party.get(i.0 as usize).copied();
    inputs.iter().filter_map(party).filter(|p| *p != PartyId::NOBODY && known.insert(*p)).collect()
}

/// BIP 78 looks ordinary; two inputs of two addresses, two outputs, and the greater input alone would have paid the
/// greater output: an ordinary wallet would not have added the other.
fn may_be_payjoin(ledger: &Ledger, spend: &Spend, owners: usize) -> bool {
    if spend.inputs.len() != 2 || spend.outputs.len() != 2 || owners != 2 {
        return false;
    }
    let value = |i: u32| ledger.outputs.value.get(i as usize).copied().unwrap_or(0);
    let inputs =
        ledger.inputs.get(spend.inputs.start as usize..spend.inputs.end as usize).unwrap_or_default();
    let most_in = inputs.iter().map(|i| value(i.0)).max().unwrap_or(0);
    let most_out = spend.outputs.clone().map(value).max().unwrap_or(0);
    let least_out = spend.outputs.clone().map(value).min().unwrap_or(0);
    let least_in = inputs.iter().map(|i| value(i.0)).min().unwrap_or(0);
    most_in > most_out || least_out > least_in
}
