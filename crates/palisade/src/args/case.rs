//! Arguments of `palisade case …`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::*;

/// `palisade case …`.
#[derive(Subcommand, Debug)]
pub enum CaseCommand {
    /// Checks the custody chain and the hashes of the lake and the evidence, on any machine
    Verify(CaseVerify),
    /// Shows what a case holds: runs, sources, problems, coverage, the lake
    Show(CaseShow),
    /// Shows the findings of a case with the verdicts on them
    Findings(CaseFindings),
    /// Shows the hits of screening that a case remembers, with the verdicts on them
    Hits(CaseHits),
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
    /// Shows also what verdicts hide
    #[arg(long)]
    pub all: bool,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CaseFormat::Table)]
    pub format: CaseFormat,
}

/// `palisade case verdict add`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  palisade case verdict add cases/2026-031 5f0c…e1 --kind confirmed --reason \"seen in the memory image too\"
  palisade case verdict add cases/2026-031 e33bb45e-… --kind false_positive --reason \"backup job\" --expires 2027-01-01
  palisade case verdict add cases/2026-031 e33bb45e-… --only host:backup01 --kind false_positive --reason \"backup job\"
      what the rule finds on this machine, and nowhere else

A false_positive hides findings from `investigate`, `hunt`, `case findings`, campaigns and reports, now and in later runs,
also of newer versions of the rule; they stay in the case, and each command says how many each verdict hid.")]
pub struct VerdictAdd {
    /// Folder of the case
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Finding id or rule id; two finding ids for pin and cut
    #[arg(value_name = "SUBJECT", required = true, num_args = 1..=2)]
    pub subjects: Vec<String>,
    /// Only where this holds of the finding: host:NAME or an observable (account:…, ip:…, path:…); all must hold
    #[arg(long, value_name = "KIND:VALUE", num_args = 1..)]
    pub only: Vec<String>,
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
