//! From paths to pieces: finds evidence files, sniffs, opens containers, cuts logs.
//!
//! Serial and cheap: everything here only reads and cuts. What is inside what is decided
//! by content, never by name.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_files as files;
use palisade_host as host;
use palisade_model::{Budget, Content, Limits, Object, Origin, Problem, ProblemCode, SourceId};

use crate::evidence::{EvidenceFile, Source};
use crate::ledgers::Intake;

/// What the walker hands on, in the order of the evidence.
pub(crate) enum Item {
    /// An evidence file is about to be read.
    File(Arc<EvidenceFile>),
    /// A log: the pieces that follow are of it.
    Source(Source),
    /// A part of the last source.
    Piece(host::Piece),
    /// Something that could not be read.
    Problem(Problem),
    /// The evidence file has been read to its end.
    FileEnd(Arc<EvidenceFile>),
}

/// What the walker asks before it opens a file.
pub(crate) enum Admit {
    /// Read it.
    Read,
    /// The case has it already.
    Known,
}

pub(crate) struct Walker<'a> {
    pub(crate) limits: Limits,
    /// Takes ledgers and labels.
    pub(crate) money: Option<&'a Mutex<Intake>>,
    /// Whether logs are wanted, too.
    pub(crate) logs: bool,
    /// Sources met: the next one's number.
    pub(crate) sources: u32,
    pub(crate) bytes_read: &'a AtomicU64,
    /// Starts hashing; decides whether the file needs to be read.
    pub(crate) admit: &'a mut dyn FnMut(&Arc<EvidenceFile>) -> Admit,
    pub(crate) emit: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
}

/// Deepest folder nesting followed.
const MAX_FOLDERS: usize = 64;

/// Every evidence file at or below the paths, sorted by name within each folder, with its size.
///
/// What is named twice, or lies in what is named too, is read once; the case being written
/// (`case`, its folder) is no evidence. Both are said.
pub(crate) fn list(paths: &[PathBuf], case: Option<&Path>) -> (Vec<(PathBuf, u64)>, Vec<Problem>) {
    let mut lister = Lister {
        case: case.and_then(|c| c.canonicalize().ok()),
        named: Vec::new(),
        out: Vec::new(),
        problems: Vec::new(),
    };
    for path in paths {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        lister.list(path, &real, 0, true);
        lister.named.push(real);
    }
    (lister.out, lister.problems)
}

struct Lister {
    case: Option<PathBuf>,
    /// Listed already, without links on the way.
    named: Vec<PathBuf>,
    out: Vec<(PathBuf, u64)>,
    problems: Vec<Problem>,
}

impl Lister {
    /// `real` is `path` without links on the way.
    fn list(&mut self, path: &Path, real: &Path, depth: usize, named: bool) {
        let origin = Origin::file(path.display().to_string());
        let problems = &mut self.problems;
        let mut problem = |code, message: String| problems.push(Problem::new(code, &origin, None, message));
        // Below a named path each folder is met before what is in it.
        let within = |folder: &Path| if named { real.starts_with(folder) } else { real == folder };
        if self.case.as_deref().is_some_and(within) {
            return problem(
                ProblemCode::Unrecognised,
                "the case itself, which is not read as evidence".into(),
            );
        }
        if self.named.iter().any(|n| within(n)) {
            return problem(
                ProblemCode::Unrecognised,
                "named twice, or lies in what is named too; read once".into(),
            );
        }
        let meta = if named { path.metadata() } else { path.symlink_metadata() };
        let meta = match meta {
            Ok(meta) => meta,
            Err(e) => return problem(ProblemCode::Io, format!("cannot look at it: {e}")),
        };
        if meta.is_dir() {
            if depth >= MAX_FOLDERS {
                return problem(ProblemCode::Limit, format!("folders nested more than {MAX_FOLDERS} deep"));
            }
            let entries = match std::fs::read_dir(path) {
                Ok(entries) => entries,
                Err(e) => return problem(ProblemCode::Io, format!("cannot list the folder: {e}")),
            };
            let mut names = Vec::new();
            for entry in entries {
                match entry {
                    Ok(entry) => names.push(entry.file_name()),
                    Err(e) => problem(ProblemCode::Io, format!("cannot list all of the folder: {e}")),
                }
            }
            names.sort();
            for name in names {
                self.list(&path.join(&name), &real.join(&name), depth + 1, false);
            }
        } else if meta.is_symlink() {
            // Inside evidence a link may lead anywhere, also out of it; a link the user names is followed.
            problem(ProblemCode::Unrecognised, "a symbolic link; name its target to have it read".into());
        } else if meta.is_file() {
            self.out.push((path.to_owned(), meta.len()));
        } else {
            problem(ProblemCode::Unrecognised, "neither a file nor a folder".into());
        }
    }
}

impl Walker<'_> {
    /// Reads one evidence file. Breaks when the consumer does.
    pub(crate) fn file(&mut self, path: &Path, size: u64) -> ControlFlow<()> {
        let origin = Origin::file(path.display().to_string());
        let evidence = Arc::new(EvidenceFile::new(path.to_owned(), size));
        if matches!((self.admit)(&evidence), Admit::Known) {
            self.bytes_read.fetch_add(size, Ordering::Relaxed);
            return ControlFlow::Continue(());
        }
        (self.emit)(Item::File(evidence.clone()))?;
        match File::open(path) {
            Ok(file) => {
                let mut reader = Counted { file, read: self.bytes_read };
                let object = Object {
                    origin: origin.clone(),
                    hints: Default::default(),
                    content: Content::Seekable(&mut reader),
                };
                let mut budget = Budget::new(self.limits, size);
                self.object(&evidence, object, &mut budget)?;
                let now = path.metadata().map(|m| m.len());
                if now.as_ref().is_ok_and(|now| *now != size) {
                    let message = format!(
                        "the file changed while it was read: {size} bytes before, {} after",
                        now.unwrap_or(0)
                    );
                    self.problem(Problem::new(ProblemCode::Changed, &origin, None, message))?;
                }
            }
            Err(e) => {
                self.problem(Problem::new(ProblemCode::Io, &origin, None, format!("cannot open it: {e}")))?
            }
        }
        (self.emit)(Item::FileEnd(evidence))
    }

    fn problem(&mut self, problem: Problem) -> ControlFlow<()> {
        (self.emit)(Item::Problem(problem))
    }

    fn new_problems(&mut self, problems: Vec<Problem>, reported: bool) -> ControlFlow<()> {
        let new = problems.into_iter().filter(|p| !(reported && p.code == ProblemCode::Io));
        new.into_iter().try_for_each(|p| self.problem(p))
    }

    fn object(
        &mut self,
        file: &Arc<EvidenceFile>,
        object: Object<'_>,
        budget: &mut Budget,
    ) -> ControlFlow<()> {
        let Object { origin, hints, content } = object;
        let mut head = Vec::new();
        let read_head = |reader: &mut dyn Read, head: &mut Vec<u8>| {
            reader.take(host::SNIFF_BYTES as u64).read_to_end(head)
        };
        let failed =
            |e: std::io::Error| Problem::new(ProblemCode::Io, &origin, 0, format!("cannot read it: {e}"));
        match content {
            Content::Bytes(bytes) => {
                head.extend_from_slice(&bytes[..bytes.len().min(host::SNIFF_BYTES)]);
                let mut cursor = Cursor::new(bytes);
                self.route(file, &origin, hints, &head, Content::Seekable(&mut cursor), budget)
            }
            Content::Stream(stream) => {
                match read_head(stream, &mut head) {
                    // What the container has reported already is not said twice.
                    Err(e) if files::is_reported(&e) && head.is_empty() => return ControlFlow::Continue(()),
                    Err(e) if !files::is_reported(&e) => return self.problem(failed(e)),
                    _ => {}
                }
                let mut whole = head.as_slice().chain(stream);
                self.route(file, &origin, hints, &head, Content::Stream(&mut whole), budget)
            }
            Content::Seekable(stream) => {
                if let Err(e) = read_head(stream, &mut head).and_then(|_| stream.seek(SeekFrom::Start(0))) {
                    return self.problem(failed(e));
                }
                self.route(file, &origin, hints, &head, Content::Seekable(stream), budget)
            }
        }
    }

    fn route(
        &mut self,
        file: &Arc<EvidenceFile>,
        origin: &Origin,
        hints: palisade_model::Hints,
        head: &[u8],
        content: Content<'_>,
        budget: &mut Budget,
    ) -> ControlFlow<()> {
        if let Some(container) = files::sniff(head) {
            let object = Object { origin: origin.clone(), hints, content };
            let mut flow = ControlFlow::Continue(());
            let problems = guarded(origin, || {
                files::open(container, object, budget, &mut |inner, budget| {
                    flow = self.object(file, inner, budget);
                    flow
                })
            });
            flow?;
            return problems.into_iter().try_for_each(|p| self.problem(p));
        }
        let money = self.money.and_then(|m| Some((m, lock(m).sniff(head)?)));
        if let Some((intake, money)) = money {
            let id = SourceId(self.sources);
            self.sources += 1;
            file.set_together();
            (self.emit)(Item::Source(Source { file: file.clone(), origin: origin.clone() }))?;
            let top = (*origin == Origin::file(file.path.display().to_string())).then_some(&*file.path);
            let (problems, reported) = with_stream(content, &mut |stream| {
                guarded(origin, || lock(intake).read(money, stream, top, id, origin))
            });
            return self.new_problems(problems, reported);
        }
        if let Some(format) = host::sniff(head).filter(|_| self.logs) {
            self.sources += 1;
            (self.emit)(Item::Source(Source { file: file.clone(), origin: origin.clone() }))?;
            let mut flow = ControlFlow::Continue(());
            let mut emit = |piece| {
                flow = (self.emit)(Item::Piece(piece));
                flow
            };
            let (problems, reported) = with_stream(content, &mut |stream| {
                guarded(origin, || host::split(format, origin, stream, &mut emit))
            });
            flow?;
            return self.new_problems(problems, reported);
        }
        let message =
            if head.is_empty() { "the file is empty" } else { "not a format that Palisade reads yet" };
        self.problem(Problem::new(ProblemCode::Unrecognised, origin, None, message))
    }
}

/// What a container has reported of a stream is not said twice.
fn with_stream(
    content: Content<'_>,
    f: &mut dyn FnMut(&mut dyn Read) -> Vec<Problem>,
) -> (Vec<Problem>, bool) {
    let mut bytes = Cursor::new(if let Content::Bytes(bytes) = content { bytes } else { &[] });
    let inner: &mut dyn Read = match content {
        Content::Bytes(_) => &mut bytes,
        Content::Stream(stream) => stream,
        Content::Seekable(stream) => stream,
    };
    let mut stream = Watched { inner, reported: false };
    let problems = f(&mut stream);
    (problems, stream.reported)
}

fn lock(intake: &Mutex<Intake>) -> MutexGuard<'_, Intake> {
    intake.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one boundary that a defect in a reader cannot cross: the file is lost, the run is not.
pub(crate) fn guarded(origin: &Origin, f: impl FnOnce() -> Vec<Problem>) -> Vec<Problem> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        Ok(problems) => problems,
        Err(cause) => {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message");
            let message = format!("the reader failed here, which is a defect in Palisade: {text}");
            vec![Problem::new(ProblemCode::Internal, origin, None, message)]
        }
    }
}

/// Notes whether a read failed in a way that the container it comes from reports itself.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    reported: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buf).inspect_err(|e| self.reported |= files::is_reported(e))
    }
}

/// Counts what is read of evidence files, for progress.
struct Counted<'a> {
    file: File,
    read: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}
