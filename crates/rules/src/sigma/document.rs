//! Documents: what a YAML document is, and everything about a rule that is not its detection.

use std::sync::Arc;

use super::Options;
use super::correlation::correlation;
use super::detection::detection;
use super::fault::{Fault, did_you_mean};
use super::ir::{
    Document, Filter, FilterRules, Level, Logsource, Related, Rule, RuleError, Severity, Source, Span, Status,
};
use super::item::Build;
use super::yaml::{Kind, Node, ScalarKind};

/// Reads one document. Faults and notices carry the id and title where those could be read.
pub fn document(
    file: &Arc<str>,
    text: &str,
    node: &Node,
    options: &Options,
    errors: &mut Vec<RuleError>,
) -> Option<Document> {
    let mut build = Build::new(text, options);
    let result = classify(file, node, &mut build);
    let about = |fault: Fault, severity| RuleError {
        file: file.clone(),
        span: fault.span,
        message: fault.message,
        help: fault.help,
        rule_id: text_of(node, "id"),
        rule_title: text_of(node, "title"),
        severity,
    };
    // Notices about a rule that is not loaded would only distract from why.
    match result {
        Ok(document) => {
            errors.extend(build.notices.into_iter().map(|notice| about(notice, Severity::Notice)));
            Some(document)
        }
        Err(fault) => {
            errors.push(about(fault, Severity::Error));
            None
        }
    }
}

fn classify(file: &Arc<str>, node: &Node, build: &mut Build<'_>) -> Result<Document, Fault> {
    let Kind::Map(_) = &node.kind else {
        return Err(Fault::new(
            node.span,
            format!("a Sigma document must be a map, not {}", node.describe()),
        ));
    };
    let source = Source { file: file.clone(), span: node.span };
    let parts = [node.entry("detection"), node.entry("filter"), node.entry("correlation")];
    match parts {
        [Some((_, body)), None, None] => rule(node, body, source, build).map(Box::new).map(Document::Rule),
        [None, Some((_, body)), None] => {
            filter(node, body, source, build).map(Box::new).map(Document::Filter)
        }
        [None, None, Some((_, body))] => {
            correlation(node, body, source, build).map(Box::new).map(Document::Correlation)
        }
        [None, None, None] => {
            let mut fault =
                Fault::new(node.span, "neither `detection`, `filter` nor `correlation` is defined");
            if let Kind::Map(entries) = &node.kind {
                fault.help = entries
                    .iter()
                    .find_map(|(key, _)| did_you_mean(&key.text, ["detection", "correlation"].into_iter()));
            }
            Err(fault)
        }
        _ => {
            Err(Fault::new(node.span, "one document defines more than one of detection, filter, correlation")
                .help("separate documents with `---`"))
        }
    }
}

fn rule(node: &Node, body: &Node, source: Source, build: &mut Build<'_>) -> Result<Rule, Fault> {
    let title = required_title(node)?;
    let tags = texts(node, "tags")?;
    let (techniques, tactics) = attack(&tags);
    Ok(Rule {
        id: optional(node, "id")?,
        name: optional(node, "name")?,
        title,
        level: level(node)?,
        status: status(node, build),
        author: joined(node, "author"),
        license: optional(node, "license")?,
        description: optional(node, "description")?,
        references: texts(node, "references")?,
        tags,
        techniques,
        tactics,
        falsepositives: texts(node, "falsepositives")?,
        fields: texts(node, "fields")?,
        date: optional(node, "date")?,
        modified: optional(node, "modified")?,
        related: related(node)?,
        taxonomy: optional(node, "taxonomy")?,
        logsource: logsource(node)?,
        expr: detection(body, &[], build)?,
        source,
        filters: Vec::new(),
        correlated: None,
    })
}

fn filter(node: &Node, body: &Node, source: Source, build: &mut Build<'_>) -> Result<Filter, Fault> {
    let rules = match body.get("rules") {
        None => {
            return Err(Fault::new(body.span, "the filter does not say which `rules` it narrows")
                .help("list ids or names, or write `rules: any`"));
        }
        Some(rules) => match &rules.kind {
            Kind::Scalar(scalar) if scalar.text.eq_ignore_ascii_case("any") => FilterRules::Any,
            _ => FilterRules::Named(names(rules)?),
        },
    };
    Ok(Filter {
        id: optional(node, "id")?,
        name: optional(node, "name")?,
        title: required_title(node)?,
        rules,
        logsource: logsource(node)?,
        expr: detection(body, &["rules"], build)?,
        source,
    })
}

/// Names with their places: a single one or a list that is not empty.
pub fn names(node: &Node) -> Result<Vec<(String, Span)>, Fault> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let names: Vec<(String, Span)> = items
        .iter()
        .map(|item| match scalar_text(item) {
            Some(text) if !text.is_empty() => Ok((text, item.span)),
            _ => Err(Fault::new(item.span, format!("expected the name of a rule, not {}", item.describe()))),
        })
        .collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(Fault::new(node.span, "an empty list of rules"));
    }
    Ok(names)
}

/// The title, without which no finding could be shown.
pub fn required_title(node: &Node) -> Result<String, Fault> {
    match optional(node, "title")? {
        Some(title) if !title.trim().is_empty() => Ok(title),
        _ => Err(Fault::new(Span { end: node.span.start, ..node.span }, "the document has no title")),
    }
}

/// The text of a scalar; null has none.
pub fn scalar_text(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.kind != ScalarKind::Null => Some(scalar.text.clone()),
        _ => None,
    }
}

fn text_of(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(scalar_text)
}

/// A single value, or none.
pub fn optional(node: &Node, key: &str) -> Result<Option<String>, Fault> {
    match node.get(key) {
        None => Ok(None),
        Some(Node { kind: Kind::Scalar(_), .. }) => Ok(text_of(node, key)),
        Some(other) => {
            Err(Fault::new(other.span, format!("`{key}` must be a single value, not {}", other.describe())))
        }
    }
}

/// A list of texts; a single value is a list of one.
pub fn texts(node: &Node, key: &str) -> Result<Vec<String>, Fault> {
    let Some(value) = node.get(key) else { return Ok(Vec::new()) };
    match &value.kind {
        Kind::Scalar(_) => Ok(scalar_text(value).into_iter().collect()),
        Kind::List(items) => items
            .iter()
            .map(|item| match &item.kind {
                Kind::Scalar(scalar) => Ok(scalar.text.clone()),
                _ => Err(Fault::new(item.span, format!("`{key}` must be a list of texts"))),
            })
            .collect(),
        Kind::Map(_) => Err(Fault::new(value.span, format!("`{key}` must be a list of texts, not a map"))),
    }
}

/// Authors are written as one text or as a list.
pub fn joined(node: &Node, key: &str) -> Option<String> {
    let list = texts(node, key).ok()?;
    (!list.is_empty()).then(|| list.join(", "))
}

/// The level; one that does not exist is a fault, since it decides who is woken.
pub fn level(node: &Node) -> Result<Level, Fault> {
    let levels = [
        ("informational", Level::Informational),
        ("low", Level::Low),
        ("medium", Level::Medium),
        ("high", Level::High),
        ("critical", Level::Critical),
    ];
    let Some(text) = optional(node, "level")? else { return Ok(Level::default()) };
    match levels.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
        Some((_, level)) => Ok(*level),
        None => {
            let span = node.get("level").map_or(node.span, |value| value.span);
            Err(Fault::new(span, format!("`{text}` is not a level"))
                .help("one of informational, low, medium, high, critical"))
        }
    }
}

/// How mature a document says it is; a word that does not exist is noted and ignored.
pub fn status(node: &Node, build: &mut Build<'_>) -> Option<Status> {
    let value = node.get("status")?;
    let text = scalar_text(value)?;
    let status = match text.to_ascii_lowercase().as_str() {
        "stable" => Status::Stable,
        "test" => Status::Test,
        "experimental" => Status::Experimental,
        "deprecated" => Status::Deprecated,
        "unsupported" => Status::Unsupported,
        _ => {
            // Nothing is detected differently for it.
            build.notices.push(
                Fault::new(value.span, format!("`{text}` is not a status"))
                    .help("one of stable, test, experimental, deprecated, unsupported"),
            );
            return None;
        }
    };
    Some(status)
}

fn logsource(node: &Node) -> Result<Logsource, Fault> {
    let Some(value) = node.get("logsource") else {
        return Err(Fault::new(Span { end: node.span.start, ..node.span }, "the document has no logsource")
            .help("say which events it speaks of: `logsource:` with category, product or service"));
    };
    let Kind::Map(_) = &value.kind else {
        return Err(Fault::new(value.span, format!("`logsource` must be a map, not {}", value.describe())));
    };
    let logsource = Logsource {
        category: optional(value, "category")?,
        product: optional(value, "product")?,
        service: optional(value, "service")?,
        definition: optional(value, "definition")?,
    };
    if logsource.category.is_none() && logsource.product.is_none() && logsource.service.is_none() {
        return Err(Fault::new(value.span, "the logsource names neither category, product nor service"));
    }
    Ok(logsource)
}

fn related(node: &Node) -> Result<Vec<Related>, Fault> {
    let Some(value) = node.get("related") else { return Ok(Vec::new()) };
    let Kind::List(items) = &value.kind else { return Ok(Vec::new()) };
    items
        .iter()
        .map(|item| {
            let id = text_of(item, "id");
            let kind = text_of(item, "type");
            match (id, kind) {
                (Some(id), Some(kind)) => Ok(Related { id, kind }),
                _ => Err(Fault::new(item.span, "an entry of `related` needs an `id` and a `type`")),
            }
        })
        .collect()
}

/// Techniques and tactics among the tags: `attack.t1059.001`, `attack.defense-evasion`.
///
/// Groups (`g0016`) and software ([`software`]) are neither.
pub fn attack(tags: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut techniques, mut tactics) = (Vec::new(), Vec::new());
    for tag in tags {
        let lower = tag.to_ascii_lowercase();
        let Some(name) = lower.strip_prefix("attack.") else { continue };
        let numbered = |prefix| {
            name.strip_prefix(prefix).is_some_and(|rest: &str| {
                rest.starts_with(|c: char| c.is_ascii_digit())
                    && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            })
        };
        let (list, value) = if numbered('t') {
            (&mut techniques, name.to_ascii_uppercase())
        } else if numbered('g') || numbered('s') || name.is_empty() {
            continue;
        } else {
            (&mut tactics, name.replace('_', "-"))
        };
        if !list.contains(&value) {
            list.push(value);
        }
    }
    (techniques, tactics)
}

/// ATT&CK software among the tags: `attack.s0002` is `S0002`.
pub fn software(tags: &[String]) -> Vec<String> {
    let id = |tag: &String| {
        let id = tag.to_ascii_lowercase().strip_prefix("attack.")?.to_ascii_uppercase();
        let digits = id.strip_prefix('S')?;
        (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(id)
    };
    let ids: std::collections::BTreeSet<String> = tags.iter().filter_map(id).collect();
    ids.into_iter().collect()
}
