//! Conditions: how the identifiers of a detection combine.
//!
//! ```text
//! or   = and ("or" and)*
//! and  = not ("and" not)*
//! not  = "not" not | item
//! item = "(" or ")" | ("1" | "all" | "any" | N) "of" (PATTERN | "them") | IDENTIFIER
//! ```
//! Key words in any case. `*` in a pattern is any run of chars. `them` is every identifier that
//! does not start with `_`; a pattern may name those as well.

use std::ops::Range;

use super::fault::{Fault, did_you_mean};
use super::ir::Expr;

/// Nesting of parentheses and `not`s.
pub const CONDITION_DEPTH_MAX: usize = 64;

/// Nodes the tree of one rule may have, repeated use of an identifier counted each time.
pub const EXPR_NODES_MAX: usize = 200_000;

/// An identifier with what it stands for.
#[derive(Debug)]
pub struct Identifier<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it asks.
    pub expr: Expr,
    /// Nodes of `expr`.
    pub nodes: usize,
    /// Whether some condition used it.
    pub used: bool,
}

/// Reads one condition. `locate` turns a byte range of it into a place in the file.
pub fn parse(
    condition: &str,
    identifiers: &mut [Identifier<'_>],
    nodes: &mut usize,
    locate: &dyn Fn(Range<usize>) -> super::ir::Span,
) -> Result<Expr, Fault> {
    let tokens = tokens(condition);
    let end = condition.len()..condition.len();
    let mut parser = Reader { tokens: &tokens, at: 0, end, identifiers, nodes, locate };
    if let Some(token) = tokens.iter().find(|token| token.text == "|") {
        let rest = token.range.start..condition.trim_end().len();
        return Err(parser
            .fault(rest, "aggregation after `|` (count, min, max, avg, sum, near) is obsolete Sigma")
            .help("write a document with `correlation:` that refers to this rule"));
    }
    if tokens.is_empty() {
        return Err(parser.fault(0..condition.len(), "the condition is empty"));
    }
    let expr = parser.or(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => {
            let message = format!("`{}` is not expected here", token.text);
            let mut fault = parser.fault(token.range.clone(), message);
            if token.text != ")" {
                fault = fault.help("join conditions with `and` or `or`");
            }
            Err(fault)
        }
    }
}

#[derive(Debug)]
struct Token<'a> {
    text: &'a str,
    range: Range<usize>,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }
}

fn tokens(condition: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = None;
    let mut push = |range: Range<usize>| {
        if let Some(text) = condition.get(range.clone()) {
            tokens.push(Token { text, range });
        }
    };
    for (at, c) in condition.char_indices() {
        let single = matches!(c, '(' | ')' | '|');
        if single || c.is_whitespace() {
            if let Some(start) = start.take() {
                push(start..at);
            }
            if single {
                push(at..at + c.len_utf8());
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(start) = start {
        push(start..condition.len());
    }
    tokens
}

struct Reader<'t, 'i, 'n> {
    tokens: &'t [Token<'t>],
    at: usize,
    end: Range<usize>,
    identifiers: &'t mut [Identifier<'i>],
    nodes: &'t mut usize,
    locate: &'n dyn Fn(Range<usize>) -> super::ir::Span,
}

impl<'t> Reader<'t, '_, '_> {
    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(word));
        self.at += usize::from(found);
        found
    }

    fn fault(&self, range: Range<usize>, message: impl Into<String>) -> Fault {
        Fault::new((self.locate)(range), message)
    }

    fn or(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut operands = vec![self.and(depth)?];
        while self.eat("or") {
            operands.push(self.and(depth)?);
        }
        Ok(any(operands))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut operands = vec![self.not(depth)?];
        while self.eat("and") {
            operands.push(self.not(depth)?);
        }
        Ok(all(operands))
    }

    fn not(&mut self, depth: usize) -> Result<Expr, Fault> {
        let Some(token) = self.peek() else {
            return Err(self.fault(self.end.clone(), "the condition ends where an identifier is expected"));
        };
        if depth > CONDITION_DEPTH_MAX {
            let message = format!("the condition is nested deeper than {CONDITION_DEPTH_MAX} levels");
            return Err(self.fault(token.range.clone(), message));
        }
        self.at += 1;
        if token.is("not") {
            return Ok(Expr::Not(Box::new(self.not(depth + 1)?)));
        }
        if token.text == "(" {
            let inner = self.or(depth + 1)?;
            if !self.eat(")") {
                return Err(self.fault(token.range.clone(), "this parenthesis is not closed"));
            }
            return Ok(inner);
        }
        if token.text == ")" || token.is("and") || token.is("or") {
            let message = format!("`{}` where an identifier is expected", token.text);
            return Err(self.fault(token.range.clone(), message));
        }
        if self.peek().is_some_and(|next| next.is("of")) {
            self.at += 1;
            return self.quantified(token);
        }
        self.identifier(token)
    }

    fn identifier(&mut self, token: &Token<'_>) -> Result<Expr, Fault> {
        match self.identifiers.iter().position(|identifier| identifier.name == token.text) {
            Some(at) => self.take(at, &token.range),
            None => {
                let message =
                    format!("the condition names `{}`, which the detection does not define", token.text);
                let mut fault = self.fault(token.range.clone(), message);
                fault.help = if token.text.contains('*') {
                    Some(format!("write `1 of {0}` or `all of {0}`", token.text))
                } else {
                    did_you_mean(token.text, self.identifiers.iter().map(|identifier| identifier.name))
                };
                Err(fault)
            }
        }
    }

    /// A copy of what an identifier stands for, counted.
    fn take(&mut self, at: usize, range: &Range<usize>) -> Result<Expr, Fault> {
        let locate = self.locate;
        let Some(identifier) = self.identifiers.get_mut(at) else { return Ok(Expr::Const(false)) };
        identifier.used = true;
        *self.nodes = self.nodes.saturating_add(identifier.nodes);
        if *self.nodes > EXPR_NODES_MAX {
            let message = format!("the rule has more than {EXPR_NODES_MAX} nodes");
            return Err(Fault::new(locate(range.clone()), message));
        }
        Ok(identifier.expr.clone())
    }

    fn quantified(&mut self, quantifier: &Token<'_>) -> Result<Expr, Fault> {
        let Some(pattern) = self.peek() else {
            return Err(self.fault(self.end.clone(), "`of` without a pattern or `them`"));
        };
        self.at += 1;
        let range = quantifier.range.start..pattern.range.end;
        let them = pattern.is("them");
        let found: Vec<usize> = self
            .identifiers
            .iter()
            .enumerate()
            .filter(|(_, identifier)| {
                if them { !identifier.name.starts_with('_') } else { matches(pattern.text, identifier.name) }
            })
            .map(|(at, _)| at)
            .collect();
        if found.is_empty() {
            let message = format!("`{} of {}` refers to no identifier", quantifier.text, pattern.text);
            let mut fault = self.fault(pattern.range.clone(), message);
            let stem = pattern.text.trim_end_matches('*');
            fault.help = did_you_mean(stem, self.identifiers.iter().map(|identifier| identifier.name));
            return Err(fault);
        }
        let count = found.len();
        let mut operands = Vec::with_capacity(count);
        for at in found {
            operands.push(self.take(at, &range)?);
        }
        if quantifier.is("all") {
            return Ok(all(operands));
        }
        if quantifier.is("any") {
            return Ok(any(operands));
        }
        let Ok(wanted) = quantifier.text.parse::<usize>() else {
            let message = format!("`{} of`: expected a number, `all` or `any`", quantifier.text);
            return Err(self.fault(quantifier.range.clone(), message));
        };
        match wanted {
            0 => Err(self.fault(range, "`0 of` is always true").help("write `not 1 of …` for none")),
            1 => Ok(any(operands)),
            _ if wanted > count => {
                let message = format!(
                    "`{} of {}` can never hold: it refers to {count} identifier(s)",
                    quantifier.text, pattern.text
                );
                Err(self.fault(range, message))
            }
            _ => Ok(Expr::AtLeast(wanted, operands)),
        }
    }
}

/// Whether `name` fits `pattern`, in which `*` is any run of chars.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece).and_then(|at| rest.get(at + piece.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The conjunction; a single operand is itself.
pub fn all(mut operands: Vec<Expr>) -> Expr {
    match (operands.len(), operands.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            operands.extend(last);
            Expr::And(operands)
        }
    }
}

/// The disjunction; a single operand is itself.
pub fn any(mut operands: Vec<Expr>) -> Expr {
    match (operands.len(), operands.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            operands.extend(last);
            Expr::Or(operands)
        }
    }
}
