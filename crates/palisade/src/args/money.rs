//! Arguments of `palisade trace` and `palisade screen`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::{CaseFormat, size};

/// `palisade trace`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade trace 0x5f3a… --ledger ledger/
      where it went, how much is where now, and why the trace ends there; haircut rule
  palisade trace 5e1c…(transaction) --ledger blocks.ndjson.zst --method fifo --format html -o flow.html
  palisade trace --from stolen.txt --ledger exports/ --labels sdn.csv tagpacks/*.yaml --format ndjson
      one object per edge, per reached address, per place where it ends
  palisade trace 0x5f3a… --ledger ledger/ --backward --method fifo --labels sdn.csv
      where what it ever received came from, unit by unit, and who of the labelled had it, directly or by way of others
  palisade trace 0x5f3a… --ledger exports/ --needs needs.csv
      the addresses whose transactions are missing, to fetch and add
  palisade trace bc1q… --fetch http://127.0.0.1:3002/api --fetch-to fetched/
      asks your own Esplora for them, hop by hop; the answers stay in fetched/ with their hashes, and
      `--ledger fetched/` gives the same trace again without a network

Rules: poison (an upper bound: everything that touched it), haircut (in proportion), fifo, lifo, tiho (outputs only).
Amounts are exact in the smallest unit under the rule named. A trace does not go through a labelled service, mixer or
bridge; pairs of deposits and withdrawals are shown as scored guesses. No figure in a currency without --prices.
Ledgers: Etherscan CSV, ethereum-etl and bitcoin-etl (CSV, NDJSON, Parquet), Esplora, bitcoind, TronGrid, Solana, other
tables with --mapping. Nothing is fetched but with --fetch.")]
pub struct Trace {
    /// Addresses or transactions to start at (also TX:OUTPUT)
    #[arg(value_name = "ADDRESS|TX")]
    pub starts: Vec<String>,
    /// More of them, or files with one per line
    #[arg(long, value_name = "ADDRESS|TX|FILE", num_args = 1..)]
    pub from: Vec<String>,
    /// Files and folders with ledgers
    #[arg(long, required_unless_present = "fetch", value_name = "PATH", num_args = 1.., help_heading = "Evidence")]
    pub ledger: Vec<PathBuf>,
    /// Asks your own Esplora (base of its API), or EVM node (its JSON-RPC), for transactions that are missing
    #[arg(long, value_name = "URL", requires = "fetch_to", help_heading = "Evidence")]
    pub fetch: Option<String>,
    /// Folder in which the answers are kept, with their hashes
    #[arg(long, value_name = "DIR", requires = "fetch", help_heading = "Evidence")]
    pub fetch_to: Option<PathBuf>,
    /// Blocks of an EVM node to read whole: FIRST-LAST
    #[arg(long, value_name = "RANGE", requires = "fetch", help_heading = "Evidence")]
    pub fetch_blocks: Option<String>,
    /// Most requests of one run
    #[arg(long, value_name = "N", default_value_t = 500, help_heading = "Evidence")]
    pub fetch_limit: u32,
    /// What is known of addresses: TagPacks, sanctions lists, own tables
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Evidence")]
    pub labels: Vec<PathBuf>,
    /// The chain, where the evidence does not say: ethereum, eip155:56, litecoin, …
    #[arg(long, value_name = "NAME", help_heading = "Evidence")]
    pub chain: Option<String>,
    /// Columns of other tables (TOML; docs/formats/ledger.md)
    #[arg(long, value_name = "FILE", help_heading = "Evidence")]
    pub mapping: Option<PathBuf>,
    /// Memory that ledgers may take; larger ones are read twice, and what the trace can touch is kept
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size, help_heading = "Evidence")]
    pub memory: usize,
    /// Rule by which taint moves
    #[arg(long, value_enum, default_value_t = MethodName::Haircut, help_heading = "Rule")]
    pub method: MethodName,
    /// Where the funds came from instead of where they went; the rule on the ledger turned round (not tiho)
    #[arg(long, help_heading = "Rule")]
    pub backward: bool,
    /// One asset only: its contract or symbol, or the chain's name for its coin
    #[arg(long, value_name = "ASSET", help_heading = "Rule")]
    pub asset: Option<String>,
    /// The ledgers end at this moment, and what rests is what rested then: RFC 3339, YYYY-MM-DD
    #[arg(long, value_name = "TIME", help_heading = "Rule")]
    pub until: Option<String>,
    /// Does not follow transfers of less (in the unit people use; needs --asset); what that cuts is shown with who sent it
    #[arg(long, value_name = "AMOUNT", requires = "asset", help_heading = "Rule")]
    pub floor: Option<String>,
    /// Follows at most so many transfers in a row
    #[arg(long, value_name = "N", default_value_t = 1_000, help_heading = "Rule")]
    pub max_hops: u32,
    /// Takes no pair of transfers for a swap: every asset is followed by itself
    #[arg(long, help_heading = "Rule")]
    pub no_swaps: bool,
    /// Addresses that are not one owner's though transactions say so, or a transaction that says nothing of owners; also
    /// files with one per line. Takes a merge apart
    #[arg(long, value_name = "ADDRESS,ADDRESS|TX|FILE", num_args = 1.., help_heading = "Rule")]
    pub reject_link: Vec<String>,
    /// Each start is a source of its own, told apart in the output
    #[arg(long, help_heading = "Rule")]
    pub separate: bool,
    /// Prices: CSV with date, asset (a token's contract or chain:contract, a coin's symbol or chain), currency, price; values at the day of each transfer
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub prices: Option<PathBuf>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = TraceFormat::Table, help_heading = "Output")]
    pub format: TraceFormat,
    /// Writes the output to a file instead of standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Writes the addresses whose transactions are missing to a file (CSV)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub needs: Option<PathBuf>,
    /// Zone in which times are shown (UTC if not given)
    #[arg(long, value_name = "ZONE", help_heading = "Output")]
    pub display_timezone: Option<String>,
    /// Says nothing on standard error but errors
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// Rules of taint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum MethodName {
    /// Everything that touched it
    Poison,
    /// In proportion
    Haircut,
    /// First in, first out
    Fifo,
    /// Last in, first out
    Lifo,
    /// Taint in, highest out
    Tiho,
}

/// Forms of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TraceFormat {
    /// For people
    Table,
    /// One object
    Json,
    /// An object per edge, reached address, end, exposure, guess, and a summary
    Ndjson,
    /// Graphviz
    Dot,
    /// A page with a picture
    Html,
}

/// `palisade screen`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade screen \"Kim Yong-chol\" --list sdn.csv alt.csv add.csv
  palisade screen 0x098B716B8Aaf21512996dC57EB0615e2383E2f96 --list sdn.csv sdn_comments.csv
  palisade screen clients.csv --list sdn_advanced.xml UN_consolidated.xml --format ndjson
      clients.csv: name, and where known schema, birth_date, country, id, passport, tax_id, number, address, host
  palisade screen --list sdn.csv --queries clients.csv --case cases/clients
  palisade screen --list sdn-new.csv --queries clients.csv --case cases/clients --changed
      the case remembers what was asked and what was said of hits; --changed asks only new clients, and all others of
      entries that are new or changed. `palisade case hits DIR` lists hits, `palisade case verdict add DIR HIT --kind
      false_positive` settles one until client or entry change
  palisade screen --list sdn_advanced.xml --convert tagpack -o sdn.yaml
      the addresses of a list, as labels for `palisade trace --labels`
  palisade screen --pairs pairs.csv
      name1,name2,schema: the score of each pair, to calibrate or to compare

A score is a probability fitted on pairs; 1.00 is an address that is listed, a number of one kind and country, or an identical
name that something else confirms, and only where nothing speaks against it. Each hit says what agrees and what does not.
Who is off the list, or not yet on it, is told apart and no alert; a company of which listed parties own more than half
together, themselves or through others, is. Nothing is decided for you.")]
pub struct Screen {
    /// Names, addresses, numbers or hosts; files ….csv are tables of them, as with --queries
    #[arg(value_name = "NAME|ADDRESS|HOST|FILE.csv")]
    pub queries: Vec<String>,
    /// Lists: OFAC (CSV, XML, advanced XML), UN, EU, UK, BIS, CSL, OpenSanctions, FtM, TagPack, own tables
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub list: Vec<PathBuf>,
    /// A table of queries (CSV with a header)
    #[arg(long = "queries", value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// A table of pairs (CSV: name1, name2, schema): scores each
    #[arg(long, value_name = "FILE", conflicts_with_all = ["table", "queries"])]
    pub pairs: Option<PathBuf>,
    /// Remembers what was asked and found in a case
    #[arg(long, value_name = "DIR", help_heading = "Case")]
    pub case: Option<PathBuf>,
    /// Asks only what is new or changed since the case was asked last
    #[arg(long, help_heading = "Case")]
    pub changed: bool,
    /// Shows also hits that somebody said are somebody else
    #[arg(long, requires = "case", help_heading = "Case")]
    pub settled: bool,
    /// Writes the lists themselves in another form instead of screening
    #[arg(long, value_enum, value_name = "FORM", conflicts_with_all = ["table", "queries", "pairs", "case"])]
    pub convert: Option<ListForm>,
    /// Kind of the names given: Person, Company, Organization, Vessel, …
    #[arg(long, value_name = "SCHEMA")]
    pub schema: Option<String>,
    /// Hits from this score on
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    pub threshold: f64,
    /// Most hits of one query
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
    /// Only who was listed on this day (YYYY-MM-DD), instead of today; --convert writes what was in force then
    #[arg(long, value_name = "DAY")]
    pub on: Option<String>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = ScreenFormat::Table)]
    pub format: ScreenFormat,
    /// Writes the output to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Threads
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Says nothing on standard error but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Forms of lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ListForm {
    /// FollowTheMoney entities, one JSON object a line
    Ftm,
    /// A TagPack of the addresses (YAML)
    Tagpack,
}

/// Forms of a screening.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ScreenFormat {
    /// For people
    Table,
    /// An object per hit
    Ndjson,
    /// A row per hit
    Csv,
}

/// `palisade case hits`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case hits cases/clients
  palisade case hits cases/clients --open --format csv
  palisade case verdict add cases/clients 3f2a…(hit) --kind false_positive --reason 'born 1988, the entry 1951'")]
pub struct CaseHits {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Only hits that nobody has spoken of, and whose entry and query are still as they were
    #[arg(long)]
    pub open: bool,
    /// Most hits shown
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub limit: u64,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CaseFormat::Table)]
    pub format: CaseFormat,
}
