//! Level two: campaigns. What one purpose has done, in days or years.
//!
//! Two findings are joined if the evidence for it outweighs what speaks against it. The evidence is what they have in
//! common, each as a log-likelihood ratio `ln P(shared | one campaign) / P(shared | two)`:
//!
//! - of what the **attacker** brings (an address, a program, a domain) the denominator is how common it is among all
//!   events, on all machines and among other findings of the same rules; a year between two findings takes off little;
//! - of what the **victim** has all the time (a machine, an account) it is the chance that a finding of this rule, as
//!   often as it fires and on such things as it fires on, would meet this one so soon by accident.
//!
//! Things that are one observation (a program's path and hash, a server's name and address) count once, as the
//! strongest. Against it speak the odds that two findings belong together at all, and how ordinary each finding is: of low
//! severity, of a rule that fires everywhere, with peers that everybody meets. What firmly hangs together with something
//! grave is vouched for: what its join says beyond what was needed is taken off its ordinariness, so that the next
//! finding has to answer for itself alone. Two that destroy in quick succession speak for each other.
//!
//! Campaigns are the findings that hang together by such joins. Because a join depends on its two findings, on what
//! vouches for them and on fixed counts alone, and more findings only ever vouch for more, taking a finding away can part
//! campaigns but never merge them, and the order of findings means nothing. Three things limit that:
//!
//! - an analyst's cut: what could go with either side of it goes with the stronger, and that may change;
//! - a thing held by more findings than are [compared](crate::pairs) with each one: with one less, two that were too far
//!   from each other in the row may be neighbours;
//! - a rule that says the same again within the hour is one thing, and no campaign with itself; without what lies between
//!   them, two such findings may be more than an hour apart, two things, and a campaign.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_model::{FindingId, Observable, Severity, Term, TermKind, Time, Vector, Weight};

use crate::components::Components;
use crate::entity::{Entity, Excluded, Group};
use crate::frequency::{Frequency, Side};
use crate::pairs::candidates;

/// A finding, as far as joining looks at it.
#[derive(Clone, PartialEq, Debug)]
pub struct Evidence {
    /// Its id.
    pub id: FindingId,
    /// When, if it is known.
    pub time: Option<Time>,
    /// Rule or detector.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// How grave.
    pub severity: Severity,
    /// Channel.
    pub vector: Vector,
    /// The machine concerned.
    pub host: Option<String>,
    /// Technique ids.
    pub attack: Vec<String>,
    /// What it is about.
    pub observables: Vec<Observable>,
    /// Where whoever did it came from, if logs say so.
    pub origin: Option<Origin>,
}

/// Where a session came from in which something was done.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// The machine; where nobody knows which one it was, its address.
    pub from: Observable,
    /// How usual that is; `None` where nobody counted, and of addresses outside, which are peers like others.
    pub habit: Option<Habit>,
    /// Where it is written, for people.
    pub told: Arc<str>,
}

/// How usual it is that sessions of an account come from a place. Sessions at the machine itself are not counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Habit {
    /// Sessions of this account from there.
    pub here: u64,
    /// Sessions of this account.
    pub all: u64,
    /// Sessions of all accounts from there.
    pub there: u64,
    /// Sessions of all accounts.
    pub total: u64,
    /// Different places that sessions came from.
    pub places: u64,
}

impl Origin {
    /// The place, if it tells anything of who it was: from where many sessions come, anybody's do.
    pub(crate) fn telling(&self) -> Option<&Observable> {
        let usual = self.habit.is_some_and(|h| h.share() >= session::USUALLY);
        (!usual).then_some(&self.from)
    }
}

impl Habit {
    /// The share of the account's other sessions that come from there, where little is known of it that of everybody's: a
    /// place from which many come is nobody's in particular. This session is no witness of itself.
    fn share(&self) -> f64 {
        let everybody =
            (self.there.saturating_sub(1) as f64 + 0.5) / (self.total.saturating_sub(1) as f64 + 1.0);
        (self.here.saturating_sub(1) as f64 + everybody) / (self.all.saturating_sub(1) as f64 + 1.0)
    }
}

/// What analysts said that matters here.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Words {
    /// These belong together: two findings and who says so.
    pub pins: Vec<(FindingId, FindingId, String)>,
    /// These do not.
    pub cuts: Vec<(FindingId, FindingId, String)>,
    /// Observables that join nothing, as `kind:value`.
    pub excluded: BTreeSet<String>,
    /// Findings that are none.
    pub false_positives: BTreeSet<FindingId>,
}

/// Constants of the decision, in nats. Chosen on exercises with seeds 1 to 5, never on others.
mod against {
    /// Two findings of a case seldom belong together.
    pub const PRIOR: f64 = 1.35;
    /// How ordinary a finding is, by severity, mildest first.
    pub const ORDINARY: [f64; 5] = [4.5, 3.5, 3.0, 0.0, 0.0];
    /// How probably an intruder's session comes from where sessions of the account always come from; otherwise it comes
    /// from any machine.
    pub const USUAL: f64 = 0.15;
    /// Most that an unusual place takes off: everybody works from elsewhere now and then.
    pub const ELSEWHERE: f64 = 1.0;
    /// And for each e-fold of the days and machines that its rule fired on.
    pub const FREQUENT: f64 = 0.7;
    /// What is left of that at least, however firmly it is joined: through findings that are ordinary by themselves a
    /// campaign must not creep on to the next ordinary one.
    pub const LEAST: f64 = 0.15;
    /// Of what only says where and who, so much vouches: whatever happens beside an intruder is beside an intruder.
    pub const NEARBY: f64 = 0.5;
}
/// Of who and where, the weaker counts so much: a person and their machine are nearly one observation.
const SECOND: f64 = 0.5;
/// Microseconds added to a distance, because clocks differ.
pub(crate) const CLOCKS: i64 = 60_000_000;
/// Findings of one rule about the same things, this close, are one node.
const SAME: i64 = 3_600_000_000;
/// Weight of an analyst's word.
const SURE: f64 = 1_000.0;
/// What is so many joins from a grave finding is not vouched for by it.
const HOPS: usize = 32;
/// Below this, in nats, nothing changes any more.
const SETTLED: f64 = 1e-9;
pub(crate) const DAY: f64 = 86_400e6;

/// A session that came from a machine of a campaign.
mod session {
    /// How probably somebody who goes on to another machine does so from this one of their machines.
    pub const SHARED: f64 = 0.4;
    /// Days after which that is half.
    pub const HALF_LIFE: f64 = 30.0;
    /// From this share of an account's sessions on a place says nothing of who it was.
    pub const USUALLY: f64 = 0.05;
}

/// Destruction in quick succession, wherever it is: many machines wiped in one night share nothing else.
mod quick {
    /// Techniques (MITRE ATT&CK, with their parts) that destroy, block, or take away what would tell of it.
    pub const TECHNIQUES: [&str; 16] = [
        "T1070", "T1485", "T1486", "T1489", "T1490", "T1491", "T1495", "T1529", "T1531", "T1561", "T1565",
        "T1685", "T0809", "T0816", "T0826", "T0881",
    ];
    /// How probably two such findings of one campaign follow each other at once.
    pub const SHARED: f64 = 0.3;
    /// Microseconds after which that is half.
    pub const HALF_LIFE: f64 = 1_800e6;
    /// Most that it can say, in nats.
    pub const CAP: f64 = 3.0;
    /// Further apart than this, in microseconds, they are not compared for it.
    pub const WITHIN: i64 = 6 * 3_600_000_000;
    /// Of each such finding so many that follow are looked at.
    pub const NEXT: usize = 64;
}

/// Findings about the same thing, as one.
struct Node {
    findings: Vec<usize>,
    entities: Vec<u32>,
    /// How ordinary, in nats.
    ordinary: f64,
    /// Where and when, for what it shares by chance.
    side: Side,
    /// The first node of this rule about the same things.
    alike: u32,
    grave: bool,
    /// Whether it destroys.
    ruin: bool,
}

/// An accepted join of two nodes.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub a: u32,
    pub b: u32,
    pub score: Weight,
}

/// Two nodes that have enough in common to be looked at.
struct Weighed {
    a: u32,
    b: u32,
    /// What it says for a join.
    nats: f64,
    /// And what it says of either being more than an everyday finding.
    vouches: f64,
}

/// Everything that was weighed.
pub struct Graph<'a> {
    pub(crate) findings: Vec<&'a Evidence>,
    pub(crate) names: Vec<(Entity, Observable)>,
    nodes: Vec<Node>,
    /// The node of each finding, by id.
    places: Vec<(FindingId, u32)>,
    frequency: &'a Frequency,
    words: &'a Words,
    /// Joins that hold, by node.
    pub(crate) edges: Vec<Edge>,
    /// Component of each node.
    pub(crate) component: Vec<u32>,
    /// Nodes in a campaign with something grave.
    beside: Vec<bool>,
    /// What is left, in nats, of how ordinary each node is, after what vouches for it.
    left: Vec<f64>,
}

impl<'a> Graph<'a> {
    /// Weighs and joins. Findings may come in any order and more than once.
    pub fn new(findings: &'a [Evidence], frequency: &'a Frequency, words: &'a Words) -> Graph<'a> {
        let mut sorted: Vec<&Evidence> =
            findings.iter().filter(|f| !words.false_positives.contains(&f.id)).collect();
        // Copies of one finding may differ, if the rules were others when it was read: always the same one is kept.
        sorted.sort_by(|a, b| (a.id, a.time).cmp(&(b.id, b.time)).then_with(|| rest(a).cmp(&rest(b))));
        sorted.dedup_by_key(|f| f.id);
        sorted.sort_by_key(|f| (f.time, f.id));
        let excluded = Excluded::new(frequency.realms(), &words.excluded);
        let mut known: BTreeMap<Entity, (u32, Observable)> = BTreeMap::new();
        let mut numbers: Vec<Vec<u32>> = Vec::with_capacity(sorted.len());
        for f in &sorted {
            let all = frequency.entities(f);
            let kept = all.into_iter().filter(|(e, _)| !excluded.holds(e));
            let number = kept.map(|(e, o)| {
                let next = known.len() as u32;
                known.entry(e).or_insert((next, o)).0
            });
            numbers.push(number.collect());
        }
        // From numbers in order of sight to places in order of names.
        let mut place = vec![0; known.len()];
        let mut names: Vec<(Entity, Observable)> = Vec::with_capacity(known.len());
        for (entity, (number, observable)) in known {
            place[number as usize] = names.len() as u32;
            names.push((entity, observable));
        }
        // A finding's entities come in order of names: so do their places.
        numbers.iter_mut().flatten().for_each(|n| *n = place[*n as usize]);
        // What analysts part must not be one node.
        let parted = words.cuts.iter().filter(|(x, y, _)| x != y);
        let alone: BTreeSet<FindingId> = parted.flat_map(|(x, y, _)| [*x, *y]).collect();
        let (nodes, node_of) = nodes(&sorted, numbers, frequency, &alone);
        let mut places: Vec<(FindingId, u32)> = sorted.iter().map(|f| f.id).zip(node_of).collect();
        places.sort_unstable();
        let mut graph = Graph {
            findings: sorted,
            names,
            nodes,
            places,
            frequency,
            words,
            edges: Vec::new(),
            component: Vec::new(),
            beside: Vec::new(),
            left: Vec::new(),
        };
        graph.beside = graph.nodes.iter().map(|n| n.grave).collect();
        graph.left = graph.nodes.iter().map(|n| n.ordinary).collect();
        graph.weigh();
        graph
    }

    fn weigh(&mut self) {
        let held: Vec<&[u32]> = self.nodes.iter().map(|n| n.entities.as_slice()).collect();
        let mut pairs = candidates(&held, &self.beside);
        pairs.extend(self.quick());
        pairs.sort_unstable();
        pairs.dedup();
        let evidence: Vec<Weighed> = pairs
            .into_iter()
            .map(|(a, b)| {
                let (terms, nearby) = self.evidence(a, b, None);
                let nats = nats(&terms);
                Weighed { a, b, nats, vouches: nats - (1.0 - against::NEARBY) * nearby }
            })
            // What is not enough for findings that nothing speaks against is not enough.
            .filter(|e| e.nats + 1e-6 >= against::PRIOR)
            .collect();
        let pinned = self.pinned();
        let parted = self.parted();
        // What hangs together with something grave is vouched for, and that may join more. Only ever more, and from hop
        // to hop, until nothing changes or it is too far away to say anything.
        for hop in 0..=HOPS {
            // There may be millions: those of the last round go first.
            self.edges = Vec::new();
            let mut edges: Vec<Edge> = Vec::new();
            for Weighed { a, b, nats, .. } in &evidence {
                let score = nats - against::PRIOR - self.ordinary(*a) - self.ordinary(*b);
                if score >= 0.0 && !pinned.contains(&(*a, *b)) {
                    edges.push(Edge { a: *a, b: *b, score: Weight::from_nats(score) });
                }
            }
            let sure = Weight::from_nats(SURE);
            edges.extend(pinned.iter().map(|(a, b)| Edge { a: *a, b: *b, score: sure }));
            edges.sort_unstable_by(|x, y| y.score.cmp(&x.score).then((x.a, x.b).cmp(&(y.a, y.b))));
            let component = self.components(&mut edges, &parted);
            let near = self.nodes.iter().zip(&component).filter(|(node, _)| node.grave);
            let grave: BTreeSet<u32> = near.map(|(_, c)| *c).collect();
            for (beside, c) in self.beside.iter_mut().zip(&component) {
                *beside |= grave.contains(c);
            }
            (self.edges, self.component) = (edges, component);
            if hop == HOPS || !self.vouch(&evidence) {
                return;
            }
        }
    }

    /// Takes off each node's ordinariness what its joins say beyond what the other side needs: who is firmly part of a
    /// campaign with something grave is no everyday finding, however often its rule fires. Whether anything changed.
    fn vouch(&mut self, evidence: &[Weighed]) -> bool {
        let mut left = self.left.clone();
        for Weighed { a, b, nats, vouches } in evidence {
            let (x, y) = (*a as usize, *b as usize);
            // What a rule says again bears no witness for what it said: otherwise a finding less, between two, could vouch.
            if self.nodes[x].alike == self.nodes[y].alike {
                continue;
            }
            // The two are joined, and not kept apart by an analyst.
            let score = nats - against::PRIOR - self.left[x] - self.left[y];
            let holds = score >= 0.0 && self.component[x] == self.component[y];
            if !holds || !self.beside[x] {
                continue;
            }
            for (here, there) in [(x, y), (y, x)] {
                let ordinary = self.nodes[here].ordinary;
                let beyond = vouches - against::PRIOR - self.left[there];
                left[here] = left[here].min((ordinary - beyond).max(against::LEAST * ordinary));
            }
        }
        let changed = left.iter().zip(&self.left).any(|(new, old)| old - new > SETTLED);
        // Otherwise joins keep the very scores that their terms sum to.
        if changed {
            self.left = left;
        }
        changed
    }

    /// Pairs of nodes, the smaller first, that analysts put together.
    fn pinned(&self) -> BTreeSet<(u32, u32)> {
        self.words.pins.iter().filter_map(|(x, y, _)| self.pair(*x, *y)).collect()
    }

    /// Pairs of nodes, the smaller first, that analysts parted.
    fn parted(&self) -> BTreeSet<(u32, u32)> {
        self.words.cuts.iter().filter_map(|(x, y, _)| self.pair(*x, *y)).collect()
    }

    /// The nodes of two findings, the smaller first, if both are known and the nodes two.
    fn pair(&self, x: FindingId, y: FindingId) -> Option<(u32, u32)> {
        let (a, b) = (self.node(x)?, self.node(y)?);
        (a != b).then_some((a.min(b), a.max(b)))
    }

    /// Strongest joins first; one that would bring together what an analyst parted is left out.
    fn components(&self, edges: &mut Vec<Edge>, parted: &BTreeSet<(u32, u32)>) -> Vec<u32> {
        let mut sets = Components::new(self.nodes.len());
        // By root, the roots that it must not meet.
        let mut foes: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (x, y) in parted {
            foes.entry(*x).or_default().insert(*y);
            foes.entry(*y).or_default().insert(*x);
        }
        edges.retain(|e| {
            let (a, b) = (sets.root(e.a), sets.root(e.b));
            if foes.get(&a).is_some_and(|f| f.contains(&b)) {
                return false;
            }
            sets.link(a, b);
            let (root, gone) = (a.min(b), a.max(b));
            if root != gone
                && let Some(moved) = foes.remove(&gone)
            {
                for foe in &moved {
                    if let Some(theirs) = foes.get_mut(foe) {
                        theirs.remove(&gone);
                        theirs.insert(root);
                    }
                }
                foes.entry(root).or_default().extend(moved);
            }
            true
        });
        sets.roots()
    }

    /// The node that holds a finding.
    pub(crate) fn node(&self, id: FindingId) -> Option<u32> {
        let at = self.places.binary_search_by_key(&id, |(f, _)| *f).ok()?;
        self.places.get(at).map(|(_, node)| *node)
    }

    fn ordinary(&self, node: u32) -> f64 {
        self.left[node as usize]
    }

    /// The places of a node's findings.
    pub(crate) fn members(&self, node: u32) -> &[usize] {
        &self.nodes[node as usize].findings
    }

    /// What two nodes have in common, one entity left aside, with what it says; what is taken off because it is one
    /// observation is the last term. And how much of it, in nats, only says where and who.
    fn evidence(&self, a: u32, b: u32, without: Option<u32>) -> (Vec<Term>, f64) {
        let (left, right) = (&self.nodes[a as usize], &self.nodes[b as usize]);
        let (x, y) = self.nearest(left, right);
        let apart = match (self.findings[x].time, self.findings[y].time) {
            (Some(a), Some(b)) => a.0.abs_diff(b.0).min(i64::MAX as u64) as i64,
            // Nobody knows how far apart they are: as far as the case is long.
            _ => self.frequency.span() as i64,
        };
        let rate =
            self.frequency.rule(&self.findings[x].rule).max(self.frequency.rule(&self.findings[y].rule));
        let mut terms = Vec::new();
        let mut groups: BTreeMap<Group, f64> = BTreeMap::new();
        let both = left.entities.iter().filter(|e| right.entities.binary_search(e).is_ok());
        let both = both.filter(|e| Some(**e) != without);
        for entity in both {
            let Some((entity, observable)) = self.names.get(*entity as usize) else { continue };
            let w = entity.kind.weighing();
            let came = [x, y].map(|n| self.came_from(n, entity));
            // From a machine where something grave was done, much follows for what was done in the session; that a session
            // of an intruder came from a machine says no more of what else is seen there than any finding on it.
            let there = [right.grave && came[1].is_none(), left.grave && came[0].is_none()];
            let follows = came.iter().zip(there).filter(|(_, there)| *there && w.group == Group::Where);
            let habit = follows.filter_map(|(o, _)| o.and_then(|o| o.habit)).map(|h| h.share());
            let habit = habit.max_by(f64::total_cmp);
            let (shared, half_life) = match habit {
                None => (w.shared, w.half_life),
                Some(_) => (session::SHARED, session::HALF_LIFE),
            };
            let same = shared * 2f64.powf(-(apart as f64) / DAY / half_life);
            let sides = [(self.findings[x], left.side), (self.findings[y], right.side)];
            let chance = self.frequency.by_chance(entity, sides, apart, (rate, habit));
            let nats = ((same + (1.0 - same) * chance) / chance).ln().min(w.cap);
            let best = groups.entry(w.group).or_default();
            *best = best.max(nats);
            let seen = self.frequency.seen(entity);
            terms.push(Term {
                kind: TermKind::Shared,
                weight: Weight::from_nats(nats),
                observable: Some(observable.clone()),
                seen,
                apart: Some(apart),
                findings: Some((self.findings[x].id, self.findings[y].id)),
                note: came.into_iter().flatten().map(|o| o.told.to_string()).min(),
            });
        }
        let of = |g: Group| groups.get(&g).copied().unwrap_or(0.0);
        let (who, place) = (of(Group::Who), of(Group::Where));
        let someone = who.max(place) + SECOND * who.min(place);
        let total = of(Group::File) + of(Group::Net) + of(Group::Process).max(someone);
        let nearby = (someone - of(Group::Process)).max(0.0);
        let mut quick = None;
        if left.ruin && right.ruin && apart <= quick::WITHIN {
            let (ruin, contexts) = self.frequency.ruin();
            let expected = ruin / self.frequency.span() * apart.saturating_add(CLOCKS) as f64;
            let chance = (-(-expected).exp_m1()).clamp(1e-7, 1.0);
            let same = quick::SHARED * 2f64.powf(-(apart as f64) / quick::HALF_LIFE);
            let nats = ((same + (1.0 - same) * chance) / chance).ln().min(quick::CAP);
            quick = Some(Term {
                kind: TermKind::Stage,
                weight: Weight::from_nats(nats),
                observable: None,
                seen: Some((ruin as u64, contexts as u64)),
                apart: Some(apart),
                findings: Some((self.findings[x].id, self.findings[y].id)),
                note: Some("both destroy, in quick succession".to_owned()),
            });
        }
        let sum: Weight = terms.iter().map(|t| t.weight).sum();
        let over = Weight(Weight::from_nats(total).0 - sum.0);
        terms.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.observable.cmp(&b.observable)));
        if over.0 != 0 {
            terms.push(plain(TermKind::Cap, over, "what is one observation counts once"));
        }
        terms.extend(quick.filter(|t| t.weight.0 > 0));
        (terms, nearby)
    }

    /// Where the session of a finding came from, if that is this thing.
    fn came_from(&self, finding: usize, entity: &Entity) -> Option<&Origin> {
        let f = self.findings[finding];
        let origin = f.origin.as_ref().filter(|o| o.telling().is_some())?;
        self.frequency.is(f, &origin.from, entity).then_some(origin)
    }

    /// Pairs of nodes that destroy and follow each other soon.
    fn quick(&self) -> Vec<(u32, u32)> {
        // Nodes come in order of their first finding; a node's other findings are within the hour of it, or chained.
        let ruin: Vec<u32> = (0..self.nodes.len() as u32).filter(|n| self.nodes[*n as usize].ruin).collect();
        let begins = |n: u32| self.findings[self.nodes[n as usize].findings[0]].time;
        let mut pairs = Vec::new();
        for (at, a) in ruin.iter().enumerate() {
            let Some(first) = begins(*a) else { continue };
            let near =
                ruin.iter().skip(at + 1).take(quick::NEXT).take_while(|b| {
                    begins(**b).is_some_and(|t| t.0.saturating_sub(first.0) <= quick::WITHIN)
                });
            pairs.extend(near.map(|b| (*a, *b)));
        }
        pairs
    }

    /// The findings of two nodes that lie closest in time.
    fn nearest(&self, left: &Node, right: &Node) -> (usize, usize) {
        // Each of the smaller node's looks into the larger one, which is in order of time.
        if left.findings.len() > right.findings.len() {
            let (y, x) = self.nearest(right, left);
            return (x, y);
        }
        let mut best = (u64::MAX, left.findings[0], right.findings[0]);
        for x in &left.findings {
            let at = right.findings.partition_point(|y| self.findings[*y].time < self.findings[*x].time);
            for y in right.findings.iter().skip(at.saturating_sub(1)).take(2) {
                if let (Some(a), Some(b)) = (self.findings[*x].time, self.findings[*y].time) {
                    best = best.min((a.0.abs_diff(b.0), *x, *y));
                }
            }
        }
        (best.1, best.2)
    }

    /// Every term of a join, for and against; they sum to its score.
    pub(crate) fn terms(&self, a: u32, b: u32) -> Vec<Term> {
        let pair = (a.min(b), a.max(b));
        let said = |(x, y, who): &(FindingId, FindingId, String)| {
            (self.pair(*x, *y) == Some(pair)).then(|| who.to_owned())
        };
        // Who parts has the last word.
        if let Some(who) = self.words.cuts.iter().filter_map(said).min() {
            return vec![plain(TermKind::Analyst, Weight::from_nats(-SURE), &who)];
        }
        if let Some(who) = self.words.pins.iter().filter_map(said).min() {
            return vec![plain(TermKind::Analyst, Weight::from_nats(SURE), &who)];
        }
        let (mut terms, _) = self.evidence(a, b, None);
        let score = Weight::from_nats(nats(&terms) - against::PRIOR - self.ordinary(a) - self.ordinary(b));
        terms.push(plain(
            TermKind::Prior,
            Weight::from_nats(-against::PRIOR),
            "two findings seldom belong together",
        ));
        for node in [a, b] {
            let ordinary = Weight::from_nats(-self.ordinary(node));
            if ordinary.0 != 0 {
                terms.push(plain(TermKind::Prior, ordinary, &self.why_ordinary(node)));
            }
        }
        // Rounding of the parts is put where it is largest, so that the sum is the score.
        let sum: Weight = terms.iter().map(|t| t.weight).sum();
        if let Some(first) = terms.first_mut() {
            first.weight.0 += score.0 - sum.0;
        }
        terms
    }

    /// The sum of [`Graph::terms`].
    pub(crate) fn score(&self, a: u32, b: u32) -> Weight {
        self.terms(a, b).iter().map(|t| t.weight).sum()
    }

    /// The findings of two nodes that lie closest in time.
    pub(crate) fn closest(&self, a: u32, b: u32) -> (FindingId, FindingId) {
        let (x, y) = self.nearest(&self.nodes[a as usize], &self.nodes[b as usize]);
        (self.findings[x].id, self.findings[y].id)
    }

    /// Pairs, one node of each side, that are worth weighing: compared like all others, but with nothing beside the two
    /// sides between them.
    pub(crate) fn across(&self, left: &BTreeSet<u32>, right: &BTreeSet<u32>) -> Vec<(u32, u32)> {
        let all: Vec<u32> = left.union(right).copied().collect();
        let node = |place: u32| &self.nodes[all[place as usize] as usize];
        let held: Vec<&[u32]> = (0..all.len() as u32).map(|n| node(n).entities.as_slice()).collect();
        let grave: Vec<bool> = (0..all.len() as u32).map(|n| node(n).grave).collect();
        let mut pairs: Vec<(u32, u32)> = candidates(&held, &grave)
            .into_iter()
            .map(|(a, b)| (all[a as usize], all[b as usize]))
            .chain(self.quick())
            .chain(self.pinned())
            .chain(self.parted())
            .flat_map(|(a, b)| [(a, b), (b, a)])
            .filter(|(a, b)| left.contains(a) && right.contains(b))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// Why a finding is ordinary, for people.
    fn why_ordinary(&self, node: u32) -> String {
        let node = &self.nodes[node as usize];
        let f = self.findings[node.findings[0]];
        let often = self.frequency.rule(&f.rule);
        let on = match often as u64 {
            1 => "1 day of a machine".to_owned(),
            n => format!("{n} days of machines"),
        };
        let peer = match self.frequency.met(f) {
            Some(true) => ", with a peer that is seldom met",
            Some(false) => ", with peers that are met every day",
            None => "",
        };
        format!("{} is {} and fired on {on}{peer}", f.title, f.severity)
    }

    /// Into how many parts nodes fall that hang together by these joins, without an entity. What is not joined with it
    /// is not joined without it, so that no other pair has to be weighed.
    pub(crate) fn parts_without(&self, nodes: &[u32], edges: &[&Edge], entity: u32) -> usize {
        let place = |n: u32| nodes.binary_search(&n).unwrap_or(0) as u32;
        let holds = |n: u32| self.nodes[n as usize].entities.binary_search(&entity).is_ok();
        let pinned = self.pinned();
        let mut sets = Components::new(nodes.len());
        for e in edges {
            let stays = !holds(e.a) || !holds(e.b) || pinned.contains(&(e.a, e.b)) || {
                let left = nats(&self.evidence(e.a, e.b, Some(entity)).0);
                left - against::PRIOR - self.ordinary(e.a) - self.ordinary(e.b) >= 0.0
            };
            if stays {
                sets.link(place(e.a), place(e.b));
            }
        }
        sets.roots().into_iter().collect::<BTreeSet<_>>().len()
    }
}

/// Whether a grave finding is of a technique that destroys.
pub(crate) fn destroys(f: &Evidence) -> bool {
    let known = |id: &String| quick::TECHNIQUES.iter().any(|t| id.split('.').next() == Some(*t));
    f.severity >= Severity::High && f.attack.iter().any(known)
}

fn nats(terms: &[Term]) -> f64 {
    terms.iter().map(|t| t.weight.nats()).sum()
}

/// All that two copies of one finding can differ in.
fn rest(e: &Evidence) -> impl Ord + '_ {
    (&e.rule, &e.title, e.severity, e.vector, &e.host, &e.attack, &e.observables, &e.origin)
}

fn plain(kind: TermKind, weight: Weight, note: &str) -> Term {
    Term {
        kind,
        weight,
        observable: None,
        seen: None,
        apart: None,
        findings: None,
        note: Some(note.to_owned()),
    }
}

/// What findings of one node have in common: rule, severity, machine, entities, where they came from and how usual that is.
/// Severity and the last too, because they weigh: a node must not weigh otherwise when one of its findings goes.
type Alike<'a> = (&'a str, Severity, Option<&'a str>, Vec<u32>, Option<(&'a Observable, Option<Habit>)>);

/// How much it speaks for a finding, in nats, that its session came from where it did. Who does their work comes from
/// where they always come from; an intruder from wherever they already are, and that is mostly another machine.
fn unusual(f: &Evidence) -> f64 {
    let Some(habit) = f.origin.as_ref().and_then(|o| o.habit) else { return 0.0 };
    let share = habit.share();
    let any = 1.0 / (habit.places as f64 + 1.0);
    ((against::USUAL * share + (1.0 - against::USUAL) * any) / share).ln().min(against::ELSEWHERE)
}

/// Puts findings of one rule about the same things into one node, but for those that must be alone. Nodes come in
/// order of their first finding.
fn nodes(
    findings: &[&Evidence],
    entities: Vec<Vec<u32>>,
    frequency: &Frequency,
    alone: &BTreeSet<FindingId>,
) -> (Vec<Node>, Vec<u32>) {
    let mut nodes: Vec<Node> = Vec::new();
    let mut node_of = Vec::with_capacity(findings.len());
    // The latest node, its latest finding's time, and the first node.
    let mut open: BTreeMap<Alike<'_>, (u32, Option<Time>, u32)> = BTreeMap::new();
    for (n, (f, entities)) in findings.iter().zip(entities).enumerate() {
        let came = f.origin.as_ref().map(|o| (&o.from, o.habit));
        let key = (f.rule.as_str(), f.severity, f.host.as_deref(), entities, came);
        let single = alone.contains(&f.id);
        let before = open.get(&key).copied();
        let near = before.filter(|(_, last, _)| match (last, f.time) {
            _ if single => false,
            (Some(a), Some(b)) => b.0.saturating_sub(a.0) <= SAME,
            (None, None) => true,
            _ => false,
        });
        let node = match near {
            Some((node, ..)) => node,
            None => {
                let often = against::FREQUENT * frequency.rule(&f.rule).ln();
                let plain = against::ORDINARY.get(f.severity as usize).copied().unwrap_or(0.0) + often;
                // A grave finding of a rule that seldom fires is not ordinary, whatever it names.
                let strange = if plain > 0.0 { frequency.strange(f) + unusual(f) } else { 0.0 };
                let ordinary = (plain - strange).max(0.0);
                nodes.push(Node {
                    findings: Vec::with_capacity(1),
                    entities: key.3.clone(),
                    ordinary,
                    side: frequency.side(f),
                    alike: before.map_or(nodes.len() as u32, |(.., first)| first),
                    grave: f.severity >= Severity::High,
                    ruin: destroys(f),
                });
                (nodes.len() - 1) as u32
            }
        };
        let holder = &mut nodes[node as usize];
        holder.findings.push(n);
        holder.side = holder.side.and(frequency.side(f));
        node_of.push(node);
        if !single {
            let first = nodes[node as usize].alike;
            open.insert(key, (node, f.time, first));
        }
    }
    (nodes, node_of)
}
