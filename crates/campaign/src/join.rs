//! Level two: campaigns. What one purpose has done, in days or years.
//!
//! Two findings are joined if the evidence for it outweighs what speaks against it. The evidence is what they have in
//! common, each as a log-likelihood ratio `ln P(shared | one campaign) / P(shared | two)`:
//!
//! - of what the **attacker** brings (an address, a program, a domain) the denominator is how common it is among all
//!   events of the case; a year between two findings takes off little;
//! - of what the **victim** has all the time (a machine, an account) it is the chance that a finding of this rule, as
//!   often as it fires, would meet this one so soon by accident.
//!
//! Things that are one observation (a program's path and hash, a server's name and address) count once, as the
//! strongest. Against it speak the odds that two findings belong together at all, and how ordinary each finding is: of low
//! severity, of a rule that fires everywhere. A finding beside a grave one is somewhat less ordinary; two that
//! destroy in quick succession speak for each other.
//!
//! Campaigns are the findings that hang together by such joins. Because a join depends on its two findings, on whether
//! something grave is beside them and on fixed counts alone, taking a finding away can part campaigns but never merge
//! them, and the order of findings means nothing. Three things limit that:
//!
//! - an analyst's cut: what could go with either side of it goes with the stronger, and that may change;
//! - a thing held by more findings than are [compared](crate::pairs) with each one: with one less, two that were too far
//!   from each other in the row may be neighbours;
//! - a rule that says the same again within the hour is one thing, and no campaign with itself; without what lies between
//!   them, two such findings may be more than an hour apart, two things, and a campaign.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{FindingId, Observable, Prevalence, Severity, Term, TermKind, Time, Vector, Weight};

use crate::components::Components;
use crate::entity::{Entity, Group, entities, named};
use crate::interval::numbered;
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

/// Constants of the decision, in nats. Chosen on exercises with seeds 1 to 4, never on others.
mod against {
    /// Two findings of a case seldom belong together.
    pub const PRIOR: f64 = 1.0;
    /// How ordinary a finding is, by severity, mildest first.
    pub const ORDINARY: [f64; 5] = [4.5, 3.5, 3.0, 0.0, 0.0];
    /// And for each e-fold of the days and machines that its rule fired on.
    pub const FREQUENT: f64 = 0.7;
    /// What is left of that beside a grave finding.
    pub const BESIDE: f64 = 0.6;
}
/// Of who and where, the weaker counts so much: a person and their machine are nearly one observation.
const SECOND: f64 = 0.5;
/// Events that one finding of a campaign has around it, for how common an attacker's thing is.
const AROUND: f64 = 8.0;
/// Microseconds added to a distance, because clocks differ.
const CLOCKS: i64 = 60_000_000;
/// Findings of one rule about the same things, this close, are one node.
const SAME: i64 = 3_600_000_000;
/// Weight of an analyst's word.
const SURE: f64 = 1_000.0;
/// What is so many joins from a grave finding is not beside it.
const HOPS: usize = 32;
const DAY: f64 = 86_400e6;

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

/// How often things occur: counted once over the whole case, so that one finding more or less changes no weight.
#[derive(Clone, Debug)]
pub struct Frequency {
    span: f64,
    contexts: f64,
    /// Contexts with a finding that destroys.
    ruin: f64,
    rules: BTreeMap<String, f64>,
    things: BTreeMap<Entity, Often>,
    events: f64,
}

/// How often a thing occurs.
#[derive(Clone, Copy, Default, Debug)]
struct Often {
    /// Contexts with a finding that holds it.
    held: f64,
    /// Events that hold it, of what attackers bring.
    events: f64,
}

/// A context: a day on a machine. A scanner's thousand findings are one.
fn context(e: &Evidence) -> (i64, &str) {
    (e.time.map_or(i64::MIN, |t| t.0.div_euclid(DAY as i64)), e.host.as_deref().unwrap_or(""))
}

impl Frequency {
    /// Counts over findings, and over `events` events of the case for what attackers bring.
    pub fn of(findings: &[Evidence], lake: &dyn Prevalence, events: u64) -> Frequency {
        let times = || findings.iter().filter_map(|f| f.time);
        let span = times().max().zip(times().min()).map_or(0, |(a, b)| a.0.saturating_sub(b.0));
        // Numbers and sorted rows, not sets of sets: there may be millions of findings, each of something else.
        let (of, contexts) = numbered(&findings.iter().map(context).collect::<Vec<_>>());
        let mut rules: Vec<(&str, u32)> =
            findings.iter().map(|f| f.rule.as_str()).zip(of.iter().copied()).collect();
        let mut numbers: BTreeMap<Entity, u32> = BTreeMap::new();
        let mut held: Vec<(u32, u32)> = Vec::new();
        let mut spellings: BTreeSet<(u32, Observable)> = BTreeSet::new();
        for (f, context) in findings.iter().zip(&of) {
            for (entity, observable) in entities(f.host.as_deref(), &f.observables) {
                let next = numbers.len() as u32;
                let standing = entity.kind.weighing().standing;
                let number = *numbers.entry(entity).or_insert(next);
                held.push((number, *context));
                if !standing {
                    spellings.insert((number, observable));
                }
            }
        }
        let mut ruin: Vec<u32> = Vec::new();
        ruin.extend(findings.iter().zip(&of).filter(|(f, _)| destroys(f)).map(|(_, c)| *c));
        ruin.sort_unstable();
        ruin.dedup();
        let mut often = vec![Often::default(); numbers.len()];
        held.sort_unstable();
        held.dedup();
        for (number, _) in held {
            often[number as usize].held += 1.0;
        }
        // The commonest spelling counts: which finding comes first must not matter.
        for (number, observable) in spellings {
            let here = &mut often[number as usize].events;
            *here = here.max(lake.events(&observable) as f64);
        }
        rules.sort_unstable();
        rules.dedup();
        Frequency {
            span: span as f64 + DAY,
            contexts: contexts as f64,
            ruin: ruin.len() as f64,
            rules: rules
                .chunk_by(|a, b| a.0 == b.0)
                .map(|all| (all[0].0.to_owned(), all.len() as f64))
                .collect(),
            things: numbers.into_iter().map(|(e, n)| (e, often[n as usize])).collect(),
            events: events as f64,
        }
    }

    fn rule(&self, rule: &str) -> f64 {
        self.rules.get(rule).copied().unwrap_or(1.0).max(1.0)
    }

    /// The chance that two findings that have nothing to do with each other share it at this distance.
    fn by_chance(&self, entity: &Entity, apart: i64, rate: f64) -> f64 {
        let often = self.things.get(entity).copied().unwrap_or(Often { held: 1.0, events: 0.0 });
        let share = (often.held + 1.0) / (self.contexts + 2.0);
        let q = if entity.kind.weighing().standing {
            let expected = rate / self.span * apart.saturating_add(CLOCKS) as f64;
            share * -(-expected).exp_m1()
        } else if self.events > 0.0 {
            (often.events + 1.0) * AROUND / self.events
        } else {
            share
        };
        q.clamp(1e-7, 1.0)
    }
}

/// Findings about the same thing, as one.
struct Node {
    findings: Vec<usize>,
    entities: Vec<u32>,
    /// How ordinary, in nats.
    ordinary: f64,
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
    /// Nodes beside a grave one.
    beside: Vec<bool>,
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
        let excluded = named(&words.excluded);
        let mut known: BTreeMap<Entity, (u32, Observable)> = BTreeMap::new();
        let mut numbers: Vec<Vec<u32>> = Vec::with_capacity(sorted.len());
        for f in &sorted {
            let all = entities(f.host.as_deref(), &f.observables);
            let kept = all.into_iter().filter(|(e, _)| !excluded.contains(e));
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
        };
        graph.beside = graph.nodes.iter().map(|n| n.grave).collect();
        graph.weigh();
        graph
    }

    fn weigh(&mut self) {
        let held: Vec<&[u32]> = self.nodes.iter().map(|n| n.entities.as_slice()).collect();
        let mut pairs = candidates(&held, &self.beside);
        pairs.extend(self.quick());
        pairs.sort_unstable();
        pairs.dedup();
        let evidence: Vec<(u32, u32, f64)> = pairs
            .into_iter()
            .map(|(a, b)| (a, b, nats(&self.evidence(a, b, None))))
            // What is not enough beside grave findings is not enough.
            .filter(|(a, b, nats)| *nats + 1e-6 >= against::PRIOR + against::BESIDE * self.ordinaries(*a, *b))
            .collect();
        let pinned = self.pinned();
        let parted = self.parted();
        // Grave findings make what is joined to them less ordinary, and that may join more. Only ever more, and from
        // hop to hop, until nothing changes or it is too far away to say anything.
        for hop in 0..=HOPS {
            // There may be millions: those of the last round go first.
            self.edges = Vec::new();
            let mut edges: Vec<Edge> = Vec::new();
            for (a, b, nats) in &evidence {
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
            let beside: Vec<bool> =
                component.iter().zip(&self.beside).map(|(c, was)| *was || grave.contains(c)).collect();
            (self.edges, self.component) = (edges, component);
            if beside == self.beside || hop == HOPS {
                return;
            }
            self.beside = beside;
        }
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
        let n = node as usize;
        self.nodes[n].ordinary * if self.beside[n] { against::BESIDE } else { 1.0 }
    }

    fn ordinaries(&self, a: u32, b: u32) -> f64 {
        self.nodes[a as usize].ordinary + self.nodes[b as usize].ordinary
    }

    /// The places of a node's findings.
    pub(crate) fn members(&self, node: u32) -> &[usize] {
        &self.nodes[node as usize].findings
    }

    /// What two nodes have in common, one entity left aside, with what it says; what is taken off because it is one
    /// observation is the last term.
    fn evidence(&self, a: u32, b: u32, without: Option<u32>) -> Vec<Term> {
        let (left, right) = (&self.nodes[a as usize], &self.nodes[b as usize]);
        let (x, y) = self.nearest(left, right);
        let apart = match (self.findings[x].time, self.findings[y].time) {
            (Some(a), Some(b)) => a.0.abs_diff(b.0).min(i64::MAX as u64) as i64,
            // Nobody knows how far apart they are: as far as the case is long.
            _ => self.frequency.span as i64,
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
            let same = w.shared * 2f64.powf(-(apart as f64) / DAY / w.half_life);
            let chance = self.frequency.by_chance(entity, apart, rate);
            let nats = ((same + (1.0 - same) * chance) / chance).ln().min(w.cap);
            let best = groups.entry(w.group).or_default();
            *best = best.max(nats);
            let often = self.frequency.things.get(entity);
            let seen = often.map(|o| (o.held as u64, self.frequency.contexts as u64));
            terms.push(Term {
                kind: TermKind::Shared,
                weight: Weight::from_nats(nats),
                observable: Some(observable.clone()),
                seen,
                apart: Some(apart),
                findings: Some((self.findings[x].id, self.findings[y].id)),
                note: None,
            });
        }
        let of = |g: Group| groups.get(&g).copied().unwrap_or(0.0);
        let (who, place) = (of(Group::Who), of(Group::Where));
        let someone = who.max(place) + SECOND * who.min(place);
        let total = of(Group::File) + of(Group::Net) + of(Group::Process).max(someone);
        let mut quick = None;
        if left.ruin && right.ruin && apart <= quick::WITHIN {
            let expected = self.frequency.ruin / self.frequency.span * apart.saturating_add(CLOCKS) as f64;
            let chance = (-(-expected).exp_m1()).clamp(1e-7, 1.0);
            let same = quick::SHARED * 2f64.powf(-(apart as f64) / quick::HALF_LIFE);
            let nats = ((same + (1.0 - same) * chance) / chance).ln().min(quick::CAP);
            quick = Some(Term {
                kind: TermKind::Stage,
                weight: Weight::from_nats(nats),
                observable: None,
                seen: Some((self.frequency.ruin as u64, self.frequency.contexts as u64)),
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
        terms
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
        let mut terms = self.evidence(a, b, None);
        let score = Weight::from_nats(nats(&terms) - against::PRIOR - self.ordinary(a) - self.ordinary(b));
        terms.push(plain(
            TermKind::Prior,
            Weight::from_nats(-against::PRIOR),
            "two findings seldom belong together",
        ));
        for node in [a, b] {
            let ordinary = Weight::from_nats(-self.ordinary(node));
            if ordinary.0 != 0 {
                let f = self.findings[self.nodes[node as usize].findings[0]];
                let often = self.frequency.rule(&f.rule);
                let on = if often == 1.0 {
                    "1 day of a machine".to_owned()
                } else {
                    format!("{often} days of machines")
                };
                let note = format!("{} is {} and fired on {on}", f.title, f.severity);
                terms.push(plain(TermKind::Prior, ordinary, &note));
            }
        }
        // Rounding of the parts is put where it is largest, so that the sum is the score.
        let sum: Weight = terms.iter().map(|t| t.weight).sum();
        if let Some(first) = terms.first_mut() {
            first.weight.0 += score.0 - sum.0;
        }
        terms
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
                let left = nats(&self.evidence(e.a, e.b, Some(entity)));
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
fn destroys(f: &Evidence) -> bool {
    let known = |id: &String| quick::TECHNIQUES.iter().any(|t| id.split('.').next() == Some(*t));
    f.severity >= Severity::High && f.attack.iter().any(known)
}

fn nats(terms: &[Term]) -> f64 {
    terms.iter().map(|t| t.weight.nats()).sum()
}

/// All that two copies of one finding can differ in.
fn rest(e: &Evidence) -> impl Ord + '_ {
    (&e.rule, &e.title, e.severity, e.vector, &e.host, &e.attack, &e.observables)
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

/// What findings of one node have in common: rule, severity, machine, entities. Severity too, because it weighs: a node
/// must not weigh otherwise when one of its findings goes.
type Alike<'a> = (&'a str, Severity, Option<&'a str>, Vec<u32>);

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
    let mut open: BTreeMap<Alike<'_>, (u32, Option<Time>)> = BTreeMap::new();
    for (n, (f, entities)) in findings.iter().zip(entities).enumerate() {
        let key = (f.rule.as_str(), f.severity, f.host.as_deref(), entities);
        let single = alone.contains(&f.id);
        let near = open.get(&key).filter(|(_, last)| match (last, f.time) {
            _ if single => false,
            (Some(a), Some(b)) => b.0.saturating_sub(a.0) <= SAME,
            (None, None) => true,
            _ => false,
        });
        let node = match near {
            Some((node, _)) => *node,
            None => {
                let ordinary = against::ORDINARY.get(f.severity as usize).copied().unwrap_or(0.0)
                    + against::FREQUENT * frequency.rule(&f.rule).ln();
                nodes.push(Node {
                    findings: Vec::with_capacity(1),
                    entities: key.3.clone(),
                    ordinary,
                    grave: f.severity >= Severity::High,
                    ruin: destroys(f),
                });
                (nodes.len() - 1) as u32
            }
        };
        nodes[node as usize].findings.push(n);
        node_of.push(node);
        if !single {
            open.insert(key, (node, f.time));
        }
    }
    (nodes, node_of)
}
