//! What was planted, and where it stands in the evidence.
//!
//! The truth belongs outside the evidence folder: a reader that met it would know everything. Record numbers are
//! those that citations of findings carry: the first line of a file is record 1, of a table with a header the first row
//! below it; a record of an EVTX file has the number in its header, and logs here begin with 1.

use palisade_model::{ObservableKind, Time, Vector};
use serde::{Deserialize, Serialize};

use crate::Parameters;

/// Version of the form in which truth is written.
pub const FORMAT: u32 = 1;

/// Everything true of an exercise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Truth {
    /// [`FORMAT`].
    pub format: u32,
    /// Name of the scenario, or `all`.
    pub scenario: String,
    /// What it was made from.
    pub parameters: Parameters,
    /// That all of it is invented.
    pub note: String,
    /// How many records there are.
    pub records: Counts,
    /// Everything that was planted, campaign by campaign, decoy by decoy.
    pub groups: Vec<Group>,
    /// Actors that exist only here; to be loaded for exercises alone.
    pub actors: Vec<ActorProfile>,
    /// What makes this scenario hard, for whoever judges a result.
    pub notes: Vec<String>,
}

/// Numbers of records.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// In all files together.
    pub total: u64,
    /// Planted ones, decoys included.
    pub planted: u64,
    /// `planted / total`; never above 0.001.
    pub share: f64,
}

/// What a planted group is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// What is to be found and joined.
    Campaign,
    /// What rules see as well and must not be joined to a campaign.
    Decoy,
}

/// One campaign or decoy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its name, unique in the exercise.
    pub name: String,
    /// What it is.
    pub kind: GroupKind,
    /// Who it is of: the name of an [`ActorProfile`], or empty.
    pub actor: String,
    /// What happened, in order of time.
    pub steps: Vec<PlantedStep>,
    /// Pairs of steps that share something, and what.
    pub joins: Vec<ExpectedJoin>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlantedStep {
    /// What happened.
    pub name: String,
    /// ATT&CK (and ICS, DISARM) technique ids.
    pub techniques: Vec<String>,
    /// The channel it belongs to.
    pub vector: Vector,
    /// When, UTC.
    pub time: Time,
    /// Whether records of it were written. A step of a channel that cannot be written yet is told all the same.
    pub written: bool,
    /// Its records.
    pub records: Vec<RecordRef>,
    /// Values in these records that can join them to others.
    pub observables: Vec<Named>,
    /// Ids of shipped rules that see it; empty if none does.
    pub rules: Vec<String>,
}

/// Where a record is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RecordRef {
    /// Path inside the evidence folder, with `/`.
    pub file: String,
    /// Number of the record in the file: the first is 1.
    pub record: u64,
}

/// A value as the record writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Named {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ObservableKind,
    /// The value, as written.
    pub value: String,
}

/// Two steps of a group that share observables.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExpectedJoin {
    /// Places in [`Group::steps`], the smaller first.
    pub steps: (usize, usize),
    /// What both hold; accounts are compared without domain.
    pub by: Vec<Named>,
}

/// A fictional actor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ActorProfile {
    /// Its name.
    pub name: String,
    /// The invented state or purpose behind it.
    pub sponsor: String,
    /// Technique ids it is known for.
    pub techniques: Vec<String>,
    /// Programs it is known for.
    pub tools: Vec<String>,
    /// Words, languages and file names seen with it: cheap to copy.
    pub marks: Vec<String>,
    /// SHA-256 of programs it is known for.
    pub hashes: Vec<String>,
}
