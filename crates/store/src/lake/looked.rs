//! Which rules and indicators have looked at which rows of the lake.
//!
//! Commits are numbered; a rule that has looked at everything up to commit 7 need only see segments
//! with rows of later ones. A compacted segment is as new as the newest of its rows, so it may be looked at once more:
//! findings have ids of their content, and nothing doubles.

use std::collections::HashMap;

use sqlx::Row as _;

use crate::case::Parts;
use crate::db;
use crate::run::RunWriter;
use crate::{Case, Inner, Result};

/// Most rules and indicators whose looking is remembered; beyond, everything is looked at each time.
pub const MAX_LOOKED: usize = 500_000;

/// Rows of one statement.
const AT_ONCE: usize = 500;

impl Case {
    /// Up to which commit each has looked, in the order of the items (kind and digest); 0: nowhere yet.
    pub fn looked(&mut self, items: &[(&'static str, String)]) -> Result<Vec<i64>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut known: HashMap<(String, String), i64> = HashMap::new();
            db::each(conn, sqlx::query("SELECT kind, item, seq FROM looked"), |row| {
                known.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
                Ok(())
            })
            .await?;
            Ok(known)
        };
        let known = runtime.block_on(work).map_err(|e: Inner| e.of(dir))?;
        let of = |(kind, item): &(&str, String)| known.get(&((*kind).to_owned(), item.clone())).copied();
        Ok(items.iter().map(|i| of(i).unwrap_or(0)).collect())
    }

    /// The number of the newest commit with rows.
    pub fn newest_commit(&mut self) -> Result<i64> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let seq: i64 =
                sqlx::query_scalar("SELECT COALESCE(MAX(last_seq), 0) FROM segment").fetch_one(conn).await?;
            Ok(seq)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

impl RunWriter<'_> {
    /// Remembers that these have looked at everything up to the newest commit, if they had at
    /// everything up to `since`: a run over new files shows their rows to rules that may not know
    /// the older ones. More than [`MAX_LOOKED`] are not remembered.
    pub fn have_looked(&mut self, items: &[(&'static str, String)], since: i64) -> Result<()> {
        if items.len() > MAX_LOOKED {
            return Ok(());
        }
        let newest = self.case.newest_commit()?;
        if newest == 0 {
            return Ok(());
        }
        let before = self.case.looked(items)?;
        let mut new: Vec<&(&'static str, String)> = items
            .iter()
            .zip(before)
            .filter(|(_, seq)| *seq >= since && *seq < newest)
            .map(|(i, _)| i)
            .collect();
        new.sort_unstable();
        new.dedup();
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            for rows in new.chunks(AT_ONCE) {
                let sql = format!(
                    "INSERT INTO looked (kind, item, seq) VALUES {}
                     ON CONFLICT (kind, item) DO UPDATE SET seq = excluded.seq",
                    db::places(rows.len(), 3)
                );
                let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
                for (kind, item) in rows {
                    query = query.bind(*kind).bind(item.as_str()).bind(newest);
                }
                query.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}
