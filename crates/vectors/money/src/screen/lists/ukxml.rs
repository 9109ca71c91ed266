//! The UK Sanctions List of the Foreign Office as XML: one `Designation` a party.
//!
//! Names of elements are those of the file of 2026; what an entry has beyond them is not read.
//!
//! What this module never does: take an entry without a name for a party.

use std::io::Read;

use palisade_model::ProblemCode;

use super::super::party::{Date, Gender, NameKind, Party, add};
use super::Sink;
use super::uk::{born, called, identify, schema};
use super::xml::{self, Element};

/// Reads the list.
pub fn read(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let mut number = 0;
    let wanted = ["Designation", "DateGenerated"];
    xml::records(input, &wanted, &mut |_| {}, &mut |record| match record {
        Ok((e, _)) if e.name == "DateGenerated" => {
            if let Some(info) = sink.info() {
                info.version = Date::parse(&e.text, true);
            }
        }
        Ok((e, offset)) => {
            number += 1;
            let party = party(&e, number, offset, sink);
            if party.names.is_empty() || party.id.is_empty() {
                let message = format!("designation {number} has no name or no id and was left out");
                return sink.problem(ProblemCode::DamagedRecord, offset, message);
            }
            sink.push(party);
        }
        Err(bad) => sink.bad_element(bad),
    });
}

fn party(e: &Element, number: u64, offset: u64, sink: &Sink<'_>) -> Party {
    let id = ["UniqueID", "OFSIGroupID"].into_iter().map(|n| e.get(n)).find(|t| !t.is_empty());
    let kind = schema(e.get("IndividualEntityShip"));
    let mut party = Party::new(sink.list, id.unwrap_or_default(), kind, sink.cite(number, offset));
    let each = |name: &str| {
        let mut found = Vec::new();
        e.deep(name, &mut found);
        found
    };
    for name in each("Name") {
        let parts = ["Name1", "Name2", "Name3", "Name4", "Name5", "Name6"].map(|p| name.get(p));
        let whole: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        called(&mut party, &whole.join(" "), name.get("NameType"), name.get("AliasStrength"));
    }
    for name in each("NameNonLatinScript") {
        party.name(&name.text, NameKind::Original);
    }
    for birth in each("DOB") {
        born(&mut party, birth.text.trim());
    }
    for element in ["Nationality", "AddressCountry", "CountryOfBirth", "CurrentBelievedFlagOfShip"] {
        for country in each(element) {
            add(&mut party.countries, &country.text);
        }
    }
    for gender in each("Gender") {
        party.gender = party.gender.or(Gender::parse(&gender.text));
    }
    for (kind, element) in [
        ("Passport", "PassportNumber"),
        ("National ID", "NationalIdentifierNumber"),
        ("Business Registration Number", "BusinessRegistrationNumber"),
        ("IMO", "IMONumber"),
    ] {
        for number in each(element) {
            identify(&mut party, kind, &number.text);
        }
    }
    for address in each("Address") {
        let line: Vec<&str> =
            address.children.iter().map(|c| c.text.trim()).filter(|t| !t.is_empty()).collect();
        add(&mut party.places, &line.join(", "));
    }
    for website in each("Website") {
        add(&mut party.hosts, &website.text);
    }
    for element in ["ParentCompany", "Subsidiary", "CurrentOwnerOperator"] {
        for other in each(element) {
            add(&mut party.linked, &other.text);
        }
    }
    add(&mut party.programmes, e.get("RegimeName"));
    party.listed = Date::parse(e.get("DateDesignated"), true);
    party
}
