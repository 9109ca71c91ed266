//! Findings, their citations, matches and exhibits.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Observable, Time, Tlp, unhex};

/// Index of a source (an evidence file or a member of one) in the run's source table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub u32);

/// Where a statement comes from, down to the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Citation {
    /// The source.
    pub source: SourceId,
    /// The record's number in it.
    pub record: u64,
    /// The record's byte offset in it.
    pub offset: u64,
}

/// The channel of coercion that a finding belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vector {
    /// Hosts and cloud.
    Host,
    /// Networks and plants.
    Network,
    /// Mail.
    Mail,
    /// Files.
    Files,
    /// Money.
    Money,
    /// Media.
    Influence,
}

impl Vector {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Vector::Host => "host",
            Vector::Network => "network",
            Vector::Mail => "mail",
            Vector::Files => "files",
            Vector::Money => "money",
            Vector::Influence => "influence",
        }
    }
}

/// How bad it is if it is true.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Severity; 5] =
        [Severity::Informational, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// Its name in output and in Sigma's `level`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Informational => "informational",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The severity of that name.
    pub fn parse(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name.trim()))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How far a detection can be trusted to mean what it says, 0 to 100; apart from severity and likelihood.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Confidence(pub u8);

/// What every finding of one rule or detector shares.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RuleInfo {
    /// Rule id (Sigma: UUID) or detector id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Severity.
    pub level: Severity,
    /// Confidence, from the rule's status.
    pub confidence: Confidence,
    /// ATT&CK, ATT&CK for ICS or DISARM technique ids.
    pub attack: Vec<String>,
    /// ATT&CK ids of the software that it recognises: `S0002`.
    pub software: Vec<String>,
    /// Author, kept with every finding (the Detection Rule License asks for it).
    pub author: Option<String>,
    /// Licence of the rule.
    pub license: Option<String>,
    /// What the rule looks for.
    pub description: Option<String>,
    /// Known false positives.
    pub false_positives: Vec<String>,
    /// File the rule came from.
    pub file: String,
}

/// A translatable sentence: the catalogue's message id and its arguments in order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Key in the message catalogue: `sigma.match`.
    pub id: String,
    /// Named arguments: the telling fields of the record, cut to a bounded length.
    pub args: Vec<(String, String)>,
}

/// Content id of a finding: the first 16 bytes of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FindingId(pub [u8; 16]);

impl FindingId {
    /// The id that [`Display`](fmt::Display) writes: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<FindingId> {
        unhex(text).map(FindingId)
    }

    /// The id of what `rule` says of the record with this digest ([`crate::Batch::digest`]).
    ///
    /// Content fields: rule id and digest of the record's whole text, in this order, each
    /// behind its length (8 bytes, little-endian). Path, source and run do not enter, so the
    /// same record in a copy of the log, or read again from the lake, is the same finding.
    pub fn new(rule: &str, digest: &[u8; 16]) -> FindingId {
        let mut h = Sha256::new();
        for part in [rule.as_bytes(), digest] {
            h.update((part.len() as u64).to_le_bytes());
            h.update(part);
        }
        let digest = h.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        FindingId(id)
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Whether what a record names as its machine is one. Logs of clouds name a tenant (a UUID) or an account (twelve digits)
/// there, which is a place where things happen, but nothing that anybody can pull a plug of.
pub fn is_machine(name: &str) -> bool {
    let groups = |n: &mut std::str::Split<'_, char>| n.map(str::len).eq([8, 4, 4, 4, 12]);
    let uuid = groups(&mut name.split('-')) && name.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    let account = name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit());
    !name.is_empty() && !uuid && !account
}

/// Something hostile, or worth a look, with the evidence for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Content id.
    pub id: FindingId,
    /// Channel.
    pub vector: Vector,
    /// The rule or detector.
    pub rule: Arc<RuleInfo>,
    /// What it says.
    pub message: Message,
    /// Start; `None` when no record it cites names a time.
    pub time: Option<Time>,
    /// End (the same for a single record).
    pub time_end: Option<Time>,
    /// The machine concerned, as the record names it.
    pub host: Option<String>,
    /// Observables.
    pub observables: Vec<Observable>,
    /// Evidence. Never empty.
    pub citations: Vec<Citation>,
    /// Whether a cited record was carved rather than read.
    pub recovered: bool,
}

/// One rule's match on one event: what correlation sees instead of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Match<'a> {
    /// Index of the rule in its compiled set.
    pub rule: u32,
    /// When; `None` where the record names no readable time.
    pub time: Option<Time>,
    /// The record.
    pub citation: Citation,
    /// Whether the record was carved rather than read.
    pub recovered: bool,
    /// Values of the fields that correlations ask of the rule, in their order; `None` where the record has none.
    pub values: &'a [Option<&'a str>],
}

/// A picture or table that explains, with its evidence.
#[derive(Clone, PartialEq, Debug)]
pub struct Exhibit {
    /// Heading.
    pub title: String,
    /// Content.
    pub body: ExhibitBody,
    /// Evidence.
    pub citations: Vec<Citation>,
    /// Who may see it.
    pub tlp: Tlp,
}

/// Forms of exhibit. Reports and the console draw these and know no vector.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExhibitBody {
    /// Columns and rows.
    Table {
        /// Column headings.
        columns: Vec<String>,
        /// Rows, each as long as the headings.
        rows: Vec<Vec<String>>,
    },
    /// Nodes and weighted edges (by node index).
    Graph {
        /// Node labels.
        nodes: Vec<String>,
        /// From, to, weight.
        edges: Vec<(u32, u32, f64)>,
    },
    /// Quantities moving between stages (by node index), as exact decimal texts.
    Flow {
        /// Node labels.
        nodes: Vec<String>,
        /// From, to, amount, unit.
        flows: Vec<(u32, u32, String, String)>,
    },
    /// Labelled moments.
    Timeline {
        /// Time and label.
        entries: Vec<(Time, String)>,
    },
    /// A grid of numbers.
    Matrix {
        /// Row labels.
        rows: Vec<String>,
        /// Column labels.
        columns: Vec<String>,
        /// Row by row.
        cells: Vec<f64>,
    },
}
