//! Text from evidence, neutralised for the place where it is shown.
//!
//! Evidence is written by the attacker: it may hold terminal escapes, direction
//! marks that reorder what a person reads, HTML, or spreadsheet formulas.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that change what a person sees rather than being seen: C0 and C1
/// controls, bidirectional controls, zero-width and invisible formatting.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
            | '\u{061C}' | '\u{FEFF}' | '\u{180E}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{2028}' | '\u{2029}' | '\u{E0000}'..='\u{E007F}')
}

/// For a terminal or a table: deceptive characters become visible (`\u{1b}`), line breaks `\n`.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_deceptive(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// For HTML text and quoted attributes: markup escaped, deceptive characters visible.
pub fn html(text: &str) -> Cow<'_, str> {
    let shown = terminal(text);
    if !shown.contains(['<', '>', '&', '"', '\'']) {
        return shown;
    }
    let mut out = String::with_capacity(shown.len() + 16);
    for c in shown.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// For a CSV cell that a spreadsheet may open: a leading formula character is kept
/// from being one by an apostrophe in front (OWASP, "CSV Injection").
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let shown = terminal(text);
    match shown.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@') => Cow::Owned(format!("'{shown}")),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutralised() {
        assert_eq!(terminal("a\u{1b}[31mb"), r"a\u{1b}[31mb");
        assert_eq!(terminal("exe.\u{202e}fdp"), r"exe.\u{202e}fdp");
        assert_eq!(html("<script>alert('1')</script>"), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
        assert_eq!(csv_cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(csv_cell(" @SUM(A1)"), "' @SUM(A1)");
        assert!(matches!(terminal("plain ✓ ünïcode"), Cow::Borrowed(_)));
    }
}
