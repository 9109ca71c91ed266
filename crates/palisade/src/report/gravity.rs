//! How grave campaigns are: what their findings answer on published scales, the rest shown as a range.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use palisade_assess::gravity::{
    Accumulation, Act, Cuts, Derivation, Judged, Scale, accumulate, derive, judge,
};
use palisade_model::{Campaign, CampaignId, FindingId, Time};
use palisade_pipeline::Organisation;
use palisade_report as forms;
use palisade_store::StoredAnswer;

use crate::assess::adopt::Word;
use crate::assess::answers::{by_attribution, is_about, over};

/// Campaigns that are shown on every scale; those with most findings first.
const CAMPAIGNS: usize = 10;

/// Campaigns that lie so close in time, in microseconds, count as going on at the same time: a day, since findings mark moments.
const NEAR: i64 = 86_400_000_000;
/// Scales whose questions are put even where findings answer none of them: somebody has to.
const ASKED: [&str; 3] = ["ncsc-uk", "nis2", "eu-2019-796"];
/// The scale whose scores stand beside the count of campaigns.
const SCORED: &str = "nciss";

/// What the scales are asked with beside findings.
pub struct Asked<'c> {
    /// What analysts answered.
    pub answers: Vec<(i64, StoredAnswer)>,
    /// Their words on who is behind it that hold, by campaign.
    pub words: BTreeMap<CampaignId, &'c Word>,
    /// What the case says of the organisation.
    pub organisation: &'c Organisation,
}

/// Each campaign on each scale of which its findings or an analyst answer something; and behind them, if there are several, what
/// they come to together: counted, never added up to a graver one.
pub fn of(
    campaigns: &[Campaign],
    findings: &[forms::Finding],
    asked: &Asked<'_>,
) -> Result<Vec<forms::Gravity>> {
    let scales = Scale::shipped()?;
    let table = Derivation::shipped(&scales)?;
    let by_id: BTreeMap<FindingId, &forms::Finding> = findings.iter().map(|f| (f.id, f)).collect();
    let mut largest: Vec<(&Campaign, BTreeSet<FindingId>)> =
        campaigns.iter().map(|c| (c, c.findings().collect())).collect();
    largest.sort_by_key(|(c, members)| (std::cmp::Reverse(members.len()), c.id));
    let spoken_of = |c: &Campaign| {
        let answered = |(_, a): &(i64, StoredAnswer)| a.undone.is_none() && is_about(&a.campaign, c);
        asked.words.contains_key(&c.id) || asked.answers.iter().any(answered)
    };
    let mut out = Vec::new();
    let mut scores: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (at, (campaign, members)) in largest.iter().enumerate() {
        for scale in &scales {
            // The highest score is that of all campaigns, of which the largest are shown, and those that somebody spoke of.
            let shown = at < CAMPAIGNS || spoken_of(campaign);
            if !shown && scale.id != SCORED {
                continue;
            }
            let seen = members.iter().filter_map(|id| Some((*id, by_id.get(id)?.attack.as_slice())));
            let mut answers = derive(&table, scale, seen);
            over(&mut answers, scale, campaign, &asked.answers);
            if let Some(word) = asked.words.get(&campaign.id) {
                by_attribution(&mut answers, scale, word);
            }
            // Records answer little of what a notification asks; at the largest campaign the questions stand all the same.
            let stands = at == 0 && ASKED.contains(&scale.id.as_str());
            if answers.is_empty() && !stands {
                continue;
            }
            let judged = judge(scale, &answers, cuts(asked.organisation, scale).as_ref());
            scores.extend(score_of(&judged).map(|range| (campaign.id.to_string(), range)));
            if !shown {
                continue;
            }
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
    let o = asked.organisation;
    let act = |c: &Campaign| -> Option<Act> {
        let span = c.span().0.zip(c.span().1)?;
        let id = c.id.to_string();
        let score = scores.get(&id).copied();
        let organisation = Some(o.name.clone()).filter(|n| !n.is_empty());
        Some(Act {
            id,
            span,
            organisation,
            sector: o.sector.clone(),
            score,
            findings: c.findings().collect(),
        })
    };
    let acts: Vec<Act> = campaigns.iter().filter_map(act).collect();
    out.extend((acts.len() > 1).then(|| together(&accumulate(&acts, NEAR), &acts)));
    Ok(out)
}

/// The organisation's own levels of a scale.
fn cuts(o: &Organisation, scale: &Scale) -> Option<Cuts> {
    let own = o.gravity.get(&scale.id)?;
    Some(Cuts(own.iter().map(|(level, from)| (level.clone(), *from)).collect()))
}

fn score_of(judged: &Judged) -> Option<(f64, f64)> {
    judged.range.filter(|_| judged.scale == SCORED)
}

/// What campaigns come to together.
fn together(all: &Accumulation, acts: &[Act]) -> forms::Gravity {
    let mut inputs = vec![("campaigns with a time".to_owned(), all.acts.to_string(), String::new())];
    inputs.extend(
        all.per_year
            .map(|n| ("campaigns a year over that time".to_owned(), format!("{n:.1}"), String::new())),
    );
    let (least, most) = all.simultaneous;
    inputs.push(("organisations at the same time".to_owned(), range(least, most), String::new()));
    let sectors = if all.sectors.is_empty() { "not known".to_owned() } else { all.sectors.join(", ") };
    inputs.push(("sectors".to_owned(), sectors, String::new()));
    // How they lie in time: a rising number is what single scores do not show.
    let mut quarters: BTreeMap<u32, usize> = BTreeMap::new();
    for a in acts {
        *quarters.entry(quarter(a.span.0)).or_default() += 1;
    }
    let (first, last) = (quarters.keys().next().copied(), quarters.keys().next_back().copied());
    for at in
        first.zip(last).map_or(0..0, |(first, last)| first.max((last + 1).saturating_sub(QUARTERS))..last + 1)
    {
        let n = quarters.get(&at).copied().unwrap_or(0);
        inputs.push((format!("began in {}, quarter {}", at / 4, at % 4 + 1), n.to_string(), String::new()));
    }
    inputs.extend(all.highest.map(|(least, most)| {
        ("highest NCISS score of one of them".to_owned(), format!("{least:.1} to {most:.1}"), String::new())
    }));
    let level = "counted; each keeps its own score, and they are not added up to a graver one".to_owned();
    forms::Gravity { scale: "Accumulation".to_owned(), level, inputs, ..forms::Gravity::default() }
}

/// Quarters told, the last ones.
const QUARTERS: u32 = 12;

/// Quarters of a year since the year 0.
fn quarter(t: Time) -> u32 {
    let text = t.to_string();
    let part = |from: usize, to: usize| text.get(from..to).and_then(|p| p.parse::<u32>().ok());
    part(0, 4).unwrap_or(0) * 4 + part(5, 7).unwrap_or(1).saturating_sub(1) / 3
}

fn range(least: usize, most: usize) -> String {
    if least == most { most.to_string() } else { format!("{least} to {most}") }
}
