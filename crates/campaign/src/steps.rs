//! Level one: steps. One burst of one technique or tool.
//!
//! The simple way, a new group wherever nothing happens for a while, is good until two things happen at once. Then
//! it joins everything, because during a scan of 400 alerts a second *nothing* is more than a second away. So
//! here closeness in time counts only as much as it is surprising:
//!
//! - **Bursts** (many alerts a second of one kind on one asset) join what begins when they begin and is known to come
//!   with them, and kinds of their own family that fill them. A lonely alert in the middle of a burst stays out: it
//!   would have met the burst by chance.
//! - A burst whose **mix of kinds changes** is [cut]: two tools at once.
//! - **Sparse** alerts join the one before in each of their contexts (the same kind here, the same family here,
//!   this asset, the same kind anywhere, rare things here, rare things anywhere on this site), if the pause is short
//!   against the mean time between two episodes of that context: the chance that it is so short by accident is
//!   1 − e^(−pause/mean).
//!
//! Constants stand in [`Rules`]; they were chosen on the training networks of the AIT alert data set and of exercises
//! (docs/benchmarks.md says which), never on those that are scored.

use std::collections::{BTreeMap, BTreeSet};

use crate::components::Components;
use crate::cut;
use crate::interval::{Runs, SECOND, between, numbered, runs};

/// What happened, as far as steps look at it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    /// When: microseconds since 1970, UTC.
    pub time: i64,
    /// What: the rule or detector, by a number of the caller.
    pub kind: u32,
    /// Where: the asset, by a number of the caller.
    pub asset: u32,
    /// The family of kinds it belongs to.
    pub family: u32,
    /// The organisation or site that the asset belongs to. Nothing joins across sites here.
    pub site: u32,
    /// The organisation, of which a site is a part.
    pub org: u32,
    /// How many of them, at that time.
    pub count: u32,
}

/// How much is joined, from 0 (what is the same in the same second) upwards; 1 is the tolerance that the contexts'
/// own rhythm suggests.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Sensitivity(pub f64);

/// The constants.
struct Rules {
    /// Share of a context's mean interval that a pause may have, by context.
    share: [f64; CONTEXTS],
    /// Alerts of a burst, at least.
    burst: u64,
    /// Alerts of a burst a second, at least.
    rate: f64,
    /// How often a kind must have begun with another to be known to come with it.
    together: f64,
    /// Alerts of a kind of its own family that fill a burst, at least.
    companions: u64,
}

const RULES: Rules = Rules {
    share: [0.3, 0.3, 0.03, 0.003, 0.001, 0.03, 0.03, 0.001, 0.001],
    burst: 30,
    rate: 2.0,
    together: 0.5,
    companions: 5,
};

/// Kind on asset, family on asset, asset; rare kind on site, rare family on site; rare on asset (two degrees), rare on
/// site (two degrees).
const CONTEXTS: usize = 9;
/// A kind is rare on an asset from this mean interval on: 10,000 and 100,000 seconds.
const RARE: [i64; 2] = [10_000 * SECOND, 100_000 * SECOND];
/// Starts this far apart or less are together, where it is counted how often kinds come together.
const TOGETHER: i64 = 2 * SECOND;
/// Weight of a doubling of the distance between two starts.
const HALF: f64 = SECOND as f64;
/// How often two kinds begin together is a share of this many imagined cases more: half of them in one family, a
/// twentieth otherwise.
const IMAGINED: f64 = 3.0;
/// Pause that ends a run of one kind on one asset.
const PAUSE: i64 = SECOND;
/// What has no pause at all is joined where this share of a second would be tolerated.
const NO_PAUSE: i64 = SECOND / 20;
/// Neighbours in time looked at, of one start: a second with more distinct starts is looked at in part.
const NEIGHBOURS: usize = 256;
/// Runs looked at inside bursts, for each run there is.
const WORK: usize = 64;

/// A run of one kind on one asset.
#[derive(Clone, Copy)]
struct Run {
    first: i64,
    last: i64,
    count: u64,
    /// One of its rows.
    row: u32,
    /// Part of a cut burst.
    phase: u32,
}

impl Run {
    fn is_burst(&self) -> bool {
        // A run within one second counts as one second.
        let seconds = self.last.saturating_sub(self.first) as f64 / SECOND as f64 + 1.0;
        self.count >= RULES.burst && self.count as f64 / seconds >= RULES.rate
    }
}

/// What is known of rows before any sensitivity is chosen; one preparation serves many.
pub struct Prepared<'a> {
    rows: &'a [Seen],
    /// Of each context: a number per row ([`u32::MAX`]: not part of it), and the tolerance unit per number.
    contexts: Vec<(Vec<u32>, Vec<i64>)>,
    /// Kind on asset and phase per row.
    key: Vec<u32>,
    keys: usize,
    phase: Vec<u32>,
    /// How often kinds began together, pairs ascending, and how often each began.
    together: BTreeMap<(u32, u32), u32>,
    began: BTreeMap<u32, u32>,
}

/// The step of each row: rows with equal numbers belong together. `rows` are sorted.
pub fn steps(rows: &[Seen], sensitivity: Sensitivity) -> Vec<u32> {
    Prepared::new(rows).steps(sensitivity)
}

impl<'a> Prepared<'a> {
    /// Counts what happens how often. `rows` are sorted.
    pub fn new(rows: &'a [Seen]) -> Prepared<'a> {
        let times: Vec<i64> = rows.iter().map(|r| r.time).collect();
        let span = match (times.first(), times.last()) {
            (Some(a), Some(b)) => b.saturating_sub(*a).saturating_add(SECOND),
            _ => SECOND,
        };
        let context = |keys: Vec<Option<(u32, u32, u32)>>| -> (Vec<u32>, Vec<i64>) {
            let known: Vec<(u32, u32, u32)> = keys.iter().flatten().copied().collect();
            let (numbers, count) = numbered(&known);
            let mut next = numbers.into_iter();
            let of: Vec<u32> = keys.iter().map(|k| k.and_then(|_| next.next()).unwrap_or(u32::MAX)).collect();
            let mean = between(&times, &of, count, span);
            (of, mean)
        };
        let all = |f: &dyn Fn(&Seen) -> (u32, u32, u32)| context(rows.iter().map(|r| Some(f(r))).collect());
        let own = all(&|r| (r.asset, r.kind, 0));
        let mean_of: Vec<i64> =
            own.0.iter().map(|k| own.1.get(*k as usize).copied().unwrap_or(span)).collect();
        let rare = |limit: i64, place: &dyn Fn(&Seen) -> u32| {
            let keys = rows.iter().zip(&mean_of);
            context(keys.map(|(r, mean)| (*mean >= limit).then(|| (place(r), 0, 0))).collect())
        };
        let contexts = vec![
            own.clone(),
            all(&|r| (r.asset, r.family, 0)),
            all(&|r| (r.asset, 0, 0)),
            only_rare(all(&|r| (r.site, r.kind, 0))),
            only_rare(all(&|r| (r.site, r.family, 0))),
            rare(RARE[0], &|r| r.asset),
            rare(RARE[1], &|r| r.asset),
            rare(RARE[0], &|r| r.site),
            rare(RARE[1], &|r| r.site),
        ];
        let phase = phases(rows);
        let parts: Vec<(u32, u32)> = own.0.iter().zip(&phase).map(|(k, p)| (*k, *p)).collect();
        let (key, keys) = numbered(&parts);
        let mut prepared =
            Prepared { rows, contexts, key, keys, phase, together: BTreeMap::new(), began: BTreeMap::new() };
        prepared.count_together(&times);
        prepared
    }

    /// How often kinds begin together, of those that ever make a burst.
    fn count_together(&mut self, times: &[i64]) {
        let runs = self.runs(times, 5 * SECOND);
        // The caller's numbers may be any, and so no places.
        let mut bursty: BTreeSet<u32> = BTreeSet::new();
        for run in &runs {
            let kind = self.row(run).kind;
            *self.began.entry(kind).or_default() += 1;
            if run.is_burst() {
                bursty.insert(kind);
            }
        }
        let mut seen = Vec::new();
        for (x, run) in runs.iter().enumerate() {
            let here = self.row(run);
            seen.clear();
            for before in runs.get(x.saturating_sub(NEIGHBOURS)..x).unwrap_or_default().iter().rev() {
                if run.first.saturating_sub(before.first) > TOGETHER {
                    break;
                }
                let there = self.row(before);
                let pair = (here.kind.min(there.kind), here.kind.max(there.kind));
                let matters = || bursty.contains(&here.kind) || bursty.contains(&there.kind);
                if here.kind != there.kind && here.asset == there.asset && matters() && !seen.contains(&pair)
                {
                    seen.push(pair);
                    *self.together.entry(pair).or_default() += 1;
                }
            }
        }
    }

    fn row(&self, run: &Run) -> Seen {
        self.rows[run.row as usize]
    }

    /// Runs in order of their first row.
    fn runs(&self, times: &[i64], pause: i64) -> Vec<Run> {
        let Runs { of, count } = runs(times, &self.key, self.keys, pause);
        collect(self.rows, &self.phase, &of, count)
    }

    /// How sure it is that two kinds that begin together belong together.
    fn known_together(&self, a: &Seen, b: &Seen) -> f64 {
        if a.kind == b.kind {
            return 1.0;
        }
        let pair = (a.kind.min(b.kind), a.kind.max(b.kind));
        let times = |kind: u32| self.began.get(&kind).copied().unwrap_or(0);
        let began = f64::from(times(a.kind).min(times(b.kind)));
        let seen = f64::from(self.together.get(&pair).copied().unwrap_or(0)).min(began);
        let prior = if a.family == b.family { 0.5 } else { 0.05 };
        (seen + IMAGINED * prior) / (began + IMAGINED)
    }

    /// Mean time between two episodes of what row `n` is, on its asset, in microseconds.
    pub(crate) fn mean_interval(&self, n: usize) -> i64 {
        let own = self.contexts.first();
        own.and_then(|(of, mean)| mean.get(*of.get(n)? as usize)).copied().unwrap_or(i64::MAX)
    }

    /// The step of each row.
    pub fn steps(&self, Sensitivity(s): Sensitivity) -> Vec<u32> {
        let times: Vec<i64> = self.rows.iter().map(|r| r.time).collect();
        // At zero nothing but the same second joins.
        let pause = if s > 0.0 { PAUSE } else { 0 };
        let Runs { of, count } = runs(&times, &self.key, self.keys, pause);
        let runs = collect(self.rows, &self.phase, &of, count);
        let mut links = Components::new(runs.len());
        if s > 0.0 {
            let mut taken = self.bursts(&runs, &mut links);
            self.companions(&runs, &mut taken, &mut links);
            self.sparse(&runs, &taken, s, &mut links);
            if s > GRADED {
                self.bursts_with_others(&runs, &taken, s, &mut links);
            }
        }
        let roots = links.roots();
        of.iter().map(|run| roots.get(*run as usize).copied().unwrap_or(u32::MAX)).collect()
    }

    /// Joins bursts with what begins with them; which runs that takes.
    fn bursts(&self, runs: &[Run], links: &mut Components) -> Vec<bool> {
        let burst: Vec<bool> = runs.iter().map(Run::is_burst).collect();
        let mut taken = burst.clone();
        // Bursts that overlap, and whose mix nobody cut, are one.
        let mut reach: BTreeMap<(u32, u32), (i64, u32)> = BTreeMap::new();
        for (x, run) in runs.iter().enumerate().filter(|(x, _)| burst[*x]) {
            let before = reach.entry((self.row(run).asset, run.phase)).or_insert((run.last, x as u32));
            if run.first <= before.0 {
                links.link(x as u32, before.1);
            }
            if run.last >= before.0 {
                *before = (run.last, x as u32);
            }
        }
        for (x, run) in runs.iter().enumerate() {
            let here = self.row(run);
            for (y, before) in (0..x).rev().map(|y| (y, runs[y])).take(NEIGHBOURS) {
                let apart = run.first.saturating_sub(before.first);
                if apart > 3 * SECOND {
                    break;
                }
                let there = self.row(&before);
                if !(burst[x] || burst[y]) || here.asset != there.asset || run.phase != before.phase {
                    continue;
                }
                let near = (-(apart as f64) / HALF * std::f64::consts::LN_2).exp();
                if self.known_together(&here, &there) * near >= RULES.together {
                    links.link(x as u32, y as u32);
                    (taken[x], taken[y]) = (true, true);
                }
            }
        }
        taken
    }

    /// Joins bursts with kinds of their family that fill them.
    fn companions(&self, runs: &[Run], taken: &mut [bool], links: &mut Components) {
        let mut by_asset: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (x, run) in runs.iter().enumerate() {
            by_asset.entry(self.row(run).asset).or_default().push(x as u32);
        }
        // Bursts in bursts in bursts are looked at in part.
        let mut left = WORK * runs.len();
        for on in by_asset.values() {
            for (at, d) in on.iter().enumerate() {
                let burst = runs[*d as usize];
                if !burst.is_burst() || left == 0 {
                    continue;
                }
                let family = self.row(&burst).family;
                // Runs come by their first row.
                let from = on[..at].partition_point(|x| runs[*x as usize].first < burst.first);
                let inside = |x: &&u32| {
                    let run = runs[**x as usize];
                    !run.is_burst()
                        && run.last <= burst.last.saturating_add(SECOND)
                        && run.phase == burst.phase
                        && self.row(&run).family == family
                };
                let within =
                    || on[from..].iter().take(left).take_while(|x| runs[**x as usize].first <= burst.last);
                let looked = within().count();
                let mut filled: BTreeMap<u32, u64> = BTreeMap::new();
                for x in within().filter(inside) {
                    let run = runs[*x as usize];
                    *filled.entry(self.row(&run).kind).or_default() += run.count;
                }
                for x in within().filter(inside) {
                    let enough = filled.get(&self.row(&runs[*x as usize]).kind);
                    if !taken[*x as usize] && enough.is_some_and(|n| *n >= RULES.companions) {
                        taken[*x as usize] = true;
                        links.link(*x, *d);
                    }
                }
                left -= looked;
            }
        }
    }

    /// Joins what is no part of a burst, context by context.
    fn sparse(&self, runs: &[Run], taken: &[bool], s: f64, links: &mut Components) {
        for ((of, mean), share) in self.contexts.iter().zip(RULES.share) {
            // Of each context, the run that ended last.
            let mut latest: Vec<u32> = vec![u32::MAX; mean.len()];
            for (x, run) in runs.iter().enumerate().filter(|(x, _)| !taken[*x]) {
                let context = of[run.row as usize];
                let Some(before) = latest.get_mut(context as usize) else { continue };
                if let Some(earlier) = runs.get(*before as usize) {
                    let pause = run.first.saturating_sub(earlier.last).max(0);
                    let tolerated = (s * share * mean[context as usize] as f64) as i64;
                    if pause <= tolerated && (pause > 0 || tolerated >= NO_PAUSE) {
                        links.link(x as u32, *before);
                    }
                    if run.last < earlier.last {
                        continue;
                    }
                }
                *before = x as u32;
            }
        }
    }

    /// Above [`GRADED`], bursts join what lies in them, the shortest first: the longer a burst, the more it meets by
    /// chance.
    fn bursts_with_others(&self, runs: &[Run], taken: &[bool], s: f64, links: &mut Components) {
        let longest = ((s - GRADED) * 10.0 * SECOND as f64) as i64;
        let pause = ((s - GRADED) * 0.5 * SECOND as f64) as i64;
        let mut by_asset: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (x, run) in runs.iter().enumerate() {
            by_asset.entry(self.row(run).asset).or_default().push(x as u32);
        }
        for on in by_asset.values() {
            // The burst that reaches furthest, and of those short enough to join the sparse.
            let (mut reach, mut short): (Option<u32>, Option<u32>) = (None, None);
            let further = |at: &mut Option<u32>, x: u32| {
                if at.is_none_or(|a| runs[a as usize].last <= runs[x as usize].last) {
                    *at = Some(x);
                }
            };
            for x in on {
                let run = runs[*x as usize];
                let burst = run.is_burst();
                if burst {
                    if let Some(r) = reach
                        && run.first.saturating_sub(runs[r as usize].last) <= pause
                    {
                        links.link(*x, r);
                    }
                    further(&mut reach, *x);
                    if run.last.saturating_sub(run.first) <= longest {
                        further(&mut short, *x);
                    }
                } else if !taken[*x as usize]
                    && let Some(b) = short
                    && run.first <= runs[b as usize].last.saturating_add(SECOND)
                {
                    links.link(*x, b);
                }
            }
        }
    }
}

/// Above this sensitivity bursts join what they meet.
const GRADED: f64 = 2.0;

/// Takes out what happens too often to say anything across assets.
fn only_rare((mut of, mean): (Vec<u32>, Vec<i64>)) -> (Vec<u32>, Vec<i64>) {
    for context in &mut of {
        if mean.get(*context as usize).is_none_or(|m| *m < RARE[0]) {
            *context = u32::MAX;
        }
    }
    (of, mean)
}

/// Runs from rows' run numbers.
fn collect(rows: &[Seen], phase: &[u32], of: &[u32], count: usize) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::with_capacity(count);
    for (n, (row, run)) in rows.iter().zip(of).enumerate() {
        match out.get_mut(*run as usize) {
            Some(run) => {
                run.last = row.time;
                run.count += u64::from(row.count);
            }
            // Numbers grow with the first row.
            None => out.push(Run {
                first: row.time,
                last: row.time,
                count: u64::from(row.count),
                row: n as u32,
                phase: phase[n],
            }),
        }
    }
    out
}

/// The part of a cut burst that each row is in; 0 before any cut.
fn phases(rows: &[Seen]) -> Vec<u32> {
    let mut phase = vec![0; rows.len()];
    let mut by_asset: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (n, row) in rows.iter().enumerate() {
        by_asset.entry(row.asset).or_default().push(n as u32);
    }
    let row = |n: &u32| rows[*n as usize];
    // 0 is what is not cut.
    let mut next = 1;
    for on in by_asset.values() {
        for burst in on.chunk_by(|a, b| row(b).time.saturating_sub(row(a).time) <= 2 * SECOND) {
            let total: u64 = burst.iter().map(|n| u64::from(row(n).count)).sum();
            let (Some(first), Some(last)) = (burst.first().map(row), burst.last().map(row)) else { continue };
            let length = last.time.saturating_sub(first.time);
            if total < cut::MIN_ALERTS || length < 3 * SECOND {
                continue;
            }
            let width = (length / cut::MAX_BINS as i64 + 1).max(SECOND);
            let bins = (length / width + 1) as usize;
            // The most frequent kinds are told apart, the rest are one.
            let mut often: BTreeMap<u32, u64> = BTreeMap::new();
            for r in burst.iter().map(row) {
                *often.entry(r.kind).or_default() += u64::from(r.count);
            }
            let mut kinds: Vec<(u64, u32)> = often.into_iter().map(|(k, n)| (n, k)).collect();
            kinds.sort_unstable_by(|a, b| b.cmp(a));
            let number = |kind: u32| {
                let place = kinds.iter().take(cut::MAX_KINDS).position(|(_, k)| *k == kind);
                place.unwrap_or(cut::MAX_KINDS - 1)
            };
            let width_of = kinds.len().min(cut::MAX_KINDS);
            let bin =
                |time: i64| (time.saturating_sub(first.time).max(0) / width).min(length / width) as usize;
            let mut counts = vec![0.0; bins * width_of];
            for r in burst.iter().map(row) {
                counts[bin(r.time) * width_of + number(r.kind)] += f64::from(r.count);
            }
            let cuts = cut::cuts(&counts, width_of);
            if cuts.is_empty() {
                continue;
            }
            for n in burst {
                let part = cuts.partition_point(|c| *c <= bin(row(n).time));
                phase[*n as usize] = next + part as u32;
            }
            next += cuts.len() as u32 + 1;
        }
    }
    phase
}
