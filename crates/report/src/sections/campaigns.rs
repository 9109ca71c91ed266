//! Campaigns: what happened in which order, why it belongs together, and what would be left without each reason.
//!
//! What this module never does: show a score that its terms do not give. If they do not add up, it says so in place.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Campaign, Join, Observable, Term, TermKind, Weight};

use super::{MAX_ROWS, drawn, rest, section};
use crate::braid;
use crate::defang::defang;
use crate::doc::{Block, Column, Line, Row, Section, Span, Table, code, cut, cut_middle, dim, line, text};
use crate::story::{Story, campaign_anchor, step_anchor};

/// Campaigns told in full; a table has the others.
const MAX_TOLD: usize = 40;
/// Joins whose terms are shown.
const MAX_JOINS: usize = 80;
/// Weakest links named.
const MAX_WEAK: usize = 5;
/// Campaigns told to those who decide.
const MAX_BRIEF: usize = 3;
/// Machines named in a sentence.
const MAX_HOSTS: usize = 5;

/// The gravest, then the largest first.
fn ordered<'m>(story: &Story<'m>) -> Vec<&'m Campaign> {
    let mut all: Vec<&Campaign> = story.m.campaigns.iter().collect();
    all.sort_by_key(|c| {
        (std::cmp::Reverse(c.severity()), std::cmp::Reverse(c.steps.len()), c.span().0, c.id)
    });
    all
}

/// The title of its gravest step, the earliest of these.
pub(crate) fn title(story: &Story<'_>, c: &Campaign) -> String {
    let worst = c.severity();
    let step = c.steps.iter().find(|s| s.severity == worst);
    story.title(step.map_or("", |s| &s.title))
}

fn section_of(story: &Story<'_>, blocks: Vec<Block>) -> Section {
    section("campaigns", story.t("campaigns.title"), blocks)
}

fn section_title(story: &Story<'_>, c: &Campaign) -> Line {
    vec![Span::Code(c.id.to_string()), text(" "), text(title(story, c))]
}

/// Everything of every campaign.
pub(super) fn full(story: &Story<'_>) -> Section {
    let all = ordered(story);
    let mut blocks = Vec::new();
    if all.is_empty() {
        if !story.live.is_empty() {
            blocks.push(Block::Para(line(story.t("campaigns.none"))));
        }
        return section_of(story, blocks);
    }
    if all.len() > 1 {
        blocks.push(overview(story, &all));
        rest(story, all.len(), MAX_ROWS, &mut blocks);
    }
    for c in all.iter().take(MAX_TOLD) {
        blocks.push(Block::Card { id: Some(campaign_anchor(&c.id)), blocks: told(story, c) });
    }
    // What is linked must exist: the others get a line each.
    for c in all.iter().skip(MAX_TOLD) {
        let steps = steps(story, c);
        let fold =
            Block::Fold { line: section_title(story, c), open: false, blocks: vec![Block::Table(steps)] };
        blocks.push(Block::Card { id: Some(campaign_anchor(&c.id)), blocks: vec![fold] });
    }
    section_of(story, blocks)
}

fn overview(story: &Story<'_>, all: &[&Campaign]) -> Block {
    let head = [
        (Column::Narrow, "campaigns.campaign"),
        (Column::Narrow, "words.severity"),
        (Column::Text, "words.title"),
        (Column::Number, "campaigns.steps"),
        (Column::Narrow, "words.first"),
        (Column::Narrow, "words.last"),
        (Column::Narrow, "campaigns.cohesion"),
    ];
    let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
    for c in all.iter().take(MAX_ROWS) {
        let (first, last) = c.span();
        table.row([
            vec![story.campaign(&c.id)],
            vec![story.level(c.severity())],
            line(title(story, c)),
            line(story.number(c.steps.len() as u64)),
            story.time(first),
            story.time(last),
            line(story.o.locale.percent(c.cohesion)),
        ]);
    }
    Block::Table(table)
}

/// When, how many, where, through which channels.
fn course_of(story: &Story<'_>, c: &Campaign) -> Line {
    let (first, last) = c.span();
    let hosts: BTreeSet<&str> = c.steps.iter().flat_map(|s| s.hosts.iter().map(String::as_str)).collect();
    let mut out = vec![story.level(c.severity()), text(" ")];
    out.push(text(story.t_with(
        "campaigns.course",
        &[
            ("steps", &story.n("count.steps", c.steps.len())),
            ("findings", &story.n("count.findings", c.findings().count())),
            ("span", &story.span(first, last)),
            ("channels", &story.vectors(&c.vectors())),
        ],
    )));
    if !hosts.is_empty() && !matches!(story.o.edition, crate::Edition::Constituent(_)) {
        let mut named: Vec<String> = hosts.iter().take(MAX_HOSTS).map(|h| cut_middle(h, 60)).collect();
        if hosts.len() > MAX_HOSTS {
            named.push(story.n("words.more", hosts.len() - MAX_HOSTS));
        }
        out.push(text(" "));
        out.push(text(story.t_with("campaigns.on", &[("hosts", &named.join(", "))])));
    }
    out
}

/// How sure it is that it is one.
fn cohesion(story: &Story<'_>, c: &Campaign) -> Line {
    if !c.cohesion.is_finite() {
        return vec![Span::Error(story.t("campaigns.no_cohesion"))];
    }
    let args = [("word", story.likelihood(c.cohesion)), ("percent", story.o.locale.percent(c.cohesion))];
    let args = [(args[0].0, args[0].1.as_str()), (args[1].0, args[1].1.as_str())];
    vec![text(story.t_with("campaigns.together", &args))]
}

fn told(story: &Story<'_>, c: &Campaign) -> Vec<Block> {
    let mut blocks = vec![
        Block::Heading { level: 3, id: None, line: section_title(story, c) },
        Block::Para(course_of(story, c)),
        Block::Para(cohesion(story, c)),
    ];
    if !c.aliases.is_empty() {
        let all: Vec<String> = c.aliases.iter().take(20).map(ToString::to_string).collect();
        blocks.push(Block::Note(line(story.t_with("campaigns.aliases", &[("ids", &all.join(", "))]))));
    }
    if c.steps.len() > 1 {
        blocks.push(drawn(braid::picture(story, c)));
        blocks.push(Block::Note(line(story.t("campaigns.how_to_read"))));
        if c.steps.len() > braid::MAX_STEPS {
            let more = c.steps.len() - braid::MAX_STEPS;
            blocks.push(Block::Note(line(story.n("campaigns.not_drawn", more))));
        }
    }
    let steps_line = line(format!("{} · {}", story.t("campaigns.steps"), story.zone_note()));
    blocks.push(Block::Fold {
        line: steps_line,
        open: c.steps.len() <= 20,
        blocks: vec![Block::Table(steps(story, c))],
    });
    if !c.joins.is_empty() {
        blocks.extend(why(story, c));
    }
    blocks
}

fn steps(story: &Story<'_>, c: &Campaign) -> Table {
    let head = [
        (Column::Number, "words.number"),
        (Column::Narrow, "words.time"),
        (Column::Narrow, "words.severity"),
        (Column::Text, "words.what"),
        (Column::Text, "words.host"),
        (Column::Narrow, "words.evidence"),
    ];
    let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
    for (n, s) in c.steps.iter().enumerate() {
        let mut what = line(story.title(&s.title));
        if !s.attack.is_empty() {
            what.push(text(" "));
            what.push(Span::Dim(s.attack.iter().take(4).map(|t| cut(t, 20)).collect::<Vec<_>>().join(" ")));
        }
        let mut hosts: Vec<String> = s.hosts.iter().take(3).map(|h| cut_middle(h, 60)).collect();
        if s.hosts.len() > 3 {
            hosts.push(story.n("words.more", s.hosts.len() - 3));
        }
        let cells = [
            line(story.number(n as u64 + 1)),
            story.time(s.first),
            vec![story.level(s.severity)],
            what,
            line(hosts.join(", ")),
            story.findings_by_id(&s.findings),
        ];
        table.row_at(step_anchor(&c.id, n), cells);
    }
    table
}

fn kind(story: &Story<'_>, k: TermKind) -> String {
    story.t(match k {
        TermKind::Shared => "term.shared",
        TermKind::Stage => "term.stage",
        TermKind::Prior => "term.prior",
        TermKind::Cap => "term.cap",
        TermKind::Analyst => "term.analyst",
    })
}

/// A weight to the last digit, so that a column adds up.
pub(crate) fn exact(w: Weight) -> String {
    let sign = if w.0 < 0 { '−' } else { '+' };
    let n = w.0.unsigned_abs();
    format!("{sign}{}.{:06}", n / 1_000_000, n % 1_000_000)
}

fn what(story: &Story<'_>, t: &Term) -> Line {
    let mut out = Line::new();
    if let Some(o) = &t.observable {
        out.push(Span::Dim(o.kind().name().replace('_', " ")));
        out.push(text(" "));
        out.push(Span::Code(cut_middle(&defang(o), 100)));
    } else if t.kind == TermKind::Shared {
        out.push(Span::Dim(story.t("term.kept_back")));
    }
    if let Some((seen, of)) = t.seen {
        let (seen, of) = (story.number(seen), story.number(of));
        out.push(text(" "));
        out.push(Span::Dim(story.t_with("term.seen", &[("seen", &seen), ("of", &of)])));
    }
    if let Some(us) = t.apart {
        if !out.is_empty() {
            out.push(text(" "));
        }
        out.push(text(story.t_with("term.apart", &[("time", &story.duration(us))])));
    }
    if let Some(note) = &t.note {
        out.push(text(" "));
        out.push(text(cut(note, 200)));
    }
    if let Some((a, b)) = t.findings
        && story.cites()
    {
        out.push(text(" "));
        out.extend(story.findings_by_id(&[a, b]));
    }
    out
}

fn steps_of(story: &Story<'_>, c: &Campaign, j: &Join) -> Line {
    let link = |n: usize| match c.steps.get(n) {
        Some(_) if story.cites() => {
            Span::Link { to: step_anchor(&c.id, n), text: story.number(n as u64 + 1) }
        }
        Some(_) => text(story.number(n as u64 + 1)),
        None => Span::Error(story.number(n as u64 + 1)),
    };
    vec![link(j.steps.0), text(" – "), link(j.steps.1)]
}

fn why(story: &Story<'_>, c: &Campaign) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut weak: Vec<&Join> = c.joins.iter().collect();
    weak.sort_by_key(|j| (j.score, j.steps));
    let mut items = Vec::new();
    for j in weak.iter().take(MAX_WEAK) {
        let mut item = steps_of(story, c, j);
        let (score, percent) = (j.score.to_string(), story.o.locale.percent(j.score.probability()));
        item.push(text(": "));
        item.push(text(story.t_with("campaigns.link", &[("score", &score), ("percent", &percent)])));
        let (a, b) = split(c, j);
        if b > 0 {
            let (a, b) = (story.n("count.steps", a), story.n("count.steps", b));
            item.push(text(" "));
            item.push(Span::Strong(story.t_with("campaigns.without_join", &[("a", &a), ("b", &b)])));
        }
        items.push(item);
    }
    blocks.push(Block::Heading { level: 4, id: None, line: line(story.t("campaigns.weakest")) });
    blocks.push(Block::List(items));
    let pillars = pillars(c);
    if !pillars.is_empty() {
        blocks.push(Block::Heading { level: 4, id: None, line: line(story.t("campaigns.pillars")) });
        let items = pillars.into_iter().take(MAX_WEAK).map(|(o, parts)| {
            let shown = cut_middle(&defang(o), 100);
            let parts = story.n("count.parts", parts);
            vec![Span::Code(shown), text(" "), text(story.t_with("campaigns.without", &[("parts", &parts)]))]
        });
        blocks.push(Block::List(items.collect()));
    }
    let mut folded = Vec::new();
    for j in c.joins.iter().take(MAX_JOINS) {
        folded.extend(join(story, c, j));
    }
    rest(story, c.joins.len(), MAX_JOINS, &mut folded);
    folded.push(Block::Note(line(story.t("campaigns.weights"))));
    let head = story.n("campaigns.why", c.joins.len());
    blocks.push(Block::Fold { line: line(head), open: c.joins.len() <= 3, blocks: folded });
    blocks
}

fn join(story: &Story<'_>, c: &Campaign, j: &Join) -> Vec<Block> {
    let head = [(Column::Narrow, "term.kind"), (Column::Text, "term.what"), (Column::Number, "term.weight")];
    let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
    for t in &j.terms {
        table.row([line(kind(story, t.kind)), what(story, t), code(exact(t.weight))]);
    }
    let sum = braid::sum(j);
    let percent = story.o.locale.percent(j.score.probability());
    let mut said = line(story.t_with("term.probability", &[("percent", &percent)]));
    if sum != j.score {
        let args = [("said", exact(j.score)), ("sum", exact(sum))];
        let args = [(args[0].0, args[0].1.as_str()), (args[1].0, args[1].1.as_str())];
        said.push(text(" "));
        said.push(Span::Error(story.t_with("term.does_not_add_up", &args)));
    }
    let cells = vec![line(story.t("term.sum")), said, code(exact(sum))];
    table.rows.push(Row { id: None, cells, strong: true });
    let mut head = vec![text(story.t("campaigns.between")), text(" ")];
    head.extend(steps_of(story, c, j));
    vec![Block::Heading { level: 4, id: None, line: head }, Block::Table(table)]
}

/// Steps in the two parts that are left without a join; none in the second if it still holds together.
fn split(c: &Campaign, without: &Join) -> (usize, usize) {
    let kept = c.joins.iter().filter(|j| !std::ptr::eq(*j, without)).map(|j| j.steps);
    let groups = groups(c.steps.len(), kept);
    let find = |s: usize| groups.get(s).copied();
    match (find(without.steps.0), find(without.steps.1)) {
        (Some(a), Some(b)) if a != b => {
            let size = |g: usize| groups.iter().filter(|x| **x == g).count();
            (size(a), size(b))
        }
        _ => (c.steps.len(), 0),
    }
}

/// For each step the smallest step that it is connected with.
fn groups(n: usize, joins: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
    fn root(parent: &[usize], mut at: usize) -> usize {
        while parent[at] != at {
            at = parent[at];
        }
        at
    }
    let mut parent: Vec<usize> = (0..n).collect();
    for (a, b) in joins.filter(|(a, b)| *a < n && *b < n) {
        let (a, b) = (root(&parent, a), root(&parent, b));
        parent[a.max(b)] = a.min(b);
    }
    (0..n).map(|i| root(&parent, i)).collect()
}

/// Values without whose terms some joins would not hold and the campaign would fall apart, and into how many parts.
fn pillars(c: &Campaign) -> Vec<(&Observable, usize)> {
    let parts = |kept: &mut dyn Iterator<Item = (usize, usize)>| {
        groups(c.steps.len(), kept).into_iter().collect::<BTreeSet<_>>().len()
    };
    let whole = parts(&mut c.joins.iter().map(|j| j.steps));
    let mut shares: BTreeMap<&Observable, BTreeMap<usize, i64>> = BTreeMap::new();
    for (i, j) in c.joins.iter().enumerate() {
        for t in &j.terms {
            if let Some(o) = t.observable.as_ref().filter(|_| t.kind == TermKind::Shared) {
                let share = shares.entry(o).or_default().entry(i).or_default();
                *share = share.saturating_add(t.weight.0);
            }
        }
    }
    let mut out: Vec<(&Observable, usize)> = shares
        .into_iter()
        .map(|(o, of)| {
            let kept = c
                .joins
                .iter()
                .enumerate()
                .filter(|(i, j)| of.get(i).is_none_or(|share| j.score.0.saturating_sub(*share) > 0));
            (o, parts(&mut kept.map(|(_, j)| j.steps)))
        })
        .filter(|(_, n)| *n > whole)
        .collect();
    out.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    out
}

/// For those who decide: what happened, in sentences.
pub(super) fn brief(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    for c in ordered(story).into_iter().take(MAX_BRIEF) {
        let head = vec![Span::Code(c.id.to_string()), text(" "), text(title(story, c))];
        blocks.push(Block::Heading { level: 3, id: None, line: head });
        blocks.push(Block::Para(course_of(story, c)));
        blocks.push(Block::Para(cohesion(story, c)));
    }
    let more = story.m.campaigns.len().saturating_sub(MAX_BRIEF);
    if more > 0 {
        blocks.push(Block::Note(line(story.n("timeline.more", more))));
    }
    section("happened", story.t("campaigns.happened"), blocks)
}

/// For others: the order in which things were done, without where.
pub(super) fn course(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    for c in ordered(story).into_iter().take(MAX_BRIEF) {
        blocks.push(Block::Heading { level: 3, id: None, line: section_title(story, c) });
        blocks.push(Block::Para(course_of(story, c)));
        let head = [
            (Column::Number, "words.number"),
            (Column::Narrow, "words.time"),
            (Column::Text, "words.what"),
            (Column::Text, "attack.technique"),
        ];
        let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
        for (n, s) in c.steps.iter().take(MAX_ROWS).enumerate() {
            let mut techniques = Line::new();
            for id in s.attack.iter().take(4) {
                if !techniques.is_empty() {
                    techniques.push(text(", "));
                }
                techniques.extend(story.technique(id));
            }
            let number = line(story.number(n as u64 + 1));
            table.row([number, story.time(s.first), line(story.title(&s.title)), techniques]);
        }
        blocks.push(Block::Table(table));
    }
    if blocks.is_empty() {
        blocks.push(Block::Para(dim(story.t("campaigns.none"))));
    }
    section("course", story.t("campaigns.course_title"), blocks)
}
