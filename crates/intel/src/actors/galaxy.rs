//! MISP galaxy clusters of threat actors (`threat-actor.json` of MISP/misp-galaxy): names, many to many.
//!
//! `attribution-confidence` is "50" for nearly every actor that has one: a default that says nothing, and is not read.

use palisade_model::{Actor, Alias, AliasMeaning, ProblemCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MAX_OBJECTS, Sink, tidy};

#[derive(Deserialize)]
struct Value {
    value: String,
    #[serde(default)]
    uuid: String,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    synonyms: Vec<String>,
    country: Option<String>,
}

/// What a synonym of the galaxy is worth: its compilers merged lists of vendors who do not agree.
const SYNONYM_WEIGHT: f64 = 0.5;

pub(super) fn read(values: &[&RawValue], to: &mut Sink) {
    if values.len() > MAX_OBJECTS {
        to.say(ProblemCode::Limit, format!("more than {MAX_OBJECTS} actors; the rest was not read"));
    }
    for raw in values.iter().take(MAX_OBJECTS) {
        let v: Value = match serde_json::from_str(raw.get()) {
            Ok(v) => v,
            Err(e) => {
                to.say(ProblemCode::DamagedRecord, format!("an actor is not as a MISP galaxy has it: {e}"));
                continue;
            }
        };
        let name = tidy(&v.value);
        if name.is_empty() {
            to.say(ProblemCode::DamagedRecord, "an actor without a name was left out".to_owned());
            continue;
        }
        let key = if v.uuid.is_empty() { name.clone() } else { tidy(&v.uuid) };
        let country = v.meta.country.map(|c| c.trim().to_ascii_uppercase());
        let synonyms = v.meta.synonyms.iter().map(|s| tidy(s)).filter(|s| !s.is_empty());
        to.knowledge.actors.push(Actor {
            id: format!("misp:{key}").replace(' ', "_"),
            name,
            nation: country.filter(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_uppercase())),
            aliases: synonyms
                .map(|name| Alias {
                    name,
                    source: "misp-galaxy".to_owned(),
                    from: None,
                    to: None,
                    meaning: AliasMeaning::Same,
                    weight: SYNONYM_WEIGHT,
                })
                .collect(),
        });
    }
}
