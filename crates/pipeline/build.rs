//! Packs `knowledge/` into one compressed blob for the binary.
//!
//! Compressed, because rules quote what malware looks like: as plain text inside the
//! executable they would make antivirus products remove it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../knowledge");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort();
    let mut blob = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    for (name, path) in files {
        let text = fs::read(&path)?;
        for part in [name.as_bytes(), &text] {
            blob.write_all(&(part.len() as u32).to_le_bytes())?;
            blob.write_all(part)?;
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("knowledge.bin");
    fs::write(out, blob.finish()?)
}

/// Rules, their tests, and routing data; names relative to `knowledge/` with forward slashes.
fn collect(root: &Path, dir: &Path, out: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(root, &path, out)?;
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("yml" | "toml" | "json" | "tsv")) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            out.push((name, path));
        }
    }
    Ok(())
}
