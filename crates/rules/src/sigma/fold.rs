//! Case folding: the one definition of "the same but for case".
//!
//! Sigma compares without regard to case. Rule values are folded once when a rule is compiled and
//! event values once per field, so both sides must use exactly this function. It lower-cases
//! char by char, which makes the result independent of where a piece was cut (the context rule of
//! a final Greek sigma is left out for that reason). The length in bytes *and in chars* may change:
//! `İ` becomes two chars.

use std::borrow::Cow;

/// Folds `text`, borrowing it when nothing changes.
///
/// ```
/// use palisade_rules::sigma::fold::fold;
/// assert_eq!(fold("C:\\Windows"), "c:\\windows");
/// assert_eq!(fold("ÄÖ"), "äö");
/// ```
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    Cow::Owned(out)
}

/// Appends the folded form of `text` to `out`. Does not clear `out` first.
pub fn fold_into(text: &str, out: &mut String) {
    out.reserve(text.len());
    let mut rest = text;
    loop {
        let run = ascii_run(rest.as_bytes());
        let (ascii, tail) = rest.split_at(run);
        let start = out.len();
        out.push_str(ascii);
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        let mut chars = tail.chars();
        let Some(other) = chars.next() else { return };
        out.extend(other.to_lowercase());
        rest = chars.as_str();
    }
}

/// Length of the ASCII text at the start. Whole blocks first: they are checked many bytes at a time.
fn ascii_run(bytes: &[u8]) -> usize {
    const BLOCK: usize = 64;
    let blocks = bytes.chunks_exact(BLOCK).take_while(|block| block.is_ascii()).count() * BLOCK;
    let tail = bytes.get(blocks..).unwrap_or_default();
    blocks + tail.iter().position(|byte| !byte.is_ascii()).unwrap_or(tail.len())
}
