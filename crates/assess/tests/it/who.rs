//! Who: what must hold of every assessment.

use std::collections::BTreeSet;

use palisade_assess::who::{
    Answer, Assessment, Confidence, Costs, Grounds, Library, Marks, Settings, assess, assess_all, companions,
    confidence, counterfactual, likelihood_words, matrix,
};
use palisade_model::{
    Account, Actor, Alias, AliasMeaning, Artefact, IncidentReport, Item, ItemKind, Knowledge, Mark, Month,
    Observable, Weight,
};

const WHO: &str = include_str!("../../../../knowledge/assess/who.toml");
const COSTS: &str = include_str!("../../../../knowledge/assess/cost-to-fake.toml");

pub fn settings() -> Settings {
    Settings::read(WHO, COSTS).unwrap()
}

fn random(state: &mut u64, n: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % n
}

fn technique(n: u64) -> String {
    format!("T{:04}", 1_000 + n)
}

/// Twelve actors of three states; each has ten techniques and two pieces of malware of its own beside common ones.
pub fn knowledge() -> Knowledge {
    let mut k = Knowledge::default();
    let mut state = 1;
    for g in 0..12u64 {
        let id = format!("G{g:04}");
        let nation = ["KP", "RU", "CN"].get(g as usize % 4).map(|n| (*n).to_owned());
        k.actors.push(Actor { id: id.clone(), name: format!("Group {g}"), nation, aliases: Vec::new() });
        for r in 0..2 + g % 4 {
            let own: Vec<String> = (0..6).map(|_| technique(g * 10 + random(&mut state, 10))).collect();
            let common = (0..4).map(|_| technique(900 + random(&mut state, 20)));
            let malware = [format!("S1{g:02}{}", r % 2), "S0002".to_owned()];
            k.accounts.push(Account {
                actor: id.clone(),
                date: Month::new(2015 + r as u16, 1 + g as u8),
                report: format!("Report {g} {r}"),
                items: own.into_iter().chain(common).chain(malware).collect(),
            });
        }
        for m in 0..2 {
            let id = format!("S1{g:02}{m}");
            k.items.push(Item { id: id.clone(), kind: ItemKind::Malware, name: id });
        }
    }
    k.items.push(Item { id: "S0002".to_owned(), kind: ItemKind::Tool, name: "Mimikatz".to_owned() });
    k.normalise();
    k
}

pub fn incident(g: u64) -> IncidentReport {
    IncidentReport {
        id: format!("of {g}"),
        date: Month::new(2021, 3),
        techniques: (0..7).map(|n| technique(g * 10 + n)).chain([technique(901)]).collect(),
        software: vec![format!("S1{g:02}0")],
        artefacts: Vec::new(),
    }
}

fn ask(k: &Knowledge, i: &IncidentReport) -> Assessment {
    let library = Library::new(k);
    assess(&library.view(None, &BTreeSet::new(), None), &settings(), i, true)
}

fn assert_sums(a: &Assessment) {
    let sum: f64 = a.candidates.iter().map(|c| c.probability).sum::<f64>() + a.unknown;
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let states: f64 = a.states.values().sum();
    assert!((states - 1.0).abs() < 1e-9, "{states}");
    assert!(a.candidates.iter().all(|c| (0.0..=1.0).contains(&c.probability)));
    for c in a.candidates.iter().filter(|c| !c.reasons.is_empty()) {
        assert_eq!(c.reasons.iter().map(|r| r.weight).sum::<Weight>(), c.score);
    }
}

#[test]
fn chances_sum_to_one_and_terms_to_scores() {
    let k = knowledge();
    for g in 0..12 {
        let a = ask(&k, &incident(g));
        assert_sums(&a);
        assert_eq!(a.candidates[0].actor.id, format!("G{g:04}"));
        assert!(!a.candidates[0].reasons.is_empty());
    }
}

#[test]
fn order_of_facts_and_items_does_not_matter() {
    let k = knowledge();
    let mut other = k.clone();
    other.accounts.reverse();
    other.actors.reverse();
    other.items.reverse();
    let mut i = incident(3);
    let a = ask(&k, &i);
    i.techniques.reverse();
    i.techniques.extend(i.techniques.clone());
    assert_eq!(a, ask(&other, &i));
}

#[test]
fn without_evidence_the_prior_and_insufficient() {
    let k = knowledge();
    let library = Library::new(&k);
    let view = library.view(None, &BTreeSet::new(), None);
    let a = assess(
        &view,
        &settings(),
        &IncidentReport { date: Month::new(2021, 3), ..IncidentReport::default() },
        true,
    );
    assert_eq!(a.answer, Answer::Insufficient);
    assert_sums(&a);
    assert!((a.unknown - view.first_seen).abs() < 1e-12);
    // Four items are below the floor: the answer is the same as without any.
    let mut few = incident(3);
    few.techniques.truncate(3);
    let b = ask(&k, &IncidentReport { date: Month::new(2021, 3), ..few });
    assert_eq!(b.answer, Answer::Insufficient);
    let chances =
        |a: &Assessment| a.candidates.iter().map(|c| (c.actor.id.clone(), c.probability)).collect::<Vec<_>>();
    assert_eq!(chances(&a), chances(&b));
}

#[test]
fn cheap_artefacts_move_no_more_than_their_cap() {
    let k = knowledge();
    let settings = settings();
    let odds = |a: &Assessment, x: &str, y: &str| {
        // By scores: the doubt keeps probabilities from moving as far.
        let score = |id: &str| a.candidates.iter().find(|c| c.actor.id == id).unwrap().score.nats();
        score(x) - score(y)
    };
    let plain = ask(&k, &incident(3));
    for (nats, class) in
        [(1e9, "language_string"), (f64::NAN, "file_name"), (5.0, "time_zone"), (9.0, "no such class")]
    {
        let mut planted = incident(3);
        planted.artefacts = (0..50)
            .map(|n| Artefact {
                name: format!("{n}"),
                class: class.to_owned(),
                points_to: vec!["G0000".to_owned()],
                nats,
            })
            .collect();
        planted.software.push("S0002".to_owned());
        let a = ask(&k, &planted);
        assert_sums(&a);
        let moved = odds(&a, "G0000", "G0003") - odds(&plain, "G0000", "G0003");
        assert!(moved <= settings.costs.cheap_cap + 1e-4, "{class}: {moved}");
    }
    // What is dear is not capped.
    let mut key = incident(3);
    key.artefacts.push(Artefact {
        name: "key".to_owned(),
        class: "signing_key".to_owned(),
        points_to: vec!["G0000".to_owned()],
        nats: 6.0,
    });
    let moved = odds(&ask(&k, &key), "G0000", "G0003") - odds(&plain, "G0000", "G0003");
    assert!((moved - 5.7).abs() < 1e-4, "{moved}");
}

#[test]
fn an_actor_taken_out_makes_the_unknown_likelier() {
    let k = knowledge();
    let library = Library::new(&k);
    let mut likelier = 0;
    for g in 0..12u64 {
        let view = |missing| library.view(None, &BTreeSet::new(), missing);
        let with = assess(&view(None), &settings(), &incident(g), false);
        let without = assess(&view(Some(g as usize)), &settings(), &incident(g), false);
        likelier += usize::from(without.unknown > with.unknown);
        assert!(without.candidates.iter().all(|c| c.actor.id != format!("G{g:04}")));
    }
    assert_eq!(likelier, 12);
}

#[test]
fn as_of_sees_nothing_newer() {
    let k = knowledge();
    let library = Library::new(&k);
    let of = |k: &Knowledge, as_of| {
        let library = Library::new(k);
        let view = library.view(as_of, &BTreeSet::new(), None);
        assess_all(&view, &settings(), &[incident(3)]).next().unwrap()
    };
    let day = Month::new(2017, 1);
    let mut old = k.clone();
    old.accounts.retain(|a| a.date < day);
    // Compared by chances: the old library does not know the newer items' names.
    let (a, b) = (of(&k, day), of(&old, None));
    assert_eq!(a.candidates[0].actor.id, b.candidates[0].actor.id);
    let view = library.view(day, &BTreeSet::new(), None);
    assert!(view.profiles().len() <= 12);
    let none = of(&k, Month::new(1999, 1));
    assert_eq!((none.candidates.len(), none.unknown), (0, 1.0));
    assert_sums(&none);
}

#[test]
fn a_report_left_out_is_not_seen() {
    let mut k = knowledge();
    k.accounts.retain(|a| a.actor != "G0003" || a.report == "Report 3 0");
    let library = Library::new(&k);
    let view = library.view(None, &BTreeSet::from(["Report 3 0"]), None);
    let a = assess(&view, &settings(), &incident(3), false);
    assert!(a.candidates.iter().all(|c| c.actor.id != "G0003"));
}

#[test]
fn hostile_incidents() {
    let k = knowledge();
    let mut i = incident(3);
    i.techniques = (0..1_000_000).map(|n| format!("T{}", n % 700_000)).collect();
    let a = ask(&k, &i);
    assert_sums(&a);
    assert!(a.not_weighed.len() > 600_000);
    let mut same = incident(3);
    same.techniques.extend(std::iter::repeat_n(technique(31), 100_000));
    assert_eq!(ask(&k, &same), ask(&k, &incident(3)));
    for text in ["\u{202e}", "", "T1000.001", "S9999"] {
        let odd = IncidentReport { techniques: vec![text.to_owned(); 9], ..IncidentReport::default() };
        assert_eq!(ask(&k, &odd).answer, Answer::Insufficient);
    }
    for date in ["\"NaN\"", "\"2021-13\"", "\"2021-02-99\"", "20210203", "{}"] {
        let text = format!("{{\"id\":\"x\",\"date\":{date}}}");
        assert!(serde_json::from_str::<IncidentReport>(&text).is_err(), "{date}");
    }
    assert_sums(&ask(&Knowledge::default(), &incident(3)));
}

#[test]
fn random_incidents_keep_the_promises() {
    let k = knowledge();
    let library = Library::new(&k);
    let view = library.view(None, &BTreeSet::new(), None);
    let mut state = 5;
    for n in 0..200 {
        let length = random(&mut state, 40);
        let i = IncidentReport {
            id: n.to_string(),
            techniques: (0..length).map(|_| technique(random(&mut state, 1_000))).collect(),
            software: (0..random(&mut state, 3))
                .map(|_| format!("S1{:02}0", random(&mut state, 14)))
                .collect(),
            ..IncidentReport::default()
        };
        assert_sums(&assess(&view, &settings(), &i, n % 2 == 0));
    }
}

/// Whoever read the one report that tells of a technique can use it: all such together say no more than their cap, and the
/// terms still sum to the score.
#[test]
fn rare_techniques_share_a_cap() {
    let k = knowledge();
    let library = Library::new(&k);
    let view = library.view(None, &BTreeSet::new(), None);
    let with = |cap: f64| {
        let mut s = settings();
        (s.costs.rare_actors, s.costs.rare_cap) = (3, cap);
        assess(&view, &s, &incident(3), true)
    };
    // In this knowledge techniques below T1900 are one group's own.
    let rare = |a: &Assessment, id: &str| -> i64 {
        let c = a.candidates.iter().find(|c| c.actor.id == id).unwrap();
        c.reasons.iter().filter(|r| r.item.starts_with('T') && *r.item < *"T1900").map(|r| r.weight.0).sum()
    };
    let (free, tight) = (with(100.0), with(1.0));
    assert!(rare(&free, "G0003") > 1_000_000, "without a cap they decide: {}", rare(&free, "G0003"));
    for a in [&free, &tight] {
        assert_sums(a);
    }
    for c in &tight.candidates {
        // Each term is rounded by itself.
        assert!(rare(&tight, &c.actor.id).abs() <= 500_000 + 20, "{}", rare(&tight, &c.actor.id));
    }
    let p = |a: &Assessment| a.candidates.iter().find(|c| c.actor.id == "G0003").unwrap().probability;
    assert!(p(&tight) < p(&free));
    assert!(Costs::read(&COSTS.replace("rare_cap", "rare_cap = -1.0 #")).is_err());
}

/// A doubt leaves a part of the probability where it was before any evidence.
#[test]
fn doubt_keeps_a_part_of_the_prior() {
    let k = knowledge();
    let library = Library::new(&k);
    let view = library.view(None, &BTreeSet::new(), None);
    let of = |doubt: f64| assess(&view, &Settings { doubt, ..settings() }, &incident(3), false);
    let share = |a: &Assessment, id: &str| {
        a.candidates.iter().find(|c| c.actor.id == id).map_or(0.0, |c| c.probability / (1.0 - a.unknown))
    };
    let (sure, half, never) = (of(0.0), of(0.5), of(1.0));
    for g in 0..12 {
        let id = format!("G{g:04}");
        let between = 0.5 * (share(&sure, &id) + share(&never, &id));
        assert!((share(&half, &id) - between).abs() < 1e-9, "{id}");
    }
    [&sure, &half, &never].into_iter().for_each(assert_sums);
    // With nothing but doubt nobody stands out by the incident's items: who is told of most is likeliest.
    assert!(share(&never, "G0003") < 0.5 && share(&sure, "G0003") > share(&never, "G0003"));
    assert!(Settings::read(&WHO.replace("doubt = ", "doubt = 1.5 #"), COSTS).is_err());
}

#[test]
fn competing_hypotheses() {
    let k = knowledge();
    let library = Library::new(&k);
    let view = library.view(None, &BTreeSet::new(), None);
    let i = incident(3);
    let a = assess(&view, &settings(), &i, true);
    let m = matrix(&a);
    assert_eq!(m.hypotheses.last().map(String::as_str), Some("unknown"));
    assert!(m.rows.windows(2).all(|r| r[0].diagnosticity >= r[1].diagnosticity));
    assert!(m.rows.iter().all(|r| r.cells.len() == m.hypotheses.len()));
    assert_eq!(m.ranking.first(), Some(&0));
    let gone = counterfactual(&view, &settings(), &i, &a);
    assert!(!gone.is_empty());
    let rest = |ids: &[String]| ids.iter().filter(|t| !gone.contains(t)).cloned().collect::<Vec<_>>();
    let without =
        IncidentReport { techniques: rest(&i.techniques), software: rest(&i.software), ..i.clone() };
    let open = Settings { floor: 0, ..settings() };
    let b = assess(&view, &open, &without, false);
    assert_ne!(b.candidates[0].actor.id, a.candidates[0].actor.id);
}

#[test]
fn words() {
    for (p, word) in [
        (0.0, "almost no chance"),
        (0.05, "very unlikely"),
        (0.3, "unlikely"),
        (0.5, "roughly even chance"),
        (0.55, "likely"),
        (0.79, "likely"),
        (0.8, "very likely"),
        (0.95, "almost certain"),
        (f64::NAN, "not assessed"),
    ] {
        assert_eq!(likelihood_words(p), word);
    }
    let all = Grounds { quantity: true, independence: true, diversity: true, age: true, sensitivity: true };
    assert_eq!(all.confidence(), Confidence::High);
    assert_eq!(Grounds { age: false, ..all }.confidence(), Confidence::Moderate);
    assert_eq!(Grounds { sensitivity: false, ..all }.confidence(), Confidence::Low);
}

#[test]
fn settings_that_cannot_be() {
    assert!(Costs::read("cheap_cap = -1.0").is_err());
    assert!(Costs::read("cheap_cap = nan").is_err());
    let costs = Costs::read(COSTS).unwrap();
    for (class, cheap) in [("tool", true), ("time_zone", true), ("signing_key", false), ("technique", false)]
    {
        assert_eq!(costs.is_cheap(class), cheap, "{class}");
    }
    assert!(Costs::read(&COSTS.replace("factor = 0.95", "factor = 1.5")).is_err());
    assert!(Settings::read(&WHO.replace("private_malware", "x"), COSTS).is_err());
    assert!(Settings::read("", COSTS).is_err());
}

#[test]
fn companions_come_with_their_base_rate() {
    let k = knowledge();
    let library = Library::new(&k);
    let view = library.view(None, &BTreeSet::new(), None);
    let mut i = incident(3);
    let gone = i.techniques.remove(2);
    let all = companions(&view, &i, usize::MAX);
    assert!(
        all.iter()
            .all(|c| (0.0..=1.0).contains(&c.rate) && c.base > 0.0 && !i.techniques.contains(&c.technique))
    );
    let hidden = all.iter().find(|c| c.technique == gone).unwrap();
    assert!(hidden.rate > hidden.base);
    assert!(companions(&view, &IncidentReport::default(), 10).is_empty());
}

fn observables(texts: &[&str]) -> BTreeSet<Observable> {
    texts.iter().map(|t| Observable::typed(t).unwrap()).collect()
}

fn mark(of: &str, report: &str, from: &str, to: Option<&str>, thing: &str) -> Mark {
    Mark {
        of: of.to_owned(),
        report: report.to_owned(),
        from: Month::parse(from),
        to: to.and_then(Month::parse),
        observable: Observable::typed(thing).unwrap(),
    }
}

#[test]
fn what_one_report_marks_counts_once_and_in_its_time() {
    let costs = Costs::read(include_str!("../../../../knowledge/assess/cost-to-fake.toml")).unwrap();
    let things = ["domain:a.example.com", "domain:b.example.com", "ip:203.0.113.7"];
    let mut k = Knowledge::default();
    k.marks.extend(things.map(|t| mark("G0001", "One", "2021-03", None, t)));
    k.marks.push(mark("G0002", "One", "2021-03", None, things[0]));
    k.marks.push(mark("G0001", "Two", "2021-03", None, things[0]));
    let hash = format!("sha256:{}", "ab".repeat(32));
    k.marks.push(mark("S0100", "Two", "2021-03", None, &hash));
    // Anybody can name a file so, or be at that address.
    k.marks.push(mark("S0101", "Two", "2021-03", None, "ip:203.0.113.9"));
    // Accounts and addresses of one's own belong to the victim, whoever lists them.
    k.marks.push(mark("G0001", "Three", "2021-03", None, "ip:10.0.0.5"));
    k.marks.push(mark("G0001", "Two", "2021-03", None, "account:administrator"));
    let marks = Marks::new(&k);
    let shown = observables(&[
        things[0],
        things[1],
        things[2],
        &hash,
        "ip:203.0.113.9",
        "ip:10.0.0.5",
        "account:administrator",
    ]);
    let seen = |a: &str, b: &str| Month::parse(a).zip(Month::parse(b));
    let said = marks.of(&shown, seen("2021-04", "2021-05"), None, &costs);
    let told: Vec<(String, String, f64)> =
        said.artefacts.iter().map(|a| (a.points_to.join(" "), a.class.clone(), a.nats)).collect();
    let infrastructure = |of: &str| (of.to_owned(), "infrastructure".to_owned(), 6.0);
    let mut expected = vec![infrastructure("G0001"), infrastructure("G0001"), infrastructure("G0002")];
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let mut found = told.clone();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, expected, "three things of one report are one vote for each actor");
    assert_eq!(said.software, BTreeSet::from(["S0100".to_owned()]));
    assert_eq!(said.shown["S0100"], observables(&[&hash]));
    // An address says nothing half a year after, a domain does; two years after neither does, and neither long before.
    let left = |a, b| marks.of(&shown, seen(a, b), None, &costs);
    assert!(left("2021-12", "2021-12").software.contains("S0100"), "a file stays what it is");
    assert_eq!(left("2021-12", "2021-12").artefacts.len(), 3);
    assert!(left("2023-06", "2023-07").artefacts.is_empty());
    assert!(left("2018-01", "2018-02").artefacts.is_empty());
    // What was said later is not known earlier.
    assert!(marks.of(&shown, None, Month::parse("2021-03"), &costs).artefacts.is_empty());
    let mut ended = Knowledge::default();
    ended.marks.push(mark("G0001", "One", "2021-03", Some("2021-04"), things[0]));
    assert!(Marks::new(&ended).of(&shown, seen("2021-05", "2021-06"), None, &costs).artefacts.is_empty());
}

#[test]
fn a_key_of_a_known_actor_speaks_against_somebody_unknown() {
    let k = knowledge();
    let plain = ask(&k, &incident(3));
    let with = |class: &str, of: &[&str], nats: f64| {
        let mut i = incident(3);
        i.artefacts.extend(of.iter().map(|of| Artefact {
            name: "thing".to_owned(),
            class: class.to_owned(),
            points_to: vec![(*of).to_owned()],
            nats,
        }));
        let a = ask(&k, &i);
        assert_sums(&a);
        a
    };
    assert!(with("signing_key", &["G0003"], 6.0).unknown < plain.unknown);
    // One that belongs to an actor who does not fit says little of whether somebody is known at all.
    let other = with("signing_key", &["G0007"], 1.0);
    assert!((other.unknown - plain.unknown).abs() < 0.05, "{} {}", other.unknown, plain.unknown);
    // One thing that points to two is one piece of evidence, told once.
    let both = with("signing_key", &["G0003", "G0007"], 6.0);
    let rows = both.candidates[0].reasons.iter().filter(|r| r.item == "thing").count();
    assert_eq!(rows, 1);
    let of = |id: &str| both.candidates.iter().find(|c| c.actor.id == id).unwrap().reasons.clone();
    let weight = |id: &str| of(id).iter().find(|r| r.item == "thing").unwrap().weight;
    assert_eq!(weight("G0003"), weight("G0007"));
    // What is cheap moves it by its cap at most.
    let cheap = with("language_string", &["G0003"], 20.0);
    let odds = |u: f64| (u / (1.0 - u)).ln();
    assert!(odds(plain.unknown) - odds(cheap.unknown) <= 0.75 + 1e-6);
}

#[test]
fn ids_of_old_are_ids_of_today() {
    let mut k = knowledge();
    for a in k.accounts.iter_mut().filter(|a| a.actor == "G0003") {
        a.items.push("T1562.001".to_owned());
    }
    let asked = |id: &str| {
        let mut i = incident(3);
        i.techniques.push(id.to_owned());
        ask(&k, &i)
    };
    let (old, new) = (asked("T1562.001"), asked("T1685"));
    assert_eq!(old, new);
    assert!(old.candidates[0].reasons.iter().any(|r| r.item == "T1685"));
    assert!(!old.not_weighed.iter().any(|i| i.contains("T1562") || i.contains("T1685")));
    // What no report tells of is told by name.
    assert_eq!(asked("T9999").not_weighed.last().map(String::as_str), Some("T9999"));
}

#[test]
fn an_actor_is_found_by_the_names_that_others_give_it() {
    let mut k = knowledge();
    let alias = |name: &str, source: &str| Alias {
        name: name.to_owned(),
        source: source.to_owned(),
        from: None,
        to: None,
        meaning: AliasMeaning::Same,
        weight: 1.0,
    };
    k.actors[1].aliases.push(alias("Copper Heron", "one"));
    k.actors[2].aliases.push(alias("copper heron", "another"));
    k.actors[2].aliases.push(alias("Tin Heron", "another"));
    let known_by_name =
        Actor { id: "misp:x".into(), name: "Zinc Heron".into(), nation: None, aliases: vec![] };
    k.actors.push(known_by_name);
    let library = Library::new(&k);
    let found =
        |name: &str| -> Vec<String> { library.named(name).iter().map(|(a, _)| a.id.clone()).collect() };
    assert_eq!(found("Tin Heron"), [k.actors[2].id.clone()]);
    // One name, two actors: nobody decides that they are one.
    assert_eq!(found("COPPER HERON").len(), 2);
    assert_eq!(found("zinc heron"), ["misp:x"]);
    assert!(found("Nobody").is_empty());
    assert_eq!(library.actors().len(), knowledge().actors.len(), "a name alone is not compared");
}

#[test]
fn who_was_hit_is_no_ground_for_confidence() {
    let k = knowledge();
    let plain = ask(&k, &incident(3));
    let mut hit = incident(3);
    hit.artefacts.extend(["KP", "RU", "CN", "IR", "VN"].map(|state| Artefact {
        name: "victim's sector: Energy".to_owned(),
        class: "victimology".to_owned(),
        points_to: vec![state.to_owned()],
        nats: 1.0,
    }));
    let with = ask(&k, &hit);
    assert_sums(&with);
    assert_eq!(with.weighed, plain.weighed, "cheap things add nothing to the quantity of evidence");
    let costs = &settings().costs;
    let grounds = |a: &Assessment| confidence(a, costs, 3, Some(1), true);
    assert_eq!(grounds(&with), grounds(&plain));
    // What points to nobody who is compared does not lift an assessment over the floor.
    let vendor = |n: u32| Artefact {
        name: format!("key {n}"),
        class: "signing_key".to_owned(),
        points_to: vec!["intrusion-set--vendor".to_owned()],
        nats: 6.0,
    };
    let only = IncidentReport {
        id: "x".into(),
        artefacts: (0..9).map(vendor).collect(),
        ..IncidentReport::default()
    };
    let only = ask(&k, &only);
    assert_eq!((only.answer, only.weighed), (Answer::Insufficient, 0));
}
