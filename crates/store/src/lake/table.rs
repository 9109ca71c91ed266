//! Tables of the lake for SQL: which segments, which rows of them.
//!
//! Before a file is opened three things are asked of what the case and the indexes say: can the
//! segment hold rows of the time asked for, can it hold the observable asked for, and in which blocks
//! of rows. What is left is DataFusion's: row groups, pages, values. The conditions are still
//! checked on every row; pruning only leaves out what cannot hold.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{CachedParquetFileReaderFactory, ParquetRowSelection};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::object_store::{ObjectMeta, ObjectStore, path::Path as StorePath};
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use palisade_model::{Observable, ObservableKind};

use super::index::{Index, Query, merge_blocks};
use super::layout;
use super::segment::BLOCK_ROWS;
use super::segments::{Lake, Segment};
use super::tables::columns_of;

/// Below what address the session knows the lake's files.
pub(crate) const STORE_URL: &str = "lake://case/";

/// Segments of one table, or of all with the envelope alone.
#[derive(Debug)]
pub(crate) struct LakeTable {
    lake: Lake,
    segments: Vec<Segment>,
    schema: SchemaRef,
    store: Arc<dyn ObjectStore>,
}

impl LakeTable {
    /// `table`: one of the lake's tables; `None`: all of them, as `events`.
    pub(crate) fn new(lake: &Lake, table: Option<&str>, store: Arc<dyn ObjectStore>) -> LakeTable {
        let of = |s: &&Segment| table.is_none_or(|t| *s.table == *t);
        let mut segments: Vec<Segment> = lake.segments().iter().filter(of).cloned().collect();
        // Earliest first: who asks for the first rows by time soon has them.
        segments.sort_by_key(|s| (s.min_time, s.id));
        let mut fields = layout::envelope();
        if table.is_some() {
            let columns = columns_of(&segments);
            fields.extend(columns.into_iter().map(|(n, t)| Field::new(n, t, true)));
        }
        let fields: Vec<Field> = fields.into_iter().map(viewed).collect();
        LakeTable { lake: lake.clone(), segments, schema: Arc::new(Schema::new(fields)), store }
    }

    /// The files that may hold what the conditions ask for.
    fn prune(&self, conditions: &[Expr]) -> Result<Vec<(PartitionedFile, u64)>> {
        let mut wanted = Wanted::default();
        conditions.iter().for_each(|c| wanted.read(c));
        let mut out = Vec::new();
        for segment in &self.segments {
            if !wanted.may_meet(segment) {
                continue;
            }
            let mut rows = segment.rows;
            let mut file = PartitionedFile::new_from_meta(meta(segment))
                .with_statistics(Arc::new(self.statistics_of(segment)));
            if !wanted.observables.is_empty() {
                let Some(blocks) = self.blocks(segment, &wanted.observables)? else { continue };
                let (selection, selected) = selection(&blocks, segment.rows);
                rows = selected;
                file = file.with_extension(ParquetRowSelection::new(selection));
            }
            out.push((file, rows));
        }
        Ok(out)
    }

    /// What the case knows of a file: a query for the first rows by time then leaves out files that
    /// cannot have any, without opening them.
    fn statistics_of(&self, segment: &Segment) -> Statistics {
        let mut columns = vec![ColumnStatistics::new_unknown(); self.schema.fields().len()];
        let time = |t: Option<i64>| match t {
            Some(t) => Precision::Exact(ScalarValue::TimestampMicrosecond(Some(t), None)),
            None => Precision::Absent,
        };
        if let Some(first) = columns.first_mut() {
            first.min_value = time(segment.min_time);
            first.max_value = time(segment.max_time);
            first.null_count = Precision::Exact(segment.untimed as usize);
        }
        Statistics {
            num_rows: Precision::Exact(segment.rows as usize),
            total_byte_size: Precision::Absent,
            column_statistics: columns,
        }
    }

    /// Blocks that hold every observable asked for; `None` if there is none.
    fn blocks(&self, segment: &Segment, wanted: &[Vec<String>]) -> Result<Option<Vec<Range<u32>>>> {
        let trouble = |e: &dyn std::fmt::Display| {
            datafusion::error::DataFusionError::Execution(format!(
                "the index of segment {} cannot be read: {e}; `palisade case verify` shows the damage",
                segment.file
            ))
        };
        let index =
            Index::open(self.lake.open_index(segment).map_err(|e| trouble(&e))?).map_err(|e| trouble(&e))?;
        let mut left: Option<Vec<Range<u32>>> = None;
        for any in wanted {
            let mut hits = Vec::new();
            for text in any {
                hits.extend(index.lookup(&Query::holds(text)).map_err(|e| trouble(&e))?);
            }
            let blocks = merge_blocks(&hits);
            let both = match left {
                Some(before) => common(&before, &blocks),
                None => blocks,
            };
            if both.is_empty() {
                return Ok(None);
            }
            left = Some(both);
        }
        Ok(left)
    }
}

/// What two ascending lists of ranges have in common.
fn common(a: &[Range<u32>], b: &[Range<u32>]) -> Vec<Range<u32>> {
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let both = x.start.max(y.start)..x.end.min(y.end);
        if !both.is_empty() {
            out.push(both);
        }
        if x.end <= y.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    out
}

/// DataFusion reads text fastest as views.
fn viewed(field: Field) -> Field {
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        other => other.clone(),
    };
    field.with_data_type(kind)
}

fn meta(segment: &Segment) -> ObjectMeta {
    ObjectMeta {
        location: StorePath::from(segment.file.as_str()),
        last_modified: Default::default(),
        size: segment.bytes,
        // Segments never change, so their name is enough to know cached footers by.
        e_tag: None,
        version: None,
    }
}

/// Whole blocks, in ascending ranges, as a selection of rows, and how many rows that is.
pub(crate) fn selection(blocks: &[Range<u32>], rows: u64) -> (RowSelection, u64) {
    let block = u64::from(BLOCK_ROWS);
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut at = 0u64;
    let mut selected = 0u64;
    for range in blocks {
        let start = (u64::from(range.start) * block).max(at);
        let end = (u64::from(range.end) * block).min(rows);
        if start >= end {
            continue;
        }
        if start > at {
            selectors.push(RowSelector::skip((start - at) as usize));
        }
        selectors.push(RowSelector::select((end - start) as usize));
        selected += end - start;
        at = end;
    }
    if at < rows {
        selectors.push(RowSelector::skip((rows - at) as usize));
    }
    (RowSelection::from(selectors), selected)
}

/// What conditions ask for, as far as segments and indexes can answer it.
#[derive(Default, Debug)]
struct Wanted {
    from: Option<i64>,
    /// Excluded.
    to: Option<i64>,
    /// Rows must have a time.
    timed: bool,
    /// Rows must hold one of each list.
    observables: Vec<Vec<String>>,
}

impl Wanted {
    fn may_meet(&self, segment: &Segment) -> bool {
        let empty = |from: i64, to: i64| {
            segment.max_time.is_none_or(|m| m < from) || segment.min_time.is_none_or(|m| m >= to)
        };
        !(self.timed && empty(self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX)))
    }

    fn read(&mut self, condition: &Expr) {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.read(left);
                self.read(right);
            }
            Expr::BinaryExpr(b @ BinaryExpr { op: Operator::Or, .. }) => {
                let mut any = Vec::new();
                if alternatives(b, &mut any) {
                    self.observables.push(any);
                }
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let (Some(name), Some(value)) = (column(left), literal(right)) {
                    self.compare(name, *op, value);
                } else if let (Some(value), Some(name)) = (literal(left), column(right))
                    && let Some(op) = op.swap()
                {
                    self.compare(name, op, value);
                }
            }
            Expr::Between(b) if !b.negated => {
                if let (Some(name), Some(low), Some(high)) =
                    (column(&b.expr), literal(&b.low), literal(&b.high))
                {
                    self.compare(name, Operator::GtEq, low);
                    self.compare(name, Operator::LtEq, high);
                }
            }
            other => {
                if let Some(any) = holds(other) {
                    self.observables.push(any);
                }
            }
        }
    }

    fn compare(&mut self, name: &str, op: Operator, value: &ScalarValue) {
        if name == layout::TIME {
            let ScalarValue::TimestampMicrosecond(Some(t), _) = value else { return };
            let later = |a: Option<i64>, b: i64| Some(a.map_or(b, |a| a.max(b)));
            let earlier = |a: Option<i64>, b: i64| Some(a.map_or(b, |a| a.min(b)));
            match op {
                Operator::Eq => {
                    self.from = later(self.from, *t);
                    self.to = earlier(self.to, t.saturating_add(1));
                }
                Operator::GtEq => self.from = later(self.from, *t),
                Operator::Gt => self.from = later(self.from, t.saturating_add(1)),
                Operator::Lt => self.to = earlier(self.to, *t),
                Operator::LtEq => self.to = earlier(self.to, t.saturating_add(1)),
                _ => return,
            }
            self.timed = true;
        } else if op == Operator::Eq
            && let Some(text) = address(name, value)
        {
            self.observables.push(vec![text]);
        }
    }
}

/// Whether every branch of an OR asks for observables; which.
fn alternatives(b: &BinaryExpr, any: &mut Vec<String>) -> bool {
    [&b.left, &b.right].into_iter().all(|side| match side.as_ref() {
        Expr::BinaryExpr(inner @ BinaryExpr { op: Operator::Or, .. }) => alternatives(inner, any),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let found = match (column(left), literal(right), literal(left), column(right)) {
                (Some(n), Some(v), _, _) | (_, _, Some(v), Some(n)) => address(n, v),
                _ => None,
            };
            found.is_some_and(|o| {
                any.push(o);
                true
            })
        }
        other => holds(other).is_some_and(|o| {
            any.extend(o);
            true
        }),
    })
}

/// `_src_ip = '203.0.113.7'`: an address there is an observable too, in its canonical form.
fn address(name: &str, value: &ScalarValue) -> Option<String> {
    if ![layout::SRC_IP, layout::DST_IP].contains(&name) {
        return None;
    }
    let text = value.try_as_str()??;
    // What is no address in its canonical form may stand in the column all the same, as it was written.
    let observable = Observable::parse(ObservableKind::Ip, text).ok()?;
    (observable.value() == text).then(|| observable.to_string())
}

/// `array_has(_observables, 'ip:203.0.113.7')`
fn holds(expr: &Expr) -> Option<Vec<String>> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let [first, second] = call.args.as_slice() else { return None };
    if column(first) != Some(layout::OBSERVABLES) || call.func.name() != "array_has" {
        return None;
    }
    Some(vec![literal(second)?.try_as_str()??.to_owned()])
}

fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(c) => Some(c.name.as_str()),
        Expr::Cast(c) => column(&c.expr),
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.prune(filters)?;
        if files.is_empty() {
            let schema = match projection {
                Some(p) => Arc::new(self.schema.project(p)?),
                None => self.schema.clone(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let rows: u64 = files.iter().map(|(_, n)| n).sum();
        let groups = spread(files, state.config().target_partitions());
        let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let source = ParquetSource::new(self.schema.clone())
            .with_enable_page_index(true)
            .with_metadata_size_hint(FOOTER_BYTES)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(
                self.store.clone(),
                cache,
            )));
        let unknown = vec![ColumnStatistics::new_unknown(); self.schema.fields().len()];
        // Conditions make counts inexact; the plan above knows of them and says so.
        let statistics = Statistics {
            num_rows: Precision::Exact(rows as usize),
            total_byte_size: Precision::Absent,
            column_statistics: unknown,
        };
        let exact = if filters.is_empty() { statistics } else { statistics.to_inexact() };
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| filters.is_empty()))
            .with_statistics(exact)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// How much of a file's end is read at first: a footer with its page index fits mostly.
const FOOTER_BYTES: usize = 64 << 10;

/// Files in as many groups as there are threads, each about as large.
fn spread(files: Vec<(PartitionedFile, u64)>, partitions: usize) -> Vec<FileGroup> {
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); partitions.max(1)];
    for (file, rows) in files {
        if let Some(least) = groups.iter_mut().min_by_key(|(n, _)| *n) {
            least.0 += rows;
            least.1.push(file);
        }
    }
    groups.into_iter().filter(|(_, f)| !f.is_empty()).map(|(_, f)| FileGroup::new(f)).collect()
}
