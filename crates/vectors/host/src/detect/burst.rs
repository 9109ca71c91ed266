//! Room: `vectors/host`, door `detect` — one process that removes or rewrites many files in a short time.
//!
//! What this module never does: look at what was in the files.

use std::collections::BTreeMap;

use palisade_model::{Finding, ObservableKind};

use super::data::{Detector, Spec};
use super::facts::{Entry, Facts, Kind};
use super::find::Made;

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Vec<Finding>) {
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

fn bursts(detector: &Detector, facts: &Facts, kind: Kind, message: &str, out: &mut Vec<Finding>) {
    let (files, folders) = (detector.limit("files"), detector.limit("folders"));
    let width = i64::try_from(detector.limit("seconds").div_ceil(60)).unwrap_or(i64::MAX);
    let honest = detector.words("honest_images");
    let mut processes: BTreeMap<(&str, Vec<&str>), Minutes<'_>> = BTreeMap::new();
    for (parts, entry) in facts.each(kind) {
        let [what @ .., host, minute] = &parts[..] else { continue };
        let Ok(minute) = minute.parse::<i64>() else { continue };
        let image = what.get(1).copied().unwrap_or("");
        if honest.iter().any(|h| image.ends_with(h.as_str())) {
            continue;
        }
        processes.entry((host, what.to_vec())).or_default().insert(minute, entry);
    }
    for ((host, what), minutes) in &processes {
        let Some(burst) = burst(minutes, width, files, folders) else { continue };
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
        out.extend(made.finish(message, &[host, &what.join("|")]));
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
