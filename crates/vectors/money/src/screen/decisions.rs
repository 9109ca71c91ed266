//! Digests by which a hit keeps its name: whoever keeps hits, and what was said of them, keeps these.
//!
//! A hit's id is a digest of its query and of the party *as they are*: a new alias or another date of birth makes
//! another hit, so that what was said of the old one does not hide it. The day that a query is about is no part of it: who is
//! meant does not depend on it.
//!
//! What this module never does: decide, keep anything, or read a clock.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::engine::Query;
use super::lists::Lists;
use super::party::Party;

/// First half of a SHA-256, in hexadecimal.
pub type Digest = String;

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

/// Digest of everything a query asks but the day.
pub fn query_digest(query: &Query) -> Digest {
    digest(&format!("{:?}", Query { day: None, ..query.clone() }))
}

/// Id of the hit that a query has on a party.
pub fn hit_id(query: &Query, lists: &Lists, party: &Party) -> Digest {
    hit_id_of(&query_digest(query), &party_digest(party), &party_key(lists, party))
}

/// The same from what is kept of query and party.
pub fn hit_id_of(query: &str, party: &str, key: &str) -> Digest {
    digest(&format!("{query}{party}{key}"))
}

/// An id for an entry of a list that gives it none: a digest of what the entry says, so that it stays when others come before it.
/// Two entries that say the same have the same.
pub fn entry_id(says: &[&str]) -> String {
    // A unit separator is in no field of a list.
    digest(&says.join("\u{1f}")).chars().take(ENTRY_ID).collect()
}

/// Hexadecimal digits of an entry's id: among ten million entries the odds that any two agree by chance are 1 in 370,000.
const ENTRY_ID: usize = 16;

fn digest(text: &str) -> Digest {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(16).fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}
