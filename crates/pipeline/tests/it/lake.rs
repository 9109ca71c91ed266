//! The lake is the evidence again: what goes in comes out, a hunt finds what an investigation finds,
//! nothing is lost or doubled by reading twice, and damage is told.

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
        match query(&lake, &Visible::default(), text, limits, &mut Csv::new(&mut out)) {
            Ok(_) => Ok(String::from_utf8(out).unwrap()),
            Err(e) => Err(e.to_string()),
        }
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
            scanned.sort();
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
            tell(
                "scanned",
                format!("{} {:?}", a.header, only(&a.scanned, &b.scanned)),
                format!("{} {:?}", b.header, only(&b.scanned, &a.scanned)),
            );
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
    none(&compare(&lab, &HUNTER));
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
    // A case made with no rules at all knows as much.
    let bare = Lab { dir: tempfile::tempdir().unwrap() };
    std::fs::rename(lab.evidence(), bare.evidence()).unwrap();
    bare.keep(&IGNORANT);
    same(&found, &sorted(&bare.hunt(&HUNTER, 2).unwrap()));
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

#[test]
fn the_same_again_adds_nothing_and_a_tail_its_lines() {
    let lab = Lab::new();
    // Lines that truly repeat are rows of their own.
    let mut text = lines(0..500) + &line(7, "ls").repeat(50);
    lab.put("a.json", text.as_bytes());
    lab.keep(&ONE);
    let first = lab.keys();
    assert_eq!(first.len(), 550);
    lab.keep(&ONE);
    lab.keep_with(&ONE, "other rules", false, usize::MAX);
    lab.keep_with(&ONE, "r", true, usize::MAX);
    assert_eq!(lab.keys(), first);
    lab.put("copy.json", text.as_bytes());
    lab.keep(&ONE);
    assert_eq!(lab.keys(), first, "the same bytes under another path");
    for step in 1..4 {
        text += &lines(500 + step * 10..510 + step * 10);
        text += &line(7, "ls");
        lab.put("a.json", text.as_bytes());
        lab.keep(&ONE);
        assert_eq!(lab.keys().len(), 550 + step * 11);
    }
    let grown = lab.keys();
    lab.keep_with(&ONE, "r", true, usize::MAX);
    assert_eq!(lab.keys(), grown);
    // The same rows as of the last state alone.
    let whole = Lab::new();
    whole.put("a.json", text.as_bytes());
    whole.keep(&ONE);
    assert_eq!(records(&grown), records(&whole.keys()));
    assert_eq!(lab.left_over(), 0);
}

#[test]
fn an_event_log_that_grew_adds_its_new_records() {
    let Some(path) = samples("host/regression", ".evtx", 1_000, 8 << 20)
        .into_iter()
        .max_by_key(|p| (p.metadata().unwrap().len(), p.clone()))
    else {
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let chunks = (bytes.len() - 4096) / 65536;
    assert!(chunks >= 3, "{chunks}");
    let cut = |n: usize| {
        let mut cut = bytes[..4096 + n * 65536].to_vec();
        cut[16..24].copy_from_slice(&(n as u64 - 1).to_le_bytes());
        cut[42..44].copy_from_slice(&(n as u16).to_le_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&cut[..120]);
        cut[124..128].copy_from_slice(&crc.sum().to_le_bytes());
        cut
    };
    let lab = Lab::new();
    let mut counts = Vec::new();
    for n in [1, chunks / 2 + 1, chunks] {
        lab.put("Security.evtx", &cut(n));
        lab.keep(&ONE);
        let alone = Lab::new();
        alone.put("Security.evtx", &cut(n));
        alone.keep(&ONE);
        assert_eq!(records(&lab.keys()), records(&alone.keys()), "{n} of {chunks} chunks");
        counts.push(lab.keys().len());
    }
    assert!(counts.is_sorted() && counts[0] < counts[2], "{counts:?}");
}

#[test]
fn a_run_cut_short_goes_on_where_it_was() {
    let text = lines(0..6_000);
    let whole = Lab::new();
    whole.put("a.json", text.as_bytes());
    whole.put("b.json", lines(7_000..7_100).as_bytes());
    whole.keep(&ONE);
    assert_eq!(whole.keys().len(), 6_100);
    for stop in [1, 2_500, 4_000, 5_999, 6_050] {
        let lab = Lab::new();
        lab.put("a.json", text.as_bytes());
        lab.put("b.json", lines(7_000..7_100).as_bytes());
        let (_, ended) = lab.keep_with(&ONE, "r", false, stop);
        assert_eq!(ended, None);
        assert!(lab.keys().len() <= 6_100);
        // Cut short once more.
        lab.keep_with(&ONE, "r", false, stop.saturating_sub(900).max(1));
        lab.keep(&ONE);
        assert_eq!(lab.keys(), whole.keys(), "stopped at finding {stop}");
        assert_eq!(lab.findings(), whole.findings(), "stopped at finding {stop}");
        assert_eq!(lab.left_over(), 0);
    }
}

#[test]
fn a_run_cut_short_in_a_log_that_grew_doubles_nothing() {
    let (old, new) = (lines(0..5_000), lines(0..7_000));
    let whole = Lab::new();
    whole.put("a.json", new.as_bytes());
    whole.keep(&ONE);
    for stop in [1, 2_500, 4_500, 6_500] {
        let lab = Lab::new();
        lab.put("a.json", old.as_bytes());
        lab.keep(&ONE);
        lab.put("a.json", new.as_bytes());
        assert_eq!(lab.keep_with(&ONE, "r", false, stop).1, None);
        lab.keep(&ONE);
        assert_eq!(records(&lab.keys()), records(&whole.keys()), "stopped at finding {stop}");
    }
    // A first reading that was cut short, and then the log grew.
    let lab = Lab::new();
    lab.put("a.json", old.as_bytes());
    lab.keep_with(&ONE, "r", false, 4_000);
    lab.put("a.json", new.as_bytes());
    lab.keep(&ONE);
    assert_eq!(records(&lab.keys()), records(&whole.keys()));
}

#[test]
fn a_log_that_could_be_read_in_part_adds_the_rest_later() {
    let gz = |text: &str| {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(text.as_bytes()).unwrap();
        e.finish().unwrap()
    };
    let text = lines(0..3_000);
    let whole = gz(&text);
    let lab = Lab::new();
    lab.put("a.json.gz", &whole[..whole.len() / 2]);
    let (said, _) = lab.keep(&ONE);
    assert!(!said.problems.is_empty());
    let part = lab.keys().len();
    assert!(part > 0 && part < 3_000, "{part}");
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), part);
    lab.put("a.json.gz", &whole);
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), 3_000);
}

#[test]
fn a_copy_of_a_log_in_an_archive_that_grew_is_kept() {
    let zip = |members: &[&str]| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(lines(0..20).as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let lab = Lab::new();
    lab.put("box.zip", &zip(&["a.json"]));
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), 20);
    lab.put("box.zip", &zip(&["a.json", "b.json"]));
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), 40, "each place of a record can be cited");
    lab.keep_with(&ONE, "r", true, usize::MAX);
    assert_eq!(lab.keys().len(), 40);
}

/// Changes a file, asks, and puts it back.
fn with(path: &Path, change: impl FnOnce(&mut Vec<u8>), ask: impl FnOnce()) {
    let before = std::fs::read(path).unwrap();
    let mut bytes = before.clone();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
    ask();
    std::fs::write(path, before).unwrap();
}

#[test]
fn damage_is_told_and_never_a_partial_answer() {
    let lab = Lab::new();
    lab.put("a.json", lines(0..3_000).as_bytes());
    lab.keep(&ONE);
    let (indicators, _) = parse_list("list", "WS3\nvssadmin.exe\n");
    let listed = Knowledge::new(Vec::new(), indicators, &[]).unwrap();
    let segment = lab.files("parquet")[0].clone();
    let index = lab.files("obs")[0].clone();
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    let ask = "SELECT _record, CommandLine, _digest, Image, _rest FROM windows_sysmon";
    let whole = lab.sql(ask).unwrap();
    assert_eq!(whole.lines().count(), 3_001);
    assert_eq!(lab.hunt(&ONE, 2).unwrap().findings.len(), 3_000);
    let hits = lab.hunt(&listed, 2).unwrap().findings.len();
    assert!(hits > 400, "{hits}");
    let rules_fail = || {
        for jobs in [1, 4] {
            let why = lab.hunt(&ONE, jobs).unwrap_err();
            assert!(why.contains(&name), "{why}");
        }
    };
    let sql_fails = || {
        let why = lab.sql(ask).unwrap_err();
        assert!(why.contains(&name), "{why}");
    };
    let len = std::fs::metadata(&segment).unwrap().len() as usize;
    // Wherever a bit flips, rules notice; SQL sees what does not decode.
    for at in [4, len / 7, len / 3, len / 2, len - 300, len - 6] {
        with(&segment, |b| b[at] ^= 0x10, rules_fail);
    }
    with(
        &segment,
        |b| b[len - 3] ^= 0xff,
        || {
            rules_fail();
            sql_fails();
        },
    );
    with(
        &segment,
        |b| b[len - 6] ^= 0xff,
        || {
            rules_fail();
            sql_fails();
        },
    );
    with(
        &segment,
        |b| b.truncate(len / 2),
        || {
            rules_fail();
            sql_fails();
        },
    );
    with(&segment, Vec::clear, || {
        rules_fail();
        sql_fails();
    });
    let away = segment.with_extension("away");
    std::fs::rename(&segment, &away).unwrap();
    rules_fail();
    sql_fails();
    std::fs::rename(&away, &segment).unwrap();
    // The index.
    let index_fails = || {
        let stem = name.strip_suffix(".parquet").unwrap();
        let why = lab.hunt(&listed, 2).unwrap_err();
        assert!(why.contains(stem), "{why}");
        let why =
            lab.sql("SELECT _record FROM events WHERE array_has(_observables, 'host:ws3')").unwrap_err();
        assert!(why.contains(stem), "{why}");
    };
    let len = std::fs::metadata(&index).unwrap().len() as usize;
    with(&index, |b| b[7] ^= 1, index_fails);
    with(&index, |b| b.truncate(len / 2), index_fails);
    with(&index, Vec::clear, index_fails);
    for at in (0..len).step_by(len / 40 + 1) {
        // What a look-up does not touch may be damaged; what it answers is right, or it says so.
        with(
            &index,
            |b| b[at] ^= 1,
            || match lab.hunt(&listed, 1) {
                Ok(said) => assert_eq!(said.findings.len(), hits, "byte {at}"),
                Err(why) => assert!(why.contains("index"), "{why}"),
            },
        );
    }
    std::fs::remove_file(&index).unwrap();
    index_fails();
    assert_eq!(lab.sql(ask).unwrap(), whole);
}

#[test]
fn links_do_not_lead_the_sweep_out_of_the_lake() {
    let lab = Lab::new();
    lab.put("a.json", lines(0..20).as_bytes());
    lab.keep(&ONE);
    let outside = lab.dir.path().join("outside");
    write(&outside.join("0000000009.parquet"), b"somebody else's");
    write(&outside.join("0000000009.obs"), b"somebody else's");
    let lake = lab.case().join("lake");
    std::os::unix::fs::symlink(&outside, lake.join("windows_other")).unwrap();
    std::os::unix::fs::symlink(
        outside.join("0000000009.parquet"),
        lake.join("windows_sysmon/0000000077.parquet"),
    )
    .unwrap();
    write(&lake.join("windows_sysmon/0000000088.parquet"), b"left over");
    assert_eq!(lab.left_over(), 2);
    assert_eq!(std::fs::read(outside.join("0000000009.parquet")).unwrap(), b"somebody else's");
    assert!(outside.join("0000000009.obs").exists());
    assert_eq!(lab.keys().len(), 20);
    // The lake itself a link.
    std::fs::rename(&lake, lab.dir.path().join("moved")).unwrap();
    std::fs::create_dir(&lake).unwrap();
    std::fs::remove_dir(&lake).unwrap();
    std::fs::create_dir(lab.dir.path().join("lure")).unwrap();
    std::fs::rename(&outside, lab.dir.path().join("lure/windows_other")).unwrap();
    std::os::unix::fs::symlink(lab.dir.path().join("lure"), &lake).unwrap();
    assert_eq!(lab.left_over(), 0);
    assert!(lab.dir.path().join("lure/windows_other/0000000009.parquet").exists());
}

#[test]
fn hostile_records_are_kept_and_come_back() {
    let lab = Lab::new();
    let long = "A".repeat(1 << 20);
    let records = [
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"a\u0000b","CommandLine":"x\u202ey\ud800z","User":"\u001b[31m"}"#.to_owned(),
        format!(r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"CommandLine":"{long}"}}"#),
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"_time":"1999-01-01T00:00:00Z","_rest":"{","_source":"7","_member":"x","_record":"x","_digest":1,"_shape":"evil","_host":"h","_observables":["ip:1.2.3.4"],"_vector":"v","_flags":"64","_":"u"}"#.to_owned(),
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":"007","ProcessId":1e999,"ParentProcessId":-0,"a":9223372036854775808,"b":0.10,"c":true,"d":null,"e":[],"f":{},"g":[1,"1",null,{"h":[2]}]}"#.to_owned(),
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"one","image":"two","IMAGE":"three","a.b":"x","a":{"b":"y"},"q\"'`":"z","line\nbreak":"w","":"empty","ä":"ü","CommandLine":["first","second"]}"#.to_owned(),
    ];
    lab.put("a.json", (records.join("\n") + "\n").as_bytes());
    let dir = tempfile::tempdir().unwrap();
    let fields = [
        "_time",
        "_rest",
        "_source",
        "_member",
        "_record",
        "_digest",
        "_vector",
        "_observables",
        "image",
        "IMAGE",
        "a.b",
        "EventID",
        "ProcessId",
        "ParentProcessId",
        "a",
    ];
    let rule = fields.map(|f| format!("    '{f}|contains': ''\n")).concat();
    let rule = format!(
        "title: Names\nid: 22222222-1111-4111-8111-111111111111\nlevel: high\nlogsource: {{product: windows}}\ndetection:\n  a:\n{rule}  k: [needle]\n  condition: 1 of *\n"
    );
    let path = dir.path().join("a.yml");
    std::fs::write(&path, rule).unwrap();
    let loaded = load_rules(&RuleSources { paths: vec![path], ..RuleSources::default() }, 1);
    assert_eq!(loaded.rules.len(), 1, "{:#?}", loaded.errors);
    let knowing = Knowledge::whole(loaded.rules.clone(), Vec::new(), &[]).unwrap();
    let plain = Knowledge::new(loaded.rules, Vec::new(), &[]).unwrap();
    for knowledge in [&knowing, &*IGNORANT, &*KEEPER] {
        let _ = std::fs::remove_dir_all(lab.case());
        let (said, _) = lab.keep(knowledge);
        assert!(
            said.problems.iter().all(|p| p.code != palisade_model::ProblemCode::Internal),
            "{:?}",
            said.problems
        );
        assert_eq!(lab.keys().len(), records.len());
        none(&compare_few(&lab, &plain));
        // The envelope is Palisade's whatever a record calls its fields.
        let csv = lab
            .sql("SELECT _source, _member, _record, _flags, _vector FROM events ORDER BY _record")
            .unwrap();
        assert_eq!(
            csv,
            "_source,_member,_record,_flags,_vector\n1,,1,2,host\n1,,2,2,host\n1,,3,2,host\n1,,4,2,host\n1,,5,2,host\n"
        );
        let rest = lab.sql("SELECT _rest FROM events WHERE _record = 3").unwrap();
        for name in ["_time", "_rest", "_source", "_observables", "1999-01-01T00:00:00Z"] {
            assert!(rest.contains(name), "{name} in {rest}");
        }
        let numbers = lab.sql("SELECT * FROM windows_sysmon WHERE _record = 4").unwrap();
        for text in ["007", "1e999", "-0", "9223372036854775808", "0.10"] {
            assert!(numbers.contains(text), "{text} in {numbers}");
        }
        let names = lab.sql("SELECT * FROM windows_sysmon WHERE _record = 5").unwrap();
        for text in ["one", "two", "three", "second", "empty"] {
            assert!(names.contains(text), "{text} in {names}");
        }
    }
}

/// As [`compare`], for logs of few rows.
fn compare_few(lab: &Lab, knowledge: &Knowledge) -> Vec<String> {
    let path = lab.evidence().join("a.json");
    let mut read = Vec::new();
    read_log(&path, knowledge, "1!", &mut read);
    read.sort();
    let kept = lab.rows(knowledge);
    let tell = |(a, b): (&Row, &Row)| format!("read {a:?}\n    kept {b:?}");
    assert_eq!(read.len(), kept.len());
    read.iter().zip(&kept).filter(|(a, b)| a != b).map(tell).collect()
}

#[test]
fn a_flood_of_names_costs_what_its_bytes_do() {
    let lab = Lab::new();
    let mut text = String::new();
    for record in 0..6 {
        text += r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"CommandLine":"x""#;
        for n in 0..100_000 {
            text += &format!(r#","k{record}_{n}":{n}"#);
        }
        text += "}\n";
    }
    lab.put("a.json", text.as_bytes());
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), 6);
    let columns = lab.sql("SELECT * FROM windows_sysmon WHERE _record = 1").unwrap();
    assert!(columns.lines().next().unwrap().split(',').count() < 40);
    // The values are all there, with their names as far as names are kept.
    let rest = lab.sql("SELECT character_length(_rest) AS n FROM events ORDER BY n").unwrap();
    assert!(rest.lines().skip(1).all(|n| n.parse::<usize>().unwrap() > 500_000), "{rest}");
}

#[test]
fn many_observables_of_one_record_are_all_found() {
    let lab = Lab::new();
    let addresses: Vec<String> =
        (0..2_000).map(|n| format!("\"10.9.{}.{}\"", n / 250, n % 250 + 1)).collect();
    let text = format!(
        "{{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":3,\"DestinationIp\":[{}]}}\n",
        addresses.join(",")
    );
    lab.put("a.json", text.as_bytes());
    lab.keep(&ONE);
    let (indicators, _) = parse_list("list", "10.9.0.1\n10.9.3.7\n10.9.7.250\n");
    let listed = Knowledge::new(Vec::new(), indicators, &[]).unwrap();
    let found = sorted(&lab.look(&listed, 1));
    assert!(!found.is_empty());
    same(&found, &sorted(&lab.hunt(&listed, 1).unwrap()));
}

#[test]
fn a_case_that_cannot_be_written_can_be_hunted() {
    let lab = Lab::new();
    lab.put("a.json", lines(0..50).as_bytes());
    lab.keep(&ONE);
    let mut seal = vec![lab.case()];
    seal.extend(std::fs::read_dir(lab.case()).unwrap().map(|e| e.unwrap().path()));
    let mode = |path: &Path, mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let write_bits = |on: bool| {
        seal.iter().for_each(|p| {
            mode(
                p,
                match (p.is_dir(), on) {
                    (true, true) => 0o755,
                    (true, false) => 0o555,
                    (false, true) => 0o644,
                    (false, false) => 0o444,
                },
            )
        })
    };
    write_bits(false);
    let hunted = lab.hunt(&ONE, 2).map(|s| s.findings.len());
    let asked = lab.sql("SELECT count(*) FROM events");
    let opened = Case::open_or_create(lab.case()).map(|_| ()).map_err(|e| e.to_string());
    write_bits(true);
    assert_eq!(hunted.unwrap(), 50);
    assert!(asked.unwrap().contains("50"));
    // Whoever may do everything may write here, too.
    if let Err(why) = opened {
        assert!(why.contains(&lab.case().display().to_string()), "{why}");
    }
}
