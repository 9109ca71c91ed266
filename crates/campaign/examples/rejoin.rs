//! Joins the findings of dumped cases again: what changes in joining is seen in seconds, without investigating anew.
//!
//! `rejoin DUMP…` reads what `bench/exercises.py dump` wrote and prints `dump,finding,campaign` of every finding that is in
//! a campaign. `rejoin --why A B DUMP` explains two findings (beginnings of ids) term by term; `rejoin --time DUMP…` says
//! how long counting, weighing and naming took.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for whoever measures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use palisade_campaign::{Evidence, Frequency, Graph, Habit, Origin, Words, campaigns, explain};
use palisade_model::{FindingId, Observable, ObservableKind, Prevalence, Severity, Time, Vector, Weight};
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How common observables are: events and machines.
#[derive(Default)]
struct Counts(BTreeMap<Observable, (u64, u64)>);

impl Prevalence for Counts {
    fn events(&self, observable: &Observable) -> u64 {
        self.0.get(observable).map_or(0, |n| n.0)
    }
    fn hosts(&self, observable: &Observable) -> u64 {
        self.0.get(observable).map_or(0, |n| n.1)
    }
}

/// A dumped case.
#[derive(Default)]
struct Dump {
    events: u64,
    counts: Counts,
    findings: Vec<Evidence>,
    /// What each finding really belongs to.
    truth: BTreeMap<FindingId, String>,
}

fn observable(text: &str) -> Option<Observable> {
    let (kind, value) = text.split_once(':')?;
    let kind: ObservableKind = serde_json::from_value(kind.into()).ok()?;
    Observable::parse(kind, value).ok()
}

fn origin(value: &Value) -> Option<Origin> {
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    let habit = || {
        Some(Habit {
            here: number("here")?,
            all: number("all")?,
            there: number("there")?,
            total: number("total")?,
            places: number("places")?,
        })
    };
    Some(Origin {
        from: observable(value.get("from")?.as_str()?)?,
        habit: habit(),
        told: value.get("told")?.as_str()?.into(),
    })
}

fn read(path: &str) -> Result<Dump> {
    let mut dump = Dump::default();
    for line in std::fs::read_to_string(path)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let number = |name: &str| row.get(name).and_then(Value::as_u64).unwrap_or(0);
        if let Some(o) = text("observable") {
            dump.counts.0.extend(observable(o).map(|o| (o, (number("events"), number("hosts")))));
        } else if let Some(id) = text("id").and_then(FindingId::parse) {
            let list = |name: &str| row.get(name).and_then(Value::as_array).into_iter().flatten();
            dump.findings.push(Evidence {
                id,
                time: row.get("time").and_then(Value::as_i64).map(Time),
                rule: text("rule").unwrap_or_default().to_owned(),
                title: text("title").unwrap_or_default().to_owned(),
                severity: Severity::parse(text("severity").unwrap_or_default()).ok_or("no such severity")?,
                vector: if text("vector") == Some("money") { Vector::Money } else { Vector::Host },
                host: text("host").map(str::to_owned),
                attack: list("attack").filter_map(|a| Some(a.as_str()?.to_owned())).collect(),
                observables: list("observables").filter_map(|o| observable(o.as_str()?)).collect(),
                origin: row.get("origin").and_then(origin),
            });
            let of = text("group").map_or_else(|| "everyday".to_owned(), str::to_owned);
            dump.truth.insert(id, format!("{of} / {}", text("step").unwrap_or("")));
        } else {
            dump.events = number("events");
        }
    }
    // Findings that the lake has no rows of any more count as they do in a case.
    let mut told: BTreeMap<&Observable, u64> = BTreeMap::new();
    for o in dump.findings.iter().flat_map(|f| &f.observables) {
        *told.entry(o).or_default() += 1;
    }
    for (o, n) in told {
        let known = dump.counts.0.entry(o.clone()).or_default();
        known.0 = known.0.max(n);
    }
    Ok(dump)
}

fn why(dump: &Dump, a: &str, b: &str) -> Result<()> {
    let frequency = Frequency::of(&dump.findings, &dump.counts, dump.events);
    let words = Words::default();
    let graph = Graph::new(&dump.findings, &frequency, &words);
    let find = |start: &str| dump.findings.iter().map(|f| f.id).find(|f| f.to_string().starts_with(start));
    let (a, b) = (find(a).ok_or("no such finding")?, find(b).ok_or("no such finding")?);
    let told = explain(&graph, a, b).ok_or("not known")?;
    let name = |f: FindingId| format!("{f} [{}]", dump.truth.get(&f).map_or("", |t| t));
    let show = |terms: &[palisade_model::Term]| {
        for t in terms {
            let what = t.observable.as_ref().map(ToString::to_string);
            let apart = t.apart.map_or(String::new(), |a| format!("{:.2} d", a as f64 / 86_400e6));
            println!(
                "      {} {} {:?} {apart}",
                t.weight,
                what.or(t.note.clone()).unwrap_or_default(),
                t.seen
            );
        }
    };
    for link in &told.path {
        let score: Weight = link.terms.iter().map(|t| t.weight).sum();
        println!("  {} -> {}: {score}", name(link.from), name(link.to));
        show(&link.terms);
    }
    println!("  directly");
    show(&told.direct);
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--why", a, b, path] => return why(&read(path)?, a, b),
        ["--time", paths @ ..] => {
            for path in paths {
                let dump = read(path)?;
                let begun = Instant::now();
                let frequency = Frequency::of(&dump.findings, &dump.counts, dump.events);
                let counted = begun.elapsed();
                let words = Words::default();
                let graph = Graph::new(&dump.findings, &frequency, &words);
                let weighed = begun.elapsed();
                let joined = campaigns(&graph, &[]);
                let (n, of) = (dump.findings.len(), joined.campaigns.len());
                let named = begun.elapsed();
                println!("{path}: {n} findings, {of} campaigns: {counted:?}, {weighed:?}, {named:?}");
            }
            return Ok(());
        }
        paths => {
            for path in paths {
                let dump = read(path)?;
                let frequency = Frequency::of(&dump.findings, &dump.counts, dump.events);
                let words = Words::default();
                let joined = campaigns(&Graph::new(&dump.findings, &frequency, &words), &[]);
                for c in &joined.campaigns {
                    for f in c.findings() {
                        println!("{path},{f},{}", c.id);
                    }
                }
            }
        }
    }
    Ok(())
}
