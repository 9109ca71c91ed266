//! The lake is the evidence again: what goes in comes out, a hunt finds what an investigation finds,
//! nothing is lost or doubled by reading twice, and damage is told.

mod again;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use palisade_model::{Batch, Buffers, Finding, Origin, Problem, SourceId, Time};
use palisade_pipeline::{
    Error, EvidenceFile, HuntSettings, Keep, Knowledge, Observer, RuleSources, Settings, Sources, hunt,
    investigate, load_rules,
};
use palisade_rules::indicators::parse_list;
use palisade_rules::sigma::Rule;
use palisade_store::lake::answer::Csv;
use palisade_store::lake::{FillContext, MetSources, QueryLimits, Visible, Which, query};
use palisade_store::{Case, RunInfo};

use crate::data;
use crate::hostile::{Said, events, write};

/// The whole public corpus and the shipped rules; these alone where the corpus is not.
fn rules() -> &'static Vec<Rule> {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| {
        let folders = ["rules", "rules-emerging-threats", "rules-threat-hunting"];
        let paths = data("host/sigma").map(|d| folders.map(|f| d.join(f)).to_vec()).unwrap_or_default();
        load_rules(&RuleSources { paths, shipped: true, ..RuleSources::default() }, 2).rules
    })
}

/// Knows every rule, as a plain investigation or a hunt does.
static HUNTER: LazyLock<Knowledge> =
    LazyLock::new(|| Knowledge::new(rules().clone(), Vec::new(), &[]).unwrap());

/// Knows every rule, and keeps records whole.
static KEEPER: LazyLock<Knowledge> =
    LazyLock::new(|| Knowledge::whole(rules().clone(), Vec::new(), &[]).unwrap());

/// Keeps records whole and knows no rule: what rules will ask for has no column yet.
static IGNORANT: LazyLock<Knowledge> =
    LazyLock::new(|| Knowledge::whole(Vec::new(), Vec::new(), &[]).unwrap());

/// Evidence and a case beside it.
struct Lab {
    dir: tempfile::TempDir,
}

/// How a run ended: what it said, and `None` if the test stopped it.
type Ended = (Said, Option<u64>);

impl Lab {
    fn new() -> Lab {
        Lab { dir: tempfile::tempdir().unwrap() }
    }
    fn evidence(&self) -> PathBuf {
        self.dir.path().join("evidence")
    }
    fn case(&self) -> PathBuf {
        self.dir.path().join("case")
    }
    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.evidence().join(name);
        write(&path, bytes);
        path
    }
    fn settings(&self, jobs: usize) -> Settings {
        Settings { paths: vec![self.evidence()], jobs, ..Settings::default() }
    }
    /// An investigation that keeps nothing.
    fn look(&self, knowledge: &Knowledge, jobs: usize) -> Said {
        let mut said = Said { root: self.evidence(), ..Said::default() };
        investigate(&self.settings(jobs), knowledge, None, &mut said).unwrap();
        said
    }
    fn keep(&self, knowledge: &Knowledge) -> Ended {
        self.keep_with(knowledge, "r", false, usize::MAX)
    }
    /// A run kept in the case; it gives up at a finding, as one does whose output is closed.
    fn keep_with(&self, knowledge: &Knowledge, rules: &str, reread: bool, stop: usize) -> Ended {
        let mut case = Case::open_or_create(self.case()).unwrap();
        case.sweep().unwrap();
        let info = RunInfo {
            started: Time(1),
            tool_version: "0".into(),
            command_line: "palisade investigate evidence".into(),
            operator: "olena".into(),
            machine: "ws1".into(),
            rules_digest: rules.into(),
            config_digest: String::new(),
        };
        let keep = Keep { case: &mut case, info, inputs: Vec::new(), reread, jobs: 2, looking: Vec::new() };
        let mut said = Stopping { said: Said { root: self.evidence(), ..Said::default() }, stop };
        match investigate(&self.settings(2), knowledge, Some(keep), &mut said) {
            Ok(summary) => (said.said, Some(summary.files_known)),
            Err(Error::Output(_)) => (said.said, None),
            Err(e) => panic!("{e}"),
        }
    }
    fn hunt(&self, knowledge: &Knowledge, jobs: usize) -> Result<Said, String> {
        let mut case = Case::open_read_only(self.case()).unwrap();
        let lake = case.lake().unwrap();
        let sources = case.overview(u64::MAX >> 1).unwrap().sources;
        let settings = HuntSettings { jobs, since: None, until: None, after: 0 };
        let mut said = Said { root: self.evidence(), ..Said::default() };
        match hunt(&lake, &sources, knowledge, &settings, &mut said) {
            Ok(_) => Ok(said),
            Err(e) => Err(e.to_string()),
        }
    }
    /// Every row as rules see it.
    fn rows(&self, knowledge: &Knowledge) -> Vec<Row> {
        let mut case = Case::open_read_only(self.case()).unwrap();
        let lake = case.lake().unwrap();
        let met = MetSources::default();
        let context = FillContext {
            fields: &knowledge.fields,
            catalogue: &knowledge.catalogue,
            projection: &knowledge.projection,
            hashes: &knowledge.hashes,
            sources: &met,
        };
        let mut out = Vec::new();
        for segment in lake.segments() {
            for group in 0..segment.row_groups() {
                let read =
                    lake.read(segment, &Which::RowGroup(group), context, Buffers::default(), &mut |batch| {
                        for row in 0..batch.len() {
                            let (source, member) = met.list()[batch.source(row).0 as usize].clone();
                            out.push(Row::of(&batch, row, knowledge, format!("{source}!{member}")));
                        }
                        batch.into_buffers()
                    });
                read.unwrap();
            }
        }
        out.sort();
        out
    }
    /// Member, record and digest of every row: what must be there once.
    fn keys(&self) -> Vec<String> {
        self.rows(&IGNORANT).iter().map(|r| format!("{} {} {}", r.place, r.record, r.digest)).collect()
    }
    /// Findings of the case with their citations.
    fn findings(&self) -> Vec<String> {
        let mut case = Case::open_read_only(self.case()).unwrap();
        let found = case.findings(&palisade_store::Filter::default()).unwrap();
        let line = |f: &palisade_store::StoredFinding| {
            let places = f.citations.iter().map(|c| format!("{}@{}/{}", c.sha256, c.record, c.offset));
            format!("{} {:?}", f.id, places.collect::<BTreeSet<_>>())
        };
        let mut lines: Vec<String> = found.iter().map(line).collect();
        lines.sort();
        lines
    }
    fn sql(&self, text: &str) -> Result<String, String> {
        let mut case = Case::open_read_only(self.case()).unwrap();
        let lake = case.lake().unwrap();
        let limits = QueryLimits { memory: 256 << 20, timeout: Some(Duration::from_secs(60)), threads: 2 };
        let mut out = Vec::new();
        let asked = query(&lake, &Visible::default(), text, limits, &mut Csv::new(&mut out)).map(|_| ());
        asked.map(|()| String::from_utf8(out).unwrap()).map_err(|e| e.to_string())
    }
    /// Files in the lake that the case does not list.
    fn left_over(&self) -> u64 {
        Case::open(self.case()).unwrap().sweep().unwrap()
    }
    /// The files of the lake, by ending.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let mut out: Vec<PathBuf> = std::fs::read_dir(self.case().join("lake"))
            .unwrap()
            .flat_map(|t| std::fs::read_dir(t.unwrap().path()).unwrap())
            .map(|f| f.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == ending))
            .collect();
        out.sort();
        out
    }
}

/// Hears everything and breaks off at a finding.
struct Stopping {
    said: Said,
    stop: usize,
}

impl Observer for Stopping {
    fn finding(&mut self, f: &Finding, sources: &Sources) -> Result<(), String> {
        self.said.finding(f, sources)?;
        if self.said.findings.len() == self.stop { Err("stopped by the test".into()) } else { Ok(()) }
    }
    fn problem(&mut self, problem: &Problem) -> Result<(), String> {
        self.said.problem(problem)
    }
    fn file_end(&mut self, file: &EvidenceFile, sources: &Sources) -> Result<(), String> {
        self.said.file_end(file, sources)
    }
}

/// A row as rules, people and keywords see it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Row {
    digest: String,
    record: u64,
    offset: u64,
    place: String,
    header: String,
    /// By field, in order.
    hot: BTreeMap<String, Vec<String>>,
    shown: BTreeMap<String, String>,
    /// What keywords are searched in, sorted; only if some rule searches rows of this shape.
    scanned: Vec<String>,
}

impl Row {
    fn of(batch: &dyn Batch, row: usize, knowledge: &Knowledge, place: String) -> Row {
        let header = batch.header(row);
        let (fields, projection) = (&knowledge.fields, &knowledge.projection);
        let mut hot: BTreeMap<String, Vec<String>> = BTreeMap::new();
        batch.each(row, &mut |field, value| {
            // Kept values that no rule compares differ in order only among themselves.
            if projection.hot(header.shape).contains(field) {
                let text = if value.is_null() {
                    format!("{value:?}")
                } else {
                    format!("={}", value.text().unwrap())
                };
                hot.entry(fields.name(field).to_owned()).or_default().push(text);
            }
        });
        let shown = projection
            .kept(header.shape)
            .iter()
            .filter_map(|f| Some((fields.name(f).to_owned(), batch.show(row, f)?.into_owned())));
        let mut scanned = Vec::new();
        if projection.text(header.shape) {
            batch.scan_text(row, &mut |t| scanned.push(t.to_owned()));
            // Kept whole, a value that is good for several fields comes once for each.
            scanned.sort();
            scanned.dedup();
        }
        Row {
            digest: batch.digest(row).iter().map(|b| format!("{b:02x}")).collect(),
            record: header.record,
            offset: header.offset,
            place,
            header: format!(
                "{} {:?} {}",
                knowledge.catalogue.shape_of(header.shape).name,
                header.time,
                header.recovered
            ),
            hot,
            shown: shown.collect(),
            scanned,
        }
    }
}

/// Reads a log as an investigation does.
fn read_log(path: &Path, knowledge: &Knowledge, place: &str, out: &mut Vec<Row>) {
    let bytes = std::fs::read(path).unwrap();
    let origin = Origin::file(path.display().to_string());
    let Some(format) = palisade_host::sniff(&bytes[..bytes.len().min(palisade_host::SNIFF_BYTES)]) else {
        return;
    };
    let context = palisade_host::Context {
        fields: &knowledge.fields,
        catalogue: &knowledge.catalogue,
        projection: &knowledge.projection,
        dialects: &knowledge.dialects,
        zone: None,
        as_of: None,
    };
    let mut scratch = palisade_host::Scratch::default();
    palisade_host::split(format, &origin, &mut Cursor::new(bytes), &mut |piece| {
        palisade_host::read(piece, context, SourceId(0), &origin, &mut scratch, &mut |batch| {
            out.extend((0..batch.len()).map(|row| Row::of(&batch, row, knowledge, place.to_owned())));
            batch.into_buffers()
        });
        ControlFlow::Continue(())
    });
}

/// Files below a folder of test data whose names end so, the first ones.
fn samples(folder: &str, ending: &str, most: usize, max_bytes: u64) -> Vec<PathBuf> {
    fn below(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, out) } else { out.push(path) }
        }
    }
    let Some(dir) = data(folder) else { return Vec::new() };
    let mut out = Vec::new();
    below(&dir, &mut out);
    out.retain(|p| p.to_string_lossy().ends_with(ending) && p.metadata().unwrap().len() <= max_bytes);
    out.sort();
    let step = out.len().div_ceil(most).max(1);
    out.into_iter().step_by(step).collect()
}

/// Bounded real logs of every kind, plain: event logs, exported ones, cloud trails.
fn real(lab: &Lab) {
    for (i, path) in samples("host/regression", ".evtx", 24, 1 << 20).iter().enumerate() {
        lab.put(&format!("{i}.evtx"), &std::fs::read(path).unwrap());
    }
    let mut exported = samples("host/mordor/atomic/windows", ".json.zst", 8, 90 << 10);
    exported.extend(samples("host/mordor/atomic/aws", ".json.zst", 1, 1 << 20));
    exported.extend(samples("host/mordor/atomic/linux", ".log.zst", 2, 1 << 20));
    for (i, path) in exported.iter().enumerate() {
        let plain = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
        lab.put(&format!("{i}.json"), &plain);
    }
    for (i, path) in samples("host/cloudtrail", ".json", 20, 300 << 10).iter().enumerate() {
        lab.put(&format!("trail{i}.json"), &std::fs::read(path).unwrap());
    }
    let own = events().join("\n") + "\n";
    lab.put("own.json", own.as_bytes());
}

/// What the reader gave and what the lake gives, row for row.
fn compare(lab: &Lab, knowledge: &Knowledge) -> Vec<String> {
    let mut case = Case::open_read_only(lab.case()).unwrap();
    let mut read = Vec::new();
    for source in case.overview(u64::MAX >> 1).unwrap().sources {
        read_log(Path::new(&source.path), knowledge, &format!("{}!", source.id), &mut read);
    }
    // Carved copies of records that the log brought before are not looked at twice.
    let mut seen = BTreeSet::new();
    read.retain(|r| seen.insert((r.place.clone(), r.digest.clone())) || r.header.ends_with("false"));
    read.sort();
    let kept = lab.rows(knowledge);
    assert!(read.len() > 40);
    let key = |r: &Row| (r.digest.clone(), r.record, r.offset, r.place.clone());
    assert_eq!(read.len(), kept.len());
    let mut wrong = Vec::new();
    for (a, b) in read.iter().zip(&kept) {
        assert_eq!(key(a), key(b));
        let mut tell = |what: &str, a: String, b: String| {
            if a != b {
                wrong.push(format!("{what}\n    read {a}\n    kept {b}"));
            }
        };
        tell("header", a.header.clone(), b.header.clone());
        for name in a.hot.keys().chain(b.hot.keys()).collect::<BTreeSet<_>>() {
            tell(
                "hot",
                format!("{} {name} {:?}", a.header, a.hot.get(name)),
                format!("{} {name} {:?}", b.header, b.hot.get(name)),
            );
        }
        for name in a.shown.keys().chain(b.shown.keys()).collect::<BTreeSet<_>>() {
            tell(
                "shown",
                format!("{} {name} {:?}", a.header, a.shown.get(name)),
                format!("{} {name} {:?}", b.header, b.shown.get(name)),
            );
        }
        if a.scanned != b.scanned {
            let only = |x: &[String], y: &[String]| {
                let mut left = y.to_vec();
                x.iter()
                    .filter(|t| match left.iter().position(|l| l == *t) {
                        Some(i) => {
                            left.swap_remove(i);
                            false
                        }
                        None => true,
                    })
                    .cloned()
                    .collect::<Vec<_>>()
            };
            // The text of an object as a whole may be searched besides its leaves: more is found, never less.
            let mut more = only(&b.scanned, &a.scanned);
            more.retain(|t| !t.starts_with(['{', '[']));
            let less = only(&a.scanned, &b.scanned);
            if !more.is_empty() || !less.is_empty() {
                tell("scanned", format!("{} {less:?}", a.header), format!("{} {more:?}", b.header));
            }
        }
    }
    wrong
}

#[track_caller]
fn none(wrong: &[String]) {
    let few: Vec<&String> = wrong.iter().take(20).collect();
    assert!(
        wrong.is_empty(),
        "{} differences, the first:\n{}",
        wrong.len(),
        few.iter().map(|s| s.chars().take(1500).collect::<String>()).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn rows_come_out_as_they_were_read() {
    let lab = Lab::new();
    real(&lab);
    lab.keep(&KEEPER);
    none(&compare(&lab, &HUNTER));
}

#[test]
fn rows_kept_before_any_rule_was_known_come_out_the_same() {
    let lab = Lab::new();
    real(&lab);
    lab.keep(&IGNORANT);
    // An object that a rule names as a whole is kept as its leaves: who asks later has these.
    let mut wrong = compare(&lab, &HUNTER);
    wrong.retain(|w| !is_whole_object(w));
    none(&wrong);
}

/// Whether what was read and is not kept under its name is an object or a list as a whole.
fn is_whole_object(difference: &str) -> bool {
    let read = difference.lines().nth(1).unwrap_or_default();
    ["Some([\"={", "Some([\"=[", "Some(\"{", "Some(\"[", "[\"{", "[\"["]
        .iter()
        .any(|start| read.contains(start))
        && difference.lines().nth(2).is_some_and(|kept| kept.ends_with("None") || kept.ends_with("[]"))
}

/// Findings with everything said of them, once each: two copies of a record in one log are one finding
/// at two places.
fn sorted(said: &Said) -> Vec<String> {
    let mut lines = said.findings.clone();
    lines.sort();
    lines
}

#[track_caller]
fn same(a: &[String], b: &[String]) {
    let (x, y): (BTreeSet<_>, BTreeSet<_>) = (a.iter().collect(), b.iter().collect());
    let left: Vec<_> = x.difference(&y).take(5).collect();
    let right: Vec<_> = y.difference(&x).take(5).collect();
    assert!(left.is_empty() && right.is_empty(), "only left {left:#?}\nonly right {right:#?}");
    assert_eq!(a.len(), b.len());
}

#[test]
fn a_hunt_finds_what_an_investigation_finds() {
    let lab = Lab::new();
    real(&lab);
    // And the ways through containers.
    let names = ["1.evtx", "2.json", "trail1.json"];
    let members: Vec<(String, Vec<u8>)> = names
        .iter()
        .filter_map(|n| Some((format!("in/{n}"), std::fs::read(lab.evidence().join(n)).ok()?)))
        .collect();
    let own = events().join("\n") + "\n";
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in
        members.iter().chain([&("own.json".to_owned(), own.replace("\"EventID", " \"EventID").into_bytes())])
    {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    lab.put("box.zip", &zip.finish().unwrap().into_inner());
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(own.as_bytes()).unwrap();
    lab.put("own.json.gz", &gz.finish().unwrap());
    if let Some(odd) = data("host/evtx-odd.tar.zst") {
        lab.put("odd.tar.zst", &std::fs::read(odd).unwrap());
    }
    let found = sorted(&lab.look(&HUNTER, 2));
    assert!(found.len() > 50, "{}", found.len());
    let (said, _) = lab.keep(&KEEPER);
    same(&found, &sorted(&said));
    for jobs in [1, 4] {
        same(&found, &sorted(&lab.hunt(&HUNTER, jobs).unwrap()));
    }
    // A case made with no rules at all knows as much, but for what a rule says of an object as a whole: its leaves are kept,
    // and how they were written is not. Of the rules here this one asks for a word in all of `requestParameters`.
    const OF_A_WHOLE: &str = "a136ac98-b2bc-4189-a14d-f0d0388e57a7";
    let asked = |all: &[String]| -> Vec<String> {
        all.iter().filter(|line| !line.contains(OF_A_WHOLE)).cloned().collect()
    };
    let bare = Lab { dir: tempfile::tempdir().unwrap() };
    std::fs::rename(lab.evidence(), bare.evidence()).unwrap();
    bare.keep(&IGNORANT);
    same(&places(&asked(&found)), &places(&asked(&sorted(&bare.hunt(&HUNTER, 2).unwrap()))));
    // Indicators: whatever the findings name, and what none of them names.
    let observables: BTreeSet<String> =
        found.iter().flat_map(|line| quoted_observables(line)).take(400).collect();
    let list =
        observables.into_iter().collect::<Vec<_>>().join("\n") + "\n203.0.113.77\n10.0.0.0/8\nnone.example\n";
    let (indicators, _) = parse_list("list", &list);
    assert!(indicators.len() > 20, "{}", indicators.len());
    let listed = Knowledge::new(Vec::new(), indicators, &[]).unwrap();
    let hit = sorted(&bare.look(&listed, 2));
    assert!(hit.len() > 100, "{}", hit.len());
    same(&hit, &sorted(&bare.hunt(&listed, 2).unwrap()));
}

/// Finding, rule, time, place and host of findings, without their wording.
fn places(lines: &[String]) -> Vec<String> {
    let mut out: Vec<String> =
        lines.iter().filter_map(|l| Some(l.split(" Message {").next()?.to_owned())).collect();
    out.sort();
    out
}

/// The values of `Observable { kind: …, value: "…" }` in a finding's line.
fn quoted_observables(line: &str) -> Vec<String> {
    line.split("value: \"").skip(1).filter_map(|t| Some(t.split_once('"')?.0.replace("\\\\", "\\"))).collect()
}

/// A Sysmon process creation.
fn line(record: usize, command: &str) -> String {
    let image = "C:\\Windows\\System32\\vssadmin.exe";
    serde_json::json!({
        "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Provider_Name": "Microsoft-Windows-Sysmon",
        "Computer": format!("WS{}", record % 7), "EventRecordID": record, "UtcTime": "2026-10-14 08:21:00.000",
        "Image": image, "CommandLine": command, "ParentImage": "C:\\Windows\\explorer.exe", "User": "CORP\\m.keller",
        "Padding": "x".repeat(300),
    })
    .to_string()
        + "\n"
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|n| line(n, &format!("vssadmin.exe Delete Shadows /For=C: /Quiet {n}"))).collect()
}

/// One rule, whole records.
static ONE: LazyLock<Knowledge> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let rule = "title: Shadows\nid: 11111111-1111-4111-8111-111111111111\nlevel: high\nlogsource: {product: windows, category: process_creation}\ndetection:\n  a: {CommandLine|contains: 'Delete Shadows'}\n  condition: a\n";
    let path = dir.path().join("a.yml");
    std::fs::write(&path, rule).unwrap();
    let loaded = load_rules(&RuleSources { paths: vec![path], ..RuleSources::default() }, 1);
    assert_eq!(loaded.rules.len(), 1, "{:#?}", loaded.errors);
    Knowledge::whole(loaded.rules, Vec::new(), &[]).unwrap()
});

/// Keys without the number of the source: which state of a log brought a row is history.
fn records(keys: &[String]) -> Vec<String> {
    let mut out: Vec<String> = keys.iter().map(|k| k.split_once('!').unwrap().1.to_owned()).collect();
    out.sort();
    out
}
