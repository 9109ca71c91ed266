//! `count(DISTINCT text)`, within measure.
//!
//! Questions to a lake often count how many hosts, users or addresses: few texts, met very often. So
//! each text is kept once, under a number, and what a group has seen is a set of such numbers; and
//! because a column's dictionary gives the same view for the same text again and again, a small
//! cache knows most numbers without looking at the text.
//!
//! [`CountTexts`] puts [`CountDistinctText`] in place of `count(DISTINCT …)` over text; of other types
//! DataFusion's own is used. The count is exact. Nothing of it can be named in SQL.

use std::fmt::Debug;
use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, ListArray, StringViewArray, StringViewBuilder,
    UInt32Array,
};
use datafusion::arrow::buffer::{Buffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::builder::project;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, Aggregate, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, ExprSchemable as _,
    GroupsAccumulator, LogicalPlan, Signature, Volatility,
};
use datafusion::optimizer::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Texts whose numbers are remembered by view: more than a column's dictionary mostly has.
const RECENT: usize = 8_192;

/// Numbers that a group holds before it needs a table of its own.
const FEW: usize = 7;

/// Each text once, under a number.
struct Words {
    numbers: HashTable<u32>,
    hasher: RandomState,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Default for Words {
    fn default() -> Words {
        // Keys differ from process to process: evidence cannot be made to collide.
        let hasher = RandomState::default();
        Words { numbers: HashTable::new(), hasher, bytes: Vec::new(), ends: Vec::new() }
    }
}

impl Words {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn text<'a>(bytes: &'a [u8], ends: &[usize], number: u32) -> &'a [u8] {
        let at = number as usize;
        let start = if at == 0 { 0 } else { ends[at - 1] };
        &bytes[start..ends[at]]
    }

    fn number(&mut self, text: &[u8]) -> Result<u32> {
        let Words { numbers, hasher, bytes, ends } = self;
        let hash = std::hash::BuildHasher::hash_one(hasher, text);
        if let Some(n) = numbers.find(hash, |n| Words::text(bytes, ends, *n) == text) {
            return Ok(*n);
        }
        let number = u32::try_from(ends.len()).map_err(|_| exec_datafusion_err!("more than 2³² texts"))?;
        bytes.extend_from_slice(text);
        ends.push(bytes.len());
        numbers.insert_unique(hash, number, |n| {
            std::hash::BuildHasher::hash_one(hasher, Words::text(bytes, ends, *n))
        });
        Ok(number)
    }

    /// The texts in the order of their numbers.
    fn array(&self) -> Result<StringViewArray> {
        let mut out = StringViewBuilder::with_capacity(self.len());
        for number in 0..self.len() as u32 {
            let text = Words::text(&self.bytes, &self.ends, number);
            out.append_value(std::str::from_utf8(text).map_err(|e| exec_datafusion_err!("{e}"))?);
        }
        Ok(out.finish())
    }

    fn size(&self) -> usize {
        self.numbers.allocation_size() + self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}

/// Numbers of texts met lately, by their views.
///
/// A view of up to twelve bytes holds its text. A longer one says where in which buffer the text
/// stands, so it means the same only as long as the buffers are the same: they are held here, so
/// that no others can take their place in memory.
#[derive(Default)]
struct Recent {
    slots: Vec<(u128, u32)>,
    buffers: Vec<Buffer>,
}

impl Recent {
    /// Forgets what no longer holds.
    fn turn_to(&mut self, column: &StringViewArray) {
        let now = column.data_buffers();
        let same = now.len() == self.buffers.len()
            && now.iter().zip(self.buffers.iter()).all(|(a, b)| a.ptr_eq(b) && a.len() == b.len());
        if self.slots.is_empty() || !same {
            self.slots.clear();
            // A view that stands for nothing: its length is larger than any.
            self.slots.resize(RECENT, (u128::MAX, 0));
            self.buffers = now.to_vec();
        }
    }

    fn slot(&mut self, view: u128) -> &mut (u128, u32) {
        // Fibonacci hashing of both halves; the table's size is a power of two.
        let mixed =
            ((view as u64) ^ ((view >> 64) as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &mut self.slots[(mixed >> (64 - RECENT.trailing_zeros())) as usize]
    }

    fn size(&self) -> usize {
        self.slots.capacity() * size_of::<(u128, u32)>()
    }
}

/// Gives each text of a column its number, and hands it on with its row.
#[derive(Default)]
struct Numbering {
    words: Words,
    recent: Recent,
}

impl Numbering {
    /// `wanted`: rows that count, besides those that are NULL.
    fn each(
        &mut self,
        column: &ArrayRef,
        wanted: Option<&BooleanArray>,
        mut f: impl FnMut(usize, u32),
    ) -> Result<()> {
        let nulls = column.logical_nulls();
        let counts = |row: usize| {
            nulls.as_ref().is_none_or(|n| n.is_valid(row))
                && wanted.is_none_or(|w| w.is_valid(row) && w.value(row))
        };
        let Numbering { words, recent } = self;
        match column.data_type() {
            DataType::Utf8View => {
                let texts = column.as_string_view();
                recent.turn_to(texts);
                for (row, view) in texts.views().iter().enumerate() {
                    if !counts(row) {
                        continue;
                    }
                    let slot = recent.slot(*view);
                    if slot.0 != *view {
                        *slot = (*view, words.number(texts.value(row).as_bytes())?);
                    }
                    f(row, slot.1);
                }
            }
            DataType::Utf8 => {
                let texts = column.as_string::<i32>();
                for row in (0..texts.len()).filter(|r| counts(*r)) {
                    f(row, words.number(texts.value(row).as_bytes())?);
                }
            }
            DataType::LargeUtf8 => {
                let texts = column.as_string::<i64>();
                for row in (0..texts.len()).filter(|r| counts(*r)) {
                    f(row, words.number(texts.value(row).as_bytes())?);
                }
            }
            other => return Err(exec_datafusion_err!("distinct texts of a column of {other}")),
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.words.size() + self.recent.size()
    }
}

/// The numbers one group has met.
enum Met {
    Few { len: u8, numbers: [u32; FEW] },
    Many(Box<HashTable<u32>>),
}

/// Numbers are given in order: no evidence chooses them.
fn spread(number: u32) -> u64 {
    u64::from(number).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Met {
    const NONE: Met = Met::Few { len: 0, numbers: [0; FEW] };

    /// Adds a number. Gives how many bytes that took outside this value.
    fn add(&mut self, number: u32) -> usize {
        match self {
            Met::Few { len, numbers } => {
                let known = &numbers[..usize::from(*len)];
                if known.contains(&number) {
                    return 0;
                }
                if usize::from(*len) < FEW {
                    numbers[usize::from(*len)] = number;
                    *len += 1;
                    return 0;
                }
                let mut table = HashTable::with_capacity(4 * FEW);
                for n in known.iter().copied().chain([number]) {
                    table.insert_unique(spread(n), n, |n| spread(*n));
                }
                let bytes = table.allocation_size() + size_of::<HashTable<u32>>();
                *self = Met::Many(Box::new(table));
                bytes
            }
            Met::Many(table) => {
                let hash = spread(number);
                if table.find(hash, |n| *n == number).is_some() {
                    return 0;
                }
                let before = table.allocation_size();
                table.insert_unique(hash, number, |n| spread(*n));
                table.allocation_size() - before
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Met::Few { len, .. } => usize::from(*len),
            Met::Many(table) => table.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Met::Few { .. } => 0,
            Met::Many(table) => table.allocation_size() + size_of::<HashTable<u32>>(),
        }
    }

    fn each(&self, f: &mut dyn FnMut(u32)) {
        match self {
            Met::Few { len, numbers } => numbers[..usize::from(*len)].iter().for_each(|n| f(*n)),
            Met::Many(table) => table.iter().for_each(|n| f(*n)),
        }
    }
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Utf8View, true))
}

/// The texts of each row of a list column, one list after the other: row by row, where each begins.
fn lists(states: &[ArrayRef]) -> Result<&ListArray> {
    let list = states.first().and_then(|s| s.as_list_opt::<i32>());
    list.ok_or_else(|| exec_datafusion_err!("the state of a distinct count is no list"))
}

/// A distinct count over everything.
#[derive(Default)]
struct One(Numbering);

impl Debug for One {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} distinct texts", self.0.words.len())
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().take(1).try_for_each(|column| self.0.each(column, None, |_, _| {}))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.0.words.len() as i64)))
    }

    fn size(&self) -> usize {
        size_of::<One>() + self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let texts: ArrayRef = Arc::new(self.0.words.array()?);
        let offsets = OffsetBuffer::from_lengths([texts.len()]);
        Ok(vec![ScalarValue::List(Arc::new(ListArray::try_new(item(), offsets, texts, None)?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let list = lists(states)?;
        (0..list.len())
            .filter(|row| list.is_valid(*row))
            .try_for_each(|row| self.update_batch(&[list.value(row)]))
    }
}

/// A distinct count in each group.
#[derive(Default)]
struct Grouped {
    numbering: Numbering,
    groups: Vec<Met>,
    /// Bytes of the groups' tables.
    tables: usize,
}

impl Grouped {
    fn taken(&mut self, emit_to: EmitTo) -> Vec<Met> {
        let out = emit_to.take_needed(&mut self.groups);
        self.tables -= out.iter().map(Met::bytes).sum::<usize>();
        out
    }
}

impl GroupsAccumulator for Grouped {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let Grouped { numbering, groups, tables } = self;
        groups.resize_with(total_num_groups, || Met::NONE);
        let [column] = values else {
            return Err(exec_datafusion_err!("a distinct count of several columns"));
        };
        numbering.each(column, opt_filter, |row, number| *tables += groups[group_indices[row]].add(number))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let counts: Int64Array = self.taken(emit_to).iter().map(|m| Some(m.len() as i64)).collect();
        if self.groups.is_empty() {
            *self = Grouped::default();
        }
        Ok(Arc::new(counts))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let met = self.taken(emit_to);
        let mut numbers: Vec<u32> = Vec::with_capacity(met.iter().map(Met::len).sum());
        met.iter().for_each(|m| m.each(&mut |n| numbers.push(n)));
        let offsets = OffsetBuffer::from_lengths(met.iter().map(Met::len));
        drop(met);
        // Each text stands in memory once; the lists point to it.
        let texts = take(&self.numbering.words.array()?, &UInt32Array::from(numbers), None)?;
        if self.groups.is_empty() {
            *self = Grouped::default();
        }
        Ok(vec![Arc::new(ListArray::try_new(item(), offsets, texts, None)?)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let Grouped { numbering, groups, tables } = self;
        groups.resize_with(total_num_groups, || Met::NONE);
        let list = lists(values)?;
        // The texts of all rows lie one after the other: which row each is of.
        let offsets = list.value_offsets();
        let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
        let texts = list.values().slice(*first as usize, (*last - *first) as usize);
        let mut of = Vec::with_capacity(texts.len());
        for (row, ends) in offsets.windows(2).enumerate() {
            of.extend(std::iter::repeat_n(group_indices[row], (ends[1] - ends[0]) as usize));
        }
        numbering.each(&texts, None, |at, number| *tables += groups[of[at]].add(number))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut one_each = Grouped::default();
        let rows = values.first().map_or(0, |v| v.len());
        let own: Vec<usize> = (0..rows).collect();
        one_each.update_batch(values, &own, opt_filter, rows)?;
        one_each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of::<Grouped>() + self.numbering.size() + self.tables + self.groups.capacity() * size_of::<Met>()
    }
}

/// `count(DISTINCT text)`.
#[derive(PartialEq, Eq, Hash, Debug)]
struct CountDistinctText {
    signature: Signature,
}

impl AggregateUDFImpl for CountDistinctText {
    fn name(&self) -> &str {
        "count_distinct_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One::default()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "texts");
        Ok(vec![Arc::new(Field::new(name, DataType::List(item()), true))])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Grouped::default()))
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }
}

/// Puts [`CountDistinctText`] in place of `count(DISTINCT …)` over text.
#[derive(Debug)]
pub(super) struct CountTexts {
    count: Arc<AggregateUDF>,
}

impl Default for CountTexts {
    fn default() -> CountTexts {
        let count = CountDistinctText { signature: Signature::any(1, Volatility::Immutable) };
        CountTexts { count: Arc::new(AggregateUDF::from(count)) }
    }
}

impl CountTexts {
    /// The same count by other means, if `expr` is one of texts.
    fn instead(&self, expr: &Expr, of: &DFSchema) -> Option<Expr> {
        let Expr::AggregateFunction(call) = expr else { return None };
        let [argument] = call.params.args.as_slice() else { return None };
        let text = || {
            let kind = argument.get_type(of);
            matches!(kind, Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View))
        };
        let distinct = call.func.name() == "count" && call.params.distinct && call.params.order_by.is_empty();
        (distinct && text()).then(|| {
            Expr::AggregateFunction(AggregateFunction::new_udf(
                self.count.clone(),
                vec![argument.clone()],
                false,
                call.params.filter.clone(),
                Vec::new(),
                None,
            ))
        })
    }
}

impl OptimizerRule for CountTexts {
    fn name(&self) -> &str {
        "count_texts"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(Transformed::no(plan)) };
        let better: Vec<Option<Expr>> =
            aggregate.aggr_expr.iter().map(|e| self.instead(e, aggregate.input.schema())).collect();
        if better.iter().all(Option::is_none) {
            return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
        }
        let exprs = better.into_iter().zip(aggregate.aggr_expr).map(|(b, own)| b.unwrap_or(own)).collect();
        let new = Aggregate::try_new(aggregate.input, aggregate.group_expr, exprs)?;
        // What stands above knows the columns by their old names.
        let names = new.schema.iter().zip(aggregate.schema.iter()).map(|((q, now), (old_q, old))| {
            let column = Expr::Column(Column::new(q.cloned(), now.name()));
            match (q, now.name()) == (old_q, old.name()) {
                true => column,
                false => column.alias_qualified(old_q.cloned(), old.name()),
            }
        });
        let names: Vec<Expr> = names.collect();
        Ok(Transformed::yes(project(LogicalPlan::Aggregate(new), names)?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StringViewArray};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::catalog::MemTable;
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};

    /// Rows over several batches, whose long texts lie in buffers of their own.
    fn table(seed: u64, batches: usize, rows: usize) -> Vec<RecordBatch> {
        let mut state = seed;
        let mut draw = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        (0..batches)
            .map(|_| {
                let mut column = |kinds: u64| -> Vec<Option<String>> {
                    let value = |n: u64| match n % 3 {
                        0 => format!("{n}"),
                        1 => format!("a text that no view holds in itself {n}"),
                        _ => "ü".repeat(n as usize % 9),
                    };
                    (0..rows).map(|_| (draw(7) != 0).then(|| value(draw(kinds)))).collect()
                };
                let (key, text, wide) = (column(9), column(400), column(5_000));
                let number: Vec<i64> = (0..rows).map(|_| draw(50) as i64).collect();
                let columns: [(&str, ArrayRef); 4] = [
                    ("k", Arc::new(StringViewArray::from_iter(key))),
                    ("t", Arc::new(StringViewArray::from_iter(text))),
                    ("w", Arc::new(StringArray::from_iter(wide))),
                    ("n", Arc::new(Int64Array::from(number))),
                ];
                RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
            })
            .collect()
    }

    fn ask(ours: bool, partitions: Vec<Vec<RecordBatch>>, sql: &str) -> (String, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let config = SessionConfig::new().with_target_partitions(3).with_batch_size(64);
        let mut state = SessionStateBuilder::new().with_config(config).with_default_features();
        if ours {
            state = state.with_optimizer_rules(super::super::session::rules());
        }
        let context = SessionContext::new_with_state(state.build());
        let schema = partitions[0][0].schema();
        context.register_table("e", Arc::new(MemTable::try_new(schema, partitions).unwrap())).unwrap();
        runtime.block_on(async {
            let frame = context.sql(sql).await.unwrap();
            let plan = frame.clone().into_optimized_plan().unwrap().to_string();
            (pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string(), plan)
        })
    }

    #[test]
    fn counts_as_datafusion_does() {
        for sql in [
            "SELECT count(DISTINCT t) FROM e",
            "SELECT count(DISTINCT t) AS a, count(DISTINCT w) AS b, count(*) AS c FROM e",
            "SELECT count(DISTINCT t) FROM e WHERE n < 0",
            "SELECT k, count(DISTINCT t) FROM e WHERE n < 0 GROUP BY k",
            "SELECT k, count(DISTINCT t) AS d FROM e GROUP BY k ORDER BY d, k",
            "SELECT k, count(DISTINCT w) AS d, count(*) AS c, min(n) AS m FROM e GROUP BY k ORDER BY k",
            "SELECT w, count(DISTINCT t) AS d, count(DISTINCT k) AS c FROM e GROUP BY w ORDER BY w",
            "SELECT n, count(DISTINCT t) FILTER (WHERE n % 2 = 0) AS d FROM e GROUP BY n ORDER BY n",
            "SELECT count(DISTINCT t) FILTER (WHERE n > 10) AS d, count(DISTINCT n) AS c FROM e",
            "SELECT k, n, count(DISTINCT t) AS d FROM e GROUP BY ROLLUP (k, n) ORDER BY k, n, d",
            "SELECT k, count(DISTINCT upper(t)) AS d FROM e GROUP BY k HAVING count(DISTINCT upper(t)) > 3 ORDER BY k",
            "SELECT k, (SELECT count(DISTINCT i.t) FROM e i WHERE i.n = 3) AS d FROM e GROUP BY k ORDER BY k",
            "SELECT DISTINCT k, (SELECT count(DISTINCT i.t) FROM e i WHERE i.k = e.k) AS d FROM e ORDER BY k",
            "SELECT d, count(*) AS c FROM (SELECT k, n, count(DISTINCT w) AS d FROM e GROUP BY k, n) GROUP BY d ORDER BY d",
            "SELECT n, count(DISTINCT t) AS d FROM (SELECT * FROM e ORDER BY n) GROUP BY n ORDER BY n",
            "SELECT sum(count(DISTINCT t)) OVER () AS s, k FROM e GROUP BY k ORDER BY k",
        ] {
            for seed in 0..3 {
                let parts = vec![table(seed, 5, 200), table(seed + 10, 3, 77), table(seed + 20, 1, 1)];
                let (stock, _) = ask(false, parts.clone(), sql);
                let (ours, plan) = ask(true, parts, sql);
                assert_eq!(ours, stock, "{sql}");
                let meant =
                    sql.contains("DISTINCT t)") || sql.contains("DISTINCT w)") || sql.contains("upper");
                assert_eq!(
                    plan.contains("count_distinct_text"),
                    meant || sql.contains("i.t"),
                    "{sql}\n{plan}"
                );
            }
        }
    }
}
