//! Segments: immutable Parquet files, each with its index, written once and synced.
//!
//! Rows are sorted by time; ties by source, record and offset, so that the same rows make the
//! same segment. A segment has the envelope and those fields that occur in its rows. What this
//! module never does: decide that a segment belongs to the case (that is the transaction's).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use sha2::{Digest as _, Sha256};

use super::index::IndexBuilder;
use super::layout::{self, ColumnType};
use crate::custody::hex;

/// Rows of one row group.
pub const ROW_GROUP_ROWS: usize = 131_072;

/// Rows of one data page at most: what a look-up by index has to decode at least.
const PAGE_ROWS: usize = 8_192;

/// Rows of one block of the index.
pub const BLOCK_ROWS: u32 = 2_048;

/// Rows of one source and member, from one piece or one older segment.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// The envelope and the fields that occur; `_source`, `_member` and `_vector` may be missing if `of` says them.
    pub batch: RecordBatch,
    /// Number of the source in the case, and the way to the member.
    pub of: Option<(i64, Arc<str>)>,
}

/// A segment that lies on disk, complete and synced.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub id: i64,
    pub table: Arc<str>,
    pub file: String,
    pub rows: u64,
    pub bytes: u64,
    pub index_bytes: u64,
    pub min_time: Option<i64>,
    pub max_time: Option<i64>,
    pub untimed: u64,
    pub sha256: String,
    pub index_sha256: String,
    pub columns: Vec<(String, ColumnType)>,
    pub sources: Vec<(i64, u64)>,
}

/// Why a segment could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Arrow(#[from] ArrowError),
    #[error("{0}")]
    Parquet(ParquetError),
}

impl From<ParquetError> for WriteError {
    fn from(e: ParquetError) -> WriteError {
        // A full disk must be told as one.
        match e {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(io) => WriteError::Io(*io),
                Err(other) => WriteError::Parquet(ParquetError::External(other)),
            },
            other => WriteError::Parquet(other),
        }
    }
}

/// `windows_sysmon/0000000012.parquet`
pub(crate) fn file_name(table: &str, id: i64) -> String {
    format!("{table}/{id:010}.parquet")
}

/// The index beside a segment.
pub(crate) fn index_path(segment: &Path) -> PathBuf {
    segment.with_extension("obs")
}

/// Writes one segment and its index below `lake` and syncs both; the directory's entry is the caller's to sync.
pub(crate) fn write(lake: &Path, id: i64, table: &Arc<str>, rows: &[Rows]) -> Result<Written, WriteError> {
    let merged = merge(rows)?;
    let file = file_name(table, id);
    let path = lake.join(&file);
    let (bytes, sha256) = write_parquet(&path, &merged)?;
    crate::fail::point("segment-written");
    let index = index_of(&merged);
    let index_sha256 = hex(&Sha256::digest(&index));
    let mut out = File::create(index_path(&path))?;
    out.write_all(&index)?;
    out.sync_all()?;
    crate::fail::point("index-written");
    let times = merged.column(0).as_primitive::<TimestampMicrosecondType>();
    let timed = || times.iter().flatten();
    let mut sources = BTreeMap::<i64, u64>::new();
    if let Some(column) = merged.column_by_name(layout::SOURCE) {
        for source in column.as_primitive::<Int64Type>().iter().flatten() {
            *sources.entry(source).or_default() += 1;
        }
    }
    let schema = merged.schema();
    let columns = schema.fields().iter().skip(layout::envelope().len()).map(|f| {
        let integer = *f.data_type() == DataType::Int64;
        (f.name().clone(), if integer { ColumnType::Integer } else { ColumnType::Text })
    });
    Ok(Written {
        id,
        table: table.clone(),
        file,
        rows: merged.num_rows() as u64,
        bytes,
        index_bytes: index.len() as u64,
        min_time: timed().min(),
        max_time: timed().max(),
        untimed: times.null_count() as u64,
        sha256,
        index_sha256,
        columns: columns.collect(),
        sources: sources.into_iter().collect(),
    })
}

/// Every row in one batch, sorted, columns in one order: the envelope, then fields by name.
fn merge(rows: &[Rows]) -> Result<RecordBatch, ArrowError> {
    let envelope = layout::envelope();
    let mut natives: BTreeMap<&str, DataType> = BTreeMap::new();
    for part in rows {
        for field in part.batch.schema_ref().fields() {
            if !field.name().starts_with('_') || !envelope.iter().any(|e| e.name() == field.name()) {
                natives.insert(field.name(), field.data_type().clone());
            }
        }
    }
    let mut fields = envelope;
    fields.extend(natives.into_iter().map(|(name, kind)| Field::new(name, kind, true)));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let whole = |name: &str| gather(rows, name, schema.field_with_name(name)?.data_type());
    let order = {
        let time = whole(layout::TIME)?;
        let (source, record, offset) =
            (whole(layout::SOURCE)?, whole(layout::RECORD)?, whole(layout::OFFSET)?);
        sorted(&time, &source, &record, &offset)
    };
    let columns: Result<Vec<ArrayRef>, ArrowError> =
        schema.fields().iter().map(|f| take(&whole(f.name())?, &order, None)).collect();
    RecordBatch::try_new(schema, columns?)
}

/// One column of all parts.
fn gather(rows: &[Rows], name: &str, kind: &DataType) -> Result<ArrayRef, ArrowError> {
    let parts: Vec<ArrayRef> = rows
        .iter()
        .map(|part| {
            let n = part.batch.num_rows();
            match (part.batch.column_by_name(name), &part.of) {
                (Some(column), _) => column.clone(),
                (None, Some((source, _))) if name == layout::SOURCE => {
                    Arc::new(Int64Array::from_value(*source, n)) as ArrayRef
                }
                (None, Some((_, member))) if name == layout::MEMBER => {
                    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(member.as_ref(), n)))
                }
                (None, Some(_)) if name == layout::VECTOR => {
                    Arc::new(StringArray::from_iter_values(std::iter::repeat_n("host", n)))
                }
                (None, _) => new_null_array(kind, n),
            }
        })
        .collect();
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    concat(&parts)
}

fn sorted(time: &ArrayRef, source: &ArrayRef, record: &ArrayRef, offset: &ArrayRef) -> UInt32Array {
    let time = time.as_primitive::<TimestampMicrosecondType>();
    let source = source.as_primitive::<Int64Type>().values();
    let record = record.as_primitive::<Int64Type>().values();
    let offset = offset.as_primitive::<Int64Type>().values();
    let key = |i: u32| {
        let i = i as usize;
        let t = if time.is_null(i) { i64::MIN } else { time.value(i) };
        (t, source[i], record[i], offset[i], i)
    };
    let mut order: Vec<u32> = (0..time.len() as u32).collect();
    if !order.is_sorted_by_key(|i| key(*i)) {
        order.sort_unstable_by_key(|i| key(*i));
    }
    UInt32Array::from(order)
}

/// How columns are laid down. Text takes a dictionary where it repeats; ids and hashes do not.
fn properties() -> WriterProperties {
    let column = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let mut p = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(2_048)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_index_truncate_length(Some(32))
        .set_statistics_truncate_length(Some(32))
        .set_created_by(concat!("palisade ", env!("CARGO_PKG_VERSION")).to_owned());
    for name in [layout::TIME, layout::RECORD, layout::OFFSET] {
        p = p
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in [layout::TIME, layout::HOST, layout::USER, layout::SRC_IP, layout::DST_IP, "EventID"] {
        p = p.set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    p = p
        .set_column_dictionary_enabled(column(layout::DIGEST), false)
        .set_column_compression(column(layout::DIGEST), Compression::UNCOMPRESSED)
        .set_column_statistics_enabled(column(layout::DIGEST), EnabledStatistics::None);
    p.build()
}

/// Writes and syncs; size and SHA-256 of the file.
fn write_parquet(path: &Path, rows: &RecordBatch) -> Result<(u64, String), WriteError> {
    let out = Hashed { file: File::create(path)?, hash: Sha256::new(), bytes: 0 };
    let mut writer = ArrowWriter::try_new(BufWriter::new(out), rows.schema(), Some(properties()))?;
    writer.write(rows)?;
    let out = writer.into_inner()?;
    let Hashed { file, hash, bytes } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok((bytes, hex(&hash.finalize())))
}

struct Hashed {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buf)?;
        self.hash.update(&buf[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The index of a segment's observables.
fn index_of(rows: &RecordBatch) -> Vec<u8> {
    let mut index = IndexBuilder::new(BLOCK_ROWS);
    if let Some(column) = rows.column_by_name(layout::OBSERVABLES) {
        let lists = column.as_list::<i32>();
        let texts = lists.values().as_string::<i32>();
        for (row, ends) in lists.offsets().windows(2).enumerate() {
            for i in ends[0]..ends[1] {
                index.add(row as u32, texts.value(i as usize));
            }
        }
    }
    index.finish()
}

/// Makes entries of the lake's directories last.
pub(crate) fn sync_directories(lake: &Path, tables: &BTreeSet<Arc<str>>) -> io::Result<()> {
    for table in tables {
        File::open(lake.join(table.as_ref()))?.sync_all()?;
    }
    File::open(lake)?.sync_all()
}
