//! journald's export format (systemd, "Journal Export Formats"): entries apart by empty lines, a field
//! either `NAME=text` or, if it holds line feeds or is no text, `NAME`, eight bytes of length, and that many bytes.

use memchr::memchr;
use palisade_model::{ProblemCode, SourceId};

use super::write_json::Lines;
use crate::problems::Problems;
use crate::{Context, Sink};

/// Most fields of an entry.
const MAX_FIELDS: usize = 1_024;

/// Longest name of a field.
const MAX_NAME_BYTES: usize = 128;

/// Whether the bytes begin like an export.
pub(super) fn sniff(head: &[u8]) -> bool {
    let named = matches!(field(head, 0), Some(Step::Text { .. } | Step::Binary { .. }));
    named
        && memchr::memmem::find(head, b"__REALTIME_TIMESTAMP=")
            .is_some_and(|at| at == 0 || head[at - 1] == b'\n')
}

/// What stands at a place of an entry.
enum Step {
    /// An empty line: the entry ends.
    End,
    Text {
        name: std::ops::Range<usize>,
        value: std::ops::Range<usize>,
        next: usize,
    },
    Binary {
        name: std::ops::Range<usize>,
        value: std::ops::Range<usize>,
        next: usize,
    },
    /// A line that is no field.
    Bad(usize),
}

/// `None`: it goes on behind these bytes.
fn field(b: &[u8], at: usize) -> Option<Step> {
    let end = at + memchr(b'\n', b.get(at..)?)?;
    if end == at {
        return Some(Step::End);
    }
    let line = &b[at..end];
    let name =
        line.iter().take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || **c == b'_').count();
    if name == 0 || name > MAX_NAME_BYTES {
        return Some(Step::Bad(end + 1));
    }
    match line.get(name) {
        Some(b'=') => Some(Step::Text { name: at..at + name, value: at + name + 1..end, next: end + 1 }),
        None => {
            let length = <[u8; 8]>::try_from(b.get(end + 1..end + 9)?).ok()?;
            let length = u64::from_le_bytes(length);
            // A length that no record may have is a damaged one: the name was a line of something else.
            if length > super::MAX_LINE_BYTES as u64 {
                return Some(Step::Bad(end + 1));
            }
            let start = end + 9;
            let stop = start + length as usize;
            if stop >= b.len() {
                return None;
            }
            if b[stop] != b'\n' {
                return Some(Step::Bad(end + 1));
            }
            Some(Step::Binary { name: at..at + name, value: start..stop, next: stop + 1 })
        }
        Some(_) => Some(Step::Bad(end + 1)),
    }
}

/// The end of the last whole entry.
pub(super) fn cut_point(buf: &[u8]) -> usize {
    let (mut at, mut last) = (0, 0);
    while let Some(step) = field(buf, at) {
        match step {
            Step::End => {
                at += 1;
                last = at;
            }
            Step::Text { next, .. } | Step::Binary { next, .. } | Step::Bad(next) => at = next,
        }
    }
    last
}

/// Reads a piece.
#[allow(clippy::too_many_arguments, reason = "the reader's door, spelt out")]
pub(super) fn read(
    data: Vec<u8>,
    offset: u64,
    first_record: u64,
    context: Context<'_>,
    source: SourceId,
    scratch: &mut crate::json::Scratch,
    problems: &mut Problems<'_>,
    sink: &mut Sink<'_>,
) {
    // A last line without its end is one.
    let mut data = data;
    if data.last().is_some_and(|b| *b != b'\n') {
        data.push(b'\n');
    }
    let mut made = Lines::default();
    let (mut at, mut line, mut fields) = (0, first_record, 0);
    loop {
        let step = field(&data, at);
        let from = at;
        match step {
            None => {
                if at < data.len() {
                    let what = "the export ends inside a field; what came before it was read";
                    problems.add(ProblemCode::Truncated, offset + at as u64, what);
                }
                break;
            }
            Some(Step::End) => {
                if fields > 0 {
                    made.end();
                }
                fields = 0;
                at += 1;
            }
            Some(Step::Bad(next)) => {
                let what = "a line is no field of a journal entry and was left out";
                problems.add(ProblemCode::Syntax, offset + at as u64, what);
                at = next;
            }
            Some(Step::Text { name, value, next } | Step::Binary { name, value, next }) => {
                if fields == 0 {
                    made.begin(line, offset + at as u64);
                }
                fields += 1;
                if fields <= MAX_FIELDS {
                    let value = &data[value];
                    let text = String::from_utf8_lossy(value);
                    if matches!(text, std::borrow::Cow::Owned(_)) {
                        let what = "a field of the journal is not UTF-8; bad bytes were replaced";
                        problems.add(ProblemCode::Encoding, offset + at as u64, what);
                    }
                    made.pair(&String::from_utf8_lossy(&data[name]), &text);
                } else if fields == MAX_FIELDS + 1 {
                    let what = "a journal entry has more than 1024 fields; the rest were left out";
                    problems.add(ProblemCode::Limit, offset + at as u64, what);
                }
                at = next;
            }
        }
        line += memchr::memchr_iter(b'\n', &data[from..at]).count() as u64;
    }
    if fields > 0 {
        made.end();
    }
    made.read(context, source, scratch, problems, sink);
}
