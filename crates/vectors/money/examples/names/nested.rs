//! The estimate that no choice of ours has seen: every row of the bench is scored by weights that were fitted without it.
//!
//! Folds are of components (rows that share a name), five, drawn anew by each of five seeds. Within the rows of the other four
//! folds, four inner folds choose how strongly the lists pull; then all of them are fitted. The threshold stays at 0.5. Kinds of
//! features were found by looking at development rows, which this cannot undo.

use std::collections::BTreeMap;

use palisade_money::screen::name::{Rules, Weights};

use crate::data::{self, Dice, Pair};
use crate::measure::{self, Row};
use crate::{fit, list_weights, rows};

const SEEDS: [u64; 5] = [101, 202, 303, 404, 505];
const FOLDS: u64 = 5;
const PULLS: [f64; 4] = [0.3, 1.0, 3.0, 10.0];

fn fold(component: u64, seed: u64, folds: u64) -> u64 {
    Dice(component ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).next() % folds
}

/// The pull that loses least on inner folds.
fn pull(train: &[&Pair], lists: &Weights, seed: u64) -> f64 {
    let loss = |pull: f64| -> f64 {
        let mut loss = 0.0;
        for inner in 0..4 {
            let held = |p: &&&Pair| fold(p.component, seed ^ 0x5555, 4) == inner;
            let weights = fit::on_bench(train.iter().filter(|p| !held(p)).copied(), lists, pull);
            for (same, p, _) in rows(train.iter().filter(held).copied(), &weights) {
                loss -= if same { p.max(1e-6).ln() } else { (1.0 - p).max(1e-6).ln() };
            }
        }
        loss
    };
    let losses: Vec<(f64, f64)> = PULLS.iter().map(|p| (loss(*p), *p)).collect();
    losses.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(fit::PULL, |l| l.1)
}

/// Each row of the bench, scored out of fold.
fn scored(bench: &[Pair], lists: &Weights, seed: u64) -> Vec<Row> {
    let mut out = vec![(false, 0.0, 0.0); bench.len()];
    for outer in 0..FOLDS {
        let held = |p: &Pair| fold(p.component, seed, FOLDS) == outer;
        let train: Vec<&Pair> = bench.iter().filter(|p| !held(p)).collect();
        let pull = pull(&train, lists, seed);
        let weights = fit::on_bench(train.iter().copied(), lists, pull);
        let test: Vec<&Pair> = bench.iter().filter(|p| held(p)).collect();
        for (pair, row) in test.iter().zip(rows(test.iter().copied(), &weights)) {
            out[pair.row - 1] = row;
        }
    }
    out
}

/// Some of the rows, and what they are called.
type Kind<'a> = (&'a str, &'a dyn Fn(&Pair) -> bool);

pub fn run() {
    let bench = data::bench();
    let lists = list_weights();
    let runs: Vec<Vec<Row>> = SEEDS.iter().map(|seed| scored(&bench, &lists, *seed)).collect();
    let mut components: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, pair) in bench.iter().enumerate() {
        components.entry(pair.component).or_default().push(at);
    }
    let components: Vec<Vec<usize>> = components.into_values().collect();
    println!(
        "{} rows in {} components; F1 at 0.5 (logic-v2 at 0.7), mean of {} drawings of folds; difference: mean, least and greatest of them, 95 % of 10,000 resamples of components",
        bench.len(),
        components.len(),
        SEEDS.len()
    );
    let kinds: [Kind<'_>; 6] = [
        ("all", &|_| true),
        ("  without contradicted labels", &|p| !p.contradicted),
        ("  people", &|p| p.rules() == Rules::Person),
        ("  companies and organisations", &|p| p.rules() == Rules::Body),
        ("  rows of the held-out half", &|p| !p.development),
        ("  rows of the development half", &|p| p.development),
    ];
    for (what, keep) in kinds {
        let of: Vec<usize> = (0..bench.len()).filter(|at| keep(&bench[*at])).collect();
        let figures: Vec<measure::Figures> = runs
            .iter()
            .map(|run| {
                measure::figures(&of.iter().map(|at| (run[*at].0, run[*at].1)).collect::<Vec<_>>(), 0.5)
            })
            .collect();
        let mean =
            |f: &dyn Fn(&measure::Figures) -> f64| figures.iter().map(f).sum::<f64>() / figures.len() as f64;
        let peer =
            measure::figures(&of.iter().map(|at| (runs[0][*at].0, runs[0][*at].2)).collect::<Vec<_>>(), 0.7);
        let each: Vec<f64> = figures.iter().map(|f| f.f1 - peer.f1).collect();
        // One resample of components at a time, the difference averaged over the drawings of folds.
        let groups: Vec<Vec<usize>> = components
            .iter()
            .map(|c| c.iter().copied().filter(|at| keep(&bench[*at])).collect())
            .filter(|c: &Vec<usize>| !c.is_empty())
            .collect();
        let mut dice = Dice(17);
        let mut drawn: Vec<f64> = (0..10_000)
            .map(|_| {
                let rows: Vec<usize> = (0..groups.len())
                    .flat_map(|_| groups[dice.below(groups.len())].iter().copied())
                    .collect();
                let ours: f64 = runs
                    .iter()
                    .map(|run| measure::f1(rows.iter().map(|at| (run[*at].0, run[*at].1 >= 0.5))).0)
                    .sum();
                let theirs = measure::f1(rows.iter().map(|at| (runs[0][*at].0, runs[0][*at].2 >= 0.7))).0;
                ours / runs.len() as f64 - theirs
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        println!(
            "{what:<32} {:>4} | {:.3} {:.3} {:.3} {:.3} {:.3} | {:.3} {:.3} | {:+.3} ({:+.3} to {:+.3}) [{:+.3}, {:+.3}]",
            of.len(),
            mean(&|f| f.f1),
            mean(&|f| f.precision),
            mean(&|f| f.recall),
            mean(&|f| f.auc),
            mean(&|f| f.ece),
            peer.f1,
            peer.auc,
            each.iter().sum::<f64>() / each.len() as f64,
            each.iter().copied().fold(f64::INFINITY, f64::min),
            each.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            drawn[250],
            drawn[9_749]
        );
    }
}
