//! How well what was found fits what was planted.
//!
//! A pure function over citations. Two questions are kept apart: whether rules saw a step is one, and is not asked
//! here; whether the findings there are were put together rightly is the other. So recall is of the findings that
//! exist, not of the steps that were planted.
//!
//! Pairwise figures: of all pairs of findings put into one campaign, how many belong together (precision); of all
//! pairs that belong together, how many were put into one campaign (recall). A pair inside one decoy is neither right
//! nor wrong: to keep a decoy's findings together is as good as to leave them loose.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::truth::{GroupKind, Truth};

/// A campaign as an investigation found it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Found {
    /// Its id.
    pub campaign: String,
    /// File and record number of each citation, one entry per finding; a record that two rules see stands twice.
    pub records: Vec<(String, u64)>,
}

/// How one planted campaign was found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CampaignScore {
    /// Name of the planted group.
    pub name: String,
    /// Findings on its records, in campaigns or loose.
    pub findings: u64,
    /// The found campaign that holds most of them; of several the one with fewest other findings, then the first.
    pub campaign: Option<String>,
    /// Share of that campaign's findings that are the group's. 0 if there is none.
    pub precision: f64,
    /// Share of the group's findings that this campaign holds. 0 if there is none.
    pub recall: f64,
    /// Of the pairs in found campaigns that hold any of the group, the share that is inside the group.
    pub pair_precision: f64,
    /// Of the pairs inside the group, the share that stands in one found campaign.
    pub pair_recall: f64,
    /// Harmonic mean of the two.
    pub pair_f1: f64,
    /// Over how many found campaigns its findings are spread.
    pub spread: u64,
    /// Its findings in no campaign.
    pub loose: u64,
    /// Findings on everyday records in the campaign that holds most of it.
    pub noise: u64,
    /// Other groups with findings in a found campaign that holds any of this one's, sorted.
    pub merged_with: Vec<String>,
    /// Steps that were written.
    pub steps: u64,
    /// Steps on which there is any finding.
    pub steps_seen: u64,
    /// Steps of which the campaign that holds most has a finding.
    pub steps_joined: u64,
}

/// How an exercise was solved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Score {
    /// Each planted campaign, in the order of the truth.
    pub campaigns: Vec<CampaignScore>,
    /// Pairwise precision over all found campaigns.
    pub precision: f64,
    /// Pairwise recall over all planted campaigns.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Findings on records of planted campaigns.
    pub findings_planted: u64,
    /// Findings on records of decoys.
    pub findings_decoy: u64,
    /// Findings on everyday records.
    pub findings_noise: u64,
    /// Found campaigns.
    pub found: u64,
    /// Found campaigns that hold nothing of any planted campaign.
    pub found_without: u64,
    /// Found campaigns that hold findings of two planted campaigns or more.
    pub found_merged: u64,
}

/// Counts of one found campaign: its findings, and how many of them are of each group.
#[derive(Default)]
struct Cluster<'a> {
    name: &'a str,
    size: u64,
    of: BTreeMap<usize, u64>,
}

/// Compares what was found with what was planted. `loose` are findings in no campaign.
///
/// A found campaign without findings counts for nothing. The order of what is given does not matter.
pub fn score(truth: &Truth, found: &[Found], loose: &[(String, u64)]) -> Score {
    let mut place: BTreeMap<(&str, u64), (usize, usize)> = BTreeMap::new();
    for (g, group) in truth.groups.iter().enumerate() {
        for (s, step) in group.steps.iter().enumerate() {
            place.extend(step.records.iter().map(|r| ((r.file.as_str(), r.record), (g, s))));
        }
    }
    let mut found: Vec<&Found> = found.iter().filter(|f| !f.records.is_empty()).collect();
    found.sort_by(|a, b| a.campaign.cmp(&b.campaign));
    let at = |(file, record): &(String, u64)| place.get(&(file.as_str(), *record)).copied();
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for one in &found {
        let mut cluster =
            Cluster { name: &one.campaign, size: one.records.len() as u64, ..Cluster::default() };
        for (group, _) in one.records.iter().filter_map(at) {
            *cluster.of.entry(group).or_default() += 1;
        }
        clusters.push(cluster);
    }
    let mut apart: BTreeMap<usize, u64> = BTreeMap::new();
    for (group, _) in loose.iter().filter_map(at) {
        *apart.entry(group).or_default() += 1;
    }
    let is = |group: usize, kind| truth.groups.get(group).is_some_and(|g| g.kind == kind);
    let of = |group| {
        let joined: u64 = clusters.iter().filter_map(|c| c.of.get(&group)).sum();
        joined + apart.get(&group).copied().unwrap_or_default()
    };
    let campaigns = (0..truth.groups.len())
        .filter(|g| is(*g, GroupKind::Campaign))
        .map(|g| {
            campaign(truth, g, &clusters, of(g), &|best| {
                let mine = |records: &[(String, u64)]| -> BTreeSet<usize> {
                    records
                        .iter()
                        .filter_map(at)
                        .filter(|(group, _)| *group == g)
                        .map(|(_, step)| step)
                        .collect()
                };
                let joined = best.and_then(|b| found.get(b)).map(|f| mine(&f.records)).unwrap_or_default();
                let mut seen = mine(loose);
                found.iter().for_each(|f| seen.extend(mine(&f.records)));
                (seen.len() as u64, joined.len() as u64)
            })
        })
        .collect();

    let (mut right, mut told) = (0, 0);
    for cluster in &clusters {
        told += pairs(cluster.size);
        for (group, n) in &cluster.of {
            if is(*group, GroupKind::Campaign) {
                right += pairs(*n);
            } else {
                told -= pairs(*n);
            }
        }
    }
    let sum = |kind| (0..truth.groups.len()).filter(|g| is(*g, kind)).map(of).sum::<u64>();
    let there = (0..truth.groups.len()).filter(|g| is(*g, GroupKind::Campaign)).map(|g| pairs(of(g))).sum();
    let all = clusters.iter().map(|c| c.size).sum::<u64>() + loose.len() as u64;
    let (findings_planted, findings_decoy) = (sum(GroupKind::Campaign), sum(GroupKind::Decoy));
    let held = |c: &Cluster<'_>| c.of.keys().filter(|g| is(**g, GroupKind::Campaign)).count();
    let (precision, recall) = (share(right, told), share(right, there));
    Score {
        campaigns,
        precision,
        recall,
        f1: mean(precision, recall),
        findings_planted,
        findings_decoy,
        findings_noise: all - findings_planted - findings_decoy,
        found: clusters.len() as u64,
        found_without: clusters.iter().filter(|c| held(c) == 0).count() as u64,
        found_merged: clusters.iter().filter(|c| held(c) >= 2).count() as u64,
    }
}

fn campaign(
    truth: &Truth,
    group: usize,
    clusters: &[Cluster<'_>],
    findings: u64,
    steps: &dyn Fn(Option<usize>) -> (u64, u64),
) -> CampaignScore {
    let in_it = |c: &Cluster<'_>| c.of.get(&group).copied().unwrap_or_default();
    let holding = || clusters.iter().enumerate().filter(|(_, c)| in_it(c) > 0);
    // The first of equals: `max_by_key` would give the last.
    let best = holding().rev().max_by_key(|(_, c)| (in_it(c), u64::MAX - c.size));
    let joined: u64 = holding().map(|(_, c)| in_it(c)).sum();
    let right: u64 = holding().map(|(_, c)| pairs(in_it(c))).sum();
    let told: u64 = holding().map(|(_, c)| pairs(c.size)).sum();
    let others: BTreeSet<usize> =
        holding().flat_map(|(_, c)| c.of.keys().copied()).filter(|g| *g != group).collect();
    let (pair_precision, pair_recall) = (share(right, told), share(right, pairs(findings)));
    let (steps_seen, steps_joined) = steps(best.map(|(place, _)| place));
    let name = |g: usize| truth.groups.get(g).map(|g| g.name.clone()).unwrap_or_default();
    let mut merged_with: Vec<String> = others.into_iter().map(name).collect();
    merged_with.sort();
    CampaignScore {
        name: name(group),
        findings,
        campaign: best.map(|(_, c)| c.name.to_owned()),
        precision: best.map_or(0.0, |(_, c)| share(in_it(c), c.size)),
        recall: best.map_or(0.0, |(_, c)| share(in_it(c), findings)),
        pair_precision,
        pair_recall,
        pair_f1: if findings == 0 { 0.0 } else { mean(pair_precision, pair_recall) },
        spread: holding().count() as u64,
        loose: findings - joined,
        noise: best.map_or(0, |(_, c)| c.size - c.of.values().sum::<u64>()),
        merged_with,
        steps: truth.groups.get(group).map_or(0, |g| g.steps.iter().filter(|s| s.written).count() as u64),
        steps_seen,
        steps_joined,
    }
}

/// Pairs among `n`.
fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// `part / whole`. Nothing of nothing is all there was to get.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Harmonic mean; 0 if both are.
fn mean(a: f64, b: f64) -> f64 {
    if a + b == 0.0 { 0.0 } else { 2.0 * a * b / (a + b) }
}

#[cfg(test)]
mod tests {
    use palisade_model::{Time, Vector};

    use super::*;
    use crate::truth::{Counts, FORMAT, Group, PlantedStep, RecordRef};

    /// A truth of groups with that many steps; step `i` of group `g` is record `i` (from 1) of file `g`.
    fn truth(groups: &[(&str, GroupKind, u64)]) -> Truth {
        let group = |(name, kind, n): &(&str, GroupKind, u64)| Group {
            name: (*name).into(),
            kind: *kind,
            actor: String::new(),
            steps: (1..=*n)
                .map(|record| PlantedStep {
                    name: "a step".into(),
                    techniques: Vec::new(),
                    vector: Vector::Host,
                    time: Time(0),
                    written: true,
                    records: vec![RecordRef { file: (*name).into(), record }],
                    observables: Vec::new(),
                    rules: Vec::new(),
                })
                .collect(),
            joins: Vec::new(),
        };
        Truth {
            format: FORMAT,
            scenario: "by hand".into(),
            parameters: crate::Parameters::default(),
            note: String::new(),
            records: Counts::default(),
            groups: groups.iter().map(group).collect(),
            actors: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn records(file: &str, which: std::ops::RangeInclusive<u64>) -> Vec<(String, u64)> {
        which.map(|n| (file.to_owned(), n)).collect()
    }

    fn found(name: &str, parts: &[Vec<(String, u64)>]) -> Found {
        Found { campaign: name.into(), records: parts.concat() }
    }

    const TWO: [(&str, GroupKind, u64); 3] =
        [("a", GroupKind::Campaign, 4), ("b", GroupKind::Campaign, 3), ("pt", GroupKind::Decoy, 2)];

    #[track_caller]
    fn near(is: f64, want: f64) {
        assert!((is - want).abs() < 1e-12, "{is} is not {want}");
    }

    #[test]
    fn perfect() {
        let all = [found("1", &[records("a", 1..=4)]), found("2", &[records("b", 1..=3)])];
        let s = score(&truth(&TWO), &all, &[records("pt", 1..=2), records("noise", 1..=9)].concat());
        near(s.f1, 1.0);
        assert_eq!((s.found, s.found_without, s.found_merged), (2, 0, 0));
        assert_eq!((s.findings_planted, s.findings_decoy, s.findings_noise), (7, 2, 9));
        for (c, id) in s.campaigns.iter().zip(["1", "2"]) {
            assert_eq!((c.campaign.as_deref(), c.spread, c.loose, c.noise), (Some(id), 1, 0, 0));
            near(c.precision * c.recall * c.pair_f1, 1.0);
            assert!(c.merged_with.is_empty());
            assert_eq!((c.steps_seen, c.steps_joined), (c.steps, c.steps));
        }
    }

    /// A decoy kept together in a campaign of its own is as good as loose.
    #[test]
    fn a_decoy_of_its_own_is_no_mistake() {
        let all = [
            found("1", &[records("a", 1..=4)]),
            found("2", &[records("b", 1..=3)]),
            found("3", &[records("pt", 1..=2)]),
        ];
        let s = score(&truth(&TWO), &all, &[]);
        near(s.f1, 1.0);
        assert_eq!(s.found_without, 1);
    }

    #[test]
    fn all_merged() {
        let all = [found(
            "1",
            &[records("a", 1..=4), records("b", 1..=3), records("pt", 1..=2), records("noise", 1..=1)],
        )];
        let s = score(&truth(&TWO), &all, &[]);
        // Ten findings: 45 pairs, one of them inside the decoy; 6 and 3 are right.
        near(s.precision, 9.0 / 44.0);
        near(s.recall, 1.0);
        assert_eq!((s.found_merged, s.findings_noise), (1, 1));
        let a = &s.campaigns[0];
        near(a.precision, 0.4);
        near(a.recall, 1.0);
        near(a.pair_precision, 6.0 / 45.0);
        near(a.pair_recall, 1.0);
        assert_eq!(a.merged_with, ["b", "pt"]);
        assert_eq!(a.noise, 1);
    }

    #[test]
    fn all_split() {
        let all: Vec<Found> = (1..=4).map(|n| found(&n.to_string(), &[records("a", n..=n)])).collect();
        let s = score(&truth(&TWO), &all, &records("b", 1..=3));
        near(s.recall, 0.0);
        near(s.f1, 0.0);
        let (a, b) = (&s.campaigns[0], &s.campaigns[1]);
        assert_eq!((a.spread, a.loose, a.campaign.as_deref()), (4, 0, Some("1")));
        near(a.precision, 1.0);
        near(a.recall, 0.25);
        near(a.pair_recall, 0.0);
        near(a.pair_f1, 0.0);
        assert_eq!((b.spread, b.loose, b.campaign.as_deref()), (0, 3, None));
        near(b.recall, 0.0);
        near(b.precision, 0.0);
        assert_eq!((b.steps_seen, b.steps_joined), (3, 0));
    }

    #[test]
    fn nothing_found_and_nothing_planted() {
        let s = score(&truth(&TWO), &[], &[]);
        near(s.recall, 1.0);
        assert_eq!(s.campaigns[0].findings, 0);
        near(s.campaigns[0].pair_f1, 0.0);
        assert_eq!(s.campaigns[0].campaign, None);
        let s = score(&truth(&[]), &[found("1", &[records("noise", 1..=3)])], &[]);
        near(s.precision, 0.0);
        assert_eq!((s.found_without, s.findings_noise), (1, 3));
        assert!(s.campaigns.is_empty());
        let s = score(&truth(&[]), &[found("empty", &[])], &[]);
        assert_eq!(s.found, 0);
    }

    /// Three of four joined, one in a campaign with one of `b` and one on an everyday record.
    #[test]
    fn in_part() {
        let all = [
            found("x", &[records("a", 1..=3), records("noise", 5..=5)]),
            found("y", &[records("a", 4..=4), records("b", 1..=1)]),
        ];
        let s = score(&truth(&TWO), &all, &records("b", 2..=3));
        let a = &s.campaigns[0];
        assert_eq!((a.campaign.as_deref(), a.spread, a.noise), (Some("x"), 2, 1));
        near(a.precision, 0.75);
        near(a.recall, 0.75);
        near(a.pair_precision, 3.0 / 7.0);
        near(a.pair_recall, 0.5);
        near(a.pair_f1, 2.0 * (3.0 / 7.0) * 0.5 / (3.0 / 7.0 + 0.5));
        assert_eq!(a.merged_with, ["b"]);
        near(s.precision, 3.0 / 7.0);
        near(s.recall, 3.0 / 9.0);
        assert_eq!(s.found_merged, 1);
    }

    /// Two rules on one record are two findings; the order of what was found does not matter.
    #[test]
    fn twice_seen_and_any_order() {
        let mut all = vec![
            found("x", &[records("a", 1..=1), records("a", 1..=1)]),
            found("w", &[records("a", 2..=2), records("a", 3..=3)]),
        ];
        let one = score(&truth(&TWO), &all, &[]);
        assert_eq!(one.campaigns[0].findings, 4);
        // Both hold two of four: the first by name.
        assert_eq!(one.campaigns[0].campaign.as_deref(), Some("w"));
        assert_eq!((one.campaigns[0].steps_seen, one.campaigns[0].steps_joined), (3, 2));
        all.reverse();
        assert_eq!(score(&truth(&TWO), &all, &[]), one);
    }

    /// Of two campaigns with as many of the group, the one with less besides.
    #[test]
    fn the_purer_of_equals() {
        let all =
            [found("a", &[records("a", 1..=2), records("noise", 1..=5)]), found("b", &[records("a", 3..=4)])];
        let s = score(&truth(&TWO), &all, &[]);
        assert_eq!(s.campaigns[0].campaign.as_deref(), Some("b"));
    }

    #[test]
    fn a_single_finding_is_a_campaign_of_its_own() {
        let one = truth(&[("a", GroupKind::Campaign, 1)]);
        let s = score(&one, &[], &records("a", 1..=1));
        near(s.campaigns[0].pair_f1, 1.0);
        let s = score(&one, &[found("x", &[records("a", 1..=1), records("noise", 1..=2)])], &[]);
        near(s.campaigns[0].pair_f1, 0.0);
        near(s.campaigns[0].precision, 1.0 / 3.0);
    }
}
