//! Sigma text values: escapes, wildcards, and the simplest test that says the same.
//!
//! `*` is any run of chars, `?` is one char. A backslash before `*`, `?` or another backslash makes
//! that char literal; before anything else it stands for itself. So `\\` and a lone `\` are both one
//! backslash, `\\\\` is two, `\*` is a star, `\\*` a backslash and a wildcard.

use super::ir::{Piece, Test, TextKind};

/// One element of a value after its escapes are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// This char.
    Char(char),
    /// `*`
    AnyRun,
    /// `?`
    AnyChar,
}

/// Resolves the escapes of a value as written in a rule.
pub fn parts(value: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '\\' => Part::Char(chars.next_if(|next| matches!(next, '\\' | '*' | '?')).unwrap_or('\\')),
            '*' => Part::AnyRun,
            '?' => Part::AnyChar,
            other => Part::Char(other),
        });
    }
    parts
}

/// The literal text, if there are no wildcards.
pub fn literal(parts: &[Part]) -> Option<String> {
    parts.iter().map(|part| if let Part::Char(c) = part { Some(*c) } else { None }).collect()
}

/// The test that a value with wildcards amounts to, in its normal form.
pub fn to_test(parts: &[Part], cased: bool) -> Test {
    let mut pieces: Vec<Piece> = Vec::new();
    for part in parts {
        match (part, pieces.last_mut()) {
            (Part::Char(c), Some(Piece::Lit(text))) => text.push(*c),
            (Part::Char(c), _) => pieces.push(Piece::Lit(c.to_string())),
            (Part::AnyRun, Some(Piece::AnyRun)) => {}
            (Part::AnyRun, _) => pieces.push(Piece::AnyRun),
            (Part::AnyChar, _) => pieces.push(Piece::AnyChar),
        }
    }
    let text = |kind, value: &String| Test::Text { kind, value: value.clone(), cased };
    match pieces.as_slice() {
        [] => Test::Empty,
        [Piece::AnyRun] => Test::Any,
        [Piece::Lit(value)] => text(TextKind::Equals, value),
        [Piece::AnyRun, Piece::Lit(value)] => text(TextKind::EndsWith, value),
        [Piece::Lit(value), Piece::AnyRun] => text(TextKind::StartsWith, value),
        [Piece::AnyRun, Piece::Lit(value), Piece::AnyRun] => text(TextKind::Contains, value),
        _ => Test::Glob { pieces, cased },
    }
}

/// Adds the wildcards that a position modifier stands for.
pub fn at(kind: TextKind, mut parts: Vec<Part>) -> Vec<Part> {
    if matches!(kind, TextKind::Contains | TextKind::EndsWith) {
        parts.insert(0, Part::AnyRun);
    }
    if matches!(kind, TextKind::Contains | TextKind::StartsWith) {
        parts.push(Part::AnyRun);
    }
    parts
}
