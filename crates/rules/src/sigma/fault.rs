//! What goes wrong while reading, before it is known which rule it concerns.

use super::ir::Span;

/// A fault at a place. The document reader adds file, id and title to make a
/// [`RuleError`](super::ir::RuleError) of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Fault {
    /// A fault without advice.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same fault with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Most edits by which a name may differ to be suggested.
const SUGGESTION_EDITS_MAX: usize = 3;

/// Names longer than this are not compared: the cost is the product of both lengths.
const SUGGESTION_CHARS_MAX: usize = 64;

/// "did you mean …?" for a name that does not exist, if one that does is close to it.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    if name.chars().count() > SUGGESTION_CHARS_MAX {
        return None;
    }
    known
        .filter(|other| other.chars().count() <= SUGGESTION_CHARS_MAX)
        .map(|other| (edits(name, other), other))
        .filter(|(distance, other)| {
            *distance <= SUGGESTION_EDITS_MAX && *distance * 2 <= other.chars().count().max(2)
        })
        .min()
        .map(|(_, other)| format!("did you mean `{other}`?"))
}

/// Levenshtein distance in chars.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        let mut previous = i + 1;
        for (pair, b) in row.windows(2).zip(&right) {
            let [diagonal, above] = pair else { continue };
            let value = (diagonal + usize::from(a != *b)).min(above + 1).min(previous + 1);
            next.push(value);
            previous = value;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Narrows the span of a scalar to a byte range of its value.
///
/// That is possible where the value stands in the file as it is (plain and quoted without escapes).
/// Otherwise the whole scalar is the best answer there is.
pub fn within(text: &str, scalar: Span, value: &str, range: std::ops::Range<usize>) -> Span {
    let narrowed = || {
        let written = text.get(scalar.start..scalar.end)?;
        let at = written.find(value)?;
        let start = at.checked_add(range.start)?;
        let before = written.get(..start)?;
        let found = value.get(range.clone())?;
        let lines = u32::try_from(before.matches('\n').count()).ok()?;
        let col = match before.rfind('\n') {
            Some(newline) => {
                u32::try_from(before.get(newline + 1..)?.chars().count()).ok()?.checked_add(1)?
            }
            None => scalar.col.checked_add(u32::try_from(before.chars().count()).ok()?)?,
        };
        let start = scalar.start.checked_add(start)?;
        Some(Span { start, end: start + found.len(), line: scalar.line.checked_add(lines)?, col })
    };
    narrowed().unwrap_or(scalar)
}
