//! The executable definition of what a rule means: slow, plain, and the judge of any fast engine.
//!
//! It looks at one event and one tree, folds and compiles anew each time, and keeps nothing. Where
//! an engine and this module differ, the engine is wrong or this module must change first.

use super::decimal::Decimal;
use super::fold::fold;
use super::ir::{Atom, Expr, Piece, Target, Test, TextKind};
use super::time::TimeParts;

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefValue<'a> {
    /// JSON null.
    Null,
    /// An element without content, as in EVTX: it may mean null or the empty string, and satisfies both.
    Blank,
    /// Text.
    Text(&'a str),
    /// A number, as written.
    Number(&'a str),
    /// A boolean: the text `true` or `false`.
    Bool(bool),
}

impl<'a> RefValue<'a> {
    /// The text to compare with; null has none.
    fn text(self) -> Option<&'a str> {
        match self {
            Self::Null => None,
            Self::Blank => Some(""),
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
        }
    }
}

/// One event.
pub trait Record {
    /// The values of a field: none if it is absent, one per element of an array, and a single
    /// [`RefValue::Null`] for an array without elements.
    fn values(&self, field: &str) -> Vec<RefValue<'_>>;

    /// Every string of the event, for keywords. Field names are not among them.
    fn strings(&self) -> Vec<&str>;
}

/// An event in which every field is [`RefValue::Blank`]: it makes every kind of test run.
#[derive(Clone, Copy, Debug)]
pub struct Blanks;

impl Record for Blanks {
    fn values(&self, _: &str) -> Vec<RefValue<'_>> {
        vec![RefValue::Blank]
    }

    fn strings(&self) -> Vec<&str> {
        vec![""]
    }
}

/// Whether `expr` holds for `record`.
pub fn matches(expr: &Expr, record: &dyn Record) -> bool {
    match expr {
        Expr::And(operands) => operands.iter().all(|operand| matches(operand, record)),
        Expr::Or(operands) => operands.iter().any(|operand| matches(operand, record)),
        Expr::Not(operand) => !matches(operand, record),
        Expr::AtLeast(wanted, operands) => {
            operands.iter().filter(|operand| matches(operand, record)).count() >= *wanted
        }
        Expr::Atom(atom) => atom_holds(atom, record),
        Expr::Const(value) => *value,
    }
}

/// Whether one question has the answer yes.
pub fn atom_holds(atom: &Atom, record: &dyn Record) -> bool {
    match &atom.target {
        Target::Keyword => record.strings().into_iter().any(|text| text_holds(&atom.test, text)),
        Target::Field(field) => {
            let values = record.values(field);
            match &atom.test {
                Test::Exists => !values.is_empty(),
                Test::Null => {
                    values.is_empty() || values.iter().any(|v| matches!(v, RefValue::Null | RefValue::Blank))
                }
                Test::FieldRef { other, kind, cased } => {
                    let others = record.values(other);
                    values.iter().filter_map(|value| value.text()).any(|left| {
                        others
                            .iter()
                            .filter_map(|value| value.text())
                            .any(|right| text_relates(*kind, left, right, *cased))
                    })
                }
                // `true` is no number, even though its text is compared elsewhere.
                Test::Number { .. } => values
                    .iter()
                    .filter(|value| !matches!(value, RefValue::Bool(_)))
                    .filter_map(|value| value.text())
                    .any(|text| text_holds(&atom.test, text)),
                test => values.iter().filter_map(|value| value.text()).any(|text| text_holds(test, text)),
            }
        }
    }
}

/// Tests that need nothing but the text of one value.
fn text_holds(test: &Test, text: &str) -> bool {
    match test {
        Test::Any => true,
        Test::Empty => text.is_empty(),
        Test::Text { kind, value, cased } => text_relates(*kind, text, value, *cased),
        Test::Glob { pieces, cased: true } => glob_holds(pieces, text),
        Test::Glob { pieces, cased: false } => {
            let folded: Vec<Piece> = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Lit(literal) => Piece::Lit(fold(literal).into_owned()),
                    other => other.clone(),
                })
                .collect();
            glob_holds(&folded, &fold(text))
        }
        // An expression that does not compile was not made by the parser; it finds nothing.
        Test::Regex(regex) => regex.compile().is_ok_and(|regex| regex.is_match(text)),
        Test::Cidr(network) => network.contains_text(text),
        Test::Number { op, value } => Decimal::parse(text).is_some_and(|left| op.holds(&left, value)),
        Test::TimePart { part, op, value } => {
            TimeParts::parse(text).is_some_and(|time| op.holds(time.part(*part), *value))
        }
        Test::FieldRef { .. } | Test::Exists | Test::Null => false,
    }
}

fn text_relates(kind: TextKind, left: &str, right: &str, cased: bool) -> bool {
    if !cased {
        return text_relates(kind, &fold(left), &fold(right), true);
    }
    match kind {
        TextKind::Equals => left == right,
        TextKind::StartsWith => left.starts_with(right),
        TextKind::EndsWith => left.ends_with(right),
        TextKind::Contains => left.contains(right),
    }
}

/// Whether the pieces cover the whole text. `reachable[i]`: the pieces so far can end at byte `i`.
fn glob_holds(pieces: &[Piece], text: &str) -> bool {
    let mut reachable = vec![false; text.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        for (at, rest) in (0..=text.len()).filter_map(|at| Some((at, text.get(at..)?))) {
            if !reachable.get(at).copied().unwrap_or(false) {
                continue;
            }
            let end = match piece {
                Piece::Lit(literal) => rest.starts_with(literal.as_str()).then_some(at + literal.len()),
                Piece::AnyChar => rest.chars().next().map(|c| at + c.len_utf8()),
                Piece::AnyRun => {
                    next.iter_mut().skip(at).for_each(|slot| *slot = true);
                    break;
                }
            };
            if let Some(slot) = end.and_then(|end| next.get_mut(end)) {
                *slot = true;
            }
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}
