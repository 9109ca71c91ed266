//! Which findings are joined, in which order they come, and what is left when something goes.

use std::collections::BTreeSet;

use palisade_campaign::{
    Evidence, Former, Frequency, Graph, Joined, Origin, Words, campaigns, explain, without,
};
use palisade_model::{CampaignId, Severity};

use crate::{
    DAY, EVENTS, Lake, Random, SECOND, background, came, finding, hash, id, joined, of_two_houses, parts,
    pin, places, seen, some_findings,
};

/// Words about some of these findings, and about some that nobody knows.
fn some_words(random: &mut Random, findings: &[Evidence]) -> Words {
    let any = |random: &mut Random| match random.below(8) {
        0 => id(77_777_777),
        _ => findings[random.below(findings.len())].id,
    };
    let mut words = Words::default();
    for who in 0..random.below(4) {
        words.pins.push((any(random), any(random), format!("analyst {who}")));
        words.cuts.push((any(random), any(random), format!("analyst {who}")));
    }
    for _ in 0..random.below(3) {
        words.false_positives.insert(any(random));
    }
    let things = ["ip:203.0.113.7", "account:ann", "host:ws1", "nonsense", "domain:evil.example.com"];
    words.excluded.extend((0..random.below(3)).map(|_| random.pick(&things).to_owned()));
    words
}

/// What was before: parts of what is now, and some of it twice.
fn some_former(random: &mut Random, now: &Joined) -> Vec<Former> {
    let mut former = Vec::new();
    for campaign in &now.campaigns {
        for _ in 0..random.below(3) {
            let findings: BTreeSet<_> = campaign.findings().filter(|_| random.below(3) > 0).collect();
            let id_of = |n: u64| CampaignId(id(500_000_000 + n));
            former.push(Former {
                id: id_of(random.number() % 50),
                aliases: (0..random.below(3) as u64).map(|_| id_of(random.number() % 50)).collect(),
                findings,
            });
        }
    }
    former
}

fn lake() -> Lake {
    Lake(
        [("ip:203.0.113.7", 12), ("account:bob", 5), ("domain:evil.example.com", 300)]
            .map(|(o, n)| (seen(o), n))
            .into(),
    )
}

#[test]
fn order_and_copies_mean_nothing() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let mut findings = some_findings(&mut random, 25);
        if seed % 2 == 1 {
            of_two_houses(&mut random, &mut findings);
        }
        // Copies of one finding may differ, if the rules were others when it was read.
        for n in 0..4 {
            let mut copy = findings[n * 3].clone();
            copy.title = format!("another title {n}");
            copy.observables.truncate(1);
            findings.push(copy);
        }
        let words = some_words(&mut random, &findings);
        let former = some_former(&mut random, &joined(&findings, &lake(), &Words::default(), &[]));
        let want = joined(&findings, &lake(), &words, &former);
        let text = format!("{want:?}");
        for _ in 0..20 {
            let mut other = findings.clone();
            other.extend((0..random.below(5)).map(|n| findings[n].clone()));
            random.shuffle(&mut other);
            let got = joined(&other, &lake(), &words, &former);
            assert_eq!(got, want, "seed {seed}");
            assert_eq!(format!("{got:?}"), text, "seed {seed}");
        }
    }
}

#[test]
fn every_finding_is_in_one_place_once() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let findings = some_findings(&mut random, 30);
        let words = some_words(&mut random, &findings);
        let now = joined(&findings, &lake(), &words, &[]);
        let mut all: Vec<_> = now.campaigns.iter().flat_map(|c| c.findings()).collect();
        all.extend(&now.loose);
        all.sort();
        let want: BTreeSet<_> =
            findings.iter().map(|f| f.id).filter(|f| !words.false_positives.contains(f)).collect();
        assert_eq!(all, want.into_iter().collect::<Vec<_>>(), "seed {seed}");
        assert!(now.campaigns.iter().all(|c| c.findings().count() > 1 && !c.steps.is_empty()));
        let ids: BTreeSet<_> = now.campaigns.iter().map(|c| c.id).collect();
        assert_eq!(ids.len(), now.campaigns.len());
    }
}

/// Findings that are in one campaign without another finding, and were neither in one campaign nor one thing (a rule
/// that says the same again within the hour) with it.
fn put_together_by_removal(findings: &[Evidence], words: &Words) -> Vec<String> {
    let frequency = Frequency::of(findings, &lake(), EVENTS);
    let graph = Graph::new(findings, &frequency, words);
    let before = places(&campaigns(&graph, &[]));
    let one_thing = |a, b| explain(&graph, a, b).is_some_and(|e| e.direct.is_empty());
    let mut out = Vec::new();
    for gone in findings {
        let mut fewer = words.clone();
        fewer.false_positives.insert(gone.id);
        let after = campaigns(&Graph::new(findings, &frequency, &fewer), &[]);
        for campaign in &after.campaigns {
            let all: Vec<_> = campaign.findings().collect();
            for (a, b) in all.iter().zip(all.iter().skip(1)) {
                let (x, y) = (before.get(a), before.get(b));
                if (x.is_none() || x != y) && !one_thing(*a, *b) {
                    out.push(format!("without {:?}: {a:?} and {b:?}", gone.id));
                }
            }
        }
    }
    out
}

#[test]
fn taking_a_finding_away_never_joins() {
    let mut campaigns_seen = 0;
    for seed in 0..400 {
        let mut random = Random(1_000 + seed);
        let count = 5 + random.below(14);
        let mut findings = some_findings(&mut random, count);
        let mut words = some_words(&mut random, &findings);
        if seed % 2 == 1 {
            of_two_houses(&mut random, &mut findings);
        }
        // With a cut it may: what could go with either side of it goes with the one that is left.
        words.cuts.clear();
        campaigns_seen += joined(&findings, &lake(), &words, &[]).campaigns.len();
        assert_eq!(put_together_by_removal(&findings, &words), Vec::<String>::new(), "seed {seed}");
    }
    assert!(campaigns_seen > 200, "there is something to part: {campaigns_seen}");
}

#[test]
fn a_node_does_not_weigh_otherwise_without_its_first_finding() {
    // One rule that says "low" once and "high" the next time, about the same things.
    let mut findings = background();
    let things = ["ip:203.0.113.77"];
    for (n, severity) in [(1, Severity::Low), (2, Severity::High)] {
        let mut f = finding(n, n as i64 * SECOND, "", &things);
        (f.rule, f.severity) = ("changing".to_owned(), severity);
        findings.push(f);
    }
    let mut third = finding(3, 400 * DAY, "", &things);
    third.severity = Severity::Low;
    findings.push(third);
    assert_eq!(put_together_by_removal(&findings, &Words::default()), Vec::<String>::new());
}

/// Two clusters of two, each by a hash of its own, and a finding that holds both hashes.
fn bridged() -> Vec<Evidence> {
    let mut all = background();
    all.push(finding(1, 0, "a1", &[&hash(1)]));
    all.push(finding(2, 2 * DAY, "a2", &[&hash(1)]));
    all.push(finding(3, 5 * DAY, "b1", &[&hash(2)]));
    all.push(finding(4, 7 * DAY, "b2", &[&hash(2)]));
    all.push(finding(5, 9 * DAY, "a3", &[&hash(1)]));
    all
}

fn bridge() -> Evidence {
    finding(6, 4 * DAY, "c", &[&hash(1), &hash(2)])
}

#[test]
fn without_the_finding_that_bridges_two_are_two_again() {
    let mut all = bridged();
    let none = Words::default();
    assert_eq!(parts(&joined(&all, &Lake::default(), &none, &[])), [vec![1, 2, 5], vec![3, 4]]);
    all.push(bridge());
    assert_eq!(parts(&joined(&all, &Lake::default(), &none, &[])), [vec![1, 2, 3, 4, 5, 6]]);
    let words = Words { false_positives: [id(6)].into(), ..Words::default() };
    assert_eq!(parts(&joined(&all, &Lake::default(), &words, &[])), [vec![1, 2, 5], vec![3, 4]]);
    let words = Words { excluded: [hash(2)].into(), ..Words::default() };
    assert_eq!(parts(&joined(&all, &Lake::default(), &words, &[])), [vec![1, 2, 5, 6]]);
    let words = Words { cuts: vec![pin(6, 3), pin(4, 6)], ..Words::default() };
    assert_eq!(parts(&joined(&all, &Lake::default(), &words, &[])), [vec![1, 2, 5, 6], vec![3, 4]]);
}

#[test]
fn without_names_what_holds_a_campaign_together() {
    let mut all = bridged();
    all.push(bridge());
    let (words, frequency) = (Words::default(), Frequency::of(&all, &Lake::default(), EVENTS));
    let graph = Graph::new(&all, &frequency, &words);
    let now = campaigns(&graph, &[]);
    // Without the first hash 1, 2, 5 are alone; without the second 3 and 4 are.
    assert_eq!(without(&graph, &now.campaigns[0]), [(seen(&hash(1)), 4), (seen(&hash(2)), 3)]);
    // What a pin holds needs no observable.
    let words = Words { pins: vec![pin(1, 2), pin(2, 5), pin(5, 6)], ..Words::default() };
    let graph = Graph::new(&all, &frequency, &words);
    let now = campaigns(&graph, &[]);
    assert_eq!(without(&graph, &now.campaigns[0]), [(seen(&hash(2)), 3)]);
}

#[test]
fn bridges_are_joins_without_which_it_falls_in_two() {
    for seed in 0..60 {
        let mut random = Random(300 + seed);
        let findings = some_findings(&mut random, 14);
        let frequency = Frequency::of(&findings, &lake(), EVENTS);
        let words = Words::default();
        let graph = Graph::new(&findings, &frequency, &words);
        let now = campaigns(&graph, &[]);
        for campaign in &now.campaigns {
            let ids: Vec<_> = campaign.findings().collect();
            for (a, b) in ids.iter().zip(ids.iter().skip(1)) {
                for link in explain(&graph, *a, *b).unwrap().path {
                    // Cutting a bridge parts its two ends; cutting any other join need not, but the cut does.
                    let cut = Words { cuts: vec![(link.from, link.to, String::new())], ..Words::default() };
                    let graph = Graph::new(&findings, &frequency, &cut);
                    let after = places(&campaigns(&graph, &[]));
                    let (x, y) = (after.get(&link.from), after.get(&link.to));
                    assert!(x.is_none() || x != y, "seed {seed}");
                }
            }
        }
    }
    let mut all = bridged();
    all.push(bridge());
    let now = joined(&all, &Lake::default(), &Words::default(), &[]);
    let campaign = &now.campaigns[0];
    // 1, 2, 5, 6 all hold the first hash and are joined in rings, as are 3, 4, 6.
    assert!(campaign.joins.iter().all(|j| !j.bridge));
    let chain = [
        finding(1, 0, "a", &[&hash(1)]),
        finding(2, DAY, "b", &[&hash(1), &hash(2)]),
        finding(3, 2 * DAY, "c", &[&hash(2)]),
    ];
    let now = joined(&[background(), chain.into()].concat(), &Lake::default(), &Words::default(), &[]);
    assert_eq!(now.campaigns[0].joins.len(), 2);
    assert!(now.campaigns[0].joins.iter().all(|j| j.bridge));
}

fn former(joined: &Joined) -> Vec<Former> {
    let one = |c: &palisade_model::Campaign| Former {
        id: c.id,
        aliases: c.aliases.clone(),
        findings: c.findings().collect(),
    };
    joined.campaigns.iter().map(one).collect()
}

#[test]
fn ids_last_through_merge_and_split() {
    let none = Words::default();
    let two = joined(&bridged(), &Lake::default(), &none, &[]);
    let (a, b) = (two.campaigns[0].id, two.campaigns[1].id);
    assert_eq!((a, b), (CampaignId(id(1)), CampaignId(id(3))));
    let mut all = bridged();
    all.push(bridge());
    // Merged: the oldest id wins, the other becomes an alias.
    let one = joined(&all, &Lake::default(), &none, &former(&two));
    assert_eq!((one.campaigns[0].id, &one.campaigns[0].aliases), (a, &vec![b]));
    let mut newest_first = former(&two);
    newest_first.reverse();
    let one_other = joined(&all, &Lake::default(), &none, &newest_first);
    assert_eq!((one_other.campaigns[0].id, &one_other.campaigns[0].aliases), (b, &vec![a]));
    // And split again: each goes by the name it had.
    let again = joined(&bridged(), &Lake::default(), &none, &former(&one));
    assert_eq!((again.campaigns[0].id, again.campaigns[0].aliases.len()), (a, 0));
    assert_eq!((again.campaigns[1].id, again.campaigns[1].aliases.len()), (b, 0));
    // The earliest finding alone is not the campaign: its larger part keeps the name of it.
    let words = Words { cuts: vec![pin(1, 2), pin(1, 5), pin(2, 3)], pins: vec![pin(1, 3)], ..none };
    let cut = joined(&all, &Lake::default(), &words, &[former(&one).remove(0)]);
    let place = places(&cut);
    assert_eq!(place[&id(1)], place[&id(3)]);
    assert_ne!(place[&id(1)], place[&id(2)]);
    assert_eq!(cut.campaigns.iter().filter(|c| c.id == a).count(), 1);
    let ids: Vec<_> = cut.campaigns.iter().flat_map(|c| c.aliases.iter().copied().chain([c.id])).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "nobody shares a name: {ids:?}");
}

#[test]
fn an_id_is_given_once_even_if_every_finding_gave_its_own_away() {
    let all = bridged();
    let old = |name: u64, aliases: &[u64], findings: &[u64]| Former {
        id: CampaignId(id(name)),
        aliases: aliases.iter().map(|a| CampaignId(id(*a))).collect(),
        findings: findings.iter().map(|f| id(*f)).collect(),
    };
    // The second campaign's findings' ids are both aliases of the first; an id comes twice.
    let olds = [old(1, &[3, 4], &[1, 2]), old(1, &[3], &[3, 4])];
    let now = joined(&all, &Lake::default(), &Words::default(), &olds);
    assert_eq!((now.campaigns[0].id, now.campaigns[0].aliases.len()), (CampaignId(id(1)), 0));
    assert_eq!(
        (now.campaigns[1].id, &now.campaigns[1].aliases),
        (CampaignId(id(3)), &vec![CampaignId(id(4))])
    );
}

/// What is shared, how common it is in the lake, how many days apart, and whether that joins.
#[test]
fn what_is_rare_joins_over_a_year_and_what_is_common_never() {
    let hash = hash(7);
    for (thing, common, days, want) in [
        (hash.as_str(), 2, 365, true),
        ("domain:evil.example.com", 2, 365, true),
        ("crypto_address:0x52908400098527886e0f7030069857d2e4169ee7", 2, 365, true),
        ("ip:203.0.113.7", 2, 30, true),
        // A content network's address, a public tool.
        ("ip:203.0.113.7", 50_000, 0, false),
        ("domain:evil.example.com", 50_000, 0, false),
        (hash.as_str(), 50_000, 1, false),
        (hash.as_str(), 50_000, 365, false),
        // What is the system's or everybody's.
        ("path:c:\\windows\\system32\\cmd.exe", 0, 0, false),
        ("account:nt authority\\system", 0, 0, false),
    ] {
        let mut all = background();
        all.push(finding(1, 0, "a", &[thing]));
        all.push(finding(2, days * DAY + SECOND, "b", &[thing]));
        let now = joined(&all, &Lake([(seen(thing), common)].into()), &Words::default(), &[]);
        assert_eq!(!now.campaigns.is_empty(), want, "{thing}, {common} events, {days} days");
    }
}

#[test]
fn names_of_one_thing_are_one() {
    let spelled = |host: &'static str, thing: Option<&str>| (host, thing.map(str::to_owned));
    let a = |s| spelled("", Some(s));
    for (one, other, want) in [
        (a("account:corp\\ann"), a("account:ann@corp.example"), true),
        (a("account:corp\\ann"), a("account:ann"), true),
        (a("account:CORP\\Ann"), a("account:ANN@CORP.EXAMPLE"), true),
        (a("account:corp\\ann"), a("account:corp\\bob"), false),
        (a("account:nt authority\\system"), a("account:system"), false),
        (a("account:root"), a("account:root"), false),
        (a("account:corp\\ws1$"), a("account:corp\\ws1$"), false),
        (spelled("ws1", None), spelled("ws1.corp.example", None), true),
        (spelled(" WS1", None), spelled("ws1.corp.example.", None), true),
        (spelled("ws1", None), spelled("ws2", None), false),
        (spelled("ws1", None), a("host:ws1.corp.example"), true),
        (spelled("localhost", None), spelled("localhost.localdomain", None), false),
        (spelled("127.0.0.1", None), spelled("127.0.0.1", None), false),
        (spelled("::1", None), spelled("::1", None), false),
        (spelled("::ffff:127.0.0.1", None), spelled("127.0.0.1", None), false),
        // A tenant's id is no machine.
        (
            spelled("0a0a0a0a-1111-2222-3333-444444444444", None),
            spelled("0a0a0a0a-1111-2222-3333-444444444444", None),
            false,
        ),
        (a("path:c:\\windows\\system32\\cmd.exe"), a("path:c:\\windows\\system32\\cmd.exe"), false),
        (a("path:/usr/bin/curl"), a("path:/usr/bin/curl"), false),
        (a("path:c:\\users\\ann\\a.exe"), a("path:\"c:\\users\\ann\\a.exe\" -x"), true),
    ] {
        let mut all = background();
        for (n, (host, thing)) in [(1, &one), (2, &other)] {
            let things: Vec<&str> = thing.iter().map(String::as_str).collect();
            all.push(finding(n, n as i64 * SECOND, host, &things));
        }
        let now = joined(&all, &Lake::default(), &Words::default(), &[]);
        assert_eq!(!now.campaigns.is_empty(), want, "{one:?} and {other:?}");
    }
}

#[test]
fn excluding_one_spelling_excludes_the_thing() {
    let mut all = background();
    all.push(finding(1, 0, "", &["account:corp\\ann"]));
    all.push(finding(2, SECOND, "", &["account:ann@corp.example"]));
    for said in ["account:corp\\ann", "account:ann@corp.example", "account:ann", "account:other\\ANN"] {
        let words = Words { excluded: [said.to_owned()].into(), ..Words::default() };
        assert!(joined(&all, &Lake::default(), &words, &[]).campaigns.is_empty(), "{said}");
    }
    for said in ["account", "account:", "", "host:ann", "account:bob"] {
        let words = Words { excluded: [said.to_owned()].into(), ..Words::default() };
        assert_eq!(joined(&all, &Lake::default(), &words, &[]).campaigns.len(), 1, "{said}");
    }
}

#[test]
fn a_cut_parts_what_would_be_one_node_and_only_that() {
    // Four findings of one rule about the same things within minutes.
    let mut all = background();
    for n in 1..=4 {
        let mut f = finding(n, n as i64 * 60 * SECOND, "ws1", &["account:ann", "ip:203.0.113.7"]);
        f.rule = "same".to_owned();
        all.push(f);
    }
    all.push(finding(5, 600 * SECOND, "ws1", &["account:ann"]));
    let none = Words::default();
    assert_eq!(parts(&joined(&all, &Lake::default(), &none, &[])), [vec![1, 2, 3, 4, 5]]);
    let words = Words { cuts: vec![pin(2, 3)], ..none.clone() };
    let place = places(&joined(&all, &Lake::default(), &words, &[]));
    assert!(!place.contains_key(&id(2)) || place.get(&id(2)) != place.get(&id(3)));
    // Of itself nothing can be cut: all is as it was, bridges as well.
    let words = Words { cuts: vec![pin(2, 2)], ..none.clone() };
    assert_eq!(joined(&all, &Lake::default(), &words, &[]), joined(&all, &Lake::default(), &none, &[]));
}

#[test]
fn cuts_end() {
    // Words that contradict each other in rings, over everything that could be joined.
    for seed in 0..100 {
        let mut random = Random(seed);
        let findings = some_findings(&mut random, 30);
        let mut words = Words::default();
        for _ in 0..40 {
            let any = |random: &mut Random| findings[random.below(findings.len())].id;
            words.pins.push((any(&mut random), any(&mut random), String::new()));
            words.cuts.push((any(&mut random), any(&mut random), String::new()));
        }
        let place = places(&joined(&findings, &lake(), &words, &[]));
        for (x, y, _) in words.cuts.iter().filter(|(x, y, _)| x != y) {
            assert!(!place.contains_key(x) || place.get(x) != place.get(y), "seed {seed}: a cut holds");
        }
    }
}

#[test]
fn grave_findings_draw_in_what_is_beside_them() {
    let low = |n: u64| {
        let mut f = finding(n, n as i64 * 300 * SECOND, "ws1", &["account:ann", "ip:10.0.0.5"]);
        f.severity = Severity::Low;
        f
    };
    let mut all = background();
    all.extend([low(1), low(2)]);
    let alone = parts(&joined(&all, &Lake::default(), &Words::default(), &[]));
    let mut grave = finding(3, 900 * SECOND, "ws1", &["account:ann", "ip:10.0.0.5"]);
    grave.severity = Severity::Critical;
    all.push(grave);
    let beside = parts(&joined(&all, &Lake::default(), &Words::default(), &[]));
    assert_eq!(beside, [vec![1, 2, 3]]);
    assert!(alone.concat().len() <= beside.concat().len());
}

/// A finding of a rule that says "medium".
fn medium(n: u64, rule: &str, day: i64, host: &str, things: &[&str]) -> Evidence {
    let mut f = finding(n, day * DAY, host, things);
    (f.rule, f.severity) = (rule.to_owned(), Severity::Medium);
    f
}

/// Two grave findings of two intruders, each with a medium one of one rule that shows the same file.
fn with_a_file_in_common(elsewhere: u64) -> Vec<Evidence> {
    let mut all = background();
    for (n, day, host) in [(10, 3, "a"), (20, 15, "b")] {
        let account = format!("account:{host}");
        all.push(finding(n, day * DAY, host, &[&account]));
        all.push(medium(n + 1, "tool", day, host, &[&account, &hash(5)]));
    }
    // The rule sees other files, too; and on quiet machines this one, so many times.
    for n in 0..6 {
        let file = if n < elsewhere { hash(5) } else { hash(100 + n) };
        all.push(medium(100 + n, "tool", 1 + 3 * n as i64, &format!("quiet{n}"), &[&file]));
    }
    all
}

#[test]
fn a_rare_file_joins_and_what_its_rule_sees_everywhere_does_not() {
    // Events cannot tell the two apart: the file is as rare in both.
    let lake = Lake([(seen(&hash(5)), 4)].into());
    let none = Words::default();
    let parts = |elsewhere| parts(&joined(&with_a_file_in_common(elsewhere), &lake, &none, &[]));
    assert_eq!(parts(0), [vec![10, 11, 20, 21]]);
    assert_eq!(parts(2), [vec![10, 11], vec![20, 21]]);
}

#[test]
fn what_a_campaign_spreads_itself_does_not_become_common() {
    // The same file on five machines in one night, each time beside something grave.
    let mut all = background();
    for n in 0..5 {
        let (host, account) = (format!("server{n}"), format!("account:svc{n}"));
        all.push(finding(n, 5 * DAY + n as i64 * 600 * SECOND, &host, &[&account]));
        let mut f = medium(10 + n, "tool", 5, &host, &[&account, &hash(5)]);
        f.time = Some(palisade_model::Time(5 * DAY + n as i64 * 600 * SECOND));
        all.push(f);
    }
    let lake = Lake([(seen(&hash(5)), 5)].into());
    let now = joined(&all, &lake, &Words::default(), &[]);
    assert!(
        parts(&now).iter().any(|c| [10, 11, 12, 13, 14].iter().all(|n| c.contains(n))),
        "{:?}",
        parts(&now)
    );
}

/// Two halves, each grave and firm, that have one account of a medium finding in common, weeks apart.
fn halves(firm: bool) -> Vec<Evidence> {
    let mut all = background();
    for (n, day, ip) in [(10, 2, "ip:203.0.113.7"), (20, 11, "ip:198.51.100.9")] {
        let own = format!("ip:192.0.2.{n}");
        let ip = if firm { ip } else { own.as_str() };
        all.push(finding(n, day * DAY, "", &["ip:203.0.113.7".replace("203.0.113.7", &ip[3..]).as_str()]));
        all.push(medium(
            n + 1,
            &format!("r{n}"),
            day,
            "",
            &["account:eve", if firm { ip } else { "ip:10.9.9.9" }],
        ));
    }
    all
}

#[test]
fn what_is_firmly_part_of_a_campaign_answers_for_others() {
    let none = Words::default();
    assert_eq!(parts(&joined(&halves(true), &Lake::default(), &none, &[])), [vec![10, 11, 20, 21]]);
    // The same two findings about one account, with nothing that vouches for them.
    let now = joined(&halves(false), &Lake::default(), &none, &[]);
    let place = places(&now);
    assert!(place.get(&id(10)).is_none_or(|c| place.get(&id(20)) != Some(c)), "{:?}", parts(&now));
}

#[test]
fn a_peer_that_nobody_else_meets_is_less_ordinary() {
    let join = |common: u64| {
        let mut all = background();
        all.push(finding(1, 0, "", &["account:eve"]));
        all.push(medium(2, "risk", 2, "", &["account:eve", "ip:203.0.113.7"]));
        for n in 0..8 {
            all.push(medium(50 + n, "risk", 2 * n as i64, &format!("q{n}"), &["ip:198.51.100.9"]));
        }
        let lake = Lake([(seen("ip:203.0.113.7"), common), (seen("ip:198.51.100.9"), 90_000)].into());
        let frequency = Frequency::of(&all, &lake, EVENTS);
        let words = Words::default();
        let graph = Graph::new(&all, &frequency, &words);
        let terms = explain(&graph, id(1), id(2)).unwrap().direct;
        terms.iter().map(|t| t.weight.0).sum::<i64>()
    };
    assert!(join(1) > join(90_000) + 1_000_000, "{} {}", join(1), join(90_000));
}

/// Findings about one address: a grave one, ordinary ones of one rule, a grave one.
fn noise_between(noise: u64, last: Severity) -> Vec<Evidence> {
    let mut all = background();
    for n in 0..noise + 2 {
        let mut f = finding(n, n as i64 * DAY, &format!("h{n}"), &["ip:203.0.113.7"]);
        if n > 0 && n <= noise {
            (f.rule, f.severity) = ("noise".to_owned(), Severity::Informational);
        }
        if n > noise {
            f.severity = last;
        }
        all.push(f);
    }
    all
}

#[test]
fn noise_between_two_grave_findings_does_not_part_them() {
    for noise in [10, 63, 64, 65, 90] {
        let all = noise_between(noise, Severity::High);
        let now = joined(&all, &Lake::default(), &Words::default(), &[]);
        assert_eq!(parts(&now), [vec![0, noise + 1]], "{noise}");
    }
    // The known limit: of a thing that many hold, what is not grave is compared with its neighbours in time only.
    for (noise, want) in [(10, true), (90, false)] {
        let all = noise_between(noise, Severity::Low);
        let now = joined(&all, &Lake::default(), &Words::default(), &[]);
        assert_eq!(!now.campaigns.is_empty(), want, "{noise}");
    }
}

#[test]
fn steps_are_cut_by_pauses_and_machines() {
    let mut all = background();
    for (n, minute, host) in [(1, 0, "ws1"), (2, 5, "WS1"), (3, 20, "ws1"), (4, 21, "ws2")] {
        all.push(finding(n, minute * 60 * SECOND, host, &["account:ann", &hash(1)]));
    }
    let now = joined(&all, &Lake::default(), &Words::default(), &[]);
    let steps: Vec<Vec<_>> = now.campaigns[0].steps.iter().map(|s| s.findings.clone()).collect();
    assert_eq!(steps, [vec![id(1), id(2)], vec![id(3)], vec![id(4)]]);
    assert!(now.campaigns[0].joins.iter().all(|j| j.steps.0 < j.steps.1 && j.steps.1 < 3));
    assert!((0.0..=1.0).contains(&now.campaigns[0].cohesion));
}

/// A campaign on a desk, and weeks later an administrator's shell on a server, as administrators open it every few days.
fn with_a_shell(origin: Option<Origin>) -> Vec<Evidence> {
    let mut all = background();
    all.push(finding(1, 10 * DAY, "desk", &[&hash(1), "account:corp\\ann"]));
    all.push(finding(2, 11 * DAY, "desk", &[&hash(1), "account:corp\\ann"]));
    for n in 0..5 {
        let mut usual =
            medium(200 + n, "shell", 1 + 4 * n as i64, &format!("server{n}"), &["account:corp\\adm"]);
        usual.origin = Some(came("host:admins", 30, 40));
        all.push(usual);
    }
    let mut shell = medium(3, "shell", 12, "server9", &["account:corp\\adm"]);
    shell.origin = origin;
    all.push(shell);
    all
}

#[test]
fn a_session_from_a_machine_of_a_campaign_belongs_to_it() {
    let none = Words::default();
    let of = |origin| parts(&joined(&with_a_shell(origin), &Lake::default(), &none, &[]));
    assert_eq!(of(None), [vec![1, 2]]);
    assert_eq!(of(Some(came("host:admins", 30, 40))), [vec![1, 2]], "from where they always come");
    assert_eq!(
        of(Some(came("host:elsewhere", 1, 40))),
        [vec![1, 2]],
        "from nowhere that is known for anything"
    );
    let from_the_desk = with_a_shell(Some(came("host:desk", 1, 40)));
    let (frequency, words) = (Frequency::of(&from_the_desk, &Lake::default(), EVENTS), Words::default());
    let graph = Graph::new(&from_the_desk, &frequency, &words);
    assert_eq!(parts(&campaigns(&graph, &[])), [vec![1, 2, 3]]);
    // And it is said why, with where it is written.
    let why = explain(&graph, id(2), id(3)).unwrap();
    let told: Vec<&str> = why.direct.iter().filter_map(|t| t.note.as_deref()).collect();
    assert!(told.contains(&"a session came from host:desk"), "{told:?}");
}
