//! One run: threads, order, limits.
//!
//! ```text
//! walker thread ── pieces (bounded) ──▶ workers ── outcomes ──▶ this thread, in sequence
//!        ▲───────────────── tokens: pieces not yet put in order ─────────────────┘
//! ```
//!
//! Every item the walker emits has a sequence number and leaves in that order. A token
//! per piece keeps a slow piece from letting the others run ahead without bound.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use jiff::tz::TimeZone;
use palisade_host as host;
use palisade_host::detect::{Facts, Presence};
use palisade_model::{Batch, Finding, Limits, Origin, Problem, RowBatch, ShapeId, SourceId, Time};
use palisade_rules::correlate::{Gathering, MEMORY};
use palisade_rules::engine;
use palisade_store::lake::Packer;

use crate::evidence::{EvidenceFile, Source, Sources};
use crate::follow;
use crate::judge::{Judge, Look};
use crate::keep::{Keep, Keeper};
use crate::knowledge::Knowledge;
use crate::ledgers::Intake;
use crate::order::{Order, Outcome, ReadPiece};
use crate::organisation::Organisation;
use crate::spill::DiskSpill;
use crate::summary::Summary;
use crate::tokens::{CloseOnPanic, Tokens};
use crate::walk::{self, Admit, Item, Walker};

/// Pieces in flight per worker: one being read, one waiting, two being put in order.
const PIECES_PER_JOB: usize = 4;

/// Files below this size are hashed by the walker; larger ones by a thread of their own.
const HASH_INLINE_BYTES: u64 = 4 << 20;

/// What to read and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Threads that read and match; 1 runs everything on the calling thread.
    pub jobs: usize,
    /// Findings before this moment are left out (events without a time stay).
    pub since: Option<Time>,
    /// Findings at or after this moment are left out.
    pub until: Option<Time>,
    /// Zone of times that name none.
    pub zone: Option<TimeZone>,
    /// When the evidence was collected: no record is later, which gives the year of times that name none.
    pub collected: Option<Time>,
    /// Whether evidence files are hashed (SHA-256).
    pub hash: bool,
    /// Limits on containers.
    pub limits: Limits,
    /// The organisation.
    pub organisation: Organisation,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            paths: Vec::new(),
            jobs: 1,
            since: None,
            until: None,
            zone: None,
            collected: None,
            hash: true,
            limits: Limits::default(),
            organisation: Organisation::default(),
        }
    }
}

/// Why a run could not be carried out. Trouble with single files is a [`Problem`] instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that does not exist.
    #[error("cannot read {}: {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// No threads.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// A zone in `palisade.toml` that does not exist.
    #[error("unknown time zone \"{0}\" in palisade.toml; use an IANA name such as Europe/Kyiv")]
    Zone(String),
    /// The case refused what was to be kept.
    #[error(transparent)]
    Case(#[from] palisade_store::Error),
    /// The lake of the case could not be read.
    #[error("{0}")]
    Lake(String),
    /// No room for what correlations look at, or for what is noted of a large ledger.
    #[error(
        "cannot write temporary files, which are needed for what does not fit in memory: {0}; free some space, or name another place with TMPDIR"
    )]
    Spill(io::Error),
    /// What a trace touches does not fit in memory.
    #[error(
        "the ledgers do not fit in the {} MiB allowed, and neither does what the trace touches: {reason}; label the services among them (--labels: a trace does not go through them), or allow more with --memory",
        memory >> 20
    )]
    Room {
        /// Bytes allowed.
        memory: u64,
        /// What does not fit.
        reason: String,
    },
    /// What receives the results refused them (a closed pipe, a full disk).
    #[error("cannot write results: {0}")]
    Output(String),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes of evidence files read so far.
    pub bytes: u64,
    /// Bytes of all evidence files.
    pub total: u64,
    /// Events so far.
    pub events: u64,
    /// Findings so far.
    pub findings: u64,
}

/// Receives results in the order of the evidence.
pub trait Observer {
    /// A finding. An error stops the run.
    fn finding(&mut self, finding: &Finding, sources: &Sources) -> Result<(), String>;
    /// Something that could not be read.
    fn problem(&mut self, problem: &Problem) -> Result<(), String>;
    /// An evidence file has been read: all its findings have been given.
    fn file_end(&mut self, _file: &EvidenceFile, _sources: &Sources) -> Result<(), String> {
        Ok(())
    }
    /// Progress, several times a second at most.
    fn progress(&mut self, _progress: Progress) {}
}

/// A log that pieces belong to.
#[derive(Clone)]
struct Reading {
    id: SourceId,
    origin: Arc<Origin>,
    zone: Option<TimeZone>,
    /// Its rows go into the lake.
    packed: bool,
}

/// Reads evidence and tells the observer what was found.
///
/// With `keep`, the run is kept in a case: every file is hashed before it is read, and a
/// file that the case holds already, read with the same rules, is not read again.
pub fn investigate(
    settings: &Settings,
    knowledge: &Knowledge,
    keep: Option<Keep<'_>>,
    observer: &mut dyn Observer,
) -> Result<Summary, Error> {
    let start = Instant::now();
    for path in &settings.paths {
        std::fs::metadata(path).map_err(|reason| Error::Path { path: path.clone(), reason })?;
    }
    let mut zones = BTreeMap::new();
    for name in settings.organisation.timezones.values() {
        let zone = TimeZone::get(name).map_err(|_| Error::Zone(name.clone()))?;
        zones.insert(name.clone(), zone);
    }
    let (files, problems) = walk::list(&settings.paths, keep.as_ref().map(|k| k.case.dir()));
    let keeper = keep.map(|keep| Keeper::begin(keep, knowledge)).transpose()?;
    let run = Run {
        settings,
        knowledge,
        zones,
        keeper: keeper.as_ref(),
        case_failed: Mutex::new(None),
        bytes_read: AtomicU64::new(0),
        files_known: AtomicU64::new(0),
        judge: Judge::new(knowledge, settings.since, settings.until),
        money: Mutex::default(),
        facts: Mutex::default(),
    };
    let total = files.iter().map(|(_, n)| *n).sum();
    let spill = DiskSpill::default();
    let gathering = Gathering::new(&knowledge.correlations, MEMORY, &spill);
    let mut order = Order::new(observer, total, keeper.as_ref(), knowledge, gathering);
    for problem in problems {
        order.take(Outcome::Problem(problem));
    }
    if settings.jobs <= 1 {
        run.single(&files, &mut order)
    } else {
        run.threaded(&files, &mut order)?
    }
    // A run that fails keeps what it had read to the end.
    order.keep_rest();
    run.correlate(&mut order);
    let presence = run.analyse(&mut order);
    run.together(&mut order);
    let mut summary = order.summary;
    summary.files_known = run.files_known.into_inner();
    summary.rules_loaded = (knowledge.engine.rules().len() + knowledge.correlations.len()) as u64;
    summary.detectors = knowledge.detectors.len() as u64;
    summary.indicators = knowledge.indicators.list().len() as u64;
    summary.hashed = settings.hash || keeper.is_some();
    summary.cover(&order.coverage, &presence, knowledge);
    summary.seconds = start.elapsed().as_secs_f64();
    let case_failed = run.case_failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(e) = order.failed.or(case_failed) {
        return Err(e);
    }
    if let Some(keeper) = &keeper {
        keeper.finish(now())?;
    }
    Ok(summary)
}

/// Findings of correlations, by time, then id; and what they could not use.
pub(crate) fn correlate(
    gathering: Gathering<'_>,
    judge: &Judge<'_>,
    knowledge: &Knowledge,
    ranks: &HashMap<SourceId, u64>,
) -> Result<(Vec<Finding>, Vec<Problem>), Error> {
    let mut findings: Vec<Finding> = Vec::new();
    let rank = |source: SourceId| ranks.get(&source).copied().unwrap_or(u64::MAX);
    let outcome = gathering
        .finish(&rank, &mut |alert| {
            let told = knowledge.correlations.reports(alert.correlation);
            findings.extend(told.then(|| judge.alert(&alert)).flatten());
        })
        .map_err(Error::Spill)?;
    findings.iter_mut().for_each(|f| knowledge.kev.join(f));
    findings.sort_by_key(|f| (f.time, f.id));
    Ok((findings, outcome.problems(&knowledge.correlations)))
}

/// Places of sources in the order of their names, which no thread and no run decides.
pub(crate) fn ranks(sources: &Sources) -> HashMap<SourceId, u64> {
    let mut named: Vec<(String, SourceId)> = (0..sources.len() as u32)
        .map(SourceId)
        .filter_map(|id| Some((sources.get(id)?.origin.to_string(), id)))
        .collect();
    named.sort();
    (0..).zip(named).map(|(rank, (_, id))| (id, rank)).collect()
}

/// The wall clock, for the custody record alone.
fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

struct Run<'a> {
    settings: &'a Settings,
    knowledge: &'a Knowledge,
    zones: BTreeMap<String, TimeZone>,
    keeper: Option<&'a Keeper<'a>>,
    case_failed: Mutex<Option<Error>>,
    bytes_read: AtomicU64,
    files_known: AtomicU64,
    judge: Judge<'a>,
    money: Mutex<Intake>,
    /// What threads that have ended saw.
    facts: Mutex<Facts>,
}

impl Run<'_> {
    /// Answers correlations over the matches of all files.
    fn correlate(&self, order: &mut Order<'_>) {
        let Some(gathering) = order.gathering.take().filter(|_| order.failed.is_none()) else { return };
        let ranks = ranks(&order.sources);
        match correlate(gathering, &self.judge, self.knowledge, &ranks) {
            Ok((findings, problems)) => {
                order.late(&findings, &[]);
                problems.into_iter().for_each(|p| order.take(Outcome::Problem(p)));
            }
            Err(e) => order.failed = Some(e),
        }
    }

    /// What detectors say of the facts of all files; and which machine wrote what when.
    fn analyse(&self, order: &mut Order<'_>) -> Vec<Presence> {
        let facts = std::mem::take(&mut *self.facts.lock().unwrap_or_else(PoisonError::into_inner));
        if order.failed.is_some() || self.knowledge.detectors.is_empty() {
            return Vec::new();
        }
        let (mut findings, mut presence) = (Vec::new(), Vec::new());
        let problems = walk::guarded(&Origin::file("analytics"), || {
            let outcome = self.knowledge.detectors.finish(&facts);
            presence = self.knowledge.detectors.presence(&facts);
            findings = outcome.findings;
            outcome.problems
        });
        findings.retain(|f: &Finding| self.judge.in_time(f.time));
        findings.iter_mut().for_each(|f| self.knowledge.kev.join(f));
        order.late(&findings, &[]);
        problems.into_iter().for_each(|p| order.take(Outcome::Problem(p)));
        presence
    }

    /// Takes what a thread saw; the order in which threads end changes nothing.
    fn saw(&self, facts: Facts) {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).merge(facts);
    }

    /// What is found in ledgers of all files together, after the last of them.
    fn together(&self, order: &mut Order<'_>) {
        let intake = std::mem::take(&mut *self.money.lock().unwrap_or_else(PoisonError::into_inner));
        let watch = follow::Watch {
            left_out: order.wallets_left_out,
            wallets: &order.wallets,
            listed: &self.settings.organisation.wallets,
        };
        let (mut findings, mut exhibits, mut transactions) = (Vec::new(), Vec::new(), 0);
        let problems = walk::guarded(&Origin::file("ledgers"), || {
            let (funds, mut problems) = intake.finish();
            transactions = funds.ledger.txs.id.len() as u64;
            if !funds.is_empty() {
                let more;
                (findings, exhibits, more) = follow::detect(&funds, &watch);
                problems.extend(more);
            }
            problems
        });
        findings.retain(|f: &Finding| self.judge.in_time(f.time));
        order.summary.transactions = transactions;
        order.late(&findings, &exhibits);
        for problem in problems {
            order.take(Outcome::Problem(problem));
        }
    }

    /// Hashes a file, or starts to; says whether it needs to be read.
    fn admit(&self, file: &Arc<EvidenceFile>, hasher: Option<&mpsc::Sender<Arc<EvidenceFile>>>) -> Admit {
        if let Some(keeper) = self.keeper {
            file.set_hash(hash_file(file));
            match keeper.known(file) {
                Ok(true) => {
                    self.files_known.fetch_add(1, Ordering::Relaxed);
                    return Admit::Known;
                }
                Ok(false) => {}
                // Read on: the ordered end will meet the same failure when it commits.
                Err(e) => {
                    *self.case_failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(e.into());
                }
            }
        } else if !self.settings.hash {
            file.set_hash(None);
        } else {
            match hasher {
                Some(hasher) if file.bytes >= HASH_INLINE_BYTES => {
                    if let Err(mpsc::SendError(file)) = hasher.send(file.clone()) {
                        file.set_hash(hash_file(&file));
                    }
                }
                _ => file.set_hash(hash_file(file)),
            }
        }
        Admit::Read
    }

    fn reading(&self, id: u32, source: &Source) -> Reading {
        let name = source.file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let declared = self.settings.organisation.timezone(&name).and_then(|z| self.zones.get(z));
        let zone = declared.or(self.settings.zone.as_ref()).cloned();
        let packed = source.file.is_packed();
        Reading { id: SourceId(id), origin: Arc::new(source.origin.clone()), zone, packed }
    }

    fn single(&self, files: &[(PathBuf, u64)], order: &mut Order<'_>) {
        let mut scratch = Scratch::default();
        let mut reading: Option<Reading> = None;
        let mut sources = 0;
        let mut walker = Walker {
            limits: self.settings.limits,
            bytes_read: &self.bytes_read,
            money: Some(&self.money),
            logs: true,
            sources: 0,
            admit: &mut |file| self.admit(file, None),
            emit: &mut |item| {
                let outcome = match item {
                    Item::File(file) => Outcome::File(file),
                    Item::Source(source) => {
                        reading = Some(self.reading(sources, &source));
                        sources += 1;
                        Outcome::Source(source)
                    }
                    Item::Piece(piece) => match &reading {
                        Some(reading) => Outcome::Read(self.read(piece, reading, &mut scratch)),
                        None => return ControlFlow::Continue(()),
                    },
                    Item::Problem(problem) => Outcome::Problem(problem),
                    Item::FileEnd(file) => Outcome::FileEnd(file),
                };
                order.bytes = self.bytes_read.load(Ordering::Relaxed);
                order.take(outcome);
                flow(order.failed.is_none())
            },
        };
        for (path, size) in files {
            if walker.file(path, *size).is_break() {
                break;
            }
        }
        self.saw(scratch.facts);
    }

    fn threaded(&self, files: &[(PathBuf, u64)], order: &mut Order<'_>) -> Result<(), Error> {
        let jobs = self.settings.jobs;
        let tokens = Tokens::new(jobs * PIECES_PER_JOB);
        let (work_in, work_out) = mpsc::sync_channel::<(u64, Reading, host::Piece)>(jobs);
        // Owned by the workers alone: when they are gone, sending to them fails instead of waiting.
        let work_out = Arc::new(Mutex::new(work_out));
        let (done_in, done_out) = mpsc::channel::<(u64, Outcome)>();
        let (hash_in, hash_out) = mpsc::channel::<Arc<EvidenceFile>>();
        std::thread::scope(|scope| {
            let tokens = &tokens;
            let _guard = CloseOnPanic(tokens);
            let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
            spawn("hash")
                .spawn_scoped(scope, move || hash_out.iter().for_each(|file| file.set_hash(hash_file(&file))))
                .map_err(Error::Threads)?;
            for _ in 0..jobs {
                let (work_out, done_in) = (work_out.clone(), done_in.clone());
                let worker = move || {
                    let _guard = CloseOnPanic(tokens);
                    let mut scratch = Scratch::default();
                    loop {
                        let next = work_out.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok((seq, reading, piece)) = next else { break };
                        let outcome = Outcome::Read(self.read(piece, &reading, &mut scratch));
                        if done_in.send((seq, outcome)).is_err() {
                            break;
                        }
                    }
                    self.saw(scratch.facts);
                };
                spawn("read").spawn_scoped(scope, worker).map_err(Error::Threads)?;
            }
            drop(work_out);
            let walker = move || {
                let _guard = CloseOnPanic(tokens);
                let mut seq = 0u64;
                let mut sources = 0u32;
                let mut reading: Option<Reading> = None;
                let mut walker = Walker {
                    limits: self.settings.limits,
                    bytes_read: &self.bytes_read,
                    money: Some(&self.money),
                    logs: true,
                    sources: 0,
                    admit: &mut |file| self.admit(file, Some(&hash_in)),
                    emit: &mut |item| {
                        let outcome = match item {
                            Item::Piece(piece) => {
                                let Some(reading) = &reading else { return ControlFlow::Continue(()) };
                                let sent =
                                    tokens.take() && work_in.send((seq, reading.clone(), piece)).is_ok();
                                seq += 1;
                                return flow(sent);
                            }
                            Item::Source(source) => {
                                reading = Some(self.reading(sources, &source));
                                sources += 1;
                                Outcome::Source(source)
                            }
                            // A hundred thousand tiny files must not pile up either.
                            Item::File(file) if tokens.take() => Outcome::File(file),
                            Item::File(_) => return ControlFlow::Break(()),
                            Item::Problem(problem) => Outcome::Problem(problem),
                            Item::FileEnd(file) => Outcome::FileEnd(file),
                        };
                        let sent = done_in.send((seq, outcome)).is_ok() && !tokens.is_closed();
                        seq += 1;
                        flow(sent)
                    },
                };
                for (path, size) in files {
                    if walker.file(path, *size).is_break() {
                        return;
                    }
                }
            };
            spawn("walk").spawn_scoped(scope, walker).map_err(Error::Threads)?;
            let mut pending = BTreeMap::new();
            let mut next = 0u64;
            for (seq, outcome) in done_out {
                pending.insert(seq, outcome);
                while let Some(outcome) = pending.remove(&next) {
                    next += 1;
                    let counted = matches!(outcome, Outcome::Read(_) | Outcome::File(_));
                    order.bytes = self.bytes_read.load(Ordering::Relaxed);
                    order.take(outcome);
                    if counted {
                        tokens.give();
                    }
                }
                if order.failed.is_some() {
                    tokens.close();
                }
            }
            Ok(())
        })
    }

    /// Reads and judges one piece.
    fn read(&self, piece: host::Piece, reading: &Reading, scratch: &mut Scratch) -> Box<ReadPiece> {
        let mut out = Box::new(ReadPiece { bytes: piece.data.len() as u64, ..ReadPiece::default() });
        let k = self.knowledge;
        let context = host::Context {
            fields: &k.fields,
            catalogue: &k.catalogue,
            projection: &k.projection,
            dialects: &k.dialects,
            zone: reading.zone.as_ref(),
            as_of: self.settings.collected,
        };
        scratch.seen.resize(k.catalogue.len(), Default::default());
        let numbered = piece.format == host::Format::Evtx;
        let Scratch { host, engine, seen, packer, facts } = scratch;
        let layout = k.layout.as_ref().filter(|_| reading.packed);
        let problems = walk::guarded(&reading.origin, || {
            host::read(piece, context, reading.id, &reading.origin, host, &mut |batch: RowBatch| {
                for row in 0..batch.len() {
                    let header = batch.header(row);
                    seen[header.shape.index()].add(header.time);
                    out.without_time += u64::from(header.time.is_none());
                }
                self.judge.batch(&batch, Look::Both, engine, &mut out.judged);
                k.detectors.observe(&batch, numbered, facts);
                if let Some(layout) = layout {
                    packer.add(&batch, layout);
                }
                batch.into_buffers()
            })
        });
        if let Some(layout) = layout {
            out.load = Some((reading.id, packer.finish(layout)));
        }
        out.problems = problems;
        for (i, span) in seen.iter_mut().enumerate().filter(|(_, s)| s.events > 0) {
            out.coverage.shapes.insert(ShapeId(i as u16), std::mem::take(span));
        }
        out
    }
}

/// Whether the walker goes on.
fn flow(go_on: bool) -> ControlFlow<()> {
    if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// What one thread keeps between pieces.
#[derive(Default)]
struct Scratch {
    host: host::Scratch,
    engine: engine::Scratch,
    seen: Vec<palisade_model::Span>,
    packer: Packer,
    facts: Facts,
}

/// SHA-256 of a file; `None` if it cannot be read (the reader reports why).
pub(crate) fn hash_file(file: &EvidenceFile) -> Option<[u8; 32]> {
    use sha2::Digest as _;
    use std::io::Read as _;
    const BLOCK: usize = 256 << 10;
    let mut reader = std::fs::File::open(&file.path).ok()?;
    let mut hasher = sha2::Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Some(hasher.finalize().into()),
            Ok(n) => hasher.update(&block[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
