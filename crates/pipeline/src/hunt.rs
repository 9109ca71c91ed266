//! New intelligence over old events: the same rules and indicators, run over the lake.
//!
//! ```text
//! indicators ─ index of each segment ─▶ blocks ─┐
//! rules ─────────────────────── row groups ─────┴▶ workers: fill ─▶ batches ─ the same judge ─▶ in order ─▶ observer
//! ```
//!
//! Findings are those that [`investigate`](crate::investigate) makes of the same records with the same
//! rules: their ids are of the records' content. They come by segment and time, not by file.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use palisade_host::detect::Facts;
use palisade_model::{Batch as _, Finding, Origin, Time, unhex};
use palisade_rules::correlate::{Gathering, MEMORY};
use palisade_rules::engine;
use palisade_rules::indicators::Pattern;
use palisade_store::SourceRow;
use palisade_store::lake::index::{Index, Query, QuerySet, merge_blocks};
use palisade_store::lake::{BLOCK_ROWS, FillContext, Lake, MetSources, Segment, Which, table_of};
use sha2::{Digest as _, Sha256};

use crate::evidence::{EvidenceFile, Source, Sources};
use crate::judge::{Judge, Judged, Look};
use crate::knowledge::Knowledge;
use crate::run::{self, Error, Observer, Progress};
use crate::spill::DiskSpill;
use crate::summary::{Hunted, Summary};
use crate::tokens::{CloseOnPanic, Tokens};

/// Units in flight per worker.
const UNITS_PER_JOB: usize = 4;

/// How to hunt.
#[derive(Clone, Debug)]
pub struct HuntSettings {
    /// Threads.
    pub jobs: usize,
    /// Findings before this moment are left out (events without a time stay).
    pub since: Option<Time>,
    /// Findings at or after this moment are left out.
    pub until: Option<Time>,
    /// Only segments with rows of commits after this one.
    pub after: i64,
}

/// What one worker takes: some rows of one segment.
struct Unit<'l> {
    segment: &'l Segment,
    which: Which,
    look: Look,
    /// Bytes it will read, about; for progress.
    bytes: u64,
}

/// Runs the knowledge's rules and indicators over the lake and tells the observer what was found.
///
/// `sources` are the case's, for citations. Segments that cannot be read end the hunt with an error
/// that names them: an answer with a hole in it is none.
pub fn hunt(
    lake: &Lake,
    sources: &[SourceRow],
    knowledge: &Knowledge,
    settings: &HuntSettings,
    observer: &mut dyn Observer,
) -> Result<(Summary, Sources), Error> {
    let start = Instant::now();
    let before = lake.bytes_read();
    // A window that ends in the time asked for may begin before it.
    let from = settings.since.map(|t| t.0.saturating_sub(knowledge.correlations.longest()));
    let segments: Vec<&Segment> = lake
        .segments()
        .iter()
        .filter(|s| s.seqs.1 > settings.after)
        .filter(|s| s.meets(from, settings.until.map(|t| t.0)))
        .collect();
    let mut units = Vec::new();
    // Detectors look at all of the lake or at nothing: of a part of it they would say what is not so.
    let analyse = !knowledge.detectors.is_empty() && settings.after == 0;
    if !knowledge.engine.rules().is_empty() || analyse {
        units_of_rules(&segments, knowledge, &mut units);
    }
    if !knowledge.indicators.list().is_empty() {
        units_of_indicators(lake, &segments, knowledge, &mut units)?;
    }
    let met = MetSources::default();
    let spill = DiskSpill::default();
    let hunter = Hunter {
        lake,
        analyse,
        facts: Mutex::default(),
        judge: Judge::new(knowledge, settings.since, settings.until),
        context: FillContext {
            fields: &knowledge.fields,
            catalogue: &knowledge.catalogue,
            projection: &knowledge.projection,
            hashes: &knowledge.hashes,
            sources: &met,
        },
    };
    let mut teller = Teller {
        observer,
        met: &met,
        gathering: Some(Gathering::new(&knowledge.correlations, MEMORY, &spill)),
        by_number: sources.iter().map(|s| (s.id, s)).collect(),
        files: HashMap::new(),
        sources: Sources::default(),
        summary: Summary::default(),
        total: units.iter().map(|u| u.bytes).sum(),
        done: 0,
    };
    if settings.jobs <= 1 {
        let (mut scratch, mut facts) = (engine::Scratch::default(), Facts::default());
        for unit in &units {
            let found = hunter.unit(unit, &mut scratch, &mut facts)?;
            teller.take(unit, found)?;
        }
        hunter.saw(facts);
    } else {
        threaded(&hunter, &units, settings.jobs, &mut teller)?;
    }
    teller.correlate(&hunter.judge, knowledge)?;
    if analyse {
        let facts = std::mem::take(&mut *hunter.facts.lock().unwrap_or_else(PoisonError::into_inner));
        teller.analyse(&facts, &hunter.judge, knowledge)?;
    }
    let Teller { mut summary, sources, .. } = teller;
    summary.rules_loaded = (knowledge.engine.rules().len() + knowledge.correlations.len()) as u64;
    summary.detectors = if analyse { knowledge.detectors.len() as u64 } else { 0 };
    summary.indicators = knowledge.indicators.list().len() as u64;
    summary.hashed = true;
    summary.seconds = start.elapsed().as_secs_f64();
    summary.hunted = Some(Hunted {
        segments: segments.len() as u64,
        of: lake.segments().len() as u64,
        rows: summary.events,
        bytes: lake.bytes_read() - before,
        lake: lake.bytes(),
    });
    Ok((summary, sources))
}

/// Every row group of the tables whose records some rule looks at.
fn units_of_rules<'l>(segments: &[&'l Segment], knowledge: &Knowledge, units: &mut Vec<Unit<'l>>) {
    let all = !knowledge.detectors.is_empty();
    let mut wanted: BTreeMap<String, bool> = BTreeMap::new();
    for (id, shape) in knowledge.catalogue.shapes() {
        *wanted.entry(table_of(&shape.name)).or_default() |= all || knowledge.engine.covers(id);
    }
    for segment in segments {
        // A table that routing no longer knows is looked at rather than left out.
        if !wanted.get(segment.table.as_ref()).copied().unwrap_or(true) {
            continue;
        }
        let groups = segment.row_groups() as u64;
        for group in 0..segment.row_groups() {
            let bytes = segment.bytes / groups.max(1);
            units.push(Unit { segment, which: Which::RowGroup(group), look: Look::Rules, bytes });
        }
    }
}

/// The blocks that indexes name.
fn units_of_indicators<'l>(
    lake: &Lake,
    segments: &[&'l Segment],
    knowledge: &Knowledge,
    units: &mut Vec<Unit<'l>>,
) -> Result<(), Error> {
    let queries = knowledge.indicators.list().iter().map(|i| match &i.pattern {
        Pattern::Exact(observable) => Query::exact(observable),
        Pattern::Network(ip, len) => Query::network(*ip, *len),
    });
    let set = QuerySet::new(queries);
    for segment in segments {
        let failed = |why: String| Error::Lake(format!("the index of segment {}: {why}", segment.file));
        let source = lake.open_index(segment).map_err(|e| failed(e.to_string()))?;
        let index = Index::open(source).map_err(|e| failed(e.to_string()))?;
        let hits = index.lookup_many(&set).map_err(|e| failed(e.to_string()))?;
        if hits.is_empty() {
            continue;
        }
        let blocks = merge_blocks(hits.iter().map(|(_, h)| h));
        let some = blocks.iter().map(|b| u64::from(b.end - b.start)).sum::<u64>();
        let all = segment.rows.div_ceil(u64::from(BLOCK_ROWS)).max(1);
        let bytes = segment.bytes.saturating_mul(some) / all;
        units.push(Unit { segment, which: Which::Blocks(blocks), look: Look::Indicators, bytes });
    }
    Ok(())
}

struct Hunter<'a> {
    lake: &'a Lake,
    /// Whether detectors look as well.
    analyse: bool,
    /// What threads that have ended saw.
    facts: Mutex<Facts>,
    judge: Judge<'a>,
    context: FillContext<'a>,
}

/// What a unit gave.
#[derive(Default)]
struct Found {
    judged: Judged,
    rows: u64,
}

impl Hunter<'_> {
    fn saw(&self, facts: Facts) {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).merge(facts);
    }

    fn unit(
        &self,
        unit: &Unit<'_>,
        scratch: &mut engine::Scratch,
        facts: &mut Facts,
    ) -> Result<Found, Error> {
        let mut found = Found::default();
        let spare = palisade_model::Buffers::default();
        self.lake
            .read(unit.segment, &unit.which, self.context, spare, &mut |batch| {
                found.rows += batch.len() as u64;
                self.judge.batch(&batch, unit.look, scratch, &mut found.judged);
                if self.analyse && unit.look == Look::Rules {
                    // The lake's rows are in order of time, not of their logs: numbers say nothing.
                    self.judge.knowledge().detectors.observe(&batch, false, facts);
                }
                batch.into_buffers()
            })
            .map_err(|e| Error::Lake(e.to_string()))?;
        Ok(found)
    }
}

fn threaded(
    hunter: &Hunter<'_>,
    units: &[Unit<'_>],
    jobs: usize,
    teller: &mut Teller<'_, '_>,
) -> Result<(), Error> {
    let tokens = Tokens::new(jobs * UNITS_PER_JOB);
    let next = AtomicUsize::new(0);
    let (done_in, done_out) = mpsc::channel::<(usize, Result<Found, Error>)>();
    std::thread::scope(|scope| {
        let (tokens, next) = (&tokens, &next);
        for _ in 0..jobs.min(units.len()).max(1) {
            let done_in = done_in.clone();
            let worker = move || {
                let _guard = CloseOnPanic(tokens);
                let (mut scratch, mut facts) = (engine::Scratch::default(), Facts::default());
                // The token before the number: whoever holds the next number in order is at work.
                while tokens.take() {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(unit) = units.get(n) else { break };
                    if done_in.send((n, hunter.unit(unit, &mut scratch, &mut facts))).is_err() {
                        break;
                    }
                }
                hunter.saw(facts);
            };
            std::thread::Builder::new()
                .name("hunt".to_owned())
                .spawn_scoped(scope, worker)
                .map_err(Error::Threads)?;
        }
        drop(done_in);
        let mut pending = BTreeMap::new();
        let mut expected = 0;
        let mut result = Ok(());
        for (n, found) in done_out {
            pending.insert(n, found);
            while let Some(found) = pending.remove(&expected) {
                if result.is_ok() {
                    result = found.and_then(|found| teller.take(&units[expected], found));
                }
                expected += 1;
                tokens.give();
            }
            if result.is_err() {
                tokens.close();
            }
        }
        // Workers that wait for a token after the last unit.
        tokens.close();
        result
    })
}

/// The ordered end: resolves sources, adds up, tells.
struct Teller<'o, 's> {
    observer: &'o mut dyn Observer,
    met: &'o MetSources,
    gathering: Option<Gathering<'o>>,
    by_number: HashMap<i64, &'s SourceRow>,
    files: HashMap<i64, Arc<EvidenceFile>>,
    sources: Sources,
    summary: Summary,
    total: u64,
    done: u64,
}

impl Teller<'_, '_> {
    fn take(&mut self, unit: &Unit<'_>, found: Found) -> Result<(), Error> {
        self.summary.events += found.rows;
        self.done += unit.bytes;
        if let Some(gathering) = &mut self.gathering {
            gathering.merge(&found.judged.matches).map_err(Error::Spill)?;
        }
        self.tell(&found.judged.findings)?;
        self.observer.progress(Progress {
            bytes: self.done,
            total: self.total,
            events: self.summary.events,
            findings: self.summary.findings,
        });
        Ok(())
    }

    fn tell(&mut self, findings: &[Finding]) -> Result<(), Error> {
        if !findings.is_empty() {
            self.resolve();
        }
        for finding in findings {
            self.summary.findings += 1;
            *self.summary.by_severity.entry(finding.rule.level).or_default() += 1;
            self.observer.finding(finding, &self.sources).map_err(Error::Output)?;
        }
        Ok(())
    }

    /// Answers correlations over the matches of all segments.
    fn correlate(&mut self, judge: &Judge<'_>, knowledge: &Knowledge) -> Result<(), Error> {
        let Some(gathering) = self.gathering.take() else { return Ok(()) };
        self.resolve();
        let (findings, problems) = run::correlate(gathering, judge, knowledge, &run::ranks(&self.sources))?;
        self.tell(&findings)?;
        for problem in &problems {
            *self.summary.problems.entry(problem.code).or_default() += problem.count;
            self.observer.problem(problem).map_err(Error::Output)?;
        }
        Ok(())
    }

    /// Tells what detectors say of all segments.
    fn analyse(&mut self, facts: &Facts, judge: &Judge<'_>, knowledge: &Knowledge) -> Result<(), Error> {
        self.resolve();
        let mut outcome = knowledge.detectors.finish(facts);
        outcome.findings.retain(|f| judge.in_time(f.time));
        self.tell(&outcome.findings)?;
        for problem in &outcome.problems {
            *self.summary.problems.entry(problem.code).or_default() += problem.count;
            self.observer.problem(problem).map_err(Error::Output)?;
        }
        Ok(())
    }

    /// Gives the sources met since the last call their files.
    fn resolve(&mut self) {
        for (number, member) in self.met.list().into_iter().skip(self.sources.len()) {
            let known = self.by_number.get(&number);
            let file = self.files.entry(number).or_insert_with(|| {
                let (path, bytes) = known.map_or((String::new(), 0), |s| (s.path.clone(), s.bytes));
                let file = EvidenceFile::new(path.into(), bytes);
                file.set_hash(known.and_then(|s| unhex(&s.sha256)));
                Arc::new(file)
            });
            let top = Origin::file(file.path.display().to_string());
            // The way is one text in the case; as one member it reads the same.
            let origin = if member.is_empty() { top } else { top.member(&member) };
            self.sources.push(Source { file: file.clone(), origin });
        }
    }
}

/// What stands for each rule and each indicator in the case's memory of what has looked where:
/// a digest of what it looks for, so that a rule whose title changes is the same and one whose
/// condition changes is new.
///
/// Rules first, in their order, then correlations, then indicators in theirs.
pub fn looked_items(knowledge: &Knowledge) -> Vec<(&'static str, String)> {
    let digest = |text: &str| {
        Sha256::digest(text.as_bytes()).iter().take(16).fold(String::new(), |s, b| s + &format!("{b:02x}"))
    };
    // By id and name, for what correlations refer to: a rule that changes makes them new as well.
    let mut by_name: HashMap<String, String> = HashMap::new();
    let mut rules = Vec::new();
    for r in knowledge.engine.rules() {
        let text = format!("{:?}\0{:?}\0{:?}", r.id.as_ref().unwrap_or(&r.title), r.logsource, r.expr);
        let own = digest(&text);
        for name in r.id.iter().chain(&r.name) {
            by_name.insert(name.to_lowercase(), own.clone());
        }
        rules.push(("rule", own));
    }
    for c in knowledge.correlations.documents() {
        // The places where it was read are no part of what it asks.
        let names: Vec<&str> = c
            .rules
            .iter()
            .map(|(name, _)| by_name.get(&name.to_lowercase()).map_or(name.as_str(), String::as_str))
            .collect();
        let text = format!(
            "{:?}\0{:?}\0{names:?}\0{:?}\0{:?}\0{}\0{:?}\0{:?}",
            c.id.as_ref().unwrap_or(&c.title),
            c.kind,
            c.group_by,
            c.aliases,
            c.timespan_seconds,
            c.condition,
            c.expression
        );
        let own = digest(&text);
        for name in c.id.iter().chain(&c.name) {
            by_name.insert(name.to_lowercase(), own.clone());
        }
        rules.push(("rule", own));
    }
    let kind = |p: &Pattern| match p {
        Pattern::Exact(o) => o.to_string(),
        Pattern::Network(..) => p.to_string(),
    };
    let indicators = knowledge.indicators.list().iter().map(|i| ("indicator", digest(&kind(&i.pattern))));
    rules.into_iter().chain(indicators).collect()
}
