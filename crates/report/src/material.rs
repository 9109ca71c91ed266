//! Everything that a report can say, prepared by the caller.
//!
//! The caller reads the case, asks the rooms, and hands over values. What this module never does: look anything up.

use std::collections::BTreeSet;

use palisade_model::{
    Campaign, Confidence, Exhibit, FindingId, Message, Observable, Severity, Time, Tlp, Vector, Verdict,
};

/// What a report is made of. All text may come from evidence: nothing here is neutralised.
///
/// [`Default`] is the material of an empty case, marked TLP:RED, since what is not marked is not public.
#[derive(Clone, PartialEq, Debug)]
pub struct Material {
    /// Name of the case.
    pub case: String,
    /// Whose evidence it is.
    pub organisation: Organisation,
    /// When the report is made. Verdicts hold as of this moment.
    pub made: Time,
    /// Version of Palisade.
    pub tool_version: String,
    /// Who answers for the report; empty if nobody was named.
    pub analyst: String,
    /// How the case is marked: what a report of it is marked at least, unless somebody releases it lower.
    pub tlp: Tlp,
    /// Peers and programs that are everybody's in this case, such as content delivery: whoever was handed them as
    /// indicators would find them everywhere.
    pub everyday: BTreeSet<Observable>,
    /// Findings, in any order, those judged false included.
    pub findings: Vec<Finding>,
    /// Campaigns.
    pub campaigns: Vec<Campaign>,
    /// Pictures and tables of vector rooms. [`palisade_model::SourceId`] `n` of a citation is `sources[n]`.
    pub exhibits: Vec<Exhibit>,
    /// Who may be behind it. Empty: it has not been assessed.
    pub hypotheses: Vec<Hypothesis>,
    /// How grave it is. Empty: it has not been assessed.
    pub gravity: Vec<Gravity>,
    /// What was seen, and what could not be.
    pub coverage: Coverage,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Evidence.
    pub sources: Vec<Source>,
    /// The custody chain's last hash, hexadecimal.
    pub custody: Option<String>,
    /// Analysts' words, undone ones included.
    pub verdicts: Vec<Verdict>,
    /// What analysts wrote for this report.
    pub paragraphs: Vec<Paragraph>,
}

impl Default for Material {
    fn default() -> Material {
        Material {
            case: String::new(),
            organisation: Organisation::default(),
            made: Time(0),
            tool_version: String::new(),
            analyst: String::new(),
            tlp: Tlp::Red,
            everyday: BTreeSet::new(),
            findings: Vec::new(),
            campaigns: Vec::new(),
            exhibits: Vec::new(),
            hypotheses: Vec::new(),
            gravity: Vec::new(),
            coverage: Coverage::default(),
            problems: Vec::new(),
            sources: Vec::new(),
            custody: None,
            verdicts: Vec::new(),
            paragraphs: Vec::new(),
        }
    }
}

/// Whose evidence it is, and by what it would be recognised.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Organisation {
    /// Its name.
    pub name: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// Its address ranges in CIDR notation.
    pub networks: Vec<String>,
    /// Its machines, beside those that findings name.
    pub hosts: Vec<String>,
    /// Further names that tell who it is: people, sites, brands.
    pub names: Vec<String>,
}

/// A finding as a report needs it.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Content id.
    pub id: FindingId,
    /// Rule or detector.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// How bad it is if it is true.
    pub severity: Severity,
    /// How far the detection can be trusted.
    pub confidence: Confidence,
    /// Channel.
    pub vector: Vector,
    /// Start.
    pub time: Option<Time>,
    /// End.
    pub time_end: Option<Time>,
    /// Machine.
    pub host: Option<String>,
    /// What it says.
    pub message: Message,
    /// Observables.
    pub observables: Vec<Observable>,
    /// Technique ids.
    pub attack: Vec<String>,
    /// Whether a cited record was carved rather than read.
    pub recovered: bool,
    /// Evidence. Never empty.
    pub citations: Vec<Citation>,
}

/// Where a statement comes from, down to the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Citation {
    /// Evidence file.
    pub path: String,
    /// The way to a member in it, or empty.
    pub member: String,
    /// Record number.
    pub record: u64,
    /// Byte offset.
    pub offset: u64,
    /// SHA-256 of the evidence file, hexadecimal; empty if it was not computed.
    pub sha256: String,
}

/// One answer to the question who is behind it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Hypothesis {
    /// What it is about: a campaign's id, or empty for the case.
    pub subject: String,
    /// Who, "an actor not known" included.
    pub name: String,
    /// How likely, 0 to 1.
    pub probability: f64,
    /// How far the assessment itself can be trusted: low, moderate, high. Another number than the likelihood.
    pub confidence: String,
    /// What speaks for it.
    pub supporting: Vec<Evidence>,
    /// What speaks against it.
    pub against: Vec<Evidence>,
    /// What would change it.
    pub would_change: Vec<String>,
    /// Date of the knowledge it rests on.
    pub knowledge: Option<Time>,
    /// The analyst who adopted it, or said it instead; a machine's attribution is a draft until somebody does.
    pub adopted_by: Option<String>,
    /// Why, in the analyst's words. It stays in the house.
    pub because: String,
    /// What has changed since it was adopted, one sentence each. With any, it holds no more than a draft.
    pub stale: Vec<String>,
    /// Whom the assessment concludes on, if this is the hypothesis it concludes on.
    pub attributed: Option<Attributed>,
}

impl Hypothesis {
    /// Whether an analyst stands for it as things are: only then it may leave the house.
    pub fn holds(&self) -> bool {
        self.adopted_by.is_some() && self.stale.is_empty()
    }
}

/// Somebody to whom a campaign is attributed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attributed {
    /// A group: its name, and its id in ATT&CK if it has one.
    Group {
        /// Name.
        name: String,
        /// `G0032`.
        attack: Option<String>,
    },
    /// Anybody of a state, ISO 3166 alpha-2.
    State(String),
}

/// A reason, with the findings it rests on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Evidence {
    /// The reason.
    pub text: String,
    /// Its findings.
    pub findings: Vec<FindingId>,
}

/// How grave something is, on one published scale.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Gravity {
    /// The scale: `NCISS`, `EuRepoC intensity`.
    pub scale: String,
    /// What is judged: a campaign's id or the case.
    pub subject: String,
    /// The level in the scale's own words.
    pub level: String,
    /// The score, and the least and most it can be while inputs are missing.
    pub score: Option<(f64, f64, f64)>,
    /// The inputs: name, value, points.
    pub inputs: Vec<(String, String, String)>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// What was seen, and what could not be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Kinds of records.
    pub shapes: Vec<ShapeSeen>,
    /// What could not be seen, one sentence each.
    pub unseen: Vec<String>,
}

/// What was seen of one kind of record.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShapeSeen {
    /// Its name: `windows/sysmon/1`.
    pub shape: String,
    /// Events.
    pub events: u64,
    /// Earliest.
    pub first: Option<Time>,
    /// Latest.
    pub last: Option<Time>,
}

/// What could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Problem {
    /// Where.
    pub path: String,
    /// What kind: `damaged_part`.
    pub code: String,
    /// What was wrong.
    pub message: String,
    /// How often.
    pub times: u64,
}

/// An evidence file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// Its path.
    pub path: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
    /// Whether it was read to its end.
    pub complete: bool,
}

/// What an analyst wrote, in the subset of Markdown that [`crate::html`] describes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Paragraph {
    /// Heading.
    pub heading: String,
    /// Text with live citations: `[[finding:ID]]`, `[[campaign:ID]]`, `[[source:SHA256]]`.
    pub text: String,
}
