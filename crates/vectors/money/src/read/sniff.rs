//! Recognises ledgers by header or keys. Only sets of names that no log has are taken; a name alone (`hash`, `from`) says nothing.

use std::collections::BTreeSet;

use super::LedgerFormat;
use super::etl::Table;

/// How many bytes of a stream's head [`sniff`] wants to see.
pub const SNIFF_BYTES: usize = 64 << 10;

/// Names looked at in a head, and how deep.
const MAX_NAMES: usize = 4_096;
const MAX_DEPTH: usize = 6;

/// Recognises a ledger by its first bytes, never by its name.
pub fn sniff(head: &[u8]) -> Option<LedgerFormat> {
    let head = head.get(..SNIFF_BYTES).unwrap_or(head);
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    match head.first()? {
        b'{' | b'[' => json(head),
        _ => csv(head),
    }
}

fn csv(head: &[u8]) -> Option<LedgerFormat> {
    // A header line that does not end within the head is none.
    let line =
        std::str::from_utf8(head.split(|b| *b == b'\n').next().filter(|l| l.len() < head.len())?).ok()?;
    let names: Vec<String> =
        line.split(',').map(|n| n.trim().trim_matches('"').trim().to_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if super::etherscan::known(&names) {
        return Some(LedgerFormat::Etherscan);
    }
    Table::of(&|name| names.contains(&name)).is_some().then_some(LedgerFormat::EtlCsv)
}

fn json(head: &[u8]) -> Option<LedgerFormat> {
    let names = names(head);
    let all = |wanted: &[&str]| wanted.iter().all(|n| names.contains(*n));
    if all(&["txid", "vin", "vout", "status", "status.confirmed"]) {
        return Some(LedgerFormat::Esplora);
    }
    for at in ["", "result."] {
        let inner = |wanted: &[&str]| wanted.iter().all(|n| names.contains(&format!("{at}{n}")));
        if inner(&["hash", "height", "tx", "tx.txid", "tx.vin", "tx.vout"]) {
            return Some(LedgerFormat::BitcoinCore);
        }
        // A block begins with its header; without its transactions in the head it is one of ids only.
        if inner(&["hash", "height", "merkleroot", "nTx", "tx"]) {
            return Some(LedgerFormat::BitcoinCore);
        }
        if inner(&["transaction", "transaction.message", "transaction.signatures", "slot"])
            || inner(&["meta", "meta.preBalances", "meta.postBalances"])
        {
            return Some(LedgerFormat::Solana);
        }
        if inner(&["number", "parentHash", "stateRoot", "transactions"])
            || inner(&["transactionHash", "cumulativeGasUsed", "logs", "logsBloom"])
            || inner(&["address", "topics", "data", "logIndex", "transactionHash"])
            || inner(&["hash", "blockHash", "transactionIndex", "from", "input", "nonce", "gas", "value"])
        {
            return Some(LedgerFormat::EvmRpc);
        }
    }
    if all(&["data", "data.transaction_id", "data.token_info"])
        || all(&["data", "data.txID", "data.raw_data"])
        || all(&["txID", "raw_data", "raw_data.contract"])
        || all(&["transaction_id", "token_info", "block_timestamp"])
    {
        return Some(LedgerFormat::TronGrid);
    }
    // A node's answer that is an empty list: nothing was found, and that is read, too.
    if all(&["jsonrpc", "result"]) && !names.iter().any(|n| n.contains('.')) {
        return Some(LedgerFormat::EvmRpc);
    }
    Table::of(&|name| names.contains(name)).is_some().then_some(LedgerFormat::EtlJson)
}

/// Paths of keys in the first object, arrays left out of the path: `tx.vin.prevout`. Tolerates that the head is cut.
fn names(head: &[u8]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    // Keys of the objects around, and whether each level is an object.
    let mut path: Vec<String> = Vec::new();
    let mut levels: Vec<bool> = Vec::new();
    let mut key = String::new();
    let mut at = 0;
    let mut expects_key = false;
    while at < head.len() && out.len() < MAX_NAMES {
        match head[at] {
            b'"' => {
                let Some(end) = string_end(head, at + 1) else { break };
                if expects_key && levels.last() == Some(&true) {
                    key = String::from_utf8_lossy(&head[at + 1..end]).into_owned();
                    let mut full = String::new();
                    path.iter().filter(|p| !p.is_empty()).for_each(|p| {
                        full.push_str(p);
                        full.push('.');
                    });
                    full.push_str(&key);
                    if levels.iter().filter(|l| **l).count() <= MAX_DEPTH {
                        out.insert(full);
                    }
                    expects_key = false;
                }
                at = end;
            }
            b'{' => {
                levels.push(true);
                path.push(std::mem::take(&mut key));
                expects_key = true;
            }
            b'[' => {
                levels.push(false);
                path.push(std::mem::take(&mut key));
            }
            b'}' | b']' => {
                let object = levels.pop();
                path.pop();
                // The first object at the top is enough.
                if object == Some(true) && !levels.contains(&true) {
                    break;
                }
            }
            b',' => expects_key = levels.last() == Some(&true),
            _ => {}
        }
        if levels.len() > 64 {
            break;
        }
        at += 1;
    }
    out
}

fn string_end(head: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match head.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
}
