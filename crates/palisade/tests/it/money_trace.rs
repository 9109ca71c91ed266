//! `trace`: what it says of its own range, of swaps, of owners, of what it lacks.

use std::path::Path;

use serde_json::Value;

use crate::money::{THIEF, ledger, objects, tx};
use crate::{arg, expect, file};

fn of<'v>(all: &'v [Value], kind: &str) -> Vec<&'v Value> {
    all.iter().filter(|o| o["kind"] == kind).collect()
}

#[test]
fn evidence_states_its_range() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path());
    let asked = [
        "trace",
        THIEF,
        "--ledger",
        &ledger,
        "--asset",
        "ethereum",
        "--floor",
        "0.75",
        "--max-hops",
        "7",
        "--until",
        "2030-01-01",
        "-q",
        "--format",
    ];
    let run = |form: &str| expect(0, &[&asked[..], &[form]].concat()).out;
    let all = objects(&run("ndjson"));
    let s = of(&all, "summary")[0];
    assert_eq!(
        (s["floor"].as_str(), s["max_hops"].as_u64(), s["asset"].as_str()),
        (Some("0.75"), Some(7), Some("ethereum"))
    );
    assert!(s["until"].as_str().unwrap().starts_with("2030-01-01") && s["adds_up"] == true, "{s}");
    assert_eq!(s["below_floor"][0]["edges"], 1);
    // Half a coin is not followed to the service: it ends with who sent it.
    let ends: Vec<_> =
        of(&all, "terminal").iter().map(|t| (t["decimal"].clone(), t["reason"].clone())).collect();
    assert!(ends.contains(&("0.5".into(), "limit".into())), "{ends:?}");
    let page = run("html");
    for text in ["2030-01-01", "<td>0.75</td>", "<td>7</td>", "not followed"] {
        assert!(page.contains(text), "{text}");
    }
    let table = run("table");
    assert!(table.contains("floor: 0.75") && table.contains("until: 2030-01-01"), "{table}");
    assert!(table.contains("below the floor: 1 transfer with 0.5"), "{table}");
    // Before the thief pays anybody.
    let early = expect(
        0,
        &["trace", THIEF, "--ledger", &ledger, "--until", "2026-10-02T00:15:00Z", "--format", "ndjson", "-q"],
    );
    let all = objects(&early.out);
    let ends: Vec<_> =
        of(&all, "terminal").iter().map(|t| (t["decimal"].clone(), t["reason"].clone())).collect();
    assert_eq!(ends, [("1.5".into(), "resting".into())]);
}

#[test]
fn an_output_that_is_none_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path());
    let says = |start: &str, what: &str| {
        let run = expect(2, &["trace", start, "--ledger", &ledger]);
        assert!(run.err.contains(what), "{start}: {}", run.err);
    };
    says(&format!("{}:abc", tx(3)), "behind the colon stands its number");
    says(&format!("{}:99", tx(3)), "no output of this number");
    says(&format!("{}:0", tx(77)), "no ledger has this transaction");
    let run = expect(2, &["trace", THIEF, "--ledger", &ledger, "--reject-link", "nonsense"]);
    assert!(run.err.contains("two addresses"), "{}", run.err);
}

/// A table of moves of a chain of one's own, read by a mapping.
fn book(folder: &Path, mapping: &str, rows: &str) -> [String; 4] {
    let table = file(folder, "book/moves.csv", rows);
    let mapping = file(folder, "mapping.toml", mapping);
    ["--ledger".into(), table, "--mapping".into(), mapping]
}

#[test]
fn what_is_missing_is_listed_whole_and_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b, c, d] = book(
        dir.path(),
        "chain = \"book\"\nparties = \"names\"\n[columns]\ntx = \"tx\"\nfrom = \"from\"\nto = \"to\"\namount = \"amount\"\ntime = \"time\"\n",
        "tx,from,to,amount,time\n1,Victim,Thief,100,1790900001\n\"=cmd|x,1\",Thief,Mule,60,1790900002\n3,Else,Where,5,1790900003\n",
    );
    let needs = arg(&dir.path().join("needs.csv"));
    expect(0, &["trace", "Thief", &a, &b, &c, &d, "--needs", &needs, "-q"]);
    let text = std::fs::read_to_string(&needs).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<Vec<String>> =
        rows.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), 2, "{text}");
    // The start, of which 40 are still there, and the mule; no cell is a formula, and a comma parts no columns.
    assert!(rows.iter().any(|r| r[1] == "Thief"), "{text}");
    let mule = rows.iter().find(|r| r[1] == "Mule").unwrap();
    assert_eq!((mule[2].as_str(), mule[5].as_str()), ("60", "'=cmd|x,1"));
}

const USDT: &str = "0xdac17f958d2ee523a2206206994597c13d831ec7";
const POOL: &str = "0x7777777777777777777777777777777777777777";
const FAKE: &str = "0x9999999999999999999999999999999999999999";

#[test]
fn what_goes_by_a_swap_and_comes_back_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let victim = "0x1111111111111111111111111111111111111111";
    let rows = [
        format!("{},{victim},{THIEF},100,{USDT},1", tx(1)),
        format!("{},{THIEF},{POOL},100,{USDT},2", tx(2)),
        format!("{},{POOL},{THIEF},5,,2", tx(2)),
        format!("{},{THIEF},{POOL},5,,3", tx(3)),
        format!("{},{POOL},{THIEF},100,{USDT},3", tx(3)),
        // Half of it for a token that nobody knows.
        format!("{},{THIEF},{POOL},50,{USDT},4", tx(4)),
        format!("{},{POOL},{THIEF},1,{FAKE},4", tx(4)),
    ]
    .map(|r| {
        let (row, block) = r.rsplit_once(',').unwrap();
        format!("{row},{block},{}\n", 1_790_900_000 + block.parse::<u32>().unwrap())
    });
    let [a, b, c, d] = book(
        dir.path(),
        "chain = \"ethereum\"\n[columns]\ntx = \"tx\"\nfrom = \"from\"\nto = \"to\"\namount = \"amount\"\nasset = \"asset\"\nblock = \"block\"\ntime = \"time\"\n",
        &format!("tx,from,to,amount,asset,block,time\n{}", rows.concat()),
    );
    let trace = |more: &[&str]| expect(0, &[&["trace", THIEF, &a, &b, &c, &d, "-q"][..], more].concat()).out;
    let all = objects(&trace(&["--format", "ndjson", "--asset", USDT]));
    let swaps: Vec<_> =
        of(&all, "swap").iter().map(|s| (s["followed"].clone(), s["because"].clone())).collect();
    let known = (true.into(), "known_assets".into());
    assert_eq!(swaps, [known.clone(), known, (false.into(), "unknown_asset".into())]);
    let ends: Vec<_> = of(&all, "terminal")
        .iter()
        .map(|t| (t["address"].clone(), t["amount"].clone(), t["share"].clone()))
        .collect();
    let end = |who: &str, n: &str, share: &str| (who.into(), n.into(), share.into());
    assert_eq!(ends.len(), 2, "{ends:?}");
    assert!(ends.iter().any(|e| e.1 == "50" && e.2 == "0.500000"), "{ends:?}");
    assert!(
        ends.contains(&end(of(&all, "edge").last().unwrap()["to"].as_str().unwrap(), "50", "0.500000")),
        "{ends:?}"
    );
    let table = trace(&[]);
    assert!(table.contains("Swaps on the way") && table.contains("not followed as a swap"), "{table}");
    // Every asset by itself.
    let all = objects(&trace(&["--format", "ndjson", "--asset", USDT, "--no-swaps"]));
    assert!(of(&all, "swap").is_empty());
    assert_eq!(of(&all, "summary")[0]["swaps_followed"], false);
}

#[test]
fn owners_are_told_and_taken_apart() {
    const A: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    const C: &str = "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy";
    const D: &str = "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX";
    let dir = tempfile::tempdir().unwrap();
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
    let mined = r#"{"is_coinbase":true}"#;
    let input = format!(r#"{{"txid":"{}","vout":0,"prevout":{}}}"#, id(2), out(A, 1_000_000));
    let all = [
        transaction(1, mined, &[out(C, 700_000)]),
        transaction(2, mined, &[out(A, 1_000_000)]),
        // To an address that stood there before, a round sum; the rest to a fresh one, which is not round.
        transaction(3, &input, &[out(C, 500_000), out(D, 499_337)]),
    ];
    let ledger = file(dir.path(), "ledger.json", &format!("[{}]", all.join(",")));
    let trace = |more: &[&str]| {
        objects(
            &expect(0, &[&["trace", A, "--ledger", &ledger, "--format", "ndjson", "-q"][..], more].concat())
                .out,
        )
    };
    let change = |all: &[Value]| -> Vec<(String, bool)> {
        of(all, "edge")
            .iter()
            .map(|e| (e["to"].as_str().unwrap().to_owned(), e["own_change"].as_bool().unwrap()))
            .collect()
    };
    let found = trace(&[]);
    assert_eq!(change(&found), [(C.to_owned(), false), (D.to_owned(), true)]);
    let owner = of(&found, "owner")[0];
    let because = &owner["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| !m["because"].as_array().unwrap().is_empty())
        .unwrap()["because"][0];
    assert_eq!((because["by"].as_str(), because["tx"].as_str()), (Some("change"), Some(&*id(3))));
    assert!(of(&found, "reached").iter().any(|r| r["address"] == D && r["owner"] == 1));
    let table = expect(0, &["trace", A, "--ledger", &ledger, "-q"]).out;
    assert!(table.contains("owner 1: 2 addresses here") && table.contains("got the change of"), "{table}");
    let page = expect(0, &["trace", A, "--ledger", &ledger, "-q", "--format", "html"]).out;
    assert!(page.contains("Addresses of one owner") && page.contains("(change)"));
    // The fee has a place, too.
    assert!(
        of(&found, "terminal").iter().any(|t| t["reason"] == "burnt" && t["amount"] == "663"),
        "{found:#?}"
    );
    // An analyst knows better: by the pair, by the transaction, from a file.
    let listed = file(dir.path(), "apart.txt", &format!("# not one owner\n{D},{A}\n"));
    for reject in [format!("{A},{D}"), id(3), listed] {
        let found = trace(&["--reject-link", &reject]);
        assert!(of(&found, "owner").is_empty() && change(&found).iter().all(|c| !c.1), "{reject}");
        assert_eq!(of(&found, "summary")[0]["rejected_transactions"][0], id(3));
    }
    // What is not said again is undone.
    assert_eq!(of(&trace(&[]), "owner").len(), 1);
}

/// Many listed addresses hide none of what passes between them; what only burns, or was delisted, is no source.
#[test]
fn many_sanctioned_addresses_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let address = |n: u32| format!("0x{:040x}", 0x5a5a_0000_0000u64 + u64::from(n));
    let stranger = "0x5555555555555555555555555555555555555555";
    let burn = "0x0000000000000000000000000000000000000018";
    let mut text = String::from(
        "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,input,block_timestamp,receipt_status\n",
    );
    let mut n = 0;
    let mut pay = |from: &str, to: &str, value: u64| {
        n += 1;
        text += &format!(
            "{},0,0x{n:x},{},0,{from},{to},{value},21000,0,0x,{},1\n",
            tx(n),
            100 + n,
            1_790_900_000 + n
        );
    };
    for i in 0..70 {
        pay(stranger, &address(i), 1_000);
    }
    pay(&address(0), &address(69), 500);
    pay(&address(1), burn, 7);
    pay(burn, stranger, 7);
    file(dir.path(), "evidence/transactions.csv", &text);
    let mut pack = String::from(
        "title: listed\ncreator: test\ncurrency: ETH\nlastmod: 2026-01-01\nsource: test\nconfidence: authority_data\nlabel: Listed\nabuse: sanction\ntags:\n",
    );
    for a in (0..70).map(address).chain([burn.to_owned()]) {
        pack += &format!("  - address: \"{a}\"\n");
    }
    file(dir.path(), "evidence/labels.yaml", &pack);
    let evidence = arg(&dir.path().join("evidence"));
    let run = expect(0, &["investigate", &evidence, "--format", "ndjson", "--quiet"]);
    let found: Vec<Value> = objects(&run.out)
        .into_iter()
        .filter(|o| o["rule"]["id"].as_str().is_some_and(|r| r.starts_with("money.")))
        .collect();
    let rule = |id: &str| found.iter().filter(|f| f["rule"]["id"] == id).collect::<Vec<_>>();
    let reached = rule("money.sanctioned_counterparty");
    assert!(reached.iter().any(|f| f.to_string().contains(&address(69))), "{found:#?}");
    let moved = rule("money.moved_on");
    assert!(moved.iter().any(|f| f.to_string().contains(&tx(71)[2..])), "{moved:#?}");
    assert!(!moved.iter().any(|f| f["message"].to_string().contains(burn)), "{moved:#?}");
}
