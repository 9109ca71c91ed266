//! Finds withheld values in text and puts labels in their place.
//!
//! Text is compared folded to lower case, with a map back to the original's bytes, since lower case may be longer than
//! what it comes from. Addresses of own networks cannot be listed, so every address in a text is read and asked about.
//! What this module never does: decide what is private.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::privacy::Victims;

/// Values of so many characters are found inside words too.
const INSIDE_WORDS: usize = 5;

/// What stands for an address of an own network.
pub(crate) const ADDRESS: &str = "[address]";

#[derive(Debug)]
pub(crate) struct Redactor {
    search: Option<AhoCorasick>,
    /// Value, label, whether what stands before it belongs to it (a name below a domain, a mailbox at it).
    tokens: Vec<(String, String, bool)>,
    victims: Victims,
    times: BTreeMap<String, u64>,
}

impl Redactor {
    pub(crate) fn new(tokens: Vec<(String, String, bool)>, victims: Victims) -> Redactor {
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens.iter().map(|(value, ..)| value.as_bytes()))
            .ok();
        Redactor { search, tokens, victims, times: BTreeMap::new() }
    }

    /// How often each label was put in.
    pub(crate) fn times(&self) -> &BTreeMap<String, u64> {
        &self.times
    }

    /// Whether a text holds something withheld.
    pub(crate) fn holds(&self, text: &str) -> bool {
        !self.ranges(text).is_empty()
    }

    pub(crate) fn redact(&mut self, text: &str) -> String {
        let ranges = self.ranges(text);
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (start, end, label) in ranges {
            if start < at {
                continue;
            }
            out.push_str(text.get(at..start).unwrap_or(""));
            out.push_str(&label);
            *self.times.entry(label).or_default() += 1;
            at = end;
        }
        out.push_str(text.get(at..).unwrap_or(""));
        out
    }

    /// Byte ranges to replace, in order; they may overlap.
    fn ranges(&self, text: &str) -> Vec<(usize, usize, String)> {
        let mut out = Vec::new();
        if let Some(search) = &self.search {
            let (folded, back) = fold(text);
            let mut from = 0;
            while let Some(found) = search.find(aho_corasick::Input::new(&folded).range(from..)) {
                // The next search begins behind this one's first character, so that a match refused for standing
                // inside a word hides no other.
                from = found.start()
                    + folded.get(found.start()..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8);
                let Some((value, label, extends)) = self.tokens.get(found.pattern().as_usize()) else {
                    continue;
                };
                if value.chars().count() < INSIDE_WORDS && !is_word(&folded, found.start(), found.end()) {
                    continue;
                }
                let (Some(mut start), Some(end)) =
                    (back.get(found.start()).copied(), back.get(found.end()).copied())
                else {
                    continue;
                };
                if *extends {
                    let before = text.get(..start).unwrap_or("");
                    let name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
                    start = before.trim_end_matches(name).len();
                }
                out.push((start, end, label.clone()));
                from = from.max(found.end());
            }
        }
        self.addresses(text, &mut out);
        out.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        out
    }

    fn addresses(&self, text: &str, out: &mut Vec<(usize, usize, String)>) {
        let own = |w: &str| w.parse::<IpAddr>().is_ok_and(|a| self.victims.own_address(a.to_canonical()));
        // IPv4 by itself, because a letter before it may be a hexadecimal digit: `node10.1.2.3`.
        let v4 = |c: char| c.is_ascii_digit() || c == '.';
        let v6 = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
        for (at, word) in words(text, &v4) {
            let inner = word.trim_matches('.');
            if own(inner) {
                let at = at + (word.len() - word.trim_start_matches('.').len());
                out.push((at, at + inner.len(), ADDRESS.to_owned()));
            }
        }
        for (at, word) in words(text, &v6).filter(|(_, w)| w.contains(':')) {
            // What stands before may look like a part of it (`src:fd00::1`): every end of the word is tried. A foreign
            // address that ends like an own one is lost with it; the other way round would be worse.
            let end = word.trim_end_matches(['.', ':']);
            let starts = std::iter::once(0).chain(end.match_indices(':').map(|(i, _)| i + 1));
            for start in starts {
                let tail = end.get(start..).unwrap_or("");
                // `fd00::` ends in colons of its own.
                let whole = word.get(start..).unwrap_or("");
                if let Some(found) = [whole, tail].into_iter().find(|w| own(w)) {
                    out.push((at + start, at + start + found.len(), ADDRESS.to_owned()));
                    break;
                }
            }
        }
    }
}

/// Runs of characters of a kind, with the byte they begin at.
fn words<'t>(text: &'t str, part: &'t dyn Fn(char) -> bool) -> impl Iterator<Item = (usize, &'t str)> {
    let pieces = text.split_inclusive(move |c: char| !part(c));
    let placed = pieces.scan(0, |at, piece| {
        let start = *at;
        *at += piece.len();
        Some((start, piece))
    });
    placed
        .map(move |(at, piece)| (at, piece.trim_end_matches(|c: char| !part(c))))
        .filter(|(_, w)| w.len() >= 3)
}

/// Lower case, and for each of its bytes, and its end, the byte of the original that it comes from.
fn fold(text: &str) -> (String, Vec<usize>) {
    let mut folded = String::with_capacity(text.len());
    let mut back = Vec::with_capacity(text.len() + 1);
    for (at, c) in text.char_indices() {
        for lower in c.to_lowercase() {
            let before = folded.len();
            folded.push(lower);
            back.extend(std::iter::repeat_n(at, folded.len() - before));
        }
    }
    back.push(text.len());
    (folded, back)
}

fn is_word(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|t| t.chars().next_back());
    let after = text.get(end..).and_then(|t| t.chars().next());
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}
