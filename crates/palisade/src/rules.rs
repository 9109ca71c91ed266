//! `palisade rules check | test | list`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anyhow::{Result, anyhow, bail};
use comfy_table::{ContentArrangement, Table, presets};
use palisade_model::{RuleInfo, csv_cell, terminal};
use palisade_pipeline::{LoadedRules, PairReport, PairResult, test_rules};
use palisade_rules::engine::rule_info;
use palisade_rules::sigma::{RuleError, Severity};

use crate::args::{Check, List, ListFormat, RuleArgs, Test, TestFormat};
use crate::errors::{Exit, note};
use crate::inputs;
use crate::output::{colour_wanted, count, plural, terminal_width};

/// Lines shown around the place of an error.
const CONTEXT_LINES: usize = 2;

/// Longest line of a rule file that is shown, in bytes.
const MAX_LINE: usize = 400;

/// `palisade rules check DIR…`.
pub fn check(args: &Check) -> Result<Exit> {
    let jobs = inputs::jobs(args.jobs)?;
    let rule_args = RuleArgs {
        rules: args.paths.clone(),
        no_shipped_rules: true,
        mapping: args.mapping.clone(),
        placeholders: args.placeholders.clone(),
        ..RuleArgs::default()
    };
    let loaded = inputs::rules_even_broken(&rule_args, jobs)?;
    let mut out = io::stdout().lock();
    let renderer = if colour_wanted() { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(terminal_width().unwrap_or(120));
    let texts: BTreeMap<&str, &str> =
        loaded.texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    for error in &loaded.errors {
        let text = texts.get(error.file.as_ref()).copied().unwrap_or("");
        writeln!(out, "{}\n", explain(&renderer, error, text))?;
    }
    for (path, why) in &loaded.unreadable {
        writeln!(out, "error: cannot read {}: {}\n", terminal(&path.display().to_string()), terminal(why))?;
    }
    let failed = loaded.failed() + loaded.unreadable.len();
    let notices = loaded.errors.len() - loaded.failed();
    let correlations = match loaded.correlations.len() as u64 {
        0 => String::new(),
        n => format!(" and {}", plural(n, "correlation")),
    };
    writeln!(
        out,
        "{} in {}: {}{correlations} loaded, {} failed, {}",
        plural(loaded.documents as u64, "document"),
        plural(loaded.files.len() as u64, "file"),
        plural(loaded.rules.len() as u64, "rule"),
        count(failed as u64),
        plural(notices as u64, "notice"),
    )?;
    out.flush()?;
    Ok(if failed > 0 { Exit::Bad } else { Exit::Clean })
}

/// An error with the lines around its place, a caret, and what to do.
fn explain(renderer: &Renderer, error: &RuleError, text: &str) -> String {
    let level = match error.severity {
        Severity::Error => Level::ERROR,
        Severity::Notice => Level::NOTE,
    };
    let title = match &error.rule_title {
        // In front: the message may name another rule's place.
        Some(rule) => format!("rule \"{rule}\": {}", error.message),
        None => error.message.clone(),
    };
    let title = terminal(&title).into_owned();
    let file = terminal(&error.file).into_owned();
    let help = error.help.as_deref().map(|h| terminal(h).into_owned());
    let excerpt = Excerpt::cut(text, error);
    let mut group = match &excerpt {
        Some(e) => level.primary_title(title.as_str()).element(
            Snippet::source(e.text.as_str())
                .line_start(e.line)
                .path(file.as_str())
                .annotation(AnnotationKind::Primary.span(e.span.clone())),
        ),
        None => {
            let title = format!("{file}:{}: {title}", error.span.line);
            return match help {
                Some(help) => format!("error: {title}\n  help: {help}"),
                None => format!("error: {title}"),
            };
        }
    };
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group]).to_string()
}

/// The few lines of a file that explain an error: files may be long, reports must not be.
struct Excerpt {
    text: String,
    line: usize,
    span: std::ops::Range<usize>,
}

impl Excerpt {
    fn cut(text: &str, error: &RuleError) -> Option<Excerpt> {
        let start = error.span.start.min(text.len());
        let end = error.span.end.clamp(start, text.len());
        let before = text.get(..start)?;
        let mut from = before.rfind('\n').map_or(0, |i| i + 1);
        let mut line = error.span.line as usize;
        let column = start - from;
        for _ in 0..CONTEXT_LINES {
            if let Some(i) = text.get(..from.saturating_sub(1)).filter(|_| from > 0).map(|t| t.rfind('\n')) {
                from = i.map_or(0, |i| i + 1);
                line = line.saturating_sub(1);
            }
        }
        let to =
            text.get(start..)?.match_indices('\n').nth(CONTEXT_LINES).map_or(text.len(), |(i, _)| start + i);
        let shown = text.get(from..to)?;
        let too_long = shown.lines().any(|l| l.len() > MAX_LINE);
        if shown.is_empty() || too_long || column > MAX_LINE {
            return None;
        }
        // The mark ends with its first line: a rule that is wrong as a whole is not underlined whole.
        let first_line = text.get(start..end)?.split('\n').next().unwrap_or("");
        let length = first_line.trim_end_matches('\r').len();
        Some(Excerpt { text: shown.to_owned(), line: line.max(1), span: start - from..start - from + length })
    }
}

/// `palisade rules test DIR…`.
pub fn test(args: &Test) -> Result<Exit> {
    let jobs = inputs::jobs(args.jobs)?;
    inputs::folders(&args.paths)?;
    let mut loaded = inputs::rules(&args.rules, jobs)?;
    if loaded.failed() > 0 {
        note(&format!(
            "{} could not be loaded; `palisade rules check DIR` shows why",
            plural(loaded.failed() as u64, "rule")
        ));
    }
    let knowledge = inputs::knowledge(
        &mut loaded,
        Vec::new(),
        &args.rules,
        false,
        palisade_pipeline::Analytics::default(),
    )?;
    let report = test_rules(&args.paths, &knowledge, jobs).map_err(|e| anyhow!("{e}"))?;
    if report.results.is_empty() && report.unusable.is_empty() {
        bail!(
            "no rule tests in {}; a test is an info.yml beside evidence, or a .json file with rule, positive and negative",
            args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
        );
    }
    let counts = Counts::of(&report);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        TestFormat::Table => {
            for result in report.results.iter().filter(|r| !r.ok) {
                let title = match &result.title {
                    Some(title) => terminal(title).into_owned(),
                    None => "rule is not loaded; name its folder with --rules".into(),
                };
                writeln!(out, "FAILED {} ({title})", terminal(&result.rule))?;
                writeln!(
                    out,
                    "       expected {}, found {} in {}",
                    result.expected,
                    count(result.found),
                    terminal(&result.subject)
                )?;
            }
            for (path, why) in &report.unusable {
                writeln!(out, "UNUSABLE {}: {}", terminal(&path.display().to_string()), terminal(why))?;
            }
            writeln!(out, "{}", counts.text())?;
        }
        TestFormat::Ndjson => {
            for r in &report.results {
                let line = serde_json::json!({
                    "kind": "test", "rule": r.rule, "title": r.title, "subject": r.subject,
                    "expected": r.expected, "found": r.found, "ok": r.ok,
                });
                writeln!(out, "{line}")?;
            }
            for (path, why) in &report.unusable {
                let path = path.display().to_string();
                writeln!(out, "{}", serde_json::json!({"kind": "unusable", "source": path, "message": why}))?;
            }
            let line = serde_json::json!({
                "kind": "summary", "pairs": counts.pairs, "pairs_hit": counts.hit, "counted": counts.counted,
                "counts_equal": counts.equal, "events": counts.events, "events_ok": counts.events_ok,
                "unusable": report.unusable.len(),
            });
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    let bad = !report.unusable.is_empty() || report.results.iter().any(|r| !r.ok);
    Ok(if bad { Exit::Bad } else { Exit::Clean })
}

/// How tests went. Pairs are rules with an evidence file; events are single records.
#[derive(Default)]
struct Counts {
    pairs: u64,
    hit: u64,
    counted: u64,
    equal: u64,
    events: u64,
    events_ok: u64,
}

impl Counts {
    fn of(report: &PairReport) -> Counts {
        let mut c = Counts::default();
        for PairResult { expected, found, ok, .. } in &report.results {
            if matches!(expected.as_str(), "match" | "no match") {
                c.events += 1;
                c.events_ok += u64::from(*ok);
                continue;
            }
            c.pairs += 1;
            c.hit += u64::from(*found > 0);
            if expected.parse::<u64>().is_ok() {
                c.counted += 1;
                c.equal += u64::from(*ok);
            }
        }
        c
    }

    fn text(&self) -> String {
        let mut parts = Vec::new();
        if self.pairs > 0 {
            parts.push(format!("{}/{} pairs hit", self.hit, self.pairs));
            if self.counted > 0 {
                parts.push(format!("{}/{} counts equal", self.equal, self.counted));
            }
        }
        if self.events > 0 {
            parts.push(format!("{}/{} events as expected", self.events_ok, self.events));
        }
        if parts.is_empty() { "no usable tests".into() } else { parts.join(", ") }
    }
}

/// `palisade rules list`.
pub fn list(args: &List) -> Result<Exit> {
    let loaded = inputs::rules(&args.rules, inputs::jobs(args.jobs)?)?;
    let rows = rows(&loaded);
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.attack {
        let mut techniques: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &rows {
            let ids = row.info.attack.iter().map(String::as_str);
            let none = row.info.attack.is_empty().then_some("none");
            ids.chain(none).for_each(|id| techniques.entry(id).or_default().push(row));
        }
        by_technique(&mut out, args.format, &techniques)?;
    } else {
        by_rule(&mut out, args.format, &rows)?;
    }
    out.flush()?;
    Ok(Exit::Clean)
}

struct Row {
    info: RuleInfo,
    logsource: String,
    shipped: bool,
}

impl Row {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.info.id, "title": self.info.title, "level": self.info.level.name(),
            "logsource": self.logsource, "attack": self.info.attack, "author": self.info.author,
            "license": self.info.license, "file": self.info.file, "shipped": self.shipped,
        })
    }
}

fn rows(loaded: &LoadedRules) -> Vec<Row> {
    let row = |rule| {
        let info = rule_info(rule);
        let source = &rule.logsource;
        let parts = [&source.product, &source.category, &source.service];
        let logsource = parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("/");
        let shipped = info.file.starts_with("palisade:");
        Row { info, logsource, shipped }
    };
    let mut rows: Vec<Row> = loaded.rules.iter().map(row).collect();
    rows.sort_by(|a, b| {
        (b.info.level, &a.logsource, &a.info.title).cmp(&(a.info.level, &b.logsource, &b.info.title))
    });
    rows
}

fn by_rule(out: &mut dyn Write, format: ListFormat, rows: &[Row]) -> io::Result<()> {
    match format {
        ListFormat::Table => {
            let mut table = table(&["Level", "Log source", "Title", "ATT&CK", "Id"]);
            for r in rows {
                table.add_row([
                    r.info.level.name().to_owned(),
                    terminal(&r.logsource).into_owned(),
                    terminal(&r.info.title).into_owned(),
                    terminal(&r.info.attack.join(" ")).into_owned(),
                    terminal(&r.info.id).into_owned(),
                ]);
            }
            writeln!(out, "{table}\n{}", plural(rows.len() as u64, "rule"))
        }
        ListFormat::Json => json(out, rows.iter().map(Row::json)),
        ListFormat::Ndjson => rows.iter().try_for_each(|r| writeln!(out, "{}", r.json())),
        ListFormat::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(["id", "title", "level", "logsource", "attack", "author", "license", "file"])?;
            for r in rows {
                let i = &r.info;
                let attack = i.attack.join(" ");
                let [author, license] = [&i.author, &i.license].map(|o| o.as_deref().unwrap_or(""));
                let cells =
                    [&i.id, &i.title, i.level.name(), &r.logsource, &attack, author, license, &i.file];
                csv.write_record(cells.map(|c| csv_cell(c).into_owned()))?;
            }
            csv.flush()
        }
    }
}

fn by_technique(
    out: &mut dyn Write,
    format: ListFormat,
    techniques: &BTreeMap<&str, Vec<&Row>>,
) -> io::Result<()> {
    let object = |(id, rows): (&&str, &Vec<&Row>)| {
        let rules: Vec<_> = rows
            .iter()
            .map(
                |r| serde_json::json!({"id": r.info.id, "title": r.info.title, "level": r.info.level.name()}),
            )
            .collect();
        serde_json::json!({"technique": id, "rules": rules})
    };
    match format {
        ListFormat::Table => {
            let mut table = table(&["Technique", "Rules", "Titles"]);
            for (id, rows) in techniques {
                let mut titles: Vec<String> = rows
                    .iter()
                    .take(6)
                    .map(|r| format!("{} ({})", terminal(&r.info.title), r.info.level))
                    .collect();
                if rows.len() > 6 {
                    titles.push(format!("… and {} more", rows.len() - 6));
                }
                table.add_row([terminal(id).into_owned(), rows.len().to_string(), titles.join("\n")]);
            }
            writeln!(out, "{table}\n{}", plural(techniques.len() as u64, "technique"))
        }
        ListFormat::Json => json(out, techniques.iter().map(object)),
        ListFormat::Ndjson => techniques.iter().map(object).try_for_each(|o| writeln!(out, "{o}")),
        ListFormat::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(["technique", "rule_id", "rule_title", "level"])?;
            for (id, rows) in techniques {
                for r in rows {
                    let cells = [id, r.info.id.as_str(), &r.info.title, r.info.level.name()];
                    csv.write_record(cells.map(|c| csv_cell(c).into_owned()))?;
                }
            }
            csv.flush()
        }
    }
}

fn json(out: &mut dyn Write, objects: impl Iterator<Item = serde_json::Value>) -> io::Result<()> {
    let mut lead = "[\n";
    for object in objects {
        write!(out, "{lead}{object}")?;
        lead = ",\n";
    }
    writeln!(out, "{}", if lead == "[\n" { "[]" } else { "\n]" })
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(terminal_width().unwrap_or(140)).unwrap_or(140));
    table.set_header(header);
    table
}
