//! Decisions: what somebody said of a hit, and what has to be looked at again.
//!
//! A decision holds for one query and one party *as they were*: both are kept as digests, so a new
//! alias or another date of birth brings the question back. Decisions are values: whoever calls
//! keeps them.
//!
//! What this module never does: decide, read a clock, or let an old decision hide a changed party.

use std::fmt::Write as _;

use foldhash::HashMap;
use palisade_model::Time;
use sha2::{Digest as _, Sha256};

use super::engine::{Hit, Query};
use super::lists::Lists;
use super::party::Party;

/// First half of a SHA-256, in hexadecimal.
pub type Digest = String;

/// What somebody said of a hit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Said {
    /// It is the listed party.
    TrueMatch,
    /// It is somebody else.
    FalseMatch,
    /// Not settled.
    Open,
}

/// A decision about one query and one party.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// [`query_digest`] of the query.
    pub query: Digest,
    /// [`party_key`] of the party.
    pub party: String,
    /// [`party_digest`] of the party as it was.
    pub party_was: Digest,
    /// What was said.
    pub said: Said,
    /// By whom.
    pub by: String,
    /// When.
    pub when: Time,
    /// Why.
    pub reason: String,
}

/// What is listed, as digests: enough to see what a new version of the lists changes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Digest of each party by its key.
    pub parties: HashMap<String, Digest>,
}

/// Which list and which entry: stable from one version of a list to the next.
pub fn party_key(lists: &Lists, party: &Party) -> String {
    let list = lists.info(party).map_or("", |i| &i.name);
    format!("{list}/{}", party.id)
}

/// Digest of everything a party is compared by.
pub fn party_digest(party: &Party) -> Digest {
    // `Debug` of plain values is stable for one version of Palisade; after another, all is looked at once more.
    let mut text = String::new();
    let _ = write!(
        text,
        "{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
        party.schema,
        party.names,
        party.births,
        party.gender,
        party.countries,
        party.identifiers,
        party.hosts,
        party.listed,
        party.until
    );
    for address in &party.addresses {
        let _ = write!(text, "{:?}", address.text);
    }
    digest(&text)
}

/// Digest of everything a query asks.
pub fn query_digest(query: &Query) -> Digest {
    digest(&format!("{query:?}"))
}

fn digest(text: &str) -> Digest {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(16).fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

impl Snapshot {
    /// Of lists as they are.
    pub fn of(lists: &Lists) -> Snapshot {
        let parties = lists.parties.iter().map(|p| (party_key(lists, p), party_digest(p))).collect();
        Snapshot { parties }
    }

    /// Parties that are new or not as they were; for [`Screen::of`](super::Screen::of).
    pub fn changed(&self, lists: &Lists) -> Vec<usize> {
        let same = |p: &Party| self.parties.get(&party_key(lists, p)).is_some_and(|d| *d == party_digest(p));
        lists.parties.iter().enumerate().filter(|(_, p)| !same(p)).map(|(at, _)| at).collect()
    }

    /// Keys of parties that are gone: delisted, or a file is missing.
    pub fn gone(&self, lists: &Lists) -> Vec<String> {
        let now: foldhash::HashSet<String> = lists.parties.iter().map(|p| party_key(lists, p)).collect();
        let mut gone: Vec<String> = self.parties.keys().filter(|k| !now.contains(*k)).cloned().collect();
        gone.sort_unstable();
        gone
    }
}

/// Decisions, the last of each query and party.
#[derive(Clone, Default, Debug)]
pub struct Decisions {
    by_pair: HashMap<(Digest, String), Decision>,
}

impl Decisions {
    /// From decisions in the order in which they were taken.
    pub fn new(decisions: impl IntoIterator<Item = Decision>) -> Decisions {
        let mut out = Decisions::default();
        for decision in decisions {
            out.add(decision);
        }
        out
    }

    /// Adds one; it replaces what was said before of the same query and party.
    pub fn add(&mut self, decision: Decision) {
        self.by_pair.insert((decision.query.clone(), decision.party.clone()), decision);
    }

    /// What was said of a hit, if query and party are as they were then.
    pub fn of(&self, query: &Query, hit: &Hit, lists: &Lists) -> Option<&Decision> {
        let party = lists.parties.get(hit.party)?;
        let decision = self.by_pair.get(&(query_digest(query), party_key(lists, party)))?;
        (decision.party_was == party_digest(party)).then_some(decision)
    }

    /// Takes hits away that somebody said are somebody else.
    pub fn open(&self, query: &Query, hits: Vec<Hit>, lists: &Lists) -> Vec<Hit> {
        let settled = |hit: &Hit| self.of(query, hit, lists).is_some_and(|d| d.said == Said::FalseMatch);
        hits.into_iter().filter(|h| !settled(h)).collect()
    }
}
