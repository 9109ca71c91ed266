//! Opening a case: lock, database, schema.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};
use tokio::runtime::Runtime;

use crate::{DATABASE, Error, Inner, LOCK, MANIFEST, Result, SCHEMA_VERSION, file_error, schema};

/// How long a statement waits for a reader that holds the database.
const BUSY: Duration = Duration::from_secs(5);

/// What the organisation says of itself; may be there before the case is.
const CONFIG: &str = "palisade.toml";

/// What is known of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceState {
    /// Read to its end, and everything said of it is kept: no need to read it again.
    Complete,
    /// Known, but reading stopped early.
    Partial,
}

/// An open case.
#[derive(Debug)]
pub struct Case {
    // Fields drop in this order: the connection needs its runtime, and the lock is held longest.
    pub(crate) conn: SqliteConnection,
    pub(crate) runtime: Runtime,
    pub(crate) dir: PathBuf,
    _lock: Option<File>,
}

impl Case {
    /// Opens the case in a directory for writing, or makes one there. The directory may be
    /// missing, empty, or hold only a `palisade.toml`.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::Locked`], [`Error::ReadOnly`], [`Error::NewerSchema`],
    /// [`Error::Damaged`], [`Error::DiskFull`].
    pub fn open_or_create(dir: impl AsRef<Path>) -> Result<Case> {
        let dir = dir.as_ref();
        std::fs::create_dir_all(dir).map_err(|e| file_error("making the directory", dir, e, dir))?;
        if !dir.join(DATABASE).exists() {
            let entries =
                std::fs::read_dir(dir).map_err(|e| file_error("reading the directory", dir, e, dir))?;
            for entry in entries.flatten() {
                let name = entry.file_name();
                if ![CONFIG, LOCK, MANIFEST].iter().any(|n| name == *n) {
                    let found = name.to_string_lossy().into_owned();
                    return Err(Error::NotEmpty { dir: dir.to_owned(), found });
                }
            }
        }
        Case::open_for(dir, Mode::Create)
    }

    /// Opens an existing case for writing.
    ///
    /// # Errors
    /// As [`Case::open_or_create`], and [`Error::NotACase`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Case> {
        Case::open_for(dir.as_ref(), Mode::Write)
    }

    /// Opens an existing case for reading; a writer may be at work meanwhile.
    ///
    /// # Errors
    /// [`Error::NotACase`], [`Error::NewerSchema`], [`Error::Damaged`].
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Case> {
        Case::open_for(dir.as_ref(), Mode::Read)
    }

    fn open_for(dir: &Path, mode: Mode) -> Result<Case> {
        let database = dir.join(DATABASE);
        if mode != Mode::Create && !database.is_file() {
            return Err(Error::NotACase(dir.to_owned()));
        }
        let lock = if mode == Mode::Read { None } else { Some(lock(dir)?) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| file_error("starting the database driver for", &database, e, dir))?;
        let options = SqliteConnectOptions::new().filename(&database).foreign_keys(true).busy_timeout(BUSY);
        let options = match mode {
            // Without a log there is nothing but the file, and SQLite need not make one beside it:
            // a case on a read-only medium can be read.
            Mode::Read => {
                let log = dir.join(format!("{DATABASE}-wal"));
                let no_log = std::fs::metadata(log).map_or(true, |m| m.len() == 0);
                options.read_only(true).immutable(no_log)
            }
            Mode::Write | Mode::Create => options
                .create_if_missing(mode == Mode::Create)
                .journal_mode(SqliteJournalMode::Wal)
                // A commit is acknowledged only when it is on the disk.
                .synchronous(SqliteSynchronous::Full),
        };
        let mut conn = runtime.block_on(options.connect()).map_err(|e| Inner::Sql(e).of(dir))?;
        let found = runtime.block_on(schema::version(&mut conn));
        match found {
            Some(found) if found > SCHEMA_VERSION => {
                return Err(Error::NewerSchema { dir: dir.to_owned(), found, known: SCHEMA_VERSION });
            }
            None if mode != Mode::Create => {
                // Either no database of ours, or one too damaged to say; the check tells which.
                let check = sqlx::query("PRAGMA schema_version").fetch_one(&mut conn);
                runtime.block_on(check).map_err(|e| Inner::Sql(e).of(dir))?;
                return Err(Error::NotACase(dir.to_owned()));
            }
            _ if mode != Mode::Read => {
                runtime.block_on(schema::migrate(&mut conn)).map_err(|e| e.of(dir))?;
            }
            _ => {}
        }
        Ok(Case { conn, runtime, dir: dir.to_owned(), _lock: lock })
    }

    /// The case directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is known of evidence with this SHA-256 (lower-case hexadecimal).
    pub fn known(&mut self, sha256: &str) -> Result<Option<SourceState>> {
        let query = sqlx::query("SELECT state FROM source WHERE sha256 = $1").bind(sha256);
        let row = self.runtime.block_on(query.fetch_optional(&mut self.conn));
        let row = row.map_err(|e| Inner::Sql(e).of(&self.dir))?;
        let Some(row) = row else { return Ok(None) };
        let state: String = row.try_get(0).map_err(|e| Inner::Sql(e).of(&self.dir))?;
        Ok(Some(if state == "complete" { SourceState::Complete } else { SourceState::Partial }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Write,
    Read,
}

/// Takes the writer's lock; the system gives it back when the process ends, however it ends.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| file_error("opening the lock", &path, e, dir))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(dir.to_owned())),
        Err(TryLockError::Error(e)) => Err(file_error("locking", &path, e, dir)),
    }
}
