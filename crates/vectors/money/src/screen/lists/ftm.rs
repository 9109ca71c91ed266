//! FollowTheMoney: entities as JSON lines, and OpenSanctions' table of targets.
//!
//! Entities stand in any order and point at each other by id (ownership, wallets, sanctions, papers),
//! so pointers are kept and resolved at the end of the file.
//!
//! What this module never does: ship or fetch OpenSanctions' data (its licence is the user's matter).

use std::io::{BufRead, BufReader, Read};

use foldhash::HashMap;
use palisade_model::ProblemCode;
use serde::Deserialize;
use serde_json::Value;

use super::super::party::{
    Birth, CryptoAddress, Date, Gender, Identifier, MAX_ADDRESSES, MAX_VALUES, NameKind, Owner, Party,
    Schema, add,
};
use super::Sink;
use super::others::with_header;

/// Longest line. The largest entity of OpenSanctions has about 2 MB.
const MAX_LINE: usize = 16 << 20;
/// Most pointers that are kept.
const MAX_POINTERS: usize = 10_000_000;

#[derive(Deserialize)]
struct Entity {
    id: String,
    schema: String,
    #[serde(default)]
    properties: HashMap<String, Vec<Value>>,
}

impl Entity {
    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.properties.get(name).into_iter().flatten().filter_map(Value::as_str).take(MAX_VALUES)
    }

    fn first(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }
}

enum Pointer {
    Owns { owner: String, asset: String, share: Option<u16>, until: Option<Date> },
    Holds { holder: String, wallet: usize, address: CryptoAddress },
    Sanction { entity: String, from: Option<Date>, until: Option<Date>, programme: String },
    Paper { holder: String, paper: Identifier },
    Link { a: String, b: String },
}

/// What is resolved at the end of the file.
#[derive(Default)]
struct Pointers {
    all: Vec<Pointer>,
    /// How many were too many.
    dropped: u64,
}

impl Pointers {
    fn add(&mut self, pointer: Pointer) {
        match self.all.len() < MAX_POINTERS {
            true => self.all.push(pointer),
            false => self.dropped += 1,
        }
    }
}

/// Reads JSON lines.
pub fn lines(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let mut input = BufReader::with_capacity(256 << 10, input);
    let (mut number, mut offset) = (0u64, 0u64);
    let mut line = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::default();
    let mut pointers = Pointers::default();
    loop {
        line.clear();
        let taken = match (&mut input).take(MAX_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(n) => n as u64,
            Err(e) => {
                sink.problem(ProblemCode::Io, offset, format!("the list was read up to here: {e}"));
                break;
            }
        };
        let start = offset;
        offset += taken;
        number += 1;
        if line.len() >= MAX_LINE && line.last() != Some(&b'\n') {
            sink.problem(
                ProblemCode::Limit,
                start,
                format!("line {number} is longer than 16 MiB and was left out"),
            );
            offset += skip_line(&mut input);
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Entity>(&line) {
            Ok(entity) => {
                let citation = sink.cite(number, start);
                entity_in(&entity, citation, sink, &mut at, &mut pointers);
            }
            Err(e) => sink.problem(
                ProblemCode::Syntax,
                start,
                format!("line {number} is no FollowTheMoney entity: {e}"),
            ),
        }
    }
    resolve(pointers, &at, sink);
}

/// Leaves the rest of a line out; how many bytes that was.
fn skip_line(input: &mut impl BufRead) -> u64 {
    let mut skipped = 0;
    loop {
        let Ok(buffer) = input.fill_buf() else { return skipped };
        if buffer.is_empty() {
            return skipped;
        }
        let (used, end) = match buffer.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(used);
        skipped += used as u64;
        if end {
            return skipped;
        }
    }
}

fn entity_in(
    e: &Entity,
    citation: palisade_model::Citation,
    sink: &mut Sink<'_>,
    at: &mut HashMap<String, usize>,
    pointers: &mut Pointers,
) {
    let text = |name: &str| e.first(name).to_owned();
    let mut point = |p: Pointer| pointers.add(p);
    match e.schema.as_str() {
        "Ownership" => {
            let share = Owner::share(e.first("percentage"));
            let until = Date::parse(e.first("endDate"), false);
            return point(Pointer::Owns { owner: text("owner"), asset: text("asset"), share, until });
        }
        "Sanction" => {
            let from = Date::parse(e.first("startDate"), false)
                .or_else(|| Date::parse(e.first("listingDate"), false));
            let until = Date::parse(e.first("endDate"), false);
            let programme =
                [text("program"), text("programId")].into_iter().find(|p| !p.is_empty()).unwrap_or_default();
            for entity in e.all("entity") {
                point(Pointer::Sanction {
                    entity: entity.to_owned(),
                    from,
                    until,
                    programme: programme.clone(),
                });
            }
            return;
        }
        "Identification" | "Passport" => {
            let kind =
                [text("type"), if e.schema == "Passport" { "Passport".to_owned() } else { String::new() }]
                    .into_iter()
                    .find(|k| !k.is_empty())
                    .unwrap_or_default();
            let paper = Identifier { kind, number: text("number"), country: text("country") };
            return point(Pointer::Paper { holder: text("holder"), paper });
        }
        "UnknownLink" | "Family" | "Associate" | "Directorship" | "Employment" | "Membership" => {
            let side = |names: [&str; 5]| {
                names.into_iter().map(|n| e.first(n)).find(|t| !t.is_empty()).unwrap_or_default().to_owned()
            };
            let a = side(["subject", "person", "director", "employee", "member"]);
            let b = side(["object", "relative", "organization", "employer", "associate"]);
            return point(Pointer::Link { a, b });
        }
        "Person" | "Company" | "Organization" | "PublicBody" | "LegalEntity" | "Vessel" | "Airplane"
        | "CryptoWallet" | "Security" => {}
        _ => return,
    }
    let mut party = Party::new(sink.list, e.id.as_str(), Schema::parse(&e.schema), citation);
    if e.schema == "CryptoWallet" {
        let (ticker, holder) = (text("currency"), text("holder"));
        for key in e.all("publicKey") {
            let address =
                CryptoAddress { ticker: ticker.clone(), text: key.to_owned(), citation: Some(citation) };
            if !holder.is_empty() {
                let wallet = sink.lists.parties.len();
                point(Pointer::Holds { holder: holder.clone(), wallet, address: address.clone() });
            }
            party.addresses.push(address);
        }
    }
    for (property, kind) in [
        ("name", NameKind::Primary),
        ("alias", NameKind::Alias),
        ("weakAlias", NameKind::Weak),
        ("previousName", NameKind::Former),
    ] {
        for name in e.all(property) {
            let kind =
                if kind == NameKind::Primary && !party.names.is_empty() { NameKind::Alias } else { kind };
            party.name(name, kind);
        }
    }
    party.births.extend(e.all("birthDate").filter_map(|b| Birth::parse(b, false)));
    party.gender = Gender::parse(e.first("gender"));
    for property in ["country", "nationality", "citizenship", "jurisdiction", "flag"] {
        for country in e.all(property) {
            add(&mut party.countries, country);
        }
    }
    for (property, kind) in [
        ("passportNumber", "Passport"),
        ("idNumber", "ID"),
        ("registrationNumber", "Registration Number"),
        ("taxNumber", "Tax ID"),
        ("innCode", "INN"),
        ("ogrnCode", "OGRN"),
        ("leiCode", "LEI"),
        ("imoNumber", "IMO"),
        ("mmsi", "MMSI"),
        ("swiftBic", "SWIFT/BIC"),
        ("callSign", "Call Sign"),
        ("uscCode", "USCC"),
        ("registrationMark", "Aircraft Tail Number"),
    ] {
        for number in e.all(property) {
            party.identifiers.push(Identifier {
                kind: kind.to_owned(),
                number: number.trim_start_matches("IMO").to_owned(),
                country: String::new(),
            });
        }
    }
    for value in e.all("website") {
        add(&mut party.hosts, value);
    }
    for value in e.all("address") {
        add(&mut party.places, value);
    }
    for property in ["programId", "program", "topics"] {
        for value in e.all(property) {
            add(&mut party.programmes, value);
        }
    }
    at.insert(e.id.clone(), sink.lists.parties.len());
    sink.push(party);
}

fn resolve(pointers: Pointers, at: &HashMap<String, usize>, sink: &mut Sink<'_>) {
    if pointers.dropped > 0 {
        let message = format!(
            "the list links its entities more than {MAX_POINTERS} times; {} links were left out",
            pointers.dropped
        );
        sink.problem(ProblemCode::Limit, 0, message);
    }
    let name = |id: &str, sink: &Sink<'_>| {
        at.get(id)
            .and_then(|at| sink.lists.parties.get(*at))
            .map_or_else(|| id.to_owned(), |p| p.primary().to_owned())
    };
    // An entity is on the list while one of its sanctions has no end.
    let mut sanctions: HashMap<usize, (bool, Option<Date>)> = HashMap::default();
    let mut wallets: Vec<(usize, usize)> = Vec::new();
    for pointer in pointers.all {
        let (id, who) = match &pointer {
            Pointer::Owns { owner, asset, .. } => (asset, name(owner, sink)),
            Pointer::Holds { holder, .. } | Pointer::Paper { holder, .. } => (holder, String::new()),
            Pointer::Sanction { entity, .. } => (entity, String::new()),
            Pointer::Link { a, b } => (a, name(b, sink)),
        };
        let Some(place) = at.get(id).copied() else { continue };
        let Some(party) = sink.lists.parties.get_mut(place) else { continue };
        match pointer {
            Pointer::Owns { owner, share, until, .. } if party.owners.len() < MAX_VALUES => {
                party.owners.push(Owner { who, id: owner, share, until });
            }
            Pointer::Holds { address, wallet, .. } if party.addresses.len() < MAX_ADDRESSES => {
                party.addresses.push(address);
                wallets.push((wallet, place));
            }
            Pointer::Paper { paper, .. }
                if party.identifiers.len() < MAX_VALUES && !paper.number.is_empty() =>
            {
                party.identifiers.push(paper);
            }
            Pointer::Sanction { from, until, programme, .. } => {
                add(&mut party.programmes, &programme);
                party.listed = match (party.listed, from) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                let (open, last) = sanctions.entry(place).or_default();
                *open |= until.is_none();
                *last = (*last).max(until);
            }
            Pointer::Link { .. } => add(&mut party.linked, &who),
            _ => {}
        }
    }
    let parties = &mut sink.lists.parties;
    for (place, (open, last)) in &sanctions {
        if let Some(party) = parties.get_mut(*place) {
            party.until = last.filter(|_| !open);
        }
    }
    // Where a file says of entities what they are listed for, the others are there beside them. What is a topic and no
    // sanction (an office, a crime) is something to be listed for, too.
    let told = |n: usize, p: &Party| sanctions.contains_key(&n) || !p.programmes.is_empty();
    let (from, to) = (sink.first, parties.len());
    if (from..to).any(|n| parties.get(n).is_some_and(|p| told(n, p))) {
        for n in from..to {
            if let Some(party) = parties.get_mut(n)
                && !told(n, party)
                && party.schema != Schema::CryptoWallet
            {
                party.mentioned = true;
            }
        }
    }
    // A wallet is listed as long as its holder is.
    for (wallet, holder) in wallets {
        let Some(of) = parties.get(holder) else { continue };
        let (listed, until, mentioned) = (of.listed, of.until, of.mentioned);
        if let Some(party) = parties.get_mut(wallet)
            && !sanctions.contains_key(&wallet)
            && party.programmes.is_empty()
        {
            (party.listed, party.until, party.mentioned) = (listed, until, mentioned);
        }
    }
}

/// Reads OpenSanctions' `targets.simple.csv`.
pub fn targets(input: &mut dyn Read, sink: &mut Sink<'_>) {
    with_header(input, b',', &["id", "name"], sink, &mut |header, record, sink| {
        let get = |name: &str| header.get(record, name);
        let values =
            |name: &str| get(name).split(';').map(str::trim).filter(|v| !v.is_empty()).take(MAX_VALUES);
        let mut party = Party::new(
            sink.list,
            get("id"),
            Schema::parse(get("schema")),
            sink.cite(record.number, record.offset),
        );
        party.name(get("name"), NameKind::Primary);
        for alias in values("aliases") {
            party.name(alias, NameKind::Alias);
        }
        party.births.extend(values("birth_date").filter_map(|b| Birth::parse(b, false)));
        for (column, to) in [("countries", &mut party.countries), ("addresses", &mut party.places)] {
            for value in values(column) {
                add(to, value);
            }
        }
        for value in values("program_ids").chain(values("dataset")) {
            add(&mut party.programmes, value);
        }
        for number in values("identifiers") {
            party.identifiers.push(Identifier {
                kind: String::new(),
                number: number.to_owned(),
                country: String::new(),
            });
        }
        sink.push(party);
    });
}
