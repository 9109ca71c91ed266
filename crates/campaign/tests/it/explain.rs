//! Explanations: every term counts, every way is the best one.

use std::collections::{BTreeMap, BTreeSet};

use palisade_campaign::{Evidence, Frequency, Graph, Words, between, campaigns, explain};
use palisade_model::{FindingId, Term, TermKind, Weight};

use crate::{DAY, EVENTS, Lake, Random, SECOND, background, finding, hash, id, pin, some_findings};

fn sum(terms: &[Term]) -> Weight {
    Weight(terms.iter().map(|t| t.weight.0).sum())
}

/// Names that all spellings of a thing share, simply told.
fn loosely(text: &str) -> String {
    let lower = text.to_lowercase();
    let (kind, value) = lower.split_once(':').unwrap_or(("", &lower));
    let name = match kind {
        "account" => value.rsplit('\\').next().and_then(|v| v.split('@').next()),
        "host" => value.split('.').next(),
        _ => Some(value),
    };
    format!("{kind}:{}", name.unwrap_or_default())
}

fn holds(finding: &Evidence, observable: &str) -> bool {
    let host = finding.host.iter().map(|h| format!("host:{h}"));
    let came = finding.origin.iter().map(|o| o.from.to_string());
    let all = finding.observables.iter().map(|o| o.to_string()).chain(host).chain(came);
    all.map(|o| loosely(&o)).any(|o| o == loosely(observable))
}

#[test]
fn terms_sum_to_the_score_and_name_their_findings() {
    let mut joins = 0;
    for seed in 0..80 {
        let mut random = Random(seed);
        let findings = some_findings(&mut random, 30);
        let known: BTreeMap<FindingId, &Evidence> = findings.iter().map(|f| (f.id, f)).collect();
        let words =
            Words { pins: vec![(findings[0].id, findings[9].id, "Ann".to_owned())], ..Words::default() };
        let frequency = Frequency::of(&findings, &Lake::default(), EVENTS);
        let now = campaigns(&Graph::new(&findings, &frequency, &words), &[]);
        for join in now.campaigns.iter().flat_map(|c| &c.joins) {
            joins += 1;
            assert_eq!(sum(&join.terms), join.score, "seed {seed}");
            assert!(join.score.0 >= 0);
            let shared = join.terms.iter().filter(|t| t.kind == TermKind::Shared);
            for term in shared {
                let (a, b) = term.findings.unwrap();
                let thing = term.observable.as_ref().unwrap().to_string();
                assert!(
                    a != b && holds(known[&a], &thing) && holds(known[&b], &thing),
                    "seed {seed}: {thing}"
                );
            }
        }
        for campaign in &now.campaigns {
            for j in &campaign.joins {
                assert!(j.steps.0 < j.steps.1 && j.steps.1 < campaign.steps.len());
            }
        }
    }
    assert!(joins > 500, "{joins}");
}

#[test]
fn what_is_one_observation_counts_once() {
    // A path and its hash; a server's address and its name.
    let one = ["path:c:\\users\\ann\\a.exe"];
    let both = ["path:c:\\users\\ann\\a.exe", &hash(3)];
    let score = |things: &[&str]| {
        let mut all = background();
        all.push(finding(1, 0, "a", things));
        all.push(finding(2, DAY, "b", things));
        let frequency = Frequency::of(&all, &Lake::default(), EVENTS);
        let words = Words::default();
        let graph = Graph::new(&all, &frequency, &words);
        sum(&explain(&graph, id(1), id(2)).unwrap().direct)
    };
    assert_eq!(score(&both), score(&[&hash(3)]).max(score(&one)));
}

/// The strongest weakest join between two places, by trying all: Floyd and Warshall's way.
fn best(n: usize, scores: &BTreeMap<(usize, usize), i64>) -> Vec<Vec<i64>> {
    let mut wide = vec![vec![i64::MIN; n]; n];
    for ((a, b), score) in scores {
        (wide[*a][*b], wide[*b][*a]) = (*score, *score);
    }
    for k in 0..n {
        for a in 0..n {
            for b in 0..n {
                wide[a][b] = wide[a][b].max(wide[a][k].min(wide[k][b]));
            }
        }
    }
    wide
}

#[test]
fn the_way_is_the_one_whose_weakest_join_is_strongest() {
    let (mut ways, mut bridges) = (0, 0);
    for seed in 0..150 {
        let mut random = Random(seed);
        // One finding to a node, so that what is joined directly can be read from `explain` itself.
        let findings: Vec<Evidence> = (0..12)
            .map(|n| {
                let things: Vec<String> =
                    (0..1 + random.below(2)).map(|_| hash(random.below(5) as u64)).collect();
                let things: Vec<&str> = things.iter().map(String::as_str).collect();
                finding(n, random.below(900) as i64 * DAY, "", &things)
            })
            .chain(background())
            .collect();
        let frequency = Frequency::of(&findings, &Lake::default(), EVENTS);
        let words = Words::default();
        let graph = Graph::new(&findings, &frequency, &words);
        let direct =
            |a: usize, b: usize| sum(&explain(&graph, findings[a].id, findings[b].id).unwrap().direct).0;
        let mut scores = BTreeMap::new();
        for a in 0..findings.len() {
            for b in a + 1..findings.len() {
                let score = direct(a, b);
                if score >= 0 {
                    scores.insert((a, b), score);
                }
            }
        }
        let wide = best(findings.len(), &scores);
        for a in 0..12 {
            for b in (0..12).filter(|b| *b != a) {
                let way = explain(&graph, findings[a].id, findings[b].id).unwrap().path;
                assert_eq!(way.is_empty(), wide[a][b] == i64::MIN, "seed {seed}: {a} {b}");
                if way.is_empty() {
                    continue;
                }
                ways += 1;
                assert_eq!((way[0].from, way[way.len() - 1].to), (findings[a].id, findings[b].id));
                assert!(way.windows(2).all(|w| w[0].to == w[1].from), "seed {seed}");
                assert_eq!(
                    way.iter().map(|l| sum(&l.terms).0).min().unwrap(),
                    wide[a][b],
                    "seed {seed}: {a} {b}"
                );
                for link in &way {
                    let place = |f: FindingId| findings.iter().position(|x| x.id == f).unwrap();
                    let (x, y) = (place(link.from), place(link.to));
                    let mut fewer = scores.clone();
                    fewer.remove(&(x.min(y), x.max(y))).unwrap();
                    let parted = best(findings.len(), &fewer)[x][y] == i64::MIN;
                    assert_eq!(link.bridge, parted, "seed {seed}: {x} {y}");
                    bridges += usize::from(parted);
                }
            }
        }
    }
    assert!(ways > 1_000 && bridges > 50, "{ways} {bridges}");
}

#[test]
fn a_way_begins_and_ends_where_it_was_asked() {
    // Two findings to a node, and asked for the second of each.
    let mut all = background();
    for (n, things) in [(1, hash(1)), (3, hash(2))] {
        for k in 0..2 {
            let mut f = finding(n + k, (n + k) as i64 * SECOND, "", &[&things]);
            f.rule = format!("rule of {n}");
            all.push(f);
        }
    }
    all.push(finding(5, DAY, "", &[&hash(1), &hash(2)]));
    let frequency = Frequency::of(&all, &Lake::default(), EVENTS);
    let words = Words::default();
    let graph = Graph::new(&all, &frequency, &words);
    let way = explain(&graph, id(2), id(4)).unwrap().path;
    let ends: Vec<_> = way.iter().map(|l| (l.from, l.to)).collect();
    assert_eq!(ends, [(id(2), id(5)), (id(5), id(4))]);
    assert!(explain(&graph, id(2), id(1)).unwrap().path.is_empty(), "one node");
    assert!(explain(&graph, id(2), id(404)).is_none());
    assert!(explain(&graph, id(1), id(9_000)).unwrap().path.is_empty());
}

#[test]
fn an_analysts_word_is_the_explanation() {
    let mut all = background();
    all.push(finding(1, 0, "a", &[&hash(1)]));
    all.push(finding(2, DAY, "b", &[&hash(1)]));
    let frequency = Frequency::of(&all, &Lake::default(), EVENTS);
    let say = |pins: &[_], cuts: &[_]| {
        let words = Words { pins: pins.to_vec(), cuts: cuts.to_vec(), ..Words::default() };
        let graph = Graph::new(&all, &frequency, &words);
        let told = explain(&graph, id(1), id(2)).unwrap();
        let kinds: BTreeSet<TermKind> = told.direct.iter().map(|t| t.kind).collect();
        (kinds.contains(&TermKind::Analyst), sum(&told.direct).0 >= 0, told.path.len())
    };
    assert_eq!(say(&[], &[]), (false, true, 1));
    assert_eq!(say(&[pin(2, 1)], &[]), (true, true, 1));
    assert_eq!(say(&[], &[pin(2, 1)]), (true, false, 0));
    assert_eq!(say(&[pin(1, 2)], &[pin(1, 2)]), (true, false, 0), "who parts has the last word");
}

/// Of every pair of findings, one of each campaign, the strongest are told, with terms that sum to what joining reckons.
#[test]
fn between_two_campaigns_the_strongest_links_are_told() {
    let mut links = 0;
    for seed in 0..60 {
        let mut random = Random(700 + seed);
        let findings = some_findings(&mut random, 24);
        let frequency = Frequency::of(&findings, &Lake::default(), EVENTS);
        let words = Words::default();
        let graph = Graph::new(&findings, &frequency, &words);
        let now = campaigns(&graph, &[]);
        let sets: Vec<BTreeSet<_>> = now.campaigns.iter().map(|c| c.findings().collect()).collect();
        for (at, a) in sets.iter().enumerate() {
            for b in sets.iter().skip(at + 1) {
                let told = between(&graph, a, b, 3);
                assert!(told.len() <= 3);
                assert!(told.iter().all(|l| a.contains(&l.from) && b.contains(&l.to)));
                let scores: Vec<Weight> = told.iter().map(|l| sum(&l.terms)).collect();
                assert!(scores.is_sorted_by(|x, y| x >= y), "seed {seed}: {scores:?}");
                // They are two campaigns: nothing between them joins.
                assert!(scores.iter().all(|s| s.0 < 0), "seed {seed}: {scores:?}");
                let shared = |l: &palisade_campaign::Link| l.terms.iter().any(|t| t.kind == TermKind::Shared);
                let best = a.iter().flat_map(|x| b.iter().map(move |y| (*x, *y))).filter_map(|(x, y)| {
                    let direct = explain(&graph, x, y).unwrap().direct;
                    direct.iter().any(|t| t.kind == TermKind::Shared).then(|| sum(&direct))
                });
                let (best, first) = (best.max(), told.iter().find(|l| shared(l)).map(|l| sum(&l.terms)));
                assert_eq!(first, best, "seed {seed}");
                links += told.len();
                let back = between(&graph, b, a, 3);
                assert_eq!(back.iter().map(|l| sum(&l.terms)).collect::<Vec<_>>(), scores);
            }
        }
        // Of two halves of one campaign, links that do join.
        if let Some(one) = sets.iter().max_by_key(|s| s.len()) {
            let half = |first: bool| -> BTreeSet<_> {
                one.iter().enumerate().filter(|(n, _)| (n % 2 == 0) == first).map(|(_, f)| *f).collect()
            };
            let (a, b) = (half(true), half(false));
            let told = between(&graph, &a, &b, 1);
            let one_thing = |l: &palisade_campaign::Link| l.terms.is_empty();
            assert!(told.first().is_none_or(|l| one_thing(l) || sum(&l.terms).0 >= 0), "seed {seed}");
        }
    }
    assert!(links > 50, "{links}");
}
