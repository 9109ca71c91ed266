//! Knowledge made ready for scoring: ids become numbers, and a [`View`] counts what was known at a moment.
//!
//! A view is the only way to the counts. It leaves out reports by date and by name, so that an assessment as of a day
//! sees nothing newer, and an evaluation never sees the report it asks about. What this module never does: weigh.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palisade_model::{Alias, IncidentReport, ItemKind, Knowledge, Month, current_technique};

/// Most actors compared. ATT&CK knows about 170, MISP's galaxy about 1,000.
pub const MAX_ACTORS: usize = 5_000;
/// Most distinct items. ATT&CK has about 2,000.
pub const MAX_ITEMS: usize = 20_000;
/// Half of the actors' use of a thing is not a secret any more: malware that this many actors use is shared.
const SHARED_FROM: u32 = 3;

/// What an item is as evidence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// A technique or sub-technique.
    Technique,
    /// A public tool: anybody can be seen with it.
    Tool,
    /// Malware that several actors use.
    Shared,
    /// Malware that one or two actors use.
    Private,
}

/// An actor to be compared.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its state, ISO 3166 alpha-2.
    pub nation: Option<String>,
    /// Other names, each with who uses it so, and when.
    pub aliases: Arc<[Alias]>,
}

/// What one report tells of one actor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Vote {
    pub actor: usize,
    pub date: Option<Month>,
    pub report: usize,
    /// Sorted.
    pub items: Vec<usize>,
}

/// Compiled knowledge.
pub struct Library {
    pub(super) actors: Vec<Known>,
    /// Actors that are known by name only.
    by_name: Vec<Known>,
    /// Ids, sorted.
    pub(super) items: Vec<String>,
    pub(super) names: Vec<String>,
    kinds: Vec<ItemKind>,
    pub(super) votes: Vec<Vote>,
    reports: Vec<String>,
    as_of: Option<Month>,
    notices: Vec<String>,
    /// Actors and items beyond the limits, which are not compared.
    pub left_out: usize,
}

impl Library {
    /// Compiles knowledge. Actors of whom no report tells anything are known by name only and are not compared.
    pub fn new(knowledge: &Knowledge) -> Library {
        let told: BTreeSet<&str> = knowledge.accounts.iter().map(|a| a.actor.as_str()).collect();
        let mut by_id: BTreeMap<&str, Known> = BTreeMap::new();
        let mut by_name = Vec::new();
        for a in &knowledge.actors {
            let known = Known {
                id: a.id.clone(),
                name: a.name.clone(),
                nation: a.nation.clone(),
                aliases: a.aliases.as_slice().into(),
            };
            if told.contains(a.id.as_str()) {
                by_id.entry(&a.id).or_insert(known);
            } else if by_name.len() < MAX_ACTORS {
                by_name.push(known);
            }
        }
        let mut left_out = by_id.len().saturating_sub(MAX_ACTORS);
        let actors: Vec<Known> = by_id.into_values().take(MAX_ACTORS).collect();
        let used: BTreeSet<&str> =
            knowledge.accounts.iter().flat_map(|a| a.items.iter().map(|i| current_technique(i))).collect();
        left_out += used.len().saturating_sub(MAX_ITEMS);
        let items: Vec<String> = used.into_iter().take(MAX_ITEMS).map(str::to_owned).collect();
        let described: BTreeMap<&str, (ItemKind, &str)> =
            knowledge.items.iter().map(|i| (current_technique(&i.id), (i.kind, i.name.as_str()))).collect();
        // Software that nobody described is taken for the cheaper kind.
        let undescribed = |id: &str| if id.starts_with('T') { ItemKind::Technique } else { ItemKind::Tool };
        let kinds = items.iter().map(|i| described.get(i.as_str()).map_or_else(|| undescribed(i), |d| d.0));
        let kinds = kinds.collect();
        let names = items
            .iter()
            .map(|i| described.get(i.as_str()).map_or(String::new(), |d| d.1.to_owned()))
            .collect();
        let reports: BTreeSet<&str> = knowledge.accounts.iter().map(|a| a.report.as_str()).collect();
        let reports: Vec<String> = reports.into_iter().map(str::to_owned).collect();
        let mut votes = Vec::new();
        for a in &knowledge.accounts {
            let Ok(actor) = actors.binary_search_by(|k| k.id.as_str().cmp(&a.actor)) else { continue };
            let Ok(report) = reports.binary_search(&a.report) else { continue };
            let mut of: Vec<usize> = a.items.iter().filter_map(|i| place(&items, i)).collect();
            of.sort_unstable();
            of.dedup();
            if !of.is_empty() {
                votes.push(Vote { actor, date: a.date, report, items: of });
            }
        }
        votes.sort_by(|a, b| {
            (a.actor, a.date, a.report, &a.items).cmp(&(b.actor, b.date, b.report, &b.items))
        });
        votes.dedup();
        let (as_of, notices) = (knowledge.as_of, knowledge.notices.clone());
        Library { actors, by_name, items, names, kinds, votes, reports, as_of, notices, left_out }
    }

    /// Who can be named.
    pub fn actors(&self) -> &[Known] {
        &self.actors
    }

    /// The name of a technique or a piece of software; empty if nobody told it.
    pub fn name(&self, id: &str) -> &str {
        self.place(id).and_then(|i| self.names.get(i)).map_or("", String::as_str)
    }

    /// The number of an item, by its id of today or of old.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        place(&self.items, id)
    }

    /// Actors whom a text may mean: by id, by main name, or by a name that somebody gives them, with that name. Names are many to
    /// many, so there may be several.
    pub fn named(&self, text: &str) -> Vec<(&Known, Option<&Alias>)> {
        let same = |name: &str| name.eq_ignore_ascii_case(text.trim());
        let all = || self.actors.iter().chain(&self.by_name);
        let own: Vec<_> = all().filter(|a| same(&a.id) || same(&a.name)).collect();
        if !own.is_empty() {
            return own.into_iter().map(|a| (a, None)).collect();
        }
        all().filter_map(|a| Some((a, Some(a.aliases.iter().find(|n| same(&n.name))?)))).collect()
    }

    /// The month of the newest report.
    pub fn as_of(&self) -> Option<Month> {
        self.as_of
    }

    /// Copyright notices to be shown with what is made of it.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// What was known: reports from before `before` (undated ones are not shown to be older), without the named ones and, for asking
    /// what an assessment says of somebody it does not know, without one actor.
    pub fn view(&self, before: Option<Month>, without: &BTreeSet<&str>, missing: Option<usize>) -> View<'_> {
        let width = self.items.len();
        let mut v = View {
            library: self,
            counts: vec![0; self.actors.len() * width],
            reports: vec![0; self.actors.len()],
            told: vec![0; self.actors.len()],
            having: vec![0; width],
            seen: vec![0; width],
            votes: Vec::new(),
            total: 0,
            rare: Vec::new(),
            length: vec![0.0; self.actors.len()],
            techniques: vec![0; self.actors.len()],
            first_seen: 0.0,
        };
        let mut from: BTreeMap<usize, Month> = BTreeMap::new();
        for (n, vote) in self.votes.iter().enumerate() {
            let early = before.is_none_or(|b| vote.date.is_some_and(|d| d < b));
            if !early || missing == Some(vote.actor) || without.contains(self.reports[vote.report].as_str()) {
                continue;
            }
            v.votes.push(n);
            v.reports[vote.actor] += 1;
            for i in &vote.items {
                let count = &mut v.counts[vote.actor * width + i];
                *count += 1;
                v.having[*i] += u32::from(*count == 1);
                let technique = self.kinds[*i] == ItemKind::Technique;
                v.techniques[vote.actor] += u32::from(*count == 1 && technique);
                v.seen[*i] += 1;
                v.told[vote.actor] += 1;
                v.total += 1;
            }
            if let Some(d) = vote.date {
                from.entry(vote.actor).and_modify(|f| *f = (*f).min(d)).or_insert(d);
            }
        }
        let everybody = self.actors.len() as f64 + 1.0;
        // Its square, by which likenesses weigh, is the logarithm of rarity: the logarithm's own square would let two
        // techniques that one report tells of outweigh twenty common ones.
        v.rare = v.having.iter().map(|n| (everybody / (f64::from(*n) + 1.0)).ln().sqrt()).collect();
        for (row, length) in v.counts.chunks_exact(width.max(1)).zip(&mut v.length) {
            let of = row.iter().enumerate().filter(|(i, n)| **n > 0 && self.kinds[*i] == ItemKind::Technique);
            *length = of.map(|(i, n)| f64::from(*n) * v.rare[i].powi(2)).sum();
        }
        v.first_seen = v.rate_of_first_seen(&from);
        v
    }
}

fn place(items: &[String], id: &str) -> Option<usize> {
    items.binary_search_by(|i| i.as_str().cmp(current_technique(id))).ok()
}

/// What was known at a moment, counted.
pub struct View<'l> {
    pub(super) library: &'l Library,
    /// Reports per actor and item, row by row.
    counts: Vec<u32>,
    /// Reports per actor.
    pub(super) reports: Vec<u32>,
    /// Statements per actor: the sum of its row.
    pub(super) told: Vec<u32>,
    /// Actors per item.
    pub(super) having: Vec<u32>,
    /// Statements per item.
    pub(super) seen: Vec<u32>,
    /// What is in it.
    pub(super) votes: Vec<usize>,
    /// All statements.
    pub(super) total: u32,
    /// How telling an item is: the logarithm of actors per actor that has it.
    pub(super) rare: Vec<f64>,
    /// Squared length of an actor's techniques, each by its rarity and the root of its reports.
    pub(super) length: Vec<f64>,
    /// Distinct techniques per actor.
    pub(super) techniques: Vec<u32>,
    /// How often a report is the first of its actor: the prior of somebody unknown.
    pub first_seen: f64,
}

/// Over how many months before the newest report the rate of first-seen actors is taken.
const RECENT: i32 = 36;
/// Smallest report that counts for the rate: shorter ones mention an actor in passing.
const WHOLE_REPORT: usize = 5;

impl View<'_> {
    pub(super) fn count(&self, actor: usize, item: usize) -> u32 {
        self.counts[actor * self.library.items.len() + item]
    }

    /// Whether anything is known of an actor.
    pub(super) fn knows(&self, actor: usize) -> bool {
        self.told[actor] > 0
    }

    pub(super) fn class(&self, item: usize) -> Class {
        match self.library.kinds[item] {
            ItemKind::Technique => Class::Technique,
            ItemKind::Tool => Class::Tool,
            ItemKind::Malware if self.having[item] >= SHARED_FROM => Class::Shared,
            ItemKind::Malware => Class::Private,
        }
    }

    /// Reports that tell of an actor (its index in [`Library::actors`]) what an incident shows, too; and by how many months the
    /// youngest report on it is older than `at`, or than the youngest of all if that is younger. `None` if none has a date.
    pub fn told_of(
        &self,
        actor: usize,
        incident: &IncidentReport,
        at: Option<Month>,
    ) -> (usize, Option<i32>) {
        let ids = incident.techniques.iter().chain(&incident.software);
        let shown: BTreeSet<usize> = ids.filter_map(|i| self.library.place(i)).collect();
        let own = || self.votes.iter().map(|n| &self.library.votes[*n]).filter(|v| v.actor == actor);
        let sharing = own().filter(|v| v.items.iter().any(|i| shown.contains(i)));
        let reports: BTreeSet<usize> = sharing.map(|v| v.report).collect();
        let newest = own().filter_map(|v| v.date).max();
        let now = at.max(self.newest());
        (reports.len(), now.zip(newest).map(|(now, own)| now.index() - own.index()))
    }

    /// The month of the newest report in it.
    pub fn newest(&self) -> Option<Month> {
        self.votes.iter().filter_map(|n| self.library.votes[*n].date).max()
    }

    /// Distinct techniques known of an actor.
    pub fn techniques(&self, actor: usize) -> usize {
        self.techniques.get(actor).map_or(0, |n| *n as usize)
    }

    /// The share of recent whole reports that are the first of their actor, with one of each added.
    fn rate_of_first_seen(&self, from: &BTreeMap<usize, Month>) -> f64 {
        let whole = self.votes.iter().map(|n| &self.library.votes[*n]);
        let whole: Vec<(usize, Month)> = whole
            .filter(|v| v.items.len() >= WHOLE_REPORT)
            .filter_map(|v| v.date.map(|d| (v.actor, d)))
            .collect();
        let newest = whole.iter().map(|w| w.1.index()).max().unwrap_or(0);
        let recent = whole.iter().filter(|w| newest - w.1.index() < RECENT);
        let (mut first, mut all) = (1.0, 2.0);
        for (actor, date) in recent {
            all += 1.0;
            first += f64::from(u8::from(from.get(actor) == Some(date)));
        }
        first / all
    }
}

impl View<'_> {
    /// Whether an id is that of a public tool.
    pub fn is_tool(&self, id: &str) -> bool {
        self.library.place(id).is_some_and(|i| self.class(i) == Class::Tool)
    }

    /// What is known of each actor, as a set: for comparison with methods that count no reports.
    pub fn profiles(&self) -> BTreeMap<usize, BTreeSet<&str>> {
        let mut out: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for vote in self.votes.iter().map(|n| &self.library.votes[*n]) {
            out.entry(vote.actor)
                .or_default()
                .extend(vote.items.iter().map(|i| self.library.items[*i].as_str()));
        }
        out
    }
}
