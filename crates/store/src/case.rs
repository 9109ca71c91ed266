//! Opening a case: place, lock, database, schema.

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::{Connection as _, Row as _};
use tokio::runtime::Runtime;

use crate::db::{self, Access, Conn};
use crate::place::{self, Place, Server};
use crate::schema::{self, STEPS, Step};
use crate::{CONFIG, DATABASE, Error, Inner, LINK, LOCK, MANIFEST, Result, SCHEMA_VERSION, file_error, lock};

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
    conn: Option<Conn>,
    runtime: Runtime,
    dir: PathBuf,
    _lock: Option<File>,
}

/// A case taken apart for one piece of work.
pub(crate) struct Parts<'c> {
    pub(crate) conn: &'c mut Conn,
    pub(crate) runtime: &'c Runtime,
    pub(crate) dir: &'c Path,
}

/// The driver closes a dropped connection some time later, on a thread of its own. Closing it here
/// means: when a case is dropped its log is in the database, and only then is the lock given back.
impl Drop for Case {
    fn drop(&mut self) {
        if let Some(mut conn) = self.conn.take() {
            let close = async {
                lock::give_back(&mut conn).await;
                conn.close().await
            };
            // What was committed is safe already; a log that could not be emptied is read next time.
            let _ = self.runtime.block_on(close);
        }
    }
}

impl Case {
    /// Opens the case in a directory for writing, or makes one there. The directory may be
    /// missing, empty, or hold only a `palisade.toml`; if that names a PostgreSQL database
    /// (`[store] database = "postgres://…"`), a new case keeps its knowledge there.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::Locked`], [`Error::ReadOnly`], [`Error::NewerSchema`],
    /// [`Error::OldSchema`], [`Error::Damaged`], [`Error::DiskFull`], [`Error::Unreachable`].
    pub fn open_or_create(dir: impl AsRef<Path>) -> Result<Case> {
        let dir = dir.as_ref();
        make_dir(dir)?;
        Case::open_at(dir, place::find(dir)?, Mode::Create, &STEPS)
    }

    /// Makes a case in a directory that keeps its knowledge in a PostgreSQL database, in a schema
    /// of its own: `postgres://user@host/database`. The lake stays in the directory. A password in
    /// the URL is used now and kept nowhere: whoever opens the case later gives it in
    /// `palisade.toml`, in PGPASSWORD or in ~/.pgpass.
    ///
    /// # Errors
    /// As [`Case::open_or_create`], and [`Error::TwoPlaces`] if the directory holds a case.
    pub fn create_with_database(dir: impl AsRef<Path>, url: &str) -> Result<Case> {
        let dir = dir.as_ref();
        make_dir(dir)?;
        if dir.join(DATABASE).exists() || dir.join(LINK).exists() {
            return Err(Error::TwoPlaces { dir: dir.to_owned() });
        }
        Case::open_at(dir, Place::Server(place::server(dir, url)?), Mode::Create, &STEPS)
    }

    /// Opens an existing case for writing.
    ///
    /// # Errors
    /// As [`Case::open_or_create`], and [`Error::NotACase`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Case> {
        Case::open_at(dir.as_ref(), place::find(dir.as_ref())?, Mode::Write, &STEPS)
    }

    /// Opens an existing case for reading; a writer may be at work meanwhile.
    ///
    /// # Errors
    /// [`Error::NotACase`], [`Error::NewerSchema`], [`Error::OldSchema`], [`Error::Damaged`],
    /// [`Error::Unreachable`].
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Case> {
        Case::open_at(dir.as_ref(), place::find(dir.as_ref())?, Mode::Read, &STEPS)
    }

    /// As [`Case::open_or_create`], with other steps than this Palisade's: for tests of the way
    /// from one version to the next.
    #[doc(hidden)]
    pub fn open_with_steps(dir: impl AsRef<Path>, steps: &[Step]) -> Result<Case> {
        let dir = dir.as_ref();
        make_dir(dir)?;
        Case::open_at(dir, place::find(dir)?, Mode::Create, steps)
    }

    fn open_at(dir: &Path, place: Place, mode: Mode, steps: &[Step]) -> Result<Case> {
        let there = match &place {
            Place::File(file) => file.is_file(),
            Place::Server(server) => server.linked,
        };
        match mode {
            Mode::Create if !there => empty(dir)?,
            Mode::Read | Mode::Write if !there => return Err(Error::NotACase(dir.to_owned())),
            _ => {}
        }
        let lock = if mode == Mode::Read { None } else { Some(lock::directory(dir)?) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| file_error("starting the database driver for", dir, e, dir))?;
        let mut unmade = None;
        let conn = match place {
            Place::File(file) => {
                let access = match mode {
                    Mode::Create => Access::Create,
                    Mode::Write => Access::Write,
                    Mode::Read => file_access(dir),
                };
                runtime.block_on(db::open_file(&file, access)).map_err(|e| e.of(dir))?
            }
            Place::Server(mut server) => {
                let conn = runtime.block_on(on_server(dir, &mut server, mode))?;
                unmade = Some(server).filter(|s| !s.made && mode == Mode::Create);
                conn
            }
        };
        let mut case = Case { conn: Some(conn), runtime, dir: dir.to_owned(), _lock: lock };
        case.bring_up(mode, steps)?;
        if let Some(server) = unmade {
            server.link(dir, true)?;
        }
        Ok(case)
    }

    /// Checks the schema's version and, for a writer, brings it up to date.
    fn bring_up(&mut self, mode: Mode, steps: &[Step]) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let known = steps.last().map_or(SCHEMA_VERSION, |s| s.version);
        let found = runtime.block_on(schema::version(conn)).map_err(|e| e.of(dir))?;
        match found {
            Some(found) if found > known => {
                return Err(Error::NewerSchema { dir: dir.to_owned(), found, known });
            }
            Some(found) if found < schema::OLDEST => {
                return Err(Error::OldSchema { dir: dir.to_owned(), found, known: schema::OLDEST });
            }
            Some(found) => {
                let foreign = runtime.block_on(schema::foreign(conn, steps)).map_err(|e| e.of(dir))?;
                if let Some((version, name)) = foreign {
                    return Err(Error::OtherSchema { dir: dir.to_owned(), version, name });
                }
                if found < known && mode == Mode::Read {
                    return Err(Error::OlderSchema { dir: dir.to_owned(), found, known });
                }
            }
            None if mode != Mode::Create => return Err(Error::NotACase(dir.to_owned())),
            None => {}
        }
        if mode != Mode::Read && found.is_none_or(|found| found < known) {
            runtime.block_on(schema::migrate(conn, steps)).map_err(|e| e.of(dir))?;
        }
        Ok(())
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

pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| file_error("making the directory", dir, e, dir))
}

/// A connection that only reads the case in `dir`, in the runtime of whoever calls.
pub(crate) async fn reader(dir: &Path) -> Result<Conn, Inner> {
    match place::find(dir)? {
        Place::File(file) => db::open_file(&file, file_access(dir)).await,
        Place::Server(mut server) => Ok(on_server(dir, &mut server, Mode::Read).await?),
    }
}

/// How a case's file is opened for reading: without a log there is nothing but the file, and SQLite
/// need not make one beside it, so that a case on a read-only medium can be read.
fn file_access(dir: &Path) -> Access {
    let log = dir.join(format!("{DATABASE}-wal"));
    let no_log = std::fs::metadata(log).map_or(true, |m| m.len() == 0);
    if no_log { Access::ReadImmutable } else { Access::Read }
}

/// A new case is made only where nothing else is.
fn empty(dir: &Path) -> Result<()> {
    let entries = std::fs::read_dir(dir).map_err(|e| file_error("reading the directory", dir, e, dir))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if ![CONFIG, LOCK, MANIFEST].iter().any(|n| name == *n) {
            let found = name.to_string_lossy().into_owned();
            return Err(Error::NotEmpty { dir: dir.to_owned(), found });
        }
    }
    Ok(())
}

/// A connection to the schema of a case, which is made if the case is.
async fn on_server(dir: &Path, server: &mut Server, mode: Mode) -> Result<Conn> {
    let mut conn = server.connect(dir).await?;
    let of = |e: sqlx::Error| Inner::Sql(e).of(dir);
    let schema = server.name(&mut conn, dir).await.map_err(|e| e.of(dir))?;
    if mode == Mode::Read {
        sqlx::raw_sql("SET default_transaction_read_only = on").execute(&mut conn).await.map_err(of)?;
    } else {
        lock::schema(&mut conn, &schema, dir).await?;
    }
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_catalog.pg_namespace WHERE nspname = $1")
        .bind(&schema)
        .fetch_one(&mut conn)
        .await
        .map_err(of)?;
    if there == 0 && (mode != Mode::Create || server.made) {
        return Err(Error::NoSchema { dir: dir.to_owned(), schema });
    }
    if mode == Mode::Create {
        // The link first: a crash then leaves a link to a schema that the next writer makes, and
        // no schema that nobody knows of.
        if !server.linked {
            server.link(dir, false)?;
        }
        if there == 0 {
            let sql = format!("CREATE SCHEMA {schema}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.map_err(of)?;
        }
    }
    // The name is for those who look after the server and ask who holds what.
    let sql = format!("SET search_path TO {schema}; SET application_name TO {schema}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.map_err(of)?;
    Ok(conn)
}
