//! The schema and the steps that lead to it.
//!
//! The SQL is what SQLite and PostgreSQL have in common: `BIGINT` and `TEXT`, ids assigned by the
//! one writer, `$1` placeholders, `ON CONFLICT DO NOTHING`. Times are UTC microseconds, hashes and
//! finding ids lower-case hexadecimal, lists JSON text.

use sqlx::{Connection as _, SqliteConnection};

use crate::Inner;

/// The version this Palisade reads and writes.
pub const SCHEMA_VERSION: i64 = 1;

/// Steps from an empty database, in order; a released step never changes.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "the minimal case", V1)];

const V1: &str = "
CREATE TABLE run (
    id            BIGINT PRIMARY KEY,
    started       BIGINT NOT NULL,
    finished      BIGINT,
    tool_version  TEXT NOT NULL,
    command_line  TEXT NOT NULL,
    operator      TEXT NOT NULL,
    machine       TEXT NOT NULL,
    rules_digest  TEXT NOT NULL,
    config_digest TEXT NOT NULL
);
CREATE TABLE source (
    id         BIGINT PRIMARY KEY,
    sha256     TEXT NOT NULL UNIQUE,
    bytes      BIGINT NOT NULL,
    first_path TEXT NOT NULL,
    first_run  BIGINT NOT NULL REFERENCES run(id),
    state      TEXT NOT NULL CHECK (state IN ('complete', 'partial')),
    records    BIGINT NOT NULL,
    last_run   BIGINT NOT NULL REFERENCES run(id)
);
CREATE TABLE source_path (
    source BIGINT NOT NULL REFERENCES source(id),
    path   TEXT NOT NULL,
    run    BIGINT NOT NULL REFERENCES run(id),
    PRIMARY KEY (source, path)
);
CREATE TABLE finding (
    id            TEXT PRIMARY KEY,
    rule_id       TEXT NOT NULL,
    title         TEXT NOT NULL,
    severity      TEXT NOT NULL,
    severity_rank BIGINT NOT NULL,
    confidence    BIGINT NOT NULL,
    vector        TEXT NOT NULL,
    time_us       BIGINT,
    time_end_us   BIGINT,
    host          TEXT,
    message       TEXT NOT NULL,
    observables   TEXT NOT NULL,
    attack        TEXT NOT NULL,
    author        TEXT,
    license       TEXT,
    recovered     BIGINT NOT NULL,
    first_run     BIGINT NOT NULL REFERENCES run(id)
);
CREATE INDEX finding_by_time ON finding (time_us, id);
CREATE TABLE citation (
    finding     TEXT NOT NULL REFERENCES finding(id),
    source      BIGINT NOT NULL REFERENCES source(id),
    member      TEXT NOT NULL,
    record      BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL,
    PRIMARY KEY (finding, source, member, record, byte_offset)
);
CREATE TABLE problem (
    source      BIGINT REFERENCES source(id),
    seq         BIGINT NOT NULL,
    run         BIGINT NOT NULL REFERENCES run(id),
    code        TEXT NOT NULL,
    origin      TEXT NOT NULL,
    byte_offset BIGINT,
    message     TEXT NOT NULL,
    times       BIGINT NOT NULL,
    UNIQUE (source, seq)
);
CREATE TABLE coverage (
    source  BIGINT NOT NULL REFERENCES source(id),
    shape   TEXT NOT NULL,
    events  BIGINT NOT NULL,
    first_us BIGINT,
    last_us  BIGINT,
    PRIMARY KEY (source, shape)
);
CREATE TABLE verdict (
    id      BIGINT PRIMARY KEY,
    subject TEXT NOT NULL,
    kind    TEXT NOT NULL,
    analyst TEXT NOT NULL,
    time_us BIGINT NOT NULL,
    reason  TEXT NOT NULL,
    expires BIGINT,
    undone  BIGINT
);
CREATE TABLE custody (
    seq       BIGINT PRIMARY KEY,
    run       BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    path      TEXT NOT NULL,
    sha256    TEXT NOT NULL,
    bytes     BIGINT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
);
";

/// The version a database has; `None` if it has no schema of ours.
pub(crate) async fn version(conn: &mut SqliteConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT MAX(version) FROM schema_migration").fetch_one(conn).await.ok().flatten()
}

/// Brings a database to [`SCHEMA_VERSION`], each step in a transaction of its own.
pub(crate) async fn migrate(conn: &mut SqliteConnection) -> Result<(), Inner> {
    let from = version(&mut *conn).await.unwrap_or(0);
    for (version, name, sql) in MIGRATIONS {
        if version <= from {
            continue;
        }
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(
            "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL)",
        )
        .execute(&mut *tx)
        .await?;
        sqlx::raw_sql(sql).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO schema_migration (version, name) VALUES ($1, $2)")
            .bind(version)
            .bind(name)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
    Ok(())
}
