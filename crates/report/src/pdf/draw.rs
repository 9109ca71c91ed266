//! Pictures as vector shapes.

use palisade_model::terminal;
use pdf_writer::types::LineCapStyle;

use super::fonts::Cut;
use super::layout::{Colour, Layout, MARGIN, Style, TEXT, severity_colour};
use crate::picture::{Anchor, Ink, Picture, Shape};

/// Distance of a circle's control points, by its radius: a cubic of four quarters is then off by less than 0.03 %.
const ROUND: f32 = 0.5523;

fn colour(ink: Ink) -> Colour {
    match ink {
        Ink::Level(s) => severity_colour(s),
        Ink::Axis => Colour::LINE,
        Ink::Text => Colour::INK,
        Ink::Dim => Colour::DIM,
        Ink::Accent => Colour::ACCENT,
        Ink::Weak => Colour::WEAK,
        Ink::Soft => Colour::SOFT,
        Ink::Paper => Colour::WHITE,
        // From the faint surface to the accent.
        Ink::Heat(n) => {
            let (a, b, share) = (Colour::SOFT, Colour::ACCENT, f32::from(n.min(5)) / 5.0);
            let mix = |a: f32, b: f32| a + (b - a) * share;
            Colour(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
        }
    }
}

fn scale(p: &Picture) -> f32 {
    if p.width > 0.0 { (TEXT / p.width as f32).min(1.0) } else { 1.0 }
}

/// How high a picture is on the page.
pub(super) fn height(p: &Picture) -> f32 {
    p.height as f32 * scale(p)
}

pub(super) fn picture(layout: &mut Layout<'_>, p: &Picture) {
    let (scale, height) = (scale(p), height(p));
    layout.need(height + 8.0);
    layout.move_down(6.0);
    let page = layout.pages.len() - 1;
    let (_, top) = layout.here();
    let at = |(x, y): (f64, f64)| (MARGIN + x as f32 * scale, top - y as f32 * scale);
    for shape in &p.shapes {
        match shape {
            Shape::Text { at: place, text, ink, size, anchor, .. } => {
                let style = Style { cut: Cut::Sans, size: *size as f32 * scale, colour: colour(*ink) };
                let (mut x, y) = at(*place);
                x -= match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => layout.width(text, style) / 2.0,
                    Anchor::End => layout.width(text, style),
                };
                layout.text_on(page, (x, y), &terminal(text), style);
            }
            Shape::Rect { at: place, size, ink, .. } => {
                let (x, y) = at(*place);
                let (w, h) = (size.0 as f32 * scale, size.1 as f32 * scale);
                layout.rect_on(page, (x, y - h), (w, h), colour(*ink));
            }
            _ => stroke(layout, shape, scale, &at),
        }
    }
    layout.move_down(height + 4.0);
}

fn stroke(layout: &mut Layout<'_>, shape: &Shape, scale: f32, at: &impl Fn((f64, f64)) -> (f32, f32)) {
    let (sheet, _) = layout.here();
    let out = &mut sheet.content;
    let mut pen = |ink: Ink, width: f64, dashed: bool| {
        let c = colour(ink);
        out.set_stroke_rgb(c.0, c.1, c.2).set_line_width((width as f32 * scale).max(0.3));
        out.set_line_cap(LineCapStyle::ButtCap);
        let dash: &[f32] = if dashed { &[2.4, 1.8] } else { &[] };
        out.set_dash_pattern(dash.iter().copied(), 0.0);
    };
    match shape {
        Shape::Line { a, b, ink, width, dashed } => {
            pen(*ink, *width, *dashed);
            let (a, b) = (at(*a), at(*b));
            out.move_to(a.0, a.1).line_to(b.0, b.1).stroke();
        }
        Shape::Arc { a, b, lift, ink, width, dashed, .. } => {
            pen(*ink, *width, *dashed);
            let up = *lift as f32 * scale;
            let (a, b) = (at(*a), at(*b));
            out.move_to(a.0, a.1).cubic_to(a.0, a.1 + up, b.0, b.1 + up, b.0, b.1).stroke();
        }
        Shape::Circle { at: place, r, ink, .. } => {
            let ((x, y), r, c) = (at(*place), *r as f32 * scale, colour(*ink));
            let k = r * ROUND;
            out.set_fill_rgb(c.0, c.1, c.2);
            out.move_to(x + r, y)
                .cubic_to(x + r, y + k, x + k, y + r, x, y + r)
                .cubic_to(x - k, y + r, x - r, y + k, x - r, y)
                .cubic_to(x - r, y - k, x - k, y - r, x, y - r)
                .cubic_to(x + k, y - r, x + r, y - k, x + r, y)
                .fill_nonzero();
        }
        Shape::Rect { .. } | Shape::Text { .. } => {}
    }
    out.set_dash_pattern([], 0.0);
}
