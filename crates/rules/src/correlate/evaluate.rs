//! Group by group: a window slides over the matches, and what it finds becomes alerts.
//!
//! Memory is that of the largest window, whatever the number of groups and matches.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Result;
use std::ops::Range;

use palisade_model::{Citation, SourceId, Time};

use super::buffer::{Record, take};
use super::gather::Gathering;
use super::merge::Moment;
use super::plan::{Planned, Slot};
use super::window::{Measure, Part};
use super::{Alert, CITED_FIRST, CITED_LAST, Outcome};

/// What the window keeps of a match.
struct Entry {
    record: Record,
    part: Part,
    /// Values for those that refer to this correlation.
    carried: Option<Box<[u8]>>,
}

/// A citation in the order of evidence.
type Cited = (i64, u64, Citation);

/// An alert that still grows.
struct Firing {
    id: u64,
    fired: i64,
    first: i64,
    last: i64,
    matches: u64,
    measured: f64,
    recovered: bool,
    head: Vec<Cited>,
    tail: VecDeque<Cited>,
    /// Matches of each input, and its first and last.
    inputs: Vec<(u64, Option<(Cited, Cited)>)>,
}

impl Firing {
    fn add(&mut self, record: &Record, rank: &dyn Fn(SourceId) -> u64) {
        let source = SourceId(record.source);
        let citation = Citation { source, record: record.record, offset: record.offset };
        let cited = (record.since, rank(source), citation);
        self.matches += 1;
        self.first = self.first.min(record.since);
        self.last = self.last.max(record.since);
        self.recovered |= record.recovered;
        if self.head.len() < CITED_FIRST {
            self.head.push(cited);
        } else {
            self.tail.push_back(cited);
            if self.tail.len() > CITED_LAST {
                self.tail.pop_front();
            }
        }
        if let Some((n, ends)) = self.inputs.get_mut(usize::from(record.input)) {
            *n += 1;
            *ends = Some(ends.map_or((cited, cited), |(first, _)| (first, cited)));
        }
    }

    fn citations(&self) -> Vec<Citation> {
        let ends = self.inputs.iter().filter_map(|(_, ends)| *ends).flat_map(|(a, b)| [a, b]);
        let mut all: Vec<Cited> = self.head.iter().chain(&self.tail).copied().chain(ends).collect();
        all.sort_unstable();
        all.dedup();
        let mut out: Vec<Citation> = Vec::with_capacity(all.len());
        for (_, _, citation) in all {
            // A record that two rules match has one time, so its citations are neighbours.
            if out.last() != Some(&citation) {
                out.push(citation);
            }
        }
        out
    }
}

/// Evaluates everything that was gathered.
pub(super) fn evaluate(
    mut gathering: Gathering<'_>,
    rank: &dyn Fn(SourceId) -> u64,
    told: &mut dyn FnMut(Alert),
) -> Result<Outcome> {
    let plan = gathering.plan;
    let mut merge = gathering.open()?;
    let mut outcome = Outcome::default();
    let mut state: Option<(u32, Measure)> = None;
    let mut alerts = 0;
    let mut window = VecDeque::new();
    loop {
        let mut next = merge.next_correlation();
        if next.is_none() {
            gathering.seal(&mut merge)?;
            next = merge.next_correlation();
        }
        let Some(next) = next else { break };
        if state.as_ref().is_none_or(|(current, _)| *current != next) {
            // Alerts of those before may have become matches of this one.
            gathering.seal(&mut merge)?;
            let Some(of) = merge.next_correlation().and_then(|n| plan.plan.get(n as usize)) else { break };
            state = Some((merge.next_correlation().unwrap_or(next), Measure::new(of)));
        }
        let (Some(group), Some((_, measure))) = (merge.group(), &mut state) else { break };
        let Some(of) = plan.plan.get(group.correlation as usize) else { break };
        measure.clear();
        window.clear();
        let mut run = Run {
            of,
            index: group.correlation,
            measure,
            window: &mut window,
            firing: None,
            alerts: &mut alerts,
            before: i64::MIN,
            largest: &mut outcome.largest_window,
            rank,
            shown: texts(if group.shown.is_empty() { &group.key } else { &group.shown }),
            key: &group.key,
            gathering: &mut gathering,
            told,
            reported: &mut outcome.alerts,
        };
        merge.moments(&group, &mut |moment, bytes| run.moment(moment, bytes))?;
        run.end();
    }
    outcome.tallies = gathering.tallies;
    outcome.spilled = gathering.spilled;
    outcome.runs = gathering.runs;
    Ok(outcome)
}

/// The texts of a key.
fn texts(mut key: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(text) = take(&mut key) {
        out.push(String::from_utf8_lossy(text).into_owned());
    }
    out
}

/// One group being looked at.
struct Run<'r, 'p> {
    of: &'p Planned,
    index: u32,
    measure: &'r mut Measure,
    window: &'r mut VecDeque<Entry>,
    firing: Option<Firing>,
    alerts: &'r mut u64,
    /// The moment before.
    before: i64,
    largest: &'r mut u64,
    rank: &'r dyn Fn(SourceId) -> u64,
    shown: Vec<String>,
    key: &'r [u8],
    gathering: &'r mut Gathering<'p>,
    told: &'r mut dyn FnMut(Alert),
    reported: &'r mut u64,
}

impl Run<'_, '_> {
    /// All matches of one time.
    fn moment(&mut self, moment: &mut Moment, bytes: &[u8]) -> Result<()> {
        let rank = self.rank;
        let values = |r: &Range<usize>| bytes.get(r.clone()).unwrap_or_default();
        let order =
            |r: &Record| (rank(SourceId(r.source)), r.source, r.record, r.offset, r.input, r.recovered);
        moment.sort_by(|(a, x), (b, y)| {
            let first = order(a).cmp(&order(b)).then_with(|| (a.alert, a.since).cmp(&(b.alert, b.since)));
            first.then_with(|| values(x).cmp(values(y)))
        });
        // A match that takes part in one alert twice is one.
        moment.dedup_by(|(a, x), (b, y)| a.alert != 0 && a == b && values(x) == values(y));
        if moment.iter().any(|(r, _)| r.recovered) {
            copies(moment, bytes);
        }
        let Some(time) = moment.first().map(|(r, _)| r.time) else { return Ok(()) };
        let start = time.saturating_sub(self.of.span).max(i64::MIN + 1);
        while self.window.front().is_some_and(|e| e.record.time < start) {
            if let Some(gone) = self.window.pop_front() {
                self.measure.leave(gone.part);
            }
        }
        let fresh = self.window.len();
        for (record, range) in moment.iter() {
            let mut rest = values(range);
            let measured = take(&mut rest).unwrap_or_default();
            let part = self.measure.enter(record.alert, measured);
            let carried = (!self.of.feeds.is_empty()).then(|| rest.into());
            self.window.push_back(Entry { record: *record, part, carried });
        }
        let same = |a: &(Record, Range<usize>), b: &(Record, Range<usize>)| {
            (a.0.source, a.0.record, a.0.offset) == (b.0.source, b.0.record, b.0.offset)
        };
        for of_record in moment.chunk_by(same) {
            let inputs = of_record
                .iter()
                .fold(0, |bits, (r, _)| bits | 1_u64.checked_shl(r.input.into()).unwrap_or(0));
            self.measure.record(self.of, time, inputs);
        }
        *self.largest = (*self.largest).max(self.window.len() as u64);
        let held = self.measure.holds(self.of, start);
        // A run goes on as long as its windows touch.
        if held.is_none() || (self.firing.is_some() && self.before < start) {
            self.end();
        }
        self.before = time;
        let Some(measured) = held else { return Ok(()) };
        let from = if self.firing.is_some() { fresh } else { 0 };
        if self.firing.is_none() {
            *self.alerts += 1;
            self.firing = Some(Firing {
                id: *self.alerts,
                fired: time,
                first: i64::MAX,
                last: i64::MIN,
                matches: 0,
                measured,
                recovered: false,
                head: Vec::new(),
                tail: VecDeque::new(),
                inputs: vec![(0, None); self.of.inputs],
            });
        }
        let Some(firing) = &mut self.firing else { return Ok(()) };
        firing.measured = firing.measured.max(measured);
        let id = firing.id;
        self.window.range(from..).for_each(|e| firing.add(&e.record, rank));
        self.feed(from, time, id)
    }

    /// Hands matches of the alert on to the correlations that refer to this one, as of now.
    fn feed(&mut self, from: usize, time: i64, alert: u64) -> Result<()> {
        for feed in &self.of.feeds {
            let Some(parent) = self.gathering.plan.plan.get(feed.correlation as usize) else { continue };
            for entry in self.window.range(from..) {
                let carried = carried(entry.carried.as_deref().unwrap_or_default());
                let column = |i: usize| match feed.columns.get(i)? {
                    Slot::Group(i) => self.shown.get(*i).map(|t| Cow::Borrowed(t.as_str())),
                    Slot::Carried(i) => carried.get(*i).cloned().flatten(),
                };
                let record = Record { time, input: feed.input, alert, ..entry.record };
                let Gathering { writing, tallies, buffer, limit, .. } = &mut *self.gathering;
                let Some(tally) = tallies.get_mut(feed.correlation as usize) else { continue };
                writing.put(parent, feed.correlation, &column, record, tally, buffer);
                if buffer.is_full(*limit / 4) {
                    self.gathering.write_away_late()?;
                }
            }
        }
        Ok(())
    }

    /// Tells the alert.
    fn end(&mut self) {
        let Some(firing) = self.firing.take() else { return };
        if !self.of.reports {
            return;
        }
        *self.reported += 1;
        (self.told)(Alert {
            correlation: self.index,
            group: self.of.document.group_by.iter().cloned().zip(self.shown.iter().cloned()).collect(),
            key: self.key.to_vec(),
            fired: Time(firing.fired),
            first: Time(firing.first),
            last: Time(firing.last),
            matches: firing.matches,
            by_rule: firing.inputs.iter().map(|(n, _)| *n).collect(),
            measured: firing.measured,
            citations: firing.citations(),
            recovered: firing.recovered,
        });
    }
}

/// Leaves out carved copies of records that are there: same time, rule, source and values.
fn copies(moment: &mut Moment, bytes: &[u8]) {
    let values = |r: &Range<usize>| bytes.get(r.clone()).unwrap_or_default();
    let whole: std::collections::HashSet<(u32, u16, u64, &[u8])> = moment
        .iter()
        .filter(|(r, _)| !r.recovered)
        .map(|(r, v)| (r.source, r.input, r.alert, values(v)))
        .collect();
    moment.retain(|(r, v)| !r.recovered || !whole.contains(&(r.source, r.input, r.alert, values(v))));
}

/// Carried values, as written behind the measured ones.
fn carried(mut bytes: &[u8]) -> Vec<Option<Cow<'_, str>>> {
    let mut out = Vec::new();
    while let Some((there, rest)) = bytes.split_first() {
        bytes = rest;
        out.push(if *there == 1 { take(&mut bytes).map(String::from_utf8_lossy) } else { None });
    }
    out
}
