//! Rows by column name: what CSV and JSON lines of the *-etl family have in common. Never knows where rows come from.
//!
//! The same tables come as Parquet, which takes a library that this room does not have. Whoever has it asks [`wanted`] about the
//! schema and hands rows over as JSON lines, which are read as [`EtlJson`](super::LedgerFormat::EtlJson).

use std::borrow::Cow;

use super::etl;

/// A record whose values are found by column name, as ethereum-etl and bitcoin-etl name them.
pub(super) trait Row {
    /// The value as text: numbers in decimal digits, times as `YYYY-MM-DD HH:MM:SS` or seconds, lists and structures (`inputs`,
    /// `outputs`, `trace_address`) as JSON. `None` if it is absent, null or empty.
    fn text(&self, column: &str) -> Option<Cow<'_, str>>;

    /// Whether the table has this column, whatever this row's value.
    fn has(&self, column: &str) -> bool;
}

/// The columns by which a table is known, for those who look at a schema: `true` if rows with these columns are of any use here.
pub fn wanted(columns: &[&str]) -> bool {
    etl::Table::of(&|name| columns.contains(&name)).is_some()
}
