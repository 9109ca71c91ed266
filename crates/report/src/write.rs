//! The analyst's own paragraphs: a small part of Markdown with live citations.
//!
//! Paragraphs are parted by empty lines; `# `, `## ` head a part; `- ` and `* ` begin an item; `**strong**`,
//! `*emphasis*` and `` `code` `` are what they look like. `[[finding:ID]]`, `[[campaign:ID]]` and `[[source:SHA256]]` link
//! to the thing, by its whole id or by the first eight characters or more if these are enough to tell it.
//! A reference to something that is not there is an error, shown where it stands. Everything else is text: no HTML,
//! no links to elsewhere, no images.
//! What this module never does: follow anything.

use crate::doc::{Block, Line, Span, cut};
use crate::story::{Story, source_anchor};

/// Fewest characters of an id that may stand for the whole.
const MIN_PREFIX: usize = 8;

pub(crate) fn blocks(story: &Story<'_>, source: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut para = String::new();
    let mut items: Vec<Line> = Vec::new();
    for raw in source.lines().chain([""]) {
        let l = raw.trim();
        let item = l.strip_prefix("- ").or_else(|| l.strip_prefix("* "));
        let head = l.strip_prefix("# ").or_else(|| l.strip_prefix("## ")).or_else(|| l.strip_prefix("### "));
        if (item.is_some() || head.is_some() || l.is_empty()) && !para.is_empty() {
            out.push(Block::Para(line(story, &std::mem::take(&mut para))));
        }
        if item.is_none() && !items.is_empty() {
            out.push(Block::List(std::mem::take(&mut items)));
        }
        match (item, head) {
            (Some(item), _) => items.push(line(story, item)),
            (_, Some(head)) => out.push(Block::Heading { level: 4, id: None, line: line(story, head) }),
            _ if l.is_empty() => {}
            _ => {
                if !para.is_empty() {
                    para.push(' ');
                }
                para.push_str(l);
            }
        }
    }
    out
}

/// Marks and what closes them, the longer first.
const MARKS: [(&str, &str); 4] = [("[[", "]]"), ("**", "**"), ("`", "`"), ("*", "*")];

pub(crate) fn line(story: &Story<'_>, source: &str) -> Line {
    let mut out = Line::new();
    let mut plain = String::new();
    let mut rest = source;
    while !rest.is_empty() {
        let marked = MARKS.iter().find_map(|(open, close)| {
            let inner = rest.strip_prefix(open)?;
            let (inner, after) = inner.split_once(close)?;
            (!inner.trim().is_empty()).then_some((*open, inner, after))
        });
        match marked {
            Some((mark, inner, after)) => {
                if !plain.is_empty() {
                    out.push(Span::Text(std::mem::take(&mut plain)));
                }
                out.push(match mark {
                    "[[" => reference(story, inner),
                    "**" => Span::Strong(inner.to_owned()),
                    "`" => Span::Code(inner.to_owned()),
                    _ => Span::Em(inner.to_owned()),
                });
                rest = after;
            }
            None => {
                let mut chars = rest.chars();
                plain.extend(chars.next());
                rest = chars.as_str();
            }
        }
    }
    if !plain.is_empty() {
        out.push(Span::Text(plain));
    }
    out
}

/// The one of many that begins so, if it is the only one.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

fn reference(story: &Story<'_>, what: &str) -> Span {
    let error = |key: &str| Span::Error(story.t_with(key, &[("reference", &cut(what, 100))]));
    let Some((kind, id)) = what.split_once(':') else { return error("write.no_kind") };
    let id = id.trim().to_ascii_lowercase();
    if id.chars().count() < MIN_PREFIX {
        return error("write.unknown");
    }
    let found = match kind.trim() {
        "finding" => {
            let fits = story.by_id.iter().filter(|(known, _)| known.to_string().starts_with(&id));
            only(fits).map(|(_, i)| story.finding(*i))
        }
        "campaign" => {
            let fits = story.m.campaigns.iter().filter(|c| {
                [&c.id].into_iter().chain(&c.aliases).any(|known| known.to_string().starts_with(&id))
            });
            only(fits).map(|c| story.campaign(&c.id))
        }
        "source" => {
            if matches!(story.o.edition, crate::Edition::Constituent(_)) {
                return Span::Dim(story.t("write.kept_back"));
            }
            let fits = story.m.sources.iter().filter(|s| s.sha256.to_ascii_lowercase().starts_with(&id));
            only(fits).map(|s| {
                let name = crate::doc::cut_middle(s.path.rsplit(['/', '\\']).next().unwrap_or(&s.path), 60);
                match story.cites() && story.sources.contains(s.sha256.as_str()) {
                    true => Span::Link { to: source_anchor(&s.sha256), text: name },
                    false => Span::Code(name),
                }
            })
        }
        _ => return error("write.no_kind"),
    };
    found.unwrap_or_else(|| error("write.unknown"))
}
