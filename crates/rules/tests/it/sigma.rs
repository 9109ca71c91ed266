//! What rules mean, as data: a rule, an event, and whether it matches.

use std::collections::BTreeMap;

use palisade_rules::sigma::ir::{Document, Expr, Rule};
use palisade_rules::sigma::reference::{Record, RefValue, matches};
use palisade_rules::sigma::{Options, RuleSet, Severity, parse_str};
use serde_json::Value;

/// A JSON object as an event. Nested objects are reached by dotted names, the whole key first.
/// `{"$blank": true}` is an empty EVTX element.
pub struct Json(pub Vec<(String, Vec<Owned>)>);

pub enum Owned {
    Null,
    Blank,
    Text(String),
    Number(String),
    Bool(bool),
}

impl Json {
    pub fn new(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let mut fields = Vec::new();
        flatten("", &value, &mut fields);
        Self(fields)
    }
}

fn flatten(prefix: &str, value: &Value, fields: &mut Vec<(String, Vec<Owned>)>) {
    for (key, value) in value.as_object().unwrap() {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(map) if !map.contains_key("$blank") => flatten(&name, value, fields),
            Value::Array(items) if items.is_empty() => fields.push((name, vec![Owned::Null])),
            Value::Array(items) => fields.push((name, items.iter().map(leaf).collect())),
            other => fields.push((name, vec![leaf(other)])),
        }
    }
}

fn leaf(value: &Value) -> Owned {
    match value {
        Value::Null => Owned::Null,
        Value::Bool(value) => Owned::Bool(*value),
        Value::Number(number) => Owned::Number(number.to_string()),
        Value::String(text) => Owned::Text(text.clone()),
        _ => Owned::Blank,
    }
}

impl Record for Json {
    fn values(&self, field: &str) -> Vec<RefValue<'_>> {
        let Some((_, values)) = self.0.iter().find(|(name, _)| name == field) else { return Vec::new() };
        values
            .iter()
            .map(|value| match value {
                Owned::Null => RefValue::Null,
                Owned::Blank => RefValue::Blank,
                Owned::Text(text) => RefValue::Text(text),
                Owned::Number(text) => RefValue::Number(text),
                Owned::Bool(value) => RefValue::Bool(*value),
            })
            .collect()
    }

    fn strings(&self) -> Vec<&str> {
        self.0
            .iter()
            .flat_map(|(_, values)| values)
            .filter_map(|value| match value {
                Owned::Text(text) | Owned::Number(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// A rule around a detection, which is indented as its map.
pub fn wrap(detection: &str) -> String {
    let body: String = detection.lines().map(|line| format!("  {line}\n")).collect();
    format!("title: t\nlogsource:\n  product: windows\ndetection:\n{body}")
}

pub fn options() -> Options {
    let list = |items: &[&str]| items.iter().map(ToString::to_string).collect();
    Options {
        placeholders: BTreeMap::from([
            ("admins".into(), list(&["root", "adm*"])),
            ("nets".into(), list(&["10.0.0.0/8", "2001:db8::/32"])),
        ]),
    }
}

pub fn rule(yaml: &str) -> Rule {
    let (mut documents, errors) = parse_str("t.yml", yaml, &options());
    let errors: Vec<_> = errors.iter().filter(|e| e.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{yaml}");
    match documents.pop() {
        Some(Document::Rule(rule)) => *rule,
        other => panic!("{other:?}\n{yaml}"),
    }
}

/// Checks a detection (identifiers and condition) against an event.
fn check(detection: &str, event: &str, expected: bool) {
    let rule = rule(&wrap(detection));
    let found = matches(&rule.expr, &Json::new(event));
    assert_eq!(found, expected, "\n{detection}\n{event}\n{:#?}", rule.expr);
    // The engine must agree with the definition on every case there is.
    let engine = crate::engine::run(std::slice::from_ref(&rule), &Json::new(event));
    assert_eq!(engine, [expected], "engine\n{detection}\n{event}\n{:#?}", rule.expr);
}

/// Checks one entry, written in flow style, against several events.
fn item(entry: &str, yes: &[&str], no: &[&str]) {
    let detection = format!("s:\n  {entry}\ncondition: s");
    yes.iter().for_each(|event| check(&detection, event, true));
    no.iter().for_each(|event| check(&detection, event, false));
}

#[test]
fn values() {
    item(
        "F: abc",
        &[r#"{"F":"abc"}"#, r#"{"F":"ABC"}"#, r#"{"F":["x","aBc"]}"#],
        &[r#"{"F":"abcd"}"#, r#"{"F":""}"#, r#"{"F":null}"#, r#"{"G":"abc"}"#, r#"{"f":"abc"}"#],
    );
    item("F: ÄÖ", &[r#"{"F":"äö"}"#], &[r#"{"F":"ao"}"#]);
    item("F: [a, b]", &[r#"{"F":"a"}"#, r#"{"F":"B"}"#], &[r#"{"F":"c"}"#]);
    item("F: 4688", &[r#"{"F":4688}"#, r#"{"F":"4688"}"#], &[r#"{"F":46880}"#, r#"{"F":"04688"}"#]);
    item("F: '4688'", &[r#"{"F":4688}"#], &[r#"{"F":4689}"#]);
    item("F: 00000429", &[r#"{"F":"00000429"}"#], &[r#"{"F":"429"}"#]);
    item("F: 0x1410", &[r#"{"F":"0x1410"}"#], &[r#"{"F":"5136"}"#]);
    item("F: 1.5", &[r#"{"F":1.5}"#, r#"{"F":"1.5"}"#], &[r#"{"F":"15"}"#]);
    item(
        "F: true",
        &[r#"{"F":true}"#, r#"{"F":"true"}"#, r#"{"F":"True"}"#],
        &[r#"{"F":false}"#, r#"{"F":1}"#],
    );
    item("F: 'true'", &[r#"{"F":true}"#], &[r#"{"F":false}"#]);
    item("F: yes", &[r#"{"F":"yes"}"#], &[r#"{"F":true}"#]);
    item("a.b: x", &[r#"{"a":{"b":"x"}}"#, r#"{"a.b":"x"}"#], &[r#"{"a":"x"}"#]);
}

#[test]
fn null_and_empty() {
    item(
        "F: null",
        &[r#"{"F":null}"#, r#"{}"#, r#"{"F":{"$blank":true}}"#, r#"{"F":[]}"#],
        &[r#"{"F":""}"#, r#"{"F":"null"}"#, r#"{"F":0}"#],
    );
    item("F:", &[r#"{}"#], &[r#"{"F":""}"#]);
    item("F: ~", &[r#"{}"#], &[r#"{"F":"~"}"#]);
    item("F: 'null'", &[r#"{"F":"null"}"#], &[r#"{}"#]);
    item("F: ''", &[r#"{"F":""}"#, r#"{"F":{"$blank":true}}"#], &[r#"{"F":null}"#, r#"{}"#, r#"{"F":" "}"#]);
    item("F: [null, a]", &[r#"{}"#, r#"{"F":"a"}"#], &[r#"{"F":"b"}"#]);
    item(
        "F: '*'",
        &[r#"{"F":"x"}"#, r#"{"F":""}"#, r#"{"F":0}"#, r#"{"F":{"$blank":true}}"#],
        &[r#"{"F":null}"#, r#"{}"#],
    );
    item("F: '?*'", &[r#"{"F":"x"}"#], &[r#"{"F":""}"#, r#"{}"#]);
}

#[test]
fn wildcards_and_escapes() {
    item("F: a*", &[r#"{"F":"a"}"#, r#"{"F":"ABC"}"#], &[r#"{"F":"ba"}"#]);
    item("F: '*a'", &[r#"{"F":"ba"}"#], &[r#"{"F":"ab"}"#]);
    item("F: '*a*'", &[r#"{"F":"bab"}"#], &[r#"{"F":"b"}"#]);
    item(
        "F: a*c",
        &[r#"{"F":"ac"}"#, r#"{"F":"abbc"}"#, r#"{"F":"a\nc"}"#],
        &[r#"{"F":"acd"}"#, r#"{"F":"xac"}"#],
    );
    item(
        "F: a?c",
        &[r#"{"F":"abc"}"#, r#"{"F":"aéc"}"#, r#"{"F":"a日C"}"#],
        &[r#"{"F":"ac"}"#, r#"{"F":"abbc"}"#],
    );
    item("F: a*b*c", &[r#"{"F":"a-b-b-c"}"#], &[r#"{"F":"a-c-b"}"#]);
    item("F: 'a**c'", &[r#"{"F":"ac"}"#], &[r#"{"F":"a"}"#]);
    item(r"F: 'a\*c'", &[r#"{"F":"a*c"}"#], &[r#"{"F":"abc"}"#, r#"{"F":"a\\*c"}"#]);
    item(r"F: 'a\?c'", &[r#"{"F":"a?c"}"#], &[r#"{"F":"abc"}"#]);
    item(r"F: 'a\\*'", &[r#"{"F":"a\\bc"}"#, r#"{"F":"a\\"}"#], &[r#"{"F":"a*"}"#]);
    item(r"F: 'a\\\*'", &[r#"{"F":"a\\*"}"#], &[r#"{"F":"a\\b"}"#]);
    item(r"F: 'a\b'", &[r#"{"F":"a\\b"}"#], &[r#"{"F":"ab"}"#]);
    item(r"F: 'a\\b'", &[r#"{"F":"a\\b"}"#], &[r#"{"F":"a\\\\b"}"#]);
    item(r"F: '\\\\host'", &[r#"{"F":"\\\\host"}"#], &[r#"{"F":"\\host"}"#]);
    item(r"F: '\\\host'", &[r#"{"F":"\\\\host"}"#], &[r#"{"F":"\\host"}"#]);
    item(r"F: 'a\'", &[r#"{"F":"a\\"}"#], &[r#"{"F":"a"}"#]);
    item("F|contains: 'a*b'", &[r#"{"F":"xa1by"}"#], &[r#"{"F":"xba"}"#]);
    item(r"F|contains: '\*'", &[r#"{"F":"a*b"}"#], &[r#"{"F":"ab"}"#]);
    item(r"F|endswith: '\cmd.exe'", &[r#"{"F":"C:\\x\\CMD.exe"}"#], &[r#"{"F":"C:\\xcmd.exe"}"#]);
}

#[test]
fn positions_and_lists() {
    item("F|contains: bc", &[r#"{"F":"aBCd"}"#, r#"{"F":"bc"}"#], &[r#"{"F":"bd"}"#, r#"{}"#]);
    item("F|startswith: ab", &[r#"{"F":"ABc"}"#], &[r#"{"F":"cab"}"#]);
    item("F|endswith: bc", &[r#"{"F":"aBC"}"#], &[r#"{"F":"bca"}"#]);
    item("F|contains: 44", &[r#"{"F":1445}"#], &[r#"{"F":45}"#]);
    item("F|contains: [a, b]", &[r#"{"F":"xb"}"#], &[r#"{"F":"x"}"#]);
    item("F|contains|all: [a, b]", &[r#"{"F":"ba"}"#, r#"{"F":["xa","xb"]}"#], &[r#"{"F":"a"}"#]);
    item("F|all: ['a*', '*b']", &[r#"{"F":"ab"}"#], &[r#"{"F":"ax"}"#]);
    item("F|contains: ''", &[r#"{"F":"x"}"#], &[r#"{}"#]);
    check("s:\n  A: 1\n  B: 2\ncondition: s", r#"{"A":1,"B":2}"#, true);
    check("s:\n  A: 1\n  B: 2\ncondition: s", r#"{"A":1,"B":3}"#, false);
    check("s:\n  - A: 1\n    B: 2\n  - C: 3\ncondition: s", r#"{"C":3}"#, true);
    check("s:\n  - A: 1\n    B: 2\n  - C: 3\ncondition: s", r#"{"A":1}"#, false);
}

#[test]
fn keywords() {
    let list = "s: [mimi, 'a*z', 77]\ncondition: s";
    check(list, r#"{"X":"xMIMIx"}"#, true);
    check(list, r#"{"X":{"Y":["q","--a to z--"]}}"#, true);
    check(list, r#"{"X":1774}"#, true);
    check(list, r#"{"mimi":"x"}"#, false);
    check("s: mimi\ncondition: s", r#"{"X":"mimi"}"#, true);
    let all = "s:\n  '|all': [one, two]\ncondition: s";
    check(all, r#"{"X":"one","Y":"two"}"#, true);
    check(all, r#"{"X":"one"}"#, false);
    check("s:\n  '|re': 'm[i1]mi'\ncondition: s", r#"{"X":"m1mi"}"#, true);
    check("s:\n  '|cased': Mimi\ncondition: s", r#"{"X":"mimi"}"#, false);
    check("s:\n  '|startswith': mi\ncondition: s", r#"{"X":"amimi"}"#, false);
    check("s:\n  '|base64offset': foobar\ncondition: s", r#"{"X":"AAAZm9vYmFyAAA"}"#, true);
    check("s:\n  - word\n  - F: x\ncondition: s", r#"{"F":"x"}"#, true);
    check("s:\n  - word\n  - F: x\ncondition: s", r#"{"G":"a word"}"#, true);
}

#[test]
fn cased_and_neq() {
    item("F|cased: Abc", &[r#"{"F":"Abc"}"#], &[r#"{"F":"abc"}"#]);
    item("F|contains|cased: B", &[r#"{"F":"aBc"}"#], &[r#"{"F":"abc"}"#]);
    item("F|cased: 'A*c?d'", &[r#"{"F":"Axcyd"}"#], &[r#"{"F":"axcyd"}"#]);
    item("F|neq: a", &[r#"{"F":"b"}"#, r#"{}"#, r#"{"F":null}"#], &[r#"{"F":"A"}"#, r#"{"F":["a","b"]}"#]);
    item("F|neq: [a, b]", &[r#"{"F":"c"}"#], &[r#"{"F":"a"}"#, r#"{"F":"b"}"#]);
    item("F|contains|neq: a", &[r#"{"F":"b"}"#], &[r#"{"F":"bab"}"#]);
    item("F|contains|all|neq: [a, b]", &[r#"{"F":"a"}"#], &[r#"{"F":"ab"}"#]);
    item("F|neq: null", &[r#"{"F":"x"}"#], &[r#"{}"#]);
    item("F|neq: ''", &[r#"{"F":"x"}"#, r#"{}"#], &[r#"{"F":""}"#]);
    item("F|re|neq: 'a+'", &[r#"{"F":"b"}"#, r#"{}"#], &[r#"{"F":"a"}"#]);
    item("F|gt|neq: 5", &[r#"{"F":5}"#, r#"{}"#], &[r#"{"F":6}"#]);
}

#[test]
fn exists() {
    item("F|exists: true", &[r#"{"F":"x"}"#, r#"{"F":""}"#, r#"{"F":null}"#, r#"{"F":[]}"#], &[r#"{}"#]);
    item("F|exists: false", &[r#"{}"#], &[r#"{"F":null}"#, r#"{"F":{"$blank":true}}"#]);
}

#[test]
fn regexes() {
    item("F|re: 'a+b'", &[r#"{"F":"xaaby"}"#], &[r#"{"F":"AB"}"#, r#"{}"#]);
    item("F|re|i: 'a+b'", &[r#"{"F":"xAABy"}"#], &[r#"{"F":"b"}"#]);
    item("F|re: '^b'", &[r#"{"F":"b"}"#], &[r#"{"F":"a\nb"}"#]);
    item("F|re|m: '^b'", &[r#"{"F":"a\nb"}"#], &[r#"{"F":"ab"}"#]);
    item("F|re: 'a.b'", &[r#"{"F":"a-b"}"#], &[r#"{"F":"a\nb"}"#]);
    item("F|re|s: 'a.b'", &[r#"{"F":"a\nb"}"#], &[r#"{"F":"ab"}"#]);
    item("F|re|i|m|s: '^a.b$'", &[r#"{"F":"x\nA\nB\ny"}"#], &[r#"{"F":"x"}"#]);
    item("F|re|ignorecase: 'a'", &[r#"{"F":"A"}"#], &[]);
    item("F|re|startswith: 'a|b'", &[r#"{"F":"bx"}"#], &[r#"{"F":"xb"}"#]);
    item("F|re|endswith: 'a|b'", &[r#"{"F":"xb"}"#], &[r#"{"F":"bx"}"#]);
    item("F|re|contains: 'a|b'", &[r#"{"F":"xbx"}"#], &[r#"{"F":"x"}"#]);
    item("F|re|all: ['a', 'b']", &[r#"{"F":"ba"}"#], &[r#"{"F":"a"}"#]);
    item("F|re: '^[0-9]+$'", &[r#"{"F":123}"#], &[r#"{"F":"12a"}"#]);
    // Spellings of PCRE that mean the same here.
    item(r"F|re: '\<a\>\/'", &[r#"{"F":"<a>/"}"#], &[r#"{"F":"a/"}"#]);
    item(r"F|re: 'a{b'", &[r#"{"F":"a{b"}"#], &[r#"{"F":"ab"}"#]);
    item(r"F|re: '^a{2,3}$'", &[r#"{"F":"aaa"}"#], &[r#"{"F":"a"}"#]);
    item(r"F|re: '^[[a]$'", &[r#"{"F":"["}"#, r#"{"F":"a"}"#], &[r#"{"F":"b"}"#]);
    item(r"F|re: '^[]a]$'", &[r#"{"F":"]"}"#], &[r#"{"F":"b"}"#]);
    item(r"F|re: '^[^]a]$'", &[r#"{"F":"b"}"#], &[r#"{"F":"]"}"#]);
    item(r"F|re: '^[a&&b]$'", &[r#"{"F":"&"}"#, r#"{"F":"a"}"#], &[r#"{"F":"c"}"#]);
    item(r"F|re: '^[+--]$'", &[r#"{"F":","}"#], &[r#"{"F":"a"}"#]);
    item(r"F|re: '^[[:digit:]]+$'", &[r#"{"F":"12"}"#], &[r#"{"F":"a"}"#]);
    item(r"F|re: 'a\Z'", &[r#"{"F":"a\n"}"#, r#"{"F":"a"}"#], &[r#"{"F":"ab"}"#]);
    item(r"F|re: '^a\hb$'", &[r#"{"F":"a\tb"}"#], &[r#"{"F":"a\nb"}"#]);
    item(r"F|re: '^a\Rb$'", &[r#"{"F":"a\r\nb"}"#], &[r#"{"F":"a b"}"#]);
    item(r"F|re: '^[\b]$'", &[r#"{"F":"\u0008"}"#], &[r#"{"F":"b"}"#]);
    item(r"F|re: '^a+?b{2}?$'", &[r#"{"F":"aabb"}"#], &[r#"{"F":"ab"}"#]);
    item(r"F|re: '(?i)^\x41(?:b)(?P<n>c)$'", &[r#"{"F":"aBC"}"#], &[r#"{"F":"ab"}"#]);
}

#[test]
fn windash() {
    item(
        "F|windash|contains: ' -f'",
        &[r#"{"F":"x -f"}"#, r#"{"F":"x /F"}"#, r#"{"F":"x –f"}"#, r#"{"F":"x —f"}"#, r#"{"F":"x ―f"}"#],
        &[r#"{"F":"x +f"}"#, r#"{"F":"x f"}"#],
    );
    item("F|contains|windash: '/f'", &[r#"{"F":"-f"}"#, r#"{"F":"/f"}"#], &[r#"{"F":"f"}"#]);
    item("F|windash: 'a-b -c'", &[r#"{"F":"a-b /c"}"#], &[r#"{"F":"a/b /c"}"#, r#"{"F":"a/b -c"}"#]);
    item("F|windash: '--foo'", &[r#"{"F":"-/foo"}"#, r#"{"F":"--foo"}"#], &[r#"{"F":"//foo"}"#]);
    item("F|windash|contains|all: [' -a', ' -b']", &[r#"{"F":"x /b –a"}"#], &[r#"{"F":"x -a"}"#]);
    item("F|windash: 'x -a -b'", &[r#"{"F":"x /a –b"}"#], &[r#"{"F":"x /a b"}"#]);
}

#[test]
fn encodings() {
    item("F|base64: foobar", &[r#"{"F":"Zm9vYmFy"}"#], &[r#"{"F":"foobar"}"#]);
    item("F|base64|contains: foobar", &[r#"{"F":"--Zm9vYmFy--"}"#], &[r#"{"F":"Zm9v"}"#]);
    item("F|base64: 12", &[r#"{"F":"MTI="}"#], &[]);
    // Of `foobar` after 0, 1 and 2 bytes, with more to follow.
    item(
        "F|base64offset|contains: foobar",
        &[r#"{"F":"Zm9vYmFyIQ=="}"#, r#"{"F":"IWZvb2JhciE="}"#, r#"{"F":"ISFmb29iYXIh"}"#],
        &[r#"{"F":"Zm9v"}"#],
    );
    item(
        "F|base64offset|contains: foo1",
        &[r#"{"F":"eHh4Zm9vMXg="}"#, r#"{"F":"eGZvbzF4"}"#, r#"{"F":"eHhmb28x"}"#],
        &[],
    );
    item("F|base64offset|contains: ab", &[r#"{"F":"YWI="}"#, r#"{"F":"eGFi"}"#, r#"{"F":"eHhhYng="}"#], &[]);
    item("F|utf16le|base64: ab", &[r#"{"F":"YQBiAA=="}"#], &[r#"{"F":"YWI="}"#]);
    item("F|wide|base64: ab", &[r#"{"F":"YQBiAA=="}"#], &[]);
    item("F|utf16be|base64: ab", &[r#"{"F":"AGEAYg=="}"#], &[]);
    item("F|utf16|base64: ab", &[r#"{"F":"//5hAGIA"}"#], &[]);
    item("F|wide|base64offset|contains: ab", &[r#"{"F":"eABhAGIAeAA="}"#], &[r#"{"F":"eHhhYng="}"#]);
    item(r"F|base64: 'a\*b'", &[r#"{"F":"YSpi"}"#], &[]);
    item("F|base64|cased: foobar", &[r#"{"F":"Zm9vYmFy"}"#], &[r#"{"F":"zm9vymfy"}"#]);
    item("F|windash|base64: '-a'", &[r#"{"F":"LWE="}"#, r#"{"F":"L2E="}"#], &[]);
}

#[test]
fn networks() {
    item(
        "F|cidr: 10.0.0.0/8",
        &[r#"{"F":"10.1.2.3"}"#, r#"{"F":"::ffff:10.1.2.3"}"#],
        &[r#"{"F":"11.0.0.1"}"#, r#"{"F":"10.1.2"}"#, r#"{"F":"-"}"#, r#"{"F":"::1"}"#, r#"{}"#],
    );
    item("F|cidr: 192.168.1.77/24", &[r#"{"F":"192.168.1.1"}"#], &[r#"{"F":"192.168.2.1"}"#]);
    item("F|cidr: 0.0.0.0/0", &[r#"{"F":"8.8.8.8"}"#], &[r#"{"F":"2001:db8::1"}"#]);
    item("F|cidr: 'fe80::/10'", &[r#"{"F":"FE80::1"}"#], &[r#"{"F":"fec0::1"}"#, r#"{"F":"10.0.0.1"}"#]);
    item(
        "F|cidr: ['::1/128', 127.0.0.0/8]",
        &[r#"{"F":"::1"}"#, r#"{"F":"127.0.0.1"}"#],
        &[r#"{"F":"::2"}"#],
    );
    item("F|cidr: 192.0.2.7", &[r#"{"F":"192.0.2.7"}"#], &[r#"{"F":"192.0.2.8"}"#]);
    item("F|cidr|neq: 10.0.0.0/8", &[r#"{"F":"8.8.8.8"}"#, r#"{"F":"-"}"#], &[r#"{"F":"10.0.0.1"}"#]);
    item(
        "F|expand|cidr: '%nets%'",
        &[r#"{"F":"2001:db8::9"}"#, r#"{"F":"10.9.9.9"}"#],
        &[r#"{"F":"8.8.8.8"}"#],
    );
}

#[test]
fn numbers() {
    item(
        "F|lt: 5",
        &[r#"{"F":4}"#, r#"{"F":"4"}"#, r#"{"F":-9}"#, r#"{"F":4.99}"#],
        &[r#"{"F":5}"#, r#"{"F":"x"}"#, r#"{}"#],
    );
    item("F|lte: 5", &[r#"{"F":5}"#, r#"{"F":"5.0"}"#], &[r#"{"F":5.01}"#]);
    item("F|gt: 5", &[r#"{"F":"10"}"#], &[r#"{"F":5}"#, r#"{"F":true}"#, r#"{"F":""}"#]);
    item("F|gte: 5.5", &[r#"{"F":5.5}"#, r#"{"F":"1e3"}"#], &[r#"{"F":5}"#, r#"{"F":"0x10"}"#]);
    item("F|gt: 9007199254740992", &[r#"{"F":9007199254740993}"#], &[r#"{"F":9007199254740992}"#]);
    item("F|gt: -1.5", &[r#"{"F":-1}"#, r#"{"F":0}"#], &[r#"{"F":-2}"#]);
    item("F|gt: '100'", &[r#"{"F":1000}"#], &[r#"{"F":99}"#]);
    item("F|lt: 0.05", &[r#"{"F":0.049}"#], &[r#"{"F":0.5}"#]);
}

#[test]
fn times() {
    let at = r#"{"F":"2026-12-31T23:05:59.123Z"}"#;
    item("F|minute: 5", &[at, r#"{"F":"2026-01-01 00:05"}"#], &[r#"{"F":"23:05"}"#]);
    item("F|hour: 23", &[at, r#"{"F":"2026-12-31T23:05:59+02:00"}"#], &[r#"{"F":"2026-12-31T22:05:59Z"}"#]);
    item("F|day: 31", &[at], &[r#"{"F":"2026-02-31T00:00:00Z"}"#, r#"{}"#]);
    item("F|week: 53", &[at, r#"{"F":"2027-01-01"}"#], &[r#"{"F":"2026-01-01"}"#]);
    item("F|month: 12", &[at], &[r#"{"F":"2026-11-30T00:00:00Z"}"#]);
    item("F|year: 2026", &[at], &[r#"{"F":"2027-01-01"}"#, r#"{"F":2026}"#]);
    item("F|hour|gte: 22", &[at], &[r#"{"F":"2026-12-31T21:59:59Z"}"#]);
    item("F|hour|lt: 6", &[r#"{"F":"2026/12/31 05:59:00 UTC"}"#], &[at]);
    item("F|hour: [1, 23]", &[at], &[r#"{"F":"2026-12-31T02:00:00"}"#]);
    item("F|hour|neq: 3", &[at, r#"{"F":"never"}"#], &[r#"{"F":"2026-12-31T03:00:00"}"#]);
}

#[test]
fn field_references() {
    item(
        "F|fieldref: G",
        &[r#"{"F":"a","G":"A"}"#, r#"{"F":1,"G":"1"}"#, r#"{"F":["x","y"],"G":"y"}"#],
        &[r#"{"F":"a","G":"b"}"#, r#"{"F":"a"}"#, r#"{"G":"a"}"#, r#"{}"#, r#"{"F":null,"G":null}"#],
    );
    item("F|fieldref|startswith: G", &[r#"{"F":"abc","G":"AB"}"#], &[r#"{"F":"ab","G":"abc"}"#]);
    item("F|fieldref|endswith: G", &[r#"{"F":"abc","G":"bc"}"#], &[r#"{"F":"abc","G":"ab"}"#]);
    item("F|fieldref|contains: G", &[r#"{"F":"abc","G":"b"}"#], &[r#"{"F":"abc","G":"*"}"#]);
    item("F|fieldref|neq: G", &[r#"{"F":"a","G":"b"}"#, r#"{"F":"a"}"#], &[r#"{"F":"a","G":"a"}"#]);
    item("F|fieldref|cased: G", &[r#"{"F":"a","G":"a"}"#], &[r#"{"F":"a","G":"A"}"#]);
}

#[test]
fn placeholders() {
    item("F|expand: '%admins%'", &[r#"{"F":"root"}"#, r#"{"F":"Admin"}"#], &[r#"{"F":"%admins%"}"#]);
    item("F|contains|expand: 'user=%admins%;'", &[r#"{"F":"x user=root; y"}"#], &[r#"{"F":"user=rooty;"}"#]);
    item("F|expand: '100% of %admins%'", &[r#"{"F":"100% of root"}"#], &[]);
    item("F: '%admins%'", &[r#"{"F":"%admins%"}"#], &[r#"{"F":"root"}"#]);
    item("F|expand: 'plain'", &[r#"{"F":"plain"}"#], &[]);
}

#[test]
fn conditions() {
    let three = "a1: {A: 1}\na2: {B: 1}\na3: {C: 1}\n_a4: {D: 1}\ncondition: ";
    let cases = [
        ("a1 or a2 and a3", r#"{"A":1}"#, true),
        ("(a1 or a2) and a3", r#"{"A":1}"#, false),
        ("not a1 and a2", r#"{"B":1}"#, true),
        ("not (a1 and a2)", r#"{"A":1,"B":1}"#, false),
        ("not not a1", r#"{"A":1}"#, true),
        ("NOT a1 AND a2 Or a3", r#"{"C":1}"#, true),
        ("not a1", r#"{}"#, true),
        ("1 of a*", r#"{"B":1}"#, true),
        ("any of a*", r#"{"C":1}"#, true),
        ("all of a*", r#"{"A":1,"B":1}"#, false),
        ("all of a*", r#"{"A":1,"B":1,"C":1}"#, true),
        ("2 of a*", r#"{"A":1,"C":1}"#, true),
        ("2 of a*", r#"{"C":1}"#, false),
        ("3 of them", r#"{"A":1,"B":1,"D":1}"#, false),
        ("all of them", r#"{"A":1,"B":1,"C":1}"#, true),
        ("1 of them", r#"{"D":1}"#, false),
        ("1 of _a*", r#"{"D":1}"#, true),
        ("1 of *4", r#"{"D":1}"#, true),
        ("1 of *a*", r#"{"D":1}"#, true),
        ("1 of a2", r#"{"B":1}"#, true),
        ("not 1 of a*", r#"{}"#, true),
        ("a1 and not 1 of a2*", r#"{"A":1}"#, true),
        ("a1 and (not a2 or a3)", r#"{"A":1,"B":1}"#, false),
        ("[a1, a2]", r#"{"B":1}"#, true),
        ("[a1, a2 and a3]", r#"{"B":1}"#, false),
        (">\n  a1\n  or a2", r#"{"B":1}"#, true),
    ];
    for (condition, event, expected) in cases {
        check(&format!("{three}{condition}"), event, expected);
    }
}

#[test]
fn trees_are_simple() {
    let tree = |detection: &str| rule(&wrap(detection)).expr;
    assert!(matches!(tree("s: {F: a}\ncondition: s"), Expr::Atom(_)));
    // Variants and values are one list.
    let Expr::Or(variants) = tree("s: {'F|windash': ['-a', '-b']}\ncondition: s") else { panic!() };
    assert_eq!(variants.len(), 10);
    let forms = [
        ("'*a*'", "F|contains: a"),
        ("'a*'", "F|startswith: a"),
        ("'*a'", "F|endswith: a"),
        ("'**a**'", "F|contains: a"),
        ("'*'", "F|contains: ''"),
    ];
    for (value, entry) in forms {
        let plain = tree(&format!("s:\n  F: {value}\ncondition: s"));
        assert_eq!(plain, tree(&format!("s:\n  {entry}\ncondition: s")), "{value}");
    }
}

#[test]
fn assembled_sets_keep_their_rules() {
    let (documents, _) = parse_str("t.yml", &wrap("s: {F: a}\ncondition: s"), &options());
    let (set, errors) = RuleSet::assemble(documents);
    assert_eq!((set.rules.len(), errors.len()), (1, 0));
}
