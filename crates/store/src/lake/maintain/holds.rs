//! Legal holds: spans of time of which nothing may go, whatever retention or an erasure asks for.
//!
//! What this module never does: forget a hold. One that was released stays, with the date.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::Time;
use sqlx::Row as _;

use crate::case::Parts;
use crate::custody::{self, Sealed};
use crate::db::{self, Conn};
use crate::{Case, Error, Inner, Result};

/// A legal hold.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Hold {
    /// Its number in the case.
    pub id: i64,
    /// What it is called: the matter.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who says it.
    pub analyst: String,
    /// When it was said.
    pub time: Time,
    /// From when on rows are held (included); from the first if `None`.
    pub from: Option<Time>,
    /// Up to when (excluded); to the last if `None`.
    pub to: Option<Time>,
    /// When it was released.
    pub released: Option<Time>,
}

/// Rows and findings that stay because of a hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Number of the hold.
    pub hold: i64,
    /// Its name.
    pub name: String,
    /// Rows that stay.
    pub rows: u64,
    /// Findings that stay as they are.
    pub findings: u64,
}

impl Hold {
    /// Whether a row or finding of this time is held. Of one without a time nobody can say that it
    /// lies outside the span, so it is.
    fn covers(&self, time: Option<Time>) -> bool {
        let Some(time) = time else { return true };
        self.from.is_none_or(|f| time >= f) && self.to.is_none_or(|t| time < t)
    }
}

impl Case {
    /// Adds a hold over rows of a span of time (the end excluded), as of `at`; its number in the case.
    pub fn hold_add(
        &mut self,
        name: &str,
        reason: &str,
        analyst: &str,
        (from, to): (Option<Time>, Option<Time>),
        at: Time,
    ) -> Result<i64> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let id: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM legal_hold")
                .fetch_one(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO legal_hold (id, name, reason, analyst, time_us, from_us, to_us, released)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)",
            )
            .bind(id)
            .bind(&*db::clean(name))
            .bind(&*db::clean(reason))
            .bind(&*db::clean(analyst))
            .bind(at.0)
            .bind(from.map(|t| t.0))
            .bind(to.map(|t| t.0))
            .execute(&mut *tx)
            .await?;
            custody::seal_words(&mut tx, Sealed::Holds).await?;
            tx.commit().await?;
            Ok(id)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Releases a hold as of `at`; one already released stays as it was.
    ///
    /// # Errors
    /// [`Error::NoHold`].
    pub fn hold_release(&mut self, id: i64, at: Time) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let done = sqlx::query("UPDATE legal_hold SET released = COALESCE(released, $1) WHERE id = $2")
                .bind(at.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::NoHold(id).into());
            }
            custody::seal_words(&mut tx, Sealed::Holds).await?;
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// All holds, oldest first, released ones included.
    pub fn holds(&mut self) -> Result<Vec<Hold>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        runtime.block_on(list(conn)).map_err(|e| e.of(dir))
    }
}

async fn list(conn: &mut Conn) -> Result<Vec<Hold>, Inner> {
    let rows = sqlx::query(
        "SELECT id, name, reason, analyst, time_us, from_us, to_us, released FROM legal_hold ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    let hold = |row: &db::Row| {
        Ok(Hold {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            reason: row.try_get(2)?,
            analyst: row.try_get(3)?,
            time: Time(row.try_get(4)?),
            from: row.try_get::<Option<i64>, _>(5)?.map(Time),
            to: row.try_get::<Option<i64>, _>(6)?.map(Time),
            released: row.try_get::<Option<i64>, _>(7)?.map(Time),
        })
    };
    rows.iter().map(hold).collect()
}

/// The holds in force, and what they kept back.
pub(super) struct Holds {
    holds: Vec<Hold>,
    rows: BTreeMap<i64, u64>,
    findings: BTreeMap<i64, BTreeSet<String>>,
}

impl Holds {
    pub(super) fn of(case: &mut Case) -> Result<Holds> {
        let mut holds = case.holds()?;
        holds.retain(|h| h.released.is_none());
        Ok(Holds { holds, rows: BTreeMap::new(), findings: BTreeMap::new() })
    }

    /// The first hold that covers a moment.
    fn over(&self, time: Option<Time>) -> Option<i64> {
        self.holds.iter().find(|h| h.covers(time)).map(|h| h.id)
    }

    /// Whether a row that would go is held; it is counted.
    pub(super) fn keep_row(&mut self, time: Option<Time>) -> bool {
        let Some(id) = self.over(time) else { return false };
        *self.rows.entry(id).or_default() += 1;
        true
    }

    /// Whether a finding that would be redacted is held; it is counted.
    pub(super) fn keep_finding(&mut self, finding: &str, time: Option<Time>, end: Option<Time>) -> bool {
        let Some(id) = self.over(time).or_else(|| self.over(end)) else { return false };
        self.findings.entry(id).or_default().insert(finding.to_owned());
        true
    }

    /// The first hold that may cover rows of a span (both ends included) or rows without a time.
    pub(super) fn meets(&self, span: Option<(i64, i64)>, untimed: bool) -> Option<i64> {
        let met = |h: &&Hold| {
            let span = span.is_some_and(|(min, max)| {
                h.from.is_none_or(|f| max >= f.0) && h.to.is_none_or(|t| min < t.0)
            });
            span || untimed
        };
        self.holds.iter().find(met).map(|h| h.id)
    }

    /// Counts rows that a hold keeps.
    pub(super) fn keep_rows(&mut self, id: i64, rows: u64) {
        *self.rows.entry(id).or_default() += rows;
    }

    /// What was kept back, by hold.
    pub(super) fn refused(&self) -> Vec<Refused> {
        let said = self.holds.iter().map(|h| Refused {
            hold: h.id,
            name: h.name.clone(),
            rows: self.rows.get(&h.id).copied().unwrap_or(0),
            findings: self.findings.get(&h.id).map_or(0, |f| f.len() as u64),
        });
        said.filter(|r| r.rows + r.findings > 0).collect()
    }
}
