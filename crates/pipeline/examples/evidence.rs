//! What joining looks at in a case, as lines of JSON: how many events there are, how common the observables of findings are,
//! and where findings' sessions came from. `bench/exercises.py` keeps that to join again without the case.
//!
//! `evidence CASE`; it opens the case for reading only.

#![allow(clippy::print_stdout, reason = "a program for whoever measures")]

use std::collections::BTreeSet;
use std::error::Error;

use palisade_model::{Observable, Prevalence as _, Time};
use palisade_pipeline::CaseFindings;
use palisade_store::Case;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("evidence CASE")?;
    let mut case = Case::open_read_only(&dir)?;
    let read = CaseFindings::read(&mut case, Time(0))?;
    if let Some(problem) = read.problems.first() {
        return Err(problem.clone().into());
    }
    let lake = case.prevalence()?;
    println!("{}", json!({"events": lake.total()}));
    let mut all: BTreeSet<&Observable> = read.evidence.iter().flat_map(|e| &e.observables).collect();
    all.extend(read.evidence.iter().filter_map(|e| e.origin.as_ref()).map(|o| &o.from));
    for o in all {
        let (events, hosts) = (lake.events(o), lake.hosts(o));
        println!("{}", json!({"observable": o.to_string(), "events": events, "hosts": hosts}));
    }
    for e in &read.evidence {
        let origin = e.origin.as_ref().map(|o| {
            let habit = o.habit.map(|h| [h.here, h.all, h.there, h.total, h.places]);
            let of = |n: usize| habit.map(|h| h[n]);
            json!({"from": o.from.to_string(), "here": of(0), "all": of(1), "there": of(2), "total": of(3),
                "places": of(4), "told": &*o.told})
        });
        println!("{}", json!({"id": e.id.to_string(), "origin": origin}));
    }
    Ok(())
}
