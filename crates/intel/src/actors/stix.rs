//! STIX 2.0 and 2.1 bundles in ATT&CK's way of writing (OASIS STIX 2.1; MITRE's `attack-stix-data` usage notes).
//!
//! Groups (`intrusion-set`, `threat-actor`), techniques, software, and who uses what, with the reports each statement
//! cites; and indicators of a group or of software, as far as their pattern is a list of values (`[a = 'x' OR b = 'y']`): what
//! must hold together with something else is a mark of nobody. Revoked and deprecated objects are left out. A citation's date is the year and month it prints; where it
//! prints none, the day it was retrieved, which is an upper bound.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{
    Account, Actor, Alias, AliasMeaning, Item, ItemKind, Mark, Month, Observable, ObservableKind, ProblemCode,
};
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
    pattern: String,
    valid_from: String,
    valid_until: String,
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
    let mut citing: Vec<Citing> = Vec::new();
    let mut patterns: BTreeMap<String, Pattern> = BTreeMap::new();
    let mut indicates: BTreeSet<(String, String)> = BTreeSet::new();
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
            "intrusion-set" | "threat-actor" => actor(o, &mut actors, &mut citing, to),
            "attack-pattern" => item(o, ItemKind::Technique, &mut items, to),
            "malware" => item(o, ItemKind::Malware, &mut items, to),
            "tool" => item(o, ItemKind::Tool, &mut items, to),
            "relationship" if o.relationship_type == "uses" => {
                let cited = o.external_references.iter().map(|r| tidy(&r.source_name));
                let cited: BTreeSet<String> = cited.filter(|n| !n.is_empty() && !is_own(n)).collect();
                uses.push((o.source_ref, o.target_ref, cited.into_iter().collect()));
            }
            "relationship" if o.relationship_type == "indicates" => {
                indicates.insert((o.source_ref, o.target_ref));
            }
            "indicator" => {
                patterns.extend(pattern(o, to));
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
    // A name is as old as the first report that is cited for it.
    for c in citing {
        let first = c.reports.iter().filter_map(|r| dates.get(r)).map(|d| d.1).min();
        let alias = to.knowledge.actors.get_mut(c.actor).and_then(|a| a.aliases.get_mut(c.alias));
        if let (Some(alias), Some(first)) = (alias, first) {
            alias.from = Some(first);
        }
    }
    for (from, what) in indicates {
        let of = actors.get(&what).or_else(|| items.get(&what).filter(|id| id.starts_with('S')));
        let (Some(of), Some(p)) = (of, patterns.get(&from)) else { continue };
        if to.knowledge.marks.len() + p.things.len() > MAX_OBJECTS {
            to.say(ProblemCode::Limit, format!("more than {MAX_OBJECTS} marks; the rest was not read"));
            break;
        }
        to.knowledge.as_of = to.knowledge.as_of.max(p.from);
        to.knowledge.marks.extend(p.things.iter().map(|thing| Mark {
            of: of.clone(),
            report: p.report.clone(),
            from: p.from,
            to: p.to,
            observable: thing.clone(),
        }));
    }
    for ((actor, report), items) in accounts {
        let date = dates.get(&report).map(|d| d.1);
        to.knowledge.as_of = to.knowledge.as_of.max(date);
        to.knowledge.accounts.push(Account { actor, date, report, items: items.into_iter().collect() });
    }
}

/// What an indicator says.
struct Pattern {
    report: String,
    from: Option<Month>,
    to: Option<Month>,
    things: Vec<Observable>,
}

/// The values of an indicator whose pattern is a list of them, behind its id.
fn pattern(o: Object, to: &mut Sink) -> Option<(String, Pattern)> {
    let Some(things) = things(&o.pattern) else {
        let what = "an indicator whose pattern is no list of values marks nobody".to_owned();
        to.say(ProblemCode::Unrecognised, what);
        return None;
    };
    let cited = o.external_references.iter().map(|r| tidy(&r.source_name)).find(|n| !n.is_empty());
    let report = cited.unwrap_or_else(|| tidy(&o.name));
    let month = |t: &str| Month::parse(t.get(..10).unwrap_or_default());
    Some((o.id, Pattern { report, from: month(&o.valid_from), to: month(&o.valid_until), things }))
}

/// Most values taken of one pattern.
const MAX_THINGS: usize = 1_000;

/// Values of `[path = 'value' OR path = 'value'] OR […]` (STIX 2.1, 9); `None` for any other pattern.
fn things(pattern: &str) -> Option<Vec<Observable>> {
    let mut out = Vec::new();
    let mut rest = pattern.trim();
    let mut inside = false;
    loop {
        rest = rest.trim_start();
        if !inside {
            rest = rest.strip_prefix('[')?.trim_start();
            inside = true;
        }
        let (path, after) = rest.split_once('=')?;
        let value = after.trim_start().strip_prefix('\'')?;
        let mut text = String::new();
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next()? {
                (_, '\\') => text.push(chars.next()?.1),
                (at, '\'') => break at + 1,
                (_, c) => text.push(c),
            }
        };
        // A value that is no observable (`-`, a loopback address) marks nobody; one of an object that is not known, too.
        out.extend(kind(path.trim()).and_then(|k| Observable::parse(k, &text).ok()));
        if out.len() > MAX_THINGS {
            return None;
        }
        rest = value.get(end..)?.trim_start();
        if let Some(after) = rest.strip_prefix(']') {
            inside = false;
            rest = after.trim_start();
        }
        if rest.is_empty() {
            return (!inside).then_some(out);
        }
        rest = rest.strip_prefix("OR")?;
    }
}

/// What the value of an object path of STIX is.
fn kind(path: &str) -> Option<ObservableKind> {
    let hash = path.strip_prefix("file:hashes.").map(|h| h.trim_matches(['\'', '"']).replace('-', ""));
    Some(match (path, hash.as_deref()) {
        ("ipv4-addr:value" | "ipv6-addr:value", _) => ObservableKind::Ip,
        ("domain-name:value", _) => ObservableKind::Domain,
        ("url:value", _) => ObservableKind::Url,
        ("email-addr:value" | "email-message:from_ref.value", _) => ObservableKind::Email,
        ("file:name", _) => ObservableKind::FileName,
        (_, Some("MD5")) => ObservableKind::Md5,
        (_, Some("SHA1")) => ObservableKind::Sha1,
        (_, Some("SHA256")) => ObservableKind::Sha256,
        (_, Some("SHA512")) => ObservableKind::Sha512,
        _ => return None,
    })
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

/// Reports that are cited for an actor's name: places of the actor and of the name.
struct Citing {
    actor: usize,
    alias: usize,
    reports: Vec<String>,
}

/// Names of the reports in a text of ATT&CK's: `(Citation: A)(Citation: B)`.
fn citations(text: &str) -> Vec<String> {
    let parts = text.split("(Citation:").skip(1).take(100);
    parts.map(|p| tidy(p.split(')').next().unwrap_or_default())).filter(|r| !r.is_empty()).collect()
}

fn actor(o: Object, actors: &mut BTreeMap<String, String>, citing: &mut Vec<Citing>, to: &mut Sink) {
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
    let aliases: Vec<Alias> = aliases.collect();
    for (alias, a) in aliases.iter().enumerate() {
        let own = o.external_references.iter().find(|r| tidy(&r.source_name) == a.name);
        let reports = own.map_or_else(Vec::new, |r| citations(&r.description));
        citing.push(Citing { actor: to.knowledge.actors.len(), alias, reports });
    }
    to.knowledge.actors.push(Actor {
        id: id.clone(),
        name: tidy(&o.name),
        nation: nation::of(&o.description).map(str::to_owned),
        aliases,
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
