//! The ordered end of a run: outcomes in sequence, added up, told, kept.
//!
//! Sees results only in the order of the evidence, whatever thread made them, so
//! everything that depends on order is decided here: repeated problems, carved copies,
//! what is complete in the case.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use palisade_model::{Coverage, Exhibit, Finding, FindingId, ObservableKind, Problem, ProblemCode, SourceId};
use palisade_rules::correlate::Gathering;
use palisade_store::lake::Load;

use crate::evidence::{EvidenceFile, Source, Sources};
use crate::judge::Judged;
use crate::keep::{FileNotes, Keeper};
use crate::knowledge::Knowledge;
use crate::run::{Error, Observer, Progress};
use crate::summary::Summary;

/// Problems of one code told one by one per evidence file; further ones are told as one with a count.
const PROBLEMS_ALIKE: u64 = 100;

/// Findings of one log remembered, to leave out carved copies of them.
const TOLD_IDS: usize = 1 << 20;

/// Wallets kept of those that findings name; only what a ledger has is followed, and how many are left out is told.
const MAX_WALLETS: usize = 200_000;

/// What comes out of one item, to be put in order.
pub(crate) enum Outcome {
    File(Arc<EvidenceFile>),
    Source(Source),
    Read(Box<ReadPiece>),
    Problem(Problem),
    FileEnd(Arc<EvidenceFile>),
}

#[derive(Default)]
pub(crate) struct ReadPiece {
    pub(crate) judged: Judged,
    pub(crate) problems: Vec<Problem>,
    pub(crate) coverage: Coverage,
    pub(crate) without_time: u64,
    pub(crate) bytes: u64,
    /// Rows for the lake, and their source.
    pub(crate) load: Option<(SourceId, Load)>,
}

/// Puts outcomes in order and adds them up.
pub(crate) struct Order<'o> {
    observer: &'o mut dyn Observer,
    keeper: Option<&'o Keeper<'o>>,
    knowledge: &'o Knowledge,
    /// The file being read.
    file: Option<Arc<EvidenceFile>>,
    notes: FileNotes,
    /// Findings of the log being read.
    told: HashSet<FindingId>,
    /// What correlations look at.
    pub(crate) gathering: Option<Gathering<'o>>,
    /// Problems of the file by code, to keep one bad file from drowning the rest.
    alike: BTreeMap<ProblemCode, (u64, Option<Problem>)>,
    pub(crate) sources: Sources,
    pub(crate) summary: Summary,
    pub(crate) coverage: Coverage,
    pub(crate) failed: Option<Error>,
    pub(crate) bytes: u64,
    total: u64,
    /// Wallets that findings name: where ledgers are followed from.
    pub(crate) wallets: BTreeSet<String>,
    /// Wallets named beyond those kept.
    pub(crate) wallets_left_out: u64,
}

impl<'o> Order<'o> {
    pub(crate) fn new(
        observer: &'o mut dyn Observer,
        total: u64,
        keeper: Option<&'o Keeper<'o>>,
        knowledge: &'o Knowledge,
        gathering: Gathering<'o>,
    ) -> Order<'o> {
        Order {
            observer,
            keeper,
            knowledge,
            file: None,
            notes: FileNotes::default(),
            told: HashSet::new(),
            gathering: Some(gathering),
            alike: BTreeMap::new(),
            sources: Sources::default(),
            summary: Summary::default(),
            coverage: Coverage::default(),
            failed: None,
            bytes: 0,
            total,
            wallets: BTreeSet::new(),
            wallets_left_out: 0,
        }
    }

    /// Takes what was found over all files together, after the last of them.
    pub(crate) fn late(&mut self, findings: &[Finding], exhibits: &[Exhibit]) {
        if self.failed.is_some() {
            return;
        }
        let told = findings.iter().try_for_each(|finding| self.tell_finding(finding));
        if let Err(e) = told {
            self.failed = Some(e);
            return;
        }
        if let Some(keeper) = self.keeper
            && let Err(e) = keeper.late(findings, exhibits, &self.sources)
        {
            self.failed = Some(e.into());
        }
    }

    /// Counts a finding and hands it to the observer.
    fn tell_finding(&mut self, finding: &Finding) -> Result<(), Error> {
        self.summary.findings += 1;
        *self.summary.by_severity.entry(finding.rule.level).or_default() += 1;
        self.observer.finding(finding, &self.sources).map_err(Error::Output)
    }

    /// Keeps what has been read so far, when no more will come.
    pub(crate) fn keep_rest(&mut self) {
        let Some(keeper) = self.keeper else { return };
        if let Err(e) = keeper.last(&mut self.notes, self.file.as_deref(), &self.sources) {
            self.failed.get_or_insert(e.into());
        }
    }

    pub(crate) fn take(&mut self, outcome: Outcome) {
        if self.failed.is_some() {
            return;
        }
        if let Err(e) = self.try_take(outcome) {
            self.failed = Some(e);
        }
    }

    fn try_take(&mut self, outcome: Outcome) -> Result<(), Error> {
        match outcome {
            Outcome::File(file) => {
                self.summary.files += 1;
                self.summary.bytes += file.bytes;
                self.file = Some(file);
            }
            Outcome::Source(source) => {
                self.summary.sources += 1;
                self.told.clear();
                self.sources.push(source);
            }
            Outcome::Problem(problem) => self.problem(problem)?,
            Outcome::Read(piece) => {
                if let Some(gathering) = &mut self.gathering {
                    gathering.merge(&piece.judged.matches).map_err(Error::Spill)?;
                }
                self.coverage.merge(&piece.coverage);
                self.summary.events_without_time += piece.without_time;
                self.summary.log_bytes += piece.bytes;
                self.summary.events += piece.coverage.events();
                for finding in &piece.judged.findings {
                    // Space given up often holds copies of records that the log still has.
                    if finding.recovered && self.told.contains(&finding.id) {
                        continue;
                    }
                    if self.told.len() < TOLD_IDS {
                        self.told.insert(finding.id);
                    }
                    let wallets =
                        finding.observables.iter().filter(|o| o.kind() == ObservableKind::CryptoAddress);
                    for wallet in wallets {
                        if self.wallets.contains(wallet.value()) {
                            continue;
                        }
                        if self.wallets.len() < MAX_WALLETS {
                            self.wallets.insert(wallet.value().to_owned());
                        } else {
                            self.wallets_left_out += 1;
                        }
                    }
                    self.tell_finding(finding)?;
                    if let (Some(keeper), Some(file)) = (self.keeper, &self.file) {
                        keeper.finding(&mut self.notes, file, finding, &self.sources)?;
                    }
                }
                if let (Some(keeper), Some(file)) = (self.keeper, &self.file) {
                    self.notes.cover(&piece.coverage);
                    if let Some((source, load)) = piece.load {
                        keeper.rows(&mut self.notes, file, source, load, &self.sources)?;
                    }
                }
                for problem in piece.problems {
                    self.problem(problem)?;
                }
            }
            Outcome::FileEnd(file) => {
                for (_, (_, rest)) in std::mem::take(&mut self.alike) {
                    if let Some(rest) = rest {
                        self.tell(&rest)?;
                    }
                }
                self.file = None;
                let notes = std::mem::take(&mut self.notes);
                if let Some(keeper) = self.keeper {
                    keeper.file_end(notes, &file, &self.sources, self.knowledge)?;
                }
                self.observer.file_end(&file, &self.sources).map_err(Error::Output)?;
            }
        }
        self.observer.progress(Progress {
            bytes: self.bytes,
            total: self.total,
            events: self.summary.events,
            findings: self.summary.findings,
        });
        Ok(())
    }

    /// Counts a problem and tells it, or folds it into one with a count when its file has too many alike.
    fn problem(&mut self, problem: Problem) -> Result<(), Error> {
        *self.summary.problems.entry(problem.code).or_default() += problem.count;
        if self.file.is_none() {
            return self.tell(&problem);
        }
        let (told, rest) = self.alike.entry(problem.code).or_default();
        if *told < PROBLEMS_ALIKE {
            *told += 1;
            return self.tell(&problem);
        }
        match rest {
            Some(rest) => rest.count += problem.count,
            None => {
                let message = format!("more of this kind in the same file; the first: {}", problem.message);
                *rest = Some(Problem { message, ..problem });
            }
        }
        Ok(())
    }

    fn tell(&mut self, problem: &Problem) -> Result<(), Error> {
        match (self.keeper, &self.file) {
            (Some(_), Some(_)) => self.notes.problem(problem),
            (Some(keeper), None) => keeper.problem(problem),
            (None, _) => {}
        }
        self.observer.problem(problem).map_err(Error::Output)
    }
}
