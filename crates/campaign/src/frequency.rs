//! How often things occur: counted once over the whole case, so that one finding more or less changes no weight.
//!
//! Three questions, each about findings that have nothing to do with each other:
//!
//! - how probably would they share this thing (a machine, an address, a file)? Asked of all findings, of all events of the
//!   case, of its machines, and of the other findings of the two rules: a tool that support installs is common for the
//!   rule that sees it installed, however rare among events; a build account is everybody's among what runs on build
//!   machines. The commonest answer counts.
//! - how often does this rule fire?
//! - is a peer that nobody else meets unusual for this rule?
//!
//! What it never does: ask what the campaigns are. Of a thing that attackers bring only such other findings count as lie
//! on days and machines without anything grave, or a campaign's own spread would make its tools look common.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{Observable, Prevalence, Severity};

use crate::entity::{Entity, Kind, entities};
use crate::interval::numbered;
use crate::join::{CLOCKS, DAY, Evidence, Origin, destroys};
use crate::realm::Realms;

/// Events that one finding of a campaign has around it, for how common an attacker's thing is.
const AROUND: f64 = 8.0;
/// What is known in general weighs as much as so many findings of a rule.
const GENERAL: f64 = 3.0;
/// A peer is seldom met if it is in no more than this share of the events.
const SELDOM: f64 = 3e-4;
/// How probably a finding of a campaign that has peers has one that is seldom met, and any other finding of a rule that
/// nothing is known of.
const PEER: (f64, f64) = (0.5, 0.1);
/// Of so many things the machines are counted, those first that most findings hold.
const SPREADS: usize = 2_000;

/// How often things occur in a case.
#[derive(Clone, Debug)]
pub struct Frequency {
    span: f64,
    contexts: f64,
    /// Contexts with a finding that destroys.
    ruin: f64,
    rules: BTreeMap<String, Rule>,
    things: BTreeMap<Entity, Often>,
    /// Contexts by rule and thing, ascending: all, and those without anything grave.
    held: Vec<((u32, u32), (u32, u32))>,
    /// Contexts with something grave: machines by day.
    grave: BTreeMap<i64, BTreeSet<String>>,
    events: f64,
    /// Whose names are.
    realms: Realms,
}

/// How often a rule fires.
#[derive(Clone, Copy, Default, Debug)]
struct Rule {
    number: u32,
    /// Contexts with a finding of it.
    contexts: f64,
    /// Of those that name a peer outside: contexts and accounts, and those with a peer that is seldom met.
    peers: (f64, f64),
}

/// How often a thing occurs.
#[derive(Clone, Copy, Default, Debug)]
struct Often {
    number: u32,
    /// Contexts with a finding that holds it.
    held: f64,
    /// Events that hold it, of what attackers bring.
    events: f64,
    /// Share of the machines that have it beyond those that attackers may have brought it to.
    spread: f64,
}

/// A context: a day on a machine. A scanner's thousand findings are one.
fn context(e: &Evidence) -> (i64, &str) {
    (e.time.map_or(i64::MIN, |t| t.0.div_euclid(DAY as i64)), e.host.as_deref().unwrap_or(""))
}

fn is_peer(kind: Kind) -> bool {
    matches!(kind, Kind::Ip | Kind::Domain | Kind::Url)
}

/// Different values in sorted rows, by their first part.
fn counts<K: Ord + Copy, V: Ord + Copy>(mut rows: Vec<(K, V)>) -> Vec<(K, u32)> {
    rows.sort_unstable();
    rows.dedup();
    rows.chunk_by(|a, b| a.0 == b.0).map(|all| (all[0].0, all.len() as u32)).collect()
}

impl Frequency {
    /// Counts over findings, and over `events` events of the case for what attackers bring.
    pub fn of(findings: &[Evidence], lake: &dyn Prevalence, events: u64) -> Frequency {
        let realms = Realms::of(findings);
        let times = || findings.iter().filter_map(|f| f.time);
        let span = times().max().zip(times().min()).map_or(0, |(a, b)| a.0.saturating_sub(b.0));
        // Numbers and sorted rows, not sets of sets: there may be millions of findings, each of something else.
        let (of, contexts) = numbered(&findings.iter().map(context).collect::<Vec<_>>());
        let (rule_of, _) = numbered(&findings.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>());
        let hosts: Vec<String> =
            findings.iter().map(|f| f.host.as_deref().unwrap_or("").to_lowercase()).collect();
        let (host_of, machines) = numbered(&hosts.iter().map(String::as_str).collect::<Vec<_>>());
        let grave_findings = || findings.iter().zip(&of).filter(|(f, _)| f.severity >= Severity::High);
        let grave_contexts: BTreeSet<u32> = grave_findings().map(|(_, c)| *c).collect();
        let mut numbers: BTreeMap<Entity, u32> = BTreeMap::new();
        let mut spellings: BTreeSet<(u32, Observable)> = BTreeSet::new();
        let (mut held, mut on, mut by_rule) = (Vec::new(), Vec::new(), Vec::new());
        // Findings that hold each thing.
        let mut holders: Vec<u32> = Vec::new();
        for (n, f) in findings.iter().enumerate() {
            for (entity, observable) in entities(
                &realms,
                f.host.as_deref(),
                &f.observables,
                f.origin.as_ref().and_then(Origin::telling),
            ) {
                let next = numbers.len() as u32;
                let standing = entity.kind.weighing().standing;
                let number = *numbers.entry(entity).or_insert(next);
                holders.resize(numbers.len(), 0);
                holders[number as usize] += 1;
                held.push((number, of[n]));
                on.push((number, host_of[n]));
                by_rule.push(((rule_of[n], number), of[n]));
                if !standing {
                    spellings.insert((number, observable));
                }
            }
        }
        let mut often = vec![Often::default(); numbers.len()];
        for (number, contexts) in counts(held) {
            often[number as usize].held = f64::from(contexts);
        }
        // The commonest spelling counts: which finding comes first must not matter.
        for (number, observable) in &spellings {
            let here = &mut often[*number as usize].events;
            *here = here.max(lake.events(observable) as f64);
        }
        spreads(&mut often, &holders, &spellings, &counts(on), (lake, machines));
        let quiet = by_rule.iter().filter(|(_, c)| !grave_contexts.contains(c)).copied().collect();
        let quiet = counts(quiet);
        let held = counts(by_rule).into_iter().map(|(key, all)| {
            let at = quiet.binary_search_by_key(&key, |(k, _)| *k);
            (key, (all, at.ok().and_then(|at| quiet.get(at)).map_or(0, |(_, n)| *n)))
        });
        let held = held.collect();
        let things: BTreeMap<Entity, Often> =
            numbers.into_iter().map(|(e, n)| (e, Often { number: n, ..often[n as usize] })).collect();
        let mut all = Frequency {
            span: span as f64 + DAY,
            contexts: contexts as f64,
            ruin: counts(
                findings.iter().zip(&of).filter(|(f, _)| destroys(f)).map(|(_, c)| ((), *c)).collect(),
            )
            .first()
            .map_or(0.0, |(_, n)| f64::from(*n)),
            rules: BTreeMap::new(),
            things,
            held,
            grave: BTreeMap::new(),
            events: events as f64,
            realms,
        };
        for (f, _) in grave_findings() {
            let (day, host) = context(f);
            all.grave.entry(day).or_default().insert(host.to_owned());
        }
        all.count_rules(findings, &of, &rule_of);
        all
    }

    fn count_rules(&mut self, findings: &[Evidence], of: &[u32], rule_of: &[u32]) {
        let mut fired = Vec::new();
        let (mut peers, mut strangers) = (Vec::new(), Vec::new());
        for (n, f) in findings.iter().enumerate() {
            fired.push((rule_of[n], of[n]));
            let Some(seldom) = self.met(f) else { continue };
            let who = self.entities(f).into_iter().map(|(e, _)| e);
            let who =
                who.filter(|e| e.kind == Kind::Account).find_map(|e| self.things.get(&e).map(|o| o.number));
            peers.push((rule_of[n], (of[n], who)));
            if seldom {
                strangers.push((rule_of[n], (of[n], who)));
            }
        }
        let of_rule = |all: &[(u32, u32)], rule: u32| {
            let at = all.binary_search_by_key(&rule, |(r, _)| *r).ok();
            at.and_then(|at| all.get(at)).map_or(0.0, |(_, n)| f64::from(*n))
        };
        let (fired, peers, strangers) = (counts(fired), counts(peers), counts(strangers));
        for (f, number) in findings.iter().zip(rule_of) {
            if !self.rules.contains_key(&f.rule) {
                let peers = (of_rule(&peers, *number), of_rule(&strangers, *number));
                let rule = Rule { number: *number, contexts: of_rule(&fired, *number), peers };
                self.rules.insert(f.rule.clone(), rule);
            }
        }
    }

    /// What a finding is about, sorted, each once, each with the observable it comes from.
    pub(crate) fn entities(&self, f: &Evidence) -> Vec<(Entity, Observable)> {
        entities(&self.realms, f.host.as_deref(), &f.observables, f.origin.as_ref().and_then(Origin::telling))
    }

    /// Whether an observable of a finding is this thing.
    pub(crate) fn is(&self, f: &Evidence, observable: &Observable, entity: &Entity) -> bool {
        let of = entities(&self.realms, f.host.as_deref(), std::slice::from_ref(observable), None);
        of.iter().any(|(e, o)| e == entity && o == observable)
    }

    /// Whose names are.
    pub(crate) fn realms(&self) -> &Realms {
        &self.realms
    }

    /// From the first finding to the last, and a day: in microseconds.
    pub(crate) fn span(&self) -> f64 {
        self.span
    }

    /// Contexts with a finding that destroys, and all.
    pub(crate) fn ruin(&self) -> (f64, f64) {
        (self.ruin, self.contexts)
    }

    /// Contexts with a finding that holds it, and all.
    pub(crate) fn seen(&self, entity: &Entity) -> Option<(u64, u64)> {
        self.things.get(entity).map(|o| (o.held as u64, self.contexts as u64))
    }

    /// Contexts that a rule fired in.
    pub(crate) fn rule(&self, rule: &str) -> f64 {
        self.rules.get(rule).map_or(1.0, |r| r.contexts.max(1.0))
    }

    /// Whether a finding names a peer outside that is seldom met; `None` if it names none, or nobody knows the events.
    pub(crate) fn met(&self, f: &Evidence) -> Option<bool> {
        let peers = self.entities(f).into_iter().filter(|(e, _)| is_peer(e.kind));
        let events = peers.map(|(e, _)| self.things.get(&e).map_or(0.0, |o| o.events));
        let fewest = events.min_by(f64::total_cmp).filter(|_| self.events > 0.0)?;
        Some(fewest <= SELDOM * self.events)
    }

    /// How much its peers speak for a finding, in nats: a peer that nobody else meets is what intruders come from, unless
    /// other findings of this rule have such, too. One that everybody meets speaks a little against it.
    pub(crate) fn strange(&self, f: &Evidence) -> f64 {
        let Some(seldom) = self.met(f) else { return 0.0 };
        let (all, seldom_met) = self.rules.get(&f.rule).map_or((0.0, 0.0), |r| r.peers);
        // The others of its rule: it is no witness of itself.
        let (all, others) = ((all - 1.0).max(0.0), seldom_met - if seldom { 1.0 } else { 0.0 });
        let usual = ((others.max(0.0) + GENERAL * PEER.1) / (all + GENERAL)).clamp(0.0, 1.0);
        if seldom { (PEER.0 / usual).ln() } else { ((1.0 - PEER.0) / (1.0 - usual).max(1e-3)).ln() }
    }

    /// What of some findings of one rule on one machine matters here.
    pub(crate) fn side(&self, f: &Evidence) -> Side {
        let (day, host) = context(f);
        let grave = self.grave.get(&day).is_some_and(|hosts| hosts.contains(host));
        Side { days: (day, day), quiet: !grave, rule: self.rules.get(&f.rule).copied() }
    }

    /// The chance that two findings that have nothing to do with each other share it at this distance.
    pub(crate) fn by_chance(
        &self,
        entity: &Entity,
        of: [(&Evidence, Side); 2],
        apart: i64,
        (rate, habit): (f64, Option<f64>),
    ) -> f64 {
        let often = self.things.get(entity).copied().unwrap_or(Often { held: 1.0, ..Often::default() });
        let share = (often.held + 1.0) / (self.contexts + 2.0);
        let q = if entity.kind.weighing().standing {
            let expected = rate / self.span * apart.saturating_add(CLOCKS) as f64;
            let share = self.for_rules(often.number, of, share, true);
            // Where sessions of the account come from is known of more than findings.
            habit.map_or(share, |h| share.min(h)) * -(-expected).exp_m1()
        } else {
            let among = if self.events > 0.0 { (often.events + 1.0) * AROUND / self.events } else { share };
            self.for_rules(often.number, of, among.max(often.spread).min(1.0), false)
        };
        q.clamp(1e-7, 1.0)
    }

    /// The share of a thing among the other findings of either rule, where that is larger than what is known of it in
    /// general: of all that hold it, or of those alone that lie beside nothing grave.
    fn for_rules(&self, thing: u32, [x, y]: [(&Evidence, Side); 2], general: f64, all: bool) -> f64 {
        // With more findings on either side this only ever becomes false: they must never speak against a join.
        let same_context = x.0.host == y.0.host && x.1.days == y.1.days && x.1.days.0 == x.1.days.1;
        let number = |side: Side| side.rule.map(|r| r.number);
        let two = number(x.1) == number(y.1) && !same_context;
        let mut most = general;
        for (one, other) in [(x, y), (y, x)] {
            let Some(rule) = one.1.rule else { continue };
            let at = self.held.binary_search_by_key(&(rule.number, thing), |(key, _)| *key);
            let held = at.ok().and_then(|at| self.held.get(at)).map_or((0, 0), |(_, n)| *n);
            // The two themselves are no witnesses.
            let own = |side: Side| f64::from(u8::from(all || side.quiet));
            let (held, own) = (
                f64::from(if all { held.0 } else { held.1 }),
                if two { own(one.1) + own(other.1) } else { own(one.1) },
            );
            let contexts = (rule.contexts - if two { 2.0 } else { 1.0 }).max(0.0);
            let others = (held - own).max(0.0);
            // Few findings count badly: whoever is seen once elsewhere is as well seen twice.
            let others = if others > 0.0 { others + 1.0 } else { 0.0 };
            most = most.max(((others + GENERAL * general) / (contexts + GENERAL)).min(1.0));
        }
        most
    }
}

/// Findings of one rule on one machine, as far as it matters whether they bear witness for themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// The first day and the last.
    days: (i64, i64),
    /// On one of them there is nothing grave.
    quiet: bool,
    /// How often their rule fires, if it was counted: looked up once, not for every pair.
    rule: Option<Rule>,
}

impl Side {
    /// Both together.
    pub(crate) fn and(self, other: Side) -> Side {
        let days = (self.days.0.min(other.days.0), self.days.1.max(other.days.1));
        Side { days, quiet: self.quiet || other.quiet, rule: self.rule }
    }
}

/// On how many machines things are that attackers could have brought. As many again as have a finding that holds it may
/// be the attacker's; what is on more is everybody's. `hosts`: machines with a finding that holds each thing.
fn spreads(
    often: &mut [Often],
    holders: &[u32],
    spellings: &BTreeSet<(u32, Observable)>,
    hosts: &[(u32, u32)],
    (lake, machines): (&dyn Prevalence, usize),
) {
    let holding = |n: u32| holders.get(n as usize).copied().unwrap_or(0);
    let mut shared: Vec<(u32, &Observable)> =
        spellings.iter().filter(|(n, _)| holding(*n) > 1).map(|(n, o)| (*n, o)).collect();
    // By name among equals: numbers follow the order in which findings come.
    shared.sort_by(|a, b| holding(b.0).cmp(&holding(a.0)).then(a.1.cmp(b.1)));
    for (number, observable) in shared.into_iter().take(SPREADS) {
        let found = hosts.binary_search_by_key(&number, |(n, _)| *n).ok().and_then(|at| hosts.get(at));
        let beyond = lake.hosts(observable).saturating_sub(2 * found.map_or(0, |(_, n)| u64::from(*n)));
        let here = &mut often[number as usize].spread;
        *here = here.max((beyond as f64 / machines.max(1) as f64).min(1.0));
    }
}
