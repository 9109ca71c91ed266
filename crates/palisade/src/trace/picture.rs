//! The flow as a picture: Graphviz for other tools, and a flow diagram in SVG whose bands are as thick as what goes.
//!
//! Addresses stand in columns by their distance from the start; of a column the largest stand alone and the rest
//! together, so that a thousand addresses are as readable as ten. Nothing is laid out by chance.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use palisade_model::html;
use palisade_money::ledger::{AssetId, PartyId};
use palisade_money::trace::{Kind, Labels as _, Reason};

use super::Told;
use super::words::because;

/// Addresses of a column that stand alone.
const ALONE: usize = 9;
/// Columns; what is further stands in the last.
const COLUMNS: u32 = 8;
const WIDTH: f64 = 1_180.0;
const BAR: f64 = 12.0;
const GAP: f64 = 14.0;
const TOP: f64 = 26.0;
/// Height of all bands of the fullest column together.
const HEIGHT: f64 = 360.0;
/// Thinnest band and bar.
const THIN: f64 = 1.5;

/// Colours of what an address is; readable on white and black.
fn colour(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Sanctioned | Kind::Theft) => "#c0392b",
        Some(Kind::Mixer) => "#8e44ad",
        Some(Kind::Bridge | Kind::Swapper) => "#b9770e",
        Some(Kind::Exchange | Kind::Service) => "#1f618d",
        Some(Kind::Other) | None => "#5d6d7e",
    }
}

/// All tainted transfers between two addresses in one asset.
fn links(told: &Told<'_>) -> BTreeMap<(PartyId, PartyId, AssetId), (u128, u64)> {
    let t = &told.followed.trace;
    let mut all = BTreeMap::new();
    for e in t.edges.iter().filter(|e| !e.fee) {
        let (sum, n) = all.entry((e.from, e.to, e.asset)).or_insert((0u128, 0u64));
        *sum = sum.saturating_add(e.tainted(t.method));
        *n += 1;
    }
    all
}

/// Graphviz.
pub fn dot(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let quote = |t: &str| {
        let plain: String = t.chars().filter(|c| !c.is_control()).collect();
        format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
    };
    writeln!(out, "digraph trace {{\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];")?;
    let links = links(told);
    let mut parties: Vec<PartyId> = links.keys().flat_map(|(a, b, _)| [*a, *b]).collect();
    parties.sort_unstable();
    parties.dedup();
    for p in parties {
        let who = told.who(p);
        let kind = told.labels.of(p).first().map(|l| l.kind);
        let label =
            if who.is_empty() { told.address(p).to_owned() } else { format!("{}\n{who}", told.address(p)) };
        let label = quote(&label.replace('\n', " | "));
        writeln!(out, "  n{} [label={label}, color={}];", p.0, quote(colour(kind)))?;
    }
    for ((from, to, asset), (sum, n)) in links {
        let label = quote(&format!("{} in {n}", told.sum(asset, sum)));
        writeln!(out, "  n{} -> n{} [label={label}];", from.0, to.0)?;
    }
    writeln!(out, "}}")
}

/// A place in the diagram: an address, or the small ones of a column together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Node {
    One(PartyId),
    Rest(u32),
}

struct Placed {
    column: u32,
    y: f64,
    height: f64,
    /// How much of it bands have taken, on the left and on the right.
    taken: [f64; 2],
    addresses: u64,
}

/// A flow diagram of one asset; `None` if there is nothing to see.
pub fn flow(told: &Told<'_>, asset: AssetId) -> Option<String> {
    let links: Vec<(PartyId, PartyId, u128)> = links(told)
        .into_iter()
        .filter(|((a, b, x), _)| *x == asset && a != b)
        .map(|((a, b, _), (n, _))| (a, b, n))
        .collect();
    if links.is_empty() {
        return None;
    }
    let columns = columns(told, asset, &links);
    let weight = |n: u128| n as f64;
    let (mut into, mut outof): (BTreeMap<PartyId, f64>, BTreeMap<PartyId, f64>) = Default::default();
    for (a, b, n) in &links {
        *outof.entry(*a).or_default() += weight(*n);
        *into.entry(*b).or_default() += weight(*n);
    }
    let through =
        |p: PartyId| into.get(&p).copied().unwrap_or(0.0).max(outof.get(&p).copied().unwrap_or(0.0));
    let mut by_column: BTreeMap<u32, Vec<PartyId>> = BTreeMap::new();
    for (p, c) in &columns {
        by_column.entry(*c).or_default().push(*p);
    }
    let mut node_of: BTreeMap<PartyId, Node> = BTreeMap::new();
    let mut sizes: BTreeMap<Node, (u32, f64, u64)> = BTreeMap::new();
    for (column, parties) in &mut by_column {
        parties.sort_by(|a, b| through(*b).total_cmp(&through(*a)).then(a.cmp(b)));
        for (n, p) in parties.iter().enumerate() {
            let node =
                if n < ALONE || parties.len() == ALONE + 1 { Node::One(*p) } else { Node::Rest(*column) };
            node_of.insert(*p, node);
            let size = sizes.entry(node).or_insert((*column, 0.0, 0));
            size.1 += through(*p);
            size.2 += 1;
        }
    }
    let fullest = by_column.keys().map(|c| sizes.values().filter(|s| s.0 == *c).map(|s| s.1).sum::<f64>());
    let scale = HEIGHT / fullest.fold(f64::MIN_POSITIVE, f64::max);
    let mut placed: BTreeMap<Node, Placed> = BTreeMap::new();
    let mut bottom: f64 = 0.0;
    for column in by_column.keys() {
        let mut nodes: Vec<(&Node, &(u32, f64, u64))> =
            sizes.iter().filter(|(_, s)| s.0 == *column).collect();
        nodes.sort_by(|a, b| b.1.1.total_cmp(&a.1.1).then(a.0.cmp(b.0)));
        let mut y = TOP;
        for (node, (_, size, addresses)) in nodes {
            let height = (size * scale).max(THIN);
            placed
                .insert(*node, Placed { column: *column, y, height, taken: [0.0; 2], addresses: *addresses });
            y += height + GAP;
        }
        bottom = bottom.max(y);
    }
    let last = by_column.keys().max().copied().unwrap_or(1).max(1);
    let x = |column: u32| 8.0 + (WIDTH - 240.0) * f64::from(column) / f64::from(last);
    let mut bands: BTreeMap<(Node, Node), f64> = BTreeMap::new();
    for (a, b, n) in &links {
        if let (Some(a), Some(b)) = (node_of.get(a), node_of.get(b)) {
            *bands.entry((*a, *b)).or_default() += weight(*n);
        }
    }
    let mut svg = String::new();
    let title = html(&told.sum(asset, told.entered(asset))).into_owned();
    let _ = write!(
        svg,
        "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"Flow of {title}\" xmlns=\"http://www.w3.org/2000/svg\">",
        bottom + 10.0
    );
    for ((a, b), n) in bands {
        draw_band(&mut svg, &mut placed, (a, b), (n * scale).max(THIN / 2.0), &x);
    }
    for (node, p) in &placed {
        draw_node(&mut svg, told, asset, *node, p, x(p.column));
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// Distance of each address from the start, in transfers of this asset, the start itself in the first column.
fn columns(told: &Told<'_>, asset: AssetId, links: &[(PartyId, PartyId, u128)]) -> BTreeMap<PartyId, u32> {
    let mut columns: BTreeMap<PartyId, u32> = BTreeMap::new();
    for r in told.followed.trace.reached.iter().filter(|r| r.asset == asset) {
        columns.insert(r.party, r.hops.min(COLUMNS));
    }
    for (from, to, _) in links {
        // Who pays into the start of a trace is not reached, and stands before all others.
        columns.entry(*from).or_insert(0);
        columns.entry(*to).or_insert(COLUMNS);
    }
    let starts = told.starts.iter().filter_map(|s| told.read.funds.parties(s).ok()).flatten();
    for start in starts {
        columns.entry(start).and_modify(|c| *c = 0);
    }
    // Time goes to the right: what came from far stands far to the left.
    if told.followed.backward {
        let far = columns.values().copied().max().unwrap_or(0);
        columns.values_mut().for_each(|c| *c = far - *c);
    }
    columns
}

fn draw_band(
    svg: &mut String,
    placed: &mut BTreeMap<Node, Placed>,
    ends: (Node, Node),
    width: f64,
    x: &dyn Fn(u32) -> f64,
) {
    let mut end = |node: Node, side: usize| {
        let p = placed.get_mut(&node)?;
        let y = p.y + (p.taken[side] + width / 2.0).min(p.height);
        p.taken[side] += width;
        Some((x(p.column) + if side == 1 { BAR } else { 0.0 }, y))
    };
    let (Some((x1, y1)), Some((x2, y2))) = (end(ends.0, 1), end(ends.1, 0)) else { return };
    // A band that goes back, or stays in its column, bows out to the right.
    let (c1, c2) = if x2 > x1 { ((x1 + x2) / 2.0, (x1 + x2) / 2.0) } else { (x1 + 60.0, x2 - 60.0) };
    let _ = write!(
        svg,
        "<path class=\"band\" d=\"M{x1:.1} {y1:.1}C{c1:.1} {y1:.1} {c2:.1} {y2:.1} {x2:.1} {y2:.1}\" stroke-width=\"{width:.1}\"/>"
    );
}

fn draw_node(svg: &mut String, told: &Told<'_>, asset: AssetId, node: Node, p: &Placed, x: f64) {
    let (label, kind, hover) = match node {
        Node::Rest(_) => (format!("{} more addresses", p.addresses), None, String::new()),
        Node::One(party) => {
            let label = told.labels.of(party).first();
            let end = told.end(party, asset);
            let mut hover = told.address(party).to_owned();
            if let Some(end) = end.filter(|e| e.reason != Reason::Limit) {
                let _ = write!(hover, ": {} {}", told.sum(asset, end.amount), because(end.reason));
            }
            let name = label.map_or_else(|| short(told.address(party)), |l| l.actor.to_string());
            (name, label.map(|l| l.kind), hover)
        }
    };
    let _ = write!(
        svg,
        "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{BAR}\" height=\"{:.1}\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
        html(&hover),
        p.y,
        p.height,
        colour(kind),
        x + BAR + 4.0,
        p.y + (p.height / 2.0 + 4.0).max(9.0),
        html(&short_name(&label))
    );
}

/// The ends of an address, as people compare them; both ends, since look-alikes share one.
fn short(address: &str) -> String {
    let all: Vec<char> = address.chars().collect();
    if all.len() <= 16 {
        return address.to_owned();
    }
    let (head, tail): (String, String) = (all[..8].iter().collect(), all[all.len() - 6..].iter().collect());
    format!("{head}…{tail}")
}

fn short_name(name: &str) -> String {
    let mut out: String = name.chars().take(30).collect();
    if name.chars().count() > 30 {
        out.push('…');
    }
    out
}
