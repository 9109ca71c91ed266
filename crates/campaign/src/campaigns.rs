//! From joins to campaigns with steps, names that last, and explanations.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{
    Campaign, CampaignId, FindingId, Join, Observable, Step, Term, TermKind, Weight, is_machine,
};

use crate::components::Components;
use crate::join::{Edge, Evidence, Graph};

/// Findings on one machine with pauses up to this long (microseconds) are one step.
const STEP_PAUSE: i64 = 600_000_000;
/// Joins of a campaign that are kept at most: the strongest of its spanning tree.
const MAX_JOINS: usize = 2_000;
/// Things whose absence is tried, per campaign.
const MAX_TRIED: usize = 24;

/// A campaign as it was before: its id and its findings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Former {
    /// Its id.
    pub id: CampaignId,
    /// Ids it had been given before, or of campaigns that had become part of it.
    pub aliases: Vec<CampaignId>,
    /// Its findings.
    pub findings: BTreeSet<FindingId>,
}

/// What joining gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Joined {
    /// Campaigns by their earliest finding.
    pub campaigns: Vec<Campaign>,
    /// Findings that belong to none, by time, then id.
    pub loose: Vec<FindingId>,
}

/// Campaigns of a weighed graph. `former` are campaigns of before, oldest first: who keeps most of its findings keeps its
/// id.
pub fn campaigns(graph: &Graph<'_>, former: &[Former]) -> Joined {
    let mut by_component: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (node, c) in graph.component.iter().enumerate() {
        by_component.entry(*c).or_default().push(node as u32);
    }
    let mut edges: BTreeMap<u32, Vec<&Edge>> = BTreeMap::new();
    for e in &graph.edges {
        if let Some(c) = graph.component.get(e.a as usize) {
            edges.entry(*c).or_default().push(e);
        }
    }
    // Nodes come in order of time, and a component's root is its first: so do campaigns.
    let mut groups: Vec<(u32, Vec<u32>)> = Vec::new();
    let mut loose = Vec::new();
    for (c, nodes) in by_component {
        if nodes.len() > 1 {
            groups.push((c, nodes));
        } else {
            loose.extend(nodes.iter().flat_map(|n| graph.members(*n)).map(|f| graph.findings[*f]));
        }
    }
    loose.sort_by_key(|f| (f.time, f.id));
    let members: Vec<BTreeSet<FindingId>> = groups
        .iter()
        .map(|(_, nodes)| {
            nodes.iter().flat_map(|n| graph.members(*n)).map(|f| graph.findings[*f].id).collect()
        })
        .collect();
    let ids = names(&members, graph, &groups, former);
    let none = Vec::new();
    let places = places(graph.component.len(), groups.iter().map(|(_, nodes)| nodes.as_slice()));
    let campaigns = groups
        .iter()
        .zip(ids)
        .map(|((c, nodes), names)| {
            let hanging = Hanging { nodes, edges: edges.get(c).unwrap_or(&none), places: &places };
            campaign(graph, &hanging, names)
        })
        .collect();
    Joined { campaigns, loose: loose.into_iter().map(|f| f.id).collect() }
}

/// The id and the aliases of each group.
fn names(
    members: &[BTreeSet<FindingId>],
    graph: &Graph<'_>,
    groups: &[(u32, Vec<u32>)],
    former: &[Former],
) -> Vec<(CampaignId, Vec<CampaignId>)> {
    let mut given: Vec<Vec<CampaignId>> = vec![Vec::new(); members.len()];
    let of: BTreeMap<FindingId, usize> =
        members.iter().enumerate().flat_map(|(n, all)| all.iter().map(move |f| (*f, n))).collect();
    // An id is given once, whatever the caller remembers.
    let mut known: BTreeSet<CampaignId> = BTreeSet::new();
    for old in former {
        let mut kept: BTreeMap<usize, usize> = BTreeMap::new();
        for group in old.findings.iter().filter_map(|f| of.get(f)) {
            *kept.entry(*group).or_default() += 1;
        }
        // Most of its findings; of equal ones the earlier campaign.
        let best = kept.into_iter().rev().max_by_key(|(_, n)| *n).map(|(group, _)| group);
        for id in std::iter::once(&old.id).chain(&old.aliases).filter(|id| known.insert(**id)) {
            // What had become part of it and is on its own again takes its name along: that is one of its findings'.
            let home = if *id == old.id { best } else { of.get(&id.0).copied().or(best) };
            if let Some(ids) = home.and_then(|n| given.get_mut(n)) {
                ids.push(*id);
            }
        }
    }
    let taken: BTreeSet<CampaignId> = given.iter().flatten().copied().collect();
    let first = |nodes: &[u32]| {
        let all = nodes.iter().flat_map(|n| graph.members(*n)).map(|f| graph.findings[*f]);
        // By time, then id; the first whose id is free: a campaign that was split off must not take its parent's.
        let mut all: Vec<&Evidence> = all.collect();
        all.sort_by_key(|f| (f.time, f.id));
        let free = all.iter().map(|f| CampaignId(f.id)).find(|id| !taken.contains(id));
        free.unwrap_or_else(|| unlike(all.first().map_or([0; 16], |f| f.id.0), &taken))
    };
    given
        .into_iter()
        .zip(groups)
        .map(|(ids, (_, nodes))| match ids.split_first() {
            Some((id, rest)) => {
                let mut rest: Vec<CampaignId> = rest.iter().copied().filter(|r| r != id).collect();
                rest.sort();
                rest.dedup();
                (*id, rest)
            }
            None => (first(nodes), Vec::new()),
        })
        .collect()
}

/// An id that is not taken, for a campaign all of whose findings gave theirs to others.
fn unlike(mut id: [u8; 16], taken: &BTreeSet<CampaignId>) -> CampaignId {
    while taken.contains(&CampaignId(FindingId(id))) {
        id = u128::from_be_bytes(id).wrapping_add(1).to_be_bytes();
    }
    CampaignId(FindingId(id))
}

/// One component: nodes, ascending, and the joins between them, strongest first.
struct Hanging<'a> {
    nodes: &'a [u32],
    edges: &'a [&'a Edge],
    /// The place of each node of the graph among the nodes of its component.
    places: &'a [u32],
}

impl Hanging<'_> {
    fn place(&self, node: u32) -> u32 {
        self.places.get(node as usize).copied().unwrap_or(0)
    }
}

/// The place of each of `all` nodes in its component.
fn places<'a>(all: usize, components: impl Iterator<Item = &'a [u32]>) -> Vec<u32> {
    let mut out = vec![0; all];
    for nodes in components {
        for (place, node) in nodes.iter().enumerate() {
            if let Some(p) = out.get_mut(*node as usize) {
                *p = place as u32;
            }
        }
    }
    out
}

fn campaign(
    graph: &Graph<'_>,
    hanging: &Hanging<'_>,
    (id, aliases): (CampaignId, Vec<CampaignId>),
) -> Campaign {
    let mut findings: Vec<(&Evidence, u32)> = hanging
        .nodes
        .iter()
        .flat_map(|n| graph.members(*n).iter().map(move |f| (*f, *n)))
        .map(|(f, n)| (graph.findings[f], n))
        .collect();
    findings.sort_by_key(|f| (f.0.time, f.0.id));
    let (steps, step_of) = steps(&findings);
    let tree = tree(hanging);
    let bridges = bridges(hanging);
    let cohesion = tree.iter().map(|e| e.score.probability()).fold(1.0, f64::min);
    let place = |node: u32| step_of.get(&node).copied().unwrap_or(0);
    let mut joins: Vec<Join> = Vec::new();
    for e in tree.iter().take(MAX_JOINS) {
        let (a, b) = (place(e.a), place(e.b));
        if a != b {
            joins.push(Join {
                steps: (a.min(b), a.max(b)),
                score: e.score,
                terms: graph.terms(e.a, e.b),
                bridge: bridges.contains(&(e.a, e.b)),
            });
        }
    }
    Campaign { id, aliases, steps, joins, cohesion }
}

/// Cuts findings, in order of time, into steps; and the step of each node's first finding.
fn steps(findings: &[(&Evidence, u32)]) -> (Vec<Step>, BTreeMap<u32, usize>) {
    let mut open: BTreeMap<Option<String>, usize> = BTreeMap::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut step_of = BTreeMap::new();
    for (f, node) in findings {
        let host = f.host.as_ref().map(|h| h.to_lowercase());
        let near = open.get(&host).copied().filter(|s| {
            let last = steps.get(*s).and_then(|s| s.last);
            match (last, f.time) {
                (Some(a), Some(b)) => b.0.saturating_sub(a.0) <= STEP_PAUSE,
                (None, None) => true,
                _ => false,
            }
        });
        let at = near.unwrap_or_else(|| {
            steps.push(Step {
                // Most steps of a large case are one finding.
                findings: Vec::with_capacity(1),
                first: f.time,
                last: f.time,
                vectors: Vec::new(),
                hosts: f.host.iter().filter(|h| is_machine(h)).cloned().collect(),
                title: f.title.clone(),
                severity: f.severity,
                attack: Vec::new(),
            });
            steps.len() - 1
        });
        open.insert(host, at);
        step_of.entry(*node).or_insert(at);
        if let Some(step) = steps.get_mut(at) {
            step.findings.push(f.id);
            step.last = f.time.or(step.last);
            if f.severity > step.severity {
                (step.severity, step.title) = (f.severity, f.title.clone());
            }
            step.vectors.push(f.vector);
            step.attack.extend(f.attack.iter().cloned());
        }
    }
    for step in &mut steps {
        step.vectors.sort_unstable();
        step.vectors.dedup();
        step.attack.sort();
        step.attack.dedup();
    }
    (steps, step_of)
}

/// The strongest joins that hold everything together.
fn tree<'a>(h: &Hanging<'a>) -> Vec<&'a Edge> {
    let mut sets = Components::new(h.nodes.len());
    h.edges.iter().filter(|e| sets.link(h.place(e.a), h.place(e.b))).copied().collect()
}

/// Joins without which the nodes fall in two (Tarjan's low points, without recursion).
fn bridges(h: &Hanging<'_>) -> BTreeSet<(u32, u32)> {
    let nodes = h.nodes.len();
    // Of each node, where it leads and by which join, one node's after the other's: there may be millions.
    let mut from = vec![0usize; nodes + 1];
    for e in h.edges {
        from[h.place(e.a) as usize + 1] += 1;
        from[h.place(e.b) as usize + 1] += 1;
    }
    for n in 0..nodes {
        from[n + 1] += from[n];
    }
    let mut next = vec![(0u32, 0u32); h.edges.len() * 2];
    let mut free = from.clone();
    for (n, e) in h.edges.iter().enumerate() {
        let (a, b) = (h.place(e.a), h.place(e.b));
        for (here, to) in [(a, b), (b, a)] {
            next[free[here as usize]] = (to, n as u32);
            free[here as usize] += 1;
        }
    }
    let leads = |node: usize, n: usize| next[from[node]..from[node + 1]].get(n).copied();
    let mut order = vec![usize::MAX; nodes];
    let mut low = vec![usize::MAX; nodes];
    let mut out = BTreeSet::new();
    let mut count = 0;
    for start in 0..nodes {
        if order[start] != usize::MAX {
            continue;
        }
        // Node, the edge it was reached by, how many of its edges are done.
        let mut path: Vec<(usize, usize, usize)> = vec![(start, usize::MAX, 0)];
        while let Some((node, by, done)) = path.last().copied() {
            if done == 0 && order[node] == usize::MAX {
                (order[node], low[node]) = (count, count);
                count += 1;
            }
            if let Some((to, edge)) = leads(node, done) {
                let (to, edge) = (to as usize, edge as usize);
                if let Some(top) = path.last_mut() {
                    top.2 += 1;
                }
                if edge == by {
                    continue;
                }
                if order[to] == usize::MAX {
                    path.push((to, edge, 0));
                } else {
                    low[node] = low[node].min(order[to]);
                }
                continue;
            }
            path.pop();
            if let Some((above, ..)) = path.last().copied() {
                low[above] = low[above].min(low[node]);
                if low[node] > order[above]
                    && let Some(e) = h.edges.get(by)
                {
                    out.insert((e.a, e.b));
                }
            }
        }
    }
    out
}

/// Why two findings are in one campaign, or that they are not.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// The way from one to the other: findings joined in turn, each with the terms of its join.
    pub path: Vec<Link>,
    /// What the two have in common directly, and what speaks against it, or what an analyst said; empty if both are one
    /// thing, said again within the hour. A sum below zero joins nothing; one above need not, if a thing is held by so
    /// many that not all pairs are weighed.
    pub direct: Vec<Term>,
}

/// One join on the way.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// From.
    pub from: FindingId,
    /// To.
    pub to: FindingId,
    /// Terms; their sum is the join's score.
    pub terms: Vec<Term>,
    /// Without this join the two are in different campaigns.
    pub bridge: bool,
}

/// Explains two findings. The way is the one whose weakest join is strongest. `None` if a finding is unknown.
pub fn explain(graph: &Graph<'_>, a: FindingId, b: FindingId) -> Option<Explanation> {
    let (x, y) = (graph.node(a)?, graph.node(b)?);
    let direct = if x == y { Vec::new() } else { graph.terms(x.min(y), x.max(y)) };
    let component = *graph.component.get(x as usize)?;
    let mut path = Vec::new();
    if x != y && graph.component.get(y as usize) == Some(&component) {
        let nodes: Vec<u32> = (0..graph.component.len() as u32)
            .filter(|n| graph.component.get(*n as usize) == Some(&component))
            .collect();
        let inside = |e: &&Edge| graph.component.get(e.a as usize) == Some(&component);
        let edges: Vec<&Edge> = graph.edges.iter().filter(inside).collect();
        let places = places(graph.component.len(), std::iter::once(nodes.as_slice()));
        let hanging = Hanging { nodes: &nodes, edges: &edges, places: &places };
        let bridges = bridges(&hanging);
        // In the tree of strongest joins the only way is the one with the strongest weakest join.
        let tree = tree(&hanging);
        let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for e in &tree {
            next.entry(e.a).or_default().push(e.b);
            next.entry(e.b).or_default().push(e.a);
        }
        let mut from: BTreeMap<u32, u32> = BTreeMap::from([(x, x)]);
        let mut reach = vec![x];
        while let Some(node) = reach.pop() {
            for to in next.get(&node).into_iter().flatten() {
                if let std::collections::btree_map::Entry::Vacant(free) = from.entry(*to) {
                    free.insert(node);
                    reach.push(*to);
                }
            }
        }
        let mut at = y;
        while let Some(before) = from.get(&at).copied().filter(|b| *b != at) {
            let pair = (before.min(at), before.max(at));
            // The way begins and ends with the findings that were asked about.
            let first = |n: u32| match n {
                n if n == x => Some(a),
                n if n == y => Some(b),
                n => graph.members(n).first().map(|f| graph.findings[*f].id),
            };
            if let (Some(f), Some(t)) = (first(before), first(at)) {
                let terms = graph.terms(pair.0, pair.1);
                path.push(Link { from: f, to: t, terms, bridge: bridges.contains(&pair) });
            }
            at = before;
        }
        path.reverse();
    }
    Some(Explanation { path, direct })
}

/// The strongest links between two sets of findings, such as two campaigns: what they have in common, finding by finding,
/// and what speaks against it; strongest first, `most` at most. Findings that both sets hold have no link with themselves.
/// A sum below zero joins nothing; one above need not, where an analyst parted the two.
pub fn between(
    graph: &Graph<'_>,
    a: &BTreeSet<FindingId>,
    b: &BTreeSet<FindingId>,
    most: usize,
) -> Vec<Link> {
    let nodes =
        |of: &BTreeSet<FindingId>| of.iter().filter_map(|f| graph.node(*f)).collect::<BTreeSet<u32>>();
    let (left, right) = (nodes(a), nodes(b));
    let mut pairs: Vec<(Weight, u32, u32)> =
        graph.across(&left, &right).into_iter().map(|(x, y)| (graph.score(x, y), x, y)).collect();
    pairs.sort_unstable_by(|x, y| y.0.cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let links = pairs.into_iter().take(most).filter_map(|(_, x, y)| {
        // Each side shows the finding that is in the set, the closest one first.
        let (near, far) = graph.closest(x, y);
        let of = |near: FindingId, node: u32, set: &BTreeSet<FindingId>| {
            let mut all = graph.members(node).iter().map(|f| graph.findings[*f].id);
            if set.contains(&near) { Some(near) } else { all.find(|f| set.contains(f)) }
        };
        Some(Link { from: of(near, x, a)?, to: of(far, y, b)?, terms: graph.terms(x, y), bridge: false })
    });
    links.collect()
}

/// What a campaign would be without each of the things that hold it together: how many parts, most first. Things
/// without which it stays whole are left out.
pub fn without(graph: &Graph<'_>, campaign: &Campaign) -> Vec<(Observable, usize)> {
    let nodes: BTreeSet<u32> = campaign.findings().filter_map(|f| graph.node(f)).collect();
    let nodes: Vec<u32> = nodes.into_iter().collect();
    let inside = |n: u32| nodes.binary_search(&n).is_ok();
    let edges: Vec<&Edge> = graph.edges.iter().filter(|e| inside(e.a) && inside(e.b)).collect();
    let numbers: BTreeMap<&Observable, u32> =
        graph.names.iter().enumerate().map(|(n, (_, o))| (o, n as u32)).collect();
    let mut shared: BTreeMap<u32, i64> = BTreeMap::new();
    for term in campaign.joins.iter().flat_map(|j| &j.terms).filter(|t| t.kind == TermKind::Shared) {
        if let Some(n) = term.observable.as_ref().and_then(|o| numbers.get(o)) {
            *shared.entry(*n).or_default() += term.weight.0;
        }
    }
    let mut shared: Vec<(u32, i64)> = shared.into_iter().collect();
    shared.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut out: Vec<(Observable, usize)> = shared
        .into_iter()
        .take(MAX_TRIED)
        .filter_map(|(n, _)| {
            let parts = graph.parts_without(&nodes, &edges, n);
            let (_, observable) = graph.names.get(n as usize)?;
            (parts > 1).then(|| (observable.clone(), parts))
        })
        .collect();
    out.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    out
}
