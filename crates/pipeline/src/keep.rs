//! Keeps a run in a case: evidence, findings, problems and coverage, file by file.
//!
//! A file is complete in the case once everything said of it is; until then it is
//! partial, and a run that was cut short reads it again. Content ids make that harmless.
//! The same bytes are read once, whether a run before met them or this one.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use palisade_model::{Coverage, Finding, Problem, Time};
use palisade_store::{Case, CitedSource, CoverageRow, RunInfo, RunWriter, Said, SourceRecord, SourceState};

use crate::evidence::{EvidenceFile, Sources};
use crate::knowledge::Knowledge;

/// Findings of one file held before they are committed as a part of it.
const FINDINGS_PER_COMMIT: usize = 5_000;

/// Small files committed together, the findings and problems they may have in all, and how long one
/// that has been read may wait: each commit waits for the disk.
const FILES_PER_COMMIT: usize = 256;
const NOTES_PER_COMMIT: usize = 1_000;
/// A file of this size is committed at once.
const LARGE_BYTES: u64 = 1 << 20;
const WAIT: Duration = Duration::from_secs(1);

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
}

/// The case while a run is written; shared by the walker (what is known) and the ordered end.
pub(crate) struct Keeper<'c> {
    writer: Mutex<RunWriter<'c>>,
    met: Mutex<Met>,
    waiting: Mutex<Waiting>,
    /// Problems of no file.
    problems: Mutex<Vec<Problem>>,
}

/// Files that have been read and wait to be committed together.
#[derive(Default)]
struct Waiting {
    files: Vec<Said>,
    notes: usize,
    since: Option<Instant>,
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
    pub(crate) fn begin(keep: Keep<'c>) -> palisade_store::Result<Keeper<'c>> {
        let mut writer = keep.case.begin_run(&keep.info)?;
        for input in &keep.inputs {
            writer.input(input.kind, &input.path, &input.sha256, input.bytes)?;
        }
        Ok(Keeper {
            writer: Mutex::new(writer),
            met: Mutex::default(),
            waiting: Mutex::default(),
            problems: Mutex::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RunWriter<'c>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether reading the file would say nothing new, because a run before this one read it or
    /// because this one reads the same bytes under another path; its path is kept if so.
    pub(crate) fn known(&self, file: &EvidenceFile) -> palisade_store::Result<bool> {
        let Some((hash, sha256)) = file.sha256().zip(file.sha256_hex()) else { return Ok(false) };
        let known = self.lock().known(&sha256)?;
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let new = !known && met.read.insert(hash);
        if !new {
            met.elsewhere.push(record(file, sha256, SourceState::Partial, 0));
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
        if notes.findings.len() >= FINDINGS_PER_COMMIT
            && let Some(sha256) = file.sha256_hex()
        {
            self.flush(sources)?;
            let findings = std::mem::take(&mut notes.findings);
            let record = record(file, sha256, SourceState::Partial, 0);
            self.lock().source(&record, &findings, &[], &[], &resolve(sources))?;
        }
        Ok(())
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
        let source = record(file, sha256, SourceState::Complete, notes.coverage.events());
        let FileNotes { findings, problems, .. } = notes;
        let full = {
            let mut waiting = self.waiting();
            waiting.notes += findings.len() + problems.len();
            waiting.files.push(Said { source, findings, problems, coverage: rows });
            let since = *waiting.since.get_or_insert_with(Instant::now);
            let large = file.bytes >= LARGE_BYTES;
            let many = waiting.files.len() >= FILES_PER_COMMIT || waiting.notes >= NOTES_PER_COMMIT;
            large || many || since.elapsed() >= WAIT
        };
        if full { self.flush(sources) } else { Ok(()) }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits the files that wait.
    pub(crate) fn flush(&self, sources: &Sources) -> palisade_store::Result<()> {
        let waiting = std::mem::take(&mut *self.waiting());
        if !waiting.files.is_empty() {
            self.lock().sources(&waiting.files, &resolve(sources))?;
        }
        Ok(())
    }

    /// Ends the run.
    pub(crate) fn finish(&self, finished: Time) -> palisade_store::Result<()> {
        let met = std::mem::take(&mut *self.met.lock().unwrap_or_else(PoisonError::into_inner));
        let mut writer = self.lock();
        for paths in met.elsewhere.chunks(PATHS_PER_COMMIT) {
            writer.paths(paths)?;
        }
        writer.problems(&self.problems.lock().unwrap_or_else(PoisonError::into_inner))?;
        writer.finish_run(finished)
    }
}

fn record(file: &EvidenceFile, sha256: String, state: SourceState, records: u64) -> SourceRecord {
    SourceRecord { sha256, bytes: file.bytes, path: file.path.display().to_string(), state, records }
}

fn resolve(sources: &Sources) -> impl Fn(palisade_model::SourceId) -> Option<CitedSource> + '_ {
    |id| {
        let source = sources.get(id)?;
        Some(CitedSource { sha256: source.file.sha256_hex()?, origin: source.origin.clone() })
    }
}
