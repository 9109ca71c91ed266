//! The case's knowledge as tables for SQL, beside the lake's.
//!
//! Times are in microseconds since 1970 in the database and become timestamps here; lists are JSON text.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use sqlx::Row as _;

use super::session::KnowledgeTable;
use crate::case::Parts;
use crate::db::{self, Conn};
use crate::{Case, Inner, Result};

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Time,
}

use Kind::{Number, Text, Time};

struct Spec {
    name: &'static str,
    from: &'static str,
    columns: &'static [(&'static str, &'static str, Kind)],
}

/// Every table: its name in SQL, where it comes from, its columns (name in SQL, in the database, type).
const TABLES: [Spec; 8] = [
    Spec {
        name: "findings",
        from: "finding",
        columns: &[
            ("id", "id", Text),
            ("rule_id", "rule_id", Text),
            ("title", "title", Text),
            ("severity", "severity", Text),
            ("severity_rank", "severity_rank", Number),
            ("confidence", "confidence", Number),
            ("vector", "vector", Text),
            ("time", "time_us", Time),
            ("time_end", "time_end_us", Time),
            ("host", "host", Text),
            ("message", "message", Text),
            ("observables", "observables", Text),
            ("attack", "attack", Text),
            ("first_run", "first_run", Number),
        ],
    },
    Spec {
        name: "citations",
        from: "citation",
        columns: &[
            ("finding", "finding", Text),
            ("source", "source", Number),
            ("member", "member", Text),
            ("record", "record", Number),
            ("offset", "byte_offset", Number),
        ],
    },
    Spec {
        name: "sources",
        from: "source",
        columns: &[
            ("id", "id", Number),
            ("sha256", "sha256", Text),
            ("bytes", "bytes", Number),
            ("path", "first_path", Text),
            ("state", "state", Text),
            ("records", "records", Number),
            ("rows_kept", "rows_kept", Number),
            ("first_run", "first_run", Number),
        ],
    },
    Spec {
        name: "problems",
        from: "problem",
        columns: &[
            ("source", "source", Number),
            ("run", "run", Number),
            ("code", "code", Text),
            ("origin", "origin", Text),
            ("offset", "byte_offset", Number),
            ("message", "message", Text),
            ("times", "times", Number),
        ],
    },
    Spec {
        name: "coverage",
        from: "coverage",
        columns: &[
            ("source", "source", Number),
            ("shape", "shape", Text),
            ("events", "events", Number),
            ("first", "first_us", Time),
            ("last", "last_us", Time),
        ],
    },
    Spec {
        name: "verdicts",
        from: "verdict",
        columns: &[
            ("id", "id", Number),
            ("subject", "subject", Text),
            ("kind", "kind", Text),
            ("analyst", "analyst", Text),
            ("time", "time_us", Time),
            ("reason", "reason", Text),
            ("expires", "expires", Time),
            ("undone", "undone", Time),
        ],
    },
    Spec {
        name: "runs",
        from: "run",
        columns: &[
            ("id", "id", Number),
            ("started", "started", Time),
            ("finished", "finished", Time),
            ("tool_version", "tool_version", Text),
            ("command_line", "command_line", Text),
            ("operator", "operator", Text),
            ("machine", "machine", Text),
        ],
    },
    Spec {
        name: "indicators",
        from: "indicator",
        columns: &[
            ("list", "list", Text),
            ("value", "value", Text),
            ("kind", "kind", Text),
            ("note", "note", Text),
            ("line", "line", Number),
            ("first_run", "first_run", Number),
        ],
    },
];

enum Builder {
    Text(StringBuilder),
    Number(Int64Builder),
    Time(TimestampMicrosecondBuilder),
}

impl Case {
    /// The tables of knowledge that a query may mean: those whose name stands in its text. The others
    /// come empty, so that a query on them is an answer, not an error.
    pub fn knowledge_tables(&mut self, sql: &str) -> Result<Vec<KnowledgeTable>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut out = Vec::new();
            for spec in &TABLES {
                let rows = read(conn, spec, sql.contains(spec.name)).await?;
                out.push(KnowledgeTable { name: spec.name, rows });
            }
            Ok(out)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

async fn read(conn: &mut Conn, spec: &Spec, wanted: bool) -> Result<RecordBatch, Inner> {
    let mut builders: Vec<Builder> = spec
        .columns
        .iter()
        .map(|(_, _, kind)| match kind {
            Text => Builder::Text(StringBuilder::new()),
            Number => Builder::Number(Int64Builder::new()),
            Time => Builder::Time(TimestampMicrosecondBuilder::new()),
        })
        .collect();
    if wanted {
        let columns: Vec<&str> = spec.columns.iter().map(|(_, from, _)| *from).collect();
        // Names of ours, none of anybody else's.
        let sql = format!("SELECT {} FROM {} ORDER BY 1, 2", columns.join(", "), spec.from);
        db::each(conn, sqlx::query(sqlx::AssertSqlSafe(sql)), |row| {
            for (at, builder) in builders.iter_mut().enumerate() {
                match builder {
                    Builder::Text(b) => b.append_option(row.try_get::<Option<String>, _>(at)?),
                    Builder::Number(b) => b.append_option(row.try_get::<Option<i64>, _>(at)?),
                    Builder::Time(b) => b.append_option(row.try_get::<Option<i64>, _>(at)?),
                }
            }
            Ok(())
        })
        .await?;
    }
    let fields: Vec<Field> = spec
        .columns
        .iter()
        .map(|(name, _, kind)| {
            let kind = match kind {
                Text => DataType::Utf8,
                Number => DataType::Int64,
                Time => DataType::Timestamp(TimeUnit::Microsecond, None),
            };
            Field::new(*name, kind, true)
        })
        .collect();
    let arrays: Vec<ArrayRef> = builders
        .into_iter()
        .map(|b| match b {
            Builder::Text(mut b) => Arc::new(b.finish()) as ArrayRef,
            Builder::Number(mut b) => Arc::new(b.finish()),
            Builder::Time(mut b) => Arc::new(b.finish()),
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| Inner::Sql(sqlx::Error::Decode(e.to_string().into())))
}
