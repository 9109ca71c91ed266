//! Who could be behind the campaigns of a case: drafts with their reasons, beside what analysts said of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use palisade_assess::who::{
    self, Assessment, Basis, Companion, Costs, Matrix, Row, Said, Statement, View, companions,
};
use palisade_campaign::Joined;
use palisade_model::{Campaign, IncidentReport, Month, terminal};
use palisade_pipeline::CaseFindings;
use palisade_store::Case;
use serde_json::json;

use super::adopt::{Word, holding};
use super::expect::{Coverage, Victims, listed};
use super::seen::{Seen, Traces};
use super::{Known, digest, told_until, value};
use crate::campaign::joined;
use crate::output::plural;
use crate::times::Clock;

/// Campaigns told to people, those with most findings first.
pub const CAMPAIGNS: usize = 10;
/// Reasons told for the likeliest, and techniques usually seen beside it.
const REASONS: usize = 6;

/// What an assessment of a campaign rests on.
pub fn basis(c: &Campaign, seen: &Seen, known: &Known) -> Basis {
    let mut ids: Vec<[u8; 16]> = c.findings().map(|f| f.0).collect();
    ids.sort_unstable();
    let asked = &seen.incident;
    let method = asked.techniques.iter().chain(&asked.software);
    Basis {
        findings: ids.len() as u64,
        findings_digest: digest(&ids),
        items: method.chain(asked.artefacts.iter().map(|a| &a.name)).cloned().collect(),
        knowledge: known.knowledge.clone(),
        as_of: known.library.as_of(),
        method: known.method.clone(),
    }
}

/// What is said of a campaign now, and what it was made of.
pub fn said(view: &View<'_>, known: &Known, c: &Campaign, seen: &Seen) -> (Assessment, Statement) {
    let made = who::assess(view, &known.settings, &seen.incident, true);
    let statement = Statement::of(view, &known.settings, &seen.incident, &made, basis(c, seen, known));
    (made, statement)
}

/// The campaigns, those with most findings first.
pub fn largest(joined: &Joined) -> Vec<&Campaign> {
    let mut all: Vec<&Campaign> = joined.campaigns.iter().collect();
    all.sort_by_key(|c| (std::cmp::Reverse(c.findings().count()), c.id));
    all
}

/// What there is to tell of a case.
pub struct Told {
    read: CaseFindings,
    joined: Joined,
    words: Vec<Word>,
    as_of: Option<Month>,
    coverage: Coverage,
    victims: Option<Victims>,
}

impl Told {
    /// Joins the findings of a case, and reads what analysts said of its campaigns.
    pub fn read(dir: &Path, known: &Known, as_of: Option<Month>, victims: &[PathBuf]) -> Result<Told> {
        let (read, joined) = joined(dir)?;
        let mut case = Case::open_read_only(dir)?;
        let words = Word::all(&mut case)?;
        let coverage = Coverage::of(&mut case)?;
        let victims = Victims::read(victims, &known.incidents, as_of)?;
        Ok(Told { read, joined, words, as_of, coverage, victims })
    }

    /// One JSON object per campaign and line.
    pub fn lines(&self, known: &Known, out: &mut dyn Write) -> io::Result<()> {
        let view = known.library.view(self.as_of, &BTreeSet::new(), None);
        let traces = Traces::new(&self.read, known, self.as_of);
        for c in largest(&self.joined) {
            let seen = traces.of(c);
            let (made, statement) = said(&view, known, c, &seen);
            let mut line = value(&made, &view);
            line["concluded"] = json!(statement.concluded);
            line["confidence"] = json!(statement.confidence);
            line["would_change"] = json!(statement.would_change);
            line["would_unname"] = json!(statement.would_unname);
            line["seen"] = json!({
                "techniques": seen.incident.techniques, "software": seen.incident.software,
                "artefacts": seen.incident.artefacts,
                "findings": seen.shown.iter()
                    .map(|(item, of)| (item, of.iter().map(ToString::to_string).collect::<Vec<_>>()))
                    .collect::<BTreeMap<_, _>>(),
            });
            line["matrix"] = hypotheses_value(&who::matrix(&made), &known.settings.costs);
            line["adopted"] = json!(holding(&self.words, c).map(|w| w.value(Some(&basis(c, &seen, known)))));
            line["expected"] = json!(
                companions(&view, &seen.incident, REASONS)
                    .iter()
                    .map(|e| json!({
                        "technique": e.technique, "name": e.name, "rate": e.rate, "base": e.base,
                        "coverage": self.coverage.value(&e.technique),
                    }))
                    .collect::<Vec<_>>()
            );
            line["sectors"] = json!(self.victims.as_ref().map(|v| v.value(&made.states)));
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)?;
        }
        Ok(())
    }

    /// For people. Likelihood and confidence stand in sentences of their own.
    pub fn write(&self, known: &Known, out: &mut dyn Write) -> io::Result<()> {
        let view = known.library.view(self.as_of, &BTreeSet::new(), None);
        let traces = Traces::new(&self.read, known, self.as_of);
        let clock = Clock::default();
        let mut drafts = 0;
        let campaigns = largest(&self.joined);
        if campaigns.is_empty() {
            return writeln!(out, "no campaigns in the case; `palisade campaign list` shows what was joined");
        }
        writeln!(out, "{}\n", told_until(&view))?;
        for c in campaigns.iter().take(CAMPAIGNS) {
            let seen = traces.of(c);
            let (made, statement) = said(&view, known, c, &seen);
            items(&seen.incident, &made, known, out)?;
            let word = holding(&self.words, c);
            let now = basis(c, &seen, known);
            match word {
                Some(word) => word.write(Some(&now), &clock, out)?,
                None => drafts += 1,
            }
            if word.is_none_or(|w| !w.changes(Some(&now)).is_empty()) {
                draft(&statement, &made, known, out)?;
            }
            for e in companions(&view, &seen.incident, REASONS) {
                self.expected(&e, out)?;
            }
            if let (Some(victims), false) = (&self.victims, statement.answer == "insufficient") {
                victims.write(&made.states, out)?;
            }
            writeln!(out)?;
        }
        let more = campaigns.len().saturating_sub(CAMPAIGNS);
        if more > 0 {
            writeln!(
                out,
                "{} with fewer findings: `--format ndjson` tells of all\n",
                plural(more as u64, "campaign")
            )?;
        }
        if drafts > 0 {
            writeln!(
                out,
                "{}: what reports tell of actors, compared with what rules found. Nobody has adopted it, and it leaves no house; \
                 `palisade assess adopt` stands for one.",
                plural(drafts, "draft")
            )?;
        }
        Ok(())
    }

    fn expected(&self, e: &Companion, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "  usually seen beside it: {}  {:.0} % of reports that are alike, {:.0} % of all; {}",
            terminal(&who::titled(&e.technique, &e.name)),
            e.rate * 100.0,
            e.base * 100.0,
            self.coverage.words(&e.technique)
        )
    }
}

/// What a campaign is asked about by, and what of it no report tells.
fn items(asked: &IncidentReport, made: &Assessment, known: &Known, out: &mut dyn Write) -> io::Result<()> {
    let mut what = vec![plural(asked.techniques.len() as u64, "technique")];
    if !asked.software.is_empty() {
        let name = |id: &String| who::titled(id, known.library.name(id));
        what.push(asked.software.iter().take(REASONS).map(name).collect::<Vec<_>>().join(", "));
    }
    let named: BTreeSet<&str> = asked.artefacts.iter().map(|a| a.name.as_str()).collect();
    what.extend(named.iter().take(REASONS).map(|n| (*n).to_owned()));
    writeln!(out, "{}  {}; {} weighed", asked.id, terminal(&what.join("; ")), made.weighed)?;
    if !made.not_weighed.is_empty() {
        let some = listed(made.not_weighed.iter().map(String::as_str), REASONS, made.not_weighed.len());
        writeln!(out, "  no report tells of: {}", terminal(&some))?;
    }
    Ok(())
}

fn draft(s: &Statement, made: &Assessment, known: &Known, out: &mut dyn Write) -> io::Result<()> {
    if s.answer == "insufficient" {
        return writeln!(
            out,
            "  insufficient: fewer than {} that are not public tools; the chances would be those before any evidence",
            plural(known.settings.floor as u64, "item")
        );
    }
    writeln!(out, "  draft: {}", terminal(&s.sentence()))?;
    for c in &s.said {
        let nation = c.nation.as_deref().unwrap_or("-");
        writeln!(out, "  {:>5.1} %  {nation:<2}  {}", c.probability * 100.0, terminal(&c.title()))?;
    }
    if let Some(top) = made.candidates.first().filter(|c| !c.actor.aliases.is_empty()) {
        let names: BTreeSet<&str> = top.actor.aliases.iter().map(|a| a.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().take(REASONS).collect();
        writeln!(
            out,
            "  {} is also called, by some: {}",
            terminal(&top.actor.name),
            terminal(&names.join(", "))
        )?;
    }
    if let Some(top) = made.candidates.first().and_then(|c| s.said.iter().find(|s| s.id == c.actor.id)) {
        reasons("for", top, &top.supporting, out)?;
        reasons("against", top, &top.against, out)?;
    }
    hypotheses(&who::matrix(made), &known.settings.costs, out)?;
    if s.would_change.is_empty() {
        writeln!(out, "  no few items change which known actor is likeliest")?;
    } else {
        writeln!(out, "  without {} another known actor is likeliest", terminal(&s.would_change.join(", ")))?;
    }
    if !s.would_unname.is_empty() {
        writeln!(out, "  without {} nobody would be named", terminal(&s.would_unname.join(", ")))?;
    }
    writeln!(out, "  confidence in this assessment: {}", s.confidence)
}

/// What tells the hypotheses apart, most diagnostic first, with what is cheap to fake marked as such.
fn hypotheses(m: &Matrix, costs: &Costs, out: &mut dyn Write) -> io::Result<()> {
    if m.rows.is_empty() {
        return Ok(());
    }
    let heads: Vec<String> = m.hypotheses.iter().map(|h| format!("{:>9}", terminal(h))).collect();
    let rows = m.rows.iter().take(REASONS).map(|row| {
        let cells: Vec<String> = row.cells.iter().map(|c| format!("{:>9}", Row::symbol(*c))).collect();
        let cheap = if costs.is_cheap(&row.class) { ", cheap" } else { "" };
        (format!("{} ({}{cheap})", terminal(&row.item), terminal(&row.class)), cells.concat())
    });
    let rows: Vec<(String, String)> = rows.collect();
    // Names of artefacts are long; the columns stand under their heads all the same.
    let widest = rows.iter().map(|(item, _)| item.chars().count()).max().unwrap_or(0).max(32);
    writeln!(out, "  {:<width$}{}", "competing hypotheses", heads.concat(), width = widest + 2)?;
    for (item, cells) in rows {
        writeln!(out, "    {item:<widest$}{cells}")?;
    }
    let sums: Vec<String> = m.inconsistency.iter().map(|w| format!("{:>9.1}", w.nats())).collect();
    writeln!(out, "    {:<widest$}{}", "nats against it, of all items", sums.concat())?;
    writeln!(
        out,
        "    ++ + 0 - --: for or against, from 1.5 and 0.5 nats on; what is cheap to fake moves the odds by {} nats at most, techniques of \
         at most {} actors by {}",
        costs.cheap_cap, costs.rare_actors, costs.rare_cap
    )
}

/// For programs: the whole matrix, in nats, and what it takes to fake each class.
fn hypotheses_value(m: &Matrix, costs: &Costs) -> serde_json::Value {
    let rows = m.rows.iter().map(|r| {
        let cells: Vec<f64> = r.cells.iter().map(|c| c.nats()).collect();
        json!({"item": r.item, "class": r.class, "cells": cells, "diagnosticity": r.diagnosticity.nats()})
    });
    let classes =
        costs.classes.iter().map(|(name, factor, cheap)| (name, json!({"factor": factor, "cheap": cheap})));
    json!({
        "hypotheses": m.hypotheses, "rows": rows.collect::<Vec<_>>(),
        "ranking": m.ranking.iter().filter_map(|h| m.hypotheses.get(*h)).collect::<Vec<_>>(),
        "inconsistency": m.inconsistency.iter().map(|w| w.nats()).collect::<Vec<_>>(),
        "cost_to_fake": {
            "cheap_cap": costs.cheap_cap, "rare_cap": costs.rare_cap, "rare_actors": costs.rare_actors,
            "classes": classes.collect::<BTreeMap<_, _>>(),
        },
    })
}

/// The strongest reasons for or against.
fn reasons(what: &str, top: &Said, some: &[who::SaidReason], out: &mut dyn Write) -> io::Result<()> {
    if some.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> =
        some.iter().take(REASONS).map(|r| format!("{} ({})", r.item, r.weight)).collect();
    let more = some.len().saturating_sub(REASONS);
    let more = if more > 0 { format!(", {more} more") } else { String::new() };
    writeln!(out, "  {what} {}: {}{more}", terminal(&top.name), terminal(&shown.join(", ")))
}
