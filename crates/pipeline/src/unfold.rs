//! Rules over what lies under the wrappings of scripts: decoded text takes the place of the encoded one, and what no
//! rule has said of the record as it was is a finding that shows both.
//!
//! A command line that holds a script is also looked at as a script of its own, because rules for scripts ask other
//! fields than rules for processes.
//!
//! What this module never does: change evidence; the rows it makes are its own and live no longer than their batch.

use std::sync::Arc;

use palisade_model::{
    Batch, Buffers, Catalogue, Confidence, FieldId, FieldSet, Fields, FieldsBuilder, Logsource, Observable,
    ObservableKind, Projection, RowBatch, RowBuilder, RuleInfo, Severity, ShapeId, Value,
};
use palisade_text::unfold::{Layer, is_wrapped, unfold};
use serde::Deserialize;

/// The file that says what is unfolded.
pub(crate) const FILE: &str = "analytics/unfold.toml";

/// Most observables taken from unfolded text.
const MAX_FOUND: usize = 8;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookToml {
    category: Option<String>,
    product: Option<String>,
    service: Option<String>,
    fields: Vec<String>,
    /// What is found is looked at as a script, too.
    #[serde(default)]
    script: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptToml {
    category: Option<String>,
    product: Option<String>,
    field: String,
}

/// `analytics/unfold.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnfoldingSpec {
    #[serde(default)]
    look: Vec<LookToml>,
    script: Option<ScriptToml>,
    finding: Option<FindingToml>,
}

/// What a finding says that only tells what is hidden.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingToml {
    id: String,
    title: String,
    level: String,
    confidence: u8,
    attack: Vec<String>,
    description: String,
    false_positives: Vec<String>,
}

impl UnfoldingSpec {
    pub(crate) fn intern(&self, catalogue: &Catalogue, fields: &mut FieldsBuilder) {
        for look in &self.look {
            for (_, shape) in catalogue.shapes().filter(|(_, s)| s.binds(&source(look))) {
                for name in &look.fields {
                    let _ = fields.intern(shape.native_name(&source(look), name));
                }
            }
        }
        if let Some(script) = &self.script {
            let _ = fields.intern(&script.field);
        }
    }
}

fn source(look: &LookToml) -> Logsource {
    Logsource {
        category: look.category.clone(),
        product: look.product.clone(),
        service: look.service.clone(),
    }
}

#[derive(Debug, Default)]
struct Looked {
    fields: Vec<FieldId>,
    script: bool,
}

/// Which fields of which kinds of records are unfolded.
#[derive(Debug, Default)]
pub struct Unfolding {
    shapes: Vec<Looked>,
    script: Option<(ShapeId, FieldId)>,
    info: Option<Arc<RuleInfo>>,
}

impl Unfolding {
    pub(crate) fn new(
        spec: &UnfoldingSpec,
        min_level: Option<Severity>,
        catalogue: &Catalogue,
        fields: &Fields,
    ) -> Unfolding {
        let mut shapes: Vec<Looked> = Vec::new();
        if spec.look.is_empty() {
            return Unfolding::default();
        }
        for (_, shape) in catalogue.shapes() {
            let mut looked = Looked::default();
            for look in spec.look.iter().filter(|l| shape.binds(&source(l))) {
                looked.script |= look.script;
                for name in &look.fields {
                    let id = fields.id(shape.native_name(&source(look), name));
                    looked.fields.extend(id.filter(|id| !looked.fields.contains(id)));
                }
            }
            shapes.push(looked);
        }
        let script = spec.script.as_ref().and_then(|s| {
            let source =
                Logsource { category: s.category.clone(), product: s.product.clone(), service: None };
            let (id, _) = catalogue.shapes().find(|(_, shape)| shape.binds(&source))?;
            Some((id, fields.id(&s.field)?))
        });
        let info = spec.finding.as_ref().map(|f| {
            Arc::new(RuleInfo {
                id: f.id.clone(),
                title: f.title.clone(),
                level: Severity::parse(&f.level).unwrap_or_default(),
                confidence: Confidence(f.confidence.min(100)),
                attack: f.attack.clone(),
                author: Some("Palisade".to_owned()),
                license: Some("Apache-2.0".to_owned()),
                description: Some(f.description.trim().to_owned()),
                false_positives: f.false_positives.clone(),
                file: format!("palisade:{FILE}"),
            })
        });
        let info = info.filter(|i| min_level.is_none_or(|min| i.level >= min));
        Unfolding { shapes, script, info }
    }

    pub(crate) fn want(&self, projection: &mut Projection) {
        for (i, looked) in self.shapes.iter().enumerate() {
            let mut set = FieldSet::new();
            looked.fields.iter().for_each(|f| set.insert(*f));
            if !set.is_empty() {
                projection.want(ShapeId(i as u16), &set);
            }
        }
    }

    /// What a finding says that only tells what is hidden.
    pub(crate) fn info(&self) -> Option<&Arc<RuleInfo>> {
        self.info.as_ref()
    }

    /// Whether nothing is unfolded.
    pub(crate) fn is_off(&self) -> bool {
        self.shapes.is_empty()
    }

    /// What lies under a row's wrappings, by field; empty for nearly every row, and then nothing was allocated.
    pub(crate) fn under(&self, batch: &dyn Batch, row: usize) -> Vec<(FieldId, Vec<Layer>)> {
        let mut out = Vec::new();
        let Some(looked) = self.shapes.get(batch.header(row).shape.index()) else { return out };
        for field in &looked.fields {
            let Some(text) = batch.field(row, *field).text().filter(|t| is_wrapped(t)) else { continue };
            let layers = unfold(text);
            if !layers.is_empty() {
                out.push((*field, layers));
            }
        }
        out
    }

    /// The row with decoded text beside the encoded one, and, if it holds a script, the script as a record of its own.
    pub(crate) fn rows(
        &self,
        batch: &dyn Batch,
        row: usize,
        under: &[(FieldId, Vec<Layer>)],
        catalogue: &Catalogue,
        projection: &Projection,
    ) -> RowBatch {
        let header = batch.header(row);
        let mut builder = RowBuilder::new(batch.source(row), catalogue, projection, Buffers::default());
        builder.begin();
        batch.each(row, &mut |field, value| {
            if !under.iter().any(|(f, _)| *f == field) {
                put(&mut builder, field, value);
            }
        });
        for (field, layers) in under {
            let mut text = batch.field(row, *field).text().unwrap_or("").to_owned();
            for layer in layers {
                text.push('\n');
                text.push_str(&layer.text);
            }
            builder.text_cell(*field, &text);
        }
        builder.end(header);
        let looked = self.shapes.get(header.shape.index());
        if let (Some((shape, field)), true) = (self.script, looked.is_some_and(|l| l.script)) {
            builder.begin();
            for host in &catalogue.shape_of(header.shape).host {
                put(&mut builder, *host, batch.field(row, *host));
            }
            let text: Vec<&str> = under.iter().flat_map(|(_, l)| l).map(|l| l.text.as_str()).collect();
            builder.text_cell(field, &text.join("\n"));
            builder.end(palisade_model::RowHeader { shape, ..header });
        }
        builder.finish()
    }
}

fn put(builder: &mut RowBuilder<'_>, field: FieldId, value: Value<'_>) {
    match value {
        Value::Text(text) => builder.text_cell(field, text),
        Value::Number(text) => {
            let start = builder.arena().len();
            builder.arena_mut().push_str(text);
            builder.number_cell(field, start..start + text.len());
        }
        Value::Bool(b) => builder.bool_cell(field, b),
        Value::Null => builder.null_cell(field),
        Value::Blank => builder.blank_cell(field),
        Value::Missing => {}
    }
}

/// The innermost text and how it was wrapped, for people.
pub(crate) fn told(under: &[(FieldId, Vec<Layer>)]) -> (String, String) {
    let layers = || under.iter().flat_map(|(_, layers)| layers);
    let mut how: Vec<&str> = Vec::new();
    for layer in layers() {
        if !how.contains(&layer.how) {
            how.push(layer.how);
        }
    }
    let deepest = layers().map(|l| l.depth).max().unwrap_or(0);
    let text = layers().find(|l| l.depth == deepest).map_or("", |l| l.text.trim());
    (how.join("; "), text.to_owned())
}

/// Addresses of the network that unfolded text names: hidden ones are what a script is hidden for.
pub(crate) fn found(under: &[(FieldId, Vec<Layer>)]) -> Vec<Observable> {
    let mut out = Vec::new();
    let texts = under.iter().flat_map(|(_, layers)| layers).map(|l| l.text.as_str());
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(c, '\'' | '"' | '(' | ')' | '<' | '>' | ',' | ';' | '`' | '|' | '{' | '}')
    };
    for word in texts.flat_map(|t| t.split(ends)) {
        if out.len() >= MAX_FOUND {
            break;
        }
        let start = ["http://", "https://"].iter().find_map(|s| word.find(s));
        if let Some(url) = start.and_then(|at| word.get(at..)) {
            out.extend(Observable::parse(ObservableKind::Url, url).ok());
            let host = url.split("://").nth(1).and_then(|r| r.split(['/', '?', ':']).next()).unwrap_or("");
            out.extend(Observable::parse(ObservableKind::Ip, host).ok());
            out.extend(Observable::parse(ObservableKind::Domain, host).ok());
        } else if word.len() <= 15 && word.bytes().filter(|b| *b == b'.').count() == 3 {
            out.extend(Observable::parse(ObservableKind::Ip, word).ok());
        }
    }
    out
}
