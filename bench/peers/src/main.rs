//! `palisade-bench`: the peers and the parse-only limits that Palisade's
//! conformance and speed are stated against.
//!
//! | subcommand | what it measures |
//! | --- | --- |
//! | `rsigma` | the crates `rsigma-parser`/`rsigma-eval` 0.23 behind this crate's own reader, flattener and router: an oracle for (rule, file, record) sets, and a peer for speed |
//! | `evtx-only` | crate `evtx`: every record to JSON text, no rule looked at: the usual ceiling for EVTX |
//! | `json-only` | crate `sonic-rs`: every line parsed to a value, no rule looked at: the usual ceiling for NDJSON |
//!
//! No code and no data of the product is used, so a shared mistake is unlikely.
//! The CSV (`rule,file,record`) goes to stdout or `--out`; figures go to stderr
//! as one `key=value` line that `speed.py` reads.

mod evidence;
mod flatten;
mod route;
mod rules;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: palisade-bench rsigma --rules DIR... [--out FILE] EVIDENCE...
       palisade-bench evtx-only EVIDENCE...
       palisade-bench json-only EVIDENCE...

EVIDENCE is a file or a folder; .zst, .tar and .tar.zst are opened.
--rules takes every folder up to the next option or `--`.";

struct Args {
    command: String,
    rules: Vec<PathBuf>,
    out: Option<PathBuf>,
    evidence: Vec<PathBuf>,
}

fn parse_args() -> Result<Args> {
    let mut words = std::env::args_os().skip(1).peekable();
    let Some(command) = words.next() else { bail!("no subcommand given\n{USAGE}") };
    let mut args = Args {
        command: command.to_string_lossy().into_owned(),
        rules: Vec::new(),
        out: None,
        evidence: Vec::new(),
    };
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--rules") => {
                while let Some(dir) = words.next_if(|w| !w.to_string_lossy().starts_with("--")) {
                    args.rules.push(dir.into());
                }
            }
            Some("--out") => {
                args.out = Some(words.next().context("--out needs a file name")?.into());
            }
            Some("--") => args.evidence.extend(words.by_ref().map(PathBuf::from)),
            Some(option) if option.starts_with("--") => {
                bail!("unknown option {option}\n{USAGE}")
            }
            _ => args.evidence.push(word.into()),
        }
    }
    if args.evidence.is_empty() {
        bail!("no evidence given (after `--rules DIR...` write `--` first)\n{USAGE}");
    }
    Ok(args)
}

fn main() -> Result<()> {
    let args = parse_args()?;
    match args.command.as_str() {
        "rsigma" => rsigma(&args),
        "evtx-only" => evtx_only(&args),
        "json-only" => json_only(&args),
        other => bail!("unknown subcommand {other}\n{USAGE}"),
    }
}

/// Reads, flattens, routes and evaluates everything on one thread.
fn rsigma(args: &Args) -> Result<()> {
    if args.rules.is_empty() {
        bail!("rsigma needs --rules DIR...\n{USAGE}");
    }
    let started = Instant::now();
    let mut rules = rules::RuleSet::load(&args.rules)?;
    let load_seconds = started.elapsed().as_secs_f64();
    let load_cpu = cpu_seconds();

    let mut matches: BTreeSet<(String, String, u64)> = BTreeSet::new();
    let mut tally = evidence::Tally::default();
    evidence::read(&args.evidence, &mut tally, &mut |source, record, event| {
        for view in route::views(event) {
            for rule in rules.evaluate(&view)? {
                matches.insert((rule, source.to_owned(), record));
            }
        }
        Ok(())
    })?;

    let mut csv = csv::Writer::from_writer(output(args)?);
    csv.write_record(["rule", "file", "record"])?;
    for (rule, file, record) in &matches {
        csv.write_record([rule, file, &record.to_string()])?;
    }
    csv.flush()?;
    eprintln!(
        "rules_loaded={} rules_failed={} load_s={load_seconds:.3} load_cpu_s={load_cpu:.3} engines={}",
        rules.loaded(),
        rules.failed(),
        rules.engines(),
    );
    report(&tally, matches.len(), load_cpu);
    Ok(())
}

/// Crate `evtx`: records to JSON text, nothing kept.
fn evtx_only(args: &Args) -> Result<()> {
    let mut tally = evidence::Tally::default();
    for path in evidence::files(&args.evidence)? {
        if !evidence::is_evtx(&path) {
            continue;
        }
        tally.files += 1;
        tally.bytes += path.metadata().map_or(0, |m| m.len());
        let Ok(parser) = evtx::EvtxParser::from_path(&path) else {
            tally.errors += 1;
            continue;
        };
        let mut parser = parser.with_configuration(evtx::ParserSettings::new().num_threads(1).indent(false));
        for record in parser.records_json() {
            match record {
                Ok(record) => {
                    tally.events += 1;
                    std::hint::black_box(record.data.len());
                }
                Err(_) => tally.errors += 1,
            }
        }
    }
    report(&tally, 0, 0.0);
    Ok(())
}

/// Crate `sonic-rs`: each line to a value, nothing kept.
fn json_only(args: &Args) -> Result<()> {
    let mut tally = evidence::Tally::default();
    for path in evidence::files(&args.evidence)? {
        if !evidence::is_json(&path) {
            continue;
        }
        tally.files += 1;
        evidence::lines(&path, &mut |_, line| {
            tally.bytes += line.len() as u64 + 1;
            match sonic_rs::from_slice::<sonic_rs::Value>(line) {
                Ok(value) => {
                    tally.events += 1;
                    std::hint::black_box(&value);
                }
                Err(_) => tally.errors += 1,
            }
            Ok(())
        })?;
    }
    report(&tally, 0, 0.0);
    Ok(())
}

fn output(args: &Args) -> Result<Box<dyn Write>> {
    Ok(match &args.out {
        Some(path) => Box::new(std::io::BufWriter::new(
            std::fs::File::create(path).with_context(|| format!("creating {}", path.display()))?,
        )),
        None => Box::new(std::io::stdout().lock()),
    })
}

fn report(tally: &evidence::Tally, matches: usize, load_cpu: f64) {
    let cpu = cpu_seconds();
    eprintln!(
        "files={} bytes={} events={} errors={} matches={matches} cpu_s={cpu:.3} events_per_cpu_s={:.0} events_per_cpu_s_without_load={:.0}",
        tally.files,
        tally.bytes,
        tally.events,
        tally.errors,
        tally.events as f64 / cpu.max(1e-9),
        tally.events as f64 / (cpu - load_cpu).max(1e-9),
    );
}

/// User plus system seconds of this process: holds on a busy machine, which
/// wall time does not.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live, writable timespec; the clock id is a constant of the platform.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(code, 0, "the process clock exists on every supported system");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
