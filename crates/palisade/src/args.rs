//! The command line. Help texts are the tool's first teacher: each command shows examples.

use std::path::PathBuf;

mod assess;
mod campaign;
mod case;
mod exercise;
mod money;
mod report;
mod warn;

pub use assess::*;
pub use campaign::*;
pub use case::*;
pub use exercise::*;
pub use money::*;
pub use report::*;
pub use warn::*;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use palisade_model::Severity;

/// Finds what hostile operations leave behind in evidence, and says where it stands.
#[derive(Parser, Debug)]
#[command(
    name = "palisade",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "\
Start here:
  palisade demo                                  write an exercise, investigate it, compare with the truth
  palisade investigate /evidence                 what happened? (logs, folders of logs, archives of logs)
  palisade investigate /evidence --format html --output report.html

Exit codes: 0 done; 1 done and the answer is bad (--fail-on reached, a rule does not load, a rule test
fails); 2 could not be done. Nothing is ever sent anywhere, and evidence is only read."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Reads evidence and says what was found, when, where, and what could not be seen
    Investigate(Box<Investigate>),
    /// Asks what a case has kept: SQL, new rules, or new indicators over every event
    Hunt(Box<Hunt>),
    /// Checks, tests and lists detection rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Verifies a case, shows what it holds, keeps the analysts' verdicts
    #[command(subcommand)]
    Case(CaseCommand),
    /// Joins findings to campaigns, explains each join, and takes the analyst's word on it
    #[command(subcommand)]
    Campaign(CampaignCommand),
    /// Tells a case to somebody: a page, a document, a bundle to share
    Report(Report),
    /// Follows funds through ledgers: where they went, how much is where now, why the trace ends there
    Trace(Box<Trace>),
    /// Holds names, addresses and hosts against lists of sanctioned and labelled parties
    Screen(Box<Screen>),
    /// Weighs who could be behind incidents, somebody unknown among them
    Assess(Assess),
    /// Takes in knowledge about actors
    #[command(subcommand)]
    Intel(IntelCommand),
    /// Says what to expect per state, sector and kind beside the base rate, and what rises in your own findings
    Warn(Box<Warn>),
    /// Writes evidence with known truth, to train people and to measure detection and joining
    Exercise(Exercise),
    /// Writes an exercise, investigates it, joins its findings to campaigns and compares with the truth
    Demo(Demo),
    /// Prints a completion script for a shell
    Completions(Completions),
    /// Prints the manual page, or writes the pages of all commands to a folder
    Man(Man),
}

/// `palisade rules …`.
#[derive(Subcommand, Debug)]
pub enum RulesCommand {
    /// Loads rules and shows every one that does not load, with the place and what to do
    Check(Check),
    /// Runs rule tests: evidence or events of which it is known what a rule must say
    Test(Test),
    /// Lists the rules that would run
    List(List),
}

/// `palisade investigate`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade investigate C:/evidence
      a table for people: findings by host and rule, a timeline, what could not be seen
  palisade investigate logs.zip more/ --rules sigma/rules --min-level medium
      your own Sigma rules besides the shipped ones
  palisade investigate /evidence --format html --output report.html
      one page to hand over; it needs no network
  palisade investigate /evidence --format ndjson | jq 'select(.kind==\"finding\") | .rule.title'
      one JSON object per line: findings, problems, coverage, and last a summary
  palisade investigate /evidence --indicators bad-ips.csv --since 2026-10-01 --until 2026-11-01
  palisade investigate /evidence --fail-on high --quiet --format ndjson --output out.ndjson
      for scripts: exit code 1 if anything high or critical was found

Reads EVTX, JSON and NDJSON logs (Windows, Sysmon, Linux, cloud), compressed (gz, zst) or inside
zip and tar; the kind of a file is told by its content, not by its name. Evidence is never changed.")]
pub struct Investigate {
    /// Files and folders with evidence
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    /// Lists of known bad values (hash, ip, cidr, domain, url, path): one per line, or CSV with a header
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Rules and indicators")]
    pub indicators: Vec<PathBuf>,
    /// Weaknesses known to be exploited, as CISA lists them (JSON or CSV), and tables of when they were published (CSV with cve and
    /// published; the option can be given again): findings that name one get the dates and the days since
    #[arg(long, value_name = "FILE", help_heading = "Rules and indicators")]
    pub kev: Vec<PathBuf>,
    /// Folder with analytics of your own (TOML): a file called like a shipped one takes its place
    #[arg(long, value_name = "DIR", help_heading = "Rules and indicators", conflicts_with = "no_analytics")]
    pub analytics: Option<PathBuf>,
    /// Rules and indicators alone: no detectors over many events, no look under the wrappings of scripts
    #[arg(long, help_heading = "Rules and indicators")]
    pub no_analytics: bool,
    /// Leaves out findings before this moment: RFC 3339, YYYY-MM-DD, or 7d, 12h (before now)
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub since: Option<String>,
    /// Leaves out findings at or after this moment; same forms
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub until: Option<String>,
    /// Zone of times in the evidence that name none: Europe/Kyiv, UTC, +02:00
    #[arg(long, value_name = "ZONE", help_heading = "Time")]
    pub assume_timezone: Option<String>,
    /// When the evidence was collected: gives the year of times that name none (syslog)
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub collected: Option<String>,
    /// Zone in which times are shown (UTC if not given)
    #[arg(long, value_name = "ZONE", help_heading = "Time")]
    pub display_timezone: Option<String>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub format: Format,
    /// Writes the output to a file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Most lines of the timeline in the table
    #[arg(long, value_name = "N", default_value_t = 30, help_heading = "Output")]
    pub limit: usize,
    /// Lists every technique and machine of the coverage in the table; JSON forms always have them
    #[arg(long, help_heading = "Output")]
    pub coverage: bool,
    /// Exits with 1 if a finding of this level or above was made
    #[arg(long, value_name = "LEVEL", value_parser = level, help_heading = "Output")]
    pub fail_on: Option<Severity>,
    /// No progress and no remarks on standard error
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// Keeps findings, evidence hashes and custody in this folder; evidence it has is read again only for other rules
    #[arg(long, value_name = "DIR", conflicts_with = "no_hash", help_heading = "Running")]
    pub case: Option<PathBuf>,
    /// Reads evidence again that the case has already, and says what this Palisade finds otherwise
    #[arg(long, requires = "case", help_heading = "Running")]
    pub reread: bool,
    /// What Palisade should know of the organisation; a palisade.toml is only read if named here or in the case
    #[arg(long, value_name = "FILE", help_heading = "Running")]
    pub config: Option<PathBuf>,
    /// Threads that read and match (all processors if not given); the output does not depend on it
    #[arg(long, short, value_name = "N", help_heading = "Running")]
    pub jobs: Option<usize>,
    /// Does not hash evidence files: faster, but findings cannot be tied to unchanged files
    #[arg(long, help_heading = "Running")]
    pub no_hash: bool,
}

/// `palisade hunt`.
#[derive(ClapArgs, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true)
    .args(["sql", "sql_file", "rules", "shipped_rules", "indicators", "tables", "ocsf"]),
group = clap::ArgGroup::new("intelligence").multiple(true).args(["rules", "shipped_rules", "indicators"])
    .conflicts_with_all(["sql", "sql_file", "tables", "ocsf"]),
after_help = "\
Examples:
  palisade hunt --case cases/2026-031 --tables
      which tables the case has, their columns, how many rows, of which time
  palisade hunt --case cases/2026-031 --sql \"SELECT _time, _host, Image, CommandLine FROM windows_sysmon
      WHERE EventID = 1 AND CommandLine LIKE '%-enc%' ORDER BY _time LIMIT 50\"
  palisade hunt --case cases/2026-031 --sql \"SELECT _time, _host, _shape FROM events
      WHERE array_has(_observables, 'ip:203.0.113.7')\"
      every event, of any kind, that holds the address: answered through the index
  palisade hunt --case cases/2026-031 --indicators new-iocs.csv
  palisade hunt --case cases/2026-031 --rules sigma/rules/windows --since-intel --keep
      only what these rules have not looked at yet; findings are kept in the case
  palisade hunt --case cases/2026-031 --ocsf -o events.ndjson
      every event as OCSF; as views they are in SQL, too: SELECT … FROM ocsf_process_activity

Tables are named after what their records are (windows_sysmon, aws_cloudtrail); `events` has all of them
with the columns that begin with an underscore. Other columns have the records' own names, upper and
lower case as they have them. Knowledge is there too: findings, citations, sources, problems, coverage,
verdicts, runs, indicators. Queries only read, and only the case.

Exit codes: 0 done; 1 --fail-on was reached; 2 it could not be done.")]
pub struct Hunt {
    /// Folder of the case
    #[arg(long, value_name = "DIR")]
    pub case: PathBuf,
    /// Asks in SQL
    #[arg(long, value_name = "QUERY", conflicts_with_all = ["tables", "ocsf"], help_heading = "What")]
    pub sql: Option<String>,
    /// Asks the query in a file; -: the one on standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sql", "tables", "ocsf"], help_heading = "What")]
    pub sql_file: Option<PathBuf>,
    /// Runs Sigma rules over every event: files and folders
    #[arg(long, value_name = "PATH", num_args = 1.., help_heading = "What")]
    pub rules: Vec<PathBuf>,
    /// Runs the rules shipped with Palisade
    #[arg(long, help_heading = "What")]
    pub shipped_rules: bool,
    /// Looks for known bad values in every event: lists as for investigate
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "What")]
    pub indicators: Vec<PathBuf>,
    /// Lists tables and columns
    #[arg(long, conflicts_with = "ocsf", help_heading = "What")]
    pub tables: bool,
    /// Exports events as OCSF, one JSON object per line; of one class if it is named (process_activity, 1007)
    #[arg(long, value_name = "CLASS", num_args = 0..=1, default_missing_value = "", help_heading = "What")]
    pub ocsf: Option<String>,
    /// Only events that these rules and indicators have not looked at yet, and remembers that they have
    #[arg(long, requires = "intelligence", help_heading = "Rules and indicators")]
    pub since_intel: bool,
    /// Keeps what is found in the case
    #[arg(long, requires = "intelligence", help_heading = "Rules and indicators")]
    pub keep: bool,
    /// Leaves out rules below this level
    #[arg(long, requires = "intelligence", value_name = "LEVEL", value_parser = level, help_heading = "Rules and indicators")]
    pub min_level: Option<Severity>,
    /// Field mapping files in pySigma's form, applied in order
    #[arg(long, requires = "intelligence", value_name = "FILE", num_args = 1.., help_heading = "Rules and indicators")]
    pub mapping: Vec<PathBuf>,
    /// Values of %placeholders% in rules
    #[arg(long, requires = "intelligence", value_name = "FILE", num_args = 1.., help_heading = "Rules and indicators")]
    pub placeholders: Vec<PathBuf>,
    /// Own kinds of records, as for investigate
    #[arg(long, requires = "intelligence", value_name = "FILE", num_args = 1.., help_heading = "Rules and indicators")]
    pub fields: Vec<PathBuf>,
    /// Leaves out findings before this moment: RFC 3339, YYYY-MM-DD, or 7d, 12h (before now)
    #[arg(long, requires = "intelligence", value_name = "TIME", help_heading = "Rules and indicators")]
    pub since: Option<String>,
    /// Leaves out findings at or after this moment
    #[arg(long, requires = "intelligence", value_name = "TIME", help_heading = "Rules and indicators")]
    pub until: Option<String>,
    /// Exits with 1 if a finding of this level or above was made
    #[arg(long, requires = "intelligence", value_name = "LEVEL", value_parser = level, help_heading = "Rules and indicators")]
    pub fail_on: Option<Severity>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = HuntFormat::Table, help_heading = "Output")]
    pub format: HuntFormat,
    /// Writes the output to a file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Most rows of a table on the screen; other forms have all
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Output")]
    pub limit: usize,
    /// Zone in which times of findings are shown (UTC if not given); times in SQL are UTC
    #[arg(long, value_name = "ZONE", help_heading = "Output")]
    pub display_timezone: Option<String>,
    /// Does not add the columns that cite the evidence
    #[arg(long, help_heading = "Output")]
    pub no_cite: bool,
    /// No progress and no remarks on standard error
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// What a query may hold in memory
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size, help_heading = "Running")]
    pub memory: usize,
    /// How long a query may run, in seconds (300 if not given; an export: as long as it takes); 0: as long as it takes
    #[arg(long, value_name = "SECONDS", help_heading = "Running")]
    pub timeout: Option<u64>,
    /// Threads (all processors if not given)
    #[arg(long, short, value_name = "N", help_heading = "Running")]
    pub jobs: Option<usize>,
}

/// Which rules run.
#[derive(ClapArgs, Debug, Default, Clone)]
pub struct RuleArgs {
    /// Files and folders with Sigma rules, besides the shipped ones
    #[arg(long, value_name = "DIR", num_args = 1.., help_heading = "Rules and indicators")]
    pub rules: Vec<PathBuf>,
    /// Leaves out the rules shipped with Palisade
    #[arg(long, help_heading = "Rules and indicators")]
    pub no_shipped_rules: bool,
    /// Leaves out rules below this level: informational, low, medium, high, critical
    #[arg(long, value_name = "LEVEL", value_parser = level, help_heading = "Rules and indicators")]
    pub min_level: Option<Severity>,
    /// Field mapping files in pySigma's form, applied in order
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Rules and indicators")]
    pub mapping: Vec<PathBuf>,
    /// Values of %placeholders% in rules: a TOML or YAML file of `name: [values]`
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Rules and indicators")]
    pub placeholders: Vec<PathBuf>,
    /// Own kinds of records (like knowledge/fields/*.toml) and tables (*mapping.toml, docs/formats/evidence.md), used before the shipped ones
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Rules and indicators")]
    pub fields: Vec<PathBuf>,
}

/// `palisade rules check`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade rules check sigma/rules
  palisade rules check my-rule.yml --placeholders names.yml

Exit codes: 0 every rule loads; 1 at least one does not; 2 the check could not be made.")]
pub struct Check {
    /// Files and folders with Sigma rules
    #[arg(required = true, value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// Field mapping files in pySigma's form, applied in order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub mapping: Vec<PathBuf>,
    /// Values of %placeholders% in rules: a TOML or YAML file of `name: [values]`
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub placeholders: Vec<PathBuf>,
    /// Threads
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `palisade rules test`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade rules test knowledge/rules/tests
      {\"rule\": id, \"positive\": [event…], \"negative\": [event…]} in *.json
  palisade rules test sigma/regression_data --rules sigma/rules
      info.yml beside evidence files, with the number of matches to expect

Exit codes: 0 every test passes; 1 at least one fails; 2 the tests could not be run.")]
pub struct Test {
    /// Folders with rule tests
    #[arg(required = true, value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = TestFormat::Table)]
    pub format: TestFormat,
    /// Threads
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `palisade rules list`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade rules list
  palisade rules list --attack --format csv
      ATT&CK technique → rules that look for it
  palisade rules list --rules sigma/rules --min-level high")]
pub struct List {
    /// By ATT&CK technique
    #[arg(long)]
    pub attack: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// Threads
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `palisade completions`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade completions bash > ~/.local/share/bash-completion/completions/palisade
  palisade completions zsh > ~/.zfunc/_palisade
  palisade completions powershell >> $PROFILE")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `palisade man`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade man | man -l -
  palisade man --out /usr/local/share/man/man1")]
pub struct Man {
    /// Folder for one page per command
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Forms of an investigation's output.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people at a terminal
    Table,
    /// One JSON object per line, written while reading
    Ndjson,
    /// One JSON document
    Json,
    /// Timeline that Timesketch and spreadsheets open
    Csv,
    /// One self-contained page
    Html,
}

/// Forms of rule test results.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum TestFormat {
    /// Failures and counts
    Table,
    /// Every result, one JSON object per line, and last a summary
    Ndjson,
}

/// Forms of lists of rules.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListFormat {
    /// For people
    Table,
    /// One JSON array
    Json,
    /// One JSON object per line
    Ndjson,
    /// For spreadsheets
    Csv,
}

fn level(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| "use informational, low, medium, high or critical".into())
}

/// Forms of the output of `hunt`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum HuntFormat {
    /// For people
    Table,
    /// One JSON object per line
    Ndjson,
    /// One JSON document
    Json,
    /// For spreadsheets; text is neutralised
    Csv,
    /// A self-contained page, of findings
    Html,
    /// A Parquet file, of an answer to SQL
    Parquet,
}

/// `512MiB`, `2GiB`, `1000000`.
pub fn size(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" | "kb" => 10,
        "m" | "mib" | "mb" => 20,
        "g" | "gib" | "gb" => 30,
        "t" | "tib" | "tb" => 40,
        _ => return Err("use a number with KiB, MiB, GiB or TiB".into()),
    };
    let number: usize = number.parse().map_err(|_| "use a number with KiB, MiB, GiB or TiB".to_owned())?;
    number.checked_shl(shift).filter(|n| n >> shift == number).ok_or_else(|| "that is too much".into())
}
