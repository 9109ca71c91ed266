//! Flat rows to nested events. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

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

pub(super) fn nest(
    columns: &[&str],
    cells: &[Cell<'_>],
    observable: &dyn Fn(&str) -> (i64, String),
) -> Value {
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
                let list = list.iter().map(|o| observed(o, observable)).collect();
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
fn observed(text: &str, observable: &dyn Fn(&str) -> (i64, String)) -> Value {
    let (kind, value) = text.split_once(':').unwrap_or(("other", text));
    let (id, caption) = observable(kind);
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
