//! How well names are compared: figures on the public bench, fitting, and a million queries.
//!
//! ```console
//! $ cargo run --release -p palisade-money --example names              # the table, with shipped weights and out of fold
//! $ cargo run --release -p palisade-money --example names -- fit       # fits on development rows and lists, prints weights.rs
//! $ cargo run --release -p palisade-money --example names -- million   # a million queries against OFAC and UN, recall of the index
//! $ cargo run --release -p palisade-money --example names -- million 20000 500   # fewer: queries, and how many of them exhaustively
//! $ cargo run --release -p palisade-money --example names -- pairs     # scores of the bench's rows as CSV, for bench/names.py
//! $ cargo run --release -p palisade-money --example names -- cross     # five folds of development rows: how strongly lists should pull
//! $ cargo run --release -p palisade-money --example names -- nested    # all rows out of fold, five times, the pull chosen inside
//! $ cargo run --release -p palisade-money --example names -- errors    # development rows that are wrong
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(missing_docs)]

mod data;
mod fit;
mod measure;
mod million;
mod nested;
#[path = "../shared/solve.rs"]
mod solve;

use std::time::Instant;

use data::Pair;
use measure::Row;
use palisade_money::screen::name::{Name, NoLists, Rules, Scratch, Weights, score};

fn main() {
    match std::env::args().nth(1).as_deref() {
        None | Some("table") => table(),
        Some("fit") => print!("{}", fit::source(&development_weights())),
        Some("errors") => errors(),
        Some("cross") => cross(),
        Some("million") => {
            let number = |n, usual| std::env::args().nth(n).map_or(usual, |n| n.parse().expect("a number"));
            million::run(number(2, 1_000_000), number(3, 2_000), 2);
        }
        Some("pairs") => pairs(),
        Some("nested") => nested::run(),
        Some(other) => panic!("unknown: {other}"),
    }
}

fn list_weights() -> Weights {
    fit::on_lists(&data::list_pairs(&data::lists(), 7))
}

fn development_weights() -> Weights {
    let rows = data::bench();
    fit::on_bench(rows.iter().filter(|p| p.development), &list_weights(), fit::PULL)
}

fn ours(pair: &Pair, weights: &Weights, scratch: &mut Scratch) -> f64 {
    let (a, b) = (Name::new(&pair.a, pair.rules(), &NoLists), Name::new(&pair.b, pair.rules(), &NoLists));
    score::probability(score::logit(&a, &b, weights, scratch))
}

fn rows<'a>(pairs: impl Iterator<Item = &'a Pair>, weights: &Weights) -> Vec<Row> {
    let mut scratch = Scratch::default();
    pairs.map(|p| (p.same, ours(p, weights, &mut scratch), p.peer)).collect()
}

/// Five-fold figures within development rows, for strengths of the pull. Used to choose it.
fn cross() {
    let bench = data::bench();
    let lists = list_weights();
    let development: Vec<&Pair> = bench.iter().filter(|p| p.development).collect();
    for pull in [0.1, 0.3, 1.0, 3.0, 10.0, 30.0] {
        let mut all: Vec<Row> = Vec::new();
        let mut loss = 0.0;
        for fold in 0..5 {
            let held = |p: &&&Pair| (p.row / 7) % 5 == fold;
            let weights = fit::on_bench(development.iter().filter(|p| !held(p)).copied(), &lists, pull);
            all.extend(rows(development.iter().filter(held).copied(), &weights));
        }
        for (same, p, _) in &all {
            loss -= if *same { p.max(1e-6).ln() } else { (1.0 - p).max(1e-6).ln() };
        }
        let f = measure::figures(&all.iter().map(|r| (r.0, r.1)).collect::<Vec<_>>(), 0.5);
        println!(
            "pull {pull:5.1}: F1 {:.3} P {:.3} R {:.3} AUC {:.3} ECE {:.3} loss {:.4}",
            f.f1,
            f.precision,
            f.recall,
            f.auc,
            f.ece,
            loss / all.len() as f64
        );
    }
}

fn pairs() {
    let mut scratch = Scratch::default();
    println!("row,is_match,development,palisade");
    for pair in data::bench() {
        println!(
            "{},{},{},{:.6}",
            pair.row,
            pair.same,
            pair.development,
            ours(&pair, Weights::shipped(), &mut scratch)
        );
    }
}

fn errors() {
    let mut scratch = Scratch::default();
    let bench = data::bench();
    let lists = list_weights();
    let development: Vec<&Pair> = bench.iter().filter(|p| p.development).collect();
    let folds: Vec<Weights> = (0..5)
        .map(|fold| {
            fit::on_bench(development.iter().filter(|p| (p.row / 7) % 5 != fold).copied(), &lists, fit::PULL)
        })
        .collect();
    for pair in &development {
        let weights = &folds[(pair.row / 7) % 5];
        let p = ours(pair, weights, &mut scratch);
        if (p >= 0.5) != pair.same {
            println!(
                "{} {:.3} peer {:.2} {} | {} ({:?})",
                if pair.same { "MISS" } else { "FALSE" },
                p,
                pair.peer,
                pair.a,
                pair.b,
                pair.schema
            );
            let names = [&pair.a, &pair.b].map(|n| Name::new(n, pair.rules(), &NoLists));
            let scored = score::score_names(&names[0], &names[1], weights, &mut scratch);
            for term in scored.terms.iter().take(8) {
                print!("  [{} / {}] {} {:+.2};", term.query, term.listed, term.what, term.logit);
            }
            println!();
        }
    }
}

fn table() {
    let bench = data::bench();
    let shipped = Weights::shipped();
    let lists = list_weights();
    let (development, held): (Vec<&Pair>, Vec<&Pair>) = bench.iter().partition(|p| p.development);
    let other = fit::on_bench(held.iter().copied(), &lists, fit::PULL);
    if fit::source(&development_weights()) != fit::source(shipped) {
        println!("note: shipped weights are not those that `fit` gives now");
    }
    let held_rows = rows(held.iter().copied(), shipped);
    let mut out_of_fold = held_rows.clone();
    out_of_fold.extend(rows(development.iter().copied(), &other));
    let mut pairs_of_fold: Vec<&Pair> = held.clone();
    pairs_of_fold.extend(development.iter().copied());
    println!(
        "name_bench: F1 ours at 0.5, logic-v2 at 0.7; difference with 95 % interval of 10,000 paired resamples"
    );
    println!(
        "{:<44} {:>4} | {:>5} {:>5} {:>5} {:>5} {:>5} | {:>5} {:>5} {:>5} {:>5} | difference",
        "rows", "n", "F1", "P", "R", "AUC", "ECE", "F1", "P", "R", "AUC"
    );
    let print = |what: &str, rows: &[Row]| {
        let own = measure::figures(&rows.iter().map(|r| (r.0, r.1)).collect::<Vec<_>>(), 0.5);
        let peer = measure::figures(&rows.iter().map(|r| (r.0, r.2)).collect::<Vec<_>>(), 0.7);
        let (value, low, high) = measure::bootstrap(rows, 11);
        println!(
            "{what:<44} {:>4} | {:.3} {:.3} {:.3} {:.3} {:.3} | {:.3} {:.3} {:.3} {:.3} | {value:+.4} [{low:+.4}, {high:+.4}]",
            rows.len(),
            own.f1,
            own.precision,
            own.recall,
            own.auc,
            own.ece,
            peer.f1,
            peer.precision,
            peer.recall,
            peer.auc
        );
    };
    let consistent = |pairs: &[&Pair], rows: &[Row]| -> Vec<Row> {
        pairs.iter().zip(rows).filter(|(p, _)| !p.contradicted).map(|(_, r)| *r).collect()
    };
    print("held out (weights of development + lists)", &held_rows);
    print("  without contradicted labels", &consistent(&held, &held_rows));
    for (what, rules) in [("  people", Rules::Person), ("  bodies", Rules::Body)] {
        let of: Vec<Row> =
            held.iter().zip(&held_rows).filter(|(p, _)| p.rules() == rules).map(|(_, r)| *r).collect();
        print(what, &of);
    }
    print("held out, weights of lists alone", &rows(held.iter().copied(), &lists));
    print("development (fitted on; for comparison)", &rows(development.iter().copied(), shipped));
    print("all, out of fold", &out_of_fold);
    print("  without contradicted labels", &consistent(&pairs_of_fold, &out_of_fold));
    for group in ["nk_checks", "nk_unit_tests", "synth_companies", "synth_people"] {
        let of: Vec<Row> = pairs_of_fold
            .iter()
            .zip(&out_of_fold)
            .filter(|(p, _)| p.group == group)
            .map(|(_, r)| *r)
            .collect();
        print(&format!("  {group}"), &of);
    }
    let start = Instant::now();
    let rounds = 200;
    let mut sum = 0.0;
    let mut scratch = Scratch::default();
    for _ in 0..rounds {
        for pair in &bench {
            sum += ours(pair, shipped, &mut scratch);
        }
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / (rounds * bench.len()) as f64;
    println!("{each:.1} µs a pair, both names taken apart each time (logic-v2: 272); check {sum:.0}");
}
