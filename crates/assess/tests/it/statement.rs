//! Statements: what is said, what it rests on, what has changed since; and whom such actors usually hit.

use std::collections::{BTreeMap, BTreeSet};

use palisade_assess::who::{
    Basis, Change, Confidence, Library, Said, Settings, Statement, UNKNOWN, assess, targets, titled,
};
use palisade_model::{Day, Days, Incident, Month};

use crate::who::{incident, knowledge, settings};

fn basis() -> Basis {
    Basis {
        findings: 3,
        findings_digest: "aa".into(),
        items: ["T1003", "T1059"].map(str::to_owned).into(),
        knowledge: "k1".into(),
        as_of: Month::new(2023, 12),
        method: "m1".into(),
    }
}

fn statement(settings: &Settings, g: u64) -> Statement {
    let library = Library::new(&knowledge());
    let view = library.view(None, &BTreeSet::new(), None);
    let incident = incident(g);
    let made = assess(&view, settings, &incident, true);
    Statement::of(&view, settings, &incident, &made, basis())
}

#[test]
fn what_changed_is_told_in_words() {
    let was = basis();
    let check = |now: Option<Basis>, expected: &[&str]| {
        let told: Vec<String> = was.changes(now.as_ref()).iter().map(Change::to_string).collect();
        assert_eq!(told, expected);
    };
    check(Some(basis()), &[]);
    check(None, &["the campaign is no more"]);
    check(
        Some(Basis { findings: 5, findings_digest: "bb".into(), ..basis() }),
        &["the campaign had 3 findings and has 5"],
    );
    check(
        Some(Basis { findings_digest: "bb".into(), ..basis() }),
        &["the campaign has other findings than it had, 3 as before"],
    );
    check(
        Some(Basis { items: ["T1059", "T1486"].map(str::to_owned).into(), ..basis() }),
        &["T1486 came", "T1003 went"],
    );
    check(
        Some(Basis { knowledge: "k2".into(), as_of: Month::new(2024, 5), ..basis() }),
        &["the knowledge was as of 2023-12 and is as of 2024-05"],
    );
    check(
        Some(Basis { knowledge: "k2".into(), ..basis() }),
        &["the knowledge is another than it was, as of 2023-12 as before"],
    );
    check(Some(Basis { method: "m2".into(), ..basis() }), &["assessments are made with other weights"]);
    // Everything at once: nothing is left out.
    let all = Basis {
        findings: 9,
        findings_digest: "cc".into(),
        items: ["T9999".to_owned()].into(),
        knowledge: "k3".into(),
        as_of: None,
        method: "m3".into(),
    };
    assert_eq!(was.changes(Some(&all)).len(), 5);
}

#[test]
fn statements_say_what_the_assessment_says() {
    let lenient = Settings { name_group: 0.3, ..settings() };
    let named = statement(&lenient, 3);
    assert_eq!((named.answer.as_str(), named.concluded.as_deref()), ("group", Some("G0003")));
    assert!(named.sentence().ends_with("that it is Group 3 (G0003)"), "{}", named.sentence());
    assert_eq!(named.said.last().map(|s| s.id.as_str()), Some(UNKNOWN));
    assert!(named.said[0].supporting.iter().any(|r| r.item == "S1030" && r.name == "S1030"));
    assert!(named.said[0].supporting.is_sorted_by(|a, b| a.weight >= b.weight));
    // Kept as text it is the same statement: what is adopted is what was said.
    let text = serde_json::to_string(&named).unwrap();
    assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), named);
    // A state where no group is likely enough, before its groups.
    let state = statement(&Settings { name_group: 1.0, name_state: 0.2, ..settings() }, 1);
    assert_eq!(state.answer, "state_only");
    assert_eq!(state.concluded.as_deref(), Some("state:RU"));
    assert!(state.sentence().contains("an actor tied to RU"));
    let neither = statement(&Settings { name_group: 1.0, name_state: 1.0, ..settings() }, 3);
    assert_eq!((neither.answer.as_str(), neither.concluded), ("undecided", None));
    // Too little evidence names nobody, not even as the likeliest of a prior.
    let strict = statement(&Settings { floor: 100, ..settings() }, 3);
    assert_eq!(strict.answer, "insufficient");
    assert_eq!(strict.said.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), [UNKNOWN]);
    assert_eq!(strict.sentence(), "the evidence is insufficient");
}

#[test]
fn an_analyst_may_say_something_else() {
    let said = |id: &str, probability: f64| Said {
        id: id.into(),
        name: "Own Owl".into(),
        nation: None,
        probability,
        supporting: vec![],
        against: vec![],
    };
    let own = Statement::by_analyst(said("Own Owl", 0.7), Confidence::Low, basis());
    assert_eq!(own.concluded.as_deref(), Some("Own Owl"));
    // A name that only the analyst uses is no id beside itself.
    assert_eq!(own.sentence(), "likely that it is Own Owl");
    let known = Statement::by_analyst(said("G0042", 0.7), Confidence::Low, basis());
    assert_eq!(known.sentence(), "likely that it is Own Owl (G0042)");
    assert!((own.said.iter().map(|s| s.probability).sum::<f64>() - 1.0).abs() < 1e-9);
    // Somebody unknown is an answer, and attributes the campaign to nobody.
    let unknown = Statement::by_analyst(said(UNKNOWN, 0.9), Confidence::Low, basis());
    assert_eq!(unknown.concluded, None);
    assert!(unknown.sentence().starts_with("very likely"));
}

#[test]
fn what_is_said_comes_back_from_a_text() {
    // Of many chances some have digits that a text does not bring back; what is kept must be what was said.
    for n in 1..200 {
        let own = Said {
            id: "Own Owl".into(),
            name: "Own Owl".into(),
            nation: None,
            probability: 0.7,
            supporting: vec![],
            against: vec![],
        };
        let s =
            Statement::by_analyst(Said { probability: 1.0 / f64::from(n), ..own }, Confidence::Low, basis());
        let text = serde_json::to_string(&s).unwrap();
        assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), s, "{text}");
    }
}

#[test]
fn an_id_and_a_name_that_are_one_stand_once() {
    for (id, name, expected) in [
        ("T1059", "Command and Scripting Interpreter", "T1059 Command and Scripting Interpreter"),
        ("T1059", "T1059", "T1059"),
        ("T1059", "", "T1059"),
    ] {
        assert_eq!(titled(id, name), expected);
    }
}

fn hit(n: i32, state: &str, sectors: &[&str]) -> Incident {
    Incident {
        id: format!("test:{n}"),
        title: String::new(),
        days: Days { first: Day(n), last: Day(n) },
        reported: None,
        states: if state.is_empty() { vec![] } else { vec![state.to_owned()] },
        sectors: sectors.iter().map(|s| (*s).to_owned()).collect(),
        countries: Vec::new(),
        kinds: vec![],
    }
}

#[test]
fn sectors_come_with_their_base_rate() {
    // KP hits finance two times of three, everybody else one time of six.
    let all: Vec<Incident> = (0..400)
        .map(|n| match (n % 2, n % 3, n % 6) {
            (0, 0 | 1, _) => hit(n, "KP", &["Finance"]),
            (0, ..) => hit(n, "KP", &["Government"]),
            (_, _, 1) => hit(n, "RU", &["Finance"]),
            _ => hit(n, "RU", &["Government", "Energy"]),
        })
        .collect();
    let asked = |state: &str, p: f64| targets(&all, &BTreeMap::from([(state.to_owned(), p)]));
    let kp = asked("KP", 1.0);
    assert_eq!(kp.incidents, 400);
    assert_eq!(kp.targets[0].sector, "Finance");
    assert!(
        (kp.targets[0].rate - 2.0 / 3.0).abs() < 0.03 && kp.targets[0].base < 0.55,
        "{:?}",
        kp.targets[0]
    );
    assert!(kp.has_skill(), "{:?}", kp.gain);
    // A state that nobody recorded, somebody unknown, and no state at all are everybody.
    for (state, p) in [("AQ", 1.0), ("unknown", 1.0), ("KP", 0.0)] {
        assert!(asked(state, p).targets.iter().all(|t| (t.rate - t.base).abs() < 1e-9), "{state}");
    }
    // Half a chance is half way.
    let half = asked("KP", 0.5);
    let of =
        |t: &palisade_assess::who::Targets| t.targets.iter().find(|t| t.sector == "Finance").unwrap().clone();
    assert!((of(&half).rate - 0.5 * (of(&kp).rate + of(&kp).base)).abs() < 1e-9);
    // The order of the rows does not matter; nothing known is nothing said.
    let mut other = all.clone();
    other.reverse();
    assert_eq!(targets(&other, &BTreeMap::from([("KP".to_owned(), 1.0)])), kp);
    assert!(targets(&[], &BTreeMap::new()).targets.is_empty());
    assert_eq!(targets(&all[..20], &BTreeMap::new()).gain, None);
}

#[test]
fn sectors_that_do_not_depend_on_the_state_show_no_skill() {
    let all: Vec<Incident> = (0..600)
        .map(|n| {
            let random = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            hit(
                n,
                ["KP", "RU", "CN"][random as usize % 3],
                &[["Finance", "Energy"][(random as usize / 3) % 2]],
            )
        })
        .collect();
    let t = targets(&all, &BTreeMap::from([("KP".to_owned(), 1.0)]));
    assert!(!t.has_skill() && t.gain.is_some(), "{:?}", t.gain);
}
