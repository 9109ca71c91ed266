//! What is no ledger is not taken for one.

use palisade_money::read::{LedgerFormat, sniff};

#[test]
fn ordinary_logs_are_none() {
    for text in [
        "",
        " ",
        "{}",
        "[]",
        "hello",
        "hash,from,to,value\n1,2,3,4\n",
        "time,from,to,status,value\n",
        "address,symbol\n",
        "Txhash,From\n",
        r#"{"EventID":1,"Image":"C:\\x.exe","Hashes":"MD5=1","status":"ok"}"#,
        r#"{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"eventTime":"2024-01-01T00:00:00Z"}]}"#,
        r#"{"data":[{"id":1,"type":"Transfer","value":"1"}]}"#,
        r#"{"hash":"x","from_address":"y","to_address":"z","value":1}"#,
        r#"{"txid":"x","vin":"y","vout":"z"}"#,
        r#"{"result":{"transaction":"x","meta":{"err":null}}}"#,
        r#"{"transaction_hash":"x","gas_used":1}"#,
        r#"{"address":"10.0.0.1","symbol":"x","decimals":1}"#,
        r#"{"event":{"trace_type":"call"},"trace_address":[1]}"#,
        "date=2024-01-01 time=10:00:00 devname=\"fw\" type=\"traffic\" from=1 to=2\n",
        "#fields\tts\tuid\tid.orig_h\n",
        // A header that is not complete within what is looked at.
        "Txhash,Blockno,UnixTimestamp,DateTime,From,To,ContractAddress,Value_IN(ETH),Value_OUT(ETH)",
    ] {
        assert_eq!(sniff(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn keys_decide_at_any_depth_and_cut() {
    let esplora = r#"[ {"status":{"block_height":1,"confirmed":true},"vout":[],"vin":[{"prevout":{"value":1}}],"txid":"ab"},{"#;
    assert_eq!(sniff(esplora.as_bytes()), Some(LedgerFormat::Esplora));
    // A block's head without its transactions: cut in the first of them.
    let block =
        format!(r#"{{"hash":"a","height":1,"merkleroot":"b","nTx":9,"tx":[{{"hex":"{}"#, "0".repeat(100_000));
    assert_eq!(sniff(block.as_bytes()), Some(LedgerFormat::BitcoinCore));
    let deep = "[".repeat(100_000);
    assert_eq!(sniff(deep.as_bytes()), None);
}
