//! `investigate --reread`: what this Palisade, these rules and these lists find otherwise than the case had it.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use anyhow::Result;
use palisade_model::{Finding, FindingId, Problem, terminal};
use palisade_pipeline::{Knowledge, Observer, Progress, Sources};
use palisade_store::{Case, FindingOfRun};

use super::Screen;
use crate::output::plural;

/// Most rules that are said of each kind of change.
const SHOWN: usize = 20;

/// Hands everything on, and notes which findings are made.
pub struct Noting<'s> {
    /// Where it goes.
    pub screen: &'s mut Screen,
    /// Ids of findings; empty unless evidence is read again.
    pub made: Option<HashSet<FindingId>>,
}

impl Observer for Noting<'_> {
    fn finding(&mut self, finding: &Finding, sources: &Sources) -> Result<(), String> {
        if let Some(made) = &mut self.made {
            made.insert(finding.id);
        }
        self.screen.finding(finding, sources)
    }

    fn problem(&mut self, problem: &Problem) -> Result<(), String> {
        self.screen.problem(problem)
    }

    fn progress(&mut self, progress: Progress) {
        self.screen.progress(progress);
    }
}

/// Rows of the lake.
pub fn rows(case: &mut Case) -> Result<u64> {
    Ok(case.lake()?.segments().iter().map(|s| s.rows).sum())
}

/// What has changed, in lines. `before`: rows of the lake before the run; `whole`: findings of every time were made.
pub fn changes(
    case: &mut Case,
    knowledge: &Knowledge,
    made: &HashSet<FindingId>,
    before: u64,
    whole: bool,
) -> Result<String> {
    let now = case.findings_of_newest_run()?;
    let made: HashSet<String> = made.iter().map(ToString::to_string).collect();
    let rules = knowledge.infos.iter().chain(&knowledge.correlation_infos).map(|r| r.id.clone());
    let indicators = knowledge.indicators.list().iter().map(|i| format!("indicator:{}", i.pattern));
    let ran: HashSet<String> = rules.chain(indicators).collect();
    let (new, old): (Vec<_>, Vec<_>) = now.iter().partition(|f| f.new);
    let not_made: Vec<&FindingOfRun> = old.into_iter().filter(|f| !made.contains(&f.id)).collect();
    // What did not run cannot have found anything: that is no change.
    let (gone, not_asked): (Vec<_>, Vec<_>) =
        not_made.into_iter().partition(|f| whole && ran.contains(&f.rule_id));
    let added = rows(case)?.saturating_sub(before);
    let mut out = String::from("changed by reading again: ");
    let _ = writeln!(
        out,
        "{} new, {} no longer made, {} added to the lake",
        plural(new.len() as u64, "finding"),
        plural(gone.len() as u64, "finding"),
        plural(added, "row")
    );
    by_rule(&mut out, "new", &new);
    by_rule(&mut out, "no longer made, kept with the verdicts on them", &gone);
    if !not_asked.is_empty() {
        let n = plural(not_asked.len() as u64, "finding");
        let why = if whole {
            "of rules and indicators that did not run this time"
        } else {
            "not looked for this time"
        };
        let _ = writeln!(out, "  {n} {why} stay as they are");
    }
    Ok(out.trim_end().to_owned())
}

fn by_rule(out: &mut String, what: &str, findings: &[&FindingOfRun]) {
    let mut rules: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for f in findings {
        *rules.entry((&f.title, &f.severity, &f.rule_id)).or_default() += 1;
    }
    for ((title, severity, id), n) in rules.iter().take(SHOWN) {
        let _ = writeln!(out, "  {what}: {n}× {} ({severity}, {id})", terminal(title));
    }
    if rules.len() > SHOWN {
        let _ = writeln!(out, "  and {} more", plural((rules.len() - SHOWN) as u64, "rule"));
    }
}
