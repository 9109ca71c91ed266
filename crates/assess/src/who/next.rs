//! What is usually seen beside what was seen: techniques of reports that are alike, with their base rate.
//!
//! Co-occurrence in reports, not order in time: a report lists what an operation did, not when. Each technique comes
//! with how often reports name it at all, so that "seen next" is not mistaken for "seen everywhere".

use palisade_model::IncidentReport;

use super::library::{Class, View};
use super::numbers;

/// Reports that weigh as much as everybody's habits: few alike ones do not outvote the base rate.
const PRIOR: f64 = 2.0;
/// Reports that tell less are no picture of an operation.
const WHOLE_REPORT: usize = 5;

/// A technique that reports like this incident name.
#[derive(Clone, PartialEq, Debug)]
pub struct Companion {
    /// Its id.
    pub technique: String,
    /// Its name, if known.
    pub name: String,
    /// How often alike reports name it, each weighed by how alike it is, drawn towards the base rate.
    pub rate: f64,
    /// How often all reports do.
    pub base: f64,
}

/// Techniques not seen in the incident, likeliest first, at most `most`. Empty for an incident without evidence.
pub fn companions(view: &View<'_>, incident: &IncidentReport, most: usize) -> Vec<Companion> {
    let ids: Vec<String> = incident.techniques.iter().chain(&incident.software).cloned().collect();
    let seen = numbers(view, &ids);
    let width = view.library.items.len();
    let (mut alike, mut all) = (vec![0.0; width], vec![0.0; width]);
    let (mut sum, mut reports) = (0.0, 0.0);
    for vote in view.votes.iter().map(|n| &view.library.votes[*n]).filter(|v| v.items.len() >= WHOLE_REPORT) {
        let length = |items: &[usize]| items.iter().map(|i| view.rare[*i].powi(2)).sum::<f64>();
        let both: f64 =
            vote.items.iter().filter(|i| seen.binary_search(i).is_ok()).map(|i| view.rare[*i].powi(2)).sum();
        let norm = (length(&vote.items) * length(&seen)).sqrt();
        let similar = if norm > 0.0 { both / norm } else { 0.0 };
        sum += similar;
        reports += 1.0;
        for i in &vote.items {
            alike[*i] += similar;
            all[*i] += 1.0;
        }
    }
    if seen.is_empty() || reports == 0.0 {
        return Vec::new();
    }
    let mut out: Vec<Companion> = (0..width)
        .filter(|i| view.class(*i) == Class::Technique && all[*i] > 0.0 && seen.binary_search(i).is_err())
        .map(|i| {
            let base = all[i] / reports;
            Companion {
                technique: view.library.items[i].clone(),
                name: view.library.names[i].clone(),
                rate: (alike[i] + PRIOR * base) / (sum + PRIOR),
                base,
            }
        })
        .collect();
    out.sort_by(|a, b| b.rate.total_cmp(&a.rate).then_with(|| a.technique.cmp(&b.technique)));
    out.truncate(most);
    out
}
