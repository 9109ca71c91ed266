//! For people at a terminal: what was found, in what order it happened, and what could not
//! have been seen.

use std::fmt::Write as _;
use std::io;

use palisade_model::{Finding, Problem, Severity, Time, terminal};
use palisade_pipeline::{Sources, Summary};

use super::group::{Group, Groups};
use super::words::{bytes, count, cut, cut_middle, plural};
use super::{Form, Out, Style, coverage};

/// Columns when nobody says how many there are.
const WIDTH: usize = 110;

/// Most machines shown with their rules.
const MAX_HOSTS: usize = 50;

/// Most rules shown of one machine.
const MAX_RULES: usize = 40;

/// Most telling fields of the first finding.
const MAX_FIELDS: usize = 4;

/// Most kinds or sources listed in one paragraph of what could not be seen.
const MAX_LISTED: usize = 12;

/// The table.
pub struct Table {
    style: Style,
    groups: Groups,
}

impl Table {
    /// Begins.
    pub fn new(style: Style) -> Table {
        Table { style, groups: Groups::new(0) }
    }
}

impl Form for Table {
    fn finding(&mut self, finding: &Finding, sources: &Sources, _: Out<'_>) -> io::Result<()> {
        self.groups.finding(finding, sources);
        Ok(())
    }

    fn problem(&mut self, problem: &Problem, _: Out<'_>) -> io::Result<()> {
        self.groups.problem(problem);
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: Out<'_>) -> io::Result<()> {
        let page = Page { style: &self.style, groups: &self.groups, summary };
        let mut text = String::new();
        page.headline(&mut text);
        page.hosts(&mut text);
        page.timeline(&mut text);
        page.unseen(&mut text);
        coverage::write(&mut text, self.style.coverage, summary, page.width(), &|t| page.paint("1", t));
        out.write_all(text.as_bytes())
    }
}

struct Page<'p> {
    style: &'p Style,
    groups: &'p Groups,
    summary: &'p Summary,
}

/// Earliest and latest event.
pub fn span(summary: &Summary) -> Option<(Time, Time)> {
    let first = summary.seen.iter().filter_map(|s| s.first).min()?;
    let last = summary.seen.iter().filter_map(|s| s.last).max()?;
    Some((first, last))
}

// Writing into a `String` cannot fail; `let _ =` says so.
impl Page<'_> {
    fn width(&self) -> usize {
        self.style.width.unwrap_or(WIDTH).clamp(60, 200)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.style.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn severity(&self, severity: Severity, text: &str) -> String {
        let code = match severity {
            Severity::Critical => "1;97;41",
            Severity::High => "1;31",
            Severity::Medium => "33",
            Severity::Low => "36",
            Severity::Informational => "2",
        };
        self.paint(code, text)
    }

    fn heading(&self, text: &mut String, title: &str) {
        let _ = writeln!(text, "\n{}", self.paint("1", title));
    }

    fn headline(&self, text: &mut String) {
        let s = self.summary;
        if let Some(h) = s.hunted {
            let (rows, of) = (plural(s.events, "event"), plural(h.of, "segment"));
            let _ = write!(text, "{rows} looked at, in {} of {of} of the case", count(h.segments));
        } else {
            let _ = write!(
                text,
                "{} from {} in {} ({})",
                plural(s.events, "event"),
                plural(s.sources, "log"),
                plural(s.files, "file"),
                bytes(s.bytes)
            );
        }
        if s.files_known > 0 {
            let _ = write!(text, ", {} known to the case and not read again", plural(s.files_known, "file"));
        }
        if let Some((first, last)) = span(s) {
            let clock = &self.style.clock;
            let _ = write!(text, "\n{} to {} {}", clock.short(first), clock.short(last), clock.name());
        }
        let _ = write!(text, "\n{} loaded", plural(s.rules_loaded, "rule"));
        if s.detectors > 0 {
            let _ = write!(text, ", {}", plural(s.detectors, "detector"));
        }
        if s.indicators > 0 {
            let _ = write!(text, ", {}", plural(s.indicators, "indicator"));
        }
        let _ = write!(text, ", {:.1} s", s.seconds);
        let chips: Vec<String> = s
            .by_severity
            .iter()
            .rev()
            .map(|(severity, n)| self.severity(*severity, &format!("{} {severity}", count(*n))))
            .collect();
        let found = if s.findings == 0 && s.files_known > 0 && s.files == 0 {
            "Nothing new: the case holds all of this evidence; `palisade case findings DIR` shows what it says."
                .to_owned()
        } else if s.findings == 0 {
            "No findings. Below is what could not be seen.".to_owned()
        } else {
            format!("{}: {}", plural(s.findings, "finding"), chips.join(", "))
        };
        let _ = writeln!(text, "\n\n{}", self.paint("1", &found));
    }

    fn hosts(&self, text: &mut String) {
        let hosts = self.groups.by_host();
        if hosts.is_empty() {
            return;
        }
        self.heading(text, "FINDINGS BY HOST AND RULE");
        for host in hosts.iter().take(MAX_HOSTS) {
            let name = if host.name.is_empty() { "(no host named)".into() } else { terminal(host.name) };
            let _ = writeln!(
                text,
                "\n{}  {} of {}",
                self.paint("1;4", &cut(&name, 80)),
                plural(host.findings(), "finding"),
                plural(host.groups.len() as u64, "rule")
            );
            for group in host.groups.iter().take(MAX_RULES) {
                self.group(text, group);
            }
            if host.groups.len() > MAX_RULES {
                let _ =
                    writeln!(text, "  … and {} more rules", count((host.groups.len() - MAX_RULES) as u64));
            }
        }
        if hosts.len() > MAX_HOSTS {
            let more = count((hosts.len() - MAX_HOSTS) as u64);
            let _ = writeln!(text, "\n… and {more} more hosts; --format html or csv shows them");
        }
        if self.groups.ungrouped > 0 {
            let more = plural(self.groups.ungrouped, "finding");
            let _ =
                writeln!(text, "\n… and {more} in further groups; --format ndjson or csv shows every one");
        }
    }

    fn group(&self, text: &mut String, group: &Group) {
        let width = self.width();
        let level = self.severity(group.rule.level, &format!("{:<13}", group.rule.level));
        let times = format!("{}×", count(group.count));
        let title = cut(&terminal(&group.rule.title), width.saturating_sub(24));
        let _ = writeln!(text, "  {level} {times:>7}  {}", self.paint("1", &title));
        let clock = &self.style.clock;
        let mut when = match (group.first, group.last) {
            (Some(first), Some(last)) if first != last => {
                format!("{} to {}", clock.short(first), clock.short(last))
            }
            (Some(first), _) => clock.short(first),
            _ => "no time".into(),
        };
        if !group.rule.attack.is_empty() {
            let _ = write!(when, "   {}", terminal(&group.rule.attack.join(" ")));
        }
        if group.head.recovered {
            when.push_str("   (recovered record)");
        }
        let _ = writeln!(text, "{:25}{}", "", self.paint("2", &cut(&when, width.saturating_sub(25))));
        for (name, value) in group.head.fields.iter().take(MAX_FIELDS) {
            let name = cut(&terminal(name), 30);
            let room = width.saturating_sub(27 + name.chars().count());
            let _ =
                writeln!(text, "{:25}{}: {}", "", self.paint("2", &name), cut_middle(&terminal(value), room));
        }
        let place = format!("{} record {}", terminal(&group.head.source), group.head.record);
        let _ = writeln!(text, "{:25}{}", "", self.paint("2", &cut_middle(&place, width.saturating_sub(25))));
    }

    fn timeline(&self, text: &mut String) {
        let (entries, more) = self.groups.timeline(self.style.limit);
        if entries.is_empty() {
            return;
        }
        self.heading(text, &format!("TIMELINE (first of each, {})", self.style.clock.name()));
        let width = self.width();
        let hosts = entries.iter().map(|g| terminal(&g.host).chars().count()).max().unwrap_or(0).min(28);
        let mut day = String::new();
        for group in &entries {
            let Some(time) = group.first else { continue };
            let shown = self.style.clock.short(time);
            let (date, hour) = shown.split_once(' ').unwrap_or((&shown, ""));
            if day != date {
                day = date.to_owned();
                let _ = writeln!(text, "  {}", self.paint("2", date));
            }
            let host = cut(&terminal(&group.host), hosts);
            let level = self.severity(group.rule.level, &format!("{:<13}", group.rule.level));
            let title = cut(&terminal(&group.rule.title), width.saturating_sub(31 + hosts).max(20));
            let _ = writeln!(text, "    {hour}  {level} {host:<hosts$}  {title}");
        }
        if more > 0 {
            let _ = writeln!(text, "  … and {more} more; --limit shows more, --format csv every finding");
        }
    }

    fn unseen(&self, text: &mut String) {
        let s = self.summary;
        let mut lines: Vec<String> = Vec::new();
        for (code, trouble) in &self.groups.problems {
            lines.push(format!("{} ({})", code_text(*code), plural(trouble.count, "time")));
            let shown = trouble.examples.iter().take(3);
            lines.extend(shown.map(|e| format!("    {}", terminal(e))));
            if trouble.examples.len() > 3 {
                lines.push("    …".into());
            }
        }
        lines.extend(gaps(s));
        if lines.is_empty() {
            return;
        }
        self.heading(text, "WHAT COULD NOT BE SEEN");
        let width = self.width();
        for line in lines {
            let (mark, line) = match line.strip_prefix("    ") {
                Some(example) => ("      ", example.to_owned()),
                None => ("  - ", line),
            };
            let mut first = true;
            for part in wrap(&line, width.saturating_sub(8)) {
                let lead = if first {
                    mark
                } else if mark == "  - " {
                    "    "
                } else {
                    "        "
                };
                let _ = writeln!(text, "{lead}{part}");
                first = false;
            }
        }
    }
}

/// A kind of problem, in words.
pub fn code_text(code: palisade_model::ProblemCode) -> &'static str {
    use palisade_model::ProblemCode::*;
    match code {
        Io => "Files that could not be read",
        Unrecognised => "Files of a kind that Palisade does not read",
        DamagedHeader => "Damaged headers; reading went on without them",
        DamagedPart => "Damaged parts; what could be found in them was read",
        DamagedRecord => "Damaged records",
        Slack => "Old records in unused space that cannot be read any more (the log itself lost nothing)",
        Truncated => "Files that end early",
        Encoding => "Text not in its encoding; bad bytes were replaced",
        Syntax => "Lines or documents that are not what the file seemed to be",
        Limit => "Limits that were met; the rest was not read",
        Encrypted => "Encrypted content",
        Rule => "Rules, lists or settings that could not be loaded",
        NoZone => "Times that name no zone; declare one with --assume-timezone",
        Changed => "Evidence that changed while it was read",
        Internal => "Failures of a reader; the rest of the file was left out",
    }
}

/// Everything but problems that limits what the result can say, one sentence each.
pub fn gaps(s: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    if s.rules_failed > 0 {
        let n = plural(s.rules_failed, "rule");
        lines.push(format!("{n} could not be loaded; `palisade rules check DIR` shows where and why"));
    }
    if s.rules_loaded == 0 && s.indicators == 0 {
        lines.push("No rule and no indicator was loaded, so nothing could be found".into());
    }
    if s.unrecognised_events > 0 {
        let n = plural(s.unrecognised_events, "event");
        lines.push(format!(
            "{n} of kinds that no routing data describes; only rules without a log source see them"
        ));
    }
    let idle: Vec<String> = s
        .seen
        .iter()
        .filter(|k| !k.covered && k.events > 0)
        .map(|k| format!("{} ({})", terminal(&k.shape), count(k.events)))
        .collect();
    if !idle.is_empty() {
        lines.push(format!("Kinds of records that no loaded rule looks at: {}", listed(&idle)));
    }
    let missing: Vec<String> =
        s.blind.iter().map(|b| format!("{} ({})", terminal(&b.source), plural(b.rules, "rule"))).collect();
    if !missing.is_empty() {
        lines.push(format!("Log sources that rules need and this evidence lacks: {}", listed(&missing)));
    }
    if s.events_without_time > 0 {
        let n = plural(s.events_without_time, "event");
        lines.push(format!(
            "{n} without a readable time; they are in no timeline, and --since and --until keep them"
        ));
    }
    if !s.hashed {
        lines.push("Evidence was not hashed (--no-hash): findings cannot be tied to unchanged files".into());
    }
    lines
}

fn listed(items: &[String]) -> String {
    let mut text = items.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ");
    if items.len() > MAX_LISTED {
        let _ = write!(text, ", and {} more", items.len() - MAX_LISTED);
    }
    text
}

/// Breaks a line at blanks; a word longer than the width is broken where it must.
fn wrap(line: &str, width: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut used = 0;
    for word in line.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + word.len() > width {
            out.push(String::new());
            used = 0;
        }
        while word.len() > width {
            let rest = word.split_off(width);
            out.push(std::mem::replace(&mut word, rest).into_iter().collect());
        }
        if let Some(last) = out.last_mut() {
            if used > 0 {
                last.push(' ');
                used += 1;
            }
            used += word.len();
            last.extend(word);
        }
    }
    out.retain(|l| !l.is_empty());
    out
}
