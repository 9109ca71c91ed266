//! SQL over the lake: read-only, bounded in memory and time.
//!
//! [`session`] is the one place that builds a DataFusion session; a larger installation builds
//! another one there. A query sees the tables of the lake, `events` (all of them, envelope
//! columns), the case's knowledge, and views made of these. It cannot write, create, set, reach another
//! file or address, and functions that blow small values up are not there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::object_store::ObjectStore;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::optimizer::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_plan::{ExecutionPlan, execute_stream, execute_stream_partitioned};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures::channel::mpsc;
use futures::future::{self, Either};
use futures::{SinkExt as _, StreamExt as _};

use super::answer::{Answer, cited};
use super::distinct::CountTexts;
use super::segments::Lake;
use super::table::{LakeTable, STORE_URL};
use super::{bounds, cite, hints};

/// Longest query, in bytes.
pub const MAX_SQL_BYTES: usize = 1 << 20;

/// Most tables a query's views may refer to is bounded by the catalogue; most of a spill on disk is this.
const SPILL_BYTES: u64 = 4 << 30;

/// Footers kept in memory.
const FOOTER_CACHE: usize = 256 << 20;

/// Functions that make large values out of small ones: memory they take is not counted before it is taken.
const BOMBS: [&str; 8] =
    ["repeat", "lpad", "rpad", "array_repeat", "generate_series", "range", "array_resize", "list_resize"];

/// Name of the threads that plan and run a query: a panic there is caught and told as a damaged segment.
pub const QUERY_THREAD: &str = "query";

/// Limits of a query.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// Bytes that sorting, joining and grouping may hold.
    pub memory: usize,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// Threads.
    pub threads: usize,
}

/// What a query cost.
#[derive(Clone, Debug, Default)]
pub struct QueryCost {
    /// Rows given.
    pub rows: u64,
    /// Seconds of planning and running.
    pub seconds: f64,
    /// Bytes read of the lake.
    pub bytes: u64,
    /// Whether each row is one of the lake and cites its evidence.
    pub cites: bool,
    /// Sources that rows cite, by their number in the case; the first thousand or so.
    pub sources: BTreeSet<i64>,
}

/// Sources noted of one answer.
const MAX_CITED: usize = 1_000;

/// Why a query gave no answer. Each message stands alone.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Not understood, or not allowed.
    #[error("the query cannot be run: {0}")]
    Plan(String),
    /// It needed more memory than it may have.
    #[error("the query needs more memory than it may have ({limit} MiB): {why}; narrow it (a time range, fewer columns) or raise --memory", limit = .limit >> 20)]
    Memory {
        /// What it may have, in bytes.
        limit: usize,
        /// What DataFusion says.
        why: String,
    },
    /// It took too long.
    #[error("the query did not end within {0:?}; narrow it (a time range helps most) or raise --timeout")]
    Timeout(Duration),
    /// A segment is missing or damaged.
    #[error("the lake cannot be read: {0}; `palisade case verify` shows what is damaged")]
    Lake(String),
    /// Something else while it ran.
    #[error("the query failed: {0}")]
    Run(String),
    /// Whoever receives the rows refused them.
    #[error("cannot write the answer: {0}")]
    Output(#[source] std::io::Error),
}

/// A table of the case's knowledge, in memory.
pub struct KnowledgeTable {
    /// Its name in SQL.
    pub name: &'static str,
    /// Its rows.
    pub rows: RecordBatch,
}

/// The tables a query can see besides the lake's.
#[derive(Default)]
pub struct Visible {
    /// Knowledge.
    pub knowledge: Vec<KnowledgeTable>,
    /// Views: name and the query behind it. One that cannot be planned is an error only when asked for.
    pub views: Vec<(String, String)>,
    /// Adds the columns that cite the evidence, where rows of the answer are rows of the lake.
    pub cite: bool,
}

/// DataFusion's rules, and before the one that makes two groupings of a distinct count, ours that needs one.
pub(super) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let at = rules.iter().position(|r| r.name() == "single_distinct_aggregation_to_group_by");
    rules.insert(at.unwrap_or(0), Arc::new(CountTexts::default()));
    rules
}

fn store_of(lake: &Lake) -> Result<Arc<dyn ObjectStore>, QueryError> {
    // Confined to the lake's directory: no path of a query leads out of it.
    match LocalFileSystem::new_with_prefix(lake.dir()) {
        Ok(store) => Ok(Arc::new(store)),
        Err(e) => Err(QueryError::Lake(e.to_string())),
    }
}

/// Builds the session: limits, tables of the lake, knowledge, views.
async fn session(lake: &Lake, visible: &Visible, limits: QueryLimits) -> Result<SessionContext, QueryError> {
    let plan = |e: DataFusionError| QueryError::Plan(e.strip_backtrace());
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.threads.max(1))
        .with_information_schema(true)
        .with_batch_size(8_192);
    let options = config.options_mut();
    // Field names are the record's own, upper and lower case as it has them.
    options.sql_parser.enable_ident_normalization = false;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.collect_statistics = false;
    let narrowest = std::num::NonZeroUsize::MIN.saturating_add(4);
    let pool = TrackConsumersPool::new(FairSpillPool::new(limits.memory), narrowest);
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::OsTmpDirectory)
        .with_max_temp_directory_size(SPILL_BYTES);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(FOOTER_CACHE.min(limits.memory / 4))
        .build_arc()
        .map_err(plan)?;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(rules())
        .build();
    let context = SessionContext::new_with_state(state);
    if !lake.segments().is_empty() {
        let store = store_of(lake)?;
        let url = url::Url::parse(STORE_URL).map_err(|e| QueryError::Run(e.to_string()))?;
        context.register_object_store(&url, store.clone());
        let mut tables: Vec<&str> = lake.segments().iter().map(|s| s.table.as_ref()).collect();
        tables.sort_unstable();
        tables.dedup();
        for table in tables {
            let provider = LakeTable::new(lake, Some(table), store.clone());
            context.register_table(table, Arc::new(provider)).map_err(plan)?;
        }
        context.register_table("events", Arc::new(LakeTable::new(lake, None, store))).map_err(plan)?;
    }
    for table in &visible.knowledge {
        let memory = MemTable::try_new(table.rows.schema(), vec![vec![table.rows.clone()]]).map_err(plan)?;
        context.register_table(table.name, Arc::new(memory)).map_err(plan)?;
    }
    for (name, sql) in &visible.views {
        let view = context.sql(sql).await.map_err(plan)?.into_view();
        context.register_table(name.as_str(), view).map_err(plan)?;
    }
    // After the views, which are ours and may use them within measure.
    for name in BOMBS {
        context.deregister_udf(name);
        context.deregister_udtf(name);
    }
    Ok(context)
}

/// How long threads of a query may take to end after its answer.
const PATIENCE: Duration = Duration::from_millis(200);

/// Runs one query and hands its rows over, batch by batch. If each row of the answer is a row of the
/// lake, it also has the columns that cite the evidence ([`Visible::cite`]).
///
/// # Errors
/// [`QueryError`]; rows given before an error are part of no answer.
pub fn query(
    lake: &Lake,
    visible: &Visible,
    sql: &str,
    limits: QueryLimits,
    answer: &mut dyn Answer,
) -> Result<QueryCost, QueryError> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(QueryError::Plan(format!("it is longer than {} KiB", MAX_SQL_BYTES >> 10)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(limits.threads.max(1))
        .thread_name(QUERY_THREAD)
        // Plans nest as queries do, and not everything that walks them grows the stack.
        .thread_stack_size(bounds::STACK)
        .enable_time()
        .build()
        .map_err(|e| QueryError::Run(e.to_string()))?;
    let started = Instant::now();
    let mut watch =
        bounds::watch(limits.memory, limits.timeout).map_err(|e| QueryError::Run(e.to_string()))?;
    let work = std::pin::pin!(run(lake, visible, sql, limits, answer));
    let result = match runtime.block_on(future::select(work, &mut watch.met)) {
        Either::Left((done, _)) => done,
        Either::Right((Ok(bounds::Met::Time(limit)), _)) => Err(QueryError::Timeout(limit)),
        Either::Right((Ok(bounds::Met::Memory(mib)), _)) => {
            let why = format!("values it makes fill the memory, {mib} MiB by now");
            Err(QueryError::Memory { limit: limits.memory, why })
        }
        Either::Right((Err(_), _)) => Err(QueryError::Run("nobody watches over it".into())),
    };
    let seconds = started.elapsed().as_secs_f64();
    // Threads are joined where they end at once: some C libraries read a thread's memory again after letting go of it, and if it
    // has ended just then, that is gone (glibc, bug 19951). Work that does not look up any more is not waited for.
    runtime.shutdown_timeout(PATIENCE);
    let mut cost = result.map_err(|e| name_damage(e, lake))?;
    cost.seconds = seconds;
    Ok(cost)
}

async fn run(
    lake: &Lake,
    visible: &Visible,
    sql: &str,
    limits: QueryLimits,
    answer: &mut dyn Answer,
) -> Result<QueryCost, QueryError> {
    let before = lake.bytes_read();
    if let Some(why) = bounds::too_complex(sql) {
        return Err(QueryError::Plan(why));
    }
    let context = session(lake, visible, limits).await?;
    let allowed = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let tables = names(&context);
    let told = |e: DataFusionError| hints::error(&e, limits, &tables);
    // On a thread of its own, so that planning is under the limits of time and memory as well.
    let sql = sql.to_owned();
    let cite = visible.cite;
    let planning = tokio::spawn(async move {
        let frame = context.sql_with_options(&sql, allowed).await?;
        let (state, mut plan) = frame.into_parts();
        let mut cites = false;
        if cite && let Some(with) = cite::with_citation(&plan)? {
            plan = with;
            cites = true;
        }
        let plan = state.create_physical_plan(&plan).await?;
        Ok::<_, DataFusionError>((context, plan, cites))
    });
    let broken = |e: tokio::task::JoinError| match e.is_panic() {
        // The reader of Parquet trusts numbers in a footer more than it should.
        true => QueryError::Lake("what a segment says of itself does not hold".to_owned()),
        false => QueryError::Run(e.to_string()),
    };
    let (context, plan, cites) = planning.await.map_err(broken)?.map_err(told)?;
    let schema = plan.schema();
    let refused = |e: std::io::Error| QueryError::Output(e);
    answer.columns(&schema).map_err(refused)?;
    // Running, too: a join may work for hours between two batches, and this thread keeps the time.
    let (mut rows, mut received) = mpsc::channel(1);
    let running = plan.clone();
    let task = tokio::spawn(async move {
        // One thread gives rows in the order of the lake: the same answer every time.
        let streams = if limits.threads <= 1 {
            execute_stream_partitioned(running, context.task_ctx())?
        } else {
            vec![execute_stream(running, context.task_ctx())?]
        };
        for mut stream in streams {
            while let Some(batch) = stream.next().await {
                // Nobody listens any more.
                if rows.send(batch?).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok::<_, DataFusionError>(())
    });
    let mut cost = QueryCost { cites, ..QueryCost::default() };
    while let Some(batch) = received.next().await {
        cost.rows += batch.num_rows() as u64;
        if cost.sources.len() < MAX_CITED {
            cited(&batch, &mut cost.sources);
        }
        answer.rows(&batch).map_err(refused)?;
    }
    task.await.map_err(broken)?.map_err(told)?;
    answer.end().map_err(refused)?;
    cost.bytes = scanned(plan.as_ref()) + lake.bytes_read() - before;
    Ok(cost)
}

/// Says which segment is damaged, if a query failed because one may be. That takes a look at each, which
/// an answer is worth and a failure can wait for.
fn name_damage(e: QueryError, lake: &Lake) -> QueryError {
    let QueryError::Lake(why) = e else { return e };
    let damaged = lake.segments().iter().find(|s| !why.contains(s.file.as_str()) && lake.check(s).is_err());
    match damaged {
        Some(segment) => QueryError::Lake(format!("segment {}: {why}", segment.file)),
        None => QueryError::Lake(why),
    }
}

/// The tables and views that a query can name.
fn names(context: &SessionContext) -> BTreeSet<String> {
    let schemas = context.catalog_names().into_iter().filter_map(|c| context.catalog(&c));
    let public = schemas.filter_map(|c| c.schema("public"));
    public.flat_map(|s| s.table_names()).collect()
}

/// Bytes that the scans of a plan read.
fn scanned(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|m| m.sum_by_name("bytes_scanned")).map_or(0, |v| v.as_usize() as u64);
    own + plan.children().into_iter().map(|c| scanned(c.as_ref())).sum::<u64>()
}
