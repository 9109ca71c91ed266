//! The lake's tables and their columns, as SQL sees them.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;

use super::layout;
use super::segments::{Lake, Segment};

/// Columns beside the envelope of segments of one table, by name.
pub(super) fn columns_of<'s>(segments: impl IntoIterator<Item = &'s Segment>) -> Vec<(String, DataType)> {
    let mut columns: BTreeMap<&str, DataType> = BTreeMap::new();
    for (name, kind) in segments.into_iter().flat_map(|s| &s.columns) {
        columns
            .entry(name)
            // Whoever declares a field anew after a while has both kinds: text holds both.
            .and_modify(|known| {
                if *known != kind.arrow() {
                    *known = DataType::Utf8;
                }
            })
            .or_insert_with(|| kind.arrow());
    }
    columns.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect()
}

impl Lake {
    /// Every table with its columns, the envelope's first: name, and type as Arrow writes it.
    pub fn tables(&self) -> Vec<(String, Vec<(String, String)>)> {
        let mut by_table: BTreeMap<&str, Vec<&Segment>> = BTreeMap::new();
        for segment in self.segments() {
            by_table.entry(&segment.table).or_default().push(segment);
        }
        let envelope: Vec<(String, String)> =
            layout::envelope().iter().map(|f| (f.name().clone(), f.data_type().to_string())).collect();
        by_table
            .into_iter()
            .map(|(table, segments)| {
                let own = columns_of(segments).into_iter().map(|(name, kind)| (name, kind.to_string()));
                (table.to_owned(), envelope.iter().cloned().chain(own).collect())
            })
            .collect()
    }
}
