//! One JSON object per line, written while evidence is read. `docs/formats/output.md` has the schema.
//!
//! Written by hand into one reused buffer: most runs that speed matters for end here. What
//! repeats (the rule of a finding, its source and hash) is serialised once.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use palisade_model::{Finding, Problem, RuleInfo, SourceId, Time};
use palisade_pipeline::{Sources, Summary};

use super::{Form, Out, words};
use crate::times::Clock;

/// Rules whose JSON is kept. Indicators are rules too, and lists may be long.
const MAX_RULES_KEPT: usize = 16_384;

/// The NDJSON form.
pub struct Ndjson {
    objects: Objects,
}

impl Ndjson {
    /// Begins.
    pub fn new(clock: Clock) -> Ndjson {
        Ndjson { objects: Objects::new(clock) }
    }
}

impl Form for Ndjson {
    fn finding(&mut self, finding: &Finding, sources: &Sources, out: Out<'_>) -> io::Result<()> {
        out.write_all(self.objects.finding(finding, sources, b"\n"))
    }

    fn problem(&mut self, problem: &Problem, out: Out<'_>) -> io::Result<()> {
        out.write_all(self.objects.problem(problem, b"\n"))
    }

    fn finish(&mut self, summary: &Summary, out: Out<'_>) -> io::Result<()> {
        self.objects.coverage(summary, &mut |object| {
            out.write_all(object)?;
            out.write_all(b"\n")
        })?;
        out.write_all(self.objects.summary(summary))?;
        out.write_all(b"\n")
    }
}

/// Writes single objects; the JSON form uses it too.
pub struct Objects {
    clock: Clock,
    buffer: Vec<u8>,
    text: String,
    /// JSON of each rule met, with the rule kept alive so that its address stays its own.
    rules: HashMap<*const RuleInfo, (Arc<RuleInfo>, Box<[u8]>)>,
    source: Option<CitedSource>,
}

/// The last source cited: findings come source by source.
struct CitedSource {
    id: SourceId,
    /// `{"source":"…","record":`
    before: Vec<u8>,
    /// `,"sha256":"…"}`
    after: Vec<u8>,
}

impl Objects {
    /// Begins.
    pub fn new(clock: Clock) -> Objects {
        Objects {
            clock,
            buffer: Vec::with_capacity(4_096),
            text: String::with_capacity(1_024),
            rules: HashMap::new(),
            source: None,
        }
    }

    /// A finding, with `end` after it.
    pub fn finding(&mut self, finding: &Finding, sources: &Sources, end: &[u8]) -> &[u8] {
        let mut b = std::mem::take(&mut self.buffer);
        b.clear();
        b.extend_from_slice(b"{\"kind\":\"finding\",\"id\":\"");
        hex(&finding.id.0, &mut b);
        b.extend_from_slice(b"\",\"time\":");
        time(&self.clock, finding.time, &mut b);
        b.extend_from_slice(b",\"time_end\":");
        time(&self.clock, finding.time_end, &mut b);
        b.extend_from_slice(b",\"vector\":\"");
        b.extend_from_slice(finding.vector.name().as_bytes());
        b.extend_from_slice(b"\",");
        self.rule(&finding.rule, &mut b);
        if let Some(host) = &finding.host {
            b.extend_from_slice(b",\"host\":");
            string(host, &mut b);
        }
        if finding.recovered {
            b.extend_from_slice(b",\"recovered\":true");
        }
        b.extend_from_slice(b",\"observables\":[");
        for (i, observable) in finding.observables.iter().enumerate() {
            b.extend_from_slice(if i == 0 { b"{\"type\":\"" } else { b",{\"type\":\"" });
            b.extend_from_slice(observable.kind().name().as_bytes());
            b.extend_from_slice(b"\",\"value\":");
            string(observable.value(), &mut b);
            b.push(b'}');
        }
        b.extend_from_slice(b"],\"message\":");
        words::sentence(finding, &mut self.text);
        string(&self.text, &mut b);
        b.extend_from_slice(b",\"fields\":{");
        for (i, (name, value)) in finding.message.args.iter().enumerate() {
            if i > 0 {
                b.push(b',');
            }
            string(name, &mut b);
            b.push(b':');
            string(value, &mut b);
        }
        b.extend_from_slice(b"},\"citations\":[");
        for (i, citation) in finding.citations.iter().enumerate() {
            if i > 0 {
                b.push(b',');
            }
            let source = cited(&mut self.source, citation.source, sources);
            b.extend_from_slice(&source.before);
            number(citation.record, &mut b);
            b.extend_from_slice(b",\"offset\":");
            number(citation.offset, &mut b);
            b.extend_from_slice(&source.after);
        }
        b.extend_from_slice(b"]}");
        b.extend_from_slice(end);
        self.buffer = b;
        &self.buffer
    }

    /// `"rule":{…},"severity":…,"confidence":…,"attack":[…]`, and `"software":[…]` if the rule recognises any
    fn rule(&mut self, rule: &Arc<RuleInfo>, b: &mut Vec<u8>) {
        if let Some((_, json)) = self.rules.get(&Arc::as_ptr(rule)) {
            b.extend_from_slice(json);
            return;
        }
        let start = b.len();
        b.extend_from_slice(b"\"rule\":{\"id\":");
        string(&rule.id, b);
        b.extend_from_slice(b",\"title\":");
        string(&rule.title, b);
        b.extend_from_slice(b",\"level\":");
        string(rule.level.name(), b);
        for (name, value) in [("author", &rule.author), ("license", &rule.license)] {
            if let Some(value) = value {
                b.push(b',');
                string(name, b);
                b.push(b':');
                string(value, b);
            }
        }
        b.extend_from_slice(b"},\"severity\":");
        string(rule.level.name(), b);
        b.extend_from_slice(b",\"confidence\":");
        number(u64::from(rule.confidence.0), b);
        b.extend_from_slice(b",\"attack\":[");
        for (i, id) in rule.attack.iter().enumerate() {
            if i > 0 {
                b.push(b',');
            }
            string(id, b);
        }
        b.push(b']');
        for (i, id) in rule.software.iter().enumerate() {
            b.extend_from_slice(if i == 0 { b",\"software\":[" } else { b"," });
            string(id, b);
        }
        if !rule.software.is_empty() {
            b.push(b']');
        }
        if self.rules.len() >= MAX_RULES_KEPT {
            self.rules.clear();
        }
        self.rules.insert(Arc::as_ptr(rule), (rule.clone(), b[start..].into()));
    }

    /// A problem, with `end` after it.
    pub fn problem(&mut self, problem: &Problem, end: &[u8]) -> &[u8] {
        let b = &mut self.buffer;
        b.clear();
        b.extend_from_slice(b"{\"kind\":\"problem\",\"code\":");
        string(problem.code.name(), b);
        b.extend_from_slice(b",\"source\":");
        string(&problem.origin.to_string(), b);
        b.extend_from_slice(b",\"offset\":");
        match problem.offset {
            Some(offset) => number(offset, b),
            None => b.extend_from_slice(b"null"),
        }
        b.extend_from_slice(b",\"message\":");
        string(&problem.message, b);
        b.extend_from_slice(b",\"count\":");
        number(problem.count, b);
        b.push(b'}');
        b.extend_from_slice(end);
        b
    }

    /// Each object of the coverage: kinds of records seen, log sources that rules lack.
    pub fn coverage(
        &mut self,
        summary: &Summary,
        write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        for seen in &summary.seen {
            let b = &mut self.buffer;
            b.clear();
            b.extend_from_slice(b"{\"kind\":\"coverage\",\"what\":\"records\",\"shape\":");
            string(&seen.shape, b);
            b.extend_from_slice(b",\"events\":");
            number(seen.events, b);
            b.extend_from_slice(b",\"first\":");
            time(&self.clock, seen.first, b);
            b.extend_from_slice(b",\"last\":");
            time(&self.clock, seen.last, b);
            b.extend_from_slice(b",\"covered\":");
            boolean(seen.covered, b);
            b.push(b'}');
            write(b)?;
        }
        for blind in &summary.blind {
            let b = &mut self.buffer;
            b.clear();
            b.extend_from_slice(b"{\"kind\":\"coverage\",\"what\":\"missing\",\"logsource\":");
            string(&blind.source, b);
            b.extend_from_slice(b",\"rules\":");
            number(blind.rules, b);
            b.extend_from_slice(b",\"known\":");
            boolean(blind.known, b);
            b.push(b'}');
            write(b)?;
        }
        for t in &summary.techniques {
            let b = &mut self.buffer;
            b.clear();
            b.extend_from_slice(b"{\"kind\":\"coverage\",\"what\":\"technique\",\"technique\":");
            string(&t.id, b);
            for (name, n) in
                [("rules", t.rules), ("could", t.could), ("hosts", t.hosts), ("of_hosts", t.of_hosts)]
            {
                named_number(name, n, b);
            }
            b.extend_from_slice(b",\"first\":");
            time(&self.clock, t.first, b);
            b.extend_from_slice(b",\"last\":");
            time(&self.clock, t.last, b);
            b.extend_from_slice(b",\"without\":");
            list(&t.without, b, |host, b| string(host, b));
            b.extend_from_slice(b",\"missing\":");
            list(&t.missing, b, source);
            b.push(b'}');
            write(b)?;
        }
        for host in &summary.hosts {
            let b = &mut self.buffer;
            b.clear();
            b.extend_from_slice(b"{\"kind\":\"coverage\",\"what\":\"host\",\"host\":");
            string(&host.host, b);
            named_number("techniques", host.techniques, b);
            b.extend_from_slice(b",\"logs\":");
            list(&host.logs, b, |log, b| {
                b.extend_from_slice(b"{\"log\":");
                string(&log.log, b);
                named_number("events", log.events, b);
                named_number("days", log.days, b);
                b.extend_from_slice(b",\"first\":");
                time(&self.clock, log.first, b);
                b.extend_from_slice(b",\"last\":");
                time(&self.clock, log.last, b);
                b.push(b'}');
            });
            b.extend_from_slice(b",\"lacks\":");
            list(&host.lacks, b, source);
            b.extend_from_slice(b",\"unsaid\":");
            list(&host.unsaid, b, |text, b| string(text, b));
            b.push(b'}');
            write(b)?;
        }
        Ok(())
    }

    /// The summary.
    pub fn summary(&mut self, s: &Summary) -> &[u8] {
        let b = &mut self.buffer;
        b.clear();
        b.extend_from_slice(b"{\"kind\":\"summary\"");
        let numbers = [
            ("events", s.events),
            ("bytes", s.bytes),
            ("rules_loaded", s.rules_loaded),
            ("rules_failed", s.rules_failed),
            ("findings", s.findings),
            ("files", s.files),
            ("files_known", s.files_known),
            ("sources", s.sources),
            ("log_bytes", s.log_bytes),
            ("detectors", s.detectors),
            ("indicators", s.indicators),
            ("unrecognised_events", s.unrecognised_events),
            ("events_without_time", s.events_without_time),
        ];
        for (name, value) in numbers {
            b.push(b',');
            string(name, b);
            b.push(b':');
            number(value, b);
        }
        b.extend_from_slice(b",\"by_severity\":{");
        for (i, (severity, n)) in s.by_severity.iter().rev().enumerate() {
            if i > 0 {
                b.push(b',');
            }
            string(severity.name(), b);
            b.push(b':');
            number(*n, b);
        }
        b.extend_from_slice(b"},\"problems\":{");
        for (i, (code, n)) in s.problems.iter().enumerate() {
            if i > 0 {
                b.push(b',');
            }
            string(code.name(), b);
            b.push(b':');
            number(*n, b);
        }
        b.extend_from_slice(b"},\"hashed\":");
        boolean(s.hashed, b);
        b.extend_from_slice(format!(",\"seconds\":{:.3}}}", s.seconds).as_bytes());
        b
    }
}

fn cited<'s>(kept: &'s mut Option<CitedSource>, id: SourceId, sources: &Sources) -> &'s CitedSource {
    if kept.as_ref().is_none_or(|s| s.id != id) {
        let source = sources.get(id);
        let mut before = b"{\"source\":".to_vec();
        string(&source.map(|s| s.origin.to_string()).unwrap_or_default(), &mut before);
        before.extend_from_slice(b",\"record\":");
        let mut after = b",\"sha256\":".to_vec();
        match source.and_then(|s| s.file.sha256()) {
            Some(hash) => {
                after.push(b'"');
                hex(&hash, &mut after);
                after.push(b'"');
            }
            None => after.extend_from_slice(b"null"),
        }
        after.push(b'}');
        *kept = None;
        return kept.insert(CitedSource { id, before, after });
    }
    kept.get_or_insert_with(|| CitedSource { id, before: Vec::new(), after: Vec::new() })
}

fn time(clock: &Clock, time: Option<Time>, b: &mut Vec<u8>) {
    match time {
        Some(time) => {
            b.push(b'"');
            clock.write(time, b);
            b.push(b'"');
        }
        None => b.extend_from_slice(b"null"),
    }
}

/// A JSON string. Control characters are escaped by JSON itself, so a terminal is safe from
/// them; C1 controls and direction marks are escaped here, because NDJSON is read there too.
fn string(text: &str, b: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    b.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        // One test passes nearly every byte: printable ASCII that needs no escape.
        if (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\' {
            at += 1;
            continue;
        }
        if byte < 0x80 {
            b.extend_from_slice(&bytes[from..at]);
            match byte {
                b'"' => b.extend_from_slice(b"\\\""),
                b'\\' => b.extend_from_slice(b"\\\\"),
                b'\n' => b.extend_from_slice(b"\\n"),
                b'\r' => b.extend_from_slice(b"\\r"),
                b'\t' => b.extend_from_slice(b"\\t"),
                _ => {
                    b.extend_from_slice(b"\\u00");
                    b.push(HEX[usize::from(byte >> 4)]);
                    b.push(HEX[usize::from(byte & 15)]);
                }
            }
            at += 1;
            from = at;
            continue;
        }
        let Some(c) = text[at..].chars().next() else { break };
        let len = c.len_utf8();
        let mut units = [0u16; 2];
        let deceptive = matches!(palisade_model::terminal(&text[at..at + len]), std::borrow::Cow::Owned(_));
        if deceptive {
            b.extend_from_slice(&bytes[from..at]);
            for unit in c.encode_utf16(&mut units) {
                b.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    b.push(HEX[usize::from((*unit >> shift) & 15)]);
                }
            }
            from = at + len;
        }
        at += len;
    }
    b.extend_from_slice(&bytes[from..]);
    b.push(b'"');
}

fn named_number(name: &str, n: u64, b: &mut Vec<u8>) {
    b.push(b',');
    string(name, b);
    b.push(b':');
    number(n, b);
}

/// `[…]`, each element as `write` writes it.
fn list<T>(items: &[T], b: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    b.push(b'[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            b.push(b',');
        }
        write(item, b);
    }
    b.push(b']');
}

/// A log source and the number of rules that need it.
fn source(source: &(String, u64), b: &mut Vec<u8>) {
    b.extend_from_slice(b"{\"logsource\":");
    string(&source.0, b);
    named_number("rules", source.1, b);
    b.push(b'}');
}

fn number(n: u64, b: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = n;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    b.extend_from_slice(&digits[at..]);
}

fn boolean(value: bool, b: &mut Vec<u8>) {
    b.extend_from_slice(if value { b"true" } else { b"false" });
}

fn hex(bytes: &[u8], b: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        b.push(HEX[usize::from(byte >> 4)]);
        b.push(HEX[usize::from(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_json_and_harmless() {
        for text in [
            "",
            "plain",
            "a\"b\\c\n\r\t\u{1}\u{7f}",
            "exe.\u{202e}fdp",
            "ünï \u{9b}31m",
            "\u{e0041} 😀",
            "\u{0}",
        ] {
            let mut b = Vec::new();
            string(text, &mut b);
            assert_eq!(serde_json::from_slice::<String>(&b).unwrap(), text);
            let shown = String::from_utf8(b).unwrap();
            assert!(matches!(palisade_model::terminal(&shown), std::borrow::Cow::Borrowed(_)), "{shown:?}");
        }
        for n in [0, 7, 10, u64::MAX] {
            let mut b = Vec::new();
            number(n, &mut b);
            assert_eq!(String::from_utf8(b).unwrap(), n.to_string());
        }
    }
}
