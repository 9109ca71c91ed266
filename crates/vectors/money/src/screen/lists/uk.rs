//! The consolidated list of the United Kingdom (OFSI `ConList.csv`).
//!
//! The first line is the date of the list, the second the header. Rows with one `Group ID` are names
//! of one party; `Name 6` is the family name, or the whole name of a body.
//!
//! What this module never does: trust the order of rows: groups are joined wherever they stand.

use std::io::Read;

use foldhash::HashMap;

use super::super::party::{Birth, Date, Identifier, MAX_VALUES, NameKind, Party, Schema, add};
use super::Sink;
use super::table::{Header, Record, Table};

/// Reads the list.
pub fn read(input: &mut dyn Read, sink: &mut Sink<'_>) {
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
            if record.get(0).eq_ignore_ascii_case("last updated") {
                let version = Date::parse(record.get(1), true);
                if let Some(info) = sink.info() {
                    info.version = version;
                }
            } else {
                header = Some(Header::new(&record));
            }
            continue;
        };
        let get = |name: &str| header.get(&record, name);
        let group = get("Group ID");
        let at = *groups.entry(group.to_owned()).or_insert_with(|| {
            let schema = match get("Group Type").to_ascii_lowercase().as_str() {
                "individual" => Schema::Person,
                "ship" => Schema::Vessel,
                _ => Schema::Organization,
            };
            parties.push(Party::new(sink.list, group, schema, sink.cite(record.number, record.offset)));
            parties.len() - 1
        });
        let Some(party) = parties.get_mut(at) else { continue };
        let parts = ["Name 1", "Name 2", "Name 3", "Name 4", "Name 5", "Name 6"].map(get);
        let name: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        let kind = match (get("Alias Type").to_ascii_lowercase(), get("Alias Quality").to_ascii_lowercase()) {
            (kind, _) if kind.starts_with("primary name") && !kind.contains("variation") => NameKind::Primary,
            (_, quality) if quality == "low" || quality.starts_with("low") => NameKind::Weak,
            (kind, _) if kind.starts_with("fka") => NameKind::Former,
            _ => NameKind::Alias,
        };
        let before = party.names.len();
        party.name(&name.join(" "), kind);
        if kind == NameKind::Primary && before > 0 && party.names.len() > before {
            party.names.rotate_right(1);
        }
        party.name(get("Name Non-Latin Script"), NameKind::Original);
        let dob = get("DOB").replace("00/00/", "").replace("00/", "");
        if let Some(birth) = Birth::parse(&dob, true)
            && !party.births.contains(&birth)
            && party.births.len() < MAX_VALUES
        {
            party.births.push(birth);
        }
        for column in ["Nationality", "Country", "Country of Birth"] {
            add(&mut party.countries, get(column));
        }
        for (kind, column) in
            [("Passport", "Passport Number"), ("National ID", "National Identification Number")]
        {
            let number = get(column);
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
        let address =
            ["Address 1", "Address 2", "Address 3", "Address 4", "Address 5", "Address 6", "Country"]
                .map(get);
        let line: Vec<&str> = address.into_iter().filter(|p| !p.is_empty()).collect();
        add(&mut party.places, &line.join(", "));
        add(&mut party.programmes, get("Regime"));
        party.listed = party.listed.or(Date::parse(get("Listed On"), true));
    }
    for party in parties {
        sink.push(party);
    }
}
