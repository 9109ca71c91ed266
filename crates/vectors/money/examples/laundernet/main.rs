//! Does the score of a trace find the flow among noise? Coverage and precision on labelled laundering cases.
//!
//! `cargo run --release -p palisade-money --example laundernet -- FOLDER` where the folder holds `flows.csv` and
//! `sources.csv` of LaunderNetEvm41 (case, family, Timestamp, Block, Tx_hash, From, From_label, To, To_label,
//! Value_in_USD). Labels are not read.
//!
//! The set has **positives only**: the background is made up, and a made-up background is not a real one. Per family of
//! `E` true edges and `N` accounts, noise of strength `k` adds `k*E` transfers among `k*N/2` strangers (at least ten;
//! the `i`-th is drawn with weight `i^-0.7`): 70 % between strangers, 15 % from a stranger to an account of the flow,
//! 15 % from an account of the flow to a stranger. Accounts of the flow are drawn by their number of payments (`deg`) or
//! evenly (`uni`). Amounts are those of true edges, times `exp(normal/2)`; times are even over the family's span. Seeds
//! 1 to 5. `bursts`, a harder recipe of our own, puts the noise to times of true edges, half an hour about.
//!
//! A true edge counts only if it is reached from a source over true edges that were returned, in the order of time.
//! Coverage is the part of the dollars that time order allows at all. Precision counts edges.
//!
//! Evidence and form of the score were chosen on F00 and F03, each scored with weights fitted on the other, on seeds 21
//! and 22. The table gives both in that way. F07 and F08 are the evaluation: they are scored with the weights that are
//! shipped, which are fitted on F00 and F03. Fits see seeds 11 and 12 of all three recipes, the table seeds 1 to 5. That
//! fits see `bursts` was decided after a table of all families without it, on the figures of F00 and F03.
//!
//! `… -- FOLDER fit` prints the weights as source instead; `… -- big` times a million made-up transfers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::Time;
use palisade_money::ledger::{AssetId, PartyId};
use palisade_money::trace::rank::{Transfer, Weights, rank_by, reach, shares};

mod big;
mod fit;
#[path = "../shared/solve.rs"]
mod solve;

struct Rng(u64);

impl Rng {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[derive(Clone)]
struct Case {
    edges: Vec<(Transfer, bool)>,
    sources: BTreeSet<PartyId>,
    parties: u32,
}

fn load(folder: &str) -> BTreeMap<String, Case> {
    let mut names: BTreeMap<String, PartyId> = BTreeMap::new();
    let mut name = |s: &str| {
        let next = PartyId(names.len() as u32 + 1);
        *names.entry(s.to_lowercase()).or_insert(next)
    };
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    let empty = || Case { edges: Vec::new(), sources: BTreeSet::new(), parties: 0 };
    let mut rows = Vec::new();
    let mut reader = csv::Reader::from_path(format!("{folder}/flows.csv")).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        let (time, _) = Time::parse_parts(&row[2]).unwrap();
        let block: u64 = row[3].parse().unwrap();
        let transfer = Transfer {
            from: name(&row[5]),
            to: name(&row[7]),
            asset: AssetId(0),
            amount: row[9].parse().unwrap(),
            seconds: Some(time.0 / 1_000_000),
        };
        rows.push((row[1].to_owned(), block, transfer));
    }
    rows.sort_by_key(|r| r.1);
    for (family, _, transfer) in rows {
        cases.entry(family).or_insert_with(empty).edges.push((transfer, true));
    }
    let mut reader = csv::Reader::from_path(format!("{folder}/sources.csv")).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        cases.entry(row[2].to_owned()).or_insert_with(empty).sources.insert(name(&row[0]));
    }
    let parties = names.len() as u32 + 1;
    cases.values_mut().for_each(|c| c.parties = parties);
    cases.retain(|family, c| family != "none" && !c.sources.is_empty());
    cases
}

/// How noise is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recipe {
    /// Accounts of the flow by their number of payments.
    Degree,
    /// Accounts of the flow evenly.
    Even,
    /// As `Degree`, at times of true edges, half an hour about.
    Bursts,
}

impl Recipe {
    fn name(self) -> &'static str {
        match self {
            Recipe::Degree => "deg",
            Recipe::Even => "uni",
            Recipe::Bursts => "bursts",
        }
    }
}

fn with_noise(case: &Case, k: f64, recipe: Recipe, seed: u64) -> Case {
    let mut r = Rng(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(seed) | 1);
    (0..8).for_each(|_| {
        r.unit();
    });
    let ends: Vec<PartyId> = case.edges.iter().flat_map(|(e, _)| [e.from, e.to]).collect();
    let nodes: Vec<PartyId> = ends.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let strangers = ((k * nodes.len() as f64 / 2.0) as usize).max(10);
    let mut sums = vec![0.0];
    for i in 0..strangers {
        sums.push(sums[i] + ((i + 1) as f64).powf(-0.7));
    }
    let times: Vec<i64> = case.edges.iter().filter_map(|(e, _)| e.seconds).collect();
    let (first, last) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
    let mut out = case.clone();
    for _ in 0..(k * case.edges.len() as f64) as usize {
        let kind = r.unit();
        let stranger = |r: &mut Rng| {
            let x = r.unit() * sums[strangers];
            PartyId(case.parties + sums.partition_point(|&s| s <= x).saturating_sub(1) as u32)
        };
        let flow = |r: &mut Rng| match recipe {
            Recipe::Even => nodes[r.below(nodes.len())],
            _ => ends[r.below(ends.len())],
        };
        let (from, to) = match kind {
            x if x < 0.70 => (stranger(&mut r), stranger(&mut r)),
            x if x < 0.85 => (stranger(&mut r), flow(&mut r)),
            _ => (flow(&mut r), stranger(&mut r)),
        };
        let amount = case.edges[r.below(case.edges.len())].0.amount * (0.5 * r.normal()).exp();
        let seconds = match recipe {
            Recipe::Bursts => Some(times[r.below(times.len())] + (1_800.0 * r.normal()) as i64),
            _ => Some(first + (r.unit() * (last - first) as f64) as i64),
        };
        if from != to {
            out.edges.push((Transfer { from, to, asset: AssetId(0), amount, seconds }, false));
        }
    }
    // Stable: the chain's order among true edges of one second stays.
    out.edges.sort_by_key(|(e, _)| e.seconds);
    out
}

struct Point {
    coverage: f64,
    precision: f64,
}

/// The curve of a score: points at one hundred cuts.
fn curve(case: &Case, scores: &[f64], allowed: f64) -> Vec<Point> {
    let mut order: Vec<f64> = scores.iter().copied().filter(|s| *s > 0.0).collect();
    order.sort_by(|a, b| b.total_cmp(a));
    let cuts = 100usize;
    let mut points = Vec::new();
    for cut in 1..=cuts {
        if order.is_empty() {
            break;
        }
        let least = order[(order.len() * cut / cuts).max(1) - 1];
        let returned = scores.iter().filter(|s| **s >= least).count();
        let mut at: BTreeSet<PartyId> = case.sources.clone();
        let (mut found, mut dollars) = (0u32, 0.0);
        for ((e, truth), score) in case.edges.iter().zip(scores) {
            if *truth && *score >= least && at.contains(&e.from) {
                at.insert(e.to);
                found += 1;
                dollars += e.amount;
            }
        }
        points.push(Point { coverage: dollars / allowed, precision: f64::from(found) / returned as f64 });
    }
    points
}

/// Greatest coverage at a precision, and the reverse.
fn coverage_at(points: &[Point], precision: f64) -> f64 {
    points.iter().filter(|p| p.precision >= precision).map(|p| p.coverage).fold(0.0, f64::max)
}

fn precision_at(points: &[Point], coverage: f64) -> f64 {
    points.iter().filter(|p| p.coverage >= coverage).map(|p| p.precision).fold(0.0, f64::max)
}

/// Families that the score was made on.
const DEVELOPMENT: [&str; 2] = ["F00", "F03"];

fn fitted<'c>(families: impl Iterator<Item = &'c Case>) -> Weights {
    let mut noisy = Vec::new();
    for case in families {
        for k in [1.0, 3.0] {
            for recipe in [Recipe::Degree, Recipe::Even, Recipe::Bursts] {
                noisy.extend((11..=12).map(|seed| with_noise(case, k, recipe, seed)));
            }
        }
    }
    let lesson = |case| {
        let Case { edges, sources, .. }: &Case = case;
        fit::Lesson {
            edges: edges.iter().map(|e| e.0).collect(),
            truth: edges.iter().map(|e| e.1).collect(),
            is_source: Box::new(|p| sources.contains(&p)),
        }
    };
    fit::fit(&noisy.iter().map(lesson).collect::<Vec<_>>())
}

fn main() {
    let folder = std::env::args().nth(1).expect("the folder with flows.csv and sources.csv, or `big`");
    if folder == "big" {
        big::run(1_000_000);
        return;
    }
    let cases = load(&folder);
    let without = |family: &str| {
        let others = cases.iter().filter(|c| DEVELOPMENT.contains(&c.0.as_str()) && c.0 != family);
        fitted(others.map(|c| c.1))
    };
    if std::env::args().nth(2).as_deref() == Some("fit") {
        print!("{}", fit::source(&without("")));
        return;
    }
    println!(
        "Coverage (part of the USD that time order allows) at edge precision 0.90; then precision at coverage"
    );
    println!(
        "0.50, 0.80, 0.90, 0.95; mean of seeds 1..5. F00 and F03 with weights fitted on the other; F07 and F08 as shipped.\n"
    );
    println!(
        "| family | edges | noise | method | coverage at .90 | least | P@.50 | P@.80 | P@.90 | P@.95 | all returned: coverage / precision |"
    );
    println!("| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
    let mut worse: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for (family, case) in &cases {
        let own = DEVELOPMENT.contains(&family.as_str()).then(|| without(family));
        let weights = own.as_ref().unwrap_or(Weights::shipped());
        for k in [1.0, 3.0] {
            for recipe in [Recipe::Degree, Recipe::Even, Recipe::Bursts] {
                let mut rows: Vec<(&str, Vec<[f64; 7]>)> = Vec::new();
                for seed in 1..=5 {
                    let noisy = with_noise(case, k, recipe, seed);
                    let edges: Vec<Transfer> = noisy.edges.iter().map(|e| e.0).collect();
                    let is_source = |p: PartyId| noisy.sources.contains(&p);
                    let reached = reach(&edges, is_source);
                    let truth: Vec<Transfer> = noisy.edges.iter().filter(|e| e.1).map(|e| e.0).collect();
                    let allowed: f64 = reach(&truth, is_source)
                        .iter()
                        .zip(&truth)
                        .filter(|(r, _)| **r)
                        .map(|(_, e)| e.amount)
                        .sum();
                    let share = shares(&edges, is_source);
                    let by = |f: &dyn Fn(usize) -> f64| (0..edges.len()).map(f).collect::<Vec<f64>>();
                    let scores = [
                        ("palisade", rank_by(&edges, is_source, weights)),
                        (
                            "plain reach, greatest first",
                            by(&|i| if reached[i] { edges[i].amount } else { 0.0 }),
                        ),
                        ("haircut > 1 %, by share", by(&|i| if share[i] > 0.01 { share[i] } else { 0.0 })),
                        (
                            "haircut > 1 %, by amount",
                            by(&|i| if share[i] > 0.01 { share[i] * edges[i].amount } else { 0.0 }),
                        ),
                    ];
                    let curves: Vec<Vec<Point>> =
                        scores.iter().map(|s| curve(&noisy, &s.1, allowed)).collect();
                    for p in curves[1..].iter().flatten() {
                        let [above, all] =
                            worse.entry(format!("{family} {k}× {}", recipe.name())).or_default();
                        *all += 1;
                        *above += usize::from(precision_at(&curves[0], p.coverage) < p.precision - 1e-9);
                    }
                    for ((name, _), points) in scores.iter().zip(&curves) {
                        let last = points.last().unwrap();
                        let row = [
                            coverage_at(points, 0.9),
                            precision_at(points, 0.5),
                            precision_at(points, 0.8),
                            precision_at(points, 0.9),
                            precision_at(points, 0.95),
                            last.coverage,
                            last.precision,
                        ];
                        match rows.iter_mut().find(|r| r.0 == *name) {
                            Some(r) => r.1.push(row),
                            None => rows.push((name, vec![row])),
                        }
                    }
                }
                for (name, runs) in rows {
                    let mean = |c: usize| runs.iter().map(|r| r[c]).sum::<f64>() / runs.len() as f64;
                    let least = runs.iter().map(|r| r[0]).fold(1.0, f64::min);
                    println!(
                        "| {family} | {} | {k}× {} | {name} | {:.3} | {least:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} / {:.3} |",
                        case.edges.len(),
                        recipe.name(),
                        mean(0),
                        mean(1),
                        mean(2),
                        mean(3),
                        mean(4),
                        mean(5),
                        mean(6)
                    );
                }
            }
        }
    }
    println!("\nPoints of baselines' curves that lie above ours:");
    for (what, [above, all]) in worse.iter().filter(|w| w.1[0] > 0) {
        println!("{what}: {above} of {all}");
    }
    for (name, bursts) in [("deg and uni", false), ("bursts", true)] {
        let of = |n: usize| -> usize {
            worse.iter().filter(|w| w.0.ends_with("bursts") == bursts).map(|w| w.1[n]).sum()
        };
        println!("{name} together: {} of {}", of(0), of(1));
    }
}
