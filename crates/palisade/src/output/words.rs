//! Findings, numbers and times in words.

use palisade_model::Finding;

/// What a finding says, in one sentence: rule, machine, telling fields. Not neutralised.
pub fn sentence(finding: &Finding, out: &mut String) {
    out.clear();
    out.push_str(&finding.rule.title);
    if let Some(host) = &finding.host {
        out.push_str(" on ");
        out.push_str(host);
    }
    for (i, (name, value)) in finding.message.args.iter().enumerate() {
        out.push_str(if i == 0 { ": " } else { "; " });
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 event`, `2,000 events`.
pub fn plural(n: u64, one: &str) -> String {
    let (stem, many) = match one.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => (stem, "ies"),
        _ if one.ends_with("ss") => (one, "es"),
        _ => (one, "s"),
    };
    if n == 1 { format!("1 {one}") } else { format!("{} {stem}{many}", count(n)) }
}

/// `1.2 GB`: powers of 1,000, as disks are sold.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if value < 1_000.0 {
            let decimals = usize::from(unit != "bytes" && value < 10.0);
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

/// The text, or its beginning and an ellipsis; counted in characters.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(max.saturating_sub(1)).map_or(0, |(i, _)| i);
            format!("{}…", text.get(..end).unwrap_or(""))
        }
    }
}

/// The text from both ends, the middle left out: paths tell most at their ends.
pub fn cut_middle(text: &str, max: usize) -> String {
    let n = text.chars().count();
    if n <= max {
        return text.to_owned();
    }
    let tail = max.saturating_sub(1) * 2 / 3;
    let head = max.saturating_sub(1) - tail;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(n - tail).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(plural(1, "event"), "1 event");
        assert_eq!(plural(2_000, "category"), "2,000 categories");
        assert_eq!(plural(2, "day"), "2 days");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_234), "1.2 kB");
        assert_eq!(cut("ünïcode", 3), "ün…");
        assert_eq!(cut_middle("/var/log/messages", 8), "/va…ages");
    }
}
