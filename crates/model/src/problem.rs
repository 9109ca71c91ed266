//! What could not be read, and why. Never silent, never fatal for the rest.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Origin;

/// What went wrong, for counting and for scripts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The file could not be opened or read.
    Io,
    /// No reader knows this kind of file.
    Unrecognised,
    /// A header is damaged; reading went on without it.
    DamagedHeader,
    /// A part (chunk, block) is damaged; what could be found in it was read.
    DamagedPart,
    /// A record is damaged and was left out.
    DamagedRecord,
    /// A record left in space that its log had given up cannot be read any more: no loss of the log.
    Slack,
    /// The file ends early.
    Truncated,
    /// Text is not in its encoding; bad bytes were replaced.
    Encoding,
    /// A line or document is not the format it seemed to be.
    Syntax,
    /// A limit was met; the rest was not read.
    Limit,
    /// The content is encrypted and no password opens it.
    Encrypted,
    /// A rule, list or setting could not be loaded.
    Rule,
    /// A time names no zone and none was declared.
    NoZone,
    /// The evidence changed while it was read.
    Changed,
    /// A reader failed in a way it should not; the rest of the file was left out.
    Internal,
}

impl ProblemCode {
    /// Its name in output: `damaged_part`.
    pub fn name(self) -> &'static str {
        match self {
            ProblemCode::Io => "io",
            ProblemCode::Unrecognised => "unrecognised",
            ProblemCode::DamagedHeader => "damaged_header",
            ProblemCode::DamagedPart => "damaged_part",
            ProblemCode::DamagedRecord => "damaged_record",
            ProblemCode::Slack => "slack",
            ProblemCode::Truncated => "truncated",
            ProblemCode::Encoding => "encoding",
            ProblemCode::Syntax => "syntax",
            ProblemCode::Limit => "limit",
            ProblemCode::Encrypted => "encrypted",
            ProblemCode::Rule => "rule",
            ProblemCode::NoZone => "no_zone",
            ProblemCode::Changed => "changed",
            ProblemCode::Internal => "internal",
        }
    }
}

/// Something that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What kind.
    pub code: ProblemCode,
    /// Where: evidence file and members, or the rule file.
    pub origin: Origin,
    /// Byte offset in the innermost object, if known.
    pub offset: Option<u64>,
    /// A sentence that stands alone: what was being done, why it failed.
    pub message: String,
    /// How often the same happened in a row (readers fold repeats).
    pub count: u64,
}

impl Problem {
    /// A problem that happened once.
    pub fn new(
        code: ProblemCode,
        origin: &Origin,
        offset: impl Into<Option<u64>>,
        message: impl Into<String>,
    ) -> Self {
        Problem { code, origin: origin.clone(), offset: offset.into(), message: message.into(), count: 1 }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        write!(f, ": {}", self.message)?;
        if self.count > 1 {
            write!(f, " ({} times)", self.count)?;
        }
        Ok(())
    }
}
