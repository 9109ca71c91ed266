//! OFAC's lists in XML: `SDN.XML`, flat and old, and `SDN_ADVANCED.XML` after the United Nations' model.
//!
//! The advanced file begins with its reference values: every number behind it (`FeatureTypeID="344"`)
//! means what they say (`Digital Currency Address - XBT`), so a new kind of coin needs no new code.
//! Entries that say since when a party is listed come last, so they are joined by profile.
//!
//! What this module never does: know a reference number by heart.

use std::cell::Cell;
use std::io::Read;

use foldhash::HashMap;
use palisade_model::ProblemCode;

use super::super::party::{
    Birth, CryptoAddress, Date, Gender, Identifier, MAX_VALUES, NameKind, Owner, Party, Schema, add,
};
use super::Sink;
use super::xml::{self, Element};

/// Reads `SDN.XML` or `CONSOLIDATED.XML`.
pub fn simple(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let mut number = 0;
    xml::records(input, &["sdnEntry", "publshInformation"], &mut |_| {}, &mut |record| match record {
        Ok((e, _)) if e.name == "publshInformation" => {
            let version = Date::parse(e.get("Publish_Date"), false);
            if let Some(info) = sink.info() {
                info.version = version;
            }
        }
        Ok((e, offset)) => {
            number += 1;
            let party = entry(&e, number, offset, sink);
            sink.push(party);
        }
        Err(bad) => sink.bad_element(bad),
    });
}

fn full_name(e: &Element) -> String {
    let names = [e.get("firstName"), e.get("lastName")];
    names.into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join(" ")
}

fn entry(e: &Element, number: u64, offset: u64, sink: &Sink<'_>) -> Party {
    let schema = match Schema::parse(e.get("sdnType")) {
        Schema::LegalEntity => Schema::Organization,
        other => other,
    };
    let mut party = Party::new(sink.list, e.get("uid"), schema, sink.cite(number, offset));
    party.name(&full_name(e), NameKind::Primary);
    let each = |list: &str, item: &str| {
        let mut found = Vec::new();
        if let Some(list) = e.child(list) {
            list.deep(item, &mut found);
        }
        found
    };
    for programme in each("programList", "program") {
        add(&mut party.programmes, &programme.text);
    }
    for aka in each("akaList", "aka") {
        let kind = match (aka.get("type"), aka.get("category")) {
            (_, "weak") => NameKind::Weak,
            ("f.k.a.", _) => NameKind::Former,
            _ => NameKind::Alias,
        };
        party.name(&full_name(aka), kind);
    }
    for address in each("addressList", "address") {
        let parts =
            ["address1", "address2", "address3", "city", "postalCode", "country"].map(|p| address.get(p));
        let line: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        add(&mut party.places, &line.join(", "));
        add(&mut party.countries, address.get("country"));
    }
    for country in each("nationalityList", "country").into_iter().chain(each("citizenshipList", "country")) {
        add(&mut party.countries, &country.text);
    }
    for birth in each("dateOfBirthList", "dateOfBirth").into_iter().take(MAX_VALUES) {
        party.births.extend(Birth::parse(&birth.text, true));
    }
    for id in each("idList", "id").into_iter().take(MAX_VALUES) {
        let (kind, number) = (id.get("idType"), id.get("idNumber"));
        if let Some(ticker) = kind.strip_prefix("Digital Currency Address - ") {
            party.addresses.push(CryptoAddress {
                ticker: ticker.trim().to_owned(),
                text: number.to_owned(),
                citation: None,
            });
        } else if kind == "Gender" {
            party.gender = Gender::parse(number);
        } else if kind == "Website" {
            add(&mut party.hosts, number);
        } else if !number.is_empty() {
            party.identifiers.push(Identifier {
                kind: kind.to_owned(),
                number: number.trim_start_matches("IMO ").to_owned(),
                country: id.get("idCountry").to_owned(),
            });
        }
    }
    if let Some(vessel) = e.child("vesselInfo") {
        add(&mut party.countries, vessel.get("vesselFlag"));
        if !vessel.get("callSign").is_empty() {
            party.identifiers.push(Identifier {
                kind: "Call Sign".to_owned(),
                number: vessel.get("callSign").to_owned(),
                country: String::new(),
            });
        }
    }
    super::ofac::remarks(e.get("remarks"), &mut party);
    party
}

/// Reference values, by the name of their element and number, and what stands before the parties.
#[derive(Default)]
struct Reference {
    values: HashMap<(String, String), (String, String)>,
    locations: HashMap<String, (String, String)>,
    documents: HashMap<String, Vec<Identifier>>,
}

/// Most entries of one table of a file that has to be kept to the end.
const MAX_KEPT: usize = 5_000_000;

impl Reference {
    fn text(&self, element: &str, id: &str) -> &str {
        self.values.get(&(element.to_owned(), id.to_owned())).map_or("", |v| &v.0)
    }
}

/// Reads `SDN_ADVANCED.XML` or `CONS_ADVANCED.XML`.
pub fn advanced(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let mut reference = Reference::default();
    let number = Cell::new(0);
    let kept_all = Cell::new(true);
    let first = sink.lists.parties.len();
    let mut profiles: HashMap<String, usize> = HashMap::default();
    let wanted = [
        "ReferenceValueSets",
        "DateOfIssue",
        "Location",
        "IDRegDocument",
        "DistinctParty",
        "SanctionsEntry",
        "ProfileRelationship",
    ];
    xml::records(input, &wanted, &mut |_| {}, &mut |record| {
        let (e, offset) = match record {
            Ok(found) => found,
            Err(bad) => return sink.bad_element(bad),
        };
        match e.name.as_str() {
            "ReferenceValueSets" => {
                for value in e.children.iter().flat_map(|set| &set.children) {
                    let parent = ["PartyTypeID", "FeatureTypeGroupID"].map(|a| value.attribute(a)).concat();
                    let key = (value.name.clone(), value.attribute("ID").to_owned());
                    reference.values.insert(key, (value.text.trim().to_owned(), parent));
                }
            }
            "DateOfIssue" => {
                if let Some(info) = sink.info() {
                    info.version = date(&e);
                }
            }
            "Location" if reference.locations.len() >= MAX_KEPT => kept_all.set(false),
            "Location" => location(&e, &mut reference),
            "IDRegDocument" => {
                let kind = reference.text("IDRegDocType", e.attribute("IDRegDocTypeID")).to_owned();
                let country = reference.text("Country", e.attribute("IssuedBy-CountryID")).to_owned();
                let number = e.get("IDRegistrationNo").to_owned();
                if reference.documents.len() >= MAX_KEPT {
                    kept_all.set(false);
                } else if !number.is_empty() {
                    let of = reference.documents.entry(e.attribute("IdentityID").to_owned()).or_default();
                    of.push(Identifier { kind, number, country });
                }
            }
            "DistinctParty" => {
                number.set(number.get() + 1);
                let party = distinct(&e, &reference, number.get(), offset, sink);
                if let Some(profile) = e.child("Profile") {
                    profiles.insert(profile.attribute("ID").to_owned(), sink.lists.parties.len());
                }
                sink.push(party);
            }
            "SanctionsEntry" => {
                let Some(party) =
                    profiles.get(e.attribute("ProfileID")).and_then(|at| sink.lists.parties.get_mut(*at))
                else {
                    return;
                };
                for event in e.all("EntryEvent") {
                    party.listed = party.listed.or(event.child("Date").and_then(date));
                }
                for measure in e.all("SanctionsMeasure") {
                    add(&mut party.programmes, measure.get("Comment"));
                }
            }
            "ProfileRelationship" => {
                let kind = reference.text("RelationType", e.attribute("RelationTypeID")).to_owned();
                let at = |name: &str| profiles.get(e.attribute(name)).copied();
                let (Some(from), Some(to)) = (at("From-ProfileID"), at("To-ProfileID")) else { return };
                let who = sink.lists.parties.get(to).map(|p| p.primary().to_owned()).unwrap_or_default();
                let id = sink.lists.parties.get(to).map(|p| p.id.clone()).unwrap_or_default();
                if let Some(party) = sink.lists.parties.get_mut(from) {
                    add(&mut party.linked, &who);
                    if kind.starts_with("Owned or Controlled") && party.owners.len() < MAX_VALUES {
                        party.owners.push(Owner { who, id, share: None, until: None });
                    }
                }
            }
            _ => {}
        }
    });
    debug_assert!(sink.lists.parties.len() >= first);
    if !kept_all.get() {
        let message = format!(
            "the list has more than {MAX_KEPT} documents or places; those beyond are missing from its entries"
        );
        sink.problem(ProblemCode::Limit, 0, message);
    }
}

fn date(e: &Element) -> Option<Date> {
    let part = |name: &str| e.get(name).parse().unwrap_or(0);
    Date::new(part("Year"), part("Month"), part("Day"))
}

fn location(e: &Element, reference: &mut Reference) {
    let country = e.child("LocationCountry").map_or("", |c| c.attribute("CountryID"));
    let country = reference.text("Country", country).to_owned();
    let mut found = Vec::new();
    e.deep("Value", &mut found);
    let mut line: Vec<&str> = found.iter().map(|v| v.text.trim()).collect();
    line.push(&country);
    line.retain(|p| !p.is_empty());
    let line = line.join(", ");
    reference.locations.insert(e.attribute("ID").to_owned(), (line, country));
}

fn distinct(e: &Element, reference: &Reference, number: u64, offset: u64, sink: &Sink<'_>) -> Party {
    let mut party =
        Party::new(sink.list, e.attribute("FixedRef"), Schema::Organization, sink.cite(number, offset));
    let Some(profile) = e.child("Profile") else { return party };
    let key = ("PartySubType".to_owned(), profile.attribute("PartySubTypeID").to_owned());
    if let Some((subtype, parent)) = reference.values.get(&key) {
        let kind = match Schema::parse(subtype) {
            Schema::LegalEntity => Schema::parse(reference.text("PartyType", parent)),
            other => other,
        };
        party.schema = if kind == Schema::LegalEntity { Schema::Organization } else { kind };
    }
    for identity in profile.all("Identity") {
        names(identity, reference, &mut party);
        if let Some(documents) = reference.documents.get(identity.attribute("ID")) {
            party.identifiers.extend(documents.iter().take(MAX_VALUES).cloned());
        }
    }
    for feature in profile.all("Feature") {
        let kind = reference.text("FeatureType", feature.attribute("FeatureTypeID"));
        for version in feature.all("FeatureVersion").take(MAX_VALUES) {
            let mut details = Vec::new();
            version.deep("VersionDetail", &mut details);
            let text =
                details.iter().map(|d| detail(d, reference)).find(|t| !t.is_empty()).unwrap_or_default();
            let places = version
                .all("VersionLocation")
                .filter_map(|l| reference.locations.get(l.attribute("LocationID")));
            match kind {
                "Birthdate" => party.births.extend(version.child("DatePeriod").and_then(born)),
                "Gender" => party.gender = Gender::parse(text),
                "Website" => add(&mut party.hosts, text),
                "Location" => {
                    for (line, country) in places {
                        add(&mut party.places, line);
                        add(&mut party.countries, country);
                    }
                }
                kind if kind.starts_with("Nationality") || kind.starts_with("Citizenship") => {
                    for (_, country) in places {
                        add(&mut party.countries, country);
                    }
                }
                kind => {
                    let number = text.trim_start_matches("IMO ");
                    if let Some(ticker) = kind.strip_prefix("Digital Currency Address - ") {
                        party.addresses.push(CryptoAddress {
                            ticker: ticker.trim().to_owned(),
                            text: text.to_owned(),
                            citation: None,
                        });
                    } else if ["IMO", "MMSI", "Registration", "SWIFT", "Tail Number", "Call Sign"]
                        .iter()
                        .any(|k| kind.contains(k))
                        && !number.is_empty()
                    {
                        party.identifiers.push(Identifier {
                            kind: kind.to_owned(),
                            number: number.to_owned(),
                            country: String::new(),
                        });
                    }
                }
            }
        }
    }
    party
}

fn detail<'a>(e: &'a Element, reference: &'a Reference) -> &'a str {
    let own = e.text.trim();
    if own.is_empty() { reference.text("DetailReference", e.attribute("DetailReferenceID")) } else { own }
}

/// Names of an identity: given names first, parts in the order in which the list has them otherwise.
fn names(identity: &Element, reference: &Reference, party: &mut Party) {
    let mut groups = Vec::new();
    identity.deep("NamePartGroup", &mut groups);
    let kind_of = |part: &Element| {
        let group = part.attribute("NamePartGroupID");
        let kind =
            groups.iter().find(|g| g.attribute("ID") == group).map_or("", |g| g.attribute("NamePartTypeID"));
        reference.text("NamePartType", kind)
    };
    for alias in identity.all("Alias") {
        let alias_type = reference.text("AliasType", alias.attribute("AliasTypeID"));
        for documented in alias.all("DocumentedName") {
            let mut parts = Vec::new();
            documented.deep("NamePartValue", &mut parts);
            let latin = parts
                .iter()
                .all(|p| matches!(reference.text("Script", p.attribute("ScriptID")), "Latin" | ""));
            parts.sort_by_key(|p| u8::from(kind_of(p) == "Last Name"));
            let name: Vec<&str> = parts.iter().map(|p| p.text.trim()).collect();
            let kind = match alias_type {
                _ if !latin => NameKind::Original,
                _ if alias.attribute("Primary") == "true" => NameKind::Primary,
                _ if alias.attribute("LowQuality") == "true" => NameKind::Weak,
                "F.K.A." => NameKind::Former,
                _ => NameKind::Alias,
            };
            let before = party.names.len();
            party.name(&name.join(" "), kind);
            if kind == NameKind::Primary && party.names.len() > before {
                party.names.rotate_right(1);
            }
        }
    }
}

fn born(period: &Element) -> Option<Birth> {
    let ends = |side: &str| {
        let e = period.child(side)?;
        Some((
            e.child("From").and_then(date)?,
            e.child("To").and_then(date),
            e.attribute("Approximate") == "true",
        ))
    };
    let (from, _, about) = ends("Start")?;
    let to = ends("End").map(|(from, to, _)| to.unwrap_or(from)).unwrap_or(from);
    if from.year != to.year {
        return Some(Birth::Between(from.year, to.year));
    }
    let whole_year = from.month == 1 && from.day == 1 && to.month == 12 && to.day == 31;
    let date = if whole_year { Date { month: 0, day: 0, ..from } } else { from };
    Some(if about { Birth::About(date) } else { Birth::On(date) })
}
