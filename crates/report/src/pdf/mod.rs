//! The report as PDF: text, tables and pictures as shapes, marked on every page, with links that stay inside.
//!
//! Written with `pdf-writer`, laid out here: what a report needs is paragraphs and tables, not a typesetter.
//! What this module never does: reach for a font, a clock or the network, or fail on any text.

mod draw;
mod findings;
mod fonts;
mod layout;

use pdf_writer::types::{ActionType, AnnotationType};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::sections;
use crate::story::Story;
use crate::{Material, Options};
use fonts::{Cut, Fonts};
use layout::{Colour, HEIGHT, Layout, MARGIN, Style, Target, WIDTH};

/// The report as PDF 1.7.
///
/// `fonts` are further OpenType fonts for characters beyond Latin, Greek and Cyrillic, in the order in which they are
/// tried. A character that no font has is written as its code point, `[U+6F22]`; text is not shaped, so scripts whose
/// letters join or run from right to left are better read in the HTML form.
pub fn pdf(material: &Material, options: &Options<'_>, fonts: &[&[u8]]) -> Vec<u8> {
    let story = Story::new(material, options);
    let doc = sections::build(&story);
    let mut layout = Layout::new(&story, Fonts::new(fonts), doc.tlp);
    layout.document(&doc);
    Writer::new(&story, layout, &doc.title).write()
}

/// Compressed the same way on every machine: a faster library may choose its matches by what the processor can do.
fn packed(data: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(data, 6)
}

struct Writer<'w> {
    story: &'w Story<'w>,
    layout: Layout<'w>,
    title: String,
    pdf: Pdf,
    last: i32,
}

impl<'w> Writer<'w> {
    fn new(story: &'w Story<'w>, layout: Layout<'w>, title: &str) -> Writer<'w> {
        Writer {
            story,
            layout,
            title: palisade_model::terminal(title).into_owned(),
            pdf: Pdf::new(),
            last: 0,
        }
    }

    fn next(&mut self) -> Ref {
        self.last += 1;
        Ref::new(self.last)
    }

    fn write(mut self) -> Vec<u8> {
        let (catalog, tree, outline, info) = (self.next(), self.next(), self.next(), self.next());
        let faces: Vec<String> = self.layout.fonts.names().collect();
        let faces: Vec<(String, Ref)> = faces.into_iter().map(|n| (n, self.next())).collect();
        let n = self.layout.pages.len();
        let pages: Vec<Ref> = (0..n).map(|_| self.next()).collect();
        for i in 0..n {
            self.margins(i, n);
        }
        let language = self.story.o.catalogue.language();
        let mut c = self.pdf.catalog(catalog);
        c.pages(tree).outlines(outline).lang(TextStr(language));
        c.viewer_preferences().display_doc_title(true);
        c.finish();
        let producer = format!(
            "Palisade {}",
            palisade_model::terminal(&crate::doc::cut(&self.story.m.tool_version, 60))
        );
        self.pdf.document_info(info).title(TextStr(&self.title)).producer(TextStr(&producer));
        self.pdf.pages(tree).kids(pages.iter().copied()).count(n as i32);
        let done = std::mem::take(&mut self.layout.pages);
        let anchors = std::mem::take(&mut self.layout.anchors);
        for (i, page) in done.into_iter().enumerate() {
            let content = self.next();
            let mut notes = Vec::new();
            for (rect, target) in page.links {
                let known = match &target {
                    Target::Inside(to) => anchors.get(to).map(|at| (*at, None)),
                    Target::Page(url) => Some(((0, 0.0), Some(url.clone()))),
                };
                // What has no place in the print is no link in it.
                let Some(((to, y), url)) = known else { continue };
                let id = self.next();
                let mut note = self.pdf.annotation(id);
                note.subtype(AnnotationType::Link).rect(rect).border(0.0, 0.0, 0.0, None);
                match url {
                    Some(url) => {
                        note.action().action_type(ActionType::Uri).uri(Str(url.as_bytes()));
                    }
                    None => {
                        if let Some(page) = pages.get(to) {
                            note.action()
                                .action_type(ActionType::GoTo)
                                .destination()
                                .page(*page)
                                .xyz(0.0, y, None);
                        }
                    }
                }
                note.finish();
                notes.push(id);
            }
            let mut p = self.pdf.page(pages[i]);
            p.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(content);
            if !notes.is_empty() {
                p.annotations(notes);
            }
            let mut resources = p.resources();
            let mut fonts = resources.fonts();
            for (name, font) in &faces {
                fonts.pair(Name(name.as_bytes()), *font);
            }
            fonts.finish();
            resources.finish();
            p.finish();
            let bytes = page.content.finish();
            let bytes = packed(bytes.as_slice());
            self.pdf.stream(content, &bytes).filter(pdf_writer::Filter::FlateDecode);
        }
        self.outline(outline, &pages, &anchors);
        let refs: Vec<Ref> = faces.iter().map(|(_, r)| *r).collect();
        let Writer { layout, mut pdf, mut last, .. } = self;
        layout.fonts.write(&mut pdf, &refs, &mut || {
            last += 1;
            Ref::new(last)
        });
        pdf.finish()
    }

    /// Marking and number at the head and foot of a page.
    fn margins(&mut self, i: usize, n: usize) {
        let tlp = self.layout.tlp;
        let (page, of) = (self.story.number(i as u64 + 1), self.story.number(n as u64));
        let number = self.story.t_with("report.page", &[("n", &page), ("of", &of)]);
        let head = crate::doc::cut(&self.story.m.case, 80);
        let mark = Style { cut: Cut::Bold, size: 8.5, colour: layout::tlp_colour(tlp) };
        let small = Style { cut: Cut::Sans, size: 7.5, colour: Colour::DIM };
        let text = tlp.to_string();
        let width = self.layout.width(&text, mark);
        let x = WIDTH - MARGIN - width - 6.0;
        for y in [HEIGHT - 30.0, 22.0] {
            self.layout.rect_on(i, (x - 6.0, y - 4.0), (width + 12.0, 14.0), Colour::BLACK);
            self.layout.text_on(i, (x, y), &text, mark);
        }
        self.layout.text_on(i, (MARGIN, HEIGHT - 30.0), &head, small);
        self.layout.text_on(i, (MARGIN, 22.0), &number, small);
    }

    /// Sections as bookmarks.
    fn outline(
        &mut self,
        root: Ref,
        pages: &[Ref],
        anchors: &std::collections::BTreeMap<String, (usize, f32)>,
    ) {
        let heads = std::mem::take(&mut self.layout.heads);
        let mut items: Vec<(Ref, String, Ref, f32)> = Vec::new();
        for (id, title) in heads {
            if let Some((page, y)) = anchors.get(id)
                && let Some(page) = pages.get(*page)
            {
                items.push((self.next(), title, *page, *y));
            }
        }
        let mut o = self.pdf.outline(root);
        if let (Some(first), Some(last)) = (items.first(), items.last()) {
            o.first(first.0).last(last.0).count(items.len() as i32);
        }
        o.finish();
        for (i, (id, title, page, y)) in items.iter().enumerate() {
            let mut item = self.pdf.outline_item(*id);
            item.parent(root).title(TextStr(title));
            if let Some((next, ..)) = items.get(i + 1) {
                item.next(*next);
            }
            if let Some((prev, ..)) = i.checked_sub(1).and_then(|p| items.get(p)) {
                item.prev(*prev);
            }
            item.dest().page(*page).xyz(0.0, *y, None);
        }
    }
}

/// A page that is being filled.
struct Sheet {
    content: Content,
    links: Vec<(Rect, Target)>,
}

impl Default for Sheet {
    fn default() -> Sheet {
        Sheet { content: Content::new(), links: Vec::new() }
    }
}
