//! Room: `store` — the case, kept durably.
//!
//! A case is a directory:
//!
//! | file | is |
//! | --- | --- |
//! | `knowledge.db` | SQLite: runs, sources, findings with citations, problems, coverage, verdicts, custody |
//! | `manifest.txt` | hashes of the evidence, as `sha256sum --check` reads them; written anew after each run |
//! | `case.lock` | held by the one process that writes |
//!
//! Its public interface is synchronous; the runtime that the database driver needs lives inside.
//! A source and everything said of it is committed in one transaction (several small ones may
//! share it), and only then is the source complete: a crash at any point loses nothing acknowledged and doubles nothing.
//! Adding the same evidence again adds a run (that it was read again is a fact) and changes
//! nothing else; the same bytes under another path add that path. Read with other rules, it
//! gains findings, and what is said of known ones, its problems and its coverage are as last read.
//!
//! What this room never does: read evidence (except to hash it in [`verify`]), judge, read a clock,
//! or change a file outside the case directory. Times come from the caller.

mod case;
mod custody;
mod fail;
pub mod lake;
mod read;
mod run;
mod schema;
mod verify;

use std::path::{Path, PathBuf};

pub use case::{Case, SourceState};
pub use read::{Counts, Filter, StoredCitation, StoredFinding};
pub use run::{Added, CitedSource, CoverageRow, Resolve, RunInfo, RunWriter, Said, SourceRecord};
pub use schema::SCHEMA_VERSION;
pub use verify::{Check, Outcome, Report, verify};

/// The database file in a case directory.
pub const DATABASE: &str = "knowledge.db";
/// Hashes of the evidence in a case directory.
pub const MANIFEST: &str = "manifest.txt";
/// Held by the writer of a case directory.
pub const LOCK: &str = "case.lock";

/// Why a case could not be opened, read or written. Each message stands alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory holds no case.
    #[error("{dir} is not a case: it has no {DATABASE}; name a directory that `investigate --case` made", dir = .0.display())]
    NotACase(PathBuf),
    /// The directory holds other things.
    #[error("no case was made in {dir}: it already holds other files ({found}); name a new or empty directory", dir = .dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// One of them.
        found: String,
    },
    /// Made by a newer Palisade.
    #[error("the case in {dir} has schema version {found}, this Palisade knows versions up to {known}; open it with the Palisade that wrote it or a newer one", dir = .dir.display())]
    NewerSchema {
        /// The directory.
        dir: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Another process writes.
    #[error("the case in {dir} is being written by another Palisade; wait until it ends, or use another case directory", dir = .0.display())]
    Locked(PathBuf),
    /// No permission to write.
    #[error("the case in {dir} cannot be written: {why}; check the owner and mode of the directory, or copy the case to a place you may write to", dir = .dir.display())]
    ReadOnly {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// No space left.
    #[error("the disk of the case in {dir} is full; nothing of the source being added was kept: free some space and run the same command again", dir = .0.display())]
    DiskFull(PathBuf),
    /// The database is damaged.
    #[error("the database of the case in {dir} is damaged: {why}; run `palisade case verify` and restore it from a backup", dir = .dir.display())]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What the database said.
        why: String,
    },
    /// A finding cites a source that the case does not have.
    #[error("finding {finding} cites a source that is not in the case ({what}); it was not added")]
    UnknownSource {
        /// Finding id.
        finding: String,
        /// What is known of the source.
        what: String,
    },
    /// A finding cites nothing.
    #[error("finding {0} cites no evidence; it was not added")]
    NoCitation(String),
    /// No such verdict.
    #[error("the case has no verdict {0}; `palisade case verdict list` lists them")]
    NoVerdict(i64),
    /// A file of the case could not be read or written.
    #[error("{what} {path} failed: {why}", path = .path.display())]
    File {
        /// What was being done: "writing".
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// Anything else the database says.
    #[error("the database of the case in {dir} failed: {why}", dir = .dir.display())]
    Database {
        /// The directory.
        dir: PathBuf,
        /// What it said.
        why: String,
    },
}

/// Results of this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happens inside a transaction, where the case directory is not at hand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Inner {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Ours(#[from] Error),
}

impl Inner {
    /// The public error, with the case it happened in.
    pub(crate) fn of(self, dir: &Path) -> Error {
        match self {
            Inner::Ours(e) => e,
            Inner::Sql(e) => from_sql(&e, dir),
        }
    }
}

/// The SQLite result codes that have a remedy of their own (sqlite.org/rescode.html).
fn from_sql(error: &sqlx::Error, dir: &Path) -> Error {
    let why = error.to_string();
    let dir = dir.to_owned();
    // Extended codes carry the primary one in their low byte.
    let code = error.as_database_error().and_then(|e| e.code()?.parse::<u32>().ok()).map(|c| c & 0xff);
    match code {
        Some(5 | 6) => Error::Locked(dir),
        Some(8) => Error::ReadOnly { dir, why },
        Some(11 | 26) => Error::Damaged { dir, why },
        Some(13) => Error::DiskFull(dir),
        _ => Error::Database { dir, why },
    }
}

pub(crate) fn file_error(what: &'static str, path: &Path, why: std::io::Error, dir: &Path) -> Error {
    match why.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            Error::ReadOnly { dir: dir.to_owned(), why: format!("{what} {}: {why}", path.display()) }
        }
        std::io::ErrorKind::StorageFull => Error::DiskFull(dir.to_owned()),
        _ => Error::File { what, path: path.to_owned(), why },
    }
}
