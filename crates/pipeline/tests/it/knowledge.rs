//! The shipped knowledge loads, whole.

use palisade_pipeline::{Knowledge, RuleSources, load_rules};

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
