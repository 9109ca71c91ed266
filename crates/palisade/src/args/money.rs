//! Arguments of `palisade trace` and `palisade screen`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// `palisade trace`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade trace 0x5f3a… --ledger ledger/
      where it went, how much is where now, and why the trace ends there; haircut rule
  palisade trace 5e1c…(transaction) --ledger blocks.ndjson.zst --method fifo --format html -o flow.html
  palisade trace --from stolen.txt --ledger exports/ --labels sdn.csv tagpacks/*.yaml --format ndjson
      one object per edge, per reached address, per place where it ends
  palisade trace 0x5f3a… --ledger exports/ --needs needs.csv
      the addresses whose transactions are missing, to fetch and add

Rules: poison (an upper bound: everything that touched it), haircut (in proportion), fifo, lifo, tiho (outputs only).
Amounts are exact in the smallest unit under the rule named. A trace does not go through a labelled service, mixer or
bridge; pairs of deposits and withdrawals are shown as scored guesses. No figure in a currency without --prices.
Ledgers: Etherscan CSV, ethereum-etl and bitcoin-etl (CSV, NDJSON, Parquet), Esplora, bitcoind, TronGrid, Solana, other
tables with --mapping. Nothing is fetched.")]
pub struct Trace {
    /// Addresses or transactions to start at (also TX:OUTPUT)
    #[arg(value_name = "ADDRESS|TX")]
    pub starts: Vec<String>,
    /// More of them, or files with one per line
    #[arg(long, value_name = "ADDRESS|TX|FILE", num_args = 1..)]
    pub from: Vec<String>,
    /// Files and folders with ledgers
    #[arg(long, required = true, value_name = "PATH", num_args = 1.., help_heading = "Evidence")]
    pub ledger: Vec<PathBuf>,
    /// What is known of addresses: TagPacks, sanctions lists, own tables
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Evidence")]
    pub labels: Vec<PathBuf>,
    /// The chain, where the evidence does not say: ethereum, eip155:56, litecoin, …
    #[arg(long, value_name = "NAME", help_heading = "Evidence")]
    pub chain: Option<String>,
    /// Columns of other tables (TOML; docs/formats/ledger.md)
    #[arg(long, value_name = "FILE", help_heading = "Evidence")]
    pub mapping: Option<PathBuf>,
    /// Rule by which taint moves
    #[arg(long, value_enum, default_value_t = MethodName::Haircut, help_heading = "Rule")]
    pub method: MethodName,
    /// One asset only: its contract or symbol, or the chain's name for its coin
    #[arg(long, value_name = "ASSET", help_heading = "Rule")]
    pub asset: Option<String>,
    /// Follows nothing after this moment: RFC 3339, YYYY-MM-DD
    #[arg(long, value_name = "TIME", help_heading = "Rule")]
    pub until: Option<String>,
    /// Leaves out transfers of less (in the unit people use; needs --asset); what is left out is counted
    #[arg(long, value_name = "AMOUNT", requires = "asset", help_heading = "Rule")]
    pub floor: Option<String>,
    /// Follows at most so many transfers in a row
    #[arg(long, value_name = "N", default_value_t = 1_000, help_heading = "Rule")]
    pub max_hops: u32,
    /// Each start is a source of its own, told apart in the output
    #[arg(long, help_heading = "Rule")]
    pub separate: bool,
    /// Prices: CSV with date, asset (a token's contract, a coin's symbol or chain), currency, price; values at the day of each transfer
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
  palisade screen --list sdn_advanced.xml UN_consolidated.xml --queries clients.csv --format ndjson
      clients.csv: name, and where known schema, birth_date, country, id, address, host
  palisade screen --pairs pairs.csv
      name1,name2,schema: the score of each pair, to calibrate or to compare

A score is a probability fitted on pairs; it never says 1.00 of names that are not identical. Each hit says which words
agree and which speak against it. Nothing is decided for you.")]
pub struct Screen {
    /// Names, addresses or hosts
    #[arg(value_name = "NAME|ADDRESS|HOST")]
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
    /// Kind of the names given: Person, Company, Organization, Vessel, …
    #[arg(long, value_name = "SCHEMA")]
    pub schema: Option<String>,
    /// Hits from this score on
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    pub threshold: f64,
    /// Most hits of one query
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
    /// Who was listed on this day (YYYY-MM-DD), not only who is
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
