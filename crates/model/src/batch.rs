//! Batches of events: the unit that travels from a reader to the rules.
//!
//! A reader fills a [`RowBatch`] through a [`RowBuilder`]; rules, indicators and
//! detectors see any [`Batch`] (the lake brings a second implementation over Arrow).
//! All text of a batch lies in one arena; a cell is a range in it. Nothing borrowed
//! leaves a batch: a finding owns bounded copies.
//!
//! Some texts of a row are computed from others: derived fields, the parts of `Hashes`,
//! the other spelling of a GUID. Rules see them like any other text; [`RowBatch::every`]
//! leaves them out, since whoever fills a row again from what it gave gets them again
//! ([`RowBuilder::spell_guid`], [`RowBuilder::hash_parts`], [`RowBuilder::end`]).

use std::borrow::Cow;
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::field::LocalNames;
use crate::json::{unescape_json, unescape_json_into, unescape_json_within};
use crate::shape::{Catalogue, DeriveOp, Projection, ShapeId};
use crate::{FieldId, Fields, SourceId, Time, Value};

/// A reader closes its batch once the arena has grown past this (one record may exceed it).
pub const MAX_ARENA_BYTES: usize = 1 << 20;

/// A reader closes its batch once it holds this many rows.
pub const MAX_ROWS: usize = 4_096;

/// Most values of one field that a derived field joins.
const MAX_JOINED: usize = 1_024;

/// Most parts of a `Hashes` value.
const MAX_HASHES: usize = 8;

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
    /// GUIDs of this row come in both spellings, with braces and without: Windows records
    /// that some exporter turned into JSON ([`RowBuilder::spell_guid`]).
    pub guids: bool,
    /// The row has XML elements without content ([`Value::Blank`]); where its values are kept
    /// as plain text, an empty text of it stands for such an element.
    pub blank: bool,
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
    /// The source a row comes from: one for all in batches of readers; rows of the lake come from many.
    fn source(&self, row: usize) -> SourceId;
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
    /// Content id of the row: the first 16 bytes of the SHA-256 of its text. A batch that
    /// was filled from stored rows gives what was computed when they were read.
    fn digest(&self, row: usize) -> [u8; 16] {
        digest_of(self.text(row).text)
    }
}

/// The first 16 bytes of a text's SHA-256.
fn digest_of(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    short
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
    /// Text that was computed from another cell of the row.
    Extra,
    /// Text made of other cells of the row, kept only because records are kept whole:
    /// keywords are not searched in it.
    Quiet,
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
    /// The row's digest is in [`RowBatch::digests`].
    stored: bool,
}

/// The batch every reader builds: one arena, one cell table, one row table.
#[derive(Debug)]
pub struct RowBatch {
    source: SourceId,
    arena: String,
    rows: Vec<Row>,
    cells: Vec<Cell>,
    names: LocalNames,
    /// By row, up to the last row whose digest was given; empty in batches of readers.
    digests: Vec<[u8; 16]>,
    /// By row, if rows come from several sources; empty in batches of readers.
    sources: Vec<SourceId>,
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
            CellKind::Text | CellKind::Extra | CellKind::Quiet => Value::Text(self.slice(cell)),
            CellKind::Number => Value::Number(self.slice(cell)),
            CellKind::True => Value::Bool(true),
            CellKind::False => Value::Bool(false),
            CellKind::Escaped => Value::Missing,
        }
    }

    /// The name behind an id of this batch ([`FieldId::is_local`]); empty for any other id.
    pub fn local_name(&self, field: FieldId) -> &str {
        self.names.name(field)
    }

    /// Every value that the row itself has, in record order and unescaped: of known fields,
    /// of names that only this batch knows ([`RowBatch::local_name`]) and of none
    /// ([`FieldId::NONE`]). What was computed from these is left out.
    ///
    /// It is the whole record only if the projection keeps everything
    /// ([`Projection::keep_everything`]). A value that is good for several fields comes once
    /// for each; an object that is a field as a whole comes beside its leaves.
    pub fn every(&self, row: usize, f: &mut dyn FnMut(FieldId, Value<'_>)) {
        let mut scratch = String::new();
        for cell in self.cells(row) {
            match cell.kind {
                CellKind::Extra => {}
                CellKind::Escaped => {
                    scratch.clear();
                    unescape_json_into(self.slice(*cell), &mut scratch);
                    f(cell.field, Value::Text(&scratch));
                }
                _ => f(cell.field, self.value(*cell)),
            }
        }
    }

    /// Bytes the batch holds.
    pub fn bytes(&self) -> usize {
        self.arena.capacity()
            + self.rows.capacity() * size_of::<Row>()
            + self.cells.capacity() * size_of::<Cell>()
            + self.digests.capacity() * size_of::<[u8; 16]>()
            + self.sources.capacity() * size_of::<SourceId>()
            + self.names.bytes()
    }

    /// Takes the batch apart so that its buffers can be filled again.
    pub fn into_buffers(self) -> Buffers {
        let RowBatch { source: _, arena, rows, cells, names, digests, sources } = self;
        Buffers { arena, rows, cells, names, digests, sources }
    }
}

impl Batch for RowBatch {
    fn source(&self, row: usize) -> SourceId {
        self.sources.get(row).copied().unwrap_or(self.source)
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
            if cell.field.is_known() && cell.kind != CellKind::Escaped {
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
                CellKind::Text | CellKind::Extra => f(self.slice(*cell)),
                CellKind::Escaped => {
                    scratch.clear();
                    unescape_json_into(self.slice(*cell), &mut scratch);
                    f(&scratch);
                }
                CellKind::Number => f(self.slice(*cell)),
                CellKind::Null | CellKind::Blank | CellKind::True | CellKind::False | CellKind::Quiet => {}
            }
        }
    }

    fn digest(&self, row: usize) -> [u8; 16] {
        match self.digests.get(row).filter(|_| self.rows[row].stored) {
            Some(stored) => *stored,
            None => digest_of(self.text(row).text),
        }
    }
}

/// Empty or spent buffers of a batch: reuse them and a run allocates nothing per batch.
#[derive(Default, Debug)]
pub struct Buffers {
    arena: String,
    rows: Vec<Row>,
    cells: Vec<Cell>,
    names: LocalNames,
    digests: Vec<[u8; 16]>,
    sources: Vec<SourceId>,
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
    digest: Option<[u8; 16]>,
}

impl<'c> RowBuilder<'c> {
    /// A builder with an empty arena.
    pub fn new(
        source: SourceId,
        catalogue: &'c Catalogue,
        projection: &'c Projection,
        buffers: Buffers,
    ) -> Self {
        let mut buffers = buffers;
        let mut arena = std::mem::take(&mut buffers.arena);
        arena.clear();
        Self::over(source, catalogue, projection, arena, buffers)
    }

    /// A builder whose arena starts with `input`; cells may point into it.
    pub fn over(
        source: SourceId,
        catalogue: &'c Catalogue,
        projection: &'c Projection,
        input: String,
        buffers: Buffers,
    ) -> Self {
        let Buffers { arena: _, mut rows, mut cells, mut names, mut digests, mut sources } = buffers;
        rows.clear();
        cells.clear();
        names.clear();
        digests.clear();
        sources.clear();
        RowBuilder {
            catalogue,
            projection,
            batch: RowBatch { source, arena: input, rows, cells, names, digests, sources },
            first_cell: 0,
            first_byte: 0,
            digest: None,
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
        self.digest = None;
        self.first_cell = self.batch.cells.len();
        self.first_byte = self.batch.arena.len();
    }

    /// The id of a name that nobody asked for, in this batch. [`FieldId::NONE`] if the name is
    /// longer than [`crate::MAX_LOCAL_NAME_BYTES`], or if the batch has as many as it may
    /// ([`crate::MAX_LOCAL_NAMES`]).
    ///
    /// Only for values of unknown fields, or ones that must not count for a known field: a
    /// known name interned here is not found by [`Batch::field`].
    pub fn local(&mut self, name: &str) -> FieldId {
        self.batch.names.intern(name)
    }

    /// The source of the row begun last, in a batch whose rows come from several: then of every row.
    pub fn set_source(&mut self, source: SourceId) {
        self.batch.sources.truncate(self.batch.rows.len());
        self.batch.sources.push(source);
    }

    /// The digest of the row begun last, as it was when the record was read ([`Batch::digest`]).
    pub fn set_digest(&mut self, digest: [u8; 16]) {
        self.digest = Some(digest);
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

    /// Text in the arena that is computed from another cell of the row, as rules see it:
    /// [`RowBatch::every`] leaves it out.
    pub fn extra_cell(&mut self, field: FieldId, range: Range<usize>) {
        self.push(field, CellKind::Extra, range);
    }

    /// Text in the arena that other cells of the row make up, for a field that nobody wants
    /// but who keeps records whole: [`Batch::scan_text`] leaves it out.
    pub fn quiet_cell(&mut self, field: FieldId, range: Range<usize>) {
        self.push(field, CellKind::Quiet, range);
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
        let digest = self.digest.take();
        self.batch.rows.push(Row { header, cells, raw, escaped, stored: digest.is_some() });
        if let Some(digest) = digest {
            self.batch.digests.resize(self.batch.rows.len() - 1, [0; 16]);
            self.batch.digests.push(digest);
        }
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
                if matches!(derive.op, DeriveOp::First) && !out.is_empty() {
                    break;
                }
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
                let start = self.batch.arena.len();
                self.batch.arena.push_str(&value);
                self.push(derive.field, CellKind::Extra, start..start + value.len());
            }
        }
    }

    /// Where the GUID that fills `range` of the arena lies in its other spelling: without
    /// braces if it has some, in braces if it has none (then it is appended to the arena).
    /// `None`: it is no GUID.
    ///
    /// Exporters drop the braces that Windows writes, and rules are written after either.
    pub fn guid_spelling(&mut self, range: Range<usize>) -> Option<Range<usize>> {
        match self.batch.arena.as_bytes().get(range.clone())? {
            [b'{', inner @ .., b'}'] if is_bare_guid(inner) => Some(range.start + 1..range.end - 1),
            bytes if is_bare_guid(bytes) => {
                let arena = &mut self.batch.arena;
                let start = arena.len();
                arena.push('{');
                arena.extend_from_within(range);
                arena.push('}');
                Some(start..arena.len())
            }
            _ => None,
        }
    }

    /// Whether a GUID of this field is a value of the field in both spellings, in rows that
    /// give both ([`RowHeader::guids`]): rules compare the field, and no field is derived from
    /// it (that one would have the GUID twice).
    pub fn is_spelled_twice(&self, shape: ShapeId, field: FieldId) -> bool {
        self.projection.hot(shape).contains(field)
            && !self.catalogue.shape_of(shape).derive.iter().any(|d| d.inputs.contains(&field))
    }

    /// To follow each text cell of a row with [`RowHeader::guids`]: if the text at `range` is a
    /// GUID, its other spelling too, as a cell of the same field if rules compare that
    /// ([`RowBuilder::is_spelled_twice`]), else without a name, if keywords are searched in rows
    /// of this shape ([`Projection::text`]).
    ///
    /// A value good for several fields takes two steps: [`RowBuilder::guid_spelling`] once, then
    /// a cell for each field that is spelled twice, or one without a name if there is none.
    pub fn spell_guid(&mut self, shape: ShapeId, field: FieldId, range: Range<usize>) {
        let twice = self.is_spelled_twice(shape, field);
        if !twice && !self.projection.text(shape) {
            return;
        }
        if let Some(other) = self.guid_spelling(range) {
            self.extra_cell(if twice { field } else { FieldId::NONE }, other);
        }
    }

    /// To follow each text cell of a field that [`HashNames::is_whole`]: the parts of
    /// `SHA1=…,MD5=…,IMPHASH=…` at `range` as cells of those fields that somebody wants of this
    /// shape ([`Projection::wanted`]).
    pub fn hash_parts(&mut self, names: &HashNames, shape: ShapeId, range: Range<usize>) {
        let wanted = self.projection.wanted(shape);
        let RowBatch { arena, cells, .. } = &mut self.batch;
        let Some(text) = arena.as_bytes().get(range.clone()) else { return };
        names.split(text, |field, part| {
            if wanted.contains(field) {
                // The whole arena is far below 4 GiB, as for every cell.
                let (start, len) = ((range.start + part.start) as u32, part.len() as u32);
                cells.push(Cell { field, kind: CellKind::Extra, start, len });
            }
        });
    }

    /// The finished batch.
    pub fn finish(self) -> RowBatch {
        self.batch
    }
}

/// `0cce9210-69ae-11d9-bed3-505054503030`
fn is_bare_guid(b: &[u8]) -> bool {
    b.len() == 36
        && b.iter().enumerate().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => *c == b'-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// Which fields hold Sysmon's list of hashes, and under which names rules read its parts.
#[derive(Clone, Default, Debug)]
pub struct HashNames {
    whole: [Option<FieldId>; 2],
    parts: Vec<(&'static str, FieldId)>,
}

impl HashNames {
    /// Those of the names that somebody asked for.
    pub fn new(fields: &Fields) -> HashNames {
        let parts = [
            ("IMPHASH", "Imphash"),
            ("IMPHASH", "IMPHASH"),
            ("IMPHASH", "imphash"),
            ("MD5", "md5"),
            ("MD5", "MD5"),
            ("SHA1", "sha1"),
            ("SHA1", "SHA1"),
            ("SHA256", "sha256"),
            ("SHA256", "SHA256"),
        ];
        HashNames {
            whole: [fields.id("Hashes"), fields.id("Hash")],
            parts: parts.iter().filter_map(|(key, name)| Some((*key, fields.id(name)?))).collect(),
        }
    }

    /// Whether the field holds such a list: `Hashes`, or `Hash` as in Sysmon's event 15.
    #[inline]
    pub fn is_whole(&self, field: FieldId) -> bool {
        self.whole.contains(&Some(field))
    }

    /// The parts of a list that somebody asked for, each with its field and its place in `text`.
    pub fn split(&self, text: &[u8], mut f: impl FnMut(FieldId, Range<usize>)) {
        if self.parts.is_empty() {
            return;
        }
        let mut at = 0;
        for part in text.split(|b| *b == b',').take(MAX_HASHES) {
            let end = at + part.len();
            if let Some(equals) = part.iter().rposition(|b| *b == b'=') {
                let key = part[..equals].trim_ascii();
                for (name, field) in &self.parts {
                    if key.eq_ignore_ascii_case(name.as_bytes()) {
                        f(*field, at + equals + 1..end);
                    }
                }
            }
            at = end + 1;
        }
    }
}
