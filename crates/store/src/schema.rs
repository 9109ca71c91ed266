//! The schema and the steps that lead to it.
//!
//! The SQL is what SQLite and PostgreSQL have in common: `BIGINT` and `TEXT`, ids assigned by the
//! one writer, `$1` placeholders, `ON CONFLICT DO NOTHING`. Times are UTC microseconds, hashes and
//! finding ids lower-case hexadecimal, lists JSON text. A column called `…_key` holds [`db::key`]
//! of the column before it.
//!
//! What this module never does: change a step that was released, or skip one. Each step leaves its name and
//! checksum in the transaction that it runs in.

use sqlx::Row as _;

use crate::db::{self, Conn, Kind};
use crate::{Inner, custody};

/// The version this Palisade reads and writes.
pub const SCHEMA_VERSION: i64 = STEPS[STEPS.len() - 1].version;

/// The oldest version that can be brought up to date: what came before was never released.
pub(crate) const OLDEST: i64 = STEPS[0].version;

/// A step from one version to the next.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The version it leads to.
    pub version: i64,
    /// What it brings.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// Steps from an empty database, in order; a released step never changes.
pub const STEPS: [Step; 6] = [
    Step { version: 2, name: "the case and its lake", sql: BASE },
    Step { version: 3, name: "campaigns keep their names", sql: CAMPAIGNS },
    Step { version: 4, name: "exhibits are kept", sql: EXHIBITS },
    Step { version: 5, name: "screening asks only what changed", sql: SCREENING },
    Step { version: 6, name: "assessments are adopted", sql: ATTRIBUTIONS },
    Step { version: 7, name: "questions of scales are answered", sql: ANSWERS },
];

/// The tables that are copied from one database to another, each after those it refers to.
pub const TABLES: [&str; 24] = [
    "run",
    "source",
    "source_path",
    "finding",
    "citation",
    "problem",
    "coverage",
    "verdict",
    "custody",
    "segment",
    "segment_source",
    "dropped",
    "legal_hold",
    "looked",
    "indicator",
    "campaign",
    "campaign_change",
    "exhibit",
    "screened_generation",
    "screened_party",
    "screened_query",
    "screening_hit",
    "attribution",
    "answer",
];

/// What refers to what: table, column, table, column.
pub const REFERENCES: [(&str, &str, &str, &str); 15] = [
    ("source", "first_run", "run", "id"),
    ("source", "last_run", "run", "id"),
    ("source_path", "source", "source", "id"),
    ("source_path", "run", "run", "id"),
    ("finding", "first_run", "run", "id"),
    ("citation", "finding", "finding", "id"),
    ("citation", "source", "source", "id"),
    ("problem", "source", "source", "id"),
    ("problem", "run", "run", "id"),
    ("coverage", "source", "source", "id"),
    ("segment", "created_run", "run", "id"),
    ("segment_source", "segment", "segment", "id"),
    ("segment_source", "source", "source", "id"),
    ("indicator", "first_run", "run", "id"),
    ("exhibit", "run", "run", "id"),
];

const BASE: &str = "
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
    last_run   BIGINT NOT NULL REFERENCES run(id),
    rows_kept  BIGINT NOT NULL DEFAULT 0,
    tool_version TEXT
);
CREATE TABLE source_path (
    source BIGINT NOT NULL REFERENCES source(id),
    path   TEXT NOT NULL,
    path_key TEXT NOT NULL,
    run    BIGINT NOT NULL REFERENCES run(id),
    PRIMARY KEY (source, path_key)
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
    member_key  TEXT NOT NULL,
    record      BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL,
    PRIMARY KEY (finding, source, member_key, record, byte_offset)
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
    UNIQUE (run, source, seq)
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
CREATE TABLE segment (
    id           BIGINT PRIMARY KEY,
    tbl          TEXT NOT NULL,
    file         TEXT NOT NULL UNIQUE,
    rows         BIGINT NOT NULL,
    bytes        BIGINT NOT NULL,
    index_bytes  BIGINT NOT NULL,
    min_time     BIGINT,
    max_time     BIGINT,
    untimed      BIGINT NOT NULL,
    sha256       TEXT NOT NULL,
    index_sha256 TEXT NOT NULL,
    first_seq    BIGINT NOT NULL,
    last_seq     BIGINT NOT NULL,
    created_run  BIGINT NOT NULL REFERENCES run(id),
    columns      TEXT NOT NULL
);
CREATE TABLE segment_source (
    segment BIGINT NOT NULL REFERENCES segment(id),
    source  BIGINT NOT NULL REFERENCES source(id),
    rows    BIGINT NOT NULL,
    PRIMARY KEY (segment, source)
);
CREATE TABLE dropped (
    seq      BIGINT PRIMARY KEY,
    time_us  BIGINT NOT NULL,
    run      BIGINT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('compaction', 'retention', 'erasure', 'corrupt')),
    segments TEXT NOT NULL,
    rows     BIGINT NOT NULL,
    detail   TEXT NOT NULL
);
CREATE TABLE legal_hold (
    id       BIGINT PRIMARY KEY,
    name     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    analyst  TEXT NOT NULL,
    time_us  BIGINT NOT NULL,
    from_us  BIGINT,
    to_us    BIGINT,
    released BIGINT
);
CREATE TABLE looked (
    kind TEXT NOT NULL CHECK (kind IN ('rule', 'indicator')),
    item TEXT NOT NULL,
    seq  BIGINT NOT NULL,
    PRIMARY KEY (kind, item)
);
CREATE TABLE indicator (
    list      TEXT NOT NULL,
    value     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    note      TEXT,
    line      BIGINT,
    first_run BIGINT NOT NULL REFERENCES run(id),
    list_key  TEXT NOT NULL,
    value_key TEXT NOT NULL,
    PRIMARY KEY (list_key, kind, value_key)
);
";

const CAMPAIGNS: &str = "
CREATE TABLE campaign (
    id       TEXT PRIMARY KEY,
    seq      BIGINT NOT NULL,
    aliases  TEXT NOT NULL,
    findings TEXT NOT NULL
);
CREATE TABLE campaign_change (
    seq      BIGINT PRIMARY KEY,
    time_us  BIGINT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('new', 'grown', 'shrunk', 'merged', 'gone')),
    campaign TEXT NOT NULL,
    into_id  TEXT,
    findings BIGINT NOT NULL
);
";

const EXHIBITS: &str = "
CREATE TABLE exhibit (
    id        TEXT PRIMARY KEY,
    title     TEXT NOT NULL,
    tlp       TEXT NOT NULL,
    body      TEXT NOT NULL,
    citations TEXT NOT NULL,
    run       BIGINT NOT NULL REFERENCES run(id)
);
";

const SCREENING: &str = "
CREATE TABLE screened_generation (
    generation BIGINT PRIMARY KEY
);
CREATE TABLE screened_party (
    party  TEXT NOT NULL,
    digest TEXT NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (party, digest)
);
CREATE TABLE screened_query (
    digest     TEXT PRIMARY KEY,
    generation BIGINT NOT NULL,
    threshold  BIGINT NOT NULL
);
CREATE TABLE screening_hit (
    id       TEXT PRIMARY KEY,
    query    TEXT NOT NULL,
    name     TEXT NOT NULL,
    party    TEXT NOT NULL,
    listed   TEXT NOT NULL,
    score    BIGINT NOT NULL,
    first_us BIGINT NOT NULL
);
CREATE INDEX screening_hit_by_query ON screening_hit (query);
";

const ATTRIBUTIONS: &str = "
CREATE TABLE attribution (
    id       BIGINT PRIMARY KEY,
    campaign TEXT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('adopted', 'overridden')),
    analyst  TEXT NOT NULL,
    time_us  BIGINT NOT NULL,
    reason   TEXT NOT NULL,
    body     TEXT NOT NULL,
    undone   BIGINT
);
";

const ANSWERS: &str = "
CREATE TABLE answer (
    id       BIGINT PRIMARY KEY,
    campaign TEXT NOT NULL,
    scale    TEXT NOT NULL,
    item     TEXT NOT NULL,
    choices  TEXT NOT NULL,
    analyst  TEXT NOT NULL,
    time_us  BIGINT NOT NULL,
    reason   TEXT NOT NULL,
    undone   BIGINT
);
";

/// A step as the database in question takes it.
fn dialect(sql: &str, kind: Kind) -> String {
    match kind {
        Kind::Sqlite => sql.to_owned(),
        // SQLite compares text by its bytes. A PostgreSQL database may have been made for any
        // language; there each column says that it wants the same.
        Kind::Postgres => sql.replace(" TEXT", " TEXT COLLATE \"C\""),
    }
}

const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL)";

fn checksum(step: &Step) -> String {
    custody::digest(&[step.name, step.sql])
}

/// The version a database has; `None` if it has no schema of ours.
pub(crate) async fn version(conn: &mut Conn) -> Result<Option<i64>, Inner> {
    match sqlx::query_scalar("SELECT MAX(version) FROM schema_migration").fetch_one(conn).await {
        Ok(version) => Ok(version),
        Err(e) if db::is_no_table(&e) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The first step that is not the one this Palisade has under its version.
pub(crate) async fn foreign(conn: &mut Conn, steps: &[Step]) -> Result<Option<(i64, String)>, Inner> {
    let rows = sqlx::query("SELECT version, name, sha256 FROM schema_migration ORDER BY version")
        .fetch_all(conn)
        .await?;
    for row in rows {
        let (version, name, sha256): (i64, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if steps.iter().any(|s| s.version == version && checksum(s) != sha256) {
            return Ok(Some((version, name)));
        }
    }
    Ok(None)
}

/// Brings a database to the version of the last of `steps`, each in a transaction of its own; a new database in one,
/// so that a case that is killed while it is made is none, and not one of an old version.
pub(crate) async fn migrate(conn: &mut Conn, steps: &[Step]) -> Result<(), Inner> {
    let from = version(&mut *conn).await?.unwrap_or(0);
    let kind = db::kind(conn);
    let wanted: Vec<&Step> = steps.iter().filter(|s| s.version > from).collect();
    let together = if from == 0 { wanted.len().max(1) } else { 1 };
    for steps in wanted.chunks(together) {
        let mut tx = db::begin(conn).await?;
        for step in steps {
            for sql in [RECORD, step.sql] {
                sqlx::raw_sql(sqlx::AssertSqlSafe(dialect(sql, kind))).execute(&mut *tx).await?;
            }
            sqlx::query("INSERT INTO schema_migration (version, name, sha256) VALUES ($1, $2, $3)")
                .bind(step.version)
                .bind(step.name)
                .bind(checksum(step))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
