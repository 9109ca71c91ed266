//! Room: `vectors/host`, door `detect` — what a machine did for the first time after a long history, and hardly any other
//! machine does.
//!
//! What this module never does: say anything where the history is short, or anything grave: new is not bad.

use std::collections::BTreeMap;

use palisade_model::{ObservableKind, Time};

use super::Outcome;
use super::data::{Detector, Spec};
use super::facts::{DAY, Entry, Facts, Kind};
use super::find::{Made, duration};

/// Most findings of one machine: what is more is an installation, and no rarity.
const MAX_PER_HOST: usize = 20;

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    for (name, kind, site, message) in [
        ("rare_program", Kind::Program, Kind::ProgramSite, "host.rare_program"),
        ("rare_autostart", Kind::Autostart, Kind::AutostartSite, "host.rare_autostart"),
    ] {
        // What was left out would look new or rare.
        let whole = ![kind, site, Kind::Activity].iter().any(|k| facts.is_thinned(*k));
        let Some(detector) = spec.detectors.get(name) else { continue };
        if whole {
            rare(detector, facts, kind, site, message, out);
        } else {
            out.left_out(1, format!("{}: not looked for, as not all facts were counted", detector.info.id));
        }
    }
}

/// A text in which versions, numbers and ids are alike.
fn alike(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !out.ends_with('#') {
            out.push(c);
        }
    }
    out
}

/// What one machine did.
struct Done<'f> {
    parts: Vec<&'f str>,
    first: Option<Time>,
    entries: Vec<&'f Entry>,
}

fn rare(detector: &Detector, facts: &Facts, kind: Kind, site: Kind, message: &str, out: &mut Outcome) {
    let days = i64::try_from(detector.limit("history_days")).unwrap_or(i64::MAX).saturating_mul(DAY);
    let names = |parts: &[&str]| parts.iter().map(|p| alike(p)).collect::<Vec<_>>();
    // Since when each machine has written records of the kinds that these facts come from.
    let mut since: BTreeMap<&str, Time> = BTreeMap::new();
    let mut by_host: BTreeMap<&str, BTreeMap<Vec<String>, Done<'_>>> = BTreeMap::new();
    let mut spread: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for (parts, entry) in facts.each(site) {
        // Site facts end with a separator.
        let parts = parts.strip_suffix(&[""]).unwrap_or(&parts);
        *spread.entry(names(parts)).or_default() |= entry.marks;
    }
    for (parts, entry) in facts.each(kind) {
        let Some((host, parts)) = parts.split_last() else { continue };
        if let Some(t) = entry.first.time {
            let from = since.entry(host).or_insert(t);
            *from = (*from).min(t);
        }
        let known = by_host.entry(host).or_default();
        let done = known.entry(names(parts)).or_insert_with(|| Done {
            parts: parts.to_vec(),
            first: None,
            entries: Vec::new(),
        });
        done.first = done.first.into_iter().chain(entry.first.time).min();
        done.entries.push(entry);
    }
    if (by_host.len() as u64) < detector.limit("hosts") {
        return;
    }
    let mut installed = 0;
    for (host, done) in &by_host {
        let Some(start) = since.get(host) else { continue };
        let is_new = |d: &Done<'_>| d.first.is_some_and(|t| t.0.saturating_sub(start.0) >= days);
        let is_rare = |name: &Vec<String>| {
            let marks = spread.get(name).copied().unwrap_or_default();
            u64::from(marks.count_ones()) <= detector.limit("site_hosts")
        };
        let found: Vec<&Done<'_>> =
            done.iter().filter(|(name, d)| is_new(d) && is_rare(name)).map(|(_, d)| d).collect();
        if found.len() > MAX_PER_HOST {
            installed += 1;
            continue;
        }
        for d in found {
            let mut made = Made::new(&detector.info, host);
            made.observe(ObservableKind::Host, host);
            for (name, part) in part_names(kind).iter().zip(&d.parts) {
                made.arg(name, part);
                made.observe(ObservableKind::Path, part);
            }
            if let Some(first) = d.first {
                made.arg("machine_known_for", duration(first.0.saturating_sub(start.0)));
            }
            made.arg("times", d.entries.iter().map(|e| e.count).sum::<u64>());
            d.entries.iter().for_each(|e| made.cite_entry(e));
            out.findings.extend(made.finish(message, &[host, &d.parts.join("|")]));
        }
    }
    let id = &detector.info.id;
    let what =
        format!("{id}: machines with more than {MAX_PER_HOST}: taken for an installation and not told");
    out.left_out(installed, what);
}

fn part_names(kind: Kind) -> &'static [&'static str] {
    if kind == Kind::Program { &["image", "parent"] } else { &["kind", "name", "runs"] }
}

#[cfg(test)]
mod tests {
    use super::alike;

    #[test]
    fn versions_are_alike() {
        assert_eq!(alike(r"c:\app-1.2.30\x.exe"), r"c:\app-#.#.#\x.exe");
        assert_eq!(alike(r"c:\app-1.2.4\x.exe"), alike(r"c:\app-1.2.30\x.exe"));
    }
}
