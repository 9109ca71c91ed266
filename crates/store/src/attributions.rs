//! Who adopted which assessment of a campaign, or put another in its place.
//!
//! A machine's assessment is a draft and is not kept. What is kept is an analyst's word on it, with what it said then and
//! what it rested on, as text that the caller makes. A word is never changed: it can be taken back, which is noted, and a
//! later one takes its place. What this module never does: assess, or decide whether a word still holds.

use palisade_model::Time;
use sqlx::Row as _;

use crate::case::Parts;
use crate::custody::{self, Sealed};
use crate::db::{self, Row};
use crate::{Case, Error, Inner, Result};

/// Longest text of what was adopted, in bytes: some hundred hypotheses with their reasons.
pub const MAX_ATTRIBUTION_BYTES: usize = 1 << 20;

/// An analyst's word on who is behind a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredAttribution {
    /// The campaign's id when it was given: that of its first finding, hexadecimal.
    pub campaign: String,
    /// `adopted`, or `overridden`: the analyst says something else than the assessment.
    pub kind: String,
    /// Who says it.
    pub analyst: String,
    /// When.
    pub time: Time,
    /// Why.
    pub reason: String,
    /// What was said and what it rested on.
    pub body: String,
    /// Whether it was taken back, and when.
    pub undone: Option<Time>,
}

impl Case {
    /// Keeps an analyst's word and returns its number in the case.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`MAX_ATTRIBUTION_BYTES`].
    pub fn attribution_add(&mut self, a: &StoredAttribution) -> Result<i64> {
        if a.body.len() > MAX_ATTRIBUTION_BYTES {
            return Err(Error::TooLarge { what: "an adopted assessment", most: MAX_ATTRIBUTION_BYTES });
        }
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let id: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM attribution")
                .fetch_one(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO attribution (id, campaign, kind, analyst, time_us, reason, body, undone)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(id)
            .bind(&a.campaign)
            .bind(&a.kind)
            .bind(&*db::clean(&a.analyst))
            .bind(a.time.0)
            .bind(&*db::clean(&a.reason))
            .bind(&*db::clean(&a.body))
            .bind(a.undone.map(|t| t.0))
            .execute(&mut *tx)
            .await?;
            custody::seal_words(&mut tx, Sealed::Attributions).await?;
            tx.commit().await?;
            Ok(id)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Takes a word back as of `at`; one already taken back stays as it was.
    ///
    /// # Errors
    /// [`Error::NoAttribution`].
    pub fn attribution_undo(&mut self, id: i64, at: Time) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let done = sqlx::query("UPDATE attribution SET undone = COALESCE(undone, $1) WHERE id = $2")
                .bind(at.0)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::NoAttribution(id).into());
            }
            custody::seal_words(&mut tx, Sealed::Attributions).await?;
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// All words with their numbers, oldest first, those taken back included.
    pub fn attributions(&mut self) -> Result<Vec<(i64, StoredAttribution)>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query(
                "SELECT id, campaign, kind, analyst, time_us, reason, body, undone FROM attribution ORDER BY id",
            )
            .fetch_all(conn)
            .await?;
            rows.iter().map(read).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

fn read(row: &Row) -> Result<(i64, StoredAttribution), Inner> {
    let word = StoredAttribution {
        campaign: row.try_get(1)?,
        kind: row.try_get(2)?,
        analyst: row.try_get(3)?,
        time: Time(row.try_get(4)?),
        reason: row.try_get(5)?,
        body: row.try_get(6)?,
        undone: row.try_get::<Option<i64>, _>(7)?.map(Time),
    };
    Ok((row.try_get(0)?, word))
}
