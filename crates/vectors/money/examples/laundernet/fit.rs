//! Logistic regression of the evidence of transfers, fed back: evidence depends on the answers of the round before.

use palisade_money::trace::rank::{Evidence, KINDS, Transfer, Weights, evidence};

use crate::solve::solve;

/// One noisy case to learn from; every case counts the same.
pub struct Lesson<'a> {
    pub edges: Vec<Transfer>,
    pub truth: Vec<bool>,
    pub is_source: Box<dyn Fn(palisade_money::ledger::PartyId) -> bool + 'a>,
}

struct Row {
    x: Evidence,
    y: f64,
    weight: f64,
}

/// Pull of weights, on evidence of unit spread, to zero.
const PULL: f64 = 0.001;
/// Fits: the first on the evidence of the haircut share, each later on that of the weights before.
const FITS: usize = 5;

pub fn fit(lessons: &[Lesson<'_>]) -> Weights {
    let mut weights: Option<Weights> = None;
    for _ in 0..FITS {
        let mut rows = Vec::new();
        for lesson in lessons {
            let all = evidence(&lesson.edges, &*lesson.is_source, weights.as_ref());
            let reached = all.iter().flatten().count().max(1) as f64;
            rows.extend(all.iter().zip(&lesson.truth).filter_map(|(x, y)| {
                x.map(|x| Row {
                    x,
                    y: f64::from(u8::from(*y)),
                    weight: 1.0 / (reached * lessons.len() as f64),
                })
            }));
        }
        weights = Some(newton(&rows));
    }
    weights.unwrap_or(Weights { weight: [0.0; KINDS], usual: [0.0; KINDS] })
}

fn newton(rows: &[Row]) -> Weights {
    const N: usize = KINDS;
    let (mut mean, mut spread) = ([0.0; N], [0.0; N]);
    for r in rows {
        (0..N).for_each(|j| mean[j] += r.weight * r.x[j]);
    }
    for r in rows {
        (0..N).for_each(|j| spread[j] += r.weight * (r.x[j] - mean[j]).powi(2));
    }
    spread.iter_mut().for_each(|s| *s = s.sqrt().max(1e-6));
    // The constant stays one.
    let usual = mean;
    (mean[0], spread[0]) = (0.0, 1.0);
    let mut w = [0.0; N];
    for _ in 0..25 {
        let (mut gradient, mut hessian) = (vec![0.0; N], vec![0.0; N * N]);
        for j in 0..N {
            let pull = if j == 0 { 1e-6 } else { PULL };
            gradient[j] = pull * w[j];
            hessian[j * N + j] = pull + 1e-9;
        }
        for r in rows {
            let x: Vec<f64> = (0..N).map(|j| (r.x[j] - mean[j]) / spread[j]).collect();
            let z: f64 = x.iter().zip(&w).map(|(x, w)| x * w).sum();
            let p = 1.0 / (1.0 + (-z).exp());
            let (error, curve) = (r.weight * (p - r.y), r.weight * (p * (1.0 - p)).max(1e-6));
            for j in 0..N {
                gradient[j] += error * x[j];
                for k in 0..N {
                    hessian[j * N + k] += curve * x[j] * x[k];
                }
            }
        }
        let step = solve(&mut hessian, &mut gradient, N);
        w.iter_mut().zip(&step).for_each(|(w, s)| *w -= s.clamp(-2.0, 2.0));
        if step.iter().all(|s| s.abs() < 1e-5) {
            break;
        }
    }
    let round = |x: f64| (x * 1e4).round() / 1e4;
    let mut weight = [0.0; N];
    for j in 0..N {
        weight[j] = round(w[j] / spread[j]);
        weight[0] -= if j == 0 { 0.0 } else { w[j] * mean[j] / spread[j] };
    }
    weight[0] = round(weight[0]);
    Weights { weight, usual: usual.map(round) }
}

/// The weights as Rust source, to be formatted by `cargo fmt`.
pub fn source(weights: &Weights) -> String {
    let list = |x: &Evidence| -> String { x.iter().map(|x| format!("        {x:?},\n")).collect() };
    format!(
        "//! The fitted numbers. Written by `cargo run --release -p palisade-money --example laundernet -- FOLDER fit`; do not edit by hand.\n\
         #![allow(clippy::approx_constant)] // a fitted number may come near to a known one\n\n\
         use super::Weights;\n\n/// Weights as shipped, in the order of [`WHAT`](super::WHAT).\npub const SHIPPED: Weights = Weights {{\n    weight: [\n{}    ],\n    usual: [\n{}    ],\n}};\n",
        list(&weights.weight),
        list(&weights.usual)
    )
}
