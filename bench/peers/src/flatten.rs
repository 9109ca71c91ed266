//! From a record's native tree to one flat map in the names rules are written
//! in, with the clean-up that real files need:
//!
//! * attributes of System elements become `Element_Attribute` (`Provider_Name`);
//!   the provider's name falls back to `EventSourceName`;
//! * the event id is the low 16 bits, with or without qualifiers;
//! * a name that stands in EventData or UserData wins over one of System
//!   (event 1102's inner `Channel` is the log that was cleared), so what routing
//!   needs is kept apart in [`Flat`];
//! * spaces are taken out of names (Defender's `Threat Name`);
//! * unnamed `<Data>` become one array `Data`;
//! * dialects of JSON (winlogbeat 6 and 7, nxlog, `Event.System`) come to the same.

use serde_json::{Map, Value};

/// A flat event and the outer values it is routed by.
pub struct Flat {
    pub channel: String,
    pub event_id: Option<u64>,
    pub fields: Value,
}

/// A tree as crate `evtx` gives it.
pub fn evtx(mut tree: Value) -> Flat {
    let mut event = take_object(&mut tree, "Event");
    nested(&mut event)
}

/// One NDJSON line of any dialect.
pub fn json(mut tree: Value) -> Flat {
    let Value::Object(map) = &mut tree else {
        return finish(Map::new(), Map::new());
    };
    if map.get("Event").is_some_and(Value::is_object) {
        let mut event = take_object(&mut tree, "Event");
        return nested(&mut event);
    }
    if map.get("event_data").is_some() || map.contains_key("log_name") {
        return winlogbeat(map.clone(), "log_name", "source_name", "record_number");
    }
    if map.get("winlog").is_some_and(Value::is_object) {
        let winlog = take_object(&mut tree, "winlog");
        return winlogbeat(winlog, "channel", "provider_name", "record_id");
    }
    flat_json(std::mem::take(map))
}

fn take_object(value: &mut Value, key: &str) -> Map<String, Value> {
    match value.get_mut(key).map(Value::take) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// `{System: …, EventData | UserData: …}`.
fn nested(event: &mut Map<String, Value>) -> Flat {
    let mut outer = Map::new();
    if let Some(Value::Object(system)) = event.remove("System") {
        for (name, value) in system {
            match value {
                Value::Object(parts) => {
                    for (key, part) in parts {
                        match key.as_str() {
                            "#attributes" => {
                                if let Value::Object(attributes) = part {
                                    for (attribute, value) in attributes {
                                        outer.insert(format!("{name}_{attribute}"), value);
                                    }
                                }
                            }
                            "#text" => {
                                outer.insert(name.clone(), part);
                            }
                            _ => {}
                        }
                    }
                }
                value => {
                    outer.insert(name, value);
                }
            }
        }
    }
    if outer.get("Provider_Name").is_none_or(|v| v.as_str().is_none_or(str::is_empty))
        && let Some(name) = outer.get("Provider_EventSourceName").cloned()
    {
        outer.insert("Provider_Name".into(), name);
    }
    let mut inner = Map::new();
    for section in ["EventData", "UserData", "ProcessingErrorData", "DebugData", "BinaryEventData"] {
        if let Some(tree) = event.remove(section) {
            leaves(section, tree, &mut inner);
        }
    }
    finish(outer, inner)
}

/// Leaf elements under EventData or UserData by their own name.
fn leaves(name: &str, tree: Value, out: &mut Map<String, Value>) {
    match tree {
        Value::Object(children) => {
            for (child, value) in children {
                match child.as_str() {
                    "#attributes" | "xmlns" => {}
                    "#text" => put(name, value, out),
                    _ => leaves(&child, value, out),
                }
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                leaves(name, item, out);
            }
        }
        value => put(name, value, out),
    }
}

/// Adds a leaf; the same name again makes an array. The reader tells repeated
/// elements apart as `Data`, `Data_1`, …: these are one name.
fn put(name: &str, value: Value, out: &mut Map<String, Value>) {
    let name = match name.strip_prefix("Data_") {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => "Data",
        _ => name,
    };
    let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let value = flat_value(value);
    match out.get_mut(&name) {
        None => {
            out.insert(name, value);
        }
        Some(Value::Array(items)) => match value {
            Value::Array(more) => items.extend(more),
            one => items.push(one),
        },
        Some(first) => {
            let first_value = first.take();
            *first = match value {
                Value::Array(mut more) => {
                    more.insert(0, first_value);
                    Value::Array(more)
                }
                one => Value::Array(vec![first_value, one]),
            };
        }
    }
}

fn flat_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(braced(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(flat_value).collect()),
        other => other,
    }
}

/// A bare GUID gets the braces that Windows and rules write.
fn braced(text: String) -> String {
    let bytes = text.as_bytes();
    let bare = bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    if bare { format!("{{{text}}}") } else { text }
}

fn winlogbeat(mut map: Map<String, Value>, channel: &str, provider: &str, number: &str) -> Flat {
    let mut inner = Map::new();
    for section in ["event_data", "user_data"] {
        if let Some(tree) = map.remove(section) {
            leaves(section, tree, &mut inner);
        }
    }
    let mut outer = Map::new();
    let names = [
        (channel, "Channel"),
        (provider, "Provider_Name"),
        ("event_id", "EventID"),
        ("computer_name", "Computer"),
        (number, "EventRecordID"),
        ("level", "Level"),
        ("task", "Task"),
        ("keywords", "Keywords"),
        ("message", "Message"),
    ];
    for (from, to) in names {
        if let Some(value) = map.remove(from) {
            outer.insert(to.into(), value);
        }
    }
    finish(outer, inner)
}

/// nxlog and logstash: everything on one level, in nearly the right names.
fn flat_json(map: Map<String, Value>) -> Flat {
    let mut outer = Map::new();
    for (name, value) in map {
        let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
        outer.insert(name, flat_value(value));
    }
    for (from, to) in [("SourceName", "Provider_Name"), ("Hostname", "Computer")] {
        if !outer.contains_key(to)
            && let Some(value) = outer.get(from).cloned()
        {
            outer.insert(to.into(), value);
        }
    }
    finish(outer, Map::new())
}

fn finish(mut outer: Map<String, Value>, inner: Map<String, Value>) -> Flat {
    let text = |map: &Map<String, Value>, key: &str| {
        map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let event_id = outer.get("EventID").and_then(|value| match value {
        Value::Number(n) => n.as_u64(),
        Value::String(s) => s.parse().ok(),
        _ => None,
    });
    let event_id = event_id.map(|id| id & 0xffff);
    if let Some(id) = event_id {
        outer.insert("EventID".into(), id.into());
    }
    let flat = Flat { channel: text(&outer, "Channel"), event_id, fields: Value::Null };
    // What the event itself says wins over its envelope.
    outer.extend(inner);
    Flat { fields: Value::Object(outer), ..flat }
}
