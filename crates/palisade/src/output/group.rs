//! Findings by machine and rule, and problems by kind, under fixed limits.
//!
//! The forms for people never hold all findings. What a limit leaves out is counted and said.
//! Limits are per severity, so that a flood of mild findings cannot push a grave one out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use palisade_model::{Finding, FindingId, Problem, ProblemCode, RuleInfo, Severity, Time};
use palisade_pipeline::Sources;

use super::words;

/// Most groups of one severity.
const MAX_GROUPS: usize = 2_000;

/// Most observables of one finding that are shown.
const MAX_OBSERVABLES: usize = 12;

/// Longest observable shown, in characters.
const MAX_OBSERVABLE: usize = 300;

/// Bytes that samples beyond the first of each group may take together.
const MAX_SAMPLE_BYTES: usize = 6 << 20;

/// Examples kept of each kind of problem.
const MAX_EXAMPLES: usize = 5;

/// Most intervals of the histogram while it is gathered; then intervals double.
const MAX_BINS: usize = 4_096;

/// One finding as it is shown.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Content id.
    pub id: FindingId,
    /// Start.
    pub time: Option<Time>,
    /// Telling fields.
    pub fields: Vec<(String, String)>,
    /// Type and value.
    pub observables: Vec<(&'static str, String)>,
    /// `file!member`.
    pub source: String,
    /// Record number.
    pub record: u64,
    /// Byte offset.
    pub offset: u64,
    /// Hash of the evidence file.
    pub sha256: Option<String>,
    /// Whether the record was carved.
    pub recovered: bool,
}

impl Sample {
    fn new(finding: &Finding, sources: &Sources) -> Sample {
        let citation = finding.citations.first();
        let source = citation.and_then(|c| sources.get(c.source));
        let shown = finding.observables.iter().take(MAX_OBSERVABLES);
        Sample {
            id: finding.id,
            time: finding.time,
            fields: finding.message.args.clone(),
            observables: shown.map(|o| (o.kind().name(), words::cut(o.value(), MAX_OBSERVABLE))).collect(),
            source: source.map(|s| s.origin.to_string()).unwrap_or_default(),
            record: citation.map_or(0, |c| c.record),
            offset: citation.map_or(0, |c| c.offset),
            sha256: source.and_then(|s| s.file.sha256_hex()),
            recovered: finding.recovered,
        }
    }

    fn size(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(n, v)| n.len() + v.len()).sum();
        let observables: usize = self.observables.iter().map(|(_, v)| v.len() + 16).sum();
        fields + observables + self.source.len() + 256
    }
}

/// All findings of one rule on one machine.
#[derive(Clone, Debug)]
pub struct Group {
    /// The machine, `""` if the records name none.
    pub host: String,
    /// The rule.
    pub rule: Arc<RuleInfo>,
    /// Findings.
    pub count: u64,
    /// Earliest.
    pub first: Option<Time>,
    /// Latest.
    pub last: Option<Time>,
    /// The earliest finding.
    pub head: Sample,
    /// The first findings in the order of the evidence, as many as were asked for.
    pub samples: Vec<Sample>,
}

/// Problems of one kind.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// How many, repeats counted.
    pub count: u64,
    /// The first few, as text.
    pub examples: Vec<String>,
}

/// Everything the forms for people gather.
#[derive(Debug, Default)]
pub struct Groups {
    list: Vec<Group>,
    index: HashMap<*const RuleInfo, HashMap<String, usize>>,
    of_severity: [usize; 5],
    /// Findings in groups beyond the limit.
    pub ungrouped: u64,
    samples_per_group: usize,
    sample_bytes: usize,
    /// Problems by kind.
    pub problems: BTreeMap<ProblemCode, Trouble>,
    /// Findings over time.
    pub activity: Activity,
    /// Findings cut from carved records.
    pub recovered: u64,
}

impl Groups {
    /// Keeps up to `samples_per_group` findings of each group besides the earliest.
    pub fn new(samples_per_group: usize) -> Groups {
        Groups { samples_per_group, ..Groups::default() }
    }

    /// Takes in a finding.
    pub fn finding(&mut self, finding: &Finding, sources: &Sources) {
        let severity = finding.rule.level;
        self.activity.add(finding.time, severity);
        self.recovered += u64::from(finding.recovered);
        let host = finding.host.as_deref().unwrap_or("");
        let by_host = self.index.entry(Arc::as_ptr(&finding.rule)).or_default();
        let Some(&at) = by_host.get(host) else {
            if self.of_severity[severity as usize] >= MAX_GROUPS {
                self.ungrouped += 1;
                return;
            }
            self.of_severity[severity as usize] += 1;
            by_host.insert(host.to_owned(), self.list.len());
            let head = Sample::new(finding, sources);
            let samples = if self.samples_per_group > 0 { vec![head.clone()] } else { Vec::new() };
            self.list.push(Group {
                host: host.to_owned(),
                rule: finding.rule.clone(),
                count: 1,
                first: finding.time,
                last: finding.time_end.or(finding.time),
                head,
                samples,
            });
            return;
        };
        let group = &mut self.list[at];
        group.count += 1;
        let earlier = match (finding.time, group.first) {
            (Some(time), Some(first)) => time < first,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let room = group.samples.len() < self.samples_per_group && self.sample_bytes < MAX_SAMPLE_BYTES;
        if earlier || room {
            let sample = Sample::new(finding, sources);
            if room {
                self.sample_bytes += sample.size();
                group.samples.push(sample.clone());
            }
            if earlier {
                group.head = sample;
                group.first = finding.time;
            }
        }
        group.last = group.last.max(finding.time_end.or(finding.time));
    }

    /// Takes in a problem.
    pub fn problem(&mut self, problem: &Problem) {
        let trouble = self.problems.entry(problem.code).or_default();
        trouble.count += problem.count;
        if trouble.examples.len() < MAX_EXAMPLES {
            trouble.examples.push(problem.to_string());
        }
    }

    /// Groups, gravest first, then the most frequent.
    pub fn by_severity(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.list.iter().collect();
        groups.sort_by(|a, b| {
            let rank = |g: &Group| (std::cmp::Reverse(g.rule.level), std::cmp::Reverse(g.count));
            rank(a).cmp(&rank(b)).then_with(|| (&a.rule.title, &a.host).cmp(&(&b.rule.title, &b.host)))
        });
        groups
    }

    /// Groups by machine; the machine with the gravest and most findings first.
    pub fn by_host(&self) -> Vec<Host<'_>> {
        let mut hosts: BTreeMap<&str, Vec<&Group>> = BTreeMap::new();
        for group in self.by_severity() {
            hosts.entry(&group.host).or_default().push(group);
        }
        let mut hosts: Vec<Host<'_>> =
            hosts.into_iter().map(|(name, groups)| Host { name, groups }).collect();
        hosts.sort_by(|a, b| b.rank().cmp(&a.rank()).then_with(|| a.name.cmp(b.name)));
        hosts
    }

    /// The earliest finding of each group: the gravest `limit` of them, in order of time.
    /// Second: how many groups with a time were left out.
    pub fn timeline(&self, limit: usize) -> (Vec<&Group>, usize) {
        let mut groups: Vec<&Group> = self.list.iter().filter(|g| g.first.is_some()).collect();
        groups.sort_by_key(|g| (std::cmp::Reverse(g.rule.level), g.first));
        let more = groups.len().saturating_sub(limit);
        groups.truncate(limit);
        groups.sort_by(|a, b| {
            (a.first, std::cmp::Reverse(a.rule.level)).cmp(&(b.first, std::cmp::Reverse(b.rule.level)))
        });
        (groups, more)
    }

    /// ATT&CK techniques with their findings.
    pub fn techniques(&self) -> Vec<(&str, u64)> {
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for group in &self.list {
            for id in &group.rule.attack {
                *all.entry(id).or_default() += group.count;
            }
        }
        let mut all: Vec<(&str, u64)> = all.into_iter().collect();
        all.sort_by_key(|(id, n)| (std::cmp::Reverse(*n), *id));
        all
    }
}

/// One machine.
#[derive(Debug)]
pub struct Host<'g> {
    /// Its name, `""` for records that name none.
    pub name: &'g str,
    /// Its groups, gravest first.
    pub groups: Vec<&'g Group>,
}

impl Host<'_> {
    /// Findings of all groups.
    pub fn findings(&self) -> u64 {
        self.groups.iter().map(|g| g.count).sum()
    }

    /// Findings by severity, mildest first.
    pub fn severities(&self) -> [u64; 5] {
        let mut counts = [0; 5];
        self.groups.iter().for_each(|g| counts[g.rule.level as usize] += g.count);
        counts
    }

    /// Gravest severity, distinct rules at it, findings.
    fn rank(&self) -> (Option<Severity>, usize, u64) {
        let worst = self.groups.first().map(|g| g.rule.level);
        let rules = self.groups.iter().filter(|g| Some(g.rule.level) == worst).count();
        (worst, rules, self.findings())
    }
}

/// Findings over time in intervals that grow with the span, so that memory does not.
#[derive(Debug)]
pub struct Activity {
    /// Width of an interval in microseconds.
    width: i64,
    bins: BTreeMap<i64, [u64; 5]>,
}

impl Default for Activity {
    fn default() -> Self {
        Activity { width: 1_000_000, bins: BTreeMap::new() }
    }
}

impl Activity {
    fn add(&mut self, time: Option<Time>, severity: Severity) {
        let Some(time) = time else { return };
        self.bins.entry(time.0.div_euclid(self.width)).or_default()[severity as usize] += 1;
        while self.bins.len() > MAX_BINS {
            self.width = self.width.saturating_mul(2);
            let mut wider: BTreeMap<i64, [u64; 5]> = BTreeMap::new();
            for (bin, counts) in std::mem::take(&mut self.bins) {
                let into = wider.entry(bin.div_euclid(2)).or_default();
                into.iter_mut().zip(counts).for_each(|(a, b)| *a += b);
            }
            self.bins = wider;
        }
    }

    /// The counts in `columns` equal intervals, with start, end, and how many findings lie
    /// outside: single stray times (a clock at 1601) must not flatten everything else.
    pub fn columns(&self, columns: usize) -> Option<Chart> {
        let total: u64 = self.bins.values().flatten().sum();
        let (&first, _) = self.bins.first_key_value()?;
        let (&last, _) = self.bins.last_key_value()?;
        let quantile = |per_mille: u64| {
            let mut below = 0;
            let wanted = (total * per_mille / 1_000).min(total - 1);
            self.bins
                .iter()
                .find(|(_, counts)| {
                    below += counts.iter().sum::<u64>();
                    below > wanted
                })
                .map_or(last, |(bin, _)| *bin)
        };
        let (low, high) = (quantile(10), quantile(990));
        let stray = (last - first) / 20 > high - low + 1 && total >= 20;
        let (from, to) = if stray { (low, high) } else { (first, last) };
        let (from, to) = (from.saturating_mul(self.width), (to + 1).saturating_mul(self.width));
        let span = i128::from(to) - i128::from(from);
        let mut chart = Chart { from: Time(from), to: Time(to), columns: vec![[0; 5]; columns], outside: 0 };
        for (bin, counts) in &self.bins {
            let at = i128::from(bin.saturating_mul(self.width)) - i128::from(from);
            let column = usize::try_from(at * columns as i128 / span.max(1)).ok();
            match column.and_then(|c| chart.columns.get_mut(c)) {
                Some(into) => into.iter_mut().zip(counts).for_each(|(a, b)| *a += b),
                None => chart.outside += counts.iter().sum::<u64>(),
            }
        }
        Some(chart)
    }
}

/// A histogram ready to draw.
#[derive(Debug)]
pub struct Chart {
    /// Start.
    pub from: Time,
    /// End.
    pub to: Time,
    /// Counts by severity, mildest first.
    pub columns: Vec<[u64; 5]>,
    /// Findings outside.
    pub outside: u64,
}
