//! Matches are taken in any order, keyed by the groups they belong to, and written away when memory is short.

use std::borrow::Cow;
use std::io::Result;

use palisade_model::{Match, Spill};
use sha2::{Digest as _, Sha256};

use super::buffer::{Buffer, Record, put, put_bytes};
use super::merge::Merge;
use super::plan::{Planned, numeric};
use super::window::number;
use super::{Correlations, Tally};
use crate::sigma::fold::fold;

/// Values longer than this, in bytes, are kept as their beginning and a hash of the whole.
pub(super) const VALUE_MAX: usize = 1_024;

/// Characters of a long value that are kept.
const VALUE_HEAD: usize = 200;

/// Shortens a long value so that different ones stay different and those equal but for case stay equal.
fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= VALUE_MAX {
        return Cow::Borrowed(text);
    }
    let mut out: String = text.chars().take(VALUE_HEAD).collect();
    out.push_str("…sha256:");
    for byte in Sha256::digest(fold(text).as_bytes()) {
        out.push_str(&format!("{byte:02x}"));
    }
    Cow::Owned(out)
}

/// Keys and values of one match, written; reused from match to match.
#[derive(Default)]
pub(super) struct Writing {
    key: Vec<u8>,
    shown: Vec<u8>,
    values: Vec<u8>,
    measured: Vec<u8>,
}

impl Writing {
    /// Puts a match into a buffer, or counts why it is in no group.
    pub(super) fn put<'t>(
        &mut self,
        of: &Planned,
        correlation: u32,
        column: &dyn Fn(usize) -> Option<Cow<'t, str>>,
        record: Record,
        tally: &mut Tally,
        buffer: &mut Buffer,
    ) {
        let Writing { key, shown, values, measured } = self;
        [&mut *key, &mut *shown, &mut *values, &mut *measured].into_iter().for_each(Vec::clear);
        tally.matches += 1;
        let mut differs = false;
        for i in 0..of.groups {
            let Some(text) = column(i) else {
                tally.without_group += 1;
                return;
            };
            let text = bounded(&text);
            let folded = fold(&text);
            differs |= *folded != *text;
            put_bytes(key, folded.as_bytes());
            put_bytes(shown, text.as_bytes());
        }
        if !differs {
            shown.clear();
        }
        for i in of.groups..of.groups + of.measured {
            let Some(text) = column(i) else {
                tally.without_value += 1;
                return;
            };
            if numeric(&of.document.kind) {
                let Some(x) = number(&bounded(&text)) else {
                    tally.not_a_number += 1;
                    return;
                };
                measured.extend_from_slice(&x.to_le_bytes());
            } else {
                put_bytes(measured, fold(&bounded(&text)).as_bytes());
            }
        }
        put_bytes(values, measured);
        for i in 0..of.carried() {
            match column(of.groups + of.measured + i) {
                Some(text) => {
                    put(values, 1);
                    put_bytes(values, bounded(&text).as_bytes());
                }
                None => put(values, 0),
            }
        }
        buffer.push(correlation, key, shown, values, record);
    }
}

/// Collects the matches of a run.
pub struct Gathering<'p> {
    pub(super) plan: &'p Correlations,
    pub(super) spill: &'p dyn Spill,
    pub(super) limit: usize,
    pub(super) buffer: Buffer,
    pub(super) writing: Writing,
    pub(super) tallies: Vec<Tally>,
    pub(super) runs: u32,
    /// Runs written away while others are read already.
    pub(super) late: Vec<u32>,
    pub(super) spilled: u64,
}

impl<'p> Gathering<'p> {
    /// Starts. `limit`: bytes of memory that collecting and sorting may take ([`super::MEMORY`] is a good one); what is
    /// more goes to `spill`.
    pub fn new(plan: &'p Correlations, limit: usize, spill: &'p dyn Spill) -> Gathering<'p> {
        Gathering {
            plan,
            spill,
            limit,
            buffer: Buffer::default(),
            writing: Writing::default(),
            tallies: vec![Tally::default(); plan.len()],
            runs: 0,
            late: Vec::new(),
            spilled: 0,
        }
    }

    /// Takes a match. Matches may come in any order.
    ///
    /// # Errors
    /// Those of the spill.
    pub fn add(&mut self, one: &Match<'_>) -> Result<()> {
        for part in self.plan.uses_of(one.rule) {
            let Some(of) = self.plan.plan.get(part.correlation as usize) else { continue };
            let tally = &mut self.tallies[part.correlation as usize];
            let Some(time) = one.time else {
                tally.matches += 1;
                tally.without_time += 1;
                continue;
            };
            let record = Record {
                time: time.0,
                since: time.0,
                source: one.citation.source.0,
                input: part.input,
                recovered: one.recovered,
                record: one.citation.record,
                offset: one.citation.offset,
                alert: 0,
            };
            let column = |i: usize| {
                let at = part.columns.get(i)?;
                one.values.get(usize::from(*at)).copied().flatten().map(Cow::Borrowed)
            };
            self.writing.put(of, part.correlation, &column, record, tally, &mut self.buffer);
            if self.buffer.is_full(self.limit / 2) {
                self.write_away()?;
            }
        }
        Ok(())
    }

    /// Takes what one thread collected.
    ///
    /// # Errors
    /// Those of the spill.
    pub fn merge(&mut self, matches: &Matches) -> Result<()> {
        let mut values: Vec<Option<&str>> = Vec::new();
        let text = |range: &std::ops::Range<usize>| matches.text.get(range.clone());
        for kept in &matches.kept {
            values.clear();
            let of = matches.values.get(kept.values.clone()).unwrap_or_default();
            values.extend(of.iter().map(|v| v.as_ref().and_then(text)));
            self.add(&Match { values: &values, ..kept.one })?;
        }
        Ok(())
    }

    pub(super) fn write_away(&mut self) -> Result<()> {
        let (spill, run) = (self.spill, self.runs);
        let mut bytes = 0;
        self.buffer.drain(&mut |piece| {
            bytes += piece.len() as u64;
            spill.append(run, piece)
        })?;
        self.runs += 1;
        self.spilled += bytes;
        Ok(())
    }

    /// Opens what was collected for reading; the last part of it stays in memory.
    pub(super) fn open(&mut self) -> Result<Merge<'p>> {
        let mut merge = Merge::new(self.spill, self.runs as usize + 1, self.limit / 4);
        for run in 0..self.runs {
            merge.spilled(run)?;
        }
        self.seal(&mut merge)?;
        Ok(merge)
    }

    /// Adds to the reading what has been collected since.
    pub(super) fn seal(&mut self, merge: &mut Merge<'p>) -> Result<()> {
        for run in std::mem::take(&mut self.late) {
            merge.spilled(run)?;
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        if merge.in_memory() + self.buffer.held() > self.limit / 2 {
            self.write_away()?;
            return merge.spilled(self.runs - 1);
        }
        let mut bytes = Vec::new();
        self.buffer.drain(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        merge.held(bytes)
    }
}

/// What one thread collects of one piece of evidence.
#[derive(Default, Debug)]
pub struct Matches {
    text: String,
    values: Vec<Option<std::ops::Range<usize>>>,
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    one: Match<'static>,
    values: std::ops::Range<usize>,
}

impl Matches {
    /// Keeps a match.
    pub fn observe(&mut self, one: &Match<'_>) {
        let first = self.values.len();
        for value in one.values {
            self.values.push(value.map(|value| {
                let start = self.text.len();
                self.text.push_str(&bounded(value));
                start..self.text.len()
            }));
        }
        let Match { rule, time, citation, recovered, .. } = *one;
        let one = Match { rule, time, citation, recovered, values: &[] };
        self.kept.push(Kept { one, values: first..self.values.len() });
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}
