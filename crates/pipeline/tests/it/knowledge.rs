//! The shipped knowledge loads, whole.

use std::collections::BTreeSet;

use palisade_pipeline::{Knowledge, RuleSources, detectable, load_rules};

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
