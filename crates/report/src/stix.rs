//! The report as a STIX 2.1 bundle.
//!
//! Ids are functions of content, so that the same thing told twice is the same object: observables (SCOs) have the
//! UUIDv5 that the standard asks for (STIX 2.1, section 2.9), everything else one in [`NAMESPACE`]. A report made again
//! is a new version of the same objects, so `created` must not move: it is the birth of the namespace.
//! What this module never does: take material that was not released, mark anything below its release, or break a value
//! the way people's forms do.

use palisade_model::{Campaign, Observable, ObservableKind as Kind, Severity, Time, Tlp};
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use crate::json as writer;
use crate::material::Attributed;
use crate::privacy::Shareable;
use crate::story::{Indicator, Story};
use crate::{Edition, Options, attack, sections};

/// Namespace of UUIDv5 ids of objects that are not observables. Their names are `type|key`.
pub const NAMESPACE: &str = "b0a7f5e4-5a43-4c0e-9d5e-3f1c6b7a2d18";

/// Namespace of observables' ids (STIX 2.1, section 2.9).
const SCO_NAMESPACE: &str = "00abedb4-aa42-466c-9c01-fed23315a9b7";

/// Extension that TLP 2.0 markings are written in (OASIS, "STIX 2.1 marking definitions for TLP 2.0").
const TLP_EXTENSION: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// `created` of every object of ours.
const CREATED: &str = "2026-01-01T00:00:00.000000Z";

/// Earliest time that other programs can read.
const EARLIEST: &str = "0001-01-01T00:00:00.000000Z";

/// Most that `number_observed` and `count` may be.
const MAX_COUNT: usize = 999_999_999;

/// The released material as a STIX 2.1 bundle: producer, marking, report, campaigns and whom analysts
/// attribute them to, techniques, indicators with what was
/// observed and how often, and a note for each join that explains a campaign.
pub fn stix(shareable: &Shareable, options: &Options<'_>) -> String {
    let options = Options { edition: Edition::Constituent(shareable), ..options.clone() };
    let story = Story::new(shareable.material(), &options);
    let mut bundle = Bundle::new(&story, shareable.key());
    bundle.everything();
    writer::written(&bundle.finish())
}

/// A name's UUID, version 5 (RFC 9562, section 5.5).
fn uuid5(namespace: &str, name: &str) -> String {
    let mut h = Sha1::new();
    let digits: Vec<u8> = namespace.bytes().filter(u8::is_ascii_hexdigit).collect();
    for pair in digits.chunks_exact(2) {
        let value = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
        h.update([value(pair[0]) << 4 | value(pair[1])]);
    }
    h.update(name.as_bytes());
    let digest = h.finalize();
    let mut id = [0u8; 16];
    id.copy_from_slice(&digest[..16]);
    id[6] = id[6] & 0x0f | 0x50;
    id[8] = id[8] & 0x3f | 0x80;
    let hex: String = id.iter().map(|b| format!("{b:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn own(kind: &str, key: &str) -> String {
    format!("{kind}--{}", uuid5(NAMESPACE, &format!("{kind}|{key}")))
}

fn stamp(t: Time) -> String {
    let text = t.clamp(Time::MIN, Time::MAX).to_string();
    // Text order is time order.
    if text.as_str() < EARLIEST { EARLIEST.into() } else { text }
}

/// The official marking of TLP 2.0.
fn marking(tlp: Tlp) -> (&'static str, &'static str) {
    match tlp {
        Tlp::Clear => ("marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "clear"),
        Tlp::Green => ("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "green"),
        Tlp::Amber => ("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "amber"),
        Tlp::AmberStrict => ("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "amber+strict"),
        Tlp::Red => ("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "red"),
    }
}

/// The hash's name in STIX, of kinds that are hashes.
fn hash_name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Md5 => Some("MD5"),
        Kind::Sha1 => Some("SHA-1"),
        Kind::Sha256 => Some("SHA-256"),
        Kind::Sha512 => Some("SHA-512"),
        _ => None,
    }
}

/// The observable as an SCO: its type, and the properties its id is made of.
fn sco(o: &Observable) -> Option<(&'static str, Value)> {
    let value = o.value();
    let plain = |kind| Some((kind, json!({"value": value})));
    match o.kind() {
        Kind::Ip if value.contains(':') => plain("ipv6-addr"),
        Kind::Ip => plain("ipv4-addr"),
        Kind::Domain => plain("domain-name"),
        // What is no URI (RFC 3986) is no `url` object; the indicator's pattern still has it.
        Kind::Url => value.bytes().all(is_uri).then(|| plain("url")).flatten(),
        Kind::Email => plain("email-addr"),
        kind => hash_name(kind).map(|name| ("file", json!({"hashes": {name: value}}))),
    }
}

fn is_uri(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b)
}

fn sco_id(kind: &str, properties: &Value) -> String {
    // Objects of one key are in canonical form (RFC 8785) as serde_json writes them: no blanks, and of all characters
    // only quotation marks, backslashes and controls escaped.
    format!("{kind}--{}", uuid5(SCO_NAMESPACE, &properties.to_string()))
}

/// The observable as a pattern.
fn pattern(o: &Observable) -> Option<String> {
    let text = o.value().replace('\\', "\\\\").replace('\'', "\\'");
    let path = match o.kind() {
        Kind::Imphash => "file:extensions.'windows-pebinary-ext'.imphash".to_owned(),
        kind => match (hash_name(kind), sco(o)) {
            (Some(name), _) => format!("file:hashes.'{name}'"),
            (None, None) if kind == Kind::Url => "url:value".to_owned(),
            // STIX 2.1 has no objects for these; the types are those of the extensions in common use.
            (None, None) if kind == Kind::CryptoAddress => "cryptocurrency-wallet:value".to_owned(),
            (None, None) if kind == Kind::CryptoTransaction => "cryptocurrency-transaction:value".to_owned(),
            (None, Some((kind, _))) => format!("{kind}:value"),
            (None, None) => return None,
        },
    };
    Some(format!("[{path} = '{text}']"))
}

struct Bundle<'s> {
    story: &'s Story<'s>,
    /// Of the case.
    key: &'s str,
    objects: Vec<Value>,
    /// Ids that the report refers to.
    refs: Vec<String>,
    author: String,
    tlp: &'static str,
    modified: String,
    created: String,
    /// The marking of text in which values were replaced.
    replaced: String,
    any_replaced: bool,
}

impl<'s> Bundle<'s> {
    fn new(story: &'s Story<'s>, key: &'s str) -> Bundle<'s> {
        let name = story.m.organisation.name.as_str();
        let modified = stamp(story.m.made);
        Bundle {
            story,
            key,
            objects: Vec::new(),
            refs: Vec::new(),
            author: own("identity", name),
            tlp: marking(story.tlp).0,
            created: if modified.as_str() < CREATED { modified.clone() } else { CREATED.to_owned() },
            modified,
            replaced: own("marking-definition", "replaced"),
            any_replaced: false,
        }
    }

    /// An object of ours with what all of them have.
    fn put(&mut self, kind: &str, id: &str, properties: Value) {
        let mut object = Map::new();
        for (key, value) in [
            ("type", json!(kind)),
            ("spec_version", json!("2.1")),
            ("id", json!(id)),
            ("created_by_ref", json!(self.author)),
            ("created", json!(self.created)),
            ("modified", json!(self.modified)),
        ] {
            object.insert(key.to_owned(), value);
        }
        if let Value::Object(properties) = properties {
            // STIX knows no null: what is not known is left out.
            object.extend(
                properties.into_iter().filter(|(_, v)| !v.is_null() && *v != json!([]) && *v != json!("")),
            );
        }
        object.insert("object_marking_refs".to_owned(), json!([self.tlp]));
        let replaced: Vec<&str> = ["name", "description", "abstract", "content"]
            .into_iter()
            .filter(|k| object.get(*k).and_then(Value::as_str).is_some_and(holds_label))
            .collect();
        if !replaced.is_empty() {
            let marks = json!([{"marking_ref": self.replaced, "selectors": replaced}]);
            object.insert("granular_markings".to_owned(), marks);
            self.any_replaced = true;
        }
        self.objects.push(Value::Object(object));
        if kind != "report" {
            self.refs.push(id.to_owned());
        }
    }

    fn everything(&mut self) {
        let story = self.story;
        let author = self.author.clone();
        let name = match story.m.organisation.name.as_str() {
            "" => story.t("stix.undisclosed"),
            name => name.to_owned(),
        };
        self.put("identity", &author, json!({"name": name, "identity_class": "organization"}));
        for id in story.techniques.keys() {
            self.technique(id);
        }
        for c in &story.m.campaigns {
            self.campaign(c);
        }
        for indicator in &story.indicators {
            self.indicator(indicator);
        }
        self.report();
    }

    fn technique(&mut self, id: &str) {
        let name = attack::name(id).unwrap_or_else(|| crate::doc::cut(id, 120));
        if name.is_empty() {
            return;
        }
        let external = match attack::url(id) {
            Some(url) => json!([{"source_name": "mitre-attack", "external_id": id, "url": url}]),
            None => json!([{"source_name": "palisade", "external_id": id}]),
        };
        let phases: Vec<Value> = attack::places(id)
            .iter()
            .filter_map(|p| attack::tactics().get(*p))
            .map(|t| match t.short.strip_prefix("ics-") {
                Some(short) => json!({"kill_chain_name": "mitre-ics-attack", "phase_name": short}),
                None => json!({"kill_chain_name": "mitre-attack", "phase_name": t.short}),
            })
            .collect();
        let properties = json!({"name": name, "external_references": external, "kill_chain_phases": phases});
        self.put("attack-pattern", &own("attack-pattern", id), properties);
    }

    fn campaign(&mut self, c: &Campaign) {
        let story = self.story;
        let id = own("campaign", &c.id.0.to_string());
        let (first, last) = c.span();
        let aliases: Vec<String> = c.aliases.iter().map(ToString::to_string).collect();
        let title = sections::campaign_title(story, c);
        let properties = json!({
            "name": c.id.to_string(),
            "description": title,
            "aliases": aliases,
            "first_seen": first.map(stamp),
            "last_seen": last.max(first).map(stamp),
            "confidence": c.cohesion.is_finite().then(|| (c.cohesion.clamp(0.0, 1.0) * 100.0).round() as u8),
        });
        self.put("campaign", &id, properties);
        let used: std::collections::BTreeSet<&str> =
            c.steps.iter().flat_map(|s| s.attack.iter().map(String::as_str)).collect();
        for technique in used.into_iter().filter(|t| story.techniques.contains_key(t)) {
            self.relate(&id, "uses", &own("attack-pattern", technique));
        }
        self.attributions(c, &id);
        for (n, j) in c.joins.iter().enumerate() {
            let (a, b) = (j.steps.0 + 1, j.steps.1 + 1);
            let mut content = story.t_with(
                "campaigns.join",
                &[
                    ("a", &a.to_string()),
                    ("b", &b.to_string()),
                    ("score", &sections::exact(j.score)),
                    ("percent", &story.o.locale.percent(j.score.probability())),
                ],
            );
            for t in &j.terms {
                let what = t.observable.as_ref().map_or(String::new(), |o| format!(" {o}"));
                content.push_str(&format!("\n{}{what}: {}", t.kind.name(), sections::exact(t.weight)));
            }
            let key = format!("{}|{}|{}|{n}", c.id.0, j.steps.0, j.steps.1);
            let properties = json!({
                "abstract": format!("{} {a}–{b}", c.id),
                "content": content,
                "object_refs": [id],
            });
            self.put("note", &own("note", &key), properties);
        }
    }

    /// Whom analysts attribute the campaign to. Drafts never came this far: what is released holds adopted ones alone.
    fn attributions(&mut self, c: &Campaign, id: &str) {
        let story = self.story;
        let subject = c.id.to_string();
        for h in story.hypotheses().into_iter().filter(|h| h.subject == subject && h.holds()) {
            let Some(attributed) = &h.attributed else { continue };
            let who = match attributed {
                Attributed::Group { name, attack } => {
                    let external = match attack {
                        Some(id) => json!([{"source_name": "mitre-attack", "external_id": id}]),
                        None => json!([]),
                    };
                    let who = own("intrusion-set", attack.as_deref().unwrap_or(name));
                    self.once("intrusion-set", &who, json!({"name": name, "external_references": external}));
                    who
                }
                Attributed::State(state) => {
                    let who = own("threat-actor", &format!("state|{state}"));
                    let kinds = json!(["nation-state"]);
                    self.once("threat-actor", &who, json!({"name": h.name, "threat_actor_types": kinds}));
                    who
                }
            };
            // Likelihood is said in words; `confidence` is how far the assessment can be trusted (STIX 2.1, appendix A,
            // scale of low, medium and high).
            let confidence = match h.confidence.as_str() {
                "low" => 15,
                "moderate" => 50,
                "high" => 85,
                _ => 0,
            };
            let properties = json!({
                "relationship_type": "attributed-to",
                "source_ref": id,
                "target_ref": who,
                "confidence": confidence,
                "description": story.likelihood(h.probability),
            });
            self.put("relationship", &own("relationship", &format!("{id}|attributed-to|{who}")), properties);
        }
    }

    /// An object that several campaigns may refer to.
    fn once(&mut self, kind: &str, id: &str, properties: Value) {
        if !self.refs.iter().any(|r| r == id) {
            self.put(kind, id, properties);
        }
    }

    fn relate(&mut self, from: &str, kind: &str, to: &str) {
        let id = own("relationship", &format!("{from}|{kind}|{to}"));
        let properties = json!({"relationship_type": kind, "source_ref": from, "target_ref": to});
        self.put("relationship", &id, properties);
    }

    fn indicator(&mut self, i: &Indicator<'_>) {
        let story = self.story;
        let Some(pattern) = pattern(i.observable) else { return };
        let key = i.observable.to_string();
        let id = own("indicator", &key);
        let first = i.first.map_or_else(|| self.modified.clone(), stamp);
        let last = i.last.max(i.first).map_or_else(|| first.clone(), stamp);
        let types = if i.severity >= Severity::High { "malicious-activity" } else { "anomalous-activity" };
        let confident = i.findings.iter().map(|f| story.m.findings[*f].confidence.0).max().unwrap_or(0);
        let techniques: std::collections::BTreeSet<&str> =
            i.findings.iter().flat_map(|f| story.m.findings[*f].attack.iter().map(String::as_str)).collect();
        let properties = json!({
            "name": i.observable.value(),
            "description": story.n("stix.seen_in", i.findings.len()),
            "indicator_types": [types],
            "pattern": pattern,
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": first,
            "confidence": confident.min(100),
        });
        self.put("indicator", &id, properties);
        let count = i.findings.len().clamp(1, MAX_COUNT);
        let mut seen = None;
        if let Some((kind, properties)) = sco(i.observable) {
            let sco = self.observable(kind, properties);
            let observed = own("observed-data", &key);
            let properties = json!({
                "first_observed": first, "last_observed": last, "number_observed": count, "object_refs": [sco],
            });
            self.put("observed-data", &observed, properties);
            self.relate(&id, "based-on", &observed);
            seen = Some(observed);
        }
        let properties = json!({
            "first_seen": first,
            "last_seen": last,
            "count": count,
            "sighting_of_ref": id,
            "observed_data_refs": seen.into_iter().collect::<Vec<_>>(),
        });
        self.put("sighting", &own("sighting", &key), properties);
        let campaigns: std::collections::BTreeSet<usize> = i
            .findings
            .iter()
            .filter_map(|f| story.campaign_of.get(&story.m.findings[*f].id).copied())
            .collect();
        for c in campaigns {
            self.relate(&id, "indicates", &own("campaign", &story.m.campaigns[c].id.0.to_string()));
        }
        for technique in techniques.into_iter().filter(|t| story.techniques.contains_key(t)) {
            self.relate(&id, "indicates", &own("attack-pattern", technique));
        }
    }

    /// Adds an SCO and returns its id.
    fn observable(&mut self, kind: &str, properties: Value) -> String {
        let id = sco_id(kind, &properties);
        let mut object = Map::new();
        for (key, value) in [("type", json!(kind)), ("spec_version", json!("2.1")), ("id", json!(id))] {
            object.insert(key.to_owned(), value);
        }
        if let Value::Object(properties) = properties {
            object.extend(properties);
        }
        object.insert("object_marking_refs".to_owned(), json!([self.tlp]));
        self.objects.push(Value::Object(object));
        self.refs.push(id.clone());
        id
    }

    fn report(&mut self) {
        let story = self.story;
        let id = own("report", self.key);
        let name = story.t("report.constituent_title");
        let said: Vec<String> =
            story.m.paragraphs.iter().map(|p| format!("{}\n\n{}", p.heading, p.text)).collect();
        let kind = if story.m.campaigns.is_empty() { "indicator" } else { "campaign" };
        let properties = json!({
            "name": name,
            "description": said.join("\n\n").trim(),
            "report_types": [kind],
            "published": self.modified,
            "object_refs": self.refs,
        });
        self.put("report", &id, properties);
    }

    fn finish(self) -> Value {
        let (tlp, word) = marking(self.story.tlp);
        let mut objects = vec![json!({
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": tlp,
            "created": "2022-10-01T00:00:00.000Z",
            "name": self.story.tlp.to_string(),
            "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": word}},
        })];
        if self.any_replaced {
            objects.push(json!({
                "type": "marking-definition",
                "spec_version": "2.1",
                "id": self.replaced,
                "created": CREATED,
                "definition_type": "statement",
                "definition": {"statement": self.story.t("checks.redacted")},
            }));
        }
        objects.extend(self.objects);
        // The same objects are the same bundle.
        let id = uuid5(NAMESPACE, &Value::Array(objects.clone()).to_string());
        json!({"type": "bundle", "id": format!("bundle--{id}"), "objects": objects})
    }
}

/// Whether a text holds a label that stands for a value: `[host 3]`.
fn holds_label(text: &str) -> bool {
    crate::privacy::LABELS
        .iter()
        .any(|l| text.contains(&format!("[{l} ")) || text.contains(&format!("[{l}]")))
}
