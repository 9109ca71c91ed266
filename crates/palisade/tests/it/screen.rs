//! `screen`: days, owners, tables, and what a case makes of it.

use serde_json::Value;

use crate::{arg, expect, file};

const WALLET: &str = "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu";

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// One entry in force to the end of the century, one that has expired, one that has not begun.
const DAYS: &str = "id,name,schema,listed_from,listed_until,programmes,address\n\
    now,Jorge Ramirez Quintana,Person,2003-06-19,2099-06-29,DPRK sanctions,\n\
    was,Olga Petrova Sidorova,Person,2010-01-01,2020-01-01,DPRK sanctions,1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu\n\
    soon,Ahmed Hassan Ibrahim,Person,2098-01-01,,DPRK sanctions,\n";

#[test]
fn today_is_the_day_unless_another_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let list = file(dir.path(), "own.csv", DAYS);
    let ask = |code: i32, name: &str, more: &[&str]| {
        expect(code, &[&["screen", name, "--list", &list, "--format", "ndjson"][..], more].concat())
    };
    // An end that is to come is no end.
    let hit = &objects(&ask(1, "Jorge Ramirez Quintana", &[]).out)[0];
    assert_eq!((hit["on_list"].as_bool(), hit["standing"].as_str()), (Some(true), Some("listed")), "{hit}");
    // Who was or will be on the list is shown, told apart, and no alert.
    for (name, standing, words) in [
        ("Olga Petrova Sidorova", "ended", "has ended"),
        ("Ahmed Hassan Ibrahim", "not_yet", "has not begun"),
    ] {
        let run = ask(0, name, &[]);
        assert_eq!(objects(&run.out)[0]["standing"], standing);
        assert!(run.err.contains(words) && run.err.contains(" 0 to alert"), "{}", run.err);
        let run = ask(0, name, &["--on", "2050-01-01"]);
        assert!(run.out.is_empty() && run.err.contains("left out on 2050-01-01"), "{}{}", run.out, run.err);
    }
    let hit = &objects(&ask(1, "Olga Petrova Sidorova", &["--on", "2015-05-05"]).out)[0];
    assert_eq!(hit["standing"], "listed");
    ask(0, "Jorge Ramirez Quintana", &["--on", "2001-01-01"]);
    let table = expect(0, &["screen", "Olga Petrova Sidorova", "--list", &list]);
    assert!(table.out.contains("on the list until 2020-01-01 only"), "{}", table.out);
    assert!(expect(2, &["screen", "x", "--list", &list, "--on", "2015"]).err.contains("YYYY-MM-DD"));
    // Labels of a trace: an address whose holder is off the list bears no abuse today, and did then.
    let pack =
        |more: &[&str]| expect(0, &[&["screen", "--list", &list, "--convert", "tagpack"][..], more].concat());
    let today = pack(&[]);
    assert!(
        today.out.contains(WALLET) && !today.out.contains("abuse:") && today.err.contains("1 party"),
        "{}{}",
        today.out,
        today.err
    );
    assert!(pack(&["--on", "2015-05-05"]).out.contains("abuse: \"sanction\""));
}

#[test]
fn owners_stand_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let list = file(
        dir.path(),
        "list.ftm.json",
        "{\"id\":\"a\",\"schema\":\"Person\",\"properties\":{\"name\":[\"Ri Hong Sop\"],\"topics\":[\"sanction\"]}}\n\
         {\"id\":\"b\",\"schema\":\"Person\",\"properties\":{\"name\":[\"Kim Chol Min\"],\"topics\":[\"sanction\"]}}\n\
         {\"id\":\"h\",\"schema\":\"Company\",\"properties\":{\"name\":[\"Bright Holding\"]}}\n\
         {\"id\":\"c\",\"schema\":\"Company\",\"properties\":{\"name\":[\"Rybak Shipping\"]}}\n\
         {\"id\":\"d\",\"schema\":\"Company\",\"properties\":{\"name\":[\"Zenith Dairy\"]}}\n\
         {\"id\":\"1\",\"schema\":\"Ownership\",\"properties\":{\"owner\":[\"a\"],\"asset\":[\"h\"],\"percentage\":[\"30\"]}}\n\
         {\"id\":\"2\",\"schema\":\"Ownership\",\"properties\":{\"owner\":[\"b\"],\"asset\":[\"h\"],\"percentage\":[\"25.5\"]}}\n\
         {\"id\":\"3\",\"schema\":\"Ownership\",\"properties\":{\"owner\":[\"h\"],\"asset\":[\"c\"],\"percentage\":[\"80\"]}}\n\
         {\"id\":\"4\",\"schema\":\"Ownership\",\"properties\":{\"owner\":[\"a\"],\"asset\":[\"d\"],\"percentage\":[\"49\"]}}\n",
    );
    let ask = |code: i32, name: &str, form: &str| {
        expect(code, &["screen", name, "--schema", "Company", "--list", &list, "--format", form]).out
    };
    let hit = &objects(&ask(1, "Rybak Shipping", "ndjson"))[0];
    assert_eq!(
        (hit["standing"].as_str(), hit["owned"]["percent"].as_str()),
        (Some("mentioned"), Some("80.00"))
    );
    let by: Vec<String> = hit["owned"]["by"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| format!("{} {} {} {}", b["of"], b["owner"], b["percent"], b["listed"]).replace('"', ""))
        .collect();
    assert_eq!(
        by,
        [
            "Rybak Shipping Bright Holding 80.00 false",
            "Bright Holding Ri Hong Sop 30.00 true",
            "Bright Holding Kim Chol Min 25.50 true"
        ]
    );
    assert_eq!(hit["owners"][0]["name"], "Bright Holding");
    let table = ask(1, "Rybak Shipping", "table");
    assert!(
        table.contains("listed parties own 80.00 %")
            && table.contains("25.50 % of Bright Holding by Kim Chol Min"),
        "{table}"
    );
    let csv = ask(1, "Rybak Shipping", "csv");
    assert!(csv.contains("Bright Holding 80.00 %") && csv.contains("listed parties own 80.00 %"), "{csv}");
    // Less than half: who the owners are is shown, and it is no alert.
    let table = ask(0, "Zenith Dairy", "table");
    assert!(table.contains("owners: Ri Hong Sop 49.00 %") && table.contains("not listed itself"), "{table}");
    let ftm = expect(0, &["screen", "--list", &list, "--convert", "ftm"]).out;
    assert!(
        objects(&ftm)
            .iter()
            .any(|o| o["schema"] == "Ownership" && o["properties"]["percentage"][0] == "25.50")
    );
}

#[test]
fn a_file_that_exists_is_a_table_of_queries() {
    let dir = tempfile::tempdir().unwrap();
    let list = file(
        dir.path(),
        "own.csv",
        "name,schema,identifiers\nKim Jong Sik,Person,Passport:836110034 (North Korea)\n",
    );
    let clients =
        file(dir.path(), "clients.csv", "id,name,schema\n1,Maria Garcia,Person\n2,KIM Chong-sik,Person\n");
    let run = expect(1, &["screen", &clients, "--list", &list, "--format", "ndjson"]);
    let hits = objects(&run.out);
    assert_eq!((hits.len(), hits[0]["query"].as_str()), (1, Some("2")), "{}", run.out);
    assert!(run.err.contains("2 queries"), "{}", run.err);
    let missing = arg(&dir.path().join("absent.csv"));
    assert!(expect(2, &["screen", &missing, "--list", &list]).err.contains("is no file"));
    // A number with its kind and issuer, and the same under another name.
    let papers = file(
        dir.path(),
        "papers.csv",
        "id,name,passport,passport_country\n1,KIM Chong-sik,836110034,North Korea\n2,Maria Garcia Lopez,836110034,North Korea\n3,KIM Chong-sik,836110034,France\n",
    );
    let run = expect(1, &["screen", "--queries", &papers, "--list", &list, "--format", "ndjson"]);
    let hits = objects(&run.out);
    let of = |id: &str| hits.iter().find(|h| h["query"] == id).unwrap();
    assert_eq!((of("1")["certain"].as_bool(), of("1")["score"].as_f64()), (Some(true), Some(1.0)));
    for id in ["2", "3"] {
        assert!(of(id)["certain"] == false && of(id)["score"].as_f64().unwrap() < 1.0, "{}", of(id));
    }
}

/// Hits of a case that are open, and why the others have ended.
fn hits(case: &str) -> (Vec<String>, Vec<(String, String)>) {
    let all = objects(&expect(0, &["case", "hits", case, "--format", "ndjson"]).out);
    let open = objects(&expect(0, &["case", "hits", case, "--open", "--format", "ndjson"]).out);
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let ended = all.iter().filter(|h| !h["ended"].is_null());
    (
        open.iter().map(|h| text(&h["listed"])).collect(),
        ended.map(|h| (text(&h["listed"]), text(&h["ended"]))).collect(),
    )
}

#[test]
fn hits_end_with_their_entry_or_query() {
    let dir = tempfile::tempdir().unwrap();
    let case = arg(&dir.path().join("case"));
    let rows = "id,name,schema,birth_date,listed_until\n1,Kim Jong Sik,Person,1960-01-01,\n2,Rybak Trading,Company,,\n\
        3,Jorge Ramirez Quintana,Person,,\n4,Olga Petrova Sidorova,Person,1970,\n";
    let clients = "id,name,schema,birth_date\n7,KIM Chong-sik,Person,\n8,Rybak Trading,Company,\n\
        9,Jorge Ramirez Quintana,Person,\n10,Olga Petrova Sidorova,Person,\n";
    let ask = |code: i32, rows: &str, clients: &str| {
        let list = file(dir.path(), "own.csv", rows);
        let clients = file(dir.path(), "clients.csv", clients);
        expect(code, &["screen", "--list", &list, "--queries", &clients, "--case", &case, "--changed", "-q"])
    };
    ask(1, rows, clients);
    assert_eq!((hits(&case).0.len(), hits(&case).1.len()), (4, 0), "{:?}", hits(&case));
    // Off the list; expired; the entry changed so that it is another hit; the client turned out to be another.
    let newer = rows
        .replace("2,Rybak Trading,Company,,\n", "")
        .replace("Quintana,Person,,", "Quintana,Person,,2020-01-01")
        .replace("1960-01-01", "1960-02-02");
    let known =
        clients.replace("10,Olga Petrova Sidorova,Person,", "10,Olga Petrova Sidorova,Person,2001-01-01");
    ask(1, &newer, &known);
    let (open, mut ended) = hits(&case);
    ended.sort();
    assert_eq!(open, ["Kim Jong Sik"], "{ended:?}");
    let why: Vec<(&str, &str)> = ended.iter().map(|(who, why)| (who.as_str(), why.as_str())).collect();
    assert_eq!(
        why,
        [
            ("Jorge Ramirez Quintana", "the entry has changed"),
            ("Jorge Ramirez Quintana", "the entry is in force no more"),
            ("Kim Jong Sik", "the entry has changed"),
            ("Olga Petrova Sidorova", "the client is asked about otherwise"),
            ("Rybak Trading", "the entry is on the list no more"),
        ]
    );
}

#[test]
fn words_on_hits_hold_when_rows_are_put_before() {
    let dir = tempfile::tempdir().unwrap();
    let case = arg(&dir.path().join("case"));
    let clients = file(dir.path(), "clients.csv", "id,name,schema\n7,KIM Chong-sik,Person\n");
    let ask = |code: i32, rows: &str| {
        let list = file(dir.path(), "own.csv", &format!("name,schema\n{rows}"));
        let run = expect(code, &["screen", &clients, "--list", &list, "--case", &case, "--format", "ndjson"]);
        objects(&run.out)
    };
    let hit = ask(1, "Kim Jong Sik,Person\n")[0]["hit"].as_str().unwrap().to_owned();
    let words = ["--kind", "false_positive", "--reason", "another", "--analyst", "ann"];
    expect(0, &[&["case", "verdict", "add", &case, &hit][..], &words].concat());
    assert!(ask(0, "Maria Garcia,Person\nKim Jong Sik,Person\n").is_empty());
}
