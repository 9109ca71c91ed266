//! What a run has to say, in the form somebody wants it.
//!
//! Every form is a [`Form`]: it is given findings and problems in the order of the evidence and
//! the end of the run. None keeps all findings: what streams, streams; what groups, groups under
//! fixed limits and says what it left out.

mod coverage;
mod csv;
mod group;
mod html;
mod json;
mod ndjson;

mod table;
mod words;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use palisade_model::{Finding, Problem};
use palisade_pipeline::{Sources, Summary};

use crate::args::Format;
use crate::errors::{Gone, reason};
use crate::times::Clock;

pub use words::{bytes, count, cut, plural};

/// Where bytes go.
pub type Out<'o> = &'o mut dyn Write;

/// One form of output.
pub trait Form {
    /// A finding, in the order of the evidence.
    fn finding(&mut self, finding: &Finding, sources: &Sources, out: Out<'_>) -> io::Result<()>;
    /// Something that could not be read.
    fn problem(&mut self, problem: &Problem, out: Out<'_>) -> io::Result<()>;
    /// The end of the run.
    fn finish(&mut self, summary: &Summary, out: Out<'_>) -> io::Result<()>;
}

/// What a form needs to know before it begins.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// How times are shown.
    pub clock: Clock,
    /// Whether colours may be used.
    pub colour: bool,
    /// Columns of the terminal, if it is one.
    pub width: Option<usize>,
    /// Most lines of a timeline.
    pub limit: usize,
    /// Whether every technique and machine of the coverage is listed.
    pub coverage: bool,
    /// Paths that were investigated, for headings.
    pub paths: Vec<String>,
}

/// The form of that name.
pub fn form(format: Format, style: Style) -> Box<dyn Form> {
    match format {
        Format::Table => Box::new(table::Table::new(style)),
        Format::Ndjson => Box::new(ndjson::Ndjson::new(style.clock)),
        Format::Json => Box::new(json::Json::new(style.clock)),
        Format::Csv => Box::new(csv::Csv::new(style.clock)),
        Format::Html => Box::new(html::Html::new(style)),
    }
}

/// Where a file is or would be made, without links on the way; fails if its folder is not there.
pub fn place(file: &Path) -> io::Result<PathBuf> {
    if let Ok(there) = file.canonicalize() {
        return Ok(there);
    }
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize()?.join(file.file_name().ok_or(io::ErrorKind::IsADirectory)?))
}

/// A file being written beside the one whose place it takes when it is whole.
struct Fresh {
    path: PathBuf,
    target: PathBuf,
}

impl Fresh {
    fn create(file: &Path) -> io::Result<(std::fs::File, Fresh)> {
        let target = place(file)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let out = std::fs::File::create_new(&path)?;
        let fresh = Fresh { path, target };
        if let Ok(there) = fresh.target.metadata() {
            // What may not be written is not replaced either, and who may read it stays.
            std::fs::File::options().append(true).open(&fresh.target)?;
            out.set_permissions(there.permissions())?;
        }
        Ok((out, fresh))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // Gone already if it took its place.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Standard output or a file, buffered; remembers why writing failed.
///
/// A file appears whole, when the sink is closed; what is no regular file (a pipe, a device) is
/// written as results come.
pub struct Sink {
    out: BufWriter<Box<dyn Write>>,
    name: String,
    failed: Option<io::Error>,
    fresh: Option<Fresh>,
}

/// Large enough that a finding costs no system call.
const BUFFER: usize = 256 << 10;

impl Sink {
    /// Opens the file, or takes standard output.
    pub fn open(path: Option<&Path>) -> Result<Sink> {
        let mut fresh = None;
        let (out, name): (Box<dyn Write>, String) = match path {
            Some(path) => {
                let direct = path.metadata().is_ok_and(|m| !m.is_file());
                let file = if direct {
                    std::fs::File::create(path)
                } else {
                    Fresh::create(path).map(|(file, f)| {
                        fresh = Some(f);
                        file
                    })
                };
                let file = file.map_err(|e| anyhow!("cannot write to {}: {}", path.display(), reason(&e)))?;
                (Box::new(file), path.display().to_string())
            }
            None => (Box::new(io::stdout()), "standard output".into()),
        };
        Ok(Sink { out: BufWriter::with_capacity(BUFFER, out), name, failed: None, fresh })
    }

    /// Runs a step that writes; a failure is remembered and told as text.
    pub fn step(&mut self, write: impl FnOnce(Out<'_>) -> io::Result<()>) -> Result<(), String> {
        write(&mut self.out).map_err(|e| {
            let text = reason(&e);
            self.failed = Some(e);
            text
        })
    }

    /// What went wrong, if anything did.
    pub fn failure(&mut self) -> Option<anyhow::Error> {
        let error = self.failed.take()?;
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Some(Gone.into());
        }
        Some(anyhow!("cannot write results to {}: {}", self.name, reason(&error)))
    }

    /// Hands over what is buffered; a file takes its place.
    pub fn close(mut self) -> Result<()> {
        let fresh = self.fresh.take();
        let done = self.step(|out| {
            out.flush()?;
            fresh.as_ref().map_or(Ok(()), |f| std::fs::rename(&f.path, &f.target))
        });
        match (done, self.failure()) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(error)) => Err(error),
            (Err(text), None) => Err(anyhow!(text)),
        }
    }
}

/// Whether colours fit: a terminal, `NO_COLOR` (no-color.org) not set, not a dumb terminal.
pub fn colour_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    io::stdout().is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Columns of the terminal, if standard output is one.
pub fn terminal_width() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from)
}
