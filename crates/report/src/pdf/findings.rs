//! The findings in print: the gravest, and those that something links to.

use super::layout::{BODY, Layout, SMALL};
use crate::doc::{Block, Line, Span, cut, text};
use crate::story::finding_anchor;

/// Findings printed beside those that are linked.
const MAX_FINDINGS: usize = 250;
/// Fields and citations of one finding.
const MAX_PARTS: usize = 6;

pub(super) fn list(layout: &mut Layout<'_>) {
    let story = layout.story();
    let all = story.by_gravity();
    if all.is_empty() {
        layout.plain(&story.t("findings.none"), BODY, 2.0);
        return;
    }
    layout.plain(&story.zone_note(), SMALL, 2.0);
    let linked = story.linked();
    let chosen: Vec<usize> = all
        .iter()
        .enumerate()
        .filter(|(at, i)| *at < MAX_FINDINGS || linked.contains(i))
        .map(|(_, i)| *i)
        .collect();
    for i in &chosen {
        let f = &story.m.findings[*i];
        layout.need(44.0);
        layout.advance(0.0, 5.0);
        layout.anchor(&finding_anchor(&f.id));
        let mut head: Line = vec![story.level(f.severity), text(" "), Span::Strong(story.title(&f.title))];
        if story.judged.dismissed(f) {
            head.push(Span::Error(format!(" {}", story.t("findings.false_positive"))));
        }
        if story.judged.confirmed(f) {
            head.push(text(format!(" · {}", story.t("findings.confirmed"))));
        }
        if f.recovered {
            head.push(text(format!(" · {}", story.t("findings.recovered"))));
        }
        layout.line(&head, BODY, 0.0, 0.0);
        let mut about = story.time(f.time);
        for part in [f.host.as_deref().unwrap_or(""), f.rule.as_str()] {
            if !part.is_empty() {
                about.push(text(" · "));
                about.push(text(cut(part, 80)));
            }
        }
        layout.line(&about, SMALL, 0.0, 0.0);
        for (name, value) in f.message.args.iter().take(MAX_PARTS) {
            let line = vec![Span::Dim(format!("{}: ", cut(name, 60))), Span::Code(cut(value, 240))];
            layout.line(&line, SMALL, 10.0, 0.0);
        }
        for c in f.citations.iter().take(MAX_PARTS) {
            let line = story.citation(c);
            layout.line(&line, SMALL, 10.0, 0.0);
        }
    }
    let mut rest = Vec::new();
    crate::sections::rest(story, all.len(), chosen.len(), &mut rest);
    for block in rest {
        if let Block::Note(line) = block {
            layout.line(&line, SMALL, 0.0, 4.0);
        }
    }
}
