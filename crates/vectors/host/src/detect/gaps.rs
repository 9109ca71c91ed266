//! Room: `vectors/host`, door `detect` — holes in logs: numbers that are missing, clocks that went back, logs that fell
//! silent while their machine went on.
//!
//! What this module never does: call a log tampered with. It says what is missing and from which record to which.

use std::collections::BTreeMap;

use palisade_model::ObservableKind;

use super::Outcome;
use super::data::Spec;
use super::facts::{DAY, Entry, Facts, Kind};
use super::find::{Made, duration};

/// Slots of a day in which activity is marked.
const SLOTS: i64 = 64;

pub(super) fn find(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    numbers(spec, facts, out);
    if facts.is_thinned(Kind::Activity) {
        let asked = spec.detectors.contains_key("silence");
        out.left_out(asked.into(), "logs that fell silent were not looked for: not all activity was counted");
    } else {
        silence(spec, facts, out);
    }
}

/// Record numbers that are missing, and times that go back where numbers go on.
fn numbers(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    let mut scattered = 0;
    let gaps = spec.detectors.get("record_gap");
    let steps = spec.detectors.get("clock_step");
    for (_, numbers) in facts.numbered() {
        if let Some(detector) = gaps {
            let holes = numbers.runs.len().saturating_sub(1) as u64;
            // A log with many holes was filtered when it was saved: its numbers say nothing.
            let few = holes <= detector.limit("most_gaps");
            scattered += u64::from(few && numbers.lost > 0);
            if numbers.lost == 0 && few && holes > 0 {
                let mut made = Made::new(&detector.info, &numbers.host);
                made.observe(ObservableKind::Host, &numbers.host);
                made.arg("log", &numbers.channel);
                let mut said = String::new();
                let mut missing = 0;
                for pair in numbers.runs.windows(2) {
                    let [before, after] = pair else { continue };
                    let n = after.low - before.high - 1;
                    missing += n;
                    if !said.is_empty() {
                        said.push_str(", ");
                    }
                    said.push_str(&format!("{} to {} ({n})", before.high + 1, after.low - 1));
                    made.cite(&before.last);
                    made.cite(&after.first);
                }
                made.arg("records_missing", missing);
                made.arg("numbers", &said);
                out.findings
                    .extend(made.finish("host.record_gap", &[&numbers.host, &numbers.channel, &said]));
            }
        }
        let Some(detector) = steps else { continue };
        for step in &numbers.steps {
            let (Some(before), Some(after)) = (step.before.time, step.after.time) else { continue };
            let back = before.0.saturating_sub(after.0);
            if back < i64::try_from(detector.limit("minutes")).unwrap_or(i64::MAX).saturating_mul(60_000_000)
            {
                continue;
            }
            let mut made = Made::new(&detector.info, &numbers.host);
            made.observe(ObservableKind::Host, &numbers.host);
            made.arg("log", &numbers.channel);
            made.arg("back_by", duration(back));
            made.arg("record", step.after.citation.record);
            made.cite(&step.before);
            made.cite(&step.after);
            let record = step.after.citation.record.to_string();
            out.findings.extend(made.finish("host.clock_step", &[&numbers.host, &numbers.channel, &record]));
        }
    }
    out.left_out(scattered, "logs whose records came in too many pieces: gaps were not looked for in them");
}

/// The slots in which a log of a machine was written, and the facts by day.
#[derive(Default)]
struct Rhythm<'f> {
    slots: Vec<i64>,
    days: BTreeMap<i64, Vec<&'f Entry>>,
}

/// Logs that fell silent for much longer than they ever do, while other logs of the machine went on.
fn silence(spec: &Spec, facts: &Facts, out: &mut Outcome) {
    let Some(detector) = spec.detectors.get("silence") else { return };
    let number = |name: &str| i64::try_from(detector.limit(name)).unwrap_or(i64::MAX);
    let (history, least) = (detector.limit("history") as usize, number("least"));
    let (usual, witnesses) = (number("times_usual"), detector.limit("witnesses") as usize);
    let mut hosts: BTreeMap<&str, BTreeMap<String, Rhythm<'_>>> = BTreeMap::new();
    let entries = facts.each(Kind::Activity);
    for (parts, entry) in &entries {
        let [shape, host, day] = parts[..] else { continue };
        let Some(day) = day.parse::<i64>().ok().filter(|d| *d > i64::MIN) else { continue };
        let channel: Vec<&str> = shape.split('/').take(2).collect();
        // Streams that nobody has described are several logs under one name.
        if host.is_empty() || channel.last().is_none_or(|c| *c == "other") || channel.len() < 2 {
            continue;
        }
        let rhythm = hosts.entry(host).or_default().entry(channel.join("/")).or_default();
        let marks = (0..SLOTS).filter(|slot| entry.marks >> slot & 1 == 1);
        rhythm.slots.extend(marks.map(|slot| day.saturating_mul(SLOTS).saturating_add(slot)));
        rhythm.days.entry(day).or_default().push(entry);
    }
    for (host, logs) in &mut hosts {
        for rhythm in logs.values_mut() {
            rhythm.slots.sort_unstable();
            rhythm.slots.dedup();
        }
        for (channel, rhythm) in logs.iter().filter(|(_, r)| r.slots.len() >= history) {
            let mut holes: Vec<(i64, i64, i64)> =
                rhythm.slots.windows(2).map(|w| (w[1] - w[0] - 1, w[0], w[1])).collect();
            holes.sort_unstable_by_key(|(length, from, _)| (-length, *from));
            let (Some((length, from, to)), Some((second, ..))) = (holes.first(), holes.get(1)) else {
                continue;
            };
            if *length < least || *length < usual.saturating_mul((*second).max(1)) {
                continue;
            }
            let seen = |other: &Rhythm<'_>| {
                let start = other.slots.partition_point(|s| s <= from);
                let end = other.slots.partition_point(|s| s < to);
                end.saturating_sub(start)
            };
            let others: Vec<(&String, usize)> =
                logs.iter().filter(|(name, _)| *name != channel).map(|(n, r)| (n, seen(r))).collect();
            let Some((witness, active)) =
                others.into_iter().max_by_key(|(name, n)| (*n, std::cmp::Reverse(*name)))
            else {
                continue;
            };
            if active < witnesses {
                continue;
            }
            let before = rhythm.days.get(&from.div_euclid(SLOTS)).into_iter().flatten();
            let after = rhythm.days.get(&to.div_euclid(SLOTS)).into_iter().flatten();
            // A day's fact knows its first and last record only: the nearest of these to the silence.
            let slot = |t: palisade_model::Time| t.0.div_euclid(DAY / SLOTS);
            let last = before
                .flat_map(|e| [&e.first, &e.last])
                .filter(|s| s.time.is_some_and(|t| slot(t) <= *from))
                .max_by_key(|s| (s.time, s.citation.record));
            let first = after
                .flat_map(|e| [&e.first, &e.last])
                .filter(|s| s.time.is_some_and(|t| slot(t) >= *to))
                .min_by_key(|s| (s.time, s.citation.record));
            let mut made = Made::new(&detector.info, host);
            made.observe(ObservableKind::Host, host);
            made.arg("log", channel);
            made.arg("silent_for", duration(length.saturating_mul(DAY / SLOTS)));
            made.arg("usual_at_most", duration(second.saturating_add(1).saturating_mul(DAY / SLOTS)));
            made.arg("meanwhile", witness);
            last.into_iter().chain(first).for_each(|s| made.cite(s));
            out.findings.extend(made.finish("host.silence", &[host, channel, &from.to_string()]));
        }
    }
}
