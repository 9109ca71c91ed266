//! Figures of a scorer on labelled pairs.

use crate::data::Dice;

/// A scored row: label, our probability, the peer's score.
pub type Row = (bool, f64, f64);

pub struct Figures {
    pub f1: f64,
    pub precision: f64,
    pub recall: f64,
    pub auc: f64,
    pub ece: f64,
}

pub fn f1(rows: impl Iterator<Item = (bool, bool)>) -> (f64, f64, f64) {
    let (mut tp, mut fp, mut fne) = (0f64, 0f64, 0f64);
    for (same, says) in rows {
        match (same, says) {
            (true, true) => tp += 1.0,
            (false, true) => fp += 1.0,
            (true, false) => fne += 1.0,
            (false, false) => {}
        }
    }
    (2.0 * tp / (2.0 * tp + fp + fne).max(1.0), tp / (tp + fp).max(1.0), tp / (tp + fne).max(1.0))
}

pub fn auc(rows: &[(bool, f64)]) -> f64 {
    let mut sorted: Vec<_> = rows.to_vec();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (mut rank_sum, mut positives) = (0.0, 0.0);
    let mut at = 0;
    while at < sorted.len() {
        let end = (at..sorted.len()).find(|i| sorted[*i].1 != sorted[at].1).unwrap_or(sorted.len());
        let rank = (at + 1 + end) as f64 / 2.0;
        for row in &sorted[at..end] {
            if row.0 {
                rank_sum += rank;
                positives += 1.0;
            }
        }
        at = end;
    }
    let negatives = sorted.len() as f64 - positives;
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives).max(1.0)
}

/// Expected calibration error: ten bins of equal width, weighted by their rows.
pub fn ece(rows: &[(bool, f64)]) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); 10];
    for (same, p) in rows {
        let bin = &mut bins[((p * 10.0) as usize).min(9)];
        bin.0 += 1.0;
        bin.1 += p;
        bin.2 += f64::from(u8::from(*same));
    }
    bins.iter().map(|(_, p, same): &(f64, f64, f64)| (p - same).abs()).sum::<f64>() / rows.len().max(1) as f64
}

pub fn figures(rows: &[(bool, f64)], threshold: f64) -> Figures {
    let (f1, precision, recall) = f1(rows.iter().map(|(same, p)| (*same, *p >= threshold)));
    Figures { f1, precision, recall, auc: auc(rows), ece: ece(rows) }
}

/// Difference of F1 (ours at 0.5, peer at 0.7): value and the 2.5 and 97.5 percentiles of 10,000 resamples of rows.
pub fn bootstrap(rows: &[Row], seed: u64) -> (f64, f64, f64) {
    let difference = |at: &mut dyn FnMut() -> usize, n: usize| {
        let drawn: Vec<usize> = (0..n).map(|_| at()).collect();
        f1(drawn.iter().map(|i| (rows[*i].0, rows[*i].1 >= 0.5))).0
            - f1(drawn.iter().map(|i| (rows[*i].0, rows[*i].2 >= 0.7))).0
    };
    let mut next = 0;
    let value = difference(
        &mut || {
            next += 1;
            next - 1
        },
        rows.len(),
    );
    let mut dice = Dice(seed);
    let mut drawn: Vec<f64> =
        (0..10_000).map(|_| difference(&mut || dice.below(rows.len()), rows.len())).collect();
    drawn.sort_by(f64::total_cmp);
    (value, drawn[250], drawn[9_749])
}
