//! `palisade demo`: an exercise is written, investigated, joined, reported, and compared with its truth.
//!
//! The writer shares no code with any reader, so that what it writes tests them.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow};
use palisade_campaign::Joined;
use palisade_exercise::{Found, GroupKind, Parameters, Score, Truth, scenarios, score};
use palisade_model::{Finding, Problem, terminal};
use palisade_pipeline::{Analytics, CaseFindings, Keep, Observer, Settings, Sources, Summary, investigate};
use serde_json::{Value, json};

use crate::args::{CaseShowFormat, Demo, RuleArgs};
use crate::campaign::{heading, joined};
use crate::errors::{Exit, note, reason};
use crate::output::{count, plural};
use crate::times::Clock;
use crate::{case, exercise, inputs, report};

/// What one scenario came to.
struct Played {
    folder: PathBuf,
    truth: Truth,
    summary: Summary,
    joined: Joined,
    score: Score,
    seconds: f64,
}

/// Runs the command.
pub fn run(args: &Demo) -> Result<Exit> {
    let out = match &args.out {
        Some(folder) => folder.clone(),
        None => fresh()?,
    };
    let names: Vec<&str> = match args.which.scenario.as_str() {
        "all" => scenarios().iter().map(|s| s.name).collect(),
        one => vec![one],
    };
    let mut played = Vec::new();
    for name in &names {
        if names.len() > 1 {
            note(&format!("{name} …"));
        }
        let folder = if names.len() > 1 { out.join(name) } else { out.clone() };
        played.push(play(&Parameters { scenario: (*name).to_owned(), ..args.which.parameters() }, &folder)?);
    }
    let mut to = io::stdout().lock();
    match args.format {
        CaseShowFormat::Json => {
            serde_json::to_writer_pretty(&mut to, &value(&played))?;
            writeln!(to)?;
        }
        CaseShowFormat::Table => {
            for p in &played {
                table(p, &mut to)?;
            }
            next(&played, &mut to)?;
        }
    }
    let whole = played.iter().all(|p| p.score.campaigns.iter().all(|c| c.campaign.is_some()));
    Ok(if whole { Exit::Clean } else { Exit::Bad })
}

/// A folder of its own among the temporary files.
fn fresh() -> Result<PathBuf> {
    let base = std::env::temp_dir();
    for n in 0..1_000 {
        let folder = base.join(format!("palisade-demo-{}-{n}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(anyhow!("cannot make a folder in {}: {}", base.display(), reason(&e))),
        }
    }
    Err(anyhow!("{} is full of demos; name a folder with --out", base.display()))
}

/// Findings are read from the case afterwards.
struct Quiet;

impl Observer for Quiet {
    fn finding(&mut self, _: &Finding, _: &Sources) -> Result<(), String> {
        Ok(())
    }
    fn problem(&mut self, _: &Problem) -> Result<(), String> {
        Ok(())
    }
}

fn play(parameters: &Parameters, folder: &Path) -> Result<Played> {
    let begun = Instant::now();
    let truth = exercise::make(parameters, folder)?;
    let evidence = folder.join("evidence");
    let jobs = inputs::jobs(None)?;
    let rules = RuleArgs::default();
    let mut loaded = inputs::rules(&rules, jobs)?;
    let custody = case::inputs(&[], &loaded, &[], None);
    let analytics = Analytics { on: true, ..Analytics::default() };
    let knowledge = inputs::knowledge(&mut loaded, Vec::new(), &rules, true, analytics)?;
    let dir = folder.join("case");
    let mut opened = case::open_for_run(&dir, true)?;
    // The settings of `investigate` without options, so that it knows what was read.
    let info = case::run_info(&custody, "None None None None");
    let looking = palisade_pipeline::looked_items(&knowledge);
    let keep = Keep { case: &mut opened, info, inputs: custody, reread: false, jobs, looking };
    let settings = Settings { paths: vec![evidence.clone()], jobs, ..Settings::default() };
    let summary = investigate(&settings, &knowledge, Some(keep), &mut Quiet).map_err(|e| anyhow!("{e}"))?;
    drop(opened);
    let (read, joined) = joined(&dir)?;
    let score = compare(&truth, &read, &joined, &evidence);
    let title = format!("Exercise {}, seed {}", truth.scenario, truth.parameters.seed);
    report::page(&dir, &title, &folder.join("report.html"))?;
    Ok(Played {
        folder: folder.to_owned(),
        truth,
        summary,
        joined,
        score,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// What was found against what was planted, by the records that findings cite: one for each finding. One that cites
/// many is of what was planted if at least half of them are.
fn compare(truth: &Truth, read: &CaseFindings, joined: &Joined, evidence: &Path) -> Score {
    let by_id = read.by_id();
    let root = evidence.canonicalize().unwrap_or_else(|_| evidence.to_owned());
    let steps = truth.groups.iter().flat_map(|g| &g.steps);
    let planted: HashSet<(&str, u64)> =
        steps.flat_map(|s| &s.records).map(|r| (r.file.as_str(), r.record)).collect();
    let records = |id| {
        let citations = by_id.get(&id).map(|f| f.citations.as_slice()).unwrap_or_default();
        let cited = citations.iter().filter_map(|c| {
            let path = Path::new(&c.path);
            let below = path.strip_prefix(evidence).or_else(|_| path.strip_prefix(&root)).ok()?;
            Some((below.to_string_lossy().replace('\\', "/"), c.record))
        });
        let (own, other): (Vec<_>, Vec<_>) =
            cited.partition(|(file, n)| planted.contains(&(file.as_str(), *n)));
        let told = if own.len() >= other.len() { own } else { other };
        told.into_iter().next()
    };
    let found: Vec<Found> = joined
        .campaigns
        .iter()
        .map(|c| Found { campaign: c.id.to_string(), records: c.findings().flat_map(records).collect() })
        .collect();
    let loose: Vec<(String, u64)> = joined.loose.iter().copied().flat_map(records).collect();
    score(truth, &found, &loose)
}

fn table(p: &Played, out: &mut dyn io::Write) -> io::Result<()> {
    let title = scenarios().iter().find(|s| s.name == p.truth.scenario).map_or("", |s| s.title);
    let groups = |kind: GroupKind| p.truth.groups.iter().filter(|g| g.kind == kind).count() as u64;
    writeln!(out, "{}: {title}", p.truth.scenario)?;
    writeln!(
        out,
        "  written      {} over {}; {} planted ({:.3} %), {} and {} among everyday life",
        plural(p.truth.records.total, "record"),
        plural(u64::from(p.truth.parameters.days), "day"),
        count(p.truth.records.planted),
        p.truth.records.share * 100.0,
        plural(groups(GroupKind::Campaign), "campaign"),
        plural(groups(GroupKind::Decoy), "decoy"),
    )?;
    writeln!(
        out,
        "  investigated {} in {}, {}; {:.1} s with everything",
        plural(p.summary.events, "event"),
        plural(p.summary.files, "file"),
        plural(p.summary.by_severity.values().sum(), "finding"),
        p.seconds
    )?;
    let clock = Clock::default();
    writeln!(out, "  joined")?;
    for c in &p.joined.campaigns {
        writeln!(out, "    {}", terminal(&heading(c, &clock)))?;
    }
    writeln!(
        out,
        "\n  planted campaign                    steps seen  found as            precision  recall  pair F1  merged with"
    )?;
    for c in &p.score.campaigns {
        writeln!(
            out,
            "  {:<34}  {:>4} of {:<3}  {:<18}  {:>9.2}  {:>6.2}  {:>7.2}  {}",
            terminal(&c.name),
            c.steps_seen,
            c.steps,
            c.campaign.as_deref().unwrap_or("not found"),
            c.precision,
            c.recall,
            c.pair_f1,
            if c.merged_with.is_empty() { "nothing".to_owned() } else { c.merged_with.join(", ") }
        )?;
    }
    writeln!(
        out,
        "  Of {} on planted records, {} on decoys, {} on everyday life.\n",
        plural(p.score.findings_planted, "finding"),
        p.score.findings_decoy,
        p.score.findings_noise
    )
}

fn next(played: &[Played], out: &mut dyn io::Write) -> io::Result<()> {
    let Some(first) = played.first() else { return Ok(()) };
    let dir = first.folder.join("case");
    let dir = dir.display();
    writeln!(out, "LOOK AT IT")?;
    writeln!(out, "  {}", first.folder.join("report.html").display())?;
    if let Some(c) = first.score.campaigns.first().and_then(|c| c.campaign.as_deref()) {
        writeln!(out, "  palisade campaign show --case {dir} {c}")?;
    }
    writeln!(out, "  palisade case findings {dir} --min-level high")?;
    writeln!(out, "  palisade hunt --case {dir} --tables")?;
    writeln!(out, "  palisade exercise --list")
}

fn value(played: &[Played]) -> Value {
    let campaigns: Vec<Value> = played
        .iter()
        .flat_map(|p| p.score.campaigns.iter().map(move |c| (p, c)))
        .map(|(p, c)| {
            json!({
                "scenario": p.truth.scenario, "truth": c.name, "found": c.campaign,
                "precision": c.precision, "recall": c.recall,
                "pair_precision": c.pair_precision, "pair_recall": c.pair_recall, "pair_f1": c.pair_f1,
                "fragments": c.spread, "loose": c.loose, "noise": c.noise, "merged_with": c.merged_with,
                "steps": c.steps, "steps_seen": c.steps_seen, "steps_joined": c.steps_joined,
            })
        })
        .collect();
    let exercises: Vec<Value> = played
        .iter()
        .map(|p| {
            json!({
                "scenario": p.truth.scenario, "seed": p.truth.parameters.seed, "days": p.truth.parameters.days,
                "scale": p.truth.parameters.scale, "folder": p.folder, "records": p.truth.records.total,
                "planted": p.truth.records.planted, "events": p.summary.events, "seconds": p.seconds,
                "campaigns_found": p.joined.campaigns.len(), "precision": p.score.precision,
                "recall": p.score.recall, "f1": p.score.f1,
            })
        })
        .collect();
    json!({"format": 1, "campaigns": campaigns, "exercises": exercises})
}
