//! What a query may cost before it is planned and while it runs.
//!
//! DataFusion counts what sorts, joins and groups hold; it does not count a value made of other
//! values, nor a plan, and it plans by recursion. So here: a bound on how deep a query can nest,
//! and an eye on the process's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures::channel::oneshot;

/// Most operators of a query (`AND`, `+`, `||`, `::`, …): each may make its plan one level deeper.
const MAX_OPERATORS: usize = 2_000;

/// Most queries and tables that a query combines.
const MAX_PARTS: usize = 200;

/// Stack of a thread that plans: enough for every query within these bounds.
pub(super) const STACK: usize = 64 << 20;

/// How often time and memory are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What a process may hold above what a query may hold: batches under way, footers, the plan.
const SLACK: usize = 256 << 20;

/// Why a query is too complex, if it is.
pub(super) fn too_complex(sql: &str) -> Option<String> {
    // What is no SQL, the parser says better.
    let tokens = Tokenizer::new(&GenericDialect, sql).tokenize().ok()?;
    let (mut operators, mut parts) = (0usize, 0usize);
    // Whether a comma at this level of parentheses stands between tables, and so is a join.
    let mut levels = vec![false];
    let mut before: Option<&Token> = None;
    for token in tokens.iter().filter(|t| !matches!(t, Token::Whitespace(_))) {
        let mut among_tables = |now: bool| {
            if let Some(level) = levels.last_mut() {
                *level = now;
            }
        };
        match token {
            Token::Word(word) => match word.value.to_ascii_uppercase().as_str() {
                "AND" | "OR" | "NOT" | "IS" | "IN" | "LIKE" | "ILIKE" | "BETWEEN" | "SIMILAR" | "COLLATE"
                | "AT" | "DIV" | "XOR" | "CASE" | "OVER" => operators += 1,
                "UNION" | "EXCEPT" | "INTERSECT" | "JOIN" | "UNNEST" => parts += 1,
                "SELECT" | "VALUES" => {
                    parts += 1;
                    among_tables(false);
                }
                "FROM" => among_tables(true),
                "WHERE" | "GROUP" | "ORDER" | "HAVING" | "LIMIT" | "QUALIFY" => among_tables(false),
                _ => {}
            },
            Token::LParen => levels.push(false),
            Token::RParen => {
                levels.pop();
            }
            Token::Comma => parts += usize::from(levels.last() == Some(&true)),
            // A sign of a number in a list, which is flat.
            Token::Minus if matches!(before, Some(Token::Comma | Token::LParen)) => {}
            Token::Period
            | Token::SemiColon
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EOF => {}
            _ => operators += 1,
        }
        before = Some(token);
    }
    if operators > MAX_OPERATORS {
        return Some(format!(
            "it has more than {MAX_OPERATORS} operators; a long list of values is `column IN (…)`, and a list of \
             known bad values is --indicators"
        ));
    }
    (parts > MAX_PARTS).then(|| format!("it combines more than {MAX_PARTS} queries and tables"))
}

/// Which bound a query has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Met {
    /// It took this long.
    Time(Duration),
    /// The process holds more than a query with this limit explains: MiB.
    Memory(usize),
}

/// Watches a query until it is dropped.
pub(super) struct Watch {
    over: Arc<AtomicBool>,
    /// Says which bound was met; never comes back otherwise.
    pub met: oneshot::Receiver<Met>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Begins to watch. A thread of its own keeps the time: those of the query may all be busy with a join
/// that gives nothing back for hours.
pub(super) fn watch(memory: usize, timeout: Option<Duration>) -> std::io::Result<Watch> {
    let (told, met) = oneshot::channel();
    let over = Arc::new(AtomicBool::new(false));
    let seen = over.clone();
    let started = Instant::now();
    let most =
        resident().map(|start| start.saturating_add(memory).saturating_add(memory / 2).saturating_add(SLACK));
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
            let late = timeout.filter(|limit| started.elapsed() >= *limit).map(Met::Time);
            let large = || most.and_then(|most| resident().filter(|now| *now > most));
            if let Some(met) = late.or_else(|| large().map(|now| Met::Memory(now >> 20))) {
                // Nobody listens if the query ended just now.
                let _ = told.send(met);
                return;
            }
        }
    })?;
    Ok(Watch { over, met })
}

/// Memory of this process, in bytes; `None` where the system does not tell it this way.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
