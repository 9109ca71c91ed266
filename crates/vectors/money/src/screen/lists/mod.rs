//! Lists in: whatever format, the same [`Party`]s out.
//!
//! A file is sniffed by its content, streamed, and read by the module of its format. OFAC's old
//! tables come as several files that only make sense together; their parts are kept until
//! [`Lists::finish`] joins them.
//!
//! # A list of one's own
//!
//! A table with a header, commas, one party a row; several values in a field with `;` between. Only
//! `name`, `hosts` or `addresses` is needed:
//!
//! | column | what it holds |
//! | --- | --- |
//! | `id` | own number; a digest of the row if there is none |
//! | `schema` | `Person`, `Company`, `Organization`, `Vessel`, `Airplane`, `CryptoWallet`, `Host` |
//! | `name` | primary name |
//! | `aliases`, `weak_aliases`, `former_names`, `original_names` | other names |
//! | `birth_date` | `1977-03-25`, `1977`, `circa 1977`, `1975-1979` |
//! | `gender`, `countries`, `programmes`, `linked`, `places` | as lists have them |
//! | `identifiers` | `number`, `kind:number` or `kind:number (country)` |
//! | `addresses`, `address` | on chains: `address` or `ticker:address` |
//! | `hosts` | IP addresses, networks (`198.51.100.0/24`), domains, `AS64500` |
//! | `owners` | `name` or `name:51` (percent); an `id` of the table instead of a name |
//! | `listed_from`, `listed_until` | first and last day, `YYYY-MM-DD` |
//!
//! What this module never does: open a file, compare names, or decide which list is right: the same
//! party on two lists is two parties.

mod eu;
mod ftm;
mod ofac;
mod others;
mod sdn_xml;
mod sniff;
mod table;
mod tagpack;
mod uk;
mod ukxml;
mod un;
mod xml;

use std::io::Read;

use palisade_model::{Citation, Origin, Problem, ProblemCode, SourceId};

use super::party::{Date, ListId, Party};
pub use sniff::Format;

/// Most parties of all lists together.
pub const MAX_PARTIES: usize = 10_000_000;
/// Most problems kept of one file; further ones are counted in the last.
const MAX_PROBLEMS: usize = 200;

/// What is known of a list as a whole.
#[derive(Clone, PartialEq, Debug)]
pub struct ListInfo {
    /// Its name, by format and content: `OFAC SDN`, `UN`, …
    pub name: String,
    /// How it was written.
    pub format: Format,
    /// The day it says it is of.
    pub version: Option<Date>,
    /// The file its parties are cited in.
    pub source: SourceId,
    /// Where that file is.
    pub origin: Origin,
    /// Parties in it.
    pub parties: u64,
    /// Rows of aliases, where the list has a table of them.
    pub aliases: u64,
    /// Rows of postal addresses, where the list has a table of them.
    pub places: u64,
}

/// All lists that are loaded.
#[derive(Clone, Default, Debug)]
pub struct Lists {
    /// By [`ListId`].
    pub infos: Vec<ListInfo>,
    /// Parties of all lists, in the order of the files.
    pub parties: Vec<Party>,
    parts: ofac::Parts,
}

impl Lists {
    /// Reads one file of any known format. Call [`Lists::finish`] after the last.
    ///
    /// Never fails: what cannot be read is in the problems, the rest is loaded.
    pub fn load(&mut self, input: &mut dyn Read, source: SourceId, origin: &Origin) -> Vec<Problem> {
        let mut problems = Vec::new();
        let (head, ended) = match head(input) {
            Ok(head) => head,
            Err(e) => {
                problems.push(Problem::new(
                    ProblemCode::Io,
                    origin,
                    0,
                    format!("the list cannot be read: {e}"),
                ));
                return problems;
            }
        };
        let Some(format) = Format::sniff(&head) else {
            let message = "this is none of the list formats known (OFAC, UN, EU, UK, BIS, CSL, FtM, OpenSanctions, TagPack, or a CSV with a column \"name\")";
            problems.push(Problem::new(ProblemCode::Unrecognised, origin, 0, message));
            return problems;
        };
        let mut nothing = std::io::empty();
        let tail: &mut dyn Read = if ended { &mut nothing } else { input };
        let mut rest = head.as_slice().chain(tail);
        let first = self.parties.len();
        let mut sink =
            Sink { lists: self, list: ListId(0), source, origin, problems: &mut problems, first, dropped: 0 };
        sink.list = sink.begin(format);
        match format {
            Format::OfacParties | Format::OfacAddresses | Format::OfacAliases | Format::OfacComments => {
                ofac::read(&mut rest, format, &mut sink);
            }
            Format::SdnXml => sdn_xml::simple(&mut rest, &mut sink),
            Format::SdnAdvanced => sdn_xml::advanced(&mut rest, &mut sink),
            Format::UnXml => un::read(&mut rest, &mut sink),
            Format::EuXml => eu::xml(&mut rest, &mut sink),
            Format::EuCsv => eu::csv(&mut rest, &mut sink),
            Format::UkCsv => uk::read(&mut rest, &mut sink, uk::Columns::CONSOLIDATED),
            Format::UkSanctionsCsv => uk::read(&mut rest, &mut sink, uk::Columns::SANCTIONS),
            Format::UkSanctionsXml => ukxml::read(&mut rest, &mut sink),
            Format::BisDenied => others::denied(&mut rest, &mut sink),
            Format::Csl => others::csl(&mut rest, &mut sink),
            Format::OpenSanctions => ftm::targets(&mut rest, &mut sink),
            Format::Ftm => ftm::lines(&mut rest, &mut sink),
            Format::TagPack => tagpack::read(&mut rest, &mut sink),
            Format::Own => others::own(&mut rest, &mut sink),
        }
        sink.end();
        problems
    }

    /// Joins files that belong together (OFAC's tables). Returns what did not fit.
    pub fn finish(&mut self) -> Vec<Problem> {
        ofac::join(self)
    }

    /// The list a party is on.
    pub fn info(&self, party: &Party) -> Option<&ListInfo> {
        self.infos.get(party.list.0 as usize)
    }
}

/// Bytes that are looked at to find the format.
const HEAD: usize = 64 << 10;

fn head(input: &mut dyn Read) -> std::io::Result<(Vec<u8>, bool)> {
    let mut head = Vec::new();
    input.take(HEAD as u64).read_to_end(&mut head)?;
    let ended = head.len() < HEAD;
    Ok((head, ended))
}

/// Where readers put what they read.
pub(super) struct Sink<'a> {
    lists: &'a mut Lists,
    list: ListId,
    source: SourceId,
    origin: &'a Origin,
    problems: &'a mut Vec<Problem>,
    /// Place of the first party of this file.
    first: usize,
    dropped: u64,
}

impl Sink<'_> {
    fn begin(&mut self, format: Format) -> ListId {
        let id = ListId(u32::try_from(self.lists.infos.len()).unwrap_or(u32::MAX));
        // OFAC's side tables belong to the list of their parties.
        if !matches!(format, Format::OfacAddresses | Format::OfacAliases | Format::OfacComments) {
            self.lists.infos.push(ListInfo {
                name: format.name().to_owned(),
                format,
                version: None,
                source: self.source,
                origin: self.origin.clone(),
                parties: 0,
                aliases: 0,
                places: 0,
            });
        }
        id
    }

    /// What is known of the list that is being read.
    fn info(&mut self) -> Option<&mut ListInfo> {
        self.lists.infos.get_mut(self.list.0 as usize)
    }

    fn cite(&self, record: u64, offset: u64) -> Citation {
        Citation { source: self.source, record, offset }
    }

    fn push(&mut self, party: Party) {
        if self.lists.parties.len() >= MAX_PARTIES {
            self.dropped += 1;
            return;
        }
        if let Some(info) = self.info() {
            info.parties += 1;
        }
        self.lists.parties.push(party);
    }

    fn problem(&mut self, code: ProblemCode, offset: u64, message: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem::new(code, self.origin, offset, message));
        } else if let Some(last) = self.problems.last_mut() {
            last.count += 1;
        }
    }

    /// Whether a table has the columns without which no row of it can be told from another; a problem if not.
    fn columns(&mut self, header: &table::Header, wanted: &[&str]) -> bool {
        let missing: Vec<&str> = wanted.iter().copied().filter(|w| header.find(w).is_none()).collect();
        if missing.is_empty() {
            return true;
        }
        let message = format!(
            "the list has no column {}: it is of another layout than {} lists are known to have, and none of it was read",
            missing.iter().map(|m| format!("\"{m}\"")).collect::<Vec<_>>().join(", "),
            self.info().map_or("", |i| i.format.name())
        );
        self.problem(ProblemCode::Unrecognised, 0, message);
        false
    }

    /// Says what was wrong with a record of a table.
    fn bad_record(&mut self, bad: table::Bad, record: &table::Record) {
        let (code, what) = match bad {
            table::Bad::Limit => {
                (ProblemCode::Limit, "has a field longer than 1 MiB, or too many fields, and was left out")
            }
            table::Bad::Truncated => (ProblemCode::Truncated, "has no end: the file ends inside quotes"),
            table::Bad::Io => (ProblemCode::Io, "cannot be read: the stream failed"),
        };
        let message = format!("record {} of the list {what}", record.number);
        self.problem(code, record.offset, message);
    }

    /// Says what was wrong with an element.
    fn bad_element(&mut self, bad: xml::Bad) {
        match bad {
            xml::Bad::Limit => {
                self.problem(
                    ProblemCode::Limit,
                    0,
                    "an entry has more than 50,000 elements or 8 MiB and was left out",
                );
            }
            xml::Bad::Fatal(why) => {
                self.problem(
                    ProblemCode::Syntax,
                    0,
                    format!("the list was read up to where its XML breaks: {why}"),
                );
            }
        }
    }

    fn end(&mut self) {
        for at in self.first..self.lists.parties.len() {
            let Some(party) = self.lists.parties.get(at) else { break };
            let full = party.full();
            if !full.is_empty() {
                let (what, offset) = (full.join(", "), party.citation.offset);
                let message = format!(
                    "entry {} has as many {what} as one entry may have; if it has more, they were left out",
                    party.id
                );
                self.problem(ProblemCode::Limit, offset, message);
            }
        }
        if self.dropped > 0 {
            let message =
                format!("{} entries are beyond the limit of {MAX_PARTIES} and were left out", self.dropped);
            self.problem(ProblemCode::Limit, 0, message);
        }
    }
}
