//! `palisade assess`: who could be behind it, for the campaigns of a case, or for incidents given as a file, and the
//! analyst's word on it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use palisade_assess::who::{self, Assessment, Library, Marks, Settings, VictimPart, View, pull};
use palisade_intel::actors;
use palisade_model::{Artefact, Incident, IncidentReport, Knowledge, Month, Origin};
use palisade_pipeline::{Organisation, shipped};
use palisade_store::ProfileKind;
use serde_json::{Map, Value, json};
use sha2::Digest as _;

use crate::args::{Assess, AssessCommand, AssessFormat};
use crate::errors::{Exit, note, reason};
use crate::output::Sink;

pub mod adopt;
pub mod answers;
pub mod campaigns;
pub mod expect;
pub mod seen;

/// Of fewer actors whose methods the case's own knowledge tells nobody can be told apart.
const FEW: usize = 20;

/// Largest file of incidents.
const MAX_INCIDENTS_BYTES: u64 = 256 << 20;

/// What assessments are made with.
pub struct Known {
    /// What is known of actors.
    pub library: Library,
    /// Things that reports tie to them.
    pub marks: Marks,
    /// What the organisation's sector and country say of states, by incidents that the case keeps.
    pub victim: Vec<Artefact>,
    /// Incidents that the case keeps.
    pub incidents: Vec<Incident>,
    /// Weights, costs and floors.
    pub settings: Settings,
    /// SHA-256 of the knowledge in Palisade's own form: the same facts from another file are the same knowledge.
    knowledge: String,
    /// SHA-256 of the settings' texts.
    method: String,
}

impl Known {
    /// The files given, or what the case keeps, or else what is shipped. `before`: incidents of victims from that month on are not
    /// known yet.
    pub fn read(case: Option<&Path>, files: &[PathBuf], before: Option<Month>, quiet: bool) -> Result<Known> {
        let mut knowledge = Knowledge::default();
        let kept = |kind| case.map_or_else(|| Ok(Vec::new()), |dir| crate::intel::kept(dir, kind));
        for path in files.iter().cloned().chain(kept(ProfileKind::Actors)?) {
            knowledge.add(load(&path, quiet)?);
        }
        // Names, marks, or one partner's word on one actor are not enough to compare anybody by: what is shipped joins them. What
        // somebody names on the command line stands alone.
        let told: BTreeSet<&str> = knowledge.accounts.iter().map(|a| a.actor.as_str()).collect();
        if told.is_empty() || files.is_empty() && told.len() < FEW {
            knowledge.add(actors::read(shipped("actors/attack.tsv").as_bytes(), &Origin::file("shipped")).0);
        }
        let library = Library::new(&knowledge);
        if library.actors().is_empty() {
            bail!(
                "the knowledge given tells of no actor's techniques or software; give an ATT&CK bundle with --knowledge"
            );
        }
        let marks = Marks::new(&knowledge);
        if !quiet && library.left_out + marks.left_out > 0 {
            note(&format!(
                "{} of what is known is beyond the limits and is not compared",
                library.left_out + marks.left_out
            ));
        }
        let (who, costs) = (shipped("assess/who.toml"), shipped("assess/cost-to-fake.toml"));
        let settings = Settings::read(who, costs).context("the shipped settings of the assessment")?;
        let collections = kept(ProfileKind::Incidents)?;
        // A collection that cannot be used takes nothing from what methods say.
        let incidents = expect::collections(&collections, quiet).unwrap_or_else(|e| {
            note(&format!("incidents that the case keeps are not used: {e}"));
            Vec::new()
        });
        let incidents = expect::known_before(incidents, before);
        let organisation = crate::inputs::organisation(case.and_then(crate::case::config).as_deref())?;
        let victim = victim(&incidents, &organisation);
        let mut rests_on = vec![actors::write(&knowledge)];
        rests_on.extend(victim.iter().map(|a| format!("{} {:?} {}", a.name, a.points_to, a.nats)));
        Ok(Known {
            library,
            marks,
            victim,
            incidents,
            settings,
            knowledge: digest(&rests_on),
            method: digest(&[who, costs]),
        })
    }
}

/// What the organisation's sector and country say of states: one artefact for each, of the class `victimology`.
fn victim(incidents: &[Incident], o: &Organisation) -> Vec<Artefact> {
    let parts = [(VictimPart::Sector, "sector", &o.sector), (VictimPart::Country, "country", &o.country)];
    let mut out = Vec::new();
    for (part, what, word) in parts {
        let Some(word) = word else { continue };
        let of_state = |(state, nats): (String, f64)| Artefact {
            name: format!("victim's {what}: {word}"),
            class: "victimology".to_owned(),
            points_to: vec![state],
            nats,
        };
        out.extend(pull(incidents, part, word).into_iter().map(of_state));
    }
    out
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
        Some(AssessCommand::Answer(a)) => return answers::answer(a),
        Some(AssessCommand::Unanswer(a)) => return answers::unanswer(a),
        Some(AssessCommand::Answers(a)) => return answers::list(a),
        None => {}
    }
    let as_of = args.as_of.as_deref().map(|d| {
        Month::parse(d).ok_or_else(|| anyhow!("--as-of {d} is no date; write YYYY-MM-DD or YYYY-MM"))
    });
    let as_of = as_of.transpose()?;
    let known = Known::read(args.case.as_deref(), &args.knowledge, as_of, args.quiet)?;
    if !args.quiet {
        let view = known.library.view(as_of, &BTreeSet::new(), None);
        note(&format!(
            "{}; newer: `palisade intel add --case DIR FILE`, or --knowledge FILE",
            told_until(&view)
        ));
        known.library.notices().iter().for_each(|n| note(n));
    }
    let mut sink = Sink::open(args.output.as_deref())?;
    let written = match (&args.case, &args.incidents) {
        (Some(dir), _) => {
            let told = campaigns::Told::read(dir, &known, as_of, &args.victims)?;
            sink.step(|out| match args.format {
                Some(AssessFormat::Ndjson) => told.lines(&known, out),
                _ => told.write(&known, out),
            })
        }
        (None, Some(file)) => {
            let incidents = incidents(file)?;
            sink.step(|out| {
                let view = known.library.view(as_of, &BTreeSet::new(), None);
                who::assess_all(&view, &known.settings, &incidents).try_for_each(|line| {
                    serde_json::to_writer(&mut *out, &value(&line, &view))?;
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
    let bytes = bounded(path, actors::MAX_BYTES as u64)?;
    let bytes = unpacked(bytes).with_context(|| format!("{} could not be unpacked", path.display()))?;
    let (knowledge, problems) = actors::read(&bytes, &Origin::file(path.display().to_string()));
    if !quiet {
        problems.iter().for_each(|p| note(&p.to_string()));
    }
    if knowledge.actors.is_empty() && knowledge.accounts.is_empty() && knowledge.marks.is_empty() {
        bail!("{} holds no knowledge about actors", path.display());
    }
    Ok(knowledge)
}

/// A file's content, if it is not larger than may be.
pub fn bounded(path: &Path, most: u64) -> Result<Vec<u8>> {
    let unread = |e: &std::io::Error| anyhow!("{} could not be read: {}", path.display(), reason(e));
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|f| f.take(most + 1).read_to_end(&mut bytes)).map_err(|e| unread(&e))?;
    if bytes.len() as u64 > most {
        bail!("{} is larger than {} MiB", path.display(), most >> 20);
    }
    Ok(bytes)
}

/// A file's content, unpacked if zstd packed it, up to the most that is read.
pub fn unpacked(bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    if !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(bytes);
    }
    let mut out = Vec::new();
    let most = actors::MAX_BYTES as u64 + 1;
    zstd::stream::read::Decoder::new(bytes.as_slice())?.take(most).read_to_end(&mut out)?;
    Ok(out)
}

fn incidents(path: &Path) -> Result<Vec<IncidentReport>> {
    let bytes = bounded(path, MAX_INCIDENTS_BYTES)?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is no array of incidents {{id, date, techniques, software}}", path.display())
    })
}

/// Most items that are told by name that no report tells of.
const NOT_WEIGHED: usize = 100;

fn value(a: &Assessment, view: &View<'_>) -> Value {
    let groups: Map<String, Value> =
        a.candidates.iter().map(|c| (c.actor.id.clone(), json!(c.probability))).collect();
    json!({
        "id": a.id, "answer": a.answer.name(), "groups": groups, "unknown": a.unknown, "states": a.states,
        "weighed": a.weighed, "not_weighed": a.not_weighed.len(),
        "not_weighed_items": a.not_weighed.iter().take(NOT_WEIGHED).collect::<Vec<_>>(),
        "knowledge_as_of": view.newest(),
    })
}

/// How new the knowledge is.
pub fn told_until(view: &View<'_>) -> String {
    let month = view.newest().map_or_else(|| "no dated report".to_owned(), |m| m.to_string());
    format!("knowledge as of {month}")
}
