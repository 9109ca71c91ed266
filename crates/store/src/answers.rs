//! What analysts answer to the questions of scales: whose word, on which campaign, and why.
//!
//! What findings answer is derived anew each time and not kept; kept is what only a person can know. An answer is never
//! changed: it can be taken back, which is noted, and a later one to the same question takes its place. What this module
//! never does: judge.

use palisade_model::Time;
use serde::Serialize;
use sqlx::Row as _;

use crate::case::Parts;
use crate::custody::{self, Sealed};
use crate::db::{self, Row};
use crate::{Case, Error, Inner, Result};

/// An answer to one question of one scale.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoredAnswer {
    /// The campaign's id when it was given: that of its first finding, hexadecimal.
    pub campaign: String,
    /// The scale's id.
    pub scale: String,
    /// The question's.
    pub item: String,
    /// Ids of the choices that hold; none: it is said not to be known.
    pub choices: Vec<String>,
    /// Who says it.
    pub analyst: String,
    /// When.
    pub time: Time,
    /// Why.
    pub reason: String,
    /// Whether it was taken back, and when.
    pub undone: Option<Time>,
}

impl Case {
    /// Keeps an answer and returns its number in the case.
    ///
    /// # Errors
    /// Those of the database.
    pub fn answer_add(&mut self, a: &StoredAnswer) -> Result<i64> {
        let choices = serde_json::to_string(&a.choices).unwrap_or_default();
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let id: i64 =
                sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM answer").fetch_one(&mut *tx).await?;
            sqlx::query(
                "INSERT INTO answer (id, campaign, scale, item, choices, analyst, time_us, reason, undone)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(id)
            .bind(&a.campaign)
            .bind(&a.scale)
            .bind(&a.item)
            .bind(&choices)
            .bind(&*db::clean(&a.analyst))
            .bind(a.time.0)
            .bind(&*db::clean(&a.reason))
            .bind(a.undone.map(|t| t.0))
            .execute(&mut *tx)
            .await?;
            custody::seal_words(&mut tx, Sealed::Answers).await?;
            tx.commit().await?;
            Ok(id)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Takes an answer back as of `at`; one already taken back stays as it was.
    ///
    /// # Errors
    /// [`Error::NoAnswer`].
    pub fn answer_undo(&mut self, id: i64, at: Time) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let done = sqlx::query("UPDATE answer SET undone = COALESCE(undone, $1) WHERE id = $2")
                .bind(at.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::NoAnswer(id).into());
            }
            custody::seal_words(&mut tx, Sealed::Answers).await?;
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// All answers with their numbers, oldest first, those taken back included.
    pub fn answers(&mut self) -> Result<Vec<(i64, StoredAnswer)>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query(
                "SELECT id, campaign, scale, item, choices, analyst, time_us, reason, undone FROM answer ORDER BY id",
            )
            .fetch_all(conn)
            .await?;
            rows.iter().map(read).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

fn read(row: &Row) -> Result<(i64, StoredAnswer), Inner> {
    let answer = StoredAnswer {
        campaign: row.try_get(1)?,
        scale: row.try_get(2)?,
        item: row.try_get(3)?,
        choices: crate::read::parsed(row.try_get(4)?)?,
        analyst: row.try_get(5)?,
        time: Time(row.try_get(6)?),
        reason: row.try_get(7)?,
        undone: row.try_get::<Option<i64>, _>(8)?.map(Time),
    };
    Ok((row.try_get(0)?, answer))
}
