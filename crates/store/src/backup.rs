//! Copies of a case: a backup, a case restored from one, a case moved to another database.
//!
//! A backup is a case like any other, whole in one directory: `knowledge.db` (whatever database the
//! original uses), the segments of the lake, `palisade.toml` without `[store]`, `manifest.txt`, the
//! actor profiles that the case was given, and `backup.txt` with the hash of each file as `sha256sum --check` reads it. It becomes a case with
//! its last step; one that was cut off is none.
//!
//! What this module never does: change the original, write into a directory that holds something,
//! or trust a segment that was copied without reading it.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::{Connection as _, Row as _};

use crate::case::{self, Parts};
use crate::db::{self, Access, Conn, Kind, Row};
use crate::place;
use crate::profiles::{PROFILES, misnamed, profiles};
use crate::schema::{self, STEPS, TABLES};
use crate::{
    CONFIG, Case, DATABASE, Error, Inner, LAKE, MANIFEST, Outcome, Result, custody, file_error, verify,
};

/// The list of files in a backup, with their hashes.
pub const BACKUP_LIST: &str = "backup.txt";

/// Values in one statement; SQLite takes 32,766, PostgreSQL 65,535.
const VALUES_AT_ONCE: usize = 8_000;

/// What was copied.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Backup {
    /// Rows of knowledge in the copy's database, where they were copied row by row.
    pub rows: Option<u64>,
    /// Files of the lake.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them share their place on the disk with the original.
    pub linked: u64,
}

/// One file of the lake, as the case has it.
struct Segment {
    file: String,
    bytes: i64,
    sha256: String,
}

impl Case {
    /// Copies the case into a new or empty directory. Readers may be at work meanwhile. Segments
    /// are linked where the file system can: they never change.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::BadSegment`], [`Error::BadProfile`], [`Error::DiskFull`].
    pub fn backup(&mut self, to: impl AsRef<Path>) -> Result<Backup> {
        self.copy(to.as_ref(), false)
    }

    fn copy(&mut self, to: &Path, hashed: bool) -> Result<Backup> {
        fresh_dir(to)?;
        let half = to.join(format!("{DATABASE}.new"));
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let rows = match db::kind(conn) {
                Kind::Sqlite => {
                    let Some(name) = half.to_str() else {
                        return Err(sqlx::Error::Configuration("the path is not UTF-8".into()).into());
                    };
                    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut *conn).await?;
                    None
                }
                Kind::Postgres => {
                    let mut fresh = db::open_file(&half, Access::Create).await?;
                    schema::migrate(&mut fresh, &STEPS).await?;
                    let rows = copy_rows(conn, &mut fresh).await?;
                    fresh.close().await?;
                    Some(rows)
                }
            };
            // What the copy has, not what the case has by now.
            let mut copy = db::open_file(&half, Access::ReadImmutable).await?;
            let (segments, manifest) = (segments(&mut copy).await?, custody::manifest(&mut copy).await?);
            copy.close().await?;
            Ok((rows, segments, manifest))
        };
        let (rows, segments, manifest) = runtime.block_on(work).map_err(|e: Inner| e.of(to))?;
        let mut done = Backup { rows, ..Backup::default() };
        copy_lake(dir, to, &segments, hashed, &mut done)?;
        if let Some(config) = place::config_without_store(dir)? {
            place::write_whole(to, CONFIG, config.as_bytes())?;
        }
        custody::write_manifest(to, &manifest)?;
        let profiles = copy_profiles(dir, to)?;
        finish(to, &half, &segments, &profiles)?;
        Ok(done)
    }

    /// Makes a case out of a backup, in a new or empty directory; with `url`, its knowledge goes
    /// into that PostgreSQL database. Every file of the lake is read and compared.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the backup is not what its custody chain says, [`Error::BadSegment`],
    /// [`Error::NotEmpty`], [`Error::Unreachable`], [`Error::DiskFull`].
    pub fn restore(backup: impl AsRef<Path>, to: impl AsRef<Path>, url: Option<&str>) -> Result<Backup> {
        let (from, to) = (backup.as_ref(), to.as_ref());
        let mut case = Case::open_read_only(from)?;
        let fault = case.check()?.checks.into_iter().find(|c| c.outcome == Outcome::Failed);
        if let Some(fault) = fault {
            return Err(Error::Damaged { dir: from.to_owned(), why: fault.what });
        }
        match url {
            None => {
                let done = case.copy(to, true)?;
                // It was a backup's list; this is a case.
                let list = to.join(BACKUP_LIST);
                std::fs::remove_file(&list).map_err(|e| file_error("removing", &list, e, to))?;
                Ok(done)
            }
            Some(url) => {
                drop(case);
                move_to_server(from, to, url)
            }
        }
    }
}

fn move_to_server(from: &Path, to: &Path, url: &str) -> Result<Backup> {
    fresh_dir(to)?;
    if let Some(config) = place::config_without_store(from)? {
        place::write_whole(to, CONFIG, config.as_bytes())?;
    }
    // A case is made in a directory that holds its settings and nothing else.
    let mut case = Case::create_with_database(to, url)?;
    copy_profiles(from, to)?;
    let mut done = Backup::default();
    let Parts { conn, runtime, .. } = case.parts()?;
    // Both connections live in one runtime, or one of them would wait for ever.
    let work = async {
        let mut source = case::reader(from).await?;
        let copied = async {
            let segments = segments(&mut source).await?;
            copy_lake(from, to, &segments, true, &mut done)?;
            done.rows = Some(copy_rows(&mut source, conn).await?);
            custody::manifest(conn).await
        };
        let copied: Result<String, Inner> = copied.await;
        source.close().await?;
        copied
    };
    let manifest = runtime.block_on(work).map_err(|e: Inner| e.of(to))?;
    custody::write_manifest(to, &manifest)?;
    Ok(done)
}

/// Copies what the case knows of the world: names and SHA-256, sorted. A file that is named after its content and has another was
/// changed, and is not taken for knowledge.
fn copy_profiles(from: &Path, to: &Path) -> Result<Vec<(String, String)>> {
    let (old, new) = (from.join(PROFILES), to.join(PROFILES));
    let names = profiles(from)?;
    if !names.is_empty() {
        case::make_dir(&new)?;
    }
    let mut out = Vec::with_capacity(names.len());
    for name in names {
        let (old, new) = (old.join(&name), new.join(&name));
        std::fs::copy(&old, &new).map_err(|e| file_error("copying", &new, e, to))?;
        sync(&new, to)?;
        let found = File::open(&new).and_then(|mut f| verify::hash(&mut f));
        let (sha256, _) = found.map_err(|e| file_error("reading", &new, e, to))?;
        if misnamed(&name, &sha256) {
            let why = format!("was changed: it has SHA-256 {sha256}");
            return Err(Error::BadProfile { dir: from.to_owned(), file: format!("{PROFILES}/{name}"), why });
        }
        out.push((name, sha256));
    }
    if !out.is_empty() {
        sync(&new, to)?;
    }
    Ok(out)
}

/// The directory, made and empty.
fn fresh_dir(dir: &Path) -> Result<()> {
    case::make_dir(dir)?;
    let mut entries = std::fs::read_dir(dir).map_err(|e| file_error("reading the directory", dir, e, dir))?;
    match entries.find_map(std::result::Result::ok) {
        Some(entry) => {
            let found = entry.file_name().to_string_lossy().into_owned();
            Err(Error::NotEmpty { dir: dir.to_owned(), found })
        }
        None => Ok(()),
    }
}

async fn segments(conn: &mut Conn) -> Result<Vec<Segment>, Inner> {
    let rows = sqlx::query("SELECT file, bytes, sha256, index_bytes, index_sha256 FROM segment ORDER BY id")
        .fetch_all(conn)
        .await?;
    let mut files = Vec::with_capacity(rows.len() * 2);
    for r in &rows {
        let file: String = r.try_get(0)?;
        let index: String = r.try_get(4)?;
        let index = Segment { file: custody::index_of(&file), bytes: r.try_get(3)?, sha256: index };
        files.push(Segment { file, bytes: r.try_get(1)?, sha256: r.try_get(2)? });
        if !index.sha256.is_empty() {
            files.push(index);
        }
    }
    Ok(files)
}

fn copy_lake(from: &Path, to: &Path, segments: &[Segment], hashed: bool, done: &mut Backup) -> Result<()> {
    let bad =
        |s: &Segment, why: String| Error::BadSegment { dir: from.to_owned(), file: s.file.clone(), why };
    let mut folders = std::collections::BTreeSet::<PathBuf>::new();
    for s in segments {
        if !verify::is_inside(&s.file) {
            return Err(bad(s, "is named outside the case".into()));
        }
        let (old, new) = (from.join(LAKE).join(&s.file), to.join(LAKE).join(&s.file));
        if let Some(folder) = new.parent() {
            case::make_dir(folder)?;
            folders.extend(folder.ancestors().take_while(|f| *f != to).map(Path::to_owned));
        }
        let linked = std::fs::hard_link(&old, &new).is_ok();
        if !linked {
            match std::fs::copy(&old, &new) {
                Ok(_) => sync(&new, to)?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    return Err(bad(s, "is missing".into()));
                }
                Err(e) => return Err(file_error("copying", &new, e, to)),
            }
        }
        if hashed || !linked {
            let found = File::open(&new).and_then(|mut f| verify::hash(&mut f));
            let (sha256, _) = found.map_err(|e| file_error("reading", &new, e, to))?;
            if sha256 != s.sha256 {
                return Err(bad(s, format!("was changed: it has SHA-256 {sha256}, and had {}", s.sha256)));
            }
        }
        done.files += 1;
        done.bytes += u64::try_from(s.bytes).unwrap_or(0);
        done.linked += u64::from(linked);
    }
    folders.iter().try_for_each(|folder| sync(folder, to))
}

fn sync(path: &Path, dir: &Path) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| file_error("writing", path, e, dir))
}

/// Writes the list and gives the database its name: from here on the directory is a case.
fn finish(to: &Path, half: &Path, segments: &[Segment], profiles: &[(String, String)]) -> Result<()> {
    let mut list = String::new();
    for (name, path) in
        [(DATABASE, half.to_owned()), (CONFIG, to.join(CONFIG)), (MANIFEST, to.join(MANIFEST))]
    {
        if path.is_file() {
            let found = File::open(&path).and_then(|mut f| verify::hash(&mut f));
            let (sha256, _) = found.map_err(|e| file_error("reading", &path, e, to))?;
            list.push_str(&format!("{sha256}  {name}\n"));
        }
    }
    for s in segments {
        list.push_str(&format!("{}  {LAKE}/{}\n", s.sha256, s.file));
    }
    for (name, sha256) in profiles {
        list.push_str(&format!("{sha256}  {PROFILES}/{name}\n"));
    }
    place::write_whole(to, BACKUP_LIST, list.as_bytes())?;
    sync(half, to)?;
    let database = to.join(DATABASE);
    std::fs::rename(half, &database).map_err(|e| file_error("writing", &database, e, to))?;
    sync(to, to)
}

/// Copies every table, in one state of the source and one transaction of the copy.
async fn copy_rows(from: &mut Conn, to: &mut Conn) -> Result<u64, Inner> {
    let mut source = db::snapshot(from).await?;
    let mut copy = db::begin(to).await?;
    let mut copied = 0;
    for table in TABLES {
        let columns = db::columns(&mut source, table).await?;
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(", ");
        let at_once = (VALUES_AT_ONCE / columns.len().max(1)).max(1);
        let select = format!("SELECT {names} FROM {table}");
        let mut rows = sqlx::query(sqlx::AssertSqlSafe(select)).fetch(&mut *source);
        let mut waiting: Vec<Row> = Vec::with_capacity(at_once);
        loop {
            let next = std::future::poll_fn(|cx| rows.as_mut().poll_next(cx)).await.transpose()?;
            let end = next.is_none();
            waiting.extend(next);
            if waiting.len() < at_once && !end {
                continue;
            }
            if !waiting.is_empty() {
                let places = db::places(waiting.len(), columns.len());
                let insert = format!("INSERT INTO {table} ({names}) VALUES {places}");
                let mut query = sqlx::query(sqlx::AssertSqlSafe(insert)).persistent(waiting.len() == at_once);
                for row in &waiting {
                    for (at, (_, number)) in columns.iter().enumerate() {
                        query = if *number {
                            query.bind(row.try_get::<Option<i64>, _>(at)?)
                        } else {
                            query.bind(row.try_get::<Option<String>, _>(at)?)
                        };
                    }
                }
                query.execute(&mut *copy).await?;
                copied += waiting.len() as u64;
                waiting.clear();
            }
            if end {
                break;
            }
        }
    }
    copy.commit().await?;
    source.rollback().await?;
    Ok(copied)
}
