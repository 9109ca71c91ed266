//! Pictures of exhibits: who goes to whom, and grids of numbers.
//!
//! A graph or flow is drawn as two columns, from and to, with lines as thick as what goes: a node that does both stands in both,
//! so that lines never run backwards and nothing depends on chance. A matrix is a heat map. Tables say the numbers.
//! What this module never does: draw more than can be read.

use std::collections::BTreeMap;

use palisade_model::{Exhibit, ExhibitBody};

use crate::doc::cut_middle;
use crate::picture::{Anchor, Ink, Picture, Shape};
use crate::story::Story;
use crate::timeline::fit;

const WIDTH: f64 = 980.0;
const LABELS: f64 = 300.0;
const ROW: f64 = 22.0;
const TOP: f64 = 26.0;
/// Most nodes of a column, those with most first.
const MAX_NODES: usize = 24;
/// Longest label of a node, in characters.
const MAX_LABEL: usize = 34;
/// Most cells of a heat map in either direction.
const MAX_CELLS: usize = 48;
/// Shades of a heat map.
const SHADES: f64 = 5.0;

/// A picture of the exhibit, if there is one that tells more than its table.
pub(crate) fn picture(story: &Story<'_>, e: &Exhibit) -> Option<Picture> {
    match &e.body {
        ExhibitBody::Graph { nodes, edges } => {
            let edges: Vec<Edge> = edges.iter().map(|(a, b, w)| (*a, *b, *w)).collect();
            columns(story, &e.title, nodes, &edges)
        }
        ExhibitBody::Flow { nodes, flows } => {
            // The amount is exact as text; how thick a line is need not be.
            let edges: Vec<Edge> =
                flows.iter().map(|(a, b, amount, _)| (*a, *b, amount.parse().unwrap_or(0.0))).collect();
            columns(story, &e.title, nodes, &edges)
        }
        ExhibitBody::Matrix { rows, columns, cells } => heat(story, &e.title, rows, columns, cells),
        ExhibitBody::Table { .. } | ExhibitBody::Timeline { .. } => None,
    }
}

type Edge = (u32, u32, f64);

/// Nodes of one column by what goes through them, the most first.
fn ranked(edges: &[Edge], of: impl Fn(&Edge) -> u32) -> Vec<u32> {
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for edge in edges {
        *sums.entry(of(edge)).or_default() += weight(edge.2);
    }
    let mut all: Vec<(u32, f64)> = sums.into_iter().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.into_iter().take(MAX_NODES).map(|(n, _)| n).collect()
}

fn weight(w: f64) -> f64 {
    if w.is_finite() { w.max(0.0) } else { 0.0 }
}

fn columns(story: &Story<'_>, title: &str, nodes: &[String], edges: &[Edge]) -> Option<Picture> {
    let known: Vec<Edge> = edges
        .iter()
        .filter(|(a, b, _)| (*a as usize) < nodes.len() && (*b as usize) < nodes.len())
        .copied()
        .collect();
    let (left, right) = (ranked(&known, |e| e.0), ranked(&known, |e| e.1));
    // One line says nothing that its table does not.
    if known.len() < 2 {
        return None;
    }
    let y = |place: usize| TOP + ROW * (place as f64 + 0.5);
    let place = |of: &[u32], node: u32| of.iter().position(|n| *n == node);
    let most = known.iter().map(|e| weight(e.2)).fold(0.0, f64::max);
    let height = TOP + ROW * left.len().max(right.len()) as f64 + 6.0;
    let mut shapes = Vec::new();
    let (from, to) = (LABELS + 8.0, WIDTH - LABELS - 8.0);
    for edge in &known {
        let (Some(a), Some(b)) = (place(&left, edge.0), place(&right, edge.1)) else { continue };
        let share = if most > 0.0 { weight(edge.2) / most } else { 0.0 };
        let width = 0.8 + 7.0 * share.sqrt();
        shapes.push(Shape::Line { a: (from, y(a)), b: (to, y(b)), ink: Ink::Accent, width, dashed: false });
    }
    for (column, x, anchor, head) in [
        (&left, LABELS, Anchor::End, "exhibits.from"),
        (&right, WIDTH - LABELS, Anchor::Start, "exhibits.to"),
    ] {
        let at = (x, 14.0);
        shapes.push(Shape::Text { at, text: story.t(head), ink: Ink::Dim, size: 11.5, anchor, link: None });
        for (i, node) in column.iter().enumerate() {
            // Both ends of a long name are what tells it from others.
            let text = cut_middle(nodes.get(*node as usize).map_or("", |n| n), MAX_LABEL);
            let at = (x, y(i) + 4.0);
            shapes.push(Shape::Text { at, text, ink: Ink::Text, size: 12.0, anchor, link: None });
        }
    }
    Some(Picture { width: WIDTH, height, label: story.title(title), shapes })
}

fn heat(
    story: &Story<'_>,
    title: &str,
    rows: &[String],
    columns: &[String],
    cells: &[f64],
) -> Option<Picture> {
    let (n, m) = (rows.len().min(MAX_CELLS), columns.len().min(MAX_CELLS));
    if n * m < 4 {
        return None;
    }
    let most = cells.iter().map(|v| weight(*v)).fold(0.0, f64::max);
    let (cell, height) = (((WIDTH - LABELS - 8.0) / m as f64).min(40.0), 18.0);
    let mut shapes = Vec::new();
    for (r, name) in rows.iter().take(n).enumerate() {
        let top = TOP + height * r as f64;
        let (at, text) = ((LABELS - 6.0, top + 13.0), fit(name, 11.5, LABELS - 16.0));
        shapes.push(Shape::Text { at, text, ink: Ink::Text, size: 11.5, anchor: Anchor::End, link: None });
        for c in 0..m {
            let value = cells.get(r * columns.len() + c).copied().unwrap_or(0.0);
            let share = if most > 0.0 { (weight(value) / most).sqrt() } else { 0.0 };
            let ink = Ink::Heat((share * SHADES).ceil().clamp(0.0, SHADES) as u8);
            let (at, size) = ((LABELS + cell * c as f64, top), (cell - 1.0, height - 1.0));
            shapes.push(Shape::Rect { at, size, ink, round: 2.0 });
        }
    }
    // As many heads as fit beside one another.
    let every = (34.0 / cell).ceil().max(1.0) as usize;
    for (c, name) in columns.iter().take(m).enumerate().step_by(every) {
        let at = (LABELS + cell * c as f64 + 1.0, 14.0);
        let text = fit(name, 10.5, cell * every as f64 - 2.0);
        shapes.push(Shape::Text { at, text, ink: Ink::Dim, size: 10.5, anchor: Anchor::Start, link: None });
    }
    let width = (LABELS + cell * m as f64 + 8.0).max(WIDTH);
    Some(Picture { width, height: TOP + height * n as f64 + 6.0, label: story.title(title), shapes })
}
