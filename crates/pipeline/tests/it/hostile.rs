//! Hostile evidence through the whole product: nothing panics, nothing is silent, and what is
//! readable is read, the same whatever the threads, the folders and the nesting.

use std::io::{Cursor, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use palisade_model::{Finding, Limits, Problem, ProblemCode};
use palisade_pipeline::{
    Error, EvidenceFile, Knowledge, Observer, RuleSources, Settings, Sources, Summary, investigate,
    load_rules,
};

use crate::data;

/// The shipped rules, compiled once for all tests.
pub fn knowledge() -> &'static Knowledge {
    static KNOWLEDGE: OnceLock<Knowledge> = OnceLock::new();
    KNOWLEDGE.get_or_init(|| {
        let loaded = load_rules(&RuleSources { shipped: true, ..RuleSources::default() }, 2);
        Knowledge::new(loaded.rules, Vec::new(), &[]).unwrap()
    })
}

/// Everything a run said, with the evidence's folder taken out of it.
#[derive(Default, Debug)]
pub struct Said {
    pub root: PathBuf,
    /// Rule, place and time of each finding, in order.
    pub findings: Vec<String>,
    pub problems: Vec<Problem>,
    pub files_ended: usize,
    /// Gives up after so many files.
    pub stop_after: Option<usize>,
}

impl Observer for Said {
    fn finding(&mut self, f: &Finding, sources: &Sources) -> Result<(), String> {
        let mut line = format!("{} {} {:?}", f.id, f.rule.id, f.time);
        for citation in &f.citations {
            let source = sources.get(citation.source).ok_or("a citation without a source")?;
            let place = source.origin.to_string();
            let place = place.strip_prefix(&*self.root.to_string_lossy()).unwrap_or(&place);
            let hash = source.file.sha256_hex().ok_or("evidence without a hash")?;
            line += &format!(" {place}@{}/{} {hash}", citation.record, citation.offset);
        }
        line += &format!(" {:?} {:?} {:?}", f.host, f.message, f.observables);
        self.findings.push(line);
        Ok(())
    }
    fn problem(&mut self, problem: &Problem) -> Result<(), String> {
        self.problems.push(problem.clone());
        Ok(())
    }
    fn file_end(&mut self, _: &EvidenceFile, _: &Sources) -> Result<(), String> {
        self.files_ended += 1;
        if self.stop_after == Some(self.files_ended) { Err("stopped by the test".into()) } else { Ok(()) }
    }
}

impl Said {
    pub fn codes(&self) -> Vec<ProblemCode> {
        self.problems.iter().map(|p| p.code).collect()
    }
    /// Content ids alone, sorted: what was found, wherever it lay.
    pub fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.findings.iter().filter_map(|f| f.split(' ').next()).collect();
        ids.sort_unstable();
        ids
    }
    fn of(&self, file: &str) -> Vec<&str> {
        let place = format!(" {file}@");
        self.findings.iter().filter(|f| f.contains(&place)).filter_map(|f| f.split(' ').next()).collect()
    }
}

fn settings(root: &Path) -> Settings {
    Settings { paths: vec![root.to_owned()], jobs: 2, ..Settings::default() }
}

/// Runs, and holds what holds for every evidence: no defect of ours shows.
fn run(settings: &Settings) -> (Said, Summary) {
    let root = settings.paths[0].clone();
    let mut said = Said { root, ..Said::default() };
    let summary = investigate(settings, knowledge(), None, &mut said).unwrap();
    let ours: Vec<&Problem> = said.problems.iter().filter(|p| p.code == ProblemCode::Internal).collect();
    assert!(ours.is_empty(), "{ours:#?}");
    assert_eq!(said.findings.len() as u64, summary.findings);
    assert_eq!(said.files_ended as u64, summary.files);
    let told: u64 = said.problems.iter().map(|p| p.count).sum();
    assert_eq!(told, summary.problems.values().sum::<u64>());
    (said, summary)
}

pub fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut b = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut h = tar::Header::new_gnu();
        h.set_size(bytes.len() as u64);
        h.set_mode(0o644);
        b.append_data(&mut h, name, *bytes).unwrap();
    }
    b.into_inner().unwrap()
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut w = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        w.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        w.write_all(bytes).unwrap();
    }
    w.finish().unwrap().into_inner()
}

/// Events that the shipped rules' own tests say are found: always there, no test data needed.
pub fn events() -> Vec<String> {
    static EVENTS: OnceLock<Vec<String>> = OnceLock::new();
    let read = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge/rules/tests");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let mut events = Vec::new();
        for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
            let test: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            events.extend(test["positive"].as_array().unwrap().iter().map(|e| e.to_string()));
        }
        assert!(events.len() >= 40, "{}", events.len());
        events
    };
    EVENTS.get_or_init(read).clone()
}

fn ndjson(events: &[String]) -> Vec<u8> {
    let mut text = events.join("\n");
    text.push('\n');
    text.into_bytes()
}

/// Small real logs, by name.
fn logs(most: usize) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = data("host/regression") else { return Vec::new() };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|rule| std::fs::read_dir(rule.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "evtx"))
        .collect();
    files.sort();
    let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().take(most).map(|p| (name(p), std::fs::read(p).unwrap())).collect()
}

/// splitmix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(8) {
            let at = self.below(bytes.len());
            let len = (1 + self.below(64)).min(bytes.len() - at);
            match self.below(7) {
                0 if self.below(3) == 0 => bytes.truncate(at.max(1)),
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes[at..at + len].fill(0),
                3 => bytes[at..at + len].fill(0xff),
                4 => drop(bytes.drain(at..at + len.min(bytes.len() - at).min(bytes.len() - 1))),
                5 => {
                    let from = self.below(bytes.len() - len + 1);
                    bytes.copy_within(from..from + len, at);
                }
                _ => bytes[at] = self.next() as u8,
            }
        }
    }
}

/// Damaged evidence of every kind and nesting, and whole evidence between: what is whole is found whole.
#[test]
fn damaged_evidence_harms_nothing_beside_it() {
    const MUTATIONS: u64 = 600;
    let text = ndjson(&events());
    let mut seeds: Vec<(String, Vec<u8>)> = logs(12);
    seeds.push(("e.json".into(), text.clone()));
    seeds.push(("a.json".into(), format!("[{}]", events().join(",")).into_bytes()));
    for i in 0..seeds.len() {
        let (name, bytes) = seeds[i].clone();
        let wrapped = match i % 4 {
            0 => ("x.gz", gz(&bytes)),
            1 => ("x.zst", zst(&bytes)),
            2 => ("x.zip", zipped(&[(&name, &bytes), ("b.json", &text)])),
            _ => ("x.tar", tarball(&[("y.zip", &zipped(&[(&name, &bytes)])), ("z.json.gz", &gz(&text))])),
        };
        seeds.push((format!("{i}-{}", wrapped.0), wrapped.1));
    }
    let whole = tempfile::tempdir().unwrap();
    for (i, (name, bytes)) in seeds.iter().enumerate() {
        write(&whole.path().join(format!("{i}-{name}")), bytes);
    }
    let (alone, _) = run(&settings(whole.path()));
    // Real logs hold traces of what they have overwritten.
    assert!(
        alone.codes().iter().all(|c| matches!(c, ProblemCode::Slack | ProblemCode::DamagedRecord)),
        "{:#?}",
        alone.problems
    );
    assert!(alone.findings.len() > 100, "{}", alone.findings.len());

    let mixed = tempfile::tempdir().unwrap();
    for (i, (name, bytes)) in seeds.iter().enumerate() {
        write(&mixed.path().join(format!("{i}-{name}")), bytes);
    }
    for seed in 0..MUTATIONS {
        let mut random = Random(seed);
        let i = random.below(seeds.len());
        let mut bytes = seeds[i].1.clone();
        random.damage(&mut bytes);
        // Sorted in among the whole ones.
        write(&mixed.path().join(format!("{i}-{seed}-broken")), &bytes);
    }
    let (said, summary) = run(&settings(mixed.path()));
    let unharmed: Vec<&String> = said.findings.iter().filter(|f| !f.contains("-broken")).collect();
    assert_eq!(unharmed, alone.findings.iter().collect::<Vec<_>>());
    assert!(summary.events > 2_000, "much of what is damaged is still read: {}", summary.events);
    assert!(said.findings.len() > 2 * unharmed.len(), "{}", said.findings.len());
    assert!(!said.problems.is_empty());
}

#[test]
fn threads_folders_and_names_change_nothing() {
    let mut evidence = logs(30);
    evidence.push(("e.json".into(), ndjson(&events())));
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in &evidence {
        write(&folder.path().join(name), bytes);
    }
    // Trouble is part of the output.
    write(&folder.path().join("0.evtx"), &evidence[0].1[..evidence[0].1.len() / 2]);
    write(&folder.path().join("1.txt"), b"not a log");
    let of = |jobs: usize| run(&Settings { jobs, ..settings(folder.path()) });
    let (one, summary) = of(1);
    assert!(one.findings.len() >= 40, "{}", one.findings.len());
    for jobs in [2, 4, 7] {
        let (more, other) = of(jobs);
        assert_eq!(more.findings, one.findings, "{jobs} threads");
        assert_eq!(more.problems, one.problems, "{jobs} threads");
        assert_eq!((other.events, other.bytes), (summary.events, summary.bytes), "{jobs} threads");
    }
    let mut random = Random(9);
    for _ in 0..3 {
        let other = tempfile::tempdir().unwrap();
        for (i, (_, bytes)) in evidence.iter().enumerate() {
            let place = format!("{}/{}/{i}", random.below(4), ["ї", "a b", "-rf"][random.below(3)]);
            write(&other.path().join(place), bytes);
        }
        write(&other.path().join("0.evtx"), &evidence[0].1[..evidence[0].1.len() / 2]);
        assert_eq!(run(&settings(other.path())).0.ids(), one.ids());
    }
}

#[test]
fn a_finding_says_the_whole_way_to_its_record() {
    let text = ndjson(&events()[..3]);
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("plain.json"), &text);
    let (plain, _) = run(&settings(folder.path()));
    assert!(plain.findings.len() >= 3);

    let inner = zipped(&[("logs/c.json.gz", &gz(&text))]);
    write(&folder.path().join("plain.json"), &tarball(&[("b.zip", &zst(&inner)), ("readme", b"hello")]));
    let (nested, summary) = run(&settings(folder.path()));
    // The name is no judge of what is inside; "readme" is no log.
    assert_eq!(nested.codes(), [ProblemCode::Unrecognised]);
    assert_eq!(nested.problems[0].origin.name(), "readme");
    assert_eq!((summary.files, summary.sources), (1, 1));
    assert_eq!(nested.ids(), plain.ids());
    let way = "/plain.json!b.zip!b.zip!logs/c.json.gz!c.json";
    assert_eq!(nested.of(way).len(), plain.findings.len(), "{:#?}", nested.findings);
    let places = |said: &Said| -> Vec<String> {
        said.findings
            .iter()
            .map(|f| f.split('@').nth(1).unwrap().split(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(places(&nested), places(&plain), "record and offset are those in the log itself");
}

/// Runs over one hostile file beside a good one, which must be found whole.
fn beside(name: &str, hostile: &[u8], limits: Limits) -> (Said, Summary) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join(name), hostile);
    write(&folder.path().join("zz-good.json"), &ndjson(&events()));
    let (said, summary) = run(&Settings { limits, ..settings(folder.path()) });
    assert!(said.of("/zz-good.json").len() >= 40, "{name}");
    (said, summary)
}

fn has_limit(said: &Said, words: &str) -> bool {
    said.problems.iter().any(|p| p.code == ProblemCode::Limit && p.message.contains(words))
}

#[test]
fn twenty_levels_deep() {
    type Wrap = fn(&[u8]) -> Vec<u8>;
    let wraps: [(&str, Wrap); 4] =
        [("gz", gz), ("zst", zst), ("zip", |b| zipped(&[("i", b)])), ("tar", |b| tarball(&[("i", b)]))];
    for (name, wrap) in wraps {
        let mut bytes = ndjson(&events()[..1]);
        for _ in 0..20 {
            bytes = wrap(&bytes);
        }
        let (said, _) = beside(&format!("deep.{name}"), &bytes, Limits::default());
        assert_eq!(said.codes(), [ProblemCode::Limit], "{name}");
        assert!(has_limit(&said, "nested more than 8 deep"), "{name}: {:?}", said.problems);
    }
}

#[test]
fn bombs_end_at_the_limits() {
    let line = b"{\"a\":1}\n";
    let long: Vec<u8> = line.iter().copied().cycle().take(32 << 20).collect();
    let limits = Limits { bytes: 4 << 20, ..Limits::default() };
    for (name, bomb) in [
        ("b.gz", gz(&long)),
        ("b.zst", zst(&long)),
        ("b.zip", zipped(&[("a", &long), ("b", &long)])),
        ("b.tar.gz", gz(&tarball(&[("a", &long), ("b", &long)]))),
        ("b.gz.gz", gz(&gz(&long))),
    ] {
        let (said, summary) = beside(name, &bomb, limits);
        assert!(has_limit(&said, "bytes unpacked"), "{name}: {:?}", said.problems);
        let most = (4 << 20) / line.len() as u64 + 1_000;
        assert!(summary.events <= most, "{name}: {}", summary.events);
        assert!(summary.events > 1_000, "what came before the limit is read: {name}: {}", summary.events);
    }
    // Expands more than an honest archive can.
    let blank = vec![b'\n'; 96 << 20];
    let (said, _) = beside("r.gz.gz", &gz(&gz(&[line.as_slice(), &blank].concat())), Limits::default());
    assert!(has_limit(&said, "expands more than"), "{:?}", said.problems);
    // More members than anybody has.
    let many: Vec<(String, &[u8])> = (0..200).map(|n| (n.to_string(), line.as_slice())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(n, b)| (n.as_str(), *b)).collect();
    let (said, summary) = beside("m.tar", &tarball(&many), Limits { objects: 50, ..Limits::default() });
    assert!(has_limit(&said, "more than 50 objects"), "{:?}", said.problems);
    assert_eq!(summary.sources, 51);
}

#[test]
fn a_tar_that_lies_about_sizes() {
    let text = ndjson(&events()[..2]);
    let honest = tarball(&[("a.json", &text), ("b.json", &text)]);
    let with_size = |size: &[u8; 12]| {
        let mut tar = honest.clone();
        tar[124..136].copy_from_slice(size);
        let sum: u32 = tar[..512]
            .iter()
            .enumerate()
            .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) })
            .sum();
        tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar
    };
    let sizes: [&[u8; 12]; 4] = [
        b"77777777777\0",
        b"00000000007\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
    ];
    for size in sizes {
        let (said, _) = beside("lies.tar", &with_size(size), Limits::default());
        assert!(
            said.problems.iter().any(|p| p.origin.top().ends_with("lies.tar")),
            "{size:?} goes unmentioned"
        );
    }
}

#[test]
fn odd_things_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(&root.join("good/e.json"), &ndjson(&events()));
    write(&root.join("empty"), b"");
    write(&root.join("blank.json"), b" \n\n\t\n");
    write(&root.join("noise"), &(0..9_000u32).map(|n| (n * 7_919 / 8) as u8).collect::<Vec<_>>());
    std::fs::create_dir_all(root.join("nothing/in/here")).unwrap();
    let mut wanted = vec![
        ("empty", ProblemCode::Unrecognised),
        ("noise", ProblemCode::Unrecognised),
        ("blank.json", ProblemCode::Unrecognised),
    ];
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        // Links lead out, round in circles, or nowhere: inside evidence none is followed.
        symlink(root.join("good"), root.join("link-to-folder")).unwrap();
        symlink(root, root.join("link-to-itself")).unwrap();
        symlink("/nowhere", root.join("link-to-nothing")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        wanted.extend(
            ["link-to-folder", "link-to-itself", "link-to-nothing", "socket"]
                .map(|n| (n, ProblemCode::Unrecognised)),
        );
        let locked = root.join("locked.evtx");
        write(&locked, b"ElfFile\0");
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
        // The superuser reads it all the same.
        if std::fs::File::open(&locked).is_err() {
            wanted.push(("locked.evtx", ProblemCode::Io));
        }
    }
    let (said, summary) = run(&settings(root));
    for (name, code) in wanted {
        let found = said.problems.iter().find(|p| p.origin.name().ends_with(name));
        assert_eq!(found.map(|p| p.code), Some(code), "{name}: {:#?}", said.problems);
    }
    assert!(said.findings.len() >= 40);
    assert_eq!(
        summary.sources,
        1 + u64::from(
            said.problems
                .iter()
                .any(|p| p.origin.name().ends_with("locked.evtx") && p.code != ProblemCode::Io)
        )
    );
}

#[test]
fn a_path_that_is_not_there_stops_the_run_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("e.json"), &ndjson(&events()));
    let missing = folder.path().join("missing");
    let settings = Settings { paths: vec![folder.path().to_owned(), missing.clone()], ..Settings::default() };
    let mut said = Said::default();
    match investigate(&settings, knowledge(), None, &mut said) {
        Err(Error::Path { path, .. }) => assert_eq!(path, missing),
        other => panic!("{other:?}"),
    }
    assert!(said.findings.is_empty());
}

#[test]
fn a_line_of_40_mb_costs_itself_alone() {
    let events = events();
    let mut text = format!("{}\n{{\"a\":\"", events[0]).into_bytes();
    text.resize(text.len() + (40 << 20), b'x');
    text.extend_from_slice(format!("\"}}\n{}\n", events[1]).as_bytes());
    let (said, summary) = beside("long.json", &text, Limits::default());
    assert_eq!(said.codes(), [ProblemCode::Limit]);
    assert_eq!(summary.events, 2 + events.len() as u64);
    assert!(said.of("/long.json").len() >= 2);
}

#[test]
fn a_million_fresh_keys_and_a_million_rows_alike() {
    let events = events();
    let mut text = String::new();
    for row in 0..1_000 {
        text.push('{');
        for key in 0..1_000 {
            text.push_str(&format!("\"k{row}_{key}\":{key},"));
        }
        text.push_str("\"z\":1}\n");
    }
    let (said, summary) = beside("keys.json", text.as_bytes(), Limits::default());
    assert_eq!((said.codes(), summary.events), (vec![], 1_000 + events.len() as u64));

    let quiet =
        "{\"EventID\":1,\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"Image\":\"C:\\\\a.exe\"}\n";
    let mut text = quiet.repeat(1_000_000);
    // The same finding again and again: one content id, each record cited.
    const LOUD: usize = 20_000;
    text.push_str(&format!("{}\n", events[0]).repeat(LOUD));
    let (said, summary) = beside("alike.json", text.as_bytes(), Limits::default());
    assert_eq!((said.codes(), summary.events), (vec![], (1_000_000 + LOUD + events.len()) as u64));
    let mut ids = said.of("/alike.json");
    assert!(ids.len() >= LOUD);
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() < 10, "{}", ids.len());
}

#[test]
fn hostile_rules_cost_themselves_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let good = "title: t\nid: 11111111-1111-4111-8111-111111111111\nlogsource: {product: windows}\ndetection: {s: {Image: 'x'}, condition: s}\n";
    write(&root.join("good.yml"), good.as_bytes());
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let alias = format!("*a{},", level - 1).repeat(10);
        laughs.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
    }
    write(&root.join("laughs.yml"), laughs.as_bytes());
    write(&root.join("deep.yml"), "[".repeat(100_000).as_bytes());
    write(&root.join("self.yml"), b"a: &a [*a]\n");
    write(&root.join("binary.yml"), &[0xff; 512]);
    write(&root.join("nul.yml"), &[0; 512]);
    write(&root.join("empty.yml"), b"");
    write(&root.join("huge.yml"), &vec![b'#'; 9 << 20]);
    std::fs::create_dir(root.join("folder.yml")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root, root.join("again")).unwrap();
    let many: String =
        good.replace("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
    let wide =
        many.replace("'x'", &format!("[{}]", (0..200_000).map(|n| format!("v{n},")).collect::<String>()));
    write(&root.join("wide.yml"), wide.as_bytes());

    let loaded = load_rules(&RuleSources { paths: vec![root.to_owned()], ..RuleSources::default() }, 2);
    let titles: Vec<&str> = loaded.rules.iter().filter_map(|r| r.id.as_deref()).collect();
    assert!(titles.contains(&"11111111-1111-4111-8111-111111111111"), "{titles:?}");
    let unreadable: Vec<&str> =
        loaded.unreadable.iter().filter_map(|(p, _)| p.file_name().and_then(|n| n.to_str())).collect();
    assert_eq!(unreadable, ["binary.yml", "huge.yml"]);
    for name in ["laughs.yml", "deep.yml", "self.yml", "nul.yml"] {
        assert!(loaded.errors.iter().any(|e| e.file.ends_with(name)), "{name} goes unmentioned");
    }
    let again = load_rules(&RuleSources { paths: vec![root.to_owned()], ..RuleSources::default() }, 1);
    let said =
        |l: &palisade_pipeline::LoadedRules| l.errors.iter().map(|e| e.to_string()).collect::<Vec<_>>();
    assert_eq!(said(&again), said(&loaded), "whatever the threads");
    assert!(Knowledge::new(loaded.rules, Vec::new(), &[]).is_ok());
}

/// Times at the edges of what records can name.
#[test]
fn absurd_times() {
    const YEARS: RangeInclusive<i32> = 9_998..=10_001;
    let mut text = String::new();
    for year in YEARS {
        for time in [
            format!("{year}-12-31T23:59:59Z"),
            format!("-{year}-01-01T00:00:00Z"),
            format!("{year}-02-30T00:00:00Z"),
        ] {
            text.push_str(&format!(
                "{{\"Channel\":\"Security\",\"EventID\":1102,\"TimeCreated\":\"{time}\",\"@timestamp\":\"{time}\"}}\n"
            ));
        }
    }
    for number in ["0", "-1", "1e400", "99999999999999999999", "18446744073709551615", "9223372036854775807"]
    {
        text.push_str(&format!("{{\"Channel\":\"Security\",\"EventID\":1102,\"@timestamp\":{number}}}\n"));
    }
    let (said, summary) = beside("times.json", text.as_bytes(), Limits::default());
    let seen = summary.seen.iter().filter_map(|s| s.last).max();
    assert!(seen.is_none_or(|t| t <= palisade_model::Time::MAX), "{seen:?} {:?}", said.problems);
}
