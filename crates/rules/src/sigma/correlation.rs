//! Correlations: questions about several matches. They are read and kept here, not evaluated.

use super::document::{level, names, optional, required_title, scalar_text, texts};
use super::fault::{Fault, did_you_mean};
use super::ir::{Correlation, Source};
use super::item::Build;
use super::yaml::{Kind, Node, ScalarKind};

/// The types that exist, and whether each needs a `condition`.
const KINDS: [(&str, bool); 8] = [
    ("event_count", true),
    ("value_count", true),
    ("temporal", false),
    ("temporal_ordered", false),
    ("value_sum", true),
    ("value_avg", true),
    ("value_percentile", true),
    ("value_median", true),
];

const OPERATORS: [&str; 6] = ["gt", "gte", "lt", "lte", "eq", "neq"];

/// Reads a document with `correlation:`.
pub fn correlation(
    node: &Node,
    body: &Node,
    source: Source,
    build: &mut Build<'_>,
) -> Result<Correlation, Fault> {
    if !matches!(body.kind, Kind::Map(_)) {
        return Err(Fault::new(body.span, format!("`correlation` must be a map, not {}", body.describe())));
    }
    let Some(kind) = optional(body, "type")? else {
        return Err(Fault::new(body.span, "the correlation has no `type`"));
    };
    let Some((_, needs_condition)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let span = body.get("type").map_or(body.span, |value| value.span);
        let mut fault = Fault::new(span, format!("`{kind}` is not a type of correlation"));
        fault.help = did_you_mean(&kind, KINDS.iter().map(|(name, _)| *name));
        return Err(fault);
    };
    let Some(rules) = body.get("rules") else {
        return Err(Fault::new(body.span, "the correlation does not say which `rules` it is about"));
    };
    let rules = names(rules)?.into_iter().map(|(name, _)| name).collect();
    let timespan_seconds = match body.get("timespan") {
        None => None,
        Some(value) => match scalar_text(value).as_deref().and_then(seconds) {
            Some(seconds) => Some(seconds),
            None => {
                return Err(Fault::new(
                    value.span,
                    "`timespan` must be a number with s, m, h or d, like 15m",
                ));
            }
        },
    };
    let condition = match body.get("condition") {
        None if *needs_condition => {
            return Err(Fault::new(body.span, format!("a correlation of type {kind} needs a `condition`")));
        }
        None => Vec::new(),
        Some(value) => conditions(value)?,
    };
    let generate = match body.get("generate").or_else(|| node.get("generate")).map(|value| &value.kind) {
        Some(Kind::Scalar(scalar)) => scalar.kind == ScalarKind::Bool(true),
        _ => false,
    };
    build
        .notices
        .push(Fault::new(body.span, format!("a correlation of type {kind}: read, but not yet evaluated")));
    Ok(Correlation {
        id: optional(node, "id")?,
        name: optional(node, "name")?,
        title: required_title(node)?,
        level: level(node)?,
        kind,
        rules,
        group_by: texts(body, "group-by")?,
        timespan_seconds,
        condition,
        generate,
        source,
    })
}

fn conditions(value: &Node) -> Result<Vec<(String, String)>, Fault> {
    let Kind::Map(entries) = &value.kind else {
        return match scalar_text(value) {
            // The extended form of temporal correlations: a condition over rule names.
            Some(text) => Ok(vec![("expression".into(), text)]),
            None => Err(Fault::new(value.span, "the condition of a correlation must be a map")),
        };
    };
    entries
        .iter()
        .map(|(key, right)| {
            if !OPERATORS.contains(&key.text.as_str()) && !matches!(key.text.as_str(), "field" | "percentile")
            {
                let mut fault = Fault::new(key.span, format!("`{}` is not an operator", key.text));
                fault.help = Some("one of gt, gte, lt, lte, eq, neq, besides field and percentile".into());
                return Err(fault);
            }
            let text = match &right.kind {
                Kind::List(items) => items.iter().filter_map(scalar_text).collect::<Vec<_>>().join(","),
                _ => scalar_text(right).unwrap_or_default(),
            };
            Ok((key.text.clone(), text))
        })
        .collect()
}

fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.get(..text.len().checked_sub(unit.len_utf8())?)?.parse().ok()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(factor)
}
