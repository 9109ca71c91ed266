//! One self-contained page to read, search, print and hand over.
//!
//! It loads nothing: style and script stand in the page, and its content security policy allows only these two, by
//! their hashes, so that text from evidence which should ever slip past neutralising still could not run or call home.
//! What this module never does: put text of others into the script; data stands in a block of JSON that no browser runs.

mod findings;

use std::fmt::Write as _;

use base64::Engine as _;
use palisade_model::{Tlp, html as escape};
use sha2::Digest as _;

use crate::doc::{Block, Column, Doc, Line, Row, Section, Span, Table};
use crate::picture;
use crate::sections;
use crate::story::Story;
use crate::{Material, Options};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The report as one page of HTML that needs no network.
///
/// The analyst's paragraphs ([`crate::Paragraph`]) may use a small part of Markdown: paragraphs, `#` headings, `-`
/// lists, `**strong**`, `*emphasis*`, `` `code` ``, and live citations `[[finding:ID]]`, `[[campaign:ID]]`,
/// `[[source:SHA256]]` by whole id or its first eight characters. Anything else is shown as it was typed.
pub fn html(material: &Material, options: &Options<'_>) -> String {
    let story = Story::new(material, options);
    let doc = sections::build(&story);
    let mut out = String::with_capacity(1 << 16);
    Page { story: &story, doc: &doc }.write(&mut out);
    out
}

struct Page<'p> {
    story: &'p Story<'p>,
    doc: &'p Doc,
}

fn hash(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text.as_bytes()))
}

/// Colours of TLP 2.0 (FIRST, "Traffic Light Protocol", version 2.0, table of codes): all on black.
fn tlp_colour(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "#ffffff",
        Tlp::Green => "#33ff00",
        Tlp::Amber | Tlp::AmberStrict => "#ffc000",
        Tlp::Red => "#ff2b2b",
    }
}

impl Page<'_> {
    fn t(&self, key: &str) -> String {
        escape(&self.story.t(key)).into_owned()
    }

    fn write(&self, out: &mut String) {
        let doc = self.doc;
        let tlp = doc.tlp;
        let page = self.story.t_with("report.page", &[("n", "\u{1}"), ("of", "\u{2}")]);
        let style = format!("{STYLE}{}", print_style(tlp, &page));
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; \
             script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\
             <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"robots\" content=\"noindex\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>{tlp} {}</title><style>{style}</style></head><body>\n",
            escape(&doc.language),
            hash(&style),
            hash(SCRIPT),
            escape(&doc.title),
        );
        self.banner(out);
        out.push_str("<div class=\"page\">");
        self.contents(out);
        out.push_str("<main>\n<header>");
        let _ = write!(out, "<p class=\"kicker\">{}</p><h1>{}</h1>", escape(&doc.kicker), escape(&doc.title));
        self.facts(&doc.facts, out);
        out.push_str("</header>\n");
        for section in &doc.sections {
            self.section(section, out);
        }
        out.push_str("<footer>");
        for line in &doc.foot {
            let _ = write!(out, "<p>{}</p>", self.line(line));
        }
        out.push_str("</footer></main></div>\n");
        self.banner(out);
        findings::data(self.story, doc, out);
        let _ = writeln!(out, "<script>{SCRIPT}</script></body></html>");
    }

    fn banner(&self, out: &mut String) {
        let tlp = self.doc.tlp;
        let _ = writeln!(
            out,
            "<div class=\"tlp\" role=\"note\"><b class=\"t-{}\">{tlp}</b></div>",
            tlp_class(tlp)
        );
    }

    fn contents(&self, out: &mut String) {
        let _ = write!(
            out,
            "<nav aria-label=\"{0}\"><p class=\"dim small\">{0}</p><ol>",
            self.t("report.contents")
        );
        for section in &self.doc.sections {
            let _ = write!(out, "<li><a href=\"#{}\">{}</a></li>", section.id, escape(&section.title));
        }
        out.push_str("</ol></nav>\n");
    }

    fn facts(&self, facts: &[(String, Line)], out: &mut String) {
        if facts.is_empty() {
            return;
        }
        out.push_str("<dl class=\"facts\">");
        for (name, value) in facts {
            let _ = write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), self.line(value));
        }
        out.push_str("</dl>");
    }

    fn section(&self, section: &Section, out: &mut String) {
        let _ = writeln!(out, "<section id=\"{}\"><h2>{}</h2>", section.id, escape(&section.title));
        self.blocks(&section.blocks, out);
        out.push_str("</section>\n");
    }

    fn blocks(&self, blocks: &[Block], out: &mut String) {
        for block in blocks {
            self.block(block, out);
        }
    }

    fn block(&self, block: &Block, out: &mut String) {
        match block {
            Block::Heading { level, id, line } => {
                let level = (*level).clamp(3, 4);
                let _ = writeln!(out, "<h{level}{}>{}</h{level}>", attribute(id), self.line(line));
            }
            Block::Para(line) => {
                let _ = writeln!(out, "<p>{}</p>", self.line(line));
            }
            Block::Note(line) => {
                let _ = writeln!(out, "<p class=\"dim small\">{}</p>", self.line(line));
            }
            Block::Callout(line) => {
                let _ = writeln!(out, "<p class=\"callout\">{}</p>", self.line(line));
            }
            Block::List(items) => {
                out.push_str("<ul>");
                for item in items {
                    let _ = write!(out, "<li>{}</li>", self.line(item));
                }
                out.push_str("</ul>\n");
            }
            Block::Tasks(tasks) => {
                out.push_str("<ol class=\"tasks\">");
                for (what, why) in tasks {
                    let _ = write!(
                        out,
                        "<li><p>{}</p><p class=\"small\">{}</p></li>",
                        self.line(what),
                        self.line(why)
                    );
                }
                out.push_str("</ol>\n");
            }
            Block::Facts(facts) => self.facts(facts, out),
            Block::Table(table) => self.table(table, out),
            Block::Picture(p) => picture::svg(p, out),
            Block::Fold { line, open, blocks } => {
                let open = if *open { " open" } else { "" };
                let _ = write!(out, "<details class=\"fold\"{open}><summary>{}</summary>", self.line(line));
                self.blocks(blocks, out);
                out.push_str("</details>\n");
            }
            Block::Card { id, blocks } => {
                let _ = write!(out, "<div class=\"card\"{}>", attribute(id));
                self.blocks(blocks, out);
                out.push_str("</div>\n");
            }
            Block::Findings => findings::block(self, out),
        }
    }

    fn table(&self, table: &Table, out: &mut String) {
        out.push_str("<div class=\"wide\"><table><thead><tr>");
        for (column, name) in &table.head {
            let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(*column), escape(name));
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &table.rows {
            self.row(row, &table.head, out);
        }
        out.push_str("</tbody></table></div>\n");
    }

    fn row(&self, row: &Row, head: &[(Column, String)], out: &mut String) {
        let strong = if row.strong { " class=\"sum\"" } else { "" };
        let _ = write!(out, "<tr{}{strong}>", attribute(&row.id));
        for (cell, (column, _)) in row.cells.iter().zip(head) {
            let _ = write!(out, "<td{}>{}</td>", class(*column), self.line(cell));
        }
        out.push_str("</tr>\n");
    }

    fn line(&self, line: &Line) -> String {
        let mut out = String::new();
        for span in line {
            let _ = match span {
                Span::Text(t) => write!(out, "{}", escape(t)),
                Span::Strong(t) => write!(out, "<strong>{}</strong>", escape(t)),
                Span::Em(t) => write!(out, "<em>{}</em>", escape(t)),
                Span::Dim(t) => write!(out, "<span class=\"dim\">{}</span>", escape(t)),
                Span::Code(t) => write!(out, "<code>{}</code>", escape(t)),
                Span::Link { to, text } => write!(out, "<a href=\"#{}\">{}</a>", escape(to), escape(text)),
                Span::Page { url, text } => {
                    write!(
                        out,
                        "<a class=\"out\" rel=\"noreferrer\" href=\"{}\">{}</a>",
                        escape(url),
                        escape(text)
                    )
                }
                Span::Level(severity, word) => {
                    write!(out, "<span class=\"tag {severity}\">{}</span>", escape(word))
                }
                Span::Time { iso, text } => {
                    write!(out, "<time datetime=\"{}\">{}</time>", escape(iso), escape(text))
                }
                Span::Bar(share) => {
                    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
                    write!(out, "<meter min=\"0\" max=\"1\" value=\"{share:.3}\"></meter>")
                }
                Span::Error(t) => write!(out, "<span class=\"error\">{}</span>", escape(t)),
            };
        }
        out
    }
}

fn attribute(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" id=\"{}\"", escape(id))).unwrap_or_default()
}

fn class(column: Column) -> &'static str {
    match column {
        Column::Text => "",
        Column::Number => " class=\"n\"",
        Column::Narrow => " class=\"w\"",
        Column::Code => " class=\"c\"",
    }
}

fn tlp_class(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "clear",
        Tlp::Green => "green",
        Tlp::Amber | Tlp::AmberStrict => "amber",
        Tlp::Red => "red",
    }
}

/// The marking and the page number in the margins of each printed page.
fn print_style(tlp: Tlp, page: &str) -> String {
    let colour = tlp_colour(tlp);
    // Chromium draws these boxes; for Firefox the style sheet fixes the banner to the corner of each page instead.
    // The catalogue's text around the two counters, as CSS strings: nothing but what CSS needs escaped is.
    let quote = |t: &str| {
        let plain: String = t.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '<')).collect();
        format!("\"{plain}\"")
    };
    let (before, rest) = page.split_once('\u{1}').unwrap_or((page, ""));
    let (between, after) = rest.split_once('\u{2}').unwrap_or((rest, ""));
    let counters =
        format!("{} counter(page) {} counter(pages) {}", quote(before), quote(between), quote(after));
    let mark = format!(
        "{{content:\"{tlp}\";color:{colour};background:#000;font:bold 9pt sans-serif;text-align:center;height:13pt;width:44mm;margin-top:auto;margin-bottom:auto;-webkit-print-color-adjust:exact;print-color-adjust:exact}}"
    );
    format!(
        "@page{{margin:17mm 14mm;@top-right{mark}@bottom-right{mark}@bottom-left{{content:{counters};font:8pt sans-serif;color:#555}}}}\n"
    )
}
