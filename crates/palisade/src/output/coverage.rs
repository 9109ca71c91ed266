//! What could have been seen: techniques and machines, for people.

use std::fmt::Write as _;

use palisade_model::terminal;
use palisade_pipeline::Summary;

use super::words::{count, cut, plural};

/// Most machines named without `--coverage`.
const FEW: usize = 8;

/// Writes the section; all techniques and machines if `whole`. Writing into a `String` cannot fail; `let _ =` says so.
pub fn write(text: &mut String, whole: bool, s: &Summary, width: usize, heading: &dyn Fn(&str) -> String) {
    if s.techniques.is_empty() {
        return;
    }
    let could = s.techniques.iter().filter(|t| t.could > 0).count() as u64;
    let all = s.techniques.len() as u64;
    let _ = writeln!(text, "\n{}", heading("WHAT COULD HAVE BEEN SEEN"));
    let _ = writeln!(
        text,
        "  {} of {} that rules and detectors look for could have shown in these logs; {} could not",
        count(could),
        plural(all, "technique"),
        count(all - could)
    );
    if !whole {
        let _ = writeln!(text, "  (a rule sees some ways of a technique, never all; --coverage lists them)");
    }
    for host in s.hosts.iter().filter(|h| !h.lacks.is_empty() || !h.unsaid.is_empty()).take(if whole {
        usize::MAX
    } else {
        FEW
    }) {
        let mut said: Vec<String> = Vec::new();
        if !host.lacks.is_empty() {
            let lacks: Vec<&str> = host.lacks.iter().take(4).map(|(name, _)| name.as_str()).collect();
            said.push(format!("has no {} (others have)", lacks.join(", ")));
        }
        said.extend(host.unsaid.iter().map(|u| format!("records no {u}")));
        let line = format!("{}: {}", terminal(&host.host), said.join("; "));
        let _ = writeln!(text, "  - {}", cut(&terminal(&line), width.saturating_sub(4)));
    }
    if !whole {
        return;
    }
    let _ = writeln!(text, "\n  technique    rules  with records  machines  lacking log sources (rules)");
    for t in &s.techniques {
        let lacking: Vec<String> =
            t.missing.iter().take(3).map(|(name, n)| format!("{name} ({n})")).collect();
        let machines = if t.of_hosts > 0 { format!("{}/{}", t.hosts, t.of_hosts) } else { "-".to_owned() };
        let line = format!(
            "  {:<12} {:>5}  {:>12}  {:>8}  {}",
            terminal(&t.id),
            count(t.rules),
            count(t.could),
            machines,
            terminal(&lacking.join(", "))
        );
        let _ = writeln!(text, "{}", cut(line.trim_end(), width));
    }
    let _ = writeln!(text, "\n  machine                        techniques  logs (events, days)");
    for host in &s.hosts {
        let logs: Vec<String> =
            host.logs.iter().map(|l| format!("{} ({}, {})", l.log, count(l.events), count(l.days))).collect();
        let line = format!(
            "  {:<30} {:>10}  {}",
            cut(&terminal(&host.host), 30),
            count(host.techniques),
            terminal(&logs.join(", "))
        );
        let _ = writeln!(text, "{}", cut(&line, width));
    }
}
