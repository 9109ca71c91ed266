//! Answers of EVM nodes: what is moved, what is a Problem, and that no number is cut to fit.

use palisade_money::ledger::MoveKind;
use palisade_money::read::{LedgerFormat, Options};

use crate::ledger::moves;
use crate::read::{check, ledger};

const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const WRAP: &str = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c";
const UNWRAP: &str = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65";
const WETH: &str = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const USDT: &str = "0xdac17f958d2ee523a2206206994597c13d831ec7";

fn a(n: u64) -> String {
    format!("0x{n:040x}")
}

fn word(n: u128) -> String {
    format!("{n:064x}")
}

fn id(n: u64) -> String {
    format!("0x{n:064x}")
}

fn transaction(n: u64, index: u32, from: u64, to: Option<u64>, value: &str) -> String {
    let to = to.map_or("null".to_owned(), |t| format!("\"{}\"", a(t)));
    format!(
        r#"{{"blockHash":"{h}","blockNumber":"0x64","chainId":"0x1","from":"{from}","gas":"0x5208","gasPrice":"0x2","hash":"{id}","input":"0x","nonce":"0x0","to":{to},"transactionIndex":"0x{index:x}","type":"0x2","value":"{value}"}}"#,
        h = id(100),
        from = a(from),
        id = id(n),
    )
}

fn block(txs: &[String], more: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"hash":"{}","logsBloom":"0x00","miner":"{}","number":"0x64","parentHash":"{}","stateRoot":"{}","timestamp":"0x5f5e1000","transactions":[{}]{more}}}}}"#,
        id(100),
        a(99),
        id(99),
        id(98),
        txs.join(",")
    )
}

fn log(token: &str, topics: &[String], data: &str, index: u32, tx: u64) -> String {
    format!(
        r#"{{"address":"{token}","topics":["{}"],"data":"0x{data}","blockNumber":"0x64","transactionHash":"{}","transactionIndex":"0x{:x}","logIndex":"0x{index:x}","removed":false}}"#,
        topics.join("\",\""),
        id(tx),
        tx - 1,
    )
}

fn party(n: u64) -> String {
    format!("0x{n:064x}")
}

fn transfer(token: &str, from: u64, to: u64, data: &str, index: u32, tx: u64) -> String {
    log(token, &[TRANSFER.to_owned(), party(from), party(to)], data, index, tx)
}

fn receipt(tx: u64, from: u64, to: Option<&str>, more: &str, logs: &[String]) -> String {
    format!(
        r#"{{"blockNumber":"0x64","transactionHash":"{}","transactionIndex":"0x{:x}","from":"{}","to":{},"cumulativeGasUsed":"0xa","gasUsed":"0xa","effectiveGasPrice":"0x3","logsBloom":"0x","logs":[{}]{more}}}"#,
        id(tx),
        tx - 1,
        a(from),
        to.map_or("null".to_owned(), |t| format!("\"{t}\"")),
        logs.join(",")
    )
}

fn answer(of: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"result":{of}}}"#)
}

#[test]
fn blocks_receipts_and_logs_make_one_ledger() {
    let txs = [
        transaction(1, 0, 1, Some(2), "0x38d7ea4c68000"),
        transaction(2, 1, 2, Some(3), "0x5"),
        transaction(3, 2, 3, None, "0x9"),
        transaction(4, 3, 4, Some(5), "0x0"),
    ];
    let withdrawals = format!(
        r#","withdrawals":[{{"index":"0x9","validatorIndex":"0x1","address":"{}","amount":"0x2"}}]"#,
        a(8)
    );
    let block = block(&txs, &withdrawals);
    let token = transfer(USDT, 4, 6, &word(1_000_000), 7, 4);
    let made = format!(r#","status":"0x1","contractAddress":"{}""#, a(9));
    let receipts = answer(&format!(
        "[{},{},{},{}]",
        receipt(1, 1, Some(&a(2)), r#","status":"0x1""#, &[]),
        receipt(2, 2, Some(&a(3)), r#","status":"0x0""#, &[]),
        receipt(3, 3, None, &made, &[]),
        receipt(4, 4, Some(&a(5)), r#","status":"0x1","l1Fee":"0x64""#, std::slice::from_ref(&token)),
    ));
    // The same log once more, and logs that are nothing: an approval, an ERC-721, one the chain took back.
    let thing = log(&a(70), &[TRANSFER.to_owned(), party(1), party(2), party(3)], "", 8, 4);
    let other = log(USDT, &[id(5), party(1), party(2)], &word(9), 9, 4);
    let back = transfer(USDT, 1, 2, &word(5), 10, 4).replace("\"removed\":false", "\"removed\":true");
    let logs = answer(&format!("[{token},{thing},{other},{back}]"));
    let l = check(
        LedgerFormat::EvmRpc,
        &[&block, &receipts, &logs],
        &Options::default(),
        &["ERC-721", "took back"],
    );
    let wanted = [
        "100/0 Fee 1>- 30 ETH",
        "100/0 Native 1>2 1000000000000000 ETH",
        "100/1 Fee 2>- 30 ETH",
        "100/2 Fee 3>- 30 ETH",
        "100/2 Native 3>9 9 ETH",
        "100/3 Fee 4>- 130 ETH",
        "100/3 Token 4>6 1000000 USDT",
        "100/-3 Mint ->8 2000000000 ETH",
    ];
    assert_eq!(moves(&l), wanted);
    assert_eq!(l.assets.iter().find(|a| &*a.symbol == "USDT").unwrap().decimals, Some(6));
    assert_eq!(l.txs.time[0].unwrap().to_string(), "2020-09-13T12:26:40.000000Z");
    // One object a line, without the answer around.
    let bare = [txs[0].clone(), receipt(1, 1, Some(&a(2)), r#","status":"0x1""#, &[])];
    let l = check(LedgerFormat::EvmRpc, &[&bare[0], &bare[1]], &Options::default(), &[]);
    assert_eq!(moves(&l), wanted[..2]);
}

#[test]
fn wrapping_moves_the_coin_both_ways() {
    let router = a(50);
    let deposit = |by: u64, index, tx| log(WETH, &[WRAP.to_owned(), party(by)], &word(7), index, tx);
    let withdrawal = |by: u64, index, tx| log(WETH, &[UNWRAP.to_owned(), party(by)], &word(7), index, tx);
    let mut pays = transaction(1, 0, 1, Some(0), "0x7");
    pays = pays.replace(&format!("\"to\":\"{}\"", a(0)), &format!("\"to\":\"{WETH}\""));
    let txs = [pays, transaction(2, 1, 2, Some(50), "0x7"), transaction(3, 2, 1, Some(0), "0x0")];
    let ok = r#","status":"0x1""#;
    let receipts = answer(&format!(
        "[{},{},{}]",
        receipt(1, 1, Some(WETH), ok, &[deposit(1, 0, 1)]),
        receipt(2, 2, Some(&router), ok, &[deposit(50, 1, 2)]),
        receipt(3, 1, Some(WETH), ok, &[withdrawal(1, 2, 3)]),
    ));
    let txs2: Vec<String> = txs
        .iter()
        .map(|t| t.replace(&format!("\"to\":\"{}\"", a(0)), &format!("\"to\":\"{WETH}\"")))
        .collect();
    let l = check(LedgerFormat::EvmRpc, &[&block(&txs2, ""), &receipts], &Options::default(), &[]);
    let without_fees: Vec<String> = moves(&l).into_iter().filter(|m| !m.contains("Fee")).collect();
    let wanted = [
        "100/0 Native 1>6cc2 7 ETH",
        "100/0 Mint ->1 7 WETH",
        "100/1 Native 2>32 7 ETH",
        "100/1 Internal 32>6cc2 7 ETH",
        "100/1 Mint ->32 7 WETH",
        "100/2 Internal 6cc2>1 7 ETH",
        "100/2 Burn 1>- 7 WETH",
    ];
    assert_eq!(without_fees, wanted);
    // A stranger's contract that says the same is no wrapped coin.
    let stranger = deposit(1, 0, 1).replace(WETH, &a(77));
    let l = check(LedgerFormat::EvmRpc, &[&answer(&format!("[{stranger}]"))], &Options::default(), &[]);
    assert!(moves(&l).is_empty());
    // Where traces give the same call, it counts once.
    let trace = format!(
        "transaction_hash,transaction_index,from_address,to_address,value,trace_type,call_type,trace_address,status,block_number\n\
         {},2,{WETH},{},7,call,call,0,1,100\n",
        id(3),
        a(1)
    );
    let files = [
        (0, LedgerFormat::EvmRpc, &*receipts),
        (1, LedgerFormat::EtlCsv, &*trace),
        (2, LedgerFormat::EvmRpc, &*receipts),
    ];
    let (l, _) = ledger(&files, &Options::default(), 1 << 16);
    let calls = (0..l.moves.tx.len()).filter(|&m| l.moves.kind[m] == MoveKind::Internal).count();
    assert_eq!(calls, 2);
}

#[test]
fn numbers_beyond_128_bits_are_told() {
    let most = "f".repeat(32);
    let over = format!("1{}", "0".repeat(32));
    let full = "f".repeat(64);
    let all = [
        transfer(USDT, 1, 2, &format!("{most:0>64}"), 0, 1),
        transfer(USDT, 1, 2, &format!("{over:0>64}"), 1, 1),
        transfer(USDT, 1, 2, &full, 2, 1),
        // Addresses of more than 20 bytes, words that are cut.
        log(USDT, &[TRANSFER.to_owned(), format!("0x1{}", &party(1)[3..]), party(2)], &word(1), 3, 1),
        transfer(USDT, 1, 2, "ff", 4, 1),
        transfer(USDT, 1, 2, &"z".repeat(64), 5, 1),
    ];
    let (l, problems) = ledger(
        &[(0, LedgerFormat::EvmRpc, &answer(&format!("[{}]", all.join(","))))],
        &Options::default(),
        1 << 16,
    );
    assert_eq!(l.moves.amount, [u128::MAX]);
    let told: u64 = problems.iter().filter(|p| p.message.contains("left out")).map(|p| p.count).sum();
    assert_eq!(told, 5, "{problems:#?}");
    assert!(problems.iter().any(|p| p.message.contains("beyond 128 bits") && p.count == 2), "{problems:#?}");
    // Values of coin, prices whose product is too great, blocks and positions that no chain has.
    for (from, to) in [
        ("\"value\":\"0x5\"", format!("\"value\":\"0x{over}\"")),
        ("\"value\":\"0x5\"", format!("\"value\":\"0x{most}\"")),
        ("\"value\":\"0x5\"", "\"value\":\"5\"".to_owned()),
        ("\"value\":\"0x5\"", "\"value\":\"-0x5\"".to_owned()),
        ("\"transactionIndex\":\"0x0\"", "\"transactionIndex\":\"0xffffffff\"".to_owned()),
        ("\"chainId\":\"0x1\"", "\"chainId\":\"0x38\"".to_owned()),
        ("\"blockNumber\":\"0x64\"", "\"blockNumber\":null".to_owned()),
    ] {
        let text = transaction(1, 0, 1, Some(2), "0x5").replace(from, &to);
        let (l, problems) = ledger(&[(0, LedgerFormat::EvmRpc, &text)], &Options::default(), 1 << 16);
        assert!(l.moves.tx.is_empty(), "{to}");
        assert!(problems.iter().any(|p| p.message.contains("left out")), "{to}: {problems:#?}");
    }
    let dear = receipt(1, 1, Some(&a(2)), r#","status":"0x1""#, &[])
        .replace("\"effectiveGasPrice\":\"0x3\"", &format!("\"effectiveGasPrice\":\"0x{}\"", "f".repeat(31)))
        .replace("\"gasUsed\":\"0xa\"", "\"gasUsed\":\"0xff\"");
    let (l, problems) = ledger(&[(0, LedgerFormat::EvmRpc, &dear)], &Options::default(), 1 << 16);
    assert!(l.moves.tx.is_empty());
    assert!(problems.iter().any(|p| p.message.contains("fee is beyond 128 bits")), "{problems:#?}");
    // Errors, ids only, and answers to other questions.
    for (text, says) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"limit"}}"#.to_owned(),
            "error of the node",
        ),
        (answer("\"0x10\""), "not as an EVM node"),
        (answer("{}"), "neither block"),
        (block(&[format!("\"{}\"", id(1))], ""), "ids only"),
    ] {
        let (_, problems) = ledger(&[(0, LedgerFormat::EvmRpc, &text)], &Options::default(), 1 << 16);
        assert!(problems.iter().any(|p| p.message.contains(says)), "{text}: {problems:#?}");
    }
}

#[test]
fn no_reader_cuts_an_amount() {
    // 2^128, 2^256 - 1 and a number of ten million digits, in decimal formats.
    let long = "9".repeat(10_000_000);
    for amount in [
        "340282366920938463463374607431768211456",
        "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        &long,
    ] {
        let etl = format!(
            "token_address,from_address,to_address,value,transaction_hash,log_index,block_number\n{USDT},{},{},{amount},{},0,1\n",
            a(1),
            a(2),
            id(1)
        );
        let tron = format!(
            r#"{{"data":[{{"transaction_id":"{}","token_info":{{"symbol":"USDT","address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","decimals":6}},"block_timestamp":1600000000000,"from":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","to":"TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8","type":"Transfer","value":"{amount}"}}]}}"#,
            "1".repeat(64)
        );
        for (format, text) in [(LedgerFormat::EtlCsv, etl), (LedgerFormat::TronGrid, tron)] {
            let (l, problems) = ledger(&[(0, format, &text)], &Options::default(), 1 << 20);
            assert!(l.moves.tx.is_empty(), "{format:?}");
            assert!(!problems.is_empty(), "{format:?}");
            assert!(problems.iter().all(|p| p.to_string().len() < 1_000), "{format:?}");
        }
    }
}
