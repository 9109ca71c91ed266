//! Room: `vectors/host`, door `detect` — the fuzzer's door: facts of every kind made of any bytes, every detector over them.
//!
//! Facts are made here and not read, so that every byte changes what detectors see and none is spent on a log's form.
//!
//! What this module never does: run outside of tests.

use palisade_model::{Citation, SourceId, Time};

use super::data::Spec;
use super::facts::{Entry, Facts, Kind, SEPARATOR, SHAPES, Seen, put_number};
use super::{Detectors, Plan};

/// Bytes of one fact: kind, machine, time, count, then its parts.
const FACT: usize = 12;

/// What parts say, so that facts meet each other; a byte beyond the list says itself.
const WORDS: [&str; 28] = [
    "",
    "ws1",
    "srv1.corp.example",
    "dc1",
    "10.0.0.1",
    "10.0.0.2",
    "::ffff:10.0.0.1",
    "fe80::1%3",
    "[2001:db8::1]:443",
    "bob",
    r"corp\bob",
    "ws1$",
    "a@org.example",
    "b@org.example",
    "x@evil.example",
    "org.example/users/a",
    r"a\1234",
    "smtp:x@evil.example;b@org.example",
    "52.5",
    "-179.9",
    "NaN",
    "1e308",
    "set-mailbox",
    "{a3b1c7d2-4e5f-6a7b-0c00-000000001200}",
    r"c:\windows\system32\dism.exe",
    r"\device\harddiskvolume1\x.exe",
    "windows/security/4624",
    "é\u{202e}",
];

/// Makes facts of bytes and runs every detector over them, forwards and backwards in two parts: whatever comes in, it
/// returns, and says the same.
pub fn fuzz(data: &[u8]) {
    let detectors = Detectors { spec: Spec::every(), plan: Plan::default() };
    let mut whole = Facts::default();
    let (mut odd, mut even) = (Facts::default(), Facts::default());
    let all: Vec<(usize, &[u8])> = data.chunks(FACT).enumerate().collect();
    for (n, bytes) in &all {
        add(*n, bytes, &mut whole);
    }
    for (n, bytes) in all.iter().rev() {
        add(*n, bytes, if n % 2 == 0 { &mut even } else { &mut odd });
    }
    odd.merge(even);
    let (one, two) = (detectors.finish(&whole), detectors.finish(&odd));
    let said = |o: &super::Outcome| -> Vec<String> {
        o.findings.iter().map(|f| format!("{} {:?} {:?}", f.id, f.message, f.observables)).collect()
    };
    assert_eq!(said(&one), said(&two));
    assert_eq!(one.problems, two.problems);
    assert!(one.findings.iter().all(|f| !f.citations.is_empty()));
    let _ = detectors.presence(&whole);
}

fn add(n: usize, bytes: &[u8], facts: &mut Facts) {
    let [kind, host, time, count, parts @ ..] = bytes else { return };
    let shape = &SHAPES[usize::from(*kind) % SHAPES.len()];
    // Minutes of two days, mostly; the ends of time among them.
    let time = match time {
        0 => None,
        1 => Some(Time(i64::MIN)),
        2 => Some(Time(i64::MAX)),
        t => Some(Time(i64::from(*t) * 11 * 60_000_000)),
    };
    let citation = Citation { source: SourceId(u32::from(*count) % 3), record: n as u64, offset: n as u64 };
    let seen = Seen { time, citation };
    let marks = 1_u64.checked_shl(u32::from(*count) % 64).unwrap_or(1).wrapping_mul(u64::from(*host) + 1);
    let entry = Entry { count: u64::from(*count), first: seen, last: seen, marks, recovered: false };
    let word = |b: &u8| match WORDS.get(usize::from(*b)) {
        Some(word) => (*word).to_owned(),
        None => b.to_string(),
    };
    facts.text.clear();
    for (i, _) in shape.parts.iter().enumerate() {
        facts.text.push_str(&word(parts.get(i).unwrap_or(&0)));
        facts.text.push(SEPARATOR);
    }
    facts.text.push_str(&word(host));
    if shape.bucket > 0 {
        let Some(time) = time else { return };
        facts.text.push(SEPARATOR);
        put_number(&mut facts.text, time.0.div_euclid(shape.bucket * 1_000_000));
    }
    if shape.name.is_empty() {
        // Facts of all machines name none.
        let end = facts.text.rfind(SEPARATOR).map_or(0, |at| at + SEPARATOR.len_utf8());
        facts.text.truncate(end);
    }
    facts.add(shape.kind, entry);
    if shape.kind == Kind::Activity {
        facts.number(seen, "ws1", "windows/security");
    }
}
