//! Rows of a segment back to batches, so that the same rules run over them.
//!
//! The cells come out as the reader gave them when the record was read: columns, then what
//! `_rest` holds, then what is computed from these. Columns nobody wants are not decoded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::file::metadata::PageIndexPolicy;
use palisade_model::{
    Buffers, Catalogue, FieldId, Fields, HashNames, MAX_ROWS, Projection, RowBatch, RowBuilder, RowHeader,
    ShapeId, SourceId, Time, unescape_json,
};

use super::layout::{self, flag};
use super::segments::{Lake, Segment};
use super::table::selection;

/// Sources that rows of the lake came from, numbered as they are met.
#[derive(Default, Debug)]
pub struct MetSources {
    inner: Mutex<Met>,
}

#[derive(Default, Debug)]
struct Met {
    ids: HashMap<(i64, Arc<str>), SourceId>,
    list: Vec<(i64, Arc<str>)>,
}

impl MetSources {
    fn id(&self, source: i64, member: &str) -> SourceId {
        let mut met = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source, Arc::<str>::from(member));
        if let Some(id) = met.ids.get(&key) {
            return *id;
        }
        let id = SourceId(met.list.len() as u32);
        met.list.push(key.clone());
        met.ids.insert(key, id);
        id
    }

    /// Each source's number in the case and the way to the member, by [`SourceId`].
    pub fn list(&self) -> Vec<(i64, Arc<str>)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).list.clone()
    }
}

/// What reading rows back needs to know.
#[derive(Clone, Copy)]
pub struct FillContext<'a> {
    /// Names that somebody asked for.
    pub fields: &'a Fields,
    /// Kinds of records.
    pub catalogue: &'a Catalogue,
    /// What is wanted of each kind.
    pub projection: &'a Projection,
    /// Fields that hold lists of hashes.
    pub hashes: &'a HashNames,
    /// Sources met.
    pub sources: &'a MetSources,
}

/// Which rows of a segment.
#[derive(Clone, Debug)]
pub enum Which {
    /// One row group.
    RowGroup(usize),
    /// Blocks that an index named, ascending.
    Blocks(Vec<std::ops::Range<u32>>),
}

/// Why rows could not be read back.
#[derive(Debug, thiserror::Error)]
#[error(
    "segment {file} cannot be read: {why}; `palisade case verify` shows the damage; restore the case from a backup"
)]
pub struct FillError {
    /// The file, below the lake.
    pub file: String,
    /// Why.
    pub why: String,
}

impl Lake {
    /// Reads rows of a segment into batches of at most [`MAX_ROWS`] rows.
    pub fn read(
        &self,
        segment: &Segment,
        which: &Which,
        context: FillContext<'_>,
        spare: Buffers,
        sink: &mut dyn FnMut(RowBatch) -> Buffers,
    ) -> Result<Buffers, FillError> {
        self.try_read(segment, which, context, spare, sink)
            .map_err(|why| FillError { file: segment.file.clone(), why })
    }

    fn try_read(
        &self,
        segment: &Segment,
        which: &Which,
        context: FillContext<'_>,
        mut spare: Buffers,
        sink: &mut dyn FnMut(RowBatch) -> Buffers,
    ) -> Result<Buffers, String> {
        let told = |e: &dyn std::fmt::Display| e.to_string();
        if matches!(which, Which::RowGroup(_)) {
            self.check(segment)?;
        }
        let file = self.open(segment).map_err(|e| told(&e))?;
        let pages = match which {
            Which::Blocks(_) => PageIndexPolicy::Required,
            Which::RowGroup(_) => PageIndexPolicy::Skip,
        };
        let options = ArrowReaderOptions::new().with_page_index_policy(pages);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|e| told(&e))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let wanted = wanted_columns(segment, context);
        let mut names: Vec<&str> = ENVELOPE.to_vec();
        names.extend(wanted.iter().map(|(name, _)| *name));
        // By place: a field's name may have dots in it, which would read as a path.
        let roots = reader.schema().fields().iter().enumerate();
        let roots = roots.filter(|(_, f)| names.contains(&f.name().as_str())).map(|(i, _)| i);
        let mask = ProjectionMask::roots(reader.parquet_schema(), roots);
        let mut reader = reader.with_projection(mask).with_batch_size(MAX_ROWS);
        reader = match which {
            Which::RowGroup(n) => reader.with_row_groups(vec![*n]),
            Which::Blocks(blocks) => reader.with_row_selection(selection(blocks, segment.rows).0),
        };
        for batch in reader.build().map_err(|e| told(&e))? {
            let batch = batch.map_err(|e| told(&e))?;
            let filled = fill(&batch, &wanted, context, spare)?;
            spare = sink(filled);
        }
        Ok(spare)
    }
}

/// Envelope columns that a batch needs.
const ENVELOPE: [&str; 9] = [
    layout::TIME,
    layout::SHAPE,
    layout::SOURCE,
    layout::MEMBER,
    layout::RECORD,
    layout::OFFSET,
    layout::FLAGS,
    layout::DIGEST,
    layout::REST,
];

/// Columns of a segment that somebody wants, with their fields.
fn wanted_columns<'s>(segment: &'s Segment, context: FillContext<'_>) -> Vec<(&'s str, FieldId)> {
    let FillContext { fields, catalogue, projection, .. } = context;
    let of_table = |name: &str| layout::table_of(name) == *segment.table;
    let shapes: Vec<ShapeId> =
        catalogue.shapes().filter(|(_, s)| of_table(&s.name)).map(|(id, _)| id).collect();
    let text = shapes.iter().any(|s| projection.text(*s));
    let columns = segment.columns.iter().filter_map(|(name, _)| {
        let field = fields.id(name).unwrap_or(FieldId::NONE);
        let kept = field != FieldId::NONE && shapes.iter().any(|s| projection.kept(*s).contains(field));
        (text || kept || shapes.is_empty()).then_some((name.as_str(), field))
    });
    columns.collect()
}

enum Column<'a> {
    Text(&'a StringArray),
    Integer(&'a Int64Array),
}

/// What becomes of a value in rows of one shape.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Cell(FieldId),
    /// Its field is not wanted, but keywords are searched.
    Nameless(FieldId),
    Nothing,
}

fn use_of(field: FieldId, shape: ShapeId, projection: &Projection) -> Use {
    if field != FieldId::NONE && projection.kept(shape).contains(field) {
        Use::Cell(field)
    } else if projection.text(shape) {
        Use::Nameless(field)
    } else {
        Use::Nothing
    }
}

fn fill(
    rows: &RecordBatch,
    wanted: &[(&str, FieldId)],
    context: FillContext<'_>,
    buffers: Buffers,
) -> Result<RowBatch, String> {
    let column = |name: &str| rows.column_by_name(name).ok_or_else(|| format!("it has no column {name}"));
    let other = |name: &str| format!("its column {name} has another type");
    macro_rules! envelope {
        ($name:expr, $as:ident $(::<$t:ty>)?) => {
            column($name)?.$as$(::<$t>)?().ok_or_else(|| other($name))?
        };
    }
    let time = envelope!(layout::TIME, as_primitive_opt::<TimestampMicrosecondType>);
    let shapes = envelope!(layout::SHAPE, as_string_opt::<i32>);
    let source = envelope!(layout::SOURCE, as_primitive_opt::<Int64Type>).values();
    let member = envelope!(layout::MEMBER, as_string_opt::<i32>);
    let record = envelope!(layout::RECORD, as_primitive_opt::<Int64Type>).values();
    let offset = envelope!(layout::OFFSET, as_primitive_opt::<Int64Type>).values();
    let flags = envelope!(layout::FLAGS, as_primitive_opt::<Int32Type>).values();
    let digest = envelope!(layout::DIGEST, as_fixed_size_binary_opt);
    let rest = envelope!(layout::REST, as_string_opt::<i32>);
    if digest.value_length() != 16 {
        return Err(other(layout::DIGEST));
    }
    let mut columns: Vec<(FieldId, Column<'_>)> = Vec::with_capacity(wanted.len());
    for (name, field) in wanted {
        let array = column(name)?;
        let typed = match array.as_string_opt::<i32>() {
            Some(text) => Column::Text(text),
            None => Column::Integer(array.as_primitive_opt::<Int64Type>().ok_or_else(|| other(name))?),
        };
        columns.push((*field, typed));
    }
    let FillContext { catalogue, projection, .. } = context;
    let mut builder = RowBuilder::new(SourceId(0), catalogue, projection, buffers);
    // Neighbours are mostly of few shapes and one source.
    let mut uses: HashMap<ShapeId, Vec<Use>, foldhash::fast::FixedState> = HashMap::default();
    let mut last_shape: Option<(&str, ShapeId)> = None;
    let mut last_source: Option<(i64, &str, SourceId)> = None;
    for row in 0..rows.num_rows() {
        if flags[row] & flag::COPY != 0 {
            // What an investigation leaves out as well: the log has brought the same record before.
            continue;
        }
        let name = shapes.value(row);
        let shape = match last_shape {
            Some((known, id)) if known == name => id,
            _ => shape_of(name, catalogue),
        };
        last_shape = Some((name, shape));
        let (number, way) = (source[row], member.value(row));
        let id = match last_source {
            Some((n, w, id)) if n == number && w == way => id,
            _ => context.sources.id(number, way),
        };
        last_source = Some((number, way, id));
        let flags = flags[row];
        let header = RowHeader {
            shape,
            time: time.is_valid(row).then(|| Time(time.value(row))),
            record: u64::try_from(record[row]).unwrap_or(0),
            offset: u64::try_from(offset[row]).unwrap_or(0),
            recovered: flags & flag::RECOVERED != 0,
            guids: flags & flag::GUIDS != 0,
            blank: flags & flag::BLANK != 0,
        };
        builder.begin();
        let uses = uses
            .entry(shape)
            .or_insert_with(|| columns.iter().map(|(f, _)| use_of(*f, shape, projection)).collect());
        for ((_, column), what) in columns.iter().zip(uses.iter()) {
            if *what == Use::Nothing {
                continue;
            }
            match column {
                Column::Text(array) if array.is_valid(row) => {
                    text(&mut builder, *what, array.value(row), &header, context.hashes);
                }
                Column::Integer(array) if array.is_valid(row) => {
                    number_cell(&mut builder, *what, &array.value(row).to_string());
                }
                _ => {}
            }
        }
        if rest.is_valid(row) {
            unpack(rest.value(row), &mut |name, value| {
                let field = context.fields.id(name).unwrap_or(FieldId::NONE);
                let what = use_of(field, shape, projection);
                match (what, value) {
                    (Use::Nothing, _) => {}
                    (_, Held::Text(raw)) => {
                        text(&mut builder, what, &unescape_json(raw), &header, context.hashes);
                    }
                    (_, Held::Number(digits)) => number_cell(&mut builder, what, digits),
                    (Use::Cell(field), Held::Null) => builder.null_cell(field),
                    (Use::Cell(field), Held::Blank) => builder.blank_cell(field),
                    (Use::Cell(field), Held::Bool(b)) => builder.bool_cell(field, b),
                    (Use::Nameless(_), _) => {}
                }
            });
        }
        let mut stored = [0; 16];
        stored.copy_from_slice(digest.value(row));
        builder.set_digest(stored);
        builder.set_source(id);
        builder.end(header);
    }
    Ok(builder.finish())
}

/// The shape of a name; one that the routing no longer has is what its product's records are.
fn shape_of(name: &str, catalogue: &Catalogue) -> ShapeId {
    catalogue.shape_named(name).unwrap_or_else(|| catalogue.product(name.split('/').next().unwrap_or("")))
}

fn text(builder: &mut RowBuilder<'_>, what: Use, value: &str, header: &RowHeader, hashes: &HashNames) {
    let (cell, field) = match what {
        Use::Cell(field) => (field, field),
        Use::Nameless(field) => (FieldId::NONE, field),
        Use::Nothing => return,
    };
    if value.is_empty() && header.blank {
        if cell != FieldId::NONE {
            builder.blank_cell(cell);
        }
        return;
    }
    let start = builder.arena().len();
    builder.text_cell(cell, value);
    let range = start..builder.arena().len();
    if hashes.is_whole(field) {
        builder.hash_parts(hashes, header.shape, range.clone());
    }
    if header.guids {
        builder.spell_guid(header.shape, field, range);
    }
}

fn number_cell(builder: &mut RowBuilder<'_>, what: Use, digits: &str) {
    let field = match what {
        Use::Cell(field) => field,
        Use::Nameless(_) => FieldId::NONE,
        Use::Nothing => return,
    };
    let start = builder.arena().len();
    builder.arena_mut().push_str(digits);
    builder.number_cell(field, start..start + digits.len());
}

/// A value of `_rest`.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Held<'a> {
    Null,
    Blank,
    /// Escapes unresolved.
    Text(&'a str),
    Number(&'a str),
    Bool(bool),
}

/// Every value of a `_rest` object in order. What is not as the packer writes it ends the walk.
fn unpack<'a>(json: &'a str, f: &mut dyn FnMut(&str, Held<'a>)) {
    let mut rest = json.strip_prefix('{').unwrap_or("");
    while let Some((name, after)) = string(rest) {
        let Some(mut at) = after.strip_prefix(':') else { return };
        let plain;
        let name = if name.contains('\\') {
            plain = unescape_json(name);
            plain.as_ref()
        } else {
            name
        };
        if let Some(list) = at.strip_prefix('[') {
            at = list;
            loop {
                let Some((value, after)) = held(at) else { return };
                f(name, value);
                match after.as_bytes().first() {
                    Some(b',') => at = &after[1..],
                    Some(b']') => {
                        at = &after[1..];
                        break;
                    }
                    _ => return,
                }
            }
        } else {
            let Some((value, after)) = held(at) else { return };
            f(name, value);
            at = after;
        }
        rest = at.strip_prefix(',').unwrap_or("");
    }
}

fn held(at: &str) -> Option<(Held<'_>, &str)> {
    match at.as_bytes().first()? {
        b'"' => string(at).map(|(s, rest)| (Held::Text(s), rest)),
        b'{' => at.strip_prefix("{}").map(|rest| (Held::Blank, rest)),
        b'n' => at.strip_prefix("null").map(|rest| (Held::Null, rest)),
        b't' => at.strip_prefix("true").map(|rest| (Held::Bool(true), rest)),
        b'f' => at.strip_prefix("false").map(|rest| (Held::Bool(false), rest)),
        _ => {
            let len = at.bytes().take_while(|b| !matches!(b, b',' | b']' | b'}')).count();
            Some((Held::Number(&at[..len]), &at[len..]))
        }
    }
}

/// The inside of the string that starts here, and what follows it.
fn string(at: &str) -> Option<(&str, &str)> {
    let inside = at.strip_prefix('"')?;
    let bytes = inside.as_bytes();
    let mut from = 0;
    loop {
        let end = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes[end] == b'"' {
            return Some((&inside[..end], &inside[end + 1..]));
        }
        from = end + 2;
    }
}

/// Walks whatever bytes as a `_rest` object: it ends, and what it gives lies inside.
#[doc(hidden)]
pub fn fuzz_rest(data: &[u8]) -> usize {
    let Ok(json) = std::str::from_utf8(data) else { return 0 };
    let mut bytes = 0;
    unpack(json, &mut |_, value| {
        bytes += match value {
            Held::Text(raw) => unescape_json(raw).len(),
            Held::Number(digits) => digits.len(),
            Held::Null | Held::Blank | Held::Bool(_) => 0,
        };
    });
    // No byte is given twice, and no value is longer than what stands for it.
    assert!(bytes <= json.len(), "{bytes} bytes out of {}", json.len());
    bytes
}
