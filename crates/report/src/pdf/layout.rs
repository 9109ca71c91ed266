//! From blocks to pages: lines are broken, tables set, pages filled from top to bottom.
//!
//! Points from the lower left corner, as PDF counts. A word wider than its line is broken where it must be, so that a
//! megabyte without a blank is only long. What this module never does: hyphenate, justify, or place by chance.

use std::collections::BTreeMap;

use palisade_model::{Severity, Tlp, terminal};
use pdf_writer::types::LineCapStyle;
use pdf_writer::{Name, Rect, Str};

use super::fonts::{Cut, Fonts, Glyph, name};
use super::{Sheet, draw, findings};
use crate::doc::{Block, Column, Doc, Line, Span, Table};
use crate::story::Story;

/// A4.
pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;
pub(super) const MARGIN: f32 = 48.0;
const TOP: f32 = HEIGHT - 56.0;
const BOTTOM: f32 = 50.0;
pub(super) const TEXT: f32 = WIDTH - 2.0 * MARGIN;
/// Room for the mark of an item.
const INDENT: f32 = 20.0;
/// Lines of one cell; a page holds no more.
const MAX_CELL_LINES: usize = 40;
/// Rows that are measured for the widths of columns.
const MEASURED: usize = 200;
/// Longest line of text, in glyphs: what a page could hold many times over.
const MAX_GLYPHS: usize = 20_000;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Colour(pub f32, pub f32, pub f32);

impl Colour {
    pub const BLACK: Colour = Colour(0.0, 0.0, 0.0);
    pub const INK: Colour = Colour(0.08, 0.11, 0.15);
    pub const DIM: Colour = Colour(0.34, 0.38, 0.45);
    pub const LINE: Colour = Colour(0.82, 0.85, 0.89);
    pub const SOFT: Colour = Colour(0.95, 0.96, 0.975);
    pub const ACCENT: Colour = Colour(0.11, 0.31, 0.57);
    pub const WEAK: Colour = Colour(0.69, 0.19, 0.24);
    pub const WHITE: Colour = Colour(1.0, 1.0, 1.0);
}

pub(super) fn severity_colour(s: Severity) -> Colour {
    match s {
        Severity::Critical => Colour(0.56, 0.07, 0.22),
        Severity::High => Colour(0.76, 0.25, 0.05),
        Severity::Medium => Colour(0.63, 0.38, 0.03),
        Severity::Low => Colour(0.06, 0.46, 0.43),
        Severity::Informational => Colour(0.36, 0.40, 0.46),
    }
}

/// Colours of TLP 2.0, on black.
pub(super) fn tlp_colour(tlp: Tlp) -> Colour {
    match tlp {
        Tlp::Clear => Colour::WHITE,
        Tlp::Green => Colour(0.2, 1.0, 0.0),
        Tlp::Amber | Tlp::AmberStrict => Colour(1.0, 0.753, 0.0),
        Tlp::Red => Colour(1.0, 0.169, 0.169),
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Style {
    pub cut: Cut,
    pub size: f32,
    pub colour: Colour,
}

pub(super) const BODY: Style = Style { cut: Cut::Sans, size: 9.0, colour: Colour::INK };
pub(super) const SMALL: Style = Style { cut: Cut::Sans, size: 7.8, colour: Colour::DIM };

/// Where a link goes.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Target {
    Inside(String),
    Page(String),
}

/// A glyph with how it is drawn.
#[derive(Clone, Copy)]
struct Set {
    glyph: Glyph,
    style: Style,
    /// Place in the list of links, and in the list of badges.
    link: Option<u16>,
    badge: Option<Severity>,
}

impl Set {
    fn width(&self) -> f32 {
        self.glyph.width * self.style.size / 1_000.0
    }
}

#[derive(Default)]
pub(super) struct Text {
    glyphs: Vec<Set>,
    links: Vec<Target>,
}

pub(super) struct Layout<'w> {
    story: &'w Story<'w>,
    pub fonts: Fonts<'w>,
    pub tlp: Tlp,
    pub pages: Vec<Sheet>,
    /// Anchor → page, height.
    pub anchors: BTreeMap<String, (usize, f32)>,
    /// Sections, for bookmarks.
    pub heads: Vec<(&'static str, String)>,
    y: f32,
}

impl<'w> Layout<'w> {
    pub(super) fn new(story: &'w Story<'w>, fonts: Fonts<'w>, tlp: Tlp) -> Layout<'w> {
        let pages = vec![Sheet::default()];
        Layout { story, fonts, tlp, pages, anchors: BTreeMap::new(), heads: Vec::new(), y: TOP }
    }

    pub(super) fn story(&self) -> &'w Story<'w> {
        self.story
    }

    pub(super) fn document(&mut self, doc: &Doc) {
        let kicker = Style { size: 8.5, colour: Colour::DIM, ..BODY };
        self.plain(&doc.kicker, kicker, 0.0);
        self.plain(&doc.title, Style { cut: Cut::Bold, size: 18.0, colour: Colour::INK }, 2.0);
        self.y -= 4.0;
        let mut about = Line::new();
        for (name, value) in &doc.facts {
            if !about.is_empty() {
                about.push(Span::Dim("  ·  ".into()));
            }
            about.push(Span::Dim(format!("{name}: ")));
            about.extend(value.iter().cloned());
        }
        self.line(&about, BODY, 0.0, 0.0);
        for section in &doc.sections {
            // A head does not stand alone above a picture that begins the next page.
            let picture = section.blocks.iter().take(2).find_map(|b| match b {
                Block::Picture(p) => Some(draw::height(p)),
                _ => None,
            });
            self.need(60.0 + picture.unwrap_or(0.0));
            if self.y < TOP {
                self.y -= 12.0;
            }
            self.anchor(section.id);
            self.heads.push((section.id, terminal(&section.title).into_owned()));
            self.plain(&section.title, Style { cut: Cut::Bold, size: 13.0, colour: Colour::INK }, 4.0);
            self.blocks(&section.blocks);
        }
        self.y -= 14.0;
        for line in &doc.foot {
            self.line(line, SMALL, 0.0, 1.0);
        }
    }

    pub(super) fn anchor(&mut self, id: &str) {
        let at = (self.pages.len() - 1, (self.y + 14.0).min(HEIGHT));
        self.anchors.entry(id.to_owned()).or_insert(at);
    }

    /// Begins a page if so much does not fit.
    pub(super) fn need(&mut self, height: f32) {
        if self.y - height < BOTTOM && self.y < TOP {
            self.break_page();
        }
    }

    fn break_page(&mut self) {
        self.pages.push(Sheet::default());
        self.y = TOP;
    }

    fn sheet(&mut self) -> &mut Sheet {
        if self.pages.is_empty() {
            self.pages.push(Sheet::default());
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading { level, id, line } => {
                self.need(46.0);
                if let Some(id) = id {
                    self.anchor(id);
                }
                let size = if *level == 3 { 10.5 } else { 9.0 };
                self.line(line, Style { cut: Cut::Bold, size, colour: Colour::INK }, 0.0, 6.0);
            }
            Block::Para(line) => self.line(line, BODY, 0.0, 3.0),
            Block::Note(line) => self.line(line, SMALL, 0.0, 3.0),
            Block::Callout(line) => {
                let (page, from) = (self.pages.len(), self.y - 5.0);
                self.line(line, BODY, 10.0, 5.0);
                // A callout that went over a page has no bar.
                if self.pages.len() == page {
                    let height = from - self.y;
                    self.rect((MARGIN, self.y - 2.0), (2.0, height), Colour::ACCENT);
                }
            }
            Block::List(items) => {
                for item in items {
                    self.item("•", item, 2.0);
                }
            }
            Block::Tasks(tasks) => {
                for (n, (what, why)) in tasks.iter().enumerate() {
                    self.need(44.0);
                    let number = format!("{}.", n + 1);
                    let bold: Line = what.iter().map(strong).collect();
                    self.item(&number, &bold, 4.0);
                    self.line(why, SMALL, INDENT, 1.0);
                }
            }
            Block::Facts(facts) => self.facts(facts),
            Block::Table(table) => self.table(table),
            Block::Picture(picture) => draw::picture(self, picture),
            Block::Fold { line, blocks, .. } => {
                self.need(46.0);
                self.line(line, Style { cut: Cut::Bold, size: 9.0, colour: Colour::INK }, 0.0, 5.0);
                self.blocks(blocks);
            }
            Block::Card { id, blocks } => {
                self.need(80.0);
                if let Some(id) = id {
                    self.anchor(id);
                }
                self.blocks(blocks);
                self.y -= 6.0;
            }
            Block::Findings => findings::list(self),
        }
    }

    fn facts(&mut self, facts: &[(String, Line)]) {
        for (name, value) in facts {
            let mut line = vec![Span::Dim(format!("{name}: "))];
            line.extend(value.iter().cloned());
            self.line(&line, BODY, 0.0, 1.0);
        }
    }

    fn item(&mut self, mark: &str, line: &Line, gap: f32) {
        let text = self.set(line, BODY);
        let lines = broken(&text.glyphs, TEXT - INDENT);
        for (n, range) in lines.into_iter().enumerate() {
            self.advance(BODY.size * 1.38, if n == 0 { gap } else { 0.0 });
            if n == 0 {
                let mut glyphs = Text::default();
                self.push(mark, Style { colour: Colour::DIM, ..BODY }, &mut glyphs);
                let (page, y) = (self.pages.len() - 1, self.y);
                self.show(page, (MARGIN + 3.0, y), &glyphs, 0..glyphs.glyphs.len());
            }
            let (page, y) = (self.pages.len() - 1, self.y);
            self.show(page, (MARGIN + INDENT, y), &text, range);
        }
    }

    /// Goes down by a line, to a new page if need be.
    pub(super) fn advance(&mut self, height: f32, gap: f32) {
        if self.y - height - gap < BOTTOM {
            self.break_page();
            self.y -= height;
        } else {
            self.y -= height + gap;
        }
    }

    pub(super) fn plain(&mut self, text: &str, style: Style, gap: f32) {
        self.line(&vec![Span::Text(text.to_owned())], style, 0.0, gap);
    }

    pub(super) fn line(&mut self, line: &Line, style: Style, indent: f32, gap: f32) {
        let text = self.set(line, style);
        for (n, range) in broken(&text.glyphs, TEXT - indent).into_iter().enumerate() {
            self.advance(style.size * 1.38, if n == 0 { gap } else { 0.0 });
            let (page, y) = (self.pages.len() - 1, self.y);
            self.show(page, (MARGIN + indent, y), &text, range);
        }
    }

    fn push(&mut self, text: &str, style: Style, out: &mut Text) {
        let room = MAX_GLYPHS.saturating_sub(out.glyphs.len());
        let mut glyphs = Vec::new();
        self.fonts.shape(&terminal(&crate::doc::cut(text, room)), style.cut, &mut glyphs);
        out.glyphs.extend(glyphs.into_iter().map(|glyph| Set { glyph, style, link: None, badge: None }));
    }

    fn set(&mut self, line: &Line, style: Style) -> Text {
        let mut out = Text::default();
        for span in line {
            let from = out.glyphs.len();
            match span {
                Span::Text(t) => self.push(t, style, &mut out),
                Span::Time { text, .. } => self.push(&text.replace(' ', "\u{a0}"), style, &mut out),
                Span::Strong(t) => self.push(t, Style { cut: Cut::Bold, ..style }, &mut out),
                Span::Em(t) => self.push(t, Style { colour: Colour::ACCENT, ..style }, &mut out),
                Span::Dim(t) => self.push(t, Style { colour: Colour::DIM, ..style }, &mut out),
                Span::Code(t) => {
                    self.push(t, Style { cut: Cut::Mono, size: style.size * 0.9, ..style }, &mut out)
                }
                Span::Error(t) => self.push(t, Style { colour: Colour::WEAK, ..style }, &mut out),
                Span::Link { to, text } => {
                    self.push(text, Style { colour: Colour::ACCENT, ..style }, &mut out);
                    self.linked(Target::Inside(to.clone()), from, &mut out);
                }
                Span::Page { url, text } => {
                    self.push(text, Style { colour: Colour::ACCENT, ..style }, &mut out);
                    self.linked(Target::Page(url.clone()), from, &mut out);
                }
                Span::Level(severity, word) => {
                    let badge = Style { cut: Cut::Bold, size: style.size * 0.82, colour: Colour::WHITE };
                    self.push(&format!("\u{a0}{word}\u{a0}"), badge, &mut out);
                    out.glyphs.iter_mut().skip(from).for_each(|g| g.badge = Some(*severity));
                }
                Span::Bar(_) => {}
            }
        }
        out
    }

    fn linked(&mut self, target: Target, from: usize, out: &mut Text) {
        let Ok(place) = u16::try_from(out.links.len()) else { return };
        out.links.push(target);
        out.glyphs.iter_mut().skip(from).for_each(|g| g.link = Some(place));
    }

    pub(super) fn width(&mut self, text: &str, style: Style) -> f32 {
        let mut set = Text::default();
        self.push(text, style, &mut set);
        set.glyphs.iter().map(Set::width).sum()
    }

    /// Text on any page, at its place.
    pub(super) fn text_on(&mut self, page: usize, at: (f32, f32), text: &str, style: Style) {
        let mut set = Text::default();
        self.push(text, style, &mut set);
        let all = 0..set.glyphs.len();
        self.show(page, at, &set, all);
    }

    pub(super) fn rect_on(&mut self, page: usize, at: (f32, f32), size: (f32, f32), c: Colour) {
        if let Some(sheet) = self.pages.get_mut(page) {
            sheet.content.set_fill_rgb(c.0, c.1, c.2).rect(at.0, at.1, size.0, size.1).fill_nonzero();
        }
    }

    fn rect(&mut self, at: (f32, f32), size: (f32, f32), c: Colour) {
        let page = self.pages.len() - 1;
        self.rect_on(page, at, size, c);
    }

    pub(super) fn here(&mut self) -> (&mut Sheet, f32) {
        let y = self.y;
        (self.sheet(), y)
    }

    pub(super) fn move_down(&mut self, by: f32) {
        self.y -= by;
    }

    /// Draws a part of a text from a point on its baseline.
    fn show(&mut self, page: usize, at: (f32, f32), text: &Text, range: std::ops::Range<usize>) {
        let Some(glyphs) = text.glyphs.get(range) else { return };
        let Some(sheet) = self.pages.get_mut(page) else { return };
        let (mut x, y) = at;
        let mut rest = glyphs;
        while let Some(first) = rest.first() {
            let same = |g: &&Set| {
                g.glyph.face == first.glyph.face
                    && g.style == first.style
                    && g.link == first.link
                    && g.badge == first.badge
            };
            let n = rest.iter().take_while(same).count().max(1);
            let (run, tail) = rest.split_at(n);
            rest = tail;
            let width: f32 = run.iter().map(Set::width).sum();
            let Style { size, colour, .. } = first.style;
            if let Some(severity) = first.badge {
                let c = severity_colour(severity);
                sheet.content.set_fill_rgb(c.0, c.1, c.2);
                sheet.content.rect(x, y - size * 0.28, width, size * 1.3).fill_nonzero();
            }
            let mut bytes = Vec::with_capacity(run.len() * 2);
            run.iter().for_each(|g| bytes.extend_from_slice(&g.glyph.id.to_be_bytes()));
            sheet.content.begin_text();
            sheet.content.set_fill_rgb(colour.0, colour.1, colour.2);
            sheet.content.set_font(Name(name(usize::from(first.glyph.face)).as_bytes()), size);
            sheet.content.next_line(x, y).show(Str(&bytes));
            sheet.content.end_text();
            if let Some(target) = first.link.and_then(|l| text.links.get(usize::from(l))) {
                let rect = Rect::new(x, y - size * 0.25, x + width, y + size * 0.9);
                sheet.links.push((rect, target.clone()));
            }
            x += width;
        }
    }

    fn table(&mut self, table: &Table) {
        if table.head.is_empty() {
            return;
        }
        let size = if table.head.len() > 5 { 7.2 } else { 8.0 };
        let body = Style { size, ..BODY };
        let head = Style { cut: Cut::Bold, size: size * 0.94, colour: Colour::DIM };
        let heads: Vec<Text> =
            table.head.iter().map(|(_, n)| self.set(&vec![Span::Text(n.clone())], head)).collect();
        let widths = self.widths(table, &heads, body);
        self.need(48.0);
        self.y -= 4.0;
        self.table_row(table, &heads, &widths, head, None);
        for row in &table.rows {
            let style = if row.strong { Style { cut: Cut::Bold, ..body } } else { body };
            let mut cells: Vec<Text> =
                row.cells.iter().take(table.head.len()).map(|c| self.set(c, style)).collect();
            cells.resize_with(table.head.len(), Text::default);
            let height = row_height(&cells, &widths, style);
            if self.y - height < BOTTOM && self.y < TOP {
                self.break_page();
                self.table_row(table, &heads, &widths, head, None);
            }
            self.table_row(table, &cells, &widths, style, row.id.as_deref());
        }
        self.y -= 4.0;
    }

    fn table_row(&mut self, table: &Table, cells: &[Text], widths: &[f32], style: Style, id: Option<&str>) {
        let height = row_height(cells, widths, style);
        let top = self.y;
        if let Some(id) = id {
            self.anchor(id);
        }
        self.y -= height;
        let page = self.pages.len() - 1;
        if style.colour == Colour::DIM {
            let y = self.y;
            self.rect((MARGIN, y), (TEXT, height), Colour::SOFT);
        }
        let mut x = MARGIN;
        for ((cell, width), (column, _)) in cells.iter().zip(widths).zip(&table.head) {
            let lines = broken(&cell.glyphs, width - PAD * 2.0);
            for (n, range) in lines.into_iter().take(MAX_CELL_LINES).enumerate() {
                let mut left = x + PAD;
                if *column == Column::Number {
                    let w: f32 = cell.glyphs.get(range.clone()).unwrap_or(&[]).iter().map(Set::width).sum();
                    left = x + width - PAD - w;
                }
                let y = top - PAD - style.size * (0.95 + 1.32 * n as f32);
                self.show(page, (left, y), cell, range);
            }
            x += width;
        }
        let (y, c) = (self.y, Colour::LINE);
        let sheet = self.sheet();
        sheet.content.set_stroke_rgb(c.0, c.1, c.2).set_line_width(0.5).set_line_cap(LineCapStyle::ButtCap);
        sheet.content.move_to(MARGIN, y).line_to(MARGIN + TEXT, y).stroke();
    }

    /// Each column gets its longest word, and of what is left what it would like more than that, in proportion.
    fn widths(&mut self, table: &Table, heads: &[Text], body: Style) -> Vec<f32> {
        let mut wish: Vec<f32> = heads.iter().map(|t| natural(&t.glyphs)).collect();
        let mut least: Vec<f32> = heads.iter().map(|t| widest_word(&t.glyphs)).collect();
        for row in table.rows.iter().take(MEASURED) {
            for (i, cell) in row.cells.iter().enumerate().take(wish.len()) {
                let text = self.set(cell, body);
                wish[i] = wish[i].max(natural(&text.glyphs));
                least[i] = least[i].max(widest_word(&text.glyphs));
            }
        }
        // No word is so long that the others may not be read.
        let most = TEXT / wish.len().max(1) as f32 * 1.5;
        least.iter_mut().for_each(|w| *w = w.min(most));
        let all: f32 = wish.iter().sum();
        if all <= TEXT {
            let texts = table.head.iter().filter(|(c, _)| *c == Column::Text).count();
            let last = wish.len() - 1;
            for (i, (column, _)) in table.head.iter().enumerate() {
                match texts {
                    0 if i == last => wish[i] += TEXT - all,
                    0 => {}
                    n if *column == Column::Text => wish[i] += (TEXT - all) / n as f32,
                    _ => {}
                }
            }
            return wish;
        }
        let taken: f32 = least.iter().sum();
        if taken >= TEXT {
            return least.iter().map(|w| w * TEXT / taken).collect();
        }
        let more = |i: usize| (wish[i].min(TEXT) - least[i]).max(0.0);
        let want: f32 = (0..wish.len()).map(more).sum();
        (0..wish.len()).map(|i| least[i] + (TEXT - taken) * more(i) / want.max(1.0)).collect()
    }
}

fn natural(glyphs: &[Set]) -> f32 {
    glyphs.iter().map(Set::width).sum::<f32>() + PAD * 2.0 + 0.5
}

fn widest_word(glyphs: &[Set]) -> f32 {
    glyphs.split(|g| ends(g.glyph.c)).map(natural).fold(0.0, f32::max)
}

/// Room on each side of a cell.
const PAD: f32 = 3.0;

fn row_height(cells: &[Text], widths: &[f32], style: Style) -> f32 {
    let lines =
        cells.iter().zip(widths).map(|(c, w)| broken(&c.glyphs, w - PAD * 2.0).len().min(MAX_CELL_LINES));
    let lines = lines.max().unwrap_or(1).max(1);
    style.size * 1.32 * lines as f32 + PAD * 2.0
}

fn strong(span: &Span) -> Span {
    match span {
        Span::Text(t) => Span::Strong(t.clone()),
        other => other.clone(),
    }
}

/// Whether a line may end behind a character.
fn ends(c: char) -> bool {
    c == ' ' || (c as u32) >= 0x2e80
}

/// Whether a long word may be broken behind a character.
fn parts(c: char) -> bool {
    matches!(c, '/' | '\\' | '-' | '_' | '.' | ',' | ':' | ';' | '=' | '&' | '?' | '@' | '|')
}

/// Lines of a text by place of their glyphs.
fn broken(glyphs: &[Set], width: f32) -> Vec<std::ops::Range<usize>> {
    let mut lines = Vec::new();
    let width = width.max(8.0);
    let mut start = 0;
    while start < glyphs.len() {
        let mut used = 0.0;
        let (mut blank, mut part) = (None, None);
        let mut at = start;
        while let Some(g) = glyphs.get(at) {
            // A blank at the end of a line takes no room.
            if used + g.width() > width && g.glyph.c != ' ' {
                break;
            }
            used += g.width();
            at += 1;
            if ends(g.glyph.c) {
                blank = Some(at);
            } else if parts(g.glyph.c) {
                part = Some(at);
            }
        }
        let end = if at >= glyphs.len() { at } else { blank.or(part).unwrap_or(at).max(start + 1) };
        lines.push(start..end);
        start = end;
    }
    lines
}
