//! Who could be behind the campaigns of a case: drafts with their reasons, beside what analysts said of them.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use palisade_assess::who::{
    self, Assessment, Basis, Companion, Costs, Matrix, Row, Said, Statement, View, companions,
};
use palisade_campaign::Joined;
use palisade_model::{Campaign, IncidentReport, Month, terminal};
use palisade_store::Case;
use serde_json::json;

use super::adopt::{Word, holding};
use super::expect::{Coverage, Victims};
use super::{Known, digest, value};
use crate::campaign::joined;
use crate::output::plural;
use crate::times::Clock;

/// Campaigns told, those with most findings first.
const CAMPAIGNS: usize = 10;
/// Reasons told for the likeliest, and techniques usually seen beside it.
const REASONS: usize = 6;

/// What a campaign is asked about by: its techniques.
pub fn asked(c: &Campaign) -> IncidentReport {
    let techniques: BTreeSet<&String> = c.steps.iter().flat_map(|s| &s.attack).collect();
    let techniques = techniques.into_iter().cloned().collect();
    IncidentReport { id: c.id.to_string(), techniques, ..IncidentReport::default() }
}

/// What an assessment of a campaign rests on.
pub fn basis(c: &Campaign, known: &Known) -> Basis {
    let mut ids: Vec<[u8; 16]> = c.findings().map(|f| f.0).collect();
    ids.sort_unstable();
    let asked = asked(c);
    Basis {
        findings: ids.len() as u64,
        findings_digest: digest(&ids),
        items: asked.techniques.into_iter().chain(asked.software).collect(),
        knowledge: known.knowledge.clone(),
        as_of: known.library.as_of(),
        method: known.method.clone(),
    }
}

/// What is said of a campaign now, and what it was made of.
pub fn said(view: &View<'_>, known: &Known, c: &Campaign) -> (Assessment, Statement) {
    let asked = asked(c);
    let made = who::assess(view, &known.settings, &asked, true);
    let statement = Statement::of(view, &known.settings, &asked, &made, basis(c, known));
    (made, statement)
}

/// The campaigns with most findings.
pub fn largest(joined: &Joined) -> Vec<&Campaign> {
    let mut all: Vec<&Campaign> = joined.campaigns.iter().collect();
    all.sort_by_key(|c| (std::cmp::Reverse(c.findings().count()), c.id));
    all.truncate(CAMPAIGNS);
    all
}

/// What there is to tell of a case.
pub struct Told {
    joined: Joined,
    words: Vec<Word>,
    as_of: Option<Month>,
    coverage: Coverage,
    victims: Option<Victims>,
}

impl Told {
    /// Joins the findings of a case, and reads what analysts said of its campaigns.
    pub fn read(dir: &Path, as_of: Option<Month>, victims: &[PathBuf]) -> Result<Told> {
        let (_, joined) = joined(dir)?;
        let mut case = Case::open_read_only(dir)?;
        let words = Word::all(&mut case)?;
        let coverage = Coverage::of(&mut case)?;
        let victims = Victims::read(victims)?;
        Ok(Told { joined, words, as_of, coverage, victims })
    }

    /// One JSON object per campaign and line.
    pub fn lines(&self, known: &Known, out: &mut dyn Write) -> io::Result<()> {
        let view = known.library.view(self.as_of, &BTreeSet::new(), None);
        for c in largest(&self.joined) {
            let (made, statement) = said(&view, known, c);
            let mut line = value(&made, &known.library);
            line["confidence"] = json!(statement.confidence);
            line["would_change"] = json!(statement.would_change);
            line["matrix"] = hypotheses_value(&who::matrix(&made), &known.settings.costs);
            line["adopted"] = json!(holding(&self.words, c).map(|w| w.value(Some(&basis(c, known)))));
            line["expected"] = json!(
                companions(&view, &asked(c), REASONS)
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
        let clock = Clock::default();
        let mut drafts = 0;
        let campaigns = largest(&self.joined);
        if campaigns.is_empty() {
            return writeln!(out, "no campaigns in the case; `palisade campaign list` shows what was joined");
        }
        for c in campaigns {
            let (made, statement) = said(&view, known, c);
            let asked = asked(c);
            let techniques = plural(asked.techniques.len() as u64, "technique");
            writeln!(out, "{}  {techniques}, {} weighed", asked.id, made.weighed)?;
            let word = holding(&self.words, c);
            let now = basis(c, known);
            match word {
                Some(word) => word.write(Some(&now), &clock, out)?,
                None => drafts += 1,
            }
            if word.is_none_or(|w| !w.changes(Some(&now)).is_empty()) {
                draft(&statement, &made, known, out)?;
            }
            for e in companions(&view, &asked, REASONS) {
                self.expected(&e, out)?;
            }
            if let (Some(victims), false) = (&self.victims, statement.answer == "insufficient") {
                victims.write(&made.states, out)?;
            }
            writeln!(out)?;
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

fn draft(s: &Statement, made: &Assessment, known: &Known, out: &mut dyn Write) -> io::Result<()> {
    if s.answer == "insufficient" {
        return writeln!(
            out,
            "  insufficient: fewer than {} that are not public tools; the chances would be those before any evidence",
            plural(known.settings.floor as u64, "item")
        );
    }
    writeln!(out, "  draft: {}", terminal(&s.sentence()))?;
    for c in s.said.iter().filter(|c| !c.id.starts_with("state:")) {
        let nation = c.nation.as_deref().unwrap_or("-");
        writeln!(out, "  {:>5.1} %  {nation:<2}  {}", c.probability * 100.0, terminal(&c.title()))?;
    }
    if let Some(top) = made.candidates.first().and_then(|c| s.said.iter().find(|s| s.id == c.actor.id)) {
        reasons("for", top, &top.supporting, out)?;
        reasons("against", top, &top.against, out)?;
    }
    hypotheses(&who::matrix(made), &known.settings.costs, out)?;
    if s.would_change.is_empty() {
        writeln!(out, "  no few items change who is likeliest")?;
    } else {
        writeln!(out, "  without {} somebody else is likeliest", terminal(&s.would_change.join(", ")))?;
    }
    writeln!(out, "  confidence in this assessment: {}", s.confidence)
}

/// What tells the hypotheses apart, most diagnostic first, with what is cheap to fake marked as such.
fn hypotheses(m: &Matrix, costs: &Costs, out: &mut dyn Write) -> io::Result<()> {
    if m.rows.is_empty() {
        return Ok(());
    }
    let heads: Vec<String> = m.hypotheses.iter().map(|h| format!("{:>9}", terminal(h))).collect();
    writeln!(out, "  competing hypotheses{:16}{}", "", heads.concat())?;
    for row in m.rows.iter().take(REASONS) {
        let cells: Vec<String> = row.cells.iter().map(|c| format!("{:>9}", Row::symbol(*c))).collect();
        let cheap = if costs.is_cheap(&row.class) { ", cheap" } else { "" };
        let item = format!("{} ({}{cheap})", terminal(&row.item), terminal(&row.class));
        writeln!(out, "    {item:<32}{}", cells.concat())?;
    }
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
        "inconsistency": m.inconsistency.iter().map(|w| w.nats()).collect::<Vec<_>>(),
        "cost_to_fake": {
            "cheap_cap": costs.cheap_cap, "rare_cap": costs.rare_cap, "rare_actors": costs.rare_actors,
            "classes": classes.collect::<std::collections::BTreeMap<_, _>>(),
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
