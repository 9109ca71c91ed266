//! From parsed records to rows of a batch: the core that every line reader shares.

use std::collections::HashMap;
use std::ops::Range;

use palisade_model::{
    Buffers, FieldId, MAX_ROWS, ProblemCode, RowBuilder, RowHeader, ShapeId, SourceId, StreamId, Time,
};

use super::row::{Fault, Name, Place, Row, Stream, When};
use crate::json::in_zone;
use crate::problems::Problems;
use crate::{Context, Sink};

/// Most stream names whose routing is remembered; evidence names programs.
const MAX_STREAMS: usize = 1_024;

/// Longest program name that may name a stream.
const MAX_PROGRAM_BYTES: usize = 64;

/// What a thread keeps between pieces.
#[derive(Default)]
pub(super) struct Scratch {
    streams: HashMap<Box<str>, Option<StreamId>, foldhash::fast::FixedState>,
    name: String,
    spare: Buffers,
}

/// The batch being filled. Its arena begins with the piece's text; places are offsets in the
/// piece, `base` is where the arena starts in it.
pub(super) struct Sheet<'a, 'p, 'o, 's> {
    pub context: Context<'a>,
    source: SourceId,
    offset: u64,
    base: usize,
    end: usize,
    builder: RowBuilder<'a>,
    scratch: &'p mut Scratch,
    problems: &'p mut Problems<'o>,
    sink: &'p mut Sink<'s>,
}

impl<'a, 'p, 'o, 's> Sheet<'a, 'p, 'o, 's> {
    /// Over the text of a piece, which stands at `offset` of the source.
    pub fn new(
        text: String,
        offset: u64,
        context: Context<'a>,
        source: SourceId,
        scratch: &'p mut Scratch,
        problems: &'p mut Problems<'o>,
        sink: &'p mut Sink<'s>,
    ) -> Self {
        let end = text.len();
        let spare = std::mem::take(&mut scratch.spare);
        let builder = RowBuilder::over(source, context.catalogue, context.projection, text, spare);
        Sheet { context, source, offset, base: 0, end, builder, scratch, problems, sink }
    }

    /// The line that begins at a place of the piece, without its end (`\n`, `\r\n`).
    pub fn line(&self, at: usize) -> Option<Range<usize>> {
        if at >= self.end {
            return None;
        }
        let rest = self.builder.arena().get(at - self.base..self.end - self.base)?;
        let line = super::line_at(rest, 0)?;
        Some(at..at + line.end)
    }

    /// The text at a range of the piece.
    pub fn text(&self, range: &Range<usize>) -> &str {
        let text = self.builder.arena().get(range.start - self.base..range.end - self.base).unwrap_or("");
        text.strip_suffix('\r').unwrap_or(text)
    }

    /// A record that begins at this place of the piece is not what its log is.
    pub fn fault(&mut self, fault: Fault, at: usize) {
        self.problem(ProblemCode::Syntax, at, fault);
    }

    /// Notes a problem at a place of the piece.
    pub fn problem(&mut self, code: ProblemCode, at: usize, message: &str) {
        self.problems.add(code, self.offset + at as u64, message);
    }

    /// Makes a row of the record at `range` of the piece.
    pub fn emit(&mut self, row: &Row, range: Range<usize>, record: u64) {
        let start = range.start - self.base;
        let len = self.text(&range).len();
        let offset = self.offset + range.start as u64;
        self.builder.begin();
        if row.made.is_empty() {
            self.row(row, start..start + len, start, 0, record, offset, range.start);
            return;
        }
        // What was made stands behind the record's text, so that one text holds every value.
        let arena = self.builder.arena_mut();
        let copy = arena.len();
        arena.extend_from_within(start..start + len);
        arena.push('\n');
        let made = arena.len();
        arena.push_str(&row.made);
        let raw = copy..made + row.made.len();
        self.row(row, raw, copy, made, record, offset, range.start);
    }

    /// Makes a row of a record that was put together: all its text is `made`.
    pub fn emit_made(&mut self, row: &Row, at: usize, record: u64) {
        self.builder.begin();
        let arena = self.builder.arena_mut();
        let made = arena.len();
        arena.push_str(&row.made);
        let raw = made..made + row.made.len();
        self.row(row, raw, made, made, record, self.offset + at as u64, at);
    }

    #[allow(clippy::too_many_arguments, reason = "places in two texts, spelt out")]
    fn row(
        &mut self,
        row: &Row,
        raw: Range<usize>,
        text: usize,
        made: usize,
        record: u64,
        offset: u64,
        at: usize,
    ) {
        let shape = self.shape(row, text, made);
        let time = self.time(row.when, at);
        if row.overflow {
            self.problem(
                ProblemCode::Limit,
                at,
                "a record has more than 4096 values; the rest were left out",
            );
        }
        let projection = self.context.projection;
        let (kept, wanted) = (projection.kept(shape), projection.wanted(shape));
        let (keywords, whole) = (projection.text(shape), projection.everything());
        let place = |p: Place| match p {
            Place::Text(a, b) => text + a as usize..text + b as usize,
            Place::Made(a, b) => made + a as usize..made + b as usize,
        };
        for value in &row.values {
            let range = place(value.place);
            let known = match value.name {
                Name::Fixed(name) => self.context.fields.id(name),
                Name::At(p) => {
                    let name = self.builder.arena().get(place(p)).unwrap_or("");
                    self.context.fields.id(name)
                }
            };
            match known.filter(|f| kept.contains(*f)) {
                // An empty text is nothing that keywords are searched in.
                Some(field) if whole && range.is_empty() && !wanted.contains(field) => {
                    self.builder.quiet_cell(field, range);
                }
                Some(field) => self.builder.range_cell(field, range),
                None if whole => {
                    let name = match value.name {
                        Name::Fixed(name) => name,
                        Name::At(p) => {
                            self.scratch.name.clear();
                            let name = self.builder.arena().get(place(p)).unwrap_or("");
                            self.scratch.name.push_str(name);
                            &self.scratch.name
                        }
                    };
                    let name = self.builder.local(name);
                    if range.is_empty() {
                        self.builder.quiet_cell(name, range);
                    } else {
                        self.builder.range_cell(name, range);
                    }
                }
                None if keywords && !range.is_empty() => self.builder.range_cell(FieldId::NONE, range),
                None => {}
            }
        }
        let header = RowHeader { shape, time, record, offset, recovered: false, guids: false, blank: false };
        self.builder.end_over(header, raw, false);
    }

    fn shape(&mut self, row: &Row, text: usize, made: usize) -> ShapeId {
        let catalogue = self.context.catalogue;
        for stream in &row.streams {
            self.scratch.name.clear();
            match stream {
                Stream::Fixed(name) => self.scratch.name.push_str(name),
                Stream::Program(p) => {
                    let range = match *p {
                        Place::Text(a, b) => text + a as usize..text + b as usize,
                        Place::Made(a, b) => made + a as usize..made + b as usize,
                    };
                    let program = self.builder.arena().get(range).unwrap_or("");
                    if program.len() > MAX_PROGRAM_BYTES {
                        continue;
                    }
                    self.scratch.name.push_str("syslog.");
                    self.scratch.name.extend(program.chars().map(|c| c.to_ascii_lowercase()));
                }
            }
            let name = self.scratch.name.as_str();
            let id = match self.scratch.streams.get(name) {
                Some(known) => *known,
                None => {
                    let id = catalogue.stream(name);
                    if self.scratch.streams.len() < MAX_STREAMS {
                        self.scratch.streams.insert(name.into(), id);
                    }
                    id
                }
            };
            if let Some(id) = id {
                return catalogue.shape(id, row.event_id);
            }
        }
        ShapeId::UNRECOGNISED
    }

    fn time(&mut self, when: When, at: usize) -> Option<Time> {
        match when {
            When::At(time) => Some(time),
            When::Never => None,
            When::Local(local) => match self.context.zone {
                Some(zone) => in_zone(local, zone),
                None => {
                    let what = "a record's only time names no zone; declare one with --assume-timezone";
                    self.problem(ProblemCode::NoZone, at, what);
                    None
                }
            },
        }
    }

    /// Hands a full batch over; what is still to be read, from `next` on, moves to the next one's arena.
    pub fn flush(&mut self, next: usize) {
        if self.builder.rows() < MAX_ROWS {
            return;
        }
        let next = next.min(self.end);
        let rest = self.builder.arena().get(next - self.base..self.end - self.base).unwrap_or("").to_owned();
        let (catalogue, projection) = (self.context.catalogue, self.context.projection);
        let spare = std::mem::take(&mut self.scratch.spare);
        let fresh = RowBuilder::over(self.source, catalogue, projection, rest, spare);
        let full = std::mem::replace(&mut self.builder, fresh).finish();
        self.scratch.spare = (self.sink)(full);
        self.base = next;
    }

    /// Hands the last batch over.
    pub fn finish(self) {
        if self.builder.rows() > 0 {
            self.scratch.spare = (self.sink)(self.builder.finish());
        }
    }
}
