//! Opening a case: lock, database, schema.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
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
    /// `None` only while the case is being dropped.
    conn: Option<SqliteConnection>,
    runtime: Runtime,
    dir: PathBuf,
    _lock: Option<File>,
}

/// A case taken apart for one piece of work.
pub(crate) struct Parts<'c> {
    pub(crate) conn: &'c mut SqliteConnection,
    pub(crate) runtime: &'c Runtime,
    pub(crate) dir: &'c Path,
}

/// The driver closes a dropped connection some time later, on a thread of its own. Closing it here
/// means: when a case is dropped its log is in the database, and only then is the lock given back.
impl Drop for Case {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            // What was committed is safe already; a log that could not be emptied is read next time.
            let _ = self.runtime.block_on(conn.close());
        }
    }
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
        Ok(Case { conn: Some(conn), runtime, dir: dir.to_owned(), _lock: lock })
    }

    pub(crate) fn parts(&mut self) -> Result<Parts<'_>> {
        let Case { conn, runtime, dir, .. } = self;
        match conn {
            Some(conn) => Ok(Parts { conn, runtime, dir }),
            None => Err(Error::Database { dir: dir.clone(), why: "it is closed".to_owned() }),
        }
    }

    /// The case directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is known of evidence with this SHA-256 (lower-case hexadecimal).
    pub fn known(&mut self, sha256: &str) -> Result<Option<SourceState>> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let query = sqlx::query("SELECT state FROM source WHERE sha256 = $1").bind(sha256);
            let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
            let complete = row.try_get::<String, _>(0)? == "complete";
            Ok(Some(if complete { SourceState::Complete } else { SourceState::Partial }))
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
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
