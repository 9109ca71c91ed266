//! How common an observable is, over lake and case: what tells a rare join from a common one.
//!
//! Events are counted from the indexes alone. Hosts are counted in the blocks that hold the observable, of
//! which only two columns are read; an observable that stands in very many blocks is looked at in
//! evenly spaced ones, and the count is then a lower bound: enough to know that it is common.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use datafusion::arrow::array::{Array as _, AsArray as _};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::file::metadata::PageIndexPolicy;
use palisade_model::{Observable, Prevalence};

use super::index::{Index, Query};
use super::layout;
use super::segments::{Lake, Segment};
use super::table::selection;
use crate::{Case, Filter, Result};

/// Blocks looked at for the hosts of one observable, over all segments: enough to know that it is everywhere. Joining a
/// case asks for thousands.
const MAX_BLOCKS: usize = 256;

/// Answers remembered.
const MEMO: usize = 1 << 20;

/// Counts over the lake and the findings of a case, as they were when it was made.
#[derive(Debug)]
pub struct CasePrevalence {
    lake: Lake,
    /// By observable as text: findings that name it, and their hosts.
    findings: HashMap<String, (u64, BTreeSet<String>)>,
    memo: RefCell<HashMap<Observable, (u64, Option<u64>)>>,
    problems: RefCell<Vec<String>>,
}

impl Case {
    /// Prevalence over this case.
    pub fn prevalence(&mut self) -> Result<CasePrevalence> {
        let lake = self.lake()?;
        let mut findings: HashMap<String, (u64, BTreeSet<String>)> = HashMap::new();
        for f in self.findings(&Filter::default())? {
            for o in f.observables.as_array().into_iter().flatten() {
                let part = |name: &str| o.get(name).and_then(serde_json::Value::as_str).unwrap_or("");
                let text = format!("{}:{}", part("type"), part("value"));
                let (n, hosts) = findings.entry(text).or_default();
                *n += 1;
                hosts.extend(f.host.iter().map(|h| h.to_lowercase()));
            }
        }
        Ok(CasePrevalence { lake, findings, memo: RefCell::default(), problems: RefCell::default() })
    }
}

impl CasePrevalence {
    /// Events in the lake.
    pub fn total(&self) -> u64 {
        self.lake.segments().iter().map(|s| s.rows).sum()
    }

    /// What could not be read while counting; counts then lack it.
    pub fn problems(&self) -> Vec<String> {
        self.problems.borrow().clone()
    }

    fn known(&self, observable: &Observable) -> (u64, Option<u64>) {
        if let Some(known) = self.memo.borrow().get(observable) {
            return *known;
        }
        let mut events = 0;
        for segment in self.lake.segments() {
            match self.index(segment).and_then(|i| i.rows_with(observable).map_err(|e| e.to_string())) {
                Ok(rows) => events += rows,
                Err(why) => self.trouble(segment, &why),
            }
        }
        // What only findings know (of evidence whose rows the lake no longer has) counts as they do.
        let told = self.findings.get(&observable.to_string()).map_or(0, |f| f.0);
        let answer = (events.max(told), None);
        self.remember(observable, answer);
        answer
    }

    fn remember(&self, observable: &Observable, answer: (u64, Option<u64>)) {
        let mut memo = self.memo.borrow_mut();
        if memo.len() >= MEMO {
            memo.clear();
        }
        memo.insert(observable.clone(), answer);
    }

    fn trouble(&self, segment: &Segment, why: &str) {
        self.problems.borrow_mut().push(format!("segment {}: {why}", segment.file));
    }

    fn index(&self, segment: &Segment) -> std::result::Result<Index<super::segments::Counted>, String> {
        let file = self.lake.open_index(segment).map_err(|e| e.to_string())?;
        Index::open(file).map_err(|e| e.to_string())
    }

    /// Adds the hosts of rows in some blocks that hold the observable.
    fn hosts_in(
        &self,
        segment: &Segment,
        blocks: &[Range<u32>],
        text: &str,
        hosts: &mut BTreeSet<String>,
    ) -> std::result::Result<(), String> {
        let told = |e: &dyn std::fmt::Display| e.to_string();
        let file = self.lake.open(segment).map_err(|e| told(&e))?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|e| told(&e))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let wanted = [layout::HOST, layout::OBSERVABLES];
        let roots = reader.schema().fields().iter().enumerate();
        let roots = roots.filter(|(_, f)| wanted.contains(&f.name().as_str())).map(|(i, _)| i);
        let mask = ProjectionMask::roots(reader.parquet_schema(), roots);
        let reader = reader.with_projection(mask).with_row_selection(selection(blocks, segment.rows).0);
        for rows in reader.build().map_err(|e| told(&e))? {
            let rows = rows.map_err(|e| told(&e))?;
            let host = rows.column_by_name(layout::HOST).and_then(|c| c.as_string_opt::<i32>());
            let held = rows.column_by_name(layout::OBSERVABLES).and_then(|c| c.as_list_opt::<i32>());
            let (Some(host), Some(held)) = (host, held) else {
                return Err("it lacks a column of the envelope".into());
            };
            let Some(texts) = held.values().as_string_opt::<i32>() else {
                return Err("a column of the envelope has another type".into());
            };
            for (row, ends) in held.offsets().windows(2).enumerate() {
                let mut of_row = ends[0]..ends[1];
                if host.is_valid(row) && of_row.any(|i| texts.value(i as usize) == text) {
                    hosts.insert(host.value(row).to_lowercase());
                }
            }
        }
        Ok(())
    }
}

impl Prevalence for CasePrevalence {
    fn events(&self, observable: &Observable) -> u64 {
        self.known(observable).0
    }

    fn hosts(&self, observable: &Observable) -> u64 {
        let (events, known) = self.known(observable);
        if let Some(hosts) = known {
            return hosts;
        }
        let text = observable.to_string();
        let query = Query::holds(&text);
        let mut places: Vec<(&Segment, u32)> = Vec::new();
        for segment in self.lake.segments() {
            match self.index(segment).and_then(|i| i.lookup(&query).map_err(|e| e.to_string())) {
                Ok(hits) => {
                    let blocks = hits.into_iter().flat_map(|h| h.blocks).flatten();
                    places.extend(blocks.map(|b| (segment, b)));
                }
                Err(why) => self.trouble(segment, &why),
            }
        }
        let step = places.len().div_ceil(MAX_BLOCKS).max(1);
        let some: Vec<(&Segment, u32)> = places.into_iter().step_by(step).collect();
        let mut hosts = self.findings.get(&text).map(|f| f.1.clone()).unwrap_or_default();
        for group in some.chunk_by(|a, b| a.0.id == b.0.id) {
            let Some((segment, _)) = group.first() else { continue };
            let blocks: Vec<Range<u32>> = group.iter().map(|(_, b)| *b..*b + 1).collect();
            if let Err(why) = self.hosts_in(segment, &blocks, &text, &mut hosts) {
                self.trouble(segment, &why);
            }
        }
        let count = hosts.len() as u64;
        self.remember(observable, (events, Some(count)));
        count
    }
}
