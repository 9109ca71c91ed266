//! An answer to a query in the form somebody wants it: cells, CSV, JSON, Parquet.
//!
//! Text in CSV is neutralised for spreadsheets; JSON and Parquet have values as they are. What this
//! module never does: hold more of an answer than the form needs (cells, which are few, and a Parquet
//! row group).

use std::io::{self, Write};

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray,
    StringViewArray,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{JsonArray, LineDelimited, WriterBuilder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use palisade_model::csv_cell;

/// Receives an answer: its columns, its rows, its end.
pub trait Answer {
    /// The columns, once, before any row.
    fn columns(&mut self, schema: &SchemaRef) -> io::Result<()>;
    /// Rows.
    fn rows(&mut self, rows: &RecordBatch) -> io::Result<()>;
    /// The end.
    fn end(&mut self) -> io::Result<()>;
}

fn other(e: ArrowError) -> io::Error {
    match e {
        ArrowError::IoError(_, e) => e,
        e => io::Error::other(e.to_string()),
    }
}

/// Times as RFC 3339 in UTC, NULL as nothing.
fn format() -> FormatOptions<'static> {
    FormatOptions::new().with_null("").with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.6fZ"))
}

/// Receives a cell: its row, its column, its text.
type EachCell<'f> = dyn FnMut(usize, usize, Option<&str>) -> io::Result<()> + 'f;

/// What stands in each cell, as text; `None` is NULL.
fn cells(rows: &RecordBatch, f: &mut EachCell<'_>) -> io::Result<()> {
    let options = format();
    let columns: Result<Vec<ArrayFormatter<'_>>, ArrowError> =
        rows.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options)).collect();
    let columns = columns.map_err(other)?;
    let mut text = String::new();
    for row in 0..rows.num_rows() {
        for (at, column) in columns.iter().enumerate() {
            if rows.column(at).is_null(row) {
                f(row, at, None)?;
                continue;
            }
            text.clear();
            column.value(row).write(&mut text).map_err(other)?;
            f(row, at, Some(&text))?;
        }
    }
    Ok(())
}

/// The first rows as text, for a table on a screen.
#[derive(Default, Debug)]
pub struct Cells {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Whether each column holds numbers.
    pub numbers: Vec<bool>,
    /// Whether each column holds times.
    pub times: Vec<bool>,
    /// Rows, as many as `limit`.
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows there were.
    pub total: u64,
    /// Most rows kept.
    pub limit: usize,
}

impl Answer for Cells {
    fn columns(&mut self, schema: &SchemaRef) -> io::Result<()> {
        self.names = schema.fields().iter().map(|f| f.name().clone()).collect();
        self.numbers = schema.fields().iter().map(|f| f.data_type().is_numeric()).collect();
        self.times = schema.fields().iter().map(|f| f.data_type().is_temporal()).collect();
        Ok(())
    }

    fn rows(&mut self, rows: &RecordBatch) -> io::Result<()> {
        self.total += rows.num_rows() as u64;
        let left = self.limit.saturating_sub(self.rows.len());
        let rows = rows.slice(0, left.min(rows.num_rows()));
        let first = self.rows.len();
        self.rows.resize_with(first + rows.num_rows(), Vec::new);
        cells(&rows, &mut |row, _, text| {
            self.rows[first + row].push(text.map(str::to_owned));
            Ok(())
        })
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// CSV with a header.
pub struct Csv<W: Write> {
    out: csv::Writer<W>,
    text: Vec<bool>,
}

impl<W: Write> Csv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Csv<W> {
        Csv { out: csv::Writer::from_writer(out), text: Vec::new() }
    }
}

impl<W: Write> Answer for Csv<W> {
    fn columns(&mut self, schema: &SchemaRef) -> io::Result<()> {
        // A number of ours is no formula, whatever its sign.
        let plain = |t: &DataType| t.is_numeric() || t.is_temporal() || *t == DataType::Boolean;
        self.text = schema.fields().iter().map(|f| !plain(f.data_type())).collect();
        let names = schema.fields().iter().map(|f| csv_cell(f.name()).into_owned());
        self.out.write_record(names).map_err(io::Error::from)
    }

    fn rows(&mut self, rows: &RecordBatch) -> io::Result<()> {
        let last = rows.num_columns().saturating_sub(1);
        let Csv { out, text: is_text } = self;
        cells(rows, &mut |_, at, text| {
            let text = text.unwrap_or("");
            if is_text.get(at).copied().unwrap_or(true) {
                out.write_field(csv_cell(text).as_bytes())?;
            } else {
                out.write_field(text)?;
            }
            if at == last {
                out.write_record(None::<&[u8]>)?;
            }
            Ok(())
        })
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// JSON: one object per line, or an array of objects.
pub enum Json<W: Write> {
    /// Lines.
    Lines(datafusion::arrow::json::Writer<W, LineDelimited>),
    /// An array.
    Array(datafusion::arrow::json::Writer<W, JsonArray>),
}

impl<W: Write> Json<W> {
    /// Writes to `out`.
    pub fn new(out: W, lines: bool) -> Json<W> {
        let builder = WriterBuilder::new()
            .with_explicit_nulls(true)
            .with_timestamp_format("%Y-%m-%dT%H:%M:%S%.6fZ".to_owned());
        if lines { Json::Lines(builder.build(out)) } else { Json::Array(builder.build(out)) }
    }
}

impl<W: Write> Answer for Json<W> {
    fn columns(&mut self, _: &SchemaRef) -> io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, rows: &RecordBatch) -> io::Result<()> {
        match self {
            Json::Lines(out) => out.write(rows).map_err(other),
            Json::Array(out) => out.write(rows).map_err(other),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            Json::Lines(out) => out.finish().map_err(other),
            Json::Array(out) => out.finish().map_err(other),
        }
    }
}

/// Parquet.
pub struct Parquet<W: Write + Send> {
    out: Option<W>,
    writer: Option<ArrowWriter<W>>,
}

impl<W: Write + Send> Parquet<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Parquet<W> {
        Parquet { out: Some(out), writer: None }
    }
}

impl<W: Write + Send> Answer for Parquet<W> {
    fn columns(&mut self, schema: &SchemaRef) -> io::Result<()> {
        let Some(out) = self.out.take() else { return Ok(()) };
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(super::segment::ROW_GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(io::Error::other)?;
        self.writer = Some(writer);
        Ok(())
    }

    fn rows(&mut self, rows: &RecordBatch) -> io::Result<()> {
        match &mut self.writer {
            Some(writer) => writer.write(rows).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self.writer.take() {
            Some(writer) => writer.close().map(|_| ()).map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

/// The sources that rows of an answer cite, if it has the column: for a table's foot.
pub(crate) fn cited(rows: &RecordBatch, into: &mut std::collections::BTreeSet<i64>) {
    let column = rows.column_by_name(super::layout::SOURCE);
    if let Some(numbers) =
        column.and_then(|c| c.as_primitive_opt::<datafusion::arrow::datatypes::Int64Type>())
    {
        into.extend(numbers.iter().flatten());
    }
}

/// A value of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// A list of texts, without its NULLs.
    List(Vec<String>),
}

/// Hands rows on one by one, with the names of their columns: for forms that this room does not know.
///
/// Takes text, whole numbers, truth values and lists of text; a column of another type is an error.
pub struct Rows<F> {
    names: Vec<String>,
    each: F,
}

impl<F: FnMut(&[&str], &[Value<'_>]) -> io::Result<()>> Rows<F> {
    /// Hands rows to `each`.
    pub fn new(each: F) -> Rows<F> {
        Rows { names: Vec::new(), each }
    }
}

impl<F: FnMut(&[&str], &[Value<'_>]) -> io::Result<()>> Answer for Rows<F> {
    fn columns(&mut self, schema: &SchemaRef) -> io::Result<()> {
        self.names = schema.fields().iter().map(|f| f.name().clone()).collect();
        Ok(())
    }

    fn rows(&mut self, rows: &RecordBatch) -> io::Result<()> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let columns: io::Result<Vec<Column<'_>>> = rows.columns().iter().map(Column::of).collect();
        let columns = columns?;
        let mut row = Vec::with_capacity(columns.len());
        for at in 0..rows.num_rows() {
            row.clear();
            for column in &columns {
                row.push(column.value(at)?);
            }
            (self.each)(&names, &row)?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A column of a batch whose type is known.
enum Column<'a> {
    Null,
    Int(&'a Int64Array),
    Bool(&'a BooleanArray),
    Text(&'a StringArray),
    View(&'a StringViewArray),
    List(&'a ListArray),
}

impl<'a> Column<'a> {
    fn of(array: &'a ArrayRef) -> io::Result<Column<'a>> {
        let found = match array.data_type() {
            DataType::Null => Some(Column::Null),
            DataType::Int64 => array.as_primitive_opt().map(Column::Int),
            DataType::Boolean => array.as_boolean_opt().map(Column::Bool),
            DataType::Utf8 => array.as_string_opt().map(Column::Text),
            DataType::Utf8View => array.as_string_view_opt().map(Column::View),
            DataType::List(_) => array.as_list_opt().map(Column::List),
            _ => None,
        };
        found.ok_or_else(|| {
            io::Error::other(format!("a value of type {} has no form here", array.data_type()))
        })
    }

    fn value(&self, row: usize) -> io::Result<Value<'a>> {
        Ok(match self {
            Column::Int(a) if a.is_valid(row) => Value::Int(a.value(row)),
            Column::Bool(a) if a.is_valid(row) => Value::Bool(a.value(row)),
            Column::Text(a) if a.is_valid(row) => Value::Text(a.value(row)),
            Column::View(a) if a.is_valid(row) => Value::Text(a.value(row)),
            Column::List(a) if a.is_valid(row) => {
                let items = a.value(row);
                let column = Column::of(&items)?;
                let mut list = Vec::with_capacity(items.len());
                for at in 0..items.len() {
                    if let Value::Text(text) = column.value(at)? {
                        list.push(text.to_owned());
                    }
                }
                Value::List(list)
            }
            _ => Value::Null,
        })
    }
}
