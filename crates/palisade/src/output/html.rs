//! One self-contained page to read, search, print and hand over.
//!
//! It loads nothing: style and script stand in the page, and its content security policy
//! allows only them (the script by its hash), so that text from evidence that should
//! ever slip past `html()` still could not run or call home.

use std::fmt::Write as _;
use std::io;

use base64::Engine as _;
use palisade_model::{Finding, Problem, Severity, html};
use palisade_pipeline::{Sources, Summary};
use sha2::Digest as _;

use super::group::{Chart, Group, Groups, Host, Sample};
use super::table::{code_text, gaps, span};
use super::words::{bytes, count, cut, plural};
use super::{Form, Out, Style};

/// Findings of one group that the page holds.
const SAMPLES: usize = 50;

/// Most hosts on the page.
const MAX_HOSTS: usize = 500;

/// Most lines of the timeline.
const MAX_TIMELINE: usize = 100;

/// Columns of the histogram.
const COLUMNS: usize = 96;

const CSS: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page.
pub struct Html {
    style: Style,
    groups: Groups,
}

impl Html {
    /// Begins.
    pub fn new(style: Style) -> Html {
        Html { style, groups: Groups::new(SAMPLES) }
    }
}

impl Form for Html {
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
        page.head(out)?;
        page.headline(out)?;
        page.activity(out)?;
        page.timeline(out)?;
        page.findings(out)?;
        page.unseen(out)?;
        page.foot(out)
    }
}

struct Page<'p> {
    style: &'p Style,
    groups: &'p Groups,
    summary: &'p Summary,
}

impl Page<'_> {
    fn head(&self, out: Out<'_>) -> io::Result<()> {
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(SCRIPT.as_bytes()));
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             script-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'\">\
             <meta name=\"referrer\" content=\"no-referrer\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>Palisade: {}</title><style>\n{CSS}</style></head><body><main>\n",
            html(&cut(&self.style.paths.join(", "), 120))
        )
    }

    fn headline(&self, out: Out<'_>) -> io::Result<()> {
        let s = self.summary;
        let worst = s.by_severity.iter().rev().find(|(_, n)| **n > 0);
        let title = match worst {
            Some((severity, n)) => {
                let named = self.groups.by_host().iter().filter(|h| !h.name.is_empty()).count() as u64;
                let on = if named > 0 { format!(" on {}", plural(named, "host")) } else { String::new() };
                format!("{}{on}, {} of them {severity}", plural(s.findings, "finding"), count(*n))
            }
            None if s.files_known > 0 && s.files == 0 => {
                "Nothing new: the case holds all of this evidence".into()
            }
            None => "No findings".into(),
        };
        write!(out, "<header><p class=\"dim small\">Palisade investigation of {}</p>", {
            html(&cut(&self.style.paths.join(", "), 300)).into_owned()
        })?;
        write!(out, "<h1>{title}</h1>")?;
        if let Some((first, last)) = span(s) {
            let clock = &self.style.clock;
            let (first, last) = (clock.short(first), clock.short(last));
            write!(out, "<p>Records from {first} to {last} {}</p>", html(clock.name()))?;
        }
        out.write_all(b"<ul class=\"facts dim small\">")?;
        let fact = |out: Out<'_>, text: String| write!(out, "<li>{text}</li>");
        fact(out, format!("<b>{}</b> from {}", plural(s.events, "event"), plural(s.sources, "log")))?;
        fact(out, format!("<b>{}</b>, {}", plural(s.files, "file"), bytes(s.bytes)))?;
        fact(out, format!("<b>{}</b>", plural(s.rules_loaded, "rule")))?;
        if s.indicators > 0 {
            fact(out, format!("<b>{}</b>", plural(s.indicators, "indicator")))?;
        }
        out.write_all(b"</ul><div class=\"chips\" role=\"group\" aria-label=\"Show severities\">")?;
        for (severity, n) in s.by_severity.iter().rev().filter(|(_, n)| **n > 0) {
            write!(
                out,
                "<button class=\"chip {severity}\" data-severity=\"{severity}\" aria-pressed=\"true\"><b>{}</b> {severity}</button>",
                count(*n)
            )?;
        }
        out.write_all(b"</div></header>\n")
    }

    fn activity(&self, out: Out<'_>) -> io::Result<()> {
        let Some(chart) = self.groups.activity.columns(COLUMNS) else { return Ok(()) };
        out.write_all(b"<section><h2>Findings over time</h2><div class=\"card\">")?;
        self.chart(&chart, out)?;
        if chart.outside > 0 {
            write!(
                out,
                "<p class=\"dim small\">{} outside this span not drawn.</p>",
                plural(chart.outside, "finding")
            )?;
        }
        out.write_all(b"</div></section>\n")
    }

    fn chart(&self, chart: &Chart, out: Out<'_>) -> io::Result<()> {
        const W: usize = 960;
        const H: usize = 110;
        let top = chart.columns.iter().map(|c| c.iter().sum::<u64>()).max().unwrap_or(1).max(1);
        let clock = &self.style.clock;
        write!(
            out,
            "<svg viewBox=\"0 0 {W} {H}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Findings over time, at most {} in one column\">",
            count(top)
        )?;
        write!(out, "<line class=\"axis\" x1=\"0\" y1=\"{H}\" x2=\"{W}\" y2=\"{H}\"/>")?;
        let step = W / chart.columns.len().max(1);
        for (i, counts) in chart.columns.iter().enumerate() {
            let mut y = H as f64;
            let all: u64 = counts.iter().sum();
            // Square root, and at least two units: one finding beside a thousand stays visible.
            let height = ((all as f64 / top as f64).sqrt() * (H as f64 - 6.0)).max(3.0);
            for severity in Severity::ALL.into_iter().rev() {
                let n = counts[severity as usize];
                if n == 0 {
                    continue;
                }
                let h = height * n as f64 / all as f64;
                y -= h;
                write!(
                    out,
                    "<rect class=\"{severity}\" x=\"{}\" y=\"{y:.1}\" width=\"{}\" height=\"{h:.1}\"><title>{} {severity}</title></rect>",
                    i * step,
                    step.saturating_sub(2).max(1),
                    count(n)
                )?;
            }
        }
        write!(
            out,
            "</svg><p class=\"ends dim small\"><span>{}</span><span>{}</span></p>",
            clock.short(chart.from),
            clock.short(chart.to),
        )
    }

    fn timeline(&self, out: Out<'_>) -> io::Result<()> {
        let (entries, more) = self.groups.timeline(MAX_TIMELINE);
        if entries.is_empty() {
            return Ok(());
        }
        let zone = html(self.style.clock.name());
        write!(
            out,
            "<section><h2>Order of events</h2><details class=\"card\"{}><summary class=\"dim\">The first finding of each rule on each host, {zone}</summary><table>",
            if entries.len() <= 30 { " open" } else { "" }
        )?;
        for group in entries {
            let Some(time) = group.first else { continue };
            let level = group.rule.level;
            write!(
                out,
                "<tr><td class=\"t\">{}</td><td><span class=\"tag {level}\">{level}</span></td><td class=\"h\">{}</td><td>{}</td></tr>",
                self.style.clock.short(time),
                html(&cut(&group.host, 60)),
                html(&group.rule.title)
            )?;
        }
        out.write_all(b"</table>")?;
        if more > 0 {
            write!(out, "<p class=\"dim\">… and {more} more, milder or later.</p>")?;
        }
        out.write_all(b"</details></section>\n")
    }

    fn findings(&self, out: Out<'_>) -> io::Result<()> {
        let hosts = self.groups.by_host();
        if hosts.is_empty() {
            return Ok(());
        }
        out.write_all(
            b"<section><h2>Findings</h2><div class=\"bar\">\
            <input id=\"q\" type=\"search\" placeholder=\"Search: host, rule, command, address, T1003 \xe2\x80\xa6\" aria-label=\"Search findings\">\
            <button class=\"plain\" id=\"all\" aria-expanded=\"false\">Open all</button>\
            <span class=\"dim\" id=\"n\" role=\"status\"></span></div>\n",
        )?;
        let techniques = self.groups.techniques();
        if !techniques.is_empty() {
            out.write_all(b"<p class=\"att\"><i class=\"small\">ATT&amp;CK </i>")?;
            for (id, n) in techniques.iter().take(40) {
                write!(out, "<span>{} <i>{}</i></span>", html(id), count(*n))?;
            }
            out.write_all(b"</p>")?;
        }
        for host in hosts.iter().take(MAX_HOSTS) {
            self.host(host, out)?;
        }
        if hosts.len() > MAX_HOSTS {
            let more = plural((hosts.len() - MAX_HOSTS) as u64, "host");
            write!(out, "<p class=\"dim\">… and {more} more; --format csv or ndjson has every finding.</p>")?;
        }
        if self.groups.ungrouped > 0 {
            let more = plural(self.groups.ungrouped, "finding");
            write!(
                out,
                "<p class=\"dim\">… and {more} in further groups; --format csv or ndjson has them.</p>"
            )?;
        }
        out.write_all(b"</section>\n")
    }

    fn host(&self, host: &Host<'_>, out: Out<'_>) -> io::Result<()> {
        let name = if host.name.is_empty() { "No host named" } else { host.name };
        let mut tally = String::new();
        for (severity, n) in Severity::ALL.into_iter().zip(host.severities()).rev().filter(|(_, n)| *n > 0) {
            let _ = write!(tally, "<span class=\"tag {severity}\">{} {severity}</span> ", count(n));
        }
        write!(out, "<section class=\"host\"><h3>{} <span>{tally}</span></h3>", html(name))?;
        for group in &host.groups {
            self.group(group, out)?;
        }
        out.write_all(b"</section>\n")
    }

    fn group(&self, group: &Group, out: Out<'_>) -> io::Result<()> {
        let clock = &self.style.clock;
        let rule = &group.rule;
        let level = rule.level;
        let when = match (group.first, group.last) {
            (Some(first), Some(last)) if first != last => {
                format!("{} to {}", clock.short(first), clock.short(last))
            }
            (Some(first), _) => clock.short(first),
            _ => "no time".into(),
        };
        let tell: Vec<String> =
            group.head.fields.iter().take(4).map(|(n, v)| format!("{n}: {}", cut(v, 160))).collect();
        write!(
            out,
            "<details class=\"group {level}\" data-severity=\"{level}\" data-host=\"{}\"><summary><span class=\"tag\">{level}</span>\
             <span class=\"title\">{}</span><span class=\"n dim\">{}×</span>\
             <span class=\"sub dim small\">{when}</span><span class=\"sub tell mono dim\">{}</span></summary><div class=\"inner\">",
            html(&group.host),
            html(&rule.title),
            count(group.count),
            html(&tell.join("   "))
        )?;
        if let Some(text) = &rule.description {
            // Rules break their lines where their authors' editors did.
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            write!(out, "<p>{}</p>", html(&text))?;
        }
        if !rule.false_positives.is_empty() {
            let text = rule.false_positives.join("; ");
            write!(out, "<p class=\"dim small\">Known harmless causes: {}</p>", html(&text))?;
        }
        if !rule.attack.is_empty() {
            out.write_all(b"<p class=\"att\">")?;
            rule.attack.iter().try_for_each(|id| write!(out, "<span>{}</span>", html(id)))?;
            out.write_all(b"</p>")?;
        }
        let mut about = format!("Rule {} ({})", rule.id, rule.file);
        for (name, value) in [("by", &rule.author), ("licence", &rule.license)] {
            if let Some(value) = value {
                let _ = write!(about, ", {name} {value}");
            }
        }
        let _ = write!(about, "; confidence {} of 100", rule.confidence.0);
        write!(out, "<p class=\"dim small\">{}</p>", html(&about))?;
        for sample in &group.samples {
            self.sample(sample, out)?;
        }
        let more = group.count.saturating_sub(group.samples.len() as u64);
        if more > 0 {
            write!(
                out,
                "<p class=\"dim\">… and {} more; --format csv or ndjson has every one.</p>",
                count(more)
            )?;
        }
        out.write_all(b"</div></details>\n")
    }

    fn sample(&self, sample: &Sample, out: Out<'_>) -> io::Result<()> {
        let when = sample.time.map_or_else(|| "no time".into(), |t| self.style.clock.exact(t));
        let carved = if sample.recovered { " · recovered record" } else { "" };
        write!(out, "<div class=\"one\"><p class=\"when\">{when}{carved}</p><dl>")?;
        for (name, value) in &sample.fields {
            write!(out, "<dt>{}</dt><dd><code>{}</code></dd>", html(name), html(value))?;
        }
        out.write_all(b"</dl>")?;
        if !sample.observables.is_empty() {
            out.write_all(b"<p class=\"obs\">")?;
            for (kind, value) in &sample.observables {
                write!(out, "<span><i>{kind}</i> {}</span> ", html(value))?;
            }
            out.write_all(b"</p>")?;
        }
        write!(
            out,
            "<p class=\"mono dim\">{} · record {} · byte {} · SHA-256 {} · finding {}</p></div>",
            html(&sample.source),
            sample.record,
            sample.offset,
            sample.sha256.as_deref().unwrap_or("not computed"),
            sample.id
        )
    }

    fn unseen(&self, out: Out<'_>) -> io::Result<()> {
        let gaps = gaps(self.summary);
        out.write_all(b"<section class=\"unseen\"><h2>What could not be seen</h2><div class=\"card\">")?;
        if gaps.is_empty() && self.groups.problems.is_empty() {
            out.write_all(
                b"<p>Everything given was read, and every loaded rule had records to look at.</p>",
            )?;
        }
        out.write_all(b"<ul>")?;
        for (code, trouble) in &self.groups.problems {
            write!(out, "<li>{} ({})<ul class=\"small\">", code_text(*code), plural(trouble.count, "time"))?;
            for example in &trouble.examples {
                write!(out, "<li><code>{}</code></li>", html(example))?;
            }
            if trouble.count > trouble.examples.len() as u64 {
                out.write_all(b"<li class=\"dim\">the first ones; --format ndjson has all</li>")?;
            }
            out.write_all(b"</ul></li>")?;
        }
        for gap in gaps {
            write!(out, "<li>{}</li>", html(&gap))?;
        }
        out.write_all(b"</ul></div></section>\n")
    }

    fn foot(&self, out: Out<'_>) -> io::Result<()> {
        writeln!(
            out,
            "<footer><p>Made by Palisade {}. A finding says that a rule matched a record; whether it is an attack is for people to decide. \
             Text from evidence is shown with its invisible characters made visible.</p></footer></main><script>{SCRIPT}</script></body></html>",
            env!("CARGO_PKG_VERSION")
        )
    }
}
