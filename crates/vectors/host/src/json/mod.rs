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

mod cells;
mod dialect;
mod embed;
mod row;
mod scan;
mod split;
mod time;
mod trie;

pub use dialect::{DialectError, DialectSet, Dialects, MAX_DIALECTS, MAX_SIGNS};
pub use row::{MAX_WRAPPERS, Scratch};
pub(crate) use row::{Place, read as read_text};
pub use scan::MAX_DEPTH;
pub use split::{MAX_RECORD_BYTES, PIECE_BYTES};
pub(crate) use time::in_zone;

use std::io::Read;
use std::ops::ControlFlow;

use palisade_model::{Origin, Problem, ProblemCode, SourceId};

use crate::input::mend;
use crate::problems::Problems;
use crate::{Context, Piece, Sink};

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
    row::read(text, piece.offset, piece.first_record, &[], context, source, scratch, &mut problems, sink);
    problems.finish()
}

/// Splits and reads any bytes with a few names wanted and a few dialects known: the
/// fuzzer's door. Whatever comes in, it returns.
pub fn fuzz(data: &[u8]) {
    use palisade_model::{Catalogue, FieldSet, FieldsBuilder, Projection};

    const SET: &str = r#"
        [[dialect]]
        name = "wrapper"
        require = ["Records"]
        records = ["Records"]
        [[dialect]]
        name = "all"
        require = ["Channel"]
        mount = ["EventData", "UserData.*"]
        xml = ["Message"]
        json = ["AuditData"]
        audit = ["Message"]
        program = ["Message"]
        named = ["Parameters"]
        stream = "Channel"
        event_id = ["EventID"]
        time = ["@timestamp", "EventTime"]
        host = ["Computer"]
        rename = { Provider_Name = "SourceName" }
        strip_spaces = true
    "#;
    let mut fields = FieldsBuilder::new();
    let mut wanted = FieldSet::new();
    for name in ["EventID", "Channel", "Image", "Hashes", "md5", "a.b.c", "Message", "Parameters", "Data"] {
        wanted.insert(fields.intern(name).unwrap_or(palisade_model::FieldId::NONE));
    }
    let fields = fields.close();
    let catalogue = Catalogue::default();
    let mut projection = Projection::new(&catalogue);
    for (id, _) in catalogue.shapes() {
        projection.want(id, &wanted);
        projection.want_text(id);
    }
    let Ok(dialects) = Dialects::parse("fuzz", SET).and_then(|set| set.close(&fields)) else { return };
    let _ = sniff(data);
    // As rules read it, then as who keeps records whole does.
    for whole in [false, true] {
        if whole {
            projection.keep_everything(&fields);
        }
        let context = Context {
            fields: &fields,
            catalogue: &catalogue,
            projection: &projection,
            dialects: &dialects,
            zone: None,
            as_of: None,
        };
        fuzz_read(data, context);
    }
}

fn fuzz_read(data: &[u8], context: Context<'_>) {
    use palisade_model::Batch;

    let origin = Origin::file("fuzz");
    let mut scratch = Scratch::default();
    let mut stream = data;
    let mut pieces = Vec::new();
    split(&origin, &mut stream, &mut |piece| {
        pieces.push(piece);
        ControlFlow::Continue(())
    });
    for piece in pieces {
        read(piece, context, SourceId(0), &origin, &mut scratch, &mut |batch| {
            for row in 0..batch.len() {
                batch.each(row, &mut |_, _| {});
                batch.scan_text(row, &mut |_| {});
                batch.every(row, &mut |field, _| {
                    let _ = batch.local_name(field);
                });
            }
            Default::default()
        });
    }
}
