//! What is kept, kept once, kept whole.

use palisade_model::{
    Citation, Exhibit, ExhibitBody, Finding, Origin, Problem, ProblemCode, Severity, SourceId, Time, Tlp,
    Verdict, VerdictKind,
};
use palisade_store::*;
use std::sync::Arc;

use crate::bench::{Bench, add, copy_dir, finding, info};

crate::on_both!(
    round_trip,
    the_same_twice_changes_nothing,
    what_is_said_last_holds,
    one_finding_in_two_sources_has_two_citations,
    a_crash_keeps_what_was_acknowledged,
    several_sources_in_one_commit_are_kept_all_or_none,
    a_partial_source_becomes_complete,
    one_writer_many_readers,
    verdicts,
    attributions,
    answers_to_scales,
    knowledge_of_the_world,
    a_finding_needs_evidence,
    exhibits,
    screening,
);

pub fn round_trip(b: &Bench) {
    let s = b.evidence("a.evtx", b"evidence a");
    assert_eq!(b.run(1, std::slice::from_ref(&s)), Added { sources: 1, findings: 2, citations: 2 });
    let mut case = Case::open(b.case()).unwrap();
    assert_eq!(case.known(&s.sha256).unwrap(), Some(SourceState::Complete));
    assert_eq!(case.known("00").unwrap(), None);
    let all = case.findings(&Filter::default()).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].time, all[1].time), (Some(Time(10)), Some(Time(20))));
    let f = &all[0];
    assert_eq!(f.severity, Severity::High);
    assert_eq!(f.message.args[0].1, "x\u{1b}.exe");
    assert_eq!(
        (f.attack.as_slice(), f.software.as_slice()),
        (["T1059.001".to_owned()].as_slice(), ["S0002".to_owned()].as_slice())
    );
    assert_eq!(f.observables[0]["value"], "192.0.2.1");
    let cited = StoredCitation {
        sha256: s.sha256,
        path: s.path,
        member: "in.zip!b.evtx".into(),
        record: 7,
        offset: 512,
    };
    assert_eq!(f.citations, [cited]);
    let none = Filter { min_severity: Severity::Critical, ..Filter::default() };
    assert!(case.findings(&none).unwrap().is_empty());
    let one = Filter { rule: Some("rule-1".into()), limit: Some(1), ..Filter::default() };
    assert_eq!(case.findings(&one).unwrap().len(), 1);
}

pub fn exhibits(b: &Bench) {
    let s = b.evidence("ledger.csv", b"evidence");
    let mut case = Case::open_or_create(b.case()).unwrap();
    let flow = |amount: &str| Exhibit {
        title: "Where it went".into(),
        body: ExhibitBody::Flow {
            nodes: vec!["a".into(), "b\0c".into()],
            flows: vec![(0, 1, amount.into(), "ETH".into())],
        },
        citations: vec![Citation { source: SourceId(0), record: 3, offset: 99 }],
        tlp: Tlp::AmberStrict,
    };
    let resolve =
        |_| Some(CitedSource { sha256: s.sha256.clone(), origin: Origin::file("x").member("in.csv") });
    for (at, amount) in [(1, "1.5"), (2, "2.5")] {
        let mut run = case.begin_run(&info(at)).unwrap();
        run.source(&s, &[], &[], &[], &resolve).unwrap();
        assert_eq!(run.exhibits(&[flow(amount)], &resolve).unwrap(), 0);
        run.finish_run(Time(at)).unwrap();
    }
    // The newer one stands in the place of the older.
    let kept = case.exhibits().unwrap();
    assert_eq!(kept.len(), 1);
    let one = &kept[0];
    assert!(matches!(&one.body, ExhibitBody::Flow { flows, .. } if flows[0].2 == "2.5"), "{one:?}");
    assert_eq!((one.tlp, one.citations.len()), (Tlp::AmberStrict, 1));
    assert_eq!((one.citations[0].member.as_str(), one.citations[0].record), ("in.csv", 3));
    let mut run = case.begin_run(&info(3)).unwrap();
    assert!(run.exhibits(&[flow("3")], &|_| None).is_err(), "a citation of nothing");
    run.finish_run(Time(3)).unwrap();
    assert_eq!(case.exhibits().unwrap(), kept);
    drop(case);
    assert!(verify(b.case(), &[]).unwrap().ok());
    b.sql("UPDATE exhibit SET body = '{}'");
    assert!(!verify(b.case(), &[]).unwrap().ok(), "a changed exhibit");
}

pub fn the_same_twice_changes_nothing(b: &Bench) {
    let s = b.evidence("a.evtx", b"evidence a");
    b.run(1, std::slice::from_ref(&s));
    let before = b.counts();
    assert_eq!(b.run(2, std::slice::from_ref(&s)), Added::default());
    // That it was read again is a run, and its end with three seals; nothing else is new.
    assert_eq!(b.counts(), Counts { runs: 2, custody: before.custody + 4, ..before });
    // The same bytes elsewhere: a path and its custody.
    let copy = b.evidence("copy.evtx", b"evidence a");
    assert_eq!(b.run(3, &[copy]), Added::default());
    assert_eq!(b.counts(), Counts { runs: 3, custody: before.custody + 9, ..before });
    let report = verify(b.case(), &[]).unwrap();
    assert!(report.ok(), "{report:#?}");
    let manifest = std::fs::read_to_string(b.case().join(MANIFEST)).unwrap();
    assert_eq!(manifest.lines().count(), 2);
    assert!(manifest.starts_with(&format!("{}  ", s.sha256)));
}

pub fn what_is_said_last_holds(b: &Bench) {
    let s = b.evidence("a.evtx", b"evidence a");
    let origin = Origin::file(s.path.clone());
    let resolve = |_| Some(CitedSource { sha256: s.sha256.clone(), origin: origin.clone() });
    let mut case = Case::open_or_create(b.case()).unwrap();
    for (at, title, level, problems, events) in
        [(1, "Old", Severity::Low, 3, 7), (2, "New", Severity::Critical, 1, 9)]
    {
        let mut f = finding("x", 0, 1);
        let rule = Arc::get_mut(&mut f.rule).unwrap();
        (rule.title, rule.level) = (title.into(), level);
        f.host = Some(title.into());
        let problems: Vec<_> =
            (0..problems).map(|_| Problem::new(ProblemCode::Syntax, &origin, None, "bad line")).collect();
        let coverage = [CoverageRow { shape: "s".into(), events, first: None, last: None }];
        let mut run = case.begin_run(&info(at)).unwrap();
        run.source(&s, &[f], &problems, &coverage, &resolve).unwrap();
        // A part of a file that is known whole takes nothing away.
        run.paths(std::slice::from_ref(&s)).unwrap();
        run.finish_run(Time(at)).unwrap();
    }
    let all = case.findings(&Filter::default()).unwrap();
    assert_eq!(all.len(), 1);
    let f = &all[0];
    assert_eq!((f.title.as_str(), f.severity, f.host.as_deref()), ("New", Severity::Critical, Some("New")));
    assert_eq!(f.first_run, 1);
    assert_eq!(case.counts().unwrap().problems, 1);
    let critical = Filter { min_severity: Severity::Critical, ..Filter::default() };
    assert_eq!(case.findings(&critical).unwrap().len(), 1);
}

pub fn one_finding_in_two_sources_has_two_citations(b: &Bench) {
    let (s1, s2) = (b.evidence("a", b"1"), b.evidence("b", b"2"));
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    for s in [&s1, &s2] {
        let resolve =
            |_| Some(CitedSource { sha256: s.sha256.clone(), origin: Origin::file(s.path.clone()) });
        run.source(s, &[finding("same record", 0, 1)], &[], &[], &resolve).unwrap();
    }
    let counts = case.counts().unwrap();
    assert_eq!((counts.findings, counts.citations), (1, 2));
}

pub fn a_crash_keeps_what_was_acknowledged(b: &Bench) {
    let (s1, s2) = (b.evidence("a", b"1"), b.evidence("b", b"2"));
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    add(&mut run, &s1).unwrap();
    // A source that fails half way leaves nothing of itself.
    let known = |_| Some(CitedSource { sha256: s2.sha256.clone(), origin: Origin::file("b") });
    let half = |id: SourceId| if id.0 == 0 { known(id) } else { None };
    let bad = run.source(&s2, &[finding("x", 0, 1), finding("y", 1, 1)], &[], &[], &half);
    assert!(matches!(bad, Err(Error::UnknownSource { .. })), "{bad:?}");
    // What kill -9 leaves behind: the files as they are, database and log; or a connection that ended.
    let crashed = match b.url {
        None => {
            let crashed = b.path("crashed");
            copy_dir(&b.case(), &crashed);
            crashed
        }
        Some(_) => {
            drop(case);
            b.case()
        }
    };
    let report = verify(&crashed, &[]).unwrap();
    assert!(report.ok(), "{report:#?}");
    let mut again = Case::open(&crashed).unwrap();
    assert_eq!(again.known(&s1.sha256).unwrap(), Some(SourceState::Complete));
    assert_eq!(again.known(&s2.sha256).unwrap(), None);
    let c = again.counts().unwrap();
    assert_eq!((c.sources, c.findings, c.citations, c.runs), (1, 2, 2, 1));
    let mut run = again.begin_run(&info(2)).unwrap();
    assert_eq!(add(&mut run, &s1).unwrap(), Added::default());
    assert_eq!(add(&mut run, &s2).unwrap(), Added { sources: 1, findings: 2, citations: 2 });
    run.finish_run(Time(3)).unwrap();
    drop(again);
    assert!(verify(&crashed, &[]).unwrap().ok());
}

pub fn several_sources_in_one_commit_are_kept_all_or_none(b: &Bench) {
    let records = [b.evidence("a", b"1"), b.evidence("b", b"2")];
    let said: Vec<Said> = (0u32..)
        .zip(&records)
        .map(|(i, s)| Said {
            source: s.clone(),
            findings: vec![finding(&s.sha256, i, 1)],
            problems: vec![],
            coverage: vec![],
        })
        .collect();
    let cite = |id: SourceId| {
        let s = records.get(id.0 as usize)?;
        Some(CitedSource { sha256: s.sha256.clone(), origin: Origin::file(s.path.clone()) })
    };
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    let half = |id: SourceId| if id.0 == 0 { cite(id) } else { None };
    assert!(matches!(run.sources(&said, &half), Err(Error::UnknownSource { .. })));
    assert_eq!(run.sources(&said, &cite).unwrap(), Added { sources: 2, findings: 2, citations: 2 });
    run.finish_run(Time(2)).unwrap();
    assert_eq!((b.counts().complete, b.counts().findings), (2, 2));
    assert!(verify(b.case(), &[]).unwrap().ok());
}

pub fn a_partial_source_becomes_complete(b: &Bench) {
    let s = b.evidence("a", b"1");
    b.run(1, &[SourceRecord { state: SourceState::Partial, ..s.clone() }]);
    assert_eq!(b.counts().complete, 0);
    assert_eq!(b.run(2, std::slice::from_ref(&s)), Added::default());
    let c = b.counts();
    assert_eq!((c.complete, c.problems), (1, 1));
    // And stays so.
    b.run(3, &[SourceRecord { state: SourceState::Partial, ..s }]);
    assert_eq!(b.counts().complete, 1);
}

pub fn one_writer_many_readers(b: &Bench) {
    let s = b.evidence("a", b"1");
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    assert!(matches!(Case::open_or_create(b.case()), Err(Error::Locked(_))));
    assert!(matches!(Case::open(b.case()), Err(Error::Locked(_))));
    add(&mut run, &s).unwrap();
    let mut reader = Case::open_read_only(b.case()).unwrap();
    assert_eq!(reader.counts().unwrap().findings, 2);
    assert!(matches!(reader.begin_run(&info(2)), Err(Error::ReadOnly { .. })));
    drop(case);
    Case::open(b.case()).unwrap();
}

pub fn verdicts(b: &Bench) {
    let mut case = Case::open_or_create(b.case()).unwrap();
    let v = Verdict {
        subject: vec!["ab".into()],
        kind: VerdictKind::FalsePositive,
        analyst: "ana".into(),
        time: Time(5),
        reason: "backup job".into(),
        expires: Some(Time(50)),
        undone: None,
    };
    let id = case.verdict_add(&v).unwrap();
    assert_eq!(case.verdicts().unwrap(), [(id, v.clone())]);
    case.verdict_undo(id, Time(9)).unwrap();
    case.verdict_undo(id, Time(10)).unwrap();
    assert_eq!(case.verdicts().unwrap(), [(id, Verdict { undone: Some(Time(9)), ..v })]);
    let e = case.verdict_undo(77, Time(9)).unwrap_err();
    assert_eq!(e.to_string(), "the case has no verdict 77; `palisade case verdict list` lists them");
}

pub fn attributions(b: &Bench) {
    let mut case = Case::open_or_create(b.case()).unwrap();
    let word = StoredAttribution {
        campaign: "ab".repeat(16),
        kind: "adopted".into(),
        analyst: "ana".into(),
        time: Time(5),
        reason: "method and victims fit".into(),
        body: "{\"format\":1}".into(),
        undone: None,
    };
    let first = case.attribution_add(&word).unwrap();
    let other = StoredAttribution { kind: "overridden".into(), time: Time(6), ..word.clone() };
    let second = case.attribution_add(&other).unwrap();
    case.attribution_undo(first, Time(9)).unwrap();
    case.attribution_undo(first, Time(10)).unwrap();
    let taken_back = StoredAttribution { undone: Some(Time(9)), ..word.clone() };
    assert_eq!(case.attributions().unwrap(), [(first, taken_back), (second, other)]);
    let e = case.attribution_undo(77, Time(9)).unwrap_err();
    assert!(e.to_string().contains("no adopted assessment 77"), "{e}");
    let long = StoredAttribution { body: "x".repeat(MAX_ATTRIBUTION_BYTES + 1), ..word.clone() };
    assert!(matches!(case.attribution_add(&long), Err(Error::TooLarge { .. })));
    let neither = StoredAttribution { kind: "guessed".into(), ..word };
    assert!(case.attribution_add(&neither).is_err(), "only what an analyst can say is kept");
    assert_eq!(case.attributions().unwrap().len(), 2);
}

pub fn answers_to_scales(b: &Bench) {
    let mut case = Case::open_or_create(b.case()).unwrap();
    let answer = StoredAnswer {
        campaign: "ab".repeat(16),
        scale: "nis2".into(),
        item: "losses".into(),
        choices: vec!["yes".into()],
        analyst: "ana".into(),
        time: Time(5),
        reason: "the bank says so".into(),
        undone: None,
    };
    let first = case.answer_add(&answer).unwrap();
    let unknown = StoredAnswer { choices: vec![], time: Time(6), ..answer.clone() };
    let second = case.answer_add(&unknown).unwrap();
    case.answer_undo(first, Time(9)).unwrap();
    case.answer_undo(first, Time(10)).unwrap();
    let taken_back = StoredAnswer { undone: Some(Time(9)), ..answer };
    assert_eq!(case.answers().unwrap(), [(first, taken_back), (second, unknown)]);
    let e = case.answer_undo(77, Time(9)).unwrap_err();
    assert!(e.to_string().contains("no answer 77"), "{e}");
    drop(case);
    let told = |b: &Bench| format!("{:?}", verify(b.case(), &[]).unwrap().checks);
    assert!(told(b).contains("2 answers are as the custody chain last had them"), "{}", told(b));
    b.sql("UPDATE answer SET reason = 'nobody says so'");
    assert!(told(b).contains("2 answers were changed"), "{}", told(b));
}

pub fn knowledge_of_the_world(b: &Bench) {
    let mut case = Case::open_or_create(b.case()).unwrap();
    let path = case.profile_add(ProfileKind::Actors, b"palisade-actors 1\n").unwrap();
    // Twice the same is one file and one entry.
    assert_eq!(case.profile_add(ProfileKind::Actors, b"palisade-actors 1\n").unwrap(), path);
    let table = case.profile_add(ProfileKind::Incidents, b"Title,Date\n").unwrap();
    std::fs::write(b.case().join(PROFILES).join(".actors-half.tsv"), b"cut off").unwrap();
    let name = |p: &std::path::Path| p.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(profiles(&b.case()).unwrap(), [name(&path), name(&table)]);
    assert_eq!(case.counts().unwrap().custody, 2);
    let told = |b: &Bench| {
        let r = verify(b.case(), &[]).unwrap();
        (r.ok(), format!("{:?}", r.checks))
    };
    assert!(told(b).0 && told(b).1.contains("2 files of knowledge are as they were added"), "{:?}", told(b));
    // By hand, changed, gone: the first is told, the others are faults.
    let by_hand = b.case().join(PROFILES).join("actors-mine.tsv");
    std::fs::write(&by_hand, b"palisade-actors 1\n").unwrap();
    assert!(told(b).0 && told(b).1.contains("actors-mine.tsv has no entry"), "{:?}", told(b));
    std::fs::write(&path, b"palisade-actors 1\nactor\tG1\tKP\tX\n").unwrap();
    assert!(!told(b).0 && told(b).1.contains("was changed since it was added"), "{:?}", told(b));
    std::fs::write(&path, b"palisade-actors 1\n").unwrap();
    std::fs::remove_file(&table).unwrap();
    assert!(!told(b).0 && told(b).1.contains("is gone"), "{:?}", told(b));
    case.profile_add(ProfileKind::Incidents, b"Title,Date\n").unwrap();
    // Taken away by the tool it is no fault; that it was there stays in the chain.
    case.profile_remove(&name(&table)).unwrap();
    assert!(told(b).0 && !table.exists(), "{:?}", told(b));
    assert_eq!(case.counts().unwrap().custody, 3);
    assert!(matches!(case.profile_remove("../knowledge.db"), Err(Error::BadProfile { .. })));
    case.profile_add(ProfileKind::Incidents, b"Title,Date\n").unwrap();
    assert!(told(b).0 && table.exists(), "{:?}", told(b));
}

pub fn a_finding_needs_evidence(b: &Bench) {
    let mut case = Case::open_or_create(b.case()).unwrap();
    let mut run = case.begin_run(&info(1)).unwrap();
    let naked = Finding { citations: vec![], ..finding("x", 0, 1) };
    assert!(matches!(run.findings(&[naked], &|_| None), Err(Error::NoCitation(_))));
    assert_eq!(case.counts().unwrap().findings, 0);
}

pub fn screening(b: &Bench) {
    let mut case = Case::open_or_create(b.case()).unwrap();
    let list = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        rows.iter().map(|(k, d)| ((*k).to_owned(), (*d).to_owned())).collect()
    };
    let first = case.screened_lists(&list(&[("sdn/1", "a"), ("sdn/2", "b"), ("sdn/1", "z")])).unwrap();
    assert_eq!((first.generation, first.since, first.gone), (1, vec![1, 1, 1], vec![]));
    let digests = |all: &[&str]| -> Vec<String> { all.iter().map(|d| (*d).to_owned()).collect() };
    let held = ScreenedQuery { generation: 1, threshold: 500_000 };
    let hit = StoredHit {
        id: "h1".into(),
        query: "q1".into(),
        name: "Ann\0Other".into(),
        party: "sdn/1".into(),
        listed: "ANN OTHER".into(),
        score: 910_000,
        first: Time(7),
    };
    case.screened(&digests(&["q1", "q2", "q1"]), held, std::slice::from_ref(&hit)).unwrap();
    case.screened(&[], held, &[StoredHit { first: Time(9), ..hit.clone() }]).unwrap();
    // The same lists again are no new generation; a changed party, and one that comes back, are.
    let same = case.screened_lists(&list(&[("sdn/2", "b"), ("sdn/1", "a")])).unwrap();
    assert_eq!((same.generation, same.since), (1, vec![1, 1]));
    // Another party under a key that is known is new; it and the first are told apart from then on.
    let second = case.screened_lists(&list(&[("sdn/2", "b"), ("sdn/1", "a"), ("sdn/2", "x")])).unwrap();
    assert_eq!((second.generation, second.since, second.gone), (2, vec![1, 1, 2], vec![]));
    let newer = case.screened_lists(&list(&[("sdn/2", "c")])).unwrap();
    assert_eq!((newer.generation, newer.since, newer.gone), (3, vec![3], digests(&["sdn/1"])));
    let back = case.screened_lists(&list(&[("sdn/1", "a"), ("sdn/2", "c")])).unwrap();
    assert_eq!((back.generation, back.since), (4, vec![4, 3]));
    drop(case);
    let mut case = Case::open(b.case()).unwrap();
    let known = case.screened_queries(&digests(&["q2", "q3", "q1"])).unwrap();
    assert_eq!(known, [Some(held), None, Some(held)]);
    case.screened(&digests(&["q2"]), ScreenedQuery { generation: 3, threshold: 800_000 }, &[]).unwrap();
    let known = case.screened_queries(&digests(&["q2"])).unwrap();
    assert_eq!(known, [Some(ScreenedQuery { generation: 3, threshold: 800_000 })]);
    let kept = StoredHit { name: "Ann\u{2400}Other".into(), ..hit };
    assert_eq!(case.screening_hits(None, 10).unwrap(), std::slice::from_ref(&kept));
    assert_eq!(case.screening_hits(Some("h1"), 1).unwrap(), [kept]);
    assert_eq!(case.screening_hits(Some("h2"), 1).unwrap(), []);
    // What was said last, and queries that others stand in the place of.
    let pair = |k: &str, d: &str| (k.to_owned(), d.to_owned());
    assert_eq!(case.screened_parties().unwrap(), [pair("sdn/1", "a"), pair("sdn/2", "c")]);
    case.screened_forget(&digests(&["q1", "nobody"])).unwrap();
    assert_eq!(case.screened_digests("", 10).unwrap(), ["q2"]);
    assert!(case.screened_digests("q2", 10).unwrap().is_empty());
    case.screened(&digests(&["q1"]), held, &[]).unwrap();
    // More queries than one statement takes.
    let many: Vec<String> = (0..1_000).map(|n| format!("m{n}")).collect();
    case.screened(&many, held, &[]).unwrap();
    assert!(case.screened_queries(&many).unwrap().iter().all(|q| *q == Some(held)));
    let rows: Vec<(String, String)> = (0..1_000).map(|n| (format!("un/{n}"), "d".to_owned())).collect();
    assert!(case.screened_lists(&rows).unwrap().since.iter().all(|g| *g == 5));
}
