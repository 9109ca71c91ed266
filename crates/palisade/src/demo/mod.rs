//! `palisade demo`: a sample with a known intrusion, investigated, compared with the truth.
//!
//! The generator here shares no code with any reader, so that what it writes tests them.
//! It draws no randomness: the same sample comes out everywhere, byte for byte.

mod everyday;
mod intrusion;
mod records;
mod sample;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Finding, Problem, Time};
use palisade_pipeline::{Observer, Settings, Sources, investigate};

use crate::args::{Demo, Format, RuleArgs};
use crate::errors::{Exit, reason};
use crate::inputs;
use crate::output::{self, Form, Sink, Style, count, plural};
use sample::Step;

/// Runs the command.
pub fn run(args: &Demo) -> Result<Exit> {
    let (folder, kept) = match &args.out {
        Some(folder) => (folder.clone(), true),
        None => (std::env::temp_dir().join(format!("palisade-demo-{}", std::process::id())), false),
    };
    prepare(&folder)?;
    let done = show(&folder, kept);
    if !kept {
        // Ours, made above, and empty of anything else.
        let _ = std::fs::remove_dir_all(&folder);
    }
    done
}

/// Makes the folder; refuses one that already holds something.
fn prepare(folder: &Path) -> Result<()> {
    if let Ok(mut entries) = std::fs::read_dir(folder)
        && entries.next().is_some()
    {
        bail!("cannot write the sample to {}: the folder is not empty; name another", folder.display());
    }
    std::fs::create_dir_all(folder)
        .map_err(|e| anyhow!("cannot write the sample to {}: {}", folder.display(), reason(&e)))
}

fn show(folder: &Path, kept: bool) -> Result<Exit> {
    let sample = sample::make();
    for (name, bytes) in &sample.files {
        let path = folder.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, bytes))
            .map_err(|e| anyhow!("cannot write {}: {}", path.display(), reason(&e)))?;
    }
    let jobs = inputs::jobs(None)?;
    let rules = RuleArgs::default();
    let mut loaded = inputs::rules(&rules, jobs)?;
    let knowledge = inputs::knowledge(&mut loaded, Vec::new(), &rules, false)?;
    let style = Style {
        colour: output::colour_wanted(),
        width: output::terminal_width(),
        limit: 40,
        paths: vec![folder.display().to_string()],
        ..Style::default()
    };
    let mut watcher = Watcher { form: output::form(Format::Table, style), seen: BTreeSet::new() };
    let settings = Settings { paths: vec![folder.to_owned()], jobs, ..Settings::default() };
    let summary = investigate(&settings, &knowledge, None, &mut watcher).map_err(|e| anyhow!("{e}"))?;
    let mut sink = Sink::open(None)?;
    let written = sink.step(|out| {
        writeln!(
            out,
            "A sample of {} in {} was made{}: everyday records of three Windows machines, an AWS account\n\
             and Microsoft 365, an intrusion in {} steps among them, and one file cut short.\n",
            plural(sample.records, "record"),
            plural(sample.files.len() as u64, "file"),
            if kept { format!(" in {}", folder.display()) } else { String::new() },
            sample.steps.len(),
        )?;
        watcher.form.finish(&summary, out)?;
        truth(&sample.steps, &watcher.seen, out)?;
        next(folder, kept, out)
    });
    match (written, sink.failure()) {
        (Err(text), failure) => return Err(failure.unwrap_or_else(|| anyhow!(text))),
        (Ok(()), _) => sink.close()?,
    }
    let all = sample.steps.iter().all(|s| found(s, &watcher.seen));
    Ok(if all { Exit::Clean } else { Exit::Bad })
}

/// File name, time and rule of every finding.
type Seen = BTreeSet<(String, Option<Time>, String)>;

struct Watcher {
    form: Box<dyn Form>,
    seen: Seen,
}

impl Observer for Watcher {
    fn finding(&mut self, finding: &Finding, sources: &Sources) -> Result<(), String> {
        for citation in &finding.citations {
            let path = sources.get(citation.source).map(|s| PathBuf::from(s.origin.top()));
            let name = path.and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
            self.seen.insert((name.unwrap_or_default(), finding.time, finding.rule.id.clone()));
        }
        self.form.finding(finding, sources, &mut std::io::sink()).map_err(|e| e.to_string())
    }

    fn problem(&mut self, problem: &Problem) -> Result<(), String> {
        self.form.problem(problem, &mut std::io::sink()).map_err(|e| e.to_string())
    }
}

fn found(step: &Step, seen: &Seen) -> bool {
    step.rules.iter().any(|rule| seen.contains(&(step.file.to_owned(), Some(step.time), (*rule).to_owned())))
}

/// Planted and found, and what was found that nobody planted.
fn truth(steps: &[Step], seen: &Seen, out: output::Out<'_>) -> std::io::Result<()> {
    writeln!(out, "\nPLANTED AND FOUND")?;
    for step in steps {
        let (y, mo, d, h, mi, _, _) = step.time.civil();
        let mark = if found(step, seen) { "found " } else { "MISSED" };
        writeln!(out, "  {mark}  {y:04}-{mo:02}-{d:02} {h:02}:{mi:02}  {:<10}  {}", step.place, step.what)?;
    }
    let hits = steps.iter().filter(|s| found(s, seen)).count();
    let planted =
        |file: &str, time: &Option<Time>| steps.iter().any(|s| s.file == file && Some(s.time) == *time);
    let others = seen.iter().filter(|(file, time, _)| !planted(file, time)).count() as u64;
    let others = if others == 0 {
        "no finding on everyday records".to_owned()
    } else {
        format!("{} on everyday records", plural(others, "finding"))
    };
    writeln!(out, "  {hits} of {} steps found, {others}", count(steps.len() as u64))
}

fn next(folder: &Path, kept: bool, out: output::Out<'_>) -> std::io::Result<()> {
    writeln!(out, "\nTRY NEXT")?;
    let folder = if kept { folder.display().to_string() } else { "sample".into() };
    if !kept {
        writeln!(out, "  palisade demo --out sample")?;
    }
    writeln!(out, "  palisade investigate {folder} --format html --output report.html")?;
    writeln!(out, "  palisade investigate {folder} --format ndjson --min-level high")?;
    writeln!(out, "  palisade rules list --attack")
}
