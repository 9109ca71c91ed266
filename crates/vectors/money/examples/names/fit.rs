//! Logistic regression towards a prior, by Newton's method.

use palisade_money::screen::name::score::{FEATURES, prior, sign};
use palisade_money::screen::name::{Features, Name, NoLists, Rules, Scratch, Weights, features};

use crate::data::Pair;
use crate::solve::solve;

/// Features of pairs under one kind of rules, with labels.
pub struct Samples {
    pub x: Vec<Features>,
    pub y: Vec<bool>,
}

pub fn samples<'a>(pairs: impl Iterator<Item = &'a Pair>, rules: Rules, weights: &Weights) -> Samples {
    let mut scratch = Scratch::default();
    let mut out = Samples { x: Vec::new(), y: Vec::new() };
    for pair in pairs.filter(|p| p.rules() == rules) {
        let (a, b) = (Name::new(&pair.a, rules, &NoLists), Name::new(&pair.b, rules, &NoLists));
        out.x.push(features(&a, &b, weights, &mut scratch));
        out.y.push(pair.same);
    }
    out
}

/// Minimises log-loss + `pull`/2 · |w − prior|² where each weight keeps its [sign].
pub fn fit(samples: &Samples, prior: &[f64], pull: f64) -> Vec<f64> {
    let n = FEATURES;
    let mut w = prior.to_vec();
    for _ in 0..60 {
        let mut gradient: Vec<f64> = (0..n).map(|i| pull * (w[i] - prior[i])).collect();
        let mut hessian = vec![0.0; n * n];
        for i in 0..n {
            hessian[i * n + i] = pull;
        }
        for (x, y) in samples.x.iter().zip(&samples.y) {
            let on: Vec<(usize, f64)> =
                x.iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(i, v)| (i, f64::from(*v))).collect();
            let z: f64 = on.iter().map(|(i, v)| w[*i] * v).sum();
            let p = 1.0 / (1.0 + (-z).exp());
            let error = p - f64::from(u8::from(*y));
            let curve = (p * (1.0 - p)).max(1e-6);
            for (i, v) in &on {
                gradient[*i] += error * v;
                for (j, u) in &on {
                    hessian[i * n + j] += curve * v * u;
                }
            }
        }
        // A weight that stands at zero and would leave to the wrong side stays there for this step.
        for i in 0..n {
            let side = f64::from(sign(i));
            if side != 0.0 && w[i] * side <= 0.0 && gradient[i] * side > 0.0 {
                gradient[i] = 0.0;
                for j in 0..n {
                    hessian[i * n + j] = 0.0;
                    hessian[j * n + i] = 0.0;
                }
                hessian[i * n + i] = 1.0;
            }
        }
        let step = solve(&mut hessian, &mut gradient, n);
        let largest = step.iter().fold(0f64, |m, s| m.max(s.abs()));
        let damp = if largest > 4.0 { 4.0 / largest } else { 1.0 };
        for (i, (w, s)) in w.iter_mut().zip(&step).enumerate() {
            *w -= damp * s;
            let side = f64::from(sign(i));
            if *w * side < 0.0 {
                *w = 0.0;
            }
        }
        if largest < 1e-5 {
            break;
        }
    }
    w
}

/// How strongly the lists' weights hold those of the bench, and zero those of the lists.
pub const PULL: f64 = 1.0;
pub const LIST_PULL: f64 = 3.0;

/// Weights fitted on the lists alone.
pub fn on_lists(pairs: &[Pair]) -> Weights {
    let zero = Weights { person: [0.0; FEATURES], body: [0.0; FEATURES], craft: [0.0; FEATURES] };
    let of = |rules| {
        let samples = samples(pairs.iter(), rules, &zero);
        round(&fit(&samples, &prior(rules).map(f64::from), LIST_PULL))
    };
    Weights { person: of(Rules::Person), body: of(Rules::Body), craft: of(Rules::Craft) }
}

/// Weights fitted on rows of the bench, held by those of the lists.
pub fn on_bench<'a>(rows: impl Iterator<Item = &'a Pair> + Clone, prior: &Weights, pull: f64) -> Weights {
    let of = |rules: Rules| {
        let samples = samples(rows.clone(), rules, prior);
        let before: Vec<f64> = prior.of(rules).iter().map(|w| f64::from(*w)).collect();
        round(&fit(&samples, &before, pull))
    };
    Weights { person: of(Rules::Person), body: of(Rules::Body), craft: of(Rules::Craft) }
}

/// To three digits: what is shipped is what was measured.
fn round(w: &[f64]) -> Features {
    let mut out = [0.0; FEATURES];
    for (o, w) in out.iter_mut().zip(w) {
        *o = ((w * 1e3).round() / 1e3) as f32;
    }
    out
}

/// The weights as Rust source.
pub fn source(weights: &Weights) -> String {
    let list = |f: &Features| {
        let mut out = String::new();
        for row in f.chunks(12) {
            let row: Vec<String> = row.iter().map(|w| format!("{w:?}")).collect();
            out.push_str(&format!("        {},\n", row.join(", ")));
        }
        out
    };
    format!(
        "//! The fitted numbers. Written by `cargo run --release -p palisade-money --example names -- fit`; do not edit by hand.\n\
         #![allow(clippy::approx_constant)] // a fitted number may come near to 1/π\n\n\
         use super::score::Weights;\n\n/// Weights as shipped.\npub const SHIPPED: Weights = Weights {{\n    person: [\n{}    ],\n    body: [\n{}    ],\n    craft: [\n{}    ],\n}};\n",
        list(&weights.person),
        list(&weights.body),
        list(&weights.craft)
    )
}
