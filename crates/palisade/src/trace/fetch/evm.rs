//! `--fetch` from an EVM node of the user's, by JSON-RPC.
//!
//! A node keeps no list of an address's transactions. It does find the logs of an address's token transfers, and gives whole
//! blocks with their receipts. So an address is asked for as its logs, then every block that has one of them; a transaction, as
//! its block; and `--fetch-blocks` reads a range of blocks whole. Payments of the chain's own coin in other blocks, and calls
//! inside contracts, are not found so: no address is ever called complete.
//!
//! What this module never does: ask for a method that changes or signs anything.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow, bail};
use palisade_model::transaction_id;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Fetch, without_password};
use crate::errors::note;

/// Keccak-256 of `Transfer(address,address,uint256)`.
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

/// Blocks of one address that are read: one with more is a service, whose payments lead anywhere.
const MAX_BLOCKS: usize = 1_000;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InBlock {
    #[serde(rename = "blockNumber")]
    block: Option<String>,
}

/// What the logs of an address say.
#[derive(Default)]
struct Logs {
    /// Blocks with a transfer from or to it.
    blocks: BTreeSet<u64>,
    pages: u32,
    /// The last page, not kept yet: its name, where it is from, and what it says.
    held: Option<(String, String, String)>,
    /// The limit of requests was met before all was asked.
    cut: bool,
}

/// Which chain's node it is, and the last block that is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    latest: u64,
}

impl Node {
    /// Asks the node who it is.
    pub fn meet(fetch: &mut Fetch, chain: Option<&str>) -> Result<Node> {
        let own = number(&fetch.value("eth_chainId", "[]")?)?;
        let name = chain.unwrap_or("ethereum");
        let wanted = match name {
            "ethereum" => Some(1),
            "ethereum-classic" => Some(61),
            other => other.strip_prefix("eip155:").and_then(|n| n.parse().ok()),
        };
        if wanted != Some(own) {
            let node = without_password(&fetch.base);
            bail!(
                "{node} is a node of chain {own}, the trace is of {name}; name the chain with --chain eip155:{own}"
            );
        }
        Ok(Node { latest: number(&fetch.value("eth_blockNumber", "[]")?)? })
    }
}

impl Fetch {
    /// Everything of an address or a transaction that the node can find. Whether it knew anything.
    pub(super) fn evm(&mut self, node: Node, subject: &str) -> Result<bool> {
        if let Some(id) = transaction_id(subject) {
            let Some(text) = self.rpc("eth_getTransactionByHash", &format!("[\"0x{id}\"]"))? else {
                return Ok(false);
            };
            let Some(block) = result::<Option<InBlock>>(&text)?.and_then(|t| t.block) else {
                return Ok(false);
            };
            self.block(number(&block)?)?;
            return Ok(true);
        }
        let digits = subject.strip_prefix("0x").filter(|d| d.len() == 40).unwrap_or("");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(false);
        }
        let word = format!("\"0x{:0>64}\"", digits.to_ascii_lowercase());
        let mut logs = Logs::default();
        for topics in [format!("\"{TRANSFER}\",{word}"), format!("\"{TRANSFER}\",null,{word}")] {
            self.logs(subject, &topics, (0, node.latest), &mut logs)?;
        }
        let known = !logs.blocks.is_empty();
        if logs.blocks.len() > MAX_BLOCKS {
            note(&format!(
                "{subject} has transfers in {} blocks, of which the first {MAX_BLOCKS} are fetched: it may be a service; \
                 --fetch-blocks reads a range whole",
                logs.blocks.len()
            ));
        }
        for block in logs.blocks.into_iter().take(MAX_BLOCKS) {
            logs.cut |= !self.may_ask();
            if logs.cut {
                break;
            }
            self.block(block)?;
        }
        // The last page says that nothing is left to ask, so it is kept when that is so.
        if let Some((name, url, text)) = logs.held.filter(|_| !logs.cut) {
            self.keep(subject, &name, &url, text.as_bytes(), [true, false])?;
        }
        Ok(known)
    }

    /// Logs of a range of blocks. What a node finds too much is asked for in halves.
    fn logs(
        &mut self,
        subject: &str,
        topics: &str,
        (first, last): (u64, u64),
        found: &mut Logs,
    ) -> Result<()> {
        let mut ranges = vec![(first, last)];
        while let Some((first, last)) = ranges.pop() {
            if !self.may_ask() {
                found.cut = true;
                break;
            }
            let asked = format!(
                "[{{\"fromBlock\":\"0x{first:x}\",\"toBlock\":\"0x{last:x}\",\"topics\":[{topics}]}}]"
            );
            match self.rpc("eth_getLogs", &asked)? {
                Some(text) => {
                    let logs = result::<Vec<InBlock>>(&text)?;
                    for block in logs.iter().filter_map(|l| l.block.as_deref()) {
                        found.blocks.insert(number(block)?);
                    }
                    let url = format!("{} eth_getLogs {asked}", self.base);
                    let name = format!("address-{subject}-logs-{}.json", found.pages);
                    found.pages += 1;
                    if let Some((name, url, text)) = found.held.replace((name, url, text)) {
                        self.keep(subject, &name, &url, text.as_bytes(), [false, false])?;
                    }
                }
                None if first < last => {
                    let middle = first + (last - first) / 2;
                    ranges.extend([(middle + 1, last), (first, middle)]);
                }
                None => bail!(
                    "{} gives no logs, not even of one block ({first}); what was fetched before is kept in {}",
                    without_password(&self.base),
                    self.dir.display()
                ),
            }
        }
        Ok(())
    }

    /// A whole block and its receipts, once.
    pub(super) fn block(&mut self, number: u64) -> Result<()> {
        let subject = format!("block-{number}");
        if self.fetched.asked.contains(&subject) {
            return Ok(());
        }
        for (method, more, name, last) in [
            ("eth_getBlockByNumber", ",true", format!("{subject}.json"), false),
            ("eth_getBlockReceipts", "", format!("{subject}-receipts.json"), true),
        ] {
            let asked = format!("[\"0x{number:x}\"{more}]");
            let text = self.rpc(method, &asked)?.ok_or_else(|| {
                anyhow!(
                    "{} does not answer {method} {asked}; an EVM node that keeps old blocks and gives their receipts is needed",
                    without_password(&self.base)
                )
            })?;
            let url = format!("{} {method} {asked}", self.base);
            self.keep(&subject, &name, &url, text.as_bytes(), [last, false])?;
        }
        self.fetched.asked.insert(subject);
        Ok(())
    }

    /// An answer as it came; `None` where the node says of an error, or knows nothing.
    fn rpc(&mut self, method: &str, params: &str) -> Result<Option<String>> {
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}");
        let base = self.base.clone();
        let Some(bytes) = self.call(&base, Some(&body))? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| no_node(&self.base, "bytes that are no text"))?;
        let answer: Answer<'_> =
            serde_json::from_str(&text).map_err(|e| no_node(&self.base, &e.to_string()))?;
        let nothing = answer.result.is_none_or(|r| r.get() == "null");
        Ok((answer.error.is_none() && !nothing).then_some(text))
    }

    fn value(&mut self, method: &str, params: &str) -> Result<String> {
        let text = self.rpc(method, params)?.ok_or_else(|| no_node(&self.base, "an error"))?;
        result(&text)
    }
}

fn result<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    let answer: Answer<'a> = serde_json::from_str(text)?;
    let result = answer.result.map_or("null", RawValue::get);
    serde_json::from_str(result).map_err(|e| anyhow!("the node's answer is not what was asked for: {e}"))
}

fn number(text: &str) -> Result<u64> {
    let digits = text.strip_prefix("0x").unwrap_or("");
    u64::from_str_radix(digits, 16).map_err(|_| anyhow!("the node gives \"{text}\" where a number belongs"))
}

fn no_node(url: &str, why: &str) -> anyhow::Error {
    let url = without_password(url);
    anyhow!("the answer of {url} is not what an EVM node gives ({why}); is its JSON-RPC there?")
}
