//! What a correlation measures, kept up to date while matches enter and leave a window.
//!
//! Every step costs the same however large the window is (percentiles: a binary search and a bounded move). It knows
//! nothing of groups, alerts or citations.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::plan::{Planned, satisfied};
use super::ranked::Ranked;
use super::sum::ExactSum;
use crate::sigma::decimal::Decimal;
use crate::sigma::ir::CorrelationKind;

/// Tables larger than this are given back after their group: clearing costs what they can hold.
const KEEP_TABLE: usize = 1_024;

/// A number as evidence writes it: decimal, finite. Anything else is none.
pub(super) fn number(text: &str) -> Option<f64> {
    // The definition of a number is that of `lt` and `gt`; `inf`, `nan` and hexadecimal are none.
    Decimal::parse(text)?;
    let x: f64 = text.trim_matches(|c: char| c.is_ascii_whitespace()).parse().ok()?;
    // Zero has one form.
    x.is_finite().then_some(x + 0.0)
}

/// What of a match a measure needs once it leaves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Nothing, or its alert (0: none).
    Alert(u64),
    /// Number of a distinct value.
    Value(u32),
    Number(f64),
}

/// Distinct values with how often each is in the window.
#[derive(Default)]
pub(super) struct Distinct {
    ids: HashMap<Rc<[u8]>, u32, FixedState>,
    values: Vec<(Rc<[u8]>, u32)>,
    free: Vec<u32>,
}

impl Distinct {
    fn add(&mut self, value: &[u8]) -> u32 {
        if let Some(id) = self.ids.get(value) {
            if let Some((_, n)) = self.values.get_mut(*id as usize) {
                *n += 1;
            }
            return *id;
        }
        let value: Rc<[u8]> = value.into();
        let id = match self.free.pop() {
            Some(id) => {
                self.values[id as usize] = (value.clone(), 1);
                id
            }
            None => {
                self.values.push((value.clone(), 1));
                (self.values.len() - 1) as u32
            }
        };
        self.ids.insert(value, id);
        id
    }

    fn take(&mut self, id: u32) {
        let Some((value, n)) = self.values.get_mut(id as usize) else { return };
        *n -= 1;
        if *n == 0 {
            self.ids.remove(value);
            self.free.push(id);
        }
    }

    fn clear(&mut self) {
        if self.ids.capacity() > KEEP_TABLE {
            *self = Distinct::default();
        } else {
            self.ids.clear();
            self.values.clear();
            self.free.clear();
        }
    }
}

/// The measure of one correlation.
pub(super) enum Measure {
    Count {
        plain: u64,
        alerts: HashMap<u64, u32, FixedState>,
    },
    Distinct(Distinct),
    Sum(Box<ExactSum>),
    Mean(Box<ExactSum>, u64),
    Percentile(Ranked, f64),
    /// Latest time of each input.
    Any(Vec<i64>),
    Ordered(Chains),
}

/// For ordered types: how late a chain of matches can have begun that is in order up to now.
pub(super) struct Chains {
    /// By number of steps (all of them wanted), or by set of steps (some of them, or an expression over them).
    begun: Vec<i64>,
    subsets: bool,
    last: Vec<i64>,
}

/// No match yet.
const NEVER: i64 = i64::MIN;

impl Measure {
    pub(super) fn new(of: &Planned) -> Measure {
        match &of.document.kind {
            CorrelationKind::EventCount => Measure::Count { plain: 0, alerts: HashMap::default() },
            CorrelationKind::ValueCount(_) => Measure::Distinct(Distinct::default()),
            CorrelationKind::ValueSum(_) => Measure::Sum(Box::default()),
            CorrelationKind::ValueAvg(_) => Measure::Mean(Box::default(), 0),
            CorrelationKind::ValuePercentile(_, p) => {
                Measure::Percentile(Ranked::default(), p.to_string().parse().unwrap_or(50.0))
            }
            CorrelationKind::Temporal => Measure::Any(vec![NEVER; of.inputs]),
            CorrelationKind::TemporalOrdered => {
                let subsets = of.document.expression.is_some() || !of.document.condition.is_empty();
                let states = if subsets { 1 << of.steps.len() } else { of.steps.len() + 1 };
                Measure::Ordered(Chains { begun: vec![NEVER; states], subsets, last: vec![NEVER; of.inputs] })
            }
        }
    }

    /// For the next group.
    pub(super) fn clear(&mut self) {
        match self {
            Measure::Count { plain, alerts } => {
                *plain = 0;
                if alerts.capacity() > KEEP_TABLE {
                    *alerts = HashMap::default();
                } else {
                    alerts.clear();
                }
            }
            Measure::Distinct(distinct) => distinct.clear(),
            Measure::Sum(sum) => **sum = ExactSum::default(),
            Measure::Mean(sum, n) => (**sum, *n) = (ExactSum::default(), 0),
            Measure::Percentile(ranked, _) => *ranked = Ranked::default(),
            Measure::Any(last) => last.fill(NEVER),
            Measure::Ordered(chains) => {
                chains.begun.fill(NEVER);
                chains.last.fill(NEVER);
            }
        }
    }

    /// A match enters; `measured` as [`super::gather`] wrote it.
    pub(super) fn enter(&mut self, alert: u64, measured: &[u8]) -> Part {
        let number = || f64::from_le_bytes(measured.try_into().unwrap_or_default());
        match self {
            Measure::Count { plain, alerts } => {
                match alert {
                    0 => *plain += 1,
                    _ => *alerts.entry(alert).or_default() += 1,
                }
                Part::Alert(alert)
            }
            Measure::Distinct(distinct) => Part::Value(distinct.add(measured)),
            Measure::Sum(sum) => {
                sum.add(number());
                Part::Number(number())
            }
            Measure::Mean(sum, n) => {
                sum.add(number());
                *n += 1;
                Part::Number(number())
            }
            Measure::Percentile(ranked, _) => {
                ranked.add(number());
                Part::Number(number())
            }
            Measure::Any(_) | Measure::Ordered(_) => Part::Alert(alert),
        }
    }

    /// Rules that match one record, after all records before it: `inputs` has a bit for each.
    pub(super) fn record(&mut self, of: &Planned, time: i64, inputs: u64) {
        let latest = |last: &mut Vec<i64>| {
            last.iter_mut().enumerate().filter(|(i, _)| inputs >> i & 1 == 1).for_each(|(_, t)| *t = time);
        };
        match self {
            Measure::Any(last) => latest(last),
            Measure::Ordered(Chains { begun, subsets, last }) => {
                latest(last);
                // Later steps first, so that one record is not two steps.
                for (step, input) in of.steps.iter().enumerate().rev() {
                    if inputs >> input & 1 == 0 {
                        continue;
                    }
                    if *subsets {
                        let bit = 1_usize << step;
                        for before in 0..bit {
                            let from = if before == 0 { time } else { begun[before] };
                            begun[before | bit] = begun[before | bit].max(from);
                        }
                    } else {
                        let from = if step == 0 { time } else { begun[step] };
                        begun[step + 1] = begun[step + 1].max(from);
                    }
                }
            }
            _ => {}
        }
    }

    /// A match leaves.
    pub(super) fn leave(&mut self, part: Part) {
        match (self, part) {
            (Measure::Count { plain, .. }, Part::Alert(0)) => *plain -= 1,
            (Measure::Count { alerts, .. }, Part::Alert(alert)) => {
                if let Some(n) = alerts.get_mut(&alert) {
                    *n -= 1;
                    if *n == 0 {
                        alerts.remove(&alert);
                    }
                }
            }
            (Measure::Distinct(distinct), Part::Value(id)) => distinct.take(id),
            (Measure::Sum(sum), Part::Number(x)) => sum.take(x),
            (Measure::Mean(sum, n), Part::Number(x)) => {
                sum.take(x);
                *n -= 1;
            }
            (Measure::Percentile(ranked, _), Part::Number(x)) => ranked.take(x),
            _ => {}
        }
    }

    /// The measure over the window that begins at `start`, if it satisfies the condition.
    pub(super) fn holds(&mut self, of: &Planned, start: i64) -> Option<f64> {
        let within = |measure: f64| of.within(measure).then_some(measure);
        match self {
            Measure::Count { plain, alerts } => within((*plain + alerts.len() as u64) as f64),
            Measure::Distinct(distinct) => within(distinct.ids.len() as f64),
            Measure::Sum(sum) => within(sum.value()),
            Measure::Mean(sum, n) => within(sum.value() / *n as f64),
            Measure::Percentile(ranked, p) => within(ranked.percentile(*p)),
            Measure::Any(last) => {
                let present = last.iter().filter(|t| **t >= start).count() as f64;
                match &of.document.expression {
                    None => within(present),
                    Some(expression) => {
                        let has = |position: u32| {
                            let input = of.steps.get(position as usize).map(|i| usize::from(*i));
                            input.and_then(|i| last.get(i)).is_some_and(|t| *t >= start)
                        };
                        satisfied(expression, &has, &|p| !has(p)).then_some(present)
                    }
                }
            }
            Measure::Ordered(chains) => chains.holds(of, start),
        }
    }
}

impl Chains {
    fn holds(&self, of: &Planned, start: i64) -> Option<f64> {
        if !self.subsets {
            let all = self.begun.last().is_some_and(|b| *b >= start);
            return all.then_some(of.steps.len() as f64);
        }
        let here = |set: &usize| self.begun.get(*set).is_some_and(|b| *b >= start);
        let sets = (1..self.begun.len()).filter(here);
        let longest = |found: Option<u32>, set: usize| found.max(Some(set.count_ones()));
        let Some(expression) = &of.document.expression else {
            // The longest chain is what is measured.
            let n = f64::from(sets.fold(None, longest)?);
            return of.within(n).then_some(n);
        };
        let lacks = |position: u32| {
            let input = of.steps.get(position as usize).map(|i| usize::from(*i));
            input.and_then(|i| self.last.get(i)).is_none_or(|t| *t < start)
        };
        // No chain at all may satisfy an expression that only wants something absent.
        let fits = |set: &usize| satisfied(expression, &|p| set >> p & 1 == 1, &lacks);
        let n = std::iter::once(0).chain(sets).filter(fits).fold(None, longest)?;
        Some(f64::from(n))
    }
}
