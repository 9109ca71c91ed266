//! The case: what a run leaves behind for others to check, and the analyst's word on it.
//!
//! The pipeline keeps runs; here are who ran them with what, and the commands on a case.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Judgements, Observable, Severity, Time, Verdict, VerdictKind, csv_cell, terminal};
use palisade_pipeline::{Input, LoadedRules, settled};
use palisade_store::{Backup, Case, Filter, Outcome, Overview, RunInfo, StoredFinding, verify};
use sha2::Digest as _;

use crate::args::{
    CaseBackup, CaseFindings, CaseFormat, CaseHits, CaseRestore, CaseShow, CaseShowFormat, CaseVerify,
    VerdictAdd, VerdictList, VerdictUndo,
};
use crate::errors::{Exit, note};
use crate::output::{count, plural};
use crate::screen::Current;
use crate::times::{Clock, moment, now};

/// The organisation's file in a case directory.
const CONFIG: &str = "palisade.toml";

/// The `palisade.toml` of a case, if it has one.
pub fn config(dir: &Path) -> Option<PathBuf> {
    Some(dir.join(CONFIG)).filter(|p| p.is_file())
}

/// Opens or makes the case that a run is kept in; says if the machine's clock cannot be right.
pub fn open_for_run(dir: &Path, quiet: bool) -> palisade_store::Result<Case> {
    let mut case = Case::open_or_create(dir)?;
    if let Some(back) = case.clock_back(now())?.filter(|_| !quiet) {
        note(&format!("{back}; nothing is ordered by these times, and custody has a remark"));
    }
    Ok(case)
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
pub fn analyst(given: Option<&str>) -> String {
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
        // What verdicts hide is no part of so many.
        limit: args.limit.filter(|_| args.all),
    };
    let found = case.findings(&filter)?;
    let verdicts = case.verdicts()?;
    let now = now();
    let words = Judgements::new(verdicts.iter().cloned(), now);
    let mut hidden = Hidden::default();
    let mut shown = Vec::new();
    for f in found {
        match settled(&words, &f) {
            Some((number, v)) if v.kind == VerdictKind::FalsePositive && !args.all => {
                hidden.count(*number, v, f.severity);
            }
            _ => shown.push(f),
        }
    }
    let mut found = shown;
    found.truncate(args.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)));
    let comment = |f: &StoredFinding| {
        let about = |v: &Verdict| v.subject.iter().any(|s| *s == f.id || *s == f.rule_id);
        let held = verdicts.iter().rev().filter(|(_, v)| v.holds(now) && v.kind == VerdictKind::Comment);
        held.map(|(_, v)| v).find(|v| about(v)).map(|v| v.kind.name())
    };
    let word = |f: &StoredFinding| settled(&words, f).map(|(_, v)| v.kind.name()).or_else(|| comment(f));
    let clock = Clock::default();
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.format == CaseFormat::Csv {
        let mut writer = csv::Writer::from_writer(&mut out);
        writer.write_record(CSV)?;
        for f in &found {
            csv_row(&mut writer, f, word(f), &clock)?;
        }
        writer.flush()?;
    }
    for f in &found {
        match args.format {
            CaseFormat::Csv => break,
            CaseFormat::Ndjson => {
                let mut line = serde_json::to_value(f)?;
                line["verdict"] = word(f).into();
                writeln!(out, "{line}")?;
            }
            CaseFormat::Table => {
                let time = f.time.map_or_else(|| "no time".into(), |t| clock.short(t));
                let verdict = word(f).map(|w| format!("  [{w}]")).unwrap_or_default();
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
    hidden.tell();
    Ok(Exit::Clean)
}

/// What verdicts hid.
#[derive(Default)]
pub struct Hidden {
    by_verdict: BTreeMap<i64, (String, u64)>,
    /// Hidden findings by severity.
    pub by_severity: BTreeMap<Severity, u64>,
}

impl Hidden {
    /// Counts one more.
    pub fn count(&mut self, number: i64, verdict: &Verdict, severity: Severity) {
        let said = || (format!("{} of {}: {}", number, verdict.analyst, verdict.reason), 0);
        self.by_verdict.entry(number).or_insert_with(said).1 += 1;
        *self.by_severity.entry(severity).or_default() += 1;
    }

    /// Says how many each verdict hid; nothing if none did.
    pub fn tell(&self) {
        for (said, n) in self.by_verdict.values() {
            note(&format!("{} hidden by verdict {}", plural(*n, "finding"), terminal(said)));
        }
    }
}

/// `palisade case hits DIR`.
pub fn hits(args: &CaseHits) -> Result<Exit> {
    let mut case = Case::open_read_only(&args.dir)?;
    let now = now();
    let verdicts = case.verdicts()?;
    let mut words: HashMap<&str, &Verdict> = HashMap::new();
    for (_, v) in verdicts.iter().filter(|(_, v)| v.holds(now)) {
        words.extend(v.subject.iter().map(|s| (s.as_str(), v)));
    }
    let current = Current::of(&mut case)?;
    let clock = Clock::default();
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.format == CaseFormat::Csv {
        writeln!(out, "hit,score,name,listed,party,first,verdict,analyst,reason,ended")?;
    }
    // Those left out of the open ones may be any number, so all are read.
    let limit = if args.open { u64::MAX } else { args.limit };
    let mut shown = 0;
    for hit in case.screening_hits(None, limit)? {
        let word = words.get(hit.id.as_str());
        if shown >= args.limit {
            break;
        }
        let ended = current.ended(&hit);
        if args.open && (word.is_some() || ended.is_some()) {
            continue;
        }
        shown += 1;
        let score = format!("{}.{:06}", hit.score / 1_000_000, hit.score % 1_000_000);
        match args.format {
            CaseFormat::Table => {
                let word = word.map_or(String::new(), |v| format!("  [{} by {}]", v.kind.name(), v.analyst));
                let ended = ended.map_or(String::new(), |why| format!("  [ended: {why}]"));
                let (name, listed) = (terminal(&hit.name), terminal(&hit.listed));
                let (party, word) = (terminal(&hit.party), terminal(&word));
                let score = (hit.score as f64 / 1e6).min(0.994_999);
                writeln!(out, "{}  {score:.2}  {name}: {listed} ({party}){word}{ended}", hit.id)?;
            }
            CaseFormat::Ndjson => {
                let mut line = serde_json::to_value(&hit)?;
                line["score"] = (hit.score as f64 / 1e6).into();
                line["verdict"] = word.map(|v| v.kind.name()).into();
                line["analyst"] = word.map(|v| v.analyst.as_str()).into();
                line["reason"] = word.map(|v| v.reason.as_str()).into();
                line["ended"] = ended.into();
                writeln!(out, "{line}")?;
            }
            CaseFormat::Csv => {
                let (kind, analyst, reason) =
                    word.map_or(("", "", ""), |v| (v.kind.name(), v.analyst.as_str(), v.reason.as_str()));
                let first = clock.exact(hit.first);
                let ended = ended.unwrap_or_default();
                let cells = [
                    &hit.id,
                    &score,
                    &hit.name,
                    &hit.listed,
                    &hit.party,
                    &first,
                    kind,
                    analyst,
                    reason,
                    ended,
                ];
                let cells: Vec<String> = cells.iter().map(|c| csv_cell(c).into_owned()).collect();
                writeln!(out, "{}", cells.join(","))?;
            }
        }
    }
    if args.format == CaseFormat::Table && shown == 0 {
        writeln!(out, "no hits; `palisade screen --case DIR` keeps what it finds")?;
    }
    out.flush()?;
    Ok(Exit::Clean)
}

const CSV: [&str; 15] = [
    "finding_id",
    "time",
    "time_end",
    "severity",
    "confidence",
    "host",
    "rule_id",
    "title",
    "attack",
    "verdict",
    "source",
    "record",
    "offset",
    "sha256",
    "citations",
];

/// A finding with its first citation; how many it has stands last.
fn csv_row<W: io::Write>(
    writer: &mut csv::Writer<W>,
    f: &StoredFinding,
    verdict: Option<&str>,
    clock: &Clock,
) -> Result<()> {
    let time = |t: Option<Time>| t.map(|t| clock.exact(t)).unwrap_or_default();
    let cited = f.citations.first();
    let source =
        cited.map(|c| if c.member.is_empty() { c.path.clone() } else { format!("{}!{}", c.path, c.member) });
    writer.write_record([
        f.id.as_str(),
        &time(f.time),
        &time(f.time_end),
        f.severity.name(),
        &f.confidence.to_string(),
        &csv_cell(f.host.as_deref().unwrap_or("")),
        &csv_cell(&f.rule_id),
        &csv_cell(&f.title),
        &csv_cell(&f.attack.join(" ")),
        verdict.unwrap_or(""),
        &csv_cell(&source.unwrap_or_default()),
        &cited.map(|c| c.record.to_string()).unwrap_or_default(),
        &cited.map(|c| c.offset.to_string()).unwrap_or_default(),
        cited.map_or("", |c| c.sha256.as_str()),
        &f.citations.len().to_string(),
    ])?;
    Ok(())
}

/// `palisade case show DIR`.
pub fn show(args: &CaseShow) -> Result<Exit> {
    let overview = Case::open_read_only(&args.dir)?.overview(args.limit)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        CaseShowFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &overview)?;
            writeln!(out)?;
        }
        CaseShowFormat::Table => show_table(&overview, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn show_table(o: &Overview, out: &mut impl io::Write) -> io::Result<()> {
    let clock = Clock::default();
    let time = |t: Option<Time>| t.map_or_else(|| "-".to_owned(), |t| clock.short(t));
    let c = &o.counts;
    writeln!(
        out,
        "{}, {} ({} read to the end), {}, {}, {}; knowledge in {}",
        plural(c.runs, "run"),
        plural(c.sources, "evidence file"),
        count(c.complete),
        plural(c.findings, "finding"),
        plural(c.problems, "problem"),
        plural(c.verdicts, "verdict"),
        o.database
    )?;
    let more = |all: u64, shown: usize| match all.saturating_sub(shown as u64) {
        0 => String::new(),
        n => format!(", {} more not shown (--limit)", count(n)),
    };
    writeln!(out, "\nRUNS, newest first{}", more(c.runs, o.runs.len()))?;
    for r in &o.runs {
        writeln!(
            out,
            "{:>5}  {}  {:<19}  {} by {} on {}: {}",
            r.id,
            clock.short(r.started),
            r.finished.map_or_else(|| "did not end".into(), |t| clock.short(t)),
            terminal(&r.tool_version),
            terminal(&r.operator),
            terminal(&r.machine),
            terminal(&r.command_line)
        )?;
    }
    writeln!(out, "\nEVIDENCE{}", more(c.sources, o.sources.len()))?;
    for s in &o.sources {
        let other =
            if s.paths > 1 { format!(" and {}", plural(s.paths - 1, "other path")) } else { String::new() };
        writeln!(
            out,
            "{:>5}  {}  {:>14} bytes  {:>11} records  {:>11} in the lake  {}{other}{}",
            s.id,
            s.sha256.get(..16).unwrap_or(&s.sha256),
            count(s.bytes),
            count(s.records),
            count(s.rows_kept),
            terminal(&s.path),
            if s.complete { "" } else { "  (not read to its end)" }
        )?;
    }
    if !o.problems.is_empty() {
        writeln!(out, "\nPROBLEMS, most frequent first{}", more(c.problems, o.problems.len()))?;
    }
    for p in &o.problems {
        let at = p.offset.map(|n| format!(" at byte {}", count(n))).unwrap_or_default();
        writeln!(
            out,
            "{:>11} ×  {:<16}  {}{at}: {}",
            count(p.times),
            p.code,
            terminal(&p.origin),
            terminal(&p.message)
        )?;
    }
    if !o.coverage.is_empty() {
        writeln!(out, "\nCOVERAGE")?;
    }
    for s in &o.coverage {
        let files = plural(s.sources, "file");
        let (shape, first, last) = (terminal(&s.shape), time(s.first), time(s.last));
        writeln!(out, "{:>14} events  {shape:<32}  {first:<19} to {last:<19}  in {files}", count(s.events))?;
    }
    if !o.lake.is_empty() {
        writeln!(out, "\nLAKE")?;
    }
    for t in &o.lake {
        let (table, first, last) = (terminal(&t.table), time(t.first), time(t.last));
        let (segments, bytes) = (plural(t.segments, "segment"), count(t.bytes + t.index_bytes));
        writeln!(
            out,
            "{:>14} rows    {table:<32}  {first:<19} to {last:<19}  {segments}, {bytes} bytes",
            count(t.rows)
        )?;
    }
    Ok(())
}

/// `palisade case backup DIR TO`.
pub fn backup(args: &CaseBackup) -> Result<Exit> {
    // A case on a read-only medium has no writer to keep out.
    let mut case = match Case::open(&args.dir) {
        Err(palisade_store::Error::ReadOnly { .. }) => Case::open_read_only(&args.dir)?,
        other => other?,
    };
    let done = case.backup(&args.to)?;
    copied("backed up to", &args.to, &done)
}

/// `palisade case restore BACKUP DIR`.
pub fn restore(args: &CaseRestore) -> Result<Exit> {
    let done = Case::restore(&args.from, &args.to, args.database.as_deref())?;
    copied("restored to", &args.to, &done)
}

fn copied(what: &str, to: &Path, done: &Backup) -> Result<Exit> {
    let rows = done.rows.map(|n| format!(", {} of knowledge", plural(n, "row"))).unwrap_or_default();
    let linked = if done.linked == 0 { String::new() } else { format!(" ({} linked)", count(done.linked)) };
    writeln!(
        io::stdout(),
        "{what} {}: {} of the lake{linked}, {} bytes{rows}",
        terminal(&to.display().to_string()),
        plural(done.files, "file"),
        count(done.bytes)
    )?;
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
    let settles = matches!(kind, VerdictKind::FalsePositive | VerdictKind::Confirmed);
    if !args.only.is_empty() && !settles {
        bail!("--only narrows false_positive and confirmed; a verdict {} has no use for it", kind.name());
    }
    let mut subject = args.subjects.clone();
    for scope in &args.only {
        let host = scope.strip_prefix("host:").filter(|h| !h.is_empty()).map(|_| scope.clone());
        let written = host.or_else(|| Observable::typed(scope).map(|o| o.to_string()));
        subject.push(written.ok_or_else(|| {
            anyhow!("--only {scope} is neither host:NAME nor an observable like account:…, ip:…, domain:…, sha256:…")
        })?);
    }
    let verdict = Verdict {
        subject,
        kind,
        analyst: analyst(args.analyst.as_deref()),
        time: now(),
        reason: args.reason.clone(),
        expires: args.expires.as_deref().map(|t| moment("--expires", t, None)).transpose()?,
        undone: None,
    };
    let mut case = Case::open(&args.dir)?;
    let known = case.findings(&Filter::default())?;
    for subject in &args.subjects {
        let found = known.iter().any(|f| f.id == *subject || f.rule_id == *subject);
        // Hits of screening are words on names: two of them are not pinned or cut.
        if !found && (two || case.screening_hits(Some(subject), 1)?.is_empty()) {
            bail!(
                "the case has no finding, no rule and no hit of screening \"{subject}\"; `palisade case findings DIR` \
                 and `palisade case hits DIR` list them"
            );
        }
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
