//! What a report says, section by section, for each edition.
//!
//! What this module never does: write a format. It fills [`Doc`]s; the writers do the rest.

mod assess;
mod campaigns;
mod facts;

pub(crate) use campaigns::{exact, title as campaign_title};
pub(crate) use facts::MAX_SOURCES;

use palisade_model::{Severity, is_machine};

use crate::actions::{Action, Kind};
use crate::defang::defang;
use crate::doc::{Block, Doc, Line, Section, Span, cut, dim, line, text};
use crate::picture::Picture;
use crate::story::Story;
use crate::{Edition, timeline, write};

/// Actions shown to those who work on the case.
const MAX_ACTIONS: usize = 30;
/// Actions of one kind that stand one by one.
const MAX_EACH: usize = 4;
/// Machines, accounts or values that an action of many names.
const MAX_NAMED: usize = 6;
/// Decisions shown to those who decide: what two pages hold.
const MAX_DECISIONS: usize = 7;
/// Rows of a table; the JSON form has all.
pub(crate) const MAX_ROWS: usize = 500;

/// The report as a document.
pub(crate) fn build(story: &Story<'_>) -> Doc {
    let sections = match story.o.edition {
        Edition::Technical => technical(story),
        Edition::DecisionMaker => decision_maker(story),
        Edition::Constituent(_) => constituent(story),
    };
    let (title, kicker) = match story.o.edition {
        Edition::Technical => (headline(story), story.t("report.technical")),
        Edition::DecisionMaker => (headline(story), story.t("report.decision_maker")),
        Edition::Constituent(_) => (story.t("report.constituent_title"), story.t("report.constituent")),
    };
    Doc {
        language: story.o.catalogue.language().to_owned(),
        tlp: story.tlp,
        title,
        kicker,
        facts: about(story),
        sections: sections.into_iter().filter(|s| !s.blocks.is_empty()).collect(),
        foot: foot(story),
    }
}

fn technical(story: &Story<'_>) -> Vec<Section> {
    let findings =
        Section { id: "findings", title: story.t("findings.title"), blocks: vec![Block::Findings] };
    vec![
        summary(story),
        actions(story, MAX_ACTIONS),
        paragraphs(story),
        time_line(story),
        campaigns::full(story),
        assess::attribution(story),
        assess::gravity(story),
        facts::attack(story),
        facts::indicators(story),
        facts::exhibits(story),
        findings,
        facts::coverage(story),
        facts::problems(story),
        facts::verdicts(story),
        facts::evidence(story),
        assess::language(story),
    ]
}

fn decision_maker(story: &Story<'_>) -> Vec<Section> {
    vec![
        summary(story),
        paragraphs(story),
        campaigns::brief(story),
        time_line(story),
        assess::how_sure(story),
        assess::gravity(story),
        actions(story, MAX_DECISIONS),
        facts::unseen(story),
    ]
}

fn constituent(story: &Story<'_>) -> Vec<Section> {
    vec![
        checks(story),
        paragraphs(story),
        facts::indicators(story),
        facts::attack(story),
        campaigns::course(story),
        facts::exhibits(story),
        assess::language(story),
    ]
}

fn section(id: &'static str, title: String, blocks: Vec<Block>) -> Section {
    Section { id, title, blocks }
}

/// One sentence over everything.
fn headline(story: &Story<'_>) -> String {
    let grave = story.live.iter().filter(|i| story.m.findings[**i].severity >= Severity::High).count();
    let campaigns = story.n("count.campaigns", story.m.campaigns.len());
    let findings = story.n("count.findings", story.live.len());
    match (story.live.is_empty(), story.m.campaigns.is_empty(), grave) {
        (true, ..) => story.t("summary.nothing"),
        (_, true, 0) => story.t_with("summary.mild", &[("findings", &findings)]),
        (_, true, n) => {
            story.t_with("summary.grave", &[("findings", &findings), ("grave", &story.n("count.grave", n))])
        }
        (_, false, n) => story.t_with(
            "summary.campaigns",
            &[("findings", &findings), ("campaigns", &campaigns), ("grave", &story.n("count.grave", n))],
        ),
    }
}

fn about(story: &Story<'_>) -> Vec<(String, Line)> {
    let m = story.m;
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: &str| {
        if !value.trim().is_empty() {
            facts.push((story.t(key), line(cut(value, 200))));
        }
    };
    fact("report.case", &m.case);
    fact("report.organisation", &m.organisation.name);
    fact("report.made", &format!("{} {}", story.moment(m.made), story.zone()));
    fact("report.analyst", &m.analyst);
    let live = story.live.iter().map(|i| &m.findings[*i]);
    let first = live.clone().filter_map(|f| f.time).min();
    let last = live.filter_map(|f| f.time_end.or(f.time)).max();
    if first.is_some() {
        fact("report.span", &story.span(first, last));
    }
    if !m.sources.is_empty() {
        let bytes = m.sources.iter().fold(0u64, |sum, s| sum.saturating_add(s.bytes));
        let files = story.n("count.files", m.sources.len());
        fact("report.evidence", &format!("{files}, {}", story.o.locale.bytes(bytes)));
    }
    facts
}

fn foot(story: &Story<'_>) -> Vec<Line> {
    let mut out = vec![
        line(story.t_with("report.made_by", &[("version", &cut(&story.m.tool_version, 60))])),
        line(story.t("report.caution")),
    ];
    if !matches!(story.o.edition, Edition::Constituent(_)) {
        out.push(line(story.t("report.neutralised")));
    }
    if !story.o.catalogue.missing().is_empty() {
        out.push(line(story.n("report.missing_texts", story.o.catalogue.missing().len())));
    }
    out
}

fn summary(story: &Story<'_>) -> Section {
    let m = story.m;
    let mut blocks = Vec::new();
    let mut counts: Vec<Line> = Vec::new();
    for severity in Severity::ALL.into_iter().rev() {
        let n = story.live.iter().filter(|i| m.findings[**i].severity == severity).count();
        if n > 0 {
            counts.push(vec![story.level(severity), text(format!(" {}", story.number(n as u64)))]);
        }
    }
    if !counts.is_empty() {
        let joined = counts.join(&text("   "));
        blocks.push(Block::Para(joined));
    }
    let mut items = Vec::new();
    let mut worst: Vec<&palisade_model::Campaign> = m.campaigns.iter().collect();
    worst.sort_by_key(|c| (std::cmp::Reverse(c.severity()), std::cmp::Reverse(c.steps.len()), c.id));
    // Those who decide read what happened right below.
    let told = if matches!(story.o.edition, Edition::DecisionMaker) { 0 } else { 3 };
    for c in worst.iter().take(told) {
        let (first, last) = c.span();
        let mut item = vec![story.campaign(&c.id), text(": ")];
        item.push(text(story.t_with(
            "summary.campaign",
            &[
                ("title", &campaigns::title(story, c)),
                ("steps", &story.n("count.steps", c.steps.len())),
                ("span", &story.span(first, last)),
                ("channels", &story.vectors(&c.vectors())),
            ],
        )));
        items.push(item);
    }
    let hosts: std::collections::BTreeSet<&str> =
        story.live.iter().filter_map(|i| m.findings[*i].host.as_deref()).filter(|h| is_machine(h)).collect();
    if !hosts.is_empty() {
        items.push(line(story.n("summary.hosts", hosts.len())));
    }
    if story.cites() {
        let dismissed = m.findings.len() - story.live.len();
        if dismissed > 0 {
            items.push(line(story.n("summary.dismissed", dismissed)));
        }
        let confirmed = story.live.iter().filter(|i| story.judged.confirmed(&m.findings[**i])).count();
        if confirmed > 0 {
            items.push(line(story.n("summary.confirmed", confirmed)));
        }
    }
    if story.hypotheses().is_empty() {
        items.push(line(assess::none(story)));
    }
    if !items.is_empty() {
        blocks.push(Block::List(items));
    }
    blocks.push(Block::Note(line(story.zone_note())));
    section("summary", story.t("summary.title"), blocks)
}

/// What an action is done to; empty if it is for the whole case.
fn object(a: &Action<'_>) -> String {
    match (a.host, a.observable) {
        (Some(host), _) => cut(host, 80),
        (_, Some(o)) => cut(&defang(o), 120),
        _ => String::new(),
    }
}

/// An action in a sentence.
pub(crate) fn sentence(story: &Story<'_>, a: &Action<'_>) -> String {
    about_it(story, a.kind, &object(a))
}

fn about_it(story: &Story<'_>, kind: Kind, what: &str) -> String {
    let key = match (kind, what.is_empty()) {
        (Kind::Plant, _) => "action.plant",
        (Kind::Isolate, _) => "action.isolate",
        (Kind::Backups, _) => "action.backups",
        (Kind::Revoke, _) => "action.revoke",
        (Kind::Reset, _) => "action.reset",
        (Kind::Block, _) => "action.block",
        (Kind::Freeze, _) => "action.freeze",
        (Kind::Purge, _) => "action.purge",
        (Kind::Forwarding, true) => "action.forwarding_all",
        (Kind::Forwarding, false) => "action.forwarding",
        (Kind::Logging, true) => "action.logging_all",
        (Kind::Logging, false) => "action.logging",
        (Kind::Persistence, true) => "action.persistence_all",
        (Kind::Persistence, false) => "action.persistence",
        (Kind::WebShell, true) => "action.web_shell_all",
        (Kind::WebShell, false) => "action.web_shell",
        (Kind::Credentials, _) => "action.credentials",
        (Kind::LookFor, _) => "action.look_for",
    };
    story.t_with(key, &[("what", what)])
}

/// Actions one by one, and those of a kind together where there are too many to read.
fn together<'a, 'm>(story: &'a Story<'m>) -> Vec<Vec<&'a Action<'m>>> {
    let mut counts: std::collections::BTreeMap<Kind, usize> = Default::default();
    story.actions.iter().for_each(|a| *counts.entry(a.kind).or_default() += 1);
    let mut out: Vec<Vec<&Action<'_>>> = Vec::new();
    for a in &story.actions {
        let many = counts.get(&a.kind).is_some_and(|n| *n > MAX_EACH);
        match out.iter_mut().find(|g| many && g.first().is_some_and(|f| f.kind == a.kind)) {
            Some(group) => group.push(a),
            None => out.push(vec![a]),
        }
    }
    out
}

fn actions(story: &Story<'_>, most: usize) -> Section {
    let decide = matches!(story.o.edition, Edition::DecisionMaker);
    let title = story.t(if decide { "actions.decisions" } else { "actions.title" });
    if story.actions.is_empty() {
        let none = vec![Block::Para(line(story.t("actions.none")))];
        return section("actions", title, if story.live.is_empty() { Vec::new() } else { none });
    }
    let mut tasks = Vec::new();
    let groups = together(story);
    for group in groups.iter().take(most) {
        let Some(first) = group.first() else { continue };
        let mut why = vec![story.level(first.severity), text(" ")];
        if let Some(f) = story.gravest(&first.findings) {
            why.push(Span::Dim(story.title(&f.title)));
            why.push(text(" "));
        }
        let findings: Vec<usize> = group.iter().flat_map(|a| a.findings.iter().copied()).collect();
        why.extend(story.findings(&story.ordered(findings)));
        let named = if decide { MAX_NAMED / 2 } else { MAX_NAMED };
        let what: Vec<String> = group.iter().take(named).map(|a| object(a)).collect();
        let mut what = what.join(", ");
        if group.len() > named {
            what = story.n_with("words.and_more", (group.len() - named) as u64, &[("first", &what)]);
        }
        tasks.push((line(about_it(story, first.kind, &what)), why));
    }
    let mut blocks = vec![Block::Tasks(tasks)];
    let more = groups.len().saturating_sub(most);
    if more > 0 {
        blocks.push(Block::Note(line(story.n("words.more", more))));
    }
    blocks.push(Block::Note(line(story.t("actions.note"))));
    section("actions", title, blocks)
}

/// What others must check on their side.
fn checks(story: &Story<'_>) -> Section {
    let mut tasks = Vec::new();
    let of = |kinds: &[Kind]| story.actions.iter().any(|a| kinds.contains(&a.kind));
    let mut task = |yes: bool, key: &str, why: Line| {
        if yes {
            tasks.push((line(story.t(key)), why));
        }
    };
    let n = story.indicators.iter().filter(|i| i.severity >= Severity::Medium).count();
    task(n > 0, "checks.search", line(story.n("count.indicators", n)));
    task(of(&[Kind::Block]), "checks.block", line(story.t("checks.block_why")));
    let techniques: Vec<&str> = story.techniques.keys().copied().collect();
    let asked = |prefixes: &[&str]| -> Line {
        let hit = techniques.iter().filter(|t| prefixes.iter().any(|p| t.starts_with(p))).take(4);
        let mut out = Line::new();
        for id in hit {
            if !out.is_empty() {
                out.push(text(", "));
            }
            out.extend(story.technique(id));
        }
        out
    };
    let known = [
        ("checks.mail", &["T1566", "T1114", "T1564.008"][..]),
        (
            "checks.accounts",
            &[
                "T1003", "T1078", "T1098", "T1110", "T1528", "T1539", "T1552", "T1555", "T1556", "T1558",
                "T1606",
            ],
        ),
        ("checks.execution", &["T1059", "T1204", "T1218", "T1047", "T1569"]),
        ("checks.persistence", &["T1053", "T1543", "T1546", "T1547", "T1505", "T1574"]),
        ("checks.logging", &["T1562", "T1685", "T1686", "T1070"]),
        ("checks.backups", &["T1485", "T1486", "T1490", "T1561"]),
        ("checks.plant", &["T08"]),
    ];
    for (key, prefixes) in known {
        let why = asked(prefixes);
        task(!why.is_empty(), key, why);
    }
    let mut blocks = vec![Block::Para(line(story.t("checks.intro")))];
    if tasks.is_empty() {
        blocks.push(Block::Para(line(story.t("checks.none"))));
    } else {
        blocks.push(Block::Tasks(tasks));
    }
    blocks.push(Block::Note(line(story.t("checks.redacted"))));
    blocks.push(Block::Note(line(story.zone_note())));
    section("checks", story.t("checks.title"), blocks)
}

fn paragraphs(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    for p in &story.m.paragraphs {
        if !p.heading.trim().is_empty() {
            blocks.push(Block::Heading { level: 3, id: None, line: line(story.title(&p.heading)) });
        }
        blocks.extend(write::blocks(story, &p.text));
    }
    section("words", story.t("report.words"), blocks)
}

fn time_line(story: &Story<'_>) -> Section {
    let mut blocks = Vec::new();
    if let Some(picture) = timeline::picture(story) {
        blocks.push(Block::Note(line(story.zone_note())));
        blocks.push(Block::Picture(picture));
        blocks.push(Block::Para(legend(story)));
        let more = story.m.campaigns.len().saturating_sub(timeline::MAX_LANES);
        if more > 0 {
            blocks.push(Block::Note(line(story.n("timeline.more", more))));
        }
        let timeless = story.live.iter().filter(|i| story.m.findings[**i].time.is_none()).count();
        if timeless > 0 {
            blocks.push(Block::Note(line(story.n("timeline.timeless", timeless))));
        }
    }
    section("timeline", story.t("timeline.title"), blocks)
}

fn legend(story: &Story<'_>) -> Line {
    let mut out = dim(story.t("timeline.legend"));
    for s in Severity::ALL.into_iter().rev() {
        out.push(text(" "));
        out.push(story.level(s));
    }
    out
}

/// A picture in a block.
pub(crate) fn drawn(picture: Picture) -> Block {
    Block::Picture(picture)
}

/// Rows up to the limit, and what is said of the rest.
pub(crate) fn rest(story: &Story<'_>, all: usize, shown: usize, blocks: &mut Vec<Block>) {
    if all > shown {
        blocks.push(Block::Note(line(story.n("words.more_in_json", all - shown))));
    }
}
