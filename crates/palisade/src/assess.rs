//! `palisade assess`: who could be behind it, for the campaigns of a case, or for incidents given as a file.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use palisade_assess::who::{self, Answer, Assessment, Library, Settings};
use palisade_intel::actors;
use palisade_model::{IncidentReport, Knowledge, Month, Origin};
use palisade_pipeline::shipped;
use serde_json::{Map, Value, json};

use crate::args::{Assess, AssessFormat};
use crate::errors::{Exit, note, reason};
use crate::output::Sink;

mod campaigns;

/// Largest file of incidents.
const MAX_INCIDENTS_BYTES: u64 = 256 << 20;

/// Runs the command.
pub fn run(args: &Assess) -> Result<Exit> {
    let as_of = args.as_of.as_deref().map(|d| {
        Month::parse(d).ok_or_else(|| anyhow!("--as-of {d} is no date; write YYYY-MM-DD or YYYY-MM"))
    });
    let as_of = as_of.transpose()?;
    let incidents = match (&args.case, &args.incidents) {
        (Some(dir), _) => campaigns::of(dir)?,
        (None, Some(file)) => incidents(file)?,
        (None, None) => bail!("nothing to assess; name --case DIR or --incidents FILE"),
    };
    let mut knowledge = Knowledge::default();
    for path in &args.knowledge {
        knowledge.add(load(path, args.quiet)?);
    }
    for path in args.case.iter().flat_map(|dir| crate::intel::kept(dir)) {
        knowledge.add(load(&path, args.quiet)?);
    }
    if knowledge.actors.is_empty() {
        knowledge = actors::read(shipped("actors/attack.tsv").as_bytes(), &Origin::file("shipped")).0;
    }
    let library = Library::new(&knowledge);
    if library.actors().is_empty() {
        bail!(
            "the knowledge given tells of no actor's techniques or software; give an ATT&CK bundle with --knowledge"
        );
    }
    let settings = Settings::read(shipped("assess/who.toml"), shipped("assess/cost-to-fake.toml"))
        .context("the shipped settings of the assessment")?;
    if !args.quiet {
        let month = library.as_of().map_or_else(|| "no dated report".to_owned(), |m| m.to_string());
        note(&format!("knowledge as of {month}; newer: `palisade intel add FILE`, or --knowledge FILE"));
        library.notices().iter().for_each(|n| note(n));
    }
    let mut sink = Sink::open(args.output.as_deref())?;
    let written = sink.step(|out| {
        if args.case.is_some() && args.format != Some(AssessFormat::Ndjson) {
            return campaigns::write(&library, &settings, &incidents, as_of, out);
        }
        who::assess_all(&library, &settings, &incidents, as_of).into_iter().try_for_each(|line| {
            serde_json::to_writer(&mut *out, &value(&line, &library))?;
            writeln!(out)
        })
    });
    if let (Err(text), failure) = (written, sink.failure()) {
        return Err(failure.unwrap_or_else(|| anyhow!(text)));
    }
    sink.close()?;
    Ok(Exit::Clean)
}

/// Reads a file of knowledge, whatever its form, packed with zstd or not.
pub fn load(path: &Path, quiet: bool) -> Result<Knowledge> {
    let bytes =
        fs::read(path).map_err(|e| anyhow!("{} could not be read: {}", path.display(), reason(&e)))?;
    let bytes = unpacked(bytes).with_context(|| format!("{} could not be unpacked", path.display()))?;
    let (knowledge, problems) = actors::read(&bytes, &Origin::file(path.display().to_string()));
    if !quiet {
        problems.iter().for_each(|p| note(&p.to_string()));
    }
    if knowledge.actors.is_empty() && knowledge.accounts.is_empty() {
        bail!("{} holds no knowledge about actors", path.display());
    }
    Ok(knowledge)
}

/// A file's content, unpacked if zstd packed it, up to the most that is read.
fn unpacked(bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    if !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(bytes);
    }
    let mut out = Vec::new();
    let most = actors::MAX_BYTES as u64 + 1;
    zstd::stream::read::Decoder::new(bytes.as_slice())?.take(most).read_to_end(&mut out)?;
    Ok(out)
}

fn incidents(path: &Path) -> Result<Vec<IncidentReport>> {
    let size = fs::metadata(path)
        .map_err(|e| anyhow!("{} could not be read: {}", path.display(), reason(&e)))?
        .len();
    if size > MAX_INCIDENTS_BYTES {
        bail!("{} is larger than {} MiB", path.display(), MAX_INCIDENTS_BYTES >> 20);
    }
    let bytes =
        fs::read(path).map_err(|e| anyhow!("{} could not be read: {}", path.display(), reason(&e)))?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is no array of incidents {{id, date, techniques, software}}", path.display())
    })
}

fn value(a: &Assessment, library: &Library) -> Value {
    let groups: Map<String, Value> =
        a.candidates.iter().map(|c| (c.actor.id.clone(), json!(c.probability))).collect();
    let answer = match a.answer {
        Answer::Group => "group",
        Answer::StateOnly => "state_only",
        Answer::Undecided => "undecided",
        Answer::Insufficient => "insufficient",
    };
    json!({
        "id": a.id, "answer": answer, "groups": groups, "unknown": a.unknown, "states": a.states,
        "weighed": a.weighed, "not_weighed": a.not_weighed, "knowledge_as_of": library.as_of(),
    })
}
