//! The consolidated list of the United Nations Security Council, XML.
//!
//! What this module never does: let an empty element pass for a value (the list is full of them).

use std::cell::Cell;
use std::io::Read;

use super::super::party::{Birth, Date, Gender, Identifier, MAX_VALUES, NameKind, Party, Schema, add};
use super::Sink;
use super::xml::{self, Element};

/// Reads the list.
pub fn read(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let version = Cell::new(None);
    let mut number = 0;
    xml::records(
        input,
        &["INDIVIDUAL", "ENTITY"],
        &mut |root| version.set(Date::parse(root.attribute("dateGenerated"), false)),
        &mut |record| match record {
            Ok((element, offset)) => {
                number += 1;
                let party = party(&element, number, offset, sink);
                sink.push(party);
            }
            Err(bad) => sink.bad_element(bad),
        },
    );
    if let Some(info) = sink.info() {
        info.version = version.get();
    }
}

fn party(e: &Element, number: u64, offset: u64, sink: &Sink<'_>) -> Party {
    let person = e.name == "INDIVIDUAL";
    let prefix = if person { "INDIVIDUAL" } else { "ENTITY" };
    let schema = if person { Schema::Person } else { Schema::Organization };
    let mut party = Party::new(sink.list, e.get("REFERENCE_NUMBER"), schema, sink.cite(number, offset));
    if party.id.is_empty() {
        party.id = e.get("DATAID").to_owned();
    }
    let names = ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"].map(|n| e.get(n));
    let names: Vec<&str> = names.into_iter().filter(|n| !n.is_empty()).collect();
    party.name(&names.join(" "), NameKind::Primary);
    party.name(e.get("NAME_ORIGINAL_SCRIPT"), NameKind::Original);
    for alias in e.all(&format!("{prefix}_ALIAS")) {
        let kind = match alias.get("QUALITY") {
            "Low" => NameKind::Weak,
            "f.k.a." | "F.K.A." => NameKind::Former,
            _ => NameKind::Alias,
        };
        party.name(alias.get("ALIAS_NAME"), kind);
    }
    for birth in e.all("INDIVIDUAL_DATE_OF_BIRTH").take(MAX_VALUES) {
        party.births.extend(born(birth));
    }
    party.gender = Gender::parse(e.get("GENDER"));
    for value in e.all("NATIONALITY").flat_map(|n| n.all("VALUE")) {
        add(&mut party.countries, &value.text);
    }
    for address in e.all(&format!("{prefix}_ADDRESS")) {
        let parts = ["STREET", "CITY", "STATE_PROVINCE", "ZIP_CODE", "COUNTRY"].map(|p| address.get(p));
        let line: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        add(&mut party.places, &line.join(", "));
        add(&mut party.countries, address.get("COUNTRY"));
    }
    for place in e.all("INDIVIDUAL_PLACE_OF_BIRTH") {
        add(&mut party.countries, place.get("COUNTRY"));
    }
    for document in e.all("INDIVIDUAL_DOCUMENT").take(MAX_VALUES) {
        let number = document.get("NUMBER");
        if !number.is_empty() {
            party.identifiers.push(Identifier {
                kind: document.get("TYPE_OF_DOCUMENT").to_owned(),
                number: number.to_owned(),
                country: document.get("ISSUING_COUNTRY").to_owned(),
            });
        }
    }
    add(&mut party.programmes, e.get("UN_LIST_TYPE"));
    party.listed = Date::parse(e.get("LISTED_ON"), false);
    party.until = Date::parse(e.get("DELISTED_ON"), false);
    party
}

fn born(e: &Element) -> Option<Birth> {
    let year = |name: &str| e.get(name).parse::<u16>().ok();
    if let (Some(from), Some(to)) = (year("FROM_YEAR"), year("TO_YEAR")) {
        return Some(Birth::Between(from.min(to), from.max(to)));
    }
    let date = Date::parse(e.get("DATE"), false)
        .or_else(|| Date::new(e.get("YEAR").parse().ok()?, e.get("MONTH").parse().unwrap_or(0), 0))?;
    Some(if e.get("TYPE_OF_DATE") == "APPROXIMATELY" { Birth::About(date) } else { Birth::On(date) })
}
