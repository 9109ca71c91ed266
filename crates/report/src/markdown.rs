//! The report as GitHub-flavoured Markdown, for tickets and wikis.
//!
//! Everything that a renderer could take for markup is escaped; addresses are broken so that nothing becomes a link.
//! Pictures are left to the HTML and PDF forms: a note says what they show.
//! What this module never does: pass HTML on. The only tags are its own anchors.

use std::fmt::Write as _;

use palisade_model::terminal;

use crate::doc::{Block, Doc, Line, Span, Table};
use crate::sections;
use crate::story::{Story, finding_anchor};
use crate::{Material, Options};

/// Findings listed beside those that something links to.
const MAX_FINDINGS: usize = 200;

/// The report as GitHub-flavoured Markdown.
pub fn markdown(material: &Material, options: &Options<'_>) -> String {
    let story = Story::new(material, options);
    let doc = sections::build(&story);
    let mut out = String::new();
    Page { story: &story }.write(&doc, &mut out);
    out
}

struct Page<'p> {
    story: &'p Story<'p>,
}

/// Escapes what could be markup (CommonMark 0.31 and GFM's tables, strikethrough, autolinks and mentions).
fn escape(text: &str) -> String {
    let shown = terminal(text);
    let mut out = String::with_capacity(shown.len() + 16);
    let mut chars = shown.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A mention is looked for after escapes are resolved; an entity in front of the name breaks the word.
            '@' => out.push_str("&#64;&#8203;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '(' if before == ']' => {
                out.push('\\');
                out.push(c);
            }
            // `https://` and `www.` become links by themselves.
            ':' if chars.peek() == Some(&'/') => out.push_str("\\:"),
            // Some renderers make links of bare names, too: `login.example`.
            '.' if before.is_alphanumeric() && chars.peek().is_some_and(|c| c.is_alphabetic()) => {
                out.push_str("\\.");
            }
            // At the beginning these would begin a list or a heading.
            '.' | ')' if !out.is_empty() && out.bytes().all(|b| b.is_ascii_digit()) => {
                out.push('\\');
                out.push(c);
            }
            '-' | '+' | '=' if out.trim().is_empty() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
        before = c;
    }
    out
}

fn code(text: &str) -> String {
    let shown = terminal(text);
    // A code span needs no escapes, unless it holds what ends it or the cell it stands in.
    if shown.is_empty() || shown.contains(['`', '|', '<', '>', '\\', '&']) {
        return escape(text);
    }
    format!("`{shown}`")
}

fn spans(line: &Line) -> String {
    let mut out = String::new();
    for span in line {
        let _ = match span {
            Span::Text(t) | Span::Dim(t) => write!(out, "{}", escape(t)),
            Span::Strong(t) => write!(out, "**{}**", escape(t.trim())),
            Span::Em(t) => write!(out, "*{}*", escape(t.trim())),
            Span::Code(t) => write!(out, "{}", code(t)),
            Span::Link { to, text } => write!(out, "[{}](#{})", escape(text), anchor(to)),
            Span::Page { url, text } => write!(out, "[{}]({})", escape(text), anchor(url)),
            Span::Level(_, word) => write!(out, "**{}**", escape(word)),
            Span::Time { text, .. } => write!(out, "{}", escape(text)),
            Span::Bar(_) => Ok(()),
            Span::Error(t) => write!(out, "**⚠ {}**", escape(t)),
        };
    }
    out
}

/// Anchors and addresses are made by us of letters, digits and few marks; anything else is taken out.
fn anchor(to: &str) -> String {
    to.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/' | ':')).collect()
}

impl Page<'_> {
    fn write(&self, doc: &Doc, out: &mut String) {
        let _ = write!(out, "**{}**\n\n# {}\n\n{}\n\n", doc.tlp, escape(&doc.title), escape(&doc.kicker));
        for (name, value) in &doc.facts {
            let _ = writeln!(out, "- {}: {}", escape(name), spans(value));
        }
        for section in &doc.sections {
            let _ = write!(out, "\n<a id=\"{}\"></a>\n\n## {}\n\n", section.id, escape(&section.title));
            self.blocks(&section.blocks, out);
        }
        out.push_str("\n---\n\n");
        for line in &doc.foot {
            let _ = write!(out, "{}\n\n", spans(line));
        }
        let _ = writeln!(out, "**{}**", doc.tlp);
    }

    fn blocks(&self, blocks: &[Block], out: &mut String) {
        for block in blocks {
            self.block(block, out);
        }
    }

    fn block(&self, block: &Block, out: &mut String) {
        let _ = match block {
            Block::Heading { level, line, .. } => {
                write!(out, "{} {}\n\n", "#".repeat(usize::from(*level)), spans(line))
            }
            Block::Para(line) | Block::Note(line) => write!(out, "{}\n\n", spans(line)),
            Block::Callout(line) => write!(out, "> {}\n\n", spans(line)),
            Block::List(items) => {
                items.iter().for_each(|i| {
                    let _ = writeln!(out, "- {}", spans(i));
                });
                writeln!(out)
            }
            Block::Tasks(tasks) => {
                for (n, (what, why)) in tasks.iter().enumerate() {
                    let _ = writeln!(out, "{}. **{}**  \n   {}", n + 1, spans(what), spans(why));
                }
                writeln!(out)
            }
            Block::Facts(facts) => {
                facts.iter().for_each(|(name, value)| {
                    let _ = writeln!(out, "- {}: {}", escape(name), spans(value));
                });
                writeln!(out)
            }
            Block::Table(table) => {
                self.table(table, out);
                Ok(())
            }
            Block::Picture(p) => write!(out, "*{}*\n\n", escape(&p.label)),
            Block::Fold { line, blocks, .. } => {
                let _ = write!(out, "**{}**\n\n", spans(line));
                self.blocks(blocks, out);
                Ok(())
            }
            Block::Card { id, blocks } => {
                if let Some(id) = id {
                    let _ = write!(out, "<a id=\"{}\"></a>\n\n", anchor(id));
                }
                self.blocks(blocks, out);
                Ok(())
            }
            Block::Findings => {
                self.findings(out);
                Ok(())
            }
        };
    }

    fn table(&self, table: &Table, out: &mut String) {
        if table.head.is_empty() {
            return;
        }
        let head: Vec<String> = table.head.iter().map(|(_, name)| escape(name)).collect();
        let _ = write!(out, "| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len()));
        for row in &table.rows {
            let mut cells: Vec<String> = row.cells.iter().take(head.len()).map(spans).collect();
            if let (Some(id), Some(first)) = (&row.id, cells.first_mut()) {
                first.insert_str(0, &format!("<a id=\"{}\"></a>", anchor(id)));
            }
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out.push('\n');
    }

    fn findings(&self, out: &mut String) {
        let story = self.story;
        let linked = story.linked();
        let all = story.by_gravity();
        let chosen = all.iter().enumerate().filter(|(at, i)| *at < MAX_FINDINGS || linked.contains(i));
        let mut shown = 0;
        for (_, i) in chosen {
            shown += 1;
            let f = &story.m.findings[*i];
            let when = f.time.map_or_else(|| story.t("words.no_time"), |t| story.moment(t));
            let _ = write!(
                out,
                "- <a id=\"{}\"></a>**{}** {} · {} · {}",
                finding_anchor(&f.id),
                escape(&story.severity(f.severity)),
                escape(&story.title(&f.title)),
                escape(&when),
                escape(&crate::doc::cut(f.host.as_deref().unwrap_or(""), 80))
            );
            if story.judged.dismissed(f) {
                let _ = write!(out, " · **{}**", escape(&story.t("findings.false_positive")));
            }
            for (name, value) in f.message.args.iter().take(6) {
                let (name, value) = (crate::doc::cut(name, 60), crate::doc::cut(value, 300));
                let _ = write!(out, "  \n  {}: {}", escape(&name), code(&value));
            }
            for c in f.citations.iter().take(5) {
                let _ = write!(out, "  \n  {}", spans(&story.citation(c)));
            }
            out.push('\n');
        }
        if shown < all.len() {
            let _ = write!(out, "\n{}\n", escape(&story.n("words.more_in_json", all.len() - shown)));
        }
        out.push('\n');
    }
}
