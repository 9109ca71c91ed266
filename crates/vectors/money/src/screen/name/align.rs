//! Which token of one name is which of the other.
//!
//! Greedy from the surest pair down, in three rounds: near-certain pairs; words written together or
//! apart; the rest. What is left over on both sides stands against each other, what is left on one
//! side is extra. Sixteen tokens a side at most, so the table has 256 cells.
//!
//! What this module never does: weigh anything.

use palisade_text::alike;

use super::compare::{Class, compare};
use super::words::Kind;
use super::{MAX_TOKENS, Rules, Token};

/// What some tokens of the first name are to some of the second. Ranges of tokens: start and count.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pair {
    /// Tokens of the first name.
    pub a: (u8, u8),
    /// Tokens of the second.
    pub b: (u8, u8),
    /// What they are to each other.
    pub class: Class,
    /// How alike, 0 to 1.
    pub alike: f32,
}

/// Memory that comparisons share. One per thread.
#[derive(Default)]
pub struct Scratch {
    candidates: Vec<(f32, u8, u8, Class, f32)>,
    pub(super) pairs: Vec<Pair>,
    text: Vec<u8>,
}

/// Pairs above this are certain enough to be taken before joins are tried.
const SURE: f32 = 0.84;

/// Fills `scratch.pairs`; every token of both names is in exactly one pair.
pub fn align(a: &[Token], b: &[Token], rules: Rules, scratch: &mut Scratch) {
    let (n, m) = (a.len().min(MAX_TOKENS), b.len().min(MAX_TOKENS));
    let (mut of_a, mut of_b) = ([false; MAX_TOKENS], [false; MAX_TOKENS]);
    scratch.pairs.clear();
    scratch.candidates.clear();
    for (i, x) in a[..n].iter().enumerate() {
        for (j, y) in b[..m].iter().enumerate() {
            if let Some((class, alike)) = compare(x, y, rules) {
                // Order breaks ties: the same place first, then the nearest.
                let place = i.abs_diff(j) as f32 * 0.002;
                scratch.candidates.push((alike - place, i as u8, j as u8, class, alike));
            }
        }
    }
    scratch.candidates.sort_unstable_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut at = 0;
    for sure in [true, false] {
        while let Some(&(_, i, j, class, alike)) = scratch.candidates.get(at) {
            if sure && alike < SURE {
                break;
            }
            at += 1;
            let (x, y) = (usize::from(i), usize::from(j));
            if !of_a[x] && !of_b[y] {
                (of_a[x], of_b[y]) = (true, true);
                scratch.pairs.push(Pair { a: (i, 1), b: (j, 1), class, alike });
            }
        }
        if sure {
            joins(&a[..n], &b[..m], &mut of_a, &mut of_b, false, scratch);
            joins(&b[..m], &a[..n], &mut of_b, &mut of_a, true, scratch);
            if rules == Rules::Body {
                acronyms(&a[..n], &b[..m], &mut of_a, &mut of_b, false, scratch);
                acronyms(&b[..m], &a[..n], &mut of_b, &mut of_a, true, scratch);
            }
        }
    }
    rest(&a[..n], &b[..m], &mut of_a, &mut of_b, scratch);
}

/// Two or three neighbours of `many` that are one token of `one`.
fn joins(
    many: &[Token],
    one: &[Token],
    of_many: &mut [bool; MAX_TOKENS],
    of_one: &mut [bool; MAX_TOKENS],
    swapped: bool,
    scratch: &mut Scratch,
) {
    for j in 0..one.len() {
        let whole = one[j].latin.as_bytes();
        if of_one[j] || whole.len() < 4 || one[j].syllable.is_some() {
            continue;
        }
        'starts: for i in 0..many.len() {
            scratch.text.clear();
            for count in 1..=3usize {
                let Some(part) = many.get(i + count - 1).filter(|_| !of_many[i + count - 1]) else { break };
                scratch.text.extend_from_slice(part.latin.as_bytes());
                if scratch.text.len() > whole.len() + 1 {
                    break;
                }
                if count == 1 || scratch.text.len() + 1 < whole.len() {
                    continue;
                }
                let bound = usize::from(whole.len() >= 7);
                let Some(edits) = alike::edits(&scratch.text, whole, bound) else { continue };
                of_many[i..i + count].fill(true);
                of_one[j] = true;
                let (x, y) = ((i as u8, count as u8), (j as u8, 1));
                let (a, b) = if swapped { (y, x) } else { (x, y) };
                let alike = if edits == 0 { 0.97 } else { 0.88 };
                scratch.pairs.push(Pair { a, b, class: Class::Joined, alike });
                break 'starts;
            }
        }
    }
}

/// Three words or more of `many` whose first letters are one word of `one` (`PLA`). Particles count or do not.
fn acronyms(
    many: &[Token],
    one: &[Token],
    of_many: &mut [bool; MAX_TOKENS],
    of_one: &mut [bool; MAX_TOKENS],
    swapped: bool,
    scratch: &mut Scratch,
) {
    for (j, token) in one.iter().enumerate() {
        let letters = token.latin.as_bytes();
        if of_one[j] || !(3..=8).contains(&letters.len()) || many.len() < 3 {
            continue;
        }
        for i in 0..many.len() {
            let (mut used, mut at) = (0usize, i);
            while at < many.len() && used < letters.len() && !of_many[at] {
                if many[at].latin.as_bytes().first() == letters.get(used) {
                    used += 1;
                } else if many[at].kind != Kind::Particle || at == i {
                    break;
                }
                at += 1;
            }
            if used == letters.len() {
                of_many[i..at].fill(true);
                of_one[j] = true;
                let (x, y) = ((i as u8, (at - i) as u8), (j as u8, 1));
                let (a, b) = if swapped { (y, x) } else { (x, y) };
                scratch.pairs.push(Pair { a, b, class: Class::Acronym, alike: 0.9 });
                break;
            }
        }
    }
}

/// Stands what is left against each other, last with last (family names), like kinds first.
fn rest(
    a: &[Token],
    b: &[Token],
    of_a: &mut [bool; MAX_TOKENS],
    of_b: &mut [bool; MAX_TOKENS],
    scratch: &mut Scratch,
) {
    let content = |t: &Token| !matches!(t.kind, Kind::Particle | Kind::Title);
    for like in [true, false] {
        for i in (0..a.len()).rev() {
            if of_a[i] || !content(&a[i]) {
                continue;
            }
            let fits = |j: &usize| {
                !of_b[*j]
                    && content(&b[*j])
                    && (a[i].kind == b[*j].kind
                        || (!like
                            && a[i].kind != Kind::Number
                            && b[*j].kind != Kind::Number
                            && a[i].kind != Kind::Patronymic
                            && b[*j].kind != Kind::Patronymic))
            };
            let Some(j) = (0..b.len()).rev().find(fits) else { continue };
            (of_a[i], of_b[j]) = (true, true);
            let alike = alike::jaro_winkler(a[i].latin.as_bytes(), b[j].latin.as_bytes());
            let class = Class::conflict(a[i].kind, b[j].kind);
            scratch.pairs.push(Pair { a: (i as u8, 1), b: (j as u8, 1), class, alike });
        }
    }
    for (i, _) in a.iter().enumerate().filter(|(i, _)| !of_a[*i]) {
        scratch.pairs.push(Pair { a: (i as u8, 1), b: (0, 0), class: extra(a, i), alike: 0.0 });
    }
    for (j, _) in b.iter().enumerate().filter(|(j, _)| !of_b[*j]) {
        scratch.pairs.push(Pair { a: (0, 0), b: (j as u8, 1), class: extra(b, j), alike: 0.0 });
    }
}

/// A word that its name has twice says nothing the second time.
fn extra(tokens: &[Token], at: usize) -> Class {
    let own = &tokens[at];
    let twice =
        own.latin.len() > 2 && tokens.iter().enumerate().any(|(i, t)| i != at && t.latin == own.latin);
    if twice { Class::ExtraParticle } else { Class::extra(own.kind) }
}
