//! Candidates for a name: an index of words that finds near words, so that a query is compared with
//! a few dozen listed names instead of all.
//!
//! Every word of the lists is kept once, with the names that have it. Near words are found through
//! keys they share: letters after sounds are brought together, the same with one or two letters
//! left out (Garbe's symmetric deletes), consonants alone, forms of a given name; words written
//! together through neighbours joined. A name collects the weight of its words that are near to the
//! query's; the best are compared in full.
//!
//! What this module never does: score. A candidate is no hit.

use foldhash::HashMap;
use palisade_text::translit::skeleton;

use super::name::compare::{compare, without_glued};
use super::name::words::Kind;
use super::name::{Name, Rules, Token};

/// Names compared in full per query, at most. Recall against all names is measured in the example.
pub const CANDIDATES: usize = 2_000;
/// So many candidates in a row that come to nothing end a query: the others promise less.
pub const PATIENCE: usize = 200;
/// What words near to a query's must promise for a name to be a candidate.
const PROMISE: f32 = 0.35;
/// Letters of a word that its keys are made of.
const KEYED: usize = 9;
/// Most near words of one query word.
const MAX_NEAR: usize = 600;
/// Words whose near words a workspace remembers.
const MAX_MEMO: usize = 200_000;

/// An index over names of one kind.
#[derive(Debug)]
pub struct NameIndex {
    rules: Rules,
    /// Listed names.
    names: Vec<Name>,
    /// Weight of each name.
    mass: Vec<f32>,
    vocabulary: Vec<Word>,
    exact: HashMap<Box<str>, u32>,
    keys: HashMap<u64, Vec<u32>>,
    /// Of all words: tells a workspace that its memory is of another index.
    print: u64,
}

#[derive(Debug)]
struct Word {
    token: Token,
    names: Vec<u32>,
}

/// Words near to one, with how near.
type Near = std::sync::Arc<[(u32, f32)]>;

/// Memory of one thread that screens.
#[derive(Default)]
pub struct Workspace {
    /// Hits left out because a query may have no more than [`MAX_HITS`](super::MAX_HITS), of all queries so far.
    pub cut: u64,
    /// For comparisons.
    pub scratch: super::name::Scratch,
    gained: Vec<f32>,
    touched: Vec<u32>,
    order: Vec<(f32, u32)>,
    memo: [HashMap<Box<str>, Near>; 3],
    /// Which indexes the memory is of.
    prints: [u64; 3],
    found: Vec<u32>,
    best: HashMap<u32, f32>,
}

impl NameIndex {
    /// An empty index.
    pub fn new(rules: Rules) -> NameIndex {
        NameIndex {
            rules,
            names: Vec::new(),
            mass: Vec::new(),
            vocabulary: Vec::new(),
            exact: HashMap::default(),
            keys: HashMap::default(),
            print: 1,
        }
    }

    /// The name at a place.
    pub fn name(&self, at: u32) -> Option<&Name> {
        self.names.get(at as usize)
    }

    /// How many names it has.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds a name; returns its place.
    pub fn add(&mut self, name: Name) -> u32 {
        let at = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let mut of_name: Vec<u32> = Vec::new();
        for reading in &name.readings {
            for token in reading.tokens.iter().filter(|t| carries(t)) {
                of_name.push(self.word(token));
            }
            for pair in reading.tokens.windows(2) {
                let joined = format!("{}{}", pair[0].latin, pair[1].latin);
                of_name.push(self.joined(joined, &pair[0]));
            }
            if let Some(first) = reading.tokens.first().filter(|_| reading.tokens.len() > 2) {
                of_name.push(self.joined(reading.glue.to_string(), first));
            }
        }
        let acronym: String = name.readings.first().map_or_else(String::new, |r| {
            r.tokens
                .iter()
                .filter(|t| t.kind != Kind::Particle)
                .filter_map(|t| t.latin.chars().next())
                .collect()
        });
        let body = self.rules == Rules::Body && (3..=8).contains(&acronym.len());
        if let Some(first) = name.readings.first().and_then(|r| r.tokens.first()).filter(|_| body) {
            of_name.push(self.joined(acronym, first));
        }
        of_name.sort_unstable();
        of_name.dedup();
        for word in of_name {
            if let Some(word) = self.vocabulary.get_mut(word as usize) {
                word.names.push(at);
            }
        }
        let mass =
            name.readings.iter().map(|r| r.tokens.iter().map(|t| t.weight).sum::<f32>()).fold(0.0, f32::max);
        self.mass.push(mass);
        self.names.push(name);
        at
    }

    fn joined(&mut self, latin: String, like: &Token) -> u32 {
        let token = Token {
            sound: palisade_text::translit::sound_key(&latin).into(),
            latin: latin.into(),
            raw: Box::default(),
            script: palisade_text::fold::Script::Latin,
            kind: Kind::Plain,
            weight: 1.0f32.max(like.weight),
            nickname: 0,
            syllable: None,
        };
        self.word(&token)
    }

    fn word(&mut self, token: &Token) -> u32 {
        if let Some(at) = self.exact.get(&token.latin) {
            return *at;
        }
        let at = self.vocabulary.len() as u32;
        self.exact.insert(token.latin.clone(), at);
        self.print = self.print.rotate_left(5) ^ hash(5, token.latin.as_bytes(), (usize::MAX, usize::MAX));
        let mut token = token.clone();
        // Syllables are compared as letters here: a near syllable is a candidate.
        token.syllable = None;
        keys(&token, &mut |key| self.keys.entry(key).or_default().push(at));
        self.vocabulary.push(Word { token, names: Vec::new() });
        at
    }

    /// Near words of one word of a query, with how near.
    fn near(&self, token: &Token, found: &mut Vec<u32>) -> Vec<(u32, f32)> {
        found.clear();
        let mut token = token.clone();
        token.syllable = None;
        keys(&token, &mut |key| {
            if let Some(words) = self.keys.get(&key) {
                found.extend_from_slice(words);
            }
        });
        found.sort_unstable();
        found.dedup();
        let mut out: Vec<(u32, f32)> = Vec::new();
        for &at in found.iter() {
            let Some(word) = self.vocabulary.get(at as usize) else { continue };
            let alike = if word.token.latin == token.latin {
                1.0
            } else {
                match compare(&token, &word.token, self.rules) {
                    Some((class, alike)) if class.agrees() => alike,
                    _ if skeleton(&word.token.sound) == skeleton(&token.sound) => 0.55,
                    _ => continue,
                }
            };
            out.push((at, alike));
        }
        if out.len() > MAX_NEAR {
            out.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            out.truncate(MAX_NEAR);
        }
        out
    }

    /// Places of names worth comparing, the most promising first.
    pub fn candidates(&self, query: &Name, space: &mut Workspace, out: &mut Vec<u32>) {
        self.gather(query, space, PROMISE);
        out.clear();
        out.extend(space.order.iter().take(CANDIDATES).map(|(_, at)| *at));
    }

    /// Every name that has a word near to one of the query's, with what that promises, the most promising first: what limits are
    /// measured by.
    pub fn promises(&self, query: &Name, space: &mut Workspace) -> Vec<(f32, u32)> {
        self.gather(query, space, 0.0);
        space.order.clone()
    }

    /// Fills the order of names that promise so much.
    fn gather(&self, query: &Name, space: &mut Workspace, least: f32) {
        let own = self.rules as usize;
        if space.prints[own] != self.print {
            space.prints[own] = self.print;
            space.memo[own].clear();
        }
        space.gained.resize(space.gained.len().max(self.names.len()), 0.0);
        let mut query_mass = 0f32;
        for reading in &query.readings {
            let tokens = &reading.tokens;
            query_mass = query_mass.max(tokens.iter().map(|t| t.weight).sum());
            for token in tokens.iter().filter(|t| carries(t)) {
                self.gain(token, token.weight, space);
                if self.rules == Rules::Body
                    && let Some(rest) = without_glued(&token.latin)
                {
                    self.gain_joined(rest, token.weight, space);
                }
            }
            for pair in tokens.windows(2) {
                self.gain_joined(
                    &format!("{}{}", pair[0].latin, pair[1].latin),
                    pair[0].weight + pair[1].weight,
                    space,
                );
            }
            if tokens.len() > 2 {
                self.gain_joined(&reading.glue, query_mass, space);
            }
        }
        space.order.clear();
        for &at in &space.touched {
            let gained = std::mem::take(&mut space.gained[at as usize]);
            let mass = self.mass.get(at as usize).copied().unwrap_or(1.0);
            // Share of both names that is near, as far as words alone tell.
            let share = 2.0 * gained / (query_mass + mass).max(0.1);
            // A short name inside a long one is a candidate, too.
            let inside = gained / query_mass.min(mass).max(0.1);
            let promise = share + 0.3 * inside.min(1.0);
            if promise >= least {
                space.order.push((promise, at));
            }
        }
        space.touched.clear();
        space.order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }

    fn gain_joined(&self, latin: &str, weight: f32, space: &mut Workspace) {
        if let Some(at) = self.exact.get(latin) {
            self.spread(&[(*at, 0.97)], weight, space);
        }
    }

    fn gain(&self, token: &Token, weight: f32, space: &mut Workspace) {
        let memo = self.rules as usize;
        let key: Box<str> = if token.raw.is_empty() {
            token.latin.clone()
        } else {
            let mut key: String = token.raw.iter().collect();
            key.push(' ');
            key.push_str(&token.latin);
            key.into()
        };
        let near = match space.memo[memo].get(&key) {
            Some(near) => std::sync::Arc::clone(near),
            None => {
                let near: Near = self.near(token, &mut space.found).into();
                if space.memo[memo].len() >= MAX_MEMO {
                    space.memo[memo].clear();
                }
                space.memo[memo].insert(key, std::sync::Arc::clone(&near));
                near
            }
        };
        self.spread(&near, weight, space);
    }

    /// Gives each name the best of one query word's near words that it has.
    fn spread(&self, near: &[(u32, f32)], weight: f32, space: &mut Workspace) {
        if let [(at, alike)] = near {
            let Some(word) = self.vocabulary.get(*at as usize) else { return };
            for name in &word.names {
                touch(space, *name, weight * alike);
            }
            return;
        }
        space.best.clear();
        for (at, alike) in near {
            let Some(word) = self.vocabulary.get(*at as usize) else { continue };
            for name in &word.names {
                let best = space.best.entry(*name).or_insert(0.0);
                *best = best.max(*alike);
            }
        }
        let best = std::mem::take(&mut space.best);
        for (name, alike) in &best {
            touch(space, *name, weight * alike);
        }
        space.best = best;
    }
}

fn touch(space: &mut Workspace, name: u32, gain: f32) {
    if let Some(gained) = space.gained.get_mut(name as usize) {
        if *gained == 0.0 {
            space.touched.push(name);
        }
        *gained += gain;
    }
}

/// Whether a word can lead to a name. Particles are in too many and say nothing.
fn carries(token: &Token) -> bool {
    !matches!(token.kind, Kind::Particle | Kind::Title) && token.latin.len() > 1
}

fn hash(kind: u8, text: &[u8], skip: (usize, usize)) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64 ^ u64::from(kind);
    for (at, b) in text.iter().enumerate() {
        if at != skip.0 && at != skip.1 {
            hash = (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash ^ (hash >> 29)
}

/// Keys under which a word is kept and looked up.
fn keys(token: &Token, each: &mut dyn FnMut(u64)) {
    let none = (usize::MAX, usize::MAX);
    if token.kind == Kind::Number {
        return each(hash(4, token.latin.as_bytes(), none));
    }
    let sound = token.sound.as_bytes();
    let sound = &sound[..sound.len().min(KEYED)];
    each(hash(1, sound, none));
    if sound.len() >= 3 {
        for i in 0..sound.len() {
            each(hash(1, sound, (i, usize::MAX)));
            if sound.len() >= 5 {
                for j in i + 1..sound.len() {
                    each(hash(1, sound, (i, j)));
                }
            }
        }
    }
    let bones = skeleton(&token.sound);
    if bones.len() >= 2 {
        each(hash(2, bones.as_bytes(), none));
        if bones.len() >= 4 {
            for i in 0..bones.len().min(KEYED) {
                each(hash(2, bones.as_bytes(), (i, usize::MAX)));
            }
        }
    }
    // Beginnings, for words that are cut or end otherwise.
    if sound.len() >= 4 {
        each(hash(6, &sound[..4], none));
    } else if sound.len() == 3 {
        each(hash(6, sound, none));
    }
    if token.nickname != 0 {
        each(hash(3, &token.nickname.to_le_bytes(), none));
    }
}
