//! Hostile input: every bad row is a Problem, the rest is read, and nothing grows out of bounds.

use palisade_model::{Origin, ProblemCode, SourceId};
use palisade_money::LedgerBuilder;
use palisade_money::ledger::Limits;
use palisade_money::read::rows;
use palisade_money::read::{LedgerFormat, Options, fuzz, read};

use crate::Random;
use crate::ledger::moves;
use crate::read::ledger;

const HEADER: &str = "token_address,from_address,to_address,value,transaction_hash,log_index,block_number\n";

fn row(n: u64, value: &str) -> String {
    format!("0x{:040x},0x{:040x},0x{:040x},{value},0x{n:064x},{n},5\n", 7, 1, 2)
}

#[test]
fn bad_rows_are_problems_and_the_rest_is_read() {
    let huge = "9".repeat(10 << 20);
    let checksum = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD";
    let text = [
        HEADER.to_owned(),
        row(1, "100"),
        row(2, "340282366920938463463374607431768211456"),
        row(3, "-1"),
        row(4, "1.5"),
        row(5, "NaN"),
        row(6, &huge),
        row(7, "7").replace(&format!("0x{:040x}", 1), checksum),
        row(8, "7").replace("0x0000000000000000000000000000000000000001", "0x01"),
        row(9, "7").replace(",9,5", ",99999999999,5"),
        row(10, "7").replace(",10,5", ",10,999999999999999999999999"),
        row(11, "7").replace("000b", "zzzz"),
        ",,,,,,\n\n\n".to_owned(),
        "x\n".to_owned(),
        row(12, "\"12"),
        row(13, "13"),
        row(14, "1e1"),
        "\u{fffd}".to_owned(),
    ]
    .concat();
    let (l, problems) = ledger(&[(0, LedgerFormat::EtlCsv, &text)], &Options::default(), 1 << 16);
    // The open quote of row 12 runs to the end of the source and takes what is behind it along, as one record.
    assert_eq!(moves(&l), ["5/-1 Token 1>2 100 "]);
    let messages: Vec<&str> = problems.iter().map(|p| &*p.message).collect();
    for wanted in [
        "beyond 128 bits",
        "negative",
        "finer than the smallest unit",
        "no number",
        "longer than",
        "wrong checksum",
        "truncated",
        "position in a block",
        "block number beyond",
        "neither 64 hexadecimal digits",
        "fewer fields",
    ] {
        assert!(messages.iter().any(|m| m.contains(wanted)), "no {wanted} in {messages:#?}");
    }
}

/// A quote that is never closed costs one line, not the file.
#[test]
fn an_open_quote_costs_a_line() {
    let mut text = HEADER.to_owned() + &row(1, "1") + &row(2, "\"2");
    for n in 3..8_000 {
        text += &row(n, "3");
    }
    assert!(text.len() > 1 << 20);
    let (l, problems) = ledger(&[(0, LedgerFormat::EtlCsv, &text)], &Options::default(), 1 << 16);
    assert_eq!(l.moves.tx.len(), 7_998);
    assert!(problems.iter().any(|p| p.code == ProblemCode::Limit), "{problems:?}");
}

#[test]
fn damaged_json_costs_an_object() {
    let good = |n: u64| {
        format!(
            r#"{{"token_address":"0x{:040x}","from_address":"0x{:040x}","to_address":"0x{:040x}","value":{n},"transaction_hash":"0x{n:064x}","log_index":1,"block_number":{n}}}"#,
            7, 1, 2
        )
    };
    let open = good(2).replace("\"log_index\":1", "\"log_index");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let text = [&good(1), &open, &good(3), "junk", &good(4), &deep, &good(5), &good(6)[..100]].join("\n");
    let (l, problems) = ledger(&[(0, LedgerFormat::EtlJson, &text)], &Options::default(), 17);
    let blocks: Vec<u64> = l.txs.block.clone();
    assert_eq!(blocks, [1, 3, 4, 5], "{problems:#?}");
    let codes: Vec<ProblemCode> = problems.iter().map(|p| p.code).collect();
    assert!(codes.contains(&ProblemCode::Truncated) && codes.contains(&ProblemCode::Syntax));
}

/// A dust storm: 10⁶ transfers into one address, a transaction each.
#[test]
fn a_million_transfers_into_one_address() {
    const ROWS: u64 = 1_000_000;
    let mut text = HEADER.to_owned();
    for n in 0..ROWS {
        text += &format!("0x{:040x},0x{n:040x},0x{:040x},1,0x{:064x},{},{}\n", 7, 2, n + 1, n % 300, n / 300);
    }
    let (l, problems) = ledger(&[(0, LedgerFormat::EtlCsv, &text)], &Options::default(), 1 << 16);
    assert_eq!(l.moves.tx.len() as u64, ROWS);
    assert_eq!(l.moves.amount.iter().sum::<u128>(), u128::from(ROWS));
    // Rows give no position in the block: that is one kind of problem, counted.
    assert!(problems.len() <= 1, "{problems:?}");
}

/// All in one transaction, equal, and without numbers of their own: each is a transfer.
#[test]
fn a_hundred_thousand_equal_transfers_in_one_transaction() {
    const ROWS: usize = 100_000;
    let header = "\"Transaction Hash\",\"Blockno\",\"UnixTimestamp\",\"DateTime (UTC)\",\"From\",\"To\",\"TokenValue\",\"USDValueDayOfTx\",\"ContractAddress\",\"TokenName\",\"TokenSymbol\"\n";
    let one = format!("0x{:064x},5,1600000000,x,0x{:040x},0x{:040x},1,,0x{:040x},T,T\n", 1, 1, 2, 7);
    let text = header.to_owned() + &one.repeat(ROWS);
    let (l, _) = ledger(
        &[(0, LedgerFormat::Etherscan, &text), (1, LedgerFormat::Etherscan, &text)],
        &Options::default(),
        1 << 16,
    );
    assert_eq!(l.moves.tx.len(), ROWS);
}

/// A block of transactions that spend each other in a circle, or in a long chain without positions.
#[test]
fn circles_and_chains_in_a_block() {
    let tx = |n: u64, spends: u64| {
        format!(
            r#"{{"txid":"{n:064x}","vin":[{{"txid":"{spends:064x}","vout":0,"prevout":null}}],"vout":[{{"value":1}}],"status":{{"confirmed":true,"block_height":5}}}}"#
        )
    };
    let circle: Vec<String> = (1..=1_000).map(|n| tx(n, n % 1_000 + 1)).collect();
    let (l, problems) =
        ledger(&[(0, LedgerFormat::Esplora, &circle.join("\n"))], &Options::default(), 1 << 16);
    assert!(problems.iter().any(|p| p.message.contains("made after it")), "{problems:?}");
    assert!(l.spends.len() < 1_000);
    let chain: Vec<String> = (1..=50_000).rev().map(|n| tx(n, n + 1)).collect();
    let (l, problems) =
        ledger(&[(0, LedgerFormat::Esplora, &chain.join("\n"))], &Options::default(), 1 << 16);
    assert_eq!(l.spends.len(), 50_000, "{problems:?}");
    assert_eq!(l.outputs.spent_by.iter().filter(|s| s.is_some()).count(), 49_999);
}

/// Seeded damage to one sample of each format: nothing panics.
#[test]
fn seeded_damage() {
    let samples: Vec<Vec<u8>> = [
        HEADER.to_owned() + &row(1, "100") + &row(2, "\"1,000\""),
        "\"Txhash\",\"Blockno\",\"UnixTimestamp\",\"DateTime\",\"From\",\"To\",\"ContractAddress\",\"Value_IN(ETH)\",\"Value_OUT(ETH)\",\"TxnFee(ETH)\"\n".to_owned()
            + &format!("0x{:064x},5,1600000000,x,0x{:040x},0x{:040x},,1.5,0,0.1\n", 1, 1, 2),
        format!(r#"[{{"txid":"{:064x}","vin":[{{"txid":"{:064x}","vout":0,"prevout":{{"value":5}}}}],"vout":[{{"value":4}}],"status":{{"confirmed":true,"block_height":5}}}}]"#, 1, 2),
        format!(r#"{{"result":{{"hash":"x","height":5,"time":1,"tx":[{{"txid":"{:064x}","vin":[{{"txid":"{:064x}","vout":0,"prevout":{{"value":1.5}}}}],"vout":[{{"value":0.00000001,"n":0}}]}}]}}}}"#, 1, 2),
        format!(r#"{{"hash":"{:064x}","block_number":1,"is_coinbase":false,"inputs":[{{"spent_transaction_hash":"{:064x}","spent_output_index":0,"value":5}}],"outputs":[{{"index":0,"value":4,"addresses":["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]}}]}}"#, 1, 2),
        format!(r#"{{"data":[{{"transaction_id":"{:064x}","token_info":{{"symbol":"T","address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","decimals":6}},"block_timestamp":1700000000000,"from":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","to":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","type":"Transfer","value":"5"}}]}}"#, 1),
        format!(r#"{{"slot":1,"meta":{{"err":null,"fee":5,"preBalances":[9,1],"postBalances":[3,2]}},"transaction":{{"signatures":["{:064x}"],"message":{{"accountKeys":["11111111111111111111111111111112","11111111111111111111111111111113"]}}}}}}"#, 1),
        format!("tx,block,time,from,to,amount,contract,fee\n{:064x},1,2024-01-01T00:00:00Z,0x{:040x},0x{:040x},1.5,,0.1\n", 1, 1, 2),
    ]
    .map(String::into_bytes)
    .to_vec();
    let mut random = Random(11);
    let inserts: [&[u8]; 10] = [
        b"\"",
        b"{",
        b"}",
        b"[",
        b",",
        b"\n",
        b"-",
        b"99999999999999999999999999999999999999999",
        b"\xff",
        b"null",
    ];
    for _ in 0..4_000 {
        let mut bytes = samples[random.below(samples.len())].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(5) {
                0 => bytes[at] = random.number() as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => drop(bytes.drain(at..(at + random.below(24)).min(bytes.len()))),
                3 => {
                    let insert = inserts[random.below(inserts.len())];
                    bytes.splice(at..at, insert.iter().copied());
                }
                _ => {
                    let part = bytes[at..(at + random.below(60)).min(bytes.len())].to_vec();
                    let to = random.below(bytes.len());
                    bytes.splice(to..to, part);
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        fuzz(&bytes);
    }
    for len in 0..300 {
        fuzz(&vec![b'{'; len]);
        fuzz(&(0..len).map(|_| random.number() as u8).collect::<Vec<u8>>());
    }
}

/// A full ledger ends reading, and says so once.
#[test]
fn a_full_ledger_says_so() {
    let text = HEADER.to_owned() + &(1..100).map(|n| row(n, "1")).collect::<String>();
    let mut b = LedgerBuilder::new(Limits { moves: 10, ..Limits::default() });
    let stream = &mut text.as_bytes();
    let options = Options::default();
    let problems = read(LedgerFormat::EtlCsv, stream, SourceId(0), &Origin::file("x"), &mut b, &options);
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, problems[0].count), (ProblemCode::Limit, 1));
    assert!(b.finish().0.moves.tx.len() <= 10);
}

/// A table is wanted for its columns; and rows of it as JSON lines make the ledger that the CSV makes.
#[test]
fn rows_by_name() {
    let text = HEADER.to_owned() + &row(1, "5") + &row(2, "-5");
    let (want, _) = ledger(&[(0, LedgerFormat::EtlCsv, &text)], &Options::default(), 100);
    let names: Vec<&str> = HEADER.trim().split(',').collect();
    assert!(rows::wanted(&names) && !rows::wanted(&names[1..]));
    let lines: Vec<String> = (text.lines().skip(1))
        .map(|line| {
            let cells =
                names.iter().zip(line.split(',')).map(|(name, cell)| format!("\"{name}\":\"{cell}\""));
            format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
        })
        .collect();
    let (have, problems) = ledger(&[(0, LedgerFormat::EtlJson, &lines.join("\n"))], &Options::default(), 100);
    assert!(problems.iter().any(|p| p.message.contains("negative")), "{problems:?}");
    assert_eq!(moves(&have), moves(&want));
}
