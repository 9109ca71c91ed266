//! Tables of the lake for SQL: which segments, which rows of them.
//!
//! Before a file is opened three things are asked of what the case and the indexes say: can the
//! segment hold rows of the time asked for, can it hold the observable asked for, and in which rows
//! or blocks of rows. What is left is DataFusion's: row groups, pages, values. Conditions are still
//! checked on every row that is read, unless the indexes answered them to the row.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{CachedParquetFileReaderFactory, ParquetRowSelection};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::object_store::{ObjectMeta, ObjectStore, path::Path as StorePath};
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use palisade_model::{Observable, ObservableKind};

use super::index::{Index, IndexError, Query, QuerySet, merge};
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
    /// What the indexes have said, by the observables asked for: planning asks several times.
    answers: Mutex<HashMap<Vec<String>, Arc<Answers>>>,
}

/// Where one of some observables is.
#[derive(Debug)]
struct Answers {
    /// Segment by segment, ascending ranges of rows.
    rows: Vec<Vec<Range<u64>>>,
    /// These rows hold one, and no others do: nothing need be read to make sure.
    exact: bool,
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
        LakeTable {
            lake: lake.clone(),
            segments,
            schema: Arc::new(Schema::new(fields)),
            store,
            answers: Mutex::default(),
        }
    }

    /// The files that may hold what the conditions ask for.
    fn prune(&self, conditions: &[Expr]) -> Result<Vec<(PartitionedFile, u64)>> {
        let mut wanted = Wanted::default();
        conditions.iter().for_each(|c| wanted.read(c));
        let answers: Vec<_> = wanted.observables.iter().map(|any| self.ask(any)).collect::<Result<_>>()?;
        let mut out = Vec::new();
        for (n, segment) in self.segments.iter().enumerate() {
            if !wanted.may_meet(segment) {
                continue;
            }
            let mut rows = segment.rows;
            let mut file = PartitionedFile::new_from_meta(meta(segment))
                .with_statistics(Arc::new(self.statistics_of(segment)));
            let all = answers.iter().filter_map(|a| a.rows.get(n).cloned());
            if let Some(held) = all.reduce(|a, b| common(&a, &b)) {
                let (selection, selected) = select(held, segment.rows);
                if selected == 0 {
                    continue;
                }
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

    /// Where one of these observables is.
    fn ask(&self, any: &[String]) -> Result<Arc<Answers>> {
        // Nobody panics while it is held.
        let mut known = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answers) = known.get(any) {
            return Ok(answers.clone());
        }
        let set = QuerySet::new(any.iter().map(|text| Query::holds(text)));
        let mut answers = Answers { rows: Vec::with_capacity(self.segments.len()), exact: true };
        for segment in &self.segments {
            let hits = self.lake.open_index(segment).map_err(IndexError::from);
            let hits = hits.and_then(Index::open).and_then(|index| {
                let size = index.rows_per_block();
                Ok((index.lookup_many(&set)?, size))
            });
            let (hits, size) = hits.map_err(|e| {
                DataFusionError::Execution(format!(
                    "the index of segment {} cannot be read: {e}; `palisade case verify` shows the damage",
                    segment.file
                ))
            })?;
            answers.exact &= hits.iter().all(|(_, h)| h.exact.is_some());
            answers.rows.push(merge(hits.iter().flat_map(|(_, h)| h.ranges(size)).collect()));
        }
        let answers = Arc::new(answers);
        known.insert(any.to_vec(), answers.clone());
        Ok(answers)
    }

    /// Whether the indexes say of each row if the condition holds.
    fn answers_exactly(&self, condition: &Expr) -> Result<bool> {
        let mut any = Vec::new();
        Ok(only_holds(condition, &mut any) && self.ask(&any)?.exact)
    }
}

/// What two ascending lists of ranges have in common.
fn common(a: &[Range<u64>], b: &[Range<u64>]) -> Vec<Range<u64>> {
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
    let first = |block: u32| u64::from(block) * u64::from(BLOCK_ROWS);
    select(blocks.iter().map(|b| first(b.start)..first(b.end)), rows)
}

/// Ascending ranges as a selection of so many rows.
fn select(ranges: impl IntoIterator<Item = Range<u64>>, rows: u64) -> (RowSelection, u64) {
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut at = 0u64;
    let mut selected = 0u64;
    for range in ranges {
        let (start, end) = (range.start.max(at), range.end.min(rows));
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

/// Whether a condition is `array_has(_observables, …)` or several of them joined by `OR`; which.
fn only_holds(condition: &Expr, any: &mut Vec<String>) -> bool {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            only_holds(left, any) && only_holds(right, any)
        }
        other => holds(other).is_some_and(|o| {
            any.extend(o);
            true
        }),
    }
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
        let of = |filter: &&Expr| {
            Ok(match self.answers_exactly(filter)? {
                true => TableProviderFilterPushDown::Exact,
                false => TableProviderFilterPushDown::Inexact,
            })
        };
        filters.iter().map(of).collect()
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
        // Conditions make counts inexact, unless the indexes answered them.
        let statistics = Statistics {
            num_rows: Precision::Exact(rows as usize),
            total_byte_size: Precision::Absent,
            column_statistics: unknown,
        };
        let mut answered = true;
        for filter in filters {
            answered &= self.answers_exactly(filter)?;
        }
        let exact = if answered { statistics } else { statistics.to_inexact() };
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| answered))
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
