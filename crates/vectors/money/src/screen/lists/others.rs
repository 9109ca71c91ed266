//! Tables of the United States' other lists, and Palisade's own.
//!
//! What this module never does: guess what a column means: names of columns decide.

use std::io::Read;

use foldhash::HashMap;

use super::super::decisions::entry_id;
use super::super::party::{
    Birth, CryptoAddress, Date, Gender, Identifier, MAX_VALUES, NameKind, Owner, Party, Schema, add,
};
use super::Sink;
use super::table::{Header, Record, Table};

/// Hands each record of a table with a header to `each`, if the header has the columns wanted.
pub(super) fn with_header(
    input: &mut dyn Read,
    delimiter: u8,
    wanted: &[&str],
    sink: &mut Sink<'_>,
    each: &mut dyn FnMut(&Header, &Record, &mut Sink<'_>),
) {
    let mut table = Table::new(input, delimiter);
    let mut record = Record::default();
    let mut header: Option<Header> = None;
    while let Some(result) = table.read(&mut record) {
        match (result, &header) {
            (Err(bad), _) => sink.bad_record(bad, &record),
            (Ok(()), None) => {
                let names = Header::new(&record);
                if !sink.columns(&names, wanted) {
                    return;
                }
                header = Some(names);
            }
            (Ok(()), Some(header)) => each(header, &record, sink),
        }
    }
}

/// An id of a row for which the list has none: a digest of its fields.
fn row_id(record: &Record) -> String {
    entry_id(&record.fields.iter().map(|f| f.trim()).collect::<Vec<_>>())
}

/// Denied persons of the Bureau of Industry and Security: tabs, quotes, names with leading blanks.
///
/// The list does not say who is a person; a name with a legal form is a company.
pub fn denied(input: &mut dyn Read, sink: &mut Sink<'_>) {
    with_header(input, b'\t', &["Name"], sink, &mut |header, record, sink| {
        let get = |name: &str| header.get(record, name);
        let name = get("Name");
        let mut party = Party::new(
            sink.list,
            row_id(record),
            Schema::LegalEntity,
            sink.cite(record.number, record.offset),
        );
        party.name(name, NameKind::Primary);
        let parts = ["Street_Address", "City", "State", "Postal_Code", "Country"].map(get);
        let line: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        add(&mut party.places, &line.join(", "));
        add(&mut party.countries, get("Country"));
        party.listed = Date::parse(get("Effective_Date"), false);
        party.until = Date::parse(get("Expiration_Date"), false);
        add(&mut party.programmes, "DPL");
        sink.push(party);
    });
}

/// The consolidated screening list: one row a party, values with `; ` between.
pub fn csl(input: &mut dyn Read, sink: &mut Sink<'_>) {
    with_header(input, b',', &["name", "source"], sink, &mut |header, record, sink| {
        let get = |name: &str| header.get(record, name);
        let id = [get("_id"), get("entity_number")].into_iter().find(|t| !t.is_empty());
        let id = id.map_or_else(|| row_id(record), str::to_owned);
        let schema = Schema::parse(get("type"));
        let mut party = Party::new(sink.list, id, schema, sink.cite(record.number, record.offset));
        party.name(get("name"), NameKind::Primary);
        for alias in get("alt_names").split(';') {
            party.name(alias, NameKind::Alias);
        }
        add(&mut party.programmes, get("source"));
        for programme in get("programs").split(';') {
            add(&mut party.programmes, programme);
        }
        for place in get("addresses").split(';') {
            add(&mut party.places, place);
        }
        for column in ["citizenships", "nationalities", "vessel_flag"] {
            for country in get(column).split(';') {
                add(&mut party.countries, country);
            }
        }
        for birth in get("dates_of_birth").split(';').take(MAX_VALUES) {
            party.births.extend(Birth::parse(birth, true));
        }
        for id in get("ids").split(';').take(MAX_VALUES) {
            // `Passport, A123, Iran` or `Country, kind, number`: numbers have digits.
            let parts: Vec<&str> = id.split(',').map(str::trim).collect();
            let number = parts.iter().rposition(|p| p.bytes().any(|b| b.is_ascii_digit()));
            if let Some(at) = number {
                let kind = parts.get(at.saturating_sub(1)).filter(|_| at > 0).copied().unwrap_or_default();
                if let Some(ticker) = kind.strip_prefix("Digital Currency Address - ") {
                    let text = parts[at].to_owned();
                    party.addresses.push(CryptoAddress { ticker: ticker.to_owned(), text, citation: None });
                } else {
                    // Behind the number stands who gave it, or in front of its kind.
                    let behind = parts.get(at + 1).or(parts.first().filter(|_| at > 1));
                    party.identifiers.push(Identifier {
                        kind: kind.to_owned(),
                        number: parts[at].to_owned(),
                        country: behind.copied().unwrap_or_default().to_owned(),
                    });
                }
            }
        }
        party.listed = Date::parse(get("start_date"), false);
        party.until = Date::parse(get("end_date"), false);
        sink.push(party);
    });
}

/// Palisade's own table: a header, commas, one party a row; several values in a field with `;` between. Columns are those of the parent module's table.
pub fn own(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let mut names: HashMap<String, usize> = HashMap::default();
    let first = sink.lists.parties.len();
    with_header(input, b',', &[], sink, &mut |header, record, sink| {
        let get = |name: &str| header.get(record, name);
        let values =
            |name: &str| get(name).split(';').map(str::trim).filter(|v| !v.is_empty()).take(MAX_VALUES);
        let id = if get("id").is_empty() { row_id(record) } else { get("id").to_owned() };
        let hosts = !get("hosts").is_empty() || !get("host").is_empty();
        let schema = match get("schema") {
            "" if hosts => Schema::Host,
            text => Schema::parse(text),
        };
        let mut party = Party::new(sink.list, id, schema, sink.cite(record.number, record.offset));
        party.name(get("name"), NameKind::Primary);
        for (column, kind) in [
            ("aliases", NameKind::Alias),
            ("weak_aliases", NameKind::Weak),
            ("former_names", NameKind::Former),
            ("original_names", NameKind::Original),
        ] {
            for name in values(column) {
                party.name(name, kind);
            }
        }
        party.births.extend(values("birth_date").filter_map(|b| Birth::parse(b, true)));
        party.gender = Gender::parse(get("gender"));
        for (column, to) in [
            ("countries", &mut party.countries),
            ("programmes", &mut party.programmes),
            ("linked", &mut party.linked),
            ("places", &mut party.places),
        ] {
            for value in values(column) {
                add(to, value);
            }
        }
        for value in values("category") {
            add(&mut party.programmes, value);
        }
        for value in values("hosts").chain(values("host")) {
            add(&mut party.hosts, value);
        }
        party.identifiers.extend(values("identifiers").map(Identifier::parse));
        for value in values("addresses").chain(values("address")) {
            // A ticker has no more than eight letters; `bitcoincash:q…` is an address.
            let (ticker, text) = value.split_once(':').filter(|(t, _)| t.len() <= 8).unwrap_or(("", value));
            party.addresses.push(CryptoAddress {
                ticker: ticker.to_owned(),
                text: text.to_owned(),
                citation: None,
            });
        }
        for value in values("owners") {
            let (who, share) = value.rsplit_once(':').unwrap_or((value, ""));
            let who = who.trim().to_owned();
            party.owners.push(Owner { id: String::new(), who, share: Owner::share(share), until: None });
        }
        party.listed = Date::parse(get("listed_from"), false);
        party.until = Date::parse(get("listed_until"), false);
        names.insert(party.id.clone(), sink.lists.parties.len());
        sink.push(party);
    });
    // Owners may be named by id.
    for at in first..sink.lists.parties.len() {
        for owner in 0..sink.lists.parties[at].owners.len() {
            let id = sink.lists.parties[at].owners[owner].who.clone();
            let Some(of) = names.get(&id).and_then(|o| sink.lists.parties.get(*o)) else { continue };
            let name = of.primary().to_owned();
            let owner = &mut sink.lists.parties[at].owners[owner];
            owner.id = id;
            if !name.is_empty() {
                owner.who = name;
            }
        }
    }
}
