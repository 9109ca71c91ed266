//! Atoms that are computed only when a rule asks: globs, regular expressions, networks,
//! numbers, times, comparisons with another field.

use std::net::IpAddr;

use palisade_model::Value;
use regex::Regex;

use crate::sigma::decimal::Decimal;
use crate::sigma::fold::fold;
use crate::sigma::ir::{Piece, Test, TextKind};
use crate::sigma::time::TimeParts;

/// A test in computable form.
#[derive(Debug)]
pub(super) enum Computed {
    /// Plain text as written.
    Cased {
        kind: TextKind,
        value: String,
    },
    Glob {
        pieces: Vec<Piece>,
        cased: bool,
    },
    Regex(Regex),
    Other(Test),
    /// Never holds: an expression that did not come from the parser.
    Never,
}

impl Computed {
    pub(super) fn new(test: &Test) -> Computed {
        match test {
            Test::Text { kind, value, cased: true } => Computed::Cased { kind: *kind, value: value.clone() },
            Test::Glob { pieces, cased } => {
                let fold_piece = |p: &Piece| match p {
                    Piece::Lit(text) if !cased => Piece::Lit(fold(text).into_owned()),
                    p => p.clone(),
                };
                Computed::Glob { pieces: pieces.iter().map(fold_piece).collect(), cased: *cased }
            }
            Test::Regex(re) => re.compile().map_or(Computed::Never, Computed::Regex),
            test => Computed::Other(test.clone()),
        }
    }

    /// Whether one value holds. `folded` is the value's folded text if the caller has it.
    pub(super) fn holds(&self, value: Value<'_>, folded: Option<&str>) -> bool {
        if let Computed::Other(Test::Null) = self {
            return value.is_null();
        }
        if let Computed::Other(Test::Exists) = self {
            return true;
        }
        let Some(text) = value.text() else { return false };
        match self {
            Computed::Cased { kind, value } => compare(*kind, text, value),
            Computed::Glob { pieces, cased: true } => glob(pieces, text),
            Computed::Glob { pieces, cased: false } => match folded {
                Some(folded) => glob(pieces, folded),
                None => glob(pieces, &fold(text)),
            },
            Computed::Regex(re) => re.is_match(text),
            Computed::Never => false,
            Computed::Other(test) => match test {
                Test::Cidr(network) => text.trim().parse::<IpAddr>().is_ok_and(|ip| network.contains(ip)),
                Test::Number { op, value } => Decimal::parse(text).is_some_and(|n| op.holds(&n, value)),
                Test::TimePart { part, op, value } => {
                    TimeParts::parse(text).is_some_and(|t| op.holds(t.part(*part), *value))
                }
                Test::Any => true,
                Test::Empty => text.is_empty(),
                Test::Text { kind, value, cased: false } => match folded {
                    Some(folded) => compare(*kind, folded, &fold(value)),
                    None => compare(*kind, &fold(text), &fold(value)),
                },
                _ => false,
            },
        }
    }
}

/// `text` equals, starts with, ends with or contains `value`.
pub(super) fn compare(kind: TextKind, text: &str, value: &str) -> bool {
    match kind {
        TextKind::Equals => text == value,
        TextKind::StartsWith => text.starts_with(value),
        TextKind::EndsWith => text.ends_with(value),
        TextKind::Contains => text.contains(value),
    }
}

/// Whether the pieces cover the whole text. Linear in practice: only the last `AnyRun` is
/// ever gone back to (the classic greedy algorithm for globs), so time is at most
/// text × pattern and there is no recursion.
fn glob(pieces: &[Piece], text: &str) -> bool {
    let mut at = 0; // in pieces
    let mut rest = text;
    let mut back: Option<(usize, &str)> = None;
    loop {
        match pieces.get(at) {
            Some(Piece::AnyRun) => {
                at += 1;
                back = Some((at, rest));
                continue;
            }
            Some(Piece::Lit(lit)) => {
                if let Some(tail) = rest.strip_prefix(lit.as_str()) {
                    at += 1;
                    rest = tail;
                    continue;
                }
            }
            Some(Piece::AnyChar) => {
                let mut chars = rest.chars();
                if chars.next().is_some() {
                    at += 1;
                    rest = chars.as_str();
                    continue;
                }
            }
            None if rest.is_empty() => return true,
            None => {}
        }
        // Mismatch: let the last run take one more character and try again.
        let Some((resume, from)) = back else { return false };
        let mut chars = from.chars();
        if chars.next().is_none() {
            return false;
        }
        let mut from = chars.as_str();
        if let Some(Piece::Lit(lit)) = pieces.get(resume) {
            match from.find(lit.as_str()) {
                Some(i) => from = &from[i..],
                None => return false,
            }
        }
        at = resume;
        rest = from;
        back = Some((resume, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let lit = |s: &str| Piece::Lit(s.into());
        use Piece::{AnyChar, AnyRun};
        for (pieces, text, want) in [
            (vec![lit("a"), AnyRun, lit("b")], "axxb", true),
            (vec![lit("a"), AnyRun, lit("b")], "ab", true),
            (vec![lit("a"), AnyRun, lit("b")], "abx", false),
            (vec![AnyRun, lit("ab"), AnyRun, lit("ab")], "ababx", false),
            (vec![AnyRun, lit("ab"), AnyRun, lit("ab")], "xabyab", true),
            (vec![AnyRun, AnyChar, lit("c")], "c", false),
            (vec![AnyRun, AnyChar, lit("c")], "éc", true),
            (vec![AnyChar, AnyChar], "éé", true),
            (vec![AnyChar, AnyChar], "é", false),
            (vec![lit("a"), AnyChar, AnyRun, lit("d")], "abcd", true),
            (vec![AnyRun, lit("a"), AnyChar], "aab", true),
        ] {
            assert_eq!(glob(&pieces, text), want, "{pieces:?} on {text}");
        }
    }
}
