//! From an alignment to log-odds: a sum of terms, one per token and a few for the names as wholes.
//!
//! The model is linear on purpose. A linear sum can be shown: every term of an answer says what it is
//! about and how much it moved the answer, and the terms add up to the score. And it has no ceiling:
//! a longer and rarer agreement is always worth more, so two hits differ unless their names are the
//! same. Weights are fitted by logistic regression (example `names`), so a score of 0.5 means as
//! likely as not *on pairs like those fitted on*.
//!
//! What this module never does: learn, or know a threshold.

use palisade_text::alike;
use palisade_text::fold::Script;

use super::align::{self, Scratch};
use super::words::{self, legal_conflict};
use super::{Class, Kindred, Name, NoLists, Reading, Rules, Token, weights};

/// Features of two names as wholes, behind those of token classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Whole {
    /// Always 1.
    Bias,
    /// Tokens stand in another order.
    Order,
    /// Share of letters that agree, all tokens glued together.
    Glue,
    /// The part of it above 0.8.
    GlueClose,
    /// The first words stand against each other.
    ConflictHead,
    /// The last words do.
    ConflictTail,
    /// A legal form in common.
    LegalAgree,
    /// Legal forms that cannot be of one company.
    LegalConflict,
    /// Father and son.
    Generation,
    /// Names in different scripts.
    Cross,
    /// One name has one word only.
    Single,
    /// ln(1 + tokens that agree).
    Matched,
    /// Share of what is not alike within pairs that agree.
    Fuzz,
    /// Share of what is alike within pairs that stand against each other.
    ConflictAlike,
    /// Same words in the same order.
    Identical,
    /// No word stands against another.
    Peace,
    /// Extra words beyond the first.
    ExtraMany,
    /// Words against each other beyond the first.
    ConflictMany,
    /// A pair differs in its first letter.
    FirstLetter,
    /// Every word that is no particle or title is the same, or sounds the same.
    Same,
    /// Father and son have changed places.
    Lineage,
    /// A man's family name against a woman's.
    Gender,
    /// Nothing agrees but initials.
    Hollow,
    /// Read as Korean syllables.
    Korean,
}

const WHOLES: usize = Whole::Korean as usize + 1;
/// Features of a pair of names.
pub const FEATURES: usize = 2 * Class::COUNT + WHOLES;

impl Whole {
    fn at(self) -> usize {
        2 * Class::COUNT + self as usize
    }

    /// What it is called in explanations.
    fn name(self) -> &'static str {
        match self {
            Whole::Bias => "start",
            Whole::Order => "order of words",
            Whole::Glue => "letters in common",
            Whole::GlueClose => "nearly the same letters",
            Whole::ConflictHead => "first words differ",
            Whole::ConflictTail => "last words differ",
            Whole::LegalAgree => "legal form agrees",
            Whole::LegalConflict => "legal form differs",
            Whole::Generation => "another generation",
            Whole::Cross => "different scripts",
            Whole::Single => "single word",
            Whole::Matched => "words that agree",
            Whole::Fuzz => "differences within words",
            Whole::ConflictAlike => "likeness of words that differ",
            Whole::Identical => "identical",
            Whole::Peace => "nothing differs",
            Whole::ExtraMany => "many words more",
            Whole::ConflictMany => "many words differ",
            Whole::FirstLetter => "first letter differs",
            Whole::Same => "all words agree",
            Whole::Lineage => "father and son change places",
            Whole::Gender => "a man's and a woman's name",
            Whole::Hollow => "only initials agree",
            Whole::Korean => "Korean syllables",
        }
    }

    const ALL: [Whole; WHOLES] = [
        Whole::Bias,
        Whole::Order,
        Whole::Glue,
        Whole::GlueClose,
        Whole::ConflictHead,
        Whole::ConflictTail,
        Whole::LegalAgree,
        Whole::LegalConflict,
        Whole::Generation,
        Whole::Cross,
        Whole::Single,
        Whole::Matched,
        Whole::Fuzz,
        Whole::ConflictAlike,
        Whole::Identical,
        Whole::Peace,
        Whole::ExtraMany,
        Whole::ConflictMany,
        Whole::FirstLetter,
        Whole::Same,
        Whole::Lineage,
        Whole::Gender,
        Whole::Hollow,
        Whole::Korean,
    ];
}

/// Which sign the weight of a feature may have: 1 not below zero, -1 not above, 0 either.
///
/// A word more that agrees never counts against, a word more that differs never for; without this a
/// fit on few rows finds that long names are alike. The fit keeps to it, and a test holds it.
pub fn sign(feature: usize) -> i8 {
    let class = |class: usize, share: bool| match CLASSES.get(class) {
        Some(Class::Exact | Class::Variant | Class::Joined | Class::Acronym | Class::Syllable) => 1,
        Some(Class::Near | Class::Edit1 | Class::Nickname) => i8::from(!share),
        Some(
            Class::Short
            | Class::Edit2
            | Class::Edit3
            | Class::Initial
            | Class::Prefix
            | Class::OtherSyllable,
        ) => 0,
        _ => -1,
    };
    if feature < 2 * Class::COUNT {
        return class(feature % Class::COUNT, feature < Class::COUNT);
    }
    match Whole::ALL.get(feature - 2 * Class::COUNT) {
        Some(
            Whole::Glue
            | Whole::GlueClose
            | Whole::LegalAgree
            | Whole::Matched
            | Whole::ConflictAlike
            | Whole::Identical
            | Whole::Peace
            | Whole::Same,
        ) => 1,
        Some(Whole::Bias | Whole::Cross | Whole::Korean) | None => 0,
        Some(_) => -1,
    }
}

/// What is known before any pair is seen, because lists hold no pairs that would teach it: fathers are
/// not their sons, and numbers of vessels are identity.
pub fn prior(rules: Rules) -> Features {
    let mut f = [0.0; FEATURES];
    match rules {
        Rules::Person => {
            f[Whole::Generation.at()] = -4.0;
            f[Whole::Lineage.at()] = -2.0;
            f[Whole::Hollow.at()] = -3.0;
        }
        Rules::Body => {}
        Rules::Craft => {
            f[Class::COUNT + Class::ConflictNumber as usize] = -6.0;
            f[Class::COUNT + Class::ExtraNumber as usize] = -2.0;
        }
    }
    f
}

/// Classes of tokens that are not always against.
const CLASSES: [Class; 15] = [
    Class::Exact,
    Class::Variant,
    Class::Near,
    Class::Edit1,
    Class::Short,
    Class::Edit2,
    Class::Edit3,
    Class::Initial,
    Class::Nickname,
    Class::Prefix,
    Class::Joined,
    Class::Acronym,
    Class::Syllable,
    Class::OtherSyllable,
    Class::Conflict,
];

/// What a pair of names is made of, as numbers.
pub type Features = [f32; FEATURES];

/// What each feature is worth, per rules, in log-odds.
#[derive(Clone, PartialEq, Debug)]
pub struct Weights {
    /// People.
    pub person: Features,
    /// Companies and everything that is neither person nor craft.
    pub body: Features,
    /// Vessels and aircraft.
    pub craft: Features,
}

impl Weights {
    /// The weights that are shipped.
    pub fn shipped() -> &'static Weights {
        &weights::SHIPPED
    }

    /// Those for names under these rules.
    pub fn of(&self, rules: Rules) -> &Features {
        match rules {
            Rules::Person => &self.person,
            Rules::Body => &self.body,
            Rules::Craft => &self.craft,
        }
    }
}

/// One reason of a score.
#[derive(Clone, PartialEq, Debug)]
pub struct Term {
    /// What is compared: words of the query, of the listed name, or nothing for terms of whole names.
    pub query: String,
    /// The other side.
    pub listed: String,
    /// What they are to each other.
    pub what: &'static str,
    /// What it adds to the log-odds.
    pub logit: f32,
}

/// A score and why.
#[derive(Clone, PartialEq, Debug)]
pub struct Scored {
    /// Sum of the terms.
    pub logit: f32,
    /// 1 / (1 + e^−logit): below 1, and different for different sums.
    pub score: f64,
    /// The terms, largest effect first.
    pub terms: Vec<Term>,
}

/// Log-odds as a probability.
pub fn probability(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// Features of two names under the same rules, by the better of their readings.
pub fn features(a: &Name, b: &Name, weights: &Weights, scratch: &mut Scratch) -> Features {
    best(a, b, weights, scratch).1
}

/// Log-odds only: what batch screening needs of most pairs.
pub fn logit(a: &Name, b: &Name, weights: &Weights, scratch: &mut Scratch) -> f32 {
    best(a, b, weights, scratch).0
}

/// Compares two names that were taken apart under the same rules.
pub fn score_names(a: &Name, b: &Name, weights: &Weights, scratch: &mut Scratch) -> Scored {
    let (logit, values, kindred) = best(a, b, weights, scratch);
    let own = weights.of(a.rules);
    let of = |name: &'_ Name| name.reading(kindred).or(name.readings.first()).cloned();
    let (Some(x), Some(y)) = (of(a), of(b)) else {
        return Scored { logit, score: probability(logit), terms: Vec::new() };
    };
    align::align(&x.tokens, &y.tokens, a.rules, scratch);
    let total = mass(&x) + mass(&y);
    let mut terms = Vec::with_capacity(scratch.pairs.len() + 6);
    for pair in &scratch.pairs {
        let (share, own_mass) = shares(&x, &y, pair, total);
        let class = pair.class as usize;
        terms.push(Term {
            query: text(&x.tokens, pair.a),
            listed: text(&y.tokens, pair.b),
            what: pair.class.name(),
            logit: own[class] * share + own[Class::COUNT + class] * own_mass,
        });
    }
    for whole in Whole::ALL {
        let logit = own[whole.at()] * values[whole.at()];
        if logit != 0.0 {
            terms.push(Term { query: String::new(), listed: String::new(), what: whole.name(), logit });
        }
    }
    terms.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
    Scored { logit, score: probability(logit), terms }
}

/// Compares two names, without lists.
pub fn score_pair(a: &str, b: &str, rules: Rules) -> Scored {
    let (a, b) = (Name::new(a, rules, &NoLists), Name::new(b, rules, &NoLists));
    score_names(&a, &b, Weights::shipped(), &mut Scratch::default())
}

fn text(tokens: &[Token], (from, count): (u8, u8)) -> String {
    let range = usize::from(from)..usize::from(from) + usize::from(count);
    let words: Vec<&str> = tokens.get(range).unwrap_or_default().iter().map(|t| &*t.latin).collect();
    words.join(" ")
}

/// The best reading: (log-odds, features, which).
fn best(a: &Name, b: &Name, weights: &Weights, scratch: &mut Scratch) -> (f32, Features, Kindred) {
    let own = weights.of(a.rules);
    let mut best: Option<(f32, Features, Kindred)> = None;
    // Two names that both read as Korean are compared by syllables only: letters mislead there.
    let korean = a.reading(Kindred::Korean).zip(b.reading(Kindred::Korean));
    let han = |n: &Name| n.readings.first().is_some_and(|r| r.tokens.iter().any(|t| t.script == Script::Han));
    let both = han(a) && han(b);
    for kindred in [Kindred::Words, Kindred::Korean, Kindred::Japanese] {
        let skip = match kindred {
            Kindred::Words => korean.is_some() && !han(a) && !han(b),
            Kindred::Korean => both,
            Kindred::Japanese => both,
        };
        let x = a
            .reading(kindred)
            .or_else(|| (kindred == Kindred::Japanese).then(|| a.readings.first()).flatten());
        let y = b
            .reading(kindred)
            .or_else(|| (kindred == Kindred::Japanese).then(|| b.readings.first()).flatten());
        if kindred == Kindred::Japanese && a.reading(kindred).is_none() && b.reading(kindred).is_none() {
            continue;
        }
        let (Some(x), Some(y), false) = (x, y, skip) else { continue };
        let values = measure(a, b, x, y, scratch);
        let logit = dot(own, &values);
        if best.as_ref().is_none_or(|(old, ..)| logit > *old) {
            best = Some((logit, values, kindred));
        }
    }
    best.unwrap_or_else(|| {
        let mut values = [0.0; FEATURES];
        values[Whole::Bias.at()] = 1.0;
        (dot(own, &values), values, Kindred::Words)
    })
}

fn dot(a: &Features, b: &Features) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn mass(reading: &Reading) -> f32 {
    reading.tokens.iter().map(|t| t.weight).sum()
}

/// Share of a pair in the weight of both names, and its own weight.
fn shares(x: &Reading, y: &Reading, pair: &align::Pair, total: f32) -> (f32, f32) {
    let sum = |tokens: &[Token], (from, count): (u8, u8)| -> f32 {
        tokens.iter().skip(usize::from(from)).take(usize::from(count)).map(|t| t.weight).sum()
    };
    let both = sum(&x.tokens, pair.a) + sum(&y.tokens, pair.b);
    let sides = if pair.a.1 > 0 && pair.b.1 > 0 { 0.5 } else { 1.0 };
    (if total > 0.0 { both / total } else { 0.0 }, both * sides)
}

fn measure(a: &Name, b: &Name, x: &Reading, y: &Reading, scratch: &mut Scratch) -> Features {
    let mut f = [0.0; FEATURES];
    f[Whole::Bias.at()] = 1.0;
    align::align(&x.tokens, &y.tokens, a.rules, scratch);
    let total = mass(x) + mass(y);
    let (mut agreeing, mut conflicts, mut extras) = (0u32, 0u32, 0u32);
    let (mut fuzz, mut alike_conflict, mut first_letter) = (0f32, 0f32, 0f32);
    let (mut head, mut tail) = (false, false);
    let (mut same, mut gender) = (true, false);
    let mut initials = 0u32;
    for pair in &scratch.pairs {
        let (share, own) = shares(x, y, pair, total);
        let class = pair.class as usize;
        f[class] += share;
        f[Class::COUNT + class] += own;
        same &= matches!(
            pair.class,
            Class::Exact
                | Class::Variant
                | Class::Joined
                | Class::Syllable
                | Class::ExtraParticle
                | Class::ConflictParticle
        );
        if pair.class.agrees() {
            agreeing += 1;
            initials += u32::from(pair.class == Class::Initial);
            fuzz += share * (1.0 - pair.alike);
            let (p, q) = (&x.tokens[usize::from(pair.a.0)], &y.tokens[usize::from(pair.b.0)]);
            if a.rules == Rules::Person && pair.class != Class::Exact {
                gender |= words::slavic_gender(&p.latin) + words::slavic_gender(&q.latin) == 3;
            }
            if pair.class != Class::Exact
                && pair.class != Class::Joined
                && p.sound.as_bytes().first() != q.sound.as_bytes().first()
            {
                first_letter += share;
            }
        } else if pair.a.1 > 0 && pair.b.1 > 0 {
            conflicts += 1;
            alike_conflict += share * pair.alike;
            head |= pair.a.0 == 0 && pair.b.0 == 0;
            tail |=
                usize::from(pair.a.0) + 1 == x.tokens.len() && usize::from(pair.b.0) + 1 == y.tokens.len();
        } else if matches!(pair.class, Class::Extra | Class::ExtraGeneric | Class::ExtraPlace) {
            extras += 1;
        }
    }
    let mut whole = |w: Whole, value: f32| f[w.at()] = value;
    let order = reordered(scratch);
    whole(Whole::Order, f32::from(u8::from(order)));
    whole(Whole::Lineage, f32::from(u8::from(order && a.lineage && b.lineage)));
    whole(Whole::Same, f32::from(u8::from(same && agreeing > 0)));
    whole(Whole::Hollow, f32::from(u8::from(agreeing > 0 && agreeing == initials)));
    whole(Whole::Gender, f32::from(u8::from(gender)));
    let longest = x.glue.len().max(y.glue.len()).clamp(1, alike::MAX);
    // Beyond a third of the letters nothing is in common that tokens do not tell better.
    let bound = longest / 2;
    let glue = alike::edits(x.glue.as_bytes(), y.glue.as_bytes(), bound).unwrap_or(bound + 1);
    let glue = 1.0 - (glue as f32 / longest as f32).min(1.0);
    whole(Whole::Glue, glue);
    whole(Whole::GlueClose, (glue - 0.8).max(0.0) * 5.0);
    whole(Whole::ConflictHead, f32::from(u8::from(head)));
    whole(Whole::ConflictTail, f32::from(u8::from(tail)));
    whole(Whole::LegalAgree, f32::from(u8::from(a.legal & b.legal != 0)));
    whole(Whole::LegalConflict, f32::from(u8::from(legal_conflict(a.legal, b.legal))));
    let generation = matches!((a.generation, b.generation), (Some(p), Some(q)) if p != q);
    whole(Whole::Generation, f32::from(u8::from(generation)));
    let cross = x.tokens.first().zip(y.tokens.first()).is_some_and(|(p, q)| p.script != q.script);
    whole(Whole::Cross, f32::from(u8::from(cross)));
    whole(Whole::Single, f32::from(u8::from(x.tokens.len().min(y.tokens.len()) <= 1)));
    whole(Whole::Matched, (1.0 + agreeing as f32).ln());
    whole(Whole::Fuzz, fuzz);
    whole(Whole::ConflictAlike, alike_conflict);
    whole(Whole::Identical, f32::from(u8::from(a.folded == b.folded)));
    whole(Whole::Peace, f32::from(u8::from(conflicts == 0 && agreeing > 0)));
    whole(Whole::ExtraMany, extras.saturating_sub(1) as f32);
    whole(Whole::ConflictMany, conflicts.saturating_sub(1) as f32);
    whole(Whole::FirstLetter, first_letter);
    whole(Whole::Korean, f32::from(u8::from(x.kindred == Kindred::Korean && y.kindred == Kindred::Korean)));
    f
}

/// Whether pairs cross.
fn reordered(scratch: &Scratch) -> bool {
    let agreeing = || scratch.pairs.iter().filter(|p| p.class.agrees());
    agreeing().any(|p| agreeing().any(|q| p.a.0 < q.a.0 && p.b.0 > q.b.0))
}
