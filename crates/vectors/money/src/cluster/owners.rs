//! Which of the addresses that somebody asks about have one owner, in a form that can be shown and contradicted.
//!
//! Each address of an owner comes with the shortest chain of statements that ties it to the owner's first one, so that a
//! reader can look every transaction up. An analyst who does not believe a merge says which two addresses are not one
//! owner's; then the weakest statement between them is taken back, and the next, until nothing ties them. Both are undone by not
//! saying it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Clusters, Link};
use crate::ledger::{PartyId, TxId};

/// What an analyst does not believe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rejection {
    /// These two have one owner.
    Pair(PartyId, PartyId),
    /// What this transaction says of owners.
    Tx(TxId),
}

/// Most statements that are taken back, over all rejections.
pub const MAX_REJECTED: usize = 256;

/// An address of an owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Which.
    pub party: PartyId,
    /// Statements that tie it to the owner's first address, from that one on; empty for itself.
    pub chain: Vec<Link>,
}

/// Addresses of one owner, as far as the transactions say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// Those that were asked about, in order of their numbers.
    pub members: Vec<Member>,
    /// All of the owner's in the ledger.
    pub addresses: usize,
}

/// Owners of the addresses that were asked about; those with one address are left out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Owners {
    /// In order of their first addresses.
    pub owners: Vec<Owner>,
    /// Which of them an address is of.
    of: BTreeMap<PartyId, usize>,
    /// Transactions whose statements were taken back.
    pub rejected: Vec<TxId>,
    /// Pairs that are still tied, because [`MAX_REJECTED`] was reached.
    pub still: Vec<(PartyId, PartyId)>,
}

impl Owners {
    /// Owners of these addresses. Clusters are cut by the rejections first.
    pub fn of(mut clusters: Clusters, asked: &BTreeSet<PartyId>, rejections: &[Rejection]) -> Owners {
        let mut out = Owners::default();
        for rejection in rejections {
            match *rejection {
                Rejection::Tx(tx) if out.rejected.len() < MAX_REJECTED => {
                    clusters.reject(tx);
                    out.rejected.push(tx);
                }
                Rejection::Tx(_) => {}
                Rejection::Pair(a, b) => {
                    while let Some(chain) = clusters.why(a, b).filter(|_| a != b) {
                        // The weakest of the chain; of equals the latest.
                        let weakest = chain.iter().min_by_key(|l| (l.confidence, std::cmp::Reverse(l.tx)));
                        let Some(tx) = weakest.map(|l| l.tx) else { break };
                        if out.rejected.len() >= MAX_REJECTED {
                            out.still.push((a, b));
                            break;
                        }
                        clusters.reject(tx);
                        out.rejected.push(tx);
                    }
                }
            }
        }
        out.rejected.sort_unstable();
        out.rejected.dedup();
        let mut first: BTreeMap<PartyId, PartyId> = BTreeMap::new();
        for party in asked.iter().filter(|p| **p != PartyId::NOBODY) {
            first.entry(clusters.cluster(*party)).or_insert(*party);
        }
        let mut all: Vec<PartyId> = first.into_values().collect();
        all.sort_unstable();
        for root in all {
            let came = clusters.tree(root);
            if came.len() < 2 {
                continue;
            }
            let mut members = Vec::new();
            for &party in came.keys().filter(|p| asked.contains(p)) {
                let (mut chain, mut at) = (Vec::new(), party);
                while let Some(Some(link)) = came.get(&at) {
                    chain.push(*link);
                    at = if link.a == at { link.b } else { link.a };
                }
                chain.reverse();
                out.of.insert(party, out.owners.len());
                members.push(Member { party, chain });
            }
            out.owners.push(Owner { members, addresses: came.len() });
        }
        out
    }

    /// Number of an address's owner, in [`Owners::owners`].
    pub fn owner(&self, party: PartyId) -> Option<usize> {
        self.of.get(&party).copied()
    }

    /// Whether two addresses have one owner, as far as is known; an address has the owner it has.
    pub fn same(&self, a: PartyId, b: PartyId) -> bool {
        a != PartyId::NOBODY && (a == b || self.owner(a).zip(self.owner(b)).is_some_and(|(a, b)| a == b))
    }
}

impl Clusters {
    /// Every address of an owner, with the last statement of the shortest chain that ties it to this one.
    fn tree(&self, root: PartyId) -> BTreeMap<PartyId, Option<Link>> {
        let mut came: BTreeMap<PartyId, Option<Link>> = BTreeMap::from([(root, None)]);
        let mut queue = VecDeque::from([root]);
        while let Some(p) = queue.pop_front() {
            for link in self.links_of(p) {
                let other = if link.a == p { link.b } else { link.a };
                if let std::collections::btree_map::Entry::Vacant(v) = came.entry(other) {
                    v.insert(Some(*link));
                    queue.push_back(other);
                }
            }
        }
        came
    }
}
