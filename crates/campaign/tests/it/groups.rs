//! Alerts in groups: at each sensitivity, in any order, and never across organisations.

use std::collections::BTreeMap;

use palisade_campaign::{Alert, Names, group};

use crate::{Random, SECOND};

const SENSITIVITIES: [f64; 12] = [0.0, 0.1, 0.3, 0.5, 0.55, 0.6, 0.7, 0.75, 0.85, 0.95, 0.98, 1.0];

/// An alert by its texts: seconds, detector, host, address, organisation.
type Said = (f64, &'static str, String, String, String);

fn said(time: f64, detector: &'static str, host: &str, ip: &str, org: &str) -> Said {
    (time, detector, host.to_owned(), ip.to_owned(), org.to_owned())
}

/// Alerts and their names, in the order in which they come.
fn table(all: &[Said]) -> (Vec<Alert>, Names) {
    let mut names = Names::default();
    let number = |texts: &mut Vec<String>, text: &str| {
        let at = texts.iter().position(|t| t == text).unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        });
        at as u32
    };
    let mut alerts = Vec::new();
    for (time, detector, host, ip, org) in all {
        alerts.push(Alert {
            time: (time * SECOND as f64) as i64,
            detector: number(&mut names.detectors, detector),
            host: number(&mut names.hosts, host),
            ip: number(&mut names.ips, ip),
            org: number(&mut names.orgs, org),
        });
    }
    (alerts, names)
}

/// Groups, each as its sorted alerts.
fn partition(all: &[Said], sensitivity: f64) -> Vec<Vec<String>> {
    let (alerts, names) = table(all);
    let groups = group(&alerts, &names, sensitivity);
    assert_eq!(groups.len(), all.len());
    let mut by: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (alert, first) in all.iter().zip(&groups) {
        assert_eq!(groups[*first as usize], *first, "the first is of its own group");
        by.entry(*first).or_default().push(format!("{alert:?}"));
    }
    let mut out: Vec<Vec<String>> = by.into_values().collect();
    out.iter_mut().for_each(|g| g.sort());
    out.sort();
    out
}

/// Two sites with machines of the same names, bursts, and single alerts over days.
fn some_alerts(random: &mut Random, count: usize) -> Vec<Said> {
    let detectors = ["W-Acc-400", "W-Acc-403", "W-All-1", "S-Sys-9", "A-Net-1", "X"];
    let mut all = Vec::new();
    let mut time = 0.0;
    while all.len() < count {
        time += [0.0, 0.4, 3.0, 600.0, 40_000.0][random.below(5)];
        let org = ["", "east", "west"][random.below(3)];
        let host = ["web", "mail", "ws1"][random.below(3)];
        let ip = format!("10.{}.0.{}", org.len(), host.len());
        let detector = detectors[random.below(6)];
        let burst = if random.below(8) == 0 { 40 } else { 1 };
        for k in 0..burst {
            all.push(said(time + f64::from(k) * 0.05, detector, host, &ip, org));
        }
    }
    all
}

#[test]
fn order_of_alerts_and_of_names_means_nothing() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let all = some_alerts(&mut random, 300);
        for s in SENSITIVITIES {
            let want = partition(&all, s);
            for _ in 0..3 {
                // A table's names come in the order of its alerts: both are others.
                let mut other = all.clone();
                random.shuffle(&mut other);
                assert_eq!(partition(&other, s), want, "seed {seed}, {s}");
            }
        }
    }
}

#[test]
fn names_in_another_order_give_the_same_groups_and_the_same_first() {
    let mut random = Random(5);
    let all = some_alerts(&mut random, 300);
    let (alerts, names) = table(&all);
    let turned = |texts: &[String]| texts.iter().rev().cloned().collect::<Vec<_>>();
    let other = Names {
        detectors: turned(&names.detectors),
        hosts: turned(&names.hosts),
        ips: turned(&names.ips),
        orgs: turned(&names.orgs),
    };
    let turn = |n: u32, texts: &[String]| texts.len() as u32 - 1 - n;
    let renamed: Vec<Alert> = alerts
        .iter()
        .map(|a| Alert {
            time: a.time,
            detector: turn(a.detector, &names.detectors),
            host: turn(a.host, &names.hosts),
            ip: turn(a.ip, &names.ips),
            org: turn(a.org, &names.orgs),
        })
        .collect();
    for s in SENSITIVITIES {
        assert_eq!(group(&alerts, &names, s), group(&renamed, &other, s), "{s}");
    }
}

#[test]
fn zero_joins_what_is_equal_and_one_joins_everything() {
    let all = [
        said(0.0, "A-Net-1", "web", "10.0.0.1", ""),
        said(0.0, "A-Net-1", "web", "10.0.0.1", ""),
        said(0.0, "A-Net-2", "web", "10.0.0.1", ""),
        said(0.0, "A-Net-1", "mail", "10.0.0.2", ""),
        said(0.5, "A-Net-1", "web", "10.0.0.1", ""),
        said(9e8, "A-Net-1", "web", "10.0.0.1", "west"),
    ];
    let (alerts, names) = table(&all);
    assert_eq!(group(&alerts, &names, 0.0), [0, 0, 2, 3, 4, 5]);
    // The first of one time, kind and organisation is the one whose machine is called `mail`.
    assert_eq!(group(&alerts, &names, 1.0), [3; 6]);
    for odd in [f64::NAN, f64::NEG_INFINITY, -3.0] {
        assert_eq!(group(&alerts, &names, odd), group(&alerts, &names, 0.0), "{odd}");
    }
    for odd in [f64::INFINITY, 7.0] {
        assert_eq!(group(&alerts, &names, odd), group(&alerts, &names, 1.0), "{odd}");
    }
}

#[test]
fn organisations_stay_apart() {
    for seed in 0..20 {
        let all = some_alerts(&mut Random(seed), 300);
        let (alerts, names) = table(&all);
        for s in SENSITIVITIES.into_iter().filter(|s| *s <= 0.95) {
            for (alert, first) in alerts.iter().zip(group(&alerts, &names, s)) {
                assert_eq!(alert.org, alerts[first as usize].org, "seed {seed}, {s}");
            }
        }
    }
}

#[test]
fn a_pause_is_short_or_long_against_the_rhythm_of_its_context() {
    // A kind that comes once a day, for twenty days; once it comes twice within ten minutes.
    let mut all: Vec<Said> =
        (0..20).map(|d| said(f64::from(d) * 86_400.0, "S-Sys-9", "web", "10.0.0.1", "")).collect();
    all.push(said(5.0 * 86_400.0 + 600.0, "S-Sys-9", "web", "10.0.0.1", ""));
    // And one that comes every ten minutes.
    all.extend((0..300).map(|n| said(f64::from(n) * 600.0, "A-Net-1", "mail", "10.0.0.2", "")));
    let (alerts, names) = table(&all);
    let groups = group(&alerts, &names, 0.5);
    assert_eq!(groups[20], groups[5], "600 seconds are little in a day");
    assert!((0..20).all(|d| groups[d] == d as u32), "a day is not");
    let sparse = group(&alerts, &names, 0.4);
    assert!((22..321).all(|n| sparse[n] != sparse[n - 1]), "600 seconds are the rhythm itself");
}

#[test]
fn numbers_without_a_name_are_no_places() {
    let (mut alerts, names) = table(&vec![said(0.0, "A-Net-1", "web", "10.0.0.1", ""); 3]);
    for n in [1, 7, u32::MAX - 1, u32::MAX] {
        for k in 0..50 {
            alerts.push(Alert { time: k * SECOND / 10, detector: n, host: n, ip: n, org: n });
        }
    }
    for s in SENSITIVITIES {
        assert_eq!(group(&alerts, &names, s).len(), alerts.len());
        assert!(group(&alerts, &Names::default(), s).iter().all(|g| (*g as usize) < alerts.len()));
    }
    assert!(group(&[], &names, 0.8).is_empty());
}
