//! Many acts below the threshold: counted, never added up to one graver act.
//!
//! NCISS says of itself that it does not cover several correlated incidents. So each act keeps its own score, and beside them
//! stands what a list does not show: how many, how often, in how many sectors, how many organisations at a time, the highest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use palisade_model::{FindingId, Time};
use serde::Serialize;

/// One act: a campaign of one case, or an incident of somebody else's.
#[derive(Clone, PartialEq, Debug)]
pub struct Act {
    /// Its id.
    pub id: String,
    /// When it began and ended.
    pub span: (Time, Time),
    /// The organisation hit, if known.
    pub organisation: Option<String>,
    /// Its sector, if known.
    pub sector: Option<String>,
    /// Its score on the scale, least and most.
    pub score: Option<(f64, f64)>,
    /// What shows it.
    pub findings: Vec<FindingId>,
}

/// What many acts come to.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Accumulation {
    /// Acts.
    pub acts: usize,
    /// Earliest beginning and latest end.
    pub span: Option<(Time, Time)>,
    /// Acts per year over that span; `None` below a quarter of a year, where a rate says nothing.
    pub per_year: Option<f64>,
    /// Sectors, sorted.
    pub sectors: Vec<String>,
    /// Acts of which the sector is not known.
    pub sector_unknown: usize,
    /// Different organisations that are known.
    pub organisations: usize,
    /// Acts of which the organisation is not known; each may be another one, or none.
    pub organisation_unknown: usize,
    /// Most organisations at the same time, the least it can be and the most.
    pub simultaneous: (usize, usize),
    /// The highest single score, least and most. Never a sum.
    pub highest: Option<(f64, f64)>,
    /// The acts, by beginning, then id.
    pub ids: Vec<String>,
}

/// Counts acts. Acts count as simultaneous if they overlap or lie within `near` microseconds.
pub fn accumulate(acts: &[Act], near: i64) -> Accumulation {
    let mut all: Vec<&Act> = acts.iter().collect();
    all.sort_by(|a, b| (a.span, &a.id).cmp(&(b.span, &b.id)));
    all.dedup_by(|a, b| a.id == b.id);
    let span = all.iter().map(|a| a.span).reduce(|x, y| (x.0.min(y.0), x.1.max(y.1)));
    let years = span.map_or(0.0, |(a, b)| (b.0 - a.0) as f64 / (365.25 * 86_400e6));
    let names = |of: fn(&Act) -> &Option<String>| {
        let known: BTreeSet<&str> = all.iter().filter_map(|a| of(a).as_deref()).collect();
        let unknown = all.iter().filter(|a| of(a).is_none()).count();
        (known, unknown)
    };
    let (sectors, sector_unknown) = names(|a| &a.sector);
    let (organisations, organisation_unknown) = names(|a| &a.organisation);
    let simultaneous = simultaneous(&all, near);
    let highest = all.iter().filter_map(|a| a.score).reduce(|x, y| (x.0.max(y.0), x.1.max(y.1)));
    Accumulation {
        acts: all.len(),
        span,
        per_year: (years >= 0.25).then(|| all.len() as f64 / years),
        sectors: sectors.into_iter().map(str::to_owned).collect(),
        sector_unknown,
        organisations: organisations.len(),
        organisation_unknown,
        simultaneous,
        highest,
        ids: all.iter().map(|a| a.id.clone()).collect(),
    }
}

/// Most organisations at a time, the least it can be and the most: one pass over beginnings, with the acts that still last.
fn simultaneous(all: &[&Act], near: i64) -> (usize, usize) {
    let mut most = (0, 0);
    // Acts that last, by when they are over, and how many of them hit which organisation.
    let mut last: BinaryHeap<Reverse<(i64, Option<&str>)>> = BinaryHeap::new();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unknown = 0;
    let mut acts = all.iter().peekable();
    // The most at a time is reached when some act begins.
    while let Some(at) = acts.peek().map(|a| a.span.0) {
        while let Some(act) = acts.next_if(|a| a.span.0 == at) {
            let organisation = act.organisation.as_deref();
            last.push(Reverse((act.span.1.0.saturating_add(near), organisation)));
            match organisation {
                Some(o) => *known.entry(o).or_default() += 1,
                None => unknown += 1,
            }
        }
        while let Some(Reverse((_, organisation))) = last.peek().copied().filter(|l| l.0.0 < at.0) {
            last.pop();
            match organisation.map(|o| (o, known.get_mut(o))) {
                Some((_, Some(n))) if *n > 1 => *n -= 1,
                Some((o, _)) => drop(known.remove(o)),
                None => unknown -= 1,
            }
        }
        // Of the unknown all may be one that is known, or, where none is known, one; or each another.
        let least = known.len().max(usize::from(unknown > 0));
        most = (most.0.max(least), most.1.max(known.len() + unknown));
    }
    most
}
