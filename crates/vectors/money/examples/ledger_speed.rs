//! How long reading takes, and how much it holds: tables of a million transactions, a dust storm, fields of ten million bytes.
//!
//! ```console
//! $ cargo run --release -p palisade-money --example ledger_speed             # transactions and receipts, accounts drawn evenly
//! $ cargo run --release -p palisade-money --example ledger_speed -- dust     # all of them to one address
//! $ cargo run --release -p palisade-money --example ledger_speed -- fields   # a field of ten million bytes in every row
//! $ cargo run --release -p palisade-money --example ledger_speed -- part 10000000  # read twice, what a trace touches kept
//! ```
//!
//! Rows are made up as they are read, so that the peak is the reader's own. A second argument gives another number of rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use palisade_model::{Origin, SourceId, Spill};
use palisade_money::LedgerBuilder;
use palisade_money::ledger::{Limits, Seeds};
use palisade_money::read::{LedgerFormat, Options, read};

const TRANSACTIONS: &str = "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,input,block_timestamp\n";
const RECEIPTS: &str = "transaction_hash,transaction_index,block_hash,block_number,cumulative_gas_used,gas_used,contract_address,root,status,effective_gas_price\n";

/// A table that is written as it is read.
struct Table<F> {
    row: F,
    next: u64,
    rows: u64,
    left: std::io::Cursor<Vec<u8>>,
    bytes: u64,
}

impl<F: Fn(u64) -> String> Table<F> {
    fn new(header: &str, rows: u64, row: F) -> Table<F> {
        Table { row, next: 0, rows, left: std::io::Cursor::new(header.as_bytes().to_vec()), bytes: 0 }
    }
}

impl<F: Fn(u64) -> String> Read for Table<F> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let n = self.left.read(out)?;
            if n > 0 || self.next == self.rows {
                self.bytes += n as u64;
                return Ok(n);
            }
            self.left = std::io::Cursor::new((self.row)(self.next).into_bytes());
            self.next += 1;
        }
    }
}

/// One run, in a file that is gone when the process is.
struct Temporary(Mutex<(File, u64)>);

impl Temporary {
    fn new() -> Temporary {
        let path = std::env::temp_dir().join(format!("ledger-speed-{}", std::process::id()));
        let file = File::options().create_new(true).read(true).write(true).open(&path);
        let file = file.expect("a temporary file");
        std::fs::remove_file(path).expect("unlinked");
        Temporary(Mutex::new((file, 0)))
    }
}

impl Spill for Temporary {
    fn append(&self, _: u32, bytes: &[u8]) -> io::Result<()> {
        let mut run = self.0.lock().unwrap();
        let at = run.1;
        run.0.write_all_at(bytes, at)?;
        run.1 += bytes.len() as u64;
        Ok(())
    }
    fn read_at(&self, _: u32, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let run = self.0.lock().unwrap();
        run.0.read_exact_at(out, at)?;
        Ok(out.len())
    }
    fn remove(&self, _: u32) -> io::Result<()> {
        Ok(())
    }
}

/// Scattered, so that neither ids nor addresses come in order.
fn scatter(n: u64) -> u64 {
    let z = (n.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z ^ (z >> 31)
}

fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|k| k.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// CPU seconds of this process (Linux).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_else(|| "even".to_owned());
    let usual = if kind == "fields" { 20 } else { 1_000_000 };
    let rows: u64 = std::env::args().nth(2).map_or(usual, |n| n.parse().expect("a number of rows"));
    let accounts = (rows / 5).max(2);
    let (dust, fields) = (kind == "dust", kind == "fields");
    let long = if fields { "9".repeat(10_000_000) } else { String::new() };
    let transaction = |n: u64| {
        let to = if dust { 7 } else { scatter(n * 3 + 1) % accounts };
        format!(
            "0x{:064x},0,0x{:064x},{},{},0x{:040x},0x{to:040x},{}{long},21000,7,0x,{}\n",
            scatter(n),
            n / 150,
            10_000_000 + n / 150,
            n % 150,
            scatter(n * 3 + 2) % accounts,
            if dust { 1 } else { scatter(n * 3) >> 8 },
            1_600_000_000 + n / 150 * 12
        )
    };
    let receipt = |n: u64| {
        format!(
            "0x{:064x},{},0x{:064x},{},21000,21000,,,{},5\n",
            scatter(n),
            n % 150,
            n / 150,
            10_000_000 + n / 150,
            u8::from(!n.is_multiple_of(20))
        )
    };
    let tables = |builder: &mut LedgerBuilder| {
        let (options, format) = (Options::default(), LedgerFormat::EtlCsv);
        let mut first = Table::new(TRANSACTIONS, rows, transaction);
        let mut second = Table::new(RECEIPTS, rows, receipt);
        let mut problems =
            read(format, &mut first, SourceId(0), &Origin::file("transactions"), builder, &options);
        let origin = Origin::file("receipts");
        problems.extend(read(format, &mut second, SourceId(1), &origin, builder, &options));
        ((first.bytes + second.bytes) as f64 / 1e6, problems)
    };
    let (start, before, idle) = (Instant::now(), cpu(), peak());
    let mut builder = LedgerBuilder::default();
    if kind == "part" {
        // The thief's first payment stands where the last fiftieth of the ledger begins.
        let thief = scatter((rows - rows / 50) * 3 + 2) % accounts;
        let mut survey = LedgerBuilder::survey(Limits::default(), Arc::new(Temporary::new()));
        tables(&mut survey);
        let survey = survey.surveyed().expect("a survey").expect("room on the disk");
        let mut seeds = Seeds::default();
        seeds.party("ethereum", &format!("0x{thief:040x}"));
        println!("surveyed: {} steps, {:.1} s CPU, {:.0} MB peak", survey.records(), cpu() - before, peak());
        let chosen = survey.choose(&seeds, false, u64::MAX, &mut |_| {}).expect("a choice");
        println!(
            "chosen: {} rows, of {} parties reached, in {} passes; {:.1} s CPU, {:.0} MB peak",
            chosen.rows,
            chosen.reached,
            chosen.passes,
            cpu() - before,
            peak()
        );
        builder = LedgerBuilder::of_chosen(Limits::default(), chosen);
    }
    let (megabytes, mut problems) = tables(&mut builder);
    let (read_in, read_cpu) = (start.elapsed().as_secs_f64(), cpu() - before);
    let (ledger, late) = builder.finish();
    problems.extend(late);
    println!(
        "{kind}: {rows} transactions with receipts, {megabytes:.0} MB; read in {read_in:.1} s ({read_cpu:.1} s CPU), built in {:.1} s ({:.1} s CPU in all), {:.0} MB peak ({idle:.0} at start)",
        start.elapsed().as_secs_f64() - read_in,
        cpu() - before,
        peak()
    );
    println!(
        "{} transactions, {} moves, {} parties; {} problems, {} records in them",
        ledger.txs.id.len(),
        ledger.moves.tx.len(),
        ledger.parties.len() - 1,
        problems.len(),
        problems.iter().map(|p| p.count).sum::<u64>()
    );
    for problem in problems.iter().take(5) {
        println!("  {problem}");
    }
}
