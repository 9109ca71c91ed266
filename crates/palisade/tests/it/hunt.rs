//! `palisade hunt`: SQL that only reads and always ends, OCSF, intelligence that is kept.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Run, arg, expect, file, log, palisade};

/// A case of four records of Sysmon, with three findings.
fn case(folder: &Path) -> String {
    let case = arg(&folder.join("case"));
    expect(0, &["investigate", &arg(&log(folder)), "--case", &case, "--quiet", "--format", "ndjson"]);
    case
}

fn sql(code: i32, case: &str, query: &str) -> Run {
    expect(code, &["hunt", "--case", case, "--sql", query, "--format", "csv", "--no-cite"])
}

/// Lines of a CSV answer.
fn rows(case: &str, query: &str) -> Vec<String> {
    sql(0, case, query).out.lines().map(str::to_owned).collect()
}

#[test]
fn ocsf() {
    let dir = tempfile::tempdir().unwrap();
    let case = arg(&dir.path().join("case"));
    let records = (1..5).map(|second| {
        let text = crate::record("WS02", second, "vssadmin.exe list shadows", "C:\\Windows\\explorer.exe");
        let mut record: Value = serde_json::from_str(&text).unwrap();
        // What OCSF requires of a process; the last record lacks it.
        if second < 4 {
            record["ProcessId"] = 4242.into();
            record["ProcessGuid"] = "{905CC552-2045-5CC5-0000-00105B2A0100}".into();
        }
        record.to_string() + "\n"
    });
    let evidence = file(dir.path(), "evidence/log.ndjson", &records.collect::<String>());
    expect(0, &["investigate", &evidence, "--case", &case, "--quiet", "--format", "ndjson"]);
    let out = arg(&dir.path().join("events.ndjson"));
    let run = expect(0, &["hunt", "--case", &case, "--ocsf", "-o", &out]);
    assert!(run.err.contains("note: 4 events of 2 classes in "), "{}", run.err);
    let text = std::fs::read_to_string(&out).unwrap();
    let events: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let classes: Vec<i64> = events.iter().map(|e| e["class_uid"].as_i64().unwrap()).collect();
    assert_eq!(classes, [0, 1007, 1007, 1007]);
    assert_eq!(events[1]["process"]["file"]["name"], "vssadmin.exe", "{}", events[1]);
    assert!(events.iter().all(|e| e["unmapped"]["palisade"]["source"].is_number()), "{text}");
    let processes = text.split_once('\n').unwrap().1;
    // One class, by each of its names; the same events every time.
    for name in ["process_activity", "ocsf_process_activity", "1007", "Process Activity"] {
        assert_eq!(expect(0, &["hunt", "--case", &case, "--ocsf", name, "-q"]).out, processes);
    }
    assert_eq!(expect(0, &["hunt", "--case", &case, "--ocsf", "dns_activity", "-q"]).out, "");
    let run = expect(2, &["hunt", "--case", &case, "--ocsf", "weather"]);
    assert!(
        run.err.contains("no OCSF class weather here; there are ")
            && run.err.contains("process_activity (1007)")
    );
    let run = expect(2, &["hunt", "--case", &case, "--ocsf", "--format", "csv"]);
    assert!(run.err.contains("one JSON object per line"), "{}", run.err);

    // As views.
    let query = "SELECT \"process.cmd_line\", \"device.hostname\" FROM ocsf_process_activity WHERE \"device.hostname\" = 'WS02'";
    assert_eq!(rows(&case, query)[1..], ["vssadmin.exe list shadows,WS02"; 3]);
    let views = "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'ocsf_%'";
    assert_ne!(rows(&case, views)[1], "0");
    let run = sql(2, &case, "SELECT * FROM ocsf_proces_activity");
    assert!(run.err.contains("did you mean ocsf_process_activity"), "{}", run.err);
    let run = sql(2, &case, "SELECT process.cmd_line FROM ocsf_process_activity");
    assert!(run.err.contains("is quoted: \"process."), "{}", run.err);
}

#[test]
fn names_and_words() {
    let dir = tempfile::tempdir().unwrap();
    let case = case(dir.path());
    assert_eq!(rows(&case, "select COUNT(*) as n, Max(_record) IS NOT NULL as m FROM events")[1], "4,true");
    assert_eq!(rows(&case, "SELECT count(*) FROM events WHERE _time >= '2026-10-14 08:21:03'")[1], "2");
    assert_eq!(rows(&case, "SELECT count(*) FROM events WHERE _time < '2026-10-14'")[1], "0");
    assert_eq!(rows(&case, "SELECT count(*) FROM events WHERE _time > now() - INTERVAL '7 days'").len(), 2);
    for (query, said) in [
        (
            "SELECT eventid FROM windows_sysmon",
            "there is no column eventid; upper and lower case count in names: EventID",
        ),
        ("SELECT ComandLine FROM windows_sysmon", "did you mean CommandLine"),
        ("SELECT CommandLine FROM events", "a log's own fields are columns of its own table"),
        (
            "SELECT 1 FROM windows_sysmn",
            "there is no table windows_sysmn; did you mean windows_sysmon?; the case has ",
        ),
        (
            "SELECT 1 FROM events WHERE _time > 'yesterday'",
            "'yesterday' is no time; times are written like '2026-10-14'",
        ),
        ("SELECT * FROM", "Expected"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("  ", "the query is empty"),
    ] {
        let run = sql(2, &case, query);
        assert!(run.err.contains(said), "{query}: {}", run.err);
        assert!(run.err.lines().count() == 1 && run.out.is_empty(), "{query}: {} {}", run.out, run.err);
    }
    let run = expect(2, &["hunt", "--case", &case, "--sql", "SELECT 1", "--format", "html"]);
    assert!(run.err.contains("no HTML form"), "{}", run.err);
    let run = expect(2, &["hunt", "--case", &case, "--sql", "SELECT 1", "--format", "parquet"]);
    assert!(run.err.contains("name it with --output"), "{}", run.err);
    for alone in
        [&["--since-intel"][..], &["--keep"], &["--since", "7d"], &[], &["--sql", "SELECT 1", "--keep"]]
    {
        let run = palisade(&[&["hunt", "--case", &case], alone].concat());
        assert_eq!(run.code, 2, "{alone:?}: {}", run.err);
        assert!(run.err.contains("--rules"), "{alone:?}: {}", run.err);
    }
}

#[test]
fn tables_and_screens() {
    let dir = tempfile::tempdir().unwrap();
    let case = case(dir.path());
    let run = expect(0, &["hunt", "--case", &case, "--tables"]);
    assert!(run.out.contains("windows_sysmon") && run.out.contains("EventID#"), "{}", run.out);
    assert!(run.out.lines().all(|l| l.chars().count() <= 160), "{}", run.out);
    // Wide: a line for each value, and what is empty left out.
    let run = expect(0, &["hunt", "--case", &case, "--sql", "SELECT * FROM windows_sysmon ORDER BY _time"]);
    assert!(run.out.starts_with("row 1\n") && run.out.contains("row 4\n"), "{}", run.out);
    assert!(run.out.contains("Not shown, because no row above has a value there: "), "{}", run.out);
    assert!(run.out.contains("Evidence (_source):") && run.out.contains("log.ndjson"), "{}", run.out);
    let run =
        expect(0, &["hunt", "--case", &case, "--sql", "SELECT _host FROM events WHERE _host = 'nobody'"]);
    assert!(run.out.starts_with("no rows; columns: _host"), "{}", run.out);
    let run = expect(0, &["hunt", "--case", &case, "--sql", "EXPLAIN SELECT _host FROM events"]);
    assert!(run.out.starts_with("logical_plan\n"), "{}", run.out);
}

#[test]
fn standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let case = case(dir.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["hunt", "--case", &case, "--sql-file", "-", "--format", "csv", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT count(*) AS n FROM events").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), &*out.stdout), (Some(0), &b"n\n4\n"[..]));
}

#[test]
fn only_reads_and_only_the_case() {
    let dir = tempfile::tempdir().unwrap();
    let case = case(dir.path());
    let target = arg(&dir.path().join("stolen.csv"));
    for query in [
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION 'lake://case/'",
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM findings",
        "UPDATE findings SET title = ''",
        "TRUNCATE TABLE findings",
        &format!("COPY events TO '{target}'"),
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "BEGIN TRANSACTION",
        "PREPARE p AS SELECT 1",
    ] {
        let run = sql(2, &case, query);
        assert!(run.err.contains("queries only read"), "{query}: {}", run.err);
    }
    for query in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM '../knowledge.db'",
        "SELECT * FROM 'https://example.org/x.parquet'",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT load_extension('x')",
    ] {
        let run = sql(2, &case, query);
        assert!(!run.out.contains("root:") && run.err.starts_with("error: "), "{query}: {}", run.err);
    }
    assert!(!Path::new(&target).exists());
    assert_eq!(rows(&case, "SELECT count(*) AS n FROM events"), ["n", "4"]);
    assert!(sql(0, &case, "EXPLAIN SELECT 1").out.contains("physical_plan"));
    assert!(sql(0, &case, "DESCRIBE events").out.contains("_time"));
    assert!(sql(0, &case, "SHOW TABLES").out.contains("windows_sysmon"));
}

/// How long a query of the bombs may run, in seconds, and how long until it must have given up.
const LIMIT: &str = "2";
const ENOUGH: Duration = Duration::from_secs(30);

#[test]
fn bombs() {
    let dir = tempfile::tempdir().unwrap();
    let case = case(dir.path());
    let many = |n: usize, what: &dyn Fn(usize) -> String, between: &str| {
        (0..n).map(what).collect::<Vec<_>>().join(between)
    };
    let wide = "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)) AS";
    let cross = many(14, &|i| format!("{wide} t{i}(a)"), ", ");
    let sum = many(14, &|i| format!("t{i}.a"), " + ");
    let doubling =
        many(30, &|i| format!("t{} AS (SELECT a.h FROM t{i} a JOIN t{i} b ON a.h = b.h)", i + 1), ", ");
    let replaced =
        (0..9).fold("'aaaaaaaaaa'".to_owned(), |q, _| format!("replace({q}, 'a', 'aaaaaaaaaaaaaaaaaaaa')"));
    let values = many(100_000, &|i| i.to_string(), ",");
    for (name, query, said) in [
        ("parentheses", format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)), "nested too deep"),
        ("subqueries", format!("{}SELECT 1{}", "SELECT * FROM (".repeat(150), ") t".repeat(150)), "nested too deep"),
        ("signs", format!("SELECT {}1", "- ".repeat(20_000)), "operators"),
        ("not", format!("SELECT {}true", "NOT ".repeat(20_000)), "operators"),
        ("and", format!("SELECT 1 FROM events WHERE {}", many(20_000, &|i| format!("_record > {i}"), " AND ")), "operators"),
        ("plus", format!("SELECT {}", many(30_000, &|_| "1".into(), "+")), "operators"),
        ("casts", format!("SELECT 1{}", "::int".repeat(20_000)), "operators"),
        ("unions", many(3_000, &|_| "SELECT 1".into(), " UNION ALL "), "combines more than"),
        ("commas", format!("SELECT 1 FROM {}", many(5_000, &|i| format!("events e{i}"), ", ")), "combines more than"),
        ("cross join", format!("SELECT t0.a FROM {cross} WHERE {sum} = -1 LIMIT 5"), "did not end within"),
        ("sorted cross join", format!("SELECT 1 FROM {cross} ORDER BY {sum} DESC"), ""),
        ("recursion", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t".into(), "did not end within"),
        ("growing recursion", "WITH RECURSIVE t AS (SELECT 'a' AS n UNION ALL SELECT n || n FROM t) SELECT max(length(n)) FROM t".into(), ""),
        ("repeat", "SELECT repeat('a', 2000000000)".into(), "'repeat'"),
        ("lpad", "SELECT lpad('a', 2000000000)".into(), "'lpad'"),
        ("series", "SELECT count(*) FROM generate_series(1, 100000000000)".into(), "'generate_series'"),
        ("replace", format!("SELECT length({replaced})"), ""),
        ("doubling", format!("WITH t0 AS (SELECT _host AS h FROM events), {doubling} SELECT count(*) FROM t30"), ""),
        ("expression", "SELECT 1 FROM events WHERE regexp_like(_host, '(a{1000}){1000}')".into(), "the query failed"),
        ("too long", format!("SELECT '{}'", "a".repeat(2 << 20)), "larger than"),
        ("list", format!("SELECT count(*) FROM events WHERE _record IN ({values})"), "?"),
        ("deep", format!("SELECT count(*) FROM events WHERE {}", many(600, &|i| format!("_record > {i} + 1"), " AND ")), "?"),
        ("negative", format!("SELECT count(*) FROM events WHERE _record IN ({})", many(5_000, &|i| format!("-{i}"), ", ")), "?"),
    ] {
        let path = file(dir.path(), "bomb.sql", &query);
        let started = Instant::now();
        let args = ["hunt", "--case", &case, "--sql-file", &path, "--timeout", LIMIT, "--memory", "64MiB", "--format", "csv"];
        let run = palisade(&args);
        let took = started.elapsed();
        assert!(took < ENOUGH, "{name}: {took:?}");
        // `?`: may be answered, too.
        if said != "?" || run.code != 0 {
            assert_eq!(run.code, 2, "{name}: {} {}", run.out.get(..200).unwrap_or(&run.out), run.err);
            assert!(run.err.starts_with("error: ") && run.err.lines().count() == 1, "{name}: {}", run.err);
            assert!(run.err.contains(said.trim_matches('?')), "{name}: {}", run.err);
            assert!(run.err.len() < 1_000, "{name}: {}", run.err);
        }
    }
}

#[test]
fn indicators_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let case = arg(&dir.path().join("case"));
    let list = file(
        dir.path(),
        "bad.csv",
        "indicator,type,note\n203.0.113.0/24,cidr,\nevil.com,domain,from a partner\n",
    );
    let evidence = arg(&log(dir.path()));
    expect(
        0,
        &["investigate", &evidence, "--case", &case, "--indicators", &list, "-q", "--format", "ndjson"],
    );
    let query = "SELECT kind, value, note, line FROM indicators ORDER BY line";
    let kept = rows(&case, query);
    assert_eq!(kept, ["kind,value,note,line", "cidr,203.0.113.0/24,,2", "domain,evil.com,from a partner,3"]);
    let more = file(dir.path(), "more.txt", "WS02\n198.51.100.7\n");
    expect(0, &["hunt", "--case", &case, "--indicators", &more, "-q"]);
    assert_eq!(rows(&case, query), kept, "a hunt that keeps nothing kept indicators");
    expect(0, &["hunt", "--case", &case, "--indicators", &more, "--keep", "-q"]);
    assert!(rows(&case, query).iter().any(|r| r == "ip,198.51.100.7,,2"));
    assert!(!expect(0, &["case", "verify", &case]).out.contains("FAILED"));
}

const RULE: &str = "title: Writers listed
id: 5d1a3c1e-4c0e-4a57-9d0f-0d8f3f3c7a11
status: test
logsource:
    category: process_creation
    product: windows
detection:
    selection:
        CommandLine|contains: 'list writers'
    condition: selection
level: medium
";

#[test]
fn hunted_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let case = case(dir.path());
    let rule = file(dir.path(), "rules/writers.yml", RULE);
    let findings = || {
        let run = expect(0, &["case", "findings", &case, "--format", "ndjson"]);
        run.out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(findings().len(), 3);
    let hunt = |more: &[&str]| {
        expect(0, &[&["hunt", "--case", &case, "--rules", &rule, "--format", "ndjson"], more].concat())
    };
    let found = |run: &Run| run.out.lines().filter(|l| l.contains("\"kind\":\"finding\"")).count();
    // Without --keep nothing stays.
    assert_eq!(found(&hunt(&[])), 1);
    assert_eq!(findings().len(), 3);
    let run = hunt(&["--since-intel", "--keep"]);
    assert_eq!(found(&run), 1);
    assert!(run.err.contains("1 of 1 rule or indicator have not looked"), "{}", run.err);
    let kept = findings();
    assert_eq!(kept.len(), 4);
    let new = kept.iter().find(|f| f["title"] == "Writers listed").unwrap();
    assert!(new["citations"][0]["path"].as_str().unwrap().ends_with("log.ndjson"), "{new}");
    assert!(!expect(0, &["case", "verify", &case]).out.contains("FAILED"));
    // It has looked at everything: nothing is read.
    let run = hunt(&["--since-intel"]);
    assert_eq!(found(&run), 0);
    assert!(run.err.contains("0 of 1") && run.err.contains("0 rows looked at in 0 of "), "{}", run.err);
    // New evidence is new to it.
    let more = file(
        dir.path(),
        "more/more.ndjson",
        &crate::record("WS03", 9, "vssadmin.exe list writers /x", "C:\\x.exe"),
    );
    expect(0, &["investigate", &more, "--case", &case, "-q", "--format", "ndjson"]);
    assert_eq!(found(&hunt(&["--since-intel"])), 1);
    assert_eq!(findings().iter().filter(|f| f["title"] == "Writers listed").count(), 2);
    let run = expect(1, &["hunt", "--case", &case, "--rules", &rule, "--fail-on", "medium", "-q"]);
    assert!(run.out.contains("Writers listed"), "{}", run.out);
    assert!(!expect(0, &["case", "verify", &case]).out.contains("FAILED"));
}

#[test]
fn read_again() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = arg(&log(dir.path()));
    let case = arg(&dir.path().join("case"));
    let rule = file(dir.path(), "rules/writers.yml", RULE);
    let run = |more: &[&str]| {
        expect(
            0,
            &[&["investigate", &evidence, "--case", &case, "--format", "ndjson", "--reread"], more].concat(),
        )
        .err
    };
    let said = run(&[]);
    assert!(
        said.contains("changed by reading again: 3 findings new, 0 findings no longer made, 4 rows added"),
        "{said}"
    );
    let said = run(&["--rules", &rule]);
    assert!(said.contains("1 finding new, 0 findings no longer made, 0 rows added"), "{said}");
    assert!(said.contains("new: 1× Writers listed (medium, 5d1a3c1e-"), "{said}");
    // The rule says less: what it found is kept, and told.
    file(dir.path(), "rules/writers.yml", &RULE.replace("list writers", "list shadows"));
    let said = run(&["--rules", &rule]);
    assert!(said.contains("0 findings new, 1 finding no longer made, 0 rows added"), "{said}");
    let said = run(&[]);
    assert!(said.contains("0 findings new, 0 findings no longer made, 0 rows added"), "{said}");
    assert!(
        said.contains("1 finding of rules and indicators that did not run this time stay as they are"),
        "{said}"
    );
}

/// Fifteen secrets read by one caller: an alert that cites all of them, the same over files in any order and over the lake.
#[test]
fn a_correlation_is_one_finding_wherever_it_is_asked() {
    let series = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../knowledge/rules/series/2d8e7c05-6b3f-4a1d-9e74-b5c0f1a38d96.json");
    let test: Value = serde_json::from_str(&std::fs::read_to_string(series).unwrap()).unwrap();
    let events = test["positive"][0].as_array().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let lines =
        |events: &mut dyn Iterator<Item = &Value>| events.map(|e| format!("{e}\n")).collect::<String>();
    file(dir.path(), "one/trail.ndjson", &lines(&mut events.iter()));
    // Backwards, and in two files.
    let (first, second) = events.split_at(7);
    file(dir.path(), "two/a.ndjson", &lines(&mut second.iter().rev()));
    file(dir.path(), "two/b.ndjson", &lines(&mut first.iter().rev()));
    let alerts = |out: &str| -> Vec<(String, usize)> {
        out.lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap())
            .filter(|o| o["kind"] == "finding" && o["rule"]["id"] == test["rule"])
            .map(|o| (o["id"].as_str().unwrap().to_owned(), o["citations"].as_array().unwrap().len()))
            .collect()
    };
    let case = arg(&dir.path().join("case"));
    let one = arg(&dir.path().join("one"));
    let run = expect(0, &["investigate", &one, "--case", &case, "--format", "ndjson", "-q"]);
    let over_files = alerts(&run.out);
    assert_eq!((over_files.len(), over_files[0].1), (1, events.len()), "{}", run.out);
    let two = arg(&dir.path().join("two"));
    for jobs in ["1", "4"] {
        let run = expect(0, &["investigate", &two, "--format", "ndjson", "-q", "--jobs", jobs]);
        assert_eq!(alerts(&run.out), over_files);
    }
    let hunt = ["hunt", "--case", &case, "--shipped-rules", "--format", "ndjson", "-q"];
    assert_eq!(alerts(&expect(0, &hunt).out), over_files);
    // What the case had is known, and is what the hunt finds: nothing new is kept.
    expect(0, &[&hunt[..], &["--keep"]].concat());
    assert_eq!(rows(&case, "SELECT COUNT(*) AS n FROM findings")[1], "1");
    expect(0, &["case", "verify", &case]);
}
