//! `palisade trace --fetch URL`: asks the user's own Esplora, or EVM node, for the transactions that a trace lacks.
//!
//! Every answer is a file in a folder of the user's, as it came, with its SHA-256 and the moment in `fetched.ndjson` beside
//! it. What was fetched once is read from there and not asked again, so that a trace can be repeated without a network.
//!
//! What this module never does: ask anybody but the server that was named (no redirects, no proxies), or ask without
//! being told to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use palisade_model::transaction_id;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::errors::note;
use crate::times::{Clock, now};

mod evm;

/// The list of what was fetched.
pub const LOG: &str = "fetched.ndjson";

/// Longest answer.
const MAX_ANSWER: u64 = 64 << 20;

/// Pages of one address; a page has 25 transactions. An address with more is a service, whose transactions lead anywhere.
const MAX_PAGES: u32 = 40;

/// Waits before a request that the server had no time for is made again.
const WAITS: [u64; 4] = [1, 2, 4, 8];

/// One answer, as the list has it.
#[derive(Clone, Serialize, Deserialize, Debug)]
struct Row {
    /// The address or transaction asked for.
    subject: String,
    /// The answer, in the folder of the list.
    file: String,
    url: String,
    time: String,
    sha256: String,
    bytes: u64,
    /// Whether nothing more was asked of the subject after it; without, the run was ended before.
    last: bool,
    /// Whether with this answer every confirmed transaction of the address is there.
    complete: bool,
}

/// What a folder holds of answers.
#[derive(Default, Debug)]
pub struct Fetched {
    /// Addresses of which every confirmed transaction is there.
    pub complete: BTreeSet<String>,
    asked: BTreeSet<String>,
}

impl Fetched {
    /// Reads the list of a folder; empty where there is none.
    ///
    /// # Errors
    /// An answer that is not as it came: nothing is made of such a folder.
    pub fn read(dir: &Path) -> Result<Fetched> {
        let mut out = Fetched::default();
        let path = dir.join(LOG);
        let Ok(file) = File::open(&path) else { return Ok(out) };
        // Of a file that was fetched again, the newer line counts.
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for (n, line) in BufReader::new(file).lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            match serde_json::from_str::<Row>(&line) {
                Ok(row) => drop(rows.insert(row.file.clone(), row)),
                // A run that was killed leaves half a line; what it says is asked again.
                Err(_) => note(&format!("{}: line {} is no entry, and is left out", path.display(), n + 1)),
            }
        }
        for row in rows.values() {
            let inside = Path::new(&row.file).components().count() == 1;
            let hash = |b: Vec<u8>| hex(&Sha256::digest(&b)) == row.sha256;
            if !inside || !std::fs::read(dir.join(&row.file)).is_ok_and(hash) {
                bail!(
                    "{} in {} is not as it was fetched (for {}, {}); remove the file and its line in {LOG}, and fetch it again",
                    row.file,
                    dir.display(),
                    row.subject,
                    row.time
                );
            }
            if row.last {
                out.asked.insert(row.subject.clone());
            }
            if row.complete {
                out.complete.insert(row.subject.clone());
            }
        }
        Ok(out)
    }
}

/// A server, a folder, and how much may be asked.
pub struct Fetch {
    base: String,
    dir: PathBuf,
    agent: ureq::Agent,
    left: u32,
    /// The chain that the trace is of, where it was named.
    chain: Option<String>,
    /// An EVM node, once it was met.
    node: Option<evm::Node>,
    /// What is there.
    pub fetched: Fetched,
}

impl Fetch {
    /// Makes the folder; asks nothing yet.
    ///
    /// # Errors
    /// An address that is no URL of HTTP, a folder that cannot be made.
    pub fn new(url: &str, dir: &Path, limit: u32, chain: Option<&str>) -> Result<Fetch> {
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            bail!(
                "--fetch {url} is no address of a server; write http://HOST:PORT/PATH of your own Esplora or EVM node"
            );
        }
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
            .build();
        let fetched = Fetched::read(dir)?;
        let base = url.trim_end_matches('/').to_owned();
        let (dir, chain) = (dir.to_owned(), chain.map(str::to_owned));
        Ok(Fetch { base, dir, agent: config.into(), left: limit, chain, node: None, fetched })
    }

    /// Asks for the transactions of addresses, and for transactions by their ids, in the order given, as long as the
    /// limit lasts. How many were asked for; what the server does not know is told.
    pub fn ask(&mut self, subjects: &[String], quiet: bool) -> Result<usize> {
        let mut asked = 0;
        for subject in subjects {
            // An output is of its transaction.
            let subject = subject.split(':').next().unwrap_or(subject);
            // Mixed case of EVM addresses is a checksum, not another address.
            let lower = subject.to_ascii_lowercase();
            let subject = if subject.starts_with("0x") { &lower } else { subject };
            if self.fetched.asked.contains(subject) || !subject.bytes().all(|b| b.is_ascii_alphanumeric()) {
                continue;
            }
            if self.left == 0 {
                break;
            }
            let known = match transaction_id(subject) {
                _ if self.node.is_some() || subject.starts_with("0x") => {
                    let node = self.meet()?;
                    self.evm(node, subject)?
                }
                Some(_) => self.transaction(subject)?,
                None => self.address(subject)?,
            };
            if !known && !quiet {
                note(&format!("{} knows nothing of {subject}", without_password(&self.base)));
            }
            self.fetched.asked.insert(subject.to_owned());
            asked += 1;
        }
        Ok(asked)
    }

    /// Reads blocks of an EVM node whole, as long as the limit lasts.
    pub fn blocks(&mut self, range: &str) -> Result<()> {
        let ends =
            range.split_once('-').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
        let Some((first, last)) = ends.filter(|(a, b): &(u64, u64)| a <= b) else {
            bail!("--fetch-blocks {range} is no range of blocks; write FIRST-LAST");
        };
        self.meet()?;
        for number in first..=last {
            if !self.may_ask() {
                note(&format!("the limit was met before block {number}; --fetch-limit allows to fetch more"));
                break;
            }
            self.block(number)?;
        }
        Ok(())
    }

    fn meet(&mut self) -> Result<evm::Node> {
        if let Some(node) = self.node {
            return Ok(node);
        }
        let chain = self.chain.clone();
        let node = evm::Node::meet(self, chain.as_deref())?;
        self.node = Some(node);
        Ok(node)
    }

    /// Whether more may be asked.
    pub fn may_ask(&self) -> bool {
        self.left > 0
    }

    fn transaction(&mut self, id: &str) -> Result<bool> {
        let url = format!("{}/tx/{id}", self.base);
        let Some(body) = self.get(&url)? else { return Ok(false) };
        serde_json::from_slice::<Tx>(&body).map_err(|e| no_esplora(&url, &e))?;
        self.keep(id, &format!("tx-{id}.json"), &url, &body, [true, false])?;
        Ok(true)
    }

    fn address(&mut self, address: &str) -> Result<bool> {
        let mut last: Option<String> = None;
        for page in 0..MAX_PAGES {
            if self.left == 0 {
                break;
            }
            let after = last.as_ref().map_or(String::new(), |id| format!("/{id}"));
            let url = format!("{}/address/{address}/txs/chain{after}", self.base);
            let Some(body) = self.get(&url)? else { return Ok(page > 0) };
            let txs: Vec<Tx> = serde_json::from_slice(&body).map_err(|e| no_esplora(&url, &e))?;
            let next = txs.last().map(|t| t.txid.clone());
            // A server that gives the same page for ever has said all.
            let ended = next.is_none() || next == last;
            let done = ended || page + 1 == MAX_PAGES;
            self.keep(address, &format!("address-{address}-{page}.json"), &url, &body, [done, ended])?;
            if ended {
                self.fetched.complete.insert(address.to_owned());
                break;
            }
            last = next;
        }
        Ok(true)
    }

    /// An answer; `None` if the server does not know what was asked for.
    fn get(&mut self, url: &str) -> Result<Option<Vec<u8>>> {
        self.call(url, None)
    }

    fn call(&mut self, url: &str, body: Option<&str>) -> Result<Option<Vec<u8>>> {
        let shown = without_password(url);
        for wait in WAITS.iter().map(Some).chain([None]) {
            self.left = self.left.saturating_sub(1);
            let sent = match body {
                None => self.agent.get(url).call(),
                Some(body) => self.agent.post(url).header("content-type", "application/json").send(body),
            };
            let mut answer = sent.map_err(|e| {
                anyhow!("{shown} does not answer: {e}; is the server running, and is it yours?")
            })?;
            let status = answer.status().as_u16();
            match (status, wait) {
                (200, _) => {
                    let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
                    return Ok(Some(body.map_err(|e| anyhow!("the answer of {shown} cannot be read: {e}"))?));
                }
                (400 | 404, _) => return Ok(None),
                (429 | 503, Some(seconds)) => sleep(Duration::from_secs(*seconds)),
                _ => bail!(
                    "{shown} answers with status {status}; what was fetched before is kept in {}",
                    self.dir.display()
                ),
            }
        }
        Ok(None)
    }

    /// Writes an answer, then the line that vouches for it.
    fn keep(
        &mut self,
        subject: &str,
        name: &str,
        url: &str,
        body: &[u8],
        [last, complete]: [bool; 2],
    ) -> Result<()> {
        let cannot = |path: &Path| format!("cannot write to {}", path.display());
        let path = self.dir.join(name);
        std::fs::write(&path, body).with_context(|| cannot(&path))?;
        let row = Row {
            subject: subject.to_owned(),
            file: name.to_owned(),
            url: without_password(url),
            time: Clock::default().exact(now()),
            sha256: hex(&Sha256::digest(body)),
            bytes: body.len() as u64,
            last,
            complete,
        };
        let log = self.dir.join(LOG);
        let mut line = serde_json::to_string(&row)?;
        line.push('\n');
        let opened = OpenOptions::new().create(true).append(true).open(&log);
        opened.and_then(|mut f| f.write_all(line.as_bytes())).with_context(|| cannot(&log))
    }
}

/// A URL without what stands before the host.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.find('/').unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[derive(Deserialize)]
struct Tx {
    txid: String,
}

fn no_esplora(url: &str, why: &serde_json::Error) -> anyhow::Error {
    let url = without_password(url);
    anyhow!("the answer of {url} is not what an Esplora gives ({why}); is the path of its API in --fetch?")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Addresses of ledgers among `paths` that say of themselves what was fetched.
pub fn complete(paths: &[PathBuf]) -> Result<Vec<String>> {
    let mut out = BTreeSet::new();
    for dir in paths.iter().filter(|p| p.join(LOG).is_file()) {
        out.extend(Fetched::read(dir)?.complete);
    }
    Ok(out.into_iter().collect())
}
