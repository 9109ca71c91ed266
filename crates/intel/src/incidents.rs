//! Room: `intel`, part `incidents` — collections of incidents that others keep, read into one shape.
//!
//! EuRepoC's global table and the table compiled from CFR's Cyber Operations Tracker are recognised by their headers,
//! never by their names. Dates become intervals: EuRepoC writes the first of a month, or of a year, where day or month
//! are unknown. States become ISO 3166-1 codes where the name is known.
//!
//! What this part never does: count, forecast, or believe that a collection is the world. Every row that cannot be
//! used is a [`Problem`] with a count.

mod cfr;
mod eurepoc;
mod states;

use std::collections::BTreeMap;
use std::io::Read;

use palisade_model::{Incident, Origin, Problem, ProblemCode};

pub use states::state_code;

/// Most bytes read of one table.
pub const MAX_BYTES: u64 = 256 << 20;
/// Most rows read of one table.
pub const MAX_ROWS: usize = 1_000_000;
/// Longest row; a quote that is never closed costs no more than the rest of the file, and is told.
pub const MAX_ROW_BYTES: usize = 1 << 20;
/// Most entries kept of a cell that lists things.
pub const MAX_LIST: usize = 64;
/// Longest text kept of a cell, in characters.
pub const MAX_TEXT: usize = 300;
/// Most different sentences told of one file; what is beyond is counted under a last one.
const MAX_PROBLEMS: usize = 100;

/// What one table holds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Collection {
    /// `eurepoc`, `cfr`; empty if the table is neither.
    pub name: &'static str,
    /// Its incidents, by first day, then id.
    pub incidents: Vec<Incident>,
    /// What could not be used.
    pub problems: Vec<Problem>,
}

/// Reads a table of incidents (CSV, UTF-8, header line).
pub fn read(input: impl Read, origin: &Origin) -> Collection {
    let mut tell = Tell::new(origin);
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(input.take(MAX_BYTES));
    let header: BTreeMap<String, usize> = match csv.byte_headers() {
        Ok(h) => {
            let name =
                |cell: &[u8]| String::from_utf8_lossy(cell).trim().trim_start_matches('\u{feff}').to_owned();
            let mut all = BTreeMap::new();
            for (i, cell) in h.iter().enumerate().take(1_000) {
                all.entry(name(cell)).or_insert(i);
            }
            all
        }
        Err(e) => {
            tell.say(
                ProblemCode::Syntax,
                None,
                format!("reading the header of a table of incidents: {}", short(&e)),
            );
            return Collection { problems: tell.done(), ..Collection::default() };
        }
    };
    type Row = fn(&Cells<'_>, &mut Tell) -> Option<Incident>;
    let shapes: [(&'static str, &[&str], Row); 2] =
        [("eurepoc", &eurepoc::HEADER, eurepoc::row), ("cfr", &cfr::HEADER, cfr::row)];
    let Some((name, _, row)) = shapes.into_iter().find(|s| s.1.iter().all(|c| header.contains_key(*c)))
    else {
        let wanted = shapes.map(|s| format!("{}: {}", s.0, s.1.join(", "))).join("; ");
        tell.say(
            ProblemCode::Unrecognised,
            None,
            format!("this is no table of incidents that is known; columns are needed ({wanted})"),
        );
        return Collection { problems: tell.done(), ..Collection::default() };
    };
    let mut incidents = Vec::new();
    let mut record = csv::ByteRecord::new();
    for number in 1usize.. {
        let offset = csv.position().byte();
        match csv.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(e) => {
                tell.say(ProblemCode::Syntax, offset, format!("reading a row of incidents: {}", short(&e)));
                break;
            }
        }
        if number > MAX_ROWS {
            tell.say(ProblemCode::Limit, offset, format!("more than {MAX_ROWS} rows; the rest was not read"));
            break;
        }
        if record.as_slice().len() > MAX_ROW_BYTES {
            tell.say(
                ProblemCode::Limit,
                offset,
                format!("a row is longer than {MAX_ROW_BYTES} bytes and was left out"),
            );
            continue;
        }
        let cells = Cells { record: &record, header: &header, number, offset };
        incidents.extend(row(&cells, &mut tell));
    }
    if csv.position().byte() >= MAX_BYTES {
        tell.say(
            ProblemCode::Limit,
            MAX_BYTES,
            format!("more than {MAX_BYTES} bytes; the rest was not read"),
        );
    }
    incidents.sort_by(|a, b| (a.days, &a.id, &a.title).cmp(&(b.days, &b.id, &b.title)));
    Collection { name, incidents, problems: tell.done() }
}

/// Reads anything as a table; for tests with hostile input.
pub fn fuzz(data: &[u8]) {
    let read = read(data, &Origin::file("fuzz"));
    assert!(read.problems.len() <= MAX_PROBLEMS + 1);
    for i in &read.incidents {
        assert!(i.days.first <= i.days.last && i.title.chars().count() <= MAX_TEXT);
        assert!(i.states.len() <= MAX_LIST && i.sectors.len() <= MAX_LIST && i.kinds.len() <= MAX_LIST);
    }
}

/// One row, by the names of its columns.
pub(crate) struct Cells<'a> {
    pub(crate) record: &'a csv::ByteRecord,
    pub(crate) header: &'a BTreeMap<String, usize>,
    pub(crate) number: usize,
    pub(crate) offset: u64,
}

impl Cells<'_> {
    /// The trimmed text of a cell; empty if there is none. Bad bytes are replaced.
    pub(crate) fn get(&self, column: &str) -> String {
        let cell = self.header.get(column).and_then(|i| self.record.get(*i)).unwrap_or_default();
        String::from_utf8_lossy(cell).trim().to_owned()
    }
}

/// Problems of one file, alike ones counted.
pub(crate) struct Tell {
    origin: Origin,
    told: Vec<Problem>,
    known: BTreeMap<(ProblemCode, String), usize>,
}

impl Tell {
    pub(crate) fn new(origin: &Origin) -> Tell {
        Tell { origin: origin.clone(), told: Vec::new(), known: BTreeMap::new() }
    }

    /// The place told is that of the first of its kind.
    pub(crate) fn say(&mut self, code: ProblemCode, offset: impl Into<Option<u64>>, message: String) {
        let mut key = (code, message);
        if !self.known.contains_key(&key) && self.told.len() >= MAX_PROBLEMS {
            key = (ProblemCode::Limit, "more kinds of problems than are told one by one".to_owned());
        }
        if let Some(problem) = self.known.get(&key).and_then(|i| self.told.get_mut(*i)) {
            problem.count += 1;
            return;
        }
        self.told.push(Problem::new(key.0, &self.origin, offset, key.1.clone()));
        self.known.insert(key, self.told.len() - 1);
    }

    pub(crate) fn done(self) -> Vec<Problem> {
        self.told
    }
}

/// The beginning of a text.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// An error of the CSV reader in few words.
pub(crate) fn short(e: &csv::Error) -> String {
    e.to_string().chars().take(200).collect()
}

/// Sorted, without doubles, empties and what says that nothing is known.
pub(crate) fn list(entries: impl Iterator<Item = String>) -> Vec<String> {
    let known =
        |e: &String| !matches!(e.as_str(), "" | "Unknown" | "Not available" | "none" | "None" | "nan");
    let mut all: Vec<String> = entries.map(|e| cut(e.trim())).filter(known).take(MAX_LIST).collect();
    all.sort();
    all.dedup();
    all
}
