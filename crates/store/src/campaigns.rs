//! What campaigns were called, so that they keep their names when findings come and go.
//!
//! What this module never does: decide what a campaign is. It keeps what `campaign` made of the findings, and notes what
//! changed since the last time.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::Time;
use sqlx::Row as _;

use crate::case::Parts;
use crate::db;
use crate::{Case, Inner, Result};

/// A campaign as the case knows it: its id, former ids and findings, all hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCampaign {
    /// Id: that of its first finding when it was first seen.
    pub id: String,
    /// Ids it had before, and of campaigns that became part of it.
    pub aliases: Vec<String>,
    /// Its findings, sorted.
    pub findings: BTreeSet<String>,
}

/// Something that happened to a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CampaignChange {
    /// When it was noticed.
    pub time: Time,
    /// `new`, `grown`, `shrunk`, `merged` or `gone`.
    pub kind: String,
    /// The campaign.
    pub campaign: String,
    /// What it became part of, of `merged`.
    pub into: Option<String>,
    /// How many findings it has now, or had.
    pub findings: u64,
}

impl Case {
    /// The campaigns as they were kept last, oldest first.
    pub fn campaigns(&mut self) -> Result<Vec<StoredCampaign>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query("SELECT id, aliases, findings FROM campaign ORDER BY seq")
                .fetch_all(conn)
                .await?;
            let read = |row: &db::Row| -> Result<StoredCampaign, Inner> {
                Ok(StoredCampaign {
                    id: row.try_get(0)?,
                    aliases: crate::read::parsed(row.try_get(1)?)?,
                    findings: crate::read::parsed(row.try_get(2)?)?,
                })
            };
            rows.iter().map(read).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// Keeps the campaigns that findings make now, and notes what changed. Nothing is written if nothing did.
    pub fn keep_campaigns(&mut self, now: &[StoredCampaign], at: Time) -> Result<()> {
        let before = self.campaigns()?;
        let changes = changes(&before, now);
        if changes.is_empty() {
            return Ok(());
        }
        let old: BTreeMap<&str, i64> = (0..).zip(&before).map(|(n, c)| (c.id.as_str(), n)).collect();
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let next: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) + 1 FROM campaign_change")
                .fetch_one(&mut *tx)
                .await?;
            sqlx::query("DELETE FROM campaign").execute(&mut *tx).await?;
            // Those that were there keep their order, new ones follow.
            let mut ordered: Vec<&StoredCampaign> = now.iter().collect();
            ordered.sort_by_key(|c| old.get(c.id.as_str()).copied().unwrap_or(i64::MAX));
            for (seq, c) in (0i64..).zip(ordered) {
                sqlx::query("INSERT INTO campaign (id, seq, aliases, findings) VALUES ($1, $2, $3, $4)")
                    .bind(&c.id)
                    .bind(seq)
                    .bind(serde_json::to_string(&c.aliases).unwrap_or_default())
                    .bind(serde_json::to_string(&c.findings).unwrap_or_default())
                    .execute(&mut *tx)
                    .await?;
            }
            for (seq, (kind, campaign, into, findings)) in (next..).zip(&changes) {
                sqlx::query(
                    "INSERT INTO campaign_change (seq, time_us, kind, campaign, into_id, findings)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(seq)
                .bind(at.0)
                .bind(*kind)
                .bind(campaign)
                .bind(into)
                .bind(crate::run::signed(*findings))
                .execute(&mut *tx)
                .await?;
            }
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }

    /// What happened to campaigns, oldest first.
    pub fn campaign_changes(&mut self) -> Result<Vec<CampaignChange>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = sqlx::query(
                "SELECT time_us, kind, campaign, into_id, findings FROM campaign_change ORDER BY seq",
            )
            .fetch_all(conn)
            .await?;
            let read = |row: &db::Row| -> Result<CampaignChange, Inner> {
                Ok(CampaignChange {
                    time: Time(row.try_get(0)?),
                    kind: row.try_get(1)?,
                    campaign: row.try_get(2)?,
                    into: row.try_get(3)?,
                    findings: crate::read::unsigned(row.try_get(4)?),
                })
            };
            rows.iter().map(read).collect::<Result<Vec<_>, Inner>>()
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

type Change = (&'static str, String, Option<String>, u64);

fn changes(before: &[StoredCampaign], now: &[StoredCampaign]) -> Vec<Change> {
    let old: BTreeMap<&str, &StoredCampaign> = before.iter().map(|c| (c.id.as_str(), c)).collect();
    let mut out = Vec::new();
    for c in now {
        let n = c.findings.len() as u64;
        match old.get(c.id.as_str()) {
            None => out.push(("new", c.id.clone(), None, n)),
            Some(o) if o.findings == c.findings && o.aliases == c.aliases => {}
            Some(o) if c.findings.is_subset(&o.findings) => out.push(("shrunk", c.id.clone(), None, n)),
            Some(_) => out.push(("grown", c.id.clone(), None, n)),
        }
    }
    for o in before.iter().filter(|o| now.iter().all(|c| c.id != o.id)) {
        let n = o.findings.len() as u64;
        match now.iter().find(|c| c.aliases.contains(&o.id)) {
            Some(c) => out.push(("merged", o.id.clone(), Some(c.id.clone()), n)),
            None => out.push(("gone", o.id.clone(), None, n)),
        }
    }
    out
}
