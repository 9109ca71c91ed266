//! Lists out: FollowTheMoney entities as JSON lines, and labels as a TagPack.
//!
//! What the formats have no property for is not lost where it can be said in another: a number that FollowTheMoney has no
//! property of its own for is an `Identification` with kind and country, a share is an `Ownership`. A TagPack's taxonomy has no
//! word for *formerly sanctioned*, so that an address whose holder is off the list bears no `abuse`; since when and until when
//! it did is in the tag's `context`, from which it is read again.
//!
//! What this module never does: decide what may leave the house; that is the gate's.

use std::fmt::Write as _;

use foldhash::{HashMap, HashMapExt as _, HashSet};
use serde_json::{Map, Value, json};

use super::decisions::entry_id;
use super::lists::Lists;
use super::number::Kind;
use super::party::{Birth, Date, Gender, Identifier, NameKind, Party, Schema, Standing};

/// Writes lists as FollowTheMoney.
pub struct Ftm<'l> {
    lists: &'l Lists,
    /// Entities by list and the list's own id, and by name: whom owners and links mean.
    ids: HashMap<(u32, &'l str), usize>,
    names: HashMap<&'l str, usize>,
    /// Entities of a name only that are written already.
    said: HashSet<String>,
}

/// Years of a span that are written one by one; of a longer one, its ends.
const MAX_YEARS: u16 = 20;

impl<'l> Ftm<'l> {
    /// Looks up who is who.
    pub fn new(lists: &'l Lists) -> Ftm<'l> {
        let (mut ids, mut names) = (HashMap::new(), HashMap::new());
        for (at, party) in lists.parties.iter().enumerate() {
            ids.entry((party.list.0, party.id.as_str())).or_insert(at);
            names.entry(party.primary()).or_insert(at);
        }
        Ftm { lists, ids, names, said: HashSet::default() }
    }

    /// A party as entities: itself, a wallet for each address, its sanction, its papers, who owns it and to whom it is linked.
    /// One JSON object a line, each with a line end.
    pub fn entities(&mut self, party: &Party) -> String {
        let id = self.id(party);
        let mut properties = Properties::default();
        for name in &party.names {
            let property = match name.kind {
                NameKind::Primary => "name",
                NameKind::Alias | NameKind::Original => "alias",
                NameKind::Weak => "weakAlias",
                NameKind::Former => "previousName",
            };
            properties.add(property, &name.text);
        }
        for birth in &party.births {
            match birth {
                Birth::On(date) => properties.add("birthDate", &date.to_string()),
                Birth::About(date) => {
                    properties.add("birthDate", &date.to_string());
                    properties.add("notes", &format!("born about {date}"));
                }
                Birth::Between(from, to) => {
                    if to.saturating_sub(*from) <= MAX_YEARS {
                        (*from..=*to).for_each(|y| properties.add("birthDate", &format!("{y:04}")));
                    } else {
                        [from, to].into_iter().for_each(|y| properties.add("birthDate", &format!("{y:04}")));
                    }
                    properties.add("notes", &format!("born between {from} and {to}"));
                }
            }
        }
        match party.gender {
            Some(Gender::Male) => properties.add("gender", "male"),
            Some(Gender::Female) => properties.add("gender", "female"),
            None => {}
        }
        for country in &party.countries {
            properties.add("country", country);
        }
        let (own, papers): (Vec<&Identifier>, Vec<&Identifier>) =
            party.identifiers.iter().partition(|i| property(party.schema, i).is_some());
        for identifier in own {
            properties.add(property(party.schema, identifier).unwrap_or("idNumber"), &identifier.number);
        }
        for place in &party.places {
            properties.add("address", place);
        }
        for host in &party.hosts {
            properties.add("website", host);
        }
        let sanction = !party.programmes.is_empty() || party.listed.is_some() || party.until.is_some();
        // Who has no sanction here is still who the list is about.
        if !sanction && !party.mentioned {
            properties.add("topics", "poi");
        }
        let mut out = Lines::default();
        let schema = match party.schema {
            // FollowTheMoney has no hosts: a legal entity with a website.
            Schema::Host => Schema::LegalEntity.name(),
            schema => schema.name(),
        };
        out.entity(&id, schema, properties.0);
        for (at, address) in party.addresses.iter().enumerate() {
            let mut wallet = Properties::default();
            wallet.add("publicKey", &address.text);
            wallet.add("currency", &address.ticker);
            wallet.add("holder", &id);
            out.entity(&format!("{id}-wallet-{at}"), "CryptoWallet", wallet.0);
        }
        for (at, paper) in papers.into_iter().enumerate() {
            let mut properties = Properties::default();
            properties.add("holder", &id);
            properties.add("type", &paper.kind);
            properties.add("number", &paper.number);
            properties.add("country", &paper.country);
            let passport = Kind::parse(&paper.kind) == Some(Kind::Passport);
            let schema = if passport { "Passport" } else { "Identification" };
            out.entity(&format!("{id}-paper-{at}"), schema, properties.0);
        }
        if sanction {
            let mut properties = Properties::default();
            properties.add("entity", &id);
            party.programmes.iter().for_each(|p| properties.add("program", p));
            properties.date("startDate", party.listed);
            properties.date("endDate", party.until);
            out.entity(&format!("{id}-sanction"), "Sanction", properties.0);
        }
        for (at, owner) in party.owners.iter().enumerate() {
            let by = self.other(party, &owner.id, &owner.who, &mut out);
            let mut properties = Properties::default();
            properties.add("owner", &by);
            properties.add("asset", &id);
            if let Some(share) = owner.share {
                properties.add("percentage", &format!("{}.{:02}", share / 100, share % 100));
            }
            properties.date("endDate", owner.until);
            out.entity(&format!("{id}-owner-{at}"), "Ownership", properties.0);
        }
        for (at, linked) in party.linked.iter().enumerate() {
            let to = self.other(party, "", linked, &mut out);
            let mut properties = Properties::default();
            properties.add("subject", &id);
            properties.add("object", &to);
            out.entity(&format!("{id}-link-{at}"), "UnknownLink", properties.0);
        }
        out.0
    }

    fn id(&self, party: &Party) -> String {
        let list = self.lists.info(party).map_or("list", |i| i.name.as_str());
        format!("{}-{}", list.to_lowercase().replace(' ', "-"), party.id)
    }

    /// The id of somebody whom a party names, who gets an entity of a name only if no list has one.
    fn other(&mut self, party: &Party, id: &str, name: &str, out: &mut Lines) -> String {
        let by_id = Some(id).filter(|i| !i.is_empty()).and_then(|i| self.ids.get(&(party.list.0, i)));
        let known = by_id.or_else(|| self.names.get(name)).and_then(|at| self.lists.parties.get(*at));
        if let Some(known) = known {
            return self.id(known);
        }
        let id = format!("named-{}", entry_id(&[name]));
        if self.said.insert(id.clone()) {
            let mut properties = Properties::default();
            properties.add("name", name);
            out.entity(&id, Schema::LegalEntity.name(), properties.0);
        }
        id
    }
}

/// The property that says what a number is; `None` where there is none that keeps kind and country.
fn property(schema: Schema, identifier: &Identifier) -> Option<&'static str> {
    let word = |w: &str| identifier.kind.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|k| k == w);
    Some(match Kind::parse(&identifier.kind) {
        _ if word("inn") => "innCode",
        _ if word("ogrn") => "ogrnCode",
        _ if word("lei") => "leiCode",
        Some(Kind::Ship) if schema == Schema::Vessel => "imoNumber",
        Some(Kind::Radio) if schema == Schema::Vessel => "mmsi",
        Some(Kind::CallSign) if schema == Schema::Vessel => "callSign",
        Some(Kind::Bank) => "swiftBic",
        None if identifier.kind.is_empty() && identifier.country.is_empty() => "idNumber",
        _ => return None,
    })
}

#[derive(Default)]
struct Properties(Map<String, Value>);

impl Properties {
    /// Adds a value, unless it is empty.
    fn add(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if let Value::Array(values) = self.0.entry(name).or_insert_with(|| json!([])) {
            values.push(Value::String(value.to_owned()));
        }
    }

    fn date(&mut self, name: &str, date: Option<Date>) {
        self.add(name, &date.map_or_else(String::new, |d| d.to_string()));
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn entity(&mut self, id: &str, schema: &str, properties: Map<String, Value>) {
        let _ = writeln!(self.0, "{}", json!({"id": id, "schema": schema, "properties": properties}));
    }
}

/// All addresses of the lists as one TagPack, as of a day. Texts are quoted as in JSON, which YAML reads.
///
/// Who is on a list of sanctions has `abuse: sanction`; labels keep their category and abuse. Whose entry has ended or not begun
/// on that day has neither, and says so.
pub fn tagpack(lists: &Lists, title: &str, creator: &str, day: Option<Date>) -> String {
    let quote = |text: &str| Value::String(text.to_owned()).to_string();
    let mut out = format!("title: {}\ncreator: {}\ntags:\n", quote(title), quote(creator));
    for party in &lists.parties {
        let info = lists.info(party);
        let source = info.map_or_else(String::new, |i| i.origin.to_string());
        let version = info.and_then(|i| i.version).map(|v| v.to_string()).unwrap_or_default();
        let standing = party.standing(day);
        let current = standing == Standing::Listed;
        let word = |key: &str| {
            party.programmes.iter().find_map(|p| p.strip_prefix(key)?.strip_prefix(": ")).unwrap_or_default()
        };
        let abuse = if sanctioned(lists, party) { "sanction" } else { word("abuse") };
        let category = match word("category") {
            // A table of one's own has its words without a key.
            "" => party.programmes.iter().find(|p| is_word(p)).map_or("", String::as_str),
            category => category,
        };
        let label = match (standing, party.until) {
            (Standing::Ended, Some(until)) => format!("{} (off the list since {until})", party.primary()),
            (Standing::NotYet, _) => format!("{} (not yet on the list)", party.primary()),
            _ => party.primary().to_owned(),
        };
        let date = |d: Option<Date>| d.map(|d| d.to_string()).unwrap_or_default();
        let mut context = Properties::default();
        let mut note = |key: &str, value: &str| {
            if !value.is_empty() {
                context.0.insert(key.to_owned(), Value::String(value.to_owned()));
            }
        };
        if party.until.is_some() || !current {
            note("listed_from", &date(party.listed));
            note("listed_until", &date(party.until));
        }
        if !current {
            note("was_abuse", abuse);
        }
        let context = if context.0.is_empty() { String::new() } else { Value::Object(context.0).to_string() };
        let lastmod = [date(party.listed), version].into_iter().find(|d| d.len() == 10).unwrap_or_default();
        let mut tail = String::new();
        for (key, value) in [
            ("category", category),
            ("abuse", if current { abuse } else { "" }),
            ("confidence", word("confidence")),
            ("lastmod", &lastmod),
            ("context", &context),
        ] {
            if !value.is_empty() {
                // A date is one in YAML without quotes only.
                let value = if key == "lastmod" { value.to_owned() } else { quote(value) };
                let _ = writeln!(tail, "  {key}: {value}");
            }
        }
        for address in &party.addresses {
            let _ = write!(
                out,
                "- address: {}\n  currency: {}\n  label: {}\n  source: {}\n{tail}",
                quote(&address.text),
                quote(&address.ticker),
                quote(&label),
                quote(&source)
            );
        }
    }
    out
}

/// Whether a list names a party as sanctioned: a list that names nobody else, or words of one that does.
pub fn sanctioned(lists: &Lists, party: &Party) -> bool {
    let Some(info) = lists.info(party) else { return false };
    let says = |p: &String| {
        let lower = p.to_lowercase();
        // The consolidated list of the United States calls its sources by name; two of them are the Treasury's.
        !lower.starts_with("source:") && (lower.contains("sanction") || lower.contains("treasury department"))
    };
    !party.mentioned && (info.format.sanctions() || party.programmes.iter().any(says))
}

/// A word as taxonomies have them: `exchange`, `mixing_service`.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}
