//! Arguments of `palisade exercise` and `palisade demo`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use palisade_exercise::Parameters;

use super::CaseShowFormat;

/// Which exercise.
#[derive(ClapArgs, Clone, Debug)]
pub struct Which {
    /// Scenario; `palisade exercise --list` shows them, `all` is all
    #[arg(long, value_name = "NAME", default_value = "energy")]
    pub scenario: String,
    /// Names, addresses, hashes and moments follow from it: same number, same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Everything is spread over so many days, 1 to 730
    #[arg(long, value_name = "D", default_value_t = 30)]
    pub days: u32,
    /// How many everyday records: at 1 about 60,000; 0.1 to 100
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub scale: f64,
}

impl Which {
    /// As the exercise takes it.
    pub fn parameters(&self) -> Parameters {
        Parameters { scenario: self.scenario.clone(), seed: self.seed, days: self.days, scale: self.scale }
    }
}

/// `palisade exercise`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade exercise --list
  palisade exercise --scenario wiper --seed 7 --days 400 OUT
  palisade investigate OUT/evidence --case OUT/case
  palisade assess --case OUT/case --knowledge OUT/actors.tsv

OUT/evidence is what an investigator gets, OUT/truth.json is for whoever judges,
OUT/actors.tsv is what is known of actors that exist only in exercises. Everything is invented.")]
pub struct Exercise {
    #[command(flatten)]
    pub which: Which,
    /// Lists the scenarios
    #[arg(long)]
    pub list: bool,
    /// Folder to write to (which must be empty or not exist)
    #[arg(value_name = "OUT")]
    pub out: Option<PathBuf>,
}

/// `palisade demo`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade demo
  palisade demo --scenario all --out try      every scenario, each in a folder of its own
  palisade demo --seed 5 --days 365 --format json

Writes an exercise, investigates it into a case, joins the findings to campaigns, reports, and compares with
the truth. The case stays to look at.")]
pub struct Demo {
    #[command(flatten)]
    pub which: Which,
    /// Folder for evidence, truth, case and report (which must be empty or not exist; a new one among the
    /// temporary files if not given)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Form of the comparison
    #[arg(long, value_enum, default_value_t = CaseShowFormat::Table)]
    pub format: CaseShowFormat,
}
