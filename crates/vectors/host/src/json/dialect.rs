//! Dialects: how a JSON record is recognised and where its parts are, as data.
//!
//! `knowledge/fields/dialects.toml` lists them, narrow ones first. Only key sets
//! decide, never values: a record cannot talk itself into another stream.

use std::borrow::Cow;
use std::collections::BTreeMap;

use palisade_model::{FieldId, Fields, HashNames};
use serde::Deserialize;

use super::row::MOUNTED;
use super::trie::{ANY, Builder, NodeId, ROOT, Trie, What};

/// Most dialects one run may know; the tag of a dialect is a byte.
pub const MAX_DIALECTS: usize = 200;

/// Most distinct paths by which dialects are recognised.
pub const MAX_SIGNS: u16 = 256;

/// Most numbered keys read as unnamed `Data`. Events of real providers have up to about 30.
const MAX_UNNAMED: u8 = 64;

/// Why a dialect file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// The text is not the TOML expected.
    #[error("{file}: {error}")]
    Toml {
        /// File name.
        file: String,
        /// What TOML says, with line and column.
        error: Box<toml::de::Error>,
    },
    /// A dialect that nothing can be recognised by would swallow every record.
    #[error("{file}: dialect \"{name}\" names no path under `require` or `any`")]
    Signless {
        /// File name.
        file: String,
        /// The dialect.
        name: String,
    },
    /// More than a limit allows.
    #[error("{file}: more than {limit} {what}")]
    Limit {
        /// File name.
        file: String,
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToml {
    #[serde(default)]
    dialect: Vec<DialectToml>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            OneOrMany::One(s) => std::slice::from_ref(s),
            OneOrMany::Many(s) => s,
        }
    }
}

/// What a table of one's own holds ([`DialectSet::add_mapping`]).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingToml {
    stream: String,
    #[serde(default)]
    json: Vec<String>,
    columns: BTreeMap<String, OneOrMany>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DialectToml {
    name: String,
    #[serde(default)]
    require: Vec<String>,
    #[serde(default)]
    any: Vec<String>,
    product: Option<String>,
    #[serde(default)]
    mount: Vec<String>,
    #[serde(default)]
    xml: Vec<String>,
    #[serde(default)]
    json: Vec<String>,
    #[serde(default)]
    audit: Vec<String>,
    #[serde(default)]
    program: Vec<String>,
    #[serde(default)]
    named: Vec<String>,
    #[serde(default)]
    records: Vec<String>,
    stream: Option<OneOrMany>,
    stream_const: Option<String>,
    #[serde(default)]
    stream_prefix: String,
    stream_else: Option<String>,
    #[serde(default)]
    event_id: Vec<String>,
    #[serde(default)]
    time: Vec<String>,
    #[serde(default)]
    local_time: Vec<String>,
    #[serde(default)]
    host: Vec<String>,
    /// The record's own number: for people who write dialects. Citations use the line.
    #[serde(default, rename = "record")]
    _record: Vec<String>,
    #[serde(default)]
    rename: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    fallback: BTreeMap<String, String>,
    #[serde(default)]
    strip_prefix: String,
    #[serde(default)]
    strip_spaces: bool,
    /// What a number follows in the names of the event's unnamed `Data`.
    #[serde(default)]
    unnamed: String,
}

/// Which presence bits a line showed.
pub(super) type Signs = [u64; MAX_SIGNS as usize / 64];

/// What reading a record of one dialect needs beside the trie.
#[derive(Debug, Default)]
pub(super) struct Dialect {
    require: Signs,
    any: Signs,
    pub product: Option<String>,
    pub stream_const: Option<String>,
    pub stream_prefix: String,
    /// Where the stream that the record names is not known.
    pub stream_else: Option<String>,
    /// Windows records: rules find a GUID with braces and without.
    pub windows: bool,
    /// Holds text that must be looked into.
    pub embeds: bool,
    /// Has lists of name-value pairs.
    pub names_pairs: bool,
    /// Its arrays hold records.
    pub wraps: bool,
    /// What stands before names in mounted objects, the longest first.
    mounts: Vec<Mount>,
    strip_spaces: bool,
}

/// Text before the names of a mounted object: `EventData.`, or `UserData.*.`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mount {
    /// One more key follows, whatever it is.
    star: bool,
    len: usize,
    text: String,
}

impl Dialect {
    fn fits(&self, seen: &Signs) -> bool {
        let all = self.require.iter().zip(seen).all(|(r, s)| r & s == *r);
        let open = self.any.iter().all(|a| *a == 0);
        all && (open || self.any.iter().zip(seen).any(|(a, s)| a & s != 0))
    }

    /// What a value at this path is called if nobody asked for it: as a field of the mounted
    /// object would be, since tomorrow's rules ask for it like that.
    pub fn name_of<'p>(&self, path: &'p str) -> Cow<'p, str> {
        let inner = self.mounts.iter().find_map(|m| {
            let rest = path.strip_prefix(m.text.as_str())?;
            let rest = if m.star { rest.split_once('.')?.1 } else { rest };
            Some(rest).filter(|r| !r.is_empty())
        });
        let name = inner.unwrap_or(path);
        if self.strip_spaces && name.contains(' ') {
            return name.chars().filter(|c| *c != ' ').collect::<String>().into();
        }
        name.into()
    }
}

/// Where names of the dialect's mounted objects begin.
fn mounts(d: &DialectToml) -> Vec<Mount> {
    let paths = d.mount.iter().chain(&d.json).chain(&d.xml).chain(&d.audit).chain(&d.program);
    let texts = paths.map(|path| match path.strip_suffix(".*") {
        Some(above) => (true, format!("{above}.")),
        None => (false, format!("{path}.")),
    });
    let flat = (!d.strip_prefix.is_empty()).then(|| (false, d.strip_prefix.clone()));
    let mounts = texts.chain(flat).map(|(star, text)| Mount { star, len: text.len(), text });
    let mut mounts: Vec<Mount> = mounts.collect();
    mounts.sort();
    mounts.reverse();
    mounts
}

/// Dialect files read so far; [`DialectSet::close`] makes [`Dialects`] of them.
#[derive(Default)]
pub struct DialectSet {
    file: String,
    dialects: Vec<DialectToml>,
}

impl DialectSet {
    /// No dialects: every record is unrecognised.
    pub fn new() -> DialectSet {
        DialectSet::default()
    }

    /// Adds the dialects of one file, after those of earlier files: the first that fits wins.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), DialectError> {
        let parsed: FileToml =
            toml::from_str(text).map_err(|e| DialectError::Toml { file: file.into(), error: Box::new(e) })?;
        self.file = file.into();
        if self.dialects.len() + parsed.dialect.len() > MAX_DIALECTS {
            return Err(DialectError::Limit { file: file.into(), what: "dialects", limit: MAX_DIALECTS });
        }
        for d in &parsed.dialect {
            if d.require.is_empty() && d.any.is_empty() {
                return Err(DialectError::Signless { file: file.into(), name: d.name.clone() });
            }
        }
        self.dialects.extend(parsed.dialect);
        Ok(())
    }

    /// Adds a mapping: what the columns of a table (or the keys of flat JSON records) mean. A record is one of it
    /// if it has every column that is named alone. Add mappings before dialects that might fit as well.
    ///
    /// ```toml
    /// stream = "proxy"                # a stream of `knowledge/fields`, or of one's own
    /// json = ["Raw"]                  # columns that hold JSON as text
    ///
    /// [columns]                       # names in the header, as they are written there
    /// time = "When"                   # or several, tried in order; the declared zone where it names none
    /// host = "Server"
    /// event_id = "Id"
    /// "cs-uri-stem" = "Path"          # any other name: what rules call it
    /// "c-ip" = ["Client", "Peer"]
    /// ```
    pub fn add_mapping(&mut self, file: &str, text: &str) -> Result<(), DialectError> {
        let MappingToml { stream, json, columns } =
            toml::from_str(text).map_err(|e| DialectError::Toml { file: file.into(), error: Box::new(e) })?;
        self.file = file.into();
        if self.dialects.len() >= MAX_DIALECTS {
            return Err(DialectError::Limit { file: file.into(), what: "dialects", limit: MAX_DIALECTS });
        }
        let mut d = DialectToml {
            name: file.into(),
            json,
            stream_const: Some(stream),
            // No product: event numbers alone make no Windows record.
            product: Some(String::new()),
            ..DialectToml::default()
        };
        for (name, places) in columns {
            if let OneOrMany::One(column) = &places {
                d.require.push(column.clone());
            } else {
                d.any.extend(places.all().iter().cloned());
            }
            match name.as_str() {
                "time" => d.time = places.all().to_vec(),
                "host" => d.host = places.all().to_vec(),
                "event_id" => d.event_id = places.all().to_vec(),
                _ => {
                    d.rename.insert(name, places);
                }
            }
        }
        if d.require.is_empty() {
            return Err(DialectError::Signless { file: file.into(), name: d.name });
        }
        self.dialects.push(d);
        Ok(())
    }

    /// Every field name that a dialect gives to some other path. Who keeps records for rules
    /// not yet written interns these too: behind such a name only the dialect finds the value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.dialects.iter().flat_map(|d| d.rename.keys().chain(d.fallback.keys())).map(String::as_str)
    }

    /// Merges the dialects with every field name that somebody asked for.
    pub fn close(self, fields: &Fields) -> Result<Dialects, DialectError> {
        let mut b = Builder::new();
        for (id, name) in names(fields) {
            for node in b.path(ROOT, name) {
                b.add(node, ANY, What::Native(id));
            }
        }
        for (order, name) in COMMON_TIMES.iter().enumerate() {
            for node in b.path(ROOT, name) {
                let local = !is_utc(name);
                b.add(node, ANY, What::Time { order: LAST_TIMES + order as u8, local });
            }
        }
        let mut closed = Vec::new();
        let mut strip_spaces = false;
        for (tag, d) in self.dialects.iter().enumerate() {
            strip_spaces |= d.strip_spaces;
            closed.push(merge(&self.file, &mut b, fields, tag as u8, d)?);
        }
        closed.push(Dialect::default());
        Ok(Dialects {
            trie: b.close(strip_spaces),
            dialects: closed,
            names: Names {
                event_id: fields.id("EventID"),
                data: fields.id("Data"),
                hashes: HashNames::new(fields),
            },
        })
    }
}

/// Times that no dialect names are tried after those it does.
const LAST_TIMES: u8 = 200;

/// Where records usually keep their time.
const COMMON_TIMES: [&str; 14] = [
    "@timestamp",
    "UtcTime",
    "timestamp",
    "Timestamp",
    "time",
    "ts",
    "eventTime",
    "creationTime",
    "CreationTime",
    "TimeGenerated",
    "TimeCreated",
    "datetime",
    "date",
    "EventTime",
];

/// Names whose times are in UTC by their definition, even when the text names no zone:
/// Sysmon's `UtcTime`, the unified audit log's `CreationTime`, Log Analytics' `TimeGenerated`.
fn is_utc(path: &str) -> bool {
    const UTC: [&str; 9] = [
        "utctime",
        "utc_time",
        "creationtime",
        "creationdate",
        "timegenerated",
        "systemtime",
        "timecreated",
        "isotimestamp",
        "createddatetime",
    ];
    let name = path.rsplit('.').next().unwrap_or(path);
    UTC.iter().any(|u| name.eq_ignore_ascii_case(u))
}

fn merge(
    file: &str,
    b: &mut Builder,
    fields: &Fields,
    tag: u8,
    d: &DialectToml,
) -> Result<Dialect, DialectError> {
    let limit =
        || DialectError::Limit { file: file.into(), what: "signs of dialects", limit: MAX_SIGNS.into() };
    let signs = |b: &mut Builder, paths: &[String]| -> Result<Signs, DialectError> {
        let mut signs = Signs::default();
        for path in paths {
            let nodes = b.path(ROOT, path);
            let bit = b.bit(&nodes, MAX_SIGNS).ok_or_else(limit)?;
            signs[usize::from(bit / 64)] |= 1 << (bit % 64);
        }
        Ok(signs)
    };
    let require = signs(b, &d.require)?;
    let any = signs(b, &d.any)?;

    let unnamed = (!d.unnamed.is_empty() && fields.id("Data").is_some()).then_some(d.unnamed.as_str());
    let mut mounted = vec![ROOT];
    for path in d.mount.iter().chain(&d.json).chain(&d.xml).chain(&d.audit).chain(&d.program) {
        for node in b.path(ROOT, path) {
            if !mounted.contains(&node) {
                mounted.push(node);
                mount(b, fields, tag, node);
                for n in (1..=MAX_UNNAMED).filter(|_| d.mount.contains(path)) {
                    if let Some(name) = unnamed {
                        let node = b.step(node, &format!("{name}{n}"));
                        b.add(node, tag, What::Unnamed(n));
                    }
                }
            }
        }
        if !path.ends_with('*') {
            for (id, name) in names(fields) {
                let node = b.step(ROOT, &format!("{path}.{name}"));
                b.add(node, tag, What::Mounted(id));
            }
            for n in (1..=MAX_UNNAMED).filter(|_| d.mount.contains(path)) {
                if let Some(name) = unnamed {
                    let node = b.step(ROOT, &format!("{path}.{name}{n}"));
                    b.add(node, tag, What::Unnamed(n));
                }
            }
        }
    }
    if !d.strip_prefix.is_empty() {
        for (id, name) in names(fields) {
            let node = b.step(ROOT, &format!("{}{name}", d.strip_prefix));
            b.add(node, tag, What::Mounted(id));
        }
        for (n, name) in (1..=MAX_UNNAMED).flat_map(|n| unnamed.map(|name| (n, name))) {
            let node = b.step(ROOT, &format!("{}{name}{n}", d.strip_prefix));
            b.add(node, tag, What::Unnamed(n));
        }
    }
    for (paths, what) in [
        (&d.xml, What::Xml),
        (&d.json, What::Json),
        (&d.audit, What::Audit),
        (&d.program, What::Program),
        (&d.records, What::Records),
    ] {
        for path in paths {
            for node in b.path(ROOT, path) {
                b.add(node, tag, what);
            }
        }
    }
    // A record that is text inside the record has its time and its other names in there.
    let inner: Vec<NodeId> = d.json.iter().flat_map(|path| b.path(ROOT, path)).collect();
    for base in std::iter::once(ROOT).chain(inner) {
        let mut add = |path: &str, what: What| {
            for node in b.path(base, path) {
                b.add(node, tag, what);
            }
        };
        for path in &d.named {
            add(path, What::Named);
        }
        for (name, paths) in &d.rename {
            let Some(id) = fields.id(name) else { continue };
            for (i, path) in paths.all().iter().enumerate() {
                add(path, What::Renamed(id, (i as u8).min(MOUNTED - 1)));
            }
        }
        for (name, path) in &d.fallback {
            if let Some(id) = fields.id(name) {
                add(path, What::Fallback(id));
            }
        }
        for (i, path) in d.time.iter().enumerate() {
            add(path, What::Time { order: i.min(99) as u8, local: !is_utc(path) });
        }
        for (i, path) in d.local_time.iter().enumerate() {
            add(path, What::Time { order: 100 + i.min(99) as u8, local: true });
        }
        for (i, path) in d.host.iter().enumerate() {
            add(path, What::Host(i.min(255) as u8));
        }
    }
    for (i, path) in d.stream.iter().flat_map(OneOrMany::all).enumerate() {
        for node in b.path(ROOT, path) {
            b.add(node, tag, What::Stream(i.min(255) as u8));
        }
    }
    // Routing reads the record's own parts only, never what its mounted objects hold.
    for (i, path) in d.event_id.iter().enumerate() {
        for node in b.path(ROOT, path) {
            b.add(node, tag, What::EventId(i.min(255) as u8));
        }
    }
    // Windows dialects are those that have event numbers.
    let windows = d.product.as_deref() == Some("windows") || d.product.is_none() && !d.event_id.is_empty();
    Ok(Dialect {
        require,
        any,
        product: d.product.clone().or_else(|| windows.then(|| "windows".into())),
        stream_const: d.stream_const.clone(),
        stream_prefix: d.stream_prefix.clone(),
        stream_else: d.stream_else.clone(),
        windows,
        embeds: [&d.xml, &d.json, &d.audit, &d.program, &d.named].iter().any(|paths| !paths.is_empty()),
        names_pairs: !d.named.is_empty(),
        wraps: !d.records.is_empty(),
        mounts: mounts(d),
        strip_spaces: d.strip_spaces,
    })
}

/// Every name that somebody asked for. A star is a wildcard in paths of dialects only.
fn names(fields: &Fields) -> impl Iterator<Item = (FieldId, &str)> {
    fields.iter().filter(|(_, name)| !name.split('.').any(|part| part == "*"))
}

/// Every name that somebody asked for, again below a mounted object.
fn mount(b: &mut Builder, fields: &Fields, tag: u8, base: NodeId) {
    for (id, name) in names(fields) {
        for node in b.path(base, name) {
            b.add(node, tag, What::Mounted(id));
        }
    }
}

/// Fields that are treated apart.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The event number, of which the low 16 bits count.
    pub event_id: Option<FieldId>,
    /// What the event's unnamed values are called.
    pub data: Option<FieldId>,
    /// `SHA1=…,MD5=…`
    pub hashes: HashNames,
}

/// How JSON records are recognised, merged with every field name that somebody asked for.
#[derive(Debug, Default)]
pub struct Dialects {
    pub(super) trie: Trie,
    /// The last one stands for records that no dialect fits.
    pub(super) dialects: Vec<Dialect>,
    pub(super) names: Names,
}

impl Dialects {
    /// Starts a set with the dialects of one file.
    pub fn parse(file: &str, text: &str) -> Result<DialectSet, DialectError> {
        let mut set = DialectSet::new();
        set.add(file, text)?;
        Ok(set)
    }

    /// The first dialect that fits what a line showed; the last index: none.
    pub(super) fn recognise(&self, seen: &Signs) -> u8 {
        let known = self.dialects.len().saturating_sub(1);
        self.dialects[..known].iter().position(|d| d.fits(seen)).unwrap_or(known) as u8
    }
}
