//! `trace`, `screen`, and money among other evidence.

use std::path::Path;

use serde_json::Value;

use crate::{arg, expect, file};

/// Four addresses and a service, in lower case: no checksum to get right.
const SOURCE: &str = "0x1111111111111111111111111111111111111111";
pub const THIEF: &str = "0x2222222222222222222222222222222222222222";
const HOP: &str = "0x3333333333333333333333333333333333333333";
const SERVICE: &str = "0x4444444444444444444444444444444444444444";

pub fn tx(n: u32) -> String {
    format!("0x{n:064x}")
}

/// The source pays the thief 1.5 coins and a clean stranger pays the hop 1; the thief pays the hop 1, which pays
/// the service 1 of its 2: half of that is tainted.
pub fn ledger(folder: &Path) -> String {
    let coin = |tenths: u64| tenths * 100_000_000_000_000_000;
    let stranger = "0x5555555555555555555555555555555555555555";
    let moves = [
        (SOURCE, THIEF, coin(15)),
        (stranger, HOP, coin(10)),
        (THIEF, HOP, coin(10)),
        (HOP, SERVICE, coin(10)),
    ];
    let mut text = String::from(
        "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,input,block_timestamp\n",
    );
    let mut receipts = String::from(
        "transaction_hash,transaction_index,block_hash,block_number,cumulative_gas_used,gas_used,contract_address,root,status,effective_gas_price\n",
    );
    for (n, (from, to, value)) in (1u32..).zip(moves) {
        let block = format!("0x{n:064x}");
        let time = 1_790_900_000 + n * 60;
        text += &format!("{},0,{block},{},0,{from},{to},{value},21000,0,0x,{time}\n", tx(n), 100 + n);
        receipts += &format!("{},0,{block},{},21000,21000,,,1,0\n", tx(n), 100 + n);
    }
    file(folder, "ledger/receipts.csv", &receipts);
    file(folder, "ledger/transactions.csv", &text);
    file(
        folder,
        "ledger/labels.yaml",
        &format!(
            "title: known\ncreator: test\ncurrency: ETH\nlastmod: 2026-01-01\nsource: test\nconfidence: service_data\ntags:\n  - address: \"{SERVICE}\"\n    label: \"<b>Bank\\e[31m of X</b>\"\n    category: exchange\n"
        ),
    );
    arg(&folder.join("ledger"))
}

pub fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn a_trace_is_exact_and_says_where_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path());
    let run = expect(0, &["trace", THIEF, "--ledger", &ledger, "--format", "ndjson", "--quiet"]);
    let all = objects(&run.out);
    let of = |kind: &str| all.iter().filter(|o| o["kind"] == kind).collect::<Vec<_>>();
    // A coin and a half arrives; one goes on into a balance of two, of which half is paid on.
    let last = of("edge").into_iter().find(|e| e["to"] == SERVICE).unwrap();
    assert_eq!(last["amount"], "500000000000000000");
    assert_eq!((last["hops"].as_u64(), last["share"].as_str()), (Some(2), Some("0.333333")));
    assert_eq!(last["citation"]["record"], 4);
    assert!(last["citation"]["sha256"].as_str().unwrap().len() == 64);
    let ends: Vec<(&str, &str)> = of("terminal")
        .iter()
        .map(|t| (t["decimal"].as_str().unwrap(), t["reason"].as_str().unwrap()))
        .collect();
    assert!(ends.contains(&("0.5", "service")) && ends.contains(&("0.5", "resting")), "{ends:?}");
    let summary = of("summary")[0];
    assert!(summary["conservation"].as_array().unwrap().iter().all(|c| c["holds"] == true), "{summary}");
    // First in, first out: the stranger's coin leaves the hop first.
    let fifo =
        expect(0, &["trace", THIEF, "--ledger", &ledger, "--format", "ndjson", "--method", "fifo", "-q"]);
    assert!(!objects(&fifo.out).iter().any(|o| o["kind"] == "edge" && o["to"] == SERVICE));
    // From a transaction, in another spelling.
    let run = expect(
        0,
        &["trace", &tx(3).to_uppercase().replace("0X", "0x"), "--ledger", &ledger, "--format", "json", "-q"],
    );
    let one: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(one["terminal"].as_array().unwrap().len(), 2);
}

#[test]
fn a_ledger_larger_than_memory_is_read_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = ledger(dir.path());
    // Twenty thousand payments among strangers, two hundred by the hop after all others.
    let mut text = String::from(
        "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,input,block_timestamp,receipt_status\n",
    );
    for n in 10..20_210u32 {
        let from = if n < 20_010 { format!("0x{:040x}", 0x10_0000 + n % 5_000) } else { HOP.to_owned() };
        let block = 200 + n / 10;
        text += &format!(
            "{},0,0x1,{block},{},{from},0x{:040x},1000,21000,0,0x,{},1\n",
            tx(n),
            n % 10,
            0x20_0000 + n,
            1_790_900_000 + n * 60
        );
    }
    file(dir.path(), "ledger/more.csv", &text);
    let asked = |memory: &str, start: &str, more: &[&str], exit: u8| {
        let fixed = ["trace", start, "--ledger", &path, "--format", "ndjson", "--memory", memory];
        expect(exit.into(), &[&fixed[..], more].concat())
    };
    let said = |out: &str| {
        let told = ["edge", "terminal", "exposure"];
        let mut all: Vec<String> = (objects(out).into_iter())
            .filter(|o| told.iter().any(|t| o["kind"] == *t))
            .map(|mut o| {
                o.as_object_mut().unwrap().remove("rank");
                o.to_string()
            })
            .collect();
        all.sort();
        all
    };
    for more in [&["--method", "fifo"][..], &[], &["--backward"]] {
        let whole = asked("1GiB", THIEF, more, 0);
        let part = asked("200KiB", THIEF, more, 0);
        assert!(!whole.err.contains("larger than the memory"), "{}", whole.err);
        assert!(part.err.contains("larger than the memory allowed"), "{}", part.err);
        assert_eq!(said(&part.out), said(&whole.out), "{more:?}");
    }
    assert!(said(&asked("200KiB", THIEF, &[], 0).out).len() > 200);
    let nobody = asked("200KiB", "0x9999999999999999999999999999999999999999", &[], 2);
    assert!(nobody.err.contains("no ledger has a transaction of this address"), "{}", nobody.err);
    let little = asked("20KiB", THIEF, &[], 2);
    assert!(little.err.contains("do not fit in the") && little.err.contains("--labels"), "{}", little.err);
}

#[test]
fn what_a_label_says_is_neutralised() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path());
    let table = expect(0, &["trace", THIEF, "--ledger", &ledger]);
    assert!(!table.out.contains('\u{1b}') && table.out.contains("of X"), "{}", table.out);
    assert!(table.out.contains("The amounts add up"));
    let page = expect(0, &["trace", THIEF, "--ledger", &ledger, "--format", "html", "-q"]);
    assert!(page.out.contains("&lt;b&gt;Bank") && !page.out.contains("<b>Bank") && page.out.contains("<svg"));
    let dot = expect(0, &["trace", THIEF, "--ledger", &ledger, "--format", "dot", "-q"]);
    assert!(dot.out.starts_with("digraph") && !dot.out.contains('\u{1b}'));
}

#[test]
fn what_cannot_be_traced_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path());
    let says = |args: &[&str], what: &str| {
        let run = expect(2, args);
        assert!(run.err.contains(what), "{args:?}: {}", run.err);
    };
    let nobody = "0x9999999999999999999999999999999999999999";
    says(&["trace", nobody, "--ledger", &ledger], "no ledger has a transaction of this address");
    says(&["trace", "1BoatSLRHtKNngkdXEeobR76b53LETtpyU", "--ledger", &ledger], "wrong checksum");
    says(&["trace", "--ledger", &ledger], "nothing to start from");
    says(&["trace", THIEF, "--ledger", &ledger, "--method", "tiho"], "not defined for account ledgers");
    says(&["trace", THIEF, "--ledger", &ledger, "--asset", "USDT"], "no asset \"USDT\"");
    let log = file(dir.path(), "other/a.log", "not a ledger\n");
    says(&["trace", THIEF, "--ledger", &log], "a ledger that Palisade can read");
}

#[test]
fn parquet_and_prices() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = crate::log(dir.path());
    let case = arg(&dir.path().join("case"));
    expect(0, &["investigate", &arg(&evidence), "--case", &case, "--quiet"]);
    let row = |n: u32, from: &str, to: &str| {
        format!(
            "SELECT '{}' AS hash, 0 AS nonce, '0x1' AS block_hash, 21000 AS gas, {} AS block_number, 0 AS transaction_index, '{from}' AS from_address, '{to}' AS to_address,
             '2000000000000000000' AS value, '0' AS gas_price, {} AS block_timestamp, '0x' AS input, 1 AS receipt_status",
            tx(n),
            100 + n,
            1_790_900_000 + n
        )
    };
    // The two halves of a UNION ALL are read side by side: without an order, either may come first.
    let sql = format!(
        "SELECT * FROM ({} UNION ALL {}) ORDER BY block_number",
        row(1, SOURCE, THIEF),
        row(2, THIEF, HOP)
    );
    let table = arg(&dir.path().join("transactions.parquet"));
    expect(0, &["hunt", "--case", &case, "--no-cite", "--sql", &sql, "--format", "parquet", "-o", &table]);
    let prices = file(dir.path(), "prices.csv", "date,asset,currency,price\n2026-10-02,ETH,eur,2500.25\n");
    let run = expect(
        0,
        &[
            "trace",
            THIEF,
            "--ledger",
            &table,
            "--format",
            "ndjson",
            "--prices",
            &prices,
            "--needs",
            &arg(&dir.path().join("needs.csv")),
        ],
    );
    let edge = objects(&run.out).into_iter().find(|o| o["kind"] == "edge" && o["to"] == HOP).unwrap();
    assert_eq!((edge["decimal"].as_str(), edge["citation"]["record"].as_u64()), (Some("2"), Some(2)));
    assert_eq!(edge["worth"]["amount"], "5000.50");
    assert!(std::fs::read_to_string(dir.path().join("needs.csv")).unwrap().starts_with("chain,address"));
}

#[test]
fn a_wallet_that_a_log_names_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    ledger(&dir.path().join("evidence"));
    let line = format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a-1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/custody/pods/pay/exec?command=set&command={THIEF}","verb":"create","user":{{"username":"system:serviceaccount:ci:runner"}},"sourceIPs":["198.18.0.7"],"objectRef":{{"resource":"pods","namespace":"custody","name":"pay","apiVersion":"v1","subresource":"exec"}},"responseStatus":{{"code":101}},"requestReceivedTimestamp":"2026-10-01T20:00:00Z","stageTimestamp":"2026-10-01T20:00:00Z"}}"#
    );
    file(&dir.path().join("evidence"), "audit.ndjson", &format!("{line}\n"));
    let case = arg(&dir.path().join("case"));
    let evidence = arg(&dir.path().join("evidence"));
    let run = expect(0, &["investigate", &evidence, "--case", &case, "--format", "ndjson", "--quiet"]);
    let found: Vec<Value> = objects(&run.out).into_iter().filter(|o| o["kind"] == "finding").collect();
    let wallets = |f: &Value| f["observables"].to_string().contains(THIEF);
    assert!(found.iter().any(|f| f["vector"] == "host" && wallets(f)), "{found:#?}");
    let money: Vec<&Value> = found.iter().filter(|f| f["vector"] == "money").collect();
    assert!(money.iter().any(|f| f["rule"]["id"] == "money.exchange_deposit" && wallets(f)), "{money:#?}");
    assert!(money.iter().all(|f| !f["citations"].as_array().unwrap().is_empty()));
    // The service is everybody's: its wallet joins nothing.
    assert!(money.iter().all(|f| !f["observables"].to_string().contains(SERVICE)));
    let page = dir.path().join("report.html");
    expect(0, &["report", "--case", &case, "-o", &arg(&page)]);
    assert!(std::fs::read_to_string(&page).unwrap().contains("Flow of ETH on ethereum, rule haircut"));
    expect(0, &["case", "verify", &case]);
    // The same evidence again adds nothing.
    let again = expect(0, &["investigate", &evidence, "--case", &case, "--format", "ndjson", "--quiet"]);
    assert!(!again.out.contains("\"kind\":\"finding\""));
}

/// Break-in and theft of one exercise are one campaign, over two channels.
#[test]
fn a_theft_joins_the_break_in() {
    let dir = tempfile::tempdir().unwrap();
    let out = arg(&dir.path().join("x"));
    let run =
        expect(0, &["demo", "--scenario", "exchange", "--scale", "0.1", "--out", &out, "--format", "json"]);
    let score: Value = serde_json::from_str(&run.out).unwrap();
    let found = score["campaigns"][0]["found"].as_str().unwrap();
    let case = arg(&dir.path().join("x/case"));
    let sql = "SELECT id FROM findings WHERE vector = 'money'";
    let money = expect(0, &["hunt", "--case", &case, "--no-cite", "--sql", sql, "--format", "ndjson"]);
    let money: Vec<String> =
        objects(&money.out).iter().map(|f| f["id"].as_str().unwrap().to_owned()).collect();
    assert!(money.len() >= 5, "{money:?}");
    let list = expect(0, &["campaign", "list", "--case", &case, "--format", "json"]);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    let campaigns = list["campaigns"].as_array().unwrap();
    let one = campaigns.iter().find(|c| c["id"] == found).unwrap().to_string();
    assert!(money.iter().all(|id| one.contains(id)), "{found} lacks some of {money:?}");
}

#[test]
fn screening_explains_itself() {
    let dir = tempfile::tempdir().unwrap();
    let list = file(
        dir.path(),
        "own.csv",
        &format!(
            "name,schema,aliases,address\nKim Jong Sik,Person,김정식,\n=Evil Trading Co.,Company,,{THIEF}\n"
        ),
    );
    let run = expect(
        1,
        &["screen", "KIM, Chong-sik", &THIEF.replace("0x22", "0X22"), "--list", &list, "--format", "ndjson"],
    );
    let hits = objects(&run.out);
    assert_eq!(hits[0]["party"], "Kim Jong Sik");
    let sum: f64 = hits[0]["terms"].as_array().unwrap().iter().map(|t| t["log_odds"].as_f64().unwrap()).sum();
    assert!((sum - hits[0]["log_odds"].as_f64().unwrap()).abs() < 0.01, "{}", hits[0]);
    assert!(hits.iter().any(|h| h["by"] == "address"), "{hits:#?}");
    let csv = expect(1, &["screen", "Evil Trading", "--list", &list, "--format", "csv", "-q"]);
    assert!(csv.out.lines().skip(1).all(|l| !l.contains(",=")), "{}", csv.out);
    expect(0, &["screen", "Somebody Entirely Other", "--list", &list, "-q"]);
    let pairs = file(
        dir.path(),
        "p.csv",
        "name1,name2,schema\nJohn Smith,Jon Smith,Person\nJohn Smith,Maria Garcia,Person\n",
    );
    let run = expect(0, &["screen", "--pairs", &pairs]);
    let score =
        |n: usize| -> f64 { run.out.lines().nth(n).unwrap().split(',').nth(1).unwrap().parse().unwrap() };
    assert!(score(1) > 0.5 && score(2) < 0.1, "{}", run.out);
    assert!(expect(2, &["screen", "x", "--list", &pairs]).err.contains("name nobody"));
    assert!(expect(2, &["screen", "x"]).err.contains("--list"));
    // Lists in other forms are read again, and say the same.
    for (form, name, asked) in [("ftm", "list.ftm.json", "KIM Chong-sik"), ("tagpack", "list.yaml", THIEF)] {
        let other = arg(&dir.path().join(name));
        expect(0, &["screen", "--list", &list, "--convert", form, "-o", &other]);
        let run = expect(1, &["screen", asked, "--list", &other, "--format", "ndjson"]);
        assert!(!objects(&run.out).is_empty(), "{form}: {}", run.out);
    }
}

#[test]
fn a_case_remembers_what_was_screened_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let rows = "name,schema,id,birth_date\nKim Jong Sik,Person,1,1960-01-01\nRybak Trading,Company,2,\n";
    let list = file(dir.path(), "own.csv", rows);
    let clients =
        file(dir.path(), "clients.csv", "id,name,schema\n7,KIM Chong-sik,Person\n8,Rybak Trading,Company\n");
    let case = arg(&dir.path().join("case"));
    let ask = |code: i32, list: &str, clients: &str, more: &[&str]| {
        let args = ["screen", "--list", list, "--queries", clients, "--case", &case, "--format", "ndjson"];
        expect(code, &[&args[..], more].concat())
    };
    let hits = objects(&ask(1, &list, &clients, &[]).out);
    assert_eq!(hits.len(), 2, "{hits:#?}");
    let of = |hits: &[Value], query: &str| hits.iter().find(|h| h["query"] == query).cloned().unwrap();
    let kim = of(&hits, "7")["hit"].as_str().unwrap().to_owned();
    let words = ["--kind", "false_positive", "--reason", "born 1988", "--analyst", "ann"];
    expect(0, &[&["case", "verdict", "add", &case, &kim][..], &words].concat());
    // What was settled is left out, and shown when asked for.
    let hits = objects(&ask(1, &list, &clients, &[]).out);
    assert!(hits.iter().all(|h| h["query"] == "8"), "{hits:#?}");
    let hits = objects(&ask(1, &list, &clients, &["--settled"]).out);
    assert_eq!(of(&hits, "7")["said"]["analyst"], "ann");
    // Nothing changed: nothing is asked.
    let run = ask(0, &list, &clients, &["--changed"]);
    assert!(run.out.is_empty() && run.err.contains("2 queries asked before"), "{}", run.err);
    // The entry changed: it is asked again, of it alone, and the old word does not hide it.
    let newer = file(dir.path(), "own.csv", &rows.replace("1960-01-01", "1988-01-01"));
    let run = ask(1, &newer, &clients, &["--changed"]);
    let hits = objects(&run.out);
    assert_eq!((hits.len(), hits[0]["query"].as_str()), (1, Some("7")), "{hits:#?}");
    assert_eq!(
        (&hits[0]["said"], hits[0]["said_before_change"]["analyst"].as_str()),
        (&Value::Null, Some("ann"))
    );
    assert!(run.err.contains("2 held") || run.err.contains("2 queries held"), "{}", run.err);
    // A new client is held against everything.
    let more =
        file(dir.path(), "more.csv", "id,name,schema\n8,Rybak Trading,Company\n9,Rybak Trading,Company\n");
    let hits = objects(&ask(1, &newer, &more, &["--changed"]).out);
    assert_eq!((hits.len(), hits[0]["query"].as_str()), (1, Some("9")), "{hits:#?}");
    let table = expect(0, &["case", "hits", &case]);
    assert!(table.out.contains(&kim) && table.out.contains("[false_positive by ann]"), "{}", table.out);
    assert!(!expect(0, &["case", "hits", &case, "--open"]).out.contains(&kim));
    expect(0, &["case", "verify", &case]);
    let run = expect(2, &["screen", "x", "--list", &newer, "--changed"]);
    assert!(run.err.contains("--case"), "{}", run.err);
}

/// A server on the loopback that knows some paths, and counts what it was asked. It ends with the test's process.
fn esplora(answers: Vec<(String, String)>) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/api", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or("").trim_start_matches("/api");
            let answer = answers.iter().find(|(p, _)| p == path);
            let (status, body) = answer.map_or(("404 Not Found", "unknown"), |(_, b)| ("200 OK", b));
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    (base, asked)
}

#[test]
fn what_is_missing_is_fetched_once() {
    const A: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    const B: &str = "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX";
    const C: &str = "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy";
    const D: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    let id = |n: u32| format!("{n:064x}");
    let out = |to: &str, value: u64| format!(r#"{{"scriptpubkey_address":"{to}","value":{value}}}"#);
    let transaction = |n: u32, inputs: &str, outputs: &[String]| {
        format!(
            r#"{{"txid":"{}","vin":[{inputs}],"vout":[{}],"status":{{"confirmed":true,"block_height":{},"block_time":{}}}}}"#,
            id(n),
            outputs.join(","),
            100 + n,
            1_790_900_000 + n
        )
    };
    let spends = |n: u32, at: u32, from: &str, value: u64| {
        format!(r#"{{"txid":"{}","vout":{at},"prevout":{}}}"#, id(n), out(from, value))
    };
    let mined = transaction(1, r#"{"is_coinbase":true}"#, &[out(A, 1_000)]);
    let split = transaction(2, &spends(1, 0, A, 1_000), &[out(B, 600), out(C, 400)]);
    let moved = transaction(3, &spends(2, 0, B, 600), &[out(D, 600)]);
    let page = |address: &str, after: Option<u32>, txs: &[&String]| {
        let after = after.map_or(String::new(), |n| format!("/{}", id(n)));
        let txs: Vec<&str> = txs.iter().map(|t| t.as_str()).collect();
        (format!("/address/{address}/txs/chain{after}"), format!("[{}]", txs.join(",")))
    };
    let (base, asked) = esplora(vec![
        page(A, None, &[&split]),
        page(A, Some(2), &[&mined]),
        page(A, Some(1), &[]),
        page(B, None, &[&moved, &split]),
        page(B, Some(2), &[]),
        page(C, None, &[&split]),
        page(C, Some(2), &[]),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let kept = arg(&dir.path().join("fetched"));
    let needs = arg(&dir.path().join("needs.csv"));
    let trace = ["trace", A, "--fetch", &base, "--fetch-to", &kept, "--format", "ndjson", "--needs", &needs];
    let run = expect(0, &trace);
    let ends = |text: &str| -> Vec<(String, String)> {
        let mut ends: Vec<(String, String)> = objects(text)
            .iter()
            .filter(|o| o["kind"] == "terminal")
            .map(|o| (o["address"].as_str().unwrap().to_owned(), o["reason"].as_str().unwrap().to_owned()))
            .collect();
        ends.sort();
        ends
    };
    let end = |address: &str, reason: &str| (address.to_owned(), reason.to_owned());
    assert_eq!(ends(&run.out), [end(C, "resting"), end(D, "no_data")], "{}", run.out);
    assert!(run.err.contains(&format!("knows nothing of {D}")), "{}", run.err);
    assert!(std::fs::read_to_string(&needs).unwrap().contains(D));
    let first = asked.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(first, 8);
    // Again: what is there is not asked for; without a network it is the same trace.
    let again = expect(0, &trace);
    assert_eq!(again.out, run.out);
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), first + 1, "only what it did not know");
    let offline = expect(0, &["trace", A, "--ledger", &kept, "--format", "ndjson"]);
    assert_eq!(offline.out, run.out);
    // An answer that was altered is not believed.
    let file = dir.path().join(format!("fetched/address-{C}-0.json"));
    std::fs::write(&file, "[]").unwrap();
    let altered = expect(2, &["trace", A, "--ledger", &kept, "--format", "ndjson"]);
    assert!(altered.err.contains("is not as it was fetched"), "{}", altered.err);
    // The limit holds, and what is no server says so.
    let little = arg(&dir.path().join("little"));
    let run = expect(0, &["trace", A, "--fetch", &base, "--fetch-to", &little, "--fetch-limit", "2"]);
    assert!(run.err.contains("--fetch-limit"), "{}", run.err);
    let run = expect(2, &["trace", A, "--fetch", "127.0.0.1:1", "--fetch-to", &little]);
    assert!(run.err.contains("http://"), "{}", run.err);
}

/// An EVM node on the loopback: blocks of one transaction each. It gives logs of at most eight blocks at once.
fn node(blocks: Vec<(u64, Value, Value)>) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    let number = |v: &Value| u64::from_str_radix(&v.as_str().unwrap()[2..], 16).unwrap();
    let answer = move |body: &Value| -> Result<Value, &'static str> {
        let p = &body["params"];
        let of = |n: u64| blocks.iter().find(|b| b.0 == n);
        Ok(match body["method"].as_str().unwrap() {
            "eth_chainId" => "0x1".into(),
            "eth_blockNumber" => "0x10".into(),
            "eth_getTransactionByHash" => {
                let all = blocks.iter().map(|b| &b.1["transactions"][0]);
                all.clone().find(|t| t["hash"] == p[0]).cloned().unwrap_or(Value::Null)
            }
            "eth_getBlockByNumber" => of(number(&p[0])).map_or(Value::Null, |b| b.1.clone()),
            "eth_getBlockReceipts" => of(number(&p[0])).map_or(Value::Null, |b| b.2.clone()),
            "eth_getLogs" => {
                let (from, to) = (number(&p[0]["fromBlock"]), number(&p[0]["toBlock"]));
                if to - from >= 8 {
                    return Err("too many blocks");
                }
                let wanted = p[0]["topics"].as_array().unwrap();
                let fits = |log: &&Value| {
                    (0..).zip(wanted).all(|(n, w): (usize, _)| w.is_null() || log["topics"][n] == *w)
                };
                let here = blocks.iter().filter(|b| (from..=to).contains(&b.0));
                let logs = here.flat_map(|b| b.2[0]["logs"].as_array().unwrap());
                logs.filter(fits).cloned().collect()
            }
            other => panic!("{other} is no question of a reader"),
        })
    };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let head = String::from_utf8_lossy(&head).to_lowercase();
            let length = head.split("content-length:").nth(1).unwrap().lines().next().unwrap().trim();
            let mut body = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            let body = match answer(&serde_json::from_slice(&body).unwrap()) {
                Ok(result) => serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": result}),
                Err(message) => serde_json::json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": message}}),
            }
            .to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (base, asked)
}

#[test]
fn tokens_are_fetched_from_a_node_of_ones_own() {
    use std::sync::atomic::Ordering::SeqCst;
    const USDT: &str = "0xdac17f958d2ee523a2206206994597c13d831ec7";
    let word = |address: &str| format!("0x{:0>64}", &address[2..]);
    // A block with one transaction that pays tokens; another pays coin, which no log tells.
    let block = |n: u64, from: &str, to: &str, tokens: u64, coin: u64| {
        let at = serde_json::json!({"blockNumber": format!("0x{n:x}"), "transactionIndex": "0x0"});
        let mut t = at.clone();
        for (k, v) in [
            ("hash", tx(n as u32)),
            ("from", from.to_owned()),
            ("to", USDT.to_owned()),
            ("value", "0x0".into()),
            ("gasPrice", "0x0".into()),
            ("input", "0x".into()),
            ("nonce", "0x0".into()),
        ] {
            t[k] = v.into();
        }
        let mut log = at.clone();
        log["address"] = USDT.into();
        log["topics"] = serde_json::json!([
            "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            word(from),
            word(to)
        ]);
        log["data"] = format!("0x{tokens:064x}").into();
        log["logIndex"] = "0x0".into();
        log["transactionHash"] = tx(n as u32).into();
        let mut logs = vec![log];
        if coin > 0 {
            t["to"] = to.into();
            t["value"] = format!("0x{coin:x}").into();
            logs.clear();
        }
        let mut r = at;
        for (k, v) in [
            ("transactionHash", tx(n as u32)),
            ("from", from.to_owned()),
            ("cumulativeGasUsed", "0x1".into()),
            ("gasUsed", "0x1".into()),
            ("effectiveGasPrice", "0x0".into()),
            ("status", "0x1".into()),
            ("logsBloom", "0x".into()),
        ] {
            r[k] = v.into();
        }
        r["logs"] = logs.into();
        let header = serde_json::json!({"number": format!("0x{n:x}"), "timestamp": format!("0x{:x}", 1_790_900_000 + n * 12), "hash": tx(900), "parentHash": tx(899), "stateRoot": tx(898), "logsBloom": "0x", "transactions": [t]});
        (n, header, Value::from(vec![r]))
    };
    let blocks = vec![
        block(3, SOURCE, THIEF, 100, 0),
        block(5, THIEF, HOP, 60, 0),
        block(9, HOP, SERVICE, 25, 0),
        block(12, THIEF, SERVICE, 0, 7),
    ];
    let (base, asked) = node(blocks);
    let dir = tempfile::tempdir().unwrap();
    let kept = arg(&dir.path().join("fetched"));
    let trace =
        ["trace", THIEF, "--fetch", &base, "--fetch-to", &kept, "--format", "ndjson", "--method", "fifo"];
    let run = expect(0, &trace);
    let ends = |text: &str| -> Vec<(String, String)> {
        let all = objects(text);
        let all = all.iter().filter(|o| o["kind"] == "terminal");
        let mut ends: Vec<_> = all
            .map(|o| {
                (o["address"].as_str().unwrap().to_lowercase(), o["decimal"].as_str().unwrap().to_owned())
            })
            .collect();
        ends.sort();
        ends
    };
    let end = |a: &str, n: &str| (a.to_owned(), n.to_owned());
    let wanted = [end(THIEF, "0.00004"), end(HOP, "0.000035"), end(SERVICE, "0.000025")];
    assert_eq!(ends(&run.out), wanted, "{}", run.out);
    // What is there is not asked for again, and without a network it is the same trace.
    let first = asked.load(SeqCst);
    let again = expect(0, &trace);
    assert_eq!(again.out, run.out);
    assert!(asked.load(SeqCst) <= first + 2, "only who the node is: {} after {first}", asked.load(SeqCst));
    let offline = ["trace", THIEF, "--ledger", &kept, "--format", "ndjson", "--method", "fifo"];
    assert_eq!(expect(0, &offline).out, run.out);
    // A range of blocks has what no log tells.
    let whole = expect(0, &[&trace[..], &["--fetch-blocks", "12-12"][..]].concat());
    assert!(ends(&whole.out).contains(&end(SERVICE, "0.000000000000000007")), "{}", whole.out);
    // A transaction, and the way back.
    let other = arg(&dir.path().join("other"));
    let back = expect(
        0,
        &[
            "trace",
            &tx(9),
            "--backward",
            "--fetch",
            &base,
            "--fetch-to",
            &other,
            "--format",
            "ndjson",
            "--method",
            "fifo",
        ],
    );
    assert_eq!(ends(&back.out), [end(SOURCE, "0.000025")], "{}", back.out);
    let table = expect(0, &["trace", HOP, "--backward", "--ledger", &kept, "--method", "fifo"]);
    assert!(table.out.contains("it came from") && table.out.contains("before the ledgers"), "{}", table.out);
    let page = expect(0, &["trace", HOP, "--backward", "--ledger", &kept, "--format", "html"]);
    assert!(page.out.contains("Where it came from"), "{}", page.out);
    let run = expect(2, &["trace", HOP, "--backward", "--ledger", &kept, "--method", "tiho"]);
    assert!(run.err.contains("tiho"), "{}", run.err);
    // A node of another chain is not believed.
    let run = expect(2, &["trace", THIEF, "--fetch", &base, "--fetch-to", &other, "--chain", "eip155:56"]);
    assert!(run.err.contains("chain 1"), "{}", run.err);
    let run = expect(2, &["trace", THIEF, "--fetch", &base, "--fetch-to", &other, "--fetch-blocks", "9"]);
    assert!(run.err.contains("FIRST-LAST"), "{}", run.err);
}
