//! From the rows of a piece to columns, on the thread that read them.
//!
//! A piece's rows leave as one Arrow batch per table, in record order. What depends on the case
//! (the number of the source in it) and on other pieces (sorting, the union of columns) is
//! left to [`segment`](super::segment), which sees pieces in order.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, FixedSizeBinaryBuilder, Int32Array, Int32Builder,
    Int64Builder, ListBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder, UInt32Array,
};
use datafusion::arrow::compute::{filter, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, UInt32Type};
use palisade_model::{Batch as _, Extract, FieldId, RowBatch, Value};

use super::layout::{self, ColumnType, Layout, MAX_COLUMNS, flag};

/// Texts whose observables are remembered, per kind of extraction and thread.
const MEMO: usize = 32_768;

/// Longest text whose observables are remembered.
const MEMO_BYTES: usize = 512;

/// Most records of one log that are remembered, to know carved copies of them.
const MAX_SEEN: usize = 1 << 20;

/// Most observables of one row: more than the longest record that is read can name. A row with fewer
/// here than indicators see in it would not be found by them.
const MAX_OBSERVABLES: usize = 1 << 20;

/// Rows of one piece for one table.
#[derive(Debug)]
pub struct Part {
    /// The table.
    pub table: Arc<str>,
    /// Envelope without `_source` and `_member`, then the fields that occur.
    pub rows: RecordBatch,
    /// Number of each row among all rows of the piece.
    pub places: UInt32Array,
}

/// Rows of one piece, by table.
#[derive(Debug, Default)]
pub struct Load {
    /// By table.
    pub parts: Vec<Part>,
    /// Rows in all.
    pub rows: u32,
}

impl Load {
    /// Bytes of the values held.
    pub fn bytes(&self) -> usize {
        let columns = self.parts.iter().flat_map(|p| p.rows.columns());
        columns.map(|c| c.to_data().get_slice_memory_size().unwrap_or(c.get_array_memory_size())).sum()
    }

    /// Marks rows that were carved and whose record the log has brought before. Pieces come in order,
    /// and `seen` is of one log.
    pub fn mark_copies(&mut self, seen: &mut SeenRows) {
        for part in &mut self.parts {
            let digest = part.rows.column_by_name(layout::DIGEST).and_then(|c| c.as_fixed_size_binary_opt());
            let flags = part.rows.column_by_name(layout::FLAGS);
            let flags = flags.and_then(|c| c.as_primitive_opt::<Int32Type>());
            let (Some(digest), Some(flags)) = (digest, flags) else { continue };
            let mut marked = false;
            let new: Int32Array = flags
                .values()
                .iter()
                .enumerate()
                .map(|(i, flags)| {
                    let copy = seen.is_copy(digest.value(i), flags & flag::RECOVERED != 0);
                    marked |= copy;
                    if copy { flags | flag::COPY } else { *flags }
                })
                .collect();
            if marked && let Ok(at) = part.rows.schema_ref().index_of(layout::FLAGS) {
                let mut columns = part.rows.columns().to_vec();
                columns[at] = Arc::new(new);
                // Only values of a column without gaps changed, so this cannot fail.
                if let Ok(rows) = RecordBatch::try_new(part.rows.schema(), columns) {
                    part.rows = rows;
                }
            }
        }
    }

    /// Leaves out the first `n` rows of the piece.
    pub fn skip(&mut self, n: u64) {
        if n == 0 {
            return;
        }
        for part in &mut self.parts {
            let keep: BooleanArray = part.places.values().iter().map(|p| Some(u64::from(*p) >= n)).collect();
            part.filter(&keep);
        }
    }

    /// Leaves out rows of which `keep` says so, given digest and record number.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], i64) -> bool) {
        for part in &mut self.parts {
            let digest = part.rows.column_by_name(layout::DIGEST).and_then(|c| c.as_fixed_size_binary_opt());
            let record = part.rows.column_by_name(layout::RECORD);
            let record = record.and_then(|c| c.as_primitive_opt::<Int64Type>());
            let (Some(digest), Some(record)) = (digest, record) else { continue };
            let kept: BooleanArray =
                (0..record.len()).map(|i| Some(keep(digest.value(i), record.value(i)))).collect();
            part.filter(&kept);
        }
    }
}

/// Records that a log has brought.
#[derive(Debug, Default)]
pub struct SeenRows {
    digests: HashSet<u64, foldhash::fast::FixedState>,
}

impl SeenRows {
    /// Whether a carved record came before. From now on this one did; of a very long log, the first
    /// ones are remembered.
    fn is_copy(&mut self, digest: &[u8], carved: bool) -> bool {
        let Some(half) = digest.first_chunk::<8>() else { return false };
        let key = u64::from_le_bytes(*half);
        if self.digests.len() < MAX_SEEN {
            let new = self.digests.insert(key);
            return carved && !new;
        }
        carved && self.digests.contains(&key)
    }
}

impl Part {
    fn filter(&mut self, keep: &BooleanArray) {
        if keep.true_count() == keep.len() {
            return;
        }
        let places = filter(&self.places, keep);
        let rows = filter_record_batch(&self.rows, keep);
        // Lengths agree, so neither fails.
        if let (Ok(rows), Ok(places)) = (rows, places) {
            self.rows = rows;
            self.places = places.as_primitive::<UInt32Type>().clone();
        }
    }
}

/// Texts met, and the observables in each.
type Memo = HashMap<Box<str>, Arc<[Box<str>]>, foldhash::fast::FixedState>;

/// What one thread keeps between pieces.
#[derive(Default)]
pub struct Packer {
    tables: Vec<Option<Box<Table>>>,
    memo: Vec<Memo>,
    rows: u32,
    rest: Rest,
    found: Vec<Found>,
}

/// Where an observable of the row being packed is: in the memory of texts.
type Found = (Arc<[Box<str>]>, usize);

enum Cells {
    Text(StringBuilder),
    Integer(Int64Builder),
}

struct Column {
    field: FieldId,
    cells: Cells,
    len: usize,
}

impl Column {
    fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.len);
        if missing > 0 {
            match &mut self.cells {
                Cells::Text(b) => b.append_nulls(missing),
                Cells::Integer(b) => b.append_nulls(missing),
            }
            self.len = rows;
        }
    }
}

const NO_COLUMN: u16 = u16::MAX;

struct Table {
    rows: usize,
    places: Vec<u32>,
    time: TimestampMicrosecondBuilder,
    shape: StringBuilder,
    record: Int64Builder,
    offset: Int64Builder,
    flags: Int32Builder,
    digest: FixedSizeBinaryBuilder,
    named: [StringBuilder; 4],
    observables: ListBuilder<StringBuilder>,
    rest: StringBuilder,
    by_field: Vec<u16>,
    columns: Vec<Column>,
}

impl Table {
    fn new(fields: usize) -> Table {
        let item = Field::new("item", DataType::Utf8, false);
        Table {
            rows: 0,
            places: Vec::new(),
            time: TimestampMicrosecondBuilder::new(),
            shape: StringBuilder::new(),
            record: Int64Builder::new(),
            offset: Int64Builder::new(),
            flags: Int32Builder::new(),
            digest: FixedSizeBinaryBuilder::new(16),
            named: Default::default(),
            observables: ListBuilder::new(StringBuilder::new()).with_field(item),
            rest: StringBuilder::new(),
            by_field: vec![NO_COLUMN; fields],
            columns: Vec::new(),
        }
    }

    /// The column of a field, made if there is room.
    fn column(&mut self, field: FieldId, kind: ColumnType) -> Option<&mut Column> {
        let at = *self.by_field.get(field.index())?;
        if at != NO_COLUMN {
            return self.columns.get_mut(usize::from(at));
        }
        if self.columns.len() >= MAX_COLUMNS {
            return None;
        }
        self.by_field[field.index()] = self.columns.len() as u16;
        let cells = match kind {
            // A piece has a handful of rows of most tables: room for a thousand in each column is waste.
            ColumnType::Text => Cells::Text(StringBuilder::with_capacity(16, 256)),
            ColumnType::Integer => Cells::Integer(Int64Builder::with_capacity(16)),
        };
        self.columns.push(Column { field, cells, len: 0 });
        self.columns.last_mut()
    }

    /// The finished rows; the table starts anew.
    fn finish(&mut self, name: &Arc<str>, layout: &Layout) -> Option<Part> {
        let rows = std::mem::take(&mut self.rows);
        let places = UInt32Array::from(std::mem::take(&mut self.places));
        let mut fields = Vec::with_capacity(16 + self.columns.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(16 + self.columns.len());
        for field in layout::envelope() {
            let array: ArrayRef = match field.name().as_str() {
                layout::TIME => Arc::new(self.time.finish()),
                layout::SHAPE => Arc::new(self.shape.finish()),
                layout::RECORD => Arc::new(self.record.finish()),
                layout::OFFSET => Arc::new(self.offset.finish()),
                layout::FLAGS => Arc::new(self.flags.finish()),
                layout::DIGEST => Arc::new(self.digest.finish()),
                layout::HOST => Arc::new(self.named[0].finish()),
                layout::USER => Arc::new(self.named[1].finish()),
                layout::SRC_IP => Arc::new(self.named[2].finish()),
                layout::DST_IP => Arc::new(self.named[3].finish()),
                layout::OBSERVABLES => Arc::new(self.observables.finish()),
                layout::REST => Arc::new(self.rest.finish()),
                // Of the source and of the room: the writer knows them.
                _ => continue,
            };
            fields.push(field);
            arrays.push(array);
        }
        for mut column in self.columns.drain(..) {
            self.by_field[column.field.index()] = NO_COLUMN;
            column.pad(rows);
            let (name, _) = layout.columns.get(column.field.index())?;
            let kind = match column.cells {
                Cells::Text(_) => ColumnType::Text,
                Cells::Integer(_) => ColumnType::Integer,
            };
            fields.push(Field::new(name.as_ref(), kind.arrow(), true));
            arrays.push(match column.cells {
                Cells::Text(mut b) => Arc::new(b.finish()),
                Cells::Integer(mut b) => Arc::new(b.finish()),
            });
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()?;
        Some(Part { table: name.clone(), rows, places })
    }
}

impl Packer {
    /// Adds the rows of a batch.
    pub fn add(&mut self, batch: &RowBatch, layout: &Layout) {
        self.tables.resize_with(layout.tables.len(), || None);
        self.memo.resize_with(EXTRACTS, HashMap::default);
        for row in 0..batch.len() {
            self.row(batch, row, layout);
        }
    }

    fn row(&mut self, batch: &RowBatch, row: usize, layout: &Layout) {
        let header = batch.header(row);
        let place_in_piece = self.rows;
        self.rows = self.rows.saturating_add(1);
        let Some(place) = layout.place(header.shape) else { return };
        let Some(slot) = self.tables.get_mut(usize::from(place.table)) else { return };
        let table = slot.get_or_insert_with(|| Box::new(Table::new(layout.columns.len())));
        let at = table.rows;
        table.rows += 1;
        table.places.push(place_in_piece);
        table.time.append_option(header.time.map(|t| t.0));
        table.shape.append_value(&place.shape);
        table.record.append_value(i64::try_from(header.record).unwrap_or(i64::MAX));
        table.offset.append_value(i64::try_from(header.offset).unwrap_or(i64::MAX));
        let flags =
            [(header.recovered, flag::RECOVERED), (header.guids, flag::GUIDS), (header.blank, flag::BLANK)];
        table.flags.append_value(flags.iter().filter(|(on, _)| *on).map(|(_, f)| f).sum());
        // The builder's width is the digest's, so this cannot fail.
        let _ = table.digest.append_value(batch.digest(row));

        let Packer { rest, memo, found, .. } = self;
        rest.clear();
        found.clear();
        batch.every(row, &mut |field, value| {
            let kind = layout.kind(field, place.table).filter(|_| !field.is_local());
            let column = kind.and_then(|kind| table.column(field, kind));
            if !column.is_some_and(|c| c.len <= at && put(c, at, value, header.blank)) {
                rest.add(field, value, header.blank);
            }
            // Wherever the value went: the index must know it.
            if let Some(text) = value.text() {
                for (_, extract) in place.observables.iter().filter(|(f, _)| *f == field) {
                    watch(*extract, text, memo, found);
                }
            }
        });
        let texts = [&place.host, &place.user, &layout.src_ip, &layout.dst_ip];
        for (i, fields) in texts.into_iter().enumerate() {
            // Most of the names never occur in this table: a column tells.
            let there =
                fields.iter().filter(|f| table.by_field.get(f.index()).is_some_and(|c| *c != NO_COLUMN));
            let first = there.filter_map(|f| batch.show(row, *f)).find(|t| !t.is_empty() && t != "-");
            match first {
                Some(text) if i >= 2 => {
                    let start = found.len();
                    watch(Extract::Ip, &text, memo, found);
                    // Canonical where it is an address, so that one spelling finds it.
                    let canonical = found.get(start).map(|(o, n)| &o[*n][IP_PREFIX..]);
                    table.named[i].append_value(canonical.unwrap_or(&text));
                }
                Some(text) => table.named[i].append_value(&text),
                None => table.named[i].append_null(),
            }
        }
        found.sort_by(|a, b| a.0[a.1].cmp(&b.0[b.1]));
        found.dedup_by(|a, b| a.0[a.1] == b.0[b.1]);
        for (texts, n) in found.iter().take(MAX_OBSERVABLES) {
            table.observables.values().append_value(&texts[*n]);
        }
        table.observables.append(true);
        match rest.json(batch, layout) {
            Some(json) => table.rest.append_value(json),
            None => table.rest.append_null(),
        }
    }

    /// The rows added since the last call.
    pub fn finish(&mut self, layout: &Layout) -> Load {
        let rows = std::mem::take(&mut self.rows);
        let parts = self.tables.iter_mut().zip(&layout.tables).filter_map(|(slot, name)| {
            let table = slot.as_mut().filter(|t| t.rows > 0)?;
            table.finish(name, layout)
        });
        Load { parts: parts.collect(), rows }
    }
}

/// Length of the `ip:` before the canonical text.
const IP_PREFIX: usize = 3;

/// Number of kinds of extraction.
const EXTRACTS: usize = 16;

/// Puts a value into its column if it fits there exactly.
fn put(column: &mut Column, at: usize, value: Value<'_>, blank: bool) -> bool {
    let text = match value {
        Value::Missing | Value::Null => return false,
        // An empty text and an element without content share the column's empty text; the row's flag says which it is.
        Value::Blank if !blank => return false,
        Value::Text("") if blank => return false,
        _ => value.text().unwrap_or(""),
    };
    match &mut column.cells {
        Cells::Text(b) => {
            let missing = at.saturating_sub(column.len);
            if missing > 0 {
                b.append_nulls(missing);
            }
            b.append_value(text);
        }
        Cells::Integer(b) => {
            let Some(number) = integer(text) else { return false };
            let missing = at.saturating_sub(column.len);
            if missing > 0 {
                b.append_nulls(missing);
            }
            b.append_value(number);
        }
    }
    column.len = at + 1;
    true
}

/// The number whose canonical decimal text this is.
fn integer(text: &str) -> Option<i64> {
    let canonical = match text.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] | [b'-', b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { text.parse().ok() } else { None }
}

/// Notes the observables of a text, remembering what common texts hold.
fn watch(extract: Extract, text: &str, memo: &mut [Memo], found: &mut Vec<Found>) {
    let Some(memo) = memo.get_mut(extract as usize) else { return };
    let held = match memo.get(text) {
        Some(held) => held.clone(),
        None => {
            let mut out = Vec::new();
            extract.apply(text, &mut out);
            let held: Arc<[Box<str>]> = out.iter().map(|o| o.to_string().into_boxed_str()).collect();
            if text.len() <= MEMO_BYTES {
                if memo.len() >= MEMO {
                    memo.clear();
                }
                memo.insert(text.into(), held.clone());
            }
            held
        }
    };
    for n in 0..held.len() {
        found.push((held.clone(), n));
    }
}

/// Values of a row that have no column, as the text of a JSON object.
#[derive(Default)]
struct Rest {
    cells: Vec<(FieldId, RestKind, u32, u32)>,
    text: String,
    json: String,
}

#[derive(Clone, Copy, PartialEq)]
enum RestKind {
    Null,
    Blank,
    Text,
    Number,
    Bool,
}

impl Rest {
    fn clear(&mut self) {
        self.cells.clear();
        self.text.clear();
    }

    fn add(&mut self, field: FieldId, value: Value<'_>, blank: bool) {
        let kind = match value {
            Value::Missing => return,
            Value::Null => RestKind::Null,
            Value::Blank if blank => RestKind::Text,
            Value::Blank => RestKind::Blank,
            Value::Text(_) => RestKind::Text,
            Value::Number(_) => RestKind::Number,
            Value::Bool(_) => RestKind::Bool,
        };
        let start = self.text.len() as u32;
        self.text.push_str(value.text().unwrap_or(""));
        self.cells.push((field, kind, start, self.text.len() as u32));
    }

    /// The object, names in the order of their ids; `None` if there is nothing to keep.
    fn json(&mut self, batch: &RowBatch, layout: &Layout) -> Option<&str> {
        if self.cells.is_empty() {
            return None;
        }
        // Stable: values of one name stay in their order.
        self.cells.sort_by_key(|c| c.0);
        let json = &mut self.json;
        json.clear();
        json.push('{');
        let mut groups = self.cells.chunk_by(|a, b| a.0 == b.0).peekable();
        while let Some(group) = groups.next() {
            let field = group[0].0;
            let name = match layout.columns.get(field.index()) {
                Some((name, _)) if !field.is_local() => name,
                _ => batch.local_name(field),
            };
            quote(name, json);
            json.push(':');
            if group.len() > 1 {
                json.push('[');
            }
            for (i, (_, kind, start, end)) in group.iter().enumerate() {
                if i > 0 {
                    json.push(',');
                }
                let text = self.text.get(*start as usize..*end as usize).unwrap_or("");
                match kind {
                    RestKind::Null => json.push_str("null"),
                    RestKind::Blank => json.push_str("{}"),
                    RestKind::Text => quote(text, json),
                    RestKind::Bool => json.push_str(text),
                    RestKind::Number if is_json_number(text) => json.push_str(text),
                    RestKind::Number => quote(text, json),
                }
            }
            if group.len() > 1 {
                json.push(']');
            }
            if groups.peek().is_some() {
                json.push(',');
            }
        }
        json.push('}');
        Some(json)
    }
}

/// Whether JSON (RFC 8259) lets the text stand as a number; logs write some that it does not.
fn is_json_number(text: &str) -> bool {
    let digits = |b: &[u8]| b.iter().take_while(|c| c.is_ascii_digit()).count();
    let mut rest = text.as_bytes();
    rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let n = digits(rest);
    if n == 0 || n > 1 && rest[0] == b'0' {
        return false;
    }
    rest = &rest[n..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = &fraction[n..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

/// Appends a JSON string.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (i, b) in text.bytes().enumerate() {
        let escape = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[from..i]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{b:04x}");
        } else {
            out.push_str(escape);
        }
        from = i + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}
