//! The sample: files, and what is true of them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use palisade_model::Time;
use serde_json::{Value, json};

use super::records::Dice;
use super::{everyday, intrusion};

/// The constant that everything in the sample follows from.
const SEED: u64 = 0x5041_4c49_5341_4445;

/// One planted step of the intrusion.
pub struct Step {
    /// File that holds it.
    pub file: &'static str,
    /// Where it happened, for people.
    pub place: &'static str,
    /// What happened.
    pub what: &'static str,
    /// When.
    pub time: Time,
    /// Shipped rules of which at least one must find it.
    pub rules: &'static [&'static str],
}

/// Files with their bytes, and the truth.
pub struct Sample {
    /// Name and bytes.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// What was planted, in order of time.
    pub steps: Vec<Step>,
    /// Records in all files.
    pub records: u64,
}

/// Records of one file while it is made.
pub type Records = Vec<(Time, Value)>;

/// File names.
pub const WORKSTATION: &str = "ws-0412.ndjson";
/// The file server's log.
pub const FILE_SERVER: &str = "srv-file01.ndjson";
/// The domain controller's log.
pub const CONTROLLER: &str = "dc01.ndjson";
/// The cloud account's trail.
pub const TRAIL: &str = "cloudtrail.json.gz";
/// The mail tenant's audit log.
pub const AUDIT: &str = "m365-audit.ndjson";
/// The file that was cut short.
pub const CUT: &str = "ws-0412-older.ndjson.gz";

/// Minutes into the two days of the sample (2026-10-12, a Monday, 06:00 UTC).
pub fn at(hour: i64, minute: i64, second: i64) -> Time {
    const START: i64 = 1_791_763_200; // 2026-10-12T00:00:00Z
    Time::from_unix_seconds(START + hour * 3_600 + minute * 60 + second)
}

/// Makes the sample.
pub fn make() -> Sample {
    let mut dice = Dice(SEED);
    let mut logs: Vec<(&'static str, Records)> = vec![
        (WORKSTATION, everyday::workstation("WS-0412", 700, &mut dice)),
        (FILE_SERVER, everyday::server("SRV-FILE01", 500, &mut dice)),
        (CONTROLLER, everyday::controller("DC01", 500, &mut dice)),
        (TRAIL, everyday::trail(180, &mut dice)),
        (AUDIT, everyday::audit(180, &mut dice)),
        (CUT, everyday::workstation("WS-0412", 200, &mut dice)),
    ];
    let mut steps = Vec::new();
    for (step, record) in intrusion::steps(&mut dice) {
        if let Some((_, log)) = logs.iter_mut().find(|(name, _)| *name == step.file) {
            log.push((step.time, record));
        }
        steps.push(step);
    }
    steps.sort_by_key(|s| s.time);
    let records = logs.iter().map(|(_, log)| log.len() as u64).sum();
    let files = logs.into_iter().map(|(name, log)| (name, write(name, log))).collect();
    Sample { files, steps, records }
}

fn write(name: &str, mut log: Records) -> Vec<u8> {
    log.sort_by_key(|(time, _)| *time);
    for (number, (_, record)) in (48_201..).zip(&mut log) {
        if let Some(winlog) = record.get_mut("winlog") {
            winlog["record_id"] = json!(number);
        }
    }
    if name == TRAIL {
        let records: Vec<Value> = log.into_iter().map(|(_, r)| r).collect();
        return gzip(json!({ "Records": records }).to_string().as_bytes());
    }
    let mut lines = Vec::new();
    for (_, record) in &log {
        lines.extend_from_slice(record.to_string().as_bytes());
        lines.push(b'\n');
    }
    if name == CUT {
        // A copy that was broken off: three fifths of the compressed file.
        let mut bytes = gzip(&lines);
        bytes.truncate(bytes.len() * 3 / 5);
        return bytes;
    }
    lines
}

/// Compressed without name or time, so that the bytes are the same everywhere.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
