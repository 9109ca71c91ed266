//! OCSF: mapping data is whole, views are the same whatever a lake has, rows nest to valid events.
//!
//! That the SQL runs and that whole exports are valid is measured outside: `bench/ocsf_validate.py`.

use std::collections::{BTreeMap, BTreeSet};

use palisade_pipeline::{Cell, Ocsf};
use serde_json::{Value, json};

fn ocsf() -> Ocsf {
    Ocsf::shipped().unwrap_or_else(|e| panic!("{e}"))
}

fn table(name: &str, columns: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
    (name.into(), columns.iter().map(|(n, t)| ((*n).into(), (*t).into())).collect())
}

/// The names of a view's columns, in order.
fn columns(sql: &str) -> Vec<String> {
    let first = sql.split("\nUNION ALL\n").next().unwrap();
    let names = first.split(" AS \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    names.filter(|n| n != "unmapped" || first.contains(" AS \"unmapped\"")).collect()
}

#[test]
fn shipped_mapping_is_whole() {
    let ocsf = ocsf();
    assert_eq!(ocsf.version(), "1.8.0");
    let classes: BTreeMap<&str, i64> = ocsf.classes().collect();
    for (name, uid) in [
        ("base_event", 0),
        ("file_activity", 1001),
        ("kernel_extension_activity", 1002),
        ("module_activity", 1005),
        ("scheduled_job_activity", 1006),
        ("process_activity", 1007),
        ("event_log_activity", 1008),
        ("script_activity", 1009),
        ("detection_finding", 2004),
        ("account_change", 3001),
        ("authentication", 3002),
        ("authorize_session", 3003),
        ("group_management", 3006),
        ("network_activity", 4001),
        ("dns_activity", 4003),
        ("smb_activity", 4006),
        ("api_activity", 6003),
        ("registry_key_activity", 201_001),
        ("registry_value_activity", 201_002),
        ("windows_service_activity", 201_004),
    ] {
        assert_eq!(classes.get(name), Some(&uid), "{name}");
    }
    let fields = ocsf.fields();
    for field in ["ParentCommandLine", "ScriptBlockId", "userIdentity.arn", "winlog.event_id"] {
        assert!(fields.contains(field), "{field}");
    }
    assert!(!fields.iter().any(|f| f.starts_with('_')));
}

/// Two entries that could take one row would export it twice.
#[test]
fn no_row_is_in_two_classes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../knowledge/ocsf");
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let mapping: toml::Table = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let events = mapping.get("event").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let list = |e: &toml::Value, key: &str| -> Vec<toml::Value> {
            e.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default()
        };
        for (n, a) in events.iter().enumerate() {
            for b in &events[n + 1..] {
                let (ta, tb) = (list(a, "tables"), list(b, "tables"));
                let (Some(wa), Some(wb)) = (a.get("where"), b.get("where")) else { continue };
                let (wa, wb) = (wa.as_table().unwrap(), wb.as_table().unwrap());
                let apart = |(column, values): (&String, &toml::Value)| {
                    let values = values.as_array().unwrap();
                    let others = wb.get(column).and_then(toml::Value::as_array);
                    others.is_some_and(|others| !others.iter().any(|o| values.contains(o)))
                };
                let other_tables = !ta.is_empty() && !tb.is_empty() && !ta.iter().any(|t| tb.contains(t));
                assert!(other_tables || wa.iter().any(apart), "{}:\n{a}\n{b}", file.display());
            }
        }
    }
}

#[test]
fn a_view_has_the_same_columns_whatever_a_lake_has() {
    let ocsf = ocsf();
    let empty: BTreeMap<String, String> = ocsf.views(&[]).into_iter().collect();
    let full: BTreeMap<String, String> = ocsf
        .views(&[
            table("windows_sysmon", &[("EventID", "Int64"), ("Image", "Utf8View"), ("ProcessId", "utf8")]),
            table("windows_security", &[("EventID", "Utf8"), ("NewProcessId", "Utf8"), ("_host", "Utf8")]),
            table("unrecognised", &[("_time", "Timestamp(µs, \"UTC\")"), ("odd \"name\"", "utf8")]),
        ])
        .into_iter()
        .collect();
    assert_eq!(empty.keys().collect::<Vec<_>>(), full.keys().collect::<Vec<_>>());
    for (name, sql) in &full {
        let all: BTreeSet<Vec<String>> = sql.split("\nUNION ALL\n").map(columns).collect();
        assert_eq!(all.len(), 1, "{name}: branches differ");
        assert_eq!(all.first(), Some(&columns(&empty[name])), "{name}");
    }
    let columns = columns(&empty["ocsf_process_activity"]);
    assert_eq!(columns[..3], ["time", "class_uid", "class_name"]);
    assert_eq!(columns.last().map(String::as_str), Some("unmapped"));
}

/// What is in the SQL of a view over one table, and what must not be in it.
fn check_sql(name: &str, fields: &[(&str, &str)], view: &str, has: &[&str], lacks: &[&str]) {
    let views: BTreeMap<String, String> = ocsf().views(&[table(name, fields)]).into_iter().collect();
    let sql = &views[view];
    for part in has {
        assert!(sql.contains(part), "{view} over {name} lacks {part}:\n{sql}");
    }
    for part in lacks {
        assert!(!sql.contains(part), "{view} over {name} has {part}:\n{sql}");
    }
}

#[test]
fn sql_of_views() {
    let sysmon = [("EventID", "Int64"), ("Image", "Utf8"), ("ProcessId", "Utf8"), ("User", "Utf8")];
    check_sql(
        "windows_sysmon",
        &sysmon,
        "ocsf_process_activity",
        &[
            "1007 AS \"class_uid\"",
            "100701 AS \"type_uid\"",
            "'Launch' AS \"activity_name\"",
            "'1.8.0' AS \"metadata.version\"",
            "TRY_CAST(nullif(nullif(\"ProcessId\", ''), '-') AS BIGINT) AS \"process.pid\"",
            "CAST(NULL AS VARCHAR) AS \"process.cmd_line\"",
            "\"EventID\" = 1 AND",
        ],
        &["ParentImage"],
    );
    // Numbers that a segment keeps as text are compared as text; winlogbeat has other names.
    check_sql(
        "windows_sysmon",
        &[("winlog.event_id", "Utf8"), ("ProcessId", "Utf8"), ("User", "Utf8")],
        "ocsf_process_activity",
        &["\"winlog.event_id\" = '1' AND"],
        &["\"EventID\""],
    );
    // What no class takes is a base event, and what no attribute takes is unmapped.
    check_sql(
        "windows_sysmon",
        &[("EventID", "Int64"), ("ProcessId", "Utf8"), ("User", "Utf8"), ("RuleName", "Utf8")],
        "ocsf_base_event",
        &["IS NOT TRUE", "'RuleName=' || nullif(nullif(\"RuleName\", ''), '-')", "0 AS \"class_uid\""],
        &["'EventID='"],
    );
    // A table nobody mapped, with names that want quoting.
    check_sql(
        "od\"d",
        &[("it's", "Utf8"), ("_host", "Utf8")],
        "ocsf_base_event",
        &["FROM \"od\"\"d\"", "'it''s=' || \"it's\"", "array_compact("],
        &[" WHERE "],
    );
    // Tables are parts of shape names, however they are spelt.
    check_sql(
        "gcp_gcp.audit",
        &[
            ("protoPayload.methodName", "Utf8"),
            ("protoPayload.authenticationInfo.principalEmail", "Utf8"),
            ("insertId", "Utf8"),
        ],
        "ocsf_api_activity",
        &[
            "'GCP' AS \"cloud.provider\"",
            "make_array('cloud') AS \"metadata.profiles\"",
            "6003 AS \"class_uid\"",
        ],
        &[],
    );
}

/// Nests a flat row with what every row has, and compares but for that.
fn check(class: (i64, i64), row: &[(&str, Cell<'_>)], expected: Value) {
    let (uid, activity) = class;
    let common = [
        ("time", Cell::Int(1_600_000_000_123)),
        ("class_uid", Cell::Int(uid)),
        ("activity_id", Cell::Int(activity)),
        ("category_uid", Cell::Int(1)),
        ("type_uid", Cell::Int(uid * 100 + activity)),
        ("severity_id", Cell::Int(1)),
        ("metadata.version", Cell::Text("1.8.0")),
        ("metadata.product.name", Cell::Text("Sysmon")),
        ("process.cmd_line", Cell::Null),
        ("metadata.labels", Cell::List(Vec::new())),
    ];
    let (columns, cells): (Vec<&str>, Vec<Cell<'_>>) = common.iter().chain(row).cloned().unzip();
    let mut event = ocsf().nest(&columns, &cells);
    let map = event.as_object_mut().unwrap();
    assert_eq!(map.remove("time"), Some(json!(1_600_000_000_123_i64)));
    assert_eq!(map.remove("severity_id"), Some(json!(1)));
    assert!(map.remove("category_uid").is_some());
    let class = map.remove("class_uid").unwrap().as_i64().unwrap();
    let type_uid = map.remove("type_uid").unwrap().as_i64().unwrap();
    assert_eq!(type_uid, class * 100 + map.remove("activity_id").unwrap().as_i64().unwrap());
    let metadata = map["metadata"].as_object_mut().unwrap();
    assert_eq!(metadata.remove("version"), Some(json!("1.8.0")));
    assert_eq!(metadata.remove("product"), Some(json!({"name": "Sysmon"})));
    if metadata.is_empty() {
        map.remove("metadata");
    }
    map.insert("class".into(), json!(class));
    assert_eq!(event, expected);
}

/// A flat row.
type Row = Vec<(&'static str, Cell<'static>)>;

const DEVICE: [(&str, Cell<'_>); 2] =
    [("device.hostname", Cell::Text("h")), ("device.type_id", Cell::Int(0))];
const ACTOR: (&str, Cell<'_>) = ("actor.user.name", Cell::Text("u"));

fn with(own: &[(&'static str, Cell<'static>)]) -> Row {
    DEVICE.into_iter().chain([ACTOR]).chain(own.iter().cloned()).collect()
}

/// One row of each class: what its attributes nest to.
#[test]
fn rows_of_every_class() {
    use Cell::{Bool, Int, List, Text};
    let device = json!({"hostname": "h", "type_id": 0});
    let actor = json!({"user": {"name": "u"}});
    // Class, activity, own attributes, what they become, profiles.
    let cases: Vec<(i64, i64, Row, Value, &[&str])> = vec![
        (
            1001,
            1,
            vec![("file.name", Text("a.exe")), ("file.type_id", Int(1)), ("file.path", Text("C:\\a.exe"))],
            json!({"file": {"name": "a.exe", "type_id": 1, "path": "C:\\a.exe"}}),
            &[],
        ),
        (
            1002,
            1,
            vec![("driver.file.name", Text("d.sys")), ("driver.file.type_id", Int(1))],
            json!({"driver": {"file": {"name": "d.sys", "type_id": 1}}}),
            &[],
        ),
        (
            1005,
            1,
            vec![
                ("module.load_type_id", Int(1)),
                ("module.file.name", Text("m")),
                ("module.file.type_id", Int(1)),
            ],
            json!({"module": {"load_type_id": 1, "file": {"name": "m", "type_id": 1}}}),
            &[],
        ),
        (1006, 1, vec![("job.name", Text("\\t"))], json!({"job": {"name": "\\t"}}), &[]),
        (
            1007,
            1,
            vec![
                ("process.pid", Int(7)),
                ("process.file.name", Text("a")),
                ("process.file.type_id", Int(1)),
                // No MD5: the list closes up.
                ("process.file.hashes.0.algorithm_id", Cell::Null),
                ("process.file.hashes.0.value", Cell::Null),
                ("process.file.hashes.1.algorithm_id", Int(2)),
                ("process.file.hashes.1.value", Text("AB")),
            ],
            json!({"process": {"pid": 7, "file": {"name": "a", "type_id": 1,
                "hashes": [{"algorithm_id": 2, "value": "AB"}]}}}),
            &[],
        ),
        (1008, 1, vec![("log_type_id", Int(1))], json!({"log_type_id": 1}), &[]),
        (
            1009,
            1,
            vec![("script.type_id", Int(2)), ("script.script_content.value", Text("iex"))],
            json!({"script": {"type_id": 2, "script_content": {"value": "iex"}}}),
            &[],
        ),
        (2004, 1, vec![("finding_info.uid", Text("1"))], json!({"finding_info": {"uid": "1"}}), &["host"]),
        (3001, 1, vec![("user.name", Text("v"))], json!({"user": {"name": "v"}}), &["host"]),
        (
            3002,
            1,
            vec![("user.name", Text("v")), ("is_remote", Bool(true)), ("service.name", Text("s"))],
            json!({"user": {"name": "v"}, "is_remote": true, "service": {"name": "s"}}),
            &["host"],
        ),
        (
            3003,
            1,
            vec![("user.name", Text("v")), ("privileges", List(vec!["SeDebugPrivilege".into()]))],
            json!({"user": {"name": "v"}, "privileges": ["SeDebugPrivilege"]}),
            &["host"],
        ),
        (3006, 3, vec![("group.name", Text("g"))], json!({"group": {"name": "g"}}), &["host"]),
        (
            4001,
            5,
            vec![
                ("src_endpoint.ip", Text("10.0.0.1")),
                ("src_endpoint.port", Int(80)),
                ("action_id", Int(2)),
            ],
            json!({"src_endpoint": {"ip": "10.0.0.1", "port": 80}, "action_id": 2}),
            &["host", "security_control"],
        ),
        (
            4003,
            6,
            vec![
                ("query.hostname", Text("a.example")),
                ("src_endpoint.hostname", Text("h")),
                ("answers.0.rdata", Text("192.0.2.1")),
            ],
            json!({"query": {"hostname": "a.example"}, "src_endpoint": {"hostname": "h"},
                "answers": [{"rdata": "192.0.2.1"}]}),
            &["host"],
        ),
        (
            4006,
            99,
            vec![("share", Text("\\\\*\\C$")), ("dst_endpoint.hostname", Text("h"))],
            json!({"share": "\\\\*\\C$", "dst_endpoint": {"hostname": "h"}}),
            &["host"],
        ),
        (
            6003,
            4,
            vec![
                ("api.operation", Text("DeleteTrail")),
                ("src_endpoint.ip", Text("10.0.0.1")),
                ("cloud.provider", Text("AWS")),
                ("resources.0.uid", Text("arn")),
            ],
            json!({"api": {"operation": "DeleteTrail"}, "src_endpoint": {"ip": "10.0.0.1"},
                "cloud": {"provider": "AWS"}, "resources": [{"uid": "arn"}]}),
            &["cloud", "host"],
        ),
        (201_001, 1, vec![("reg_key.path", Text("HKLM\\a"))], json!({"reg_key": {"path": "HKLM\\a"}}), &[]),
        (
            201_002,
            2,
            vec![("reg_value.path", Text("HKLM\\a")), ("reg_value.name", Text("b"))],
            json!({"reg_value": {"path": "HKLM\\a", "name": "b"}}),
            &[],
        ),
        (
            201_004,
            1,
            vec![("win_service.name", Text("s")), ("win_service.cmd_line", Text("c"))],
            json!({"win_service": {"name": "s", "cmd_line": "c"}}),
            &[],
        ),
        (0, 0, vec![("message", Text("m"))], json!({"message": "m"}), &["host"]),
    ];
    let tested: BTreeSet<i64> = cases.iter().map(|c| c.0).collect();
    assert_eq!(tested, ocsf().classes().map(|(_, uid)| uid).collect());
    for (uid, activity, own, mut expected, profiles) in cases {
        let map = expected.as_object_mut().unwrap();
        map.insert("class".into(), json!(uid));
        map.insert("device".into(), device.clone());
        map.insert("actor".into(), actor.clone());
        if !profiles.is_empty() {
            map.insert("metadata".into(), json!({"profiles": profiles}));
        }
        check((uid, activity), &with(&own), expected);
    }
}

#[test]
fn what_ocsf_would_not_accept_is_unmapped() {
    use Cell::{Int, Text};
    // A parent without a number, a port that is none: the rest stays what it is.
    let own = [
        ("process.pid", Int(7)),
        ("process.parent_process.cmd_line", Text("cmd /c")),
        ("process.file.path", Text("\\")),
    ];
    check(
        (1007, 1),
        &with(&own),
        json!({"class": 1007, "device": {"hostname": "h", "type_id": 0}, "actor": {"user": {"name": "u"}},
            "process": {"pid": 7},
            "unmapped": {"process.parent_process": {"cmd_line": "cmd /c"}, "process.file": {"path": "\\"}}}),
    );
    // Without its process it is no process event.
    check(
        (1007, 1),
        &with(&[("process.name", Text("a")), ("injection_type_id", Int(1))]),
        json!({"class": 0, "class_name": "Base Event", "device": {"hostname": "h", "type_id": 0},
            "actor": {"user": {"name": "u"}}, "metadata": {"profiles": ["host"]},
            "unmapped": {"process": {"name": "a"}, "injection_type_id": 1}}),
    );
    check(
        (4001, 1),
        &with(&[("src_endpoint.ip", Text("192.0.2.1")), ("src_endpoint.port", Int(70_000))]),
        json!({"class": 4001, "device": {"hostname": "h", "type_id": 0}, "actor": {"user": {"name": "u"}},
            "metadata": {"profiles": ["host"]}, "src_endpoint": {"ip": "192.0.2.1"},
            "unmapped": {"src_endpoint.port": 70_000}}),
    );
}

#[test]
fn records_cannot_forge_what_we_say() {
    use Cell::{Int, List, Text};
    let row = [
        ("unmapped.palisade.source", Int(3)),
        ("unmapped.palisade.record", Int(17)),
        ("unmapped._rest", Text(r#"{"palisade":{"source":9},"class_uid":2004,"deep":[{"a":null}]}"#)),
        ("unmapped", List(vec!["palisade=x".into(), "RuleName=a=b".into(), "odd".into()])),
        ("observables", List(vec!["ip:192.0.2.1".into(), "crypto_address:bc1q".into(), "sha256:ab".into()])),
    ];
    check(
        (0, 0),
        &row,
        json!({"class": 0,
            "observables": [
                {"name": "ip", "type": "IP Address", "type_id": 2, "value": "192.0.2.1"},
                {"name": "crypto_address", "type": "crypto_address", "type_id": 99, "value": "bc1q"},
                {"name": "sha256", "type": "Hash", "type_id": 8, "value": "ab"},
            ],
            "unmapped": {"palisade": {"source": 3, "record": 17}, "class_uid": 2004, "deep": [{"a": null}],
                "RuleName": "a=b", "odd": ""}}),
    );
    check(
        (0, 0),
        &[("unmapped._rest", Text("not json"))],
        json!({"class": 0, "unmapped": {"_rest": "not json"}}),
    );
    // A question of one's own is nested as it is.
    let answer = ocsf().nest(&["process.name", "n"], &[Text("a"), Int(2)]);
    assert_eq!(answer, json!({"process": {"name": "a"}, "n": 2}));
}

/// What mapping data of one's own is told.
fn check_error(own: &str, message: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../knowledge/ocsf/");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}{name}")).unwrap();
    let (schema, common) = (read("schema.toml"), read("common.toml"));
    let texts =
        [("schema.toml", schema.as_str()), ("common.toml", common.as_str()), ("own.toml", own)].into_iter();
    let error = Ocsf::parse(texts).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.starts_with("own.toml: ") && error.contains(message), "{error:?}");
}

#[test]
fn errors_name_the_entry() {
    let event = |class: &str, attributes: &str| {
        format!(
            "tables = [\"t\"]\n[[event]]\nclass = \"{class}\"\nactivity = 1\n[event.attributes]\n{attributes}"
        )
    };
    check_error(&event("proces", ""), "class \"proces\" is unknown");
    check_error(&event("process_activity", "\"proc.pid\" = \"a\""), "has no attribute \"proc\"");
    check_error(&event("process_activity", "\"process.pid\" = { off = \"a\" }"), "no operation");
    check_error(
        &event("process_activity", "\"process.pid\" = { number = \"a\", x = 1 }"),
        "\"x\" is not understood",
    );
    check_error(
        &event("process_activity", "\"process.pid\" = { of = \"a\", part = 0, sep = \",\" }"),
        "number from 1",
    );
    check_error("tabels = []", "unknown field");
}
