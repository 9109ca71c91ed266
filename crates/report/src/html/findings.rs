//! The findings on the page: rows for everybody, a block of data for the script.
//!
//! A page with ten thousand elements opens slowly, so only the findings that something links to, and the gravest, are
//! elements; all are in the data, and the script shows them fifty at a time. Without a script the elements stay.
//! What this module never does: write text into the data that could end its block.

use std::fmt::Write as _;

use palisade_model::{html as escape, terminal};

use super::{Page, attribute};
use crate::defang::defang;
use crate::doc::{Block, Doc, cut};
use crate::material::Finding;
use crate::story::{Story, finding_anchor, source_anchor};

/// Findings that are elements beside those that are linked.
const STATIC: usize = 200;
/// Findings on the page beside those that are linked: a browser opens so many at once, and nobody reads more.
const LISTED: usize = 25_000;
/// Most findings that are printed.
const PRINTED: usize = 2_000;
/// Longest value of a field on the page.
const MAX_VALUE: usize = 1_000;
/// Fields, values and citations of one finding on the page.
const MAX_PARTS: usize = 40;

/// The findings that the page has, the gravest first.
fn listed(story: &Story<'_>) -> Vec<usize> {
    let linked = story.linked();
    let all = story.by_gravity().into_iter().enumerate();
    all.filter(|(at, i)| *at < LISTED || linked.contains(i)).map(|(_, i)| i).collect()
}

pub(super) fn block(page: &Page<'_>, out: &mut String) {
    let story = page.story;
    let all = listed(story);
    if all.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", page.t("findings.none"));
        return;
    }
    let _ = write!(
        out,
        "<p class=\"dim small\">{}</p><div class=\"bar\" hidden id=\"bar\"><input id=\"q\" type=\"search\" placeholder=\"{1}\" aria-label=\"{1}\">\
         <span class=\"chips\" role=\"group\" aria-label=\"{2}\">",
        escape(&story.zone_note()),
        page.t("findings.search"),
        page.t("findings.severities")
    );
    for s in palisade_model::Severity::ALL.into_iter().rev() {
        let n = story.m.findings.iter().filter(|f| f.severity == s).count();
        if n > 0 {
            let _ = write!(
                out,
                "<button class=\"chip {s}\" data-s=\"{}\" aria-pressed=\"true\"><b>{}</b> {}</button>",
                s as usize,
                story.number(n as u64),
                escape(&story.severity(s))
            );
        }
    }
    let _ = writeln!(
        out,
        "</span><button class=\"plain\" id=\"all\" aria-expanded=\"false\">{}</button></div><div id=\"rows\">",
        page.t("findings.open")
    );
    let linked = story.linked();
    let shown: Vec<usize> = all
        .iter()
        .enumerate()
        .filter(|(at, i)| *at < STATIC || linked.contains(i))
        .map(|(_, i)| *i)
        .collect();
    for i in &shown {
        row(page, &story.m.findings[*i], out);
    }
    out.push_str("</div>\n");
    let _ = write!(
        out,
        "<p class=\"pager\" hidden id=\"pager\"><button class=\"plain\" id=\"prev\">{}</button><span id=\"n\" role=\"status\"></span><button class=\"plain\" id=\"next\">{}</button></p>",
        page.t("findings.previous"),
        page.t("findings.next")
    );
    let left = story.m.findings.len() - all.len();
    if left > 0 {
        let _ = write!(out, "<p class=\"dim\">{}</p>", escape(&story.n("words.more_in_json", left)));
    }
    if shown.len() < all.len() {
        let text = story.n("findings.no_script", all.len() - shown.len());
        let _ = write!(out, "<noscript><p class=\"dim\">{}</p></noscript>", escape(&text));
    }
    if all.len() > PRINTED {
        let text = story.n("findings.printed", all.len() - PRINTED);
        let _ = write!(out, "<p class=\"dim printed\">{}</p>", escape(&text));
    }
}

/// What the page says of a finding, in words.
struct Told {
    flags: Vec<String>,
    sentence: String,
    fields: Vec<(String, String)>,
    values: Vec<(String, String)>,
    about: String,
    /// File, where in it, hash, anchor of the hash or nothing.
    cited: Vec<[String; 4]>,
}

fn told(story: &Story<'_>, f: &Finding) -> Told {
    let mut flags = Vec::new();
    if story.judged.dismissed(f) {
        flags.push(story.t("findings.false_positive"));
    }
    if story.judged.confirmed(f) {
        flags.push(story.t("findings.confirmed"));
    }
    if f.recovered {
        flags.push(story.t("findings.recovered"));
    }
    let fields = f.message.args.iter().take(MAX_PARTS).map(|(n, v)| (cut(n, 80), cut(v, MAX_VALUE)));
    let values = f.observables.iter().take(MAX_PARTS);
    let values = values.map(|o| (o.kind().name().replace('_', " "), cut(&defang(o), 400)));
    let confidence = story.n_with("findings.confidence", u64::from(f.confidence.0), &[]);
    let about = format!(
        "{} {} · {confidence} · {} {}",
        story.t("findings.rule"),
        cut(&f.rule, 100),
        story.t("findings.id"),
        f.id
    );
    let cited = f.citations.iter().take(MAX_PARTS).map(|c| {
        let mut file = crate::doc::cut_middle(&c.path, 160);
        if !c.member.is_empty() {
            file.push('!');
            file.push_str(&crate::doc::cut_middle(&c.member, 160));
        }
        let (record, byte) = (story.number(c.record), story.number(c.offset));
        let place = story.t_with("words.record_byte", &[("record", &record), ("byte", &byte)]);
        let known = story.sources.contains(c.sha256.as_str());
        let sha = if c.sha256.is_empty() { story.t("words.no_hash") } else { cut(&c.sha256, 64) };
        [file, place, sha, if known { source_anchor(&c.sha256) } else { String::new() }]
    });
    Told {
        flags,
        sentence: story.sentence(f).map(|s| cut(&s, MAX_VALUE)).unwrap_or_default(),
        fields: fields.collect(),
        values: values.collect(),
        about,
        cited: cited.collect(),
    }
}

fn when(story: &Story<'_>, f: &Finding) -> String {
    f.time.map_or_else(|| story.t("words.no_time"), |t| story.moment(t))
}

/// One finding as an element; the script makes the same from the data.
fn row(page: &Page<'_>, f: &Finding, out: &mut String) {
    let story = page.story;
    let told = told(story, f);
    let host = f.host.as_deref().map(|h| crate::doc::cut_middle(h, 80)).unwrap_or_default();
    let _ = write!(
        out,
        "<details class=\"f {}\"{}><summary><span class=\"tag {0}\">{}</span><span class=\"title\">{}{}</span><span class=\"sub\"><time>{}</time> {}</span></summary><div class=\"inner\">",
        f.severity,
        attribute(&Some(finding_anchor(&f.id))),
        escape(&story.severity(f.severity)),
        escape(&story.title(&f.title)),
        match told.flags.is_empty() {
            true => String::new(),
            false => format!(" <i class=\"flags\">{}</i>", escape(&told.flags.join(" · "))),
        },
        escape(&when(story, f)),
        escape(&host)
    );
    if !told.sentence.is_empty() {
        let _ = write!(out, "<p>{}</p>", escape(&told.sentence));
    }
    if !told.fields.is_empty() {
        out.push_str("<dl>");
        for (name, value) in &told.fields {
            let _ = write!(out, "<dt>{}</dt><dd><code>{}</code></dd>", escape(name), escape(value));
        }
        out.push_str("</dl>");
    }
    if !told.values.is_empty() {
        out.push_str("<p class=\"obs\">");
        for (kind, value) in &told.values {
            let _ = write!(out, "<span><i>{}</i> {}</span> ", escape(kind), escape(value));
        }
        out.push_str("</p>");
    }
    let attack: Vec<String> = f.attack.iter().take(MAX_PARTS).map(|t| named(t)).collect();
    if !attack.is_empty() {
        let _ = write!(out, "<p class=\"small\">ATT&amp;CK: {}</p>", escape(&attack.join(", ")));
    }
    if let Some(c) = story.campaign_of.get(&f.id).map(|c| story.m.campaigns[*c].id) {
        let _ =
            write!(out, "<p class=\"small\">{} <a href=\"#{c}\">{c}</a></p>", page.t("findings.campaign"));
    }
    let _ = write!(out, "<p class=\"dim small\">{}</p><ul class=\"cited\">", escape(&told.about));
    for [file, place, sha, anchor] in &told.cited {
        let _ = write!(out, "<li><code>{}</code> · {} · ", escape(file), escape(place));
        let _ = match anchor.is_empty() {
            true => write!(out, "<code>{}</code></li>", escape(sha)),
            false => write!(out, "<a href=\"#{}\"><code>{}</code></a></li>", escape(anchor), escape(sha)),
        };
    }
    out.push_str("</ul></div></details>\n");
}

fn named(id: &str) -> String {
    crate::attack::name(id).map_or_else(|| cut(id, 40), |n| format!("{id} {n}"))
}

/// A JSON string that cannot end the block it stands in, and that shows what is invisible.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in terminal(text).chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '<' | '>' | '&' | '\'' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            // terminal() has made controls visible already.
            c => out.push(c),
        }
    }
    out.push('"');
}

fn list<'t>(texts: impl Iterator<Item = &'t str>, out: &mut String) {
    out.push('[');
    for (i, t) in texts.enumerate() {
        if i > 0 {
            out.push(',');
        }
        quoted(t, out);
    }
    out.push(']');
}

fn shows_findings(blocks: &[Block]) -> bool {
    blocks.contains(&Block::Findings)
}

/// The data behind the rows; empty where no findings are listed.
pub(super) fn data(story: &Story<'_>, doc: &Doc, out: &mut String) {
    out.push_str("<script type=\"application/json\" id=\"data\">{\"text\":{");
    let texts = [
        ("open", "findings.open"),
        ("close", "findings.close"),
        ("campaign", "findings.campaign"),
        ("shown", "findings.shown"),
    ];
    for (i, (name, key)) in texts.iter().enumerate() {
        let _ = write!(out, "{}\"{name}\":", if i > 0 { "," } else { "" });
        quoted(&story.t_with(key, &[("n", "{n}"), ("of", "{of}")]), out);
    }
    let _ = write!(out, "}},\"print\":{PRINTED},\"severity\":");
    let words: Vec<String> = palisade_model::Severity::ALL.into_iter().map(|s| story.severity(s)).collect();
    list(words.iter().map(String::as_str), out);
    out.push_str(",\"rows\":[");
    if doc.sections.iter().any(|s| shows_findings(&s.blocks)) {
        for (n, i) in listed(story).into_iter().enumerate() {
            if n > 0 {
                out.push_str(",\n");
            }
            datum(story, &story.m.findings[i], out);
        }
    }
    out.push_str("]}</script>\n");
}

fn datum(story: &Story<'_>, f: &Finding, out: &mut String) {
    let told = told(story, f);
    let _ = write!(out, "[\"{}\",{},", f.id, f.severity as usize);
    let host = f.host.as_deref().map(|h| crate::doc::cut_middle(h, 80)).unwrap_or_default();
    let flags = told.flags.join(" · ");
    for t in [&story.title(&f.title), &when(story, f), &host, &flags, &told.sentence, &told.about] {
        quoted(t, out);
        out.push(',');
    }
    for pairs in [&told.fields, &told.values] {
        list(pairs.iter().flat_map(|(a, b)| [a.as_str(), b.as_str()]), out);
        out.push(',');
    }
    let attack: Vec<String> = f.attack.iter().take(MAX_PARTS).map(|t| named(t)).collect();
    list(attack.iter().map(String::as_str), out);
    let campaign =
        story.campaign_of.get(&f.id).map(|c| story.m.campaigns[*c].id.to_string()).unwrap_or_default();
    out.push(',');
    quoted(&campaign, out);
    out.push(',');
    list(told.cited.iter().flatten().map(String::as_str), out);
    out.push(']');
}
