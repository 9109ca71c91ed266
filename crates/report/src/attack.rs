//! Names and tactics of ATT&CK techniques, from `knowledge/attack/techniques.toml`.
//!
//! What this module never does: guess. A technique that the table does not hold is shown by its id.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("../../../knowledge/attack/techniques.toml");

/// A tactic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tactic {
    pub short: String,
    pub id: String,
    pub name: String,
}

#[derive(Default)]
struct Table {
    tactics: Vec<Tactic>,
    techniques: BTreeMap<String, (String, Vec<usize>)>,
}

static ATTACK: LazyLock<Table> = LazyLock::new(|| read().unwrap_or_default());

fn read() -> Option<Table> {
    let table: toml::Table = toml::from_str(TABLE).ok()?;
    let texts = |v: &toml::Value| -> Option<Vec<String>> {
        Some(v.as_array()?.iter().filter_map(|t| Some(t.as_str()?.to_owned())).collect())
    };
    let mut out = Table::default();
    for row in table.get("tactics")?.as_array()? {
        if let [short, id, name] = texts(row)?.as_slice() {
            out.tactics.push(Tactic { short: short.clone(), id: id.clone(), name: name.clone() });
        }
    }
    for (id, row) in table.get("techniques")?.as_table()? {
        let texts = texts(row)?;
        let (name, tactics) = texts.split_first()?;
        let places = tactics.iter().filter_map(|t| out.tactics.iter().position(|k| k.short == *t)).collect();
        out.techniques.insert(id.clone(), (name.clone(), places));
    }
    Some(out)
}

/// Tactics in the order of the matrix.
pub(crate) fn tactics() -> &'static [Tactic] {
    &ATTACK.tactics
}

/// A technique's name with that of its parent: `OS Credential Dumping: LSASS Memory`.
pub(crate) fn name(id: &str) -> Option<String> {
    let (name, _) = ATTACK.techniques.get(id)?;
    match id.split_once('.').and_then(|(parent, _)| ATTACK.techniques.get(parent)) {
        Some((parent, _)) => Some(format!("{parent}: {name}")),
        None => Some(name.clone()),
    }
}

/// Places of a technique's tactics in [`tactics`]; empty if it is not known.
pub(crate) fn places(id: &str) -> &'static [usize] {
    ATTACK.techniques.get(id).map_or(&[], |(_, places)| places)
}

/// Whether an id has the form of an ATT&CK technique: `T1059`, `T1059.001`, `T0855`.
pub(crate) fn is_technique(id: &str) -> bool {
    let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    match id.strip_prefix('T').map(|rest| rest.split_once('.')) {
        Some(Some((main, sub))) => digits(main, 4) && digits(sub, 3),
        Some(None) => digits(&id[1..], 4),
        None => false,
    }
}

/// The technique's page at MITRE; `None` for ids of another form (DISARM).
pub(crate) fn url(id: &str) -> Option<String> {
    is_technique(id).then(|| format!("https://attack.mitre.org/techniques/{}/", id.replace('.', "/")))
}
