//! Correlation documents: read and checked here; [`crate::correlate`] answers them.
//!
//! It never resolves what `rules` refers to: that needs every document, and is done when a set is assembled.

use super::condition::{self, Identifier};
use super::decimal::Decimal;
use super::document::{attack, joined, level, names, optional, required_title, scalar_text, status, texts};
use super::fault::{Fault, did_you_mean, within};
use super::ir::{
    Alias, Atom, Bound, BoundOp, Correlation, CorrelationKind, Expr, NumberOp, Presence, Source, Span,
    Target, Test,
};
use super::item::Build;
use super::yaml::{Kind, Node, ScalarKind};

/// Rules that one correlation may refer to.
pub const CORRELATED_RULES_MAX: usize = 64;

/// Rules that an ordered correlation may refer to if it has a condition: every subset is followed.
pub const ORDERED_RULES_MAX: usize = 12;

/// Fields that one correlation may group by or measure.
pub const CORRELATED_FIELDS_MAX: usize = 64;

/// Nodes of an extended condition: it is evaluated at every match.
pub const PRESENCE_NODES_MAX: usize = 1_000;

/// The longest window, in seconds: 365 days.
pub const TIMESPAN_MAX: u64 = 365 * 86_400;

const KINDS: [&str; 8] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
];

const OPERATORS: [(&str, BoundOp); 6] = [
    ("gt", BoundOp::Order(NumberOp::Gt)),
    ("gte", BoundOp::Order(NumberOp::Gte)),
    ("lt", BoundOp::Order(NumberOp::Lt)),
    ("lte", BoundOp::Order(NumberOp::Lte)),
    ("eq", BoundOp::Eq),
    ("neq", BoundOp::Neq),
];

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
    let kind_name = kind_name(body)?;
    let temporal = kind_name.starts_with("temporal");
    let condition = body.get("condition");
    let text = condition.filter(|c| matches!(c.kind, Kind::Scalar(_)));
    let rules = match (body.get("rules"), text) {
        (Some(rules), _) => names(rules)?,
        // An extended condition names its rules itself.
        (None, Some(text)) if temporal => mentioned(text),
        (None, _) => {
            return Err(Fault::new(body.span, "the correlation does not say which `rules` it is about"));
        }
    };
    if rules.is_empty() || rules.len() > CORRELATED_RULES_MAX {
        let message = format!("between 1 and {CORRELATED_RULES_MAX} rules are expected, not {}", rules.len());
        return Err(Fault::new(body.span, message));
    }
    let repeated = rules.iter().enumerate().find(|(i, (name, _))| {
        rules.iter().take(*i).any(|(other, _)| other.eq_ignore_ascii_case(name))
            && kind_name != "temporal_ordered"
    });
    if let Some((_, (name, span))) = repeated {
        return Err(Fault::new(*span, format!("`{name}` is listed twice")));
    }
    let (bounds, measured) = match condition.map(|c| (c, &c.kind)) {
        None => (Vec::new(), Measured::default()),
        Some((_, Kind::Scalar(_))) if temporal => (Vec::new(), Measured::default()),
        Some((value, Kind::Map(_))) => bounds(value)?,
        Some((value, _)) => {
            let mut fault = Fault::new(value.span, "the condition of a correlation must be a map");
            fault.help = Some("an expression over names of rules is for temporal types only".into());
            return Err(fault);
        }
    };
    if !temporal && bounds.is_empty() {
        let message = format!("a correlation of type {kind_name} needs a `condition` with a comparison");
        return Err(Fault::new(condition.map_or(body.span, |c| c.span), message)
            .help("one of gt, gte, lt, lte, eq, neq with a number"));
    }
    let expression = text.filter(|_| temporal).map(|t| presence(t, &rules, build)).transpose()?;
    let limited = expression.is_some() || !bounds.is_empty();
    if kind_name == "temporal_ordered" && limited && rules.len() > ORDERED_RULES_MAX {
        let message = format!("an ordered correlation with a condition may have {ORDERED_RULES_MAX} rules");
        return Err(Fault::new(body.span, message));
    }
    let group_by = texts(body, "group-by")?;
    if group_by.len() + measured.fields.len() > CORRELATED_FIELDS_MAX {
        return Err(Fault::new(body.span, format!("more than {CORRELATED_FIELDS_MAX} fields")));
    }
    let generate = body.get("generate").or_else(|| node.get("generate")).map(|value| &value.kind);
    let tags = texts(node, "tags")?;
    Ok(Correlation {
        id: optional(node, "id")?,
        name: optional(node, "name")?,
        title: required_title(node)?,
        level: level(node)?,
        status: status(node, build),
        author: joined(node, "author"),
        license: optional(node, "license")?,
        description: optional(node, "description")?,
        techniques: attack(&tags).0,
        tags,
        falsepositives: texts(node, "falsepositives")?,
        kind: kind(&kind_name, measured, condition.unwrap_or(body), build)?,
        rules,
        group_by,
        aliases: aliases(body)?,
        timespan_seconds: timespan(body)?,
        condition: bounds,
        expression,
        generate: matches!(generate, Some(Kind::Scalar(scalar)) if scalar.kind == ScalarKind::Bool(true)),
        source,
    })
}

fn kind_name(body: &Node) -> Result<String, Fault> {
    let Some(kind) = optional(body, "type")? else {
        return Err(Fault::new(body.span, "the correlation has no `type`"));
    };
    if KINDS.contains(&kind.as_str()) {
        return Ok(kind);
    }
    let span = body.get("type").map_or(body.span, |value| value.span);
    let mut fault = Fault::new(span, format!("`{kind}` is not a type of correlation"));
    fault.help = did_you_mean(&kind, KINDS.into_iter());
    Err(fault)
}

/// What a condition measures, besides its comparisons.
#[derive(Default)]
struct Measured {
    fields: Vec<String>,
    percentile: Option<Decimal>,
}

fn kind(name: &str, measured: Measured, at: &Node, build: &mut Build<'_>) -> Result<CorrelationKind, Fault> {
    let Measured { mut fields, percentile } = measured;
    if name != "value_percentile" && percentile.is_some() {
        return Err(Fault::new(at.span, format!("`percentile` has no meaning for {name}")));
    }
    if matches!(name, "event_count" | "temporal" | "temporal_ordered") {
        if !fields.is_empty() {
            build.notices.push(Fault::new(at.span, format!("`field` has no meaning for {name}")));
        }
        return Ok(match name {
            "event_count" => CorrelationKind::EventCount,
            "temporal" => CorrelationKind::Temporal,
            _ => CorrelationKind::TemporalOrdered,
        });
    }
    if fields.is_empty() {
        return Err(Fault::new(
            at.span,
            format!("a correlation of type {name} needs a `field` in its condition"),
        ));
    }
    if name == "value_count" {
        return Ok(CorrelationKind::ValueCount(fields));
    }
    let (Some(field), true) = (fields.pop(), fields.is_empty()) else {
        return Err(Fault::new(at.span, format!("a correlation of type {name} measures one field")));
    };
    Ok(match name {
        "value_sum" => CorrelationKind::ValueSum(field),
        "value_avg" => CorrelationKind::ValueAvg(field),
        "value_median" => CorrelationKind::ValuePercentile(field, Decimal::from(50)),
        _ => match percentile {
            Some(p) => CorrelationKind::ValuePercentile(field, p),
            None => {
                return Err(Fault::new(
                    at.span,
                    "a correlation of type value_percentile needs a `percentile`",
                )
                .help("write `percentile: 95` into the condition; 50 is the median"));
            }
        },
    })
}

fn bounds(value: &Node) -> Result<(Vec<Bound>, Measured), Fault> {
    let (mut bounds, mut measured) = (Vec::new(), Measured::default());
    let Kind::Map(entries) = &value.kind else { return Ok((bounds, measured)) };
    for (key, right) in entries {
        let number = || {
            let text = scalar_text(right).unwrap_or_default();
            Decimal::parse(&text)
                .ok_or_else(|| Fault::new(right.span, format!("`{}` must be a number", key.text)))
        };
        if let Some((_, op)) = OPERATORS.iter().find(|(name, _)| *name == key.text) {
            bounds.push(Bound { op: *op, value: number()? });
            continue;
        }
        match key.text.as_str() {
            "field" => {
                measured.fields = texts(value, "field")?;
                if measured.fields.iter().any(String::is_empty) {
                    return Err(Fault::new(right.span, "an empty name of a field"));
                }
            }
            "percentile" => {
                let p = number()?;
                if p < Decimal::from(0) || p > Decimal::from(100) {
                    return Err(Fault::new(right.span, "`percentile` must be between 0 and 100"));
                }
                measured.percentile = Some(p);
            }
            other => {
                let mut fault = Fault::new(key.span, format!("`{other}` is not an operator"));
                fault.help = Some("one of gt, gte, lt, lte, eq, neq, besides field and percentile".into());
                return Err(fault);
            }
        }
    }
    Ok((bounds, measured))
}

fn timespan(body: &Node) -> Result<u64, Fault> {
    let Some(value) = body.get("timespan") else {
        return Err(Fault::new(body.span, "the correlation has no `timespan`").help("write one like 15m"));
    };
    match scalar_text(value).as_deref().and_then(seconds) {
        Some(0) | None => {
            Err(Fault::new(value.span, "`timespan` must be a number with s, m, h, d or w, like 15m"))
        }
        Some(seconds) if seconds > TIMESPAN_MAX => {
            Err(Fault::new(value.span, format!("`timespan` is longer than {} days", TIMESPAN_MAX / 86_400)))
        }
        Some(seconds) => Ok(seconds),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.get(..text.len().checked_sub(unit.len_utf8())?)?.parse().ok()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn aliases(body: &Node) -> Result<Vec<Alias>, Fault> {
    let Some(value) = body.get("aliases") else { return Ok(Vec::new()) };
    let Kind::Map(entries) = &value.kind else {
        return Err(Fault::new(value.span, format!("`aliases` must be a map, not {}", value.describe())));
    };
    if entries.len() > CORRELATED_FIELDS_MAX {
        return Err(Fault::new(value.span, format!("more than {CORRELATED_FIELDS_MAX} aliases")));
    }
    let alias = |(name, of): &(super::yaml::Key, Node)| {
        let Kind::Map(of_rules) = &of.kind else {
            let message = format!("alias `{}` must map names of rules to fields", name.text);
            return Err(Fault::new(of.span, message));
        };
        let field = |(rule, field): &(super::yaml::Key, Node)| match scalar_text(field) {
            Some(field) if !field.is_empty() => Ok((rule.text.clone(), field)),
            _ => Err(Fault::new(field.span, format!("the field of `{}` must be a text", rule.text))),
        };
        Ok(Alias { name: name.text.clone(), fields: of_rules.iter().map(field).collect::<Result<_, _>>()? })
    };
    entries.iter().map(alias).collect()
}

/// The names in an extended condition, each once, in order.
fn mentioned(condition: &Node) -> Vec<(String, Span)> {
    let text = scalar_text(condition).unwrap_or_default();
    let mut out: Vec<(String, Span)> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).filter(|w| !w.is_empty()) {
        let key = ["and", "or", "not"].iter().any(|k| word.eq_ignore_ascii_case(k));
        if !key && !out.iter().any(|(w, _)| w == word) {
            out.push((word.to_owned(), condition.span));
        }
    }
    out
}

/// Reads an extended condition with the grammar of detections: identifiers are the names of the rules.
fn presence(node: &Node, rules: &[(String, Span)], build: &Build<'_>) -> Result<Presence, Fault> {
    let text = scalar_text(node).unwrap_or_default();
    if text.len() > super::detection::CONDITION_BYTES_MAX {
        return Err(Fault::new(node.span, "the condition is too long"));
    }
    let atom = |i: usize| Expr::Atom(Atom { target: Target::Field(i.to_string()), test: Test::Any });
    let mut identifiers: Vec<Identifier<'_>> = rules
        .iter()
        .enumerate()
        .map(|(i, (name, _))| Identifier { name, expr: atom(i), nodes: 1, used: false })
        .collect();
    let mut nodes = 0;
    let locate = |range| within(build.text, node.span, &text, range);
    let expr = condition::parse(&text, &mut identifiers, &mut nodes, &locate)?;
    if nodes > PRESENCE_NODES_MAX {
        return Err(Fault::new(
            node.span,
            format!("the condition names more than {PRESENCE_NODES_MAX} rules"),
        ));
    }
    Ok(normal(&expr, false))
}

/// Negation normal form. Recursion is bounded by the depth a condition may have.
fn normal(expr: &Expr, negated: bool) -> Presence {
    let parts = |operands: &[Expr]| operands.iter().map(|o| normal(o, negated)).collect();
    match expr {
        Expr::Not(inner) => normal(inner, !negated),
        Expr::And(operands) if negated => Presence::Or(parts(operands)),
        Expr::And(operands) => Presence::And(parts(operands)),
        Expr::Or(operands) if negated => Presence::And(parts(operands)),
        Expr::Or(operands) => Presence::Or(parts(operands)),
        // Fewer than n of m have it: at least m - n + 1 lack it.
        Expr::AtLeast(n, operands) if negated => {
            Presence::AtLeast((operands.len() + 1).saturating_sub(*n), parts(operands))
        }
        Expr::AtLeast(n, operands) => Presence::AtLeast(*n, parts(operands)),
        Expr::Const(value) if *value != negated => Presence::And(Vec::new()),
        Expr::Const(_) => Presence::Or(Vec::new()),
        Expr::Atom(atom) => {
            let index = match &atom.target {
                Target::Field(name) => name.parse().unwrap_or(u32::MAX),
                Target::Keyword => u32::MAX,
            };
            if negated { Presence::Lacks(index) } else { Presence::Has(index) }
        }
    }
}
