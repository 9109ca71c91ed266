//! From the regular expressions that rule authors write to those that run in linear time.
//!
//! Rules are written for PCRE. The `regex` crate has the same core, differs in a few spellings and
//! leaves out on purpose what needs backtracking. This module rewrites spellings where the meaning
//! stays the same and refuses by name what cannot be had. Anything it does not know it leaves alone
//! for the compiler to judge.

use std::ops::Range;

/// Why an expression cannot be had, and the bytes of it that are to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Byte range in the pattern.
    pub range: Range<usize>,
    /// "look-ahead", "backreferences", …
    pub what: &'static str,
}

/// Rewrites `pattern` into the syntax of the `regex` crate.
pub fn rewrite(pattern: &str) -> Result<String, Refusal> {
    let mut rewriter = Rewriter { pattern, at: 0, out: String::with_capacity(pattern.len()) };
    rewriter.run()?;
    Ok(rewriter.out)
}

struct Rewriter<'a> {
    pattern: &'a str,
    at: usize,
    out: String,
}

impl<'a> Rewriter<'a> {
    fn rest(&self) -> &'a str {
        self.pattern.get(self.at..).unwrap_or("")
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn copy(&mut self, bytes: usize) {
        self.out.push_str(self.rest().get(..bytes).unwrap_or(""));
        self.at += bytes;
    }

    fn refuse<T>(&self, start: usize, what: &'static str) -> Result<T, Refusal> {
        Err(Refusal { range: start..self.at.max(start), what })
    }

    fn run(&mut self) -> Result<(), Refusal> {
        // Whether the last thing was a quantifier: only there does a `+` mean "possessive".
        let mut quantified = false;
        loop {
            let start = self.at;
            let Some(c) = self.bump() else { return Ok(()) };
            let was_quantified = std::mem::take(&mut quantified);
            match c {
                '\\' => self.escape(start, false)?,
                '[' => self.class()?,
                '(' => self.group(start)?,
                '+' if was_quantified => return self.refuse(start, "possessive quantifiers"),
                '?' if was_quantified => self.out.push('?'),
                '*' | '+' | '?' => {
                    self.out.push(c);
                    quantified = true;
                }
                '{' => match counted(self.rest()) {
                    Some(length) => {
                        self.out.push('{');
                        self.copy(length);
                        quantified = true;
                    }
                    // To PCRE a brace that starts no quantifier is a brace.
                    None => self.out.push_str("\\{"),
                },
                other => self.out.push(other),
            }
        }
    }

    fn group(&mut self, start: usize) -> Result<(), Refusal> {
        self.out.push('(');
        let rest = self.rest();
        let known = [
            ("?=", "look-ahead"),
            ("?!", "look-ahead"),
            ("?<=", "look-behind"),
            ("?<!", "look-behind"),
            ("?>", "atomic groups"),
            ("?|", "branch reset groups"),
            ("?(", "conditional groups"),
            ("?R", "recursion"),
            ("?&", "recursion"),
            ("?P>", "recursion"),
            ("?P=", "backreferences"),
            ("?#", "comment groups"),
            ("*", "backtracking verbs"),
        ];
        for (prefix, what) in known {
            if rest.starts_with(prefix) {
                self.at += prefix.len();
                return self.refuse(start, what);
            }
        }
        // The `?` of `(?i)`, `(?:` or `(?<name>` is no quantifier.
        if rest.starts_with('?') {
            self.copy(1);
        }
        Ok(())
    }

    fn escape(&mut self, start: usize, in_class: bool) -> Result<(), Refusal> {
        let Some(c) = self.bump() else {
            // The compiler says what is wrong with a lone backslash.
            self.out.push('\\');
            return Ok(());
        };
        match c {
            // These are word boundaries in the `regex` crate, plain chars in PCRE.
            '<' | '>' => self.out.push(c),
            'e' => self.out.push_str("\\x1B"),
            'h' if in_class => self.out.push_str("\\t\\p{Zs}"),
            'h' => self.out.push_str("[\\t\\p{Zs}]"),
            'H' if !in_class => self.out.push_str("[^\\t\\p{Zs}]"),
            'R' if !in_class => {
                self.out.push_str("(?:\\r\\n|[\\n\\x0B\\x0C\\r\\x{85}\\x{2028}\\x{2029}])");
            }
            'Z' if !in_class => self.out.push_str("(?:\\n?\\z)"),
            'b' if in_class => self.out.push_str("\\x08"),
            '0' if !self.rest().starts_with(|next: char| next.is_ascii_digit()) => {
                self.out.push_str("\\x00");
            }
            '0' => return self.refuse(start, "octal escapes"),
            '1'..='9' if in_class => return self.refuse(start, "octal escapes"),
            '1'..='9' | 'k' | 'g' => return self.refuse(start, "backreferences"),
            'K' | 'G' | 'X' | 'C' | 'Q' | 'E' | 'c' | 'N' => {
                return self.refuse(start, "an escape of PCRE only");
            }
            'p' | 'P' | 'x' | 'u' | 'U' => {
                self.out.push('\\');
                self.out.push(c);
                if self.rest().starts_with('{') {
                    let length = self.rest().find('}').map_or(1, |end| end + 1);
                    self.copy(length);
                }
            }
            other if other.is_ascii() => {
                self.out.push('\\');
                self.out.push(other);
            }
            other => self.out.push(other),
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), Refusal> {
        self.out.push('[');
        if self.rest().starts_with('^') {
            self.copy(1);
        }
        let mut first = true;
        loop {
            let start = self.at;
            // The compiler says what is wrong with a class that is not closed.
            let Some(c) = self.bump() else { return Ok(()) };
            match c {
                ']' if first => self.out.push_str("\\]"),
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(start, true)?,
                '[' => match posix(self.rest()) {
                    Some(length) => {
                        self.out.push('[');
                        self.copy(length);
                    }
                    None => self.out.push_str("\\["),
                },
                // Set operators of the `regex` crate when doubled; plain chars in PCRE.
                '&' | '~' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                '-' if first => self.out.push_str("\\-"),
                '-' if self.rest().starts_with('-') => {
                    self.at += 1;
                    self.out.push_str("-\\-");
                }
                other => self.out.push(other),
            }
            first = false;
        }
    }
}

/// Length of the rest of a counted quantifier (`3}`, `3,}`, `3,5}`) at the start of `rest`.
fn counted(rest: &str) -> Option<usize> {
    let end = rest.find('}')?;
    let inner = rest.get(..end)?;
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!low.is_empty() && digits(low) && digits(high)).then_some(end + 1)
}

/// Length of the rest of a POSIX class (`:alpha:]`) at the start of `rest`.
fn posix(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix(':')?;
    let end = inner.find(":]")?;
    let name = inner.get(..end)?;
    let letters = name.strip_prefix('^').unwrap_or(name);
    (!letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(end + 3)
}
