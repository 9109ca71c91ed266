//! Names and the engine: one check, many cases.

use palisade_model::{Origin, SourceId};
use palisade_money::screen::decisions::{hit_id, party_digest, party_key};
use palisade_money::screen::{By, Identifier, Lists, Query, Schema, Screen, Standing, Workspace, score_pair};

fn score(a: &str, b: &str, schema: Schema) -> f64 {
    let scored = score_pair(a, b, schema);
    let sum: f32 = scored.terms.iter().map(|t| t.logit).sum();
    assert!((sum - scored.logit).abs() < 1e-3, "terms add up to {sum}, not {}", scored.logit);
    let back = score_pair(b, a, schema).score;
    assert!((back - scored.score).abs() < 0.02, "{a} / {b}: {} one way, {back} the other", scored.score);
    scored.score
}

#[test]
fn same_party() {
    use Schema::{Company, Person, Vessel};
    for (a, b, schema) in [
        ("Vladimir Putin", "Владимир Путин", Person),
        ("PUTIN, Vladimir Vladimirovich", "Владимир Владимирович Путин", Person),
        ("Mohamed Ali", "محمد علی", Person),
        ("Kim Jong Un", "김정은", Person),
        ("Kim Jong-un", "KIM, Chong-un", Person),
        ("Kim Jong Un", "金正恩", Person),
        ("Xi Jinping", "习近平", Person),
        ("Yamada Taro", "山田太郎", Person),
        ("Abd al-Rahman Muhammad", "Abdulrahman Mohammed", Person),
        ("VladimirPutin", "Vladimir Putin", Person),
        ("Mr. Recep Tayyip Erdoğan", "Recep Tayyip Erdogan", Person),
        ("OAO Gazprom", "Open Joint Stock Company Gazprom", Company),
        ("Volkswagen G.m.b.H.", "Volkswagen GmbH", Company),
        ("JSCARGUMENT", "JSC ARGUMENT", Company),
        ("M/V Zu Zag Bong 5", "ZU ZAG BONG 5", Vessel),
    ] {
        let score = score(a, b, schema);
        assert!(score >= 0.5, "{a} / {b}: {score:.3} {:#?}", score_pair(a, b, schema).terms);
    }
}

#[test]
fn other_party() {
    use Schema::{Company, Person, Vessel};
    for (a, b, schema) in [
        ("Kim Yong-chol", "Kim Yong-nam", Person),
        ("Salman bin Muhammad al-Rawi", "Muhammad bin Salman al-Rawi", Person),
        ("Sergey Viktorovich Lavrov", "Sergey Borisovich Lavrov", Person),
        ("Boris Abramovich", "Roman Abramovich", Person),
        ("Zu Zag Bong 5", "Zu Zag Bong 6", Vessel),
        ("CORP", "Gazprom Corp", Company),
        ("Saudi Arabian Gas Company", "Saudi Arabian Oil Company", Company),
        ("", "Vladimir Putin", Person),
        ("!!!", "???", Person),
    ] {
        let score = score(a, b, schema);
        assert!(score < 0.5, "{a} / {b}: {score:.3} {:#?}", score_pair(a, b, schema).terms);
    }
}

#[test]
fn shipped_weights_keep_their_signs() {
    use palisade_money::screen::name::score::{Weights, sign};
    let weights = Weights::shipped();
    for (what, of) in [("person", weights.person), ("body", weights.body), ("craft", weights.craft)] {
        for (at, weight) in of.iter().enumerate() {
            assert!(weight * f32::from(sign(at)) >= 0.0, "{what} {at}: {weight}");
        }
    }
}

#[test]
fn scores_do_not_saturate() {
    let same = score("Jorge Ramirez", "Jorge Ramirez", Schema::Person);
    let longer = score("Jorge Luis Ramirez Quintana", "Jorge Luis Ramirez Quintana", Schema::Person);
    let near = score("Jorge Ramires", "Jorge Ramirez", Schema::Person);
    assert!(same > near && same < 1.0 && longer < 1.0 && longer >= same, "{same} {longer} {near}");
}

fn own(text: &str) -> Lists {
    let mut lists = Lists::default();
    assert_eq!(lists.load(&mut text.as_bytes(), SourceId(0), &Origin::file("own.csv")), []);
    assert_eq!(lists.finish(), []);
    lists
}

const LIST: &str = "id,name,schema,aliases,weak_aliases,birth_date,countries,identifiers,hosts,addresses,owners,listed_from,listed_until\n\
    1,Ri Hong Sop,Person,이홍섭,Engineer,1940,North Korea,,,,,2013-01-22,\n\
    2,Rybak Trading LLC,Company,,,,Russia,OGRN:1027700092661,evil.example;203.0.113.0/24;AS64500,0x00000000219ab540356cBB839Cbe05303d7705Fa,1:51,,\n\
    3,Jorge Ramirez,Person,,,1970-03-05,Mexico,,,,,2010-01-01,2020-01-01\n";

#[test]
fn evidence_counts_for_and_against() {
    let screen = Screen::new(own(LIST));
    let ask = |birth: &str| {
        let births = palisade_money::screen::party::Birth::parse(birth, false).into_iter().collect();
        let query = Query { births, ..Query::name("Jorge Ramirez", Schema::Person) };
        screen.query(&query).first().map_or(0.0, |h| h.scored.score)
    };
    let (none, same, swapped, other) = (ask(""), ask("1970-03-05"), ask("1970-05-03"), ask("1990"));
    assert!(same > swapped && swapped > none && none > other, "{same} {swapped} {none} {other}");
}

#[test]
fn exact_look_ups() {
    let screen = Screen::new(own(LIST));
    let by = |query: Query| screen.query(&query).iter().map(|h| (h.by, h.party)).collect::<Vec<_>>();
    let text = |t: &str| vec![t.to_owned()];
    for host in ["https://a.b.evil.example/x", "203.0.113.77", "AS64500", "EVIL.example."] {
        assert_eq!(by(Query { hosts: text(host), ..Query::default() }), [(By::Host, 1)], "{host}");
    }
    for host in ["notevil.example", "203.0.114.1", "example", "AS1"] {
        assert_eq!(by(Query { hosts: text(host), ..Query::default() }), [], "{host}");
    }
    let address = text("0X00000000219AB540356CBB839CBE05303D7705FA");
    assert_eq!(by(Query { addresses: address, ..Query::default() }), [(By::Address, 1)]);
    let number = vec![Identifier::parse("10277 00092661")];
    assert_eq!(by(Query { identifiers: number, ..Query::default() }), [(By::Identifier, 1)]);
    assert_eq!(screen.lists().parties[1].owners[0].share, Some(5_100));
    assert_eq!(screen.lists().parties[1].owners[0].who, "Ri Hong Sop");
}

#[test]
fn delisted_parties_say_so() {
    let screen = Screen::new(own(LIST));
    let ask = |day: &str| {
        let day = palisade_money::screen::Date::parse(day, false);
        let query = Query { day, ..Query::name("Jorge Ramirez", Schema::Person) };
        screen.query(&query)[0].standing == Standing::Listed
    };
    assert!(ask("2015-06-01"));
    assert!(!ask("2009-06-01"));
    assert!(!ask("2021-06-01"));
    assert!(!ask(""));
}

#[test]
fn a_hit_keeps_its_name_until_something_changes() {
    let id = |lists: Lists, query: &Query| {
        let screen = Screen::new(lists);
        let hit = screen.query(query).into_iter().next().unwrap();
        hit_id(query, screen.lists(), &screen.lists().parties[hit.party])
    };
    let query = Query::name("Jorge Ramirez", Schema::Person);
    let before = id(own(LIST), &query);
    assert_eq!(id(own(LIST), &query), before);
    let newer = own(&LIST.replace("1970-03-05", "1971-03-05"));
    let changed: Vec<usize> = (0..newer.parties.len())
        .filter(|n| party_digest(&newer.parties[*n]) != party_digest(&own(LIST).parties[*n]))
        .collect();
    assert_eq!(changed, [2]);
    assert_eq!(party_key(&newer, &newer.parties[2]), "own list/3");
    assert_ne!(id(newer, &query), before);
    let other = Query { countries: vec!["mx".to_owned()], ..query };
    assert_ne!(id(own(LIST), &other), before);
}

#[test]
fn chunks_give_what_single_queries_give() {
    let screen = Screen::new(own(LIST));
    let queries: Vec<Query> =
        ["Ri Hong-sop", "LEE Hong Sup", "Rybak Trading", "Jorge Ramires", "Nobody Atall"]
            .iter()
            .map(|n| Query::name(*n, Schema::LegalEntity))
            .collect();
    let single: Vec<_> = queries.iter().map(|q| screen.query(q)).collect();
    assert_eq!(screen.chunk(&queries, &mut Workspace::default()), single);
    assert!(!single[0].is_empty() && !single[2].is_empty() && single[4].is_empty());
}
