//! Knowledge about actors: three forms read, hostile input, and the bundle given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use palisade_intel::actors::{MAX_OBJECTS, fuzz, read, write};
use palisade_model::{AliasMeaning, ItemKind, Knowledge, Month, Origin, Problem, ProblemCode};

const STIX: &str = r#"{"type":"bundle","spec_version":"2.0","objects":[
{"type":"intrusion-set","id":"intrusion-set--1","name":"Group\tOne","aliases":["Group\tOne","Alias A"],
 "description":"[Group One](https://x) is a North Korean state-sponsored group. It has targeted China.",
 "external_references":[{"source_name":"mitre-attack","external_id":"G0001"}]},
{"type":"intrusion-set","id":"intrusion-set--2","name":"Two","description":"Two has targeted Russia since 2010.",
 "external_references":[{"source_name":"mitre-attack","external_id":"G0002"}]},
{"type":"intrusion-set","id":"intrusion-set--3","name":"Gone","revoked":true,
 "external_references":[{"source_name":"mitre-attack","external_id":"G0003"}]},
{"type":"attack-pattern","id":"attack-pattern--1","name":"Phishing","external_references":[{"source_name":"mitre-attack","external_id":"T1566"}]},
{"type":"attack-pattern","id":"attack-pattern--2","name":"Strange","external_references":[{"source_name":"capec","external_id":"CAPEC-1"}]},
{"type":"tool","id":"tool--1","name":"Mimikatz","external_references":[{"source_name":"mitre-attack","external_id":"S0002"}]},
{"type":"malware","id":"malware--1","name":"Own","external_references":[{"source_name":"mitre-attack","external_id":"S0100"}]},
{"type":"relationship","relationship_type":"uses","source_ref":"intrusion-set--1","target_ref":"attack-pattern--1","external_references":[
  {"source_name":"Report A","description":"Kim, N. (2015, March 30). Title. Retrieved February 8, 2021."},
  {"source_name":"Report B","description":"Nobody. (n.d.). Title. Retrieved February 8, 2021."}]},
{"type":"relationship","relationship_type":"uses","source_ref":"intrusion-set--1","target_ref":"tool--1","external_references":[
  {"source_name":"Report A","description":"Kim, N. (2015, March 30). Title. Retrieved February 8, 2021."}]},
{"type":"relationship","relationship_type":"uses","source_ref":"intrusion-set--2","target_ref":"malware--1"},
{"type":"relationship","relationship_type":"uses","source_ref":"intrusion-set--3","target_ref":"malware--1"},
{"type":"relationship","relationship_type":"uses","source_ref":"intrusion-set--2","target_ref":"tool--1","x_mitre_deprecated":true},
{"type":7},
{"type":"marking-definition","definition":{"statement":"Copyright The MITRE Corporation."}}]}"#;

const GALAXY: &str = r#"{"name":"Threat Actor","values":[
{"value":"Lazarus Group","uuid":"68391641","meta":{"country":"KP","synonyms":["HIDDEN COBRA","Zinc"],"attribution-confidence":"50"}},
{"value":"ANDARIEL","uuid":"2","meta":{"synonyms":["HIDDEN COBRA"]}},
{"value":3}]}"#;

fn ask(text: &str) -> (Knowledge, Vec<Problem>) {
    read(text.as_bytes(), &Origin::file("test"))
}

#[test]
fn stix() {
    let (k, problems) = ask(STIX);
    let actors: Vec<_> =
        k.actors.iter().map(|a| (a.id.as_str(), a.name.as_str(), a.nation.as_deref())).collect();
    assert_eq!(actors, [("G0001", "Group One", Some("KP")), ("G0002", "Two", None)]);
    assert_eq!(k.actors[0].aliases.len(), 1);
    assert_eq!(
        (k.actors[0].aliases[0].name.as_str(), k.actors[0].aliases[0].meaning),
        ("Alias A", AliasMeaning::Same)
    );
    let accounts: Vec<_> = k
        .accounts
        .iter()
        .map(|a| (a.actor.as_str(), a.date.map(|d| d.to_string()), a.report.as_str(), a.items.join(" ")))
        .collect();
    assert_eq!(
        accounts,
        [
            ("G0001", Some("2015-03".to_owned()), "Report A", "S0002 T1566".to_owned()),
            ("G0001", Some("2021-02".to_owned()), "Report B", "T1566".to_owned()),
            ("G0002", None, "", "S0100".to_owned()),
        ]
    );
    assert_eq!(
        k.items.iter().map(|i| i.kind).collect::<Vec<_>>(),
        [ItemKind::Tool, ItemKind::Malware, ItemKind::Technique]
    );
    assert_eq!(k.as_of, Month::new(2021, 2));
    assert_eq!(k.notices, ["Copyright The MITRE Corporation."]);
    // One object of another shape, one technique without an ATT&CK id.
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), [ProblemCode::DamagedRecord; 2]);
}

#[test]
fn galaxy_names_are_many_to_many() {
    let (k, problems) = ask(GALAXY);
    assert_eq!(problems.len(), 1);
    let named: Vec<_> = k
        .actors
        .iter()
        .filter(|a| a.aliases.iter().any(|n| n.name == "HIDDEN COBRA"))
        .map(|a| a.id.as_str())
        .collect();
    assert_eq!(named, ["misp:2", "misp:68391641"]);
    assert!(k.actors.iter().flat_map(|a| &a.aliases).all(|a| a.weight == 0.5));
}

#[test]
fn profiles_are_read_as_they_were_written() {
    for text in [STIX, GALAXY] {
        let (k, _) = ask(text);
        let written = write(&k);
        let (again, problems) = ask(&written);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(again, k);
        assert_eq!(write(&again), written);
    }
    let (k, problems) = ask("palisade-actors 1\nactor\tG1\tkp\tX\naccount\tG1\t2015-99\tR\tT1566\nwhat\n");
    assert!(k.actors.is_empty() && k.accounts.is_empty());
    assert_eq!(problems.len(), 3);
}

#[test]
fn two_sources_together() {
    let (mut k, _) = ask(STIX);
    let before = k.clone();
    k.add(before.clone());
    // The same twice is the same once: no report has two votes.
    assert_eq!(k.accounts, before.accounts);
    assert_eq!(k.actors, before.actors);
    k.add(ask(GALAXY).0);
    assert_eq!(k.actors.len(), 4);
}

#[test]
fn hostile() {
    for text in
        ["", "{}", "[]", "{\"objects\":3}", "{\"objects\":[", "palisade-actors 2", "\u{feff}{\"values\":[]}"]
    {
        let (k, problems) = ask(text);
        assert!(k.actors.is_empty());
        assert_eq!(problems.is_empty(), text.contains("values"), "{text}");
    }
    let deep = format!("{{\"objects\":[{}1{}]}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(!ask(&deep).1.is_empty());
    // Ten thousand damaged objects are at most a few problems, and a count.
    let many = format!("{{\"objects\":[{}7]}}", "{\"type\":1},".repeat(10_000));
    let (_, problems) = ask(&many);
    assert!(problems.len() < 300);
    assert_eq!(problems.iter().map(|p| p.count).sum::<u64>(), 10_001);
    let long = STIX.replace("Alias A", &"x ".repeat(100_000));
    assert!(ask(&long).0.actors[0].aliases[0].name.len() <= 512);
}

/// An array of far more elements than are taken: the rest is counted and told, and costs no memory.
#[test]
fn more_objects_than_are_read() {
    for (key, what) in [("objects", "objects"), ("values", "actors")] {
        let text = format!("{{\"{key}\":[{}0]}}", "0,".repeat(MAX_OBJECTS + 4));
        let (k, problems) = ask(&text);
        assert!(k.actors.is_empty());
        let limit = problems.iter().find(|p| p.code == ProblemCode::Limit).unwrap();
        assert_eq!(limit.message, format!("more than {MAX_OBJECTS} {what}; the other 5 were not read"));
        let damaged = problems.iter().filter(|p| p.code == ProblemCode::DamagedRecord).map(|p| p.count);
        assert_eq!(damaged.sum::<u64>(), MAX_OBJECTS as u64);
    }
}

#[test]
fn mutated() {
    let mut state = 3u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n.max(1)
    };
    let profile = write(&ask(STIX).0);
    for n in 0..1_500 {
        let mut bytes = [STIX, GALAXY, &profile][n % 3].as_bytes().to_vec();
        for _ in 0..=random(6) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes.truncate(at),
                2 => drop(bytes.drain(at..(at + random(40)).min(bytes.len()))),
                _ => {
                    let part = bytes[at..(at + random(60)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        fuzz(&bytes);
    }
}

fn data(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("PALISADE_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join("campaign-and-assessment").join(name);
    match std::fs::read(&path) {
        Ok(bytes) if name.ends_with(".zst") => Some(zstd::stream::decode_all(&bytes[..]).unwrap()),
        Ok(bytes) => Some(bytes),
        Err(e) => {
            assert!(std::env::var_os("PALISADE_TEST_DATA_REQUIRED").is_none(), "{}: {e}", path.display());
            eprintln!("SKIPPED: no {}", path.display());
            None
        }
    }
}

/// Groups to whom the table given assigns a state by a word of the description that ties nobody to one.
const READ_BY_OTHER_WORDS: [(&str, &str); 18] = [
    ("G0048", "RTM: interested in users in Russia"),
    ("G0053", "FIN5: criminals who likely speak Russian"),
    ("G0078", "Gorgon Group: Russia is attacked"),
    ("G0091", "Silence: targets reside in Russia"),
    ("G0093", "GALLIUM: Russia is attacked"),
    ("G0095", "Machete: Spanish-speaking, Russia is attacked"),
    ("G0100", "Inception: Russia is attacked"),
    ("G0102", "Wizard Spider: criminals based in Russia"),
    ("G0106", "Rocke: Chinese-speaking, steals computing time"),
    ("G0119", "Indrik Spider: criminals based in Russia"),
    ("G0121", "Sidewinder: Indian, China is attacked"),
    ("G0126", "Higaisa: South Korean origins, North Korea is attacked"),
    ("G0133", "Nomadic Octopus: Russian-speaking"),
    ("G0137", "Ferocious Kitten: people in Iran are attacked"),
    ("G1002", "BITTER: South Asian, China is attacked"),
    ("G1014", "LuminousMoth: Chinese-speaking"),
    ("G1021", "Cinnamon Tempest: ransomware, based in China"),
    ("G1039", "RedCurl: Russian-speaking"),
];

/// The bundle given, against the tables that were derived from it by others.
#[test]
fn the_bundle_given() {
    let Some(bundle) = data("attack/attack-pre2024.json.zst") else { return };
    let (k, problems) = read(&bundle, &Origin::file("attack"));
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(k.actors.len(), 169);
    assert!(k.notices.iter().any(|n| n.contains("MITRE")));
    let incidents: Vec<serde_json::Value> =
        serde_json::from_slice(&data("attack/incidents-pre2024.json").unwrap()).unwrap();
    let accounts: BTreeMap<(&str, &str), &Vec<String>> =
        k.accounts.iter().map(|a| ((a.actor.as_str(), a.report.as_str()), &a.items)).collect();
    let (mut nations, mut right, mut odd) = (0, 0, BTreeMap::new());
    for i in &incidents {
        let ids = |key: &str| {
            i[key].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let own: BTreeSet<String> = ids("techniques").into_iter().chain(ids("software")).collect();
        let (group, name) = (i["group"].as_str().unwrap(), i["report"].as_str().unwrap());
        let report = name.trim();
        let told: BTreeSet<String> = accounts[&(group, report)].iter().cloned().collect();
        // Two names end with a blank in the bundle, beside the same without; here they are one report, which tells both.
        let spelt_twice = ["Secureworks IRON VIKING", "Palo Alto Unit 42 OutSteel SaintBot February 2022"];
        match spelt_twice.contains(&report) {
            true => assert!(told.is_superset(&own), "{report}: {told:?} {own:?}"),
            false => assert_eq!(told, own, "{report}"),
        }
        let nation = k.actors.iter().find(|a| a.id == group).unwrap().nation.as_deref();
        // The table knows four states.
        let listed = nation.filter(|n| ["KP", "RU", "CN", "IR"].contains(n));
        let agrees = listed == i["nation"].as_str();
        if let Some((id, _)) = READ_BY_OTHER_WORDS.iter().find(|r| r.0 == group) {
            odd.insert(*id, agrees);
            continue;
        }
        nations += 1;
        right += usize::from(agrees);
    }
    eprintln!("{right} of {nations} nations as in the table, {} reports beside", incidents.len() - nations);
    assert!(right * 100 >= nations * 95, "{right} of {nations} nations as in the table");
    // Nothing is excepted that needs no exception.
    assert!(odd.len() == READ_BY_OTHER_WORDS.len() && odd.values().all(|agrees| !agrees), "{odd:?}");
    let mut table =
        csv::Reader::from_reader(std::io::Cursor::new(data("attack/citation-dates.csv").unwrap()));
    let dates: BTreeMap<String, String> =
        table.records().map(|r| r.unwrap()).map(|r| (r[0].to_owned(), r[1].to_owned())).collect();
    let known = k.accounts.iter().filter_map(|a| Some((a.date?.to_string(), dates.get(&a.report)?)));
    let (all, same) = known.fold((0, 0), |(n, s), (ours, theirs)| (n + 1, s + usize::from(ours == *theirs)));
    assert!(all > 800 && same * 100 >= all * 98, "{same} of {all} dates as in the table");
}

#[test]
fn names_are_as_old_as_the_reports_cited_for_them() {
    let text = STIX.replace(
        r#""external_references":[{"source_name":"mitre-attack","external_id":"G0001"}]}"#,
        r#""external_references":[{"source_name":"mitre-attack","external_id":"G0001"},
            {"source_name":"Alias A","description":"(Citation: Report B)(Citation: Report A)"}]}"#,
    );
    let (k, _) = ask(&text);
    assert_eq!(k.actors[0].aliases[0].from, Month::new(2015, 3));
    assert_eq!(ask(&write(&k)).0, k, "a profile keeps it");
}

#[test]
fn indicators_are_marks_of_whom_they_indicate() {
    let indicator = |n: u8, pattern: &str, of: &str| {
        format!(
            r#",{{"type":"indicator","id":"indicator--{n}","name":"Set {n}","pattern":"{pattern}","valid_from":"2021-03-04T00:00:00Z"}},
            {{"type":"relationship","relationship_type":"indicates","source_ref":"indicator--{n}","target_ref":"{of}"}}"#
        )
    };
    let all = [
        indicator(
            1,
            "[domain-name:value = 'Evil.example.com'] OR [ipv4-addr:value='203.0.113.7']",
            "intrusion-set--1",
        ),
        indicator(2, &format!("[file:hashes.'SHA-256' = '{}']", "ab".repeat(32)), "malware--1"),
        // Both must hold: the name alone would mark everybody who has such a file.
        indicator(3, "[file:name = 'svchost.exe' AND file:size = 5]", "intrusion-set--1"),
        // A revoked group marks nobody, a loopback address nothing.
        indicator(4, "[domain-name:value = 'other.example.com']", "intrusion-set--3"),
        indicator(
            5,
            "[ipv4-addr:value = '127.0.0.1' OR domain-name:value = 'it\\\\'s.example.com']",
            "intrusion-set--1",
        ),
        indicator(6, "[domain-name:value = 'never closed", "intrusion-set--1"),
    ];
    let (k, problems) = ask(&STIX.replacen(r#"{"type":7}"#, &format!(r#"{{"type":7}}{}"#, all.concat()), 1));
    let marks: Vec<String> =
        k.marks.iter().map(|m| format!("{} {} {}", m.of, m.report, m.observable)).collect();
    let hash = format!("S0100 Set 2 sha256:{}", "ab".repeat(32));
    assert_eq!(marks, ["G0001 Set 1 ip:203.0.113.7", "G0001 Set 1 domain:evil.example.com", hash.as_str()]);
    assert!(k.marks.iter().all(|m| m.from == Month::new(2021, 3) && m.to.is_none()));
    let told = problems.iter().filter(|p| p.message.contains("indicator")).map(|p| p.count).sum::<u64>();
    assert_eq!(told, 2, "{problems:#?}");
    let (again, problems) = ask(&write(&k));
    assert_eq!((again, problems.len()), (k, 0));
}

#[test]
fn a_mark_of_a_profile_that_is_none_is_a_problem() {
    let text = "palisade-actors 1\nactor\tG0001\t-\tOne\nmark\tG0001\t2021-01\t-\tA report\tdomain:a.example.com\n\
                mark\tG0001\t2021-01\t-\tA report\tdomain:localhost\nmark\tG0001\tsoon\t-\tA report\tip:203.0.113.7\n";
    let (k, problems) = ask(text);
    assert_eq!((k.marks.len(), problems.len()), (1, 2));
    let mut twice = k.clone();
    twice.add(k.clone());
    assert_eq!(twice.marks, k.marks, "what is said twice counts once");
}
