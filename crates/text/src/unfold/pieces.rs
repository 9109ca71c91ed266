//! Room: `text`, `unfold` — strings that were cut up, put together again.
//!
//! What this module never does: follow variables.

/// Longest list of a format operator.
const MAX_PARTS: usize = 256;

/// The text with its cut strings joined; `None` if none was cut.
pub fn joined(text: &str) -> Option<String> {
    let mut out = text.to_owned();
    for step in [formatted, concatenated, unmarked] {
        if let Some(next) = step(&out) {
            out = next;
        }
    }
    (out != text).then_some(out)
}

/// `'a' + 'b'`, `"a"+"b"`, `"a" & "b"` → `'ab'`.
fn concatenated(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut from, mut at, mut changed) = (0, 0, false);
    while at < bytes.len() {
        let quote = bytes[at];
        if !matches!(quote, b'\'' | b'"') {
            at += 1;
            continue;
        }
        let skip = |mut i: usize| {
            while bytes.get(i).is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
                i += 1;
            }
            i
        };
        let sign = skip(at + 1);
        if !bytes.get(sign).is_some_and(|b| matches!(b, b'+' | b'&')) {
            at += 1;
            continue;
        }
        let next = skip(sign + 1);
        if bytes.get(next) == Some(&quote) {
            out.push_str(text.get(from..at).unwrap_or(""));
            (from, at, changed) = (next + 1, next + 1, true);
        } else {
            at += 1;
        }
    }
    out.push_str(text.get(from..).unwrap_or(""));
    changed.then_some(out)
}

/// `"{1}{0}" -f 'b','a'` → `"ab"`.
fn formatted(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (mark, _) in lower.match_indices("-f") {
        if mark < from {
            continue;
        }
        let Some(before) = text.get(from..mark) else { continue };
        let pattern_end = before.trim_end().len();
        let Some(quote) = before.trim_end().chars().last().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        let Some(body) = before.get(..pattern_end - 1) else { continue };
        let Some(open) = body.rfind(quote) else { continue };
        let Some(pattern) = body.get(open + 1..).filter(|p| p.contains("{0}")) else { continue };
        let Some((parts, end)) = parts(text, mark + 2) else { continue };
        let mut made = String::new();
        let mut rest = pattern;
        while let Some((plain, tail)) = rest.split_once('{') {
            made.push_str(plain);
            let Some((n, after)) = tail.split_once('}') else { break };
            match n.trim().parse::<usize>().ok().and_then(|n| parts.get(n)) {
                Some(part) => made.push_str(part),
                None => {
                    made.push('{');
                    made.push_str(n);
                    made.push('}');
                }
            }
            rest = after;
        }
        made.push_str(rest);
        out.push_str(before.get(..open + 1).unwrap_or(""));
        out.push_str(&made);
        out.push(quote);
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or(""));
    (from > 0).then_some(out)
}

/// Quoted strings between commas, and where they end.
fn parts(text: &str, start: usize) -> Option<(Vec<&str>, usize)> {
    let mut out = Vec::new();
    let mut at = start;
    loop {
        let rest = text.get(at..)?;
        let trimmed = rest.trim_start_matches([' ', '\t', '(', '\r', '\n']);
        at += rest.len() - trimmed.len();
        let quote = trimmed.chars().next().filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else { break };
        let close = trimmed.get(1..)?.find(quote)? + 1;
        out.push(trimmed.get(1..close)?);
        at += close + 1;
        let rest = text.get(at..)?;
        let trimmed = rest.trim_start();
        match trimmed.strip_prefix(',') {
            Some(more) if out.len() < MAX_PARTS => at += rest.len() - more.len(),
            _ => break,
        }
    }
    (!out.is_empty()).then_some((out, at))
}

/// Ticks of PowerShell and carets of the command shell inside words: `` I`E`X ``, `p^ow^er^shell`.
fn unmarked(text: &str) -> Option<String> {
    /// Fewer than so many are honest: one caret escapes one sign.
    const LEAST: usize = 3;
    let inside = |mark: u8| {
        let bytes = text.as_bytes();
        let word = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_alphanumeric);
        (0..bytes.len()).filter(|&i| bytes[i] == mark && word(i.checked_sub(1)) && word(Some(i + 1))).count()
    };
    let marks: Vec<char> = [b'`', b'^'].into_iter().filter(|m| inside(*m) >= LEAST).map(char::from).collect();
    (!marks.is_empty()).then(|| text.chars().filter(|c| !marks.contains(c)).collect())
}
