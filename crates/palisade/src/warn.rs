//! `palisade warn`: what to expect, beside the base rate; and rises in one's own findings.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use palisade_assess::warn::{
    Forecast, Rises, Seen, Selection, Settings, Step, WARM_UP, forecast, page, rises, selections, table,
};
use palisade_intel::{calendar, incidents};
use palisade_model::{Day, Incident, Judgements, Occasion, Origin, Problem, csv_cell, terminal};
use palisade_pipeline::dismissed;
use palisade_store::{Case, Filter};
use serde_json::json;

use crate::args::{Warn, WarnFormat, WarnStep};
use crate::errors::{Exit, note, reason};
use crate::output::{Sink, plural};
use crate::times::now;

/// Problems told one by one.
const PROBLEMS: usize = 20;
/// Rises told in the table.
const SHOWN: usize = 40;

/// Runs the command.
pub fn run(args: &Warn) -> Result<Exit> {
    if let Some(case) = &args.case {
        return own(args, case);
    }
    let day = |option: &str, text: &Option<String>| {
        let parse =
            |t: &String| Day::parse(t).ok_or_else(|| anyhow!("{option} {t} is no day; write YYYY-MM-DD"));
        text.as_ref().map(parse).transpose()
    };
    let settings = Settings {
        step: match args.by {
            WarnStep::Month => Step::Month,
            WarnStep::Week => Step::Week,
        },
        ahead: args.ahead,
        as_of: day("--as-of", &args.as_of)?,
        from: day("--from", &args.from)?,
        ..Settings::default()
    };
    let all = read_incidents(args)?;
    let until = settings.as_of.or_else(|| all.iter().map(|i| i.days.last).max()).unwrap_or(Day(0));
    let calendar = read_calendars(args, Day(until.0.saturating_add(11 * 366)))?;
    let wanted = match args.each {
        Some(least) => selections(&all, least.max(1)),
        None => vec![Selection {
            state: args
                .state
                .as_deref()
                .map(|s| incidents::state_code(s).map_or_else(|| s.to_owned(), str::to_owned)),
            sector: args.sector.clone(),
            kind: args.kind.clone(),
        }],
    };
    let made: Vec<Forecast> = wanted.iter().filter_map(|s| forecast(&all, &calendar, s, &settings)).collect();
    if made.is_empty() {
        bail!("{}", nothing(&all, &wanted));
    }
    let written = write(args, |out| match args.format {
        WarnFormat::Table => made.iter().enumerate().try_for_each(|(n, f)| {
            let gap = if n > 0 { "\n" } else { "" };
            write!(out, "{gap}{}", table(f))
        }),
        WarnFormat::Html => write!(out, "{}", page(&made)),
        WarnFormat::Json => {
            let all: Vec<serde_json::Value> = made.iter().map(value).collect();
            serde_json::to_writer_pretty(&mut *out, &json!({"format": 1, "forecasts": all}))?;
            writeln!(out)
        }
        WarnFormat::Ndjson => made.iter().try_for_each(|f| {
            serde_json::to_writer(&mut *out, &value(f))?;
            writeln!(out)
        }),
        WarnFormat::Csv => csv(&made, out),
    });
    written.map(|()| Exit::Clean)
}

/// Writes to where the output goes.
fn write(args: &Warn, with: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut sink = Sink::open(args.output.as_deref())?;
    let done = sink.step(|out| with(out));
    if let (Err(text), failure) = (done, sink.failure()) {
        return Err(failure.unwrap_or_else(|| anyhow!(text)));
    }
    sink.close()
}

/// A forecast with its verdict, as an object.
fn value(f: &Forecast) -> serde_json::Value {
    let mut out = json!(f);
    if let Some(o) = out.as_object_mut() {
        o.insert("verdict".into(), f.verdict().into());
        o.insert("proven".into(), f.proven().into());
    }
    out
}

/// Why there is no forecast, with what could be asked for.
fn nothing(all: &[Incident], wanted: &[Selection]) -> String {
    let asked = wanted.first().map_or_else(String::new, ToString::to_string);
    if all.is_empty() {
        return "the collections hold no incident that can be counted".into();
    }
    let some = |of: fn(&Selection) -> &Option<String>| {
        let names: Vec<String> = selections(all, 1)
            .iter()
            .filter_map(|s| of(s).clone())
            .take(12)
            .map(|n| terminal(&n).into_owned())
            .collect();
        names.join(", ")
    };
    format!(
        "no incident fits {asked} in that time, or fewer than two whole periods are on record. There are: states {}; sectors {}; kinds {}",
        some(|s| &s.state),
        some(|s| &s.sector),
        some(|s| &s.kind)
    )
}

fn csv(made: &[Forecast], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "state,sector,kind,step,incidents,exact,from,to,base_rate,periods,event,brier,brier_base,brier_skill,brier_skill_low,brier_skill_high,log_gain,log_gain_low,log_gain_high,peirce,recent_skill,recent_skill_low,recent_skill_high,recent_gain,recent_gain_low,recent_gain_high,collecting,verdict,next,next_mean,next_low,next_high"
    )?;
    for f in made {
        let cell = |t: &Option<String>| quoted(t.as_deref().unwrap_or_default());
        write!(
            out,
            "{},{},{},{},{},{},{},{},{:.4},",
            cell(&f.selection.state),
            cell(&f.selection.sector),
            cell(&f.selection.kind),
            f.step.name(),
            f.incidents,
            f.exact,
            f.used.first,
            f.used.last,
            f.base_rate.value
        )?;
        match &f.skill {
            Some(s) => write!(
                out,
                "{},{},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{:.4},{:.3},",
                s.periods,
                f.event,
                s.brier.0,
                s.brier.1,
                s.brier_skill.value,
                s.brier_skill.interval.0,
                s.brier_skill.interval.1,
                s.log_gain.value,
                s.log_gain.interval.0,
                s.log_gain.interval.1,
                s.alarms.peirce
            )?,
            None => write!(out, ",{},,,,,,,,,,", f.event)?,
        }
        match &f.recent {
            Some(s) => {
                for e in [s.brier_skill, s.log_gain] {
                    write!(out, "{:.4},{:.4},{:.4},", e.value, e.interval.0, e.interval.1)?;
                }
            }
            None => write!(out, ",,,,,,")?,
        }
        let collecting = serde_json::to_value(f.collecting)?;
        write!(out, "{},{},", collecting.as_str().unwrap_or_default(), quoted(f.verdict()))?;
        match f.expected.first() {
            Some(e) => writeln!(out, "{},{:.3},{},{}", e.days.first, e.mean, e.range.0, e.range.1)?,
            None => writeln!(out, ",,,")?,
        }
    }
    Ok(())
}

/// A cell of CSV that may hold anything.
fn quoted(text: &str) -> String {
    let text = csv_cell(text);
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

/// Opens a file, unpacking it if it is packed.
fn open(path: &Path) -> Result<Box<dyn Read>> {
    let failed = |e: &io::Error| anyhow!("cannot read {}: {}", path.display(), reason(e));
    let mut file = File::open(path).map_err(|e| failed(&e))?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(4).read_to_end(&mut head).map_err(|e| failed(&e))?;
    let packed = head.clone();
    let whole = io::Cursor::new(head).chain(file);
    Ok(match packed.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole).map_err(|e| failed(&e))?),
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        _ => Box::new(whole),
    })
}

fn tell(problems: &[Problem], quiet: bool) {
    if quiet {
        return;
    }
    for problem in problems.iter().take(PROBLEMS) {
        note(&problem.to_string());
    }
    if problems.len() > PROBLEMS {
        note(&format!("{} more", plural((problems.len() - PROBLEMS) as u64, "problem")));
    }
}

/// The incidents of all files. Two collections in one count would count one incident twice, so they must be one.
fn read_incidents(args: &Warn) -> Result<Vec<Incident>> {
    let mut all = Vec::new();
    let mut name = "";
    for path in &args.incidents {
        let read = incidents::read(open(path)?, &Origin::file(path.display().to_string()));
        tell(&read.problems, args.quiet);
        if read.name.is_empty() {
            bail!(
                "{} is no table of incidents that is known: EuRepoC's global table or the CFR tracker's",
                path.display()
            );
        }
        if !name.is_empty() && name != read.name {
            bail!(
                "{} is of another collection than the files before it; two collections tell of the same incidents",
                path.display()
            );
        }
        name = read.name;
        all.extend(read.incidents);
    }
    all.sort_by(|a, b| (a.days, &a.id).cmp(&(b.days, &b.id)));
    all.dedup();
    Ok(all)
}

fn read_calendars(args: &Warn, until: Day) -> Result<Vec<Occasion>> {
    let mut all = Vec::new();
    for path in &args.calendar {
        let origin = Origin::file(path.display().to_string());
        let (read, problems) = calendar::read(open(path)?, &origin, &args.calendar_kind, until);
        tell(&problems, args.quiet);
        all.extend(read);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// Rises in the findings of a case.
fn own(args: &Warn, dir: &Path) -> Result<Exit> {
    if !(args.budget > 0.0 && args.budget <= 1_000.0) {
        bail!("--budget is {}; a number of false alarms above 0 is needed", args.budget);
    }
    if let WarnFormat::Html = args.format {
        bail!("rises in a case have no page; write --format table, json, ndjson or csv");
    }
    let mut case = Case::open_read_only(dir)?;
    let all = case.findings(&Filter::default())?;
    // What an analyst called false is not counted.
    let now = now();
    let said = Judgements::new(case.verdicts()?, now);
    let findings = all
        .iter()
        .filter(|f| dismissed(&said, f).is_none())
        .filter_map(|f| Some(Seen { time: f.time?, rule: &f.rule_id, title: &f.title, vector: &f.vector }));
    let today = match &args.as_of {
        Some(t) => Day::parse(t).ok_or_else(|| anyhow!("--as-of {t} is no day; write YYYY-MM-DD"))?,
        None => Day(i32::try_from(now.0.div_euclid(86_400_000_000)).unwrap_or(i32::MAX)),
    };
    let found = rises(findings, args.budget, today);
    // The table says so itself, and JSON has the number.
    if let (Some(text), WarnFormat::Csv | WarnFormat::Ndjson, false) =
        (later(&found), args.format, args.quiet)
    {
        note(&text);
    }
    write(args, |out| match args.format {
        // Refused above.
        WarnFormat::Table | WarnFormat::Html => words(&found, args.budget, out),
        WarnFormat::Json => {
            serde_json::to_writer_pretty(
                &mut *out,
                &json!({"format": 1, "budget": args.budget, "rises": found}),
            )?;
            writeln!(out)
        }
        WarnFormat::Ndjson => found.rises.iter().try_for_each(|r| {
            serde_json::to_writer(&mut *out, r)?;
            writeln!(out)
        }),
        WarnFormat::Csv => {
            writeln!(out, "day,series,title,count,expected,probability,false_alarms")?;
            found.rises.iter().try_for_each(|r| {
                let (series, title) = (quoted(&r.series), quoted(&r.title));
                writeln!(
                    out,
                    "{},{series},{title},{},{:.3},{:.3e},{:.3e}",
                    r.day, r.count, r.expected, r.probability, r.false_alarms
                )
            })
        }
    })?;
    Ok(Exit::Clean)
}

/// What is said of findings that are not counted.
fn later(found: &Rises) -> Option<String> {
    let left = || plural(found.later as u64, "finding");
    (found.later > 0).then(|| format!("Left out for a time after today: {}.", left()))
}

fn words(found: &Rises, budget: f64, out: &mut dyn Write) -> io::Result<()> {
    if let Some(text) = later(found) {
        writeln!(out, "{text}")?;
    }
    let Some((first, last)) = found.span else {
        return writeln!(out, "The case has no finding with a time: nothing can rise.");
    };
    if found.days == 0 {
        return writeln!(
            out,
            "The findings reach from {first} to {last}: {WARM_UP} days are needed to know what is usual, and none is left to judge."
        );
    }
    writeln!(
        out,
        "{} over what was usual in {} series of {} days, {first} to {last} (false alarms allowed: {budget} in thirty days over all)",
        plural(found.rises.len() as u64, "rise"),
        found.series,
        found.days
    )?;
    for r in found.rises.iter().take(SHOWN) {
        writeln!(
            out,
            "  {}  {:>6} where {:.1} were usual  {}  (by chance {:.1e} times in thirty days)",
            r.day,
            r.count,
            r.expected,
            terminal(&r.title),
            r.false_alarms
        )?;
    }
    if found.rises.len() > SHOWN {
        writeln!(out, "  {} more; --format csv has all", found.rises.len() - SHOWN)?;
    }
    writeln!(out, "A rise may be an attack, a new rule, or a log that began to arrive. Days are UTC.")
}
