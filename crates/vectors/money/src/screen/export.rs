//! Lists out: FollowTheMoney entities as JSON lines, and labels as a TagPack.
//!
//! What this module never does: decide what may leave the house; that is the gate's.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::lists::Lists;
use super::party::{Birth, NameKind, Party};

/// A party as FollowTheMoney entities: itself, a wallet for each address, its sanction where the list
/// has programmes or days. One JSON object a line, each with a line end.
pub fn ftm(lists: &Lists, party: &Party) -> String {
    let list = lists.info(party).map_or("list", |i| i.name.as_str());
    let id = format!("{}-{}", list.to_lowercase().replace(' ', "-"), party.id);
    let mut properties = Map::new();
    let mut add = |name: &str, value: String| {
        if let Value::Array(values) = properties.entry(name).or_insert_with(|| json!([])) {
            values.push(Value::String(value));
        }
    };
    for name in &party.names {
        let property = match name.kind {
            NameKind::Primary => "name",
            NameKind::Alias | NameKind::Original => "alias",
            NameKind::Weak => "weakAlias",
            NameKind::Former => "previousName",
        };
        add(property, name.text.clone());
    }
    for birth in &party.births {
        match birth {
            Birth::On(date) | Birth::About(date) => add("birthDate", date.to_string()),
            Birth::Between(from, to) => {
                (*from..=(*to).min(from.saturating_add(20))).for_each(|y| add("birthDate", y.to_string()))
            }
        }
    }
    for country in &party.countries {
        add("country", country.clone());
    }
    for identifier in &party.identifiers {
        add("idNumber", identifier.number.clone());
    }
    for place in &party.places {
        add("address", place.clone());
    }
    for host in &party.hosts {
        add("website", host.clone());
    }
    let mut out = String::new();
    let mut line = |id: &str, schema: &str, properties: Value| {
        let _ = writeln!(out, "{}", json!({"id": id, "schema": schema, "properties": properties}));
    };
    line(&id, party.schema.name(), Value::Object(properties));
    for (at, address) in party.addresses.iter().enumerate() {
        let properties = json!({"publicKey": [address.text], "currency": [address.ticker], "holder": [id]});
        line(&format!("{id}-wallet-{at}"), "CryptoWallet", properties);
    }
    if !party.programmes.is_empty() || party.listed.is_some() {
        let dates = |d: Option<super::Date>| d.map(|d| d.to_string()).into_iter().collect::<Vec<_>>();
        let properties = json!({
            "entity": [id],
            "program": party.programmes,
            "startDate": dates(party.listed),
            "endDate": dates(party.until),
        });
        line(&format!("{id}-sanction"), "Sanction", properties);
    }
    out
}

/// All addresses of the lists as one TagPack. Texts are quoted as in JSON, which YAML reads.
pub fn tagpack(lists: &Lists, title: &str, creator: &str) -> String {
    let quote = |text: &str| Value::String(text.to_owned()).to_string();
    let mut out = format!("title: {}\ncreator: {}\ntags:\n", quote(title), quote(creator));
    for party in &lists.parties {
        let source = lists.info(party).map_or_else(String::new, |i| i.origin.to_string());
        for address in &party.addresses {
            let _ = writeln!(
                out,
                "- address: {}\n  currency: {}\n  label: {}\n  source: {}",
                quote(&address.text),
                quote(&address.ticker),
                quote(party.primary()),
                quote(&source)
            );
        }
    }
    out
}
