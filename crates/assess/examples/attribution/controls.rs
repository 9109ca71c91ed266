//! What an assessment must not do: name the unknown, fall for plants, find what is not there.

use std::collections::{BTreeMap, BTreeSet};

use palisade_assess::who::{Settings, assess, companions};
use palisade_model::Artefact;

use crate::figures::{Case, random};
use crate::{Bench, FOLDS, KNOWN_FROM};

/// Least precision that a threshold must have had where it was chosen, and most unknown actors named.
const PRECISION: f64 = 0.95;
const UNKNOWN_NAMED: f64 = 0.02;

fn said(c: &Case) -> f64 {
    c.top * (1.0 - c.unknown)
}

/// Smallest threshold that keeps both promises on these cases. Unknown actors named are counted as one more than they are
/// among one more than there are: then the rate to be expected of a further case is no higher than promised (conformal risk
/// control, Angelopoulos and others 2022), where a threshold that just keeps it on these cases breaks it every other time.
fn threshold(known: &[&Case], unknown: &[&Case]) -> f64 {
    let keeps = |t: f64| {
        let named: Vec<_> = known.iter().filter(|c| said(c) >= t).collect();
        let right = named.iter().filter(|c| c.before == 0).count() as f64;
        let wrong = unknown.iter().filter(|c| said(c) >= t).count() as f64;
        right >= PRECISION * named.len() as f64 && wrong + 1.0 <= UNKNOWN_NAMED * (unknown.len() as f64 + 1.0)
    };
    // From the strict end: the first that breaks a promise ends the search.
    (300..=999).rev().map(|n| f64::from(n) / 1_000.0).take_while(|t| keeps(*t)).last().unwrap_or(1.0)
}

/// Known actors and the same incidents with their actor taken out; the threshold is chosen on the other folds.
pub fn open_set(known: &[Case], unknown: &[Case]) {
    let (mut named, mut right, mut wrong, mut all) = (0, 0, 0, 0);
    let mut thresholds = Vec::new();
    for fold in 0..FOLDS {
        let rest = |c: &&Case| c.n % FOLDS != fold;
        let k: Vec<&Case> = known.iter().filter(|c| c.known).filter(rest).collect();
        let u: Vec<&Case> = unknown.iter().filter(rest).collect();
        let t = threshold(&k, &u);
        thresholds.push(format!("{t:.3}"));
        for c in known.iter().filter(|c| c.known && c.n % FOLDS == fold) {
            all += 1;
            named += usize::from(said(c) >= t);
            right += usize::from(said(c) >= t && c.before == 0);
        }
        wrong += unknown.iter().filter(|c| c.n % FOLDS == fold && said(c) >= t).count();
    }
    let share = |a: usize, b: usize| a as f64 / b.max(1) as f64;
    println!(
        "open set, thresholds of other folds {}: coverage {:.3} ({named} of {all}) precision {:.3} unknown named {:.4} ({wrong} of {})",
        thresholds.join(" "),
        share(named, all),
        share(right, named),
        share(wrong, unknown.len()),
        unknown.len()
    );
    for t in [0.5, 0.7, 0.8, 0.9, 0.95] {
        let k: Vec<&Case> = known.iter().filter(|c| c.known && said(c) >= t).collect();
        let right = k.iter().filter(|c| c.before == 0).count();
        let wrong = unknown.iter().filter(|c| said(c) >= t).count();
        println!(
            "  at {t:.2}: coverage {:.3} precision {:.3} unknown named {:.3}",
            share(k.len(), all),
            share(right, k.len()),
            share(wrong, unknown.len())
        );
    }
}

/// Plants what points to another group of another state, and asks again.
pub fn planted(bench: &Bench, settings: &dyn Fn(usize) -> Settings) {
    let mut state = 7u64;
    for (what, hard) in
        [("a public tool, a language, a time zone", false), ("a public tool, two rare techniques", true)]
    {
        let (mut all, mut moved, mut held, mut held_before) = (0, 0, 0, 0);
        for (n, g) in bench.given.iter().enumerate() {
            let view = bench.library.view(None, &BTreeSet::from([g.report.as_str()]), None);
            if bench.position(&g.group).is_none_or(|t| view.techniques(t) < KNOWN_FROM) {
                continue;
            }
            let profiles = view.profiles();
            let having: BTreeMap<&str, usize> =
                profiles.values().flatten().fold(BTreeMap::new(), |mut m, i| {
                    *m.entry(i).or_default() += 1;
                    m
                });
            let of = |a: usize| &bench.library.actors()[a];
            let own = bench.position(&g.group).map(|a| of(a).nation.clone());
            let others: Vec<usize> = profiles
                .keys()
                .copied()
                .filter(|a| Some(&of(*a).nation) != own.as_ref() && of(*a).nation.is_some())
                .collect();
            let other = others[random(&mut state, others.len())];
            let mut rare: Vec<&str> = profiles[&other].iter().copied().collect();
            rare.sort_by_key(|i| (having[i], *i));
            let tool = rare.iter().find(|i| view.is_tool(i)).map(|i| (*i).to_owned());
            let mut incident = g.incident();
            incident.software.extend(tool);
            if hard {
                let two = rare.iter().filter(|i| i.starts_with('T')).take(2);
                incident.techniques.extend(two.map(|i| (*i).to_owned()));
            } else {
                incident.artefacts = ["language_string", "time_zone"]
                    .map(|class| Artefact {
                        name: class.to_owned(),
                        class: class.to_owned(),
                        points_to: vec![of(other).id.clone()],
                        nats: 5.0,
                    })
                    .to_vec();
            }
            let a = assess(&view, &settings(n), &incident, false);
            let p = |id: &str| a.candidates.iter().find(|c| c.actor.id == id).map_or(0.0, |c| c.probability);
            let (planted, truth) = (p(&of(other).id), p(&g.group));
            let unplanted = assess(&view, &settings(n), &g.incident(), false);
            let before = |id: &str| {
                unplanted.candidates.iter().find(|c| c.actor.id == id).map_or(0.0, |c| c.probability)
            };
            held_before += usize::from(before(&of(other).id) <= before(&g.group) + unplanted.unknown);
            all += 1;
            moved += usize::from(planted > 0.5);
            held += usize::from(planted <= truth + a.unknown);
        }
        println!(
            "planted {what}: above .5 in {moved} of {all} ({:.3}); P(planted) <= P(true) + P(unknown) in {held} of {all} ({held_before} without the plants)",
            moved as f64 / all as f64
        );
    }
}

/// The state of a case's group as the knowledge has it: the table given reads some from languages, victims and where criminals live.
fn own<'b>(bench: &'b Bench, c: &Case) -> &'b str {
    let group = bench.position(&bench.given[c.n].group).map(|a| &bench.library.actors()[a]);
    group.and_then(|a| a.nation.as_deref()).unwrap_or("none")
}

/// States, and who is taken for whom among North Korea's groups.
pub fn states(bench: &Bench, cases: &[Case]) {
    let known: Vec<&Case> = cases.iter().filter(|c| c.known).collect();
    println!("state       n   right  named >= .8  right of these");
    let mut rows: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    for c in &known {
        let own = own(bench, c).to_owned();
        let right = usize::from(c.state.0 == own);
        let named = usize::from(c.state.1 >= 0.8);
        for key in [own, "all".to_owned()] {
            let row = rows.entry(key).or_default();
            for (sum, add) in row.iter_mut().zip([1, right, named, named * right]) {
                *sum += add;
            }
        }
    }
    for (state, [n, right, named, both]) in rows {
        println!(
            "{state:8} {n:4}   {:.3}  {named:4}         {:.3}",
            right as f64 / n as f64,
            both as f64 / named.max(1) as f64
        );
    }
    let only: Vec<&&Case> = known.iter().filter(|c| said(c) < 0.8 && c.state.1 >= 0.8).collect();
    let right = only.iter().filter(|c| c.state.0 == own(bench, c)).count();
    println!("state only: {} of {}, right in {right}", only.len(), known.len());
    let name = |id: &str| bench.position(id).map_or("", |a| bench.library.actors()[a].name.as_str());
    let mut taken: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for c in known.iter().filter(|c| own(bench, c) == "KP") {
        *taken.entry((name(&bench.given[c.n].group), name(&c.first))).or_default() += 1;
    }
    for ((truth, first), n) in taken {
        println!("  {truth:16} taken for {first:20} {n}");
    }
}

/// Hides one technique of each incident: is it among the ten that are usually seen beside the others?
pub fn hidden(bench: &Bench) {
    const LISTED: usize = 10;
    let mut state = 3u64;
    let (mut ours, mut common, mut all) = (0, 0, 0);
    for g in bench.given.iter().filter(|g| g.techniques.len() >= 5) {
        let view = bench.library.view(Some(g.date), &BTreeSet::from([g.report.as_str()]), None);
        let mut incident = g.incident();
        let gone = incident.techniques.remove(random(&mut state, g.techniques.len()));
        let mut listed = companions(&view, &incident, usize::MAX);
        let among =
            |l: &[palisade_assess::who::Companion]| l.iter().take(LISTED).any(|c| c.technique == gone);
        all += 1;
        ours += usize::from(among(&listed));
        listed.sort_by(|a, b| b.base.total_cmp(&a.base).then_with(|| a.technique.cmp(&b.technique)));
        common += usize::from(among(&listed));
    }
    println!("hidden technique among ten: {ours} of {all}; among the ten commonest: {common}");
}
