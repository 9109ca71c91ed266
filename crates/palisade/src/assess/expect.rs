//! What next: whether expected techniques would be found in this case, and which sectors such actors usually hit.
//!
//! Ranked possibilities with their base rates. What this module never does: promise that something will be found, or
//! show a rate without the base rate beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use palisade_assess::who::{Targets, targets};
use palisade_intel::incidents;
use palisade_model::{Incident, Month, Origin, current_technique, terminal};
use palisade_pipeline::{Detectable, Knowledge, RuleSources, detectable, load_rules};
use palisade_store::Case;
use serde_json::{Value, json};

use crate::errors::{note, reason};

/// Kinds of records of a case that are asked for.
const SHAPES: u64 = 100_000;
/// Sectors told of each campaign.
const SECTORS: usize = 5;
/// Rules, or log sources that are missing, told of a technique.
const LISTED: usize = 3;

/// What the shipped rules can see in the records of a case.
pub struct Coverage {
    by_technique: BTreeMap<String, Detectable>,
}

impl Coverage {
    /// By the rules that are shipped and the kinds of records that the case holds.
    pub fn of(case: &mut Case) -> Result<Coverage> {
        let seen: BTreeSet<String> = case.overview(SHAPES)?.coverage.into_iter().map(|s| s.shape).collect();
        let loaded = load_rules(&RuleSources { shipped: true, ..RuleSources::default() }, 1);
        let knowledge = Knowledge::new(loaded.rules, Vec::new(), &[])?;
        Ok(Coverage { by_technique: detectable(&knowledge, &seen) })
    }

    /// Rules for a technique by its id, and for those below it: what looks for PowerShell looks for one of many interpreters.
    fn of_technique(&self, technique: &str) -> (Detectable, bool) {
        let id = current_technique(technique);
        let below = format!("{id}.");
        let mut all = self.by_technique.get(id).cloned().unwrap_or_default();
        let mut parts = false;
        for (_, d) in self.by_technique.range(below.clone()..).take_while(|(k, _)| k.starts_with(&below)) {
            parts = true;
            all.with_records += d.with_records;
            all.without += d.without;
            all.titles.extend(d.titles.iter().cloned());
            all.lacking.extend(d.lacking.iter().cloned());
        }
        (all, parts)
    }

    /// In words that end a line.
    pub fn words(&self, technique: &str) -> String {
        let (d, parts) = self.of_technique(technique);
        let parts = if parts { " (sub-techniques counted)" } else { "" };
        if d.with_records + d.without == 0 {
            return "no shipped rule looks for it".to_owned();
        }
        if d.with_records > 0 {
            let titles = listed(d.titles.iter().map(String::as_str), LISTED, d.with_records as usize);
            return format!(
                "{} of {} rules for it have their records here{parts}: {}",
                d.with_records,
                d.with_records + d.without,
                terminal(&titles)
            );
        }
        let lacking = listed(d.lacking.iter().map(String::as_str), LISTED, d.lacking.len());
        format!("blind: its rules need records that are not here{parts}: {lacking}")
    }

    /// For programs.
    pub fn value(&self, technique: &str) -> Value {
        let (d, _) = self.of_technique(technique);
        json!({
            "rules_with_records": d.with_records, "rules_without": d.without,
            "rules": d.titles, "lacking": d.lacking,
        })
    }
}

/// The first `most` of some, and how many more there are of them.
pub fn listed<'t>(some: impl Iterator<Item = &'t str>, most: usize, of: usize) -> String {
    let shown: Vec<&str> = some.take(most).collect();
    let more = of.saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Recorded incidents, to see whom the actors of states hit.
pub struct Victims {
    incidents: Vec<Incident>,
}

/// Incidents that were known before a month.
pub fn known_before(mut all: Vec<Incident>, before: Option<Month>) -> Vec<Incident> {
    if let Some(before) = before {
        let told = |i: &Incident| i.reported.map_or(i.days.last, |r| r.last);
        all.retain(|i| Month::parse(&told(i).to_string()).is_some_and(|m| m < before));
    }
    all
}

/// Reads collections of one kind; the same incident in two of them would count twice.
pub fn collections(files: &[PathBuf], quiet: bool) -> Result<Vec<Incident>> {
    let mut all = Vec::new();
    let mut kind = "";
    for path in files {
        let failed = |e: &dyn std::error::Error| anyhow!("{} could not be read: {e}", path.display());
        let file =
            File::open(path).map_err(|e| anyhow!("{} could not be read: {}", path.display(), reason(&e)))?;
        let mut buffered = BufReader::new(file);
        let packed =
            io::BufRead::fill_buf(&mut buffered).is_ok_and(|b| b.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
        let text: Box<dyn Read> = if packed {
            Box::new(zstd::stream::read::Decoder::with_buffer(buffered).map_err(|e| failed(&e))?)
        } else {
            Box::new(buffered)
        };
        let read = incidents::read(text, &Origin::file(path.display().to_string()));
        if !quiet {
            read.problems.iter().for_each(|p| note(&p.to_string()));
        }
        if read.incidents.is_empty() {
            bail!("{} holds no incidents that can be used", path.display());
        }
        if !kind.is_empty() && kind != read.name {
            bail!(
                "{} is of {}, another one of {kind}: the same incident would count twice; give files of one collection",
                path.display(),
                read.name
            );
        }
        kind = read.name;
        all.extend(read.incidents);
    }
    // An older edition of the same collection tells of the same incidents.
    let mut seen = BTreeSet::new();
    all.retain(|i| seen.insert(i.id.clone()));
    Ok(all)
}

impl Victims {
    /// Those of the files, or else those that the case keeps; with `before` only incidents known before that month. None without
    /// any.
    pub fn read(files: &[PathBuf], kept: &[Incident], before: Option<Month>) -> Result<Option<Victims>> {
        let all = if files.is_empty() { kept.to_vec() } else { collections(files, false)? };
        let all = known_before(all, before);
        Ok((!all.is_empty()).then_some(Victims { incidents: all }))
    }

    /// For people.
    pub fn write(&self, states: &BTreeMap<String, f64>, out: &mut dyn Write) -> io::Result<()> {
        let t = targets(&self.incidents, states);
        for target in t.targets.iter().take(SECTORS) {
            writeln!(
                out,
                "  usually hit: {}  {:.0} % of incidents of such states, {:.0} % of all",
                terminal(&target.sector),
                target.rate * 100.0,
                target.base * 100.0
            )?;
        }
        writeln!(out, "  {}", skill(&t))
    }

    /// For programs.
    pub fn value(&self, states: &BTreeMap<String, f64>) -> Value {
        let t = targets(&self.incidents, states);
        let rows: Vec<Value> =
            t.targets.iter().map(|t| json!({"sector": t.sector, "rate": t.rate, "base": t.base})).collect();
        json!({"sectors": rows, "incidents": t.incidents, "gain": t.gain, "skill": t.has_skill()})
    }
}

/// Whether the table says more than the base rate.
fn skill(t: &Targets) -> String {
    match t.gain {
        None => format!(
            "from {} incidents: too few to say whether the state tells anything of the sector",
            t.incidents
        ),
        Some((low, mean, high)) if low > 0.0 => format!(
            "from {} incidents; knowing the state foretold sectors {mean:.2} nats better than the base rate (95 % {low:.2} to {high:.2})",
            t.incidents
        ),
        Some((low, mean, high)) => format!(
            "from {} incidents; no skill beyond the base rate: {mean:+.2} nats (95 % {low:+.2} to {high:+.2})",
            t.incidents
        ),
    }
}
