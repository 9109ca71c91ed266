//! Palisade's own form of knowledge about actors: one fact a line, fields between tabs, sorted, so that two versions
//! can be compared by eye.
//!
//! ```text
//! palisade-actors 1
//! notice  TEXT
//! as-of   2023-12
//! actor   G0032  KP  Lazarus Group
//! alias   G0032  same  1  mitre-attack  2016-01  -  HIDDEN COBRA
//! item    S0002  tool  Mimikatz
//! account G0032  2018-02  REPORT  T1005 T1059.001 S0002
//! mark    G0032  2018-02  2018-09  REPORT  domain:example.org
//! ```
//! `-` stands for what is not known. What a line says twice counts once.

use std::fmt::Write as _;

use palisade_model::{
    Account, Actor, Alias, AliasMeaning, Item, ItemKind, Knowledge, Mark, Month, Observable, ProblemCode,
};

use super::{MAX_OBJECTS, Sink, is_item, tidy};

/// How such a file begins.
pub(super) const FIRST: &str = "palisade-actors 1";

const MEANINGS: [(AliasMeaning, &str); 4] = [
    (AliasMeaning::Same, "same"),
    (AliasMeaning::Umbrella, "umbrella"),
    (AliasMeaning::Part, "part"),
    (AliasMeaning::Overlaps, "overlaps"),
];
const KINDS: [(ItemKind, &str); 3] =
    [(ItemKind::Technique, "technique"), (ItemKind::Tool, "tool"), (ItemKind::Malware, "malware")];

/// Writes knowledge as a profile; what is read back is the same value if it is normalised.
pub fn write(knowledge: &Knowledge) -> String {
    let mut out = format!("{FIRST}\n");
    let month = |m: Option<Month>| m.map_or_else(|| "-".to_owned(), |m| m.to_string());
    // Writing to a String cannot fail.
    for notice in &knowledge.notices {
        let _ = writeln!(out, "notice\t{}", tidy(notice));
    }
    let _ = writeln!(out, "as-of\t{}", month(knowledge.as_of));
    for a in &knowledge.actors {
        let _ = writeln!(out, "actor\t{}\t{}\t{}", a.id, a.nation.as_deref().unwrap_or("-"), tidy(&a.name));
        for s in &a.aliases {
            let meaning = MEANINGS.iter().find(|m| m.0 == s.meaning).map_or("same", |m| m.1);
            let _ = writeln!(
                out,
                "alias\t{}\t{meaning}\t{}\t{}\t{}\t{}\t{}",
                a.id,
                s.weight,
                tidy(&s.source),
                month(s.from),
                month(s.to),
                tidy(&s.name)
            );
        }
    }
    for i in &knowledge.items {
        let kind = KINDS.iter().find(|k| k.0 == i.kind).map_or("technique", |k| k.1);
        let _ = writeln!(out, "item\t{}\t{kind}\t{}", i.id, tidy(&i.name));
    }
    for a in &knowledge.accounts {
        let report = if a.report.is_empty() { "-".to_owned() } else { tidy(&a.report) };
        let _ = writeln!(out, "account\t{}\t{}\t{report}\t{}", a.actor, month(a.date), a.items.join(" "));
    }
    for m in &knowledge.marks {
        let report = if m.report.is_empty() { "-".to_owned() } else { tidy(&m.report) };
        let (from, to) = (month(m.from), month(m.to));
        let _ = writeln!(out, "mark\t{}\t{from}\t{to}\t{report}\t{}", m.of, m.observable);
    }
    out
}

pub(super) fn read(text: &str, to: &mut Sink) {
    let mut facts = 0usize;
    for (n, line) in text.lines().enumerate().skip(1) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        facts += 1;
        if facts > MAX_OBJECTS {
            to.say(ProblemCode::Limit, format!("more than {MAX_OBJECTS} facts; the rest was not read"));
            break;
        }
        if fact(line, to).is_none() {
            to.say(ProblemCode::DamagedRecord, format!("line {} is no fact of an actor profile", n + 1));
        }
    }
}

/// Takes in one line; `None` if it is not understood.
fn fact(line: &str, to: &mut Sink) -> Option<()> {
    let fields: Vec<&str> = line.splitn(9, '\t').collect();
    let month = |m: &str| if m == "-" { Some(None) } else { Month::parse(m).map(Some) };
    let name = |t: &str| Some(tidy(t)).filter(|t| !t.is_empty());
    let k = &mut to.knowledge;
    match fields.as_slice() {
        ["notice", text] => k.notices.push(name(text)?),
        ["as-of", m] => k.as_of = month(m)?,
        ["actor", id, nation, called] => k.actors.push(Actor {
            id: name(id)?,
            name: name(called)?,
            nation: match *nation {
                "-" => None,
                n if n.len() == 2 && n.bytes().all(|b| b.is_ascii_uppercase()) => Some(n.to_owned()),
                _ => return None,
            },
            aliases: Vec::new(),
        }),
        ["alias", id, meaning, weight, source, from, till, called] => {
            let alias = Alias {
                name: name(called)?,
                source: name(source)?,
                from: month(from)?,
                to: month(till)?,
                meaning: MEANINGS.iter().find(|m| m.1 == *meaning)?.0,
                weight: weight.parse().ok().filter(|w| (0.0..=1.0).contains(w))?,
            };
            // An actor's names stand behind it.
            k.actors.last_mut().filter(|a| a.id == *id)?.aliases.push(alias);
        }
        ["item", id, kind, called] => k.items.push(Item {
            id: Some(id).filter(|id| is_item(id))?.to_string(),
            kind: KINDS.iter().find(|t| t.1 == *kind)?.0,
            name: name(called)?,
        }),
        ["account", actor, m, report, items] => k.accounts.push(Account {
            actor: name(actor)?,
            date: month(m)?,
            report: if *report == "-" { String::new() } else { name(report)? },
            items: items.split(' ').filter(|i| is_item(i)).map(str::to_owned).collect(),
        }),
        ["mark", of, from, till, report, thing] => k.marks.push(Mark {
            of: name(of)?,
            report: if *report == "-" { String::new() } else { name(report)? },
            from: month(from)?,
            to: month(till)?,
            // A tab or a line end in it would not come back: then it is no line of this form.
            observable: Observable::typed(thing)?,
        }),
        _ => return None,
    }
    Some(())
}
