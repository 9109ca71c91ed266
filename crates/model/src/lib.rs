//! Room: `model` — the shared words.
//!
//! Every other room of Palisade speaks in the types defined here: a reader turns
//! bytes into a [`Batch`] of [`Event`]s, a detector turns events into
//! [`Finding`]s, and whatever could not be read becomes a [`Problem`].
//!
//! What this room never does: no I/O, no async, no clock, no randomness, no
//! `unsafe`. The same input gives the same output on every machine.

mod address;
mod attack;
mod batch;
mod budget;
mod campaign;
mod coverage;
mod field;
mod finding;
mod hex;
mod incident;
mod json;
mod knowledge;
mod likelihood;
mod object;
mod observable;
mod prevalence;
mod problem;
mod shape;
mod show;
mod spill;
mod time;
mod tlp;
mod value;
mod verdict;

pub use address::{Address, AddressError, Chain, transaction_id};
pub use attack::current_technique;
pub use batch::{
    Batch, Buffers, Event, HashNames, MAX_ARENA_BYTES, MAX_ROWS, RowBatch, RowBuilder, RowHeader, RowText,
};
pub use budget::{Budget, Limit, Limits, Meter};
pub use campaign::{Campaign, CampaignId, Join, Step, Term, TermKind, Weight};
pub use coverage::{Coverage, Span};
pub use field::{
    FieldId, FieldSet, Fields, FieldsBuilder, MAX_FIELDS, MAX_LOCAL_NAME_BYTES, MAX_LOCAL_NAMES,
};
pub use finding::{
    Citation, Confidence, Exhibit, ExhibitBody, Finding, FindingId, Match, Message, RuleInfo, Severity,
    SourceId, Vector, is_machine,
};
pub use hex::unhex;
pub use incident::{Day, Days, Incident, Occasion};
pub use json::unescape_json;
pub use knowledge::{
    Account, Actor, Alias, AliasMeaning, Artefact, IncidentReport, Item, ItemKind, Knowledge, Mark, Month,
};
pub use likelihood::Likelihood;
pub use object::{Content, Hints, Object, Origin, ReadSeek};
pub use observable::{Observable, ObservableError, ObservableKind};
pub use prevalence::Prevalence;
pub use problem::{Problem, ProblemCode};
pub use shape::{
    Catalogue, CatalogueError, Derive, DeriveOp, Extract, Logsource, Projection, Shape, ShapeId, StreamId,
    View,
};
pub use show::{csv_cell, html, terminal};
pub use spill::{MemorySpill, Spill};
pub use time::{Time, TimeError};
pub use tlp::Tlp;
pub use value::Value;
pub use verdict::{Judged, Judgements, Verdict, VerdictKind};
