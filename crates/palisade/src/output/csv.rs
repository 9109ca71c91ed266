//! A timeline that Timesketch imports (`message`, `datetime`, `timestamp_desc`) and a
//! spreadsheet opens without running anything: every cell is neutralised.

use std::io;

use palisade_model::{Finding, Problem, csv_cell};
use palisade_pipeline::{Sources, Summary};

use super::{Form, Out, words};
use crate::times::Clock;

const HEADER: [&str; 14] = [
    "message",
    "datetime",
    "timestamp_desc",
    "timestamp",
    "host",
    "severity",
    "rule_id",
    "rule_title",
    "attack",
    "source",
    "record",
    "offset",
    "sha256",
    "finding_id",
];

/// The CSV form. Problems and coverage have no place in a timeline; other forms tell them.
pub struct Csv {
    clock: Clock,
    writer: csv::Writer<Vec<u8>>,
    text: String,
    begun: bool,
}

impl Csv {
    /// Begins.
    pub fn new(clock: Clock) -> Csv {
        Csv { clock, writer: csv::Writer::from_writer(Vec::new()), text: String::new(), begun: false }
    }

    /// Passes on what the writer has made so far and begins a new one with the same memory.
    fn pass(&mut self, out: Out<'_>) -> io::Result<()> {
        let writer = std::mem::replace(&mut self.writer, csv::Writer::from_writer(Vec::new()));
        let mut bytes = writer.into_inner().map_err(|e| io::Error::other(e.to_string()))?;
        out.write_all(&bytes)?;
        bytes.clear();
        self.writer = csv::Writer::from_writer(bytes);
        Ok(())
    }
}

/// Rows are handed on in blocks of this many bytes.
const BLOCK: usize = 64 << 10;

impl Form for Csv {
    fn finding(&mut self, finding: &Finding, sources: &Sources, out: Out<'_>) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.writer.write_record(HEADER)?;
        }
        words::sentence(finding, &mut self.text);
        let citation = finding.citations.first();
        let source = citation.and_then(|c| sources.get(c.source));
        let origin = source.map(|s| s.origin.to_string()).unwrap_or_default();
        let hash = source.and_then(|s| s.file.sha256_hex()).unwrap_or_default();
        let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        let writer = &mut self.writer;
        writer.write_field(csv_cell(&self.text).as_bytes())?;
        writer.write_field(
            finding.time.map(|t| self.clock.exact(t).replace('Z', "+00:00")).unwrap_or_default(),
        )?;
        writer.write_field("Event Logged")?;
        // Our own number: a time before 1970 is negative and no formula.
        writer.write_field(finding.time.map(|t| t.0.to_string()).unwrap_or_default())?;
        writer.write_field(csv_cell(finding.host.as_deref().unwrap_or("")).as_bytes())?;
        writer.write_field(finding.rule.level.name())?;
        writer.write_field(csv_cell(&finding.rule.id).as_bytes())?;
        writer.write_field(csv_cell(&finding.rule.title).as_bytes())?;
        writer.write_field(csv_cell(&finding.rule.attack.join(" ")).as_bytes())?;
        writer.write_field(csv_cell(&origin).as_bytes())?;
        writer.write_field(number(citation.map(|c| c.record)))?;
        writer.write_field(number(citation.map(|c| c.offset)))?;
        writer.write_field(hash)?;
        writer.write_field(finding.id.to_string())?;
        writer.write_record(None::<&[u8]>)?;
        // `csv::Writer` buffers up to 8 KiB itself; what it has passed on is a good measure.
        if writer.get_ref().len() >= BLOCK { self.pass(out) } else { Ok(()) }
    }

    fn problem(&mut self, _: &Problem, _: Out<'_>) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Summary, out: Out<'_>) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.writer.write_record(HEADER)?;
        }
        self.pass(out)
    }
}
