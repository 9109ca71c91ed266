//! Lists of the United Kingdom as tables: the UK Sanctions List of the Foreign Office, and the consolidated list of the Treasury
//! (OFSI `ConList.csv`), which it replaced on 2026-01-28.
//!
//! Both have a line with the date in front of the header, or none; rows with one id are names, addresses and numbers of one party;
//! `Name 6` is the family name, or the whole name of a body. Their columns are called otherwise.
//!
//! What this module never does: trust the order of rows: they are joined wherever they stand.

use std::io::Read;

use foldhash::HashMap;

use super::super::party::{Birth, Date, Gender, Identifier, MAX_VALUES, NameKind, Party, Schema, add};
use super::Sink;
use super::table::{Header, Record, Table};

/// What the columns are called; several of them may hold one thing.
pub struct Columns {
    id: &'static [&'static str],
    schema: &'static str,
    kind: &'static str,
    quality: &'static str,
    original: &'static str,
    birth: &'static str,
    countries: &'static [&'static str],
    /// Kind of number and column.
    numbers: &'static [(&'static str, &'static str)],
    place: &'static [&'static str],
    programme: &'static str,
    listed: &'static [&'static str],
    linked: &'static [&'static str],
}

impl Columns {
    /// Those of the Treasury's list.
    pub const CONSOLIDATED: Columns = Columns {
        id: &["Group ID"],
        schema: "Group Type",
        kind: "Alias Type",
        quality: "Alias Quality",
        original: "Name Non-Latin Script",
        birth: "DOB",
        countries: &["Nationality", "Country", "Country of Birth"],
        numbers: &[("Passport", "Passport Number"), ("National ID", "National Identification Number")],
        place: &[
            "Address 1",
            "Address 2",
            "Address 3",
            "Address 4",
            "Address 5",
            "Address 6",
            "Post/Zip Code",
            "Country",
        ],
        programme: "Regime",
        listed: &["Listed On", "UK Sanctions List Date Designated"],
        linked: &[],
    };

    /// Those of the UK Sanctions List.
    pub const SANCTIONS: Columns = Columns {
        id: &["Unique ID", "OFSI Group ID"],
        schema: "Designation Type",
        kind: "Name type",
        quality: "Alias strength",
        original: "Name non-latin script",
        birth: "D.O.B",
        countries: &[
            "Nationality(/ies)",
            "Address Country",
            "Country of birth",
            "Current believed flag of ship",
        ],
        numbers: &[
            ("Passport", "Passport number"),
            ("National ID", "National Identifier number"),
            ("Business Registration Number", "Business registration number (s)"),
            ("IMO", "IMO number"),
        ],
        place: &[
            "Address Line 1",
            "Address Line 2",
            "Address Line 3",
            "Address Line 4",
            "Address Line 5",
            "Address Line 6",
            "Address Postal Code",
            "Address Country",
        ],
        programme: "Regime Name",
        listed: &["Date Designated"],
        linked: &["Parent company", "Subsidiaries", "Current owner/operator (s)"],
    };
}

/// Reads the list.
pub fn read(input: &mut dyn Read, sink: &mut Sink<'_>, columns: Columns) {
    let mut table = Table::new(input, b',');
    let mut record = Record::default();
    let mut header: Option<Header> = None;
    let mut groups: HashMap<String, usize> = HashMap::default();
    let mut parties: Vec<Party> = Vec::new();
    while let Some(result) = table.read(&mut record) {
        if let Err(bad) = result {
            sink.bad_record(bad, &record);
            continue;
        }
        let Some(header) = &header else {
            if let Some(day) = dated(&record) {
                if let Some(info) = sink.info() {
                    info.version = day;
                }
                continue;
            }
            let names = Header::new(&record);
            let id = columns.id.iter().copied().find(|c| names.find(c).is_some()).unwrap_or(columns.id[0]);
            if !sink.columns(&names, &["Name 6", id]) {
                return;
            }
            header = Some(names);
            continue;
        };
        let get = |name: &str| header.get(&record, name);
        let id = columns.id.iter().map(|c| get(c)).find(|t| !t.is_empty()).unwrap_or_default();
        if id.is_empty() {
            let message = format!("record {} has no id of its party and was left out", record.number);
            sink.problem(palisade_model::ProblemCode::DamagedRecord, record.offset, message);
            continue;
        }
        let at = *groups.entry(id.to_owned()).or_insert_with(|| {
            let schema = schema(get(columns.schema));
            parties.push(Party::new(sink.list, id, schema, sink.cite(record.number, record.offset)));
            parties.len() - 1
        });
        let Some(party) = parties.get_mut(at) else { continue };
        row(&get, &columns, party);
    }
    if header.is_none() {
        sink.problem(
            palisade_model::ProblemCode::Unrecognised,
            0,
            "the list has no line that names its columns, and none of it was read",
        );
    }
    for party in parties {
        sink.push(party);
    }
}

fn row<'r>(get: &dyn Fn(&str) -> &'r str, columns: &Columns, party: &mut Party) {
    let parts = ["Name 1", "Name 2", "Name 3", "Name 4", "Name 5", "Name 6"].map(get);
    let name: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    called(party, &name.join(" "), get(columns.kind), get(columns.quality));
    party.name(get(columns.original), NameKind::Original);
    born(party, get(columns.birth));
    for column in columns.countries {
        for country in get(column).split(';') {
            add(&mut party.countries, country);
        }
    }
    party.gender = party.gender.or(Gender::parse(get("Gender")));
    for (kind, column) in columns.numbers {
        for number in get(column).split(';') {
            identify(party, kind, number);
        }
    }
    let line: Vec<&str> = columns.place.iter().map(|c| get(c)).filter(|p| !p.is_empty()).collect();
    add(&mut party.places, &line.join(", "));
    add(&mut party.hosts, get("Website"));
    add(&mut party.programmes, get(columns.programme));
    for column in columns.linked {
        add(&mut party.linked, get(column));
    }
    let day = columns.listed.iter().find_map(|c| Date::parse(get(c), true));
    party.listed = party.listed.into_iter().chain(day).min();
}

/// The date of a line that stands in front of the header: `Last Updated,02/10/2024`, `Report Date: 13-Feb-2026`. The header of the
/// new list begins with `Last Updated`, too, but goes on.
fn dated(record: &Record) -> Option<Option<Date>> {
    let first = record.get(0).to_ascii_lowercase();
    let rest = first.strip_prefix("last updated").or_else(|| first.strip_prefix("report date"))?;
    let rest = rest.trim_start_matches([':', ' ']);
    let day = Date::parse(if rest.is_empty() { record.get(1) } else { rest }, true);
    (day.is_some() || record.fields.len() <= 2).then_some(day)
}

/// What an entry is.
pub(super) fn schema(text: &str) -> Schema {
    match text.to_ascii_lowercase().as_str() {
        "individual" => Schema::Person,
        "ship" => Schema::Vessel,
        _ => Schema::Organization,
    }
}

/// Adds a name of a kind (`Primary name`, `AKA`, `Alias`, …) and quality (`Low`, `Low quality`).
pub(super) fn called(party: &mut Party, name: &str, kind: &str, quality: &str) {
    let (kind, quality) = (kind.to_ascii_lowercase(), quality.to_ascii_lowercase());
    let kind = match (kind, quality) {
        (kind, _) if kind.starts_with("primary name") && !kind.contains("variation") => NameKind::Primary,
        (_, quality) if quality.starts_with("low") => NameKind::Weak,
        (kind, _) if kind.starts_with("fka") => NameKind::Former,
        _ => NameKind::Alias,
    };
    let before = party.names.len();
    party.name(name, kind);
    if kind == NameKind::Primary && before > 0 && party.names.len() > before {
        party.names.rotate_right(1);
    }
}

/// Adds a date of birth; `00` or `dd`, `mm` stand for what is not known.
pub(super) fn born(party: &mut Party, text: &str) {
    let text = text.replace("dd/mm/", "").replace("00/00/", "").replace("dd/", "").replace("00/", "");
    for birth in text.split(';').filter_map(|b| Birth::parse(b, true)) {
        if !party.births.contains(&birth) && party.births.len() < MAX_VALUES {
            party.births.push(birth);
        }
    }
}

/// Adds a number, once.
pub(super) fn identify(party: &mut Party, kind: &str, number: &str) {
    let number = number.trim();
    if !number.is_empty()
        && !party.identifiers.iter().any(|i| i.number == number)
        && party.identifiers.len() < MAX_VALUES
    {
        party.identifiers.push(Identifier {
            kind: kind.to_owned(),
            number: number.to_owned(),
            country: String::new(),
        });
    }
}
