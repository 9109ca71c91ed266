//! TagPacks of GraphSense: labels of addresses, YAML whose header every tag inherits.
//!
//! Tags that say the same of different addresses become one party with many addresses, each cited.
//! Actor packs (`actors:`) become parties with their web hosts. Anchors and aliases are not followed.
//!
//! What this module never does: rank labels that contradict each other; both stay.

use std::collections::BTreeMap;
use std::io::Read;

use foldhash::HashMap;
use palisade_model::ProblemCode;
use saphyr_parser::{Event, Parser};

use super::super::decisions::entry_id;
use super::super::party::{CryptoAddress, Date, MAX_ADDRESSES, NameKind, Party, Schema, add};
use super::Sink;

/// Longest pack. The largest public one has 20 MB.
const MAX_BYTES: u64 = 256 << 20;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;
/// Most values of one key.
const MAX_PER_KEY: usize = 64;

type Fields = BTreeMap<String, Vec<String>>;

#[derive(Default)]
struct Level {
    map: bool,
    key: Option<String>,
}

/// Reads a pack.
pub fn read(input: &mut dyn Read, sink: &mut Sink<'_>) {
    let mut bytes = Vec::new();
    if let Err(e) = input.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
        return sink.problem(ProblemCode::Io, 0, format!("the pack cannot be read: {e}"));
    }
    if bytes.len() as u64 > MAX_BYTES {
        return sink.problem(ProblemCode::Limit, 0, "the pack is longer than 256 MiB and was left out");
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut levels: Vec<Level> = Vec::new();
    let mut header = Fields::new();
    let mut tag = Fields::new();
    let mut place = (0u64, 0u64);
    let mut groups: HashMap<[String; 7], usize> = HashMap::default();
    let mut cut = false;
    let mut followed = false;
    for event in Parser::new_from_str(&text) {
        let (event, span) = match event {
            Ok(found) => found,
            Err(e) => {
                return sink.problem(
                    ProblemCode::Syntax,
                    0,
                    format!("the pack was read up to where its YAML breaks: {e}"),
                );
            }
        };
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let map = matches!(event, Event::MappingStart(..));
                if levels.len() >= MAX_DEPTH {
                    return sink.problem(
                        ProblemCode::Limit,
                        0,
                        "the pack nests more than 32 deep; it was read up to there",
                    );
                }
                levels.push(Level { map, key: None });
                if levels.len() == 3 && map {
                    tag.clear();
                    place = (span.start.line() as u64, span.start.index() as u64);
                }
            }
            Event::MappingEnd | Event::SequenceEnd => {
                if levels.len() == 3 && levels.last().is_some_and(|l| l.map) {
                    match levels.first().and_then(|l| l.key.as_deref()) {
                        Some("tags") => tag_in(&header, &tag, place, &mut groups, sink),
                        Some("actors") => actor_in(&tag, place, sink),
                        _ => {}
                    }
                }
                levels.pop();
                if let Some(top) = levels.last_mut().filter(|l| l.map) {
                    top.key = None;
                }
            }
            Event::Scalar(value, ..) => {
                let depth = levels.len();
                let Some(top) = levels.last_mut() else { continue };
                if top.map && top.key.is_none() {
                    top.key = Some(value.into_owned());
                    continue;
                }
                let key = if top.map { top.key.take() } else { None };
                // A value of the header or of a tag, alone or in a list below it.
                let own = |at: usize| levels.get(at).and_then(|l| l.key.clone());
                let (to, key) = match (depth, key) {
                    (1, key) => (&mut header, key),
                    (2, None) => (&mut header, own(0)),
                    (3, Some(key)) => (&mut tag, Some(key)),
                    (4, None) => (&mut tag, own(2)),
                    _ => continue,
                };
                if let Some(key) = key {
                    let values = to.entry(key).or_default();
                    if values.len() < MAX_PER_KEY {
                        values.push(value.into_owned());
                    } else if !cut {
                        cut = true;
                        let message =
                            format!("a key has more than {MAX_PER_KEY} values; those beyond were left out");
                        sink.problem(ProblemCode::Limit, span.start.index() as u64, message);
                    }
                }
            }
            Event::Alias(_) => {
                if !followed {
                    sink.problem(
                        ProblemCode::Syntax,
                        span.start.index() as u64,
                        "the pack uses a YAML alias, which is not followed",
                    );
                }
                followed = true;
                if let Some(top) = levels.last_mut().filter(|l| l.map) {
                    top.key = None;
                }
            }
            _ => {}
        }
    }
}

/// What [`export`](super::super::export) notes beside a tag, as the taxonomy of TagPacks has no word for it. Other contexts have other keys.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Context {
    listed_from: String,
    listed_until: String,
    was_abuse: String,
}

fn tag_in(
    header: &Fields,
    tag: &Fields,
    place: (u64, u64),
    groups: &mut HashMap<[String; 7], usize>,
    sink: &mut Sink<'_>,
) {
    let get = |name: &str| {
        tag.get(name).or_else(|| header.get(name)).and_then(|v| v.first()).cloned().unwrap_or_default()
    };
    let address = get("address");
    if address.is_empty() {
        return sink.problem(
            ProblemCode::DamagedRecord,
            place.1,
            format!("the tag at line {} has no address", place.0),
        );
    }
    let citation = sink.cite(place.0, place.1);
    let context: Context = serde_json::from_str(&get("context")).unwrap_or_default();
    let [label, actor, category, abuse, source, confidence] =
        ["label", "actor", "category", "abuse", "source", "confidence"].map(get);
    // Of who is off the list, what was said while it was on it stands in the context.
    let abuse = if abuse.is_empty() { context.was_abuse.clone() } else { abuse };
    let dates = format!("{} {}", context.listed_from, context.listed_until);
    let group = [label, actor, category, abuse, source, confidence, dates];
    let at = match groups.get(&group) {
        Some(at) => *at,
        None => {
            let says: Vec<&str> = group.iter().map(String::as_str).collect();
            let id = if group[1].is_empty() { entry_id(&says) } else { group[1].clone() };
            let mut party = Party::new(sink.list, id, Schema::CryptoWallet, citation);
            party.name(&group[0], NameKind::Primary);
            for (name, value) in [
                ("category", &group[2]),
                ("abuse", &group[3]),
                ("source", &group[4]),
                ("confidence", &group[5]),
            ] {
                if !value.is_empty() {
                    party.programmes.push(format!("{name}: {value}"));
                }
            }
            if get("is_cluster_definer") == "true" {
                party.programmes.push("names a whole cluster".to_owned());
            }
            party.listed = Date::parse(&context.listed_from, false).or(Date::parse(&get("lastmod"), false));
            party.until = Date::parse(&context.listed_until, false);
            let at = sink.lists.parties.len();
            sink.push(party);
            if sink.lists.parties.len() == at {
                return;
            }
            groups.insert(group, at);
            at
        }
    };
    let ticker = [get("currency"), get("network")].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    if let Some(party) = sink.lists.parties.get_mut(at).filter(|p| p.addresses.len() < MAX_ADDRESSES) {
        party.addresses.push(CryptoAddress { ticker, text: address, citation: Some(citation) });
    }
}

fn actor_in(actor: &Fields, place: (u64, u64), sink: &mut Sink<'_>) {
    let all = |name: &str| actor.get(name).map_or(&[][..], Vec::as_slice);
    let id = all("id").first().cloned().unwrap_or_else(|| {
        entry_id(&["label", "uri"].into_iter().flat_map(all).map(String::as_str).collect::<Vec<_>>())
    });
    let mut party = Party::new(sink.list, id, Schema::Organization, sink.cite(place.0, place.1));
    for label in all("label") {
        party.name(label, NameKind::Primary);
    }
    for value in all("categories") {
        add(&mut party.programmes, value);
    }
    for value in all("jurisdictions") {
        add(&mut party.countries, value);
    }
    for value in all("uri") {
        add(&mut party.hosts, value);
    }
    sink.push(party);
}
