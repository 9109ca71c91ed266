//! Arguments of `palisade assess` and `palisade intel`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

/// `palisade assess`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade assess --case cases/2026-031
      for each campaign: who could be behind it and how likely, somebody unknown among them, what speaks for and
      against, what would change it, what is usually seen beside it; a draft, which names nobody
  palisade assess --incidents incidents.json
      one JSON object per line: the chance of each group, of somebody unknown, of each state; each sums to 1
  palisade assess --incidents incidents.json --knowledge enterprise-attack.json --as-of 2023-01-01
      only what had been published before January 2023

An incident is {\"id\", \"date\", \"techniques\": [\"T1566.001\"], \"software\": [\"S0002\"]}. Below five items that are not public
tools the answer is \"insufficient\" and the chances are those before any evidence.")]
pub struct Assess {
    /// A JSON array of incidents
    #[arg(long, value_name = "FILE", required_unless_present = "case")]
    pub incidents: Option<PathBuf>,
    /// A case: its campaigns, by the techniques of their findings
    #[arg(long, value_name = "DIR", conflicts_with = "incidents")]
    pub case: Option<PathBuf>,
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
    /// Keeps actors' profiles in a case: ATT&CK bundles, MISP galaxies
    Add(IntelAdd),
}

/// `palisade intel add`.
#[derive(ClapArgs, Debug)]
pub struct IntelAdd {
    /// The case that keeps it
    #[arg(long, required = true, value_name = "DIR")]
    pub case: PathBuf,
    /// ATT&CK bundles, MISP galaxies, actor profiles
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// No remarks
    #[arg(short, long)]
    pub quiet: bool,
}
