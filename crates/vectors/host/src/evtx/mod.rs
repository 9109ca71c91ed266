//! Windows event logs (EVTX): the fastest way from a chunk to cells, and the last record
//! that damage has left.
//!
//! ```text
//! split   a stream into pieces of whole chunks            (serial, cheap)
//! chunk   a piece into records, around damage, and slack  (any thread)
//! template   BinXML into flat programs, once per template and chunk
//! row     a record into a row: gather, route, write
//! value   BinXML values into text
//! ```
//!
//! What this reader never does: build a tree, believe a length or an offset, stop at damage,
//! or judge what it reads. Every loss is a Problem with its offset. The same bytes give the
//! same rows on any thread in any order: the only thing chunks share is a template that one
//! of them has lost, and they share it within their piece, which is always cut alike.
//!
//! The format: MS-EVEN6 (BinXML) and libyal's "Windows XML Event Log (EVTX)" description.

mod bytes;
mod chunk;
mod names;
mod row;
mod split;
mod template;
mod trouble;
mod value;

use std::io::Read;
use std::ops::ControlFlow;

use palisade_model::{
    Batch, Buffers, Catalogue, Fields, Origin, Problem, Projection, RowBatch, RowBuilder, SourceId,
};

use crate::{Context, Piece, Sink};

/// Signature of the file header.
const FILE_MAGIC: &[u8] = b"ElfFile\0";
/// Signature of a chunk.
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
/// Signature of a record.
const RECORD_MAGIC: &[u8] = b"\x2a\x2a\0\0";
/// Size of the file header with its padding.
const FILE_HEADER_BYTES: usize = 4_096;
/// Size of a chunk.
const CHUNK_BYTES: usize = 65_536;
/// Size of a chunk's header; records begin behind it.
const CHUNK_HEADER_BYTES: usize = 512;
/// Chunks per piece: half a megabyte keeps two cores busy on small logs too.
const PIECE_CHUNKS: usize = 8;

/// Buffers and caches one thread keeps.
#[derive(Default)]
pub struct Scratch {
    rows: row::Rows,
    live: Vec<(u64, u64)>,
    spare: Buffers,
}

/// Whether the head is that of an event log: a file header, or a chunk anywhere in it.
pub fn sniff(head: &[u8]) -> bool {
    head.starts_with(FILE_MAGIC)
        || memchr::memmem::find(head, CHUNK_MAGIC).is_some_and(|at| at == 0 || at % 512 == 0)
}

/// Cuts a stream into pieces of up to eight chunks.
pub fn split(
    origin: &Origin,
    stream: &mut dyn Read,
    emit: &mut dyn FnMut(Piece) -> ControlFlow<()>,
) -> Vec<Problem> {
    split::split(origin, stream, emit)
}

/// Reads the chunks of a piece into batches.
pub fn read(
    piece: Piece,
    context: Context<'_>,
    source: SourceId,
    origin: &Origin,
    scratch: &mut Scratch,
    sink: &mut Sink<'_>,
) -> Vec<Problem> {
    let Scratch { rows, live, spare } = scratch;
    rows.next_piece(context.fields);
    let mut reader = chunk::Reader {
        context,
        source,
        piece: &piece.data,
        rows,
        trouble: trouble::Trouble::new(origin),
        builder: RowBuilder::new(source, context.catalogue, context.projection, std::mem::take(spare)),
        sink,
        live,
    };
    let mut offset = piece.offset;
    for chunk in piece.data.chunks(CHUNK_BYTES) {
        reader.chunk(chunk, offset);
        offset += chunk.len() as u64;
    }
    let (buffers, problems) = reader.finish();
    *spare = buffers;
    problems
}

/// Reads any bytes as an event log and looks at every row: the door for fuzzing.
pub fn fuzz(data: &[u8]) {
    let fields = Fields::default();
    let catalogue = Catalogue::default();
    let mut projection = Projection::new(&catalogue);
    projection.want_text(palisade_model::ShapeId::UNRECOGNISED);
    // Every other input is read as who keeps records whole reads it.
    if data.len() % 2 == 1 {
        projection.keep_everything(&fields);
    }
    let dialects = crate::json::Dialects::default();
    let context = Context {
        fields: &fields,
        catalogue: &catalogue,
        projection: &projection,
        dialects: &dialects,
        zone: None,
        as_of: None,
    };
    let origin = Origin::file("fuzz");
    let mut scratch = Scratch::default();
    let mut stream = data;
    let mut sink = |batch: RowBatch| -> Buffers {
        for row in 0..batch.len() {
            batch.scan_text(row, &mut |_| {});
            batch.every(row, &mut |_, _| {});
            let _ = batch.text(row);
        }
        batch.into_buffers()
    };
    let mut emit = |piece: Piece| {
        read(piece, context, SourceId(0), &origin, &mut scratch, &mut sink);
        ControlFlow::Continue(())
    };
    split(&origin, &mut stream, &mut emit);
}
