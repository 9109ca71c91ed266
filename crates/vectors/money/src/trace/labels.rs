//! What is said of parties: by whom, since when, until when. Never decides who is right; labels stand side by side.

use std::collections::BTreeMap;

use palisade_model::Time;

use crate::ledger::PartyId;

/// What a labelled party does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Takes customers' coins into its own.
    Exchange,
    /// Breaks the link between deposits and withdrawals.
    Mixer,
    /// Takes on one chain and gives on another.
    Bridge,
    /// Takes one asset and gives another, across transactions.
    Swapper,
    /// Another service that pools its customers' coins.
    Service,
    /// On a sanctions list.
    Sanctioned,
    /// Holds stolen coins.
    Theft,
    /// Anything else.
    Other,
}

impl Kind {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Exchange => "exchange",
            Kind::Mixer => "mixer",
            Kind::Bridge => "bridge",
            Kind::Swapper => "swapper",
            Kind::Service => "service",
            Kind::Sanctioned => "sanctioned",
            Kind::Theft => "theft",
            Kind::Other => "other",
        }
    }

    /// Whether coins of many owners lie together there, so that a rule followed through it says nothing.
    pub fn pools(self) -> bool {
        matches!(self, Kind::Exchange | Kind::Mixer | Kind::Bridge | Kind::Swapper | Kind::Service)
    }
}

/// One statement about a party.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// What it does.
    pub kind: Kind,
    /// Who it is.
    pub actor: Box<str>,
    /// Who says so: a pack, a list and its date.
    pub source: Box<str>,
    /// Holds from then on (a listing); `None`: always.
    pub from: Option<Time>,
    /// Holds until then (a delisting, an expiry); `None`: still.
    pub until: Option<Time>,
}

impl Label {
    /// Whether it holds at a time. Without a time it holds unless it has ended.
    pub fn holds(&self, at: Option<Time>) -> bool {
        within(self.from, self.until, at)
    }
}

/// Whether a time lies in a span; without a time, whether the span has no end.
pub(super) fn within(from: Option<Time>, until: Option<Time>, at: Option<Time>) -> bool {
    match at {
        Some(at) => from.is_none_or(|f| f <= at) && until.is_none_or(|u| at < u),
        None => until.is_none(),
    }
}

/// A view of labels, however they are kept.
pub trait Labels {
    /// All that is said of a party.
    fn of(&self, party: PartyId) -> &[Label];

    /// The first pooling label that holds then.
    fn pool(&self, party: PartyId, at: Option<Time>) -> Option<&Label> {
        self.of(party).iter().find(|l| l.kind.pools() && l.holds(at))
    }

    /// The first label of a kind that holds then.
    fn kind(&self, party: PartyId, kind: Kind, at: Option<Time>) -> Option<&Label> {
        self.of(party).iter().find(|l| l.kind == kind && l.holds(at))
    }
}

/// Labels in memory.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LabelTable(BTreeMap<PartyId, Vec<Label>>);

impl LabelTable {
    /// Adds what is said of a party.
    pub fn add(&mut self, party: PartyId, label: Label) {
        self.0.entry(party).or_default().push(label);
    }

    /// Labelled parties.
    pub fn parties(&self) -> impl Iterator<Item = PartyId> + '_ {
        self.0.keys().copied()
    }
}

impl Labels for LabelTable {
    fn of(&self, party: PartyId) -> &[Label] {
        self.0.get(&party).map_or(&[], |v| v)
    }
}
