//! The published rules on the published positives, through the whole product.

use palisade_pipeline::{Knowledge, RuleSources, load_rules, test_rules};

use crate::data;

/// Published counts that two independent engines contradict in the same way (each says
/// 3 where 1 is published): the records are there, so the engine is not bent to them.
const WRONG_COUNTS: [&str; 2] = ["0b9ad457-2554-44c1-82c2-d56a99c42377", "8fbf3271-1ef6-4e94-8210-03c2317947f6"];

fn published() -> Option<Knowledge> {
    let sigma = data("host/sigma")?;
    let paths = ["rules", "rules-emerging-threats", "rules-threat-hunting"].map(|f| sigma.join(f)).to_vec();
    let loaded = load_rules(&RuleSources { paths, ..RuleSources::default() }, 2);
    // The two rules that need a list of the organisation's own certificate authorities.
    assert_eq!(loaded.failed(), 2, "{:#?}", loaded.errors);
    assert_eq!(loaded.rules.len(), 3_752);
    Some(Knowledge::new(loaded.rules, Vec::new(), &[]).unwrap())
}

#[test]
fn every_published_pair_matches() {
    let Some(knowledge) = published() else { return };
    let Some(pairs) = data("host/regression") else { return };
    let report = test_rules(&[pairs], &knowledge, 2).unwrap();
    assert!(report.unusable.is_empty(), "{:?}", report.unusable);
    assert_eq!(report.results.len(), 105);
    let missed: Vec<_> = report.results.iter().filter(|r| r.found == 0).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let wrong: Vec<_> = report.results.iter().filter(|r| !r.ok).map(|r| (r.rule.as_str(), r.found)).collect();
    assert_eq!(wrong, WRONG_COUNTS.map(|id| (id, 3)), "{wrong:#?}");
}

#[test]
fn own_rules_meet_their_events() {
    let loaded = load_rules(&RuleSources { shipped: true, ..RuleSources::default() }, 2);
    let knowledge = Knowledge::new(loaded.rules, Vec::new(), &[]).unwrap();
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge/rules/tests");
    let report = test_rules(&[tests], &knowledge, 1).unwrap();
    assert!(report.unusable.is_empty(), "{:?}", report.unusable);
    let wrong: Vec<_> = report.results.iter().filter(|r| !r.ok).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), report.results.len());
    let tested: std::collections::BTreeSet<_> = report.results.iter().map(|r| r.rule.as_str()).collect();
    let untested: Vec<_> = knowledge.infos.iter().filter(|i| !tested.contains(i.id.as_str())).collect();
    assert!(untested.is_empty(), "{untested:#?}");
}
