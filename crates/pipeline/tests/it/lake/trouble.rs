//! Damage, links, hostile records: told, bounded, and never a partial answer.

use std::path::Path;

use palisade_pipeline::{Knowledge, RuleSources, load_rules};
use palisade_rules::indicators::parse_list;
use palisade_store::Case;

use super::{IGNORANT, KEEPER, Lab, ONE, Row, lines, none, read_log, same, sorted};
use crate::hostile::write;

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
    let rule = fields.map(|f| format!("    '{f}|contains': 'zz9'\n")).concat();
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
