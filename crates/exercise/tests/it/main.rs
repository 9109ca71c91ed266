//! What must hold of every exercise, whatever the scenario, the seed and the span.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of one test binary")]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::io;

use palisade_exercise::{ExerciseError, Found, Parameters, Sink, Truth, scenarios, score, write};
use palisade_model::Time;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Hashes what it is given: names and bytes, not the pieces they come in.
#[derive(Default)]
struct Hashing {
    hash: DefaultHasher,
    bytes: usize,
    longest: usize,
}

impl Sink for Hashing {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        assert!(!path.starts_with('/') && !path.contains("..") && !path.contains('\\'), "{path}");
        self.hash.write(b"\0file\0");
        self.hash.write(path.as_bytes());
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.write(bytes);
        self.bytes += bytes.len();
        self.longest = self.longest.max(bytes.len());
        Ok(())
    }
}

/// Keeps everything.
#[derive(Default)]
struct Reading {
    files: BTreeMap<String, Vec<u8>>,
    file: String,
}

/// Records by file.
type Records<'s> = BTreeMap<&'s str, Vec<&'s [u8]>>;

impl Reading {
    fn records(&self) -> Records<'_> {
        let mut all = Records::new();
        for (file, bytes) in &self.files {
            let lines = || std::str::from_utf8(bytes).unwrap().lines().map(str::as_bytes).collect();
            all.insert(file, if file.ends_with(".evtx") { evtx_records(bytes) } else { lines() });
        }
        all
    }
}

/// Cuts an event log into its records, which are numbered from 1 without a gap.
fn evtx_records(bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    for chunk in bytes[4_096..].chunks(65_536) {
        let mut at = 512;
        while chunk.get(at..at + 4) == Some(b"**\0\0") {
            let size = u32::from_le_bytes(chunk[at + 4..at + 8].try_into().unwrap()) as usize;
            all.push(&chunk[at..at + size]);
            assert_eq!(u64::from_le_bytes(chunk[at + 8..at + 16].try_into().unwrap()), all.len() as u64);
            at += size;
        }
    }
    all
}

/// Every text a record holds, and the whole of it.
fn texts(file: &str, record: &[u8]) -> Vec<String> {
    if file.ends_with(".csv") {
        return vec![std::str::from_utf8(record).unwrap().to_owned()];
    }
    if !file.ends_with(".evtx") {
        let whole = std::str::from_utf8(record).unwrap().to_owned();
        let mut all = strings(&serde_json::from_str(&whole).unwrap());
        all.push(whole);
        return all;
    }
    // Texts are UTF-16 and begin at even or at odd places.
    let decode = |bytes: &[u8]| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let filetime = u64::from_le_bytes(record[16..24].try_into().unwrap());
    let time = Time::from_filetime(filetime).unwrap().to_string();
    vec![decode(record), decode(&record[1..]), time]
}

impl Sink for Reading {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        assert!(self.files.insert(path.to_owned(), Vec::new()).is_none(), "{path} begun twice");
        self.file = path.to_owned();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.files.get_mut(&self.file).unwrap().extend_from_slice(bytes);
        Ok(())
    }
}

/// A sink that is full after some bytes.
struct Full(usize);

impl Sink for Full {
    fn begin(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("no space left"))?;
        Ok(())
    }
}

fn parameters(scenario: &str, seed: u64, days: u32) -> Parameters {
    Parameters { scenario: scenario.into(), seed, days, scale: 0.1 }
}

fn hashed(p: &Parameters) -> (u64, Truth) {
    let mut sink = Hashing::default();
    let truth = write(p, &mut sink).unwrap();
    assert!(sink.longest <= 128 * 1024, "a piece of {} bytes", sink.longest);
    (sink.hash.finish(), truth)
}

#[test]
fn the_same_parameters_give_the_same_bytes() {
    let (one, truth) = hashed(&parameters("energy", 7, 30));
    let (again, other) = hashed(&parameters("energy", 7, 30));
    assert_eq!(one, again);
    assert_eq!(truth, other);
    assert_ne!(one, hashed(&parameters("energy", 8, 30)).0);
    assert_ne!(one, hashed(&parameters("energy", 7, 31)).0);
}

/// The truth goes through JSON and back unchanged.
#[test]
fn truth_is_data() {
    let (_, truth) = hashed(&parameters("flag", 3, 30));
    let text = serde_json::to_string(&truth).unwrap();
    assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);
}

#[test]
fn everything_planted_is_there() {
    for scenario in scenarios() {
        for seed in 1..=3 {
            let p = parameters(scenario.name, seed, 30);
            let mut sink = Reading::default();
            let truth = write(&p, &mut sink).unwrap();
            let files = sink.records();
            let what = format!("{} {seed}", scenario.name);
            counts(&truth, &files, &what);
            planted(&truth, &files, &what);
            for rule in truth.groups.iter().flat_map(|g| &g.steps).flat_map(|s| &s.rules) {
                let shipped =
                    format!("{}/../../knowledge/rules/tests/{rule}.json", env!("CARGO_MANIFEST_DIR"));
                assert!(std::path::Path::new(&shipped).exists(), "{what}: no shipped rule {rule}");
            }
            // One line in thirty-one shows all kinds of everyday records.
            let lines = files.iter().filter(|(f, _)| f.ends_with(".ndjson"));
            for line in lines.flat_map(|(_, lines)| lines.iter().step_by(31)) {
                serde_json::from_slice::<IgnoredAny>(line).unwrap();
            }
        }
    }
}

/// Every line of every file is an object of JSON.
#[test]
fn every_line_is_json() {
    let mut sink = Reading::default();
    write(&parameters("exchange", 11, 7), &mut sink).unwrap();
    for (file, lines) in sink.records().into_iter().filter(|(f, _)| f.ends_with(".ndjson")) {
        assert!(!lines.is_empty(), "{file}");
        for line in lines {
            assert!(line.starts_with(b"{"), "{file}");
            serde_json::from_slice::<IgnoredAny>(line).unwrap_or_else(|e| panic!("{file}: {e}"));
        }
    }
}

/// An independent reader (crate `evtx`) reads the event logs whole, and says what they say.
#[test]
fn event_logs_are_read_by_others() {
    let mut sink = Reading::default();
    let truth = write(&parameters("wiper", 3, 20), &mut sink).unwrap();
    let log = sink.files.iter().find(|(f, _)| f.ends_with("dc01.evtx")).unwrap();
    let mine = evtx_records(log.1).len();
    let mut parser = evtx::EvtxParser::from_buffer(log.1.clone()).unwrap();
    let theirs: Vec<_> = parser.records_json_value().map(Result::unwrap).collect();
    assert_eq!(theirs.len(), mine);
    let mut seen = 0;
    for step in truth.groups.iter().flat_map(|g| &g.steps) {
        for record in step.records.iter().filter(|r| r.file == *log.0) {
            let found = theirs.iter().find(|r| r.event_record_id == record.record).unwrap();
            let said = strings(&found.data);
            let own = step.observables.iter().filter(|o| said.iter().any(|s| s.contains(&o.value))).count();
            assert!(own > 0, "{}: {}", step.name, found.data);
            let channel = found.data["Event"]["System"]["Channel"].as_str().unwrap();
            assert!(["Security", "Microsoft-Windows-Sysmon/Operational"].contains(&channel), "{channel}");
            seen += 1;
        }
    }
    assert!(seen > 0, "nothing was planted in {}", log.0);
}

fn counts(truth: &Truth, files: &Records<'_>, what: &str) {
    let total: usize = files.values().map(Vec::len).sum();
    assert_eq!(truth.records.total, total as u64, "{what}");
    let planted: usize = truth.groups.iter().flat_map(|g| &g.steps).map(|s| s.records.len()).sum();
    assert_eq!(truth.records.planted, planted as u64, "{what}");
    assert!(truth.records.share <= 0.001 && truth.records.share > 0.0, "{what}: {:?}", truth.records);
}

/// Each record of each step is where the truth says and says what the truth says.
fn planted(truth: &Truth, files: &Records<'_>, what: &str) {
    let mut all = BTreeSet::new();
    for step in truth.groups.iter().flat_map(|g| &g.steps) {
        assert_eq!(step.written, !step.records.is_empty(), "{what}: {}", step.name);
        let mut said = Vec::new();
        for at in &step.records {
            assert!(all.insert(at), "{what}: two steps have one record: {at:?}");
            // The first line of a table is its header.
            let header = u64::from(at.file.ends_with(".csv"));
            let line = usize::try_from(at.record - 1 + header).unwrap();
            let texts = texts(&at.file, files[at.file.as_str()][line]);
            let second = step.time.to_string()[..19].to_owned();
            let since_1970 = (step.time.0 / 1_000).to_string();
            let told = texts.iter().any(|t| t.contains(&second) || t.contains(&since_1970))
                || at.file.ends_with(".csv") && on_the_chain(&texts[0], step.time);
            assert!(told, "{what}: {}: {second} is not in {texts:?}", step.name);
            said.extend(texts);
        }
        for o in step.observables.iter().filter(|_| step.written) {
            assert!(said.iter().any(|t| t.contains(&o.value)), "{what}: {} lacks {o:?}", step.name);
        }
        assert!(!step.written || !step.observables.is_empty(), "{what}: {} names nothing", step.name);
    }
}

/// A row of a ledger: of the block that closes after the payment, which are spread over less than an hour. Rows of
/// tokens name a transaction and no time.
fn on_the_chain(row: &str, time: Time) -> bool {
    let cells: Vec<&str> = row.split(',').collect();
    let seconds = cells.get(11).map(|c| c.parse::<i64>().unwrap() - time.0 / 1_000_000);
    seconds.is_none_or(|s| (-12..3_600).contains(&s))
}

/// Every text in a value.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) => vec![s.clone()],
        Value::Array(all) => all.iter().flat_map(strings).collect(),
        Value::Object(all) => all.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// A file's records follow each other in time, and a year may lie between two steps.
#[test]
fn records_are_in_order_and_dwell_is_long() {
    let mut sink = Reading::default();
    let truth = write(&parameters("wiper", 2, 730), &mut sink).unwrap();
    for (file, lines) in sink.records().iter().filter(|(f, _)| f.starts_with("windows/ws-")) {
        // Of winlogbeat the time is the first value.
        let first = |l: &[u8]| std::str::from_utf8(l).unwrap().split('"').nth(3).unwrap().to_owned();
        let times: Vec<String> = lines.iter().map(|l| first(l)).collect();
        assert!(times.is_sorted(), "{file}");
        assert!(times[0].as_str() < "2024-12" && times.last().unwrap().as_str() > "2026-07", "{file}");
    }
    let campaign = &truth.groups[0];
    let gap = campaign.steps.windows(2).map(|w| w[1].time.0 - w[0].time.0).max().unwrap();
    assert!(gap > 200 * 86_400_000_000, "{} days", gap / 86_400_000_000);
}

/// All scenarios at once stand in folders of their own.
#[test]
fn all_at_once() {
    let mut sink = Hashing::default();
    let truth = write(&parameters("all", 1, 14), &mut sink).unwrap();
    assert!(truth.records.share <= 0.001);
    let folders: BTreeSet<&str> = truth
        .groups
        .iter()
        .flat_map(|g| &g.steps)
        .flat_map(|s| &s.records)
        .filter_map(|r| r.file.split('/').next())
        .collect();
    assert_eq!(folders, scenarios().iter().map(|s| s.name).collect());
    let names: BTreeSet<&str> = truth.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names.len(), truth.groups.len(), "names are unique");
}

/// Whoever finds exactly what was planted has a perfect score.
#[test]
fn the_truth_scores_perfectly() {
    let (_, truth) = hashed(&parameters("twins", 1, 30));
    let found: Vec<Found> = truth
        .groups
        .iter()
        .map(|g| Found {
            campaign: g.name.clone(),
            records: g.steps.iter().flat_map(|s| &s.records).map(|r| (r.file.clone(), r.record)).collect(),
        })
        .collect();
    let score = score(&truth, &found, &[]);
    assert!((score.f1 - 1.0).abs() < 1e-12);
    assert_eq!((score.campaigns.len(), score.found_merged, score.findings_noise), (2, 0, 0));
    assert!(
        score
            .campaigns
            .iter()
            .all(|c| c.spread == 1 && c.steps_joined == c.steps && c.merged_with.is_empty())
    );
}

#[test]
fn what_cannot_be_written_is_said() {
    let refused = |p: Parameters| write(&p, &mut Hashing::default()).unwrap_err().to_string();
    assert!(refused(parameters("enargy", 1, 30)).contains("energy, exchange"));
    assert!(refused(parameters("energy", 1, 0)).contains("1 to 730"));
    assert!(refused(parameters("energy", 1, 731)).contains("731"));
    for scale in [f64::NAN, 0.0, 0.05, 1e9] {
        assert!(refused(Parameters { scale, ..parameters("energy", 1, 30) }).contains("scale"));
    }
    let full = write(&parameters("energy", 1, 30), &mut Full(1_000_000));
    assert!(matches!(full, Err(ExerciseError::Sink { .. })), "{full:?}");
}
