//! Names: taken apart once ([`Name`]), compared often ([`score`]).
//!
//! `words` knows legal forms, titles, particles; [`Name::new`] folds, transliterates and cuts a name
//! into weighted [`Token`]s under the rules of its kind; `compare` holds two tokens together, `align`
//! finds which token of one name is which of the other, `score` turns that into log-odds with a term
//! per token. `weights` holds the fitted numbers.
//!
//! What this module never does: look at dates, countries or numbers of documents (that
//! is evidence of its own), or decide anything.

mod align;
pub(super) mod compare;
pub mod score;
mod weights;
pub mod words;

use palisade_text::fold::{self, Script};
use palisade_text::{korean, translit};

pub use align::Scratch;
pub use compare::Class;
pub use score::{Features, Scored, Term, Weights, features, score_names, score_pair};
use words::Kind;

/// Rules under which a name is read. Both sides of a comparison are read under one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rules {
    /// People: titles, particles, patronymics, nicknames, order.
    Person,
    /// Companies, organisations, everything that is no person and no craft.
    Body,
    /// Vessels and aircraft: names are arbitrary words, numbers are identity.
    Craft,
}

/// Most tokens of a name that are compared; of longer names the heaviest stay.
pub const MAX_TOKENS: usize = 16;

/// A word of a name, ready to be compared.
#[derive(Clone, Debug)]
pub struct Token {
    /// In letters `a`–`z` and digits.
    pub latin: Box<str>,
    /// [`translit::sound_key`] of it.
    pub sound: Box<str>,
    /// As written, folded; empty where that is [`latin`](Token::latin).
    pub raw: Box<[char]>,
    /// Script it was written in.
    pub script: Script,
    /// What it is.
    pub kind: Kind,
    /// How much its agreement says, 0 to 1: common words little.
    pub weight: f32,
    /// Group of given names it belongs to; 0 if none.
    pub nickname: u16,
    /// What it is as a Korean syllable.
    pub syllable: Option<korean::Syllable>,
}

/// How the tokens of a reading came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kindred {
    /// Words as written; Han characters one by one in Mandarin.
    Words,
    /// Korean syllables.
    Korean,
    /// Han characters in Japanese.
    Japanese,
}

/// One way to read a name.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Which way.
    pub kindred: Kindred,
    /// Its tokens, the family name of a person last where a comma told.
    pub tokens: Vec<Token>,
    /// Latin letters of all tokens without blanks.
    pub glue: Box<str>,
}

/// A name, taken apart.
#[derive(Clone, Debug)]
pub struct Name {
    /// Under which rules.
    pub rules: Rules,
    /// The words as folded, joined by blanks: equal for names that differ in case and punctuation only.
    pub folded: Box<str>,
    /// At least one.
    pub readings: Vec<Reading>,
    /// Legal forms it has: bits of [`words::Legal`].
    pub legal: u8,
    /// Generation of a person (`Jr`, `III`).
    pub generation: Option<u8>,
    /// Says who the father is (`bin`, `ibn`): order is descent.
    pub lineage: bool,
    /// Some of it was longer than the limits.
    pub cut: bool,
}

/// How rare words are in the loaded lists: the second source of a token's weight.
pub trait Rarity {
    /// Factor for a token with this sound key, 0.35 to 1.
    fn factor(&self, sound: &str) -> f32;
}

/// No lists: every word is as rare as the background table says.
pub struct NoLists;

impl Rarity for NoLists {
    fn factor(&self, _: &str) -> f32 {
        1.0
    }
}

impl Name {
    /// Takes a name apart. Never fails: a name without a letter has no tokens and matches nothing.
    pub fn new(text: &str, rules: Rules, rarity: &impl Rarity) -> Name {
        let (found, cut) = fold::words(text);
        let mut folded = String::with_capacity(text.len());
        for word in &found {
            if !folded.is_empty() {
                folded.push(' ');
            }
            folded.push_str(&word.text);
        }
        let mut name = Name {
            rules,
            folded: folded.into(),
            readings: Vec::with_capacity(2),
            legal: 0,
            generation: None,
            lineage: false,
            cut,
        };
        let mut parts = parts(found, rules);
        match rules {
            Rules::Person => name.person(&mut parts),
            Rules::Body | Rules::Craft => name.body(&mut parts),
        }
        let reading = reading(Kindred::Words, parts.iter().map(|p| token(p, rules, rarity)).collect());
        let korean = if rules == Rules::Person { korean_tokens(&parts, rarity) } else { None };
        name.readings.push(reading);
        if let Some(tokens) = korean {
            name.readings.push(self::reading(Kindred::Korean, tokens));
        }
        if rules == Rules::Person
            && let Some(tokens) = japanese_tokens(&parts, rarity)
        {
            name.readings.push(self::reading(Kindred::Japanese, tokens));
        }
        name
    }

    /// The reading of that kind.
    pub fn reading(&self, kindred: Kindred) -> Option<&Reading> {
        self.readings.iter().find(|r| r.kindred == kindred)
    }

    fn person(&mut self, parts: &mut Vec<Part>) {
        // `Family, Given`: brought into the order of all other names.
        if let Some(comma) = parts.iter().position(|p| p.comma).filter(|at| at + 1 < parts.len()) {
            parts.rotate_left(comma + 1);
        }
        let mut generation = None;
        let enough = parts.len() > 2;
        parts.retain(|p| match words::generation(&p.latin) {
            Some(g) if enough => {
                generation = Some(g);
                false
            }
            _ => true,
        });
        self.generation = generation;
        self.lineage = parts.iter().any(|p| words::is_lineage(&p.latin));
        for part in parts.iter_mut() {
            part.kind = words::person_kind(&part.latin);
            if part.script.syllabic() {
                part.kind = Kind::Plain;
            }
        }
        // A name that is nothing but titles or particles is made of names.
        if parts.iter().all(|p| matches!(p.kind, Kind::Title | Kind::Particle)) {
            for part in parts.iter_mut() {
                part.kind = Kind::Plain;
            }
        }
    }

    fn body(&mut self, parts: &mut Vec<Part>) {
        states(parts);
        let craft = |p: &[Part]| matches!(p, [m, v, _, ..] if matches!((&*m.latin, &*v.latin), ("m", "v" | "t" | "y") | ("s", "s")));
        if self.rules == Rules::Craft && craft(parts) {
            // `M/V`, `S/S`: what kind of ship, not which.
            parts.drain(..2);
        }
        let latin: Vec<&str> = parts.iter().map(|p| &*p.latin).collect();
        let mut keep = vec![true; parts.len()];
        let mut key = String::new();
        let mut at = 0;
        while at < parts.len() {
            let Some((class, count)) = words::legal_at(&latin, at, &mut key) else {
                at += 1;
                continue;
            };
            // Two letters in front of a name are as often part of it (`AB Volvo`, `SE Banken`).
            self.legal |= class.bit();
            keep[at..at + count].fill(false);
            at += count;
        }
        // Legal forms alone are no name, but all that there is to compare.
        if keep.iter().any(|k| *k) {
            let mut keep = keep.into_iter();
            parts.retain(|_| keep.next().unwrap_or(true));
        } else {
            for part in parts.iter_mut() {
                part.kind = Kind::Generic;
            }
            return;
        }
        for part in parts.iter_mut() {
            part.kind = if part.script.syllabic() { Kind::Plain } else { words::thing_kind(&part.latin) };
        }
        numbers(parts);
        if self.rules == Rules::Craft {
            parts.retain(|p| !matches!(&*p.latin, "mv" | "ss" | "mt" | "mt."));
            for part in parts.iter_mut().filter(|p| p.kind != Kind::Number) {
                part.kind = Kind::Plain;
            }
        }
    }
}

/// A word on its way to becoming a token.
struct Part {
    latin: String,
    raw: String,
    script: Script,
    comma: bool,
    kind: Kind,
}

/// Words in Latin letters. Han and Hangul are cut into syllables, dotted initials of persons into letters.
fn parts(found: Vec<fold::Word>, rules: Rules) -> Vec<Part> {
    let mut out = Vec::with_capacity(found.len());
    for word in found {
        let part = |raw: String, comma: bool| Part {
            latin: translit::latin(&raw, word.script),
            raw,
            script: word.script,
            comma,
            kind: Kind::Plain,
        };
        if word.script.syllabic() {
            let text = if rules == Rules::Person { &word.text } else { without_form(&word.text, &mut out) };
            for c in text.chars() {
                out.push(part(c.to_string(), false));
            }
        } else if word.dotted && rules == Rules::Person {
            for c in word.text.chars() {
                out.push(part(c.to_string(), false));
            }
        } else {
            out.push(part(word.text.clone(), word.comma));
        }
        if out.len() > 4 * fold::MAX_WORDS {
            break;
        }
    }
    out.retain(|p| !p.latin.is_empty());
    if rules == Rules::Person {
        servants(&mut out);
    }
    out
}

/// `Abd al-Rahman`, `Abdul Rahman` and `Abdulrahman` are one word; so are names in `-ud-din` and `-ullah`.
fn servants(parts: &mut Vec<Part>) {
    let mut at = 0;
    while at + 1 < parts.len() {
        let abd =
            matches!(&*parts[at].latin, "abd" | "abdul" | "abdel" | "abdal" | "abdol" | "abdoul" | "abed");
        let article = |p: &Part| matches!(&*p.latin, "al" | "el" | "ul" | "ol" | "ar" | "as" | "ad");
        if abd && at + 2 < parts.len() && article(&parts[at + 1]) {
            let name = parts.remove(at + 2);
            parts.remove(at + 1);
            merge(&mut parts[at], "abdul", name);
        } else if abd && !article(&parts[at + 1]) && parts[at + 1].latin.len() > 2 {
            let name = parts.remove(at + 1);
            merge(&mut parts[at], "abdul", name);
        } else if at + 1 < parts.len()
            && at > 0
            && matches!(&*parts[at].latin, "ud" | "al" | "ad" | "ul" | "eddin")
            && matches!(&*parts[at + 1].latin, "din" | "deen" | "dine" | "din.")
        {
            let din = parts.remove(at + 1);
            parts.remove(at);
            at -= 1;
            let head = parts[at].latin.clone();
            merge(&mut parts[at], &head, Part { latin: "uddin".to_owned(), ..din });
        }
        at += 1;
    }
}

fn merge(into: &mut Part, head: &str, tail: Part) {
    into.latin = format!("{head}{}", tail.latin);
    if into.script != Script::Latin {
        into.raw.push_str(&tail.raw);
    } else {
        into.raw.clone_from(&into.latin);
    }
    into.comma |= tail.comma;
}

/// Legal forms in Han and Hangul are written without a blank; they become parts of their own.
fn without_form<'a>(text: &'a str, out: &mut Vec<Part>) -> &'a str {
    const FORMS: [(&str, &str); 10] = [
        ("股份有限公司", "jsc"),
        ("有限责任公司", "llc"),
        ("有限責任公司", "llc"),
        ("有限公司", "ltd"),
        ("株式会社", "kk"),
        ("有限会社", "llc"),
        ("주식회사", "jsc"),
        ("公司", "company"),
        ("会社", "company"),
        ("회사", "company"),
    ];
    for (form, latin) in FORMS {
        let rest = text.strip_suffix(form).or_else(|| text.strip_prefix(form));
        if let Some(rest) = rest {
            out.push(Part {
                latin: latin.to_owned(),
                raw: latin.to_owned(),
                script: Script::Latin,
                comma: false,
                kind: Kind::Plain,
            });
            return rest;
        }
    }
    text
}

/// `United States of America` is `us`, `United Kingdom` is `uk`.
fn states(parts: &mut Vec<Part>) {
    let Some(at) = parts
        .windows(2)
        .position(|w| &*w[0].latin == "united" && matches!(&*w[1].latin, "states" | "kingdom"))
    else {
        for part in parts.iter_mut().filter(|p| &*p.latin == "usa") {
            "us".clone_into(&mut part.latin);
        }
        return;
    };
    let short = if &*parts[at + 1].latin == "states" { "us" } else { "uk" };
    let of_america = parts.get(at + 2).is_some_and(|p| &*p.latin == "of")
        && parts.get(at + 3).is_some_and(|p| &*p.latin == "america");
    parts.drain(at + 1..at + if of_america { 4 } else { 2 });
    short.clone_into(&mut parts[at].latin);
}

/// Number words and Roman numerals of things become digits: `Forty-Four` is 44, `VII` is 7.
fn numbers(parts: &mut Vec<Part>) {
    let mut at = 0;
    while at < parts.len() {
        let value = words::number_word(&parts[at].latin).filter(|_| parts.len() > 1);
        if let Some(tens) = value {
            let ones = parts.get(at + 1).and_then(|p| {
                words::number_word(&p.latin)
                    .or_else(|| p.latin.parse().ok().filter(|_| p.latin.len() == 1))
                    .filter(|ones| tens >= 20 && *ones < 10)
            });
            if ones.is_some() {
                parts.remove(at + 1);
            }
            number(&mut parts[at], tens + ones.unwrap_or(0));
        } else if at > 0
            && let Some(value) = words::roman(&parts[at].latin)
        {
            number(&mut parts[at], value);
        }
        at += 1;
    }
}

fn number(part: &mut Part, value: u32) {
    part.latin = value.to_string();
    part.raw.clone_from(&part.latin);
    part.script = Script::Latin;
    part.kind = Kind::Number;
}

fn token(part: &Part, rules: Rules, rarity: &impl Rarity) -> Token {
    let sound = translit::sound_key(&part.latin);
    let weight = match part.kind {
        Kind::Particle => 0.1,
        Kind::Title => 0.15,
        Kind::Initial => 0.3,
        Kind::Number => 0.8,
        Kind::Generic => 0.45 * rarity.factor(&sound),
        Kind::Place => 0.6 * rarity.factor(&sound),
        Kind::Patronymic => 0.7 * rarity.factor(&sound),
        Kind::Plain => words::background(&sound).min(short(part)).min(rarity.factor(&sound)),
    };
    let nickname = if rules == Rules::Person { words::nickname(&part.latin) } else { 0 };
    let raw = if part.script == Script::Latin { Box::default() } else { part.raw.chars().collect() };
    Token {
        latin: part.latin.as_str().into(),
        sound: sound.into(),
        raw,
        script: part.script,
        kind: part.kind,
        weight,
        nickname,
        syllable: None,
    }
}

/// Two letters hit by chance.
fn short(part: &Part) -> f32 {
    match part.latin.len() {
        _ if part.script.syllabic() => 0.8,
        0..=1 => 0.4,
        2 => 0.7,
        _ => 1.0,
    }
}

fn reading(kindred: Kindred, mut tokens: Vec<Token>) -> Reading {
    while tokens.len() > MAX_TOKENS {
        let lightest =
            tokens.iter().enumerate().min_by(|a, b| a.1.weight.total_cmp(&b.1.weight)).map(|(at, _)| at);
        tokens.remove(lightest.unwrap_or(MAX_TOKENS));
    }
    let mut glue = String::with_capacity(tokens.iter().map(|t| t.latin.len()).sum());
    for token in &tokens {
        glue.push_str(&token.latin);
    }
    Reading { kindred, tokens, glue: glue.into() }
}

/// Syllables of a name that reads as Korean from end to end: a surname of the table first or last,
/// two to five syllables in all.
fn korean_tokens(parts: &[Part], rarity: &impl Rarity) -> Option<Vec<Token>> {
    let (first, last) = (parts.first()?, parts.last()?);
    let hangul = parts.iter().all(|p| p.script == Script::Hangul);
    let han = parts.iter().all(|p| p.script == Script::Han);
    let latin = parts.iter().all(|p| p.script == Script::Latin && p.latin.len() <= 14)
        && (2..=4).contains(&parts.len());
    let surname_first = hangul || han || words::korean_surname(&first.latin);
    if !(hangul || han || latin) || !(surname_first || words::korean_surname(&last.latin)) || parts.len() > 5
    {
        return None;
    }
    let mut out: Vec<Token> = Vec::with_capacity(4);
    for part in parts {
        let mut add = |latin: String, syllable: korean::Syllable| {
            let sound = translit::sound_key(&latin);
            let weight = 0.8 * rarity.factor(&sound);
            out.push(Token {
                raw: Box::default(),
                script: Script::Latin,
                kind: Kind::Plain,
                weight,
                nickname: 0,
                syllable: Some(syllable),
                latin: latin.into(),
                sound: sound.into(),
            });
        };
        match part.script {
            Script::Hangul => {
                let jamo = part.raw.chars().next().and_then(korean::decompose)?;
                add(part.latin.clone(), jamo.syllable());
            }
            Script::Han => {
                let spelt = part.raw.chars().next().and_then(translit::korean_reading)?;
                add(spelt.to_owned(), korean::parse(spelt)?.first()?.0);
            }
            _ => {
                let mut rest = part.latin.as_str();
                for (syllable, length) in korean::parse(rest)? {
                    let (head, tail) = rest.split_at_checked(length)?;
                    rest = tail;
                    add(head.to_owned(), syllable);
                }
            }
        }
    }
    if !(2..=5).contains(&out.len()) {
        return None;
    }
    // Given name first (Jong Un Kim): brought into the Korean order if only the last word can be a surname.
    if latin && !words::korean_surname(&first.latin) {
        out.rotate_right(1);
    }
    if let Some(surname) = out.first_mut() {
        surname.weight *= 0.75;
    }
    Some(out)
}

/// Words of a Japanese name in Han characters.
fn japanese_tokens(parts: &[Part], rarity: &impl Rarity) -> Option<Vec<Token>> {
    if parts.is_empty() || !parts.iter().all(|p| p.script == Script::Han) || parts.len() > 8 {
        return None;
    }
    let name: String = parts.iter().map(|p| p.raw.as_str()).collect();
    let words = translit::japanese_reading(&name)?;
    let part = |latin: &&'static str| Part {
        latin: (*latin).to_owned(),
        raw: String::new(),
        script: Script::Other,
        comma: false,
        kind: Kind::Plain,
    };
    Some(words.iter().map(|w| token(&part(w), Rules::Person, rarity)).collect())
}
