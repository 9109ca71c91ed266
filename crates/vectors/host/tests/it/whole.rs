//! Records kept whole: every value comes out once, whoever asked for it, and rules see
//! what they see in any other run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use palisade_host::json::{DialectSet, Dialects};
use palisade_host::{Format, Scratch};
use palisade_model::{
    Batch, Catalogue, FieldId, FieldSet, Fields, MAX_LOCAL_NAME_BYTES, MAX_LOCAL_NAMES, Projection, RowBatch,
    Value,
};

use crate::evtx::{Setup, data_dir, logs};
use crate::json::House;

/// The same house, keeping records whole.
fn whole(mut house: House) -> House {
    house.projection.keep_everything(&house.fields);
    house
}

fn name<'a>(house: &'a House, batch: &'a RowBatch, field: FieldId) -> &'a str {
    match field {
        FieldId::NONE => "-",
        f if f.is_local() => batch.local_name(f),
        f => house.fields.name(f),
    }
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Text(t) => format!("{t:?}"),
        Value::Number(n) => n.to_owned(),
        other => other.text().filter(|t| !t.is_empty()).unwrap_or("null").to_owned(),
    }
}

fn rows(batches: &[RowBatch]) -> impl Iterator<Item = (&RowBatch, usize)> {
    batches.iter().flat_map(|b| (0..b.len()).map(move |row| (b, row)))
}

/// What a record holds, one `name = value` a line in record order; `~`: nobody asked for the name.
fn check(names: &[&str], record: &str, want: &str) {
    let house = whole(House::new(names, false));
    let (batches, _) = house.read(record.as_bytes());
    let mut got = String::new();
    for (batch, row) in rows(&batches) {
        batch.every(row, &mut |field, value| {
            let mark = if field.is_local() { "~" } else { "" };
            got += &format!("{mark}{} = {}\n", name(&house, batch, field), shown(value));
        });
    }
    let want: String = want.lines().map(|l| format!("{}\n", l.trim())).filter(|l| l.len() > 1).collect();
    assert_eq!(got, want, "\n--- record\n{record}\n--- got\n{got}");
}

#[test]
fn values_and_their_names() {
    // A record that no dialect fits: paths, arrays, empty and odd values.
    check(
        &["a", "o"],
        r#"{"a":1,"b":{"c":[1,"x",null,true,{"d":""}],"e":[]},"\u0066.g":false,"o":{"p":-1.5e3},"":"\n"}"#,
        r#"
        a = 1
        ~b.c = 1
        ~b.c = "x"
        ~b.c = null
        ~b.c = true
        ~b.c.d = ""
        ~f.g = false
        o = "{\"p\":-1.5e3}"
        ~o.p = -1.5e3
        ~ = "\n"
        "#,
    );
    // Mounted objects: names as if they were the record's own, spaces left out as for rules.
    check(
        &["Image", "EventID"],
        r##"{"Event":{"System":{"Channel":"Security","EventID":1073741825,"Computer":"c",
            "TimeCreated":{"#attributes":{"SystemTime":"2024-01-02T03:04:05Z"}}},
            "EventData":{"Image":"i","Threat Name":"t","n":{"m":7}},"UserData":{"X":{"Y":"y"}}}}"##
            .replace('\n', "")
            .as_str(),
        r##"
        ~Event.System.Channel = "Security"
        EventID = 1
        ~$.Event.System.EventID = "1073741825"
        Computer = "c"
        ~Event.System.TimeCreated.#attributes.SystemTime = "2024-01-02T03:04:05Z"
        Image = "i"
        ~ThreatName = "t"
        ~n.m = 7
        ~Y = "y"
        "##,
    );
    // A place that is outdone must not pass for a second value of the field.
    check(
        &["Image", "Channel"],
        r#"{"Channel":"Security","EventID":1,"EventTime":"2024-01-02 03:04:05","Image":"outer","EventData":{"Image":"inner"},"Hostname":"h"}"#,
        r#"
        Channel = "Security"
        ~EventID = 1
        ~EventTime = "2024-01-02 03:04:05"
        ~$.Image = "outer"
        Image = "inner"
        ~Hostname = "h"
        Computer = "h"
        "#,
    );
    // Text with a record inside: the text, and what is in it.
    check(
        &["Image"],
        r#"{"Channel":"Security","EventID":1,"EventData":"<EventData><Data Name=\"Image\">i</Data><Data Name=\"Foo\">f</Data><Data Name=\"Bar\"/></EventData>"}"#,
        r#"
        ~Channel = "Security"
        ~EventID = 1
        ~EventData = "<EventData><Data Name=\"Image\">i</Data><Data Name=\"Foo\">f</Data><Data Name=\"Bar\"/></EventData>"
        Image = "i"
        ~Foo = "f"
        ~Bar = null
        "#,
    );
    check(
        &["Image"],
        r#"{"Channel":"Security","EventID":1,"EventData":"{\"Image\":\"i\",\"o\":{\"k\":[2]}}"}"#,
        r#"
        ~Channel = "Security"
        ~EventID = 1
        ~EventData = "{\"Image\":\"i\",\"o\":{\"k\":[2]}}"
        Image = "i"
        ~o.k = 2
        "#,
    );
    // What is computed from another cell is not kept: hash parts, the other spelling of a GUID.
    check(
        &["Hashes", "md5", "LogonGuid"],
        r#"{"Channel":"Security","EventID":1,"Hashes":"MD5=aa,SHA1=bb","LogonGuid":"0cce9210-69ae-11d9-bed3-505054503030"}"#,
        r#"
        ~Channel = "Security"
        ~EventID = 1
        Hashes = "MD5=aa,SHA1=bb"
        LogonGuid = "0cce9210-69ae-11d9-bed3-505054503030"
        "#,
    );
}

/// Real JSON logs: each file's first records.
fn samples() -> Vec<(String, Vec<u8>)> {
    let Some(dir) = data_dir() else { return Vec::new() };
    let mut out = Vec::new();
    let mut open = vec![dir.join("host/mordor"), dir.join("host/regression"), dir.join("host/cloudtrail")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            continue;
        }
        let file = std::fs::File::open(&path).unwrap();
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        if name.ends_with(".zst") && !name.contains(".tar") {
            zstd::Decoder::new(file).unwrap().take(400_000).read_to_end(&mut bytes).unwrap();
            bytes.truncate(bytes.iter().rposition(|b| *b == b'\n').unwrap_or(0));
        } else if name.ends_with(".json") {
            file.take(400_000).read_to_end(&mut bytes).unwrap();
        }
        if palisade_host::json::sniff(&bytes) {
            out.push((name, bytes));
        }
    }
    out.sort();
    out
}

/// Every leaf of a record by its dotted path, as a plain parser has it.
fn leaves(path: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(&path, value, out);
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|v| leaves(path, v, out)),
        other => out.push((path.to_owned(), plain(other))),
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(s) => s.clone(),
        // The parser rounds a float's last digit its own way.
        serde_json::Value::Number(n) if n.is_f64() => format!("{:.12e}", n.as_f64().unwrap()),
        other => other.to_string(),
    }
}

fn ours(value: Value<'_>) -> String {
    match value {
        Value::Number(n) if n.contains(['.', 'e', 'E']) => format!("{:.12e}", n.parse::<f64>().unwrap()),
        Value::Null => "null".into(),
        other => other.text().unwrap_or("missing").to_owned(),
    }
}

const NAMES: [&str; 14] = [
    "EventID",
    "Channel",
    "Image",
    "CommandLine",
    "TargetObject",
    "Hashes",
    "md5",
    "imphash",
    "LogonGuid",
    "ProcessGuid",
    "eventName",
    "userIdentity.type",
    "requestParameters",
    "Data",
];

/// Without dialects, names are paths: what comes out is what a plain parser finds, no more and no less.
#[test]
fn a_plain_parser_finds_the_same_values_in_a_record_kept_whole() {
    let mut house = House::new(&NAMES, false);
    house.dialects = DialectSet::new().close(&house.fields).unwrap();
    let house = whole(house);
    let (mut records, mut values) = (0, 0);
    for (file, bytes) in samples() {
        let (batches, _) = house.read(&bytes);
        for (batch, row) in rows(&batches).take(300) {
            let line = batch.text(row).text;
            let Ok(record) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let mut want = Vec::new();
            leaves("", &record, &mut want);
            let mut got = Vec::new();
            batch.every(row, &mut |field, value| {
                let text = ours(value);
                // A known object is offered as text beside its leaves.
                let object = field.is_known() && text.starts_with(['{', '[']);
                if !object || want.iter().any(|(_, w)| *w == text) {
                    got.push((name(&house, batch, field).to_owned(), text));
                }
            });
            got.retain(|(n, v)| v != "null" || want.iter().any(|(w, _)| w == n));
            want.sort();
            got.sort();
            assert_eq!(got, want, "{file}: {line}");
            records += 1;
            values += want.len();
        }
    }
    eprintln!("{records} records, {values} values");
    assert!(data_dir().is_none() || records > 3_000);
}

/// With the shipped dialects every value is there too, and known fields, digests and what
/// keywords are searched in are those of a run that does not keep records.
#[test]
fn rules_see_the_same_whether_records_are_kept_or_not() {
    for text in [false, true] {
        let (usual, kept) = (wanting_some(text), whole(wanting_some(text)));
        let (mut records, mut values) = (0, 0);
        for (file, bytes) in samples() {
            let ((a, problems), (b, more)) = (usual.read(&bytes), kept.read(&bytes));
            assert!(more.len() >= problems.len(), "{file}");
            for ((a, i), (b, j)) in rows(&a).zip(rows(&b)).take(200) {
                assert_eq!((a.header(i), a.text(i).text), (b.header(j), b.text(j).text), "{file}");
                assert_eq!(a.digest(i), b.digest(j));
                same_for_rules(&usual.projection, a, i, b, j, text);
                // Every leaf, whatever it is called.
                let mut left: BTreeMap<String, i64> = BTreeMap::new();
                b.every(j, &mut |_, value| *left.entry(ours(value)).or_default() += 1);
                let (start, len) = (b.header(j).offset as usize, b.text(j).text.len());
                let Some(line) = bytes.get(start..(start + len).min(bytes.len())) else { continue };
                let mut stream = serde_json::Deserializer::from_slice(line).into_iter();
                let Some(Ok::<serde_json::Value, _>(record)) = stream.next() else { continue };
                let mut want = Vec::new();
                leaves("", &record, &mut want);
                for (path, value) in want {
                    let n = left.entry(value.clone()).or_default();
                    *n -= 1;
                    assert!(*n >= 0, "{file}: {path} = {value:?} is lost of {record}");
                    values += 1;
                }
                records += 1;
            }
        }
        eprintln!("{records} records, {values} values, keywords: {text}");
        assert!(data_dir().is_none() || records > 3_000);
    }
}

/// A run that knows more names than it wants.
fn wanting_some(text: bool) -> House {
    let mut house = House::new(&NAMES, text);
    house.projection = some(&house.catalogue, &house.fields);
    for (id, _) in house.catalogue.shapes().filter(|_| text) {
        house.projection.want_text(id);
    }
    house
}

fn some(catalogue: &Catalogue, fields: &Fields) -> Projection {
    let mut wanted = FieldSet::new();
    for name in ["EventID", "Image", "TargetObject", "md5", "ProcessGuid", "userIdentity.type"] {
        wanted.insert(fields.id(name).unwrap());
    }
    let mut projection = Projection::new(catalogue);
    catalogue.shapes().for_each(|(id, _)| projection.want(id, &wanted));
    projection
}

fn same_for_rules(projection: &Projection, a: &RowBatch, i: usize, b: &RowBatch, j: usize, text: bool) {
    let wanted: &FieldSet = projection.kept(a.header(i).shape);
    let seen = |batch: &RowBatch, row: usize| {
        let mut seen = Vec::new();
        batch.each(row, &mut |f, v| {
            if wanted.contains(f) {
                seen.push((f, shown(v)));
            }
        });
        seen
    };
    assert_eq!(seen(a, i), seen(b, j), "{}", a.text(i).text);
    let scanned = |batch: &RowBatch, row: usize| {
        let mut scanned = BTreeSet::new();
        batch.scan_text(row, &mut |t| scanned.extend([t.to_owned()]));
        scanned
    };
    if text {
        assert_eq!(scanned(a, i), scanned(b, j), "{}", a.text(i).text);
    }
}

#[test]
fn rules_see_the_same_of_event_logs() {
    let mut records = 0;
    for (file, bytes) in logs().iter().step_by(4) {
        let mut batches = Vec::new();
        for keep in [false, true] {
            let mut setup = Setup::wanting(NAMES);
            setup.projection = some(&setup.catalogue, &setup.fields);
            setup.catalogue.shapes().for_each(|(id, _)| setup.projection.want_text(id));
            if keep {
                setup = setup.whole();
            }
            let mut read = Vec::new();
            let mut scratch = Scratch::default();
            for piece in Setup::pieces(bytes).0 {
                assert_eq!(piece.format, Format::Evtx);
                let origin = palisade_model::Origin::file("log.evtx");
                let source = palisade_model::SourceId(0);
                palisade_host::read(piece, setup.context(), source, &origin, &mut scratch, &mut |batch| {
                    read.push(batch);
                    Default::default()
                });
            }
            batches.push((setup, read));
        }
        let [(usual, a), (_, b)] = &batches[..] else { panic!("two readings") };
        assert_eq!(rows(a).count(), rows(b).count(), "{file}");
        for ((a, i), (b, j)) in rows(a).zip(rows(b)) {
            assert_eq!((a.header(i), a.digest(i)), (b.header(j), b.digest(j)), "{file}");
            same_for_rules(&usual.projection, a, i, b, j, true);
            records += 1;
        }
    }
    assert!(data_dir().is_none() || records > 3_000, "{records}");
}

#[test]
fn hostile_names_stay_within_bounds() {
    let fresh: String = (0..100_000).map(|i| format!("\"k{i}\":{i},")).collect();
    let long = "x".repeat(1 << 20);
    let deep = "{\"d\":".repeat(60);
    let house = whole(House::new(&["a"], true));
    let cases = [
        (format!("{{{fresh}\"a\":1}}\n"), 100_001, MAX_LOCAL_NAMES),
        (format!("{{\"{long}\":\"v\",\"a\":1}}\n"), 2, 0),
        (format!("{{\"{}\":7,\"{}\":8}}\n", &long[..MAX_LOCAL_NAME_BYTES], &long[..257]), 2, 1),
        (format!("{{\"{}\":7}}\n", "\\u0041".repeat(MAX_LOCAL_NAME_BYTES)), 1, 1),
        (format!("{deep}1{}\n", "}".repeat(60)), 1, 1),
        (format!("{{\"{}\":{deep}1{}}}\n", &long[..250], "}".repeat(60)), 1, 0),
    ];
    for (record, values, names) in cases {
        let (batches, problems) = house.read(record.as_bytes());
        assert!(problems.is_empty(), "{problems:?}");
        let batch = &batches[0];
        let (mut n, mut named) = (0, BTreeSet::new());
        batch.every(0, &mut |field, value| {
            n += 1;
            assert!(!matches!(value, Value::Missing));
            assert!(batch.local_name(field).len() <= MAX_LOCAL_NAME_BYTES);
            if field.is_local() {
                named.insert(batch.local_name(field).to_owned());
            }
        });
        assert_eq!((n, named.len()), (values, names), "{}", &record[..record.len().min(100)]);
    }
    // The same over rows: a batch's names are its own, however many the evidence has.
    let many: String = (0..200_000).map(|i| format!("{{\"k{i}\":\"v\"}}\n")).collect();
    let (batches, _) = house.read(many.as_bytes());
    assert_eq!(rows(&batches).count(), 200_000);
    for (batch, row) in rows(&batches) {
        batch.every(row, &mut |field, _| assert!(batch.local_name(field).starts_with('k')));
    }
}

/// Names that dialects give are told, so that who keeps records can ask for them.
#[test]
fn dialects_tell_the_names_they_give() {
    let set = Dialects::parse("dialects.toml", crate::json::DIALECTS).unwrap();
    let names: BTreeSet<&str> = set.names().collect();
    assert!(names.contains("Provider_Name"), "{names:?}");
}
