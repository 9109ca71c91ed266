//! The engine: lists in, queries in, hits with reasons out.
//!
//! A name is looked up through the index of its kind, compared with the candidates, and what else is
//! known (dates of birth, countries, numbers) is added as evidence for and against. Addresses, hosts
//! and numbers are looked up exactly; an address is its holder's, a host or number is evidence like any other. Everything is
//! immutable after [`Screen::new`]: threads share it, each with a [`Workspace`]; queries in chunks give the same hits in the same
//! order as one by one.
//!
//! What this module never does: start a thread, keep a decision, or hide a delisted party (it says
//! that it is delisted).

use foldhash::{HashMap, HashSet};

use super::address::canonical;
use super::evidence;
use super::hosts::Hosts;
use super::index::{NameIndex, PATIENCE, Workspace};
use super::lists::Lists;
use super::name::score::{self, probability};
use super::name::words::Kind;
use super::name::{Name, Rarity, Rules, Scored, Term, Weights};
use super::number;
use super::owners::{Owned, Owners};
use super::party::{Birth, Date, Gender, Identifier, NameKind, Party, Schema, Standing};

/// Who or what is asked about. Everything but one of name, addresses, hosts and identifiers may be empty.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Query {
    /// The asker's own id; comes back in no hit, but tells queries apart in decisions.
    pub id: String,
    /// Name.
    pub name: String,
    /// What it is the name of; legal entities are looked for among people and bodies.
    pub schema: Schema,
    /// When born.
    pub births: Vec<Birth>,
    /// Gender.
    pub gender: Option<Gender>,
    /// Countries.
    pub countries: Vec<String>,
    /// Numbers.
    pub identifiers: Vec<Identifier>,
    /// Addresses on chains.
    pub addresses: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// The day the question is about: parties not listed on it are marked. It is no part of who is asked about.
    pub day: Option<Date>,
}

impl Query {
    /// Asks about a name.
    pub fn name(name: impl Into<String>, schema: Schema) -> Query {
        Query { name: name.into(), schema, ..Query::default() }
    }
}

/// By what a party was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum By {
    /// An address on a chain that is listed.
    Address,
    /// A number that is listed.
    Identifier,
    /// A host that is listed, or below or inside one that is.
    Host,
    /// A name.
    Name,
}

/// A party that a query may denote.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    /// Its place in [`Lists::parties`].
    pub party: usize,
    /// By what.
    pub by: By,
    /// The listed name, address, number or host that was met.
    pub listed: String,
    /// What the name is to the party.
    pub kind: Option<NameKind>,
    /// Score and terms.
    pub scored: Scored,
    /// What its list says of it on the day asked about.
    pub standing: Standing,
    /// Set if listed parties own more than half of it on that day.
    pub owned: Option<Owned>,
    /// Nothing speaks against it, and it is identical: the address; the number with its kind and issuer; or every word of the
    /// name, and another attribute agrees.
    pub certain: bool,
}

impl Hit {
    /// Whether it is to be acted on: the party is on its list, or what is listed owns it.
    pub fn counts(&self) -> bool {
        self.standing == Standing::Listed || self.owned.is_some()
    }
}

/// How rare words are in the loaded lists.
#[derive(Default, Debug)]
pub struct ListRarity {
    names_with: HashMap<Box<str>, u32>,
    names: u32,
}

impl ListRarity {
    /// Counts words of all names.
    pub fn count(parties: &[Party]) -> ListRarity {
        let mut out = ListRarity::default();
        for party in parties {
            for name in &party.names {
                let taken = Name::new(&name.text, party.schema.rules(), &super::name::NoLists);
                let Some(reading) = taken.readings.first() else { continue };
                out.names += 1;
                let mut seen: Vec<&str> = reading.tokens.iter().map(|t| &*t.sound).collect();
                seen.sort_unstable();
                seen.dedup();
                for sound in seen {
                    match out.names_with.get_mut(sound) {
                        Some(count) => *count += 1,
                        None => {
                            out.names_with.insert(sound.into(), 1);
                        }
                    }
                }
            }
        }
        out
    }
}

impl Rarity for ListRarity {
    fn factor(&self, sound: &str) -> f32 {
        let all = self.names.max(1_000) as f32;
        let with = self.names_with.get(sound).copied().unwrap_or(0) as f32;
        let weight = ((all + 1.0) / (with + 1.0)).ln() + 1.0;
        let most = (all + 1.0).ln() + 1.0;
        // A word in one name of a thousand is as rare as any other; one in ten weighs a third.
        ((weight / most - 0.25) / 0.4).clamp(0.35, 1.0)
    }
}

/// An engine over loaded lists.
#[derive(Debug)]
pub struct Screen {
    lists: Lists,
    rarity: ListRarity,
    indexes: [NameIndex; 3],
    /// Where each name of an index comes from: party and name.
    origins: [Vec<(u32, u32)>; 3],
    addresses: HashMap<String, Vec<(u32, u32)>>,
    identifiers: HashMap<String, Vec<u32>>,
    hosts: Hosts,
    owners: Owners,
    /// Texts filed as addresses or hosts that are none: shown, never dropped in silence.
    rejected: Vec<(u32, String)>,
}

/// Hits below this are not returned by [`Screen::query`].
///
/// A pair's score is calibrated on pairs of which half are true. A query meets tens of thousands of
/// names of which at most a few are true, and keeps the best: so screening asks for more than 0.5.
pub const FLOOR: f64 = 0.5;
/// Score from which a hit deserves a look.
pub const REVIEW: f64 = 0.8;
/// Score from which a hit is an alert.
pub const ALERT: f64 = 0.95;
/// Most hits of one query; a [`Workspace`] counts what is left out.
pub const MAX_HITS: usize = 50;
/// Most parties looked at that list one address, number or host; further ones are counted like hits left out.
const MAX_SAME: usize = 1_000;

impl Screen {
    /// Builds the indexes. Lists must be [finished](Lists::finish).
    pub fn new(lists: Lists) -> Screen {
        let all: Vec<usize> = (0..lists.parties.len()).collect();
        Screen::of(lists, &all)
    }

    /// An engine that finds only some of the parties: what changed since the last screening.
    pub fn of(lists: Lists, parties: &[usize]) -> Screen {
        let rarity = ListRarity::count(&lists.parties);
        let mut screen = Screen {
            rarity,
            indexes: [Rules::Person, Rules::Body, Rules::Craft].map(NameIndex::new),
            origins: Default::default(),
            addresses: HashMap::default(),
            identifiers: HashMap::default(),
            hosts: Hosts::default(),
            owners: Owners::new(&lists),
            rejected: Vec::new(),
            lists,
        };
        for at in parties {
            screen.add(*at);
        }
        screen
    }

    fn add(&mut self, at: usize) {
        let Some(party) = self.lists.parties.get(at) else { return };
        let place = at as u32;
        let kinds: &[Rules] = match party.schema {
            Schema::LegalEntity => &[Rules::Person, Rules::Body],
            other => &[other.rules()],
        };
        for rules in kinds {
            for (n, name) in party.names.iter().enumerate() {
                let taken = Name::new(&name.text, *rules, &self.rarity);
                self.indexes[*rules as usize].add(taken);
                self.origins[*rules as usize].push((place, n as u32));
            }
        }
        for (n, address) in party.addresses.iter().enumerate() {
            match canonical(&address.text) {
                Some(key) => self.addresses.entry(key).or_default().push((place, n as u32)),
                None => self.rejected.push((place, address.text.clone())),
            }
        }
        for identifier in &party.identifiers {
            let key = Identifier::key(&identifier.number);
            if key.chars().count() >= number::SHORTEST {
                let places = self.identifiers.entry(key).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        for host in &party.hosts {
            if !self.hosts.add(host, place) {
                self.rejected.push((place, host.clone()));
            }
        }
    }

    /// The lists.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Addresses and hosts of lists that cannot be any, with the party's place.
    pub fn rejected(&self) -> &[(u32, String)] {
        &self.rejected
    }

    /// Different addresses on chains that are listed.
    pub fn address_count(&self) -> usize {
        self.addresses.len()
    }

    /// Parties that list an address: place of the party and of the address in it.
    pub fn address(&self, text: &str) -> &[(u32, u32)] {
        canonical(text).and_then(|key| self.addresses.get(&key)).map_or(&[], Vec::as_slice)
    }

    /// Whether listed parties own more than half of the party at a place on that day, themselves or through others.
    pub fn owned(&self, place: usize, day: Option<Date>) -> Option<Owned> {
        self.owners.owned(&self.lists, place, day)
    }

    /// Hits of one query: those that [count](Hit::counts) first, each kind best first.
    pub fn query(&self, query: &Query) -> Vec<Hit> {
        self.query_in(query, &mut Workspace::default())
    }

    /// Hits of many queries, in their order. For threads: one chunk and one workspace each.
    pub fn chunk(&self, queries: &[Query], space: &mut Workspace) -> Vec<Vec<Hit>> {
        queries.iter().map(|q| self.query_in(q, space)).collect()
    }

    /// Hits of one query with the memory of a thread.
    pub fn query_in(&self, query: &Query, space: &mut Workspace) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.exact(query, space, &mut hits);
        let mut best: HashMap<u32, (f32, u32, Rules, u32)> = HashMap::default();
        let mut candidates = Vec::new();
        for rules in kinds(query) {
            let name = Name::new(&query.name, *rules, &self.rarity);
            let index = &self.indexes[*rules as usize];
            index.candidates(&name, space, &mut candidates);
            let mut vain = 0;
            for at in &candidates {
                vain = if self.consider(query, &name, *at, space, &mut best) { 0 } else { vain + 1 };
                if vain == PATIENCE {
                    break;
                }
            }
        }
        self.collect(query, best, space, &mut hits);
        hits
    }

    /// Hits of a query against every listed name: what the index is measured against.
    pub fn exhaustive(&self, query: &Query, space: &mut Workspace) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.exact(query, space, &mut hits);
        let mut best = HashMap::default();
        for rules in kinds(query) {
            let name = Name::new(&query.name, *rules, &self.rarity);
            for at in 0..self.indexes[*rules as usize].len() as u32 {
                self.consider(query, &name, at, space, &mut best);
            }
        }
        self.collect(query, best, space, &mut hits);
        hits
    }

    /// Parties of the names that have a word near to one of the query's, with what it promises, the most promising first: what the
    /// index's limits are measured by.
    pub fn promises(&self, query: &Query, space: &mut Workspace) -> Vec<(f32, usize)> {
        let mut out = Vec::new();
        for rules in kinds(query) {
            let name = Name::new(&query.name, *rules, &self.rarity);
            let of = self.indexes[*rules as usize].promises(&name, space);
            let origins = &self.origins[*rules as usize];
            out.extend(of.into_iter().filter_map(|(n, at)| Some((n, origins.get(at as usize)?.0 as usize))));
        }
        out
    }

    /// Compares one candidate and keeps it if it is its party's best. Whether it comes near to a hit.
    fn consider(
        &self,
        query: &Query,
        name: &Name,
        at: u32,
        space: &mut Workspace,
        best: &mut HashMap<u32, (f32, u32, Rules, u32)>,
    ) -> bool {
        let rules = name.rules;
        let (Some(listed), Some((place, n))) =
            (self.indexes[rules as usize].name(at), self.origins[rules as usize].get(at as usize))
        else {
            return false;
        };
        let Some(party) = self.lists.parties.get(*place as usize) else { return false };
        if !query.schema.may_be(party.schema) {
            return false;
        }
        let mut logit = score::logit(name, listed, Weights::shipped(), &mut space.scratch);
        // Below this no evidence lifts a name over the floor, save a number, which is looked up by itself.
        if logit < -6.0 {
            return false;
        }
        if party.names.get(*n as usize).is_some_and(|n| n.kind == NameKind::Weak) {
            logit += evidence::WEAK_ALIAS;
        }
        if single(name, listed) {
            logit += evidence::SINGLE_WORD;
        }
        let new = (logit, *n, rules, at);
        let old = best.entry(*place).or_insert(new);
        if logit > old.0 {
            *old = new;
        }
        logit > 0.0
    }

    fn collect(
        &self,
        query: &Query,
        best: HashMap<u32, (f32, u32, Rules, u32)>,
        space: &mut Workspace,
        hits: &mut Vec<Hit>,
    ) {
        let mut found: Vec<(bool, f32, u32, u32, Rules, u32)> = best
            .into_iter()
            .filter_map(|(place, (logit, n, rules, at))| {
                let party = self.lists.parties.get(place as usize)?;
                let logit = logit + evidence::sum(query, party);
                let counts = || {
                    party.standing(query.day) == Standing::Listed
                        || self.owned(place as usize, query.day).is_some()
                };
                (logit >= floor()).then(|| (!counts(), logit, place, n, rules, at))
            })
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        space.cut += found.len().saturating_sub(MAX_HITS) as u64;
        found.truncate(MAX_HITS);
        for (_, _, place, n, rules, at) in found {
            let Some(party) = self.lists.parties.get(place as usize) else { continue };
            let Some(listed) = self.indexes[rules as usize].name(at) else { continue };
            let name = Name::new(&query.name, rules, &self.rarity);
            let mut scored = score::score_names(&name, listed, Weights::shipped(), &mut space.scratch);
            let name_of = party.names.get(n as usize);
            if name_of.is_some_and(|n| n.kind == NameKind::Weak) {
                scored.terms.push(term("weak alias", evidence::WEAK_ALIAS));
                scored.logit += evidence::WEAK_ALIAS;
            }
            if single(&name, listed) {
                scored.terms.push(term("one word of several", evidence::SINGLE_WORD));
                scored.logit += evidence::SINGLE_WORD;
            }
            let (mut agrees, mut conflicts) = (false, false);
            evidence::each(query, party, &mut |what, logit| {
                scored.terms.push(term(what, logit));
                scored.logit += logit;
                agrees |= logit > 1.0;
                conflicts |= logit < 0.0;
            });
            scored.score = probability(scored.logit);
            let hit = Hit {
                party: place as usize,
                by: By::Name,
                listed: name_of.map(|n| n.text.clone()).unwrap_or_default(),
                kind: name_of.map(|n| n.kind),
                scored,
                standing: party.standing(query.day),
                owned: self.owned(place as usize, query.day),
                certain: agrees && !conflicts && name.folded == listed.folded,
            };
            // Name and number of one party are one hit: the one that says more.
            match hits.iter_mut().find(|h| h.by == By::Identifier && h.party == place as usize) {
                Some(number) if number.scored.logit >= hit.scored.logit => {}
                Some(number) => *number = hit,
                None => hits.push(hit),
            }
        }
        hits.sort_by(|a, b| {
            let order = (!a.counts()).cmp(&!b.counts()).then(b.scored.logit.total_cmp(&a.scored.logit));
            order.then(a.by.cmp(&b.by)).then(a.party.cmp(&b.party))
        });
        space.cut += hits.len().saturating_sub(MAX_HITS) as u64;
        hits.truncate(MAX_HITS);
    }

    /// What is looked up as it is.
    fn exact(&self, query: &Query, space: &mut Workspace, hits: &mut Vec<Hit>) {
        let mut known: HashSet<(u32, By, String)> = HashSet::default();
        let mut push = |place: u32, by: By, listed: String, terms: Vec<Term>, certain: bool| {
            let logit: f32 = terms.iter().map(|t| t.logit).sum();
            let Some(party) = self.lists.parties.get(place as usize).filter(|_| logit >= floor()) else {
                return;
            };
            if !known.insert((place, by, listed.clone())) {
                return;
            }
            hits.push(Hit {
                party: place as usize,
                by,
                listed,
                kind: None,
                scored: Scored { logit, score: if certain { 1.0 } else { probability(logit) }, terms },
                standing: party.standing(query.day),
                owned: self.owned(place as usize, query.day),
                certain,
            });
        };
        for text in &query.addresses {
            let places = self.address(text);
            space.cut += places.len().saturating_sub(MAX_SAME) as u64;
            for (place, n) in places.iter().take(MAX_SAME) {
                let listed =
                    self.lists.parties.get(*place as usize).and_then(|p| p.addresses.get(*n as usize));
                let listed = listed.map_or_else(String::new, |a| a.text.clone());
                push(*place, By::Address, listed, vec![term("address is listed", number::IDENTICAL)], true);
            }
        }
        for host in &query.hosts {
            let (found, cut) = self.hosts.find(host, MAX_SAME);
            space.cut += cut;
            for found in found {
                push(found.party, By::Host, found.listed, vec![term(found.what, found.logit)], false);
            }
        }
        let mut looked: Vec<u32> = Vec::new();
        for asked in &query.identifiers {
            let places = self.identifiers.get(&Identifier::key(&asked.number)).map_or(&[][..], Vec::as_slice);
            space.cut += places.len().saturating_sub(MAX_SAME) as u64;
            looked.extend(places.iter().take(MAX_SAME));
        }
        looked.sort_unstable();
        looked.dedup();
        for place in looked {
            let Some(party) = self.lists.parties.get(place as usize) else { continue };
            let Some(met) = number::meet(query, party) else { continue };
            let mut terms: Vec<Term> = met.terms.iter().map(|(what, logit)| term(what, *logit)).collect();
            if let Some(first) = terms.first_mut() {
                first.query.clone_from(&met.asked.number);
                first.listed.clone_from(&met.listed.number);
            }
            terms.extend(self.name_beside(query, party, space));
            evidence::others(query, party, &mut |what, logit| terms.push(term(what, logit)));
            let certain = met.identical && terms.iter().all(|t| t.logit >= 0.0);
            if let Some(first) = terms.first_mut().filter(|_| certain) {
                first.what = "the same number of one kind and issuer";
                first.logit = number::IDENTICAL;
            }
            push(place, By::Identifier, met.listed.number.clone(), terms, certain);
        }
    }

    /// What the names say where a number agrees; nothing if nobody gave a name.
    fn name_beside(&self, query: &Query, party: &Party, space: &mut Workspace) -> Option<Term> {
        // Who types a number alone gives no name.
        let typed = Identifier::key(&query.name);
        if typed.is_empty() || query.identifiers.iter().any(|i| Identifier::key(&i.number) == typed) {
            return None;
        }
        let most = evidence::NAME_BESIDE_NUMBER;
        if !query.schema.may_be(party.schema) {
            return Some(term("another kind of party", -most));
        }
        let mut best: Option<f32> = None;
        for rules in kinds(query) {
            let asked = Name::new(&query.name, *rules, &self.rarity);
            for listed in &party.names {
                let listed = Name::new(&listed.text, *rules, &self.rarity);
                let logit = score::logit(&asked, &listed, Weights::shipped(), &mut space.scratch);
                best = Some(best.map_or(logit, |b| b.max(logit)));
            }
        }
        let logit = best?.clamp(-most, most);
        Some(term(if logit < 0.0 { "another name" } else { "name agrees" }, logit))
    }
}

/// Log-odds of [`FLOOR`].
fn floor() -> f32 {
    (FLOOR / (1.0 - FLOOR)).ln() as f32
}

/// One of the names is a single word, the other more: `Omar` is everybody's.
fn single(a: &Name, b: &Name) -> bool {
    let words = |n: &Name| {
        n.readings.first().map_or(0, |r| {
            r.tokens.iter().filter(|t| !matches!(t.kind, Kind::Particle | Kind::Title)).count()
        })
    };
    let (a, b) = (words(a), words(b));
    a.min(b) <= 1 && a.max(b) > 1
}

fn kinds(query: &Query) -> &'static [Rules] {
    if query.name.trim().is_empty() {
        return &[];
    }
    match query.schema {
        Schema::LegalEntity => &[Rules::Person, Rules::Body],
        Schema::Person => &[Rules::Person],
        Schema::Vessel | Schema::Aircraft => &[Rules::Craft],
        _ => &[Rules::Body],
    }
}

fn term(what: &'static str, logit: f32) -> Term {
    Term { query: String::new(), listed: String::new(), what, logit }
}
