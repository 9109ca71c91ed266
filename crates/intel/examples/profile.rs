//! Makes the shipped actor profile from a STIX bundle: `profile BUNDLE.json[.zst] > knowledge/actors/attack.tsv`
//! (`--json`: the same for programs of `assess`, which know no file of `intel`).
//!
//! Prints what could not be read to standard error.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Write as _;

use palisade_intel::actors;
use palisade_model::Origin;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: profile BUNDLE.json[.zst] > PROFILE.tsv")?;
    let mut bytes = std::fs::read(&path)?;
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        bytes = zstd::stream::decode_all(&bytes[..])?;
    }
    let (mut knowledge, problems) = actors::read(&bytes, &Origin::file(path));
    for problem in problems {
        eprintln!("{problem}");
    }
    // Names are shown for what somebody is said to use; the rest of ATT&CK is not needed for that.
    let used: std::collections::BTreeSet<&String> =
        knowledge.accounts.iter().flat_map(|a| &a.items).collect();
    let used: std::collections::BTreeSet<String> = used.into_iter().cloned().collect();
    knowledge.items.retain(|i| used.contains(&i.id));
    let made = if std::env::args().any(|a| a == "--json") {
        serde_json::to_string(&knowledge)?
    } else {
        actors::write(&knowledge)
    };
    std::io::stdout().write_all(made.as_bytes())?;
    Ok(())
}
