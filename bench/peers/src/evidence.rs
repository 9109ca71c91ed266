//! Finding and reading evidence: folders, `.evtx`, NDJSON, and both inside
//! `.zst`, `.tar` and `.tar.zst`. Everything that is not one of these is left
//! alone: the harness measures engines, not detection of formats.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::flatten::{self, Flat};

#[derive(Default)]
pub struct Tally {
    pub files: u64,
    pub bytes: u64,
    pub events: u64,
    pub errors: u64,
}

/// Receives (source name, record number, flat event). The record number is the
/// record-header number of an EVTX record and the 1-based line of an NDJSON one.
pub type Sink<'a> = dyn FnMut(&str, u64, &Flat) -> Result<()> + 'a;

/// All files below `roots`, sorted by path so that runs compare.
pub fn files(roots: &[PathBuf]) -> Result<Vec<PathBuf>> {
    fn walk(path: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
        let meta = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
        if meta.is_dir() {
            for entry in std::fs::read_dir(path).with_context(|| format!("listing {}", path.display()))? {
                walk(&entry?.path(), out)?;
            }
        } else {
            out.push(path.to_owned());
        }
        Ok(())
    }
    let mut out = Vec::new();
    for root in roots {
        walk(root, &mut out)?;
    }
    out.sort();
    Ok(out)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    endings.iter().any(|e| name.ends_with(e))
}

pub fn is_evtx(path: &Path) -> bool {
    has_ending(path, &[".evtx"])
}

pub fn is_json(path: &Path) -> bool {
    has_ending(path, &[".json", ".ndjson", ".jsonl"])
}

pub fn read(roots: &[PathBuf], tally: &mut Tally, sink: &mut Sink) -> Result<()> {
    for path in files(roots)? {
        let name = path.to_string_lossy();
        if is_evtx(&path) || is_json(&path) {
            let bytes = std::fs::read(&path).with_context(|| format!("reading {name}"))?;
            member(&name, &name, bytes, tally, sink)?;
        } else if has_ending(&path, &[".tar.zst", ".tar"]) {
            let file = std::fs::File::open(&path).with_context(|| format!("opening {name}"))?;
            let stream: Box<dyn Read> = if has_ending(&path, &[".zst"]) {
                Box::new(zstd::Decoder::new(file)?)
            } else {
                Box::new(file)
            };
            for entry in tar::Archive::new(stream).entries()? {
                let mut entry = entry.with_context(|| format!("reading {name}"))?;
                if !entry.header().entry_type().is_file() {
                    continue;
                }
                let inner = entry.path()?.to_string_lossy().into_owned();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                member(&inner, &format!("{name}!{inner}"), bytes, tally, sink)?;
            }
        } else if has_ending(&path, &[".json.zst", ".ndjson.zst", ".jsonl.zst", ".evtx.zst"]) {
            let mut bytes = Vec::new();
            zstd::Decoder::new(std::fs::File::open(&path)?)?
                .read_to_end(&mut bytes)
                .with_context(|| format!("unpacking {name}"))?;
            let inner = name.trim_end_matches(".zst").to_owned();
            member(&inner, &name, bytes, tally, sink)?;
        }
    }
    Ok(())
}

/// One file's bytes, by the ending of `kind`. JSON whose first line is not a
/// value of its own is read as a sequence of values (SigmaHQ's pretty-printed
/// renderings), the elements of a list one by one; the record is then the
/// 1-based place in that sequence.
fn member(kind: &str, source: &str, bytes: Vec<u8>, tally: &mut Tally, sink: &mut Sink) -> Result<()> {
    let path = Path::new(kind);
    if is_evtx(path) {
        tally.files += 1;
        tally.bytes += bytes.len() as u64;
        evtx_records(source, bytes, tally, sink)
    } else if is_json(path) {
        let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        if !matches!(serde_json::from_slice(first), Ok(Value::Object(_))) {
            return sequence(source, &bytes, tally, sink);
        }
        tally.files += 1;
        tally.bytes += bytes.len() as u64;
        for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match sonic_rs::from_slice::<Value>(line) {
                Ok(value) => {
                    tally.events += 1;
                    sink(source, index as u64 + 1, &flatten::json(value))?;
                }
                Err(_) => tally.errors += 1,
            }
        }
        Ok(())
    } else {
        Ok(())
    }
}

fn sequence(source: &str, bytes: &[u8], tally: &mut Tally, sink: &mut Sink) -> Result<()> {
    tally.files += 1;
    tally.bytes += bytes.len() as u64;
    let mut record = 0;
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        let items = match value {
            Ok(Value::Array(items)) => items,
            Ok(one) => vec![one],
            Err(_) => {
                tally.errors += 1;
                return Ok(());
            }
        };
        for item in items {
            record += 1;
            tally.events += 1;
            sink(source, record, &flatten::json(item))?;
        }
    }
    Ok(())
}

fn evtx_records(source: &str, bytes: Vec<u8>, tally: &mut Tally, sink: &mut Sink) -> Result<()> {
    let Ok(parser) = evtx::EvtxParser::from_read_seek(Cursor::new(bytes)) else {
        tally.errors += 1;
        return Ok(());
    };
    let mut parser = parser.with_configuration(evtx::ParserSettings::new().num_threads(1));
    for record in parser.records_json_value() {
        match record {
            Ok(record) => {
                tally.events += 1;
                sink(source, record.event_record_id, &flatten::evtx(record.data))?;
            }
            Err(_) => tally.errors += 1,
        }
    }
    Ok(())
}

/// Calls `each` with (1-based number, bytes) of every non-empty line.
pub fn lines(path: &Path, each: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let file = std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        let text = line.trim_ascii_end();
        if !text.is_empty() {
            each(number, text)?;
        }
    }
}
