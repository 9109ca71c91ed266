//! Whose a name is: two houses in one case, and one house under several names.

use palisade_campaign::{Evidence, Words};
use palisade_model::Observable;

use crate::{Lake, Random, SECOND, background, finding, joined, parts, seen};

fn sid(domain: u64, n: u64) -> String {
    format!("sid:S-1-5-21-{domain}-22222-33333-{n}")
}

/// Two houses with people and machines of their own, a week apart from what is asked.
fn houses() -> Vec<Evidence> {
    let mut all = background();
    for (n, house) in ["alpha", "beta"].into_iter().enumerate() {
        for who in 0..12_u64 {
            let host = format!("{house}-desk{who}.{house}.example");
            let account = format!("account:{house}\\{house}{who}");
            let id = 8_000 + 100 * n as u64 + who;
            all.push(finding(id, (who as i64 - 30) * 24 * 3_600 * SECOND, &host, &[&account]));
        }
    }
    all
}

/// Whether two findings, each (machine, things), are joined in the case of two houses, seconds apart.
fn together(others: &[Evidence], one: (&str, &[&str]), other: (&str, &[&str])) -> bool {
    let mut all = others.to_vec();
    all.push(finding(1, 0, one.0, one.1));
    all.push(finding(2, SECOND, other.0, other.1));
    let now = joined(&all, &Lake::default(), &Words::default(), &[]);
    parts(&now).iter().any(|p| p.contains(&1) && p.contains(&2))
}

#[test]
fn two_houses_have_two_anns() {
    let houses = houses();
    for (one, other, want) in [
        ("account:alpha\\ann", "account:alpha\\ann", true),
        ("account:alpha\\ann", "account:ann@alpha.example", true),
        ("account:alpha\\ann", "account:ann@north.alpha.example", true),
        ("account:alpha\\ann", "account:beta\\ann", false),
        ("account:alpha\\ann", "account:ann@beta.example", false),
        // Whose else could it be?
        ("account:alpha\\ann", "account:ann", true),
        ("host:mail.alpha.example", "host:mail.alpha.example", true),
        ("host:mail.alpha.example", "host:mail", true),
        ("host:mail.alpha.example", "host:mail.beta.example", false),
    ] {
        assert_eq!(together(&houses, ("", &[one]), ("", &[other])), want, "{one} {other}");
    }
    // With an ann in both houses, a bare one is of the house of the machine she was seen on.
    let mut both = houses.clone();
    both.push(finding(7_000, -40 * 24 * 3_600 * SECOND, "", &["account:beta\\ann"]));
    let ann: &[&str] = &["account:ann"];
    let alpha: &[&str] = &["account:alpha\\ann"];
    assert!(together(&both, ("a1.alpha.example", ann), ("a2.alpha.example", alpha)));
    assert!(!together(&both, ("b1.beta.example", ann), ("a2.alpha.example", alpha)));
    assert!(!together(&both, ("", ann), ("a2.alpha.example", alpha)), "nobody can say whose she is");
}

#[test]
fn each_site_has_its_own_inside() {
    let houses = houses();
    let things: &[&str] = &["ip:10.0.0.5", "ip:192.168.1.1"];
    let hash = crate::hash(9);
    let with = |extra: &'static str| -> Vec<&str> { [things, &[extra]].concat() };
    // An inside address alone seldom joins; beside it stands half of what is needed.
    let (near, far) = (with("account:alpha\\ann"), with("account:ann@alpha.example"));
    assert!(together(&houses, ("a1.alpha.example", &near), ("a2.alpha.example", &far)));
    assert!(together(&houses, ("a1.alpha.example", things), ("a2.alpha.example", things)));
    assert!(!together(&houses, ("a1.alpha.example", things), ("b2.beta.example", things)));
    assert!(together(&background(), ("a1", things), ("b2", things)), "one house, one inside");
    // What attackers bring is the same everywhere.
    let brought: &[&str] = &[&hash];
    assert!(together(&houses, ("a1.alpha.example", brought), ("b2.beta.example", brought)));
}

#[test]
fn accounts_of_a_machine_are_its_own() {
    let ws: &[&str] = &["account:ws1\\bob", "host:ws1"];
    let other: &[&str] = &["account:ws2\\bob", "host:ws2"];
    let pool: &[&str] = &["account:iis apppool\\shop"];
    assert!(together(&background(), ("", ws), ("", ws)));
    assert!(!together(&background(), ("", ws), ("", other)));
    assert!(!together(&background(), ("web1", pool), ("web2", pool)));
}

/// What says that `CORP` and `company.example` are one house, and what does not.
#[test]
fn realms_are_one_house_if_something_says_so() {
    let with = |pairs: &[(&str, &str)]| {
        let mut all = houses();
        for (n, (one, other)) in pairs.iter().enumerate() {
            let things: Vec<&str> = [*one, *other].into_iter().filter(|t| !t.is_empty()).collect();
            all.push(finding(7_000 + n as u64, (n as i64 - 90) * 24 * 3_600 * SECOND, "", &things));
        }
        together(&all, ("", &["account:corp\\ann"]), ("", &["account:ann@company.example"]))
    };
    let (here, there) = (sid(1, 1_104), sid(2, 1_104));
    assert!(with(&[]), "one short name, one long, nobody else is called so");
    assert!(!with(&[("account:third\\ann", "")]), "two short names: whose is she?");
    let third = ("account:third\\ann", "");
    assert!(with(&[third, ("account:corp\\dee", &here), ("account:eve@company.example", &here)]));
    assert!(!with(&[third, ("account:corp\\dee", &here), ("account:eve@company.example", &there)]));
    assert!(with(&[third, ("account:corp\\dee", "account:dee@company.example")]), "two people in common");
}

#[test]
fn names_do_not_depend_on_the_order_of_findings() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut all = houses();
        let realms = ["alpha", "beta", "corp", "alpha.example", "corp.beta.example", "corp.other.example"];
        for n in 0..40 {
            let (realm, who) = (random.pick(&realms), random.pick(&["ann", "bob", "cid"]));
            let spelled =
                if realm.contains('.') { format!("{who}@{realm}") } else { format!("{realm}\\{who}") };
            let spelled = if random.below(4) == 0 { who.to_owned() } else { spelled };
            let host = random.pick(&["", "mail.alpha.example", "mail.beta.example", "mail"]);
            let mut f = finding(100 + n, n as i64 * 3_000 * SECOND, host, &[]);
            f.observables = vec![seen(&format!("account:{spelled}")), seen("ip:10.0.0.5")];
            if random.below(3) == 0 {
                f.observables.extend(of_sid(&mut random));
            }
            all.push(f);
        }
        let want = joined(&all, &Lake::default(), &Words::default(), &[]);
        for _ in 0..10 {
            random.shuffle(&mut all);
            assert_eq!(joined(&all, &Lake::default(), &Words::default(), &[]), want, "seed {seed}");
        }
    }
}

fn of_sid(random: &mut Random) -> Option<Observable> {
    Some(seen(&sid(random.below(3) as u64, 1_100 + random.below(3) as u64)))
}

#[test]
fn who_excludes_a_bare_name_excludes_it_in_every_house() {
    let mut all = houses();
    for (n, who) in [(1, "alpha"), (2, "alpha"), (3, "beta"), (4, "beta")] {
        let account = format!("account:{who}\\ann");
        all.push(finding(n, n as i64 * SECOND, "", &[&account]));
    }
    let with = |said: &str| {
        let words = Words { excluded: [said.to_owned()].into(), ..Words::default() };
        parts(&joined(&all, &Lake::default(), &words, &[]))
    };
    assert_eq!(with("account:nobody-here"), [vec![1, 2], vec![3, 4]]);
    assert_eq!(with("account:ann"), Vec::<Vec<u64>>::new());
    assert_eq!(with("account:alpha\\ann"), [vec![3, 4]]);
    assert_eq!(with("account:ann@beta.example"), [vec![1, 2]]);
}
