//! What makes a hit: addresses, numbers, hosts, owners and days, each with what speaks against it.

use palisade_model::{Origin, Problem, SourceId};
use palisade_money::screen::decisions::{hit_id, party_key};
use palisade_money::screen::party::{Birth, Owner};
use palisade_money::screen::{
    ALERT, Date, Hit, Identifier, Lists, MAX_HITS, Query, REVIEW, Schema, Screen, Standing, Workspace,
};

fn load(text: &str) -> (Lists, Vec<Problem>) {
    let mut lists = Lists::default();
    let mut problems = lists.load(&mut text.as_bytes(), SourceId(0), &Origin::file("list"));
    problems.extend(lists.finish());
    (lists, problems)
}

fn screen(text: &str) -> Screen {
    let (lists, problems) = load(text);
    assert_eq!(problems, []);
    Screen::new(lists)
}

fn day(text: &str) -> Option<Date> {
    Some(Date::parse(text, false).unwrap())
}

const NUMBERS: &str = "id,name,schema,birth_date,countries,identifiers\n\
    1,Ri Hong Sop,Person,1940-05-05,North Korea,Passport:836110034 (North Korea)\n\
    2,Bright Star Shipping,Company,,China,Registration Number:503586 (China)\n\
    3,Oleg Petrov,Person,1970,Russia,Tax ID No.:503586 (Russia)\n\
    4,MV Tanker,Vessel,,,IMO:9187629\n\
    5,Form Filler,Person,,,Passport:000000000 (Iran)\n\
    6,Somchai Nobody,Person,,,12345\n";

/// Hits by number, best first: party, score, certain.
fn numbers(
    screen: &Screen,
    name: &str,
    birth: &str,
    country: &str,
    number: &str,
) -> Vec<(String, f64, bool)> {
    let query = Query {
        births: Birth::parse(birth, false).into_iter().collect(),
        countries: Some(country.to_owned()).filter(|c| !c.is_empty()).into_iter().collect(),
        identifiers: vec![Identifier::parse(number)],
        ..Query::name(name, Schema::LegalEntity)
    };
    let hits = screen.query(&query);
    let id = |h: &Hit| screen.lists().parties[h.party].id.clone();
    hits.iter().map(|h| (id(h), h.scored.score, h.certain)).collect()
}

#[test]
fn a_number_is_evidence_and_only_one_of_one_kind_and_issuer_is_certain() {
    let screen = screen(NUMBERS);
    let ask = |number: &str| numbers(&screen, "", "", "", number);
    // Kind and issuer are the same: certain, in whatever spelling.
    assert_eq!(ask("Passport:836-110 034 (Korea, North)"), [("1".to_owned(), 1.0, true)]);
    assert_eq!(ask("IMO:IMO 9187629"), [("4".to_owned(), 1.0, true)], "given once in the world");
    // The number alone is likely; of another kind, or from elsewhere, it is another.
    let alone = ask("836110034");
    assert!(alone[0].1 > REVIEW && alone[0].1 < 1.0 && !alone[0].2, "{alone:?}");
    assert_eq!(ask("Tax ID:836110034 (North Korea)"), []);
    assert_eq!(ask("Passport:836110034 (France)"), []);
    // Short numbers are on two entries by chance: both are told, none is an alert.
    let two = ask("503586");
    assert_eq!(two.len(), 2, "{two:?}");
    assert!(two.iter().all(|(_, score, certain)| *score < ALERT && !certain), "{two:?}");
    assert_eq!(ask("Tax ID:503586 (Russia)"), [("3".to_owned(), 1.0, true)]);
    assert!(ask("12345").iter().all(|(_, score, _)| *score < REVIEW));
    // Digits that stand in forms for none, however many.
    assert!(ask("Passport:000000000 (Iran)").iter().all(|(_, score, certain)| *score < 1.0 && !certain));
}

#[test]
fn name_and_birth_speak_against_a_number() {
    let screen = screen(NUMBERS);
    let passport = "Passport:836110034 (North Korea)";
    let one = |name: &str, birth: &str| numbers(&screen, name, birth, "", passport).first().cloned();
    let (same, other) = (one("Ri Hong-sop", "1940-05-05").unwrap(), one("Maria Garcia Lopez", "").unwrap());
    assert_eq!((same.1, same.2), (1.0, true));
    assert!(!other.2 && other.1 < 1.0, "{other:?}");
    let young = one("Ri Hong-sop", "1990-01-01").unwrap();
    assert!(!young.2 && young.1 < same.1, "{young:?}");
    let neither = one("Maria Garcia Lopez", "1990-01-01").map_or(0.0, |h| h.1);
    assert!(neither < other.1 && neither < ALERT, "{neither}");
    // Terms add up, and name and number of one party are one hit.
    let query = Query {
        identifiers: vec![Identifier::parse("836110034")],
        ..Query::name("Ri Hong Sop", Schema::Person)
    };
    let hits = screen.query(&query);
    assert_eq!(hits.len(), 1, "{hits:#?}");
    let sum: f32 = hits[0].scored.terms.iter().map(|t| t.logit).sum();
    assert!((sum - hits[0].scored.logit).abs() < 1e-3);
}

#[test]
fn networks_and_domains_weigh_by_how_much_they_hold() {
    let screen = screen(
        "id,name,hosts\n\
         wide,Wide,10.0.0.0/8;2001:db8::/29\nnarrow,Narrow,198.51.100.0/24;2001:db8:1:2::/64\n\
         one,One,203.0.113.7;evil.example;co.uk\nmapped,Mapped,::ffff:192.0.2.0/120\n",
    );
    let best = |host: &str| {
        let hits = screen.query(&Query { hosts: vec![host.to_owned()], ..Query::default() });
        assert!(hits.iter().all(|h| !h.certain), "{hits:#?}");
        hits.first().map(|h| (screen.lists().parties[h.party].id.clone(), h.scored.score, h.listed.clone()))
    };
    let score = |host: &str| best(host).map_or(0.0, |b| b.1);
    let (exact, narrow, wide) = (score("203.0.113.7"), score("198.51.100.9"), score("10.1.2.3"));
    assert!(exact > narrow && narrow > ALERT && (0.5..REVIEW).contains(&wide), "{exact} {narrow} {wide}");
    assert!(score("2001:db8:1:2::9") > score("2001:db9::1") && score("2001:db9::1") > 0.5);
    let (own, below, far) = (score("evil.example"), score("a.evil.example"), score("a.b.c.d.evil.example"));
    assert!(own > below && below > far && far >= 0.5, "{own} {below} {far}");
    // What is below a suffix under which anybody registers names belongs to nobody.
    assert_eq!(best("bbc.co.uk"), None);
    assert!(best("co.uk").is_some());
    // A network inside a listed one, and addresses of the old kind written as ones of the new.
    assert_eq!(best("198.51.100.128/25").unwrap().2, "198.51.100.0/24");
    assert_eq!(best("198.51.0.0/16"), None);
    assert_eq!(best("::ffff:203.0.113.7").unwrap().0, "one");
    assert_eq!(best("[::ffff:198.51.100.9]:443").unwrap().0, "narrow");
    let mapped = best("192.0.2.1").unwrap();
    assert_eq!((mapped.0.as_str(), mapped.2.as_str()), ("mapped", "192.0.2.0/24"));
}

#[test]
fn one_key_is_found_in_all_its_spellings() {
    let screen = screen(
        "id,name,addresses\n1,Key,1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu\n2,Script,bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq\n",
    );
    let script = palisade_model::Address::parse("3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC").unwrap();
    let litecoin = script.spellings().into_iter().find(|a| a.text().starts_with('M')).unwrap();
    for (text, party) in [
        ("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", 0),
        ("QPM2QSZNHKS23Z7629MMS6S4CWEF74VCWVY22GDX6A", 0),
        ("3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC", 1),
        (litecoin.text(), 1),
    ] {
        let hits = screen.query(&Query { addresses: vec![text.to_owned()], ..Query::default() });
        assert_eq!((hits.len(), hits[0].party, hits[0].certain), (1, party, true), "{text}");
    }
}

const OWNED: &str = "id,name,schema,owners,listed_until\n\
    1,Ri Hong Sop,Person,,\n2,Kim Chol Min,Person,,\n3,Old Name,Person,,2019-12-31\n\
    4,Alpha Trading,Company,1:30;2:25,\n5,Beta Shipping,Company,4:60;Nobody:40,\n\
    6,Gamma Foods,Company,1:30;3:40,\n7,Half Steel,Company,1:50,\n\
    8,Round A,Company,9:90,\n9,Round B,Company,8:90,\n10,Twice,Company,1:30;1:30,\n";

/// Of whom, by whom, how much, and whether that one is listed.
type Stakes = Vec<(String, String, u16, bool)>;

/// Whether listed parties own a party of the table, and through whom.
fn owned(screen: &Screen, id: &str, on: &str) -> Option<(u32, Stakes)> {
    let parties = &screen.lists().parties;
    let at = parties.iter().position(|p| p.id == id).unwrap();
    let name = |at: usize| parties[at].primary().to_owned();
    let owned = screen.owned(at, day(on))?;
    Some((owned.share, owned.stakes.iter().map(|s| (name(s.of), name(s.by), s.share, s.listed)).collect()))
}

#[test]
fn owners_who_are_listed_add_up_also_through_others() {
    // Companies in a file beside those listed: only persons 1 to 3 are on the list.
    let (mut lists, _) = load(OWNED);
    lists.parties.iter_mut().filter(|p| p.schema == Schema::Company).for_each(|p| p.mentioned = true);
    let screen = Screen::new(lists);
    let today = "2026-11-30";
    let stake = |of: &str, by: &str, share, listed| (of.to_owned(), by.to_owned(), share, listed);
    let alpha = vec![
        stake("Alpha Trading", "Ri Hong Sop", 3_000, true),
        stake("Alpha Trading", "Kim Chol Min", 2_500, true),
    ];
    assert_eq!(owned(&screen, "4", today), Some((5_500, alpha.clone())));
    // Of Beta, Alpha's 60 % count as a whole, because more than half of Alpha is theirs.
    let mut beta = vec![stake("Beta Shipping", "Alpha Trading", 6_000, false)];
    beta.extend(alpha);
    assert_eq!(owned(&screen, "5", today), Some((6_000, beta)));
    // Who is off the list adds nothing, and did while he was on it; half is not more than half; one share told twice is one.
    assert_eq!(owned(&screen, "6", today), None);
    assert_eq!(owned(&screen, "6", "2019-06-01").map(|o| o.0), Some(7_000));
    assert_eq!(owned(&screen, "7", today), None);
    assert_eq!(owned(&screen, "10", today), None);
    // Companies that own each other end.
    assert_eq!(owned(&screen, "8", today), None);
    // A hit on such a company counts though it is not listed itself; on one that they own less of, it does not.
    let hit = |name: &str| {
        let query = Query { day: day(today), ..Query::name(name, Schema::Company) };
        screen.query(&query).into_iter().next().unwrap()
    };
    let (beta, half) = (hit("Beta Shipping"), hit("Half Steel"));
    assert!(beta.counts() && beta.standing == Standing::Mentioned && beta.owned.is_some());
    assert!(!half.counts() && half.owned.is_none());
}

#[test]
fn owners_of_other_lists_are_found_by_name() {
    let mut lists = Lists::default();
    for (n, text) in [
        "id,name,schema\nX,\"SOP, Ri Hong\",Person\n",
        "{\"id\":\"c\",\"schema\":\"Company\",\"properties\":{\"name\":[\"Gamma Ltd\"]}}\n\
         {\"id\":\"d\",\"schema\":\"Company\",\"properties\":{\"name\":[\"Delta Ltd\"],\"topics\":[\"sanction\"]}}\n\
         {\"id\":\"p\",\"schema\":\"Person\",\"properties\":{\"name\":[\"Ri Hong Sop\"]}}\n\
         {\"id\":\"o\",\"schema\":\"Ownership\",\"properties\":{\"owner\":[\"Ri Hong Sop\"],\"asset\":[\"c\"],\"percentage\":[\"50.01\"]}}\n",
    ]
    .into_iter()
    .enumerate()
    {
        let problems = lists.load(&mut text.as_bytes(), SourceId(n as u32), &Origin::file("list"));
        assert_eq!(problems, []);
    }
    let screen = Screen::new(lists);
    let query = Query { day: day("2026-11-30"), ..Query::name("Gamma Ltd", Schema::Company) };
    let hit = screen.query(&query).into_iter().find(|h| screen.lists().parties[h.party].id == "c").unwrap();
    assert_eq!(hit.owned.as_ref().map(|o| o.share), Some(5_001), "{hit:#?}");
    assert!(hit.counts());
}

#[test]
fn shares_in_several_spellings() {
    for (text, share) in [
        ("51", Some(5_100)),
        ("50.01 %", Some(5_001)),
        ("50,5%", Some(5_050)),
        ("75-100", Some(7_500)),
        (">50", Some(5_001)),
        ("more than 50%", Some(5_001)),
        ("100", Some(10_000)),
        ("101", None),
        ("most", None),
        ("", None),
    ] {
        assert_eq!(Owner::share(text), share, "{text}");
    }
}

#[test]
fn what_counts_stands_first() {
    let screen = screen(
        "id,name,schema,listed_from,listed_until\n\
         old,Jorge Ramirez Quintana,Person,2010-01-01,2020-01-01\nlater,Jorge Ramirez Quintana,Person,2030-01-01,\n\
         now,Jorge Ramires Quintana,Person,2010-01-01,2056-06-29\nyear,Jorge Ramirez Quintana,Person,,2026\n",
    );
    let ask = |on: Option<Date>| {
        let query = Query { day: on, ..Query::name("Jorge Ramirez Quintana", Schema::Person) };
        let hits = screen.query(&query);
        hits.iter().map(|h| (screen.lists().parties[h.party].id.clone(), h.standing)).collect::<Vec<_>>()
    };
    let of = |hits: &[(String, Standing)], id: &str| hits.iter().find(|h| h.0 == id).unwrap().1;
    let today = ask(day("2026-11-30"));
    assert_eq!(today[..2].iter().map(|h| h.1).collect::<Vec<_>>(), [Standing::Listed; 2], "{today:?}");
    assert_eq!((of(&today, "old"), of(&today, "later")), (Standing::Ended, Standing::NotYet));
    // An end that is to come is no end, and of an end of which only the year is known the year counts.
    assert_eq!((of(&today, "now"), of(&today, "year")), (Standing::Listed, Standing::Listed));
    assert_eq!(of(&ask(day("2027-01-01")), "year"), Standing::Ended);
    assert_eq!(of(&ask(day("2015-01-01")), "old"), Standing::Listed);
    // Who is meant does not depend on the day: a word on a hit holds on all.
    let id = |on| {
        hit_id(
            &Query { day: on, ..Query::name("x", Schema::Person) },
            screen.lists(),
            &screen.lists().parties[0],
        )
    };
    assert_eq!(id(None), id(day("2026-11-30")));
}

#[test]
fn entries_without_ids_keep_theirs_when_rows_come_before_them() {
    let row = |name: &str| {
        format!("{name}\t1 Road\tTown\tTX\tUS\t1\t10/16/2017\t10/13/2056\tY\t2017-10-23\tA\t1\n")
    };
    let head = "Name\tStreet_Address\tCity\tState\tCountry\tPostal_Code\tEffective_Date\tExpiration_Date\tStandard_Order\tLast_Update\tAction\tFR_Citation\n";
    let csl = "source,entity_number,type,name,alt_names,start_date\n";
    let pack = "title: t\ncreator: c\ntags:\n";
    let tag = |label: &str| format!("- address: 1BoatSLRHtKNngkdXEeobR76b53LETtpyT\n  label: {label}\n");
    for (head, rows) in [
        (head, ["John Doe", "Jane Roe"].map(row)),
        ("name,schema\n", ["John Doe,Person\n", "Jane Roe,Person\n"].map(str::to_owned)),
        (csl, ["DPL,,,John Doe,,\n", "DPL,,,Jane Roe,,\n"].map(str::to_owned)),
        (pack, ["John Doe", "Jane Roe"].map(tag)),
    ] {
        let key = |text: &str| {
            let (lists, problems) = load(text);
            assert_eq!(problems, []);
            let party = lists.parties.iter().find(|p| p.primary() == "John Doe").unwrap();
            let keys: std::collections::HashSet<String> =
                lists.parties.iter().map(|p| party_key(&lists, p)).collect();
            assert_eq!(keys.len(), lists.parties.len(), "{text}");
            (party_key(&lists, party), hit_id(&Query::name("John Doe", Schema::Person), &lists, party))
        };
        assert_eq!(
            key(&format!("{head}{}", rows[0])),
            key(&format!("{head}{}{}", rows[1], rows[0])),
            "{head}"
        );
    }
}

#[test]
fn what_is_too_much_is_counted() {
    let same: String = std::iter::once("name,schema\n".to_owned())
        .chain((0..2_000).map(|_| "Same Person Name,Person\n".to_owned()))
        .collect();
    let screen = screen(&same);
    let mut space = Workspace::default();
    let hits = screen.query_in(&Query::name("Same Person Name", Schema::Person), &mut space);
    assert_eq!((hits.len(), space.cut), (MAX_HITS, 2_000 - MAX_HITS as u64));
    // More values of one kind than an entry may have.
    let many: Vec<String> = (0..10_001).map(|n| format!("\"alias {n}\"")).collect();
    let entity = format!(
        "{{\"id\":\"a\",\"schema\":\"Person\",\"properties\":{{\"name\":[\"A B\"],\"alias\":[{}]}}}}\n",
        many.join(",")
    );
    let (lists, problems) = load(&entity);
    assert_eq!(lists.parties.len(), 1);
    assert!(problems.iter().any(|p| p.to_string().contains("names")), "{problems:?}");
}
