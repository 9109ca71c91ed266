//! Exhibits: pictures and tables that detectors made, with what they cite.
//!
//! A newer exhibit of the same title takes the place of the one before: it was made of more. What this module
//! never does: draw one.

use palisade_model::{Exhibit, ExhibitBody, Tlp};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use crate::case::Parts;
use crate::db;
use crate::run::signed;
use crate::{Case, Error, Inner, Resolve, Result, RunWriter, StoredCitation, member_of};

/// Most exhibits of one case; a newer one beyond is an error of the detector.
pub const MAX_EXHIBITS: usize = 1_000;

/// Most bytes of one exhibit's content.
pub const MAX_EXHIBIT_BYTES: usize = 16 << 20;

/// Most citations kept of one exhibit.
pub const MAX_CITATIONS: usize = 10_000;

/// A kept exhibit.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredExhibit {
    /// Heading.
    pub title: String,
    /// Content.
    pub body: ExhibitBody,
    /// Who may see it.
    pub tlp: Tlp,
    /// Evidence.
    pub citations: Vec<StoredCitation>,
}

/// A citation as it stands in the table: source, member, record, offset.
type Cited = (i64, String, u64, u64);

impl RunWriter<'_> {
    /// Keeps exhibits, all in one transaction. They may cite sources kept earlier; one that is too large, or one too
    /// many, is left out, and counted in what is returned.
    ///
    /// # Errors
    /// [`Error::UnknownSource`], [`Error::DiskFull`].
    pub fn exhibits(&mut self, exhibits: &[Exhibit], resolve: Resolve<'_>) -> Result<u64> {
        let Parts { conn, runtime, dir } = self.case.parts()?;
        let run = self.id;
        let work = async {
            let mut left_out = 0;
            let mut tx = db::begin(conn).await?;
            for exhibit in exhibits {
                let title = db::clean(&exhibit.title);
                let Ok(body) = serde_json::to_string(&exhibit.body) else {
                    left_out += 1;
                    continue;
                };
                let body = db::clean(&body);
                // Before anything is taken away for it.
                let others: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM exhibit WHERE title <> $1")
                    .bind(&*title)
                    .fetch_one(&mut *tx)
                    .await?;
                if body.len() > MAX_EXHIBIT_BYTES || others >= signed(MAX_EXHIBITS as u64) {
                    left_out += 1;
                    continue;
                }
                let mut cited: Vec<Cited> = Vec::new();
                for c in exhibit.citations.iter().take(MAX_CITATIONS) {
                    let unknown = |what| Error::UnknownSource { finding: exhibit.title.clone(), what };
                    let found = resolve(c.source)
                        .ok_or_else(|| unknown(format!("number {} of this run", c.source.0)))?;
                    let source: Option<i64> = sqlx::query_scalar("SELECT id FROM source WHERE sha256 = $1")
                        .bind(&found.sha256)
                        .fetch_optional(&mut *tx)
                        .await?;
                    let source = source
                        .ok_or_else(|| unknown(format!("{}, SHA-256 {}", found.origin, found.sha256)))?;
                    cited.push((source, member_of(&found.origin), c.record, c.offset));
                }
                sqlx::query("DELETE FROM exhibit WHERE title = $1").bind(&*title).execute(&mut *tx).await?;
                let hash = Sha256::digest(format!("{}\0{title}\0{body}", title.len()));
                sqlx::query(
                    "INSERT INTO exhibit (id, title, tlp, body, citations, run) VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT DO NOTHING",
                )
                .bind(crate::custody::hex(&hash[..16]))
                .bind(&*title)
                .bind(exhibit.tlp.to_string())
                .bind(&*body)
                .bind(serde_json::to_string(&cited).unwrap_or_default())
                .bind(run)
                .execute(&mut *tx)
                .await?;
            }
            tx.commit().await?;
            Ok(left_out)
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

impl Case {
    /// The exhibits, by title.
    pub fn exhibits(&mut self) -> Result<Vec<StoredExhibit>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let sources =
                sqlx::query("SELECT id, sha256, first_path FROM source").fetch_all(&mut *conn).await?;
            let mut known = std::collections::HashMap::<i64, (String, String)>::new();
            for row in sources {
                known.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
            }
            let rows = sqlx::query("SELECT title, tlp, body, citations FROM exhibit ORDER BY title, id")
                .fetch_all(conn)
                .await?;
            let read = |row: &db::Row| -> Result<StoredExhibit, Inner> {
                let tlp: String = row.try_get(1)?;
                let cited: Vec<Cited> = crate::read::parsed(row.try_get(3)?)?;
                let citation = |(source, member, record, offset): Cited| {
                    let (sha256, path) = known.get(&source)?.clone();
                    Some(StoredCitation { sha256, path, member, record, offset })
                };
                Ok(StoredExhibit {
                    title: row.try_get(0)?,
                    body: crate::read::parsed(row.try_get(2)?)?,
                    // What is not marked rightly is not public.
                    tlp: serde_json::from_value(tlp.into()).unwrap_or_default(),
                    citations: cited.into_iter().filter_map(citation).collect(),
                })
            };
            rows.iter().map(read).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}
