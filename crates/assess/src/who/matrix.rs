//! Analysis of competing hypotheses, and what it would take to change our mind.
//!
//! R. Heuer, "Psychology of Intelligence Analysis" (1999), chapter 8: evidence in rows, hypotheses in columns; what
//! fits every hypothesis decides nothing; the best hypothesis is the one with the least against it.

use palisade_model::{IncidentReport, Weight};

use super::{Answer, Assessment, Settings, View, assess};

/// Hypotheses in the matrix, likeliest first; somebody unknown comes last.
const COLUMNS: usize = 5;
/// Strongest items tried in pairs.
const PAIRED: usize = 8;
/// Most items taken away one after another.
const MOST: usize = 12;

/// One piece of evidence against all hypotheses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Item or artefact.
    pub item: String,
    /// Its class.
    pub class: String,
    /// Its term under each hypothesis, less the mean of the row: what it says of one against the others.
    pub cells: Vec<Weight>,
    /// Greatest less least cell: rows near 0 decide nothing.
    pub diagnosticity: Weight,
}

impl Row {
    /// `++`, `+`, `0`, `-` or `--` of a cell: from half a nat and from one and a half on.
    pub fn symbol(cell: Weight) -> &'static str {
        match cell.nats() {
            c if c >= 1.5 => "++",
            c if c >= 0.5 => "+",
            c if c <= -1.5 => "--",
            c if c <= -0.5 => "-",
            _ => "0",
        }
    }
}

/// Evidence against hypotheses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Matrix {
    /// Ids of actors, then `unknown`.
    pub hypotheses: Vec<String>,
    /// Evidence, most diagnostic first.
    pub rows: Vec<Row>,
    /// Per hypothesis the sum of its negative cells, as a positive weight.
    pub inconsistency: Vec<Weight>,
    /// Indices of `hypotheses`, least inconsistent first.
    pub ranking: Vec<usize>,
}

/// The matrix of an assessment that was made with reasons.
pub fn matrix(assessment: &Assessment) -> Matrix {
    let columns: Vec<_> = assessment.candidates.iter().take(COLUMNS).collect();
    let mut m =
        Matrix { hypotheses: columns.iter().map(|c| c.actor.id.clone()).collect(), ..Matrix::default() };
    m.hypotheses.push("unknown".to_owned());
    let Some(first) = columns.first() else { return m };
    for (at, reason) in first.reasons.iter().enumerate().filter(|(_, r)| r.class != "prior") {
        // To somebody unknown every item is as likely as to anybody: 0.
        let mut cells: Vec<i64> =
            columns.iter().filter_map(|c| c.reasons.get(at)).map(|r| r.weight.0).collect();
        cells.push(0);
        let mean = cells.iter().sum::<i64>() / cells.len() as i64;
        let spread = cells.iter().max().copied().unwrap_or(0) - cells.iter().min().copied().unwrap_or(0);
        m.rows.push(Row {
            item: reason.item.clone(),
            class: reason.class.clone(),
            cells: cells.into_iter().map(|c| Weight(c - mean)).collect(),
            diagnosticity: Weight(spread),
        });
    }
    m.rows.sort_by(|a, b| {
        b.diagnosticity.cmp(&a.diagnosticity).then_with(|| (&a.item, &a.class).cmp(&(&b.item, &b.class)))
    });
    let against =
        |h: usize| m.rows.iter().filter_map(|r| r.cells.get(h)).map(|c| Weight((-c.0).max(0))).sum();
    m.inconsistency = (0..m.hypotheses.len()).map(against).collect();
    m.ranking = (0..m.hypotheses.len()).collect();
    m.ranking.sort_by_key(|h| (m.inconsistency[*h], *h));
    m
}

/// Items without which another known actor is likeliest, as few as were found; empty if taking the strongest away one
/// after another changes nothing. One item and pairs of the strongest are tried in full, larger sets greedily.
pub fn counterfactual(
    view: &View<'_>,
    settings: &Settings,
    incident: &IncidentReport,
    made: &Assessment,
) -> Vec<String> {
    let [first, second, ..] = made.candidates.as_slice() else { return Vec::new() };
    let other = |a: &Assessment| a.candidates.first().is_none_or(|c| c.actor.id != first.actor.id);
    let against = second.reasons.iter().map(|r| r.weight.0).collect();
    fewest(view, &Settings { floor: 0, ..settings.clone() }, incident, made, against, &other)
}

/// Items without which nobody is named any more, neither group nor state, as few as were found; empty where nobody is named
/// now.
pub fn unnamed_without(
    view: &View<'_>,
    settings: &Settings,
    incident: &IncidentReport,
    made: &Assessment,
) -> Vec<String> {
    let named = |a: &Assessment| matches!(a.answer, Answer::Group | Answer::StateOnly);
    if !named(made) {
        return Vec::new();
    }
    fewest(view, settings, incident, made, Vec::new(), &|a| !named(a))
}

/// As few items as were found without which `changed` holds. Those are tried that speak most for the likeliest, less what they
/// are worth to another (`against`, by place).
fn fewest(
    view: &View<'_>,
    settings: &Settings,
    incident: &IncidentReport,
    made: &Assessment,
    against: Vec<i64>,
    changed: &dyn Fn(&Assessment) -> bool,
) -> Vec<String> {
    let Some(first) = made.candidates.first() else { return Vec::new() };
    let against = against.into_iter().chain(std::iter::repeat(0));
    let mut gains: Vec<(i64, &str)> = first
        .reasons
        .iter()
        .zip(against)
        .filter(|(r, _)| r.class != "prior")
        .map(|(a, b)| (a.weight.0 - b, a.item.as_str()))
        .filter(|g| g.0 > 0)
        .collect();
    gains.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let changes = |gone: &[&str]| -> bool {
        let keep = |i: &&String| !gone.contains(&i.as_str());
        let rest = IncidentReport {
            techniques: incident.techniques.iter().filter(keep).cloned().collect(),
            software: incident.software.iter().filter(keep).cloned().collect(),
            artefacts: incident
                .artefacts
                .iter()
                .filter(|a| !gone.contains(&a.name.as_str()))
                .cloned()
                .collect(),
            ..incident.clone()
        };
        changed(&assess(view, settings, &rest, false))
    };
    let items: Vec<&str> = gains.iter().map(|g| g.1).take(MOST).collect();
    for item in &items {
        if changes(&[item]) {
            return vec![(*item).to_owned()];
        }
    }
    for (n, a) in items.iter().enumerate().take(PAIRED) {
        for b in items.iter().take(n) {
            if changes(&[a, b]) {
                return vec![(*b).to_owned(), (*a).to_owned()];
            }
        }
    }
    (3..=items.len())
        .find(|n| changes(&items[..*n]))
        .map_or_else(Vec::new, |n| items[..n].iter().map(|i| (*i).to_owned()).collect())
}
