//! What a case was told of the world: profiles of actors and collections of incidents, as files in a folder of their own.
//!
//! What was adopted rests on them, so each has an entry in the custody chain with its hash, and taking one away has one, too.
//! A file is named after its content: the same knowledge added twice is one file. What this module never does: read what is
//! in them.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use crate::case::Parts;
use crate::db::{self, Conn};
use crate::verify::{Outcome, Report};
use crate::{Case, Error, Inner, Result, custody, file_error, place, verify};

/// The folder in a case directory.
pub const PROFILES: &str = "knowledge";
/// Most files in it; a case is given a handful.
pub(crate) const MAX_PROFILES: usize = 1_000;

/// What a file holds: how its name begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProfileKind {
    /// Actors, techniques, software, marks: a profile.
    Actors,
    /// Recorded incidents: a table.
    Incidents,
}

impl ProfileKind {
    const ALL: [ProfileKind; 2] = [ProfileKind::Actors, ProfileKind::Incidents];

    fn form(self) -> (&'static str, &'static str) {
        match self {
            ProfileKind::Actors => ("actors-", ".tsv"),
            ProfileKind::Incidents => ("incidents-", ".csv"),
        }
    }

    /// Of a file's name; `None`: it is none of ours.
    pub fn of(name: &str) -> Option<ProfileKind> {
        ProfileKind::ALL.into_iter().find(|k| k.digits(name).is_some())
    }

    /// The part of the name that is the beginning of the content's SHA-256; empty if the name has none.
    fn digits(self, name: &str) -> Option<&str> {
        let (begin, end) = self.form();
        let stem = name.strip_suffix(end).filter(|s| !s.starts_with('.'))?;
        match stem.strip_prefix(begin) {
            Some(digits) if digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Some(digits)
            }
            _ if self == ProfileKind::Actors => Some(""),
            _ => None,
        }
    }
}

/// Why a file of this name cannot have this hash, if it cannot.
pub(crate) fn misnamed(name: &str, sha256: &str) -> bool {
    ProfileKind::of(name).and_then(|k| k.digits(name)).is_some_and(|digits| !sha256.starts_with(digits))
}

/// Names of the files in a case's folder, sorted. Files that are still being written are none.
pub fn profiles(dir: &Path) -> Result<Vec<String>> {
    let folder = dir.join(PROFILES);
    let failed = |e| file_error("reading the directory", &folder, e, dir);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let file = entry.file_type().is_ok_and(|t| t.is_file());
        names.extend(entry.file_name().into_string().ok().filter(|n| file && ProfileKind::of(n).is_some()));
    }
    names.sort();
    if names.len() > MAX_PROFILES {
        let why = format!("is a folder of more than {MAX_PROFILES}");
        return Err(Error::BadProfile { dir: dir.to_owned(), file: PROFILES.to_owned(), why });
    }
    Ok(names)
}

impl Case {
    /// Keeps knowledge and returns the path of its file. What is there already stays as it is.
    ///
    /// # Errors
    /// If the file or its entry cannot be written.
    pub fn profile_add(&mut self, kind: ProfileKind, text: &[u8]) -> Result<PathBuf> {
        let sha256 = custody::hex(&Sha256::digest(text));
        let (begin, end) = kind.form();
        let name = format!("{begin}{}{end}", &sha256[..16]);
        let Parts { conn, runtime, dir } = self.parts()?;
        let folder = dir.join(PROFILES);
        crate::case::make_dir(&folder)?;
        place::write_whole(&folder, &name, text)?;
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        runtime
            .block_on(async { entry(conn, "knowledge", &name, &sha256, bytes).await })
            .map_err(|e: Inner| e.of(dir))?;
        Ok(folder.join(name))
    }

    /// Takes a file away; that it was there stays in the chain.
    ///
    /// # Errors
    /// [`Error::BadProfile`] if there is no such file.
    pub fn profile_remove(&mut self, name: &str) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        if !profiles(dir)?.iter().any(|n| n == name) {
            let why = "is not there".to_owned();
            return Err(Error::BadProfile { dir: dir.to_owned(), file: name.to_owned(), why });
        }
        let path = dir.join(PROFILES).join(name);
        let found = std::fs::File::open(&path).and_then(|mut f| verify::hash(&mut f));
        let (sha256, bytes) = found.map_err(|e| file_error("reading", &path, e, dir))?;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        // The entry first: a file that is gone without one is a fault, one that is still there is not.
        runtime
            .block_on(async { entry(conn, REMOVED, name, &sha256, bytes).await })
            .map_err(|e: Inner| e.of(dir))?;
        std::fs::remove_file(&path).map_err(|e| file_error("removing", &path, e, dir))
    }
}

const REMOVED: &str = "knowledge-removed";

/// Adds a link, unless the last one of this file says the same.
async fn entry(conn: &mut Conn, kind: &str, name: &str, sha256: &str, bytes: i64) -> Result<(), Inner> {
    let mut tx = db::begin(conn).await?;
    let last = sqlx::query(
        "SELECT kind, sha256 FROM custody WHERE path = $1 AND kind IN ('knowledge', 'knowledge-removed')
         ORDER BY seq DESC LIMIT 1",
    )
    .bind(name)
    .fetch_optional(&mut *tx)
    .await?;
    let same = match last {
        Some(row) => row.try_get::<String, _>(0)? == kind && row.try_get::<String, _>(1)? == sha256,
        None => false,
    };
    if !same {
        let run: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM run").fetch_one(&mut *tx).await?;
        custody::append(&mut tx, run, kind, name, sha256, bytes).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Whether the files are those of the chain.
pub(crate) async fn check(conn: &mut Conn, dir: &Path, report: &mut Report) -> Result<(), Inner> {
    let rows = sqlx::query(
        "SELECT path, kind, sha256 FROM custody WHERE kind IN ('knowledge', 'knowledge-removed') ORDER BY seq",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut said = std::collections::BTreeMap::new();
    for r in &rows {
        let (path, kind, sha256): (String, String, String) = (r.try_get(0)?, r.try_get(1)?, r.try_get(2)?);
        said.insert(path, (kind != REMOVED).then_some(sha256));
    }
    let names = match profiles(dir) {
        Ok(names) => names,
        Err(e) => {
            report.line(Outcome::Failed, e.to_string());
            return Ok(());
        }
    };
    let (mut faults, mut whole) = (Vec::new(), 0);
    for name in &names {
        let found = std::fs::File::open(dir.join(PROFILES).join(name)).and_then(|mut f| verify::hash(&mut f));
        match (found, said.remove(name).flatten()) {
            (Err(e), _) => faults.push(format!("knowledge: {name} could not be read: {e}")),
            (Ok((sha256, _)), Some(kept)) if sha256 == kept => whole += 1,
            (Ok(_), Some(_)) => faults.push(format!("knowledge: {name} was changed since it was added")),
            (Ok(_), None) => report.line(
                Outcome::Missing,
                format!("knowledge: {name} has no entry in the custody chain; an earlier version added it, or a hand"),
            ),
        }
    }
    faults.extend(said.into_iter().filter(|s| s.1.is_some()).map(|s| format!("knowledge: {} is gone", s.0)));
    if whole > 0 || !faults.is_empty() {
        report.lines(format!("{whole} files of knowledge are as they were added"), faults);
    }
    Ok(())
}
