//! Tables of facts: techniques, indicators, exhibits, coverage, problems, judgements, evidence.
//!
//! What this module never does: show an indicator in a form that a click would follow.

use palisade_model::{Exhibit, ExhibitBody, SourceId, VerdictKind};

use super::{MAX_ROWS, rest, section};
use crate::defang::defang;
use crate::doc::{Block, Column, Line, Section, Span, Table, code, cut, cut_middle, line, text};
use crate::material::Citation;
use crate::story::{Story, source_anchor};
use crate::{Edition, attack as table_of, plot};

/// Indicators in a report for people; STIX and JSON have all.
const MAX_INDICATORS: usize = 300;
/// Rows and columns of an exhibit.
const MAX_EXHIBIT: usize = 200;
/// Evidence files listed.
pub(crate) const MAX_SOURCES: usize = 5_000;
/// Problems listed.
const MAX_PROBLEMS: usize = 200;

fn constituent(story: &Story<'_>) -> bool {
    matches!(story.o.edition, Edition::Constituent(_))
}

pub(super) fn attack(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    let mut head = vec![
        (Column::Narrow, "attack.tactic"),
        (Column::Text, "attack.technique"),
        (Column::Number, "words.findings"),
    ];
    if story.cites() {
        head.push((Column::Narrow, "words.evidence"));
    }
    let mut table = Table::new(head.iter().map(|(c, k)| (*c, story.t(k))));
    let mut row = |tactic: Line, id: &str, found: &[usize]| {
        let mut cells = vec![tactic, story.technique(id), line(story.number(found.len() as u64))];
        if story.cites() {
            cells.push(story.findings(found));
        }
        table.row(cells);
    };
    for (place, tactic) in table_of::tactics().iter().enumerate() {
        let mut first = true;
        for (id, found) in story.techniques.iter().filter(|(id, _)| table_of::places(id).contains(&place)) {
            let named = if first { line(tactic.name.clone()) } else { Line::new() };
            row(named, id, found);
            first = false;
        }
    }
    let mut first = true;
    for (id, found) in
        story.techniques.iter().filter(|(id, _)| table_of::places(id).is_empty()).take(MAX_ROWS)
    {
        row(if first { line(story.t("attack.no_tactic")) } else { Line::new() }, id, found);
        first = false;
    }
    if !table.rows.is_empty() {
        blocks.push(Block::Note(line(story.t("attack.note"))));
        blocks.push(Block::Table(table));
    }
    section("attack", story.t("attack.title"), blocks)
}

pub(super) fn indicators(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    if story.indicators.is_empty() {
        if constituent(story) {
            blocks.push(Block::Para(line(story.t("indicators.none"))));
        }
        return section("indicators", story.t("indicators.title"), blocks);
    }
    blocks.push(Block::Note(line(story.t("indicators.note"))));
    let mut head = vec![
        (Column::Narrow, "indicators.kind"),
        (Column::Code, "indicators.value"),
        (Column::Narrow, "words.severity"),
        (Column::Narrow, "words.first"),
        (Column::Narrow, "words.last"),
    ];
    if story.cites() {
        head.push((Column::Narrow, "words.evidence"));
    }
    let mut table = Table::new(head.iter().map(|(c, k)| (*c, story.t(k))));
    for i in story.indicators.iter().take(MAX_INDICATORS) {
        let mut cells = vec![
            line(i.observable.kind().name().replace('_', " ")),
            code(cut_middle(&defang(i.observable), 160)),
            vec![story.level(i.severity)],
            story.time(i.first),
            story.time(i.last),
        ];
        if story.cites() {
            cells.push(story.findings(&i.findings));
        }
        table.row(cells);
    }
    blocks.push(Block::Table(table));
    rest(story, story.indicators.len(), MAX_INDICATORS, &mut blocks);
    section("indicators", story.t("indicators.title"), blocks)
}

pub(super) fn exhibits(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    // What is marked stricter than the report is not in it, and nothing says so.
    for e in story.m.exhibits.iter().filter(|e| e.tlp <= story.tlp) {
        let mut card = vec![Block::Heading { level: 3, id: None, line: line(story.title(&e.title)) }];
        if let Some(picture) = plot::picture(story, e) {
            card.push(Block::Picture(picture));
        }
        body(story, e, &mut card);
        if story.cites() && !e.citations.is_empty() {
            let mut cited: Vec<Line> = e.citations.iter().take(5).map(|c| cite(story, c)).collect();
            if e.citations.len() > 5 {
                cited.push(line(story.n("words.more", e.citations.len() - 5)));
            }
            card.push(Block::Fold {
                line: line(story.n("count.citations", e.citations.len())),
                open: false,
                blocks: vec![Block::List(cited)],
            });
        }
        blocks.push(Block::Card { id: None, blocks: card });
    }
    section("exhibits", story.t("exhibits.title"), blocks)
}

fn cite(story: &Story<'_>, c: &palisade_model::Citation) -> Line {
    let SourceId(n) = c.source;
    match story.m.sources.get(n as usize) {
        Some(s) => {
            let full = Citation {
                path: s.path.clone(),
                member: String::new(),
                record: c.record,
                offset: c.offset,
                sha256: s.sha256.clone(),
            };
            story.citation(&full)
        }
        None => vec![Span::Error(story.t("exhibits.no_source"))],
    }
}

fn body(story: &Story<'_>, e: &Exhibit, out: &mut Vec<Block>) {
    let short = |t: &str| line(cut(t, 120));
    let label = |all: &[String], i: u32| match all.get(i as usize) {
        Some(t) => short(t),
        None => vec![Span::Error(story.t("exhibits.no_node"))],
    };
    let number = |v: f64| line(story.o.locale.decimal(v, if v.fract() == 0.0 { 0 } else { 2 }));
    match &e.body {
        ExhibitBody::Table { columns, rows } => {
            let mut table = Table::new(columns.iter().take(MAX_EXHIBIT).map(|c| (Column::Text, cut(c, 80))));
            for row in rows.iter().take(MAX_EXHIBIT) {
                // A row may be shorter or longer than the headings; it is shown as wide as these.
                let cells = (0..table.head.len()).map(|i| row.get(i).map(|t| short(t)).unwrap_or_default());
                let cells: Vec<Line> = cells.collect();
                table.row(cells);
            }
            out.push(Block::Table(table));
            rest(story, rows.len(), MAX_EXHIBIT, out);
        }
        ExhibitBody::Graph { nodes, edges } => {
            let head = [
                (Column::Text, "exhibits.from"),
                (Column::Text, "exhibits.to"),
                (Column::Number, "exhibits.weight"),
            ];
            let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
            let mut edges: Vec<_> = edges.iter().collect();
            // What is no number comes last.
            let rank = |w: f64| if w.is_nan() { f64::NEG_INFINITY } else { w };
            edges.sort_by(|a, b| rank(b.2).total_cmp(&rank(a.2)).then((a.0, a.1).cmp(&(b.0, b.1))));
            for (a, b, w) in edges.iter().take(MAX_EXHIBIT) {
                table.row([label(nodes, *a), label(nodes, *b), number(*w)]);
            }
            out.push(Block::Table(table));
            rest(story, edges.len(), MAX_EXHIBIT, out);
        }
        ExhibitBody::Flow { nodes, flows } => {
            let head = [
                (Column::Text, "exhibits.from"),
                (Column::Text, "exhibits.to"),
                (Column::Number, "exhibits.amount"),
                (Column::Narrow, "exhibits.unit"),
            ];
            let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
            for (a, b, amount, unit) in flows.iter().take(MAX_EXHIBIT) {
                table.row([label(nodes, *a), label(nodes, *b), short(amount), short(unit)]);
            }
            out.push(Block::Table(table));
            rest(story, flows.len(), MAX_EXHIBIT, out);
        }
        ExhibitBody::Timeline { entries } => {
            out.push(Block::Note(line(story.zone_note())));
            let head = [(Column::Narrow, "words.time"), (Column::Text, "words.what")];
            let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
            for (t, what) in entries.iter().take(MAX_EXHIBIT) {
                table.row([story.time(Some(*t)), short(what)]);
            }
            out.push(Block::Table(table));
            rest(story, entries.len(), MAX_EXHIBIT, out);
        }
        ExhibitBody::Matrix { rows, columns, cells } => {
            let head = columns.iter().take(24).map(|c| (Column::Number, cut(c, 40)));
            let mut table = Table::new([(Column::Text, String::new())].into_iter().chain(head));
            for (r, name) in rows.iter().enumerate().take(MAX_EXHIBIT) {
                let values = (0..columns.len().min(24)).map(|c| match cells.get(r * columns.len() + c) {
                    Some(v) => number(*v),
                    None => Line::new(),
                });
                let values: Vec<Line> = [short(name)].into_iter().chain(values).collect();
                table.row(values);
            }
            out.push(Block::Table(table));
            rest(story, rows.len(), MAX_EXHIBIT, out);
            rest(story, columns.len(), 24, out);
        }
    }
}

pub(super) fn coverage(story: &Story<'_>) -> Section {
    let c = &story.m.coverage;
    let mut blocks = Vec::new();
    if c.unseen.is_empty() && c.shapes.is_empty() {
        blocks.push(Block::Para(line(story.t("coverage.none"))));
    }
    if !c.unseen.is_empty() {
        blocks.push(Block::Heading { level: 3, id: None, line: line(story.t("coverage.unseen")) });
        let items = c.unseen.iter().take(100).map(|t| line(story.title(t)));
        blocks.push(Block::List(items.collect()));
        rest(story, c.unseen.len(), 100, &mut blocks);
    }
    if !c.shapes.is_empty() {
        blocks.push(Block::Heading { level: 3, id: None, line: line(story.t("coverage.seen")) });
        blocks.push(Block::Note(line(story.zone_note())));
        let head = [
            (Column::Code, "coverage.shape"),
            (Column::Number, "coverage.events"),
            (Column::Narrow, "words.first"),
            (Column::Narrow, "words.last"),
        ];
        let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
        for s in c.shapes.iter().take(MAX_ROWS) {
            let events = line(story.number(s.events));
            table.row([code(cut(&s.shape, 80)), events, story.time(s.first), story.time(s.last)]);
        }
        blocks.push(Block::Table(table));
        rest(story, c.shapes.len(), MAX_ROWS, &mut blocks);
    }
    section("coverage", story.t("coverage.title"), blocks)
}

/// For those who decide: what could not be seen.
pub(super) fn unseen(story: &Story<'_>) -> Section {
    let c = &story.m.coverage;
    let mut items: Vec<Line> = c.unseen.iter().take(5).map(|t| line(story.title(t))).collect();
    if c.unseen.len() > 5 {
        items.push(line(story.n("words.more", c.unseen.len() - 5)));
    }
    let unread = story.m.problems.iter().fold(0u64, |sum, p| sum.saturating_add(p.times));
    if unread > 0 {
        items.push(line(story.n_with("problems.count", unread, &[])));
    }
    let blocks = if items.is_empty() { Vec::new() } else { vec![Block::List(items)] };
    section("coverage", story.t("coverage.unseen"), blocks)
}

pub(super) fn problems(story: &Story<'_>) -> Section {
    let all = &story.m.problems;
    let mut blocks = Vec::new();
    if all.is_empty() {
        blocks.push(Block::Para(line(story.t("problems.none"))));
        return section("problems", story.t("problems.title"), blocks);
    }
    let head = [
        (Column::Narrow, "problems.code"),
        (Column::Code, "problems.where"),
        (Column::Text, "problems.message"),
        (Column::Number, "problems.times"),
    ];
    let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
    for p in all.iter().take(MAX_PROBLEMS) {
        table.row([
            line(cut(&p.code, 40).replace('_', " ")),
            code(cut_middle(&p.path, 160)),
            line(story.title(&p.message)),
            line(story.number(p.times)),
        ]);
    }
    blocks.push(Block::Table(table));
    rest(story, all.len(), MAX_PROBLEMS, &mut blocks);
    section("problems", story.t("problems.title"), blocks)
}

pub(super) fn verdicts(story: &Story<'_>) -> Section {
    let m = story.m;
    let held: Vec<_> = m.verdicts.iter().filter(|v| v.holds(m.made)).collect();
    let mut blocks = Vec::new();
    if !held.is_empty() {
        let head = [
            (Column::Narrow, "words.time"),
            (Column::Narrow, "verdicts.kind"),
            (Column::Code, "verdicts.subject"),
            (Column::Text, "verdicts.reason"),
            (Column::Narrow, "verdicts.analyst"),
        ];
        let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
        for v in held.iter().take(MAX_ROWS) {
            let kind = story.t(match v.kind {
                VerdictKind::FalsePositive => "verdicts.false_positive",
                VerdictKind::Confirmed => "verdicts.confirmed",
                VerdictKind::Comment => "verdicts.comment",
                VerdictKind::Pin => "verdicts.pin",
                VerdictKind::Cut => "verdicts.cut",
                VerdictKind::Exclude => "verdicts.exclude",
            });
            let mut subject = Line::new();
            for s in v.subject.iter().take(3) {
                if !subject.is_empty() {
                    subject.push(text(" "));
                }
                match story.by_hex(s) {
                    Some(i) => subject.push(story.finding(i)),
                    None => subject.push(Span::Code(cut(s, 80))),
                }
            }
            let cells = [
                story.time(Some(v.time)),
                line(kind),
                subject,
                line(story.title(&v.reason)),
                line(cut(&v.analyst, 60)),
            ];
            table.row(cells);
        }
        blocks.push(Block::Table(table));
        rest(story, held.len(), MAX_ROWS, &mut blocks);
    }
    section("verdicts", story.t("verdicts.title"), blocks)
}

pub(super) fn evidence(story: &Story<'_>) -> Section {
    let m = story.m;
    let mut blocks = Vec::new();
    if let Some(custody) = &m.custody {
        blocks.push(Block::Facts(vec![(story.t("evidence.custody"), code(cut(custody, 128)))]));
        blocks.push(Block::Note(line(story.t("evidence.custody_note"))));
    }
    if m.sources.is_empty() {
        return section("evidence", story.t("evidence.title"), blocks);
    }
    let head = [
        (Column::Code, "evidence.path"),
        (Column::Code, "evidence.sha256"),
        (Column::Number, "evidence.bytes"),
        (Column::Number, "evidence.records"),
        (Column::Narrow, "evidence.state"),
    ];
    let mut table = Table::new(head.map(|(c, k)| (c, story.t(k))));
    let mut anchors = std::collections::BTreeSet::new();
    for s in m.sources.iter().take(MAX_SOURCES) {
        let state = story.t(if s.complete { "evidence.complete" } else { "evidence.partial" });
        let cells = [
            code(cut_middle(&s.path, 160)),
            code(cut(&s.sha256, 64)),
            line(story.o.locale.bytes(s.bytes)),
            line(story.number(s.records)),
            line(state),
        ];
        // The same bytes under two paths have one anchor.
        let anchor = source_anchor(&s.sha256);
        match !s.sha256.is_empty() && anchors.insert(anchor.clone()) {
            true => table.row_at(anchor, cells),
            false => table.row(cells),
        }
    }
    blocks.push(Block::Table(table));
    rest(story, m.sources.len(), MAX_SOURCES, &mut blocks);
    section("evidence", story.t("evidence.title"), blocks)
}
