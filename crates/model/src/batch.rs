//! Batches of events: the unit that travels from a reader to the rules.
//!
//! A reader fills a [`RowBatch`] through a [`RowBuilder`]; rules, indicators and
//! detectors see any [`Batch`] (the lake brings a second implementation over Arrow).
//! All text of a batch lies in one arena; a cell is a range in it. Nothing borrowed
//! leaves a batch: a finding owns bounded copies.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{unescape_json, unescape_json_into, unescape_json_within};
use crate::shape::{Catalogue, DeriveOp, Projection, ShapeId};
use crate::{FieldId, SourceId, Time, Value};

/// A reader closes its batch once the arena has grown past this (one record may exceed it).
pub const MAX_ARENA_BYTES: usize = 1 << 20;

/// A reader closes its batch once it holds this many rows.
pub const MAX_ROWS: usize = 4_096;

/// Most values of one field that a derived field joins.
const MAX_JOINED: usize = 1_024;

/// What is known of a row before any field is looked at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RowHeader {
    /// What kind of record it is.
    pub shape: ShapeId,
    /// When it happened; `None` when the record names no readable time.
    pub time: Option<Time>,
    /// The record's number in its source: EVTX record-header number, 1-based line of NDJSON.
    pub record: u64,
    /// Byte offset of the record in its source (in the unpacked member for archives).
    pub offset: u64,
    /// The record was carved from space its log had given up (slack, damage).
    pub recovered: bool,
}

/// The text of a whole row, for a first look by keyword rules and for content ids.
#[derive(Clone, Copy, Debug)]
pub struct RowText<'a> {
    /// Every value of the row stands in it, verbatim or JSON-escaped.
    pub text: &'a str,
    /// Values may stand JSON-escaped (`\\` for `\`, `\u0041` for `A`).
    pub escaped: bool,
}

/// Rows of one source, seen field by field.
///
/// A field with several values (arrays, repeated elements) has several cells;
/// [`Batch::field`] gives the first, [`Batch::each`] all of them.
pub trait Batch: Send + Sync {
    /// The source all rows come from.
    fn source(&self) -> SourceId;
    /// Number of rows.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The envelope of a row.
    fn header(&self, row: usize) -> RowHeader;
    /// First value of a *hot* field (one the projection wants for this shape).
    fn field(&self, row: usize, field: FieldId) -> Value<'_>;
    /// Every hot value of the row in record order.
    fn each<'b>(&'b self, row: usize, f: &mut dyn FnMut(FieldId, Value<'b>));
    /// The first value of any field the reader kept, hot or cold; for people, not for the hot path.
    fn show(&self, row: usize, field: FieldId) -> Option<Cow<'_, str>>;
    /// Text of the whole row.
    fn text(&self, row: usize) -> RowText<'_>;
    /// Every text value of the row, unescaped, whether its field is known or not.
    fn scan_text(&self, row: usize, f: &mut dyn FnMut(&str));
}

/// One row of a batch: a `Copy` view.
#[derive(Clone, Copy)]
pub struct Event<'b> {
    /// The batch.
    pub batch: &'b dyn Batch,
    /// The row in it.
    pub row: usize,
}

impl<'b> Event<'b> {
    /// The envelope.
    pub fn header(self) -> RowHeader {
        self.batch.header(self.row)
    }
    /// First value of a hot field.
    pub fn field(self, field: FieldId) -> Value<'b> {
        self.batch.field(self.row, field)
    }
    /// Any kept field, for people.
    pub fn show(self, field: FieldId) -> Option<Cow<'b, str>> {
        self.batch.show(self.row, field)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CellKind {
    Null,
    Blank,
    Text,
    Number,
    True,
    False,
    /// Text still JSON-escaped: a cold value, unescaped only when somebody asks.
    Escaped,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    field: FieldId,
    kind: CellKind,
    start: u32,
    len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    header: RowHeader,
    cells: (u32, u32),
    raw: (u32, u32),
    escaped: bool,
}

/// The batch every reader builds: one arena, one cell table, one row table.
#[derive(Debug)]
pub struct RowBatch {
    source: SourceId,
    arena: String,
    rows: Vec<Row>,
    cells: Vec<Cell>,
}

impl RowBatch {
    fn cells(&self, row: usize) -> &[Cell] {
        let (a, b) = self.rows[row].cells;
        &self.cells[a as usize..b as usize]
    }

    fn slice(&self, cell: Cell) -> &str {
        // Ranges are made by the builder on character boundaries; an empty string
        // stands for a range that is not, so that no evidence can cause a panic.
        self.arena.get(cell.start as usize..cell.start as usize + cell.len as usize).unwrap_or("")
    }

    fn value(&self, cell: Cell) -> Value<'_> {
        match cell.kind {
            CellKind::Null => Value::Null,
            CellKind::Blank => Value::Blank,
            CellKind::Text => Value::Text(self.slice(cell)),
            CellKind::Number => Value::Number(self.slice(cell)),
            CellKind::True => Value::Bool(true),
            CellKind::False => Value::Bool(false),
            CellKind::Escaped => Value::Missing,
        }
    }

    /// Bytes the batch holds.
    pub fn bytes(&self) -> usize {
        self.arena.capacity()
            + self.rows.capacity() * size_of::<Row>()
            + self.cells.capacity() * size_of::<Cell>()
    }

    /// Takes the batch apart so that its buffers can be filled again.
    pub fn into_buffers(self) -> Buffers {
        Buffers { arena: self.arena, rows: self.rows, cells: self.cells }
    }
}

impl Batch for RowBatch {
    fn source(&self) -> SourceId {
        self.source
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn header(&self, row: usize) -> RowHeader {
        self.rows[row].header
    }

    fn field(&self, row: usize, field: FieldId) -> Value<'_> {
        let cell = self.cells(row).iter().find(|c| c.field == field);
        cell.map_or(Value::Missing, |c| self.value(*c))
    }

    fn each<'b>(&'b self, row: usize, f: &mut dyn FnMut(FieldId, Value<'b>)) {
        for cell in self.cells(row) {
            if cell.field != FieldId::NONE && cell.kind != CellKind::Escaped {
                f(cell.field, self.value(*cell));
            }
        }
    }

    fn show(&self, row: usize, field: FieldId) -> Option<Cow<'_, str>> {
        let cell = self.cells(row).iter().find(|c| c.field == field)?;
        match cell.kind {
            CellKind::Escaped => Some(unescape_json(self.slice(*cell))),
            _ => self.value(*cell).text().map(Cow::Borrowed),
        }
    }

    fn text(&self, row: usize) -> RowText<'_> {
        let r = &self.rows[row];
        RowText { text: self.arena.get(r.raw.0 as usize..r.raw.1 as usize).unwrap_or(""), escaped: r.escaped }
    }

    fn scan_text(&self, row: usize, f: &mut dyn FnMut(&str)) {
        let mut scratch = String::new();
        for cell in self.cells(row) {
            match cell.kind {
                CellKind::Text => f(self.slice(*cell)),
                CellKind::Escaped => {
                    scratch.clear();
                    unescape_json_into(self.slice(*cell), &mut scratch);
                    f(&scratch);
                }
                CellKind::Number => f(self.slice(*cell)),
                CellKind::Null | CellKind::Blank | CellKind::True | CellKind::False => {}
            }
        }
    }
}

/// Empty or spent buffers of a batch: reuse them and a run allocates nothing per batch.
#[derive(Default, Debug)]
pub struct Buffers {
    arena: String,
    rows: Vec<Row>,
    cells: Vec<Cell>,
}

/// Builds a [`RowBatch`] row by row.
///
/// ```text
/// begin() · text_cell()/range_cell()/… · end(header)   — or abandon()
/// ```
///
/// The arena may start with the reader's input (`RowBuilder::over`), so that values
/// without escapes are cells on the input itself and nothing is copied.
pub struct RowBuilder<'c> {
    catalogue: &'c Catalogue,
    projection: &'c Projection,
    batch: RowBatch,
    first_cell: usize,
    first_byte: usize,
}

impl<'c> RowBuilder<'c> {
    /// A builder with an empty arena.
    pub fn new(
        source: SourceId,
        catalogue: &'c Catalogue,
        projection: &'c Projection,
        buffers: Buffers,
    ) -> Self {
        let Buffers { mut arena, mut rows, mut cells } = buffers;
        arena.clear();
        rows.clear();
        cells.clear();
        Self::over(source, catalogue, projection, arena, Buffers { arena: String::new(), rows, cells })
    }

    /// A builder whose arena starts with `input`; cells may point into it.
    pub fn over(
        source: SourceId,
        catalogue: &'c Catalogue,
        projection: &'c Projection,
        input: String,
        buffers: Buffers,
    ) -> Self {
        let Buffers { mut rows, mut cells, .. } = buffers;
        rows.clear();
        cells.clear();
        RowBuilder {
            catalogue,
            projection,
            batch: RowBatch { source, arena: input, rows, cells },
            first_cell: 0,
            first_byte: 0,
        }
    }

    /// The catalogue that routes records.
    pub fn catalogue(&self) -> &'c Catalogue {
        self.catalogue
    }

    /// What is wanted of each shape.
    pub fn projection(&self) -> &'c Projection {
        self.projection
    }

    /// The arena so far.
    pub fn arena(&self) -> &str {
        &self.batch.arena
    }

    /// The arena, to append text to. Only append: earlier cells point into it.
    pub fn arena_mut(&mut self) -> &mut String {
        &mut self.batch.arena
    }

    /// Rows finished so far.
    pub fn rows(&self) -> usize {
        self.batch.rows.len()
    }

    /// Whether the batch is as large as a batch should be.
    pub fn is_full(&self) -> bool {
        self.batch.rows.len() >= MAX_ROWS || self.batch.arena.len() >= MAX_ARENA_BYTES
    }

    /// Starts a row.
    pub fn begin(&mut self) {
        self.first_cell = self.batch.cells.len();
        self.first_byte = self.batch.arena.len();
    }

    fn push(&mut self, field: FieldId, kind: CellKind, range: Range<usize>) {
        // Readers keep an arena far below 4 GiB: a record's length meets a limit first.
        let len = range.end.saturating_sub(range.start);
        let (Ok(start), Ok(len)) = (u32::try_from(range.start), u32::try_from(len)) else {
            return;
        };
        self.batch.cells.push(Cell { field, kind, start, len });
    }

    /// A text value, copied into the arena.
    pub fn text_cell(&mut self, field: FieldId, text: &str) {
        let start = self.batch.arena.len();
        self.batch.arena.push_str(text);
        self.push(field, CellKind::Text, start..start + text.len());
    }

    /// A text value that already lies in the arena.
    pub fn range_cell(&mut self, field: FieldId, range: Range<usize>) {
        self.push(field, CellKind::Text, range);
    }

    /// A number whose text already lies in the arena.
    pub fn number_cell(&mut self, field: FieldId, range: Range<usize>) {
        self.push(field, CellKind::Number, range);
    }

    /// JSON-escaped text in the arena. A hot field is unescaped now, a cold one when asked for.
    pub fn escaped_cell(&mut self, field: FieldId, range: Range<usize>, hot: bool) {
        if !hot {
            self.push(field, CellKind::Escaped, range);
            return;
        }
        let start = self.batch.arena.len();
        unescape_json_within(&mut self.batch.arena, range);
        self.push(field, CellKind::Text, start..self.batch.arena.len());
    }

    /// A boolean.
    pub fn bool_cell(&mut self, field: FieldId, value: bool) {
        self.push(field, if value { CellKind::True } else { CellKind::False }, 0..0);
    }

    /// A null.
    pub fn null_cell(&mut self, field: FieldId) {
        self.push(field, CellKind::Null, 0..0);
    }

    /// An XML element without content.
    pub fn blank_cell(&mut self, field: FieldId) {
        self.push(field, CellKind::Blank, 0..0);
    }

    /// Gives up the row begun last; what it put into the arena goes too.
    pub fn abandon(&mut self) {
        self.batch.cells.truncate(self.first_cell);
        self.batch.arena.truncate(self.first_byte);
    }

    /// Finishes the row whose text is everything appended to the arena since [`RowBuilder::begin`].
    pub fn end(&mut self, header: RowHeader) {
        let raw = self.first_byte..self.batch.arena.len();
        self.end_over(header, raw, false);
    }

    /// Finishes the row whose text is `raw` in the arena (`escaped`: as JSON).
    pub fn end_over(&mut self, header: RowHeader, raw: Range<usize>, escaped: bool) {
        self.derive(header.shape);
        let cells = (self.first_cell as u32, self.batch.cells.len() as u32);
        let raw = (raw.start as u32, raw.end as u32);
        self.batch.rows.push(Row { header, cells, raw, escaped });
        // From here on nothing is begun: giving up must not reach into a finished row.
        self.begin();
    }

    /// Computes the fields that the shape derives from others (`SubjectDomainName` and
    /// `SubjectUserName` to `User`), if somebody wants them.
    fn derive(&mut self, shape: ShapeId) {
        let catalogue = self.catalogue;
        for derive in &catalogue.shape_of(shape).derive {
            if !self.projection.hot(shape).contains(derive.field) {
                continue;
            }
            let (separator, most) = match &derive.op {
                // A field with several values joins all of them: arguments become a command line.
                DeriveOp::Join { separator, .. } => (separator.as_str(), MAX_JOINED),
                _ => ("", 1),
            };
            let mut out = String::new();
            for input in &derive.inputs {
                let cells = &self.batch.cells[self.first_cell..];
                for cell in cells.iter().filter(|c| c.field == *input).take(most) {
                    let text = match cell.kind {
                        CellKind::Escaped => unescape_json(self.batch.slice(*cell)),
                        _ => Cow::Borrowed(self.batch.value(*cell).text().unwrap_or("")),
                    };
                    if !text.is_empty() && !out.is_empty() {
                        out.push_str(separator);
                    }
                    out.push_str(&text);
                }
            }
            let value = derive.op.apply(out);
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                self.text_cell(derive.field, &value);
            }
        }
    }

    /// The finished batch.
    pub fn finish(self) -> RowBatch {
        self.batch
    }
}
