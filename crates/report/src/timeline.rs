//! The timeline: campaigns as lanes, steps as marks, empty stretches folded.
//!
//! Intrusions are bursts with months between them; on an even scale all bursts would be one dot each. So stretches in
//! which nothing happens are cut out and drawn as a break that says how long it is, and what is left is spread by the
//! square root of its length. The axis says the date wherever it breaks.
//! What this module never does: hide a mark. Marks that fall on one another become one that says how many.

use std::collections::BTreeMap;

use palisade_model::{Severity, Time};

use crate::doc::{cut, cut_middle};
use crate::picture::{Anchor, Ink, Picture, Shape, width_of};
use crate::story::{Story, campaign_anchor, step_anchor};

const WIDTH: f64 = 980.0;
const LABELS: f64 = 250.0;
const LANE: f64 = 40.0;
const TOP: f64 = 40.0;
const BREAK: f64 = 58.0;
/// Narrowest stretch: its date must fit.
const MIN_STRETCH: f64 = 76.0;
/// Most breaks; more would leave no room for what happened.
const MAX_BREAKS: usize = 5;
/// A stretch is empty if it is longer than this share of all.
const EMPTY: f64 = 0.12;
/// And longer than this, in microseconds: six hours.
const MIN_EMPTY: i64 = 6 * 3_600 * 1_000_000;
/// Most lanes.
pub(crate) const MAX_LANES: usize = 12;
/// More marks than these in one lane are drawn as bars.
const MAX_MARKS: usize = 150;
/// Width of a bar.
const BAR: f64 = 7.0;
/// Marks closer than this become one.
const BIN: f64 = 11.0;

struct Stretch {
    from: i64,
    to: i64,
    x: f64,
    width: f64,
}

pub(crate) struct Scale {
    stretches: Vec<Stretch>,
}

impl Scale {
    /// A scale over times, from `left`, `width` wide.
    pub(crate) fn new(mut times: Vec<i64>, left: f64, width: f64) -> Scale {
        times.sort_unstable();
        times.dedup();
        let mut cuts: Vec<usize> = Vec::new();
        while cuts.len() < MAX_BREAKS && times.len() > 1 {
            let gap = |i: usize| times[i].saturating_sub(times[i - 1]);
            let all: i64 =
                (1..times.len()).filter(|i| !cuts.contains(i)).map(gap).fold(0, i64::saturating_add);
            let widest = (1..times.len())
                .filter(|i| !cuts.contains(i))
                .max_by_key(|i| (gap(*i), std::cmp::Reverse(*i)));
            match widest {
                Some(i) if gap(i) > MIN_EMPTY && gap(i) as f64 > all as f64 * EMPTY => cuts.push(i),
                _ => break,
            }
        }
        cuts.sort_unstable();
        let mut stretches = Vec::new();
        let mut start = 0;
        for end in cuts.iter().copied().chain([times.len()]) {
            if let Some(part) = times.get(start..end).filter(|p| !p.is_empty()) {
                stretches.push(Stretch { from: part[0], to: part[part.len() - 1], x: 0.0, width: 0.0 });
            }
            start = end;
        }
        let n = stretches.len() as f64;
        let room = width - BREAK * (n - 1.0).max(0.0) - MIN_STRETCH * n;
        let length = |s: &Stretch| (s.to.saturating_sub(s.from) as f64).sqrt();
        let all: f64 = stretches.iter().map(length).sum();
        let mut x = left;
        for s in &mut stretches {
            let share = if all > 0.0 { length(s) / all } else { 1.0 / n };
            s.x = x;
            s.width = MIN_STRETCH + room * share;
            x += s.width + BREAK;
        }
        Scale { stretches }
    }

    pub(crate) fn x(&self, t: i64) -> f64 {
        let at = self.stretches.iter().rfind(|s| s.from <= t).or(self.stretches.first());
        let Some(s) = at else { return 0.0 };
        let span = s.to.saturating_sub(s.from) as f64;
        // Half a mark of room at either end.
        let inner = (s.width - 16.0).max(1.0);
        let share = if span > 0.0 { (t.saturating_sub(s.from) as f64 / span).clamp(0.0, 1.0) } else { 0.0 };
        s.x + 8.0 + inner * share
    }
}

struct Mark {
    time: i64,
    severity: Severity,
    title: String,
    link: Option<String>,
}

struct Lane {
    label: String,
    /// Its marks belong together: a line says so.
    joined: bool,
    link: Option<String>,
    marks: Vec<Mark>,
}

/// The timeline of everything; `None` if nothing names a time.
pub(crate) fn picture(story: &Story<'_>) -> Option<Picture> {
    let lanes = lanes(story);
    let times: Vec<i64> = lanes.iter().flat_map(|l| l.marks.iter().map(|m| m.time)).collect();
    if times.is_empty() {
        return None;
    }
    let scale = Scale::new(times, LABELS, WIDTH - LABELS - 6.0);
    let height = TOP + LANE * lanes.len() as f64 + 8.0;
    let mut shapes = Vec::new();
    axis(story, &scale, height, &mut shapes);
    for (i, lane) in lanes.iter().enumerate() {
        let y = TOP + LANE * (i as f64 + 0.5);
        if i % 2 == 0 {
            let at = (0.0, y - LANE / 2.0);
            shapes.insert(0, Shape::Rect { at, size: (WIDTH, LANE), ink: Ink::Soft, round: 4.0 });
        }
        shapes.push(Shape::Text {
            at: (8.0, y + 4.0),
            text: cut(&lane.label, ((LABELS - 20.0) / 12.0 / 0.54) as usize),
            ink: Ink::Text,
            size: 12.0,
            anchor: Anchor::Start,
            link: lane.link.clone(),
        });
        lane_marks(story, lane, &scale, y, &mut shapes);
    }
    Some(Picture { width: WIDTH, height, label: story.t("timeline.alt"), shapes })
}

/// As much of a text as fits.
pub(crate) fn fit(text: &str, size: f64, width: f64) -> String {
    if width_of(text, size) <= width {
        return text.to_owned();
    }
    let wide = text.chars().any(|c| (c as u32) >= 0x1100);
    cut_middle(text, (width / size / if wide { 1.0 } else { 0.56 }) as usize)
}

fn lanes(story: &Story<'_>) -> Vec<Lane> {
    let m = story.m;
    let mut order: Vec<usize> = (0..m.campaigns.len()).collect();
    order.sort_by_key(|i| {
        let c = &m.campaigns[*i];
        (std::cmp::Reverse(c.severity()), std::cmp::Reverse(c.steps.len()), c.span().0, c.id)
    });
    let mut lanes = Vec::new();
    for &i in order.iter().take(MAX_LANES) {
        let c = &m.campaigns[i];
        let marks = c.steps.iter().enumerate().filter_map(|(n, s)| {
            let link = story.cites().then(|| step_anchor(&c.id, n));
            Some(Mark { time: s.first?.0, severity: s.severity, title: cut(&s.title, 120), link })
        });
        let marks = marks.collect();
        let link = story.cites().then(|| campaign_anchor(&c.id));
        let label = crate::sections::campaign_title(story, c);
        lanes.push(Lane { label, joined: true, link, marks });
    }
    let single = story.live.iter().filter(|i| !story.campaign_of.contains_key(&m.findings[**i].id));
    let marks: Vec<Mark> = single
        .filter_map(|i| {
            let f = &m.findings[*i];
            let link = story.cites().then(|| "findings".to_owned());
            Some(Mark { time: f.time?.0, severity: f.severity, title: cut(&f.title, 120), link })
        })
        .collect();
    if !marks.is_empty() {
        lanes.push(Lane { label: story.t("timeline.single"), joined: false, link: None, marks });
    }
    lanes
}

fn lane_marks(story: &Story<'_>, lane: &Lane, scale: &Scale, y: f64, shapes: &mut Vec<Shape>) {
    let mut marks: Vec<(f64, &Mark)> = lane.marks.iter().map(|m| (scale.x(m.time), m)).collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.time.cmp(&b.1.time)));
    if lane.joined
        && let (Some(first), Some(last)) = (marks.first(), marks.last())
    {
        shapes.push(Shape::Line {
            a: (first.0, y),
            b: (last.0, y),
            ink: Ink::Axis,
            width: 2.0,
            dashed: false,
        });
    }
    if marks.len() > MAX_MARKS {
        bars(&marks, y, shapes);
        return;
    }
    let mut at = 0;
    while at < marks.len() {
        let from = marks[at].0;
        let bin: Vec<&(f64, &Mark)> = marks[at..].iter().take_while(|(x, _)| x - from < BIN).collect();
        at += bin.len().max(1);
        let Some((_, gravest)) = bin.iter().max_by_key(|(_, m)| m.severity) else { continue };
        let x = bin.iter().map(|(x, _)| x).sum::<f64>() / bin.len() as f64;
        let mut title = format!(
            "{} · {} · {}",
            story.moment(Time(gravest.time)),
            story.severity(gravest.severity),
            gravest.title
        );
        if bin.len() > 1 {
            title.push_str(&format!(" (+{})", story.number(bin.len() as u64 - 1)));
        }
        let r = (5.0 + (bin.len() as f64).ln()).min(8.0);
        let ink = Ink::Level(gravest.severity);
        shapes.push(Shape::Circle { at: (x, y), r, ink, title, link: gravest.link.clone() });
    }
}

/// So many marks would lie on one another: bars of their number by severity, the gravest on top, high by its square root so
/// that one beside a thousand stays visible.
fn bars(marks: &[(f64, &Mark)], y: f64, shapes: &mut Vec<Shape>) {
    let mut bins: BTreeMap<i64, [u64; 5]> = BTreeMap::new();
    for (x, mark) in marks {
        bins.entry(((x - LABELS) / BAR).floor() as i64).or_default()[mark.severity as usize] += 1;
    }
    let most = bins.values().map(|b| b.iter().sum::<u64>()).max().unwrap_or(1) as f64;
    for (bin, counts) in bins {
        let all: u64 = counts.iter().sum();
        let height = ((all as f64 / most).sqrt() * (LANE - 8.0)).max(3.0);
        let mut bottom = y + LANE / 2.0 - 3.0;
        for severity in Severity::ALL {
            let part = height * counts[severity as usize] as f64 / all.max(1) as f64;
            if part > 0.0 {
                bottom -= part;
                let (at, size) = ((LABELS + bin as f64 * BAR, bottom), (BAR - 1.0, part));
                shapes.push(Shape::Rect { at, size, ink: Ink::Level(severity), round: 0.0 });
            }
        }
    }
}

fn axis(story: &Story<'_>, scale: &Scale, height: f64, shapes: &mut Vec<Shape>) {
    let (locale, zone) = (story.o.locale, &story.o.zone);
    let label = |x: f64, t: i64, shapes: &mut Vec<Shape>| {
        shapes.push(Shape::Line {
            a: (x, 32.0),
            b: (x, height - 8.0),
            ink: Ink::Axis,
            width: 1.0,
            dashed: false,
        });
        for (y, text) in [(13.0, locale.date(Time(t), zone)), (27.0, locale.clock(Time(t), zone))] {
            shapes.push(Shape::Text {
                at: (x, y),
                text,
                ink: Ink::Dim,
                size: 11.0,
                anchor: Anchor::Start,
                link: None,
            });
        }
    };
    for (i, s) in scale.stretches.iter().enumerate() {
        let ticks = if s.to == s.from { 1 } else { ((s.width / 130.0) as i64).max(1) };
        for k in 0..ticks {
            // Even steps of the stretch: bursts have no round hours.
            let t = s.from.saturating_add(s.to.saturating_sub(s.from) / ticks.max(1) * k);
            label(scale.x(t), t, shapes);
        }
        if let Some(next) = scale.stretches.get(i + 1) {
            let (a, b) = (s.x + s.width, next.x);
            let middle = (a + b) / 2.0;
            for dx in [-3.0, 3.0] {
                let (a, b) = ((middle + dx + 3.0, TOP - 6.0), (middle + dx - 3.0, height - 8.0));
                shapes.push(Shape::Line { a, b, ink: Ink::Dim, width: 1.0, dashed: true });
            }
            let text = story.duration(next.from.saturating_sub(s.to));
            let (at, anchor) = ((middle, 27.0), Anchor::Middle);
            shapes.push(Shape::Text { at, text, ink: Ink::Dim, size: 11.0, anchor, link: None });
        }
    }
}
