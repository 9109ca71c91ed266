//! Detection items: a field, its modifiers and its values become atoms.

use std::net::IpAddr;

use super::condition::{all, any};
use super::decimal::Decimal;
use super::encode::{self, WINDASH_DASHES_MAX};
use super::fault::{Fault, within};
use super::ir::{Atom, Cidr, Expr, RegexTest, Span, Target, Test, TextKind, TimePart};
use super::modifier::{Chain, Plan, Rewrite};
use super::text::{self, Part};
use super::yaml::{Key, Kind, Node, Scalar, ScalarKind};
use super::{Options, pcre};

/// Bytes one value may have.
pub const VALUE_BYTES_MAX: usize = 32 << 10;

/// Bytes that all values of one rule may have, variants (dashes, placeholders) included.
pub const RULE_VALUE_BYTES_MAX: usize = 16 << 20;

/// Modifiers of one field. The longest chain that means something has half as many.
pub const MODIFIERS_MAX: usize = 16;

/// Atoms of one rule, variants included.
pub const RULE_ATOMS_MAX: usize = 100_000;

/// Regular expressions of one rule: each may cost tens of milliseconds to check.
pub const RULE_REGEXES_MAX: usize = 100;

/// What reading one rule needs and has used up.
pub struct Build<'a> {
    /// The whole text, for narrowing spans.
    pub text: &'a str,
    /// The caller's options.
    pub options: &'a Options,
    /// What the reader should know although it is no fault.
    pub notices: Vec<Fault>,
    atoms: usize,
    bytes: usize,
    regexes: usize,
}

impl<'a> Build<'a> {
    /// Starts a rule.
    pub fn new(text: &'a str, options: &'a Options) -> Self {
        Self { text, options, notices: Vec::new(), atoms: 0, bytes: 0, regexes: 0 }
    }

    fn atom(&mut self, target: &Target, test: Test, span: Span) -> Result<Expr, Fault> {
        self.atoms += 1;
        if self.atoms > RULE_ATOMS_MAX {
            return Err(Fault::new(span, format!("the rule has more than {RULE_ATOMS_MAX} atoms")));
        }
        if *target == Target::Keyword && matches!(test, Test::Empty | Test::Any) {
            return Err(Fault::new(span, "an empty keyword would match every event"));
        }
        Ok(Expr::Atom(Atom { target: target.clone(), test }))
    }

    fn charge(&mut self, bytes: usize, span: Span) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > RULE_VALUE_BYTES_MAX {
            let message = format!("the values of the rule expand to more than {RULE_VALUE_BYTES_MAX} bytes");
            return Err(Fault::new(span, message));
        }
        Ok(())
    }
}

/// Reads one entry of a detection map. `key` is `Field|modifier|…` or, without a field, keywords.
pub fn item(key: &Key, value: &Node, build: &mut Build<'_>) -> Result<Expr, Fault> {
    if key.text.split('|').nth(MODIFIERS_MAX + 1).is_some() {
        return Err(Fault::new(key.span, format!("more than {MODIFIERS_MAX} modifiers")));
    }
    let mut offset = 0;
    let mut names = Vec::new();
    for name in key.text.split('|') {
        let range = offset..offset + name.len();
        names.push((name, within(build.text, key.span, &key.text, range)));
        offset += name.len() + 1;
    }
    let mut names = names.into_iter();
    let field = names.next().map_or("", |(name, _)| name);
    let chain = Chain::parse(names)?;
    let target = if field.is_empty() { Target::Keyword } else { Target::Field(field.to_owned()) };
    if target == Target::Keyword {
        if key.text.is_empty() {
            return Err(Fault::new(key.span, "an entry with neither a field nor modifiers")
                .help("keywords are a list of plain values"));
        }
        if !matches!(chain.plan, Plan::Text | Plan::Regex { .. }) {
            let message = format!("keywords are text; {} needs a field", chain.plan.describe());
            return Err(Fault::new(key.span, message));
        }
    }
    let values: Vec<(&Scalar, Span)> = match &value.kind {
        Kind::Scalar(scalar) => vec![(scalar, value.span)],
        Kind::List(items) => items.iter().map(scalar_of).collect::<Result<_, _>>()?,
        Kind::Map(_) => {
            return Err(Fault::new(value.span, "the value of a field cannot be a map")
                .help("write a nested field with a dot: `outer.inner: value`"));
        }
    };
    values_of(&target, &chain, &values, value.span, key.span, build)
}

/// Reads a keyword that stands in a list by itself.
pub fn keyword(scalar: &Scalar, span: Span, build: &mut Build<'_>) -> Result<Expr, Fault> {
    let chain = Chain::parse(std::iter::empty())?;
    values_of(&Target::Keyword, &chain, &[(scalar, span)], span, span, build)
}

fn scalar_of(node: &Node) -> Result<(&Scalar, Span), Fault> {
    match &node.kind {
        Kind::Scalar(scalar) => Ok((scalar, node.span)),
        _ => Err(Fault::new(node.span, format!("a value of a list cannot be {}", node.describe()))),
    }
}

fn values_of(
    target: &Target,
    chain: &Chain,
    values: &[(&Scalar, Span)],
    span: Span,
    key: Span,
    build: &mut Build<'_>,
) -> Result<Expr, Fault> {
    if values.is_empty() {
        return Err(Fault::new(span, "an empty list of values could never match"));
    }
    if chain.all && values.len() == 1 {
        return Err(Fault::new(key, "`all` needs more than one value").help("leave `all` out"));
    }
    if chain.plan == Plan::Exists && values.len() != 1 {
        return Err(Fault::new(span, "`exists` takes one value, true or false"));
    }
    let is_null = |(scalar, _): &&(&Scalar, Span)| scalar.kind == ScalarKind::Null;
    let is_empty = |(scalar, _): &&(&Scalar, Span)| scalar.kind == ScalarKind::Text && scalar.text.is_empty();
    if values.iter().any(|v| is_null(&v)) && values.iter().any(|v| is_empty(&v)) {
        build.notices.push(
            Fault::new(span, "null and '' in one list: they are different types (absent; present and empty)")
                .help("use two identifiers joined by `or`"),
        );
    }
    let mut alternatives = Vec::with_capacity(values.len());
    for (scalar, span) in values {
        if scalar.text.len() > VALUE_BYTES_MAX {
            let message = format!("the value has {} bytes, more than {VALUE_BYTES_MAX}", scalar.text.len());
            return Err(Fault::new(*span, message));
        }
        build.charge(scalar.text.len(), *span)?;
        match value(target, chain, scalar, *span, build)? {
            // Variants of a value are alternatives; among alternatives they need no level of their own.
            Expr::Or(variants) if !chain.all => alternatives.extend(variants),
            expr => alternatives.push(expr),
        }
    }
    let expr = if chain.all { all(alternatives) } else { any(alternatives) };
    Ok(if chain.neq { Expr::Not(Box::new(expr)) } else { expr })
}

fn value(
    target: &Target,
    chain: &Chain,
    scalar: &Scalar,
    span: Span,
    build: &mut Build<'_>,
) -> Result<Expr, Fault> {
    let wrong = |expected: &str| {
        let message = format!("`{}` where {expected} is expected", shorten(&scalar.text));
        Err(Fault::new(span, message))
    };
    match chain.plan {
        Plan::Text => text_value(target, chain, scalar, span, build),
        Plan::Regex { i, m, s, position } => {
            if matches!(scalar.kind, ScalarKind::Null | ScalarKind::Bool(_)) {
                return wrong("a regular expression");
            }
            let test = regex(&scalar.text, (i, m, s), position, span, build)?;
            build.atom(target, Test::Regex(test), span)
        }
        Plan::Cidr => {
            let texts =
                if chain.expand { expand(&scalar.text, span, build)? } else { vec![scalar.text.clone()] };
            let mut networks = Vec::new();
            for text in texts {
                let Some(network) = cidr(&text) else {
                    return Err(Fault::new(span, format!("`{}` is not a network", shorten(&text)))
                        .help("write an address and a prefix length: 10.0.0.0/8 or fe80::/10"));
                };
                networks.push(build.atom(target, Test::Cidr(network), span)?);
            }
            Ok(any(networks))
        }
        Plan::Number(op) => match Decimal::parse(&scalar.text) {
            Some(value) if !matches!(scalar.kind, ScalarKind::Null | ScalarKind::Bool(_)) => {
                build.atom(target, Test::Number { op, value }, span)
            }
            _ => wrong("a number"),
        },
        Plan::Time(part, op) => {
            let (low, high) = time_range(part);
            match scalar.text.parse::<i64>() {
                Ok(value) if (low..=high).contains(&value) => {
                    build.atom(target, Test::TimePart { part, op, value }, span)
                }
                _ => wrong(&format!("a number from {low} to {high}")),
            }
        }
        Plan::FieldRef(kind) => {
            if scalar.kind != ScalarKind::Text || scalar.text.is_empty() {
                return wrong("the name of a field");
            }
            build.atom(target, Test::FieldRef { other: scalar.text.clone(), kind, cased: chain.cased }, span)
        }
        Plan::Exists => match scalar.kind {
            ScalarKind::Bool(true) => build.atom(target, Test::Exists, span),
            ScalarKind::Bool(false) => Ok(Expr::Not(Box::new(build.atom(target, Test::Exists, span)?))),
            _ => wrong("true or false (not quoted)"),
        },
    }
}

/// The values that a part of a time can have; a rule that compares with others is a mistake.
fn time_range(part: TimePart) -> (i64, i64) {
    match part {
        TimePart::Minute => (0, 59),
        TimePart::Hour => (0, 23),
        TimePart::Day => (1, 31),
        TimePart::Week => (1, 53),
        TimePart::Month => (1, 12),
        TimePart::Year => (0, 9999),
    }
}

fn text_value(
    target: &Target,
    chain: &Chain,
    scalar: &Scalar,
    span: Span,
    build: &mut Build<'_>,
) -> Result<Expr, Fault> {
    if scalar.kind == ScalarKind::Null {
        if *target == Target::Keyword {
            return Err(Fault::new(span, "a keyword cannot be null"));
        }
        if !chain.rewrites.is_empty() || chain.expand || chain.cased {
            return Err(Fault::new(span, "null with a modifier that needs text")
                .help("to test for absence write the field without modifiers, or `exists: false`"));
        }
        return build.atom(target, Test::Null, span);
    }
    // Numbers and booleans are the text as written: 4688, 00000429, 0x1410, true. An author who
    // leaves out the quotes still means what the log shows, and logs do not normalise numbers.
    let written = match scalar.kind {
        ScalarKind::Bool(true) => "true",
        ScalarKind::Bool(false) => "false",
        _ => scalar.text.as_str(),
    };
    let mut variants: Vec<Vec<Part>> = if chain.expand {
        expand(written, span, build)?.iter().map(|text| text::parts(text)).collect()
    } else {
        vec![text::parts(written)]
    };
    let mut bytes: Option<Vec<Vec<u8>>> = None;
    for rewrite in &chain.rewrites {
        match rewrite {
            Rewrite::Position(kind) => {
                variants = variants.into_iter().map(|parts| text::at(*kind, parts)).collect();
            }
            Rewrite::Windash => {
                let mut dashed = Vec::new();
                for parts in &variants {
                    let Some(more) = encode::windash(parts) else {
                        let message = format!(
                            "`windash` on a value with more than {WINDASH_DASHES_MAX} dashes that start a word"
                        );
                        return Err(Fault::new(span, message).help("split the value and use `all`"));
                    };
                    build.charge(more.iter().map(Vec::len).sum(), span)?;
                    dashed.extend(more);
                }
                variants = dashed;
            }
            Rewrite::Utf16(form) => {
                let texts = literals(&variants, span)?;
                bytes = Some(texts.iter().map(|text| encode::utf16(text, *form)).collect());
            }
            Rewrite::Base64 | Rewrite::Base64Offset => {
                let inputs = match bytes.take() {
                    Some(bytes) => bytes,
                    None => literals(&variants, span)?.into_iter().map(String::into_bytes).collect(),
                };
                let mut texts = Vec::new();
                for input in &inputs {
                    if *rewrite == Rewrite::Base64 {
                        texts.push(encode::base64(input));
                    } else {
                        let Some(offsets) = encode::base64_offsets(input) else {
                            return Err(Fault::new(span, "`base64offset` needs at least two bytes"));
                        };
                        texts.extend(offsets);
                    }
                }
                // `+` and `/` are the only other chars of base64: nothing to escape.
                variants = texts.iter().map(|text| text.chars().map(Part::Char).collect()).collect();
            }
        }
    }
    // A keyword is looked for anywhere, unless the rule says where.
    let anywhere = *target == Target::Keyword
        && !chain.rewrites.iter().any(|rewrite| matches!(rewrite, Rewrite::Position(_)));
    let mut tests = Vec::with_capacity(variants.len());
    for parts in variants {
        let parts = if anywhere { text::at(TextKind::Contains, parts) } else { parts };
        build.charge(parts.len(), span)?;
        let test = text::to_test(&parts, chain.cased);
        if test == Test::Any && scalar.text.is_empty() && *target != Target::Keyword {
            build.notices.push(
                Fault::new(span, "an empty text is contained in every value")
                    .help("for an empty field write `Field: ''` without modifiers"),
            );
        }
        tests.push(build.atom(target, test, span)?);
    }
    Ok(any(tests))
}

fn literals(variants: &[Vec<Part>], span: Span) -> Result<Vec<String>, Fault> {
    let texts: Option<Vec<String>> = variants.iter().map(|parts| text::literal(parts)).collect();
    let Some(texts) = texts else {
        return Err(Fault::new(span, "a value with wildcards cannot be encoded")
            .help("write `\\*` and `\\?` for the chars themselves"));
    };
    if texts.iter().any(String::is_empty) {
        return Err(Fault::new(span, "an empty value cannot be encoded"));
    }
    Ok(texts)
}

/// Replaces every `%name%` by each of its values.
fn expand(value: &str, span: Span, build: &mut Build<'_>) -> Result<Vec<String>, Fault> {
    let mut results = vec![String::new()];
    let mut rest = value;
    while let Some(start) = rest.find('%') {
        let (before, after) = rest.split_at(start);
        let body = after.get(1..).unwrap_or("");
        let name = body.find('%').and_then(|end| body.get(..end)).filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        });
        let Some(name) = name else {
            // A per cent sign that starts no placeholder.
            build.charge(results.len().saturating_mul(before.len() + 1), span)?;
            results.iter_mut().for_each(|result| {
                result.push_str(before);
                result.push('%');
            });
            rest = body;
            continue;
        };
        let values = build.options.placeholders.get(name).filter(|values| !values.is_empty());
        let Some(values) = values else {
            return Err(Fault::new(span, format!("the placeholder `%{name}%` has no values"))
                .help(format!("supply values for `{name}`; without them the rule could never match")));
        };
        let count = results.len().saturating_mul(values.len());
        let longest = results.iter().map(String::len).max().unwrap_or(0).saturating_add(before.len());
        let added = values.iter().map(String::len).max().unwrap_or(0).saturating_add(longest);
        if count > RULE_ATOMS_MAX {
            return Err(Fault::new(
                span,
                format!("placeholders expand to more than {RULE_ATOMS_MAX} values"),
            ));
        }
        build.charge(count.saturating_mul(added), span)?;
        results = results
            .iter()
            .flat_map(|result| values.iter().map(move |value| format!("{result}{before}{value}")))
            .collect();
        rest = body.get(name.len() + 1..).unwrap_or("");
    }
    build.charge(results.len().saturating_mul(rest.len()), span)?;
    results.iter_mut().for_each(|result| result.push_str(rest));
    Ok(results)
}

fn cidr(text: &str) -> Option<Cidr> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, prefix.parse::<u8>().ok()?),
        None => {
            let address = text.parse::<IpAddr>().ok()?;
            (address, if address.is_ipv4() { 32 } else { 128 })
        }
    };
    Cidr::new(address, prefix)
}

fn regex(
    pattern: &str,
    (i, m, s): (bool, bool, bool),
    position: TextKind,
    span: Span,
    build: &mut Build<'_>,
) -> Result<RegexTest, Fault> {
    if pattern.is_empty() {
        return Err(Fault::new(span, "an empty regular expression matches everything"));
    }
    build.regexes += 1;
    if build.regexes > RULE_REGEXES_MAX {
        return Err(Fault::new(
            span,
            format!("more than {RULE_REGEXES_MAX} regular expressions in one rule"),
        ));
    }
    let rewritten = pcre::rewrite(pattern).map_err(|refusal| {
        let message = format!("the regular expression uses {}, which is not supported", refusal.what);
        Fault::new(within(build.text, span, pattern, refusal.range), message)
            .help("expressions must run in linear time; express it with `not` and a second identifier")
    })?;
    let pattern = match position {
        TextKind::Contains => rewritten,
        TextKind::StartsWith => format!("\\A(?:{rewritten})"),
        TextKind::EndsWith => format!("(?:{rewritten})\\z"),
        TextKind::Equals => format!("\\A(?:{rewritten})\\z"),
    };
    let test = RegexTest { pattern, case_insensitive: i, multi_line: m, dot_all: s };
    match test.compile() {
        Ok(_) => Ok(test),
        Err(regex::Error::CompiledTooBig(limit)) => {
            Err(Fault::new(span, format!("the regular expression compiles to more than {limit} bytes"))
                .help("lower the counts in `{…}`"))
        }
        Err(error) => {
            let text = error.to_string();
            // The library draws the pattern over several lines; the last one says what is wrong.
            let reason = text.lines().last().unwrap_or("invalid").trim_start_matches("error: ").to_owned();
            Err(Fault::new(span, format!("the regular expression is not valid: {reason}")))
        }
    }
}

/// Chars of a value that a message shows.
const SHOWN_CHARS_MAX: usize = 60;

fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
