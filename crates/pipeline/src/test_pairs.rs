//! Rule tests: evidence or events of which it is known what a rule must say.
//!
//! Two forms, found by content below the given folders:
//! - `info.yml` beside evidence files: `rule_metadata[].id` and
//!   `regression_tests_info[].{path, match_count}`; the rule must match the file that
//!   often (at least once where no count is given).
//! - `*.json`: `{"rule": id, "positive": [event…], "negative": [event…]}`; each event is one
//!   JSON record as its source writes it. For a correlation each item is a list of such records, a series.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use palisade_host as host;
use palisade_model::{Batch as _, Buffers, Finding, MemorySpill, Origin, Problem, RowBatch, SourceId};
use palisade_rules::correlate::{Gathering, MEMORY};
use palisade_rules::engine;
use palisade_rules::sigma::yaml::{self, Kind, Node};

use crate::evidence::Sources;
use crate::judge::{Judge, Judged, Look};
use crate::knowledge::Knowledge;
use crate::rules::read_text;
use crate::run::{Error, Observer, Settings, correlate, investigate};

/// One expectation and what came of it.
#[derive(Clone, Debug)]
pub struct PairResult {
    /// Rule id.
    pub rule: String,
    /// Its title, if it is loaded.
    pub title: Option<String>,
    /// Evidence file, or test file and event (`x.json#positive/1`).
    pub subject: String,
    /// What was expected: `1`, `at least 1`, `match`, `no match`.
    pub expected: String,
    /// How often the rule matched.
    pub found: u64,
    /// Whether that is as expected.
    pub ok: bool,
}

/// All expectations below some folders.
#[derive(Clone, Debug, Default)]
pub struct PairReport {
    /// In order of the files.
    pub results: Vec<PairResult>,
    /// Test files that could not be used, with the reason.
    pub unusable: Vec<(PathBuf, String)>,
}

struct EvidencePair {
    rule: String,
    file: PathBuf,
    count: Option<u64>,
}

struct EventTest {
    file: PathBuf,
    rule: String,
    positive: Vec<serde_json::Value>,
    negative: Vec<serde_json::Value>,
}

/// Runs every rule test below the paths.
pub fn test_rules(paths: &[PathBuf], knowledge: &Knowledge, jobs: usize) -> Result<PairReport, Error> {
    let mut report = PairReport::default();
    let mut pairs = Vec::new();
    let mut events = Vec::new();
    for path in paths {
        std::fs::metadata(path).map_err(|reason| Error::Path { path: path.clone(), reason })?;
        collect(path, &mut pairs, &mut events, &mut report);
    }
    let infos = knowledge.infos.iter().chain(&knowledge.correlation_infos);
    let titles: BTreeMap<&str, &str> = infos.map(|i| (i.id.as_str(), i.title.as_str())).collect();
    let title = |rule: &str| titles.get(rule).map(|t| (*t).to_owned());
    let counts = count(&pairs, knowledge, jobs)?;
    for pair in pairs {
        let key = (pair.rule.clone(), pair.file.display().to_string());
        let found = counts.get(&key).copied().unwrap_or(0);
        report.results.push(PairResult {
            title: title(&pair.rule),
            subject: pair.file.display().to_string(),
            expected: pair.count.map_or("at least 1".into(), |c| c.to_string()),
            found,
            ok: pair.count.map_or(found > 0, |c| c == found),
            rule: pair.rule,
        });
    }
    for test in events {
        for (kind, list) in [("positive", &test.positive), ("negative", &test.negative)] {
            for (i, event) in list.iter().enumerate() {
                let found = match event {
                    serde_json::Value::Array(series) => alerts(series, &test.rule, knowledge)?,
                    event => matches(event, &test.rule, knowledge),
                };
                report.results.push(PairResult {
                    rule: test.rule.clone(),
                    title: title(&test.rule),
                    subject: format!("{}#{kind}/{}", test.file.display(), i + 1),
                    expected: if kind == "positive" { "match".into() } else { "no match".into() },
                    found,
                    // A rule that is not loaded meets no expectation, not even silence.
                    ok: titles.contains_key(test.rule.as_str()) && (found > 0) == (kind == "positive"),
                });
            }
        }
    }
    Ok(report)
}

fn collect(path: &Path, pairs: &mut Vec<EvidencePair>, events: &mut Vec<EventTest>, report: &mut PairReport) {
    if path.is_dir() {
        let Ok(entries) = std::fs::read_dir(path) else {
            report.unusable.push((path.to_owned(), "cannot list the folder".into()));
            return;
        };
        let mut names: Vec<PathBuf> = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => names.push(entry.path()),
                Err(e) => {
                    report.unusable.push((path.to_owned(), format!("cannot list all of the folder: {e}")))
                }
            }
        }
        names.sort();
        // A link to a folder may lead back up; what it leads to is tested where it is.
        let links_to_folder = |p: &PathBuf| p.is_symlink() && p.is_dir();
        names.iter().filter(|p| !links_to_folder(p)).for_each(|p| collect(p, pairs, events, report));
        return;
    }
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
    let result = if name == "info.yml" {
        read_text(path).and_then(|text| info_pairs(path, &text, pairs))
    } else if name.ends_with(".json") {
        read_text(path).and_then(|text| event_test(path, &text, events))
    } else {
        Ok(())
    };
    if let Err(reason) = result {
        report.unusable.push((path.to_owned(), reason));
    }
}

fn info_pairs(path: &Path, text: &str, pairs: &mut Vec<EvidencePair>) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    for document in yaml::load(text) {
        let node = document.map_err(|f| f.message)?;
        let rules: Vec<String> = items(&node, "rule_metadata").filter_map(|n| scalar(n, "id")).collect();
        for test in items(&node, "regression_tests_info") {
            let named = scalar(test, "path").ok_or("a test names no path")?;
            // The path is the author's; what counts is the file beside the description.
            let file_name = named.rsplit(['/', '\\']).next().unwrap_or(&named);
            let file = folder.join(file_name);
            if !file.is_file() {
                return Err(format!("{} is not beside it", file.display()));
            }
            let count = scalar(test, "match_count").and_then(|c| c.parse().ok());
            pairs.extend(rules.iter().map(|r| EvidencePair { rule: r.clone(), file: file.clone(), count }));
        }
    }
    Ok(())
}

fn items<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Node> {
    let list = match node.get(key).map(|n| &n.kind) {
        Some(Kind::List(items)) => items.as_slice(),
        _ => &[],
    };
    list.iter()
}

fn scalar(node: &Node, key: &str) -> Option<String> {
    match &node.get(key)?.kind {
        Kind::Scalar(s) => Some(s.text.clone()),
        _ => None,
    }
}

fn event_test(path: &Path, text: &str, events: &mut Vec<EventTest>) -> Result<(), String> {
    // Evidence rendered as JSON lies beside many pairs; it is no test.
    if !text.contains("\"positive\"") && !text.contains("\"negative\"") {
        return Ok(());
    }
    let mut value: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let rule = value.get("rule").and_then(|r| r.as_str()).map(str::to_owned).ok_or("it names no rule")?;
    let mut list = |key: &str| match value.get_mut(key).map(serde_json::Value::take) {
        Some(serde_json::Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let (positive, negative) = (list("positive"), list("negative"));
    if positive.is_empty() && negative.is_empty() {
        return Err("neither positive nor negative events".into());
    }
    events.push(EventTest { file: path.to_owned(), rule, positive, negative });
    Ok(())
}

/// Matches per (rule, evidence file).
fn count(
    pairs: &[EvidencePair],
    knowledge: &Knowledge,
    jobs: usize,
) -> Result<BTreeMap<(String, String), u64>, Error> {
    struct Counter(BTreeMap<(String, String), u64>);
    impl Observer for Counter {
        fn finding(&mut self, finding: &Finding, sources: &Sources) -> Result<(), String> {
            for citation in &finding.citations {
                if let Some(source) = sources.get(citation.source) {
                    *self.0.entry((finding.rule.id.clone(), source.origin.top().to_owned())).or_default() +=
                        1;
                }
            }
            Ok(())
        }
        fn problem(&mut self, _: &Problem) -> Result<(), String> {
            Ok(())
        }
    }
    let mut paths: Vec<PathBuf> = pairs.iter().map(|p| p.file.clone()).collect();
    paths.sort();
    paths.dedup();
    let mut counter = Counter(BTreeMap::new());
    let settings = Settings { paths, jobs, hash: false, ..Settings::default() };
    investigate(&settings, knowledge, None, &mut counter)?;
    Ok(counter.0)
}

/// How often a rule matches one JSON record.
fn matches(event: &serde_json::Value, rule: &str, knowledge: &Knowledge) -> u64 {
    let mut found = 0;
    let mut scratch = engine::Scratch::default();
    read(std::slice::from_ref(event), knowledge, &mut |batch| {
        knowledge.engine.scan(batch, &mut scratch, &mut |hit| {
            found += u64::from(knowledge.infos[hit.rule as usize].id == rule);
        });
    });
    found
}

/// How often a correlation fires, or a rule matches, over a series of JSON records.
fn alerts(series: &[serde_json::Value], rule: &str, knowledge: &Knowledge) -> Result<u64, Error> {
    let judge = Judge::new(knowledge, None, None);
    let (mut scratch, mut judged) = (engine::Scratch::default(), Judged::default());
    read(series, knowledge, &mut |batch| judge.batch(batch, Look::Rules, &mut scratch, &mut judged));
    let spill = MemorySpill::default();
    let mut gathering = Gathering::new(&knowledge.correlations, MEMORY, &spill);
    gathering.merge(&judged.matches).map_err(Error::Spill)?;
    let (findings, _) = correlate(gathering, &judge, knowledge, &HashMap::new())?;
    Ok(findings.iter().chain(&judged.findings).filter(|f| f.rule.id == rule).count() as u64)
}

/// Reads JSON records as a log of them is read.
fn read(events: &[serde_json::Value], knowledge: &Knowledge, take: &mut dyn FnMut(&RowBatch)) {
    let mut bytes = Vec::new();
    for event in events {
        bytes.extend_from_slice(event.to_string().as_bytes());
        bytes.push(b'\n');
    }
    let origin = Origin::file("test");
    let context = host::Context {
        fields: &knowledge.fields,
        catalogue: &knowledge.catalogue,
        projection: &knowledge.projection,
        dialects: &knowledge.dialects,
        zone: None,
        as_of: None,
    };
    let mut host_scratch = host::Scratch::default();
    host::split(host::Format::Json, &origin, &mut bytes.as_slice(), &mut |piece| {
        host::read(piece, context, SourceId(0), &origin, &mut host_scratch, &mut |batch| {
            if !batch.is_empty() {
                take(&batch);
            }
            Buffers::default()
        });
        std::ops::ControlFlow::Continue(())
    });
}
