//! What is refused: the message, the advice, and the very text that the span covers.

use palisade_rules::sigma::{Severity, parse_str};

use crate::sigma::{options, wrap};

/// The only error of a text must have this message (a part of it) and cover this text.
fn refuse(yaml: &str, message: &str, covered: &str) {
    let (documents, errors) = parse_str("t.yml", yaml, &options());
    let errors: Vec<_> = errors.iter().filter(|error| error.severity == Severity::Error).collect();
    let [error] = errors.as_slice() else { panic!("{errors:#?}\n{documents:#?}\n{yaml}") };
    assert!(error.to_string().contains(message), "\nfound:  {error}\nwanted: {message}\n{yaml}");
    let found = &yaml[error.span.start..error.span.end];
    let shown = found.lines().next().unwrap_or("");
    assert_eq!(shown, covered, "\n{error}\n{yaml}");
    // Line and column are the same place as the bytes.
    let before = &yaml[..error.span.start];
    assert_eq!(error.span.line as usize, before.matches('\n').count() + 1, "{error}\n{yaml}");
    let col = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    assert_eq!(error.span.col as usize, col, "{error}\n{yaml}");
}

fn refuse_item(entry: &str, message: &str, covered: &str) {
    refuse(&wrap(&format!("s:\n  {entry}\ncondition: s")), message, covered);
}

fn refuse_condition(condition: &str, message: &str, covered: &str) {
    refuse(&wrap(&format!("sel: {{F: a}}\nselection: {{G: a}}\ncondition: {condition}")), message, covered);
}

#[test]
fn chains() {
    let cases = [
        ("F|contain: a", "unknown modifier `contain` (did you mean `contains`?)", "contain"),
        ("F|contains|: a", "unknown modifier ``", ""),
        ("F|Contains: a", "unknown modifier `Contains`", "Contains"),
        ("F|contains|startswith: a", "`startswith` follows another of", "startswith"),
        ("F|contains|contains: a", "`contains` follows another of", "contains"),
        ("F|all: a", "`all` needs more than one value", "F|all"),
        ("F|contains|all|all: [a, b]", "`all` is given twice", "all"),
        ("F|neq|neq: a", "`neq` is given twice", "neq"),
        ("F|contains|re: a", "`re` needs the value as written", "re"),
        ("F|re|base64: a", "`base64` needs text on its left, not a regular expression", "base64"),
        ("F|i: a", "`i` is a flag of `re` and must follow it", "i"),
        ("F|re|contains|i: a", "`i` must follow `re` directly", "i"),
        ("F|re|i|i: a", "`i` is given twice", "i"),
        ("F|re|cased: a", "`cased` cannot follow `re`", "cased"),
        ("F|cased|re: a", "`re` cannot be combined", "re"),
        ("F|expand|re: a", "`re` cannot be combined with `expand`", "re"),
        ("F|contains|base64: a", "encode first, then say where", "base64"),
        ("F|base64|base64: a", "the value is encoded already", "base64"),
        ("F|base64|wide: a", "the value is encoded already", "wide"),
        ("F|wide|utf16: a", "two UTF-16 modifiers", "utf16"),
        ("F|wide: a", "must be followed by `base64`", "wide"),
        ("F|wide|contains: a", "between a UTF-16 modifier and base64", "contains"),
        ("F|base64|windash: -a", "`windash` must come before encodings", "windash"),
        ("F|base64|expand: a", "`expand` must come before encodings", "expand"),
        ("F|contains|cidr: 10.0.0.0/8", "`cidr` needs the value as written", "cidr"),
        ("F|cidr|contains: 10.0.0.0/8", "`contains` needs text on its left, not a network", "contains"),
        ("F|cidr|cased: 10.0.0.0/8", "`cased` has no meaning for a network", "cased"),
        ("F|gt|lt: 1", "two comparisons", "lt"),
        ("F|contains|gt: 1", "`gt` needs the value as written", "gt"),
        ("F|gt|hour: 1", "`hour` needs text on its left, not a number", "hour"),
        ("F|hour|gt|lt: 1", "two comparisons", "lt"),
        ("F|contains|fieldref: G", "`fieldref` needs the value as written", "fieldref"),
        ("F|fieldref|contains|contains: G", "`contains` follows another", "contains"),
        ("F|exists|neq: true", "`exists` cannot be combined with `neq`", "neq"),
        ("F|all|exists: [true, false]", "`exists` cannot be combined with `all`", "exists"),
        ("'|cidr': 10.0.0.0/8", "keywords are text; a network needs a field", "'|cidr'"),
        ("'|exists': true", "keywords are text", "'|exists'"),
        ("'': x", "an entry with neither a field nor modifiers", "''"),
    ];
    for (entry, message, covered) in cases {
        refuse_item(entry, message, covered);
    }
}

#[test]
fn values() {
    let cases = [
        ("F: []", "an empty list of values", "[]"),
        ("F: {G: a}", "the value of a field cannot be a map", "{G: a}"),
        ("F: [a, [b]]", "a value of a list cannot be a list", "[b]"),
        ("F|contains: null", "null with a modifier", "null"),
        ("F|lt: many", "`many` where a number is expected", "many"),
        ("F|lt: true", "`true` where a number is expected", "true"),
        ("F|hour: 24", "`24` where a number from 0 to 23 is expected", "24"),
        ("F|month: 0", "a number from 1 to 12", "0"),
        ("F|exists: 'true'", "true or false (not quoted)", "'true'"),
        ("F|exists: [true, false]", "`exists` takes one value", "[true, false]"),
        ("F|fieldref: 5", "the name of a field", "5"),
        ("F|cidr: 10.0.0.0/33", "`10.0.0.0/33` is not a network", "10.0.0.0/33"),
        ("F|cidr: 10.0.0", "is not a network", "10.0.0"),
        ("F|expand: 'x%nobody%'", "the placeholder `%nobody%` has no values (supply values", "'x%nobody%'"),
        ("F|base64: 'a*'", "a value with wildcards cannot be encoded", "'a*'"),
        ("F|base64: ''", "an empty value cannot be encoded", "''"),
        ("F|base64offset: a", "at least two bytes", "a"),
        ("F|windash: '-a -b -c -d -e'", "more than 4 dashes", "'-a -b -c -d -e'"),
        ("F|re: 'a(?=b)c'", "uses look-ahead", "(?="),
        ("F|re: 'a(?<!b)c'", "uses look-behind", "(?<!"),
        (r"F|re: '(a)\1'", "uses backreferences", r"\1"),
        (r"F|re: '(?P<n>a)(?P=n)'", "uses backreferences", "(?P="),
        ("F|re: 'a++b'", "uses possessive quantifiers", "+"),
        ("F|re: '(?>a)b'", "uses atomic groups", "(?>"),
        ("F|re: '[ab'", "not valid: unclosed character class", "'[ab'"),
        (r"F|re: 'ab\'", "not valid: incomplete escape sequence", r"'ab\'"),
        ("F|re: '(ab'", "not valid: unclosed group", "'(ab'"),
        (r"F|re: '(?:\w{1000}){1000}'", "compiles to more than", r"'(?:\w{1000}){1000}'"),
        ("F|re: ''", "matches everything", "''"),
        ("'|contains': ['']", "an empty keyword", "''"),
        ("'|contains': null", "a keyword cannot be null", "null"),
    ];
    for (entry, message, covered) in cases {
        refuse_item(entry, message, covered);
    }
}

#[test]
fn conditions() {
    let cases = [
        (
            "selektion",
            "names `selektion`, which the detection does not define (did you mean `selection`?)",
            "selektion",
        ),
        ("sel and other_thing", "names `other_thing`", "other_thing"),
        ("sel*", "write `1 of sel*`", "sel*"),
        ("sel | count() by F > 5", "is obsolete Sigma", "| count() by F > 5"),
        ("sel and", "the condition ends", ""),
        ("and sel", "`and` where an identifier is expected", "and"),
        ("(sel", "not closed", "("),
        ("sel)", "`)` is not expected here", ")"),
        ("sel selection", "`selection` is not expected here", "selection"),
        ("1 of filter_*", "refers to no identifier", "filter_*"),
        ("all of nothing*", "refers to no identifier", "nothing*"),
        ("3 of sel*", "can never hold: it refers to 2", "3 of sel*"),
        ("0 of sel*", "`0 of` is always true", "0 of sel*"),
        ("some of sel*", "expected a number", "some"),
        ("1 of", "`of` without a pattern", ""),
        ("''", "the condition is empty", ""),
        ("{a: b}", "must be text, not a map", "{a: b}"),
        ("[]", "conditions are expected", "[]"),
    ];
    for (condition, message, covered) in cases {
        refuse_condition(condition, message, covered);
    }
    refuse(&wrap("_a: {F: a}\ncondition: all of them"), "refers to no identifier", "them");
    refuse(&wrap("s: {F: a}"), "the detection has no condition", "s: {F: a}");
    refuse(&wrap("condition: s"), "defines no identifier", "condition: s");
    refuse(&wrap("s: {}\ncondition: s"), "an empty map would match every event", "{}");
    refuse(&wrap("s: []\ncondition: s"), "an empty list", "[]");
    refuse(&wrap("s: [[a]]\ncondition: s"), "a list within a list", "[a]");
    refuse(&wrap("s:\ncondition: s"), "a keyword cannot be null", "");
    refuse(
        &wrap("s: {F: a}\ntimeframe: 5m\ncondition: s"),
        "`timeframe` belongs to aggregations",
        "timeframe",
    );
    let deep = format!("{}sel{}", "(".repeat(100), ")".repeat(100));
    refuse_condition(&deep, "nested deeper than", "(");
}

#[test]
fn documents() {
    refuse("a: b", "neither `detection`, `filter` nor `correlation`", "a: b");
    refuse("detections: b", "did you mean `detection`?", "detections: b");
    refuse("- a", "a Sigma document must be a map, not a list", "- a");
    let ok = "s: {F: a}\ncondition: s";
    refuse(&wrap(ok).replace("title: t\n", ""), "the document has no title", "");
    refuse(&wrap(ok).replace("logsource:\n  product: windows\n", ""), "the document has no logsource", "");
    refuse(&wrap(ok).replace("product:", "produkt:"), "names neither category", "produkt: windows");
    refuse(&format!("{}level: severe\n", wrap(ok)), "`severe` is not a level", "severe");
    refuse(&format!("{}filter: {{}}\n", wrap(ok)), "more than one of", "title: t");
    refuse(&format!("{}id: [a]\n", wrap(ok)), "`id` must be a single value, not a list", "[a]");
    refuse(&format!("action: leap\n{}", wrap(ok)), "`action` must be global", "leap");
    refuse("action: repeat\ntitle: t", "with no document before it", "repeat");
    // Places count chars, not bytes, in columns; and bytes in offsets.
    refuse(&wrap("s: {'Ä|öö': ä}\ncondition: s"), "unknown modifier `öö`", "öö");
    refuse(
        &wrap("s: {F: a}\ncondition: s or ü").replace('\n', "\r\n").replace("\r\n", "\n"),
        "names `ü`",
        "ü",
    );
}

#[test]
fn windows_line_ends_and_byte_order_marks_keep_the_place() {
    let yaml = format!("\u{feff}{}", wrap("s: {F: 'é'}\ncondition: s or nobody").replace('\n', "\r\n"));
    let (_, errors) = parse_str("t.yml", &yaml, &options());
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    assert_eq!(&yaml[error.span.start..error.span.end], "nobody");
    assert_eq!((error.span.line, error.span.col), (6, 19));
}

#[test]
fn yaml() {
    refuse("title: a\ntitle: b", "the key `title` occurs twice", "title");
    refuse("a: {b: 1, 'b': 2}", "the key `b` occurs twice", "'b'");
    refuse("a: &x {b: 1}\nc: {<<: *x}", "merge keys", "<<");
    refuse("a: !custom b", "the YAML tag `!custom` is not supported", "!custom b");
    refuse("? [a]\n: b", "the key of a map must be a single value", "[");
    refuse("a: &x [*x]", "refers to", "*x");
    let (documents, errors) = parse_str("t.yml", "a: [b", &options());
    assert!(documents.is_empty());
    assert!(errors[0].message.starts_with("not valid YAML"), "{}", errors[0]);
}

#[test]
fn a_fault_of_one_document_spares_the_others() {
    let good = wrap("s: {F: a}\ncondition: s");
    let text = format!("{good}---\n{}---\na: 1\na: 2\n---\n{good}", wrap("s: {F: a}\ncondition: t"));
    let (documents, errors) = parse_str("t.yml", &text, &options());
    assert_eq!(documents.len(), 2);
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert_eq!(errors[0].rule_title.as_deref(), Some("t"));
}

#[test]
fn notices_leave_nothing_out() {
    let cases = [
        ("s: {F: [null, '']}\ncondition: s", "null and '' in one list"),
        ("s: {'F|contains': ''}\ncondition: s", "an empty text is contained in every value"),
        ("s: {F: a}\nunused: {F: b}\ncondition: s", "no condition uses `unused`"),
    ];
    for (detection, message) in cases {
        let (documents, errors) = parse_str("t.yml", &wrap(detection), &options());
        assert_eq!(documents.len(), 1);
        let [notice] = errors.as_slice() else { panic!("{errors:#?}") };
        assert_eq!(notice.severity, Severity::Notice);
        assert!(notice.message.contains(message), "{notice}");
    }
}
