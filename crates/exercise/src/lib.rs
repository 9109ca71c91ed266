//! Evidence with known truth, and a score for what was found in it.
//!
//! This room writes logs of organisations that do not exist: everyday life of people, machines and clouds, and in it
//! planted campaigns and decoys whose every record is known. What an investigation finds can then be measured.
//!
//! It is pure: it opens no file, looks at no clock and draws no randomness. What comes out follows from
//! [`Parameters`] alone, byte for byte, on every machine. It never uses a reader's code, so that what it writes tests
//! the readers; and it never holds evidence in memory, so that an exercise may be larger than the machine.
//!
//! Everything in it is invented: organisations, people, actors. Addresses and domains are those set aside for
//! examples and measurements.

mod actors;
mod acts;
mod calendar;
mod cloud;
mod dice;
mod error;
mod evtx;
mod json;
mod plan;
mod record;
mod scenario;
mod score;
mod sink;
mod truth;
mod vectors;
mod world;

use serde::{Deserialize, Serialize};

pub use actors::fictional_actors;
pub use error::ExerciseError;
pub use scenario::{ScenarioInfo, scenarios};
pub use score::{CampaignScore, Found, Score, score};
pub use sink::Sink;
pub use truth::{
    ActorProfile, Counts, ExpectedJoin, FORMAT, Group, GroupKind, Named, PlantedStep, RecordRef, Truth,
};

use calendar::Span;
use plan::Plan;
use scenario::{SCENES, Scene};
use sink::Files;
use world::World;

/// Everyday records of one scenario at scale 1. A run over them takes seconds.
const EVERYDAY: u64 = 60_000;

/// Everyday and planted records for each planted one, at least: planted ones are never above a thousandth.
const RECORDS_PER_PLANTED: u64 = 1_000;

/// Longest span, in days: two years.
pub const MAX_DAYS: u32 = 730;

/// Least scale.
pub const MIN_SCALE: f64 = 0.1;

/// Greatest scale: six million records of a scenario, about four gigabytes.
pub const MAX_SCALE: f64 = 100.0;

/// What an exercise is made from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Parameters {
    /// Name of a scenario, or `all`: then each stands in a folder of its name.
    pub scenario: String,
    /// What names, addresses, hashes and moments follow from.
    pub seed: u64,
    /// Days over which everything is spread, 1 to [`MAX_DAYS`].
    pub days: u32,
    /// Multiplies everyday records, [`MIN_SCALE`] to [`MAX_SCALE`]; counted in thousandths.
    pub scale: f64,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters { scenario: "energy".into(), seed: 1, days: 30, scale: 1.0 }
    }
}

/// Writes the evidence of an exercise to `out`, and gives the truth about it, which belongs outside that evidence.
///
/// The same parameters give the same files with the same bytes. A file is handed over in pieces of about 64 KiB; no
/// more of it is ever held.
///
/// # Errors
///
/// A scenario that does not exist, days or scale out of range, or a sink that refuses.
pub fn write(parameters: &Parameters, out: &mut dyn Sink) -> Result<Truth, ExerciseError> {
    let chosen = choose(&parameters.scenario)?;
    if !(1..=MAX_DAYS).contains(&parameters.days) {
        return Err(ExerciseError::Days(parameters.days));
    }
    if !(MIN_SCALE..=MAX_SCALE).contains(&parameters.scale) {
        return Err(ExerciseError::Scale(parameters.scale));
    }
    let mut truth = Truth {
        format: FORMAT,
        scenario: parameters.scenario.clone(),
        parameters: parameters.clone(),
        note:
            "Everything here is invented: organisations, people, actors, addresses. No real actor is meant."
                .into(),
        records: Counts::default(),
        groups: Vec::new(),
        actors: Vec::new(),
        notes: Vec::new(),
    };
    let alone = chosen.len() == 1;
    for scene in chosen {
        let folder = if alone { String::new() } else { format!("{}/", scene.info.name) };
        perform(scene, parameters, folder, out, &mut truth)?;
    }
    let Counts { total, planted, .. } = truth.records;
    // Both are far below 2⁵³, so the quotient is the same on every machine.
    truth.records.share = planted as f64 / total.max(1) as f64;
    Ok(truth)
}

fn choose(name: &str) -> Result<Vec<&'static Scene>, ExerciseError> {
    if name == "all" {
        return Ok(SCENES.to_vec());
    }
    let scene = SCENES.iter().find(|s| s.info.name == name);
    scene.map(|s| vec![*s]).ok_or_else(|| ExerciseError::Scenario {
        name: name.to_owned(),
        known: scenarios().iter().map(|s| s.name).collect::<Vec<_>>().join(", "),
    })
}

/// Writes one scenario and adds what is true of it.
fn perform(
    scene: &Scene,
    parameters: &Parameters,
    folder: String,
    out: &mut dyn Sink,
    truth: &mut Truth,
) -> Result<(), ExerciseError> {
    let span = Span::before(scene.end, parameters.days);
    let world = World::new(parameters.seed, scene.label, scene.cast, span);
    let mut plan = Plan::new(&world, scene.info.name);
    (scene.plant)(&mut plan);
    let writers = vectors::writers();
    let planted: u64 = writers.iter().map(|w| w.planted(&plan)).sum();
    // In thousandths, so that nothing after this line is a float.
    let scale = (parameters.scale * 1_000.0).round() as u64;
    let total = (EVERYDAY * scale / 1_000).max(planted * RECORDS_PER_PLANTED);
    let everyday = total - planted;
    let weights: u64 = writers.iter().map(|w| w.weight(scene)).sum();
    let mut files = Files::new(out, folder);
    let mut written = vectors::Written::new();
    let (mut passed, mut given) = (0, 0);
    for writer in writers {
        passed += writer.weight(scene);
        let until = (u128::from(everyday) * u128::from(passed) / u128::from(weights.max(1))) as u64;
        written.extend(writer.write(scene, &plan, until - given, &mut files)?);
        given = until;
    }
    truth.records.total += files.total();
    truth.records.planted += written.len() as u64;
    plan.settle(written);
    let several = truth.scenario == "all";
    for mut group in plan.groups {
        if several {
            group.name = format!("{}: {}", scene.info.name, group.name);
        }
        truth.groups.push(group);
    }
    truth.actors.extend((scene.actors)(&world));
    let note = |n: &&str| if several { format!("{}: {n}", scene.info.name) } else { (*n).to_owned() };
    truth.notes.extend(scene.notes.iter().map(note));
    Ok(())
}
