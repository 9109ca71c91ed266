//! `palisade intel …`: knowledge of actors and recorded incidents, kept in a case as files anybody can read and compare.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use palisade_intel::{actors, incidents};
use palisade_model::{Origin, terminal};
use palisade_store::{Case, PROFILES, ProfileKind, profiles};

use crate::args::{IntelAdd, IntelList, IntelRemove};
use crate::assess::{bounded, load, unpacked};
use crate::errors::{Exit, note, reason};
use crate::output::plural;

/// The files of one kind that a case keeps, by name.
pub fn kept(case: &Path, kind: ProfileKind) -> Result<Vec<PathBuf>> {
    let names = profiles(case)?.into_iter().filter(|n| ProfileKind::of(n) == Some(kind));
    Ok(names.map(|n| case.join(PROFILES).join(n)).collect())
}

/// What a file of knowledge holds, as it is kept, and in words.
fn read(path: &Path, quiet: bool) -> Result<(ProfileKind, Vec<u8>, String)> {
    let bytes = bounded(path, actors::MAX_BYTES as u64)?;
    let bytes =
        unpacked(bytes).map_err(|e| anyhow!("{} could not be unpacked: {}", path.display(), reason(&e)))?;
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(b));
    let is_profile = bytes.starts_with(b"palisade-actors");
    if !is_profile && first.is_some_and(|b| *b != b'{' && *b != b'[') {
        let table = incidents::read(bytes.as_slice(), &Origin::file(path.display().to_string()));
        if !table.incidents.is_empty() {
            if !quiet {
                table.problems.iter().for_each(|p| note(&p.to_string()));
            }
            let what = format!("{} of {}", plural(table.incidents.len() as u64, "incident"), table.name);
            return Ok((ProfileKind::Incidents, bytes, what));
        }
    }
    let knowledge = load(path, quiet)?;
    let month = knowledge.as_of.map_or_else(|| "without dated reports".to_owned(), |m| format!("as of {m}"));
    let what = format!(
        "{}, {}, {}, {month}",
        plural(knowledge.actors.len() as u64, "actor"),
        plural(knowledge.accounts.len() as u64, "account"),
        plural(knowledge.marks.len() as u64, "mark")
    );
    Ok((ProfileKind::Actors, actors::write(&knowledge).into_bytes(), what))
}

/// `palisade intel add`.
pub fn add(args: &IntelAdd) -> Result<Exit> {
    // The case first: a mistyped folder must not become one.
    let mut case = Case::open(&args.case)?;
    for path in &args.files {
        let (kind, text, what) = read(path, args.quiet)?;
        if kind == ProfileKind::Incidents {
            // Two collections tell of the same incidents under other names, an older edition of one under the same.
            let mut files = self::kept(&args.case, kind)?;
            files.push(path.clone());
            crate::assess::expect::collections(&files, true)?;
        }
        let kept = case.profile_add(kind, &text)?;
        if !args.quiet {
            note(&format!("{}: {what}; kept as {}", path.display(), kept.display()));
        }
    }
    Ok(Exit::Clean)
}

/// `palisade intel list`.
pub fn list(args: &IntelList) -> Result<Exit> {
    Case::open_read_only(&args.case)?;
    let names = profiles(&args.case)?;
    let mut out = io::stdout().lock();
    if names.is_empty() {
        writeln!(out, "the case keeps no knowledge of its own; what is shipped is used")?;
    }
    for name in names {
        let told = match read(&args.case.join(PROFILES).join(&name), true) {
            Ok((_, _, what)) => what,
            Err(e) => format!("cannot be read: {e}"),
        };
        writeln!(out, "{}  {}", terminal(&name), terminal(&told))?;
    }
    Ok(Exit::Clean)
}

/// `palisade intel remove`.
pub fn remove(args: &IntelRemove) -> Result<Exit> {
    Case::open(&args.case)?.profile_remove(&args.name)?;
    writeln!(
        io::stdout(),
        "{} taken away; that it was there stays in the custody chain",
        terminal(&args.name)
    )?;
    Ok(Exit::Clean)
}
