//! What correlations mean, as data: rules, a stream of matches, the alerts.

use palisade_model::{Citation, Match, MemorySpill, SourceId, Time};
use palisade_rules::correlate::{Alert, Correlations, Gathering, MEMORY, Outcome};
use palisade_rules::sigma::ir::Rule;
use palisade_rules::sigma::{RuleSet, Severity, parse_str};

use crate::sigma::options;

/// Rules `a`, `b`, `c`: what they look for does not matter here.
pub const RULES: &str = "title: a
name: a
logsource: {category: c}
detection: {s: {F: a}, condition: s}
---
title: b
name: b
logsource: {category: c}
detection: {s: {F: b}, condition: s}
---
title: c
name: c
logsource: {category: c}
detection: {s: {F: c}, condition: s}
---
";

/// One match: seconds, rule, source, record, values by name.
#[derive(Clone, Debug)]
pub struct M {
    pub time: Option<i64>,
    pub rule: char,
    pub source: u32,
    pub record: u64,
    pub recovered: bool,
    pub values: Vec<(String, String)>,
}

/// Reads `12 a u=x n=5`: seconds (`-`: no time), rule, values; `*` before the rule: carved; `@2/7`: source and record.
/// Where no record is given it is the line's number.
fn matches(text: &str) -> Vec<M> {
    let line = |(n, line): (usize, &str)| {
        let mut words = line.split_whitespace();
        let time = words.next()?.parse().ok();
        let rule = words.next()?;
        let mut one = M {
            time,
            rule: rule.chars().last()?,
            source: 0,
            record: n as u64 + 1,
            recovered: rule.starts_with('*'),
            values: Vec::new(),
        };
        for word in words {
            match (word.strip_prefix('@').and_then(|w| w.split_once('/')), word.split_once('=')) {
                (Some((source, record)), _) => {
                    (one.source, one.record) = (source.parse().unwrap(), record.parse().unwrap());
                }
                (_, Some((name, value))) => one.values.push((name.into(), value.replace('_', " "))),
                _ => panic!("{word}"),
            }
        }
        Some(one)
    };
    text.lines().enumerate().filter_map(line).collect()
}

pub struct Setup {
    pub rules: Vec<Rule>,
    pub plan: Correlations,
    pub notices: Vec<String>,
}

pub fn setup(correlations: &str) -> Setup {
    let (documents, mut errors) = parse_str("c.yml", &format!("{RULES}{correlations}"), &options());
    let (mut set, more) = RuleSet::assemble(documents);
    errors.extend(more);
    assert!(errors.iter().all(|e| e.severity == Severity::Notice), "{errors:#?}");
    let (plan, errors2) = Correlations::new(&mut set.rules, set.correlations);
    assert!(errors2.iter().all(|e| e.severity == Severity::Notice), "{errors2:#?}");
    Setup { rules: set.rules, plan, notices: errors.into_iter().map(|e| e.message).collect() }
}

impl Setup {
    /// Calls `f` with the match as the engine would give it.
    pub fn give<T>(&self, m: &M, f: impl FnOnce(&Match<'_>) -> T) -> T {
        let rule = self.rules.iter().position(|r| r.title == m.rule.to_string()).unwrap();
        let asked = self.rules[rule].correlated.iter().flat_map(|c| &c.fields);
        let of = |name: &str| m.values.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let values: Vec<Option<&str>> = asked.map(|a| of(&a.field)).collect();
        let citation = Citation { source: SourceId(m.source), record: m.record, offset: m.record * 10 };
        let time = m.time.map(|t| Time(t * 1_000_000));
        f(&Match { rule: rule as u32, time, citation, recovered: m.recovered, values: &values })
    }

    pub fn run(&self, stream: &[M], limit: usize) -> (Vec<Alert>, Outcome) {
        let spill = MemorySpill::default();
        let mut gathering = Gathering::new(&self.plan, limit, &spill);
        stream.iter().for_each(|m| self.give(m, |m| gathering.add(m)).unwrap());
        let mut alerts = Vec::new();
        let outcome = gathering.finish(&|s| s.0.into(), &mut |alert| alerts.push(alert)).unwrap();
        assert_eq!(spill.bytes(), 0, "every run is given up");
        (alerts, outcome)
    }
}

/// An alert in one line: correlation, group, when it fired, span, matches, measure, records cited.
fn told(setup: &Setup, alerts: &[Alert]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for alert in alerts {
        let title = &setup.plan.document(alert.correlation).unwrap().title;
        let group: Vec<String> = alert.group.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let (fired, first, last) =
            (alert.fired.0 / 1_000_000, alert.first.0 / 1_000_000, alert.last.0 / 1_000_000);
        let cited: Vec<String> = alert.citations.iter().map(|c| c.record.to_string()).collect();
        lines.push(format!(
            "{title} [{}] at {fired} {first}-{last} n={} m={} {}",
            group.join(" "),
            alert.matches,
            alert.measured,
            cited.join(",")
        ));
    }
    lines.sort();
    lines.join("\n")
}

/// The correlation's alerts on the stream, in whatever order it comes and however little memory there is.
fn check(correlations: &str, stream: &str, expected: &str) {
    let setup = setup(correlations);
    let stream = matches(stream);
    let (alerts, outcome) = setup.run(&stream, MEMORY);
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(told(&setup, &alerts), expected.join("\n"), "{correlations}");
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for limit in [MEMORY, 1, 1, 20_000] {
        let mut other = stream.clone();
        dice.shuffle(&mut other);
        let (again, o) = setup.run(&other, limit);
        assert_eq!(again, alerts, "{correlations}");
        assert_eq!((o.alerts, &o.tallies), (outcome.alerts, &outcome.tallies));
    }
}

pub fn one(kind: &str, rest: &str) -> String {
    format!("title: x\ncorrelation:\n  type: {kind}\n{rest}\n")
}

#[test]
fn event_count() {
    let count = |condition: &str| {
        one("event_count", &format!("  rules: a\n  group-by: [u]\n  timespan: 10s\n  condition: {condition}"))
    };
    // A window is closed: 0 and 10 are in one, 0 and 11 are not. It is not cut at anything.
    check(&count("{gte: 3}"), "0 a u=x\n5 a u=x\n10 a u=x", "x [u=x] at 10 0-10 n=3 m=3 1,2,3");
    check(&count("{gte: 3}"), "0 a u=x\n5 a u=x\n11 a u=x", "");
    check(&count("{gte: 3}"), "57 a u=x\n59 a u=x\n62 a u=x", "x [u=x] at 62 57-62 n=3 m=3 1,2,3");
    // Groups are apart; case is not.
    check(&count("{gte: 2}"), "0 a u=x\n1 a u=y\n2 a u=y", "x [u=y] at 2 1-2 n=2 m=2 2,3");
    check(&count("{gte: 2}"), "0 a u=Élan\n1 a u=élan", "x [u=Élan] at 1 0-1 n=2 m=2 1,2");
    check(&count("{gte: 2}"), "0 a u=ｱ\n1 a u=ア", "");
    // No group without the field; no window without a time.
    check(&count("{gte: 2}"), "0 a\n1 a\n- a u=x\n2 a u=x", "");
    check(&count("{gte: 2}"), "0 a u=\n1 a u=", "x [u=] at 1 0-1 n=2 m=2 1,2");
    // One alert while windows that hold touch; then another.
    check(&count("{gte: 2}"), "0 a u=x\n5 a u=x\n9 a u=x\n18 a u=x", "x [u=x] at 5 0-18 n=4 m=3 1,2,3,4");
    check(
        &count("{gte: 2}"),
        "0 a u=x\n5 a u=x\n40 a u=x\n41 a u=x",
        "x [u=x] at 41 40-41 n=2 m=2 3,4\nx [u=x] at 5 0-5 n=2 m=2 1,2",
    );
    check(
        &count("{gte: 1}"),
        "0 a u=x\n11 a u=x",
        "x [u=x] at 0 0-0 n=1 m=1 1\nx [u=x] at 11 11-11 n=1 m=1 2",
    );
    check(&count("{gte: 1}"), "0 a u=x\n10 a u=x", "x [u=x] at 0 0-10 n=2 m=2 1,2");
    // Several operators are AND; the matches of one moment come together.
    check(&count("{gt: 1, lte: 2}"), "0 a u=x\n1 a u=x\n2 a u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    check(&count("{gt: 1, lte: 2}"), "0 a u=x\n1 a u=x\n1 a u=x", "");
    check(
        &count("{eq: 2}"),
        "0 a u=x\n1 a u=x\n2 a u=x\n12 a u=x",
        "x [u=x] at 1 0-1 n=2 m=2 1,2\nx [u=x] at 12 2-12 n=2 m=2 3,4",
    );
    check(&count("{neq: 1}"), "0 a u=x\n1 a u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    check(&count("{lt: 2}"), "0 a u=x\n1 a u=x", "x [u=x] at 0 0-0 n=1 m=1 1");
    // Matches of other rules do not count; without group-by all is one group.
    check(&count("{gte: 2}"), "0 a u=x\n1 b u=x", "");
    let all = one("event_count", "  rules: [a, b]\n  timespan: 10s\n  condition: {gte: 2}");
    check(&all, "0 a u=x\n1 b u=y", "x [] at 1 0-1 n=2 m=2 1,2");
    // Before 1970, and a year.
    check(&count("{gte: 2}"), "-8 a u=x\n-1 a u=x", "x [u=x] at -1 -8--1 n=2 m=2 1,2");
    let year = one("event_count", "  rules: a\n  group-by: u\n  timespan: 365d\n  condition: {gte: 2}");
    check(&year, "0 a u=x\n31536000 a u=x", "x [u=x] at 31536000 0-31536000 n=2 m=2 1,2");
    check(&year, "0 a u=x\n31536001 a u=x", "");
    // A carved copy of a record is not counted again; a carved record of its own is.
    check(&count("{gte: 2}"), "0 a u=x\n0 *a u=x", "");
    check(&count("{gte: 2}"), "0 a u=x\n1 *a u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
}

#[test]
fn value_count() {
    let count = |field: &str, n: u32| {
        let rest = "  rules: a\n  group-by: [h]\n  timespan: 10s\n  condition:";
        one("value_count", &format!("{rest} {{field: {field}, gte: {n}}}"))
    };
    check(&count("u", 2), "0 a h=1 u=x\n1 a h=1 u=x\n2 a h=1 u=X", "");
    check(&count("u", 2), "0 a h=1 u=x\n1 a h=1 u=x\n2 a h=1 u=y", "x [h=1] at 2 0-2 n=3 m=2 1,2,3");
    check(&count("u", 2), "0 a h=1 u=x\n1 a h=2 u=y", "");
    check(&count("u", 2), "0 a h=1 u=x\n1 a h=1\n2 a h=1 u=y", "x [h=1] at 2 0-2 n=2 m=2 1,3");
    // What left the window does not count; a value that came again stays.
    check(&count("u", 3), "0 a h=1 u=x\n6 a h=1 u=y\n11 a h=1 u=z", "");
    check(
        &count("u", 3),
        "0 a h=1 u=x\n6 a h=1 u=y\n7 a h=1 u=x\n11 a h=1 u=z",
        "x [h=1] at 11 6-11 n=3 m=3 2,3,4",
    );
    // Several fields: different combinations.
    check(
        &count("[u, v]", 3),
        "0 a h=1 u=1 v=1\n1 a h=1 u=1 v=2\n2 a h=1 u=2 v=1",
        "x [h=1] at 2 0-2 n=3 m=3 1,2,3",
    );
    check(&count("[u, v]", 3), "0 a h=1 u=1 v=1\n1 a h=1 u=1 v=2\n2 a h=1 u=2", "");
    check(&count("[u, v]", 2), "0 a h=1 u=1 v=11\n1 a h=1 u=11 v=1", "x [h=1] at 1 0-1 n=2 m=2 1,2");
}

#[test]
fn temporal() {
    let temporal = |rest: &str| {
        one("temporal", &format!("  rules: [a, b, c]\n  group-by: [u]\n  timespan: 10s\n{rest}"))
    };
    let all = temporal("");
    check(&all, "0 c u=x\n5 a u=x\n10 b u=x", "x [u=x] at 10 0-10 n=3 m=3 1,2,3");
    check(&all, "0 c u=x\n5 a u=x\n11 b u=x", "");
    check(&all, "0 c u=x\n5 a u=y\n10 b u=x", "");
    check(&all, "0 a u=x\n1 a u=x\n2 b u=x", "");
    // One record may match several rules.
    check(&all, "0 a u=x @0/1\n0 b u=x @0/1\n0 c u=x @0/1", "x [u=x] at 0 0-0 n=3 m=3 1");
    check(&temporal("  condition: {gte: 2}"), "0 a u=x\n1 c u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    check(&temporal("  condition: a and b"), "0 a u=x\n1 b u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    let without = temporal("  condition: a AND (b or c) and not (b and c)");
    check(&without, "0 a u=x\n1 b u=x\n2 c u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    check(&without, "0 b u=x\n1 c u=x\n2 a u=x\n12 a u=x", "");
    check(&temporal("  condition: 2 of *"), "0 a u=x\n1 c u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    check(
        &temporal("  condition: a and not 1 of b*"),
        "0 b u=x\n1 a u=x\n12 a u=x",
        "x [u=x] at 12 12-12 n=1 m=1 3",
    );
    // An extended condition names its rules itself.
    let named = one("temporal", "  group-by: u\n  timespan: 10s\n  condition: a and c");
    check(&named, "0 a u=x\n1 c u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
}

#[test]
fn temporal_ordered() {
    let ordered = |rules: &str, rest: &str| {
        one("temporal_ordered", &format!("  rules: {rules}\n  group-by: [u]\n  timespan: 10s\n{rest}"))
    };
    let all = ordered("[a, b, c]", "");
    check(&all, "0 a u=x\n5 b u=x\n10 c u=x", "x [u=x] at 10 0-10 n=3 m=3 1,2,3");
    check(&all, "0 a u=x\n5 c u=x\n10 b u=x", "");
    check(&all, "0 a u=x\n5 b u=x\n11 c u=x", "");
    // The latest beginning counts, and another a does not break the chain.
    check(&all, "0 a u=x\n8 a u=x\n9 b u=x\n15 a u=x\n16 c u=x", "x [u=x] at 16 8-16 n=4 m=3 2,3,4,5");
    // One time: the order of sources, then of records; one record is not two steps.
    let two = ordered("[a, b]", "");
    check(&two, "0 a u=x @0/1\n0 b u=x @0/2", "x [u=x] at 0 0-0 n=2 m=2 1,2");
    check(&two, "0 a u=x @0/2\n0 b u=x @0/1", "");
    check(&two, "0 a u=x @1/1\n0 b u=x @0/2", "");
    check(&two, "0 a u=x @0/1\n0 b u=x @0/1", "");
    // A rule may be listed again.
    let again = ordered("[a, b, a]", "");
    check(&again, "0 a u=x\n1 b u=x", "");
    check(&again, "0 a u=x\n1 b u=x\n2 a u=x", "x [u=x] at 2 0-2 n=3 m=3 1,2,3");
    // Some of the rules, still in order.
    let some = ordered("[a, b, c]", "  condition: {gte: 2}");
    check(&some, "0 a u=x\n1 c u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    check(&some, "0 c u=x\n1 a u=x", "");
    let either = ordered("[a, b, c]", "  condition: a and c and not b");
    check(&either, "0 a u=x\n1 c u=x\n2 b u=x", "x [u=x] at 1 0-1 n=2 m=2 1,2");
    check(&either, "0 b u=x\n1 a u=x\n2 c u=x", "");
    check(&either, "0 c u=x\n1 a u=x", "");
}

#[test]
fn numbers() {
    let of = |kind: &str, condition: &str| {
        one(
            kind,
            &format!("  rules: a\n  group-by: [u]\n  timespan: 10s\n  condition: {{field: n, {condition}}}"),
        )
    };
    check(&of("value_sum", "gt: 10"), "0 a u=x n=5\n1 a u=x n=5.5", "x [u=x] at 1 0-1 n=2 m=10.5 1,2");
    check(&of("value_sum", "gt: 10"), "0 a u=x n=5\n11 a u=x n=6", "");
    check(
        &of("value_sum", "eq: 1"),
        "0 a u=x n=1e300\n5 a u=x n=1\n11 a u=x n=0",
        "x [u=x] at 11 5-11 n=2 m=1 2,3",
    );
    check(
        &of("value_sum", "gte: 1"),
        "0 a u=x n=NaN\n1 a u=x n=inf\n2 a u=x n=0x10\n3 a u=x n=1e400\n4 a u=x",
        "",
    );
    check(
        &of("value_sum", "gt: 1"),
        "0 a u=x n=1.7e308\n1 a u=x n=1.7e308",
        "x [u=x] at 0 0-1 n=2 m=inf 1,2",
    );
    check(&of("value_sum", "lt: 0"), "0 a u=x n=-0.5", "x [u=x] at 0 0-0 n=1 m=-0.5 1");
    check(&of("value_avg", "gt: 4"), "0 a u=x n=3\n1 a u=x n=6", "x [u=x] at 1 0-1 n=2 m=4.5 1,2");
    check(&of("value_avg", "gt: 4.5"), "0 a u=x n=3\n1 a u=x n=6", "");
    check(&of("value_median", "gte: 5"), "0 a u=x n=1\n1 a u=x n=9", "x [u=x] at 1 0-1 n=2 m=5 1,2");
    check(
        &of("value_median", "gte: 5"),
        "0 a u=x n=1\n1 a u=x n=9\n2 a u=x n=2",
        "x [u=x] at 1 0-1 n=2 m=5 1,2",
    );
    check(
        &of("value_percentile", "percentile: 90, gte: 9"),
        "0 a u=x n=0\n1 a u=x n=10",
        "x [u=x] at 1 0-1 n=2 m=9 1,2",
    );
    check(&of("value_percentile", "percentile: 0, gte: 1"), "0 a u=x n=0\n1 a u=x n=10", "");
}

#[test]
fn what_cannot_be_used_is_counted() {
    let setup = setup(&one(
        "value_sum",
        "  rules: a\n  group-by: [u]\n  timespan: 10s\n  condition: {field: n, gt: 0}",
    ));
    let stream = matches("- a u=x n=1\n0 a n=1\n0 a n=2\n0 a u=x\n0 a u=x n=x\n0 a u=x n=1\n0 b u=x n=1");
    let (alerts, outcome) = setup.run(&stream, MEMORY);
    assert_eq!(alerts.len(), 1);
    let t = outcome.tallies[0];
    assert_eq!(
        (t.matches, t.without_time, t.without_group, t.without_value, t.not_a_number),
        (6, 1, 2, 1, 1)
    );
    let problems: Vec<String> = outcome.problems(&setup.plan).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "c.yml: correlation \"x\": 1 of 6 matches have no time, so no window holds them",
            "c.yml: correlation \"x\": 2 of 6 matches lack a field of group-by (u), so they are in no group (2 times)",
            "c.yml: correlation \"x\": 1 of 6 matches lack the field n, so there is nothing to measure",
            "c.yml: correlation \"x\": 1 of 6 matches have a field n that is not a number",
        ]
    );
}

pub const FAILED: &str = "title: many
name: many
correlation:
  type: event_count
  rules: a
  group-by: [h]
  timespan: 10s
  condition: {gte: 3}
---
";

#[test]
fn chains() {
    let then = |group: &str| {
        format!(
            "{FAILED}title: x\ncorrelation:\n  type: temporal_ordered\n  rules: [many, b]\n  group-by: [{group}]\n  timespan: 60s\n"
        )
    };
    // The outer one groups by a field of its own: the values are those of the matches.
    let stream = "0 a h=1 u=x\n1 a h=1 u=x\n2 a h=1 u=y\n30 b h=2 u=x";
    check(&then("u"), stream, "x [u=x] at 30 0-30 n=3 m=2 1,2,4");
    check(&then("h"), stream, "");
    check(&then("h"), "0 a h=1\n1 a h=1\n2 a h=1\n30 b h=1", "x [h=1] at 30 0-30 n=4 m=2 1,2,3,4");
    check(&then("h"), "0 a h=1\n1 a h=1\n30 b h=1", "");
    // The alert goes on: what follows its end, or comes amid it, follows it.
    check(&then("h"), "0 a h=1\n1 a h=1\n2 a h=1\n9 a h=1\n69 b h=1", "x [h=1] at 69 9-69 n=2 m=2 4,5");
    check(&then("h"), "0 a h=1\n1 a h=1\n2 a h=1\n5 b h=1\n9 a h=1", "x [h=1] at 5 0-9 n=5 m=2 1,2,3,4,5");
    // Before it fired there is nothing to follow.
    check(&then("h"), "0 a h=1\n1 a h=1\n1 b h=1\n2 a h=1", "");
    // With `generate` both report.
    let both = then("h").replace("  timespan: 60s", "  timespan: 60s\n  generate: true");
    check(
        &both,
        "0 a h=1\n1 a h=1\n2 a h=1\n30 b h=1",
        "many [h=1] at 2 0-2 n=3 m=3 1,2,3\nx [h=1] at 30 0-30 n=4 m=2 1,2,3,4",
    );
    // Alerts are counted, not their matches.
    let twice = format!(
        "{FAILED}title: x\ncorrelation: {{type: event_count, rules: many, timespan: 1h, condition: {{gte: 2}}}}\n"
    );
    check(&twice, "0 a h=1\n1 a h=1\n2 a h=1\n3 a h=1", "");
    check(
        &twice,
        "0 a h=1\n1 a h=1\n2 a h=1\n50 a h=1\n51 a h=1\n52 a h=1",
        "x [] at 52 0-52 n=6 m=2 1,2,3,4,5,6",
    );
    let hosts =
        twice.replace("{type: event_count", "{type: value_count").replace("{gte: 2}", "{field: h, gte: 2}");
    check(
        &hosts,
        "0 a h=1\n1 a h=1\n2 a h=1\n3 a h=2\n4 a h=2\n5 a h=2",
        "x [] at 5 0-5 n=6 m=2 1,2,3,4,5,6",
    );
    // Three levels, whatever the order of the documents.
    let three = format!(
        "title: top\ncorrelation: {{type: temporal, rules: [x, c], group-by: [h], timespan: 2h}}\n---\n{}",
        then("h").replace("title: x\n", "title: x\nname: x\n")
    );
    check(&three, "0 a h=1\n1 a h=1\n2 a h=1\n30 b h=1\n40 c h=1", "top [h=1] at 40 0-40 n=5 m=2 1,2,3,4,5");
}

#[test]
fn aliases() {
    let text = "title: x
correlation:
  type: temporal
  rules: [a, b]
  aliases:
    ip: {a: src, b: dst}
  group-by: [ip]
  timespan: 10s
";
    check(text, "0 a src=1 dst=2\n1 b src=3 dst=1", "x [ip=1] at 1 0-1 n=2 m=2 1,2");
    check(text, "0 a src=1\n1 b src=1", "");
    // An alert brings its alias; what an alias does not say is told.
    let chain = text.replace("title: x\n", "title: inner\nname: inner\n");
    let chain = format!(
        "{chain}---\ntitle: x\ncorrelation: {{type: temporal, rules: [inner, c], group-by: [ip], timespan: 10s}}\n"
    );
    check(&chain, "0 a src=1\n1 b dst=1\n2 c ip=1", "x [ip=1] at 2 0-2 n=3 m=2 1,2,3");
    let missing = setup(&text.replace(", b: dst", ""));
    assert_eq!(missing.notices, ["alias `ip` does not say what `b` calls it: its field `ip` is taken"]);
}

#[test]
fn who_reports() {
    let silent = |correlations: &str| {
        let setup = setup(correlations);
        let rules: String = setup.rules.iter().filter(|r| r.reports()).map(|r| r.title.as_str()).collect();
        let plan = &setup.plan;
        let mine: Vec<&str> = (0..plan.len() as u32)
            .filter(|i| plan.reports(*i))
            .map(|i| plan.document(i).unwrap().title.as_str())
            .collect();
        format!("{rules} {}", mine.join(","))
    };
    let count = "title: n\nname: n\ncorrelation: {type: event_count, rules: [a], timespan: 1s, condition: {gte: 2}}\n";
    assert_eq!(silent(""), "abc ");
    assert_eq!(silent(count), "bc n");
    assert_eq!(silent(&count.replace("{gte: 2}", "{gte: 2}, generate: true")), "abc n");
    let outer = "---\ntitle: o\ncorrelation: {type: temporal, rules: [n, b], timespan: 1s}\n";
    assert_eq!(silent(&format!("{count}{outer}")), "c o");
    assert_eq!(silent(&format!("{count}{}", outer.replace("1s}", "1s, generate: true}"))), "bc n,o");
    // A level below which nothing is told leaves what is needed, silent.
    let text = format!("{RULES}{count}level: high\n").replace("title: b\n", "title: b\nlevel: high\n");
    let (mut set, _) = RuleSet::assemble(parse_str("t.yml", &text, &options()).0);
    assert_eq!(set.at_least(palisade_rules::sigma::ir::Level::Medium), 2);
    let left: Vec<(&str, bool)> = set.rules.iter().map(|r| (r.title.as_str(), r.reports())).collect();
    assert_eq!(left, [("a", false), ("b", true)]);
    assert_eq!(set.correlations.len(), 1);
    let (plan, errors) = Correlations::new(&mut set.rules, set.correlations);
    assert!(errors.is_empty() && plan.len() == 1 && !set.rules[0].reports());
}

/// What is refused: the message of the one error.
fn refuse(correlations: &str, message: &str) {
    let (documents, mut errors) = parse_str("c.yml", &format!("{RULES}{correlations}"), &options());
    let (set, more) = RuleSet::assemble(documents);
    errors.extend(more);
    assert!(set.correlations.is_empty(), "{correlations}");
    assert!(set.rules.iter().all(Rule::reports), "rules of a correlation that is not loaded are not silent");
    assert!(
        errors.iter().any(|e| e.message.contains(message) && e.severity == Severity::Error),
        "{errors:#?}"
    );
}

#[test]
fn what_is_refused() {
    let whole =
        "title: x\nid: i\ncorrelation: {type: event_count, rules: [a], timespan: 1s, condition: {gte: 2}}\n";
    for (from, to, message) in [
        ("[a]", "[z]", "refers to `z`, and no such rule is loaded"),
        ("[a]", "[a, A]", "listed twice"),
        ("[a]", "[i]", "refers to itself"),
        ("1s", "366d", "longer than 365 days"),
        ("1s", "0m", "`timespan` must be"),
        ("timespan: 1s, ", "", "has no `timespan`"),
        ("{gte: 2}", "{gte: x}", "must be a number"),
        ("{gte: 2}", "{}", "with a comparison"),
        ("{gte: 2}", "a and b", "must be a map"),
        ("event_count", "value_count", "needs a `field`"),
        ("event_count", "value_percentile", "needs a `field`"),
        ("{gte: 2}", "{gte: 2, percentile: 5}", "`percentile` has no meaning"),
        (
            "event_count, rules: [a], timespan: 1s, condition: {gte: 2}",
            "temporal, rules: [a], timespan: 1s, condition: a and z",
            "names `z`",
        ),
        (
            "event_count, rules: [a], timespan: 1s, condition: {gte: 2}",
            "value_percentile, rules: [a], timespan: 1s, condition: {gte: 2, field: n}",
            "needs a `percentile`",
        ),
        (
            "event_count, rules: [a], timespan: 1s, condition: {gte: 2}",
            "value_percentile, rules: [a], timespan: 1s, condition: {gte: 2, field: n, percentile: 101}",
            "between 0 and 100",
        ),
        (
            "event_count, rules: [a], timespan: 1s, condition: {gte: 2}",
            "value_sum, rules: [a], timespan: 1s, condition: {gte: 2, field: [n, m]}",
            "measures one field",
        ),
    ] {
        refuse(&whole.replacen(from, to, 1), message);
    }
    // A circle of two, and what hangs on it; a missing rule takes along what refers to it.
    let two = "title: x\nname: x\ncorrelation: {type: temporal, rules: [y, a], timespan: 1s}\n---\ntitle: y\nname: y\ncorrelation: {type: temporal, rules: [x, b], timespan: 1s}\n---\ntitle: z\ncorrelation: {type: temporal, rules: [x, c], timespan: 1s}\n";
    refuse(two, "refers to itself, directly or through others");
    refuse(&two.replace("[x, b]", "[q, b]"), "refers to \"y\", which is not loaded");
    let shared = format!(
        "{}---\ntitle: x\ncorrelation: {{type: temporal, rules: [a, b], timespan: 1s}}\n",
        RULES.replace("name: b", "name: a").trim_end_matches("---\n")
    );
    let (set, errors) = RuleSet::assemble(parse_str("c.yml", &shared, &options()).0);
    assert!(
        set.correlations.is_empty() && errors[0].message.contains("is the name of 2 rules"),
        "{errors:#?}"
    );
}

#[test]
fn large_alerts_are_bounded_and_whole_in_number() {
    let setup = setup(&one("temporal", "  rules: [a, b, c]\n  timespan: 365d\n  condition: a and b"));
    let mut stream = matches("0 b\n");
    stream[0].record = 1_000_000;
    for i in 0..5_000 {
        let rule = if i == 2_500 { 'c' } else { 'a' };
        stream.push(M {
            time: Some(i),
            rule,
            source: 0,
            record: i as u64,
            recovered: false,
            values: Vec::new(),
        });
    }
    let (alerts, outcome) = setup.run(&stream, MEMORY);
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.matches, alert.by_rule.as_slice()), (5_001, [4_999, 1, 1].as_slice()));
    assert_eq!(alert.citations.len(), 192 + 64 + 1, "begin, end, and the one match of c amid");
    assert!(alert.citations.iter().any(|c| c.record == 2_500));
    assert_eq!((alert.last, outcome.largest_window), (Time(4_999_000_000), 5_001));
}

#[test]
fn a_million_matches_with_one_value() {
    for (kind, condition, measured) in [
        ("event_count", "{gte: 5}", 1e6),
        ("value_count", "{field: n, gte: 1}", 1.0),
        ("value_sum", "{field: n, gte: 5}", 5e6),
        ("value_median", "{field: n, gte: 5}", 5.0),
    ] {
        let rest = format!("  rules: a\n  group-by: u\n  timespan: 365d\n  condition: {condition}");
        let setup = setup(&one(kind, &rest));
        let spill = MemorySpill::default();
        let mut gathering = Gathering::new(&setup.plan, 8 << 20, &spill);
        let values = vec![Some("x"); 1 + usize::from(kind != "event_count")];
        let values: Vec<_> =
            values.into_iter().enumerate().map(|(i, v)| if i == 1 { Some("5") } else { v }).collect();
        for i in 0..1_000_000 {
            let citation = Citation { source: SourceId(0), record: i, offset: i };
            let time = Some(Time(i as i64 % 1_000 * 1_000_000));
            gathering.add(&Match { rule: 0, time, citation, recovered: false, values: &values }).unwrap();
        }
        let mut alerts = Vec::new();
        let outcome = gathering.finish(&|s| s.0.into(), &mut |a| alerts.push(a)).unwrap();
        assert_eq!(alerts.len(), 1);
        assert_eq!((alerts[0].matches, alerts[0].measured), (1_000_000, measured), "{kind}");
        assert!(outcome.runs > 3, "it did not fit into the memory given");
    }
}

#[test]
fn long_values_stay_different() {
    let setup =
        setup(&one("event_count", "  rules: a\n  group-by: u\n  timespan: 10s\n  condition: {gte: 2}"));
    let mut stream = matches("0 a u=x\n1 a u=x\n2 a u=x\n3 a u=x");
    let long = "é".repeat(1 << 19);
    for (m, tail) in stream.iter_mut().zip(["1", "2", "2", "3"]) {
        m.values[0].1 = format!("{long}{tail}");
    }
    stream[1].values[0].1 = stream[1].values[0].1.to_uppercase();
    let (alerts, _) = setup.run(&stream, MEMORY);
    let [alert] = alerts.as_slice() else { panic!("{} alerts", alerts.len()) };
    assert_eq!(alert.citations.iter().map(|c| c.record).collect::<Vec<_>>(), [2, 3]);
    assert!(alert.group[0].1.len() < 1_024);
}

/// A small generator (xorshift64*), so that a failure can be repeated.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// What the engine gives of a match: the fields asked for, in their order, as the record has them.
#[test]
fn the_engine_brings_what_is_asked() {
    let text = format!(
        "{}title: x\ncorrelation: {{type: value_count, rules: [a], group-by: [u, v, w], timespan: 1m, condition: {{field: n, gte: 2}}}}\n",
        RULES.replace("category: c", "service: s")
    );
    let (set, errors) = RuleSet::assemble(parse_str("t.yml", &text, &options()).0);
    assert!(errors.is_empty(), "{errors:#?}");
    let events = [
        r#"{"F":"a","u":"x","v":null,"n":["1","2"]}"#,
        r#"{"F":"a","w":{"$blank":1},"u":true,"n":7}"#,
        r#"{"F":"b","u":"y"}"#,
    ];
    let got = crate::engine::asked(&set.rules, &events.map(crate::sigma::Json::new));
    let some = |t: &str| Some(t.to_owned());
    assert_eq!(
        got,
        [
            (0, 0, vec![some("x"), None, None, some("1")]),
            (1, 0, vec![some("true"), None, None, some("7")]),
            (2, 1, Vec::new()),
        ]
    );
}
