//! How likely a transfer is part of the flow: a score to sort by, never an amount.
//!
//! Everything that can be reached is far more than what was laundered, and a tainted share thins out at the first
//! account whose history is incomplete. So each transfer is judged by what surrounds it: how much of what its
//! sender and its receiver do besides belongs to the flow ([`WHAT`] lists the evidence), in log-odds that add up.
//! What belongs to the flow is what is being asked, so the answer of one round is the evidence of the next, from the
//! haircut share at the start; a transfer never vouches for itself.
//!
//! The score is what looking there is worth: the odds times the amount, in amounts usual for the asset. No transfer
//! scores above the best way that leads to it, so that whatever is cut off at a score hangs together from the sources.
//!
//! Weights are fitted on two families of the labelled cases and reported on others (`examples/laundernet`). Time and
//! memory are bounded by the number of transfers: of an account's other transfers the nearest [`NEAR`] on each side are
//! looked at. Never reads a label, never leaves the order of time.

mod weights;

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

/// Kinds of evidence.
pub const KINDS: usize = 22;
/// Evidence of one transfer, in the order of [`WHAT`].
pub type Evidence = [f64; KINDS];

/// What each number says. "Belongs" is weighed by the probability of the last round, without the transfer itself;
/// a ratio is a logarithm of belonging to strange, a nearness of `belongs / (1 + gap in hours)`.
pub const WHAT: [&str; KINDS] = [
    "always",
    "sender: ratio of arrivals",
    "sender: ratio of other departures",
    "receiver: ratio of other arrivals",
    "receiver: ratio of other arrivals, by amount",
    "receiver: ratio of departures",
    "receiver: ratio of departures, by amount",
    "tainted share under a haircut",
    "sender: nearness of an arrival before",
    "sender: nearness of another departure",
    "receiver: nearness of another arrival",
    "receiver: nearness of a departure after",
    "sender: an arrival before of this amount",
    "sender: another departure of this amount",
    "receiver: another arrival of this amount",
    "sender: number of transfers",
    "receiver: number of transfers",
    "transfers between the two",
    "receiver: strange transfers before",
    "receiver: no departure after",
    "sender: brings what leaves nearer to what came",
    "receiver: brings what came nearer to what leaves",
];

/// What evidence is worth.
#[derive(Clone, PartialEq, Debug)]
pub struct Weights {
    /// In log-odds.
    pub weight: Evidence,
    /// What is usual: stands for evidence of time where a ledger gives none.
    pub usual: Evidence,
}

impl Weights {
    /// The weights that are shipped.
    pub fn shipped() -> &'static Weights {
        &weights::SHIPPED
    }
}

/// Transfers of an account looked at on each side of one.
pub const NEAR: usize = 12;
/// Rounds after the first.
const ROUNDS: usize = 5;
/// Added to both sides of a ratio: one transfer is no proof.
const SMOOTH: f64 = 0.3;
/// The ratio of a source's arrivals: it needs none.
const SOURCE: f64 = 3.0;
/// Added to a share: a share of nothing still leaves an order.
const SHARE_LEAST: f64 = 0.02;
/// Amounts agree half if they differ by this part.
const AGREE: f64 = 0.01;
const HOUR: f64 = 3_600.0;
/// Least nearness.
const FAR: f64 = 1e-4;
/// What an account keeps of what came, at least, before it counts as out of balance.
const LEFT: f64 = 0.01;
/// Departures below this part of a transfer say nothing of whether it fits.
const LEAVES: f64 = 0.05;
/// Nothing is more certain than one in a million.
const CERTAIN: f64 = 1e-6;

/// Scores of transfers between 0 and 1; zero for those that time does not let the sources reach. `is_source` says where the
/// flow begins. One half is what even odds for an amount usual for the asset give.
pub fn rank(edges: &[Transfer], is_source: impl Fn(PartyId) -> bool) -> Vec<f64> {
    rank_by(edges, is_source, Weights::shipped())
}

/// [`rank`] by other weights.
pub fn rank_by(edges: &[Transfer], is_source: impl Fn(PartyId) -> bool, weights: &Weights) -> Vec<f64> {
    let g = Graph::new(edges, is_source);
    let belongs = g.rounds(Some(weights));
    g.worth(&belongs)
}

/// Evidence of each reached transfer after the rounds under these weights; of the first round without. For fitting.
pub fn evidence(
    edges: &[Transfer],
    is_source: impl Fn(PartyId) -> bool,
    weights: Option<&Weights>,
) -> Vec<Option<Evidence>> {
    let g = Graph::new(edges, is_source);
    let belongs = g.rounds(weights);
    let sums = Sums::new(&g, &belongs);
    let strange = g.strange(&belongs);
    let usual = weights.map_or([0.0; KINDS], |w| w.usual);
    (0..edges.len())
        .map(|i| g.reached[i].then(|| g.evidence(i, &belongs, &sums, strange[i], &usual)))
        .collect()
}

/// The part of each transfer's amount that is tainted under a haircut in floating point, for baselines and scores.
pub fn shares(edges: &[Transfer], is_source: impl Fn(PartyId) -> bool) -> Vec<f64> {
    Graph::new(edges, is_source).share
}

/// Which transfers time lets the sources reach.
pub fn reach(edges: &[Transfer], is_source: impl Fn(PartyId) -> bool) -> Vec<bool> {
    Graph::new(edges, is_source).reached
}

/// Transfers of each slot, in order.
struct Lists {
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn new(slots: usize, of: &[u32]) -> Lists {
        let mut start = vec![0u32; slots + 1];
        for s in of {
            start[*s as usize + 1] += 1;
        }
        for s in 0..slots {
            start[s + 1] += start[s];
        }
        let mut next = start.clone();
        let mut items = vec![0u32; of.len()];
        for (i, s) in of.iter().enumerate() {
            items[next[*s as usize] as usize] = i as u32;
            next[*s as usize] += 1;
        }
        Lists { start, items }
    }

    fn of(&self, slot: usize) -> &[u32] {
        &self.items[self.start[slot] as usize..self.start[slot + 1] as usize]
    }

    /// Those nearest before and after a transfer, it excepted.
    fn near(&self, slot: usize, i: usize, side: Side) -> impl Iterator<Item = usize> + '_ {
        let list = self.of(slot);
        let at = list.partition_point(|x| (*x as usize) < i);
        let (before, after) = list.split_at(at);
        let before = if side == Side::After { &[][..] } else { before };
        let after = if side == Side::Before { &[][..] } else { after };
        let after = after.iter().map(|x| *x as usize).filter(move |x| *x != i).take(NEAR);
        before.iter().rev().take(NEAR).map(|x| *x as usize).chain(after)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
    Both,
}

struct Graph<'a> {
    edges: &'a [Transfer],
    /// Slot (party and asset) of sender and receiver, by transfer.
    from: Vec<u32>,
    to: Vec<u32>,
    source: Vec<bool>,
    slots: usize,
    ins: Lists,
    outs: Lists,
    reached: Vec<bool>,
    share: Vec<f64>,
    /// How many transfers the two have.
    pair: Vec<u32>,
}

/// What belongs, by slot: arrivals and departures, counted and by amount, of all.
struct Sums {
    ins: Vec<[f64; 4]>,
    outs: Vec<[f64; 4]>,
}

impl Sums {
    fn new(g: &Graph<'_>, belongs: &[f64]) -> Sums {
        let (mut ins, mut outs) = (vec![[0.0; 4]; g.slots], vec![[0.0; 4]; g.slots]);
        for (i, p) in belongs.iter().enumerate() {
            let v = g.edges[i].amount;
            for sum in [&mut ins[g.to[i] as usize], &mut outs[g.from[i] as usize]] {
                for (s, more) in sum.iter_mut().zip([*p, 1.0, p * v, v]) {
                    *s += more;
                }
            }
        }
        Sums { ins, outs }
    }
}

/// Belonging to strange of what is in a sum besides a part.
fn ratio(sum: &[f64], belongs: f64, all: f64, unit: f64) -> f64 {
    let (yes, every) = (((sum[0] - belongs) / unit).max(0.0), ((sum[1] - all) / unit).max(0.0));
    ((yes + SMOOTH) / ((every - yes).max(0.0) + SMOOTH)).ln()
}

/// By how much `v` brings `part` nearer to `whole`.
fn balance(whole: f64, part: f64, v: f64) -> f64 {
    let (gap, slack) = (whole - part, LEFT * whole.max(v));
    -(((gap - v).abs() + slack) / (gap.abs() + slack)).ln()
}

impl<'a> Graph<'a> {
    fn new(edges: &'a [Transfer], is_source: impl Fn(PartyId) -> bool) -> Graph<'a> {
        let mut keys: Vec<(PartyId, AssetId)> =
            edges.iter().flat_map(|e| [(e.from, e.asset), (e.to, e.asset)]).collect();
        keys.sort_unstable();
        keys.dedup();
        let slot = |k: (PartyId, AssetId)| keys.binary_search(&k).unwrap_or_default() as u32;
        let from: Vec<u32> = edges.iter().map(|e| slot((e.from, e.asset))).collect();
        let to: Vec<u32> = edges.iter().map(|e| slot((e.to, e.asset))).collect();
        let source: Vec<bool> = keys.iter().map(|k| is_source(k.0)).collect();
        let slots = keys.len();
        let mut g = Graph {
            ins: Lists::new(slots, &to),
            outs: Lists::new(slots, &from),
            edges,
            from,
            to,
            source,
            slots,
            reached: Vec::new(),
            share: Vec::new(),
            pair: Vec::new(),
        };
        g.reached = g.reached();
        g.share = g.haircut();
        g.pair = g.pairs();
        g
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

    fn pairs(&self) -> Vec<u32> {
        let key = |i: u32| u64::from(self.from[i as usize]) << 32 | u64::from(self.to[i as usize]);
        let mut order: Vec<u32> = (0..self.edges.len() as u32).collect();
        order.sort_unstable_by_key(|i| key(*i));
        let mut pair = vec![0; order.len()];
        for run in order.chunk_by(|i, j| key(*i) == key(*j)) {
            run.iter().for_each(|i| pair[*i as usize] = run.len() as u32);
        }
        pair
    }

    /// Probability that each transfer belongs; zero for what is not reached.
    fn rounds(&self, weights: Option<&Weights>) -> Vec<f64> {
        let start = |i: usize| if self.reached[i] { self.share[i].clamp(1e-3, 1.0 - 1e-3) } else { 0.0 };
        let mut belongs: Vec<f64> = (0..self.edges.len()).map(start).collect();
        let Some(weights) = weights else { return belongs };
        for _ in 0..=ROUNDS {
            let sums = Sums::new(self, &belongs);
            let strange = self.strange(&belongs);
            let one = |i: usize| {
                if !self.reached[i] {
                    return 0.0;
                }
                let evidence = self.evidence(i, &belongs, &sums, strange[i], &weights.usual);
                let odds: f64 = evidence.iter().zip(&weights.weight).map(|(e, w)| e * w).sum();
                1.0 / (1.0 + (-odds).exp())
            };
            belongs = (0..self.edges.len()).map(one).collect();
        }
        belongs
    }

    /// Before each transfer, how many of its receiver's did not belong.
    fn strange(&self, belongs: &[f64]) -> Vec<f64> {
        let mut so_far = vec![0.0; self.slots];
        (0..self.edges.len())
            .map(|i| {
                let before = so_far[self.to[i] as usize];
                so_far[self.from[i] as usize] += 1.0 - belongs[i];
                so_far[self.to[i] as usize] += 1.0 - belongs[i];
                before
            })
            .collect()
    }

    fn evidence(&self, i: usize, belongs: &[f64], sums: &Sums, strange: f64, usual: &Evidence) -> Evidence {
        let (a, b, v, p) = (self.from[i] as usize, self.to[i] as usize, self.edges[i].amount, belongs[i]);
        let source = self.source[a];
        let near = |lists: &Lists, slot: usize, side: Side, kind: usize| {
            let Some(t) = self.edges[i].seconds else { return usual[kind] };
            let one = |x: usize| {
                self.edges[x].seconds.map_or(0.0, |s| belongs[x] / (1.0 + s.abs_diff(t) as f64 / HOUR))
            };
            lists.near(slot, i, side).map(one).fold(FAR, f64::max).ln()
        };
        let alike = |lists: &Lists, slot: usize, side: Side| {
            let one = |x: usize| {
                let off = (v / self.edges[x].amount.max(f64::MIN_POSITIVE)).ln().abs();
                belongs[x] / (1.0 + off / AGREE)
            };
            lists.near(slot, i, side).map(one).fold(0.0, f64::max)
        };
        let (sent, got) = (&sums.outs[a], &sums.ins[b]);
        let (came, leaves) = (&sums.ins[a], &sums.outs[b]);
        let ends = self.outs.of(b).last().is_none_or(|x| (*x as usize) < i);
        [
            1.0,
            if source { SOURCE } else { ratio(&came[..2], 0.0, 0.0, 1.0) },
            ratio(&sent[..2], p, 1.0, 1.0),
            ratio(&got[..2], p, 1.0, 1.0),
            ratio(&got[2..], p * v, v, v),
            ratio(&leaves[..2], 0.0, 0.0, 1.0),
            ratio(&leaves[2..], 0.0, 0.0, v),
            (self.share[i] + SHARE_LEAST).ln(),
            if source { 0.0 } else { near(&self.ins, a, Side::Before, 8) },
            near(&self.outs, a, Side::Both, 9),
            near(&self.ins, b, Side::Both, 10),
            near(&self.outs, b, Side::After, 11),
            if source { 0.0 } else { alike(&self.ins, a, Side::Before) },
            alike(&self.outs, a, Side::Both),
            alike(&self.ins, b, Side::Both),
            (came[1] + sent[1]).ln(),
            (got[1] + leaves[1]).ln(),
            f64::from(self.pair[i]).ln(),
            -(1.0 + strange).ln(),
            f64::from(u8::from(ends)),
            if source || came[2] <= 0.0 { 0.0 } else { balance(came[2], sent[2] - p * v, v) },
            if leaves[2] <= LEAVES * v { 0.0 } else { balance(leaves[2], got[2] - p * v, v) },
        ]
    }

    /// Odds times amount, in amounts usual for the asset, and no more than the best way there has.
    fn worth(&self, belongs: &[f64]) -> Vec<f64> {
        let mut amounts: Vec<(AssetId, f64)> = (0..self.edges.len())
            .filter(|i| self.reached[*i])
            .map(|i| (self.edges[i].asset, self.edges[i].amount))
            .collect();
        amounts.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let usual: Vec<(AssetId, f64)> =
            amounts.chunk_by(|a, b| a.0 == b.0).map(|run| run[run.len() / 2]).collect();
        let mut way: Vec<f64> = self.source.iter().map(|s| if *s { f64::INFINITY } else { 0.0 }).collect();
        (0..self.edges.len())
            .map(|i| {
                if !self.reached[i] {
                    return 0.0;
                }
                let e = &self.edges[i];
                let unit = usual.binary_search_by_key(&e.asset, |u| u.0).map_or(1.0, |at| usual[at].1);
                let odds = belongs[i].max(CERTAIN) / (1.0 - belongs[i]).max(CERTAIN);
                let worth = (odds * e.amount / unit).min(way[self.from[i] as usize]);
                let to = &mut way[self.to[i] as usize];
                *to = to.max(worth);
                worth / (1.0 + worth)
            })
            .collect()
    }
}
