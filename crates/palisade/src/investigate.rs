//! `palisade investigate`: from arguments to a run, from a run to output and exit code.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Finding, Judged, Judgements, Problem};
use palisade_pipeline::{
    Analytics, Error, Keep, Observer, Progress, Settings, Sources, Summary, dismissed, investigate,
};

use crate::args::{Format, Investigate};
use crate::case;
use crate::errors::{Exit, note, reason};
use crate::inputs;
use crate::output::{self, Form, Sink, Style};
use crate::progress::Bar;
use crate::times::{Clock, moment, now, zone};

mod reread;

/// Runs the command.
pub fn run(args: &Investigate) -> Result<Exit> {
    let jobs = inputs::jobs(args.jobs)?;
    let assumed = args.assume_timezone.as_deref().map(|z| zone("--assume-timezone", z)).transpose()?;
    let shown = args.display_timezone.as_deref().map(|z| zone("--display-timezone", z)).transpose()?;
    let at = |option: &str, text: &Option<String>| {
        text.as_deref().map(|t| moment(option, t, shown.as_ref())).transpose()
    };
    let own = args.case.as_deref().and_then(case::config);
    let config = args.config.as_deref().or(own.as_deref());
    let settings = Settings {
        since: at("--since", &args.since)?,
        until: at("--until", &args.until)?,
        paths: args.paths.clone(),
        jobs,
        zone: assumed,
        collected: at("--collected", &args.collected)?,
        hash: !args.no_hash,
        organisation: inputs::organisation(config)?,
        ..Settings::default()
    };
    if let (Some(since), Some(until)) = (settings.since, settings.until)
        && since >= until
    {
        bail!("--since {since} is not before --until {until}, so nothing could be found; exchange them");
    }
    check_paths(&args.paths)?;
    if let Some(file) = &args.output {
        check_output(file, args, config)?;
    }
    let mut loaded = inputs::rules(&args.rules, jobs)?;
    let (indicators, mut problems) = inputs::indicators(&args.indicators)?;
    let (kev, faults) = inputs::kev(&args.kev)?;
    problems.extend(faults);
    let on = !args.no_analytics && !args.rules.no_shipped_rules;
    let own = inputs::own_analytics(args.analytics.as_deref())?;
    let analytics = Analytics { on, min_level: args.rules.min_level, kev, own };
    problems.extend(inputs::rule_problems(&loaded));
    let failed = loaded.failed() as u64;
    let r = &args.rules;
    let mut named: Vec<PathBuf> = args.kev.clone();
    if let Some(folder) = &args.analytics {
        named.extend(inputs::analytics_files(folder)?);
    }
    let lists = [&args.indicators, &named, &r.mapping, &r.placeholders, &r.fields].into_iter().flatten();
    let lists: Vec<PathBuf> = lists.cloned().collect();
    let custody = case::inputs(&r.rules, &loaded, &lists, config);
    let knowledge = inputs::knowledge(&mut loaded, indicators, &args.rules, args.case.is_some(), analytics)?;
    drop(loaded);
    let mut opened = args.case.as_deref().map(|dir| case::open_for_run(dir, args.quiet)).transpose()?;
    if let Some(case) = &mut opened {
        // What a run that was cut short left behind, before anything new is written.
        case.sweep()?;
    }
    let words = match &mut opened {
        Some(case) => Judgements::new(case.verdicts()?, now()),
        None => Judgements::default(),
    };
    let rows_before = match opened.as_mut().filter(|_| args.reread) {
        Some(case) => reread::rows(case)?,
        None => 0,
    };
    let had_rows = match &mut opened {
        Some(case) => case.newest_commit()? > 0,
        None => false,
    };
    let keep = opened.as_mut().map(|case| {
        let (since, until, zone) = (&settings.since, &settings.until, &args.assume_timezone);
        let analysed = if args.no_analytics { " no analytics" } else { "" };
        let collected = args.collected.as_ref().map_or(String::new(), |c| format!(" {c:?}"));
        let info = case::run_info(
            &custody,
            &format!("{since:?} {until:?} {zone:?} {:?}{collected}{analysed}", r.min_level),
        );
        // A run that leaves out part of the time has not looked at every row.
        let whole = settings.since.is_none() && settings.until.is_none();
        let mut looking = if whole { palisade_pipeline::looked_items(&knowledge) } else { Vec::new() };
        if had_rows && whole {
            // Correlations have looked at what is read now, not at what the case had.
            let first = knowledge.engine.rules().len();
            looking.drain(first..first + knowledge.correlations.len());
        }
        Keep { case, info, inputs: custody, reread: args.reread, jobs, looking }
    });
    let style = Style {
        clock: Clock::new(shown, args.display_timezone.clone()),
        colour: args.output.is_none() && output::colour_wanted(),
        width: if args.output.is_none() { output::terminal_width() } else { None },
        limit: args.limit,
        coverage: args.coverage,
        paths: args.paths.iter().map(|p| p.display().to_string()).collect(),
    };
    let sink = Sink::open(args.output.as_deref())?;
    // A bar among streamed lines on one terminal would spoil both.
    let streams = matches!(args.format, Format::Ndjson | Format::Json | Format::Csv);
    let bar =
        Bar::new(!(args.quiet || streams && args.output.is_none() && output::terminal_width().is_some()));
    let mut screen =
        Screen { form: output::form(args.format, style), sink, bar, words, hidden: Default::default() };
    let whole = settings.since.is_none() && settings.until.is_none();
    let made = args.reread.then(HashSet::new);
    let mut noting = reread::Noting { screen: &mut screen, made };
    let summary = drive(&settings, &knowledge, keep, &problems, failed, &mut noting)?;
    let made = noting.made;
    screen.sink.close()?;
    if !args.quiet {
        screen.hidden.tell();
    }
    if let (Some(case), Some(made), false) = (opened.as_mut(), &made, args.quiet) {
        note(&reread::changes(case, &knowledge, made, rows_before, whole)?);
    }
    if let (Some(dir), false) = (args.case.as_deref().filter(|_| summary.findings > 0), args.quiet) {
        let dir = dir.display();
        note(&format!(
            "`palisade campaign list --case {dir}` joins the findings, `palisade report --case {dir} -o report.html` tells them"
        ));
    }
    if had_rows && !args.reread && !knowledge.correlations.is_empty() && !args.quiet {
        let dir = args.case.as_deref().unwrap_or(Path::new("DIR")).display();
        note(&format!(
            "correlations looked at what was read now, not at what the case had; `palisade hunt --case {dir} \
             --shipped-rules --keep` looks at all of it"
        ));
    }
    if summary.sources == 0 && summary.files_known == 0 {
        bail!("{}", nothing_read(&args.paths, &summary));
    }
    if failed > 0 && !args.quiet {
        note(&format!(
            "{} could not be loaded; `palisade rules check DIR` shows where and why",
            output::plural(failed, "rule")
        ));
    }
    let Some(level) = args.fail_on else { return Ok(Exit::Clean) };
    let mut reached = crate::hunt::reached(&summary, &screen.hidden, level);
    // What was known and not read again still counts.
    if let Some(case) = opened.as_mut().filter(|_| summary.files_known > 0) {
        let filter = palisade_store::Filter { min_severity: level, ..Default::default() };
        reached |= case.findings(&filter)?.iter().any(|f| dismissed(&screen.words, f).is_none());
    }
    Ok(if reached { Exit::Bad } else { Exit::Clean })
}

/// Runs the pipeline into a form, problems of rules and lists first.
fn drive(
    settings: &Settings,
    knowledge: &palisade_pipeline::Knowledge,
    keep: Option<Keep<'_>>,
    problems: &[Problem],
    rules_failed: u64,
    noting: &mut reread::Noting<'_>,
) -> Result<Summary> {
    let told = problems.iter().try_for_each(|p| noting.problem(p));
    let ran = told.map_err(Error::Output).and_then(|()| investigate(settings, knowledge, keep, noting));
    let Screen { form, sink, bar, .. } = &mut *noting.screen;
    bar.clear();
    let mut summary = match ran {
        Ok(summary) => summary,
        Err(error) => return Err(sink.failure().unwrap_or_else(|| anyhow!("{error}"))),
    };
    summary.rules_failed = rules_failed;
    for problem in problems {
        *summary.problems.entry(problem.code).or_default() += problem.count;
    }
    if let Err(text) = sink.step(|out| form.finish(&summary, out)) {
        return Err(sink.failure().unwrap_or_else(|| anyhow!(text)));
    }
    Ok(summary)
}

/// Where results of a run go: a form, a place to write, a bar.
pub struct Screen {
    /// The form.
    pub form: Box<dyn Form>,
    /// The place.
    pub sink: Sink,
    /// The bar.
    pub bar: Bar,
    /// Words of the case on findings; empty without a case.
    pub words: Judgements,
    /// What they hid.
    pub hidden: case::Hidden,
}

impl Observer for Screen {
    fn finding(&mut self, finding: &Finding, sources: &Sources) -> Result<(), String> {
        let Screen { form, sink, words, hidden, .. } = self;
        if !words.is_empty() {
            let (id, host) = (finding.id.to_string(), finding.host.as_deref());
            let about = Judged { id: &id, rule: &finding.rule.id, host, observables: &finding.observables };
            if let Some((number, verdict)) = words.dismissed(&about) {
                hidden.count(*number, verdict, finding.rule.level);
                return Ok(());
            }
        }
        sink.step(|out| form.finding(finding, sources, out))
    }

    fn problem(&mut self, problem: &Problem) -> Result<(), String> {
        let Screen { form, sink, .. } = self;
        sink.step(|out| form.problem(problem, out))
    }

    fn progress(&mut self, progress: Progress) {
        self.bar.show(progress);
    }
}

/// Every path must exist and open; trouble below a folder is a problem of the run instead.
fn check_paths(paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let fail = |e: std::io::Error| {
            let what = reason(&e);
            let advice = match e.kind() {
                std::io::ErrorKind::NotFound => "; check the spelling",
                std::io::ErrorKind::PermissionDenied => {
                    "; ask for permission to read it, or copy it with an account that may"
                }
                _ => "",
            };
            anyhow!("cannot read {}: {what}{advice}", path.display())
        };
        let meta = std::fs::metadata(path).map_err(fail)?;
        if meta.is_dir() {
            let mut entries = std::fs::read_dir(path).map_err(fail)?;
            if entries.next().is_none() {
                bail!("nothing to investigate in {}: the folder is empty", path.display());
            }
        } else {
            std::fs::File::open(path).map_err(fail)?;
        }
    }
    Ok(())
}

/// The output must not take the place of evidence, nor of anything else that the run reads or keeps.
fn check_output(file: &Path, args: &Investigate, config: Option<&Path>) -> Result<()> {
    let real = |path: &PathBuf| path.canonicalize().ok();
    let refuse = |what: &str| -> Result<()> {
        bail!("cannot write to {}: it is {what}; choose another file", file.display())
    };
    let there = output::place(file).ok();
    if let Some(case) = &args.case {
        // The case may not be there yet.
        let at = there.as_deref().unwrap_or(file);
        let inside = at.parent().is_some_and(|p| p == case || Some(p) == real(case).as_deref());
        let name = at.file_name().and_then(|n| n.to_str()).unwrap_or("");
        let kept = [palisade_store::MANIFEST, palisade_store::LOCK, palisade_store::LINK].contains(&name);
        if inside && (kept || name.starts_with(palisade_store::DATABASE)) {
            return refuse("part of the case");
        }
    }
    // Where it cannot be made, opening it says why.
    let Some(there) = there else { return Ok(()) };
    for path in args.paths.iter().filter_map(real) {
        if there == path {
            return refuse("the evidence");
        }
        if there.starts_with(&path) {
            return refuse("among the evidence");
        }
    }
    let r = &args.rules;
    let yaml = matches!(there.extension().and_then(|e| e.to_str()), Some("yml" | "yaml"));
    if r.rules.iter().filter_map(real).any(|p| there == p || yaml && there.starts_with(&p)) {
        return refuse("among the rules");
    }
    let named = [&r.mapping, &r.placeholders, &r.fields, &args.indicators].into_iter().flatten();
    if named.filter_map(real).chain(config.and_then(|c| c.canonicalize().ok())).any(|p| p == there) {
        return refuse("what this run reads");
    }
    Ok(())
}

fn nothing_read(paths: &[PathBuf], summary: &Summary) -> String {
    let named = match paths {
        [one] => one.display().to_string(),
        many => format!("the {} paths given", many.len()),
    };
    format!(
        "nothing in {named} is evidence that Palisade can read ({} looked at); it reads EVTX and JSON logs, also compressed or in zip and tar",
        output::plural(summary.files, "file")
    )
}
