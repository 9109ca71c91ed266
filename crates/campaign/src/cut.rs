//! Where one dense burst is really two: the mix of what happens changes.
//!
//! Two tools that hammer the same machine at the same time make one burst of mostly the same alerts. What tells
//! them apart is the mix: a scanner of directories has other companions than a scanner of one program. The burst is cut
//! where the mixes of both sides differ most, if they differ enough (Jensen–Shannon divergence, in nats, sides
//! weighted alike), and so on with the parts: binary segmentation with a multinomial likelihood.

/// Alerts of a burst below which it is not looked at.
pub(crate) const MIN_ALERTS: u64 = 200;
/// Alerts of each side.
const MIN_SIDE: f64 = 30.0;
/// Divergence of two mixes that are two things. Chosen on the training networks of the alert data set.
const DIVERGENCE: f64 = 0.1;
/// Bins of time at most; longer bursts have wider bins.
pub(crate) const MAX_BINS: usize = 4_096;
/// Kinds told apart at most; the rarest count as one.
pub(crate) const MAX_KINDS: usize = 32;
/// Cuts of one burst at most.
const MAX_CUTS: usize = 64;

/// Bins at which the mix changes, ascending. `counts` has `kinds` numbers per bin.
pub(crate) fn cuts(counts: &[f64], kinds: usize) -> Vec<usize> {
    if kinds == 0 {
        return Vec::new();
    }
    let bins = counts.len() / kinds;
    // Sums up to each bin, so that any stretch is one subtraction.
    let mut sums = vec![0.0; (bins + 1) * kinds];
    for bin in 0..bins {
        for kind in 0..kinds {
            sums[(bin + 1) * kinds + kind] = sums[bin * kinds + kind] + counts[bin * kinds + kind];
        }
    }
    let mut out = Vec::new();
    let mut parts = vec![(0, bins)];
    while let Some((from, to)) = parts.pop() {
        if out.len() >= MAX_CUTS {
            break;
        }
        if let Some(at) = best(&sums, kinds, from, to) {
            out.push(at);
            parts.push((from, at));
            parts.push((at, to));
        }
    }
    out.sort_unstable();
    out
}

/// The best place to cut a stretch, if its sides differ enough.
fn best(sums: &[f64], kinds: usize, from: usize, to: usize) -> Option<usize> {
    let stretch = |a: usize, b: usize| -> Vec<f64> {
        (0..kinds).map(|k| sums[b * kinds + k] - sums[a * kinds + k]).collect()
    };
    let whole = stretch(from, to);
    let total = whole.iter().sum::<f64>() * entropy(&whole);
    let mut found: Option<(f64, usize)> = None;
    for at in from + 1..to {
        let (left, right) = (stretch(from, at), stretch(at, to));
        let (n, m) = (left.iter().sum::<f64>(), right.iter().sum::<f64>());
        if n < MIN_SIDE || m < MIN_SIDE {
            continue;
        }
        let gain = total - n * entropy(&left) - m * entropy(&right);
        if found.is_none_or(|(best, _)| gain > best) {
            found = Some((gain, at));
        }
    }
    let (_, at) = found?;
    let (left, right) = (shares(&stretch(from, at)), shares(&stretch(at, to)));
    let middle: Vec<f64> = left.iter().zip(&right).map(|(a, b)| (a + b) / 2.0).collect();
    let divergence = entropy(&middle) - (entropy(&left) + entropy(&right)) / 2.0;
    (divergence >= DIVERGENCE).then_some(at)
}

fn shares(counts: &[f64]) -> Vec<f64> {
    let n = counts.iter().sum::<f64>().max(1e-9);
    counts.iter().map(|c| c / n).collect()
}

/// In nats.
fn entropy(counts: &[f64]) -> f64 {
    let n = counts.iter().sum::<f64>().max(1e-9);
    counts.iter().map(|c| c / n).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum()
}
