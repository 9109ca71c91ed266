//! Flat rows to nested events. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Class, Ocsf};

/// The last port.
const MAX_PORT: i64 = 65_535;

/// A value of a flat row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell<'a> {
    /// Nothing: the attribute is left out.
    Null,
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(&'a str),
    /// A list of texts, without its nulls.
    List(Vec<String>),
}

/// Steps of a path: members and places in a list.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step<'a> {
    Place(usize),
    Member(&'a str),
}

enum Node<'a> {
    Leaf(Value),
    Branch(BTreeMap<Step<'a>, Node<'a>>),
}

pub(super) fn nest(ocsf: &Ocsf, columns: &[&str], cells: &[Cell<'_>]) -> Value {
    let mut root = BTreeMap::new();
    let mut unmapped = Map::new();
    for (path, cell) in columns.iter().zip(cells) {
        match (*path, cell) {
            (_, Cell::Null) => {}
            ("unmapped", Cell::List(pairs)) => {
                for pair in pairs {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    unmapped.insert(name.to_owned(), Value::from(value));
                }
            }
            // What the lake kept as JSON text; a text that is none (it cannot be) stays a text.
            ("unmapped._rest", Cell::Text(text)) => match serde_json::from_str(text) {
                Ok(Value::Object(rest)) => {
                    for (name, value) in rest {
                        unmapped.entry(name).or_insert(value);
                    }
                }
                _ => {
                    unmapped.insert("_rest".into(), Value::from(*text));
                }
            },
            ("observables", Cell::List(list)) if !list.is_empty() => {
                let list = list.iter().map(|o| observed(ocsf, o)).collect();
                insert(&mut root, path, Value::Array(list));
            }
            (_, Cell::List(list)) if list.is_empty() => {}
            (path, cell) => insert(&mut root, path, plain(cell)),
        }
    }
    let mut event = match value(Node::Branch(root)) {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    if event.contains_key("class_uid") {
        complete(ocsf, &mut event, &mut unmapped);
    }
    if !unmapped.is_empty() {
        match event.get_mut("unmapped") {
            // The citation was told under its own name and stays, whatever a record calls its fields.
            Some(Value::Object(own)) => {
                unmapped.append(own);
                *own = unmapped;
            }
            _ => {
                event.insert("unmapped".into(), Value::Object(unmapped));
            }
        }
    }
    Value::Object(event)
}

fn plain(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(n) => Value::from(*n),
        Cell::Bool(b) => Value::from(*b),
        Cell::Text(text) => Value::from(*text),
        Cell::List(list) => Value::from(list.clone()),
    }
}

/// `kind:value` as an OCSF observable.
fn observed(ocsf: &Ocsf, text: &str) -> Value {
    let (kind, value) = text.split_once(':').unwrap_or(("other", text));
    let (id, caption) = ocsf.observable(kind);
    let mut map = Map::new();
    map.insert("name".into(), Value::from(kind));
    map.insert("type".into(), Value::from(caption));
    map.insert("type_id".into(), Value::from(id));
    map.insert("value".into(), Value::from(value));
    Value::Object(map)
}

fn insert<'a>(root: &mut BTreeMap<Step<'a>, Node<'a>>, path: &'a str, leaf: Value) {
    let mut at = root;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let step = part.parse().map_or(Step::Member(part), Step::Place);
        if parts.peek().is_none() {
            at.insert(step, Node::Leaf(leaf));
            return;
        }
        let next = at.entry(step).or_insert_with(|| Node::Branch(BTreeMap::new()));
        // A path through a value: the longer path says more.
        if let Node::Leaf(_) = next {
            *next = Node::Branch(BTreeMap::new());
        }
        match next {
            Node::Branch(branch) => at = branch,
            Node::Leaf(_) => return,
        }
    }
}

/// Places become a list without holes: a missing MD5 does not leave a gap before the SHA-1.
fn value(node: Node<'_>) -> Value {
    let branch = match node {
        Node::Leaf(value) => return value,
        Node::Branch(branch) => branch,
    };
    if branch.keys().all(|step| matches!(step, Step::Place(_))) && !branch.is_empty() {
        return branch.into_values().map(value).collect();
    }
    let member = |(step, node)| match step {
        Step::Member(name) => (name.to_owned(), value(node)),
        Step::Place(n) => (n.to_string(), value(node)),
    };
    Value::Object(branch.into_iter().map(member).collect())
}

/// Moves what OCSF would not accept to `unmapped`: nothing is lost, and the event is valid.
fn complete(ocsf: &Ocsf, event: &mut Map<String, Value>, unmapped: &mut Map<String, Value>) {
    let mut path = String::new();
    prune(ocsf, event, &mut path, unmapped);
    let uid = event.get("class_uid").and_then(Value::as_i64);
    let classes = &ocsf.schema.class;
    let (Some(class), Some(base)) =
        (classes.values().find(|c| Some(c.uid) == uid), classes.get("base_event"))
    else {
        return;
    };
    let has = |name: &String| event.contains_key(name);
    let whole = class.required.iter().all(has)
        && (class.any.is_empty() || class.any.iter().any(has))
        && (class.one.is_empty() || class.one.iter().filter(|n| has(n)).count() == 1);
    if !whole && uid != Some(base.uid) {
        as_base(base, event, unmapped);
    }
    // Profiles speak of attributes that are there.
    let class = if whole { class } else { base };
    let profiles: BTreeSet<&str> =
        event.keys().filter_map(|name| class.profiles.get(name)).map(String::as_str).collect();
    let profiles: Vec<Value> = profiles.into_iter().map(Value::from).collect();
    if let Some(Value::Object(metadata)) = event.get_mut("metadata") {
        metadata.remove("profiles");
        if !profiles.is_empty() {
            metadata.insert("profiles".into(), Value::Array(profiles));
        }
    }
}

/// Drops to `unmapped` what lacks its required members, innermost first.
fn prune(ocsf: &Ocsf, object: &mut Map<String, Value>, path: &mut String, out: &mut Map<String, Value>) {
    let start = path.len();
    object.retain(|name, value| {
        path.truncate(start);
        if start > 0 {
            path.push('.');
        }
        path.push_str(name);
        // `unmapped` and what is not an object of the schema have no rules.
        let keep = match value {
            _ if start == 0 && name == "unmapped" => true,
            Value::Object(inner) => {
                prune(ocsf, inner, path, out);
                path.truncate(start + usize::from(start > 0) + name.len());
                inner.is_empty() || accepts(ocsf, name, inner)
            }
            Value::Array(items) => {
                items.retain_mut(|item| match item {
                    Value::Object(inner) => {
                        prune(ocsf, inner, path, out);
                        path.truncate(start + usize::from(start > 0) + name.len());
                        let keep = accepts(ocsf, name, inner);
                        if !keep && !inner.is_empty() {
                            out.insert(path.clone(), Value::Object(std::mem::take(inner)));
                        }
                        keep
                    }
                    _ => true,
                });
                true
            }
            Value::Number(n) if name == "port" => n.as_i64().is_some_and(|n| (0..=MAX_PORT).contains(&n)),
            _ => true,
        };
        if !keep {
            out.insert(path.clone(), value.take());
        }
        let empty = match value {
            Value::Object(inner) => inner.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        keep && !empty
    });
    path.truncate(start);
}

fn accepts(ocsf: &Ocsf, name: &str, object: &Map<String, Value>) -> bool {
    ocsf.schema.objects.get(name).is_none_or(|needs| {
        needs.required.iter().all(|n| object.contains_key(n))
            && (needs.any.is_empty() || needs.any.iter().any(|n| object.contains_key(n)))
    })
}

/// Makes an event that lacks what its class requires a base event.
fn as_base(base: &Class, event: &mut Map<String, Value>, unmapped: &mut Map<String, Value>) {
    for name in ["activity_name", "category_name", "class_name", "type_name"] {
        event.remove(name);
    }
    event.retain(|name, value| {
        let keep = base.attributes.contains(name) || name == "unmapped";
        if !keep {
            unmapped.insert(name.clone(), value.take());
        }
        keep
    });
    for name in ["activity_id", "category_uid", "class_uid", "type_uid"] {
        event.insert(name.into(), Value::from(base.uid));
    }
    event.insert("class_name".into(), Value::from(base.caption.as_str()));
    // What every event must have, said as unknown.
    for name in ["severity_id", "time"] {
        event.entry(name).or_insert(Value::from(0));
    }
    if let Some(Value::Object(metadata)) = event.get_mut("metadata") {
        metadata.remove("extensions");
    }
}
