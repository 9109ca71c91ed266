//! STIX 2.0 and 2.1 bundles in ATT&CK's way of writing (OASIS STIX 2.1; MITRE's `attack-stix-data` usage notes).
//!
//! Groups (`intrusion-set`, `threat-actor`), techniques, software, and who uses what, with the reports each statement
//! cites. Revoked and deprecated objects are left out. A citation's date is the year and month it prints; where it
//! prints none, the day it was retrieved, which is an upper bound.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Account, Actor, Alias, AliasMeaning, Item, ItemKind, Month, ProblemCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MAX_OBJECTS, Sink, is_item, nation, tidy};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    name: String,
    description: String,
    aliases: Vec<String>,
    revoked: bool,
    x_mitre_deprecated: bool,
    external_references: Vec<Reference>,
    relationship_type: String,
    source_ref: String,
    target_ref: String,
    definition: Definition,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reference {
    source_name: String,
    description: String,
    external_id: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Definition {
    statement: String,
}

/// A date and how good it is: 0 month printed, 1 year printed, 2 day of retrieval.
type Dated = (u8, Month);

pub(super) fn read(objects: &[&RawValue], to: &mut Sink) {
    if objects.len() > MAX_OBJECTS {
        to.say(ProblemCode::Limit, format!("more than {MAX_OBJECTS} objects; the rest was not read"));
    }
    let mut dates: BTreeMap<String, Dated> = BTreeMap::new();
    // STIX id → ATT&CK id, of what is live.
    let mut actors: BTreeMap<String, String> = BTreeMap::new();
    let mut items: BTreeMap<String, String> = BTreeMap::new();
    let mut uses: Vec<(String, String, Vec<String>)> = Vec::new();
    for raw in objects.iter().take(MAX_OBJECTS) {
        let o: Object = match serde_json::from_str(raw.get()) {
            Ok(o) => o,
            Err(e) => {
                to.say(ProblemCode::DamagedRecord, format!("an object is not as STIX has it: {e}"));
                continue;
            }
        };
        for r in &o.external_references {
            if let Some(date) = dated(&r.description) {
                let name = tidy(&r.source_name);
                dates.entry(name).and_modify(|d| *d = (*d).min(date)).or_insert(date);
            }
        }
        if o.revoked || o.x_mitre_deprecated {
            continue;
        }
        match o.kind.as_str() {
            "intrusion-set" | "threat-actor" => actor(o, &mut actors, to),
            "attack-pattern" => item(o, ItemKind::Technique, &mut items, to),
            "malware" => item(o, ItemKind::Malware, &mut items, to),
            "tool" => item(o, ItemKind::Tool, &mut items, to),
            "relationship" if o.relationship_type == "uses" => {
                let cited = o.external_references.iter().map(|r| tidy(&r.source_name));
                let cited: BTreeSet<String> = cited.filter(|n| !n.is_empty() && !is_own(n)).collect();
                uses.push((o.source_ref, o.target_ref, cited.into_iter().collect()));
            }
            "marking-definition" if !o.definition.statement.is_empty() => {
                to.knowledge.notices.push(tidy(&o.definition.statement));
            }
            _ => {}
        }
    }
    let mut accounts: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (from, what, cited) in uses {
        // Of software, of campaigns, or of something revoked: not what an actor was seen to do.
        let (Some(actor), Some(item)) = (actors.get(&from), items.get(&what)) else { continue };
        let cited = if cited.is_empty() { vec![String::new()] } else { cited };
        for report in cited {
            accounts.entry((actor.clone(), report)).or_default().insert(item.clone());
        }
    }
    for ((actor, report), items) in accounts {
        let date = dates.get(&report).map(|d| d.1);
        to.knowledge.as_of = to.knowledge.as_of.max(date);
        to.knowledge.accounts.push(Account { actor, date, report, items: items.into_iter().collect() });
    }
}

/// ATT&CK's references to itself and to CAPEC are no reports.
fn is_own(source: &str) -> bool {
    matches!(
        source,
        "mitre-attack" | "mitre-ics-attack" | "mitre-mobile-attack" | "mitre-pre-attack" | "capec"
    )
}

fn external(o: &Object) -> Option<&str> {
    let own = o.external_references.iter().filter(|r| is_own(&r.source_name));
    own.map(|r| r.external_id.trim()).find(|id| !id.is_empty() && id.len() <= 32)
}

fn actor(o: Object, actors: &mut BTreeMap<String, String>, to: &mut Sink) {
    // A group of another publisher has no ATT&CK id; its STIX id names it as well.
    let id = tidy(external(&o).unwrap_or(&o.id)).replace(' ', "_");
    if id.is_empty() || o.name.trim().is_empty() {
        to.say(ProblemCode::DamagedRecord, "an actor without an id or a name was left out".to_owned());
        return;
    }
    let aliases = o.aliases.iter().map(|a| tidy(a)).filter(|a| !a.is_empty() && *a != tidy(&o.name));
    let aliases = aliases.map(|name| Alias {
        name,
        source: "mitre-attack".to_owned(),
        from: None,
        to: None,
        meaning: AliasMeaning::Same,
        weight: 1.0,
    });
    to.knowledge.actors.push(Actor {
        id: id.clone(),
        name: tidy(&o.name),
        nation: nation::of(&o.description).map(str::to_owned),
        aliases: aliases.collect(),
    });
    actors.insert(o.id, id);
}

fn item(o: Object, kind: ItemKind, items: &mut BTreeMap<String, String>, to: &mut Sink) {
    match external(&o).filter(|id| is_item(id)) {
        Some(id) => {
            to.knowledge.items.push(Item { id: id.to_owned(), kind, name: tidy(&o.name) });
            items.insert(o.id.clone(), id.to_owned());
        }
        None => {
            to.say(ProblemCode::DamagedRecord, format!("{} without an ATT&CK id was left out", tidy(&o.kind)))
        }
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The date a citation prints: `Name, N. (2015, March 30). Title. Retrieved February 8, 2021.`
fn dated(citation: &str) -> Option<Dated> {
    let mut year = None;
    for (at, _) in citation.match_indices('(').take(20) {
        let inside = citation.get(at + 1..)?.split(')').next().unwrap_or_default();
        let Some(y) =
            inside.get(..4).filter(|y| y.bytes().all(|b| b.is_ascii_digit())).and_then(|y| y.parse().ok())
        else {
            continue;
        };
        if !(1990..2100).contains(&y) {
            continue;
        }
        if let Some(date) = month(inside).and_then(|m| Month::new(y, m)) {
            return Some((0, date));
        }
        year = year.or(Month::new(y, 7));
    }
    if let Some(date) = year {
        return Some((1, date));
    }
    let retrieved = citation.rsplit_once("etrieved ")?.1;
    let y = retrieved.split(|c: char| !c.is_ascii_digit()).find(|w| w.len() == 4)?.parse().ok()?;
    Some((2, Month::new(y, month(retrieved)?)?))
}

fn month(text: &str) -> Option<u8> {
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| w.len() >= 3);
    words.find_map(|w| {
        let w = w.to_ascii_lowercase();
        MONTHS.iter().position(|m| w.starts_with(m)).map(|n| n as u8 + 1)
    })
}
