//! Keyword rules: a text anywhere in the record.
//!
//! One such rule makes every engine look at every text of every event. Here a packed
//! search over the row's raw, folded text decides first whether any keyword can be there;
//! only then are the values taken apart and searched exactly.

use aho_corasick::packed;
use memchr::memmem;
use palisade_model::RowText;

use crate::sigma::fold::{fold, fold_into};
use crate::sigma::ir::{Piece, Test};

use super::field::FieldMatcher;

/// A prefilter needs this much of every keyword.
const MIN_BYTES: usize = 3;

/// What rules ask of every text of a record.
#[derive(Debug)]
pub(super) struct Keywords {
    pub(super) matcher: FieldMatcher,
    prefilter: Option<Prefilter>,
}

#[derive(Debug)]
struct Prefilter {
    search: Search,
    unicode_escape: memmem::Finder<'static>,
}

#[derive(Debug)]
enum Search {
    Packed(packed::Searcher),
    Automaton(aho_corasick::AhoCorasick),
}

impl Keywords {
    pub(super) fn new<'t>(matcher: FieldMatcher, tests: impl Iterator<Item = &'t Test>) -> Keywords {
        Keywords { matcher, prefilter: prefilter(tests) }
    }

    /// Whether a keyword may be in the row. Never wrong when it says no.
    pub(super) fn may_match(&self, row: RowText<'_>, scratch: &mut String) -> bool {
        let Some(prefilter) = &self.prefilter else { return true };
        // JSON can write any character as \uXXXX; such rows are looked at exactly.
        if row.escaped && prefilter.unicode_escape.find(row.text.as_bytes()).is_some() {
            return true;
        }
        scratch.clear();
        fold_into(row.text, scratch);
        match &prefilter.search {
            Search::Packed(s) => s.find(scratch.as_bytes()).is_some(),
            Search::Automaton(a) => a.is_match(scratch.as_bytes()),
        }
    }
}

fn prefilter<'t>(tests: impl Iterator<Item = &'t Test>) -> Option<Prefilter> {
    let mut parts: Vec<String> = Vec::new();
    for test in tests {
        match test {
            Test::Text { value, .. } => parts.push(verbatim(value)?),
            Test::Glob { pieces, .. } => {
                let literals = pieces.iter().filter_map(|p| match p {
                    Piece::Lit(text) => verbatim(text),
                    Piece::AnyRun | Piece::AnyChar => None,
                });
                parts.push(literals.max_by_key(String::len)?);
            }
            Test::Regex(re) => {
                for literal in super::literal::required(re)? {
                    parts.push(verbatim(&literal)?);
                }
            }
            _ => return None,
        }
    }
    parts.sort();
    parts.dedup();
    let packed = packed::Config::new().builder().extend(&parts).build();
    let search = match packed {
        Some(searcher) => Search::Packed(searcher),
        None => Search::Automaton(aho_corasick::AhoCorasick::new(&parts).ok()?),
    };
    Some(Prefilter { search, unicode_escape: memmem::Finder::new("\\u").into_owned() })
}

/// The longest part of a keyword that stands in a raw record as it is: ASCII that JSON never escapes.
fn verbatim(keyword: &str) -> Option<String> {
    let folded = fold(keyword);
    let plain = |c: char| c.is_ascii() && !c.is_ascii_control() && !matches!(c, '"' | '\\' | '/');
    let longest = folded.split(|c| !plain(c)).max_by_key(|part| part.len())?;
    (longest.len() >= MIN_BYTES).then(|| longest.to_owned())
}
