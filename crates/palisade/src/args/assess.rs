//! Arguments of `palisade assess` and `palisade intel`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

/// `palisade assess`.
#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  palisade assess --case cases/2026-031
      for each campaign: who could be behind it and how likely, somebody unknown among them, what speaks for and
      against, what would change it, what is usually seen beside it and whether it would be found here; a draft
  palisade assess adopt --case cases/2026-031 c-5f0a --reason \"method, victims and hours fit\"
      an analyst stands for the draft; only then it leaves the house, and only while campaign and knowledge stay as they are
  palisade assess override --case cases/2026-031 c-5f0a --actor unknown --likelihood 0.7 --confidence low --reason \"…\"
  palisade assess history --case cases/2026-031
      who adopted what, when, and whether it still holds
  palisade assess --incidents incidents.json
      one JSON object per line: the chance of each group, of somebody unknown, of each state; each sums to 1
  palisade assess --incidents incidents.json --knowledge enterprise-attack.json --as-of 2023-01-01
      only what had been published before January 2023

An incident is {\"id\", \"date\", \"techniques\": [\"T1566.001\"], \"software\": [\"S0002\"]}. Below five items that are not public
tools the answer is \"insufficient\" and the chances are those before any evidence.")]
pub struct Assess {
    /// The analyst's word on a draft
    #[command(subcommand)]
    pub command: Option<AssessCommand>,
    /// A JSON array of incidents
    #[arg(long, value_name = "FILE", required_unless_present = "case")]
    pub incidents: Option<PathBuf>,
    /// A case: its campaigns, by techniques, software, addresses, files, wallets, and who was hit
    #[arg(long, value_name = "DIR", conflicts_with = "incidents")]
    pub case: Option<PathBuf>,
    /// Recorded incidents (CSV of EuRepoC or CFR) instead of those the case keeps: which sectors such actors usually hit, beside how
    /// often all do
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "case")]
    pub victims: Vec<PathBuf>,
    /// ATT&CK bundles (STIX 2.0, 2.1), MISP galaxies, actor profiles; instead of the shipped profile
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Knowledge")]
    pub knowledge: Vec<PathBuf>,
    /// Use only reports from before this month
    #[arg(long, value_name = "DATE", help_heading = "Knowledge")]
    pub as_of: Option<String>,
    /// Form of the output
    #[arg(long, value_enum)]
    pub format: Option<AssessFormat>,
    /// Writes to this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// No remarks
    #[arg(short, long)]
    pub quiet: bool,
}

/// `palisade assess …`: an analyst's word on a draft.
#[derive(Subcommand, Debug)]
pub enum AssessCommand {
    /// Stands for the assessment of a campaign as it is now
    Adopt(AssessAdopt),
    /// Says something else than the assessment
    Override(AssessOverride),
    /// Takes such a word back; that it was given stays in the case
    Undo(AssessUndo),
    /// Lists every such word, and whether it still holds
    History(AssessHistory),
    /// Answers a question of a scale that records cannot answer; with a scale alone: shows what it asks
    Answer(AssessAnswer),
    /// Takes an answer back; that it was given stays in the case
    Unanswer(AssessUndo),
    /// Lists every answer
    Answers(AssessAnswers),
}

/// `palisade assess adopt`.
#[derive(ClapArgs, Debug)]
pub struct AssessAdopt {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// The campaign: its id, or the beginning of it
    #[arg(value_name = "CAMPAIGN")]
    pub campaign: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who stands for it (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
}

/// `palisade assess override`.
#[derive(ClapArgs, Debug)]
pub struct AssessOverride {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// The campaign: its id, or the beginning of it
    #[arg(value_name = "CAMPAIGN")]
    pub campaign: String,
    /// Who is behind it: id or name of an actor the knowledge has, state:KP for anybody of a state, unknown, or a name of
    /// your own
    #[arg(long, value_name = "WHO")]
    pub actor: String,
    /// How likely, 0 to 1
    #[arg(long, value_name = "P")]
    pub likelihood: f64,
    /// How far this can be trusted, which is another thing
    #[arg(long, value_enum)]
    pub confidence: ConfidenceName,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who says it (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
}

/// `palisade assess answer`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade assess answer nis2
      what the scale asks, and what may be answered
  palisade assess answer nciss location business-network --case cases/2026-031 --campaign c-5f0a --reason \"…\"
      the report then has the answer with name and reason, in the place of what findings answered")]
pub struct AssessAnswer {
    /// The scale: nciss, eurepoc, breakout, ncsc-uk, nis2, eu-2019-796
    #[arg(value_name = "SCALE")]
    pub scale: String,
    /// The question, by its id
    #[arg(value_name = "ITEM")]
    pub item: Option<String>,
    /// What holds, by id; of several the highest counts; or unknown
    #[arg(value_name = "CHOICE")]
    pub choices: Vec<String>,
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: Option<PathBuf>,
    /// The campaign: its id, or the beginning of it
    #[arg(long, value_name = "ID")]
    pub campaign: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who says it (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
}

/// `palisade assess answers`.
#[derive(ClapArgs, Debug)]
pub struct AssessAnswers {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = AssessFormat::Table)]
    pub format: AssessFormat,
}

/// Confidence, as it is written on a command line.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfidenceName {
    /// Thin, one-sided, old, or hanging on one item
    Low,
    /// Between
    Moderate,
    /// Much evidence of several kinds from several sources
    High,
}

/// `palisade assess undo`.
#[derive(ClapArgs, Debug)]
pub struct AssessUndo {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Its number, as `history` or `answers` shows it
    #[arg(value_name = "N")]
    pub id: i64,
}

/// `palisade assess history`.
#[derive(ClapArgs, Debug)]
pub struct AssessHistory {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = AssessFormat::Table)]
    pub format: AssessFormat,
}

/// Forms of the output of `palisade assess`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssessFormat {
    /// For people: the campaigns of a case, with reasons
    Table,
    /// One JSON object per incident and line
    Ndjson,
}

/// `palisade intel …`.
#[derive(Subcommand, Debug)]
pub enum IntelCommand {
    /// Keeps knowledge in a case: ATT&CK bundles, indicators, MISP galaxies, recorded incidents
    Add(IntelAdd),
    /// Lists what a case keeps
    List(IntelList),
    /// Takes a file of it away
    Remove(IntelRemove),
}

/// `palisade intel list`.
#[derive(ClapArgs, Debug)]
pub struct IntelList {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
}

/// `palisade intel remove`.
#[derive(ClapArgs, Debug)]
pub struct IntelRemove {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// The file's name, as `list` shows it
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `palisade intel add`.
#[derive(ClapArgs, Debug)]
pub struct IntelAdd {
    /// The case that keeps it
    #[arg(long, required = true, value_name = "DIR")]
    pub case: PathBuf,
    /// ATT&CK bundles and indicators (STIX 2.0, 2.1), MISP galaxies, actor profiles, incidents (CSV of EuRepoC or CFR)
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// No remarks
    #[arg(short, long)]
    pub quiet: bool,
}
