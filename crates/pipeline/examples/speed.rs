//! How fast a run is, without the output: `speed JOBS RULES[,RULES…] PATH…` (no rules: an empty text).
//!
//! For profiling one's own change. Comparisons with other tools are in `bench/`.

#![allow(clippy::print_stderr, reason = "a tool for developers")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use palisade_model::{Finding, Problem, ProblemCode};
use palisade_pipeline::{Knowledge, Observer, RuleSources, Settings, Sources, investigate, load_rules};

/// Counts, and shows problems if the variable `SHOW` is set.
#[derive(Default)]
struct Counts {
    findings: u64,
    observables: usize,
    problems: BTreeMap<ProblemCode, u64>,
}

impl Observer for Counts {
    fn finding(&mut self, finding: &Finding, _: &Sources) -> Result<(), String> {
        self.findings += 1;
        self.observables += finding.observables.len();
        Ok(())
    }
    fn problem(&mut self, problem: &Problem) -> Result<(), String> {
        *self.problems.entry(problem.code).or_default() += problem.count;
        if std::env::var_os("SHOW").is_some() {
            eprintln!("{problem}");
        }
        Ok(())
    }
}

/// What the system says of this process's memory; nothing where it says nothing.
fn memory(when: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|l| l.starts_with("VmRSS") || l.starts_with("VmHWM"));
    let text: Vec<String> = lines.map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    eprintln!("{when}: {}", text.join(", "));
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(jobs), Some(rules)) = (args.next(), args.next()) else {
        return Err("usage: speed JOBS RULES[,RULES…] PATH…".into());
    };
    let jobs: usize = jobs.parse()?;
    let rules = rules.split(',').filter(|s| !s.is_empty()).map(Into::into).collect();
    let start = Instant::now();
    let loaded = load_rules(&RuleSources { paths: rules, ..RuleSources::default() }, jobs);
    let (count, load) = (loaded.rules.len(), start.elapsed());
    memory("rules");
    let knowledge = Knowledge::new(loaded.rules, Vec::new(), &[])?;
    eprintln!("{count} rules: loaded in {load:?}, compiled in {:?}", start.elapsed() - load);
    memory("knowledge");
    let mut counts = Counts::default();
    let settings =
        Settings { paths: args.map(Into::into).collect(), jobs, hash: false, ..Settings::default() };
    let summary = investigate(&settings, &knowledge, None, &mut counts)?;
    memory("end");
    eprintln!(
        "events {} bytes {} findings {} observables {} seconds {:.3} events/s {:.0} problems {:?}",
        summary.events,
        summary.bytes,
        counts.findings,
        counts.observables,
        summary.seconds,
        summary.events as f64 / summary.seconds,
        counts.problems
    );
    Ok(())
}
