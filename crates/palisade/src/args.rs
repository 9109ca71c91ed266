//! The command line. Help texts are the tool's first teacher: each command shows examples.

use std::path::PathBuf;

mod campaign;
mod exercise;
mod money;
mod report;

pub use campaign::*;
pub use exercise::*;
pub use money::*;
pub use report::*;

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
    /// Leaves out findings before this moment: RFC 3339, YYYY-MM-DD, or 7d, 12h (before now)
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub since: Option<String>,
    /// Leaves out findings at or after this moment; same forms
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub until: Option<String>,
    /// Zone of times in the evidence that name none: Europe/Kyiv, UTC, +02:00
    #[arg(long, value_name = "ZONE", help_heading = "Time")]
    pub assume_timezone: Option<String>,
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
    /// Own kinds of records (like knowledge/fields/*.toml), used before the shipped ones
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

/// `palisade case …`.
#[derive(Subcommand, Debug)]
pub enum CaseCommand {
    /// Checks the custody chain and the hashes of the lake and the evidence, on any machine
    Verify(CaseVerify),
    /// Shows what a case holds: runs, sources, problems, coverage, the lake
    Show(CaseShow),
    /// Shows the findings of a case with the verdicts on them
    Findings(CaseFindings),
    /// Copies a case into a new folder, while others read it
    Backup(CaseBackup),
    /// Makes a case out of a backup, also in a PostgreSQL database
    Restore(CaseRestore),
    /// Adds, undoes and lists verdicts
    #[command(subcommand)]
    Verdict(VerdictCommand),
    /// Merges small segments of the lake into large ones, so that hunts open fewer files
    Compact(CaseCompact),
    /// Drops events that are older, or more, than the house keeps
    Retain(CaseRetain),
    /// Adds, releases and lists legal holds: spans of time of which nothing may be dropped
    Hold(CaseHold),
    /// Erases what the case holds of one person
    Erase(CaseErase),
}

/// `palisade case verdict …`.
#[derive(Subcommand, Debug)]
pub enum VerdictCommand {
    /// Says something of a finding or a rule; it outlives new rules and new runs
    Add(VerdictAdd),
    /// Takes a verdict back; that it was given stays in the case
    Undo(VerdictUndo),
    /// Lists every verdict
    List(VerdictList),
}

/// `palisade case verify`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case verify cases/2026-031
  palisade case verify cases/2026-031 --evidence /mnt/copy

Exit codes: 0 nothing failed (evidence that is not here is said and is no failure); 1 something failed;
2 it could not be checked.")]
pub struct CaseVerify {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Where to look for evidence that is not where it was
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub evidence: Vec<PathBuf>,
}

/// `palisade case show`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case show cases/2026-031
  palisade case show cases/2026-031 --format json --limit 100000 | jq '.sources[].path'")]
pub struct CaseShow {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// At most so many runs, sources and problems
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u64,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CaseShowFormat::Table)]
    pub format: CaseShowFormat,
}

/// `palisade case backup`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case backup cases/2026-031 /backup/2026-031
  sha256sum --check backup.txt      in the backup: whether it is as it was made

The backup is a case of its own: `palisade case verify` checks it, every command reads it. It is whole
in its folder, also where the knowledge of the original is in PostgreSQL.")]
pub struct CaseBackup {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Folder of the backup, which must be empty or not exist
    #[arg(value_name = "TO")]
    pub to: PathBuf,
}

/// `palisade case restore`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case restore /backup/2026-031 cases/2026-031
  palisade case restore /backup/2026-031 cases/2026-031 --database postgres://palisade@db/cases

Give the password of a database in PGPASSWORD or ~/.pgpass: other users of this machine can see
what stands on a command line.")]
pub struct CaseRestore {
    /// Folder of the backup
    #[arg(value_name = "BACKUP")]
    pub from: PathBuf,
    /// Folder of the new case, which must be empty or not exist
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// PostgreSQL database for the knowledge of the new case (a file in its folder if not given)
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// `palisade case findings`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case findings cases/2026-031 --min-level high
  palisade case findings cases/2026-031 --format csv > findings.csv
  palisade case findings cases/2026-031 --format ndjson")]
pub struct CaseFindings {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Only this level and above
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub min_level: Option<Severity>,
    /// Only of this rule
    #[arg(long, value_name = "ID")]
    pub rule: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CaseFormat::Table)]
    pub format: CaseFormat,
}

/// `palisade case verdict add`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case verdict add cases/2026-031 5f0c…e1 --kind confirmed --reason \"seen in the memory image too\"
  palisade case verdict add cases/2026-031 e33bb45e-… --kind false_positive --reason \"backup job\" --expires 2027-01-01")]
pub struct VerdictAdd {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Finding id or rule id; two finding ids for pin and cut
    #[arg(value_name = "SUBJECT", required = true, num_args = 1..=2)]
    pub subjects: Vec<String>,
    /// false_positive, confirmed, comment, pin, cut or exclude
    #[arg(long, value_name = "KIND")]
    pub kind: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who says it (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
    /// Until when it holds
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

/// `palisade case verdict undo`.
#[derive(ClapArgs, Debug)]
pub struct VerdictUndo {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Number of the verdict, as `list` shows it
    #[arg(value_name = "NUMBER")]
    pub id: i64,
}

/// `palisade case compact`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case compact cases/2026-031

Every commit of an investigation adds segments; many small ones make hunts slow. Events,
findings and answers stay as they are, and the custody chain says what was merged. An
investigation does it by itself when it leaves more than 16 small segments of one kind.
It may be stopped at any time.")]
pub struct CaseCompact {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// `palisade case retain`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case retain cases/siem --days 365 --dry-run
      says what would go, changes nothing
  palisade case retain cases/siem --bytes 200GiB
  palisade case retain cases/siem
      as palisade.toml in the case's folder says:  [retention]  days = 365  bytes = \"200GiB\"

Days count back from now and go by each event's own time; events without a time have no age
and stay. Size counts segments and their indexes; whole segments go, the oldest first.
Findings stay, with what they cite. What a legal hold covers stays (palisade case hold), and
it is said. Nothing is ever dropped without this command. Evidence files are not touched.

Exit codes: 0 done; 1 done, but a legal hold kept something back; 2 could not be done.")]
pub struct CaseRetain {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Drops events older than so many days
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// Drops the oldest segments until the lake is no larger: 200GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub bytes: Option<usize>,
    /// Only says what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// `palisade case hold`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case hold cases/2026-031 add \"Matter 7\" --reason \"order of the court\" \\
      --from 2026-03-01 --to 2026-04-01
  palisade case hold cases/2026-031 list
  palisade case hold cases/2026-031 release 1")]
pub struct CaseHold {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub command: HoldCommand,
}

/// `palisade case hold DIR …`.
#[derive(Subcommand, Debug)]
pub enum HoldCommand {
    /// Holds events of a span of time: neither retention nor an erasure drops them
    Add(HoldAdd),
    /// Releases a hold; that it was there stays in the case
    Release(HoldRelease),
    /// Lists every hold
    List,
}

/// `palisade case hold DIR add`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Without --from and --to, everything is held. Events without a time are held by every hold:
nobody can say that they lie outside its span.")]
pub struct HoldAdd {
    /// What it is called: the matter, the number of the file
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Why, and by whose order
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// From when on (included)
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to when (excluded)
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Who says it (the account's name if not given)
    #[arg(long, value_name = "NAME")]
    pub analyst: Option<String>,
}

/// `palisade case hold DIR release`.
#[derive(ClapArgs, Debug)]
pub struct HoldRelease {
    /// Number of the hold, as `list` shows it
    #[arg(value_name = "NUMBER")]
    pub id: i64,
}

/// `palisade case erase`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case erase cases/2026-031 --observable 'account:corp\\bob' \\
      --observable email:bob@example.com --reason \"request 12 of 4 May\" --dry-run

Events that hold one of the observables go. In findings that cite them, arguments, host and
observables that name the person become [erased]; ids and citations stay. The case records
that it was done, how many events went, why, and a digest of each observable, never its
value: so the reason must not name the person either.

What it does not reach: evidence files, backups and exports, which their owners must handle;
events that name the person only in free text (look with palisade hunt --sql); paths, command
lines and an analyst's words in the case, which are listed. Reading the same evidence again
brings its events back. What a legal hold covers stays, and the hold is named.

Exit codes: 0 done; 1 done, but a legal hold or a reader of the case kept something back;
2 could not be done.")]
pub struct CaseErase {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The person, as events hold it: account:corp\bob, email:bob@example.com, sid:S-1-5-21-…
    #[arg(long, value_name = "KIND:VALUE", required = true)]
    pub observable: Vec<String>,
    /// Why; kept in the case, so it must not name the person
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Only says what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// `palisade case verdict list`.
#[derive(ClapArgs, Debug)]
pub struct VerdictList {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
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

/// Forms of a case's findings.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaseFormat {
    /// One line per finding
    Table,
    /// One JSON object per line
    Ndjson,
    /// One row per finding, for spreadsheets
    Csv,
}

/// Forms of a case at a glance.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaseShowFormat {
    /// For people
    Table,
    /// One JSON document
    Json,
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
