//! Weights of the measures, learned from incidents whose actor is known.
//!
//! A conditional logit (D. McFadden, "Conditional logit analysis of qualitative choice behavior", 1974): the
//! probability of an actor is the exponential of its score over the sum of all, a score is the weighted sum of the
//! measures. A ridge draws the weights towards given ones, so that ten incidents do not outvote what is plausible.
//! Few parameters, a concave objective, Newton's steps in fixed order: the same incidents give the same weights.

use palisade_model::Month;

use super::features::{MEASURES, measure};
use super::library::{Class, View};
use super::settings::Costs;

/// Fewest techniques of an actor who counts as known: of others too little is told to learn from.
pub const KNOWN_FROM: usize = 5;

/// Evidence of one incident against every actor, and who it was.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Measures of each actor that is known.
    pub(super) candidates: Vec<(usize, [f64; MEASURES])>,
    /// Those of them that belong to no item of the incident.
    before: Vec<[f64; MEASURES]>,
    /// What each limit of [`Costs`] holds down: the measures of techniques that are rare, and of public tools.
    capped: Vec<[[f64; MEASURES]; 2]>,
    /// Where in `candidates` the true actor stands; `None` if too little was known of it.
    truth: Option<usize>,
    /// Number of items that are not public tools.
    pub(super) items: usize,
}

impl Trial {
    /// What `view` says of an incident by `actor`.
    pub fn new(
        view: &View<'_>,
        techniques_and_software: &[String],
        at: Option<Month>,
        actor: &str,
        costs: &Costs,
    ) -> Trial {
        let items = super::numbers(view, techniques_and_software);
        let all = measure(view, &items, at);
        let known = (0..all.len()).filter(|a| view.knows(*a));
        let candidates: Vec<(usize, [f64; MEASURES])> = known.map(|a| (a, all[a].total())).collect();
        let before = candidates.iter().map(|(a, _)| all[*a].base).collect();
        let sum = |a: usize, of: &dyn Fn(usize) -> bool| {
            let mut sum = [0.0; MEASURES];
            for (_, row) in items.iter().zip(&all[a].items).filter(|(i, _)| of(**i)) {
                sum.iter_mut().zip(row).for_each(|(s, x)| *s += x);
            }
            sum
        };
        let rare = |i: usize| costs.is_rare(view, i);
        let tool = |i: usize| view.class(i) == Class::Tool;
        let capped = candidates.iter().map(|(a, _)| [sum(*a, &rare), sum(*a, &tool)]).collect();
        let is_it = |a: usize| view.library.actors[a].id == actor && view.techniques(a) >= KNOWN_FROM;
        let truth = candidates.iter().position(|(a, _)| is_it(*a));
        let items = items.iter().filter(|i| view.class(**i) != Class::Tool).count();
        Trial { candidates, before, capped, truth, items }
    }

    /// The actors' scores under weights, with what is cheap and what is rare held down to its limit.
    fn held_down(&self, w: &[f64; MEASURES], costs: &Costs) -> Vec<f64> {
        let limits = [0.5 * costs.rare_cap, 0.5 * costs.cheap_cap];
        let beyond = |capped: &[[f64; MEASURES]; 2]| -> f64 {
            let over = |(x, most): (&[f64; MEASURES], f64)| dot(x, w) - dot(x, w).clamp(-most, most);
            capped.iter().zip(limits).map(over).sum()
        };
        self.candidates.iter().zip(&self.capped).map(|((_, x), c)| dot(x, w) - beyond(c)).collect()
    }

    /// Whether the true actor could have been named.
    pub fn is_known(&self) -> bool {
        self.truth.is_some()
    }
}

/// Newton's steps at most; it converges in about eight.
const STEPS: usize = 40;
/// Halvings of one step at most.
const HALVINGS: usize = 30;

/// Weights that make the true actors of `trials` likely, each drawn towards `start` with its strength in `ridge` (in
/// units of a measure's spread). Where the steps begin, `from`, changes nothing but their number.
pub fn weights(
    trials: &[&Trial],
    start: &[f64; MEASURES],
    ridge: &[f64; MEASURES],
    from: &[f64; MEASURES],
) -> [f64; MEASURES] {
    let known: Vec<(&Trial, usize)> = trials.iter().filter_map(|t| t.truth.map(|y| (*t, y))).collect();
    if known.is_empty() {
        return *start;
    }
    let spread = spread(&known);
    let mut w = *from;
    for _ in 0..STEPS {
        let mut gradient = [0.0; MEASURES];
        let mut curvature = [[0.0; MEASURES]; MEASURES];
        for (trial, y) in &known {
            let p = shares(&trial.candidates, &w);
            let mut mean = [0.0; MEASURES];
            for (p, (_, x)) in p.iter().zip(&trial.candidates) {
                for k in 0..MEASURES {
                    mean[k] += p * x[k];
                }
            }
            // An actor with one chance in a million bends nothing.
            for (p, (_, x)) in p.iter().zip(&trial.candidates).filter(|(p, _)| **p > 1e-7) {
                for k in 0..MEASURES {
                    for l in 0..=k {
                        curvature[k][l] += p * (x[k] - mean[k]) * (x[l] - mean[l]);
                    }
                }
            }
            for k in 0..MEASURES {
                gradient[k] += trial.candidates[*y].1[k] - mean[k];
            }
        }
        for k in 0..MEASURES {
            let penalty = ridge[k] * spread[k].powi(2);
            gradient[k] -= penalty * (w[k] - start[k]);
            curvature[k][k] += penalty.max(1e-9);
            let row = curvature[k];
            for (l, value) in row.iter().enumerate().take(k) {
                curvature[l][k] = *value;
            }
        }
        let mut step = solve(curvature, gradient);
        // A whole step may overshoot far from the optimum: it is halved until it leads upwards.
        let before = objective(&known, &w, start, ridge, &spread);
        let moved = |step: &[f64; MEASURES]| {
            let mut at = w;
            at.iter_mut().zip(step).for_each(|(w, s)| *w += s);
            at
        };
        for _ in 0..HALVINGS {
            if objective(&known, &moved(&step), start, ridge, &spread) >= before {
                break;
            }
            step.iter_mut().for_each(|s| *s *= 0.5);
        }
        w = moved(&step);
        let longest = step.iter().zip(&spread).map(|(s, of)| (s * of).abs()).fold(0.0, f64::max);
        if longest < 1e-7 {
            break;
        }
    }
    w
}

/// What Newton's steps raise: the log-likelihood of the true actors less the ridge.
fn objective(
    known: &[(&Trial, usize)],
    w: &[f64; MEASURES],
    start: &[f64; MEASURES],
    ridge: &[f64; MEASURES],
    spread: &[f64; MEASURES],
) -> f64 {
    let likely = |(t, y): &(&Trial, usize)| {
        let scores: Vec<f64> = t.candidates.iter().map(|(_, x)| dot(x, w)).collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        scores[*y] - top - scores.iter().map(|s| (s - top).exp()).sum::<f64>().ln()
    };
    let penalty: f64 = (0..MEASURES).map(|k| 0.5 * ridge[k] * (spread[k] * (w[k] - start[k])).powi(2)).sum();
    known.iter().map(likely).sum::<f64>() - penalty
}

/// Mean standard deviation of each measure among the actors of an incident.
fn spread(known: &[(&Trial, usize)]) -> [f64; MEASURES] {
    let mut out = [0.0; MEASURES];
    for (k, out) in out.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (trial, _) in known {
            let n = trial.candidates.len() as f64;
            let mean = trial.candidates.iter().map(|c| c.1[k]).sum::<f64>() / n;
            sum += (trial.candidates.iter().map(|c| (c.1[k] - mean).powi(2)).sum::<f64>() / n).sqrt();
        }
        *out = (sum / known.len() as f64).max(1e-3);
    }
    out
}

/// What calibrates weights: how far they are to be believed, and how often the evidence says nothing at all.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration {
    /// Factor of every weight: below one, scores were too sure.
    pub temperature: f64,
    /// The part of all probability that stays as it was before any evidence.
    pub doubt: f64,
}

/// Factors and doubts that are tried.
const TEMPERATURES: [f64; 14] = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.5];
const DOUBTS: [f64; 12] = [0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3];

/// How every calibration did, in nats lost, on incidents that did not teach the weights they were asked with.
///
/// Two losses count, both alike: that of the true actor, and that of whether the likeliest is the one. The first alone is paid
/// mostly by surprises, for which it takes sureness from every answer; the second is what is read of an assessment.
///
/// A sum over incidents, so that it can be kept up as time goes by. What comes of it is a mean under the probability that
/// the incidents give each calibration, all alike before: few incidents then give something in the middle instead of
/// the best of much noise, and no number of incidents has to be chosen from which on to believe them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tried([[f64; DOUBTS.len()]; TEMPERATURES.len()]);

impl Tried {
    /// Counts what `weights`, which `trial` did not teach, say of its true actor with the limits of `costs` in force. A trial whose
    /// actor is not known changes nothing.
    pub fn add(&mut self, trial: &Trial, weights: &[f64; MEASURES], costs: &Costs) {
        let Some(y) = trial.truth else { return };
        for (row, temperature) in self.0.iter_mut().zip(TEMPERATURES) {
            let w = weights.map(|w| w * temperature);
            let before: Vec<f64> = trial.before.iter().map(|x| dot(x, &w)).collect();
            let (with, before) = (softmax(&trial.held_down(&w, costs)), softmax(&before));
            for (loss, doubt) in row.iter_mut().zip(DOUBTS) {
                let chance = |a: usize| (1.0 - doubt) * with[a] + doubt * before[a];
                let first = (0..with.len()).max_by(|a, b| chance(*a).total_cmp(&chance(*b))).unwrap_or(y);
                let right = if first == y { chance(y) } else { 1.0 - chance(first) };
                *loss -= chance(y).max(1e-12).ln() + right.max(1e-12).ln();
            }
        }
    }

    /// Adds what others counted.
    pub fn merge(&mut self, other: &Tried) {
        self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened()).for_each(|(a, b)| *a += b);
    }

    /// Logarithm of what the mean of all calibrations gives the incidents: what sets of weights are compared by.
    pub fn evidence(&self) -> f64 {
        let all = self.0.as_flattened();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        (all.iter().map(|l| (least - l).exp()).sum::<f64>() / all.len() as f64).ln() - least
    }

    /// The calibration.
    pub fn calibration(&self) -> Calibration {
        let chances = softmax(&self.0.as_flattened().iter().map(|l| -l).collect::<Vec<f64>>());
        let each = TEMPERATURES.iter().flat_map(|t| DOUBTS.iter().map(move |d| (t, d)));
        let (mut temperature, mut doubt) = (0.0, 0.0);
        for (p, (t, d)) in chances.iter().zip(each) {
            temperature += p * t;
            doubt += p * d;
        }
        Calibration { temperature, doubt }
    }
}

/// Weights and calibration from several sets of weights, learned with different strengths of the ridge: their mean, each
/// believed as far as it foretold incidents that did not teach it.
pub fn blend(sets: &[([f64; MEASURES], &Tried)]) -> ([f64; MEASURES], f64) {
    let chances = softmax(&sets.iter().map(|s| s.1.evidence()).collect::<Vec<f64>>());
    let (mut weights, mut doubt) = ([0.0; MEASURES], 0.0);
    for (p, (w, tried)) in chances.iter().zip(sets) {
        let found = tried.calibration();
        weights.iter_mut().zip(w).for_each(|(sum, w)| *sum += p * found.temperature * w);
        doubt += p * found.doubt;
    }
    (weights, doubt)
}

/// The candidates' shares under weights.
pub(super) fn shares(candidates: &[(usize, [f64; MEASURES])], w: &[f64; MEASURES]) -> Vec<f64> {
    let scores: Vec<f64> = candidates.iter().map(|(_, x)| dot(x, w)).collect();
    softmax(&scores)
}

pub(super) fn dot(x: &[f64; MEASURES], w: &[f64; MEASURES]) -> f64 {
    x.iter().zip(w).map(|(x, w)| x * w).sum()
}

/// Exponentials over their sum; nothing for nothing.
pub(super) fn softmax(scores: &[f64]) -> Vec<f64> {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.into_iter().map(|e| e / sum).collect()
}

/// Solves `a x = b` for a symmetric positive matrix by Gauss's elimination with pivots.
fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> [f64; N] {
    for col in 0..N {
        let pivot = (col..N).max_by(|i, j| a[*i][col].abs().total_cmp(&a[*j][col].abs())).unwrap_or(col);
        a.swap(col, pivot);
        b.swap(col, pivot);
        if a[col][col].abs() < 1e-12 {
            continue;
        }
        for row in col + 1..N {
            let f = a[row][col] / a[col][col];
            let above = a[col];
            for (value, above) in a[row].iter_mut().zip(above).skip(col) {
                *value -= f * above;
            }
            b[row] -= f * b[col];
        }
    }
    let mut x = [0.0; N];
    for row in (0..N).rev() {
        let rest: f64 = (row + 1..N).map(|k| a[row][k] * x[k]).sum();
        x[row] = if a[row][row].abs() < 1e-12 { 0.0 } else { (b[row] - rest) / a[row][row] };
    }
    x
}

/// What tells somebody unknown: the four numbers of [`unknown_signs`], weighed by a logistic regression.
pub type UnknownWeights = [f64; 4];

/// A constant; how well the best actor fits; how sharply it stands out; how much evidence there is. `scores` of the known actors,
/// what is cheap and what is rare held down: who plants that must not come to look known by it.
pub(super) fn unknown_signs(scores: &[f64], items: usize) -> UnknownWeights {
    if scores.is_empty() {
        return [1.0, 0.0, 0.0, 0.0];
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let likeliest = softmax(scores).into_iter().fold(0.0, f64::max).clamp(1e-6, 1.0 - 1e-6);
    [1.0, top, (likeliest / (1.0 - likeliest)).ln(), (1.0 + items as f64).ln()]
}

/// Weights of the signs, from incidents of known actors and the same incidents with their actor taken out of the
/// knowledge. Both kinds weigh the same, so that the answer is a likelihood ratio and the prior can be set apart.
pub fn unknown_weights(
    known: &[Trial],
    unknown: &[Trial],
    w: &[f64; MEASURES],
    costs: &Costs,
    ridge: f64,
) -> UnknownWeights {
    let signs = |t: &Trial| unknown_signs(&t.held_down(w, costs), t.items);
    let mut cases: Vec<(UnknownWeights, f64, f64)> = Vec::new();
    let half = |n: usize| 0.5 * (known.len() + unknown.len()) as f64 / n.max(1) as f64;
    cases.extend(known.iter().map(|t| (signs(t), 0.0, half(known.len()))));
    cases.extend(unknown.iter().map(|t| (signs(t), 1.0, half(unknown.len()))));
    let mut b = [0.0; 4];
    for _ in 0..STEPS {
        let mut gradient = [0.0; 4];
        let mut curvature = [[0.0; 4]; 4];
        for (x, y, weight) in &cases {
            let u: f64 = x.iter().zip(&b).map(|(x, b)| x * b).sum();
            let p = 1.0 / (1.0 + (-u).exp());
            for k in 0..4 {
                gradient[k] += weight * (y - p) * x[k];
                for l in 0..4 {
                    curvature[k][l] += weight * p * (1.0 - p) * x[k] * x[l];
                }
            }
        }
        for k in 0..4 {
            gradient[k] -= ridge * b[k];
            curvature[k][k] += ridge.max(1e-9);
        }
        let step = solve(curvature, gradient);
        for k in 0..4 {
            b[k] += step[k].clamp(-2.0, 2.0);
        }
        if step.iter().all(|s| s.abs() < 1e-9) {
            break;
        }
    }
    b
}
