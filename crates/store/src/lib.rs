//! Room: `store` — the case, kept durably.
//!
//! A case is a directory:
//!
//! | file | is |
//! | --- | --- |
//! | `knowledge.db` | SQLite: runs, sources, findings with citations, problems, coverage, verdicts, adopted assessments, custody, segments of the lake |
//! | `knowledge.link` | instead of it: the PostgreSQL database and schema that hold the same |
//! | `lake/` | immutable segments of events |
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

mod answers;
mod attributions;
mod backup;
mod campaigns;
mod case;
mod changed;
mod custody;
mod db;
mod exhibits;
mod fail;
pub mod lake;
mod lines;
mod lock;
mod overview;
mod place;
mod profiles;
mod read;
mod run;
mod schema;
mod screening;
mod testing;
mod verify;

use std::path::{Path, PathBuf};

pub use answers::StoredAnswer;
pub use attributions::{MAX_ATTRIBUTION_BYTES, StoredAttribution};
pub use backup::{BACKUP_LIST, Backup};
pub use campaigns::{CampaignChange, StoredCampaign};
pub use case::{Case, SourceState};
pub use changed::FindingOfRun;
pub use exhibits::{MAX_EXHIBITS, StoredExhibit};
pub use fail::POINTS;
pub use lake::{RowSet, Standing};
pub use lines::{ParquetLines, is_parquet};
pub use overview::{LakeSummary, Overview, ProblemRow, RunRow, SeenShape, SourceRow};
pub use place::redact;
pub use profiles::{PROFILES, ProfileKind, profiles};
pub use read::{Counts, Filter, StoredCitation, StoredFinding};
pub use run::{
    Added, CitedSource, ClockBack, CoverageRow, IndicatorRow, Resolve, RunInfo, RunWriter, Said,
    SourceRecord, member_of,
};
pub use schema::SCHEMA_VERSION;
#[doc(hidden)]
pub use schema::{REFERENCES, STEPS, Step, TABLES};
pub use screening::{Screened, ScreenedQuery, StoredHit};
pub use verify::{Check, Outcome, Report, verify};

/// The database file in a case directory.
pub const DATABASE: &str = "knowledge.db";
/// Instead of it, where the knowledge is in PostgreSQL: which database, which schema.
pub const LINK: &str = "knowledge.link";
/// The folder of the lake's segments in a case directory.
pub const LAKE: &str = "lake";
/// What the organisation says of itself; may be there before the case is.
pub const CONFIG: &str = "palisade.toml";
/// Hashes of the evidence in a case directory.
pub const MANIFEST: &str = "manifest.txt";
/// Held by the writer of a case directory.
pub const LOCK: &str = "case.lock";

/// Why a case could not be opened, read or written. Each message stands alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory holds no case.
    #[error("{dir} is not a case: it has no {DATABASE} and no {LINK}; name a directory that `investigate --case` made", dir = .0.display())]
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
    /// Older than what this Palisade can bring up to date.
    #[error("the case in {dir} has schema version {found}, which was never released and cannot be brought to version {known}; investigate the evidence again into a new case directory", dir = .dir.display())]
    OldSchema {
        /// The directory.
        dir: PathBuf,
        /// Its version.
        found: i64,
        /// The oldest we bring up to date.
        known: i64,
    },
    /// Opened for reading, but it must be brought up to date first.
    #[error("the case in {dir} has schema version {found}, this Palisade reads version {known}; any command that writes to it brings it up to date, for example `palisade case backup`", dir = .dir.display())]
    OlderSchema {
        /// The directory.
        dir: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The version is ours, its content is not.
    #[error("the case in {dir} has another step {version} of the schema ({name}) than this Palisade; it was made by a build that was never released, or altered: open it with the Palisade that wrote it, or investigate the evidence again into a new case directory", dir = .dir.display())]
    OtherSchema {
        /// The directory.
        dir: PathBuf,
        /// The version it leads to.
        version: i64,
        /// What it is called there.
        name: String,
    },
    /// Two places for the knowledge of one case.
    #[error("the directory {dir} would hold the knowledge of a case twice ({DATABASE}, and a PostgreSQL database by {LINK}); keep one, or name a new directory", dir = .dir.display())]
    TwoPlaces {
        /// The directory.
        dir: PathBuf,
    },
    /// The file that says where the knowledge is cannot be used.
    #[error("{file} does not say where the knowledge of the case is: {why}", file = .file.display())]
    Place {
        /// The file.
        file: PathBuf,
        /// What is wrong in it.
        why: String,
    },
    /// The database server cannot be reached or used.
    #[error("the knowledge of the case in {dir} is in {server}, which cannot be used: {why}; check that the server runs, and that PGPASSWORD, ~/.pgpass or [store] in palisade.toml has the password", dir = .dir.display())]
    Unreachable {
        /// The directory.
        dir: PathBuf,
        /// The database, without a password.
        server: String,
        /// What the driver said.
        why: String,
    },
    /// The connection to the database server ended.
    #[error("the connection to the database of the case in {dir} broke: {why}; what was acknowledged is kept, run the same command again", dir = .dir.display())]
    ServerGone {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The linked schema is not there.
    #[error("the case in {dir} keeps its knowledge in the PostgreSQL schema {schema}, which the database does not have; check {LINK} and [store] in palisade.toml, or restore the case from a backup", dir = .dir.display())]
    NoSchema {
        /// The directory.
        dir: PathBuf,
        /// The schema.
        schema: String,
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
    /// No space left at the database server.
    #[error("the disk of the database server of the case in {dir} is full; nothing of the source being added was kept: free some space there and run the same command again", dir = .0.display())]
    ServerFull(PathBuf),
    /// The disk took no more, and did not say that it is full.
    #[error("the disk of the case in {dir} refused to write: {why}; a quota or a limit on file sizes may be reached, or the disk fails. Nothing of the source being added was kept", dir = .dir.display())]
    WriteRefused {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A segment of the lake is not as the case has it.
    #[error("the segment {file} of the case in {dir} {why}; run `palisade case verify`, and restore the case from a backup", dir = .dir.display())]
    BadSegment {
        /// The directory.
        dir: PathBuf,
        /// The segment.
        file: String,
        /// What is wrong: "is missing".
        why: String,
    },
    /// The database is damaged.
    #[error("the database of the case in {dir} is damaged: {why}; run `palisade case verify` and restore it from a backup", dir = .dir.display())]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What the database said.
        why: String,
    },
    /// An actor profile is not what it was when it was added.
    #[error("the actor profile {file} of the case in {dir} {why}; remove it, and add the knowledge anew with `palisade intel add`", dir = .dir.display())]
    BadProfile {
        /// The directory.
        dir: PathBuf,
        /// The file in it.
        file: String,
        /// What is wrong.
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
    /// No such word on who is behind a campaign.
    #[error("the case has no adopted assessment {0}; `palisade assess history` lists them")]
    NoAttribution(i64),
    /// No such answer to a question of a scale.
    #[error("the case has no answer {0}; `palisade assess answers` lists them")]
    NoAnswer(i64),
    /// What is to be kept is longer than the case takes.
    #[error("{what} may be {most} bytes long; it was not kept")]
    TooLarge {
        /// What was to be kept.
        what: &'static str,
        /// Most bytes.
        most: usize,
    },
    /// No such legal hold.
    #[error("the case has no legal hold {0}; `palisade case hold DIR list` lists them")]
    NoHold(i64),
    /// Segments written anew would not have the rows of the old ones.
    #[error("writing segments of the case in {dir} anew would change the rows of evidence {number} from {had} to {has}; nothing was changed: run `palisade case verify`, and tell whoever makes Palisade", dir = .dir.display())]
    RowsDiffer {
        /// The directory.
        dir: PathBuf,
        /// Number of the source.
        number: i64,
        /// Rows the case has of it in these segments.
        had: u64,
        /// Rows that would stay or are said to go.
        has: u64,
    },
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
            Inner::Sql(e) => db::public(&e, dir),
        }
    }
}

pub(crate) fn file_error(what: &'static str, path: &Path, why: std::io::Error, dir: &Path) -> Error {
    match why.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            Error::ReadOnly { dir: dir.to_owned(), why: format!("{what} {}: {why}", path.display()) }
        }
        std::io::ErrorKind::StorageFull => Error::DiskFull(dir.to_owned()),
        std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
            Error::WriteRefused { dir: dir.to_owned(), why: format!("{what} {}: {why}", path.display()) }
        }
        _ => Error::File { what, path: path.to_owned(), why },
    }
}
