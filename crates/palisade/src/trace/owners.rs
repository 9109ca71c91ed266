//! Which addresses have one owner, in words: with the transaction that says so, and how to contradict it.

use palisade_money::cluster::{Link, Member, Why};
use palisade_money::ledger::PartyId;
use palisade_money::trace::Edge;
use serde_json::{Value, json};

use super::Told;

/// Statements of one chain that are shown; the chain's length is told.
const SHOWN: usize = 4;

/// Number of an address's owner, from 1.
pub fn number(told: &Told<'_>, party: PartyId) -> Option<usize> {
    told.followed.owners.owner(party).map(|n| n + 1)
}

/// Whether a transfer stays with its owner, as change does.
pub fn own(told: &Told<'_>, e: &Edge) -> bool {
    told.followed.owners.same(e.from, e.to)
}

/// Name of a reason.
fn why(link: &Link) -> &'static str {
    match link.why {
        Why::Inputs => "inputs",
        Why::Change => "change",
    }
}

/// Why an address is its owner's.
pub fn because(told: &Told<'_>, member: &Member) -> String {
    let one = |link: &Link| {
        let (a, b, tx) = (told.address(link.a), told.address(link.b), told.tx(link.tx));
        match link.why {
            Why::Inputs => format!("{b} signed {tx} together with {a}"),
            Why::Change => format!("{b} got the change of {a} in {tx}"),
        }
    };
    let shown: Vec<String> = member.chain.iter().take(SHOWN).map(one).collect();
    let more = member.chain.len().saturating_sub(SHOWN);
    let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join("; "))
}

/// An object per owner.
pub fn records(told: &Told<'_>) -> Vec<Value> {
    told.followed
        .owners
        .owners
        .iter()
        .enumerate()
        .map(|(n, owner)| {
            let link = |l: &Link| {
                json!({
                    "between": [told.address(l.a), told.address(l.b)],
                    "by": why(l),
                    "tx": told.tx(l.tx),
                    "confidence": l.confidence,
                })
            };
            let member = |m: &Member| {
                json!({
                    "address": told.address(m.party),
                    "because": m.chain.iter().map(link).collect::<Vec<_>>(),
                })
            };
            json!({
                "kind": "owner",
                "owner": n + 1,
                "addresses": owner.addresses,
                "members": owner.members.iter().map(member).collect::<Vec<_>>(),
                "note": "heuristics of inputs and change, no fact; --reject-link takes a merge apart",
            })
        })
        .collect()
}
