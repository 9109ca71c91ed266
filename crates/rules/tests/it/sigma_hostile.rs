//! Texts made to hurt: they must end soon, in errors rather than panics.

use std::fmt::Write as _;

use palisade_rules::sigma::yaml::{self, Kind};
use palisade_rules::sigma::{RuleSet, fuzz, parse_str};

use crate::sigma::{options, wrap};

/// Mutated texts per run of the tests.
const ROUNDS: usize = 20_000;

fn fails_with(text: &str, message: &str) {
    let (documents, errors) = parse_str("t.yml", text, &options());
    assert!(documents.is_empty());
    assert!(errors.iter().any(|error| error.message.contains(message)), "{message}: {errors:#?}");
}

#[test]
fn laughs_are_not_multiplied() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let alias = format!("*a{},", level - 1).repeat(10);
        writeln!(text, "a{level}: &a{level} [{alias}]").unwrap();
    }
    fails_with(&text, "YAML nodes (aliases included)");
}

#[test]
fn aliases_of_long_texts_are_counted() {
    let text = format!("a: &a '{}'\nb: [{}]", "x".repeat(100_000), "*a,".repeat(100));
    fails_with(&text, "aliases expand to more than");
}

#[test]
fn aliases_within_reason_work() {
    let yaml = wrap("a: {F: &list [x, y]}\nb: {G: *list}\ncondition: a or b");
    let (documents, errors) = parse_str("t.yml", &yaml, &options());
    assert_eq!((documents.len(), errors.len()), (1, 0));
}

#[test]
fn limits() {
    fails_with(&"[".repeat(200), "deeper");
    fails_with(&"a:\n".repeat(2).replace("a:\na", "a: b\na"), "twice");
    fails_with(&format!("a: [{}]", "x,".repeat(yaml::NODES_MAX)), "YAML nodes");
    fails_with(&"x".repeat(yaml::TEXT_BYTES_MAX + 1), "bytes, more than");
    let nested: String = (0..40).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    fails_with(&nested, "nested deeper than");
    fails_with(
        &wrap(&format!("s: {{F: '{}'}}\ncondition: s", "x".repeat(40_000))),
        "the value has 40000 bytes",
    );
    let list: String = (0..200).map(|n| format!("'-a -b -c {n:0500} -d',")).collect();
    fails_with(&wrap(&format!("s: {{'F|windash': [{list}]}}\ncondition: s")), "expand to more than");
    let list: String = (0..300).map(|n| format!("'-a -b -c -d{n}',")).collect();
    fails_with(&wrap(&format!("s: {{'F|windash': [{list}]}}\ncondition: s")), "more than 100000 atoms");
    let many = "s or ".repeat(5_000);
    let list = "a,".repeat(1_000);
    fails_with(&wrap(&format!("s: {{F: [{list}]}}\ncondition: {many} s")), "nodes");
    fails_with(
        &wrap(&format!("s: {{F: a}}\ncondition: {} s", "s or ".repeat(20_000))),
        "a condition of more than",
    );
    let many: String = (0..1_100).map(|n| format!("s{n}: {{F: a}}\n")).collect();
    fails_with(&wrap(&format!("{many}condition: s1")), "identifiers");
    let list = "'a+',".repeat(200);
    fails_with(&wrap(&format!("s: {{'F|re': [{list}]}}\ncondition: s")), "regular expressions in one rule");
    let nots = "not ".repeat(1_000);
    fails_with(&wrap(&format!("s: {{F: a}}\ncondition: {nots} s")), "nested deeper");
}

#[test]
fn global_parts_do_not_multiply() {
    let list = "a,".repeat(5_000);
    let body = "title: t\n---\n".repeat(200);
    fails_with(&format!("action: global\nx: [{list}]\n---\n{body}"), "expand to more than");
}

#[test]
fn spans_cover_the_text_of_every_scalar() {
    let text = "título: \"ä\"\nliste:\n  - eins\n  - 'zwei'\n# Kommentar ü\nx: {y: z}\n";
    let loaded = yaml::load(text);
    let [Ok(root)] = loaded.as_slice() else { panic!("{loaded:?}") };
    let mut todo = vec![root];
    while let Some(node) = todo.pop() {
        let shown = &text[node.span.start..node.span.end];
        match &node.kind {
            Kind::Scalar(scalar) => assert_eq!(shown.trim_matches(['"', '\'']), scalar.text),
            Kind::List(items) => todo.extend(items),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    assert_eq!(&text[key.span.start..key.span.end], key.text);
                    todo.push(value);
                }
            }
        }
    }
}

/// A small generator (xorshift64*), so that every run tries the same texts.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }
}

#[test]
fn mutated_texts_never_panic() {
    let seeds = [
        wrap("s:\n  F|contains|all: ['a*', \"b\\n\"]\n  G|re|i: '^(a|b){2,3}[^c]+$'\n  H|cidr: 10.0.0.0/8\nf: {I|windash: '-x'}\ncondition: s and not 1 of f*"),
        wrap("k:\n  - mimi\n  - 'a?c\\*'\n'|all': [x, y]\nt: {T|hour|gte: 5, U|exists: false, V|fieldref|endswith: W, X|wide|base64offset|contains: abc}\ncondition: [k, 2 of them]"),
        "title: f\nid: 1\nlogsource: {category: c}\nfilter:\n  rules: any\n  s: &a {F|expand: '%name%x'}\n  t: *a\n  condition: not s or t\n---\ntitle: c\ncorrelation:\n  type: event_count\n  rules: [a]\n  group-by: [F]\n  timespan: 5m\n  condition: {gte: 5}\n".to_owned(),
        "name: m\ntransformations:\n  - type: field_name_mapping\n    mapping: {A: [B, C]}\n    rule_conditions: [{type: logsource, product: windows}]\n  - type: drop_detection_item\n".to_owned(),
        "action: global\ntitle: g\nlogsource: {product: p}\ndetection: {condition: s}\n---\ndetection: {s: {F: |\n  block\n  }}\n---\naction: repeat\ndetection: {s: {F|lt: -1.5e3}}\n".to_owned(),
    ];
    let bits = [
        "|",
        ":",
        "\n",
        "  ",
        "- ",
        "'",
        "\"",
        "*",
        "&a ",
        "*a",
        "[",
        "]",
        "{",
        "}",
        "---\n",
        "%",
        "\\",
        "(",
        ")",
        " of ",
        "not ",
        "null",
        "~",
        "9999999999999999999999",
        "\u{feff}",
        "é",
        "!!str ",
        "? ",
        "> ",
        "# ",
        "\t",
        "\0",
        "<<",
        "{2,",
    ];
    let mut dice = Dice(0x5150_2026);
    for _ in 0..ROUNDS {
        let mut data = seeds[dice.below(seeds.len())].clone().into_bytes();
        for _ in 0..=dice.below(6) {
            let at = dice.below(data.len() + 1);
            match dice.below(5) {
                0 if at < data.len() => data[at] ^= 1 << dice.below(8),
                1 => {
                    let end = (at + dice.below(20)).min(data.len());
                    data.drain(at..end);
                }
                2 => {
                    let end = (at + dice.below(40)).min(data.len());
                    let piece: Vec<u8> = data[at..end].to_vec();
                    let to = dice.below(data.len() + 1);
                    data.splice(to..to, piece);
                }
                _ => {
                    data.splice(at..at, bits[dice.below(bits.len())].bytes());
                }
            }
        }
        fuzz(&data);
    }
}

#[test]
fn texts_of_full_size_end_in_linear_time() {
    // Each unit is repeated up to the limit: work that grew with the square would not end today.
    let units = [
        "a: b\n",
        "- ",
        "- a\n",
        "? ",
        "&a ",
        "!a ",
        "!<a>",
        "# c\n",
        "a ",
        "'a\n\n",
        "\"\\n",
        "\"a\n",
        "[",
        "{a",
        "a,",
        "{",
        ": ",
        "---\n",
        "--- a\n",
        "...\n",
        "%a\n",
        "*a ",
        "|\n",
        "a: |\n  b\n",
        "- |\n\n",
        "> a\n",
        "\t",
        "\u{feff}",
        "é",
        "\r",
        "[a,",
        "- [a]\n",
        "? a\n",
        "a:\n- ",
        "--- {a: &x b, c: *x}\n",
    ];
    for unit in units {
        let text = unit.repeat(yaml::TEXT_BYTES_MAX / unit.len());
        let _ = parse_str("t.yml", &text, &options());
    }
}

#[test]
fn wide_texts_end_in_linear_time() {
    let keys: String = (0..40_000).map(|n| format!("k{n}: v\n")).collect();
    parse_str("t.yml", &format!("action: global\n{keys}---\n{keys}"), &options());
    fails_with(
        &wrap(&format!("s: {{'F{}': a}}\ncondition: s", "|contains".repeat(400_000))),
        "more than 16 modifiers",
    );
    let value = format!("{}{}", "%nets%".repeat(14), "%".repeat(30_000));
    fails_with(&wrap(&format!("s: {{'F|expand': '{value}'}}\ncondition: s")), "expand to more than");
}

#[test]
fn filters_do_not_multiply() {
    let rules = format!("{}---\n", wrap("s: {F: a}\ncondition: s")).repeat(200);
    let values = "b,".repeat(50_000);
    let filter = wrap(&format!("s: {{F: [{values}]}}\ncondition: not s"))
        .replace("detection:", "filter:\n  rules: any");
    let (documents, errors) = parse_str("t.yml", &format!("{rules}{filter}"), &options());
    assert!(errors.is_empty(), "{errors:#?}");
    let (set, errors) = RuleSet::assemble(documents);
    assert_eq!(set.rules.len(), 200);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("nodes in all"), "{errors:#?}");
    assert!(set.rules.iter().all(|rule| rule.filters.is_empty()));
}
