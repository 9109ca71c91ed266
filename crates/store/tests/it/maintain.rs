//! Keeping the lake in order: nothing lost or doubled, nothing dropped that is held, nothing left of who was erased.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray as _, FixedSizeBinaryBuilder, Int32Array, Int64Array, ListBuilder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use palisade_model::{Citation, Finding, Message, Observable, ObservableKind, Origin, SourceId, Time};
use palisade_store::lake::{
    Compacted, Erasure, Intake, Load, Part, QueryLimits, Refused, Retained, Retention, Visible, answer,
    envelope_schema, observable, query,
};
use palisade_store::*;

use crate::bench::{Bench, failed, finding, info};

crate::on_both!(
    compaction_conserves,
    columns_that_disagree_stay_apart,
    damage_gets_no_new_hash,
    a_crash_in_a_compaction_loses_and_doubles_nothing,
    retention_by_age,
    retention_by_size,
    holds,
    erasure_leaves_no_trace,
    a_hold_refuses_erasure,
);

const TABLE: &str = "windows_sysmon";

/// A row: time, record, account.
type Row<'a> = (Option<i64>, i64, &'a str);

/// Rows as the packer gives them; `User` is text or, for the test, a number.
fn load(rows: &[Row<'_>], numeric: bool) -> Load {
    let texts = |f: &dyn Fn(&Row<'_>) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(f)))
    };
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for field in envelope_schema().fields() {
        arrays.push(match field.name().as_str() {
            "_source" | "_member" | "_vector" => continue,
            "_time" => Arc::new(TimestampMicrosecondArray::from_iter(rows.iter().map(|r| r.0))),
            "_shape" => texts(&|_| "windows/sysmon/1".into()),
            "_record" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1))),
            "_offset" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1 * 10))),
            "_flags" => Arc::new(Int32Array::from_value(0, rows.len())),
            "_digest" => {
                let mut digest = FixedSizeBinaryBuilder::new(16);
                for row in rows {
                    digest.append_value([row.1 as u8; 16]).unwrap();
                }
                Arc::new(digest.finish())
            }
            "_observables" => {
                let item = Field::new("item", DataType::Utf8, false);
                let mut lists = ListBuilder::new(StringBuilder::new()).with_field(item);
                for row in rows {
                    lists.values().append_value("host:ws1");
                    lists.values().append_value(format!("account:{}", row.2.to_lowercase()));
                    lists.append(true);
                }
                Arc::new(lists.finish())
            }
            _ => new_null_array(field.data_type(), rows.len()),
        });
        fields.push(field.clone());
    }
    let kind = if numeric { DataType::Int64 } else { DataType::Utf8 };
    fields.push(Arc::new(Field::new("User", kind, true)));
    arrays.push(match numeric {
        true => Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1))),
        false => texts(&|r| r.2.into()),
    });
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let places = UInt32Array::from_iter_values(0..rows.len() as u32);
    Load { parts: vec![Part { table: TABLE.into(), rows: batch, places }], rows: rows.len() as u32 }
}

/// One commit of rows of a source: one segment.
fn keep(case: &mut Case, at: i64, source: &SourceRecord, rows: &[Row<'_>], findings: Vec<Finding>) {
    keep_as(case, at, source, rows, findings, false);
}

fn keep_as(
    case: &mut Case,
    at: i64,
    s: &SourceRecord,
    rows: &[Row<'_>],
    findings: Vec<Finding>,
    numeric: bool,
) {
    let mut run = case.begin_run(&info(at)).unwrap();
    let mut intake = Intake::default();
    intake.push(run.number(&s.sha256).unwrap(), &"".into(), load(rows, numeric));
    let said = Said { source: s.clone(), findings, problems: vec![], coverage: vec![] };
    let resolve = |_| Some(CitedSource { sha256: s.sha256.clone(), origin: Origin::file(s.path.clone()) });
    run.commit(&[said], &mut intake, 1, &resolve).unwrap();
    run.finish_run(Time(at + 1)).unwrap();
}

/// Forty rows in eight commits, of two sources.
fn eight_commits(b: &Bench) -> Case {
    let sources = [b.evidence("a.evtx", b"a"), b.evidence("b.evtx", b"b")];
    let mut case = Case::open_or_create(b.case()).unwrap();
    for n in 0..8 {
        let rows: Vec<Row<'_>> = (0..5).map(|i| (Some(1_000 - n * 7 + i), n * 5 + i, "CORP\\Ann")).collect();
        keep(&mut case, n + 1, &sources[n as usize % 2], &rows, vec![]);
    }
    case
}

/// Every row of the lake, by source, record and digest, and how often it is there.
fn rows(dir: &Path) -> BTreeMap<(i64, i64, Vec<u8>), usize> {
    let mut out = BTreeMap::new();
    for batch in batches(dir) {
        let number = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone();
        let (source, record) = (number("_source"), number("_record"));
        let digest = batch.column_by_name("_digest").unwrap().as_fixed_size_binary();
        for i in 0..batch.num_rows() {
            *out.entry((source.value(i), record.value(i), digest.value(i).to_vec())).or_default() += 1;
        }
    }
    out
}

fn batches(dir: &Path) -> Vec<RecordBatch> {
    let lake = Case::open_read_only(dir).unwrap().lake().unwrap();
    let open = |file: &str| std::fs::File::open(dir.join(LAKE).join(file)).unwrap();
    let read = |file: std::fs::File| ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    lake.segments().iter().flat_map(|s| read(open(&s.file))).map(Result::unwrap).collect()
}

/// Records that are left, in order.
fn records(dir: &Path) -> Vec<i64> {
    let mut left: Vec<i64> = rows(dir).into_keys().map(|(_, record, _)| record).collect();
    left.sort_unstable();
    left
}

fn ask(case: &mut Case, sql: &str) -> String {
    let lake = case.lake().unwrap();
    let mut out = Vec::new();
    let visible = Visible { knowledge: vec![], views: vec![], cite: false };
    let limits = QueryLimits { memory: 64 << 20, timeout: None, threads: 1 };
    query(&lake, &visible, sql, limits, &mut answer::Csv::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// Files below the lake's directory.
fn files(dir: &Path) -> Vec<String> {
    let table = std::fs::read_dir(dir.join(LAKE).join(TABLE)).unwrap();
    let mut files: Vec<String> = table.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    files
}

fn sound(dir: &Path) {
    let report = verify(dir, &[]).unwrap();
    assert!(report.ok(), "{:#?}", failed(&report));
}

const QUESTIONS: [&str; 3] = [
    "SELECT _time, _record, \"User\" FROM windows_sysmon ORDER BY _record",
    "SELECT COUNT(*) AS n FROM events WHERE array_has(_observables, 'account:corp\\ann')",
    "SELECT MIN(_time) AS a, MAX(_time) AS z FROM events WHERE _record > 17",
];

pub fn compaction_conserves(b: &Bench) {
    let mut case = eight_commits(b);
    let (before, said) = (rows(&b.case()), QUESTIONS.map(|q| ask(&mut case, q)));
    assert_eq!((before.len(), files(&b.case()).len()), (40, 16));
    let old = case.lake().unwrap();
    let reader = old.open_index(&old.segments()[0]).unwrap();
    let done = case.compact(&info(100), &|| Time(101)).unwrap();
    assert_eq!((done.segments, done.into, done.rows), (8, 1, 40));
    assert!(done.bytes_after < done.bytes_before);
    assert_eq!(rows(&b.case()), before);
    assert_eq!(QUESTIONS.map(|q| ask(&mut case, q)), said);
    let lake = case.lake().unwrap();
    assert_eq!((lake.segments().len(), lake.segments()[0].seqs, files(&b.case()).len()), (1, (1, 8), 2));
    // Who has an old file open keeps it.
    use palisade_store::lake::index::Index;
    assert!(Index::open(reader).is_ok());
    // Nothing more to do, so no run either; and a number is not given twice.
    let runs = case.counts().unwrap().runs;
    assert_eq!(case.compact(&info(102), &|| Time(103)).unwrap(), Compacted::default());
    assert_eq!(case.counts().unwrap().runs, runs);
    let s = b.evidence("c.evtx", b"c");
    keep(&mut case, 104, &s, &[(Some(1), 99, "x")], vec![]);
    assert!(files(&b.case()).contains(&"0000000010.parquet".to_owned()), "{:?}", files(&b.case()));
    drop(case);
    sound(&b.case());
}

pub fn columns_that_disagree_stay_apart(b: &Bench) {
    let s = b.evidence("a.evtx", b"a");
    let mut case = Case::open_or_create(b.case()).unwrap();
    for n in 0..6 {
        keep_as(&mut case, n + 1, &s, &[(Some(n), n, "x")], vec![], n > 2);
    }
    let done = case.compact(&info(100), &|| Time(101)).unwrap();
    assert_eq!((done.segments, done.into, done.rows), (6, 2, 6));
    drop(case);
    sound(&b.case());
}

pub fn damage_gets_no_new_hash(b: &Bench) {
    let mut case = eight_commits(b);
    let path = b.case().join(LAKE).join(TABLE).join("0000000003.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let e = case.compact(&info(100), &|| Time(101)).unwrap_err();
    assert!(matches!(&e, Error::BadSegment { file, .. } if file.ends_with("03.parquet")), "{e}");
    assert!(e.to_string().contains("another SHA-256"), "{e}");
    assert_eq!(files(&b.case()).len(), 16);
}

/// Set for a process that is to end half way.
const CHILD: &str = "PALISADE_TEST_COMPACT";

/// What such a process does; nothing otherwise.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let mut case = Case::open(dir).unwrap();
    case.compact(&info(100), &|| Time(101)).unwrap();
}

pub fn a_crash_in_a_compaction_loses_and_doubles_nothing(b: &Bench) {
    let points = [
        "segment-written",
        "index-written",
        "compacted-written",
        "segments-recorded",
        "compaction-committed",
        "file-removed",
        "file-removed:5",
        "file-removed:8",
    ];
    for point in points {
        let b = b.another();
        drop(eight_commits(&b));
        let before = rows(&b.case());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "maintain::child"])
            .env("PALISADE_CRASH_AT", point)
            .env(CHILD, b.case())
            .output()
            .unwrap();
        assert!(!status.status.success(), "{point} was not passed");
        assert_eq!(rows(&b.case()), before, "{point}");
        sound(&b.case());
        // The next writer sweeps and goes on.
        let mut case = Case::open(b.case()).unwrap();
        case.sweep().unwrap();
        let listed = case.lake().unwrap().segments().len();
        assert_eq!(files(&b.case()).len(), 2 * listed, "{point}");
        case.compact(&info(200), &|| Time(201)).unwrap();
        assert_eq!(case.lake().unwrap().segments().len(), 1, "{point}");
        drop(case);
        assert_eq!(rows(&b.case()), before, "{point}");
        assert_eq!(files(&b.case()).len(), 2, "{point}");
        sound(&b.case());
    }
}

/// Segments of times 10..13, 20..23 and 30..33, the last with a row without a time.
fn three_ages(b: &Bench) -> Case {
    let s = b.evidence("a.evtx", b"a");
    let mut case = Case::open_or_create(b.case()).unwrap();
    for n in 1..=3 {
        let mut rows: Vec<Row<'_>> = (0..4).map(|i| (Some(n * 10 + i), n * 10 + i, "x")).collect();
        if n == 3 {
            rows.push((None, 99, "x"));
        }
        keep(&mut case, n, &s, &rows, vec![]);
    }
    case
}

fn retain(case: &mut Case, policy: Retention) -> Retained {
    let would = case.would_retain(&policy).unwrap();
    let done = case.retain(&policy, &info(100), &|| Time(101)).unwrap();
    assert_eq!((would.rows, would.segments, &would.refused), (done.rows, done.segments, &done.refused));
    done
}

pub fn retention_by_age(b: &Bench) {
    let mut case = three_ages(b);
    let before = |t| Retention { before: Some(Time(t)), bytes: None };
    let done = retain(&mut case, before(10));
    assert_eq!((done.rows, done.bytes_after), (0, done.bytes_before));
    let done = retain(&mut case, before(22));
    assert_eq!((done.segments, done.rewritten, done.rows), (1, 1, 6));
    assert!(done.bytes_after < done.bytes_before);
    assert_eq!(records(&b.case()), [22, 23, 30, 31, 32, 33, 99]);
    // A row without a time has no age.
    let done = retain(&mut case, before(1_000));
    assert_eq!(done.rows, 6);
    assert_eq!(records(&b.case()), [99]);
    assert_eq!(files(&b.case()).len(), 2);
    drop(case);
    sound(&b.case());
}

pub fn retention_by_size(b: &Bench) {
    let mut case = three_ages(b);
    let bytes = case.lake().unwrap().bytes();
    let at_most = |n| Retention { before: None, bytes: Some(n) };
    assert_eq!(retain(&mut case, at_most(bytes)).rows, 0);
    let done = retain(&mut case, at_most(bytes - 1));
    assert_eq!((done.segments, done.rows, done.bytes_after < bytes), (1, 4, true));
    assert_eq!(records(&b.case()), [20, 21, 22, 23, 30, 31, 32, 33, 99]);
    assert_eq!(retain(&mut case, at_most(0)).rows, 9);
    assert!(files(&b.case()).is_empty());
    drop(case);
    sound(&b.case());
}

pub fn holds(b: &Bench) {
    let mut case = three_ages(b);
    let id = case.hold_add("matter 7", "a court", "ana", (Some(Time(12)), Some(Time(21))), Time(5)).unwrap();
    let e = case.hold_release(77, Time(6)).unwrap_err();
    assert_eq!(e.to_string(), "the case has no legal hold 77; `palisade case hold DIR list` lists them");
    let done = retain(&mut case, Retention { before: Some(Time(1_000)), bytes: None });
    assert_eq!(records(&b.case()), [12, 13, 20, 99]);
    assert_eq!(done.refused, [Refused { hold: id, name: "matter 7".into(), rows: 3, findings: 0 }]);
    // By size, segments with held rows stay whole; whether a row without a time is held, nobody can say.
    let done = retain(&mut case, Retention { before: None, bytes: Some(0) });
    assert_eq!((done.rows, done.refused[0].rows), (0, 4));
    sound(&b.case());
    case.hold_release(id, Time(50)).unwrap();
    case.hold_release(id, Time(51)).unwrap();
    assert_eq!(case.holds().unwrap()[0].released, Some(Time(50)));
    let done = retain(&mut case, Retention { before: Some(Time(1_000)), bytes: None });
    assert_eq!((done.rows, done.refused.len()), (3, 0));
    assert_eq!(records(&b.case()), [99]);
    drop(case);
    sound(&b.case());
}

/// Two segments; rows 2 and 5 are the person's. Findings on row 2, on row 1 with the name in it, on row 3.
fn with_person(b: &Bench) -> Case {
    let s = b.evidence("a.evtx", b"a");
    let mut case = Case::open_or_create(b.case()).unwrap();
    let says = |id: &str, record: u64, user: &str, path: &str| Finding {
        message: Message {
            id: "sigma.match".into(),
            args: vec![
                ("User".into(), user.into()),
                ("Path".into(), path.into()),
                ("Image".into(), "x.exe".into()),
            ],
        },
        host: Some(if record == 2 { "pc-bobbington" } else { "ws1" }.into()),
        observables: vec![Observable::parse(ObservableKind::Account, user).unwrap()],
        citations: vec![Citation { source: SourceId(0), record, offset: record * 10 }],
        time: Some(Time(record as i64)),
        time_end: Some(Time(record as i64)),
        ..finding(id, 0, 1)
    };
    let findings = vec![
        says("his", 2, "CORP\\Bobbington", "C:\\Users\\bobbington\\x"),
        says("named", 1, "CORP\\Ann", "runas corp\\bobbington now"),
        says("other", 3, "CORP\\Ann", "C:\\Users\\ann"),
        says("alike", 3, "CORP\\Bobbington-adm", "C:\\x"),
    ];
    let (bob, ann) = ("CORP\\Bobbington", "CORP\\Ann");
    keep(&mut case, 1, &s, &[(Some(1), 1, ann), (Some(2), 2, bob), (Some(3), 3, ann)], findings);
    keep(&mut case, 2, &s, &[(Some(4), 4, ann), (Some(5), 5, bob)], vec![]);
    keep(&mut case, 3, &s, &[(Some(6), 6, ann)], vec![]);
    case
}

fn bob() -> Erasure {
    let observables = vec![observable("account:Corp\\Bobbington").unwrap()];
    Erasure { observables, reason: "request 12".into() }
}

pub fn erasure_leaves_no_trace(b: &Bench) {
    let mut case = with_person(b);
    // The finding that is somebody else's would be found by a search for the text.
    b.sql("DELETE FROM citation WHERE finding IN (SELECT id FROM finding WHERE message LIKE '%-adm%')");
    b.sql("DELETE FROM finding WHERE message LIKE '%-adm%'");
    let would = case.would_erase(&bob()).unwrap();
    assert_eq!((would.rows, would.segments, would.findings), (2, 2, 2));
    assert_eq!(records(&b.case()), [1, 2, 3, 4, 5, 6]);
    let done = case.erase(&bob(), &info(100), &|| Time(101)).unwrap();
    assert_eq!((done.rows, done.segments, done.findings, done.refused.len()), (2, 2, 2, 0));
    assert_eq!((done.left.as_slice(), done.log_left), ([].as_slice(), false));
    assert_eq!(records(&b.case()), [1, 3, 4, 6]);

    let all = case.findings(&Filter::default()).unwrap();
    let args: Vec<Vec<&str>> =
        all.iter().map(|f| f.message.args.iter().map(|(_, text)| text.as_str()).collect()).collect();
    assert_eq!(
        args,
        [
            ["CORP\\Ann", "[erased]", "x.exe"],
            ["[erased]", "[erased]", "x.exe"],
            ["CORP\\Ann", "C:\\Users\\ann", "x.exe"],
        ]
    );
    assert_eq!((all[1].host.as_deref(), all[1].citations[0].record), (Some("[erased]"), 2));
    assert_eq!(all[1].observables[0]["value"], "[erased]");

    // While the case is open: the log is empty, the free pages are gone.
    let mut looked = 0;
    each_file(&b.case(), &mut |path| {
        looked += 1;
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).to_lowercase();
        assert!(!text.contains("bobbington"), "{}", path.display());
    });
    assert!(looked > 6);
    let shown = pretty_format_batches(&[]).unwrap().to_string()
        + &batches(&b.case())
            .iter()
            .map(|b| pretty_format_batches(std::slice::from_ref(b)).unwrap().to_string())
            .collect::<String>();
    assert!(
        shown.to_lowercase().contains("corp\\ann") && !shown.to_lowercase().contains("bobbington"),
        "{shown}"
    );
    // Again: nothing to do, nothing wrong.
    let done = case.erase(&bob(), &info(200), &|| Time(201)).unwrap();
    assert_eq!((done.rows, done.findings), (0, 0));
    drop(case);
    sound(&b.case());
}

fn each_file(dir: &Path, f: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, f) } else { f(&path) }
    }
}

pub fn a_hold_refuses_erasure(b: &Bench) {
    let mut case = with_person(b);
    let id = case.hold_add("matter 7", "a court", "ana", (None, Some(Time(3))), Time(5)).unwrap();
    let done = case.erase(&bob(), &info(100), &|| Time(101)).unwrap();
    // Row 5 goes; row 2 and the findings of times 1 and 2 are held.
    assert_eq!((done.rows, done.findings), (1, 0));
    assert_eq!(done.refused, [Refused { hold: id, name: "matter 7".into(), rows: 1, findings: 2 }]);
    assert_eq!(records(&b.case()), [1, 2, 3, 4, 6]);
    assert!(done.left.iter().any(|l| l.place == "finding.message" && l.rows == 3), "{:?}", done.left);
    // `corp\bobbington-adm` is somebody else.
    let all = case.findings(&Filter::default()).unwrap();
    assert!(all.iter().any(|f| f.message.args[0].1 == "CORP\\Bobbington-adm"));
    drop(case);
    sound(&b.case());
}

#[test]
fn observables_are_named_as_rows_hold_them() {
    assert_eq!(observable("account:CORP\\Bob").unwrap().to_string(), "account:corp\\bob");
    assert!(observable("bob").unwrap_err().contains("kind:value"));
    assert!(observable("person:bob").unwrap_err().contains("kind:value"));
    assert!(observable("ip:bob").unwrap_err().contains("of the kind ip"));
}
