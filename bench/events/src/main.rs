//! `palisade-events`: made-up host and cloud events at scale, with indicators planted at known places.
//!
//! One NDJSON line an event, ordered by time but for stragglers, in the forms that collectors
//! deliver (Windows records as nxlog writes them, CloudTrail, GCP audit, auditbeat, journald).
//! Same options, same bytes. Every file can be made alone, so a data set larger than the disk
//! can be made and used in pieces. No crate is used and no code of the product, so that
//! neither can hide a mistake of the other.

mod draw;
mod truth;
mod world;
mod write;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use draw::{Calendar, Draw};
use truth::{Place, Truth};
use world::World;
use write::Writer;

const HELP: &str = "\
usage: palisade-events --out DIR [OPTIONS]

Writes events-00000.ndjson, events-00001.ndjson, … and says how many events and bytes a second.

  --events N        events of the whole set                       [1000000]
  --from DATE       first day, YYYY-MM-DD                         [2025-01-01]
  --days D          days the whole set spreads over               [365]
  --seed S          same seed, same bytes                         [1]
  --per-file N      events of one file                            [1000000]
  --start-file K    first file to write, from 0                   [0]
  --files M         files to write                                [all]
  --attacks N       events that Sigma rules match, in the whole   [300]
  --plant FILE      writes where the 100 planted indicators are: indicator,type,file,line
  --absent FILE     writes 10,000 indicators of the same kinds that are nowhere
  --truth-only      writes these two, no events
  --out DIR         where the files go; made if needed

A planted domain may stand as a name below it. Line numbers count from 1.";

struct Options {
    events: u64,
    from: i64,
    days: u32,
    seed: u64,
    per_file: u64,
    start_file: u32,
    files: u32,
    attacks: u64,
    plant: Option<PathBuf>,
    absent: Option<PathBuf>,
    truth_only: bool,
    out: PathBuf,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|w| w == "--help" || w == "-h") {
        println!("{HELP}");
        return;
    }
    let done = options(&words).and_then(|options| run(&options).map_err(|e| e.to_string()));
    if let Err(message) = done {
        eprintln!("palisade-events: {message}");
        std::process::exit(2);
    }
}

fn options(words: &[String]) -> Result<Options, String> {
    let mut options = Options {
        events: 1_000_000,
        from: draw::day_number(2025, 1, 1),
        days: 365,
        seed: 1,
        per_file: 1_000_000,
        start_file: 0,
        files: u32::MAX,
        attacks: 300,
        plant: None,
        absent: None,
        truth_only: false,
        out: PathBuf::new(),
    };
    let mut words = words.iter();
    while let Some(name) = words.next() {
        if name == "--truth-only" {
            options.truth_only = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{name} needs a value (see --help)"))?;
        let number =
            || value.replace('_', "").parse::<u64>().map_err(|_| format!("{name}: {value:?} is no number"));
        let small =
            || number().and_then(|n| u32::try_from(n).map_err(|_| format!("{name}: {value} is too large")));
        match name.as_str() {
            "--events" => options.events = number()?,
            "--from" => options.from = date(value)?,
            "--days" => options.days = small()?,
            "--seed" => options.seed = number()?,
            "--per-file" => options.per_file = number()?,
            "--start-file" => options.start_file = small()?,
            "--files" => options.files = small()?,
            "--attacks" => options.attacks = number()?,
            "--plant" => options.plant = Some(value.into()),
            "--absent" => options.absent = Some(value.into()),
            "--out" => options.out = value.into(),
            _ => return Err(format!("unknown option {name} (see --help)")),
        }
    }
    if options.out.as_os_str().is_empty() && !options.truth_only {
        return Err("--out DIR is missing (see --help)".into());
    }
    if options.events == 0 || options.per_file == 0 || !(1..=36_500).contains(&options.days) {
        return Err("--events and --per-file are at least 1, --days 1 to 36500".into());
    }
    if options.per_file > u64::from(u32::MAX) || options.events / options.per_file >= 100_000 {
        return Err("a file has fewer than 2^32 lines, a set at most 100,000 files".into());
    }
    Ok(options)
}

fn date(text: &str) -> Result<i64, String> {
    let parts: Vec<i64> = text.split('-').filter_map(|p| p.parse().ok()).collect();
    match parts[..] {
        [year @ 1970..=9000, month @ 1..=12, day @ 1..=31] => Ok(draw::day_number(year, month, day)),
        _ => Err(format!("{text:?} is no date of the form 2025-01-31")),
    }
}

fn run(options: &Options) -> io::Result<()> {
    let truth = Truth::new(options.seed, options.events, options.per_file, options.attacks);
    if let Some(path) = &options.plant {
        fs::write(path, truth.csv())?;
    }
    if let Some(path) = &options.absent {
        fs::write(path, truth::absent())?;
    }
    if options.truth_only {
        return Ok(());
    }
    fs::create_dir_all(&options.out)?;
    let world = World::new();
    let calendar = Calendar::new(options.from, options.days);
    let all = options.events.div_ceil(options.per_file) as u32;
    let last = options.start_file.saturating_add(options.files).min(all);
    let (mut events, mut bytes) = (0, 0);
    let started = Instant::now();
    for file in options.start_file..last {
        let path = options.out.join(truth::file_name(file));
        let (lines, size) = write_file(&path, file, options, &world, &calendar, &truth.places)?;
        events += lines;
        bytes += size;
    }
    let seconds = started.elapsed().as_secs_f64().max(1e-9);
    eprintln!(
        "events={events} bytes={bytes} bytes_per_event={:.0} seconds={seconds:.3} events_per_s={:.0} mb_per_s={:.0}",
        bytes as f64 / (events.max(1)) as f64,
        events as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
    );
    Ok(())
}

/// What is written at once.
const BLOCK: usize = 1 << 20;

fn write_file(
    path: &Path,
    file: u32,
    options: &Options,
    world: &World,
    calendar: &Calendar,
    places: &[Place],
) -> io::Result<(u64, u64)> {
    let first = u64::from(file) * options.per_file;
    let lines = options.per_file.min(options.events - first);
    let mut marks = places.iter().filter(|p| p.file == file).peekable();
    let mut writer = Writer::new(world, options.seed, file, first);
    let mut late = Draw::new(options.seed ^ 0x5EED, u64::from(file));
    let mut out = fs::File::create(path)?;
    let mut block = Vec::with_capacity(BLOCK + 8192);
    let mut bytes = 0;
    for line in 0..lines {
        let ordered = calendar.at((first + line) as f64 / options.events as f64);
        // Collectors hand over within seconds, some within half a minute, one in a hundred much later.
        let delay = match late.below(100) {
            0 => late.below(600_000_000),
            1..=9 => late.below(30_000_000),
            _ => late.below(2_000_000),
        };
        let now = calendar.stamp(ordered - delay as i64);
        let mark = marks.next_if(|p| u64::from(p.line) == line).map(|p| &p.mark);
        writer.line(&mut block, &now, mark);
        if block.len() >= BLOCK {
            out.write_all(&block)?;
            bytes += block.len() as u64;
            block.clear();
        }
    }
    out.write_all(&block)?;
    Ok((lines, bytes + block.len() as u64))
}
