//! What an incident has in common with an actor, measured in several ways, each a sum over the incident's items.
//!
//! Only presence counts: reports are selective, so what is absent says nothing. Because each measure is a sum over
//! items, a score is one, too, and can be told item by item. What this module never does: weigh.

use palisade_model::Month;

use super::library::{Class, View};

/// Number of measures.
pub const MEASURES: usize = 11;
/// Their names, in order.
pub const NAMES: [&str; MEASURES] = [
    "techniques",
    "techniques_tempered",
    "techniques_like_report",
    "techniques_like_profile",
    "tools",
    "shared_malware",
    "private_malware",
    "malware_like_report",
    "reports",
    "recent_reports",
    "techniques_known",
];
const TECHNIQUES: usize = 0;
const TEMPERED: usize = 1;
const LIKE_REPORT: usize = 2;
const LIKE_PROFILE: usize = 3;
const TOOLS: usize = 4;
const SHARED: usize = 5;
const PRIVATE: usize = 6;
const MALWARE_LIKE: usize = 7;
const REPORTS: usize = 8;
const RECENT: usize = 9;
const BREADTH: usize = 10;

/// Pseudo-statements by which an actor's profile is drawn towards everybody's (the Dirichlet prior): thin profiles
/// say little.
const PRIOR: f64 = 30.0;
/// Months in which the weight of an actor's activity falls by a factor of e.
const FADE: f64 = 18.0;
/// Activity of an actor of whom nothing recent is known, in reports.
const FLOOR: f64 = 0.05;

/// The measures of one actor: those that belong to no item, then one row per item of the incident.
#[derive(Clone, Debug)]
pub(super) struct Measures {
    /// Activity.
    pub base: [f64; MEASURES],
    /// Per item.
    pub items: Vec<[f64; MEASURES]>,
}

impl Measures {
    /// The sums.
    pub fn total(&self) -> [f64; MEASURES] {
        let mut sum = self.base;
        for row in &self.items {
            for (s, r) in sum.iter_mut().zip(row) {
                *s += r;
            }
        }
        sum
    }
}

/// The measures of every actor for these items (numbers of the library, sorted, each once).
pub(super) fn measure(view: &View<'_>, items: &[usize], at: Option<Month>) -> Vec<Measures> {
    let actors = view.library.actors.len();
    let mut all: Vec<Measures> = (0..actors)
        .map(|_| Measures { base: [0.0; MEASURES], items: vec![[0.0; MEASURES]; items.len()] })
        .collect();
    let classes: Vec<Class> = items.iter().map(|i| view.class(*i)).collect();
    let technique: Vec<bool> = classes.iter().map(|c| *c == Class::Technique).collect();
    let number = technique.iter().filter(|t| **t).count().max(1) as f64;
    likelihood(view, items, &classes, number, &mut all);
    like_profile(view, items, &technique, &mut all);
    like_reports(view, items, &classes, &mut all);
    activity(view, at, &mut all);
    all
}

/// Dirichlet-multinomial log-likelihood ratios against everybody's profile.
fn likelihood(view: &View<'_>, items: &[usize], classes: &[Class], number: f64, all: &mut [Measures]) {
    let vocabulary = view.library.items.len() as f64;
    let total = f64::from(view.total) + 0.5 * vocabulary;
    for (at, (item, class)) in items.iter().zip(classes).enumerate() {
        let p0 = (f64::from(view.seen[*item]) + 0.5) / total;
        for (actor, m) in all.iter_mut().enumerate().filter(|(a, _)| view.knows(*a)) {
            let n = f64::from(view.count(actor, *item));
            let told = f64::from(view.told[actor]);
            let ratio = ((n + PRIOR * p0) / ((told + PRIOR) * p0)).ln();
            let row = &mut m.items[at];
            match class {
                Class::Technique => {
                    row[TECHNIQUES] = ratio;
                    row[TEMPERED] = ratio / number.sqrt();
                }
                Class::Tool => row[TOOLS] = ratio,
                Class::Shared => row[SHARED] = ratio,
                Class::Private => row[PRIVATE] = ratio,
            }
        }
    }
}

/// Cosine between the incident's techniques and the actor's, each by its rarity and the root of its reports.
fn like_profile(view: &View<'_>, items: &[usize], technique: &[bool], all: &mut [Measures]) {
    let rare = &view.rare;
    let own: f64 = items.iter().zip(technique).filter(|(_, t)| **t).map(|(i, _)| rare[*i].powi(2)).sum();
    if own <= 0.0 {
        return;
    }
    for (actor, m) in all.iter_mut().enumerate().filter(|(a, _)| view.knows(*a)) {
        let norm = view.length[actor];
        if norm <= 0.0 {
            continue;
        }
        for (at, item) in items.iter().enumerate().filter(|(at, _)| technique[*at]) {
            let both = f64::from(view.count(actor, *item)).sqrt() * rare[*item].powi(2);
            m.items[at][LIKE_PROFILE] = both / (norm * own).sqrt();
        }
    }
}

/// Cosine with the one report of the actor that is most alike: for techniques, and for malware.
fn like_reports(view: &View<'_>, items: &[usize], classes: &[Class], all: &mut [Measures]) {
    let rare = &view.rare;
    let own = |of: &dyn Fn(Class) -> bool| -> f64 {
        items.iter().zip(classes).filter(|(_, c)| of(**c)).map(|(i, _)| rare[*i].powi(2)).sum()
    };
    let techniques = |c: Class| c == Class::Technique;
    let malware = |c: Class| matches!(c, Class::Shared | Class::Private);
    let own = [own(&techniques), own(&malware)];
    let mut at_item = vec![usize::MAX; rare.len()];
    for (at, item) in items.iter().enumerate() {
        at_item[*item] = at;
    }
    // Per actor the best report so far and how alike it is.
    let mut best = vec![[(0.0f64, usize::MAX); 2]; all.len()];
    for n in &view.votes {
        let vote = &view.library.votes[*n];
        let (mut norm, mut both) = ([0.0; 2], [0.0; 2]);
        for i in &vote.items {
            let side = match view.class(*i) {
                Class::Technique => 0,
                Class::Tool => continue,
                Class::Shared | Class::Private => 1,
            };
            norm[side] += rare[*i].powi(2);
            both[side] += if at_item[*i] == usize::MAX { 0.0 } else { rare[*i].powi(2) };
        }
        for side in 0..2 {
            let cosine = both[side] / (norm[side] * own[side]).sqrt();
            if cosine > best[vote.actor][side].0 {
                best[vote.actor][side] = (cosine, *n);
            }
        }
    }
    for (m, best) in all.iter_mut().zip(&best) {
        for (side, measure) in [(0, LIKE_REPORT), (1, MALWARE_LIKE)] {
            let (cosine, vote) = best[side];
            let Some(vote) = view.library.votes.get(vote) else { continue };
            let shared: Vec<usize> =
                vote.items.iter().map(|i| at_item[*i]).filter(|at| *at != usize::MAX).collect();
            let shared =
                shared.into_iter().filter(|at| [techniques(classes[*at]), malware(classes[*at])][side]);
            let shared: Vec<usize> = shared.collect();
            let sum: f64 = shared.iter().map(|at| rare[items[*at]].powi(2)).sum();
            for at in shared {
                m.items[at][measure] = cosine * rare[items[at]].powi(2) / sum;
            }
        }
    }
}

/// Reports about the actor, all and those near in time: who is active is seen more often. And how many techniques are told of
/// it: a report that says much is of somebody of whom much was said.
fn activity(view: &View<'_>, at: Option<Month>, all: &mut [Measures]) {
    // Nobody is less active because what is known of everybody is old.
    let newest = view.newest();
    let now = at.map_or(newest, |at| newest.map_or(Some(at), |n| Some(at.min(n)))).map_or(0, Month::index);
    let mut recent = vec![0.0; all.len()];
    for n in &view.votes {
        let vote = &view.library.votes[*n];
        if let Some(date) = vote.date {
            recent[vote.actor] += (-f64::from((now - date.index()).abs()) / FADE).exp();
        }
    }
    for (actor, m) in all.iter_mut().enumerate() {
        m.base[REPORTS] = (f64::from(view.reports[actor]) + 0.5).ln();
        m.base[RECENT] = (recent[actor] + FLOOR).ln();
        m.base[BREADTH] = f64::from(view.techniques[actor]).ln_1p();
    }
}
