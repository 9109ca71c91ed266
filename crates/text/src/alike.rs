//! How far two words are apart: edit distances with a bound, Jaro–Winkler, and a distance that knows sounds.
//!
//! All are plain dynamic programming over at most [`MAX`] symbols on the stack; longer words are cut.
//! What this module never does: allocate, or judge what a distance means.

/// Longest word that is compared, in symbols. Longer words are compared by their beginnings.
pub const MAX: usize = 64;

/// Optimal string alignment distance (insert, delete, replace, swap neighbours), or `None` if it is above `bound`.
pub fn edits<T: Copy + Eq>(a: &[T], b: &[T], bound: usize) -> Option<usize> {
    let (a, b) = trim(cut(a), cut(b));
    if a.len().abs_diff(b.len()) > bound {
        return None;
    }
    if a.is_empty() || b.is_empty() {
        return Some(a.len().max(b.len()));
    }
    let mut rows = [[0u8; MAX + 1]; 3];
    for (j, cell) in rows[0].iter_mut().enumerate().take(b.len() + 1) {
        *cell = j as u8;
    }
    let (mut before, mut last, mut now) = (2usize, 0usize, 1usize);
    for i in 1..=a.len() {
        rows[now][0] = i as u8;
        let mut least = i as u8;
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let mut cost =
                (rows[last][j - 1] + u8::from(!same)).min(rows[last][j] + 1).min(rows[now][j - 1] + 1);
            if !same && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(rows[before][j - 2] + 1);
            }
            rows[now][j] = cost;
            least = least.min(cost);
        }
        if usize::from(least) > bound {
            return None;
        }
        (before, last, now) = (last, now, before);
    }
    Some(usize::from(rows[last][b.len()])).filter(|d| *d <= bound)
}

/// Jaro–Winkler similarity, 0 to 1 (Winkler 1990: prefix of at most four, scale 0.1).
pub fn jaro_winkler<T: Copy + Eq>(a: &[T], b: &[T]) -> f32 {
    let (a, b) = (cut(a), cut(b));
    if a.is_empty() || b.is_empty() {
        return if a.len() == b.len() { 1.0 } else { 0.0 };
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = [false; MAX];
    let mut of_a = [false; MAX];
    let mut common = 0usize;
    for (i, x) in a.iter().enumerate() {
        let from = i.saturating_sub(window);
        let to = (i + window + 1).min(b.len());
        for j in from..to {
            if !taken[j] && b[j] == *x {
                taken[j] = true;
                of_a[i] = true;
                common += 1;
                break;
            }
        }
    }
    if common == 0 {
        return 0.0;
    }
    let mut j = 0;
    let mut moved = 0usize;
    for (i, x) in a.iter().enumerate() {
        if !of_a[i] {
            continue;
        }
        while !taken[j] {
            j += 1;
        }
        moved += usize::from(b[j] != *x);
        j += 1;
    }
    let m = common as f32;
    let jaro = (m / a.len() as f32 + m / b.len() as f32 + (m - moved as f32 / 2.0) / m) / 3.0;
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count() as f32;
    jaro + prefix * 0.1 * (1.0 - jaro)
}

/// What a vowel more or less costs in [`sound`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sounds {
    /// Inserting or leaving out a vowel. 0.6 between words whose writers write vowels; 0.15 if one of them does not.
    pub vowel: f32,
}

impl Sounds {
    /// Both words write their vowels.
    pub const WRITTEN: Sounds = Sounds { vowel: 0.6 };
    /// One of them is written without (Arabic, Hebrew).
    pub const LEFT_OUT: Sounds = Sounds { vowel: 0.15 };
}

/// A distance between two words in Latin letters `a`–`z` that knows which letters sound alike.
///
/// Vowels replace each other for 0.5, related consonants (`b`/`p`, `d`/`t`, `g`/`k`, …) for 0.6, a
/// doubled letter costs 0.25, an `h` 0.4, neighbours swapped 0.9, everything else 1. The numbers are
/// ours: they order changes by how often one name is spelled both ways, and weights learned above
/// this function set what a distance is worth.
pub fn sound(a: &[u8], b: &[u8], sounds: Sounds, bound: f32) -> Option<f32> {
    let (a, b) = trim_left(cut(a), cut(b));
    let mut rows = [[0f32; MAX + 1]; 3];
    for j in 1..=b.len() {
        rows[0][j] = rows[0][j - 1] + single(b, j - 1, sounds);
    }
    let (mut before, mut last, mut now) = (2usize, 0usize, 1usize);
    for i in 1..=a.len() {
        let gone = single(a, i - 1, sounds);
        rows[now][0] = rows[last][0] + gone;
        let mut least = rows[now][0];
        for j in 1..=b.len() {
            let (x, y) = (a[i - 1], b[j - 1]);
            let mut cost = rows[last][j - 1] + replace(x, y);
            cost = cost.min(rows[last][j] + gone).min(rows[now][j - 1] + single(b, j - 1, sounds));
            if i > 1 && j > 1 && x != y && x == b[j - 2] && a[i - 2] == y {
                cost = cost.min(rows[before][j - 2] + 0.9);
            }
            rows[now][j] = cost;
            least = least.min(cost);
        }
        if least > bound {
            return None;
        }
        (before, last, now) = (last, now, before);
    }
    Some(rows[last][b.len()]).filter(|d| *d <= bound)
}

/// Cost of one letter that the other word lacks.
fn single(word: &[u8], at: usize, sounds: Sounds) -> f32 {
    let c = word[at];
    if at > 0 && word[at - 1] == c {
        0.25
    } else if is_vowel(c) {
        sounds.vowel
    } else if c == b'h' {
        0.4
    } else if c == b'w' || c == b'j' {
        0.8
    } else {
        1.0
    }
}

/// `a e i o u y`.
pub fn is_vowel(c: u8) -> bool {
    matches!(c, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

fn replace(x: u8, y: u8) -> f32 {
    if x == y {
        return 0.0;
    }
    let (x, y) = if x < y { (x, y) } else { (y, x) };
    if is_vowel(x) && is_vowel(y) {
        return if (x, y) == (b'i', b'y') { 0.1 } else { 0.5 };
    }
    match (x, y) {
        (b'b', b'p') | (b'd', b't') | (b'g', b'k') | (b's', b'z') | (b'f', b'v') => 0.6,
        (b'v', b'w') | (b'c', b'k') | (b'k', b'q') | (b'c', b's') => 0.3,
        (b'g', b'j') | (b'j', b'z') | (b'j', b'y') | (b'i', b'j') | (b'u', b'w') | (b'o', b'w') => 0.5,
        (b'b', b'v') | (b'g', b'h') | (b'h', b'k') | (b'm', b'n') | (b'c', b't') => 0.8,
        _ => 1.0,
    }
}

fn cut<T>(a: &[T]) -> &[T] {
    &a[..a.len().min(MAX)]
}

fn trim_left<'a, T: Eq>(a: &'a [T], b: &'a [T]) -> (&'a [T], &'a [T]) {
    // One common letter stays, so that a doubled letter behind it is seen as doubled.
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count().saturating_sub(1);
    (&a[same..], &b[same..])
}

fn trim<'a, T: Eq>(a: &'a [T], b: &'a [T]) -> (&'a [T], &'a [T]) {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    (&a[..a.len() - same], &b[..b.len() - same])
}
