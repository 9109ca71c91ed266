//! Two tokens held together: what they have to do with each other.
//!
//! What this module never does: look at other tokens of the names.

use palisade_text::alike::{self, Sounds};
use palisade_text::translit::skeleton;

use super::words::Kind;
use super::{Rules, Token};

/// What a token (or a pair of tokens) of two names is to the comparison.
///
/// Each class has weights of its own in the [fitted model](super::score::Weights).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Class {
    /// The same word.
    Exact,
    /// Another spelling of the same sounds, or the same word in another script.
    Variant,
    /// A vowel or a related consonant differs.
    Near,
    /// One edit in a word of five letters or more.
    Edit1,
    /// One edit in a shorter word: usually another word.
    Short,
    /// Two edits in a word of six letters or more.
    Edit2,
    /// More edits in a long word, most of it the same.
    Edit3,
    /// An initial and a word that begins with it.
    Initial,
    /// Two forms of one given name.
    Nickname,
    /// The beginning of the other word, at least three letters.
    Prefix,
    /// One word written as two, or two as one.
    Joined,
    /// A word of the first letters of the other name's words.
    Acronym,
    /// Two spellings that can stand for one Korean syllable.
    Syllable,
    /// Two Korean syllables that differ in one part.
    OtherSyllable,
    /// Words that have nothing to do with each other, where each name has one to spare.
    Conflict,
    /// Two patronymics of different fathers.
    ConflictPatronymic,
    /// Different numbers.
    ConflictNumber,
    /// A place against another place or word.
    ConflictPlace,
    /// A word that many companies have against another such word.
    ConflictGeneric,
    /// Particle or title against another.
    ConflictParticle,
    /// An initial that is not the other's.
    ConflictInitial,
    /// A word that only one name has.
    Extra,
    /// A patronymic that only one name has.
    ExtraPatronymic,
    /// A number that only one name has.
    ExtraNumber,
    /// A place that only one name has.
    ExtraPlace,
    /// A word that many companies have and only one name has.
    ExtraGeneric,
    /// A particle or title that only one name has.
    ExtraParticle,
    /// An initial that only one name has.
    ExtraInitial,
}

impl Class {
    /// How many classes there are.
    pub const COUNT: usize = Class::ExtraInitial as usize + 1;

    /// Both names have it.
    pub fn agrees(self) -> bool {
        (self as u8) < Class::OtherSyllable as u8
    }

    /// Its name in explanations.
    pub fn name(self) -> &'static str {
        match self {
            Class::Exact => "same",
            Class::Variant => "same sound",
            Class::Near => "near sound",
            Class::Edit1 => "one letter",
            Class::Short => "one letter of a short word",
            Class::Edit2 => "two letters",
            Class::Edit3 => "several letters",
            Class::Initial => "initial",
            Class::Nickname => "form of the name",
            Class::Prefix => "beginning of the word",
            Class::Joined => "written together",
            Class::Acronym => "acronym",
            Class::Syllable => "same syllable",
            Class::OtherSyllable => "another syllable",
            Class::Conflict => "different",
            Class::ConflictPatronymic => "different father",
            Class::ConflictNumber => "different number",
            Class::ConflictPlace => "different place",
            Class::ConflictGeneric => "different common word",
            Class::ConflictParticle => "different particle",
            Class::ConflictInitial => "different initial",
            Class::Extra => "only in one",
            Class::ExtraPatronymic => "patronymic only in one",
            Class::ExtraNumber => "number only in one",
            Class::ExtraPlace => "place only in one",
            Class::ExtraGeneric => "common word only in one",
            Class::ExtraParticle => "particle only in one",
            Class::ExtraInitial => "initial only in one",
        }
    }

    /// The class of a token that the other name lacks.
    pub fn extra(kind: Kind) -> Class {
        match kind {
            Kind::Plain => Class::Extra,
            Kind::Initial => Class::ExtraInitial,
            Kind::Number => Class::ExtraNumber,
            Kind::Particle | Kind::Title => Class::ExtraParticle,
            Kind::Patronymic => Class::ExtraPatronymic,
            Kind::Place => Class::ExtraPlace,
            Kind::Generic => Class::ExtraGeneric,
        }
    }

    /// The class of two tokens that stand against each other.
    pub fn conflict(a: Kind, b: Kind) -> Class {
        use Kind::{Generic, Initial, Number, Particle, Patronymic, Place, Title};
        match (a, b) {
            (Patronymic, Patronymic) => Class::ConflictPatronymic,
            (Number, _) | (_, Number) => Class::ConflictNumber,
            (Particle | Title, _) | (_, Particle | Title) => Class::ConflictParticle,
            (Initial, _) | (_, Initial) => Class::ConflictInitial,
            (Place, _) | (_, Place) => Class::ConflictPlace,
            (Generic, Generic) => Class::ConflictGeneric,
            _ => Class::Conflict,
        }
    }
}

/// What two tokens have to do with each other, and how alike they are (0 to 1); `None`: nothing.
pub fn compare(a: &Token, b: &Token, rules: Rules) -> Option<(Class, f32)> {
    if a.kind == Kind::Number || b.kind == Kind::Number {
        return (a.latin == b.latin).then_some((Class::Exact, 1.0));
    }
    if let (Some(x), Some(y)) = (a.syllable, b.syllable) {
        if a.latin == b.latin {
            return Some((Class::Exact, 1.0));
        }
        if x.agrees(y) {
            return Some((Class::Syllable, 0.95));
        }
        let same =
            u8::from(x.onset == y.onset) + u8::from(x.vowels & y.vowels != 0) + u8::from(x.coda == y.coda);
        return (same == 2).then_some((Class::OtherSyllable, 0.5));
    }
    if a.script == b.script && !a.raw.is_empty() && !b.raw.is_empty() {
        if a.raw == b.raw {
            return Some((Class::Exact, 1.0));
        }
        if a.script.syllabic() {
            // Another character that sounds the same: a slip of the keyboard, or a namesake.
            return (a.latin == b.latin).then_some((Class::OtherSyllable, 0.5));
        }
        return letters(&a.raw, &b.raw).or_else(|| spoken(a, b));
    }
    if a.latin == b.latin {
        return Some(if a.script == b.script { (Class::Exact, 1.0) } else { (Class::Variant, 0.98) });
    }
    if a.kind == Kind::Initial || b.kind == Kind::Initial || a.latin.len() == 1 || b.latin.len() == 1 {
        let (short, long) = if a.latin.len() <= b.latin.len() { (a, b) } else { (b, a) };
        let fits = short.latin.len() == 1 && long.latin.as_bytes().first() == short.latin.as_bytes().first();
        let person = rules == Rules::Person && !matches!(long.kind, Kind::Particle | Kind::Title);
        return (fits && person).then_some((Class::Initial, 0.7));
    }
    // Two or three letters are a sign, not a word: a company's must be the same, a vessel's up to four.
    let exact = match rules {
        Rules::Person => 0,
        Rules::Body => 3,
        Rules::Craft => 4,
    };
    if a.latin.len().max(b.latin.len()) <= exact {
        return None;
    }
    if rules == Rules::Body
        && (without_glued(&a.latin) == Some(&b.latin) || without_glued(&b.latin) == Some(&a.latin))
    {
        return Some((Class::Joined, 0.9));
    }
    let best = letters(a.latin.as_bytes(), b.latin.as_bytes());
    let spoken = spoken(a, b);
    let best = match (best, spoken) {
        (Some(x), Some(y)) => Some(if y.1 > x.1 { y } else { x }),
        (x, y) => x.or(y),
    };
    if best.is_some_and(|(class, _)| matches!(class, Class::Variant | Class::Near | Class::Edit1)) {
        return best;
    }
    if rules == Rules::Person && a.nickname != 0 && a.nickname == b.nickname {
        return Some((Class::Nickname, 0.8));
    }
    if best.is_some() {
        return best;
    }
    if servant(&a.latin, &b.latin) || servant(&b.latin, &a.latin) {
        return Some((Class::Joined, 0.9));
    }
    let (short, long) = if a.latin.len() <= b.latin.len() { (a, b) } else { (b, a) };
    if short.latin.len() >= 3 && long.latin.starts_with(&*short.latin) {
        return Some((Class::Prefix, short.latin.len() as f32 / long.latin.len() as f32));
    }
    None
}

/// What is left of `JSCARGUMENT` without the legal form that is glued to it.
pub fn without_glued(word: &str) -> Option<&str> {
    const FORMS: [&str; 8] = ["ojsc", "pjsc", "cjsc", "jsc", "ooo", "oao", "pao", "llc"];
    FORMS
        .iter()
        .find_map(|form| word.strip_prefix(form).or_else(|| word.strip_suffix(form)))
        .filter(|rest| rest.len() >= 4)
}

/// `Abdulrahman` and `Rahman`.
fn servant(long: &str, short: &str) -> bool {
    short.len() > 2 && long.strip_prefix("abdul").is_some_and(|rest| rest == short)
}

/// By letters: edits within the budget of the length.
fn letters<T: Copy + Eq>(a: &[T], b: &[T]) -> Option<(Class, f32)> {
    let longest = a.len().max(b.len());
    let bound = match longest {
        0..=1 => return None,
        2..=5 => 1,
        6..=7 => 2,
        _ => 3,
    };
    let edits = alike::edits(a, b, bound)?;
    let alike = 1.0 - edits as f32 / longest as f32;
    let class = match edits {
        1 if longest >= 5 => Class::Edit1,
        1 => Class::Short,
        2 => Class::Edit2,
        _ if alike >= 0.6 => Class::Edit3,
        _ => return None,
    };
    Some((class, alike))
}

/// By sounds.
fn spoken(a: &Token, b: &Token) -> Option<(Class, f32)> {
    if a.sound == b.sound {
        return Some((Class::Variant, 0.97));
    }
    let cross = a.script != b.script;
    let sounds =
        if cross && (a.script.abjad() || b.script.abjad()) { Sounds::LEFT_OUT } else { Sounds::WRITTEN };
    let longest = a.sound.len().max(b.sound.len());
    if longest < 3 || a.sound.len().abs_diff(b.sound.len()) > 5 {
        return None;
    }
    let bound = longest as f32 * if cross { 0.45 } else { 0.3 };
    let distance = alike::sound(a.sound.as_bytes(), b.sound.as_bytes(), sounds, bound.min(2.6))?;
    let alike = 1.0 - distance / longest as f32;
    // Where vowels cost nothing, words of one or two consonants are all alike: those must agree.
    if sounds == Sounds::LEFT_OUT && longest <= 5 && skeleton(&a.sound) != skeleton(&b.sound) {
        return None;
    }
    let class = match distance {
        d if d <= 0.3 || (cross && d <= 0.65) => Class::Variant,
        d if d <= 0.75 && longest >= 4 => Class::Near,
        d if d <= 1.2 && longest >= 5 => Class::Edit1,
        d if d <= 1.2 => Class::Short,
        d if d <= 2.1 => Class::Edit2,
        _ => Class::Edit3,
    };
    Some((class, alike))
}
