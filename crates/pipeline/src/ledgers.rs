//! From evidence to one ledger: what readers of money are given, and what lists say of the addresses in it.
//!
//! Ledgers of all files become one, since a coin's way leads from file to file. A list of labels among the evidence
//! (a TagPack) is read as what it is. What this module never does: decide where money went (`money::trace` does).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_model::{Address, Chain, Limits, Origin, Problem, ProblemCode, SourceId, Time};
use palisade_money::read::{self, LedgerFormat, Mapping};
use palisade_money::screen::{Date, Format, Lists, Party};
use palisade_money::trace::{Kind, Label, LabelTable};
use palisade_money::{Ledger, LedgerBuilder, ledger::PartyId};
use palisade_store::{ParquetLines, is_parquet};

use crate::evidence::{EvidenceFile, Sources};
use crate::run::{Error, hash_file};
use crate::walk::{self, Admit, Item, Walker};

/// How ledgers are read.
#[derive(Clone, Default, Debug)]
pub struct LedgerSettings {
    /// Name of the chain, where the evidence does not say.
    pub chain: Option<String>,
    /// Columns of tables that no format has: then every file that is no other ledger is read by it.
    pub mapping: Option<Mapping>,
    /// Addresses of which every transaction is there, as whoever fetched them says.
    pub complete: Vec<String>,
}

/// What a file of money is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Money {
    /// A ledger.
    Ledger(LedgerFormat),
    /// Rows of a table of the *-etl family.
    Parquet,
    /// Labels of addresses.
    Labels,
}

/// Takes ledgers and labels as the walker meets them.
#[derive(Default)]
pub(crate) struct Intake {
    settings: LedgerSettings,
    builder: LedgerBuilder,
    lists: Lists,
    formats: BTreeMap<SourceId, LedgerFormat>,
}

impl Intake {
    pub(crate) fn new(settings: LedgerSettings) -> Intake {
        Intake { settings, ..Intake::default() }
    }

    /// What a file is by its first bytes, if it is of money.
    pub(crate) fn sniff(&self, head: &[u8]) -> Option<Money> {
        if let Some(format) = read::sniff(head) {
            return Some(Money::Ledger(format));
        }
        if is_parquet(head) {
            return Some(Money::Parquet);
        }
        // A list of labels is text. Looking for one in each of many small event logs cost a tenth of reading them.
        let text = !head.is_empty() && !head.contains(&0);
        if text && Format::sniff(head) == Some(Format::TagPack) {
            return Some(Money::Labels);
        }
        (self.settings.mapping.is_some() && text).then_some(Money::Ledger(LedgerFormat::Generic))
    }

    /// Reads one.
    pub(crate) fn read(
        &mut self,
        money: Money,
        stream: &mut dyn Read,
        path: Option<&Path>,
        source: SourceId,
        origin: &Origin,
    ) -> Vec<Problem> {
        let Intake { settings, builder, lists, formats } = self;
        let options = read::Options { chain: settings.chain.as_deref(), mapping: settings.mapping.as_ref() };
        match money {
            Money::Labels => lists.load(stream, source, origin),
            Money::Ledger(format) => {
                formats.insert(source, format);
                read::read(format, stream, source, origin, builder, &options)
            }
            Money::Parquet => {
                let bad = |code, message: String| vec![Problem::new(code, origin, None, message)];
                let Some(path) = path else {
                    let message = "a Parquet file inside another file is not read: unpack it";
                    return bad(ProblemCode::Unrecognised, message.into());
                };
                let opened = File::open(path).map_err(|e| e.to_string()).and_then(ParquetLines::open);
                let mut lines = match opened {
                    Ok(lines) => lines,
                    Err(why) => return bad(ProblemCode::DamagedHeader, why),
                };
                let columns: Vec<&str> = lines.columns().iter().map(String::as_str).collect();
                if !read::rows::wanted(&columns) {
                    let message = "a Parquet file whose columns are those of no ledger known";
                    return bad(ProblemCode::Unrecognised, message.into());
                }
                formats.insert(source, LedgerFormat::EtlJson);
                read::read(LedgerFormat::EtlJson, &mut lines, source, origin, builder, &options)
            }
        }
    }

    /// Everything read, put together.
    pub(crate) fn finish(self) -> (Funds, Vec<Problem>) {
        let Intake { builder, mut lists, formats, settings } = self;
        let (ledger, mut problems) = builder.finish();
        problems.extend(lists.finish());
        let mut index: HashMap<Box<str>, Vec<PartyId>> = HashMap::new();
        for (n, party) in ledger.parties.iter().enumerate().skip(1) {
            index.entry(party.address.clone()).or_default().push(PartyId(n as u32));
        }
        let mut funds = Funds { ledger, lists, formats, index, complete: BTreeSet::new() };
        for address in &settings.complete {
            let parties = funds.parties(address).unwrap_or_default();
            funds.complete.extend(parties);
        }
        (funds, problems)
    }
}

/// A ledger and what is known of who is in it.
#[derive(Default, Debug)]
pub struct Funds {
    /// Who paid whom.
    pub ledger: Ledger,
    /// Labels and lists.
    pub lists: Lists,
    formats: BTreeMap<SourceId, LedgerFormat>,
    /// Parties by canonical address: one for each chain that has it.
    index: HashMap<Box<str>, Vec<PartyId>>,
    complete: BTreeSet<PartyId>,
}

impl Funds {
    /// Whether there is a ledger at all.
    pub fn is_empty(&self) -> bool {
        self.ledger.txs.id.is_empty()
    }

    /// Parties at an address as somebody writes it: one for each chain that the ledger has it on.
    ///
    /// # Errors
    /// Why it is no address.
    pub fn parties(&self, text: &str) -> Result<Vec<PartyId>, palisade_model::AddressError> {
        let text = text.trim();
        let mut spellings = vec![text.to_owned()];
        match Address::parse(text).or_else(|e| Address::evm_any_case(text).map_err(|_| e)) {
            Ok(address) => spellings.push(address.text().to_owned()),
            // A chain unknown here has addresses of its own.
            Err(e) if !self.index.contains_key(text) => return Err(e),
            Err(_) => {}
        }
        spellings.dedup();
        Ok(spellings.iter().filter_map(|s| self.index.get(s.as_str())).flatten().copied().collect())
    }

    /// What lists say of the parties of the ledger.
    pub fn labels(&self) -> LabelTable {
        let mut table = LabelTable::default();
        for party in &self.lists.parties {
            let info = self.lists.info(party);
            let (kind, source) = (kind(party, info.map(|i| i.format)), source(party, info));
            let label = Label {
                kind,
                actor: party.primary().into(),
                source: source.into(),
                // A pack says when it was written, not since when an address is whose it is.
                from: party.listed.filter(|_| kind == Kind::Sanctioned).and_then(|d| day(d, 0)),
                until: party.until.and_then(|d| day(d, 1)),
            };
            for listed in &party.addresses {
                let parsed = Address::parse(&listed.text).or_else(|_| Address::evm_any_case(&listed.text));
                let text = parsed.as_ref().map_or(listed.text.trim(), Address::text);
                for id in self.index.get(text).into_iter().flatten() {
                    let on = Chain::of_ledger(&self.ledger.parties[id.0 as usize].chain);
                    let same = parsed.as_ref().ok().zip(on).is_none_or(|(a, on)| a.chains().contains(&on));
                    if same {
                        table.add(*id, label.clone());
                    }
                }
            }
        }
        table
    }

    /// Parties of which every transaction is there: all, if the ledger is of whole blocks; else those whose own
    /// exports were read.
    pub fn covered(&self) -> Covered {
        let whole = |f: &LedgerFormat| {
            matches!(f, LedgerFormat::EtlCsv | LedgerFormat::EtlJson | LedgerFormat::BitcoinCore)
        };
        if !self.formats.is_empty() && self.formats.values().all(whole) {
            return Covered::All;
        }
        // Whoever is in every row of an export is whose export it is.
        let mut subjects: BTreeMap<SourceId, [Option<PartyId>; 2]> = BTreeMap::new();
        let m = &self.ledger.moves;
        for (n, citation) in m.citation.iter().enumerate() {
            // A node's answer is about logs or a block, not about all that a party did.
            if self.formats.get(&citation.source) == Some(&LedgerFormat::EvmRpc) {
                continue;
            }
            let both = [m.from[n], m.to[n]];
            let left = subjects.entry(citation.source).or_insert(both.map(Some));
            for one in left {
                *one = one.filter(|p| both.contains(p));
            }
        }
        let one = |both: [Option<PartyId>; 2]| match both.map(|p| p.filter(|p| *p != PartyId::NOBODY)) {
            // An export with one counterparty does not say which of the two it is of.
            [Some(a), Some(b)] if a != b => None,
            [a, b] => a.or(b),
        };
        let subjects = subjects.into_values().filter_map(one);
        Covered::These(subjects.chain(self.complete.iter().copied()).collect())
    }
}

/// Of whom a ledger has everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Covered {
    /// Of everybody.
    All,
    /// Of these.
    These(BTreeSet<PartyId>),
}

impl Covered {
    /// Whether it has everything of this one.
    pub fn has(&self, party: PartyId) -> bool {
        match self {
            Covered::All => true,
            Covered::These(these) => these.contains(&party),
        }
    }
}

/// Midnight of a day, `after` days later; a month or year that is all a list knows begins with its first day.
fn day(date: Date, after: i64) -> Option<Time> {
    let (year, month, day) = (i16::try_from(date.year).ok()?, date.month.max(1), date.day.max(1));
    let date = jiff::civil::Date::new(year, month as i8, day as i8).ok()?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(Time::from_unix_seconds(midnight + after * 86_400))
}

/// Who says so, and as of when.
fn source(party: &Party, info: Option<&palisade_money::screen::ListInfo>) -> String {
    let Some(info) = info else { return String::new() };
    match &info.version {
        Some(version) => format!("{}, {version}, entry {}", info.name, party.id),
        None => format!("{}, entry {}", info.name, party.id),
    }
}

/// What a party does, from the words lists have for it. Categories are those of TagPacks (INTERPOL's dark web and
/// virtual assets taxonomy) and words used in their place.
fn kind(party: &Party, format: Option<Format>) -> Kind {
    // Where a label comes from says nothing of what it labels.
    let about = |p: &&String| !p.starts_with("source:") && !p.starts_with("confidence:");
    let words: Vec<String> = party.programmes.iter().filter(about).map(|p| p.to_ascii_lowercase()).collect();
    let says = |any: &[&str]| words.iter().any(|w| any.iter().any(|a| w.contains(a)));
    // Lists of one purpose name whom they sanction; collections hold others, too, and say which are.
    let mixed =
        [Format::TagPack, Format::Own, Format::Ftm, Format::OpenSanctions, Format::Csl, Format::BisDenied];
    if format.is_some_and(|f| !mixed.contains(&f)) || says(&["sanction"]) {
        return Kind::Sanctioned;
    }
    if says(&["mixer", "mixing", "coinjoin", "tumbler"]) {
        Kind::Mixer
    } else if says(&["bridge"]) {
        Kind::Bridge
    } else if says(&["swapper", "instant exchange"]) {
        Kind::Swapper
    } else if says(&["hack", "theft", "heist", "exploit", "ransom", "scam", "ponzi", "extortion"]) {
        Kind::Theft
    } else if says(&["exchange", "hosted_wallet", "hosted wallet", "custod"]) {
        Kind::Exchange
    } else if says(&["payment_processor", "gambling", "market", "miner", "pool", "lending", "service"]) {
        Kind::Service
    } else {
        Kind::Other
    }
}

/// Ledgers of files and folders, read.
#[derive(Debug)]
pub struct LedgersRead {
    /// What they say.
    pub funds: Funds,
    /// The files, for citations.
    pub sources: Sources,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Evidence files looked at.
    pub files: u64,
}

/// Reads ledgers and lists of labels from files and folders, archives included; logs are passed over.
///
/// `lists`: files that are read as lists of any format known. `progress` hears of bytes read and of all.
///
/// # Errors
/// [`Error::Path`] for a path that does not exist.
pub fn read_ledgers(
    paths: &[PathBuf],
    lists: &[PathBuf],
    settings: LedgerSettings,
    limits: Limits,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<LedgersRead, Error> {
    for path in paths.iter().chain(lists) {
        std::fs::metadata(path).map_err(|reason| Error::Path { path: path.clone(), reason })?;
    }
    let (files, mut problems) = walk::list(paths, None);
    let total: u64 = files.iter().map(|f| f.1).sum();
    let intake = Mutex::new(Intake::new(settings));
    let bytes = AtomicU64::new(0);
    let mut sources = Sources::default();
    let mut walker = Walker {
        limits,
        bytes_read: &bytes,
        money: Some(&intake),
        logs: false,
        sources: 0,
        admit: &mut |file| {
            file.set_hash(hash_file(file));
            Admit::Read
        },
        emit: &mut |item| {
            match item {
                Item::Source(source) => sources.push(source),
                Item::Problem(problem) => problems.push(problem),
                Item::File(_) | Item::FileEnd(_) | Item::Piece(_) => {}
            }
            progress(bytes.load(std::sync::atomic::Ordering::Relaxed), total);
            ControlFlow::Continue(())
        },
    };
    for (path, size) in &files {
        if walker.file(path, *size).is_break() {
            break;
        }
    }
    let first = walker.sources;
    let mut intake = intake.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (n, path) in (first..).zip(lists) {
        let origin = Origin::file(path.display().to_string());
        let size = path.metadata().map_or(0, |m| m.len());
        let file = Arc::new(EvidenceFile::new(path.clone(), size));
        file.set_hash(hash_file(&file));
        sources.push(crate::evidence::Source { file, origin: origin.clone() });
        match File::open(path) {
            Ok(mut file) => {
                let lists = &mut intake.lists;
                let source = SourceId(n);
                problems.extend(walk::guarded(&origin, || lists.load(&mut file, source, &origin)));
            }
            Err(e) => {
                problems.push(Problem::new(ProblemCode::Io, &origin, None, format!("cannot open it: {e}")))
            }
        }
    }
    let (funds, more) = intake.finish();
    problems.extend(more);
    Ok(LedgersRead { funds, sources, problems, files: files.len() as u64 })
}
