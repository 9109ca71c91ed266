//! Fonts of the print: which face has a character, how wide it is, and what of each face goes into the file.
//!
//! Three faces are in the binary (Latin, Greek, Cyrillic; `fonts/LICENSE`); the caller may give more. A character that no
//! face has is written as its code point, so that no name is lost. Nothing is shaped: letters that join and scripts
//! that run from right to left are written as code points too unless a given font has them.
//! What this module never does: look for fonts on the machine.

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Finish, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};

const SANS: &[u8] = include_bytes!("../../fonts/Sans.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/Bold.ttf");
const MONO: &[u8] = include_bytes!("../../fonts/Mono.ttf");

/// Most faces that a caller may add.
const MAX_EXTRA: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    Sans,
    Bold,
    Mono,
}

struct Loaded<'f> {
    data: &'f [u8],
    face: Face<'f>,
    units: f32,
    remapper: GlyphRemapper,
    /// New glyph, character, width in thousandths of the size.
    used: Vec<(u16, char, f32)>,
}

/// One character, placed by nobody yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    pub face: u8,
    /// Number in the subset.
    pub id: u16,
    /// Width in thousandths of the size.
    pub width: f32,
    pub c: char,
}

pub(super) struct Fonts<'f> {
    faces: Vec<Loaded<'f>>,
}

impl<'f> Fonts<'f> {
    pub(super) fn new(extra: &[&'f [u8]]) -> Fonts<'f> {
        let all = [SANS, BOLD, MONO].into_iter().chain(extra.iter().copied().take(MAX_EXTRA));
        let faces = all.filter_map(|data| {
            // A face that cannot be read has no characters; code points stand in.
            let face = Face::parse(data, 0).ok()?;
            // What cannot be made smaller cannot be put into the file.
            subsetter::subset(data, 0, &GlyphRemapper::new()).ok()?;
            let units = f32::from(face.units_per_em()).max(16.0);
            Some(Loaded { data, face, units, remapper: GlyphRemapper::new(), used: Vec::new() })
        });
        Fonts { faces: faces.collect() }
    }

    /// The glyphs of a text; deceptive characters have been made visible before.
    pub(super) fn shape(&mut self, text: &str, cut: Cut, out: &mut Vec<Glyph>) {
        for c in text.chars() {
            if self.push(c, cut, out) {
                continue;
            }
            for c in format!("[U+{:04X}]", c as u32).chars() {
                self.push(c, cut, out);
            }
        }
    }

    fn push(&mut self, c: char, cut: Cut, out: &mut Vec<Glyph>) -> bool {
        let wanted = match cut {
            Cut::Sans => 0,
            Cut::Bold => 1,
            Cut::Mono => 2,
        };
        let order = [wanted].into_iter().chain((0..self.faces.len()).filter(|i| *i != wanted));
        let found = order.into_iter().find_map(|i| {
            let id = self.faces.get(i)?.face.glyph_index(c)?;
            (id.0 != 0).then_some((i, id))
        });
        let Some((i, id)) = found else { return false };
        let Some(face) = self.faces.get_mut(i) else { return false };
        // A subset numbers its glyphs with sixteen bits.
        if face.remapper.num_gids() == u16::MAX {
            return false;
        }
        let width = f32::from(face.face.glyph_hor_advance(GlyphId(id.0)).unwrap_or(0)) * 1_000.0 / face.units;
        let known = face.remapper.get(id.0);
        let new = face.remapper.remap(id.0);
        if known.is_none() {
            face.used.push((new, c, width));
        }
        out.push(Glyph { face: i as u8, id: new, width, c });
        true
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.faces.len()).map(name)
    }

    /// Writes the faces that were used; `next` gives references.
    pub(super) fn write(self, pdf: &mut Pdf, refs: &[Ref], next: &mut impl FnMut() -> Ref) {
        for (i, (face, font)) in self.faces.into_iter().zip(refs).enumerate() {
            write_face(pdf, face, *font, i, next);
        }
    }
}

/// How the face is called in a page's resources.
pub(super) fn name(i: usize) -> String {
    format!("F{i}")
}

fn write_face(pdf: &mut Pdf, loaded: Loaded<'_>, font: Ref, i: usize, next: &mut impl FnMut() -> Ref) {
    let Loaded { data, face, units, remapper, used } = loaded;
    let (cid, descriptor, file, to_unicode) = (next(), next(), next(), next());
    // A subset's name begins with six letters of its own (ISO 32000-1, 9.6.4).
    let postscript = format!("AAAAA{}+PalisadeFont{i}", (b'A' + (i % 26) as u8) as char);
    let postscript = Name(postscript.as_bytes());
    let system = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
    let cff = face.tables().cff.is_some();
    pdf.type0_font(font)
        .base_font(postscript)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(to_unicode);
    let mut cid_font = pdf.cid_font(cid);
    cid_font.subtype(if cff { CidFontType::Type0 } else { CidFontType::Type2 });
    cid_font.base_font(postscript).system_info(system).font_descriptor(descriptor).default_width(0.0);
    if !cff {
        cid_font.cid_to_gid_map_predefined(Name(b"Identity"));
    }
    let mut widths = cid_font.widths();
    for (id, _, width) in &used {
        widths.same(*id, *id, *width);
    }
    widths.finish();
    cid_font.finish();
    let scale = |v: i16| f32::from(v) * 1_000.0 / units;
    let b = face.global_bounding_box();
    let mut d = pdf.font_descriptor(descriptor);
    d.name(postscript)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(Rect::new(scale(b.x_min), scale(b.y_min), scale(b.x_max), scale(b.y_max)))
        .italic_angle(0.0)
        .ascent(scale(face.ascender()))
        .descent(scale(face.descender()))
        .cap_height(scale(face.capital_height().unwrap_or_else(|| face.ascender())))
        .stem_v(80.0);
    if cff {
        d.font_file3(file);
    } else {
        d.font_file2(file);
    }
    d.finish();
    // It could be made of nothing in `new`; should it fail now, an empty file shows blanks and the text can be copied.
    let subset = subsetter::subset(data, 0, &remapper).unwrap_or_default();
    let packed = super::packed(&subset);
    let mut stream = pdf.stream(file, &packed);
    stream.filter(pdf_writer::Filter::FlateDecode);
    if cff {
        stream.pair(Name(b"Subtype"), Name(b"OpenType"));
    }
    stream.finish();
    let mut cmap = UnicodeCmap::new(Name(b"Custom"), system);
    for (id, c, _) in &used {
        cmap.pair(*id, *c);
    }
    let cmap = cmap.finish();
    pdf.cmap(to_unicode, &super::packed(cmap.as_slice())).filter(pdf_writer::Filter::FlateDecode);
}
