//! OFAC's old tables: parties, addresses, aliases and continued remarks, four files that are one list.
//!
//! No header, `-0- ` for nothing, byte 0x1A at the end. Remarks are cut at exactly 1,000 characters,
//! inside a word or an address, and go on in the comments file: joined with nothing between. Which
//! side table belongs to which parties (SDN and the consolidated list have the same shape) is told by
//! where its numbers are found. Layout: the Treasury's `dat_spec.txt`.
//!
//! What this module never does: look anything up in another list.

use std::io::Read;

use foldhash::HashMap;
use palisade_model::{Origin, Problem, ProblemCode};

use super::super::party::{
    Birth, CryptoAddress, Gender, Identifier, ListId, MAX_VALUES, NameKind, Party, Schema, add,
};
use super::sniff::Format;
use super::table::{Record, Table};
use super::{Lists, Sink};

/// Length at which remarks are cut.
const REMARKS_CUT: usize = 1_000;
/// Most rows of side tables that are kept until they are joined.
const MAX_ROWS: usize = 5_000_000;

/// Files that wait for the others.
#[derive(Clone, Default, Debug)]
pub struct Parts {
    /// Tables of parties: list, and where each number is in [`Lists::parties`].
    primaries: Vec<Primary>,
    sides: Vec<Side>,
}

#[derive(Clone, Debug)]
struct Primary {
    list: ListId,
    at: HashMap<u64, usize>,
    /// Remarks that may go on, by party.
    open: HashMap<u64, String>,
}

#[derive(Clone, Debug)]
struct Side {
    format: Format,
    origin: Origin,
    rows: Vec<(u64, [String; 3], u64)>,
}

/// Reads one of the files.
pub fn read(input: &mut dyn Read, format: Format, sink: &mut Sink<'_>) {
    let mut table = Table::new(input, b',');
    let mut record = Record::default();
    let mut primary = Primary { list: sink.list, at: HashMap::default(), open: HashMap::default() };
    let mut side = Side { format, origin: sink.origin.clone(), rows: Vec::new() };
    while let Some(result) = table.read(&mut record) {
        if let Err(bad) = result {
            sink.bad_record(bad, &record);
            continue;
        }
        if record.get(0) == "\u{1a}" || record.get(0).is_empty() && record.fields.len() == 1 {
            continue;
        }
        let Ok(number) = record.get(0).parse::<u64>() else {
            let message = format!("record {}: the first column is no number of a party", record.number);
            sink.problem(ProblemCode::DamagedRecord, record.offset, message);
            continue;
        };
        if format == Format::OfacParties {
            let at = sink.lists.parties.len();
            let (party, open) = party(&record, number, sink);
            sink.push(party);
            if sink.lists.parties.len() == at {
                continue;
            }
            primary.at.insert(number, at);
            if let Some(open) = open {
                primary.open.insert(number, open);
            }
            continue;
        }
        if side.rows.len() >= MAX_ROWS {
            sink.dropped += 1;
            continue;
        }
        let field = |at: usize| value(&record, at).to_owned();
        let fields = match format {
            Format::OfacAddresses => [field(2), field(3), field(4)],
            Format::OfacAliases => [field(2), field(3), String::new()],
            _ => [record.fields.get(1).cloned().unwrap_or_default(), String::new(), String::new()],
        };
        side.rows.push((number, fields, record.offset));
    }
    if format == Format::OfacParties {
        // Members of the Palestinian Legislative Council are a good part of the consolidated list, and few of them SDNs.
        let first = primary.at.values().min().copied().unwrap_or(0);
        let parties = sink.lists.parties.get(first..).unwrap_or_default();
        let council = parties.iter().filter(|p| p.programmes.iter().any(|p| p == "NS-PLC")).count();
        let most = council * 20 > parties.len();
        if let Some(info) = sink.info() {
            info.name = if most { "OFAC Consolidated" } else { "OFAC SDN" }.to_owned();
        }
        sink.lists.parts.primaries.push(primary);
    } else {
        sink.lists.parts.sides.push(side);
    }
}

/// A field, `-0-` being none.
fn value(record: &Record, at: usize) -> &str {
    let text = record.get(at);
    if text == "-0-" { "" } else { text }
}

/// A party of the main table, and its remarks if they may go on elsewhere.
fn party(record: &Record, number: u64, sink: &Sink<'_>) -> (Party, Option<String>) {
    let schema = match value(record, 2) {
        "" => Schema::LegalEntity,
        kind => Schema::parse(kind),
    };
    let schema = if schema == Schema::LegalEntity { Schema::Organization } else { schema };
    let mut party =
        Party::new(sink.list, number.to_string(), schema, sink.cite(record.number, record.offset));
    party.name(value(record, 1), NameKind::Primary);
    for programme in value(record, 3).split("] [") {
        add(&mut party.programmes, programme.trim_matches(['[', ']']));
    }
    if schema == Schema::Vessel {
        add(&mut party.countries, value(record, 9));
        if !value(record, 5).is_empty() {
            party.identifiers.push(Identifier {
                kind: "Call Sign".to_owned(),
                number: value(record, 5).to_owned(),
                country: String::new(),
            });
        }
        add(&mut party.linked, value(record, 10));
    }
    let text = record.fields.get(11).map_or("", String::as_str);
    if text.chars().count() >= REMARKS_CUT {
        return (party, Some(text.to_owned()));
    }
    remarks(value(record, 11), &mut party);
    (party, None)
}

/// Joins side tables with their parties.
pub fn join(lists: &mut Lists) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut parts = std::mem::take(&mut lists.parts);
    for side in std::mem::take(&mut parts.sides) {
        let hits = |p: &Primary| side.rows.iter().filter(|(n, ..)| p.at.contains_key(n)).count();
        // The first of the tables that fit best: the same list loaded twice is joined once.
        let best = parts
            .primaries
            .iter()
            .enumerate()
            .max_by_key(|(at, p)| (hits(p), usize::MAX - at))
            .map(|(at, _)| at);
        let Some(primary) = best.and_then(|at| parts.primaries.get_mut(at)).filter(|p| hits(p) > 0) else {
            let message = "this table of addresses, aliases or comments belongs to no table of parties that is loaded; load sdn.csv or cons_prim.csv with it";
            problems.push(Problem::new(ProblemCode::DamagedPart, &side.origin, 0, message));
            continue;
        };
        let mut lost = 0u64;
        let mut lost_at = 0;
        let mut joined = 0u64;
        for (number, [first, second, third], offset) in &side.rows {
            let party = primary.at.get(number).and_then(|at| lists.parties.get_mut(*at));
            let Some(party) = party else {
                lost += 1;
                lost_at = *offset;
                continue;
            };
            joined += 1;
            match side.format {
                Format::OfacAliases => {
                    let kind = if first == "fka" { NameKind::Former } else { NameKind::Alias };
                    party.name(second, kind);
                }
                Format::OfacAddresses => {
                    let line: Vec<&str> = [first, second, third]
                        .into_iter()
                        .map(String::as_str)
                        .filter(|t| !t.is_empty())
                        .collect();
                    add(&mut party.places, &line.join(", "));
                    add(&mut party.countries, third);
                }
                _ => match primary.open.get_mut(number) {
                    Some(open) if open.len() < 8 * super::table::MAX_FIELD => open.push_str(first),
                    _ => {
                        lost += 1;
                        lost_at = *offset;
                    }
                },
            }
        }
        if let Some(info) = lists.infos.get_mut(primary.list.0 as usize) {
            match side.format {
                Format::OfacAliases => info.aliases += joined,
                Format::OfacAddresses => info.places += joined,
                _ => {}
            }
        }
        if lost > 0 {
            let message = "a row belongs to no party, or continues remarks that are not cut: the files are not of one date";
            let mut problem = Problem::new(ProblemCode::DamagedRecord, &side.origin, lost_at, message);
            problem.count = lost;
            problems.push(problem);
        }
    }
    for primary in parts.primaries {
        for (number, text) in primary.open {
            if let Some(party) = primary.at.get(&number).and_then(|at| lists.parties.get_mut(*at)) {
                remarks(&text, party);
            }
        }
    }
    problems
}

/// Kinds of numbers in remarks.
const IDENTIFIERS: [&str; 36] = [
    "Passport",
    "National ID No.",
    "Identification Number",
    "Cedula No.",
    "SSN",
    "Tax ID No.",
    "Registration Number",
    "Registration ID",
    "Vessel Registration Identification",
    "MMSI",
    "Company Number",
    "Commercial Registry Number",
    "Business Registration Number",
    "Business Registration Document #",
    "Business Number",
    "Government Gazette Number",
    "Legal Entity Number",
    "Trade License No.",
    "License",
    "Driver's License No.",
    "Matricula Mercantil No",
    "Folio Mercantil No.",
    "NIT #",
    "RUC #",
    "C.R. No.",
    "D-U-N-S Number",
    "Unified Social Credit Code (USCC)",
    "Italian Fiscal Code",
    "Electoral Registry No.",
    "Credencial electoral",
    "Cartilla de Servicio Militar Nacional",
    "Aircraft Tail Number",
    "Aircraft Manufacturer's Serial Number (MSN)",
    "Aircraft Construction Number (also called L/N or S/N or F/N)",
    "SWIFT/BIC",
    "Diplomatic Passport",
];

/// Takes remarks apart: items with `; ` between, each beginning with what it is.
pub fn remarks(text: &str, party: &mut Party) {
    for item in text.split(';') {
        let item = item.trim().trim_end_matches('.');
        let item = item.strip_prefix("alt. ").unwrap_or(item);
        if item.is_empty() {
            continue;
        }
        if let Some(rest) = item.strip_prefix("Digital Currency Address - ") {
            if let Some((ticker, address)) = rest.trim().split_once(char::is_whitespace)
                && party.addresses.len() < MAX_VALUES
            {
                // A blank inside is a line break of the list, not of the address.
                let text: String = address.chars().filter(|c| !c.is_whitespace()).collect();
                party.addresses.push(CryptoAddress { ticker: ticker.to_owned(), text, citation: None });
            }
        } else if let Some(rest) = item.strip_prefix("DOB ") {
            if party.births.len() < MAX_VALUES {
                party.births.extend(Birth::parse(rest, true));
            }
        } else if let Some(rest) = item.strip_prefix("POB ") {
            if let Some((_, country)) = rest.rsplit_once(", ") {
                add(&mut party.countries, country);
            }
        } else if let Some(rest) = item.strip_prefix("nationality ").or_else(|| item.strip_prefix("citizen "))
        {
            add(&mut party.countries, rest);
        } else if let Some(rest) = item.strip_prefix("Gender ") {
            party.gender = Gender::parse(rest);
        } else if let Some(rest) = item.strip_prefix("a.k.a. ") {
            // Names in remarks are those that OFAC calls weak.
            party.name(rest.trim_matches('\''), NameKind::Weak);
        } else if let Some(rest) = item.strip_prefix("f.k.a. ").or_else(|| item.strip_prefix("n.k.a. ")) {
            party.name(rest.trim_matches('\''), NameKind::Former);
        } else if let Some(rest) = item.strip_prefix("Linked To: ") {
            add(&mut party.linked, rest);
        } else if let Some(rest) = item.strip_prefix("Website ") {
            add(&mut party.hosts, rest);
        } else if let Some(kind) = IDENTIFIERS.iter().find(|k| item.starts_with(**k))
            && party.identifiers.len() < MAX_VALUES
        {
            let rest = item[kind.len()..].trim();
            let rest = rest.strip_prefix("IMO ").unwrap_or(rest);
            let (number, country) = rest.split_once(" (").unwrap_or((rest, ""));
            let (country, _) = country.split_once(')').unwrap_or((country, ""));
            let number = number.split(" issued ").next().unwrap_or(number).trim();
            if !number.is_empty() {
                let kind = kind.trim_end_matches([' ', '#']).to_owned();
                party.identifiers.push(Identifier {
                    kind,
                    number: number.to_owned(),
                    country: country.to_owned(),
                });
            }
        }
    }
}
