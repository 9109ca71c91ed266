//! A Parquet file as lines of JSON, one per row: for readers that know a table by its column names.
//!
//! The file is evidence, so what its footer says meets limits before anything is decoded. Rows come in the
//! file's order; NULLs are left out, times are RFC 3339 in UTC, decimals have all their digits.
//!
//! What this never does: hold more than one batch of rows, or read what the footer declares too large. The
//! decoder itself may panic on a damaged page; whoever reads evidence guards against that for every format.

use std::fs::File;
use std::io::{self, Read};

use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

/// Rows decoded at once: few, since one value of a dictionary may be large and stand in every row.
const BATCH_ROWS: usize = 64;

/// Most bytes that one row group may say it decodes to: exports have tens of megabytes.
const MAX_GROUP_BYTES: i64 = 256 << 20;

/// Most row groups and columns.
const MAX_GROUPS: usize = 100_000;
const MAX_COLUMNS: usize = 128;

/// Whether a file begins as Parquet does.
pub fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(b"PAR1")
}

/// Rows as lines of JSON.
#[allow(missing_debug_implementations, reason = "the decoder of Parquet has none")]
pub struct ParquetLines {
    rows: ParquetRecordBatchReader,
    columns: Vec<String>,
    held: Vec<u8>,
    at: usize,
}

impl ParquetLines {
    /// Opens a file by its footer.
    ///
    /// # Errors
    /// A sentence that says why it cannot be read.
    pub fn open(file: File) -> Result<ParquetLines, String> {
        let told = |e: &dyn std::fmt::Display| format!("the Parquet file cannot be read: {e}");
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| told(&e))?;
        let columns: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
        let groups = builder.metadata().row_groups();
        if groups.len() > MAX_GROUPS || columns.len() > MAX_COLUMNS {
            return Err(format!("more than {MAX_GROUPS} row groups or {MAX_COLUMNS} columns"));
        }
        if groups.iter().any(|g| !(0..=MAX_GROUP_BYTES).contains(&g.total_byte_size())) {
            return Err(format!("a row group says it decodes to more than {} MiB", MAX_GROUP_BYTES >> 20));
        }
        let rows = builder.with_batch_size(BATCH_ROWS).build().map_err(|e| told(&e))?;
        Ok(ParquetLines { rows, columns, held: Vec::new(), at: 0 })
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    fn fill(&mut self) -> io::Result<bool> {
        let Some(batch) = self.rows.next().transpose().map_err(io::Error::other)? else { return Ok(false) };
        self.held.clear();
        self.at = 0;
        let mut out = LineDelimitedWriter::new(&mut self.held);
        out.write(&batch).and_then(|()| out.finish()).map_err(io::Error::other)?;
        Ok(true)
    }
}

impl Read for ParquetLines {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.held.len() {
            if !self.fill()? {
                return Ok(0);
            }
        }
        let mut rest = &self.held[self.at..];
        let n = rest.read(buf)?;
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
    use datafusion::parquet::arrow::ArrowWriter;

    use super::{BATCH_ROWS, ParquetLines};

    fn file(rows: usize) -> std::fs::File {
        let value =
            Decimal128Array::from(vec![Some(10i128.pow(30)); rows]).with_precision_and_scale(38, 0).unwrap();
        let text =
            StringArray::from((0..rows).map(|n| (n % 2 == 0).then(|| format!("0x{n}"))).collect::<Vec<_>>());
        let columns: [(&str, ArrayRef); 3] = [
            ("value", Arc::new(value)),
            ("hash", Arc::new(text)),
            ("block_number", Arc::new(Int64Array::from_iter_values(0..rows as i64))),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap();
        let mut out = tempfile::tempfile().unwrap();
        let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        out.rewind().unwrap();
        out
    }

    #[test]
    fn every_row_is_a_line() {
        let rows = BATCH_ROWS * 2 + 7;
        let mut lines = ParquetLines::open(file(rows)).unwrap();
        assert_eq!(lines.columns(), ["value", "hash", "block_number"]);
        let mut text = String::new();
        lines.read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), rows);
        let first = text.lines().next().unwrap();
        // Digits, not what a float makes of them.
        assert!(first.contains("1000000000000000000000000000000") && first.contains("\"0x0\""), "{first}");
        assert!(!text.lines().nth(1).unwrap().contains("hash"));
    }

    #[test]
    fn damage_is_an_error() {
        let mut whole = Vec::new();
        file(100).read_to_end(&mut whole).unwrap();
        for cut in [4, 20, whole.len() / 2, whole.len() - 1] {
            let mut out = tempfile::tempfile().unwrap();
            out.write_all(&whole[..cut]).unwrap();
            out.rewind().unwrap();
            assert!(ParquetLines::open(out).is_err(), "{cut}");
        }
    }
}
