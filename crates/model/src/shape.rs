//! Shapes: what kind of record an event is, as data.
//!
//! `knowledge/fields/*.toml` says which channel or stream belongs to which Sigma
//! log source, which event numbers form a category, what a rule's field is called
//! in a record of that kind, and which fields hold observables. The catalogue is
//! closed at start; readers ask it by stream name and event number.
//!
//! ```toml
//! product = "windows"
//! [streams_default]                   # of every record of the product
//! host = ["Computer"]
//! user = ["User"]
//! observables = [["Image", "path"]]
//! [[stream]]
//! names = ["Security"]                # case-insensitive
//! services = ["security"]
//!   [[stream.event]]
//!   ids = [4688]
//!   categories = ["process_creation"]
//!   view = "process_creation_4688"    # how rules of these categories see the record
//!   telling = ["NewProcessName"]      # what a person wants to see first
//! [[view]]
//! name = "process_creation_4688"
//! rename = { Image = "NewProcessName" }
//!   [[view.derive]]
//!   field = "User"
//!   join = ["SubjectDomainName", "SubjectUserName"]
//!   sep = '\'
//! ```

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::{FieldId, FieldSet, Fields, FieldsBuilder, Observable, ObservableKind};

/// Index of a [`Shape`] in its [`Catalogue`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShapeId(pub u16);

impl ShapeId {
    /// The shape of records nobody recognises: only rules that name no source run on them.
    pub const UNRECOGNISED: ShapeId = ShapeId(0);

    /// As an array index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a stream (a channel, a kind of cloud log) in its [`Catalogue`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StreamId(pub u16);

/// A Sigma log source: each part that is given must hold.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Logsource {
    /// `process_creation`, `webserver`, …
    pub category: Option<String>,
    /// `windows`, `aws`, …
    pub product: Option<String>,
    /// `security`, `cloudtrail`, …
    pub service: Option<String>,
}

/// What kind of record an event is.
#[derive(Clone, Default, Debug)]
pub struct Shape {
    /// `windows/sysmon/1`; of its catalogue, only this shape has it ([`Catalogue::shape_named`]).
    pub name: String,
    /// Sigma product.
    pub product: Option<String>,
    /// Sigma services the record belongs to.
    pub services: Vec<String>,
    /// Sigma categories the record belongs to; a Sysmon 12 has three.
    pub categories: Vec<String>,
    /// Fields naming the machine, first present wins.
    pub host: Vec<FieldId>,
    /// Fields naming the acting account, first present wins.
    pub user: Vec<FieldId>,
    /// Fields a person wants to see first.
    pub telling: Vec<FieldId>,
    /// Which fields hold which observables.
    pub observables: Vec<(FieldId, Extract)>,
    /// Fields whose values must not be shown: credentials that a log happens to carry.
    pub secret: Vec<FieldId>,
    /// How rules see the record under other names.
    pub views: Vec<View>,
    /// Fields computed from others.
    pub derive: Vec<Derive>,
}

impl Shape {
    /// Whether a rule of this log source is meant for records of this shape.
    pub fn binds(&self, source: &Logsource) -> bool {
        let product = source.product.as_deref();
        let service = source.service.as_deref();
        let category = source.category.as_deref();
        product.is_none_or(|p| self.product.as_deref().is_some_and(|q| q.eq_ignore_ascii_case(p)))
            && service.is_none_or(|s| self.services.iter().any(|t| t.eq_ignore_ascii_case(s)))
            && category.is_none_or(|c| self.categories.iter().any(|d| d.eq_ignore_ascii_case(c)))
    }

    fn views_for<'a>(&'a self, source: &Logsource) -> impl Iterator<Item = &'a View> {
        let (category, service) = (source.category.clone(), source.service.clone());
        let among = |part: &Option<String>, of: &[String]| {
            part.as_deref().is_some_and(|p| of.iter().any(|o| o.eq_ignore_ascii_case(p)))
        };
        self.views.iter().filter(move |v| {
            (v.categories.is_empty() && v.services.is_empty())
                || among(&category, &v.categories)
                || among(&service, &v.services)
        })
    }

    /// Whether records of this kind never carry a field that a rule of this log source reads.
    pub fn lacks(&self, source: &Logsource, field: &str) -> bool {
        self.views_for(source).any(|v| v.absent.iter().any(|a| a == field))
    }

    /// The record's own name for a field that a rule of this log source reads.
    pub fn native_name<'a>(&'a self, source: &Logsource, field: &'a str) -> &'a str {
        self.views_for(source).find_map(|v| v.rename.get(field)).map_or(field, |n| n)
    }
}

/// Other names for a record's fields, for the rules of some categories (none: of all).
#[derive(Clone, Default, Debug)]
pub struct View {
    /// The categories through which a rule must bind to see these names.
    pub categories: Vec<String>,
    /// Or the services.
    pub services: Vec<String>,
    /// Rule field → native (or derived) field.
    pub rename: BTreeMap<String, String>,
    /// Rule fields that records of this kind never carry: rules that need them cannot fire.
    pub absent: Vec<String>,
}

/// A field computed from other fields of the record.
#[derive(Clone, Debug)]
pub struct Derive {
    /// The computed field.
    pub field: FieldId,
    /// What it is computed from, in order.
    pub inputs: Vec<FieldId>,
    /// How.
    pub op: DeriveOp,
}

/// How a derived field is computed from the joined text of its inputs.
#[derive(Clone, Debug)]
pub enum DeriveOp {
    /// Inputs joined by `separator`, then a leading text replaced (`\REGISTRY\MACHINE` → `HKLM`).
    Join {
        /// Between two inputs.
        separator: String,
        /// Leading text → replacement, compared without case, longest first.
        prefixes: Vec<(String, String)>,
    },
    /// The text looked up in a table; a text that is not in it becomes `default`, or stays as it is.
    Table {
        /// Text → replacement.
        table: BTreeMap<String, String>,
        /// Replacement of every other text.
        default: Option<String>,
    },
    /// The first input that is there: what one kind of record calls by one of several names.
    First,
    /// A hexadecimal text (`0x1a4`) as decimal.
    Hex,
}

impl DeriveOp {
    /// Computes the field from the joined inputs.
    pub(crate) fn apply(&self, text: String) -> Option<String> {
        match self {
            DeriveOp::Join { prefixes, .. } => {
                for (from, to) in prefixes {
                    if text.get(..from.len()).is_some_and(|head| head.eq_ignore_ascii_case(from)) {
                        return Some(format!("{to}{}", &text[from.len()..]));
                    }
                }
                Some(text)
            }
            DeriveOp::Table { table, default } if !text.is_empty() => {
                Some(table.get(&text).or(default.as_ref()).cloned().unwrap_or(text))
            }
            DeriveOp::Table { .. } => None,
            DeriveOp::First => Some(text),
            DeriveOp::Hex => {
                let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
                u64::from_str_radix(digits, 16).ok().map(|n| n.to_string())
            }
        }
    }
}

/// How observables are taken out of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extract {
    /// An IP address.
    Ip,
    /// A domain name; a text with one label is a host.
    Domain,
    /// A URL.
    Url,
    /// A mail address.
    Email,
    /// One hash, kind by length.
    Hash,
    /// Sysmon's `SHA1=…,MD5=…,IMPHASH=…`.
    Hashes,
    /// A path.
    Path,
    /// A file name.
    FileName,
    /// A machine.
    Host,
    /// An account.
    Account,
    /// A Windows security identifier.
    Sid,
    /// An AWS resource name.
    Arn,
    /// A Sysmon process GUID.
    ProcessGuid,
    /// A Windows logon session.
    LogonSession,
    /// An address on a chain.
    CryptoAddress,
    /// A transaction of a chain.
    CryptoTransaction,
}

impl Extract {
    /// Appends the observables that `text` holds. What is no valid observable is left out.
    pub fn apply(self, text: &str, out: &mut Vec<Observable>) {
        let kind = match self {
            Extract::Ip => ObservableKind::Ip,
            Extract::Domain => match Observable::parse(ObservableKind::Domain, text) {
                Ok(o) => return out.push(o),
                Err(_) => ObservableKind::Host,
            },
            Extract::Url => ObservableKind::Url,
            Extract::Email => ObservableKind::Email,
            Extract::Hash => return out.extend(Observable::hash(text).ok()),
            Extract::Hashes => {
                for part in text.split(',').take(8) {
                    let observable = match part.split_once('=') {
                        Some((name, hex)) if name.trim().eq_ignore_ascii_case("imphash") => {
                            Observable::parse(ObservableKind::Imphash, hex)
                        }
                        Some((_, hex)) => Observable::hash(hex),
                        None => Observable::hash(part),
                    };
                    out.extend(observable.ok());
                }
                return;
            }
            Extract::Path => ObservableKind::Path,
            Extract::FileName => ObservableKind::FileName,
            Extract::Host => ObservableKind::Host,
            Extract::Account => ObservableKind::Account,
            Extract::Sid => ObservableKind::Sid,
            Extract::Arn => ObservableKind::Arn,
            Extract::ProcessGuid => ObservableKind::ProcessGuid,
            Extract::CryptoAddress => ObservableKind::CryptoAddress,
            Extract::LogonSession => ObservableKind::LogonSession,
            Extract::CryptoTransaction => ObservableKind::CryptoTransaction,
        };
        out.extend(Observable::parse(kind, text).ok());
    }
}

/// Why a routing file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The text is not the TOML the catalogue expects.
    #[error("{file}: {error}")]
    Toml {
        /// File name.
        file: String,
        /// What TOML says, with line and column.
        error: Box<toml::de::Error>,
    },
    /// A stream refers to a view that no file defines.
    #[error("{file}: view \"{view}\" is not defined")]
    View {
        /// File name.
        file: String,
        /// The missing view.
        view: String,
    },
    /// More fields or shapes than the limits allow.
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
    product: Option<String>,
    #[serde(default)]
    streams_default: DefaultsToml,
    #[serde(default)]
    stream: Vec<StreamToml>,
    #[serde(default)]
    view: Vec<ViewToml>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct DefaultsToml {
    #[serde(deserialize_with = "one_or_many")]
    host: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    user: Vec<String>,

    telling: Vec<String>,
    observables: Vec<(String, Extract)>,
}

/// `"Computer"` or `["Computer", "Hostname"]`.
fn one_or_many<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(d)? {
        OneOrMany::One(name) => vec![name],
        OneOrMany::Many(names) => names,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamToml {
    names: Vec<String>,
    product: Option<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    host: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    user: Vec<String>,
    #[serde(default)]
    telling: Vec<String>,
    #[serde(default)]
    observables: Vec<(String, Extract)>,
    #[serde(default)]
    rename: BTreeMap<String, String>,
    view: Option<String>,
    #[serde(default)]
    secret: Vec<String>,
    #[serde(default)]
    event: Vec<EventToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventToml {
    ids: Vec<u32>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    view: Option<String>,
    #[serde(default)]
    telling: Vec<String>,
    #[serde(default)]
    observables: Vec<(String, Extract)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ViewToml {
    name: String,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    rename: BTreeMap<String, String>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    derive: Vec<DeriveToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeriveToml {
    field: String,
    #[serde(default)]
    join: Vec<String>,
    /// Names of which the first that is there counts.
    #[serde(default)]
    first: Vec<String>,
    #[serde(default)]
    sep: String,
    #[serde(default)]
    prefix_table: BTreeMap<String, String>,
    from: Option<String>,
    #[serde(default)]
    table: BTreeMap<String, String>,
    default: Option<String>,
    #[serde(default)]
    hex: bool,
}

#[derive(Debug)]
struct Stream {
    base: ShapeId,
    events: HashMap<u32, ShapeId, foldhash::fast::FixedState>,
}

/// Every shape of a run, and the way from a stream name and event number to one.
#[derive(Debug)]
pub struct Catalogue {
    shapes: Vec<Shape>,
    streams: Vec<Stream>,
    by_name: HashMap<String, StreamId, foldhash::fast::FixedState>,
    products: BTreeMap<String, ShapeId>,
    by_shape_name: HashMap<String, ShapeId, foldhash::fast::FixedState>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Catalogue {
            shapes: vec![Shape { name: "unrecognised".into(), ..Shape::default() }],
            streams: Vec::new(),
            by_name: HashMap::default(),
            products: BTreeMap::new(),
            by_shape_name: std::iter::once(("unrecognised".into(), ShapeId::UNRECOGNISED)).collect(),
        }
    }
}

impl Catalogue {
    /// Adds the streams of one routing file; fields it names are interned.
    ///
    /// A stream named again by a later file (the user's own) replaces the earlier one.
    pub fn add(&mut self, file: &str, text: &str, fields: &mut FieldsBuilder) -> Result<(), CatalogueError> {
        let parsed: FileToml = toml::from_str(text)
            .map_err(|e| CatalogueError::Toml { file: file.into(), error: Box::new(e) })?;
        let mut adder = Adder { file, fields };
        let defaults = parsed.streams_default;
        if let Some(product) = &parsed.product {
            let shape = Shape {
                name: format!("{product}/other"),
                product: Some(product.clone()),
                host: adder.ids(&defaults.host)?,
                user: adder.ids(&defaults.user)?,
                telling: adder.ids(&defaults.telling)?,
                observables: adder.extracts(&[&defaults.observables])?,
                ..Shape::default()
            };
            let id = self.push(file, shape)?;
            self.products.insert(product.to_ascii_lowercase(), id);
        }
        let views: BTreeMap<&str, &ViewToml> = parsed.view.iter().map(|v| (v.name.as_str(), v)).collect();
        for stream in &parsed.stream {
            let product = stream.product.clone().or_else(|| parsed.product.clone());
            let service = stream.services.first().map_or("-", |s| s);
            let or = |own: &[String], default: &[String]| {
                if own.is_empty() { default.to_vec() } else { own.to_vec() }
            };
            let mut base = Shape {
                name: format!("{}/{service}", product.as_deref().unwrap_or("any")),
                product,
                services: stream.services.clone(),
                categories: stream.categories.clone(),
                host: adder.ids(&or(&stream.host, &defaults.host))?,
                user: adder.ids(&or(&stream.user, &defaults.user))?,
                telling: adder.ids(&or(&stream.telling, &defaults.telling))?,
                observables: adder.extracts(&[&stream.observables, &defaults.observables])?,
                secret: adder.ids(&stream.secret)?,
                ..Shape::default()
            };
            if !stream.rename.is_empty() {
                for native in stream.rename.values() {
                    adder.id(native)?;
                }
                base.views.push(View { rename: stream.rename.clone(), ..View::default() });
            }
            let find = |name: &String| {
                let missing = || CatalogueError::View { file: file.into(), view: name.clone() };
                views.get(name.as_str()).copied().ok_or_else(missing)
            };
            if let Some(name) = &stream.view {
                adder.view(find(name)?, &[], &mut base)?;
            }
            let base_id = self.push(file, base.clone())?;
            let mut events = HashMap::default();
            for event in &stream.event {
                let mut shape = base.clone();
                let ids: Vec<String> = event.ids.iter().take(4).map(u32::to_string).collect();
                shape.name = format!("{}/{}", base.name, ids.join(","));
                shape.categories.extend(event.categories.iter().cloned());
                shape.services.extend(event.services.iter().cloned());
                if !event.telling.is_empty() {
                    shape.telling = adder.ids(&event.telling)?;
                }
                shape.observables =
                    adder.extracts(&[&event.observables, &stream.observables, &defaults.observables])?;
                if let Some(name) = &event.view {
                    let view = views
                        .get(name.as_str())
                        .ok_or_else(|| CatalogueError::View { file: file.into(), view: name.clone() })?;
                    adder.view(view, &event.categories, &mut shape)?;
                }
                let id = self.push(file, shape)?;
                events.extend(event.ids.iter().map(|n| (*n, id)));
            }
            let id = StreamId(self.streams.len() as u16);
            self.streams.push(Stream { base: base_id, events });
            for name in &stream.names {
                self.by_name.insert(name.to_lowercase(), id);
            }
        }
        Ok(())
    }

    /// Adds a shape. The name of an earlier one gets a number (`windows/security#2`): what is
    /// kept under a name must come back to the same shape.
    fn push(&mut self, file: &str, mut shape: Shape) -> Result<ShapeId, CatalogueError> {
        const MAX_SHAPES: usize = 4_096;
        if self.shapes.len() >= MAX_SHAPES {
            return Err(CatalogueError::Limit { file: file.into(), what: "shapes", limit: MAX_SHAPES });
        }
        let id = ShapeId(self.shapes.len() as u16);
        let taken = |name: &String| self.by_shape_name.contains_key(name);
        if taken(&shape.name) {
            let mut numbered = (2..).map(|n: usize| format!("{}#{n}", shape.name));
            shape.name = numbered.find(|name| !taken(name)).unwrap_or_default();
        }
        self.by_shape_name.insert(shape.name.clone(), id);
        self.shapes.push(shape);
        Ok(id)
    }

    /// The shape of that name, exactly as [`Shape::name`] has it.
    pub fn shape_named(&self, name: &str) -> Option<ShapeId> {
        self.by_shape_name.get(name).copied()
    }

    /// The stream of a channel or log name, compared without case. Allocates only for
    /// names with upper-case letters; readers cache the answer.
    pub fn stream(&self, name: &str) -> Option<StreamId> {
        if name.len() > 256 {
            return None;
        }
        self.by_name.get(name.to_lowercase().as_str()).copied()
    }

    /// The shape of a record of a stream.
    pub fn shape(&self, stream: StreamId, event_id: u32) -> ShapeId {
        match self.streams.get(stream.0 as usize) {
            Some(s) => s.events.get(&event_id).copied().unwrap_or(s.base),
            None => ShapeId::UNRECOGNISED,
        }
    }

    /// The shape of a product's records from a stream that no file names.
    pub fn product(&self, product: &str) -> ShapeId {
        self.products.get(product).copied().unwrap_or(ShapeId::UNRECOGNISED)
    }

    /// The shape behind an id.
    pub fn shape_of(&self, id: ShapeId) -> &Shape {
        self.shapes.get(id.index()).unwrap_or(&self.shapes[0])
    }

    /// Every shape with its id.
    pub fn shapes(&self) -> impl Iterator<Item = (ShapeId, &Shape)> {
        self.shapes.iter().enumerate().map(|(i, s)| (ShapeId(i as u16), s))
    }

    /// Number of shapes.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Never: the unrecognised shape is always there.
    pub fn is_empty(&self) -> bool {
        false
    }
}

struct Adder<'a> {
    file: &'a str,
    fields: &'a mut FieldsBuilder,
}

impl Adder<'_> {
    fn id(&mut self, name: &str) -> Result<FieldId, CatalogueError> {
        self.fields.intern(name).ok_or_else(|| CatalogueError::Limit {
            file: self.file.into(),
            what: "fields",
            limit: crate::MAX_FIELDS,
        })
    }

    fn ids(&mut self, names: &[String]) -> Result<Vec<FieldId>, CatalogueError> {
        names.iter().map(|n| self.id(n)).collect()
    }

    fn extracts(
        &mut self,
        lists: &[&[(String, Extract)]],
    ) -> Result<Vec<(FieldId, Extract)>, CatalogueError> {
        let mut out: Vec<(FieldId, Extract)> = Vec::new();
        for (name, extract) in lists.iter().flat_map(|l| l.iter()) {
            let id = self.id(name)?;
            if !out.iter().any(|(f, _)| *f == id) {
                out.push((id, *extract));
            }
        }
        Ok(out)
    }

    fn view(
        &mut self,
        view: &ViewToml,
        categories: &[String],
        shape: &mut Shape,
    ) -> Result<(), CatalogueError> {
        let mut rename = view.rename.clone();
        for native in view.rename.values() {
            self.id(native)?;
        }
        for d in &view.derive {
            // A derived field must not be mistaken for a native one of the same name
            // (4688 has a ProcessId of its own, the parent's).
            let name = format!("{}.{}", view.name, d.field);
            rename.insert(d.field.clone(), name.clone());
            let names: Vec<String> = d.from.iter().chain(&d.join).chain(&d.first).cloned().collect();
            let op = if d.hex {
                DeriveOp::Hex
            } else if !d.first.is_empty() {
                DeriveOp::First
            } else if !d.table.is_empty() {
                DeriveOp::Table { table: d.table.clone(), default: d.default.clone() }
            } else {
                let mut prefixes: Vec<(String, String)> = d.prefix_table.clone().into_iter().collect();
                // The longest that fits counts, however the file orders them.
                prefixes.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
                DeriveOp::Join { separator: d.sep.clone(), prefixes }
            };
            shape.derive.push(Derive { field: self.id(&name)?, inputs: self.ids(&names)?, op });
        }
        let own = view.categories.is_empty() && view.services.is_empty();
        let categories = if own { categories.to_vec() } else { view.categories.clone() };
        shape.views.push(View {
            categories,
            services: view.services.clone(),
            rename,
            absent: view.absent.clone(),
        });
        Ok(())
    }
}

/// What the run wants of each shape: *hot* fields are compared by rules and come out
/// unescaped; *cold* ones are kept for people (host, account, observables).
#[derive(Clone, Debug)]
pub struct Projection {
    hot: Vec<FieldSet>,
    kept: Vec<FieldSet>,
    wanted: Vec<FieldSet>,
    text: Vec<bool>,
    everything: bool,
}

impl Projection {
    /// What the shapes themselves want: host, user, telling fields, observables, inputs of derived fields.
    pub fn new(catalogue: &Catalogue) -> Projection {
        let wanted = catalogue.shapes().map(|(_, s)| {
            let mut set = FieldSet::new();
            let derived = s.derive.iter().flat_map(|d| d.inputs.iter());
            for f in s.host.iter().chain(&s.user).chain(&s.telling).chain(derived) {
                set.insert(*f);
            }
            for (f, _) in &s.observables {
                set.insert(*f);
            }
            set
        });
        let wanted: Vec<FieldSet> = wanted.collect();
        Projection {
            hot: vec![FieldSet::new(); catalogue.len()],
            kept: wanted.clone(),
            wanted,
            text: vec![false; catalogue.len()],
            everything: false,
        }
    }

    /// Rules want these fields of this shape.
    pub fn want(&mut self, shape: ShapeId, fields: &FieldSet) {
        self.hot[shape.index()].union(fields);
        self.kept[shape.index()].union(fields);
        self.wanted[shape.index()].union(fields);
    }

    /// Records are to be kept whole: every known field of every shape comes out, cold unless
    /// a rule compares it, and values of other names come under names of the batch
    /// ([`FieldId::is_local`]).
    pub fn keep_everything(&mut self, fields: &Fields) {
        let mut all = FieldSet::new();
        fields.iter().for_each(|(id, _)| all.insert(id));
        for kept in &mut self.kept {
            kept.union(&all);
        }
        self.everything = true;
    }

    /// Whether records are to be kept whole ([`Projection::keep_everything`]).
    #[inline]
    pub fn everything(&self) -> bool {
        self.everything
    }

    /// Keyword rules want to search every text of this shape.
    pub fn want_text(&mut self, shape: ShapeId) {
        self.text[shape.index()] = true;
    }

    /// Fields that rules compare.
    #[inline]
    pub fn hot(&self, shape: ShapeId) -> &FieldSet {
        &self.hot[shape.index()]
    }

    /// Every field to keep, hot or cold.
    #[inline]
    pub fn kept(&self, shape: ShapeId) -> &FieldSet {
        &self.kept[shape.index()]
    }

    /// What somebody has a use for in this run: [`Projection::kept`] without what is there
    /// only because records are kept whole. Keyword rules must find the same in either case.
    #[inline]
    pub fn wanted(&self, shape: ShapeId) -> &FieldSet {
        &self.wanted[shape.index()]
    }

    /// Whether values of unknown fields must be kept too (as [`FieldId::NONE`] cells).
    #[inline]
    pub fn text(&self, shape: ShapeId) -> bool {
        self.text[shape.index()]
    }
}
