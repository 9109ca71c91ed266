//! Room: `vectors/host`, door `detect` — one process that removes or rewrites many files in a short time.
//!
//! What this module never does: look at what was in the files.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::ObservableKind;

use super::Outcome;
use super::data::{Detector, Spec};
use super::facts::{Entry, Facts, Kind};
use super::find::Made;

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    for (name, kind, message) in [
        ("mass_removal", Kind::Removed, "host.mass_removal"),
        ("mass_locking", Kind::Locked, "host.mass_locking"),
    ] {
        if let Some(detector) = spec.detectors.get(name) {
            bursts(detector, facts, kind, message, out);
        }
    }
}

/// Minutes of one process, by number.
type Minutes<'f> = BTreeMap<i64, &'f Entry>;

fn bursts(detector: &Detector, facts: &Facts, kind: Kind, message: &str, out: &mut Outcome) {
    let (files, folders) = (detector.limit("files"), detector.limit("folders"));
    let width = i64::try_from(detector.limit("seconds").div_ceil(60)).unwrap_or(i64::MAX);
    let honest = detector.words("honest_images");
    let mut processes: BTreeMap<(&str, Vec<&str>), Minutes<'_>> = BTreeMap::new();
    for (parts, entry) in facts.each(kind) {
        let [what @ .., host, minute] = &parts[..] else { continue };
        let Ok(minute) = minute.parse::<i64>() else { continue };
        let image = what.get(1).copied().unwrap_or("");
        if honest.iter().any(|h| is_at(image, h)) {
            continue;
        }
        processes.entry((host, what.to_vec())).or_default().insert(minute, entry);
    }
    let bursts: Vec<_> = processes
        .iter()
        .filter_map(|((host, what), minutes)| Some((*host, what, burst(minutes, width, files, folders)?)))
        .collect();
    // Sysmon knows a process by an id that no other has; the other logs of the machine tell of the same files under a number.
    let has_guid = |what: &[&str]| what.first().is_some_and(|process| process.starts_with('{'));
    let minute = |e: &&Entry| e.first.time.map(|t| t.0.div_euclid(60_000_000));
    let mut by_guid: BTreeSet<(&str, &[&str], Option<i64>)> = BTreeSet::new();
    for (host, what, burst) in bursts.iter().filter(|(_, what, _)| has_guid(what)) {
        by_guid.extend(burst.entries.iter().map(|e| (*host, &what[1..], minute(e))));
    }
    for (host, what, burst) in &bursts {
        let told = |e: &&Entry| by_guid.contains(&(*host, what.get(1..).unwrap_or(&[]), minute(e)));
        if !has_guid(what) && burst.entries.iter().any(told) {
            continue;
        }
        let (process, image) = (what.first().copied().unwrap_or(""), what.get(1).copied().unwrap_or(""));
        let mut made = Made::new(&detector.info, host);
        made.observe(ObservableKind::Host, host);
        made.observe(ObservableKind::Path, image);
        made.observe(ObservableKind::ProcessGuid, process);
        made.arg("image", image);
        made.arg("process", process);
        made.arg("files", burst.files);
        made.arg("folders_at_least", burst.marks.count_ones());
        made.arg("ending", what.get(2).copied().unwrap_or(""));
        burst.entries.iter().for_each(|e| made.cite_entry(e));
        out.findings.extend(made.finish(message, &[host, &what.join("|")]));
    }
}

/// Whether a program lies at a path below its drive, of which `*` stands for one folder. All of the path counts: a program can
/// be called anything, and lie in a folder that is called like the system's.
fn is_at(image: &str, path: &str) -> bool {
    let mut here = below_drive(image).split(['\\', '/']);
    let mut there = path.split(['\\', '/']);
    loop {
        match (here.next(), there.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || b == "*" => {}
            _ => return false,
        }
    }
}

/// A path without the letter or the device of the system's drive: on other drives anybody may make a folder `windows`.
fn below_drive(path: &str) -> &str {
    let path = path.strip_prefix(r"\\?\").or(path.strip_prefix(r"\??\")).unwrap_or(path);
    if let Some(rest) = path.strip_prefix(r"\device\harddiskvolume") {
        return rest.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    match path.split_once(':') {
        Some(("c", rest)) => rest,
        _ => path,
    }
}

struct Burst<'f> {
    files: u64,
    marks: u64,
    entries: Vec<&'f Entry>,
}

/// Every minute that lies in a window with enough files and folders, as one.
fn burst<'f>(minutes: &Minutes<'f>, width: i64, files: u64, folders: u64) -> Option<Burst<'f>> {
    let list: Vec<(i64, &Entry)> = minutes.iter().map(|(m, e)| (*m, *e)).collect();
    let mut within = vec![false; list.len()];
    let mut start = 0;
    for end in 0..list.len() {
        while list[end].0 - list[start].0 >= width {
            start += 1;
        }
        let window = &list[start..=end];
        let count: u64 = window.iter().map(|(_, e)| e.count).sum();
        let marks = window.iter().fold(0, |all, (_, e)| all | e.marks);
        if count >= files && u64::from(marks.count_ones()) >= folders {
            within[start..=end].fill(true);
        }
    }
    let entries: Vec<&Entry> = list.iter().zip(&within).filter(|(_, w)| **w).map(|((_, e), _)| *e).collect();
    let marks = entries.iter().fold(0, |all, e| all | e.marks);
    (!entries.is_empty()).then(|| Burst { files: entries.iter().map(|e| e.count).sum(), marks, entries })
}

#[cfg(test)]
mod tests {
    use super::is_at;

    #[test]
    fn programs_are_known_by_all_of_their_path() {
        let installer = r"\windows\winsxs\*\tiworker.exe";
        let dism = r"\windows\system32\dism.exe";
        for (image, path, is) in [
            (r"c:\windows\system32\dism.exe", dism, true),
            (r"d:\windows\system32\dism.exe", dism, false),
            (r"\\?\c:\windows\system32\dism.exe", dism, true),
            (r"\device\harddiskvolume3\windows\system32\dism.exe", dism, true),
            (r"c:\users\public\windows\system32\dism.exe", dism, false),
            (r"\\srv\share\windows\system32\dism.exe", dism, false),
            (r"\device\harddiskvolumeshadowcopy1\windows\system32\dism.exe", dism, false),
            (r"c:\windows\winsxs\amd64_servicing_10.0\tiworker.exe", installer, true),
            (r"c:\windows\winsxs\a\b\tiworker.exe", installer, false),
            (r"c:\temp\tiworker.exe", installer, false),
            ("/usr/bin/apt", "/usr/bin/apt", true),
            ("/tmp/usr/bin/apt", "/usr/bin/apt", false),
            ("", "/usr/bin/apt", false),
        ] {
            assert_eq!(is_at(image, path), is, "{image} {path}");
        }
    }
}
