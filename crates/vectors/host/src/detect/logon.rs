//! Room: `vectors/host`, door `detect` — who came from where to where, and paths of one account over several machines.
//!
//! An edge is a logon from one machine on another, by an account, within an hour. Left out are machine accounts, edges
//! that are there on many days (habit), and edges to machines that many others log on to (servers), unless something
//! was started there from afar. A path is a chain of edges in time: each begins where the one before ended, within a
//! window, under the same account or under one whose credentials were used on that machine between coming and going.
//!
//! What this module never does: call a logon hostile by itself.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Finding, ObservableKind};

use super::Outcome;
use super::data::{Detector, Spec};
use super::facts::{DAY, Entry, Facts, Kind};
use super::find::Made;

/// Most paths told, those with something started from afar first; the rest is counted. Edges are as many as facts of logons,
/// which are bounded where they are counted.
const MAX_PATHS: usize = 200;

/// Most edges into a machine that are tried as the step before one from it.
const MAX_TRIED: usize = 256;

/// Most machines of one path.
const MAX_HOPS: usize = 16;

/// What one fact of a logon spans at most, in microseconds.
const HOUR: i64 = 3_600 * 1_000_000;

/// A clock may be so far ahead of another machine's, in microseconds.
const SKEW: i64 = 60 * 1_000_000;

/// Accounts of the system itself.
const NOBODY: [&str; 9] = [
    "system",
    "anonymous logon",
    "local service",
    "network service",
    "localsystem",
    "iusr",
    "",
    "-",
    "anonymous",
];

struct Edge<'f> {
    from: String,
    to: String,
    account: &'f str,
    kind: &'f str,
    entry: &'f Entry,
    /// Something was started on the target at about this time.
    run: Option<(&'f str, &'f Entry)>,
}

impl Edge<'_> {
    fn first(&self) -> i64 {
        self.entry.first.time.map_or(0, |t| t.0)
    }

    fn last(&self) -> i64 {
        self.entry.last.time.map_or(0, |t| t.0)
    }
}

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    let (quiet, loud) = (spec.detectors.get("logon_path"), spec.detectors.get("logon_path_executed"));
    let Some(limits) = loud.or(quiet) else { return };
    let seconds =
        |name: &str| i64::try_from(limits.limit(name)).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let names = Names::new(facts);
    let mut runs: BTreeMap<String, Vec<(&str, &Entry)>> = BTreeMap::new();
    let ran = facts.each(Kind::RemoteRun);
    for (parts, entry) in &ran {
        if let [how, host, _] = parts[..] {
            runs.entry(short(host)).or_default().push((how, entry));
        }
    }
    let logons = facts.each(Kind::Logon);
    let mut edges = edges(&logons, &names, &runs, seconds("execution_seconds"));
    keep_unusual(&mut edges, limits);
    let explicit = facts.each(Kind::Explicit);
    let mut lent: BTreeMap<(String, &str), Vec<&Entry>> = BTreeMap::new();
    for (parts, entry) in &explicit {
        if let [_, account, host, _] = parts[..] {
            lent.entry((short(host), person(account))).or_default().push(entry);
        }
    }
    let lent = lent.into_iter().map(|(key, list)| (key, Lent::new(&list))).collect();
    let chains = chain(&edges, seconds("window_seconds"), &lent);
    let before = chains.before;
    out.left_out(chains.untried, "logons on a machine that were not tried as the step before one from there");
    out.left_out(chains.too_long, format!("logons that would have made a path longer than {MAX_HOPS} steps"));
    let inner: BTreeSet<usize> = before.iter().flatten().copied().collect();
    let mut paths: Vec<(bool, Vec<&Edge<'_>>)> = Vec::new();
    for (end, _) in before.iter().enumerate().filter(|(i, b)| b.is_some() && !inner.contains(i)) {
        let mut path = vec![end];
        while let Some(Some(previous)) = path.last().and_then(|i| before.get(*i)) {
            path.push(*previous);
        }
        path.reverse();
        let hops: Vec<&Edge<'_>> = path.iter().filter_map(|i| edges.get(*i)).collect();
        paths.push((hops.iter().any(|e| e.run.is_some()), hops));
    }
    // Those that ran something come first; the sort keeps the order in time.
    paths.sort_by_key(|(ran, _)| !ran);
    out.left_out(paths.len().saturating_sub(MAX_PATHS) as u64, format!("paths of logons beyond {MAX_PATHS}"));
    for (ran, hops) in paths.iter().take(MAX_PATHS) {
        let (detector, message) = match (quiet, loud) {
            (_, Some(loud)) if *ran => (loud, "host.logon_path_executed"),
            (Some(quiet), _) => (quiet, "host.logon_path"),
            _ => continue,
        };
        out.findings.extend(tell(detector, message, hops, &names));
    }
}

/// Machines by address, where exactly one machine used the address as its own.
struct Names<'f> {
    by_address: BTreeMap<&'f str, Option<String>>,
}

impl<'f> Names<'f> {
    fn new(facts: &'f Facts) -> Names<'f> {
        let mut by_address: BTreeMap<&str, Option<String>> = BTreeMap::new();
        for (parts, _) in facts.each(Kind::Address) {
            let [address, host] = parts[..] else { continue };
            let Some(address) = remote(address) else { continue };
            let host = short(host);
            by_address
                .entry(address)
                .and_modify(|known| {
                    if known.as_ref() != Some(&host) {
                        *known = None;
                    }
                })
                .or_insert(Some(host));
        }
        Names { by_address }
    }

    fn of(&self, address: &str) -> Option<&String> {
        self.by_address.get(address)?.as_ref()
    }
}

/// The first label of a machine's name; an address as it is.
fn short(host: &str) -> String {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return host.to_owned();
    }
    host.trim_start_matches('\\').split('.').next().unwrap_or("").to_owned()
}

/// The account without its domain, in whichever of the two ways it is written.
fn person(account: &str) -> &str {
    let account = account.rsplit('\\').next().unwrap_or(account);
    account.split('@').next().unwrap_or(account)
}

/// An address of another machine.
fn remote(address: &str) -> Option<&str> {
    let address = address.trim().strip_prefix("::ffff:").unwrap_or(address);
    let parsed: std::net::IpAddr = address.split('%').next()?.parse().ok()?;
    (!parsed.is_loopback() && !parsed.is_unspecified()).then_some(address)
}

fn edges<'f>(
    logons: &'f [(Vec<&'f str>, &'f Entry)],
    names: &Names<'_>,
    runs: &BTreeMap<String, Vec<(&'f str, &'f Entry)>>,
    within: i64,
) -> Vec<Edge<'f>> {
    let mut edges = Vec::new();
    for (parts, entry) in logons {
        let [address, workstation, account, kind, host, _] = parts[..] else { continue };
        let bare = person(account);
        if bare.ends_with('$')
            || NOBODY.contains(&bare)
            || bare.starts_with("dwm-")
            || bare.starts_with("umfd-")
        {
            continue;
        }
        let (account, to) = (bare, short(host));
        let by_address = remote(address).map(|a| names.of(a).cloned().unwrap_or_else(|| a.to_owned()));
        // The name that a client gives itself is its own word; the address is the network's.
        let from = match by_address {
            Some(from) if from.parse::<std::net::IpAddr>().is_err() => from,
            Some(_) if !workstation.is_empty() && !address.is_empty() => short(workstation),
            Some(from) => from,
            None if address.is_empty() && !workstation.is_empty() => short(workstation),
            None => continue,
        };
        if from == to || from.is_empty() || to.is_empty() {
            continue;
        }
        let mut edge = Edge { from, to, account, kind, entry, run: None };
        let (first, last) = (edge.first().saturating_sub(1_000_000), edge.last().saturating_add(within));
        let near = |e: &Entry| {
            e.first.time.is_some_and(|t| t.0 <= last) && e.last.time.is_some_and(|t| t.0 >= first)
        };
        edge.run = runs.get(&edge.to).and_then(|list| list.iter().find(|(_, e)| near(e)).copied());
        edges.push(edge);
    }
    edges.sort_by(|a, b| {
        (a.first(), &a.from, &a.to, a.account, a.kind).cmp(&(b.first(), &b.from, &b.to, b.account, b.kind))
    });
    edges
}

/// Leaves out habits, and servers on which nothing was started.
fn keep_unusual(edges: &mut Vec<Edge<'_>>, limits: &Detector) {
    let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut days: BTreeMap<(String, String, String), BTreeSet<i64>> = BTreeMap::new();
    for e in edges.iter() {
        sources.entry(e.to.clone()).or_default().insert(e.from.clone());
        let key = (e.from.clone(), e.to.clone(), e.account.to_owned());
        days.entry(key).or_default().insert(e.first().div_euclid(DAY));
    }
    let (hub, habit) = (limits.limit("hub_sources"), limits.limit("habit_days"));
    edges.retain(|e| {
        let many = sources.get(&e.to).is_some_and(|s| s.len() as u64 >= hub);
        let key = (e.from.clone(), e.to.clone(), e.account.to_owned());
        let often = days.get(&key).is_some_and(|d| d.len() as u64 >= habit);
        !often && (!many || e.run.is_some())
    });
}

/// When credentials of an account were used on a machine for another.
struct Lent {
    /// First uses of each fact in order, each with the latest use of any fact up to there.
    spans: Vec<(i64, i64)>,
}

impl Lent {
    fn new(list: &[&Entry]) -> Lent {
        let span = |e: &&Entry| e.first.time.zip(e.last.time).map(|(first, last)| (first.0, last.0));
        let mut spans: Vec<(i64, i64)> = list.iter().filter_map(span).collect();
        spans.sort_unstable();
        let mut latest = i64::MIN;
        for (_, last) in &mut spans {
            latest = latest.max(*last);
            *last = latest;
        }
        Lent { spans }
    }

    /// Whether they were used between two times.
    fn within(&self, from: i64, until: i64) -> bool {
        let at = self.spans.partition_point(|(first, _)| *first <= until);
        at.checked_sub(1).and_then(|at| self.spans.get(at)).is_some_and(|(_, latest)| *latest >= from)
    }
}

/// What [`chain`] made.
struct Chains {
    /// For each edge the one before it on the longest path that ends there.
    before: Vec<Option<usize>>,
    /// Edges that were not tried, as too many ended on one machine, and edges that no path had room for.
    untried: u64,
    too_long: u64,
}

fn chain(edges: &[Edge<'_>], window: i64, lent: &BTreeMap<(String, &str), Lent>) -> Chains {
    let mut into: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut before: Vec<Option<usize>> = vec![None; edges.len()];
    let mut hops = vec![1_usize; edges.len()];
    let (mut untried, mut too_long) = (0, 0);
    for (i, e) in edges.iter().enumerate() {
        let ended: &[usize] = into.get(e.from.as_str()).map_or(&[], Vec::as_slice);
        // Of those that are not tried, the ones that could have been in time; they are in the order in which they began.
        let since = e.first().saturating_sub(window).saturating_sub(HOUR);
        let late = ended.len() - ended.partition_point(|&p| edges[p].first() < since);
        untried += late.saturating_sub(MAX_TRIED) as u64;
        let used = lent.get(&(e.from.clone(), e.account));
        for &p in ended.iter().rev().take(MAX_TRIED) {
            let previous = &edges[p];
            let in_time =
                e.first() >= previous.first() && e.first().saturating_sub(previous.last()) <= window;
            // Whoever came under another account must have used these credentials here after coming and before going on:
            // what somebody else used weeks before joins no two people.
            let borrowed = || {
                let since = previous.first().max(e.first().saturating_sub(window));
                used.is_some_and(|lent| lent.within(since, e.last().saturating_add(SKEW)))
            };
            if !in_time || hops[p] < hops[i] || !(previous.account == e.account || borrowed()) {
                continue;
            }
            if hops[p] >= MAX_HOPS {
                too_long += 1;
                continue;
            }
            let mut at = Some(p);
            let mut again = false;
            while let Some(n) = at {
                again |= edges[n].from == e.to;
                at = before[n];
            }
            if !again {
                (hops[i], before[i]) = (hops[p] + 1, Some(p));
            }
        }
        into.entry(e.to.as_str()).or_default().push(i);
    }
    Chains { before, untried, too_long }
}

fn tell(detector: &Detector, message: &str, hops: &[&Edge<'_>], names: &Names<'_>) -> Option<Finding> {
    let (first, last) = (hops.first()?, hops.last()?);
    let mut made = Made::new(&detector.info, last.entry_host());
    let mut path = first.from.clone();
    for e in hops {
        path.push_str(" -> ");
        path.push_str(&e.to);
    }
    let accounts: BTreeSet<&str> = hops.iter().map(|e| e.account).collect();
    made.arg("path", &path);
    made.arg("accounts", accounts.iter().copied().collect::<Vec<_>>().join(", "));
    let ways: BTreeSet<&str> = hops.iter().map(|e| e.kind).collect();
    made.arg("logon_types", ways.into_iter().collect::<Vec<_>>().join(", "));
    let started: BTreeSet<String> =
        hops.iter().filter_map(|e| e.run.map(|(how, _)| format!("{how} on {}", e.to))).collect();
    made.arg("started_from_afar", started.into_iter().collect::<Vec<_>>().join(", "));
    for e in hops {
        made.cite_entry(e.entry);
        if let Some((_, run)) = e.run {
            made.cite(&run.first);
        }
        for end in [&e.from, &e.to] {
            let is_address = end.parse::<std::net::IpAddr>().is_ok();
            made.observe(if is_address { ObservableKind::Ip } else { ObservableKind::Host }, end);
        }
        made.observe(ObservableKind::Account, e.account);
    }
    for (address, host) in &names.by_address {
        if host.as_ref().is_some_and(|h| hops.iter().any(|e| e.from == *h || e.to == *h)) {
            made.observe(ObservableKind::Ip, address);
        }
    }
    let mut content = vec![path.as_str()];
    content.extend(accounts);
    made.finish(message, &content)
}

impl Edge<'_> {
    fn entry_host(&self) -> &str {
        &self.to
    }
}
