//! How long assessments take: `assess_speed KNOWLEDGE.json`.
//!
//! A thousand incidents that no report tells of, each of twenty items drawn from a report and from everybody's; and a case of
//! ten campaigns of which one has a technique more: the knowledge compiled once, that one assessed again with its reasons
//! and what would change it. Time on the processor where Linux tells it (a busy machine does not change it), else wall time; the
//! median of several runs. The incidents are the same everywhere.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example prints, and may fail in the plain way"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use palisade_assess::who::{Basis, Library, Settings, Statement, assess, assess_all};
use palisade_model::{IncidentReport, Knowledge};

const INCIDENTS: usize = 1_000;
const ITEMS: usize = 20;
const CAMPAIGNS: usize = 10;
const RUNS: usize = 5;

fn random(state: &mut u64, n: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % n.max(1)
}

fn incidents(knowledge: &Knowledge, most: usize) -> Vec<IncidentReport> {
    let mut state = 1;
    let drawn = |state: &mut u64| -> BTreeSet<String> {
        let account = &knowledge.accounts[random(state, knowledge.accounts.len())];
        let mut out: BTreeSet<String> = account.items.iter().take(ITEMS / 2).cloned().collect();
        while out.len() < ITEMS {
            out.insert(knowledge.items[random(state, knowledge.items.len())].id.clone());
        }
        out
    };
    let one = |n: usize, items: BTreeSet<String>| {
        let (techniques, software) = items.into_iter().partition(|i| i.starts_with('T'));
        IncidentReport { id: n.to_string(), techniques, software, ..IncidentReport::default() }
    };
    (0..most).map(|n| one(n, drawn(&mut state))).collect()
}

/// Time that this process has been on a processor; since `start`, where nobody tells.
fn spent(start: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.as_deref().and_then(|t| t.split(' ').next()).and_then(|n| n.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// The median of several runs.
fn median(mut run: impl FnMut()) -> Duration {
    let start = Instant::now();
    let mut all: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let before = spent(start);
            run();
            spent(start).saturating_sub(before)
        })
        .collect();
    all.sort_unstable();
    all[RUNS / 2]
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let knowledge: Knowledge = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let who = include_str!("../../../knowledge/assess/who.toml");
    let costs = include_str!("../../../knowledge/assess/cost-to-fake.toml");
    let settings = Settings::read(who, costs).unwrap();
    let library = Library::new(&knowledge);
    let many = incidents(&knowledge, INCIDENTS);
    let compiled = median(|| {
        let library = Library::new(&knowledge);
        assert!(!library.view(None, &BTreeSet::new(), None).profiles().is_empty());
    });
    println!("knowledge compiled and counted: {:.1} ms", compiled.as_secs_f64() * 1e3);
    let view = library.view(None, &BTreeSet::new(), None);
    let all = median(|| assert_eq!(assess_all(&view, &settings, &many).count(), INCIDENTS));
    println!("{INCIDENTS} incidents of {ITEMS} items: {:.2} s", all.as_secs_f64());
    let mut case = many[..CAMPAIGNS].to_vec();
    let said = |i: &IncidentReport| {
        let made = assess(&view, &settings, i, true);
        Statement::of(&view, &settings, i, &made, Basis::default())
    };
    let whole = median(|| case.iter().for_each(|i| assert!(!said(i).said.is_empty())));
    println!(
        "a case of {CAMPAIGNS} campaigns, with reasons and what would change: {:.1} ms",
        whole.as_secs_f64() * 1e3
    );
    let before: Vec<Statement> = case.iter().map(said).collect();
    case[3].techniques.push("T1486".to_owned());
    let again = median(|| assert_eq!(said(&case[3]).said.len(), before[3].said.len()));
    println!("again after one of them changed: {:.1} ms", again.as_secs_f64() * 1e3);
}
