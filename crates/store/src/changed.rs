//! What a run changed: findings of the evidence that it read to the end, old and new.
//!
//! Findings stay in a case when a later run does not make them any more: an analyst may have judged them.
//! Who reads evidence again wants to know which these are.

use sqlx::Row as _;

use crate::case::Parts;
use crate::db;
use crate::{Case, Inner, Result};

/// A finding that cites evidence of the newest run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FindingOfRun {
    /// Content id, hexadecimal.
    pub id: String,
    /// Rule or detector.
    pub rule_id: String,
    /// Its title.
    pub title: String,
    /// Its severity, by name.
    pub severity: String,
    /// Whether the case has it from this run.
    pub new: bool,
}

impl Case {
    /// Findings that cite a source which the newest run read to its end, whichever run made them; by rule and id.
    pub fn findings_of_newest_run(&mut self) -> Result<Vec<FindingOfRun>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut out = Vec::new();
            let query = sqlx::query(
                "SELECT id, rule_id, title, severity, first_run, (SELECT MAX(id) FROM run) AS newest FROM finding
                 WHERE id IN (SELECT finding FROM citation WHERE source IN
                     (SELECT id FROM source WHERE last_run = (SELECT MAX(id) FROM run)))
                 ORDER BY rule_id, id",
            );
            db::each(conn, query, |row| {
                out.push(FindingOfRun {
                    id: row.try_get(0)?,
                    rule_id: row.try_get(1)?,
                    title: row.try_get(2)?,
                    severity: row.try_get(3)?,
                    new: row.try_get::<i64, _>(4)? == row.try_get::<i64, _>(5)?,
                });
                Ok(())
            })
            .await?;
            Ok(out)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}
