//! Measures correlation: `cargo run -p palisade-rules --release --locked --example correlate -- [values|groups|shuffled]`.
//!
//! - `values [MATCHES]`: `value_count` with 7,200 distinct values in the window, matches per CPU-second on one thread,
//!   collecting and sorting included.
//! - `groups [MATCHES] [GROUPS]`: `event_count` under a limit of 32 MiB with a spill to a file, compared with a
//!   straightforward oracle, and the memory of the process.
//! - `shuffled`: the same matches in five orders, alerts compared byte for byte.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;

use palisade_model::{Citation, Match, MemorySpill, SourceId, Spill, Time};
use palisade_rules::correlate::{Alert, Correlations, Gathering, MEMORY};
use palisade_rules::sigma::{Options, RuleSet, parse_str};

/// Runs in files that are gone when the process is.
struct Files(Mutex<BTreeMap<u32, (File, u64)>>);

impl Spill for Files {
    fn append(&self, run: u32, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let (file, len) = files.entry(run).or_insert_with(|| {
            let path = std::env::temp_dir().join(format!("correlate-{}-{run}", std::process::id()));
            let file = File::options()
                .create_new(true)
                .read(true)
                .write(true)
                .open(&path)
                .expect("a temporary file");
            std::fs::remove_file(path).expect("unlinked");
            (file, 0)
        });
        file.write_all_at(bytes, *len)?;
        *len += bytes.len() as u64;
        Ok(())
    }
    fn read_at(&self, run: u32, at: u64, out: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap().get(&run).map_or(Ok(0), |(file, _)| file.read_at(out, at))
    }
    fn remove(&self, run: u32) -> io::Result<()> {
        self.0.lock().unwrap().remove(&run);
        Ok(())
    }
}

fn plan(correlation: &str) -> Correlations {
    let rule =
        "title: a\nname: a\nlogsource: {category: c}\ndetection: {s: {F: a}, condition: s}\n---\ntitle: x\n";
    let (documents, _) = parse_str(
        "x.yml",
        &format!("{rule}correlation: {{rules: [a], {correlation}}}\n"),
        &Options::default(),
    );
    let (mut set, errors) = RuleSet::assemble(documents);
    assert!(errors.is_empty(), "{errors:?}");
    Correlations::new(&mut set.rules, set.correlations).0
}

/// A small generator (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end
    }
}

fn add(gathering: &mut Gathering<'_>, n: u64, time: i64, values: &[Option<&str>]) {
    let citation = Citation { source: SourceId((n % 7) as u32), record: n, offset: n * 300 };
    gathering.add(&Match { rule: 0, time: Some(Time(time)), citation, recovered: false, values }).unwrap();
}

/// CPU seconds of this thread so far, as the kernel counts them: they hold on a busy machine, where a clock does not.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// Peak resident memory of the process in MB, as the kernel counts it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

fn values(matches: u64) {
    let plan = plan("type: value_count, group-by: [h], timespan: 1h, condition: {field: u, gte: 7200}");
    let names: Vec<String> = (0..7_200).map(|i| format!("user{i:05}@corp.example")).collect();
    let spill = MemorySpill::default();
    let start = cpu();
    let mut gathering = Gathering::new(&plan, MEMORY, &spill);
    // 20,000 matches an hour, so that each window holds every value more than twice.
    for n in 0..matches {
        let name = names.get((n % 7_200) as usize).map(String::as_str);
        add(&mut gathering, n, n as i64 * 180_000, &[Some("dc01.corp.example"), name]);
    }
    let collected = cpu() - start;
    let mut alerts = Vec::new();
    let outcome = gathering.finish(&|s| s.0.into(), &mut |a| alerts.push(a)).unwrap();
    let all = cpu() - start;
    let [alert] = alerts.as_slice() else { panic!("{} alerts", alerts.len()) };
    println!(
        "values: {matches} matches, {} distinct in a window of {}: {:.0} matches per CPU-second ({collected:.2} CPU-s to collect, {all:.2} in all), {} runs, peak {} MB",
        alert.measured,
        outcome.largest_window,
        matches as f64 / all,
        outcome.runs,
        peak(),
    );
}

fn groups(matches: u64, groups: u64) {
    let plan = plan("type: event_count, group-by: [u], timespan: 1h, condition: {gte: 4}");
    let spill = Files(Mutex::default());
    const LIMIT: usize = 32 << 20;
    let make = |mut take: Box<dyn FnMut(u64, u32, i64) + '_>| {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        for n in 0..matches {
            // Times of one day in no order.
            let group = dice.below(groups) as u32;
            take(n, group, dice.below(86_400) as i64);
        }
    };
    let start = cpu();
    let mut gathering = Gathering::new(&plan, LIMIT, &spill);
    make(Box::new(|n, group, second| {
        let text = format!("user-{group}");
        add(&mut gathering, n, second * 1_000_000, &[Some(&text)]);
    }));
    let collected = cpu() - start;
    let mut found: Vec<(u32, i64, u32)> = Vec::new();
    let outcome = gathering
        .finish(&|s| s.0.into(), &mut |a: Alert| {
            let group = a.group[0].1.trim_start_matches("user-").parse().unwrap();
            found.push((group, a.fired.0 / 1_000_000, a.matches as u32));
        })
        .unwrap();
    let all = cpu() - start;
    let memory = peak();
    // The oracle: all in memory, each group sorted and walked on its own.
    let mut times: Vec<(u32, i32)> = Vec::with_capacity(matches as usize);
    make(Box::new(|_, group, second| times.push((group, second as i32))));
    times.sort_unstable();
    let mut expected: Vec<(u32, i64, u32)> = Vec::new();
    for of_group in times.chunk_by(|a, b| a.0 == b.0) {
        let mut alert: Option<(u32, i64, i32, usize, usize)> = None;
        let mut from = 0;
        for (i, (group, t)) in of_group.iter().enumerate() {
            while of_group[from].1 < t - 3_600 {
                from += 1;
            }
            if of_group.get(i + 1).is_some_and(|next| next.1 == *t) {
                continue;
            }
            let holds = i + 1 - from >= 4;
            if let Some((g, fired, last, first, end)) = alert
                && (!holds || last < t - 3_600)
            {
                expected.push((g, fired, (end - first) as u32));
                alert = None;
            }
            if holds {
                let (_, fired, _, first, _) = alert.unwrap_or((*group, i64::from(*t), *t, from, i));
                alert = Some((*group, fired, *t, first, i + 1));
            }
        }
        if let Some((g, fired, _, first, end)) = alert {
            expected.push((g, fired, (end - first) as u32));
        }
    }
    found.sort_unstable();
    expected.sort_unstable();
    println!(
        "groups: {matches} matches, {groups} groups, limit {} MiB: {} alerts, {} as the oracle; {all:.1} CPU-s ({collected:.1} to collect), {} runs of {} MB in all, peak {memory} MB",
        LIMIT >> 20,
        found.len(),
        if found == expected { "the same" } else { "NOT the same" },
        outcome.runs,
        outcome.spilled >> 20,
    );
    assert!(found == expected, "{} alerts, the oracle {}", found.len(), expected.len());
}

fn shuffled() {
    let plan = plan("type: value_count, group-by: [h], timespan: 10m, condition: {field: u, gte: 5}");
    let mut dice = Dice(7);
    let mut list: Vec<(u64, i64, String, String)> = (0..300_000)
        .map(|n| {
            (
                n,
                dice.below(86_400_000) as i64 * 1_000,
                format!("H{}", dice.below(900)),
                format!("u{}", dice.below(40)),
            )
        })
        .collect();
    let mut first: Option<String> = None;
    for limit in [MEMORY, 1 << 20, 2 << 20, 4 << 20, MEMORY] {
        let spill = MemorySpill::default();
        let mut gathering = Gathering::new(&plan, limit, &spill);
        for (n, time, h, u) in &list {
            add(&mut gathering, *n, *time, &[Some(h), Some(u)]);
        }
        let mut text = String::new();
        let outcome = gathering.finish(&|s| s.0.into(), &mut |a| text.push_str(&format!("{a:?}\n"))).unwrap();
        let same = first.as_ref().is_none_or(|f| *f == text);
        println!(
            "shuffled: {} alerts, {} bytes, {} runs: {}",
            outcome.alerts,
            text.len(),
            outcome.runs,
            if same { "identical" } else { "DIFFERENT" }
        );
        assert!(same);
        first.get_or_insert(text);
        for i in (1..list.len()).rev() {
            list.swap(i, dice.below(i as u64 + 1) as usize);
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: u64| args.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    match args.first().map(String::as_str) {
        Some("values") => values(number(1, 2_000_000)),
        Some("groups") => groups(number(1, 10_000_000), number(2, 1_000_000)),
        Some("shuffled") => shuffled(),
        _ => {
            values(2_000_000);
            shuffled();
            groups(10_000_000, 1_000_000);
        }
    }
}
