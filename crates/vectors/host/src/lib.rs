//! Room: `vectors/host` — host and cloud logs into events.
//!
//! The `read` door has two halves, so that both cores work and memory stays bounded:
//! [`split`] walks a stream once, serially and cheaply, and cuts it into [`Piece`]s
//! (a group of EVTX chunks, a range of lines); [`read`] turns one piece into
//! batches, on any thread, with the same result whatever the order.
//!
//! The [`detect`] door looks at what batches say together: counts, paths, rhythms.
//!
//! What this room never does: know rules or indicators, open
//! archives (that is `vectors/files`), read a clock, or write anything. Its `read` door never judges.

pub mod detect;
pub mod evtx;
mod input;
pub mod json;
pub mod lines;
mod problems;

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use palisade_model::{Buffers, Catalogue, Fields, Origin, Problem, Projection, RowBatch, SourceId, Time};

/// A kind of log this room reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Windows event log (EVTX), whole or damaged, chunks found by signature.
    Evtx,
    /// JSON: lines, arrays, or one wrapped document (`{"Records":[…]}`).
    Json,
    /// Text, line by line.
    Lines(lines::Kind),
}

/// How many bytes of a stream's head [`sniff`] wants to see.
pub const SNIFF_BYTES: usize = 64 << 10;

/// Recognises a log by its first bytes, never by its name.
pub fn sniff(head: &[u8]) -> Option<Format> {
    if evtx::sniff(head) {
        Some(Format::Evtx)
    } else if json::sniff(head) {
        Some(Format::Json)
    } else {
        lines::sniff(head).map(|(kind, _)| Format::Lines(kind))
    }
}

/// A part of a source that can be read alone.
pub struct Piece {
    /// What it is part of.
    pub format: Format,
    /// Bytes, complete chunks or complete lines.
    pub data: Vec<u8>,
    /// Offset of the first byte in the source.
    pub offset: u64,
    /// Number of the first record (1-based line or element); unused where records carry their own numbers.
    pub first_record: u64,
    /// Damage that `split` already knows of in this piece (bad signature, truncated end, quotes of a table that do not close).
    pub damaged: bool,
    /// What stands before the piece and says how to read it: a table's header, the fields of a
    /// W3C log, the year of a syslog. Empty where records explain themselves.
    pub preface: Arc<[u8]>,
}

/// What reading needs to know. All of it is closed before evidence is opened.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Names that somebody asked for.
    pub fields: &'a Fields,
    /// Kinds of records.
    pub catalogue: &'a Catalogue,
    /// What is wanted of each kind.
    pub projection: &'a Projection,
    /// How JSON records are recognised.
    pub dialects: &'a json::Dialects,
    /// Zone of times that name none; without it such a time is a Problem and the event has no time.
    pub zone: Option<&'a jiff::tz::TimeZone>,
    /// No record is later than this (when the file was written last, when it was collected): the
    /// year of times that name none. Without it, and without a year elsewhere in the log, such a
    /// time is a Problem and the event has no time.
    pub as_of: Option<Time>,
}

/// What one thread keeps between pieces: scratch buffers and caches.
#[derive(Default)]
pub struct Scratch {
    /// EVTX reader's.
    pub evtx: evtx::Scratch,
    /// JSON reader's.
    pub json: json::Scratch,
    /// Line readers'.
    pub lines: lines::Scratch,
}

/// Receives a finished batch and gives back buffers to fill next (empty ones will do).
pub type Sink<'s> = dyn FnMut(RowBatch) -> Buffers + 's;

/// Walks a stream and cuts it into pieces, in order. Stops early when `emit` breaks.
pub fn split(
    format: Format,
    origin: &Origin,
    stream: &mut dyn Read,
    emit: &mut dyn FnMut(Piece) -> ControlFlow<()>,
) -> Vec<Problem> {
    match format {
        Format::Evtx => evtx::split(origin, stream, emit),
        Format::Json => json::split(origin, stream, emit),
        Format::Lines(kind) => lines::split(kind, origin, stream, emit),
    }
}

/// Reads one piece into batches.
pub fn read(
    piece: Piece,
    context: Context<'_>,
    source: SourceId,
    origin: &Origin,
    scratch: &mut Scratch,
    sink: &mut Sink<'_>,
) -> Vec<Problem> {
    match piece.format {
        Format::Evtx => evtx::read(piece, context, source, origin, &mut scratch.evtx, sink),
        Format::Json => json::read(piece, context, source, origin, &mut scratch.json, sink),
        Format::Lines(kind) => lines::read(kind, piece, context, source, origin, scratch, sink),
    }
}
