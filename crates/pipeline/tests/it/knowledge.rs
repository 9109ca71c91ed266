//! The shipped knowledge loads, whole.

use std::collections::BTreeSet;

use palisade_pipeline::{Knowledge, RuleSources, Settings, detectable, investigate, load_rules};

use crate::hostile::Said;

#[test]
fn shipped_knowledge_loads() {
    let loaded = load_rules(&RuleSources { shipped: true, ..RuleSources::default() }, 2);
    let errors: Vec<String> = loaded.errors.iter().map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(loaded.rules.len() >= 40, "{} rules", loaded.rules.len());
    let knowledge = Knowledge::new(loaded.rules, Vec::new(), &[]).unwrap();
    let unbound: Vec<&str> = (0..knowledge.infos.len() as u32)
        .filter(|i| knowledge.engine.bindings(*i) == 0)
        .map(|i| knowledge.infos[i as usize].title.as_str())
        .collect();
    assert_eq!(unbound, Vec::<&str>::new(), "rules that no kind of record can reach");
}

/// A technique is seen only where records of its rules are: of the shipped ones those that read Sysmon's process access find
/// LSASS being read, and nothing else in an empty case does.
#[test]
fn techniques_need_rules_and_records() {
    let loaded = load_rules(&RuleSources { shipped: true, ..RuleSources::default() }, 1);
    let knowledge = Knowledge::new(loaded.rules, Vec::new(), &[]).unwrap();
    let blind = detectable(&knowledge, &BTreeSet::new());
    let lsass = &blind["T1003.001"];
    assert!(lsass.with_records == 0 && lsass.without > 0 && !lsass.lacking.is_empty(), "{lsass:?}");
    assert!(blind.values().all(|d| d.with_records == 0));
    let all: BTreeSet<String> = knowledge.catalogue.shapes().map(|(_, s)| s.name.clone()).collect();
    let seeing = detectable(&knowledge, &all);
    assert_eq!(seeing["T1003.001"].without, 0);
    assert_eq!(seeing["T1003.001"].with_records, lsass.without);
    // Records of one kind are enough for the rules of that kind, and for no other.
    let access: BTreeSet<String> = BTreeSet::from(["windows/sysmon/10".to_owned()]);
    let some = detectable(&knowledge, &access);
    assert!(some["T1003.001"].with_records > 0, "{:?}", some["T1003.001"]);
    assert!(some["T1003.001"].with_records <= lsass.without);
    assert!(!blind.contains_key("T9999"));
}

/// Rules of the categories `firewall` and `proxy` name fields that only a view gives to CEF, LEEF and pairs.
#[test]
fn rules_for_firewalls_and_proxies_fire_on_cef_leef_and_pairs() {
    const RULES: &str = "title: Remote desktop from outside\nid: 5a0f4c6e-6a57-4d3c-9c5e-0f6e2a7b1c01\nlevel: low\nlogsource: {category: firewall}\ndetection:\n  a: {dst_port: 3389, src_ip|cidr: 203.0.113.0/24, action: deny}\n  condition: a\n---\ntitle: A program by name\nid: 5a0f4c6e-6a57-4d3c-9c5e-0f6e2a7b1c02\nlevel: low\nlogsource: {category: proxy}\ndetection:\n  a: {c-uri|contains: '/x.exe', c-useragent|startswith: evil, cs-method: GET}\n  condition: a\n";
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, RULES).unwrap();
    let loaded = load_rules(&RuleSources { paths: vec![rules], ..RuleSources::default() }, 1);
    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
    let knowledge = Knowledge::new(loaded.rules, Vec::new(), &[]).unwrap();
    for (name, line, rule) in [
        ("a.cef", "CEF:0|V|Wall|1|1|c|3|src=203.0.113.9 spt=4 dst=192.0.2.4 dpt=3389 proto=TCP act=deny", 1),
        ("a.leef", "LEEF:1.0|V|Wall|1|1|src=203.0.113.9\tdst=192.0.2.4\tdstPort=3389\taction=deny", 1),
        ("a.log", "time=2024-03-01T10:00:00Z src=203.0.113.9 dst=192.0.2.4 dport=3389 act=deny", 1),
        (
            "p.cef",
            "CEF:0|V|Gate|1|1|r|3|src=192.0.2.4 request=http://a.example/x.exe requestMethod=GET requestClientApplication=evil/1",
            2,
        ),
        (
            "p.log",
            "time=2024-03-01T10:00:00Z src=192.0.2.4 url=http://a.example/x.exe method=GET user_agent=evil/1",
            2,
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{line}\n")).unwrap();
        let mut said = Said::default();
        let settings = Settings { paths: vec![path], ..Settings::default() };
        investigate(&settings, &knowledge, None, &mut said).unwrap();
        let wanted = format!(" 5a0f4c6e-6a57-4d3c-9c5e-0f6e2a7b1c0{rule} ");
        assert_eq!(said.findings.len(), 1, "{line}: {:?}", said.findings);
        assert!(said.findings[0].contains(&wanted), "{:?}", said.findings);
    }
}
