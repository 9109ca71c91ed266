//! Things that reports tie to actors, or to software, looked for among what a campaign shows.
//!
//! What one report lists counts once for each actor and class: fifty domains of one list share one author's mistakes. A mark
//! counts in its time only, since addresses change hands. What this module never does: take a thing for a mark because it is
//! like one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use palisade_model::{Artefact, Knowledge, Mark, Month, Observable, ObservableKind};

use super::settings::Costs;

/// Most marks kept; those first in their order are.
pub const MAX_MARKS: usize = 1_000_000;
/// Things named in an artefact's name; the rest is counted.
const NAMED: usize = 3;

/// Marks by the thing, ready to be looked up.
#[derive(Clone, Default, Debug)]
pub struct Marks {
    by_thing: BTreeMap<Observable, Vec<Mark>>,
    /// Marks beyond [`MAX_MARKS`], which are not looked up.
    pub left_out: usize,
}

/// What marks say of a campaign.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Marked {
    /// One for each report, class and set of things.
    pub artefacts: Vec<Artefact>,
    /// Software that things give away: ids.
    pub software: BTreeSet<String>,
    /// Name of an artefact, or id of software → the things it rests on.
    pub shown: BTreeMap<String, BTreeSet<Observable>>,
}

impl Marks {
    /// Of everything known.
    pub fn new(knowledge: &Knowledge) -> Marks {
        let mut by_thing: BTreeMap<Observable, Vec<Mark>> = BTreeMap::new();
        for m in knowledge.marks.iter().take(MAX_MARKS) {
            by_thing.entry(m.observable.clone()).or_default().push(m.clone());
        }
        Marks { by_thing, left_out: knowledge.marks.len().saturating_sub(MAX_MARKS) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_thing.is_empty()
    }

    /// What is said of these things, seen from the first to the last of these months (not known: at any time). `before`: reports
    /// from that month on, and those without a date, are left out.
    pub fn of(
        &self,
        things: &BTreeSet<Observable>,
        seen: Option<(Month, Month)>,
        before: Option<Month>,
        costs: &Costs,
    ) -> Marked {
        let mut out = Marked::default();
        // Actor, class, report → strength and things.
        let mut found: BTreeMap<(&str, &str, &str), (f64, BTreeSet<&Observable>)> = BTreeMap::new();
        for thing in things {
            let Some(kind) = costs.marks.iter().find(|k| k.kind == thing.kind()) else { continue };
            if is_anybodys(thing) {
                continue;
            }
            for m in self.by_thing.get(thing).into_iter().flatten() {
                let early = before.is_none_or(|b| m.from.is_some_and(|from| from < b));
                if !early || !holds(m, kind.months, seen) {
                    continue;
                }
                if is_software(&m.of) {
                    // Only a file's hash gives software away: a name or an address can be anybody's.
                    if !is_file(thing.kind()) {
                        continue;
                    }
                    out.software.insert(m.of.clone());
                    out.shown.entry(m.of.clone()).or_default().insert(thing.clone());
                    continue;
                }
                let of = found.entry((&m.of, &kind.class, &m.report)).or_default();
                of.0 = of.0.max(kind.nats);
                of.1.insert(thing);
            }
        }
        // Actors that a report names for the same things are one artefact, which points to each of them.
        let mut told: BTreeMap<String, Artefact> = BTreeMap::new();
        for ((actor, class, report), (nats, things)) in found {
            let name = name(&things, report);
            out.shown.entry(name.clone()).or_default().extend(things.into_iter().cloned());
            let artefact = told.entry(format!("{class} {name}")).or_insert_with(|| Artefact {
                name,
                class: class.to_owned(),
                points_to: Vec::new(),
                nats,
            });
            artefact.points_to.push(actor.to_owned());
        }
        out.artefacts = told.into_values().collect();
        out
    }
}

/// Whether a mark still said something when the campaign was seen. Where nobody says until when, it does for some months.
fn holds(m: &Mark, months: i32, seen: Option<(Month, Month)>) -> bool {
    let Some((first, last)) = seen else { return true };
    let lasts = (months > 0).then_some(months);
    let until = m.to.map(Month::index).or_else(|| m.from.zip(lasts).map(|(from, n)| from.index() + n));
    // What is first reported today was in use before: as long as it would be after.
    let since = m.from.zip(lasts).map(|(from, n)| from.index() - n);
    until.is_none_or(|until| first.index() <= until) && since.is_none_or(|since| last.index() >= since)
}

fn is_file(kind: ObservableKind) -> bool {
    matches!(
        kind,
        ObservableKind::Md5 | ObservableKind::Sha1 | ObservableKind::Sha256 | ObservableKind::Sha512
    )
}

/// Addresses that every house has for itself: whoever lists one means that of another house.
fn is_anybodys(thing: &Observable) -> bool {
    match thing.value().parse() {
        Ok(IpAddr::V4(a)) => a.is_private() || a.is_link_local() || a.is_multicast() || a.is_broadcast(),
        Ok(IpAddr::V6(a)) => a.is_unique_local() || a.is_unicast_link_local() || a.is_multicast(),
        Err(_) => false,
    }
}

fn is_software(id: &str) -> bool {
    id.strip_prefix('S').is_some_and(|d| d.len() >= 4 && d.bytes().all(|b| b.is_ascii_digit()))
}

fn name(things: &BTreeSet<&Observable>, report: &str) -> String {
    let some: Vec<&str> = things.iter().take(NAMED).map(|o| o.value()).collect();
    let more = things.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let by = if report.is_empty() { String::new() } else { format!(" ({report})") };
    format!("{}{more}{by}", some.join(", "))
}
