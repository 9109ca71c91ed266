//! What must hold of every exercise, whatever the scenario, the seed and the span.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use palisade_exercise::{
    ExerciseError, Found, GroupKind, Parameters, PlantedStep, Sink, Truth, scenarios, score, write,
};
use palisade_model::ObservableKind;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Hashes what it is given: names and bytes, not the pieces they come in.
#[derive(Default)]
struct Hashing {
    hash: Sha256,
    bytes: usize,
    longest: usize,
}

impl Sink for Hashing {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        assert!(!path.starts_with('/') && !path.contains("..") && !path.contains('\\'), "{path}");
        self.hash.update([0]);
        self.hash.update(path);
        self.hash.update([0]);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len();
        self.longest = self.longest.max(bytes.len());
        Ok(())
    }
}

/// Keeps planted lines, counts all, and reads each as JSON.
#[derive(Default)]
struct Reading {
    files: BTreeMap<String, Vec<String>>,
    file: String,
    rest: Vec<u8>,
}

impl Sink for Reading {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        assert!(self.rest.is_empty(), "a file ends with a line");
        assert!(self.files.insert(path.to_owned(), Vec::new()).is_none(), "{path} begun twice");
        self.file = path.to_owned();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.rest.extend_from_slice(bytes);
        let lines = self.files.get_mut(&self.file).unwrap();
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            lines.push(String::from_utf8(line).unwrap());
        }
        Ok(())
    }
}

/// A sink that is full after some bytes.
struct Full(usize);

impl Sink for Full {
    fn begin(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("no space left"))?;
        Ok(())
    }
}

fn parameters(scenario: &str, seed: u64, days: u32) -> Parameters {
    Parameters { scenario: scenario.into(), seed, days, scale: 0.1 }
}

fn hashed(p: &Parameters) -> (String, Truth) {
    let mut sink = Hashing::default();
    let truth = write(p, &mut sink).unwrap();
    assert!(sink.longest <= 128 * 1024, "a piece of {} bytes", sink.longest);
    (format!("{:x?}", sink.hash.finalize()), truth)
}

#[test]
fn the_same_parameters_give_the_same_bytes() {
    let (one, truth) = hashed(&parameters("energy", 7, 30));
    let (again, other) = hashed(&parameters("energy", 7, 30));
    assert_eq!(one, again);
    assert_eq!(truth, other);
    assert_ne!(one, hashed(&parameters("energy", 8, 30)).0);
    assert_ne!(one, hashed(&parameters("energy", 7, 31)).0);
}

/// The truth goes through JSON and back unchanged.
#[test]
fn truth_is_data() {
    let (_, truth) = hashed(&parameters("flag", 3, 30));
    let text = serde_json::to_string(&truth).unwrap();
    assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);
}

#[test]
fn everything_planted_is_there() {
    for scenario in scenarios() {
        for seed in 1..=3 {
            let p = parameters(scenario.name, seed, 30);
            let mut sink = Reading::default();
            let truth = write(&p, &mut sink).unwrap();
            let what = format!("{} {seed}", scenario.name);
            counts(&truth, &sink, &what);
            let planted = records(&truth, &sink, &what);
            // Every line is JSON of its own; reading one in eleven of the everyday ones shows all kinds.
            for lines in sink.files.values() {
                for (n, line) in lines.iter().enumerate() {
                    if n % 11 == 0 || planted.contains(line.as_str()) {
                        serde_json::from_str::<Value>(line).unwrap();
                    }
                }
            }
        }
    }
}

fn counts(truth: &Truth, sink: &Reading, what: &str) {
    let total: usize = sink.files.values().map(Vec::len).sum();
    assert_eq!(truth.records.total, total as u64, "{what}");
    let planted: usize = truth.groups.iter().flat_map(|g| &g.steps).map(|s| s.records.len()).sum();
    assert_eq!(truth.records.planted, planted as u64, "{what}");
    assert!(truth.records.share <= 0.001 && truth.records.share > 0.0, "{what}: {:?}", truth.records);
}

/// Each record of each step is where the truth says and says what the truth says.
fn records<'s>(truth: &Truth, sink: &'s Reading, what: &str) -> BTreeSet<&'s str> {
    let mut all = BTreeSet::new();
    for group in &truth.groups {
        for step in &group.steps {
            let lines: Vec<&str> = step
                .records
                .iter()
                .map(|r| sink.files[&r.file][usize::try_from(r.record - 1).unwrap()].as_str())
                .collect();
            assert_eq!(step.written, !lines.is_empty(), "{what}: {}", step.name);
            for line in &lines {
                assert!(all.insert(*line), "{what}: two steps have one record: {line}");
                let second = step.time.to_string()[..19].to_owned();
                assert!(line.contains(&second) || line.contains(&(step.time.0 / 1_000).to_string()), "{what}: {line}");
            }
            if step.written {
                named(step, &lines, what);
            }
        }
    }
    all
}

fn named(step: &PlantedStep, lines: &[&str], what: &str) {
    let texts: Vec<String> = lines.iter().flat_map(|l| strings(&serde_json::from_str(l).unwrap())).collect();
    for o in &step.observables {
        assert!(texts.iter().any(|t| t.contains(&o.value)), "{what}: {} lacks {o:?}", step.name);
    }
    assert!(!step.observables.is_empty(), "{what}: {} names nothing", step.name);
}

/// Every text in a value.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) => vec![s.clone()],
        Value::Array(all) => all.iter().flat_map(strings).collect(),
        Value::Object(all) => all.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// From one day to two years: times within the span and in order, records in order of time.
#[test]
fn every_span_holds_what_happens_in_it() {
    for scenario in scenarios() {
        for days in [1, 2, 14, 365, 730] {
            let mut sink = Hashing::default();
            let truth = write(&parameters(scenario.name, 5, days), &mut sink).unwrap();
            let times = |g: &palisade_exercise::Group| g.steps.iter().map(|s| s.time).collect::<Vec<_>>();
            let all: Vec<_> = truth.groups.iter().flat_map(times).collect();
            let (first, last) = (all.iter().min().unwrap(), all.iter().max().unwrap());
            let day = 86_400_000_000;
            // Every scenario ends at a midnight; the span must fit before the one after the last step.
            let end = (last.0 / day + 1) * day;
            assert!(end - first.0 <= i64::from(days + 2) * day, "{} {days}", scenario.name);
            for group in &truth.groups {
                assert!(times(group).is_sorted(), "{} {days}: {}", scenario.name, group.name);
            }
        }
    }
}

/// A file's records follow each other in time, and a year may lie between two steps.
#[test]
fn records_are_in_order_and_dwell_is_long() {
    let mut sink = Reading::default();
    let truth = write(&parameters("wiper", 2, 730), &mut sink).unwrap();
    for (file, lines) in sink.files.iter().filter(|(f, _)| f.starts_with("windows/ws-")) {
        let times: Vec<String> = lines
            .iter()
            .map(|l| serde_json::from_str::<Value>(l).unwrap()["@timestamp"].as_str().unwrap().to_owned())
            .collect();
        assert!(times.is_sorted(), "{file}");
        assert!(times[0] < "2024-12".to_owned() && *times.last().unwrap() > "2026-07".to_owned(), "{file}");
    }
    let campaign = &truth.groups[0];
    let gap = campaign.steps.windows(2).map(|w| w[1].time.0 - w[0].time.0).max().unwrap();
    assert!(gap > 200 * 86_400_000_000, "{} days", gap / 86_400_000_000);
}

/// Each campaign is one: every written step is joined to the others by what records name. No two campaigns of an
/// exercise use one account or machine.
#[test]
fn campaigns_hang_together_and_apart() {
    for scenario in scenarios() {
        let (_, truth) = hashed(&parameters(scenario.name, 4, 90));
        let campaigns: Vec<_> = truth.groups.iter().filter(|g| g.kind == GroupKind::Campaign).collect();
        assert!(truth.groups.len() - campaigns.len() >= 3, "{}: decoys", scenario.name);
        for group in &campaigns {
            let mut of: Vec<usize> = (0..group.steps.len()).collect();
            for join in &group.joins {
                let (a, b) = (of[join.steps.0], of[join.steps.1]);
                assert!(!join.by.is_empty() && join.steps.0 < join.steps.1);
                of.iter_mut().filter(|o| **o == b).for_each(|o| *o = a);
            }
            let written = || (0..of.len()).filter(|s| group.steps[*s].written);
            let parts: BTreeSet<usize> = written().map(|s| of[s]).collect();
            assert_eq!(parts.len(), 1, "{}: {}", scenario.name, group.name);
            let seen = written().filter(|s| !group.steps[*s].rules.is_empty()).count();
            assert!((8..=25).contains(&seen), "{}: {seen} steps that rules see", group.name);
            let files: BTreeSet<_> = group.steps.iter().flat_map(|s| &s.records).map(|r| &r.file).collect();
            assert!(files.len() >= 4, "{}: {} logs", group.name, files.len());
            assert!(truth.actors.iter().any(|a| a.name == group.actor), "{}", group.actor);
        }
        for (a, b) in campaigns.iter().zip(campaigns.iter().skip(1)) {
            let own = |g: &palisade_exercise::Group| -> BTreeSet<String> {
                let kinds = [ObservableKind::Account, ObservableKind::Host];
                let all = g.steps.iter().flat_map(|s| &s.observables).filter(|o| kinds.contains(&o.kind));
                all.map(|o| o.value.to_lowercase()).collect()
            };
            assert!(own(a).is_disjoint(&own(b)), "{}", scenario.name);
        }
    }
}

/// Rule ids of the truth are ids of shipped rules.
#[test]
fn rules_named_are_shipped() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge/rules/tests");
    for scenario in scenarios() {
        let (_, truth) = hashed(&parameters(scenario.name, 1, 30));
        for rule in truth.groups.iter().flat_map(|g| &g.steps).flat_map(|s| &s.rules) {
            assert!(folder.join(format!("{rule}.json")).exists(), "{}: no rule {rule}", scenario.name);
        }
    }
}

/// All scenarios at once stand in folders of their own.
#[test]
fn all_at_once() {
    let mut sink = Hashing::default();
    let truth = write(&parameters("all", 1, 14), &mut sink).unwrap();
    assert!(truth.records.share <= 0.001);
    let folders: BTreeSet<&str> = truth
        .groups
        .iter()
        .flat_map(|g| &g.steps)
        .flat_map(|s| &s.records)
        .filter_map(|r| r.file.split('/').next())
        .collect();
    assert_eq!(folders, scenarios().iter().map(|s| s.name).collect());
    let names: BTreeSet<&str> = truth.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names.len(), truth.groups.len(), "names are unique");
}

/// Whoever finds exactly what was planted has a perfect score.
#[test]
fn the_truth_scores_perfectly() {
    let (_, truth) = hashed(&parameters("twins", 1, 30));
    let found: Vec<Found> = truth
        .groups
        .iter()
        .map(|g| Found {
            campaign: g.name.clone(),
            records: g.steps.iter().flat_map(|s| &s.records).map(|r| (r.file.clone(), r.record)).collect(),
        })
        .collect();
    let score = score(&truth, &found, &[]);
    assert!((score.f1 - 1.0).abs() < 1e-12);
    assert_eq!((score.campaigns.len(), score.found_merged, score.findings_noise), (2, 0, 0));
    assert!(score.campaigns.iter().all(|c| c.spread == 1 && c.steps_joined == c.steps && c.merged_with.is_empty()));
}

#[test]
fn what_cannot_be_written_is_said() {
    let refused = |p: Parameters| write(&p, &mut Hashing::default()).unwrap_err().to_string();
    assert!(refused(parameters("enargy", 1, 30)).contains("energy, exchange"));
    assert!(refused(parameters("energy", 1, 0)).contains("1 to 730"));
    assert!(refused(parameters("energy", 1, 731)).contains("731"));
    for scale in [f64::NAN, 0.0, 0.05, 1e9] {
        assert!(refused(Parameters { scale, ..parameters("energy", 1, 30) }).contains("scale"));
    }
    let full = write(&parameters("energy", 1, 30), &mut Full(1_000_000));
    assert!(matches!(full, Err(ExerciseError::Sink { .. })), "{full:?}");
}
