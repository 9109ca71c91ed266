//! `palisade exercise`: evidence with known truth, written to a folder.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_exercise::{Parameters, Truth, fictional_actors, scenarios, write};

use crate::args::Exercise;
use crate::errors::{Exit, reason};
use crate::output::{count, plural};

/// Files below a folder.
struct Disk {
    root: PathBuf,
    file: Option<BufWriter<File>>,
}

impl palisade_exercise::Sink for Disk {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        if let Some(mut before) = self.file.take() {
            before.flush()?;
        }
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        self.file = Some(BufWriter::new(File::create(path)?));
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::other("bytes of no file")),
        }
    }
}

/// Writes `OUT/evidence/**`, `OUT/truth.json`, and actors that exist only in exercises, `OUT/actors.tsv`.
pub fn make(parameters: &Parameters, out: &Path) -> Result<Truth> {
    if let Ok(mut entries) = std::fs::read_dir(out)
        && entries.next().is_some()
    {
        bail!("cannot write the exercise to {}: the folder is not empty; name another", out.display());
    }
    let cannot = |e: io::Error| anyhow!("cannot write the exercise to {}: {}", out.display(), reason(&e));
    let mut disk = Disk { root: out.join("evidence"), file: None };
    std::fs::create_dir_all(&disk.root).map_err(cannot)?;
    let truth = write(parameters, &mut disk)?;
    if let Some(mut last) = disk.file.take() {
        last.flush().map_err(cannot)?;
    }
    let text = serde_json::to_vec_pretty(&truth)?;
    std::fs::write(out.join("truth.json"), text).map_err(cannot)?;
    std::fs::write(out.join("actors.tsv"), fictional_actors(parameters.seed)).map_err(cannot)?;
    Ok(truth)
}

/// Runs the command.
pub fn run(args: &Exercise) -> Result<Exit> {
    let mut out = io::stdout().lock();
    if args.list {
        for s in scenarios() {
            writeln!(out, "{:<10} {}\n           {}", s.name, s.title, s.summary)?;
        }
        return Ok(Exit::Clean);
    }
    let Some(folder) = &args.out else {
        bail!("name the folder to write to: palisade exercise --scenario {} OUT", args.which.scenario)
    };
    let truth = make(&args.which.parameters(), folder)?;
    writeln!(
        out,
        "{} in {}: {} of {} planted ({:.3} %), in {}; the truth is {}",
        truth.scenario,
        folder.join("evidence").display(),
        count(truth.records.planted),
        plural(truth.records.total, "record"),
        truth.records.share * 100.0,
        plural(truth.groups.len() as u64, "group"),
        folder.join("truth.json").display()
    )?;
    Ok(Exit::Clean)
}
