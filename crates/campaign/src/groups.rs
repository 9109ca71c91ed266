//! For who has only alerts: which belong together, at a chosen sensitivity.
//!
//! The same two levels as for findings. Alerts have no observables but the machine and its address, so that a campaign
//! here is what unusual things happened to one asset in unusually quick succession.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::components::Components;
use crate::interval::{SECOND, numbered};
use crate::steps::{Prepared, Seen, Sensitivity};

/// An alert. Names are numbers into the caller's [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alert {
    /// Microseconds since 1970, UTC.
    pub time: i64,
    /// The detector: `W-Acc-400`.
    pub detector: u32,
    /// The machine it is about.
    pub host: u32,
    /// Its address.
    pub ip: u32,
    /// The organisation it belongs to.
    pub org: u32,
}

/// The texts that [`Alert`]s' numbers stand for. In any order: only the texts count.
#[derive(Clone, Default, Debug)]
pub struct Names {
    /// Detectors.
    pub detectors: Vec<String>,
    /// Machines.
    pub hosts: Vec<String>,
    /// Addresses.
    pub ips: Vec<String>,
    /// Organisations; one empty text if the alerts name none.
    pub orgs: Vec<String>,
}

/// Up to here groups are steps.
const STEPS_END: f64 = 0.7;
/// Sensitivity of steps below which campaigns are joined.
const STEPS: f64 = 0.25;
/// From this mean interval on a kind of alert is unusual on its asset.
const UNUSUAL: i64 = 50_000 * SECOND;
/// Up to this mean interval it is usual there, and says nothing of what else happens.
const USUAL: i64 = 1_000 * SECOND;
/// Alerts of a series, at least.
const SERIES: usize = 100;
/// A series goes on after a pause of so many of its mean intervals.
const RHYTHM: i64 = 10;
/// Sensors of one kind compared with each one.
const SENSORS: usize = 64;
/// Pauses up to this long do not make two unusual episodes.
const EPISODE: i64 = 60 * SECOND;

/// The group of each alert, as the place of the group's first alert: earliest, then by detector, organisation, host,
/// address, place.
///
/// `sensitivity` goes from 0 (only what is the same at the same time) to 1 (everything):
///
/// | from | what is joined |
/// | ---: | --- |
/// | 0 | steps, more and more tolerant of pauses |
/// | 0.5 | bursts with what they meet, the shortest first |
/// | 0.7 | campaigns: unusual steps on one asset, more and more tolerant of pauses |
/// | 0.95 | whatever lies close in time |
pub fn group(alerts: &[Alert], names: &Names, sensitivity: f64) -> Vec<u32> {
    let sensitivity = if sensitivity.is_nan() { 0.0 } else { sensitivity.clamp(0.0, 1.0) };
    // Across networks of one site, seconds join; for campaigns that would let in too much.
    let sorted = Sorted::new(alerts, names, sensitivity > STEPS_END);
    let prepared = Prepared::new(&sorted.rows);
    let joined = match sensitivity {
        x if x <= 0.0 => prepared.steps(Sensitivity(0.0)),
        x if x <= 0.5 => prepared.steps(Sensitivity(2f64.powf(-14.0 + 30.0 * x))),
        x if x <= STEPS_END => prepared.steps(Sensitivity(2.0 + 2f64.powf((x - 0.5) * 60.0 - 5.0))),
        x => {
            let share = 0.01 * 2f64.powf((x.min(0.95) - STEPS_END) * 28.0);
            let steps = prepared.steps(Sensitivity(STEPS));
            let campaigns = campaigns(&sorted.rows, &prepared, &steps, share);
            if x <= 0.95 { campaigns } else { close_in_time(&sorted.rows, &campaigns, (x - 0.95) * 20.0) }
        }
    };
    sorted.first_alerts(&joined)
}

/// Alerts in an order and with numbers that their own order does not change.
struct Sorted {
    /// Equal alerts are one row.
    rows: Vec<Seen>,
    /// The row of each alert.
    row_of: Vec<u32>,
}

impl Sorted {
    fn new(alerts: &[Alert], names: &Names, by_network: bool) -> Sorted {
        let detectors = ranks(&names.detectors);
        let hosts = ranks(&names.hosts);
        let ips = ranks(&names.ips);
        let orgs = ranks(&names.orgs);
        let at = |ranks: &[u32], n: u32| ranks.get(n as usize).copied().unwrap_or(u32::MAX);
        let families: Vec<&str> = names.detectors.iter().map(|d| family(d)).collect();
        let (families, _) = numbered(&families);
        let sites = sites(alerts, names, by_network);
        // Ranks are ranks of texts, so that assets are numbered alike whatever order the texts came in.
        let places: Vec<(u32, u32, u32)> =
            alerts.iter().map(|a| (at(&orgs, a.org), at(&hosts, a.host), at(&ips, a.ip))).collect();
        let (assets, _) = numbered(&places);
        let seen = |n: usize| {
            let a = &alerts[n];
            Seen {
                time: a.time,
                kind: at(&detectors, a.detector),
                asset: assets[n],
                family: at(&families, a.detector),
                site: sites[n],
                org: at(&orgs, a.org),
                count: 1,
            }
        };
        let mut order: Vec<u32> = (0..alerts.len() as u32).collect();
        order.sort_by_cached_key(|n| seen(*n as usize));
        let mut rows: Vec<Seen> = Vec::new();
        let mut row_of = vec![0; alerts.len()];
        for n in order {
            let alert = seen(n as usize);
            match rows.last_mut() {
                Some(last) if Seen { count: 1, ..*last } == alert => {
                    last.count = last.count.saturating_add(1)
                }
                _ => rows.push(alert),
            }
            row_of[n as usize] = (rows.len() - 1) as u32;
        }
        Sorted { rows, row_of }
    }

    /// From groups of rows to the first alert of each.
    fn first_alerts(&self, groups: &[u32]) -> Vec<u32> {
        let mut first: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        for (alert, row) in self.row_of.iter().enumerate() {
            let here = (*row, alert as u32);
            let best = first.entry(groups[*row as usize]).or_insert(here);
            *best = here.min(*best);
        }
        self.row_of.iter().map(|row| first.get(&groups[*row as usize]).map_or(0, |f| f.1)).collect()
    }
}

/// The place of each text among all, in their order.
fn ranks(texts: &[String]) -> Vec<u32> {
    numbered(&texts.iter().map(String::as_str).collect::<Vec<_>>()).0
}

/// The family of a detector whose name has parts: `W-Acc-400` is of `Acc`. A part that says "all" names none.
fn family(detector: &str) -> &str {
    match detector.split(['-', '.', '/', ':']).nth(1) {
        Some(part) if !part.is_empty() && !part.eq_ignore_ascii_case("all") => part,
        _ => detector,
    }
}

/// The site of each alert. Where a host name has several addresses and no organisation is named, several sites have
/// a machine of that name, and only a common network (IPv4: 24 bits, IPv6: 64) says that two machines are of one;
/// `by_network` asks for that everywhere.
fn sites(alerts: &[Alert], names: &Names, by_network: bool) -> Vec<u32> {
    let mut addresses: BTreeMap<(u32, u32), BTreeSet<u32>> = BTreeMap::new();
    let mut told_apart: BTreeMap<u32, bool> = BTreeMap::new();
    for a in alerts {
        addresses.entry((a.org, a.host)).or_default().insert(a.ip);
    }
    for ((org, _), ips) in &addresses {
        *told_apart.entry(*org).or_default() |= by_network || ips.len() > 1;
    }
    let networks: Vec<String> = names.ips.iter().map(|ip| network(ip)).collect();
    let place = |a: &Alert| {
        let org = names.orgs.get(a.org as usize).map_or("", String::as_str);
        let apart = told_apart.get(&a.org).copied().unwrap_or(false);
        let network = networks.get(a.ip as usize).filter(|_| apart).map_or("", String::as_str);
        (org, network)
    };
    numbered(&alerts.iter().map(place).collect::<Vec<_>>()).0
}

fn network(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V4(ip)) => ip.octets()[..3].iter().map(|o| format!("{o}.")).collect(),
        Ok(IpAddr::V6(ip)) => ip.segments()[..4].iter().map(|s| format!("{s:x}:")).collect(),
        Err(_) => ip.to_owned(),
    }
}

/// Joins steps that are unusual for one asset and follow each other in a share of the time that usually lies between
/// two unusual things there.
fn campaigns(rows: &[Seen], prepared: &Prepared<'_>, steps: &[u32], share: f64) -> Vec<u32> {
    let span = match (rows.first(), rows.last()) {
        (Some(a), Some(b)) => b.time.saturating_sub(a.time).saturating_add(SECOND),
        _ => return steps.to_vec(),
    };
    let (steps, count) = numbered(steps);
    let bursts = bursts(rows, &steps, count);
    let usual: Vec<bool> =
        (0..rows.len()).map(|n| prepared.mean_interval(n) < USUAL && !bursts[steps[n] as usize]).collect();
    let unusual = |n: usize| prepared.mean_interval(n) >= UNUSUAL || bursts[steps[n] as usize];
    // Per asset, the stretch of each unusual step on it.
    let mut on: BTreeMap<u32, BTreeMap<u32, (i64, i64)>> = BTreeMap::new();
    for (_, (row, step)) in rows.iter().zip(&steps).enumerate().filter(|(n, _)| unusual(*n)) {
        let here = on.entry(row.asset).or_default().entry(*step).or_insert((row.time, row.time));
        here.1 = row.time;
    }
    let mut links = Components::new(count);
    for steps in on.values() {
        let mut stretches: Vec<(i64, i64, u32)> = steps.iter().map(|(s, (a, b))| (*a, *b, *s)).collect();
        stretches.sort_unstable();
        let mut episodes = 1;
        let mut reach = i64::MIN;
        for (first, last, _) in &stretches {
            episodes += i64::from(reach != i64::MIN && first.saturating_sub(reach) > EPISODE);
            reach = reach.max(*last);
        }
        let tolerated = (share * (span / episodes) as f64) as i64;
        let mut before: Option<(i64, u32)> = None;
        for (first, last, step) in stretches {
            if let Some((end, earlier)) = before {
                if first.saturating_sub(end) <= tolerated {
                    links.link(step, earlier);
                }
                if last < end {
                    continue;
                }
            }
            before = Some((last, step));
        }
    }
    let roots = links.roots();
    let series = series(rows, prepared, &usual);
    // Numbers of series follow those of steps.
    let group = |n: usize| match series[n] {
        u32::MAX => roots[steps[n] as usize],
        s => count as u32 + s,
    };
    (0..rows.len()).map(group).collect()
}

/// The series of each row of a usual kind; [`u32::MAX`] of the others.
///
/// What one kind of alert says of one asset again and again is one thing: a tunnel that asks every few seconds for days.
/// What else happened in the same second has nothing to do with it. Two assets of one organisation that say the same at
/// the same seconds are two sensors that see one thing.
fn series(rows: &[Seen], prepared: &Prepared<'_>, usual: &[bool]) -> Vec<u32> {
    let mut by_key: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for (n, row) in rows.iter().enumerate().filter(|(n, _)| usual[*n]) {
        by_key.entry((row.kind, row.asset)).or_default().push(n as u32);
    }
    let mut links = Components::new(rows.len());
    for all in by_key.values() {
        for two in all.windows(2) {
            let pause = rows[two[1] as usize].time.saturating_sub(rows[two[0] as usize].time);
            let rhythm = prepared.mean_interval(two[1] as usize).saturating_mul(RHYTHM);
            if pause <= rhythm {
                links.link(two[0], two[1]);
            }
        }
    }
    // By kind, because keys are in that order.
    let long: Vec<(&(u32, u32), &Vec<u32>)> = by_key.iter().filter(|(_, all)| all.len() >= SERIES).collect();
    for of_kind in long.chunk_by(|a, b| a.0.0 == b.0.0) {
        for (at, (_, here)) in of_kind.iter().enumerate() {
            for (_, there) in of_kind.iter().skip(at + 1).take(SENSORS) {
                let org = |of: &[u32]| of.first().map(|n| rows[*n as usize].org);
                if org(here) == org(there) {
                    mirrored(rows, here, there, &mut links);
                }
            }
        }
    }
    let roots = links.roots();
    roots.into_iter().zip(usual).map(|(root, usual)| if *usual { root } else { u32::MAX }).collect()
}

/// Links two series if most of the shorter one's alerts have one of the other's in the same second.
fn mirrored(rows: &[Seen], here: &[u32], there: &[u32], links: &mut Components) {
    let time = |n: &u32| rows[*n as usize].time.div_euclid(SECOND);
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while let (Some(a), Some(b)) = (here.get(i), there.get(j)) {
        let (s, t) = (time(a), time(b));
        if s == t {
            pairs.push((*a, *b));
        }
        i += usize::from(s <= t);
        j += usize::from(t <= s);
    }
    if pairs.len() * 2 >= here.len().min(there.len()) {
        for (a, b) in pairs {
            links.link(a, b);
        }
    }
}

/// Which steps are bursts: 30 alerts and two a second, at least.
fn bursts(rows: &[Seen], steps: &[u32], count: usize) -> Vec<bool> {
    let mut all: Vec<(i64, i64, u64)> = vec![(i64::MAX, i64::MIN, 0); count];
    for (row, step) in rows.iter().zip(steps) {
        let a = &mut all[*step as usize];
        *a = (a.0.min(row.time), a.1.max(row.time), a.2 + u64::from(row.count));
    }
    let dense = |(first, last, n): &(i64, i64, u64)| {
        *n >= 30 && *n as f64 >= 2.0 * (last.saturating_sub(*first) as f64 / SECOND as f64 + 1.0)
    };
    all.iter().map(dense).collect()
}

/// Joins groups across pauses that grow from a second to everything, for `x` from 0 to 1.
fn close_in_time(rows: &[Seen], groups: &[u32], x: f64) -> Vec<u32> {
    let pause = if x >= 1.0 { i64::MAX } else { (2f64.powf(x * 16.0) * SECOND as f64) as i64 };
    let (groups, count) = numbered(groups);
    let mut links = Components::new(count);
    for (pair, two) in rows.windows(2).zip(groups.windows(2)) {
        if pair[1].time.saturating_sub(pair[0].time) <= pause {
            links.link(two[0], two[1]);
        }
    }
    let roots = links.roots();
    groups.iter().map(|g| roots[*g as usize]).collect()
}
