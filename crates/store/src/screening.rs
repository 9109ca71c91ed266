//! What names and addresses were held against, so that only what changed is asked again.
//!
//! A party of a list is kept as a digest and the *generation* in which it became what it is; a query as a digest and the
//! generation of the lists it was last held against. A query of generation *g* has still to be held against the parties
//! whose generation is above *g*, and against no others. Hits are kept under ids that are digests of query and party, so
//! a verdict on one holds as long as both are as they were: words on hits are verdicts like any other.
//!
//! What this module never does: decide what is a hit, or who is meant.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::Time;
use sqlx::Row as _;

use crate::case::Parts;
use crate::db;
use crate::run::signed;
use crate::{Case, Inner, Result};

/// Rows in one statement.
const AT_ONCE: usize = 400;

/// What is known of the lists after they were brought up to date.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Screened {
    /// The generation of the lists as they are now; the first is 1.
    pub generation: i64,
    /// Generation of each party, in the order in which they were given.
    pub since: Vec<i64>,
    /// Keys of parties that are on no list any more, sorted.
    pub gone: Vec<String>,
}

/// Against what a query was held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScreenedQuery {
    /// The generation of the lists then.
    pub generation: i64,
    /// The least score that was kept then, in millionths.
    pub threshold: i64,
}

/// A hit as the case keeps it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct StoredHit {
    /// Digest of the query and of the party as it was: what a verdict names.
    pub id: String,
    /// Digest of the query.
    pub query: String,
    /// What the user calls the query.
    pub name: String,
    /// List and entry.
    pub party: String,
    /// The party's name.
    pub listed: String,
    /// Score in millionths.
    pub score: i64,
    /// When it was first kept.
    pub first: Time,
}

impl Case {
    /// Notes what the lists say now, given as key and digest of each party: new and changed parties get a new
    /// generation, parties that are gone are forgotten. A key may stand for several
    /// parties, which their digests tell apart: lists without ids number their rows, and two such lists begin alike.
    pub fn screened_lists(&mut self, parties: &[(String, String)]) -> Result<Screened> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let rows =
                sqlx::query("SELECT party, digest, since FROM screened_party").fetch_all(&mut *tx).await?;
            let mut known: BTreeMap<(String, String), i64> = BTreeMap::new();
            for row in &rows {
                known.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
            }
            let newest: i64 =
                sqlx::query_scalar("SELECT COALESCE(MAX(generation), 0) FROM screened_generation")
                    .fetch_one(&mut *tx)
                    .await?;
            let (mut since, mut new) = (Vec::with_capacity(parties.len()), Vec::new());
            let mut now: BTreeMap<(String, String), i64> = BTreeMap::new();
            for (key, digest) in parties {
                let at = (db::key(&db::clean(key)).into_owned(), digest.clone());
                let generation = now.get(&at).or_else(|| known.get(&at)).copied().unwrap_or_else(|| {
                    new.push(at.clone());
                    newest + 1
                });
                since.push(generation);
                now.insert(at, generation);
            }
            let left: BTreeSet<&String> = now.keys().map(|(party, _)| party).collect();
            let old: Vec<&(String, String)> = known.keys().filter(|k| !now.contains_key(*k)).collect();
            let mut gone: Vec<String> =
                old.iter().map(|(party, _)| party.clone()).filter(|p| !left.contains(p)).collect();
            gone.dedup();
            let generation = if new.is_empty() { newest } else { newest + 1 };
            if generation > newest {
                sqlx::query("INSERT INTO screened_generation (generation) VALUES ($1)")
                    .bind(generation)
                    .execute(&mut *tx)
                    .await?;
            }
            for (party, digest) in old {
                sqlx::query("DELETE FROM screened_party WHERE party = $1 AND digest = $2")
                    .bind(party)
                    .bind(digest)
                    .execute(&mut *tx)
                    .await?;
            }
            for part in new.chunks(AT_ONCE) {
                let rows: Vec<String> =
                    (0..part.len()).map(|n| format!("(${}, ${}, $1)", 2 * n + 2, 2 * n + 3)).collect();
                let sql =
                    format!("INSERT INTO screened_party (party, digest, since) VALUES {}", rows.join(", "));
                let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(generation);
                for (party, digest) in part {
                    query = query.bind(party).bind(digest);
                }
                query.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(Screened { generation, since, gone })
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Against what queries were held, in the order of their digests here; `None` of those that never were.
    pub fn screened_queries(&mut self, digests: &[String]) -> Result<Vec<Option<ScreenedQuery>>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut known: BTreeMap<String, ScreenedQuery> = BTreeMap::new();
            for part in digests.chunks(AT_ONCE) {
                let places: Vec<String> = (1..=part.len()).map(|n| format!("${n}")).collect();
                let sql = format!(
                    "SELECT digest, generation, threshold FROM screened_query WHERE digest IN ({})",
                    places.join(", ")
                );
                let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
                for digest in part {
                    query = query.bind(digest);
                }
                for row in query.fetch_all(&mut *conn).await? {
                    let what = ScreenedQuery { generation: row.try_get(1)?, threshold: row.try_get(2)? };
                    known.insert(row.try_get(0)?, what);
                }
            }
            Ok(digests.iter().map(|d| known.get(d).copied()).collect())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Keeps that queries (digests) were held against the lists of a generation, and the hits that came of it, all in
    /// one transaction. A hit that is kept already stays as it was.
    pub fn screened(&mut self, queries: &[String], held: ScreenedQuery, hits: &[StoredHit]) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            for hit in hits {
                sqlx::query(
                    "INSERT INTO screening_hit (id, query, name, party, listed, score, first_us)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                )
                .bind(&hit.id)
                .bind(&hit.query)
                .bind(&*db::clean(&hit.name))
                .bind(&*db::clean(&hit.party))
                .bind(&*db::clean(&hit.listed))
                .bind(hit.score)
                .bind(hit.first.0)
                .execute(&mut *tx)
                .await?;
            }
            // A query that is asked twice is kept once: one statement may not set a row twice.
            let queries: Vec<&String> = queries.iter().collect::<BTreeSet<_>>().into_iter().collect();
            for part in queries.chunks(AT_ONCE) {
                let rows: Vec<String> = (0..part.len()).map(|n| format!("(${}, $1, $2)", n + 3)).collect();
                let sql = format!(
                    "INSERT INTO screened_query (digest, generation, threshold) VALUES {}
                     ON CONFLICT (digest) DO UPDATE SET generation = excluded.generation, threshold = excluded.threshold",
                    rows.join(", ")
                );
                let mut query =
                    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(held.generation).bind(held.threshold);
                for digest in part {
                    query = query.bind(digest.as_str());
                }
                query.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// What the lists said last: key and digest of each party, as they were given to [`Case::screened_lists`], sorted.
    pub fn screened_parties(&mut self) -> Result<Vec<(String, String)>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query("SELECT party, digest FROM screened_party ORDER BY party, digest")
                .fetch_all(conn)
                .await?;
            let read =
                |row: &db::Row| -> Result<(String, String), Inner> { Ok((row.try_get(0)?, row.try_get(1)?)) };
            rows.iter().map(read).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Digests of queries that were held against lists, in their order, behind `after`. No more than `limit`.
    pub fn screened_digests(&mut self, after: &str, limit: u64) -> Result<Vec<String>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            Ok(sqlx::query_scalar(
                "SELECT digest FROM screened_query WHERE digest > $1 ORDER BY digest LIMIT $2",
            )
            .bind(after)
            .bind(signed(limit))
            .fetch_all(conn)
            .await?)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Forgets that queries were held against lists: others stand in their place. Hits of theirs stay.
    pub fn screened_forget(&mut self, digests: &[String]) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            for part in digests.chunks(AT_ONCE) {
                let places: Vec<String> = (1..=part.len()).map(|n| format!("${n}")).collect();
                let sql = format!("DELETE FROM screened_query WHERE digest IN ({})", places.join(", "));
                let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
                for digest in part {
                    query = query.bind(digest);
                }
                query.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Kept hits, best first; of one id if it is given. No more than `limit`.
    pub fn screening_hits(&mut self, id: Option<&str>, limit: u64) -> Result<Vec<StoredHit>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query(
                "SELECT id, query, name, party, listed, score, first_us FROM screening_hit
                 WHERE $1 = '' OR id = $1 ORDER BY score DESC, name, id LIMIT $2",
            )
            .bind(id.unwrap_or(""))
            .bind(signed(limit))
            .fetch_all(conn)
            .await?;
            let read = |row: &db::Row| -> Result<StoredHit, Inner> {
                Ok(StoredHit {
                    id: row.try_get(0)?,
                    query: row.try_get(1)?,
                    name: row.try_get(2)?,
                    party: row.try_get(3)?,
                    listed: row.try_get(4)?,
                    score: row.try_get(5)?,
                    first: Time(row.try_get(6)?),
                })
            };
            rows.iter().map(read).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}
