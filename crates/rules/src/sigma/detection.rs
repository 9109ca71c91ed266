//! Detections: identifiers and their condition become one tree.

use super::condition::{self, Identifier, all, any};
use super::fault::{Fault, within};
use super::ir::Expr;
use super::item::{self, Build};
use super::yaml::{Kind, Node};

/// Identifiers one detection may define.
pub const IDENTIFIERS_MAX: usize = 1_000;

/// Conditions one detection may list.
pub const CONDITIONS_MAX: usize = 100;

/// Bytes one condition may have.
pub const CONDITION_BYTES_MAX: usize = 64 << 10;

/// Reads the map under `detection:` (or `filter:`, less its keys in `besides`).
pub fn detection(node: &Node, besides: &[&str], build: &mut Build<'_>) -> Result<Expr, Fault> {
    let Kind::Map(entries) = &node.kind else {
        return Err(Fault::new(node.span, format!("a detection must be a map, not {}", node.describe())));
    };
    if entries.len() > IDENTIFIERS_MAX {
        return Err(Fault::new(node.span, format!("more than {IDENTIFIERS_MAX} identifiers")));
    }
    let mut identifiers = Vec::new();
    let mut spans = Vec::new();
    let mut condition = None;
    for (key, value) in entries {
        match key.text.as_str() {
            "condition" => condition = Some(value),
            "timeframe" => {
                return Err(Fault::new(
                    key.span,
                    "`timeframe` belongs to aggregations, which are obsolete Sigma",
                )
                .help("write a document with `correlation:` and `timespan:`"));
            }
            name if besides.contains(&name) => {}
            name => {
                let expr = identifier(value, build)?;
                let nodes = count(&expr);
                identifiers.push(Identifier { name, expr, nodes, used: false });
                spans.push(key.span);
            }
        }
    }
    if identifiers.is_empty() {
        return Err(Fault::new(node.span, "the detection defines no identifier"));
    }
    let Some(condition) = condition else {
        return Err(Fault::new(node.span, "the detection has no condition"));
    };
    let conditions = match &condition.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(condition),
    };
    if conditions.is_empty() || conditions.len() > CONDITIONS_MAX {
        return Err(Fault::new(
            condition.span,
            format!("between 1 and {CONDITIONS_MAX} conditions are expected"),
        ));
    }
    let mut nodes = 0;
    let mut exprs = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let Kind::Scalar(scalar) = &condition.kind else {
            let message = format!("a condition must be text, not {}", condition.describe());
            return Err(Fault::new(condition.span, message));
        };
        if scalar.text.len() > CONDITION_BYTES_MAX {
            return Err(Fault::new(
                condition.span,
                format!("a condition of more than {CONDITION_BYTES_MAX} bytes"),
            ));
        }
        let locate = |range| within(build.text, condition.span, &scalar.text, range);
        exprs.push(condition::parse(&scalar.text, &mut identifiers, &mut nodes, &locate)?);
    }
    for (identifier, span) in identifiers.iter().zip(spans) {
        if !identifier.used {
            let message = format!("no condition uses `{}`", identifier.name);
            build.notices.push(Fault::new(span, message));
        }
    }
    Ok(any(exprs))
}

/// Reads what stands under one identifier.
fn identifier(node: &Node, build: &mut Build<'_>) -> Result<Expr, Fault> {
    match &node.kind {
        Kind::Map(_) => map(node, build),
        Kind::Scalar(scalar) => item::keyword(scalar, node.span, build),
        Kind::List(items) => {
            if items.is_empty() {
                return Err(Fault::new(node.span, "an empty list could never match"));
            }
            let mut alternatives = Vec::with_capacity(items.len());
            for item in items {
                alternatives.push(match &item.kind {
                    Kind::Map(_) => map(item, build)?,
                    Kind::Scalar(scalar) => item::keyword(scalar, item.span, build)?,
                    Kind::List(_) => {
                        return Err(Fault::new(item.span, "a list within a list has no meaning in Sigma"));
                    }
                });
            }
            Ok(any(alternatives))
        }
    }
}

fn map(node: &Node, build: &mut Build<'_>) -> Result<Expr, Fault> {
    let Kind::Map(entries) = &node.kind else { return identifier(node, build) };
    if entries.is_empty() {
        return Err(Fault::new(node.span, "an empty map would match every event"));
    }
    let mut operands = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        operands.push(item::item(key, value, build)?);
    }
    Ok(all(operands))
}

/// Nodes of a tree.
pub fn count(expr: &Expr) -> usize {
    match expr {
        Expr::And(operands) | Expr::Or(operands) | Expr::AtLeast(_, operands) => {
            1 + operands.iter().map(count).sum::<usize>()
        }
        Expr::Not(inner) => 1 + count(inner),
        Expr::Atom(_) | Expr::Const(_) => 1,
    }
}
