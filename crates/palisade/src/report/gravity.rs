//! How grave campaigns are: what their findings answer on published scales, the rest shown as a range.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use palisade_assess::gravity::{Accumulation, Act, Derivation, Judged, Scale, accumulate, derive, judge};
use palisade_model::{Campaign, FindingId};
use palisade_report as forms;

/// Campaigns that are judged; those with most findings first.
const CAMPAIGNS: usize = 10;

/// Campaigns that lie so close in time, in microseconds, count as going on at the same time: a day, since findings mark moments.
const NEAR: i64 = 86_400_000_000;
/// Scales whose questions are put even where findings answer none of them: somebody has to.
const ASKED: [&str; 3] = ["ncsc-uk", "nis2", "eu-2019-796"];
/// The scale whose scores stand beside the count of campaigns.
const SCORED: &str = "nciss";

/// Each campaign on each scale of which its findings answer something; and behind them, if there are several, what they come
/// to together: counted, never added up to a graver one.
pub fn of(campaigns: &[Campaign], findings: &[forms::Finding]) -> Result<Vec<forms::Gravity>> {
    let scales = Scale::shipped()?;
    let table = Derivation::shipped(&scales)?;
    let by_id: BTreeMap<FindingId, &forms::Finding> = findings.iter().map(|f| (f.id, f)).collect();
    let mut largest: Vec<(&Campaign, BTreeSet<FindingId>)> =
        campaigns.iter().map(|c| (c, c.findings().collect())).collect();
    largest.sort_by_key(|(c, members)| (std::cmp::Reverse(members.len()), c.id));
    let mut out = Vec::new();
    let mut scores: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (at, (campaign, members)) in largest.iter().take(CAMPAIGNS).enumerate() {
        for scale in &scales {
            let seen = members.iter().filter_map(|id| Some((*id, by_id.get(id)?.attack.as_slice())));
            let answers = derive(&table, scale, seen);
            // Records answer little of what a notification asks; at the largest campaign the questions stand all the same.
            let asked = at == 0 && ASKED.contains(&scale.id.as_str());
            if answers.is_empty() && !asked {
                continue;
            }
            let judged = judge(scale, &answers, None);
            scores.extend(score_of(&judged).map(|range| (campaign.id.to_string(), range)));
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
    let act = |c: &Campaign| -> Option<Act> {
        let span = c.span().0.zip(c.span().1)?;
        let id = c.id.to_string();
        let score = scores.get(&id).copied();
        // Whose machines they are the case does not say: each campaign may have hit another organisation, or all one.
        Some(Act { id, span, organisation: None, sector: None, score, findings: c.findings().collect() })
    };
    let acts: Vec<Act> = campaigns.iter().filter_map(act).collect();
    out.extend((acts.len() > 1).then(|| together(&accumulate(&acts, NEAR))));
    Ok(out)
}

fn score_of(judged: &Judged) -> Option<(f64, f64)> {
    judged.range.filter(|_| judged.scale == SCORED)
}

/// What campaigns come to together.
fn together(all: &Accumulation) -> forms::Gravity {
    let mut inputs = vec![("campaigns with a time".to_owned(), all.acts.to_string(), String::new())];
    inputs.extend(
        all.per_year
            .map(|n| ("campaigns a year over that time".to_owned(), format!("{n:.1}"), String::new())),
    );
    let (least, most) = all.simultaneous;
    inputs.push(("organisations at the same time".to_owned(), range(least, most), String::new()));
    inputs.extend(all.highest.map(|(least, most)| {
        ("highest NCISS score of one of them".to_owned(), format!("{least:.1} to {most:.1}"), String::new())
    }));
    let level = "counted; each keeps its own score, and they are not added up to a graver one".to_owned();
    forms::Gravity { scale: "Accumulation".to_owned(), level, inputs, ..forms::Gravity::default() }
}

fn range(least: usize, most: usize) -> String {
    if least == most { most.to_string() } else { format!("{least} to {most}") }
}
