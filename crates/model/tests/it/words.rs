//! The smaller words: matches, verdicts, markings, budgets, coverage, memory given as a value.

use std::collections::BTreeMap;

use palisade_model::*;

#[test]
fn ids_come_back_from_their_text() {
    let id = FindingId::new("a rule", &[7; 16]);
    assert_eq!(FindingId::parse(&id.to_string()), Some(id));
    assert_eq!(FindingId::parse(&id.to_string().to_uppercase()), Some(id));
    assert_eq!(unhex::<2>("00fF"), Some([0, 255]));
    for text in ["", "00f", "00ff00", "00fg", "0 ff", "+0ff", "00é"] {
        assert_eq!(unhex::<2>(text), None, "{text}");
    }
}

/// A cloud's log names its tenant or account where others name a machine.
#[test]
fn tenants_and_accounts_of_clouds_are_no_machines() {
    for name in ["WS-17.grid.example", "ws17", "10.0.0.4", "::1", "123456", "1234-5678"] {
        assert!(is_machine(name), "{name}");
    }
    for name in
        ["", "7d1a3f52-0c1e-4b8a-9f53-2d7c51c0e7aa", "7D1A3F52-0C1E-4B8A-9F53-2D7C51C0E7AA", "123456789012"]
    {
        assert!(!is_machine(name), "{name}");
    }
}

#[test]
fn a_verdict_holds_from_its_time_until_it_expires_or_is_undone() {
    let verdict = |expires: Option<i64>, undone: Option<i64>| Verdict {
        subject: vec!["374708fff7719dd5979ec875d56cd228".to_owned()],
        kind: VerdictKind::FalsePositive,
        analyst: "olena".to_owned(),
        time: Time(10),
        reason: "our own backup".to_owned(),
        expires: expires.map(Time),
        undone: undone.map(Time),
    };
    for (expires, undone, at, want) in [
        (None, None, 9, false),
        (None, None, 10, true),
        (None, None, i64::MAX, true),
        (Some(20), None, 19, true),
        (Some(20), None, 20, false),
        (None, Some(15), 14, true),
        (None, Some(15), 15, false),
        (Some(20), Some(30), 25, false),
    ] {
        assert_eq!(verdict(expires, undone).holds(Time(at)), want, "{expires:?} {undone:?} {at}");
    }
    let kept = verdict(Some(20), None);
    let json = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), kept);
}

#[test]
fn names_in_commands_are_names_in_json() {
    use VerdictKind::*;
    for kind in [FalsePositive, Confirmed, Comment, Pin, Cut, Exclude] {
        assert_eq!(VerdictKind::parse(kind.name()), Some(kind));
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
    }
    assert_eq!(VerdictKind::parse("nonsense"), None);
    for severity in Severity::ALL {
        assert_eq!(Severity::parse(&format!(" {} ", severity.name().to_uppercase())), Some(severity));
        assert_eq!(serde_json::to_string(&severity).unwrap(), format!("\"{severity}\""));
    }
    assert!(Severity::ALL.is_sorted());
    use Tlp::*;
    for tlp in [Clear, Green, Amber, AmberStrict, Red] {
        assert_eq!(serde_json::to_string(&tlp).unwrap(), format!("\"{tlp}\""));
    }
    assert!([Clear, Green, Amber, AmberStrict, Red].is_sorted());
    assert_eq!(Tlp::default(), Red, "what is not marked is not public");
    use Vector::*;
    for vector in [Host, Network, Mail, Files, Money, Influence] {
        assert_eq!(serde_json::to_string(&vector).unwrap(), format!("\"{}\"", vector.name()));
    }
}

#[test]
fn every_problem_has_one_name() {
    use ProblemCode::*;
    let all = [
        Io,
        Unrecognised,
        DamagedHeader,
        DamagedPart,
        DamagedRecord,
        Slack,
        Truncated,
        Encoding,
        Syntax,
        Limit,
        Encrypted,
        Rule,
        NoZone,
        Changed,
        Internal,
    ];
    for code in all {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{}\"", code.name()));
    }
    let origin = Origin::file("a.tar").member("b.zip").member("c.evtx");
    let mut problem = Problem::new(DamagedPart, &origin, 512, "the chunk's checksum is wrong");
    assert_eq!(problem.to_string(), "a.tar!b.zip!c.evtx at byte 512: the chunk's checksum is wrong");
    problem.count = 3;
    problem.offset = None;
    assert_eq!(problem.to_string(), "a.tar!b.zip!c.evtx: the chunk's checksum is wrong (3 times)");
}

#[test]
fn a_name_from_evidence_is_bounded_and_stays_a_name() {
    let long = Origin::file("a.zip").member(&"Ї".repeat(4_000));
    assert_eq!(long.name().len(), 4_096);
    let odd = Origin::file("a.zip").member("../../etc/passwd");
    assert_eq!((odd.top(), odd.name()), ("a.zip", "../../etc/passwd"));
}

#[test]
fn one_budget_for_all_nestings() {
    let limits = Limits { bytes: 100, objects: 3, depth: 2, ratio: 10, in_memory: 50 };
    let mut budget = Budget::new(limits, 10);
    assert_eq!(budget.enter(), Ok(()));
    assert_eq!(budget.enter(), Ok(()));
    assert_eq!(budget.enter(), Err(Limit::Depth(2)));
    budget.leave();
    assert_eq!(budget.enter(), Ok(()));

    // Whoever holds a handle charges the same account.
    let meter = budget.meter();
    assert_eq!(meter.bytes(60), Ok(()));
    assert_eq!(budget.bytes(40), Ok(()));
    assert_eq!(meter.clone().bytes(1), Err(Limit::Bytes(100)));
    assert_eq!(budget.bytes(u64::MAX), Err(Limit::Bytes(100)), "no overflow");

    for _ in 0..3 {
        assert_eq!(budget.object(), Ok(()));
    }
    assert_eq!(budget.object(), Err(Limit::Objects(3)));
    assert_eq!(budget.in_memory(50), Ok(()));
    assert_eq!(budget.in_memory(51), Err(Limit::Memory(50)));
}

#[test]
fn a_ratio_says_nothing_of_small_things() {
    let limits = Limits { ratio: 10, ..Limits::default() };
    let small = Budget::new(limits, 1).meter();
    assert_eq!(small.bytes(Limits::RATIO_FROM), Ok(()));
    assert_eq!(small.bytes(1), Err(Limit::Ratio(10)));
    let honest = Budget::new(limits, Limits::RATIO_FROM).meter();
    assert_eq!(honest.bytes(10 * Limits::RATIO_FROM), Ok(()));
    assert_eq!(honest.bytes(1), Err(Limit::Ratio(10)));
}

#[test]
fn coverage_adds_up_in_any_order() {
    let piece = |shape: u16, times: &[Option<i64>]| {
        let mut coverage = Coverage::default();
        for time in times {
            coverage.shapes.entry(ShapeId(shape)).or_default().add(time.map(Time));
        }
        coverage
    };
    let pieces = [piece(1, &[Some(5), None]), piece(1, &[Some(-2)]), piece(2, &[None]), piece(1, &[])];
    let mut sums = Vec::new();
    for turn in 0..pieces.len() {
        let mut sum = Coverage::default();
        let order = pieces[turn..].iter().chain(&pieces[..turn]);
        order.for_each(|p| sum.merge(p));
        sums.push(sum);
    }
    assert!(sums.iter().all(|s| *s == sums[0]));
    assert_eq!(sums[0].events(), 4);
    let span = sums[0].shapes[&ShapeId(1)];
    assert_eq!((span.events, span.first, span.last), (3, Some(Time(-2)), Some(Time(5))));
}

struct Counted(BTreeMap<Observable, (u64, u64)>);

impl Prevalence for Counted {
    fn events(&self, observable: &Observable) -> u64 {
        self.0.get(observable).map_or(0, |c| c.0)
    }
    fn hosts(&self, observable: &Observable) -> u64 {
        self.0.get(observable).map_or(0, |c| c.1)
    }
}

#[test]
fn a_pure_room_asks_through_what_it_is_given() {
    let rare = Observable::parse(ObservableKind::Ip, "203.0.113.9").unwrap();
    let common = Observable::parse(ObservableKind::Ip, "::ffff:198.51.100.1").unwrap();
    let counted = Counted(BTreeMap::from([(common.clone(), (10_000, 300)), (rare.clone(), (1, 1))]));
    let prevalence: &dyn Prevalence = &counted;
    assert_eq!((prevalence.events(&common), prevalence.hosts(&common)), (10_000, 300));
    assert_eq!((prevalence.events(&rare), prevalence.hosts(&rare)), (1, 1));
}

#[test]
fn runs_are_read_from_any_place_until_they_are_given_up() {
    let memory = MemorySpill::default();
    let spill: &dyn Spill = &memory;
    spill.append(3, b"abc").unwrap();
    spill.append(1, b"x").unwrap();
    spill.append(3, b"defg").unwrap();
    let read = |run: u32, at: u64, n: usize| {
        let mut out = vec![0; n];
        let got = spill.read_at(run, at, &mut out).unwrap();
        out.truncate(got);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(read(3, 0, 7), "abcdefg");
    assert_eq!(read(3, 2, 3), "cde");
    assert_eq!(read(3, 5, 9), "fg", "fewer only at the end");
    assert_eq!(
        (read(3, 7, 4), read(3, u64::MAX, 4), read(9, 0, 4)),
        (String::new(), String::new(), String::new())
    );
    assert_eq!(memory.bytes(), 8);
    spill.remove(3).unwrap();
    assert_eq!((read(3, 0, 4), memory.bytes()), (String::new(), 1));
}

#[test]
fn the_narrowest_and_latest_word_settles_a_finding() {
    use VerdictKind::*;
    let said = |n: i64, kind, subject: &[&str]| {
        let verdict = Verdict {
            subject: subject.iter().map(|s| (*s).to_owned()).collect(),
            kind,
            analyst: "ann".into(),
            time: Time(0),
            reason: String::new(),
            expires: (n == 9).then_some(Time(5)),
            undone: None,
        };
        (n, verdict)
    };
    let words = Judgements::new(
        [
            said(1, FalsePositive, &["r1"]),
            said(2, Confirmed, &["f1"]),
            said(3, Confirmed, &["r2"]),
            said(4, FalsePositive, &["r2", "host:BACKUP01", "ip:192.0.2.7"]),
            said(5, FalsePositive, &["r3"]),
            said(6, Confirmed, &["r3"]),
            said(7, Comment, &["f4"]),
            said(8, Pin, &["f4", "f5"]),
            said(9, FalsePositive, &["r4"]),
        ],
        Time(10),
    );
    let ip = [Observable::parse(ObservableKind::Ip, "192.0.2.7").unwrap()];
    let of = |id: &str, rule: &str, host: Option<&str>, observables: &[Observable]| {
        words.of(&Judged { id, rule, host, observables }).map(|(n, _)| *n)
    };
    assert_eq!(of("f0", "r1", None, &[]), Some(1));
    assert_eq!(of("f1", "r1", None, &[]), Some(2), "a word on the finding beats one on its rule");
    assert_eq!(of("f2", "r2", Some("backup01"), &ip), Some(4), "a narrow word beats a wide one");
    assert_eq!(of("f2", "r2", Some("backup01"), &[]), Some(3), "every scope must hold");
    assert_eq!(of("f2", "r2", Some("web"), &ip), Some(3));
    assert_eq!(of("f3", "r3", None, &[]), Some(6), "the later of equals");
    assert_eq!(of("f4", "r4", None, &[]), None, "comments, pins and what expired settle nothing");
    let judged = Judged { id: "f2", rule: "r2", host: Some("backup01"), observables: &ip };
    assert_eq!(words.dismissed(&judged).map(|(n, _)| *n), Some(4));
    assert!(words.dismissed(&Judged { id: "f1", ..judged }).is_none() && !words.is_empty());
}
