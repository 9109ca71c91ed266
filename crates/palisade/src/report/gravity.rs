//! How grave campaigns are: what their findings answer on published scales, the rest shown as a range.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use palisade_assess::gravity::{Derivation, Scale, derive, judge};
use palisade_model::{Campaign, FindingId};
use palisade_report as forms;

/// Campaigns that are judged; those with most findings first.
const CAMPAIGNS: usize = 10;

/// Each campaign on each scale of which its findings answer something.
pub fn of(campaigns: &[Campaign], findings: &[forms::Finding]) -> Result<Vec<forms::Gravity>> {
    let scales = Scale::shipped()?;
    let table = Derivation::shipped(&scales)?;
    let by_id: BTreeMap<FindingId, &forms::Finding> = findings.iter().map(|f| (f.id, f)).collect();
    let mut largest: Vec<(&Campaign, BTreeSet<FindingId>)> =
        campaigns.iter().map(|c| (c, c.findings().collect())).collect();
    largest.sort_by_key(|(c, members)| (std::cmp::Reverse(members.len()), c.id));
    let mut out = Vec::new();
    for (campaign, members) in largest.iter().take(CAMPAIGNS) {
        for scale in &scales {
            let seen = members.iter().filter_map(|id| Some((*id, by_id.get(id)?.attack.as_slice())));
            let answers = derive(&table, scale, seen);
            if answers.is_empty() {
                continue;
            }
            let judged = judge(scale, &answers, None);
            let evidence = judged.evidence().into_iter();
            out.push(forms::Gravity {
                scale: judged.name.clone(),
                subject: campaign.id.to_string(),
                level: judged.sentence(),
                score: judged.point.zip(judged.range).map(|(p, (least, most))| (p, least, most)),
                inputs: judged.inputs(),
                evidence: evidence.map(|(text, findings)| forms::Evidence { text, findings }).collect(),
            });
        }
    }
    Ok(out)
}
