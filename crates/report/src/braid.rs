//! The picture of one campaign: its steps from left to right, arcs for joins, a lane for each thing that steps share.
//!
//! Drawn as a matrix and not as a free graph: places depend on nothing but the order of steps, lines never tangle, and
//! sixty steps are as readable as three. Arcs above say which steps are joined and how strongly; a join that alone holds
//! two parts together is dashed. Below, one lane for each channel, machine and shared value, with a dot under each step
//! that has it.
//! What this module never does: lay out by chance or force.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Campaign, Observable, TermKind, Weight};

use crate::defang::defang;
use crate::doc::{cut, cut_middle};
use crate::picture::{Anchor, Ink, Picture, Shape};
use crate::story::{Story, step_anchor};
use crate::timeline::fit;

const WIDTH: f64 = 980.0;
const LABELS: f64 = 210.0;
const LANE: f64 = 21.0;
/// Most steps drawn; a table has all.
pub(crate) const MAX_STEPS: usize = 80;
const MAX_HOSTS: usize = 8;
const MAX_VALUES: usize = 14;

struct Lane {
    label: String,
    steps: BTreeSet<usize>,
    ink: Ink,
}

pub(crate) fn picture(story: &Story<'_>, c: &Campaign) -> Picture {
    let shown = chosen(c);
    let place: BTreeMap<usize, usize> = shown.iter().enumerate().map(|(at, step)| (*step, at)).collect();
    let n = shown.len().max(1) as f64;
    let column = ((WIDTH - LABELS - 12.0) / n).min(110.0);
    let x = |at: usize| LABELS + column * (at as f64 + 0.5);
    let mut shapes = Vec::new();
    let arcs: Vec<(usize, usize, &palisade_model::Join)> =
        c.joins.iter().filter_map(|j| Some((*place.get(&j.steps.0)?, *place.get(&j.steps.1)?, j))).collect();
    let reach = arcs.iter().map(|(a, b, _)| b.abs_diff(*a)).max().unwrap_or(0);
    let lift = |from: usize, to: usize| 18.0 + 82.0 * (to.abs_diff(from) as f64 / reach.max(1) as f64).sqrt();
    let top = if arcs.is_empty() { 24.0 } else { 14.0 + 0.75 * lift(0, reach) };
    let nodes = top + 12.0;
    let lanes = lanes(story, c, &place);
    let lanes_top = nodes + 26.0;
    let height = lanes_top + LANE * lanes.len() as f64 + 34.0;
    for (i, lane) in lanes.iter().enumerate() {
        draw_lane(lane, i, lanes_top, &x, &mut shapes);
    }
    for (a, b, join) in arcs {
        let ink = if join.bridge { Ink::Weak } else { Ink::Accent };
        let title = story.t_with(
            "campaigns.join",
            &[
                ("a", &story.number(join.steps.0 as u64 + 1)),
                ("b", &story.number(join.steps.1 as u64 + 1)),
                ("score", &join.score.to_string()),
                ("percent", &story.o.locale.percent(join.score.probability())),
            ],
        );
        shapes.push(Shape::Arc {
            a: (x(a), nodes - 10.0),
            b: (x(b), nodes - 10.0),
            lift: lift(a, b),
            ink,
            width: 1.0 + (join.score.nats().max(0.0) / 4.0).min(2.5),
            dashed: join.bridge,
            title,
        });
    }
    draw_steps(story, c, &shown, nodes, column, &x, &mut shapes);
    axis(story, c, &shown, height, column, &x, &mut shapes);
    for (y, key) in [(nodes + 4.0, "campaigns.steps"), (top / 2.0, "campaigns.joins")] {
        let at = (0.0, y);
        shapes.push(Shape::Text {
            at,
            text: story.t(key),
            ink: Ink::Dim,
            size: 12.0,
            anchor: Anchor::Start,
            link: None,
        });
    }
    Picture {
        width: WIDTH,
        height,
        label: story.t_with("campaigns.alt", &[("id", &c.id.to_string())]),
        shapes,
    }
}

/// All steps, or the gravest of too many, in their order.
fn chosen(c: &Campaign) -> Vec<usize> {
    let mut all: Vec<usize> = (0..c.steps.len()).collect();
    if all.len() > MAX_STEPS {
        all.sort_by_key(|i| (std::cmp::Reverse(c.steps[*i].severity), *i));
        all.truncate(MAX_STEPS);
        all.sort_unstable();
    }
    all
}

fn lanes(story: &Story<'_>, c: &Campaign, place: &BTreeMap<usize, usize>) -> Vec<Lane> {
    let mut out = Vec::new();
    for vector in c.vectors() {
        let steps = place.iter().filter(|(s, _)| c.steps[**s].vectors.contains(&vector)).map(|(_, at)| *at);
        out.push(Lane { label: story.vector(vector), steps: steps.collect(), ink: Ink::Dim });
    }
    let mut hosts: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (step, at) in place {
        for host in &c.steps[*step].hosts {
            hosts.entry(host).or_default().insert(*at);
        }
    }
    let mut hosts: Vec<(&str, BTreeSet<usize>)> = hosts.into_iter().collect();
    hosts.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
    hosts.truncate(MAX_HOSTS);
    // In the order in which they were reached: the way through the network becomes visible.
    hosts.sort_by(|a, b| a.1.first().cmp(&b.1.first()).then(a.0.cmp(b.0)));
    out.extend(hosts.into_iter().map(|(h, steps)| Lane { label: cut_middle(h, 60), steps, ink: Ink::Text }));
    // A machine that steps share has a lane already.
    let known: BTreeSet<String> = out.iter().map(|l| l.label.to_lowercase()).collect();
    out.extend(values(story, c, place).into_iter().filter(|l| !known.contains(&l.label)));
    out
}

/// Shared values, those that weigh most first.
fn values(story: &Story<'_>, c: &Campaign, place: &BTreeMap<usize, usize>) -> Vec<Lane> {
    let mut weights: BTreeMap<&Observable, i64> = BTreeMap::new();
    for term in c.joins.iter().flat_map(|j| &j.terms).filter(|t| t.kind == TermKind::Shared) {
        if let Some(o) = &term.observable {
            let weight = weights.entry(o).or_default();
            *weight = weight.saturating_add(term.weight.0);
        }
    }
    let mut all: Vec<(&Observable, i64)> = weights.into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    all.truncate(MAX_VALUES);
    let mut lanes: Vec<Lane> = Vec::new();
    for (o, _) in all {
        let mut steps = BTreeSet::new();
        for (step, at) in place {
            let held = c.steps[*step].findings.iter().filter_map(|id| story.by_id.get(id));
            if held.map(|i| &story.m.findings[*i]).any(|f| f.observables.contains(o)) {
                steps.insert(*at);
            }
        }
        // What a join says is shared is shared, whether or not the findings at hand still list it.
        for j in &c.joins {
            if j.terms.iter().any(|t| t.observable.as_ref() == Some(o)) {
                steps.extend([j.steps.0, j.steps.1].iter().filter_map(|s| place.get(s)));
            }
        }
        let label = match o.kind() {
            palisade_model::ObservableKind::Host => cut_middle(o.value(), 60),
            _ => cut_middle(&defang(o), 60),
        };
        lanes.push(Lane { label, steps, ink: Ink::Accent });
    }
    lanes
}

fn draw_lane(lane: &Lane, i: usize, top: f64, x: &impl Fn(usize) -> f64, shapes: &mut Vec<Shape>) {
    let y = top + LANE * (i as f64 + 0.5);
    if i.is_multiple_of(2) {
        let (at, size) = ((0.0, y - LANE / 2.0), (WIDTH, LANE));
        shapes.push(Shape::Rect { at, size, ink: Ink::Soft, round: 3.0 });
    }
    shapes.push(Shape::Text {
        at: (6.0, y + 4.0),
        text: fit(&lane.label, 11.5, LABELS - 22.0),
        ink: lane.ink,
        size: 11.5,
        anchor: Anchor::Start,
        link: None,
    });
    if let (Some(first), Some(last)) = (lane.steps.first(), lane.steps.last()) {
        shapes.push(Shape::Line {
            a: (x(*first), y),
            b: (x(*last), y),
            ink: lane.ink,
            width: 1.0,
            dashed: false,
        });
    }
    for at in &lane.steps {
        let (at, title) = ((x(*at), y), cut(&lane.label, 120));
        shapes.push(Shape::Circle { at, r: 4.0, ink: lane.ink, title, link: None });
    }
}

fn draw_steps(
    story: &Story<'_>,
    c: &Campaign,
    shown: &[usize],
    y: f64,
    column: f64,
    x: &impl Fn(usize) -> f64,
    shapes: &mut Vec<Shape>,
) {
    let r = (column / 2.0 - 1.0).clamp(4.0, 10.0);
    for (at, &step) in shown.iter().enumerate() {
        let s = &c.steps[step];
        let link = story.cites().then(|| step_anchor(&c.id, step));
        let number = story.number(step as u64 + 1);
        let when = s.first.map(|t| story.moment(t)).unwrap_or_default();
        let title = format!("{number} · {when} · {} · {}", story.severity(s.severity), cut(&s.title, 120));
        shapes.push(Shape::Circle {
            at: (x(at), y),
            r,
            ink: Ink::Level(s.severity),
            title,
            link: link.clone(),
        });
        if r >= 8.0 {
            let at = (x(at), y + 3.5);
            shapes.push(Shape::Text {
                at,
                text: number,
                ink: Ink::Paper,
                size: 10.0,
                anchor: Anchor::Middle,
                link,
            });
        } else if step == 0 || (step + 1).is_multiple_of(5) {
            let at = (x(at), y + 18.0);
            shapes.push(Shape::Text {
                at,
                text: number,
                ink: Ink::Dim,
                size: 10.0,
                anchor: Anchor::Middle,
                link,
            });
        }
    }
}

/// Dates below the columns, as many as fit.
fn axis(
    story: &Story<'_>,
    c: &Campaign,
    shown: &[usize],
    height: f64,
    column: f64,
    x: &impl Fn(usize) -> f64,
    shapes: &mut Vec<Shape>,
) {
    let mut free = 0.0;
    for (at, &step) in shown.iter().enumerate() {
        let Some(t) = c.steps[step].first else { continue };
        let left = x(at) - column.min(20.0) / 2.0;
        if left < free {
            continue;
        }
        let (locale, zone) = (story.o.locale, &story.o.zone);
        for (y, text) in [(height - 18.0, locale.date(t, zone)), (height - 5.0, locale.clock(t, zone))] {
            let at = (left, y);
            shapes.push(Shape::Text {
                at,
                text,
                ink: Ink::Dim,
                size: 10.5,
                anchor: Anchor::Start,
                link: None,
            });
        }
        free = left + 82.0;
    }
}

/// The sum of a join's terms: what its score must be.
pub(crate) fn sum(j: &palisade_model::Join) -> Weight {
    j.terms.iter().map(|t| t.weight).sum()
}
