//! Events of a case as OCSF: views for SQL, and the export as nested JSON.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use palisade_pipeline::{Cell, Ocsf};
use palisade_store::lake::answer::{Rows, Value};
use palisade_store::lake::{Lake, QueryLimits, Visible, query};

use crate::args::{Hunt, HuntFormat};
use crate::errors::{Exit, note};
use crate::output::{Sink, plural, terminal_width};
use crate::progress::Bar;

/// Events between two looks of the bar.
const STRIDE: u64 = 4_096;

/// The start of the views' names.
const PREFIX: &str = "ocsf_";

fn mapping() -> Result<Ocsf> {
    Ocsf::shipped().map_err(|e| anyhow!("cannot use the mapping to OCSF: {e}"))
}

/// The views that a query means: those whose name stands in its text; all if it asks what there is,
/// or names one there is not. Each costs planning.
pub fn views(lake: &Lake, sql: &str) -> Result<Vec<(String, String)>> {
    let asks = ["information_schema", "INFORMATION_SCHEMA"].iter().any(|s| sql.contains(s))
        || sql.trim_start().get(..4).is_some_and(|s| s.eq_ignore_ascii_case("show"));
    if !asks && !sql.contains(PREFIX) {
        return Ok(Vec::new());
    }
    let all = mapping()?.views(&lake.tables());
    let meant: Vec<(String, String)> =
        all.iter().filter(|(name, _)| sql.contains(name.as_str())).cloned().collect();
    Ok(if asks || meant.is_empty() { all } else { meant })
}

/// Names of all views.
pub fn names() -> Result<Vec<String>> {
    Ok(mapping()?.classes().map(|(name, _)| format!("{PREFIX}{name}")).collect())
}

/// The class that is meant by a name of it, of its view, or by its number.
fn class(ocsf: &Ocsf, text: &str) -> Result<String> {
    let plain = text.to_lowercase().replace([' ', '-'], "_");
    let plain = plain.strip_prefix(PREFIX).unwrap_or(&plain);
    let found = ocsf.classes().find(|(name, uid)| *name == plain || uid.to_string() == plain);
    if let Some((name, _)) = found {
        return Ok(name.to_owned());
    }
    let all: Vec<String> = ocsf.classes().map(|(name, uid)| format!("{name} ({uid})")).collect();
    bail!("no OCSF class {text} here; there are {}", all.join(", "))
}

/// `palisade hunt --ocsf [CLASS]`.
pub fn export(args: &Hunt, lake: &Lake, wanted: &str) -> Result<Exit> {
    if !matches!(args.format, HuntFormat::Table | HuntFormat::Ndjson) {
        bail!("--ocsf writes one JSON object per line and has no other form; leave --format out");
    }
    let ocsf = mapping()?;
    let one = if wanted.is_empty() { None } else { Some(class(&ocsf, wanted)?) };
    let views: Vec<(String, String)> = ocsf
        .views(&lake.tables())
        .into_iter()
        .filter(|(name, _)| {
            one.as_ref().is_none_or(|class| name.strip_prefix(PREFIX) == Some(class.as_str()))
        })
        .collect();
    let rows: u64 = lake.segments().iter().map(|s| s.rows).sum();
    let limits = QueryLimits {
        memory: args.memory,
        timeout: args.timeout.filter(|t| *t > 0).map(Duration::from_secs),
        // Events come in the order of the lake, so that the same case gives the same file.
        threads: 1,
    };
    let shown = terminal_width().is_some() && args.output.is_none();
    let bar = Bar::of_events(!args.quiet && !shown, one.is_none().then_some(rows));
    let mut sink = Sink::open(args.output.as_deref())?;
    let (mut done, mut seconds) = (0u64, 0.0);
    let mut classes = 0u64;
    for (name, sql) in views {
        let before = done;
        let text = format!("SELECT * FROM {name}");
        let visible = Visible { knowledge: Vec::new(), views: vec![(name.clone(), sql)], cite: false };
        let mut answer = Rows::new(|names: &[&str], values: &[Value<'_>]| {
            let cells: Vec<Cell<'_>> = values.iter().map(cell).collect();
            let event = ocsf.nest(names, &cells);
            sink.step(|out| {
                serde_json::to_writer(&mut *out, &event)?;
                out.write_all(b"\n")
            })
            .map_err(std::io::Error::other)?;
            done += 1;
            if done.is_multiple_of(STRIDE) {
                bar.events(done, &name);
            }
            Ok(())
        });
        let asked = query(lake, &visible, &text, limits, &mut answer);
        match asked {
            Ok(cost) => seconds += cost.seconds,
            Err(e) => {
                bar.clear();
                return Err(sink.failure().unwrap_or_else(|| anyhow!("{e}")));
            }
        }
        classes += u64::from(done > before);
    }
    bar.clear();
    // The views are a partition of the lake; an export with a hole in it is none.
    if one.is_none() && done != rows {
        bail!(
            "the export has {} of {}; this is a defect of the mapping to OCSF, please report it",
            plural(done, "event"),
            plural(rows, "row")
        );
    }
    sink.close()?;
    if !args.quiet {
        note(&format!(
            "{} of {} in {seconds:.3} s",
            plural(done, "event"),
            if classes == 1 { "1 class".into() } else { format!("{classes} classes") }
        ));
    }
    Ok(Exit::Clean)
}

fn cell<'v>(value: &Value<'v>) -> Cell<'v> {
    match value {
        Value::Null => Cell::Null,
        Value::Int(n) => Cell::Int(*n),
        Value::Bool(b) => Cell::Bool(*b),
        Value::Text(text) => Cell::Text(text),
        Value::List(list) => Cell::List(list.clone()),
    }
}
