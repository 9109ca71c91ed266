//! Arguments of `palisade campaign`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::CaseShowFormat;

/// `palisade campaign …`.
#[derive(Subcommand, Debug)]
pub enum CampaignCommand {
    /// Lists the campaigns of a case
    List(CampaignList),
    /// Shows one campaign: its steps, why they are together, and what would part them
    Show(CampaignShow),
    /// Explains why two findings (or campaigns) are together, or are not
    Explain(CampaignPair),
    /// Says that two findings (or campaigns) belong together, whatever is computed
    #[command(alias = "merge")]
    Pin(CampaignWord),
    /// Says that two findings do not belong together
    Cut(CampaignWord),
    /// Says that an observable joins nothing
    Exclude(CampaignExclude),
    /// Takes such a word back
    Undo(CampaignUndo),
    /// Shows when campaigns came, grew, shrank, merged and went
    Changes(CampaignChanges),
    /// Groups alerts of any source: a CSV file in, `id,group` out
    Group(CampaignGroup),
}

/// `palisade campaign list`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade campaign list --case cases/2026-031
  palisade campaign list --case cases/2026-031 --format json | jq '.campaigns[].id'")]
pub struct CampaignList {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CaseShowFormat::Table)]
    pub format: CaseShowFormat,
}

/// `palisade campaign show`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade campaign show --case cases/2026-031 c-5f0a
  palisade campaign show --case cases/2026-031 c-5f0a --format json")]
pub struct CampaignShow {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Id of the campaign, or its beginning; former ids count
    #[arg(value_name = "CAMPAIGN")]
    pub campaign: String,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CaseShowFormat::Table)]
    pub format: CaseShowFormat,
}

/// `palisade campaign explain`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade campaign explain --case cases/2026-031 7c7fcd0f d1aa7482
  palisade campaign explain --case cases/2026-031 c-5f0a c-91be      why these two are not one")]
pub struct CampaignPair {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// A finding or a campaign: its id, or the beginning of it
    #[arg(value_name = "A")]
    pub a: String,
    /// Another
    #[arg(value_name = "B")]
    pub b: String,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CaseShowFormat::Table)]
    pub format: CaseShowFormat,
}

/// `palisade campaign pin` and `cut`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade campaign pin --case cases/2026-031 7c7fcd0f d1aa7482 --reason \"same operator, see mail of 3 May\"
  palisade campaign merge --case cases/2026-031 c-5f0a c-91be --reason \"…\"
  palisade campaign cut --case cases/2026-031 7c7fcd0f d1aa7482 --reason \"penetration test\"")]
pub struct CampaignWord {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// A finding or a campaign: its id, or the beginning of it
    #[arg(value_name = "A")]
    pub a: String,
    /// Another
    #[arg(value_name = "B")]
    pub b: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who says so (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
}

/// `palisade campaign exclude`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade campaign exclude --case cases/2026-031 ip:203.0.113.7 --reason \"our own scanner\"")]
pub struct CampaignExclude {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// The observable, as `kind:value`
    #[arg(value_name = "OBSERVABLE")]
    pub observable: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who says so (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
}

/// `palisade campaign undo`.
#[derive(ClapArgs, Debug)]
pub struct CampaignUndo {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Number of the word, as it was said when it was given (`palisade case verdict list` lists all)
    #[arg(value_name = "N")]
    pub id: i64,
}

/// `palisade campaign changes`.
#[derive(ClapArgs, Debug)]
pub struct CampaignChanges {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
}

/// `palisade campaign group`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
The file has the columns id, time, host, short, ip, name and perhaps org, in any order, with a heading; others are
ignored. `time` is Unix seconds or an RFC 3339 time, `short` the detector. It may be compressed with zstd (.zst) or
gzip (.gz), and - is standard input.

Sensitivity: 0 to 0.5 steps, more and more tolerant of pauses; to 0.7 bursts join what they meet; to 0.95 campaigns:
unusual things that follow each other on one machine; 1 everything.

Examples:
  palisade campaign group --alerts alerts.csv.zst > groups.csv
  palisade campaign group --alerts alerts.csv --sensitivity 0.3 --format csv")]
pub struct CampaignGroup {
    /// Alerts, as CSV
    #[arg(long, value_name = "FILE")]
    pub alerts: PathBuf,
    /// How much is joined, from 0 to 1
    #[arg(long, value_name = "X", default_value_t = 0.8)]
    pub sensitivity: f64,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = GroupFormat::Csv)]
    pub format: GroupFormat,
    /// Where to write (standard output if not given)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Forms of groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum GroupFormat {
    /// `id,group`, a line an alert, in the order of the file
    Csv,
    /// The largest groups, to look at
    Table,
}
