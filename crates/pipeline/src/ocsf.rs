//! OCSF over the lake: mapping data in, SQL of flat views and nested events out.
//!
//! Every table of the lake keeps a record's own field names. `knowledge/ocsf/*.toml` says, per
//! table, which rows are an event of which OCSF class and where each attribute comes from;
//! `schema.toml` beside them carries the class numbers, activities and enumerations over from
//! the published schema. From both this module makes, for the columns a lake has:
//!
//! - one flat view per class (`ocsf_process_activity`, …) whose columns are attribute paths
//!   (`"process.file.name"`, `"process.file.hashes.0.value"`), a `UNION ALL` over the tables
//!   that feed the class. Every row of every table is in exactly one view: what belongs to no
//!   class, or lacks what its class requires, is a base event.
//! - [`Ocsf::nest`], which turns a row of such a view into the nested JSON object.
//!
//! What this module never does: run SQL, read files, know Arrow. It is the caller who asks and prints.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::packed;

mod expr;
mod nest;

use expr::{Expr, Kind, Table, ident, literal};
pub use nest::Cell;

/// Most columns of a table that end in `unmapped`; a table of the lake has fewer.
const MAX_UNMAPPED: usize = 1_024;

/// Why mapping data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OcsfError {
    /// The text is not the TOML that is expected.
    #[error("{file}: {error}")]
    Toml {
        /// File name.
        file: String,
        /// What TOML says, with line and column.
        error: Box<toml::de::Error>,
    },
    /// An entry that says nothing or something impossible.
    #[error("{file}: {what}")]
    Mapping {
        /// File name.
        file: String,
        /// What is wrong with which entry.
        what: String,
    },
}

/// The mapping of the lake's tables to OCSF.
#[derive(Debug)]
pub struct Ocsf {
    schema: Schema,
    observables: BTreeMap<String, i64>,
    files: Vec<Mapping>,
    /// Class → its columns: the same for every lake, so that a query does not depend on what was read.
    columns: BTreeMap<String, Vec<(String, Kind)>>,
}

/// `schema.toml`: facts of the published schema.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    version: String,
    types: Types,
    categories: BTreeMap<String, String>,
    class: BTreeMap<String, Class>,
    /// What an object must have, by the name of the attribute that holds it.
    objects: BTreeMap<String, Needs>,
    /// End of an attribute path → value → caption.
    enums: BTreeMap<String, BTreeMap<String, String>>,
}

/// `common.toml`: what every event has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    attributes: toml::Table,
    /// Kind of an observable in the lake → OCSF observable type.
    observables: BTreeMap<String, i64>,
}

/// What attributes hold by their last name, as in the schema's dictionary; others are text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Types {
    integer: BTreeSet<String>,
    boolean: BTreeSet<String>,
    list: BTreeSet<String>,
}

/// What an object must have: all of one list, one of the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Needs {
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    any: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    uid: i64,
    category_uid: i64,
    caption: String,
    activities: BTreeMap<String, String>,
    required: Vec<String>,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    one: Vec<String>,
    /// Of the attributes in use those the class has.
    attributes: BTreeSet<String>,
    /// Attributes that the class has by a profile only → that profile.
    #[serde(default)]
    profiles: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToml {
    /// Tables; `windows_*` stands for those no other file names.
    tables: Vec<String>,
    /// Texts that say "no value".
    #[serde(default)]
    nothing: Vec<String>,
    /// Column → what other dialects of the same log call it.
    #[serde(default)]
    alias: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    attributes: toml::Table,
    /// Attributes of single tables.
    #[serde(default)]
    table: BTreeMap<String, toml::Table>,
    #[serde(default)]
    event: Vec<EventToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventToml {
    class: String,
    /// The tables of the file that have it; none given: all.
    #[serde(default)]
    tables: Vec<String>,
    /// Column → values, one of which it has. Without it: every row that no event before takes.
    #[serde(default, rename = "where")]
    which: BTreeMap<String, Vec<toml::Value>>,
    /// Of each list one column must have a value, or the row is a base event.
    #[serde(default)]
    needs: Vec<Vec<String>>,
    activity: toml::Value,
    /// Columns that stay in `unmapped` although an attribute uses them.
    #[serde(default)]
    keep: BTreeSet<String>,
    #[serde(default)]
    attributes: toml::Table,
}

type Attributes = BTreeMap<String, Expr>;

#[derive(Debug)]
struct Mapping {
    tables: Vec<String>,
    nothing: Vec<String>,
    alias: BTreeMap<String, Vec<String>>,
    /// For rows of no class.
    base: Attributes,
    /// Of single tables, over all others.
    table: BTreeMap<String, Attributes>,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    class: String,
    tables: Vec<String>,
    which: BTreeMap<String, Vec<String>>,
    needs: Vec<Vec<String>>,
    keep: BTreeSet<String>,
    attributes: Attributes,
}

impl Ocsf {
    /// The mapping inside the binary.
    pub fn shipped() -> Result<Ocsf, OcsfError> {
        Ocsf::parse(packed::below("ocsf/", ".toml"))
    }

    /// A mapping from the texts of its files, among them `…schema.toml` and `…common.toml`.
    pub fn parse<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Ocsf, OcsfError> {
        let texts: Vec<(&str, &str)> = texts.into_iter().collect();
        let named = |end: &str| {
            let found = texts.iter().find(|(name, _)| name.ends_with(end));
            found.copied().ok_or_else(|| wrong(end, "is missing"))
        };
        let (file, text) = named("schema.toml")?;
        let schema: Schema = from_toml(file, text)?;
        let (file, text) = named("common.toml")?;
        let Common { attributes, observables } = from_toml(file, text)?;
        let common = expr::attributes(file, &attributes)?;
        let mut files = Vec::new();
        let others = texts.iter().filter(|(n, _)| !n.ends_with("schema.toml") && !n.ends_with("common.toml"));
        for (file, text) in others {
            files.push(Mapping::new(file, from_toml(file, text)?, &schema, &common)?);
        }
        // Rows of tables that no file names.
        files.push(Mapping {
            tables: vec!["*".into()],
            nothing: Vec::new(),
            alias: BTreeMap::new(),
            base: finish(&schema, "base_event", Expr::Int(0), &[&common])?,
            table: BTreeMap::new(),
            events: Vec::new(),
        });
        let mut ocsf = Ocsf { schema, observables, files, columns: BTreeMap::new() };
        ocsf.columns = ocsf.schema.class.keys().map(|c| (c.clone(), ocsf.columns_of(c))).collect();
        Ok(ocsf)
    }

    /// The version of the schema that events follow.
    pub fn version(&self) -> &str {
        &self.schema.version
    }

    /// Every class with a view, and its number.
    pub fn classes(&self) -> impl Iterator<Item = (&str, i64)> {
        self.schema.class.iter().map(|(name, class)| (name.as_str(), class.uid))
    }

    /// The native fields that the mapping reads. A field is a column of the lake only if somebody
    /// knows its name before evidence is read, so these names must be interned with those of rules.
    pub fn fields(&self) -> BTreeSet<&str> {
        let mut out = BTreeSet::new();
        for file in &self.files {
            let events = file.events.iter();
            for attributes in
                events.clone().map(|e| &e.attributes).chain(file.table.values()).chain([&file.base])
            {
                attributes.values().for_each(|e| e.columns(&mut out));
            }
            out.extend(file.alias.values().flatten().map(String::as_str));
            for event in events {
                out.extend(event.which.keys().chain(event.needs.iter().flatten()).map(String::as_str));
            }
        }
        out.retain(|name| !name.starts_with('_'));
        out
    }

    /// The views over tables given with their columns (name, type): name and SQL of each.
    ///
    /// Types are understood as Arrow writes them (`Utf8View`, `Int64`, `Timestamp(µs, "UTC")`, `List(Utf8)`)
    /// or in short (`utf8`, `int64`). A class that no table feeds has an empty view with the same columns.
    pub fn views(&self, tables: &[(String, Vec<(String, String)>)]) -> Vec<(String, String)> {
        let mut branches: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, columns) in tables {
            let file = self.file_of(name);
            let table = Table::new(name, columns, &file.nothing, &file.alias);
            self.table_branches(file, &table, &mut branches);
        }
        let classes = self.schema.class.keys();
        let view = |class: &String| {
            let selects = match branches.get(class.as_str()) {
                Some(selects) => selects.join("\nUNION ALL\n"),
                None => self.empty(class),
            };
            (format!("ocsf_{class}"), selects)
        };
        classes.map(view).collect()
    }

    /// A row of a view as a nested event: no nulls, lists where the path has numbers, `_rest` and the
    /// columns without a place as members of `unmapped`.
    ///
    /// A whole row gives a valid event, whatever its record held: an object that lacks what OCSF
    /// requires of it stands in `unmapped` under its path, and an event that then lacks what its class
    /// requires is a base event. A row without `class_uid` is nested as it is.
    pub fn nest(&self, columns: &[&str], cells: &[Cell<'_>]) -> Value {
        nest::nest(self, columns, cells)
    }

    /// OCSF observable type and its caption; kinds that OCSF has no number for are "Other" with their own name.
    fn observable(&self, kind: &str) -> (i64, String) {
        let id = self.observables.get(kind).copied().unwrap_or(99);
        let caption = self.schema.enums.get("observables.type_id").and_then(|e| e.get(&id.to_string()));
        match caption {
            Some(caption) if id != 99 => (id, caption.clone()),
            _ => (99, kind.to_owned()),
        }
    }

    /// The file for a table: one that names it, else the one with the longest fitting `…*`.
    fn file_of(&self, table: &str) -> &Mapping {
        let name = normal(table);
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start).then_some(pattern.len()),
            None => (name == *pattern).then_some(usize::MAX),
        };
        let best =
            self.files.iter().max_by_key(|f| f.tables.iter().filter_map(fits).max().unwrap_or_default());
        // The last file fits every table.
        best.unwrap_or(&self.files[self.files.len() - 1])
    }

    fn table_branches<'a>(
        &'a self,
        file: &'a Mapping,
        table: &Table<'_>,
        out: &mut BTreeMap<&'a str, Vec<String>>,
    ) {
        let name = normal(table.name);
        let own = file.table.get(&name);
        let mut taken: Vec<String> = Vec::new();
        for event in file.events.iter().filter(|e| e.tables.is_empty() || e.tables.contains(&name)) {
            let Some(mut condition) = event.condition(table) else { continue };
            if event.which.is_empty()
                && let Some(others) = none_of(&taken)
            {
                condition = format!("{others} AND {condition}");
            }
            let select = self.select(&event.class, table, &[Some(&event.attributes), own], &event.keep);
            out.entry(&event.class).or_default().push(format!("{select} WHERE {condition}"));
            taken.push(condition);
        }
        let mut select = self.select("base_event", table, &[Some(&file.base), own], &BTreeSet::new());
        if let Some(others) = none_of(&taken) {
            select = format!("{select} WHERE {others}");
        }
        out.entry("base_event").or_default().push(select);
    }

    fn select(
        &self,
        class: &str,
        table: &Table<'_>,
        layers: &[Option<&Attributes>],
        keep: &BTreeSet<String>,
    ) -> String {
        let find = |path: &str| layers.iter().rev().flatten().find_map(|a| a.get(path));
        let mut used = BTreeSet::new();
        let columns = self.columns.get(class).map_or(&[][..], |c| c);
        let mut items = Vec::with_capacity(columns.len());
        for (path, kind) in columns {
            let expr = find(path);
            if let Some(expr) = expr {
                expr.columns(&mut used);
            }
            let value = match path.as_str() {
                "unmapped" => continue,
                _ => expr.and_then(|e| table.sql_as(e, *kind)),
            };
            items.push(format!("{} AS {}", value.unwrap_or_else(|| kind.null()), ident(path)));
        }
        let used: BTreeSet<&str> = used.iter().flat_map(|name| table.spelled(name)).map(|(n, _)| n).collect();
        let rest: Vec<String> = table
            .columns()
            .filter(|(name, _)| !name.starts_with('_') && (!used.contains(name) || keep.contains(*name)))
            .take(MAX_UNMAPPED)
            .filter_map(|(name, _)| {
                let label = literal(&format!("{name}="));
                Some(format!("{label} || {}", table.text(&Expr::Column(name.into()))?))
            })
            .collect();
        let unmapped = match rest.is_empty() {
            true => Kind::List.null(),
            false => format!("array_compact(make_array({}))", rest.join(", ")),
        };
        items.push(format!("{unmapped} AS \"unmapped\""));
        format!("SELECT {} FROM {}", items.join(", "), ident(table.name))
    }

    fn empty(&self, class: &str) -> String {
        let columns = self.columns.get(class).map_or(&[][..], |c| c);
        let items: Vec<String> =
            columns.iter().map(|(path, kind)| format!("{} AS {}", kind.null(), ident(path))).collect();
        format!("SELECT {} WHERE false", items.join(", "))
    }

    fn columns_of(&self, class: &str) -> Vec<(String, Kind)> {
        let mut paths: BTreeSet<&str> = BTreeSet::new();
        for file in &self.files {
            let events = file.events.iter().filter(|e| e.class == class).map(|e| &e.attributes);
            let base = [&file.base].into_iter().filter(|_| class == "base_event");
            let before = paths.len();
            for attributes in events.chain(base) {
                paths.extend(attributes.keys().map(String::as_str));
            }
            if paths.len() > before {
                paths.extend(file.table.values().flat_map(Attributes::keys).map(String::as_str));
            }
        }
        // What a person looks for first comes first; `unmapped`, the longest, last.
        let first = ["time", "class_uid", "class_name", "activity_id", "activity_name"];
        let known = first.iter().copied().filter(|p| paths.contains(p));
        let others = paths.iter().copied().filter(|p| !first.contains(p) && *p != "unmapped");
        known
            .chain(others)
            .map(|p| (p.to_owned(), self.schema.types.of(p)))
            .chain([("unmapped".into(), Kind::List)])
            .collect()
    }
}

impl Types {
    fn of(&self, path: &str) -> Kind {
        let last = path.rsplit('.').next().unwrap_or(path);
        match last {
            // `unmapped` has no schema: what is a number in it is listed with its whole path.
            _ if self.integer.contains(last) || self.integer.contains(path) => Kind::Int,
            _ if self.boolean.contains(last) => Kind::Bool,
            _ if self.list.contains(last) => Kind::List,
            _ => Kind::Text,
        }
    }
}

impl Mapping {
    fn new(file: &str, toml: FileToml, schema: &Schema, common: &Attributes) -> Result<Mapping, OcsfError> {
        let shared = expr::attributes(file, &toml.attributes)?;
        let mut table = BTreeMap::new();
        for (name, attributes) in &toml.table {
            let mut own = expr::attributes(file, attributes)?;
            siblings(schema, &mut own);
            table.insert(name.clone(), own);
        }
        let mut events = Vec::new();
        for event in toml.event {
            let own = expr::attributes(file, &event.attributes)?;
            let activity = expr::parse(file, "activity", &event.activity)?;
            let which = event.which.into_iter().map(|(column, values)| {
                let values = values.iter().map(|v| match v {
                    toml::Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                (column, values.collect())
            });
            events.push(Event {
                attributes: finish(schema, &event.class, activity, &[common, &shared, &own])
                    .map_err(|e| e.in_file(file))?,
                class: event.class,
                tables: event.tables,
                which: which.collect(),
                needs: event.needs,
                keep: event.keep,
            });
        }
        let base = finish(schema, "base_event", Expr::Int(0), &[common, &shared])?;
        let FileToml { tables, nothing, alias, .. } = toml;
        Ok(Mapping { tables, nothing, alias, base, table, events })
    }
}

impl Event {
    /// Which rows of a table are this event; `None`: none, for want of columns.
    fn condition(&self, table: &Table<'_>) -> Option<String> {
        let mut all = Vec::new();
        for (column, values) in &self.which {
            all.push(table.is_one_of(column, values)?);
        }
        for any in &self.needs {
            let there: Vec<String> = any
                .iter()
                .filter_map(|c| table.text(&Expr::Column(c.clone())))
                .map(|sql| format!("{sql} IS NOT NULL"))
                .collect();
            if there.is_empty() {
                return None;
            }
            all.push(format!("({})", there.join(" OR ")));
        }
        if all.is_empty() {
            all.push("TRUE".into());
        }
        Some(all.join(" AND "))
    }
}

/// Rows for which none of the conditions holds; an unknown condition does not hold.
fn none_of(conditions: &[String]) -> Option<String> {
    let any: Vec<String> = conditions.iter().map(|c| format!("({c})")).collect();
    (!any.is_empty()).then(|| format!("({}) IS NOT TRUE", any.join(" OR ")))
}

/// The attributes of an event of a class: layers over each other, and what follows from the class.
fn finish(
    schema: &Schema,
    name: &str,
    activity: Expr,
    layers: &[&Attributes],
) -> Result<Attributes, OcsfError> {
    let class = schema.class.get(name).ok_or_else(|| wrong("", &format!("class {name:?} is unknown")))?;
    let mut all: Attributes = BTreeMap::new();
    for (n, layer) in layers.iter().enumerate() {
        for (path, expr) in layer.iter() {
            let top = path.split('.').next().unwrap_or(path);
            // What all events of a file share counts where the class has it; what an event names itself must exist.
            if top == "unmapped" || class.attributes.contains(top) {
                all.insert(path.clone(), expr.clone());
            } else if n + 1 == layers.len() && name != "base_event" {
                return Err(wrong("", &format!("class {name:?} has no attribute {top:?}")));
            }
        }
    }
    let category = schema.categories.get(&class.category_uid.to_string()).cloned().unwrap_or_default();
    let named = Expr::caption(&activity, &class.activities);
    let activity = Expr::First(vec![activity, Expr::Int(0)]);
    let type_names = class.activities.iter().map(|(id, a)| (id.clone(), format!("{}: {a}", class.caption)));
    let mut set = |path: &str, expr: Expr| {
        all.entry(path.to_owned()).or_insert(expr);
    };
    set("type_name", Expr::caption(&activity, &type_names.collect()));
    set("activity_name", named);
    set("type_uid", Expr::Plus(Box::new(activity.clone()), class.uid * 100));
    set("activity_id", activity);
    set("class_uid", Expr::Int(class.uid));
    set("class_name", Expr::Text(class.caption.clone()));
    set("category_uid", Expr::Int(class.category_uid));
    set("category_name", Expr::Text(category));
    set("metadata.version", Expr::Text(schema.version.clone()));
    // Classes of an extension have numbers above its own number times 100,000; ours are of `win`, number 2.
    if class.uid > 200_000 {
        set("metadata.extensions.0.name", Expr::Text("win".into()));
        set("metadata.extensions.0.uid", Expr::Text("2".into()));
        set("metadata.extensions.0.version", Expr::Text(schema.version.clone()));
    }
    let tops = all.keys().map(|p| p.split('.').next().unwrap_or(p));
    let profiles: BTreeSet<&String> = tops.filter_map(|top| class.profiles.get(top)).collect();
    if !profiles.is_empty() {
        let list = profiles.iter().map(|p| Expr::Text((*p).clone())).collect();
        all.entry("metadata.profiles".into()).or_insert(Expr::List(list));
    }
    siblings(schema, &mut all);
    Ok(all)
}

/// Beside every number of an enumeration its caption (`severity_id` → `severity`), as OCSF recommends.
fn siblings(schema: &Schema, attributes: &mut Attributes) {
    let mut new = Attributes::new();
    for (path, expr) in attributes.iter() {
        let Some(sibling) = path.strip_suffix("_id").filter(|s| !attributes.contains_key(*s)) else {
            continue;
        };
        let plain: Vec<&str> = path.split('.').filter(|p| p.parse::<usize>().is_err()).collect();
        let ends = (0..plain.len()).map(|i| plain[i..].join("."));
        if let Some(captions) = ends.into_iter().find_map(|end| schema.enums.get(&end)) {
            new.insert(sibling.to_owned(), Expr::caption(expr, captions));
        }
    }
    attributes.extend(new);
}

/// Table names are parts of shape names; what is no letter or digit counts as one `_`.
fn normal(table: &str) -> String {
    let table = table.split('#').next().unwrap_or(table).to_lowercase();
    let parts = table.split(|c: char| !c.is_ascii_alphanumeric()).filter(|p| !p.is_empty());
    parts.collect::<Vec<_>>().join("_")
}

fn from_toml<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, OcsfError> {
    toml::from_str(text).map_err(|e| OcsfError::Toml { file: file.into(), error: Box::new(e) })
}

fn wrong(file: &str, what: &str) -> OcsfError {
    OcsfError::Mapping { file: file.into(), what: what.into() }
}

impl OcsfError {
    fn in_file(self, name: &str) -> OcsfError {
        match self {
            OcsfError::Mapping { what, .. } => OcsfError::Mapping { file: name.into(), what },
            other => other,
        }
    }
}
