//! Keeps a run in a case: evidence, findings, problems and coverage, file by file.
//!
//! A file is complete in the case once everything said of it is; until then it is
//! partial, and a run that was cut short reads it again. Content ids make that harmless.
//! The same bytes are read once, whether a run before met them or this one.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palisade_model::{Coverage, Exhibit, Finding, Problem, Time};
use palisade_rules::indicators::{Indicator, Pattern};
use palisade_store::lake::{Intake, Load, MANY_SMALL, RowSet, SeenRows, member_key};
use palisade_store::{
    Case, CitedSource, CoverageRow, Error, IndicatorRow, RunInfo, RunWriter, Said, SourceRecord, SourceState,
    Standing, member_of,
};

use crate::evidence::{EvidenceFile, Sources};
use crate::knowledge::Knowledge;

/// Findings of one file held before they are committed as a part of it.
const FINDINGS_PER_COMMIT: usize = 20_000;

/// Files committed together, the findings and problems they may have in all, and how long what has
/// been read may wait: each commit waits for the disk and makes segments, which should be few.
const FILES_PER_COMMIT: usize = 4_096;
const NOTES_PER_COMMIT: usize = 20_000;
const WAIT: Duration = Duration::from_secs(10);

/// Paths committed together.
const PATHS_PER_COMMIT: usize = 5_000;

/// A file that decided what was found.
#[derive(Clone, Debug)]
pub struct Input {
    /// `rules`, `list` or `config`.
    pub kind: &'static str,
    /// Its path.
    pub path: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Where and as what a run is kept.
pub struct Keep<'c> {
    /// The case.
    pub case: &'c mut Case,
    /// The run.
    pub info: RunInfo,
    /// Rules, lists and settings used.
    pub inputs: Vec<Input>,
    /// Read everything again, whatever the case knows, and say what has changed.
    pub reread: bool,
    /// Threads that write segments.
    pub jobs: usize,
    /// Rules and indicators that look at every row of this run ([`crate::looked_items`]).
    pub looking: Vec<(&'static str, String)>,
}

/// The case while a run is written; shared by the walker (what is known) and the ordered end.
pub(crate) struct Keeper<'c> {
    writer: Mutex<RunWriter<'c>>,
    met: Mutex<Met>,
    waiting: Mutex<Waiting>,
    /// Problems of no file.
    problems: Mutex<Vec<Problem>>,
    reread: bool,
    jobs: usize,
    looking: Vec<(&'static str, String)>,
    /// The newest commit before this run.
    before: i64,
    /// A commit failed, and what waited for it is gone.
    failed: AtomicBool,
    /// Files read to their end that are complete only once what was found over all files together is kept.
    together: Mutex<Vec<Said>>,
}

/// What has been read and waits to be committed together: whole files, and rows of the lake.
#[derive(Default)]
struct Waiting {
    files: Vec<Said>,
    notes: usize,
    since: Option<Instant>,
    intake: Intake,
}

impl Waiting {
    /// Whether the disk should be troubled now.
    fn is_due(&self) -> bool {
        let many = self.files.len() >= FILES_PER_COMMIT || self.notes >= NOTES_PER_COMMIT;
        many || self.intake.is_full() || self.since.is_some_and(|s| s.elapsed() >= WAIT)
    }
}

/// What the walker has met so far. It is serial, so this does not depend on threads.
#[derive(Default)]
struct Met {
    /// SHA-256 of evidence that this run reads.
    read: HashSet<[u8; 32]>,
    /// Evidence that need not be read (again): only its path is kept, when the rest is.
    elsewhere: Vec<SourceRecord>,
}

/// What one file has brought so far.
#[derive(Default)]
pub(crate) struct FileNotes {
    findings: Vec<Finding>,
    problems: Vec<Problem>,
    coverage: Coverage,
    /// Rows of the file so far, in order, kept or not.
    rows: u64,
    lake: Option<FileRows>,
}

/// Rows of one file on their way into the lake.
struct FileRows {
    /// Number of the file in the case.
    number: i64,
    /// So many rows, from the first on, are in the lake already: a run before this one was cut short.
    resume: u64,
    /// Rows that an earlier state of this file brought.
    known: Option<RowSet>,
    /// The member read last, as the case names it.
    member: (palisade_model::SourceId, Arc<str>),
    member_key: u64,
    /// Records of that member.
    seen: SeenRows,
}

impl FileNotes {
    pub(crate) fn cover(&mut self, coverage: &Coverage) {
        self.coverage.merge(coverage);
    }

    pub(crate) fn problem(&mut self, problem: &Problem) {
        self.problems.push(problem.clone());
    }
}

impl<'c> Keeper<'c> {
    pub(crate) fn begin(keep: Keep<'c>, knowledge: &Knowledge) -> palisade_store::Result<Keeper<'c>> {
        let before = keep.case.newest_commit()?;
        let mut writer = keep.case.begin_run(&keep.info)?;
        for input in &keep.inputs {
            writer.input(input.kind, &input.path, &input.sha256, input.bytes)?;
        }
        writer.indicators(&indicator_rows(knowledge))?;
        Ok(Keeper {
            writer: Mutex::new(writer),
            met: Mutex::default(),
            waiting: Mutex::default(),
            problems: Mutex::default(),
            reread: keep.reread,
            jobs: keep.jobs,
            looking: keep.looking,
            before,
            failed: AtomicBool::new(false),
            together: Mutex::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RunWriter<'c>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether reading the file would say nothing new, because a run before this one read it or
    /// because this one reads the same bytes under another path; its path is kept if so. A file
    /// that is read may have its rows in the lake already: then they need not be packed.
    pub(crate) fn known(&self, file: &EvidenceFile) -> palisade_store::Result<bool> {
        let Some((hash, sha256)) = file.sha256().zip(file.sha256_hex()) else { return Ok(false) };
        // Until the case says otherwise, for what is complete without its rows never gets them.
        file.set_packed(true);
        let standing = self.lock().standing(&sha256)?;
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let known = standing.same && !self.reread;
        let new = !known && met.read.insert(hash);
        if !new {
            met.elsewhere.push(record(file, sha256, SourceState::Partial, 0));
        } else {
            file.set_packed(self.reread || !standing.complete);
        }
        Ok(!new)
    }

    /// Takes a problem that is of no file: a folder that cannot be listed, a link.
    pub(crate) fn problem(&self, problem: &Problem) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem.clone());
    }

    /// Takes a finding; commits a part of the file when many have come.
    pub(crate) fn finding(
        &self,
        notes: &mut FileNotes,
        file: &EvidenceFile,
        finding: &Finding,
        sources: &Sources,
    ) -> palisade_store::Result<()> {
        notes.findings.push(finding.clone());
        if notes.findings.len() >= FINDINGS_PER_COMMIT { self.part(notes, file, sources) } else { Ok(()) }
    }

    /// Takes rows of a source of the file; commits a part of the file when many have come.
    pub(crate) fn rows(
        &self,
        notes: &mut FileNotes,
        file: &EvidenceFile,
        source: palisade_model::SourceId,
        mut load: Load,
        sources: &Sources,
    ) -> palisade_store::Result<()> {
        let Some(sha256) = file.sha256_hex() else { return Ok(()) };
        if notes.lake.is_none() {
            notes.lake = Some(self.file_rows(file, &sha256)?);
        }
        let Some(lake) = &mut notes.lake else { return Ok(()) };
        let before = notes.rows;
        notes.rows += u64::from(load.rows);
        if lake.member.0 != source {
            lake.seen = SeenRows::default();
            let way = sources.get(source).map(|s| member_of(&s.origin)).unwrap_or_default();
            lake.member_key = member_key(&way);
            lake.member = (source, way.into());
        }
        load.mark_copies(&mut lake.seen);
        load.skip(lake.resume.saturating_sub(before));
        if let Some(known) = &lake.known {
            load.retain(|digest, record| !known.contains(lake.member_key, digest, record));
        }
        let due = {
            let mut waiting = self.waiting();
            waiting.intake.push(lake.number, &lake.member.1, load);
            waiting.since.get_or_insert_with(Instant::now);
            waiting.is_due()
        };
        if due { self.part(notes, file, sources) } else { Ok(()) }
    }

    /// What the lake holds of a file already.
    fn file_rows(&self, file: &EvidenceFile, sha256: &str) -> palisade_store::Result<FileRows> {
        let mut writer = self.lock();
        let Standing { complete, rows_kept, same_reader, .. } = writer.standing(sha256)?;
        let number = writer.number(sha256)?;
        let path = file.path.display().to_string();
        // A file read again by another version may have its rows elsewhere in the order.
        let anew = complete || self.reread || !same_reader;
        let resume = if anew { 0 } else { rows_kept };
        // Also when it goes on where it was: what an earlier state of the log brought may lie further on.
        let known = writer.rows_of_path(&path, sha256, anew)?;
        let member = (palisade_model::SourceId(u32::MAX), "".into());
        Ok(FileRows { number, resume, known, member, member_key: 0, seen: SeenRows::default() })
    }

    /// Commits what waits, and of the file being read what there is so far.
    fn part(
        &self,
        notes: &mut FileNotes,
        file: &EvidenceFile,
        sources: &Sources,
    ) -> palisade_store::Result<()> {
        let Some(sha256) = file.sha256_hex() else { return Ok(()) };
        let findings = std::mem::take(&mut notes.findings);
        let mut source = record(file, sha256, SourceState::Partial, 0);
        source.rows_kept = notes.rows;
        let said = Said { source, findings, problems: Vec::new(), coverage: Vec::new() };
        self.waiting().files.push(said);
        self.flush(sources)
    }

    /// The file has been read to its end.
    pub(crate) fn file_end(
        &self,
        notes: FileNotes,
        file: &EvidenceFile,
        sources: &Sources,
        knowledge: &Knowledge,
    ) -> palisade_store::Result<()> {
        // A file that could not be opened has no hash and cannot be cited; its problem is in the output.
        let Some(sha256) = file.sha256_hex() else { return Ok(()) };
        let mut rows: BTreeMap<&str, CoverageRow> = BTreeMap::new();
        for (shape, span) in &notes.coverage.shapes {
            let name = knowledge.catalogue.shape_of(*shape).name.as_str();
            let row = rows.entry(name).or_insert_with(|| CoverageRow {
                shape: name.to_owned(),
                events: 0,
                first: None,
                last: None,
            });
            row.events += span.events;
            row.first = [row.first, span.first].into_iter().flatten().min();
            row.last = [row.last, span.last].into_iter().flatten().max();
        }
        let rows: Vec<CoverageRow> = rows.into_values().collect();
        let mut source = record(file, sha256, SourceState::Complete, notes.coverage.events());
        source.rows_kept = notes.rows;
        let FileNotes { findings, mut problems, .. } = notes;
        let mut coverage = rows;
        if file.is_together() {
            let (problems, coverage) = (std::mem::take(&mut problems), std::mem::take(&mut coverage));
            let whole = Said { source: source.clone(), findings: Vec::new(), problems, coverage };
            self.together.lock().unwrap_or_else(PoisonError::into_inner).push(whole);
            source.state = SourceState::Partial;
        }
        let due = {
            let mut waiting = self.waiting();
            waiting.notes += findings.len() + problems.len();
            waiting.files.push(Said { source, findings, problems, coverage });
            waiting.since.get_or_insert_with(Instant::now);
            waiting.is_due()
        };
        if due { self.flush(sources) } else { Ok(()) }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what waits.
    pub(crate) fn flush(&self, sources: &Sources) -> palisade_store::Result<()> {
        let mut waiting = std::mem::take(&mut *self.waiting());
        if waiting.files.is_empty() && waiting.intake.is_empty() {
            return Ok(());
        }
        let done = self.lock().commit(&waiting.files, &mut waiting.intake, self.jobs, &resolve(sources));
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done.map(|_| ())
    }

    /// Commits what waits when no more will come; of the file whose reading did not come to its end,
    /// if there is one, as a part. After a commit that failed there is nothing to keep: rows are
    /// counted from the first on, and those are gone.
    pub(crate) fn last(
        &self,
        notes: &mut FileNotes,
        file: Option<&EvidenceFile>,
        sources: &Sources,
    ) -> palisade_store::Result<()> {
        if self.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        match file.filter(|f| f.sha256().is_some()) {
            Some(file) if notes.rows > 0 || !notes.findings.is_empty() => self.part(notes, file, sources),
            _ => self.flush(sources),
        }
    }

    /// Keeps what was found over all files together; findings stand with the file they cite first. Only then are the
    /// files complete: a run that ends before reads them again.
    pub(crate) fn late(
        &self,
        findings: &[Finding],
        exhibits: &[Exhibit],
        sources: &Sources,
    ) -> palisade_store::Result<()> {
        self.flush(sources)?;
        let mut by_file: BTreeMap<&std::path::Path, (&EvidenceFile, Vec<Finding>)> = BTreeMap::new();
        for finding in findings {
            let first = finding.citations.first().and_then(|c| sources.get(c.source));
            let Some(source) = first else { continue };
            let (_, of_file) = by_file.entry(&source.file.path).or_insert((&source.file, Vec::new()));
            of_file.push(finding.clone());
        }
        for (file, findings) in by_file.into_values() {
            let Some(sha256) = file.sha256_hex() else { continue };
            let source = record(file, sha256, SourceState::Partial, 0);
            let said = Said { source, findings, problems: Vec::new(), coverage: Vec::new() };
            self.waiting().files.push(said);
        }
        self.flush(sources)?;
        if !exhibits.is_empty() {
            self.lock().exhibits(exhibits, &resolve(sources))?;
        }
        let whole = std::mem::take(&mut *self.together.lock().unwrap_or_else(PoisonError::into_inner));
        self.waiting().files.extend(whole);
        self.flush(sources)
    }

    /// Ends the run.
    pub(crate) fn finish(&self, finished: Time) -> palisade_store::Result<()> {
        let met = std::mem::take(&mut *self.met.lock().unwrap_or_else(PoisonError::into_inner));
        let mut writer = self.lock();
        for paths in met.elsewhere.chunks(PATHS_PER_COMMIT) {
            writer.paths(paths)?;
        }
        writer.problems(&self.problems.lock().unwrap_or_else(PoisonError::into_inner))?;
        writer.have_looked(&self.looking, self.before)?;
        writer.finish_run(finished)?;
        // The run is whole already; where the disk has no room to merge, the next run tries again.
        match writer.compact(MANY_SMALL, finished) {
            Ok(_) | Err(Error::DiskFull(_) | Error::WriteRefused { .. }) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

/// The indicators of a run as the case keeps them: what was looked for, and which list said so.
pub fn indicator_rows(knowledge: &Knowledge) -> Vec<IndicatorRow> {
    let row = |i: &Indicator| IndicatorRow {
        list: i.list.clone(),
        kind: match &i.pattern {
            Pattern::Exact(observable) => observable.kind().name().to_owned(),
            Pattern::Network(..) => "cidr".to_owned(),
        },
        value: i.pattern.to_string(),
        note: Some(i.note.clone()).filter(|n| !n.is_empty()),
        line: Some(u64::from(i.line)),
    };
    knowledge.indicators.list().iter().map(row).collect()
}

fn record(file: &EvidenceFile, sha256: String, state: SourceState, records: u64) -> SourceRecord {
    let path = file.path.display().to_string();
    SourceRecord { sha256, bytes: file.bytes, path, state, records, rows_kept: 0 }
}

fn resolve(sources: &Sources) -> impl Fn(palisade_model::SourceId) -> Option<CitedSource> + '_ {
    |id| {
        let source = sources.get(id)?;
        Some(CitedSource { sha256: source.file.sha256_hex()?, origin: source.origin.clone() })
    }
}
