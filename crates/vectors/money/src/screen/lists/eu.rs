//! Financial sanctions files of the European Union, as XML and as a table of semicolons.
//!
//! The table has one row per name, birth date, citizenship or number; rows of one `Entity_LogicalId`
//! stand together and are one party.
//!
//! What this module never does: keep names of regulations' annexes in every language apart: a name is a name.

use std::cell::Cell;
use std::io::Read;

use palisade_model::ProblemCode;

use super::super::party::{Birth, Date, Gender, Identifier, MAX_VALUES, NameKind, Party, Schema, add};
use super::Sink;
use super::table::{Header, Record, Table};
use super::xml::{self, Element};

/// Reads the XML.
pub fn xml(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let version = Cell::new(None);
    let mut number = 0;
    xml::records(
        input,
        &["sanctionEntity"],
        &mut |root| version.set(Date::parse(root.attribute("generationDate"), false)),
        &mut |record| match record {
            Ok((element, offset)) => {
                number += 1;
                let party = entity(&element, number, offset, sink);
                if party.names.is_empty() {
                    let message = format!("entity {number} has no name and was left out");
                    return sink.problem(ProblemCode::DamagedRecord, offset, message);
                }
                sink.push(party);
            }
            Err(bad) => sink.bad_element(bad),
        },
    );
    if let Some(info) = sink.info() {
        info.version = version.get();
    }
}

fn schema(code: &str) -> Schema {
    match code {
        "P" | "person" => Schema::Person,
        _ => Schema::Organization,
    }
}

fn entity(e: &Element, number: u64, offset: u64, sink: &Sink<'_>) -> Party {
    let kind = e.child("subjectType").map_or("", |s| {
        if s.attribute("classificationCode").is_empty() {
            s.attribute("code")
        } else {
            s.attribute("classificationCode")
        }
    });
    let id = [e.attribute("euReferenceNumber"), e.attribute("logicalId")].into_iter().find(|t| !t.is_empty());
    let mut party = Party::new(sink.list, id.unwrap_or_default(), schema(kind), sink.cite(number, offset));
    for (at, alias) in e.all("nameAlias").enumerate() {
        let whole = alias.attribute("wholeName").to_owned();
        let parts = ["firstName", "middleName", "lastName"].map(|p| alias.attribute(p));
        let name = if whole.is_empty() { parts.join(" ") } else { whole };
        let kind = match (at, alias.attribute("strong")) {
            (0, _) => NameKind::Primary,
            (_, "false") => NameKind::Weak,
            _ => NameKind::Alias,
        };
        party.name(&name, kind);
        party.gender = party.gender.or(Gender::parse(alias.attribute("gender")));
    }
    for birth in e.all("birthdate").take(MAX_VALUES) {
        let range =
            (birth.attribute("yearRangeFrom").parse::<u16>(), birth.attribute("yearRangeTo").parse::<u16>());
        let date = Date::parse(birth.attribute("birthdate"), false).or_else(|| {
            let part = |name: &str| birth.attribute(name).parse().unwrap_or(0);
            Date::new(part("year"), part("monthOfYear"), part("dayOfMonth"))
        });
        party.births.extend(match (range, date) {
            ((Ok(from), Ok(to)), None) => Some(Birth::Between(from.min(to), from.max(to))),
            (_, Some(date)) if birth.attribute("circa") == "true" => Some(Birth::About(date)),
            (_, date) => date.map(Birth::On),
        });
        add(&mut party.countries, birth.attribute("countryDescription"));
    }
    for citizenship in e.all("citizenship") {
        add(&mut party.countries, citizenship.attribute("countryDescription"));
    }
    for address in e.all("address") {
        let parts = ["street", "city", "zipCode", "countryDescription"].map(|p| address.attribute(p));
        let line: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        add(&mut party.places, &line.join(", "));
        add(&mut party.countries, address.attribute("countryDescription"));
    }
    for number in e.all("identification").take(MAX_VALUES) {
        identify(
            &mut party,
            number.attribute("identificationTypeDescription"),
            number.attribute("number"),
            number.attribute("countryDescription"),
        );
    }
    for regulation in e.all("regulation") {
        add(&mut party.programmes, regulation.attribute("programme"));
        let day = Date::parse(regulation.attribute("entryIntoForceDate"), false)
            .or_else(|| Date::parse(regulation.attribute("publicationDate"), false));
        party.listed = party.listed.or(day);
    }
    party
}

fn identify(party: &mut Party, kind: &str, number: &str, country: &str) {
    if !number.is_empty() && party.identifiers.len() < MAX_VALUES {
        let country = if country.eq_ignore_ascii_case("unknown") { "" } else { country };
        party.identifiers.push(Identifier {
            kind: kind.to_owned(),
            number: number.to_owned(),
            country: country.to_owned(),
        });
    }
}

/// Reads the table.
pub fn csv(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let mut table = Table::new(input, b';');
    let mut record = Record::default();
    let mut header: Option<Header> = None;
    let mut open: Option<Party> = None;
    while let Some(result) = table.read(&mut record) {
        if let Err(bad) = result {
            sink.bad_record(bad, &record);
            continue;
        }
        let Some(header) = &header else {
            let names = Header::new(&record);
            if !sink.columns(&names, &["Entity_LogicalId", "NameAlias_WholeName"]) {
                return;
            }
            header = Some(names);
            continue;
        };
        let get = |name: &str| header.get(&record, name);
        let id = get("Entity_LogicalId");
        if id.is_empty() {
            let message = format!("record {} has no id of its party and was left out", record.number);
            sink.problem(ProblemCode::DamagedRecord, record.offset, message);
            continue;
        }
        if open.as_ref().is_none_or(|p| p.id != id) {
            if let Some(done) = open.take() {
                sink.push(done);
            }
            let code = get("Entity_SubjectType_ClassificationCode");
            let code = if code.is_empty() { get("Entity_SubjectType") } else { code };
            let mut party = Party::new(sink.list, id, schema(code), sink.cite(record.number, record.offset));
            party.listed = Date::parse(get("Entity_Regulation_EntryIntoForceDate"), false)
                .or_else(|| Date::parse(get("Entity_Regulation_PublicationDate"), false));
            add(&mut party.programmes, get("Entity_Regulation_Programme"));
            open = Some(party);
            let version = Date::parse(get("fileGenerationDate"), true);
            if let Some(info) = sink.info() {
                info.version = info.version.or(version);
            }
        }
        let Some(party) = &mut open else { continue };
        let name = get("NameAlias_WholeName");
        let kind = if party.names.is_empty() { NameKind::Primary } else { NameKind::Alias };
        party.name(name, kind);
        party.gender = party.gender.or(Gender::parse(get("NameAlias_Gender")));
        let birth = get("BirthDate_BirthDate");
        let year = get("BirthDate_Year");
        let text = if birth.is_empty() { year } else { birth };
        if let Some(date) = Date::parse(text, true) {
            let birth = if get("BirthDate_Circa") == "true" { Birth::About(date) } else { Birth::On(date) };
            if !party.births.contains(&birth) && party.births.len() < MAX_VALUES {
                party.births.push(birth);
            }
        }
        for column in
            ["Citizenship_CountryDescription", "Address_CountryDescription", "BirthDate_CountryDescription"]
        {
            add(&mut party.countries, get(column));
        }
        identify(
            party,
            get("Identification_TypeDescription"),
            get("Identification_Number"),
            get("Identification_CountryDescription"),
        );
    }
    if let Some(done) = open.take() {
        sink.push(done);
    }
}
