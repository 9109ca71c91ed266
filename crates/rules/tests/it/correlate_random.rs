//! Correlations on random matches: a brute-force definition of each type, threads and their order, mutated bytes.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::MemorySpill;
use palisade_rules::correlate::{Alert, Gathering, MEMORY, Matches};
use palisade_rules::sigma::fold::fold;

use crate::correlate::{Dice, FAILED, M, RULES, one, setup};

/// Group, when it fired, matches, records.
type Short = (String, i64, u64, usize);

/// The definition, written down without any thought of speed: alerts of one correlation over rules.
fn brute(kind: &str, span: i64, holds: &dyn Fn(&[&M]) -> bool, stream: &[M]) -> Vec<Short> {
    let of = |m: &M, name: &str| m.values.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let mut groups: BTreeMap<String, Vec<&M>> = BTreeMap::new();
    for m in stream {
        let used = m.time.is_some() && (!kind.starts_with("value") || of(m, "n").is_some());
        let numeric = !kind.starts_with("value")
            || kind == "value_count"
            || of(m, "n").is_some_and(|n| n.parse::<f64>().is_ok());
        if let (Some(u), true, true) = (of(m, "u"), used, numeric) {
            groups.entry(fold(&u).into_owned()).or_default().push(m);
        }
    }
    let mut out = Vec::new();
    for (group, mut list) in groups {
        list.sort_by_key(|m| (m.time, m.source, m.record));
        let times: BTreeSet<i64> = list.iter().filter_map(|m| m.time).collect();
        type Cited = BTreeSet<(Option<i64>, u32, u64, char)>;
        let mut alert: Option<(i64, i64, Cited)> = None;
        let mut tell = |fired: i64, cited: &Cited| {
            let records: BTreeSet<_> =
                cited.iter().map(|(time, source, record, _)| (time, source, record)).collect();
            out.push((group.clone(), fired, cited.len() as u64, records.len()));
        };
        for t in times {
            let window: Vec<&M> =
                list.iter().copied().filter(|m| m.time >= Some(t - span) && m.time <= Some(t)).collect();
            let held = holds(&window);
            if let Some((fired, last, cited)) = alert.take() {
                if held && last >= t - span {
                    alert = Some((fired, last, cited));
                } else {
                    tell(fired, &cited);
                }
            }
            if held {
                let (_, last, cited) = alert.get_or_insert((t, t, BTreeSet::new()));
                *last = t;
                cited.extend(window.iter().map(|m| (m.time, m.source, m.record, m.rule)));
            }
        }
        if let Some((fired, _, cited)) = alert {
            tell(fired, &cited);
        }
    }
    out.sort();
    out
}

/// Whether the window has matches of these rules in order, none of them one record.
fn in_order(window: &[&M], rules: &[char]) -> bool {
    let Some((first, rest)) = rules.split_first() else { return true };
    let starts = window.iter().enumerate().filter(|(_, m)| m.rule == *first);
    starts.into_iter().any(|(i, m)| {
        let later: Vec<&M> = window[i..]
            .iter()
            .copied()
            .filter(|n| (n.time, n.source, n.record) > (m.time, m.source, m.record))
            .collect();
        in_order(&later, rest)
    })
}

#[test]
fn every_type_agrees_with_brute_force() {
    let number = |m: &M| {
        m.values.iter().find(|(n, _)| n == "n").and_then(|(_, v)| v.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let sum = |w: &[&M]| w.iter().map(|m| number(m)).sum::<f64>();
    let percentile = |w: &[&M], p: f64| {
        let mut list: Vec<f64> = w.iter().map(|m| number(m)).collect();
        list.sort_by(f64::total_cmp);
        let at = (list.len() - 1) as f64 * p / 100.0;
        let (low, high) = (list[at.floor() as usize], list[at.ceil() as usize]);
        low * (1.0 - at.fract()) + high * at.fract()
    };
    let distinct =
        |w: &[&M], f: &dyn Fn(&M) -> String| w.iter().map(|m| f(m)).collect::<BTreeSet<_>>().len() as f64;
    let rules = |w: &[&M]| w.iter().map(|m| m.rule).collect::<BTreeSet<_>>();
    let longest = |w: &[&M]| {
        let sets = [
            vec!['a'],
            vec!['b'],
            vec!['c'],
            vec!['a', 'b'],
            vec!['a', 'c'],
            vec!['b', 'c'],
            vec!['a', 'b', 'c'],
        ];
        sets.iter().filter(|s| in_order(w, s)).map(Vec::len).max().unwrap_or(0)
    };
    type Holds<'f> = Box<dyn Fn(&[&M]) -> bool + 'f>;
    let value = |m: &M| {
        fold(&m.values.iter().find(|(n, _)| n == "n").map(|(_, v)| v.clone()).unwrap_or_default())
            .into_owned()
    };
    let cases: Vec<(&str, &str, Holds<'_>)> = vec![
        ("event_count", "{gte: 4}", Box::new(|w| w.len() >= 4)),
        ("event_count", "{gt: 2, lt: 5}", Box::new(|w| w.len() > 2 && w.len() < 5)),
        ("event_count", "{eq: 3}", Box::new(|w| w.len() == 3)),
        ("value_count", "{field: n, gte: 3}", Box::new(|w| distinct(w, &value) >= 3.0)),
        ("value_count", "{field: n, lte: 1}", Box::new(|w| distinct(w, &value) <= 1.0)),
        ("value_sum", "{field: n, gt: 12}", Box::new(|w| sum(w) > 12.0)),
        ("value_avg", "{field: n, gte: 4.5}", Box::new(|w| sum(w) / w.len() as f64 >= 4.5)),
        ("value_median", "{field: n, gte: 5}", Box::new(|w| percentile(w, 50.0) >= 5.0)),
        ("value_percentile", "{field: n, percentile: 25, lt: 2}", Box::new(|w| percentile(w, 25.0) < 2.0)),
        ("temporal", "{gte: 3}", Box::new(|w| rules(w).len() == 3)),
        ("temporal", "{eq: 2}", Box::new(|w| rules(w).len() == 2)),
        ("temporal", "a and not (b or c)", Box::new(|w| rules(w) == BTreeSet::from(['a']))),
        ("temporal_ordered", "", Box::new(|w| in_order(w, &['a', 'b', 'c']))),
        ("temporal_ordered", "{gte: 2}", Box::new(|w| longest(w) >= 2)),
        ("temporal_ordered", "{eq: 1}", Box::new(|w| longest(w) == 1)),
        (
            "temporal_ordered",
            "(a and c) and not b",
            Box::new(|w| in_order(w, &['a', 'c']) && !rules(w).contains(&'b')),
        ),
    ];
    let mut dice = Dice(0x5150_2026);
    for (kind, condition, holds) in &cases {
        let condition =
            if condition.is_empty() { String::new() } else { format!("  condition: {condition}\n") };
        let setup =
            setup(&one(kind, &format!("  rules: [a, b, c]\n  group-by: [u]\n  timespan: 10s\n{condition}")));
        let mut fired = 0;
        for round in 0..60 {
            // Dense or sparse, on few or many moments, some without a field or a time.
            let spread = [15, 60, 400][round % 3];
            let mut stream: Vec<M> = (0..1 + dice.below(60))
                .map(|i| {
                    let mut values = Vec::new();
                    if dice.below(12) > 0 {
                        values
                            .push(("u".to_owned(), ["x", "X", "Straße", "straße"][dice.below(4)].to_owned()));
                    }
                    if dice.below(12) > 0 {
                        let n = ["A", "a", "1.5", "2.25", "7", "9", "0", "-3"][dice.below(8)];
                        values.push(("n".to_owned(), n.to_owned()));
                    }
                    let time = dice.below(spread) as i64 - 5;
                    M {
                        time: (dice.below(30) > 0).then_some(time),
                        rule: ['a', 'b', 'c'][dice.below(3)],
                        source: dice.below(2) as u32,
                        // Now and then two rules match one record.
                        record: if dice.below(6) == 0 { 1_000 + time.unsigned_abs() } else { i as u64 },
                        recovered: false,
                        values,
                    }
                })
                .collect();
            // A rule matches a record once.
            let mut seen = BTreeSet::new();
            stream.retain(|m| seen.insert((m.time, m.source, m.record, m.rule)));
            let want = brute(kind, 10, holds, &stream);
            fired += want.len();
            dice.shuffle(&mut stream);
            let (alerts, _) = setup.run(&stream, [MEMORY, 1][round % 2]);
            let short = |a: &Alert| {
                (fold(&a.group[0].1).into_owned(), a.fired.0 / 1_000_000, a.matches, a.citations.len())
            };
            let mut got: Vec<Short> = alerts.iter().map(short).collect();
            got.sort();
            assert_eq!(got, want, "{kind} {condition} {stream:#?}");
        }
        assert!(fired > 10, "{kind} {condition}: {fired}");
    }
}

#[test]
fn threads_and_their_order_do_not_show() {
    let text = format!(
        "{FAILED}title: x\ncorrelation: {{type: temporal_ordered, rules: [many, b, c], group-by: [u], timespan: 60s}}\n---\ntitle: y\ncorrelation: {{type: value_count, rules: [a, b], group-by: [u, h], timespan: 60s, condition: {{field: n, gte: 3}}}}\n"
    );
    let setup = setup(&text);
    let mut dice = Dice(77);
    let mut stream: Vec<M> = (0..4_000)
        .map(|i| M {
            time: Some(dice.below(3_000) as i64),
            rule: ['a', 'b', 'c'][dice.below(3)],
            source: dice.below(3) as u32,
            record: i,
            recovered: dice.below(50) == 0,
            values: ["h", "u", "n"].iter().map(|n| ((*n).to_owned(), dice.below(5).to_string())).collect(),
        })
        .collect();
    let (want, outcome) = setup.run(&stream, MEMORY);
    assert!(want.len() > 10, "{}", want.len());
    let ids: BTreeSet<_> = want.iter().map(|a| (a.correlation, a.digest())).collect();
    assert_eq!(ids.len(), want.len(), "each alert has an id of its own");
    for (pieces, limit) in [(1, 1), (2, 1 << 15), (7, 1 << 18), (64, MEMORY)] {
        dice.shuffle(&mut stream);
        let spill = MemorySpill::default();
        let mut gathering = Gathering::new(&setup.plan, limit, &spill);
        for piece in stream.chunks(stream.len().div_ceil(pieces)) {
            let mut matches = Matches::default();
            piece.iter().for_each(|m| setup.give(m, |m| matches.observe(m)));
            assert_eq!(matches.len(), piece.len());
            gathering.merge(&matches).unwrap();
        }
        let mut alerts = Vec::new();
        let again = gathering.finish(&|s| s.0.into(), &mut |a| alerts.push(a)).unwrap();
        assert_eq!(alerts, want);
        assert_eq!(again.tallies, outcome.tallies);
        assert!(limit == MEMORY || again.runs > 0);
    }
}

#[test]
fn mutated_rules_and_matches_never_panic() {
    let rules = RULES.replace("category: c", "product: p");
    let seeds = [
        format!(
            "{rules}{FAILED}title: x\ncorrelation: {{type: temporal_ordered, rules: [many, b, c], group-by: [u], timespan: 60s, condition: many and not c}}\n\0"
        ),
        format!(
            "{rules}title: x\ncorrelation:\n  type: value_percentile\n  rules: [a, b]\n  aliases: {{ip: {{a: s, b: d}}}}\n  group-by: [ip]\n  timespan: 5m\n  condition: {{field: n, percentile: 90, gte: 1, lt: 1e9}}\n\0"
        ),
        format!(
            "{rules}title: x\ncorrelation: {{type: value_count, rules: [a], timespan: 1h, condition: {{field: [n, m], gte: 1}}}}\n---\ntitle: y\ncorrelation: {{type: value_sum, rules: [b], timespan: 1h, condition: {{field: n, neq: 1}}}}\n\0"
        ),
    ];
    let mut dice = Dice(0x5150_2026);
    for round in 0..4_000 {
        let mut data = seeds[round % seeds.len()].clone().into_bytes();
        if round % 2 == 0 {
            for _ in 0..=dice.below(4) {
                let at = dice.below(data.len() - 1);
                match dice.below(3) {
                    0 => data[at] ^= 1 << dice.below(7),
                    1 => drop(data.drain(at..(at + dice.below(12)).min(data.len() - 1))),
                    _ => data.insert(at, b"[]{}:,&*!'-0123456789"[dice.below(21)]),
                }
            }
        }
        for _ in 0..dice.below(60) {
            let m = [
                dice.below(4),
                dice.below(40),
                dice.below(12),
                dice.below(9),
                48 + dice.below(10),
                46 + dice.below(12),
            ];
            data.extend(m.map(|b| b as u8));
        }
        palisade_rules::correlate::fuzz(&data);
    }
}
