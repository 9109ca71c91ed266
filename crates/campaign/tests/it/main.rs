//! Integration tests of the campaign room: what belongs together, why, and what no input can make it do.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "helpers of one test binary")]
#![allow(missing_docs, reason = "nobody reads the documentation of a test binary")]

mod bounds;
mod explain;
mod groups;
mod join;
mod realms;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use palisade_campaign::{Evidence, Former, Frequency, Graph, Habit, Joined, Origin, Words, campaigns};
use palisade_model::{CampaignId, FindingId, Observable, ObservableKind, Prevalence, Severity, Time, Vector};

pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 24 * HOUR;

/// splitmix64: the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for n in (1..all.len()).rev() {
            all.swap(n, self.below(n + 1));
        }
    }
}

/// Events that hold an observable; of others, none.
#[derive(Default)]
pub struct Lake(pub BTreeMap<Observable, u64>);

impl Prevalence for Lake {
    fn events(&self, observable: &Observable) -> u64 {
        self.0.get(observable).copied().unwrap_or(0)
    }
    fn hosts(&self, _: &Observable) -> u64 {
        0
    }
}

/// Events of a case, where a test does not say.
pub const EVENTS: u64 = 1_000_000;

pub fn id(n: u64) -> FindingId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    FindingId(bytes)
}

/// `kind:value`, as output has it.
pub fn seen(text: &str) -> Observable {
    let (kind, value) = text.split_once(':').unwrap();
    let kind = match kind {
        "ip" => ObservableKind::Ip,
        "domain" => ObservableKind::Domain,
        "url" => ObservableKind::Url,
        "email" => ObservableKind::Email,
        "sha256" => ObservableKind::Sha256,
        "path" => ObservableKind::Path,
        "host" => ObservableKind::Host,
        "account" => ObservableKind::Account,
        "process_guid" => ObservableKind::ProcessGuid,
        "crypto_address" => ObservableKind::CryptoAddress,
        "sid" => ObservableKind::Sid,
        other => panic!("no kind {other}"),
    };
    Observable::parse(kind, value).unwrap()
}

/// A sha256 that is nobody else's.
pub fn hash(n: u64) -> String {
    format!("sha256:{:064x}", n + 1)
}

/// A grave finding of a rule of its own.
pub fn finding(n: u64, time: i64, host: &str, observables: &[&str]) -> Evidence {
    Evidence {
        id: id(n),
        time: Some(Time(time)),
        rule: format!("rule-{n}"),
        title: format!("Finding {n}"),
        severity: Severity::High,
        vector: Vector::Host,
        host: (!host.is_empty()).then(|| host.to_owned()),
        attack: vec![format!("T{:04}", 1000 + n % 20)],
        observables: observables.iter().map(|o| seen(o)).collect(),
        origin: None,
    }
}

/// A session from a place, one of so many of the account's from there and of all.
pub fn came(from: &str, here: u64, all: u64) -> Origin {
    let habit = Habit { here, all, there: 2 * here, total: 20 * all, places: 20 };
    Origin { from: seen(from), habit: Some(habit), told: format!("a session came from {from}").into() }
}

/// Twenty findings in twenty days that have nothing in common with anything: a case is never two findings alone.
pub fn background() -> Vec<Evidence> {
    (0..20).map(|n| finding(9_000 + n, n as i64 * DAY, &format!("other{n}"), &[])).collect()
}

pub fn pin(a: u64, b: u64) -> (FindingId, FindingId, String) {
    (id(a), id(b), "Ann".to_owned())
}

pub fn joined(findings: &[Evidence], lake: &Lake, words: &Words, former: &[Former]) -> Joined {
    let frequency = Frequency::of(findings, lake, EVENTS);
    campaigns(&Graph::new(findings, &frequency, words), former)
}

/// The campaign of each finding that has one.
pub fn places(joined: &Joined) -> BTreeMap<FindingId, CampaignId> {
    joined.campaigns.iter().flat_map(|c| c.findings().map(move |f| (f, c.id))).collect()
}

/// The campaigns' findings as numbers, without those of [`background`].
pub fn parts(joined: &Joined) -> Vec<Vec<u64>> {
    let number = |f: FindingId| u64::from_be_bytes(f.0[8..].try_into().unwrap());
    let sorted = |all: BTreeSet<u64>| all.into_iter().collect::<Vec<_>>();
    joined.campaigns.iter().map(|c| sorted(c.findings().map(number).collect())).collect()
}

/// A set of findings in which much is shared: bursts on few machines, spellings of one thing, no times, all grades.
pub fn some_findings(random: &mut Random, count: usize) -> Vec<Evidence> {
    let hosts = ["ws1", "WS1.corp.example", "ws2", "dc1.corp.example", "", "127.0.0.1"];
    let things = [
        "account:corp\\ann",
        "account:ann@corp.example",
        "account:bob",
        "account:nt authority\\system",
        "ip:203.0.113.7",
        "ip:198.51.100.9",
        "ip:10.0.0.5",
        "domain:evil.example.com",
        "url:http://evil.example.com/a",
        "email:a@evil.example.com",
        "path:c:\\users\\ann\\a.exe",
        "path:c:\\windows\\system32\\cmd.exe",
        "process_guid:b3c2a1f0-0000-1111-2222-333344445555",
        "process_guid:b3c2a1f0-0000-1111-2222-333344445556",
        "crypto_address:0x52908400098527886e0f7030069857d2e4169ee7",
        "sha256:00000000000000000000000000000000000000000000000000000000000000aa",
        "sha256:00000000000000000000000000000000000000000000000000000000000000bb",
    ];
    let mut time = 0;
    let mut all = Vec::new();
    for n in 0..count {
        time += match random.below(6) {
            0 => 0,
            1 | 2 => random.below(60) as i64 * SECOND,
            3 => random.below(3_600) as i64 * SECOND,
            4 => random.below(48) as i64 * HOUR,
            _ => random.below(60) as i64 * DAY,
        };
        let mut f = finding(random.number() % 1_000_000, time, random.pick(&hosts), &[]);
        f.rule = format!("rule-{}", random.below(6));
        f.title = f.rule.clone();
        f.severity = Severity::ALL[random.below(5)];
        if random.below(12) == 0 {
            f.time = None;
        }
        f.observables = (0..random.below(4)).map(|_| seen(random.pick(&things))).collect();
        if random.below(4) == 0 {
            // Few counts, so that findings of one rule may differ in nothing but where they came from.
            let here = [1, 30][random.below(2)];
            f.origin = Some(came(random.pick(&["host:ws1", "host:ws2", "ip:10.0.0.5"]), here, 40));
        }
        all.push(f.clone());
        // A burst of the same.
        for k in 0..[0, 0, 0, 0, 3][random.below(5)] {
            let mut again = f.clone();
            again.id = id(2_000_000 + n as u64 * 10 + k);
            again.time = f.time.map(|t| Time(t.0 + k as i64 * 40 * 60 * SECOND));
            all.push(again);
        }
    }
    all
}

/// Makes some of the names those of another organisation.
pub fn of_two_houses(random: &mut Random, findings: &mut [Evidence]) {
    for f in findings.iter_mut().filter(|_| random.below(3) == 0) {
        f.host = f.host.as_ref().map(|h| h.replace("corp.example", "north.example"));
        for o in &mut f.observables {
            let text = o.to_string();
            if text.starts_with("account:") {
                *o = seen(&text.replace("corp", "north"));
            }
        }
    }
}
