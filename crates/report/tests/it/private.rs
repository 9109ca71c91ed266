//! What leaves: nothing that tells who was attacked.

use palisade_model::{ObservableKind as Kind, Tlp};
use palisade_report::{
    Edition, Material, Options, Private, html, json, markdown, navigator, pdf, privacy, stix,
};

use crate::sample;

/// Values of the sample that tell who was attacked, in the spelling of evidence.
const SECRET: [&str; 20] = [
    "nordlicht",
    "Nordlicht Netz GmbH",
    "o.kovalenko",
    "kovalenko",
    "Oleksandra",
    "adm-reuter",
    "m.reuter",
    "ws-0412",
    "dc01",
    "gw-scada-2",
    "mx1",
    "10.20.4.12",
    "10.77.0.9",
    "192.0.2.",
    "exchange online",
    "S-1-5-21-1004336348",
    "Marit",
    "Sørensen",
    "evidence/",
    "Lastgangdaten",
];

fn shared(m: &Material) -> Vec<(&'static str, String)> {
    let o = Options::new();
    let shareable = privacy(m, &o).release(Tlp::Green);
    let o = Options { edition: Edition::Constituent(&shareable), ..o };
    let print = String::from_utf8_lossy(&pdf(m, &o, &[])).into_owned();
    vec![
        ("stix", stix(&shareable, &o)),
        ("html", html(m, &o)),
        ("md", markdown(m, &o)),
        ("json", json(m, &o)),
        ("navigator", navigator(m, &o)),
        ("pdf", print),
    ]
}

#[test]
fn no_victim_value_leaves() {
    let mut m = sample::rich();
    // The same values in text that stays, in other spellings.
    m.findings[1].title =
        "Seen on WS-0412.Nordlicht-Netz.de by NORDLICHT\\O.Kovalenko from 10.20.4.12:445".into();
    m.campaigns[0].steps[1].title = "dump at DC01 of adm-reuter@nordlicht-netz.de".into();
    m.exhibits[4].title = "gw-scada-2 told 10.77.0.9 and vpn.nordlicht-netz.de".into();
    m.gravity[0].level = "grave for Nordlicht Netz GmbH".into();
    m.hypotheses[1].against[0].text = "Marit Sørensen disagrees".into();
    for (form, text) in shared(&m) {
        let folded = text.to_lowercase();
        for secret in SECRET {
            assert!(!folded.contains(&secret.to_lowercase()), "{secret} is in {form}");
        }
    }
}

#[test]
fn what_is_to_be_shared_is() {
    let all = shared(&sample::rich());
    let of = |form| all.iter().find(|(f, _)| *f == form).unwrap().1.clone();
    assert!(of("stix").contains("203.0.113.77") && of("stix").contains("login-energy-portal.com"));
    assert!(of("html").contains("203.0.113[.]77") && !of("html").contains("203.0.113.77"));
    assert!(of("md").contains("login-energy-portal[.]com"));
    assert!(of("html").contains("OS Credential Dumping: LSASS Memory"));
    // Marked above the release, and nothing tells that it was there.
    assert!(all.iter().all(|(_, t)| !t.contains("informant Zeta") && !t.contains("Only for the named")));
}

#[test]
fn the_preview_says_what_and_how_often() {
    let m = sample::rich();
    let preview = privacy(&m, &Options::new());
    let find = |kind, value: &str| preview.withheld().iter().find(|w| w.kind == kind && w.value == value);
    let host = find(Private::Host, "ws-0412.nordlicht-netz.de").unwrap();
    assert!(host.times >= 6, "{host:?}");
    assert!(find(Private::Account, "nordlicht\\adm-reuter").unwrap().times >= 3);
    assert!(find(Private::Name, "oleksandra kovalenko").unwrap().times >= 1);
    assert!(find(Private::Address, "10.20.4.12").is_some());
    // The own domain stands nowhere but in names of machines and accounts, which go as a whole.
    assert!(find(Private::Domain, "nordlicht-netz.de").is_none());
    assert!(
        preview
            .leaving()
            .iter()
            .any(|l| l.observable == sample::o(Kind::Ip, "203.0.113.77") && l.findings == 3)
    );
    assert!(
        preview
            .leaving()
            .iter()
            .all(|l| !matches!(l.observable.kind(), Kind::Host | Kind::Account | Kind::Path))
    );
    assert!(preview.dropped().iter().any(|(what, n)| *what == "logged" && *n > 10));
    // Labels are the same for the same value and tell values apart.
    let labels: std::collections::BTreeSet<&str> =
        preview.withheld().iter().map(|w| w.label.as_str()).collect();
    assert_eq!(labels.len(), preview.withheld().len());
    // What occurs nowhere is not listed.
    assert!(preview.withheld().iter().all(|w| w.times > 0));
}

/// What everybody has is no indicator, for nobody: programs of the system, peers that all machines reach.
#[test]
fn what_everybody_has_stays() {
    let mut m = sample::rich();
    let (system, own, cdn) = ("ab".repeat(32), "cd".repeat(32), sample::o(Kind::Domain, "cdn.example.net"));
    m.findings[0].observables =
        vec![sample::o(Kind::Path, "C:\\Windows\\System32\\rundll32.exe"), sample::o(Kind::Sha256, &system)];
    m.findings[1].observables =
        vec![sample::o(Kind::Path, "C:\\Windows\\Temp\\x.exe"), sample::o(Kind::Sha256, &own), cdn.clone()];
    m.everyday.insert(cdn);
    let preview = privacy(&m, &Options::new());
    let leaves = |value: &str| preview.leaving().iter().any(|l| l.observable.value() == value);
    assert!(leaves(&own) && !leaves(&system) && !leaves("cdn.example.net"));
    assert!(preview.dropped().contains(&("everyday", 3)), "{:?}", preview.dropped());
    for (form, text) in shared(&m) {
        assert!(!text.contains(&system) && !text.contains("cdn.example"), "{form}");
    }
}

#[test]
fn markings_hold() {
    let m = sample::rich();
    let o = Options::new();
    let preview = privacy(&m, &Options { tlp: Tlp::Amber, ..o.clone() });
    let shareable = preview.clone().release(Tlp::Green);
    assert_eq!(shareable.tlp(), Tlp::Green);
    let page = |tlp, edition| html(&m, &Options { tlp, edition, ..o.clone() });
    // A case is never printed below its own marking, a release never below its own.
    assert!(page(Tlp::Clear, Edition::Technical).contains(">TLP:AMBER</b>"));
    assert!(page(Tlp::Red, Edition::Technical).contains(">TLP:RED</b>"));
    assert!(page(Tlp::Clear, Edition::Constituent(&shareable)).contains(">TLP:GREEN</b>"));
    // Amber exhibits stay behind in a green release.
    assert!(!page(Tlp::Clear, Edition::Constituent(&shareable)).contains("Settlement of ransom"));
    assert!(page(Tlp::Amber, Edition::Technical).contains("Settlement of ransom"));
    assert!(!page(Tlp::Amber, Edition::Technical).contains("informant Zeta"));
    let bundle = stix(&shareable, &Options { tlp: Tlp::Clear, ..o.clone() });
    assert!(bundle.contains("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"));
    assert!(
        stix(&preview.release(Tlp::AmberStrict), &Options { tlp: Tlp::Clear, ..o })
            .contains("\"tlp_2_0\": \"amber+strict\"")
    );
}

/// An author is named only if somebody says so.
#[test]
fn the_author() {
    let m = sample::rich();
    let o = Options { tlp: Tlp::Green, ..Options::new() };
    let plain = privacy(&m, &o).release(Tlp::Green);
    assert!(stix(&plain, &o).contains("\"Not disclosed\""));
    let named = privacy(&m, &o).release(Tlp::Green).by("CERT Example");
    assert!(stix(&named, &o).contains("\"CERT Example\""));
}

/// Short names are taken out as words, not out of words; nothing of one or two letters ruins a text.
#[test]
fn words_stay_readable() {
    let mut m = sample::rich();
    m.findings[0].host = Some("it".into());
    m.findings[1].host = Some("nas".into());
    m.paragraphs[0].text = "it was nasty; Nas was hit, ünïcode STRASSE İzmir nas".into();
    m.organisation.names = vec!["İzmir".into()];
    let all = shared(&m);
    let page = &all.iter().find(|(f, _)| *f == "html").unwrap().1;
    assert!(page.contains("it was nasty; [host "), "{page}");
    assert!(!page.contains("İzmir") && page.contains("ünïcode STRASSE [name "));
}

/// Addresses inside are found in text however they stand there; others stay.
#[test]
fn addresses_in_text() {
    let mut m = sample::rich();
    let own = [
        "addr:10.9.9.1",
        "node10.9.9.2",
        "(10.9.9.3)",
        "10.9.9.4.",
        "10.9.9.5:443",
        "[fd12::9:6]",
        "src:fd12::9:7",
        "fe80::9:8%eth0",
        "::ffff:10.9.9.9",
        "192.0.2.200",
        "http://172.16.9.10/x",
        "100.64.9.11",
        "FD12::9:12",
    ];
    m.paragraphs[0].text =
        format!("{} and 8.8.8.8 or 2001:db8::9 at 12:30:45, version 1.2.3.4", own.join(", "));
    let all = shared(&m);
    let page = &all.iter().find(|(f, _)| *f == "html").unwrap().1;
    for (i, text) in own.iter().enumerate() {
        let tail = if text.to_lowercase().contains("::9:") {
            format!("::9:{}", i + 1)
        } else {
            format!(".9.{}", i + 1)
        };
        assert!(
            !page.contains(&format!("9{tail}")) && !page.to_lowercase().contains(&format!("fd12{tail}")),
            "{text}"
        );
    }
    assert!(!page.contains("192.0.2.200") && !page.contains("172.16.9") && !page.contains("100.64.9"));
    for stays in ["8.8.8.8", "2001:db8::9", "12:30:45", "1.2.3.4"] {
        assert!(page.contains(stays), "{stays}");
    }
    let preview = privacy(&m, &Options::new());
    assert!(preview.withheld().iter().any(|w| w.label == "[address]" && w.times >= own.len() as u64));
}

/// Names that everybody has are withheld as fields and leave words alone; a stranger's realm takes nobody else with it.
#[test]
fn names_of_everybody() {
    let mut m = sample::rich();
    for (account, host) in [
        ("corp\\backup", "server"),
        ("thief@mailbox.example.com", "ws-7.corp.test"),
        ("host/dc77.corp.test", "localhost"),
    ] {
        m.findings[0].observables.push(sample::o(Kind::Account, account));
        m.findings[0].observables.push(sample::o(Kind::Host, host));
    }
    m.findings[0].observables.push(sample::o(Kind::Email, "lure@mailbox.example.com"));
    m.findings[0].title =
        "Backups deleted on a server by corp\\backup and thief@mailbox.example.com at DC77, host unknown"
            .into();
    let all = shared(&m);
    let of = |form| all.iter().find(|(f, _)| *f == form).unwrap().1.clone();
    let json = of("json");
    assert!(json.contains("Backups deleted on a server by [account "), "{json}");
    assert!(
        json.contains("host unknown") && !json.to_lowercase().contains("dc77") && !json.contains("thief")
    );
    assert!(of("stix").contains("lure@mailbox.example.com"));
    assert!(!of("stix").contains("\"corp"));
}
