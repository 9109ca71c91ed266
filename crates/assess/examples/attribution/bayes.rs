//! The baseline: naive Bayes over what is known of an actor, with one temperature.
//!
//! `P(t|g) = (1−λ)·[t∈g]/|g| + λ·p0(t)`, λ = 0.6, p0 the share of an item among all profiles; score = Σ ln P(t|g)/p0(t).

use std::collections::{BTreeMap, BTreeSet};

use palisade_assess::who::Library;
use palisade_model::Month;

use crate::figures::Case;
use crate::{Given, KNOWN_FROM};

const LAMBDA: f64 = 0.6;

struct Scored {
    case: Case,
    date: Month,
    scores: Vec<f64>,
    truth: usize,
}

fn score(library: &Library, n: usize, g: &Given, dated: bool) -> Option<Scored> {
    let view = library.view(dated.then_some(g.date), &BTreeSet::from([g.report.as_str()]), None);
    let profiles: BTreeMap<usize, BTreeSet<&str>> = view.profiles();
    let mut having: BTreeMap<&str, f64> = BTreeMap::new();
    for item in profiles.values().flatten() {
        *having.entry(item).or_default() += 1.0;
    }
    let all: f64 = having.values().sum::<f64>() + 0.5 * having.len() as f64;
    let mut scores: Vec<f64> = Vec::new();
    let mut names: Vec<&String> = Vec::new();
    for (actor, has) in &profiles {
        let of = g.techniques.iter().chain(&g.software).map(|t| {
            let p0 = (having.get(t.as_str()).copied().unwrap_or(0.0) + 0.5) / all;
            let own = if has.contains(t.as_str()) { 1.0 / has.len() as f64 } else { 0.0 };
            ((1.0 - LAMBDA) * own + LAMBDA * p0).ln() - p0.ln()
        });
        scores.push(of.sum());
        names.push(&library.actors()[*actor].id);
    }
    let truth = names.iter().position(|a| **a == g.group)?;
    let actor = library.actors().iter().position(|a| a.id == g.group)?;
    let first = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |m| m.0);
    let case = Case {
        n,
        known: view.techniques(actor) >= KNOWN_FROM,
        truth: 0.0,
        before: scores.iter().filter(|s| **s > scores[truth]).count(),
        top: 0.0,
        first: names[first].clone(),
        unknown: 0.0,
        named: 0.0,
        state: (String::new(), 0.0),
    };
    case.known.then_some(Scored { case, date: g.date, scores, truth })
}

/// Truth's and the likeliest's probability at a temperature.
fn at(s: &Scored, t: f64) -> (f64, f64) {
    let top = s.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = s.scores.iter().map(|x| (t * (x - top)).exp()).sum();
    ((t * (s.scores[s.truth] - top)).exp() / sum, 1.0 / sum)
}

/// Temperatures that are tried.
fn grid() -> impl Iterator<Item = f64> {
    (2..=60).map(|n| f64::from(n) * 0.025)
}

fn cases(scored: Vec<Scored>, training: &dyn Fn(&Scored, &Scored) -> bool) -> Vec<Case> {
    let losses: Vec<Vec<f64>> =
        scored.iter().map(|s| grid().map(|t| -at(s, t).0.max(1e-12).ln()).collect()).collect();
    let one = |s: &Scored| {
        let of: Vec<&Vec<f64>> =
            scored.iter().zip(&losses).filter(|(o, _)| training(s, o)).map(|o| o.1).collect();
        let loss = |k: usize| -> f64 { of.iter().map(|l| l[k]).sum() };
        let best = grid().enumerate().min_by(|a, b| loss(a.0).total_cmp(&loss(b.0))).map_or(1.0, |b| b.1);
        // Without anything to learn from, the scores stand as they are.
        let (truth, top) = at(s, if of.is_empty() { 1.0 } else { best });
        Case { truth, top, ..s.case.clone() }
    };
    scored.iter().map(one).collect()
}

/// Report left out; temperature from the other folds.
pub fn left_out(library: &Library, given: &[Given]) -> Vec<Case> {
    let scored = given.iter().enumerate().filter_map(|(n, g)| score(library, n, g, false)).collect();
    cases(scored, &|s, o| o.case.n % crate::FOLDS != s.case.n % crate::FOLDS)
}

/// Only older reports; temperature from earlier incidents.
pub fn in_time(library: &Library, given: &[Given]) -> Vec<Case> {
    let scored = given.iter().enumerate().filter_map(|(n, g)| score(library, n, g, true)).collect();
    cases(scored, &|s, o| o.date < s.date)
}
