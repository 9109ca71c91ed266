//! The lake: every event, kept so that it can be asked again.
//!
//! ```text
//! pieces ─ pack (any thread) ─▶ columns ─ intake ─▶ segments ─ one transaction ─▶ the case lists them
//! segments ─ index ─▶ blocks of rows ─ fill ─▶ batches for the same rules ─ or ─ table ─▶ SQL
//! ```
//!
//! | module | is |
//! | --- | --- |
//! | `layout` | which table and column a value goes to |
//! | `pack` | rows of a piece to columns |
//! | `intake` | rows that wait to be a segment |
//! | `segment` | writing one Parquet file and its index |
//! | `index` | the sorted observable-hash index |
//! | `segments` | segments as the case lists them |
//! | `fill` | rows of a segment back to batches |
//! | `table`, `tables`, `session` | SQL |
//! | `distinct` | counting different texts |
//! | `bounds`, `hints` | what a query may cost; what is said of one that cannot run |
//! | `maintain` | compaction, retention, erasure, legal holds |
//!
//! What it never does: judge; make a segment part of the case before it lies on disk, synced; change one.

pub mod answer;
mod bounds;
mod cite;
mod commit;
mod distinct;
mod fill;
mod hints;
pub mod index;
mod intake;
mod knowledge;
mod layout;
mod looked;
mod maintain;
mod pack;
mod prevalence;
mod segment;
mod segments;
mod session;
mod table;
mod tables;

pub use commit::{RowSet, Standing, member_key};
#[doc(hidden)]
pub use fill::fuzz_rest;
pub use fill::{FillContext, FillError, MetSources, Which};
pub use intake::{INTAKE_BYTES, Intake};
pub use layout::{ColumnType, Layout, LayoutSpec, MAX_COLUMNS, envelope_schema, table_of};
pub use looked::MAX_LOOKED;
pub use maintain::{
    Compacted, Erased, Erasure, Hold, Left, MANY_SMALL, MERGED_ROWS, Refused, Retained, Retention,
    SMALL_ROWS, observable,
};
pub use pack::{Load, Packer, Part, SeenRows};
pub use prevalence::CasePrevalence;
pub use segment::{BLOCK_ROWS, ROW_GROUP_ROWS};
pub use segments::{Counted, CountedRead, Lake, Segment};
pub use session::{
    KnowledgeTable, MAX_SQL_BYTES, QUERY_THREAD, QueryCost, QueryError, QueryLimits, Visible, query,
};
