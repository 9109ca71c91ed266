//! The report as JSON: everything the material says, with what was derived from it. `docs/guide/report.md` has the schema.
//!
//! Text is exact, not cut and not neutralised: who shows it must do that. It is written so that it may stand inside
//! HTML: `<`, `>`, `&`, direction marks and controls are `\u` escapes.
//! What this module never does: write a number that JSON does not have; what is none is `null`.

use palisade_model::{ExhibitBody, Observable, Severity, Time};
use serde_json::{Map, Value, json};

use crate::actions::Action;
use crate::material::{Evidence, Finding};
use crate::sections;
use crate::story::Story;
use crate::{Material, Options, attack, braid, locale};

/// Version of the form. The number after the slash rises when something is taken away or changes its meaning.
pub const SCHEMA: &str = "palisade.report/1";

/// The report as JSON.
pub fn json(material: &Material, options: &Options<'_>) -> String {
    let story = Story::new(material, options);
    written(&whole(&story))
}

/// As text that is safe inside HTML and shows what is invisible.
pub(crate) fn written(value: &Value) -> String {
    // Serialising a value that was made here cannot fail; were it to, an empty object is still JSON.
    let plain = serde_json::to_string_pretty(value).unwrap_or_else(|_| "{}".into());
    let mut out = String::with_capacity(plain.len() + plain.len() / 16);
    for c in plain.chars() {
        // None of these stands outside of a string in JSON but the line break of the writer.
        let hidden = match c {
            '<' | '>' | '&' => true,
            ' '..='~' | '\n' => false,
            c => {
                let mut buffer = [0; 4];
                let one: &str = c.encode_utf8(&mut buffer);
                palisade_model::terminal(one) != one
            }
        };
        if hidden {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

fn time(t: Option<Time>) -> Value {
    t.map_or(Value::Null, |t| Value::String(t.clamp(Time::MIN, Time::MAX).to_string()))
}

fn number(v: f64) -> Value {
    serde_json::Number::from_f64(v).map_or(Value::Null, Value::Number)
}

fn observable(o: &Observable) -> Value {
    json!({"type": o.kind().name(), "value": o.value()})
}

fn whole(story: &Story<'_>) -> Value {
    let m = story.m;
    let by_severity: Map<String, Value> = Severity::ALL
        .into_iter()
        .map(|s| {
            let n = story.live.iter().filter(|i| m.findings[**i].severity == s).count();
            (s.name().to_owned(), json!(n))
        })
        .collect();
    let ids = |all: &[usize]| -> Vec<String> { all.iter().map(|i| m.findings[*i].id.to_string()).collect() };
    json!({
        "schema": SCHEMA,
        "edition": story.o.edition.name(),
        "tlp": story.tlp.to_string(),
        "case": m.case,
        "organisation": m.organisation.name,
        "made": time(Some(m.made)),
        "analyst": m.analyst,
        "tool": {"name": "Palisade", "version": m.tool_version},
        "language": story.o.catalogue.language(),
        "zone": locale::zone_name(&story.o.zone, m.made),
        "summary": {
            "findings": story.live.len(),
            "dismissed": m.findings.len() - story.live.len(),
            "by_severity": by_severity,
            "campaigns": m.campaigns.len(),
        },
        "actions": story.actions.iter().map(|a| action(story, a)).collect::<Vec<_>>(),
        "campaigns": m.campaigns.iter().map(campaign).collect::<Vec<_>>(),
        "techniques": story.techniques.iter().map(|(id, found)| json!({
            "id": id,
            "name": attack::name(id),
            "tactics": attack::places(id).iter().map(|p| attack::tactics()[*p].id.clone()).collect::<Vec<_>>(),
            "findings": ids(found),
        })).collect::<Vec<_>>(),
        "indicators": story.indicators.iter().map(|i| json!({
            "type": i.observable.kind().name(),
            "value": i.observable.value(),
            "severity": i.severity.name(),
            "first": time(i.first),
            "last": time(i.last),
            "findings": ids(&i.findings),
        })).collect::<Vec<_>>(),
        "hypotheses": story.hypotheses().into_iter().map(|h| json!({
            "subject": h.subject,
            "name": h.name,
            "probability": number(h.probability),
            "likelihood": story.likelihood(h.probability),
            "confidence": h.confidence,
            "for": evidence(&h.supporting),
            "against": evidence(&h.against),
            "would_change": h.would_change,
            "knowledge": time(h.knowledge),
            "adopted_by": h.adopted_by,
            "because": h.because,
            "stale": h.stale,
            "concluded": h.attributed.is_some(),
        })).collect::<Vec<_>>(),
        "gravity": m.gravity.iter().map(|g| json!({
            "scale": g.scale,
            "subject": g.subject,
            "level": g.level,
            "score": g.score.map(|(score, least, most)| json!({
                "score": number(score), "least": number(least), "most": number(most),
            })),
            "inputs": g.inputs.iter().map(|(name, value, points)| json!({
                "name": name, "value": value, "points": points,
            })).collect::<Vec<_>>(),
            "evidence": evidence(&g.evidence),
        })).collect::<Vec<_>>(),
        "exhibits": m.exhibits.iter().filter(|e| e.tlp <= story.tlp).map(exhibit).collect::<Vec<_>>(),
        "paragraphs": m.paragraphs.iter().map(|p| json!({"heading": p.heading, "text": p.text})).collect::<Vec<_>>(),
        "findings": story.by_time().into_iter().map(|i| finding(story, &m.findings[i])).collect::<Vec<_>>(),
        "coverage": {
            "shapes": m.coverage.shapes.iter().map(|s| json!({
                "shape": s.shape, "events": s.events, "first": time(s.first), "last": time(s.last),
            })).collect::<Vec<_>>(),
            "unseen": m.coverage.unseen,
        },
        "problems": m.problems.iter().map(|p| json!({
            "path": p.path, "code": p.code, "message": p.message, "times": p.times,
        })).collect::<Vec<_>>(),
        "verdicts": m.verdicts.iter().map(|v| json!({
            "subject": v.subject,
            "kind": v.kind.name(),
            "analyst": v.analyst,
            "time": time(Some(v.time)),
            "reason": v.reason,
            "expires": time(v.expires),
            "undone": time(v.undone),
            "holds": v.holds(m.made),
        })).collect::<Vec<_>>(),
        "sources": m.sources.iter().map(|s| json!({
            "path": s.path, "sha256": s.sha256, "bytes": s.bytes, "records": s.records, "complete": s.complete,
        })).collect::<Vec<_>>(),
        "custody": m.custody,
    })
}

fn action(story: &Story<'_>, a: &Action<'_>) -> Value {
    json!({
        "kind": a.kind.name(),
        "text": sections::sentence(story, a),
        "severity": a.severity.name(),
        "host": a.host,
        "observable": a.observable.map(observable),
        "findings": a.findings.iter().map(|i| story.m.findings[*i].id.to_string()).collect::<Vec<_>>(),
    })
}

fn finding(story: &Story<'_>, f: &Finding) -> Value {
    let verdict = match (story.judged.dismissed(f), story.judged.confirmed(f)) {
        (true, _) => Some("false_positive"),
        (_, true) => Some("confirmed"),
        _ => None,
    };
    json!({
        "id": f.id.to_string(),
        "rule": f.rule,
        "title": f.title,
        "severity": f.severity.name(),
        "confidence": f.confidence.0,
        "vector": f.vector.name(),
        "time": time(f.time),
        "time_end": time(f.time_end),
        "host": f.host,
        "message": {"id": f.message.id, "args": f.message.args.iter().map(|(n, v)| json!([n, v])).collect::<Vec<_>>()},
        "observables": f.observables.iter().map(observable).collect::<Vec<_>>(),
        "attack": f.attack,
        "recovered": f.recovered,
        "verdict": verdict,
        "campaign": story.campaign_of.get(&f.id).map(|c| story.m.campaigns[*c].id.to_string()),
        "citations": f.citations.iter().map(|c| json!({
            "path": c.path, "member": c.member, "record": c.record, "offset": c.offset, "sha256": c.sha256,
        })).collect::<Vec<_>>(),
    })
}

fn campaign(c: &palisade_model::Campaign) -> Value {
    let (first, last) = c.span();
    json!({
        "id": c.id.to_string(),
        "finding": c.id.0.to_string(),
        "aliases": c.aliases.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "severity": c.severity().name(),
        "first": time(first),
        "last": time(last),
        "cohesion": number(c.cohesion),
        "steps": c.steps.iter().map(|s| json!({
            "first": time(s.first),
            "last": time(s.last),
            "severity": s.severity.name(),
            "title": s.title,
            "vectors": s.vectors.iter().map(|v| v.name()).collect::<Vec<_>>(),
            "hosts": s.hosts,
            "attack": s.attack,
            "findings": s.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "joins": c.joins.iter().map(|j| json!({
            "steps": [j.steps.0, j.steps.1],
            "score_micronats": j.score.0,
            "sum_micronats": braid::sum(j).0,
            "probability": number(j.score.probability()),
            "bridge": j.bridge,
            "terms": j.terms.iter().map(|t| json!({
                "kind": t.kind.name(),
                "weight_micronats": t.weight.0,
                "observable": t.observable.as_ref().map(observable),
                "seen": t.seen.map(|(seen, of)| json!({"contexts": seen, "of": of})),
                "apart_us": t.apart,
                "findings": t.findings.map(|(a, b)| json!([a.to_string(), b.to_string()])),
                "note": t.note,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn evidence(all: &[Evidence]) -> Vec<Value> {
    let one = |e: &Evidence| json!({"text": e.text, "findings": e.findings.iter().map(ToString::to_string).collect::<Vec<_>>()});
    all.iter().map(one).collect()
}

fn exhibit(e: &palisade_model::Exhibit) -> Value {
    let body = match &e.body {
        ExhibitBody::Table { columns, rows } => json!({"form": "table", "columns": columns, "rows": rows}),
        ExhibitBody::Graph { nodes, edges } => json!({
            "form": "graph", "nodes": nodes,
            "edges": edges.iter().map(|(a, b, w)| json!([a, b, number(*w)])).collect::<Vec<_>>(),
        }),
        ExhibitBody::Flow { nodes, flows } => json!({
            "form": "flow", "nodes": nodes,
            "flows": flows.iter().map(|(a, b, amount, unit)| json!([a, b, amount, unit])).collect::<Vec<_>>(),
        }),
        ExhibitBody::Timeline { entries } => json!({
            "form": "timeline",
            "entries": entries.iter().map(|(t, text)| json!([time(Some(*t)), text])).collect::<Vec<_>>(),
        }),
        ExhibitBody::Matrix { rows, columns, cells } => json!({
            "form": "matrix", "rows": rows, "columns": columns,
            "cells": cells.iter().map(|v| number(*v)).collect::<Vec<_>>(),
        }),
    };
    let cited =
        e.citations.iter().map(|c| json!({"source": c.source.0, "record": c.record, "offset": c.offset}));
    json!({"title": e.title, "tlp": e.tlp.to_string(), "body": body, "citations": cited.collect::<Vec<_>>()})
}
