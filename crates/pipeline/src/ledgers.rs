//! From evidence to one ledger: what readers of money are given, and what lists say of the addresses in it.
//!
//! Ledgers of all files become one, since a coin's way leads from file to file. A list of labels among the evidence
//! (a TagPack) is read as what it is. What this module never does: decide where money went (`money::trace` does).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_model::{Address, Chain, Limits, Origin, Problem, ProblemCode, SourceId, Time, transaction_id};
use palisade_money::ledger::{ChooseError, Limits as MoneyLimits, MoveKind, PartyId, Seeds, Survey};
use palisade_money::read::{self, LedgerFormat, Mapping};
use palisade_money::screen::{Date, Format, Lists, Party};
use palisade_money::trace::{Kind, Label, LabelTable};
use palisade_money::{Ledger, LedgerBuilder};
use palisade_store::{ParquetLines, is_parquet};

use crate::evidence::{EvidenceFile, Sources};
use crate::run::{Error, hash_file};
use crate::spill::DiskSpill;
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

/// How far into a file its kind of list shows.
const LIST_HEAD: usize = 8 << 10;

/// Whether a file is a list of labels or of who is sanctioned, beyond doubt: tables of one's own look like any other table.
fn is_list(head: &[u8]) -> bool {
    let head = head.get(..LIST_HEAD).unwrap_or(head);
    let has = |key: &[u8]| head.windows(key.len()).any(|w| w == key);
    match Format::sniff(head) {
        None | Some(Format::Own) => false,
        // Any JSON could be one; entities have these keys, near their beginning.
        Some(Format::Ftm) => has(b"\"schema\"") && has(b"\"properties\"") && has(b"\"id\""),
        Some(_) => true,
    }
}

/// Bytes that ledgers among other evidence may take: an investigation follows what it has at hand, a trace reads any size.
const AMONG_OTHERS: usize = 2 << 30;

/// Takes ledgers and labels as the walker meets them.
pub(crate) struct Intake {
    settings: LedgerSettings,
    builder: LedgerBuilder,
    lists: Lists,
    formats: BTreeMap<SourceId, LedgerFormat>,
}

impl Default for Intake {
    fn default() -> Intake {
        Intake {
            settings: LedgerSettings::default(),
            builder: LedgerBuilder::new(MoneyLimits { bytes: AMONG_OTHERS, ..MoneyLimits::default() }),
            lists: Lists::default(),
            formats: BTreeMap::new(),
        }
    }
}

impl Intake {
    /// What a file is by its first bytes, if it is of money.
    pub(crate) fn sniff(&self, head: &[u8]) -> Option<Money> {
        if let Some(format) = read::sniff(head) {
            return Some(Money::Ledger(format));
        }
        if is_parquet(head) {
            return Some(Money::Parquet);
        }
        // A list is text. Looking for one in each of many small event logs cost a tenth of reading them.
        let text = !head.is_empty() && !head.contains(&0);
        if text && is_list(head) {
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
        let found = |spelling: &str| self.index.get(spelling).cloned().unwrap_or_default();
        let address = match Address::parse(text).or_else(|e| Address::evm_any_case(text).map_err(|_| e)) {
            Ok(address) => address,
            // A chain unknown here has addresses of its own.
            Err(e) if !self.index.contains_key(text) => return Err(e),
            Err(_) => return Ok(found(text)),
        };
        let mut parties = found(text);
        if address.text() != text {
            parties.extend(found(address.text()));
        }
        if parties.is_empty() {
            // The ledgers may write the same key in another way.
            parties = address.spellings().iter().flat_map(|s| found(s.text())).collect();
        }
        Ok(parties)
    }

    /// What lists say of the parties of the ledger.
    pub fn labels(&self) -> LabelTable {
        let mut table = LabelTable::default();
        for party in &self.lists.parties {
            let info = self.lists.info(party);
            let source = source(party, info);
            // A pack's entry ends as a whole; what leaves a sanctions list stays the service that it is.
            let whole = info.is_some_and(|i| matches!(i.format, Format::TagPack | Format::Own));
            let label = |kind: Kind| Label {
                kind,
                actor: party.primary().into(),
                source: source.as_str().into(),
                // A pack says when it was written, not since when an address is whose it is.
                from: party.listed.filter(|_| kind == Kind::Sanctioned).and_then(|d| day(d, 0)),
                until: party.until.filter(|_| whole || kind == Kind::Sanctioned).and_then(|d| day(d, 1)),
            };
            let kinds = kinds(party, info.map(|i| i.format));
            for listed in &party.addresses {
                let parsed = Address::parse(&listed.text).or_else(|_| Address::evm_any_case(&listed.text));
                let Ok(parsed) = parsed else {
                    let all = self.index.get(listed.text.trim()).into_iter().flatten();
                    all.for_each(|id| kinds.iter().for_each(|k| table.add(*id, label(*k))));
                    continue;
                };
                // Whoever has a key has it in every way in which it is written.
                for address in parsed.spellings() {
                    for id in self.index.get(address.text()).into_iter().flatten() {
                        let on = Chain::of_ledger(&self.ledger.parties[id.0 as usize].chain);
                        if on.is_none_or(|on| address.chains().contains(&on)) {
                            kinds.iter().for_each(|k| table.add(*id, label(*k)));
                        }
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
            // The fee of a payment to an account is somebody else's.
            if m.kind[n] == MoveKind::Fee {
                continue;
            }
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
///
/// What is sanctioned can be a service as well: both are said.
fn kinds(party: &Party, format: Option<Format>) -> Vec<Kind> {
    // Where a label comes from says nothing of what it labels.
    let about = |p: &&String| !p.starts_with("source:") && !p.starts_with("confidence:");
    let words: Vec<String> = party.programmes.iter().filter(about).map(|p| p.to_ascii_lowercase()).collect();
    let one_of = |w: &str, any: &[&str]| any.iter().any(|a| w.contains(a));
    // Lists of one purpose name whom they sanction; collections hold others, too, and say which are.
    let mixed =
        [Format::TagPack, Format::Own, Format::Ftm, Format::OpenSanctions, Format::Csl, Format::BisDenied];
    let by_name =
        || format == Some(Format::TagPack) && SANCTIONERS.iter().any(|s| has_word(party.primary(), s));
    let sanctioned = format.is_some_and(|f| !mixed.contains(&f))
        || words.iter().any(|w| one_of(w, &["sanction"]))
        || by_name();
    let theft = words.iter().any(|w| one_of(w, &THEFT));
    // What was done to a service says nothing of what it is.
    let says = |any: &[&str]| words.iter().any(|w| one_of(w, any) && !one_of(w, &THEFT));
    let pool = if says(&["mixer", "mixing", "coinjoin", "tumbler"]) {
        Some(Kind::Mixer)
    } else if says(&["bridge"]) {
        Some(Kind::Bridge)
    } else if says(&["swapper", "instant exchange"]) {
        Some(Kind::Swapper)
    } else if says(&["exchange", "hosted_wallet", "hosted wallet", "custod"]) {
        Some(Kind::Exchange)
    } else if says(&["payment_processor", "gambling", "market", "miner", "pool", "lending", "service"]) {
        Some(Kind::Service)
    } else {
        None
    };
    let kinds = [sanctioned.then_some(Kind::Sanctioned), theft.then_some(Kind::Theft), pool];
    let kinds: Vec<Kind> = kinds.into_iter().flatten().collect();
    if kinds.is_empty() { vec![Kind::Other] } else { kinds }
}

/// Words for taking what is not one's own.
const THEFT: [&str; 15] = [
    "hack",
    "theft",
    "heist",
    "exploit",
    "ransom",
    "scam",
    "ponzi",
    "pyramid",
    "extortion",
    "phishing",
    "fraud",
    "black_list",
    "blacklist",
    "terroris",
    "perpetrator",
];

/// Who sanctions, as labels name them: the pack of OFAC's addresses calls its entries so and gives no category of that kind.
const SANCTIONERS: [&str; 3] = ["ofac", "sdn", "ofsi"];

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|w| w.eq_ignore_ascii_case(word))
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
    /// What was kept, if not all was.
    pub selected: Option<Selected>,
}

/// How much memory a ledger may take, and what is to be followed in it if it would take more.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    /// Bytes.
    pub memory: u64,
    /// Addresses, transactions (`id`) or outputs (`id:number`) that a trace starts from.
    pub starts: &'a [String],
    /// It goes back.
    pub backward: bool,
}

/// How far reading is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Everything is read and kept.
    Whole,
    /// It is too large: who dealt with whom is noted.
    Survey,
    /// What a trace touches is looked for.
    Choose,
    /// What it touches is read and kept.
    Chosen,
}

/// What was kept of a ledger that is too large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selected {
    /// Steps, inputs and outputs of all of it.
    pub records: u64,
    /// Of those kept.
    pub rows: u64,
    /// Addresses and outputs that funds can have reached.
    pub reached: u64,
}

/// Reads ledgers and lists of labels from files and folders, archives included; logs are passed over.
///
/// `lists`: files that are read as lists of any format known. A ledger that does not fit into `room` is read twice, and what a
/// trace from its starts touches is kept ([`palisade_money::ledger::Survey`]). `progress` hears of bytes read and of all; while
/// it is chosen, of records gone over and of 0.
///
/// # Errors
/// [`Error::Path`] for a path that does not exist, [`Error::Room`] if what the trace touches does not fit either.
pub fn read_ledgers(
    paths: &[PathBuf],
    lists: &[PathBuf],
    settings: &LedgerSettings,
    limits: Limits,
    room: Room<'_>,
    progress: &mut dyn FnMut(Stage, u64, u64),
) -> Result<LedgersRead, Error> {
    for path in paths.iter().chain(lists) {
        std::fs::metadata(path).map_err(|reason| Error::Path { path: path.clone(), reason })?;
    }
    let mut scan = |builder: LedgerBuilder, stage: Stage| {
        let intake = Intake { settings: settings.clone(), builder, ..Intake::default() };
        Scanned::new(paths, lists, intake, limits, &mut |bytes, total| progress(stage, bytes, total))
    };
    let money = |bytes: u64| MoneyLimits {
        bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        ..MoneyLimits::default()
    };
    // While rows are put together they are there twice.
    let whole = scan(LedgerBuilder::new(money(room.memory / 2)), Stage::Whole);
    if !whole.intake.builder.is_full() {
        return Ok(whole.finish(None));
    }
    drop(whole);
    let spill = Arc::new(DiskSpill::default());
    let surveyed = scan(LedgerBuilder::survey(MoneyLimits::default(), spill), Stage::Survey);
    let before = surveyed.sources.hashes();
    let Intake { builder, lists: labels, .. } = surveyed.intake;
    let Some(survey) = builder.surveyed() else { return Err(Error::Spill(ErrorKind::Other.into())) };
    let survey = survey.map_err(Error::Spill)?;
    let seeds = seeds(&survey, &labels, room.starts);
    drop(labels);
    let chosen = survey
        .choose(&seeds, room.backward, room.memory, &mut |records| progress(Stage::Choose, records, 0))
        .map_err(|e| match e {
            ChooseError::Io(reason) => Error::Spill(reason),
            e => Error::Room { memory: room.memory, reason: e.to_string() },
        })?;
    let selected = Selected { records: survey.records(), rows: chosen.rows, reached: chosen.reached };
    drop(survey);
    let mut scan = |builder: LedgerBuilder, stage: Stage| {
        let intake = Intake { settings: settings.clone(), builder, ..Intake::default() };
        Scanned::new(paths, lists, intake, limits, &mut |bytes, total| progress(stage, bytes, total))
    };
    let kept = scan(LedgerBuilder::of_chosen(MoneyLimits::default(), chosen), Stage::Chosen);
    let changed = kept.sources.hashes() != before;
    let mut read = kept.finish(Some(selected));
    if changed {
        let message = "the ledgers changed while they were read twice: what is new in them may be missing";
        read.problems.push(Problem::new(ProblemCode::Io, &Origin::file("ledgers"), None, message));
    }
    Ok(read)
}

/// Where a trace begins, on every chain that there is, and the services that it does not go through.
fn seeds(survey: &Survey, lists: &Lists, starts: &[String]) -> Seeds {
    let mut seeds = Seeds::default();
    for text in starts.iter().map(|t| t.trim()) {
        for chain in survey.chains() {
            for address in spellings(text) {
                seeds.party(chain, &address);
            }
            if let Some(id) = transaction_id(text) {
                seeds.tx(chain, &id);
            }
            if let Some((id, n)) = text.rsplit_once(':')
                && let (Some(id), Ok(n)) = (transaction_id(id), n.parse())
            {
                seeds.output(chain, &id, n);
            }
        }
    }
    for party in &lists.parties {
        let format = lists.info(party).map(|i| i.format);
        // A label that ends, or begins, does not stop every trace.
        if party.until.is_some() || !kinds(party, format).iter().any(|k| k.pools()) {
            continue;
        }
        for listed in &party.addresses {
            for address in spellings(&listed.text) {
                survey.chains().iter().for_each(|chain| seeds.stop(chain, &address));
            }
        }
    }
    seeds
}

/// An address as somebody writes it, and in all ways in which ledgers may have it.
fn spellings(text: &str) -> Vec<String> {
    let text = text.trim();
    let parsed = Address::parse(text).or_else(|e| Address::evm_any_case(text).map_err(|_| e));
    let all = parsed.map(|a| a.spellings()).unwrap_or_default();
    let all = all.iter().map(|a| a.text().to_owned()).filter(|a| a != text);
    all.chain([text.to_owned()]).collect()
}

/// All files, gone through once.
struct Scanned {
    intake: Intake,
    sources: Sources,
    problems: Vec<Problem>,
    files: u64,
}

impl Scanned {
    fn new(
        paths: &[PathBuf],
        lists: &[PathBuf],
        intake: Intake,
        limits: Limits,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Scanned {
        let (files, mut problems) = walk::list(paths, None);
        let total: u64 = files.iter().map(|f| f.1).sum();
        let intake = Mutex::new(intake);
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
            let full = || intake.lock().unwrap_or_else(PoisonError::into_inner).builder.is_full();
            if full() || walker.file(path, *size).is_break() {
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
                    let message = format!("cannot open it: {e}");
                    problems.push(Problem::new(ProblemCode::Io, &origin, None, message));
                }
            }
        }
        Scanned { intake, sources, problems, files: files.len() as u64 }
    }

    fn finish(self, selected: Option<Selected>) -> LedgersRead {
        let Scanned { intake, sources, mut problems, files } = self;
        let (funds, more) = intake.finish();
        problems.extend(more);
        LedgersRead { funds, sources, problems, files, selected }
    }
}
