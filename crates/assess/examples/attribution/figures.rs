//! Figures of a set of answers: top-k, log loss, calibration, bootstrap.

use palisade_assess::who::Assessment;

use crate::Given;

/// One answered incident.
#[derive(Clone, Debug)]
pub struct Case {
    /// Which incident.
    pub n: usize,
    /// Whether its actor is known well enough to be counted.
    pub known: bool,
    /// Probability of the true actor among the known ones.
    pub truth: f64,
    /// Number of actors likelier than the true one.
    pub before: usize,
    /// Probability of the likeliest among the known ones.
    pub top: f64,
    /// Who is likeliest.
    pub first: String,
    /// Probability of somebody unknown.
    pub unknown: f64,
    /// Probability of the true actor with somebody unknown among the answers, whether it is known well enough or not.
    pub named: f64,
    /// The likeliest state, or `none`, and its probability.
    pub state: (String, f64),
}

impl Case {
    pub fn new(n: usize, g: &Given, a: &Assessment, known: bool) -> Case {
        let closed = (1.0 - a.unknown).max(1e-12);
        let of =
            |id: &str| a.candidates.iter().find(|c| c.actor.id == id).map_or(0.0, |c| c.probability / closed);
        let truth = of(&g.group);
        let state = a.states.iter().filter(|s| *s.0 != "unknown").max_by(|x, y| x.1.total_cmp(y.1));
        Case {
            n,
            known,
            truth,
            before: a.candidates.iter().filter(|c| c.probability / closed > truth).count(),
            top: a.candidates.first().map_or(0.0, |c| c.probability / closed),
            first: a.candidates.first().map_or(String::new(), |c| c.actor.id.clone()),
            unknown: a.unknown,
            named: of(&g.group) * closed,
            state: (state.map_or(String::new(), |s| s.0.clone()), state.map_or(0.0, |s| *s.1)),
        }
    }

    /// Log loss among known actors.
    pub fn loss(&self) -> f64 {
        -self.truth.max(1e-12).ln()
    }

    /// Log loss with somebody unknown among the answers.
    pub fn open_loss(&self) -> f64 {
        -(self.truth * (1.0 - self.unknown)).max(1e-12).ln()
    }
}

/// All incidents as they come, somebody unknown among the answers: an actor of whom hardly anything is known counts as unknown,
/// and naming it is right, too. What the command prints, as it prints it.
pub fn as_printed(cases: &[Case]) -> String {
    let right = |c: &Case| if c.known { c.named } else { c.named + c.unknown };
    let loss = cases.iter().map(|c| -right(c).max(1e-12).ln()).sum::<f64>() / cases.len().max(1) as f64;
    let mut bins = [(0.0, 0.0); 10];
    let mut first = 0;
    for c in cases {
        let group = c.top * (1.0 - c.unknown);
        let (said, is) = if group >= c.unknown { (group, c.before == 0) } else { (c.unknown, !c.known) };
        first += usize::from(is);
        let b = &mut bins[((said * 10.0).ceil() as usize).clamp(1, 10) - 1];
        b.0 += said;
        b.1 += f64::from(u8::from(is));
    }
    let n = cases.len().max(1) as f64;
    let ece = bins.iter().map(|b| (b.0 - b.1).abs()).sum::<f64>() / n;
    format!(
        "as printed, known or not: n {} likeliest right {:.3} log loss {loss:.3} ECE {ece:.3}",
        cases.len(),
        first as f64 / n
    )
}

pub struct Figures {
    pub n: usize,
    pub top: [f64; 3],
    pub loss: f64,
    pub open_loss: f64,
    pub ece: f64,
    pub open_ece: f64,
}

impl Figures {
    pub fn of(cases: &[Case]) -> Figures {
        let known: Vec<&Case> = cases.iter().filter(|c| c.known).collect();
        let n = known.len();
        let mean = |f: &dyn Fn(&Case) -> f64| known.iter().map(|c| f(c)).sum::<f64>() / n.max(1) as f64;
        let top = [1, 3, 10].map(|k| mean(&|c| f64::from(u8::from(c.before < k))));
        Figures {
            n,
            top,
            loss: mean(&Case::loss),
            open_loss: mean(&Case::open_loss),
            ece: ece(&known, &|c| c.top),
            open_ece: ece(&known, &|c| c.top * (1.0 - c.unknown)),
        }
    }

    pub fn line(&self, what: &str) -> String {
        format!(
            "{what:32} n {} top-1 {:.3} top-3 {:.3} top-10 {:.3} log loss {:.3} ECE {:.3} (with unknown: {:.3}, {:.3})",
            self.n, self.top[0], self.top[1], self.top[2], self.loss, self.ece, self.open_loss, self.open_ece
        )
    }
}

/// Expected calibration error in ten bins of equal width.
fn ece(known: &[&Case], top: &dyn Fn(&Case) -> f64) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    for c in known {
        let b = &mut bins[((top(c) * 10.0).ceil() as usize).clamp(1, 10) - 1];
        b.0 += top(c);
        b.1 += f64::from(u8::from(c.before == 0));
    }
    bins.iter().map(|b| (b.0 - b.1).abs()).sum::<f64>() / known.len().max(1) as f64
}

/// How much of the calibration error is noise: the error, a 95 % interval over incidents drawn anew, and the mean, 95 %
/// quantile, and the share of simulations that reach the error, if everybody were right exactly as often as it is said.
pub fn ece_noise(cases: &[Case]) -> String {
    const DRAWS: usize = 2_000;
    let known: Vec<&Case> = cases.iter().filter(|c| c.known).collect();
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let top = |c: &Case| c.top;
    let found = ece(&known, &top);
    let sorted = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all
    };
    let drawn = sorted(
        (0..DRAWS)
            .map(|_| {
                let again: Vec<&Case> =
                    (0..known.len()).map(|_| known[random(&mut state, known.len())]).collect();
                ece(&again, &top)
            })
            .collect(),
    );
    let ideal = sorted(
        (0..DRAWS)
            .map(|_| {
                let right =
                    |p: f64, state: &mut u64| (random(state, 1 << 30) as f64) < p * f64::from(1 << 30);
                let again: Vec<Case> = known
                    .iter()
                    .map(|c| Case { before: usize::from(!right(c.top, &mut state)), ..(*c).clone() })
                    .collect();
                ece(&again.iter().collect::<Vec<_>>(), &top)
            })
            .collect(),
    );
    let mean = ideal.iter().sum::<f64>() / DRAWS as f64;
    let reach = ideal.iter().filter(|e| **e >= found).count() as f64 / DRAWS as f64;
    format!(
        "ECE {found:.3} (95 % {:.3} to {:.3}); of a perfectly calibrated forecaster of these chances {mean:.3} in the mean, \
         up to {:.3} in 95 %, as much or more in {reach:.2}",
        drawn[DRAWS / 40],
        drawn[DRAWS - DRAWS / 40],
        ideal[DRAWS * 19 / 20]
    )
}

/// Bins of calibration: number, mean of what was said, share right.
pub fn bins(cases: &[Case]) -> String {
    let known: Vec<&Case> = cases.iter().filter(|c| c.known).collect();
    let bin = |c: &Case| ((c.top * 10.0).ceil() as usize).clamp(1, 10);
    let one = |b: usize| {
        let of: Vec<&&Case> = known.iter().filter(|c| bin(c) == b).collect();
        let n = of.len().max(1) as f64;
        let said = of.iter().map(|c| c.top).sum::<f64>() / n;
        let right = of.iter().filter(|c| c.before == 0).count() as f64 / n;
        format!("{} {said:.2} {right:.2}", of.len())
    };
    (1..=10).map(one).collect::<Vec<_>>().join(" | ")
}

/// Paired bootstrap over incidents of how much smaller the second's log loss is: 2.5 %, mean, 97.5 %.
pub fn bootstrap(first: &[Case], second: &[Case]) -> (f64, f64, f64) {
    let gains: Vec<f64> = second
        .iter()
        .filter(|c| c.known)
        .filter_map(|c| first.iter().find(|f| f.n == c.n && f.known).map(|f| f.loss() - c.loss()))
        .collect();
    let n = gains.len().max(1);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut means: Vec<f64> = (0..10_000)
        .map(|_| {
            let sum: f64 = (0..gains.len()).map(|_| gains[random(&mut state, n)]).sum();
            sum / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    (means[250], gains.iter().sum::<f64>() / n as f64, means[9_750])
}

/// xorshift64* (S. Vigna 2016): 0 to below `n`.
pub fn random(state: &mut u64, n: usize) -> usize {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    ((state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % n.max(1)
}
