//! Rows by column name: the door for tables that are not text.
//!
//! ethereum-etl and bitcoin-etl write the same tables as CSV, JSON lines and Parquet. Reading Parquet takes a library that this
//! room does not have; whoever has it makes a [`Row`] of each record and hands it to [`Rows`]. Never knows where rows come from.

use std::borrow::Cow;

use palisade_model::{Origin, Problem, SourceId};

use crate::ledger::LedgerBuilder;

use super::etl;
use super::{Context, Options};

/// A record whose values are found by column name, as ethereum-etl and bitcoin-etl name them.
pub trait Row {
    /// The value as text: numbers in decimal digits, times as `YYYY-MM-DD HH:MM:SS` or seconds, lists and structures (`inputs`,
    /// `outputs`, `trace_address`) as JSON. `None` if it is absent, null or empty.
    fn text(&self, column: &str) -> Option<Cow<'_, str>>;

    /// Whether the table has this column, whatever this row's value.
    fn has(&self, column: &str) -> bool;
}

/// Takes rows of *-etl tables into a ledger. Which table a row belongs to is seen from its columns.
pub struct Rows<'a> {
    cx: Context<'a>,
    tables: etl::Tables,
}

impl<'a> Rows<'a> {
    /// For one source.
    pub fn new(
        builder: &'a mut LedgerBuilder,
        source: SourceId,
        origin: &'a Origin,
        options: &'a Options<'a>,
    ) -> Rows<'a> {
        Rows { cx: Context::new(builder, source, origin, options), tables: etl::Tables::default() }
    }

    /// Takes a row with its number in the source (from 1) and, where there is one, its offset in bytes. `false`: the ledger is
    /// full, and more rows are of no use.
    pub fn row(&mut self, row: &dyn Row, record: u64, offset: u64) -> bool {
        self.tables.row(row, record, offset, &mut self.cx);
        !self.cx.full
    }

    /// What could not be read.
    pub fn finish(self) -> Vec<Problem> {
        self.cx.finish()
    }
}

/// The columns by which a table is known, for those who look at a schema: `true` if rows with these columns are of any use here.
pub fn wanted(columns: &[&str]) -> bool {
    etl::Table::of(&|name| columns.contains(&name)).is_some()
}
