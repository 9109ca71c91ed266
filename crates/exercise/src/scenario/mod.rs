//! What happens in each exercise: a cast, a date, campaigns and decoys.
//!
//! Each scenario is modelled on public facts and told as fiction: organisations, actors and places are invented. A
//! scenario says what happens and when; it never writes, and never knows which records surround it.

mod decoys;
mod election;
mod energy;
mod exchange;
mod flag;
mod moves;
mod rules;
mod twins;
mod wiper;

use crate::cloud::Cloud;
use crate::plan::Plan;
use crate::truth::ActorProfile;
use crate::world::{Role, World};
use palisade_model::Vector;

/// A scenario, for people who choose one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ScenarioInfo {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What happens, in a few sentences.
    pub summary: &'static str,
    /// The public facts it is modelled on.
    pub sources: &'static [&'static str],
    /// Channels its steps go through; those without a writer are told in the truth only.
    pub vectors: &'static [Vector],
}

/// A scenario, for the writers.
pub(crate) struct Scene {
    /// What people read.
    pub info: ScenarioInfo,
    /// Label of the organisation's domain.
    pub label: &'static str,
    /// The midnight (UTC) it ends at, seconds since 1970.
    pub end: i64,
    /// Its machines.
    pub cast: &'static [(Role, usize)],
    /// Its clouds.
    pub clouds: &'static [Cloud],
    /// What happens.
    pub plant: fn(&mut Plan<'_>),
    /// The actors that exist in it.
    pub actors: fn(&World) -> Vec<ActorProfile>,
    /// What makes it hard.
    pub notes: &'static [&'static str],
}

/// All of them, in the order of their names' first telling.
pub(crate) const SCENES: [&Scene; 6] =
    [&energy::SCENE, &exchange::SCENE, &election::SCENE, &wiper::SCENE, &twins::SCENE, &flag::SCENE];

/// The scenarios there are.
pub fn scenarios() -> &'static [ScenarioInfo] {
    const INFOS: [ScenarioInfo; SCENES.len()] = {
        let mut infos = [SCENES[0].info; SCENES.len()];
        let mut at = 0;
        while at < SCENES.len() {
            infos[at] = SCENES[at].info;
            at += 1;
        }
        infos
    };
    &INFOS
}

/// Programs of Windows that planted steps use.
pub(crate) mod programs {
    /// The shell.
    pub const CMD: &str = "C:\\Windows\\System32\\cmd.exe";
    /// PowerShell.
    pub const POWERSHELL: &str = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
    /// Libraries as programs.
    pub const RUNDLL: &str = "C:\\Windows\\System32\\rundll32.exe";
    /// HTML applications.
    pub const MSHTA: &str = "C:\\Windows\\System32\\mshta.exe";
    /// Words.
    pub const WORD: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";
    /// The desk itself.
    pub const EXPLORER: &str = "C:\\Windows\\explorer.exe";
    /// What WMI starts programs with.
    pub const WMI: &str = "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe";
    /// What remote management starts programs with.
    pub const REMOTE: &str = "C:\\Windows\\System32\\wsmprovhost.exe";
    /// Services.
    pub const SERVICES: &str = "C:\\Windows\\System32\\services.exe";
    /// The keeper of credentials.
    pub const LSASS: &str = "C:\\Windows\\System32\\lsass.exe";
    /// A browser.
    pub const BROWSER: &str = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe";
    /// A web server's worker.
    pub const POOL: &str = "C:\\Windows\\System32\\inetsrv\\w3wp.exe";
}

/// A fictional actor with the hashes its tools have in this world.
pub(crate) fn actor(
    world: &World,
    name: &str,
    sponsor: &str,
    techniques: &[&str],
    tools: &[&str],
    marks: &[&str],
) -> ActorProfile {
    let owned = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let stem = |tool: &&str| crate::plan::tool_hash(world, tool.split('.').next().unwrap_or(tool));
    ActorProfile {
        name: name.to_owned(),
        sponsor: sponsor.to_owned(),
        techniques: owned(techniques),
        tools: owned(tools),
        marks: owned(marks),
        hashes: tools.iter().map(stem).collect(),
    }
}
