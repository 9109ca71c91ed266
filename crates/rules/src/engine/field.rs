//! The scan of one field: every literal that any rule of the group asks of it, at once.
//!
//! Equality is a hash look-up, affixes are trie walks, substrings a walk over three-byte
//! grams (very short ones an Aho–Corasick automaton). A literal may set an atom outright or only *trigger* it: a glob or a
//! regular expression is computed when a literal it needs was seen.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::automaton::Automaton;
use aho_corasick::{Anchored, MatchKind, dfa};

use crate::sigma::fold::fold;
use crate::sigma::ir::{Piece, Test, TextKind};

use super::grams::{GRAM, Grams};
use super::lower::AtomId;
use super::trie::Trie;

/// What a literal does when it is seen: sets atom `t >> 1`, or asks for it to be computed (`t & 1`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Effect(u32);

impl Effect {
    pub(super) fn sets(atom: AtomId) -> Effect {
        Effect(atom << 1)
    }
    pub(super) fn triggers(atom: AtomId) -> Effect {
        Effect(atom << 1 | 1)
    }
    pub(super) fn atom(self) -> AtomId {
        self.0 >> 1
    }
    pub(super) fn is_trigger(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Collects what rules ask of one field.
#[derive(Default)]
pub(super) struct FieldBuilder {
    exact: BTreeMap<String, Vec<Effect>>,
    prefix: Vec<(Vec<u8>, u32)>,
    suffix: Vec<(Vec<u8>, u32)>,
    contains: BTreeMap<String, Vec<Effect>>,
    pub(super) matcher: FieldMatcher,
}

/// Matches the folded text of one value of a field.
#[derive(Default, Debug)]
pub(super) struct FieldMatcher {
    exact: HashMap<Box<str>, Box<[Effect]>, foldhash::fast::FixedState>,
    /// Bit per length of an exact literal (63: that long or longer), to skip hashing.
    exact_lengths: u64,
    prefix: Trie,
    suffix: Trie,
    long: Option<Box<Grams>>,
    short: Option<Box<dfa::DFA>>,
    /// Index of the first short literal in `contains_effects`.
    first_short: usize,
    contains_effects: Vec<Box<[Effect]>>,
    /// Set by any value that is not null.
    pub(super) any: Option<AtomId>,
    /// Set by an empty value.
    pub(super) empty: Option<AtomId>,
    /// Set by presence, null included.
    pub(super) exists: Option<AtomId>,
    /// Must be computed whenever the field is there: a rule's only witness, without a literal.
    pub(super) unprompted: Vec<AtomId>,
    /// Whether folded text is needed at all.
    pub(super) reads_text: bool,
}

/// Length of a glob piece's literal once folded.
pub(super) fn literal_len(piece: &Piece) -> usize {
    match piece {
        Piece::Lit(text) => text.len(),
        Piece::AnyRun | Piece::AnyChar => 0,
    }
}

impl FieldBuilder {
    /// Registers a base atom. Returns `false` if no scan can set or trigger it.
    pub(super) fn add(&mut self, atom: AtomId, test: &Test) -> bool {
        match test {
            Test::Any => self.matcher.any = Some(atom),
            Test::Empty => self.matcher.empty = Some(atom),
            Test::Exists => self.matcher.exists = Some(atom),
            Test::Text { kind, value, cased } => {
                let effect = if *cased { Effect::triggers(atom) } else { Effect::sets(atom) };
                let text = fold(value).into_owned();
                match kind {
                    TextKind::Equals => self.exact.entry(text).or_default().push(effect),
                    TextKind::StartsWith => self.prefix.push((text.into_bytes(), effect.0)),
                    TextKind::EndsWith => {
                        self.suffix.push((text.into_bytes().into_iter().rev().collect(), effect.0));
                    }
                    TextKind::Contains => self.contains.entry(text).or_default().push(effect),
                }
            }
            Test::Glob { pieces, .. } => {
                let longest = pieces.iter().max_by_key(|p| literal_len(p));
                match longest {
                    Some(Piece::Lit(text)) => {
                        let text = fold(text).into_owned();
                        self.contains.entry(text).or_default().push(Effect::triggers(atom));
                    }
                    _ => self.matcher.unprompted.push(atom),
                }
            }
            Test::Regex(re) => match super::literal::required(re) {
                Some(set) => {
                    for literal in set {
                        self.contains.entry(literal).or_default().push(Effect::triggers(atom));
                    }
                }
                None => return false,
            },
            _ => return false,
        }
        true
    }

    pub(super) fn build(self) -> FieldMatcher {
        let mut matcher = self.matcher;
        for (text, effects) in self.exact {
            matcher.exact_lengths |= 1 << text.len().min(63);
            matcher.exact.insert(text.into(), effects.into());
        }
        matcher.prefix = Trie::new(self.prefix);
        matcher.suffix = Trie::new(self.suffix);
        if !self.contains.is_empty() {
            // Long patterns first, so that an index in either search is an index in `contains_effects`
            // but for a shift.
            let (long, short): (Vec<_>, Vec<_>) =
                self.contains.into_iter().partition(|(text, _)| text.len() >= GRAM);
            matcher.first_short = long.len();
            matcher.contains_effects = long.iter().chain(&short).map(|(_, e)| e.clone().into()).collect();
            if !short.is_empty() {
                let mut builder = dfa::Builder::new();
                let built = builder.match_kind(MatchKind::Standard).build(short.iter().map(|(text, _)| text));
                // Fails only beyond 2^31 states; two-byte patterns have few.
                matcher.short = built.ok().map(Box::new);
            }
            if !long.is_empty() {
                let patterns = long.into_iter().map(|(text, _)| text.into_bytes().into()).collect();
                matcher.long = Some(Box::new(Grams::new(patterns)));
            }
        }
        matcher.reads_text = !matcher.exact.is_empty()
            || !matcher.prefix.is_empty()
            || !matcher.suffix.is_empty()
            || !matcher.contains_effects.is_empty();
        matcher
    }
}

impl FieldMatcher {
    /// Calls `hit` for every literal found in a folded value.
    #[inline]
    pub(super) fn scan(&self, folded: &str, mut hit: impl FnMut(Effect)) {
        if self.exact_lengths >> folded.len().min(63) & 1 == 1
            && let Some(effects) = self.exact.get(folded)
        {
            effects.iter().for_each(|e| hit(*e));
        }
        if !self.suffix.is_empty() {
            self.suffix.walk(folded.bytes().rev(), |e| hit(Effect(e)));
        }
        if !self.prefix.is_empty() {
            self.prefix.walk(folded.bytes(), |e| hit(Effect(e)));
        }
        let mut found = |pattern: usize| {
            if let Some(effects) = self.contains_effects.get(pattern) {
                effects.iter().for_each(|e| hit(*e));
            }
        };
        if let Some(grams) = &self.long {
            grams.scan(folded.as_bytes(), &mut found);
        }
        if let Some(automaton) = &self.short {
            every_match(automaton, folded, &mut |p| found(self.first_short + p));
        }
    }
}

/// Calls `found` with every pattern at every place, overlapping ones included: one step per byte.
#[inline]
fn every_match(automaton: &dfa::DFA, text: &str, found: &mut impl FnMut(usize)) {
    // Fails only for automata built without unanchored search, which is the default.
    let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
    for byte in text.bytes() {
        state = automaton.next_state(Anchored::No, state, byte);
        if automaton.is_special(state) && automaton.is_match(state) {
            for i in 0..automaton.match_len(state) {
                found(automaton.match_pattern(state, i).as_usize());
            }
        }
    }
}
