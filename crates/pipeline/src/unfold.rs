//! Rules over what lies under the wrappings of scripts: decoded text takes the place of the encoded one, and what no
//! rule has said of the record as it was is a finding that shows both.
//!
//! A command line that holds a script is also looked at as a script of its own, because rules for scripts ask other
//! fields than rules for processes.
//!
//! What this module never does: change evidence; the rows it makes are its own and live no longer than their batch.

use std::sync::Arc;

use palisade_model::{
    Batch, Buffers, Catalogue, Confidence, FieldId, FieldSet, Fields, FieldsBuilder, Finding, Logsource,
    Observable, ObservableKind, Projection, RowBatch, RowBuilder, RuleInfo, Severity, ShapeId, Time, Value,
};
use palisade_text::unfold::{Layer, is_wrapped, unfold};
use serde::Deserialize;

use crate::judge::MAX_OBSERVABLES;

/// The file that says what is unfolded.
pub(crate) const FILE: &str = "analytics/unfold.toml";

/// Most observables taken from unfolded text.
const MAX_FOUND: usize = 8;

/// What one program does within so many microseconds is one thing: PowerShell writes a script as it came, as a module was
/// called with it, and as it ran.
const BESIDE: i64 = 60 * 1_000_000;

/// Most records that one finding cites.
const MAX_CITED: usize = 50;

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
    /// The record says that the text was put somewhere, not that it ran.
    #[serde(default)]
    stored: bool,
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
    stored: bool,
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
                looked.stored |= look.stored;
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
                software: Vec::new(),
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

    /// Whether texts of a kind of record were put somewhere, and did not run.
    pub(crate) fn is_stored(&self, shape: ShapeId) -> bool {
        self.shapes.get(shape.index()).is_some_and(|l| l.stored)
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

/// Whether findings of records in the clear say already what a rule says of hidden text: as grave, of the same machine,
/// within a minute, and between them every technique. Then the wrapping hid nothing, and a second alarm would count one thing
/// twice.
pub(crate) fn said_beside(
    rule: &RuleInfo,
    host: Option<&str>,
    time: Option<Time>,
    plain: &[Finding],
) -> bool {
    let beside = |f: &&Finding| {
        f.rule.level >= rule.level
            && f.host.as_deref() == host
            && apart(f.time, time).is_some_and(|t| t <= BESIDE)
    };
    let beside: Vec<&Finding> = plain.iter().filter(beside).collect();
    let same = beside.iter().any(|f| f.rule.id == rule.id);
    let named = |technique: &String| beside.iter().any(|f| f.rule.attack.contains(technique));
    same || !rule.attack.is_empty() && rule.attack.iter().all(named)
}

/// Adds what was made of hidden text to what the same rule said of another hidden text of the same machine within a minute:
/// a tool that loads its parts one by one is one finding. What only shows hidden text (`shows`) stays alone, because each
/// shows another.
pub(crate) fn fold(before: &mut Finding, made: &Finding, shows: Option<&Arc<RuleInfo>>) -> bool {
    let one = before.rule.id == made.rule.id
        && before.host == made.host
        && shows.is_none_or(|s| s.id != made.rule.id)
        && beside(before, made.time)
        && before.citations.len() < MAX_CITED;
    if one {
        before.citations.extend(
            made.citations.iter().filter(|c| !before.citations.contains(c)).copied().collect::<Vec<_>>(),
        );
        before.time = before.time.min(made.time);
        before.time_end = before.time_end.max(made.time_end);
        before.observables.extend(made.observables.iter().cloned());
        before.observables.sort();
        before.observables.dedup();
        before.observables.truncate(MAX_OBSERVABLES);
        before.recovered |= made.recovered;
    }
    one
}

/// Whether a moment lies within a finding's span or no farther from it than [`BESIDE`].
fn beside(finding: &Finding, time: Option<Time>) -> bool {
    let (Some(first), Some(last), Some(time)) = (finding.time, finding.time_end, time) else { return false };
    (first.0.saturating_sub(BESIDE)..=last.0.saturating_add(BESIDE)).contains(&time.0)
}

/// How far two moments are apart, in microseconds.
fn apart(a: Option<Time>, b: Option<Time>) -> Option<i64> {
    a.zip(b).map(|(a, b)| a.0.saturating_sub(b.0).saturating_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_model::{Citation, FindingId, Message, SourceId, Vector};

    const MINUTE: i64 = 60 * 1_000_000;

    fn rule(id: &str, level: Severity, attack: &[&str]) -> Arc<RuleInfo> {
        Arc::new(RuleInfo {
            id: id.to_owned(),
            title: id.to_owned(),
            level,
            confidence: Confidence(50),
            attack: attack.iter().map(|a| (*a).to_owned()).collect(),
            software: Vec::new(),
            author: None,
            license: None,
            description: None,
            false_positives: Vec::new(),
            file: String::new(),
        })
    }

    fn finding(rule: &Arc<RuleInfo>, host: &str, time: i64, record: u64) -> Finding {
        Finding {
            id: FindingId::new(&rule.id, &[record as u8; 16]),
            vector: Vector::Host,
            rule: rule.clone(),
            message: Message { id: String::new(), args: Vec::new() },
            time: Some(Time(time)),
            time_end: Some(Time(time)),
            host: Some(host.to_owned()),
            observables: Vec::new(),
            citations: vec![Citation { source: SourceId(0), record, offset: record }],
            recovered: false,
        }
    }

    #[test]
    fn what_is_said_beside_is_not_said_again() {
        let hidden = rule("hidden", Severity::High, &["T1003.006", "T1059.001"]);
        let (one, two) =
            (rule("one", Severity::High, &["T1003.006"]), rule("two", Severity::Critical, &["T1059.001"]));
        let mild = rule("mild", Severity::Medium, &["T1003.006", "T1059.001"]);
        let said = |plain: &[Finding]| said_beside(&hidden, Some("a"), Some(Time(0)), plain);
        let both = |host, at| vec![finding(&one, host, at, 1), finding(&two, host, at, 2)];
        assert!(said(&both("a", MINUTE)) && said(&both("a", -MINUTE)));
        assert!(!said(&both("b", 0)), "another machine");
        assert!(!said(&both("a", MINUTE + 1)), "later");
        assert!(!said(&[finding(&one, "a", 0, 1)]), "one technique is new");
        assert!(!said(&[finding(&mild, "a", 0, 1)]), "it is graver");
        assert!(said(&[finding(&hidden, "a", 0, 1)]));
        let untold = rule("untold", Severity::High, &[]);
        assert!(
            !said_beside(&untold, Some("a"), Some(Time(0)), &both("a", 0)),
            "no technique, nothing to compare"
        );
        assert!(!said_beside(&hidden, Some("a"), None, &both("a", 0)), "no time");
    }

    #[test]
    fn parts_of_one_tool_are_one_finding() {
        let (tool, shows) = (rule("tool", Severity::High, &[]), rule("shows", Severity::Medium, &[]));
        let mut first = finding(&tool, "a", 0, 1);
        assert!(fold(&mut first, &finding(&tool, "a", MINUTE, 2), Some(&shows)));
        assert!(
            fold(&mut first, &finding(&tool, "a", 2 * MINUTE, 3), Some(&shows)),
            "a minute from the last of it"
        );
        assert_eq!((first.citations.len(), first.time_end), (3, Some(Time(2 * MINUTE))));
        for other in [
            finding(&tool, "b", 0, 4),
            finding(&tool, "a", 4 * MINUTE, 5),
            finding(&rule("other", Severity::High, &[]), "a", 0, 6),
        ] {
            assert!(!fold(&mut first, &other, Some(&shows)));
        }
        let mut text = finding(&shows, "a", 0, 1);
        assert!(!fold(&mut text, &finding(&shows, "a", 0, 2), Some(&shows)), "each shows another text");
        for n in 0..100_000 {
            fold(&mut first, &finding(&tool, "a", 0, 100 + n), None);
        }
        assert_eq!(first.citations.len(), MAX_CITED);
    }
}
