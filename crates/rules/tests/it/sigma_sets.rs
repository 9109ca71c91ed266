//! More than one document: filters, duplicates, the old collections, correlations, mappings.

use palisade_rules::sigma::ir::{Document, Level, Status};
use palisade_rules::sigma::mapping::Mapping;
use palisade_rules::sigma::reference::matches;
use palisade_rules::sigma::{RuleError, RuleSet, Severity, parse_str};

use crate::sigma::{Json, options, rule, wrap};

fn assemble(text: &str) -> (RuleSet, Vec<RuleError>) {
    let (documents, mut errors) = parse_str("t.yml", text, &options());
    let (set, more) = RuleSet::assemble(documents);
    errors.extend(more);
    (set, errors)
}

const RULE: &str = "title: r
id: AAAA
name: my_rule
logsource: {category: process_creation, product: windows}
detection: {s: {F: a}, condition: s}
";

/// Whether the rule, with a filter of these `rules` and log source, still matches what it excludes.
fn filtered(rules: &str, logsource: &str) -> (bool, Vec<String>) {
    let filter = format!(
        "title: f\nid: ffff\nlogsource: {logsource}\nfilter:\n  rules: {rules}\n  s: {{User: admin}}\n  condition: not s\n"
    );
    let mut results = Vec::new();
    for text in [format!("{RULE}---\n{filter}"), format!("{filter}---\n{RULE}")] {
        let (set, errors) = assemble(&text);
        assert!(errors.iter().all(|error| error.severity == Severity::Notice), "{errors:#?}");
        let rule = &set.rules[0];
        assert!(matches(&rule.expr, &Json::new(r#"{"F":"a","User":"guest"}"#)));
        assert!(matches(&rule.expr, &Json::new(r#"{"F":"a"}"#)));
        assert!(!matches(&rule.expr, &Json::new(r#"{"F":"b","User":"guest"}"#)));
        let still = matches(&rule.expr, &Json::new(r#"{"F":"a","User":"admin"}"#));
        assert_eq!(still, rule.filters.is_empty());
        results.push((still, errors.into_iter().map(|error| error.message).collect::<Vec<_>>()));
    }
    assert_eq!(results[0], results[1]);
    results.remove(0)
}

#[test]
fn filters() {
    let windows = "{product: windows}";
    assert_eq!(filtered("any", windows), (false, vec![]));
    assert_eq!(filtered("[aaaa]", windows), (false, vec![]));
    assert_eq!(filtered("my_rule", "{category: process_creation, product: Windows}"), (false, vec![]));
    assert_eq!(filtered("any", "{product: linux}"), (true, vec![]));
    assert_eq!(filtered("any", "{product: windows, service: sysmon}"), (true, vec![]));
    let (still, notices) = filtered("[aaaa]", "{product: linux}");
    assert!(still && notices[0].contains("another log source"), "{notices:?}");
    let (still, notices) = filtered("[bbbb]", windows);
    assert!(still && notices[0].contains("no such rule is loaded"), "{notices:?}");
}

#[test]
fn filters_must_name_rules() {
    let text = "title: f\nlogsource: {product: windows}\nfilter:\n  s: {User: admin}\n  condition: not s\n";
    assert!(assemble(text).1[0].message.contains("which `rules` it narrows"));
    let text = text.replace("filter:\n", "filter:\n  rules: []\n");
    assert!(assemble(&text).1[0].message.contains("an empty list of rules"));
}

#[test]
fn the_first_of_one_id_stays() {
    let second = RULE.replace("title: r", "title: second").replace("AAAA", "aaaa");
    let (set, errors) = assemble(&format!("{RULE}---\n{second}"));
    assert_eq!(set.rules.len(), 1);
    assert_eq!(set.rules[0].title, "r");
    assert_eq!(errors.len(), 1);
    assert_eq!(
        errors[0].to_string(),
        "t.yml:7:1: the id `aaaa` is already taken by t.yml:1 (the first one stays; give this one its own id)"
    );
}

#[test]
fn metadata() {
    let text = format!(
        "{}level: high\nstatus: test\nauthor: [A, B]\nlicense: DRL 1.1\nid: 0001\nfields: [F]\nfalsepositives: none\ndate: 2026-01-02\nreferences: [x]\nrelated: [{{id: q, type: derived}}]\ntaxonomy: own\ntags: [attack.t1059.001, attack.T1003, attack.defense_evasion, attack.g0016, attack.s0002, cve.2024-1, attack.t1003]\n",
        wrap("s: {F: a}\ncondition: s")
    );
    let rule = rule(&text);
    assert_eq!((rule.level, rule.status), (Level::High, Some(Status::Test)));
    assert_eq!(rule.author.as_deref(), Some("A, B"));
    assert_eq!(rule.license.as_deref(), Some("DRL 1.1"));
    assert_eq!(rule.id.as_deref(), Some("0001"));
    assert_eq!(rule.date.as_deref(), Some("2026-01-02"));
    assert_eq!(rule.techniques, ["T1059.001", "T1003"]);
    assert_eq!(rule.tactics, ["defense-evasion"]);
    assert_eq!(rule.tags.len(), 7);
    assert_eq!(rule.related[0].kind, "derived");
    assert_eq!(rule.falsepositives, ["none"]);
    assert_eq!(rule.taxonomy.as_deref(), Some("own"));
}

#[test]
fn old_collections() {
    let text = "action: global
title: g
level: low
logsource: {product: windows}
detection: {s: {F: a}, condition: s and t}
---
detection: {t: {G: 1}}
---
action: repeat
level: high
detection: {t: {G: 2}}
---
action: reset
---
title: alone
logsource: {product: linux}
detection: {s: {F: a}, condition: s}
";
    let (set, errors) = assemble(text);
    assert!(errors.is_empty(), "{errors:#?}");
    let [first, second, third] = set.rules.as_slice() else { panic!("{set:#?}") };
    assert_eq!((first.level, second.level, third.level), (Level::Low, Level::High, Level::Informational));
    let event = Json::new(r#"{"F":"a","G":2}"#);
    assert!(!matches(&first.expr, &event));
    assert!(matches(&second.expr, &event));
    assert_eq!(third.logsource.product.as_deref(), Some("linux"));
}

#[test]
fn correlations() {
    let text = "title: c
id: c1
level: high
tags: [attack.t1110]
correlation:
  type: event_count
  rules: [my_rule]
  group-by: [User, Host]
  timespan: 10m
  condition: {gte: 5, lt: 100}
  generate: true
";
    let (set, errors) = assemble(&format!("{RULE}---\n{text}"));
    assert!(errors.is_empty(), "{errors:#?}");
    let [correlation] = set.correlations.as_slice() else { panic!("{set:#?}") };
    assert_eq!(correlation.rules[0].0, "my_rule");
    assert_eq!(correlation.group_by, ["User", "Host"]);
    assert_eq!((correlation.timespan_seconds, correlation.level), (600, Level::High));
    assert_eq!(correlation.condition.len(), 2);
    assert_eq!(correlation.techniques, ["T1110"]);
    assert!(correlation.generate && correlation.expression.is_none());
    let asked = set.rules[0].correlated.as_ref().unwrap();
    let fields: Vec<(&str, &str)> =
        asked.fields.iter().map(|f| (f.name.as_str(), f.field.as_str())).collect();
    assert_eq!(fields, [("User", "User"), ("Host", "Host")]);
    assert!(asked.reports);

    for (from, to, message) in [
        ("event_count", "event_cont", "`event_cont` is not a type of correlation"),
        ("10m", "10x", "`timespan` must be"),
        ("gte:", "ge:", "`ge` is not an operator"),
        ("  rules: [my_rule]\n", "", "which `rules` it is about"),
        ("  condition: {gte: 5, lt: 100}\n", "", "needs a `condition`"),
    ] {
        let (documents, errors) = parse_str("t.yml", &text.replace(from, to), &options());
        assert!(documents.is_empty());
        assert!(errors[0].message.contains(message), "{}", errors[0]);
    }
    let temporal = text.replace("event_count", "temporal").replace("  condition: {gte: 5, lt: 100}\n", "");
    assert!(matches!(parse_str("t.yml", &temporal, &options()).0.as_slice(), [Document::Correlation(_)]));
}

#[test]
fn mappings_rename_what_correlations_ask_for() {
    let text = format!(
        "{RULE}---\ntitle: c\ncorrelation: {{type: event_count, rules: [my_rule], group-by: [User], timespan: 1m, condition: {{gte: 2}}}}\n"
    );
    let (mut set, _) = assemble(&text);
    let mapping = "transformations:\n- {type: field_name_mapping, mapping: {User: [user.name, u]}}";
    Mapping::parse("m.yml", mapping).unwrap().apply(&mut set.rules[0]).unwrap();
    // Planned again, what the mapping said stays.
    let (plan, errors) = palisade_rules::correlate::Correlations::new(&mut set.rules, set.correlations);
    assert!(errors.is_empty() && plan.len() == 1);
    let asked = &set.rules[0].correlated.as_ref().unwrap().fields;
    assert_eq!((asked[0].name.as_str(), asked[0].field.as_str()), ("User", "user.name"));
}

/// Applies a mapping to a detection and evaluates.
fn mapped(mapping: &str, detection: &str, event: &str) -> bool {
    let mapping = Mapping::parse("m.yml", mapping).unwrap();
    let mut rule = rule(&wrap(detection));
    mapping.apply(&mut rule).unwrap();
    matches(&rule.expr, &Json::new(event))
}

#[test]
fn mappings() {
    let one = "transformations:\n- {type: field_name_mapping, mapping: {F: x.y, G: [g1, g2]}}";
    assert!(mapped(one, "s: {F: a}\ncondition: s", r#"{"x":{"y":"a"}}"#));
    assert!(!mapped(one, "s: {F: a}\ncondition: s", r#"{"F":"a"}"#));
    assert!(mapped(one, "s: {G: a}\ncondition: s", r#"{"g2":"a"}"#));
    assert!(mapped(one, "s: {'G|neq': a}\ncondition: s", r#"{"g2":"b"}"#));
    assert!(!mapped(one, "s: {G: null}\ncondition: s", r#"{"g2":"b"}"#));
    assert!(mapped(one, "s: {G: null}\ncondition: s", r#"{}"#));
    assert!(mapped(one, "s: {'H|fieldref': G}\ncondition: s", r#"{"H":"q","g2":"q"}"#));
    assert!(mapped(one, "s: [word]\ncondition: s", r#"{"q":"word"}"#));

    let elsewhere = "transformations:\n- type: field_name_mapping\n  mapping: {F: x}\n  rule_conditions: [{type: logsource, product: linux}]";
    assert!(mapped(elsewhere, "s: {F: a}\ncondition: s", r#"{"F":"a"}"#));
    let either = format!("{elsewhere}\n  rule_cond_op: or")
        .replace("product: linux}", "product: linux}, {type: logsource, product: Windows}");
    assert!(mapped(&either, "s: {F: a}\ncondition: s", r#"{"x":"a"}"#));

    let prefix = "transformations:\n- {type: field_name_prefix, prefix: win., field_name_conditions: [{type: exclude_fields, fields: [G]}]}\n- {type: field_name_suffix, suffix: .kw, field_name_conditions: [{type: include_fields, fields: [G]}]}";
    assert!(mapped(prefix, "s: {F: a, G: b}\ncondition: s", r#"{"win.F":"a","G.kw":"b"}"#));

    let drop = "transformations:\n- {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [F]}]}";
    assert!(mapped(drop, "s: {F: a, G: b}\ncondition: s", r#"{"G":"b"}"#));
    assert!(mapped(drop, "s: {G: b}\nt: {F: a}\ncondition: s and not t", r#"{"G":"b","F":"a"}"#));
    assert!(mapped(drop, "s1: {G: b}\ns2: {F: a}\ncondition: 2 of s*", r#"{"G":"b"}"#));
    let mut nothing = rule(&wrap("s: {F: a}\ncondition: s"));
    let error = Mapping::parse("m.yml", drop).unwrap().apply(&mut nothing).unwrap_err();
    assert!(error.message.contains("drops every item"));
}

#[test]
fn mappings_are_taken_whole_or_not_at_all() {
    let cases = [
        ("", "the mapping is empty"),
        ("name: x", "has no `transformations`"),
        ("transformations: x", "must be a list"),
        ("transformations:\n- {type: add_condition, conditions: {a: b}}", "`add_condition` is not supported"),
        ("transformations:\n- {type: field_name_mapping}", "`mapping` is missing"),
        ("transformations:\n- {type: field_name_prefix, prefx: a}", "`prefx` is not supported here"),
        ("transformations:\n- {type: field_name_mapping, mapping: {A: }}", "`A` is mapped to nothing"),
        (
            "transformations:\n- {type: drop_detection_item, rule_conditions: [{type: processing_item_applied}]}",
            "only conditions of type `logsource`",
        ),
        (
            "transformations:\n- {type: drop_detection_item, field_name_conditions: [{type: x, fields: []}]}",
            "`x` is not supported",
        ),
        ("vars: {a: b}\ntransformations: []", "`vars` is not supported here"),
        ("transformations: []\n---\ntransformations: []", "one document"),
    ];
    for (text, message) in cases {
        let error = Mapping::parse("m.yml", text).unwrap_err();
        assert!(error.message.contains(message), "{error}\n{text}");
    }
    let error = Mapping::parse("m.yml", "transformations:\n- type: add_condition").unwrap_err();
    assert_eq!((error.span.line, error.span.col), (2, 9));
}
