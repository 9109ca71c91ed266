//! Which table and which column a value goes to.
//!
//! Closed before evidence is opened, like everything that decides: the same record has the
//! same place whatever was read before it and on whichever thread.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use palisade_model::{Catalogue, Extract, FieldId, Fields, Shape, ShapeId};

/// Most columns of one table beside the envelope; further fields go to `_rest`.
pub const MAX_COLUMNS: usize = 512;

/// Row flags, the `_flags` column.
pub mod flag {
    /// The record was carved from space its log had given up.
    pub const RECOVERED: i32 = 1;
    /// Rules see GUIDs of the row with braces and without.
    pub const GUIDS: i32 = 2;
    /// An empty text of the row is an XML element without content.
    pub const BLANK: i32 = 4;
    /// The row was carved, and its log has brought the same record before: SQL shows it, rules
    /// do not look at it again.
    pub const COPY: i32 = 8;
}

/// What the lake wants to know of fields, from `knowledge/fields/columns.toml`.
#[derive(Clone, Default, Debug)]
pub struct LayoutSpec {
    /// Fields whose values are whole numbers: columns of type `BIGINT`. `table:field` says it of one table.
    pub integer: Vec<String>,
    /// Fields that hold the address a connection or a logon came from, best first.
    pub src_ip: Vec<String>,
    /// Fields that hold the address it went to, best first.
    pub dst_ip: Vec<String>,
}

/// The envelope: columns that every segment has, in order. Times are UTC.
pub fn envelope() -> Vec<Field> {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    vec![
        Field::new(TIME, DataType::Timestamp(TimeUnit::Microsecond, None), true),
        text(SHAPE, false),
        text(VECTOR, false),
        number(SOURCE),
        text(MEMBER, false),
        number(RECORD),
        number(OFFSET),
        Field::new(FLAGS, DataType::Int32, false),
        Field::new(DIGEST, DataType::FixedSizeBinary(16), false),
        text(HOST, true),
        text(USER, true),
        text(SRC_IP, true),
        text(DST_IP, true),
        Field::new(OBSERVABLES, DataType::List(Arc::new(Field::new("item", DataType::Utf8, false))), false),
        text(REST, true),
    ]
}

pub(crate) const TIME: &str = "_time";
pub(crate) const SHAPE: &str = "_shape";
pub(crate) const VECTOR: &str = "_vector";
pub(crate) const SOURCE: &str = "_source";
pub(crate) const MEMBER: &str = "_member";
pub(crate) const RECORD: &str = "_record";
pub(crate) const OFFSET: &str = "_offset";
pub(crate) const FLAGS: &str = "_flags";
pub(crate) const DIGEST: &str = "_digest";
pub(crate) const HOST: &str = "_host";
pub(crate) const USER: &str = "_user";
pub(crate) const SRC_IP: &str = "_src_ip";
pub(crate) const DST_IP: &str = "_dst_ip";
pub(crate) const OBSERVABLES: &str = "_observables";
pub(crate) const REST: &str = "_rest";

/// The envelope as a schema: what `events` has.
pub fn envelope_schema() -> SchemaRef {
    Arc::new(Schema::new(envelope()))
}

/// Type of a column beside the envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
}

impl ColumnType {
    /// As Arrow says it.
    pub fn arrow(self) -> DataType {
        match self {
            ColumnType::Text => DataType::Utf8,
            ColumnType::Integer => DataType::Int64,
        }
    }

    /// Its name in the catalogue of segments.
    pub fn name(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::Integer => "integer",
        }
    }
}

/// What the lake does with records of one shape.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its table.
    pub table: u16,
    pub shape: Arc<str>,
    pub host: Vec<FieldId>,
    pub user: Vec<FieldId>,
    pub observables: Vec<(FieldId, Extract)>,
}

/// The way from shapes and fields to tables and columns.
#[derive(Debug)]
pub struct Layout {
    pub(crate) places: Vec<Place>,
    pub(crate) tables: Vec<Arc<str>>,
    /// By field: its name, and the tables in which it is a whole number.
    pub(crate) columns: Vec<(Arc<str>, Vec<u16>)>,
    pub(crate) src_ip: Vec<FieldId>,
    pub(crate) dst_ip: Vec<FieldId>,
}

impl Layout {
    /// Closes the layout of a run.
    pub fn new(spec: &LayoutSpec, fields: &Fields, catalogue: &Catalogue) -> Layout {
        let mut tables: Vec<Arc<str>> = Vec::new();
        let places = catalogue
            .shapes()
            .map(|(_, shape)| {
                let name = table_of(&shape.name);
                let table = tables.iter().position(|t| **t == *name).unwrap_or_else(|| {
                    tables.push(name.into());
                    tables.len() - 1
                });
                Place {
                    table: table as u16,
                    shape: shape.name.as_str().into(),
                    host: shape.host.clone(),
                    user: shape.user.clone(),
                    observables: watched(shape),
                }
            })
            .collect();
        let all: Vec<u16> = (0..tables.len() as u16).collect();
        let columns = fields
            .iter()
            .map(|(_, name)| {
                let mut integer = Vec::new();
                for said in &spec.integer {
                    match said.split_once(':') {
                        Some((table, field)) if field == name => {
                            integer.extend(tables.iter().position(|t| **t == *table).map(|t| t as u16));
                        }
                        None if said == name => integer = all.clone(),
                        _ => {}
                    }
                }
                (name.into(), integer)
            })
            .collect();
        let ids = |names: &[String]| names.iter().filter_map(|n| fields.id(n)).collect();
        Layout { places, tables, columns, src_ip: ids(&spec.src_ip), dst_ip: ids(&spec.dst_ip) }
    }

    /// Type of a field's column in a table; `None` if it has none: a name that begins like the
    /// envelope's must not stand for a column of it.
    pub(crate) fn kind(&self, field: FieldId, table: u16) -> Option<ColumnType> {
        let (_, integer) = self.columns.get(field.index()).filter(|(name, _)| !name.starts_with('_'))?;
        Some(if integer.contains(&table) { ColumnType::Integer } else { ColumnType::Text })
    }

    pub(crate) fn place(&self, shape: ShapeId) -> Option<&Place> {
        self.places.get(shape.index()).or_else(|| self.places.first())
    }
}

/// What of a shape is watched: its observables, and host and account whatever the routing lists.
fn watched(shape: &Shape) -> Vec<(FieldId, Extract)> {
    let mut out = shape.observables.clone();
    let more = shape.host.iter().map(|f| (*f, Extract::Domain));
    let more = more.chain(shape.user.iter().map(|f| (*f, Extract::Account)));
    for (field, extract) in more {
        if !out.iter().any(|(f, _)| *f == field) {
            out.push((field, extract));
        }
    }
    out
}

/// `windows/sysmon/1` to `windows_sysmon`: a name that needs no quoting in SQL.
pub fn table_of(shape: &str) -> String {
    let parts = shape.split('#').next().unwrap_or(shape).split('/').take(2);
    let mut name = String::new();
    for part in parts.filter(|p| *p != "-") {
        if !name.is_empty() {
            name.push('_');
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        name.extend(part.chars().map(plain));
    }
    if name.is_empty() { "unrecognised".into() } else { name }
}
