//! Room: `vectors/host`, door `detect` — facts, counted in bounded tables that merge in any order.
//!
//! A fact is a text: its parts, the machine, a span of time. Every operation on it (count, earliest, latest, marks)
//! gives the same whatever came first. A table that is full halves a threshold and keeps facts whose hash is below
//! it; the last threshold is the largest with which all fit, so order decides nothing there either.
//!
//! What this module never does: judge.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;

use palisade_model::{Citation, Origin, Problem, ProblemCode, SourceId, Time};

/// Facts of one kind kept per table. Fifteen kinds of these are about 140 MB at worst.
pub(super) const MAX_FACTS: usize = 1 << 16;

/// Sources whose record numbers are followed, and runs of numbers per source.
const MAX_SOURCES: usize = 4_096;
const MAX_RUNS: usize = 4_096;

/// Longest part of a fact, in bytes; the rest of it is cut.
pub(super) const MAX_PART: usize = 256;

/// Between the parts of a fact; no text of evidence keeps it.
pub(super) const SEPARATOR: char = '\u{1f}';

/// A clock that goes back by more than this between two records that follow each other, in microseconds.
const STEP: i64 = 300 * 1_000_000;

/// A day in microseconds.
pub(super) const DAY: i64 = 86_400 * 1_000_000;

/// What facts are about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    /// Records of one kind that a machine wrote in a day; a mark for each 64th part of the day.
    Activity,
    /// A program and what started it.
    Program,
    /// A program anywhere; marks stand for machines.
    ProgramSite,
    /// A service or task that was made.
    Autostart,
    /// A service or task anywhere; marks stand for machines.
    AutostartSite,
    /// A logon from another machine.
    Logon,
    /// Other credentials used for another machine.
    Explicit,
    /// An address that a machine used as its own.
    Address,
    /// Something was started on a machine from another.
    RemoteRun,
    /// Files that a process removed; marks stand for folders.
    Removed,
    /// Documents that a process wrote under a second ending; marks stand for folders.
    Locked,
    /// A sign-in to a service of the cloud.
    SignIn,
    /// Records that say something which is only there if the machine was set up to say it.
    Audited,
    /// Records that give two times of their own, by how far these are apart.
    Clock,
    /// A rule or setting of a mailbox that sends mail on, or hides it: who set it, and whose mailbox it is.
    MailRule,
}

/// A kind's name in `reads.toml`, its parts in order, and the seconds that one fact spans (0: all time).
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) parts: &'static [&'static str],
    pub(super) bucket: i64,
    /// The part that sets marks and is no part of the text.
    pub(super) spread: Option<&'static str>,
    /// The same parts without the machine are counted as this kind as well.
    pub(super) site: Option<Kind>,
}

const fn shape(kind: Kind, name: &'static str, parts: &'static [&'static str], bucket: i64) -> Shape {
    Shape { kind, name, parts, bucket, spread: None, site: None }
}

/// Every kind, in the order of [`Kind`].
pub(super) const SHAPES: [Shape; 15] = [
    shape(Kind::Activity, "activity", &["shape"], 86_400),
    Shape { site: Some(Kind::ProgramSite), ..shape(Kind::Program, "program", &["image", "parent"], 0) },
    shape(Kind::ProgramSite, "", &["image", "parent"], 0),
    Shape {
        site: Some(Kind::AutostartSite),
        ..shape(Kind::Autostart, "autostart", &["what", "name", "runs"], 0)
    },
    shape(Kind::AutostartSite, "", &["what", "name", "runs"], 0),
    shape(Kind::Logon, "logon", &["address", "workstation", "account", "type"], 3_600),
    shape(Kind::Explicit, "explicit", &["target", "account"], 3_600),
    shape(Kind::Address, "address", &["address"], 0),
    shape(Kind::RemoteRun, "remote_run", &["how"], 600),
    Shape { spread: Some("folder"), ..shape(Kind::Removed, "removed", &["process", "image"], 60) },
    Shape { spread: Some("folder"), ..shape(Kind::Locked, "locked", &["process", "image", "ending"], 60) },
    shape(
        Kind::SignIn,
        "signin",
        &["user", "address", "country", "latitude", "longitude", "device", "agent", "network"],
        3_600,
    ),
    shape(Kind::Audited, "audited", &["shape", "what", "there"], 0),
    shape(Kind::Clock, "clock", &["ahead"], 0),
    shape(Kind::MailRule, "mailrule", &["user", "address", "what", "to", "mailbox"], 3_600),
];

/// A record that a fact was seen in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) time: Option<Time>,
    pub(super) citation: Citation,
}

impl Seen {
    /// Earliest first; records without a time after all others.
    fn key(&self) -> (bool, Option<Time>, u64, SourceId, u64) {
        let c = &self.citation;
        (self.time.is_none(), self.time, c.record, c.source, c.offset)
    }

    /// Latest last; records without a time before all others.
    fn late(&self) -> (bool, Option<Time>, u64, SourceId, u64) {
        let c = &self.citation;
        (self.time.is_some(), self.time, c.record, c.source, c.offset)
    }
}

/// What is kept of a fact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) count: u64,
    pub(super) first: Seen,
    pub(super) last: Seen,
    pub(super) marks: u64,
    pub(super) recovered: bool,
}

impl Entry {
    fn absorb(&mut self, other: &Entry) {
        self.count += other.count;
        self.marks |= other.marks;
        self.recovered |= other.recovered;
        if other.first.key() < self.first.key() {
            self.first = other.first;
        }
        if other.last.late() > self.last.late() {
            self.last = other.last;
        }
    }
}

#[derive(Debug)]
struct Table {
    places: HashMap<Box<str>, Entry, foldhash::fast::FixedState>,
    /// Facts whose hash is not below this are left out; halved each time there is no room.
    below: u64,
}

impl Default for Table {
    fn default() -> Self {
        Table { places: HashMap::default(), below: u64::MAX }
    }
}

fn hash(text: &str) -> u64 {
    foldhash::fast::FixedState::with_seed(7).hash_one(text)
}

impl Table {
    fn add(&mut self, text: &str, entry: Entry) {
        if let Some(known) = self.places.get_mut(text) {
            known.absorb(&entry);
        } else if hash(text) < self.below {
            self.places.insert(text.into(), entry);
            self.fit();
        }
    }

    fn fit(&mut self) {
        while self.places.len() > MAX_FACTS {
            self.below /= 2;
            let below = self.below;
            self.places.retain(|text, _| hash(text) < below);
        }
    }

    fn merge(&mut self, other: Table) {
        if other.below < self.below {
            self.below = other.below;
            let below = self.below;
            self.places.retain(|text, _| hash(text) < below);
        }
        for (text, entry) in other.places {
            if let Some(known) = self.places.get_mut(&text) {
                known.absorb(&entry);
            } else if hash(&text) < self.below {
                self.places.insert(text, entry);
                self.fit();
            }
        }
    }
}

/// Records whose numbers follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) first: Seen,
    pub(super) last: Seen,
}

/// The clock went back between two records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) before: Seen,
    pub(super) after: Seen,
}

/// Numbers of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) host: String,
    pub(super) channel: String,
    pub(super) runs: Vec<Run>,
    pub(super) steps: Vec<Step>,
    /// Runs that had no room.
    pub(super) lost: u64,
}

/// The days on which a machine wrote records of a kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Presence {
    /// The machine; empty where records name none.
    pub host: String,
    /// The kind of record ([`palisade_model::Shape::name`]).
    pub shape: String,
    /// Records.
    pub events: u64,
    /// Earliest and latest.
    pub span: Option<(Time, Time)>,
    /// Sixty-fourths of days in which there was at least one, over days with any.
    pub active: u32,
    /// Days with any.
    pub days: u32,
    /// What they never say, though records of this kind do where the machine is set up for it.
    pub unsaid: Vec<String>,
}

/// Facts of a thread, or of all of them.
#[derive(Debug, Default)]
pub struct Facts {
    tables: [Table; SHAPES.len()],
    numbers: BTreeMap<SourceId, Numbers>,
    sources_left_out: u64,
    /// The text that is being made; kept so that nothing is allocated for facts that are known.
    pub(super) text: String,
    pub(super) site: String,
    /// By kind of record: the fact of its last activity, which is the next one's nearly always.
    pub(super) active: Vec<Active>,
}

/// Activity of one kind of record that has not been put into the table yet.
#[derive(Debug, Default)]
pub(super) struct Active {
    pub(super) host: String,
    pub(super) day: i64,
    pub(super) entry: Option<Entry>,
}

impl Facts {
    /// Counts the fact whose text is in `self.text`.
    pub(super) fn add(&mut self, kind: Kind, entry: Entry) {
        let Facts { tables, text, .. } = self;
        tables[kind as usize].add(text, entry);
    }

    /// Counts the fact whose text is in `self.site`.
    pub(super) fn add_site(&mut self, kind: Kind, entry: Entry) {
        let Facts { tables, site, .. } = self;
        tables[kind as usize].add(site, entry);
    }

    /// Counts activity that waits; the machine stands in it, the kind of record is given.
    pub(super) fn settle(&mut self, shape: &str, index: usize) {
        let Some(active) = self.active.get_mut(index) else { return };
        let Some(entry) = active.entry.take() else { return };
        let text = &mut self.text;
        text.clear();
        text.push_str(shape);
        text.push(SEPARATOR);
        text.push_str(&active.host);
        text.push(SEPARATOR);
        put_number(text, active.day);
        self.tables[Kind::Activity as usize].add(text, entry);
    }

    /// Follows the numbers of a source.
    pub(super) fn number(&mut self, seen: Seen, host: &str, channel: &str) {
        let source = seen.citation.source;
        if !self.numbers.contains_key(&source) {
            if self.numbers.len() >= MAX_SOURCES {
                self.sources_left_out += 1;
                return;
            }
            let numbers =
                Numbers { host: host.to_owned(), channel: channel.to_owned(), ..Numbers::default() };
            self.numbers.insert(source, numbers);
        }
        let Some(numbers) = self.numbers.get_mut(&source) else { return };
        let record = seen.citation.record;
        let room = numbers.runs.len() < MAX_RUNS;
        match numbers.runs.last_mut() {
            Some(run) if run.high.checked_add(1) == Some(record) => {
                step(&run.last, &seen, &mut numbers.steps);
                run.high = record;
                run.last = seen;
            }
            Some(run) if (run.low..=run.high).contains(&record) => {}
            _ if room => {
                numbers.runs.push(Run { low: record, high: record, first: seen, last: seen });
            }
            _ => numbers.lost += 1,
        }
    }

    /// Adds what another thread saw.
    pub fn merge(&mut self, other: Facts) {
        for (mine, theirs) in self.tables.iter_mut().zip(other.tables) {
            mine.merge(theirs);
        }
        self.sources_left_out += other.sources_left_out;
        for (source, theirs) in other.numbers {
            if !self.numbers.contains_key(&source) && self.numbers.len() >= MAX_SOURCES {
                self.sources_left_out += 1;
                continue;
            }
            let mine = self.numbers.entry(source).or_default();
            // Which thread met the source first says nothing: the lesser name is taken.
            for (a, b) in [(&mut mine.host, theirs.host), (&mut mine.channel, theirs.channel)] {
                if a.is_empty() || !b.is_empty() && b < *a {
                    *a = b;
                }
            }
            mine.lost += theirs.lost;
            mine.steps.extend(theirs.steps);
            first_steps(&mut mine.steps);
            let room = (2 * MAX_RUNS).saturating_sub(mine.runs.len());
            mine.lost += theirs.runs.len().saturating_sub(room) as u64;
            mine.runs.extend(theirs.runs.into_iter().take(room));
        }
    }

    /// Facts of a kind with their parts, in the order of their texts.
    pub(super) fn each(&self, kind: Kind) -> Vec<(Vec<&str>, &Entry)> {
        let table = &self.tables[kind as usize];
        let mut all: Vec<(&str, &Entry)> = table.places.iter().map(|(t, e)| (&**t, e)).collect();
        all.sort_by_key(|(text, _)| *text);
        all.into_iter().map(|(text, e)| (text.split(SEPARATOR).collect(), e)).collect()
    }

    /// Whether facts of a kind were left out.
    pub(super) fn is_thinned(&self, kind: Kind) -> bool {
        self.tables[kind as usize].below != u64::MAX
    }

    /// Numbers per source: runs in order, those that touch joined.
    pub(super) fn numbered(&self) -> Vec<(SourceId, Numbers)> {
        let joined = |numbers: &Numbers| {
            let mut out = Numbers { runs: Vec::new(), ..numbers.clone() };
            let mut runs = numbers.runs.clone();
            runs.sort_by_key(|r| (r.low, r.high));
            for run in runs {
                match out.runs.last_mut() {
                    Some(last) if run.low <= last.high.saturating_add(1) => {
                        if run.low == last.high.saturating_add(1) {
                            step(&last.last, &run.first, &mut out.steps);
                        }
                        if run.high > last.high {
                            (last.high, last.last) = (run.high, run.last);
                        }
                    }
                    _ => out.runs.push(run),
                }
            }
            first_steps(&mut out.steps);
            out
        };
        self.numbers.iter().map(|(source, numbers)| (*source, joined(numbers))).collect()
    }

    /// When which machine wrote what. `says`: kinds of record and what they say on a machine that is set up for it.
    pub(super) fn presence(&self, says: &[(String, String)]) -> Vec<Presence> {
        let mut out: BTreeMap<(String, String), Presence> = BTreeMap::new();
        for (parts, entry) in self.each(Kind::Activity) {
            let [shape, host, _] = parts[..] else { continue };
            let at = out.entry((host.to_owned(), shape.to_owned())).or_insert_with(|| Presence {
                host: host.to_owned(),
                shape: shape.to_owned(),
                events: 0,
                span: None,
                active: 0,
                days: 0,
                unsaid: Vec::new(),
            });
            at.events += entry.count;
            at.active += entry.marks.count_ones();
            at.days += 1;
            if let (Some(first), Some(last)) = (entry.first.time, entry.last.time) {
                let (a, b) = at.span.unwrap_or((first, last));
                at.span = Some((a.min(first), b.max(last)));
            }
        }
        let said: Vec<_> = self.each(Kind::Audited);
        let said: std::collections::BTreeSet<(&str, &str, &str)> = said
            .iter()
            .filter_map(|(p, _)| <[&str; 4]>::try_from(&p[..]).ok())
            .map(|[s, w, _, h]| (s, w, h))
            .collect();
        for at in out.values_mut().filter(|_| !self.is_thinned(Kind::Audited)) {
            let of_it = says.iter().filter(|(shape, _)| *shape == at.shape);
            at.unsaid = of_it
                .filter(|(shape, what)| !said.contains(&(shape.as_str(), what.as_str(), at.host.as_str())))
                .map(|(_, what)| what.clone())
                .collect();
        }
        out.into_values().collect()
    }

    /// What had no room, and machines whose clocks disagree with themselves.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let origin = Origin::file("analytics");
        let mut out = Vec::new();
        for (shape, table) in SHAPES.iter().zip(&self.tables).filter(|(_, t)| t.below != u64::MAX) {
            let share = u64::MAX / table.below.max(1) + 1;
            let what = if shape.name.is_empty() { "site" } else { shape.name };
            let text =
                format!("more facts of kind \"{what}\" than {MAX_FACTS}: about 1 in {share} was looked at");
            out.push(Problem::new(ProblemCode::Limit, &origin, None, text));
        }
        if self.sources_left_out > 0 {
            let text = format!(
                "more than {MAX_SOURCES} logs with numbered records: gaps were not looked for in the rest"
            );
            out.push(Problem {
                count: self.sources_left_out,
                ..Problem::new(ProblemCode::Limit, &origin, None, text)
            });
        }
        out.extend(super::clock::problems(self));
        out
    }
}

/// Notes that the clock went back, if it did.
fn step(before: &Seen, after: &Seen, steps: &mut Vec<Step>) {
    if let (Some(a), Some(b)) = (before.time, after.time)
        && b.0.saturating_add(STEP) < a.0
    {
        steps.push(Step { before: *before, after: *after });
        first_steps(steps);
    }
}

/// Keeps the steps at the lowest numbers, which are the same whoever met them first.
fn first_steps(steps: &mut Vec<Step>) {
    /// A log whose clock is set back more often than this says so with these.
    const MAX_STEPS: usize = 16;
    steps.sort_by_key(|s| s.after.citation.record);
    steps.truncate(MAX_STEPS);
}

/// Appends a number without allocating.
pub(super) fn put_number(text: &mut String, n: i64) {
    use std::fmt::Write as _;
    // Writing into a string cannot fail.
    let _ = write!(text, "{n}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(n: u64) -> Entry {
        let at = Seen {
            time: Some(Time(n as i64)),
            citation: Citation { source: SourceId(0), record: n, offset: n },
        };
        Entry { count: 1, first: at, last: at, marks: 1 << (n % 64), recovered: false }
    }

    fn texts(table: &Table) -> Vec<(String, u64)> {
        let mut out: Vec<_> = table.places.iter().map(|(t, e)| (t.to_string(), e.count)).collect();
        out.sort();
        out
    }

    #[test]
    fn a_full_table_keeps_the_same_whatever_comes_first() {
        let n = 3 * MAX_FACTS as u64;
        let (mut up, mut down, mut left, mut right) =
            (Table::default(), Table::default(), Table::default(), Table::default());
        for i in 0..n {
            up.add(&format!("fact {i}"), seen(i));
            down.add(&format!("fact {}", n - 1 - i), seen(n - 1 - i));
            let half = if i % 3 == 0 { &mut left } else { &mut right };
            half.add(&format!("fact {i}"), seen(i));
        }
        left.merge(right);
        assert!(up.places.len() <= MAX_FACTS && up.places.len() > MAX_FACTS / 4, "{}", up.places.len());
        assert_eq!(texts(&up), texts(&down));
        assert_eq!(texts(&up), texts(&left));
    }

    #[test]
    fn a_million_records_of_one_fact_are_one() {
        let mut table = Table::default();
        for i in 0..1_000_000 {
            table.add("one", seen(i));
        }
        let entry = table.places.get("one").unwrap();
        assert_eq!((table.places.len(), entry.count, entry.last.citation.record), (1, 1_000_000, 999_999));
    }
}
