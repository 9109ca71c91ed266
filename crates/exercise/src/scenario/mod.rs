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
    /// Whether the organisation keeps a ledger.
    pub ledger: bool,
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
    /// The keeper of credentials.
    pub const LSASS: &str = "C:\\Windows\\System32\\lsass.exe";
    /// A browser.
    pub const BROWSER: &str = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe";
    /// A web server's worker.
    pub const POOL: &str = "C:\\Windows\\System32\\inetsrv\\w3wp.exe";
}

/// A fictional actor with the names and hashes its tools have in this world.
pub(crate) fn actor(
    world: &World,
    name: &str,
    sponsor: &str,
    techniques: &[&str],
    tools: &[&str],
    marks: &[&str],
) -> ActorProfile {
    let owned = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    ActorProfile {
        name: name.to_owned(),
        sponsor: sponsor.to_owned(),
        techniques: owned(techniques),
        tools: tools.iter().map(|stem| format!("{}.exe", world.called(stem))).collect(),
        marks: owned(marks),
        hashes: tools.iter().map(|stem| crate::plan::tool_hash(world, stem)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use palisade_model::ObservableKind;

    use super::*;
    use crate::calendar::{DAY, Span};
    use crate::truth::{Group, GroupKind, RecordRef};

    /// What is planted, without writing anything: each record in a file named after its source.
    fn rehearse(scene: &Scene, seed: u64, days: u32) -> (Vec<Group>, Span) {
        let span = Span::before(scene.end, days);
        let world = World::new(seed, scene.label, scene.cast, span);
        let mut plan = Plan::new(&world, scene.info.name);
        (scene.plant)(&mut plan);
        let written = plan.planted.iter().enumerate();
        let at = |(n, p): (usize, &crate::plan::Planted)| {
            (p.of, RecordRef { file: format!("{:?}", p.source), record: n as u64 + 1 })
        };
        plan.settle(written.map(at).collect());
        (plan.groups, span)
    }

    /// From one day to two years: everything in its order and within the span, which ends at a midnight.
    #[test]
    fn every_span_holds_what_happens_in_it() {
        for scene in SCENES {
            assert_eq!(scene.end % DAY, 0, "{}", scene.info.name);
            for days in [1, 2, 13, 14, 30, 365, 730] {
                for seed in 1..=5 {
                    let (groups, span) = rehearse(scene, seed, days);
                    for group in groups {
                        let what = format!("{} {days} {seed}: {}", scene.info.name, group.name);
                        let times: Vec<i64> = group.steps.iter().map(|s| s.time.0 / 1_000_000).collect();
                        assert!(times.is_sorted(), "{what}");
                        assert!(
                            times.iter().all(|t| (span.start..span.end()).contains(t)),
                            "{what}: {times:?}"
                        );
                    }
                }
            }
        }
    }

    /// Each campaign is one, over machines and accounts, and large enough; no two of an exercise share a machine or an
    /// account.
    #[test]
    fn campaigns_hang_together_and_apart() {
        for scene in SCENES {
            let (groups, _) = rehearse(scene, 4, 90);
            let campaigns: Vec<&Group> = groups.iter().filter(|g| g.kind == GroupKind::Campaign).collect();
            assert!(groups.len() - campaigns.len() >= 3, "{}: decoys", scene.info.name);
            for group in &campaigns {
                let mut of: Vec<usize> = (0..group.steps.len()).collect();
                for join in &group.joins {
                    assert!(!join.by.is_empty() && join.steps.0 < join.steps.1);
                    let (a, b) = (of[join.steps.0], of[join.steps.1]);
                    of.iter_mut().filter(|o| **o == b).for_each(|o| *o = a);
                }
                let written = || (0..of.len()).filter(|s| group.steps[*s].written);
                let parts: BTreeSet<usize> = written().map(|s| of[s]).collect();
                assert_eq!(parts.len(), 1, "{}: {}", scene.info.name, group.name);
                let seen = written().filter(|s| !group.steps[*s].rules.is_empty()).count();
                assert!((8..=25).contains(&seen), "{}: {seen} steps that rules see", group.name);
                let files: BTreeSet<&String> =
                    group.steps.iter().flat_map(|s| &s.records).map(|r| &r.file).collect();
                assert!(files.len() >= 4, "{}: {} logs", group.name, files.len());
                for vector in group.steps.iter().map(|s| s.vector) {
                    assert!(scene.info.vectors.contains(&vector), "{}: {vector:?}", scene.info.name);
                }
                let world = World::new(4, scene.label, scene.cast, Span::before(scene.end, 90));
                assert!((scene.actors)(&world).iter().any(|a| a.name == group.actor), "{}", group.actor);
            }
            for (a, b) in campaigns.iter().zip(campaigns.iter().skip(1)) {
                let own = |g: &Group| -> BTreeSet<String> {
                    let kinds = [ObservableKind::Account, ObservableKind::Host];
                    let all = g.steps.iter().flat_map(|s| &s.observables).filter(|o| kinds.contains(&o.kind));
                    all.map(|o| o.value.to_lowercase()).collect()
                };
                assert!(own(a).is_disjoint(&own(b)), "{}", scene.info.name);
            }
        }
    }

    /// A process is of the machine that tells of it, and each step has records of its own.
    #[test]
    fn processes_are_of_their_machine() {
        for scene in SCENES {
            let world = World::new(9, scene.label, scene.cast, Span::before(scene.end, 30));
            let mut plan = Plan::new(&world, scene.info.name);
            (scene.plant)(&mut plan);
            for planted in &plan.planted {
                let (crate::plan::Source::Host(place), crate::plan::Body::Event(event)) =
                    (planted.source, &planted.body)
                else {
                    continue;
                };
                let guids = event.fields.iter().filter(|(name, _)| name.to_lowercase().ends_with("guid"));
                for (name, guid) in guids {
                    let own = &world.hosts[place].guid;
                    assert!(
                        guid.starts_with(&format!("{{{own}-")),
                        "{}: {name} in {event:?}",
                        scene.info.name
                    );
                }
            }
        }
    }
}
