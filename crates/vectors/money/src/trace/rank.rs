//! How likely an edge is part of the flow: a score to sort by, never an amount.
//!
//! Everything that can be reached is far more than what was laundered, and a tainted share thins out at the first
//! account whose history is incomplete. The score of an edge of amount `v` from `a` to `b` therefore multiplies
//!
//! - **purity** of the sender and of what arrives at the receiver: the part of an account's whole turnover (the greater
//!   of in and half of out, so that a hub of strangers is impure by either) that comes from the sources over pure accounts; a
//!   volume-weighted propagation from the sources, iterated, over edges that time allows. Unlike a balance it is not
//!   used up, so a payment shortly before the funds arrive is not lost;
//! - the **haircut share** of the transfer;
//! - **closure**: a pass-through account forwards what it gets. Where its ins and outs agree to [`CLOSURE`] once one or
//!   two strange payments are left out, those payments are foreign and the others fit;
//! - **closeness in time** of a payment to an arrival at its sender, with [`CLOSE_SECONDS`];
//! - the **amount**.
//!
//! The powers were chosen on two families of the labelled cases and reported on the others (`examples/laundernet.rs`).
//! Never reads a label, never leaves the order of time.

use crate::ledger::{AssetId, PartyId};

/// A transfer as the score sees it; in the order of the chain.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Transfer {
    /// From whom.
    pub from: PartyId,
    /// To whom.
    pub to: PartyId,
    /// Of what.
    pub asset: AssetId,
    /// How much, in any one unit per asset.
    pub amount: f64,
    /// When, in seconds; `None` where the ledger does not say.
    pub seconds: Option<i64>,
}

/// Ins and outs agree if they differ by at most this part of the greater.
pub const CLOSURE: f64 = 0.004;
/// Accounts with more payments are not searched for closure: too many sums agree by chance.
pub const CLOSURE_PAYMENTS: usize = 40;
/// Accounts with more payments are not searched for two strange ones.
const CLOSURE_PAIRS: usize = 8;
/// A payment counts half when its sender last got funds so long ago (or gets them so much later).
pub const CLOSE_SECONDS: f64 = 21_600.0;
/// Power of the haircut share; all other factors count once.
const SHARE: f64 = 2.0;
/// How much of what an account sends counts as its turnover: sending more than came is history that is missing
/// more often than it is strange.
const SENT: f64 = 0.5;
/// Added to the share: a share of nothing still leaves an order.
const SHARE_LEAST: f64 = 0.05;
const FOREIGN: f64 = 0.05;
const FITS: f64 = 1.5;
/// A payment is from the flow, for closure, if so much of its sender is.
const FROM_FLOW: f64 = 0.15;
/// What a foreign payment still brings to purity.
const FOREIGN_BRINGS: f64 = 0.1;
const ROUNDS: usize = 12;

struct Graph<'a> {
    edges: &'a [Transfer],
    /// Slot of sender and receiver, by edge.
    from: Vec<u32>,
    to: Vec<u32>,
    source: Vec<bool>,
    slots: usize,
}

/// Scores of edges, zero for those that time does not let the sources reach. `is_source` says where the flow begins.
pub fn rank(edges: &[Transfer], is_source: impl Fn(PartyId) -> bool) -> Vec<f64> {
    let g = Graph::new(edges, is_source);
    let reached = g.reached();
    let (mut out_fit, mut in_fit) = (vec![1.0; edges.len()], vec![1.0; edges.len()]);
    let purity = g.purity(&reached, &out_fit, &in_fit);
    g.closure(&reached, &purity, &mut out_fit, &mut in_fit);
    let purity = g.purity(&reached, &out_fit, &in_fit);
    let share = g.haircut();
    let close = g.close(&reached, &purity, &in_fit);
    // What arrives at a receiver, whatever it sends.
    let (mut pure, mut all) = (vec![0.0; g.slots], vec![0.0; g.slots]);
    for (i, e) in edges.iter().enumerate() {
        all[g.to[i] as usize] += e.amount;
        if reached[i] {
            pure[g.to[i] as usize] += e.amount * purity[g.from[i] as usize];
        }
    }
    let score = |i: usize| {
        if !reached[i] || edges[i].amount <= 0.0 {
            return 0.0;
        }
        let (a, b) = (g.from[i] as usize, g.to[i] as usize);
        edges[i].amount
            * purity[a]
            * (pure[b] / all[b].max(f64::MIN_POSITIVE))
            * (share[i] + SHARE_LEAST).powf(SHARE)
            * close[i]
            * out_fit[i]
            * in_fit[i]
    };
    (0..edges.len()).map(score).collect()
}

/// The part of each edge's amount that is tainted under a haircut in floating point, for baselines and scores.
pub fn shares(edges: &[Transfer], is_source: impl Fn(PartyId) -> bool) -> Vec<f64> {
    Graph::new(edges, is_source).haircut()
}

/// Which edges time lets the sources reach.
pub fn reach(edges: &[Transfer], is_source: impl Fn(PartyId) -> bool) -> Vec<bool> {
    Graph::new(edges, is_source).reached()
}

impl<'a> Graph<'a> {
    fn new(edges: &'a [Transfer], is_source: impl Fn(PartyId) -> bool) -> Graph<'a> {
        let mut keys: Vec<(PartyId, AssetId)> =
            edges.iter().flat_map(|e| [(e.from, e.asset), (e.to, e.asset)]).collect();
        keys.sort_unstable();
        keys.dedup();
        let slot = |k: (PartyId, AssetId)| keys.binary_search(&k).unwrap_or_default() as u32;
        Graph {
            edges,
            from: edges.iter().map(|e| slot((e.from, e.asset))).collect(),
            to: edges.iter().map(|e| slot((e.to, e.asset))).collect(),
            source: keys.iter().map(|k| is_source(k.0)).collect(),
            slots: keys.len(),
        }
    }

    fn reached(&self) -> Vec<bool> {
        let mut at = self.source.clone();
        (0..self.edges.len())
            .map(|i| {
                // Nobody passes nothing on.
                let from = at[self.from[i] as usize] && self.edges[i].from != PartyId::NOBODY;
                if from && self.edges[i].amount > 0.0 {
                    at[self.to[i] as usize] = true;
                }
                from && self.edges[i].amount > 0.0
            })
            .collect()
    }

    fn purity(&self, reached: &[bool], out_fit: &[f64], in_fit: &[f64]) -> Vec<f64> {
        let (mut ins, mut outs) = (vec![0.0f64; self.slots], vec![0.0f64; self.slots]);
        for (i, e) in self.edges.iter().enumerate() {
            if in_fit[i] >= 1.0 {
                ins[self.to[i] as usize] += e.amount;
            }
            if out_fit[i] >= 1.0 {
                outs[self.from[i] as usize] += e.amount;
            }
        }
        let mut purity = vec![1.0f64; self.slots];
        for _ in 0..ROUNDS {
            let mut came = vec![0.0; self.slots];
            for (i, e) in self.edges.iter().enumerate() {
                if reached[i] && in_fit[i] >= 1.0 {
                    let brings = if out_fit[i] >= 1.0 { 1.0 } else { FOREIGN_BRINGS };
                    came[self.to[i] as usize] += e.amount * purity[self.from[i] as usize] * brings;
                }
            }
            for s in 0..self.slots {
                let turnover = ins[s].max(SENT * outs[s]).max(f64::MIN_POSITIVE);
                purity[s] = if self.source[s] { 1.0 } else { (came[s] / turnover).min(1.0) };
            }
        }
        purity
    }

    /// Marks payments that fit an account's closure, and those that are foreign to it.
    fn closure(&self, reached: &[bool], purity: &[f64], out_fit: &mut [f64], in_fit: &mut [f64]) {
        let (mut ins, mut outs) = (vec![Vec::new(); self.slots], vec![Vec::new(); self.slots]);
        for i in 0..self.edges.len() {
            // One more than is searched says that there are too many.
            for (list, slot) in [(&mut outs, self.from[i]), (&mut ins, self.to[i])] {
                if list[slot as usize].len() <= CLOSURE_PAYMENTS {
                    list[slot as usize].push(i);
                }
            }
        }
        for s in 0..self.slots {
            let flow = |i: &usize| reached[*i] && purity[self.from[*i] as usize] > FROM_FLOW;
            let Some(&first) = ins[s].iter().find(|i| flow(i)) else { continue };
            let out: Vec<usize> = outs[s].iter().copied().filter(|&i| i > first).collect();
            if self.source[s] || out.is_empty() || out.len() + ins[s].len() > CLOSURE_PAYMENTS {
                continue;
            }
            if let Some((foreign_out, foreign_in)) = self.closes(&ins[s], &out, &flow) {
                for &o in &out {
                    out_fit[o] = if foreign_out.contains(&o) { FOREIGN } else { FITS };
                }
                for &i in &ins[s] {
                    in_fit[i] = if foreign_in.contains(&i) { FOREIGN } else { FITS };
                }
            }
        }
    }

    /// The fewest payments without which ins and outs agree: outs, ins.
    fn closes(
        &self,
        ins: &[usize],
        outs: &[usize],
        flow: &impl Fn(&usize) -> bool,
    ) -> Option<(Vec<usize>, Vec<usize>)> {
        let v = |i: usize| self.edges[i].amount;
        let clean: Vec<usize> = ins.iter().copied().filter(|i| !flow(i)).collect();
        let sent: f64 = outs.iter().map(|&o| v(o)).sum();
        let got: f64 = ins.iter().map(|&i| v(i)).sum();
        let tainted: f64 = ins.iter().filter(|i| flow(i)).map(|&i| v(i)).sum();
        let fit = |a: f64, b: f64| a > 0.0 && b > 0.0 && (a - b).abs() <= CLOSURE * a.max(b);
        let none: Vec<usize> = Vec::new();
        let mut bases = vec![(got, &none)];
        if !clean.is_empty() {
            bases.push((tainted, &clean));
        }
        for (base, gone) in &bases {
            if fit(*base, sent) {
                return Some((vec![], (*gone).clone()));
            }
        }
        let with = |gone: &Vec<usize>, i: usize| gone.iter().copied().chain([i]).collect::<Vec<_>>();
        for (base, gone) in &bases {
            if let Some(&o) = outs.iter().find(|&&o| outs.len() > 1 && fit(*base, sent - v(o))) {
                return Some((vec![o], (*gone).clone()));
            }
            if let Some(&q) = ins.iter().find(|&&q| !gone.contains(&q) && fit(base - v(q), sent)) {
                return Some((vec![], with(gone, q)));
            }
        }
        if outs.len() + ins.len() > CLOSURE_PAIRS {
            return None;
        }
        for (base, gone) in &bases {
            for (k, &o) in outs.iter().enumerate() {
                let other = outs[k + 1..].iter().find(|&&p| outs.len() > 2 && fit(*base, sent - v(o) - v(p)));
                if let Some(&p) = other {
                    return Some((vec![o, p], (*gone).clone()));
                }
                let strange = |q: &&usize| !gone.contains(q) && fit(base - v(**q), sent - v(o));
                if outs.len() > 1
                    && let Some(&q) = ins.iter().find(strange)
                {
                    return Some((vec![o], with(gone, q)));
                }
            }
        }
        None
    }

    fn haircut(&self) -> Vec<f64> {
        let (mut balance, mut taint) = (vec![0.0f64; self.slots], vec![0.0f64; self.slots]);
        let mut share = vec![0.0; self.edges.len()];
        for (i, e) in self.edges.iter().enumerate() {
            let (a, b, v) = (self.from[i] as usize, self.to[i] as usize, e.amount);
            if v <= 0.0 || a == b {
                continue;
            }
            let part = if self.source[a] {
                1.0
            } else {
                balance[a] = balance[a].max(v);
                taint[a] / balance[a]
            };
            share[i] = part;
            if !self.source[a] {
                balance[a] -= v;
                taint[a] = (taint[a] - part * v).max(0.0);
            }
            balance[b] += v;
            taint[b] += part * v;
        }
        share
    }

    /// Closeness of each edge to an arrival from the flow at its sender, before or after.
    fn close(&self, reached: &[bool], purity: &[f64], in_fit: &[f64]) -> Vec<f64> {
        let mut arrivals: Vec<Vec<i64>> = vec![Vec::new(); self.slots];
        for (i, e) in self.edges.iter().enumerate() {
            let counts = reached[i] && in_fit[i] >= 1.0 && purity[self.from[i] as usize] > 0.0;
            if let Some(t) = e.seconds.filter(|_| counts) {
                arrivals[self.to[i] as usize].push(t);
            }
        }
        arrivals.iter_mut().for_each(|a| a.sort_unstable());
        let one = |i: usize| {
            let s = self.from[i] as usize;
            let (Some(t), false) = (self.edges[i].seconds, self.source[s]) else { return 1.0 };
            let at = arrivals[s].partition_point(|&a| a <= t);
            let near = [at.checked_sub(1), Some(at)];
            let gap = near.iter().flatten().filter_map(|&k| arrivals[s].get(k)).map(|&a| t.abs_diff(a)).min();
            gap.map_or(f64::MIN_POSITIVE, |g| 1.0 / (1.0 + g as f64 / CLOSE_SECONDS))
        };
        (0..self.edges.len()).map(one).collect()
    }
}
