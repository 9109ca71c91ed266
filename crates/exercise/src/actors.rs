//! The actors of all scenarios as knowledge that an assessment can load: invented, for exercises alone.
//!
//! Knowledge about real actors is what reports tell, each of a part of it. So each invented actor gets some reports, of
//! the years before any exercise, each with a part of its techniques and tools; an actor whose scenario is not played is
//! there as well, because somebody must be mistaken for. It never says who did what in an exercise: that is the truth's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::calendar::Span;
use crate::dice::Dice;
use crate::scenario::SCENES;
use crate::world::World;

/// Reports of each actor.
const REPORTS: u64 = 6;
/// Months from one report of an actor to the next.
const MONTHS_APART: i64 = 5;
/// The month before all exercises, counted from year 0.
const BEFORE: i64 = 2_023 * 12 + 11;

/// Fictional actors in the form `palisade-actors 1`, from a seed.
pub fn fictional_actors(seed: u64) -> String {
    let mut out = String::from("palisade-actors 1\n");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "notice\tInvented for exercises; no real actor is meant.");
    let _ = writeln!(out, "as-of\t{}", month(BEFORE));
    let mut sponsors: BTreeMap<String, String> = BTreeMap::new();
    let (mut items, mut accounts, mut number) = (BTreeSet::new(), String::new(), 0);
    for scene in SCENES {
        let world = World::new(seed, scene.label, scene.cast, Span::before(scene.end, 30));
        for actor in (scene.actors)(&world) {
            number += 1;
            // Codes that ISO 3166 leaves to users: no state has them.
            let next = format!("X{}", char::from(b'A' + (sponsors.len() % 26) as u8));
            let stateless = actor.sponsor.starts_with("nobody");
            let nation = if stateless {
                "-".to_owned()
            } else {
                sponsors.entry(actor.sponsor.clone()).or_insert(next).clone()
            };
            let _ = writeln!(out, "actor\tX{number:04}\t{nation}\t{}", actor.name);
            let mut all: Vec<(String, String)> =
                actor.techniques.iter().map(|t| (t.clone(), format!("item\t{t}\ttechnique\t{t}"))).collect();
            for tool in &actor.tools {
                let id = format!("S{}", 9_000 + tool_number(tool));
                all.push((id.clone(), format!("item\t{id}\tmalware\t{tool}")));
            }
            items.extend(all.iter().map(|(_, line)| line.clone()));
            let mut dice = Dice::new(seed, &format!("reports of {}", actor.name));
            for report in 0..REPORTS {
                // A report tells of two thirds of what its actor does.
                let told: Vec<&str> =
                    all.iter().filter(|_| dice.below(3) > 0).map(|(id, _)| id.as_str()).collect();
                let at = month(BEFORE - MONTHS_APART * report as i64);
                let told =
                    if told.is_empty() { all.iter().map(|(id, _)| id.as_str()).collect() } else { told };
                let _ = writeln!(
                    accounts,
                    "account\tX{number:04}\t{at}\tReport {} on {}\t{}",
                    report + 1,
                    actor.name,
                    told.join(" ")
                );
            }
        }
    }
    for item in items {
        let _ = writeln!(out, "{item}");
    }
    out + &accounts
}

fn month(n: i64) -> String {
    format!("{:04}-{:02}", n / 12, n % 12 + 1)
}

/// A number for a tool's name, the same for all who have it.
fn tool_number(name: &str) -> u64 {
    name.bytes().fold(7, |n: u64, b| (n * 31 + u64::from(b)) % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_actor_of_every_scenario_has_reports() {
        let text = fictional_actors(3);
        assert_eq!(text, fictional_actors(3));
        assert_ne!(text, fictional_actors(4));
        let lines = |start: &str| text.lines().filter(|l| l.starts_with(start)).count();
        assert!(lines("actor\t") >= 7, "{text}");
        assert_eq!(lines("account\t"), lines("actor\t") * REPORTS as usize);
        assert!(text.contains("\tIRON SHRIKE\n") && !text.contains("\tnobody"));
    }
}
