//! Detectors over a million records, and what they say of what they left out.

use palisade_host::detect::{Facts, Outcome, fuzz};
use palisade_model::{ProblemCode, RowBatch};

use crate::detect::{Desk, SYSMON, address, arg, logon, mail_rule, record, service, sign_in};
use crate::evtx_damage::Random;

const BERLIN: (f64, f64) = (52.52, 13.4);

fn observe(desk: &Desk, batches: &[RowBatch], times: usize, facts: &mut Facts) {
    for _ in 0..times {
        batches.iter().for_each(|b| desk.detectors.observe(b, false, facts));
    }
}

/// What all records of `line(0)`, `line(1)` … give, read in parts.
fn outcome(desk: &Desk, n: usize, line: impl Fn(usize) -> String) -> Outcome {
    const PART: usize = 25_000;
    let mut facts = Facts::default();
    for start in (0..n).step_by(PART) {
        let lines: Vec<String> = (start..n.min(start + PART)).map(&line).collect();
        observe(desk, &desk.batches(&lines), 1, &mut facts);
    }
    desk.detectors.finish(&facts)
}

fn said<'o>(outcome: &'o Outcome, text: &str) -> Option<&'o palisade_model::Problem> {
    outcome.problems.iter().find(|p| p.code == ProblemCode::Limit && p.message.contains(text))
}

const NOON: &str = "2026-10-14T12:00:00Z";

/// A record that is different for each number.
type Line = fn(usize) -> String;

/// A record for each kind of fact.
fn kinds() -> Vec<(&'static str, Line)> {
    fn event(id: u32, fields: &[(&str, &str)]) -> String {
        record(SYSMON, id, "WS1", NOON, fields)
    }
    vec![
        ("activity", |n| record("Security", 4634, &format!("ws{n}"), NOON, &[])),
        ("program", |n| event(1, &[("Image", &format!(r"C:\x\{n}p.exe"))])),
        ("autostart", |n| record("System", 7045, "WS1", NOON, &[("ServiceName", &format!("s{n}"))])),
        ("logon", |n| logon("SRV1", NOON, "10.0.0.9", &format!("user{n}"))),
        ("explicit", |n| {
            let fields = [("TargetServerName", "DC1"), ("TargetUserName", &*format!("user{n}"))];
            record("Security", 4648, "SRV1", NOON, &fields)
        }),
        ("address", |n| address("WS1", &format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255))),
        ("remote_run", |n| service(&format!("ws{n}"), NOON)),
        ("removed", |n| {
            let fields =
                [("Image", "x"), ("TargetFilename", r"C:\a\b"), ("ProcessGuid", &*format!("{{{n}}}"))];
            event(23, &fields)
        }),
        ("locked", |n| {
            let fields = [
                ("Image", "x"),
                ("TargetFilename", r"C:\a\b.docx.lock3d"),
                ("ProcessGuid", &*format!("{{{n}}}")),
            ];
            event(11, &fields)
        }),
        ("signin", |n| {
            let ip = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
            let at = (f64::from((n % 80) as u32), f64::from((n % 170) as u32));
            sign_in(NOON, "a@org.example", &ip, "DE", at, "d1", n as u32)
        }),
        ("audited", |n| record("Security", 4688, &format!("ws{n}"), NOON, &[("CommandLine", "x -y")])),
        ("clock", |n| {
            let fields = [("UtcTime", "2026-10-14 12:00:00.000")];
            record(SYSMON, 3, &format!("ws{n}"), NOON, &fields)
        }),
        ("mailrule", |n| {
            mail_rule(NOON, &format!("u{n}@org.example"), "192.0.2.1", "ForwardTo", "x@evil.example")
        }),
    ]
}

#[test]
fn a_million_records_of_one_value_for_each_kind_of_fact() {
    let desk = Desk::new();
    for (name, line) in kinds() {
        let batches = desk.batches(&vec![line(7); 1_000]);
        let mut facts = Facts::default();
        observe(&desk, &batches, 1_000, &mut facts);
        let outcome = desk.detectors.finish(&facts);
        assert!(said(&outcome, "more facts").is_none(), "{name}: {:?}", outcome.problems);
        assert!(outcome.findings.len() <= 1, "{name}");
        assert_eq!(desk.detectors.presence(&facts)[0].events, 1_000_000, "{name}");
    }
}

#[test]
fn as_many_values_as_there_is_no_room_for_of_each_kind_of_fact() {
    let desk = Desk::new();
    for (name, line) in kinds() {
        let outcome = outcome(&desk, 150_000, line);
        assert!(said(&outcome, &format!("of kind \"{name}\"")).is_some(), "{name}: {:?}", outcome.problems);
    }
}

#[test]
fn what_is_left_out_for_want_of_facts_is_said() {
    let desk = Desk::new();
    let kinds = kinds();
    let line = |name: &str| kinds.iter().find(|(n, _)| *n == name).unwrap().1;
    assert!(said(&outcome(&desk, 150_000, line("activity")), "fell silent").is_some());
    assert!(said(&outcome(&desk, 150_000, line("program")), "palisade.host.rare-program").is_some());
    let (signins, rules) = (line("signin"), line("mailrule"));
    let both = outcome(&desk, 150_001, |n| if n == 0 { rules(n) } else { signins(n) });
    assert!(said(&both, "palisade.host.mail-rule-from-elsewhere").is_some());
    // One person, ten pairs of places told, the rest counted.
    let travels = said(&both, "pairs of places").unwrap();
    assert!(travels.count > 1_000, "{travels}");
    assert_eq!(both.findings.iter().filter(|f| f.message.id == "host.impossible_travel").count(), 10);
}

/// One person with tens of thousands of sign-ins and as many rules, each read many times: a million records.
#[test]
fn many_rules_and_many_sign_ins_of_one_person() {
    const EACH: usize = 50_000;
    let desk = Desk::new();
    let ip = |n: usize| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    let mut facts = Facts::default();
    let part = |lines: Vec<String>, facts: &mut Facts| observe(&desk, &desk.batches(&lines), 10, facts);
    for start in (0..EACH).step_by(10_000) {
        let signins = (start..start + 10_000).map(|n| {
            let time = format!("2026-10-{:02}T{:02}:{:02}:00Z", 1 + n % 20, n / 20 % 24, n % 60);
            sign_in(&time, "a@org.example", &ip(n), "DE", BERLIN, "d1", 64_500)
        });
        part(signins.collect(), &mut facts);
        let rules = (start..start + 10_000).map(|n| {
            // Every other one from where the person has been.
            let from = if n % 2 == 0 { ip(n) } else { ip(n + (1 << 17)) };
            let time = format!("2026-10-25T{:02}:{:02}:{:02}", n / 3_600 % 24, n / 60 % 60, n % 60);
            mail_rule(&time, "a@org.example", &from, "ForwardTo", &format!("x{n}@org.example"))
        });
        part(rules.collect(), &mut facts);
    }
    let outcome = desk.detectors.finish(&facts);
    assert!(said(&outcome, "more facts").is_none(), "{:?}", outcome.problems);
    let found = outcome.findings.iter().filter(|f| f.message.id == "host.mail_rule_from_elsewhere");
    let found: Vec<_> = found.collect();
    assert_eq!(found.len(), EACH / 2);
    assert!(found.iter().all(|f| arg(f, "sign_ins_before") == (EACH * 10).to_string()));
}

#[test]
fn habits_do_not_push_a_path_out() {
    let desk = Desk::new();
    // Sixty thousand logons that are habits come before the path.
    let habits = |n: usize| {
        let time = format!("2026-10-{:02}T{:02}:00:00Z", 1 + n % 4, n / 4 % 24);
        logon(
            &format!("H{}", n % 200),
            &time,
            &format!("172.16.{}.{}", n / 256 % 250, n % 256),
            &format!("u{}", n / 96),
        )
    };
    let path = [
        address("WS1", "10.0.0.1"),
        address("SRV1", "10.0.0.2"),
        logon("SRV1", "2026-10-14T08:00:00Z", "10.0.0.1", "bob"),
        logon("DC1", "2026-10-14T08:30:00Z", "10.0.0.2", "bob"),
    ];
    let outcome = outcome(&desk, 60_000, |n| path.get(n).cloned().unwrap_or_else(|| habits(n)));
    assert!(said(&outcome, "more facts").is_none());
    let paths: Vec<&str> = outcome
        .findings
        .iter()
        .filter(|f| f.message.id == "host.logon_path")
        .map(|f| arg(f, "path"))
        .collect();
    assert!(paths.contains(&"ws1 -> srv1 -> dc1"), "{} paths", paths.len());
}

#[test]
fn more_paths_than_are_told_are_counted() {
    let desk = Desk::new();
    // Three machines each, three hundred times; the last one starts a service.
    let lines: Vec<String> = (0..300)
        .flat_map(|n| {
            let (a, b) = (format!("10.1.{}.{}", n >> 8, n & 255), format!("10.2.{}.{}", n >> 8, n & 255));
            let user = format!("u{n}");
            vec![
                address(&format!("A{n}"), &a),
                address(&format!("B{n}"), &b),
                logon(&format!("B{n}"), "2026-10-14T08:00:00Z", &a, &user),
                logon(&format!("C{n}"), "2026-10-14T08:30:00Z", &b, &user),
            ]
        })
        .chain([service("C299", "2026-10-14T08:31:00Z")])
        .collect();
    let outcome = outcome(&desk, lines.len(), |n| lines[n].clone());
    assert_eq!(said(&outcome, "paths of logons").unwrap().count, 100);
    let told = |id: &str| outcome.findings.iter().filter(|f| f.message.id == id).count();
    assert_eq!((told("host.logon_path_executed"), told("host.logon_path")), (1, 199), "the graver first");
}

#[test]
fn an_installation_is_not_told_and_is_counted() {
    let desk = Desk::new();
    let run = |host: &str, day: usize, image: &str| {
        let fields = [("Image", image), ("ParentImage", r"C:\Windows\explorer.exe")];
        record(SYSMON, 1, host, &format!("2026-10-{day:02}T08:00:00Z"), &fields)
    };
    let mut lines: Vec<String> = (1..15)
        .flat_map(|day| ["A", "B", "C", "D"].map(|host| run(host, day, r"C:\app\known.exe")))
        .collect();
    let name = |n: usize| char::from(b'a' + n as u8);
    lines.extend((0..25).map(|n| run("C", 14, &format!(r"C:\suite\{}.exe", name(n)))));
    let outcome = outcome(&desk, lines.len(), |n| lines[n].clone());
    assert_eq!(outcome.findings.len(), 0);
    assert_eq!(said(&outcome, "taken for an installation").unwrap().count, 1);
}

/// Random facts: no panic, no endless loop, and the same in any order. Bytes lie in small ranges, so that facts meet.
#[test]
fn random_facts_say_the_same_in_any_order() {
    fuzz(b"");
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let range = [4, 16, 32, 256][random.below(4)];
        let length = random.below(3_000);
        let data: Vec<u8> = (0..length).map(|_| random.below(range) as u8).collect();
        fuzz(&data);
    }
}
