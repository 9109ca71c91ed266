//! The intermediate form: what a rule means, with every modifier already applied.
//!
//! A rule is a boolean tree ([`Expr`]) over [`Atom`]s. An atom asks one question of one field and
//! is `Eq + Hash`, so an engine can intern each distinct question once, whichever rules ask it.
//! Nothing here is folded: values keep the case in which they were written, and `cased: false`
//! tells the engine to compare the [folded](super::fold::fold) forms of both sides.
//!
//! # What atoms say about values
//! A field has zero or more values (an array has one per element; an **empty array counts as one
//! null**). An atom holds if **any** value satisfies its test; without values it does not hold, the
//! one exception being [`Test::Null`]. Numbers and booleans take part as their text (`4688`,
//! `true`). A *blank* (an empty XML element, which may mean either) satisfies `Null` and `Empty`.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::decimal::Decimal;

/// Bytes that one compiled regular expression may take, and its lazy automaton again as much.
/// Linear time comes from the engine; this bounds memory.
pub const REGEX_SIZE_MAX: usize = 10 << 20;

/// Nesting depth that a regular expression may have.
pub const REGEX_NEST_MAX: u32 = 100;

/// Where something stands in the text of a rule file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte, from 0.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line of `start`, from 1.
    pub line: u32,
    /// Column of `start` in chars, from 1.
    pub col: u32,
}

/// Why a document, or a part of one, was not taken.
///
/// The message stands alone: what was being read, what is wrong. `help` says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The name the caller gave to the text.
    pub file: Arc<str>,
    /// Where the fault is.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it, if we know.
    pub help: Option<String>,
    /// Id of the rule, if it was read before the fault.
    pub rule_id: Option<String>,
    /// Title of the rule, if it was read before the fault.
    pub rule_title: Option<String>,
    /// Error: something was left out. Notice: nothing was lost but the reader should know.
    pub severity: Severity,
}

/// How much a [`RuleError`] costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing, nothing was rejected.
    Notice,
    /// A document was rejected.
    Error,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.span.line, self.span.col, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleError {}

/// One Sigma detection rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The `id` as written (normally a UUID). Rules without one have none.
    pub id: Option<String>,
    /// The `name`, by which filters and correlations may refer to the rule.
    pub name: Option<String>,
    /// The title.
    pub title: String,
    /// How grave a match is. A rule that does not say is [`Level::Informational`].
    pub level: Level,
    /// How mature the rule is.
    pub status: Option<Status>,
    /// Who wrote it: kept because the rule licences require it with every finding.
    pub author: Option<String>,
    /// The licence named by the rule, if any.
    pub license: Option<String>,
    /// What the rule is about.
    pub description: Option<String>,
    /// Links.
    pub references: Vec<String>,
    /// All tags as written.
    pub tags: Vec<String>,
    /// ATT&CK techniques out of the tags, normalised to `T1059.001`.
    pub techniques: Vec<String>,
    /// ATT&CK tactics out of the tags, with hyphens: `defense-evasion`.
    pub tactics: Vec<String>,
    /// Known benign causes.
    pub falsepositives: Vec<String>,
    /// Fields worth showing with a match.
    pub fields: Vec<String>,
    /// Date of the first version, as written.
    pub date: Option<String>,
    /// Date of the last change, as written.
    pub modified: Option<String>,
    /// Other rules this one replaces or resembles.
    pub related: Vec<Related>,
    /// The field naming scheme, if it is not Sigma's own.
    pub taxonomy: Option<String>,
    /// Which events the rule speaks of.
    pub logsource: Logsource,
    /// The question.
    pub expr: Expr,
    /// Where the rule was read.
    pub source: Source,
    /// Ids or names of the filters that were applied, in the order of application.
    pub filters: Vec<String>,
    /// What correlations want of the rule's matches; `None` if none refers to it.
    pub correlated: Option<Correlated>,
}

impl Rule {
    /// Whether matches of the rule are findings of their own: a rule that a correlation refers to is silent
    /// unless the correlation says `generate: true`.
    pub fn reports(&self) -> bool {
        self.correlated.as_ref().is_none_or(|c| c.reports)
    }
}

/// Where a document was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name the caller gave to the text.
    pub file: Arc<str>,
    /// The document within it.
    pub span: Span,
}

/// A reference to another rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Id of the other rule.
    pub id: String,
    /// `derived`, `obsolete`, `merged`, `renamed`, `similar`.
    pub kind: String,
}

/// How grave a match is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Enriches, does not alarm.
    #[default]
    Informational,
    /// Notable, rarely an incident.
    Low,
    /// To be looked at.
    Medium,
    /// Should alarm.
    High,
    /// Incident.
    Critical,
}

/// How mature a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Replaced or withdrawn.
    Unsupported,
    /// Replaced by another rule.
    Deprecated,
    /// May be noisy.
    Experimental,
    /// In use, small adjustments may come.
    Test,
    /// Proven.
    Stable,
}

/// Which events a rule speaks of. Unset parts mean "any".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Logsource {
    /// What kind of event: `process_creation`.
    pub category: Option<String>,
    /// Which product writes it: `windows`.
    pub product: Option<String>,
    /// Which of its logs: `security`.
    pub service: Option<String>,
    /// What must be configured for the events to exist: prose for the reader.
    pub definition: Option<String>,
}

/// A boolean tree over atoms.
///
/// The parser keeps what was written: it does not fold constants or remove duplicates. It never
/// builds an empty `And`, `Or` or `AtLeast`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// All hold.
    And(Vec<Expr>),
    /// At least one holds.
    Or(Vec<Expr>),
    /// Does not hold. Note that an atom on an absent field is false, so its negation is true.
    Not(Box<Expr>),
    /// At least so many of these hold (`2 of selection_*`).
    AtLeast(usize, Vec<Expr>),
    /// One question.
    Atom(Atom),
    /// Always or never. Only transformations (dropped items) produce it.
    Const(bool),
}

/// One question of one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Atom {
    /// What is asked.
    pub target: Target,
    /// The question.
    pub test: Test,
}

/// What an atom looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A field by the name used in the rule. Names are case-sensitive.
    Field(String),
    /// Any string of the event (values, not names). Only [`Test::Text`], [`Test::Glob`],
    /// [`Test::Regex`] and [`Test::Any`] occur with it.
    Keyword,
}

/// A question of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The value was a bare `*` (or only `*`s): any value but null, the empty string included.
    Any,
    /// Compares text without wildcards. Never produced with an empty `value`: that is
    /// [`Test::Empty`] for `Equals` and [`Test::Any`] for the other kinds.
    Text {
        /// Where in the value.
        kind: TextKind,
        /// The text, escapes resolved, case as written.
        value: String,
        /// Compare as written rather than folded.
        cased: bool,
    },
    /// A pattern that must cover the whole value. Normalised: no empty or adjacent literals, no
    /// adjacent `AnyRun`s, and never a form that [`Test::Text`] or [`Test::Any`] can express.
    Glob {
        /// The pieces in order.
        pieces: Vec<Piece>,
        /// Compare as written rather than folded.
        cased: bool,
    },
    /// A regular expression that must be found somewhere in the value, as written.
    Regex(RegexTest),
    /// The value is an address within the network.
    Cidr(Cidr),
    /// The value is a number, or text that is one, and compares so. See [`Decimal::parse`].
    Number {
        /// `value of the event` op `value`.
        op: NumberOp,
        /// The right side.
        value: Decimal,
    },
    /// A part of a timestamp compares so. See [`TimeParts`](super::time::TimeParts).
    TimePart {
        /// Which part.
        part: TimePart,
        /// `part of the event's time` op `value`.
        op: TimeOp,
        /// The right side.
        value: i64,
    },
    /// Compares with the values of another field of the same event: holds if any value of this
    /// field relates so to any value of that. Nulls on either side never relate; an empty `other`
    /// relates by the ordinary rules of text.
    FieldRef {
        /// The other field.
        other: String,
        /// This value equals / starts with / ends with / contains the other's.
        kind: TextKind,
        /// Compare as written rather than folded.
        cased: bool,
    },
    /// The field is there, even if null or empty. (`exists: false` is a `Not` of this.)
    Exists,
    /// The field is absent, or null.
    Null,
    /// The value is the empty string.
    Empty,
}

/// Where text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextKind {
    /// The whole value.
    Equals,
    /// At its start.
    StartsWith,
    /// At its end.
    EndsWith,
    /// Anywhere.
    Contains,
}

/// A piece of a [`Test::Glob`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// This text.
    Lit(String),
    /// Any run of chars, the empty one included (`*`). Line breaks are chars like others.
    AnyRun,
    /// Exactly one char (`?`), counted in the text as compared: in the folded text unless `cased`.
    AnyChar,
}

/// A regular expression with its flags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegexTest {
    /// In the syntax of the `regex` crate; harmless differences of PCRE are already rewritten.
    /// Known to compile within [`REGEX_SIZE_MAX`].
    pub pattern: String,
    /// `re|i`
    pub case_insensitive: bool,
    /// `re|m`: `^` and `$` match at line breaks.
    pub multi_line: bool,
    /// `re|s`: `.` matches a line break.
    pub dot_all: bool,
}

impl RegexTest {
    /// Compiles the expression under the limits that the parser checked it with.
    ///
    /// # Errors
    /// Only if the expression was not made by the parser.
    pub fn compile(&self) -> Result<regex::Regex, regex::Error> {
        regex::RegexBuilder::new(&self.pattern)
            .case_insensitive(self.case_insensitive)
            .multi_line(self.multi_line)
            .dot_matches_new_line(self.dot_all)
            .size_limit(REGEX_SIZE_MAX)
            .dfa_size_limit(REGEX_SIZE_MAX)
            .nest_limit(REGEX_NEST_MAX)
            .build()
    }
}

/// An address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The range of `prefix` bits around `address`; host bits are cleared. `None` if the prefix is
    /// longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let network = match address {
            IpAddr::V4(v4) if prefix <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) if prefix <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
            _ => return None,
        };
        Some(Self { network, prefix })
    }

    /// The first address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many leading bits count.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether `text` is an address of this range. A v4-mapped v6 address (`::ffff:10.0.0.1`) is
    /// looked for in v4 ranges as the v4 address that it stands for.
    pub fn contains_text(&self, text: &str) -> bool {
        text.trim().parse::<IpAddr>().is_ok_and(|address| self.contains(address))
    }

    /// Whether `address` is in this range; see [`contains_text`](Self::contains_text).
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = match (self.network, address) {
            (IpAddr::V4(_), IpAddr::V6(v6)) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            _ => address,
        };
        Self::new(address, self.prefix).is_some_and(|other| other.network == self.network)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// A numeric comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NumberOp {
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
}

impl NumberOp {
    /// Whether `left op right`.
    pub fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Lt => left < right,
            Self::Lte => left <= right,
            Self::Gt => left > right,
            Self::Gte => left >= right,
        }
    }
}

/// A comparison of a time part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeOp {
    /// The same number.
    Eq,
    /// An order.
    Order(NumberOp),
}

impl TimeOp {
    /// Whether `left op right`.
    pub fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Order(op) => op.holds(&left, &right),
        }
    }
}

/// A part of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimePart {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// Of the month, 1 to 31.
    Day,
    /// ISO 8601 week, 1 to 53.
    Week,
    /// 1 to 12.
    Month,
    /// As written.
    Year,
}

/// A document that narrows rules: applied as `rule AND filter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The `id`.
    pub id: Option<String>,
    /// The `name`.
    pub name: Option<String>,
    /// The title.
    pub title: String,
    /// Which rules.
    pub rules: FilterRules,
    /// The log source; a rule with an incompatible one is not touched.
    pub logsource: Logsource,
    /// What must hold.
    pub expr: Expr,
    /// Where it was read.
    pub source: Source,
}

/// Which rules a filter narrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterRules {
    /// Every rule of a compatible log source.
    Any,
    /// These, by id or name, each with its place.
    Named(Vec<(String, Span)>),
}

/// A correlation: a question about several matches of rules, or of other correlations.
///
/// [`crate::correlate`] answers it and says what each type means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlation {
    /// The `id`.
    pub id: Option<String>,
    /// The `name`.
    pub name: Option<String>,
    /// The title.
    pub title: String,
    /// How grave an alert is.
    pub level: Level,
    /// How mature the correlation is.
    pub status: Option<Status>,
    /// Who wrote it.
    pub author: Option<String>,
    /// The licence named by the document, if any.
    pub license: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// All tags as written.
    pub tags: Vec<String>,
    /// ATT&CK techniques out of the tags.
    pub techniques: Vec<String>,
    /// Known benign causes.
    pub falsepositives: Vec<String>,
    /// What is asked of the matches.
    pub kind: CorrelationKind,
    /// The rules referred to, by id or name, each with its place.
    pub rules: Vec<(String, Span)>,
    /// The fields, or aliases, that group.
    pub group_by: Vec<String>,
    /// What aliases stand for.
    pub aliases: Vec<Alias>,
    /// The window in seconds.
    pub timespan_seconds: u64,
    /// What the measure must satisfy: all of them. Empty where there is an expression, and for temporal types that
    /// want every rule.
    pub condition: Vec<Bound>,
    /// The extended condition of a temporal type: which rules must have matched.
    pub expression: Option<Presence>,
    /// The rules referred to report by themselves, too.
    pub generate: bool,
    /// Where it was read.
    pub source: Source,
}

/// What a correlation measures over the matches of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorrelationKind {
    /// How many matches.
    EventCount,
    /// How many different values of a field; of several fields: how many different combinations.
    ValueCount(Vec<String>),
    /// How many of the rules.
    Temporal,
    /// How many of the rules, in the order of `rules`.
    TemporalOrdered,
    /// The sum of a field.
    ValueSum(String),
    /// The mean of a field.
    ValueAvg(String),
    /// The value at a percentile (0 to 100) of a field; the median is the 50th.
    ValuePercentile(String, Decimal),
}

impl CorrelationKind {
    /// The fields that are measured.
    pub fn fields(&self) -> &[String] {
        match self {
            Self::EventCount | Self::Temporal | Self::TemporalOrdered => &[],
            Self::ValueCount(fields) => fields,
            Self::ValueSum(field) | Self::ValueAvg(field) | Self::ValuePercentile(field, _) => {
                std::slice::from_ref(field)
            }
        }
    }
}

/// A name for what different rules call differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// Rule (id or name) and its field.
    pub fields: Vec<(String, String)>,
}

/// One comparison of a correlation's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// How to compare.
    pub op: BoundOp,
    /// With what.
    pub value: Decimal,
}

/// How a measure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundOp {
    /// By order.
    Order(NumberOp),
    /// The same.
    Eq,
    /// Not the same.
    Neq,
}

/// Which rules must have matched in a window, in negation normal form. Numbers are positions in
/// [`Correlation::rules`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// This rule.
    Has(u32),
    /// Not this rule.
    Lacks(u32),
    /// All.
    And(Vec<Presence>),
    /// Any.
    Or(Vec<Presence>),
    /// At least so many.
    AtLeast(usize, Vec<Presence>),
}

/// What correlations want of a rule's matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlated {
    /// Fields whose values each match must bring.
    pub fields: Vec<Asked>,
    /// Whether the rule still reports by itself.
    pub reports: bool,
}

/// A field that correlations ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// As the correlation calls it.
    pub name: String,
    /// As the rule's events have it: another name only if a [mapping](super::mapping) said so.
    pub field: String,
}

/// What one YAML document turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// A detection rule.
    Rule(Box<Rule>),
    /// A filter.
    Filter(Box<Filter>),
    /// A correlation.
    Correlation(Box<Correlation>),
}
