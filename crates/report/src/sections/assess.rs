//! Who may be behind it, how grave it is, how sure we are, and in which words.
//!
//! Likelihood and confidence are two numbers and stand in two sentences (ICD 203). What has not been assessed says so.
//! What this module never does: assess.

use super::section;
use crate::doc::{Block, Column, Line, Section, Span, Table, cut, line, text};
use crate::material::{Evidence, Hypothesis};
use crate::story::Story;

/// Reasons shown on each side.
const MAX_REASONS: usize = 12;

pub(super) fn attribution(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    let all = story.hypotheses();
    if all.is_empty() {
        blocks.push(Block::Callout(line(none(story))));
        return section("attribution", story.t("attribution.title"), blocks);
    }
    for part in assessments(&all) {
        if let Some(h) = part.first().filter(|h| !h.subject.is_empty()) {
            blocks.push(Block::Heading { level: 3, id: None, line: line(cut(&h.subject, 80)) });
        }
        blocks.push(Block::Table(table(story, part)));
        blocks.extend(standing(story, part).map(Block::Callout));
        for h in part {
            let (supporting, against) = (!h.supporting.is_empty(), !h.against.is_empty());
            if !supporting && !against && h.would_change.is_empty() {
                continue;
            }
            blocks.push(Block::Heading { level: 3, id: None, line: line(story.title(&h.name)) });
            for (key, evidence) in [("attribution.for", &h.supporting), ("attribution.against", &h.against)] {
                if !evidence.is_empty() {
                    blocks.push(Block::Heading { level: 4, id: None, line: line(story.t(key)) });
                    blocks.push(Block::List(reasons(story, evidence)));
                }
            }
            if !h.would_change.is_empty() {
                blocks.push(Block::Heading { level: 4, id: None, line: line(story.t("attribution.change")) });
                let items = h.would_change.iter().take(MAX_REASONS).map(|t| line(story.title(t)));
                blocks.push(Block::List(items.collect()));
            }
        }
    }
    section("attribution", story.t("attribution.title"), blocks)
}

/// Hypotheses of one assessment each: of one subject, adopted or not.
fn assessments<'a, 'm>(all: &'a [&'m Hypothesis]) -> impl Iterator<Item = &'a [&'m Hypothesis]> {
    all.chunk_by(|a, b| (&a.subject, a.adopted_by.is_some()) == (&b.subject, b.adopted_by.is_some()))
}

/// Nothing to say: nobody asked, or nobody stands for an answer.
pub(super) fn none(story: &Story<'_>) -> String {
    story.t(if story.m.hypotheses.is_empty() { "attribution.none" } else { "attribution.none_adopted" })
}

/// Whether an assessment is a draft, and what has changed since somebody adopted it.
fn standing(story: &Story<'_>, part: &[&Hypothesis]) -> impl Iterator<Item = Line> {
    let mut out = Vec::new();
    if let Some(h) = part.first() {
        if h.adopted_by.is_none() {
            out.push(line(story.t("attribution.draft")));
        }
        if !h.because.is_empty() {
            out.push(line(story.t_with("attribution.because", &[("reason", &cut(&h.because, 400))])));
        }
        if !h.stale.is_empty() {
            let said: Vec<String> = h.stale.iter().take(MAX_REASONS).map(|s| cut(s, 300)).collect();
            out.push(line(story.t_with("attribution.stale", &[("changes", &said.join("; "))])));
        }
    }
    out.into_iter()
}

fn table(story: &Story<'_>, part: &[&Hypothesis]) -> Table {
    let head = [
        (Column::Text, "attribution.hypothesis"),
        (Column::Narrow, "attribution.likelihood"),
        (Column::Narrow, "words.percent"),
        (Column::Narrow, "attribution.confidence"),
        (Column::Narrow, "attribution.knowledge"),
        (Column::Narrow, "attribution.adopted"),
    ];
    let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
    for h in part {
        let date =
            h.knowledge.map_or_else(|| story.t("words.none"), |t| story.o.locale.date(t, &story.o.zone));
        let adopted = match h.adopted_by.as_deref() {
            None => story.t("attribution.not_adopted"),
            Some("") => story.t("attribution.adopted_yes"),
            Some(name) => cut(name, 60),
        };
        table.row([
            line(story.title(&h.name)),
            line(story.likelihood(h.probability)),
            vec![Span::Bar(h.probability), text(" "), text(story.o.locale.percent(h.probability))],
            line(cut(&h.confidence, 40)),
            line(date),
            line(adopted),
        ]);
    }
    table
}

fn reasons(story: &Story<'_>, all: &[Evidence]) -> Vec<Line> {
    let mut out: Vec<Line> = all
        .iter()
        .take(MAX_REASONS)
        .map(|e| {
            let mut item = line(story.title(&e.text));
            let links = story.findings_by_id(&e.findings);
            if !links.is_empty() {
                item.push(text(" "));
                item.extend(links);
            }
            item
        })
        .collect();
    if all.len() > MAX_REASONS {
        out.push(line(story.n("words.more", all.len() - MAX_REASONS)));
    }
    out
}

pub(super) fn gravity(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    if story.m.gravity.is_empty() {
        blocks.push(Block::Callout(line(story.t("gravity.none"))));
    }
    for g in &story.m.gravity {
        let mut head = line(story.title(&g.scale));
        if !g.subject.is_empty() {
            head.push(text(": "));
            head.push(text(cut(&g.subject, 80)));
        }
        blocks.push(Block::Heading { level: 3, id: None, line: head });
        let mut said = vec![Span::Strong(cut(&g.level, 80))];
        if let Some((score, least, most)) = g.score {
            let n = |v: f64| story.o.locale.decimal(v, 1);
            let args = [("score", n(score)), ("least", n(least)), ("most", n(most))];
            let args: Vec<(&str, &str)> = args.iter().map(|(k, v)| (*k, v.as_str())).collect();
            said.push(text(" "));
            said.push(text(story.t_with("gravity.score", &args)));
        }
        blocks.push(Block::Para(said));
        if !g.inputs.is_empty() && !matches!(story.o.edition, crate::Edition::DecisionMaker) {
            let head = [
                (Column::Text, "gravity.input"),
                (Column::Text, "gravity.value"),
                (Column::Number, "gravity.points"),
            ];
            let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
            for (name, value, points) in g.inputs.iter().take(40) {
                table.row([line(story.title(name)), line(story.title(value)), line(cut(points, 20))]);
            }
            blocks.push(Block::Table(table));
        }
        if !g.evidence.is_empty() {
            blocks.push(Block::List(reasons(story, &g.evidence)));
        }
    }
    section("gravity", story.t("gravity.title"), blocks)
}

/// For those who decide: what the judgements rest on.
pub(super) fn how_sure(story: &Story<'_>) -> Section {
    let mut items = Vec::new();
    let confident = story.live.iter().filter(|i| story.m.findings[**i].confidence.0 >= 70).count();
    let share = confident as f64 / story.live.len().max(1) as f64;
    if !story.live.is_empty() {
        items.push(line(story.t_with("sure.rules", &[("percent", &story.o.locale.percent(share))])));
    }
    let mut blocks = Vec::new();
    let all = story.hypotheses();
    if all.is_empty() {
        items.push(line(none(story)));
        blocks.push(Block::List(items));
    } else {
        if !items.is_empty() {
            blocks.push(Block::List(items));
        }
        for part in assessments(&all) {
            if let Some(h) = part.first().filter(|h| !h.subject.is_empty()) {
                blocks.push(Block::Heading { level: 3, id: None, line: line(cut(&h.subject, 80)) });
            }
            blocks.push(Block::Table(table(story, part)));
        }
    }
    section("sure", story.t("sure.title"), blocks)
}

/// The scale of words.
pub(super) fn language(story: &Story<'_>) -> Section {
    let head = [(Column::Text, "scale.word"), (Column::Narrow, "words.percent")];
    let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
    for (p, range) in [
        (0.03, "1–5"),
        (0.1, "5–20"),
        (0.3, "20–45"),
        (0.5, "45–55"),
        (0.7, "55–80"),
        (0.9, "80–95"),
        (0.97, "95–99"),
    ] {
        table.row([line(story.likelihood(p)), line(format!("{range}\u{a0}%"))]);
    }
    let blocks = vec![Block::Fold {
        line: line(story.t("scale.intro")),
        open: false,
        blocks: vec![Block::Table(table), Block::Note(line(story.t("scale.two_numbers")))],
    }];
    section("language", story.t("scale.title"), blocks)
}
