//! Screening that a case remembers: what was asked already, what came of it, and what somebody said of it.
//!
//! Words on hits are verdicts of the case. They name a hit by its id, which changes when query or party change. A hit ends when
//! its entry changes, leaves its list or is no longer in force, or when its client is asked about otherwise.
//!
//! What is kept of a party is its digest and a letter for what its list says of it on the day, so that an entry that comes into
//! force or expires is asked again though the file is the same. What is kept of a query is `client/query/version`: digests of who
//! asks (id and name) and of what is asked.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Result;
use palisade_model::{Verdict, VerdictKind};
use palisade_money::screen::decisions::{entry_id, hit_id, hit_id_of, party_digest, party_key, query_digest};
use palisade_money::screen::{Date, Hit, Query, Screen as Engine, Standing};
use palisade_pipeline::LoadedRules;
use palisade_store::{Case, RunWriter, Screened, ScreenedQuery, StoredHit};

use crate::args::Screen;
use crate::case;
use crate::errors::note;
use crate::output::plural;
use crate::times::now;

/// Generations of lists of which an engine is built; queries older than these are asked anew.
const ENGINES: usize = 4;

/// Hits that were spoken of before, looked up one by one.
const SPOKEN: usize = 100_000;

/// Queries of which is remembered whose they are; of further ones, older questions of the same clients stay.
const CLIENTS: usize = 10_000_000;

/// Digests read at once.
const PAGE: u64 = 10_000;

/// What has to be asked of a query.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// Everything.
    All,
    /// What is newer than a generation.
    Since(i64),
    /// Nothing: it was asked, and nothing changed.
    Nothing,
}

/// A case that screening is kept in, with a run of its own in it.
pub struct Kept<'c> {
    run: RunWriter<'c>,
    lists: Screened,
    verdicts: HashMap<String, Verdict>,
    /// By query and party: what was said of a hit that has another id by now.
    before: HashMap<(String, String), Verdict>,
    engines: HashMap<i64, Engine>,
    changed_only: bool,
    threshold: i64,
    /// What clients were asked about in this run: digests of client and query.
    asked: BTreeSet<(u64, u128)>,
    /// Whether ids of queries are numbers of lines, which say nothing of who is asked about.
    pub numbered: bool,
}

impl<'c> Kept<'c> {
    /// Begins a run in the case and notes what the lists say now.
    pub fn begin(case: &'c mut Case, engine: &Engine, args: &Screen, day: Date) -> Result<Kept<'c>> {
        let lists = engine.lists();
        let rows: Vec<(String, String)> = (lists.parties.iter().enumerate())
            .map(|(at, p)| {
                let owned = engine.owned(at, Some(day)).is_some();
                let state = letter(p.standing(Some(day)), owned);
                (party_key(lists, p), format!("{}{state}", party_digest(p)))
            })
            .collect();
        let moment = now();
        let mut verdicts = HashMap::new();
        for (_, verdict) in case.verdicts()?.into_iter().filter(|(_, v)| v.holds(moment)) {
            let settles = matches!(verdict.kind, VerdictKind::FalsePositive | VerdictKind::Confirmed);
            if let [subject] = verdict.subject.as_slice()
                && settles
            {
                verdicts.insert(subject.clone(), verdict);
            }
        }
        let mut before = HashMap::new();
        for (id, verdict) in verdicts.iter().take(SPOKEN) {
            for hit in case.screening_hits(Some(id), 1)? {
                before.insert((hit.query, hit.party), verdict.clone());
            }
        }
        let inputs = case::inputs(&[], &LoadedRules::default(), &args.list, None);
        let mut run = case.begin_run(&case::run_info(&inputs, "screen"))?;
        for input in &inputs {
            run.input(input.kind, &input.path, &input.sha256, input.bytes)?;
        }
        let lists = run.case().screened_lists(&rows)?;
        if !lists.gone.is_empty() && !args.quiet {
            note(&format!(
                "{} of the lists used before {} on none of these lists: {}{}",
                plural(lists.gone.len() as u64, "party"),
                if lists.gone.len() == 1 { "is" } else { "are" },
                lists.gone.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", "),
                if lists.gone.len() > 5 { ", …" } else { "" }
            ));
        }
        let changed_only = args.changed;
        let threshold = millionths(args.threshold);
        Ok(Kept {
            run,
            lists,
            verdicts,
            before,
            engines: HashMap::new(),
            changed_only,
            threshold,
            asked: BTreeSet::new(),
            numbered: false,
        })
    }

    /// What has to be asked of each query.
    pub fn plan(&mut self, queries: &[Query]) -> Result<Vec<Ask>> {
        for query in queries.iter().filter(|q| !self.numbered && !q.name.is_empty()) {
            if self.asked.len() < CLIENTS {
                let (who, what) = (client(query), query_digest(query));
                let parsed = (u64::from_str_radix(&who, 16), u128::from_str_radix(&what, 16));
                self.asked.extend(parsed.0.ok().zip(parsed.1.ok()));
            }
        }
        if !self.changed_only {
            return Ok(vec![Ask::All; queries.len()]);
        }
        let digests: Vec<String> = queries.iter().map(|q| asked(&self.own(q))).collect();
        let known = self.run.case().screened_queries(&digests)?;
        let newest = self.lists.generation;
        let of = |held: Option<ScreenedQuery>| match held {
            Some(h) if h.threshold > self.threshold => Ask::All,
            Some(h) if h.generation >= newest => Ask::Nothing,
            Some(h) => Ask::Since(h.generation),
            None => Ask::All,
        };
        Ok(known.into_iter().map(of).collect())
    }

    /// The engine over what is newer than a generation; `None` where the whole one must do.
    pub fn engine(&mut self, since: i64, whole: &Engine) -> Option<&Engine> {
        if !self.engines.contains_key(&since) {
            if self.engines.len() >= ENGINES {
                return None;
            }
            let newer = self.lists.since.iter().enumerate().filter(|(_, g)| **g > since);
            let parties: Vec<usize> = newer.map(|(n, _)| n).collect();
            self.engines.insert(since, Engine::of(whole.lists().clone(), &parties));
        }
        self.engines.get(&since)
    }

    /// Keeps that queries were asked, and what came of it.
    pub fn keep(&mut self, whole: &Engine, queries: &[Query], found: &[Vec<Hit>]) -> Result<()> {
        let first = now();
        let mut hits = Vec::new();
        for (query, of_query) in queries.iter().zip(found) {
            let own = self.own(query);
            for hit in of_query {
                let score = millionths(hit.scored.score);
                let Some(party) = whole.lists().parties.get(hit.party).filter(|_| score >= self.threshold)
                else {
                    continue;
                };
                hits.push(StoredHit {
                    id: hit_id(&own, whole.lists(), party),
                    query: query_digest(&own),
                    name: if query.name.is_empty() { query.id.clone() } else { query.name.clone() },
                    party: party_key(whole.lists(), party),
                    listed: party.primary().to_owned(),
                    score,
                    first,
                });
            }
        }
        let digests: Vec<String> = queries.iter().map(|q| asked(&self.own(q))).collect();
        let held = ScreenedQuery { generation: self.lists.generation, threshold: self.threshold };
        self.run.case().screened(&digests, held, &hits)?;
        Ok(())
    }

    /// What was said of a hit, and of the hit there was before query or party changed.
    pub fn said(&self, whole: &Engine, query: &Query, hit: &Hit) -> Said<'_> {
        let Some(party) = whole.lists().parties.get(hit.party) else { return Said::default() };
        let own = self.own(query);
        let id = hit_id(&own, whole.lists(), party);
        let verdict = self.verdicts.get(&id);
        let key = (query_digest(&own), party_key(whole.lists(), party));
        let before = self.before.get(&key).filter(|_| verdict.is_none());
        Said { id, verdict, before }
    }

    /// A query by what it asks: a row above it does not make it another.
    fn own<'q>(&self, query: &'q Query) -> Cow<'q, Query> {
        match self.numbered {
            true => Cow::Owned(Query { id: String::new(), ..query.clone() }),
            false => Cow::Borrowed(query),
        }
    }

    /// How many parties are new or changed since the lists before.
    pub fn new_parties(&self) -> usize {
        self.lists.since.iter().filter(|g| **g == self.lists.generation).count()
    }

    /// Ends the run. What clients were asked about before, and are no more, is forgotten: its hits have ended.
    pub fn finish(mut self) -> Result<()> {
        let mut after = String::new();
        let mut old = Vec::new();
        while !self.asked.is_empty() {
            let page = self.run.case().screened_digests(&after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            for digest in page {
                let mut parts = digest.split('/');
                let who = parts.next().and_then(|t| u64::from_str_radix(t, 16).ok());
                let what = parts.next().and_then(|t| u128::from_str_radix(t, 16).ok());
                let Some(asked) = who.zip(what) else { continue };
                let of_client = self.asked.range((asked.0, 0)..=(asked.0, u128::MAX)).next().is_some();
                if of_client && !self.asked.contains(&asked) {
                    old.push(digest);
                }
            }
        }
        self.run.case().screened_forget(&old)?;
        Ok(self.run.finish_run(now())?)
    }
}

/// A letter for what a list says of a party on a day: capital if listed parties own it.
fn letter(standing: Standing, owned: bool) -> char {
    let letter = match standing {
        Standing::Listed => 'l',
        Standing::NotYet => 'n',
        Standing::Ended => 'e',
        Standing::Mentioned => 'm',
    };
    if owned { letter.to_ascii_uppercase() } else { letter }
}

/// Who is asked about: the id and the name that somebody gave a client.
fn client(query: &Query) -> String {
    entry_id(&[&query.id, &query.name])
}

/// What lists and queries were when the case was last asked: tells hits that have ended.
pub struct Current {
    parties: HashMap<String, Vec<String>>,
    lists: HashSet<String>,
    queries: HashSet<u128>,
}

impl Current {
    /// Reads it from a case.
    pub fn of(case: &mut Case) -> Result<Current> {
        let mut parties: HashMap<String, Vec<String>> = HashMap::new();
        for (key, digest) in case.screened_parties()? {
            parties.entry(key).or_default().push(digest);
        }
        let lists = parties.keys().filter_map(|k| Some(k.split_once('/')?.0.to_owned())).collect();
        let (mut queries, mut after) = (HashSet::new(), String::new());
        loop {
            let page = case.screened_digests(&after, PAGE)?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            let whole = page.iter().flat_map(|d| d.split('/')).filter(|part| part.len() == 32);
            queries.extend(whole.filter_map(|part| u128::from_str_radix(part, 16).ok()));
        }
        Ok(Current { parties, lists, queries })
    }

    /// Why a hit is over; `None` while it stands. A list that was not among those asked last leaves its hits as they are.
    pub fn ended(&self, hit: &StoredHit) -> Option<&'static str> {
        let asked = u128::from_str_radix(&hit.query, 16).ok();
        if asked.is_some_and(|q| !self.queries.contains(&q)) {
            return Some("the client is asked about otherwise");
        }
        if !hit.party.split_once('/').is_some_and(|(list, _)| self.lists.contains(list)) {
            return None;
        }
        let Some(digests) = self.parties.get(&hit.party) else {
            return Some("the entry is on the list no more");
        };
        let whole = |d: &&String| {
            let digest = d.get(..32).unwrap_or(d);
            hit_id_of(&hit.query, digest, &hit.party) == hit.id
        };
        match digests.iter().find(whole).map(|d| d.get(32..).unwrap_or_default()) {
            None => Some("the entry has changed"),
            Some("e") => Some("the entry is in force no more"),
            Some("n") => Some("the entry is not in force yet"),
            Some("m") => Some("the entry is not listed itself"),
            Some(_) => None,
        }
    }
}

/// What was said of a hit.
#[derive(Default)]
pub struct Said<'k> {
    /// The hit's id: what a verdict names.
    pub id: String,
    /// The word on it that holds.
    pub verdict: Option<&'k Verdict>,
    /// The word on the hit there was of this query and this entry before one of them changed.
    pub before: Option<&'k Verdict>,
}

impl Said<'_> {
    /// Whether somebody said that it is somebody else.
    pub fn settled(&self) -> bool {
        self.verdict.is_some_and(|v| v.kind == VerdictKind::FalsePositive)
    }

    /// For people: `confirmed by ann`, `before the entry changed: false_positive by ann`.
    pub fn words(&self) -> Option<String> {
        let word = |v: &Verdict| format!("{} by {}: {}", v.kind.name(), v.analyst, v.reason);
        match (self.verdict, self.before) {
            (Some(v), _) => Some(word(v)),
            (None, Some(v)) => Some(format!("before query or entry changed: {}", word(v))),
            (None, None) => None,
        }
    }
}

fn millionths(score: f64) -> i64 {
    (score * 1e6).round() as i64
}

/// A query as it was asked: another version of Palisade compares otherwise, so it asks again.
fn asked(query: &Query) -> String {
    format!("{}/{}/{}", client(query), query_digest(query), env!("CARGO_PKG_VERSION"))
}
