//! Literals that a regular expression needs: if none of them is in a value, it cannot match.
//!
//! Literals are folded, because the scan that looks for them sees folded values; folding
//! is character-wise, so a value that contains a literal contains its folded form when folded.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::sigma::fold::fold_into;
use crate::sigma::ir::RegexTest;

/// Shorter literals are found nearly everywhere and would trigger for nothing.
const MIN_BYTES: usize = 3;

/// More alternatives than this are not worth a place each in the scan.
const MAX_ALTERNATIVES: usize = 64;

/// A set of literals of which every match contains at least one; `None` if there is no such set.
pub(super) fn required(test: &RegexTest) -> Option<Vec<String>> {
    let hir = regex_syntax::ParserBuilder::new()
        .case_insensitive(test.case_insensitive)
        .multi_line(test.multi_line)
        .dot_matches_new_line(test.dot_all)
        .nest_limit(crate::sigma::ir::REGEX_NEST_MAX)
        .build()
        .parse(&test.pattern)
        .ok()?;
    let set = of(&hir)?;
    set.iter().all(|l| l.len() >= MIN_BYTES).then_some(set)
}

fn of(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Concat(parts) => {
            let mut best: Option<Vec<String>> = None;
            let mut run = String::new();
            let mut offer = |candidate: Option<Vec<String>>| {
                if score(&candidate) > score(&best) {
                    best = candidate;
                }
            };
            for part in parts {
                if !exact(part, &mut run) {
                    offer((!run.is_empty()).then(|| vec![std::mem::take(&mut run)]));
                    run.clear();
                    offer(of(part));
                }
            }
            offer((!run.is_empty()).then(|| vec![run]));
            best
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(of(part)?);
                if all.len() > MAX_ALTERNATIVES {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Repetition(r) if r.min >= 1 => of(&r.sub),
        HirKind::Capture(c) => of(&c.sub),
        _ => {
            let mut run = String::new();
            (exact(hir, &mut run) && !run.is_empty()).then(|| vec![run])
        }
    }
}

/// A set is as good as its shortest literal.
fn score(set: &Option<Vec<String>>) -> usize {
    set.as_ref().and_then(|s| s.iter().map(String::len).min()).unwrap_or(0)
}

/// Appends the one folded text that `hir` stands for, or leaves `run` as it is and says no.
fn exact(hir: &Hir, run: &mut String) -> bool {
    match hir.kind() {
        HirKind::Literal(l) => match std::str::from_utf8(&l.0) {
            Ok(text) => {
                fold_into(text, run);
                true
            }
            Err(_) => false,
        },
        // `[Mm]`, which is what `m` becomes under the i flag: one character once folded.
        HirKind::Class(Class::Unicode(class)) => {
            const MAX_CASES: usize = 4;
            let mut one: Option<String> = None;
            let mut count = 0;
            for range in class.iter() {
                for c in range.start()..=range.end() {
                    count += 1;
                    let mut folded = String::new();
                    fold_into(c.encode_utf8(&mut [0; 4]), &mut folded);
                    if count > MAX_CASES || one.as_ref().is_some_and(|o| *o != folded) {
                        return false;
                    }
                    one = Some(folded);
                }
            }
            one.is_some_and(|text| {
                run.push_str(&text);
                true
            })
        }
        HirKind::Capture(c) => exact(&c.sub, run),
        HirKind::Concat(parts) => {
            let before = run.len();
            let all = parts.iter().all(|p| exact(p, run));
            if !all {
                run.truncate(before);
            }
            all
        }
        HirKind::Look(_) | HirKind::Empty => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::required;
    use crate::sigma::ir::RegexTest;

    #[test]
    fn required_literals() {
        for (pattern, insensitive, want) in [
            (r"net\s+user", false, Some(vec!["user"])),
            (r"(?i)Mimikatz", false, Some(vec!["mimikatz"])),
            ("Mimikatz", true, Some(vec!["mimikatz"])),
            (r"(foo|barbar)+x?", false, Some(vec!["foo", "barbar"])),
            (r"(foo|b.)", false, None),
            (r"\d{3}", false, None),
            (r"^Invoke-\w+$", false, Some(vec!["invoke-"])),
            (r"a(bc)d", false, Some(vec!["abcd"])),
            (r"(abc)?", false, None),
        ] {
            let test = RegexTest {
                pattern: pattern.into(),
                case_insensitive: insensitive,
                multi_line: false,
                dot_all: false,
            };
            let want = want.map(|w: Vec<&str>| w.into_iter().map(String::from).collect::<Vec<_>>());
            assert_eq!(required(&test), want, "{pattern}");
        }
    }
}
