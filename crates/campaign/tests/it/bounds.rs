//! What hostile input can reach: much of one thing, words that contradict themselves, times and texts of any kind.
//!
//! The large cases print how long they took and are never a timed assertion; that they end is the test.

use std::time::Instant;

use palisade_campaign::{
    Alert, Evidence, Former, Frequency, Graph, Names, Words, campaigns, explain, group, without,
};
use palisade_model::{CampaignId, FindingId, Observable, ObservableKind, Severity, Time, Vector};

use crate::{DAY, EVENTS, Lake, Random, SECOND, background, finding, hash, id, joined, pin, seen};

const MANY: u64 = 1_000_000;

fn plain(n: u64, time: i64, rule: String, host: Option<String>, observables: Vec<Observable>) -> Evidence {
    let severity = Severity::High;
    let title = String::new();
    Evidence {
        id: id(n),
        time: Some(Time(time)),
        rule,
        title,
        severity,
        vector: Vector::Host,
        host,
        attack: Vec::new(),
        observables,
        origin: None,
    }
}

/// Everything that can be asked of a case, with the time each took.
fn ask(what: &str, findings: &[Evidence], words: &Words) -> usize {
    let start = Instant::now();
    let mut told = Vec::new();
    let mut lap = |name: &str| told.push(format!("{name} {:.1}", start.elapsed().as_secs_f64()));
    let frequency = Frequency::of(findings, &Lake::default(), EVENTS);
    lap("frequency");
    let graph = Graph::new(findings, &frequency, words);
    lap("graph");
    let now = campaigns(&graph, &[]);
    lap("campaigns");
    let former: Vec<Former> = now
        .campaigns
        .iter()
        .map(|c| Former { id: c.id, aliases: c.aliases.clone(), findings: c.findings().collect() })
        .collect();
    let count = now.campaigns.len();
    // Of a million steps, nobody keeps two copies.
    drop(now);
    let now = campaigns(&graph, &former);
    assert_eq!(now.campaigns.len(), count);
    lap("named");
    let ids: Vec<FindingId> = findings.iter().map(|f| f.id).collect();
    let (first, last) = (ids[0], ids[ids.len() - 1]);
    explain(&graph, first, last).unwrap();
    lap("explained");
    for campaign in now.campaigns.iter().take(3) {
        without(&graph, campaign);
    }
    lap("without");
    eprintln!(
        "{what}: {} findings, {} campaigns; seconds: {}",
        findings.len(),
        now.campaigns.len(),
        told.join(", ")
    );
    now.campaigns.len()
}

#[test]
fn a_million_of_one_rule_about_one_thing() {
    let thing = seen("ip:203.0.113.7");
    let all: Vec<Evidence> = (0..MANY)
        .map(|n| plain(n, n as i64 * SECOND, "one".into(), Some("ws1".into()), vec![thing.clone()]))
        .collect();
    // One node: the same thing said a million times joins nothing.
    assert_eq!(ask("one rule", &all, &Words::default()), 0);
}

#[test]
fn a_million_of_a_million_rules_and_machines_about_one_thing() {
    let thing = seen("ip:203.0.113.7");
    let all: Vec<Evidence> = (0..MANY)
        .map(|n| plain(n, n as i64 * SECOND, format!("r{n}"), Some(format!("h{n}")), vec![thing.clone()]))
        .collect();
    assert_eq!(ask("many rules", &all, &Words::default()), 1);
}

#[test]
fn a_million_at_one_time_and_a_million_without_any() {
    let thing = seen("account:ann");
    for time in [Some(Time(0)), None] {
        let all: Vec<Evidence> = (0..MANY / 5)
            .map(|n| {
                let mut f =
                    plain(n, 0, format!("r{}", n % 1_000), Some(format!("h{}", n / 7)), vec![thing.clone()]);
                f.time = time;
                f
            })
            .collect();
        ask(&format!("all at {time:?}"), &all, &Words::default());
    }
}

#[test]
fn many_words_about_many_findings() {
    let thing = seen(&hash(1));
    let count = MANY / 10;
    let all: Vec<Evidence> =
        (0..count).map(|n| plain(n, n as i64 * SECOND, format!("r{n}"), None, vec![thing.clone()])).collect();
    let mut random = Random(1);
    let mut words = Words::default();
    for _ in 0..10_000 {
        words.pins.push(pin(random.number() % count, random.number() % (count * 2)));
        words.cuts.push(pin(random.number() % count, random.number() % (count * 2)));
        words.false_positives.insert(id(random.number() % (count * 2)));
        words.excluded.insert(hash(random.number()));
    }
    ask("many words", &all, &words);
}

/// Informational findings, each of which shares a program with the next: enough only if something grave vouches for one of
/// the two. The first is grave.
fn chain(count: u64) -> Vec<Evidence> {
    let link = |n: u64| {
        let things = vec![seen(&hash(n)), seen(&hash(n + 1))];
        // Four days of each rule.
        let mut f = plain(n, n as i64 * DAY, format!("r{}", n / 4), None, things);
        f.severity = if n == 0 { Severity::Critical } else { Severity::Informational };
        f
    };
    (0..count).map(link).collect()
}

#[test]
fn a_chain_of_what_is_only_just_beside_the_next_ends() {
    let all = chain(MANY / 10);
    assert_eq!(ask("chain", &all, &Words::default()), 1);
    // From one to the next it reaches some way, and ends where it says no more.
    let size = |n: u64| {
        let now = joined(&chain(n), &Lake::default(), &Words::default(), &[]);
        now.campaigns[0].findings().count()
    };
    assert_eq!((size(10), size(30)), (10, 30));
    assert_eq!((size(50), size(100)), (34, 34));
}

#[test]
fn many_campaigns_of_before() {
    let count = MANY / 20;
    let all: Vec<Evidence> = (0..count * 2)
        .map(|n| plain(n, n as i64 * SECOND, format!("r{n}"), None, vec![seen(&hash(n / 2))]))
        .collect();
    assert_eq!(ask("many campaigns", &all, &Words::default()), count as usize);
}

#[test]
fn a_million_alerts() {
    let one = |n: u64, detector: u32, host: u32| Alert {
        time: n as i64 * SECOND / 100,
        detector,
        host,
        ip: host,
        org: 0,
    };
    let names = |n: u32| Names {
        detectors: (0..n).map(|d| format!("W-F{}-{d}", d % 50)).collect(),
        hosts: (0..n).map(|h| format!("h{h}")).collect(),
        ips: (0..n).map(|i| format!("10.0.{}.{}", i / 256 % 256, i % 256)).collect(),
        orgs: vec![String::new()],
    };
    let mut random = Random(2);
    let same: Vec<Alert> = (0..MANY).map(|n| one(n, 0, 0)).collect();
    let at_once: Vec<Alert> = (0..MANY).map(|n| Alert { time: 0, ..one(n, (n % 5_000) as u32, 0) }).collect();
    let mixed: Vec<Alert> =
        (0..MANY).map(|n| one(n, random.below(1_000) as u32, random.below(20) as u32)).collect();
    let fresh: Vec<Alert> = (0..MANY).map(|n| one(n, (n % 60_000) as u32, 0)).collect();
    for (what, alerts, names) in [
        ("same", same, names(1)),
        ("at once", at_once, names(5_000)),
        ("mixed", mixed, names(1_000)),
        ("fresh", fresh, names(60_000)),
    ] {
        for sensitivity in [0.5, 0.65, 0.8] {
            let start = Instant::now();
            let groups = group(&alerts, &names, sensitivity);
            assert_eq!(groups.len(), alerts.len());
            eprintln!("alerts, {what}, {sensitivity}: {:.1} s", start.elapsed().as_secs_f64());
        }
    }
}

#[test]
fn nothing_gives_nothing() {
    let now = joined(&[], &Lake::default(), &Words::default(), &[]);
    assert_eq!((now.campaigns.len(), now.loose.len()), (0, 0));
    let frequency = Frequency::of(&[], &Lake::default(), 0);
    let words = Words { pins: vec![pin(1, 2)], cuts: vec![pin(2, 1)], ..Words::default() };
    let graph = Graph::new(&[], &frequency, &words);
    assert!(explain(&graph, id(1), id(2)).is_none());
    let before = Former { id: CampaignId(id(1)), aliases: Vec::new(), findings: [id(1)].into() };
    assert!(campaigns(&graph, &[before]).campaigns.is_empty());
    // Counted over nothing, weighed over something.
    let all = [finding(1, 0, "a", &[&hash(1)]), finding(2, DAY, "b", &[&hash(1)])];
    campaigns(&Graph::new(&all, &frequency, &Words::default()), &[]);
}

#[test]
fn words_in_rings_about_themselves_and_about_nobody() {
    let mut all = background();
    all.extend((1..=6).map(|n| finding(n, n as i64 * SECOND, "", &[&hash(n / 3)])));
    let words = Words {
        pins: vec![pin(1, 2), pin(2, 3), pin(3, 1), pin(1, 1), pin(4, 404), pin(404, 404), pin(2, 1)],
        cuts: vec![pin(1, 2), pin(2, 3), pin(3, 1), pin(5, 5), pin(404, 5), pin(405, 404), pin(2, 1)],
        excluded: ["", ":", "ip:", "sha256:zz", "nonsense:1", "\u{0}:\u{202e}"].map(str::to_owned).into(),
        false_positives: [id(404), id(6)].into(),
    };
    let frequency = Frequency::of(&all, &Lake::default(), EVENTS);
    let graph = Graph::new(&all, &frequency, &words);
    let now = campaigns(&graph, &[]);
    let of = |n| now.campaigns.iter().position(|c| c.findings().any(|f| f == id(n)));
    for (a, b) in [(1, 2), (2, 3), (1, 3)] {
        assert!(of(a).is_none() || of(a) != of(b), "who parts has the last word: {a} {b}");
    }
    for a in (1..8).chain([404]) {
        for b in (1..8).chain([404]) {
            explain(&graph, id(a), id(b));
        }
    }
    assert!(explain(&graph, id(6), id(1)).is_none(), "a false positive is no finding");
}

#[test]
fn times_of_any_kind() {
    let times = [i64::MIN, i64::MIN + 1, Time::MIN.0, -1, 0, 1, Time::MAX.0, i64::MAX - 1, i64::MAX];
    let mut all = Vec::new();
    for (n, time) in times.into_iter().enumerate() {
        for k in 0..3 {
            let mut f = finding(n as u64 * 3 + k, time, "ws1", &["account:ann", "ip:10.0.0.5", &hash(1)]);
            f.rule = format!("rule {k}");
            f.time = f.time.filter(|_| n != 4 || k != 1);
            all.push(f);
        }
    }
    let words = Words::default();
    let frequency = Frequency::of(&all, &Lake::default(), EVENTS);
    let graph = Graph::new(&all, &frequency, &words);
    let now = campaigns(&graph, &[]);
    for campaign in &now.campaigns {
        for join in &campaign.joins {
            assert_eq!(join.score.0, join.terms.iter().map(|t| t.weight.0).sum::<i64>());
        }
        without(&graph, campaign);
    }
    for (a, b) in [(0, 26), (12, 13), (3, 25)] {
        explain(&graph, id(a), id(b)).unwrap();
    }
    let names = Names {
        detectors: vec!["A-B-1".into()],
        hosts: vec!["h".into()],
        ips: vec!["10.0.0.1".into()],
        orgs: vec![String::new()],
    };
    let mut alerts: Vec<Alert> = Vec::new();
    for time in times {
        alerts.extend([Alert { time, detector: 0, host: 0, ip: 0, org: 0 }; 40]);
    }
    for s in [f64::NAN, f64::NEG_INFINITY, 0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.95, 0.97, 1.0, f64::INFINITY] {
        assert_eq!(group(&alerts, &names, s).len(), alerts.len());
    }
    let other: Vec<u32> = group(&alerts, &names, 1.0);
    assert!(other.iter().all(|g| *g == 0), "one is everything, whatever the times");
}

#[test]
fn texts_of_any_kind() {
    let long = "x".repeat(10_000);
    let texts =
        ["", "\u{0}", "\u{202e}exe.gpj", "\\", "@", "..", ".", "İ.exe ", "a\u{301}.dll,\u{1f600}", &long];
    let kinds = [ObservableKind::Account, ObservableKind::Host, ObservableKind::Path, ObservableKind::Url];
    let mut all = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        for k in 0..2 {
            let mut f = finding(n as u64 * 2 + k, k as i64, text, &[]);
            (f.rule, f.title, f.attack) = ((*text).to_owned(), (*text).to_owned(), vec![(*text).to_owned()]);
            f.host = Some((*text).to_owned());
            for kind in kinds {
                for shape in [
                    format!("c:\\{text}"),
                    format!("{text}\\{text}"),
                    format!("http://{text}/"),
                    text.to_string(),
                ] {
                    f.observables.extend(Observable::parse(kind, &shape));
                }
            }
            all.push(f);
        }
    }
    let words = Words { excluded: texts.iter().map(|t| format!("host:{t}")).collect(), ..Words::default() };
    for words in [Words::default(), words] {
        let now = joined(&all, &Lake::default(), &words, &[]);
        assert_eq!(
            now.campaigns.iter().map(|c| c.findings().count()).sum::<usize>() + now.loose.len(),
            all.len()
        );
    }
    let names = |n: usize| (0..n).map(|k| texts[k % texts.len()].to_owned()).collect::<Vec<_>>();
    let names = Names { detectors: names(10), hosts: names(10), ips: names(10), orgs: names(10) };
    let alerts: Vec<Alert> = (0..200u32)
        .map(|n| Alert { time: i64::from(n), detector: n % 10, host: n / 3 % 11, ip: n % 7, org: n % 12 })
        .collect();
    for s in [0.0, 0.5, 0.7, 0.9, 1.0] {
        assert_eq!(group(&alerts, &names, s).len(), alerts.len());
    }
}
