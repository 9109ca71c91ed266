//! Formats, one sample each: what is moved, what is a Problem, and that neither chunks nor order of files matter.

use std::io::Read;

use palisade_model::{Origin, Problem, SourceId};
use palisade_money::LedgerBuilder;
use palisade_money::ledger::Ledger;
use palisade_money::read::{LedgerFormat, Mapping, Options, read, sniff};

use crate::Random;
use crate::ledger::{all, hold, moves, outputs};

/// Gives its bytes a few at a time.
pub struct Drip<'a>(pub &'a [u8], pub usize);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(out.len()).min(self.0.len());
        out[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

/// Reads files, each under its own number, in the order given.
pub fn ledger(
    files: &[(u32, LedgerFormat, &str)],
    options: &Options<'_>,
    step: usize,
) -> (Ledger, Vec<Problem>) {
    let mut b = LedgerBuilder::default();
    let mut problems = Vec::new();
    for (n, format, text) in files {
        let origin = Origin::file(format!("file{n}"));
        let stream = &mut Drip(text.as_bytes(), step);
        problems.extend(read(*format, stream, SourceId(*n), &origin, &mut b, options));
    }
    problems.sort_by_key(|p| (p.origin.clone(), p.offset, p.message.clone()));
    let (ledger, late) = b.finish();
    hold(&ledger);
    problems.extend(late);
    (ledger, problems)
}

/// Reads files that are recognised as `format`; the result is the same in any order and in any chunks. Each expected problem is
/// part of a message, in order.
pub fn check(
    format: LedgerFormat,
    files: &[&str],
    options: &Options<'_>,
    wanted_problems: &[&str],
) -> Ledger {
    let mut list: Vec<(u32, LedgerFormat, &str)> = (0..).zip(files).map(|(n, f)| (n, format, *f)).collect();
    for (_, _, text) in &list {
        let wanted = (format != LedgerFormat::Generic).then_some(format);
        assert_eq!(sniff(text.as_bytes()), wanted, "{text}");
    }
    let (first, problems) = ledger(&list, options, 1 << 16);
    let got: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(got.len(), wanted_problems.len(), "{got:#?}");
    for (got, wanted) in got.iter().zip(wanted_problems) {
        assert!(got.contains(wanted), "{got} has no {wanted}");
    }
    let mut random = Random(9);
    for step in [1, 7, 1000, 64, 3, 5] {
        random.shuffle(&mut list);
        let (again, same) = ledger(&list, options, step);
        assert_eq!(all(&again), all(&first));
        assert_eq!(same, problems);
    }
    first
}

fn plain() -> Options<'static> {
    Options::default()
}

fn a(n: u64) -> String {
    format!("0x{n:040x}")
}

fn t(n: u64) -> String {
    format!("0x{n:064x}")
}

#[test]
fn etherscan_transactions() {
    // Two headers of different years; the second file repeats one row of the first.
    let old = format!(
        "\"Txhash\",\"Blockno\",\"UnixTimestamp\",\"DateTime\",\"From\",\"To\",\"ContractAddress\",\"Value_IN(ETH)\",\"Value_OUT(ETH)\",\"CurrentValue @ $1850.12/Eth\",\"TxnFee(ETH)\",\"TxnFee(USD)\",\"Historical $Price/Eth\",\"Status\",\"ErrCode\"\n\
         \"{t1}\",\"100\",\"1600000000\",\"9/13/2020 12:26:40 PM\",\"{a1}\",\"{a2}\",\"\",\"0\",\"1,234.5\",\"2283973.14\",\"0.000021\",\"0.04\",\"365.1\",\"\",\"\"\n\
         \"{t2}\",\"101\",\"1600000015\",\"9/13/2020 12:26:55 PM\",\"{a1}\",\"{a3}\",\"\",\"0\",\"7\",\"0\",\"0.000042\",\"0.04\",\"365.1\",\"Error(0)\",\"out of gas\"\n\
         \"{t3}\",\"102\",\"1600000030\",\"9/13/2020 12:27:10 PM\",\"{a1}\",\"\",\"{a9}\",\"0\",\"2\",\"0\",\"0.1\",\"0.04\",\"365.1\",\"\",\"\"\n",
        t1 = t(1),
        t2 = t(2),
        t3 = t(3),
        a1 = a(1),
        a2 = a(2),
        a3 = a(3),
        a9 = a(9),
    );
    let new = format!(
        "\u{feff}\"Transaction Hash\",\"Blockno\",\"UnixTimestamp\",\"DateTime (UTC)\",\"From\",\"To\",\"ContractAddress\",\"Value_IN(ETH)\",\"Value_OUT(ETH)\",\"CurrentValue @ $2000/Eth\",\"TxnFee(ETH)\",\"TxnFee(USD)\",\"Historical $Price/Eth\",\"Status\",\"ErrCode\",\"Method\"\r\n\
         \"{t1}\",\"100\",\"1600000000\",\"2020-09-13 12:26:40\",\"{a1}\",\"{a2}\",\"\",\"1234.5\",\"0\",\"0\",\"0.000021\",\"0\",\"\",\"\",\"\",\"Transfer\"\r\n\
         \"{t4}\",\"102\",\"\",\"2020-09-13 12:27:10\",\"{a2}\",\"{a2}\",\"\",\"0.000000000000000001\",\"0\",\"0\",\"0\",\"0\",\"\",\"\",\"\",\"Transfer\"\r\n\
         \"{t5}\",\"103\",\"\",\"2020-09-13 12:27:25\",\"{a2}\",\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD\",\"\",\"1\",\"0\",\"0\",\"0\",\"0\",\"\",\"\",\"\",\"Transfer\"\r\n\
         \"{t5}\",\"103\",\"\",\"2020-09-13 12:27:25\",\"{a2}\",\"{a3}\",\"\",\"-1\",\"0\",\"0\",\"0\",\"0\",\"\",\"\",\"\",\"Transfer\"\r\n\
         \"{t5}\",\"103\",\"\",\"2020-09-13 12:27:25\",\"{a2}\",\"{a3}\",\"\",\"0.0000000000000000001\",\"0\",\"0\",\"0\",\"0\",\"\",\"\",\"\",\"Transfer\"\r\n",
        t1 = t(1),
        t4 = t(4),
        t5 = t(5),
        a1 = a(1),
        a2 = a(2),
        a3 = a(3),
    );
    let problems =
        ["wrong checksum", "negative", "finer than the smallest", "position in it no source gives"];
    let l = check(LedgerFormat::Etherscan, &[&old, &new], &plain(), &problems);
    assert_eq!(
        moves(&l),
        [
            "100/-1 Fee 1>- 21000000000000 ETH",
            "100/-1 Native 1>2 1234500000000000000000 ETH",
            "101/-1 Fee 1>- 42000000000000 ETH",
            "102/-1 Fee 1>- 100000000000000000 ETH",
            "102/-1 Native 1>9 2000000000000000000 ETH",
            "102/-1 Native 2>2 1 ETH",
        ]
    );
    assert_eq!(l.txs.time[0].unwrap().to_string(), "2020-09-13T12:26:40.000000Z");
    assert_eq!(l.moves.citation[5].record, 2);
    let offset = l.moves.citation[5].offset as usize;
    assert!(new.as_bytes()[offset..].starts_with(format!("\"{}", t(4)).as_bytes()));
}

#[test]
fn etherscan_internal_and_tokens() {
    let internal = format!(
        "\"Transaction Hash\",\"Blockno\",\"UnixTimestamp\",\"DateTime (UTC)\",\"ParentTxFrom\",\"ParentTxTo\",\"ParentTxETH_Value\",\"From\",\"TxTo\",\"ContractAddress\",\"Value_IN(BNB)\",\"Value_OUT(BNB)\",\"CurrentValue @ $300/BNB\",\"Historical $Price/BNB\",\"Status\",\"ErrCode\",\"Type\"\n\
         \"{t1}\",\"100\",\"1600000000\",\"2020-09-13 12:26:40\",\"{a1}\",\"{a2}\",\"0\",\"{a2}\",\"{a3}\",\"\",\"0.5\",\"0\",\"\",\"\",\"0\",\"\",\"call\"\n\
         \"{t1}\",\"100\",\"1600000000\",\"2020-09-13 12:26:40\",\"{a1}\",\"{a2}\",\"0\",\"{a2}\",\"{a3}\",\"\",\"0.5\",\"0\",\"\",\"\",\"0\",\"\",\"call\"\n",
        t1 = t(1),
        a1 = a(1),
        a2 = a(2),
        a3 = a(3),
    );
    let l = check(LedgerFormat::Etherscan, &[&internal], &plain(), &[]);
    let half = "100/-1 Internal 2>3 500000000000000000 BNB";
    assert_eq!(moves(&l), [half, half]);
    assert_eq!(&*l.assets[0].chain, "eip155:56");

    let tokens = format!(
        "\"Transaction Hash\",\"Blockno\",\"UnixTimestamp\",\"DateTime (UTC)\",\"From\",\"To\",\"TokenValue\",\"USDValueDayOfTx\",\"ContractAddress\",\"TokenName\",\"TokenSymbol\"\n\
         \"{t1}\",\"100\",\"1600000000\",\"2020-09-13 12:26:40\",\"{a1}\",\"{a2}\",\"1,000.25\",\"\",\"{a7}\",\"Tether, \"\"USD\"\"\",\"USDT\"\n\
         \"{t1}\",\"100\",\"1600000000\",\"2020-09-13 12:26:40\",\"{a0}\",\"{a2}\",\"3\",\"\",\"{a7}\",\"Tether\",\"USDT\"\n",
        t1 = t(1),
        a0 = a(0),
        a1 = a(1),
        a2 = a(2),
        a7 = a(7),
    );
    let l = check(LedgerFormat::Etherscan, &[&tokens], &plain(), &["decimals"]);
    assert_eq!(moves(&l), ["100/-1 Mint ->2 300 USDT", "100/-1 Token 1>2 100025 USDT"]);
    // With a source that knows the decimals.
    let about = format!("address,symbol,name,decimals,total_supply\n{},USDT,Tether,6,1\n", a(7));
    let files = [(0, LedgerFormat::Etherscan, &*tokens), (1, LedgerFormat::EtlCsv, &*about)];
    let (l, problems) = ledger(&files, &plain(), 100);
    assert_eq!(moves(&l), ["100/-1 Mint ->2 3000000 USDT", "100/-1 Token 1>2 1000250000 USDT"]);
    assert_eq!(problems, []);
}

#[test]
fn an_export_of_exactly_the_limit_is_cut() {
    let header = "\"Txhash\",\"Blockno\",\"UnixTimestamp\",\"DateTime\",\"From\",\"To\",\"ContractAddress\",\"Value_IN(ETH)\",\"Value_OUT(ETH)\"\n";
    for (rows, cut) in [(4_999, false), (5_000, true), (5_001, false)] {
        let mut text = header.to_owned();
        for n in 0..rows {
            text += &format!("{},{n},1600000000,x,{},{},,1,0\n", t(n + 1), a(1), a(2));
        }
        let (l, problems) = ledger(&[(0, LedgerFormat::Etherscan, &text)], &plain(), 1 << 16);
        assert_eq!(l.moves.tx.len(), rows as usize);
        assert_eq!(problems.iter().any(|p| p.message.contains("5,000")), cut, "{rows}");
    }
}

/// ethereum-etl: four tables that say one thing together.
fn etl_tables() -> Vec<String> {
    let transactions = format!(
        "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,input,block_timestamp,max_fee_per_gas,max_priority_fee_per_gas,transaction_type\n\
         {t1},1,{t9},200,0,{a1},{a2},1000,90000,10,0x,1700000000,,,2\n\
         {t2},2,{t9},200,1,{a1},,50,90000,10,0x,1700000000,,,2\n\
         {t3},3,{t9},200,2,{a1},{a2},70,90000,10,0x,1700000000,,,2\n",
        t1 = t(1),
        t2 = t(2),
        t3 = t(3),
        t9 = t(99),
        a1 = a(1),
        a2 = a(2),
    );
    let receipts = format!(
        "transaction_hash,transaction_index,block_hash,block_number,cumulative_gas_used,gas_used,contract_address,root,status,effective_gas_price\n\
         {t1},0,{t9},200,21000,21000,,,1,9\n\
         {t2},1,{t9},200,42000,21000,{a9},,1,9\n\
         {t3},2,{t9},200,63000,21000,,,0,9\n",
        t1 = t(1),
        t2 = t(2),
        t3 = t(3),
        t9 = t(99),
        a9 = a(9),
    );
    let logs = format!(
        "token_address,from_address,to_address,value,transaction_hash,log_index,block_number\n\
         {a7},{a1},{a2},5,{t1},11,200\n\
         {a7},{a1},{a2},5,{t1},12,200\n\
         {a7},{a0},{a3},6,{t1},2,200\n\
         {a8},{a1},{a2},4711,{t1},13,200\n",
        t1 = t(1),
        a0 = a(0),
        a1 = a(1),
        a2 = a(2),
        a3 = a(3),
        a7 = a(7),
        a8 = a(8),
    );
    let traces = format!(
        "block_number,transaction_hash,transaction_index,from_address,to_address,value,input,output,trace_type,call_type,reward_type,gas,gas_used,subtraces,trace_address,error,status,trace_id\n\
         200,{t1},0,{a1},{a2},1000,0x,0x,call,call,,1,1,4,,,1,x\n\
         200,{t1},0,{a2},{a3},300,0x,0x,call,call,,1,1,1,\"0\",,1,x\n\
         200,{t1},0,{a3},{a4},1,0x,0x,call,call,,1,1,0,\"0,0\",,1,x\n\
         200,{t1},0,{a2},{a4},999,0x,0x,call,delegatecall,,1,1,0,\"1\",,1,x\n\
         200,{t1},0,{a2},{a5},20,0x,0x,call,call,,1,1,1,\"2\",Reverted,0,x\n\
         200,{t1},0,{a5},{a6},10,0x,0x,call,call,,1,1,0,\"2,0\",,1,x\n\
         200,{t1},0,{a2},{a6},7,0x,0x,suicide,,,1,1,0,\"10\",,1,x\n\
         200,{t1},0,{a2},{a6},8,0x,0x,call,call,,1,1,0,\"3\",,1,x\n\
         200,,,,{a4},2000000000000000000,,,reward,,block,,,0,,,1,x\n",
        t1 = t(1),
        a1 = a(1),
        a2 = a(2),
        a3 = a(3),
        a4 = a(4),
        a5 = a(5),
        a6 = a(6),
    );
    let contracts = format!(
        "address,bytecode,function_sighashes,is_erc20,is_erc721,block_number\n{},0x,,False,True,1\n{},0x,,True,False,1\n",
        a(8),
        a(7)
    );
    vec![transactions, receipts, logs, traces, contracts]
}

const ETL_MOVES: [&str; 13] = [
    "200/0 Fee 1>- 189000 ETH",
    "200/0 Native 1>2 1000 ETH",
    "200/0 Internal 2>3 300 ETH",
    "200/0 Internal 3>4 1 ETH",
    "200/0 Internal 2>6 8 ETH",
    "200/0 Internal 2>6 7 ETH",
    "200/0 Mint ->3 6 ",
    "200/0 Token 1>2 5 ",
    "200/0 Token 1>2 5 ",
    "200/1 Fee 1>- 189000 ETH",
    "200/1 Native 1>9 50 ETH",
    "200/2 Fee 1>- 189000 ETH",
    "200/-2 Mint ->4 2000000000000000000 ETH",
];

#[test]
fn ethereum_etl_csv() {
    let tables = etl_tables();
    let files: Vec<&str> = tables.iter().map(String::as_str).collect();
    let l = check(LedgerFormat::EtlCsv, &files, &plain(), &["ERC-721"]);
    assert_eq!(moves(&l), ETL_MOVES);
    // Without receipts and traces, success is assumed, and said.
    let l = check(
        LedgerFormat::EtlCsv,
        &files[..1],
        &plain(),
        &["whose success no source gives", "address no source names"],
    );
    assert_eq!(moves(&l).len(), 3);
}

/// The same rows as JSON lines, in one file, as the tool's stream writes them.
#[test]
fn ethereum_etl_json() {
    let mut text = String::new();
    for table in etl_tables() {
        let mut lines = table.lines();
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        for line in lines {
            // The only quoted cells are lists, in one table.
            let (line, list) = match line.split_once('"') {
                Some((before, rest)) => {
                    let (list, after) = rest.split_once('"').unwrap();
                    (format!("{before}[]{after}"), list)
                }
                None => (line.to_owned(), ""),
            };
            let cells = names.iter().zip(line.split(',')).map(|(name, cell)| {
                let number = !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit());
                match cell {
                    "" => format!("\"{name}\": null"),
                    "[]" => format!("\"{name}\": [{list}]"),
                    "True" | "False" => format!("\"{name}\": {}", cell.to_lowercase()),
                    cell if number => format!("\"{name}\": {cell}"),
                    cell => format!("\"{name}\": \"{cell}\""),
                }
            });
            text += &format!("{{\"item\": 1, {}}}\n", cells.collect::<Vec<_>>().join(", "));
        }
    }
    let l = check(LedgerFormat::EtlJson, &[&text], &plain(), &["ERC-721"]);
    assert_eq!(moves(&l), ETL_MOVES);
}

const BTC: [&str; 4] = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC",
];

fn i(n: u64) -> String {
    format!("{n:064x}")
}

#[test]
fn bitcoin_etl() {
    let text = format!(
        r#"{{"hash":"{i1}","size":1,"block_number":10,"block_hash":"{i9}","block_timestamp":1231006505,"is_coinbase":true,"index":0,"inputs":[],"outputs":[{{"index":0,"script_asm":"x","type":"pubkeyhash","addresses":["{b0}"],"value":5000000000}}]}}
{{"hash":"{i2}","size":1,"block_number":11,"block_hash":"{i9}","block_timestamp":1231006605,"is_coinbase":false,"index":1,"inputs":[{{"index":0,"spent_transaction_hash":"{i1}","spent_output_index":0,"addresses":[],"value":null}}],"outputs":[{{"index":0,"type":"pubkeyhash","addresses":["{b1}"],"value":4000000000}},{{"index":1,"type":"nonstandard","addresses":["nonstandardab"],"value":900000000}},{{"index":2,"type":"multisig","addresses":["{b0}","{b1}"],"value":1}}]}}
{{"hash":"{i3}","size":1,"block_number":11,"block_timestamp":1231006605,"is_coinbase":false,"index":2,"inputs":[],"outputs":[{{"index":0,"type":"pubkeyhash","addresses":["{b1}"],"value":-4}}]}}
"#,
        i1 = i(1),
        i2 = i(2),
        i3 = i(3),
        i9 = i(9),
        b0 = BTC[0],
        b1 = BTC[1],
    );
    let l = check(LedgerFormat::EtlJson, &[&text], &plain(), &["negative or beyond"]);
    assert_eq!(outputs(&l), ["1:0 5000000000 2", "2:0 4000000000 -", "2:1 900000000 -", "2:2 1 -"]);
    let parties: Vec<&str> = l.outputs.party.iter().map(|p| &*l.parties[p.0 as usize].address).collect();
    assert_eq!(parties, [BTC[0], BTC[1], "", ""]);
}

fn esplora() -> String {
    format!(
        r#"[
 {{"txid":"{i2}","version":2,"locktime":0,"fee":700,
  "vin":[{{"txid":"{i1}","vout":1,"prevout":{{"scriptpubkey":"00","scriptpubkey_asm":"","scriptpubkey_type":"p2pkh","scriptpubkey_address":"{b0}","value":5000000000}},"scriptsig":"","is_coinbase":false,"sequence":1}},
   {{"txid":"{i8}","vout":0,"prevout":null,"is_coinbase":false,"sequence":1}}],
  "vout":[{{"scriptpubkey":"00","scriptpubkey_type":"v0_p2wpkh","scriptpubkey_address":"{b2}","value":4300000000}},{{"scriptpubkey":"6a","scriptpubkey_type":"op_return","value":0}}],
  "status":{{"confirmed":true,"block_height":700000,"block_hash":"{i9}","block_time":1631333672}}}},
 {{"txid":"{i3}","version":2,"locktime":0,"fee":700,
  "vin":[{{"txid":"{i2}","vout":0,"prevout":{{"scriptpubkey_address":"{b2}","value":4300000000}},"is_coinbase":false,"sequence":1}}],
  "vout":[{{"scriptpubkey_address":"{b3}","value":4299999300}}],
  "status":{{"confirmed":true,"block_height":700000,"block_time":1631333672}}}},
 {{"txid":"{i4}","vin":[],"vout":[],"status":{{"confirmed":false}}}}
]"#,
        i1 = i(1),
        i2 = i(0x22),
        i3 = i(3),
        i4 = i(4),
        i8 = i(8),
        i9 = i(9),
        b0 = BTC[0],
        b2 = BTC[2],
        b3 = BTC[3],
    )
}

#[test]
fn esplora_arrays_lines_and_single() {
    let array = esplora();
    let want = ["1:1 5000000000? 22", "22:0 4300000000 3", "22:1 0 -", "3:0 4299999300 -"];
    let l = check(LedgerFormat::Esplora, &[&array], &plain(), &["not confirmed"]);
    assert_eq!(outputs(&l), want);
    assert_eq!(l.spends[0].unknown_inputs, 1);
    // One a line, and one a file.
    let lines: Vec<String> =
        array.trim_matches(['[', ']', '\n']).split(",\n {\"txid\"").map(|o| o.replace('\n', "")).collect();
    let lines: Vec<String> = lines
        .iter()
        .map(|o| if o.trim().starts_with('{') { o.trim().into() } else { format!("{{\"txid\"{o}") })
        .collect();
    let l = check(LedgerFormat::Esplora, &[&(lines.join("\n") + "\n")], &plain(), &["not confirmed"]);
    assert_eq!(outputs(&l), want);
    let l = check(LedgerFormat::Esplora, &[&lines[1], &lines[0]], &plain(), &[]);
    assert_eq!(outputs(&l), want);
}

#[test]
fn bitcoin_core_blocks() {
    let block = |height: u64, txs: &str| {
        format!(
            r#"{{"hash":"{}","confirmations":3,"height":{height},"version":1,"merkleroot":"{}","time":1231006505,"nTx":2,"tx":[{txs}]}}"#,
            i(9),
            i(8)
        )
    };
    let coinbase = format!(
        r#"{{"txid":"{}","hash":"x","vin":[{{"coinbase":"04ff","sequence":1}}],"vout":[{{"value":50.00000000,"n":0,"scriptPubKey":{{"asm":"","type":"pubkeyhash","address":"{}"}}}}]}}"#,
        i(1),
        BTC[0],
    );
    // 0.1 + 0.2 is not 0.3 in floats; an amount may come as 1e-8.
    let spend = format!(
        r#"{{"txid":"{}","vin":[{{"txid":"{}","vout":0,"prevout":{{"generated":true,"height":1,"value":50.00000000,"scriptPubKey":{{"address":"{}"}}}}}}],"vout":[{{"value":20999999.97690000,"n":1,"scriptPubKey":{{"addresses":["{}"]}}}},{{"value":1e-8,"n":0,"scriptPubKey":{{"type":"nulldata"}}}}],"fee":0.1}}"#,
        i(2),
        i(1),
        BTC[0],
        BTC[1],
    );
    let good = spend.replace("20999999.97690000", "0.30000000");
    let one = block(10, &coinbase);
    let two = format!(
        r#"{{"result":{},"error":null,"id":"x"}}"#,
        block(11, &format!("{good},{}", good.replace(&i(2), &i(5)).replace("0.30000000", "0.123456789")))
    );
    let l = check(LedgerFormat::BitcoinCore, &[&one, &two], &plain(), &["finer"]);
    assert_eq!(outputs(&l), ["1:0 5000000000 2", "2:0 1 -", "2:1 30000000 -"]);
    assert_eq!(l.txs.index[1], 0);
    let cited = &two[l.txs.citation[1].offset as usize..];
    assert!(cited.starts_with(&format!("{{\"txid\":\"{}", i(2))));
    let l = check(LedgerFormat::BitcoinCore, &[&one, &block(11, &spend)], &plain(), &["more goes out"]);
    assert_eq!(outputs(&l), ["1:0 5000000000 -"]);
    let ids = block(11, &format!("\"{}\"", i(1)));
    check(LedgerFormat::BitcoinCore, &[&ids], &plain(), &["verbosity"]);
}

#[test]
fn trongrid() {
    let hexa = |n: u64| format!("41{n:040x}");
    let transactions = format!(
        r#"{{"data":[
{{"ret":[{{"contractRet":"SUCCESS","fee":1100000}}],"txID":"{i1}","blockNumber":500,"block_timestamp":1700000000000,"raw_data":{{"contract":[{{"parameter":{{"value":{{"amount":2500000,"owner_address":"{a1}","to_address":"{a2}"}},"type_url":"x"}},"type":"TransferContract"}}],"timestamp":1}},"internal_transactions":[]}},
{{"ret":[{{"contractRet":"REVERT","fee":300}}],"txID":"{i2}","blockNumber":501,"block_timestamp":1700000003000,"raw_data":{{"contract":[{{"parameter":{{"value":{{"call_value":9,"data":"a9","owner_address":"{a1}","contract_address":"{a3}"}}}},"type":"TriggerSmartContract"}}]}}}},
{{"ret":[{{"contractRet":"SUCCESS","fee":0}}],"txID":"{i4}","blockNumber":502,"block_timestamp":1700000006000,"raw_data":{{"contract":[{{"parameter":{{"value":{{"amount":7,"asset_name":"1002000","owner_address":"{a1}","to_address":"{a2}"}}}},"type":"TransferAssetContract"}}]}}}}
],"success":true,"meta":{{"at":1,"page_size":3}}}}"#,
        i1 = i(1),
        i2 = i(2),
        i4 = i(4),
        a1 = hexa(1),
        a2 = hexa(2),
        a3 = hexa(3),
    );
    let usdt = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
    let nobody = "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb";
    let trc20 = format!(
        r#"{{"data":[
{{"transaction_id":"{i3}","token_info":{{"symbol":"USDT","address":"{usdt}","decimals":6,"name":"Tether USD"}},"block_timestamp":1700000004000,"from":"{usdt}","to":"{nobody}","type":"Transfer","value":"12000000"}},
{{"transaction_id":"{i3}","token_info":{{"symbol":"USDT","address":"{usdt}","decimals":6,"name":"Tether USD"}},"block_timestamp":1700000004000,"from":"{usdt}","to":"{nobody}","type":"Approval","value":"99"}},
{{"transaction_id":"{i3}","token_info":{{"symbol":"USDT","address":"{usdt}","decimals":600,"name":"Tether USD"}},"block_timestamp":1700000004000,"from":"{usdt}","to":"{usdt}","type":"Transfer","value":"1"}},
{{"transaction_id":"{i3}","token_info":{{"symbol":"USDT","address":"{bad}","decimals":6,"name":"Tether USD"}},"block_timestamp":1700000004000,"from":"{usdt}","to":"{usdt}","type":"Transfer","value":"1"}},
{{"transaction_id":"{i3}","token_info":{{"symbol":"USDT","address":"{usdt}","decimals":6,"name":"Tether USD"}},"block_timestamp":1700000004000,"from":"{usdt}","to":"{usdt}","type":"Transfer","value":"340282366920938463463374607431768211456"}}
],"success":true,"meta":{{"at":1,"page_size":20}}}}"#,
        i3 = i(3),
        bad = usdt.replace("TR7", "TR8"),
    );
    let problems = ["more decimals", "token's address is damaged", "beyond 128 bits"];
    let l = check(LedgerFormat::TronGrid, &[&transactions, &trc20], &plain(), &problems);
    // The transfer without a block stands where its time is.
    let blocks: Vec<(u64, &str)> =
        l.txs.block.iter().copied().zip(l.txs.id.iter().map(|i| i.trim_start_matches('0'))).collect();
    assert_eq!(blocks, [(500, "1"), (501, "2"), (501, "3"), (502, "4")]);
    let short: Vec<String> = (0..l.moves.tx.len())
        .map(|m| {
            format!(
                "{:?} {} {}",
                l.moves.kind[m], l.moves.amount[m], l.assets[l.moves.asset[m].0 as usize].symbol
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            "Fee 1100000 TRX",
            "Native 2500000 TRX",
            "Fee 300 TRX",
            "Burn 12000000 USDT",
            "Token 1 USDT",
            "Token 7 "
        ]
    );
    assert!(l.assets.iter().any(|a| a.contract.as_deref() == Some("trc10:1002000")));
}

#[test]
fn solana() {
    let k = |n: usize| format!("{}{}", "1".repeat(31), ["2", "3", "4", "5", "6", "7"][n]);
    let signature =
        "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQpjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW";
    let text = format!(
        r#"{{"jsonrpc":"2.0","result":{{"blockTime":1700000000,"slot":9000,"meta":{{"err":null,"fee":5000,"preBalances":[1000000,0,50,7],"postBalances":[694995,300005,50,7],"innerInstructions":[],"preTokenBalances":[{{"accountIndex":2,"mint":"{mint}","owner":"{k0}","uiTokenAmount":{{"amount":"900","decimals":6,"uiAmount":0.0009,"uiAmountString":"0.0009"}}}}],"postTokenBalances":[{{"accountIndex":2,"mint":"{mint}","owner":"{k0}","uiTokenAmount":{{"amount":"600","decimals":6}}}},{{"accountIndex":3,"mint":"{mint}","owner":"{k1}","uiTokenAmount":{{"amount":"250","decimals":6}}}}],"loadedAddresses":{{"readonly":[],"writable":[]}}}},"transaction":{{"message":{{"accountKeys":[{{"pubkey":"{k0}","signer":true,"writable":true,"source":"transaction"}},{{"pubkey":"{k1}","signer":false,"writable":true}},{{"pubkey":"{k2}","signer":false,"writable":true}},{{"pubkey":"{k3}","signer":false,"writable":true}}],"instructions":[]}},"signatures":["{signature}"]}},"version":0}},"id":1}}"#,
        k0 = k(0),
        k1 = k(1),
        k2 = k(2),
        k3 = k(3),
        mint = k(4),
    );
    let l = check(LedgerFormat::Solana, &[&text], &plain(), &[]);
    assert_eq!(&*l.txs.id[0], signature);
    // Of what left, 300 tokens, 250 arrived; the rest is burnt.
    assert_eq!(
        moves(&l),
        [
            "9000/-1 Fee 1112>- 5000 SOL",
            "9000/-1 Native 1112>1113 300005 SOL",
            "9000/-1 Token 1112>1113 250 ",
            "9000/-1 Burn 1112>- 50 ",
        ]
    );
    let failed = text.replace(r#""err":null"#, r#""err":{"InstructionError":[0,"x"]}"#);
    let l = check(LedgerFormat::Solana, &[&failed], &plain(), &[]);
    assert_eq!(moves(&l), ["9000/-1 Fee 1112>- 5000 SOL"]);
}

#[test]
fn generic_tables() {
    let mapping = Mapping::parse(
        r#"
        chain = "tron"
        separator = ";"
        [columns]
        tx = "Hash"
        time = "When"
        from = "Sender"
        to = "Recipient"
        amount = "Quantity"
        asset = "Contract"
        symbol = "Coin"
        fee = "Fee"
        status = "Result"
        step = "Log"
        [amount]
        unit = "decimal"
        decimals = 6
        [status]
        success = ["OK"]
        "#,
    )
    .unwrap();
    let usdt = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
    let text = format!(
        "hash;when;sender;recipient;quantity;contract;coin;fee;result;log\n\
         {i1};2024-01-02T03:04:05Z;{usdt};{usdt};1.5;{usdt};USDT;0.1;ok;4\n\
         {i2};2024-01-02T03:04:06Z;{usdt};{usdt};\"2,000\";;TRX;;OK;\n\
         {i3};2024-01-02T03:04:07Z;{usdt};{usdt};1;;TRX;1;failed;\n\
         {i4};;{usdt};{usdt};1;;TRX;;OK;\n",
        i1 = i(1),
        i2 = i(2),
        i3 = i(3),
        i4 = i(4),
    );
    let options = Options { chain: None, mapping: Some(&mapping) };
    let l = check(LedgerFormat::Generic, &[&text], &options, &["neither block nor time"]);
    let short: Vec<String> = (0..l.moves.tx.len())
        .map(|m| {
            format!(
                "{:?} {} {}",
                l.moves.kind[m], l.moves.amount[m], l.assets[l.moves.asset[m].0 as usize].symbol
            )
        })
        .collect();
    assert_eq!(short, ["Fee 100000 TRX", "Token 1500000 USDT", "Native 2000000000 TRX", "Fee 1000000 TRX"]);
    for (bad, why) in [
        ("chain = \"x\"", "columns"),
        ("chain = \"\"\n[columns]\ntx='a'\nfrom='b'\nto='c'\namount='d'\nblock='e'", "must name a chain"),
        ("chain = \"x\"\n[columns]\ntx='a'\nfrom='b'\nto='c'\namount='d'", "block"),
        ("chain = \"x\"\n[columns]\ntx='a'\nfrom='b'\nto='c'\namount='d'\nblock='e'\nbogus='f'", "bogus"),
        (
            "chain = \"x\"\n[columns]\ntx='a'\nfrom='b'\nto='c'\namount='d'\nblock='e'\n[amount]\ndecimals=39",
            "38",
        ),
    ] {
        let error = Mapping::parse(bad).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
