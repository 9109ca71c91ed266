//! Shapes that launderers' payments have: peel chains, deposit addresses, splitting and collecting, and the poisoning of
//! address books, which is an attack on a victim and no flow. Never a proof: a shape is a reason to look.

use std::collections::{BTreeMap, BTreeSet};

use crate::Ledger;
use crate::ledger::{AssetId, MoveKind, PartyId, Spend, TxId};

use super::{Kind, Labels};

/// Transactions a peel chain has at least.
pub const PEEL_LEAST: usize = 3;
/// A peeled part is at most this share of what is carried on: one fifth.
const PEEL_PART: u64 = 5;
/// Between two steps of a chain.
const PEEL_SECONDS: i64 = 3 * 86_400;
/// Account model: payments of one step, the one that carries on among them, at most.
const PEEL_PAYMENTS: usize = 5;
/// A deposit address passes on at least 19 of 20 parts …
const FORWARDS: (u128, u128) = (19, 20);
/// … and has at most so many senders.
const DEPOSIT_SENDERS: usize = 10;
/// Equal parts that make a splitting, at least.
pub const SPLIT_LEAST: usize = 5;
/// Later payments of a part that are looked at for where they meet.
const SPLIT_LOOKED: usize = 64;
/// Parts differ by at most one in twenty.
const SPLIT_NEAR: u128 = 20;
const SPLIT_SECONDS: i64 = 86_400;
/// Dust is at most a thousandth of the greatest payment to the address it imitates.
const DUST: u128 = 1_000;
/// Parties per look-alike key that are compared: a hostile ledger may make many.
const LOOKALIKES: usize = 64;

/// A chain of transactions that each peel a little off and pass the rest on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeelChain {
    /// In order.
    pub txs: Vec<TxId>,
    /// Of what.
    pub asset: AssetId,
    /// Who got what was peeled, and how much: the cash-outs.
    pub peeled: Vec<(PartyId, u128)>,
    /// Who has the rest.
    pub tail: PartyId,
    /// How much that is.
    pub rest: u128,
}

/// An address that passes what it gets to one exchange.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DepositAddress {
    /// The address: the exchange knows whose it is.
    pub party: PartyId,
    /// The exchange's labelled address.
    pub exchange: PartyId,
    /// Who the exchange is.
    pub actor: Box<str>,
    /// Of what.
    pub asset: AssetId,
    /// Arrived.
    pub received: u128,
    /// Passed on to it.
    pub forwarded: u128,
    /// By which transaction first.
    pub tx: TxId,
}

/// Near-equal parts to many, and perhaps together again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Splitting {
    /// Who splits.
    pub party: PartyId,
    /// Of what.
    pub asset: AssetId,
    /// Moves by which.
    pub moves: Vec<u64>,
    /// To whom.
    pub parts: Vec<PartyId>,
    /// All together.
    pub amount: u128,
    /// Where most of the parts meet again.
    pub collector: Option<PartyId>,
}

/// A payment of nothing, or dust, between a victim and an address that looks like one it has paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Poisoning {
    /// The move.
    pub index: u64,
    /// Whose address book is poisoned.
    pub victim: PartyId,
    /// The look-alike.
    pub lookalike: PartyId,
    /// What it looks like.
    pub imitates: PartyId,
}

fn seconds(ledger: &Ledger, tx: TxId) -> Option<i64> {
    ledger.txs.time.get(tx.0 as usize).copied().flatten().map(|t| t.0.div_euclid(1_000_000))
}

/// Peel chains of both models, longest first. A chain ends before a labelled pool.
pub fn peel_chains(ledger: &Ledger, labels: &dyn Labels) -> Vec<PeelChain> {
    let mut chains = peels_of_outputs(ledger, labels);
    chains.extend(peels_of_accounts(ledger, labels));
    chains.sort_by_key(|c| (std::cmp::Reverse(c.txs.len()), c.txs.first().copied(), c.asset));
    chains
}

/// Accounts that pass on what one payment brought: the greatest part to the next account, small parts to others, nothing else
/// before or behind. An account that is used twice, or pays more than [`PEEL_PAYMENTS`] times, ends a chain.
fn peels_of_accounts(ledger: &Ledger, labels: &dyn Labels) -> Vec<PeelChain> {
    let m = &ledger.moves;
    let value = |i: &usize| m.kind[*i] != MoveKind::Fee && m.amount[*i] > 0 && m.from[*i] != m.to[*i];
    // By account: the payment that brought it all, and what it paid. Accounts with more are dropped, so that hubs cost nothing.
    #[derive(Default)]
    struct Account {
        came: Option<usize>,
        went: Vec<usize>,
        other: bool,
    }
    let mut accounts: BTreeMap<(PartyId, AssetId), Account> = BTreeMap::new();
    for i in (0..m.tx.len()).filter(value) {
        let payee = accounts.entry((m.to[i], m.asset[i])).or_default();
        payee.other |= payee.came.replace(i).is_some() || !payee.went.is_empty();
        let payer = accounts.entry((m.from[i], m.asset[i])).or_default();
        payer.other |= payer.went.len() >= PEEL_PAYMENTS;
        if !payer.other {
            payer.went.push(i);
        }
    }
    // What one account does: the payment that carries on, and those that peel.
    let step = |party: PartyId, asset: AssetId| -> Option<(usize, Vec<usize>)> {
        let a = accounts.get(&(party, asset)).filter(|a| !a.other && party != PartyId::NOBODY)?;
        let came = a.came?;
        let on = *a.went.iter().max_by_key(|&&i| (m.amount[i], i))?;
        let rest: Vec<usize> = a.went.iter().copied().filter(|&i| i != on).collect();
        let small = rest.iter().all(|&i| m.amount[i] <= m.amount[came] / u128::from(PEEL_PART));
        let spent = a.went.iter().map(|&i| m.amount[i]).fold(0, u128::saturating_add);
        let all = spent >= m.amount[came] - m.amount[came] / u128::from(PEEL_PART);
        let last = a.went.iter().copied().max().unwrap_or(on);
        let gap = seconds(ledger, m.tx[last]).zip(seconds(ledger, m.tx[came])).map(|(b, a)| b - a);
        let soon = gap.is_none_or(|g| g <= PEEL_SECONDS);
        let pooled = labels.pool(party, None).is_some();
        (!rest.is_empty() && small && all && soon && !pooled).then_some((on, rest))
    };
    let mut inner: BTreeSet<(PartyId, AssetId)> = BTreeSet::new();
    let mut chains = Vec::new();
    // In the order in which accounts were first paid, so a chain is met at its head.
    let mut heads: Vec<(usize, PartyId, AssetId)> =
        accounts.iter().filter_map(|((p, a), x)| Some((x.came?, *p, *a))).collect();
    heads.sort_unstable();
    for (_, head, asset) in heads {
        let (mut at, mut txs, mut peeled, mut rest) = (head, Vec::new(), Vec::new(), 0);
        let mut steps = 0;
        while let Some((on, small)) = step(at, asset).filter(|_| inner.insert((at, asset))) {
            txs.extend(small.iter().chain([&on]).map(|&i| m.tx[i]));
            peeled.extend(small.iter().map(|&i| (m.to[i], m.amount[i])));
            (at, rest) = (m.to[on], m.amount[on]);
            steps += 1;
        }
        if steps >= PEEL_LEAST {
            txs.sort_unstable();
            txs.dedup();
            chains.push(PeelChain { txs, asset, peeled, tail: at, rest });
        }
    }
    chains
}

fn peels_of_outputs(ledger: &Ledger, labels: &dyn Labels) -> Vec<PeelChain> {
    let o = &ledger.outputs;
    // One or two inputs, two outputs, one of which is small: the number of the greater.
    let step = |s: &Spend| -> Option<(usize, usize)> {
        let ins = s.inputs.len();
        let outs: Vec<usize> = s
            .outputs
            .clone()
            .map(|i| i as usize)
            .filter(|&i| o.value.get(i).is_some_and(|v| *v > 0))
            .collect();
        let ([a, b], 1..=2, false) = (&outs[..], ins, s.coinbase) else { return None };
        let (big, small) = if o.value[*a] >= o.value[*b] { (*a, *b) } else { (*b, *a) };
        (o.value[small] <= o.value[big] / (PEEL_PART - 1)).then_some((big, small))
    };
    let steps: BTreeMap<TxId, (usize, usize)> =
        ledger.spends.iter().filter_map(|s| Some((s.tx, step(s)?))).collect();
    let next = |tx: TxId| -> Option<TxId> {
        let (big, _) = steps.get(&tx)?;
        let by = o.spent_by[*big].filter(|by| *by > tx && steps.contains_key(by))?;
        let gap = seconds(ledger, by).zip(seconds(ledger, tx)).map(|(b, a)| b - a);
        let pooled = labels.pool(o.party[*big], None).is_some();
        (!pooled && gap.is_none_or(|g| g <= PEEL_SECONDS)).then_some(by)
    };
    let mut inner: BTreeSet<TxId> = BTreeSet::new();
    let mut chains = Vec::new();
    // In the order of the chain, so a chain is met at its head first.
    for &head in steps.keys() {
        if inner.contains(&head) {
            continue;
        }
        let mut txs = vec![head];
        let mut at = head;
        while let Some(by) = next(at) {
            if !inner.insert(by) {
                break;
            }
            txs.push(by);
            at = by;
        }
        if txs.len() >= PEEL_LEAST {
            let part = |i: usize| (o.party[i], u128::from(o.value[i]));
            let peeled = txs.iter().map(|t| part(steps[t].1)).collect();
            let (asset, (tail, rest)) = (o.asset[steps[&at].0], part(steps[&at].0));
            chains.push(PeelChain { txs, asset, peeled, tail, rest });
        }
    }
    chains
}

/// Addresses that pass nearly all they get to one labelled exchange. Account model.
pub fn deposit_addresses(ledger: &Ledger, labels: &dyn Labels) -> Vec<DepositAddress> {
    #[derive(Default)]
    struct Row {
        received: u128,
        senders: BTreeSet<PartyId>,
        to: BTreeMap<PartyId, u128>,
        sent: u128,
        first: Option<TxId>,
    }
    let m = &ledger.moves;
    let value = |i: &usize| m.kind[*i] != MoveKind::Fee && m.amount[*i] > 0 && m.from[*i] != m.to[*i];
    let mut exchanges: BTreeMap<(PartyId, AssetId), Row> = BTreeMap::new();
    // Who ever pays an exchange.
    for i in (0..m.tx.len()).filter(value) {
        if labels.of(m.to[i]).iter().any(|l| l.kind == Kind::Exchange) {
            exchanges.entry((m.from[i], m.asset[i])).or_default();
        }
    }
    for i in (0..m.tx.len()).filter(value) {
        if let Some(row) = exchanges.get_mut(&(m.to[i], m.asset[i])) {
            row.received = row.received.saturating_add(m.amount[i]);
            if row.senders.len() <= DEPOSIT_SENDERS {
                row.senders.insert(m.from[i]);
            }
        }
        if let Some(row) = exchanges.get_mut(&(m.from[i], m.asset[i])) {
            row.sent = row.sent.saturating_add(m.amount[i]);
            let to = row.to.entry(m.to[i]).or_default();
            *to = to.saturating_add(m.amount[i]);
            if labels.of(m.to[i]).iter().any(|l| l.kind == Kind::Exchange) {
                row.first.get_or_insert(m.tx[i]);
            }
        }
    }
    let mut found = Vec::new();
    for ((party, asset), row) in exchanges {
        if !labels.of(party).is_empty() || row.senders.len() > DEPOSIT_SENDERS || row.received == 0 {
            continue;
        }
        let Some((&exchange, &forwarded)) = row.to.iter().max_by_key(|t| t.1) else { continue };
        let label = labels.of(exchange).iter().find(|l| l.kind == Kind::Exchange);
        let most =
            |part: u128, whole: u128| part.saturating_mul(FORWARDS.1) >= whole.saturating_mul(FORWARDS.0);
        if let (Some(label), Some(tx)) = (label, row.first)
            && most(forwarded, row.received)
            && most(forwarded, row.sent)
        {
            let actor = label.actor.clone();
            let received = row.received;
            found.push(DepositAddress { party, exchange, actor, asset, received, forwarded, tx });
        }
    }
    found
}

/// Near-equal parts paid by one of these parties within a day, and where they meet again. Account model.
///
/// Of each part's later payments [`SPLIT_LOOKED`] are looked at, so that one that goes to a busy address costs no more.
pub fn splittings(ledger: &Ledger, labels: &dyn Labels, of: &dyn Fn(PartyId) -> bool) -> Vec<Splitting> {
    let m = &ledger.moves;
    let mut by_sender: BTreeMap<(PartyId, AssetId), Vec<usize>> = BTreeMap::new();
    for i in 0..m.tx.len() {
        let value = m.kind[i] != MoveKind::Fee && m.amount[i] > 0 && m.from[i] != m.to[i];
        let time = ledger.txs.time.get(m.tx[i].0 as usize).copied().flatten();
        if value && m.from[i] != PartyId::NOBODY && labels.pool(m.from[i], time).is_none() {
            by_sender.entry((m.from[i], m.asset[i])).or_default().push(i);
        }
    }
    let mut found = Vec::new();
    for (&(party, asset), moves) in by_sender.iter().filter(|(k, v)| v.len() >= SPLIT_LEAST && of(k.0)) {
        let mut sorted = moves.clone();
        sorted.sort_by_key(|&i| (m.amount[i], i));
        let mut at = 0;
        while at < sorted.len() {
            let least = m.amount[sorted[at]];
            let most = least.saturating_add(least / SPLIT_NEAR);
            let end = at + sorted[at..].partition_point(|&i| m.amount[i] <= most);
            let mut group = sorted[at..end].to_vec();
            at = end;
            group.sort_unstable();
            let span = |a: usize, b: usize| {
                seconds(ledger, m.tx[b])
                    .zip(seconds(ledger, m.tx[a]))
                    .is_none_or(|(b, a)| b - a <= SPLIT_SECONDS)
            };
            // The greatest run of payments within a day.
            let (mut best, mut from) = (0..0, 0);
            for to in 0..group.len() {
                while !span(group[from], group[to]) {
                    from += 1;
                }
                if to + 1 - from > best.len() {
                    best = from..to + 1;
                }
            }
            let group = &group[best];
            let parts: BTreeSet<PartyId> = group.iter().map(|&i| m.to[i]).collect();
            if parts.len() < SPLIT_LEAST {
                continue;
            }
            let mut meets: BTreeMap<PartyId, BTreeSet<PartyId>> = BTreeMap::new();
            for part in &parts {
                let all = by_sender.get(&(*part, asset)).map_or(&[][..], |v| v);
                let later = all.partition_point(|&i| i <= group[0]);
                for &i in all[later..].iter().take(SPLIT_LOOKED) {
                    if m.to[i] != party {
                        meets.entry(m.to[i]).or_default().insert(*part);
                    }
                }
            }
            let collector = meets.into_iter().max_by_key(|c| (c.1.len(), std::cmp::Reverse(c.0)));
            found.push(Splitting {
                party,
                asset,
                moves: group.iter().map(|&i| i as u64).collect(),
                amount: group.iter().map(|&i| m.amount[i]).fold(0, u128::saturating_add),
                collector: collector.filter(|c| 2 * c.1.len() > parts.len()).map(|c| c.0),
                parts: parts.into_iter().collect(),
            });
        }
    }
    found
}

/// Poisoned address books: payments of nothing or of dust with an address whose first and last four digits are those of
/// an address the victim really deals with.
pub fn poisonings(ledger: &Ledger) -> Vec<Poisoning> {
    let m = &ledger.moves;
    let key = |p: PartyId| -> Option<String> {
        let a = ledger.parties.get(p.0 as usize)?.address.strip_prefix("0x")?;
        (a.len() == 40 && a.is_ascii()).then(|| format!("{}{}", &a[..4], &a[36..]))
    };
    let mut alike: BTreeMap<String, Vec<PartyId>> = BTreeMap::new();
    for p in (1..ledger.parties.len() as u32).map(PartyId) {
        if let Some(k) = key(p) {
            let list = alike.entry(k).or_default();
            if list.len() < LOOKALIKES {
                list.push(p);
            }
        }
    }
    alike.retain(|_, v| v.len() > 1);
    let twin = |p: PartyId| key(p).and_then(|k| alike.get(&k));
    // Greatest payment between a victim and an address that has a twin.
    let mut real: BTreeMap<(PartyId, PartyId), u128> = BTreeMap::new();
    for i in 0..m.tx.len() {
        if m.kind[i] == MoveKind::Fee || m.amount[i] == 0 {
            continue;
        }
        for (a, b) in [(m.from[i], m.to[i]), (m.to[i], m.from[i])] {
            if twin(b).is_some() {
                let most = real.entry((a, b)).or_insert(0);
                *most = (*most).max(m.amount[i]);
            }
        }
    }
    let mut found = Vec::new();
    for i in (0..m.tx.len()).filter(|&i| m.kind[i] != MoveKind::Fee) {
        for (victim, lookalike) in [(m.from[i], m.to[i]), (m.to[i], m.from[i])] {
            let own = real.get(&(victim, lookalike)).copied().unwrap_or(0);
            let imitates = twin(lookalike).into_iter().flatten().copied().find(|&x| {
                let paid = real.get(&(victim, x)).copied().unwrap_or(0);
                x != lookalike && x != victim && own <= paid / DUST && m.amount[i] <= paid / DUST && paid > 0
            });
            if let Some(imitates) = imitates {
                found.push(Poisoning { index: i as u64, victim, lookalike, imitates });
                break;
            }
        }
    }
    found
}
