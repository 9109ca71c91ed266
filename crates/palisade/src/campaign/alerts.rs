//! `palisade campaign group`: alerts of any source, from CSV.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use palisade_campaign::{Alert, Names, group as groups};
use palisade_model::{Time, csv_cell, terminal};

use crate::args::{CampaignGroup, GroupFormat};
use crate::errors::{Exit, note, reason};
use crate::output::{Sink, plural};
use crate::times::Clock;

/// Most alerts of one file: their numbers are four bytes.
const MAX_ALERTS: usize = 100_000_000;
/// Longest text of a cell; what is longer is cut.
const MAX_CELL: usize = 4_096;
/// Groups of the table.
const LARGEST: usize = 20;

/// Alerts of a file.
#[derive(Default)]
struct Alerts {
    alerts: Vec<Alert>,
    names: Names,
    /// Ids one behind the other, and where each ends.
    ids: Vec<u8>,
    ends: Vec<u64>,
    /// Lines that say nothing that can be used.
    bad: u64,
    first_bad: Option<(u64, String)>,
}

impl Alerts {
    fn id(&self, n: usize) -> &[u8] {
        let start = n.checked_sub(1).and_then(|n| self.ends.get(n)).copied().unwrap_or(0) as usize;
        let end = self.ends.get(n).copied().unwrap_or(0) as usize;
        self.ids.get(start..end).unwrap_or_default()
    }
}

/// `palisade campaign group`.
pub fn group(args: &CampaignGroup) -> Result<Exit> {
    if !(0.0..=1.0).contains(&args.sensitivity) {
        bail!("--sensitivity is {}; it goes from 0 to 1", args.sensitivity);
    }
    let read = read(&args.alerts)?;
    if let Some((line, why)) = &read.first_bad {
        note(&format!(
            "{} of {} left out; the first is line {line}: {why}",
            plural(read.bad, "line"),
            args.alerts.display()
        ));
    }
    let of = groups(&read.alerts, &read.names, args.sensitivity);
    let mut sink = Sink::open(args.output.as_deref())?;
    let written = sink.step(|out| match args.format {
        GroupFormat::Csv => {
            writeln!(out, "id,group")?;
            for (n, first) in of.iter().enumerate() {
                cell(out, read.id(n))?;
                out.write_all(b",")?;
                cell(out, read.id(*first as usize))?;
                out.write_all(b"\n")?;
            }
            Ok(())
        }
        GroupFormat::Table => table(out, &read, &of),
    });
    if let (Err(text), error) = (written, sink.failure()) {
        return Err(error.unwrap_or_else(|| anyhow!(text)));
    }
    sink.close()?;
    Ok(Exit::Clean)
}

/// A cell as CSV writes it; nothing in an id is a formula to whoever opens the file.
fn cell(out: &mut dyn io::Write, id: &[u8]) -> io::Result<()> {
    if !id.is_empty() && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':')) {
        return out.write_all(id);
    }
    out.write_all(csv_cell(&String::from_utf8_lossy(id)).as_bytes())
}

fn table(out: &mut dyn io::Write, read: &Alerts, of: &[u32]) -> io::Result<()> {
    let mut sizes: HashMap<u32, (u64, i64, i64)> = HashMap::new();
    for (a, first) in read.alerts.iter().zip(of) {
        let g = sizes.entry(*first).or_insert((0, i64::MAX, i64::MIN));
        *g = (g.0 + 1, g.1.min(a.time), g.2.max(a.time));
    }
    let mut all: Vec<(u32, (u64, i64, i64))> = sizes.into_iter().collect();
    all.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(&b.0)));
    let clock = Clock::default();
    writeln!(out, "{} in {}", plural(of.len() as u64, "alert"), plural(all.len() as u64, "group"))?;
    for (first, (n, from, to)) in all.iter().take(LARGEST) {
        let alert = read.alerts.get(*first as usize);
        let name =
            |of: &[String], n: Option<u32>| n.and_then(|n| of.get(n as usize)).cloned().unwrap_or_default();
        writeln!(
            out,
            "{n:>9}  {} to {}  begins with {} on {}",
            clock.short(Time(*from)),
            clock.short(Time(*to)),
            terminal(&name(&read.names.detectors, alert.map(|a| a.detector))),
            terminal(&name(&read.names.hosts, alert.map(|a| a.host)))
        )?;
    }
    Ok(())
}

/// Opens the file, unpacked.
fn open(path: &Path) -> Result<Box<dyn Read>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let cannot = |e: io::Error| anyhow!("cannot read {}: {}", path.display(), reason(&e));
    let mut file = File::open(path).map_err(cannot)?;
    let mut magic = [0; 4];
    let n = file.read(&mut magic).map_err(cannot)?;
    io::Seek::rewind(&mut file).map_err(cannot)?;
    let file = BufReader::with_capacity(1 << 20, file);
    Ok(match magic.get(..n) {
        Some([0x28, 0xb5, 0x2f, 0xfd]) => Box::new(zstd::Decoder::with_buffer(file).map_err(cannot)?),
        Some([0x1f, 0x8b, ..]) => Box::new(flate2::read::MultiGzDecoder::new(file)),
        _ => Box::new(file),
    })
}

/// Texts as numbers.
struct Interner {
    known: HashMap<Box<[u8]>, u32>,
}

impl Interner {
    fn number(&mut self, text: &[u8], names: &mut Vec<String>) -> u32 {
        let text = text.get(..text.len().min(MAX_CELL)).unwrap_or(text);
        if let Some(n) = self.known.get(text) {
            return *n;
        }
        // As many names as alerts at most.
        let n = names.len() as u32;
        names.push(String::from_utf8_lossy(text).into_owned());
        self.known.insert(text.into(), n);
        n
    }
}

fn read(path: &Path) -> Result<Alerts> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(open(path)?);
    let cannot = |e: csv::Error| anyhow!("cannot read {} as CSV: {e}", path.display());
    let heading = reader.byte_headers().map_err(cannot)?.clone();
    let column = |name: &str| {
        let plain =
            |h: &[u8]| h.trim_ascii().strip_prefix(b"\xef\xbb\xbf").unwrap_or(h.trim_ascii()).to_vec();
        heading.iter().position(|h| plain(h).eq_ignore_ascii_case(name.as_bytes()))
    };
    let need = |name: &str| {
        column(name).ok_or_else(|| {
            anyhow!("{} has no column \"{name}\"; it needs id, time, host, short, ip, name", path.display())
        })
    };
    let (id, time, host, short, ip) =
        (need("id")?, need("time")?, need("host")?, need("short")?, need("ip")?);
    let org = column("org");
    let mut out = Alerts::default();
    let fresh = || Interner { known: HashMap::new() };
    let (mut hosts, mut detectors, mut ips, mut orgs) = (fresh(), fresh(), fresh(), fresh());
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(cannot)? {
        let line = record.position().map_or(0, csv::Position::line);
        let get = |n: usize| record.get(n).map(<[u8]>::trim_ascii);
        let when = get(time).and_then(|t| std::str::from_utf8(t).ok()).and_then(moment);
        let (Some(when), Some(id)) = (when, get(id).filter(|i| !i.is_empty())) else {
            out.bad += 1;
            let why = if when.is_none() { "its time is none" } else { "it has no id" };
            out.first_bad.get_or_insert((line, why.to_owned()));
            continue;
        };
        if out.alerts.len() >= MAX_ALERTS {
            bail!("{} has more than {MAX_ALERTS} alerts; cut it by time", path.display());
        }
        let text = |n: usize| get(n).unwrap_or_default();
        out.alerts.push(Alert {
            time: when,
            detector: detectors.number(text(short), &mut out.names.detectors),
            host: hosts.number(text(host), &mut out.names.hosts),
            ip: ips.number(text(ip), &mut out.names.ips),
            org: orgs.number(org.map_or(b"", text), &mut out.names.orgs),
        });
        out.ids.extend_from_slice(id);
        out.ends.push(out.ids.len() as u64);
    }
    Ok(out)
}

/// Unix seconds, with or without a fraction, or a written time; in microseconds.
fn moment(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if let Ok(seconds) = whole.parse::<i64>()
        && fraction.bytes().all(|b| b.is_ascii_digit())
    {
        let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        let sign = if whole.starts_with('-') { -1 } else { 1 };
        return seconds.checked_mul(1_000_000)?.checked_add(sign * micros);
    }
    Time::parse(text).ok().map(|t| t.0)
}
