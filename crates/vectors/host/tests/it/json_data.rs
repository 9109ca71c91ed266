//! Real logs: every line is read or is a Problem, and what is read is what a plain
//! JSON parser finds.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use palisade_host::{Format, Scratch, split};
use palisade_model::{Batch, Origin, Problem, ShapeId, Value};

use crate::json::House;

/// The data root; `None`, loudly, if it is absent and not required.
pub fn data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PALISADE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data"), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var("PALISADE_TEST_DATA_REQUIRED").is_ok_and(|v| v == "1");
    assert!(!required, "test data is required but {} is absent", path.display());
    eprintln!("SKIPPED: no test data at {}", path.display());
    None
}

fn files(root: &Path, suffix: &str, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, suffix, out);
        } else if path.to_string_lossy().ends_with(suffix) {
            out.push(path);
        }
    }
}

#[derive(Default, Debug)]
struct Tally {
    rows: u64,
    timed: u64,
    shapes: BTreeMap<String, u64>,
    problems: Vec<Problem>,
}

fn tally(house: &House, stream: &mut dyn Read, name: &str, scratch: &mut Scratch, t: &mut Tally) {
    let mut found = Vec::new();
    let problems = split(Format::Json, &Origin::file(name), stream, &mut |piece| {
        let (batches, problems) = house.read_piece(piece, scratch);
        found.extend(problems);
        for b in batches {
            for r in 0..b.len() {
                let h = b.header(r);
                t.rows += 1;
                t.timed += u64::from(h.time.is_some());
                *t.shapes.entry(house.catalogue.shape_of(h.shape).name.clone()).or_default() += 1;
            }
        }
        ControlFlow::Continue(())
    });
    t.problems.extend(problems.into_iter().chain(found).map(|mut p| {
        p.origin = Origin::file(name);
        p
    }));
}

fn house() -> House {
    House::new(
        &["EventID", "Channel", "Image", "CommandLine", "TargetObject", "eventName", "userIdentity.type"],
        true,
    )
}

#[test]
fn every_line_of_the_mordor_sets() {
    let Some(root) = data("host/mordor") else { return };
    let mut list = Vec::new();
    files(&root, ".zst", &mut list);
    let house = house();
    let mut scratch = Scratch::default();
    let (mut t, mut lines) = (Tally::default(), 0u64);
    let index = std::fs::read_to_string(root.join("index.csv")).unwrap();
    for line in index.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let path = root.parent().unwrap().join(cells[0]);
        let mut stream = zstd::stream::read::Decoder::new(std::fs::File::open(&path).unwrap()).unwrap();
        stream.window_log_max(31).unwrap();
        let mut reader = BufReader::with_capacity(1 << 20, stream);
        let mut head = vec![0; 4_096];
        let n = reader.read(&mut head).unwrap();
        head.truncate(n);
        if !palisade_host::json::sniff(&head) {
            eprintln!("not JSON: {}", cells[0]);
            continue;
        }
        lines += cells[2].parse::<u64>().unwrap();
        tally(&house, &mut head.as_slice().chain(reader), cells[0], &mut scratch, &mut t);
    }
    for p in &t.problems {
        eprintln!("{p}");
    }
    eprintln!("{} of {lines} lines, {} with a time; {:?}", t.rows, t.timed, t.shapes);
    assert!(t.rows * 1_000 >= lines * 999, "{} of {lines} lines", t.rows);
    // Zeek's list of loaded scripts (960 lines) has no times.
    assert!(t.timed + 960 >= t.rows, "{} of {} rows have a time", t.timed, t.rows);
}

#[test]
fn cloud_trails() {
    let Some(root) = data("host/cloudtrail") else { return };
    let house = house();
    let mut scratch = Scratch::default();
    let mut list = Vec::new();
    files(&root, ".json", &mut list);
    let mut t = Tally::default();
    for path in &list {
        let mut stream = std::fs::File::open(path).unwrap();
        tally(&house, &mut stream, &path.to_string_lossy(), &mut scratch, &mut t);
    }
    for p in &t.problems {
        eprintln!("{p}");
    }
    assert!(t.problems.iter().all(|p| p.origin.top().ends_with("CreateApiKey.json")));
    assert!(!t.problems.is_empty(), "a file that is not JSON must be a Problem");
    assert_eq!(t.shapes.keys().collect::<Vec<_>>(), ["aws/cloudtrail"]);
    assert_eq!((t.rows, t.timed), (270, 270), "{t:?}");

    let stream = std::fs::File::open(root.join("sans-504-s3-ransomware.tar.zst")).unwrap();
    let mut decoder = zstd::stream::read::Decoder::new(stream).unwrap();
    decoder.window_log_max(31).unwrap();
    let mut archive = tar::Archive::new(decoder);
    let mut t = Tally::default();
    for member in archive.entries().unwrap() {
        let mut member = member.unwrap();
        if member.header().entry_type().is_file() {
            let name = member.path().unwrap().to_string_lossy().into_owned();
            tally(&house, &mut member, &name, &mut scratch, &mut t);
        }
    }
    assert_eq!((t.rows, t.timed), (30_477, 30_477), "{:?} {:?}", t.shapes, t.problems);
    assert!(t.problems.is_empty(), "{:?}", t.problems);
}

#[test]
fn renderings_of_the_regression_pairs() {
    let Some(root) = data("host/regression") else { return };
    let house = house();
    let mut list = Vec::new();
    files(&root, ".json", &mut list);
    let mut t = Tally::default();
    let mut scratch = Scratch::default();
    for path in &list {
        tally(&house, &mut std::fs::File::open(path).unwrap(), &path.to_string_lossy(), &mut scratch, &mut t);
    }
    eprintln!("{} files, {} rows, {:?}", list.len(), t.rows, t.shapes);
    assert!(t.problems.is_empty(), "{:?}", t.problems);
    assert!(t.rows >= list.len() as u64 && t.timed == t.rows, "{t:?}");
    assert!(!t.shapes.contains_key("unrecognised"), "{:?}", t.shapes);
}

/// Every value of the record by its dotted path, as a plain parser has it.
fn flatten(path: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, out);
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|v| flatten(path, v, out)),
        serde_json::Value::String(s) => out.push((path.into(), s.clone())),
        serde_json::Value::Null => out.push((path.into(), "null".into())),
        // The parser rounds a float's last digit its own way; ours are the record's digits.
        serde_json::Value::Number(n) if n.is_f64() => {
            out.push((path.into(), format!("{:.12e}", n.as_f64().unwrap())));
        }
        other => out.push((path.into(), other.to_string())),
    }
}

#[test]
fn a_plain_parser_finds_the_same_values() {
    let Some(root) = data("host/mordor") else { return };
    let mut list = Vec::new();
    files(&root, ".zst", &mut list);
    let (mut records, mut values) = (0, 0);
    for path in list.iter().step_by(7) {
        let stream = zstd::stream::read::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
        let mut bytes = Vec::new();
        stream.take(300_000).read_to_end(&mut bytes).unwrap();
        let lines: Vec<&[u8]> =
            bytes.split(|b| *b == b'\n').filter(|l| l.starts_with(b"{")).take(40).collect();
        // No dialects: names stand for themselves.
        let mut names = std::collections::BTreeSet::new();
        let mut wanted = Vec::new();
        for line in &lines {
            let mut flat = Vec::new();
            let Ok(value) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
            flatten("", &value, &mut flat);
            names.extend(flat.iter().map(|(n, _)| n.clone()));
            wanted.push((line, flat));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut house = House::new(&names, false);
        let none = palisade_host::json::DialectSet::new();
        house.dialects = none.close(&house.fields).unwrap();
        for (line, flat) in wanted {
            let (batches, problems) = house.read(line);
            assert!(problems.iter().all(|p| p.code == palisade_model::ProblemCode::NoZone), "{problems:?}");
            let mut got = Vec::new();
            assert_eq!(batches[0].header(0).shape, ShapeId::UNRECOGNISED);
            batches[0].each(0, &mut |f, v| {
                let text = match v {
                    Value::Number(n) if n.contains(['.', 'e', 'E']) => {
                        format!("{:.12e}", n.parse::<f64>().unwrap())
                    }
                    other => other.text().unwrap_or("null").to_owned(),
                };
                got.push((house.fields.name(f).to_owned(), text));
            });
            // An object under a wanted name is offered as text too; the parser has no such value.
            got.retain(|(n, v)| flat.contains(&(n.clone(), v.clone())) || !v.starts_with(['{', '[']));
            let (mut got, mut flat) = (got, flat);
            got.sort();
            flat.sort();
            assert_eq!(got, flat, "{}", String::from_utf8_lossy(line));
            records += 1;
            values += flat.len();
        }
    }
    eprintln!("{records} records, {values} values");
    assert!(records > 500);
}
