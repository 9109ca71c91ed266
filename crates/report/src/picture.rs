//! Pictures as shapes, so that a page and a print draw the same one.
//!
//! What this module never does: measure fonts. Widths of text are estimated, and text is cut before it is placed.

use std::fmt::Write as _;

use palisade_model::{Severity, html};

/// What a shape is drawn in: the writer has the colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ink {
    Level(Severity),
    Axis,
    Text,
    Dim,
    Accent,
    /// Something weak: a join that alone holds two parts together.
    Weak,
    /// A faint surface.
    Soft,
    /// The page.
    Paper,
    /// A shade from 0, nothing, to 5.
    Heat(u8),
}

impl Ink {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Ink::Level(s) => s.name(),
            Ink::Axis => "axis",
            Ink::Text => "text",
            Ink::Dim => "dim",
            Ink::Accent => "accent",
            Ink::Weak => "weak",
            Ink::Soft => "soft",
            Ink::Paper => "paper",
            Ink::Heat(0) => "h0",
            Ink::Heat(1) => "h1",
            Ink::Heat(2) => "h2",
            Ink::Heat(3) => "h3",
            Ink::Heat(4) => "h4",
            Ink::Heat(_) => "h5",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Coordinates from the upper left corner, in CSS pixels.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Shape {
    Line {
        a: (f64, f64),
        b: (f64, f64),
        ink: Ink,
        width: f64,
        dashed: bool,
    },
    /// A curve above the line between its ends.
    Arc {
        a: (f64, f64),
        b: (f64, f64),
        lift: f64,
        ink: Ink,
        width: f64,
        dashed: bool,
        title: String,
    },
    Rect {
        at: (f64, f64),
        size: (f64, f64),
        ink: Ink,
        round: f64,
    },
    Circle {
        at: (f64, f64),
        r: f64,
        ink: Ink,
        title: String,
        link: Option<String>,
    },
    Text {
        at: (f64, f64),
        text: String,
        ink: Ink,
        size: f64,
        anchor: Anchor,
        link: Option<String>,
    },
}

/// A drawing.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Picture {
    pub width: f64,
    pub height: f64,
    /// What it shows, for who cannot see it.
    pub label: String,
    pub shapes: Vec<Shape>,
}

/// About how wide a text is.
pub(crate) fn width_of(text: &str, size: f64) -> f64 {
    text.chars().map(|c| if (c as u32) < 0x1100 { 0.56 } else { 1.0 }).sum::<f64>() * size
}

fn n(value: f64) -> String {
    // One decimal, and never NaN: a coordinate that is none is zero.
    let text = format!("{:.1}", if value.is_finite() { value } else { 0.0 });
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// As SVG inside an HTML page whose style sheet has the colours.
pub(crate) fn svg(p: &Picture, out: &mut String) {
    let _ = write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{0}\"><svg viewBox=\"0 0 {1} {2}\" width=\"{1}\" height=\"{2}\" role=\"img\" aria-label=\"{0}\">",
        html(&p.label),
        n(p.width),
        n(p.height)
    );
    for shape in &p.shapes {
        draw(shape, out);
    }
    out.push_str("</svg></div>\n");
}

fn draw(shape: &Shape, out: &mut String) {
    let dash = |dashed: bool| if dashed { " stroke-dasharray=\"4 3\"" } else { "" };
    let _ = match shape {
        Shape::Line { a, b, ink, width, dashed } => write!(
            out,
            "<line class=\"s-{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke-width=\"{}\"{}/>",
            ink.name(),
            n(a.0),
            n(a.1),
            n(b.0),
            n(b.1),
            n(*width),
            dash(*dashed)
        ),
        Shape::Arc { a, b, lift, ink, width, dashed, title } => write!(
            out,
            "<path class=\"s-{}\" fill=\"none\" d=\"M{} {}C{} {} {} {} {} {}\" stroke-width=\"{}\"{}><title>{}</title></path>",
            ink.name(),
            n(a.0),
            n(a.1),
            n(a.0),
            n(a.1 - lift),
            n(b.0),
            n(b.1 - lift),
            n(b.0),
            n(b.1),
            n(*width),
            dash(*dashed),
            html(title)
        ),
        Shape::Rect { at, size, ink, round } => write!(
            out,
            "<rect class=\"f-{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            ink.name(),
            n(at.0),
            n(at.1),
            n(size.0.max(0.0)),
            n(size.1.max(0.0)),
            n(*round)
        ),
        Shape::Circle { at, r, ink, title, link } => {
            open(link, out);
            let _ = write!(
                out,
                "<circle class=\"f-{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"><title>{}</title></circle>",
                ink.name(),
                n(at.0),
                n(at.1),
                n(r.max(0.0)),
                html(title)
            );
            close(link, out)
        }
        Shape::Text { at, text, ink, size, anchor, link } => {
            open(link, out);
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let _ = write!(
                out,
                "<text class=\"f-{}\" x=\"{}\" y=\"{}\" font-size=\"{}\"{anchor}>{}</text>",
                ink.name(),
                n(at.0),
                n(at.1),
                n(*size),
                html(text)
            );
            close(link, out)
        }
    };
}

fn open(link: &Option<String>, out: &mut String) {
    if let Some(to) = link {
        let _ = write!(out, "<a href=\"#{}\">", html(to));
    }
}

fn close(link: &Option<String>, out: &mut String) -> std::fmt::Result {
    if link.is_some() {
        out.push_str("</a>");
    }
    Ok(())
}
