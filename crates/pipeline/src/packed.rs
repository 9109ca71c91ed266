//! The knowledge shipped inside the binary, unpacked once.

use std::io::Read as _;
use std::sync::OnceLock;

static BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/knowledge.bin"));

/// Every shipped file: name relative to `knowledge/`, text.
pub(crate) fn files() -> &'static [(String, String)] {
    static FILES: OnceLock<Vec<(String, String)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut bytes = Vec::new();
        // The blob is our own, made at build time; a damaged one yields what is readable of it,
        // and the test over shipped knowledge notices.
        let _ = flate2::read::DeflateDecoder::new(BLOB).read_to_end(&mut bytes);
        let mut files = Vec::new();
        let mut rest = bytes.as_slice();
        while let (Some(name), Some(text)) = (part(&mut rest), part(&mut rest)) {
            files.push((name, text));
        }
        files
    })
}

fn part(rest: &mut &[u8]) -> Option<String> {
    let (len, tail) = rest.split_first_chunk::<4>()?;
    let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *rest = tail;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// A shipped file by its name relative to `knowledge/`; empty if there is none.
pub fn shipped(name: &str) -> &'static str {
    files().iter().find(|(n, _)| n == name).map_or("", |(_, text)| text.as_str())
}

/// Files below a folder with an extension.
pub(crate) fn below(folder: &str, extension: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let folder = folder.to_owned();
    let extension = extension.to_owned();
    files()
        .iter()
        .filter(move |(name, _)| name.starts_with(&folder) && name.ends_with(&extension))
        .map(|(name, text)| (name.as_str(), text.as_str()))
}
