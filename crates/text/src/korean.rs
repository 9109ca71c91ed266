//! Korean syllables: out of Hangul by arithmetic, out of Latin letters by grammar, and when two are the same.
//!
//! One syllable makes another person (Kim Yong-chol is not Kim Yong-chun), while one syllable has
//! many spellings: 정 is *jeong* (Revised Romanisation), *chŏng* (McCune–Reischauer), *jong* (DPRK),
//! *chung* and *jung* (passports). So syllables are compared by sound classes, not by letters: an
//! onset, a set of vowels that the spelling may stand for, and a coda.
//!
//! What this module never does: decide that a name is Korean; callers do, from the whole name.

/// One syllable, as far as its spelling tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Syllable {
    /// Class of the consonant before the vowel: plain, tense and aspirated stops are one class.
    pub onset: Onset,
    /// Vowels it may be, one bit each (see the constants of this module).
    pub vowels: u32,
    /// Class of the consonant behind the vowel.
    pub coda: Coda,
}

/// Consonants before a vowel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Onset {
    /// None (ㅇ).
    None,
    /// ㄱ ㄲ ㅋ.
    K,
    /// ㄴ.
    N,
    /// ㄷ ㄸ ㅌ.
    T,
    /// ㄹ.
    R,
    /// ㅁ.
    M,
    /// ㅂ ㅃ ㅍ.
    P,
    /// ㅅ ㅆ.
    S,
    /// ㅈ ㅉ ㅊ.
    J,
    /// ㅎ.
    H,
}

/// Consonants behind a vowel, by how they sound there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Coda {
    /// None.
    None,
    /// ㄱ.
    K,
    /// ㄴ.
    N,
    /// ㄷ ㅅ ㅈ ㅎ.
    T,
    /// ㄹ.
    L,
    /// ㅁ.
    M,
    /// ㅂ.
    P,
    /// ㅇ.
    Ng,
}

const A: u32 = 1;
const AE: u32 = 1 << 1;
const YA: u32 = 1 << 2;
const YAE: u32 = 1 << 3;
const EO: u32 = 1 << 4;
const E: u32 = 1 << 5;
const YEO: u32 = 1 << 6;
const YE: u32 = 1 << 7;
const O: u32 = 1 << 8;
const WA: u32 = 1 << 9;
const WAE: u32 = 1 << 10;
const OE: u32 = 1 << 11;
const YO: u32 = 1 << 12;
const U: u32 = 1 << 13;
const WO: u32 = 1 << 14;
const WE: u32 = 1 << 15;
const WI: u32 = 1 << 16;
const YU: u32 = 1 << 17;
const EU: u32 = 1 << 18;
const UI: u32 = 1 << 19;
const I: u32 = 1 << 20;

/// Vowels in the order of the Hangul block, with their letters (Revised Romanisation).
const VOWELS: [(u32, &str); 21] = [
    (A, "a"),
    (AE, "ae"),
    (YA, "ya"),
    (YAE, "yae"),
    (EO, "eo"),
    (E, "e"),
    (YEO, "yeo"),
    (YE, "ye"),
    (O, "o"),
    (WA, "wa"),
    (WAE, "wae"),
    (OE, "oe"),
    (YO, "yo"),
    (U, "u"),
    (WO, "wo"),
    (WE, "we"),
    (WI, "wi"),
    (YU, "yu"),
    (EU, "eu"),
    (UI, "ui"),
    (I, "i"),
];

const ONSETS: [(Onset, &str); 19] = [
    (Onset::K, "g"),
    (Onset::K, "kk"),
    (Onset::N, "n"),
    (Onset::T, "d"),
    (Onset::T, "tt"),
    (Onset::R, "r"),
    (Onset::M, "m"),
    (Onset::P, "b"),
    (Onset::P, "pp"),
    (Onset::S, "s"),
    (Onset::S, "ss"),
    (Onset::None, ""),
    (Onset::J, "j"),
    (Onset::J, "jj"),
    (Onset::J, "ch"),
    (Onset::K, "k"),
    (Onset::T, "t"),
    (Onset::P, "p"),
    (Onset::H, "h"),
];

/// Codas in the order of the Hangul block: clusters sound as their first or only audible part.
const CODAS: [Coda; 28] = [
    Coda::None,
    Coda::K,
    Coda::K,
    Coda::K,
    Coda::N,
    Coda::N,
    Coda::N,
    Coda::T,
    Coda::L,
    Coda::K,
    Coda::M,
    Coda::L,
    Coda::L,
    Coda::L,
    Coda::P,
    Coda::L,
    Coda::M,
    Coda::P,
    Coda::P,
    Coda::T,
    Coda::T,
    Coda::Ng,
    Coda::T,
    Coda::T,
    Coda::K,
    Coda::T,
    Coda::P,
    Coda::T,
];

/// A syllable of Hangul, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jamo {
    onset: u8,
    vowel: u8,
    coda: u8,
}

/// Takes a precomposed syllable (U+AC00 to U+D7A3) apart: 19 onsets × 21 vowels × 28 codas, in this order.
pub fn decompose(c: char) -> Option<Jamo> {
    let at = (c as u32).checked_sub(0xAC00).filter(|at| *at < 11_172)?;
    Some(Jamo { onset: (at / 588) as u8, vowel: (at / 28 % 21) as u8, coda: (at % 28) as u8 })
}

impl Jamo {
    /// Its letters, Revised Romanisation without the changes between syllables.
    pub fn latin(self, out: &mut String) {
        out.push_str(ONSETS.get(usize::from(self.onset)).map_or("", |o| o.1));
        out.push_str(VOWELS.get(usize::from(self.vowel)).map_or("", |v| v.1));
        out.push_str(match self.syllable().coda {
            Coda::None => "",
            Coda::K => "k",
            Coda::N => "n",
            Coda::T => "t",
            Coda::L => "l",
            Coda::M => "m",
            Coda::P => "p",
            Coda::Ng => "ng",
        });
    }

    /// Its sound classes.
    pub fn syllable(self) -> Syllable {
        Syllable {
            onset: ONSETS.get(usize::from(self.onset)).map_or(Onset::None, |o| o.0),
            vowels: VOWELS.get(usize::from(self.vowel)).map_or(0, |v| v.0),
            coda: CODAS.get(usize::from(self.coda)).copied().unwrap_or(Coda::None),
        }
    }
}

impl Syllable {
    /// Whether both spellings can stand for one syllable.
    pub fn agrees(self, other: Syllable) -> bool {
        self.vowels & other.vowels != 0 && self.coda == other.coda && onsets_agree(self, other)
    }
}

/// ㄹ, ㄴ and nothing change places before *i* and *y* at the beginning (리 Ri, 이 Yi; 류 Ryu, 유 Yu).
fn onsets_agree(a: Syllable, b: Syllable) -> bool {
    const YOTISED: u32 = I | YA | YEO | YO | YU | YE;
    let weak = |o: Onset| matches!(o, Onset::None | Onset::R | Onset::N);
    a.onset == b.onset || (weak(a.onset) && weak(b.onset) && a.vowels & b.vowels & YOTISED != 0)
}

/// Spellings of vowels, longest first, each with what it may stand for.
const SPELT: [(&str, u32); 40] = [
    ("yeou", YEO),
    ("yeo", YEO),
    ("yae", YAE),
    ("wae", WAE),
    ("weo", WO),
    ("woo", U),
    ("eui", UI),
    ("you", YEO | YU | YO),
    ("yoo", YU),
    ("yuo", YEO),
    ("yu", YU | YEO),
    ("ya", YA),
    ("ye", YE | YEO),
    ("yo", YO | YEO),
    ("yi", I | UI),
    ("ae", AE),
    ("ai", AE),
    ("ay", AE),
    ("aa", A),
    ("ah", A),
    ("eo", EO),
    ("eu", EU),
    ("ee", I),
    ("ei", E),
    ("oe", OE),
    ("oi", OE),
    ("oo", U),
    ("ou", U | EO | O),
    ("oh", O),
    ("ui", UI),
    ("uh", EO),
    ("wa", WA),
    ("we", WE),
    ("wi", WI),
    ("wo", WO | U),
    ("a", A),
    ("e", E),
    ("i", I | UI),
    // The breve that tells ŏ from o and ŭ from u is lost in most lists.
    ("o", O | EO),
    ("u", U | EU | EO),
];

/// Most syllables of one word: given names have one or two, with their surname three or four.
pub const MAX_SYLLABLES: usize = 4;

/// Reads a word in Latin letters as Korean syllables, each with its length in letters; `None` if it
/// cannot be one.
///
/// Any of the usual systems; where a consonant between vowels could end one syllable or begin the
/// next it begins the next, as all systems have it. Not more than [`MAX_SYLLABLES`].
pub fn parse(word: &str) -> Option<Vec<(Syllable, usize)>> {
    if word == "lee" {
        return Some(vec![(Syllable { onset: Onset::R, vowels: I, coda: Coda::None }, 3)]);
    }
    if word.len() < 2 && word != "o" && word != "u" {
        return None;
    }
    let mut out = Vec::with_capacity(3);
    step(word, &mut out).then_some(out)
}

fn step(rest: &str, out: &mut Vec<(Syllable, usize)>) -> bool {
    if rest.is_empty() {
        return !out.is_empty();
    }
    if out.len() >= MAX_SYLLABLES {
        return false;
    }
    let (onset, after) = onset(rest);
    for (spelling, vowels) in SPELT {
        let Some(tail) = after.strip_prefix(spelling) else { continue };
        for (coda, tail) in codas(tail) {
            out.push((Syllable { onset, vowels, coda }, rest.len() - tail.len()));
            if step(tail, out) {
                return true;
            }
            out.pop();
        }
    }
    false
}

fn onset(rest: &str) -> (Onset, &str) {
    for (spelling, onset) in [
        ("kk", Onset::K),
        ("tt", Onset::T),
        ("dd", Onset::T),
        ("pp", Onset::P),
        ("bb", Onset::P),
        ("ss", Onset::S),
        ("sh", Onset::S),
        ("tch", Onset::J),
        ("ts", Onset::J),
        ("jj", Onset::J),
        ("ch", Onset::J),
        ("rh", Onset::R),
        ("k", Onset::K),
        ("g", Onset::K),
        ("n", Onset::N),
        ("t", Onset::T),
        ("d", Onset::T),
        ("r", Onset::R),
        ("l", Onset::R),
        ("m", Onset::M),
        ("p", Onset::P),
        ("b", Onset::P),
        ("s", Onset::S),
        ("j", Onset::J),
        ("h", Onset::H),
    ] {
        if let Some(tail) = rest.strip_prefix(spelling) {
            return (onset, tail);
        }
    }
    (Onset::None, rest)
}

/// Ways to end a syllable here, the preferred one first: none before a consonant that can begin the next.
fn codas(tail: &str) -> impl Iterator<Item = (Coda, &str)> {
    let ng = tail.strip_prefix("ng").map(|t| (Coda::Ng, t));
    let single = tail.chars().next().and_then(|c| {
        let coda = match c {
            'k' | 'g' | 'c' => Coda::K,
            'n' => Coda::N,
            't' | 'd' | 's' => Coda::T,
            'l' | 'r' => Coda::L,
            'm' => Coda::M,
            'p' | 'b' => Coda::P,
            _ => return None,
        };
        Some((coda, &tail[1..]))
    });
    // `ng` before a vowel: Tong-il and Chun-gang are written alike; the first is far more common.
    [ng, Some((Coda::None, tail)), single].into_iter().flatten()
}
