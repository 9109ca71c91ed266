//! The case: what a run leaves behind for others to check, and the analyst's word on it.
//!
//! The pipeline keeps runs; here are who ran them with what, and the commands on a case.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Verdict, VerdictKind, terminal};
use palisade_pipeline::{Input, LoadedRules};
use palisade_store::{Case, Filter, Outcome, RunInfo, verify};
use sha2::Digest as _;

use crate::args::{CaseFindings, CaseFormat, CaseVerify, VerdictAdd, VerdictList, VerdictUndo};
use crate::errors::Exit;
use crate::output::{count, plural};
use crate::times::{Clock, moment, now};

/// The organisation's file in a case directory.
const CONFIG: &str = "palisade.toml";

/// The `palisade.toml` of a case, if it has one.
pub fn config(dir: &Path) -> Option<PathBuf> {
    Some(dir.join(CONFIG)).filter(|p| p.is_file())
}

/// Digests of rules, lists and configuration, for the custody chain: one per path the user
/// named, so that thousands of rules are one entry.
pub fn inputs(
    rules: &[PathBuf],
    loaded: &LoadedRules,
    lists: &[PathBuf],
    config: Option<&Path>,
) -> Vec<Input> {
    let mut out = Vec::new();
    let mut add_rules = |path: String, of: &dyn Fn(&str) -> bool| {
        let mut hash = sha2::Sha256::new();
        let mut bytes = 0;
        for (name, sha256, size) in loaded.files.iter().filter(|(name, _, _)| of(name)) {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(sha256);
            bytes += size;
        }
        if bytes > 0 {
            out.push(Input { kind: "rules", path, sha256: hex(&hash.finalize()), bytes });
        }
    };
    for path in rules {
        add_rules(path.display().to_string(), &|name| Path::new(name).starts_with(path));
    }
    add_rules("palisade:rules".into(), &|name| name.starts_with("palisade:"));
    for (kind, path) in lists.iter().map(|p| ("list", p.as_path())).chain(config.map(|p| ("config", p))) {
        if let Ok(content) = std::fs::read(path) {
            let sha256 = hex(&sha2::Sha256::digest(&content));
            out.push(Input { kind, path: path.display().to_string(), sha256, bytes: content.len() as u64 });
        }
    }
    out
}

/// Who runs this, where, with what.
/// Enters the custody chain with the run.
///
/// `settings` are the options that decide what is found: evidence read with others is read again.
pub fn run_info(inputs: &[Input], settings: &str) -> RunInfo {
    let digest = |rules: bool, more: &str| {
        let mut hash = sha2::Sha256::new();
        let chosen = inputs.iter().filter(|i| (i.kind == "rules") == rules);
        chosen.for_each(|i| hash.update(i.sha256.as_bytes()));
        hash.update(more);
        hex(&hash.finalize())
    };
    let arguments: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    RunInfo {
        started: now(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        command_line: arguments.join(" "),
        operator: analyst(None),
        machine: machine(),
        rules_digest: digest(true, env!("CARGO_PKG_VERSION")),
        config_digest: digest(false, settings),
    }
}

fn machine() -> String {
    let named =
        ["COMPUTERNAME", "HOSTNAME"].iter().find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
    named
        .or_else(|| std::fs::read_to_string("/etc/hostname").ok().map(|t| t.trim().to_owned()))
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

/// The analyst's name: as given, or the account's.
fn analyst(given: Option<&str>) -> String {
    let account = || ["USER", "USERNAME", "LOGNAME"].iter().find_map(|n| std::env::var(n).ok());
    given.map(str::to_owned).or_else(account).filter(|n| !n.is_empty()).unwrap_or_else(account_number)
}

/// Where the environment names nobody, the number of the account that runs this process.
#[cfg(unix)]
fn account_number() -> String {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").map_or_else(|_| "unknown".into(), |m| format!("uid {}", m.uid()))
}

#[cfg(not(unix))]
fn account_number() -> String {
    "unknown".into()
}

/// `palisade case verify DIR`.
pub fn check(args: &CaseVerify) -> Result<Exit> {
    let report = verify(&args.dir, &args.evidence)?;
    let mut out = io::stdout().lock();
    for check in &report.checks {
        let mark = match check.outcome {
            Outcome::Ok => "ok     ",
            Outcome::Missing => "missing",
            Outcome::Failed => "FAILED ",
        };
        writeln!(out, "{mark}  {}", terminal(&check.what))?;
    }
    if let Some(head) = &report.custody_head {
        writeln!(out, "custody chain ends with {head}; note it elsewhere, and a later cut shows")?;
    }
    Ok(if report.ok() { Exit::Clean } else { Exit::Bad })
}

/// `palisade case findings DIR`.
pub fn findings(args: &CaseFindings) -> Result<Exit> {
    let mut case = Case::open_read_only(&args.dir)?;
    let filter = Filter {
        min_severity: args.min_level.unwrap_or_default(),
        rule: args.rule.clone(),
        limit: args.limit,
    };
    let found = case.findings(&filter)?;
    let verdicts = case.verdicts()?;
    let now = now();
    let word = |id: &str, rule: &str| {
        let holds = verdicts.iter().rev().filter(|(_, v)| v.holds(now));
        let about = |v: &Verdict| v.subject.iter().any(|s| s == id || s == rule);
        holds.map(|(_, v)| v).find(|v| about(v)).map(|v| v.kind.name())
    };
    let clock = Clock::default();
    let mut out = io::BufWriter::new(io::stdout().lock());
    for f in &found {
        match args.format {
            CaseFormat::Ndjson => {
                let mut line = serde_json::to_value(f)?;
                line["verdict"] = word(&f.id, &f.rule_id).into();
                writeln!(out, "{line}")?;
            }
            CaseFormat::Table => {
                let time = f.time.map_or_else(|| "no time".into(), |t| clock.short(t));
                let verdict = word(&f.id, &f.rule_id).map(|w| format!("  [{w}]")).unwrap_or_default();
                writeln!(
                    out,
                    "{}  {time:<19}  {:<13}  {}  {}{verdict}",
                    f.id,
                    f.severity,
                    terminal(f.host.as_deref().unwrap_or("-")),
                    terminal(&f.title)
                )?;
            }
        }
    }
    if args.format == CaseFormat::Table {
        let counts = case.counts()?;
        writeln!(
            out,
            "{} shown of {} in {}, {}",
            count(found.len() as u64),
            plural(counts.findings, "finding"),
            plural(counts.sources, "evidence file"),
            plural(counts.runs, "run")
        )?;
    }
    out.flush()?;
    Ok(Exit::Clean)
}

/// `palisade case verdict add DIR SUBJECT… --kind K --reason WHY`.
pub fn verdict_add(args: &VerdictAdd) -> Result<Exit> {
    let kind = VerdictKind::parse(&args.kind.replace('-', "_")).ok_or_else(|| {
        anyhow!(
            "unknown verdict \"{}\"; use false_positive, confirmed, comment, pin, cut or exclude",
            args.kind
        )
    })?;
    let two = matches!(kind, VerdictKind::Pin | VerdictKind::Cut);
    if two != (args.subjects.len() == 2) {
        bail!(
            "a verdict {} is about {}",
            kind.name(),
            if two { "two findings" } else { "one finding or rule" }
        );
    }
    let verdict = Verdict {
        subject: args.subjects.clone(),
        kind,
        analyst: analyst(args.analyst.as_deref()),
        time: now(),
        reason: args.reason.clone(),
        expires: args.expires.as_deref().map(|t| moment("--expires", t, None)).transpose()?,
        undone: None,
    };
    let mut case = Case::open(&args.dir)?;
    let known = case.findings(&Filter::default())?;
    if let Some(typo) = args.subjects.iter().find(|s| !known.iter().any(|f| f.id == **s || f.rule_id == **s))
    {
        bail!("the case has no finding and no rule \"{typo}\"; `palisade case findings DIR` lists them");
    }
    let id = case.verdict_add(&verdict)?;
    writeln!(io::stdout(), "verdict {id}: {} by {}", kind.name(), terminal(&verdict.analyst))?;
    Ok(Exit::Clean)
}

/// `palisade case verdict undo DIR ID`.
pub fn verdict_undo(args: &VerdictUndo) -> Result<Exit> {
    Case::open(&args.dir)?.verdict_undo(args.id, now())?;
    writeln!(io::stdout(), "verdict {} undone", args.id)?;
    Ok(Exit::Clean)
}

/// `palisade case verdict list DIR`.
pub fn verdict_list(args: &VerdictList) -> Result<Exit> {
    let clock = Clock::default();
    let now = now();
    let mut out = io::stdout().lock();
    for (id, v) in Case::open_read_only(&args.dir)?.verdicts()? {
        let state = match (v.undone, v.holds(now)) {
            (Some(at), _) => format!("  (undone {})", clock.short(at)),
            (None, false) => "  (expired)".into(),
            (None, true) => String::new(),
        };
        writeln!(
            out,
            "{id:>4}  {}  {:<14}  {}  by {}: {}{state}",
            clock.short(v.time),
            v.kind.name(),
            terminal(&v.subject.join(" ")),
            terminal(&v.analyst),
            terminal(&v.reason)
        )?;
    }
    Ok(Exit::Clean)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}
