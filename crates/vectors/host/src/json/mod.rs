//! JSON logs into events: lines, arrays, wrapped documents, in many dialects.
//!
//! [`split`] cuts a stream into pieces in which **every record is one line**: arrays
//! and wrappers (`{"Records":[…]}`) are cut between elements, the comma becoming the
//! line feed, so that offsets stay those of the source. [`read`] scans each line once
//! ([`scan`]) beside a trie of everything that somebody wants ([`trie`]), recognises
//! the dialect by the keys it passed ([`dialect`]), and only then turns the values
//! that the record's shape wants into cells ([`row`]).
//!
//! What this module never does: build a document tree, copy a value without escapes,
//! intern a key of the evidence, or guess a stream from values.

mod dialect;
mod embed;
mod problems;
mod row;
mod scan;
mod split;
mod time;
mod trie;

pub use dialect::{DialectError, DialectSet, Dialects, MAX_DIALECTS, MAX_SIGNS};
pub use row::{MAX_WRAPPERS, Scratch};
pub use scan::MAX_DEPTH;
pub use split::{MAX_RECORD_BYTES, PIECE_BYTES};

use std::io::Read;
use std::ops::ControlFlow;

use palisade_model::{Origin, Problem, ProblemCode, SourceId};

use crate::{Context, Piece, Sink};
use problems::Problems;

/// Whether the head looks like JSON records, in UTF-8 or UTF-16.
pub fn sniff(head: &[u8]) -> bool {
    split::sniff(head)
}

/// Cuts a stream into pieces of whole records, in bounded memory.
pub fn split(
    origin: &Origin,
    stream: &mut dyn Read,
    emit: &mut dyn FnMut(Piece) -> ControlFlow<()>,
) -> Vec<Problem> {
    split::split(origin, stream, emit)
}

/// Reads a piece: one record a line.
pub fn read(
    piece: Piece,
    context: Context<'_>,
    source: SourceId,
    origin: &Origin,
    scratch: &mut Scratch,
    sink: &mut Sink<'_>,
) -> Vec<Problem> {
    let mut problems = Problems::of(origin);
    let text = match String::from_utf8(piece.data) {
        Ok(text) => text,
        Err(bad) => {
            let at = bad.utf8_error().valid_up_to() as u64;
            problems.add(
                ProblemCode::Encoding,
                piece.offset + at,
                "JSON text is not UTF-8; each bad byte was replaced by a question mark",
            );
            mend(bad.into_bytes())
        }
    };
    row::read(text, piece.offset, piece.first_record, context, source, scratch, &mut problems, sink);
    problems.finish()
}

/// Text from bytes that are not UTF-8: one `?` for each bad byte, so that the places
/// of all others stay what they are in the source.
fn mend(mut bytes: Vec<u8>) -> String {
    let mut bad = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        at += chunk.valid().len();
        bad.push(at..at + chunk.invalid().len());
        at += chunk.invalid().len();
    }
    for range in bad {
        bytes[range].fill(b'?');
    }
    String::from_utf8(bytes).unwrap_or_default()
}
