//! `palisade hunt`: what a case has kept, asked again.

use std::collections::BTreeSet;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use palisade_model::{Finding, Judgements, Problem, Severity, terminal};
use palisade_pipeline::{
    Analytics, HuntSettings, Knowledge, Observer, Progress, Sources, Summary, hunt, indicator_rows,
    looked_items,
};
use palisade_rules::sigma::{Rule, RuleSet};
use palisade_store::lake::answer::{self, Answer};
use palisade_store::lake::{Lake, QueryCost, QueryLimits, Visible, query};
use palisade_store::{Case, CitedSource, RunWriter, SourceRow};

use crate::args::{Format, Hunt, HuntFormat, RuleArgs};
use crate::case;
use crate::errors::{Exit, note, reason};
use crate::inputs;
use crate::investigate::Screen;
use crate::output::{self, Sink, Style, count, plural};
use crate::progress::Bar;
use crate::times::{Clock, moment, now, zone};

mod ocsf;
mod show;

/// How long a query may run if nobody says otherwise.
const TIMEOUT: u64 = 300;

/// Runs the command.
pub fn run(args: &Hunt) -> Result<Exit> {
    if args.tables {
        return tables(args);
    }
    if let Some(class) = &args.ocsf {
        let (_, lake) = open(args, false)?;
        return ocsf::export(args, &lake, class);
    }
    if args.sql.is_some() || args.sql_file.is_some() {
        return sql(args);
    }
    intelligence(args)
}

fn open(args: &Hunt, write: bool) -> Result<(Case, Lake)> {
    let mut case = if write { Case::open(&args.case)? } else { Case::open_read_only(&args.case)? };
    let lake = case.lake()?;
    if lake.segments().is_empty() {
        bail!(
            "the case in {} has no events; `palisade investigate --case` keeps those of the evidence it reads",
            args.case.display()
        );
    }
    Ok((case, lake))
}

/// The sources of a case, all of them.
fn sources(case: &mut Case) -> Result<Vec<SourceRow>> {
    Ok(case.overview(i64::MAX as u64)?.sources)
}

// ---- SQL ----

fn sql(args: &Hunt) -> Result<Exit> {
    let text = match (&args.sql, &args.sql_file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) if path.as_os_str() == "-" => standard_input()?,
        (None, Some(path)) => inputs::text("the query in", path, palisade_store::lake::MAX_SQL_BYTES as u64)?,
        (None, None) => String::new(),
    };
    if text.trim().is_empty() {
        bail!("the query is empty; --tables shows what can be asked");
    }
    if args.format == HuntFormat::Html {
        bail!("an answer to SQL has no HTML form; use table, csv, json, ndjson or parquet");
    }
    if args.format == HuntFormat::Parquet && args.output.is_none() {
        bail!("--format parquet writes a file; name it with --output");
    }
    let (mut case, lake) = open(args, false)?;
    let visible = Visible {
        knowledge: case.knowledge_tables(&text)?,
        views: ocsf::views(&lake, &text)?,
        cite: !args.no_cite,
    };
    let limits = QueryLimits {
        memory: args.memory,
        timeout: Some(args.timeout.unwrap_or(TIMEOUT)).filter(|t| *t > 0).map(Duration::from_secs),
        threads: inputs::jobs(args.jobs)?,
    };
    let ask = |answer: &mut dyn Answer| query(&lake, &visible, &text, limits, answer);
    let cost = if let (HuntFormat::Parquet, Some(path)) = (args.format, &args.output) {
        parquet(path, ask)?
    } else {
        let mut sink = Sink::open(args.output.as_deref())?;
        let answered = match args.format {
            HuntFormat::Csv => ask(&mut answer::Csv::new(Through(&mut sink))),
            HuntFormat::Ndjson => ask(&mut answer::Json::new(Through(&mut sink), true)),
            HuntFormat::Json => ask(&mut answer::Json::new(Through(&mut sink), false)),
            _ => {
                let mut cells = answer::Cells { limit: args.limit, ..answer::Cells::default() };
                let cost = ask(&mut cells);
                if let Ok(cost) = &cost {
                    let foot = foot(&mut case, cost, &cells, args)?;
                    let _ = sink.step(|out| show::answer(&cells, &foot, out));
                }
                cost
            }
        };
        let cost = answered.map_err(|e| sink.failure().unwrap_or_else(|| anyhow!("{e}")))?;
        sink.close()?;
        cost
    };
    if !args.quiet {
        note(&format!(
            "{} in {:.3} s, {} bytes read of {}",
            plural(cost.rows, "row"),
            cost.seconds,
            count(cost.bytes),
            count(lake.bytes())
        ));
    }
    Ok(Exit::Clean)
}

/// A query from standard input, no longer than a query may be.
fn standard_input() -> Result<String> {
    let most = palisade_store::lake::MAX_SQL_BYTES as u64;
    let mut text = String::new();
    let read = std::io::stdin().take(most + 1).read_to_string(&mut text);
    let read = read.map_err(|e| anyhow!("cannot read the query from standard input: {}", reason(&e)))?;
    if read as u64 > most {
        bail!("the query on standard input is longer than {most} bytes");
    }
    Ok(text)
}

/// Hands an answer on to the sink.
struct Through<'s>(&'s mut Sink);

impl Write for Through<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.step(|out| out.write_all(buf)).map_err(std::io::Error::other)?;
        Ok(buf.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes beside the file's place and moves it there when it is whole.
fn parquet(
    path: &Path,
    ask: impl FnOnce(&mut dyn Answer) -> Result<QueryCost, palisade_store::lake::QueryError>,
) -> Result<QueryCost> {
    let told = |e: std::io::Error| anyhow!("cannot write to {}: {}", path.display(), reason(&e));
    let target = output::place(path).map_err(told)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let part = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let file = std::fs::File::create_new(&part).map_err(told)?;
    let done = ask(&mut answer::Parquet::new(file)).map_err(|e| anyhow!("{e}"));
    match done {
        Ok(cost) => {
            std::fs::rename(&part, &target).map_err(told)?;
            Ok(cost)
        }
        Err(e) => {
            let _ = std::fs::remove_file(&part);
            Err(e)
        }
    }
}

/// What stands below a table of rows: the evidence they cite.
fn foot(case: &mut Case, cost: &QueryCost, cells: &answer::Cells, args: &Hunt) -> Result<String> {
    use std::fmt::Write as _;
    let mut text = String::new();
    if !cost.cites || cost.sources.is_empty() || args.no_cite {
        return Ok(text);
    }
    const SHOWN: usize = 20;
    let all = sources(case)?;
    let Some(at) = cells.names.iter().position(|n| n == "_source") else { return Ok(text) };
    // Of the rows that are shown.
    let numbers: BTreeSet<i64> =
        cells.rows.iter().filter_map(|r| r.get(at)?.as_deref()?.parse().ok()).collect();
    let cited: Vec<&SourceRow> = all.iter().filter(|s| numbers.contains(&s.id)).collect();
    let _ = writeln!(text, "\nEvidence (_source):");
    for s in cited.iter().take(SHOWN) {
        let _ = writeln!(text, "{:>6}  {}  sha256 {}", s.id, terminal(&s.path), s.sha256);
    }
    if cited.len() > SHOWN {
        let _ =
            writeln!(text, "        and {} more: SELECT id, path, sha256 FROM sources", cited.len() - SHOWN);
    }
    Ok(text)
}

// ---- tables ----

fn tables(args: &Hunt) -> Result<Exit> {
    let (_, lake) = open(args, false)?;
    let views = ocsf::names()?;
    let mut sink = Sink::open(args.output.as_deref())?;
    if sink.step(|out| show::tables(&lake, &views, out)).is_err() {
        return Err(sink.failure().unwrap_or_else(|| anyhow!("the tables could not be written")));
    }
    sink.close()?;
    Ok(Exit::Clean)
}

// ---- rules and indicators ----

fn intelligence(args: &Hunt) -> Result<Exit> {
    let jobs = inputs::jobs(args.jobs)?;
    let shown = args.display_timezone.as_deref().map(|z| zone("--display-timezone", z)).transpose()?;
    let at = |option: &str, text: &Option<String>| {
        text.as_deref().map(|t| moment(option, t, shown.as_ref())).transpose()
    };
    let (since, until) = (at("--since", &args.since)?, at("--until", &args.until)?);
    let rules = RuleArgs {
        rules: args.rules.clone(),
        no_shipped_rules: !args.shipped_rules,
        min_level: args.min_level,
        mapping: args.mapping.clone(),
        placeholders: args.placeholders.clone(),
        fields: args.fields.clone(),
    };
    let mut loaded = inputs::rules(&rules, jobs)?;
    let (indicators, mut problems) = inputs::indicators(&args.indicators)?;
    problems.extend(inputs::rule_problems(&loaded));
    let failed = loaded.failed() as u64;
    let lists: Vec<PathBuf> = [&args.indicators, &rules.mapping, &rules.placeholders, &rules.fields]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let custody = case::inputs(&rules.rules, &loaded, &lists, None);
    let keep = args.keep || args.since_intel;
    let (mut case, lake) = open(args, keep)?;
    let analytics = Analytics { on: args.shipped_rules, min_level: args.min_level, ..Analytics::default() };
    let mut knowledge = inputs::knowledge(&mut loaded, indicators, &rules, false, analytics)?;
    let items = looked_items(&knowledge);
    let looked_for = indicator_rows(&knowledge);
    let mut after = 0;
    if args.since_intel {
        let newest = case.newest_commit()?;
        let looked = case.looked(&items)?;
        let new = looked.iter().filter(|seq| **seq < newest).count();
        after = looked.iter().copied().min().unwrap_or(0);
        if !args.quiet {
            note(&format!(
                "{} of {} have not looked at everything yet",
                count(new as u64),
                plural(items.len() as u64, "rule or indicator")
            ));
        }
        // With nothing to do they stay loaded: that nothing was found is not for want of rules.
        if new > 0 {
            let correlate;
            (knowledge, correlate) = newer(knowledge, &looked, newest, &rules)?;
            if correlate {
                after = 0;
            }
        }
    }
    let all = sources(&mut case)?;
    let style = Style {
        clock: Clock::new(shown, args.display_timezone.clone()),
        colour: args.output.is_none() && output::colour_wanted(),
        width: if args.output.is_none() { output::terminal_width() } else { None },
        limit: args.limit,
        coverage: false,
        paths: vec![args.case.display().to_string()],
    };
    let form = match args.format {
        HuntFormat::Table => Format::Table,
        HuntFormat::Ndjson => Format::Ndjson,
        HuntFormat::Json => Format::Json,
        HuntFormat::Csv => Format::Csv,
        HuntFormat::Html => Format::Html,
        HuntFormat::Parquet => {
            bail!(
                "--format parquet is for answers to SQL; with --keep, findings are a table to ask for in SQL"
            )
        }
    };
    let streams = matches!(form, Format::Ndjson | Format::Json | Format::Csv);
    let bar =
        Bar::new(!(args.quiet || streams && args.output.is_none() && output::terminal_width().is_some()));
    let (words, hidden) = (Judgements::new(case.verdicts()?, now()), case::Hidden::default());
    let sink = Sink::open(args.output.as_deref())?;
    let screen = Screen { form: output::form(form, style), sink, bar, words, hidden };
    let info = case::run_info(&custody, "hunt");
    let mut writer = if keep { Some(case.begin_run(&info)?) } else { None };
    if let Some(writer) = &mut writer {
        for input in &custody {
            writer.input(input.kind, &input.path, &input.sha256, input.bytes)?;
        }
        writer.indicators(&looked_for)?;
    }
    let mut keeper = Keeping { screen, writer, waiting: Vec::new() };
    let told = problems.iter().try_for_each(|p| keeper.problem(p));
    let settings = HuntSettings { jobs, since, until, after };
    let result = told
        .map_err(palisade_pipeline::Error::Output)
        .and_then(|()| hunt(&lake, &all, &knowledge, &settings, &mut keeper));
    keeper.screen.bar.clear();
    let (mut summary, met) =
        result.map_err(|e| keeper.screen.sink.failure().unwrap_or_else(|| anyhow!("{e}")))?;
    summary.rules_failed = failed;
    for problem in &problems {
        *summary.problems.entry(problem.code).or_default() += problem.count;
    }
    keeper.flush(&met).map_err(|e| anyhow!(e))?;
    let Keeping { mut screen, writer, .. } = keeper;
    if let Some(mut writer) = writer {
        if since.is_none() && until.is_none() {
            // With --since-intel each has looked at what it had not; without, at everything.
            writer.have_looked(&items, 0)?;
        }
        writer.finish_run(now())?;
    }
    finish(&mut screen, &summary)?;
    screen.sink.close()?;
    if !args.quiet {
        screen.hidden.tell();
        remark(&summary);
    }
    let reached = args.fail_on.is_some_and(|level| reached(&summary, &screen.hidden, level));
    Ok(if reached { Exit::Bad } else { Exit::Clean })
}

/// What somebody said is none sets off no alarm.
pub fn reached(summary: &Summary, hidden: &case::Hidden, level: Severity) -> bool {
    let left = |s: &Severity, n: u64| n > hidden.by_severity.get(s).copied().unwrap_or(0);
    summary.by_severity.iter().any(|(s, n)| *s >= level && left(s, *n))
}

fn finish(screen: &mut Screen, summary: &Summary) -> Result<()> {
    let Screen { form, sink, .. } = screen;
    match sink.step(|out| form.finish(summary, out)) {
        Ok(()) => Ok(()),
        Err(text) => Err(sink.failure().unwrap_or_else(|| anyhow!(text))),
    }
}

fn remark(summary: &Summary) {
    let Some(h) = summary.hunted else { return };
    note(&format!(
        "{} looked at in {} of {} in {:.3} s, {} bytes read of {}",
        plural(h.rows, "row"),
        count(h.segments),
        plural(h.of, "segment"),
        summary.seconds,
        count(h.bytes),
        count(h.lake)
    ));
}

/// Only the rules, correlations and indicators that have not looked at everything, and whether correlations are among
/// them: these look at everything again, since a window may lie across what is old and what is new.
fn newer(knowledge: Knowledge, looked: &[i64], newest: i64, rules: &RuleArgs) -> Result<(Knowledge, bool)> {
    let (of_rules, rest) = looked.split_at(knowledge.engine.rules().len().min(looked.len()));
    let (of_correlations, of_indicators) = rest.split_at(knowledge.correlations.len().min(rest.len()));
    let correlate = of_correlations.iter().any(|seq| *seq < newest);
    let correlations: Vec<_> = match correlate {
        true => knowledge.correlations.documents().cloned().collect(),
        false => Vec::new(),
    };
    let wanted = |r: &Rule, seq: i64| seq < newest || (correlate && r.correlated.is_some());
    let kept = knowledge.engine.rules().iter().zip(of_rules).filter(|(r, seq)| wanted(r, **seq));
    let kept = RuleSet { rules: kept.map(|(r, _)| r.clone()).collect(), correlations };
    let indicators = knowledge.indicators.list().iter().zip(of_indicators);
    let indicators: Vec<_> = indicators.filter(|(_, seq)| **seq < newest).map(|(i, _)| i.clone()).collect();
    let knowledge = Knowledge::new(kept, indicators, &rules.fields).map_err(|e| anyhow!("{e}"))?;
    Ok((knowledge, correlate))
}

/// Findings kept together.
const AT_ONCE: usize = 5_000;

/// Shows findings, and keeps them if asked to.
struct Keeping<'c> {
    screen: Screen,
    writer: Option<RunWriter<'c>>,
    waiting: Vec<Finding>,
}

impl Keeping<'_> {
    fn flush(&mut self, sources: &Sources) -> Result<(), String> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let resolve = |id| {
            let source = sources.get(id)?;
            Some(CitedSource { sha256: source.file.sha256_hex()?, origin: source.origin.clone() })
        };
        let findings = std::mem::take(&mut self.waiting);
        writer.findings(&findings, &resolve).map(|_| ()).map_err(|e| e.to_string())
    }
}

impl Observer for Keeping<'_> {
    fn finding(&mut self, finding: &Finding, sources: &Sources) -> Result<(), String> {
        self.screen.finding(finding, sources)?;
        if self.writer.is_some() {
            self.waiting.push(finding.clone());
            if self.waiting.len() >= AT_ONCE {
                self.flush(sources)?;
            }
        }
        Ok(())
    }

    fn problem(&mut self, problem: &Problem) -> Result<(), String> {
        self.screen.problem(problem)
    }

    fn progress(&mut self, progress: Progress) {
        self.screen.progress(progress);
    }
}
