//! What is said of a query that cannot run, in words of the person who wrote it.

use std::collections::BTreeSet;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

use super::layout;
use super::session::{QueryError, QueryLimits};

/// Most names in a message.
const NAMES: usize = 40;

/// How a time is written.
const TIMES: &str =
    "times are written like '2026-10-14' or '2026-10-14 08:21:00' (UTC), or now() - INTERVAL '7 days'";

/// The error, told for a query over these tables.
pub(super) fn error(e: &DataFusionError, limits: QueryLimits, tables: &BTreeSet<String>) -> QueryError {
    let text = plain(&e.strip_backtrace());
    if let Some((_, rest)) = text.split_once("Error parsing timestamp from ") {
        let literal = rest.split(": ").next().unwrap_or(rest);
        return QueryError::Plan(format!("{literal} is no time; {TIMES}"));
    }
    match root(e) {
        DataFusionError::ResourcesExhausted(why) => {
            QueryError::Memory { limit: limits.memory, why: why.lines().next().unwrap_or("").to_owned() }
        }
        DataFusionError::ParquetError(p) => match p.as_ref() {
            // An expression that fails while rows are filtered is no damage.
            ParquetError::External(inner) if is_compute(inner.as_ref()) => QueryError::Run(text),
            _ => QueryError::Lake(text),
        },
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => QueryError::Lake(text),
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                QueryError::Plan(no_column(field, valid_fields))
            }
            _ => QueryError::Plan(text),
        },
        DataFusionError::Plan(_)
        | DataFusionError::SQL(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Diagnostic(..) => QueryError::Plan(planning(text, tables)),
        _ => QueryError::Run(text),
    }
}

/// The first cause, also behind the wrappers that `find_root` stops at.
fn root(e: &DataFusionError) -> &DataFusionError {
    match e {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Collection(all) => all.first().map_or(e, root),
        _ => {
            let found = e.find_root();
            if std::ptr::eq(found, e) { e } else { root(found) }
        }
    }
}

fn is_compute(e: &(dyn std::error::Error + 'static)) -> bool {
    e.is::<ArrowError>() || e.is::<DataFusionError>()
}

/// Without the names of the parts of the program that said it.
fn plain(text: &str) -> String {
    let mut text = text.trim();
    for start in [
        "Error during planning: ",
        "SQL error: ",
        "This feature is not implemented: ",
        "Schema error: ",
        "Execution error: ",
    ] {
        text = text.strip_prefix(start).unwrap_or(text);
    }
    // ParserError("Expected: …")
    if let Some(inner) = text.strip_prefix("ParserError(\"").and_then(|t| t.strip_suffix("\")")) {
        return inner.replace("\\\"", "\"");
    }
    text.replace('\n', " ")
}

fn planning(text: String, tables: &BTreeSet<String>) -> String {
    if ["DDL not supported", "DML not supported", "Statement not supported"]
        .iter()
        .any(|s| text.starts_with(s))
        || text.starts_with("Unsupported SQL statement")
    {
        return format!(
            "queries only read: SELECT, WITH, EXPLAIN, DESCRIBE and SHOW TABLES are answered ({text})"
        );
    }
    if text.contains("RecursionLimitExceeded") {
        return "its parentheses or subqueries are nested too deep (more than 50)".into();
    }
    if text.contains("only supports a single SQL statement") {
        return "it is more than one statement; ask one after the other".into();
    }
    if text.starts_with("table '")
        && let Some(name) = text.split('\'').nth(1)
    {
        let name = name.strip_prefix("datafusion.public.").unwrap_or(name);
        return no_table(name, tables);
    }
    text
}

fn no_table(name: &str, tables: &BTreeSet<String>) -> String {
    let near = near(name, tables.iter().map(String::as_str));
    let all: Vec<&str> = tables.iter().map(String::as_str).take(NAMES).collect();
    let more = if tables.len() > NAMES { ", …" } else { "" };
    format!("there is no table {name}{}; the case has {}{more}", meant(&near), all.join(", "))
}

fn no_column(field: &Column, valid: &[Column]) -> String {
    // Knowledge is small, so that its columns are all said; a log's are listed by --tables.
    let names: BTreeSet<&str> = valid.iter().map(|c| c.name.as_str()).collect();
    // `process.cmd_line` is read as a column of a table `process`.
    if let Some(table) = field.relation.as_ref().map(ToString::to_string) {
        let whole = format!("{table}.{}", field.name);
        if names.contains(whole.as_str()) {
            return format!(
                "there is no column {whole}; a name with a dot in it is quoted: {}",
                ident(&whole)
            );
        }
    }
    let mut text = format!("there is no column {}", field.name);
    let other: Vec<&str> = names.iter().copied().filter(|n| n.eq_ignore_ascii_case(&field.name)).collect();
    if let Some(same) = other.first() {
        text.push_str(&format!("; upper and lower case count in names: {}", ident(same)));
        return text;
    }
    let dotted: Vec<&str> =
        names.iter().copied().filter(|n| n.split('.').next() == Some(field.name.as_str())).collect();
    let found = if dotted.is_empty() { near(&field.name, names.iter().copied()) } else { dotted };
    text.push_str(&meant(&found));
    if names.is_empty() {
        return text;
    }
    let envelope = names.iter().all(|n| layout::envelope().iter().any(|f| f.name() == n));
    if names.len() <= NAMES {
        let all: Vec<String> = names.iter().map(|n| ident(n)).collect();
        text.push_str(&format!("; there are {}", all.join(", ")));
    } else {
        text.push_str("; `palisade hunt --tables` lists the columns of each table");
    }
    if envelope {
        text.push_str("; a log's own fields are columns of its own table (`palisade hunt --tables`)");
    } else if names.contains(layout::REST) {
        text.push_str(&format!(
            "; a field that no rule and no mapping names is in the JSON text of {}",
            layout::REST
        ));
    }
    text
}

fn meant(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        some => {
            let some: Vec<String> = some.iter().take(3).map(|n| ident(n)).collect();
            format!("; did you mean {}?", some.join(" or "))
        }
    }
}

/// As it is written in SQL.
fn ident(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Names that are alike, nearest first.
fn near<'n>(name: &str, all: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let name = name.to_lowercase();
    let mut found: Vec<(usize, &str)> = all
        .filter_map(|other| {
            let low = other.to_lowercase();
            let part = name.len() >= 4 && (low.contains(&name) || low.len() >= 4 && name.contains(&low));
            let edits = edits(&name, &low);
            let most = (name.chars().count() / 3).max(1);
            (edits <= most).then_some(edits).or_else(|| part.then_some(most + 1)).map(|rank| (rank, other))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, n)| n).collect()
}

/// Longest names compared letter by letter.
const LETTERS: usize = 80;

/// Letters to change, add or leave out to make one of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(LETTERS).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(LETTERS).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
