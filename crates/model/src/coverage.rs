//! What could not have been seen: the other half of every result.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{ShapeId, Time};

/// What was read, kind by kind, and what no loaded rule could have judged.
///
/// Mergeable: pieces are counted apart and added in any order.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Events per shape, with the first and last time seen.
    pub shapes: BTreeMap<ShapeId, Span>,
}

/// How many events, and the time they span.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Events.
    pub events: u64,
    /// Earliest time.
    pub first: Option<Time>,
    /// Latest time.
    pub last: Option<Time>,
}

impl Span {
    /// Adds one event.
    pub fn add(&mut self, time: Option<Time>) {
        self.events += 1;
        if let Some(t) = time {
            self.first = Some(self.first.map_or(t, |f| f.min(t)));
            self.last = Some(self.last.map_or(t, |l| l.max(t)));
        }
    }

    /// Adds another span.
    pub fn merge(&mut self, other: &Span) {
        self.events += other.events;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
    }
}

impl Coverage {
    /// Adds what another piece saw.
    pub fn merge(&mut self, other: &Coverage) {
        for (shape, span) in &other.shapes {
            self.shapes.entry(*shape).or_default().merge(span);
        }
    }

    /// All events.
    pub fn events(&self) -> u64 {
        self.shapes.values().map(|s| s.events).sum()
    }
}
