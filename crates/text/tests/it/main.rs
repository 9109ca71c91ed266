//! Tests of the text room: one check per algorithm, many cases.
#![allow(clippy::unwrap_used)]

mod unfold;

use palisade_text::alike::{Sounds, edits, jaro_winkler, sound};
use palisade_text::fold::{Script, words};
use palisade_text::korean;
use palisade_text::translit::{korean_reading, latin, skeleton, sound_key};

fn folded(text: &str) -> String {
    words(text).0.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join("|")
}

#[test]
fn words_are_folded() {
    for (text, expected) in [
        ("Al-Qa'ida / Islamic Army", "al|qaida|islamic|army"),
        ("S.C. Johnson & Son, Inc.", "sc|johnson|and|son|inc"),
        ("G.m.b.H.", "gmbh"),
        ("V. Putin", "v|putin"),
        ("Ｆｕｌｌ ﬁ", "full|fi"),
        ("zero\u{200b}width\u{202e}", "zerowidth"),
        ("Erdoğan Vučić", "erdogan|vucic"),
        ("ООО\"БАЗО\"", "ооо|базо"),
        ("مُحَمَّد", "محمد"),
        ("", ""),
        ("...", ""),
    ] {
        assert_eq!(folded(text), expected, "{text}");
    }
    assert!(words(&"x".repeat(10_000_000)).1);
    assert!(words(&"x ".repeat(1_000)).1);
}

#[test]
fn scripts_become_latin() {
    for (text, script, expected) in [
        ("щукин", Script::Cyrillic, "shchukin"),
        ("зеленський", Script::Cyrillic, "zelenskyy"),
        ("путин", Script::Cyrillic, "putin"),
        ("μητσοτακησ", Script::Greek, "mitsotakis"),
        ("김정은", Script::Hangul, "gimjeongeun"),
        ("习近平", Script::Han, "xijinping"),
        ("বাংলা", Script::Other, "bangla"),
    ] {
        let got = latin(text, script);
        let near = edits(got.as_bytes(), expected.as_bytes(), 2).is_some();
        assert!(near, "{text}: {got}, expected {expected}");
    }
    for (a, b) in [
        ("khalid", "halid"),
        ("yuri", "yuri"),
        ("wladimir", "vladimir"),
        ("mohammed", "mohamed"),
        ("smirnoff", "smirnov"),
        ("sergejs", "sergey"),
    ] {
        assert_eq!(sound_key(a), sound_key(b), "{a} {b}");
    }
    assert_eq!(skeleton(&sound_key("muhammad")), skeleton(&sound_key("mohamed")));
    assert_eq!(korean_reading('金'), Some("kim"));
}

#[test]
fn korean_syllables() {
    let agree = |a: &str, b: &str| {
        let (a, b) = (korean::parse(a), korean::parse(b));
        let (Some(a), Some(b)) = (a, b) else { return false };
        a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| x.0.agrees(y.0))
    };
    for (a, b) in [
        ("jeong", "chong"),
        ("jong", "jung"),
        ("lee", "yi"),
        ("ri", "lee"),
        ("jongun", "chongun"),
        ("hyok", "hyeok"),
        ("pyongyang", "pyeongyang"),
    ] {
        assert!(agree(a, b), "{a} {b}");
    }
    for (a, b) in [("chol", "chun"), ("nam", "man"), ("jong", "song"), ("il", "ik"), ("strand", "strand")] {
        assert!(!agree(a, b), "{a} {b}");
    }
    let jamo = korean::decompose('한').unwrap();
    assert!(jamo.syllable().agrees(korean::parse("han").unwrap()[0].0));
    assert_eq!(korean::decompose('x'), None);
}

/// The textbook definition, all cells.
fn slow(a: &[u8], b: &[u8]) -> usize {
    let mut d = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut least = (d[i - 1][j - 1] + same).min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(d[i - 2][j - 2] + 1);
                }
                least
            }
        }
    }
    d[a.len()][b.len()]
}

#[test]
fn edits_are_those_of_the_definition() {
    let mut state = 42u64;
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % n
    };
    for _ in 0..100_000 {
        let word = |next: &mut dyn FnMut(u64) -> u64| {
            (0..next(9)).map(|_| b'a' + next(3) as u8).collect::<Vec<u8>>()
        };
        let (a, b) = (word(&mut next), word(&mut next));
        let expected = slow(&a, &b);
        for bound in 0..8 {
            assert_eq!(edits(&a, &b, bound), Some(expected).filter(|d| *d <= bound), "{a:?} {b:?} {bound}");
        }
        let jaro = jaro_winkler(&a, &b);
        assert!((0.0..=1.0).contains(&jaro) && (jaro_winkler(&b, &a) - jaro).abs() < 0.2);
        let distance = sound(&a, &b, Sounds::WRITTEN, 99.0).unwrap();
        assert!(
            distance <= expected as f32 + 1e-4 && (distance == 0.0) == (a == b),
            "{a:?} {b:?}: {distance}"
        );
    }
}
