//! Arguments of `palisade report`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// `palisade report`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade report --case cases/2026-031 -o report.html
  palisade report --case cases/2026-031 --format pdf --edition decision-maker -o board.pdf
  palisade report --case cases/2026-031 --preview              what would leave the house, and what would not
  palisade report --case cases/2026-031 --format stix --release amber -o bundle.json
  palisade report --case cases/2026-031 --edition constituent --release green --format html -o warning.html

What goes to others (a STIX bundle, the edition for constituents) is made only with --release, which says how far it
may travel; look at --preview first.")]
pub struct Report {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Form
    #[arg(long, value_enum, default_value_t = ReportFormat::Html)]
    pub format: ReportFormat,
    /// For whom
    #[arg(long, value_enum, default_value_t = EditionName::Technical)]
    pub edition: EditionName,
    /// Marking of what stays in the house
    #[arg(long, value_enum, default_value_t = TlpName::Red)]
    pub tlp: TlpName,
    /// Releases to others, as far as this; victims' data is replaced
    #[arg(long, value_name = "TLP", value_enum)]
    pub release: Option<TlpName>,
    /// Shows what a release would withhold and what would leave, and makes nothing
    #[arg(long, conflicts_with_all = ["release", "output"])]
    pub preview: bool,
    /// Name of the case in the report (the folder's name if not given)
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Who answers for it (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
    /// Your own words: Markdown files, each a paragraph with its first heading; [[finding:ID]] cites
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub words: Vec<PathBuf>,
    /// How dates and numbers are written: en, de, fr, ko, ja, uk
    #[arg(long, value_name = "TAG", default_value = "en")]
    pub locale: String,
    /// Sentences in another language: a file like knowledge/messages/en.toml
    #[arg(long, value_name = "FILE")]
    pub messages: Option<PathBuf>,
    /// Zone in which times are shown: Europe/Kyiv, +02:00
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Fonts for letters that the built-in one lacks (PDF)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub fonts: Vec<PathBuf>,
    /// Where to write (standard output if not given)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Forms of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportFormat {
    /// One page that needs nothing else, and prints well
    Html,
    /// GitHub-flavoured Markdown
    Md,
    /// Portable document
    Pdf,
    /// Everything, exact, for programs
    Json,
    /// STIX 2.1 bundle
    Stix,
    /// Layer of the ATT&CK Navigator
    Navigator,
}

/// Editions of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum EditionName {
    /// Everything
    Technical,
    /// Two pages: what happened, how sure, how grave, what to decide
    DecisionMaker,
    /// What others should check on their side
    Constituent,
}

/// Traffic Light Protocol 2.0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TlpName {
    /// No limit
    Clear,
    /// The community
    Green,
    /// The organisation and its clients
    Amber,
    /// The organisation only
    AmberStrict,
    /// The named recipients only
    Red,
}
