//! `palisade assess`: who could be behind it, for the campaigns of a case, or for incidents given as a file, and the
//! analyst's word on it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use palisade_assess::who::{self, Assessment, Library, Settings};
use palisade_intel::actors;
use palisade_model::{IncidentReport, Knowledge, Month, Origin};
use palisade_pipeline::shipped;
use serde_json::{Map, Value, json};
use sha2::Digest as _;

use crate::args::{Assess, AssessCommand, AssessFormat};
use crate::errors::{Exit, note, reason};
use crate::output::Sink;

pub mod adopt;
pub mod campaigns;
mod expect;

/// Largest file of incidents.
const MAX_INCIDENTS_BYTES: u64 = 256 << 20;

/// What assessments are made with.
pub struct Known {
    /// What is known of actors.
    pub library: Library,
    /// Weights, costs and floors.
    pub settings: Settings,
    /// SHA-256 of the knowledge in Palisade's own form: the same facts from another file are the same knowledge.
    knowledge: String,
    /// SHA-256 of the settings' texts.
    method: String,
}

impl Known {
    /// The files given, what the case keeps, or else what is shipped.
    pub fn read(case: Option<&Path>, files: &[PathBuf], quiet: bool) -> Result<Known> {
        let mut knowledge = Knowledge::default();
        for path in files.iter().cloned().chain(case.iter().flat_map(|dir| crate::intel::kept(dir))) {
            knowledge.add(load(&path, quiet)?);
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
        let (who, costs) = (shipped("assess/who.toml"), shipped("assess/cost-to-fake.toml"));
        let settings = Settings::read(who, costs).context("the shipped settings of the assessment")?;
        Ok(Known {
            library,
            settings,
            knowledge: digest(&[&actors::write(&knowledge)]),
            method: digest(&[who, costs]),
        })
    }
}

/// SHA-256 over texts, each behind its length, in hexadecimal.
fn digest<T: AsRef<[u8]>>(texts: &[T]) -> String {
    let mut hash = sha2::Sha256::new();
    for text in texts {
        hash.update((text.as_ref().len() as u64).to_le_bytes());
        hash.update(text.as_ref());
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Runs the command.
pub fn run(args: &Assess) -> Result<Exit> {
    match &args.command {
        Some(AssessCommand::Adopt(a)) => return adopt::adopt(a),
        Some(AssessCommand::Override(a)) => return adopt::overrule(a),
        Some(AssessCommand::Undo(a)) => return adopt::undo(a),
        Some(AssessCommand::History(a)) => return adopt::history(a),
        None => {}
    }
    let as_of = args.as_of.as_deref().map(|d| {
        Month::parse(d).ok_or_else(|| anyhow!("--as-of {d} is no date; write YYYY-MM-DD or YYYY-MM"))
    });
    let as_of = as_of.transpose()?;
    let known = Known::read(args.case.as_deref(), &args.knowledge, args.quiet)?;
    if !args.quiet {
        let month = known.library.as_of().map_or_else(|| "no dated report".to_owned(), |m| m.to_string());
        note(&format!("knowledge as of {month}; newer: `palisade intel add FILE`, or --knowledge FILE"));
        known.library.notices().iter().for_each(|n| note(n));
    }
    let mut sink = Sink::open(args.output.as_deref())?;
    let written = match (&args.case, &args.incidents) {
        (Some(dir), _) => {
            let told = campaigns::Told::read(dir, as_of, &args.victims)?;
            sink.step(|out| match args.format {
                Some(AssessFormat::Ndjson) => told.lines(&known, out),
                _ => told.write(&known, out),
            })
        }
        (None, Some(file)) => {
            let incidents = incidents(file)?;
            sink.step(|out| {
                who::assess_all(&known.library, &known.settings, &incidents, as_of).try_for_each(|line| {
                    serde_json::to_writer(&mut *out, &value(&line, &known.library))?;
                    writeln!(out)
                })
            })
        }
        (None, None) => bail!("nothing to assess; name --case DIR or --incidents FILE"),
    };
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
    json!({
        "id": a.id, "answer": a.answer.name(), "groups": groups, "unknown": a.unknown, "states": a.states,
        "weighed": a.weighed, "not_weighed": a.not_weighed, "knowledge_as_of": library.as_of(),
    })
}
