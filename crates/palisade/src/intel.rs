//! `palisade intel add`: knowledge about actors, kept in a case as a profile anybody can read and compare.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use palisade_intel::actors;
use palisade_model::Knowledge;
use palisade_store::PROFILES;
use sha2::Digest as _;

use crate::args::IntelAdd;
use crate::assess::load;
use crate::errors::{Exit, note};
use crate::output::plural;

/// The profiles that a case keeps, by name.
pub fn kept(case: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(case.join(PROFILES)).into_iter().flatten().flatten();
    let mut out: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    out.retain(|p| p.extension().is_some_and(|e| e == "tsv"));
    out.sort();
    out
}

/// Runs the command.
pub fn add(args: &IntelAdd) -> Result<Exit> {
    let folder = args.case.join(PROFILES);
    fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    for path in &args.files {
        let knowledge: Knowledge = load(path, args.quiet)?;
        let text = actors::write(&knowledge);
        // By content: the same knowledge added twice is one file.
        let name: String = sha2::Sha256::digest(&text).iter().take(8).map(|b| format!("{b:02x}")).collect();
        let (new, kept) = (folder.join(format!(".{name}.new")), folder.join(format!("actors-{name}.tsv")));
        fs::write(&new, &text).with_context(|| format!("{} could not be written", new.display()))?;
        fs::rename(&new, &kept).with_context(|| format!("{} could not be written", kept.display()))?;
        if !args.quiet {
            let month =
                knowledge.as_of.map_or_else(|| "without dated reports".to_owned(), |m| format!("as of {m}"));
            note(&format!(
                "{}: {}, {}, {month}; kept as {}",
                path.display(),
                plural(knowledge.actors.len() as u64, "actor"),
                plural(knowledge.accounts.len() as u64, "account"),
                kept.display()
            ));
        }
    }
    Ok(Exit::Clean)
}
