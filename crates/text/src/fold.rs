//! Folding: a text becomes words in lower case, without marks that writers leave out, each with its script.
//!
//! Normal form is NFKC (Unicode annex 15), then lower case; format characters (zero-width joiners,
//! direction marks, soft hyphens) go, and so do combining marks where leaving them out is a habit of
//! writers (Latin, Greek, Cyrillic, Arabic, Hebrew) but not where they are vowels (Indic scripts).
//!
//! What this module never does: guess a language, or look a word up.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// A family of letters, as far as telling them apart changes how words are compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Script {
    /// Latin letters and digits.
    Latin,
    /// Greek.
    Greek,
    /// Cyrillic.
    Cyrillic,
    /// Arabic, with Persian and Urdu letters.
    Arabic,
    /// Hebrew.
    Hebrew,
    /// Chinese characters, whatever the language.
    Han,
    /// Korean syllables.
    Hangul,
    /// Hiragana and Katakana.
    Kana,
    /// Everything else that has letters.
    Other,
}

impl Script {
    /// The script of one character; `None` for what is no letter or digit.
    pub fn of(c: char) -> Option<Script> {
        if !c.is_alphanumeric() && !is_combining_mark(c) {
            return None;
        }
        Some(match c as u32 {
            0..=0x024F | 0x1E00..=0x1EFF | 0x2C60..=0x2C7F | 0xA720..=0xA7FF | 0xFF00..=0xFF5A => {
                Script::Latin
            }
            0x0250..=0x036F => Script::Latin,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Script::Greek,
            0x0400..=0x052F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => Script::Cyrillic,
            0x0590..=0x05FF | 0xFB1D..=0xFB4F => Script::Hebrew,
            0x0600..=0x06FF | 0x0750..=0x077F | 0x08A0..=0x08FF | 0xFB50..=0xFDFF | 0xFE70..=0xFEFF => {
                Script::Arabic
            }
            0x1100..=0x11FF | 0x3130..=0x318F | 0xA960..=0xA97F | 0xAC00..=0xD7FF => Script::Hangul,
            0x3040..=0x30FF | 0x31F0..=0x31FF | 0xFF66..=0xFF9F => Script::Kana,
            0x3005..=0x3007 | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF => {
                Script::Han
            }
            _ => Script::Other,
        })
    }

    /// Writes short vowels seldom or never.
    pub fn abjad(self) -> bool {
        matches!(self, Script::Arabic | Script::Hebrew)
    }

    /// One character is one syllable.
    pub fn syllabic(self) -> bool {
        matches!(self, Script::Han | Script::Hangul)
    }
}

/// A word of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// Folded, in its own script.
    pub text: String,
    /// Script of its first letter.
    pub script: Script,
    /// It was single letters with points between (`L.L.C.`); the points are gone.
    pub dotted: bool,
    /// A comma stood behind it.
    pub comma: bool,
    /// It follows the word before without a blank (hyphen, slash, change of script).
    pub attached: bool,
}

/// Longest word that is kept, in characters. Longer ones are cut: no name has one, hostile text may.
pub const MAX_WORD: usize = 48;
/// Most words of one text.
pub const MAX_WORDS: usize = 48;

/// Splits a text into folded words.
///
/// Everything that is neither letter, digit nor mark separates words, except apostrophes (which
/// disappear: `Qa'ida` is `qaida`) and points between single letters. `&` is the word `and`.
/// At most [`MAX_WORDS`] words of at most [`MAX_WORD`] characters come back; the flag says whether
/// something was cut.
pub fn words(text: &str) -> (Vec<Word>, bool) {
    let mut out = Splitter::default();
    // No text that yields MAX_WORDS words of MAX_WORD characters needs more than this.
    let limit = MAX_WORDS * MAX_WORD * 4;
    if text.is_ascii() {
        let text = text.get(..limit).unwrap_or(text);
        for b in text.bytes() {
            out.push(b.to_ascii_lowercase() as char);
        }
    } else {
        for c in text.nfkc().take(limit) {
            for l in c.to_lowercase() {
                out.push(l);
            }
        }
    }
    out.end(false);
    let cut = out.cut || text.len() > limit;
    (out.words, cut)
}

#[derive(Default)]
struct Splitter {
    words: Vec<Word>,
    current: String,
    /// Characters in `current`.
    length: usize,
    script: Option<Script>,
    /// A point was just read behind a single letter.
    point: bool,
    dotted: bool,
    /// Whether a blank was read since the last word.
    blank: bool,
    cut: bool,
}

impl Splitter {
    fn push(&mut self, c: char) {
        if is_format(c) || is_apostrophe(c) {
            return;
        }
        let Some(script) = Script::of(c) else {
            if c == '.' && self.length > 0 && !self.point && (self.length == 1 || self.dotted) {
                self.point = true;
                return;
            }
            self.end(c == ',' || c == '、' || c == '،');
            self.blank |= c.is_whitespace() || c == ',';
            if c == '&' || c == '＆' {
                self.current.push_str("and");
                self.length = 3;
                self.script = Some(Script::Latin);
                self.end(false);
                self.blank = true;
            }
            return;
        };
        if is_combining_mark(c) && drops_marks(self.script.unwrap_or(script)) {
            return;
        }
        if self.point {
            // `S.C. Johnson` goes on with the initials, `J.Smith` does not: settled by what follows
            // the letter, so a longer word behind a point is cut off again below.
            self.point = false;
            self.dotted = true;
        } else if self.dotted {
            // Two letters without a point between: the last one begins a word of its own.
            let last = self.current.pop();
            self.length = self.length.saturating_sub(1);
            self.dotted = self.length > 1;
            self.end(false);
            if let Some(last) = last {
                self.script = Script::of(last);
                self.current.push(last);
                self.length = 1;
            }
        }
        if let Some(own) = self.script
            && changes(own, script)
        {
            self.end(false);
        }
        if self.script.is_none() {
            self.script = Some(script);
        }
        if self.length >= MAX_WORD {
            self.cut = true;
            return;
        }
        if c.is_ascii() || !drops_marks(script) {
            self.current.push(c);
            self.length += 1;
        } else {
            // й and ё keep their mark: they are letters, and transliteration needs them.
            if matches!(c, 'й' | 'ё' | 'ї' | 'ў') {
                self.current.push(c);
                self.length += 1;
                return;
            }
            let (current, length) = (&mut self.current, &mut self.length);
            decompose_canonical(c, |d| {
                if !is_combining_mark(d) {
                    current.push(arabic_form(d));
                    *length += 1;
                }
            });
        }
    }

    fn end(&mut self, comma: bool) {
        let script = self.script.take();
        let point = std::mem::take(&mut self.point);
        let dotted = std::mem::take(&mut self.dotted) && self.length > 1;
        self.length = 0;
        let Some(script) = script.filter(|_| !self.current.is_empty()) else {
            self.current.clear();
            if comma && let Some(last) = self.words.last_mut() {
                last.comma = true;
            }
            return;
        };
        let _ = point;
        if self.words.len() >= MAX_WORDS {
            self.cut = true;
            self.current.clear();
            return;
        }
        let text = self.current.clone();
        self.current.clear();
        let attached = !self.words.is_empty() && !std::mem::take(&mut self.blank);
        self.blank = false;
        self.words.push(Word { text, script, dotted, comma, attached });
    }
}

/// A word ends where its script changes, except that digits and marks go with anything.
fn changes(from: Script, to: Script) -> bool {
    from != to && !(from == Script::Other || to == Script::Other)
}

fn drops_marks(script: Script) -> bool {
    matches!(script, Script::Latin | Script::Greek | Script::Cyrillic | Script::Arabic | Script::Hebrew)
}

/// Arabic letters that only differ in how different keyboards write them.
fn arabic_form(c: char) -> char {
    match c {
        'ي' | 'ى' | 'ئ' => 'ی',
        'ك' => 'ک',
        'ة' => 'ه',
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ؤ' => 'و',
        'ς' => 'σ',
        other => other,
    }
}

/// Characters without a shape of their own (general category Cf), as far as they occur in names.
pub fn is_format(c: char) -> bool {
    matches!(
        c as u32,
        0x00AD | 0x061C | 0x0640 | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFE00..=0xFE0F | 0xFEFF
            | 0xE0000..=0xE0FFF
    )
}

fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`'
            | '´'
            | '‘'
            | '’'
            | '‛'
            | 'ʻ'
            | 'ʼ'
            | 'ʽ'
            | 'ʾ'
            | 'ʿ'
            | '′'
            | '״'
            | '׳'
            | 'ˈ'
            | '＇'
            | 'ʹ'
            | 'ʺ'
    )
}
