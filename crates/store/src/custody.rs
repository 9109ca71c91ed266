//! Custody: a chain of hashes over who brought what, and a list that third parties can check.
//!
//! Evidence, rules, lists and segments of the lake have an entry each, with path and hash. When a run
//! ends, three entries cover all findings with their citations, all problems and all coverage; each
//! word of an analyst adds one that covers all verdicts, all legal holds, all words on who is behind it or all answers to scales.
//! Knowledge that the case is given has an entry for each file, and one when it is taken away. What leaves the lake
//! (compaction, retention, erasure) has an entry over what was said of it.
//!
//! Each entry's hash covers the one before it, so that changing, removing or inserting an entry
//! breaks every later hash. The end of the chain has nothing behind it: whoever must prove that
//! nothing was cut off writes down the last hash, which `case verify` prints.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use sqlx::Row as _;

use crate::db::{self, Conn, Row};
use crate::{Inner, MANIFEST, Result, place};

/// What the first entry follows.
pub(crate) const GENESIS: &str = "";

/// One link of the chain.
pub(crate) struct Entry<'a> {
    pub(crate) seq: i64,
    pub(crate) run: i64,
    /// `run`, `clock`, `evidence`, `rules`, `list`, `config`, `knowledge`, `knowledge-removed`, `segment`, `segment-index`, `dropped`, or
    /// the name of a [`Sealed`].
    pub(crate) kind: &'a str,
    /// Of `clock`, the remark; of `dropped`, why it left.
    pub(crate) path: &'a str,
    pub(crate) sha256: &'a str,
    /// Size of the file; of what is sealed, how many there are.
    pub(crate) bytes: i64,
}

/// SHA-256 over parts, each behind its length, in hexadecimal.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut h = Sha256::new();
    for part in parts {
        h.update((part.len() as u64).to_le_bytes());
        h.update(part.as_bytes());
    }
    hex(&h.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

impl Entry<'_> {
    /// Its hash behind `prev`.
    pub(crate) fn hash(&self, prev: &str) -> String {
        let numbers = [self.seq, self.run, self.bytes].map(|n| n.to_string());
        let [seq, run, bytes] = numbers.each_ref().map(String::as_str);
        digest(&[prev, seq, run, self.kind, self.path, self.sha256, bytes])
    }
}

/// Adds a link.
pub(crate) async fn append(
    conn: &mut Conn,
    run: i64,
    kind: &str,
    path: &str,
    sha256: &str,
    bytes: i64,
) -> Result<(), Inner> {
    let last = sqlx::query("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut *conn)
        .await?;
    let (seq, prev) = match last {
        Some(row) => (row.try_get::<i64, _>(0)? + 1, row.try_get::<String, _>(1)?),
        None => (1, GENESIS.to_owned()),
    };
    let hash = Entry { seq, run, kind, path, sha256, bytes }.hash(&prev);
    sqlx::query(
        "INSERT INTO custody (seq, run, kind, path, sha256, bytes, prev_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(seq)
    .bind(run)
    .bind(kind)
    .bind(path)
    .bind(sha256)
    .bind(bytes)
    .bind(prev)
    .bind(hash)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many rows of findings are held at a time.
const PAGE: i64 = 2_000;

/// Digest of every finding and its citations, in an order that is theirs alone, and their number.
async fn findings(conn: &mut Conn) -> Result<(String, i64), Inner> {
    let mut hash = Sha256::new();
    let mut count = 0;
    let mut last = String::new();
    loop {
        let rows = sqlx::query(
            "SELECT id, rule_id, title, severity, severity_rank, confidence, vector, time_us, time_end_us, host,
                    message, observables, attack, author, license, recovered, first_run
             FROM finding WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(&last)
        .bind(PAGE)
        .fetch_all(&mut *conn)
        .await?;
        let Some(end) = rows.last() else { break };
        let end: String = end.try_get(0)?;
        let cited = sqlx::query(
            "SELECT c.finding, s.sha256, c.member, c.record, c.byte_offset
             FROM citation c JOIN source s ON s.id = c.source WHERE c.finding > $1 AND c.finding <= $2
             ORDER BY c.finding, s.sha256, c.member, c.record, c.byte_offset",
        )
        .bind(&last)
        .bind(&end)
        .fetch_all(&mut *conn)
        .await?;
        for row in &rows {
            add_row(&mut hash, row, &[0, 1, 2, 3, 6, 9, 10, 11, 12, 13, 14], &[4, 5, 7, 8, 15, 16])?;
        }
        for row in &cited {
            add_row(&mut hash, row, &[0, 1, 2], &[3, 4])?;
        }
        count += i64::try_from(rows.len()).unwrap_or(PAGE);
        last = end;
    }
    Ok((hex(&hash.finalize()), count))
}

/// What is covered as a whole, by a digest of all of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sealed {
    Findings,
    Problems,
    Coverage,
    Verdicts,
    Holds,
    Exhibits,
    Attributions,
    Answers,
}

impl Sealed {
    pub(crate) const ALL: [Sealed; 8] = [
        Sealed::Findings,
        Sealed::Problems,
        Sealed::Coverage,
        Sealed::Verdicts,
        Sealed::Holds,
        Sealed::Exhibits,
        Sealed::Attributions,
        Sealed::Answers,
    ];

    /// Its kind in the chain.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sealed::Findings => "findings",
            Sealed::Problems => "problems",
            Sealed::Coverage => "coverage",
            Sealed::Verdicts => "verdicts",
            Sealed::Holds => "holds",
            Sealed::Exhibits => "exhibits",
            Sealed::Attributions => "attributions",
            Sealed::Answers => "answers",
        }
    }

    /// Whether it is sealed when a run ends; the others are when an analyst has spoken.
    pub(crate) fn by_run(self) -> bool {
        matches!(self, Sealed::Findings | Sealed::Problems | Sealed::Coverage | Sealed::Exhibits)
    }

    /// Digest of all of it as it is now, in an order that does not depend on who wrote it first,
    /// and how many there are.
    pub(crate) async fn digest(self, conn: &mut Conn) -> Result<(String, i64), Inner> {
        // Texts, then numbers of each row.
        let (sql, texts, numbers): (_, &[usize], &[usize]) = match self {
            Sealed::Findings => return findings(conn).await,
            Sealed::Problems => (
                "SELECT COALESCE(s.sha256, ''), p.code, p.origin, p.message, p.seq, p.run, p.byte_offset, p.times
                 FROM problem p LEFT JOIN source s ON s.id = p.source
                 ORDER BY COALESCE(s.sha256, ''), p.run, p.seq",
                &[0, 1, 2, 3],
                &[4, 5, 6, 7],
            ),
            Sealed::Coverage => (
                "SELECT s.sha256, c.shape, c.events, c.first_us, c.last_us
                 FROM coverage c JOIN source s ON s.id = c.source ORDER BY s.sha256, c.shape",
                &[0, 1],
                &[2, 3, 4],
            ),
            Sealed::Verdicts => (
                "SELECT id, subject, kind, analyst, time_us, reason, expires, undone FROM verdict ORDER BY id",
                &[1, 2, 3, 5],
                &[0, 4, 6, 7],
            ),
            Sealed::Holds => (
                "SELECT id, name, reason, analyst, time_us, from_us, to_us, released FROM legal_hold ORDER BY id",
                &[1, 2, 3],
                &[0, 4, 5, 6, 7],
            ),
            Sealed::Exhibits => (
                "SELECT id, title, tlp, body, citations, run FROM exhibit ORDER BY id",
                &[0, 1, 2, 3, 4],
                &[5],
            ),
            Sealed::Attributions => (
                "SELECT id, campaign, kind, analyst, time_us, reason, body, undone FROM attribution ORDER BY id",
                &[1, 2, 3, 5, 6],
                &[0, 4, 7],
            ),
            Sealed::Answers => (
                "SELECT id, campaign, scale, item, choices, analyst, time_us, reason, undone FROM answer ORDER BY id",
                &[1, 2, 3, 4, 5, 7],
                &[0, 6, 8],
            ),
        };
        let (mut hash, mut count) = (Sha256::new(), 0);
        db::each(conn, sqlx::query(sql), |row| {
            count += 1;
            add_row(&mut hash, row, texts, numbers)
        })
        .await?;
        Ok((hex(&hash.finalize()), count))
    }
}

/// Adds a link over all of it as it is now.
pub(crate) async fn seal(conn: &mut Conn, run: i64, what: Sealed) -> Result<(), Inner> {
    let (digest, count) = what.digest(&mut *conn).await?;
    // Most cases never have an exhibit: nothing to seal then.
    if what == Sealed::Exhibits && count == 0 {
        let sealed: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM custody WHERE kind = $1")
            .bind(what.name())
            .fetch_one(&mut *conn)
            .await?;
        if sealed == 0 {
            return Ok(());
        }
    }
    append(conn, run, what.name(), "", &digest, count).await
}

/// Adds a link over an analyst's words, which belong to no run: it names the last one.
pub(crate) async fn seal_words(conn: &mut Conn, what: Sealed) -> Result<(), Inner> {
    let run: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM run").fetch_one(&mut *conn).await?;
    seal(conn, run, what).await
}

/// Adds a link over findings, problems and coverage.
pub(crate) async fn seal_run(conn: &mut Conn, run: i64) -> Result<(), Inner> {
    for what in Sealed::ALL.into_iter().filter(|s| s.by_run()) {
        seal(&mut *conn, run, what).await?;
    }
    Ok(())
}

/// Adds the links of a segment of the lake: `file` is its path below `lake/`, its index stands
/// beside it with the ending `obs` (`index_sha256` is empty if it has none).
pub(crate) async fn append_segment(
    conn: &mut Conn,
    run: i64,
    file: &str,
    (sha256, bytes): (&str, i64),
    (index_sha256, index_bytes): (&str, i64),
) -> Result<(), Inner> {
    append(&mut *conn, run, "segment", file, sha256, bytes).await?;
    if !index_sha256.is_empty() {
        append(conn, run, "segment-index", &index_of(file), index_sha256, index_bytes).await?;
    }
    Ok(())
}

/// The index of a segment, below `lake/`.
pub(crate) fn index_of(file: &str) -> String {
    format!("{}.obs", file.strip_suffix(".parquet").unwrap_or(file))
}

/// Segments that left the lake.
#[derive(Clone, Debug)]
pub(crate) struct Dropped<'a> {
    pub(crate) time_us: i64,
    pub(crate) run: i64,
    /// `compaction`, `retention`, `erasure` or `corrupt`.
    pub(crate) kind: &'a str,
    /// Their files, below `lake/`.
    pub(crate) files: &'a [String],
    pub(crate) rows: i64,
    pub(crate) detail: &'a str,
}

/// Keeps that segments left the lake, with its link.
pub(crate) async fn append_dropped(conn: &mut Conn, d: &Dropped<'_>) -> Result<i64, Inner> {
    let seq: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) + 1 FROM dropped").fetch_one(&mut *conn).await?;
    let files = serde_json::to_string(d.files).unwrap_or_default();
    sqlx::query(
        "INSERT INTO dropped (seq, time_us, run, kind, segments, rows, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(seq)
    .bind(d.time_us)
    .bind(d.run)
    .bind(d.kind)
    .bind(&files)
    .bind(d.rows)
    .bind(d.detail)
    .execute(&mut *conn)
    .await?;
    let sha256 = dropped_digest(seq, d.time_us, d.kind, &files, d.rows, d.detail);
    append(conn, d.run, "dropped", d.kind, &sha256, d.rows).await?;
    Ok(seq)
}

/// What the link of a row of `dropped` covers.
pub(crate) fn dropped_digest(
    seq: i64,
    time_us: i64,
    kind: &str,
    files: &str,
    rows: i64,
    detail: &str,
) -> String {
    digest(&[&seq.to_string(), &time_us.to_string(), kind, files, &rows.to_string(), detail])
}

/// Adds texts and numbers of a row, each behind its length; what is absent is not the empty text.
fn add_row(hash: &mut Sha256, row: &Row, texts: &[usize], numbers: &[usize]) -> Result<(), Inner> {
    let mut add = |value: Option<&str>| match value {
        Some(text) => {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        None => hash.update(u64::MAX.to_le_bytes()),
    };
    for i in texts {
        add(row.try_get::<Option<&str>, _>(*i)?);
    }
    for i in numbers {
        add(row.try_get::<Option<i64>, _>(*i)?.map(|n| n.to_string()).as_deref());
    }
    Ok(())
}

/// The text of `manifest.txt`: every path of every source, in the form of `sha256sum`.
pub(crate) async fn manifest(conn: &mut Conn) -> Result<String, Inner> {
    let rows = sqlx::query(
        "SELECT s.sha256, p.path FROM source_path p JOIN source s ON s.id = p.source ORDER BY s.id, p.path",
    )
    .fetch_all(conn)
    .await?;
    let mut text = String::new();
    for row in rows {
        let (sha256, path): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        // As coreutils does: a name that needs escaping is marked by a backslash in front of the line.
        let escaped = path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        let mark = if escaped == path { "" } else { "\\" };
        let _ = writeln!(text, "{mark}{sha256}  {escaped}");
    }
    Ok(text)
}

/// Writes `manifest.txt`, whole or not at all.
pub(crate) fn write_manifest(dir: &Path, text: &str) -> Result<()> {
    place::write_whole(dir, MANIFEST, text.as_bytes())
}
