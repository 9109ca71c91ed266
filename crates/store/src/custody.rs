//! Custody: a chain of hashes over who brought what, and a list that third parties can check.
//!
//! When a run ends, an entry covers all findings with their citations; each word of an analyst adds
//! one that covers all verdicts. Problems and coverage are not covered.
//!
//! Each entry's hash covers the one before it, so that changing, removing or inserting an entry
//! breaks every later hash. The end of the chain has nothing behind it: whoever must prove that
//! nothing was cut off writes down the last hash, which `case verify` prints.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::{Inner, MANIFEST, Result, file_error};

/// What the first entry follows.
pub(crate) const GENESIS: &str = "";

/// One link of the chain.
pub(crate) struct Entry<'a> {
    pub(crate) seq: i64,
    pub(crate) run: i64,
    /// `run`, `evidence`, `rules`, `list`, `config`, `findings` or `verdicts`.
    pub(crate) kind: &'a str,
    pub(crate) path: &'a str,
    pub(crate) sha256: &'a str,
    /// Size of the file; of findings and verdicts, their number.
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
    conn: &mut SqliteConnection,
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
pub(crate) async fn findings(conn: &mut SqliteConnection) -> Result<(String, i64), Inner> {
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

/// Digest of every verdict, and their number.
pub(crate) async fn verdicts(conn: &mut SqliteConnection) -> Result<(String, i64), Inner> {
    let rows = sqlx::query(
        "SELECT id, subject, kind, analyst, time_us, reason, expires, undone FROM verdict ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    let mut hash = Sha256::new();
    for row in &rows {
        add_row(&mut hash, row, &[1, 2, 3, 5], &[0, 4, 6, 7])?;
    }
    Ok((hex(&hash.finalize()), i64::try_from(rows.len()).unwrap_or(i64::MAX)))
}

/// Adds texts and numbers of a row, each behind its length; what is absent is not the empty text.
fn add_row(hash: &mut Sha256, row: &SqliteRow, texts: &[usize], numbers: &[usize]) -> Result<(), Inner> {
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

/// Adds a link over the verdicts as they are now.
pub(crate) async fn seal_verdicts(conn: &mut SqliteConnection) -> Result<(), Inner> {
    let (digest, count) = verdicts(&mut *conn).await?;
    let run: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM run").fetch_one(&mut *conn).await?;
    append(conn, run, "verdicts", "", &digest, count).await
}

/// The text of `manifest.txt`: every path of every source, in the form of `sha256sum`.
pub(crate) async fn manifest(conn: &mut SqliteConnection) -> Result<String, Inner> {
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

/// Writes `manifest.txt` so that a crash leaves the old one or the new one.
pub(crate) fn write_manifest(dir: &Path, text: &str) -> Result<()> {
    let path = dir.join(MANIFEST);
    let fresh = dir.join(format!("{MANIFEST}.new"));
    let write = || {
        let mut file = File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|e| file_error("writing", &path, e, dir))
}
